/* What became of acknowledged writes. */
#include "check_number.h"
#include "client.h"
#include "fault.h"

#define EVERYSEC_NS (INT64_C(1100) * ORR_NS_PER_MS) /* appendfsync everysec, and a sync */

static SimNumber
number_of(int64_t value)
{
    return (SimNumber){.known = true, .value = value, .at_ns = -1};
}

/* A power cut took it before it was synced. */
static bool
was_unsynced(const SimWorld *world, const SimCall *call)
{
    for (size_t i = 0; i < sim_faults_span_count(world); i++) {
        const SimFaultSpan *span = sim_faults_span(world, i);
        bool power = span->kind == SIM_COMMAND_POWER_OFF || span->kind == SIM_COMMAND_KILL ||
                     span->kind == SIM_COMMAND_TEAR_NEXT;

        if (power && call->node != SIM_NODE_NONE && sim_set_has(span->nodes, call->node) &&
            call->done_ns <= span->from_ns && span->from_ns - call->done_ns <= EVERYSEC_NS) {
            return true;
        }
    }
    return false;
}

static void
describe(const SimWorld *world, const SimCall *call, SimNumber *number)
{
    g_snprintf(number->note, sizeof number->note, "e.g. %s = %u, acknowledged by %s at %.3f s",
               sim_history_key_text(world->history, call->key, NULL), call->number,
               call->node < world->host_count ? world->hosts[call->node].spec->name : "nobody",
               (double)sim_world_scenario_ns(world, call->done_ns) / 1e9);
}

static SimNumber
writes_lost(SimWorld *world, const SimSentence *check, const SimPeriod *period)
{
    const SimTally *tally = sim_judge_tally(world);
    SimFilter filter = sim_filter_of(world, check);
    bool unless_unsynced = check->part[SIM_PART_CHOICE].type == SIM_VALUE_CHOICE &&
                           check->part[SIM_PART_CHOICE].choice == 1;
    SimNumber number = number_of(0);

    for (guint i = 0; i < tally->lost->len; i++) {
        const SimCall *call =
            sim_history_at(world->history, g_array_index(tally->lost, SimLoss, i).op);
        OrrTime from = period->from_ns == world->origin_ns ? 0 : period->from_ns;

        if (call->done_ns >= from && call->done_ns < period->to_ns &&
            sim_filter_passes(world, &filter, call) &&
            !(unless_unsynced && was_unsynced(world, call))) {
            number.value++;
            describe(world, call, &number);
        }
    }
    sim_filter_clear(&filter);
    return number;
}

/* Yes or no: value 1 or 0. */
static SimNumber
lost_in_ledger(SimWorld *world)
{
    const SimTally *tally = sim_judge_tally(world);
    SimNumber number = number_of(tally->lost_silently == 0);

    if (tally->lost_silently > 0) {
        g_snprintf(number.note, sizeof number.note,
                   "%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                   " lost writes are in no ledger",
                   tally->lost_silently, tally->losses.lost);
    }
    return number;
}

static gint
compare_lines(gconstpointer a, gconstpointer b)
{
    const SimLedgerLine *one = *(const SimLedgerLine *const *)a;
    const SimLedgerLine *other = *(const SimLedgerLine *const *)b;

    return one->version != other->version ? (one->version < other->version ? -1 : 1)
                                          : strcmp(one->key, other->key);
}

/* Several nodes may drop, and list, the same write: it counts once. */
static SimNumber
ledger_count(SimWorld *world)
{
    GPtrArray *lines = g_ptr_array_new();
    SimNumber number = number_of(0);

    for (size_t i = 0; i < sim_history_ledger_count(world->history); i++) {
        g_ptr_array_add(lines, (gpointer)(uintptr_t)sim_history_ledger_at(world->history, i));
    }
    g_ptr_array_sort(lines, compare_lines);
    for (guint i = 0; i < lines->len; i++) {
        gpointer before = i > 0 ? g_ptr_array_index(lines, i - 1) : NULL;

        number.value += before == NULL || compare_lines(&lines->pdata[i], &before) != 0;
    }
    g_ptr_array_unref(lines);
    return number;
}

static SimNumber
lost_between(SimWorld *world, const SimSentence *check, const SimPeriod *period)
{
    const SimTally *tally = sim_judge_tally(world);
    SimFilter filter = sim_filter_of(world, check);
    SimNumber number = number_of(1);

    for (guint i = 0; i < tally->lost->len; i++) {
        const SimCall *call =
            sim_history_at(world->history, g_array_index(tally->lost, SimLoss, i).op);

        if (call->done_ns < period->from_ns || call->done_ns > period->to_ns ||
            !sim_filter_passes(world, &filter, call)) {
            number.value = 0;
            number.at_ns = call->done_ns;
            describe(world, call, &number);
            break;
        }
    }
    sim_filter_clear(&filter);
    return number;
}

static SimNumber
acknowledges_nothing(SimWorld *world, const SimSentence *check, const SimPeriod *period)
{
    const SimTarget *target = sim_sentence_target(check, SIM_PART_WHO);
    OrrRng rng = orr_rng_new(world->options.seed);
    SimSet *who = sim_target_nodes(world, target, &rng, NULL);
    SimNumber number = number_of(1);

    for (size_t i = 0; i < sim_history_count(world->history); i++) {
        const SimCall *call = sim_history_at(world->history, i);

        if (call->outcome == SIM_OUTCOME_OK && call->node != SIM_NODE_NONE &&
            sim_operation_is_write((SimOperation)call->kind) && sim_set_has(who, call->node) &&
            sim_period_has(world, period, call->done_ns)) {
            number.value = 0;
            number.at_ns = call->done_ns;
            describe(world, call, &number);
        }
    }
    sim_set_free(who);
    return number;
}

static SimNumber
keys_gone(SimWorld *world, const SimSentence *check)
{
    const SimTally *tally = sim_judge_tally(world);
    SimFilter filter = sim_filter_of(world, check);
    SimNumber number = number_of(0);

    for (guint i = 0; i < tally->keys_gone->len; i++) {
        uint32_t key = g_array_index(tally->keys_gone, uint32_t, i);
        SimCall call = {.key = key,
                        .client = sim_history_key_client(world->history, key),
                        .node = SIM_NODE_NONE};

        if (sim_filter_passes(world, &filter, &call)) {
            number.value++;
            g_snprintf(number.note, sizeof number.note, "e.g. %s",
                       sim_history_key_text(world->history, key, NULL));
        }
    }
    sim_filter_clear(&filter);
    return number;
}

SimNumber
sim_check_measure_loss(SimWorld *world, const SimSentence *check, const SimPeriod *period)
{
    switch ((int)check->kind) {
    case SIM_CHECK_WRITES_LOST:
        return writes_lost(world, check, period);
    case SIM_CHECK_LOST_IN_LEDGER:
        return lost_in_ledger(world);
    case SIM_CHECK_LEDGER_COUNT:
        return ledger_count(world);
    case SIM_CHECK_LOST_BETWEEN:
        return lost_between(world, check, period);
    case SIM_CHECK_ACKNOWLEDGES_NOTHING:
        return acknowledges_nothing(world, check, period);
    case SIM_CHECK_TTL_ERROR:
        return number_of(sim_judge_tally(world)->ttl_error_ns);
    default:
        return keys_gone(world, check);
    }
}
