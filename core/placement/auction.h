/* auction.h - a weighted bid among up to sixteen: which group of a tree a key goes down to.
 *
 * The bids are those of bids.h, weighed as in log2.h: the least cost / weight wins, the first
 * of equal ones. With AVX-512 all sixteen are estimated side by side; where two are so close
 * that the estimate might tell them apart wrongly, integers decide as without vectors.
 */
#ifndef ORR_PLACEMENT_AUCTION_H
#define ORR_PLACEMENT_AUCTION_H

#include "placement/vectors.h"

#include <orrery/types.h>

#define AUCTION_MAX 16u

typedef struct Auction {
    uint64_t ids[AUCTION_MAX];     /* mixed well */
    uint64_t weights[AUCTION_MAX]; /* above 0; 0 behind the last */
    float inverse[AUCTION_MAX];    /* 1 / weight; 0 behind the last */
    uint32_t count;
} Auction;

void orr_auction_init(Auction *auction);
void orr_auction_add(Auction *auction, uint64_t id, uint64_t weight);
/* The index of the winner; at least one bidder. Does not depend on `vectors`, which the
 * processor must have. */
uint32_t orr_auction_winner(Vectors vectors, const Auction *auction, uint64_t key);

#endif
