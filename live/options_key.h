/* options_key.h - the daemon's own keys, one row each. Private to options*.c. */
#ifndef LIVE_OPTIONS_KEY_H
#define LIVE_OPTIONS_KEY_H

#include <glib.h>

#include "options.h"

/* While options are read; what is left out is filled in at the end. */
typedef struct LiveDraft {
    LiveOptions *options;
    OrrAddress announce;
    bool announced;
    unsigned bus_port;
} LiveDraft;

typedef struct LiveKey {
    const char *name;
    const char *alias; /* Redis's name, or NULL */
    bool list;         /* takes several words */
    const char *form;  /* how a word is written */
    const char *doc;
    /* Takes one word. NULL, or why not, owned by the caller: it follows the word in a message.
     */
    char *(*take)(LiveDraft *draft, const char *word);
} LiveKey;

/* Row number `index`, or NULL past the last. */
const LiveKey *live_key_at(size_t index);
/* By name or alias; underscores count as dashes. */
const LiveKey *live_key_find(const char *name);

#endif
