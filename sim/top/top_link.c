/* Connections to all nodes of the cluster: asked at once, none waited for too long. */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "top.h"

#define ANSWER_MAX (16u << 20)

static void
hang_up(TopNode *node, const char *why)
{
    if (node->fd >= 0) {
        (void)close(node->fd);
    }
    node->fd = -1;
    node->connecting = node->asked = false;
    if (why != NULL) {
        g_strlcpy(node->error, why, sizeof node->error);
    }
}

static void
call(TopNode *node)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char service[8];

    g_snprintf(service, sizeof service, "%u", node->port);
    if (getaddrinfo(node->host, service, &hints, &found) != 0) {
        g_strlcpy(node->error, "no such host", sizeof node->error);
        return;
    }
    node->fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (node->fd >= 0 && connect(node->fd, found->ai_addr, found->ai_addrlen) != 0 &&
        errno != EINPROGRESS) {
        hang_up(node, errno == ECONNREFUSED ? "refused" : g_strerror(errno));
    }
    node->connecting = node->fd >= 0;
    freeaddrinfo(found);
}

static void
ask(Top *top, TopNode *node)
{
    GString *text = g_string_new(NULL);

    node->skip = 0;
    if (top->password != NULL) {
        g_string_append_printf(text, "*2\r\n$4\r\nAUTH\r\n$%zu\r\n%s\r\n",
                               strlen(top->password), top->password);
        node->skip = 1;
    }
    g_string_append(text, "INFO\r\nCLUSTER INFO\r\nCLUSTER NODES\r\n");
    if (send(node->fd, text->str, text->len, MSG_NOSIGNAL) != (ssize_t)text->len) {
        hang_up(node, "closed");
    }
    node->asked = true;
    node->connecting = false;
    g_string_free(text, TRUE);
}

/* One whole answer: the text of a bulk string, or an error. */
static void
take_answer(TopNode *node, OrrBytes bytes)
{
    OrrItem item;

    if (orr_item_read(&bytes, &item) != ORR_OK) {
        return;
    }
    if (item.type == ORR_ITEM_ERROR) {
        g_autofree char *error = g_strndup((const char *)item.text.data, item.text.size);

        g_strlcpy(node->error, error, sizeof node->error);
    }
    if (node->skip > 0) {
        node->skip--;
        return;
    }
    g_free(node->text[node->got]);
    node->text[node->got] = item.type == ORR_ITEM_BULK
                                ? g_strndup((const char *)item.text.data, item.text.size)
                                : NULL;
    node->got++;
}

static void
take_bytes(TopNode *node)
{
    uint8_t buffer[65536];
    ssize_t size = recv(node->fd, buffer, sizeof buffer, 0);
    size_t used;

    if (size <= 0) {
        if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
            hang_up(node, "closed");
        }
        return;
    }
    g_byte_array_append(node->in, buffer, (guint)size);
    while (node->got < TOP_ANSWERS && node->in->len > 0) {
        OrrStatus status =
            orr_reply_scan(&node->scanner, orr_bytes(node->in->data, node->in->len), &used);

        if (status == ORR_MALFORMED || node->in->len > ANSWER_MAX) {
            hang_up(node, "speaks no RESP");
        }
        if (status != ORR_OK) {
            return;
        }
        take_answer(node, orr_bytes(node->in->data, used));
        g_byte_array_remove_range(node->in, 0, (guint)used);
    }
}

static void
on_ready(Top *top, TopNode *node)
{
    int error = 0;
    socklen_t size = sizeof error;

    if (!node->connecting) {
        take_bytes(node);
        return;
    }
    (void)getsockopt(node->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
        hang_up(node, error == ECONNREFUSED ? "refused" : g_strerror(error));
    } else {
        ask(top, node);
    }
}

static bool
is_done(const TopNode *node)
{
    return node->fd < 0 || node->got == TOP_ANSWERS;
}

static void
begin(Top *top, TopNode *node)
{
    node->got = 0;
    node->answered = false;
    node->error[0] = '\0';
    g_byte_array_set_size(node->in, 0);
    node->scanner = (OrrReplyScanner){0};
    if (node->fd >= 0) {
        ask(top, node);
    } else {
        call(node);
    }
}

static void
end(TopNode *node)
{
    node->answered = node->got == TOP_ANSWERS && node->text[TOP_ANSWER_INFO] != NULL;
    if (node->answered) {
        node->before = node->facts;
        node->before_us = node->at_us;
        node->at_us = g_get_monotonic_time();
    } else if (!is_done(node)) {
        hang_up(node, "no answer"); /* what comes later would be taken for the next one */
    }
}

static bool
wait_once(Top *top, int wait_ms)
{
    g_autofree struct pollfd *list = g_new0(struct pollfd, top->nodes->len + 1);
    bool open = false;

    for (guint i = 0; i < top->nodes->len; i++) {
        const TopNode *node = g_ptr_array_index(top->nodes, i);

        list[i].fd = is_done(node) ? -1 : node->fd;
        list[i].events = node->connecting ? POLLOUT : POLLIN;
        open = open || !is_done(node);
    }
    if (!open || poll(list, top->nodes->len, wait_ms) < 0) {
        return open;
    }
    for (guint i = 0; i < top->nodes->len; i++) {
        if (list[i].revents != 0) {
            on_ready(top, g_ptr_array_index(top->nodes, i));
        }
    }
    return true;
}

bool
top_sample(Top *top, int wait_ms, bool (*stop)(void))
{
    gint64 until = g_get_monotonic_time() + (gint64)wait_ms * 1000;
    gint64 left = wait_ms;

    for (guint i = 0; i < top->nodes->len; i++) {
        begin(top, g_ptr_array_index(top->nodes, i));
    }
    while (left > 0 && !stop() && wait_once(top, (int)left)) {
        left = (until - g_get_monotonic_time()) / 1000;
    }
    for (guint i = 0; i < top->nodes->len; i++) {
        end(g_ptr_array_index(top->nodes, i));
    }
    return !stop();
}
