/* client.c - connections: bytes in, whole commands out of them, answers. */
#include "node/clients/client.h"

#include "node/clients/meter.h"
#include "node/clients/pubsub.h"
#include "node/clients/session.h"
#include "node/clients/transaction.h"

OrrClient *
orr_client_find(const OrrNode *node, uint64_t id)
{
    gint64 key = (gint64)id;

    return g_hash_table_lookup(node->clients, &key);
}

static void
free_client(OrrClient *client)
{
    g_byte_array_unref(client->input);
    orr_request_parser_free(client->parser);
    g_free(client->name);
    g_free(client->library_name);
    g_free(client->library_version);
    g_free(client);
}

static OrrStatus
on_client_down(OrrNode *node, OrrClient *client)
{
    if (client == NULL) {
        return ORR_REFUSED;
    }
    (void)g_ptr_array_remove(node->waiting, client);
    (void)g_ptr_array_remove(node->monitors, client);
    orr_pubsub_drop_client(node, client);
    orr_transaction_end(node, client);
    g_hash_table_remove(node->clients, &client->id);
    free_client(client);
    return ORR_OK;
}

OrrStatus
orr_node_on_client_link(OrrNode *node, const OrrEvent *event)
{
    OrrClient *client = orr_client_find(node, event->link.client);
    OrrRequestLimits limits = orr_request_limits_default();

    if (event->link.state == ORR_LINK_CLIENT_DOWN) {
        return on_client_down(node, client);
    }
    if (client != NULL) {
        return ORR_REFUSED;
    }
    if (g_hash_table_size(node->clients) >= node->config.settings.clients_max) {
        node->statistics.connections_rejected++;
        return ORR_FULL;
    }
    client = g_new0(OrrClient, 1);
    client->id = event->link.client;
    client->remote = event->link.peer;
    client->local = event->link.local;
    client->input = g_byte_array_new();
    client->parser = orr_request_parser_new(&limits);
    client->protocol = 2;
    client->since = client->active_at = node->now.mono_ns;
    orr_session_begin(node, client);
    orr_client_idle_begin(node);
    node->statistics.connections_received++;
    g_hash_table_insert(node->clients, &client->id, client);
    return ORR_OK;
}

static gboolean
free_each(gpointer key, gpointer value, gpointer node)
{
    (void)key;
    orr_pubsub_drop_client(node, value);
    orr_transaction_end(node, value);
    free_client(value);
    return true;
}

void
orr_node_clients_free(OrrNode *node)
{
    g_hash_table_foreach_remove(node->clients, free_each, node);
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

/* Requests */

/* A client gets a bounded part of its answers at once, whatever it asks for. */
static bool
has_answers_enough(const OrrNode *node)
{
    return orr_reply_size(node->reply) >= ORR_CLIENT_ANSWER_MAX;
}

/* Runs the commands of node->pipeline up to one that waits; returns the bytes they took. */
static size_t
run_pipeline(OrrNode *node, OrrClient *client)
{
    const OrrPipeline *pipeline = node->pipeline;
    size_t used = 0;

    for (size_t i = 0;
         i < pipeline->count && orr_client_reads(client) && !has_answers_enough(node); i++) {
        const OrrPipelined *item = &pipeline->commands[i];

        if (item->arg_count > 0) {
            orr_client_execute(node, client, item);
        }
        if (client->waiting == ORR_CLIENT_WAITS_FOR_UNPAUSE ||
            client->waiting == ORR_CLIENT_WAITS_FOR_KEY) {
            break; /* it has not run: it is read once more */
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
run_commands(OrrNode *node, OrrClient *client, OrrBytes bytes, OrrStatus *status)
{
    size_t used = 0;

    *status = ORR_OK;
    while (*status == ORR_OK && orr_client_reads(client) && !has_answers_enough(node)) {
        OrrBytes rest = orr_bytes(bytes.data + used, bytes.size - used);

        *status = orr_pipeline_read(node->pipeline, client->parser, rest,
                                    node->config.settings.hash_slot_by);
        if (node->life == ORR_LIFE_UP) {
            orr_pipeline_fetch(node->pipeline, node->keyspace, node->context.slotmap);
        }
        bool stranger = !client->authenticated;

        used += run_pipeline(node, client);
        if (*status == ORR_MALFORMED && stranger && client->authenticated) {
            *status = ORR_OK; /* what was too long for a stranger is read once more */
        }
    }
    return used;
}

static void answer_part(OrrNode *node, uint64_t client, OrrEffects *out);

static size_t
process(OrrNode *node, OrrClient *client, OrrBytes bytes, OrrEffects *out)
{
    OrrStatus status;
    size_t used;

    orr_reply_clear(node->reply);
    orr_reply_set_protocol(node->reply, client->protocol);
    node->running = client;
    orr_meter_begin(node->meter);
    used = run_commands(node, client, bytes, &status);
    orr_meter_end(node->meter);
    node->running = NULL;
    if (has_answers_enough(node) && used < bytes.size && orr_client_reads(client)) {
        client->waiting = ORR_CLIENT_WAITS_FOR_ROOM;
    }
    if (status == ORR_MALFORMED && orr_client_reads(client)) {
        orr_reply_error_about(node->reply, "ERR ", orr_bytes_of_string(node->pipeline->error),
                              "");
        client->closing = true;
    }
    if (client->waiting == ORR_CLIENT_WAITS_FOR_ROOM) {
        answer_part(node, client->id, out);
    } else if (orr_reply_size(node->reply) > 0 || client->closing) {
        orr_node_answer(node, client->id, client->closing, out);
    }
    return used;
}

/* The same with what has been kept of its stream. */
void
orr_client_process(OrrNode *node, OrrClient *client, OrrEffects *out)
{
    size_t used =
        process(node, client, orr_bytes(client->input->data, client->input->len), out);

    if (used > 0) {
        g_byte_array_remove_range(client->input, 0, (guint)used);
    }
}

OrrStatus
orr_node_on_request(OrrNode *node, const OrrEvent *event, OrrEffects *out)
{
    OrrClient *client = orr_client_find(node, event->request.client);
    OrrBytes bytes = event->request.bytes;

    if (client == NULL || client->closing) {
        return ORR_REFUSED;
    }
    node->statistics.input_bytes += bytes.size;
    client->active_at = node->now.mono_ns;
    if (bytes.size == 0 && client->waiting == ORR_CLIENT_WAITS_FOR_ROOM) {
        client->waiting = ORR_CLIENT_GOES_ON;
    }
    if (client->input->len == 0 && orr_client_reads(client) && node->life != ORR_LIFE_BOOTING) {
        size_t used = process(node, client, bytes, out); /* as usual: nothing is copied */

        g_byte_array_append(client->input, bytes.data + used, (guint)(bytes.size - used));
        return ORR_OK;
    }
    g_byte_array_append(client->input, bytes.data, (guint)bytes.size);
    if (node->life != ORR_LIFE_BOOTING && orr_client_reads(client)) {
        orr_client_process(node, client, out);
    } else if (client->input->len > node->config.settings.input_max) {
        orr_client_kill(node, client, out);
        return ORR_FULL;
    }
    return ORR_OK;
}

/* Answers */

static void
on_answer_stored(void *owner, OrrStatus status, uint64_t id, OrrNow now, OrrEffects *out)
{
    OrrNode *node = owner;
    OrrClient *client = orr_client_find(node, id);

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

/* Under `appendfsync always` what clients are told waits until what was written before it is
 * on disk. */
static OrrEffects *
list_for(OrrNode *node, uint64_t client, OrrEffects *out)
{
    /* the log before the answer: a killed process has written whatever it acknowledged */
    orr_node_flush_data(node, out);
    if (node->config.settings.appendfsync == ORR_APPENDFSYNC_ALWAYS && node->log_op != 0) {
        return orr_gate_hold(node->gate, node->log_op, on_answer_stored, node, client);
    }
    return out;
}

static void
answer_part(OrrNode *node, uint64_t client, OrrEffects *out)
{
    OrrBytes bytes = orr_reply_bytes(node->reply);

    node->statistics.output_bytes += bytes.size;
    orr_effects_reply_part(list_for(node, client, out), client, bytes);
    orr_reply_clear(node->reply);
}

void
orr_node_answer(OrrNode *node, uint64_t client, bool close, OrrEffects *out)
{
    OrrBytes bytes = orr_reply_bytes(node->reply);

    node->statistics.output_bytes += bytes.size;
    orr_effects_reply(list_for(node, client, out), client, bytes, close);
    orr_reply_clear(node->reply);
}

void
orr_client_push(OrrNode *node, OrrClient *client, OrrBytes bytes, OrrEffects *out)
{
    if (client->closing) {
        return;
    }
    node->statistics.pushed_bytes += bytes.size;
    if (client == node->running) {
        orr_reply_raw(node->reply, bytes);
    } else {
        orr_effects_push(list_for(node, client->id, out), client->id, bytes);
    }
}

void
orr_client_kill(OrrNode *node, OrrClient *client, OrrEffects *out)
{
    if (client->closing) {
        return;
    }
    client->closing = true;
    if (client != node->running) {
        orr_effects_reply(out, client->id, ORR_BYTES_EMPTY, true);
    }
}

/* All of them */

static int
compare_clients(gconstpointer a, gconstpointer b)
{
    uint64_t x = (*(OrrClient *const *)a)->id;
    uint64_t y = (*(OrrClient *const *)b)->id;

    return (x > y) - (x < y);
}

GPtrArray *
orr_clients_sorted(const OrrNode *node)
{
    GPtrArray *list = g_ptr_array_new();
    GHashTableIter iter;
    gpointer client;

    g_hash_table_iter_init(&iter, node->clients);
    while (g_hash_table_iter_next(&iter, NULL, &client)) {
        g_ptr_array_add(list, client);
    }
    g_ptr_array_sort(list, compare_clients);
    return list;
}

/* The node is up: what clients asked meanwhile is answered, in the order they came. */
void
orr_node_clients_up(OrrNode *node, OrrEffects *out)
{
    g_autoptr(GPtrArray) list = orr_clients_sorted(node);

    for (guint i = 0; i < list->len; i++) {
        OrrClient *client = g_ptr_array_index(list, i);

        if (client->input->len > 0) {
            orr_client_process(node, client, out);
        }
    }
}
