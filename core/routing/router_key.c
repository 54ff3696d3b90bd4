/* Where a command has its key. A table of exceptions: what is not listed has it in word 1, so
 * that commands which nobody has thought of yet are routed, too. */
#include "routing/router_state.h"

#include "wire/decimal.h"

typedef enum KeyRule {
    KEY_NONE,
    KEY_AT_2,
    KEY_AT_3,
    KEY_COUNTED_AT_2, /* word 2 counts keys, which begin at 3; there may be none */
    KEY_AFTER_STREAMS,
    KEY_AT_1_FIELD_AT_2, /* a hash's field decides with `hash-slot-by: field` */
} KeyRule;

typedef struct KeyRow {
    const char *name;
    KeyRule rule;
} KeyRow;

/* In order of their names, for bisection. */
static const KeyRow ROWS[] = {
    {"acl", KEY_NONE},
    {"asking", KEY_NONE},
    {"auth", KEY_NONE},
    {"bgrewriteaof", KEY_NONE},
    {"bgsave", KEY_NONE},
    {"bitop", KEY_AT_2},
    {"blmpop", KEY_AT_3},
    {"bzmpop", KEY_AT_3},
    {"client", KEY_NONE},
    {"cluster", KEY_NONE},
    {"command", KEY_NONE},
    {"config", KEY_NONE},
    {"dbsize", KEY_NONE},
    {"debug", KEY_AT_2},
    {"discard", KEY_NONE},
    {"echo", KEY_NONE},
    {"eval", KEY_COUNTED_AT_2},
    {"eval_ro", KEY_COUNTED_AT_2},
    {"evalsha", KEY_COUNTED_AT_2},
    {"evalsha_ro", KEY_COUNTED_AT_2},
    {"exec", KEY_NONE},
    {"failover", KEY_NONE},
    {"fcall", KEY_COUNTED_AT_2},
    {"fcall_ro", KEY_COUNTED_AT_2},
    {"flushall", KEY_NONE},
    {"flushdb", KEY_NONE},
    {"function", KEY_NONE},
    {"hdel", KEY_AT_1_FIELD_AT_2},
    {"hello", KEY_NONE},
    {"hexists", KEY_AT_1_FIELD_AT_2},
    {"hget", KEY_AT_1_FIELD_AT_2},
    {"hincrby", KEY_AT_1_FIELD_AT_2},
    {"hincrbyfloat", KEY_AT_1_FIELD_AT_2},
    {"hmget", KEY_AT_1_FIELD_AT_2},
    {"hmset", KEY_AT_1_FIELD_AT_2},
    {"hset", KEY_AT_1_FIELD_AT_2},
    {"hsetnx", KEY_AT_1_FIELD_AT_2},
    {"hstrlen", KEY_AT_1_FIELD_AT_2},
    {"info", KEY_NONE},
    {"keys", KEY_NONE},
    {"lastsave", KEY_NONE},
    {"latency", KEY_NONE},
    {"lmpop", KEY_AT_2},
    {"lolwut", KEY_NONE},
    {"memory", KEY_AT_2},
    {"migrate", KEY_AT_3},
    {"module", KEY_NONE},
    {"monitor", KEY_NONE},
    {"multi", KEY_NONE},
    {"object", KEY_AT_2},
    {"ping", KEY_NONE},
    {"psubscribe", KEY_NONE},
    {"publish", KEY_NONE},
    {"pubsub", KEY_NONE},
    {"punsubscribe", KEY_NONE},
    {"quit", KEY_NONE},
    {"randomkey", KEY_NONE},
    {"readonly", KEY_NONE},
    {"readwrite", KEY_NONE},
    {"replicaof", KEY_NONE},
    {"reset", KEY_NONE},
    {"role", KEY_NONE},
    {"save", KEY_NONE},
    {"scan", KEY_NONE},
    {"script", KEY_NONE},
    {"select", KEY_NONE},
    {"shutdown", KEY_NONE},
    {"sintercard", KEY_AT_2},
    {"slaveof", KEY_NONE},
    {"slowlog", KEY_NONE},
    {"subscribe", KEY_NONE},
    {"swapdb", KEY_NONE},
    {"time", KEY_NONE},
    {"unsubscribe", KEY_NONE},
    {"unwatch", KEY_NONE},
    {"wait", KEY_NONE},
    {"xgroup", KEY_AT_2},
    {"xinfo", KEY_AT_2},
    {"xread", KEY_AFTER_STREAMS},
    {"xreadgroup", KEY_AFTER_STREAMS},
    {"zdiff", KEY_AT_2},
    {"zinter", KEY_AT_2},
    {"zintercard", KEY_AT_2},
    {"zmpop", KEY_AT_2},
    {"zunion", KEY_AT_2},
};

/* As strcmp() of `name` in lower case and `row`. */
static int
compare(OrrBytes name, const char *row)
{
    for (size_t i = 0; i < name.size; i++) {
        int letter = g_ascii_tolower((char)name.data[i]);

        if (letter != row[i]) {
            return (unsigned char)letter < (unsigned char)row[i] ? -1 : 1;
        }
    }
    return row[name.size] == '\0' ? 0 : -1;
}

static const KeyRow *
find(OrrBytes name)
{
    size_t low = 0;
    size_t high = G_N_ELEMENTS(ROWS);

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = compare(name, ROWS[middle].name);

        if (order == 0) {
            return &ROWS[middle];
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

/* The word after STREAMS, or 0. */
static size_t
word_after_streams(const OrrBytes *args, size_t arg_count)
{
    for (size_t i = 1; i + 1 < arg_count; i++) {
        if (compare(args[i], "streams") == 0) {
            return i + 1;
        }
    }
    return 0;
}

static size_t
counted_word(const OrrBytes *args, size_t arg_count)
{
    int64_t keys = 0;

    return arg_count > 3 && orr_decimal_read(args[2], &keys) && keys > 0 ? 3 : 0;
}

/* Which word decides the slot; 0: none does. */
static size_t
deciding_word(const OrrBytes *args, size_t arg_count, OrrHashSlotBy by)
{
    const KeyRow *row = find(args[0]);

    if (row == NULL) {
        return 1;
    }
    switch (row->rule) {
    case KEY_NONE:
        return 0;
    case KEY_AT_2:
        return 2;
    case KEY_AT_3:
        return 3;
    case KEY_COUNTED_AT_2:
        return counted_word(args, arg_count);
    case KEY_AFTER_STREAMS:
        return word_after_streams(args, arg_count);
    case KEY_AT_1_FIELD_AT_2:
        return by == ORR_HASH_SLOT_BY_FIELD ? 2 : 1;
    }
    return 0;
}

uint16_t
orr_router_slot_of(const OrrBytes *args, size_t arg_count, OrrHashSlotBy by)
{
    size_t word = deciding_word(args, arg_count, by);

    return word > 0 && word < arg_count ? orr_slot_of_key(args[word]) : NO_SLOT;
}
