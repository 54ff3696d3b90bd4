/* options_key.h - the daemon's own keys, one row each. Private to options*.c and config.c. */
#ifndef LIVE_OPTIONS_KEY_H
#define LIVE_OPTIONS_KEY_H

#include <glib.h>

#include "options.h"

typedef struct LiveKey LiveKey;

struct LiveKey {
    const char *name;
    const char *redis; /* Redis's name, where it is another; or NULL */
    const char *group; /* heading in manuals */
    bool list;         /* takes several words */
    bool live;         /* may be changed while the node runs */
    const char *form;  /* how a word is written */
    const char *doc;
    /* Takes one word. NULL, or why not, owned by the caller: it follows the word in a message.
     */
    char *(*take)(const LiveKey *key, LiveOptions *options, const char *word);
    /* All its words as they could be given again, with spaces between; owned by the caller. */
    char *(*show)(const LiveKey *key, const LiveOptions *options);
    size_t offset;            /* of the field, for rows that share a `take` */
    const char *const *words; /* where one of few is taken; ends with NULL */
};

/* Row number `index`, or NULL past the last. */
const LiveKey *live_key_at(size_t index);
/* By name or Redis's name; underscores count as dashes. */
const LiveKey *live_key_find(const char *name);
/* Puts back what a list held, before its words are taken anew. */
void live_key_begin(const LiveKey *key, LiveOptions *options);

/* options_value.c: how words become values, and back. */
char *live_take_port(const LiveKey *key, LiveOptions *options, const char *word);
char *live_show_port(const LiveKey *key, const LiveOptions *options);
char *live_take_text(const LiveKey *key, LiveOptions *options, const char *word);
char *live_show_text(const LiveKey *key, const LiveOptions *options);
char *live_take_word(const LiveKey *key, LiveOptions *options, const char *word);
char *live_show_word(const LiveKey *key, const LiveOptions *options);
char *live_take_only(const LiveKey *key, LiveOptions *options, const char *word);
char *live_show_only(const LiveKey *key, const LiveOptions *options);
char *live_take_yes_no(const LiveKey *key, LiveOptions *options, const char *word);
char *live_show_yes_no(const LiveKey *key, const LiveOptions *options);
char *live_take_seconds(const LiveKey *key, LiveOptions *options, const char *word);
char *live_show_seconds(const LiveKey *key, const LiveOptions *options);
char *live_take_count(const LiveKey *key, LiveOptions *options, const char *word);
char *live_show_count(const LiveKey *key, const LiveOptions *options);
char *live_take_id(const LiveKey *key, LiveOptions *options, const char *word);
char *live_show_id(const LiveKey *key, const LiveOptions *options);
char *live_take_bind(const LiveKey *key, LiveOptions *options, const char *word);
char *live_show_bind(const LiveKey *key, const LiveOptions *options);
char *live_take_announce_ip(const LiveKey *key, LiveOptions *options, const char *word);
char *live_show_announce_ip(const LiveKey *key, const LiveOptions *options);
char *live_take_seed(const LiveKey *key, LiveOptions *options, const char *word);
char *live_show_seeds(const LiveKey *key, const LiveOptions *options);
char *live_take_slots(const LiveKey *key, LiveOptions *options, const char *word);
char *live_show_slots(const LiveKey *key, const LiveOptions *options);
char *live_take_replica_of(const LiveKey *key, LiveOptions *options, const char *word);
char *live_take_random_seed(const LiveKey *key, LiveOptions *options, const char *word);
char *live_show_random_seed(const LiveKey *key, const LiveOptions *options);
char *live_take_output(const LiveKey *key, LiveOptions *options, const char *word);
char *live_show_output(const LiveKey *key, const LiveOptions *options);

#endif
