/* forward_run.c - running a command for a client of another node. */
#include "node/moves/forward.h"

#include "node/clients/client.h"
#include "node/moves/move.h"

bool
orr_forward_is_guest(const OrrNode *node, const OrrClient *client)
{
    return client == node->guest;
}

static OrrClient *
guest_of(OrrNode *node, int protocol, bool asking)
{
    if (node->guest == NULL) {
        OrrRequestLimits limits = orr_request_limits_default();

        node->guest = g_new0(OrrClient, 1);
        node->guest->authenticated = true;
        node->guest_pipeline = g_new0(OrrPipeline, 1);
        node->guest_parser = orr_request_parser_new(&limits);
    }
    node->guest->protocol = protocol;
    node->guest->asking = asking;
    node->guest->waiting = ORR_CLIENT_GOES_ON;
    return node->guest;
}

void
orr_forward_guest_free(OrrNode *node)
{
    if (node->guest != NULL) {
        orr_request_parser_free(node->guest_parser);
        g_free(node->guest_pipeline);
        g_free(node->guest);
    }
}

static void
take_reply(OrrNode *node, GByteArray *answer)
{
    OrrBytes reply = orr_reply_bytes(node->reply);

    g_byte_array_append(answer, reply.data, (guint)reply.size);
    orr_reply_clear(node->reply);
}

/* Deletes what is here of a key that is spread: there is no record for that but of fields. */
static void
delete_one(OrrNode *node, uint16_t slot, OrrBytes key)
{
    OrrCellName cell = {slot, key};
    OrrValue value;

    orr_reply_integer(node->reply,
                      orr_keyspace_get(node->keyspace, slot, key, node->context.cluster_ms,
                                       &value) == ORR_OK);
    orr_move_delete(node, &cell, node->out);
}

static void
run_one(OrrNode *node, OrrClient *guest, const OrrPipelined *item, uint16_t slot)
{
    OrrCommandContext context =
        orr_client_context(node, guest, item->command, item->args, item->arg_count);

    context.slot = slot;
    context.slot_known = true;
    if (strcmp(item->command->name, "del") == 0 || strcmp(item->command->name, "unlink") == 0) {
        delete_one(node, slot, item->args[1]);
    } else {
        orr_client_call(node, &context);
    }
}

/* True if this node serves the slot, and has an object of the key there. */
static bool
has_part(const OrrNode *node, uint16_t slot, OrrBytes key)
{
    OrrValue value;

    return orr_keyspace_get(node->keyspace, slot, key, node->context.cluster_ms, &value) ==
               ORR_OK &&
           orr_slotmap_owns(node->context.slotmap, slot, &orr_node_self(node)->shard->id);
}

/* On every object of the key; where there is none, once on nothing, for the answer to that. */
static void
run_all(OrrNode *node, OrrClient *guest, const OrrPipelined *item, GByteArray *answer)
{
    g_autoptr(GPtrArray) answers =
        g_ptr_array_new_with_free_func((GDestroyNotify)g_byte_array_unref);
    g_autoptr(GArray) groups = g_array_new(false, true, sizeof(unsigned));
    OrrBytes key = item->args[1];

    for (uint32_t slot = 0; slot < ORR_SLOT_COUNT; slot++) {
        if (has_part(node, (uint16_t)slot, key)) {
            GByteArray *one = g_byte_array_new();

            run_one(node, guest, item, (uint16_t)slot);
            take_reply(node, one);
            g_ptr_array_add(answers, one);
        }
    }
    if (answers->len == 0) {
        run_one(node, guest, item, orr_slot_of_key(key));
        take_reply(node, answer);
        return;
    }
    g_array_set_size(groups, answers->len);
    orr_merge_answers(orr_merge_kind(item->command), (GByteArray *const *)answers->pdata,
                      (const unsigned *)(const void *)groups->data, answers->len, node->reply);
    take_reply(node, answer);
}

void
orr_forward_run(OrrNode *node, OrrBytes words, unsigned flags, int protocol, GByteArray *answer)
{
    OrrClient *guest = guest_of(node, protocol, (flags & ORR_FORWARD_ASKING) != 0);
    OrrPipeline *pipeline = node->guest_pipeline;
    bool all = (flags & ORR_FORWARD_ALL) != 0;
    const OrrPipelined *item = &pipeline->commands[0];

    orr_request_parser_reset(node->guest_parser);
    orr_reply_clear(node->reply);
    orr_reply_set_protocol(node->reply, protocol);
    if (orr_pipeline_read(pipeline, node->guest_parser, words,
                          node->config.settings.hash_slot_by) == ORR_MALFORMED ||
        pipeline->count != 1 || item->command == NULL ||
        !orr_command_arity_fits(item->command, item->arg_count)) {
        orr_reply_error(node->reply, "ERR a forwarded command cannot be read");
    } else if (!all) {
        orr_client_execute(node, guest, item);
    } else if (orr_merge_kind(item->command) == ORR_MERGE_NONE ||
               node->fence != ORR_FENCE_NONE) {
        orr_reply_error(node->reply, "CLUSTERDOWN The cluster is down");
    } else {
        run_all(node, guest, item, answer);
    }
    take_reply(node, answer);
}

void
orr_forward_on_request(OrrNode *node, OrrMember *peer, const OrrMove *move, OrrEffects *out)
{
    g_autoptr(GByteArray) answer = g_byte_array_new();
    OrrEffects *list = out;
    size_t at = 0;

    orr_forward_run(node, move->body, move->flags, move->verdict == 3 ? 3 : 2, answer);
    orr_node_flush_data(node, out); /* the log before the answer */
    if (node->config.settings.appendfsync == ORR_APPENDFSYNC_ALWAYS && node->log_op != 0) {
        list = orr_gate_hold(node->gate, node->log_op, NULL, NULL, 0);
    }
    do {
        size_t size = MIN(answer->len - at, (size_t)ORR_FORWARD_PIECE);
        OrrMove piece = {.number = move->number,
                         .slot = move->slot,
                         .body = orr_bytes(answer->data + at, size)};

        at += size;
        piece.flags = at == answer->len ? ORR_FORWARD_LAST : 0;
        orr_move_send(node, &peer->address, ORR_MESSAGE_FORWARDED, &piece, list);
    } while (at < answer->len);
}
