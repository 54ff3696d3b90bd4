/* client.c - connections and requests: whether a command may run here, and running it. */
#include "node/client.h"

static OrrClient *
find_client(const OrrNode *node, uint64_t id)
{
    gint64 key = (gint64)id;

    return g_hash_table_lookup(node->clients, &key);
}

static void
free_client(OrrClient *client)
{
    g_byte_array_unref(client->input);
    orr_request_parser_free(client->parser);
    g_free(client);
}

OrrStatus
orr_node_on_client_link(OrrNode *node, const OrrEvent *event)
{
    OrrClient *client = find_client(node, event->link.client);

    if (event->link.state == ORR_LINK_CLIENT_DOWN) {
        if (client == NULL) {
            return ORR_REFUSED;
        }
        (void)g_ptr_array_remove(node->waiting, client);
        g_hash_table_remove(node->clients, &client->id);
        free_client(client);
        return ORR_OK;
    }
    if (client != NULL) {
        return ORR_REFUSED;
    }
    if (g_hash_table_size(node->clients) >= node->config.settings.clients_max) {
        return ORR_FULL;
    }
    OrrRequestLimits limits = orr_request_limits_default();

    client = g_new0(OrrClient, 1);
    client->id = event->link.client;
    client->input = g_byte_array_new();
    client->parser = orr_request_parser_new(&limits);
    client->protocol = 2;
    client->since = node->now.mono_ns;
    node->connections_received++;
    g_hash_table_insert(node->clients, &client->id, client);
    return ORR_OK;
}

static gboolean
free_each(gpointer key, gpointer value, gpointer context)
{
    (void)key;
    (void)context;
    free_client(value);
    return true;
}

void
orr_node_clients_free(OrrNode *node)
{
    g_hash_table_foreach_remove(node->clients, free_each, NULL);
    g_hash_table_unref(node->clients);
}

bool
orr_parse_u64(OrrBytes text, uint64_t *value)
{
    uint64_t number = 0;

    if (text.size == 0 || text.size > 19) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        number = number * 10 + (text.data[i] - (uint64_t)'0');
    }
    *value = number;
    return true;
}

bool
orr_word_is(OrrBytes word, const char *name)
{
    return word.size == strlen(name) &&
           g_ascii_strncasecmp((const char *)word.data, name, word.size) == 0;
}

/* Where a command may run: what a Redis Cluster node answers when it is not here. */

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
reply_fenced(OrrNode *node, const OrrCommand *command)
{
    if ((command->flags & ORR_COMMAND_WRITE) != 0) {
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
} KeyCount;

static KeyCount
count_keys(const OrrNode *node, const OrrCommandContext *context, uint16_t slot)
{
    size_t words[64];
    size_t count =
        orr_command_keys(context->command, context->arg_count, words, G_N_ELEMENTS(words));
    KeyCount result = {0, 0};
    OrrValue value;

    for (size_t i = 0; i < count && i < G_N_ELEMENTS(words); i++) {
        result.keys++;
        result.missing += orr_keyspace_get(node->keyspace, slot, context->args[words[i]],
                                           context->wall_ms, &value) != ORR_OK;
    }
    return result;
}

/* The slot is this shard's, and this node is its primary. */
static bool
may_run_as_owner(OrrNode *node, const OrrCommandContext *context, const OrrSlotView *slot,
                 uint16_t number)
{
    if (node->fence != ORR_FENCE_NONE) {
        reply_fenced(node, context->command);
        return false;
    }
    if (slot->state == ORR_SLOT_MIGRATING &&
        (context->command->flags & ORR_COMMAND_ADMIN) == 0) {
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
    KeyCount keys = count_keys(node, context, number);

    if (keys.keys > 1 && keys.missing > 0) {
        orr_reply_error(node->reply, "TRYAGAIN Multiple keys request during rehashing of slot");
        return false;
    }
    return true;
}

static bool
may_run_in_slot(OrrNode *node, const OrrCommandContext *context, bool asking, uint16_t number)
{
    const OrrClient *client = orr_command_client(context);
    OrrSlotView slot = orr_slotmap_get(node->context.slotmap, number);
    const OrrShard *own = orr_node_self(node)->shard;
    bool readonly = (context->command->flags & ORR_COMMAND_READONLY) != 0;

    if (slot.state == ORR_SLOT_IMPORTING && asking && node->fence == ORR_FENCE_NONE) {
        return may_run_importing(node, context, number);
    }
    if (orr_id_is_none(&slot.shard)) {
        orr_reply_error(node->reply, "CLUSTERDOWN Hash slot not served");
        return false;
    }
    if (node->config.settings.require_full_coverage && !node->cluster_ok) {
        orr_reply_error(node->reply, "CLUSTERDOWN The cluster is down");
        return false;
    }
    if (orr_id_equal(&slot.shard, &own->id)) {
        if (orr_node_is_primary(node)) {
            return may_run_as_owner(node, context, &slot, number);
        }
        if (client->readonly && readonly && !node->context.loading) {
            return true;
        }
    }
    return redirect_to_shard(node, "MOVED", number, &slot.shard);
}

static bool
may_write(OrrNode *node, const OrrCommandContext *context)
{
    const OrrSettings *settings = &node->config.settings;

    if ((context->command->flags & ORR_COMMAND_WRITE) == 0) {
        return true;
    }
    if (node->fence != ORR_FENCE_NONE && orr_node_self(node)->shard->slot_count > 0) {
        reply_fenced(node, context->command);
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
    if ((context->command->flags & ORR_COMMAND_DENYOOM) != 0 && !orr_node_make_room(node)) {
        orr_reply_error(node->reply, "OOM command not allowed when used memory > 'maxmemory'.");
        return false;
    }
    return true;
}

static bool
may_run(OrrNode *node, const OrrCommandContext *context, OrrCommandSlot kind, bool asking)
{
    if ((context->command->flags & ORR_COMMAND_ASKING) != 0) {
        asking = true;
    }
    switch (kind) {
    case ORR_SLOT_NONE:
        break;
    case ORR_SLOT_CROSS:
        orr_reply_error(node->reply, "CROSSSLOT Keys in request don't hash to the same slot");
        return false;
    case ORR_SLOT_SPREAD:
        orr_reply_error(node->reply, "ERR the fields of this hash are spread over the cluster "
                                     "(hash-slot-by: field); name the fields");
        return false;
    case ORR_SLOT_ONE:
        if (!may_run_in_slot(node, context, asking, context->slot)) {
            return false;
        }
        break;
    }
    return may_write(node, context);
}

/* Running */

static void
emit(OrrCommandContext *context, const OrrRecord *record)
{
    OrrNode *node = orr_command_node(context);
    OrrRecord stamped = *record;

    orr_node_write(node, &stamped, node->out);
    orr_command_client(context)->written_offset = orr_replication_offset(node->replication);
    context->writes++;
}

static void
execute(OrrNode *node, OrrClient *client, const OrrPipelined *item)
{
    bool asking = client->asking;
    OrrCommandContext context = {
        .command = item->command,
        .args = item->args,
        .arg_count = item->arg_count,
        .keyspace = node->keyspace,
        .reply = node->reply,
        .rng = &node->context.rng,
        .wall_ms = node->context.cluster_ms,
        .wall_us = node->context.cluster_ms * 1000,
        .hash_slot_by = node->config.settings.hash_slot_by,
        .slot = item->slot,
        .slot_known = item->kind == ORR_SLOT_ONE,
        .primary = node->fence == ORR_FENCE_NONE,
        .emit = emit,
        .owner = node,
        .client = client,
    };

    client->commands++;
    node->commands_processed++;
    client->asking = false;
    if (node->life != ORR_LIFE_UP) {
        orr_reply_error(node->reply, "LOADING This node is starting");
    } else if (context.command == NULL) {
        orr_command_reply_unknown(node->reply, item->args, item->arg_count);
    } else if (!orr_command_arity_fits(context.command, item->arg_count)) {
        orr_command_reply_arity(node->reply, context.command);
    } else if (may_run(node, &context, item->kind, asking)) {
        orr_command_run(&context);
    }
}

/* Runs the commands of node->pipeline up to one that waits; returns the bytes they took. */
static size_t
run_pipeline(OrrNode *node, OrrClient *client)
{
    const OrrPipeline *pipeline = node->pipeline;
    size_t used = 0;

    for (size_t i = 0; i < pipeline->count && !client->waiting && !client->closing; i++) {
        const OrrPipelined *item = &pipeline->commands[i];

        if (item->arg_count > 0) {
            execute(node, client, item);
        }
        used = item->used;
    }
    if (pipeline->count > 0 && used < pipeline->commands[pipeline->count - 1].used) {
        orr_request_parser_reset(client->parser); /* it sees the others again */
    }
    return used;
}

/* Runs what has come from a client, up to a command that waits; returns the bytes it took. */
static size_t
process(OrrNode *node, OrrClient *client, OrrBytes bytes, OrrEffects *out)
{
    size_t used = 0;
    OrrStatus status = ORR_OK;

    orr_reply_clear(node->reply);
    orr_reply_set_protocol(node->reply, client->protocol);
    while (status == ORR_OK && !client->waiting && !client->closing) {
        OrrBytes rest = orr_bytes(bytes.data + used, bytes.size - used);

        status = orr_pipeline_read(node->pipeline, client->parser, rest,
                                   node->config.settings.hash_slot_by);
        if (node->life == ORR_LIFE_UP) {
            orr_pipeline_fetch(node->pipeline, node->keyspace, node->context.slotmap);
        }
        used += run_pipeline(node, client);
    }
    if (status == ORR_MALFORMED && !client->waiting && !client->closing) {
        orr_reply_error_about(node->reply, "ERR ", orr_bytes_of_string(node->pipeline->error),
                              "");
        client->closing = true;
    }
    if (orr_reply_size(node->reply) > 0 || client->closing) {
        orr_node_answer(node, client->id, client->closing, out);
    }
    return used;
}

/* The same with what has been kept of its stream. */
static void
process_input(OrrNode *node, OrrClient *client, OrrEffects *out)
{
    size_t used =
        process(node, client, orr_bytes(client->input->data, client->input->len), out);

    if (used > 0) {
        g_byte_array_remove_range(client->input, 0, (guint)used);
    }
}

static void
on_answer_stored(void *owner, OrrStatus status, uint64_t id, OrrNow now, OrrEffects *out)
{
    OrrNode *node = owner;
    OrrClient *client = find_client(node, id);

    (void)now;
    if (status != ORR_OK && client != NULL && !client->closing) {
        client->closing = true; /* an answer left out would make the next one its own */
        orr_effects_reply(out, id, ORR_BYTES_EMPTY, true);
    }
}

void
orr_node_clients_fenced(OrrNode *node)
{
    orr_gate_doom(node->gate, on_answer_stored);
}

/* Under `appendfsync always` an answer goes out when what was written before it is on disk. */
void
orr_node_answer(OrrNode *node, uint64_t client, bool close, OrrEffects *out)
{
    OrrEffects *list = out;

    /* the log before the answer: a killed process has written whatever it acknowledged */
    orr_node_flush_data(node, out);
    if (node->config.settings.appendfsync == ORR_APPENDFSYNC_ALWAYS && node->log_op != 0) {
        list = orr_gate_hold(node->gate, node->log_op, on_answer_stored, node, client);
    }
    orr_effects_reply(list, client, orr_reply_bytes(node->reply), close);
    orr_reply_clear(node->reply);
}

OrrStatus
orr_node_on_request(OrrNode *node, const OrrEvent *event, OrrEffects *out)
{
    OrrClient *client = find_client(node, event->request.client);
    OrrBytes bytes = event->request.bytes;

    if (client == NULL || client->closing) {
        return ORR_REFUSED;
    }
    if (client->input->len == 0 && !client->waiting) { /* the usual case: nothing is copied */
        size_t used = process(node, client, bytes, out);

        g_byte_array_append(client->input, bytes.data + used, (guint)(bytes.size - used));
        return ORR_OK;
    }
    g_byte_array_append(client->input, bytes.data, (guint)bytes.size);
    if (client->input->len > ORR_CLIENT_INPUT_MAX && client->waiting) {
        client->closing = true;
        orr_node_answer(node, client->id, true, out);
        return ORR_FULL;
    }
    if (!client->waiting) {
        process_input(node, client, out);
    }
    return ORR_OK;
}

static int
compare_ids(gconstpointer a, gconstpointer b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* The node is up: what clients asked meanwhile is answered, in the order they came. */
void
orr_node_clients_up(OrrNode *node, OrrEffects *out)
{
    g_autoptr(GArray) ids = g_array_new(false, false, sizeof(uint64_t));
    GHashTableIter iter;
    gpointer key;

    g_hash_table_iter_init(&iter, node->clients);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        g_array_append_vals(ids, key, 1);
    }
    g_array_sort(ids, compare_ids);
    for (guint i = 0; i < ids->len; i++) {
        OrrClient *client = find_client(node, g_array_index(ids, uint64_t, i));

        if (client->input->len > 0) {
            process_input(node, client, out);
        }
    }
}

/* WAIT */

static bool
wait_is_over(const OrrNode *node, const OrrClient *client)
{
    return node->now.mono_ns >= client->wait_until ||
           orr_replication_acked(node->replication, client->wait_offset) >=
               client->wait_replicas;
}

void
orr_node_clients_time(OrrNode *node, OrrEffects *out)
{
    for (guint i = 0; i < node->waiting->len;) {
        OrrClient *client = g_ptr_array_index(node->waiting, i);

        if (!wait_is_over(node, client)) {
            i++;
            continue;
        }
        g_ptr_array_remove_index(node->waiting, i);
        client->waiting = false;
        orr_reply_clear(node->reply);
        orr_reply_set_protocol(node->reply, client->protocol);
        orr_reply_integer(node->reply,
                          orr_replication_acked(node->replication, client->wait_offset));
        orr_node_answer(node, client->id, false, out);
        process_input(node, client, out);
        i = 0; /* the client may wait again */
    }
}

OrrTime
orr_node_clients_deadline(const OrrNode *node)
{
    OrrTime deadline = ORR_NEVER;

    for (guint i = 0; i < node->waiting->len; i++) {
        const OrrClient *client = g_ptr_array_index(node->waiting, i);

        deadline = MIN(deadline, client->wait_until);
    }
    return deadline;
}
