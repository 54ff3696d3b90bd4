/* scenario.h - a scenario file, read, checked and typed: everything that a run needs to know.
 *
 *     file --yaml--> tree --overrides--> tree --grammar--> SimScenario --> sim_run()
 *
 * The reader collects every problem it finds before it gives up, so a person repairs a file
 * once. What it returns is complete: names are resolved to indices, times lie inside of the
 * run, settings are within their ranges, and sentences of later versions have been refused.
 *
 * Memory: a scenario owns all it points to, until sim_scenario_free(). Threads: read-only, so
 * any number. Units: times ns, ratios ppm, sizes bytes, rates per 1,000,000 s.
 */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include <glib.h>
#include <stdio.h>

#include "sentence.h"

#define SIM_NONE UINT32_MAX /* instead of an index */

#define SIM_NODES_MAX 4096u
#define SIM_CLIENTS_MAX 100000u
#define SIM_TIMELINE_MAX 10000u

typedef struct SimNodeSpec {
    const char *name;
    unsigned shard;   /* index, or SIM_NONE: witness, spare */
    unsigned site;    /* index, or SIM_NONE */
    unsigned cluster; /* index; 0 where there is one only */
    OrrRole role;     /* at the start */
    bool spare;       /* not started, in no member list: waits for `join` */
    uint32_t weight;  /* for the dealing of slots; 100 is usual */
    OrrSettings settings;
    SimWhere where;
} SimNodeSpec;

typedef struct SimShardSpec {
    const char *name;
    unsigned cluster;
    unsigned primary;      /* index of the node that begins as its primary */
    const unsigned *nodes; /* primary first */
    unsigned node_count;
    uint32_t weight;
    SimWhere where;
} SimShardSpec;

/* A named group of nodes and clients: a site, a zone, a hub. */
typedef struct SimSiteSpec {
    const char *name;
    const unsigned *nodes;
    unsigned node_count;
    SimWhere where;
} SimSiteSpec;

typedef struct SimClusterSpec {
    const char *name;
    const unsigned *nodes;
    unsigned node_count;
} SimClusterSpec;

typedef enum SimDeal {
    SIM_DEAL_EVEN,    /* even ranges, in order of the shards */
    SIM_DEAL_WEIGHTS, /* ranges in proportion to the weights */
    SIM_DEAL_RING,    /* by the ring of 160 points a node */
} SimDeal;

/* What a link does; `given` says which of these the line states. */
enum {
    SIM_LINK_LATENCY = 1u << 0,
    SIM_LINK_LOSS = 1u << 1,
    SIM_LINK_DUPLICATE = 1u << 2,
    SIM_LINK_REORDER = 1u << 3,
    SIM_LINK_CORRUPT = 1u << 4,
    SIM_LINK_BANDWIDTH = 1u << 5,
    SIM_LINK_QUEUE = 1u << 6,
};

typedef struct SimLinkSpec {
    unsigned given;
    SimDist latency; /* one way, ns */
    uint32_t loss_ppm;
    uint32_t duplicate_ppm;
    uint32_t reorder_ppm;
    uint32_t corrupt_ppm;
    int64_t bandwidth; /* bytes/s; 0: no limit */
    int64_t queue;     /* bytes that wait for the link at most */
} SimLinkSpec;

/* The most specific rule wins, property by property: node pair over site pair over group over
 * default; among equals the later line. `rank` orders them, the higher wins. */
typedef struct SimLinkRule {
    const SimTarget *from; /* NULL: anybody */
    const SimTarget *to;   /* NULL: anybody */
    SimDirection direction;
    bool clients; /* between clients and nodes; otherwise between nodes */
    unsigned rank;
    SimLinkSpec link;
    SimWhere where;
} SimLinkRule;

typedef struct SimClockRule {
    const SimTarget *who; /* NULL: the default */
    bool has_skew;
    bool has_drift;
    SimDist skew;  /* of the wall clock at the start, ns */
    SimDist drift; /* of both clocks, ppm */
    unsigned rank;
    SimWhere where;
} SimClockRule;

enum {
    SIM_DISKRULE_SYNC = 1u << 0,
    SIM_DISKRULE_TORN = 1u << 1,
    SIM_DISKRULE_BITROT = 1u << 2,
    SIM_DISKRULE_SIZE = 1u << 3,
    SIM_DISKRULE_BANDWIDTH = 1u << 4,
};

typedef struct SimDiskSpec {
    const SimTarget *who; /* NULL: the default */
    unsigned given;
    SimDist sync;        /* one sync takes so long, ns */
    uint32_t torn_ppm;   /* an unsynced write is torn, rather than absent, after a power cut */
    uint32_t bitrot_ppm; /* a file read at boot has one bit wrong */
    int64_t size;        /* bytes; 0: no limit */
    int64_t bandwidth;   /* bytes/s; 0: no limit */
    unsigned rank;
    SimWhere where;
} SimDiskSpec;

typedef enum SimKeys {
    SIM_KEYS_UNIFORM, /* of key_count keys */
    SIM_KEYS_ZIPF,    /* of key_count keys with exponent zipf_ppm */
    SIM_KEYS_UNIQUE,  /* a new key for every write; reads ask for keys written before */
    SIM_KEYS_ONE,     /* always the same */
} SimKeys;

typedef struct SimFleet {
    const char *name;
    uint32_t clients;    /* each a client of its own, with its own map and connections */
    const SimTarget *at; /* site where they sit, or nodes they are attached to; NULL: nowhere */
    bool attached;       /* dealt in turn over the nodes of `at`; each uses that node only */
    bool pinned;         /* attached, and follow no redirection to other nodes */
    int64_t rate;   /* open loop: operations of the whole fleet, per 1,000,000 s; 0: closed loop
                     */
    bool per_shard; /* `rate` is per shard */
    SimDist think;  /* closed loop: pause between operations, ns */
    uint32_t workers; /* closed loop: operations that one client has under way at most */
    SimKeys keys;
    uint32_t key_count;
    uint32_t zipf_ppm;
    uint32_t hot_ppm;             /* this share of operations asks for one and the same key */
    const SimTarget *hot_on;      /* that key is of a slot dealt to this node; NULL: any */
    const SimTarget *keys_of;     /* keys of these shards only; NULL: all */
    uint32_t mix[SIM_OPERATIONS]; /* weights */
    OrrTime timeout_ns;
    uint32_t retries;       /* after a failure, with back-off and jitter, inside of `timeout` */
    int64_t value_size;     /* bytes */
    uint32_t fields;        /* of a hash */
    uint64_t preload;       /* keys written before time 0 */
    uint64_t limit;         /* operations after which it stops; 0: never */
    SimDist ttl;            /* of written keys, ns; 0: none */
    bool read_replicas;     /* READONLY */
    bool stale_map;         /* never refreshes its map by itself */
    uint32_t pipeline;      /* operations sent together */
    uint32_t wait_replicas; /* WAIT after each write; 0: none */
    OrrTime wait_ns;
    unsigned store; /* index: a miss is fetched there and set; SIM_NONE: none */
    OrrTime from_ns;
    OrrTime to_ns; /* ORR_NEVER: to the end */
    SimWhere where;
} SimFleet;

/* Where the truth behind a cache is kept. */
typedef struct SimStoreSpec {
    const char *name;
    int64_t capacity; /* fetches per 1,000,000 s; 0: no limit */
    SimDist latency;  /* ns */
    uint32_t queue;   /* fetches that wait at most; more are refused */
    SimWhere where;
} SimStoreSpec;

/* When a command is given. */
typedef struct SimWhen {
    OrrTime at_ns;     /* first time; unused with a trigger */
    OrrTime jitter_ns; /* drawn from -jitter to +jitter, added; for every target on its own */
    OrrTime until_ns;  /* repeats: last time at most; 0: no repeat */
    OrrTime step_ns;
    bool triggered;
    bool once;           /* only the first time that the trigger holds */
    SimSentence trigger; /* SIM_TRIGGER_* or SIM_TRIGGER_CHECK */
    SimSentence check;   /* with SIM_TRIGGER_CHECK: the state that becomes true */
    OrrTime delay_ns;    /* from the trigger to the command */
} SimWhen;

typedef struct SimAction {
    const char *name; /* `as NAME`, or NULL */
    SimWhen when;
    SimSentence command;
    SimSentence check; /* with SIM_COMMAND_EXPECT */
    bool undone;       /* `for` was given: undone after a time drawn from it */
    SimDist duration;
    SimWhere where;
    const char *text; /* the line, "20s: kill n1", blanks made single */
} SimAction;

typedef struct SimChaosLine {
    uint32_t weight;
    SimSentence command;
    bool undone;
    SimDist duration;
    const char *text;
} SimChaosLine;

typedef struct SimChaos {
    bool given;
    OrrTime from_ns;
    OrrTime to_ns;
    SimDist every;    /* ns between two faults */
    bool keep_quorum; /* never more struck at once than a majority of voters can spare */
    bool swarm;       /* each seed first draws a subset of the lines */
    const SimChaosLine *lines;
    unsigned line_count;
} SimChaos;

typedef struct SimSettle {
    bool given;
    OrrTime at_ns;                   /* everything is healed, started and resumed then ... */
    const SimSentence *leave_broken; /* ... except this: commands, carried out again */
    unsigned leave_count;
    bool leave_down; /* processes that were killed and not restarted stay down */
} SimSettle;

typedef enum SimSection {
    SIM_SECTION_ALWAYS,
    SIM_SECTION_EVENTUALLY,
    SIM_SECTION_FINALLY,
} SimSection;

typedef struct SimExpectation {
    SimSection section;
    SimSentence check;
    /* eventually: must hold at `since` + `within` at the latest, and from then on until the
     * next fault after that, or just once with `once` */
    SimMoment since;
    OrrTime within_ns;
    bool once;
    const char *condition; /* "voters all", or NULL */
    bool applies;          /* the condition holds in the scenario as it is set now */
    bool safety;           /* failing it is exit code 1; otherwise 3 */
    SimWhere where;
    const char *text; /* "within 5s of settle: all views agree" */
} SimExpectation;

/* How to bring a naive variant back, and what must then fail. */
typedef struct SimNaive {
    const char *const *sets; /* "coordination=lowest-id", for --set */
    unsigned set_count;
    const char *const *plants; /* names, for --plant */
    unsigned plant_count;
    const char *fails; /* text of an expectation, compared with blanks made single */
    const char *text;
    SimWhere where;
} SimNaive;

typedef enum SimStop {
    SIM_STOP_FIRST_FAILURE,
    SIM_STOP_ALL_SEEDS,
} SimStop;

typedef struct SimReportSpec {
    bool given;
    bool history; /* every client operation, JSON Lines, with -o */
    bool trace;
    OrrTime strip_from_ns; /* the strips show this part; 0 to run if not said */
    OrrTime strip_to_ns;
} SimReportSpec;

typedef struct SimScenario {
    const char *path;
    const char *name;
    const char *source; /* texts of the file, or NULL */
    const char *shows;
    const char *holds;
    uint64_t seed_first;
    uint64_t seed_last;
    OrrTime run_ns;
    SimStop stop;

    const SimNodeSpec *nodes;
    unsigned node_count;
    const SimShardSpec *shards;
    unsigned shard_count;
    const SimSiteSpec *sites;
    unsigned site_count;
    const SimClusterSpec *clusters; /* at least one */
    unsigned cluster_count;
    SimDeal deal;
    OrrSettings settings; /* what nodes have unless they have their own */
    bool formed; /* nodes know each other at time 0; false: only seeds, and MEET does it */

    const SimLinkRule *links;
    unsigned link_count;
    const SimClockRule *clocks;
    unsigned clock_count;
    const SimDiskSpec *disks;
    unsigned disk_count;
    const SimStoreSpec *stores;
    unsigned store_count;
    const SimFleet *fleets;
    unsigned fleet_count;

    const SimAction *timeline; /* in the order of the file */
    unsigned action_count;
    SimChaos chaos;
    SimSettle settle;
    const SimExpectation *expectations; /* always, then eventually, then finally */
    unsigned expectation_count;
    const SimNaive *naives;
    unsigned naive_count;
    SimReportSpec report;

    GPtrArray *owned; /* memory of all the above */
} SimScenario;

/* What the command line adds to a file. */
typedef struct SimOverrides {
    const char *const *sets; /* "key=value" */
    unsigned set_count;
    const char *const *plants; /* names of plant.h */
    unsigned plant_count;
} SimOverrides;

/* Reads `path`. NULL after problems, which are then written to `err`, all of them, each with
 * file:line:column, the line and a caret (coloured if asked); *exit_code is then 65 (bad
 * scenario), 66 (no such file) or 74 (I/O). Overrides may be NULL. */
SimScenario *sim_scenario_load(const char *path, const SimOverrides *overrides, FILE *err,
                               bool color, int *exit_code);
/* The same from memory; `name` stands for the path in messages. */
SimScenario *sim_scenario_parse(const char *name, const char *text, size_t size,
                                const SimOverrides *overrides, FILE *err, bool color,
                                int *exit_code);
void sim_scenario_free(SimScenario *scenario);

#endif
