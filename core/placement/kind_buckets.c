#include <orrery/jump.h>

#include "placement/jump_many.h"
#include "placement/kind.h"

/* Bucket i is the node added i-th of those that are here. */
static void *
no_state(const OrrPlacement *placement)
{
    (void)placement;
    return NULL;
}

static void *
copy_nothing(const void *state)
{
    (void)state;
    return NULL;
}

static void
free_nothing(void *state)
{
    (void)state;
}

static void
change_nothing(OrrPlacement *placement, const Change *change)
{
    (void)placement;
    (void)change;
}

static size_t
no_memory(const OrrPlacement *placement)
{
    (void)placement;
    return 0;
}

static uint32_t
jump_find(const OrrPlacement *placement, uint64_t hash)
{
    return placement->by_age[orr_jump(hash, placement->count)];
}

static uint32_t
jumpback_find(const OrrPlacement *placement, uint64_t hash)
{
    return placement->by_age[orr_jumpback(hash, placement->count)];
}

static uint32_t
modulo_find(const OrrPlacement *placement, uint64_t hash)
{
    return placement->by_age[hash % placement->count];
}

static void
name_buckets(const OrrPlacement *placement, size_t count, uint32_t *numbers)
{
    for (size_t i = 0; i < count; i++) {
        numbers[i] = placement->by_age[numbers[i]];
    }
}

static void
jump_find_many(const OrrPlacement *placement, const uint64_t *hashes, size_t count,
               uint32_t *numbers)
{
    orr_jump_many(vectors_here(), hashes, count, placement->count, numbers);
    name_buckets(placement, count, numbers);
}

static void
jumpback_find_many(const OrrPlacement *placement, const uint64_t *hashes, size_t count,
                   uint32_t *numbers)
{
    orr_jumpback_many(vectors_here(), hashes, count, placement->count, numbers);
    name_buckets(placement, count, numbers);
}

static void
modulo_find_many(const OrrPlacement *placement, const uint64_t *hashes, size_t count,
                 uint32_t *numbers)
{
    for (size_t i = 0; i < count; i++) {
        numbers[i] = placement->by_age[hashes[i] % placement->count];
    }
}

/* The nodes behind the owner, as naive programs do it. */
static uint32_t
modulo_next(Walk *walk)
{
    uint32_t count = walk->placement->count;

    if (++walk->step >= count) {
        return ORR_PLACEMENT_NO_NODE;
    }
    return walk->placement->by_age[(walk->hash % count + walk->step) % count];
}

#define STATELESS                                                                              \
    .state_new = no_state, .state_copy = copy_nothing, .state_free = free_nothing,             \
    .change = change_nothing, .hash = orr_kind_hash, .hash_many = orr_kind_hash_many,          \
    .shares = orr_kind_shares_by_weight, .memory_size = no_memory

const Kind ORR_KIND_JUMP = {
    STATELESS,
    .find_hash = jump_find,
    .find_many = jump_find_many,
    .next = orr_kind_next_by_rehash,
};

const Kind ORR_KIND_JUMPBACK = {
    STATELESS,
    .find_hash = jumpback_find,
    .find_many = jumpback_find_many,
    .next = orr_kind_next_by_rehash,
};

const Kind ORR_KIND_MODULO = {
    STATELESS,
    .find_hash = modulo_find,
    .find_many = modulo_find_many,
    .next = modulo_next,
};
