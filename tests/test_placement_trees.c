/* What only the tree of rendezvous promises. */
#include "placement_properties.h"

#include <math.h>

/* In a tree of several levels shares are exact too, keys move no more than once a level, and
 * who comes back finds its own. */
static void
test_tree_of_several_levels(void)
{
    enum { NODES = 3000, DRAWS = 300000 };
    static unsigned counts[NODES];
    OrrPlacement *tree = rig_of(ORR_PLACEMENT_RENDEZVOUS_TREE, NODES);
    double heavy = 0;
    double chi2 = 0;

    for (uint32_t i = 0; i < NODES; i += 3) {
        T_EQ(orr_placement_reweigh(tree, i, 4), ORR_OK);
    }
    memset(counts, 0, sizeof counts);
    tally(tree, counts, DRAWS);
    for (unsigned i = 0; i < NODES; i++) {
        double due = (i % 3 == 0 ? 4.0 : 1.0) / (2 * NODES) * DRAWS;
        heavy += i % 3 == 0 ? counts[i] : 0;
        chi2 += (counts[i] - due) * (counts[i] - due) / due;
    }
    T_TRUE(fabs(heavy / DRAWS - 2.0 / 3) < 0.005);
    T_TRUE(fabs(chi2 - (NODES - 1)) < 5 * sqrt(2.0 * (NODES - 1)));
    uint64_t digest = orr_placement_digest(tree);
    rig_owners(tree, before);
    OrrPlacementNode gone;
    uint32_t number = rig_number(tree, 1500);
    T_TRUE(orr_placement_node(tree, number, &gone));
    uint32_t weight = gone.weight;
    T_EQ(orr_placement_remove(tree, number), ORR_OK);
    rig_owners(tree, after);
    T_TRUE(count_moves() < 30); /* due are at most 2.7 of 4000 */
    T_EQ(rig_add(tree, 1500, weight, NULL), ORR_OK);
    T_TRUE(orr_placement_digest(tree) == digest);
    orr_placement_free(tree);
}

/* However a tree grows, no newcomer moves many more keys than three times its due. */
static void
test_tree_grows_without_a_jolt(void)
{
    OrrPlacement *tree = rig_of(ORR_PLACEMENT_RENDEZVOUS_TREE, 250);
    unsigned total = 0;

    rig_owners(tree, after);
    for (unsigned i = 250; i < 400; i++) {
        memcpy(before, after, sizeof before);
        T_EQ(rig_add(tree, i, 1, NULL), ORR_OK);
        rig_owners(tree, after);
        T_TRUE(count_moves() < 90); /* due are 10 to 16 */
        total += count_moves();
    }
    T_TRUE(total < 3 * 1880);
    orr_placement_free(tree);
}

static const Test TESTS[] = {
    TEST(test_tree_of_several_levels),
    TEST(test_tree_grows_without_a_jolt),
};

T_MAIN("placement_trees", TESTS)
