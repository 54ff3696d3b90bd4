#include "link.h"

#include <errno.h>
#include <glib.h>
#include <orrery/bus.h>

#define HELLO_SIZE 10u
#define HELLO_VERSION 1u

static const uint8_t HELLO_MAGIC[4] = {'O', 'R', 'R', 'H'};

typedef struct Peer Peer;

static bool is_cut(const LiveLink *link, const OrrAddress *peer);

/* One connection; `peer` is NULL until the hello has come. */
typedef struct Pipe {
    LiveLink *link;
    Peer *peer;
    LiveStream *stream;
    GByteArray *input; /* the beginning of a frame */
    bool stands;
} Pipe;

struct Peer {
    OrrAddress address;
    Pipe *ours;    /* that we called */
    Pipe *theirs;  /* that they called */
    Pipe *sending; /* the one of them that our frames go by, or NULL */
    bool up;
    OrrTime swallowed_ns; /* a frame for it was swallowed by the filter then; 0: none was */
};

struct LiveLink {
    LiveLoop *loop;
    OrrAddress self;
    LiveLinkHandlers handlers;
    void *user;
    LiveDatagram *datagram;
    LiveListener *listener;
    LiveTls *tls;      /* NULL: frames go as they are */
    GHashTable *peers; /* by address */
    GPtrArray *strangers;
    const LiveLinkFilter *filter; /* for tests, or NULL */
    LiveTimer *filter_timer;
    LiveLinkStatistics statistics;
};

static guint
hash_address(gconstpointer key)
{
    const OrrAddress *address = key;
    guint hash = address->bus_port;

    for (size_t i = 0; i < sizeof address->ip; i++) {
        hash = hash * 31 + address->ip[i];
    }
    return hash;
}

static gboolean
equal_addresses(gconstpointer a, gconstpointer b)
{
    return orr_address_compare(a, b) == 0;
}

static Peer *
find_or_add_peer(LiveLink *link, const OrrAddress *address)
{
    Peer *peer = g_hash_table_lookup(link->peers, address);

    if (peer == NULL && g_hash_table_size(link->peers) < LIVE_LINK_PEERS_MAX) {
        peer = g_new0(Peer, 1);
        peer->address = *address;
        g_hash_table_insert(link->peers, &peer->address, peer);
    }
    return peer;
}

static void
forget_peer(LiveLink *link, Peer *peer)
{
    if (peer->ours == NULL && peer->theirs == NULL) {
        g_hash_table_remove(link->peers, &peer->address);
    }
}

/* Pipes */

static void
free_pipe(Pipe *pipe)
{
    g_byte_array_unref(pipe->input);
    g_free(pipe);
}

static void
detach(Pipe *pipe)
{
    Peer *peer = pipe->peer;

    if (peer == NULL) {
        (void)g_ptr_array_remove(pipe->link->strangers, pipe);
        return;
    }
    peer->ours = peer->ours == pipe ? NULL : peer->ours;
    peer->theirs = peer->theirs == pipe ? NULL : peer->theirs;
    peer->sending = NULL;
    pipe->peer = NULL;
}

static void
drop_pipe(Pipe *pipe)
{
    detach(pipe);
    live_stream_drop(pipe->stream);
    free_pipe(pipe);
}

/* One of a peer's connections is gone: frames are missing, so the other goes, too. */
static void
break_peer(LiveLink *link, Peer *peer, OrrLinkState state)
{
    OrrAddress address = peer->address;

    link->statistics.links -= peer->up;
    link->statistics.breaks += peer->up;
    link->statistics.refusals += state == ORR_LINK_REFUSED;
    peer->up = false;
    if (peer->ours != NULL) {
        drop_pipe(peer->ours);
    }
    if (peer->theirs != NULL) {
        drop_pipe(peer->theirs);
    }
    forget_peer(link, peer);
    link->handlers.link(link->user, state, &address);
}

static void
on_closed(void *user, int error)
{
    Pipe *pipe = user;
    LiveLink *link = pipe->link;
    Peer *peer = pipe->peer;

    detach(pipe);
    free_pipe(pipe);
    if (peer != NULL) {
        break_peer(link, peer, error == ECONNREFUSED ? ORR_LINK_REFUSED : ORR_LINK_DOWN);
    }
}

static void
close_pipe(Pipe *pipe)
{
    LiveLink *link = pipe->link;
    Peer *peer = pipe->peer;

    if (peer == NULL) {
        drop_pipe(pipe);
    } else {
        break_peer(link, peer, ORR_LINK_DOWN);
    }
}

static void
stand(Pipe *pipe)
{
    Peer *peer = pipe->peer;

    pipe->stands = true;
    if (!peer->up) {
        peer->up = true;
        pipe->link->statistics.links++;
        pipe->link->handlers.link(pipe->link->user, ORR_LINK_UP, &peer->address);
    }
}

static void
count(LiveLink *link, OrrLane lane, bool out, size_t size)
{
    link->statistics.frames[lane][out]++;
    link->statistics.bytes[lane][out] += size;
}

/* Bytes that come in */

/* The hello at the front of a stranger's bytes. False: the pipe is gone. */
static bool
take_hello(Pipe *pipe)
{
    const uint8_t *data = pipe->input->data;
    LiveLink *link = pipe->link;
    OrrAddress address;
    Peer *peer;

    live_stream_peer(pipe->stream, &address);
    address.bus_port = (uint16_t)(data[6] | data[7] << 8);
    address.port = (uint16_t)(data[8] | data[9] << 8);
    if (memcmp(data, HELLO_MAGIC, sizeof HELLO_MAGIC) != 0 || data[4] != HELLO_VERSION ||
        address.bus_port == 0 || is_cut(link, &address) ||
        (peer = find_or_add_peer(link, &address)) == NULL) {
        drop_pipe(pipe);
        return false;
    }
    if (peer->theirs != NULL) { /* it began anew, and the end of the old one is still to come */
        break_peer(link, peer, ORR_LINK_DOWN);
        peer = find_or_add_peer(link, &address);
    }
    (void)g_ptr_array_remove(link->strangers, pipe);
    g_byte_array_remove_range(pipe->input, 0, HELLO_SIZE);
    pipe->peer = peer;
    peer->theirs = pipe;
    peer->sending = peer->sending == NULL ? pipe : peer->sending;
    stand(pipe);
    return true;
}

/* Hands whole frames on. The bytes that are left, or SIZE_MAX: this is no frame of ours. */
static size_t
take_frames(Pipe *pipe, OrrBytes bytes)
{
    OrrAddress from = pipe->peer->address;

    while (bytes.size > 0) {
        size_t size;
        OrrStatus status = orr_bus_frame_size(bytes, &size);

        if (status == ORR_MALFORMED) {
            return SIZE_MAX;
        }
        if (status == ORR_AGAIN || size > bytes.size) {
            break;
        }
        count(pipe->link, ORR_LANE_DATA, false, size);
        pipe->link->handlers.received(pipe->link->user, &from, ORR_LANE_DATA,
                                      orr_bytes(bytes.data, size));
        bytes = orr_bytes(bytes.data + size, bytes.size - size);
    }
    return bytes.size;
}

static void
on_bytes(void *user, OrrBytes bytes)
{
    Pipe *pipe = user;
    size_t rest;

    if (pipe->peer == NULL || pipe->input->len > 0) {
        g_byte_array_append(pipe->input, bytes.data, (guint)bytes.size);
        if (pipe->peer == NULL && (pipe->input->len < HELLO_SIZE || !take_hello(pipe))) {
            return;
        }
        rest = take_frames(pipe, orr_bytes(pipe->input->data, pipe->input->len));
        if (rest != SIZE_MAX) {
            g_byte_array_remove_range(pipe->input, 0, pipe->input->len - (guint)rest);
        }
    } else {
        rest = take_frames(pipe, bytes);
        if (rest != SIZE_MAX && rest > 0) {
            g_byte_array_append(pipe->input, bytes.data + bytes.size - rest, (guint)rest);
        }
    }
    if (rest == SIZE_MAX) {
        close_pipe(pipe);
    }
}

static void
on_connected(void *user)
{
    stand(user);
}

static const LiveStreamHandlers PIPE_HANDLERS = {on_connected, on_bytes, NULL, on_closed};

static Pipe *
pipe_new(LiveLink *link)
{
    Pipe *pipe = g_new0(Pipe, 1);

    pipe->link = link;
    pipe->input = g_byte_array_new();
    return pipe;
}

static void
on_accepted(void *user, LiveStream *stream)
{
    LiveLink *link = user;
    Pipe *pipe;

    if (link->strangers->len >= LIVE_LINK_STRANGERS_MAX) {
        drop_pipe(g_ptr_array_index(link->strangers, 0)); /* it has had the longest to speak */
    }
    pipe = pipe_new(link);
    pipe->stream = stream;
    if (link->tls != NULL) {
        live_stream_secure(stream, live_tls_session_new(link->tls, LIVE_TLS_OF_PEER));
    }
    g_ptr_array_add(link->strangers, pipe);
    live_stream_start(stream, &PIPE_HANDLERS, pipe);
}

/* The filter of tests */

static bool
is_cut(const LiveLink *link, const OrrAddress *peer)
{
    return live_link_filter_in(link->filter, peer) || live_link_filter_out(link->filter, peer);
}

/* A frame that the network would not carry: the connection is given up after a while. */
static bool
is_swallowed(LiveLink *link, Peer *peer)
{
    bool connected = peer->sending != NULL;

    if (link->filter == NULL || !(connected ? live_link_filter_out(link->filter, &peer->address)
                                            : is_cut(link, &peer->address))) {
        return false;
    }
    if (peer->swallowed_ns == 0) {
        peer->swallowed_ns = live_loop_now().mono_ns;
    }
    return true;
}

static void
pause_pipe(Pipe *pipe, bool pause)
{
    if (pipe != NULL && pipe->stands) {
        live_stream_pause(pipe->stream, pause);
    }
}

/* Connections to peers that are cut off are silent, and break after their time; those that are
 * healed go on, or break if something is missing. */
static void
apply_filter(LiveLink *link)
{
    OrrTime given_up_ns = live_loop_now().mono_ns - LIVE_LINK_TIMEOUT_MS * ORR_NS_PER_MS;
    GList *peers = g_hash_table_get_values(link->peers);

    for (GList *i = peers; i != NULL; i = i->next) {
        Peer *peer = i->data;
        bool cut = is_cut(link, &peer->address);

        pause_pipe(peer->ours, live_link_filter_in(link->filter, &peer->address));
        pause_pipe(peer->theirs, live_link_filter_in(link->filter, &peer->address));
        if (peer->swallowed_ns != 0 && (!cut || peer->swallowed_ns < given_up_ns)) {
            peer->swallowed_ns = 0;
            break_peer(link, peer, ORR_LINK_DOWN);
        }
    }
    g_list_free(peers);
}

static void
on_filter_time(void *user)
{
    LiveLink *link = user;

    apply_filter(link);
    live_timer_set(link->filter_timer, live_loop_now().mono_ns + 100 * ORR_NS_PER_MS);
}

void
live_link_set_filter(LiveLink *link, const LiveLinkFilter *filter)
{
    link->filter = filter;
    if (link->filter_timer == NULL) {
        link->filter_timer = live_timer_new(link->loop, on_filter_time, link);
    }
    on_filter_time(link);
}

const LiveLinkStatistics *
live_link_statistics(const LiveLink *link)
{
    return &link->statistics;
}

/* Sending */

static Pipe *
call(LiveLink *link, Peer *peer)
{
    Pipe *pipe = pipe_new(link);
    const OrrAddress *self = &link->self;
    uint8_t hello[HELLO_SIZE] = {[4] = HELLO_VERSION,
                                 [6] = (uint8_t)self->bus_port,
                                 [7] = (uint8_t)(self->bus_port >> 8),
                                 [8] = (uint8_t)self->port,
                                 [9] = (uint8_t)(self->port >> 8)};

    memcpy(hello, HELLO_MAGIC, sizeof HELLO_MAGIC);
    pipe->peer = peer;
    pipe->stream = live_stream_connect(link->loop, &peer->address, peer->address.bus_port,
                                       LIVE_LINK_TIMEOUT_MS, &PIPE_HANDLERS, pipe);
    if (link->tls != NULL) {
        live_stream_secure(pipe->stream, live_tls_session_new(link->tls, LIVE_TLS_TO_PEER));
    }
    live_stream_write(pipe->stream, orr_bytes(hello, sizeof hello));
    peer->ours = pipe;
    return pipe;
}

void
live_link_set_tls(LiveLink *link, LiveTls *tls)
{
    link->tls = tls;
}

void
live_link_send(LiveLink *link, const OrrAddress *to, OrrLane lane, OrrBytes frame)
{
    Peer *peer;

    count(link, lane, true, frame.size);
    if (lane == ORR_LANE_CONTROL) {
        if (!live_link_filter_out(link->filter, to)) {
            live_datagram_send(link->datagram, to, frame);
        }
        return;
    }
    peer = find_or_add_peer(link, to);
    if (peer == NULL || is_swallowed(link, peer)) {
        return;
    }
    if (peer->sending == NULL) {
        peer->sending = call(link, peer);
    }
    live_stream_write(peer->sending->stream, frame);
    if (live_stream_pending(peer->sending->stream) > LIVE_LINK_QUEUE_MAX) {
        live_stream_break(peer->sending->stream, ENOBUFS);
    }
}

/* Datagrams */

static void
on_datagram(void *user, const OrrAddress *from, OrrBytes bytes)
{
    LiveLink *link = user;

    if (live_link_filter_in(link->filter, from)) {
        return;
    }
    count(link, ORR_LANE_CONTROL, false, bytes.size);
    link->handlers.received(link->user, from, ORR_LANE_CONTROL, bytes);
}

static void
on_refused(void *user, const OrrAddress *to)
{
    LiveLink *link = user;

    if (live_link_filter_in(link->filter, to)) {
        return; /* its answer would not come through */
    }
    link->statistics.refusals++;
    link->handlers.link(link->user, ORR_LINK_REFUSED, to);
}

/* Birth and death */

LiveLink *
live_link_new(LiveLoop *loop, const OrrAddress *self, const OrrAddress *bind,
              const LiveLinkHandlers *handlers, void *user, char **why)
{
    static const LiveDatagramHandlers datagram_handlers = {on_datagram, on_refused};
    LiveLink *link = g_new0(LiveLink, 1);

    link->loop = loop;
    link->self = *self;
    link->handlers = *handlers;
    link->user = user;
    link->peers = g_hash_table_new_full(hash_address, equal_addresses, NULL, g_free);
    link->strangers = g_ptr_array_new();
    link->listener =
        live_listen(loop, bind, bind->bus_port, LIVE_BACKLOG, on_accepted, link, why);
    if (link->listener != NULL) {
        link->datagram =
            live_datagram_new(loop, bind, bind->bus_port, &datagram_handlers, link, why);
    }
    if (link->datagram == NULL) {
        live_link_free(link);
        return NULL;
    }
    return link;
}

static gboolean
drop_peer(gpointer key, gpointer value, gpointer user)
{
    Peer *peer = value;

    (void)key;
    (void)user;
    if (peer->ours != NULL) {
        drop_pipe(peer->ours);
    }
    if (peer->theirs != NULL) {
        drop_pipe(peer->theirs);
    }
    return TRUE;
}

void
live_link_free(LiveLink *link)
{
    if (link == NULL) {
        return;
    }
    live_listener_close(link->listener);
    (void)g_hash_table_foreach_remove(link->peers, drop_peer, NULL);
    while (link->strangers->len > 0) {
        drop_pipe(g_ptr_array_index(link->strangers, 0));
    }
    g_hash_table_unref(link->peers);
    g_ptr_array_unref(link->strangers);
    g_free(link);
}
