/* From a scenario to hosts on a network, before anything happens. */
#include "client.h"
#include "fault.h"
#include "live.h"
#include "resolve.h"
#include "world.h"

#include <orrery/slots.h>

#define CLIENT_PORT 7000u
#define BUS_PORT 17000u
#define SEEDS_MAX 16u
#define SPARE_ADDRESSES 4096u /* for nodes that move to a new address */
#define LAN_LATENCY_NS (500 * ORR_NS_PER_US)

OrrAddress
sim_address_of_number(uint32_t number)
{
    return orr_address_v4(10, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number,
                          CLIENT_PORT, BUS_PORT);
}

static uint32_t
number_of_address(const OrrAddress *address)
{
    return address->ip[12] == 10 ? (uint32_t)address->ip[13] << 16 |
                                       (uint32_t)address->ip[14] << 8 | address->ip[15]
                                 : UINT32_MAX;
}

SimHost *
sim_world_host_at(SimWorld *world, const OrrAddress *address)
{
    uint32_t number = number_of_address(address);

    if (world->live != NULL) {
        return sim_live_host_at(world, address);
    }
    if (number >= world->address_count || world->by_address[number] == SIM_NONE) {
        return NULL;
    }
    return &world->hosts[world->by_address[number]];
}

void
sim_host_set_address(SimHost *host, const OrrAddress *address)
{
    SimWorld *world = host->world;
    uint32_t before = number_of_address(&host->address);
    uint32_t after = number_of_address(address);

    g_return_if_fail(after < world->address_count);
    if (before < world->address_count && world->by_address[before] == host->index) {
        world->by_address[before] = SIM_NONE;
    }
    world->by_address[after] = host->index;
    host->address = *address;
    host->config.address = *address;
}

SimDistribution
sim_distribution_of(const SimDist *dist)
{
    SimDistribution made = sim_distribution_fixed(dist->a);
    OrrStatus status = ORR_OK;

    switch (dist->kind) {
    case SIM_DIST_FIXED:
        break;
    case SIM_DIST_UNIFORM:
        status = sim_distribution_uniform(dist->a, dist->b, &made);
        break;
    case SIM_DIST_NORMAL:
        status = sim_distribution_normal(dist->a, dist->b, &made);
        break;
    case SIM_DIST_EXP:
        status = sim_distribution_exponential(dist->a, &made);
        break;
    case SIM_DIST_LOGNORMAL:
        status = sim_distribution_lognormal(dist->a, dist->b, &made);
        break;
    }
    g_assert(status == ORR_OK); /* the reader of the scenario has checked it */
    return made;
}

/* ---- names, ids, slots */

static void
add_names(SimWorld *world)
{
    const SimScenario *scenario = world->scenario;

    world->names = sim_roster_new();
    for (unsigned i = 0; i < scenario->cluster_count; i++) {
        sim_roster_add(world->names, SIM_ROSTER_CLUSTER, scenario->clusters[i].name);
    }
    for (unsigned i = 0; i < scenario->shard_count; i++) {
        sim_roster_add(world->names, SIM_ROSTER_SHARD, scenario->shards[i].name);
    }
    for (unsigned i = 0; i < scenario->node_count; i++) {
        const SimNodeSpec *spec = &scenario->nodes[i];

        sim_roster_add(world->names, SIM_ROSTER_NODE, spec->name);
        if (spec->shard == SIM_NONE && spec->role == ORR_ROLE_PRIMARY) {
            char name[SIM_ROSTER_NAME_SIZE]; /* a shard of its own, should it join */

            g_snprintf(name, sizeof name, "%s's", spec->name);
            sim_roster_add(world->names, SIM_ROSTER_SHARD, name);
        }
    }
}

static void
own_shard(SimWorld *world, const SimNodeSpec *spec, OrrId *shard)
{
    char name[SIM_ROSTER_NAME_SIZE];
    uint32_t index = spec->shard;

    if (index == SIM_NONE) {
        g_snprintf(name, sizeof name, "%s's", spec->name);
        index = sim_roster_find(world->names, SIM_ROSTER_SHARD, name);
    }
    if (index != SIM_ROSTER_NONE) {
        *shard = *sim_roster_id(world->names, SIM_ROSTER_SHARD, index);
    }
}

/* The slots of one cluster, to its shards in order of the file. */
static void
deal_slots(SimWorld *world, uint32_t cluster)
{
    const SimScenario *scenario = world->scenario;
    uint32_t *owner = world->first_owner + (size_t)cluster * ORR_SLOT_COUNT;
    g_autofree uint16_t *dealt = g_new(uint16_t, ORR_SLOT_COUNT);
    g_autofree uint32_t *shards = g_new(uint32_t, scenario->shard_count + 1);
    g_autofree uint32_t *weights = g_new(uint32_t, scenario->shard_count + 1);
    g_autofree OrrBytes *names = g_new(OrrBytes, scenario->shard_count + 1);
    uint32_t count = 0;

    for (uint32_t i = 0; i < scenario->shard_count; i++) {
        if (scenario->shards[i].cluster == cluster) {
            names[count] = orr_bytes_of_string(scenario->shards[i].name);
            weights[count] = scenario->shards[i].weight;
            shards[count++] = i;
        }
    }
    for (uint32_t slot = 0; slot < ORR_SLOT_COUNT; slot++) {
        owner[slot] = SIM_NONE;
    }
    if (count == 0 ||
        orr_slots_deal(scenario->deal == SIM_DEAL_EVEN ? ORR_SLOTS_EVEN : ORR_SLOTS_WEIGHTED,
                       names, weights, count, dealt) != ORR_OK) {
        return;
    }
    for (uint32_t slot = 0; slot < ORR_SLOT_COUNT; slot++) {
        owner[slot] = dealt[slot] == ORR_SLOT_UNOWNED ? SIM_NONE : shards[dealt[slot]];
    }
}

/* The ranges of a shard, as its first primary claims them. */
static void
give_slots(SimHost *host, const uint32_t *owner, uint32_t shard)
{
    GArray *ranges = g_array_new(FALSE, FALSE, sizeof(OrrSlotRange));

    for (uint32_t slot = 0; slot < ORR_SLOT_COUNT; slot++) {
        if (owner[slot] != shard) {
            continue;
        }
        OrrSlotRange range = {(uint16_t)slot, (uint16_t)slot};

        while (slot + 1 < ORR_SLOT_COUNT && owner[slot + 1] == shard) {
            slot++;
        }
        range.last = (uint16_t)slot;
        g_array_append_val(ranges, range);
    }
    host->config.slot_range_count = ranges->len;
    host->slots = (OrrSlotRange *)(void *)g_array_free(ranges, FALSE);
    host->config.slots = host->slots;
}

/* ---- hosts */

/* Where a node looks for the others first: everybody of a small cluster, some of a large one.
 */
static void
give_seeds(SimHost *host)
{
    SimWorld *world = host->world;
    const SimClusterSpec *cluster = &world->scenario->clusters[host->spec->cluster];
    uint32_t start = 0;

    host->seeds = g_new(OrrAddress, SEEDS_MAX);
    if (cluster->node_count > SEEDS_MAX) {
        start = (uint32_t)orr_rng_below(&host->rng, cluster->node_count);
    }
    for (uint32_t i = 0; i < cluster->node_count && host->config.seed_count < SEEDS_MAX; i++) {
        uint32_t other = cluster->nodes[(start + i) % cluster->node_count];

        if (i == 0 && start != 0) {
            other = cluster->nodes[0]; /* one that all know: the views find together */
        }
        if (other != host->index && !world->scenario->nodes[other].spare) {
            host->seeds[host->config.seed_count++] = sim_address_of_number(other + 1);
        }
    }
    host->config.seeds = host->seeds;
}

static void on_disk(void *user, SimHostDisk *disk, const SimDiskResult *result);

static SimDiskModel
disk_rule(SimWorld *world, uint32_t host)
{
    SimDiskModel rule = sim_disk_model_default();
    OrrRng none = orr_rng_new(0);

    for (unsigned rank = 0; rank <= 16; rank++) {
        for (unsigned i = 0; i < world->scenario->disk_count; i++) {
            const SimDiskSpec *spec = &world->scenario->disks[i];
            SimSet *who = NULL;
            bool meant = spec->rank == rank;

            if (meant && spec->who != NULL) {
                who = sim_target_nodes(world, spec->who, &none, NULL);
                meant = sim_set_has(who, host);
                sim_set_free(who);
            }
            if (!meant) {
                continue;
            }
            if (spec->given & SIM_DISKRULE_SYNC) {
                rule.sync_latency = sim_distribution_of(&spec->sync);
            }
            rule.torn_ppm = spec->given & SIM_DISKRULE_TORN ? spec->torn_ppm : rule.torn_ppm;
            rule.bitrot_ppm =
                spec->given & SIM_DISKRULE_BITROT ? spec->bitrot_ppm : rule.bitrot_ppm;
            if (spec->given & SIM_DISKRULE_SIZE) {
                rule.capacity = (uint64_t)spec->size;
            }
            if (spec->given & SIM_DISKRULE_BANDWIDTH) {
                rule.bandwidth = (uint64_t)spec->bandwidth;
            }
        }
    }
    return rule;
}

/* A range that a clock cannot have is refused by the reader of the scenario, or ignored here.
 */
static void
apply_clock(SimHost *host, const SimClockRule *rule, OrrRng *rng)
{
    SimDistribution skew = sim_distribution_of(&rule->skew);
    SimDistribution drift = sim_distribution_of(&rule->drift);
    OrrStatus status[3] = {ORR_OK, ORR_OK, ORR_OK};

    if (rule->has_skew) {
        status[0] = sim_clock_step(&host->clock, SIM_HOST_CLOCK_WALL, 0,
                                   sim_distribution_sample(&skew, rng));
    }
    if (rule->has_drift) {
        int64_t ppb = sim_distribution_sample(&drift, rng) * 1000;

        status[1] = sim_clock_set_drift(&host->clock, SIM_HOST_CLOCK_WALL, 0, ppb);
        status[2] = sim_clock_set_drift(&host->clock, SIM_HOST_CLOCK_MONO, 0, ppb);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(status); i++) {
        if (status[i] != ORR_OK) {
            g_warning("the clock of %s cannot be as it was drawn", host->spec->name);
        }
    }
}

static void
set_clock(SimHost *host)
{
    SimWorld *world = host->world;
    OrrRng none = orr_rng_new(0);
    const SimClockRule *best[2] = {NULL, NULL}; /* for the skew, for the drift */

    host->clock = sim_clock_new();
    for (unsigned i = 0; i < world->scenario->clock_count; i++) {
        const SimClockRule *rule = &world->scenario->clocks[i];
        bool meant = rule->who == NULL;

        if (!meant) {
            SimSet *who = sim_target_nodes(world, rule->who, &none, NULL);

            meant = sim_set_has(who, host->index);
            sim_set_free(who);
        }
        if (meant && rule->has_skew && (best[0] == NULL || rule->rank >= best[0]->rank)) {
            best[0] = rule;
        }
        if (meant && rule->has_drift && (best[1] == NULL || rule->rank >= best[1]->rank)) {
            best[1] = rule;
        }
    }
    for (unsigned i = 0; i < 2; i++) {
        if (best[i] != NULL) {
            SimClockRule one = *best[i];

            one.has_skew = i == 0;
            one.has_drift = i == 1;
            apply_clock(host, &one, &host->rng);
        }
    }
}

static void
init_host(SimWorld *world, uint32_t index)
{
    SimHost *host = &world->hosts[index];
    const SimNodeSpec *spec = &world->scenario->nodes[index];
    char name[96];

    g_snprintf(name, sizeof name, "host %s", spec->name);
    host->world = world;
    host->index = index;
    host->spec = spec;
    host->rng = orr_rng_stream(world->options.seed, orr_bytes_of_string(name));
    host->process = SIM_PROCESS_ABSENT;
    host->slow_milli = 1000;
    host->deadline_ns = ORR_NEVER;
    host->struck_ns = -1;
    host->stopped_ns = -1;
    host->compared_ns = -1;
    host->config.settings = spec->settings;
    host->config.id = *sim_roster_id(world->names, SIM_ROSTER_NODE, index);
    host->config.cluster = *sim_roster_id(world->names, SIM_ROSTER_CLUSTER, spec->cluster);
    host->config.role = spec->role;
    host->config.seed = orr_rng_next(&host->rng);
    own_shard(world, spec, &host->config.shard);
    host->endpoint = sim_network_add_endpoint(world->network, spec->name);
    host->address = sim_address_of_number(index + 1);
    sim_host_set_address(host, &host->address);
    give_seeds(host);
    if (spec->shard != SIM_NONE && world->scenario->shards[spec->shard].primary == index) {
        give_slots(host, world->first_owner + (size_t)spec->cluster * ORR_SLOT_COUNT,
                   spec->shard);
    }
}

/* ---- network */

static uint8_t
type_of(void *user, OrrLane lane, OrrBytes frame)
{
    (void)user;
    (void)lane;
    return frame.size > 5 ? frame.data[5] : 0;
}

static void
on_received(void *user, OrrTime now, SimEndpoint to, SimEndpoint from, OrrLane lane,
            OrrBytes frame)
{
    SimWorld *world = user;
    OrrEvent event = {.type = ORR_EVENT_RECEIVED};

    (void)now;
    if (to < world->host_count && from < world->host_count) {
        event.received.from = world->hosts[from].address;
        event.received.lane = lane;
        event.received.frame = frame;
        sim_host_deliver(&world->hosts[to], &event);
    }
}

static void
on_link(void *user, OrrTime now, SimEndpoint at, SimEndpoint peer, OrrLinkState state)
{
    SimWorld *world = user;
    OrrEvent event = {.type = ORR_EVENT_LINK};

    (void)now;
    if (at < world->host_count && peer < world->host_count) {
        event.link.state = state;
        event.link.peer = world->hosts[peer].address;
        sim_host_deliver(&world->hosts[at], &event);
    }
}

static void
on_connection(void *user, OrrTime now, SimConnection connection, SimEnd end, SimEndpoint at,
              SimConnectionEvent what)
{
    SimWorld *world = user;
    OrrEvent event = {.type = ORR_EVENT_LINK};

    (void)now;
    if (end == SIM_END_CLIENT) {
        sim_clients_on_connection(world, connection, what);
    } else if (at < world->host_count) {
        event.link.state =
            what == SIM_CONNECTION_UP ? ORR_LINK_CLIENT_UP : ORR_LINK_CLIENT_DOWN;
        event.link.client = connection;
        sim_host_deliver(&world->hosts[at], &event);
    }
}

static void
on_stream(void *user, OrrTime now, SimConnection connection, SimEnd end, SimEndpoint at,
          OrrBytes bytes)
{
    SimWorld *world = user;
    OrrEvent event = {.type = ORR_EVENT_REQUEST};

    (void)now;
    if (end == SIM_END_CLIENT) {
        sim_clients_on_stream(world, connection, bytes);
    } else if (at < world->host_count) {
        event.request.client = connection;
        event.request.bytes = bytes;
        sim_host_deliver(&world->hosts[at], &event);
    }
}

static void
on_disk(void *user, SimHostDisk *disk, const SimDiskResult *result)
{
    SimHost *host = user;
    OrrEvent event = {.type = ORR_EVENT_STORED,
                      .stored = {.op = result->op, .status = result->status}};

    (void)disk;
    if (result->op != 0) {
        sim_host_deliver(host, &event);
    }
}

static void
make_network(SimWorld *world)
{
    SimNetworkOptions options = sim_network_options_default();
    SimNetworkHandlers handlers = {world,         on_received, on_link,
                                   on_connection, on_stream,   type_of};

    options.seed = world->options.seed;
    world->network = sim_network_new(world->queue, &options, &handlers);
}

static SimRule
rule_of(const SimLinkSpec *spec)
{
    SimRule rule = {
        .loss_ppm = spec->loss_ppm,
        .duplicate_ppm = spec->duplicate_ppm,
        .reorder_ppm = spec->reorder_ppm,
        .corrupt_ppm = spec->corrupt_ppm,
        .bandwidth = (uint64_t)spec->bandwidth,
        .queue_size = (uint64_t)spec->queue,
    };
    static const struct {
        unsigned given;
        uint32_t field;
    } fields[] = {
        {SIM_LINK_LATENCY, SIM_RULE_LATENCY},     {SIM_LINK_LOSS, SIM_RULE_LOSS},
        {SIM_LINK_DUPLICATE, SIM_RULE_DUPLICATE}, {SIM_LINK_REORDER, SIM_RULE_REORDER},
        {SIM_LINK_CORRUPT, SIM_RULE_CORRUPT},     {SIM_LINK_BANDWIDTH, SIM_RULE_BANDWIDTH},
        {SIM_LINK_QUEUE, SIM_RULE_QUEUE},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(fields); i++) {
        if (spec->given & fields[i].given) {
            rule.set |= fields[i].field;
        }
    }
    if (spec->given & SIM_LINK_LATENCY) {
        rule.latency = sim_distribution_of(&spec->latency);
    }
    return rule;
}

static void
lay_rule(SimWorld *world, SimSelector from, SimSelector to, const SimRule *rule)
{
    OrrStatus status = sim_network_add_rule(world->network, 0, SIM_NOT_A_FAULT, from, to, rule);

    g_assert(status == ORR_OK);
}

static SimSelector
end_of_rule(SimWorld *world, const SimTarget *target, SimSelector anybody)
{
    OrrRng none = orr_rng_new(0);
    SimSelector selector = anybody;

    if (target != NULL && target->kind != SIM_TARGET_ALL) {
        SimSet *set = sim_target_resolve(world, target, &none, NULL);

        selector = sim_set_selector(world, set);
        sim_set_free(set);
    }
    return selector;
}

static void
lay_link(SimWorld *world, const SimLinkRule *link, SimSelector nodes, SimSelector clients)
{
    SimRule rule = rule_of(&link->link);
    SimSelector any = {SIM_SELECT_ANY, 0};
    SimSelector from = end_of_rule(world, link->from, link->clients ? clients : any);
    SimSelector to = end_of_rule(world, link->to, link->clients ? nodes : any);

    lay_rule(world, from, to, &rule);
    if (link->direction == SIM_DIRECTION_BOTH || (link->from == NULL && link->to == NULL)) {
        lay_rule(world, to, from, &rule);
    }
}

/* After nodes and clients have their endpoints. */
void
sim_world_lay_links(SimWorld *world)
{
    const SimScenario *scenario = world->scenario;
    SimRule lan = {.set = SIM_RULE_LATENCY, .latency = sim_distribution_fixed(LAN_LATENCY_NS)};
    SimSelector any = {SIM_SELECT_ANY, 0};
    SimSet *nodes = sim_set_new();
    SimSet *places = sim_set_new();
    SimSelector all_nodes;
    SimSelector all_places;

    for (uint32_t i = 0; i < world->host_count; i++) {
        sim_set_add(nodes, i);
    }
    sim_clients_add_places(world, SIM_NONE, SIM_NONE, places);
    all_nodes = sim_set_selector(world, nodes);
    all_places = places->len > 0 ? sim_set_selector(world, places) : any;
    lay_rule(world, any, any, &lan);
    for (unsigned rank = 0; rank <= 16; rank++) {
        for (unsigned i = 0; i < scenario->link_count; i++) {
            if (MIN(scenario->links[i].rank, 16) == rank) {
                lay_link(world, &scenario->links[i], all_nodes, all_places);
            }
        }
    }
    sim_set_free(nodes);
    sim_set_free(places);
}

void
sim_world_build(SimWorld *world)
{
    const SimScenario *scenario = world->scenario;

    add_names(world);
    make_network(world);
    world->host_count = scenario->node_count;
    world->hosts = g_new0(SimHost, scenario->node_count);
    world->address_count = scenario->node_count + 1 + SPARE_ADDRESSES;
    world->by_address = g_new(uint32_t, world->address_count);
    for (uint32_t i = 0; i < world->address_count; i++) {
        world->by_address[i] = SIM_NONE;
    }
    world->first_owner = g_new(uint32_t, (size_t)scenario->cluster_count * ORR_SLOT_COUNT);
    for (uint32_t i = 0; i < scenario->cluster_count; i++) {
        deal_slots(world, i);
    }
    for (uint32_t i = 0; i < world->host_count; i++) {
        init_host(world, i);
    }
    for (uint32_t i = 0; i < world->host_count; i++) {
        SimHost *host = &world->hosts[i];
        SimDiskModel rule = disk_rule(world, i);

        set_clock(host);
        host->disk = sim_disk_new(world->queue, world->options.seed, host->spec->name, &rule,
                                  on_disk, host);
    }
}
