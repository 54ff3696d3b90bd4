/* client_state.h - what client*.c share and nobody else sees. */
#ifndef SIM_CLIENT_STATE_H
#define SIM_CLIENT_STATE_H

#include <orrery/router.h>

#include "client.h"

/* What a SIM_EVENT_CLIENT event means; in its arg[0]. `target` is a client or a fleet. */
typedef enum SimClientEvent {
    SIM_CLIENT_ROUTER,  /* target: client; its router's deadline */
    SIM_CLIENT_ARRIVAL, /* target: fleet; an operation of an open loop */
    SIM_CLIENT_WORKER,  /* target: client; a worker has thought enough */
    SIM_CLIENT_FETCHED, /* target: client; arg[1]: key; the store has answered */
    SIM_CLIENT_PRELOAD, /* target: client; arg[1]: a key whose preload is to be repeated */
    SIM_CLIENT_REFUSED, /* target: client; arg[0] >> 8: the peer that it may not reach */
} SimClientEvent;

/* An endpoint where clients sit. */
typedef struct SimPlace {
    SimEndpoint endpoint;
    uint32_t site;     /* or SIM_NONE */
    uint32_t attached; /* host, or SIM_NONE */
} SimPlace;

typedef struct SimPending {
    size_t op; /* in the history, + 1; 0: free */
    uint32_t key;
    bool preload;
    bool worker;        /* of a closed loop: it goes on when this is answered */
    OrrTime expires_ns; /* of the key, once this write is done; 0: as before */
} SimPending;

typedef struct SimPeer {
    OrrAddress address;
    SimConnection connection; /* 0: none */
} SimPeer;

typedef struct SimClient {
    uint32_t index;
    uint32_t fleet;
    uint32_t number; /* within its fleet */
    uint32_t place;
    OrrRouter *router;
    OrrRng rng;
    OrrTime deadline_ns;
    SimEventHandle deadline_event;
    GArray *peers;   /* of SimPeer, by the router's number of the node */
    GArray *pending; /* of SimPending, by request id - 1 */
    GArray *free_ids;
    uint32_t under_way;
    uint32_t preload_next; /* the next of its keys to be preloaded */
    uint32_t unique_count; /* unique keys written */
    uint32_t cluster;
    GArray *own_keys; /* of uint32_t: history keys that it wrote with SIM_KEYS_UNIQUE */
} SimClient;

typedef struct SimFleetState {
    const SimFleet *spec;
    uint32_t first_client;
    uint32_t first_key; /* of its fixed keys in the history */
    uint32_t key_count;
    uint64_t *zipf; /* running sums of weights, or NULL */
    OrrRng rng;     /* arrivals */
    int64_t rate;   /* per 1,000,000 s, of the whole fleet */
    uint32_t turn;
    uint64_t begun; /* operations */
    uint32_t mix_total;
    SimEventHandle arrival_event;
    uint64_t preload_left;
} SimFleetState;

typedef struct SimRoute {
    uint32_t client;
    uint32_t peer;
} SimRoute;

struct SimClients {
    SimPlace *places;
    uint32_t place_count;
    SimFleetState *fleets;
    uint32_t fleet_count;
    SimClient *clients;
    uint32_t client_count;
    GHashTable *routes;    /* connection -> SimRoute; looked up, never walked */
    GByteArray *busy_keys; /* 1: a write of this key is under way */
    bool stopped;
    uint64_t under_way;
    struct SimStores *stores;
    uint64_t hits;
    uint64_t misses;
};

/* The cluster that a fleet's client talks to: where its keys or its nodes are. */
uint32_t sim_client_cluster(SimWorld *world, const SimClient *client);
/* client_link.c: the router and its connections */
void sim_client_open(SimWorld *world, SimClient *client);
void sim_client_close(SimClient *client);
/* Performs what the router wants, and plans its deadline. */
void sim_client_pump(SimWorld *world, SimClient *client);
void sim_client_on_router_deadline(SimWorld *world, SimClient *client);
void sim_client_on_refused(SimWorld *world, SimClient *client, uint32_t peer);

/* client_keys.c: which key, which operation */
void sim_fleet_make_keys(SimWorld *world, SimFleetState *fleet);
void sim_fleet_free_keys(SimFleetState *fleet);
SimOperation sim_fleet_draw_operation(const SimFleetState *fleet, OrrRng *rng);
/* A key for `kind`, or SIM_NONE: none is free to be written. */
uint32_t sim_client_draw_key(SimWorld *world, SimClient *client, SimOperation kind);

/* client.c */
/* Sends one operation. False when the router has no room: nothing was begun. */
bool sim_client_issue(SimWorld *world, SimClient *client, SimOperation kind, uint32_t key,
                      bool preload, bool worker);
/* The router has finished a request. */
void sim_client_on_done(SimWorld *world, SimClient *client, const OrrRouterEffect *done);

/* store.c: the backing store of a cache */
struct SimStores *sim_stores_new(SimWorld *world);
void sim_stores_free(struct SimStores *stores);
/* A miss is to be fetched; the client hears SIM_CLIENT_FETCHED. False: the queue is full. */
bool sim_store_fetch(SimWorld *world, uint32_t store, uint32_t client, uint32_t key);
uint64_t sim_stores_fetches(const SimWorld *world);
uint64_t sim_stores_refused(const SimWorld *world);

#endif
