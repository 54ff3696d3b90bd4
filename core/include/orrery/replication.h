/* replication.h - copies of a shard's data, asynchronous: a primary, its replicas, and what a
 * change of primary makes of the writes that had not arrived yet.
 *
 * The data of a shard is a line of records, and an offset counts its bytes since the shard
 * began. Whoever is made primary begins a new *history* where his own data ended:
 *
 *     epoch 1, n1   0 ============ 5200 ~~~~~ 5300     beyond 5200: acknowledged by n1 alone
 *     epoch 2, n2                  5200 ============== 9000
 *
 * (history, offset) names a state of the data, so a replica says what it has and gets the rest
 * from the primary's backlog (partial), or everything (full). A node that comes back with more
 * than its history was continued from lists every record beyond that point in its loss ledger
 * (ledger.h) before it replaces its data: a write is lost, or it is kept, but never silently.
 *
 * A full copy goes into a second keyspace that takes the place of the old one only when its
 * count and digest are right; a primary that has less than it once had is not copied. Chunks
 * and new writes share one ordered lane, and a chunk is read only when every earlier write has
 * been sent, so what a chunk says is never older than the stream before it.
 *
 * One machine serves both roles. The node tells it the role (lead, follow, rest), feeds it
 * messages, links and time, and learns by the functions of OrrReplicationSink what it must
 * keep on disk.
 *
 * Source: the rules of partial resynchronisation are those of Redis's PSYNC2, with a longer
 * memory of past histories and a check of generations. Memory: the backlog grows up to
 * settings.backlog_size; a step allocates nothing once buffers have grown, except for the
 * second keyspace of a full copy. Threads: one at a time.
 */
#ifndef ORRERY_REPLICATION_H
#define ORRERY_REPLICATION_H

#include <orrery/bus.h>
#include <orrery/keyspace.h>
#include <orrery/ledger.h>
#include <orrery/record.h>
#include <orrery/settings.h>

ORR_BEGIN_DECLS

typedef struct OrrReplication OrrReplication;
typedef struct OrrSender OrrSender; /* puts this node's name on frames */

#define ORR_REPLICAS_MAX 64u /* attached to one primary; more are refused as busy */
#define ORR_LINEAGE_MAX 16u  /* histories remembered; a partial copy needs a common one */
#define ORR_SYNC_CHUNK_SIZE (64u << 10) /* bytes of a chunk or stream frame, about */

/* One history: where it began. */
typedef struct OrrHistory {
    uint64_t id; /* orr_history_of() */
    uint64_t epoch;
    uint64_t start_offset;
    OrrVersion start_version; /* greatest version of the data then */
} OrrHistory;

/* What a node's data is: the histories it went through, oldest first, and how far it goes.
 * Without histories: no data at all. */
typedef struct OrrLineage {
    OrrHistory histories[ORR_LINEAGE_MAX];
    size_t count;
    uint64_t offset;
} OrrLineage;

#define ORR_LINEAGE_SIZE_MAX (20u + ORR_LINEAGE_MAX * 32u) /* bytes, encoded */

/* Writes a lineage into `buffer`, which has room for ORR_LINEAGE_SIZE_MAX; returns the size. */
ORR_API size_t orr_lineage_encode(const OrrLineage *lineage, uint8_t *buffer);
/* ORR_OK, or ORR_MALFORMED and `lineage` undefined. */
ORR_API ORR_MUST_USE OrrStatus orr_lineage_decode(OrrBytes bytes, OrrLineage *lineage);

/* What the machine tells its node, in the middle of a call; none may call the machine back. */
typedef struct OrrReplicationSink {
    void *context;
    /* A replica has applied these whole records to the keyspace: append them to the log. */
    void (*applied)(void *context, OrrBytes records);
    /* The histories changed (not merely the offset): keep `lineage` in the log, in order with
     * the records around it. Called by lead(), and when a replica goes over to a new one. */
    void (*lineage_changed)(void *context, const OrrLineage *lineage);
    /* A full copy is whole: `fresh` takes the place of the keyspace and belongs to the node,
     * which frees the old one and begins its log anew with a snapshot and this lineage. */
    void (*replaced)(void *context, OrrKeyspace *fresh, const OrrLineage *lineage);
    /* This primary has lost data: `replica` has `offset`, which is more of the same history.
     * The node stops serving and hands over to it. */
    void (*behind)(void *context, const OrrId *replica, uint64_t offset);
} OrrReplicationSink;

typedef struct OrrReplicationConfig {
    OrrId self;
    OrrId shard;
    OrrSettings settings;
    OrrKeyspace *keyspace;  /* lent; until sink.replaced() names another */
    uint64_t keyspace_seed; /* of the second keyspace of a full copy */
    OrrSender *sender;      /* lent */
    OrrReplicationSink sink;
    uint64_t seed; /* of its chance: jitter */
} OrrReplicationConfig;

/* A machine at rest, without data. The configuration is copied. */
ORR_API OrrReplication *orr_replication_new(const OrrReplicationConfig *config);
ORR_API void orr_replication_free(OrrReplication *self);

/* Recovery, before anything else. `restore` says where the first record of the log stands, and
 * then names each lineage found between the records; `replay` takes the records (which the node
 * applies to the keyspace itself), so that the backlog is full again after a restart and the
 * ledger can reach back before it.
 *
 * ORR_OK
 * ORR_REFUSED   restore: the offset does not go on where the records before it ended, because a
 *               full copy came in and its snapshot is not whole. From here on everything is
 *               refused: the data count as what they were before that copy, and are replaced
 *               or continued by the next. Otherwise nothing changed
 * ORR_INVALID   replay: not whole records; nothing changed */
ORR_API OrrStatus orr_replication_restore(OrrReplication *self, const OrrLineage *lineage);
ORR_API OrrStatus orr_replication_replay(OrrReplication *self, OrrBytes records);

/* This node is the primary of its shard in `epoch`, whose history begins at `start_offset` (the
 * OrrShardRecord's; pass the machine's own offset when the node was made primary just now). The
 * same epoch again changes nothing. Replicas that are attached go along.
 *
 * ORR_OK
 * ORR_STALE     the data has seen a later epoch
 * ORR_REFUSED   the data ends before `start_offset`: this node had more once, and lost it. It
 *               leads all the same, so that replicas can say what they have, but the node must
 *               not serve: it waits for sink.behind(), or for a person */
ORR_API OrrStatus orr_replication_lead(OrrReplication *self, OrrNow now, uint64_t epoch,
                                       uint64_t start_offset, OrrEffects *out);
/* The primary of this node's shard is `primary` at `address`, since `epoch`, from
 * `start_offset` on. Asks it for what is missing, again and again with back-off. Calling it
 * again with the same facts costs nothing; a new address or epoch is taken over. */
ORR_API void orr_replication_follow(OrrReplication *self, OrrNow now, const OrrId *primary,
                                    const OrrAddress *address, uint64_t epoch,
                                    uint64_t start_offset, OrrEffects *out);
/* No role: no primary is known, or it failed. Keeps data, stops asking and streaming. */
ORR_API void orr_replication_rest(OrrReplication *self);
/* Another shard: data and lineage are the node's to clear; the machine is at rest, empty. */
ORR_API void orr_replication_reset(OrrReplication *self, const OrrId *shard,
                                   OrrKeyspace *keyspace);

/* Primary: `records` (whole, encoded) were applied to the keyspace and are going to the log.
 * They are sent at the next flush; frames go out at once when much has gathered.
 *
 * ORR_OK
 * ORR_REFUSED   not the primary; nothing changed */
ORR_API OrrStatus orr_replication_append(OrrReplication *self, OrrNow now, OrrBytes records,
                                         OrrEffects *out);
/* Other settings from now on; `backlog_size` stays what it was. */
ORR_API void orr_replication_set(OrrReplication *self, const OrrSettings *settings);
/* At the end of every step of the node: streams what was appended, continues copies. Cheap when
 * there is nothing to do. */
ORR_API void orr_replication_flush(OrrReplication *self, OrrNow now, OrrEffects *out);

/* Takes one message of type SYNC_REQUEST to STREAM_ACK that came from `from`.
 *
 * ORR_OK         taken, or out of date and ignored
 * ORR_MALFORMED  records in it are damaged; ignored otherwise
 * ORR_INVALID    not a message of replication */
ORR_API OrrStatus orr_replication_received(OrrReplication *self, OrrNow now,
                                           const OrrAddress *from, const OrrMessage *message,
                                           OrrEffects *out);
/* A data link rose or fell (ORR_LINK_UP, DOWN, REFUSED); others are ignored. */
ORR_API void orr_replication_link(OrrReplication *self, OrrNow now, const OrrAddress *peer,
                                  OrrLinkState state, OrrEffects *out);
/* Replica: a PING or PONG of the primary said that its data goes to `offset`, in `epoch`. */
ORR_API void orr_replication_pulse(OrrReplication *self, OrrNow now, const OrrId *sender,
                                   uint64_t epoch, uint64_t offset);
/* Time has come. */
ORR_API void orr_replication_step(OrrReplication *self, OrrNow now, OrrEffects *out);
ORR_API OrrTime orr_replication_deadline(const OrrReplication *self);
ORR_API uint64_t orr_replication_digest(const OrrReplication *self);

/* WAIT, at the primary: how many attached replicas have acknowledged everything up to `offset`;
 * ask_acks makes them say so at once instead of at their next interval. */
ORR_API uint32_t orr_replication_acked(const OrrReplication *self, uint64_t offset);
ORR_API void orr_replication_ask_acks(OrrReplication *self, OrrNow now, OrrEffects *out);
/* min-replicas-to-write: attached replicas heard of since now - within_ns. */
ORR_API uint32_t orr_replication_good_replicas(const OrrReplication *self, OrrNow now,
                                               OrrTime within_ns);

typedef enum OrrReplicationRole {
    ORR_REPLICATION_RESTING,
    ORR_REPLICATION_LEADING,
    ORR_REPLICATION_FOLLOWING,
} OrrReplicationRole;

typedef struct OrrReplicationView {
    OrrReplicationRole role;
    uint64_t offset;        /* of this node's data */
    uint64_t history;       /* its newest, 0 for none */
    uint64_t data_epoch;    /* of that history */
    bool link_up;           /* replica: follows its primary's stream */
    bool loading;           /* replica: in the middle of a full copy */
    bool lost_data;         /* leads with less than it once had */
    OrrTime in_sync_ns;     /* replica: when it last had all that the primary had; -1: never */
    uint32_t replica_count; /* primary: attached */
    uint32_t full_syncs;    /* primary: going on now */
    /* counters */
    uint64_t full_syncs_out;
    uint64_t full_syncs_in; /* begun */
    uint64_t full_syncs_done;
    uint64_t partial_syncs_out;
    uint64_t partial_syncs_in;
    uint64_t streams_sent; /* frames */
    uint64_t acks_sent;
    uint64_t backlog_start; /* offsets that can be continued from: start to `offset` */
    size_t backlog_bytes;
} OrrReplicationView;

ORR_API void orr_replication_view(const OrrReplication *self, OrrReplicationView *view);
ORR_API uint64_t orr_replication_offset(const OrrReplication *self);
/* Lent. */
ORR_API const OrrLineage *orr_replication_lineage(const OrrReplication *self);

typedef struct OrrReplicaView {
    OrrId id;
    OrrAddress address;
    uint64_t acked_offset;
    OrrTime heard_ns;
    bool copying; /* a full copy is going on */
} OrrReplicaView;

/* Primary: attached replicas, in order of id. ORR_OK, or ORR_NOT_FOUND past the last. */
ORR_API OrrStatus orr_replication_replica(const OrrReplication *self, size_t index,
                                          OrrReplicaView *view);

/* Every acknowledged write that this node dropped since it booted. Lent. */
ORR_API const OrrLedger *orr_replication_ledger(const OrrReplication *self);

ORR_END_DECLS

#endif
