#include "network_rig.h"

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

/* Jitter comes on top, and a sum below nothing is nothing. */
static void
test_jitter_is_added(void)
{
    Rig *rig = rig_new();
    SimRule rule = {.set = SIM_RULE_JITTER, .jitter = sim_distribution_fixed(5 * MS)};

    fault(rig, 1, only(A), any(), rule);
    rule.jitter = sim_distribution_fixed(-50 * MS);
    fault(rig, 1, only(B), any(), rule);
    say(rig, A, B, ORR_LANE_CONTROL, "late");
    say(rig, B, A, ORR_LANE_CONTROL, "early");
    run_until(rig, S);

    heard(rig, "0ms a < b CONTROL early\n15ms b < a CONTROL late\n");
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

    fault(rig, 1, any(), any(), latency_of(90 * MS));
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

/* Beyond the bound on everything in flight, what is sent is lost. */
static void
test_frames_in_flight_are_bounded(void)
{
    SimNetworkOptions options = sim_network_options_default();

    options.in_flight_max = 10;
    Rig *rig = rig_with(options);
    for (unsigned i = 0; i < 15; i++) {
        say(rig, A, B, ORR_LANE_CONTROL, "x");
    }
    run_until(rig, S);

    T_EQ(rig->frames, 10);
    T_EQ(sim_network_stats(rig->net).in_flight_peak, 10);
    check_conserved(rig);
    rig_free(rig);
}

/* Whoever joins a group later falls under its rules from then on. */
static void
test_joining_a_group_brings_its_rules(void)
{
    Rig *rig = rig_new();
    SimSelector group = {SIM_SELECT_GROUP, sim_network_add_group(rig->net)};

    fault(rig, 1, group, any(), (SimRule){.set = SIM_RULE_CUT});
    say(rig, A, B, ORR_LANE_CONTROL, "before");
    run_until(rig, S);
    sim_network_join_group(rig->net, group.index, A);
    say(rig, A, B, ORR_LANE_CONTROL, "after");
    say(rig, B, A, ORR_LANE_CONTROL, "back");
    run_until(rig, 2 * S);

    heard(rig, "10ms b < a CONTROL before\n1010ms a < b CONTROL back\n");
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

/* Another seed is another day. */
static void
test_seeds_differ(void)
{
    SimNetworkOptions options = sim_network_options_default();
    Rig *one = rig_with(options);

    options.seed++;
    Rig *other = rig_with(options);
    a_day_in_the_network(one, false);
    a_day_in_the_network(other, false);

    T_TRUE(strcmp(one->log, other->log) != 0);
    rig_free(one);
    rig_free(other);
}

typedef struct Life {
    Rig *rig;
    OrrRng rng;
    SimConnection clients[8];
} Life;

/* A process or a host dies or comes back. True when that was it. */
static bool
somebody_dies(Life *life, SimEndpoint who, uint64_t dice)
{
    SimNetwork *net = life->rig->net;
    OrrTime now_ns = now(life->rig);

    if (dice == 0) {
        sim_network_set_process(net, now_ns, who, false);
    } else if (dice <= 2) {
        sim_network_set_process(net, now_ns, who, true);
    } else if (dice == 3) {
        sim_network_set_host(net, now_ns, who, false);
    } else if (dice == 4) {
        sim_network_set_host(net, now_ns, who, true);
        sim_network_set_process(net, now_ns, who, true);
    }
    return dice <= 4;
}

static void
client_acts(Life *life, SimEndpoint from, SimEndpoint to, uint64_t dice)
{
    SimNetwork *net = life->rig->net;
    SimConnection *client = &life->clients[orr_rng_below(&life->rng, 8)];
    SimEnd end = (SimEnd)orr_rng_below(&life->rng, 2);
    OrrTime now_ns = now(life->rig);

    if (dice <= 9) {
        sim_network_close(net, now_ns, *client, end);
    } else {
        (void)!sim_network_write(net, now_ns, *client, end, orr_bytes_of_string("text"));
    }
    if (dice == 8) {
        *client = sim_network_connect(net, now_ns, from, to);
    }
}

static void
something_happens(Life *life)
{
    Rig *rig = life->rig;
    SimEndpoint from = (SimEndpoint)orr_rng_below(&life->rng, 3);
    SimEndpoint to = (SimEndpoint)((from + 1 + orr_rng_below(&life->rng, 2)) % 3);
    OrrLane lane = (OrrLane)orr_rng_below(&life->rng, 2);
    uint64_t dice = orr_rng_below(&life->rng, 40);

    if (somebody_dies(life, from, dice)) {
        return;
    }
    if (dice == 5 || dice == 6) {
        SimRule rule = {.set = dice == 5 ? SIM_RULE_CUT : SIM_RULE_HOLD};

        fault(rig, (SimFaultName)dice, only(from), only(to), rule);
    } else if (dice == 7) {
        SimFaultName name = 5 + (SimFaultName)orr_rng_below(&life->rng, 2);

        (void)!sim_network_heal(rig->net, now(rig), name);
    } else if (dice <= 12) {
        client_acts(life, from, to, dice);
    } else {
        OrrBytes text = orr_bytes_of_string("text");

        (void)!sim_network_send(rig->net, now(rig), from, to, lane, text);
    }
}

/* Random faults, deaths and talk, then an hour of peace. */
static uint64_t
random_life(uint64_t seed)
{
    Life life = {.rig = rig_new(), .rng = orr_rng_new(seed)};
    Rig *rig = life.rig;

    rig->quiet = true;
    fault(rig, 99, any(), any(), (SimRule){.set = SIM_RULE_LOSS, .loss_ppm = 50000});
    for (unsigned i = 0; i < 3000; i++) {
        run_until(rig, now(rig) + orr_rng_between(&life.rng, 0, 100 * MS));
        something_happens(&life);
    }
    (void)!sim_network_heal(rig->net, now(rig), 5);
    (void)!sim_network_heal(rig->net, now(rig), 6);
    for (SimEndpoint i = 0; i < 3; i++) {
        sim_network_set_host(rig->net, now(rig), i, true);
    }
    for (unsigned i = 0; i < 8; i++) {
        sim_network_close(rig->net, now(rig), life.clients[i], SIM_END_CLIENT);
        sim_network_close(rig->net, now(rig), life.clients[i], SIM_END_SERVER);
    }
    run_until(rig, now(rig) + 3600 * S);
    check_conserved(rig);
    T_EQ(sim_queue_count(rig->queue), 0);
    uint64_t heard_size = rig->frames * 1000003 + rig->bytes;

    rig_free(rig);
    return heard_size;
}

/* Nothing leaks, nothing is left in flight, no event is left over, and a second run of the seed
 * is the same. */
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
    TEST(test_jitter_is_added),
    TEST(test_dead_process_refuses_and_dead_host_is_silent),
    TEST(test_cut_is_one_way_and_heals_by_name),
    TEST(test_hold_and_release),
    TEST(test_drop_by_type_and_lane),
    TEST(test_most_specific_rule_wins),
    TEST(test_nonsense_is_refused),
    TEST(test_chances_are_kept),
    TEST(test_bandwidth_is_exact_to_the_byte),
    TEST(test_frames_in_flight_are_bounded),
    TEST(test_joining_a_group_brings_its_rules),
    TEST(test_draws_of_a_link_are_its_own),
    TEST(test_seeds_differ),
    TEST(test_random_lives_leave_nothing_behind),
    TEST(test_thousand_nodes_are_cheap),
};

T_MAIN("sim_network", TESTS)
