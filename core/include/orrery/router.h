/* router.h - the client's side of a cluster: which node to ask, and what to do when it says no.
 *
 *     application -- submit --> router -- SEND --> connections --> nodes
 *                 <-- DONE ---         <- received ---
 *
 * A pure machine, for clients inside the simulator and for embedders with sockets of their own.
 * It learns the map of slots from CLUSTER SLOTS, keeps one connection to each node it needs,
 * and pipelines on it. What nodes answer, and what the router does:
 *
 *     MOVED slot addr          one slot of the map is corrected, a refresh is due, and the
 *                              request is sent there at once
 *     ASK slot addr            sent there once, behind ASKING; the map stays
 *     TRYAGAIN                 the same node again, after a pause
 *     CLUSTERDOWN, LOADING,    after a pause and a refresh
 *     MASTERDOWN, READONLY
 *     connection lost          after a pause and a refresh; unless the request must not run
 *                              twice
 *     anything else            is the answer
 *
 * After three redirections in a row the next one waits a pause, too: nodes that disagree may
 * send a client to and fro.
 *
 * Pauses double from `backoff_first_ns` to `backoff_max_ns`, each drawn between half and all of
 * that, so that clients do not return in step. A pipeline (one call of submit) is cut into
 * groups by slot; a group travels together and in order: when one of its commands has to be
 * tried again, those behind it that were not executed go with it, as one piece.
 *
 * Bulkhead: of all requests that the router holds, a node may hold `node_share_percent`; what
 * is beyond that waits `queue_ns` for its turn and then fails, so that one slow node does not
 * take every caller hostage.
 *
 * Time comes with each call; chance from the seed. Memory: nothing is allocated once grown.
 * Threads: one at a time.
 */
#ifndef ORRERY_ROUTER_H
#define ORRERY_ROUTER_H

#include <orrery/settings.h>
#include <orrery/types.h>

ORR_BEGIN_DECLS

typedef struct OrrRouter OrrRouter;

#define ORR_ROUTER_SEEDS_MAX 32u
#define ORR_ROUTER_NODES_MAX 4096u

typedef struct OrrRouterConfig {
    const OrrAddress *seeds; /* copied; 1 to ORR_ROUTER_SEEDS_MAX; only ip and port matter */
    size_t seed_count;
    uint64_t seed;              /* of all its chance */
    OrrHashSlotBy hash_slot_by; /* as the cluster's; decides the slot of hash commands */
    uint32_t requests_max;      /* held at once: in flight, waiting, between attempts */
    uint32_t attempts_max;      /* sendings of one request, redirections included */
    OrrTime attempt_ns;         /* without an answer for so long, the connection is given up */
    OrrTime request_ns;         /* from submit to DONE at most */
    OrrTime backoff_first_ns;   /* pause before the second attempt */
    OrrTime backoff_max_ns;     /* and at most */
    OrrTime reconnect_ns;       /* between attempts to connect to one node */
    OrrTime refresh_ns;         /* the map is read again after so long; 0: only when in doubt */
    OrrTime refresh_min_ns;     /* and never more often than this */
    uint32_t node_share_percent; /* of requests_max that one node may hold; 100: no bulkhead */
    OrrTime queue_ns;            /* beyond that, wait so long; 0: fail at once */
    uint32_t pipeline_max;       /* requests on the wire of one node; more wait their turn */
    bool retry_unanswered; /* send again what a lost connection left unanswered: a write may
                              then run twice */
} OrrRouterConfig;

/* 1000 requests, 16 attempts, 1 s an attempt, 5 s a request, pauses 10 ms to 1 s, 100 ms
 * between attempts to connect, map every 30 s (or half of that, by lot) and at most every 100
 * ms, a share of 50 %, 50 ms in the queue, 256 on the wire. Seeds are left empty. */
ORR_API OrrRouterConfig orr_router_config_default(void);

/* NULL if there is no seed or a number is out of its range. */
ORR_API OrrRouter *orr_router_new(const OrrRouterConfig *config);
ORR_API void orr_router_free(OrrRouter *router);

typedef struct OrrRouterCommand {
    uint64_t id; /* the caller's; comes back with DONE */
    const OrrBytes *args;
    size_t arg_count;
} OrrRouterCommand;

/* Takes a pipeline of commands, copied. Each is answered by exactly one DONE. Commands without
 * a key go to a random known primary.
 *
 * ORR_OK
 * ORR_FULL     there is no room for all of them: none was taken
 * ORR_INVALID  a command without words; none was taken
 */
ORR_API OrrStatus orr_router_submit(OrrRouter *router, OrrTime now,
                                    const OrrRouterCommand *commands, size_t count);

/* What the host saw. `node` is the number that CONNECT gave; unknown ones are ignored. */
ORR_API void orr_router_received(OrrRouter *router, OrrTime now, uint32_t node, OrrBytes bytes);
/* up: a CONNECT succeeded. Not up: it failed, or the connection was lost or closed. */
ORR_API void orr_router_link(OrrRouter *router, OrrTime now, uint32_t node, bool up);
/* Call it when the deadline has come. */
ORR_API void orr_router_time(OrrRouter *router, OrrTime now);
/* ORR_NEVER while nothing is due. */
ORR_API OrrTime orr_router_deadline(const OrrRouter *router);

typedef enum OrrRouterOutcome {
    ORR_ROUTED_ANSWERED,  /* `reply` is the answer, perhaps an error such as WRONGTYPE */
    ORR_ROUTED_REFUSED,   /* attempts or time ran out; `reply` is the last refusal, if any */
    ORR_ROUTED_TIMED_OUT, /* no answer in time */
    ORR_ROUTED_LOST,      /* the connection broke, and it must not be sent again */
    ORR_ROUTED_OVERLOAD,  /* the node holds its share of requests already; never sent */
} OrrRouterOutcome;

typedef enum OrrRouterEffectType {
    ORR_ROUTER_CONNECT, /* open a connection to `address`, tell by link(); call it `node` */
    ORR_ROUTER_CLOSE,   /* close the connection of `node`; do not tell */
    ORR_ROUTER_SEND,    /* `bytes` to `node` */
    ORR_ROUTER_DONE,    /* a request is finished */
} OrrRouterEffectType;

typedef struct OrrRouterEffect {
    OrrRouterEffectType type;
    uint32_t node; /* of DONE: who answered last; UINT32_MAX: nobody */
    OrrAddress address;
    OrrBytes bytes; /* SEND: what to send; DONE: the reply, as it came */
    uint64_t id;    /* DONE */
    OrrRouterOutcome outcome;
    bool maybe_executed; /* without an answer of success: some attempt was sent and never
                            answered, so it may have happened */
    uint32_t attempts;
} OrrRouterEffect;

/* Takes the next effect, in order. Take them all after each call above; bytes are lent until
 * the next of those. ORR_OK, or ORR_NOT_FOUND: no more. */
ORR_API OrrStatus orr_router_next(OrrRouter *router, OrrRouterEffect *effect);

typedef struct OrrRouterCounters {
    uint64_t submitted;
    uint64_t answered;
    uint64_t refused;
    uint64_t timed_out;
    uint64_t lost;
    uint64_t overloaded;
    uint64_t moved;            /* MOVED answers */
    uint64_t ask;              /* ASK answers */
    uint64_t tryagain;         /* TRYAGAIN answers */
    uint64_t down;             /* CLUSTERDOWN and its like */
    uint64_t retries;          /* sendings beyond the first of each request */
    uint64_t topology_updates; /* maps read that differed */
    uint64_t topology_reads;
    uint64_t connects;
    uint64_t disconnects;
} OrrRouterCounters;

ORR_API void orr_router_counters(const OrrRouter *router, OrrRouterCounters *counters);
/* Requests held by now; by one node. */
ORR_API uint32_t orr_router_held(const OrrRouter *router);
ORR_API uint32_t orr_router_held_by(const OrrRouter *router, uint32_t node);
/* The address of the node that the map gives for `slot`; ORR_OK or ORR_NOT_FOUND. */
ORR_API OrrStatus orr_router_owner(const OrrRouter *router, uint16_t slot, OrrAddress *address);
/* Of all state that matters. */
ORR_API uint64_t orr_router_digest(const OrrRouter *router);

ORR_END_DECLS

#endif
