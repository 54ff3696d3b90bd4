/* invariant.h - what must hold after every event, whatever the scenario.
 *
 *     O1   per slot and version at most one node ever serves; at one instant at most one
 *     O2   at most one winner per cluster and epoch; one granted vote per voter and epoch
 *     O6   epochs, incarnations and vote epochs of a node never go down, restarts included
 *
 * Fed with facts, not with nodes: views of nodes whose `change` has moved, their decisions, and
 * the moments when processes die. So a test feeds facts that no healthy cluster makes, and sees
 * each check fail.
 *
 * A node that serves has an episode: from its first look as a serving primary, to the end of
 * its lease, its fencing, its death. Slots are examined when an episode begins or its slots
 * change: whoever served one of them before must not do so any more.
 *
 *     n1  |====== episode ======|lease over
 *     n4                            |====== the next: no overlap ...
 *
 * The list of episodes is also the record of who served which shard when.
 *
 * Cost: O(1) per look, O(ranges + slots owned) per beginning of an episode. Threads: one.
 */
#ifndef SIM_INVARIANT_H
#define SIM_INVARIANT_H

#include <orrery/node.h>
#include <orrery/trace.h>

#include "roster.h"
#include "sentence.h"

/* A node served a shard from one virtual time to another. */
typedef struct SimEpisode {
    uint32_t shard; /* numbers of `names` */
    uint32_t node;
    uint64_t epoch; /* of the shard */
    OrrTime from_ns;
    OrrTime to_ns;  /* ORR_NEVER while it lasts */
    uint32_t slots; /* owned when it began */
} SimEpisode;

typedef struct SimInvariants SimInvariants;

/* A check failed: which one, when, and in words. */
typedef void (*SimViolationFunc)(SimSentenceKind check, OrrTime at_ns, const char *text,
                                 void *context);

/* How to ask the cluster itself; `context` is that of new(). */
typedef struct SimInvariantSources {
    /* Does the node acknowledge writes to the slot at this instant? */
    bool (*serves)(void *context, uint32_t node, uint16_t slot, uint64_t *version);
    /* Ranges that the shard owns in the node's own map, from *cursor on: ORR_OK, or
     * ORR_NOT_FOUND at the end. */
    bool (*next_range)(void *context, uint32_t node, uint32_t *cursor, OrrSlotRange *range);
    SimViolationFunc violated;
    void *context;
} SimInvariantSources;

SimInvariants *sim_invariants_new(const SimRoster *names, const SimInvariantSources *sources);
void sim_invariants_free(SimInvariants *invariants);

/* The node's view, after a step that moved its `change`. `lease_end_ns` is the lease in virtual
 * time, ORR_NEVER for none. `slots_moved`: its own slots may be others than before. */
void sim_invariants_look(SimInvariants *invariants, OrrTime now, uint32_t node,
                         const OrrNodeView *view, OrrTime lease_end_ns, bool slots_moved);
/* After a step that moved nothing but the lease of a node that serves; cheap. */
void sim_invariants_renew(SimInvariants *invariants, uint32_t node, OrrTime lease_end_ns);
/* A decision of the node. */
void sim_invariants_trace(SimInvariants *invariants, OrrTime now, uint32_t node,
                          const OrrTrace *trace);
/* The process is gone or given no processor: it serves nothing. */
void sim_invariants_gone(SimInvariants *invariants, OrrTime now, uint32_t node);
/* Its disk was emptied: what it promised is unknown to it, so nothing is compared with before.
 */
void sim_invariants_wiped(SimInvariants *invariants, uint32_t node);
/* Closes what is still going on; for the end of a run. */
void sim_invariants_finish(SimInvariants *invariants, OrrTime now);

size_t sim_invariants_episode_count(const SimInvariants *invariants);
const SimEpisode *sim_invariants_episode(const SimInvariants *invariants, size_t index);
/* Who serves the shard now: the node, or SIM_ROSTER_NONE. */
uint32_t sim_invariants_server(const SimInvariants *invariants, OrrTime now, uint32_t shard);
/* How often a check failed. */
uint64_t sim_invariants_violations(const SimInvariants *invariants, SimSentenceKind check);

#endif
