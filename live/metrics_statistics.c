/* metrics_statistics.c - what the node counts of clients and commands, in redis_exporter's
 * names. */
#include <orrery/statistics.h>

#include "metrics.h"

typedef struct Figure {
    const char *name;
    const char *type;
    const char *help;
    double value;
} Figure;

static void
write_figures(GString *out, const Figure *figures, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        live_metric_family(out, figures[i].name, figures[i].type, figures[i].help);
        live_metric_line(out, figures[i].name, NULL, figures[i].value);
    }
}

static void
write_counters(const OrrStatistics *all, GString *out)
{
    const Figure figures[] = {
        {"redis_connections_received_total", "counter", "Connections taken.",
         (double)all->connections_received},
        {"redis_rejected_connections_total", "counter", "Connections beyond maxclients.",
         (double)all->connections_rejected},
        {"redis_commands_processed_total", "counter", "Commands run.",
         (double)all->commands_processed},
        {"redis_net_input_bytes_total", "counter", "Bytes from clients.",
         (double)all->input_bytes},
        {"redis_net_output_bytes_total", "counter", "Bytes to clients.",
         (double)all->output_bytes},
        {"redis_keyspace_hits_total", "counter", "Reads that found their key.",
         (double)all->keyspace_hits},
        {"redis_keyspace_misses_total", "counter", "Reads that did not.",
         (double)all->keyspace_misses},
        {"redis_expired_keys_total", "counter", "Keys whose time had come.",
         (double)all->expired_keys},
        {"redis_evicted_keys_total", "counter", "Keys that made room.",
         (double)all->evicted_keys},
        {"redis_total_error_replies", "gauge", "Errors told to clients.",
         (double)all->error_replies},
        {"orrery_pushed_bytes_total", "counter", "Bytes of publish/subscribe and MONITOR.",
         (double)all->pushed_bytes},
        {"orrery_auth_failures_total", "counter", "Wrong passwords.",
         (double)all->auth_failures},
        {"orrery_published_total", "counter", "Messages published by clients of this node.",
         (double)all->published},
        {"orrery_transactions_total", "counter", "EXEC that ran.", (double)all->transactions},
        {"orrery_slow_commands_total", "counter", "Entries of SLOWLOG ever made.",
         (double)all->slow_commands},
        {"orrery_keys_moved_out_total", "counter", "Keys given to another shard.",
         (double)all->keys_moved_out},
        {"orrery_keys_moved_in_total", "counter", "Keys taken from another shard.",
         (double)all->keys_moved_in},
        {"orrery_moves_given_up_total", "counter", "Transfers of keys that were broken off.",
         (double)all->moves_given_up},
        {"orrery_snapshots_total", "counter", "Snapshots that came to their end.",
         (double)all->saves},
    };

    write_figures(out, figures, G_N_ELEMENTS(figures));
}

static void
write_gauges(const OrrStatistics *all, GString *out)
{
    const Figure figures[] = {
        {"redis_connected_clients", "gauge", "Connections of clients.", all->clients},
        {"redis_blocked_clients", "gauge", "Clients that wait, as in WAIT.",
         all->blocked_clients},
        {"redis_pubsub_channels", "gauge", "Channels with subscribers.", all->channels},
        {"redis_pubsub_patterns", "gauge", "Patterns with subscribers.", all->patterns},
        {"redis_pubsubshard_channels", "gauge", "Sharded channels with subscribers.",
         all->shard_channels},
        {"redis_rdb_changes_since_last_save", "gauge", "Writes since the last snapshot began.",
         (double)all->changes_since_save},
        {"redis_rdb_last_save_timestamp_seconds", "gauge",
         "When the last snapshot was written; 0: none since boot.", (double)all->last_save_s},
        {"orrery_monitors", "gauge", "Clients in MONITOR.", all->monitors},
        {"orrery_subscribers", "gauge", "Clients that subscribe to something.",
         all->subscribers},
        {"orrery_watching_clients", "gauge", "Clients with WATCH.", all->watching_clients},
    };

    write_figures(out, figures, G_N_ELEMENTS(figures));
}

static double
field_of(const OrrCommandStatistics *command, unsigned field)
{
    switch (field) {
    case 0:
        return (double)command->calls;
    case 1:
        return (double)command->duration_ns / 1e9;
    case 2:
        return (double)command->rejected;
    default:
        return (double)command->failed;
    }
}

static void
write_commands(const OrrNode *node, GString *out)
{
    static const Figure families[] = {
        {"redis_commands_total", "counter", "Commands run, by name.", 0},
        {"redis_commands_duration_seconds_total", "counter", "Time in commands, by name.", 0},
        {"redis_commands_rejected_calls_total", "counter", "Commands refused before they ran.",
         0},
        {"redis_commands_failed_calls_total", "counter", "Commands that answered an error.", 0},
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(families); i++) {
        OrrCommandStatistics command;

        live_metric_family(out, families[i].name, families[i].type, families[i].help);
        for (size_t k = 0; orr_node_command_statistics(node, k, &command) == ORR_OK; k++) {
            g_autofree char *label = g_strdup_printf("cmd=\"%s\"", command.name);

            live_metric_line(out, families[i].name, label, field_of(&command, i));
        }
    }
}

static void
write_latencies(const OrrNode *node, GString *out)
{
    static const char *const names[] = {"50", "99", "99.9"};
    OrrCommandStatistics command;

    live_metric_family(out, "orrery_command_latency_seconds", "gauge",
                       "Percentiles of the time in commands, by name.");
    for (size_t k = 0; orr_node_command_statistics(node, k, &command) == ORR_OK; k++) {
        const uint64_t values[] = {command.p50_ns, command.p99_ns, command.p999_ns};

        for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
            g_autofree char *label =
                g_strdup_printf("cmd=\"%s\",percentile=\"%s\"", command.name, names[i]);

            live_metric_line(out, "orrery_command_latency_seconds", label,
                             (double)values[i] / 1e9);
        }
    }
}

static void
write_errors(const OrrNode *node, GString *out)
{
    const char *code;
    uint64_t count;

    live_metric_family(out, "redis_errors_total", "counter", "Errors told, by their code.");
    for (size_t i = 0; orr_node_error_statistics(node, i, &code, &count) == ORR_OK; i++) {
        GString *label = g_string_new("err=\"");

        live_metric_escape(label, code, strlen(code));
        g_string_append_c(label, '"');
        live_metric_line(out, "redis_errors_total", label->str, (double)count);
        g_string_free(label, TRUE);
    }
}

void
live_metrics_of_statistics(const OrrNode *node, GString *out)
{
    OrrStatistics all;

    orr_node_statistics(node, &all);
    write_counters(&all, out);
    write_gauges(&all, out);
    write_commands(node, out);
    write_latencies(node, out);
    write_errors(node, out);
}
