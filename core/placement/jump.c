#include <orrery/jump.h>

#include "placement/bits.h"

/* The generator is the linear congruential one of the paper. The quotient is computed in
 * double, as the reference does: one correctly rounded division of exact operands, so the same
 * on every machine. */
uint32_t
orr_jump(uint64_t hash, uint32_t buckets)
{
    uint64_t state = hash;
    double bucket = 0;

    for (;;) {
        state = state * UINT64_C(2862933555777941757) + 1;
        double draw = (double)((state >> 33) + 1) / 2147483648.0;
        double next = (bucket + 1) / draw;

        if (next >= buckets) {
            return (uint32_t)bucket;
        }
        bucket = (double)(uint32_t)next;
    }
}

typedef struct SplitMix {
    uint64_t state;
} SplitMix;

static inline uint64_t
draw(SplitMix *generator)
{
    generator->state += GOLDEN_64;
    return mix_64(generator->state);
}

/* Buckets [q, 2q) and those below q are told apart by bit q of a random number u; within [q,
 * 2q) the last one that the key would have moved to is uniform. Where that is not below
 * `buckets`, the key moved on from an earlier one, and that is uniform below it: so draw until
 * one is small enough, or below q, and then go on with the next lower bit of u. Paper, section
 * 4, in the form that takes two numbers of 32 bits from each draw. */
uint32_t
orr_jumpback(uint64_t hash, uint32_t buckets)
{
    SplitMix generator = {hash};

    if (buckets <= 1) {
        return 0;
    }
    uint64_t v = draw(&generator);
    uint32_t mask = UINT32_MAX >> __builtin_clz(buckets - 1);
    uint32_t u = (uint32_t)(v ^ v >> 32) & mask;
    while (u != 0) {
        uint32_t q = UINT32_C(1) << (31 - __builtin_clz(u));
        unsigned half = (unsigned)__builtin_parity(u) * 32;
        uint32_t bucket = q + ((uint32_t)(v >> half) & (q - 1));

        while (bucket >= buckets) {
            uint64_t w = draw(&generator);

            bucket = (uint32_t)w & (2 * q - 1);
            if (bucket >= buckets) {
                bucket = (uint32_t)(w >> 32) & (2 * q - 1);
            }
        }
        if (bucket >= q) {
            return bucket;
        }
        u ^= q;
    }
    return 0;
}
