/* client.h - one connection of a client, for the files of a node. Private.
 *
 *     client.c        connections: bytes in, whole commands out of them, answers
 *     client_run.c    one command: may it run at all, and running it; what is counted of it
 *     client_route.c  may it run here: MOVED, ASK, TRYAGAIN, CROSSSLOT, CLUSTERDOWN
 *     client_later.c  answers that come later, and commands that are tried again
 *     client_wait.c   clients that wait: WAIT, CLIENT PAUSE
 *     client_idle.c   clients that are silent for too long
 *     client_later.c  answers that come later, and commands that are tried again
 */
#ifndef ORR_NODE_CLIENT_H
#define ORR_NODE_CLIENT_H

#include "node/internal.h"

#define ORR_CLIENT_ANSWER_MAX (256u << 10) /* bytes, after which the next command waits */

/* What a client waits for. It reads no further commands meanwhile. */
typedef enum OrrClientWait {
    ORR_CLIENT_GOES_ON,
    ORR_CLIENT_WAITS_FOR_REPLICAS, /* WAIT */
    ORR_CLIENT_WAITS_FOR_UNPAUSE,  /* CLIENT PAUSE: the command is still in its input */
    ORR_CLIENT_WAITS_FOR_KEY,      /* that is under way; the command is still in its input */
    ORR_CLIENT_WAITS_FOR_SAVE,     /* SAVE */
    ORR_CLIENT_WAITS_FOR_PEER,     /* an answer of another node */
    ORR_CLIENT_WAITS_FOR_HOST,     /* an ANSWER event */
    ORR_CLIENT_WAITS_FOR_ROOM,     /* it is to take its answers first; not in node->waiting */
} OrrClientWait;

typedef enum OrrReplyMode {
    ORR_REPLY_ON,
    ORR_REPLY_OFF,
    ORR_REPLY_SKIP_NEXT, /* CLIENT REPLY SKIP: this one; then NOW */
    ORR_REPLY_SKIP_NOW,
} OrrReplyMode;

typedef struct OrrTransaction OrrTransaction;     /* transaction.h */
typedef struct OrrSubscriptions OrrSubscriptions; /* pubsub.h */

typedef struct OrrClient {
    uint64_t id;
    OrrAddress remote;
    OrrAddress local;
    GByteArray *input;
    OrrRequestParser *parser;
    int protocol;
    bool asking;   /* for the next command only */
    bool readonly; /* a replica may answer it */
    bool closing;
    bool authenticated; /* or no password is asked for */
    bool monitor;
    bool no_evict;
    OrrReplyMode reply_mode;
    char *name; /* these three: NULL if not set */
    char *library_name;
    char *library_version;
    const OrrCommand *last_command;
    uint64_t written_offset; /* of its last write, in its shard's stream */
    OrrTime since;
    OrrTime active_at; /* when it last sent something */
    uint64_t commands;
    OrrTransaction *transaction;     /* NULL: neither MULTI nor WATCH */
    OrrSubscriptions *subscriptions; /* NULL: none */
    /* waiting */
    OrrClientWait waiting;
    OrrTime wait_until;
    OrrTime park_until; /* WAITS_FOR_KEY: no longer than this, however often; or 0 */
    bool wait_refused;  /* CLIENT UNBLOCK ERROR */
    uint32_t wait_replicas;
    uint64_t wait_offset;
} OrrClient;

static inline OrrNode *
orr_command_node(const OrrCommandContext *context)
{
    return (OrrNode *)context->owner;
}

static inline OrrClient *
orr_command_client(const OrrCommandContext *context)
{
    return (OrrClient *)context->client;
}

/* True if its next command may be read. */
static inline bool
orr_client_reads(const OrrClient *client)
{
    return client->waiting == ORR_CLIENT_GOES_ON && !client->closing;
}

/* "1234" and nothing else; false otherwise. */
bool orr_parse_u64(OrrBytes text, uint64_t *value);
bool orr_word_is(OrrBytes word, const char *name);

/* client.c */
OrrClient *orr_client_find(const OrrNode *node, uint64_t id);
/* All clients in order of their ids. The array is the caller's. */
GPtrArray *orr_clients_sorted(const OrrNode *node);
/* Closes the connection without an answer; also of the client whose command runs. */
void orr_client_kill(OrrNode *node, OrrClient *client, OrrEffects *out);
/* A message the client did not ask for: goes out behind whatever it has been told. */
void orr_client_push(OrrNode *node, OrrClient *client, OrrBytes bytes, OrrEffects *out);
/* Reads on what a client has sent, up to a command that waits. */
void orr_client_process(OrrNode *node, OrrClient *client, OrrEffects *out);

/* client_run.c */
/* Judges and runs one command; the answer is added to node->reply. */
void orr_client_execute(OrrNode *node, OrrClient *client, const OrrPipelined *item);
/* The context of a command that has been judged already: for EXEC. */
OrrCommandContext orr_client_context(OrrNode *node, OrrClient *client,
                                     const OrrCommand *command, const OrrBytes *args,
                                     size_t arg_count);
/* Runs it and counts it. */
void orr_client_call(OrrNode *node, OrrCommandContext *context);

/* client_route.c: true if the command may run here; otherwise the client is told where. The
 * first for what orr_command_slot() found, the second for context->slot. */
bool orr_route_command(OrrNode *node, const OrrCommandContext *context, OrrCommandSlot kind,
                       bool asking);
bool orr_route_slot(OrrNode *node, const OrrCommandContext *context, bool asking,
                    uint16_t slot);
/* True if data may be written now; otherwise the client is told why not. */
bool orr_route_may_write(OrrNode *node, uint32_t flags);

/* client_idle.c */
/* A client more, which may be idle one day; also when `timeout` changed. */
void orr_client_idle_begin(OrrNode *node);

/* client_wait.c */
/* From now on the client waits; it is in node->waiting. */
void orr_client_wait(OrrNode *node, OrrClient *client, OrrClientWait what, OrrTime until);
/* The opposite: its answer is what is in node->reply, and it is read on. */
/* Its time is over: it is told so. */
void orr_client_end_wait(OrrNode *node, OrrClient *client, OrrEffects *out);
void orr_client_go_on(OrrNode *node, OrrClient *client, OrrEffects *out);
/* True if CLIENT PAUSE holds such a command back. */
bool orr_client_is_paused(const OrrNode *node, uint32_t flags);
void orr_clients_pause(OrrNode *node, OrrTime until, bool writes_only);
void orr_clients_unpause(OrrNode *node);

/* client_later.c; more of it in internal.h */
/* The command that is being judged or run is read again later: a key of it is under way. False:
 * that has lasted long enough, and it is to be answered. */
bool orr_client_park(OrrNode *node, OrrClient *client);

/* CLUSTER NODES, SLOTS, SHARDS: command_cluster_view.c. */
void orr_reply_cluster_nodes(OrrNode *node, OrrReply *reply);
void orr_reply_cluster_slots(OrrNode *node, OrrReply *reply);
void orr_reply_cluster_shards(OrrNode *node, OrrReply *reply);
void orr_reply_cluster_info(OrrNode *node, OrrReply *reply);
void orr_reply_cluster_replicas(OrrNode *node, const OrrMember *primary, OrrReply *reply);

#endif
