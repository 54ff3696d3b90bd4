#include <orrery/ketama.h>

#include "placement/circle.h"
#include "placement/md5.h"

#define BATCH 64u

static void
count_points(const OrrPlacement *placement, OrrKetamaDialect dialect, uint32_t *counts)
{
    for (uint32_t i = 0; i < placement->count; i++) {
        uint32_t number = placement->by_age[i];
        uint32_t weight = placement->nodes[number].weight;

        /* Nodes of weight 0 are no servers: the references have none. */
        if (weight != 0) {
            counts[number] = ORR_KETAMA_DIGEST_POINTS *
                             orr_ketama_digests(dialect, weight, placement->total_weight,
                                                placement->eligible);
        }
    }
}

static void
count_libketama(const OrrPlacement *placement, uint32_t *counts)
{
    count_points(placement, ORR_KETAMA_LIBKETAMA, counts);
}

static void
count_libmemcached(const OrrPlacement *placement, uint32_t *counts)
{
    count_points(placement, ORR_KETAMA_LIBMEMCACHED, counts);
}

static void
count_hashring(const OrrPlacement *placement, uint32_t *counts)
{
    count_points(placement, ORR_KETAMA_HASHRING, counts);
}

static void
place(OrrBytes text, uint32_t count, Point *points)
{
    uint32_t *positions = g_new(uint32_t, count);

    orr_ketama_points(text, 0, count / ORR_KETAMA_DIGEST_POINTS, positions);
    for (uint32_t i = 0; i < count; i++) {
        points[i].position = (uint64_t)positions[i] << 32;
    }
    g_free(positions);
}

static void
place_text(const OrrPlacement *placement, uint32_t number, uint32_t count, Point *points)
{
    place(node_text(placement, number), count, points);
}

static void
place_libmemcached(const OrrPlacement *placement, uint32_t number, uint32_t count,
                   Point *points)
{
    const Node *node = &placement->nodes[number];
    OrrBytes text = node_text(placement, number);

    if (node->port == ORR_KETAMA_STANDARD_PORT) {
        text.size = node->name_size;
    }
    place(text, count, points);
}

static const Dialect LIBKETAMA = {count_libketama, place_text};
static const Dialect LIBMEMCACHED = {count_libmemcached, place_libmemcached};
static const Dialect HASHRING = {count_hashring, place_text};

static void *
ketama_new(const OrrPlacement *placement)
{
    Circle *circle = g_new(Circle, 1);

    (void)placement;
    orr_circle_init(circle, 32);
    return circle;
}

static void *
ketama_copy(const void *state)
{
    Circle *circle = g_new(Circle, 1);

    orr_circle_copy(circle, state);
    return circle;
}

static void
ketama_free(void *state)
{
    orr_circle_clear(state);
    g_free(state);
}

static void
libketama_change(OrrPlacement *placement, const Change *change)
{
    orr_circle_change(placement->state, &LIBKETAMA, placement, change);
}

static void
libmemcached_change(OrrPlacement *placement, const Change *change)
{
    orr_circle_change(placement->state, &LIBMEMCACHED, placement, change);
}

static void
hashring_change(OrrPlacement *placement, const Change *change)
{
    orr_circle_change(placement->state, &HASHRING, placement, change);
}

static uint64_t
ketama_hash(const OrrPlacement *placement, OrrBytes key)
{
    (void)placement;
    return orr_ketama_hash(key);
}

static void
ketama_hash_many(const OrrPlacement *placement, const OrrBytes *keys, size_t count,
                 uint64_t *hashes)
{
    Md5 digests[BATCH];

    (void)placement;
    for (size_t i = 0; i < count; i += BATCH) {
        size_t now = MIN(BATCH, count - i);

        orr_md5_of_many(vectors_here(), keys + i, now, digests);
        for (size_t j = 0; j < now; j++) {
            hashes[i + j] = digests[j].word[0];
        }
    }
}

/* Very small weights may leave nobody with a point: then nobody owns anything, as there. */
static uint32_t
ketama_find(const OrrPlacement *placement, uint64_t hash)
{
    const Circle *circle = placement->state;

    return circle->points.count != 0 ? orr_points_owner(&circle->points, hash << 32)
                                     : ORR_PLACEMENT_NO_NODE;
}

static void
ketama_find_many(const OrrPlacement *placement, const uint64_t *hashes, size_t count,
                 uint32_t *numbers)
{
    const Circle *circle = placement->state;

    if (circle->points.count != 0) {
        orr_points_owners(&circle->points, hashes, count, 32, numbers);
        return;
    }
    memset(numbers, 0xff, count * sizeof *numbers);
}

static uint32_t
ketama_next(Walk *walk)
{
    const Circle *circle = walk->placement->state;
    const Points *points = &circle->points;

    if (walk->step == 0) {
        walk->place[0] = orr_points_find(points, walk->hash << 32);
    }
    if (walk->step == points->count) {
        return ORR_PLACEMENT_NO_NODE;
    }
    walk->step++;
    walk->place[0] = walk->place[0] >= points->count ? 0 : walk->place[0];
    return orr_points_owner_at(points, walk->place[0]++);
}

static bool
ketama_shares(const OrrPlacement *placement, uint64_t *shares)
{
    orr_circle_shares(placement->state, shares);
    return true;
}

static size_t
ketama_memory_size(const OrrPlacement *placement)
{
    return sizeof(Circle) + orr_circle_memory_size(placement->state);
}

#define KETAMA                                                                                 \
    .state_new = ketama_new, .state_copy = ketama_copy, .state_free = ketama_free,             \
    .hash = ketama_hash, .hash_many = ketama_hash_many, .find_hash = ketama_find,              \
    .find_many = ketama_find_many, .next = ketama_next, .shares = ketama_shares,               \
    .memory_size = ketama_memory_size

const Kind ORR_KIND_KETAMA_LIBKETAMA = {KETAMA, .change = libketama_change};
const Kind ORR_KIND_KETAMA_LIBMEMCACHED = {KETAMA, .change = libmemcached_change};
const Kind ORR_KIND_KETAMA_HASHRING = {KETAMA, .change = hashring_change};
