/* client_wait.c - clients that wait: for replicas (WAIT), for the end of a pause, for a peer.
 */
#include "node/clients/client.h"

void
orr_client_wait(OrrNode *node, OrrClient *client, OrrClientWait what, OrrTime until)
{
    client->waiting = what;
    client->wait_until = until;
    g_ptr_array_add(node->waiting, client);
}

void
orr_client_go_on(OrrNode *node, OrrClient *client, OrrEffects *out)
{
    (void)g_ptr_array_remove(node->waiting, client);
    client->waiting = ORR_CLIENT_GOES_ON;
    if (orr_reply_size(node->reply) > 0) {
        orr_node_answer(node, client->id, false, out);
    }
    orr_client_process(node, client, out);
}

/* Pauses */

bool
orr_client_is_paused(const OrrNode *node, uint32_t flags)
{
    const uint32_t writes = ORR_COMMAND_WRITE | ORR_COMMAND_PUBSUB;

    return node->now.mono_ns < node->clients_paused_until &&
           (!node->pause_writes_only || (flags & writes) != 0);
}

void
orr_clients_pause(OrrNode *node, OrrTime until, bool writes_only)
{
    bool paused = node->now.mono_ns < node->clients_paused_until;

    node->pause_writes_only = writes_only && (!paused || node->pause_writes_only);
    node->clients_paused_until = paused ? MAX(node->clients_paused_until, until) : until;
}

void
orr_clients_unpause(OrrNode *node)
{
    node->clients_paused_until = 0;
    node->pause_writes_only = false;
}

/* Time */

static bool
is_over(const OrrNode *node, const OrrClient *client)
{
    switch (client->waiting) {
    case ORR_CLIENT_WAITS_FOR_REPLICAS:
        return node->now.mono_ns >= client->wait_until ||
               orr_replication_acked(node->replication, client->wait_offset) >=
                   client->wait_replicas;
    case ORR_CLIENT_WAITS_FOR_UNPAUSE:
        return node->now.mono_ns >= node->clients_paused_until;
    case ORR_CLIENT_WAITS_FOR_SAVE:
        return !orr_log_snapshotting(node->log);
    case ORR_CLIENT_WAITS_FOR_KEY:
    case ORR_CLIENT_WAITS_FOR_PEER:
    case ORR_CLIENT_WAITS_FOR_HOST:
    case ORR_CLIENT_WAITS_FOR_ROOM:
    case ORR_CLIENT_GOES_ON:
        break;
    }
    return node->now.mono_ns >= client->wait_until;
}

void
orr_client_end_wait(OrrNode *node, OrrClient *client, OrrEffects *out)
{
    orr_reply_clear(node->reply);
    orr_reply_set_protocol(node->reply, client->protocol);
    switch (client->waiting) {
    case ORR_CLIENT_WAITS_FOR_REPLICAS:
        if (client->wait_refused) {
            client->wait_refused = false;
            orr_reply_error(node->reply, "UNBLOCKED client unblocked via CLIENT UNBLOCK");
            break;
        }
        orr_reply_integer(node->reply,
                          orr_replication_acked(node->replication, client->wait_offset));
        break;
    case ORR_CLIENT_WAITS_FOR_SAVE:
        if (node->save_failed) {
            orr_reply_error(node->reply, "ERR the snapshot could not be written");
        } else {
            orr_reply_ok(node->reply);
        }
        break;
    case ORR_CLIENT_WAITS_FOR_PEER:
        orr_reply_error(node->reply, "IOERR error or timeout waiting for another node");
        break;
    case ORR_CLIENT_WAITS_FOR_UNPAUSE:
    case ORR_CLIENT_WAITS_FOR_KEY:
    case ORR_CLIENT_WAITS_FOR_HOST:
    case ORR_CLIENT_WAITS_FOR_ROOM:
    case ORR_CLIENT_GOES_ON:
        break;
    }
    orr_client_go_on(node, client, out);
}

void
orr_node_clients_time(OrrNode *node, OrrEffects *out)
{
    for (guint i = 0; i < node->waiting->len;) {
        OrrClient *client = g_ptr_array_index(node->waiting, i);

        if (!is_over(node, client)) {
            i++;
            continue;
        }
        orr_client_end_wait(node, client, out);
        i = 0; /* the client may wait again */
    }
}

static OrrTime
due_at(const OrrNode *node, const OrrClient *client)
{
    if (client->waiting == ORR_CLIENT_WAITS_FOR_UNPAUSE) {
        return node->clients_paused_until;
    }
    if (client->waiting == ORR_CLIENT_WAITS_FOR_SAVE) {
        return orr_log_snapshotting(node->log) ? ORR_NEVER : 0;
    }
    return client->wait_until;
}

OrrTime
orr_node_clients_deadline(const OrrNode *node)
{
    OrrTime deadline = ORR_NEVER;

    for (guint i = 0; i < node->waiting->len; i++) {
        const OrrClient *client = g_ptr_array_index(node->waiting, i);

        deadline = MIN(deadline, due_at(node, client));
    }
    return deadline;
}
