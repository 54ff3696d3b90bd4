/* metrics_redis.c - INFO, field by field, under the names of redis_exporter. */
#include <stdlib.h>
#include <string.h>

#include "metrics.h"

typedef struct Row {
    const char *field; /* of INFO */
    const char *name;
    const char *type;
    const char *help;
    double factor; /* 0: 1 */
} Row;

#define GAUGE "gauge"
#define COUNTER "counter"

static const Row ROWS[] = {
    {"uptime_in_seconds", "redis_uptime_in_seconds", GAUGE, "Seconds since the process began.",
     0},
    {"maxclients", "redis_config_maxclients", GAUGE, "Connections at most.", 0},
    {"used_memory", "redis_memory_used_bytes", GAUGE, "Bytes of keys and values.", 0},
    {"used_memory_rss", "redis_memory_used_rss_bytes", GAUGE, "Resident bytes of the process.",
     0},
    {"used_memory_peak", "redis_memory_used_peak_bytes", GAUGE, "The most used_memory was.", 0},
    {"used_memory_dataset", "redis_memory_used_dataset_bytes", GAUGE, "Bytes of data.", 0},
    {"used_memory_overhead", "redis_memory_used_overhead_bytes", GAUGE, "Bytes besides data.",
     0},
    {"used_memory_lua", "redis_memory_used_lua_bytes", GAUGE, "There are no scripts.", 0},
    {"maxmemory", "redis_memory_max_bytes", GAUGE, "Bytes at most; 0: no limit.", 0},
    {"mem_fragmentation_ratio", "redis_mem_fragmentation_ratio", GAUGE, "Resident by used.", 0},
    {"loading", "redis_loading_dump_file", GAUGE, "1 while the node is not ready yet.", 0},
    {"aof_enabled", "redis_aof_enabled", GAUGE, "1 if writes go to a log.", 0},
    {"aof_current_size", "redis_aof_current_size_bytes", GAUGE, "Bytes of the log.", 0},
    {"sync_full", "redis_replica_resyncs_full", GAUGE, "Full copies given to replicas.", 0},
    {"sync_partial_ok", "redis_replica_partial_resync_accepted", GAUGE,
     "Partial copies given to replicas.", 0},
    {"sync_partial_err", "redis_replica_partial_resync_denied", GAUGE,
     "Partial copies that could not be given.", 0},
    {"connected_slaves", "redis_connected_slaves", GAUGE, "Replicas that follow.", 0},
    {"master_repl_offset", "redis_master_repl_offset", GAUGE, "Offset of the shard's history.",
     0},
    {"slave_repl_offset", "redis_slave_repl_offset", GAUGE, "Offset that this replica has.", 0},
    {"master_last_io_seconds_ago", "redis_master_last_io_seconds_ago", GAUGE,
     "Since the primary was heard.", 0},
    {"master_sync_in_progress", "redis_master_sync_in_progress", GAUGE,
     "1 while a full copy comes in.", 0},
    {"repl_backlog_size", "redis_replication_backlog_bytes", GAUGE,
     "Bytes kept for partial copies.", 0},
    {"repl_backlog_histlen", "redis_repl_backlog_history_bytes", GAUGE, "Of these, in use.", 0},
    {"repl_backlog_active", "redis_repl_backlog_is_active", GAUGE, "1: kept.", 0},
    {"repl_backlog_first_byte_offset", "redis_repl_backlog_first_byte_offset", GAUGE,
     "Partial copies can go on from here.", 0},
    {"second_repl_offset", "redis_second_repl_offset", GAUGE, "Of the history before.", 0},
    {"process_id", "redis_process_id", GAUGE, "Of the process.", 0},
    {"tracking_clients", "redis_tracking_clients", GAUGE, "Clients with tracking.", 0},
    {"clients_in_timeout_table", "redis_clients_in_timeout_table", GAUGE,
     "Clients that wait for some time at most.", 0},
    {"maxmemory", "redis_config_maxmemory", GAUGE, "Bytes at most; 0: no limit.", 0},
    {"used_memory_startup", "redis_memory_used_startup_bytes", GAUGE, "Bytes at the start.", 0},
    {"mem_fragmentation_bytes", "redis_mem_fragmentation_bytes", GAUGE, "Resident, less used.",
     0},
    {"mem_not_counted_for_evict", "redis_mem_not_counted_for_eviction_bytes", GAUGE,
     "Bytes that maxmemory does not count.", 0},
    {"allocator_active", "redis_allocator_active_bytes", GAUGE, "Bytes of the allocator.", 0},
    {"allocator_allocated", "redis_allocator_allocated_bytes", GAUGE, "Bytes given out.", 0},
    {"allocator_resident", "redis_allocator_resident_bytes", GAUGE, "Bytes resident.", 0},
    {"aof_rewrite_in_progress", "redis_aof_rewrite_in_progress", GAUGE,
     "1 while the log begins anew with a snapshot.", 0},
    {"aof_buffer_length", "redis_aof_buffer_length", GAUGE, "Bytes that wait for the disk.", 0},
    {"rdb_bgsave_in_progress", "redis_rdb_bgsave_in_progress", GAUGE,
     "1 while a snapshot is written.", 0},
    {"latest_fork_usec", "redis_latest_fork_seconds", GAUGE, "There are no forks.", 1e-6},
    {"lazyfree_pending_objects", "redis_lazyfree_pending_objects", GAUGE,
     "Values that are still to be freed.", 0},
    {"number_of_cached_scripts", "redis_number_of_cached_scripts", GAUGE,
     "There are no scripts.", 0},
    {"unexpected_error_replies", "redis_unexpected_error_replies", GAUGE,
     "Errors that replicas were told.", 0},
    {"used_cpu_sys", "redis_cpu_sys_seconds_total", COUNTER, "Processor time of the kernel.",
     0},
    {"used_cpu_user", "redis_cpu_user_seconds_total", COUNTER, "Processor time of the node.",
     0},
    {"cluster_enabled", "redis_cluster_enabled", GAUGE, "1.", 0},
    {"slowlog_len", "redis_slowlog_length", GAUGE, "Entries of the slow log.", 0},
};

/* ---- fields: "name:value\r\n" */

typedef struct Field {
    const char *name;
    size_t name_size;
    const char *value;
    size_t value_size;
} Field;

/* The next field, or false at the end. Headings and empty lines are passed over. */
static bool
next_field(const char **cursor, Field *field)
{
    while (**cursor != '\0') {
        const char *line = *cursor;
        size_t size = strcspn(line, "\r\n");
        const char *colon = memchr(line, ':', size);

        *cursor = line + size + strspn(line + size, "\r\n");
        if (size > 0 && line[0] != '#' && colon != NULL) {
            *field = (Field){line, (size_t)(colon - line), colon + 1,
                             size - (size_t)(colon + 1 - line)};
            return true;
        }
    }
    return false;
}

static bool
find_field(const char *info, const char *name, Field *field)
{
    while (next_field(&info, field)) {
        if (field->name_size == strlen(name) &&
            memcmp(field->name, name, field->name_size) == 0) {
            return true;
        }
    }
    return false;
}

static bool
number_of(const char *text, size_t size, double *number)
{
    char copy[64];
    char *end;

    if (size == 0 || size >= sizeof copy) {
        return false;
    }
    memcpy(copy, text, size);
    copy[size] = '\0';
    *number = g_ascii_strtod(copy, &end);
    return *end == '\0';
}

/* "keys=5,expires=1": the number behind `key`. */
static bool
part_of(const Field *field, const char *key, const char **text, size_t *size)
{
    size_t length = strlen(key);

    for (size_t i = 0; i < field->value_size;) {
        const char *part = field->value + i;
        const char *comma = memchr(part, ',', field->value_size - i);
        size_t whole = comma != NULL ? (size_t)(comma - part) : field->value_size - i;

        if (whole > length && memcmp(part, key, length) == 0 && part[length] == '=') {
            *text = part + length + 1;
            *size = whole - length - 1;
            return true;
        }
        i += whole + 1;
    }
    return false;
}

static void
part_line(GString *out, const char *name, const char *labels, const Field *field,
          const char *key, double factor)
{
    const char *text;
    size_t size;
    double number;

    if (part_of(field, key, &text, &size) && number_of(text, size, &number)) {
        live_metric_line(out, name, labels, number * factor);
    }
}

/* ---- families with labels */

static bool
begins_with(const Field *field, const char *prefix)
{
    return field->name_size > strlen(prefix) &&
           memcmp(field->name, prefix, strlen(prefix)) == 0;
}

static void
databases(const char *info, GString *out)
{
    static const Row rows[] = {
        {"keys", "redis_db_keys", GAUGE, "Keys.", 0},
        {"expires", "redis_db_keys_expiring", GAUGE, "Of these, keys that expire.", 0},
    };
    Field field;
    double number;

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        const char *text = "0";
        size_t size = 1;

        live_metric_family(out, rows[i].name, rows[i].type, rows[i].help);
        if (find_field(info, "db0", &field)) {
            (void)part_of(&field, rows[i].field, &text, &size);
        }
        if (number_of(text, size, &number)) {
            live_metric_line(out, rows[i].name, "db=\"db0\"", number);
        }
    }
}

/* slave0:ip=10.0.0.1,port=7004,state=online,offset=120,lag=0 */
static bool
is_replica(const Field *field)
{
    return begins_with(field, "slave") && g_ascii_isdigit(field->name[5]);
}

static void
replicas(const char *info, GString *out)
{
    static const Row rows[] = {
        {"offset", "redis_connected_slave_offset_bytes", GAUGE, "Offset of each replica.", 0},
        {"lag", "redis_connected_slave_lag_seconds", GAUGE, "Since it acknowledged.", 0},
    };
    static const char *const keys[] = {"ip", "port", "state"};

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        const char *cursor = info;
        Field field;

        live_metric_family(out, rows[i].name, rows[i].type, rows[i].help);
        while (next_field(&cursor, &field)) {
            g_autoptr(GString) labels = g_string_new(NULL);
            const char *text;
            size_t size;

            for (size_t k = 0; is_replica(&field) && k < G_N_ELEMENTS(keys); k++) {
                if (part_of(&field, keys[k], &text, &size)) {
                    g_string_append_printf(labels, "%sslave_%s=\"%.*s\"", k > 0 ? "," : "",
                                           keys[k], (int)size, text);
                }
            }
            if (labels->len > 0) {
                part_line(out, rows[i].name, labels->str, &field, rows[i].field, 1);
            }
        }
    }
}

/* ---- words that become numbers or labels */

static void
word_line(const char *info, GString *out, const char *name_of_field, const char *good,
          const char *name, const char *help)
{
    Field field;

    if (find_field(info, name_of_field, &field)) {
        live_metric_family(out, name, GAUGE, help);
        live_metric_line(out, name, NULL,
                         field.value_size == strlen(good) &&
                             memcmp(field.value, good, field.value_size) == 0);
    }
}

static void
add_label(const char *info, GString *labels, const char *name)
{
    Field field;

    if (find_field(info, name, &field)) {
        g_string_append_printf(labels, "%s%s=\"", labels->len > 0 ? "," : "", name);
        live_metric_escape(labels, field.value, field.value_size);
        g_string_append_c(labels, '"');
    }
}

static void
instance(const char *info, GString *out)
{
    static const char *const names[] = {
        "role", "redis_version", "orrery_version", "redis_mode",
        "os",   "tcp_port",      "run_id",         "maxmemory_policy"};
    static const char *const primary[] = {"master_host", "master_port"};
    g_autoptr(GString) labels = g_string_new(NULL);
    g_autoptr(GString) slave = g_string_new(NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        add_label(info, labels, names[i]);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(primary); i++) {
        add_label(info, slave, primary[i]);
    }
    live_metric_family(out, "redis_instance_info", GAUGE, "What this node is, in labels.");
    live_metric_line(out, "redis_instance_info", labels->str, 1);
    if (slave->len > 0) {
        live_metric_family(out, "redis_slave_info", GAUGE, "Whom this replica follows.");
        live_metric_line(out, "redis_slave_info", slave->str, 1);
    }
}

void
live_metrics_of_info(const char *info, GString *out)
{
    Field field;
    double number;

    live_metric_family(out, "redis_up", GAUGE, "1: the node answers.");
    live_metric_line(out, "redis_up", NULL, 1);
    for (size_t i = 0; i < G_N_ELEMENTS(ROWS); i++) {
        if (find_field(info, ROWS[i].field, &field) &&
            number_of(field.value, field.value_size, &number)) {
            live_metric_family(out, ROWS[i].name, ROWS[i].type, ROWS[i].help);
            live_metric_line(out, ROWS[i].name, NULL,
                             number * (ROWS[i].factor == 0 ? 1 : ROWS[i].factor));
        }
    }
    word_line(info, out, "master_link_status", "up", "redis_master_link_up",
              "1: this replica follows its primary.");
    word_line(info, out, "aof_last_write_status", "ok", "redis_aof_last_write_status",
              "1: the last write of the log went well.");
    word_line(info, out, "rdb_last_bgsave_status", "ok", "redis_rdb_last_bgsave_status",
              "1: the last snapshot went well.");
    instance(info, out);
    databases(info, out);
    replicas(info, out);
}
