/* options.h - how one daemon is set up: a YAML file, `--key value`s, or both; the latter win.
 *
 *     orreryd node.yaml --port 7001 --seeds 127.0.0.1:7002 127.0.0.1:7003
 *
 * Keys are the daemon's own (port, dir, seeds, slots, ...) and all settings of a node, by the
 * table in config/. In a file a list is a YAML list or words in one text; on the command line
 * all words up to the next `--key`. What is wrong is told with file, line and column.
 */
#ifndef LIVE_OPTIONS_H
#define LIVE_OPTIONS_H

#include <orrery/settings.h>
#include <stdio.h>

#include "log.h"

#define LIVE_SEEDS_MAX 64u
#define LIVE_SLOT_RANGES_MAX 1024u

typedef struct LiveOptions {
    OrrNodeConfig node; /* its arrays are seeds and slots below */
    OrrAddress bind;    /* ip to listen on, port for clients */
    char *directory;
    LiveLogLevel log_level;
    char *log_file;        /* NULL: the standard output */
    uint16_t metrics_port; /* 0: none */
    char *link_filter;     /* for tests; NULL: none */
    OrrAddress seeds[LIVE_SEEDS_MAX];
    OrrSlotRange slots[LIVE_SLOT_RANGES_MAX];
} LiveOptions;

typedef enum LiveOptionsResult {
    LIVE_OPTIONS_RUN,
    LIVE_OPTIONS_DONE,    /* --help, --explain and --version have said all there is to say */
    LIVE_OPTIONS_USAGE,   /* wrong on the command line */
    LIVE_OPTIONS_BAD,     /* wrong in the file */
    LIVE_OPTIONS_NO_FILE, /* it cannot be read */
} LiveOptionsResult;

/* Problems go to the standard error. */
LiveOptionsResult live_options_read(int argc, char **argv, LiveOptions *options);
void live_options_clear(LiveOptions *options);
/* What --help and --explain print: all keys, or what `key` is. False: there is no such key. */
void live_options_help(FILE *out);
bool live_options_explain(const char *key, FILE *out);

#endif
