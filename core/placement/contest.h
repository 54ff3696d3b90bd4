/* contest.h - weighted rendezvous among a group of nodes: the best bid for a key wins.
 *
 * Nodes of one weight lie together, in the order of their names: among them the highest bid
 * wins (bids.h), and only the winners of the classes are weighed against each other (log2.h),
 * the earlier name winning where they are equal.
 */
#ifndef ORR_PLACEMENT_CONTEST_H
#define ORR_PLACEMENT_CONTEST_H

#include "placement/kind.h"

typedef struct Class {
    uint64_t weight;
    uint32_t begin; /* of its nodes */
    uint32_t count;
} Class;

/* Several groups may share one store. */
typedef struct Contest {
    GArray *hashes;  /* uint64_t, of nodes, each class padded for vectors */
    GArray *numbers; /* uint32_t, likewise */
    GArray *classes; /* Class */
} Contest;

/* A group: classes [begin, begin + count). */
typedef struct Span {
    uint32_t begin;
    uint32_t count;
} Span;

void orr_contest_init(Contest *contest);
void orr_contest_clear(Contest *contest);
void orr_contest_copy(Contest *contest, const Contest *from);
void orr_contest_reset(Contest *contest);
size_t orr_contest_memory_size(const Contest *contest);

/* A new group of these nodes, each with a weight. Sorts `numbers`. */
Span orr_contest_add_group(Contest *contest, const OrrPlacement *placement, uint32_t *numbers,
                           uint32_t count);

/* The number of the node of this group that wins the key with this hash. */
uint32_t orr_contest_winner(const Contest *contest, const OrrPlacement *placement, Span span,
                            uint64_t hash);
/* Of many keys. */
void orr_contest_winners(const Contest *contest, const OrrPlacement *placement, Span span,
                         const uint64_t *hashes, size_t count, uint32_t *numbers);
/* The winner when all are out who beat or are walk->place[0], an index of numbers, of the class
 * walk->place[1]; at step 0 nobody is out. NO_NODE when all are. */
uint32_t orr_contest_next(const Contest *contest, Span span, Walk *walk);

#endif
