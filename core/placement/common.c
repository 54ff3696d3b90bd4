#include "placement/bits.h"
#include "placement/hash.h"
#include "placement/kind.h"

uint64_t
orr_kind_hash(const OrrPlacement *placement, OrrBytes key)
{
    if (placement->options.hash == ORR_PLACEMENT_HASH_XXH3) {
        return hash_xxh3(key, placement->options.seed);
    }
    return orr_hash_by(placement->options.hash, placement->options.seed, key);
}

void
orr_kind_hash_many(const OrrPlacement *placement, const OrrBytes *keys, size_t count,
                   uint64_t *hashes)
{
    uint64_t seed = placement->options.seed;

    if (placement->options.hash != ORR_PLACEMENT_HASH_XXH3) {
        orr_hash_many_by(placement->options.hash, seed, keys, count, hashes);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        hashes[i] = hash_xxh3(keys[i], seed);
    }
}

/* As many tries as give each of n nodes a good chance; who is left after them follows by name.
 */
uint32_t
orr_kind_next_by_rehash(Walk *walk)
{
    if (walk->step++ == 16 + 4 * (uint64_t)walk->placement->eligible) {
        return ORR_PLACEMENT_NO_NODE;
    }
    return orr_placement_find_hash(walk->placement,
                                   mix_64(walk->hash + walk->step * GOLDEN_64));
}

bool
orr_kind_shares_by_weight(const OrrPlacement *placement, uint64_t *shares)
{
    __extension__ typedef unsigned __int128 Wide;

    for (uint32_t i = 0; i < placement->count; i++) {
        uint32_t number = placement->by_age[i];
        Wide weight = placement->nodes[number].weight;

        shares[number] = (uint64_t)((weight << 63) / placement->total_weight);
    }
    return true;
}
