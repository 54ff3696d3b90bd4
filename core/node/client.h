/* client.h - one connection of a client, for the files of a node. Private. */
#ifndef ORR_NODE_CLIENT_H
#define ORR_NODE_CLIENT_H

#include "node/internal.h"

#define ORR_CLIENT_NAME_MAX 63u
#define ORR_CLIENT_INPUT_MAX (8u << 20) /* bytes waiting to be understood */

typedef struct OrrClient {
    uint64_t id;
    GByteArray *input;
    OrrRequestParser *parser;
    int protocol;
    bool asking;   /* for the next command only */
    bool readonly; /* a replica may answer it */
    bool closing;
    char name[ORR_CLIENT_NAME_MAX + 1];
    uint64_t written_offset; /* of its last write, in its shard's stream */
    OrrTime since;
    uint64_t commands;
    /* WAIT */
    bool waiting;
    uint32_t wait_replicas;
    uint64_t wait_offset;
    OrrTime wait_until;
} OrrClient;

/* Rows of this node's own commands. */
extern const OrrCommand orr_commands_cluster[];
extern const OrrCommand orr_commands_server[];

/* command_config.c */
void orr_command_run_config(OrrCommandContext *context);
void orr_command_run_function(OrrCommandContext *context);

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

/* "1234" and nothing else; false otherwise. */
bool orr_parse_u64(OrrBytes text, uint64_t *value);
bool orr_word_is(OrrBytes word, const char *name);

/* CLUSTER NODES, SLOTS, SHARDS: command_cluster_view.c. */
void orr_reply_cluster_nodes(OrrNode *node, OrrReply *reply);
void orr_reply_cluster_slots(OrrNode *node, OrrReply *reply);
void orr_reply_cluster_shards(OrrNode *node, OrrReply *reply);
void orr_reply_cluster_info(OrrNode *node, OrrReply *reply);
void orr_reply_cluster_replicas(OrrNode *node, const OrrMember *primary, OrrReply *reply);

#endif
