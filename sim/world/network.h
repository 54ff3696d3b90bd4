/* network.h - the wires of the simulated world: what becomes of bytes between two endpoints.
 *
 *      node n1 -- link n1 -> n2 --> node n2      an endpoint is a host with one process on it:
 *      node n1 <-- link n2 -> n1 -- node n2      a node, or a site where clients sit
 *
 * Each direction is a link with a rule of its own: latency, jitter, loss, duplication,
 * reordering, corruption, bandwidth, queue. Rules are given for endpoints, groups or everybody;
 * for each field the most specific rule that sets it wins (endpoint to endpoint, before
 * endpoint to group, before group to group, before any; of equals the latest). Faults are rules
 * with a name, laid over those, and `heal NAME` undoes exactly what was laid under that name.
 *
 * Two lanes, as in event.h:
 *
 *   CONTROL  datagrams. Lost, doubled, corrupted, reordered as the rule says; two datagrams on
 *            one link each draw a latency, so they may overtake each other.
 *   DATA     one connection per pair of nodes, made by the first frame (which then waits for a
 *            round trip). In order while it stands. A loss is a retransmission: a delay, no
 * gap. A cut makes bytes wait; retransmissions back off from 200 ms by doubling, and after
 *            `data_timeout_ns` without progress the connection breaks: LINK_DOWN at both ends,
 *            and what was under way is lost. Corruption does not show: checksums make it a
 * loss.
 *
 * Clients use connections of the same kind, opened by sim_network_connect().
 *
 * Hosts and processes die apart. A dead process on a live host is refused: a datagram to it or
 * a connection attempt comes back as LINK_REFUSED after one latency each way, and all its
 * connections are reset, after one latency and after what it had sent. A dead host, or one
 * behind a cut, is silent. A host that came back resets connections it does not know.
 *
 * Bandwidth: a link sends one byte after the other. The two lanes have a queue each and CONTROL
 * goes first, waiting for one datagram of DATA at most; its bytes delay DATA. Where a CONTROL
 * queue is full (queue_size) the datagram is dropped; where more than `data_buffer_size` bytes
 * of one direction of a connection are under way, the connection is reset, as Redis does with a
 * client that does not read.
 *
 * Chance: message k of link "n1 -> n2" takes all its draws from (seed, link name, k, purpose).
 * So adding a node, a link, a fault or a purpose shifts the draws of nothing else, and a fixed
 * latency draws nothing.
 *
 * Cost: state exists only for links that were used (about 110 bytes each), the effective rule
 * is looked up once per link and change of rules. A frame is copied once, into a pooled buffer;
 * duplicates share it. Nothing is allocated once grown. The order of every visible thing is
 * that of calls, never of tables.
 *
 * The network does not own the loop: it plans SIM_EVENT_NETWORK events in the caller's queue,
 * and the caller hands each of them, when popped, to sim_network_deliver(), which calls back
 * through SimNetworkHandlers. Handlers may call any function of the network except free().
 *
 * Memory: bytes handed to a handler are lent for that call. Threads: one user at a time.
 */
#ifndef SIM_NETWORK_H
#define SIM_NETWORK_H

#include <orrery/event.h>

#include "distribution.h"
#include "queue.h"

typedef struct SimNetwork SimNetwork;

/* Endpoints are numbered from 0 in the order in which they were added. */
typedef uint32_t SimEndpoint;
#define SIM_ENDPOINTS_MAX 4096u

/* A connection of a client; never used twice, never 0. Its ends: the one that connected is the
 * CLIENT end, the one that accepted the SERVER end. */
typedef uint64_t SimConnection;
typedef enum SimEnd {
    SIM_END_CLIENT,
    SIM_END_SERVER,
} SimEnd;

typedef enum SimConnectionEvent {
    SIM_CONNECTION_UP,      /* both ends: it stands */
    SIM_CONNECTION_REFUSED, /* client end: the host answers, no process listens */
    SIM_CONNECTION_DOWN,    /* closed by the other end, reset, or timed out */
} SimConnectionEvent;

/* How the network tells the world. `user` is that of the handlers. None may be NULL. */
typedef struct SimNetworkHandlers {
    void *user;
    /* A frame for the process at `to`, which is alive. */
    void (*received)(void *user, OrrTime now_ns, SimEndpoint to, SimEndpoint from, OrrLane lane,
                     OrrBytes frame);
    /* UP, DOWN, REFUSED of the data link (or refused datagram), told to the process at `at`. */
    void (*link)(void *user, OrrTime now_ns, SimEndpoint at, SimEndpoint peer,
                 OrrLinkState state);
    /* News of a client's connection at one of its ends. After DOWN or REFUSED at an end that
     * end hears no more of it. */
    void (*connection)(void *user, OrrTime now_ns, SimConnection connection, SimEnd end,
                       SimEndpoint at, SimConnectionEvent event);
    /* A piece of a client connection's stream, arriving at `end`. */
    void (*stream)(void *user, OrrTime now_ns, SimConnection connection, SimEnd end,
                   SimEndpoint at, OrrBytes bytes);
    /* The message type of a frame, 0 to 255, for drop rules; may be NULL: every type is 0. */
    uint8_t (*type_of)(void *user, OrrLane lane, OrrBytes frame);
} SimNetworkHandlers;

typedef struct SimNetworkOptions {
    uint64_t seed;
    OrrTime data_timeout_ns; /* no progress for so long breaks a connection; 10 s */
    OrrTime retransmit_ns;   /* the first retransmission; doubles; 200 ms */
    size_t data_buffer_size; /* bytes under way in one direction of a connection; 256 MiB */
    size_t data_window_size; /* bytes that may go unacknowledged while acks do not return; 256
                                KiB */
    size_t in_flight_max;    /* frames under way in the whole network; more are dropped; 8 M */
} SimNetworkOptions;

SimNetworkOptions sim_network_options_default(void);

/* A network without endpoints. The queue is borrowed and outlives the network. */
SimNetwork *sim_network_new(SimQueue *queue, const SimNetworkOptions *options,
                            const SimNetworkHandlers *handlers);
void sim_network_free(SimNetwork *network);

/* ------- who is there: endpoints and groups */

/* A new endpoint; host and process are up. `name` is copied: it names the link's draws, so it
 * is to be unique. At most SIM_ENDPOINTS_MAX. */
SimEndpoint sim_network_add_endpoint(SimNetwork *network, const char *name);
const char *sim_network_endpoint_name(const SimNetwork *network, SimEndpoint endpoint);
size_t sim_network_endpoint_count(const SimNetwork *network);

/* A set of endpoints: a site, a zone, one side of a partition. Never removed. Numbered from 0.
 */
uint32_t sim_network_add_group(SimNetwork *network);
/* Rules that name the group hold for the endpoint from now on. */
void sim_network_join_group(SimNetwork *network, uint32_t group, SimEndpoint endpoint);

/* The process at `endpoint` dies or starts. When it dies its connections are reset; what it
 * had sent still arrives. Saying the same twice changes nothing, nor does
 * starting one on a host without power. */
void sim_network_set_process(SimNetwork *network, OrrTime now_ns, SimEndpoint endpoint,
                             bool up);
/* The host loses or regains power. When it dies its process dies silently; when it comes back
 * its process is down until set_process() says otherwise. */
void sim_network_set_host(SimNetwork *network, OrrTime now_ns, SimEndpoint endpoint, bool up);

/* ------- rules and faults */

typedef enum SimSelectorKind {
    SIM_SELECT_ANY,
    SIM_SELECT_GROUP,
    SIM_SELECT_ENDPOINT,
} SimSelectorKind;

typedef struct SimSelector {
    SimSelectorKind kind;
    uint32_t index; /* of the group or the endpoint */
} SimSelector;

/* Which fields of a rule are set. */
typedef enum SimRuleField {
    SIM_RULE_LATENCY = 1 << 0,
    SIM_RULE_JITTER = 1 << 1,
    SIM_RULE_LOSS = 1 << 2,
    SIM_RULE_DUPLICATE = 1 << 3,
    SIM_RULE_REORDER = 1 << 4,
    SIM_RULE_CORRUPT = 1 << 5,
    SIM_RULE_BANDWIDTH = 1 << 6,
    SIM_RULE_QUEUE = 1 << 7,
    SIM_RULE_SLOW = 1 << 8,  /* factors of several rules multiply */
    SIM_RULE_CUT = 1 << 9,   /* one is enough */
    SIM_RULE_HOLD = 1 << 10, /* one is enough */
    SIM_RULE_DROP = 1 << 11, /* each is asked on its own */
} SimRuleField;

/* Which frames a drop takes. */
typedef struct SimDrop {
    uint32_t lanes;      /* bit (1 << OrrLane) */
    uint64_t types[4];   /* bit per message type; all bits: any */
    uint32_t chance_ppm; /* of the frames that match; on DATA and client streams the bytes are
                            swallowed by a faulty process, not retransmitted */
} SimDrop;

/* Everything that may be said of a direction. Only fields named in `set` count. */
typedef struct SimRule {
    uint32_t set;            /* SimRuleField bits */
    SimDistribution latency; /* ns one way; negative samples count as 0 */
    SimDistribution jitter;  /* ns, added; the sum is at least 0 */
    uint32_t loss_ppm;
    uint32_t duplicate_ppm; /* CONTROL: a second copy with a latency of its own */
    uint32_t reorder_ppm;   /* CONTROL: held back by another one to three latencies */
    uint32_t corrupt_ppm;   /* CONTROL: 1 to 8 bits flipped in a copy; DATA: counts as a loss */
    uint64_t bandwidth;     /* bytes per second; 0: no limit */
    uint64_t queue_size;    /* bytes of CONTROL that may wait; 0: no limit */
    uint32_t slow_milli;    /* latency and jitter times this / 1000 */
    SimDrop drop;
} SimRule;

/* Names of faults are the caller's numbers; 0 is the network's own description, not healed. */
typedef uint32_t SimFaultName;
#define SIM_NOT_A_FAULT 0u
#define SIM_RULES_MAX 4096u /* rules and faults standing at once */

/* Lays a rule on the direction from -> to. Of what is under way, a cut loses datagrams when
 * they would arrive, a hold keeps them; other fields count for what is sent from now on.
 *
 * ORR_OK
 * ORR_INVALID  a ppm above 1,000,000, slow_milli 0, an unknown group or endpoint
 * ORR_FULL     SIM_RULES_MAX
 */
OrrStatus sim_network_add_rule(SimNetwork *network, OrrTime now_ns, SimFaultName name,
                               SimSelector from, SimSelector to, const SimRule *rule);

/* Takes away every rule laid under `name`; datagrams that no other hold keeps arrive at
 * once, in order; connections that a cut stopped go on with their next retransmission. ORR_OK,
 * or ORR_NOT_FOUND. */
OrrStatus sim_network_heal(SimNetwork *network, OrrTime now_ns, SimFaultName name);

/* True when no datagram sent now from -> to would arrive: cut or host down. */
bool sim_network_is_cut(SimNetwork *network, SimEndpoint from, SimEndpoint to);

/* ------- traffic */

/* A process sends. The network copies the bytes.
 *
 * ORR_OK       on its way, or lost as the rules say: the sender cannot know
 * ORR_INVALID  a CONTROL frame above ORR_CONTROL_FRAME_MAX, a DATA frame above
 *              ORR_DATA_FRAME_MAX, DATA to itself, an unknown endpoint; nothing was sent
 * ORR_REFUSED  the process at `from` is not up; nothing was sent
 */
OrrStatus sim_network_send(SimNetwork *network, OrrTime now_ns, SimEndpoint from,
                           SimEndpoint to, OrrLane lane, OrrBytes frame);

/* A client at `from` dials the process at `to`; news comes through handlers->connection. 0 when
 * there is no process at `from`. */
SimConnection sim_network_connect(SimNetwork *network, OrrTime now_ns, SimEndpoint from,
                                  SimEndpoint to);

/* Writes to a stream at one end; before UP at that end the bytes wait.
 * ORR_OK, or ORR_NOT_FOUND when that end is closed. */
OrrStatus sim_network_write(SimNetwork *network, OrrTime now_ns, SimConnection connection,
                            SimEnd end, OrrBytes bytes);

/* Closes one end: what was written still arrives, then the other end hears DOWN; this end
 * hears no more. Unknown connections are ignored. */
void sim_network_close(SimNetwork *network, OrrTime now_ns, SimConnection connection,
                       SimEnd end);

/* Hints for an event that comes soon: fetches its link and its frame into the cache. */
void sim_network_expect(const SimNetwork *net, const SimEvent *event);
/* To whom it brings what; false: it is no datagram. */
bool sim_network_peek(const SimNetwork *net, const SimEvent *event, SimEndpoint *to,
                      OrrBytes *frame);

/* A SIM_EVENT_NETWORK event has come due: calls the handlers it leads to, or none. */
void sim_network_deliver(SimNetwork *network, const SimEvent *event);

/* ------- statistics */

typedef struct SimLaneStats {
    uint64_t sent;      /* frames given to the link */
    uint64_t sent_size; /* bytes of them */
    uint64_t delivered; /* frames handed to the process, duplicates counted */
    uint64_t lost;      /* by loss, cut, drop, full queue, dead host; broken connections */
} SimLaneStats;

typedef struct SimLinkStats {
    SimEndpoint from;
    SimEndpoint to;
    SimLaneStats lane[2];
    uint64_t queue_peak_size; /* bytes waiting for the wire, both lanes, at most */
} SimLinkStats;

typedef struct SimNetworkStats {
    SimLaneStats lane[2]; /* node frames, by OrrLane */
    SimLaneStats clients; /* pieces of client streams */
    uint64_t duplicated;
    uint64_t reordered;
    uint64_t corrupted;
    uint64_t refused;
    uint64_t retransmitted;
    uint64_t broken;    /* connections that timed out or overflowed */
    uint64_t in_flight; /* frames under way, held or waiting */
    uint64_t in_flight_peak;
    uint64_t allocations; /* calls to the allocator, in all */
} SimNetworkStats;

SimNetworkStats sim_network_stats(const SimNetwork *network);
/* Links in the order of their first use; index < count. */
size_t sim_network_link_count(const SimNetwork *network);
SimLinkStats sim_network_link_stats(const SimNetwork *network, size_t index);

#endif
