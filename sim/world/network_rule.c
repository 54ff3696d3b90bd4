#include "network_private.h"

#define PPM 1000000u
#define MTU_SIZE 1500u       /* bytes of DATA that a datagram may have to wait for */
#define SAME_RULE_SEARCH 32u /* effective rules compared before a new one is kept */
#define SLOW_MAX 1000000u    /* factor 1000 */
#define FAULT_RANK 16u       /* any fault goes before any description */
#define TABLE_FIRST 1024u

__extension__ typedef unsigned __int128 Wide;

/* ------- links */

/* Both ends in one number: there are at most SIM_ENDPOINTS_MAX. */
static uint32_t
key_of(SimEndpoint from, SimEndpoint to)
{
    return from << 16 | to;
}

static uint32_t
table_place(const SimNetwork *net, uint32_t key)
{
    return (uint32_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (net->table_size - 1);
}

static void
table_put(SimNetwork *net, uint32_t index)
{
    const Link *link = sim_net_link_at(net, index);
    uint32_t key = key_of(link->from, link->to);
    uint32_t place = table_place(net, key);

    while (net->table[place].index != 0) {
        place = (place + 1) & (net->table_size - 1);
    }
    net->table[place] = (LinkSlot){key, index + 1};
}

static void
table_grow(SimNetwork *net)
{
    g_free(net->table);
    net->table_size = MAX(net->table_size * 2, TABLE_FIRST);
    net->table = g_new0(LinkSlot, net->table_size);
    net->stats.allocations++;
    for (uint32_t i = 0; i < net->links->len; i++) {
        table_put(net, i);
    }
}

/* The first draw of the stream called "link FROM -> TO". */
static uint64_t
link_seed(const SimNetwork *net, SimEndpoint from, SimEndpoint to)
{
    GString *name = net->scratch;

    g_string_assign(name, "link ");
    g_string_append(name, sim_net_endpoint(net, from)->name);
    g_string_append(name, " -> ");
    g_string_append(name, sim_net_endpoint(net, to)->name);
    OrrRng rng = orr_rng_stream(net->options.seed, orr_bytes(name->str, name->len));

    return orr_rng_next(&rng);
}

static uint32_t
make_link(SimNetwork *net, SimEndpoint from, SimEndpoint to)
{
    Link link = {.from = from,
                 .to = to,
                 .seed = link_seed(net, from, to),
                 .version = net->version - 1,
                 .connection = NO_INDEX};
    uint32_t index = net->links->len;

    g_array_append_val(net->links, link);
    if (net->links->len * 2 > net->table_size) {
        table_grow(net);
    } else {
        table_put(net, index);
    }
    return index;
}

uint32_t
sim_net_link(SimNetwork *net, SimEndpoint from, SimEndpoint to)
{
    if (net->table_size == 0) {
        table_grow(net);
    }
    uint32_t key = key_of(from, to);

    for (uint32_t place = table_place(net, key); net->table[place].index != 0;
         place = (place + 1) & (net->table_size - 1)) {
        if (net->table[place].key == key) {
            return net->table[place].index - 1;
        }
    }
    return make_link(net, from, to);
}

/* ------- groups and rules */

uint32_t
sim_network_add_group(SimNetwork *net)
{
    g_array_set_size(net->groups, (net->groups->len + GROUP_WORDS));
    return net->groups->len / GROUP_WORDS - 1;
}

void
sim_network_join_group(SimNetwork *net, uint32_t group, SimEndpoint endpoint)
{
    g_return_if_fail(group < net->groups->len / GROUP_WORDS);
    g_return_if_fail(endpoint < net->endpoints->len);
    g_array_index(net->groups, uint64_t, group * GROUP_WORDS + endpoint / 64) |=
        UINT64_C(1) << (endpoint % 64);
    net->version++;
    g_array_set_size(net->effective, 0);
}

static bool
selects(const SimNetwork *net, SimSelector selector, SimEndpoint endpoint)
{
    switch (selector.kind) {
    case SIM_SELECT_ANY:
        return true;
    case SIM_SELECT_GROUP:
        return (g_array_index(net->groups, uint64_t,
                              selector.index * GROUP_WORDS + endpoint / 64) >>
                    (endpoint % 64) &
                1) != 0;
    case SIM_SELECT_ENDPOINT:
        return selector.index == endpoint;
    }
    return false;
}

static bool
selector_is_known(const SimNetwork *net, SimSelector selector)
{
    switch (selector.kind) {
    case SIM_SELECT_ANY:
        return true;
    case SIM_SELECT_GROUP:
        return selector.index < net->groups->len / GROUP_WORDS;
    case SIM_SELECT_ENDPOINT:
        return selector.index < net->endpoints->len;
    }
    return false;
}

static bool
rule_makes_sense(const SimRule *rule)
{
    return rule->loss_ppm <= PPM && rule->duplicate_ppm <= PPM && rule->reorder_ppm <= PPM &&
           rule->corrupt_ppm <= PPM && rule->drop.chance_ppm <= PPM &&
           ((rule->set & SIM_RULE_SLOW) == 0 ||
            (rule->slow_milli > 0 && rule->slow_milli <= SLOW_MAX));
}

OrrStatus
sim_network_add_rule(SimNetwork *net, OrrTime now_ns, SimFaultName name, SimSelector from,
                     SimSelector to, const SimRule *rule)
{
    (void)now_ns; /* holds and cuts are looked at when something arrives */
    if (!rule_makes_sense(rule) || !selector_is_known(net, from) ||
        !selector_is_known(net, to)) {
        return ORR_INVALID;
    }
    if (net->rules->len >= SIM_RULES_MAX) {
        return ORR_FULL;
    }
    Rule laid = {.name = name,
                 .rank = (uint32_t)from.kind + (uint32_t)to.kind +
                         (name != SIM_NOT_A_FAULT ? FAULT_RANK : 0),
                 .id = ++net->next_rule_id,
                 .from = from,
                 .to = to,
                 .rule = *rule};

    g_array_append_val(net->rules, laid);
    net->version++;
    g_array_set_size(net->effective, 0);
    return ORR_OK;
}

/* ------- one rule out of many */

#define RULE_FIELDS 12u

typedef struct Merge {
    Effective effective;
    uint32_t rank[RULE_FIELDS]; /* of the rule that gave the field, plus 1 */
} Merge;

/* True when `rule` sets the field and nothing of a higher rank did before. */
static bool
wins(Merge *merge, const Rule *rule, SimRuleField field)
{
    uint32_t *rank = &merge->rank[__builtin_ctz((unsigned)field)];

    if ((rule->rule.set & (uint32_t)field) == 0 || rule->rank + 1 < *rank) {
        return false;
    }
    *rank = rule->rank + 1;
    return true;
}

static void
merge_drop(Effective *effective, const Rule *rule)
{
    uint32_t last = MIN(effective->drop_count, LINK_DROPS_MAX - 1);

    if (effective->drop_count == LINK_DROPS_MAX) {
        memmove(effective->drop, effective->drop + 1, last * sizeof *effective->drop);
        memmove(effective->drop_id, effective->drop_id + 1, last * sizeof *effective->drop_id);
    }
    effective->drop[last] = rule->rule.drop;
    effective->drop_id[last] = rule->id;
    effective->drop_count = last + 1;
}

static void
merge_chances(Merge *merge, const Rule *rule)
{
    SimRule *into = &merge->effective.rule;

    if (wins(merge, rule, SIM_RULE_LOSS)) {
        into->loss_ppm = rule->rule.loss_ppm;
    }
    if (wins(merge, rule, SIM_RULE_DUPLICATE)) {
        into->duplicate_ppm = rule->rule.duplicate_ppm;
    }
    if (wins(merge, rule, SIM_RULE_REORDER)) {
        into->reorder_ppm = rule->rule.reorder_ppm;
    }
    if (wins(merge, rule, SIM_RULE_CORRUPT)) {
        into->corrupt_ppm = rule->rule.corrupt_ppm;
    }
}

static void
merge_rule(Merge *merge, const Rule *rule)
{
    SimRule *into = &merge->effective.rule;

    if (wins(merge, rule, SIM_RULE_LATENCY)) {
        into->latency = rule->rule.latency;
    }
    if (wins(merge, rule, SIM_RULE_JITTER)) {
        into->jitter = rule->rule.jitter;
    }
    if (wins(merge, rule, SIM_RULE_BANDWIDTH)) {
        into->bandwidth = rule->rule.bandwidth;
    }
    if (wins(merge, rule, SIM_RULE_QUEUE)) {
        into->queue_size = rule->rule.queue_size;
    }
    merge_chances(merge, rule);
    if ((rule->rule.set & SIM_RULE_SLOW) != 0) {
        uint64_t factor = (uint64_t)into->slow_milli * rule->rule.slow_milli / 1000;

        into->slow_milli = (uint32_t)CLAMP(factor, 1, SLOW_MAX);
    }
    if ((rule->rule.set & SIM_RULE_DROP) != 0) {
        merge_drop(&merge->effective, rule);
    }
    into->set |= rule->rule.set & (SIM_RULE_CUT | SIM_RULE_HOLD);
}

/* Keeps one of equals, as far as a short search tells: links of one site share it. */
static uint32_t
keep_effective(SimNetwork *net, const Effective *effective)
{
    uint32_t count = net->effective->len;
    uint32_t first = count > SAME_RULE_SEARCH ? count - SAME_RULE_SEARCH : 0;

    for (uint32_t i = first; i < count; i++) {
        if (memcmp(&g_array_index(net->effective, Effective, i), effective,
                   sizeof *effective) == 0) {
            return i;
        }
    }
    g_array_append_vals(net->effective, effective, 1);
    return count;
}

static void
resolve(SimNetwork *net, Link *link)
{
    Merge merge;

    memset(&merge, 0, sizeof merge); /* padding too: rules are compared as bytes */
    merge.effective.rule.slow_milli = 1000;
    for (uint32_t i = 0; i < net->rules->len && link->from != link->to; i++) {
        const Rule *rule = &g_array_index(net->rules, Rule, i);

        if (selects(net, rule->from, link->from) && selects(net, rule->to, link->to)) {
            merge_rule(&merge, rule);
        }
    }
    link->effective = keep_effective(net, &merge.effective);
    link->version = net->version;
}

const Effective *
sim_net_effective(SimNetwork *net, Link *link)
{
    if (link->version != net->version) {
        resolve(net, link);
    }
    return &g_array_index(net->effective, Effective, link->effective);
}

bool
sim_net_is_open(SimNetwork *net, SimEndpoint from, SimEndpoint to)
{
    Link *link = sim_net_link_at(net, sim_net_link(net, from, to));

    return (sim_net_effective(net, link)->rule.set & (SIM_RULE_CUT | SIM_RULE_HOLD)) == 0 &&
           sim_net_endpoint(net, from)->host_up && sim_net_endpoint(net, to)->host_up;
}

bool
sim_network_is_cut(SimNetwork *net, SimEndpoint from, SimEndpoint to)
{
    g_return_val_if_fail(from < net->endpoints->len && to < net->endpoints->len, true);
    return !sim_net_is_open(net, from, to);
}

/* ------- draws */

static uint64_t
mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Position number x DRAW_PURPOSES + purpose of a splitmix64 stream. */
uint64_t
sim_net_draw(const Link *link, uint64_t number, Purpose purpose)
{
    uint64_t position = number * DRAW_PURPOSES + (uint64_t)purpose + 1;

    return mix(link->seed + position * UINT64_C(0x9e3779b97f4a7c15));
}

bool
sim_net_chance(uint64_t draw, uint32_t ppm)
{
    return (uint64_t)(((Wide)draw * PPM) >> 64) < ppm;
}

OrrTime
sim_net_latency(const Link *link, const SimRule *rule, uint64_t number, Purpose latency,
                Purpose jitter)
{
    const SimDistribution *fixed = &rule->latency;
    int64_t ns = fixed->kind == SIM_DISTRIBUTION_FIXED
                     ? fixed->a
                     : sim_distribution_quantile(fixed, sim_net_draw(link, number, latency));

    ns = MAX(ns, 0);
    if (rule->jitter.kind != SIM_DISTRIBUTION_FIXED || rule->jitter.a != 0) {
        ns += sim_distribution_quantile(&rule->jitter, sim_net_draw(link, number, jitter));
        ns = MAX(ns, 0);
    }
    if (rule->slow_milli != 1000) {
        ns = (int64_t)MIN((Wide)ns * rule->slow_milli / 1000, (Wide)SIM_SAMPLE_MAX);
    }
    return ns;
}

bool
sim_net_is_dropped(const SimNetwork *net, const Link *link, const Effective *effective,
                   uint64_t number, OrrLane lane, OrrBytes bytes)
{
    if (effective->drop_count == 0) {
        return false;
    }
    uint8_t type = net->handlers.type_of != NULL
                       ? net->handlers.type_of(net->handlers.user, lane, bytes)
                       : 0;

    for (uint32_t i = 0; i < effective->drop_count; i++) {
        const SimDrop *drop = &effective->drop[i];
        uint64_t draw = mix(sim_net_draw(link, number, DRAW_LOSS) ^ mix(effective->drop_id[i]));

        if ((drop->lanes >> lane & 1) != 0 &&
            (drop->types[type / 64] >> (type % 64) & 1) != 0 &&
            sim_net_chance(draw, drop->chance_ppm)) {
            return true;
        }
    }
    return false;
}

/* ------- the wire */

static OrrTime
sending_ns(uint64_t bandwidth, uint64_t size)
{
    return (OrrTime)(((Wide)size * ORR_NS_PER_S + bandwidth - 1) / bandwidth);
}

static uint64_t
waiting_size(uint64_t bandwidth, OrrTime free_ns, OrrTime now_ns)
{
    return free_ns <= now_ns
               ? 0
               : (uint64_t)((Wide)(free_ns - now_ns) * bandwidth / (Wide)ORR_NS_PER_S);
}

OrrTime
sim_net_occupy_wire(Link *link, const SimRule *rule, OrrLane lane, OrrTime now_ns, size_t size)
{
    if (rule->bandwidth == 0) {
        return now_ns;
    }
    OrrTime *control_free = &link->wire_free_ns[ORR_LANE_CONTROL];
    OrrTime *data_free = &link->wire_free_ns[ORR_LANE_DATA];
    OrrTime sending = sending_ns(rule->bandwidth, size);
    uint64_t waiting = waiting_size(rule->bandwidth, link->wire_free_ns[lane], now_ns) + size;
    OrrTime left = 0;

    if (lane == ORR_LANE_CONTROL) {
        if (rule->queue_size != 0 && waiting > rule->queue_size) {
            return ORR_NEVER;
        }
        OrrTime busy = MIN(MAX(*data_free - now_ns, 0), sending_ns(rule->bandwidth, MTU_SIZE));

        left = MAX(*control_free, now_ns + busy) + sending;
        *control_free = left;
        *data_free = MAX(*data_free, now_ns) + sending;
    } else {
        left = MAX(MAX(*data_free, *control_free), now_ns) + sending;
        *data_free = left;
    }
    link->queue_peak_size = MAX(link->queue_peak_size, (uint32_t)MIN(waiting, UINT32_MAX));
    return left;
}
