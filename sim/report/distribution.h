/* distribution.h - where a duration, an offset or a rate comes from: one quantile function.
 *
 * A distribution is a plain value, and a sample is its quantile at one uniform 64-bit draw, so
 * a sample costs exactly one draw (a fixed value: none) and whoever keys its draws by number
 * (network.h) gets samples that no other sample can shift. Everything is computed in integers,
 * from tables of the logarithm, the exponential and the normal quantile that are part of the
 * source: gcc, clang, -O0, -O3 and any libm give the same bits.
 *
 * Precision: the normal quantile is within 0.0002 standard deviations, logarithm and
 * exponential within 0.00005 relative. No sample exceeds +-SIM_SAMPLE_MAX.
 *
 * Units are the caller's: ns, ppm, ppb, bytes. Samples may be negative (normal, uniform);
 * network, disk and clock say what they do with those. Memory: plain values. Threads: any.
 */
#ifndef SIM_DISTRIBUTION_H
#define SIM_DISTRIBUTION_H

#include <orrery/rng.h>

#define SIM_SAMPLE_MAX (INT64_C(1) << 60)

typedef enum SimDistributionKind {
    SIM_DISTRIBUTION_FIXED,       /* a always */
    SIM_DISTRIBUTION_UNIFORM,     /* a to b, both included */
    SIM_DISTRIBUTION_EXPONENTIAL, /* mean a */
    SIM_DISTRIBUTION_NORMAL,      /* mean a, standard deviation b */
    SIM_DISTRIBUTION_LOGNORMAL,   /* median a, 99th percentile b */
    SIM_DISTRIBUTION_PARETO,      /* minimum a, shape b / 1000 */
} SimDistributionKind;

typedef struct SimDistribution {
    SimDistributionKind kind;
    int64_t a;
    int64_t b;
    int64_t sigma_q32; /* lognormal: standard deviation of the logarithm; otherwise 0 */
} SimDistribution;

/* `value` always. */
SimDistribution sim_distribution_fixed(int64_t value);

/* These fill `out` and return ORR_OK, or ORR_INVALID and leave it alone. Every parameter is
 * within +-SIM_SAMPLE_MAX. */
OrrStatus sim_distribution_uniform(int64_t low, int64_t high,
                                   SimDistribution *out);                   /* low <= high */
OrrStatus sim_distribution_exponential(int64_t mean, SimDistribution *out); /* mean >= 0 */
OrrStatus sim_distribution_normal(int64_t mean, int64_t deviation,
                                  SimDistribution *out); /* deviation >= 0 */
/* 1 <= median <= p99 */
OrrStatus sim_distribution_lognormal(int64_t median, int64_t p99, SimDistribution *out);
/* minimum >= 1, shape_milli 1 to 1,000,000: the shape times 1000 */
OrrStatus sim_distribution_pareto(int64_t minimum, int64_t shape_milli, SimDistribution *out);

/* The value that a share `uniform` / 2^64 of all samples stays below. */
int64_t sim_distribution_quantile(const SimDistribution *distribution, uint64_t uniform);

/* A sample: the quantile at the stream's next draw; draws nothing for a fixed value. */
int64_t sim_distribution_sample(const SimDistribution *distribution, OrrRng *rng);

/* True when every sample is `a`. */
bool sim_distribution_is_fixed(const SimDistribution *distribution);

/* The mathematics underneath, in fixed point with 32 binary places; also for Zipf keys. */
int64_t sim_ln_q32(uint64_t x);         /* natural logarithm of the integer x >= 1 */
uint64_t sim_exp_q32(int64_t y_q32);    /* e^y as Q32; 0 below e^-22, UINT64_MAX above e^22 */
int64_t sim_normal_q32(uint64_t share); /* standard normal quantile at share / 2^64 */

#endif
