#include "check_number.h"

#include "client.h"
#include "fault.h"

#define HEAL_MARGIN_NS (5 * ORR_NS_PER_S) /* and the node timeout: `outside faults` */
#define SPELL_NS (10 * ORR_NS_PER_S)      /* verdicts on one node within it are one verdict */

/* ---- moments and periods */

OrrTime
sim_moment_ns(const SimWorld *world, const SimMoment *moment)
{
    OrrTime base = -1;

    switch (moment->kind) {
    case SIM_MOMENT_TIME:
        base = world->origin_ns;
        break;
    case SIM_MOMENT_BEGIN:
        base = sim_faults_begin_ns(world, moment->index);
        break;
    case SIM_MOMENT_END:
        base = sim_faults_end_ns(world, moment->index);
        break;
    case SIM_MOMENT_SETTLE:
        base = sim_faults_settled_ns(world);
        break;
    case SIM_MOMENT_STOP:
        base = world->now_ns;
        break;
    }
    return base < 0 ? -1 : base + moment->offset_ns;
}

SimPeriod
sim_check_period(const SimWorld *world, const SimSentence *check)
{
    SimPeriod period = {.from_ns = world->origin_ns, .to_ns = ORR_NEVER, .decided = true};

    if (sim_sentence_has(check, SIM_PART_FROM)) {
        period.from_ns = sim_moment_ns(world, &check->part[SIM_PART_FROM].moment);
        period.decided &= period.from_ns >= 0;
    }
    if (sim_sentence_has(check, SIM_PART_TO)) {
        period.to_ns = sim_moment_ns(world, &check->part[SIM_PART_TO].moment);
        period.decided &= period.to_ns >= 0;
    }
    period.outside = sim_sentence_has(check, SIM_PART_OUTSIDE);
    return period;
}

bool
sim_period_has(const SimWorld *world, const SimPeriod *period, OrrTime at)
{
    return at >= period->from_ns && at < period->to_ns &&
           !(period->outside &&
             sim_faults_any_at(world, at,
                               HEAL_MARGIN_NS + world->scenario->settings.node_timeout_ns));
}

/* ---- measures of decisions */

static SimNumber
number_of(int64_t value)
{
    return (SimNumber){.known = true, .value = value, .at_ns = -1};
}

static SimNumber
unknown(const char *why)
{
    SimNumber number = {.known = false, .at_ns = -1};

    g_strlcpy(number.note, why, sizeof number.note);
    return number;
}

static void
worsen(SimNumber *number, int64_t value, OrrTime at, const char *note)
{
    if (value > number->value || !number->known) {
        number->known = true;
        number->value = value;
        number->at_ns = at;
        g_strlcpy(number->note, note, sizeof number->note);
    }
}

static const char *
node_name(const SimWorld *world, uint32_t node)
{
    return node < world->host_count ? world->hosts[node].spec->name : "nobody";
}

static const char *
shard_name(const SimWorld *world, uint32_t shard)
{
    return shard < sim_roster_count(world->names, SIM_ROSTER_SHARD)
               ? sim_roster_text(world->names, SIM_ROSTER_SHARD, shard)
               : "?";
}

/* Nodes of WHO (or OF), or NULL: all. */
static SimSet *
nodes_of(SimWorld *world, const SimSentence *check, SimPart part)
{
    const SimTarget *target = sim_sentence_target(check, part);
    OrrRng rng = orr_rng_new(world->options.seed);

    return target != NULL ? sim_target_nodes(world, target, &rng, NULL) : NULL;
}

static bool
is_in(const SimSet *set, uint32_t node)
{
    return set == NULL || (node != SIM_ROSTER_NONE && sim_set_has(set, node));
}

static SimNumber
count_marks(SimWorld *world, const SimSentence *check, const SimPeriod *period,
            OrrTraceKind kind)
{
    const SimTally *tally = sim_judge_tally(world);
    SimSet *who = nodes_of(world, check, SIM_PART_WHO);
    SimNumber number = number_of(0);

    for (guint i = 0; i < tally->marks->len; i++) {
        const SimMark *mark = &g_array_index(tally->marks, SimMark, i);
        uint32_t node = kind == ORR_TRACE_SYNC_FULL_BEGUN ? mark->other : mark->node;

        if (mark->kind == kind && sim_period_has(world, period, mark->at_ns) &&
            is_in(who, node)) {
            number.value++;
            number.at_ns = mark->at_ns;
        }
    }
    sim_set_free(who);
    return number;
}

static SimNumber
worst_of_each(SimWorld *world, const SimPeriod *period, OrrTraceKind kind)
{
    const SimTally *tally = sim_judge_tally(world);
    g_autofree int64_t *count = g_new0(int64_t, world->host_count + 1);
    SimNumber number = number_of(0);

    for (guint i = 0; i < tally->marks->len; i++) {
        const SimMark *mark = &g_array_index(tally->marks, SimMark, i);

        if (mark->kind == kind && mark->other < world->host_count &&
            sim_period_has(world, period, mark->at_ns)) {
            worsen(&number, ++count[mark->other], mark->at_ns, node_name(world, mark->other));
        }
    }
    return number;
}

static SimNumber
ownership_changes(SimWorld *world, const SimSentence *check, const SimPeriod *period)
{
    const SimTally *tally = sim_judge_tally(world);
    uint32_t only = sim_target_shard(world, sim_sentence_target(check, SIM_PART_OF));
    bool per_shard = check->part[SIM_PART_CHOICE].type == SIM_VALUE_CHOICE &&
                     check->part[SIM_PART_CHOICE].choice == 1;
    g_autofree int64_t *count = g_new0(int64_t, world->scenario->shard_count + 1);
    SimNumber number = number_of(0);

    for (guint i = 0; i < tally->outages->len; i++) {
        const SimOutage *outage = &g_array_index(tally->outages, SimOutage, i);
        char note[160];

        if (outage->to == SIM_NONE || outage->to == outage->from ||
            (only != SIM_NONE && outage->shard != only) ||
            !sim_period_has(world, period, outage->served_ns)) {
            continue;
        }
        g_snprintf(note, sizeof note, "shard %s went from %s to %s",
                   shard_name(world, outage->shard), node_name(world, outage->from),
                   node_name(world, outage->to));
        count[per_shard ? outage->shard : 0]++;
        worsen(&number, count[per_shard ? outage->shard : 0], outage->served_ns, note);
    }
    return number;
}

static SimNumber
failover_time(SimWorld *world, const SimSentence *check, const SimPeriod *period)
{
    const SimTally *tally = sim_judge_tally(world);
    uint32_t only = sim_target_shard(world, sim_sentence_target(check, SIM_PART_OF));
    SimNumber number = unknown("no shard lost its primary");

    for (guint i = 0; i < tally->outages->len; i++) {
        const SimOutage *outage = &g_array_index(tally->outages, SimOutage, i);
        OrrTime until = MIN(outage->served_ns, world->now_ns);
        char note[160];

        if ((only != SIM_NONE && outage->shard != only) ||
            !sim_period_has(world, period, outage->lost_ns)) {
            continue;
        }
        g_snprintf(note, sizeof note, "shard %s, %s lost, %s", shard_name(world, outage->shard),
                   node_name(world, outage->from),
                   outage->to == SIM_NONE ? "never served again" : "then served by ");
        if (outage->to != SIM_NONE) {
            g_strlcat(note, node_name(world, outage->to), sizeof note);
        }
        worsen(&number, until - outage->lost_ns, until, note);
    }
    return number;
}

/* The first verdict on each struck node after each fault. */
static SimNumber
detection_time(SimWorld *world, const SimSentence *check, const SimPeriod *period)
{
    const SimTally *tally = sim_judge_tally(world);
    SimSet *who = nodes_of(world, check, SIM_PART_WHO);
    SimNumber number = unknown("nobody was declared failed");
    g_autofree OrrTime *seen = g_new(OrrTime, world->host_count + 1);

    for (uint32_t i = 0; i < world->host_count; i++) {
        seen[i] = -1;
    }
    for (guint i = 0; i < tally->marks->len; i++) {
        const SimMark *mark = &g_array_index(tally->marks, SimMark, i);
        OrrTime struck = -1;

        if (mark->kind != ORR_TRACE_FAILED || !is_in(who, mark->other) ||
            mark->other >= world->host_count || !sim_period_has(world, period, mark->at_ns)) {
            continue;
        }
        for (size_t k = 0; k < sim_faults_span_count(world); k++) {
            const SimFaultSpan *span = sim_faults_span(world, k);

            if (span->fault && span->from_ns <= mark->at_ns &&
                sim_set_has(span->nodes, mark->other)) {
                struck = span->from_ns;
            }
        }
        if (struck >= 0 && seen[mark->other] < struck) {
            seen[mark->other] = mark->at_ns;
            worsen(&number, mark->at_ns - struck, mark->at_ns, node_name(world, mark->other));
        }
    }
    sim_set_free(who);
    return number;
}

static SimNumber
false_verdicts(SimWorld *world, const SimPeriod *period)
{
    const SimTally *tally = sim_judge_tally(world);
    SimNumber number = number_of(0);
    g_autofree OrrTime *last = g_new0(OrrTime, world->host_count + 1);

    for (guint i = 0; i < tally->marks->len; i++) {
        const SimMark *mark = &g_array_index(tally->marks, SimMark, i);

        if (mark->kind != ORR_TRACE_FAILED || mark->genuine ||
            mark->other >= world->host_count || !sim_period_has(world, period, mark->at_ns)) {
            continue;
        }
        if (last[mark->other] == 0 || mark->at_ns - last[mark->other] > SPELL_NS) {
            char note[160];

            g_snprintf(note, sizeof note, "%s failed %s", node_name(world, mark->node),
                       node_name(world, mark->other));
            worsen(&number, number.value + 1, mark->at_ns, note);
        }
        last[mark->other] = mark->at_ns;
    }
    return number;
}

/* From the fault that isolated an owner to the last write that it acknowledged. */
static SimNumber
fence_time(SimWorld *world, const SimSentence *check, const SimPeriod *period)
{
    const SimTally *tally = sim_judge_tally(world);
    SimSet *who = nodes_of(world, check, SIM_PART_WHO);
    SimNumber number = unknown("no owner was fenced");

    for (guint i = 0; i < tally->marks->len; i++) {
        const SimMark *mark = &g_array_index(tally->marks, SimMark, i);
        const SimFaultSpan *cause = NULL;
        OrrTime last = -1;

        if (mark->kind != ORR_TRACE_FENCED || !is_in(who, mark->node) ||
            !sim_period_has(world, period, mark->at_ns)) {
            continue;
        }
        for (size_t k = 0; k < sim_faults_span_count(world); k++) {
            const SimFaultSpan *span = sim_faults_span(world, k);

            if (span->fault && span->from_ns <= mark->at_ns && span->to_ns >= mark->at_ns &&
                sim_set_has(span->nodes, mark->node)) {
                cause = span;
            }
        }
        for (size_t k = 0; cause != NULL && k < sim_history_count(world->history); k++) {
            const SimCall *call = sim_history_at(world->history, k);

            if (call->node == mark->node && call->outcome == SIM_OUTCOME_OK &&
                sim_operation_is_write((SimOperation)call->kind) &&
                call->done_ns >= cause->from_ns && call->done_ns <= cause->to_ns) {
                last = MAX(last, call->done_ns);
            }
        }
        if (cause != NULL) {
            worsen(&number, last < 0 ? 0 : last - cause->from_ns, MAX(last, cause->from_ns),
                   node_name(world, mark->node));
        }
    }
    sim_set_free(who);
    return number;
}

static SimNumber
worst_second(SimWorld *world, const SimPeriod *period, bool bytes)
{
    const SimTally *tally = sim_judge_tally(world);
    SimNumber number = unknown("no second was whole");

    for (guint i = 0; i < tally->seconds->len; i++) {
        const SimSecond *second = &g_array_index(tally->seconds, SimSecond, i);
        OrrTime at = world->origin_ns + (OrrTime)i * ORR_NS_PER_S;

        if (second->nodes > 0 && sim_period_has(world, period, at)) {
            worsen(&number, (int64_t)(bytes ? second->bytes : second->messages) / second->nodes,
                   at, "");
        }
    }
    return number;
}

static SimNumber
refused_frames(SimWorld *world, const SimSentence *check)
{
    SimSet *who = nodes_of(world, check, SIM_PART_WHO);
    SimNumber number = number_of(0);

    for (uint32_t i = 0; i < world->host_count; i++) {
        const OrrNodeView *view = sim_host_view(&world->hosts[i]);

        if (is_in(who, i)) {
            number.value += (int64_t)(world->hosts[i].before.frames_refused +
                                      (view != NULL ? view->frames_refused : 0));
        }
    }
    sim_set_free(who);
    return number;
}

static SimNumber
reached(SimWorld *world, const SimSentence *check)
{
    unsigned what = check->part[SIM_PART_CHOICE].choice;

    return number_of((int64_t)(sim_judge_tally(world)->reached >> what & 1));
}

SimNumber
sim_check_measure(SimWorld *world, const SimSentence *check)
{
    SimPeriod period = sim_check_period(world, check);

    if (!period.decided) {
        return unknown("a moment that it counts from never came");
    }
    switch ((int)check->kind) {
    case SIM_CHECK_OWNERSHIP_CHANGES:
        return ownership_changes(world, check, &period);
    case SIM_CHECK_PROMOTIONS:
        return count_marks(world, check, &period, ORR_TRACE_PROMOTED);
    case SIM_CHECK_ELECTIONS:
        return count_marks(world, check, &period, ORR_TRACE_STOOD);
    case SIM_CHECK_EXPIRED_ATTEMPTS:
        return count_marks(world, check, &period, ORR_TRACE_ATTEMPT_EXPIRED);
    case SIM_CHECK_FULL_SYNCS:
        return count_marks(world, check, &period, ORR_TRACE_SYNC_FULL_BEGUN);
    case SIM_CHECK_FULL_SYNCS_PER_REPLICA:
        return worst_of_each(world, &period, ORR_TRACE_SYNC_FULL_BEGUN);
    case SIM_CHECK_FULL_SYNCS_AT_ONCE:
        return number_of(sim_judge_tally(world)->syncs_peak);
    case SIM_CHECK_FALSE_VERDICTS:
        return false_verdicts(world, &period);
    case SIM_CHECK_FAILOVER_TIME:
        return failover_time(world, check, &period);
    case SIM_CHECK_DETECTION_TIME:
        return detection_time(world, check, &period);
    case SIM_CHECK_FENCE_TIME:
        return fence_time(world, check, &period);
    case SIM_CHECK_MESSAGES_RATE:
        return worst_second(world, &period, false);
    case SIM_CHECK_BYTES_RATE:
        return worst_second(world, &period, true);
    case SIM_CHECK_REFUSED_FRAMES:
        return refused_frames(world, check);
    case SIM_CHECK_REACHED:
        return reached(world, check);
    case SIM_CHECK_WRITES_LOST:
    case SIM_CHECK_LOST_IN_LEDGER:
    case SIM_CHECK_LEDGER_COUNT:
    case SIM_CHECK_LOST_BETWEEN:
    case SIM_CHECK_ACKNOWLEDGES_NOTHING:
    case SIM_CHECK_KEYS_LOST:
    case SIM_CHECK_KEYS_DELETED:
    case SIM_CHECK_TTL_ERROR:
        return sim_check_measure_loss(world, check, &period);
    default:
        return sim_check_measure_service(world, check, &period);
    }
}
