/* Slots that move between shards, step by step, with failures in between. Node 0 owns the slot
 * of the tag {b} and gives it to node 1; 3 and 4 are their replicas. */
#include "box.h"
#include "check.h"

enum { SOURCE, TARGET, OTHER, SOURCE_REPLICA, TARGET_REPLICA };

#define SLOT "3300"
#define SLOT_NUMBER 3300
#define PATIENCE (20 * ORR_NS_PER_S)

static Box *
rig(uint64_t planted)
{
    OrrSettings settings = orr_settings_default();
    Box *box;

    settings.node_timeout_ns = 5 * ORR_NS_PER_S;
    settings.planted = planted;
    box = box_new(3, 1, &settings);
    box_boot_all(box);
    box_run(box, 5 * ORR_NS_PER_S);
    T_REQUIRE(box_owner(box, SLOT_NUMBER) == SOURCE);
    return box;
}

/* The answer to a command, however late. */
static const char *
ask(Box *box, size_t index, const char *line)
{
    OrrTime until = box->now_ns + PATIENCE;

    (void)box_command(box, index, line);
    while (box->reply->len == 0 && box->now_ns < until) {
        box_run(box, ORR_NS_PER_MS);
    }
    return box->reply->str;
}

static const char *
asking(Box *box, size_t index, const char *line)
{
    g_autofree char *both = g_strdup_printf("ASKING\r\n%s", line);
    const char *answer = ask(box, index, both);

    while (strcmp(answer, "+OK\r\n") == 0 && box->now_ns < PATIENCE * 100) {
        size_t size = box->reply->len;

        box_run(box, 10 * ORR_NS_PER_MS);
        if (box->reply->len == size) {
            break;
        }
    }
    return strncmp(answer, "+OK\r\n", 5) == 0 ? answer + 5 : answer;
}

static const char *
setslot(Box *box, size_t index, const char *action, int peer)
{
    char line[160];
    char hex[ORR_ID_HEX_SIZE + 1] = "";

    if (peer >= 0) {
        OrrId id = box_view(box, (size_t)peer).id;

        orr_id_format(&id, hex);
    }
    snprintf(line, sizeof line, "CLUSTER SETSLOT " SLOT " %s %s", action, hex);
    return ask(box, index, line);
}

static void
open_slot(Box *box)
{
    T_STR_EQ(setslot(box, TARGET, "IMPORTING", SOURCE), "+OK\r\n");
    T_STR_EQ(setslot(box, SOURCE, "MIGRATING", TARGET), "+OK\r\n");
}

static const char *
migrate(Box *box, const char *keys)
{
    char line[1000];
    char ip[ORR_ADDRESS_TEXT_SIZE];

    orr_address_format_ip(&box->nodes[TARGET].address, ip);
    snprintf(line, sizeof line, "MIGRATE %s %u \"\" 0 5000 KEYS %s", ip,
             box->nodes[TARGET].address.port, keys);
    return ask(box, SOURCE, line);
}

static void
set_keys(Box *box, int count)
{
    for (int i = 0; i < count; i++) {
        char line[64];

        snprintf(line, sizeof line, "SET {b}%d value%d PX 100000000", i, i);
        T_STR_EQ(ask(box, SOURCE, line), "+OK\r\n");
    }
}

/* Keys with values and expiry go over, and the slot with them; both shards' replicas agree. */
static void
test_a_slot_moves_with_its_keys(void)
{
    Box *box = rig(0);

    set_keys(box, 5);
    T_STR_EQ(ask(box, SOURCE, "HSET {b}h f1 v1 f2 v2"), ":2\r\n");
    open_slot(box);
    T_STR_EQ(migrate(box, "{b}0 {b}1 {b}2 {b}3 {b}4 {b}h {b}none"), "+OK\r\n");
    T_STR_EQ(migrate(box, "{b}0"), "+NOKEY\r\n");
    T_TRUE(strncmp(ask(box, SOURCE, "GET {b}3"), "-ASK 3300 ", 10) == 0);
    T_STR_EQ(asking(box, TARGET, "GET {b}3"), "$6\r\nvalue3\r\n");
    T_TRUE(strncmp(ask(box, TARGET, "GET {b}3"), "-MOVED 3300 ", 12) == 0);

    T_STR_EQ(setslot(box, TARGET, "NODE", TARGET), "+OK\r\n");
    T_STR_EQ(setslot(box, SOURCE, "NODE", TARGET), "+OK\r\n");
    T_STR_EQ(setslot(box, OTHER, "NODE", TARGET), "+OK\r\n");
    box_run(box, 3 * ORR_NS_PER_S);

    T_EQ(box_owner(box, SLOT_NUMBER), TARGET);
    T_STR_EQ(ask(box, TARGET, "HGET {b}h f2"), "$2\r\nv2\r\n");
    T_TRUE(atoi(ask(box, TARGET, "TTL {b}1") + 1) > 99000);
    T_EQ(box_view(box, SOURCE).key_count, 0);
    T_EQ(box_view(box, SOURCE_REPLICA).key_count, 0);
    T_EQ(box_view(box, TARGET).key_count, 6);
    T_EQ(box_view(box, TARGET_REPLICA).key_count, 6);
    T_TRUE(box_view(box, OTHER).slots_digest == box_view(box, SOURCE_REPLICA).slots_digest);
    box_free(box);
}

/* A slot that still has keys is not taken from its owner. */
static void
test_a_slot_with_keys_is_not_given(void)
{
    Box *box = rig(0);

    set_keys(box, 1);
    open_slot(box);
    T_STR_EQ(setslot(box, TARGET, "NODE", TARGET),
             "-ERR the owner of the slot still holds keys of it\r\n");
    T_EQ(box_owner(box, SLOT_NUMBER), SOURCE);
    T_STR_EQ(ask(box, SOURCE, "GET {b}0"), "$6\r\nvalue0\r\n");
    box_free(box);
}

/* A write to a key under way waits, and is then sent after the key. */
static void
test_a_write_to_a_key_under_way_waits(void)
{
    Box *box = rig(0);

    set_keys(box, 1);
    open_slot(box);
    box_cut(box, SOURCE, TARGET, true); /* the pieces do not arrive */
    {
        char line[200];
        char ip[ORR_ADDRESS_TEXT_SIZE];

        orr_address_format_ip(&box->nodes[TARGET].address, ip);
        snprintf(line, sizeof line, "MIGRATE %s %u {b}0 0 1000", ip,
                 box->nodes[TARGET].address.port);
        (void)box_command(box, SOURCE, line);
    }
    T_STR_EQ(box_command(box, SOURCE, "GET {b}0"), "$6\r\nvalue0\r\n"); /* reads do not wait */
    T_STR_EQ(box_command(box, SOURCE, "SET {b}0 newer"), "");
    box_run(box, 1100 * ORR_NS_PER_MS);
    T_STR_EQ(box->reply->str, "-IOERR error or timeout writing to target instance\r\n");
    g_string_truncate(box->reply, 0);
    box_heal(box);
    box_run(box, 500 * ORR_NS_PER_MS);
    T_STR_EQ(box->reply->str, "+OK\r\n"); /* the transfer was undone, the write done here */

    T_STR_EQ(migrate(box, "{b}0"), "+OK\r\n");
    T_STR_EQ(asking(box, TARGET, "GET {b}0"), "$5\r\nnewer\r\n");
    box_free(box);
}

static void
fill_hash(Box *box, int fields)
{
    char value[501];

    memset(value, 'x', sizeof value);
    value[500] = '\0';
    for (int i = 0; i < fields; i++) {
        g_autofree char *line = g_strdup_printf("HSET {b}h field%d %s", i, value);

        T_STR_EQ(ask(box, SOURCE, line), ":1\r\n");
    }
}

/* A hash larger than a frame goes over in pieces, whole. */
static void
test_a_large_hash_moves_in_pieces(void)
{
    Box *box = rig(0);

    fill_hash(box, 4000);
    open_slot(box);
    T_STR_EQ(migrate(box, "{b}h"), "+OK\r\n");
    T_STR_EQ(asking(box, TARGET, "HLEN {b}h"), ":4000\r\n");
    T_EQ(box_view(box, SOURCE).key_count, 0);
    box_free(box);
}

/* A target that dies half-way: writes to the key wait until its successor has thrown away what
 * had come, and all of it goes there once more. */
static void
test_a_transfer_begins_anew_at_the_successor(void)
{
    Box *box = rig(0);

    fill_hash(box, 4000);
    open_slot(box);
    {
        char line[200];
        char ip[ORR_ADDRESS_TEXT_SIZE];

        orr_address_format_ip(&box->nodes[TARGET].address, ip);
        snprintf(line, sizeof line, "MIGRATE %s %u {b}h 0 1000", ip,
                 box->nodes[TARGET].address.port);
        (void)box_command(box, SOURCE, line);
    }
    box_run(box, 3 * ORR_NS_PER_MS);
    T_TRUE(box_view(box, TARGET).key_count == 1); /* a part of it */
    box_kill(box, TARGET);
    T_STR_EQ(ask(box, SOURCE, "HLEN {b}h"), ":4000\r\n");
    T_STR_EQ(ask(box, SOURCE, "HSET {b}h field0 newer"), "+OK\r\n-ASK 3300 10.0.0.5:7000\r\n");
    T_EQ(box_owner(box, 6000), TARGET_REPLICA);
    T_STR_EQ(asking(box, TARGET_REPLICA, "HLEN {b}h"), ":4000\r\n");
    T_EQ(box_view(box, SOURCE_REPLICA).key_count, 0);
    box_free(box);
}

/* A target that dies after it has everything: its successor knows that it imports, and what. */
static void
test_the_successor_of_a_target_goes_on(void)
{
    Box *box = rig(0);

    set_keys(box, 3);
    open_slot(box);
    T_STR_EQ(migrate(box, "{b}0 {b}1"), "+OK\r\n");
    box_kill(box, TARGET);
    box_run(box, 3 * ORR_NS_PER_S);

    T_TRUE(strncmp(ask(box, SOURCE, "GET {b}1"), "-ASK 3300 ", 10) == 0);
    T_STR_EQ(asking(box, TARGET_REPLICA, "GET {b}1"), "$6\r\nvalue1\r\n");
    T_STR_EQ(ask(box, SOURCE, "GET {b}2"), "$6\r\nvalue2\r\n");
    box_free(box);
}

/* A source that dies: its successor knows what has gone, and what has not. */
static void
test_the_successor_of_a_source_goes_on(void)
{
    Box *box = rig(0);

    set_keys(box, 3);
    open_slot(box);
    T_STR_EQ(migrate(box, "{b}0 {b}1"), "+OK\r\n");
    box_kill(box, SOURCE);
    box_run(box, 3 * ORR_NS_PER_S);

    T_EQ(box_owner(box, SLOT_NUMBER), SOURCE_REPLICA);
    T_TRUE(strncmp(ask(box, SOURCE_REPLICA, "GET {b}1"), "-ASK 3300 ", 10) == 0);
    T_STR_EQ(ask(box, SOURCE_REPLICA, "GET {b}2"), "$6\r\nvalue2\r\n");
    T_STR_EQ(asking(box, TARGET, "GET {b}1"), "$6\r\nvalue1\r\n");
    box_free(box);
}

/* The slot taken, the taker dead before anybody heard: his replica knows that it owns it. */
static void
test_ownership_outlives_its_first_owner(void)
{
    Box *box = rig(0);

    set_keys(box, 2);
    open_slot(box);
    T_STR_EQ(migrate(box, "{b}0 {b}1"), "+OK\r\n");
    T_STR_EQ(setslot(box, TARGET, "NODE", TARGET), "+OK\r\n");
    box_kill(box, TARGET);
    box_run(box, 3 * ORR_NS_PER_S);

    T_EQ(box_owner(box, SLOT_NUMBER), TARGET_REPLICA);
    T_STR_EQ(ask(box, TARGET_REPLICA, "GET {b}1"), "$6\r\nvalue1\r\n");
    box_free(box);
}

/* A restart of both ends at any moment of a move loses no key and leaves each with one end. */
static void
test_restarts_lose_nothing(void)
{
    for (int step_ms = 0; step_ms < 24; step_ms++) {
        Box *box = rig(0);
        size_t victim = step_ms % 2 == 0 ? SOURCE : TARGET;
        int found = 0;

        set_keys(box, 6);
        open_slot(box);
        for (int i = 0; i < 6; i++) {
            char line[200];
            char ip[ORR_ADDRESS_TEXT_SIZE];

            orr_address_format_ip(&box->nodes[TARGET].address, ip);
            snprintf(line, sizeof line, "MIGRATE %s %u {b}%d 0 1000", ip,
                     box->nodes[TARGET].address.port, i);
            (void)box_command(box, SOURCE, line);
            if (i == step_ms / 4) {
                box_run(box, (OrrTime)(step_ms % 4) * 700 * ORR_NS_PER_US);
                box_kill(box, victim);
                box_run(box, 50 * ORR_NS_PER_MS);
                box_boot(box, victim);
                box_run(box, 3 * ORR_NS_PER_S);
                break;
            }
            box_run(box, 10 * ORR_NS_PER_MS);
        }
        for (int i = 0; i < 6; i++) {
            char line[64];
            char value[64];
            int source = box_owner(box, SLOT_NUMBER);
            int target = box_owner(box, 6000);

            snprintf(line, sizeof line, "GET {b}%d", i);
            snprintf(value, sizeof value, "$6\r\nvalue%d\r\n", i);
            T_REQUIRE(source >= 0 && target >= 0);
            if (strcmp(ask(box, (size_t)source, line), value) == 0) {
                found++;
            } else {
                T_TRUE(strncmp(box->reply->str, "-ASK", 4) == 0);
                found += strcmp(asking(box, (size_t)target, line), value) == 0;
            }
        }
        T_EQ(found, 6);
        box_free(box);
    }
}

static const Test tests[] = {
    TEST(test_a_slot_moves_with_its_keys),
    TEST(test_a_slot_with_keys_is_not_given),
    TEST(test_a_write_to_a_key_under_way_waits),
    TEST(test_a_large_hash_moves_in_pieces),
    TEST(test_a_transfer_begins_anew_at_the_successor),
    TEST(test_the_successor_of_a_target_goes_on),
    TEST(test_the_successor_of_a_source_goes_on),
    TEST(test_ownership_outlives_its_first_owner),
    TEST(test_restarts_lose_nothing),
};

T_MAIN("move", tests)
