#include "check.h"

#include <distribution.h>
#include <distribution_tables.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>

#define SAMPLES 200000u

static SimDistribution
normal_of(int64_t mean, int64_t deviation)
{
    SimDistribution d = {0};

    T_EQ(sim_distribution_normal(mean, deviation, &d), ORR_OK);
    return d;
}

static SimDistribution
lognormal_of(int64_t median, int64_t p99)
{
    SimDistribution d = {0};

    T_EQ(sim_distribution_lognormal(median, p99, &d), ORR_OK);
    return d;
}

static SimDistribution
exponential_of(int64_t mean)
{
    SimDistribution d = {0};

    T_EQ(sim_distribution_exponential(mean, &d), ORR_OK);
    return d;
}

static SimDistribution
pareto_of(int64_t minimum, int64_t shape_milli)
{
    SimDistribution d = {0};

    T_EQ(sim_distribution_pareto(minimum, shape_milli, &d), ORR_OK);
    return d;
}

static SimDistribution
uniform_of(int64_t low, int64_t high)
{
    SimDistribution d = {0};

    T_EQ(sim_distribution_uniform(low, high, &d), ORR_OK);
    return d;
}

static bool
near(double actual, double expected, double tolerance)
{
    bool right = fabs(actual - expected) <= tolerance;

    if (!right) {
        fprintf(stderr, "%.9g is not within %.3g of %.9g\n", actual, tolerance, expected);
    }
    return right;
}

/* Mean and standard deviation of many samples, by GSL, are the textbook's. */
static bool
has_moments(const SimDistribution *d, double mean, double deviation)
{
    static double samples[SAMPLES];
    OrrRng rng = orr_rng_new(t_seed(1));

    for (size_t i = 0; i < SAMPLES; i++) {
        samples[i] = (double)sim_distribution_sample(d, &rng);
    }
    double error = 5 * deviation / sqrt(SAMPLES); /* of the mean, five sigma */

    return near(gsl_stats_mean(samples, 1, SAMPLES), mean, error + 1e-3 * deviation) &&
           near(gsl_stats_sd(samples, 1, SAMPLES), deviation, 0.02 * deviation);
}

static void
test_moments_are_the_textbooks(void)
{
    SimDistribution uniform = uniform_of(-20000000, 20000000);
    SimDistribution exponential = exponential_of(2000000);
    SimDistribution normal = normal_of(12000000, 2000000);
    SimDistribution lognormal = lognormal_of(1000000, 2000000);
    SimDistribution pareto = pareto_of(1000000, 6000);
    double sigma = log(2) / gsl_cdf_ugaussian_Pinv(0.99);
    double mean = 1000000 * exp(sigma * sigma / 2);

    T_TRUE(has_moments(&uniform, 0, 40000001 / sqrt(12)));
    T_TRUE(has_moments(&exponential, 2000000, 2000000));
    T_TRUE(has_moments(&normal, 12000000, 2000000));
    T_TRUE(has_moments(&lognormal, mean, mean * sqrt(exp(sigma * sigma) - 1)));
    T_TRUE(has_moments(&pareto, 1200000, 1000000 * sqrt(6.0 / (25 * 4))));
}

/* Quantiles agree with GSL over the whole range, to the stated precision. */
static void
test_quantiles_are_those_of_gsl(void)
{
    SimDistribution normal = normal_of(0, 1000000000);
    SimDistribution exponential = exponential_of(1000000000);
    SimDistribution lognormal = lognormal_of(1000000, 8000000);
    double sigma = log(8) / gsl_cdf_ugaussian_Pinv(0.99);

    gsl_set_error_handler_off();
    for (int i = 1; i < 20000; i++) {
        double share = i / 20000.0;
        uint64_t uniform = (uint64_t)(share * 0x1p64);
        double z = gsl_cdf_ugaussian_Pinv(share);

        T_TRUE(near((double)sim_distribution_quantile(&normal, uniform), z * 1e9, 2e5));
        T_TRUE(near((double)sim_distribution_quantile(&exponential, uniform),
                    gsl_cdf_exponential_Pinv(share, 1e9), 1e4));
        double expected = gsl_cdf_lognormal_Pinv(share, log(1e6), sigma);
        T_TRUE(near((double)sim_distribution_quantile(&lognormal, uniform), expected,
                    expected * 2e-4 + 1));
    }
}

/* Every value of the three tables is the function rounded, as GSL and libm have it. */
static void
test_tables_are_the_functions(void)
{
    for (int i = 0; i < 1024; i++) {
        double tail = ldexp(1 + (i % 32) / 32.0, i / 32 - 33);

        T_TRUE(near(NORMAL_TAIL_Q28[i], gsl_cdf_ugaussian_Qinv(tail) * 0x1p28, 0.501));
    }
    T_EQ(NORMAL_TAIL_Q28[1024], 0);
    for (int i = 0; i <= 128; i++) {
        T_TRUE(near(LN_Q32[i], log1p(i / 128.0) * 0x1p32, 0.501));
        T_TRUE(near(EXP2_Q32[i], fmin(expm1(i / 128.0 * log(2)) * 0x1p32, 0x1p32 - 1), 0.501));
    }
}

/* The tails: to one in eight thousand million the normal quantile is right, then it stops. */
static void
test_tails_go_to_six_sigma(void)
{
    for (int k = 2; k <= 33; k++) {
        uint64_t share = UINT64_C(1) << (64 - k);
        double expected = gsl_cdf_ugaussian_Pinv(ldexp(1, -k));

        T_TRUE(near((double)sim_normal_q32(share) / 0x1p32, expected, 1e-7));
        T_TRUE(near((double)sim_normal_q32(~share + 1) / 0x1p32, -expected, 1e-6));
    }
    T_TRUE(sim_normal_q32(0) == sim_normal_q32(UINT64_C(1) << 31));
    T_TRUE(sim_normal_q32(UINT64_MAX) == -sim_normal_q32(0));
}

/* ln and exp are within the stated bounds of libm, and undo each other. */
static void
test_logarithm_and_exponential(void)
{
    OrrRng rng = orr_rng_new(t_seed(2));

    for (int i = 0; i < 100000; i++) {
        uint64_t x = orr_rng_next(&rng) >> orr_rng_below(&rng, 63) | 1;
        int64_t y = orr_rng_between(&rng, -(INT64_C(20) << 32), INT64_C(20) << 32);
        double e = exp((double)y / 0x1p32) * 0x1p32;

        T_TRUE(near((double)sim_ln_q32(x) / 0x1p32, log((double)x), 1e-5));
        T_TRUE(near((double)sim_exp_q32(y), e, e * 1e-5 + 2));
    }
    T_EQ(sim_ln_q32(1), 0);
    T_TRUE(sim_exp_q32(0) == UINT64_C(1) << 32);
    T_TRUE(sim_exp_q32(INT64_MIN) == 0);
    T_TRUE(sim_exp_q32(INT64_MAX) == UINT64_MAX);
}

/* These very samples come out on every machine: recorded once, whatever compiles this. */
static void
test_samples_are_the_same_everywhere(void)
{
    SimDistribution all[] = {sim_distribution_fixed(42),     uniform_of(1000, 2000),
                             exponential_of(1000000),        normal_of(-5, 1000000),
                             lognormal_of(1000000, 8000000), pareto_of(1000, 1500)};
    static const int64_t expected[][2] = {
        {42, 42},          {1701, 1279},      {1205900, 326774},
        {526083, -586595}, {1600399, 591952}, {2234, 1243},
    };

    for (size_t i = 0; i < 6; i++) {
        OrrRng rng = orr_rng_new(7);

        for (size_t k = 0; k < 2; k++) {
            T_EQ(sim_distribution_sample(&all[i], &rng), expected[i][k]);
        }
    }
}

/* A fixed value takes no draw, everything else exactly one. */
static void
test_draws_are_counted(void)
{
    SimDistribution fixed = sim_distribution_fixed(42);
    SimDistribution lognormal = lognormal_of(1, 1);
    OrrRng rng = orr_rng_new(3);
    OrrRng other = rng;

    T_EQ(sim_distribution_sample(&fixed, &rng), 42);
    T_TRUE(memcmp(&rng, &other, sizeof rng) == 0);

    T_EQ(sim_distribution_sample(&lognormal, &rng), 1);
    (void)orr_rng_next(&other);
    T_TRUE(memcmp(&rng, &other, sizeof rng) == 0);
}

/* Quantiles never fall as the share rises, and the ends stay inside of +-SIM_SAMPLE_MAX. */
static void
test_quantiles_rise_and_stay_inside(void)
{
    SimDistribution all[] = {uniform_of(-SIM_SAMPLE_MAX, SIM_SAMPLE_MAX),
                             exponential_of(SIM_SAMPLE_MAX),
                             normal_of(SIM_SAMPLE_MAX, SIM_SAMPLE_MAX),
                             lognormal_of(1, SIM_SAMPLE_MAX), pareto_of(SIM_SAMPLE_MAX, 1)};

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        int64_t before = -SIM_SAMPLE_MAX;

        for (uint64_t share = 0; share < UINT64_MAX - (UINT64_C(1) << 50);
             share += UINT64_C(1) << 50) {
            int64_t value = sim_distribution_quantile(&all[i], share);

            T_TRUE(value >= before && value <= SIM_SAMPLE_MAX);
            before = value;
        }
        T_TRUE(sim_distribution_quantile(&all[i], UINT64_MAX) >= before);
    }
}

/* Parameters that make no sense are refused, and leave the result alone. */
static void
test_nonsense_is_refused(void)
{
    SimDistribution d = sim_distribution_fixed(9);

    T_EQ(sim_distribution_uniform(2, 1, &d), ORR_INVALID);
    T_EQ(sim_distribution_exponential(-1, &d), ORR_INVALID);
    T_EQ(sim_distribution_normal(0, -1, &d), ORR_INVALID);
    T_EQ(sim_distribution_normal(INT64_MIN, 1, &d), ORR_INVALID);
    T_EQ(sim_distribution_lognormal(0, 8, &d), ORR_INVALID);
    T_EQ(sim_distribution_lognormal(9, 8, &d), ORR_INVALID);
    T_EQ(sim_distribution_lognormal(9, INT64_MAX, &d), ORR_INVALID);
    T_EQ(sim_distribution_pareto(0, 1000, &d), ORR_INVALID);
    T_EQ(sim_distribution_pareto(1, 0, &d), ORR_INVALID);
    T_TRUE(sim_distribution_is_fixed(&d) && d.a == 9);
}

static const Test TESTS[] = {
    TEST(test_moments_are_the_textbooks), TEST(test_quantiles_are_those_of_gsl),
    TEST(test_tables_are_the_functions),  TEST(test_tails_go_to_six_sigma),
    TEST(test_logarithm_and_exponential), TEST(test_samples_are_the_same_everywhere),
    TEST(test_draws_are_counted),         TEST(test_quantiles_rise_and_stay_inside),
    TEST(test_nonsense_is_refused),
};

T_MAIN("sim_distribution", TESTS)
