/* move.h - slots on the move from one shard to another. Private to a node.
 *
 *     source (owns the slot)                      target (gets it)
 *     SETSLOT n MIGRATING target                  SETSLOT n IMPORTING source
 *     MIGRATE key --- MOVE_CHUNK ... ------------> staged: stored, replicated, not yet served
 *       writes to the key wait      <- MOVE_STORED
 *     deletes it, its replicas too
 *       whoever asks is sent on ---- MOVE_COMMIT -> served, to whom comes with ASKING
 *                                                 SETSLOT n NODE target: replicas are told,
 *     gives the empty slot away <---- MOVE_TAKE -- then the source is asked
 *                               MOVE_GIVEN -----> owner
 *
 * At every moment one end has the say over a key: the source as long as it has the key, the
 * target from the moment on at which the source's replicas, too, know that it is gone. Whatever
 * an interrupted transfer left at the target is thrown away when the source still has the key
 * (MOVE_ABORT), and a target that cannot know, because it or the source has a new primary, asks
 * before it serves (MOVE_CHECK). Which slots are open is kept on disk and by the replicas of
 * both ends (MOVE_OPEN) before it takes effect, so a failover forgets nothing.
 *
 *   move.c       the table of open slots, and what replicas know of it
 *   move_out.c   transfers of a source
 *   move_in.c    arrivals at a target
 *   move_check.c what a new primary asks before it serves what it found
 *   move_take.c  the last step: the slot changes hands
 *
 * Source of the steps: Redis Cluster specification, "Live resharding"; departures: everything
 * that is said here about replicas, waiting, and pieces. Source of the safety rules: two-phase
 * commit with the source as coordinator.
 */
#ifndef ORR_NODE_MOVE_H
#define ORR_NODE_MOVE_H

#include "node/internal.h"

#define ORR_MOVE_CHUNK_SIZE (64u << 10) /* bytes of records read for one piece, about */
#define ORR_MOVE_FRAME_MAX (1u << 20)   /* bytes of a frame; one larger record goes alone */
#define ORR_MOVE_WINDOW 8u              /* pieces under way */
#define ORR_MOVE_KEYS_MAX 4096u         /* of one transfer */
#define ORR_TRANSFERS_MAX 256u          /* at once, out of one node and into one */
#define ORR_MOVE_AGAIN (100 * ORR_NS_PER_MS)   /* between repetitions of a question */
#define ORR_MOVE_SILENCE (500 * ORR_NS_PER_MS) /* of a source, before a target asks */
#define ORR_MOVE_CHECK_KEYS 256u               /* of one question */

typedef enum OrrOpenState {
    ORR_OPEN_MIGRATING = 1,
    ORR_OPEN_IMPORTING,
    ORR_OPEN_TAKING, /* importing, and the claim is being agreed upon */
} OrrOpenState;

typedef struct OrrOpenSlot {
    uint16_t slot;
    OrrOpenState state;
    OrrId peer;       /* the other shard */
    uint64_t version; /* TAKING: of the claim */
    uint64_t number;  /* of the table in which it first stood so */
    bool effective;   /* replicas know it: the slot map says so */
    /* importing */
    bool checked;        /* what is here was compared with what the source has ... */
    uint64_t peer_epoch; /* ... in this epoch of its shard */
    uint64_t cursor;     /* of the comparison */
    uint64_t asked;      /* number of the question that is open, or 0 */
    OrrTime again_at;
} OrrOpenSlot;

/* What a replica of this shard has acknowledged, in one life of it. */
typedef struct OrrMate {
    OrrId id;
    uint64_t incarnation;
    uint64_t known;
} OrrMate;

/* A client that waits for an open slot to take effect, or for the slot itself. */
typedef struct OrrOpenWait {
    uint64_t client;
    uint16_t slot;
    uint64_t
        number; /* SETSLOT IMPORTING and MIGRATING: of the table; 0: it waits for the slot */
    OrrTime until;
} OrrOpenWait;

typedef enum OrrTransferPhase {
    ORR_TRANSFER_WAITING, /* to begin anew */
    ORR_TRANSFER_SENDING,
    ORR_TRANSFER_SENT,     /* the target is to say that it is stored */
    ORR_TRANSFER_STORED,   /* it has said so */
    ORR_TRANSFER_DELETED,  /* this shard's replicas are to know that the keys are gone */
    ORR_TRANSFER_ABORTING, /* the target is to throw away what it has */
} OrrTransferPhase;

/* An object of the keyspace: with `hash-slot-by: field` one key has objects in several slots.
 */
typedef struct OrrCellName {
    uint16_t slot;
    OrrBytes key;
} OrrCellName;

typedef struct OrrTransfer {
    uint64_t number;
    uint64_t client; /* 0: nobody waits any more */
    OrrId shard;
    OrrAddress to;
    OrrTransferPhase phase;
    bool copy;
    bool replace;
    GPtrArray *cells; /* of GBytes, see orr_cell_bytes() */
    guint cell;       /* the next to be read */
    uint64_t cursor;  /* in a hash */
    GByteArray *buffer;
    size_t taken; /* of the buffer */
    bool read;    /* all that there is was put into the buffer */
    uint64_t sent;
    uint64_t acked; /* pieces */
    uint64_t offset;
    OrrTime patience_ns;
    OrrTime until;
    OrrTime again_at;
} OrrTransfer;

typedef struct OrrArrival {
    OrrId sender;
    uint64_t number;
    OrrId shard; /* the sender's */
    uint16_t slot;
    uint64_t next; /* piece */
    bool whole;
    bool on_disk;
    bool told;        /* that it is stored */
    uint64_t ticket;  /* of the write that is to be on disk */
    uint64_t asked;   /* number of the question that is open, or 0 */
    GPtrArray *cells; /* of GBytes: staged */
    GHashTable *kept; /* of GBytes: those that this node has, and served, already */
    uint64_t offset;
    OrrTime again_at;
} OrrArrival;

/* What a target says of a piece (MOVE_STORED). */
typedef enum OrrMoveVerdict {
    ORR_MOVE_TAKEN, /* this piece */
    ORR_MOVE_KEPT,  /* everything: it is stored and replicated */
    ORR_MOVE_LOST,  /* it does not know the pieces before this one */
    ORR_MOVE_BUSY, /* a key is there already; as below, nothing of the transfer is left there */
    ORR_MOVE_NOT_HERE, /* it neither owns nor imports the slot */
    ORR_MOVE_LATER,    /* it does not serve now, or has first to ask what it has already */
    ORR_MOVE_NO_ROOM,  /* maxmemory */
} OrrMoveVerdict;

enum {
    ORR_CHUNK_LAST = 1u << 0,
    ORR_CHUNK_REPLACE = 1u << 1,
    ORR_CHUNK_COPY = 1u << 2,
};

struct OrrMoves {
    GArray *open;     /* of OrrOpenSlot, by slot */
    uint64_t number;  /* of the table; grows with every change */
    uint64_t on_disk; /* the newest that is */
    uint64_t epoch;   /* of the shard, at a replica: of the primary that told the table */
    GArray *mates;    /* of OrrMate */
    GArray *waits;    /* of OrrOpenWait */
    OrrTime tell_at;
    uint64_t members_seen; /* the members' change at which mates were looked at */
    uint64_t reign;        /* the shard epoch in which this node leads; 0: it does not */
    uint64_t last;         /* number of a transfer or question */
    GPtrArray *out;        /* of OrrTransfer, by number */
    GHashTable *frozen;    /* GBytes -> OrrTransfer; looked up, never iterated */
    GPtrArray *in;         /* of OrrArrival, in order of coming */
    GHashTable *staged;    /* GBytes -> OrrArrival; looked up, never iterated */
    GArray *done;          /* of OrrMate: the last transfer of each sender that is over */
    bool stir;             /* something changed for those who wait */
};

OrrMoves *orr_moves_new(void);
void orr_moves_free(OrrMoves *moves);

/* move_open.c */
OrrOpenSlot *orr_open_find(const OrrMoves *moves, uint16_t slot);
/* Opens a slot, or opens it otherwise; takes effect when replicas know. */
OrrOpenSlot *orr_open_set(OrrNode *node, uint16_t slot, OrrOpenState state, const OrrId *peer,
                          uint64_t version, OrrEffects *out);
/* Closes it, at once. */
void orr_open_clear(OrrNode *node, uint16_t slot, OrrEffects *out);
/* The table as bytes for disk and replicas; the caller frees. */
GByteArray *orr_open_encode(const OrrMoves *moves);
/* True if the bytes are a table; then it is the node's. */
bool orr_open_decode(OrrNode *node, OrrBytes bytes);
/* Writes the table, and has the replicas told. */
void orr_open_changed(OrrNode *node, OrrEffects *out);
/* What the slot map shows to clients of an open slot; hidden again, it is stable there. */
void orr_open_show(OrrNode *node, const OrrOpenSlot *open);
void orr_open_hide(OrrNode *node, uint16_t slot);

/* move.c */
void orr_open_wait(OrrNode *node, uint64_t client, uint16_t slot, uint64_t number);
/* Answers whoever waits for this slot; `error` NULL: OK. */
void orr_open_answer(OrrNode *node, uint16_t slot, const char *error);
bool orr_open_is_known(OrrNode *node, uint64_t number);
/* True if every replica that might take over has the data up to `offset`. */
bool orr_mates_have(const OrrNode *node, uint64_t offset);
/* The primary of a shard, as far as it is known and alive; or NULL. */
OrrMember *orr_move_primary(const OrrNode *node, const OrrId *shard);
void orr_move_send(OrrNode *node, const OrrAddress *to, OrrMessageType type,
                   const OrrMove *move, OrrEffects *out);
/* The name of an object as bytes: a key of the tables above; the caller unrefs. */
GBytes *orr_cell_bytes(uint16_t slot, OrrBytes key);
OrrCellName orr_cell_name(GBytes *bytes);
/* A number that no transfer or question of this node ever had. */
uint64_t orr_move_next_number(OrrNode *node);
void orr_move_delete(OrrNode *node, const OrrCellName *cell, OrrEffects *out);
/* The greatest version of a key and of some of its fields; false: it is not there. */
bool orr_move_version(const OrrNode *node, const OrrCellName *cell, OrrVersion *version);

/* move_out.c */
void orr_out_on_stored(OrrNode *node, OrrMember *peer, const OrrMove *move, OrrEffects *out);
void orr_out_on_aborted(OrrNode *node, OrrMember *peer, const OrrMove *move);
void orr_out_settle(OrrNode *node, OrrEffects *out);
OrrTime orr_out_deadline(const OrrNode *node);
void orr_out_drop_all(OrrNode *node);
void orr_out_link_down(OrrNode *node, const OrrAddress *peer, OrrEffects *out);
void orr_transfer_free(gpointer transfer);
/* The transfer under way with that object, or NULL. */
OrrTransfer *orr_out_transfer_of(const OrrNode *node, const OrrCellName *name);

/* move_in.c */
void orr_in_on_chunk(OrrNode *node, OrrMember *peer, const OrrMove *move, OrrEffects *out);
void orr_in_on_commit(OrrNode *node, OrrMember *peer, const OrrMove *move);
void orr_in_on_abort(OrrNode *node, OrrMember *peer, const OrrMove *move, OrrEffects *out);
/* The arrival that this question was about, or NULL. */
OrrArrival *orr_in_asked(const OrrNode *node, uint64_t question);
/* The object is to be served from now on; or (`keep` false) is thrown away. */
void orr_in_resolve(OrrNode *node, const OrrCellName *cell, bool keep, OrrEffects *out);
void orr_in_settle(OrrNode *node, OrrEffects *out);
OrrTime orr_in_deadline(const OrrNode *node);
void orr_in_drop_all(OrrNode *node);
/* Everything of that slot that is staged is thrown away: it is imported no longer. */
void orr_in_drop_slot(OrrNode *node, uint16_t slot, OrrEffects *out);
void orr_arrival_free(gpointer arrival);

/* move_check.c */
void orr_check_settle(OrrNode *node, OrrEffects *out);
OrrTime orr_check_deadline(const OrrNode *node);
/* Asks the source about everything that is staged of it. */
void orr_check_arrival(OrrNode *node, OrrArrival *arrival, OrrEffects *out);
void orr_check_on_check(OrrNode *node, OrrMember *peer, const OrrMove *move, OrrEffects *out);
void orr_check_on_checked(OrrNode *node, OrrMember *peer, const OrrMove *move, OrrEffects *out);

/* move_take.c */
void orr_take_settle(OrrNode *node, OrrEffects *out);
OrrTime orr_take_deadline(const OrrNode *node);
void orr_take_on_take(OrrNode *node, OrrMember *peer, const OrrMove *move, OrrEffects *out);
void orr_take_on_given(OrrNode *node, OrrMember *peer, const OrrMove *move, OrrEffects *out);

#endif
