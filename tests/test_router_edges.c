#include "router_rig.h"

/* Pauses, addresses, keys, and what no node should ever say. */

/* Bytes that are no RESP, or that nobody asked for, end the connection. */
static void
test_nonsense_ends_the_connection(void)
{
    Rig rig = rig_new();

    hear(&rig, 0, "what?\r\n");
    WANTS(&rig, "close 0\n");
    hear(&rig, 1, "+unasked\r\n");
    WANTS(&rig, "close 1\n");
    hear(&rig, 1, "+late\r\n");
    hear(&rig, 77, "+unknown\r\n");
    link_of(&rig, 77, true);
    WANTS(&rig, "");
    rig_free(&rig);
}

/* Pauses double up to their most; each is drawn between half and all of it, and two clients do
 * not draw the same. */
static void
test_pauses_double_and_differ(void)
{
    OrrTime drawn[2][9];

    for (uint64_t client = 0; client < 2; client++) {
        OrrAddress seed;
        OrrRouterConfig config = config_of_rig(&seed);

        config.seed = client;
        config.refresh_min_ns = 1000 * ORR_NS_PER_S;
        config.request_ns = 1000 * ORR_NS_PER_S;
        Rig rig = rig_connected(&config);
        submit(&rig, 1, "GET b");
        for (int i = 0; i < 9; i++) {
            OrrTime most = MIN(config.backoff_first_ns << i, config.backoff_max_ns);

            WANTS(&rig, "send 0 [GET b]\n");
            hear(&rig, 0, "-LOADING x\r\n");
            WANTS(&rig, "");
            drawn[client][i] = orr_router_deadline(rig.router) - rig.now_ns;
            T_TRUE(drawn[client][i] >= most / 2 && drawn[client][i] <= most);
            pass_to_deadline(&rig, most);
        }
        rig_free(&rig);
    }
    T_TRUE(memcmp(drawn[0], drawn[1], sizeof drawn[0]) != 0);
}

/* Nodes write addresses in several ways; a host's name is none that can be connected to. */
static void
test_addresses_of_redirections(void)
{
    static const struct {
        const char *text;
        const char *ip; /* NULL: not understood */
    } SAMPLES[] = {
        {"10.1.2.3:7000", "10.1.2.3"},
        {":7001", "10.0.0.1"}, /* the node that said so, at another port */
        {"2001:db8::1:7000", "2001:db8:0:0:0:0:0:1"},
        {"[2001:db8::1]:7000", "2001:db8:0:0:0:0:0:1"},
        {"::1:7000", "0:0:0:0:0:0:0:1"},
        {"1:2:3:4:5:6:7:8:7000", "1:2:3:4:5:6:7:8"},
        {"fe80::7000", NULL}, /* "fe80:" is no address */
        {"1::2::3:7000", NULL},
        {"1:2:3:4:5:6:7:7000", NULL},
        {"10.0.0.256:7000", NULL},
        {"10.0.0:7000", NULL},
        {"10.0.0.1.2:7000", NULL},
        {"cache-7.example.org:7000", NULL},
        {"?:7000", NULL},
        {"10.1.2.3:0", NULL},
        {"10.1.2.3:65536", NULL},
        {"10.1.2.3", NULL},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(SAMPLES); i++) {
        Rig rig = rig_new();
        char reply[128];
        char ip[ORR_ADDRESS_TEXT_SIZE] = "";
        OrrAddress address;

        g_snprintf(reply, sizeof reply, "-MOVED 3300 %s\r\n", SAMPLES[i].text);
        submit(&rig, 1, "GET b");
        hear(&rig, 0, reply);
        wants(&rig);
        T_EQ(orr_router_owner(rig.router, 3300, &address), ORR_OK);
        orr_address_format_ip(&address, ip);
        T_STR_EQ(ip, SAMPLES[i].ip != NULL ? SAMPLES[i].ip : "10.0.0.1");
        T_EQ(orr_router_held(rig.router), 1);
        rig_free(&rig);
    }
}

/* A redirection that makes no sense is a refusal like others: the request waits and is tried
 * again where it was. */
static void
test_redirections_without_sense(void)
{
    static const char *const REPLIES[] = {
        "-MOVED 16384 10.0.0.2:7000\r\n",
        "-MOVED 65535 10.0.0.2:7000\r\n",
        "-MOVED x 10.0.0.2:7000\r\n",
        "-ASK -1 10.0.0.2:7000\r\n",
        "-MOVED 3300\r\n",
        "-MOVED  \r\n",
        "-ASK 3300 \r\n",
        "-ASK 3300 :\r\n",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(REPLIES); i++) {
        Rig rig = rig_new();

        submit(&rig, 1, "GET b");
        wants(&rig);
        hear(&rig, 0, REPLIES[i]);
        WANTS(&rig, "");
        pass_to_deadline(&rig, 10 * MS);
        WANTS(&rig, "send 0 [GET b]\n");
        rig_free(&rig);
    }
}

/* A map that makes no sense is not taken: the old one stays, and somebody is asked again. */
static void
test_maps_without_sense(void)
{
    static const char *const MAPS[] = {
        "*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n$8\r\n10.0.0.2\r\n:7000\r\n",
        "*1\r\n*3\r\n:9\r\n:8\r\n*2\r\n$8\r\n10.0.0.2\r\n:7000\r\n",
        "*1\r\n*3\r\n:-1\r\n:8\r\n*2\r\n$8\r\n10.0.0.2\r\n:7000\r\n",
        "*1\r\n*3\r\n:0\r\n:8\r\n*1\r\n$8\r\n10.0.0.2\r\n",
        "*1\r\n*3\r\n:0\r\n:8\r\n$8\r\n10.0.0.2\r\n",
        "*1\r\n*3\r\n:0\r\n:8\r\n*2\r\n$8\r\n10.0.0.2\r\n$4\r\n7000\r\n",
        "*1\r\n*3\r\n:0\r\n:8\r\n*2\r\n$4\r\nname\r\n:7000\r\n", /* nobody known */
        "*1\r\n*2\r\n:0\r\n:8\r\n",
        "*0\r\n",
        "*-1\r\n",
        "%1\r\n:0\r\n:1\r\n",
        "-LOADING x\r\n",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(MAPS); i++) {
        Rig rig = rig_new();
        OrrAddress owner;

        rig.now_ns += ORR_NS_PER_S;
        submit(&rig, 1, "GET b");
        wants(&rig);
        hear(&rig, 0, "-MOVED 3300 10.0.0.2:7000\r\n");
        wants(&rig);
        hear(&rig, 1, MAPS[i]);
        hear(&rig, 1, "+x\r\n");
        T_EQ(orr_router_owner(rig.router, 0, &owner), ORR_OK);
        T_EQ(owner.ip[15], 1);
        T_EQ(counters_of(&rig).topology_reads, 1);
        wants(&rig);
        pass_to_deadline(&rig, 150 * MS);
        T_TRUE(strstr(wants(&rig), "[CLUSTER SLOTS]") != NULL);
        rig_free(&rig);
    }
}

/* Which word of a command is its key; an unknown command is taken to have it first. */
static void
test_keys_are_found_where_commands_have_them(void)
{
    static const struct {
        const char *command;
        bool by_field;
        bool at_b; /* the owner of "a" is node 1, that of "b" node 0 */
    } SAMPLES[] = {
        {"GET a", false, true},         {"get b", false, false},
        {"HGET b a", false, false},     {"HGET b a", true, true},
        {"hset a b 1", true, false},    {"HGETALL a", true, true},
        {"BITOP and a b", false, true}, {"OBJECT encoding a", false, true},
        {"EVAL x 1 a", false, true},    {"XREAD STREAMS a 0", false, true},
        {"FUTURE.CMD a", false, true},  {"BLMPOP 0 1 a", false, true},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(SAMPLES); i++) {
        OrrAddress seed;
        OrrRouterConfig config = config_of_rig(&seed);

        config.hash_slot_by =
            SAMPLES[i].by_field ? ORR_HASH_SLOT_BY_FIELD : ORR_HASH_SLOT_BY_KEY;
        Rig rig = rig_connected(&config);
        submit(&rig, 1, SAMPLES[i].command);
        T_TRUE(g_str_has_prefix(wants(&rig), SAMPLES[i].at_b ? "send 1" : "send 0"));
        rig_free(&rig);
    }
}

/* Commands without a key go to primaries by lot: all of them get some. */
static void
test_commands_without_a_key_go_anywhere(void)
{
    Rig rig = rig_new();
    int sent[2] = {0};

    for (uint64_t id = 0; id < 40; id++) {
        submit(&rig, id, id % 2 == 0 ? "PING" : "EVAL x 0");
        sent[strstr(wants(&rig), "send 1") != NULL ? 1 : 0]++;
    }
    T_TRUE(sent[0] > 5 && sent[1] > 5);
    rig_free(&rig);
}

/* While nobody can be reached the seeds are tried again and again, not more often than the
 * settings allow, and the request ends in its time. */
static void
test_nobody_there(void)
{
    OrrAddress seed;
    OrrRouterConfig config = config_of_rig(&seed);
    Rig rig = rig_with(&config);
    OrrTime begin = rig.now_ns;
    uint32_t connects = 0;

    submit(&rig, 1, "GET b");
    while (orr_router_held(rig.router) > 0) {
        if (strstr(wants(&rig), "connect 0") != NULL) {
            connects++;
            link_of(&rig, 0, false);
        } else {
            pass_to_deadline(&rig, ORR_NS_PER_S);
        }
    }
    WANTS(&rig, "1 timed out\n");
    T_EQ(rig.now_ns - begin, config.request_ns);
    T_TRUE(connects >= 30 && connects <= 50); /* 5 s, every 100 to 150 ms */
    rig_free(&rig);
}

/* A and B are there and know the map; nobody else is. GET is first answered by `moved`. */
static void
serve_until_done(Rig *rig, const char *moved)
{
    GString *heard[2] = {g_string_new(NULL), g_string_new(NULL)};
    bool told = false;

    while (orr_router_held(rig->router) > 0) {
        OrrRouterEffect effect;
        int64_t dialled = -1;
        bool there = false;

        while (orr_router_next(rig->router, &effect) == ORR_OK) {
            if (effect.type == ORR_ROUTER_CONNECT) {
                T_REQUIRE(effect.node < ORR_ROUTER_NODES_MAX);
                dialled = effect.node;
                there = effect.address.ip[13] == 0;
            } else if (effect.type == ORR_ROUTER_SEND) {
                bool slots = memmem(effect.bytes.data, effect.bytes.size, "SLOTS", 5) != NULL;
                bool get = memmem(effect.bytes.data, effect.bytes.size, "GET", 3) != NULL;

                T_REQUIRE(effect.node < 2);
                g_string_append(heard[effect.node], slots ? MAP : "");
                g_string_append(heard[effect.node], !get ? "" : told ? "+x\r\n" : moved);
                told |= get;
            }
        }
        if (dialled >= 0) {
            link_of(rig, (uint32_t)dialled, there);
        } else if (heard[0]->len + heard[1]->len > 0) {
            uint32_t node = heard[0]->len > 0 ? 0 : 1;

            hear(rig, node, heard[node]->str);
            g_string_truncate(heard[node], 0);
        } else {
            pass_to_deadline(rig, ORR_NS_PER_S);
        }
    }
    g_string_free(heard[0], TRUE);
    g_string_free(heard[1], TRUE);
}

/* A router that lives long meets more nodes than it has room for: those that are gone make
 * place for new ones. */
static void
test_old_nodes_make_place_for_new_ones(void)
{
    OrrAddress seed;
    OrrRouterConfig config = config_of_rig(&seed);

    config.refresh_min_ns = 0;
    config.reconnect_ns = 0;
    Rig rig = rig_connected(&config);
    for (unsigned i = 0; i < 2 * ORR_ROUTER_NODES_MAX; i++) {
        uint64_t connects = counters_of(&rig).connects;
        char moved[64];

        g_snprintf(moved, sizeof moved, "-MOVED 3300 10.9.%u.%u:7000\r\n", i / 256, i % 256);
        submit(&rig, i, "GET b");
        serve_until_done(&rig, moved);
        T_TRUE(counters_of(&rig).connects > connects); /* it has tried the new one */
    }
    T_EQ(counters_of(&rig).answered, 2 * ORR_ROUTER_NODES_MAX + 2);
    rig_free(&rig);
}

/* Settings out of their range, and commands without words, are refused. */
static void
test_nonsense_settings_are_refused(void)
{
    OrrAddress seed;
    OrrRouterConfig good = config_of_rig(&seed);
    OrrRouterConfig bad[8] = {good, good, good, good, good, good, good, good};
    OrrRouterCommand empty = {.id = 1};

    bad[0].seed_count = 0;
    bad[1].seed_count = ORR_ROUTER_SEEDS_MAX + 1;
    bad[2].attempts_max = 0;
    bad[3].node_share_percent = 101;
    bad[4].backoff_max_ns = good.backoff_first_ns - 1;
    bad[5].request_ns = 0;
    bad[6].pipeline_max = 0;
    bad[7].requests_max = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        T_TRUE(orr_router_new(&bad[i]) == NULL);
    }
    Rig rig = rig_new();
    T_EQ(orr_router_submit(rig.router, rig.now_ns, &empty, 1), ORR_INVALID);
    T_EQ(orr_router_held(rig.router), 0);
    rig_free(&rig);
}

static const Test TESTS[] = {
    TEST(test_nonsense_ends_the_connection),
    TEST(test_pauses_double_and_differ),
    TEST(test_addresses_of_redirections),
    TEST(test_redirections_without_sense),
    TEST(test_maps_without_sense),
    TEST(test_keys_are_found_where_commands_have_them),
    TEST(test_commands_without_a_key_go_anywhere),
    TEST(test_nobody_there),
    TEST(test_old_nodes_make_place_for_new_ones),
    TEST(test_nonsense_settings_are_refused),
};

T_MAIN("router_edges", TESTS)
