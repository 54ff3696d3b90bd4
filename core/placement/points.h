/* points.h - points on a circle of 2^64 positions, each with an owner, found in O(1) expected.
 *
 * Sorted by position, then by the owner's rank, so that equal positions have one order whoever
 * came first. An index on the top bits of a position says where in the sorted array to begin;
 * there are a third as many entries as points, or more, so that one or two are passed by.
 *
 *     index[h >> shift] --.
 *     marks      ... p p p p p p p ...  upper half of the position, and the owner, in 64 bits
 *     positions  ... p p p p p p p ...  all of it, looked at only where upper halves are equal
 *
 * So a lookup touches two lines of cache. Behind the last point stand marks that are above
 * every hash and have the first owner: the circle closes.
 *
 * Memory: 16 bytes a point and 4 bytes an entry of the index.
 */
#ifndef ORR_PLACEMENT_POINTS_H
#define ORR_PLACEMENT_POINTS_H

#include <orrery/types.h>

#define POINTS_PAD 4u

typedef struct Point {
    uint64_t position;
    uint32_t owner;
} Point;

typedef struct Points {
    uint64_t *marks;     /* count + POINTS_PAD */
    uint64_t *positions; /* count + POINTS_PAD; the one behind the last is the first again */
    uint32_t *index;     /* entries + 1 */
    size_t count;
    size_t entries; /* a power of two, at least 2 */
    unsigned shift; /* 64 - log2(entries) */
} Points;

void orr_points_init(Points *points);
void orr_points_clear(Points *points);
void orr_points_copy(Points *points, const Points *from);
size_t orr_points_memory_size(const Points *points);

/* Adds `count` points, sorting those and merging them with what is here. `rank` is indexed by
 * owner. O(all points), without sorting what is sorted. Reorders `added`. */
void orr_points_merge(Points *points, Point *added, size_t count, const uint32_t *rank);
/* Removes all points of this owner. O(all points). */
void orr_points_remove(Points *points, uint32_t owner);

/* Without the marks: the first point at or after `hash` from `low` on, which is in its bucket.
 */
size_t orr_points_search(const Points *points, uint64_t hash, size_t low);

static inline uint32_t
orr_points_owner_at(const Points *points, size_t i)
{
    return (uint32_t)points->marks[i];
}

/* The first point at or after `hash`: below count, or count where the circle begins anew (whose
 * owner is the first's). At least one point. Four comparisons without a branch; what follows
 * them is seldom needed, so it is seldom mispredicted. */
static inline size_t
orr_points_find_from(const Points *points, uint64_t hash, size_t low)
{
    uint64_t mark = hash >> 32 << 32;
    const uint64_t *m = points->marks + low;
    size_t passed = (size_t)(m[0] < mark) + (m[1] < mark) + (m[2] < mark) + (m[3] < mark);

    if (__builtin_expect(passed == POINTS_PAD || m[passed] >> 32 == hash >> 32, 0)) {
        return orr_points_search(points, hash, low + passed);
    }
    return low + passed;
}

static inline size_t
orr_points_find(const Points *points, uint64_t hash)
{
    return orr_points_find_from(points, hash, points->index[hash >> points->shift]);
}

static inline uint32_t
orr_points_owner(const Points *points, uint64_t hash)
{
    return orr_points_owner_at(points, orr_points_find(points, hash));
}

/* The owners of many; batches hide the time that memory takes. */
void orr_points_owners(const Points *points, const uint64_t *hashes, size_t count,
                       unsigned shift, uint32_t *owners);

/* The length of the arc before point i: of the hashes that point i owns. One point owns the
 * whole circle, told as 2^64 - 1. */
uint64_t orr_points_arc(const Points *points, size_t i);

#endif
