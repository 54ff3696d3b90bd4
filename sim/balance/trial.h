/* trial.h - one algorithm, one seed: who gets how much, and what a change moves.
 *
 * The seed of a trial decides the seed of the hash, the names of generated nodes, which key is
 * popular and which node a change meets. Trials of one number are alike for all algorithms, so
 * that they are compared on the same luck.
 */
#ifndef SIM_BALANCE_TRIAL_H
#define SIM_BALANCE_TRIAL_H

#include "change.h"
#include "cluster.h"
#include "keyset.h"
#include "stats.h"
#include <orrery/rng.h>

#define SIM_CHANGES_MAX 8u
/* Weight of a generated node: halving and doubling stay whole. */
#define SIM_TRIAL_WEIGHT 100u
/* Requests drawn where the load of a node decides who gets the next one (ring-bounded). */
#define SIM_TRIAL_REQUESTS 200000u

/* One row of the answer: an algorithm in one situation. */
typedef struct SimCase {
    const OrrPlacementInfo *info;
    OrrPlacementOptions options; /* seed and unit weight are set by each trial */
    const SimRoster *roster;     /* lent; NULL: generated */
    const char *path;            /* of the roster's file, for messages; or NULL */
    size_t nodes;
    uint32_t points; /* of a node on our rings; the other algorithms have their own */
    double zipf;     /* exponent; 0: keys are equally popular, or as recorded */
} SimCase;

/* What all rows share. */
typedef struct SimStudy {
    const SimKeyset *keys;
    const OrrBytes *key_bytes; /* of `keys`, one each */
    const SimChange *changes;
    size_t change_count;
    size_t seeds;        /* trials of each case */
    size_t change_seeds; /* of which so many also try the changes */
    uint64_t seed;
} SimStudy;

/* Fractions of all keys; NAN throughout where the algorithm refuses the change. */
typedef struct SimMoves {
    double moved;
    double moved_load; /* weighted by popularity */
    double optimum;    /* what the weights say must move */
    double wasted;     /* moved between nodes that the change did not meet */
    double lost;       /* not back at their old node after the change was undone */
    double heirs;      /* remove:1: 1 / sum q^2 of the shares q that each other node inherits */
    double heir_most;  /* remove:1: the greatest of them */
} SimMoves;

typedef struct SimTrial {
    size_t nodes;     /* that have a weight */
    SimSpread keys;   /* each key counts once */
    SimSpread load;   /* each key counts as often as it is asked for */
    SimSpread exact;  /* of the space of hashes, where the algorithm knows it */
    bool has_exact;   /* exact is filled */
    double *by_keys;  /* relative load of each node, 1 is its due */
    double *by_load;  /* the same by popularity */
    double *by_exact; /* or NULL */
    double *uniforms; /* rings of equal nodes: see sim_stats_unbreak(); or NULL */
    double squares;   /* sum of squares of the keys' popularity */
    double top;       /* popularity of the most popular key */
    SimMoves moves[SIM_CHANGES_MAX];
    char *refusal; /* why the algorithm cannot have these nodes, or NULL */
} SimTrial;

/* Fills `trial`; `number` counts from 0 and below `study->change_seeds` includes the changes.
 */
void sim_trial_run(const SimStudy *study, const SimCase *situation, size_t number,
                   SimTrial *trial);
void sim_trial_clear(SimTrial *trial);

/* The cluster of trial `number`, owned by the caller, as is `*roster`; for measuring time. NULL
 * where the algorithm refuses the nodes. */
SimCluster *sim_trial_cluster(const SimStudy *study, const SimCase *situation, size_t number,
                              SimRoster **roster, GError **error);
/* The owner of each key as its index in the roster. Loads of ring-bounded begin anew. */
void sim_trial_owners(const SimStudy *study, SimCluster *cluster, const uint64_t *hashes,
                      uint32_t *owners);
/* The hash of every key, owned by the caller; NULL where owners are not found by one hash. */
uint64_t *sim_trial_hashes(const SimStudy *study, const SimCluster *cluster);

/* trial_change.c: applies a change to `cluster`, measures, undoes it and measures again. Some
 * algorithms do not find back to where they were, so `cluster` is good for one change. */
void sim_trial_change(const SimStudy *study, SimCluster *cluster, const SimChange *change,
                      const uint64_t *hashes, const uint32_t *owners, const double *popularity,
                      OrrRng *rng, SimMoves *moves);

#endif
