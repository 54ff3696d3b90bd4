#include "check.h"

#include <glib.h>
#include <orrery/resp.h>
#include <orrery/router.h>
#include <orrery/slots.h>

/* Stories: a router and the text of what it wants done. Slots 0-8191 belong to node A, which is
 * its number 0 and its seed, the others to B, number 1. Key "b" has slot 3300, "a" 15495. */

#define MS ORR_NS_PER_MS

typedef struct Rig {
    OrrRouter *router;
    OrrTime now_ns;
    GString *text;
} Rig;

static const char MAP[] =
    "*2\r\n*3\r\n:0\r\n:8191\r\n*3\r\n$8\r\n10.0.0.1\r\n:7000\r\n$1\r\nA\r\n"
    "*4\r\n:8192\r\n:16383\r\n*3\r\n$8\r\n10.0.0.2\r\n:7000\r\n$1\r\nB\r\n"
    "*3\r\n$8\r\n10.0.0.3\r\n:7000\r\n$1\r\nC\r\n";
static const char MAP_ALL_B[] = "*1\r\n*3\r\n:0\r\n:16383\r\n*4\r\n$8\r\n10.0.0.2\r\n:7000\r\n"
                                "$1\r\nB\r\n*2\r\n$8\r\nhostname\r\n$3\r\nb.c\r\n";

static OrrRouterConfig
config_of_rig(OrrAddress *seed)
{
    OrrRouterConfig config = orr_router_config_default();

    *seed = orr_address_v4(10, 0, 0, 1, 7000, 0);
    config.seeds = seed;
    config.seed_count = 1;
    config.seed = 1;
    config.refresh_ns = 0;
    return config;
}

static void
append_words(GString *text, OrrBytes bytes)
{
    OrrRequestParser *parser = orr_request_parser_new(NULL);
    OrrRequest request;

    while (bytes.size > 0 && orr_request_parse(parser, bytes, &request) == ORR_OK) {
        g_string_append(text, " [");
        for (size_t i = 0; i < request.arg_count; i++) {
            g_string_append_printf(text, "%s%.*s", i > 0 ? " " : "", (int)request.args[i].size,
                                   (const char *)request.args[i].data);
        }
        g_string_append_c(text, ']');
        bytes.data += request.used;
        bytes.size -= request.used;
    }
    T_EQ(bytes.size, 0);
    orr_request_parser_free(parser);
}

static void
append_done(GString *text, const OrrRouterEffect *effect)
{
    static const char *const OUTCOMES[] = {"answered", "refused", "timed out", "lost",
                                           "overload"};

    g_string_append_printf(text, "%" PRIu64 " %s%s", effect->id, OUTCOMES[effect->outcome],
                           effect->maybe_executed ? " maybe" : "");
    if (effect->bytes.size > 2) {
        g_string_append_printf(text, " %.*s", (int)effect->bytes.size - 2,
                               (const char *)effect->bytes.data);
    }
}

/* What the router wants done now, a line each. */
static const char *
wants(Rig *rig)
{
    OrrRouterEffect effect;

    g_string_truncate(rig->text, 0);
    while (orr_router_next(rig->router, &effect) == ORR_OK) {
        switch (effect.type) {
        case ORR_ROUTER_CONNECT:
            g_string_append_printf(rig->text, "connect %u", effect.node);
            break;
        case ORR_ROUTER_CLOSE:
            g_string_append_printf(rig->text, "close %u", effect.node);
            break;
        case ORR_ROUTER_SEND:
            g_string_append_printf(rig->text, "send %u", effect.node);
            append_words(rig->text, effect.bytes);
            break;
        case ORR_ROUTER_DONE:
            append_done(rig->text, &effect);
            break;
        }
        g_string_append_c(rig->text, '\n');
    }
    return rig->text->str;
}

#define WANTS(rig, expected) T_STR_EQ(wants(rig), expected)

/* "GET a|SET b 1" as one pipeline; its requests are numbered from `id`. */
static OrrStatus
submit(Rig *rig, uint64_t id, const char *pipeline)
{
    g_auto(GStrv) lines = g_strsplit(pipeline, "|", 0);
    OrrRouterCommand commands[64];
    OrrBytes words[64][4];
    char **split[64];
    size_t count = 0;

    for (; lines[count] != NULL; count++) {
        split[count] = g_strsplit(lines[count], " ", 0);
        commands[count] = (OrrRouterCommand){.id = id + count, .args = words[count]};
        for (size_t i = 0; split[count][i] != NULL && split[count][i][0] != '\0'; i++) {
            words[count][i] = orr_bytes_of_string(split[count][i]);
            commands[count].arg_count++;
        }
    }
    OrrStatus status = orr_router_submit(rig->router, rig->now_ns, commands, count);

    for (size_t i = 0; i < count; i++) {
        g_strfreev(split[i]);
    }
    return status;
}

static void
hear(Rig *rig, uint32_t node, const char *text)
{
    orr_router_received(rig->router, rig->now_ns, node, orr_bytes_of_string(text));
}

static void
link_of(Rig *rig, uint32_t node, bool up)
{
    orr_router_link(rig->router, rig->now_ns, node, up);
}

static void
pass(Rig *rig, OrrTime wait)
{
    rig->now_ns += wait;
    orr_router_time(rig->router, rig->now_ns);
}

/* Time passes up to the next deadline, which must come within `most`. */
static void
pass_to_deadline(Rig *rig, OrrTime most)
{
    OrrTime due = orr_router_deadline(rig->router);

    T_TRUE(due <= rig->now_ns + most);
    rig->now_ns = MAX(rig->now_ns, due);
    orr_router_time(rig->router, rig->now_ns);
}

static Rig
rig_with(const OrrRouterConfig *config)
{
    return (Rig){.router = orr_router_new(config), .now_ns = 1000, .text = g_string_new(NULL)};
}

/* A router that has read its map and has a connection to A and B each. */
static Rig
rig_connected(const OrrRouterConfig *config)
{
    Rig rig = rig_with(config);

    submit(&rig, 1000, "GET b|GET a");
    link_of(&rig, 0, true);
    hear(&rig, 0, MAP);
    link_of(&rig, 1, true);
    hear(&rig, 0, "+x\r\n");
    hear(&rig, 1, "+x\r\n");
    wants(&rig);
    T_EQ(orr_router_held(rig.router), 0);
    return rig;
}

static Rig
rig_new(void)
{
    OrrAddress seed;
    OrrRouterConfig config = config_of_rig(&seed);

    return rig_connected(&config);
}

static void
rig_free(Rig *rig)
{
    orr_router_free(rig->router);
    g_string_free(rig->text, TRUE);
}

static OrrRouterCounters
counters_of(const Rig *rig)
{
    OrrRouterCounters counters;

    orr_router_counters(rig->router, &counters);
    return counters;
}

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
    TEST(test_pauses_double_and_differ),
    TEST(test_addresses_of_redirections),
    TEST(test_keys_are_found_where_commands_have_them),
    TEST(test_commands_without_a_key_go_anywhere),
    TEST(test_new_map_moves_what_waits),
    TEST(test_nobody_there),
    TEST(test_old_nodes_make_place_for_new_ones),
    TEST(test_nonsense_settings_are_refused),
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
    TEST(test_nonsense_ends_the_connection),
};

T_MAIN("router", TESTS)
