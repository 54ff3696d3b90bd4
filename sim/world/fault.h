/* fault.h - the timeline at work: commands given at their time or trigger, and undone again.
 *
 *     action --when--> strike: targets resolved, rules laid, processes killed --`for`--> undo
 *        `-- trigger holds ----^
 *
 * A strike is one execution of one line; its number is the network's name for the rules it
 * laid, so undoing takes away exactly those. What a line struck last is remembered for
 * `restart it`, `heal NAME` and deadlines that count from it.
 *
 * Chance of a line comes from a stream named by its text, so deleting one line shifts no draw
 * of another.
 */
#ifndef SIM_FAULT_H
#define SIM_FAULT_H

#include "resolve.h"

SimFaults *sim_faults_new(SimWorld *world);
void sim_faults_free(SimFaults *faults);
/* The scenario's clock starts: plans all timed lines. */
void sim_faults_begin(SimWorld *world);
/* A SIM_EVENT_TIMELINE event has come due. */
void sim_faults_on_event(SimWorld *world, const SimEvent *event);
/* A node decided something: triggers may hold. */
void sim_faults_on_trace(SimWorld *world, uint32_t node, const OrrTrace *trace);
/* A check may have become true: triggers that wait for states; called after each event in which
 * a node's view changed. */
void sim_faults_on_change(SimWorld *world);
/* A step has decided what it does: true when the node dies before any of it. */
bool sim_faults_on_effects(SimWorld *world, SimHost *host, const OrrEffects *effects);
/* A STORE effect is about to be performed: true when the node dies at this very write. */
bool sim_faults_on_store(SimWorld *world, SimHost *host, const SimDiskOp *op);

/* Adds the nodes that timeline[action] hit last. */
void sim_faults_add_struck(SimWorld *world, uint32_t action, SimSet *set);
/* Virtual time at which timeline[action] happened last, or was undone last; -1: not yet. */
OrrTime sim_faults_begin_ns(const SimWorld *world, uint32_t action);
OrrTime sim_faults_end_ns(const SimWorld *world, uint32_t action);
OrrTime sim_faults_settled_ns(const SimWorld *world);
/* Every fault that was ever injected: from, to (ORR_NEVER: still there), and whether it is one
 * (an operator's command is none). */
typedef struct SimFaultSpan {
    OrrTime from_ns;
    OrrTime to_ns;
    uint32_t action; /* of the timeline, or SIM_NONE: chaos */
    SimSentenceKind kind;
    bool fault;
    SimSet *nodes; /* that it hit */
} SimFaultSpan;
size_t sim_faults_span_count(const SimWorld *world);
const SimFaultSpan *sim_faults_span(const SimWorld *world, size_t index);
/* True when some fault was on at `at`, or ended less than `margin` before. */
bool sim_faults_any_at(const SimWorld *world, OrrTime at, OrrTime margin);

#endif
