#include "distribution.h"

#include "distribution_tables.h"

__extension__ typedef __int128 Wide;

#define LN_2_Q32 INT64_C(2977044472) /* ln 2, Q32 */
#define EXP_LIMIT_Q32 (INT64_C(22) << 32)
#define SHARE_99 UINT64_C(18262276632972456099) /* 0.99 x 2^64 */
#define TAIL_MIN (UINT64_C(1) << 31)            /* 2^-33 of 2^64: the table begins here */

static int64_t
clip(Wide value)
{
    if (value > SIM_SAMPLE_MAX) {
        return SIM_SAMPLE_MAX;
    }
    return value < -SIM_SAMPLE_MAX ? -SIM_SAMPLE_MAX : (int64_t)value;
}

static bool
in_range(int64_t value)
{
    return value >= -SIM_SAMPLE_MAX && value <= SIM_SAMPLE_MAX;
}

/* a + (b - a) x fraction / 2^32; the shift of a negative product rounds down, by definition of
 * both compilers, and the division here makes that independent of them. */
static int64_t
interpolate(int64_t a, int64_t b, uint64_t fraction_q32)
{
    if (b >= a) {
        return a + (int64_t)(((uint64_t)(b - a) * fraction_q32) >> 32);
    }
    return a - (int64_t)(((uint64_t)(a - b) * fraction_q32) >> 32);
}

/* The `bits` bits below the leading one of x, and the 32 after them as a fraction. */
static unsigned
split(uint64_t x, unsigned bits, uint64_t *fraction_q32)
{
    uint64_t below = x << __builtin_clzll(x) << 1; /* the leading one falls out */

    *fraction_q32 = below << bits >> 32;
    return (unsigned)(below >> (64 - bits));
}

int64_t
sim_ln_q32(uint64_t x)
{
    uint64_t fraction = 0;
    unsigned i = split(x, 7, &fraction);
    int64_t exponent = 63 - __builtin_clzll(x);

    return exponent * LN_2_Q32 + interpolate(LN_Q32[i], LN_Q32[i + 1], fraction);
}

uint64_t
sim_exp_q32(int64_t y_q32)
{
    if (y_q32 < -EXP_LIMIT_Q32) {
        return 0;
    }
    if (y_q32 > EXP_LIMIT_Q32) {
        return UINT64_MAX;
    }
    int64_t power = y_q32 / LN_2_Q32;
    int64_t rest = y_q32 % LN_2_Q32;

    if (rest < 0) {
        rest += LN_2_Q32;
        power--;
    }
    uint64_t part_q32 = ((uint64_t)rest << 32) / (uint64_t)LN_2_Q32; /* rest in powers of 2 */
    unsigned i = (unsigned)(part_q32 >> 25);
    uint64_t fraction = (part_q32 & ((1u << 25) - 1)) << 7;
    uint64_t mantissa =
        (UINT64_C(1) << 32) + (uint64_t)interpolate(EXP2_Q32[i], EXP2_Q32[i + 1], fraction);

    return power >= 0 ? mantissa << power : mantissa >> -power;
}

int64_t
sim_normal_q32(uint64_t share)
{
    bool upper = share >> 63 != 0;
    uint64_t tail = upper ? ~share : share;
    uint64_t fraction = 0;

    if (tail < TAIL_MIN) {
        tail = TAIL_MIN;
    }
    unsigned octave = 32 - (unsigned)__builtin_clzll(tail);
    unsigned i = octave * 32 + split(tail, 5, &fraction);
    int64_t x_q32 = interpolate(NORMAL_TAIL_Q28[i], NORMAL_TAIL_Q28[i + 1], fraction) * 16;

    return upper ? x_q32 : -x_q32;
}

SimDistribution
sim_distribution_fixed(int64_t value)
{
    return (SimDistribution){.kind = SIM_DISTRIBUTION_FIXED, .a = clip(value)};
}

OrrStatus
sim_distribution_uniform(int64_t low, int64_t high, SimDistribution *out)
{
    if (!in_range(low) || !in_range(high) || low > high) {
        return ORR_INVALID;
    }
    *out = (SimDistribution){.kind = SIM_DISTRIBUTION_UNIFORM, .a = low, .b = high};
    return ORR_OK;
}

OrrStatus
sim_distribution_exponential(int64_t mean, SimDistribution *out)
{
    if (!in_range(mean) || mean < 0) {
        return ORR_INVALID;
    }
    *out = (SimDistribution){.kind = SIM_DISTRIBUTION_EXPONENTIAL, .a = mean};
    return ORR_OK;
}

OrrStatus
sim_distribution_normal(int64_t mean, int64_t deviation, SimDistribution *out)
{
    if (!in_range(mean) || !in_range(deviation) || deviation < 0) {
        return ORR_INVALID;
    }
    *out = (SimDistribution){.kind = SIM_DISTRIBUTION_NORMAL, .a = mean, .b = deviation};
    return ORR_OK;
}

OrrStatus
sim_distribution_lognormal(int64_t median, int64_t p99, SimDistribution *out)
{
    if (!in_range(p99) || median < 1 || median > p99) {
        return ORR_INVALID;
    }
    int64_t ratio_q32 = sim_ln_q32((uint64_t)p99) - sim_ln_q32((uint64_t)median);
    Wide sigma_q32 = ((Wide)ratio_q32 << 32) / sim_normal_q32(SHARE_99);

    *out = (SimDistribution){SIM_DISTRIBUTION_LOGNORMAL, median, p99, (int64_t)sigma_q32};
    return ORR_OK;
}

OrrStatus
sim_distribution_pareto(int64_t minimum, int64_t shape_milli, SimDistribution *out)
{
    if (!in_range(minimum) || minimum < 1 || shape_milli < 1 || shape_milli > 1000000) {
        return ORR_INVALID;
    }
    *out = (SimDistribution){.kind = SIM_DISTRIBUTION_PARETO, .a = minimum, .b = shape_milli};
    return ORR_OK;
}

/* -ln(1 - uniform / 2^64): the quantile of the exponential distribution of mean 1. */
static int64_t
exponential_q32(uint64_t uniform)
{
    uint64_t rest = ~uniform;

    return 64 * LN_2_Q32 - sim_ln_q32(rest != 0 ? rest : 1);
}

/* Both factors may be as large as they like; Q32 times integer. */
static int64_t
scale(uint64_t factor_q32, int64_t value)
{
    Wide product = (Wide)factor_q32 * value;

    return clip(product >= 0 ? product >> 32 : -(-product >> 32));
}

static int64_t
normal_quantile(const SimDistribution *d, uint64_t uniform)
{
    int64_t z_q32 = sim_normal_q32(uniform);
    int64_t distance = scale((uint64_t)(z_q32 < 0 ? -z_q32 : z_q32), d->b);

    return clip((Wide)d->a + (z_q32 < 0 ? -distance : distance));
}

int64_t
sim_distribution_quantile(const SimDistribution *d, uint64_t uniform)
{
    Wide product = 0;

    switch (d->kind) {
    case SIM_DISTRIBUTION_FIXED:
        return d->a;
    case SIM_DISTRIBUTION_UNIFORM:
        product = (Wide)uniform * (d->b - d->a + 1);
        return d->a + (int64_t)(product >> 64);
    case SIM_DISTRIBUTION_EXPONENTIAL:
        return scale((uint64_t)exponential_q32(uniform), d->a);
    case SIM_DISTRIBUTION_NORMAL:
        return normal_quantile(d, uniform);
    case SIM_DISTRIBUTION_LOGNORMAL:
        product = (Wide)d->sigma_q32 * sim_normal_q32(uniform);
        product = product >= 0 ? product >> 32 : -(-product >> 32);
        return scale(sim_exp_q32((int64_t)product), d->a);
    case SIM_DISTRIBUTION_PARETO:
        product = (Wide)exponential_q32(uniform) * 1000 / d->b;
        product = product < 2 * EXP_LIMIT_Q32 ? product : 2 * EXP_LIMIT_Q32;
        return scale(sim_exp_q32((int64_t)product), d->a);
    }
    return 0;
}

int64_t
sim_distribution_sample(const SimDistribution *distribution, OrrRng *rng)
{
    if (distribution->kind == SIM_DISTRIBUTION_FIXED) {
        return distribution->a;
    }
    return sim_distribution_quantile(distribution, orr_rng_next(rng));
}

bool
sim_distribution_is_fixed(const SimDistribution *distribution)
{
    return distribution->kind == SIM_DISTRIBUTION_FIXED;
}
