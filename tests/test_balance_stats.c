#include "check.h"
#include "stats.h"

#include <math.h>
#include <orrery/rng.h>

static bool
near(double a, double b, double tolerance)
{
    return fabs(a - b) <= tolerance;
}

static double
draw(OrrRng *rng)
{
    return ((double)(orr_rng_next(rng) >> 11) + 0.5) * 0x1p-53;
}

/* Equal loads are perfectly even by every measure; one node with everything is the opposite. */
static void
test_spread_knows_its_two_ends(void)
{
    double even[4] = {5, 5, 5, 5};
    double lone[4] = {20, 0, 0, 0};
    double due[4] = {0.25, 0.25, 0.25, 0.25};

    SimSpread best = sim_stats_spread(even, due, 4);
    SimSpread worst = sim_stats_spread(lone, due, 4);

    T_TRUE(near(best.cv, 0, 1e-12) && near(best.max, 1, 1e-12) && near(best.min, 1, 1e-12));
    T_TRUE(near(best.gini, 0, 1e-12) && near(best.jain, 1, 1e-12));
    T_TRUE(near(best.evenness, 1, 1e-12) && near(best.chi2, 0, 1e-12));
    T_TRUE(near(worst.cv, sqrt(3), 1e-12) && near(worst.max, 4, 1e-12) && worst.min == 0);
    T_TRUE(near(worst.gini, 0.75, 1e-12) && near(worst.jain, 0.25, 1e-12));
    T_TRUE(near(worst.evenness, 0, 1e-12) && near(worst.chi2, 60, 1e-9));
}

/* By hand: loads 1, 2, 3, 4 have a Gini coefficient of 1/4 and a Jain index of 100/120. */
static void
test_spread_agrees_with_paper_and_pencil(void)
{
    double load[4] = {4, 1, 3, 2};
    double due[4] = {0.25, 0.25, 0.25, 0.25};

    SimSpread spread = sim_stats_spread(load, due, 4);

    T_TRUE(near(spread.gini, 0.25, 1e-12));
    T_TRUE(near(spread.jain, 100.0 / 120.0, 1e-12));
    T_TRUE(near(spread.cv, sqrt(0.2), 1e-12));
    T_TRUE(near(spread.chi2, 2, 1e-12));
}

/* A node of triple weight with triple load has exactly its due. */
static void
test_spread_respects_weights(void)
{
    double load[2] = {300, 100};
    double due[2] = {0.75, 0.25};

    SimSpread spread = sim_stats_spread(load, due, 2);

    T_TRUE(near(spread.cv, 0, 1e-12) && near(spread.gini, 0, 1e-12));
    T_TRUE(near(spread.evenness, 1, 1e-12));
}

/* A 95 % interval of means of uniform numbers misses the truth in about 5 of 100 samples. */
static void
test_interval_covers_as_often_as_it_says(void)
{
    OrrRng rng = orr_rng_new(t_seed(11));
    int missed = 0;

    for (int sample = 0; sample < 2000; sample++) {
        double values[12];
        SimSummary summary;

        for (int i = 0; i < 12; i++) {
            values[i] = draw(&rng);
        }
        summary = sim_stats_summary(values, 12);
        missed += summary.low > 0.5 || summary.high < 0.5;
    }

    T_TRUE(missed > 60 && missed < 145);
}

/* The quantile is the inverse of the distribution, also where GSL's own inverse fails. */
static void
test_beta_quantile_inverts_the_distribution(void)
{
    static const double laws[][2] = {{1, 9}, {160, 1440}, {1000, 9000}, {160, 159840}};

    sim_stats_begin();
    for (size_t i = 0; i < 4; i++) {
        double a = laws[i][0];
        double b = laws[i][1];

        for (double p = 0.001; p < 1; p += 0.0499) {
            double x = sim_stats_beta_quantile(p, a, b);

            T_TRUE(near(sim_stats_beta_cdf(x, a, b), p, 1e-9));
        }
    }
    /* Beta(1, 9) in closed form: 1 - (1 - x)^9 */
    T_TRUE(near(sim_stats_beta_quantile(0.5, 1, 9), 1 - pow(0.5, 1.0 / 9), 1e-12));
}

/* Tables of Kolmogorov's distribution: for many values, 1.358 / sqrt(n) has 5 %, 1.628 1 %. */
static void
test_ks_agrees_with_the_tables(void)
{
    T_TRUE(near(sim_stats_ks_p(1.3581 / 1000, 1000000), 0.05, 0.0005));
    T_TRUE(near(sim_stats_ks_p(1.6276 / 1000, 1000000), 0.01, 0.0002));
    T_TRUE(near(sim_stats_ks_p(0.40925, 10), 0.05, 0.003)); /* the small table's n = 10 */
    T_TRUE(sim_stats_ks_p(0, 10) == 1);
    T_TRUE(sim_stats_ks_p(1, 100) < 1e-12);
}

/* By hand: of 0.1, 0.2, 0.9 the steps stand at most 2/3 - 0.2 above the diagonal, of 0.5, 0.8,
 * 0.9 at most 0.5 below it. */
static void
test_ks_distance_by_hand(void)
{
    double values[3] = {0.9, 0.1, 0.2};
    double late[3] = {0.9, 0.8, 0.5};

    T_TRUE(near(sim_stats_ks_uniform(late, 3), 0.5, 1e-12));
    T_TRUE(near(sim_stats_ks_uniform(values, 3), 2.0 / 3 - 0.2, 1e-12));
}

/* Cuts 0..1 at random `nodes` x `points` times and deals the arcs out: a ring, by definition.
 */
static void
random_ring(OrrRng *rng, size_t nodes, size_t points, double *shares)
{
    double sum = 0;

    memset(shares, 0, nodes * sizeof *shares);
    for (size_t i = 0; i < nodes * points; i++) { /* exponential gaps, then scaled to 1 */
        double gap = -log(draw(rng));

        shares[i % nodes] += gap;
        sum += gap;
    }
    for (size_t i = 0; i < nodes; i++) {
        shares[i] /= sum;
    }
}

/* Breaking the stick makes uniform numbers of a ring's shares, and only of a ring's: shares
 * that are too even by three tenths are found out. */
static void
test_beta_law_holds_for_rings_and_only_for_them(void)
{
    enum { NODES = 10, POINTS = 40, RINGS = 100 };
    OrrRng rng = orr_rng_new(t_seed(5));
    double points[NODES];
    double honest[RINGS * (NODES - 1)];
    double cheat[RINGS * (NODES - 1)];

    for (size_t i = 0; i < NODES; i++) {
        points[i] = POINTS;
    }
    for (size_t ring = 0; ring < RINGS; ring++) {
        double shares[NODES];

        random_ring(&rng, NODES, POINTS, shares);
        sim_stats_unbreak(shares, points, NODES, honest + ring * (NODES - 1));
        for (size_t i = 0; i < NODES; i++) {
            shares[i] = 0.1 + (shares[i] - 0.1) * 0.7;
        }
        sim_stats_unbreak(shares, points, NODES, cheat + ring * (NODES - 1));
    }

    T_TRUE(sim_stats_ks_p(sim_stats_ks_uniform(honest, RINGS * (NODES - 1)),
                          RINGS * (NODES - 1)) > 0.001);
    T_TRUE(sim_stats_ks_p(sim_stats_ks_uniform(cheat, RINGS * (NODES - 1)),
                          RINGS * (NODES - 1)) < 0.001);
}

/* The closed form for 160 points: 7.5 %, 7.9 % and 7.9 % for 10, 100 and 1000 nodes; and
 * simulated rings agree with it within their confidence interval. */
static void
test_ring_cv_closed_form(void)
{
    enum { NODES = 10, POINTS = 16, RINGS = 400 };
    OrrRng rng = orr_rng_new(t_seed(3));
    double due[NODES];
    double cv[RINGS];
    SimSummary rms;

    for (size_t i = 0; i < NODES; i++) {
        due[i] = 1.0 / NODES;
    }
    for (size_t ring = 0; ring < RINGS; ring++) {
        double shares[NODES];

        random_ring(&rng, NODES, POINTS, shares);
        cv[ring] = sim_stats_spread(shares, due, NODES).cv;
    }
    rms = sim_stats_summary_rms(cv, RINGS);

    T_TRUE(near(sim_stats_nearest_cv(100, 160) / sim_stats_ring_cv(100, 160), 0.707, 0.0005));
    T_TRUE(near(sim_stats_ring_max(10, 160), 1.12, 0.01));
    T_TRUE(near(sim_stats_ring_max(1000, 160), 1.28, 0.01));
    T_TRUE(near(sim_stats_ring_cv(10, 160), 0.0750, 0.00005));
    T_TRUE(near(sim_stats_ring_cv(100, 160), 0.0787, 0.00005));
    T_TRUE(near(sim_stats_ring_cv(1000, 160), 0.0790, 0.00005));
    T_TRUE(near(rms.mean, sim_stats_ring_cv(NODES, POINTS), 1.7 * (rms.high - rms.low) / 2));
}

/* Chi-square: 16.92 at 9 degrees of freedom has 5 %. */
static void
test_chi_square_agrees_with_the_tables(void)
{
    T_TRUE(near(sim_stats_chi2_p(16.919, 9), 0.05, 0.0001));
    T_TRUE(near(sim_stats_chi2_p(0, 9), 1, 1e-12));
}

static const Test TESTS[] = {
    TEST(test_spread_knows_its_two_ends),
    TEST(test_spread_agrees_with_paper_and_pencil),
    TEST(test_spread_respects_weights),
    TEST(test_interval_covers_as_often_as_it_says),
    TEST(test_beta_quantile_inverts_the_distribution),
    TEST(test_ks_agrees_with_the_tables),
    TEST(test_ks_distance_by_hand),
    TEST(test_beta_law_holds_for_rings_and_only_for_them),
    TEST(test_ring_cv_closed_form),
    TEST(test_chi_square_agrees_with_the_tables),
};

T_MAIN("balance_stats", TESTS)
