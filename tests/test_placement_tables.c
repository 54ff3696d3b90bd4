/* What only slots and tables of buckets promise: fair deals, and when a table grows. */
#include "placement_properties.h"

#include <math.h>

/* Whatever comes, goes or changes its weight, every node holds its due of the slots within one
 * and a half, and slots move only to or from who changed. */
static void
test_slots_stay_fair(void)
{
    OrrPlacement *placement = rig_of(ORR_PLACEMENT_SLOTS_WEIGHTED, 5);
    OrrRng rng = orr_rng_new(t_seed(6));
    uint64_t shares[64];

    for (unsigned step = 0; step < 300; step++) {
        unsigned i = (unsigned)orr_rng_below(&rng, 30);
        uint32_t number = rig_number(placement, i);
        uint32_t weight = (uint32_t)orr_rng_below(&rng, 1u << (1 + step % 9));
        double total = 0;

        rig_owners(placement, before);
        if (number == ORR_PLACEMENT_NO_NODE) {
            T_EQ(rig_add(placement, i, weight, NULL), ORR_OK);
        } else if (step % 3 == 0 && i != 0) {
            T_EQ(orr_placement_remove(placement, number), ORR_OK);
        } else {
            T_EQ(orr_placement_reweigh(placement, number, weight + 1), ORR_OK);
        }
        rig_owners(placement, after);
        for (unsigned k = 0; k < KEYS; k++) {
            T_TRUE(before[k] == after[k] || before[k] == i || after[k] == i);
        }
        T_EQ(orr_placement_shares(placement, shares), ORR_OK);
        for (uint32_t n = 0; n < orr_placement_number_limit(placement); n++) {
            OrrPlacementNode node;
            total += orr_placement_node(placement, n, &node) ? node.weight : 0;
        }
        for (uint32_t n = 0; n < orr_placement_number_limit(placement); n++) {
            OrrPlacementNode node = {0};
            (void)orr_placement_node(placement, n, &node);
            T_TRUE(fabs((double)(shares[n] >> 49) - node.weight / total * 16384) <= 1.5);
        }
    }
    orr_placement_free(placement);
}

/* The tables of anchor and dx double when they are full, and not at every newcomer. */
static void
test_tables_double(void)
{
    static const OrrPlacementAlgorithm tables[] = {ORR_PLACEMENT_ANCHOR, ORR_PLACEMENT_DX};

    for (unsigned t = 0; t < 2; t++) {
        OrrPlacement *placement = rig_of(tables[t], 8);

        for (unsigned i = 8; i < 32; i++) {
            rig_owners(placement, before);
            T_EQ(rig_add(placement, i, 1, NULL), ORR_OK);
            rig_owners(placement, after);
            for (unsigned k = 0; k < KEYS && i != 16; k++) {
                T_TRUE(after[k] == before[k] || after[k] == i);
            }
            T_TRUE(i != 16 || count_moves() > 1000); /* due would be 235 */
        }
        orr_placement_free(placement);
    }
}

static const Test TESTS[] = {
    TEST(test_slots_stay_fair),
    TEST(test_tables_double),
};

T_MAIN("placement_tables", TESTS)
