#include "data/keyspace_private.h"

#include "wire/bytes.h"

#include <glib.h>

void
orr_garbage_add(OrrKeyspace *keyspace, OrrTable table)
{
    if (table.root == ORR_REF_NONE) {
        return;
    }
    if (keyspace->garbage_count == keyspace->garbage_room) {
        keyspace->garbage_room = MAX((size_t)16, keyspace->garbage_room * 2);
        keyspace->garbage = g_renew(OrrGarbage, keyspace->garbage, keyspace->garbage_room);
    }
    keyspace->garbage[keyspace->garbage_count++] = (OrrGarbage){table, 0};
}

void
orr_entry_free(OrrKeyspace *keyspace, OrrRef ref)
{
    const OrrEntry *entry = orr_arena_at(&keyspace->store.arena, ref);

    if (orr_entry_type(entry) == ORR_ENTRY_TABLE_HASH) {
        orr_garbage_add(keyspace, orr_hash_read(entry).table);
    }
    orr_arena_free(&keyspace->store.arena, ref, orr_entry_size(entry));
}

/* Frees the entries of one bucket and leaves it empty. */
static size_t
empty_bucket(OrrKeyspace *keyspace, OrrBucket *bucket)
{
    size_t freed = 1;

    for (; bucket != NULL; bucket = orr_bucket_next(&keyspace->store, bucket)) {
        for (unsigned i = 0; i < ORR_BUCKET_ENTRIES; i++) {
            if (bucket->tags[i] != 0) {
                orr_entry_free(keyspace, bucket->refs[i]);
                bucket->tags[i] = 0;
                freed++;
            }
        }
    }
    return freed;
}

/* Freeing an entry may add garbage, which moves the list: nothing points into it meanwhile. */
static size_t
free_some(OrrKeyspace *keyspace)
{
    size_t last = keyspace->garbage_count - 1;
    OrrGarbage garbage = keyspace->garbage[last];
    uint64_t next;
    OrrBucket *bucket =
        orr_table_bucket_at(&keyspace->store, &garbage.table, garbage.position, &next);
    size_t freed = 1;

    keyspace->garbage_count--;
    if (next != 0) {
        /* below what the bucket's own fields may add, so that those go first */
        keyspace->garbage[keyspace->garbage_count++] = (OrrGarbage){garbage.table, next};
    }
    if (bucket != NULL) {
        freed = empty_bucket(keyspace, bucket);
    }
    if (next == 0) {
        orr_table_clear(&keyspace->store, &garbage.table);
    }
    return freed;
}

bool
orr_keyspace_step(OrrKeyspace *keyspace, size_t budget)
{
    size_t freed = 0;

    while (keyspace->garbage_count > 0 && freed < budget) {
        freed += free_some(keyspace);
    }
    return keyspace->garbage_count > 0;
}

size_t
orr_keyspace_drop_slot(OrrKeyspace *keyspace, uint16_t slot)
{
    if (orr_slot_data(keyspace, slot) == NULL) {
        return 0;
    }

    OrrSlotData *data = orr_slot_data_make(keyspace, slot);
    size_t page = slot / ORR_PAGE_SLOTS;
    size_t live = data->live;

    orr_garbage_add(keyspace, data->table);
    keyspace->live -= data->live;
    keyspace->deleted -= data->deleted;
    keyspace->expiring -= data->expiring;
    keyspace->page_live[page] -= data->live;
    keyspace->page_expiring[page] -= data->expiring;
    *data = (OrrSlotData){.live = 0};
    return live;
}

size_t
orr_keyspace_drop_all(OrrKeyspace *keyspace)
{
    size_t live = 0;

    for (size_t page = 0; page < ORR_SLOT_PAGES; page++) {
        for (size_t i = 0; keyspace->pages[page] != NULL && i < ORR_PAGE_SLOTS; i++) {
            live += orr_keyspace_drop_slot(keyspace, (uint16_t)(page * ORR_PAGE_SLOTS + i));
        }
    }
    return live;
}

/* Calls `act` with a cell for each entry of the slot, in order of hashes; it may remove it. */
typedef void (*CellFunc)(OrrKeyspace *keyspace, OrrCell *cell, OrrVersion version);

static uint64_t
act_on_bucket(OrrKeyspace *keyspace, uint16_t slot, uint64_t position, CellFunc act,
              OrrVersion version, size_t *looked_at)
{
    OrrBatch batch[ORR_BATCH_MAX];
    OrrSlotData *data = orr_slot_data_make(keyspace, slot);
    uint64_t next;
    size_t count = orr_table_batch(&keyspace->store, &data->table, position, batch, &next);

    for (size_t i = 0; i < count; i++) {
        OrrCell cell = orr_cell_find(keyspace, slot, orr_entry_key(batch[i].entry));

        act(keyspace, &cell, version);
    }
    *looked_at += count + 1;
    return next;
}

static void
flush_cell(OrrKeyspace *keyspace, OrrCell *cell, OrrVersion version)
{
    (void)orr_apply_delete(keyspace, cell->slot_number, cell->key, version);
}

/* Departure from exactness: where everything is older, as it is when records come in order, the
 * slot is dropped at once and deletions are not kept. */
static void
flush_slot(OrrKeyspace *keyspace, uint16_t slot, OrrVersion version)
{
    uint64_t position = 0;
    size_t looked_at = 0;

    if (orr_slot_data(keyspace, slot) == NULL) {
        return;
    }
    if (keyspace->version <= version) {
        (void)orr_keyspace_drop_slot(keyspace, slot);
        return;
    }
    do {
        position = act_on_bucket(keyspace, slot, position, flush_cell, version, &looked_at);
    } while (position != 0);
}

OrrStatus
orr_apply_flush(OrrKeyspace *keyspace, const OrrRecord *record)
{
    if (record->value.size != 4) {
        return ORR_INVALID;
    }

    uint32_t first = orr_load_u16(record->value.data);
    uint32_t last = orr_load_u16(record->value.data + 2);

    if (first > last || last >= ORR_KEYSPACE_SLOTS) {
        return ORR_INVALID;
    }
    for (uint32_t slot = first; slot <= last; slot++) {
        flush_slot(keyspace, (uint16_t)slot, record->version);
    }
    return ORR_OK;
}

static void
purge_cell(OrrKeyspace *keyspace, OrrCell *cell, OrrVersion version)
{
    switch (orr_entry_type(cell->entry)) {
    case ORR_ENTRY_STRING:
        break;
    case ORR_ENTRY_DELETED:
        if (cell->entry->version <= version) {
            orr_cell_remove(keyspace, cell);
        }
        break;
    case ORR_ENTRY_SMALL_HASH:
    case ORR_ENTRY_TABLE_HASH:
        if (orr_hash_read(cell->entry).deleted > 0 || orr_hash_read(cell->entry).floor > 0) {
            orr_hash_purge(keyspace, cell, version);
        }
        break;
    }
}

uint64_t
orr_keyspace_purge_deleted(OrrKeyspace *keyspace, OrrVersion version, uint64_t cursor,
                           size_t budget)
{
    size_t looked_at = 0;
    uint32_t slot = (uint32_t)(cursor >> ORR_TABLE_BITS_MAX);
    uint64_t position = cursor << (64 - ORR_TABLE_BITS_MAX);

    for (; slot < ORR_KEYSPACE_SLOTS; slot++, position = 0) {
        const OrrSlotData *data = orr_slot_data(keyspace, (uint16_t)slot);

        if (data == NULL || data->deleted == 0) {
            continue;
        }
        do {
            position = act_on_bucket(keyspace, (uint16_t)slot, position, purge_cell, version,
                                     &looked_at);
            if (looked_at >= budget && position != 0) {
                return (uint64_t)slot << ORR_TABLE_BITS_MAX |
                       position >> (64 - ORR_TABLE_BITS_MAX);
            }
        } while (position != 0);
        if (looked_at >= budget && slot + 1 < ORR_KEYSPACE_SLOTS) {
            return (uint64_t)(slot + 1) << ORR_TABLE_BITS_MAX;
        }
    }
    return 0;
}
