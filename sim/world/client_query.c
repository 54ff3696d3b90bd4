/* Questions about clients, and orders from the timeline. */
#include "client_state.h"

#include <glib.h>

void
sim_clients_add_places(const SimWorld *world, uint32_t host, uint32_t site, SimSet *set)
{
    const SimClients *self = world->clients;
    bool all = host == SIM_NONE && site == SIM_NONE;

    if (self == NULL) {
        return;
    }
    for (uint32_t i = 0; i < self->place_count; i++) {
        const SimPlace *place = &self->places[i];

        if (all || (host != SIM_NONE && place->attached == host) ||
            (site != SIM_NONE && place->site == site)) {
            sim_set_add(set, place->endpoint);
        }
    }
}

void
sim_clients_add_fleet(const SimWorld *world, uint32_t fleet, SimSet *set)
{
    const SimClients *self = world->clients;
    const SimFleetState *state = &self->fleets[fleet];

    for (uint32_t i = 0; i < state->spec->clients; i++) {
        sim_set_add(set, self->places[self->clients[state->first_client + i].place].endpoint);
    }
}

bool
sim_clients_sits_in(const SimWorld *world, uint32_t client, const SimSet *set)
{
    const SimClients *self = world->clients;

    return client < self->client_count &&
           sim_set_has(set, self->places[self->clients[client].place].endpoint);
}

uint32_t
sim_clients_cluster_of_key(const SimWorld *world, uint32_t key)
{
    return world->clients->clients[sim_history_key_client(world->history, key)].cluster;
}

uint32_t
sim_clients_count(const SimWorld *world)
{
    return world->clients->client_count;
}

void
sim_clients_name(const SimWorld *world, uint32_t client, char *text, size_t size)
{
    const SimClients *self = world->clients;

    g_snprintf(text, (gulong)size, "%s.%u",
               self->fleets[self->clients[client].fleet].spec->name,
               self->clients[client].number);
}

void
sim_clients_set_rate(SimWorld *world, const SimTarget *who, int64_t rate)
{
    SimClients *self = world->clients;

    for (uint32_t i = 0; i < self->fleet_count; i++) {
        SimFleetState *fleet = &self->fleets[i];
        bool meant = who == NULL || who->kind != SIM_TARGET_FLEET || who->index == i;

        if (!meant || fleet->spec->rate == 0) {
            continue;
        }
        fleet->rate = rate;
        if (fleet->arrival_event == SIM_NO_EVENT) {
            fleet->arrival_event = sim_world_plan(world, world->now_ns + 1, SIM_EVENT_CLIENT, i,
                                                  SIM_CLIENT_ARRIVAL);
        }
    }
}

void
sim_clients_delete(SimWorld *world, const char *key)
{
    for (uint32_t i = 0; i < sim_history_key_count(world->history); i++) {
        if (strcmp(sim_history_key_text(world->history, i, NULL), key) == 0) {
            SimClient *client =
                &world->clients->clients[sim_history_key_client(world->history, i)];

            (void)sim_client_issue(world, client, SIM_DO_DEL, i, false, false);
            return;
        }
    }
}

void
sim_clients_stop(SimWorld *world)
{
    world->clients->stopped = true;
}

uint64_t
sim_clients_pending(const SimWorld *world)
{
    return world->clients->under_way;
}

SimClientTotals
sim_clients_totals(const SimWorld *world)
{
    const SimClients *self = world->clients;
    SimClientTotals totals = {
        .store_fetches = sim_stores_fetches(world),
        .store_refused = sim_stores_refused(world),
        .hits = self->hits,
        .misses = self->misses,
    };

    for (uint32_t i = 0; i < self->client_count; i++) {
        const SimClient *client = &self->clients[i];
        const SimFleet *spec = self->fleets[client->fleet].spec;
        OrrRouterCounters counters;

        totals.workers += spec->rate == 0 ? MAX(spec->workers, 1) : 1;
        if (client->router == NULL) {
            continue;
        }
        orr_router_counters(client->router, &counters);
        totals.moved += counters.moved;
        totals.ask += counters.ask;
        totals.retries += counters.retries;
        totals.topology_updates += counters.topology_updates;
        totals.connects += counters.connects;
        totals.overloaded += counters.overloaded;
    }
    return totals;
}
