/* sweep.h - one scenario, many seeds, in parallel processes.
 *
 *     seeds --fork--> child: sim_run() --pipe--> parent: results in order of the seeds
 *
 * Each seed is a process of its own, so that a crash costs one seed. What the parent is told of
 * a seed does not depend on how many run at once.
 */
#ifndef SIM_SWEEP_H
#define SIM_SWEEP_H

#include "option.h"
#include "run.h"

#define SIM_SWEEP_TEXT_MAX 200u

/* What became of one expectation in one seed. */
typedef struct SimSweepValue {
    char text[SIM_SWEEP_TEXT_MAX]; /* of the expectation, cut */
    SimVerdict verdict;
    bool has_value;
    SimUnit unit;
    int64_t value;
    OrrTime at_ns;
} SimSweepValue;

typedef struct SimSweepSeed {
    uint64_t seed;
    int exit_code;
    int signal; /* that ended its process, or 0 */
    uint64_t digest;
    OrrTime virtual_ns;
    uint64_t events;
    double real_s;
    SimSweepValue
        *values; /* one for each expectation, as sim_run() tells; NULL after a signal */
    unsigned value_count;
    char *note; /* why the first failed expectation failed, or NULL */
} SimSweepSeed;

typedef struct SimSweepPlan {
    const SimScenario *scenario;
    uint64_t first;
    uint64_t last;
    unsigned jobs;
    unsigned shard;  /* from 0 */
    unsigned shards; /* only every so many seeds */
    bool stop_at_failure;
    /* told of each seed, in order; both may be NULL */
    void (*done)(const SimSweepSeed *seed, void *context);
    void (*progress)(uint64_t finished, uint64_t total, uint64_t failed, void *context);
    void *context;
} SimSweepPlan;

/* Seeds in order, owned by the caller: free with g_ptr_array_unref. NULL: processes could not
 * be made, after a message. */
GPtrArray *sim_sweep(const SimSweepPlan *plan);

/* Fills in scenario, seeds, jobs and shard from the options --seeds, --jobs and --shard, which
 * the table of the command must have. False after a message. */
bool sim_sweep_plan(const char *command, const SimOptions *options, const SimScenario *scenario,
                    SimSweepPlan *plan);

#endif
