/* network_private.h - what the five files of the network share, and nobody else includes.
 *
 *     network.c         endpoints, datagrams, deliveries, statistics
 *     network_rule.c    links, groups, rules, draws, the wire
 *     network_stream.c  connections of nodes and of clients: dialling, sending, closing
 *     network_arrive.c  what becomes of their frames at the other host, and retransmission
 *     network_frame.c   pooled buffers
 */
#ifndef SIM_NETWORK_PRIVATE_H
#define SIM_NETWORK_PRIVATE_H

#include <glib.h>

#include "network.h"

#define GROUP_WORDS (SIM_ENDPOINTS_MAX / 64)
#define FRAME_CLASSES 20u /* 64 bytes to 32 MiB, by powers of two */
#define NO_INDEX UINT32_MAX

/* ------- frames */

typedef enum FrameKind {
    FRAME_BYTES,
    FRAME_DIAL,   /* SYN */
    FRAME_ACCEPT, /* SYN and ACK */
    FRAME_FIN,    /* the last of a direction, whoever closed it */
} FrameKind;

typedef struct Frame {
    struct Frame *next;  /* of the list it waits in */
    struct Frame *older; /* of all frames ever made */
    uint64_t number;     /* place in its direction of a connection */
    uint32_t references;
    uint32_t size; /* bytes */
    uint32_t link;
    bool client;
    uint8_t kind; /* FrameKind */
    uint8_t size_class;
    bool arrived; /* at the receiving host, and waits for one before it */
    uint8_t data[];
} Frame;

typedef struct FramePool {
    Frame *free[FRAME_CLASSES];
    Frame *newest; /* of all */
    uint64_t live;
    uint64_t live_peak;
    uint64_t allocations;
} FramePool;

typedef struct FrameList {
    Frame *head;
    Frame *tail;
} FrameList;

/* One reference, a copy of the bytes. */
Frame *sim_frame_new(FramePool *pool, FrameKind kind, OrrBytes bytes);
void sim_frame_release(FramePool *pool, Frame *frame);
void sim_frame_pool_free(FramePool *pool);
void sim_frame_append(FrameList *list, Frame *frame);
/* By number; usually at the end. */
void sim_frame_insert(FrameList *list, Frame *frame);
Frame *sim_frame_take(FrameList *list);

/* ------- endpoints, rules and links */

typedef struct Endpoint {
    char *name;
    bool host_up;
    bool process_up;
    uint32_t boot;       /* counts processes */
    uint32_t host_boot;  /* counts times that the host had power */
    GArray *connections; /* uint32_t, indices of connections with an end here */
} Endpoint;

typedef struct Rule {
    SimFaultName name;
    uint32_t rank; /* the higher wins */
    uint64_t id;   /* never used twice; names its draws */
    SimSelector from;
    SimSelector to;
    SimRule rule;
} Rule;

#define LINK_DROPS_MAX 16u /* of more drops on one link the latest count */

/* All rules of a direction made one. */
typedef struct Effective {
    SimRule rule;
    uint32_t drop_count;
    uint64_t drop_id[LINK_DROPS_MAX];
    SimDrop drop[LINK_DROPS_MAX];
} Effective;

typedef struct Link {
    SimEndpoint from;
    SimEndpoint to;
    uint64_t seed;
    uint64_t number;  /* of the next message: names its draws */
    uint32_t version; /* of the rules that `effective` was made from */
    uint32_t effective;
    uint32_t connection; /* index, of nodes; kept at the link from the lower endpoint */
    uint32_t queue_peak_size;
    OrrTime wire_free_ns[2]; /* by lane */
    uint64_t sent_size[2];
    uint32_t sent[2];
    uint32_t delivered[2];
    uint32_t lost[2];
} Link;

/* An entry of the table of links: most lookups touch no link but the right one. */
typedef struct LinkSlot {
    uint32_t key;   /* of both ends */
    uint32_t index; /* of the link + 1; 0: free */
} LinkSlot;

/* Purposes of draws of one message. */
typedef enum Purpose {
    DRAW_LOSS,
    DRAW_LATENCY,
    DRAW_JITTER,
    DRAW_DUPLICATE,
    DRAW_DUPLICATE_LATENCY,
    DRAW_DUPLICATE_JITTER,
    DRAW_REORDER,
    DRAW_REORDER_LATENCY,
    DRAW_CORRUPT,
    DRAW_CORRUPT_BITS,
    DRAW_RETRANSMIT,
    DRAW_PURPOSES = 16,
} Purpose;

/* ------- connections */

typedef enum EndState {
    END_CLOSED,
    END_DIALLING, /* waits for ACCEPT */
    END_UP,
} EndState;

/* The bytes from one end to the other. */
typedef struct Way {
    FrameList unsent;  /* written before the connection stood */
    FrameList waiting; /* lost in a cut, or arrived before one that was; by number */
    uint64_t next_number;
    uint64_t expected; /* number of the next frame to hand over */
    uint64_t under_way_size;
    uint64_t unacknowledged_size; /* handed over while acks could not return */
    OrrTime last_arrival_ns;
    OrrTime stalled_ns; /* no progress since; ORR_NEVER: none wanted */
    uint32_t tries;
    bool retry_planned;
    bool finished;  /* FIN has been sent */
    bool abandoned; /* a frame is missing, and the host that had it is gone */
} Way;

typedef struct Connection {
    SimConnection id; /* of a client's; index and serial */
    uint32_t index;
    uint32_t generation; /* counts attempts of a pair of nodes to connect */
    bool client;
    bool in_use;
    bool broken; /* timed out or overflowed: nothing arrives any more */
    SimEndpoint at[2];
    uint32_t place[2]; /* in the endpoint's list of connections */
    uint32_t host_boot[2];
    uint32_t link[2]; /* from this end to the other */
    EndState state[2];
    bool stale[2]; /* this node's process believes in an older generation */
    Way way[2];    /* by sending end */
} Connection;

/* What a network event is, in event.target. */
typedef enum Happening {
    HAPPENS_DATAGRAM, /* arg: link; data: frame */
    HAPPENS_UNHEARD,  /* arg: link, boot of the sender: nobody listened */
    HAPPENS_FRAME,    /* arg: connection, end that sent; data: frame */
    HAPPENS_RETRY,    /* arg: connection, end that sent */
    HAPPENS_RESET,    /* arg: connection, end that hears */
    HAPPENS_REFUSED,  /* arg: connection, end that hears */
} Happening;

struct SimNetwork {
    SimQueue *queue;
    SimNetworkOptions options;
    SimNetworkHandlers handlers;
    FramePool frames;
    GArray *endpoints; /* Endpoint */
    GArray *groups;    /* uint64_t[GROUP_WORDS] */
    GArray *rules;     /* Rule, in the order in which they were laid */
    GArray *effective; /* Effective, of this version */
    GArray *links;     /* Link, in the order of first use */
    GArray *held;      /* Held */
    LinkSlot *table;   /* open addressing */
    uint32_t table_size;
    uint32_t version;
    uint64_t next_rule_id;
    GPtrArray *connections; /* Connection, by index */
    GArray *free_connections;
    uint64_t connection_serial;
    GString *scratch; /* for names */
    SimNetworkStats stats;
};

/* A datagram that a hold keeps. */
typedef struct Held {
    uint32_t link;
    Frame *frame;
} Held;

static inline Endpoint *
sim_net_endpoint(const SimNetwork *net, SimEndpoint endpoint)
{
    return &g_array_index(net->endpoints, Endpoint, endpoint);
}

static inline Link *
sim_net_link_at(const SimNetwork *net, uint32_t index)
{
    return &g_array_index(net->links, Link, index);
}

/* The link's index; made at its first use. Pointers to links move when one is made. */
uint32_t sim_net_link(SimNetwork *net, SimEndpoint from, SimEndpoint to);
/* What the rules say of it now; lent until rules change. */
const Effective *sim_net_effective(SimNetwork *net, Link *link);
/* Neither cut nor held, and both hosts have power. */
bool sim_net_is_open(SimNetwork *net, SimEndpoint from, SimEndpoint to);

uint64_t sim_net_draw(const Link *link, uint64_t number, Purpose purpose);
bool sim_net_chance(uint64_t draw, uint32_t ppm);
/* Latency and jitter of message `number`, slowed down as the rule says. */
OrrTime sim_net_latency(const Link *link, const SimRule *rule, uint64_t number, Purpose latency,
                        Purpose jitter);
/* True when a drop rule takes the frame. */
bool sim_net_is_dropped(const SimNetwork *net, const Link *link, const Effective *effective,
                        uint64_t number, OrrLane lane, OrrBytes bytes);
/* When the last byte has left, and the lane's queue is so much longer; ORR_NEVER: full. */
OrrTime sim_net_occupy_wire(Link *link, const SimRule *rule, OrrLane lane, OrrTime now_ns,
                            size_t size);

void sim_net_plan(SimNetwork *net, OrrTime at_ns, Happening what, uint64_t a, uint64_t b,
                  Frame *frame);
/* A loss on a link, counted in one place. */
void sim_net_count_lost(SimNetwork *net, uint32_t link, OrrLane lane, bool client);

/* A process sends on the data lane. */
void sim_net_send_data(SimNetwork *net, OrrTime now_ns, SimEndpoint from, SimEndpoint to,
                       OrrBytes bytes);
/* The process at `endpoint` has gone: every end of a connection there closes, with a FIN where
 * the host lives. */
void sim_net_close_all(SimNetwork *net, OrrTime now_ns, SimEndpoint endpoint);
/* Retries at once what a hold or cut kept back; for heal(). */
void sim_net_kick_streams(SimNetwork *net, OrrTime now_ns);
/* Between network_stream.c and network_arrive.c; the comments are at the definitions. `end` is
 * the one that acts or sends. */
Connection *sim_net_connection_at(const SimNetwork *net, uint32_t index);
uint64_t sim_net_key_of(const Connection *self);
Connection *sim_net_by_key(const SimNetwork *net, uint64_t key);
bool sim_net_leads_there(SimNetwork *net, const Connection *self, unsigned end);
OrrTime sim_net_packet_latency(SimNetwork *net, const Connection *self, unsigned end);
void sim_net_break_connection(SimNetwork *net, OrrTime now_ns, Connection *self, unsigned end);
void sim_net_transmit_kind(SimNetwork *net, OrrTime now_ns, Connection *self, unsigned end,
                           FrameKind kind);
void sim_net_flush_unsent(SimNetwork *net, OrrTime now_ns, Connection *self, unsigned end);
void sim_net_dial_again(SimNetwork *net, OrrTime now_ns, Connection *self, unsigned end);
void sim_net_tell(SimNetwork *net, OrrTime now_ns, const Connection *self, unsigned end,
                  SimConnectionEvent event);
void sim_net_retire(SimNetwork *net, Connection *self);
void sim_net_lose_frame(SimNetwork *net, Frame *frame);
void sim_net_clear_list(SimNetwork *net, FrameList *list);
void sim_net_put_on_wire(SimNetwork *net, OrrTime now_ns, Connection *self, unsigned end,
                         Frame *frame);
/* Events of connections. */
void sim_net_stream_event(SimNetwork *net, const SimEvent *event);

#endif
