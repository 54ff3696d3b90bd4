/* rng.h - the only source of chance: xoshiro256**, seeded, with streams by name.
 *
 * A stream is made from a seed and a name, so a purpose ("link n1 -> n2", "probe order of n3")
 * has draws of its own, and taking one purpose away shifts no draw of another.
 *
 * Source: Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators", 2018; the four
 * words are filled by splitmix64. Memory: a plain value, copied freely. Integers only.
 */
#ifndef ORRERY_RNG_H
#define ORRERY_RNG_H

#include <orrery/types.h>

ORR_BEGIN_DECLS

typedef struct OrrRng {
    uint64_t word[4];
} OrrRng;

/* The same seed, the same draws, on every machine. */
ORR_API OrrRng orr_rng_new(uint64_t seed);
/* The stream called `name` of this seed. */
ORR_API OrrRng orr_rng_stream(uint64_t seed, OrrBytes name);
/* 64 random bits. */
ORR_API uint64_t orr_rng_next(OrrRng *rng);
/* 0 to bound - 1, without bias; bound >= 1. */
ORR_API uint64_t orr_rng_below(OrrRng *rng, uint64_t bound);
/* low to high, both included; low <= high. */
ORR_API int64_t orr_rng_between(OrrRng *rng, int64_t low, int64_t high);
/* True with probability parts_per_million / 1,000,000; draws even where that is 0 or more than
 * all, so that a changed probability shifts nothing else. */
ORR_API bool orr_rng_chance_ppm(OrrRng *rng, uint32_t parts_per_million);

ORR_END_DECLS

#endif
