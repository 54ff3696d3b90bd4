/* options.h - how one daemon is set up: a YAML file, `--key value`s, or both; the latter win.
 *
 *     orreryd node.yaml --port 7001 --seeds 127.0.0.1:7002 127.0.0.1:7003
 *
 *     defaults <- file <- command line <- CONFIG SET        each layer wins over those before
 *
 * Keys are the daemon's own (port, dir, seeds, slots, ...) and all settings of a node, by the
 * table in config/. In a file a list is a YAML list or words in one text; on the command line
 * all words up to the next `--key`. What is wrong is told with file, line and column.
 *
 * Options are read all at once from their layers and never changed afterwards: whoever wants
 * others reads new ones (config.h does, for CONFIG SET and reloads).
 */
#ifndef LIVE_OPTIONS_H
#define LIVE_OPTIONS_H

#include <orrery/settings.h>
#include <problems.h>
#include <stdio.h>

#include "log.h"

#define LIVE_SEEDS_MAX 64u
#define LIVE_SLOT_RANGES_MAX 1024u

/* Clients by what they do, each with a bound for replies that they do not take. */
typedef enum LiveClientClass {
    LIVE_CLASS_NORMAL,
    LIVE_CLASS_REPLICA, /* none is a client here: Redis's name is taken and kept */
    LIVE_CLASS_PUBSUB,
    LIVE_CLASSES,
} LiveClientClass;

typedef struct LiveOutputLimit {
    size_t hard; /* bytes waiting: closed at once; 0: none */
    size_t soft; /* bytes waiting for soft_ns: closed; 0: none */
    OrrTime soft_ns;
} LiveOutputLimit;

typedef enum LiveTlsClients {
    LIVE_TLS_CLIENTS_NO,       /* no certificate is asked for */
    LIVE_TLS_CLIENTS_OPTIONAL, /* one that is shown must be good */
    LIVE_TLS_CLIENTS_YES,      /* without a good one nobody gets in */
} LiveTlsClients;

typedef struct LiveTlsOptions {
    uint16_t port; /* 0: none */
    char *cert_file;
    char *key_file;
    char *ca_file;
    LiveTlsClients clients;
    bool cluster; /* connections between nodes, too */
} LiveTlsOptions;

typedef struct LiveOptions {
    OrrNodeConfig node; /* its arrays are seeds and slots below */
    OrrAddress bind;    /* ip to listen on, port for clients */
    uint16_t bus_port;
    char *directory;
    LiveLogLevel log_level;
    char *log_file;        /* NULL: the standard output */
    uint16_t metrics_port; /* 0: none */
    char *link_filter;     /* for tests; NULL: none */
    uint32_t keepalive_s;  /* 0: none */
    uint32_t backlog;      /* connections waiting to be accepted */
    LiveOutputLimit output[LIVE_CLASSES];
    unsigned output_word; /* while words are read: how many of a limit's four there were */
    LiveClientClass output_class; /* and the first of them */
    LiveTlsOptions tls;
    char *bus_key_file; /* NULL: none */
    OrrAddress announce;
    bool announced;
    bool seed_given;            /* the chance of the node is a layer's word */
    bool file_bad;              /* what is wrong is in the file */
    uint16_t announce_port;     /* 0: port */
    uint16_t announce_bus_port; /* 0: bus_port */
    char *ignored[4];           /* words of Redis that are taken and do nothing */
    OrrAddress seeds[LIVE_SEEDS_MAX];
    OrrSlotRange slots[LIVE_SLOT_RANGES_MAX];
} LiveOptions;

/* One `name value` said at run time. */
typedef struct LivePair {
    char *name;
    char *value;
} LivePair;

typedef struct LiveLayers {
    const char *file; /* its name, or NULL: none */
    const char *text; /* what it holds */
    size_t text_size;
    int word_count; /* of the command line, after the file */
    char **words;
    const LivePair *pairs;
    size_t pair_count;
} LiveLayers;

/* Reads layers into new options, owned by the caller; what is wrong goes to `problems`, and the
 * options are then to be freed only. `before` are those of this process until now, or NULL: the
 * chance of the node and its bus key, which are drawn and read once, are theirs. */
LiveOptions *live_options_new(const LiveLayers *layers, const LiveOptions *before,
                              ConfigProblems *problems);
void live_options_free(LiveOptions *options);

/* What --help and --explain print: all keys, or what `key` is (NULL: all of them). False: there
 * is no such key. */
void live_options_help(FILE *out);
bool live_options_explain(const char *key, FILE *out);
/* "; did you mean `x`?" or where to look; owned by the caller. */
char *live_options_hint(const char *name);

#endif
