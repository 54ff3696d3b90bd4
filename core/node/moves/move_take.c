/* move_take.c - the last step of a move: the slot changes hands.
 *
 *     SETSLOT n NODE me --> the table says TAKING at version v --> replicas and disk know
 *                       --> MOVE_TAKE to the owner: has it keys left? then no
 *                       --> the owner claims the slot for this shard, keeps that on disk, tells
 *                           everybody, and this node (MOVE_GIVEN) --> this node owns it
 *
 * So the slot has an owner at every moment, and it takes both ends, with what their replicas
 * know, to forget who. */
#include "node/moves/move.h"

typedef enum TakeVerdict {
    TAKE_YOURS,
    TAKE_HAS_KEYS,
    TAKE_NOT_MINE,
} TakeVerdict;

bool
orr_node_shard_is_dead(const OrrNode *node, const OrrId *shard)
{
    const OrrMembers *members = node->context.members;

    for (size_t i = 0; i < members->count; i++) {
        const OrrMember *member = members->list[i];

        if (orr_id_equal(&member->shard->id, shard) && orr_member_counts(member) &&
            member->state == ORR_MEMBER_ALIVE) {
            return false;
        }
    }
    return true;
}

static void
own(OrrNode *node, uint16_t slot, uint64_t version, OrrEffects *out)
{
    OrrSlotsRecord claim = {orr_node_self(node)->shard->id, version, {slot, slot}};

    orr_node_take_slots(node, &claim, true, out);
}

static void
ask_owner(OrrNode *node, OrrOpenSlot *open, OrrEffects *out)
{
    OrrSlotView view = orr_slotmap_get(node->context.slotmap, open->slot);
    OrrMove move = {.slot = open->slot, .version = open->version};
    const OrrMember *primary = orr_move_primary(node, &view.shard);

    open->again_at = node->now.mono_ns + ORR_MOVE_AGAIN;
    if (orr_id_is_none(&view.shard) || orr_node_shard_is_dead(node, &view.shard)) {
        own(node, open->slot, MAX(open->version, view.version + 1), out);
    } else if (primary != NULL) {
        orr_move_send(node, &primary->address, ORR_MESSAGE_MOVE_TAKE, &move, out);
    }
}

/* What the slot map says already, or nobody wants any more. */
static bool
is_over(const OrrNode *node, const OrrOpenSlot *open)
{
    bool owned =
        orr_slotmap_owns(node->context.slotmap, open->slot, &orr_node_self(node)->shard->id);

    return owned != (open->state == ORR_OPEN_MIGRATING);
}

void
orr_take_settle(OrrNode *node, OrrEffects *out)
{
    GArray *open = node->moves->open;

    for (guint i = open->len; i-- > 0;) {
        OrrOpenSlot *one = &g_array_index(open, OrrOpenSlot, i);

        if (is_over(node, one)) {
            orr_node_slot_changed_hands(node, one->slot, out);
        } else if (one->state == ORR_OPEN_TAKING && node->fence == ORR_FENCE_NONE &&
                   node->now.mono_ns >= one->again_at && orr_open_is_known(node, one->number)) {
            ask_owner(node, one, out);
        }
    }
}

OrrTime
orr_take_deadline(const OrrNode *node)
{
    OrrTime deadline = ORR_NEVER;

    for (guint i = 0; i < node->moves->open->len; i++) {
        const OrrOpenSlot *open = &g_array_index(node->moves->open, OrrOpenSlot, i);

        if (open->state == ORR_OPEN_TAKING && open->again_at > node->now.mono_ns) {
            deadline = MIN(deadline, open->again_at);
        }
    }
    return deadline;
}

/* The owner */

static bool
list_expired(const OrrValue *value, void *context)
{
    if (value->expire_ms != ORR_EXPIRE_NEVER) {
        g_ptr_array_add(context, orr_cell_bytes(value->slot, value->key));
    }
    return true;
}

static void
delete_expired(OrrNode *node, uint16_t slot)
{
    g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    uint64_t cursor = 0;

    do {
        cursor = orr_keyspace_scan_slot(node->keyspace, slot, cursor, 64, ORR_ANY_TIME,
                                        list_expired, cells);
    } while (cursor != 0);
    for (guint i = 0; i < cells->len; i++) {
        OrrCellName cell = orr_cell_name(g_ptr_array_index(cells, i));
        OrrValue value;

        if (orr_keyspace_get(node->keyspace, slot, cell.key, node->context.cluster_ms,
                             &value) != ORR_OK) {
            orr_move_delete(node, &cell, node->out);
        }
    }
}

static bool
has_keys(OrrNode *node, uint16_t slot)
{
    if (orr_keyspace_count_slot(node->keyspace, slot) > 0) {
        delete_expired(node, slot);
    }
    return orr_keyspace_count_slot(node->keyspace, slot) > 0;
}

/* Keys that are on their way still count as this node's. */
static bool
is_sending(const OrrNode *node, uint16_t slot)
{
    for (guint i = 0; i < node->moves->out->len; i++) {
        const OrrTransfer *transfer = g_ptr_array_index(node->moves->out, i);

        if (orr_cell_name(g_ptr_array_index(transfer->cells, 0)).slot == slot) {
            return true;
        }
    }
    return false;
}

static void
give(OrrNode *node, const OrrMember *peer, OrrMove *answer, OrrEffects *out)
{
    OrrSlotsRecord claim = {peer->shard->id, answer->version, {answer->slot, answer->slot}};

    orr_node_take_slots(node, &claim, true, out);
    orr_move_send(node, &peer->address, ORR_MESSAGE_MOVE_GIVEN, answer,
                  orr_persist_commit(node->persist, node->now, NULL, NULL, 0, out));
}

void
orr_take_on_take(OrrNode *node, OrrMember *peer, const OrrMove *move, OrrEffects *out)
{
    OrrSlotView view = orr_slotmap_get(node->context.slotmap, move->slot);
    OrrMove answer = {.slot = move->slot, .version = MAX(move->version, view.version + 1)};
    bool owned = orr_id_equal(&view.shard, &orr_node_self(node)->shard->id);

    if (node->fence != ORR_FENCE_NONE || !orr_member_is_primary(peer)) {
        return;
    }
    if (orr_id_equal(&view.shard, &peer->shard->id)) {
        answer.version = view.version;
    } else if (!owned) {
        answer.verdict = TAKE_NOT_MINE;
    } else if (has_keys(node, move->slot) || is_sending(node, move->slot)) {
        answer.verdict = TAKE_HAS_KEYS;
    } else {
        give(node, peer, &answer, out);
        return;
    }
    orr_move_send(node, &peer->address, ORR_MESSAGE_MOVE_GIVEN, &answer, out);
}

/* The taker */

void
orr_take_on_given(OrrNode *node, OrrMember *peer, const OrrMove *move, OrrEffects *out)
{
    OrrOpenSlot *open = orr_open_find(node->moves, move->slot);
    const char *error = NULL;

    (void)peer;
    if (open == NULL || open->state != ORR_OPEN_TAKING || !orr_node_is_primary(node)) {
        return;
    }
    switch ((TakeVerdict)move->verdict) {
    case TAKE_YOURS:
        own(node, move->slot, move->version, out);
        return;
    case TAKE_HAS_KEYS:
        error = "ERR the owner of the slot still holds keys of it";
        break;
    case TAKE_NOT_MINE:
        error = "ERR the slot has another owner now";
        break;
    }
    (void)orr_open_set(node, move->slot, ORR_OPEN_IMPORTING, &open->peer, 0, out);
    orr_open_answer(node, move->slot, error);
}

OrrTakeStatus
orr_node_take_slot(OrrNode *node, uint16_t slot, OrrEffects *out)
{
    OrrContext *context = &node->context;
    OrrSlotView view = orr_slotmap_get(context->slotmap, slot);
    const OrrOpenSlot *open = orr_open_find(node->moves, slot);
    uint64_t version = MAX(++context->current_epoch, view.version + 1);

    if (orr_id_is_none(&view.shard) || ORR_PLANTED(&node->config.settings, TAKEN_UNTOLD) ||
        orr_node_shard_is_dead(node, &view.shard)) {
        own(node, slot, version, out);
        return ORR_TAKE_DONE;
    }
    if (open == NULL || open->state != ORR_OPEN_TAKING) {
        (void)orr_open_set(node, slot, ORR_OPEN_TAKING, &view.shard, version, out);
    }
    return ORR_TAKE_BEGUN;
}
