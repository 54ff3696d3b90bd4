#include "node/clients/session.h"
#include "node/commands/info.h"

static void
add_times(OrrInfo *info)
{
    const OrrNode *node = info->node;
    OrrTime up_ns = node->now.mono_ns - node->context.boot_ns;

    orr_info_number(info, "server_time_usec", (uint64_t)node->context.cluster_ms * 1000);
    orr_info_number(info, "uptime_in_seconds", (uint64_t)(up_ns / ORR_NS_PER_S));
    orr_info_number(info, "uptime_in_days", (uint64_t)(up_ns / ORR_NS_PER_S / 86400));
}

/* Another one for each life of a node. */
static void
add_run_id(OrrInfo *info)
{
    char name[ORR_ID_HEX_SIZE + 32];
    char text[ORR_ID_HEX_SIZE + 1];
    OrrId id;

    orr_id_format(&info->node->sender.self, text);
    g_snprintf(name, sizeof name, "%s %" G_GUINT64_FORMAT, text, info->node->boots);
    id = orr_id_of_name(orr_bytes_of_string(name));
    orr_id_format(&id, text);
    orr_info_text(info, "run_id", text);
}

void
orr_info_server(OrrInfo *info)
{
    orr_info_text(info, "redis_version", ORR_REPORTED_VERSION);
    orr_info_text(info, "orrery_version", "0.1.0");
    orr_info_number(info, "redis_git_sha1", 0);
    orr_info_number(info, "redis_git_dirty", 0);
    orr_info_text(info, "redis_build_id", "orrery");
    orr_info_text(info, "redis_mode", "cluster");
    orr_info_text(info, "os", info->facts.os);
    orr_info_number(info, "arch_bits", sizeof(void *) * 8);
    orr_info_text(info, "multiplexing_api", info->facts.multiplexing);
    orr_info_number(info, "process_id", info->facts.process_id);
    orr_info_text(info, "process_supervised", info->facts.supervised);
    add_run_id(info);
    orr_info_number(info, "tcp_port", info->node->config.address.port);
    add_times(info);
    orr_info_number(info, "hz", 10);
    orr_info_number(info, "configured_hz", 10);
    orr_info_text(info, "executable", info->facts.executable);
    orr_info_text(info, "config_file", info->facts.config_file);
    orr_info_number(info, "io_threads_active", 0);
}

void
orr_info_clients(OrrInfo *info)
{
    const OrrMembers *members = info->node->context.members;
    GHashTableIter iter;
    gpointer value;
    uint64_t longest = 0;

    g_hash_table_iter_init(&iter, info->node->clients); /* a maximum knows no order */
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        longest = MAX(longest, ((const OrrClient *)value)->input->len);
    }
    orr_info_number(info, "connected_clients", info->statistics.clients);
    orr_info_number(info, "cluster_connections", members->count - 1);
    orr_info_number(info, "maxclients", info->node->config.settings.clients_max);
    orr_info_number(info, "client_recent_max_input_buffer", longest);
    orr_info_number(info, "client_recent_max_output_buffer", info->facts.output_pending_bytes);
    orr_info_number(info, "blocked_clients", info->statistics.blocked_clients);
    orr_info_number(info, "tracking_clients", 0);
    orr_info_number(info, "clients_in_timeout_table", 0);
    orr_info_number(info, "orrery_monitors", info->statistics.monitors);
    orr_info_number(info, "orrery_subscribers", info->statistics.subscribers);
}

static void
add_bytes(OrrInfo *info, const char *name, uint64_t bytes)
{
    static const char UNITS[] = "BKMGTP";
    g_autofree char *human = g_strdup_printf("%s_human", name);
    uint64_t hundredths = bytes * 100;
    size_t unit = 0;

    orr_info_number(info, name, bytes);
    while (hundredths >= 102400 && unit + 2 < sizeof UNITS) {
        hundredths /= 1024;
        unit++;
    }
    if (unit == 0) {
        g_string_append_printf(info->text, "%s:%" G_GUINT64_FORMAT "B\r\n", human, bytes);
    } else {
        g_string_append_printf(info->text,
                               "%s:%" G_GUINT64_FORMAT ".%02" G_GUINT64_FORMAT "%c\r\n", human,
                               hundredths / 100, hundredths % 100, UNITS[unit]);
    }
}

static const char *
policy_name(OrrEviction policy)
{
    switch (policy) {
    case ORR_EVICTION_NONE:
        break;
    case ORR_EVICTION_ALLKEYS_LRU:
        return "allkeys-lru";
    case ORR_EVICTION_ALLKEYS_LFU:
        return "allkeys-lfu";
    case ORR_EVICTION_ALLKEYS_RANDOM:
        return "allkeys-random";
    case ORR_EVICTION_VOLATILE_LRU:
        return "volatile-lru";
    case ORR_EVICTION_VOLATILE_LFU:
        return "volatile-lfu";
    case ORR_EVICTION_VOLATILE_RANDOM:
        return "volatile-random";
    case ORR_EVICTION_VOLATILE_TTL:
        return "volatile-ttl";
    }
    return "noeviction";
}

void
orr_info_memory(OrrInfo *info)
{
    const OrrNode *node = info->node;
    uint64_t used = orr_keyspace_used(node->keyspace);
    uint64_t held = orr_keyspace_memory(node->keyspace);
    uint64_t resident = info->facts.resident_bytes;

    add_bytes(info, "used_memory", used);
    add_bytes(info, "used_memory_rss", resident);
    add_bytes(info, "used_memory_peak", MAX(info->facts.resident_peak_bytes, held));
    orr_info_number(info, "used_memory_overhead", held > used ? held - used : 0);
    orr_info_number(info, "used_memory_startup", 0);
    orr_info_number(info, "used_memory_dataset", used);
    orr_info_number(info, "allocator_allocated", used);
    orr_info_number(info, "allocator_active", held);
    orr_info_number(info, "allocator_resident", resident);
    add_bytes(info, "total_system_memory", info->facts.system_memory_bytes);
    orr_info_number(info, "used_memory_lua", 0);
    orr_info_number(info, "number_of_cached_scripts", 0);
    orr_info_number(info, "number_of_functions", 0);
    orr_info_number(info, "number_of_libraries", 0);
    add_bytes(info, "maxmemory", node->config.settings.maxmemory);
    orr_info_text(info, "maxmemory_policy",
                  policy_name(node->config.settings.maxmemory_policy));
    orr_info_thousandths(info, "mem_fragmentation_ratio",
                         used == 0 ? 0 : resident * 1000 / used, 2);
    orr_info_number(info, "mem_fragmentation_bytes", resident > used ? resident - used : 0);
    orr_info_number(info, "mem_not_counted_for_evict", info->data.backlog_bytes);
    orr_info_number(info, "mem_replication_backlog", info->data.backlog_bytes);
    orr_info_number(info, "mem_aof_buffer", orr_log_pending(node->log));
    orr_info_text(info, "mem_allocator", "libc");
    orr_info_number(info, "active_defrag_running", 0);
    orr_info_number(info, "lazyfree_pending_objects", 0);
}

static void
add_snapshot(OrrInfo *info, bool writing)
{
    const OrrNode *node = info->node;
    OrrTime running_s = (node->now.mono_ns - node->save_began_at) / ORR_NS_PER_S;

    orr_info_number(info, "rdb_changes_since_last_save", node->changes_since_save);
    orr_info_number(info, "rdb_bgsave_in_progress", writing);
    orr_info_number(info, "rdb_last_save_time", (uint64_t)info->statistics.last_save_s);
    orr_info_text(info, "rdb_last_bgsave_status", node->save_failed ? "err" : "ok");
    g_string_append_printf(info->text, "rdb_last_bgsave_time_sec:%" G_GINT64_FORMAT "\r\n",
                           node->save_took_ns < 0 ? INT64_C(-1)
                                                  : node->save_took_ns / ORR_NS_PER_S);
    g_string_append_printf(info->text, "rdb_current_bgsave_time_sec:%" G_GINT64_FORMAT "\r\n",
                           writing ? running_s : INT64_C(-1));
    orr_info_number(info, "rdb_saves", info->statistics.saves);
}

void
orr_info_persistence(OrrInfo *info)
{
    const OrrNode *node = info->node;
    bool writing = orr_log_snapshotting(node->log);

    orr_info_number(info, "loading",
                    node->life != ORR_LIFE_UP || node->fence == ORR_FENCE_BOOTING ||
                        info->data.loading);
    orr_info_number(info, "async_loading", 0);
    add_snapshot(info, writing);
    orr_info_number(info, "aof_enabled", 1);
    orr_info_number(info, "aof_rewrite_in_progress", writing);
    orr_info_number(info, "aof_rewrite_scheduled", 0);
    orr_info_text(info, "aof_last_bgrewrite_status", node->save_failed ? "err" : "ok");
    orr_info_number(info, "aof_rewrites", info->statistics.saves);
    orr_info_text(info, "aof_last_write_status", node->disk_failed ? "err" : "ok");
    orr_info_number(info, "aof_current_size", orr_log_size(node->log));
    orr_info_number(info, "aof_buffer_length", orr_log_pending(node->log));
    orr_info_number(info, "module_fork_in_progress", 0);
}

static void
add_seconds(OrrInfo *info, const char *name, uint64_t us)
{
    g_string_append_printf(info->text, "%s:%" G_GUINT64_FORMAT ".%06" G_GUINT64_FORMAT "\r\n",
                           name, us / 1000000, us % 1000000);
}

void
orr_info_cpu(OrrInfo *info)
{
    add_seconds(info, "used_cpu_sys", info->facts.cpu_system_us);
    add_seconds(info, "used_cpu_user", info->facts.cpu_user_us);
    add_seconds(info, "used_cpu_sys_children", 0);
    add_seconds(info, "used_cpu_user_children", 0);
}
