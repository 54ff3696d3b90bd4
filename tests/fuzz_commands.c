/* Any commands at all: handlers answer each with exactly one reply, write only what a record
 * can hold, and what they wrote makes the same keyspace on a replica. */
#include "fuzz_replay.h"

#include <orrery/orrery.h>

#include "node/commands/command.h"

#include <glib.h>

typedef struct Pair {
    OrrKeyspace *primary;
    OrrKeyspace *replica;
    OrrVersion version;
} Pair;

static void
emit(OrrCommandContext *context, const OrrRecord *record)
{
    Pair *pair = context->owner;
    OrrRecord stamped = *record;
    OrrRecord decoded;
    size_t used;

    stamped.version = ++pair->version;
    g_autofree uint8_t *text = g_malloc(orr_record_size(&stamped));

    (void)orr_record_encode(&stamped, text);
    g_assert(orr_keyspace_apply(pair->primary, &stamped) == ORR_OK);
    g_assert(orr_record_decode(orr_bytes(text, orr_record_size(record)), &decoded, &used) ==
             ORR_OK);
    decoded.slot = record->slot;
    g_assert(orr_keyspace_apply(pair->replica, &decoded) == ORR_OK);
}

static void
check_reply(const OrrReply *reply, const OrrCommand *command)
{
    OrrReplyScanner scanner = {.offset = 0};
    size_t used = 0;
    OrrStatus status = orr_reply_scan(&scanner, orr_reply_bytes(reply), &used);

    if (status != ORR_OK || used != orr_reply_size(reply)) {
        g_error("%s: not one whole reply", command != NULL ? command->name : "unknown");
    }
}

static void
run(Pair *pair, OrrReply *reply, OrrRng *rng, const OrrRequest *request)
{
    OrrCommandContext context = {.command =
                                     orr_command_resolve(request->args, request->arg_count),
                                 .args = request->args,
                                 .arg_count = request->arg_count,
                                 .keyspace = pair->primary,
                                 .reply = reply,
                                 .rng = rng,
                                 .wall_ms = INT64_C(1800000000000) + (int64_t)pair->version,
                                 .primary = true,
                                 .emit = emit,
                                 .owner = pair};

    orr_reply_clear(reply);
    if (context.command == NULL) {
        orr_command_reply_unknown(reply, request->args, request->arg_count);
    } else if (!orr_command_arity_fits(context.command, request->arg_count)) {
        orr_command_reply_arity(reply, context.command);
    } else if (orr_command_slot(context.command, context.args, context.arg_count,
                                ORR_HASH_SLOT_BY_KEY, &context.slot) == ORR_SLOT_CROSS) {
        return;
    } else if (context.command->group > ORR_GROUP_GENERIC ||
               (context.command->flags & ORR_COMMAND_ON_CONNECTION) != 0) {
        return; /* the node's own */
    } else {
        orr_command_run(&context);
    }
    check_reply(reply, context.command);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    OrrRequestLimits limits = {.args_max = 1000, .bulk_max = 10000};
    OrrRequestParser *parser = orr_request_parser_new(&limits);
    OrrReply *reply = orr_reply_new();
    OrrRng rng = orr_rng_new(1);
    Pair pair = {orr_keyspace_new(1), orr_keyspace_new(2), 0};
    OrrBytes rest = orr_bytes(data, size);
    OrrRequest request;

    orr_reply_set_protocol(reply, size % 2 == 0 ? 2 : 3);
    while (orr_request_parse(parser, rest, &request) == ORR_OK) {
        if (request.arg_count > 0) {
            run(&pair, reply, &rng, &request);
        }
        rest = orr_bytes(rest.data + request.used, rest.size - request.used);
    }
    g_assert(orr_keyspace_digest(pair.primary) == orr_keyspace_digest(pair.replica));
    orr_keyspace_free(pair.primary);
    orr_keyspace_free(pair.replica);
    orr_reply_free(reply);
    orr_request_parser_free(parser);
    return 0;
}
