/* stats.h - how evenly something is spread, and how sure we are of it.
 *
 * A load is relative to what the node should have: 1 is exactly its due, whatever its weight.
 *
 * Sources: Gini 1912; Jain, Chiu and Hawe, DEC-TR-301, 1984; Shannon 1948; Stephens, "EDF
 * Statistics for Goodness of Fit", 1974. Distributions come from GSL, whose error handler is
 * turned off by sim_stats_begin() (its default aborts the process); gsl_cdf_beta_Pinv() fails
 * for parameters of rings, so the quantile is found by bisection.
 */
#ifndef SIM_BALANCE_STATS_H
#define SIM_BALANCE_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Once, before anything else here. */
void sim_stats_begin(void);

/* One spread of a total over nodes. */
typedef struct SimSpread {
    double cv;       /* standard deviation of the relative loads around 1 */
    double max;      /* the highest relative load: max/mean */
    double min;      /* the lowest: min/mean */
    double gini;     /* 0: all equal; towards 1: one has everything */
    double jain;     /* 1: all equal; 1/n: one has everything */
    double evenness; /* entropy of the shares against that of the due shares, 0 to 1 */
    double chi2;     /* of the loads as counts against the due ones; n - 1 degrees of freedom */
} SimSpread;

/* `load[i]` is what node i got, `due[i]` its due share (they sum to 1, each above 0). */
SimSpread sim_stats_spread(const double *load, const double *due, size_t count);

/* A sample of one figure over seeds. */
typedef struct SimSummary {
    double mean;
    double low; /* 95 % confidence interval of the mean (Student) */
    double high;
    double least;
    double p5;
    double median;
    double p95;
    double most;
} SimSummary;

/* `values` may be in any order; count >= 1. Of one value the interval is that value. */
SimSummary sim_stats_summary(const double *values, size_t count);
/* Root of the mean square with its interval, made on the squares. Percentiles as above. */
SimSummary sim_stats_summary_rms(const double *values, size_t count);

/* Probability that chance alone gives a chi-square at least this high. */
double sim_stats_chi2_p(double chi2, double degrees);

/* Distribution of Beta(a, b), and its inverse by bisection; 0 < p < 1. */
double sim_stats_beta_cdf(double x, double a, double b);
double sim_stats_beta_quantile(double p, double a, double b);

/* Shares of n random rings' nodes follow a Dirichlet law with the nodes' points as parameters.
 * Breaking the stick one node at a time makes of n such shares n - 1 independent uniform
 * numbers exactly. Writes them to `uniforms`. */
void sim_stats_unbreak(const double *shares, const double *points, size_t count,
                       double *uniforms);

/* Kolmogorov-Smirnov distance of `values` from the uniform law on 0..1; sorts them. */
double sim_stats_ks_uniform(double *values, size_t count);
/* Probability of such a distance or a greater one by chance alone. */
double sim_stats_ks_p(double distance, size_t count);

/* Closed forms. The coefficient of variation of the share of a node among `nodes` with `points`
 * points each on a random ring, where the next point owns a key, or the nearest. */
double sim_stats_ring_cv(double nodes, double points);
double sim_stats_nearest_cv(double nodes, double points);
/* The median of the fullest of `nodes` relative shares, each of law Beta(points, (nodes - 1)
 * points), as if they were independent, which they nearly are. */
double sim_stats_ring_max(double nodes, double points);
/* A share of that variation, seen through keys whose popularities squared sum to `squares`;
 * 1 / keys where all are equally popular. */
double sim_stats_seen_cv(double cv, double nodes, double squares);

#endif
