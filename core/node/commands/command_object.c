/* command_object.c - OBJECT: how a key is kept. */
#include "node/commands/command_util.h"

#include <glib.h>

static const char *
encoding_of(const OrrValue *value)
{
    int64_t number;

    if (value->type == ORR_KEY_HASH) {
        return value->field_count <= 128 ? "listpack" : "hashtable";
    }
    if (orr_parse_integer(value->value, &number)) {
        return "int";
    }
    return value->value.size <= 44 ? "embstr" : "raw";
}

/* The key of word 2 without marking it as read. */
static bool
peek(OrrCommandContext *context, OrrValue *value)
{
    if (orr_keyspace_get(context->keyspace, orr_key_slot(context, context->args[2]),
                         context->args[2], context->wall_ms, value) == ORR_OK) {
        return true;
    }
    orr_reply_null(context->reply);
    return false;
}

static void
run_encoding(OrrCommandContext *context)
{
    OrrValue value;

    if (peek(context, &value)) {
        orr_reply_bulk_string(context->reply, encoding_of(&value));
    }
}

static void
run_refcount(OrrCommandContext *context)
{
    OrrValue value;

    if (peek(context, &value)) {
        orr_reply_integer(context->reply, 1);
    }
}

static void
run_idletime(OrrCommandContext *context)
{
    OrrValue value;

    if (peek(context, &value)) {
        orr_reply_integer(context->reply,
                          orr_keyspace_idle_ms(context->keyspace, &value) / 1000);
    }
}

static void
run_freq(OrrCommandContext *context)
{
    OrrValue value;

    if (!peek(context, &value)) {
        return;
    }
    if (orr_keyspace_access(context->keyspace) != ORR_ACCESS_FREQUENCY) {
        orr_reply_error(context->reply,
                        "ERR An LFU maxmemory policy is not selected, access frequency not "
                        "tracked. Please note that when switching between policies at "
                        "runtime LRU and LFU data will take some time to adjust.");
        return;
    }
    orr_reply_integer(context->reply, orr_keyspace_frequency(context->keyspace, &value));
}

#define ROW(name_, run_, summary_)                                                             \
    {                                                                                          \
        .name = "object|" name_, .arity = 3,                                                   \
        .flags = ORR_COMMAND_READONLY | ORR_COMMAND_ON_KEYSPACE, .first_key = 2,               \
        .last_key = 2, .key_step = 1, .syntax = "<key>", .group = ORR_GROUP_GENERIC,           \
        .summary = summary_, .since = "2.2.3", .run = run_                                     \
    }

static const OrrCommand SUBCOMMANDS[] = {
    ROW("encoding", run_encoding,
        "The name of a representation that Redis would choose for such a value."),
    ROW("freq", run_freq, "How often the key was used; only with an LFU policy."),
    ROW("idletime", run_idletime, "Seconds since the key was last read or written."),
    ROW("refcount", run_refcount, "Always 1."),
    ORR_COMMAND_HELP_ROW("object",
                         ORR_COMMAND_LOADING | ORR_COMMAND_STALE | ORR_COMMAND_ON_KEYSPACE),
    ORR_COMMANDS_END,
};

const OrrCommand orr_commands_object[] = {
    {.name = "object",
     .arity = -2,
     .group = ORR_GROUP_GENERIC,
     .summary = "How a key is kept.",
     .since = "2.2.3",
     .subcommands = SUBCOMMANDS},
    ORR_COMMANDS_END,
};
