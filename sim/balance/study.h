/* study.h - all trials of all cases, on all processors, and what they say together.
 *
 * The trials are independent and their results are put where they belong, so the figures do
 * not depend on how many threads there are or who was first. Times are measured afterwards,
 * alone, and are the only figures that differ between two runs.
 */
#ifndef SIM_BALANCE_STUDY_H
#define SIM_BALANCE_STUDY_H

#include "trial.h"

/* What one figure of a spread is over the seeds. */
typedef struct SimEvenness {
    SimSummary cv;     /* of each trial's */
    SimSummary cv_rms; /* root of the mean square: what the closed forms give */
    SimSummary max;
    SimSummary min;
    SimSummary gini;
    SimSummary jain;
    SimSummary evenness;
    double law;     /* the coefficient of variation (rms) that theory gives, or NAN */
    double max_law; /* the median of the fullest node by the law of rings, or NAN */
} SimEvenness;

/* Nanoseconds each; NAN where not measured. */
typedef struct SimTimes {
    double find_ns;  /* a lookup given the hash, many in flight */
    double chain_ns; /* the same where each lookup waits for the one before */
    double batch_ns; /* the same by the batch */
    double key_ns;   /* from the bytes of a key */
    double build_ns; /* all nodes at once */
    double add_ns;   /* one node more */
    double remove_ns;
    double memory_size; /* bytes */
} SimTimes;

typedef struct SimFigures {
    SimCase situation;
    char *refusal; /* why there are none, or NULL */
    size_t nodes;  /* with a weight */
    SimEvenness keys;
    SimEvenness load;
    SimEvenness exact;
    bool has_exact;
    bool skewed;    /* load says something that keys do not */
    double squares; /* mean over the trials */
    double top;
    double chi2_p; /* all trials together; NAN where the algorithm is not exact in its hash */
    double ks;     /* distance from the exact law of rings, all trials; NAN where it has none */
    double ks_p;
    SimMoves moves[SIM_CHANGES_MAX]; /* means over the trials that tried them */
    SimTimes times;
    SimTrial *trials; /* study->seeds of them */
} SimFigures;

/* Called after each piece of work from any thread, one at a time. */
typedef void (*SimStudyProgress)(void *user, size_t done, size_t total);

/* Figures of `count` cases, in their order, owned by the caller. `jobs` threads at most. */
SimFigures *sim_study_run(const SimStudy *study, const SimCase *cases, size_t count,
                          unsigned jobs, SimStudyProgress progress, void *user);
void sim_study_free(SimFigures *figures, size_t count, size_t seeds);

/* timing.c: measures one case on this thread, about 0.03 s. */
SimTimes sim_timing_measure(const SimStudy *study, const SimCase *situation);
/* Of each figure the less. */
void sim_timing_keep_least(SimTimes *times, const SimTimes *more);

#endif
