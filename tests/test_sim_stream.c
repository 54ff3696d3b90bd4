#include "network_rig.h"

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

/* What a host had still to send again dies with it, and so does what came after the gap. */
static void
test_gap_of_a_dead_host_is_never_filled(void)
{
    Rig *rig = connected_rig();

    cut(rig, 1, A, B);
    say(rig, A, B, ORR_LANE_DATA, "2");
    run_until(rig, S + 15 * MS);
    heal(rig, 1);
    fault(rig, 2, only(A), any(), latency_of(500 * MS));
    say(rig, A, B, ORR_LANE_DATA, "3");
    run_until(rig, S + 20 * MS);
    sim_network_set_host(rig->net, now(rig), A, false);
    run_until(rig, 60 * S);

    heard(rig, "");
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

/* Also a connection that stands breaks when too much is under way. */
static void
test_full_buffer_breaks_what_stands(void)
{
    SimNetworkOptions options = sim_network_options_default();
    static char text[1001];

    options.data_buffer_size = 5000;
    Rig *rig = rig_with(options);
    memset(text, 'x', 1000);
    say(rig, A, B, ORR_LANE_DATA, "1");
    run_until(rig, S);
    for (unsigned i = 0; i < 7; i++) {
        say(rig, A, B, ORR_LANE_DATA, text);
    }
    run_until(rig, 2 * S);

    heard(rig, "10ms b: a UP\n20ms a: b UP\n30ms b < a DATA 1\n"
               "1000ms a: b DOWN\n1010ms b: a DOWN\n");
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

static const Test TESTS[] = {
    TEST(test_data_comes_in_order_whatever_is_lost),
    TEST(test_both_dial_at_once),
    TEST(test_short_cut_delays_data),
    TEST(test_long_cut_breaks_data),
    TEST(test_lost_acknowledgements_break_data_too),
    TEST(test_killed_process_resets_its_connections),
    TEST(test_power_cut_is_found_out_late),
    TEST(test_gap_of_a_dead_host_is_never_filled),
    TEST(test_reborn_node_replaces_its_old_connection),
    TEST(test_held_data_goes_on_at_once),
    TEST(test_full_buffer_breaks_what_stands),
    TEST(test_full_buffer_breaks_data),
    TEST(test_client_talks_and_leaves),
    TEST(test_clients_of_the_dead),
};

T_MAIN("sim_stream", TESTS)
