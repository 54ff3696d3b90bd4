/* loop.h - the little that the daemon wants of an event loop: time, streams, datagrams,
 * threads.
 *
 *     poll --> callbacks (bytes, timers, signals, work that is done) --> before_wait --> poll
 *
 * A narrow interface over libuv, so that io_uring can take its place: nothing outside of
 * loop*.c knows which it is. What is written to a stream is collected and goes out in one
 * system call just before the loop waits, after `before_wait` has been called: there a host
 * does what is cheaper done once for many events.
 *
 * Memory: bytes handed to a callback are lent for that call. Threads: everything on one thread,
 * save the `work` of live_loop_work().
 */
#ifndef LIVE_LOOP_H
#define LIVE_LOOP_H

#include <orrery/types.h>

#define LIVE_READ_MAX (64u << 10) /* bytes */

typedef struct LiveLoop LiveLoop;
typedef struct LiveTimer LiveTimer;
typedef struct LiveStream LiveStream;
typedef struct LiveListener LiveListener;
typedef struct LiveDatagram LiveDatagram;
struct LiveTlsSession; /* tls.h */

#define LIVE_BACKLOG 511u /* connections that wait to be accepted, as a rule */

LiveLoop *live_loop_new(void);
/* All streams, timers, listeners and datagrams of the loop are gone afterwards. */
void live_loop_free(LiveLoop *loop);
/* Until live_loop_stop(). */
void live_loop_run(LiveLoop *loop);
void live_loop_stop(LiveLoop *loop);
OrrNow live_loop_now(void);
/* Nothing happens meanwhile: for those who want to see how that looks. */
void live_loop_sleep(OrrTime duration_ns);
OrrTime live_loop_mono_ns(void);
void live_loop_before_wait(LiveLoop *loop, void (*call)(void *user), void *user);
void live_loop_on_signal(LiveLoop *loop, int number, void (*call)(void *user), void *user);
/* Runs `work` on another thread, then `done` on the loop's. */
void live_loop_work(LiveLoop *loop, void (*work)(void *user), void (*done)(void *user),
                    void *user);

LiveTimer *live_timer_new(LiveLoop *loop, void (*due)(void *user), void *user);
/* Calls once, not before `at_ns` (monotonic) and at most a millisecond and the loop's work
 * later. Replaces what was set before. ORR_NEVER: not at all. */
void live_timer_set(LiveTimer *timer, OrrTime at_ns);

/* Streams */

typedef struct LiveStreamHandlers {
    void (*connected)(void *user); /* of live_stream_connect(); may be NULL */
    void (*bytes)(void *user, OrrBytes bytes);
    void (*sent)(void *user); /* bytes that were written went out; may be NULL */
    /* The stream is gone; `error` is an errno, 0 for an orderly end. Called once, never from
     * inside of a function of this header, and not after live_stream_drop(). */
    void (*closed)(void *user, int error);
} LiveStreamHandlers;

/* Listens on ip and `port` of `address`; `backlog` connections may wait to be accepted. NULL:
 * *why, owned by the caller. */
LiveListener *live_listen(LiveLoop *loop, const OrrAddress *address, uint16_t port,
                          unsigned backlog, void (*accepted)(void *user, LiveStream *stream),
                          void *user, char **why);
void live_listener_close(LiveListener *listener);
/* Connections that are accepted from now on are asked by TCP whether they are there when they
 * were silent for so many seconds; 0: never. */
void live_listener_keepalive(LiveListener *listener, unsigned seconds);
/* Begins to connect; connected() or closed() follows. Unanswered bytes, and an unanswered
 * attempt, give up after `timeout_ms`. */
LiveStream *live_stream_connect(LiveLoop *loop, const OrrAddress *address, uint16_t port,
                                unsigned timeout_ms, const LiveStreamHandlers *handlers,
                                void *user);
/* TLS from here on, by a session that is the stream's then: of an accepted stream before it is
 * started, of a called one at once. connected() comes when both ends know each other; a
 * handshake that takes too long, or is one too many, ends the stream with ETIMEDOUT. */
void live_stream_secure(LiveStream *stream, struct LiveTlsSession *session);
/* Begins to read a stream that was accepted. */
void live_stream_start(LiveStream *stream, const LiveStreamHandlers *handlers, void *user);
/* Reads at most so many bytes at once; otherwise LIVE_READ_MAX. */
void live_stream_set_read_size(LiveStream *stream, size_t size);
/* The ip of the other end; ports are 0. */
void live_stream_peer(const LiveStream *stream, OrrAddress *address);
/* Both ends with their ports (as `port`); none where the system does not say. */
void live_stream_names(const LiveStream *stream, OrrAddress *remote, OrrAddress *local);
/* Queues bytes; they go out before the loop waits, or when the other end takes them. */
void live_stream_write(LiveStream *stream, OrrBytes bytes);
/* Bytes that are queued. */
size_t live_stream_pending(const LiveStream *stream);
/* Stops or goes on reading. */
void live_stream_pause(LiveStream *stream, bool pause);
/* Reads no more, sends what is queued, then closes; closed() follows. */
void live_stream_end(LiveStream *stream);
/* Closes without sending what is queued; closed() follows with `error`. */
void live_stream_break(LiveStream *stream, int error);
/* Closes at once; no callback follows. */
void live_stream_drop(LiveStream *stream);

/* Datagrams */

typedef struct LiveDatagramHandlers {
    /* from: ip and bus port. */
    void (*received)(void *user, const OrrAddress *from, OrrBytes bytes);
    /* The host of `to` says that nobody listens there. */
    void (*refused)(void *user, const OrrAddress *to);
} LiveDatagramHandlers;

#define LIVE_DATAGRAM_MAX 65536u /* bytes */

LiveDatagram *live_datagram_new(LiveLoop *loop, const OrrAddress *address, uint16_t port,
                                const LiveDatagramHandlers *handlers, void *user, char **why);
/* To ip and bus port of `to`. May be lost, as datagrams are. */
void live_datagram_send(LiveDatagram *datagram, const OrrAddress *to, OrrBytes bytes);

#endif
