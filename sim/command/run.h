/* run.h - the seam between the command line and the world: one scenario, one seed, one verdict.
 *
 *     sim_scenario_load() --> sim_run() --> SimRunResult --> exit code, sweep statistics
 *
 * sim_run() prints the report (or JSON Lines) by itself as the options say. Nothing of it
 * depends on the host's clock, except the ratio to real time that it prints.
 */
#ifndef SIM_RUN_H
#define SIM_RUN_H

#include "scenario.h"

enum {
    SIM_EXIT_HELD = 0,
    SIM_EXIT_UNSAFE = 1,    /* a safety check failed */
    SIM_EXIT_UNDECIDED = 2, /* a check could not decide */
    SIM_EXIT_LATE = 3,      /* a liveness check failed */
    SIM_EXIT_USAGE = 64,
    SIM_EXIT_BAD_SCENARIO = 65,
    SIM_EXIT_NO_FILE = 66,
    SIM_EXIT_IO = 74,
    SIM_EXIT_INTERRUPTED = 130, /* by SIGINT or SIGTERM, live */
};

typedef enum SimOutput {
    SIM_OUTPUT_REPORT, /* for people */
    SIM_OUTPUT_JSON,   /* JSON Lines; the last is the verdict */
    SIM_OUTPUT_NONE,   /* only the result: sweeps */
} SimOutput;

struct SimLive;

typedef struct SimRunOptions {
    uint64_t seed;
    SimOutput output;
    int verbosity; /* -1: the verdict only (-q); 0; 1: every decision (-v) */
    bool color;
    bool progress; /* a line on stderr that keeps changing: virtual time, ratio to real time */
    FILE *out;     /* the report or JSON */
    const char *trace_path; /* --trace: every decision of every node, one line each; or NULL */
    const char *output_dir; /* -o: made if it is not there; report, trace, history; or NULL */
    struct SimLive *live;   /* processes for its nodes (live.h), ended and freed by sim_run();
                               NULL: simulated ones */
    const char *repeat;     /* the command that repeats this run, for the report */
} SimRunOptions;

typedef enum SimVerdict {
    SIM_VERDICT_HELD,
    SIM_VERDICT_FAILED,
    SIM_VERDICT_UNDECIDED,
    SIM_VERDICT_SKIPPED, /* its condition does not apply to this mode */
} SimVerdict;

/* What became of one expectation. */
typedef struct SimMeasured {
    const char *text; /* of the expectation; lent by the scenario */
    SimVerdict verdict;
    bool safety;
    bool has_value;
    SimUnit unit;
    int64_t value;    /* the worst of the run */
    OrrTime at_ns;    /* when it failed, or was measured; -1: at the end */
    const char *note; /* why it failed, in words; owned by the result; or NULL */
} SimMeasured;

typedef struct SimRunResult {
    int exit_code; /* 0, 1, 2, 3 or 74 */
    uint64_t seed;
    uint64_t digest; /* of the trace: equal for equal runs on any compiler */
    OrrTime virtual_ns;
    uint64_t events;
    double real_s;
    SimMeasured *measured; /* one per expectation, in the order of the scenario */
    unsigned measured_count;
} SimRunResult;

/* Runs one seed to its end. Always fills `result`; returns its exit code. */
int sim_run(const SimScenario *scenario, const SimRunOptions *options, SimRunResult *result);
/* Frees what a result owns, not the struct. */
void sim_run_result_clear(SimRunResult *result);

#endif
