/* The end of a run: what is left is decided, and the verdicts are told. */
#include "check_number.h"
#include "check_state.h"
#include "judge_state.h"

/* ---- the end */

static void
finish_agreement(SimWorld *world, SimItem *item)
{
    OrrTime took = item->true_since_ns < 0 ? ORR_NEVER : item->true_since_ns - item->moment_ns;

    if (!item->started) {
        sim_item_decide(item, SIM_VERDICT_UNDECIDED, -1, "its moment never came");
    } else if (took == ORR_NEVER) {
        sim_item_fail(world, item, "the views never agreed");
    } else if (!sim_bound_holds(&item->check->part[SIM_PART_BOUND].bound, took)) {
        sim_item_set_value(item, SIM_UNIT_NS, took);
        sim_item_fail(world, item, "");
    } else {
        sim_item_set_value(item, SIM_UNIT_NS, took);
        sim_item_decide(item, SIM_VERDICT_HELD, -1, NULL);
    }
}

static void
finish_deadline(SimWorld *world, SimItem *item)
{
    char note[SIM_NOTE_SIZE] = "";

    if (!item->started) {
        sim_item_decide(item, SIM_VERDICT_UNDECIDED, -1, "its moment never came");
    } else if (item->check->kind == SIM_CHECK_REQUESTS_SUCCEED) {
        if (!sim_check_requests(world, item->check, sim_item_deadline_ns(item), world->now_ns,
                                note, sizeof note)) {
            sim_item_fail(world, item, note);
        } else {
            sim_item_decide(item, SIM_VERDICT_HELD, -1, NULL);
        }
    } else if (sim_check_state(world, item->check, note, sizeof note)) {
        sim_item_decide(item, SIM_VERDICT_HELD, -1, NULL);
    } else if (world->now_ns >= sim_item_deadline_ns(item)) {
        sim_item_fail(world, item, note);
    } else {
        sim_item_decide(item, SIM_VERDICT_UNDECIDED, -1, "the run ended before the deadline");
    }
}

static void
finish_number(SimWorld *world, SimItem *item)
{
    const SimValue *bound = &item->check->part[SIM_PART_BOUND];
    SimNumber number = sim_check_measure(world, item->check);

    if (!number.known) {
        sim_item_decide(item, SIM_VERDICT_UNDECIDED, -1, number.note);
        return;
    }
    if (bound->type == SIM_VALUE_BOUND) {
        sim_item_set_value(item, bound->bound.unit, number.value);
        if (!sim_bound_holds(&bound->bound, number.value)) {
            sim_item_fail(world, item, number.note);
            item->measured.at_ns = number.at_ns;
            return;
        }
    } else if (number.value == 0) { /* yes or no */
        sim_item_fail(world, item, number.note);
        return;
    }
    sim_item_decide(item, SIM_VERDICT_HELD, number.at_ns, NULL);
}

/* What `always` bounds saw at most. */
static void
finish_rule(SimWorld *world, SimItem *item)
{
    const SimValue *bound = &item->check->part[SIM_PART_BOUND];
    SimNetworkStats stats = sim_network_stats(world->network);
    int64_t peak = 0;

    switch ((int)item->check->kind) {
    case SIM_CHECK_MESSAGES_IN_FLIGHT:
        peak = (int64_t)stats.in_flight_peak;
        break;
    case SIM_CHECK_BYTES_PER_LINK:
        for (size_t i = 0; i < sim_network_link_count(world->network); i++) {
            SimLinkStats link = sim_network_link_stats(world->network, i);

            peak = MAX(peak, (int64_t)link.queue_peak_size);
        }
        break;
    case SIM_CHECK_MEMORY_PER_NODE:
        peak = (int64_t)world->judge->tally->memory_peak;
        break;
    case SIM_CHECK_NO_DELETED_KEY_RETURNS:
        if (world->judge->tally->returned->len > 0) {
            sim_item_fail(world, item, "a client read a value that was deleted before");
        }
        sim_item_decide(item, SIM_VERDICT_HELD, -1, NULL);
        return;
    default:
        sim_item_decide(item, SIM_VERDICT_HELD, -1, NULL);
        return;
    }
    sim_item_set_value(item, bound->bound.unit, peak);
    if (bound->type == SIM_VALUE_BOUND && !sim_bound_holds(&bound->bound, peak)) {
        sim_item_fail(world, item, "");
    }
    sim_item_decide(item, SIM_VERDICT_HELD, -1, NULL);
}

static void
finish_item(SimWorld *world, SimItem *item)
{
    char note[SIM_NOTE_SIZE] = "";

    if (item->decided) {
        return;
    }
    if (world->never_formed) {
        sim_item_decide(item, SIM_VERDICT_UNDECIDED, -1, "the scenario never began");
    } else if (item->expect) {
        sim_item_decide(item, SIM_VERDICT_UNDECIDED, -1, "its time never came");
    } else if (item->check->kind == SIM_CHECK_AGREEMENT_TIME) {
        finish_agreement(world, item);
    } else if (item->has_deadline) {
        finish_deadline(world, item);
    } else if (sim_check_is_rule(item->check->kind)) {
        finish_rule(world, item);
    } else if (!sim_check_is_state(item->check->kind)) {
        finish_number(world, item);
    } else if (item->section == SIM_SECTION_ALWAYS ||
               sim_check_state(world, item->check, note, sizeof note)) {
        sim_item_decide(item, SIM_VERDICT_HELD, -1, NULL);
    } else {
        sim_item_fail(world, item, note);
    }
}

void
sim_judge_finish(SimWorld *world)
{
    /* states first: they are of this instant; then what the whole run comes to */
    for (uint32_t i = 0; i < world->judge->count; i++) {
        if (sim_check_is_state(world->judge->items[i].check->kind)) {
            finish_item(world, &world->judge->items[i]);
        }
    }
    sim_invariants_finish(world->invariants, world->now_ns);
    sim_tally_finish(world);
    for (uint32_t i = 0; i < world->judge->count; i++) {
        finish_item(world, &world->judge->items[i]);
    }
}

/* ---- answers */

size_t
sim_judge_count(const SimWorld *world)
{
    return world->judge->count;
}

SimMeasured *
sim_judge_measured(const SimWorld *world, size_t index)
{
    g_assert(index < world->judge->count);
    return &world->judge->items[index].measured;
}

bool
sim_judge_unsafe(const SimWorld *world)
{
    return world->judge->unsafe;
}

int
sim_judge_exit_code(const SimWorld *world)
{
    bool late = world->never_formed;
    bool undecided = false;

    if (world->broken) {
        return SIM_EXIT_UNSAFE;
    }
    for (uint32_t i = 0; i < world->judge->count; i++) {
        const SimMeasured *measured = &world->judge->items[i].measured;

        if (measured->verdict == SIM_VERDICT_FAILED && measured->safety) {
            return SIM_EXIT_UNSAFE;
        }
        late |= measured->verdict == SIM_VERDICT_FAILED;
        undecided |= measured->verdict == SIM_VERDICT_UNDECIDED;
    }
    return late ? SIM_EXIT_LATE : undecided ? SIM_EXIT_UNDECIDED : SIM_EXIT_HELD;
}

SimTally *
sim_judge_tally(const SimWorld *world)
{
    return world->judge->tally;
}
