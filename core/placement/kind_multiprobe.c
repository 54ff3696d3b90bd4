#include "placement/circle.h"
#include "placement/hash.h"

/* One point a node of unit weight, at the hash of its name; further ones at "name-k". */
static void
place_points(const OrrPlacement *placement, uint32_t number, uint32_t count, Point *points)
{
    unsigned shift = 64u - hash_bits(placement->options.hash);

    ORR_DIALECT_RING.place_points(placement, number, count, points);
    points[0].position = orr_kind_hash(placement, node_text(placement, number)) << shift;
}

static void *
probe_new(const OrrPlacement *placement)
{
    Circle *circle = g_new(Circle, 1);

    orr_circle_init(circle, 64u - hash_bits(placement->options.hash));
    return circle;
}

static void *
probe_copy(const void *state)
{
    Circle *circle = g_new(Circle, 1);

    orr_circle_copy(circle, state);
    return circle;
}

static void
probe_free(void *state)
{
    orr_circle_clear(state);
    g_free(state);
}

static void
probe_change(OrrPlacement *placement, const Change *change)
{
    Dialect dialect = {ORR_DIALECT_RING.count_points, place_points};

    orr_circle_change(placement->state, &dialect, placement, change);
}

static uint64_t
probe_hash(const OrrPlacement *placement, OrrBytes key)
{
    return orr_hash_by(placement->options.hash, placement->options.seed + 1, key);
}

/* Probe i is h1 + i * h2; the one that is least far before a point wins, the first of equals. A
 * point at the very place of a probe does not count for it, but the next: so in the reference.
 */
static uint32_t
probe_find(const OrrPlacement *placement, OrrBytes key)
{
    const Circle *circle = placement->state;
    const Points *points = &circle->points;
    unsigned shift = circle->shift;
    uint64_t probe = probe_hash(placement, key) << shift;
    uint64_t step = orr_hash_by(placement->options.hash, placement->options.seed + 2, key)
                    << shift;
    uint64_t least = UINT64_MAX;
    size_t best = 0;

    for (uint32_t i = 0; i < placement->options.probes; i++, probe += step) {
        size_t at = orr_points_find(points, probe + 1);
        uint64_t distance = points->positions[at] - probe;

        best = distance < least ? at : best;
        least = distance < least ? distance : least;
    }
    return orr_points_owner_at(points, best);
}

static size_t
probe_memory_size(const OrrPlacement *placement)
{
    return sizeof(Circle) + orr_circle_memory_size(placement->state);
}

const Kind ORR_KIND_MULTI_PROBE = {
    .state_new = probe_new,
    .state_copy = probe_copy,
    .state_free = probe_free,
    .change = probe_change,
    .hash = probe_hash,
    .find_key = probe_find,
    .next = orr_kind_next_by_rehash,
    .memory_size = probe_memory_size,
};
