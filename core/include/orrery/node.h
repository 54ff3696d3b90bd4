/* node.h - a whole cluster node behind one step and one deadline.
 *
 *     bytes from peers    ---+                            +--> frames to peers
 *     bytes from clients  ---+--> orr_node_step() --------+--> replies to clients
 *     results of writes   ---+        |                   +--> writes to files
 *     time                ---+   orr_node_deadline()      +--> traces of decisions
 *
 * Composed of machines that can be embedded alone: members.h, detector.h, election.h,
 * slotmap.h, replication.h, keyspace.h. A host makes a node from a configuration, steps it with
 * BOOT (what the disk holds) first, and then with whatever happens, in the order it happens. To
 * restart a node, free it and make a new one.
 *
 * Cost: a step allocates nothing once its buffers have grown. Threads: one at a time.
 */
#ifndef ORRERY_NODE_H
#define ORRERY_NODE_H

#include <orrery/effects.h>
#include <orrery/settings.h>

ORR_BEGIN_DECLS

typedef struct OrrNode OrrNode;
typedef struct OrrKeyspace OrrKeyspace;
typedef struct OrrSlotMap OrrSlotMap;

/* A node that has not booted. The configuration is copied. */
ORR_API OrrNode *orr_node_new(const OrrNodeConfig *config);
ORR_API void orr_node_free(OrrNode *node);

/* A hint that this frame of a peer is the node's next event, or nearly: fetches what its step
 * will read into the processor's cache and changes nothing. In stages, ORR_EXPECT_STAGES of
 * them from 0 on, each to be called some tenths of a microsecond after the one before. For
 * hosts of hundreds of nodes; to others it only costs time. */
#define ORR_EXPECT_STAGES 4u
ORR_API void orr_node_expect(const OrrNode *node, OrrBytes frame, unsigned stage);

/* ORR_OK
 * ORR_REFUSED    wrong use: BOOT twice or anything before it, a repeated STORED, a REQUEST of a
 *                client that is not connected, an ANSWER to one that did not ask, SETTINGS that
 *                a running node cannot take; nothing changed. LEAVE: there is nothing to hand
 *                over, or nobody to take it; the host may stop the node at once
 * ORR_MALFORMED  RECEIVED: not a frame of ours, or damaged; counted, otherwise nothing changed.
 *                BOOT: a file is damaged beyond a torn tail; the node will not start
 */
ORR_API OrrStatus orr_node_step(OrrNode *node, OrrNow now, const OrrEvent *event,
                                OrrEffects *out);
/* Monotonic time at which the node wants a TIME event; in the past: at once. */
ORR_API OrrTime orr_node_deadline(const OrrNode *node);
/* Of all state that matters: equal after equal histories. */
ORR_API uint64_t orr_node_digest(const OrrNode *node);

/* What a check or an operator's page wants to know of a node. */
typedef struct OrrNodeView {
    OrrId id;
    OrrId cluster;
    OrrId shard;
    OrrId primary; /* of its shard, as it believes; or none */
    OrrRole role;  /* now */
    uint64_t incarnation;
    uint64_t current_epoch; /* the greatest it has seen and kept on disk */
    uint64_t shard_epoch;
    uint64_t vote_epoch;    /* the last epoch it voted in */
    OrrTime lease_until_ns; /* a primary serves writes before this; ORR_NEVER: no fencing */
    bool serving;           /* a primary that would acknowledge a write now */
    bool loading;           /* a replica in the middle of a full copy */
    bool link_up;           /* a replica that follows its primary */
    bool handing_over;      /* asked to LEAVE, and not yet ready for it; at most 5 s */
    bool cluster_ok;
    uint32_t slots_uncovered;
    uint32_t member_count; /* without forgotten ones */
    uint32_t failed_count;
    uint32_t voter_count;
    uint64_t members_digest; /* equal digests: equal views of the members and their states */
    uint64_t slots_digest;   /* equal digests: equal views of shards and slots */
    uint64_t offset;         /* of its shard's history */
    uint64_t key_count;
    /* counters since boot */
    uint64_t elections;        /* attempts begun */
    uint64_t expired_attempts; /* of them, those that ran out of time */
    uint64_t full_syncs_out;
    uint64_t full_syncs_in;
    uint64_t partial_syncs_in;
    uint64_t frames_refused; /* of other clusters, of forgotten nodes */
    uint64_t frames_malformed;
    uint64_t frames_unsealed; /* by another bus key, or without one where there must be one */
    uint64_t frames_replayed; /* sealed, and heard before */
    uint64_t writes_dropped;  /* entries of the loss ledger */
    uint64_t writes_fenced;   /* writes refused for want of a majority */
    /* changes with every change of role, lease, epoch, slot map or members: whoever checks
     * after each event need only look at nodes whose number has changed */
    uint64_t change;
} OrrNodeView;

ORR_API void orr_node_view(const OrrNode *node, OrrTime now_ns, OrrNodeView *view);
/* The `change` of the view, alone and cheap. */
ORR_API uint64_t orr_node_change(const OrrNode *node);

/* What lease_until_ns of the view is, alone and cheap: a renewal moves no `change`. */
ORR_API OrrTime orr_node_lease_until(const OrrNode *node, OrrTime now_ns);

/* True if the node would acknowledge a write to `slot` now. *version orders such claims: the
 * epoch of the owner's shard in the upper half, the slot's version in the lower. */
ORR_API bool orr_node_serves_slot(const OrrNode *node, OrrTime now_ns, uint16_t slot,
                                  uint64_t *version);

typedef enum OrrMemberState {
    ORR_MEMBER_ALIVE,
    ORR_MEMBER_SUSPECTED, /* by this node alone */
    ORR_MEMBER_FAILED,    /* by a majority of the voters */
    ORR_MEMBER_FORGOTTEN, /* banned until its tombstone expires */
} OrrMemberState;

typedef struct OrrMemberView {
    OrrId id;
    OrrId shard;
    OrrMemberState state;
    OrrRole role;
    uint64_t incarnation;
    OrrAddress address;
} OrrMemberView;

/* Members in order of id, self included; forgotten ones too..
 * ORR_OK, or ORR_NOT_FOUND when `index` is past the last. O(1). */
ORR_API OrrStatus orr_node_member(const OrrNode *node, size_t index, OrrMemberView *view);

/* The text of INFO, all sections, for a host's page of figures: at most `size` - 1 bytes and a
 * NUL. Returns its length, which may be more than found room. Empty before the node has booted.
 */
ORR_API size_t orr_node_info(OrrNode *node, char *text, size_t size);

/* Lent; for reading. */
ORR_API const OrrKeyspace *orr_node_keyspace(const OrrNode *node);
ORR_API const OrrSlotMap *orr_node_slotmap(const OrrNode *node);
/* The wall clock that the cluster agrees on, as this node computes it at `now`. */
ORR_API int64_t orr_node_cluster_ms(const OrrNode *node, OrrNow now);

ORR_END_DECLS

#endif
