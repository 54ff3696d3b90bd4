#include "stats.h"

#include <glib.h>
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>

#define CONFIDENCE 0.95

void
sim_stats_begin(void)
{
    gsl_set_error_handler_off();
}

/* Gini's coefficient of relative loads, which it sorts: sum (2 i - n - 1) x_i / (n sum x). */
static double
gini_of(double *relative, size_t count)
{
    double weighted = 0;
    double sum = 0;

    gsl_sort(relative, 1, count);
    for (size_t i = 0; i < count; i++) {
        weighted += (2.0 * (double)i - (double)count + 1) * relative[i];
        sum += relative[i];
    }
    return sum > 0 ? weighted / ((double)count * sum) : 0;
}

/* 1 less the relative entropy of the shares, in units of the entropy of the due shares. */
static double
evenness_of(const double *load, const double *due, size_t count, double total)
{
    double lost = 0;
    double whole = 0;

    for (size_t i = 0; i < count; i++) {
        double share = load[i] / total;

        lost += share > 0 ? share * log(share / due[i]) : 0;
        whole -= due[i] * log(due[i]);
    }
    return whole > 0 ? MAX(0, 1 - lost / whole) : 1;
}

SimSpread
sim_stats_spread(const double *load, const double *due, size_t count)
{
    g_autofree double *relative = g_new(double, count);
    SimSpread spread = {.min = INFINITY};
    double total = 0;
    double sum = 0;
    double squares = 0;
    double deviations = 0;

    for (size_t i = 0; i < count; i++) {
        total += load[i];
    }
    for (size_t i = 0; i < count; i++) {
        double x = load[i] / (total * due[i]);

        relative[i] = x;
        sum += x;
        squares += x * x;
        deviations += (x - 1) * (x - 1);
        spread.chi2 += (x - 1) * (x - 1) * total * due[i];
        spread.max = MAX(spread.max, x);
        spread.min = MIN(spread.min, x);
    }
    spread.cv = sqrt(deviations / (double)count);
    spread.jain = squares > 0 ? sum * sum / ((double)count * squares) : 0;
    spread.evenness = evenness_of(load, due, count, total);
    spread.gini = gini_of(relative, count);
    return spread;
}

SimSummary
sim_stats_summary(const double *values, size_t count)
{
    g_autofree double *sorted = g_memdup2(values, count * sizeof *values);
    SimSummary summary = {0};
    double half = 0;

    gsl_sort(sorted, 1, count);
    summary.mean = gsl_stats_mean(values, 1, count);
    if (count > 1) {
        half = gsl_cdf_tdist_Pinv(0.5 + CONFIDENCE / 2, (double)(count - 1)) *
               gsl_stats_sd(values, 1, count) / sqrt((double)count);
    }
    summary.low = summary.mean - half;
    summary.high = summary.mean + half;
    summary.least = sorted[0];
    summary.p5 = gsl_stats_quantile_from_sorted_data(sorted, 1, count, 0.05);
    summary.median = gsl_stats_quantile_from_sorted_data(sorted, 1, count, 0.5);
    summary.p95 = gsl_stats_quantile_from_sorted_data(sorted, 1, count, 0.95);
    summary.most = sorted[count - 1];
    return summary;
}

SimSummary
sim_stats_summary_rms(const double *values, size_t count)
{
    g_autofree double *squares = g_new(double, count);
    SimSummary summary;

    for (size_t i = 0; i < count; i++) {
        squares[i] = values[i] * values[i];
    }
    summary = sim_stats_summary(squares, count);
    return (SimSummary){
        .mean = sqrt(summary.mean),
        .low = sqrt(MAX(0, summary.low)),
        .high = sqrt(summary.high),
        .least = sqrt(summary.least),
        .p5 = sqrt(summary.p5),
        .median = sqrt(summary.median),
        .p95 = sqrt(summary.p95),
        .most = sqrt(summary.most),
    };
}

double
sim_stats_chi2_p(double chi2, double degrees)
{
    return gsl_cdf_chisq_Q(chi2, degrees);
}

double
sim_stats_beta_cdf(double x, double a, double b)
{
    if (x <= 0) {
        return 0;
    }
    return x >= 1 ? 1 : gsl_cdf_beta_P(x, a, b);
}

double
sim_stats_beta_quantile(double p, double a, double b)
{
    double low = 0;
    double high = 1;

    for (int step = 0; step < 60; step++) { /* 2^-60 is finer than a double near 1 */
        double middle = (low + high) / 2;

        if (sim_stats_beta_cdf(middle, a, b) < p) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return (low + high) / 2;
}

void
sim_stats_unbreak(const double *shares, const double *points, size_t count, double *uniforms)
{
    double rest = 1;
    double rest_points = 0;

    for (size_t i = 0; i < count; i++) {
        rest_points += points[i];
    }
    for (size_t i = 0; i + 1 < count; i++) {
        rest_points -= points[i];
        uniforms[i] = sim_stats_beta_cdf(shares[i] / rest, points[i], rest_points);
        rest -= shares[i];
    }
}

double
sim_stats_ks_uniform(double *values, size_t count)
{
    double distance = 0;

    gsl_sort(values, 1, count);
    for (size_t i = 0; i < count; i++) {
        double above = (double)(i + 1) / (double)count - values[i];
        double below = values[i] - (double)i / (double)count;

        distance = MAX(distance, MAX(above, below));
    }
    return distance;
}

double
sim_stats_ks_p(double distance, size_t count)
{
    double root = sqrt((double)count);
    double scaled = (root + 0.12 + 0.11 / root) * distance;
    double sum = 0;

    if (scaled < 0.3) { /* the series converges too slowly where the answer is 1 anyway */
        return 1;
    }
    for (int k = 1; k <= 100; k++) {
        double term = exp(-2.0 * k * k * scaled * scaled);

        sum += k % 2 == 1 ? term : -term;
        if (term < 1e-12) {
            break;
        }
    }
    return CLAMP(2 * sum, 0, 1);
}

double
sim_stats_ring_cv(double nodes, double points)
{
    return sqrt((nodes - 1) / (nodes * points + 1));
}

/* A share is sum c_j g_j over the gaps g of all N points, which follow Dirichlet(1, ..., 1), so
 * E[g^2] = 2 / (N (N + 1)) and E[g g'] = 1 / (N (N + 1)). The part c_j of a gap that is the
 * node's is half for each end it owns, so sum c_j = points; and
 * E[share^2] = (N E[c^2] + points^2) / (N (N + 1)). */
double
sim_stats_nearest_cv(double nodes, double points)
{
    double all = nodes * points;
    double both = points * (points - 1);
    double one = points * (all - points) * 2;
    double c_square = all > 1 ? (both + one / 4) / (all * (all - 1)) : 1;
    double share_square = (all * c_square + points * points) / (all * (all + 1));

    return sqrt(MAX(0, nodes * nodes * share_square - 1));
}

double
sim_stats_ring_max(double nodes, double points)
{
    return nodes * sim_stats_beta_quantile(pow(0.5, 1 / nodes), points, (nodes - 1) * points);
}

/* Keys fall on a node with its share as probability; two different keys independently. */
double
sim_stats_seen_cv(double cv, double nodes, double squares)
{
    return sqrt(cv * cv * (1 - squares) + (nodes - 1) * squares);
}
