/* What part of the keys each node has, with every algorithm. */
#include "placement_properties.h"

#include <math.h>

static void
check_weights(const OrrPlacementInfo *info)
{
    enum { NODES = 12, DRAWS = 60000 };
    OrrPlacement *placement = rig_new(info->algorithm);
    unsigned counts[NODES] = {0};
    double total = 0;
    double worst = 0;
    double chi2 = 0;

    for (unsigned i = 0; i < NODES; i++) {
        uint32_t weight = info->weighted ? 1 + i % 4 : 1;
        T_EQ(rig_add(placement, i, weight, NULL), ORR_OK);
        total += weight;
    }
    tally(placement, counts, DRAWS);
    for (uint32_t i = 0; i < NODES; i++) {
        OrrPlacementNode node;
        T_TRUE(orr_placement_node(placement, i, &node));
        double due = node.weight / total * DRAWS;
        worst = fmax(worst, fabs(counts[i] / due - 1));
        chi2 += (counts[i] - due) * (counts[i] - due) / due;
    }
    if (info->hash_exact) {
        T_TRUE(chi2 < 31.3); /* 11 degrees of freedom: 0.1 % */
    }
    /* one point and 21 probes spread a lot; 160 points vary by 8 % */
    T_TRUE(worst < (info->algorithm == ORR_PLACEMENT_MULTI_PROBE ? 0.6 : 0.35));
    orr_placement_free(placement);
}

/* Twice the weight is twice the keys; where it is exact a chi-square test does not object. */
static void
test_shares_follow_weights(void)
{
    for_all(check_weights);
}

static void
check_closed_form(const OrrPlacementInfo *info)
{
    enum { NODES = 9, DRAWS = 60000 };
    OrrPlacement *placement = rig_of(info->algorithm, NODES);
    uint64_t shares[NODES];
    unsigned counts[NODES] = {0};
    double sum = 0;

    OrrStatus status = orr_placement_shares(placement, shares);
    T_EQ(status == ORR_REFUSED, info->algorithm == ORR_PLACEMENT_MULTI_PROBE);
    if (status == ORR_OK) {
        tally(placement, counts, DRAWS);
        for (unsigned i = 0; i < NODES; i++) {
            double share = (double)shares[i] / 9223372036854775808.0;
            double sigma = sqrt(DRAWS * share * (1 - share));
            sum += share;
            T_TRUE(fabs(counts[i] - DRAWS * share) < 5 * sigma);
        }
        T_TRUE(fabs(sum - 1) < 1e-9);
    }
    orr_placement_free(placement);
}

/* What shares() says in advance is what keys do, within five standard deviations. */
static void
test_shares_are_what_keys_do(void)
{
    for_all(check_closed_form);
}

static void
check_weight_extremes(const OrrPlacementInfo *info)
{
    OrrPlacementOptions options = orr_placement_options(info->algorithm);
    OrrPlacement *placement = NULL;
    unsigned counts[4] = {0};

    /* rings of a million points take their time; one of them is enough */
    options.unit_weight = info->algorithm == ORR_PLACEMENT_RING ? 0 : 1u << 22;
    T_REQUIRE(orr_placement_new(&options, &placement) == ORR_OK);
    if (!info->weighted) {
        orr_placement_free(placement);
        return;
    }
    T_EQ(rig_add(placement, 0, 0, NULL), ORR_OK);
    T_EQ(orr_placement_find(placement, ORR_BYTES_EMPTY), ORR_PLACEMENT_NO_NODE);
    T_EQ(rig_add(placement, 1, UINT32_MAX, NULL), ORR_OK);
    T_EQ(rig_add(placement, 2, UINT32_MAX / 2, NULL), ORR_OK);
    T_EQ(rig_add(placement, 3, 1u << 20, NULL), ORR_OK);
    tally(placement, counts, 20000);
    T_EQ(counts[0], 0);
    T_TRUE(counts[1] > 10000 || info->algorithm == ORR_PLACEMENT_MULTI_PROBE);
    T_TRUE(counts[2] > 4500 || info->algorithm == ORR_PLACEMENT_MULTI_PROBE);
    T_TRUE(counts[3] < 200 || info->algorithm == ORR_PLACEMENT_MULTI_PROBE);
    T_EQ(orr_placement_reweigh(placement, 1, 0), ORR_OK);
    T_EQ(orr_placement_reweigh(placement, 2, 0), ORR_OK);
    T_EQ(orr_placement_reweigh(placement, 3, 0), ORR_OK);
    T_EQ(orr_placement_find(placement, ORR_BYTES_EMPTY), ORR_PLACEMENT_NO_NODE);
    T_EQ(orr_placement_reweigh(placement, 3, 2), ORR_OK);
    T_EQ(orr_placement_find(placement, ORR_BYTES_EMPTY), 3);
    orr_placement_free(placement);
}

/* Weight 0 owns nothing, the largest weights do not overflow, and all may become 0. */
static void
test_zero_and_huge_weights(void)
{
    for_all(check_weight_extremes);
}

static const Test TESTS[] = {
    TEST(test_shares_follow_weights),
    TEST(test_shares_are_what_keys_do),
    TEST(test_zero_and_huge_weights),
};

T_MAIN("placement_shares", TESTS)
