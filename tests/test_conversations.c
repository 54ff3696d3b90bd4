/* What several connections say to a node in turn, and all that it says to them: transactions,
 * publish/subscribe, connections, the server and the cluster. */
#include "check.h"

#include <orrery/orrery.h>

#include <glib.h>

#define WALL_MS INT64_C(1800000000000)
#define SETTLE_NS (12 * ORR_NS_PER_MS) /* what a person would wait for an answer */

/* One node that has all slots, in a world without surprises: every write is stored at once. */
typedef struct Rig {
    OrrNode *node;
    OrrEffects *effects;
    OrrTime now_ns;
    uint64_t last_id;
    uint64_t ids[26]; /* of connections A to Z; 0: not connected */
    GString *heard[26];
    OrrHostWish wish; /* the last, and how many */
    unsigned wishes;
} Rig;

static void step(Rig *rig, const OrrEvent *event);

static int
name_of(const Rig *rig, uint64_t id)
{
    for (int i = 0; i < 26; i++) {
        if (rig->ids[i] == id) {
            return i;
        }
    }
    return -1;
}

static void
perform_reply(Rig *rig, const OrrEffect *effect)
{
    int name = name_of(rig, effect->reply.client);

    if (name < 0) {
        return;
    }
    g_string_append_len(rig->heard[name], (const char *)effect->reply.bytes.data,
                        (gssize)effect->reply.bytes.size);
    if (effect->reply.close) {
        g_string_append(rig->heard[name], "(closed)");
    }
}

static void
hang_up(Rig *rig, int name)
{
    OrrEvent down = {.type = ORR_EVENT_LINK};

    down.link.state = ORR_LINK_CLIENT_DOWN;
    down.link.client = rig->ids[name];
    step(rig, &down);
    rig->ids[name] = 0;
}

/* Effects are performed, then what follows from them is told: writes are stored, and closed
 * connections are gone. */
static void
step(Rig *rig, const OrrEvent *event)
{
    OrrNow now = {rig->now_ns, WALL_MS + rig->now_ns / ORR_NS_PER_MS};
    g_autoptr(GArray) stored = g_array_new(false, false, sizeof(uint64_t));
    bool closed[26] = {false};

    orr_effects_clear(rig->effects);
    (void)orr_node_step(rig->node, now, event, rig->effects);
    for (size_t i = 0; i < orr_effects_count(rig->effects); i++) {
        OrrEffect effect = orr_effects_get(rig->effects, i);

        if (effect.type == ORR_EFFECT_STORE && effect.store.op != 0) {
            g_array_append_val(stored, effect.store.op);
        } else if (effect.type == ORR_EFFECT_REPLY) {
            perform_reply(rig, &effect);
            if (effect.reply.close && name_of(rig, effect.reply.client) >= 0) {
                closed[name_of(rig, effect.reply.client)] = true;
            }
        } else if (effect.type == ORR_EFFECT_HOST) {
            rig->wish = effect.host.wish;
            rig->wishes++;
        }
    }
    for (guint i = 0; i < stored->len; i++) {
        OrrEvent done = {.type = ORR_EVENT_STORED};

        done.stored.op = g_array_index(stored, uint64_t, i);
        step(rig, &done);
    }
    for (int i = 0; i < 26; i++) {
        if (closed[i]) {
            hang_up(rig, i);
        }
    }
}

static void
wait_ns(Rig *rig, OrrTime duration_ns)
{
    OrrTime end_ns = rig->now_ns + duration_ns;

    while (orr_node_deadline(rig->node) <= end_ns) {
        rig->now_ns = MAX(rig->now_ns + 1000, orr_node_deadline(rig->node));
        step(rig, &(OrrEvent){.type = ORR_EVENT_TIME});
    }
    rig->now_ns = MAX(rig->now_ns, end_ns);
}

static Rig *
rig_new(const OrrSettings *settings)
{
    static const OrrSlotRange ALL = {0, 16383};
    Rig *rig = g_new0(Rig, 1);
    OrrNodeConfig config = {.settings = *settings,
                            .address = orr_address_v4(127, 0, 0, 1, 7000, 17000),
                            .slots = &ALL,
                            .slot_range_count = 1,
                            .seed = 1};

    rig->node = orr_node_new(&config);
    rig->effects = orr_effects_new();
    rig->now_ns = ORR_NS_PER_S;
    for (int i = 0; i < 26; i++) {
        rig->heard[i] = g_string_new(NULL);
    }
    step(rig, &(OrrEvent){.type = ORR_EVENT_BOOT});
    wait_ns(rig, 5 * ORR_NS_PER_S);
    return rig;
}

static void
rig_free(Rig *rig)
{
    for (int i = 0; i < 26; i++) {
        g_string_free(rig->heard[i], TRUE);
    }
    orr_node_free(rig->node);
    orr_effects_free(rig->effects);
    g_free(rig);
}

static void
connect(Rig *rig, int name)
{
    OrrEvent up = {.type = ORR_EVENT_LINK};

    rig->ids[name] = ++rig->last_id;
    up.link.state = ORR_LINK_CLIENT_UP;
    up.link.client = rig->last_id;
    up.link.peer = orr_address_v4(127, 0, 0, 1, (uint16_t)(40000 + rig->last_id), 0);
    up.link.local = orr_address_v4(127, 0, 0, 1, 7000, 0);
    step(rig, &up);
}

/* One connection says `text`; rig->heard has what all of them hear. */
static void
say(Rig *rig, char name, const char *text)
{
    g_autofree char *line = g_strconcat(text, "\r\n", NULL);
    OrrEvent request = {.type = ORR_EVENT_REQUEST};
    int index = name - 'A';

    for (int i = 0; i < 26; i++) {
        g_string_truncate(rig->heard[i], 0);
    }
    if (rig->ids[index] == 0) {
        connect(rig, index);
    }
    request.request.client = rig->ids[index];
    request.request.bytes = orr_bytes_of_string(line);
    step(rig, &request);
    wait_ns(rig, SETTLE_NS);
}

static const char *
ask(Rig *rig, char name, const char *text)
{
    say(rig, name, text);
    return rig->heard[name - 'A']->str;
}

static void
add_escaped(GString *text, const GString *bytes)
{
    for (size_t i = 0; i < bytes->len; i++) {
        uint8_t c = (uint8_t)bytes->str[i];

        if (c == '\n' || c == '\r' || c == '\\') {
            g_string_append_printf(text, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : '\\');
        } else if (c < 32 || c >= 127) {
            g_string_append_printf(text, "\\x%02x", c);
        } else {
            g_string_append_c(text, (char)c);
        }
    }
}

/* Plays one line of a transcript; returns what was heard, as the recorder writes it. */
static char *
play(Rig *rig, const char *line)
{
    GString *text = g_string_new(NULL);
    bool silent = line[0] != '@' && line[1] == '!';

    for (int i = 0; i < 26; i++) {
        g_string_truncate(rig->heard[i], 0);
    }
    if (g_str_has_prefix(line, "@close ")) {
        hang_up(rig, line[7] - 'A');
    } else if (g_str_has_prefix(line, "@wait ")) {
        wait_ns(rig, g_ascii_strtoll(line + 6, NULL, 10) * ORR_NS_PER_MS);
    } else {
        say(rig, line[0], strchr(line, ' ') + 1);
    }
    for (int i = 0; i < 26; i++) {
        if (rig->heard[i]->len > 0 && !(silent && i == line[0] - 'A')) {
            g_string_append_printf(text, "%c< ", 'A' + i);
            add_escaped(text, rig->heard[i]);
            g_string_append_c(text, '\n');
        }
    }
    return g_string_free(text, FALSE);
}

/* Nine hundred lines, right and wrong ones, of several connections are answered byte by byte as
 * redis-server 7.0.15 answered them when tests/record_sessions.py asked it. */
static void
test_sessions_are_those_of_redis(void)
{
    OrrSettings settings = orr_settings_default();
    Rig *rig = rig_new(&settings);
    g_autofree char *text = NULL;
    size_t compared = 0;

    T_REQUIRE(
        g_file_get_contents(ORR_TESTS_DIR "/transcripts/sessions.golden", &text, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (size_t i = 0; lines[i] != NULL && lines[i][0] != '\0';) {
        const char *line = lines[i] + 2;
        g_autoptr(GString) expected = g_string_new(NULL);
        g_autofree char *heard = NULL;

        T_REQUIRE(g_str_has_prefix(lines[i], "> "));
        for (i++; lines[i] != NULL && lines[i][0] != '>' && lines[i][0] != '\0'; i++) {
            g_string_append_printf(expected, "%s\n", lines[i]);
        }
        heard = play(rig, line);
        if (strcmp(heard, expected->str) != 0) {
            fprintf(stderr, "> %s\n", line);
            T_STR_EQ(heard, expected->str);
        }
        compared++;
    }
    printf("%zu lines compared\n", compared);
    T_TRUE(compared > 850);
    rig_free(rig);
}

/* Nothing but the password opens a node that has one, and what is said wrongly is counted. */
static void
test_a_password_is_asked_for(void)
{
    OrrSettings settings = orr_settings_default();
    Rig *rig;

    g_strlcpy(settings.requirepass, "secret", sizeof settings.requirepass);
    rig = rig_new(&settings);
    T_STR_EQ(ask(rig, 'A', "get a"), "-NOAUTH Authentication required.\r\n");
    T_STR_EQ(ask(rig, 'A', "nosuch"),
             "-ERR unknown command 'nosuch', with args beginning with: \r\n");
    T_STR_EQ(ask(rig, 'A', "auth wrong"),
             "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    T_STR_EQ(ask(rig, 'A', "auth secre"),
             "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    T_STR_EQ(ask(rig, 'A', "auth secretsecret"),
             "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    T_STR_EQ(ask(rig, 'A', "auth \"\""),
             "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    T_TRUE(g_str_has_prefix(ask(rig, 'A', "hello 3"), "-NOAUTH HELLO must be called"));
    T_TRUE(g_str_has_prefix(ask(rig, 'A', "hello 3 auth default wrong"), "-WRONGPASS"));
    T_STR_EQ(ask(rig, 'A', "multi"), "-NOAUTH Authentication required.\r\n");
    T_STR_EQ(ask(rig, 'A', "auth secret"), "+OK\r\n");
    T_STR_EQ(ask(rig, 'A', "get a"), "$-1\r\n");
    T_STR_EQ(ask(rig, 'A', "reset"), "+RESET\r\n");
    T_STR_EQ(ask(rig, 'A', "get a"), "-NOAUTH Authentication required.\r\n");
    T_TRUE(g_str_has_prefix(ask(rig, 'B', "hello 3 auth default secret setname b"), "%7\r\n"));
    T_STR_EQ(ask(rig, 'B', "client getname"), "$1\r\nb\r\n");
    T_TRUE(strstr(ask(rig, 'B', "info stats"), "acl_access_denied_auth:5\r\n") != NULL);
    rig_free(rig);
}

/* Whoever says MONITOR sees the commands of others, without secrets and without those of
 * operators. */
static void
test_monitors_see_commands(void)
{
    OrrSettings settings = orr_settings_default();
    Rig *rig = rig_new(&settings);

    T_STR_EQ(ask(rig, 'M', "monitor"), "+OK\r\n");
    say(rig, 'A', "set k \"a\\nb\\x01\\\"\"");
    T_TRUE(g_str_has_suffix(rig->heard['M' - 'A']->str,
                            " [0 127.0.0.1:40002] \"set\" \"k\" \"a\\nb\\x01\\\"\"\r\n"));
    say(rig, 'A', "auth default secret");
    T_TRUE(g_str_has_suffix(rig->heard['M' - 'A']->str,
                            "\"auth\" \"(redacted)\" \"(redacted)\"\r\n"));
    say(rig, 'A', "client list");
    T_STR_EQ(rig->heard['M' - 'A']->str, "");
    say(rig, 'A', "multi");
    say(rig, 'A', "get k");
    T_STR_EQ(rig->heard['M' - 'A']->str, "");
    say(rig, 'A', "exec");
    T_TRUE(strstr(rig->heard['M' - 'A']->str, "\"get\" \"k\"\r\n") != NULL);
    T_TRUE(g_str_has_suffix(rig->heard['M' - 'A']->str, "\"exec\"\r\n"));
    T_TRUE(strstr(ask(rig, 'A', "client list"), "flags=O ") != NULL);
    T_STR_EQ(ask(rig, 'M', "reset"), "+RESET\r\n");
    say(rig, 'A', "get k");
    T_STR_EQ(rig->heard['M' - 'A']->str, "");
    rig_free(rig);
}

/* A client can be closed by another, and by its own hand; nobody else is. */
static void
test_clients_are_killed(void)
{
    OrrSettings settings = orr_settings_default();
    Rig *rig = rig_new(&settings);

    T_STR_EQ(ask(rig, 'A', "client setname one"), "+OK\r\n");
    T_STR_EQ(ask(rig, 'B', "client id"), ":2\r\n");
    T_STR_EQ(ask(rig, 'C', "subscribe x"), "*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n");
    T_STR_EQ(ask(rig, 'A', "client kill type pubsub"), ":1\r\n");
    T_STR_EQ(rig->heard['C' - 'A']->str, "(closed)");
    T_STR_EQ(ask(rig, 'A', "client kill addr 127.0.0.1:40002"), ":1\r\n");
    T_STR_EQ(rig->heard['B' - 'A']->str, "(closed)");
    T_STR_EQ(ask(rig, 'A', "client kill id 1"), ":0\r\n"); /* SKIPME yes */
    T_STR_EQ(ask(rig, 'A', "client kill id 1 skipme no"), ":1\r\n(closed)");
    T_STR_EQ(ask(rig, 'D', "pubsub channels"), "*0\r\n");
    T_STR_EQ(ask(rig, 'D', "client kill 127.0.0.1:40004"), "+OK\r\n(closed)");
    rig_free(rig);
}

/* WAIT can be ended by another client, as a timeout or as an error. */
static void
test_a_waiting_client_is_unblocked(void)
{
    OrrSettings settings = orr_settings_default();
    Rig *rig = rig_new(&settings);

    T_STR_EQ(ask(rig, 'A', "wait 1 0"), "");
    T_TRUE(strstr(ask(rig, 'B', "client list"), "flags=b ") != NULL);
    T_TRUE(strstr(ask(rig, 'B', "info clients"), "blocked_clients:1\r\n") != NULL);
    T_STR_EQ(ask(rig, 'B', "client unblock 1"), ":1\r\n");
    T_STR_EQ(rig->heard[0]->str, ":0\r\n");
    T_STR_EQ(ask(rig, 'A', "wait 1 0"), "");
    T_STR_EQ(ask(rig, 'B', "client unblock 1 error"), ":1\r\n");
    T_STR_EQ(rig->heard[0]->str, "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
    T_STR_EQ(ask(rig, 'B', "client unblock 1"), ":0\r\n");
    rig_free(rig);
}

/* What only a host can do is a wish to it; DEBUG is refused unless it is allowed. */
static void
test_wishes_go_to_the_host(void)
{
    OrrSettings settings = orr_settings_default();
    Rig *rig = rig_new(&settings);

    T_TRUE(g_str_has_prefix(ask(rig, 'A', "debug sleep 1"), "-ERR DEBUG command not allowed"));
    T_EQ(rig->wishes, 0);
    T_STR_EQ(ask(rig, 'A', "shutdown nosave"), "(closed)");
    T_EQ(rig->wishes, 1);
    T_EQ(rig->wish, ORR_HOST_SHUTDOWN);
    rig_free(rig);
    settings.debug_command = ORR_DEBUG_LOCAL;
    rig = rig_new(&settings);
    T_STR_EQ(ask(rig, 'A', "debug sleep 0.5"), "+OK\r\n");
    T_EQ(rig->wish, ORR_HOST_SLEEP);
    T_TRUE(g_str_has_prefix(ask(rig, 'A', "debug segfault"), "-ERR DEBUG 'segfault'"));
    rig_free(rig);
}

/* SAVE answers when the snapshot is whole, and LASTSAVE knows it. */
static void
test_save_waits_for_the_snapshot(void)
{
    OrrSettings settings = orr_settings_default();
    Rig *rig = rig_new(&settings);
    g_autofree char *before = NULL;

    T_STR_EQ(ask(rig, 'A', "set a 1"), "+OK\r\n");
    before = g_strdup(ask(rig, 'A', "lastsave"));
    T_TRUE(strstr(ask(rig, 'A', "info persistence"), "rdb_changes_since_last_save:1\r\n") !=
           NULL);
    T_STR_EQ(ask(rig, 'A', "save"), "+OK\r\n");
    T_TRUE(strcmp(ask(rig, 'A', "lastsave"), before) != 0);
    T_TRUE(strstr(ask(rig, 'A', "info persistence"), "rdb_changes_since_last_save:0\r\n") !=
           NULL);
    T_STR_EQ(ask(rig, 'A', "bgsave"), "+Background saving started\r\n");
    rig_free(rig);
}

/* The stopwatch of a test: each reading is so much later. */
static uint64_t watch_ns;
static uint64_t watch_step_ns;

static uint64_t
read_watch(void *user)
{
    (void)user;
    return watch_ns += watch_step_ns;
}

/* Commands that take long are kept with their words, cut short; quick ones are not. */
static void
test_slow_commands_are_kept(void)
{
    OrrSettings settings = orr_settings_default();
    OrrHostProbe probe = {.stopwatch_ns = read_watch};
    g_autofree char *big = g_strnfill(300, 'x');
    g_autofree char *line = g_strconcat("hset h f ", big, NULL);
    Rig *rig;

    settings.slowlog_slower_ns = 20 * ORR_NS_PER_US;
    settings.latency_threshold_ns = ORR_NS_PER_MS;
    rig = rig_new(&settings);
    orr_node_set_probe(rig->node, &probe);
    watch_step_ns = 10000;
    T_STR_EQ(ask(rig, 'A', "get a"), "$-1\r\n");
    T_STR_EQ(ask(rig, 'A', "slowlog len"), ":0\r\n");
    watch_step_ns = 5000000;
    say(rig, 'A', line);
    watch_step_ns = 0;
    T_STR_EQ(ask(rig, 'A', "slowlog len"), ":1\r\n");
    T_TRUE(strstr(ask(rig, 'A', "slowlog get"), "... (172 more bytes)") != NULL);
    T_TRUE(strstr(ask(rig, 'A', "slowlog get 1"), ":5000\r\n*4\r\n$4\r\nhset\r\n") != NULL);
    T_TRUE(strstr(ask(rig, 'A', "latency latest"), "$12\r\nfast-command\r\n") != NULL);
    T_TRUE(strstr(ask(rig, 'A', "latency history fast-command"), ":5\r\n") != NULL);
    T_TRUE(strstr(ask(rig, 'A', "latency histogram hset"),
                  "$5\r\ncalls\r\n:1\r\n$14\r\nhistogram_usec\r\n*2\r\n:8454\r\n:1\r\n") !=
           NULL);
    T_TRUE(strstr(ask(rig, 'A', "info commandstats"), "cmdstat_hset:calls=1,usec=5000,") !=
           NULL);
    T_STR_EQ(ask(rig, 'A', "latency reset"), ":1\r\n");
    T_STR_EQ(ask(rig, 'A', "slowlog reset"), "+OK\r\n");
    T_STR_EQ(ask(rig, 'A', "slowlog len"), ":0\r\n");
    rig_free(rig);
}

/* What is counted: calls, errors by code, hits and misses. */
static void
test_what_happens_is_counted(void)
{
    OrrSettings settings = orr_settings_default();
    Rig *rig = rig_new(&settings);
    OrrStatistics counts;
    const char *code;
    uint64_t errors;

    say(rig, 'A', "set a 1");
    say(rig, 'A', "get a");
    say(rig, 'A', "get b");
    say(rig, 'A', "get");
    say(rig, 'A', "hget a f");
    say(rig, 'A', "mset a 1 b 2");
    orr_node_statistics(rig->node, &counts);
    T_EQ(counts.keyspace_hits, 1);
    T_EQ(counts.keyspace_misses, 1);
    T_EQ(counts.error_replies, 3);
    T_EQ(counts.clients, 1);
    T_EQ(orr_node_error_statistics(rig->node, 0, &code, &errors), ORR_OK);
    T_STR_EQ(code, "CROSSSLOT");
    T_EQ(errors, 1);
    T_TRUE(strstr(ask(rig, 'A', "info everything"),
                  "cmdstat_get:calls=2,usec=0,usec_per_call=0.00,rejected_calls=1,"
                  "failed_calls=0\r\n") != NULL);
    T_TRUE(strstr(rig->heard[0]->str, "cmdstat_hget:calls=1,usec=0,usec_per_call=0.00,"
                                      "rejected_calls=0,failed_calls=1\r\n") != NULL);
    T_TRUE(strstr(rig->heard[0]->str, "errorstat_WRONGTYPE:count=1\r\n") != NULL);
    T_TRUE(strstr(rig->heard[0]->str, "# Modules\r\n") != NULL);
    T_STR_EQ(ask(rig, 'A', "config resetstat"), "+OK\r\n");
    T_TRUE(strstr(ask(rig, 'A', "info all"), "cmdstat_get") == NULL);
    rig_free(rig);
}

static const Test TESTS[] = {
    TEST(test_sessions_are_those_of_redis),   TEST(test_a_password_is_asked_for),
    TEST(test_monitors_see_commands),         TEST(test_clients_are_killed),
    TEST(test_a_waiting_client_is_unblocked), TEST(test_wishes_go_to_the_host),
    TEST(test_save_waits_for_the_snapshot),   TEST(test_slow_commands_are_kept),
    TEST(test_what_happens_is_counted),
};

T_MAIN("conversations", TESTS)
