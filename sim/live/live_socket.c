/* Connections of clients to processes, and what a cut link does to them. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "live_state.h"
#include "operator.h"

typedef struct SimSocket {
    SimWatch watch; /* fd -1 and not ended: its SYN is swallowed */
    SimConnection number;
    SimEndpoint place;
    uint32_t host;
    GByteArray *out;
    bool stands;
    bool cut_in;
    bool cut_out;
    bool is_operator;
} SimSocket;

int
sim_live_dial(const OrrAddress *address, uint16_t port)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;

    memcpy(&name.sin_addr, address->ip + 12, 4);
    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (struct sockaddr *)&name, sizeof name) != 0 && errno != EINPROGRESS) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* ---- state */

static uint32_t
interest(const SimSocket *connection)
{
    uint32_t events = connection->cut_in ? 0 : EPOLLIN;

    if (!connection->stands || (connection->out->len > 0 && !connection->cut_out)) {
        events |= EPOLLOUT;
    }
    return events;
}

static void
update(SimSocket *connection)
{
    if (connection->watch.fd >= 0) {
        sim_watch_change(&connection->watch, interest(connection));
    }
}

static void
release(SimWatch *watch)
{
    SimSocket *connection = (SimSocket *)(void *)watch;

    g_byte_array_unref(connection->out);
    g_free(connection);
}

static void
end(SimSocket *connection)
{
    SimLive *live = connection->watch.world->live;

    g_hash_table_remove(live->connections, &connection->number);
    if (connection->watch.fd >= 0) {
        sim_watch_end(&connection->watch);
    } else {
        g_ptr_array_add(live->graves, &connection->watch);
    }
}

static void
lose(SimSocket *connection, SimConnectionEvent event)
{
    SimWorld *world = connection->watch.world;
    SimConnection number = connection->number;
    bool is_operator = connection->is_operator;

    end(connection);
    if (!is_operator) {
        sim_clients_on_connection(world, number, event);
    }
}

static void
flush(SimSocket *connection)
{
    while (connection->stands && !connection->cut_out && connection->out->len > 0) {
        ssize_t sent = send(connection->watch.fd, connection->out->data, connection->out->len,
                            MSG_NOSIGNAL);

        if (sent <= 0) {
            break; /* later, or on_ready() learns of the end */
        }
        g_byte_array_remove_range(connection->out, 0, (guint)sent);
    }
    update(connection);
}

static void
take(SimSocket *connection, const char *data, size_t size)
{
    SimWorld *world = connection->watch.world;

    if (connection->is_operator) {
        sim_operator_on_reply(world, &world->hosts[connection->host], orr_bytes(data, size));
        end(connection);
    } else {
        sim_clients_on_stream(world, connection->number, orr_bytes(data, size));
    }
}

static void
on_ready(SimWatch *watch, uint32_t events)
{
    SimSocket *connection = (SimSocket *)(void *)watch;
    char buffer[65536];
    ssize_t size;
    int error = 0;
    socklen_t length = sizeof error;

    if (!connection->stands) {
        (void)getsockopt(watch->fd, SOL_SOCKET, SO_ERROR, &error, &length);
        if (error != 0) {
            lose(connection,
                 error == ECONNREFUSED ? SIM_CONNECTION_REFUSED : SIM_CONNECTION_DOWN);
            return;
        }
        connection->stands = true;
        if (!connection->is_operator) {
            sim_clients_on_connection(watch->world, connection->number, SIM_CONNECTION_UP);
        }
        if (watch->fd >= 0) {
            flush(connection);
        }
        return;
    }
    if ((events & EPOLLOUT) != 0) {
        flush(connection);
    }
    if (connection->cut_in) {
        return; /* also its end would not be heard of */
    }
    size = recv(watch->fd, buffer, sizeof buffer, 0);
    if (size > 0) {
        take(connection, buffer, (size_t)size);
    } else if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
        lose(connection, SIM_CONNECTION_DOWN);
    }
}

/* ---- opening */

static bool
is_cut(SimWorld *world, const SimSocket *connection, bool inward)
{
    SimEndpoint host = world->hosts[connection->host].endpoint;

    if (connection->is_operator || world->hosts[connection->host].process == SIM_PROCESS_OFF) {
        return false;
    }
    return inward ? sim_network_is_cut(world->network, host, connection->place)
                  : sim_network_is_cut(world->network, connection->place, host);
}

static void
dial(SimSocket *connection)
{
    SimWorld *world = connection->watch.world;
    const OrrAddress *address = &world->hosts[connection->host].address;

    if (connection->cut_in || connection->cut_out) {
        return; /* neither SYN nor refusal come through */
    }
    connection->watch.fd = sim_live_dial(address, address->port);
    if (connection->watch.fd >= 0) {
        sim_watch_begin(&connection->watch, interest(connection));
    } else {
        g_array_append_val(world->live->refused, connection->number);
    }
}

void
sim_live_tell_refused(SimWorld *world)
{
    GArray *refused = world->live->refused;
    guint count = refused->len; /* what is refused meanwhile has its turn later */

    for (guint i = 0; i < count; i++) {
        SimConnection number = g_array_index(refused, SimConnection, i);
        SimSocket *connection = g_hash_table_lookup(world->live->connections, &number);

        if (connection != NULL) {
            lose(connection, SIM_CONNECTION_REFUSED);
        }
    }
    g_array_remove_range(refused, 0, count);
}

static SimSocket *
open_socket(SimWorld *world, SimEndpoint place, uint32_t host, bool is_operator)
{
    SimSocket *connection = g_new0(SimSocket, 1);

    connection->watch = (SimWatch){-1, on_ready, release, world};
    connection->number = ++world->live->last_connection;
    connection->place = place;
    connection->host = host;
    connection->is_operator = is_operator;
    connection->out = g_byte_array_new();
    connection->cut_in = is_cut(world, connection, true);
    connection->cut_out = is_cut(world, connection, false);
    g_hash_table_insert(world->live->connections, &connection->number, connection);
    dial(connection);
    return connection;
}

SimConnection
sim_live_connect(SimWorld *world, SimEndpoint place, SimHost *host)
{
    return open_socket(world, place, host->index, false)->number;
}

void
sim_live_write(SimWorld *world, SimConnection number, OrrBytes bytes)
{
    SimSocket *connection = g_hash_table_lookup(world->live->connections, &number);

    if (connection != NULL) {
        g_byte_array_append(connection->out, bytes.data, (guint)bytes.size);
        flush(connection);
    }
}

void
sim_live_close(SimWorld *world, SimConnection number)
{
    SimSocket *connection = g_hash_table_lookup(world->live->connections, &number);

    if (connection != NULL) {
        end(connection);
    }
}

void
sim_live_operator(SimHost *host, OrrBytes bytes)
{
    SimSocket *connection = open_socket(host->world, 0, host->index, true);

    g_byte_array_append(connection->out, bytes.data, (guint)bytes.size);
}

void
sim_live_cut_sockets(SimWorld *world)
{
    g_autoptr(GList) all = g_hash_table_get_values(world->live->connections);

    for (GList *i = all; i != NULL; i = i->next) {
        SimSocket *connection = i->data;

        connection->cut_in = is_cut(world, connection, true);
        connection->cut_out = is_cut(world, connection, false);
        if (connection->watch.fd < 0) {
            dial(connection);
        } else {
            flush(connection);
        }
    }
}
