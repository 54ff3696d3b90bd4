/* The backing store of a cache: so many fetches a second, a queue, and refusals beyond it.
 *
 * A single server with a fixed time per fetch (1 / capacity) and a latency on top: a fetch that
 * arrives while others wait begins when they are through.
 */
#include "client_state.h"

#include <glib.h>

typedef struct Store {
    const SimStoreSpec *spec;
    SimDistribution latency;
    OrrRng rng;
    OrrTime free_at_ns; /* the server is through with what it has */
} Store;

struct SimStores {
    Store *stores;
    uint32_t count;
    uint64_t fetches;
    uint64_t refused;
    GArray *by_second;
};

struct SimStores *
sim_stores_new(SimWorld *world)
{
    struct SimStores *self = g_new0(struct SimStores, 1);

    self->count = world->scenario->store_count;
    self->stores = g_new0(Store, MAX(self->count, 1));
    self->by_second = g_array_new(FALSE, TRUE, sizeof(uint32_t));
    for (uint32_t i = 0; i < self->count; i++) {
        char name[96];

        g_snprintf(name, sizeof name, "store %s", world->scenario->stores[i].name);
        self->stores[i].spec = &world->scenario->stores[i];
        self->stores[i].latency = sim_distribution_of(&world->scenario->stores[i].latency);
        self->stores[i].rng = orr_rng_stream(world->options.seed, orr_bytes_of_string(name));
    }
    return self;
}

void
sim_stores_free(struct SimStores *self)
{
    g_array_unref(self->by_second);
    g_free(self->stores);
    g_free(self);
}

static void
count_second(SimWorld *world, struct SimStores *self)
{
    OrrTime now = MAX(sim_world_scenario_ns(world, world->now_ns), 0);
    guint second = (guint)(now / ORR_NS_PER_S);

    if (second >= self->by_second->len) {
        g_array_set_size(self->by_second, second + 1);
    }
    g_array_index(self->by_second, uint32_t, second)++;
}

bool
sim_store_fetch(SimWorld *world, uint32_t store, uint32_t client, uint32_t key)
{
    struct SimStores *self = world->clients->stores;
    Store *it = &self->stores[store];
    OrrTime service = it->spec->capacity > 0
                          ? (OrrTime)((SimWide)ORR_NS_PER_S * 1000000 / it->spec->capacity)
                          : 0;
    OrrTime start = MAX(it->free_at_ns, world->now_ns);
    SimEvent event = {
        .kind = SIM_EVENT_CLIENT, .target = client, .arg = {SIM_CLIENT_FETCHED, key}};

    self->fetches++;
    count_second(world, self);
    if (service > 0 && it->spec->queue > 0 &&
        (start - world->now_ns) / service >= (OrrTime)it->spec->queue) {
        self->refused++;
        return false;
    }
    it->free_at_ns = start + service;
    event.at_ns = start + service + MAX(sim_distribution_sample(&it->latency, &it->rng), 0);
    sim_queue_schedule(world->queue, &event);
    return true;
}

uint64_t
sim_stores_fetches(const SimWorld *world)
{
    return world->clients->stores->fetches;
}

uint64_t
sim_stores_refused(const SimWorld *world)
{
    return world->clients->stores->refused;
}

const GArray *
sim_clients_store_seconds(const SimWorld *world)
{
    return world->clients->stores->by_second;
}
