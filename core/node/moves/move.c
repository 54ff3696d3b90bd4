#include "node/moves/move.h"

#include "node/moves/forward.h"
#include "wire/bytes.h"

#define VERSION_FIELDS 10000u /* of a hash that are looked at for its version */

OrrMoves *
orr_moves_new(void)
{
    OrrMoves *moves = g_new0(OrrMoves, 1);

    moves->open = g_array_new(false, true, sizeof(OrrOpenSlot));
    moves->mates = g_array_new(false, true, sizeof(OrrMate));
    moves->waits = g_array_new(false, true, sizeof(OrrOpenWait));
    moves->done = g_array_new(false, true, sizeof(OrrMate));
    moves->out = g_ptr_array_new_with_free_func(orr_transfer_free);
    moves->in = g_ptr_array_new_with_free_func(orr_arrival_free);
    moves->frozen =
        g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
    moves->staged =
        g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
    moves->tell_at = ORR_NEVER;
    return moves;
}

void
orr_moves_free(OrrMoves *moves)
{
    g_hash_table_unref(moves->frozen);
    g_hash_table_unref(moves->staged);
    g_ptr_array_unref(moves->out);
    g_ptr_array_unref(moves->in);
    g_array_unref(moves->open);
    g_array_unref(moves->mates);
    g_array_unref(moves->waits);
    g_array_unref(moves->done);
    g_free(moves);
}

/* Words that all files of moving share */

GBytes *
orr_cell_bytes(uint16_t slot, OrrBytes key)
{
    uint8_t *text = g_malloc(key.size + 2);

    orr_store_u16(text, slot);
    if (key.size > 0) {
        memcpy(text + 2, key.data, key.size);
    }
    return g_bytes_new_take(text, key.size + 2);
}

OrrCellName
orr_cell_name(GBytes *bytes)
{
    gsize size = 0;
    const uint8_t *text = g_bytes_get_data(bytes, &size);

    return (OrrCellName){orr_load_u16(text), orr_bytes(text + 2, size - 2)};
}

uint64_t
orr_move_next_number(OrrNode *node)
{
    OrrMoves *moves = node->moves;

    moves->last = MAX(moves->last, node->boots << 32) + 1;
    return moves->last;
}

OrrMember *
orr_move_primary(const OrrNode *node, const OrrId *shard_id)
{
    OrrShard *shard = orr_members_shard(node->context.members, shard_id);
    OrrMember *primary =
        shard == NULL ? NULL : orr_members_primary_of(node->context.members, shard);

    return primary != NULL && primary->state == ORR_MEMBER_ALIVE ? primary : NULL;
}

void
orr_move_send(OrrNode *node, const OrrAddress *to, OrrMessageType type, const OrrMove *move,
              OrrEffects *out)
{
    OrrMessage message = {.type = type, .move = *move};

    message.move.epoch = orr_node_self(node)->shard->epoch;
    orr_sender_send(&node->sender, out, to, &message);
}

/* A hash that is spread by field has no record that deletes what one slot has of it. */
typedef struct FieldList {
    GPtrArray *names;
} FieldList;

static bool
list_field(const OrrValue *field, void *context)
{
    FieldList *list = context;

    g_ptr_array_add(list->names, g_bytes_new(field->key.data, field->key.size));
    return true;
}

static void
delete_fields(OrrNode *node, const OrrCellName *cell, OrrEffects *out)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    FieldList list = {names};

    (void)orr_keyspace_scan_fields(node->keyspace, cell->slot, cell->key, 0, SIZE_MAX,
                                   list_field, &list);
    for (guint i = 0; i < names->len; i++) {
        gsize size = 0;
        const void *name = g_bytes_get_data(g_ptr_array_index(names, i), &size);
        OrrRecord record = {.kind = ORR_RECORD_DELETE_FIELD,
                            .slot = cell->slot,
                            .key = cell->key,
                            .field = orr_bytes(name, size)};

        orr_node_write(node, &record, out);
    }
}

void
orr_move_delete(OrrNode *node, const OrrCellName *cell, OrrEffects *out)
{
    OrrRecord record = {.kind = ORR_RECORD_DELETE, .slot = cell->slot, .key = cell->key};
    OrrValue value;

    if (orr_keyspace_get(node->keyspace, cell->slot, cell->key, ORR_ANY_TIME, &value) !=
        ORR_OK) {
        return;
    }
    if (value.type == ORR_KEY_HASH &&
        node->config.settings.hash_slot_by == ORR_HASH_SLOT_BY_FIELD) {
        delete_fields(node, cell, out);
    } else {
        orr_node_write(node, &record, out);
    }
}

static bool
newest_field(const OrrValue *field, void *context)
{
    OrrVersion *newest = context;

    *newest = MAX(*newest, field->version);
    return true;
}

bool
orr_move_version(const OrrNode *node, const OrrCellName *cell, OrrVersion *version)
{
    OrrValue value;

    if (orr_keyspace_get(node->keyspace, cell->slot, cell->key, node->context.cluster_ms,
                         &value) != ORR_OK) {
        return false;
    }
    *version = value.version;
    if (value.type == ORR_KEY_HASH) {
        (void)orr_keyspace_scan_fields(node->keyspace, cell->slot, cell->key, 0, VERSION_FIELDS,
                                       newest_field, version);
    }
    return true;
}

bool
orr_node_moves_keys(const OrrNode *node)
{
    return (node->moves->open->len | node->moves->out->len | node->moves->in->len) > 0;
}

void
orr_node_moves_reset(OrrNode *node, OrrEffects *out)
{
    OrrMoves *moves = node->moves;

    orr_out_drop_all(node);
    orr_in_drop_all(node);
    while (moves->open->len > 0) {
        orr_open_clear(node, g_array_index(moves->open, OrrOpenSlot, 0).slot, out);
    }
}

void
orr_node_slot_changed_hands(OrrNode *node, uint16_t slot, OrrEffects *out)
{
    OrrOpenSlot *open = orr_open_find(node->moves, slot);

    if (open == NULL) {
        return;
    }
    orr_open_clear(node, slot, out);
    orr_open_answer(
        node, slot,
        orr_slotmap_owns(node->context.slotmap, slot, &orr_node_self(node)->shard->id)
            ? NULL
            : "ERR the slot has another owner now");
}

/* Replicas */

static OrrMate *
find_mate(OrrMoves *moves, const OrrMember *member)
{
    OrrMate fresh = {member->id, member->incarnation, 0};
    OrrMate *mate;

    for (guint i = 0; i < moves->mates->len; i++) {
        mate = &g_array_index(moves->mates, OrrMate, i);
        if (orr_id_equal(&mate->id, &member->id)) {
            if (mate->incarnation != member->incarnation) {
                *mate = fresh;
            }
            return mate;
        }
    }
    g_array_append_val(moves->mates, fresh);
    return &g_array_index(moves->mates, OrrMate, moves->mates->len - 1);
}

/* Those that may become primary of this shard. */
static bool
is_mate(const OrrNode *node, const OrrMember *member)
{
    const OrrMember *self = orr_node_self(node);

    return member != self && member->shard == self->shard && orr_member_counts(member) &&
           member->role != ORR_ROLE_WITNESS && member->state == ORR_MEMBER_ALIVE;
}

bool
orr_open_is_known(OrrNode *node, uint64_t number)
{
    const OrrMembers *members = node->context.members;

    if (ORR_PLANTED(&node->config.settings, TAKEN_UNTOLD)) {
        return true;
    }
    if (node->moves->on_disk < number) {
        return false;
    }
    for (size_t i = 0; i < members->count; i++) {
        const OrrMember *member = members->list[i];

        if (is_mate(node, member) && find_mate(node->moves, member)->known < number) {
            return false;
        }
    }
    return true;
}

static bool
mate_has(const OrrNode *node, const OrrMember *mate, uint64_t offset)
{
    OrrReplicaView view;

    for (size_t i = 0; orr_replication_replica(node->replication, i, &view) == ORR_OK; i++) {
        if (orr_id_equal(&view.id, &mate->id)) {
            return view.copying || view.acked_offset >= offset;
        }
    }
    return false; /* alive, and not attached: it will be soon, or is found dead */
}

bool
orr_mates_have(const OrrNode *node, uint64_t offset)
{
    const OrrMembers *members = node->context.members;

    if (node->config.settings.replication == ORR_REPLICATION_CACHE) {
        return true;
    }
    for (size_t i = 0; i < members->count; i++) {
        if (is_mate(node, members->list[i]) && !mate_has(node, members->list[i], offset)) {
            return false;
        }
    }
    return true;
}

/* Sends the table to whoever does not know it; sets when to do so again. */
static void
tell_mates(OrrNode *node, OrrEffects *out)
{
    OrrMoves *moves = node->moves;
    const OrrMembers *members = node->context.members;
    g_autoptr(GByteArray) table = orr_open_encode(moves);
    OrrMove move = {.number = moves->number, .body = orr_bytes(table->data, table->len)};

    moves->tell_at = ORR_NEVER;
    moves->members_seen = members->change;
    for (size_t i = 0; i < members->count; i++) {
        const OrrMember *member = members->list[i];

        if (is_mate(node, member) && find_mate(moves, member)->known < moves->number &&
            !ORR_PLANTED(&node->config.settings, TAKEN_UNTOLD)) {
            orr_move_send(node, &member->address, ORR_MESSAGE_MOVE_OPEN, &move, out);
            moves->tell_at = node->now.mono_ns + ORR_MOVE_AGAIN;
        }
    }
}

/* A replica learns the table, keeps it on disk, and says so. */
static void
on_open(OrrNode *node, const OrrMember *peer, const OrrMove *move, OrrEffects *out)
{
    const OrrShard *shard = orr_node_self(node)->shard;
    OrrMoves *moves = node->moves;
    OrrMove answer = {.number = move->number};
    g_autoptr(GByteArray) table = NULL;

    if (orr_node_is_primary(node) || !orr_id_equal(&shard->primary, &peer->id) ||
        move->epoch != shard->epoch) {
        return;
    }
    if (move->epoch == moves->epoch && move->number < moves->number) {
        return; /* older than what is known */
    }
    if (!orr_open_decode(node, move->body)) {
        return;
    }
    moves->epoch = move->epoch;
    moves->number = move->number;
    node->change++;
    table = orr_open_encode(moves);
    orr_persist_moves(node->persist, orr_bytes(table->data, table->len));
    orr_move_send(node, &peer->address, ORR_MESSAGE_MOVE_OPEN_ACK, &answer,
                  orr_persist_commit(node->persist, node->now, NULL, NULL, 0, out));
}

static void
on_open_ack(OrrNode *node, const OrrMember *peer, const OrrMove *move)
{
    if (orr_node_is_primary(node) && peer->shard == orr_node_self(node)->shard &&
        move->number <= node->moves->number && move->epoch == peer->shard->epoch) {
        OrrMate *mate = find_mate(node->moves, peer);

        mate->known = MAX(mate->known, move->number);
    }
}

/* Whoever waits */

void
orr_open_wait(OrrNode *node, uint64_t client, uint16_t slot, uint64_t number)
{
    OrrOpenWait wait = {client, slot, number,
                        node->now.mono_ns + 2 * node->config.settings.node_timeout_ns};

    g_array_append_val(node->moves->waits, wait);
}

static void
answer_wait(OrrNode *node, guint index, const char *error)
{
    OrrOpenWait wait = g_array_index(node->moves->waits, OrrOpenWait, index);

    g_array_remove_index(node->moves->waits, index);
    orr_client_answer_later(node, wait.client, error);
}

void
orr_open_answer(OrrNode *node, uint16_t slot, const char *error)
{
    for (guint i = node->moves->waits->len; i-- > 0;) {
        const OrrOpenWait *wait = &g_array_index(node->moves->waits, OrrOpenWait, i);

        if (wait->slot == slot && (wait->number == 0 || error != NULL)) {
            answer_wait(node, i, error);
        }
    }
}

static void
look_after_waits(OrrNode *node, OrrEffects *out)
{
    for (guint i = node->moves->waits->len; i-- > 0;) {
        OrrOpenWait wait = g_array_index(node->moves->waits, OrrOpenWait, i);

        if (!orr_node_is_primary(node)) {
            answer_wait(node, i, "ERR this node is no longer the primary");
        } else if (wait.number > 0 && orr_open_is_known(node, wait.number)) {
            answer_wait(node, i, NULL);
        } else if (node->now.mono_ns >= wait.until && wait.number > 0) {
            answer_wait(node, i, "ERR the replicas of this shard do not answer; try again");
        } else if (node->now.mono_ns >= wait.until) {
            OrrOpenSlot *open = orr_open_find(node->moves, wait.slot);

            if (open != NULL && open->state == ORR_OPEN_TAKING) {
                (void)orr_open_set(node, wait.slot, ORR_OPEN_IMPORTING, &open->peer, 0, out);
            }
            answer_wait(node, i, "ERR the owner of the slot does not answer; try again");
        }
    }
}

/* Steps */

/* The primary of a new epoch asks before it serves what it found, and tells its replicas. */
static void
follow_role(OrrNode *node, OrrEffects *out)
{
    OrrMoves *moves = node->moves;
    uint64_t reign =
        orr_node_is_primary(node) ? orr_node_self(node)->shard->epoch : UINT64_C(0);

    if (reign == moves->reign) {
        return;
    }
    moves->reign = reign;
    g_array_set_size(moves->mates, 0);
    orr_out_drop_all(node);
    orr_in_drop_all(node);
    for (guint i = 0; i < moves->open->len; i++) {
        OrrOpenSlot *open = &g_array_index(moves->open, OrrOpenSlot, i);

        open->checked = false;
        open->asked = 0;
        open->again_at = 0;
        open->effective = reign > 0; /* its replicas knew, or the last primary's would not */
        if (reign > 0) {
            orr_open_show(node, open);
        } else {
            orr_open_hide(node, open->slot);
        }
    }
    if (reign > 0 && moves->number > 0) {
        orr_open_changed(node, out);
        for (guint i = 0; i < moves->open->len; i++) {
            g_array_index(moves->open, OrrOpenSlot, i).number = moves->number;
        }
    }
    moves->stir = true;
}

static void
put_into_effect(OrrNode *node)
{
    OrrMoves *moves = node->moves;

    for (guint i = 0; i < moves->open->len; i++) {
        OrrOpenSlot *open = &g_array_index(moves->open, OrrOpenSlot, i);

        if (!open->effective && orr_open_is_known(node, open->number)) {
            open->effective = true;
            orr_open_show(node, open);
            node->change++;
        }
    }
}

void
orr_node_moves_settle(OrrNode *node, OrrEffects *out)
{
    OrrMoves *moves = node->moves;

    follow_role(node, out);
    if (moves->reign > 0 && moves->number > 0) {
        if (node->now.mono_ns >= moves->tell_at ||
            moves->members_seen != node->context.members->change) {
            tell_mates(node, out);
        }
        put_into_effect(node);
        orr_take_settle(node, out);
        orr_check_settle(node, out);
    }
    if (moves->waits->len > 0) {
        look_after_waits(node, out);
    }
    if (moves->out->len > 0) {
        orr_out_settle(node, out);
    }
    if (moves->in->len > 0) {
        orr_in_settle(node, out);
    }
    if (moves->stir) {
        moves->stir = false;
        orr_node_unpark(node);
    }
}

OrrTime
orr_node_moves_deadline(const OrrNode *node)
{
    const OrrMoves *moves = node->moves;
    OrrTime deadline = moves->reign > 0 ? moves->tell_at : ORR_NEVER;

    for (guint i = 0; i < moves->waits->len; i++) {
        deadline = MIN(deadline, g_array_index(moves->waits, OrrOpenWait, i).until);
    }
    if (moves->reign > 0 && moves->open->len > 0) {
        deadline = MIN(deadline, orr_take_deadline(node));
        deadline = MIN(deadline, orr_check_deadline(node));
    }
    deadline = MIN(deadline, orr_out_deadline(node));
    return MIN(deadline, orr_in_deadline(node));
}

void
orr_node_on_move(OrrNode *node, OrrMember *peer, const OrrMessage *message, OrrEffects *out)
{
    const OrrMove *move = &message->move;

    if (message->type == ORR_MESSAGE_MOVE_OPEN) {
        on_open(node, peer, move, out);
    } else if (message->type == ORR_MESSAGE_MOVE_OPEN_ACK) {
        on_open_ack(node, peer, move);
    } else if (message->type == ORR_MESSAGE_MOVE_CHUNK) {
        orr_in_on_chunk(node, peer, move, out);
    } else if (message->type == ORR_MESSAGE_MOVE_STORED) {
        orr_out_on_stored(node, peer, move, out);
    } else if (message->type == ORR_MESSAGE_MOVE_COMMIT) {
        orr_in_on_commit(node, peer, move);
    } else if (message->type == ORR_MESSAGE_MOVE_ABORT) {
        orr_in_on_abort(node, peer, move, out);
    } else if (message->type == ORR_MESSAGE_MOVE_ABORTED) {
        orr_out_on_aborted(node, peer, move);
    } else if (message->type == ORR_MESSAGE_MOVE_CHECK) {
        orr_check_on_check(node, peer, move, out);
    } else if (message->type == ORR_MESSAGE_MOVE_CHECKED) {
        orr_check_on_checked(node, peer, move, out);
    } else if (message->type == ORR_MESSAGE_MOVE_TAKE) {
        orr_take_on_take(node, peer, move, out);
    } else if (message->type == ORR_MESSAGE_MOVE_GIVEN) {
        orr_take_on_given(node, peer, move, out);
    }
}

void
orr_node_moves_link(OrrNode *node, const OrrAddress *peer, OrrLinkState state, OrrEffects *out)
{
    if (state == ORR_LINK_DOWN || state == ORR_LINK_REFUSED) {
        orr_out_link_down(node, peer, out);
        orr_forward_link_down(node, peer);
    }
}
