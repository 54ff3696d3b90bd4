/* bus.h - what nodes say to each other, and how it looks in bytes.
 *
 *     0      4   5    6      8         28        48            56         64      68       72
 *     +------+---+----+------+---------+---------+-------------+----------+-------+--------+------+-----
 *     | ORRB | v |type| flags| cluster | sender  | incarnation | sequence | size  |checksum|
 * body | tag
 *     +------+---+----+------+---------+---------+-------------+----------+-------+--------+------+-----
 *
 * All integers little endian. `size` is the body's; the checksum, the low half of XXH3-64,
 * covers header and body but itself. The tag, HMAC-SHA-256 of header and body, is there when
 * flag ORR_BUS_SEALED is: frames of nodes that have a key, `bus-key` of settings.h. It says
 * that somebody who has the key made this frame; wire/replay.h says that it is new.
 * A frame that is too short, too long, of another version, or damaged is ORR_MALFORMED; bytes
 * from outside never get further than orr_bus_decode().
 *
 * CONTROL frames (probes, gossip, reports, votes) fit a datagram, ORR_CONTROL_FRAME_MAX; those
 * of replication go by the DATA lane.
 */
#ifndef ORRERY_BUS_H
#define ORRERY_BUS_H

#include <orrery/effects.h>
#include <orrery/settings.h>

ORR_BEGIN_DECLS

#define ORR_BUS_VERSION 1u
#define ORR_BUS_HEADER_SIZE 72u /* bytes */
#define ORR_BUS_TAG_SIZE 32u    /* bytes */
#define ORR_BUS_SEALED 1u       /* flags: a tag follows the body; no other flag is known */

typedef enum OrrMessageType {
    ORR_MESSAGE_PING = 1, /* are you there? with gossip */
    ORR_MESSAGE_PONG,     /* yes; answers one PING or MEET */
    ORR_MESSAGE_MEET,     /* let me into your cluster, or come into mine */
    ORR_MESSAGE_REFUSAL,  /* I do not talk to you, and why */
    ORR_MESSAGE_DIGESTS,  /* what I know, in hashes: tell me what you know better */
    ORR_MESSAGE_RECORDS,  /* facts about members, shards, slots */
    ORR_MESSAGE_REPORT,   /* I suspect that node, or no longer do */
    ORR_MESSAGE_VOTE_REQUEST,
    ORR_MESSAGE_VOTE,
    ORR_MESSAGE_HANDOVER,       /* replica to primary: pause, I take over. Primary: take over */
    ORR_MESSAGE_HANDOVER_READY, /* primary to replica: paused at this offset */
    ORR_MESSAGE_SYNC_REQUEST,   /* replica: I have this much of that history */
    ORR_MESSAGE_SYNC_CONTINUE,  /* primary: the stream goes on from there */
    ORR_MESSAGE_SYNC_FULL,      /* primary: everything follows */
    ORR_MESSAGE_SYNC_CHUNK,
    ORR_MESSAGE_SYNC_ACK, /* replica: chunk received */
    ORR_MESSAGE_SYNC_DONE,
    ORR_MESSAGE_SYNC_REFUSED,
    ORR_MESSAGE_STREAM, /* primary: new records */
    ORR_MESSAGE_STREAM_ACK,
    ORR_MESSAGE_ECHO, /* how long does work wait at your place? by the DATA lane, behind it */
    ORR_MESSAGE_ECHO_BACK,
    ORR_MESSAGE_PUBLISH,       /* tell your clients who listen to this channel */
    ORR_MESSAGE_MOVE_OPEN,     /* primary to its replicas: the slots that are on the move */
    ORR_MESSAGE_MOVE_OPEN_ACK, /* replica: on disk */
    ORR_MESSAGE_MOVE_CHUNK,    /* source to target: a piece of keys */
    ORR_MESSAGE_MOVE_STORED,   /* target: taken, or (last piece) on disk and at its replicas */
    ORR_MESSAGE_MOVE_COMMIT,   /* source: my copies are gone, at my replicas too: serve yours */
    ORR_MESSAGE_MOVE_ABORT,    /* source: drop what this transfer brought */
    ORR_MESSAGE_MOVE_ABORTED,  /* target: dropped */
    ORR_MESSAGE_MOVE_CHECK,    /* target: which of these keys have you still? */
    ORR_MESSAGE_MOVE_CHECKED,  /* source: a verdict for each */
    ORR_MESSAGE_MOVE_TAKE,     /* target: my replicas know; give me the slot */
    ORR_MESSAGE_MOVE_GIVEN,    /* source: it is yours, at this version; or why not */
    ORR_MESSAGE_FORWARD,       /* run this command for a client of mine */
    ORR_MESSAGE_FORWARDED,     /* its answer, or a piece of it */
    ORR_MESSAGE_TYPES,
} OrrMessageType;

/* Gossip about one member. Newer: greater incarnation; within one, the worse state. */
typedef struct OrrMemberRecord {
    OrrId id;
    OrrId shard;
    OrrAddress address;
    uint64_t incarnation;
    uint8_t state;  /* OrrMemberState; never SUSPECTED */
    uint8_t role;   /* OrrRole as configured: WITNESS or not */
    uint32_t ban_s; /* FORGOTTEN: seconds left */
} OrrMemberRecord;

/* Who is primary of a shard. Newer: greater epoch. */
typedef struct OrrShardRecord {
    OrrId shard;
    OrrId primary;
    uint64_t epoch;
    uint64_t start_offset; /* of the shard's history, where this epoch began */
} OrrShardRecord;

/* Who owns slots. Newer: greater version. */
typedef struct OrrSlotsRecord {
    OrrId shard;
    uint64_t version;
    OrrSlotRange range;
} OrrSlotsRecord;

/* Somebody did not answer: whoever has a vote should look for himself. */
typedef struct OrrDoubtRecord {
    OrrId id;
    uint64_t incarnation;
} OrrDoubtRecord;

typedef enum OrrFactKind {
    ORR_FACT_MEMBER = 1,
    ORR_FACT_SHARD,
    ORR_FACT_SLOTS,
    ORR_FACT_DOUBT,
} OrrFactKind;

typedef struct OrrFact {
    OrrFactKind kind;
    union {
        OrrMemberRecord member;
        OrrShardRecord shard;
        OrrSlotsRecord slots;
        OrrDoubtRecord doubt;
    };
} OrrFact;

#define ORR_FACT_SIZE_MAX 76u /* bytes of the largest fact */

/* Encodes a fact at the end of `buffer` if it fits into `room`; the bytes written, or 0. */
ORR_API size_t orr_fact_encode(const OrrFact *fact, uint8_t *buffer, size_t room);
/* Takes the first fact off `rest`. ORR_OK, ORR_NOT_FOUND at the end, ORR_MALFORMED. */
ORR_API ORR_MUST_USE OrrStatus orr_fact_next(OrrBytes *rest, OrrFact *fact);

#define ORR_PULSE_LEASE                                                                        \
    1u /* PING: asks for, PONG: grants the right to serve until N from then */
#define ORR_PULSE_PRIMARY 2u /* the sender believes it is primary of its shard */
#define ORR_PULSE_HEARD 4u   /* the sender has had an answer of the receiver lately */

#define ORR_PULSE_ALONE 8u /* MEET: the sender knows no other node, and would come over */
#define ORR_PULSE_ELECTED                                                                      \
    16u /* with LEASE: those who elected the sender may be no voters any more: detector.h */

/* What every PING, PONG and MEET carries. */
typedef struct OrrPulse {
    uint64_t probe; /* PING: a token of the sender's; PONG: the same, back */
    uint8_t flags;
    uint64_t current_epoch;
    uint64_t shard_epoch; /* of the sender's shard, as it knows */
    uint64_t offset;      /* of the sender's data in its shard's history */
    uint64_t members_digest;
    uint64_t slots_digest;
    int64_t cluster_ms;
    OrrBytes facts;
} OrrPulse;

typedef enum OrrRefusal {
    ORR_REFUSAL_FOREIGN_CLUSTER = 1,
    ORR_REFUSAL_FORGOTTEN,
    ORR_REFUSAL_NOT_ME, /* the frame was meant for the node that had this address before */
} OrrRefusal;

#define ORR_MEMBER_BUCKETS 256u
#define ORR_SLOT_BUCKETS 64u

/* Of each bucket a short hash, salted: should two that differ look alike, then not again. */
typedef struct OrrDigests {
    bool reply_wanted; /* the receiver sends its own digests back, once */
    uint32_t salt;
    uint32_t members[ORR_MEMBER_BUCKETS]; /* by the last byte of the id; shards too */
    uint32_t slots[ORR_SLOT_BUCKETS];     /* 256 neighbouring slots each */
} OrrDigests;

typedef enum OrrSuspicion {
    ORR_SUSPICION_NONE = 0,   /* withdrawn */
    ORR_SUSPICION_SILENT = 1, /* no answer for a node timeout */
    ORR_SUSPICION_DEAD = 2,   /* its host refuses the connection */
    ORR_SUSPICION_SLOW = 3,   /* answers, but late */
} OrrSuspicion;

typedef struct OrrReport {
    OrrId accused;
    uint64_t incarnation;
    OrrSuspicion suspicion;
    uint64_t latency_ns; /* SLOW: its median */
} OrrReport;

#define ORR_VOTE_FORCE 1u /* an administrator asks: the primary need not be dead */
#define ORR_VOTE_UNSAFE                                                                        \
    4u                      /* older data than the shard's may win: settings.unsafe_promotion  \
                             */
#define ORR_VOTE_CONSENT 2u /* the primary agrees: its lease does not stand in the way */
#define ORR_VOTE_WITHDRAWN                                                                     \
    8u /* no request: the candidate has given this epoch up, and frees whom it bound */

typedef struct OrrVoteRequest {
    OrrId shard;
    uint64_t epoch;       /* asked for */
    uint64_t shard_epoch; /* that the candidate knows of */
    uint64_t offset;
    uint64_t data_epoch; /* of the history that its data belongs to */
    uint8_t flags;
} OrrVoteRequest;

typedef struct OrrVote {
    OrrId shard;
    uint64_t epoch;  /* of the request */
    uint8_t verdict; /* OrrVoteVerdict, election.h */
    uint64_t current_epoch;
    OrrBytes facts; /* what the candidate does not know yet */
} OrrVote;

typedef struct OrrHandover {
    OrrId shard;
    uint64_t shard_epoch;
    uint64_t offset;
} OrrHandover;

typedef enum OrrSyncRefusal {
    ORR_SYNC_NOT_PRIMARY = 1,
    ORR_SYNC_BUSY,        /* too many full copies at once; ask again after retry_ms */
    ORR_SYNC_I_AM_BEHIND, /* the asker has more of this history than the primary */
    ORR_SYNC_OTHER_SHARD,
} OrrSyncRefusal;

/* All messages of replication. `history` names a line of data: see orr_history_of(). */
typedef struct OrrSync {
    OrrId shard;
    uint64_t history;
    uint64_t offset;
    uint64_t epoch;   /* of the shard, as the sender knows */
    uint64_t count;   /* SYNC_REQUEST: 1 if a full copy is not wanted now; SYNC_FULL: keys;
                         SYNC_CHUNK: index; SYNC_ACK: chunks received; SYNC_DONE: records sent;
                         SYNC_REFUSED: milliseconds until one may ask again; SYNC_CONTINUE,
                         STREAM: the primary's offset when it was sent */
    uint64_t digest;  /* SYNC_DONE: sum over the records sent; STREAM: 1: acknowledge at once */
    uint8_t refusal;  /* OrrSyncRefusal */
    OrrBytes records; /* SYNC_CHUNK, STREAM; a lineage (replication.h) in SYNC_REQUEST,
                         SYNC_FULL, SYNC_CONTINUE, and SYNC_REFUSED as busy */
} OrrSync;

typedef struct OrrPublication {
    bool shard; /* SPUBLISH */
    OrrBytes channel;
    OrrBytes message;
} OrrPublication;
/* All messages of moving slots, and of commands that are forwarded. What `body` holds is the
 * business of the files that make it (core/node/move*.c, forward.c). */
typedef struct OrrMove {
    uint64_t number;  /* of the transfer, the request, or the table of open slots */
    uint64_t index;   /* of a piece */
    uint64_t version; /* MOVE_TAKE, MOVE_GIVEN: of the claim */
    uint64_t epoch;   /* of the sender's shard, as it knows */
    uint16_t slot;
    uint8_t flags;
    uint8_t verdict;
    OrrBytes body;
} OrrMove;

typedef struct OrrMessage {
    OrrMessageType type;
    /* from the header, filled in by decode */
    OrrId cluster;
    OrrId sender;
    uint64_t incarnation;
    uint64_t sequence;
    union {
        OrrPulse pulse;
        OrrRefusal refusal;
        OrrDigests digests;
        OrrBytes facts; /* RECORDS */
        OrrReport report;
        OrrVoteRequest vote_request;
        OrrVote vote;
        OrrHandover handover;
        OrrSync sync;
        OrrPublication publication;
        OrrMove move;
        uint64_t echo; /* ECHO: a token, or 0: no answer wanted; ECHO_BACK: the same */
    };
} OrrMessage;

/* The name of a line of a shard's data: that which `primary` wrote as its primary in `epoch`.
 */
ORR_API uint64_t orr_history_of(const OrrId *shard, uint64_t epoch, const OrrId *primary);

/* Which lane a message goes by. */
ORR_API OrrLane orr_message_lane(OrrMessageType type);
ORR_API const char *orr_message_name(OrrMessageType type);

/* A secret that all nodes of a cluster share, made ready for tags. */
typedef struct OrrBusKey OrrBusKey;

ORR_API OrrBusKey *orr_bus_key_new(OrrBytes secret);
ORR_API void orr_bus_key_free(OrrBusKey *key);

/* What a frame is, seen from a node that has `key`, or NULL: none. */
typedef enum OrrSeal {
    ORR_SEAL_RIGHT,    /* its tag is by this key; or neither key nor tag */
    ORR_SEAL_MISSING,  /* no tag, and there is a key */
    ORR_SEAL_WRONG,    /* another key's tag, or the frame was changed on the way */
    ORR_SEAL_UNWANTED, /* a tag, and no key to tell */
} OrrSeal;

/* "right", "no bus key", "another bus key", ...: what the other end has. */
ORR_API const char *orr_seal_name(OrrSeal seal);
/* Looks at the tag alone; the frame must have the size that its header says. */
ORR_API OrrSeal orr_bus_check_seal(OrrBytes frame, const OrrBusKey *key);

/* Bytes that orr_bus_encode() will write at most, the tag included. */
ORR_API size_t orr_bus_size_max(const OrrMessage *message);
/* Writes a whole frame, header from message->cluster, sender, ...; returns its size. */
ORR_API size_t orr_bus_encode(const OrrMessage *message, uint8_t *buffer);
/* The same with a tag by `key`; NULL: without. */
ORR_API size_t orr_bus_encode_sealed(const OrrMessage *message, const OrrBusKey *key,
                                     uint8_t *buffer);
/* How long the frame is that begins here, from its header alone, for hosts that read streams.
 *
 * ORR_OK         *size bytes, header included; at most ORR_DATA_FRAME_MAX and a little
 * ORR_AGAIN      fewer than ORR_BUS_HEADER_SIZE bytes
 * ORR_MALFORMED  no frame of ours begins so, or it is too long
 */
ORR_API ORR_MUST_USE OrrStatus orr_bus_frame_size(OrrBytes head, size_t *size);
/* Who says that he sent this frame, nothing else of which is looked at. ORR_OK, or
 * ORR_MALFORMED: it is too short. */
ORR_API ORR_MUST_USE OrrStatus orr_bus_sender(OrrBytes frame, OrrId *sender);
/* Reads a whole frame, whatever its tag; byte strings in the message point into it. ORR_OK or
 * ORR_MALFORMED. */
ORR_API ORR_MUST_USE OrrStatus orr_bus_decode(OrrBytes frame, OrrMessage *message);

ORR_END_DECLS

#endif
