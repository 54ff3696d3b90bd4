/* move_in.c - arrivals at a target: keys come in pieces, are stored and replicated, and are
 * served when the source says that it has them no longer. */
#include "node/moves/move.h"

void
orr_arrival_free(gpointer data)
{
    OrrArrival *arrival = data;

    g_ptr_array_unref(arrival->cells);
    g_hash_table_unref(arrival->kept);
    g_free(arrival);
}

static OrrArrival *
find_arrival(const OrrNode *node, const OrrId *sender, uint64_t number)
{
    for (guint i = 0; i < node->moves->in->len; i++) {
        OrrArrival *arrival = g_ptr_array_index(node->moves->in, i);

        if (arrival->number == number && orr_id_equal(&arrival->sender, sender)) {
            return arrival;
        }
    }
    return NULL;
}

OrrArrival *
orr_in_asked(const OrrNode *node, uint64_t question)
{
    for (guint i = 0; i < node->moves->in->len; i++) {
        OrrArrival *arrival = g_ptr_array_index(node->moves->in, i);

        if (arrival->asked == question) {
            return arrival;
        }
    }
    return NULL;
}

bool
orr_node_is_staged(const OrrNode *node, uint16_t slot, OrrBytes key)
{
    const OrrMoves *moves = node->moves;
    g_autoptr(GBytes) cell = NULL;

    if (moves->in->len == 0) {
        return false;
    }
    cell = orr_cell_bytes(slot, key);
    return g_hash_table_contains(moves->staged, cell);
}

/* Ends */

/* Remembers it, so that a piece that comes late begins nothing new. */
static void
note_done(OrrMoves *moves, const OrrId *sender, uint64_t number)
{
    OrrMate fresh = {*sender, 0, number};

    for (guint i = 0; i < moves->done->len; i++) {
        OrrMate *done = &g_array_index(moves->done, OrrMate, i);

        if (orr_id_equal(&done->id, sender)) {
            done->known = MAX(done->known, number);
            return;
        }
    }
    g_array_append_val(moves->done, fresh);
}

static bool
is_done(const OrrMoves *moves, const OrrId *sender, uint64_t number)
{
    for (guint i = 0; i < moves->done->len; i++) {
        const OrrMate *done = &g_array_index(moves->done, OrrMate, i);

        if (orr_id_equal(&done->id, sender)) {
            return number <= done->known;
        }
    }
    return false;
}

static void
forget_arrival(OrrNode *node, OrrArrival *arrival)
{
    OrrMoves *moves = node->moves;

    for (guint i = 0; i < arrival->cells->len; i++) {
        GBytes *cell = g_ptr_array_index(arrival->cells, i);

        if (g_hash_table_lookup(moves->staged, cell) == arrival) {
            g_hash_table_remove(moves->staged, cell);
        }
    }
    note_done(moves, &arrival->sender, arrival->number);
    moves->stir = true;
    g_ptr_array_remove(moves->in, arrival);
}

static void
throw_away(OrrNode *node, OrrArrival *arrival, OrrEffects *out)
{
    for (guint i = 0; i < arrival->cells->len; i++) {
        GBytes *bytes = g_ptr_array_index(arrival->cells, i);

        if (g_hash_table_lookup(node->moves->staged, bytes) == arrival) {
            OrrCellName cell = orr_cell_name(bytes);

            orr_move_delete(node, &cell, out);
        }
    }
    forget_arrival(node, arrival);
}

void
orr_in_drop_all(OrrNode *node)
{
    GPtrArray *arrivals = node->moves->in;

    while (arrivals->len > 0) {
        forget_arrival(node, g_ptr_array_index(arrivals, arrivals->len - 1));
    }
}

void
orr_in_drop_slot(OrrNode *node, uint16_t slot, OrrEffects *out)
{
    GPtrArray *arrivals = node->moves->in;

    for (guint i = arrivals->len; i-- > 0;) {
        OrrArrival *arrival = g_ptr_array_index(arrivals, i);

        if (arrival->slot == slot) {
            throw_away(node, arrival, out);
        }
    }
}

void
orr_in_resolve(OrrNode *node, const OrrCellName *cell, bool keep, OrrEffects *out)
{
    g_autoptr(GBytes) bytes = orr_cell_bytes(cell->slot, cell->key);
    OrrArrival *arrival = g_hash_table_lookup(node->moves->staged, bytes);

    if (!keep || (arrival != NULL && !arrival->whole)) {
        orr_move_delete(node, cell, out);
    }
    if (arrival == NULL) {
        return;
    }
    g_hash_table_remove(node->moves->staged, bytes);
    node->moves->stir = true;
    for (guint i = 0; i < arrival->cells->len; i++) {
        if (g_bytes_equal(g_ptr_array_index(arrival->cells, i), bytes)) {
            g_ptr_array_remove_index(arrival->cells, i);
            break;
        }
    }
    if (arrival->cells->len == 0) {
        forget_arrival(node, arrival);
    }
}

/* Pieces */

static void
tell(OrrNode *node, const OrrMember *peer, const OrrMove *piece, OrrMoveVerdict verdict,
     OrrEffects *out)
{
    OrrMove move = {.number = piece->number, .index = piece->index, .slot = piece->slot};

    move.verdict = (uint8_t)verdict;
    orr_move_send(node, &peer->address, ORR_MESSAGE_MOVE_STORED, &move, out);
}

/* Whether keys of this slot may come from there now. */
static OrrMoveVerdict
admit(const OrrNode *node, const OrrMember *peer, uint16_t slot)
{
    const OrrSettings *settings = &node->config.settings;
    const OrrOpenSlot *open = orr_open_find(node->moves, slot);
    bool imports = open != NULL && open->state != ORR_OPEN_MIGRATING &&
                   orr_id_equal(&open->peer, &peer->shard->id);

    if (node->fence != ORR_FENCE_NONE || node->moves->in->len >= ORR_TRANSFERS_MAX ||
        (imports && !open->checked)) {
        return ORR_MOVE_LATER;
    }
    if (!imports &&
        !orr_slotmap_owns(node->context.slotmap, slot, &orr_node_self(node)->shard->id)) {
        return ORR_MOVE_NOT_HERE;
    }
    if (settings->maxmemory > 0 && orr_keyspace_memory(node->keyspace) > settings->maxmemory) {
        return ORR_MOVE_NO_ROOM;
    }
    return ORR_MOVE_TAKEN;
}

static OrrArrival *
begin(OrrNode *node, const OrrMember *peer, const OrrMove *piece)
{
    OrrArrival *arrival = g_new0(OrrArrival, 1);

    arrival->sender = peer->id;
    arrival->number = piece->number;
    arrival->shard = peer->shard->id;
    arrival->slot = piece->slot;
    arrival->cells = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    arrival->kept =
        g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
    g_ptr_array_add(node->moves->in, arrival);
    return arrival;
}

/* The first record of an object: what becomes of what is here under that name? */
static OrrMoveVerdict
make_way(OrrNode *node, OrrArrival *arrival, GBytes *bytes, unsigned flags, OrrEffects *out)
{
    OrrCellName cell = orr_cell_name(bytes);
    OrrArrival *older = g_hash_table_lookup(node->moves->staged, bytes);
    bool owned =
        orr_slotmap_owns(node->context.slotmap, cell.slot, &orr_node_self(node)->shard->id);
    OrrValue value;

    if (older != NULL) {
        orr_in_resolve(node, &cell, false, out); /* of a transfer that was given up */
    } else if (orr_keyspace_get(node->keyspace, cell.slot, cell.key, node->context.cluster_ms,
                                &value) == ORR_OK) {
        if (owned && (flags & ORR_CHUNK_REPLACE) == 0) {
            return ORR_MOVE_BUSY;
        }
        if (!owned) { /* served here before: the source's copy came back from the dead */
            g_hash_table_add(arrival->kept, g_bytes_ref(bytes));
            return ORR_MOVE_TAKEN;
        }
    }
    orr_move_delete(node, &cell, out);
    g_ptr_array_add(arrival->cells, g_bytes_ref(bytes));
    g_hash_table_insert(node->moves->staged, g_bytes_ref(bytes), arrival);
    return ORR_MOVE_TAKEN;
}

static OrrMoveVerdict
take_record(OrrNode *node, OrrArrival *arrival, OrrRecord *record, unsigned flags,
            OrrEffects *out)
{
    bool field = record->kind == ORR_RECORD_HASH_FIELD;
    g_autoptr(GBytes) cell = NULL;

    if (!field && record->kind != ORR_RECORD_STRING) {
        return ORR_MOVE_LOST;
    }
    orr_record_set_slot(record, node->config.settings.hash_slot_by);
    cell = orr_cell_bytes(record->slot, record->key);
    if (g_hash_table_lookup(node->moves->staged, cell) != arrival &&
        !g_hash_table_contains(arrival->kept, cell)) {
        OrrMoveVerdict verdict = make_way(node, arrival, cell, flags, out);

        if (verdict != ORR_MOVE_TAKEN) {
            return verdict;
        }
    }
    if (!g_hash_table_contains(arrival->kept, cell)) {
        orr_node_write_as(node, record, out);
    }
    return ORR_MOVE_TAKEN;
}

static OrrMoveVerdict
take_records(OrrNode *node, OrrArrival *arrival, const OrrMove *piece, OrrEffects *out)
{
    OrrBytes rest = piece->body;
    OrrMoveVerdict verdict = ORR_MOVE_TAKEN;

    while (rest.size > 0 && verdict == ORR_MOVE_TAKEN) {
        OrrRecord record;
        size_t used = 0;

        if (orr_record_decode(rest, &record, &used) != ORR_OK) {
            return ORR_MOVE_LOST;
        }
        verdict = take_record(node, arrival, &record, piece->flags, out);
        rest = orr_bytes(rest.data + used, rest.size - used);
    }
    return verdict;
}

static void
on_arrival_stored(void *owner, OrrStatus status, uint64_t number, OrrNow now, OrrEffects *out)
{
    OrrNode *node = owner;

    (void)now;
    (void)out;
    for (guint i = 0; i < node->moves->in->len; i++) {
        OrrArrival *arrival = g_ptr_array_index(node->moves->in, i);

        if (arrival->ticket == number) {
            arrival->on_disk = status == ORR_OK;
        }
    }
}

/* The last piece: told when it is as safe as any acknowledged write. */
static void
complete(OrrNode *node, OrrArrival *arrival, OrrEffects *out)
{
    arrival->whole = true;
    node->statistics.keys_moved_in += arrival->cells->len;
    orr_node_flush_data(node, out);
    arrival->offset = orr_replication_offset(node->replication);
    arrival->on_disk = node->log_op == 0;
    if (!arrival->on_disk) {
        arrival->ticket = orr_move_next_number(node);
        (void)orr_gate_hold(node->gate, node->log_op, on_arrival_stored, node, arrival->ticket);
    }
    orr_replication_ask_acks(node->replication, node->now, out);
}

void
orr_in_on_chunk(OrrNode *node, OrrMember *peer, const OrrMove *move, OrrEffects *out)
{
    OrrArrival *arrival = find_arrival(node, &peer->id, move->number);
    OrrMoveVerdict verdict = admit(node, peer, move->slot);

    if (!orr_node_is_primary(node) || !orr_member_is_primary(peer)) {
        return;
    }
    if (arrival == NULL) {
        if (is_done(node->moves, &peer->id, move->number)) {
            return;
        }
        if (verdict == ORR_MOVE_TAKEN && move->index > 0) {
            verdict = ORR_MOVE_LOST;
        }
        if (verdict != ORR_MOVE_TAKEN) {
            tell(node, peer, move, verdict, out);
            return;
        }
        arrival = begin(node, peer, move);
    }
    if (move->index != arrival->next || arrival->whole) {
        return; /* one that came twice; or one is missing, and the source will give up */
    }
    if (verdict == ORR_MOVE_TAKEN) {
        verdict = take_records(node, arrival, move, out);
    }
    if (verdict != ORR_MOVE_TAKEN) {
        throw_away(node, arrival, out);
        tell(node, peer, move, verdict, out);
        return;
    }
    arrival->next++;
    arrival->again_at = node->now.mono_ns + ORR_MOVE_SILENCE;
    tell(node, peer, move, ORR_MOVE_TAKEN, out);
    if ((move->flags & ORR_CHUNK_LAST) != 0) {
        complete(node, arrival, out);
    }
}

void
orr_in_on_commit(OrrNode *node, OrrMember *peer, const OrrMove *move)
{
    OrrArrival *arrival = find_arrival(node, &peer->id, move->number);

    if (arrival != NULL && arrival->told) {
        forget_arrival(node, arrival);
    }
}

void
orr_in_on_abort(OrrNode *node, OrrMember *peer, const OrrMove *move, OrrEffects *out)
{
    OrrArrival *arrival = find_arrival(node, &peer->id, move->number);
    const OrrOpenSlot *open = orr_open_find(node->moves, move->slot);
    OrrMove answer = {.number = move->number, .slot = move->slot};

    if (!orr_node_is_primary(node) || node->fence != ORR_FENCE_NONE) {
        return;
    }
    if (arrival != NULL) {
        throw_away(node, arrival, out);
    } else if (open != NULL && open->state != ORR_OPEN_MIGRATING && !open->checked) {
        return; /* what the primary before this one had taken is still to be found */
    }
    note_done(node->moves, &peer->id, move->number);
    orr_move_send(node, &peer->address, ORR_MESSAGE_MOVE_ABORTED, &answer, out);
}

/* Steps */

static void
tell_when_safe(OrrNode *node, OrrArrival *arrival, OrrEffects *out)
{
    bool naive = ORR_PLANTED(&node->config.settings, MOVED_UNREPLICATED);
    OrrMember *sender = orr_members_find(node->context.members, &arrival->sender);
    OrrMove move = {.number = arrival->number, .index = arrival->next, .slot = arrival->slot};

    if (sender != NULL && arrival->on_disk &&
        (naive || orr_mates_have(node, arrival->offset))) {
        move.verdict = ORR_MOVE_KEPT;
        arrival->told = true;
        arrival->again_at = node->now.mono_ns + ORR_MOVE_SILENCE;
        orr_move_send(node, &sender->address, ORR_MESSAGE_MOVE_STORED, &move, out);
    }
}

void
orr_in_settle(OrrNode *node, OrrEffects *out)
{
    GPtrArray *arrivals = node->moves->in;

    for (guint i = arrivals->len; i-- > 0;) {
        OrrArrival *arrival = g_ptr_array_index(arrivals, i);

        if (arrival->whole && !arrival->told) {
            tell_when_safe(node, arrival, out);
        }
        if (node->now.mono_ns >= arrival->again_at) {
            arrival->again_at = node->now.mono_ns + ORR_MOVE_SILENCE;
            orr_check_arrival(node, arrival, out);
        }
    }
}

OrrTime
orr_in_deadline(const OrrNode *node)
{
    const GPtrArray *arrivals = node->moves->in;
    OrrTime deadline = ORR_NEVER;

    for (guint i = 0; i < arrivals->len; i++) {
        deadline = MIN(deadline, ((OrrArrival *)g_ptr_array_index(arrivals, i))->again_at);
    }
    return deadline;
}
