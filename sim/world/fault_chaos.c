/* Random faults on top of the timeline, and the settling at the end. */
#include "fault_state.h"
#include "judge.h"
#include "live.h"

static void
plan(SimWorld *world, OrrTime at, SimFaultEvent what)
{
    SimEvent event = {.at_ns = at, .kind = SIM_EVENT_TIMELINE, .arg = {what}};

    sim_queue_schedule(world->queue, &event);
}

static void
plan_next(SimWorld *world, OrrTime from)
{
    const SimChaos *chaos = &world->scenario->chaos;
    SimDistribution every = sim_distribution_of(&chaos->every);
    OrrTime gap = MAX(sim_distribution_sample(&every, &world->faults->chaos_rng), 1);

    if (from + gap < sim_world_virtual_ns(world, chaos->to_ns)) {
        plan(world, from + gap, SIM_FAULT_CHAOS);
    }
}

/* With `swarm` each seed plays with a subset of its own; never with nothing. */
static void
draw_lines(SimWorld *world)
{
    const SimChaos *chaos = &world->scenario->chaos;
    SimFaults *self = world->faults;
    unsigned taken = 0;

    for (unsigned i = 0; i < chaos->line_count; i++) {
        self->chaos_lines[i] = !chaos->swarm || orr_rng_below(&self->chaos_rng, 2) == 0;
        taken += self->chaos_lines[i];
    }
    if (taken == 0 && chaos->line_count > 0) {
        self->chaos_lines[orr_rng_below(&self->chaos_rng, chaos->line_count)] = true;
    }
}

void
sim_chaos_begin(SimWorld *world)
{
    const SimChaos *chaos = &world->scenario->chaos;

    if (chaos->given && chaos->line_count > 0) {
        draw_lines(world);
        plan_next(world, sim_world_virtual_ns(world, chaos->from_ns));
    }
}

static const SimChaosLine *
draw_line(SimWorld *world)
{
    const SimChaos *chaos = &world->scenario->chaos;
    SimFaults *self = world->faults;
    uint64_t total = 0;

    for (unsigned i = 0; i < chaos->line_count; i++) {
        total += self->chaos_lines[i] ? chaos->lines[i].weight : 0;
    }
    if (total == 0) {
        return NULL;
    }
    uint64_t drawn = orr_rng_below(&self->chaos_rng, total);

    for (unsigned i = 0; i < chaos->line_count; i++) {
        uint64_t weight = self->chaos_lines[i] ? chaos->lines[i].weight : 0;

        if (drawn < weight) {
            return &chaos->lines[i];
        }
        drawn -= weight;
    }
    return NULL;
}

/* With `keep: quorum`: as many voters can be struck at once as a majority can spare. */
static bool
may_strike(SimWorld *world)
{
    const SimTarget voters_target = {.kind = SIM_TARGET_VOTERS};
    SimSet *voters;
    SimSet *struck = sim_set_new();
    bool may;

    for (guint i = 0; i < world->faults->strikes->len; i++) {
        const SimStrike *strike = sim_strike_at(world->faults, i);

        if (strike->active && strike->span.fault) {
            sim_set_add_all(struck, strike->span.nodes);
        }
    }
    for (uint32_t i = 0; i < world->host_count; i++) {
        if (world->hosts[i].process > SIM_PROCESS_RUNNING) {
            sim_set_add(struck, i);
        }
    }
    voters = sim_target_nodes(world, &voters_target, &world->faults->chaos_rng, NULL);
    may = struck->len < (voters->len + 1) / 2;
    sim_set_free(voters);
    sim_set_free(struck);
    return may;
}

void
sim_chaos_next(SimWorld *world)
{
    const SimChaosLine *line = draw_line(world);

    if (world->faults->settled) {
        return;
    }
    if (line != NULL && world->live != NULL && sim_live_undoable(&line->command) != NULL) {
        line = NULL;
    }
    if (line != NULL && (!world->scenario->chaos.keep_quorum || may_strike(world))) {
        SimStrike *strike = sim_fault_strike(world, &line->command, SIM_NONE, SIM_NONE,
                                             &world->faults->chaos_rng);

        sim_fault_plan_undo(world, strike, line->undone ? &line->duration : NULL);
    }
    plan_next(world, world->now_ns);
}

void
sim_chaos_settle(SimWorld *world)
{
    const SimSettle *settle = &world->scenario->settle;
    SimFaults *self = world->faults;

    self->settled = true;
    self->settled_ns = world->now_ns;
    sim_story_add(world->story, SIM_LINE_PHASE, world->now_ns, "settle: everything is healed");
    for (guint i = 0; i < self->strikes->len; i++) {
        SimStrike *strike = sim_strike_at(self, i);
        bool death = strike->span.kind == SIM_COMMAND_KILL ||
                     strike->span.kind == SIM_COMMAND_POWER_OFF ||
                     strike->span.kind == SIM_COMMAND_STOP;

        if (!death || !settle->leave_down) {
            sim_fault_undo(world, strike, "settled");
        }
    }
    for (uint32_t i = 0; i < world->host_count; i++) {
        SimHost *host = &world->hosts[i];

        sim_host_resume(host);
        if (!sim_host_lives(host) && host->boots > 0 && !host->left && !settle->leave_down) {
            sim_fault_restart(world, host, host->boots);
        }
    }
    for (unsigned i = 0; i < settle->leave_count; i++) {
        sim_fault_strike(world, &settle->leave_broken[i], SIM_NONE, SIM_NONE, &self->chaos_rng);
    }
    sim_judge_on_moment(world, SIM_MOMENT_SETTLE, SIM_NONE);
}
