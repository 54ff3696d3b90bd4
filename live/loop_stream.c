/* loop_stream.c - connections: one read buffer for all, what is written collected per turn. */
#include "loop_private.h"

#include <errno.h>
#include <netinet/tcp.h>

#define END_TIMEOUT_MS 10000u   /* for the last bytes to be taken */
#define KEEPALIVE_S 60u         /* until somebody says otherwise */
#define BUFFER_KEPT (64u << 10) /* bytes of an empty output buffer that are not given back */

struct LiveListener {
    uv_tcp_t uv;
    LiveLoop *loop;
    void (*accepted)(void *user, LiveStream *stream);
    void *user;
    unsigned keepalive_s;
};

static LiveStream *
stream_new(LiveLoop *loop)
{
    LiveStream *stream = g_new0(LiveStream, 1);

    stream->loop = loop;
    stream->queue = g_byte_array_new();
    stream->read_size = LIVE_READ_MAX;
    g_assert(uv_tcp_init(&loop->uv, &stream->uv) == 0);
    stream->uv.data = stream;
    stream->connect.data = stream;
    stream->write.data = stream;
    return stream;
}

static void
on_closed(uv_handle_t *handle)
{
    LiveStream *stream = handle->data;

    if (!stream->dropped && stream->handlers.closed != NULL) {
        stream->handlers.closed(stream->user, stream->error);
    }
    if (stream->dirty) {
        g_ptr_array_remove_fast(stream->loop->dirty, stream);
    }
    g_byte_array_unref(stream->queue);
    if (stream->sending != NULL) {
        g_byte_array_unref(stream->sending);
    }
    live_secure_free(stream);
    g_free(stream);
}

static void
close_with(LiveStream *stream, int error)
{
    if (!stream->closing) {
        stream->closing = true;
        stream->error = error != 0 ? error : stream->error;
        live_secure_close(stream);
        uv_close((uv_handle_t *)&stream->uv, on_closed);
    }
}

void
live_stream_make_dirty(LiveStream *stream)
{
    if (!stream->dirty && !stream->closing) {
        stream->dirty = true;
        g_ptr_array_add(stream->loop->dirty, stream);
    }
}

/* Bytes that the other end does not take for so long end the connection. */
static void
set_timeout(LiveStream *stream, unsigned timeout_ms)
{
    uv_os_fd_t fd;

    if (uv_fileno((uv_handle_t *)&stream->uv, &fd) == 0) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
    }
}

/* Sending */

static void
on_written(uv_write_t *request, int status)
{
    LiveStream *stream = request->data;

    g_byte_array_unref(stream->sending);
    stream->sending = NULL;
    if (status < 0) {
        close_with(stream, -status);
    } else if (stream->queue->len > 0 || stream->ending) {
        live_stream_make_dirty(stream);
    }
    if (!stream->closing && stream->handlers.sent != NULL) {
        stream->handlers.sent(stream->user);
    }
}

/* What the other end does not take now is handed to the loop, which waits for it. */
static void
send_rest(LiveStream *stream, guint sent)
{
    uv_buf_t buffer =
        uv_buf_init((char *)stream->queue->data + sent, stream->queue->len - sent);
    int status;

    if (stream->ending) {
        set_timeout(stream, END_TIMEOUT_MS);
    }
    stream->sending = stream->queue;
    stream->queue = g_byte_array_new();
    status = uv_write(&stream->write, (uv_stream_t *)&stream->uv, &buffer, 1, on_written);
    if (status < 0) {
        g_byte_array_unref(stream->sending);
        stream->sending = NULL;
        close_with(stream, -status);
    }
}

static void
empty_queue(LiveStream *stream)
{
    if (stream->queue->len > BUFFER_KEPT) {
        g_byte_array_unref(stream->queue);
        stream->queue = g_byte_array_new();
    } else {
        g_byte_array_set_size(stream->queue, 0);
    }
}

static void
flush(LiveStream *stream)
{
    uv_buf_t buffer;
    int sent;

    if (stream->closing || stream->connecting || stream->sending != NULL) {
        return;
    }
    if (stream->queue->len > 0) {
        buffer = uv_buf_init((char *)stream->queue->data, stream->queue->len);
        sent = uv_try_write((uv_stream_t *)&stream->uv, &buffer, 1);
        if (sent < 0 && sent != UV_EAGAIN) {
            close_with(stream, -sent);
            return;
        }
        if (sent < 0 || (guint)sent < stream->queue->len) {
            send_rest(stream, sent < 0 ? 0 : (guint)sent);
            return;
        }
        empty_queue(stream);
        if (stream->handlers.sent != NULL) {
            stream->handlers.sent(stream->user);
        }
    }
    if (stream->ending) {
        close_with(stream, 0);
    }
}

void
live_streams_flush(LiveLoop *loop)
{
    GPtrArray *list = loop->dirty;

    loop->dirty = loop->spare;
    loop->spare = list;
    for (guint i = 0; i < list->len; i++) {
        LiveStream *stream = g_ptr_array_index(list, i);

        stream->dirty = false;
        flush(stream);
    }
    g_ptr_array_set_size(list, 0);
}

void
live_stream_write(LiveStream *stream, OrrBytes bytes)
{
    if (stream->closing || stream->ending) {
        return;
    }
    if (stream->tls != NULL) {
        live_secure_write(stream, bytes);
        return;
    }
    g_byte_array_append(stream->queue, bytes.data, (guint)bytes.size);
    live_stream_make_dirty(stream);
}

size_t
live_stream_pending(const LiveStream *stream)
{
    return stream->queue->len + (stream->sending != NULL ? stream->sending->len : 0) +
           (stream->tls != NULL ? live_tls_waiting(stream->tls) : 0);
}

/* Reading */

static void
on_room(uv_handle_t *handle, size_t wanted, uv_buf_t *buffer)
{
    const LiveStream *stream = handle->data;

    (void)wanted;
    *buffer = uv_buf_init(stream->loop->read_buffer, stream->read_size);
}

static void
on_read(uv_stream_t *handle, ssize_t size, const uv_buf_t *buffer)
{
    LiveStream *stream = handle->data;

    if (stream->closing || size == 0) {
        return;
    }
    if (size < 0) {
        close_with(stream, size == UV_EOF ? 0 : (int)-size);
        return;
    }
    if (stream->tls != NULL) {
        live_secure_read(stream, orr_bytes(buffer->base, (size_t)size));
    } else {
        stream->handlers.bytes(stream->user, orr_bytes(buffer->base, (size_t)size));
    }
}

void
live_stream_pause(LiveStream *stream, bool pause)
{
    if (stream->closing || stream->ending) {
        return;
    }
    if (pause) {
        (void)uv_read_stop((uv_stream_t *)&stream->uv);
    } else {
        int status = uv_read_start((uv_stream_t *)&stream->uv, on_room, on_read);

        if (status < 0 && status != UV_EALREADY) {
            close_with(stream, -status);
        }
    }
}

void
live_stream_set_read_size(LiveStream *stream, size_t size)
{
    stream->read_size = (unsigned)MIN(size, (size_t)LIVE_READ_MAX);
}

void
live_stream_start(LiveStream *stream, const LiveStreamHandlers *handlers, void *user)
{
    stream->handlers = *handlers;
    stream->user = user;
    live_stream_pause(stream, false);
}

void
live_stream_end(LiveStream *stream)
{
    if (!stream->closing && !stream->ending) {
        (void)uv_read_stop((uv_stream_t *)&stream->uv);
        if (stream->tls != NULL) {
            live_secure_end(stream);
        }
        live_stream_make_dirty(stream);
        stream->ending = true;
        if (stream->sending != NULL) {
            set_timeout(stream, END_TIMEOUT_MS);
        }
    }
}

void
live_stream_break(LiveStream *stream, int error)
{
    close_with(stream, error);
}

void
live_stream_drop(LiveStream *stream)
{
    stream->dropped = true;
    close_with(stream, 0);
}

void
live_stream_peer(const LiveStream *stream, OrrAddress *address)
{
    LiveSocketAddress name;
    int size = sizeof name;

    memset(&name, 0, sizeof name);
    if (uv_tcp_getpeername(&stream->uv, &name.any, &size) == 0) {
        live_address_of_socket(&name, address);
    } else {
        memset(address, 0, sizeof *address);
    }
    address->bus_port = 0;
}

static void
take_name(const LiveSocketAddress *name, bool known, OrrAddress *address)
{
    memset(address, 0, sizeof *address);
    if (known) {
        live_address_of_socket(name, address);
        address->port = address->bus_port;
        address->bus_port = 0;
    }
}

void
live_stream_names(const LiveStream *stream, OrrAddress *remote, OrrAddress *local)
{
    LiveSocketAddress name;
    int size = sizeof name;

    memset(&name, 0, sizeof name);
    take_name(&name, uv_tcp_getpeername(&stream->uv, &name.any, &size) == 0, remote);
    size = sizeof name;
    take_name(&name, uv_tcp_getsockname(&stream->uv, &name.any, &size) == 0, local);
}

/* Beginning */

static void
on_connected(uv_connect_t *request, int status)
{
    LiveStream *stream = request->data;

    stream->connecting = false;
    if (stream->closing) {
        return;
    }
    if (status < 0) {
        close_with(stream, -status);
        return;
    }
    if (stream->tls != NULL) {
        live_secure_begin(stream);
    } else if (stream->handlers.connected != NULL) {
        stream->handlers.connected(stream->user);
    }
    live_stream_pause(stream, false);
    live_stream_make_dirty(stream);
}

LiveStream *
live_stream_connect(LiveLoop *loop, const OrrAddress *address, uint16_t port,
                    unsigned timeout_ms, const LiveStreamHandlers *handlers, void *user)
{
    LiveStream *stream = stream_new(loop);
    LiveSocketAddress to;
    int status;

    stream->handlers = *handlers;
    stream->user = user;
    stream->connecting = stream->calling = true;
    (void)live_socket_address(address, port, &to);
    (void)uv_tcp_nodelay(&stream->uv, 1);
    status = uv_tcp_connect(&stream->connect, &stream->uv, &to.any, on_connected);
    if (status < 0) {
        close_with(stream, -status);
    } else {
        set_timeout(stream, timeout_ms);
    }
    return stream;
}

static void
on_connection(uv_stream_t *handle, int status)
{
    LiveListener *listener = handle->data;
    LiveStream *stream;

    if (status < 0) {
        return; /* out of descriptors, or gone already: the next one will do better */
    }
    stream = stream_new(listener->loop);
    if (uv_accept(handle, (uv_stream_t *)&stream->uv) < 0) {
        live_stream_drop(stream);
        return;
    }
    (void)uv_tcp_nodelay(&stream->uv, 1);
    (void)uv_tcp_keepalive(&stream->uv, listener->keepalive_s > 0, listener->keepalive_s);
    listener->accepted(listener->user, stream);
}

void
live_listener_keepalive(LiveListener *listener, unsigned seconds)
{
    listener->keepalive_s = seconds;
}

static void
free_listener(uv_handle_t *handle)
{
    g_free(handle->data);
}

LiveListener *
live_listen(LiveLoop *loop, const OrrAddress *address, uint16_t port, unsigned backlog,
            void (*accepted)(void *user, LiveStream *stream), void *user, char **why)
{
    LiveListener *listener = g_new0(LiveListener, 1);
    LiveSocketAddress at;
    char ip[ORR_ADDRESS_TEXT_SIZE];
    int status;

    *listener = (LiveListener){
        .loop = loop, .accepted = accepted, .user = user, .keepalive_s = KEEPALIVE_S};
    (void)live_socket_address(address, port, &at);
    g_assert(uv_tcp_init(&loop->uv, &listener->uv) == 0);
    listener->uv.data = listener;
    status = uv_tcp_bind(&listener->uv, &at.any, 0);
    if (status == 0) {
        status = uv_listen((uv_stream_t *)&listener->uv, (int)backlog, on_connection);
    }
    if (status == 0) {
        return listener;
    }
    orr_address_format_ip(address, ip);
    *why = g_strdup_printf("cannot listen on %s:%u: %s", ip, port, g_strerror(-status));
    live_listener_close(listener);
    return NULL;
}

void
live_listener_close(LiveListener *listener)
{
    if (listener != NULL) {
        uv_close((uv_handle_t *)&listener->uv, free_listener);
    }
}
