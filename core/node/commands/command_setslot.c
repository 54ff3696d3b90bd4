/* command_setslot.c - CLUSTER SETSLOT: the steps of a move, as an operator's tool drives them.
 * Each is answered when the replicas of this shard know it, too; inside of a transaction, at
 * once. */
#include "node/clients/transaction.h"
#include "node/commands/command_cluster.h"
#include "node/moves/move.h"

static void
wait_for(OrrCommandContext *context, uint16_t slot, uint64_t number)
{
    OrrNode *node = orr_command_node(context);
    OrrClient *client = orr_command_client(context);

    if ((number > 0 && orr_open_is_known(node, number)) || orr_transaction_is_running(client)) {
        orr_reply_ok(context->reply);
        return;
    }
    orr_open_wait(node, client->id, slot, number);
    orr_client_wait(node, client, ORR_CLIENT_WAITS_FOR_PEER, ORR_NEVER);
}

static void
open_slot(OrrCommandContext *context, uint16_t slot, OrrOpenState state, OrrBytes peer)
{
    OrrNode *node = orr_command_node(context);
    const OrrShard *own = orr_node_self(node)->shard;
    bool owned = orr_slotmap_owns(node->context.slotmap, slot, &own->id);
    OrrMember *member = NULL;
    const OrrOpenSlot *open;
    char text[80];

    if (owned == (state == ORR_OPEN_MIGRATING)) {
        member = orr_cluster_find_node(context, peer);
        if (member == NULL) {
            orr_reply_error_about(context->reply, "ERR I don't know about node ", peer, "");
            return;
        }
    }
    if (member == NULL) {
        g_snprintf(text, sizeof text,
                   owned ? "ERR I'm already the owner of hash slot %u"
                         : "ERR I'm not the owner of hash slot %u",
                   slot);
        orr_reply_error(context->reply, text);
    } else if (member->shard == own || !orr_member_is_primary(member)) {
        orr_reply_error(context->reply, "ERR Target node is not a master of another shard");
    } else {
        orr_cluster_trace_admin(context);
        open = orr_open_set(node, slot, state, &member->shard->id, 0, node->out);
        wait_for(context, slot, open->number);
    }
}

/* An owner gives a slot away that is empty; a shard that knows nothing of it hears of it. */
static void
give_slot(OrrCommandContext *context, uint16_t slot, const OrrMember *to)
{
    OrrNode *node = orr_command_node(context);
    OrrSlotView view = orr_slotmap_get(node->context.slotmap, slot);
    OrrSlotsRecord claim = {to->shard->id, 0, {slot, slot}};

    if (!orr_id_equal(&view.shard, &orr_node_self(node)->shard->id)) {
        orr_open_clear(node, slot, node->out); /* the owner's claim is heard, or has been */
        orr_reply_ok(context->reply);
        return;
    }
    if (orr_keyspace_count_slot(context->keyspace, slot) > 0) {
        orr_reply_error(context->reply, "ERR Can't assign hashslot to a different node while I "
                                        "still hold keys for this hash slot.");
        return;
    }
    orr_cluster_trace_admin(context);
    claim.version = MAX(++node->context.current_epoch, view.version + 1);
    orr_node_take_slots(node, &claim, true, node->out);
    orr_open_clear(node, slot, node->out);
    orr_reply_ok(context->reply);
}

static void
set_owner(OrrCommandContext *context, uint16_t slot, OrrBytes owner)
{
    OrrNode *node = orr_command_node(context);
    const OrrShard *own = orr_node_self(node)->shard;
    OrrMember *member = orr_cluster_parse_node(context, owner);

    if (member == NULL) {
        return;
    }
    if (member->shard != own) {
        give_slot(context, slot, member);
    } else if (orr_slotmap_owns(node->context.slotmap, slot, &own->id)) {
        orr_open_clear(node, slot, node->out);
        orr_reply_ok(context->reply);
    } else {
        orr_cluster_trace_admin(context);
        if (orr_node_take_slot(node, slot, node->out) == ORR_TAKE_DONE) {
            orr_reply_ok(context->reply);
        } else {
            wait_for(context, slot, 0);
        }
    }
}

static void
close_slot(OrrCommandContext *context, uint16_t slot)
{
    OrrNode *node = orr_command_node(context);

    orr_cluster_trace_admin(context);
    orr_in_drop_slot(node, slot, node->out);
    orr_open_clear(node, slot, node->out);
    orr_open_answer(node, slot, "ERR the move was called off");
    orr_reply_ok(context->reply);
}

void
orr_cluster_setslot(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);
    OrrBytes word = context->args[3];
    uint16_t slot;

    if (!orr_cluster_parse_slot(context, context->args[2], &slot)) {
        return;
    }
    if (!orr_node_is_primary(node)) {
        orr_reply_error(context->reply, "ERR You can use SETSLOT only with masters.");
    } else if (orr_word_is(word, "stable") && context->arg_count == 4) {
        close_slot(context, slot);
    } else if (orr_word_is(word, "migrating") && context->arg_count == 5) {
        open_slot(context, slot, ORR_OPEN_MIGRATING, context->args[4]);
    } else if (orr_word_is(word, "importing") && context->arg_count == 5) {
        open_slot(context, slot, ORR_OPEN_IMPORTING, context->args[4]);
    } else if (orr_word_is(word, "node") && context->arg_count == 5) {
        set_owner(context, slot, context->args[4]);
    } else {
        orr_reply_error(context->reply, "ERR Invalid CLUSTER SETSLOT action or number of "
                                        "arguments. Try CLUSTER HELP");
    }
}
