#include "client.h"
#include "report.h"

#include <glib.h>
#include <inttypes.h>

#define OUTAGES_SHOWN 8u

static void
print_operations(FILE *out, SimWorld *world)
{
    uint64_t count[4] = {0};
    uint64_t all = 0;
    SimClientTotals totals = sim_clients_totals(world);

    for (size_t i = 0; i < sim_history_count(world->history); i++) {
        const SimCall *call = sim_history_at(world->history, i);

        if (call->invoked_ns >= world->origin_ns) {
            count[call->outcome]++;
            all++;
        }
    }
    all -= count[SIM_OUTCOME_PENDING];
    if (all == 0) {
        return;
    }
    fprintf(out,
            "  operations   %" PRIu64 ": %" PRIu64 " succeeded (%.3f %%), %" PRIu64
            " refused, %" PRIu64 " without an answer\n",
            all, count[SIM_OUTCOME_OK], 100.0 * (double)count[SIM_OUTCOME_OK] / (double)all,
            count[SIM_OUTCOME_REFUSED], count[SIM_OUTCOME_UNKNOWN]);
    fprintf(out,
            "  clients      %" PRIu64 " MOVED, %" PRIu64 " ASK, %" PRIu64 " retries, %" PRIu64
            " new maps, %" PRIu64 " connections\n",
            totals.moved, totals.ask, totals.retries, totals.topology_updates, totals.connects);
    if (totals.store_fetches > 0) {
        fprintf(out, "  store        %" PRIu64 " fetches, %" PRIu64 " refused\n",
                totals.store_fetches, totals.store_refused);
    }
}

static void
print_writes(FILE *out, const SimWorld *world)
{
    const SimTally *tally = sim_judge_tally(world);
    const SimLosses *losses = &tally->losses;

    fprintf(out,
            "  writes       %" PRIu64 " acknowledged, %" PRIu64 " lost, %" PRIu64
            " of them in the ledger (%zu lines)\n",
            losses->acknowledged, losses->lost, losses->lost_in_ledger,
            sim_history_ledger_count(world->history));
    if (losses->ambiguous + losses->returned + losses->keys_corrupt + losses->keys_unknown >
        0) {
        fprintf(out,
                "               %" PRIu64 " ambiguous, %" PRIu64 " deletions undone, %" PRIu64
                " keys corrupt, %" PRIu64 " keys with no owner\n",
                losses->ambiguous, losses->returned, losses->keys_corrupt,
                losses->keys_unknown);
    }
    if (tally->nil_reads + tally->stale_reads > 0) {
        fprintf(out,
                "  reads        %" PRIu64
                " found nothing where a write was acknowledged, %" PRIu64
                " found an older value\n",
                tally->nil_reads, tally->stale_reads);
    }
}

static void
print_outages(FILE *out, const SimWorld *world)
{
    const GArray *outages = sim_judge_tally(world)->outages;

    for (guint i = 0; i < outages->len && i < OUTAGES_SHOWN; i++) {
        const SimOutage *outage = &g_array_index(outages, SimOutage, i);
        char lost[32];
        char time[64];

        sim_report_time(world, outage->lost_ns, lost, sizeof lost);
        fprintf(out, "  shard %-6s lost %s at %s s, ",
                world->scenario->shards[outage->shard].name,
                world->hosts[outage->from].spec->name, lost);
        if (outage->to == SIM_NONE) {
            fprintf(out, "never served again\n");
        } else if (outage->served_ns < outage->lost_ns) { /* two at once: the checks say so */
            fprintf(out, "%s served already\n", world->hosts[outage->to].spec->name);
        } else {
            sim_report_value(SIM_UNIT_NS, outage->served_ns - outage->lost_ns, time,
                             sizeof time);
            fprintf(out, "served by %s after %s\n", world->hosts[outage->to].spec->name, time);
        }
    }
    if (outages->len > OUTAGES_SHOWN) {
        fprintf(out, "               … and %u more outages\n", outages->len - OUTAGES_SHOWN);
    }
}

static gint
compare_seconds(gconstpointer a, gconstpointer b)
{
    const SimSecond *x = a;
    const SimSecond *y = b;
    uint64_t left = (uint64_t)x->messages * y->nodes;
    uint64_t right = (uint64_t)y->messages * x->nodes;

    return left < right ? -1 : left > right;
}

static void
print_second(FILE *out, const SimSecond *second)
{
    double nodes = MAX(second->nodes, 1);

    fprintf(out, "%.1f /s and %.0f B/s per node", second->messages / nodes,
            (double)second->bytes / nodes);
}

/* What it costs when nothing happens, and when most does: the median second, and the busiest.
 */
static void
print_seconds(FILE *out, const SimWorld *world)
{
    const GArray *seconds = sim_judge_tally(world)->seconds;
    guint busiest = 0;

    if (seconds->len == 0) {
        return;
    }
    for (guint i = 1; i < seconds->len; i++) {
        if (compare_seconds(&g_array_index(seconds, SimSecond, i),
                            &g_array_index(seconds, SimSecond, busiest)) > 0) {
            busiest = i;
        }
    }
    GArray *sorted = g_array_copy((GArray *)(uintptr_t)seconds);

    g_array_sort(sorted, compare_seconds);
    fprintf(out, "  idle         ");
    print_second(out, &g_array_index(sorted, SimSecond, sorted->len / 2));
    fprintf(out, " (median second)\n  busiest      ");
    print_second(out, &g_array_index(seconds, SimSecond, busiest));
    fprintf(out, " (second %u)\n", busiest);
    g_array_unref(sorted);
}

static void
print_traffic(FILE *out, const SimWorld *world)
{
    SimNetworkStats stats = sim_network_stats(world->network);
    double seconds = MAX((double)world->now_ns / 1e9, 1e-3);
    uint64_t frames = stats.lane[0].sent + stats.lane[1].sent;
    uint64_t bytes = stats.lane[0].sent_size + stats.lane[1].sent_size;

    fprintf(out,
            "  messages     %" PRIu64 " (%.1f /s per node, %.0f B/s per node), %" PRIu64
            " lost, %" PRIu64 " in flight at most\n",
            frames, (double)frames / seconds / world->host_count,
            (double)bytes / seconds / world->host_count,
            stats.lane[0].lost + stats.lane[1].lost, stats.in_flight_peak);
    print_seconds(out, world);
}

void
sim_report_numbers(FILE *out, SimWorld *world, const SimReportFacts *facts)
{
    const SimRunResult *result = facts->result;

    fprintf(out, "\nnumbers\n");
    print_operations(out, world);
    print_writes(out, world);
    print_outages(out, world);
    if (world->live != NULL) {
        fprintf(out, "  real time    %.3f s, %.3f s of it to form\n", result->real_s,
                (double)world->origin_ns / 1e9);
        return;
    }
    print_traffic(out, world);
    fprintf(out,
            "  simulated    %.3f s (%.3f s of it to form) in %.3f s: %.0f x real time, %" PRIu64
            " events, %" PRIu64 " node steps\n",
            (double)result->virtual_ns / 1e9, (double)world->origin_ns / 1e9, result->real_s,
            (double)result->virtual_ns / 1e9 / MAX(result->real_s, 1e-6), world->events,
            world->steps);
}
