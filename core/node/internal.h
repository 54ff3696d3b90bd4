/* internal.h - the inside of a node, for the files that make it up. Private.
 *
 *   node.c        life: new, boot, step, deadline, digest
 *   peer.c        frames from peers: who may speak, facts, dispatch to machines
 *   leave.c       a primary that leaves hands over first
 *   seal.c        whether a frame is by somebody who has the key, and new
 *   facts.c       what a fact of a peer changes here
 *   role.c        primary or replica, serving or fenced; promotion, demotion, hand-over
 *   slots.c       what becomes of slots: claims, losses, draining a slow owner
 *   client.c      connections and requests: where a command may run, and running it
 *   pipeline.c    the commands of one piece of a client's stream, understood together
 *   write.c       a write's way: version, keyspace, log, replicas; data files
 *   expiry.c      keys whose time has come
 *   evict.c       keys that are given up for room
 *   view.c        what checks and operators see
 *   move*.c       slots on the move between shards: see move.h
 *   command_*.c   commands
 */
#ifndef ORR_NODE_INTERNAL_H
#define ORR_NODE_INTERNAL_H

#include <orrery/election.h>
#include <orrery/log.h>
#include <orrery/node.h>
#include <orrery/replication.h>
#include <orrery/resp.h>
#include <orrery/statistics.h>

#include "membership/reports.h"
#include "node/clients/latency.h"
#include "node/clients/pipeline.h"
#include "node/clock.h"
#include "node/commands/command.h"
#include "node/gate.h"
#include "node/persist.h"
#include "wire/replay.h"
#include "wire/sender.h"

#include <glib.h>

typedef enum OrrLife {
    ORR_LIFE_NEW,
    ORR_LIFE_BOOTING, /* waits for its new incarnation to be on disk */
    ORR_LIFE_UP,
    ORR_LIFE_BROKEN, /* its files are damaged: it does nothing */
} OrrLife;

/* Why a primary does not serve. The trace prints the name. */
typedef enum OrrFence {
    ORR_FENCE_NONE,
    ORR_FENCE_NOT_PRIMARY,
    ORR_FENCE_BOOTING,   /* has not yet compared itself with the others */
    ORR_FENCE_NO_LEASE,  /* no majority of the voters answers */
    ORR_FENCE_BEHIND,    /* a replica has more of its history: its data was lost */
    ORR_FENCE_PAUSED,    /* hands over to a replica */
    ORR_FENCE_COLLISION, /* a twin claims the same epoch */
    ORR_FENCE_FORGOTTEN,
} OrrFence;

const char *orr_fence_name(OrrFence fence);

/* It ends by itself, within moments as a rule: commands wait for that, as for a key that is
 * under way, before they are refused. */
bool orr_fence_is_short(OrrFence fence);

#define ORR_DRAINED_RANGES_MAX 1024u
#define ORR_MEETS_MAX 64u
#define ORR_UNSEALED_MAX 64u /* peers without the key that are traced; more are counted */

typedef struct OrrMoves OrrMoves; /* move.h */

typedef struct OrrMeet {
    OrrAddress address;
    OrrTime again_at;
    OrrTime until;
    bool explicit_wish; /* an administrator's, not a seed's */
} OrrMeet;

/* Counters a second ago, and what came of them since. */
typedef struct OrrRates {
    OrrTime at;
    uint64_t commands;
    uint64_t input_bytes;
    uint64_t output_bytes;
    uint64_t commands_per_s;
    uint64_t input_bytes_per_s;
    uint64_t output_bytes_per_s;
} OrrRates;

struct OrrNode {
    OrrNodeConfig config;
    OrrAddress *seeds;
    OrrSlotRange *initial_slots;
    OrrLife life;

    OrrContext context;
    OrrSender sender;
    OrrGate *gate;
    OrrPersist *persist;
    OrrDetector *detector;
    OrrElection *election;
    OrrClusterClock clock;
    OrrTime wall_skew; /* for the planted bug WALL_CLOCK_TIMERS */

    /* life */
    uint64_t boots;
    bool still; /* the frame of this step concerns neither data, clients nor this shard */
    OrrTime rest_deadline; /* of data, clients and moves, as of the last step that was not */
    bool in_bulk; /* the facts under way are of an exchange: rumours of them are not needed */
    uint64_t epoch_saving;         /* the last that was given to the disk */
    uint64_t epoch_saved;          /* the last that is known to be on it */
    bool epoch_failed;             /* the disk would not take it */
    uint64_t incarnation_reserved; /* up to here it is on disk as used */
    size_t meet_count;
    OrrTime housekeeping_at;
    OrrTime config_at; /* when the others are written to CONFIG; ORR_NEVER: nothing new */
    uint64_t config_change;

    /* role */
    OrrFence fence;
    bool ready;  /* has compared itself with the others since boot */
    bool behind; /* its data was lost; behind_replica has more */
    bool forgotten;
    OrrId behind_replica;
    OrrTime paused_until;
    OrrTime leaving_until;  /* hands over, for that long at most; 0: it does not leave */
    OrrTime leave_again_at; /* the next look at the replicas */
    OrrTime leave_tell_at;  /* the next word to the one that is to take over */
    OrrTime collision_until;
    bool claim_pending;
    OrrTime claim_until;   /* a claim stored later is dropped */
    uint32_t voters_saved; /* how many voters the disk says there are; 0: nothing yet */
    size_t electors_saved; /* what the disk says of who elected it; election.h */
    bool handover_waiting; /* as replica: for the primary to pause */
    bool handover_ready;
    uint64_t handover_offset; /* where it paused */
    OrrTime handover_until;
    uint64_t role_epoch; /* of the shard record that the role follows */
    OrrId role_primary;
    OrrAddress role_address;
    bool role_was_primary;
    uint64_t change_seen;
    uint64_t change; /* for orr_node_change() */
    uint32_t slots_uncovered;
    bool cluster_ok;
    bool cluster_state_traced;

    /* slots */
    size_t drained_count;
    uint64_t drained_version;
    bool slots_changed;
    bool own_slots_changed; /* of this node's shard: they go to disk */
    OrrMoves *moves;

    /* data */
    OrrKeyspace *keyspace;
    OrrReplication *replication;
    OrrLog *log;
    OrrTime sync_at;
    OrrTime expiry_at;       /* when the next part of a sweep for expired keys is due */
    OrrTime expiry_began_at; /* of the sweep under way */
    OrrTime evict_at;        /* ORR_NEVER: there is room */
    uint64_t snapshot_op;
    uint64_t log_op;      /* the last write of the log that is under way and wants an answer */
    bool log_restart_due; /* the log's file cannot be written to any more */
    bool log_restarting;  /* the log counts only with the snapshot that is being written */
    bool disk_failed;
    GByteArray *record_buffer;
    OrrVersion version;   /* of the last write */
    unsigned group_depth; /* > 0: records gather in record_buffer, behind a group's head */
    size_t group_count;
    uint64_t changes_since_save;
    OrrTime save_began_at; /* of the snapshot under way, or the last */
    OrrTime save_took_ns;  /* -1: none yet */
    bool save_failed;      /* the last one */
    OrrEffects *out;       /* of the step under way: for callbacks */
    OrrNow now;            /* of the step under way */

    /* clients */
    GHashTable *clients;     /* id -> OrrClient; never iterated for effects */
    GPtrArray *waiting;      /* of OrrClient, in order of beginning to wait */
    GArray *answers;         /* for clients that wait, given at the end of the step; or NULL */
    GPtrArray *forwards;     /* of OrrForward: commands that other nodes run, forward.h */
    struct OrrClient *guest; /* in whose name those of other nodes are run here; or NULL */
    struct OrrPipeline *guest_pipeline;
    OrrRequestParser *guest_parser;
    uint32_t parked;   /* clients that may wait for a key, at least: client_later.c */
    bool clients_kept; /* what clients asked before this node was up is to be run */
    bool parked_may_go;
    OrrReply *reply;
    OrrTime idle_at;           /* the next look for clients that are silent */
    OrrPipeline *pipeline;     /* of the client whose commands are being run */
    struct OrrClient *running; /* whose commands run just now, or NULL */
    OrrTime clients_paused_until;
    bool pause_writes_only;
    struct OrrMeter *meter;
    struct OrrPubsub *pubsub;
    struct OrrSlowlog *slowlog;
    OrrLatency latency;
    OrrRates rates;
    GPtrArray *watchers;      /* of OrrClient that watch keys, in any order */
    GPtrArray *monitors;      /* of OrrClient, in order of saying MONITOR */
    OrrStatistics statistics; /* counters; gauges are made when asked for */

    /* counters */
    uint64_t frames_refused;
    uint64_t frames_malformed;
    uint64_t frames_unsealed;              /* by another key, or without one */
    uint64_t frames_replayed;              /* heard before */
    OrrReplay *replay;                     /* with a key only */
    OrrAddress unsealed[ORR_UNSEALED_MAX]; /* who was told of in the trace, once each */
    size_t unsealed_count;
    uint64_t writes_fenced;
    OrrTime refused_traced_at;

    /* large, and rarely read: behind all that every step reads */
    OrrMeet meets[ORR_MEETS_MAX];
    OrrSlotRange drained[ORR_DRAINED_RANGES_MAX];
};

static inline OrrMember *
orr_node_self(const OrrNode *node)
{
    return node->context.members->self;
}

static inline bool
orr_node_is_primary(const OrrNode *node)
{
    return orr_member_is_primary(orr_node_self(node));
}

void orr_node_trace(OrrNode *node, OrrTraceKind kind, const OrrId *other, const char *text,
                    OrrEffects *out);
/* A trace about this node's shard. */
OrrTrace orr_node_shard_trace(const OrrNode *node, OrrTraceKind kind);

/* node.c */
/* Looks at the clocks of the others, and agrees with them. */
void orr_node_set_clock(OrrNode *node, OrrEffects *out);
void orr_node_set_incarnation(OrrNode *node, uint64_t incarnation, OrrEffects *out);
void orr_node_save_identity(OrrNode *node, OrrEffects *out);
void orr_node_add_meet(OrrNode *node, const OrrAddress *address, bool explicit_wish);
/* The explicit wish to meet this address that is still open, or NULL. */
OrrMeet *orr_node_find_meet(OrrNode *node, const OrrAddress *address);
/* BOOT: takes back what the files hold, or refuses them. */
OrrStatus orr_node_on_boot(OrrNode *node, const OrrEvent *event, OrrEffects *out);
/* Writes the incarnation of this life; others may hear of it when that is on disk. */
void orr_node_begin_life(OrrNode *node, OrrEffects *out);
/* Leaves the cluster, as CLUSTER RESET does: alone, without slots or data. */
void orr_node_reset(OrrNode *node, bool hard, OrrEffects *out);

/* peer.c */
OrrStatus orr_node_on_received(OrrNode *node, const OrrEvent *event, OrrEffects *out);
void orr_node_on_link(OrrNode *node, const OrrEvent *event, OrrEffects *out);
bool orr_node_is_alone(const OrrNode *node);

/* seal.c */
/* Reads a frame, if it is whole, sealed as it must be, and new; counts it if not. */
bool orr_node_open_frame(OrrNode *node, const OrrEvent *event, OrrMessage *message,
                         OrrEffects *out);

/* facts.c */
void orr_node_take_facts(OrrNode *node, OrrBytes facts, OrrEffects *out);
/* News that a peer told: tells it on. */
void orr_node_retell(OrrNode *node, const OrrFact *fact);
void orr_node_forget(OrrNode *node, OrrMember *member, OrrEffects *out);

/* role.c */
void orr_node_update_role(OrrNode *node, OrrEffects *out);
void orr_node_update_fence(OrrNode *node, OrrEffects *out);
OrrFence orr_node_fence_at(OrrNode *node, OrrTime now_ns);
/* bonds.c: the promise of its vote goes to disk with the vote; electors go once they know of
 * the election; the number of voters goes as it changes, `in_time` with the housekeeping. */
void orr_node_save_promises(OrrNode *node, const OrrId *candidate);
void orr_node_restore_bonds(OrrNode *node, const OrrSavedState *saved);
void orr_node_forget_electors(OrrNode *node, OrrEffects *out);
void orr_node_save_voters(OrrNode *node, bool in_time, OrrEffects *out);

/* True while it knows only itself, but owns a part of the slots as one among others. */
bool orr_node_is_part_of_more(const OrrNode *node);
/* Of a claim that is known from a pulse only. */
#define ORR_START_UNKNOWN UINT64_MAX
void orr_node_on_won(void *owner, OrrNow now, uint64_t epoch, OrrTime until, OrrEffects *out);
void orr_node_on_collision(OrrNode *node, const OrrShardRecord *record, OrrEffects *out);
void orr_node_on_handover(OrrNode *node, OrrMember *peer, const OrrMessage *message,
                          OrrEffects *out);
/* A replica's administrator wants it to be primary. ORR_OK or ORR_REFUSED. */
typedef enum OrrFailoverWish {
    ORR_FAILOVER_NORMAL,
    ORR_FAILOVER_FORCE,
    ORR_FAILOVER_TAKEOVER,
} OrrFailoverWish;
OrrStatus orr_node_failover(OrrNode *node, OrrFailoverWish wish, OrrEffects *out);
/* Claims its shard in a new epoch without asking: BUMPEPOCH, and the winner among twins. */
void orr_node_bump_epoch(OrrNode *node, OrrEffects *out);
void orr_node_role_time(OrrNode *node, OrrEffects *out);
OrrTime orr_node_role_deadline(OrrNode *node);
/* This node becomes a replica of that member's shard. ORR_OK, ORR_REFUSED, ORR_NOT_FOUND. */
OrrStatus orr_node_replicate(OrrNode *node, const OrrId *primary, OrrEffects *out);

void orr_node_send_handover(OrrNode *node, OrrMessageType type, const OrrMember *to,
                            OrrEffects *out);

/* leave.c */
OrrStatus orr_node_on_leave(OrrNode *node, OrrEffects *out);
void orr_node_leave_time(OrrNode *node, OrrEffects *out);
OrrTime orr_node_leave_deadline(const OrrNode *node);

/* slots.c */
void orr_node_take_slots(OrrNode *node, const OrrSlotsRecord *record, bool own_wish,
                         OrrEffects *out);
void orr_node_recount_slots(OrrNode *node);
void orr_node_update_cluster_state(OrrNode *node, OrrEffects *out);
void orr_node_drain_time(OrrNode *node, OrrEffects *out);

/* Slots on the move: move.h. */
/* The table that this node kept on disk. */
void orr_node_restore_moves(OrrNode *node, OrrBytes table);
void orr_node_on_move(OrrNode *node, OrrMember *peer, const OrrMessage *message,
                      OrrEffects *out);
void orr_node_moves_link(OrrNode *node, const OrrAddress *peer, OrrLinkState state,
                         OrrEffects *out);
void orr_node_moves_settle(OrrNode *node, OrrEffects *out);
OrrTime orr_node_moves_deadline(const OrrNode *node);
/* Nothing is on the move any more: the node leaves its cluster. */
void orr_node_moves_reset(OrrNode *node, OrrEffects *out);
/* The slot has been given or taken: it is not on the move any more. */
void orr_node_slot_changed_hands(OrrNode *node, uint16_t slot, OrrEffects *out);
/* False: none of the three below can be true of anything. */
bool orr_node_moves_keys(const OrrNode *node);
/* True while the object is on its way to another node: it may be read, not written. */
bool orr_node_is_frozen(const OrrNode *node, uint16_t slot, OrrBytes key);
/* True while the object has come, but still is the source's to serve. */
bool orr_node_is_staged(const OrrNode *node, uint16_t slot, OrrBytes key);
/* True while an importing slot holds keys that the source may have, too. */
bool orr_node_is_unchecked(const OrrNode *node, uint16_t slot);
typedef enum OrrTakeStatus {
    ORR_TAKE_DONE,
    ORR_TAKE_BEGUN, /* replicas and the owner are being asked */
} OrrTakeStatus;
/* Nobody of it is left who could give a slot away. */
bool orr_node_shard_is_dead(const OrrNode *node, const OrrId *shard);
/* An operator wants this shard to own a slot that it does not. */
OrrTakeStatus orr_node_take_slot(OrrNode *node, uint16_t slot, OrrEffects *out);

void orr_forward_guest_free(OrrNode *node); /* forward_run.c */

/* client_later.c */
/* Answers a client that waits for a peer, at the end of the step; `error` NULL: OK. */
void orr_client_answer_later(OrrNode *node, uint64_t client, const char *error);
/* The same with bytes that are a reply already. */
void orr_client_reply_later(OrrNode *node, uint64_t client, OrrBytes reply);
/* Parked clients are tried again at the end of the step. */
void orr_node_unpark(OrrNode *node);
void orr_node_later_settle(OrrNode *node, OrrEffects *out);
OrrTime orr_node_later_deadline(const OrrNode *node);
void orr_node_later_free(OrrNode *node);

/* write.c */
/* The same for a record that has its version already: it comes from another shard. */
void orr_node_write_as(OrrNode *node, OrrRecord *record, OrrEffects *out);
OrrStatus orr_node_recover_data(OrrNode *node, const OrrEvent *event, OrrEffects *out);
void orr_node_write(OrrNode *node, OrrRecord *record, OrrEffects *out);
/* Between these, what is written becomes one record, so that neither a replica nor a recovery
 * ever shows half of it: ORR_RECORD_GROUP. They nest. What does not fit one group (room: bytes
 * of records that still do) begins another; whoever must not be split asks first. */
void orr_node_group_begin(OrrNode *node);
void orr_node_group_end(OrrNode *node, OrrEffects *out);
size_t orr_node_group_room(const OrrNode *node);
void orr_node_flush_data(OrrNode *node, OrrEffects *out);
void orr_node_data_time(OrrNode *node, OrrEffects *out);
OrrTime orr_node_data_deadline(const OrrNode *node);
void orr_node_new_replication(OrrNode *node);
void orr_node_sync_data_view(OrrNode *node);

/* expiry.c */
void orr_node_expiry_time(OrrNode *node);
OrrTime orr_node_expiry_deadline(const OrrNode *node);

/* evict.c */
/* Gives keys up by the policy until a command may have more memory. False: it may not. */
bool orr_node_make_room(OrrNode *node);
/* Marks of use from now on are of this time, and of the kind that the policy wants. */
void orr_node_mark_use(OrrNode *node);
void orr_node_evict_time(OrrNode *node);
OrrTime orr_node_evict_deadline(const OrrNode *node);

/* Begins a snapshot, and a new generation of the log. False: one is being written. */
bool orr_node_save(OrrNode *node, OrrEffects *out);

/* statistics.c: once a second */
void orr_node_measure_rates(OrrNode *node);

/* client.c */
OrrStatus orr_node_on_request(OrrNode *node, const OrrEvent *event, OrrEffects *out);
OrrStatus orr_node_on_client_link(OrrNode *node, const OrrEvent *event);
void orr_node_clients_time(OrrNode *node, OrrEffects *out);
void orr_node_idle_time(OrrNode *node, OrrEffects *out);
/* ORR_REFUSED: this client does not wait for a host. */
OrrStatus orr_node_on_answer(OrrNode *node, const OrrEvent *event, OrrEffects *out);
OrrStatus orr_node_on_settings(OrrNode *node, const OrrSettings *settings, OrrEffects *out);
void orr_node_clients_up(OrrNode *node, OrrEffects *out);
OrrTime orr_node_clients_deadline(const OrrNode *node);
void orr_node_clients_free(OrrNode *node);
/* What is not told yet may not be promised any more: this node no longer owns the slots. */
void orr_node_clients_fenced(OrrNode *node);
/* Sends what is in node->reply to a client, as soon as it may be told; or closes the
 * connection, when what it was to tell has not been stored, or may no longer be promised. */
void orr_node_answer(OrrNode *node, uint64_t client, bool close, OrrEffects *out);

#endif
