#include "placement/hash.h"

#include "placement/md5.h"
#include "placement/siphash.h"

/* Fowler, Noll and Vo, "The FNV Non-Cryptographic Hash Algorithm"; the seed alters the offset
 * basis. */
static uint64_t
hash_fnv1a(OrrBytes bytes, uint64_t seed)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ seed;

    for (size_t i = 0; i < bytes.size; i++) {
        hash = (hash ^ bytes.data[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static uint64_t
hash_md5(OrrBytes bytes)
{
    Md5 digest = orr_md5_of(bytes);

    return digest.word[0] | (uint64_t)digest.word[1] << 32;
}

uint64_t
orr_hash_by(OrrPlacementHash hash, uint64_t seed, OrrBytes bytes)
{
    switch (hash) {
    case ORR_PLACEMENT_HASH_DEFAULT:
    case ORR_PLACEMENT_HASH_XXH3:
        return hash_xxh3(bytes, seed);
    case ORR_PLACEMENT_HASH_XXH32:
        return hash_xxh32(bytes, (uint32_t)(seed ^ seed >> 32));
    case ORR_PLACEMENT_HASH_SIPHASH:
        return orr_siphash_2_4(seed, 0, bytes);
    case ORR_PLACEMENT_HASH_MD5:
        return hash_md5(bytes);
    case ORR_PLACEMENT_HASH_FNV1A:
        return hash_fnv1a(bytes, seed);
    }
    return hash_xxh3(bytes, seed);
}

void
orr_hash_many_by(OrrPlacementHash hash, uint64_t seed, const OrrBytes *bytes, size_t count,
                 uint64_t *hashes)
{
    if (hash == ORR_PLACEMENT_HASH_SIPHASH) {
        orr_siphash_2_4_many(vectors_here(), seed, 0, bytes, count, hashes);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        hashes[i] = orr_hash_by(hash, seed, bytes[i]);
    }
}
