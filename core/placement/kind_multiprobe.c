#include "placement/circle.h"
#include "placement/hash.h"
#include "placement/sieve.h"

/* One point a node of unit weight, at the hash of its name; further ones at "name-k". */
static void
place_points(const OrrPlacement *placement, uint32_t number, uint32_t count, Point *points)
{
    unsigned shift = 64u - hash_bits(placement->options.hash);

    ORR_DIALECT_RING.place_points(placement, number, count, points);
    points[0].position = orr_kind_hash(placement, node_text(placement, number)) << shift;
}

typedef struct Probing {
    Circle circle;
    Sieve sieve; /* of its points */
} Probing;

static void *
probe_new(const OrrPlacement *placement)
{
    Probing *probing = g_new(Probing, 1);

    orr_circle_init(&probing->circle, 64u - hash_bits(placement->options.hash));
    orr_sieve_init(&probing->sieve);
    return probing;
}

static void *
probe_copy(const void *state)
{
    const Probing *from = state;
    Probing *probing = g_new(Probing, 1);

    orr_circle_copy(&probing->circle, &from->circle);
    orr_sieve_copy(&probing->sieve, &from->sieve);
    return probing;
}

static void
probe_free(void *state)
{
    Probing *probing = state;

    orr_circle_clear(&probing->circle);
    orr_sieve_clear(&probing->sieve);
    g_free(probing);
}

static void
probe_change(OrrPlacement *placement, const Change *change)
{
    Probing *probing = placement->state;
    Dialect dialect = {ORR_DIALECT_RING.count_points, place_points};

    orr_circle_change(&probing->circle, &dialect, placement, change);
    orr_sieve_fill(&probing->sieve, &probing->circle.points);
}

static uint64_t
probe_hash(const OrrPlacement *placement, OrrBytes key)
{
    return orr_hash_by(placement->options.hash, placement->options.seed + 1, key);
}

/* The best of the probes so far. */
typedef struct Best {
    uint64_t distance; /* to the point behind it */
    size_t point;
} Best;

/* The one that is least far before a point wins, the first of equals. A point at the very place
 * of a probe does not count for it, but the next: so in the reference. */
static inline void
try_probe(const Points *points, uint64_t probe, Best *best)
{
    size_t at = orr_points_find(points, probe + 1);
    uint64_t distance = points->positions[at] - probe;

    best->point = distance < best->distance ? at : best->point;
    best->distance = distance < best->distance ? distance : best->distance;
}

static uint32_t
owner_of_all(const Points *points, uint64_t probe, uint64_t step, uint32_t probes)
{
    Best best = {UINT64_MAX, 0};

    for (uint32_t i = 0; i < probes; i++) {
        try_probe(points, probe + i * step, &best);
    }
    return orr_points_owner_at(points, best.point);
}

/* Probe i is h1 + i * h2. Those that the sieve holds back are tried; they are few, and one of
 * them is nearly always closer than any of the others can be. */
static uint32_t
owner_of(const OrrPlacement *placement, uint64_t h1, uint64_t h2)
{
    const Probing *probing = placement->state;
    const Points *points = &probing->circle.points;
    uint32_t probes = placement->options.probes;
    uint64_t first = h1 << probing->circle.shift;
    uint64_t step = h2 << probing->circle.shift;
    Best best = {UINT64_MAX, 0};
    uint64_t held = 0;

    for (uint32_t i = 0; i < MIN(probes, 64); i++) {
        held |= orr_sieve_at(&probing->sieve, first + i * step) << i;
    }
    for (; held != 0; held &= held - 1) {
        try_probe(points, first + (uint64_t)__builtin_ctzll(held) * step, &best);
    }
    if (probes > 64 || best.distance > orr_sieve_width(&probing->sieve)) {
        return owner_of_all(points, first, step, probes);
    }
    return orr_points_owner_at(points, best.point);
}

static uint32_t
probe_find(const OrrPlacement *placement, OrrBytes key)
{
    const OrrPlacementOptions *options = &placement->options;

    return owner_of(placement, probe_hash(placement, key),
                    orr_hash_by(options->hash, options->seed + 2, key));
}

static void
probe_find_keys(const OrrPlacement *placement, const OrrBytes *keys, size_t count,
                uint32_t *numbers)
{
    const OrrPlacementOptions *options = &placement->options;
    uint64_t h1[KIND_BATCH];
    uint64_t h2[KIND_BATCH];

    orr_hash_many_by(options->hash, options->seed + 1, keys, count, h1);
    orr_hash_many_by(options->hash, options->seed + 2, keys, count, h2);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = owner_of(placement, h1[i], h2[i]);
    }
}

static size_t
probe_memory_size(const OrrPlacement *placement)
{
    const Probing *probing = placement->state;

    return sizeof *probing + orr_circle_memory_size(&probing->circle) +
           probing->sieve.words * sizeof *probing->sieve.bits;
}

const Kind ORR_KIND_MULTI_PROBE = {
    .state_new = probe_new,
    .state_copy = probe_copy,
    .state_free = probe_free,
    .change = probe_change,
    .hash = probe_hash,
    .find_key = probe_find,
    .find_keys = probe_find_keys,
    .next = orr_kind_next_by_rehash,
    .memory_size = probe_memory_size,
};
