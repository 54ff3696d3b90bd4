/* hash.h - the hash functions that a placement can be made with, behind one name. */
#ifndef ORR_PLACEMENT_HASH_H
#define ORR_PLACEMENT_HASH_H

#include <orrery/placement.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static inline uint64_t
hash_xxh3(OrrBytes bytes, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes.data, bytes.size, seed);
}

static inline uint32_t
hash_xxh32(OrrBytes bytes, uint32_t seed)
{
    return XXH32(bytes.data, bytes.size, seed);
}

/* Any of them by its number; DEFAULT is XXH3. */
uint64_t orr_hash_by(OrrPlacementHash hash, uint64_t seed, OrrBytes bytes);

/* Of many, in `hashes`: the same answers. */
void orr_hash_many_by(OrrPlacementHash hash, uint64_t seed, const OrrBytes *bytes, size_t count,
                      uint64_t *hashes);

/* 64, or 32 for one that fills only the low half. */
static inline uint8_t
hash_bits(OrrPlacementHash hash)
{
    return hash == ORR_PLACEMENT_HASH_XXH32 ? 32 : 64;
}

#endif
