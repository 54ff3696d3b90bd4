/* What only rings promise: their closed form, and the bound of a bounded one. */
#include "placement_properties.h"

#include <math.h>

/* The mean squared variation of the shares of 50 nodes, over 40 seeds. */
static double
variation(OrrPlacementAlgorithm algorithm)
{
    enum { NODES = 50, SEEDS = 40 };
    double sum = 0;

    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        OrrPlacementOptions options = orr_placement_options(algorithm);
        OrrPlacement *placement = NULL;
        uint64_t shares[NODES];

        options.seed = seed;
        T_REQUIRE(orr_placement_new(&options, &placement) == ORR_OK);
        for (unsigned i = 0; i < NODES; i++) {
            T_REQUIRE(rig_add(placement, i, 1, NULL) == ORR_OK);
        }
        T_EQ(orr_placement_shares(placement, shares), ORR_OK);
        for (unsigned i = 0; i < NODES; i++) {
            double relative = (double)shares[i] / 9223372036854775808.0 * NODES - 1;
            sum += relative * relative / NODES / SEEDS;
        }
        orr_placement_free(placement);
    }
    return sum;
}

/* A ring's shares are Beta(V, (n - 1) V), whose squared variation is (n - 1) / (n V + 1); the
 * nearest of two neighbours has half of it. Forty seeds tell to 3 %. */
static void
test_rings_vary_as_the_closed_form_says(void)
{
    double closed = 49.0 / (50 * 160 + 1);

    T_TRUE(fabs(variation(ORR_PLACEMENT_RING) / closed - 1) < 0.12);
    T_TRUE(fabs(variation(ORR_PLACEMENT_RING_NEAREST) / closed * 2 - 1) < 0.12);
}

/* What a node may hold once `total` is placed: a quarter more than its due, rounded up. */
static double
bound_of(const OrrPlacement *placement, uint32_t number, double total)
{
    OrrPlacementNode node = {0};

    T_REQUIRE(orr_placement_node(placement, number, &node));
    return ceil(1.25 * total * node.weight / 10);
}

/* 3,000 pieces of work of `load` each, most of it for few keys, on nodes of weight 3, 1, 1, ...
 * Of pieces that are larger than any bound the first go over it, for there is nowhere to go. */
static void
load_and_check(OrrPlacement *placement, uint64_t load)
{
    OrrRng rng = orr_rng_new(t_seed(5));
    double total = 0;
    unsigned owners = 0;

    for (unsigned i = 0; i < 3000; i++) {
        char text[24];
        OrrBytes key = rig_key((unsigned)orr_rng_below(&rng, 1 + i % 7), text);
        bool room = false;

        total += (double)load;
        for (uint32_t n = 0; n < 8; n++) {
            double held = (double)orr_placement_load(placement, n) + (double)load;
            room |= held <= bound_of(placement, n, total);
        }
        uint32_t number = orr_placement_assign(placement, key, load);
        double holds = (double)orr_placement_load(placement, number);
        T_REQUIRE(!room || holds <= bound_of(placement, number, total));
        T_REQUIRE(room || load != 1);
        owners |= 1u << number;
    }
    T_EQ(owners, 255); /* seven keys alone would not reach all eight */
}

/* With a bound of a quarter no node ever has more than its due share and a quarter, rounded up,
 * at any moment of a very skewed load; and releasing makes room again. */
static void
test_bounded_ring_keeps_its_bound(void)
{
    static const uint64_t loads[] = {1, 1000, UINT64_C(1000000007), UINT64_C(1) << 36};
    OrrPlacement *placement = rig_of(ORR_PLACEMENT_RING_BOUNDED, 8);
    OrrPlacement *plain = rig_of(ORR_PLACEMENT_RING, 8);

    T_EQ(orr_placement_reweigh(placement, 0, 3), ORR_OK);
    T_EQ(orr_placement_reweigh(plain, 0, 3), ORR_OK);
    rig_owners(plain, before);
    for (unsigned l = 0; l < 4; l++) {
        load_and_check(placement, loads[l]);
        for (uint32_t number = 0; number < 8; number++) {
            orr_placement_release(placement, number, UINT64_MAX);
            T_EQ(orr_placement_load(placement, number), 0);
        }
        rig_owners(placement, after);
        T_EQ(count_moves(), 0); /* unloaded it is the ring */
    }
    orr_placement_free(plain);
    orr_placement_free(placement);
}

/* A load beyond all bounds goes to its first owner, and the sums do not overflow. */
static void
test_bounded_ring_takes_huge_loads(void)
{
    OrrPlacement *placement = rig_of(ORR_PLACEMENT_RING_BOUNDED, 3);
    OrrBytes key = orr_bytes_of_string("whale");
    uint32_t owner = orr_placement_find(placement, key);

    T_EQ(orr_placement_assign(placement, key, UINT64_MAX / 4), owner);
    T_TRUE(orr_placement_load(placement, owner) == UINT64_MAX / 4);
    T_TRUE(orr_placement_assign(placement, key, 1) != owner);
    orr_placement_free(placement);
}

static const Test TESTS[] = {
    TEST(test_rings_vary_as_the_closed_form_says),
    TEST(test_bounded_ring_keeps_its_bound),
    TEST(test_bounded_ring_takes_huge_loads),
};

T_MAIN("placement_rings", TESTS)
