/* placement_properties.h - what the tests that run on every algorithm share: the table of them,
 * who owned which key before and after a change, and counts of random keys.
 */
#ifndef ORR_TESTS_PLACEMENT_PROPERTIES_H
#define ORR_TESTS_PLACEMENT_PROPERTIES_H

#include "placement_rig.h"

static const OrrPlacementInfo *infos;
static size_t info_count;

/* Runs `check` for every algorithm, naming the one that is wrong. */
static inline void
for_all(void (*check)(const OrrPlacementInfo *info))
{
    infos = orr_placement_algorithms(&info_count);
    T_EQ(info_count, ORR_PLACEMENT_ALGORITHM_COUNT);
    for (size_t i = 0; i < info_count; i++) {
        unsigned before = CU_get_number_of_failures();

        check(&infos[i]);
        if (CU_get_number_of_failures() != before) {
            printf("  ... in %s\n", infos[i].name);
        }
    }
}

static uint32_t before[KEYS];
static uint32_t after[KEYS];

static inline unsigned
count_moves(void)
{
    unsigned moves = 0;

    for (unsigned i = 0; i < KEYS; i++) {
        moves += before[i] != after[i];
    }
    return moves;
}

/* Keys per node of 40,000 random hashes or keys. */
static inline void
tally(const OrrPlacement *placement, unsigned *counts, unsigned draws)
{
    OrrRng rng = orr_rng_new(11);

    for (unsigned i = 0; i < draws; i++) {
        uint64_t bits = orr_rng_next(&rng);
        uint32_t number = orr_placement_find(placement, orr_bytes(&bits, sizeof bits));
        T_REQUIRE(number < orr_placement_number_limit(placement));
        counts[number]++;
    }
}

#endif
