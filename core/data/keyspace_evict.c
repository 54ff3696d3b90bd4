#include "data/keyspace_private.h"

#include <glib.h>

/* Approximations as Redis's: of a few keys drawn at random the best to be given up are kept in
 * a pool, so that the one that goes is the best of many draws. Departure: whole buckets are
 * drawn, whose entries one cache line names; their keys are neighbours by nothing but their
 * hashes. */

static bool
wants_volatile(OrrEviction policy)
{
    return policy == ORR_EVICTION_VOLATILE_LRU || policy == ORR_EVICTION_VOLATILE_LFU ||
           policy == ORR_EVICTION_VOLATILE_RANDOM || policy == ORR_EVICTION_VOLATILE_TTL;
}

/* The greater, the better to be given up. */
static uint64_t
score_of(const OrrKeyspace *keyspace, OrrEviction policy, const OrrEntry *entry)
{
    OrrValue value = {.used = entry->used};

    switch (policy) {
    case ORR_EVICTION_NONE:
    case ORR_EVICTION_ALLKEYS_RANDOM:
    case ORR_EVICTION_VOLATILE_RANDOM:
        break;
    case ORR_EVICTION_ALLKEYS_LRU:
    case ORR_EVICTION_VOLATILE_LRU:
        return keyspace->access_clock - entry->used;
    case ORR_EVICTION_ALLKEYS_LFU:
    case ORR_EVICTION_VOLATILE_LFU:
        return 255 - orr_keyspace_frequency(keyspace, &value);
    case ORR_EVICTION_VOLATILE_TTL:
        return (uint64_t)INT64_MAX - (uint64_t)orr_entry_expire_ms(entry);
    }
    return 0;
}

static bool
may_go(const OrrEntry *entry, bool only_volatile)
{
    return orr_entry_is_live(entry) &&
           (!only_volatile || (entry->flags & ORR_ENTRY_EXPIRES) != 0);
}

/* Drawing */

/* A slot, the likelier the more such keys it holds; there is one. */
static uint16_t
random_slot(const OrrKeyspace *keyspace, bool only_volatile, OrrRng *rng)
{
    const uint32_t *pages = only_volatile ? keyspace->page_expiring : keyspace->page_live;
    uint64_t rank = orr_rng_below(rng, only_volatile ? keyspace->expiring : keyspace->live);
    uint32_t page = 0;
    uint32_t slot = 0;

    while (rank >= pages[page]) {
        rank -= pages[page++];
    }
    for (;; slot++) {
        const OrrSlotData *data = &keyspace->pages[page]->slots[slot];
        uint32_t count = only_volatile ? data->expiring : data->live;

        if (rank < count) {
            return (uint16_t)(page * ORR_PAGE_SLOTS + slot);
        }
        rank -= count;
    }
}

static void
prefetch_entries(const OrrStore *store, const OrrBucket *bucket)
{
    for (unsigned i = 0; i < ORR_BUCKET_ENTRIES; i++) {
        if (bucket->tags[i] != 0) {
            __builtin_prefetch(orr_arena_small(&store->arena, bucket->refs[i]));
        }
    }
}

/* Into the pool, in order of score, the best last; the worst of a full one goes. */
static void
offer(OrrKeyspace *keyspace, uint16_t slot, const OrrEntry *entry, uint64_t score)
{
    OrrCandidate *pool = keyspace->pool;
    OrrCandidate item = {.score = score, .used = entry->used, .slot = slot};
    size_t at = keyspace->pool_count;

    if (at == ORR_EVICTION_POOL) {
        if (score <= pool[0].score) {
            return;
        }
        memmove(pool, pool + 1, (ORR_EVICTION_POOL - 1) * sizeof pool[0]);
        at = --keyspace->pool_count;
    }
    item.hash = orr_store_hash(&keyspace->store, orr_entry_key(entry));
    for (size_t i = 0; i < keyspace->pool_count; i++) {
        if (pool[i].hash == item.hash && pool[i].slot == slot) {
            return; /* drawn before */
        }
    }
    for (; at > 0 && pool[at - 1].score > score; at--) {
        pool[at] = pool[at - 1];
    }
    pool[at] = item;
    keyspace->pool_count++;
}

/* The entries of the bucket at `position` that may go; returns how many. */
static size_t
draw_bucket(OrrKeyspace *keyspace, OrrEviction policy, uint16_t slot, uint64_t position,
            uint64_t *next)
{
    const OrrStore *store = &keyspace->store;
    const OrrSlotData *data = orr_slot_data(keyspace, slot);
    const OrrBucket *bucket = orr_table_bucket_at(store, &data->table, position, next);
    bool only_volatile = wants_volatile(policy);
    size_t drawn = 0;

    for (; bucket != NULL; bucket = orr_bucket_next(store, bucket)) {
        if (only_volatile && bucket->due == ORR_DUE_NEVER) {
            continue;
        }
        prefetch_entries(store, bucket);
        for (unsigned i = 0; i < ORR_BUCKET_ENTRIES; i++) {
            const OrrEntry *entry =
                bucket->tags[i] != 0 ? orr_arena_at(&store->arena, bucket->refs[i]) : NULL;

            if (entry != NULL && may_go(entry, only_volatile)) {
                offer(keyspace, slot, entry, score_of(keyspace, policy, entry));
                drawn++;
            }
        }
    }
    return drawn;
}

static void
draw(OrrKeyspace *keyspace, OrrEviction policy, size_t samples, OrrRng *rng)
{
    for (size_t drawn = 0; drawn < samples;) {
        uint16_t slot = random_slot(keyspace, wants_volatile(policy), rng);
        uint64_t position = orr_rng_next(rng);
        size_t found;

        do { /* the slot has one, here or further on */
            found = draw_bucket(keyspace, policy, slot, position, &position);
        } while (found == 0);
        drawn += found;
    }
}

/* Choosing */

/* The candidate's entry, if it is as it was when it was drawn; or NULL. */
static const OrrEntry *
entry_of(const OrrKeyspace *keyspace, const OrrCandidate *candidate, bool only_volatile)
{
    const OrrStore *store = &keyspace->store;
    const OrrSlotData *data = orr_slot_data(keyspace, candidate->slot);
    uint64_t next;

    for (const OrrBucket *bucket =
             orr_table_bucket_at(store, &data->table, candidate->hash, &next);
         bucket != NULL; bucket = orr_bucket_next(store, bucket)) {
        for (unsigned i = 0; i < ORR_BUCKET_ENTRIES; i++) {
            const OrrEntry *entry =
                bucket->tags[i] != 0 ? orr_arena_at(&store->arena, bucket->refs[i]) : NULL;

            if (entry != NULL && entry->used == candidate->used &&
                may_go(entry, only_volatile) &&
                orr_store_hash(store, orr_entry_key(entry)) == candidate->hash) {
                return entry;
            }
        }
    }
    return NULL;
}

OrrStatus
orr_keyspace_victim(OrrKeyspace *keyspace, OrrEviction policy, size_t samples, OrrRng *rng,
                    OrrValue *victim)
{
    bool only_volatile = wants_volatile(policy);
    bool random =
        policy == ORR_EVICTION_ALLKEYS_RANDOM || policy == ORR_EVICTION_VOLATILE_RANDOM;

    if (policy == ORR_EVICTION_NONE ||
        (only_volatile ? keyspace->expiring : keyspace->live) == 0) {
        return ORR_NOT_FOUND;
    }
    if (random || keyspace->pool_policy != policy) {
        keyspace->pool_count = 0;
        keyspace->pool_policy = policy;
    }
    for (;;) {
        draw(keyspace, policy, random ? 1 : MAX(samples, (size_t)1), rng);
        if (random) { /* any of the bucket */
            size_t chosen = orr_rng_below(rng, keyspace->pool_count);

            keyspace->pool[0] = keyspace->pool[chosen];
            keyspace->pool_count = 1;
        }
        while (keyspace->pool_count > 0) {
            const OrrCandidate *best = &keyspace->pool[--keyspace->pool_count];
            const OrrEntry *entry = entry_of(keyspace, best, only_volatile);

            if (entry != NULL) {
                orr_entry_describe(entry, best->slot, victim);
                return ORR_OK;
            }
        }
    }
}
