/* circle.h - the points that the nodes of a placement have on a circle, kept up to date.
 *
 * How many points a node has, and where, is a dialect's affair; this finds out which nodes need
 * other points than they have, and merges the new ones in.
 */
#ifndef ORR_PLACEMENT_CIRCLE_H
#define ORR_PLACEMENT_CIRCLE_H

#include "placement/kind.h"
#include "placement/points.h"

typedef struct Dialect {
    /* How many points each node has, by number, into zeroed memory. */
    void (*count_points)(const OrrPlacement *placement, uint32_t *counts);
    /* The positions of one node, `count` of them. */
    void (*place_points)(const OrrPlacement *placement, uint32_t number, uint32_t count,
                         Point *points);
} Dialect;

typedef struct Circle {
    Points points;
    uint32_t *counts; /* by number: points of each node */
    uint32_t room;    /* of counts */
    unsigned shift;   /* hashes of 32 bits are the upper half of a position */
} Circle;

void orr_circle_init(Circle *circle, unsigned shift);
void orr_circle_clear(Circle *circle);
void orr_circle_copy(Circle *circle, const Circle *from);
void orr_circle_change(Circle *circle, const Dialect *dialect, const OrrPlacement *placement,
                       const Change *change);
size_t orr_circle_memory_size(const Circle *circle);

/* Arcs, in 2^-63. */
void orr_circle_shares(const Circle *circle, uint64_t *shares);

/* Our own points: `points` of a node of unit weight, point k at the hash of "name-k". */
extern const Dialect ORR_DIALECT_RING;
/* "text-k" without a NUL into `bytes`, which has room for the text and 11 more; its size. */
size_t orr_circle_point_text(OrrBytes text, uint32_t k, uint8_t *bytes);

#endif
