/* move_check.c - a target that cannot know which of its keys the source still has asks, before
 * it serves them: after a failover at either end, and when a source falls silent.
 *
 *     MOVE_CHECK    body: version u64 | key size u32 | key, for each
 *     MOVE_CHECKED  body: verdict u8  | key size u32 | key, for each */
#include "node/moves/move.h"

#include "wire/bytes.h"

typedef enum CheckVerdict {
    CHECK_GONE = 1, /* the source has it no longer: serve it */
    CHECK_HERE,     /* the source has it: throw it away */
    CHECK_PENDING,  /* it is under way: ask again */
} CheckVerdict;

bool
orr_node_is_unchecked(const OrrNode *node, uint16_t slot)
{
    const OrrOpenSlot *open =
        node->moves->open->len == 0 ? NULL : orr_open_find(node->moves, slot);

    return open != NULL && open->state != ORR_OPEN_MIGRATING && !open->checked;
}

/* Asking */

static void
add_u32(GByteArray *bytes, uint32_t value)
{
    uint8_t text[4];

    orr_store_u32(text, value);
    g_byte_array_append(bytes, text, sizeof text);
}

static void
add_question(OrrNode *node, const OrrCellName *cell, GByteArray *bytes)
{
    OrrVersion version = 0;
    uint8_t text[8];

    (void)orr_move_version(node, cell, &version);
    orr_store_u64(text, version);
    g_byte_array_append(bytes, text, sizeof text);
    add_u32(bytes, (uint32_t)cell->key.size);
    g_byte_array_append(bytes, cell->key.data, (guint)cell->key.size);
}

static void
ask(OrrNode *node, const OrrId *shard, OrrMove *move, const GByteArray *body, OrrEffects *out)
{
    const OrrMember *primary = orr_move_primary(node, shard);

    move->body = orr_bytes(body->data, body->len);
    if (primary != NULL) {
        orr_move_send(node, &primary->address, ORR_MESSAGE_MOVE_CHECK, move, out);
    }
}

void
orr_check_arrival(OrrNode *node, OrrArrival *arrival, OrrEffects *out)
{
    g_autoptr(GByteArray) body = g_byte_array_new();
    OrrMove move = {.number = orr_move_next_number(node), .slot = arrival->slot};

    for (guint i = 0; i < arrival->cells->len; i++) {
        OrrCellName cell = orr_cell_name(g_ptr_array_index(arrival->cells, i));

        add_question(node, &cell, body);
    }
    arrival->asked = move.number;
    ask(node, &arrival->shard, &move, body, out);
}

typedef struct KeyList {
    GPtrArray *keys;
} KeyList;

static bool
list_key(const OrrValue *value, void *context)
{
    KeyList *list = context;

    g_ptr_array_add(list->keys, orr_cell_bytes(value->slot, value->key));
    return true;
}

/* Some keys of an importing slot, from where the comparison is. */
static void
ask_slot(OrrNode *node, OrrOpenSlot *open, OrrEffects *out)
{
    g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    g_autoptr(GByteArray) body = g_byte_array_new();
    OrrMove move = {.number = orr_move_next_number(node), .slot = open->slot};
    KeyList list = {keys};

    move.index = orr_keyspace_scan_slot(node->keyspace, open->slot, open->cursor,
                                        ORR_MOVE_CHECK_KEYS, ORR_ANY_TIME, list_key, &list);
    for (guint i = 0; i < keys->len && body->len < ORR_MOVE_FRAME_MAX; i++) {
        OrrCellName cell = orr_cell_name(g_ptr_array_index(keys, i));

        add_question(node, &cell, body);
        if (body->len >= ORR_MOVE_FRAME_MAX && i + 1 < keys->len) {
            move.index = open->cursor; /* the others next time, when these are settled */
        }
    }
    open->asked = move.number;
    open->again_at = node->now.mono_ns + ORR_MOVE_AGAIN;
    ask(node, &open->peer, &move, body, out);
}

static void
look_after(OrrNode *node, OrrOpenSlot *open, OrrEffects *out)
{
    const OrrShard *shard = orr_members_shard(node->context.members, &open->peer);

    if (shard == NULL || open->state == ORR_OPEN_MIGRATING) {
        return;
    }
    if (open->checked && shard->epoch != open->peer_epoch) {
        open->checked = false;
        open->cursor = 0;
        open->again_at = 0;
    }
    if (open->checked) {
        return;
    }
    open->peer_epoch = shard->epoch;
    if (orr_keyspace_count_slot(node->keyspace, open->slot) == 0) {
        open->checked = true;
        node->moves->stir = true;
    } else if (node->now.mono_ns >= open->again_at && node->fence == ORR_FENCE_NONE) {
        ask_slot(node, open, out);
    }
}

void
orr_check_settle(OrrNode *node, OrrEffects *out)
{
    for (guint i = 0; i < node->moves->open->len; i++) {
        look_after(node, &g_array_index(node->moves->open, OrrOpenSlot, i), out);
    }
}

OrrTime
orr_check_deadline(const OrrNode *node)
{
    OrrTime deadline = ORR_NEVER;

    for (guint i = 0; i < node->moves->open->len; i++) {
        const OrrOpenSlot *open = &g_array_index(node->moves->open, OrrOpenSlot, i);

        if (open->state != ORR_OPEN_MIGRATING && !open->checked &&
            node->fence == ORR_FENCE_NONE) {
            deadline = MIN(deadline, open->again_at);
        }
    }
    return deadline;
}

/* Answering */

/* The source's word on one key; an older copy than the target's came back from the dead, and is
 * deleted. */
static CheckVerdict
judge(OrrNode *node, const OrrCellName *cell, OrrVersion theirs, OrrEffects *out)
{
    const OrrTransfer *transfer = orr_out_transfer_of(node, cell);
    OrrVersion mine = 0;

    if (transfer != NULL && transfer->phase != ORR_TRANSFER_ABORTING) {
        return CHECK_PENDING;
    }
    if (!orr_slotmap_owns(node->context.slotmap, cell->slot, &orr_node_self(node)->shard->id) ||
        !orr_move_version(node, cell, &mine)) {
        return CHECK_GONE;
    }
    if (mine < theirs) {
        orr_move_delete(node, cell, out);
        return CHECK_GONE;
    }
    return CHECK_HERE;
}

void
orr_check_on_check(OrrNode *node, OrrMember *peer, const OrrMove *move, OrrEffects *out)
{
    g_autoptr(GByteArray) body = g_byte_array_new();
    OrrReader reader = {move->body, false};
    OrrMove answer = {.number = move->number, .index = move->index, .slot = move->slot};

    if (node->fence != ORR_FENCE_NONE) {
        return; /* whoever serves is asked again */
    }
    while (reader.rest.size > 0 && !reader.failed) {
        OrrVersion version = orr_take_u64(&reader);
        uint32_t size = orr_take_u32(&reader);
        const uint8_t *key = orr_take(&reader, size);
        OrrCellName cell = {move->slot, orr_bytes(key, size)};

        if (!reader.failed) {
            uint8_t verdict = (uint8_t)judge(node, &cell, version, out);

            g_byte_array_append(body, &verdict, 1);
            add_u32(body, size);
            g_byte_array_append(body, key, size);
        }
    }
    answer.body = orr_bytes(body->data, body->len);
    orr_move_send(node, &peer->address, ORR_MESSAGE_MOVE_CHECKED, &answer, out);
}

/* Hearing */

/* True if none of them is under way any more. */
static bool
take_verdicts(OrrNode *node, const OrrMove *move, OrrEffects *out)
{
    OrrReader reader = {move->body, false};
    bool settled = true;

    while (reader.rest.size > 0 && !reader.failed) {
        unsigned verdict = orr_take_u8(&reader);
        uint32_t size = orr_take_u32(&reader);
        const uint8_t *key = orr_take(&reader, size);
        OrrCellName cell = {move->slot, orr_bytes(key, size)};

        if (reader.failed) {
            return false;
        }
        settled &= verdict != CHECK_PENDING;
        if (verdict == CHECK_GONE || verdict == CHECK_HERE) {
            orr_in_resolve(node, &cell, verdict == CHECK_GONE, out);
        }
    }
    return settled;
}

void
orr_check_on_checked(OrrNode *node, OrrMember *peer, const OrrMove *move, OrrEffects *out)
{
    OrrOpenSlot *open = orr_open_find(node->moves, move->slot);
    OrrArrival *arrival = orr_in_asked(node, move->number);

    if (node->fence != ORR_FENCE_NONE || !orr_member_is_primary(peer)) {
        return;
    }
    if (arrival != NULL) {
        arrival->asked = 0;
        if (orr_id_equal(&peer->shard->id, &arrival->shard)) {
            (void)take_verdicts(node, move, out);
        }
        return;
    }
    if (open == NULL || open->asked != move->number || open->checked ||
        !orr_id_equal(&peer->shard->id, &open->peer)) {
        return;
    }
    open->asked = 0;
    if (take_verdicts(node, move, out)) {
        open->cursor = move->index;
        open->again_at = node->now.mono_ns;
        open->checked = open->cursor == 0;
        node->moves->stir = true;
    }
}
