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

static SimEndpoint A, B, C;

static void note(Rig *rig, OrrTime now_ns, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void
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

static const char *
name_of(const Rig *rig, SimEndpoint endpoint)
{
    return sim_network_endpoint_name(rig->net, endpoint);
}

static void
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

static void
on_link(void *user, OrrTime now_ns, SimEndpoint at, SimEndpoint peer, OrrLinkState state)
{
    const char *words[] = {"UP", "DOWN", "REFUSED", "?", "?"};
    Rig *rig = user;

    note(rig, now_ns, "%s: %s %s", name_of(rig, at), name_of(rig, peer), words[state]);
}

static void
on_connection(void *user, OrrTime now_ns, SimConnection connection, SimEnd end, SimEndpoint at,
              SimConnectionEvent event)
{
    const char *words[] = {"UP", "REFUSED", "DOWN"};
    Rig *rig = user;

    (void)connection;
    note(rig, now_ns, "%s: %s %s", name_of(rig, at),
         end == SIM_END_CLIENT ? "client" : "server", words[event]);
}

static void
on_stream(void *user, OrrTime now_ns, SimConnection connection, SimEnd end, SimEndpoint at,
          OrrBytes bytes)
{
    Rig *rig = user;

    (void)connection;
    rig->bytes += bytes.size;
    note(rig, now_ns, "%s << %s %.*s", name_of(rig, at),
         end == SIM_END_SERVER ? "client" : "server", (int)bytes.size, bytes.data);
}

static uint8_t
type_of(void *user, OrrLane lane, OrrBytes frame)
{
    (void)user;
    (void)lane;
    return frame.size != 0 ? frame.data[0] : 0;
}

static SimSelector
any(void)
{
    return (SimSelector){SIM_SELECT_ANY, 0};
}

static SimSelector
only(SimEndpoint endpoint)
{
    return (SimSelector){SIM_SELECT_ENDPOINT, endpoint};
}

static SimRule
latency_of(OrrTime latency_ns)
{
    return (SimRule){.set = SIM_RULE_LATENCY, .latency = sim_distribution_fixed(latency_ns)};
}

static Rig *
rig_with(SimNetworkOptions options)
{
    Rig *rig = calloc(1, sizeof *rig);
    SimNetworkHandlers handlers = {rig,           on_received, on_link,
                                   on_connection, on_stream,   type_of};
    SimRule rule = latency_of(10 * MS);

    rig->queue = sim_queue_new();
    rig->net = sim_network_new(rig->queue, &options, &handlers);
    A = sim_network_add_endpoint(rig->net, "a");
    B = sim_network_add_endpoint(rig->net, "b");
    C = sim_network_add_endpoint(rig->net, "c");
    T_EQ(sim_network_add_rule(rig->net, 0, SIM_NOT_A_FAULT, any(), any(), &rule), ORR_OK);
    return rig;
}

/* Three endpoints a, b, c, ten milliseconds apart. */
static Rig *
rig_new(void)
{
    return rig_with(sim_network_options_default());
}

static void
rig_free(Rig *rig)
{
    sim_network_free(rig->net);
    sim_queue_free(rig->queue);
    free(rig);
}

static OrrTime
now(const Rig *rig)
{
    return sim_queue_now_ns(rig->queue);
}

/* Everything that happens before `until_ns`; then it is until_ns. */
static void
run_until(Rig *rig, OrrTime until_ns)
{
    SimEvent event = {.at_ns = until_ns, .kind = SIM_EVENT_CHECK};

    (void)sim_queue_schedule(rig->queue, &event);
    while (sim_queue_pop(rig->queue, &event) && event.kind == SIM_EVENT_NETWORK) {
        sim_network_deliver(rig->net, &event);
    }
}

static void
heard(Rig *rig, const char *expected)
{
    T_STR_EQ(rig->log, expected);
    rig->log[0] = 0;
    rig->log_size = 0;
}

static void
say(Rig *rig, SimEndpoint from, SimEndpoint to, OrrLane lane, const char *text)
{
    T_EQ(sim_network_send(rig->net, now(rig), from, to, lane, orr_bytes_of_string(text)),
         ORR_OK);
}

static void
fault(Rig *rig, SimFaultName name, SimSelector from, SimSelector to, SimRule rule)
{
    T_EQ(sim_network_add_rule(rig->net, now(rig), name, from, to, &rule), ORR_OK);
}

static void
cut(Rig *rig, SimFaultName name, SimEndpoint from, SimEndpoint to)
{
    fault(rig, name, only(from), only(to), (SimRule){.set = SIM_RULE_CUT});
}

static void
heal(Rig *rig, SimFaultName name)
{
    T_EQ(sim_network_heal(rig->net, now(rig), name), ORR_OK);
}

/* Nothing that was sent is unaccounted for once all is quiet. */
static void
check_conserved(const Rig *rig)
{
    SimNetworkStats s = sim_network_stats(rig->net);

    T_EQ(s.in_flight, 0);
    T_EQ(s.lane[0].sent + s.duplicated, s.lane[0].delivered + s.lane[0].lost);
    T_EQ(s.lane[1].sent, s.lane[1].delivered + s.lane[1].lost);
    T_EQ(s.clients.sent, s.clients.delivered + s.clients.lost);
}

/* ------- datagrams */

static void
test_datagram_takes_its_latency(void)
{
    Rig *rig = rig_new();

    say(rig, A, B, ORR_LANE_CONTROL, "hello");
    run_until(rig, S);

    heard(rig, "10ms b < a CONTROL hello\n");
    check_conserved(rig);
    rig_free(rig);
}

/* A dead process on a live host is refused after a round trip; a dead host says nothing. */
static void
test_dead_process_refuses_and_dead_host_is_silent(void)
{
    Rig *rig = rig_new();

    sim_network_set_process(rig->net, 0, B, false);
    say(rig, A, B, ORR_LANE_CONTROL, "x");
    run_until(rig, S);
    heard(rig, "20ms a: b REFUSED\n");

    sim_network_set_host(rig->net, now(rig), B, false);
    say(rig, A, B, ORR_LANE_CONTROL, "x");
    run_until(rig, 2 * S);
    heard(rig, "");

    sim_network_set_host(rig->net, now(rig), B, true);
    sim_network_set_process(rig->net, now(rig), B, true);
    say(rig, A, B, ORR_LANE_CONTROL, "x");
    run_until(rig, 3 * S);
    heard(rig, "2010ms b < a CONTROL x\n");
    check_conserved(rig);
    rig_free(rig);
}

/* A cut is one-way, loses what is on the way too, and ends with its name. */
static void
test_cut_is_one_way_and_heals_by_name(void)
{
    Rig *rig = rig_new();

    say(rig, A, B, ORR_LANE_CONTROL, "on the way");
    run_until(rig, 5 * MS);
    cut(rig, 1, A, B);
    cut(rig, 2, A, B);
    say(rig, A, B, ORR_LANE_CONTROL, "late");
    say(rig, B, A, ORR_LANE_CONTROL, "back");
    run_until(rig, S);
    heard(rig, "15ms a < b CONTROL back\n");

    heal(rig, 1);
    T_TRUE(sim_network_is_cut(rig->net, A, B));
    heal(rig, 2);
    T_EQ(sim_network_heal(rig->net, now(rig), 2), ORR_NOT_FOUND);
    T_EQ(sim_network_heal(rig->net, now(rig), SIM_NOT_A_FAULT), ORR_NOT_FOUND);
    say(rig, A, B, ORR_LANE_CONTROL, "again");
    run_until(rig, 2 * S);
    heard(rig, "1010ms b < a CONTROL again\n");
    check_conserved(rig);
    rig_free(rig);
}

/* A hold keeps datagrams and lets them go in order when it is healed. */
static void
test_hold_and_release(void)
{
    Rig *rig = rig_new();

    fault(rig, 7, any(), only(B), (SimRule){.set = SIM_RULE_HOLD});
    say(rig, A, B, ORR_LANE_CONTROL, "1");
    say(rig, C, B, ORR_LANE_CONTROL, "2");
    say(rig, A, C, ORR_LANE_CONTROL, "3");
    run_until(rig, 500 * MS);
    heard(rig, "10ms c < a CONTROL 3\n");

    heal(rig, 7);
    run_until(rig, S);
    heard(rig, "500ms b < a CONTROL 1\n500ms b < c CONTROL 2\n");
    check_conserved(rig);
    rig_free(rig);
}

/* A drop takes the lane and the message types that it names, and no others. */
static void
test_drop_by_type_and_lane(void)
{
    Rig *rig = rig_new();
    SimRule rule = {.set = SIM_RULE_DROP, .drop = {.lanes = 1, .chance_ppm = 1000000}};

    rule.drop.types['v' / 64] = UINT64_C(1) << ('v' % 64);
    fault(rig, 1, any(), any(), rule);
    say(rig, A, B, ORR_LANE_CONTROL, "vote");
    say(rig, A, B, ORR_LANE_CONTROL, "ping");
    say(rig, A, B, ORR_LANE_DATA, "vote");
    run_until(rig, S);

    heard(rig, "10ms b < a CONTROL ping\n10ms b: a UP\n20ms a: b UP\n30ms b < a DATA vote\n");
    check_conserved(rig);
    rig_free(rig);
}

/* The most specific line wins field by field, faults before descriptions, later before
 * earlier. */
static void
test_most_specific_rule_wins(void)
{
    Rig *rig = rig_new();
    uint32_t group = sim_network_add_group(rig->net);
    SimRule rule = latency_of(50 * MS);

    sim_network_join_group(rig->net, group, A);
    T_EQ(sim_network_add_rule(rig->net, 0, 0, only(A), only(B), &rule), ORR_OK);
    rule = latency_of(30 * MS);
    T_EQ(sim_network_add_rule(rig->net, 0, 0, (SimSelector){SIM_SELECT_GROUP, group}, any(),
                              &rule),
         ORR_OK);
    say(rig, A, B, ORR_LANE_CONTROL, "pair");
    say(rig, A, C, ORR_LANE_CONTROL, "group");
    say(rig, B, C, ORR_LANE_CONTROL, "any");
    run_until(rig, 100 * MS);
    heard(rig, "10ms c < b CONTROL any\n30ms c < a CONTROL group\n50ms b < a CONTROL pair\n");

    fault(rig, 1, any(), any(), latency_of(70 * MS));
    fault(rig, 2, any(), any(), (SimRule){.set = SIM_RULE_SLOW, .slow_milli = 2000});
    say(rig, A, B, ORR_LANE_CONTROL, "fault");
    run_until(rig, S);
    heard(rig, "240ms b < a CONTROL fault\n");
    rig_free(rig);
}

/* A rule that makes no sense is refused. */
static void
test_nonsense_is_refused(void)
{
    Rig *rig = rig_new();
    static uint8_t big[ORR_CONTROL_FRAME_MAX + 1];
    SimRule rule = {.set = SIM_RULE_LOSS, .loss_ppm = 1000001};

    T_EQ(sim_network_add_rule(rig->net, 0, 1, any(), any(), &rule), ORR_INVALID);
    rule = (SimRule){.set = SIM_RULE_SLOW};
    T_EQ(sim_network_add_rule(rig->net, 0, 1, any(), any(), &rule), ORR_INVALID);
    rule = (SimRule){.set = SIM_RULE_CUT};
    T_EQ(sim_network_add_rule(rig->net, 0, 1, only(99), any(), &rule), ORR_INVALID);
    for (unsigned i = 1; i < SIM_RULES_MAX; i++) {
        T_EQ(sim_network_add_rule(rig->net, 0, 1, only(A), only(B), &rule), ORR_OK);
    }
    T_EQ(sim_network_add_rule(rig->net, 0, 1, only(A), only(B), &rule), ORR_FULL);

    OrrBytes bytes = orr_bytes(big, sizeof big);
    T_EQ(sim_network_send(rig->net, 0, A, B, ORR_LANE_CONTROL, bytes), ORR_INVALID);
    T_EQ(sim_network_send(rig->net, 0, A, 99, ORR_LANE_CONTROL, ORR_BYTES_EMPTY), ORR_INVALID);
    sim_network_set_process(rig->net, 0, A, false);
    T_EQ(sim_network_send(rig->net, 0, A, B, ORR_LANE_CONTROL, ORR_BYTES_EMPTY), ORR_REFUSED);
    rig_free(rig);
}

/* Loss, duplication and corruption come as often as they are said to. */
static void
test_chances_are_kept(void)
{
    Rig *rig = rig_new();
    SimRule rule = {.set = SIM_RULE_LOSS | SIM_RULE_DUPLICATE | SIM_RULE_CORRUPT |
                           SIM_RULE_REORDER,
                    .loss_ppm = 100000,
                    .duplicate_ppm = 50000,
                    .corrupt_ppm = 20000,
                    .reorder_ppm = 30000};

    rig->quiet = true;
    fault(rig, 1, any(), any(), rule);
    for (unsigned i = 0; i < 100000; i++) {
        say(rig, A, B, ORR_LANE_CONTROL, "some bytes");
    }
    run_until(rig, S);
    SimNetworkStats s = sim_network_stats(rig->net);

    T_TRUE(s.lane[0].lost > 9500 && s.lane[0].lost < 10500);
    T_TRUE(s.duplicated > 4200 && s.duplicated < 4800); /* of those that were not lost */
    T_TRUE(s.corrupted > 1620 && s.corrupted < 1980);
    T_TRUE(s.reordered > 2450 && s.reordered < 2950);
    check_conserved(rig);
    rig_free(rig);
}

/* A link of 1,000 bytes a second sends one byte a millisecond, and a full queue drops. */
static void
test_bandwidth_is_exact_to_the_byte(void)
{
    Rig *rig = rig_new();
    SimRule rule = {
        .set = SIM_RULE_BANDWIDTH | SIM_RULE_QUEUE, .bandwidth = 1000, .queue_size = 250};

    fault(rig, 1, any(), any(), rule);
    for (unsigned i = 0; i < 4; i++) {
        char text[101];

        memset(text, 'a' + (int)i, 100);
        text[100] = 0;
        say(rig, A, B, ORR_LANE_CONTROL, text);
    }
    run_until(rig, S);

    heard(rig, "110ms b < a CONTROL aaaaaaaaaaaaaaaa\n210ms b < a CONTROL bbbbbbbbbbbbbbbb\n");
    T_EQ(sim_network_link_stats(rig->net, 0).queue_peak_size, 200);
    check_conserved(rig);
    rig_free(rig);
}

/* ------- data between nodes */

/* The first frame makes the connection; both ends hear that it stands. */
static void
test_data_comes_in_order_whatever_is_lost(void)
{
    Rig *rig = rig_new();
    char expected[4096] = "";
    char text[8];

    fault(rig, 1, any(), any(),
          (SimRule){.set = SIM_RULE_LOSS | SIM_RULE_LATENCY,
                    .loss_ppm = 300000,
                    .latency = {SIM_DISTRIBUTION_EXPONENTIAL, 10 * MS, 0, 0}});
    for (int i = 0; i < 100; i++) {
        (void)snprintf(text, sizeof text, "%d", i);
        say(rig, A, B, ORR_LANE_DATA, text);
    }
    run_until(rig, 100 * S);

    /* without the times */
    char *line = strtok(rig->log, "\n");
    char got[4096] = "";
    for (; line != NULL; line = strtok(NULL, "\n")) {
        char *word = strstr(line, "DATA ");

        strcat(got, word != NULL ? word + 5 : "");
        strcat(got, word != NULL ? " " : "");
    }
    for (int i = 0; i < 100; i++) {
        (void)sprintf(expected + strlen(expected), "%d ", i);
    }
    T_STR_EQ(got, expected);
    T_TRUE(sim_network_stats(rig->net).retransmitted > 20);
    check_conserved(rig);
    rig_free(rig);
}

/* Both dial at the same moment: one connection, each hears UP once, nothing is lost. */
static void
test_both_dial_at_once(void)
{
    Rig *rig = rig_new();

    say(rig, A, B, ORR_LANE_DATA, "1");
    say(rig, B, A, ORR_LANE_DATA, "2");
    run_until(rig, S);

    heard(rig, "10ms b: a UP\n10ms a: b UP\n20ms a < b DATA 2\n20ms b < a DATA 1\n");
    check_conserved(rig);
    rig_free(rig);
}

static Rig *
connected_rig(void)
{
    Rig *rig = rig_new();

    say(rig, A, B, ORR_LANE_DATA, "1");
    run_until(rig, S);
    heard(rig, "10ms b: a UP\n20ms a: b UP\n30ms b < a DATA 1\n");
    return rig;
}

/* A short cut delays bytes to the next retransmission; none is missing, none out of order. */
static void
test_short_cut_delays_data(void)
{
    Rig *rig = connected_rig();

    say(rig, A, B, ORR_LANE_DATA, "2");
    run_until(rig, S + 5 * MS);
    cut(rig, 1, A, B);
    run_until(rig, 2 * S);
    say(rig, A, B, ORR_LANE_DATA, "3");
    heal(rig, 1);
    say(rig, A, B, ORR_LANE_DATA, "4");
    run_until(rig, 20 * S);

    /* lost at 1010; tried at 1210, 1610, 2410 */
    heard(rig, "2420ms b < a DATA 2\n2420ms b < a DATA 3\n2420ms b < a DATA 4\n");
    check_conserved(rig);
    rig_free(rig);
}

/* Ten seconds without progress break a connection, at both ends, and lose what waited. */
static void
test_long_cut_breaks_data(void)
{
    Rig *rig = connected_rig();

    cut(rig, 1, A, B);
    say(rig, A, B, ORR_LANE_DATA, "2");
    run_until(rig, 30 * S);
    heard(rig, "11010ms a: b DOWN\n11020ms b: a DOWN\n");
    T_EQ(sim_network_stats(rig->net).broken, 1);

    heal(rig, 1);
    say(rig, B, A, ORR_LANE_DATA, "3");
    run_until(rig, 40 * S);
    heard(rig, "30010ms a: b UP\n30020ms b: a UP\n30030ms a < b DATA 3\n");
    check_conserved(rig);
    rig_free(rig);
}

/* Bytes go through a one-way cut of the acknowledgements' direction, for one window and for
 * ten seconds. */
static void
test_lost_acknowledgements_break_data_too(void)
{
    Rig *rig = connected_rig();
    static char text[100001];

    memset(text, 'x', sizeof text - 1);
    cut(rig, 1, B, A);
    for (unsigned i = 0; i < 5; i++) {
        say(rig, A, B, ORR_LANE_DATA, text);
        run_until(rig, (OrrTime)(2 + i) * S);
    }
    T_EQ(rig->bytes, 1 + 300000);
    run_until(rig, 30 * S);

    T_TRUE(strstr(rig->log, "11010ms a: b DOWN\n11020ms b: a DOWN\n") != NULL);
    check_conserved(rig);
    rig_free(rig);
}

/* The kernel of a killed process says so: its peers hear DOWN after what it had sent. */
static void
test_killed_process_resets_its_connections(void)
{
    Rig *rig = connected_rig();

    say(rig, B, A, ORR_LANE_DATA, "last words");
    sim_network_set_process(rig->net, now(rig), B, false);
    run_until(rig, 2 * S);
    heard(rig, "1010ms a < b DATA last words\n1010ms a: b DOWN\n");

    say(rig, A, B, ORR_LANE_DATA, "2");
    run_until(rig, 3 * S);
    heard(rig, "2020ms a: b REFUSED\n");

    sim_network_set_process(rig->net, now(rig), B, true);
    say(rig, A, B, ORR_LANE_DATA, "3");
    run_until(rig, 4 * S);
    heard(rig, "3010ms b: a UP\n3020ms a: b UP\n3030ms b < a DATA 3\n");
    check_conserved(rig);
    rig_free(rig);
}

/* A host without power is silent: the peer finds out by itself, or is reset when it is back. */
static void
test_power_cut_is_found_out_late(void)
{
    Rig *rig = connected_rig();

    sim_network_set_host(rig->net, now(rig), B, false);
    say(rig, A, B, ORR_LANE_DATA, "2");
    run_until(rig, 4 * S);
    heard(rig, "");

    sim_network_set_host(rig->net, now(rig), B, true);
    sim_network_set_process(rig->net, now(rig), B, true);
    run_until(rig, 10 * S);
    heard(rig, "4030ms a: b DOWN\n"); /* tried at 1210, 1610, 2410, 4010; reset */
    check_conserved(rig);
    rig_free(rig);
}

/* A node that comes back dials before its peer knew it was gone: DOWN, then UP. */
static void
test_reborn_node_replaces_its_old_connection(void)
{
    Rig *rig = connected_rig();

    sim_network_set_host(rig->net, now(rig), B, false);
    sim_network_set_host(rig->net, now(rig), B, true);
    sim_network_set_process(rig->net, now(rig), B, true);
    say(rig, B, A, ORR_LANE_DATA, "back");
    say(rig, A, B, ORR_LANE_DATA, "to the old one");
    run_until(rig, 2 * S);
    heard(rig, "1010ms a: b DOWN\n1010ms a: b UP\n1020ms b: a UP\n1030ms a < b DATA back\n");

    say(rig, A, B, ORR_LANE_DATA, "to the new one");
    run_until(rig, 30 * S);
    heard(rig, "2010ms b < a DATA to the new one\n");
    check_conserved(rig);
    rig_free(rig);
}

/* Held data waits for the release, not for a retransmission. */
static void
test_held_data_goes_on_at_once(void)
{
    Rig *rig = connected_rig();

    fault(rig, 1, any(), any(), (SimRule){.set = SIM_RULE_HOLD});
    say(rig, A, B, ORR_LANE_DATA, "2");
    say(rig, A, B, ORR_LANE_DATA, "3");
    run_until(rig, 3 * S);
    heal(rig, 1);
    run_until(rig, 5 * S);

    heard(rig, "3010ms b < a DATA 2\n3010ms b < a DATA 3\n");
    check_conserved(rig);
    rig_free(rig);
}

/* Who never reads is reset: more than the buffer under way breaks the connection. */
static void
test_full_buffer_breaks_data(void)
{
    SimNetworkOptions options = sim_network_options_default();
    static char text[1001];

    options.data_buffer_size = 5000;
    Rig *rig = rig_with(options);
    memset(text, 'x', 1000);
    for (unsigned i = 0; i < 7; i++) {
        say(rig, A, B, ORR_LANE_DATA, text);
    }
    run_until(rig, S);

    heard(rig, "0ms a: b DOWN\n");
    check_conserved(rig);
    rig_free(rig);
}

/* ------- clients */

static void
test_client_talks_and_leaves(void)
{
    Rig *rig = rig_new();
    SimConnection id = sim_network_connect(rig->net, 0, C, A);

    T_EQ(sim_network_write(rig->net, 0, id, SIM_END_CLIENT, orr_bytes_of_string("PING")),
         ORR_OK);
    run_until(rig, 35 * MS);
    heard(rig, "10ms a: server UP\n20ms c: client UP\n30ms a << client PING\n");

    T_EQ(sim_network_write(rig->net, now(rig), id, SIM_END_SERVER, orr_bytes_of_string("PONG")),
         ORR_OK);
    sim_network_close(rig->net, now(rig), id, SIM_END_SERVER);
    T_EQ(sim_network_write(rig->net, now(rig), id, SIM_END_SERVER, ORR_BYTES_EMPTY),
         ORR_NOT_FOUND);
    run_until(rig, S);
    heard(rig, "45ms c << server PONG\n45ms c: client DOWN\n");
    T_EQ(sim_network_write(rig->net, now(rig), id, SIM_END_CLIENT, ORR_BYTES_EMPTY),
         ORR_NOT_FOUND);
    check_conserved(rig);

    T_TRUE(sim_network_connect(rig->net, now(rig), C, A) != id);
    rig_free(rig);
}

/* Clients of a killed node hear DOWN, those who dial later are refused, and one behind a cut
 * hears nothing until it gives up. */
static void
test_clients_of_the_dead(void)
{
    Rig *rig = rig_new();

    (void)sim_network_connect(rig->net, 0, C, A);
    run_until(rig, S);
    sim_network_set_process(rig->net, now(rig), A, false);
    run_until(rig, 2 * S);
    (void)sim_network_connect(rig->net, now(rig), C, A);
    run_until(rig, 3 * S);
    heard(rig, "10ms a: server UP\n20ms c: client UP\n1010ms c: client DOWN\n"
               "2020ms c: client REFUSED\n");

    cut(rig, 1, C, B);
    SimConnection id = sim_network_connect(rig->net, now(rig), C, B);
    run_until(rig, 8 * S);
    sim_network_close(rig->net, now(rig), id, SIM_END_CLIENT);
    run_until(rig, 30 * S);
    heard(rig, "");
    (void)sim_network_connect(rig->net, now(rig), C, B);
    run_until(rig, 60 * S);
    heard(rig, "40010ms c: client DOWN\n");
    check_conserved(rig);
    rig_free(rig);
}

/* ------- determinism */

static void
traffic(Rig *rig, SimEndpoint from, SimEndpoint to)
{
    char text[32];

    for (int i = 0; i < 50; i++) {
        (void)snprintf(text, sizeof text, "%d", i);
        say(rig, from, to, i % 2 == 0 ? ORR_LANE_CONTROL : ORR_LANE_DATA, text);
    }
}

static void
a_day_in_the_network(Rig *rig, bool with_more)
{
    SimRule rule = {.set = SIM_RULE_LATENCY | SIM_RULE_LOSS,
                    .latency = {SIM_DISTRIBUTION_EXPONENTIAL, 10 * MS, 0, 0},
                    .loss_ppm = 50000};

    fault(rig, 1, any(), any(), rule);
    if (with_more) {
        SimEndpoint d = sim_network_add_endpoint(rig->net, "d");
        SimRule drop = {.set = SIM_RULE_DROP | SIM_RULE_DUPLICATE,
                        .duplicate_ppm = 500000,
                        .drop = {.lanes = 3, .types = {~UINT64_C(0)}, .chance_ppm = 500000}};

        fault(rig, 2, any(), only(d), drop);
        rig->quiet = true;
        traffic(rig, C, d);
        traffic(rig, A, C);
        rig->quiet = false;
    }
    traffic(rig, A, B);
    run_until(rig, 100 * S);
}

static void
keep_lines_of(char *log, const char *part, char *out)
{
    for (char *line = strtok(log, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (strstr(line, part) != NULL) {
            strcat(strcat(out, line), "\n");
        }
    }
}

/* Adding a node, links and faults elsewhere moves no message of this link by a nanosecond. */
static void
test_draws_of_a_link_are_its_own(void)
{
    static char plain[65536];
    static char crowded[65536];
    Rig *rig = rig_new();

    a_day_in_the_network(rig, false);
    keep_lines_of(rig->log, " b < a", plain);
    rig_free(rig);
    rig = rig_new();
    a_day_in_the_network(rig, true);
    keep_lines_of(rig->log, " b < a", crowded);
    rig_free(rig);

    T_TRUE(strlen(plain) > 500);
    T_STR_EQ(crowded, plain);
}

/* Random faults, deaths and talk: nothing leaks, nothing is left in flight, and a second run
 * of the seed is the same. */
static uint64_t
random_life(uint64_t seed)
{
    Rig *rig = rig_new();
    OrrRng rng = orr_rng_new(seed);
    SimConnection clients[8] = {0};

    rig->quiet = true;
    fault(rig, 99, any(), any(), (SimRule){.set = SIM_RULE_LOSS, .loss_ppm = 50000});
    for (unsigned i = 0; i < 3000; i++) {
        SimEndpoint from = (SimEndpoint)orr_rng_below(&rng, 3);
        SimEndpoint to = (SimEndpoint)((from + 1 + orr_rng_below(&rng, 2)) % 3);
        SimConnection *client = &clients[orr_rng_below(&rng, 8)];
        OrrLane lane = (OrrLane)orr_rng_below(&rng, 2);
        OrrBytes text = orr_bytes_of_string("text");
        SimEnd end = (SimEnd)orr_rng_below(&rng, 2);

        run_until(rig, now(rig) + orr_rng_between(&rng, 0, 100 * MS));
        switch (orr_rng_below(&rng, 40)) {
        case 0:
            sim_network_set_process(rig->net, now(rig), from, false);
            break;
        case 1:
        case 2:
            sim_network_set_process(rig->net, now(rig), from, true);
            break;
        case 3:
            sim_network_set_host(rig->net, now(rig), from, false);
            break;
        case 4:
            sim_network_set_host(rig->net, now(rig), from, true);
            sim_network_set_process(rig->net, now(rig), from, true);
            break;
        case 5:
            fault(rig, 1, only(from), only(to), (SimRule){.set = SIM_RULE_CUT});
            break;
        case 6:
            fault(rig, 2, only(from), only(to), (SimRule){.set = SIM_RULE_HOLD});
            break;
        case 7:
            (void)!sim_network_heal(rig->net, now(rig),
                                    1 + (SimFaultName)orr_rng_below(&rng, 2));
            break;
        case 8:
            sim_network_close(rig->net, now(rig), *client, end);
            *client = sim_network_connect(rig->net, now(rig), from, to);
            break;
        case 9:
            sim_network_close(rig->net, now(rig), *client, end);
            break;
        case 10:
        case 11:
        case 12:
            (void)!sim_network_write(rig->net, now(rig), *client, end, text);
            break;
        default:
            (void)!sim_network_send(rig->net, now(rig), from, to, lane, text);
        }
    }
    (void)!sim_network_heal(rig->net, now(rig), 1);
    (void)!sim_network_heal(rig->net, now(rig), 2);
    for (SimEndpoint i = 0; i < 3; i++) {
        sim_network_set_host(rig->net, now(rig), i, true);
    }
    for (unsigned i = 0; i < 8; i++) {
        sim_network_close(rig->net, now(rig), clients[i], SIM_END_CLIENT);
        sim_network_close(rig->net, now(rig), clients[i], SIM_END_SERVER);
    }
    run_until(rig, now(rig) + 3600 * S);
    check_conserved(rig);
    T_EQ(sim_queue_count(rig->queue), 0);
    uint64_t frames = rig->frames * 1000003 + rig->bytes;

    rig_free(rig);
    return frames;
}

static void
test_random_lives_leave_nothing_behind(void)
{
    uint64_t seed = t_seed(1);

    for (uint64_t i = 0; i < 40; i++) {
        T_EQ(random_life(seed + i), random_life(seed + i));
    }
}

/* A thousand nodes: links cost memory when they are used, not before. */
static void
test_thousand_nodes_are_cheap(void)
{
    Rig *rig = rig_new();

    rig->quiet = true;
    for (unsigned i = 0; i < 1000; i++) {
        char name[16];

        (void)snprintf(name, sizeof name, "n%u", i);
        (void)sim_network_add_endpoint(rig->net, name);
    }
    for (SimEndpoint i = 3; i < 1003; i++) {
        say(rig, i, 3 + (i + 1) % 1000, ORR_LANE_CONTROL, "x");
    }
    run_until(rig, S);

    T_EQ(sim_network_link_count(rig->net), 1000);
    T_EQ(rig->frames, 1000);
    rig_free(rig);
}

static const Test TESTS[] = {
    TEST(test_datagram_takes_its_latency),
    TEST(test_dead_process_refuses_and_dead_host_is_silent),
    TEST(test_cut_is_one_way_and_heals_by_name),
    TEST(test_hold_and_release),
    TEST(test_drop_by_type_and_lane),
    TEST(test_most_specific_rule_wins),
    TEST(test_nonsense_is_refused),
    TEST(test_chances_are_kept),
    TEST(test_bandwidth_is_exact_to_the_byte),
    TEST(test_data_comes_in_order_whatever_is_lost),
    TEST(test_both_dial_at_once),
    TEST(test_short_cut_delays_data),
    TEST(test_long_cut_breaks_data),
    TEST(test_lost_acknowledgements_break_data_too),
    TEST(test_killed_process_resets_its_connections),
    TEST(test_power_cut_is_found_out_late),
    TEST(test_reborn_node_replaces_its_old_connection),
    TEST(test_held_data_goes_on_at_once),
    TEST(test_full_buffer_breaks_data),
    TEST(test_client_talks_and_leaves),
    TEST(test_clients_of_the_dead),
    TEST(test_draws_of_a_link_are_its_own),
    TEST(test_random_lives_leave_nothing_behind),
    TEST(test_thousand_nodes_are_cheap),
};

T_MAIN("sim_network", TESTS)
