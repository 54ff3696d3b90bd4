/* ring.h - a consistent hash ring with virtual nodes, for who wants nothing else.
 *
 * Every node stands at some points of a circle of 2^64 positions. A key belongs to the first
 * point at or after its hash; past the end the circle begins anew:
 *
 *     0 ----- A ----- B -- k -- A ----- B ----- 2^64-1
 *                          `--->A owns k
 *
 * A node's share is its points / all points, give or take 1/sqrt(points) of it: with n nodes of
 * V points each it is Beta(V, (n - 1) V), and varies by sqrt((n - 1) / (n V + 1)). Adding a
 * node moves only keys to it, removing one only its own. The order of the calls that built a
 * ring does not show: point k of a node is XXH3-64, with the ring's seed, of its name, '-' and
 * k in decimal, and of two points at one position the one whose name is first in byte order is
 * asked.
 *
 * The points are sorted, and the top bits of a hash index where to begin: a lookup is one
 * access to the index, one to the points and one to the owners, whatever the size. A change
 * merges the newcomer's points into the sorted ones.
 *
 * This is the algorithm "ring" of placement.h, with points instead of weights, and without the
 * choice of others; zones, replicas and digests are there.
 *
 * Source: Karger et al., "Consistent Hashing and Random Trees", STOC 1997, section 4.
 * Memory: 16 bytes a point, and the names; only new, add and remove allocate. Threads: any
 * number may find while nobody changes.
 */
#ifndef ORRERY_RING_H
#define ORRERY_RING_H

#include <orrery/types.h>

ORR_BEGIN_DECLS

typedef struct OrrRing OrrRing;

#define ORR_RING_POINTS_MAX (1u << 20) /* of one node; 160 is usual */
#define ORR_RING_NO_NODE UINT32_MAX    /* the owner of every key on an empty ring */

/* A ring without nodes, owned by the caller. Different seeds are different rings. */
ORR_API OrrRing *orr_ring_new(uint64_t seed);
ORR_API void orr_ring_free(OrrRing *ring);

/* Places a node at so many points. `*number` is the lowest number that no node has. O(all
 * points).
 *
 * ORR_OK
 * ORR_EXISTS    that name is on the ring
 * ORR_INVALID   no points or more than ORR_RING_POINTS_MAX, or a name that is empty or longer
 *               than 1024 bytes
 */
ORR_API ORR_MUST_USE OrrStatus orr_ring_add(OrrRing *ring, OrrBytes name, uint32_t points,
                                            uint32_t *number);
/* ORR_OK, or ORR_NOT_FOUND. O(all points). */
ORR_API ORR_MUST_USE OrrStatus orr_ring_remove(OrrRing *ring, uint32_t number);

/* XXH3-64 of a key, with the ring's seed. */
ORR_API uint64_t orr_ring_hash(const OrrRing *ring, OrrBytes key);
/* The number of the node that owns keys of this hash. O(1) expected. */
ORR_API uint32_t orr_ring_find(const OrrRing *ring, uint64_t hash);
/* The owners of many, in `numbers`: the same, faster. */
ORR_API void orr_ring_find_batch(const OrrRing *ring, const uint64_t *hashes, size_t count,
                                 uint32_t *numbers);

/* Points of all nodes together. */
ORR_API size_t orr_ring_point_count(const OrrRing *ring);

ORR_END_DECLS

#endif
