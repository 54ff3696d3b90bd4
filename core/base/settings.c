#include <orrery/record.h>
#include <orrery/settings.h>

#include <string.h>

OrrSettings
orr_settings_default(void)
{
    return (OrrSettings){
        .coordination = ORR_COORDINATION_EPOCH_VOTE,
        .voters = ORR_VOTERS_PRIMARIES,
        .replication = ORR_REPLICATION_ASYNC,
        .hash_slot_by = ORR_HASH_SLOT_BY_KEY,
        .require_full_coverage = false,
        .unsafe_promotion = false,
        .node_timeout_ns = 15 * ORR_NS_PER_S,
        .heartbeat_ns = 0,
        .process_evidence = true,
        .process_grace_ns = 300 * ORR_NS_PER_MS,
        .probe_fanout = 10,
        .slow_threshold_ns = 0,
        .slow_window_ns = 5 * ORR_NS_PER_S,
        .slow_return_ns = 30 * ORR_NS_PER_S,
        .replica_validity_ns = 0,
        .rank_delay_ns = 500 * ORR_NS_PER_MS,
        .failover = true,
        .forget_ns = 24 * 3600 * ORR_NS_PER_S,
        .backlog_size = 16u << 20,
        .full_syncs_max = 2,
        .sync_window_size = 1u << 20,
        .replica_ack_ns = 100 * ORR_NS_PER_MS,
        .min_replicas_to_write = 0,
        .appendfsync = ORR_APPENDFSYNC_EVERYSEC,
        .log_rotate_size = 64u << 20,
        .maxmemory = 0,
        .maxmemory_policy = ORR_EVICTION_NONE,
        .maxmemory_samples = 5,
        .clients_max = 10000,
        .debug_command = ORR_DEBUG_NO,
        .client_timeout_ns = 0,
        .input_max = 8u << 20,
        .bulk_max = ORR_VALUE_SIZE_MAX + ORR_KEY_SIZE_MAX,
        .slowlog_slower_ns = 10 * ORR_NS_PER_MS,
        .slowlog_max = 128,
        .latency_threshold_ns = 0,
    };
}

/* A lease is as long on the voter's side as on the owner's: node_timeout_ns is fixed, too. */
bool
orr_settings_may_become(const OrrSettings *now, const OrrSettings *next)
{
    return now->coordination == next->coordination && now->voters == next->voters &&
           now->replication == next->replication && now->hash_slot_by == next->hash_slot_by &&
           now->node_timeout_ns == next->node_timeout_ns &&
           now->backlog_size == next->backlog_size &&
           now->debug_command == next->debug_command &&
           memcmp(now->bus_key, next->bus_key, sizeof now->bus_key) == 0 &&
           now->planted == next->planted;
}
