/* replication_state.h - the insides of OrrReplication, shared by the files that implement it.
 *
 *     replication.c          life, roles, time, views
 *     replication_primary.c  requests, streaming, full copies out
 *     replication_replica.c  asking, applying, full copies in
 *     replication_losses.c   what a node had that its new primary has not
 */
#ifndef ORR_DATA_REPLICATION_STATE_H
#define ORR_DATA_REPLICATION_STATE_H

#include "data/backlog.h"
#include "data/lineage.h"
#include "wire/sender.h"

#include <orrery/replication.h>
#include <orrery/rng.h>

/* In SYNC_CHUNK and STREAM: `digest`. */
#define STREAM_ACK_AT_ONCE 1u

#define RETRY_MIN_NS (50 * ORR_NS_PER_MS) /* of a replica's question, doubled each time */
#define RETRY_MAX_NS (2 * ORR_NS_PER_S)
#define BUSY_RETRY_MIN_MS 200
#define BUSY_RETRY_MAX_MS 1000
#define COPIES_BEFORE_PAUSE 2u /* full copies in a row, before a replica waits for long */
#define PARTIAL_ONLY 1u        /* in SYNC_REQUEST: `count`, rather wait than copy all */

/* A replica, at the primary. */
typedef struct Replica {
    OrrId id;
    OrrAddress address;
    uint64_t sent;  /* offset */
    uint64_t acked; /* offset */
    OrrTime heard_ns;
    OrrTime sent_ns; /* the last STREAM */
    bool copying;    /* from SYNC_FULL to the first acknowledgement after SYNC_DONE */
    bool all_read;   /* SYNC_DONE was sent */
    OrrKeyspaceCursor cursor;
    uint64_t chunks_sent;
    uint64_t chunks_acked;
    uint64_t records_sent;
    uint64_t records_digest;
    uint64_t bytes_sent;
} Replica;

typedef enum Asking {
    ASKING_WAITS, /* for the time to ask (again) */
    ASKING_ASKED, /* a SYNC_REQUEST is under way */
    ASKING_LOADS, /* a full copy comes in */
    ASKING_FOLLOWS,
} Asking;

/* A full copy, at the replica. */
typedef struct Copy {
    OrrKeyspace *keyspace; /* NULL: none */
    OrrLineage lineage;
    uint64_t chunks;
    uint64_t records;
    uint64_t digest;
    OrrTime moved_ns; /* when the last part of it came */
} Copy;

struct OrrReplication {
    OrrReplicationConfig config;
    OrrReplicationRole role;
    OrrLineage lineage;
    OrrBacklog backlog;
    OrrLedger *ledger;
    OrrRng rng;
    OrrReplicationView counters;
    bool restored;   /* recovery has begun */
    bool broken_off; /* and ended early */

    /* leading */
    uint64_t epoch;
    uint64_t start_offset; /* also following: of the primary's epoch */
    Replica *replicas;     /* in order of id */
    size_t replica_count;
    bool dirty;      /* a flush has something to do */
    size_t gathered; /* bytes appended since the last flush */
    uint8_t *chunk;
    size_t chunk_used;
    size_t chunk_room;

    /* following */
    Asking asking;
    OrrId primary;
    OrrAddress address;
    OrrTime asked_ns;
    OrrTime retry_ns; /* WAITS, ASKED: when to ask */
    uint32_t attempts;
    bool told_to_wait;     /* by the primary: it is busy */
    uint32_t copies_begun; /* since it last followed for some time */
    OrrTime pause_ns;      /* asks for no full copy before */
    OrrTime followed_ns;   /* FOLLOWS: since */
    OrrTime heard_ns;      /* LOADS, FOLLOWS: of the primary */
    OrrTime ack_due_ns;
    OrrTime acked_ns;
    OrrTime in_sync_ns;
    Copy copy;
    uint64_t copies;          /* of this boot, for their seeds */
    uint64_t settled_history; /* losses of these data are listed from settled_branch on */
    uint64_t settled_offset;
    uint64_t settled_branch;
};

/* shared */
void orr_sync_send(OrrReplication *self, const OrrAddress *to, OrrMessageType type,
                   const OrrSync *sync, OrrEffects *out);
OrrSync orr_sync_blank(const OrrReplication *self);
/* Keeps whole records in the backlog and moves the offset. */
void orr_sync_advance(OrrReplication *self, OrrBytes records);
uint64_t orr_sync_digest_of(OrrBytes record);
void orr_sync_trace(const OrrReplication *self, OrrTraceKind kind, const OrrId *other,
                    uint64_t value, uint64_t count, const char *text, OrrEffects *out);
OrrTime orr_sync_heartbeat(const OrrReplication *self);

/* primary */
void orr_primary_on_request(OrrReplication *self, OrrNow now, const OrrAddress *from,
                            const OrrMessage *message, OrrEffects *out);
void orr_primary_on_ack(OrrReplication *self, OrrNow now, const OrrMessage *message,
                        OrrEffects *out);
void orr_primary_flush(OrrReplication *self, OrrNow now, bool ask_acks, OrrEffects *out);
void orr_primary_step(OrrReplication *self, OrrNow now, OrrEffects *out);
OrrTime orr_primary_deadline(const OrrReplication *self);
void orr_primary_link_down(OrrReplication *self, const OrrAddress *peer);
void orr_primary_announce(OrrReplication *self, OrrNow now, OrrEffects *out);
void orr_primary_detach_all(OrrReplication *self);

/* replica */
OrrStatus orr_replica_on_message(OrrReplication *self, OrrNow now, const OrrMessage *message,
                                 OrrEffects *out);
void orr_replica_step(OrrReplication *self, OrrNow now, OrrEffects *out);
OrrTime orr_replica_deadline(const OrrReplication *self);
/* Asks again after `delay_ns`, without what was loading. */
void orr_replica_wait(OrrReplication *self, OrrNow now, OrrTime delay_ns);
/* The link broke, or the primary is silent. */
void orr_replica_lost(OrrReplication *self, OrrNow now);
void orr_replica_drop_copy(OrrReplication *self);

/* Lists what this node has beyond the point where it parts from `theirs`, once. */
void orr_losses_settle(OrrReplication *self, const OrrLineage *theirs, OrrEffects *out);

#endif
