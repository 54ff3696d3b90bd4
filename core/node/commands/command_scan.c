/* command_scan.c - keys of this node, whatever their slots: SCAN, KEYS, RANDOMKEY, DBSIZE. */
#include "node/commands/command_util.h"

#include <glib.h>

typedef struct Listing {
    OrrReply *reply;
    OrrScanOptions options;
    size_t count;
} Listing;

static bool
list_key(const OrrValue *value, void *context)
{
    Listing *listing = context;
    const char *type = value->type == ORR_KEY_STRING ? "string" : "hash";

    if ((listing->options.type.size > 0 && !orr_arg_is(listing->options.type, type)) ||
        (listing->options.has_pattern &&
         !orr_glob_matches(listing->options.pattern, value->key))) {
        return true;
    }
    orr_reply_bulk(listing->reply, value->key);
    listing->count++;
    return true;
}

static void
run_scan(OrrCommandContext *context)
{
    Listing listing = {.reply = context->reply};
    size_t head = orr_reply_size(context->reply);
    uint64_t cursor;

    if (!orr_cursor_arg(context, 1, &cursor) ||
        !orr_scan_options(context, 2, true, &listing.options)) {
        return;
    }
    cursor = orr_keyspace_scan(context->keyspace, cursor, listing.options.count,
                               context->wall_ms, list_key, &listing);
    orr_reply_insert_array(context->reply, head, listing.count);
    orr_insert_cursor(context, head, cursor);
}

static void
run_keys(OrrCommandContext *context)
{
    Listing listing = {.reply = context->reply,
                       .options = {.pattern = context->args[1], .has_pattern = true}};
    size_t head = orr_reply_size(context->reply);

    (void)orr_keyspace_scan(context->keyspace, 0, SIZE_MAX, context->wall_ms, list_key,
                            &listing);
    orr_reply_insert_array(context->reply, head, listing.count);
}

#define RANDOM_TRIES 100u /* to meet a key that has not expired */

static void
run_randomkey(OrrCommandContext *context)
{
    for (unsigned i = 0; i < RANDOM_TRIES; i++) {
        OrrValue value;

        if (orr_keyspace_random(context->keyspace, context->rng, &value) != ORR_OK) {
            break;
        }
        if (value.expire_ms == ORR_EXPIRE_NEVER || value.expire_ms > context->wall_ms) {
            orr_reply_bulk(context->reply, value.key);
            return;
        }
    }
    orr_reply_null(context->reply);
}

static void
run_dbsize(OrrCommandContext *context)
{
    orr_reply_integer(context->reply, (int64_t)orr_keyspace_count(context->keyspace));
}

#define ROW(name_, arity_, flags_, since_, run_, summary_)                                     \
    {                                                                                          \
        .name = name_, .arity = arity_,                                                        \
        .flags = ORR_COMMAND_READONLY | ORR_COMMAND_ALL_NODES | (flags_),                      \
        .group = ORR_GROUP_GENERIC, .summary = summary_, .since = since_, .run = run_          \
    }

const OrrCommand orr_commands_scan[] = {
    {.name = "dbsize",
     .arity = 1,
     .flags = ORR_COMMAND_READONLY | ORR_COMMAND_ALL_NODES | ORR_COMMAND_FAST |
              ORR_COMMAND_ON_KEYSPACE,
     .group = ORR_GROUP_SERVER,
     .summary = "How many keys this node has.",
     .since = "1.0.0",
     .run = run_dbsize},
    ROW("keys", 2, ORR_COMMAND_DANGEROUS, "1.0.0", run_keys,
        "All keys of this node that match a pattern."),
    ROW("randomkey", 1, 0, "1.0.0", run_randomkey, "A key of this node, by chance."),
    ROW("scan", -2, 0, "2.8.0", run_scan, "Keys of this node, some at a time."),
    ORR_COMMANDS_END,
};
