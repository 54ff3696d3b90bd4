#include "node/commands/info.h"

static void
add_kilobytes(OrrInfo *info, const char *name, uint64_t bytes)
{
    orr_info_thousandths(info, name, bytes * 1000 / 1024, 2);
}

static void
add_traffic(OrrInfo *info)
{
    const OrrStatistics *counts = &info->statistics;

    orr_info_number(info, "total_connections_received", counts->connections_received);
    orr_info_number(info, "total_commands_processed", counts->commands_processed);
    orr_info_number(info, "instantaneous_ops_per_sec", counts->commands_per_s);
    orr_info_number(info, "total_net_input_bytes", counts->input_bytes);
    orr_info_number(info, "total_net_output_bytes",
                    counts->output_bytes + counts->pushed_bytes);
    add_kilobytes(info, "instantaneous_input_kbps", counts->input_bytes_per_s);
    add_kilobytes(info, "instantaneous_output_kbps", counts->output_bytes_per_s);
    orr_info_number(info, "rejected_connections", counts->connections_rejected);
}

static void
add_copies(OrrInfo *info)
{
    const OrrReplicationView *data = &info->data;

    orr_info_number(info, "sync_full", data->full_syncs_out);
    orr_info_number(info, "sync_partial_ok", data->partial_syncs_out);
    orr_info_number(info, "sync_partial_err", data->full_syncs_out);
}

void
orr_info_stats(OrrInfo *info)
{
    const OrrStatistics *counts = &info->statistics;

    add_traffic(info);
    add_copies(info);
    orr_info_number(info, "expired_keys", counts->expired_keys);
    orr_info_number(info, "evicted_keys", counts->evicted_keys);
    orr_info_number(info, "evicted_clients", 0);
    orr_info_number(info, "keyspace_hits", counts->keyspace_hits);
    orr_info_number(info, "keyspace_misses", counts->keyspace_misses);
    orr_info_number(info, "pubsub_channels", counts->channels);
    orr_info_number(info, "pubsub_patterns", counts->patterns);
    orr_info_number(info, "pubsubshard_channels", counts->shard_channels);
    orr_info_number(info, "latest_fork_usec", 0);
    orr_info_number(info, "total_forks", 0);
    orr_info_number(info, "migrate_cached_sockets", 0);
    orr_info_number(info, "tracking_total_keys", 0);
    orr_info_number(info, "unexpected_error_replies", 0);
    orr_info_number(info, "total_error_replies", counts->error_replies);
    orr_info_number(info, "acl_access_denied_auth", counts->auth_failures);
    orr_info_number(info, "slowlog_len", orr_slowlog_count(info->node->slowlog));
    orr_info_number(info, "orrery_transactions", counts->transactions);
    orr_info_number(info, "orrery_published", counts->published);
    orr_info_number(info, "orrery_slow_commands", counts->slow_commands);
    orr_info_number(info, "orrery_writes_fenced", info->node->writes_fenced);
    orr_info_number(info, "orrery_writes_dropped",
                    orr_ledger_total(orr_replication_ledger(info->node->replication)));
}

void
orr_info_commandstats(OrrInfo *info)
{
    OrrCommandStatistics row;

    for (size_t i = 0; orr_node_command_statistics(info->node, i, &row) == ORR_OK; i++) {
        uint64_t us = row.duration_ns / 1000;
        uint64_t hundredths = row.calls == 0 ? 0 : row.duration_ns / 10 / row.calls;

        g_string_append_printf(info->text,
                               "cmdstat_%s:calls=%" G_GUINT64_FORMAT ",usec=%" G_GUINT64_FORMAT
                               ",usec_per_call=%" G_GUINT64_FORMAT ".%02" G_GUINT64_FORMAT
                               ",rejected_calls=%" G_GUINT64_FORMAT
                               ",failed_calls=%" G_GUINT64_FORMAT "\r\n",
                               row.name, row.calls, us, hundredths / 100, hundredths % 100,
                               row.rejected, row.failed);
    }
}

void
orr_info_errorstats(OrrInfo *info)
{
    const char *code;
    uint64_t count;

    for (size_t i = 0; orr_node_error_statistics(info->node, i, &code, &count) == ORR_OK; i++) {
        g_string_append_printf(info->text, "errorstat_%s:count=%" G_GUINT64_FORMAT "\r\n", code,
                               count);
    }
}

static void
add_quantile(GString *text, const char *name, uint64_t ns)
{
    g_string_append_printf(text, "%s=%" G_GUINT64_FORMAT ".%03" G_GUINT64_FORMAT, name,
                           ns / 1000, ns % 1000);
}

void
orr_info_latencystats(OrrInfo *info)
{
    OrrCommandStatistics row;

    for (size_t i = 0; orr_node_command_statistics(info->node, i, &row) == ORR_OK; i++) {
        if (row.calls == 0) {
            continue;
        }
        g_string_append_printf(info->text, "latency_percentiles_usec_%s:", row.name);
        add_quantile(info->text, "p50", row.p50_ns);
        add_quantile(info->text, ",p99", row.p99_ns);
        add_quantile(info->text, ",p99.9", row.p999_ns);
        g_string_append(info->text, "\r\n");
    }
}
