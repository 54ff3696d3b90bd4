#include <orrery/anchor.h>

#include "placement/bits.h"
#include "placement/hash.h"

#include <glib.h>

#define SEED UINT32_C(0xdeadbeef)

/* The names of the paper's arrays in brackets. */
struct OrrAnchor {
    uint32_t *worked;    /* [A] 0 where a bucket works, else how many did once it was removed */
    uint32_t *working;   /* [W] the working set, compact */
    uint32_t *place;     /* [L] of a bucket in the working set */
    uint32_t *successor; /* [K] who took a removed bucket's place */
    GArray *removed;     /* uint32_t, the last one last */
    uint32_t capacity;
    uint32_t size;
    OrrPlacementHash hash;
    uint64_t seed;
};

OrrAnchor *
orr_anchor_new(uint32_t capacity, OrrPlacementHash hash, uint64_t seed)
{
    OrrAnchor *anchor = g_new0(OrrAnchor, 1);

    anchor->worked = g_new(uint32_t, capacity);
    anchor->working = g_new(uint32_t, capacity);
    anchor->place = g_new(uint32_t, capacity);
    anchor->successor = g_new(uint32_t, capacity);
    anchor->removed = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    anchor->capacity = capacity;
    anchor->hash = hash == ORR_PLACEMENT_HASH_DEFAULT ? ORR_PLACEMENT_HASH_XXH32 : hash;
    anchor->seed = seed;
    /* as if all had worked and had been removed from the last to the first */
    for (uint32_t b = 0; b < capacity; b++) {
        anchor->worked[b] = b;
        anchor->working[b] = b;
        anchor->place[b] = b;
        anchor->successor[b] = b;
    }
    return anchor;
}

OrrAnchor *
orr_anchor_copy(const OrrAnchor *anchor)
{
    OrrAnchor *copy = g_memdup2(anchor, sizeof *anchor);
    size_t size = anchor->capacity * sizeof *anchor->worked;

    copy->worked = g_memdup2(anchor->worked, size);
    copy->working = g_memdup2(anchor->working, size);
    copy->place = g_memdup2(anchor->place, size);
    copy->successor = g_memdup2(anchor->successor, size);
    copy->removed = g_array_copy(anchor->removed);
    return copy;
}

void
orr_anchor_free(OrrAnchor *anchor)
{
    if (anchor != NULL) {
        g_free(anchor->worked);
        g_free(anchor->working);
        g_free(anchor->place);
        g_free(anchor->successor);
        g_array_unref(anchor->removed);
        g_free(anchor);
    }
}

uint32_t
orr_anchor_capacity(const OrrAnchor *anchor)
{
    return anchor->capacity;
}

uint32_t
orr_anchor_size(const OrrAnchor *anchor)
{
    return anchor->size;
}

static bool
works(const OrrAnchor *anchor, uint32_t bucket)
{
    return bucket < anchor->capacity && anchor->place[bucket] < anchor->size &&
           anchor->working[anchor->place[bucket]] == bucket;
}

OrrStatus
orr_anchor_add(OrrAnchor *anchor, uint32_t *bucket)
{
    uint32_t b = anchor->size;

    if (anchor->size == anchor->capacity) {
        return ORR_FULL;
    }
    if (anchor->removed->len != 0) {
        b = g_array_index(anchor->removed, uint32_t, anchor->removed->len - 1);
        g_array_set_size(anchor->removed, anchor->removed->len - 1);
    }
    anchor->worked[b] = 0;
    anchor->place[anchor->working[anchor->size]] = anchor->size;
    anchor->working[anchor->place[b]] = b;
    anchor->successor[b] = b;
    anchor->size++;
    *bucket = b;
    return ORR_OK;
}

OrrStatus
orr_anchor_remove(OrrAnchor *anchor, uint32_t bucket)
{
    if (!works(anchor, bucket)) {
        return ORR_NOT_FOUND;
    }
    anchor->size--;
    /* in order from the end nothing need be remembered: new ones are numbered on */
    if (bucket < anchor->size || anchor->removed->len != 0) {
        g_array_append_val(anchor->removed, bucket);
    }
    anchor->worked[bucket] = anchor->size;
    anchor->working[anchor->place[bucket]] = anchor->working[anchor->size];
    anchor->place[anchor->working[anchor->size]] = anchor->place[bucket];
    anchor->successor[bucket] = anchor->working[anchor->size];
    return ORR_OK;
}

static uint64_t
hash_of(const OrrAnchor *anchor, const uint8_t *bytes, size_t size)
{
    if (anchor->hash == ORR_PLACEMENT_HASH_XXH32 && anchor->seed == 0) {
        return hash_xxh32(orr_bytes(bytes, size), 0);
    }
    return orr_hash_by(anchor->hash, anchor->seed, orr_bytes(bytes, size));
}

uint64_t
orr_anchor_hash(const OrrAnchor *anchor, OrrBytes key)
{
    uint8_t small[256];
    uint8_t *bytes = key.size + 4 <= sizeof small ? small : g_malloc(key.size + 4);

    if (key.size != 0) {
        memcpy(bytes, key.data, key.size);
    }
    store_big_endian_32(bytes + key.size, SEED);
    uint64_t hash = hash_of(anchor, bytes, key.size + 4);
    if (bytes != small) {
        g_free(bytes);
    }
    return hash;
}

uint32_t
orr_anchor_find(const OrrAnchor *anchor, uint64_t hash)
{
    uint32_t bucket = (uint32_t)(hash % anchor->capacity);

    while (anchor->worked[bucket] > 0) {
        uint32_t worked = anchor->worked[bucket];
        uint8_t bytes[16];

        store_big_endian_64(bytes, hash);
        store_big_endian_32(bytes + 8, bucket);
        store_big_endian_32(bytes + 12, SEED);
        hash = hash_of(anchor, bytes, sizeof bytes);
        bucket = (uint32_t)(hash % worked);
        while (anchor->worked[bucket] >= worked) {
            bucket = anchor->successor[bucket];
        }
    }
    return bucket;
}

size_t
orr_anchor_memory_size(const OrrAnchor *anchor)
{
    return sizeof *anchor + 4 * sizeof *anchor->worked * anchor->capacity +
           anchor->removed->len * sizeof(uint32_t);
}
