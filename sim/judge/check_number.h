/* check_number.h - numbers of a run, or of a part of it, measured from what was recorded. */
#ifndef SIM_CHECK_NUMBER_H
#define SIM_CHECK_NUMBER_H

#include "judge.h"
#include "resolve.h"

/* What was measured. Units are those of the sentence's bound. */
typedef struct SimNumber {
    bool known; /* false: nothing happened that could be measured */
    int64_t value;
    OrrTime at_ns; /* of the worst; -1: of the whole */
    char note[160];
} SimNumber;

/* A part of the run, virtual time: from <= t < to. */
typedef struct SimPeriod {
    OrrTime from_ns;
    OrrTime to_ns;
    bool outside; /* without the time of faults and what healing takes */
    bool decided; /* false: a moment that it counts from never came */
} SimPeriod;

/* Virtual time of a moment, -1 while it has not come. */
OrrTime sim_moment_ns(const SimWorld *world, const SimMoment *moment);
SimPeriod sim_check_period(const SimWorld *world, const SimSentence *check);
bool sim_period_has(const SimWorld *world, const SimPeriod *period, OrrTime at);

/* Measures; by module. check_number.c dispatches. */
SimNumber sim_check_measure(SimWorld *world, const SimSentence *check);
SimNumber sim_check_measure_service(SimWorld *world, const SimSentence *check,
                                    const SimPeriod *period);
SimNumber sim_check_measure_loss(SimWorld *world, const SimSentence *check,
                                 const SimPeriod *period);
/* True when every operation that began in [from, to) succeeded. */
bool sim_check_requests(SimWorld *world, const SimSentence *check, OrrTime from, OrrTime to,
                        char *why, size_t size);

/* Whom `of ...` restricts operations to. */
typedef struct SimFilter {
    SimSet *set;      /* endpoints, or NULL: all */
    bool by_client;   /* of who asked; otherwise of who answered */
    uint32_t shard;   /* of the key, or SIM_NONE */
    uint32_t cluster; /* of the key's fleet, or SIM_NONE */
} SimFilter;
SimFilter sim_filter_of(SimWorld *world, const SimSentence *check);
void sim_filter_clear(SimFilter *filter);
bool sim_filter_passes(const SimWorld *world, const SimFilter *filter, const SimCall *call);

#endif
