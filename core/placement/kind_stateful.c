#include <orrery/anchor.h>
#include <orrery/dx.h>
#include <orrery/memento.h>

#include "placement/hash.h"
#include "placement/kind.h"

/* What the three have in common: buckets that are numbered by the algorithm, not by us. */
typedef struct Buckets {
    uint32_t *node_of; /* by bucket */
    uint32_t room;
    OrrAnchor *anchor; /* one of the three */
    OrrDx *dx;
    OrrMemento *memento;
} Buckets;

#define SMALLEST 16u /* buckets of the first table */

static void *
buckets_new(const OrrPlacement *placement)
{
    const OrrPlacementOptions *options = &placement->options;
    Buckets *buckets = g_new0(Buckets, 1);

    if (options->algorithm == ORR_PLACEMENT_MEMENTO) {
        buckets->memento = orr_memento_new(options->hash, options->seed);
    }
    return buckets;
}

static void *
buckets_copy(const void *state)
{
    const Buckets *from = state;
    Buckets *to = g_memdup2(from, sizeof *from);

    to->node_of = g_memdup2(from->node_of, from->room * sizeof *from->node_of);
    to->anchor = from->anchor != NULL ? orr_anchor_copy(from->anchor) : NULL;
    to->dx = from->dx != NULL ? orr_dx_copy(from->dx) : NULL;
    to->memento = from->memento != NULL ? orr_memento_copy(from->memento) : NULL;
    return to;
}

static void
buckets_free(void *state)
{
    Buckets *buckets = state;

    orr_anchor_free(buckets->anchor);
    orr_dx_free(buckets->dx);
    orr_memento_free(buckets->memento);
    g_free(buckets->node_of);
    g_free(buckets);
}

static uint32_t
capacity_of(const Buckets *buckets)
{
    if (buckets->anchor != NULL) {
        return orr_anchor_capacity(buckets->anchor);
    }
    return buckets->dx != NULL ? orr_dx_capacity(buckets->dx) : 0;
}

static void
add_bucket(Buckets *buckets, uint32_t number)
{
    uint32_t bucket = 0;
    OrrStatus status = ORR_OK;

    if (buckets->anchor != NULL) {
        status = orr_anchor_add(buckets->anchor, &bucket);
    } else if (buckets->dx != NULL) {
        status = orr_dx_add(buckets->dx, &bucket);
    } else {
        bucket = orr_memento_add(buckets->memento);
    }
    g_assert(status == ORR_OK); /* room was made before */
    if (bucket >= buckets->room) {
        uint32_t room = MAX(SMALLEST, 2 * bucket);

        buckets->node_of = g_renew(uint32_t, buckets->node_of, room);
        memset(buckets->node_of + buckets->room, 0xff,
               (room - buckets->room) * sizeof *buckets->node_of);
        buckets->room = room;
    }
    buckets->node_of[bucket] = number;
}

static void
remove_bucket(Buckets *buckets, uint32_t number)
{
    uint32_t bucket = 0;
    OrrStatus status;

    while (buckets->node_of[bucket] != number) {
        bucket++;
    }
    if (buckets->anchor != NULL) {
        status = orr_anchor_remove(buckets->anchor, bucket);
    } else if (buckets->dx != NULL) {
        status = orr_dx_remove(buckets->dx, bucket);
    } else {
        status = orr_memento_remove(buckets->memento, bucket);
    }
    g_assert(status == ORR_OK);
    buckets->node_of[bucket] = ORR_PLACEMENT_NO_NODE;
}

/* A table of twice the size, or of the size that was asked for, with all nodes in the order of
 * their additions. Every key is hashed anew: most move. */
static void
enlarge(OrrPlacement *placement, Buckets *buckets)
{
    const OrrPlacementOptions *options = &placement->options;
    uint32_t capacity = capacity_of(buckets);

    if (capacity == 0) {
        capacity = options->table_size != 0 ? options->table_size
                                            : MAX(SMALLEST, 2 * placement->count);
    }
    while (capacity < placement->count) {
        capacity *= 2;
    }
    orr_anchor_free(buckets->anchor);
    orr_dx_free(buckets->dx);
    buckets->anchor = NULL;
    buckets->dx = NULL;
    if (options->algorithm == ORR_PLACEMENT_ANCHOR) {
        buckets->anchor = orr_anchor_new(capacity, options->hash, options->seed);
    } else {
        buckets->dx = orr_dx_new(capacity);
    }
    for (uint32_t i = 0; i < placement->count; i++) {
        add_bucket(buckets, placement->by_age[i]);
    }
}

static void
buckets_change(OrrPlacement *placement, const Change *change)
{
    Buckets *buckets = placement->state;
    bool limited = placement->options.algorithm != ORR_PLACEMENT_MEMENTO;

    if (change->type == CHANGE_REMOVED) {
        remove_bucket(buckets, change->numbers[0]);
    } else if (limited && placement->count > capacity_of(buckets)) {
        enlarge(placement, buckets);
    } else {
        for (uint32_t i = 0; i < change->count; i++) {
            add_bucket(buckets, change->numbers[i]);
        }
    }
}

static size_t
buckets_memory_size(const OrrPlacement *placement)
{
    const Buckets *buckets = placement->state;
    size_t size = sizeof *buckets + buckets->room * sizeof *buckets->node_of;

    size += buckets->anchor != NULL ? orr_anchor_memory_size(buckets->anchor) : 0;
    size += buckets->dx != NULL ? orr_dx_memory_size(buckets->dx) : 0;
    size += buckets->memento != NULL ? orr_memento_memory_size(buckets->memento) : 0;
    return size;
}

/* 32 bits where the hash has no more: the contract ignores the others. */
static uint64_t
cut(const OrrPlacement *placement, uint64_t hash)
{
    return hash_bits(placement->options.hash) == 32 ? (uint32_t)hash : hash;
}

static uint64_t
anchor_hash(const OrrPlacement *placement, OrrBytes key)
{
    const Buckets *buckets = placement->state;

    return buckets->anchor != NULL ? orr_anchor_hash(buckets->anchor, key) : 0;
}

static uint32_t
anchor_find(const OrrPlacement *placement, uint64_t hash)
{
    const Buckets *buckets = placement->state;

    return buckets->node_of[orr_anchor_find(buckets->anchor, cut(placement, hash))];
}

static uint32_t
dx_find(const OrrPlacement *placement, uint64_t hash)
{
    const Buckets *buckets = placement->state;

    return buckets->node_of[orr_dx_find(buckets->dx, cut(placement, hash))];
}

static void
anchor_find_many(const OrrPlacement *placement, const uint64_t *hashes, size_t count,
                 uint32_t *numbers)
{
    for (size_t i = 0; i < count; i++) {
        numbers[i] = anchor_find(placement, hashes[i]);
    }
}

static void
dx_find_many(const OrrPlacement *placement, const uint64_t *hashes, size_t count,
             uint32_t *numbers)
{
    for (size_t i = 0; i < count; i++) {
        numbers[i] = dx_find(placement, hashes[i]);
    }
}

static uint64_t
memento_hash(const OrrPlacement *placement, OrrBytes key)
{
    return orr_memento_hash(((const Buckets *)placement->state)->memento, key);
}

static uint32_t
memento_find(const OrrPlacement *placement, OrrBytes key)
{
    const Buckets *buckets = placement->state;

    return buckets->node_of[orr_memento_find(buckets->memento, key)];
}

static void
memento_find_keys(const OrrPlacement *placement, const OrrBytes *keys, size_t count,
                  uint32_t *numbers)
{
    const Buckets *buckets = placement->state;

    orr_memento_find_batch(buckets->memento, keys, count, numbers);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = buckets->node_of[numbers[i]];
    }
}

#define STATEFUL                                                                               \
    .state_new = buckets_new, .state_copy = buckets_copy, .state_free = buckets_free,          \
    .change = buckets_change, .next = orr_kind_next_by_rehash,                                 \
    .shares = orr_kind_shares_by_weight, .memory_size = buckets_memory_size

const Kind ORR_KIND_ANCHOR = {STATEFUL, .hash = anchor_hash, .find_hash = anchor_find,
                              .find_many = anchor_find_many};
const Kind ORR_KIND_DX = {STATEFUL, .hash = orr_kind_hash, .hash_many = orr_kind_hash_many,
                          .find_hash = dx_find, .find_many = dx_find_many};
const Kind ORR_KIND_MEMENTO = {STATEFUL, .hash = memento_hash, .find_key = memento_find,
                               .find_keys = memento_find_keys};
