/* judge.h - the expectations of a scenario, held against what happens.
 *
 *     always:      invariants, told by invariant.h, and bounds looked at after every event
 *     timeline:    `expect ...` at its time
 *     eventually:  a state that must hold `within` so long `since` a moment, and stay
 *     finally:     numbers of the whole run, and states at its end
 *
 * Each expectation ends as one SimMeasured: held, failed or undecided, with the worst value.
 *
 * States (check_state.c) are functions of the world at an instant, numbers (check_number.c) of
 * the records that history, invariants, faults and the judge itself have kept.
 */
#ifndef SIM_JUDGE_H
#define SIM_JUDGE_H

#include "run.h"
#include "world.h"

SimJudge *sim_judge_new(SimWorld *world);
void sim_judge_free(SimJudge *judge);

/* ------- told by the world */
void sim_judge_begin(SimWorld *world);                    /* the scenario's clock starts */
void sim_judge_on_change(SimWorld *world, SimHost *host); /* its view moved */
void sim_judge_on_gone(SimWorld *world, SimHost *host);   /* it stopped, or pauses */
void sim_judge_on_trace(SimWorld *world, SimHost *host, const OrrTrace *trace);
void sim_judge_on_event(SimWorld *world, const SimEvent *event); /* SIM_EVENT_CHECK */
/* An invariant does not hold: a SimViolationFunc, `context` is the world. */
void sim_judge_on_violation(SimSentenceKind check, OrrTime at_ns, const char *text,
                            void *context);
/* How many keys it holds has been looked at. */
void sim_judge_on_keys(SimWorld *world, SimHost *host);
/* A client's operation has ended: its place in the history. */
void sim_judge_on_call(SimWorld *world, size_t op);
/* A node's deadline has come, and comes again however often it is stepped. */
void sim_judge_on_spin(SimWorld *world, SimHost *host);
/* timeline[action], an `expect`, is due. */
void sim_judge_expect(SimWorld *world, uint32_t action);
/* A fault or a command was carried out, or undone: deadlines that count from it begin. */
void sim_judge_on_moment(SimWorld *world, SimMomentKind kind, uint32_t action);
/* The run is over: what is left is decided. */
void sim_judge_finish(SimWorld *world);

/* ------- the verdicts, one for each expectation, then one for each `expect` of the timeline */
size_t sim_judge_count(const SimWorld *world);
SimMeasured *sim_judge_measured(const SimWorld *world, size_t index);
int sim_judge_exit_code(const SimWorld *world);
/* A safety check failed already. */
bool sim_judge_unsafe(const SimWorld *world);

/* ------- records kept for numbers and for the report */
static inline bool
sim_bound_holds(const SimBound *bound, int64_t value)
{
    switch (bound->op) {
    case SIM_OP_EQ:
        return value == bound->value;
    case SIM_OP_LE:
        return value <= bound->value;
    case SIM_OP_GE:
        return value >= bound->value;
    case SIM_OP_LT:
        return value < bound->value;
    case SIM_OP_GT:
        return value > bound->value;
    }
    return false;
}

/* A shard lost the node that served it, and was (or was not) served again. */
typedef struct SimOutage {
    uint32_t shard;
    uint32_t from;      /* node that served before */
    uint32_t to;        /* node that served next, or SIM_NONE */
    OrrTime lost_ns;    /* the fault that hit it, or the end of its service */
    OrrTime stopped_ns; /* the end of its service */
    OrrTime served_ns;  /* ORR_NEVER: not again */
} SimOutage;

/* One decision that numbers are made of. */
typedef struct SimMark {
    OrrTraceKind kind;
    uint32_t node;
    uint32_t other; /* node, or SIM_ROSTER_NONE */
    uint32_t shard; /* or SIM_ROSTER_NONE */
    OrrTime at_ns;
    bool genuine; /* FAILED: the accused was really out of reach of a majority */
} SimMark;

/* One second of the run. */
typedef struct SimSecond {
    uint32_t messages;
    uint64_t bytes;
    uint32_t nodes; /* that ran */
} SimSecond;

typedef struct SimTally {
    GArray *marks;       /* of SimMark, in order of time: not of WRITE_DROPPED */
    GArray *seconds;     /* of SimSecond, from the scenario's 0 on */
    GArray *outages;     /* of SimOutage; after the end */
    uint32_t *sync_from; /* by node: whose full copy it is taking, or SIM_NONE */
    uint32_t *syncs_out; /* by node: full copies under way out of it */
    uint32_t syncs_peak;
    uint64_t reached;       /* bit per SimReached */
    uint64_t memory_peak;   /* bytes of keys and values of any node */
    SimLosses losses;       /* after the end */
    GArray *lost;           /* of SimLoss; after the end */
    uint64_t lost_silently; /* not in the ledger, although whoever took them lives */
    uint64_t nil_reads;     /* acknowledged, not removed, and read as nil */
    uint64_t stale_reads;   /* an older value than was acknowledged before */
    GArray *returned;       /* of size_t: reads that found a deleted key */
    OrrTime ttl_error_ns;   /* the worst */
    GArray *keys_gone;      /* of uint32_t: acknowledged, never removed, and nobody has them */
} SimTally;

/* The tally is told: judge_tally.c. */
SimTally *sim_tally_new(const SimWorld *world);
void sim_tally_free(SimTally *tally);
void sim_tally_on_trace(SimWorld *world, SimHost *host, const OrrTrace *trace);
void sim_tally_on_gone(SimWorld *world, const SimHost *host);
void sim_tally_on_call(SimWorld *world, size_t op);
void sim_tally_on_second(SimWorld *world);
void sim_tally_finish(SimWorld *world);

SimTally *sim_judge_tally(const SimWorld *world);

#endif
