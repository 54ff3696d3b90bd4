#include "data/keyspace_private.h"

#include <glib.h>

/* The value of a hash's entry, native byte order, at any alignment:
 *
 *     floor u64 | newest u64 | live u32 | deleted u32 | fields, or an OrrTable of them
 *     field: version u64 | name size u16 | value size u16 | name | value
 *
 * A field's value size DELETED_MARK stands for a deletion that is kept. */
#define HEAD_SIZE 24u
#define FIELD_HEAD_SIZE 12u
#define DELETED_MARK UINT16_MAX

static void
head_write(uint8_t *at, const OrrHash *hash)
{
    memcpy(at, &hash->floor, 8);
    memcpy(at + 8, &hash->newest, 8);
    memcpy(at + 16, &hash->live, 4);
    memcpy(at + 20, &hash->deleted, 4);
}

OrrHash
orr_hash_read(const OrrEntry *entry)
{
    OrrBytes value = orr_entry_value(entry);
    OrrHash hash = {.small = orr_entry_type(entry) != ORR_ENTRY_TABLE_HASH};

    if (orr_entry_type(entry) == ORR_ENTRY_DELETED) {
        return hash;
    }
    memcpy(&hash.floor, value.data, 8);
    memcpy(&hash.newest, value.data + 8, 8);
    memcpy(&hash.live, value.data + 16, 4);
    memcpy(&hash.deleted, value.data + 20, 4);
    if (hash.small) {
        hash.fields = orr_bytes(value.data + HEAD_SIZE, value.size - HEAD_SIZE);
    } else {
        memcpy(&hash.table, value.data + HEAD_SIZE, sizeof hash.table);
    }
    return hash;
}

bool
orr_small_field_next(OrrBytes *rest, OrrField *field)
{
    uint16_t name_size;
    uint16_t value_size;

    if (rest->size == 0) {
        return false;
    }
    memcpy(&field->version, rest->data, 8);
    memcpy(&name_size, rest->data + 8, 2);
    memcpy(&value_size, rest->data + 10, 2);
    field->deleted = value_size == DELETED_MARK;
    value_size = field->deleted ? 0 : value_size;
    field->name = orr_bytes(rest->data + FIELD_HEAD_SIZE, name_size);
    field->value = orr_bytes(field->name.data + name_size, value_size);

    size_t size = FIELD_HEAD_SIZE + (size_t)name_size + value_size;

    rest->data += size;
    rest->size -= size;
    return true;
}

OrrField
orr_field_of_entry(const OrrEntry *entry)
{
    return (OrrField){.version = entry->version,
                      .deleted = !orr_entry_is_live(entry),
                      .name = orr_entry_key(entry),
                      .value = orr_entry_value(entry)};
}

bool
orr_hash_find(const OrrKeyspace *keyspace, const OrrHash *hash, OrrBytes name, OrrField *field)
{
    OrrBytes rest = hash->fields;
    OrrSpot spot;

    if (!hash->small) {
        const OrrEntry *entry = orr_table_find(&keyspace->store, &hash->table, name,
                                               orr_store_hash(&keyspace->store, name), &spot);

        if (entry != NULL) {
            *field = orr_field_of_entry(entry);
        }
        return entry != NULL;
    }
    while (orr_small_field_next(&rest, field)) {
        if (orr_bytes_equal(field->name, name)) {
            return true;
        }
    }
    return false;
}

static size_t
field_size(const OrrField *field)
{
    return FIELD_HEAD_SIZE + field->name.size + field->value.size;
}

static size_t
field_write(uint8_t *at, const OrrField *field)
{
    uint16_t name_size = (uint16_t)field->name.size;
    uint16_t value_size = field->deleted ? DELETED_MARK : (uint16_t)field->value.size;

    memcpy(at, &field->version, 8);
    memcpy(at + 8, &name_size, 2);
    memcpy(at + 10, &value_size, 2);
    if (name_size > 0) {
        memcpy(at + FIELD_HEAD_SIZE, field->name.data, name_size);
    }
    if (field->value.size > 0) {
        memcpy(at + FIELD_HEAD_SIZE + name_size, field->value.data, field->value.size);
    }
    return field_size(field);
}

/* Writes the field into a table of fields. */
static void
table_put(OrrKeyspace *keyspace, OrrTable *table, const OrrField *field)
{
    OrrCell cell = {.key = field->name, .hash = orr_store_hash(&keyspace->store, field->name)};
    OrrShape shape = {.type = field->deleted ? ORR_ENTRY_DELETED : ORR_ENTRY_STRING,
                      .version = field->version};

    cell.entry = orr_table_find(&keyspace->store, table, cell.key, cell.hash, &cell.spot);
    orr_cell_write(keyspace, table, &cell, shape, field->value);
}

static void
table_take(OrrKeyspace *keyspace, OrrTable *table, OrrBytes name)
{
    uint64_t hash = orr_store_hash(&keyspace->store, name);
    OrrSpot spot;

    if (orr_table_find(&keyspace->store, table, name, hash, &spot) != NULL) {
        OrrRef ref = spot.bucket->refs[spot.index];

        orr_table_remove(&keyspace->store, table, hash, spot);
        orr_entry_free(keyspace, ref);
    }
}

static void
become_table(OrrKeyspace *keyspace, OrrHash *hash)
{
    OrrBytes rest = hash->fields;
    OrrField field;

    hash->table = (OrrTable){ORR_REF_NONE, 0};
    while (orr_small_field_next(&rest, &field)) {
        table_put(keyspace, &hash->table, &field);
    }
    hash->small = false;
    hash->fields = ORR_BYTES_EMPTY;
}

/* The fields of a small hash in scratch, behind room for a head, but those called `name`. */
static uint8_t *
small_copy_without(OrrKeyspace *keyspace, const OrrHash *hash, OrrBytes name, size_t *size)
{
    uint8_t *copy = orr_keyspace_scratch(keyspace, (size_t)2 * ORR_SMALL_HASH_MAX);
    OrrBytes rest = hash->fields;
    OrrField field;

    *size = HEAD_SIZE;
    while (orr_small_field_next(&rest, &field)) {
        if (!orr_bytes_equal(field.name, name)) {
            *size += field_write(copy + *size, &field);
        }
    }
    return copy;
}

/* Puts the hash back, with its head as it is now; a small one's fields are in scratch. */
static void
hash_put(OrrKeyspace *keyspace, OrrCell *cell, const OrrHash *hash, OrrShape shape,
         uint8_t *small_value, size_t small_size)
{
    uint8_t value[HEAD_SIZE + sizeof(OrrTable)];

    shape.type = hash->small ? ORR_ENTRY_SMALL_HASH : ORR_ENTRY_TABLE_HASH;
    shape.empty = hash->live == 0;
    if (hash->small) {
        head_write(small_value, hash);
        orr_cell_put(keyspace, cell, shape, orr_bytes(small_value, small_size));
        return;
    }
    head_write(value, hash);
    memcpy(value + HEAD_SIZE, &hash->table, sizeof hash->table);
    orr_cell_put(keyspace, cell, shape, orr_bytes(value, sizeof value));
}

/* Writes (or, with `gone`, takes out) one field and puts the hash back. */
static void
change_field(OrrKeyspace *keyspace, OrrCell *cell, OrrHash *hash, OrrShape shape,
             const OrrField *field, bool gone)
{
    size_t around = sizeof(OrrEntry) + 16 + cell->key.size + HEAD_SIZE;
    uint8_t *copy = NULL;
    size_t size = 0;

    if (hash->small && !gone &&
        around + hash->fields.size + field_size(field) > ORR_SMALL_HASH_MAX) {
        become_table(keyspace, hash);
    }
    if (hash->small) {
        copy = small_copy_without(keyspace, hash, field->name, &size);
        size += gone ? 0 : field_write(copy + size, field);
    } else if (gone) {
        table_take(keyspace, &hash->table, field->name);
    } else {
        table_put(keyspace, &hash->table, field);
    }
    hash_put(keyspace, cell, hash, shape, copy, size);
}

/* The hash that a record finds: what is there, or an empty one in its place. */
static OrrStatus
hash_for(const OrrCell *cell, const OrrRecord *record, OrrHash *hash, OrrShape *shape)
{
    const OrrEntry *entry = cell->entry;

    *hash = (OrrHash){.small = true};
    *shape = (OrrShape){.version = record->version, .expire_ms = record->expire_ms};
    if (entry == NULL) {
        return ORR_OK;
    }
    switch (orr_entry_type(entry)) {
    case ORR_ENTRY_DELETED:
    case ORR_ENTRY_STRING:
        hash->floor = entry->version;
        break;
    case ORR_ENTRY_SMALL_HASH:
    case ORR_ENTRY_TABLE_HASH:
        *hash = orr_hash_read(entry);
        if (record->kind == ORR_RECORD_DELETE_FIELD || record->version <= entry->version ||
            record->expire_ms == orr_entry_expire_ms(entry)) {
            shape->version = entry->version;
            shape->expire_ms = orr_entry_expire_ms(entry);
        }
        break;
    }
    return record->version <= hash->floor ? ORR_STALE : ORR_OK;
}

static void
count_change(OrrKeyspace *keyspace, OrrSlotData *slot, OrrHash *hash, int live, int deleted)
{
    hash->live = (uint32_t)((int64_t)hash->live + live);
    hash->deleted = (uint32_t)((int64_t)hash->deleted + deleted);
    orr_count_deleted(keyspace, slot, deleted);
}

OrrStatus
orr_hash_apply(OrrKeyspace *keyspace, const OrrRecord *record)
{
    OrrCell cell = orr_cell_find(keyspace, record->slot, record->key);
    OrrHash hash;
    OrrShape shape;
    OrrField old;
    bool set = record->kind == ORR_RECORD_HASH_FIELD;
    bool gone = !set && !keyspace->keep_deleted;

    if (hash_for(&cell, record, &hash, &shape) != ORR_OK) {
        return ORR_STALE;
    }

    bool found = orr_hash_find(keyspace, &hash, record->field, &old);

    if (found && old.version >= record->version) {
        return ORR_STALE;
    }
    if (!found && gone) {
        return ORR_OK;
    }

    OrrField field = {.version = record->version,
                      .deleted = !set,
                      .name = record->field,
                      .value = set ? record->value : ORR_BYTES_EMPTY};
    bool was_live = found && !old.deleted;
    bool was_deleted = found && old.deleted;

    count_change(keyspace, cell.slot, &hash, (int)set - (int)was_live,
                 (int)(!set && !gone) - (int)was_deleted);
    hash.newest = MAX(hash.newest, record->version);
    if (hash.live == 0 && hash.deleted == 0) {
        orr_cell_remove(keyspace, &cell);
    } else {
        change_field(keyspace, &cell, &hash, shape, &field, gone);
    }
    return ORR_OK;
}

static bool
is_filtered(const OrrField *field, OrrVersion version, bool deleted_only)
{
    return field->version <= version && (field->deleted || !deleted_only);
}

static void
filter_table(OrrKeyspace *keyspace, OrrSlotData *slot, OrrHash *hash, OrrVersion version,
             bool deleted_only)
{
    OrrBatch batch[ORR_BATCH_MAX];
    uint64_t position = 0;

    do {
        size_t count =
            orr_table_batch(&keyspace->store, &hash->table, position, batch, &position);

        for (size_t i = 0; i < count; i++) {
            OrrField field = orr_field_of_entry(batch[i].entry);

            if (is_filtered(&field, version, deleted_only)) {
                count_change(keyspace, slot, hash, field.deleted ? 0 : -1,
                             field.deleted ? -1 : 0);
                table_take(keyspace, &hash->table, field.name);
            }
        }
    } while (position != 0);
}

static size_t
filter_small(OrrKeyspace *keyspace, OrrSlotData *slot, OrrHash *hash, OrrVersion version,
             bool deleted_only, uint8_t *copy)
{
    OrrBytes rest = hash->fields;
    OrrField field;
    size_t size = HEAD_SIZE;

    while (orr_small_field_next(&rest, &field)) {
        if (is_filtered(&field, version, deleted_only)) {
            count_change(keyspace, slot, hash, field.deleted ? 0 : -1, field.deleted ? -1 : 0);
        } else {
            size += field_write(copy + size, &field);
        }
    }
    return size;
}

/* Takes out fields up to `version`: all, or only deletions. */
static void
hash_filter(OrrKeyspace *keyspace, OrrCell *cell, OrrHash *hash, OrrVersion version,
            bool deleted_only)
{
    OrrShape shape = {.version = cell->entry->version,
                      .expire_ms = orr_entry_expire_ms(cell->entry)};
    uint8_t *copy = orr_keyspace_scratch(keyspace, (size_t)2 * ORR_SMALL_HASH_MAX);
    size_t size = 0;

    if (hash->small) {
        size = filter_small(keyspace, cell->slot, hash, version, deleted_only, copy);
    } else {
        filter_table(keyspace, cell->slot, hash, version, deleted_only);
    }
    hash_put(keyspace, cell, hash, shape, copy, size);
    if (hash->live == 0 && hash->deleted == 0) {
        orr_cell_remove(keyspace, cell);
    }
}

OrrStatus
orr_hash_delete(OrrKeyspace *keyspace, OrrCell *cell, OrrVersion version)
{
    OrrHash hash = orr_hash_read(cell->entry);

    if (version <= hash.floor) {
        return ORR_STALE;
    }
    if (version >= hash.newest) {
        orr_cell_delete(keyspace, cell, version);
        return ORR_OK;
    }
    hash.floor = version;
    hash_filter(keyspace, cell, &hash, version, false);
    return ORR_OK;
}

void
orr_hash_purge(OrrKeyspace *keyspace, OrrCell *cell, OrrVersion version)
{
    OrrHash hash = orr_hash_read(cell->entry);

    if (hash.floor <= version) {
        hash.floor = 0;
    }
    hash_filter(keyspace, cell, &hash, version, true);
}
