/* Commands to the network: every one becomes rules under the strike's name. */
#include "fault_state.h"

#include <orrery/bus.h>

bool
sim_fault_is_network(SimSentenceKind kind)
{
    switch ((int)kind) {
    case SIM_COMMAND_PARTITION:
    case SIM_COMMAND_ISOLATE:
    case SIM_COMMAND_CUT:
    case SIM_COMMAND_CUT_INBOUND:
    case SIM_COMMAND_CUT_OUTBOUND:
    case SIM_COMMAND_HOLD:
    case SIM_COMMAND_DROP:
    case SIM_COMMAND_CORRUPT:
    case SIM_COMMAND_DUPLICATE:
    case SIM_COMMAND_REORDER:
    case SIM_COMMAND_LATENCY:
    case SIM_COMMAND_BANDWIDTH:
    case SIM_COMMAND_FLAP:
    case SIM_COMMAND_SWIZZLE:
    case SIM_COMMAND_PARTITION_RANDOM:
        return true;
    default:
        return false;
    }
}

static const SimRule CUT = {.set = SIM_RULE_CUT};

static void
lay(SimWorld *world, const SimStrike *strike, const SimSet *from, const SimSet *to,
    const SimRule *rule)
{
    if (from->len == 0 || to->len == 0) {
        return;
    }
    OrrStatus status =
        sim_network_add_rule(world->network, world->now_ns, sim_strike_name(world, strike),
                             sim_set_selector(world, from), sim_set_selector(world, to), rule);

    if (status != ORR_OK) {
        sim_story_addf(world->story, SIM_LINE_FAILED, world->now_ns,
                       "the network took no more rules: %s", orr_status_name(status));
    }
}

static void
lay_both(SimWorld *world, const SimStrike *strike, const SimSet *a, const SimSet *b,
         const SimRule *rule)
{
    lay(world, strike, a, b, rule);
    lay(world, strike, b, a, rule);
}

static void
cut_partition(SimWorld *world, SimStrike *strike)
{
    const SimValue *sides = &strike->command->part[SIM_PART_SIDES];
    SimSet *named = sim_set_new();
    SimSet *side[16];
    unsigned count = MIN(sides->target_count, G_N_ELEMENTS(side));

    for (unsigned i = 0; i < count; i++) {
        side[i] = sim_target_resolve(world, sides->targets[i], &strike->rng, named);
        sim_set_add_attached(world, side[i]);
        sim_set_add_all(named, side[i]);
    }
    for (unsigned i = 0; i < count; i++) {
        for (unsigned k = i + 1; k < count; k++) {
            lay_both(world, strike, side[i], side[k], &CUT);
        }
    }
    for (guint i = 0; i < named->len && sim_set_at(named, i) < world->host_count; i++) {
        uint32_t host = sim_set_at(named, i);

        sim_set_add(strike->span.nodes, host);
        world->hosts[host].struck_ns = world->now_ns;
    }
    for (unsigned i = 0; i < count; i++) {
        sim_set_free(side[i]);
    }
    sim_set_free(named);
}

static void
isolate(SimWorld *world, SimStrike *strike)
{
    SimSet *who = sim_strike_who(world, strike);
    SimSet *others;

    if (sim_sentence_has(strike->command, SIM_PART_WITH_CLIENTS)) {
        sim_set_add_attached(world, who);
    }
    others = sim_set_others(world, who);
    lay_both(world, strike, who, others, &CUT);
    sim_set_free(others);
    sim_set_free(who);
}

/* The far side of a link: whom the sentence names, or everybody else. */
static SimSet *
far_side(SimWorld *world, SimStrike *strike, const SimSet *who)
{
    const SimTarget *target = sim_sentence_target(strike->command, SIM_PART_WHOM);

    if (target == NULL || target->kind == SIM_TARGET_ALL || target->kind == SIM_TARGET_OTHERS) {
        return sim_set_others(world, who);
    }
    return sim_target_resolve(world, target, &strike->rng, who);
}

static void
lay_link(SimWorld *world, SimStrike *strike, const SimRule *rule)
{
    const SimSentence *command = strike->command;
    SimSet *who = sim_strike_who(world, strike);
    SimSet *whom = far_side(world, strike, who);
    bool one_way = sim_sentence_has(command, SIM_PART_DIRECTION) &&
                   command->part[SIM_PART_DIRECTION].choice == SIM_DIRECTION_TO;

    if (command->kind == SIM_COMMAND_CUT_INBOUND) {
        lay(world, strike, whom, who, rule);
    } else if (command->kind == SIM_COMMAND_CUT_OUTBOUND || one_way) {
        lay(world, strike, who, whom, rule);
    } else {
        lay_both(world, strike, who, whom, rule);
    }
    sim_set_free(who);
    sim_set_free(whom);
}

static void
add_type(SimDrop *drop, OrrMessageType type)
{
    drop->types[type / 64] |= UINT64_C(1) << (type % 64);
}

/* Which frames a sentence means. */
static SimDrop
drop_of(SimMessageClass class, uint32_t ppm)
{
    SimDrop drop = {.chance_ppm = ppm};

    drop.lanes = class == SIM_MESSAGE_CONTROL ? 1u << ORR_LANE_CONTROL
                 : class == SIM_MESSAGE_DATA  ? 1u << ORR_LANE_DATA
                                              : 1u << ORR_LANE_CONTROL | 1u << ORR_LANE_DATA;
    switch (class) {
    case SIM_MESSAGE_ALL:
    case SIM_MESSAGE_CONTROL:
    case SIM_MESSAGE_DATA:
        memset(drop.types, 0xff, sizeof drop.types);
        break;
    case SIM_MESSAGE_PING:
        add_type(&drop, ORR_MESSAGE_PING);
        break;
    case SIM_MESSAGE_PONG:
        add_type(&drop, ORR_MESSAGE_PONG);
        break;
    case SIM_MESSAGE_VOTE:
        add_type(&drop, ORR_MESSAGE_VOTE_REQUEST);
        add_type(&drop, ORR_MESSAGE_VOTE);
        break;
    case SIM_MESSAGE_UPDATE:
        add_type(&drop, ORR_MESSAGE_RECORDS);
        add_type(&drop, ORR_MESSAGE_DIGESTS);
        break;
    case SIM_MESSAGE_APPEND:
        add_type(&drop, ORR_MESSAGE_STREAM);
        add_type(&drop, ORR_MESSAGE_SYNC_CHUNK);
        break;
    case SIM_MESSAGE_ACK:
        add_type(&drop, ORR_MESSAGE_STREAM_ACK);
        add_type(&drop, ORR_MESSAGE_SYNC_ACK);
        break;
    }
    return drop;
}

static SimRule
rule_of(const SimSentence *command)
{
    const SimValue *amount = &command->part[SIM_PART_AMOUNT];
    uint32_t ppm = amount->type == SIM_VALUE_NUMBER
                       ? (uint32_t)CLAMP(amount->number, 0, 1000000)
                       : 1000000;
    SimMessageClass class = sim_sentence_has(command, SIM_PART_MESSAGE)
                                ? (SimMessageClass)command->part[SIM_PART_MESSAGE].choice
                                : SIM_MESSAGE_ALL;
    SimRule rule = {.set = SIM_RULE_CUT};

    switch ((int)command->kind) {
    case SIM_COMMAND_HOLD:
        rule.set = SIM_RULE_HOLD;
        break;
    case SIM_COMMAND_DROP:
        rule.set = SIM_RULE_DROP;
        rule.drop = drop_of(class, ppm);
        break;
    case SIM_COMMAND_CORRUPT:
        rule.set = SIM_RULE_CORRUPT;
        rule.corrupt_ppm = ppm;
        break;
    case SIM_COMMAND_DUPLICATE:
        rule.set = SIM_RULE_DUPLICATE;
        rule.duplicate_ppm = ppm;
        break;
    case SIM_COMMAND_REORDER:
        rule.set = SIM_RULE_REORDER;
        rule.reorder_ppm = ppm;
        break;
    case SIM_COMMAND_LATENCY:
        rule.set = SIM_RULE_LATENCY;
        rule.latency = sim_distribution_of(&command->part[SIM_PART_DIST].dist);
        break;
    case SIM_COMMAND_BANDWIDTH:
        rule.set = SIM_RULE_BANDWIDTH;
        rule.bandwidth = (uint64_t)amount->number;
        break;
    default:
        break;
    }
    return rule;
}

/* ---- random shapes */

static void
shuffle(SimSet *set, OrrRng *rng)
{
    for (guint i = 0; i + 1 < set->len; i++) {
        guint other = i + (guint)orr_rng_below(rng, set->len - i);
        uint32_t drawn = sim_set_at(set, other);

        g_array_index(set, uint32_t, other) = sim_set_at(set, i);
        g_array_index(set, uint32_t, i) = drawn;
    }
}

/* Node i of the shuffled circle and node k: do they see each other? */
static bool
sees(unsigned shape, guint i, guint k, guint count)
{
    guint half = count / 2;
    guint distance = i > k ? i - k : k - i;

    switch (shape) {
    case 1: /* majorities-ring: everybody sees a majority, and no two the same */
        distance = MIN(distance, count - distance);
        return distance <= (half + 1) / 2;
    case 2: /* bridge: two halves that meet in one node */
        return i == 0 || k == 0 || (i <= half) == (k <= half);
    case 3: /* one node alone */
        return i != 0 && k != 0;
    default: /* halves */
        return (i < half) == (k < half);
    }
}

static void
cut_between(SimWorld *world, const SimStrike *strike, uint32_t a, uint32_t b)
{
    SimSet *one = sim_set_new();
    SimSet *other = sim_set_new();

    sim_set_add(one, a);
    sim_set_add(other, b);
    sim_set_add_attached(world, one);
    sim_set_add_attached(world, other);
    lay_both(world, strike, one, other, &CUT);
    sim_set_free(one);
    sim_set_free(other);
}

static void
cut_random(SimWorld *world, SimStrike *strike)
{
    const SimTarget all = {.kind = SIM_TARGET_ALL};
    SimSet *nodes = sim_target_nodes(world, &all, &strike->rng, NULL);
    unsigned shape = strike->command->part[SIM_PART_CHOICE].choice;

    shuffle(nodes, &strike->rng);
    for (guint i = 0; i < nodes->len; i++) {
        sim_set_add(strike->span.nodes, sim_set_at(nodes, i));
        for (guint k = i + 1; k < nodes->len; k++) {
            if (!sees(shape, i, k, nodes->len)) {
                cut_between(world, strike, sim_set_at(nodes, i), sim_set_at(nodes, k));
            }
        }
    }
    sim_set_free(nodes);
}

/* A drawn subset of the nodes is cut off, one by one; later they return, in another order. */
static void
swizzle(SimWorld *world, SimStrike *strike)
{
    const SimValue *over = &strike->command->part[SIM_PART_DIST];
    OrrTime whole = 10 * ORR_NS_PER_S;
    SimSet *who = sim_strike_who(world, strike);

    if (over->type == SIM_VALUE_DIST) {
        SimDistribution drawn = sim_distribution_of(&over->dist);

        whole = MAX(sim_distribution_sample(&drawn, &strike->rng), 1);
    }
    for (guint i = 0; i < who->len && sim_set_at(who, i) < world->host_count; i++) {
        OrrTime from = orr_rng_between(&strike->rng, 0, whole / 2);
        OrrTime to = orr_rng_between(&strike->rng, whole / 2, whole);

        if (orr_rng_below(&strike->rng, 2) == 0) {
            SimEvent event = {
                .at_ns = world->now_ns + from,
                .kind = SIM_EVENT_TIMELINE,
                .target = sim_set_at(who, i),
                .arg = {SIM_FAULT_ISOLATE_ONE, (uint64_t)(to - from)},
            };

            sim_queue_schedule(world->queue, &event);
        }
    }
    sim_set_free(who);
}

void
sim_fault_strike_network(SimWorld *world, SimStrike *strike)
{
    SimRule rule = rule_of(strike->command);

    switch ((int)strike->command->kind) {
    case SIM_COMMAND_PARTITION:
        cut_partition(world, strike);
        break;
    case SIM_COMMAND_ISOLATE:
        isolate(world, strike);
        break;
    case SIM_COMMAND_PARTITION_RANDOM:
        cut_random(world, strike);
        break;
    case SIM_COMMAND_SWIZZLE:
        swizzle(world, strike);
        break;
    default:
        lay_link(world, strike, &rule);
        break;
    }
}
