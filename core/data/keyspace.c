#include "data/keyspace_private.h"

#include <glib.h>

#define GARBAGE_PER_WRITE 4u /* entries of dropped tables that each write frees in passing */

OrrKeyspace *
orr_keyspace_new(uint64_t seed)
{
    OrrKeyspace *keyspace = g_new0(OrrKeyspace, 1);

    orr_arena_init(&keyspace->store.arena);
    keyspace->store.seed = seed;
    return keyspace;
}

/* Big blocks are the only ones that the arena does not free as a whole. */
static void
free_all_tables(OrrKeyspace *keyspace)
{
    (void)orr_keyspace_drop_all(keyspace);
    while (orr_keyspace_step(keyspace, SIZE_MAX)) {
    }
}

void
orr_keyspace_free(OrrKeyspace *keyspace)
{
    if (keyspace == NULL) {
        return;
    }
    if (keyspace->store.arena.big_size > 0) {
        free_all_tables(keyspace);
    }
    for (size_t i = 0; i < ORR_SLOT_PAGES; i++) {
        g_free(keyspace->pages[i]);
    }
    orr_arena_clear(&keyspace->store.arena);
    g_free(keyspace->garbage);
    g_free(keyspace->expired);
    g_free(keyspace->expired_keys);
    g_free(keyspace->scratch);
    g_free(keyspace);
}

const OrrSlotData *
orr_slot_data(const OrrKeyspace *keyspace, uint16_t slot)
{
    const OrrSlotPage *page =
        slot < ORR_KEYSPACE_SLOTS ? keyspace->pages[slot / ORR_PAGE_SLOTS] : NULL;

    return page != NULL ? &page->slots[slot % ORR_PAGE_SLOTS] : NULL;
}

OrrSlotData *
orr_slot_data_make(OrrKeyspace *keyspace, uint16_t slot)
{
    OrrSlotPage **page = &keyspace->pages[slot / ORR_PAGE_SLOTS];

    if (*page == NULL) {
        *page = g_new0(OrrSlotPage, 1);
        keyspace->page_count++;
    }
    return &(*page)->slots[slot % ORR_PAGE_SLOTS];
}

uint8_t *
orr_keyspace_scratch(OrrKeyspace *keyspace, size_t size)
{
    if (keyspace->scratch_room < size) {
        keyspace->scratch_room = MAX((size_t)1024, size * 2);
        g_free(keyspace->scratch);
        keyspace->scratch = g_malloc(keyspace->scratch_room);
    }
    return keyspace->scratch;
}

OrrCell
orr_cell_find(OrrKeyspace *keyspace, uint16_t slot, OrrBytes key)
{
    OrrCell cell = {.slot = orr_slot_data_make(keyspace, slot),
                    .slot_number = slot,
                    .key = key,
                    .hash = orr_store_hash(&keyspace->store, key)};

    cell.entry =
        orr_table_find(&keyspace->store, &cell.slot->table, key, cell.hash, &cell.spot);
    return cell;
}

void
orr_count_deleted(OrrKeyspace *keyspace, OrrSlotData *slot, int64_t change)
{
    slot->deleted = (uint32_t)((int64_t)slot->deleted + change);
    keyspace->deleted = (size_t)((int64_t)keyspace->deleted + change);
}

/* Counts what an entry with these flags stands for, `sign` 1 or -1. */
static void
count_entry(OrrKeyspace *keyspace, const OrrCell *cell, uint8_t flags, int sign)
{
    size_t page = cell->slot_number / ORR_PAGE_SLOTS;
    bool expires = (flags & ORR_ENTRY_EXPIRES) != 0;

    if ((flags & ORR_ENTRY_TYPE) == ORR_ENTRY_DELETED) {
        orr_count_deleted(keyspace, cell->slot, sign);
    }
    if (!orr_flags_are_live(flags)) {
        return;
    }
    /* unsigned arithmetic wraps, so adding (unsigned)-1 takes one away */
    cell->slot->live += (uint32_t)sign;
    keyspace->page_live[page] += (uint32_t)sign;
    keyspace->live += (size_t)(int64_t)sign;
    if (expires) {
        cell->slot->expiring += (uint32_t)sign;
        keyspace->page_expiring[page] += (uint32_t)sign;
        keyspace->expiring += (size_t)(int64_t)sign;
    }
}

static OrrRef
entry_new(OrrKeyspace *keyspace, OrrBytes key, uint8_t flags, OrrShape shape, OrrBytes value,
          uint32_t used)
{
    OrrRef ref = orr_arena_alloc(&keyspace->store.arena,
                                 orr_entry_header_size(flags) + key.size + value.size);
    OrrEntry *entry = orr_arena_at(&keyspace->store.arena, ref);
    uint8_t *bytes = (uint8_t *)entry + orr_entry_header_size(flags);

    orr_entry_set_header(entry, flags, key.size, value.size, shape.expire_ms);
    entry->version = shape.version;
    entry->used = used;
    if (key.size > 0) {
        memcpy(bytes, key.data, key.size);
    }
    if (value.size > 0) {
        memcpy(bytes + key.size, value.data, value.size);
    }
    return ref;
}

static bool
fits_in_place(const OrrEntry *entry, uint8_t flags, size_t size)
{
    size_t old_size = orr_entry_size(entry);

    return entry->flags == flags && orr_arena_rounded(old_size) == orr_arena_rounded(size) &&
           (size <= ORR_ARENA_BLOCK_MAX) == (old_size <= ORR_ARENA_BLOCK_MAX);
}

static void
write_in_place(OrrKeyspace *keyspace, OrrEntry *entry, uint8_t flags, OrrShape shape,
               OrrBytes value)
{
    size_t key_size = orr_entry_key(entry).size;

    if (value.size > 0) {
        memmove(orr_entry_value_room(entry), value.data, value.size);
    }
    orr_entry_set_header(entry, flags, key_size, value.size, shape.expire_ms);
    entry->version = shape.version;
    entry->used = orr_access_again(keyspace, entry->used);
}

static uint8_t
flags_of(OrrShape shape, OrrBytes key, OrrBytes value)
{
    unsigned flags = orr_entry_flags_for(shape.type, key.size, value.size, shape.expire_ms);

    return (uint8_t)(flags | (shape.empty ? ORR_ENTRY_EMPTY : 0));
}

void
orr_cell_write(OrrKeyspace *keyspace, OrrTable *table, OrrCell *cell, OrrShape shape,
               OrrBytes value)
{
    OrrEntry *old = cell->entry;
    uint8_t flags = flags_of(shape, cell->key, value);
    size_t size = orr_entry_header_size(flags) + cell->key.size + value.size;

    if (old != NULL && fits_in_place(old, flags, size)) {
        write_in_place(keyspace, old, flags, shape, value);
        return;
    }

    uint32_t used =
        old == NULL ? orr_access_first(keyspace) : orr_access_again(keyspace, old->used);
    OrrRef ref = entry_new(keyspace, cell->key, flags, shape, value, used);

    if (old != NULL) {
        OrrRef *place = &cell->spot.bucket->refs[cell->spot.index];

        orr_arena_free(&keyspace->store.arena, *place, orr_entry_size(old));
        *place = ref;
    } else {
        cell->spot.bucket = orr_table_insert(&keyspace->store, table, cell->hash, ref);
    }
    cell->entry = orr_arena_at(&keyspace->store.arena, ref);
    cell->key = orr_entry_key(cell->entry);
}

void
orr_cell_put(OrrKeyspace *keyspace, OrrCell *cell, OrrShape shape, OrrBytes value)
{
    if (cell->entry != NULL) {
        count_entry(keyspace, cell, cell->entry->flags, -1);
    }
    orr_cell_write(keyspace, &cell->slot->table, cell, shape, value);
    count_entry(keyspace, cell, cell->entry->flags, 1);
    if (shape.expire_ms != ORR_EXPIRE_NEVER) {
        orr_due_add(keyspace, cell->spot.bucket, shape.expire_ms);
    }
}

void
orr_cell_remove(OrrKeyspace *keyspace, OrrCell *cell)
{
    OrrRef ref = cell->spot.bucket->refs[cell->spot.index];
    OrrSlotData *slot = cell->slot;

    count_entry(keyspace, cell, cell->entry->flags, -1);
    orr_table_remove(&keyspace->store, &slot->table, cell->hash, cell->spot);
    orr_entry_free(keyspace, ref);
    cell->entry = NULL;
    if (slot->live == 0 && slot->deleted == 0) {
        orr_table_clear(&keyspace->store, &slot->table);
    }
}

/* A table of fields must not be lost with the entry that is written over. */
static void
release_fields(OrrKeyspace *keyspace, const OrrCell *cell)
{
    const OrrEntry *entry = cell->entry;

    if (entry == NULL || orr_entry_type(entry) == ORR_ENTRY_STRING ||
        orr_entry_type(entry) == ORR_ENTRY_DELETED) {
        return;
    }

    OrrHash hash = orr_hash_read(entry);

    orr_count_deleted(keyspace, cell->slot, -(int64_t)hash.deleted);
    if (!hash.small) {
        orr_garbage_add(keyspace, hash.table);
    }
}

void
orr_cell_delete(OrrKeyspace *keyspace, OrrCell *cell, OrrVersion version)
{
    OrrShape shape = {.type = ORR_ENTRY_DELETED, .version = version};

    if (keyspace->keep_deleted) {
        release_fields(keyspace, cell);
        orr_cell_put(keyspace, cell, shape, ORR_BYTES_EMPTY);
    } else if (cell->entry != NULL) {
        if (orr_entry_type(cell->entry) != ORR_ENTRY_DELETED &&
            orr_entry_type(cell->entry) != ORR_ENTRY_STRING) {
            orr_count_deleted(keyspace, cell->slot,
                              -(int64_t)orr_hash_read(cell->entry).deleted);
        }
        orr_cell_remove(keyspace, cell);
    }
}

static bool
is_hash(const OrrEntry *entry)
{
    return orr_entry_type(entry) == ORR_ENTRY_SMALL_HASH ||
           orr_entry_type(entry) == ORR_ENTRY_TABLE_HASH;
}

static OrrStatus
apply_string(OrrKeyspace *keyspace, const OrrRecord *record)
{
    OrrCell cell = orr_cell_find(keyspace, record->slot, record->key);
    OrrShape shape = {
        .type = ORR_ENTRY_STRING, .expire_ms = record->expire_ms, .version = record->version};

    if (cell.entry != NULL && is_hash(cell.entry)) {
        OrrHash hash = orr_hash_read(cell.entry);

        if (hash.newest > record->version) {
            return orr_hash_delete(keyspace, &cell, record->version);
        }
    } else if (cell.entry != NULL && cell.entry->version >= record->version) {
        return ORR_STALE;
    }
    release_fields(keyspace, &cell);
    orr_cell_put(keyspace, &cell, shape, record->value);
    return ORR_OK;
}

OrrStatus
orr_apply_delete(OrrKeyspace *keyspace, uint16_t slot, OrrBytes key, OrrVersion version)
{
    OrrCell cell = orr_cell_find(keyspace, slot, key);

    if (cell.entry != NULL && is_hash(cell.entry)) {
        return orr_hash_delete(keyspace, &cell, version);
    }
    if (cell.entry != NULL && cell.entry->version >= version) {
        return ORR_STALE;
    }
    orr_cell_delete(keyspace, &cell, version);
    return ORR_OK;
}

static OrrStatus
apply_expire(OrrKeyspace *keyspace, const OrrRecord *record)
{
    OrrCell cell = orr_cell_find(keyspace, record->slot, record->key);

    if (cell.entry == NULL || !orr_entry_is_live(cell.entry)) {
        return ORR_NOT_FOUND;
    }
    if (cell.entry->version >= record->version) {
        return ORR_STALE;
    }

    OrrShape shape = {.type = orr_entry_type(cell.entry),
                      .expire_ms = record->expire_ms,
                      .version = record->version};

    orr_cell_put(keyspace, &cell, shape, orr_entry_value(cell.entry));
    return ORR_OK;
}

static bool
record_is_valid(const OrrRecord *record)
{
    return record->slot < ORR_KEYSPACE_SLOTS && record->key.size <= ORR_KEY_SIZE_MAX &&
           record->field.size <= ORR_KEY_SIZE_MAX && record->value.size <= ORR_VALUE_SIZE_MAX;
}

static OrrStatus
apply_kind(OrrKeyspace *keyspace, const OrrRecord *record)
{
    switch (record->kind) {
    case ORR_RECORD_STRING:
        return apply_string(keyspace, record);
    case ORR_RECORD_HASH_FIELD:
    case ORR_RECORD_DELETE_FIELD:
        return orr_hash_apply(keyspace, record);
    case ORR_RECORD_DELETE:
        return orr_apply_delete(keyspace, record->slot, record->key, record->version);
    case ORR_RECORD_EXPIRE:
        return apply_expire(keyspace, record);
    case ORR_RECORD_FLUSH:
        return orr_apply_flush(keyspace, record);
    case ORR_RECORD_GROUP: /* its records are applied one by one */
        break;
    }
    return ORR_INVALID;
}

OrrStatus
orr_keyspace_apply(OrrKeyspace *keyspace, const OrrRecord *record)
{
    if (!record_is_valid(record)) {
        return ORR_INVALID;
    }
    if (!orr_arena_has_room(&keyspace->store.arena)) {
        return ORR_FULL;
    }

    OrrStatus status = apply_kind(keyspace, record);

    if (status == ORR_OK) {
        keyspace->version = MAX(keyspace->version, record->version);
    }
    if (keyspace->garbage_count > 0) {
        (void)orr_keyspace_step(keyspace, GARBAGE_PER_WRITE);
    }
    return status;
}

bool
orr_entry_expired(const OrrEntry *entry, int64_t wall_ms)
{
    return (entry->flags & ORR_ENTRY_EXPIRES) != 0 && wall_ms != ORR_ANY_TIME &&
           orr_entry_expire_ms(entry) <= wall_ms;
}

void
orr_entry_describe(const OrrEntry *entry, uint16_t slot, OrrValue *value)
{
    value->version = entry->version;
    value->expire_ms = orr_entry_expire_ms(entry);
    value->key = orr_entry_key(entry);
    value->used = entry->used;
    value->slot = slot;
    if (orr_entry_type(entry) == ORR_ENTRY_STRING) {
        value->type = ORR_KEY_STRING;
        value->value = orr_entry_value(entry);
        value->field_count = 0;
    } else {
        value->type = ORR_KEY_HASH;
        value->value = ORR_BYTES_EMPTY;
        value->field_count = orr_hash_read(entry).live;
    }
}

/* A live entry that has not expired, or NULL. */
static OrrEntry *
find_live(const OrrKeyspace *keyspace, uint16_t slot, OrrBytes key, int64_t wall_ms)
{
    const OrrSlotData *data = orr_slot_data(keyspace, slot);
    OrrSpot spot;

    if (data == NULL) {
        return NULL;
    }

    OrrEntry *entry = orr_table_find(&keyspace->store, &data->table, key,
                                     orr_store_hash(&keyspace->store, key), &spot);

    if (entry == NULL || !orr_entry_is_live(entry) || orr_entry_expired(entry, wall_ms)) {
        return NULL;
    }
    return entry;
}

OrrStatus
orr_keyspace_get(const OrrKeyspace *keyspace, uint16_t slot, OrrBytes key, int64_t wall_ms,
                 OrrValue *value)
{
    const OrrEntry *entry = find_live(keyspace, slot, key, wall_ms);

    if (entry == NULL) {
        return ORR_NOT_FOUND;
    }
    orr_entry_describe(entry, slot, value);
    return ORR_OK;
}

OrrStatus
orr_keyspace_read(OrrKeyspace *keyspace, uint16_t slot, OrrBytes key, int64_t wall_ms,
                  OrrValue *value)
{
    OrrEntry *entry = find_live(keyspace, slot, key, wall_ms);

    if (entry == NULL) {
        return ORR_NOT_FOUND;
    }
    entry->used = orr_access_again(keyspace, entry->used);
    orr_entry_describe(entry, slot, value);
    return ORR_OK;
}

OrrStatus
orr_keyspace_get_field(const OrrKeyspace *keyspace, uint16_t slot, OrrBytes key, OrrBytes field,
                       int64_t wall_ms, OrrValue *value)
{
    const OrrEntry *entry = find_live(keyspace, slot, key, wall_ms);
    OrrField found;

    if (entry == NULL) {
        return ORR_NOT_FOUND;
    }
    if (!is_hash(entry)) {
        return ORR_REFUSED;
    }

    OrrHash hash = orr_hash_read(entry);

    if (!orr_hash_find(keyspace, &hash, field, &found) || found.deleted) {
        return ORR_NOT_FOUND;
    }
    *value = (OrrValue){.type = ORR_KEY_STRING,
                        .version = found.version,
                        .expire_ms = orr_entry_expire_ms(entry),
                        .key = found.name,
                        .value = found.value,
                        .slot = slot};
    return ORR_OK;
}

void
orr_keyspace_prefetch(const OrrKeyspace *keyspace, const OrrKeyRef *keys, size_t count)
{
    uint64_t hashes[ORR_PREFETCH_MAX];
    const OrrSlotData *slots[ORR_PREFETCH_MAX];
    const OrrBucket *buckets[ORR_PREFETCH_MAX];

    count = MIN(count, (size_t)ORR_PREFETCH_MAX);
    for (size_t i = 0; i < count; i++) {
        slots[i] = orr_slot_data(keyspace, keys[i].slot);
        __builtin_prefetch(slots[i]);
        hashes[i] = orr_store_hash(&keyspace->store, keys[i].key);
    }
    for (size_t i = 0; i < count; i++) {
        if (slots[i] != NULL && slots[i]->table.depth > 0) {
            __builtin_prefetch(orr_arena_small(&keyspace->store.arena, slots[i]->table.root));
        }
    }
    for (size_t i = 0; i < count; i++) {
        buckets[i] = slots[i] == NULL ? NULL
                                      : orr_table_prefetch_bucket(&keyspace->store,
                                                                  &slots[i]->table, hashes[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if (buckets[i] != NULL) {
            orr_bucket_prefetch_entry(&keyspace->store, buckets[i], hashes[i]);
        }
    }
}

size_t
orr_keyspace_count(const OrrKeyspace *keyspace)
{
    return keyspace->live;
}

size_t
orr_keyspace_count_slot(const OrrKeyspace *keyspace, uint16_t slot)
{
    const OrrSlotData *data = orr_slot_data(keyspace, slot);

    return data != NULL ? data->live : 0;
}

size_t
orr_keyspace_count_expiring(const OrrKeyspace *keyspace)
{
    return keyspace->expiring;
}

OrrVersion
orr_keyspace_version(const OrrKeyspace *keyspace)
{
    return keyspace->version;
}

uint32_t
orr_keyspace_next_slot(const OrrKeyspace *keyspace, uint32_t from)
{
    while (from < ORR_KEYSPACE_SLOTS) {
        uint32_t page = from / ORR_PAGE_SLOTS;

        if (keyspace->page_live[page] == 0) {
            from = (page + 1) * ORR_PAGE_SLOTS;
        } else if (keyspace->pages[page]->slots[from % ORR_PAGE_SLOTS].live > 0) {
            return from;
        } else {
            from++;
        }
    }
    return ORR_KEYSPACE_SLOTS;
}

void
orr_keyspace_keep_deleted(OrrKeyspace *keyspace, bool keep)
{
    keyspace->keep_deleted = keep;
}

size_t
orr_keyspace_count_deleted(const OrrKeyspace *keyspace)
{
    return keyspace->deleted;
}

/* What is not in the arena. */
static size_t
memory_beside(const OrrKeyspace *keyspace)
{
    return sizeof *keyspace + keyspace->page_count * sizeof(OrrSlotPage) +
           keyspace->garbage_room * sizeof(OrrGarbage) + keyspace->expired_keys_room +
           keyspace->expired_room * sizeof(OrrExpired) + keyspace->scratch_room;
}

size_t
orr_keyspace_used(const OrrKeyspace *keyspace)
{
    return memory_beside(keyspace) + orr_arena_used(&keyspace->store.arena);
}

size_t
orr_keyspace_memory(const OrrKeyspace *keyspace)
{
    return memory_beside(keyspace) + orr_arena_memory(&keyspace->store.arena);
}
