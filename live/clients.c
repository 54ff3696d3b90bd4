#include "clients.h"

#include <errno.h>
#include <glib.h>

typedef struct Client {
    uint64_t id;
    LiveClients *clients;
    LiveStream *stream;
    size_t counted; /* of its waiting bytes, in clients->waiting */
    bool paused;
    bool more; /* the node has more answers for it; it is in clients->partly */
} Client;

struct LiveClients {
    LiveListener *listener;
    LiveClientsHandlers handlers;
    void *user;
    GHashTable *by_id;
    uint64_t last_id;
    size_t waiting;    /* bytes of all */
    GPtrArray *partly; /* of Client: those whose answers are not complete */
};

static void
count_waiting(Client *client)
{
    size_t now = live_stream_pending(client->stream);

    client->clients->waiting += now - client->counted;
    client->counted = now;
}

static void
on_bytes(void *user, OrrBytes bytes)
{
    Client *client = user;

    client->clients->handlers.request(client->clients->user, client->id, bytes);
}

static void
on_sent(void *user)
{
    Client *client = user;

    count_waiting(client);
    if (client->paused && client->counted < LIVE_CLIENT_PAUSE / 4) {
        client->paused = false;
        live_stream_pause(client->stream, client->more);
    }
}

static void
forget(Client *client)
{
    client->clients->waiting -= client->counted;
    if (client->more) {
        (void)g_ptr_array_remove(client->clients->partly, client);
    }
    (void)g_hash_table_remove(client->clients->by_id, &client->id);
}

static void
on_closed(void *user, int error)
{
    Client *client = user;
    LiveClients *clients = client->clients;
    uint64_t id = client->id;

    (void)error;
    forget(client);
    clients->handlers.down(clients->user, id);
}

static void
on_closed_unheard(void *user, int error)
{
    (void)user;
    (void)error;
}

static const LiveStreamHandlers HANDLERS = {NULL, on_bytes, on_sent, on_closed};

static void
ignore_bytes(void *user, OrrBytes bytes)
{
    (void)user;
    (void)bytes;
}

/* One too many: it is told, and goes. */
static void
turn_away(LiveStream *stream)
{
    static const LiveStreamHandlers handlers = {NULL, ignore_bytes, NULL, on_closed_unheard};

    live_stream_start(stream, &handlers, NULL);
    live_stream_write(stream, orr_bytes_of_string("-ERR max number of clients reached\r\n"));
    live_stream_end(stream);
}

static void
on_accepted(void *user, LiveStream *stream)
{
    LiveClients *clients = user;
    uint64_t id = ++clients->last_id;
    OrrAddress remote;
    OrrAddress local;
    Client *client;

    live_stream_names(stream, &remote, &local);
    if (clients->handlers.up(clients->user, id, &remote, &local) != ORR_OK) {
        turn_away(stream);
        return;
    }
    client = g_new0(Client, 1);
    client->id = id;
    client->clients = clients;
    client->stream = stream;
    g_hash_table_insert(clients->by_id, &client->id, client);
    live_stream_set_read_size(stream, LIVE_CLIENT_READ);
    live_stream_start(stream, &HANDLERS, client);
}

void
live_clients_reply(LiveClients *clients, uint64_t id, OrrBytes bytes, bool close, bool more)
{
    Client *client = g_hash_table_lookup(clients->by_id, &id);

    if (client == NULL) {
        return;
    }
    if (bytes.size > 0) {
        live_stream_write(client->stream, bytes);
        if (client->counted > 0 || live_stream_pending(client->stream) > LIVE_CLIENT_PAUSE) {
            count_waiting(client);
        }
    }
    if (client->counted > LIVE_CLIENT_OUTPUT_MAX ||
        (client->counted > LIVE_CLIENT_PAUSE && clients->waiting > LIVE_CLIENTS_OUTPUT_MAX)) {
        live_stream_break(client->stream, ENOBUFS);
    } else if (close) {
        live_stream_end(client->stream);
    } else if (client->counted > LIVE_CLIENT_PAUSE && !client->paused) {
        client->paused = true;
        live_stream_pause(client->stream, true);
    }
    if (more && !client->more) {
        client->more = true;
        live_stream_pause(client->stream, true);
        g_ptr_array_add(clients->partly, client);
    }
}

bool
live_clients_resume(LiveClients *clients)
{
    guint count = clients->partly->len; /* those that are added meanwhile come later */
    bool any = false;

    for (guint i = 0; i < count && clients->partly->len > 0; i++) {
        Client *client = g_ptr_array_steal_index(clients->partly, 0);

        if (live_stream_pending(client->stream) >= LIVE_CLIENT_PAUSE / 4) {
            g_ptr_array_add(clients->partly, client);
            continue;
        }
        any = true;
        client->more = false;
        live_stream_pause(client->stream, client->paused);
        clients->handlers.request(clients->user, client->id, ORR_BYTES_EMPTY);
    }
    return any;
}

void
live_clients_push(LiveClients *clients, uint64_t id, OrrBytes bytes)
{
    Client *client = g_hash_table_lookup(clients->by_id, &id);

    if (client == NULL) {
        return;
    }
    live_stream_write(client->stream, bytes);
    if (client->counted > 0 || live_stream_pending(client->stream) > LIVE_CLIENT_PAUSE) {
        count_waiting(client);
    }
    if (client->counted > LIVE_CLIENT_PUSHED_MAX) {
        live_stream_break(client->stream, ENOBUFS);
    }
}

LiveClients *
live_clients_new(LiveLoop *loop, const OrrAddress *bind, const LiveClientsHandlers *handlers,
                 void *user, char **why)
{
    LiveClients *clients = g_new0(LiveClients, 1);

    clients->handlers = *handlers;
    clients->user = user;
    clients->by_id = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
    clients->partly = g_ptr_array_new();
    clients->listener = live_listen(loop, bind, bind->port, on_accepted, clients, why);
    if (clients->listener == NULL) {
        live_clients_free(clients);
        return NULL;
    }
    return clients;
}

void
live_clients_stop(LiveClients *clients)
{
    live_listener_close(clients->listener);
    clients->listener = NULL;
}

static void
drop_client(gpointer key, gpointer value, gpointer user)
{
    (void)key;
    (void)user;
    live_stream_drop(((Client *)value)->stream);
}

void
live_clients_free(LiveClients *clients)
{
    if (clients != NULL) {
        live_clients_stop(clients);
        g_hash_table_foreach(clients->by_id, drop_client, NULL);
        g_hash_table_unref(clients->by_id);
        g_ptr_array_unref(clients->partly);
        g_free(clients);
    }
}
