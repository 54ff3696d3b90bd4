/* move_open.c - the table of open slots: which slots are on their way, to or from whom. It is
 * on disk and at the replicas before it takes effect. */
#include "node/moves/move.h"

#include "wire/bytes.h"

#define OPEN_FORMAT 1u                               /* the first byte of a table */
#define OPEN_ENTRY_SIZE (2u + 1u + ORR_ID_SIZE + 8u) /* bytes of one, encoded */

OrrOpenSlot *
orr_open_find(const OrrMoves *moves, uint16_t slot)
{
    for (guint i = 0; i < moves->open->len; i++) {
        OrrOpenSlot *open = &g_array_index(moves->open, OrrOpenSlot, i);

        if (open->slot == slot) {
            return open;
        }
    }
    return NULL;
}

static OrrOpenSlot *
find_or_add(OrrMoves *moves, uint16_t slot)
{
    OrrOpenSlot fresh = {.slot = slot};
    guint at = 0;

    while (at < moves->open->len && g_array_index(moves->open, OrrOpenSlot, at).slot < slot) {
        at++;
    }
    if (at == moves->open->len || g_array_index(moves->open, OrrOpenSlot, at).slot != slot) {
        g_array_insert_val(moves->open, at, fresh);
    }
    return &g_array_index(moves->open, OrrOpenSlot, at);
}

GByteArray *
orr_open_encode(const OrrMoves *moves)
{
    GByteArray *bytes = g_byte_array_sized_new(1 + moves->open->len * OPEN_ENTRY_SIZE);
    uint8_t text[OPEN_ENTRY_SIZE] = {OPEN_FORMAT};

    g_byte_array_append(bytes, text, 1);
    for (guint i = 0; i < moves->open->len; i++) {
        const OrrOpenSlot *open = &g_array_index(moves->open, OrrOpenSlot, i);
        OrrWriter writer = {text, 0};

        orr_put_u16(&writer, open->slot);
        orr_put_u8(&writer, (uint8_t)open->state);
        orr_put_id(&writer, &open->peer);
        orr_put_u64(&writer, open->version);
        g_byte_array_append(bytes, text, (guint)writer.used);
    }
    return bytes;
}

void
orr_open_show(OrrNode *node, const OrrOpenSlot *open)
{
    orr_slotmap_set_state(node->context.slotmap, open->slot,
                          open->state == ORR_OPEN_MIGRATING ? ORR_SLOT_MIGRATING
                                                            : ORR_SLOT_IMPORTING,
                          &open->peer);
}

void
orr_open_hide(OrrNode *node, uint16_t slot)
{
    orr_slotmap_set_state(node->context.slotmap, slot, ORR_SLOT_STABLE, &ORR_ID_NONE);
}

bool
orr_open_decode(OrrNode *node, OrrBytes bytes)
{
    OrrMoves *moves = node->moves;
    OrrReader reader = {bytes, false};

    if (orr_take_u8(&reader) != OPEN_FORMAT || reader.rest.size % OPEN_ENTRY_SIZE != 0) {
        return false;
    }
    g_array_set_size(moves->open, 0);
    while (reader.rest.size > 0) {
        uint16_t slot = orr_take_u16(&reader);
        unsigned state = orr_take_u8(&reader);
        OrrId peer = orr_take_id(&reader);
        uint64_t version = orr_take_u64(&reader);

        if (slot < ORR_SLOT_COUNT && state >= ORR_OPEN_MIGRATING && state <= ORR_OPEN_TAKING) {
            OrrOpenSlot *open = find_or_add(moves, slot);

            open->state = (OrrOpenState)state;
            open->peer = peer;
            open->version = version;
        }
    }
    return true;
}

void
orr_node_restore_moves(OrrNode *node, OrrBytes table)
{
    (void)orr_open_decode(node, table);
    node->moves->number = 1; /* there was one: its replicas may know of it */
}

static void
on_table_stored(void *owner, OrrStatus status, uint64_t number, OrrNow now, OrrEffects *out)
{
    OrrNode *node = owner;

    (void)now;
    (void)out;
    if (status == ORR_OK) {
        node->moves->on_disk = MAX(node->moves->on_disk, number);
    }
}

static void
save_table(OrrNode *node, OrrGateFunc done, uint64_t number, OrrEffects *out)
{
    g_autoptr(GByteArray) table = orr_open_encode(node->moves);

    orr_persist_moves(node->persist, orr_bytes(table->data, table->len));
    (void)orr_persist_commit(node->persist, node->now, done, node, number, out);
}

void
orr_open_changed(OrrNode *node, OrrEffects *out)
{
    OrrMoves *moves = node->moves;

    moves->number = MAX(moves->number, node->boots << 32) + 1;
    moves->tell_at = node->now.mono_ns;
    moves->stir = true;
    node->change++;
    save_table(node, on_table_stored, moves->number, out);
}

OrrOpenSlot *
orr_open_set(OrrNode *node, uint16_t slot, OrrOpenState state, const OrrId *peer,
             uint64_t version, OrrEffects *out)
{
    OrrMoves *moves = node->moves;
    OrrOpenSlot *open = find_or_add(moves, slot);
    bool same =
        open->state == state && orr_id_equal(&open->peer, peer) && open->version == version;

    if (same) {
        return open;
    }
    open->effective = open->effective && state != ORR_OPEN_MIGRATING &&
                      open->state != ORR_OPEN_MIGRATING && orr_id_equal(&open->peer, peer);
    open->state = state;
    open->peer = *peer;
    open->version = version;
    open->again_at = 0;
    orr_open_changed(node, out);
    open->number = moves->number;
    return open;
}

void
orr_open_clear(OrrNode *node, uint16_t slot, OrrEffects *out)
{
    OrrMoves *moves = node->moves;

    orr_open_hide(node, slot);
    for (guint i = 0; i < moves->open->len; i++) {
        if (g_array_index(moves->open, OrrOpenSlot, i).slot == slot) {
            g_array_remove_index(moves->open, i);
            orr_open_changed(node, out);
            return;
        }
    }
}
