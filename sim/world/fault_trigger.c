/* Lines that begin with `when`: commands that wait for something to happen. */
#include "fault_state.h"

#include "check_state.h"

static void
fire(SimWorld *world, uint32_t index)
{
    const SimAction *action = &world->scenario->timeline[index];
    SimActionState *state = &world->faults->actions[index];

    if (state->triggered_once && action->when.once) {
        return;
    }
    state->triggered_once = true;
    sim_faults_plan_strike(world, index,
                           world->now_ns + action->when.delay_ns + action->when.jitter_ns);
}

void
sim_triggers_begin(SimWorld *world)
{
    SimFaults *self = world->faults;

    for (uint32_t i = 0; i < world->scenario->action_count; i++) {
        const SimWhen *when = &world->scenario->timeline[i].when;

        self->trigger_count += when->triggered;
        self->state_trigger_count += when->triggered && when->trigger.kind == SIM_TRIGGER_CHECK;
    }
}

static bool
means(SimWorld *world, const SimSentence *trigger, SimPart part, uint32_t node)
{
    const SimTarget *target = sim_sentence_target(trigger, part);
    OrrRng rng = orr_rng_new(world->options.seed);
    SimSet *set;
    bool has;

    if (target == NULL) {
        return true;
    }
    if (node == SIM_ROSTER_NONE) {
        return false;
    }
    set = sim_target_nodes(world, target, &rng, NULL);
    has = sim_set_has(set, node);
    sim_set_free(set);
    return has;
}

static bool
promotes(SimWorld *world, const OrrTrace *trace, uint32_t shard)
{
    return trace->kind == ORR_TRACE_PROMOTED &&
           (shard == SIM_NONE ||
            sim_roster_index(world->names, SIM_ROSTER_SHARD, &trace->shard) == shard);
}

static bool
holds(SimWorld *world, const SimSentence *trigger, uint32_t node, const OrrTrace *trace)
{
    uint32_t other = sim_roster_index(world->names, SIM_ROSTER_NODE, &trace->other);
    OrrTraceKind wanted = ORR_TRACE_KINDS;

    switch ((int)trigger->kind) {
    case SIM_TRIGGER_LEADER_CHANGES:
        return promotes(world, trace, 0);
    case SIM_TRIGGER_OWNER_CHANGES:
        return promotes(world, trace,
                        sim_target_shard(world, sim_sentence_target(trigger, SIM_PART_OF)));
    case SIM_TRIGGER_FAILED:
        return trace->kind == ORR_TRACE_FAILED && means(world, trigger, SIM_PART_WHO, other) &&
               means(world, trigger, SIM_PART_VIEW, node);
    case SIM_TRIGGER_SYNC_BEGINS:
        return trace->kind == ORR_TRACE_SYNC_FULL_BEGUN &&
               (means(world, trigger, SIM_PART_WHO, other) ||
                means(world, trigger, SIM_PART_WHO, node));
    case SIM_TRIGGER_PROMOTED:
        wanted = ORR_TRACE_PROMOTED;
        break;
    case SIM_TRIGGER_STANDS:
        wanted = ORR_TRACE_STOOD;
        break;
    case SIM_TRIGGER_VOTES:
        wanted = ORR_TRACE_VOTED;
        break;
    case SIM_TRIGGER_FENCED:
        wanted = ORR_TRACE_FENCED;
        break;
    case SIM_TRIGGER_RESTARTS:
        wanted = ORR_TRACE_BOOTED;
        break;
    case SIM_TRIGGER_TRACE:
        wanted = (OrrTraceKind)trigger->part[SIM_PART_CHOICE].choice;
        break;
    default:
        return false;
    }
    return trace->kind == wanted && means(world, trigger, SIM_PART_WHO, node);
}

void
sim_faults_on_trace(SimWorld *world, uint32_t node, const OrrTrace *trace)
{
    if (world->faults->trigger_count == 0 || !world->begun) {
        return;
    }
    for (uint32_t i = 0; i < world->scenario->action_count; i++) {
        const SimWhen *when = &world->scenario->timeline[i].when;

        if (when->triggered && holds(world, &when->trigger, node, trace)) {
            fire(world, i);
        }
    }
}

void
sim_triggers_on_action(SimWorld *world, uint32_t action, bool begun)
{
    if (world->faults->trigger_count == 0) {
        return;
    }
    for (uint32_t i = 0; i < world->scenario->action_count; i++) {
        const SimWhen *when = &world->scenario->timeline[i].when;
        SimSentenceKind wanted = begun ? SIM_TRIGGER_BEGINS : SIM_TRIGGER_ENDS;

        if (when->triggered && when->trigger.kind == wanted &&
            when->trigger.part[SIM_PART_ACTION].number == (int64_t)action) {
            fire(world, i);
        }
    }
}

void
sim_faults_on_change(SimWorld *world)
{
    if (world->faults->state_trigger_count == 0 || !world->begun) {
        return;
    }
    for (uint32_t i = 0; i < world->scenario->action_count; i++) {
        const SimWhen *when = &world->scenario->timeline[i].when;
        SimActionState *state = &world->faults->actions[i];
        bool now;

        if (!when->triggered || when->trigger.kind != SIM_TRIGGER_CHECK) {
            continue;
        }
        now = sim_check_state(world, &when->check, NULL, 0);
        if (now && !state->state_before) {
            fire(world, i);
        }
        state->state_before = now;
    }
}
