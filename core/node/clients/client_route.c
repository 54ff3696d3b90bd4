/* client_route.c - where a command may run: what a node of a Redis Cluster answers when it is
 * not here. */
#include "node/clients/transaction.h"

static void
reply_redirect(OrrReply *reply, const char *word, uint16_t slot, const OrrAddress *to)
{
    char ip[ORR_ADDRESS_TEXT_SIZE];
    char text[ORR_ADDRESS_TEXT_SIZE + 32];

    orr_address_format_ip(to, ip);
    g_snprintf(text, sizeof text, "%s %u %s:%u", word, slot, ip, to->port);
    orr_reply_error(reply, text);
}

static bool
redirect_to_shard(OrrNode *node, const char *word, uint16_t slot, const OrrId *shard_id)
{
    OrrShard *shard = orr_members_shard(node->context.members, shard_id);
    OrrMember *primary =
        shard == NULL ? NULL : orr_members_primary_of(node->context.members, shard);

    if (primary == NULL || primary == orr_node_self(node)) {
        orr_reply_error(node->reply, "CLUSTERDOWN Hash slot not served");
        return false;
    }
    reply_redirect(node->reply, word, slot, &primary->address);
    return false;
}

static void
reply_fenced(OrrNode *node, uint32_t flags)
{
    if ((flags & ORR_COMMAND_WRITE) != 0) {
        node->writes_fenced++;
    }
    switch (node->fence) {
    case ORR_FENCE_BOOTING:
        orr_reply_error(node->reply, "LOADING This node compares its data with the others");
        break;
    case ORR_FENCE_PAUSED:
        orr_reply_error(node->reply, "TRYAGAIN This node hands its slots over to a replica");
        break;
    case ORR_FENCE_NONE:
    case ORR_FENCE_NOT_PRIMARY:
    case ORR_FENCE_NO_LEASE:
    case ORR_FENCE_BEHIND:
    case ORR_FENCE_COLLISION:
    case ORR_FENCE_FORGOTTEN:
        orr_reply_error(node->reply, "CLUSTERDOWN The cluster is down");
        break;
    }
}

typedef struct KeyCount {
    size_t keys;
    size_t missing;
    size_t under_way; /* to another node, or from one */
} KeyCount;

static void
count_keys_of(const OrrNode *node, const OrrCommand *command, const OrrBytes *args,
              size_t arg_count, uint16_t slot, KeyCount *result)
{
    bool writes = (command->flags & ORR_COMMAND_WRITE) != 0;
    size_t words[64];
    size_t count = orr_command_keys(command, args, arg_count, words, G_N_ELEMENTS(words));
    OrrValue value;

    for (size_t i = 0; i < count && i < G_N_ELEMENTS(words); i++) {
        result->keys++;
        result->under_way += orr_node_is_staged(node, slot, args[words[i]]) ||
                             (writes && orr_node_is_frozen(node, slot, args[words[i]]));
        result->missing += orr_keyspace_get(node->keyspace, slot, args[words[i]],
                                            node->context.cluster_ms, &value) != ORR_OK;
    }
}

/* Of the command, or of all that EXEC will run. */
static KeyCount
count_keys(const OrrNode *node, const OrrCommandContext *context, uint16_t slot)
{
    const OrrClient *client = context->client;
    KeyCount result = {0, 0, 0};

    if (!orr_transaction_is_open(client) || !orr_transaction_is_exec(context->command)) {
        count_keys_of(node, context->command, context->args, context->arg_count, slot, &result);
        return result;
    }
    for (guint i = 0; i < client->transaction->queue->len; i++) {
        const OrrQueued *queued = g_ptr_array_index(client->transaction->queue, i);

        count_keys_of(node, queued->command, queued->args, queued->arg_count, slot, &result);
    }
    return result;
}

/* A key of the command is under way, or may be: it waits, or the client is told. */
static bool
must_wait(OrrNode *node, const OrrCommandContext *context, uint16_t slot)
{
    if (!orr_node_moves_keys(node) || (!orr_node_is_unchecked(node, slot) &&
                                       count_keys(node, context, slot).under_way == 0)) {
        return false;
    }
    if (!orr_client_park(node, context->client)) {
        orr_reply_error(node->reply,
                        "TRYAGAIN A key of this command is on its way to another node");
    }
    return true;
}

/* Without a majority what is read may be old: somebody said that this is better than nothing.
 */
static bool
may_read_old(const OrrNode *node, uint32_t flags)
{
    return node->config.settings.reads_when_down && node->fence == ORR_FENCE_NO_LEASE &&
           (flags & ORR_COMMAND_READONLY) != 0 && (flags & ORR_COMMAND_WRITE) == 0;
}

/* The slot is this shard's, and this node is its primary. */
static bool
may_run_as_owner(OrrNode *node, const OrrCommandContext *context, const OrrSlotView *slot,
                 uint16_t number)
{
    uint32_t flags = orr_transaction_flags(context->client, context->command);

    if (orr_fence_is_short(node->fence) && orr_client_park(node, context->client)) {
        return false; /* in a moment this node serves, or says who does */
    }
    if (node->fence != ORR_FENCE_NONE && !may_read_old(node, flags)) {
        reply_fenced(node, flags);
        return false;
    }
    if (must_wait(node, context, number)) {
        return false;
    }
    if (slot->state == ORR_SLOT_MIGRATING &&
        (context->command->flags & (ORR_COMMAND_ADMIN | ORR_COMMAND_PUBSUB)) == 0) {
        KeyCount keys = count_keys(node, context, number);

        if (keys.missing > 0 && keys.missing < keys.keys) {
            orr_reply_error(node->reply,
                            "TRYAGAIN Multiple keys request during rehashing of slot");
            return false;
        }
        if (keys.missing > 0) {
            return redirect_to_shard(node, "ASK", number, &slot->peer);
        }
    }
    return true;
}

static bool
may_run_importing(OrrNode *node, const OrrCommandContext *context, uint16_t number)
{
    KeyCount keys;

    if (must_wait(node, context, number)) {
        return false;
    }
    keys = count_keys(node, context, number);
    if (keys.keys > 1 && keys.missing > 0) {
        orr_reply_error(node->reply, "TRYAGAIN Multiple keys request during rehashing of slot");
        return false;
    }
    return true;
}

bool
orr_route_slot(OrrNode *node, const OrrCommandContext *context, bool asking, uint16_t number)
{
    const OrrClient *client = orr_command_client(context);
    OrrSlotView slot = orr_slotmap_get(node->context.slotmap, number);
    const OrrShard *own = orr_node_self(node)->shard;
    uint32_t flags = orr_transaction_flags(client, context->command);
    bool reads = (flags & ORR_COMMAND_WRITE) == 0;

    if (slot.state == ORR_SLOT_IMPORTING && asking && node->fence == ORR_FENCE_NONE) {
        return may_run_importing(node, context, number);
    }
    if (orr_id_is_none(&slot.shard)) {
        orr_reply_error(node->reply, "CLUSTERDOWN Hash slot not served");
        return false;
    }
    if (node->config.settings.require_full_coverage && !node->cluster_ok &&
        !(reads && node->config.settings.reads_when_down)) {
        orr_reply_error(node->reply, "CLUSTERDOWN The cluster is down");
        return false;
    }
    if (orr_id_equal(&slot.shard, &own->id)) {
        if (orr_node_is_primary(node)) {
            return may_run_as_owner(node, context, &slot, number);
        }
        if ((client->readonly || (flags & ORR_COMMAND_PUBSUB) != 0) && reads &&
            !node->context.loading) {
            return true;
        }
    }
    return redirect_to_shard(node, "MOVED", number, &slot.shard);
}

bool
orr_route_may_write(OrrNode *node, uint32_t flags)
{
    const OrrSettings *settings = &node->config.settings;

    if ((flags & ORR_COMMAND_WRITE) == 0) {
        return true;
    }
    if (node->fence != ORR_FENCE_NONE && orr_node_self(node)->shard->slot_count > 0) {
        reply_fenced(node, flags);
        return false;
    }
    if (node->disk_failed && settings->appendfsync != ORR_APPENDFSYNC_NO) {
        orr_reply_error(node->reply,
                        "MISCONF The log cannot be written: the disk is full or fails. "
                        "Writes are refused until it can");
        return false;
    }
    if (settings->min_replicas_to_write > 0 &&
        orr_replication_good_replicas(node->replication, node->now, settings->node_timeout_ns) <
            settings->min_replicas_to_write) {
        orr_reply_error(node->reply, "NOREPLICAS Not enough good replicas to write.");
        return false;
    }
    if ((flags & ORR_COMMAND_DENYOOM) != 0 && !orr_node_make_room(node)) {
        orr_reply_error(node->reply, "OOM command not allowed when used memory > 'maxmemory'.");
        return false;
    }
    return true;
}

bool
orr_route_command(OrrNode *node, const OrrCommandContext *context, OrrCommandSlot kind,
                  bool asking)
{
    if ((context->command->flags & ORR_COMMAND_ASKING) != 0) {
        asking = true;
    }
    switch (kind) {
    case ORR_SLOT_NONE:
        return true;
    case ORR_SLOT_CROSS:
        orr_reply_error(node->reply, "CROSSSLOT Keys in request don't hash to the same slot");
        return false;
    case ORR_SLOT_SPREAD:
        orr_reply_error(node->reply, "ERR the fields of this hash are spread over the cluster "
                                     "(hash-slot-by: field); name the fields");
        return false;
    case ORR_SLOT_ONE:
        break;
    }
    return orr_route_slot(node, context, asking, context->slot);
}
