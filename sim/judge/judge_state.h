/* judge_state.h - what judge*.c share and nobody else sees. */
#ifndef SIM_JUDGE_STATE_H
#define SIM_JUDGE_STATE_H

#include "judge.h"

#define SIM_NOTE_SIZE 200u

/* One expectation, and what is known of it so far. */
typedef struct SimItem {
    const SimSentence *check;
    SimSection section;
    bool expect; /* of the timeline */
    bool implied;
    SimMoment since;
    OrrTime within_ns;
    bool has_deadline;
    bool once;
    SimMeasured measured;
    bool decided;
    bool started;          /* the moment that it counts from has come */
    OrrTime moment_ns;     /* when */
    OrrTime true_since_ns; /* -1: it is false now */
    bool guarded;          /* the deadline has passed; it must stay true */
    bool polling;
    uint64_t failures;
} SimItem;

struct SimJudge {
    SimItem *items;
    uint32_t count;
    SimTally *tally;
    bool unsafe;
};

/* judge.c: verdicts; the first one stands. */
void sim_item_decide(SimItem *item, SimVerdict verdict, OrrTime at, const char *note);
void sim_item_fail(SimWorld *world, SimItem *item, const char *note);
void sim_item_set_value(SimItem *item, SimUnit unit, int64_t value);
OrrTime sim_item_deadline_ns(const SimItem *item);
/* True for what is looked at after every event. */
bool sim_check_is_rule(SimSentenceKind kind);

#endif
