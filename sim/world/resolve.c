#include "resolve.h"

#include "client.h"
#include "fault.h"

SimSet *
sim_set_new(void)
{
    return g_array_new(FALSE, FALSE, sizeof(uint32_t));
}

void
sim_set_free(SimSet *set)
{
    if (set != NULL) {
        g_array_unref(set);
    }
}

uint32_t
sim_set_at(const SimSet *set, guint index)
{
    g_assert(index < set->len);
    return g_array_index(set, uint32_t, index);
}

/* Where `member` is, or would be. */
static guint
set_place(const SimSet *set, uint32_t member)
{
    guint low = 0;
    guint high = set->len;

    while (low < high) {
        guint middle = low + (high - low) / 2;

        if (sim_set_at(set, middle) < member) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool
sim_set_has(const SimSet *set, uint32_t member)
{
    guint place = set_place(set, member);

    return place < set->len && sim_set_at(set, place) == member;
}

void
sim_set_add(SimSet *set, uint32_t member)
{
    guint place = set_place(set, member);

    if (place == set->len || sim_set_at(set, place) != member) {
        g_array_insert_val(set, place, member);
    }
}

void
sim_set_add_all(SimSet *set, const SimSet *other)
{
    for (guint i = 0; i < other->len; i++) {
        sim_set_add(set, sim_set_at(other, i));
    }
}

SimSet *
sim_set_everyone(const SimWorld *world)
{
    SimSet *set = sim_set_new();
    uint32_t count = (uint32_t)sim_network_endpoint_count(world->network);

    for (uint32_t i = 0; i < count; i++) {
        sim_set_add(set, i);
    }
    return set;
}

SimSet *
sim_set_others(const SimWorld *world, const SimSet *set)
{
    SimSet *others = sim_set_new();
    uint32_t count = (uint32_t)sim_network_endpoint_count(world->network);

    for (uint32_t i = 0; i < count; i++) {
        if (!sim_set_has(set, i)) {
            sim_set_add(others, i);
        }
    }
    return others;
}

void
sim_set_add_attached(const SimWorld *world, SimSet *set)
{
    for (uint32_t i = set->len; i-- > 0;) {
        uint32_t member = sim_set_at(set, i);

        if (member < world->host_count) {
            sim_clients_add_places(world, member, SIM_NONE, set);
        }
    }
}

static void
add_hosts(SimSet *set, const unsigned *hosts, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        sim_set_add(set, hosts[i]);
    }
}

uint32_t
sim_shard_primary(SimWorld *world, uint32_t shard)
{
    uint32_t server = sim_invariants_server(world->invariants, world->now_ns, shard);
    uint32_t best = SIM_NONE;
    uint64_t best_epoch = 0;

    if (server != SIM_ROSTER_NONE) {
        return server;
    }
    for (uint32_t i = 0; i < world->host_count; i++) {
        const OrrNodeView *view = sim_host_view(&world->hosts[i]);

        if (view != NULL && view->role == ORR_ROLE_PRIMARY &&
            sim_roster_index(world->names, SIM_ROSTER_SHARD, &view->shard) == shard &&
            (best == SIM_NONE || view->shard_epoch > best_epoch)) {
            best = i;
            best_epoch = view->shard_epoch;
        }
    }
    return best;
}

uint32_t
sim_target_shard(SimWorld *world, const SimTarget *target)
{
    if (target == NULL) {
        return SIM_NONE;
    }
    switch (target->kind) {
    case SIM_TARGET_SHARD:
        return target->index;
    case SIM_TARGET_PRIMARY:
    case SIM_TARGET_FIRST_PRIMARY:
    case SIM_TARGET_REPLICAS:
    case SIM_TARGET_BEST_REPLICA:
        return sim_target_shard(world, target->of);
    case SIM_TARGET_LEADER:
        return 0;
    case SIM_TARGET_NODE:
        return world->scenario->nodes[target->index].shard;
    case SIM_TARGET_SITE:
    case SIM_TARGET_CLUSTER:
    case SIM_TARGET_ALL:
    case SIM_TARGET_OWNER:
    case SIM_TARGET_PRIMARIES:
    case SIM_TARGET_ALL_REPLICAS:
    case SIM_TARGET_VOTERS:
    case SIM_TARGET_WITNESSES:
    case SIM_TARGET_SPARES:
    case SIM_TARGET_RANDOM:
    case SIM_TARGET_MINORITY:
    case SIM_TARGET_MAJORITY:
    case SIM_TARGET_OTHERS:
    case SIM_TARGET_STRUCK:
    case SIM_TARGET_CLIENTS:
    case SIM_TARGET_FLEET:
    case SIM_TARGET_UNION:
    case SIM_TARGET_EXCEPT:
        break;
    }
    return SIM_NONE;
}

static bool
is_primary_now(SimWorld *world, const SimHost *host)
{
    const OrrNodeView *view = sim_host_view(&world->hosts[host->index]);

    return view != NULL && view->role == ORR_ROLE_PRIMARY;
}

static bool
votes_now(SimWorld *world, const SimHost *host)
{
    if (host->spec->settings.voters == ORR_VOTERS_ALL) {
        return host->process != SIM_PROCESS_ABSENT;
    }
    /* a primary whose process is dead is a voter all the same */
    return sim_host_runs(host)
               ? is_primary_now(world, host)
               : host->view.role == ORR_ROLE_PRIMARY && host->process != SIM_PROCESS_ABSENT;
}

static bool
matches(SimWorld *world, const SimTarget *target, const SimHost *host)
{
    const OrrNodeView *view = sim_host_view(&world->hosts[host->index]);

    switch (target->kind) {
    case SIM_TARGET_PRIMARIES:
        return view != NULL && view->role == ORR_ROLE_PRIMARY && host->spec->shard != SIM_NONE;
    case SIM_TARGET_ALL_REPLICAS:
        return view != NULL && view->role == ORR_ROLE_REPLICA;
    case SIM_TARGET_VOTERS:
        return votes_now(world, host);
    case SIM_TARGET_WITNESSES:
        return host->spec->role == ORR_ROLE_WITNESS;
    case SIM_TARGET_SPARES:
        return host->process == SIM_PROCESS_ABSENT;
    case SIM_TARGET_ALL:
        return host->process != SIM_PROCESS_ABSENT;
    case SIM_TARGET_NODE:
    case SIM_TARGET_SITE:
    case SIM_TARGET_SHARD:
    case SIM_TARGET_CLUSTER:
    case SIM_TARGET_LEADER:
    case SIM_TARGET_PRIMARY:
    case SIM_TARGET_FIRST_PRIMARY:
    case SIM_TARGET_REPLICAS:
    case SIM_TARGET_BEST_REPLICA:
    case SIM_TARGET_OWNER:
    case SIM_TARGET_RANDOM:
    case SIM_TARGET_MINORITY:
    case SIM_TARGET_MAJORITY:
    case SIM_TARGET_OTHERS:
    case SIM_TARGET_STRUCK:
    case SIM_TARGET_CLIENTS:
    case SIM_TARGET_FLEET:
    case SIM_TARGET_UNION:
    case SIM_TARGET_EXCEPT:
        break;
    }
    return false;
}

static void
add_matching(SimWorld *world, const SimTarget *target, SimSet *set)
{
    for (uint32_t i = 0; i < world->host_count; i++) {
        if (matches(world, target, &world->hosts[i])) {
            sim_set_add(set, i);
        }
    }
}

/* The replicas of a shard now; only the best of them if asked. */
static void
add_replicas(SimWorld *world, uint32_t shard, bool best_only, SimSet *set)
{
    uint32_t best = SIM_NONE;
    uint64_t best_offset = 0;

    for (uint32_t i = 0; i < world->host_count && shard != SIM_NONE; i++) {
        const OrrNodeView *view = sim_host_view(&world->hosts[i]);

        if (view == NULL || view->role != ORR_ROLE_REPLICA ||
            sim_roster_index(world->names, SIM_ROSTER_SHARD, &view->shard) != shard) {
            continue;
        }
        if (!best_only) {
            sim_set_add(set, i);
        } else if (best == SIM_NONE || view->offset > best_offset) {
            best = i;
            best_offset = view->offset;
        }
    }
    if (best != SIM_NONE) {
        sim_set_add(set, best);
    }
}

/* `count` members of `from`, drawn; 0: half of them, at least one. */
static void
add_drawn(const SimSet *from, uint32_t count, OrrRng *rng, SimSet *set)
{
    g_autofree uint32_t *order = g_new(uint32_t, from->len + 1);
    uint32_t wanted = count != 0 ? count : MAX(from->len / 2, 1);

    for (guint i = 0; i < from->len; i++) {
        order[i] = sim_set_at(from, i);
    }
    for (guint i = 0; i < from->len && i < wanted; i++) {
        guint other = i + (guint)orr_rng_below(rng, from->len - i);
        uint32_t drawn = order[other];

        order[other] = order[i];
        order[i] = drawn;
        sim_set_add(set, drawn);
    }
}

static void
add_drawn_voters(SimWorld *world, bool majority, OrrRng *rng, SimSet *set)
{
    SimSet *voters = sim_set_new();

    for (uint32_t i = 0; i < world->host_count; i++) {
        if (votes_now(world, &world->hosts[i])) {
            sim_set_add(voters, i);
        }
    }
    if (majority) {
        add_drawn(voters, voters->len / 2 + 1, rng, set);
    } else if (voters->len > 1) {
        add_drawn(voters, (voters->len - 1) / 2, rng, set);
    }
    sim_set_free(voters);
}

static void
add_random(SimWorld *world, const SimTarget *target, OrrRng *rng, const SimSet *named,
           SimSet *set)
{
    const SimTarget all = {.kind = SIM_TARGET_ALL};
    SimSet *from = sim_target_nodes(world, target->of != NULL ? target->of : &all, rng, named);

    add_drawn(from, target->index, rng, set);
    sim_set_free(from);
}

static void
add_clients(SimWorld *world, const SimTarget *of, OrrRng *rng, SimSet *set)
{
    if (of == NULL) {
        sim_clients_add_places(world, SIM_NONE, SIM_NONE, set);
        return;
    }
    if (of->kind == SIM_TARGET_SITE) {
        sim_clients_add_places(world, SIM_NONE, of->index, set);
        return;
    }
    SimSet *nodes = sim_target_nodes(world, of, rng, NULL);

    for (guint i = 0; i < nodes->len; i++) {
        sim_clients_add_places(world, sim_set_at(nodes, i), SIM_NONE, set);
    }
    sim_set_free(nodes);
}

static void
add_except(SimWorld *world, const SimTarget *target, OrrRng *rng, const SimSet *named,
           SimSet *set)
{
    SimSet *all = sim_target_resolve(world, target->items[0], rng, named);
    SimSet *without = sim_target_resolve(world, target->items[1], rng, named);

    for (guint i = 0; i < all->len; i++) {
        if (!sim_set_has(without, sim_set_at(all, i))) {
            sim_set_add(set, sim_set_at(all, i));
        }
    }
    sim_set_free(all);
    sim_set_free(without);
}

static void
add_found(uint32_t host, SimSet *set)
{
    if (host != SIM_NONE) {
        sim_set_add(set, host);
    }
}

static void
add_owner(SimWorld *world, unsigned slot, SimSet *set)
{
    uint64_t version;

    for (uint32_t i = 0; i < world->host_count; i++) {
        if (sim_host_serves(&world->hosts[i], (uint16_t)slot, &version)) {
            sim_set_add(set, i);
            return;
        }
    }
}

static void
add_others(const SimWorld *world, const SimSet *named, SimSet *set)
{
    for (uint32_t i = 0; i < world->host_count; i++) {
        if (named == NULL || !sim_set_has(named, i)) {
            sim_set_add(set, i);
        }
    }
}

static void
add_union(SimWorld *world, const SimTarget *target, OrrRng *rng, const SimSet *named,
          SimSet *set)
{
    for (unsigned i = 0; i < target->item_count; i++) {
        SimSet *item = sim_target_resolve(world, target->items[i], rng, named);

        sim_set_add_all(set, item);
        sim_set_free(item);
    }
}

/* What the scenario's file says by itself, whatever happens. */
static bool
add_fixed(const SimWorld *world, const SimTarget *target, SimSet *set)
{
    const SimScenario *scenario = world->scenario;

    switch ((int)target->kind) {
    case SIM_TARGET_NODE:
        sim_set_add(set, target->index);
        return true;
    case SIM_TARGET_SITE:
        add_hosts(set, scenario->sites[target->index].nodes,
                  scenario->sites[target->index].node_count);
        sim_clients_add_places(world, SIM_NONE, target->index, set);
        return true;
    case SIM_TARGET_SHARD:
        add_hosts(set, scenario->shards[target->index].nodes,
                  scenario->shards[target->index].node_count);
        return true;
    case SIM_TARGET_CLUSTER:
        add_hosts(set, scenario->clusters[target->index].nodes,
                  scenario->clusters[target->index].node_count);
        return true;
    case SIM_TARGET_FLEET:
        sim_clients_add_fleet(world, target->index, set);
        return true;
    default:
        return false;
    }
}

/* Roles of a shard, as they are now. */
static void
add_roles(SimWorld *world, const SimTarget *target, SimSet *set)
{
    uint32_t shard = sim_target_shard(world, target);

    if (shard == SIM_NONE) {
        return;
    }
    if (target->kind == SIM_TARGET_FIRST_PRIMARY) {
        sim_set_add(set, world->scenario->shards[shard].primary);
    } else if (target->kind == SIM_TARGET_REPLICAS || target->kind == SIM_TARGET_BEST_REPLICA) {
        add_replicas(world, shard, target->kind == SIM_TARGET_BEST_REPLICA, set);
    } else {
        add_found(sim_shard_primary(world, shard), set);
    }
}

SimSet *
sim_target_resolve(SimWorld *world, const SimTarget *target, OrrRng *rng, const SimSet *named)
{
    SimSet *set = sim_set_new();

    if (add_fixed(world, target, set)) {
        return set;
    }
    switch ((int)target->kind) {
    case SIM_TARGET_LEADER:
    case SIM_TARGET_PRIMARY:
    case SIM_TARGET_FIRST_PRIMARY:
    case SIM_TARGET_REPLICAS:
    case SIM_TARGET_BEST_REPLICA:
        add_roles(world, target, set);
        break;
    case SIM_TARGET_OWNER:
        add_owner(world, target->index, set);
        break;
    case SIM_TARGET_RANDOM:
        add_random(world, target, rng, named, set);
        break;
    case SIM_TARGET_MINORITY:
    case SIM_TARGET_MAJORITY:
        add_drawn_voters(world, target->kind == SIM_TARGET_MAJORITY, rng, set);
        break;
    case SIM_TARGET_OTHERS:
        add_others(world, named, set);
        break;
    case SIM_TARGET_STRUCK:
        sim_faults_add_struck(world, target->index, set);
        break;
    case SIM_TARGET_CLIENTS:
        add_clients(world, target->of, rng, set);
        break;
    case SIM_TARGET_UNION:
        add_union(world, target, rng, named, set);
        break;
    case SIM_TARGET_EXCEPT:
        add_except(world, target, rng, named, set);
        break;
    default: /* all nodes of a kind */
        add_matching(world, target, set);
        break;
    }
    return set;
}

SimSet *
sim_target_nodes(SimWorld *world, const SimTarget *target, OrrRng *rng, const SimSet *named)
{
    SimSet *set = sim_target_resolve(world, target, rng, named);

    while (set->len > 0 && sim_set_at(set, set->len - 1) >= world->host_count) {
        g_array_set_size(set, set->len - 1);
    }
    return set;
}

SimSelector
sim_set_selector(SimWorld *world, const SimSet *set)
{
    if (set->len == 1) {
        return (SimSelector){SIM_SELECT_ENDPOINT, sim_set_at(set, 0)};
    }
    uint32_t group = sim_network_add_group(world->network);

    for (guint i = 0; i < set->len; i++) {
        sim_network_join_group(world->network, group, sim_set_at(set, i));
    }
    return (SimSelector){SIM_SELECT_GROUP, group};
}
