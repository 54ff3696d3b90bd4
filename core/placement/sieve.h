/* sieve.h - which places of a circle have a point close behind: a bit for each of many cells.
 *
 *     cells   |     |     |  p  |     |     |     |
 *     bits       0     1     1     0     0     0        set: a point here, or in the next cell
 *
 * A place in a cell whose bit is not set has no point for the whole width of a cell. So whoever
 * looks for the shortest way to a point among many places need look closely at few of them.
 * There are eight cells a point, or more, so a bit is set for less than a quarter of all
 * places.
 *
 * Memory: two bytes a point, or less.
 */
#ifndef ORR_PLACEMENT_SIEVE_H
#define ORR_PLACEMENT_SIEVE_H

#include "placement/points.h"

typedef struct Sieve {
    uint64_t *bits;
    size_t words;
    unsigned shift; /* of a position: which cell */
} Sieve;

void orr_sieve_init(Sieve *sieve);
void orr_sieve_clear(Sieve *sieve);
void orr_sieve_copy(Sieve *sieve, const Sieve *from);
/* The cells of these points. O(points). */
void orr_sieve_fill(Sieve *sieve, const Points *points);

/* 1 where a point may be as close behind as orr_sieve_width(), or closer; else 0. */
static inline uint64_t
orr_sieve_at(const Sieve *sieve, uint64_t position)
{
    uint64_t cell = position >> sieve->shift;

    return sieve->bits[cell / 64] >> (cell % 64) & 1;
}

static inline uint64_t
orr_sieve_width(const Sieve *sieve)
{
    return UINT64_C(1) << sieve->shift;
}

#endif
