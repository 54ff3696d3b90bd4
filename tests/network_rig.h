/* network_rig.h - a network of three endpoints whose world writes down all that it hears; for
 * the tests of the network. */
#ifndef ORR_TESTS_NETWORK_RIG_H
#define ORR_TESTS_NETWORK_RIG_H

#include "check.h"

#include <network.h>
#include <stdarg.h>

#define MS ORR_NS_PER_MS
#define S ORR_NS_PER_S

/* A world that writes down what it hears, one line each:
 *     12ms n2 < n1 CONTROL hello          20ms n1: n3 REFUSED
 *     15ms c: n1 UP                       16ms n1 << c hello   (client connections) */
typedef struct Rig {
    SimQueue *queue;
    SimNetwork *net;
    char log[65536];
    size_t log_size;
    uint64_t bytes;
    uint64_t frames;
    bool quiet;
} Rig;

enum { A, B, C }; /* the rig's endpoints */

static inline void note(Rig *rig, OrrTime now_ns, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static inline void
note(Rig *rig, OrrTime now_ns, const char *format, ...)
{
    va_list list;

    if (rig->quiet || rig->log_size > sizeof rig->log - 256) {
        return;
    }
    va_start(list, format);
    rig->log_size += (size_t)sprintf(rig->log + rig->log_size, "%" PRId64 "ms ", now_ns / MS);
    rig->log_size += (size_t)vsprintf(rig->log + rig->log_size, format, list);
    rig->log_size += (size_t)sprintf(rig->log + rig->log_size, "\n");
    va_end(list);
}

static inline const char *
name_of(const Rig *rig, SimEndpoint endpoint)
{
    return sim_network_endpoint_name(rig->net, endpoint);
}

static inline void
on_received(void *user, OrrTime now_ns, SimEndpoint to, SimEndpoint from, OrrLane lane,
            OrrBytes frame)
{
    Rig *rig = user;

    rig->bytes += frame.size;
    rig->frames++;
    note(rig, now_ns, "%s < %s %s %.*s", name_of(rig, to), name_of(rig, from),
         lane == ORR_LANE_CONTROL ? "CONTROL" : "DATA",
         (int)(frame.size < 16 ? frame.size : 16), frame.data);
}

static inline void
on_link(void *user, OrrTime now_ns, SimEndpoint at, SimEndpoint peer, OrrLinkState state)
{
    const char *words[] = {"UP", "DOWN", "REFUSED", "?", "?"};
    Rig *rig = user;

    note(rig, now_ns, "%s: %s %s", name_of(rig, at), name_of(rig, peer), words[state]);
}

static inline void
on_connection(void *user, OrrTime now_ns, SimConnection connection, SimEnd end, SimEndpoint at,
              SimConnectionEvent event)
{
    const char *words[] = {"UP", "REFUSED", "DOWN"};
    Rig *rig = user;

    (void)connection;
    note(rig, now_ns, "%s: %s %s", name_of(rig, at),
         end == SIM_END_CLIENT ? "client" : "server", words[event]);
}

static inline void
on_stream(void *user, OrrTime now_ns, SimConnection connection, SimEnd end, SimEndpoint at,
          OrrBytes bytes)
{
    Rig *rig = user;

    (void)connection;
    rig->bytes += bytes.size;
    note(rig, now_ns, "%s << %s %.*s", name_of(rig, at),
         end == SIM_END_SERVER ? "client" : "server", (int)bytes.size, bytes.data);
}

static inline uint8_t
type_of(void *user, OrrLane lane, OrrBytes frame)
{
    (void)user;
    (void)lane;
    return frame.size != 0 ? frame.data[0] : 0;
}

static inline SimSelector
any(void)
{
    return (SimSelector){SIM_SELECT_ANY, 0};
}

static inline SimSelector
only(SimEndpoint endpoint)
{
    return (SimSelector){SIM_SELECT_ENDPOINT, endpoint};
}

static inline SimRule
latency_of(OrrTime latency_ns)
{
    return (SimRule){.set = SIM_RULE_LATENCY, .latency = sim_distribution_fixed(latency_ns)};
}

static inline Rig *
rig_with(SimNetworkOptions options)
{
    Rig *rig = calloc(1, sizeof *rig);
    SimNetworkHandlers handlers = {rig,           on_received, on_link,
                                   on_connection, on_stream,   type_of};
    SimRule rule = latency_of(10 * MS);

    rig->queue = sim_queue_new();
    rig->net = sim_network_new(rig->queue, &options, &handlers);
    (void)sim_network_add_endpoint(rig->net, "a");
    (void)sim_network_add_endpoint(rig->net, "b");
    (void)sim_network_add_endpoint(rig->net, "c");
    T_EQ(sim_network_add_rule(rig->net, 0, SIM_NOT_A_FAULT, any(), any(), &rule), ORR_OK);
    return rig;
}

/* Three endpoints a, b, c, ten milliseconds apart. */
static inline Rig *
rig_new(void)
{
    return rig_with(sim_network_options_default());
}

static inline void
rig_free(Rig *rig)
{
    sim_network_free(rig->net);
    sim_queue_free(rig->queue);
    free(rig);
}

static inline OrrTime
now(const Rig *rig)
{
    return sim_queue_now_ns(rig->queue);
}

/* Everything that happens before `until_ns`; then it is until_ns. */
static inline void
run_until(Rig *rig, OrrTime until_ns)
{
    SimEvent event = {.at_ns = until_ns, .kind = SIM_EVENT_CHECK};

    (void)sim_queue_schedule(rig->queue, &event);
    while (sim_queue_pop(rig->queue, &event) && event.kind == SIM_EVENT_NETWORK) {
        sim_network_deliver(rig->net, &event);
    }
}

static inline void
heard(Rig *rig, const char *expected)
{
    T_STR_EQ(rig->log, expected);
    rig->log[0] = 0;
    rig->log_size = 0;
}

static inline void
say(Rig *rig, SimEndpoint from, SimEndpoint to, OrrLane lane, const char *text)
{
    T_EQ(sim_network_send(rig->net, now(rig), from, to, lane, orr_bytes_of_string(text)),
         ORR_OK);
}

static inline void
fault(Rig *rig, SimFaultName name, SimSelector from, SimSelector to, SimRule rule)
{
    T_EQ(sim_network_add_rule(rig->net, now(rig), name, from, to, &rule), ORR_OK);
}

static inline void
cut(Rig *rig, SimFaultName name, SimEndpoint from, SimEndpoint to)
{
    fault(rig, name, only(from), only(to), (SimRule){.set = SIM_RULE_CUT});
}

static inline void
heal(Rig *rig, SimFaultName name)
{
    T_EQ(sim_network_heal(rig->net, now(rig), name), ORR_OK);
}

/* Nothing that was sent is unaccounted for once all is quiet. */
static inline void
check_conserved(const Rig *rig)
{
    SimNetworkStats s = sim_network_stats(rig->net);

    T_EQ(s.in_flight, 0);
    T_EQ(s.lane[0].sent + s.duplicated, s.lane[0].delivered + s.lane[0].lost);
    T_EQ(s.lane[1].sent, s.lane[1].delivered + s.lane[1].lost);
    T_EQ(s.clients.sent, s.clients.delivered + s.clients.lost);
}

#endif
