/* How the cluster served its clients: computed from their history. */
#include "check_number.h"
#include "client.h"
#include "fault.h"

#define WINDOW_S 5u /* throughput is that of the worst so many seconds */

/* ---- whose operations */

SimFilter
sim_filter_of(SimWorld *world, const SimSentence *check)
{
    const SimTarget *of = sim_sentence_target(check, SIM_PART_OF);
    SimFilter filter = {.shard = SIM_NONE, .cluster = SIM_NONE};
    OrrRng rng = orr_rng_new(world->options.seed);

    if (of == NULL) {
        return filter;
    }
    if (of->kind == SIM_TARGET_SHARD) {
        filter.shard = of->index;
    } else if (of->kind == SIM_TARGET_CLUSTER) {
        filter.cluster = of->index;
    } else {
        filter.set = sim_target_resolve(world, of, &rng, NULL);
        filter.by_client = of->kind == SIM_TARGET_CLIENTS || of->kind == SIM_TARGET_FLEET;
    }
    return filter;
}

void
sim_filter_clear(SimFilter *filter)
{
    sim_set_free(filter->set);
    filter->set = NULL;
}

bool
sim_filter_passes(const SimWorld *world, const SimFilter *filter, const SimCall *call)
{
    if (filter->shard != SIM_NONE) {
        uint32_t cluster = world->scenario->shards[filter->shard].cluster;
        uint16_t slot = sim_history_key_slot(world->history, call->key);

        return world->first_owner[(size_t)cluster * ORR_SLOT_COUNT + slot] == filter->shard;
    }
    if (filter->cluster != SIM_NONE) {
        return sim_clients_cluster_of_key(world, call->key) == filter->cluster;
    }
    if (filter->set == NULL) {
        return true;
    }
    return filter->by_client
               ? sim_clients_sits_in(world, call->client, filter->set)
               : call->node != SIM_NODE_NONE && sim_set_has(filter->set, call->node);
}

/* ---- measures */

static SimNumber
unknown(const char *why)
{
    SimNumber number = {.known = false, .at_ns = -1};

    g_strlcpy(number.note, why, sizeof number.note);
    return number;
}

static SimNumber
number_of(int64_t value)
{
    return (SimNumber){.known = true, .value = value, .at_ns = -1};
}

static OrrTime
first_fault(const SimWorld *world)
{
    OrrTime first = world->now_ns;

    for (size_t i = 0; i < sim_faults_span_count(world); i++) {
        const SimFaultSpan *span = sim_faults_span(world, i);

        first = span->fault ? MIN(first, span->from_ns) : first;
    }
    return first;
}

static SimNumber
availability(SimWorld *world, const SimSentence *check, const SimPeriod *period)
{
    SimFilter filter = sim_filter_of(world, check);
    uint64_t all = 0;
    uint64_t fine = 0;

    for (size_t i = 0; i < sim_history_count(world->history); i++) {
        const SimCall *call = sim_history_at(world->history, i);

        if (call->outcome != SIM_OUTCOME_PENDING &&
            sim_period_has(world, period, call->invoked_ns) &&
            sim_filter_passes(world, &filter, call)) {
            all++;
            fine += call->outcome == SIM_OUTCOME_OK;
        }
    }
    sim_filter_clear(&filter);
    return all == 0 ? unknown("nobody asked") : number_of((int64_t)(fine * 1000000 / all));
}

static gint
compare_times(gconstpointer a, gconstpointer b)
{
    int64_t one = *(const int64_t *)a;
    int64_t other = *(const int64_t *)b;

    return one < other ? -1 : one > other;
}

/* Of operations that succeeded. */
static SimNumber
percentile(SimWorld *world, const SimSentence *check, const SimPeriod *period)
{
    static const unsigned per_mille[] = {
        [SIM_P50] = 500, [SIM_P90] = 900, [SIM_P99] = 990, [SIM_P999] = 999, [SIM_PMAX] = 1000};
    unsigned share = per_mille[MIN(check->part[SIM_PART_CHOICE].choice, SIM_PMAX)];
    SimOperation kind = sim_sentence_has(check, SIM_PART_COUNT)
                            ? (SimOperation)check->part[SIM_PART_COUNT].choice
                            : SIM_DO_ANY;
    SimFilter filter = sim_filter_of(world, check);
    GArray *times = g_array_new(FALSE, FALSE, sizeof(int64_t));
    SimNumber number = unknown("no such operation succeeded");

    for (size_t i = 0; i < sim_history_count(world->history); i++) {
        const SimCall *call = sim_history_at(world->history, i);
        int64_t took = call->done_ns - call->invoked_ns;

        if (call->outcome == SIM_OUTCOME_OK && (kind == SIM_DO_ANY || kind == call->kind) &&
            sim_period_has(world, period, call->invoked_ns) &&
            sim_filter_passes(world, &filter, call)) {
            g_array_append_val(times, took);
        }
    }
    if (times->len > 0) {
        guint place = (guint)(((uint64_t)times->len * share + 999) / 1000);

        g_array_sort(times, compare_times);
        number = number_of(g_array_index(times, int64_t, MAX(place, 1) - 1));
    }
    g_array_unref(times);
    sim_filter_clear(&filter);
    return number;
}

static SimNumber
latency_ratio(SimWorld *world, const SimSentence *check, const SimPeriod *period)
{
    OrrTime fault = first_fault(world);
    SimPeriod before = {world->origin_ns, fault, false, true};
    SimPeriod after = *period;
    SimNumber baseline = percentile(world, check, &before);
    SimNumber number;

    after.from_ns = MAX(after.from_ns, fault);
    number = percentile(world, check, &after);
    if (!baseline.known || !number.known || baseline.value == 0) {
        return unknown("there is nothing to compare with");
    }
    number.value = (int64_t)((SimWide)number.value * 1000000 / baseline.value);
    return number;
}

/* ---- throughput: successes by second of their end */

static uint32_t
second_of(const SimWorld *world, OrrTime at)
{
    return (uint32_t)(MAX(at - world->origin_ns, 0) / ORR_NS_PER_S);
}

static bool
is_struck(const SimWorld *world, uint16_t node)
{
    for (size_t i = 0; i < sim_faults_span_count(world); i++) {
        const SimFaultSpan *span = sim_faults_span(world, i);

        if (span->fault && sim_set_has(span->nodes, node)) {
            return true;
        }
    }
    return false;
}

static uint32_t *
count_seconds(SimWorld *world, const SimFilter *filter, bool others_only, uint32_t *count)
{
    uint32_t *seconds;
    g_autofree bool *struck = g_new0(bool, world->host_count + 1);

    for (uint32_t i = 0; i < world->host_count; i++) {
        struck[i] = is_struck(world, (uint16_t)i);
    }
    *count = second_of(world, world->now_ns) + 1;
    seconds = g_new0(uint32_t, *count);
    for (size_t i = 0; i < sim_history_count(world->history); i++) {
        const SimCall *call = sim_history_at(world->history, i);

        if (call->outcome == SIM_OUTCOME_OK && call->done_ns >= world->origin_ns &&
            sim_filter_passes(world, filter, call) &&
            !(others_only && (call->node >= world->host_count || struck[call->node]))) {
            seconds[second_of(world, call->done_ns)]++;
        }
    }
    return seconds;
}

static SimNumber
throughput(SimWorld *world, const SimSentence *check, const SimPeriod *period)
{
    SimFilter filter = sim_filter_of(world, check);
    bool others = check->kind == SIM_CHECK_THROUGHPUT_OTHERS;
    uint32_t count;
    g_autofree uint32_t *seconds = count_seconds(world, &filter, others, &count);
    uint32_t fault = second_of(world, first_fault(world));
    uint64_t before = 0;
    SimNumber number = unknown("there is nothing to compare with");

    sim_filter_clear(&filter);
    for (uint32_t i = 1; i < fault; i++) { /* the first second is a start */
        before += seconds[i];
    }
    if (fault < 2 || before == 0) {
        return number;
    }
    for (uint32_t i = fault; i + WINDOW_S < count; i++) {
        OrrTime at = world->origin_ns + (OrrTime)i * ORR_NS_PER_S;
        uint64_t sum = 0;

        for (uint32_t k = 0; k < WINDOW_S; k++) {
            sum += seconds[i + k];
        }
        int64_t ratio = (int64_t)((SimWide)sum * 1000000 * (fault - 1) / WINDOW_S / before);

        if (sim_period_has(world, period, at) && (!number.known || ratio < number.value)) {
            number = number_of(ratio);
            number.at_ns = at;
        }
    }
    return number;
}

/* ---- workers that wait */

typedef struct Edge {
    OrrTime at_ns;
    int change;
} Edge;

static gint
compare_edges(gconstpointer a, gconstpointer b)
{
    const Edge *one = a;
    const Edge *other = b;

    return one->at_ns != other->at_ns ? (one->at_ns < other->at_ns ? -1 : 1)
                                      : one->change - other->change;
}

static SimNumber
blocked_workers(SimWorld *world, const SimSentence *check, const SimPeriod *period)
{
    SimFilter filter = sim_filter_of(world, check);
    GArray *edges = g_array_new(FALSE, FALSE, sizeof(Edge));
    int64_t workers = (int64_t)MAX(sim_clients_totals(world).workers, 1);
    int64_t now = 0;
    SimNumber number = number_of(0);

    for (size_t i = 0; i < sim_history_count(world->history); i++) {
        const SimCall *call = sim_history_at(world->history, i);
        OrrTime patience = world->scenario->fleets[call->fleet].timeout_ns / 10;
        Edge begin = {call->invoked_ns + patience, 1};
        Edge end = {MIN(call->done_ns, world->now_ns), -1};

        if (end.at_ns > begin.at_ns && sim_period_has(world, period, begin.at_ns) &&
            sim_filter_passes(world, &filter, call)) {
            g_array_append_val(edges, begin);
            g_array_append_val(edges, end);
        }
    }
    g_array_sort(edges, compare_edges);
    for (guint i = 0; i < edges->len; i++) {
        const Edge *edge = &g_array_index(edges, Edge, i);

        now += edge->change;
        if (now * 1000000 / workers > number.value) {
            number.value = now * 1000000 / workers;
            number.at_ns = edge->at_ns;
        }
    }
    g_array_unref(edges);
    sim_filter_clear(&filter);
    return number;
}

/* ---- the rest */

static SimNumber
redirects(SimWorld *world, const SimSentence *check, const SimPeriod *period)
{
    SimFilter filter = sim_filter_of(world, check);
    SimNumber number = number_of(0);

    for (size_t i = 0; i < sim_history_count(world->history); i++) {
        const SimCall *call = sim_history_at(world->history, i);
        int64_t hops = call->attempts > 0 ? call->attempts - 1 : 0;

        if (hops > number.value && call->outcome == SIM_OUTCOME_OK &&
            sim_period_has(world, period, call->invoked_ns) &&
            sim_filter_passes(world, &filter, call)) {
            number.value = hops;
            number.at_ns = call->invoked_ns;
        }
    }
    sim_filter_clear(&filter);
    return number;
}

static SimNumber
hit_rate(SimWorld *world, const SimSentence *check, const SimPeriod *period)
{
    SimFilter filter = sim_filter_of(world, check);
    uint64_t reads = 0;
    uint64_t hits = 0;

    for (size_t i = 0; i < sim_history_count(world->history); i++) {
        const SimCall *call = sim_history_at(world->history, i);

        if (!sim_operation_is_write((SimOperation)call->kind) &&
            call->outcome == SIM_OUTCOME_OK &&
            sim_period_has(world, period, call->invoked_ns) &&
            sim_filter_passes(world, &filter, call)) {
            reads++;
            hits += call->number != 0;
        }
    }
    sim_filter_clear(&filter);
    return reads == 0 ? unknown("nobody read") : number_of((int64_t)(hits * 1000000 / reads));
}

static SimNumber
store_load(SimWorld *world, const SimPeriod *period)
{
    const GArray *seconds = sim_clients_store_seconds(world);
    uint32_t fault = second_of(world, first_fault(world));
    uint64_t before = 0;
    SimNumber number = number_of(0);

    for (uint32_t i = 1; i < fault && i < seconds->len; i++) {
        before += g_array_index(seconds, uint32_t, i);
    }
    if (before == 0 || fault < 2) {
        return unknown("the store was not used before the first fault");
    }
    for (uint32_t i = fault; i < seconds->len; i++) {
        OrrTime at = world->origin_ns + (OrrTime)i * ORR_NS_PER_S;
        int64_t ratio = (int64_t)((uint64_t)g_array_index(seconds, uint32_t, i) * 1000000 *
                                  (fault - 1) / before);

        if (sim_period_has(world, period, at) && ratio > number.value) {
            number.value = ratio;
            number.at_ns = at;
        }
    }
    return number;
}

static SimNumber
load_max_mean(SimWorld *world, const SimPeriod *period)
{
    g_autofree uint64_t *load = g_new0(uint64_t, world->host_count + 1);
    uint64_t most = 0;
    uint64_t all = 0;
    uint64_t owners = 0;

    for (size_t i = 0; i < sim_history_count(world->history); i++) {
        const SimCall *call = sim_history_at(world->history, i);

        if (call->node < world->host_count && call->outcome == SIM_OUTCOME_OK &&
            sim_period_has(world, period, call->invoked_ns)) {
            owners += load[call->node] == 0;
            load[call->node]++;
            most = MAX(most, load[call->node]);
            all++;
        }
    }
    return all == 0 ? unknown("nobody asked")
                    : number_of((int64_t)(most * owners * 1000000 / all));
}

bool
sim_check_requests(SimWorld *world, const SimSentence *check, OrrTime from, OrrTime to,
                   char *why, size_t size)
{
    SimFilter filter = sim_filter_of(world, check);
    uint64_t failed = 0;
    uint64_t all = 0;

    for (size_t i = 0; i < sim_history_count(world->history); i++) {
        const SimCall *call = sim_history_at(world->history, i);

        if (call->invoked_ns >= from && call->invoked_ns < to &&
            call->outcome != SIM_OUTCOME_PENDING && sim_filter_passes(world, &filter, call)) {
            all++;
            failed += call->outcome != SIM_OUTCOME_OK;
        }
    }
    sim_filter_clear(&filter);
    g_snprintf(why, (gulong)size, "%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " failed",
               failed, all);
    return failed == 0;
}

SimNumber
sim_check_measure_service(SimWorld *world, const SimSentence *check, const SimPeriod *period)
{
    switch ((int)check->kind) {
    case SIM_CHECK_AVAILABILITY:
        return availability(world, check, period);
    case SIM_CHECK_LATENCY:
        return percentile(world, check, period);
    case SIM_CHECK_LATENCY_RATIO:
        return latency_ratio(world, check, period);
    case SIM_CHECK_THROUGHPUT:
    case SIM_CHECK_THROUGHPUT_OTHERS:
        return throughput(world, check, period);
    case SIM_CHECK_BLOCKED_WORKERS:
        return blocked_workers(world, check, period);
    case SIM_CHECK_REDIRECTS:
        return redirects(world, check, period);
    case SIM_CHECK_HIT_RATE:
        return hit_rate(world, check, period);
    case SIM_CHECK_STORE_LOAD:
        return store_load(world, period);
    case SIM_CHECK_LOAD_MAX_MEAN:
        return load_max_mean(world, period);
    default:
        return unknown("this build cannot measure it");
    }
}
