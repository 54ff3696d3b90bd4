/* context.h - what the machines of one node share.
 *
 * A node is a machine made of machines. Each of them owns its own state and reads that of the
 * others here, through const eyes wherever it can: there is no second copy of who is a member,
 * who owns a slot, what epoch it is. An embedder of one machine fills in the parts it reads.
 */
#ifndef ORRERY_CONTEXT_H
#define ORRERY_CONTEXT_H

#include <orrery/members.h>
#include <orrery/rng.h>
#include <orrery/slotmap.h>

ORR_BEGIN_DECLS

typedef struct OrrGossip OrrGossip;
typedef struct OrrGate OrrGate;
struct OrrSender;

typedef struct OrrContext {
    const OrrSettings *settings;
    OrrMembers *members;
    OrrSlotMap *slotmap;
    struct OrrSender *sender;
    OrrGossip *gossip;
    OrrGate *gate;
    OrrRng rng;

    OrrTime boot_ns;
    bool rebooted;          /* it has lived before: others may hold promises it forgot */
    uint64_t current_epoch; /* the greatest seen anywhere; kept on disk */
    int64_t cluster_ms;     /* the cluster's wall clock at this step */

    /* of this node's data, kept up by replication */
    uint64_t offset;
    uint64_t data_epoch; /* the shard epoch whose history the data belongs to */
    OrrTime in_sync_ns;  /* when it was last known to have all its primary had; -1: unknown */
    bool loading;        /* in the middle of a full copy */

    /* of this node's role */
    bool yielding; /* a primary that hands over: it asks for no lease */
    bool claiming; /* it has won, and its claim is not on disk yet */

    /* counters for the node's view */
    uint64_t elections;
    uint64_t expired_attempts;
} OrrContext;

/* settings.heartbeat_ns, or a fifth of the node timeout where that is 0. */
ORR_API OrrTime orr_heartbeat_ns(const OrrSettings *settings);
/* How old a replica's data may be: the setting, or its default of 10 node timeouts. */
ORR_API OrrTime orr_replica_validity_ns(const OrrSettings *settings);
/* Appends a trace in the name of this node. */
ORR_API void orr_context_trace(const OrrContext *context, OrrEffects *out, OrrTrace *trace);

ORR_END_DECLS

#endif
