/* persist.h - what a node must remember over a restart, besides its data.
 *
 * STATE: identity, epochs, votes, its own part of the slot map. Synced before anything that
 * depends on it is told. CONFIG: what it knows of the others, written now and then: a help to
 * find the cluster again, never a promise.
 */
#ifndef ORR_NODE_PERSIST_H
#define ORR_NODE_PERSIST_H

#include <orrery/context.h>

#include "node/gate.h"

typedef struct OrrPersist OrrPersist;

typedef struct OrrSavedVote {
    uint64_t epoch;
    OrrId candidate;
} OrrSavedVote;

/* What STATE held. `found` is false at the first boot of all. */
typedef struct OrrSavedState {
    bool found;
    OrrId id;
    OrrId cluster;
    OrrId shard;
    uint64_t incarnation; /* the greatest that may have been used */
    uint64_t boots;
    uint64_t current_epoch;
    OrrSavedVote vote;
    bool shard_found;
    OrrShardRecord shard_record; /* of its own shard, as it last knew */
    OrrBytes slots;              /* facts: the slots of its own shard; lent */
    bool moves_found;
    OrrBytes moves;    /* its slots that are on the move: move.h; lent */
    OrrBytes others;   /* facts out of CONFIG; lent */
    OrrBytes promises; /* ids of candidates that have its promise; lent */
    OrrBytes electors; /* ids of those who elected it, and may not know; lent */
    uint32_t voters;   /* the most voters it knew at once; 0: not said */
} OrrSavedState;

OrrPersist *orr_persist_new(OrrGate *gate, const OrrSettings *settings);
void orr_persist_free(OrrPersist *persist);

/* ORR_OK, or ORR_MALFORMED: damage, and `where` (160 bytes) says in which file. */
OrrStatus orr_persist_recover(OrrPersist *persist, const OrrFile *files, size_t count,
                              OrrSavedState *saved, char *where);

/* Each remembers a value; commit makes them durable. */
void orr_persist_identity(OrrPersist *persist, const OrrId *id, const OrrId *cluster,
                          const OrrId *shard);
void orr_persist_life(OrrPersist *persist, uint64_t incarnation, uint64_t boots);
void orr_persist_epoch(OrrPersist *persist, uint64_t current_epoch);
void orr_persist_vote(OrrPersist *persist, const OrrSavedVote *vote);
void orr_persist_shard(OrrPersist *persist, const OrrShard *shard);
/* The candidates that it has promised their shards (detector.h): a restart undoes no promise.
 */
void orr_persist_promises(OrrPersist *persist, const OrrId *candidates, size_t count);
/* By whom it was elected, until enough of them know it (detector.h); none: settled. */
void orr_persist_electors(OrrPersist *persist, const OrrId *voters, size_t count);
/* How many voters there are: fewer that it knows after a restart are no majority. */
void orr_persist_voters(OrrPersist *persist, uint32_t count);
void orr_persist_slots(OrrPersist *persist, const OrrSlotMap *map, const OrrId *shard);
void orr_persist_moves(OrrPersist *persist, OrrBytes table);

/* Writes what was set since the last commit. The list that comes back is for what depends on
 * it: `out` itself when all of it is on disk already. `done` is called when it is (at once
 * then). */
OrrEffects *orr_persist_commit(OrrPersist *persist, OrrNow now, OrrGateFunc done, void *owner,
                               uint64_t argument, OrrEffects *out);
/* Writes what is known of the others, without waiting for it. False: the last time is not over
 * yet; try again later. */
bool orr_persist_config(OrrPersist *persist, const OrrContext *context, OrrTime now_ns,
                        OrrEffects *out);

#endif
