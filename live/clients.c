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
    LiveClientClass class;
    OrrTime soft_since; /* over the soft limit of its class; 0: it is not */
} Client;

struct LiveClients {
    LiveListener *listener;     /* NULL: none */
    LiveListener *tls_listener; /* NULL: none */
    LiveTls *tls;               /* of those who come there */
    LiveOutputLimit limits[LIVE_CLASSES];
    LiveTimer *soft_timer;
    GPtrArray *soft; /* of Client: those over a soft limit */
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

/* Limits */

static void
leave_soft(Client *client)
{
    if (client->soft_since != 0) {
        client->soft_since = 0;
        (void)g_ptr_array_remove_fast(client->clients->soft, client);
    }
}

static void
note_soft(Client *client)
{
    LiveClients *clients = client->clients;
    const LiveOutputLimit *limit = &clients->limits[client->class];

    if (limit->soft == 0 || client->counted <= limit->soft) {
        leave_soft(client);
    } else if (client->soft_since == 0) {
        client->soft_since = live_loop_mono_ns();
        g_ptr_array_add(clients->soft, client);
        if (clients->soft->len == 1) {
            live_timer_set(clients->soft_timer, client->soft_since + LIVE_CLIENT_SOFT_CHECK);
        }
    }
}

/* True: too much waits for it, and it is being closed. */
static bool
is_cut_off(Client *client)
{
    const LiveClients *clients = client->clients;
    const LiveOutputLimit *limit = &clients->limits[client->class];
    bool over = limit->hard > 0 && client->counted > limit->hard;
    bool all =
        client->counted > LIVE_CLIENT_PAUSE && clients->waiting > LIVE_CLIENTS_OUTPUT_MAX;

    note_soft(client);
    if (over || all) {
        live_stream_break(client->stream, ENOBUFS);
    }
    return over || all;
}

static void
on_soft(void *user)
{
    LiveClients *clients = user;
    OrrTime now_ns = live_loop_mono_ns();

    for (guint i = clients->soft->len; i-- > 0;) {
        Client *client = g_ptr_array_index(clients->soft, i);

        count_waiting(client);
        note_soft(client);
        if (client->soft_since != 0 &&
            now_ns - client->soft_since >= clients->limits[client->class].soft_ns) {
            live_stream_break(client->stream, ENOBUFS);
        }
    }
    if (clients->soft->len > 0) {
        live_timer_set(clients->soft_timer, now_ns + LIVE_CLIENT_SOFT_CHECK);
    }
}

/* Connections */

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
    note_soft(client);
    if (client->paused && client->counted < LIVE_CLIENT_PAUSE / 4) {
        client->paused = false;
        live_stream_pause(client->stream, client->more);
    }
}

static void
forget(Client *client)
{
    client->clients->waiting -= client->counted;
    leave_soft(client);
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
accept_stream(LiveClients *clients, LiveStream *stream)
{
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

static void
on_accepted(void *user, LiveStream *stream)
{
    accept_stream(user, stream);
}

static void
on_accepted_tls(void *user, LiveStream *stream)
{
    LiveClients *clients = user;

    live_stream_secure(stream, live_tls_session_new(clients->tls, LIVE_TLS_OF_CLIENT));
    accept_stream(clients, stream);
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
    if (is_cut_off(client)) {
        return;
    }
    if (close) {
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
    client->class = LIVE_CLASS_PUBSUB;
    live_stream_write(client->stream, bytes);
    if (client->counted > 0 || live_stream_pending(client->stream) > LIVE_CLIENT_PAUSE) {
        count_waiting(client);
    }
    (void)is_cut_off(client);
}

void
live_clients_change(LiveClients *clients, const LiveOptions *options, LiveTls *tls)
{
    clients->tls = tls;
    memcpy(clients->limits, options->output, sizeof clients->limits);
    if (clients->listener != NULL) {
        live_listener_keepalive(clients->listener, options->keepalive_s);
    }
    if (clients->tls_listener != NULL) {
        live_listener_keepalive(clients->tls_listener, options->keepalive_s);
    }
}

static bool
listen_to_all(LiveClients *clients, LiveLoop *loop, const LiveOptions *options, char **why)
{
    const OrrAddress *bind = &options->bind;

    if (bind->port != 0) {
        clients->listener =
            live_listen(loop, bind, bind->port, options->backlog, on_accepted, clients, why);
    }
    if (options->tls.port != 0 && (bind->port == 0 || clients->listener != NULL)) {
        clients->tls_listener = live_listen(loop, bind, options->tls.port, options->backlog,
                                            on_accepted_tls, clients, why);
    }
    return (bind->port == 0 || clients->listener != NULL) &&
           (options->tls.port == 0 || clients->tls_listener != NULL);
}

LiveClients *
live_clients_new(LiveLoop *loop, const LiveOptions *options, LiveTls *tls,
                 const LiveClientsHandlers *handlers, void *user, char **why)
{
    LiveClients *clients = g_new0(LiveClients, 1);

    clients->handlers = *handlers;
    clients->user = user;
    clients->by_id = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, g_free);
    clients->partly = g_ptr_array_new();
    clients->soft = g_ptr_array_new();
    clients->soft_timer = live_timer_new(loop, on_soft, clients);
    if (!listen_to_all(clients, loop, options, why)) {
        live_clients_free(clients);
        return NULL;
    }
    live_clients_change(clients, options, tls);
    return clients;
}

void
live_clients_stop(LiveClients *clients)
{
    live_listener_close(clients->listener);
    live_listener_close(clients->tls_listener);
    clients->listener = clients->tls_listener = NULL;
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
        g_ptr_array_unref(clients->soft);
        live_timer_set(clients->soft_timer, ORR_NEVER);
        g_free(clients);
    }
}
