/* client_later.c - answers that come later, and commands that are tried again: a client whose
 * key is on its way to another node is parked, its command unread; one whose command takes
 * another node to answer waits for a peer. What they send meanwhile waits with them, so
 * pipelines keep their order. All of it goes on at the end of a step, never inside of another
 * client's command. */
#include "node/clients/client.h"

#include "node/moves/forward.h"

#define PARK_MAX (2 * ORR_NS_PER_S) /* then the client is told to try again itself */

typedef struct LaterAnswer {
    uint64_t client;
    GBytes *reply; /* as it goes out; or NULL: */
    char *error;   /* or NULL: OK */
} LaterAnswer;

static void
clear_answer(gpointer data)
{
    LaterAnswer *answer = data;

    g_clear_pointer(&answer->reply, g_bytes_unref);
    g_clear_pointer(&answer->error, g_free);
}

static GArray *
new_answers(void)
{
    GArray *answers = g_array_new(false, true, sizeof(LaterAnswer));

    g_array_set_clear_func(answers, clear_answer);
    return answers;
}

/* Parking */

bool
orr_client_park(OrrNode *node, OrrClient *client)
{
    if (orr_forward_is_guest(node, client)) {
        return false; /* whoever forwarded it asks again */
    }
    if (client->park_until == 0) {
        client->park_until =
            node->now.mono_ns + MIN(PARK_MAX, node->config.settings.node_timeout_ns);
    }
    if (node->now.mono_ns >= client->park_until) {
        client->park_until = 0;
        return false;
    }
    orr_client_wait(node, client, ORR_CLIENT_WAITS_FOR_KEY, client->park_until);
    node->parked++;
    return true;
}

void
orr_node_unpark(OrrNode *node)
{
    node->parked_may_go = true;
}

static void
try_parked(OrrNode *node, OrrEffects *out)
{
    g_autoptr(GArray) ids = g_array_new(false, false, sizeof(uint64_t));

    for (guint i = 0; i < node->waiting->len; i++) {
        const OrrClient *client = g_ptr_array_index(node->waiting, i);

        if (client->waiting == ORR_CLIENT_WAITS_FOR_KEY) {
            g_array_append_val(ids, client->id);
        }
    }
    node->parked = 0;
    for (guint i = 0; i < ids->len; i++) {
        OrrClient *client = orr_client_find(node, g_array_index(ids, uint64_t, i));

        if (client != NULL && client->waiting == ORR_CLIENT_WAITS_FOR_KEY) {
            orr_client_end_wait(node, client, out);
        }
    }
}

/* Answers that come later */

static void
add_answer(OrrNode *node, LaterAnswer answer)
{
    if (node->answers == NULL) {
        node->answers = new_answers();
    }
    g_array_append_val(node->answers, answer);
}

void
orr_client_answer_later(OrrNode *node, uint64_t client, const char *error)
{
    add_answer(node, (LaterAnswer){client, NULL, g_strdup(error)});
}

void
orr_client_reply_later(OrrNode *node, uint64_t client, OrrBytes reply)
{
    add_answer(node, (LaterAnswer){client, g_bytes_new(reply.data, reply.size), NULL});
}

static void
give_answer(OrrNode *node, const LaterAnswer *answer, OrrEffects *out)
{
    OrrClient *client = orr_client_find(node, answer->client);

    if (client == NULL || client->waiting != ORR_CLIENT_WAITS_FOR_PEER) {
        return;
    }
    orr_reply_clear(node->reply);
    orr_reply_set_protocol(node->reply, client->protocol);
    if (answer->reply != NULL) {
        gsize size = 0;
        const void *bytes = g_bytes_get_data(answer->reply, &size);

        orr_reply_raw(node->reply, orr_bytes(bytes, size));
    } else if (answer->error != NULL) {
        orr_reply_error(node->reply, answer->error);
    } else {
        orr_reply_ok(node->reply);
    }
    orr_client_go_on(node, client, out);
}

/* Steps */

static void
give_answers(OrrNode *node, OrrEffects *out)
{
    g_autoptr(GArray) answers = g_steal_pointer(&node->answers);

    for (guint i = 0; i < answers->len; i++) {
        give_answer(node, &g_array_index(answers, LaterAnswer, i), out);
    }
}

void
orr_node_later_settle(OrrNode *node, OrrEffects *out)
{
    if (node->clients_kept) {
        node->clients_kept = false;
        orr_node_clients_up(node, out);
    }
    if (node->answers != NULL) {
        give_answers(node, out);
    }
    if (node->parked_may_go && node->parked > 0) {
        node->parked_may_go = false;
        try_parked(node, out);
    }
    node->parked_may_go = false;
}

OrrTime
orr_node_later_deadline(const OrrNode *node)
{
    return node->answers != NULL ? node->now.mono_ns : ORR_NEVER;
}

void
orr_node_later_free(OrrNode *node)
{
    g_clear_pointer(&node->answers, g_array_unref);
}
