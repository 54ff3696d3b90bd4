/* forward.h - commands that other nodes run for a client of this one: with `hash-slot-by:
 * field` the slot of HSET users alice is that of `alice`, which clients of a cluster, who route
 * by `users`, cannot know; a MOVED would teach them a wrong fact.
 *
 *     client --HSET users alice--> any node --FORWARD--> owner of alice's slot
 *                                          <-FORWARDED-- its answer, in pieces
 *
 * A command over all fields (HGETALL, HLEN, DEL, ...), or over fields of several slots, has one
 * part for each shard, or for each field; their answers are merged. The client waits meanwhile,
 * and what it sends behind, so pipelines keep their order. Whatever the owner refuses because
 * it is not, or not now, the owner (MOVED, ASK, TRYAGAIN, CLUSTERDOWN) is sent again, to
 * whoever is then; a read whose node went away, too. A write is not: it may have been done.
 *
 * Bounds: ORR_FORWARDS_MAX requests and ORR_FORWARD_PARTS_MAX parts of one; a request ends
 * after ORR_FORWARD_PATIENCE, or a node timeout if that is less. Private to a node.
 */
#ifndef ORR_NODE_FORWARD_H
#define ORR_NODE_FORWARD_H

#include "node/internal.h"

#define ORR_FORWARDS_MAX 10000u
#define ORR_FORWARD_PARTS_MAX 4096u
#define ORR_FORWARD_PATIENCE (5 * ORR_NS_PER_S)
#define ORR_FORWARD_AGAIN (20 * ORR_NS_PER_MS)
#define ORR_FORWARD_PIECE (512u << 10) /* bytes of an answer in one frame */

enum {
    ORR_FORWARD_ASKING = 1u << 0,
    ORR_FORWARD_ALL = 1u << 1,  /* on all objects of the key that the node owns */
    ORR_FORWARD_LAST = 1u << 2, /* FORWARDED: the last piece */
};

/* How the answers of the parts become one. */
typedef enum OrrMergeKind {
    ORR_MERGE_NONE,   /* there is one part: its answer as it is */
    ORR_MERGE_SUM,    /* integers */
    ORR_MERGE_MAX,    /* integers: the greatest of each group, and the sum of these */
    ORR_MERGE_STATUS, /* the first that is not "none" */
    ORR_MERGE_ARRAY,  /* one array of all elements */
    ORR_MERGE_MAP,    /* the same, of pairs */
    ORR_MERGE_SCAN,   /* cursor 0, and one array of all elements */
    ORR_MERGE_VALUES, /* the only element of each, in order */
} OrrMergeKind;

typedef struct OrrForwardPart {
    uint64_t number; /* of the question; 0: not asked */
    uint16_t slot;   /* asked of its owner, unless: */
    bool all;        /* of `shard`, about all that it has of the key */
    OrrId shard;
    unsigned group;
    GBytes *words;
    GByteArray *answer;
    bool done;
    bool asking;
    OrrAddress to; /* whom it was asked of, or is to be with ASKING */
    OrrTime again_at;
} OrrForwardPart;

typedef struct OrrForward {
    uint64_t client;
    int protocol;
    OrrMergeKind merge;
    bool writes;
    OrrTime until;
    GPtrArray *parts; /* of OrrForwardPart */
} OrrForward;

/* forward.c */
/* True if the command goes elsewhere: the client waits, or has been told why it cannot. */
bool orr_forward_takes(OrrNode *node, const OrrCommandContext *context, OrrCommandSlot kind);
void orr_forward_on_answer(OrrNode *node, OrrMember *peer, const OrrMove *move,
                           OrrEffects *out);
void orr_forward_link_down(OrrNode *node, const OrrAddress *peer);
void orr_forward_settle(OrrNode *node, OrrEffects *out);
OrrTime orr_forward_deadline(const OrrNode *node);
void orr_forward_free(gpointer forward);

/* forward_run.c: at the other end */
void orr_forward_on_request(OrrNode *node, OrrMember *peer, const OrrMove *move,
                            OrrEffects *out);
/* Runs the words here; the answer is appended to `answer`. */
void orr_forward_run(OrrNode *node, OrrBytes words, unsigned flags, int protocol,
                     GByteArray *answer);
/* True for the client in whose name that is done. */
bool orr_forward_is_guest(const OrrNode *node, const struct OrrClient *client);

/* forward_merge.c */
/* How answers to this command are merged; ORR_MERGE_NONE: it has no parts. */
OrrMergeKind orr_merge_kind(const OrrCommand *command);
/* Adds the whole answer to the reply. `answers` of GByteArray, `groups` as many. */
void orr_merge_answers(OrrMergeKind kind, GByteArray *const *answers, const unsigned *groups,
                       size_t count, OrrReply *reply);

#endif
