/* `hash-slot-by: field`: the fields of one hash live everywhere, and any node answers for all.
 * With the tags {b}, {c}, {a} fields belong to nodes 0, 1 and 2. */
#include "box.h"
#include "check.h"

static Box *
rig(OrrSpreadCommands spread)
{
    OrrSettings settings = orr_settings_default();
    Box *box;

    settings.node_timeout_ns = 3 * ORR_NS_PER_S;
    settings.hash_slot_by = ORR_HASH_SLOT_BY_FIELD;
    settings.spread_commands = spread;
    box = box_new(3, 1, &settings);
    box_boot_all(box);
    box_run(box, 5 * ORR_NS_PER_S);
    T_REQUIRE(box_owner(box, orr_slot_of_key(orr_bytes_of_string("b"))) == 0);
    T_REQUIRE(box_owner(box, orr_slot_of_key(orr_bytes_of_string("c"))) == 1);
    T_REQUIRE(box_owner(box, orr_slot_of_key(orr_bytes_of_string("a"))) == 2);
    return box;
}

/* The answer to a command, however late. */
static const char *
ask(Box *box, size_t index, const char *line)
{
    OrrTime until = box->now_ns + 10 * ORR_NS_PER_S;

    (void)box_command(box, index, line);
    while (box->reply->len == 0 && box->now_ns < until) {
        box_run(box, ORR_NS_PER_MS);
    }
    return box->reply->str;
}

/* A field is written and read through whichever node, and lives on the node of its own slot. */
static void
test_any_node_serves_any_field(void)
{
    Box *box = rig(ORR_SPREAD_GATHER);

    for (size_t i = 0; i < 3; i++) {
        T_STR_EQ(ask(box, i, "HSET users {a} ada"), i == 0 ? ":1\r\n" : ":0\r\n");
        T_STR_EQ(ask(box, i, "HSET users {b} bob"), i == 0 ? ":1\r\n" : ":0\r\n");
        T_STR_EQ(ask(box, i, "HSET users {c} cyd"), i == 0 ? ":1\r\n" : ":0\r\n");
        T_STR_EQ(ask(box, i, "HGET users {a}"), "$3\r\nada\r\n");
        T_STR_EQ(ask(box, i, "HGET users {c}"), "$3\r\ncyd\r\n");
        T_EQ(box_view(box, i).key_count, 1);
    }
    box_run(box, ORR_NS_PER_S);
    T_EQ(box_view(box, 5).key_count, 1); /* and on its replica */
    box_free(box);
}

/* Answers come in the order of the questions, whoever gives them. */
static void
test_pipelines_keep_their_order(void)
{
    Box *box = rig(ORR_SPREAD_GATHER);

    (void)box_command(
        box, 0,
        "HSET u {a} 1\r\nPING\r\nHSET u {b} 2\r\nHGET u {a}\r\nHINCRBY u {c} 3\r\n"
        "HGET u {b}\r\nHLEN u\r\nPING");
    box_run(box, ORR_NS_PER_S);
    T_STR_EQ(box->reply->str,
             ":1\r\n+PONG\r\n:1\r\n$1\r\n1\r\n:3\r\n$1\r\n2\r\n:3\r\n+PONG\r\n");
    box_free(box);
}

/* Commands over all fields, or over fields of several slots, are answered as if they lay
 * together. */
static void
test_commands_over_all_fields_are_gathered(void)
{
    Box *box = rig(ORR_SPREAD_GATHER);

    T_STR_EQ(ask(box, 1, "HSET u {a} 1 {b} 2 {c} 3 {a}x 4"), ":4\r\n");
    T_STR_EQ(ask(box, 0, "HLEN u"), ":4\r\n");
    T_STR_EQ(ask(box, 2, "HMGET u {b} none {a} {c}"),
             "*4\r\n$1\r\n2\r\n$-1\r\n$1\r\n1\r\n$1\r\n3\r\n");
    T_TRUE(strncmp(ask(box, 1, "HGETALL u"), "*8\r\n", 4) == 0);
    T_TRUE(strncmp(ask(box, 1, "HSCAN u 0"), "*2\r\n$1\r\n0\r\n*8\r\n", 15) == 0);
    T_TRUE(strncmp(ask(box, 1, "HKEYS u"), "*4\r\n", 4) == 0);
    T_STR_EQ(ask(box, 0, "HGETALL nothing"), "*0\r\n");
    T_STR_EQ(ask(box, 0, "TYPE u"), "+hash\r\n");
    T_STR_EQ(ask(box, 0, "TYPE nothing"), "+none\r\n");
    T_STR_EQ(ask(box, 0, "TTL u"), ":-1\r\n");
    T_STR_EQ(ask(box, 0, "TTL nothing"), ":-2\r\n");
    T_STR_EQ(ask(box, 2, "HDEL u {b} {c} none"), ":2\r\n");
    T_STR_EQ(ask(box, 1, "EXISTS u nothing u"), ":2\r\n");
    T_STR_EQ(ask(box, 1, "DEL u nothing"), ":1\r\n");
    T_STR_EQ(ask(box, 2, "EXISTS u"), ":0\r\n");
    box_run(box, ORR_NS_PER_S);
    for (size_t i = 0; i < 6; i++) {
        T_EQ(box_view(box, i).key_count, 0);
    }
    box_free(box);
}

/* Or they are refused, where that is wished. */
static void
test_commands_over_all_fields_are_refused(void)
{
    Box *box = rig(ORR_SPREAD_REFUSE);

    T_STR_EQ(ask(box, 1, "HSET u {a} 1"), ":1\r\n");
    T_STR_EQ(ask(box, 0, "HLEN u"),
             "-ERR the fields of this hash are spread over the cluster (hash-slot-by: field); "
             "name the fields\r\n");
    T_STR_EQ(ask(box, 0, "HSET u {a} 1 {b} 2"),
             "-CROSSSLOT Keys in request don't hash to the same slot\r\n");
    box_free(box);
}

/* The owner dies: a read waits for its successor; a write under way is said to be uncertain,
 * and the next one succeeds. */
static void
test_the_successor_of_an_owner_answers(void)
{
    Box *box = rig(ORR_SPREAD_GATHER);

    T_STR_EQ(ask(box, 0, "HSET u {a} 1"), ":1\r\n");
    box_run(box, ORR_NS_PER_S);
    box_kill(box, 2);
    T_STR_EQ(ask(box, 0, "HGET u {a}"), "$1\r\n1\r\n");
    T_EQ(box_owner(box, orr_slot_of_key(orr_bytes_of_string("a"))), 5);
    T_STR_EQ(ask(box, 1, "HSET u {a} 2"), ":0\r\n");
    T_STR_EQ(ask(box, 0, "HGETALL u"), "*2\r\n$3\r\n{a}\r\n$1\r\n2\r\n");
    box_free(box);
}

/* Nobody answers: the client is told so in time. */
static void
test_silence_ends(void)
{
    Box *box = rig(ORR_SPREAD_GATHER);

    box_cut(box, 0, 2, true);
    T_STR_EQ(ask(box, 0, "HSET u {a} 1"),
             "-IOERR error or timeout waiting for another node\r\n");
    box_heal(box);
    box_run(box, ORR_NS_PER_S);
    T_STR_EQ(ask(box, 0, "HSET u {b} 1"), ":1\r\n");
    box_free(box);
}

static const Test tests[] = {
    TEST(test_any_node_serves_any_field),
    TEST(test_pipelines_keep_their_order),
    TEST(test_commands_over_all_fields_are_gathered),
    TEST(test_commands_over_all_fields_are_refused),
    TEST(test_the_successor_of_an_owner_answers),
    TEST(test_silence_ends),
};

T_MAIN("forward", tests)
