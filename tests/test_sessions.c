/* Who a client is, how long it may be silent, and what its node's host is asked. */
#include "check.h"

#include "box.h"

#define CLIENT UINT64_C(700)

static Box *
box_with(const char *password, OrrTime timeout_ns)
{
    OrrSettings settings = orr_settings_default();
    Box *box;

    (void)g_strlcpy(settings.requirepass, password, sizeof settings.requirepass);
    settings.client_timeout_ns = timeout_ns;
    box = box_new(1, 0, &settings);
    box_boot_all(box);
    box_run(box, ORR_NS_PER_S);
    return box;
}

static OrrStatus
connect_client(Box *box, uint64_t client)
{
    OrrEvent event = {.type = ORR_EVENT_LINK};

    event.link.state = ORR_LINK_CLIENT_UP;
    event.link.client = client;
    return box_event(box, 0, &event);
}

static OrrStatus
send_bytes(Box *box, uint64_t client, OrrBytes bytes)
{
    OrrEvent event = {.type = ORR_EVENT_REQUEST};

    g_string_truncate(box->reply, 0);
    event.request.client = client;
    event.request.bytes = bytes;
    return box_event(box, 0, &event);
}

static const char *
say(Box *box, uint64_t client, const char *text)
{
    (void)send_bytes(box, client, orr_bytes_of_string(text));
    return box->reply->str;
}

/* A closed client is not heard any more. */
static bool
is_closed(Box *box, uint64_t client)
{
    return send_bytes(box, client, orr_bytes_of_string("PING\r\n")) == ORR_REFUSED;
}

/* Without the password nothing is answered but what says it; with it, everything. */
static void
test_a_password_opens_a_session(void)
{
    Box *box = box_with("secret", 0);

    T_EQ(connect_client(box, CLIENT), ORR_OK);
    T_STR_EQ(say(box, CLIENT, "PING\r\n"), "-NOAUTH Authentication required.\r\n");
    T_STR_EQ(say(box, CLIENT, "GET a\r\n"), "-NOAUTH Authentication required.\r\n");
    T_STR_EQ(say(box, CLIENT, "CONFIG GET requirepass\r\n"),
             "-NOAUTH Authentication required.\r\n");
    T_STR_EQ(box->asked->str, "");
    T_TRUE(g_str_has_prefix(say(box, CLIENT, "HELLO 3\r\n"), "-NOAUTH HELLO must be called"));
    T_STR_EQ(say(box, CLIENT, "AUTH wrong\r\n"),
             "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    T_STR_EQ(say(box, CLIENT, "AUTH secre\r\n"),
             "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    T_STR_EQ(say(box, CLIENT, "AUTH \"\"\r\n"),
             "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    T_STR_EQ(say(box, CLIENT, "AUTH admin secret\r\n"),
             "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
    T_STR_EQ(say(box, CLIENT, "AUTH a b c\r\n"), "-ERR syntax error\r\n");
    T_STR_EQ(say(box, CLIENT, "AUTH default secret\r\n"), "+OK\r\n");
    T_STR_EQ(say(box, CLIENT, "PING\r\n"), "+PONG\r\n");
    T_STR_EQ(say(box, CLIENT, "RESET\r\n"), "+RESET\r\n");
    T_STR_EQ(say(box, CLIENT, "PING\r\n"), "-NOAUTH Authentication required.\r\n");
    T_TRUE(
        g_str_has_prefix(say(box, CLIENT, "HELLO 3 AUTH default secret SETNAME me\r\n"), "%7"));
    T_STR_EQ(say(box, CLIENT, "PING\r\n"), "+PONG\r\n");
    box_free(box);
}

/* Where there is no password, saying one is a mistake that is told. */
static void
test_no_password_is_wanted(void)
{
    Box *box = box_with("", 0);

    T_EQ(connect_client(box, CLIENT), ORR_OK);
    T_TRUE(g_str_has_prefix(say(box, CLIENT, "AUTH any\r\n"),
                            "-ERR AUTH <password> called without any password configured"));
    T_STR_EQ(say(box, CLIENT, "AUTH default any\r\n"), "+OK\r\n");
    T_TRUE(g_str_has_prefix(say(box, CLIENT, "HELLO 2 AUTH default x\r\n"), "*14"));
    box_free(box);
}

/* A stranger may not make the node keep much: ten words, 16 KB each. Who says the password in
 * the same breath is no stranger for what follows. */
static void
test_strangers_are_kept_short(void)
{
    Box *box = box_with("secret", 0);
    g_autofree char *large = g_strnfill(20000, 'x');
    g_autofree char *late = g_strdup_printf("*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n"
                                            "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$20000\r\n%s\r\n",
                                            large);

    T_EQ(connect_client(box, CLIENT), ORR_OK);
    T_STR_EQ(say(box, CLIENT, "*11\r\n"),
             "-ERR Protocol error: unauthenticated multibulk length\r\n");
    T_TRUE(is_closed(box, CLIENT));
    T_EQ(connect_client(box, CLIENT + 1), ORR_OK);
    T_STR_EQ(say(box, CLIENT + 1, "*2\r\n$16385\r\n"),
             "-ERR Protocol error: unauthenticated bulk length\r\n");
    T_EQ(connect_client(box, CLIENT + 2), ORR_OK);
    T_STR_EQ(say(box, CLIENT + 2, late), "+OK\r\n+OK\r\n");
    T_EQ(connect_client(box, CLIENT + 3), ORR_OK);
    T_STR_EQ(say(box, CLIENT + 3, late + strlen("*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n")),
             "-ERR Protocol error: unauthenticated bulk length\r\n");
    box_free(box);
}

/* Who is silent for the timeout is closed soon after; who asks, waits or listens is not. */
static void
test_idle_clients_are_closed(void)
{
    Box *box = box_with("", 10 * ORR_NS_PER_S);

    for (uint64_t i = 0; i < 4; i++) {
        T_EQ(connect_client(box, CLIENT + i), ORR_OK);
    }
    (void)say(box, CLIENT + 1, "SUBSCRIBE news\r\n");
    (void)say(box, CLIENT + 2, "WAIT 1 0\r\n");
    for (int i = 0; i < 5; i++) {
        box_run(box, 5 * ORR_NS_PER_S);
        T_STR_EQ(say(box, CLIENT + 3, "PING\r\n"), "+PONG\r\n");
    }
    T_TRUE(is_closed(box, CLIENT));
    T_FALSE(is_closed(box, CLIENT + 1));
    T_FALSE(is_closed(box, CLIENT + 2));
    T_FALSE(is_closed(box, CLIENT + 3));
    box_free(box);
}

static OrrStatus
set_settings(Box *box, const OrrSettings *settings)
{
    return box_event(box, 0, &(OrrEvent){.type = ORR_EVENT_SETTINGS, .settings = settings});
}

/* A running node takes other settings at once: a timeout for those who are there, a password
 * for those who come. What it cannot take changes nothing. */
static void
test_settings_change_at_run_time(void)
{
    Box *box = box_with("", 0);
    OrrSettings settings = box->nodes[0].config.settings;

    T_EQ(connect_client(box, CLIENT), ORR_OK);
    T_EQ(connect_client(box, CLIENT + 1), ORR_OK);
    box_run(box, 100 * ORR_NS_PER_S);
    settings.client_timeout_ns = 3 * ORR_NS_PER_S;
    (void)g_strlcpy(settings.requirepass, "late", sizeof settings.requirepass);
    T_STR_EQ(say(box, CLIENT + 1, "PING\r\n"), "+PONG\r\n");
    T_EQ(set_settings(box, &settings), ORR_OK);
    T_STR_EQ(say(box, CLIENT + 1, "PING\r\n"), "+PONG\r\n"); /* it was let in before */
    T_EQ(connect_client(box, CLIENT + 2), ORR_OK);
    T_STR_EQ(say(box, CLIENT + 2, "PING\r\n"), "-NOAUTH Authentication required.\r\n");
    box_run(box, 2 * ORR_NS_PER_S);
    T_STR_EQ(say(box, CLIENT + 1, "PING\r\n"), "+PONG\r\n");
    box_run(box, 2 * ORR_NS_PER_S);
    T_TRUE(is_closed(box, CLIENT));
    T_FALSE(is_closed(box, CLIENT + 1));
    settings.hash_slot_by = ORR_HASH_SLOT_BY_FIELD;
    T_EQ(set_settings(box, &settings), ORR_REFUSED);
    settings.hash_slot_by = ORR_HASH_SLOT_BY_KEY;
    settings.clients_max = 1;
    T_EQ(set_settings(box, &settings), ORR_OK);
    T_EQ(connect_client(box, CLIENT + 3), ORR_FULL);
    box_free(box);
}

static OrrStatus
answer(Box *box, uint64_t client, const char *text)
{
    OrrEvent event = {.type = ORR_EVENT_ANSWER};

    g_string_truncate(box->reply, 0);
    event.answer.client = client;
    event.answer.bytes = orr_bytes_of_string(text);
    return box_event(box, 0, &event);
}

/* What the host is asked waits for its answer, and what came behind it waits, too; an answer
 * that nobody waits for is refused. */
static void
test_the_host_answers_in_order(void)
{
    Box *box = box_with("", 0);

    T_EQ(connect_client(box, CLIENT), ORR_OK);
    T_STR_EQ(say(box, CLIENT, "PING\r\nCONFIG GET port\r\nECHO after\r\n"), "+PONG\r\n");
    T_STR_EQ(box->asked->str, "*3\r\n$6\r\nCONFIG\r\n$3\r\nGET\r\n$4\r\nport\r\n");
    T_STR_EQ(say(box, CLIENT, "ECHO later\r\n"), "");
    T_EQ(answer(box, CLIENT + 1, "+OK\r\n"), ORR_REFUSED);
    T_EQ(answer(box, CLIENT, "*0\r\n"), ORR_OK);
    T_STR_EQ(box->reply->str, "*0\r\n$5\r\nafter\r\n$5\r\nlater\r\n");
    T_EQ(answer(box, CLIENT, "*0\r\n"), ORR_REFUSED);
    box_free(box);
}

static const Test tests[] = {
    TEST(test_a_password_opens_a_session),  TEST(test_no_password_is_wanted),
    TEST(test_strangers_are_kept_short),    TEST(test_idle_clients_are_closed),
    TEST(test_settings_change_at_run_time), TEST(test_the_host_answers_in_order),
};

T_MAIN("sessions", tests)
