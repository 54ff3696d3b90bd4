/* statistics.c - what a node counts, for INFO and for its host. */
#include "node/clients/meter.h"
#include "node/clients/pubsub.h"

#include <orrery/statistics.h>

static uint64_t
per_second(uint64_t now, uint64_t *before, OrrTime elapsed_ns)
{
    uint64_t grown = now >= *before ? now - *before : 0; /* RESETSTAT takes counters back */

    *before = now;
    return grown * 1000 / (uint64_t)MAX(elapsed_ns / ORR_NS_PER_MS, 1);
}

void
orr_node_measure_rates(OrrNode *node)
{
    const OrrStatistics *now = &node->statistics;
    OrrRates *rates = &node->rates;
    OrrTime elapsed_ns = node->now.mono_ns - rates->at;

    rates->at = node->now.mono_ns;
    rates->commands_per_s = per_second(now->commands_processed, &rates->commands, elapsed_ns);
    rates->input_bytes_per_s = per_second(now->input_bytes, &rates->input_bytes, elapsed_ns);
    rates->output_bytes_per_s =
        per_second(now->output_bytes + now->pushed_bytes, &rates->output_bytes, elapsed_ns);
}

static void
count_clients(const OrrNode *node, OrrStatistics *statistics)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, node->clients); /* sums do not depend on the order */
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const OrrClient *client = value;

        statistics->subscribers += client->subscriptions != NULL;
        statistics->watching_clients += client->transaction != NULL;
    }
}

void
orr_node_statistics(const OrrNode *node, OrrStatistics *statistics)
{
    *statistics = node->statistics;
    statistics->clients = g_hash_table_size(node->clients);
    statistics->blocked_clients = node->waiting->len;
    statistics->monitors = node->monitors->len;
    statistics->channels = (uint32_t)orr_pubsub_channel_count(node->pubsub, ORR_CHANNEL);
    statistics->patterns =
        (uint32_t)orr_pubsub_channel_count(node->pubsub, ORR_CHANNEL_PATTERN);
    statistics->shard_channels =
        (uint32_t)orr_pubsub_channel_count(node->pubsub, ORR_CHANNEL_SHARD);
    statistics->changes_since_save = node->changes_since_save;
    statistics->commands_per_s = node->rates.commands_per_s;
    statistics->input_bytes_per_s = node->rates.input_bytes_per_s;
    statistics->output_bytes_per_s = node->rates.output_bytes_per_s;
    count_clients(node, statistics);
}

OrrStatus
orr_node_command_statistics(const OrrNode *node, size_t index, OrrCommandStatistics *statistics)
{
    for (size_t id = 0; id < orr_command_id_count(); id++) {
        const OrrMeterRow *row = orr_meter_row(node->meter, id);

        if (row->calls + row->rejected == 0 || index-- > 0) {
            continue;
        }
        *statistics = (OrrCommandStatistics){
            .name = orr_command_of_id(id)->name,
            .calls = row->calls,
            .duration_ns = row->duration_ns,
            .rejected = row->rejected,
            .failed = row->failed,
            .p50_ns = orr_meter_quantile(row, 500),
            .p99_ns = orr_meter_quantile(row, 990),
            .p999_ns = orr_meter_quantile(row, 999),
        };
        return ORR_OK;
    }
    return ORR_NOT_FOUND;
}

OrrStatus
orr_node_error_statistics(const OrrNode *node, size_t index, const char **code, uint64_t *count)
{
    if (index >= orr_meter_error_count(node->meter)) {
        return ORR_NOT_FOUND;
    }
    *code = orr_meter_error_at(node->meter, index, count);
    return ORR_OK;
}

void
orr_node_set_probe(OrrNode *node, const OrrHostProbe *probe)
{
    orr_meter_set_probe(node->meter, probe);
}
