#include "router_rig.h"

/* The first request waits for the map; then each goes to the owner of its slot. */
static void
test_map_is_read_before_anything_is_asked(void)
{
    OrrAddress seed;
    OrrRouterConfig config = config_of_rig(&seed);
    Rig rig = rig_with(&config);
    OrrAddress owner;

    T_EQ(submit(&rig, 1, "GET b|GET a|SET b 2"), ORR_OK);
    WANTS(&rig, "connect 0\n");
    link_of(&rig, 0, true);
    WANTS(&rig, "send 0 [CLUSTER SLOTS]\n");
    hear(&rig, 0, MAP);
    WANTS(&rig, "send 0 [GET b] [SET b 2]\nconnect 1\n");
    link_of(&rig, 1, true);
    WANTS(&rig, "send 1 [GET a]\n");

    hear(&rig, 0, "$1\r\n1\r\n+O");
    WANTS(&rig, "1 answered $1\r\n1\n");
    hear(&rig, 0, "K\r\n");
    hear(&rig, 1, "$-1\r\n");
    WANTS(&rig, "3 answered +OK\n2 answered $-1\n");

    T_EQ(orr_router_owner(rig.router, 8192, &owner), ORR_OK);
    T_EQ(owner.ip[15], 2);
    T_EQ(counters_of(&rig).topology_updates, 1);
    T_EQ(orr_router_deadline(rig.router), ORR_NEVER);
    rig_free(&rig);
}

/* MOVED corrects the map for that slot, sends the request on at once, and the map is read again
 * from the node that it named. */
static void
test_moved_is_followed_and_remembered(void)
{
    Rig rig = rig_new();

    rig.now_ns += ORR_NS_PER_S;
    submit(&rig, 1, "GET b");
    WANTS(&rig, "send 0 [GET b]\n");
    hear(&rig, 0, "-MOVED 3300 10.0.0.2:7000\r\n");
    WANTS(&rig, "send 1 [CLUSTER SLOTS] [GET b]\n");
    submit(&rig, 2, "GET b"); /* no map was read yet */
    WANTS(&rig, "send 1 [GET b]\n");
    hear(&rig, 1, MAP_ALL_B);
    hear(&rig, 1, "$1\r\n7\r\n$1\r\n8\r\n");
    WANTS(&rig, "1 answered $1\r\n7\n2 answered $1\r\n8\n");
    T_EQ(counters_of(&rig).moved, 1);
    T_EQ(counters_of(&rig).retries, 1);
    T_EQ(counters_of(&rig).topology_updates, 2);
    rig_free(&rig);
}

/* ASK is good for once: ASKING goes first, and the map stays as it is. */
static void
test_ask_goes_behind_asking_once(void)
{
    Rig rig = rig_new();

    submit(&rig, 1, "GET b");
    wants(&rig);
    hear(&rig, 0, "-ASK 3300 10.0.0.2:7000\r\n");
    WANTS(&rig, "send 1 [ASKING] [GET b]\n");
    hear(&rig, 1, "+OK\r\n$1\r\n7\r\n");
    WANTS(&rig, "1 answered $1\r\n7\n");

    submit(&rig, 2, "GET b");
    WANTS(&rig, "send 0 [GET b]\n");
    T_EQ(counters_of(&rig).ask, 1);
    rig_free(&rig);
}

/* TRYAGAIN pauses and asks the same node again, even the one that was asked behind ASKING. */
static void
test_tryagain_asks_the_same_node_again(void)
{
    Rig rig = rig_new();

    submit(&rig, 1, "MGET b b");
    wants(&rig);
    hear(&rig, 0, "-ASK 3300 10.0.0.2:7000\r\n");
    wants(&rig);
    hear(&rig, 1, "+OK\r\n-TRYAGAIN Multiple keys request during rehashing of slot\r\n");
    WANTS(&rig, "");
    pass_to_deadline(&rig, 10 * MS);
    WANTS(&rig, "send 1 [ASKING] [MGET b b]\n");
    hear(&rig, 1, "+OK\r\n*0\r\n");
    WANTS(&rig, "1 answered *0\n");
    rig_free(&rig);
}

/* A cluster that is down is asked again after pauses that grow, and the map is read meanwhile;
 * the request ends with the last refusal when its attempts are used up. */
static void
test_down_is_tried_a_bounded_number_of_times(void)
{
    OrrAddress seed;
    OrrRouterConfig config = config_of_rig(&seed);
    uint32_t sendings = 0;

    config.attempts_max = 4;
    config.refresh_min_ns = MS;
    Rig rig = rig_connected(&config);
    submit(&rig, 1, "GET b");
    for (int i = 0; i < 1000 && orr_router_held(rig.router) > 0; i++) {
        const char *text = wants(&rig);
        bool asked = strstr(text, "[GET b]") != NULL;
        uint32_t node = strstr(text, "send 1") != NULL ? 1 : 0;

        sendings += asked ? 1 : 0;
        if (strstr(text, "CLUSTER SLOTS") != NULL) {
            hear(&rig, node, MAP);
        }
        if (asked) {
            hear(&rig, 0, "-CLUSTERDOWN The cluster is down\r\n");
        } else {
            pass_to_deadline(&rig, ORR_NS_PER_S);
        }
    }
    T_TRUE(g_str_has_prefix(wants(&rig), "1 refused -CLUSTERDOWN The cluster is down\n"));
    T_EQ(sendings, 4);
    T_EQ(counters_of(&rig).down, 4);
    T_TRUE(counters_of(&rig).topology_reads >= 2);
    rig_free(&rig);
}

/* The commands of a pipeline that share a slot travel together: when one has to be tried again,
 * those behind it that were refused go with it, in order; those that were executed do not. */
static void
test_group_is_tried_again_as_one_piece(void)
{
    Rig rig = rig_new();

    rig.now_ns += ORR_NS_PER_S;
    submit(&rig, 1, "SET b 1|SET b 2|GET a|SET b 3|SET b 4");
    WANTS(&rig, "send 0 [SET b 1] [SET b 2] [SET b 3] [SET b 4]\nsend 1 [GET a]\n");
    hear(&rig, 0, "+OK\r\n-ASK 3300 10.0.0.2:7000\r\n");
    WANTS(&rig, "1 answered +OK\n");
    hear(&rig, 0, "+OK\r\n");
    WANTS(&rig, "4 answered +OK\n");
    hear(&rig, 0, "-MOVED 3300 10.0.0.2:7000\r\n");
    WANTS(&rig, "send 1 [CLUSTER SLOTS] [ASKING] [SET b 2] [ASKING] [SET b 4]\n");
    rig_free(&rig);
}

/* What the first refused command of a group needs is what the group does: here it is sent on at
 * once, though a later one could have waited. */
static void
test_first_refusal_decides_for_the_group(void)
{
    Rig rig = rig_new();

    submit(&rig, 1, "SET b 1|MGET b b");
    wants(&rig);
    hear(&rig, 0, "-ASK 3300 10.0.0.2:7000\r\n-TRYAGAIN x\r\n");
    WANTS(&rig, "send 1 [ASKING] [SET b 1] [ASKING] [MGET b b]\n");
    rig_free(&rig);
}

/* What a lost connection left unanswered is not sent again, since it may have happened; what
 * was not sent yet is. */
static void
test_lost_connection_repeats_nothing_that_may_have_happened(void)
{
    OrrAddress seed;
    OrrRouterConfig config = config_of_rig(&seed);

    config.pipeline_max = 1;
    Rig rig = rig_connected(&config);
    submit(&rig, 1, "INCR b|INCR b");
    WANTS(&rig, "send 0 [INCR b]\n");
    link_of(&rig, 0, false);
    WANTS(&rig, "1 lost maybe\n");
    T_EQ(counters_of(&rig).lost, 1);

    pass(&rig, 200 * MS);
    T_TRUE(strstr(wants(&rig), "connect 0\n") != NULL);
    link_of(&rig, 0, true);
    T_TRUE(strstr(wants(&rig), "[INCR b]") != NULL);
    rig_free(&rig);
}

/* Unless the application allows it: then it is, after a pause. */
static void
test_lost_connection_repeats_where_it_may(void)
{
    OrrAddress seed;
    OrrRouterConfig config = config_of_rig(&seed);

    config.retry_unanswered = true;
    Rig rig = rig_connected(&config);
    submit(&rig, 1, "SET b 1");
    wants(&rig);
    link_of(&rig, 0, false);
    WANTS(&rig, "");
    pass(&rig, 200 * MS);
    T_TRUE(strstr(wants(&rig), "connect 0\n") != NULL);
    link_of(&rig, 0, true);
    T_TRUE(strstr(wants(&rig), "[SET b 1]") != NULL);
    hear(&rig, 0, "-WRONGTYPE x\r\n");
    WANTS(&rig, "1 answered maybe -WRONGTYPE x\n");
    rig_free(&rig);
}

/* A node that does not answer in time loses its connection, and the request ends. */
static void
test_silence_ends_in_time(void)
{
    Rig rig = rig_new();

    submit(&rig, 1, "GET b");
    wants(&rig);
    pass(&rig, ORR_NS_PER_S - 1);
    WANTS(&rig, "");
    pass(&rig, 1);
    T_TRUE(g_str_has_prefix(wants(&rig), "close 0\n1 timed out maybe\n"));
    T_EQ(counters_of(&rig).timed_out, 1);
    rig_free(&rig);
}

/* A request that timed out leaves a place in its connection: the answer that comes late is not
 * taken for that of the next one. */
static void
test_late_answer_is_nobody_elses(void)
{
    OrrAddress seed;
    OrrRouterConfig config = config_of_rig(&seed);

    config.request_ns = 100 * MS;
    Rig rig = rig_connected(&config);
    submit(&rig, 1, "GET b");
    pass(&rig, 100 * MS);
    WANTS(&rig, "send 0 [GET b]\n1 timed out maybe\n");
    submit(&rig, 2, "GET b");
    WANTS(&rig, "send 0 [GET b]\n");
    hear(&rig, 0, "+late\r\n");
    WANTS(&rig, "");
    hear(&rig, 0, "+mine\r\n");
    WANTS(&rig, "2 answered +mine\n");
    rig_free(&rig);
}

/* A slow node holds its share of the requests and no more; the callers of others go on. */
static void
test_slow_node_does_not_hold_everybody(void)
{
    OrrAddress seed;
    OrrRouterConfig config = config_of_rig(&seed);

    config.requests_max = 4;
    Rig rig = rig_connected(&config);
    submit(&rig, 1, "GET b");
    submit(&rig, 2, "GET b");
    WANTS(&rig, "send 0 [GET b]\nsend 0 [GET b]\n");
    submit(&rig, 3, "GET b");
    submit(&rig, 4, "GET a");
    WANTS(&rig, "send 1 [GET a]\n");
    T_EQ(submit(&rig, 5, "GET a"), ORR_FULL);
    T_EQ(orr_router_held_by(rig.router, 0), 2);
    pass_to_deadline(&rig, config.queue_ns);
    WANTS(&rig, "3 overload\n");

    submit(&rig, 6, "GET b");
    hear(&rig, 0, "+x\r\n");
    WANTS(&rig, "1 answered +x\nsend 0 [GET b]\n");
    rig_free(&rig);
}

/* Without the bulkhead a slow node takes every place. */
static void
test_without_bulkhead_a_slow_node_holds_everybody(void)
{
    OrrAddress seed;
    OrrRouterConfig config = config_of_rig(&seed);

    config.requests_max = 4;
    config.node_share_percent = 100;
    Rig rig = rig_connected(&config);
    submit(&rig, 1, "GET b|GET b|GET b|GET b");
    T_EQ(orr_router_held_by(rig.router, 0), 4);
    T_EQ(submit(&rig, 5, "GET a"), ORR_FULL);
    rig_free(&rig);
}

/* Nodes that send a client to and fro are followed three times, then it pauses. */
static void
test_redirections_in_circles_pause(void)
{
    OrrAddress seed;
    OrrRouterConfig config = config_of_rig(&seed);

    config.refresh_min_ns = 100 * ORR_NS_PER_S;
    Rig rig = rig_connected(&config);
    submit(&rig, 1, "GET b");
    WANTS(&rig, "send 0 [GET b]\n");
    hear(&rig, 0, "-MOVED 3300 10.0.0.2:7000\r\n");
    WANTS(&rig, "send 1 [GET b]\n");
    hear(&rig, 1, "-MOVED 3300 10.0.0.1:7000\r\n");
    WANTS(&rig, "send 0 [GET b]\n");
    hear(&rig, 0, "-MOVED 3300 10.0.0.2:7000\r\n");
    WANTS(&rig, "send 1 [GET b]\n");
    hear(&rig, 1, "-MOVED 3300 10.0.0.1:7000\r\n");
    WANTS(&rig, "");
    pass_to_deadline(&rig, 10 * MS);
    WANTS(&rig, "send 0 [GET b]\n");
    rig_free(&rig);
}

/* What waits for a connection goes elsewhere as soon as a new map says so. */
static void
test_new_map_moves_what_waits(void)
{
    OrrAddress seed;
    OrrRouterConfig config = config_of_rig(&seed);

    config.pipeline_max = 1;
    Rig rig = rig_connected(&config);
    rig.now_ns += ORR_NS_PER_S;
    submit(&rig, 1, "GET b");
    submit(&rig, 2, "GET b");
    submit(&rig, 3, "GET a");
    WANTS(&rig, "send 0 [GET b]\nsend 1 [GET a]\n");
    hear(&rig, 1, "-CLUSTERDOWN x\r\n");
    WANTS(&rig, "send 1 [CLUSTER SLOTS]\n");
    hear(&rig, 1, MAP_ALL_B);
    WANTS(&rig, "send 1 [GET b]\n");
    T_EQ(orr_router_held_by(rig.router, 0), 1);
    rig_free(&rig);
}

static const Test TESTS[] = {
    TEST(test_map_is_read_before_anything_is_asked),
    TEST(test_moved_is_followed_and_remembered),
    TEST(test_ask_goes_behind_asking_once),
    TEST(test_tryagain_asks_the_same_node_again),
    TEST(test_down_is_tried_a_bounded_number_of_times),
    TEST(test_group_is_tried_again_as_one_piece),
    TEST(test_first_refusal_decides_for_the_group),
    TEST(test_lost_connection_repeats_nothing_that_may_have_happened),
    TEST(test_lost_connection_repeats_where_it_may),
    TEST(test_silence_ends_in_time),
    TEST(test_late_answer_is_nobody_elses),
    TEST(test_slow_node_does_not_hold_everybody),
    TEST(test_without_bulkhead_a_slow_node_holds_everybody),
    TEST(test_redirections_in_circles_pause),
    TEST(test_new_map_moves_what_waits),
};

T_MAIN("router", TESTS)
