/* move_out.c - transfers of a source: keys go out in pieces, and are deleted when they have
 * arrived. */
#include "node/moves/move.h"

#include "node/clients/client.h"
#include "node/commands/command_util.h"
#include "node/moves/migrate.h"
#include "wire/bytes.h"

void
orr_transfer_free(gpointer data)
{
    OrrTransfer *transfer = data;

    g_ptr_array_unref(transfer->cells);
    g_byte_array_unref(transfer->buffer);
    g_free(transfer);
}

static void
freeze(OrrNode *node, OrrTransfer *transfer)
{
    for (guint i = 0; i < transfer->cells->len; i++) {
        GBytes *cell = g_ptr_array_index(transfer->cells, i);

        g_hash_table_insert(node->moves->frozen, g_bytes_ref(cell), transfer);
    }
}

static void
thaw(OrrNode *node, OrrTransfer *transfer)
{
    for (guint i = 0; i < transfer->cells->len; i++) {
        g_hash_table_remove(node->moves->frozen, g_ptr_array_index(transfer->cells, i));
    }
    node->moves->stir = true;
}

static void
answer(OrrNode *node, OrrTransfer *transfer, const char *error)
{
    if (transfer->client != 0) {
        orr_client_answer_later(node, transfer->client, error);
        transfer->client = 0;
    }
}

static void
finish(OrrNode *node, OrrTransfer *transfer, const char *error)
{
    thaw(node, transfer);
    answer(node, transfer, error);
    g_ptr_array_remove(node->moves->out, transfer);
}

bool
orr_node_is_frozen(const OrrNode *node, uint16_t slot, OrrBytes key)
{
    const OrrMoves *moves = node->moves;
    g_autoptr(GBytes) cell = NULL;

    if (moves->out->len == 0) {
        return false;
    }
    cell = orr_cell_bytes(slot, key);
    return g_hash_table_contains(moves->frozen, cell);
}

/* Sending */

typedef struct FieldReader {
    OrrTransfer *transfer;
    OrrCellName cell;
} FieldReader;

static void
add_record(OrrTransfer *transfer, const OrrRecord *record)
{
    guint at = transfer->buffer->len;

    g_byte_array_set_size(transfer->buffer, at + (guint)orr_record_size(record));
    (void)orr_record_encode(record, transfer->buffer->data + at);
}

static bool
add_field(const OrrValue *field, void *context)
{
    const FieldReader *reader = context;
    OrrRecord record = {.kind = ORR_RECORD_HASH_FIELD,
                        .version = field->version,
                        .expire_ms = field->expire_ms,
                        .key = reader->cell.key,
                        .field = field->key,
                        .value = field->value};

    add_record(reader->transfer, &record);
    return true;
}

static void
read_cell(OrrNode *node, OrrTransfer *transfer)
{
    OrrCellName cell = orr_cell_name(g_ptr_array_index(transfer->cells, transfer->cell));
    FieldReader reader = {transfer, cell};
    OrrValue value;

    if (orr_keyspace_get(node->keyspace, cell.slot, cell.key, node->context.cluster_ms,
                         &value) != ORR_OK) {
        transfer->cursor = 0; /* it has expired meanwhile */
    } else if (value.type == ORR_KEY_STRING) {
        OrrRecord record = {.kind = ORR_RECORD_STRING,
                            .version = value.version,
                            .expire_ms = value.expire_ms,
                            .key = cell.key,
                            .value = value.value};

        add_record(transfer, &record);
    } else {
        transfer->cursor = orr_keyspace_scan_fields(node->keyspace, cell.slot, cell.key,
                                                    transfer->cursor, 64, add_field, &reader);
    }
    if (transfer->cursor == 0) {
        transfer->cell++;
    }
}

static void
read_more(OrrNode *node, OrrTransfer *transfer)
{
    g_byte_array_set_size(transfer->buffer, 0);
    transfer->taken = 0;
    while (transfer->buffer->len < ORR_MOVE_CHUNK_SIZE &&
           transfer->cell < transfer->cells->len) {
        read_cell(node, transfer);
    }
    transfer->read = transfer->cell == transfer->cells->len;
}

/* Whole records from the front of the buffer, as many as fit one frame. */
static OrrBytes
take_frame(OrrTransfer *transfer)
{
    OrrBytes rest = orr_bytes(transfer->buffer->data + transfer->taken,
                              transfer->buffer->len - transfer->taken);
    size_t size = 0;

    while (size < rest.size) {
        size_t record = 4u + (size_t)orr_load_u32(rest.data + size);

        if (size > 0 && size + record > ORR_MOVE_FRAME_MAX) {
            break;
        }
        size += record;
    }
    transfer->taken += size;
    return orr_bytes(rest.data, size);
}

static void
send_frame(OrrNode *node, OrrTransfer *transfer, OrrEffects *out)
{
    OrrCellName first = orr_cell_name(g_ptr_array_index(transfer->cells, 0));
    OrrMove move = {.number = transfer->number, .index = transfer->sent++, .slot = first.slot};

    move.body = take_frame(transfer);
    move.flags = (uint8_t)((transfer->replace ? ORR_CHUNK_REPLACE : 0u) |
                           (transfer->copy ? ORR_CHUNK_COPY : 0u));
    if (transfer->read && transfer->taken == transfer->buffer->len) {
        move.flags |= ORR_CHUNK_LAST;
        transfer->phase = ORR_TRANSFER_SENT;
    }
    orr_move_send(node, &transfer->to, ORR_MESSAGE_MOVE_CHUNK, &move, out);
}

static void
pump(OrrNode *node, OrrTransfer *transfer, OrrEffects *out)
{
    while (transfer->phase == ORR_TRANSFER_SENDING &&
           transfer->sent - transfer->acked < ORR_MOVE_WINDOW) {
        if (transfer->taken == transfer->buffer->len && !transfer->read) {
            read_more(node, transfer);
        }
        send_frame(node, transfer, out);
    }
}

/* Giving up */

static void
ask_to_abort(OrrNode *node, OrrTransfer *transfer, OrrEffects *out)
{
    const OrrMember *primary = orr_move_primary(node, &transfer->shard);
    OrrCellName first = orr_cell_name(g_ptr_array_index(transfer->cells, 0));
    OrrMove move = {.number = transfer->number, .slot = first.slot};

    transfer->again_at = node->now.mono_ns + ORR_MOVE_AGAIN;
    if (primary != NULL) {
        orr_move_send(node, &primary->address, ORR_MESSAGE_MOVE_ABORT, &move, out);
    }
}

/* What the target has must be gone before this node serves the keys as if nothing had been;
 * then, if there is time, it begins anew, perhaps with another primary of that shard. */
static void
interrupt(OrrNode *node, OrrTransfer *transfer, OrrEffects *out)
{
    transfer->phase = ORR_TRANSFER_ABORTING;
    ask_to_abort(node, transfer, out);
}

static void
give_up(OrrNode *node, OrrTransfer *transfer, const char *error, OrrEffects *out)
{
    orr_node_trace(node, ORR_TRACE_NOTE, NULL, "a transfer of keys was given up", out);
    node->statistics.moves_given_up++;
    interrupt(node, transfer, out);
    answer(node, transfer, error);
}

static void
begin_anew(OrrNode *node, OrrTransfer *transfer, OrrTime at_ns)
{
    transfer->number = orr_move_next_number(node);
    transfer->phase = ORR_TRANSFER_WAITING;
    transfer->again_at = at_ns;
    transfer->cell = 0;
    transfer->cursor = 0;
    transfer->taken = 0;
    transfer->read = false;
    transfer->sent = 0;
    transfer->acked = 0;
    g_byte_array_set_size(transfer->buffer, 0);
}

static bool
is_sending(const OrrTransfer *transfer)
{
    return transfer->phase == ORR_TRANSFER_SENDING || transfer->phase == ORR_TRANSFER_SENT;
}

void
orr_out_link_down(OrrNode *node, const OrrAddress *peer, OrrEffects *out)
{
    GPtrArray *transfers = node->moves->out;

    for (guint i = 0; i < transfers->len; i++) {
        OrrTransfer *transfer = g_ptr_array_index(transfers, i);

        if (is_sending(transfer) && memcmp(transfer->to.ip, peer->ip, 16) == 0 &&
            transfer->to.bus_port == peer->bus_port) {
            interrupt(node, transfer, out);
        }
    }
}

void
orr_out_drop_all(OrrNode *node)
{
    GPtrArray *transfers = node->moves->out;

    while (transfers->len > 0) {
        finish(node, g_ptr_array_index(transfers, transfers->len - 1), ORR_ERROR_MIGRATE_IO);
    }
}

/* Answers of the target */

static OrrTransfer *
find_transfer(const OrrNode *node, uint64_t number)
{
    for (guint i = 0; i < node->moves->out->len; i++) {
        OrrTransfer *transfer = g_ptr_array_index(node->moves->out, i);

        if (transfer->number == number) {
            return transfer;
        }
    }
    return NULL;
}

static const char *
error_of(OrrMoveVerdict verdict)
{
    switch (verdict) {
    case ORR_MOVE_TAKEN:
    case ORR_MOVE_KEPT:
    case ORR_MOVE_LOST:
    case ORR_MOVE_LATER:
        break;
    case ORR_MOVE_BUSY:
        return "ERR Target instance replied with error: BUSYKEY Target key name already "
               "exists.";
    case ORR_MOVE_NOT_HERE:
        return "ERR Target instance replied with error: CLUSTERDOWN it neither owns nor "
               "imports the slot";
    case ORR_MOVE_NO_ROOM:
        return "ERR Target instance replied with error: OOM command not allowed when used "
               "memory > 'maxmemory'.";
    }
    return ORR_ERROR_MIGRATE_IO;
}

void
orr_out_on_stored(OrrNode *node, OrrMember *peer, const OrrMove *move, OrrEffects *out)
{
    OrrTransfer *transfer = find_transfer(node, move->number);

    if (transfer == NULL || !is_sending(transfer) ||
        !orr_id_equal(&peer->shard->id, &transfer->shard)) {
        return;
    }
    if (move->verdict == ORR_MOVE_LATER) {
        begin_anew(node, transfer, node->now.mono_ns + ORR_MOVE_AGAIN);
        return;
    }
    transfer->until = node->now.mono_ns + transfer->patience_ns;
    switch ((OrrMoveVerdict)move->verdict) {
    case ORR_MOVE_TAKEN:
        transfer->acked = MAX(transfer->acked, MIN(move->index + 1, transfer->sent));
        pump(node, transfer, out);
        break;
    case ORR_MOVE_KEPT:
        if (transfer->phase == ORR_TRANSFER_SENT) {
            transfer->phase = ORR_TRANSFER_STORED;
        }
        break;
    case ORR_MOVE_LATER:
    case ORR_MOVE_LOST:
        interrupt(node, transfer, out);
        break;
    case ORR_MOVE_BUSY:
    case ORR_MOVE_NOT_HERE:
    case ORR_MOVE_NO_ROOM: /* it has thrown away what it had taken */
        finish(node, transfer, error_of((OrrMoveVerdict)move->verdict));
        break;
    }
}

void
orr_out_on_aborted(OrrNode *node, OrrMember *peer, const OrrMove *move)
{
    OrrTransfer *transfer = find_transfer(node, move->number);

    if (transfer != NULL && transfer->phase == ORR_TRANSFER_ABORTING &&
        orr_id_equal(&peer->shard->id, &transfer->shard)) {
        if (transfer->client != 0 && node->now.mono_ns < transfer->until) {
            begin_anew(node, transfer, node->now.mono_ns);
        } else {
            finish(node, transfer, ORR_ERROR_MIGRATE_IO);
        }
    }
}

/* Steps */

static void
commit(OrrNode *node, OrrTransfer *transfer, OrrEffects *out)
{
    OrrMove move = {.number = transfer->number};

    orr_move_send(node, &transfer->to, ORR_MESSAGE_MOVE_COMMIT, &move, out);
    finish(node, transfer, NULL);
}

static void
delete_cells(OrrNode *node, OrrTransfer *transfer, OrrEffects *out)
{
    for (guint i = 0; i < transfer->cells->len; i++) {
        OrrCellName cell = orr_cell_name(g_ptr_array_index(transfer->cells, i));

        orr_move_delete(node, &cell, out);
    }
    node->statistics.keys_moved_out += transfer->cells->len;
    transfer->offset = orr_replication_offset(node->replication);
    transfer->phase = ORR_TRANSFER_DELETED;
    transfer->until = node->now.mono_ns + 2 * node->config.settings.node_timeout_ns;
    orr_node_flush_data(node, out);
    orr_replication_ask_acks(node->replication, node->now, out);
}

/* To whoever is primary there now. */
static void
go_on(OrrNode *node, OrrTransfer *transfer, OrrEffects *out)
{
    const OrrMember *primary = orr_move_primary(node, &transfer->shard);

    if (node->now.mono_ns >= transfer->until) {
        finish(node, transfer, ORR_ERROR_MIGRATE_IO); /* nothing of it is anywhere else */
    } else if (node->now.mono_ns >= transfer->again_at) {
        transfer->again_at = node->now.mono_ns + ORR_MOVE_AGAIN;
        if (primary != NULL) {
            transfer->to = primary->address;
            transfer->phase = ORR_TRANSFER_SENDING;
            pump(node, transfer, out);
        }
    }
}

static void
look_after(OrrNode *node, OrrTransfer *transfer, OrrEffects *out)
{
    OrrTime now_ns = node->now.mono_ns;

    switch (transfer->phase) {
    case ORR_TRANSFER_WAITING:
        go_on(node, transfer, out);
        break;
    case ORR_TRANSFER_SENDING:
    case ORR_TRANSFER_SENT:
        if (now_ns >= transfer->until) {
            give_up(node, transfer, ORR_ERROR_MIGRATE_IO, out);
        }
        break;
    case ORR_TRANSFER_STORED:
        if (transfer->copy) {
            commit(node, transfer, out);
        } else if (node->fence == ORR_FENCE_NONE) {
            delete_cells(node, transfer, out);
        }
        break;
    case ORR_TRANSFER_DELETED:
        if (now_ns >= transfer->until || orr_mates_have(node, transfer->offset)) {
            commit(node, transfer, out);
        }
        break;
    case ORR_TRANSFER_ABORTING:
        if (now_ns >= transfer->again_at) {
            ask_to_abort(node, transfer, out);
        }
        if (now_ns >= transfer->until) {
            answer(node, transfer, ORR_ERROR_MIGRATE_IO);
        }
        break;
    }
}

void
orr_out_settle(OrrNode *node, OrrEffects *out)
{
    GPtrArray *transfers = node->moves->out;

    for (guint i = transfers->len; i-- > 0;) {
        look_after(node, g_ptr_array_index(transfers, i), out);
    }
}

OrrTime
orr_out_deadline(const OrrNode *node)
{
    const GPtrArray *transfers = node->moves->out;
    OrrTime deadline = ORR_NEVER;

    for (guint i = 0; i < transfers->len; i++) {
        const OrrTransfer *transfer = g_ptr_array_index(transfers, i);

        if (transfer->phase == ORR_TRANSFER_ABORTING ||
            transfer->phase == ORR_TRANSFER_WAITING) {
            deadline = MIN(deadline, transfer->again_at);
        } else if (transfer->phase != ORR_TRANSFER_STORED) {
            deadline = MIN(deadline, transfer->until);
        }
    }
    return deadline;
}

/* Beginning */

static bool
has(const OrrNode *node, uint16_t slot, OrrBytes key)
{
    OrrValue value;

    return orr_keyspace_get(node->keyspace, slot, key, node->context.cluster_ms, &value) ==
           ORR_OK;
}

/* The slot whose objects of these keys go to `shard`: that of the keys, or with `hash-slot-by:
 * field`, where one key has objects in many, the first open one that has any. */
static uint16_t
slot_of_wish(const OrrNode *node, const OrrMigrate *wish)
{
    const GArray *open = node->moves->open;

    for (guint i = 0;
         node->config.settings.hash_slot_by == ORR_HASH_SLOT_BY_FIELD && i < open->len; i++) {
        const OrrOpenSlot *one = &g_array_index(open, OrrOpenSlot, i);

        for (size_t k = 0; k < wish->key_count; k++) {
            if (orr_id_equal(&one->peer, &wish->target->shard->id) &&
                has(node, one->slot, wish->keys[k])) {
                return one->slot;
            }
        }
    }
    return orr_slot_of_key(wish->keys[0]);
}

OrrMigrateStatus
orr_node_migrate(OrrNode *node, const OrrMigrate *wish, OrrEffects *out)
{
    g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    OrrTransfer *transfer;
    uint16_t slot;

    if (node->moves->out->len >= ORR_TRANSFERS_MAX) {
        return ORR_MIGRATE_BUSY;
    }
    slot = slot_of_wish(node, wish);
    for (size_t i = 0; i < wish->key_count; i++) {
        if (has(node, slot, wish->keys[i])) {
            g_ptr_array_add(cells, orr_cell_bytes(slot, wish->keys[i]));
        }
    }
    if (cells->len == 0) {
        return ORR_MIGRATE_NO_KEY;
    }
    transfer = g_new0(OrrTransfer, 1);
    transfer->number = orr_move_next_number(node);
    transfer->client = wish->client;
    transfer->shard = wish->target->shard->id;
    transfer->to = wish->target->address;
    transfer->copy = wish->copy;
    transfer->replace = wish->replace;
    transfer->cells = g_steal_pointer(&cells);
    transfer->buffer = g_byte_array_new();
    transfer->patience_ns = wish->timeout_ns;
    transfer->until = node->now.mono_ns + wish->timeout_ns;
    g_ptr_array_add(node->moves->out, transfer);
    freeze(node, transfer);
    pump(node, transfer, out);
    return ORR_MIGRATE_BEGUN;
}

OrrTransfer *
orr_out_transfer_of(const OrrNode *node, const OrrCellName *name)
{
    g_autoptr(GBytes) cell = orr_cell_bytes(name->slot, name->key);

    return g_hash_table_lookup(node->moves->frozen, cell);
}
