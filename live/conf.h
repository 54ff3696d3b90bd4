/* conf.h - the daemon's configuration through its life: read at the start, shown, changed by
 * CONFIG SET, read anew by SIGHUP, written back by CONFIG REWRITE.
 *
 *     file, command line, CONFIG SET --> options --> prepare() --> changed()
 *                                          |            `-- not possible: all stays as it was
 *                                          `-- something is wrong: all stays as it was
 *
 * Whatever wants other values makes new options of all layers and puts them in place of the old
 * ones, all at once or not at all. What is fixed while a node runs keeps its value.
 */
#ifndef LIVE_CONF_H
#define LIVE_CONF_H

#include <orrery/resp.h>

#include "options.h"

#define LIVE_CONF_FILE_MAX (1u << 20) /* bytes of a configuration file */

typedef struct LiveConf LiveConf;

typedef enum LiveConfResult {
    LIVE_CONF_RUN,
    LIVE_CONF_DONE,    /* --help, --explain and --version have said all there is to say */
    LIVE_CONF_USAGE,   /* wrong on the command line */
    LIVE_CONF_BAD,     /* wrong in the file */
    LIVE_CONF_NO_FILE, /* it cannot be read */
} LiveConfResult;

typedef struct LiveConfHandlers {
    /* Gets ready what `next` wants and may fail. NULL, or why not, owned by the caller. */
    char *(*prepare)(void *user, const LiveOptions *next);
    /* `now` counts; `before` goes away after this call. */
    void (*changed)(void *user, const LiveOptions *before, const LiveOptions *now);
} LiveConfHandlers;

/* Problems go to the standard error; NULL unless *result is RUN. The words are lent for the
 * life of the process. */
LiveConf *live_conf_new(int argc, char **argv, LiveConfResult *result);
void live_conf_free(LiveConf *conf);
void live_conf_watch(LiveConf *conf, const LiveConfHandlers *handlers, void *user);
/* Lent until the next change. */
const LiveOptions *live_conf_options(const LiveConf *conf);

/* Reads the file anew; what CONFIG SET changed and did not write back is forgotten. Errors, and
 * what takes a restart, go to the log. */
void live_conf_reload(LiveConf *conf);
/* NULL: done; otherwise why not, as Redis words it, owned by the caller. */
char *live_conf_set(LiveConf *conf, const LivePair *pairs, size_t count);
char *live_conf_rewrite(LiveConf *conf);
/* Answers CONFIG GET, SET, REWRITE; args[0] is "config". */
void live_conf_command(LiveConf *conf, const OrrBytes *args, size_t arg_count, OrrReply *reply);

#endif
