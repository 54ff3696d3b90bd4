#include "placement/circle.h"
#include "placement/hash.h"

static void *
ring_new(const OrrPlacement *placement)
{
    Circle *circle = g_new(Circle, 1);

    orr_circle_init(circle, 64u - hash_bits(placement->options.hash));
    return circle;
}

static void *
ring_copy(const void *state)
{
    Circle *circle = g_new(Circle, 1);

    orr_circle_copy(circle, state);
    return circle;
}

static void
ring_free(void *state)
{
    orr_circle_clear(state);
    g_free(state);
}

static void
ring_change(OrrPlacement *placement, const Change *change)
{
    orr_circle_change(placement->state, &ORR_DIALECT_RING, placement, change);
}

static uint32_t
ring_find(const OrrPlacement *placement, uint64_t hash)
{
    const Circle *circle = placement->state;

    return orr_points_owner(&circle->points, hash << circle->shift);
}

static void
ring_find_many(const OrrPlacement *placement, const uint64_t *hashes, size_t count,
               uint32_t *numbers)
{
    const Circle *circle = placement->state;

    orr_points_owners(&circle->points, hashes, count, circle->shift, numbers);
}

/* The points that follow; place[0] is the next of them. */
static uint32_t
ring_next(Walk *walk)
{
    const Circle *circle = walk->placement->state;
    const Points *points = &circle->points;

    if (walk->step == 0) {
        walk->place[0] = orr_points_find(points, walk->hash << circle->shift);
    }
    if (walk->step == points->count) {
        return ORR_PLACEMENT_NO_NODE;
    }
    walk->step++;
    walk->place[0] = walk->place[0] >= points->count ? 0 : walk->place[0];
    return orr_points_owner_at(points, walk->place[0]++);
}

static bool
ring_shares(const OrrPlacement *placement, uint64_t *shares)
{
    orr_circle_shares(placement->state, shares);
    return true;
}

static size_t
ring_memory_size(const OrrPlacement *placement)
{
    return sizeof(Circle) + orr_circle_memory_size(placement->state);
}

const Kind ORR_KIND_RING = {
    .state_new = ring_new,
    .state_copy = ring_copy,
    .state_free = ring_free,
    .change = ring_change,
    .hash = orr_kind_hash,
    .hash_many = orr_kind_hash_many,
    .find_hash = ring_find,
    .find_many = ring_find_many,
    .next = ring_next,
    .shares = ring_shares,
    .memory_size = ring_memory_size,
};

/* Of the points on both sides the nearer; of two as near the one at or after. */
static size_t
nearest(const Points *points, uint64_t position)
{
    size_t after = orr_points_find(points, position);
    size_t before = after == 0 ? points->count - 1 : after - 1;

    after = after == points->count ? 0 : after;
    uint64_t ahead = points->positions[after] - position;
    uint64_t behind = position - points->positions[before];
    return behind < ahead ? before : after;
}

static uint32_t
nearest_find(const OrrPlacement *placement, uint64_t hash)
{
    const Circle *circle = placement->state;

    return orr_points_owner_at(&circle->points,
                               nearest(&circle->points, hash << circle->shift));
}

/* Outwards in both directions; place[0] is the next point ahead, place[1] the next behind. */
static uint32_t
nearest_next(Walk *walk)
{
    const Circle *circle = walk->placement->state;
    const Points *points = &circle->points;
    uint64_t position = walk->hash << circle->shift;
    size_t count = points->count;

    if (walk->step == 0) {
        walk->place[0] = orr_points_find(points, position) % count;
        walk->place[1] = (walk->place[0] + count - 1) % count;
    }
    if (walk->step++ == count) {
        return ORR_PLACEMENT_NO_NODE;
    }
    uint64_t ahead = points->positions[walk->place[0]] - position;
    uint64_t behind = position - points->positions[walk->place[1]];
    size_t taken = behind < ahead ? walk->place[1] : walk->place[0];
    if (behind < ahead) {
        walk->place[1] = (walk->place[1] + count - 1) % count;
    } else {
        walk->place[0] = (walk->place[0] + 1) % count;
    }
    return orr_points_owner_at(points, taken);
}

/* A point owns half the arc on either side. */
static bool
nearest_shares(const OrrPlacement *placement, uint64_t *shares)
{
    const Circle *circle = placement->state;
    const Points *points = &circle->points;

    for (size_t i = 0; i < points->count; i++) {
        size_t before = i == 0 ? points->count - 1 : i - 1;
        uint64_t half = orr_points_arc(points, i) / 4;

        shares[orr_points_owner_at(points, i)] += half;
        shares[orr_points_owner_at(points, before)] += half;
    }
    return true;
}

const Kind ORR_KIND_RING_NEAREST = {
    .state_new = ring_new,
    .state_copy = ring_copy,
    .state_free = ring_free,
    .change = ring_change,
    .hash = orr_kind_hash,
    .hash_many = orr_kind_hash_many,
    .find_hash = nearest_find,
    .next = nearest_next,
    .shares = nearest_shares,
    .memory_size = ring_memory_size,
};

/* The first of the points from here on whose owner has room for the load. */
static uint32_t
bounded_find_for(const OrrPlacement *placement, uint64_t hash, uint64_t load)
{
    const Circle *circle = placement->state;
    const Points *points = &circle->points;
    size_t first = orr_points_find(points, hash << circle->shift);

    for (size_t i = 0; i < points->count; i++) {
        size_t at = first + i < points->count ? first + i : first + i - points->count;

        if (orr_bounded_has_room(placement, orr_points_owner_at(points, at), load)) {
            return orr_points_owner_at(points, at);
        }
    }
    return orr_points_owner_at(points, first);
}

static uint32_t
bounded_find(const OrrPlacement *placement, uint64_t hash)
{
    return placement->total_load == 0 ? ring_find(placement, hash)
                                      : bounded_find_for(placement, hash, 1);
}

static bool
bounded_shares(const OrrPlacement *placement, uint64_t *shares)
{
    return placement->total_load == 0 && ring_shares(placement, shares);
}

const Kind ORR_KIND_RING_BOUNDED = {
    .state_new = ring_new,
    .state_copy = ring_copy,
    .state_free = ring_free,
    .change = ring_change,
    .hash = orr_kind_hash,
    .hash_many = orr_kind_hash_many,
    .find_hash = bounded_find,
    .find_for = bounded_find_for,
    .next = ring_next,
    .shares = bounded_shares,
    .memory_size = ring_memory_size,
};
