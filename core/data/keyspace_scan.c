#include "data/keyspace_private.h"

#include <glib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define CURSOR_SHIFT (64 - ORR_TABLE_BITS_MAX)
#define CURSOR_REST ((UINT64_C(1) << CURSOR_SHIFT) - 1)

/* Puts an entry where it belongs by its hash; the greatest falls off a full batch. Returns the
 * hash of what fell off, or UINT64_MAX. */
static uint64_t
batch_insert(OrrBatch *batch, size_t *count, OrrBatch item)
{
    uint64_t dropped = UINT64_MAX;
    size_t at = *count;

    if (*count == ORR_BATCH_MAX) {
        if (item.hash >= batch[ORR_BATCH_MAX - 1].hash) {
            return item.hash;
        }
        dropped = batch[ORR_BATCH_MAX - 1].hash;
        at--;
    } else {
        (*count)++;
    }
    for (; at > 0 && batch[at - 1].hash > item.hash; at--) {
        batch[at] = batch[at - 1];
    }
    batch[at] = item;
    return dropped;
}

size_t
orr_table_batch(const OrrStore *store, const OrrTable *table, uint64_t position,
                OrrBatch *batch, uint64_t *next)
{
    size_t count = 0;
    uint64_t dropped = UINT64_MAX;
    const OrrBucket *bucket = orr_table_bucket_at(store, table, position, next);

    for (; bucket != NULL; bucket = orr_bucket_next(store, bucket)) {
        for (unsigned i = 0; i < ORR_BUCKET_ENTRIES; i++) {
            if (bucket->tags[i] == 0) {
                continue;
            }

            OrrBatch item = {orr_arena_at(&store->arena, bucket->refs[i]), 0};

            item.hash = orr_store_hash(store, orr_entry_key(item.entry));
            if (item.hash >= position) {
                uint64_t fell_off = batch_insert(batch, &count, item);

                dropped = MIN(dropped, fell_off);
            }
        }
    }
    if (dropped != UINT64_MAX) {
        *next = MAX(dropped, position + 1);
    }
    return count;
}

/* What a scan carries along. */
typedef struct Scan {
    const OrrKeyspace *keyspace;
    int64_t wall_ms;
    OrrValueFunc visit;
    void *context;
    size_t looked_at;
    bool stopped;
} Scan;

static void
scan_entry(Scan *scan, const OrrEntry *entry, uint16_t slot)
{
    OrrValue value;

    if (!orr_entry_is_live(entry) || orr_entry_expired(entry, scan->wall_ms)) {
        return;
    }
    orr_entry_describe(entry, slot, &value);
    scan->stopped = !scan->visit(&value, scan->context);
}

/* One bucket of keys, all of it: the position returned is one that a cursor can name. */
static uint64_t
scan_bucket(Scan *scan, const OrrTable *table, uint16_t slot, uint64_t position)
{
    OrrBatch batch[ORR_BATCH_MAX];

    do {
        size_t count =
            orr_table_batch(&scan->keyspace->store, table, position, batch, &position);

        for (size_t i = 0; i < count && !scan->stopped; i++) {
            scan_entry(scan, batch[i].entry, slot);
        }
        scan->looked_at += count + 1;
    } while ((position & CURSOR_REST) != 0 && !scan->stopped);
    return position;
}

static uint64_t
scan_slot(Scan *scan, uint16_t slot, uint64_t position, size_t count)
{
    const OrrSlotData *data = orr_slot_data(scan->keyspace, slot);

    if (data == NULL || data->live == 0) {
        return 0;
    }
    do {
        position = scan_bucket(scan, &data->table, slot, position);
    } while (position != 0 && scan->looked_at < count && !scan->stopped);
    return position;
}

uint64_t
orr_keyspace_scan_slot(const OrrKeyspace *keyspace, uint16_t slot, uint64_t cursor,
                       size_t count, int64_t wall_ms, OrrValueFunc visit, void *context)
{
    Scan scan = {keyspace, wall_ms, visit, context, 0, false};

    return scan_slot(&scan, slot, cursor << CURSOR_SHIFT, count) >> CURSOR_SHIFT;
}

uint64_t
orr_keyspace_scan(const OrrKeyspace *keyspace, uint64_t cursor, size_t count, int64_t wall_ms,
                  OrrValueFunc visit, void *context)
{
    Scan scan = {keyspace, wall_ms, visit, context, 0, false};
    uint64_t first = cursor >> ORR_TABLE_BITS_MAX;
    uint64_t position = cursor << CURSOR_SHIFT;

    if (first >= ORR_KEYSPACE_SLOTS) {
        return 0;
    }

    uint32_t slot = (uint32_t)first;

    while (slot < ORR_KEYSPACE_SLOTS && !scan.stopped) {
        position = scan_slot(&scan, (uint16_t)slot, position, count);
        if (position != 0) {
            return (uint64_t)slot << ORR_TABLE_BITS_MAX | position >> CURSOR_SHIFT;
        }
        slot = orr_keyspace_next_slot(keyspace, slot + 1);
        if (scan.looked_at >= count && slot < ORR_KEYSPACE_SLOTS) {
            return (uint64_t)slot << ORR_TABLE_BITS_MAX;
        }
    }
    return 0;
}

static void
scan_field(Scan *scan, const OrrField *field, const OrrEntry *entry, uint16_t slot)
{
    OrrValue value = {.type = ORR_KEY_STRING,
                      .version = field->version,
                      .expire_ms = orr_entry_expire_ms(entry),
                      .key = field->name,
                      .value = field->value,
                      .slot = slot};

    if (!field->deleted && !scan->stopped) {
        scan->stopped = !scan->visit(&value, scan->context);
    }
}

static uint64_t
scan_field_table(Scan *scan, const OrrTable *table, const OrrEntry *entry, uint16_t slot,
                 uint64_t position, size_t count)
{
    OrrBatch batch[ORR_BATCH_MAX];

    do {
        size_t found =
            orr_table_batch(&scan->keyspace->store, table, position, batch, &position);

        for (size_t i = 0; i < found; i++) {
            OrrField field = orr_field_of_entry(batch[i].entry);

            scan_field(scan, &field, entry, slot);
        }
        scan->looked_at += found;
    } while (((position & CURSOR_REST) != 0 || (position != 0 && scan->looked_at < count)) &&
             !scan->stopped);
    return position;
}

uint64_t
orr_keyspace_scan_fields(const OrrKeyspace *keyspace, uint16_t slot, OrrBytes key,
                         uint64_t cursor, size_t count, OrrValueFunc visit, void *context)
{
    Scan scan = {keyspace, ORR_ANY_TIME, visit, context, 0, false};
    const OrrSlotData *data = orr_slot_data(keyspace, slot);
    OrrSpot spot;

    if (data == NULL) {
        return 0;
    }

    const OrrEntry *entry = orr_table_find(&keyspace->store, &data->table, key,
                                           orr_store_hash(&keyspace->store, key), &spot);

    if (entry == NULL || orr_entry_type(entry) == ORR_ENTRY_STRING) {
        return 0;
    }

    OrrHash hash = orr_hash_read(entry);
    OrrField field;

    if (!hash.small) {
        return scan_field_table(&scan, &hash.table, entry, slot, cursor << CURSOR_SHIFT,
                                count) >>
               CURSOR_SHIFT;
    }
    while (orr_small_field_next(&hash.fields, &field)) {
        scan_field(&scan, &field, entry, slot);
    }
    return 0;
}

/* A random live entry of a table that has one: a bucket by a random hash, then one of its
 * entries. */
static const OrrEntry *
random_entry(const OrrStore *store, const OrrTable *table, OrrRng *rng)
{
    uint64_t position = orr_rng_next(rng);

    for (;;) {
        const OrrEntry *chosen = NULL;
        uint64_t seen = 0;
        uint64_t next;

        for (const OrrBucket *bucket = orr_table_bucket_at(store, table, position, &next);
             bucket != NULL; bucket = orr_bucket_next(store, bucket)) {
            for (unsigned i = 0; i < ORR_BUCKET_ENTRIES; i++) {
                const OrrEntry *entry =
                    bucket->tags[i] != 0 ? orr_arena_at(&store->arena, bucket->refs[i]) : NULL;

                if (entry != NULL && orr_entry_is_live(entry) &&
                    orr_rng_below(rng, ++seen) == 0) {
                    chosen = entry;
                }
            }
        }
        if (chosen != NULL) {
            return chosen;
        }
        position = next;
    }
}

OrrStatus
orr_keyspace_random(const OrrKeyspace *keyspace, OrrRng *rng, OrrValue *value)
{
    size_t page = 0;
    size_t slot = 0;

    if (keyspace->live == 0) {
        return ORR_NOT_FOUND;
    }

    uint64_t rank = orr_rng_below(rng, keyspace->live);

    while (rank >= keyspace->page_live[page]) {
        rank -= keyspace->page_live[page++];
    }
    while (rank >= keyspace->pages[page]->slots[slot].live) {
        rank -= keyspace->pages[page]->slots[slot++].live;
    }

    const OrrEntry *entry =
        random_entry(&keyspace->store, &keyspace->pages[page]->slots[slot].table, rng);

    orr_entry_describe(entry, (uint16_t)(page * ORR_PAGE_SLOTS + slot), value);
    return ORR_OK;
}

static bool
small_field_at(OrrBytes rest, uint64_t rank, OrrField *field)
{
    while (orr_small_field_next(&rest, field)) {
        if (!field->deleted && rank-- == 0) {
            return true;
        }
    }
    return false;
}

OrrStatus
orr_keyspace_random_field(const OrrKeyspace *keyspace, uint16_t slot, OrrBytes key, OrrRng *rng,
                          OrrValue *value)
{
    const OrrSlotData *data = orr_slot_data(keyspace, slot);
    OrrSpot spot;
    const OrrEntry *entry = data == NULL
                                ? NULL
                                : orr_table_find(&keyspace->store, &data->table, key,
                                                 orr_store_hash(&keyspace->store, key), &spot);

    if (entry == NULL || !orr_entry_is_live(entry) ||
        orr_entry_type(entry) == ORR_ENTRY_STRING) {
        return ORR_NOT_FOUND;
    }

    OrrHash hash = orr_hash_read(entry);
    OrrField field;

    if (!hash.small) {
        field = orr_field_of_entry(random_entry(&keyspace->store, &hash.table, rng));
    } else if (!small_field_at(hash.fields, orr_rng_below(rng, hash.live), &field)) {
        return ORR_NOT_FOUND;
    }
    *value = (OrrValue){.type = ORR_KEY_STRING,
                        .version = field.version,
                        .expire_ms = orr_entry_expire_ms(entry),
                        .key = field.name,
                        .value = field.value,
                        .slot = slot};
    return ORR_OK;
}

/* The hash of one record's worth of data. */
static uint64_t
digest_of(uint64_t key, OrrBytes field, OrrBytes value, OrrVersion version, int64_t expire_ms,
          OrrKeyType type)
{
    uint64_t words[6] = {key,
                         XXH3_64bits_withSeed(field.data, field.size, 2),
                         XXH3_64bits_withSeed(value.data, value.size, 3),
                         version,
                         (uint64_t)expire_ms,
                         (uint64_t)type};

    return XXH3_64bits(words, sizeof words);
}

typedef struct Digest {
    const OrrKeyspace *keyspace;
    uint64_t key;
    uint64_t sum;
} Digest;

static bool
digest_field(const OrrValue *value, void *context)
{
    Digest *digest = context;

    digest->sum += digest_of(digest->key, value->key, value->value, value->version,
                             value->expire_ms, ORR_KEY_HASH);
    return true;
}

static bool
digest_value(const OrrValue *value, void *context)
{
    Digest *digest = context;

    digest->key = XXH3_64bits_withSeed(value->key.data, value->key.size, 1);
    if (value->type == ORR_KEY_STRING) {
        digest->sum += digest_of(digest->key, ORR_BYTES_EMPTY, value->value, value->version,
                                 value->expire_ms, ORR_KEY_STRING);
    } else {
        (void)orr_keyspace_scan_fields(digest->keyspace, value->slot, value->key, 0, SIZE_MAX,
                                       digest_field, digest);
    }
    return true;
}

uint64_t
orr_keyspace_slot_digest(const OrrKeyspace *keyspace, uint16_t slot)
{
    Digest digest = {keyspace, 0, 0};

    (void)orr_keyspace_scan_slot(keyspace, slot, 0, SIZE_MAX, ORR_ANY_TIME, digest_value,
                                 &digest);
    return digest.sum;
}

uint64_t
orr_keyspace_digest(const OrrKeyspace *keyspace)
{
    Digest digest = {keyspace, 0, 0};

    (void)orr_keyspace_scan(keyspace, 0, SIZE_MAX, ORR_ANY_TIME, digest_value, &digest);
    return digest.sum;
}

typedef struct Weight {
    size_t size;
} Weight;

static bool
weigh_field(const OrrValue *value, void *context)
{
    Weight *weight = context;
    size_t size = sizeof(OrrEntry) + value->key.size + value->value.size;

    weight->size += orr_arena_rounded(size) + ORR_TABLE_SHARE;
    return true;
}

size_t
orr_keyspace_key_memory(const OrrKeyspace *keyspace, uint16_t slot, OrrBytes key)
{
    const OrrSlotData *data = orr_slot_data(keyspace, slot);
    Weight weight = {0};
    OrrSpot spot;
    const OrrEntry *entry = data == NULL
                                ? NULL
                                : orr_table_find(&keyspace->store, &data->table, key,
                                                 orr_store_hash(&keyspace->store, key), &spot);

    if (entry == NULL || !orr_entry_is_live(entry)) {
        return 0;
    }
    if (orr_entry_type(entry) == ORR_ENTRY_TABLE_HASH) {
        (void)orr_keyspace_scan_fields(keyspace, slot, key, 0, SIZE_MAX, weigh_field, &weight);
    }
    return weight.size + orr_arena_rounded(orr_entry_size(entry)) + ORR_TABLE_SHARE;
}
