/* Several connections say anything at all to a node: every command there is, with words that
 * mean something in one of them. Whatever is said is answered in whole replies, and what
 * connections leave behind when they go is nothing. */
#include "check.h"

#include <orrery/orrery.h>

#include "node/commands/command.h"

#include <glib.h>

#define CLIENTS 6u
#define WALL_MS INT64_C(1800000000000)

static const char *const WORDS[] = {
    "{t}a",
    "{t}b",
    "{t}h",
    "{t}i",
    "a",
    "0",
    "1",
    "-1",
    "2",
    "10",
    "100",
    "x",
    "",
    "*",
    "n*",
    "news",
    "sport",
    "ex",
    "px",
    "exat",
    "nx",
    "xx",
    "get",
    "keepttl",
    "match",
    "count",
    "type",
    "hash",
    "string",
    "replace",
    "yes",
    "no",
    "on",
    "off",
    "skip",
    "id",
    "addr",
    "error",
    "write",
    "all",
    "async",
    "sync",
    "withvalues",
    "byte",
    "bit",
    "and",
    "not",
    "xor",
    "idx",
    "len",
    "samples",
    "filterby",
    "aclcat",
    "pattern",
    "read",
    "everything",
    "commandstats",
    "setname",
    "auth",
    "default",
    "lib-name",
    "normal",
    "pubsub",
    "skipme",
    "9223372036854775807",
    "-9223372036854775808",
    "3.5",
    "inf",
    "1e400",
    "16383",
    "16384",
    "2800000000",
    "stable",
    "sleep",
    "encoding",
    "set",
    "client",
    "list",
};

typedef struct Talk {
    OrrNode *node;
    OrrEffects *effects;
    OrrRng rng;
    OrrTime now_ns;
    uint64_t last_id;
    uint64_t ids[CLIENTS]; /* 0: not connected */
    GByteArray *heard[CLIENTS];
    OrrReplyScanner scanners[CLIENTS];
    uint64_t replies;
} Talk;

static void step(Talk *talk, const OrrEvent *event);

static int
index_of(const Talk *talk, uint64_t id)
{
    for (unsigned i = 0; i < CLIENTS; i++) {
        if (id != 0 && talk->ids[i] == id) {
            return (int)i;
        }
    }
    return -1;
}

/* Takes whole replies off what a client heard. */
static void
understand(Talk *talk, unsigned client)
{
    GByteArray *heard = talk->heard[client];
    size_t used;

    while (heard->len > 0) {
        OrrStatus status =
            orr_reply_scan(&talk->scanners[client], orr_bytes(heard->data, heard->len), &used);

        if (status == ORR_AGAIN) {
            return;
        }
        T_REQUIRE(status == ORR_OK);
        g_byte_array_remove_range(heard, 0, (guint)used);
        talk->replies++;
    }
}

static void
hang_up(Talk *talk, unsigned client)
{
    OrrEvent down = {.type = ORR_EVENT_LINK};

    down.link.state = ORR_LINK_CLIENT_DOWN;
    down.link.client = talk->ids[client];
    talk->ids[client] = 0;
    step(talk, &down);
}

static void
step(Talk *talk, const OrrEvent *event)
{
    OrrNow now = {talk->now_ns, WALL_MS + talk->now_ns / ORR_NS_PER_MS};
    g_autoptr(GArray) stored = g_array_new(false, false, sizeof(uint64_t));
    bool closed[CLIENTS] = {false};

    orr_effects_clear(talk->effects);
    (void)orr_node_step(talk->node, now, event, talk->effects);
    for (size_t i = 0; i < orr_effects_count(talk->effects); i++) {
        OrrEffect effect = orr_effects_get(talk->effects, i);
        int client = effect.type == ORR_EFFECT_REPLY ? index_of(talk, effect.reply.client) : -1;

        if (effect.type == ORR_EFFECT_STORE && effect.store.op != 0) {
            g_array_append_val(stored, effect.store.op);
        }
        if (client >= 0) {
            g_byte_array_append(talk->heard[client], effect.reply.bytes.data,
                                (guint)effect.reply.bytes.size);
            closed[client] |= effect.reply.close;
        }
    }
    for (guint i = 0; i < stored->len; i++) {
        OrrEvent done = {.type = ORR_EVENT_STORED};

        done.stored.op = g_array_index(stored, uint64_t, i);
        step(talk, &done);
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        understand(talk, i);
        if (closed[i] && talk->ids[i] != 0) {
            hang_up(talk, i);
        }
    }
}

static void
wait_ns(Talk *talk, OrrTime duration_ns)
{
    OrrTime end_ns = talk->now_ns + duration_ns;

    while (orr_node_deadline(talk->node) <= end_ns) {
        talk->now_ns = MAX(talk->now_ns + 1000, orr_node_deadline(talk->node));
        step(talk, &(OrrEvent){.type = ORR_EVENT_TIME});
    }
    talk->now_ns = MAX(talk->now_ns, end_ns);
}

static void
connect(Talk *talk, unsigned client)
{
    OrrEvent up = {.type = ORR_EVENT_LINK};

    talk->ids[client] = ++talk->last_id;
    g_byte_array_set_size(talk->heard[client], 0);
    talk->scanners[client] = (OrrReplyScanner){.offset = 0};
    up.link.state = ORR_LINK_CLIENT_UP;
    up.link.client = talk->last_id;
    up.link.peer = orr_address_v4(127, 0, 0, 1, 40000, 0);
    step(talk, &up);
}

static void
add_word(GString *text, const char *word)
{
    g_string_append_printf(text, "$%zu\r\n%s\r\n", strlen(word), word);
}

/* What would take the node out of the cluster, or waits for a host that is not there. */
static bool
is_left_out(const char *name)
{
    static const char *const NAMES[] = {
        "cluster|reset",
        "cluster|flushslots",
        "cluster|delslots",
        "cluster|delslotsrange",
        "cluster|failover",
        "cluster|replicate",
        "cluster|setslot",
        "migrate",
        "config|get",
        "config|set",
        "config|rewrite",
        "save",
        "wait",
        "client|pause",
        "cluster|forget",
        "cluster|meet",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(NAMES); i++) {
        if (strcmp(name, NAMES[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Some command with some words, about as many as it wants. */
static void
add_command(Talk *talk, GString *text)
{
    const OrrCommand *command = NULL;
    size_t count;

    while (command == NULL || is_left_out(command->name)) {
        command = orr_command_of_id((size_t)orr_rng_below(&talk->rng, orr_command_id_count()));
    }

    g_auto(GStrv) names = g_strsplit(command->name, "|", 2);
    size_t name_count = g_strv_length(names);

    count = (size_t)ABS(command->arity) + (size_t)orr_rng_below(&talk->rng, 4);
    count -= MIN(count - 1, (size_t)(orr_rng_below(&talk->rng, 4) == 0));
    count = MAX(count, name_count);
    g_string_append_printf(text, "*%zu\r\n", count);
    for (size_t i = 0; i < count; i++) {
        add_word(text, i < name_count ? names[i]
                                      : WORDS[orr_rng_below(&talk->rng, G_N_ELEMENTS(WORDS))]);
    }
}

static void
say_something(Talk *talk)
{
    unsigned client = (unsigned)orr_rng_below(&talk->rng, CLIENTS);
    g_autoptr(GString) text = g_string_new(NULL);
    OrrEvent request = {.type = ORR_EVENT_REQUEST};

    if (talk->ids[client] == 0) {
        connect(talk, client);
    }
    switch (orr_rng_below(&talk->rng, 12)) {
    case 0:
        hang_up(talk, client);
        return;
    case 1:
        g_string_append(text, "multi\r\n");
        break;
    case 2:
        g_string_append(text, "exec\r\n");
        break;
    case 3:
        g_string_append(text, "watch {t}a {t}h\r\n");
        break;
    default:
        break;
    }
    for (uint64_t n = orr_rng_below(&talk->rng, 4); n > 0 || text->len == 0; n -= n > 0) {
        add_command(talk, text);
    }
    request.request.client = talk->ids[client];
    request.request.bytes = orr_bytes(text->str, text->len);
    step(talk, &request);
}

static Talk *
talk_new(uint64_t seed, OrrAppendFsync fsync)
{
    static const OrrSlotRange ALL = {0, 16383};
    Talk *talk = g_new0(Talk, 1);
    OrrNodeConfig config = {.settings = orr_settings_default(),
                            .address = orr_address_v4(127, 0, 0, 1, 7000, 17000),
                            .slots = &ALL,
                            .slot_range_count = 1,
                            .seed = seed};

    config.settings.appendfsync = fsync;
    config.settings.debug_command = ORR_DEBUG_YES;
    talk->node = orr_node_new(&config);
    talk->effects = orr_effects_new();
    talk->rng = orr_rng_new(seed);
    talk->now_ns = ORR_NS_PER_S;
    for (unsigned i = 0; i < CLIENTS; i++) {
        talk->heard[i] = g_byte_array_new();
    }
    step(talk, &(OrrEvent){.type = ORR_EVENT_BOOT});
    wait_ns(talk, 5 * ORR_NS_PER_S);
    return talk;
}

static void
talk_free(Talk *talk)
{
    for (unsigned i = 0; i < CLIENTS; i++) {
        g_byte_array_unref(talk->heard[i]);
    }
    orr_node_free(talk->node);
    orr_effects_free(talk->effects);
    g_free(talk);
}

/* Anything at all is answered, and nothing is left behind. */
static void
test_anything_can_be_said(void)
{
    uint64_t seed = t_seed(1);

    for (uint64_t round = 0; round < 20; round++) {
        Talk *talk = talk_new(seed + round, (OrrAppendFsync)(round % 3));
        OrrStatistics counts;

        for (int i = 0; i < 500; i++) {
            say_something(talk);
            wait_ns(talk, (OrrTime)orr_rng_below(&talk->rng, 3) * ORR_NS_PER_MS);
        }
        for (unsigned i = 0; i < CLIENTS; i++) {
            if (talk->ids[i] != 0) {
                hang_up(talk, i);
            }
        }
        orr_node_statistics(talk->node, &counts);
        T_TRUE(talk->replies > 300);
        T_EQ(counts.clients, 0);
        T_EQ(counts.blocked_clients, 0);
        T_EQ(counts.monitors, 0);
        T_EQ(counts.watching_clients, 0);
        T_EQ(counts.channels + counts.patterns + counts.shard_channels, 0);
        talk_free(talk);
    }
}

static const Test TESTS[] = {
    TEST(test_anything_can_be_said),
};

T_MAIN("conversations_random", TESTS)
