#include <orrery/rendezvous.h>

#include "placement/bids.h"
#include "placement/log2.h"
#include "placement/siphash.h"

uint64_t
orr_rendezvous_hash(uint64_t seed, OrrBytes bytes)
{
    return orr_siphash_2_4(seed, 0, bytes);
}

uint64_t
orr_rendezvous_bid(uint64_t key_hash, uint64_t node_hash)
{
    return orr_bid_of(key_hash, node_hash);
}

/* Whole vectors by vectors, the rest one by one: the caller's array has no padding. */
size_t
orr_rendezvous_find(uint64_t key_hash, const uint64_t *node_hashes, size_t count)
{
    size_t whole = count / BIDS_PAD * BIDS_PAD;
    Bid best = {0, 0};

    if (whole != 0) {
        best = orr_bids_highest(vectors_here(), key_hash, node_hashes, whole);
    }
    for (size_t i = whole; i < count; i++) {
        uint64_t bid = orr_bid_of(key_hash, node_hashes[i]);

        if (i == 0 || bid > best.bid) {
            best = (Bid){bid, i};
        }
    }
    return best.index;
}

size_t
orr_rendezvous_find_weighted(uint64_t key_hash, const uint64_t *node_hashes,
                             const uint32_t *weights, size_t count)
{
    uint64_t best_bid = 0;
    uint64_t best_cost = 0;
    size_t best = count;

    for (size_t i = 0; i < count; i++) {
        uint64_t bid = orr_bid_of(key_hash, node_hashes[i]);
        uint64_t cost = orr_log2_cost(bid);

        if (weights[i] == 0) {
            continue;
        }
        /* among equal weights the bids themselves decide, which tell more apart than costs */
        bool better = best == count;
        if (!better) {
            better = weights[i] == weights[best]
                         ? bid > best_bid
                         : orr_log2_cheaper(cost, weights[i], best_cost, weights[best]);
        }
        if (better) {
            best = i;
            best_bid = bid;
            best_cost = cost;
        }
    }
    return best;
}
