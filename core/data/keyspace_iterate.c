#include "data/keyspace_private.h"

#include <glib.h>

OrrKeyspaceCursor
orr_keyspace_cursor(uint16_t first, uint16_t last)
{
    return (OrrKeyspaceCursor){.slot = first, .last = last, .done = first > last};
}

typedef struct Walk {
    const OrrKeyspace *keyspace;
    OrrKeyspaceCursor *cursor;
    size_t budget;
    size_t count;
    OrrRecordFunc visit;
    void *context;
} Walk;

static void
tell(Walk *walk, const OrrRecord *record)
{
    walk->count++;
    walk->visit(record, walk->context);
}

static void
tell_key(Walk *walk, const OrrEntry *entry, OrrRecordKind kind, OrrVersion version)
{
    OrrRecord record = {.kind = kind,
                        .slot = walk->cursor->slot,
                        .version = version,
                        .key = orr_entry_key(entry)};

    if (kind == ORR_RECORD_STRING) {
        record.value = orr_entry_value(entry);
    }
    if (kind != ORR_RECORD_DELETE) {
        record.expire_ms = orr_entry_expire_ms(entry);
    }
    tell(walk, &record);
}

static void
tell_field(Walk *walk, const OrrEntry *entry, const OrrField *field)
{
    OrrRecord record = {.kind =
                            field->deleted ? ORR_RECORD_DELETE_FIELD : ORR_RECORD_HASH_FIELD,
                        .slot = walk->cursor->slot,
                        .version = field->version,
                        .key = orr_entry_key(entry),
                        .field = field->name,
                        .value = field->value};

    if (!field->deleted) {
        record.expire_ms = orr_entry_expire_ms(entry);
    }
    if (!field->deleted || walk->cursor->with_deleted) {
        tell(walk, &record);
    }
}

/* Fields of a table from where the cursor is. False: the budget is spent, and more are left. */
static bool
walk_field_table(Walk *walk, const OrrEntry *entry, const OrrHash *hash)
{
    OrrBatch batch[ORR_BATCH_MAX];
    uint64_t *position = &walk->cursor->field_position;

    do {
        size_t count =
            orr_table_batch(&walk->keyspace->store, &hash->table, *position, batch, position);

        for (size_t i = 0; i < count; i++) {
            OrrField field = orr_field_of_entry(batch[i].entry);

            tell_field(walk, entry, &field);
        }
    } while (*position != 0 && walk->count < walk->budget);
    return *position == 0;
}

static bool
walk_hash(Walk *walk, const OrrEntry *entry)
{
    OrrHash hash = orr_hash_read(entry);
    OrrField field;

    if (hash.floor > 0 && walk->cursor->with_deleted && !walk->cursor->inside) {
        tell_key(walk, entry, ORR_RECORD_DELETE, hash.floor);
    }
    if (!hash.small && !walk_field_table(walk, entry, &hash)) {
        return false;
    }
    while (hash.small && orr_small_field_next(&hash.fields, &field)) {
        tell_field(walk, entry, &field);
    }
    /* an expiry that is set, or was taken away after all fields were written, has a version of
     * its own */
    if (orr_entry_is_live(entry) &&
        (orr_entry_expire_ms(entry) != ORR_EXPIRE_NEVER || entry->version > hash.newest)) {
        tell_key(walk, entry, ORR_RECORD_EXPIRE, entry->version);
    }
    return true;
}

static bool
walk_entry(Walk *walk, const OrrEntry *entry)
{
    switch (orr_entry_type(entry)) {
    case ORR_ENTRY_STRING:
        tell_key(walk, entry, ORR_RECORD_STRING, entry->version);
        return true;
    case ORR_ENTRY_DELETED:
        if (walk->cursor->with_deleted) {
            tell_key(walk, entry, ORR_RECORD_DELETE, entry->version);
        }
        return true;
    case ORR_ENTRY_SMALL_HASH:
    case ORR_ENTRY_TABLE_HASH:
        return walk_hash(walk, entry);
    }
    return true;
}

/* One bucket; the cursor ends after it, or inside a hash that is too large for the budget. */
static void
walk_bucket(Walk *walk, const OrrTable *table)
{
    OrrKeyspaceCursor *cursor = walk->cursor;
    OrrBatch batch[ORR_BATCH_MAX];
    uint64_t next;
    size_t count =
        orr_table_batch(&walk->keyspace->store, table, cursor->position, batch, &next);

    for (size_t i = 0; i < count; i++) {
        if (!cursor->inside || batch[i].hash != cursor->position) {
            cursor->inside = false;
            cursor->field_position = 0;
        }
        if (!walk_entry(walk, batch[i].entry)) {
            cursor->inside = true;
            cursor->position = batch[i].hash;
            return;
        }
        cursor->inside = false;
    }
    cursor->position = next;
    cursor->inside = false;
}

static void
next_slot(OrrKeyspaceCursor *cursor)
{
    cursor->position = 0;
    cursor->inside = false;
    if (cursor->slot == cursor->last) {
        cursor->done = true;
    } else {
        cursor->slot++;
    }
}

size_t
orr_keyspace_iterate(const OrrKeyspace *keyspace, OrrKeyspaceCursor *cursor, size_t budget,
                     OrrRecordFunc visit, void *context)
{
    Walk walk = {keyspace, cursor, MAX(budget, (size_t)1), 0, visit, context};

    while (!cursor->done && walk.count < walk.budget) {
        const OrrSlotData *data = orr_slot_data(keyspace, cursor->slot);

        if (data == NULL || data->table.root == ORR_REF_NONE) {
            next_slot(cursor);
            continue;
        }
        walk_bucket(&walk, &data->table);
        if (cursor->position == 0) {
            next_slot(cursor);
        }
    }
    return walk.count;
}
