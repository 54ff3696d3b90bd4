/* conf_private.h - what the files of the configuration share. Private to conf*.c. */
#ifndef LIVE_CONF_PRIVATE_H
#define LIVE_CONF_PRIVATE_H

#include <setting.h>

#include "conf.h"
#include "options_key.h"

struct LiveConf {
    char *path; /* of the file, absolute; NULL: none */
    char *name; /* as it was given */
    char *text;
    size_t text_size;
    int word_count;
    char **words;
    GArray *pairs; /* of LivePair, said by CONFIG SET */
    LiveOptions *options;
    LiveConfHandlers handlers;
    void *user;
};

/* A row of either table. */
typedef struct LiveRow {
    const LiveKey *key;           /* or NULL */
    const ConfigSetting *setting; /* or NULL */
} LiveRow;

/* Row number `index`; false past the last. */
bool live_row_at(size_t index, LiveRow *row);
bool live_row_find(const char *name, LiveRow *row);
bool live_row_is_fixed(LiveRow row);
const char *live_row_name(LiveRow row);
/* Redis's name where it is another, or NULL. */
const char *live_row_redis(LiveRow row);
/* The value as it is written in a file, with a unit; owned by the caller. */
char *live_row_text(LiveRow row, const LiveOptions *options);
/* The value as clients are shown it under `name`, Redis's way under Redis's names; owned by the
 * caller. */
char *live_row_show(LiveRow row, const char *name, const LiveOptions *options);

/* The layers of `conf` with these pairs, of which `text` is the file. */
LiveLayers live_conf_layers(const LiveConf *conf, const GArray *pairs);
void live_pairs_add(GArray *pairs, const char *name, const char *value);
GArray *live_pairs_new(void);

#endif
