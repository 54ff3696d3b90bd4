#include "data/keyspace_private.h"

#include <glib.h>

/* Each bucket says, in units of 0.256 s and modulo 2^15 of them (2.3 hours), when the first of
 * its entries expires, so that a sweep touches only buckets, and of them only those with a live
 * expiry. What lies further off than a window is noted as the window's end and looked at again
 * then. */
#define UNIT_SHIFT 8u
#define UNITS_MASK 0x7fffu
#define WINDOW_MS (INT64_C(14000) << UNIT_SHIFT) /* less than half of 2^15 units */
#define JUMP_MS (INT64_C(1000) << UNIT_SHIFT)    /* of the wall clock, between two steps */

static uint16_t
due_of(int64_t now_ms, int64_t expire_ms)
{
    int64_t bounded = CLAMP(expire_ms, now_ms, now_ms + WINDOW_MS);

    /* rounded up, so that what is due has expired */
    return (uint16_t)((uint64_t)((bounded >> UNIT_SHIFT) + 1) & UNITS_MASK);
}

static bool
is_due(int64_t now_ms, uint16_t due)
{
    uint64_t ahead = ((uint64_t)due - ((uint64_t)now_ms >> UNIT_SHIFT)) & UNITS_MASK;

    return ahead == 0 || ahead > UNITS_MASK / 2;
}

static uint16_t
earlier(int64_t now_ms, uint16_t a, uint16_t b)
{
    uint64_t now = (uint64_t)now_ms >> UNIT_SHIFT;

    if (a == ORR_DUE_NEVER || b == ORR_DUE_NEVER) {
        return a == ORR_DUE_NEVER ? b : a;
    }
    return (((uint64_t)a - now) & UNITS_MASK) < (((uint64_t)b - now) & UNITS_MASK) ? a : b;
}

void
orr_due_add(const OrrKeyspace *keyspace, OrrBucket *bucket, int64_t expire_ms)
{
    int64_t now_ms = keyspace->sweep_ms;

    if (bucket->due == ORR_DUE_UNKNOWN) {
        return;
    }
    if (now_ms == 0 || (bucket->due != ORR_DUE_NEVER && is_due(now_ms, bucket->due))) {
        bucket->due = ORR_DUE_UNKNOWN;
        return;
    }
    bucket->due = earlier(now_ms, bucket->due, due_of(now_ms, expire_ms));
}

static void
note_expired(OrrKeyspace *keyspace, const OrrEntry *entry, uint16_t slot)
{
    OrrBytes key = orr_entry_key(entry);

    if (keyspace->expired_count == keyspace->expired_room) {
        keyspace->expired_room = MAX((size_t)64, keyspace->expired_room * 2);
        keyspace->expired = g_renew(OrrExpired, keyspace->expired, keyspace->expired_room);
    }
    if (keyspace->expired_keys_room - keyspace->expired_keys_size < key.size) {
        keyspace->expired_keys_room = 2 * (keyspace->expired_keys_room + key.size) + 1024;
        keyspace->expired_keys = g_realloc(keyspace->expired_keys, keyspace->expired_keys_room);
    }
    if (key.size > 0) {
        memcpy(keyspace->expired_keys + keyspace->expired_keys_size, key.data, key.size);
    }
    keyspace->expired[keyspace->expired_count++] =
        (OrrExpired){.key_at = keyspace->expired_keys_size,
                     .key_size = key.size,
                     .expire_ms = orr_entry_expire_ms(entry),
                     .slot = slot};
    keyspace->expired_keys_size += key.size;
}

/* Notes what has expired, and when the next of the bucket will. */
static void
look_into(OrrKeyspace *keyspace, OrrBucket *bucket, uint16_t slot, int64_t wall_ms)
{
    uint16_t due = ORR_DUE_NEVER;

    for (unsigned i = 0; i < ORR_BUCKET_ENTRIES; i++) {
        const OrrEntry *entry =
            bucket->tags[i] != 0 ? orr_arena_at(&keyspace->store.arena, bucket->refs[i]) : NULL;

        if (entry == NULL || !orr_entry_is_live(entry) ||
            (entry->flags & ORR_ENTRY_EXPIRES) == 0) {
            continue;
        }
        if (orr_entry_expired(entry, wall_ms)) {
            note_expired(keyspace, entry, slot);
        }
        due = earlier(wall_ms, due, due_of(wall_ms, orr_entry_expire_ms(entry)));
    }
    bucket->due = due;
}

/* Returns buckets looked at. */
static size_t
sweep_bucket(OrrKeyspace *keyspace, int64_t wall_ms)
{
    uint16_t slot = (uint16_t)keyspace->sweep_slot;
    const OrrSlotData *data = orr_slot_data(keyspace, slot);
    size_t looked_at = 0;
    OrrBucket *bucket = orr_table_bucket_at(
        &keyspace->store, &data->table, keyspace->sweep_position, &keyspace->sweep_position);

    for (; bucket != NULL; bucket = orr_bucket_next(&keyspace->store, bucket)) {
        bool known = bucket->due != ORR_DUE_UNKNOWN && keyspace->sweep_blind == 0;

        if (bucket->due != ORR_DUE_NEVER && (!known || is_due(wall_ms, bucket->due))) {
            look_into(keyspace, bucket, slot, wall_ms);
        }
        looked_at++;
    }
    return looked_at;
}

static void
next_slot(OrrKeyspace *keyspace)
{
    keyspace->sweep_slot = (keyspace->sweep_slot + 1) % ORR_KEYSPACE_SLOTS;
    keyspace->sweep_position = 0;
    keyspace->sweep_rounds += keyspace->sweep_slot == 0;
    keyspace->sweep_blind -= keyspace->sweep_blind > 0;
}

/* Once around at most. */
static void
sweep(OrrKeyspace *keyspace, int64_t wall_ms, size_t budget)
{
    size_t looked_at = 0;

    for (uint32_t slots = 0;
         slots <= ORR_KEYSPACE_SLOTS && looked_at < budget && keyspace->expired_count < budget;
         slots++) {
        const OrrSlotData *data = orr_slot_data(keyspace, (uint16_t)keyspace->sweep_slot);

        if (data == NULL || data->expiring == 0) {
            next_slot(keyspace);
            continue;
        }
        do {
            looked_at += sweep_bucket(keyspace, wall_ms);
        } while (keyspace->sweep_position != 0 && looked_at < budget &&
                 keyspace->expired_count < budget);
        if (keyspace->sweep_position == 0) {
            next_slot(keyspace);
        }
    }
}

size_t
orr_keyspace_expire_step(OrrKeyspace *keyspace, int64_t wall_ms, size_t budget,
                         OrrRecordFunc visit, void *context)
{
    if (keyspace->sweep_ms == 0 || wall_ms > keyspace->sweep_ms + JUMP_MS ||
        wall_ms < keyspace->sweep_ms - JUMP_MS) {
        keyspace->sweep_blind = ORR_KEYSPACE_SLOTS + 1;
    }
    keyspace->sweep_ms = MAX(wall_ms, INT64_C(1));
    if (keyspace->expiring == 0) {
        return 0;
    }
    keyspace->expired_count = 0;
    keyspace->expired_keys_size = 0;
    sweep(keyspace, wall_ms, budget);

    size_t count = keyspace->expired_count;

    for (size_t i = 0; i < count; i++) {
        OrrExpired *expired = &keyspace->expired[i];
        OrrRecord record = {
            .kind = ORR_RECORD_DELETE,
            .slot = expired->slot,
            .wall_ms = wall_ms,
            .key = orr_bytes(keyspace->expired_keys + expired->key_at, expired->key_size)};

        visit(&record, context);
    }
    return count;
}

uint64_t
orr_keyspace_expire_rounds(const OrrKeyspace *keyspace)
{
    return keyspace->sweep_rounds;
}
