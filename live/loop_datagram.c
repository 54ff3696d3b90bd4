/* loop_datagram.c - one unconnected UDP socket that hears refusals.
 *
 * With IP_RECVERR the kernel keeps what other hosts answer to a datagram (ICMP port
 * unreachable) in a queue of errors, each with the address that the datagram was for. So one
 * socket does for all peers, and a dead process is noticed as on a connected one.
 */
#include "loop_private.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <unistd.h>

#define BATCH_MAX 64u /* datagrams taken in one turn of the loop */
#define SOCKET_BUFFER (4 << 20)

struct LiveDatagram {
    uv_poll_t uv;
    int fd;
    LiveDatagramHandlers handlers;
    void *user;
};

static void on_ready(uv_poll_t *handle, int status, int events);

static void
take_errors(LiveDatagram *datagram)
{
    for (unsigned i = 0; i < BATCH_MAX; i++) {
        LiveSocketAddress name;
        union {
            char bytes[512];
            struct cmsghdr align;
        } control;
        struct msghdr message = {.msg_name = &name,
                                 .msg_namelen = sizeof name,
                                 .msg_control = control.bytes,
                                 .msg_controllen = sizeof control.bytes};
        OrrAddress to;

        if (recvmsg(datagram->fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) {
            return;
        }
        for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part != NULL;
             part = CMSG_NXTHDR(&message, part)) {
            struct sock_extended_err error;

            if ((part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_RECVERR) ||
                (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_RECVERR)) {
                memcpy(&error, CMSG_DATA(part), sizeof error);
                if (error.ee_errno == ECONNREFUSED) {
                    live_address_of_socket(&name, &to);
                    datagram->handlers.refused(datagram->user, &to);
                }
            }
        }
    }
}

static void
take_datagrams(LiveDatagram *datagram, const LiveLoop *loop)
{
    for (unsigned i = 0; i < BATCH_MAX; i++) {
        LiveSocketAddress name;
        socklen_t name_size = sizeof name;
        OrrAddress from;
        ssize_t size = recvfrom(datagram->fd, loop->read_buffer, LIVE_READ_MAX, MSG_DONTWAIT,
                                &name.any, &name_size);

        if (size < 0 && errno == ECONNREFUSED) {
            continue; /* told by the queue of errors */
        }
        if (size < 0) {
            return;
        }
        live_address_of_socket(&name, &from);
        datagram->handlers.received(datagram->user, &from,
                                    orr_bytes(loop->read_buffer, (size_t)size));
    }
}

static void
on_ready(uv_poll_t *handle, int status, int events)
{
    LiveDatagram *datagram = handle->data;

    (void)events;
    take_errors(datagram);
    take_datagrams(datagram, handle->loop->data);
    if (status < 0) { /* errors in the queue stop a poll: it goes on */
        (void)uv_poll_start(handle, UV_READABLE, on_ready);
    }
}

static int
open_socket(const OrrAddress *address, uint16_t port)
{
    LiveSocketAddress at;
    socklen_t size = live_socket_address(address, port, &at);
    int fd = socket(at.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;
    int buffer = SOCKET_BUFFER;

    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    if (setsockopt(fd, at.any.sa_family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
                   at.any.sa_family == AF_INET ? IP_RECVERR : IPV6_RECVERR, &on,
                   sizeof on) < 0 ||
        bind(fd, &at.any, size) < 0) {
        int error = errno;

        (void)close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

LiveDatagram *
live_datagram_new(LiveLoop *loop, const OrrAddress *address, uint16_t port,
                  const LiveDatagramHandlers *handlers, void *user, char **why)
{
    LiveDatagram *datagram;
    char ip[ORR_ADDRESS_TEXT_SIZE];
    int fd = open_socket(address, port);

    if (fd < 0) {
        orr_address_format_ip(address, ip);
        *why = g_strdup_printf("cannot bind UDP %s:%u: %s", ip, port, g_strerror(errno));
        return NULL;
    }
    datagram = g_new0(LiveDatagram, 1);
    datagram->fd = fd;
    datagram->handlers = *handlers;
    datagram->user = user;
    loop->uv.data = loop;
    g_assert(uv_poll_init(&loop->uv, &datagram->uv, fd) == 0);
    datagram->uv.data = datagram;
    g_assert(uv_poll_start(&datagram->uv, UV_READABLE, on_ready) == 0);
    return datagram;
}

void
live_datagram_send(LiveDatagram *datagram, const OrrAddress *to, OrrBytes bytes)
{
    LiveSocketAddress name;
    socklen_t size = live_socket_address(to, to->bus_port, &name);

    /* an error that another datagram earned is told by the next call: then once more */
    for (unsigned attempt = 0; attempt < 2; attempt++) {
        if (sendto(datagram->fd, bytes.data, bytes.size, MSG_DONTWAIT | MSG_NOSIGNAL, &name.any,
                   size) >= 0 ||
            errno != ECONNREFUSED) {
            return;
        }
    }
}
