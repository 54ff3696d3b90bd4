/* loop_private.h - what the files of the loop share. Private to loop*.c. */
#ifndef LIVE_LOOP_PRIVATE_H
#define LIVE_LOOP_PRIVATE_H

#include <glib.h>
#include <netinet/in.h>
#include <uv.h>

#include "loop.h"
#include "tls.h"

#define LIVE_HANDSHAKES_MAX 512u /* of TLS, under way at once */
#define LIVE_HANDSHAKE_MS 10000u /* for one of them */

struct LiveLoop {
    uv_loop_t uv;
    uv_prepare_t prepare;
    void (*before_wait)(void *user);
    void *before_wait_user;
    GPtrArray *dirty; /* of LiveStream that have something to send; NULL: dropped meanwhile */
    GPtrArray *spare; /* the other of two lists: one is walked, one is filled */
    char *read_buffer;
    char *plain_buffer;         /* what TLS made of what was read */
    GQueue handshakes;          /* of LiveStream, in the order they began */
    LiveTimer *handshake_timer; /* NULL: there was none yet */
};

struct LiveStream {
    uv_tcp_t uv;
    uv_connect_t connect;
    uv_write_t write;
    LiveLoop *loop;
    LiveStreamHandlers handlers;
    void *user;
    GByteArray *queue;   /* to be sent */
    GByteArray *sending; /* lent to the kernel's turn; NULL: nothing is under way */
    unsigned read_size;
    int error;
    bool connecting;
    bool calling; /* we connected, or are about to */
    bool dirty;
    bool dropped; /* the owner wants to hear nothing more */
    bool ending;
    bool closing;
    LiveTlsSession *tls;     /* owned; NULL: bytes go as they are */
    OrrTime handshake_until; /* 0: done, or none */
    GList handshake_link;    /* in the loop's list until then */
};

/* It has something to send, or to end. */
void live_stream_make_dirty(LiveStream *stream);

/* loop_secure.c: a stream that has a session. */
void live_secure_begin(LiveStream *stream);
void live_secure_read(LiveStream *stream, OrrBytes bytes);
void live_secure_write(LiveStream *stream, OrrBytes bytes);
void live_secure_end(LiveStream *stream);
/* These two for any stream. */
void live_secure_close(LiveStream *stream);
void live_secure_free(LiveStream *stream);

/* Sends what streams have queued. */
void live_streams_flush(LiveLoop *loop);

typedef union LiveSocketAddress {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage storage;
} LiveSocketAddress;

/* ip of `address` with `port`. */
socklen_t live_socket_address(const OrrAddress *address, uint16_t port, LiveSocketAddress *out);
/* The ip, and its port as bus port. */
void live_address_of_socket(const LiveSocketAddress *socket, OrrAddress *address);

#endif
