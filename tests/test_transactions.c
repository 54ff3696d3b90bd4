/* Transactions and messages in a whole cluster: where they may run, and that nobody ever sees
 * half of what one wrote. */
#include "box.h"
#include "check.h"

#include <orrery/slots.h>

#define FIRST UINT64_C(900) /* numbers of connections that last */

static OrrSettings
fast(void)
{
    OrrSettings settings = orr_settings_default();

    settings.node_timeout_ns = 5 * ORR_NS_PER_S;
    return settings;
}

static void
connect(Box *box, size_t index, uint64_t client)
{
    OrrEvent up = {.type = ORR_EVENT_LINK};

    up.link.state = ORR_LINK_CLIENT_UP;
    up.link.client = client;
    T_EQ(box_event(box, index, &up), ORR_OK);
}

/* What a connection says, and all that the cluster's clients hear at once. */
static const char *
say(Box *box, size_t index, uint64_t client, const char *line)
{
    g_autofree char *text = g_strconcat(line, "\r\n", NULL);
    OrrEvent request = {.type = ORR_EVENT_REQUEST};

    g_string_truncate(box->reply, 0);
    request.request.client = client;
    request.request.bytes = orr_bytes_of_string(text);
    T_EQ(box_event(box, index, &request), ORR_OK);
    return box->reply->str;
}

static Box *
box_ready(size_t primaries, size_t replicas, const OrrSettings *settings)
{
    Box *box = box_new(primaries, replicas, settings);

    box_boot_all(box);
    box_run(box, 5 * ORR_NS_PER_S);
    for (size_t i = 0; i < box->count; i++) {
        connect(box, i, FIRST + i);
    }
    return box;
}

static bool
has(Box *box, size_t index, const char *key)
{
    OrrBytes bytes = orr_bytes_of_string(key);
    OrrValue value;

    return orr_keyspace_get(orr_node_keyspace(box->nodes[index].node), orr_slot_of_key(bytes),
                            bytes, ORR_ANY_TIME, &value) == ORR_OK;
}

static void
set_big(Box *box, const char *key)
{
    g_autofree char *value = g_strnfill(50000, 'x');
    g_autofree char *line = g_strdup_printf("set %s %s", key, value);

    T_STR_EQ(say(box, 0, FIRST, line), "+QUEUED\r\n");
}

/* A replica has all of a transaction or nothing of it, at any moment, though it takes several
 * frames of the usual size. */
static void
test_replicas_never_show_half_a_transaction(void)
{
    OrrSettings settings = fast();
    unsigned without = 0;
    Box *box;

    settings.sync_window_size = 60000; /* each frame waits for the one before */
    box = box_ready(1, 1, &settings);
    T_STR_EQ(say(box, 0, FIRST, "multi"), "+OK\r\n");
    set_big(box, "{t}a");
    set_big(box, "{t}b");
    set_big(box, "{t}c");
    T_STR_EQ(say(box, 0, FIRST, "exec"), "*3\r\n+OK\r\n+OK\r\n+OK\r\n");
    for (int i = 0; i < 2000 && !has(box, 1, "{t}a"); i++) {
        T_FALSE(has(box, 1, "{t}b") || has(box, 1, "{t}c"));
        box_run(box, 10 * ORR_NS_PER_US);
        without++;
    }
    T_TRUE(without > 0);
    T_TRUE(has(box, 1, "{t}a") && has(box, 1, "{t}b") && has(box, 1, "{t}c"));
    box_free(box);
}

/* The log of a node, cut at any byte, gives all of a transaction or nothing of it; and so it is
 * with one command that writes several keys. */
static void
test_recovery_never_shows_half_a_transaction(void)
{
    OrrId node = orr_id_of_name(orr_bytes_of_string("n"));
    OrrLogMeta meta = {.size = 0};
    OrrLog *log = orr_log_new(&node, NULL, &meta);
    OrrEffects *effects = orr_effects_new();
    uint8_t text[512];
    size_t head = orr_group_size(0);
    size_t used = head;
    unsigned with = 0;
    OrrFile file = {.kind = ORR_FILE_LOG, .generation = 1};

    for (int i = 0; i < 3; i++) {
        OrrRecord record = {.kind = ORR_RECORD_STRING,
                            .version = (OrrVersion)i + 1,
                            .key = orr_bytes(&"abc"[i], 1),
                            .value = orr_bytes_of_string("value")};

        used += orr_record_encode(&record, text + used);
    }
    used = orr_group_encode(orr_bytes(text + head, used - head), 3, 5, text);
    orr_log_encoded(log, orr_bytes(text, used));
    T_TRUE(orr_log_flush(log, 1, true, effects));
    OrrEffect effect = orr_effects_get(effects, orr_effects_count(effects) - 1);

    for (size_t cut = 0; cut <= effect.store.bytes.size; cut++) {
        OrrKeyspace *keyspace = orr_keyspace_new(1);
        OrrLogRecovery recovery;

        file.content = orr_bytes(effect.store.bytes.data, cut);
        T_EQ(orr_log_recover(&file, 1, &node, ORR_HASH_SLOT_BY_KEY, keyspace, NULL, &recovery),
             ORR_OK);
        T_TRUE(orr_keyspace_count(keyspace) == 0 || orr_keyspace_count(keyspace) == 3);
        with += orr_keyspace_count(keyspace) == 3;
        orr_keyspace_free(keyspace);
    }
    T_EQ(with, 1); /* the last byte decides */
    orr_effects_free(effects);
    orr_log_free(log);
}

/* What a node writes for a transaction, and for MSET, is one record of the log. */
static void
test_a_transaction_is_one_record(void)
{
    OrrSettings settings = fast();
    Box *box = box_ready(1, 0, &settings);
    uint64_t before = box_view(box, 0).offset;
    uint64_t single;

    T_STR_EQ(say(box, 0, FIRST, "set {t}a 1"), "+OK\r\n");
    single = box_view(box, 0).offset - before;
    before = box_view(box, 0).offset;
    T_STR_EQ(say(box, 0, FIRST, "mset {t}a 1 {t}b 2"), "+OK\r\n");
    T_EQ(box_view(box, 0).offset - before, orr_group_size(2 * single));
    before = box_view(box, 0).offset;
    T_STR_EQ(say(box, 0, FIRST, "multi"), "+OK\r\n");
    T_STR_EQ(say(box, 0, FIRST, "set {t}a 1"), "+QUEUED\r\n");
    T_STR_EQ(say(box, 0, FIRST, "mset {t}a 1 {t}b 2"), "+QUEUED\r\n");
    T_STR_EQ(say(box, 0, FIRST, "exec"), "*2\r\n+OK\r\n+OK\r\n");
    T_EQ(box_view(box, 0).offset - before, orr_group_size(3 * single));
    before = box_view(box, 0).offset;
    T_STR_EQ(say(box, 0, FIRST, "multi"), "+OK\r\n");
    T_STR_EQ(say(box, 0, FIRST, "get {t}a"), "+QUEUED\r\n");
    T_STR_EQ(say(box, 0, FIRST, "set {t}a 3"), "+QUEUED\r\n");
    T_STR_EQ(say(box, 0, FIRST, "exec"), "*2\r\n$1\r\n1\r\n+OK\r\n");
    T_EQ(box_view(box, 0).offset - before, single); /* one alone needs no group */
    box_free(box);
}

/* Commands that a transaction has no room for are refused one by one, and what it wrote stays
 * together. */
static void
test_a_transaction_has_its_size(void)
{
    OrrSettings settings = fast();
    Box *box = box_ready(1, 0, &settings);
    g_autofree char *value = g_strnfill(60000, 'x');
    g_autofree char *line = g_strdup_printf("append {t}a %s", value);
    GString *reply;

    T_STR_EQ(say(box, 0, FIRST, "multi"), "+OK\r\n");
    for (int i = 0; i < 20; i++) {
        T_STR_EQ(say(box, 0, FIRST, line), "+QUEUED\r\n"); /* 60 kB, 120 kB, ...: 12 MB */
    }
    (void)say(box, 0, FIRST, "exec");
    reply = box->reply;
    T_TRUE(g_str_has_prefix(reply->str, "*20\r\n:60000\r\n:120000\r\n"));
    T_TRUE(strstr(reply->str, "-ERR this transaction has written all that can be kept") !=
           NULL);
    T_TRUE(box_view(box, 0).offset < ORR_DATA_FRAME_MAX);
    box_free(box);
}

/* A command for another node spoils a transaction at once; keys of two slots are found at its
 * end. */
static void
test_a_transaction_stays_in_its_slot(void)
{
    OrrSettings settings = fast();
    Box *box = box_ready(3, 0, &settings);

    /* a: 15495, n3; b: 3300, n1; c: 7365, n2 */
    T_STR_EQ(say(box, 2, FIRST + 2, "multi"), "+OK\r\n");
    T_STR_EQ(say(box, 2, FIRST + 2, "set a 1"), "+QUEUED\r\n");
    T_STR_EQ(say(box, 2, FIRST + 2, "set b 1"), "-MOVED 3300 10.0.0.1:7000\r\n");
    T_STR_EQ(say(box, 2, FIRST + 2, "exec"),
             "-EXECABORT Transaction discarded because of previous errors.\r\n");
    T_FALSE(has(box, 2, "a"));
    T_STR_EQ(say(box, 2, FIRST + 2, "multi"), "+OK\r\n");
    T_STR_EQ(say(box, 2, FIRST + 2, "set a 1"), "+QUEUED\r\n");
    T_STR_EQ(say(box, 2, FIRST + 2, "set {d}a 1"), "+QUEUED\r\n"); /* another of its slots */
    T_STR_EQ(say(box, 2, FIRST + 2, "exec"),
             "-CROSSSLOT Keys in request don't hash to the same slot\r\n");
    T_FALSE(has(box, 2, "a"));
    T_STR_EQ(say(box, 2, FIRST + 2, "exec"), "-ERR EXEC without MULTI\r\n");
    T_STR_EQ(say(box, 2, FIRST + 2, "multi"), "+OK\r\n"); /* no change of the node itself */
    T_STR_EQ(say(box, 2, FIRST + 2, "cluster reset"),
             "-ERR Command not allowed inside a transaction\r\n");
    box_free(box);
}

/* A primary that was deposed between MULTI and EXEC sends the client on, and forgets. */
static void
test_exec_is_sent_to_the_new_primary(void)
{
    OrrSettings settings = fast();
    Box *box = box_ready(1, 1, &settings);

    T_STR_EQ(say(box, 0, FIRST, "multi"), "+OK\r\n");
    T_STR_EQ(say(box, 0, FIRST, "set a 1"), "+QUEUED\r\n");
    T_STR_EQ(box_command(box, 1, "CLUSTER FAILOVER TAKEOVER"), "+OK\r\n");
    box_run(box, 2 * ORR_NS_PER_S);
    T_STR_EQ(say(box, 0, FIRST, "exec"), "-MOVED 15495 10.0.0.2:7000\r\n");
    T_STR_EQ(say(box, 0, FIRST, "exec"), "-ERR EXEC without MULTI\r\n");
    T_FALSE(has(box, 1, "a"));
    box_free(box);
}

/* A replica that may answer reads runs a transaction of reads, and no other. */
static void
test_replicas_run_transactions_of_reads(void)
{
    OrrSettings settings = fast();
    Box *box = box_ready(1, 1, &settings);

    T_STR_EQ(say(box, 0, FIRST, "set a 1"), "+OK\r\n");
    box_run(box, ORR_NS_PER_S);
    T_STR_EQ(say(box, 1, FIRST + 1, "readonly"), "+OK\r\n");
    T_STR_EQ(say(box, 1, FIRST + 1, "watch a"), "+OK\r\n");
    T_STR_EQ(say(box, 1, FIRST + 1, "multi"), "+OK\r\n");
    T_STR_EQ(say(box, 1, FIRST + 1, "get a"), "+QUEUED\r\n");
    T_STR_EQ(say(box, 1, FIRST + 1, "exec"), "*1\r\n$1\r\n1\r\n");
    T_STR_EQ(say(box, 1, FIRST + 1, "multi"), "+OK\r\n");
    T_STR_EQ(say(box, 1, FIRST + 1, "set a 2"), "-MOVED 15495 10.0.0.1:7000\r\n");
    T_STR_EQ(say(box, 1, FIRST + 1, "discard"), "+OK\r\n");
    T_STR_EQ(say(box, 0, FIRST, "hset {a}h f 1 g 2"), ":2\r\n");
    box_run(box, ORR_NS_PER_S);
    T_STR_EQ(say(box, 1, FIRST + 1, "watch {a}h"), "+OK\r\n"); /* its primary writes */
    T_STR_EQ(say(box, 0, FIRST, "hset {a}h f 3"), ":0\r\n");
    box_run(box, ORR_NS_PER_S);
    T_STR_EQ(say(box, 1, FIRST + 1, "multi"), "+OK\r\n");
    T_STR_EQ(say(box, 1, FIRST + 1, "get a"), "+QUEUED\r\n");
    T_STR_EQ(say(box, 1, FIRST + 1, "exec"), "*-1\r\n");
    box_free(box);
}

/* Written before promised: EXEC is answered when its one record is on disk. */
static void
test_exec_waits_for_the_disk(void)
{
    OrrSettings settings = fast();
    Box *box;

    settings.appendfsync = ORR_APPENDFSYNC_ALWAYS;
    box = box_ready(1, 0, &settings);
    T_STR_EQ(say(box, 0, FIRST, "multi"), "+OK\r\n");
    T_STR_EQ(say(box, 0, FIRST, "mset {t}a 1 {t}b 2"), "+QUEUED\r\n");
    T_STR_EQ(say(box, 0, FIRST, "exec"), "");
    box_run(box, 100 * ORR_NS_PER_MS);
    T_STR_EQ(box->reply->str, "*1\r\n+OK\r\n");
    box_free(box);
}

/* A message reaches subscribers at every node, once; its sender learns how many are at his. */
static void
test_messages_reach_the_whole_cluster(void)
{
    OrrSettings settings = fast();
    Box *box = box_ready(3, 1, &settings);
    static const char MESSAGE[] = "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n";

    T_STR_EQ(say(box, 1, FIRST + 1, "subscribe news"),
             "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    T_STR_EQ(say(box, 0, FIRST, "publish news hello"), ":0\r\n");
    box_run(box, 100 * ORR_NS_PER_MS);
    T_TRUE(g_str_has_suffix(box->reply->str, MESSAGE));
    T_EQ(box->reply->len, strlen(":0\r\n") + strlen(MESSAGE));
    T_STR_EQ(say(box, 4, FIRST + 4, "psubscribe n*"),
             "*3\r\n$10\r\npsubscribe\r\n$2\r\nn*\r\n:1\r\n");
    T_STR_EQ(say(box, 0, FIRST, "publish news again"), ":0\r\n");
    box_run(box, 100 * ORR_NS_PER_MS);
    T_TRUE(strstr(box->reply->str, "$8\r\npmessage\r\n") != NULL);
    box_free(box);
}

/* Shard channels belong to a slot: they are asked for at its nodes, heard there and nowhere
 * else, and end when the slot leaves. */
static void
test_shard_channels_follow_their_slot(void)
{
    OrrSettings settings = fast();
    Box *box = box_ready(2, 1, &settings);
    static const char MESSAGE[] = "*3\r\n$8\r\nsmessage\r\n$1\r\na\r\n$2\r\nhi\r\n";

    T_STR_EQ(say(box, 0, FIRST, "ssubscribe a"), "-MOVED 15495 10.0.0.2:7000\r\n");
    T_STR_EQ(say(box, 0, FIRST, "spublish a hi"), "-MOVED 15495 10.0.0.2:7000\r\n");
    T_STR_EQ(say(box, 1, FIRST + 1, "ssubscribe a"),
             "*3\r\n$10\r\nssubscribe\r\n$1\r\na\r\n:1\r\n");
    T_STR_EQ(say(box, 3, FIRST + 3, "ssubscribe a"), /* its replica */
             "*3\r\n$10\r\nssubscribe\r\n$1\r\na\r\n:1\r\n");
    T_TRUE(g_str_has_suffix(box_command(box, 1, "spublish a hi"), ":1\r\n"));
    box_run(box, 100 * ORR_NS_PER_MS);
    T_TRUE(g_str_has_prefix(box->reply->str, MESSAGE));
    T_TRUE(g_str_has_suffix(box->reply->str, MESSAGE));
    T_EQ(box->reply->len, 2 * strlen(MESSAGE) + strlen(":1\r\n"));
    T_TRUE(strstr(box_command(box, 1, "cluster delslots 15495"),
                  "*3\r\n$12\r\nsunsubscribe\r\n$1\r\na\r\n:0\r\n") != NULL);
    T_STR_EQ(box_command(box, 1, "pubsub shardchannels"), "*0\r\n");
    box_run(box, 5 * ORR_NS_PER_S);
    T_STR_EQ(box_command(box, 3, "pubsub shardchannels"), "*0\r\n");
    T_STR_EQ(say(box, 1, FIRST + 1, "get b"), "-MOVED 3300 10.0.0.1:7000\r\n"); /* as before */
    box_free(box);
}

static const Test TESTS[] = {
    TEST(test_replicas_never_show_half_a_transaction),
    TEST(test_recovery_never_shows_half_a_transaction),
    TEST(test_a_transaction_is_one_record),
    TEST(test_a_transaction_has_its_size),
    TEST(test_a_transaction_stays_in_its_slot),
    TEST(test_exec_is_sent_to_the_new_primary),
    TEST(test_replicas_run_transactions_of_reads),
    TEST(test_exec_waits_for_the_disk),
    TEST(test_messages_reach_the_whole_cluster),
    TEST(test_shard_channels_follow_their_slot),
};

T_MAIN("transactions", TESTS)
