#include <orrery/maglev.h>

#include "placement/hash.h"
#include "placement/kind.h"

typedef struct Maglev {
    uint32_t *numbers; /* by entry */
    uint32_t size;
} Maglev;

static void *
maglev_new(const OrrPlacement *placement)
{
    Maglev *maglev = g_new(Maglev, 1);

    maglev->size = placement->options.table_size;
    maglev->numbers = g_new(uint32_t, maglev->size);
    memset(maglev->numbers, 0xff, maglev->size * sizeof *maglev->numbers);
    return maglev;
}

static void *
maglev_copy(const void *state)
{
    const Maglev *from = state;
    Maglev *maglev = g_memdup2(from, sizeof *from);

    maglev->numbers = g_memdup2(from->numbers, from->size * sizeof *from->numbers);
    return maglev;
}

static void
maglev_free(void *state)
{
    Maglev *maglev = state;

    g_free(maglev->numbers);
    g_free(maglev);
}

static bool
maglev_has_room(const OrrPlacement *placement, uint32_t more)
{
    return placement->count + more <= placement->options.table_size;
}

static void
maglev_change(OrrPlacement *placement, const Change *change)
{
    Maglev *maglev = placement->state;
    uint64_t *hashes = g_new(uint64_t, placement->count);
    uint32_t *weights = g_new(uint32_t, placement->count);

    (void)change;
    for (uint32_t i = 0; i < placement->count; i++) {
        uint32_t number = placement->by_name[i];

        hashes[i] = orr_maglev_hash(ORR_MAGLEV_SEED ^ placement->options.seed,
                                    node_text(placement, number));
        weights[i] = placement->nodes[number].weight;
    }
    if (placement->eligible != 0) {
        OrrStatus status =
            orr_maglev_fill(hashes, weights, placement->count, maglev->numbers, maglev->size);
        g_assert(status == ORR_OK);
        for (uint32_t entry = 0; entry < maglev->size; entry++) {
            maglev->numbers[entry] = placement->by_name[maglev->numbers[entry]];
        }
    }
    g_free(hashes);
    g_free(weights);
}

/* A hash of 32 bits is the upper half of one of 64. */
static uint32_t
entry_of(const OrrPlacement *placement, uint64_t hash)
{
    unsigned shift = 64u - hash_bits(placement->options.hash);

    return orr_maglev_entry(hash << shift, ((const Maglev *)placement->state)->size);
}

static uint32_t
maglev_find(const OrrPlacement *placement, uint64_t hash)
{
    return ((const Maglev *)placement->state)->numbers[entry_of(placement, hash)];
}

static void
maglev_find_many(const OrrPlacement *placement, const uint64_t *hashes, size_t count,
                 uint32_t *numbers)
{
    const Maglev *maglev = placement->state;
    unsigned shift = 64u - hash_bits(placement->options.hash);

    for (size_t i = 0; i < count; i++) {
        numbers[i] = maglev->numbers[orr_maglev_entry(hashes[i] << shift, maglev->size)];
    }
}

/* The entries that follow. */
static uint32_t
maglev_next(Walk *walk)
{
    const Maglev *maglev = walk->placement->state;

    if (++walk->step >= maglev->size) {
        return ORR_PLACEMENT_NO_NODE;
    }
    return maglev->numbers[(entry_of(walk->placement, walk->hash) + walk->step) % maglev->size];
}

static bool
maglev_shares(const OrrPlacement *placement, uint64_t *shares)
{
    const Maglev *maglev = placement->state;

    for (uint32_t entry = 0; entry < maglev->size; entry++) {
        shares[maglev->numbers[entry]] += (UINT64_C(1) << 63) / maglev->size;
    }
    return true;
}

static size_t
maglev_memory_size(const OrrPlacement *placement)
{
    const Maglev *maglev = placement->state;

    return sizeof *maglev + maglev->size * sizeof *maglev->numbers;
}

const Kind ORR_KIND_MAGLEV = {
    .state_new = maglev_new,
    .state_copy = maglev_copy,
    .state_free = maglev_free,
    .has_room = maglev_has_room,
    .change = maglev_change,
    .hash = orr_kind_hash,
    .hash_many = orr_kind_hash_many,
    .find_hash = maglev_find,
    .find_many = maglev_find_many,
    .next = maglev_next,
    .shares = maglev_shares,
    .memory_size = maglev_memory_size,
};
