#include <orrery/memento.h>

#include <orrery/jump.h>

#include "placement/bits.h"
#include "placement/hash.h"

#include <glib.h>

#define WORKS UINT32_MAX
#define BATCH 64u /* keys that jump side by side */

struct OrrMemento {
    uint32_t *left;     /* how many were left when a bucket went, or WORKS */
    uint32_t *previous; /* the bucket that went before it */
    uint32_t room;
    uint32_t span; /* buckets are below this; the paper's b-array */
    uint32_t removed;
    uint32_t last; /* the one that comes back next */
    OrrPlacementHash hash;
    uint64_t seed;
};

OrrMemento *
orr_memento_new(OrrPlacementHash hash, uint64_t seed)
{
    OrrMemento *memento = g_new0(OrrMemento, 1);

    memento->hash = hash == ORR_PLACEMENT_HASH_DEFAULT ? ORR_PLACEMENT_HASH_XXH32 : hash;
    memento->seed = seed;
    return memento;
}

OrrMemento *
orr_memento_copy(const OrrMemento *memento)
{
    OrrMemento *copy = g_memdup2(memento, sizeof *memento);
    size_t size = memento->room * sizeof *memento->left;

    copy->left = g_memdup2(memento->left, size);
    copy->previous = g_memdup2(memento->previous, size);
    return copy;
}

void
orr_memento_free(OrrMemento *memento)
{
    if (memento != NULL) {
        g_free(memento->left);
        g_free(memento->previous);
        g_free(memento);
    }
}

uint32_t
orr_memento_size(const OrrMemento *memento)
{
    return memento->span - memento->removed;
}

static void
grow(OrrMemento *memento)
{
    if (memento->span == memento->room) {
        memento->room = MAX(16, 2 * memento->room);
        memento->left = g_renew(uint32_t, memento->left, memento->room);
        memento->previous = g_renew(uint32_t, memento->previous, memento->room);
    }
    memento->left[memento->span++] = WORKS;
}

uint32_t
orr_memento_add(OrrMemento *memento)
{
    uint32_t bucket = memento->last;

    if (memento->removed == 0) {
        bucket = memento->span;
        grow(memento);
        memento->last = memento->span;
    } else {
        memento->last = memento->previous[bucket];
        memento->left[bucket] = WORKS;
        memento->removed--;
    }
    return bucket;
}

OrrStatus
orr_memento_remove(OrrMemento *memento, uint32_t bucket)
{
    if (bucket >= memento->span || memento->left[bucket] != WORKS) {
        return ORR_NOT_FOUND;
    }
    if (memento->removed == 0 && bucket == memento->span - 1) {
        memento->span--;
        memento->last = memento->span;
        return ORR_OK;
    }
    memento->left[bucket] = orr_memento_size(memento) - 1;
    memento->previous[bucket] = memento->last;
    memento->last = bucket;
    memento->removed++;
    return ORR_OK;
}

static uint64_t
hash_with_bucket(const OrrMemento *memento, OrrBytes key, uint32_t bucket)
{
    uint8_t small[256];

    if (bucket == 0) {
        return orr_memento_hash(memento, key);
    }
    uint8_t *bytes = key.size + 4 <= sizeof small ? small : g_malloc(key.size + 4);
    if (key.size != 0) {
        memcpy(bytes, key.data, key.size);
    }
    store_big_endian_32(bytes + key.size, bucket);
    uint64_t hash = orr_memento_hash(memento, orr_bytes(bytes, key.size + 4));
    if (bytes != small) {
        g_free(bytes);
    }
    return hash;
}

uint64_t
orr_memento_hash(const OrrMemento *memento, OrrBytes key)
{
    return orr_hash_by(memento->hash, memento->seed, key);
}

/* From the bucket where a key has jumped on to one that works. A removed bucket leads to one of
 * those that were left when it went; if that one went later it was replaced in turn, and if
 * earlier, it had been replaced already, by the bucket whose number is how many were left. */
static uint32_t
settle(const OrrMemento *memento, OrrBytes key, uint32_t bucket)
{
    uint32_t left = memento->left[bucket];

    while (left != WORKS) {
        bucket = (uint32_t)(hash_with_bucket(memento, key, bucket) % left);
        uint32_t then = memento->left[bucket];
        while (then != WORKS && then >= left) {
            bucket = then;
            then = memento->left[bucket];
        }
        left = then;
    }
    return bucket;
}

uint32_t
orr_memento_find(const OrrMemento *memento, OrrBytes key)
{
    if (orr_memento_size(memento) == 0) {
        return 0;
    }
    uint32_t bucket = orr_jump(orr_memento_hash(memento, key), memento->span);
    return settle(memento, key, bucket);
}

void
orr_memento_find_batch(const OrrMemento *memento, const OrrBytes *keys, size_t count,
                       uint32_t *found)
{
    uint64_t hashes[BATCH];
    uint32_t span = orr_memento_size(memento) != 0 ? memento->span : 0;

    for (size_t i = 0; i < count; i += BATCH) {
        size_t now = MIN(BATCH, count - i);

        orr_hash_many_by(memento->hash, memento->seed, keys + i, now, hashes);
        orr_jump_batch(hashes, now, span, found + i);
        for (size_t k = i; k < i + now && span != 0; k++) {
            found[k] = settle(memento, keys[k], found[k]);
        }
    }
}

size_t
orr_memento_memory_size(const OrrMemento *memento)
{
    return sizeof *memento + 2 * sizeof *memento->left * memento->room;
}
