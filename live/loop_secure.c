/* loop_secure.c - streams that speak TLS: what they read and write goes through a session.
 *
 * A handshake that is not done in time is ended, and when too many are under way at once, the
 * one that began first: whoever connects and says nothing costs little, and not for long.
 */
#include <errno.h>

#include "log.h"
#include "loop_private.h"

/* Handshakes: in the order they began, so that the first is the one that ends first. */

static void
plan_sweep(LiveLoop *loop)
{
    const LiveStream *first = g_queue_peek_head(&loop->handshakes);

    live_timer_set(loop->handshake_timer, first == NULL ? ORR_NEVER : first->handshake_until);
}

static void
on_sweep(void *user)
{
    LiveLoop *loop = user;
    OrrTime now_ns = live_loop_mono_ns();
    LiveStream *stream;

    while ((stream = g_queue_peek_head(&loop->handshakes)) != NULL &&
           stream->handshake_until <= now_ns) {
        live_stream_break(stream, ETIMEDOUT);
    }
    plan_sweep(loop);
}

static void
begin_handshake(LiveStream *stream)
{
    LiveLoop *loop = stream->loop;

    if (loop->handshake_timer == NULL) {
        loop->handshake_timer = live_timer_new(loop, on_sweep, loop);
    }
    if (loop->handshakes.length >= LIVE_HANDSHAKES_MAX) {
        live_stream_break(g_queue_peek_head(&loop->handshakes), ETIMEDOUT);
    }
    stream->handshake_until = live_loop_mono_ns() + (OrrTime)LIVE_HANDSHAKE_MS * ORR_NS_PER_MS;
    g_queue_push_tail_link(&loop->handshakes, &stream->handshake_link);
    if (loop->handshakes.length == 1) {
        plan_sweep(loop);
    }
}

static void
end_handshake(LiveStream *stream)
{
    if (stream->handshake_until != 0) {
        g_queue_unlink(&stream->loop->handshakes, &stream->handshake_link);
        stream->handshake_until = 0;
    }
}

void
live_stream_secure(LiveStream *stream, LiveTlsSession *session)
{
    stream->tls = session;
    stream->handshake_link.data = stream;
    begin_handshake(stream);
}

void
live_secure_close(LiveStream *stream)
{
    end_handshake(stream);
}

void
live_secure_free(LiveStream *stream)
{
    live_tls_session_free(stream->tls);
    stream->tls = NULL;
}

/* Bytes */

/* What the session has to send goes to the queue. */
static void
take(LiveStream *stream)
{
    guint before = stream->queue->len;

    live_tls_take(stream->tls, stream->queue);
    if (stream->queue->len > before) {
        live_stream_make_dirty(stream);
    }
}

static void
note_ready(LiveStream *stream)
{
    if (stream->handshake_until == 0 || !live_tls_is_ready(stream->tls)) {
        return;
    }
    end_handshake(stream);
    if (stream->calling && stream->handlers.connected != NULL) {
        stream->handlers.connected(stream->user);
    }
}

static void
give_up(LiveStream *stream)
{
    OrrAddress peer;
    char ip[ORR_ADDRESS_TEXT_SIZE];

    live_stream_peer(stream, &peer);
    orr_address_format_ip(&peer, ip);
    live_log(LIVE_LOG_DEBUG, "TLS with %s: %s", ip, live_tls_reason(stream->tls));
    stream->error = EPROTO;
    live_stream_end(stream);
}

/* Everything that was fed is read, whether the reader is paused or not: it is one read's worth.
 */
static void
read_all(LiveStream *stream)
{
    LiveTlsResult result = LIVE_TLS_SOME;

    while (result == LIVE_TLS_SOME && !stream->closing && !stream->ending) {
        size_t used = 0;

        result = live_tls_read(stream->tls, stream->loop->plain_buffer, LIVE_READ_MAX, &used);
        note_ready(stream);
        if (result == LIVE_TLS_SOME && used > 0 && !stream->closing) {
            stream->handlers.bytes(stream->user, orr_bytes(stream->loop->plain_buffer, used));
        }
    }
    if (stream->closing || stream->ending) {
        return;
    }
    take(stream);
    if (result == LIVE_TLS_BAD) {
        give_up(stream);
    } else if (result == LIVE_TLS_END) {
        live_stream_end(stream);
    }
}

void
live_secure_begin(LiveStream *stream)
{
    read_all(stream);
}

void
live_secure_read(LiveStream *stream, OrrBytes bytes)
{
    live_tls_feed(stream->tls, bytes);
    read_all(stream);
}

void
live_secure_write(LiveStream *stream, OrrBytes bytes)
{
    live_tls_write(stream->tls, bytes);
    take(stream);
}

void
live_secure_end(LiveStream *stream)
{
    live_tls_end(stream->tls);
    take(stream);
}
