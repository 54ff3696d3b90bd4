/* client_idle.c - clients that ask nothing for `timeout` are closed. Subscribers listen, and
 * who waits for an answer of ours is not idle. */
#include "node/clients/client.h"

#define SWEEP_PAUSE ORR_NS_PER_S /* between two looks at all clients, at least */

static bool
may_be_idle(const OrrClient *client)
{
    return client->subscriptions == NULL && !client->monitor && !client->closing &&
           client->waiting == ORR_CLIENT_GOES_ON;
}

void
orr_client_idle_begin(OrrNode *node)
{
    OrrTime timeout = node->config.settings.client_timeout_ns;

    if (timeout > 0) {
        node->idle_at = MIN(node->idle_at, node->now.mono_ns + timeout);
    }
}

/* Closes who was silent too long; the next look is when the next one may be. */
void
orr_node_idle_time(OrrNode *node, OrrEffects *out)
{
    OrrTime now_ns = node->now.mono_ns;
    OrrTime timeout = node->config.settings.client_timeout_ns;
    OrrTime next = ORR_NEVER;

    if (now_ns < node->idle_at) {
        return;
    }
    node->idle_at = ORR_NEVER;
    if (timeout == 0) {
        return;
    }
    g_autoptr(GPtrArray) clients = orr_clients_sorted(node);

    for (guint i = 0; i < clients->len; i++) {
        OrrClient *client = g_ptr_array_index(clients, i);

        if (!may_be_idle(client)) {
            next = MIN(next, now_ns + timeout);
        } else if (now_ns - client->active_at >= timeout) {
            orr_client_kill(node, client, out);
        } else {
            next = MIN(next, client->active_at + timeout);
        }
    }
    node->idle_at = next == ORR_NEVER ? ORR_NEVER : MAX(next, now_ns + SWEEP_PAUSE);
}
