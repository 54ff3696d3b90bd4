/* statistics.h - what a node counts: of its connections, commands, errors and latencies.
 *
 *     node ---- counts ----> OrrStatistics -----> INFO, LATENCY, an operator's page
 *
 * Counters go from boot or the last CONFIG RESETSTAT on. Durations are what the host's
 * stopwatch says (OrrHostProbe): without one they are 0. Nothing here influences a decision.
 *
 * Latencies are counted in buckets, 16 to each power of two, from 256 ns on: a percentile is
 * right to 6 %.
 */
#ifndef ORRERY_STATISTICS_H
#define ORRERY_STATISTICS_H

#include <orrery/node.h>

ORR_BEGIN_DECLS

typedef struct OrrStatistics {
    /* counters */
    uint64_t connections_received;
    uint64_t connections_rejected; /* one too many */
    uint64_t commands_processed;
    uint64_t input_bytes;  /* of clients */
    uint64_t output_bytes; /* to clients, without what was pushed */
    uint64_t pushed_bytes; /* messages of publish/subscribe, and MONITOR */
    uint64_t error_replies;
    uint64_t auth_failures;
    uint64_t keyspace_hits; /* keys that reading commands looked up, and found */
    uint64_t keyspace_misses;
    uint64_t expired_keys;
    uint64_t evicted_keys;
    uint64_t published;      /* PUBLISH and SPUBLISH, of this node's clients */
    uint64_t transactions;   /* EXEC that ran */
    uint64_t slow_commands;  /* entries of SLOWLOG ever made */
    uint64_t saves;          /* snapshots that came to their end */
    uint64_t keys_moved_out; /* given to another shard, and deleted here */
    uint64_t keys_moved_in;  /* taken from another shard */
    uint64_t moves_given_up; /* transfers of keys that were broken off; they may be repeated */
    /* gauges: now */
    uint32_t clients;
    uint32_t blocked_clients;
    uint32_t monitors;
    uint32_t subscribers;
    uint32_t watching_clients;
    uint32_t channels;
    uint32_t patterns;
    uint32_t shard_channels;
    uint64_t commands_per_s; /* over the last second or so */
    uint64_t input_bytes_per_s;
    uint64_t output_bytes_per_s;
    uint64_t changes_since_save; /* records written since the last snapshot began */
    int64_t last_save_s;         /* wall clock, s; 0: none since boot */
} OrrStatistics;

ORR_API void orr_node_statistics(const OrrNode *node, OrrStatistics *statistics);

typedef struct OrrCommandStatistics {
    const char *name; /* "get", "client|list" */
    uint64_t calls;
    uint64_t duration_ns; /* of all calls */
    uint64_t rejected;    /* not run: wrong arguments, elsewhere, not allowed */
    uint64_t failed;      /* run, and answered with an error */
    uint64_t p50_ns;
    uint64_t p99_ns;
    uint64_t p999_ns;
} OrrCommandStatistics;

/* Of commands that were called, in order of their number; `index` from 0. ORR_OK, or
 * ORR_NOT_FOUND past the last. O(commands). */
ORR_API OrrStatus orr_node_command_statistics(const OrrNode *node, size_t index,
                                              OrrCommandStatistics *statistics);
/* How many answers began with this error code ("ERR", "MOVED", ...), in order of codes.
 * ORR_OK or ORR_NOT_FOUND. */
ORR_API OrrStatus orr_node_error_statistics(const OrrNode *node, size_t index,
                                            const char **code, uint64_t *count);

ORR_END_DECLS

#endif
