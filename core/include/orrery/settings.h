/* settings.h - how a node behaves: the same keys in a scenario file and in a daemon's file.
 *
 * A plain struct, filled by orr_settings_default() and then changed field by field. Hosts that
 * read text use the table in config/, which names, documents and checks each of these.
 */
#ifndef ORRERY_SETTINGS_H
#define ORRERY_SETTINGS_H

#include <orrery/plant.h>
#include <orrery/types.h>

ORR_BEGIN_DECLS

typedef enum OrrCoordination {
    ORR_COORDINATION_LOWEST_ID,  /* naive, on purpose: the smallest connected id rules */
    ORR_COORDINATION_EPOCH_VOTE, /* Redis Cluster's rules, with the known bugs mended */
} OrrCoordination;

typedef enum OrrVoters {
    ORR_VOTERS_PRIMARIES, /* primaries of shards that own slots, as Redis Cluster */
    ORR_VOTERS_ALL,       /* every member */
} OrrVoters;

typedef enum OrrReplicationMode {
    ORR_REPLICATION_ASYNC, /* acknowledged by the primary alone; loss is bounded and reported */
    ORR_REPLICATION_CACHE, /* no copies; loss is legal */
} OrrReplicationMode;

typedef enum OrrHashSlotBy {
    ORR_HASH_SLOT_BY_KEY,   /* as Redis */
    ORR_HASH_SLOT_BY_FIELD, /* each field of a hash lives on the slot of the field's name */
} OrrHashSlotBy;

typedef enum OrrSpreadCommands {
    ORR_SPREAD_GATHER, /* every owner does its part, and the answers are merged */
    ORR_SPREAD_REFUSE, /* an error */
} OrrSpreadCommands;

typedef enum OrrAppendFsync {
    ORR_APPENDFSYNC_ALWAYS,   /* a write is acknowledged when it is on disk */
    ORR_APPENDFSYNC_EVERYSEC, /* synced once a second; acknowledged at once */
    ORR_APPENDFSYNC_NO,       /* written, never synced by us */
} OrrAppendFsync;

/* What is given up when `maxmemory` is reached; names and meaning are Redis's. */
typedef enum OrrEviction {
    ORR_EVICTION_NONE, /* nothing: writes that need room answer OOM */
    ORR_EVICTION_ALLKEYS_LRU,
    ORR_EVICTION_ALLKEYS_LFU,
    ORR_EVICTION_ALLKEYS_RANDOM,
    ORR_EVICTION_VOLATILE_LRU,
    ORR_EVICTION_VOLATILE_LFU,
    ORR_EVICTION_VOLATILE_RANDOM,
    ORR_EVICTION_VOLATILE_TTL,
} OrrEviction;

/* Who may use DEBUG. */
typedef enum OrrDebugAccess {
    ORR_DEBUG_NO,
    ORR_DEBUG_LOCAL, /* clients of this machine, where the host can tell; otherwise nobody */
    ORR_DEBUG_YES,
} OrrDebugAccess;

#define ORR_SECRET_SIZE 256u /* bytes of a password or a key, with the NUL at its end */

typedef enum OrrRole {
    ORR_ROLE_PRIMARY, /* begins as the primary of its shard */
    ORR_ROLE_REPLICA, /* begins as a replica of its shard */
    ORR_ROLE_WITNESS, /* holds no data; votes where `voters` is all */
} OrrRole;

typedef struct OrrSettings OrrSettings;

struct OrrSettings {
    /* decisions */
    OrrCoordination coordination;
    OrrVoters voters;
    OrrReplicationMode replication;
    OrrHashSlotBy hash_slot_by;
    OrrSpreadCommands spread_commands; /* over all fields of a hash that is spread by field */
    bool require_full_coverage;        /* refuse every slot while one is uncovered */
    bool reads_when_down;  /* reads of served slots go on while the cluster is down */
    bool unsafe_promotion; /* a replica with data older than its shard's may stand */

    /* failure detection; all durations in ns */
    OrrTime node_timeout_ns; /* N: silence that makes a failure */
    OrrTime heartbeat_ns;    /* between probes of one peer; 0: node timeout / 5 */
    bool process_evidence;   /* believe hosts that refuse connections */
    OrrTime
        process_grace_ns;  /* a refusing host is given this long to start the process again */
    uint32_t probe_fanout; /* peers probed in a heartbeat at least, where there are so many */
    OrrTime
        slow_threshold_ns;  /* answers later than this, and than 5 x the median: slow; 0: off */
    OrrTime slow_window_ns; /* for so long before anyone says so */
    OrrTime slow_return_ns; /* well again for so long before it gets its slots back */

    /* election */
    OrrTime replica_validity_ns; /* data older than this may not stand; 0: 10 x node timeout */
    OrrTime rank_delay_ns;       /* a replica waits this long for each better one */
    bool failover;               /* false: a replica never stands by itself */

    /* membership */
    OrrTime forget_ns; /* how long a forgotten node stays banned */

    /* replication */
    size_t backlog_size;            /* bytes kept for partial resynchronisation */
    uint32_t full_syncs_max;        /* at once, out of one primary */
    size_t sync_window_size;        /* bytes sent to a replica and not yet answered for */
    OrrTime replica_ack_ns;         /* between acknowledgements of a replica at most */
    uint32_t min_replicas_to_write; /* Redis's min-replicas-to-write; 0: off */

    /* data */
    OrrAppendFsync appendfsync;
    size_t log_rotate_size; /* bytes of log after which a snapshot is written */
    size_t maxmemory;       /* bytes; 0: no limit */
    OrrEviction maxmemory_policy;
    uint32_t maxmemory_samples; /* keys looked at for each that is evicted */

    /* clients */
    uint32_t clients_max;
    OrrDebugAccess debug_command;
    OrrTime client_timeout_ns;         /* idle for so long: closed; 0: never */
    size_t input_max;                  /* bytes of requests of one client, not yet answered */
    size_t bulk_max;                   /* bytes of one word of a request */
    char requirepass[ORR_SECRET_SIZE]; /* empty: no password */

    /* observation */
    OrrTime slowlog_slower_ns;    /* commands that take longer are kept; negative: none */
    OrrTime latency_threshold_ns; /* events that take longer are kept; 0: none */
    uint32_t slowlog_max;         /* entries kept */

    /* peers */
    char bus_key[ORR_SECRET_SIZE]; /* frames carry, and must carry, a tag by it; empty: none */

    uint64_t planted; /* bits of plant.h; ignored outside of test builds */
};

/* The defaults that the manual documents: node timeout 15 s, epoch-vote by primaries, async. */
ORR_API OrrSettings orr_settings_default(void);

/* Whether a running node may go on with `next` in place of `now`: what has a part in the layout
 * of its data, or must be the same on all nodes at once, stays as it is. */
ORR_API bool orr_settings_may_become(const OrrSettings *now, const OrrSettings *next);

/* How one node begins, besides its settings. Texts and arrays are copied by who takes them. */
typedef struct OrrSlotRange {
    uint16_t first;
    uint16_t last; /* included */
} OrrSlotRange;

typedef struct OrrNodeConfig {
    OrrSettings settings;
    OrrId id;      /* or none: drawn from the seed and kept on disk */
    OrrId cluster; /* or none: adopted at the first MEET */
    OrrId shard;   /* or none: a shard of its own */
    OrrRole role;
    OrrAddress address; /* as others reach this node */
    const OrrAddress *seeds;
    size_t seed_count;
    const OrrSlotRange *slots; /* what a primary claims at its very first boot, version 1 */
    size_t slot_range_count;
    OrrId replica_of; /* an operator's wish at boot, or none; the stored role wins over it */
    uint64_t seed;    /* of all its chance */
} OrrNodeConfig;

ORR_END_DECLS

#endif
