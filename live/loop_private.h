/* loop_private.h - what the files of the loop share. Private to loop*.c. */
#ifndef LIVE_LOOP_PRIVATE_H
#define LIVE_LOOP_PRIVATE_H

#include <glib.h>
#include <netinet/in.h>
#include <uv.h>

#include "loop.h"

struct LiveLoop {
    uv_loop_t uv;
    uv_prepare_t prepare;
    void (*before_wait)(void *user);
    void *before_wait_user;
    GPtrArray *dirty; /* of LiveStream that have something to send; NULL: dropped meanwhile */
    GPtrArray *spare; /* the other of two lists: one is walked, one is filled */
    char *read_buffer;
};

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
