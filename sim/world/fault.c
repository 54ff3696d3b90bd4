#include "fault.h"

#include "fault_state.h"
#include "judge.h"
#include "live.h"

/* ---- what kind of thing a command is */

/* Commands that are no faults: nothing that a cluster must suffer. */
static bool
is_fault(SimSentenceKind kind)
{
    switch ((int)kind) {
    case SIM_COMMAND_HEAL:
    case SIM_COMMAND_RELEASE:
    case SIM_COMMAND_RESTART:
    case SIM_COMMAND_START:
    case SIM_COMMAND_JOIN:
    case SIM_COMMAND_LEAVE:
    case SIM_COMMAND_MOVE_ADDRESS:
    case SIM_COMMAND_FAILOVER:
    case SIM_COMMAND_BUMP_EPOCH:
    case SIM_COMMAND_FORGET:
    case SIM_COMMAND_MEET:
    case SIM_COMMAND_ADMIN:
    case SIM_COMMAND_MIGRATE:
    case SIM_COMMAND_RATE:
    case SIM_COMMAND_DELETE:
    case SIM_COMMAND_EXPECT:
        return false;
    default:
        return true;
    }
}

/* ---- strikes */

SimFaultName
sim_strike_name(const SimWorld *world, const SimStrike *strike)
{
    for (guint i = world->faults->strikes->len; i-- > 0;) {
        if (sim_strike_at(world->faults, i) == strike) {
            return i + 1;
        }
    }
    g_assert_not_reached();
}

static void
free_strike(gpointer data)
{
    SimStrike *strike = data;

    sim_set_free(strike->span.nodes);
    g_array_unref(strike->saved);
    g_free(strike);
}

SimSet *
sim_strike_who(SimWorld *world, SimStrike *strike)
{
    const SimTarget *target = sim_sentence_target(strike->command, SIM_PART_WHO);
    SimSet *set;

    if (strike->only != SIM_NONE) {
        set = sim_set_new();
        sim_set_add(set, strike->only);
        return set;
    }
    return target != NULL ? sim_target_resolve(world, target, &strike->rng, NULL)
                          : sim_set_new();
}

/* Lines of what was struck, where the sentence itself does not name it. */
static void
tell_strike(SimWorld *world, const SimStrike *strike)
{
    const SimTarget *target = sim_sentence_target(strike->command, SIM_PART_WHO);
    GString *text = g_string_new(strike->command->text);
    bool named = target == NULL || target->kind == SIM_TARGET_NODE;

    if (strike->span.nodes->len > 0 && strike->span.nodes->len <= 8 && !named) {
        g_string_append(text, "  →");
        for (guint i = 0; i < strike->span.nodes->len; i++) {
            g_string_append_printf(text, " %s",
                                   world->hosts[sim_set_at(strike->span.nodes, i)].spec->name);
        }
    }
    sim_story_add(world->story, SIM_LINE_INJECTED, world->now_ns, text->str);
    g_string_free(text, TRUE);
}

static void
note_struck(SimWorld *world, SimStrike *strike, uint32_t action)
{
    for (guint i = 0; i < strike->span.nodes->len; i++) {
        if (strike->span.fault) {
            world->hosts[sim_set_at(strike->span.nodes, i)].struck_ns = world->now_ns;
        }
    }
    if (action == SIM_NONE) {
        return;
    }
    SimActionState *state = &world->faults->actions[action];

    if (strike->only == SIM_NONE) {
        g_array_set_size(state->struck, 0);
    }
    sim_set_add_all(state->struck, strike->span.nodes);
    state->begin_ns = world->now_ns;
    state->strikes++;
}

/* The nodes that a strike hits, for the record; sides and links are filled in by who lays them.
 */
static SimSet *
struck_nodes(SimWorld *world, SimStrike *strike)
{
    SimSet *who = sim_strike_who(world, strike);

    while (who->len > 0 && sim_set_at(who, who->len - 1) >= world->host_count) {
        g_array_set_size(who, who->len - 1);
    }
    return who;
}

static void
carry_out(SimWorld *world, SimStrike *strike, uint32_t action)
{
    const SimSentence *command = strike->command;

    if (command->kind == SIM_COMMAND_EXPECT) {
        sim_judge_expect(world, action);
    } else if (sim_fault_is_network(command->kind)) {
        sim_fault_strike_network(world, strike);
        sim_live_apply_cuts(world);
    } else {
        sim_fault_strike_node(world, strike);
    }
}

SimStrike *
sim_fault_strike(SimWorld *world, const SimSentence *command, uint32_t action, uint32_t only,
                 OrrRng *rng)
{
    SimStrike *strike = g_new0(SimStrike, 1);

    strike->command = command;
    strike->only = only;
    strike->rng = orr_rng_new(orr_rng_next(rng));
    strike->saved = g_array_new(FALSE, TRUE, sizeof(SimSaved));
    strike->active = is_fault(command->kind);
    strike->span = (SimFaultSpan){
        .from_ns = world->now_ns,
        .to_ns = is_fault(command->kind) ? ORR_NEVER : world->now_ns,
        .action = action,
        .kind = command->kind,
        .fault = is_fault(command->kind),
    };
    g_ptr_array_add(world->faults->strikes, strike);
    sim_world_digest(world, 0x500 + (uint64_t)command->kind, (uint64_t)world->now_ns);
    /* chance must fall once: what is struck is what is told */
    OrrRng before = strike->rng;

    strike->span.nodes = struck_nodes(world, strike);
    strike->rng = before;
    note_struck(world, strike, action);
    if (command->kind != SIM_COMMAND_EXPECT) {
        tell_strike(world, strike);
    }
    carry_out(world, strike, action);
    if (action != SIM_NONE && command->kind != SIM_COMMAND_EXPECT) {
        sim_judge_on_moment(world, SIM_MOMENT_BEGIN, action);
        sim_triggers_on_action(world, action, true);
    }
    return strike;
}

void
sim_fault_undo(SimWorld *world, SimStrike *strike, const char *why)
{
    if (!strike->active) {
        return;
    }
    strike->active = false;
    strike->span.to_ns = world->now_ns;
    sim_story_addf(world->story, SIM_LINE_INJECTED, world->now_ns, "%s: %s", why,
                   strike->command->text);
    if (sim_fault_is_network(strike->command->kind)) {
        (void)sim_network_heal(world->network, world->now_ns, sim_strike_name(world, strike));
        sim_live_apply_cuts(world);
    } else {
        sim_fault_undo_node(world, strike);
    }
    if (strike->span.action != SIM_NONE) {
        world->faults->actions[strike->span.action].end_ns = world->now_ns;
        sim_judge_on_moment(world, SIM_MOMENT_END, strike->span.action);
        sim_triggers_on_action(world, strike->span.action, false);
    }
}

/* ---- time */

static void
plan(SimWorld *world, OrrTime at, SimFaultEvent what, uint32_t target, uint64_t argument)
{
    SimEvent event = {.at_ns = MAX(at, world->now_ns),
                      .kind = SIM_EVENT_TIMELINE,
                      .target = target,
                      .arg = {what, argument}};

    sim_queue_schedule(world->queue, &event);
}

void
sim_faults_plan_strike(SimWorld *world, uint32_t action, OrrTime at)
{
    const SimWhen *when = &world->scenario->timeline[action].when;

    plan(world, at - when->jitter_ns, SIM_FAULT_STRIKE, action, 0);
}

void
sim_fault_plan_undo(SimWorld *world, SimStrike *strike, const SimDist *lasts)
{
    SimDistribution duration;

    if (strike->command->kind == SIM_COMMAND_FLAP) {
        lasts = &strike->command->part[SIM_PART_DIST].dist;
    }
    if (lasts != NULL && strike->active) {
        duration = sim_distribution_of(lasts);
        plan(world, world->now_ns + MAX(sim_distribution_sample(&duration, &strike->rng), 0),
             SIM_FAULT_UNDO, sim_strike_name(world, strike) - 1, 0);
    }
}

static void
strike_now(SimWorld *world, uint32_t index, uint32_t only)
{
    const SimAction *action = &world->scenario->timeline[index];
    SimActionState *state = &world->faults->actions[index];

    if (sim_live_leaves_out(world, index)) {
        return;
    }
    SimStrike *strike = sim_fault_strike(world, &action->command, index, only, &state->rng);

    sim_fault_plan_undo(world, strike, action->undone ? &action->duration : NULL);
}

/* With a jitter every target has a moment of its own. */
static void
strike_each(SimWorld *world, uint32_t index)
{
    const SimAction *action = &world->scenario->timeline[index];
    SimActionState *state = &world->faults->actions[index];
    const SimTarget *target = sim_sentence_target(&action->command, SIM_PART_WHO);
    OrrTime jitter = action->when.jitter_ns;
    SimSet *who =
        target != NULL ? sim_target_nodes(world, target, &state->rng, NULL) : sim_set_new();

    for (guint i = 0; i < who->len; i++) {
        OrrTime delay = orr_rng_between(&state->rng, 0, 2 * jitter);

        plan(world, world->now_ns + delay, SIM_FAULT_STRIKE_ONE, index, sim_set_at(who, i));
    }
    if (who->len == 0) {
        plan(world, world->now_ns + orr_rng_between(&state->rng, 0, 2 * jitter),
             SIM_FAULT_STRIKE_ONE, index, SIM_NONE);
    }
    sim_set_free(who);
}

static void
on_strike(SimWorld *world, uint32_t index)
{
    const SimWhen *when = &world->scenario->timeline[index].when;
    OrrTime now = sim_world_scenario_ns(world, world->now_ns);

    if (when->step_ns > 0 && now + when->step_ns <= when->until_ns) {
        plan(world, world->now_ns + when->step_ns, SIM_FAULT_STRIKE, index, 0);
    }
    if (when->jitter_ns > 0) {
        strike_each(world, index);
    } else {
        strike_now(world, index, SIM_NONE);
    }
}

/* One node of a swizzle is cut off for a while. */
static void
isolate_one(SimWorld *world, uint32_t host, OrrTime lasts)
{
    static const SimSentence sentence = {.kind = SIM_COMMAND_ISOLATE, .text = "cut off"};

    sim_fault_strike(world, &sentence, SIM_NONE, host, &world->faults->chaos_rng);
    plan(world, world->now_ns + lasts, SIM_FAULT_UNDO, world->faults->strikes->len - 1, 0);
}

void
sim_faults_on_event(SimWorld *world, const SimEvent *event)
{
    SimFaults *self = world->faults;

    switch ((SimFaultEvent)event->arg[0]) {
    case SIM_FAULT_STRIKE:
        on_strike(world, event->target);
        break;
    case SIM_FAULT_STRIKE_ONE:
        strike_now(world, event->target, (uint32_t)event->arg[1]);
        break;
    case SIM_FAULT_UNDO:
        sim_fault_undo(world, sim_strike_at(self, event->target), "over");
        break;
    case SIM_FAULT_RESTART:
        sim_fault_restart(world, &world->hosts[event->target], event->arg[1]);
        break;
    case SIM_FAULT_CHAOS:
        sim_chaos_next(world);
        break;
    case SIM_FAULT_SETTLE:
        sim_chaos_settle(world);
        break;
    case SIM_FAULT_ISOLATE_ONE:
        isolate_one(world, event->target, (OrrTime)event->arg[1]);
        break;
    }
}

void
sim_faults_begin(SimWorld *world)
{
    const SimScenario *scenario = world->scenario;

    for (uint32_t i = 0; i < scenario->action_count; i++) {
        if (!scenario->timeline[i].when.triggered) {
            sim_faults_plan_strike(
                world, i, sim_world_virtual_ns(world, scenario->timeline[i].when.at_ns));
        }
    }
    if (scenario->settle.given) {
        plan(world, sim_world_virtual_ns(world, scenario->settle.at_ns), SIM_FAULT_SETTLE, 0,
             0);
    }
    sim_triggers_begin(world);
    sim_chaos_begin(world);
}

/* ---- life, and questions */

SimFaults *
sim_faults_new(SimWorld *world)
{
    SimFaults *self = g_new0(SimFaults, 1);
    const SimScenario *scenario = world->scenario;

    world->faults = self;
    self->actions = g_new0(SimActionState, MAX(scenario->action_count, 1));
    self->action_count = scenario->action_count;
    self->tears = g_new0(SimTear, MAX(world->host_count, 1));
    self->strikes = g_ptr_array_new_with_free_func(free_strike);
    self->settled_ns = -1;
    self->chaos_rng = orr_rng_stream(world->options.seed, orr_bytes_of_string("chaos"));
    self->chaos_lines = g_new0(bool, MAX(scenario->chaos.line_count, 1));
    for (uint32_t i = 0; i < scenario->action_count; i++) {
        SimActionState *state = &self->actions[i];

        /* named by its text: deleting another line shifts no draw of this one */
        state->rng = orr_rng_stream(world->options.seed,
                                    orr_bytes_of_string(scenario->timeline[i].text));
        state->begin_ns = state->end_ns = -1;
        state->struck = sim_set_new();
    }
    return self;
}

void
sim_faults_free(SimFaults *self)
{
    if (self == NULL) {
        return;
    }
    for (uint32_t i = 0; i < self->action_count; i++) {
        sim_set_free(self->actions[i].struck);
    }
    g_ptr_array_unref(self->strikes);
    g_free(self->actions);
    g_free(self->tears);
    g_free(self->chaos_lines);
    g_free(self);
}

void
sim_faults_add_struck(SimWorld *world, uint32_t action, SimSet *set)
{
    sim_set_add_all(set, world->faults->actions[action].struck);
}

OrrTime
sim_faults_begin_ns(const SimWorld *world, uint32_t action)
{
    return world->faults->actions[action].begin_ns;
}

OrrTime
sim_faults_end_ns(const SimWorld *world, uint32_t action)
{
    return world->faults->actions[action].end_ns;
}

OrrTime
sim_faults_settled_ns(const SimWorld *world)
{
    return world->faults->settled_ns;
}

size_t
sim_faults_span_count(const SimWorld *world)
{
    return world->faults->strikes->len;
}

const SimFaultSpan *
sim_faults_span(const SimWorld *world, size_t index)
{
    return &sim_strike_at(world->faults, (uint32_t)index)->span;
}

bool
sim_faults_any_at(const SimWorld *world, OrrTime at, OrrTime margin)
{
    for (guint i = 0; i < world->faults->strikes->len; i++) {
        const SimFaultSpan *span = &sim_strike_at(world->faults, i)->span;
        bool over = span->to_ns != ORR_NEVER && at >= span->to_ns + margin;

        if (span->fault && at >= span->from_ns && !over) {
            return true;
        }
    }
    return false;
}
