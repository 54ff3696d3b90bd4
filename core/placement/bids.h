/* bids.h - rendezvous bids: which of many nodes bids most for a key, by vectors where there
 * are.
 *
 * A bid is xorshift64*(hash of the key xor hash of the node). Scalar code, AVX2 and AVX-512
 * find the same winner; of equal bids the earlier node's wins.
 */
#ifndef ORR_PLACEMENT_BIDS_H
#define ORR_PLACEMENT_BIDS_H

#include "placement/vectors.h"

#include <orrery/types.h>

/* Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled", 2016: the
 * generator's step from this state, and its multiplier. */
static inline uint64_t
orr_bid_of(uint64_t key, uint64_t node)
{
    uint64_t x = key ^ node;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    return x * UINT64_C(0x2545f4914f6cdd1d);
}

typedef struct Bid {
    uint64_t bid;
    uint64_t index;
} Bid;

#define BIDS_PAD 16u

/* `count` rounded up to a whole number of vectors. */
static inline size_t
orr_bids_padded(size_t count)
{
    return (count + BIDS_PAD - 1) / BIDS_PAD * BIDS_PAD;
}

/* The highest of `count` nodes, at least one. Behind them, up to orr_bids_padded(count), node 0
 * is repeated. The answer does not depend on `vectors`, which the processor must have. */
Bid orr_bids_highest(Vectors vectors, uint64_t key, const uint64_t *nodes, size_t count);
/* The same for many keys, in `bids`. */
void orr_bids_highest_many(Vectors vectors, const uint64_t *keys, size_t key_count,
                           const uint64_t *nodes, size_t count, Bid *bids);

/* The same without vectors, for tests and comparison. */
Bid orr_bids_highest_scalar(uint64_t key, const uint64_t *nodes, size_t count);

#endif
