/* router_state.h - what a router is made of; private to core/routing.
 *
 *     submit -> Group of Requests --dispatch--> Node: outside -> queue -> flight --> DONE
 *                   ^                             |
 *                   +---- heap of pauses <--------+ refused, lost
 *
 * Lists are GQueues of links inside of their members, so nothing is allocated to move between
 * them. Those ordered by time need no sorting: what ends each wait is a constant after its
 * start, except for pauses, which have a heap.
 */
#ifndef ORR_ROUTING_ROUTER_STATE_H
#define ORR_ROUTING_ROUTER_STATE_H

#include <orrery/resp.h>
#include <orrery/rng.h>
#include <orrery/router.h>
#include <orrery/slots.h>

#include <glib.h>

#define NO_SLOT UINT16_MAX
#define NO_NODE UINT16_MAX
#define REDIRECTS_AT_ONCE                                                                      \
    3u /* of one group, then it pauses: nodes may point at one another                         \
        */

typedef struct Buffer {
    uint8_t *data;
    size_t size;
    size_t room;
} Buffer;

typedef struct Node Node;
typedef struct Group Group;

typedef enum RequestState {
    REQUEST_FREE,
    REQUEST_UNSENT,   /* not sent, or to be sent again */
    REQUEST_SENT,     /* in flight, its group waits for it */
    REQUEST_REFUSED,  /* waits for the rest of its group, to be tried again with it */
    REQUEST_GHOST,    /* in flight, and nobody waits any more */
    REQUEST_TOPOLOGY, /* the router's own CLUSTER SLOTS */
} RequestState;

typedef struct Request {
    RequestState state;
    uint64_t id;
    Group *group;
    Node *node;        /* where it is or was sent last */
    Node *answered_by; /* who refused it last, or answered */
    OrrTime deadline_ns;
    OrrTime sent_ns;
    uint32_t attempts;
    bool asking_due; /* the answer to an ASKING comes before its own */
    bool unanswered; /* some attempt was sent and never answered */
    bool refused;    /* `refusal` is what came last */
    Buffer wire;     /* the command as it is sent */
    Buffer refusal;
    GList by_age;  /* in router.by_age; of a free one, in router.free_requests */
    GList by_sent; /* in router.by_sent */
    GList in_flight;
    GList in_group;
} Request;

typedef enum GroupState {
    GROUP_FREE,
    GROUP_OUTSIDE, /* the node holds its share already */
    GROUP_QUEUED,  /* some members are unsent */
    GROUP_FLYING,  /* none is unsent, or one was refused: waits for those in flight */
    GROUP_PAUSED,
    GROUP_PARKED, /* no map was read yet */
} GroupState;

/* What the first refused member of a group wants done with the rest. */
typedef enum Verdict {
    VERDICT_NONE,
    VERDICT_REDIRECT, /* at once, to `target` */
    VERDICT_PAUSE,
} Verdict;

struct Group {
    GroupState state;
    uint16_t slot;
    uint64_t serial;
    Node *node;    /* that its members count for, if `admitted` */
    Node *target;  /* where it must go next, whatever the map says; or NULL */
    bool admitted; /* counted in node->held */
    bool asking;   /* each command behind an ASKING */
    Verdict verdict;
    uint32_t sent;      /* members in flight */
    uint32_t pauses;    /* so far */
    uint32_t redirects; /* since the last pause */
    OrrTime until_ns;   /* PAUSED: end; OUTSIDE: gives up */
    uint32_t heap_index;
    GQueue members; /* Requests, in order */
    GList in_node;  /* QUEUED: node->queue; OUTSIDE: node->outside; PARKED: router.parked */
    GList by_wait;  /* OUTSIDE: router.outside */
};

typedef enum LinkState {
    LINK_IDLE,
    LINK_CONNECTING,
    LINK_UP,
} LinkState;

struct Node {
    uint16_t index; /* its number for the host */
    OrrAddress address;
    LinkState link;
    bool primary; /* in router.primaries */
    bool seed;
    bool dirty; /* in router.dirty */
    bool topology_wanted;
    OrrTime connect_ns; /* CONNECTING: since */
    OrrTime retry_ns;   /* IDLE: not to be connected before */
    uint32_t held;      /* requests that count for it */
    GQueue outside;
    GQueue queue;
    GQueue flight; /* Requests, in the order of their answers */
    Buffer received;
    OrrReplyScanner scanner;
    GList by_connect; /* in router.connecting */
    GList in_dirty;
};

typedef struct Effect {
    OrrRouterEffect effect;
    size_t offset; /* of its bytes, in `arena` */
    size_t size;
} Effect;

struct OrrRouter {
    OrrRouterConfig config;
    OrrRng rng;
    OrrTime now_ns;
    OrrRouterCounters counters;
    uint32_t share_max; /* requests that one node may hold */
    uint64_t serial;

    GPtrArray *nodes;     /* Node, by index; they stay where they are */
    uint16_t *node_table; /* open addressing by address, NO_NODE where empty */
    uint32_t node_table_size;
    GArray *primaries; /* uint16_t */
    uint16_t owner[ORR_SLOT_COUNT];

    GPtrArray *requests; /* all there are, in order of their making */
    GPtrArray *groups;
    GQueue free_requests;
    GPtrArray *free_groups;
    GQueue by_age;  /* Requests of callers: the oldest first */
    GQueue by_sent; /* Requests in flight anywhere: sent first, first */
    GQueue outside; /* Groups: first come, first */
    GQueue parked;
    GQueue connecting;
    GQueue dirty;     /* Nodes that may have something to send */
    GPtrArray *heap;  /* of PAUSED groups, by (until_ns, serial) */
    GArray *by_slot;  /* scratch of submit: Group pointers, open addressing */
    GPtrArray *fresh; /* scratch of submit: its groups, in order */

    bool mapped; /* a map was read */
    bool begun;  /* something was submitted */
    Node *refresh_node;
    Node *refresh_hint;
    OrrTime refresh_ns; /* when the next one begins */
    OrrTime refreshed_ns;

    GArray *effects;
    guint effect_next;
    GByteArray *arena;
};

/* router_key.c */
uint16_t orr_router_slot_of(const OrrBytes *args, size_t arg_count, OrrHashSlotBy by);

/* router_address.c */
bool orr_router_address_parse(OrrBytes host, int64_t port, const OrrAddress *self,
                              OrrAddress *address);
bool orr_router_address_parse_pair(OrrBytes text, const OrrAddress *self, OrrAddress *address);

/* router_pool.c: requests, groups, buffers, effects */
void orr_router_buffer_set(Buffer *buffer, OrrBytes bytes);
void orr_router_buffer_append(Buffer *buffer, const void *data, size_t size);
Request *orr_router_request_take(OrrRouter *self);
void orr_router_request_release(OrrRouter *self, Request *request);
Group *orr_router_group_take(OrrRouter *self, uint16_t slot);
void orr_router_group_release(OrrRouter *self, Group *group);
void orr_router_heap_push(OrrRouter *self, Group *group);
void orr_router_heap_remove(OrrRouter *self, Group *group);
void orr_router_emit(OrrRouter *self, const OrrRouterEffect *effect, OrrBytes bytes);
/* A SEND of what was put into the arena since `offset`. */
void orr_router_emit_send(OrrRouter *self, const Node *node, size_t offset);

/* router_map.c: nodes, slots, and how they are learned */
Node *orr_router_node_get(OrrRouter *self, const OrrAddress *address);
Node *orr_router_node_find(OrrRouter *self, const OrrAddress *address);
void orr_router_learn(OrrRouter *self, uint16_t slot, Node *node);
Node *orr_router_node_for(OrrRouter *self, uint16_t slot);
void orr_router_want_refresh(OrrRouter *self, Node *hint);
void orr_router_refresh(OrrRouter *self);
void orr_router_refresh_failed(OrrRouter *self);
void orr_router_topology_answered(OrrRouter *self, Node *node, OrrBytes reply);

/* router_group.c: where groups go, and what becomes of them */
void orr_router_dispatch(OrrRouter *self, Group *group);
void orr_router_settle(OrrRouter *self, Group *group);
void orr_router_seal(OrrRouter *self, Group *group, Verdict verdict);
void orr_router_finish(OrrRouter *self, Request *request, OrrRouterOutcome outcome,
                       OrrBytes reply);
void orr_router_finish_group(OrrRouter *self, Group *group, OrrRouterOutcome outcome);
void orr_router_admit(OrrRouter *self, Node *node);
void orr_router_reroute(OrrRouter *self);
void orr_router_mark(OrrRouter *self, Node *node);

/* router_link.c: connections */
void orr_router_pump(OrrRouter *self, Node *node);
void orr_router_give_up(OrrRouter *self, Node *node);
void orr_router_link_lost(OrrRouter *self, Node *node);
void orr_router_on_received(OrrRouter *self, Node *node, OrrBytes bytes);
void orr_router_on_link(OrrRouter *self, Node *node, bool up);

static inline OrrTime
after(OrrTime now, OrrTime wait)
{
    return now > ORR_NEVER - wait ? ORR_NEVER : now + wait; /* wait is never negative */
}

static inline Node *
node_at(const OrrRouter *self, uint32_t index)
{
    return index < self->nodes->len ? (Node *)g_ptr_array_index(self->nodes, index) : NULL;
}

#endif
