#include "live_talk.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

bool
sim_talk_to(SimTalk *talk, const SimHost *host)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(host->address.port)};
    struct timeval patience = {.tv_sec = SIM_TALK_PATIENCE_S};

    memcpy(&name.sin_addr, host->address.ip + 12, 4);
    talk->in = g_byte_array_new();
    talk->used = 0;
    talk->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)setsockopt(talk->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt(talk->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return talk->fd >= 0 && connect(talk->fd, (struct sockaddr *)&name, sizeof name) == 0;
}

bool
sim_talk_send(SimTalk *talk, const char *bytes, size_t size)
{
    size_t sent = 0;

    while (sent < size) {
        ssize_t more = send(talk->fd, bytes + sent, size - sent, MSG_NOSIGNAL);

        if (more <= 0) {
            return false;
        }
        sent += (size_t)more;
    }
    return true;
}

static bool
receive_more(SimTalk *talk)
{
    uint8_t buffer[65536];
    ssize_t size = recv(talk->fd, buffer, sizeof buffer, 0);

    if (size <= 0) {
        return false;
    }
    g_byte_array_remove_range(talk->in, 0, (guint)talk->used);
    talk->used = 0;
    g_byte_array_append(talk->in, buffer, (guint)size);
    return true;
}

bool
sim_talk_answer(SimTalk *talk, OrrItem *item)
{
    for (;;) {
        OrrBytes rest = orr_bytes(talk->in->data + talk->used, talk->in->len - talk->used);
        size_t before = rest.size;
        OrrStatus status = orr_item_read(&rest, item);

        if (status == ORR_OK) {
            talk->used += before - rest.size;
            return true;
        }
        if (status != ORR_AGAIN || !receive_more(talk)) {
            return false;
        }
    }
}

void
sim_talk_end(SimTalk *talk)
{
    if (talk->fd >= 0) {
        (void)close(talk->fd);
    }
    g_byte_array_unref(talk->in);
}
