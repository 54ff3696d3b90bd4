/* The router of one client and its connections. */
#include "client_state.h"
#include "live.h"

#include <glib.h>

#define ROUTER_REQUESTS_MAX 4096u
#define MANY_WORKERS 20u /* of a client: so many can afford a narrow bulkhead */
#define NARROW_SHARE_PERCENT 2u
#define QUEUE_PART 1000 /* a request waits this part of its timeout for its turn */
#define ATTEMPT_MAX_NS ORR_NS_PER_S

uint32_t
sim_client_cluster(SimWorld *world, const SimClient *client)
{
    const SimFleet *spec = world->clients->fleets[client->fleet].spec;
    const SimPlace *place = &world->clients->places[client->place];
    uint32_t shard = sim_target_shard(world, spec->keys_of);

    if (place->attached != SIM_NONE) {
        return world->scenario->nodes[place->attached].cluster;
    }
    if (spec->at != NULL && spec->at->kind == SIM_TARGET_CLUSTER) {
        return spec->at->index;
    }
    return shard != SIM_NONE ? world->scenario->shards[shard].cluster : 0;
}

static size_t
fill_seeds(SimWorld *world, const SimClient *client, OrrAddress *seeds)
{
    const SimPlace *place = &world->clients->places[client->place];
    uint32_t start = client->index;
    uint32_t cluster = client->cluster;
    size_t count = 0;

    if (place->attached != SIM_NONE) {
        seeds[0] = world->hosts[place->attached].address;
        return 1;
    }
    for (uint32_t i = 0; i < world->host_count && count < 8; i++) {
        const SimHost *host = &world->hosts[(start + i) % world->host_count];

        if (host->process != SIM_PROCESS_ABSENT && host->spec->cluster == cluster) {
            seeds[count++] = host->address;
        }
    }
    return count;
}

static const SimFleet *
spec_of(const SimWorld *world, const SimClient *client)
{
    return world->clients->fleets[client->fleet].spec;
}

void
sim_client_open(SimWorld *world, SimClient *client)
{
    const SimFleet *spec = spec_of(world, client);
    OrrAddress seeds[ORR_ROUTER_SEEDS_MAX];
    OrrRouterConfig config = orr_router_config_default();

    config.seeds = seeds;
    config.seed_count = fill_seeds(world, client, seeds);
    config.seed = orr_rng_next(&client->rng);
    config.hash_slot_by = world->scenario->settings.hash_slot_by;
    config.requests_max =
        spec->rate > 0 ? ROUTER_REQUESTS_MAX : MAX(spec->workers, 1) * MAX(spec->pipeline, 1);
    config.node_share_percent = 100;
    if (spec->rate == 0 && spec->workers >= MANY_WORKERS) {
        config.node_share_percent = NARROW_SHARE_PERCENT;
        config.queue_ns = spec->timeout_ns / QUEUE_PART;
    }
    config.request_ns = spec->timeout_ns;
    config.attempt_ns =
        spec->retries > 0 ? MIN(spec->timeout_ns, ATTEMPT_MAX_NS) : spec->timeout_ns;
    config.attempts_max = spec->retries + 6; /* redirections are attempts, too */
    config.retry_unanswered = spec->retries > 0;
    config.refresh_ns = spec->stale_map ? 0 : config.refresh_ns;
    if (ORR_PLANTED(&world->scenario->settings, NO_BULKHEAD)) {
        config.node_share_percent = 100;
    }
    client->router = orr_router_new(&config);
    g_assert(client->router != NULL);
    client->deadline_ns = ORR_NEVER;
}

void
sim_client_close(SimClient *client)
{
    orr_router_free(client->router);
    client->router = NULL;
}

static SimPeer *
peer_of(SimClient *client, uint32_t number)
{
    if (number >= client->peers->len) {
        g_array_set_size(client->peers, number + 1); /* new ones are zero */
    }
    return &g_array_index(client->peers, SimPeer, number);
}

static void
drop_connection(SimWorld *world, SimPeer *peer)
{
    if (peer->connection != 0) {
        g_hash_table_remove(world->clients->routes, &peer->connection);
        peer->connection = 0;
    }
}

/* A client that is pinned to its node finds no way to another one. */
static bool
may_reach(const SimWorld *world, const SimClient *client, const SimHost *host)
{
    const SimPlace *place = &world->clients->places[client->place];

    return host != NULL && (!spec_of(world, client)->pinned || place->attached == host->index);
}

static void
connect_peer(SimWorld *world, SimClient *client, const OrrRouterEffect *effect)
{
    SimPeer *peer = peer_of(client, effect->node);
    SimHost *host = sim_world_host_at(world, &effect->address);
    SimRoute *route;
    SimConnection *key;

    peer->address = effect->address;
    if (!may_reach(world, client, host)) {
        /* told later, as a refusal would be: the router is in the middle of its effects */
        sim_world_plan(world, world->now_ns + ORR_NS_PER_MS, SIM_EVENT_CLIENT, client->index,
                       (uint64_t)SIM_CLIENT_REFUSED | (uint64_t)effect->node << 8);
        return;
    }
    peer->connection =
        world->live != NULL
            ? sim_live_connect(world, world->clients->places[client->place].endpoint, host)
            : sim_network_connect(world->network, world->now_ns,
                                  world->clients->places[client->place].endpoint,
                                  host->endpoint);
    route = g_new(SimRoute, 1);
    *route = (SimRoute){client->index, effect->node};
    key = g_new(SimConnection, 1);
    *key = peer->connection;
    g_hash_table_insert(world->clients->routes, key, route);
}

static void
perform(SimWorld *world, SimClient *client, const OrrRouterEffect *effect)
{
    SimPeer *peer;

    switch (effect->type) {
    case ORR_ROUTER_CONNECT:
        connect_peer(world, client, effect);
        break;
    case ORR_ROUTER_CLOSE:
        peer = peer_of(client, effect->node);
        if (peer->connection != 0 && world->live != NULL) {
            sim_live_close(world, peer->connection);
            drop_connection(world, peer);
        } else if (peer->connection != 0) {
            sim_network_close(world->network, world->now_ns, peer->connection, SIM_END_CLIENT);
            drop_connection(world, peer);
        }
        break;
    case ORR_ROUTER_SEND:
        peer = peer_of(client, effect->node);
        if (peer->connection != 0 && world->live != NULL) {
            sim_live_write(world, peer->connection, effect->bytes);
        } else if (peer->connection != 0) {
            (void)sim_network_write(world->network, world->now_ns, peer->connection,
                                    SIM_END_CLIENT, effect->bytes);
        }
        break;
    case ORR_ROUTER_DONE:
        sim_client_on_done(world, client, effect);
        break;
    }
}

static void
plan_deadline(SimWorld *world, SimClient *client)
{
    OrrTime at = orr_router_deadline(client->router);

    if (at != ORR_NEVER && at <= world->now_ns) {
        at = world->now_ns + 1;
    }
    if (client->deadline_ns <= at) {
        return; /* what is planned comes first */
    }
    if (client->deadline_ns != ORR_NEVER) {
        (void)sim_queue_cancel(world->queue, client->deadline_event);
    }
    client->deadline_ns = at;
    client->deadline_event =
        sim_world_plan(world, at, SIM_EVENT_CLIENT, client->index, SIM_CLIENT_ROUTER);
}

void
sim_client_pump(SimWorld *world, SimClient *client)
{
    OrrRouterEffect effect;

    while (orr_router_next(client->router, &effect) == ORR_OK) {
        perform(world, client, &effect);
    }
    plan_deadline(world, client);
}

void
sim_client_on_router_deadline(SimWorld *world, SimClient *client)
{
    client->deadline_ns = ORR_NEVER;
    if (orr_router_deadline(client->router) <= world->now_ns) {
        orr_router_time(client->router, world->now_ns);
    }
    sim_client_pump(world, client);
}

void
sim_client_on_refused(SimWorld *world, SimClient *client, uint32_t peer)
{
    orr_router_link(client->router, world->now_ns, peer, false);
    sim_client_pump(world, client);
}

void
sim_clients_on_connection(SimWorld *world, SimConnection connection, SimConnectionEvent event)
{
    const SimRoute *found = g_hash_table_lookup(world->clients->routes, &connection);

    if (found == NULL) {
        return;
    }
    SimRoute route = *found;
    SimClient *client = &world->clients->clients[route.client];

    if (event != SIM_CONNECTION_UP) {
        drop_connection(world, peer_of(client, route.peer));
    }
    orr_router_link(client->router, world->now_ns, route.peer, event == SIM_CONNECTION_UP);
    sim_client_pump(world, client);
}

void
sim_clients_on_stream(SimWorld *world, SimConnection connection, OrrBytes bytes)
{
    const SimRoute *route = g_hash_table_lookup(world->clients->routes, &connection);

    if (route == NULL) {
        return;
    }
    SimClient *client = &world->clients->clients[route->client];

    orr_router_received(client->router, world->now_ns, route->peer, bytes);
    sim_client_pump(world, client);
}
