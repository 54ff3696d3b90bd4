/* The rows: names, ranges, and what each does. A new setting is a field in settings.h with its
 * default in settings.c, and a row here. */
#include "setting_table.h"

#include <glib.h>

#define FIELD(field_)                                                                          \
    .offset = offsetof(OrrSettings, field_), .size = sizeof(((OrrSettings *)NULL)->field_)
#define MS ORR_NS_PER_MS
#define SECOND ORR_NS_PER_S
#define DAY (INT64_C(86400) * ORR_NS_PER_S)
#define MB (INT64_C(1) << 20)
#define TB (INT64_C(1) << 40)
/* `plain_` is what 1 without a unit means where Redis's name stands before it: 0, nothing. */
#define DURATION(name_, redis_, plain_, field_, min_, max_)                                    \
    .name = name_, .redis = redis_, .plain = plain_, .type = CONFIG_SETTING_DURATION,          \
    FIELD(field_), .min = min_, .max = max_
#define SIZE(name_, redis_, field_, min_, max_)                                                \
    .name = name_, .redis = redis_, .plain = 1, .type = CONFIG_SETTING_SIZE, FIELD(field_),    \
    .min = min_, .max = max_
#define COUNT(name_, redis_, field_, min_, max_)                                               \
    .name = name_, .redis = redis_, .type = CONFIG_SETTING_COUNT, FIELD(field_), .min = min_,  \
    .max = max_
#define YES_NO(name_, redis_, field_)                                                          \
    .name = name_, .redis = redis_, .type = CONFIG_SETTING_YES_NO, FIELD(field_), .min = 0,    \
    .max = 1
#define WORD(name_, redis_, words_, field_)                                                    \
    .name = name_, .redis = redis_, .type = CONFIG_SETTING_WORD, .words = words_,              \
    FIELD(field_), .min = 0, .max = (int64_t)G_N_ELEMENTS(words_) - 2
#define SECRET(name_, redis_, field_)                                                          \
    .name = name_, .redis = redis_, .type = CONFIG_SETTING_TEXT, .secret = true, FIELD(field_)
#define FIXED .fixed = true

static const char *const coordination_words[] = {"lowest-id", "epoch-vote", NULL};
static const char *const voters_words[] = {"primaries", "all", NULL};
static const char *const replication_words[] = {"async", "cache", NULL};
static const char *const hash_slot_words[] = {"key", "field", NULL};
static const char *const spread_words[] = {"gather", "refuse", NULL};
static const char *const fsync_words[] = {"always", "everysec", "no", NULL};
static const char *const eviction_words[] = {"noeviction",      "allkeys-lru",  "allkeys-lfu",
                                             "allkeys-random",  "volatile-lru", "volatile-lfu",
                                             "volatile-random", "volatile-ttl", NULL};
static const char *const debug_words[] = {"no", "local", "yes", NULL};

const ConfigSetting config_setting_table[] = {
    {WORD("coordination", NULL, coordination_words, coordination), .group = "Decisions", FIXED,
     .doc = "Who may become primary: `lowest-id` is naive on purpose, the smallest connected "
            "id rules; `epoch-vote` are Redis Cluster's rules with the known bugs mended"},
    {WORD("voters", NULL, voters_words, voters), .group = "Decisions", FIXED,
     .doc = "Whose votes and failure reports count: the primaries of shards that own slots, as "
            "in Redis Cluster, or every member"},
    {WORD("replication", NULL, replication_words, replication), .group = "Decisions", FIXED,
     .doc = "`async`: the primary alone acknowledges, loss is bounded and reported; `cache`: "
            "no copies, loss is legal"},
    {WORD("hash-slot-by", NULL, hash_slot_words, hash_slot_by), .group = "Decisions", FIXED,
     .doc = "Whether a hash lives on the slot of its key, as in Redis, or each field on its "
            "own"},
    {WORD("spread-commands", NULL, spread_words, spread_commands), .group = "Decisions",
     .doc = "With hash-slot-by field, commands over all fields of a hash, or over fields of "
            "several slots: `gather` the parts of all owners, or `refuse`"},
    {YES_NO("require-full-coverage", "cluster-require-full-coverage", require_full_coverage),
     .group = "Decisions", .doc = "Refuse every slot while one slot is without an owner"},
    {YES_NO("reads-when-down", "cluster-allow-reads-when-down", reads_when_down),
     .group = "Decisions",
     .doc = "Answer reads of slots that have an owner here while the cluster is down: what is "
            "read may be old"},
    {YES_NO("unsafe-promotion", NULL, unsafe_promotion), .group = "Decisions",
     .doc = "Let a replica stand whose data is older than what its shard has acknowledged"},

    {DURATION("node-timeout", "cluster-node-timeout", MS, node_timeout_ns, 50 * MS, DAY),
     .group = "Failure detection", FIXED,
     .doc = "Silence for so long makes a suspect, and a majority of suspicions a failure; an "
            "owner without a majority stops acknowledging in the same time"},
    {DURATION("heartbeat", NULL, 0, heartbeat_ns, 0, DAY), .group = "Failure detection",
     .doc = "Between two probes of one peer; 0: a fifth of node-timeout"},
    {YES_NO("process-evidence", NULL, process_evidence), .group = "Failure detection",
     .doc = "Believe hosts that refuse connections that the process there is dead"},
    {DURATION("process-grace", NULL, 0, process_grace_ns, 0, DAY), .group = "Failure detection",
     .doc = "A refusing host is given so long to start the process again"},
    {COUNT("probe-fanout", NULL, probe_fanout, 1, 4096), .group = "Failure detection",
     .doc = "Peers probed in one heartbeat at least, where there are so many"},
    {DURATION("slow-threshold", NULL, 0, slow_threshold_ns, 0, DAY),
     .group = "Failure detection",
     .doc = "Answers later than this, and than ten times the median, make a node slow; 0: off"},
    {DURATION("slow-window", NULL, 0, slow_window_ns, 0, DAY), .group = "Failure detection",
     .doc = "Slow for so long before anyone says so"},
    {DURATION("slow-return", NULL, 0, slow_return_ns, 0, DAY), .group = "Failure detection",
     .doc = "Well again for so long before a node gets its slots back"},

    {DURATION("replica-validity", NULL, 0, replica_validity_ns, 0, 365 * DAY),
     .group = "Election",
     .doc = "A replica whose data is older than this does not stand; 0: ten times "
            "node-timeout"},
    {DURATION("rank-delay", NULL, 0, rank_delay_ns, 0, DAY), .group = "Election",
     .doc = "A replica waits so long for each better one before it stands"},
    {YES_NO("failover", NULL, failover), .group = "Election",
     .doc = "Replicas stand by themselves; `no` is cluster-replica-no-failover yes in Redis"},

    {DURATION("forget", NULL, 0, forget_ns, 0, 365 * DAY), .group = "Membership",
     .doc = "A forgotten node stays banned for so long"},

    {SIZE("backlog-size", "repl-backlog-size", backlog_size, 1024, TB), .group = "Replication",
     FIXED, .doc = "Bytes of history kept for partial resynchronisation"},
    {COUNT("full-syncs-max", NULL, full_syncs_max, 1, 1000), .group = "Replication",
     .doc = "Full copies out of one primary at once"},
    {SIZE("sync-window-size", NULL, sync_window_size, 4096, TB), .group = "Replication",
     .doc = "Bytes sent to a replica and not yet answered for, at most"},
    {DURATION("replica-ack", NULL, 0, replica_ack_ns, 1 * MS, DAY), .group = "Replication",
     .doc = "Between two acknowledgements of a replica, at most"},
    {COUNT("min-replicas-to-write", "min-replicas-to-write", min_replicas_to_write, 0, 1000),
     .group = "Replication", .doc = "Refuse writes with fewer replicas connected; 0: off"},

    {WORD("appendfsync", "appendfsync", fsync_words, appendfsync), .group = "Data",
     .doc = "When a write is synced: before it is acknowledged, once a second, or never by "
            "us"},
    {SIZE("log-rotate-size", NULL, log_rotate_size, 4096, TB), .group = "Data",
     .doc = "Bytes of log after which a snapshot is written"},
    {SIZE("maxmemory", "maxmemory", maxmemory, 0, 1024 * TB), .group = "Data",
     .doc = "Bytes that keys and values may take; 0: no limit"},
    {WORD("maxmemory-policy", "maxmemory-policy", eviction_words, maxmemory_policy),
     .group = "Data",
     .doc = "What is given up when maxmemory is reached: nothing (writes answer OOM), or keys "
            "of all or of those that expire, the least recently or least frequently used, any, "
            "or those that expire first"},
    {COUNT("maxmemory-samples", "maxmemory-samples", maxmemory_samples, 1, 64), .group = "Data",
     .doc = "Keys looked at for each that is evicted"},

    {COUNT("clients-max", "maxclients", clients_max, 1, 1000000), .group = "Clients",
     .doc = "Connections of clients at once"},
    {DURATION("timeout", "timeout", SECOND, client_timeout_ns, 0, 365 * DAY),
     .group = "Clients",
     .doc = "A client that asks nothing for so long is closed, subscribers and waiting ones "
            "apart; 0: never"},
    {SIZE("input-max", "client-query-buffer-limit", input_max, 1 * MB, TB), .group = "Clients",
     .doc = "Bytes of requests of one client that wait to be understood; more, and it is "
            "closed"},
    {SIZE("bulk-max", "proto-max-bulk-len", bulk_max, 1024, 512 * MB), .group = "Clients",
     .doc = "Bytes of one word of a request; a longer one is a protocol error"},
    {WORD("enable-debug-command", "enable-debug-command", debug_words, debug_command),
     .group = "Clients", FIXED,
     .doc = "Who may use DEBUG: nobody, clients of this machine, everybody"},
    {SECRET("requirepass", "requirepass", requirepass), .group = "Clients",
     .doc = "Clients must say this password (AUTH) before anything else; empty: none"},

    {DURATION("slowlog-slower-than", "slowlog-log-slower-than", ORR_NS_PER_US,
              slowlog_slower_ns, -1 * SECOND, 365 * DAY),
     .group = "Observation",
     .doc = "Commands that take longer are kept in SLOWLOG; negative: none, 0: all"},
    {COUNT("slowlog-max", "slowlog-max-len", slowlog_max, 0, 100000), .group = "Observation",
     .doc = "Entries that SLOWLOG keeps"},
    {DURATION("latency-threshold", "latency-monitor-threshold", MS, latency_threshold_ns, 0,
              DAY),
     .group = "Observation", .doc = "Events that take longer are kept for LATENCY; 0: none"},

    {SECRET("bus-key", NULL, bus_key), .group = "Peers", FIXED,
     .doc = "Frames between nodes carry, and must carry, an HMAC-SHA-256 tag by this key; "
            "the same on all nodes; empty: none"},
};

const size_t config_setting_table_count = G_N_ELEMENTS(config_setting_table);
