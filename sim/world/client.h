/* client.h - the clients: fleets that ask, each client with a map, connections and keys of its
 * own.
 *
 *     fleet --rate, mix, keys--> client --commands--> router --bytes--> connection --> node
 *                                   `--> history: invoked, acknowledged, refused, unknown
 *
 * A fleet asks in an open loop (so many operations a second, come what may) or a closed one (so
 * many workers, each waits for its answer). Clients sit at places: an endpoint of the network
 * per site, or per node that they are attached to. A key is written by one client only, one
 * write at a time; reads go to any key.
 *
 * Before the scenario's 0 the preload is written in the same way, and is part of the history.
 */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H

#include "resolve.h"

#define SIM_NO_CLIENT UINT32_MAX
#define SIM_PRELOAD_WINDOW 32u /* writes under way, per client, during the preload */

/* Makes places (endpoints) and clients; before nodes boot, after their endpoints were added. */
SimClients *sim_clients_new(SimWorld *world);
void sim_clients_free(SimClients *clients);
/* Begins to write the preload; then sim_clients_preloaded() becomes true. */
void sim_clients_preload(SimWorld *world);
bool sim_clients_preloaded(const SimWorld *world);
/* The scenario's clock starts: fleets plan their first operations. */
void sim_clients_begin(SimWorld *world);
/* A SIM_EVENT_CLIENT event has come due. */
void sim_clients_on_event(SimWorld *world, const SimEvent *event);
/* News of a connection's client end, from the network. */
void sim_clients_on_connection(SimWorld *world, SimConnection connection,
                               SimConnectionEvent event);
void sim_clients_on_stream(SimWorld *world, SimConnection connection, OrrBytes bytes);
/* Operations of `fleets` (a set of their numbers, or NULL: all) now come at this rate. */
void sim_clients_set_rate(SimWorld *world, const SimTarget *who, int64_t rate);
/* Some client deletes this key. */
void sim_clients_delete(SimWorld *world, const char *key);
/* No more operations are begun. */
void sim_clients_stop(SimWorld *world);
/* Operations begun and not finished. */
uint64_t sim_clients_pending(const SimWorld *world);

/* Adds endpoints: attached to `host`, or at `site`; SIM_NONE twice: all places. */
void sim_clients_add_places(const SimWorld *world, uint32_t host, uint32_t site, SimSet *set);
void sim_clients_add_fleet(const SimWorld *world, uint32_t fleet, SimSet *set);
/* True when a client of history sits at one of the endpoints of the set. */
bool sim_clients_sits_in(const SimWorld *world, uint32_t client, const SimSet *set);
/* The cluster that the owner of a key talks to. */
uint32_t sim_clients_cluster_of_key(const SimWorld *world, uint32_t key);
/* What a value says: its number, or UINT32_MAX if it is none of ours. */
uint32_t sim_client_number_of_value(OrrBytes value);
/* Fetches from backing stores begun in each second of the scenario; of uint32_t. */
const GArray *sim_clients_store_seconds(const SimWorld *world);
uint32_t sim_clients_count(const SimWorld *world);
/* A client's name: "c3". */
void sim_clients_name(const SimWorld *world, uint32_t client, char *text, size_t size);

typedef struct SimClientTotals {
    uint64_t moved;
    uint64_t ask;
    uint64_t retries;
    uint64_t topology_updates;
    uint64_t connects;
    uint64_t overloaded;
    uint64_t workers; /* of closed loops, or clients of open ones */
    uint64_t store_fetches;
    uint64_t store_refused;
    uint64_t hits;
    uint64_t misses;
} SimClientTotals;
SimClientTotals sim_clients_totals(const SimWorld *world);

#endif
