/* log2.h - what a random number bids, in integers, so that every machine hears the same.
 *
 * With s uniform in 64 bits, -log2(s / 2^64) / weight is exponentially distributed with rate
 * proportional to the weight, and the smallest of several falls on each with probability weight
 * / total: weighted rendezvous. The absolute error is below 2^-26.
 */
#ifndef ORR_PLACEMENT_LOG2_H
#define ORR_PLACEMENT_LOG2_H

#include <orrery/types.h>

#define LOG2_FRACTION_BITS 57

/* log2(1 + t / 256) in 2^-57, and two more for the curve at the end; for vectors. */
extern const uint64_t orr_log2_table[259];

/* -log2(s / 2^64) in 2^-57; above 0; 64 where s is 0. */
uint64_t orr_log2_cost(uint64_t s);

/* Whether the first bid is better: cost_a / weight_a < cost_b / weight_b. Weights above 0. */
static inline bool
orr_log2_cheaper(uint64_t cost_a, uint64_t weight_a, uint64_t cost_b, uint64_t weight_b)
{
    __extension__ typedef unsigned __int128 Wide;

    return (Wide)cost_a * weight_b < (Wide)cost_b * weight_a;
}

#endif
