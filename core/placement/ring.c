#include <orrery/ring.h>

#include "placement/circle.h"

/* A placement whose weights are numbers of points. */
struct OrrRing {
    OrrPlacement *placement;
    const Points *points; /* of its state, which stays where it is */
};

OrrRing *
orr_ring_new(uint64_t seed)
{
    OrrPlacementOptions options = orr_placement_options(ORR_PLACEMENT_RING);
    OrrRing *ring = g_new(OrrRing, 1);

    options.seed = seed;
    options.points = 1;
    options.unit_weight = 1;
    OrrStatus status = orr_placement_new(&options, &ring->placement);
    g_assert(status == ORR_OK);
    ring->points = &((const Circle *)ring->placement->state)->points;
    return ring;
}

void
orr_ring_free(OrrRing *ring)
{
    if (ring != NULL) {
        orr_placement_free(ring->placement);
        g_free(ring);
    }
}

OrrStatus
orr_ring_add(OrrRing *ring, OrrBytes name, uint32_t points, uint32_t *number)
{
    OrrPlacementNode node = {.name = name, .weight = points};

    if (points == 0 || points > ORR_RING_POINTS_MAX) {
        return ORR_INVALID;
    }
    OrrStatus status = orr_placement_add(ring->placement, &node);
    if (status == ORR_OK) {
        *number = orr_placement_last(ring->placement);
    }
    return status;
}

OrrStatus
orr_ring_remove(OrrRing *ring, uint32_t number)
{
    return orr_placement_remove(ring->placement, number);
}

uint64_t
orr_ring_hash(const OrrRing *ring, OrrBytes key)
{
    return orr_placement_hash(ring->placement, key);
}

uint32_t
orr_ring_find(const OrrRing *ring, uint64_t hash)
{
    const Points *points = ring->points;

    return points->count != 0 ? orr_points_owner(points, hash) : ORR_RING_NO_NODE;
}

void
orr_ring_find_batch(const OrrRing *ring, const uint64_t *hashes, size_t count,
                    uint32_t *numbers)
{
    orr_placement_find_hash_batch(ring->placement, hashes, count, numbers);
}

size_t
orr_ring_point_count(const OrrRing *ring)
{
    return ring->points->count;
}
