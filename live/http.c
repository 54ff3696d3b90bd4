#include "http.h"

#include <string.h>

#define HEAD_MAX 512u

typedef struct Visitor {
    LiveHttp *http;
    LiveStream *stream;
    GByteArray *request;
    OrrTime until_ns;
    bool answered;
} Visitor;

struct LiveHttp {
    LiveLoop *loop;
    LiveListener *listener;
    LiveTimer *timer;
    LiveHttpFunc answer;
    void *user;
    GPtrArray *visitors; /* in order of coming, so of their ends */
    uint64_t answered;
    uint64_t refused;
};

/* ---- visitors */

static void
free_visitor(Visitor *visitor)
{
    (void)g_ptr_array_remove(visitor->http->visitors, visitor);
    g_byte_array_unref(visitor->request);
    g_free(visitor);
}

static void
on_closed(void *user, int error)
{
    (void)error;
    free_visitor(user);
}

static void
drop(Visitor *visitor)
{
    live_stream_drop(visitor->stream);
    free_visitor(visitor);
}

/* Who has been here longest, or NULL. */
static Visitor *
oldest(const LiveHttp *http)
{
    return http->visitors->len > 0 ? g_ptr_array_index(http->visitors, 0) : NULL;
}

static void
sweep(void *user)
{
    LiveHttp *http = user;
    OrrTime now = live_loop_now().mono_ns;

    while (oldest(http) != NULL && oldest(http)->until_ns <= now) {
        drop(oldest(http));
    }
    if (oldest(http) != NULL) {
        live_timer_set(http->timer, oldest(http)->until_ns);
    }
}

/* ---- answers */

static const char *
reason_of(unsigned status)
{
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 431:
        return "Request Header Fields Too Large";
    case 503:
        return "Service Unavailable";
    default:
        return "Internal Server Error";
    }
}

static void
send_answer(LiveStream *stream, const LiveHttpAnswer *answer, bool head_only)
{
    char head[HEAD_MAX];
    int size =
        g_snprintf(head, sizeof head,
                   "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %" G_GSIZE_FORMAT
                   "\r\n%sConnection: close\r\n\r\n",
                   answer->status, reason_of(answer->status), answer->type, answer->text->len,
                   answer->status == 405 ? "Allow: GET, HEAD\r\n" : "");

    live_stream_write(stream, orr_bytes(head, (size_t)size));
    if (!head_only && answer->text->len > 0) {
        live_stream_write(stream, orr_bytes(answer->text->str, answer->text->len));
    }
    live_stream_end(stream);
}

static LiveHttpAnswer
answer_new(unsigned status)
{
    return (LiveHttpAnswer){status, "text/plain; charset=utf-8", g_string_new(NULL)};
}

/* The whole answer is under way; what more the visitor says is not read. */
static void
finish(Visitor *visitor, LiveHttpAnswer *answer, bool head_only)
{
    if (answer->status != 200 && answer->text->len == 0) {
        g_string_append_printf(answer->text, "%s\n", reason_of(answer->status));
    }
    visitor->answered = true;
    visitor->http->answered++;
    visitor->http->refused += answer->status != 200;
    send_answer(visitor->stream, answer, head_only);
    g_string_free(answer->text, TRUE);
}

static void
refuse(Visitor *visitor, unsigned status)
{
    LiveHttpAnswer answer = answer_new(status);

    finish(visitor, &answer, false);
}

/* ---- requests */

/* The end of the head, or NULL while it has not come. */
static const char *
end_of_head(const GByteArray *request)
{
    const char *found = g_strstr_len((const char *)request->data, request->len, "\r\n\r\n");

    return found != NULL ? found
                         : g_strstr_len((const char *)request->data, request->len, "\n\n");
}

/* "GET /path?query HTTP/1.1": three words, of printable characters only. */
static bool
parse_line(const char *text, size_t size, char *method, char *path, size_t room)
{
    const char *space = memchr(text, ' ', size);
    const char *second = NULL;
    size_t method_size;
    size_t path_size;

    for (size_t i = 0; i < size; i++) {
        if (text[i] < ' ' || text[i] > '~') {
            return false;
        }
    }
    if (space != NULL) {
        second = memchr(space + 1, ' ', size - (size_t)(space + 1 - text));
    }
    if (second == NULL) {
        return false;
    }
    method_size = (size_t)(space - text);
    path_size = (size_t)(second - space - 1);
    if (method_size == 0 || method_size >= 16 || path_size == 0 || path_size >= room ||
        space[1] != '/' || size - (size_t)(second + 1 - text) != strlen("HTTP/1.1") ||
        memcmp(second + 1, "HTTP/1.", strlen("HTTP/1.")) != 0) {
        return false;
    }
    memcpy(method, text, method_size); /* the request ends without a NUL */
    method[method_size] = '\0';
    memcpy(path, space + 1, path_size);
    path[path_size] = '\0';
    path[strcspn(path, "?")] = '\0';
    return true;
}

static void
take_request(Visitor *visitor)
{
    const char *text = (const char *)visitor->request->data;
    size_t line = 0;
    char method[16];
    char path[256];

    while (line < visitor->request->len && text[line] != '\r' && text[line] != '\n') {
        line++;
    }
    if (!parse_line(text, line, method, path, sizeof path)) {
        refuse(visitor, 400);
    } else if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        refuse(visitor, 405);
    } else {
        LiveHttpAnswer answer = answer_new(404);

        visitor->http->answer(visitor->http->user, path, &answer);
        finish(visitor, &answer, strcmp(method, "HEAD") == 0);
    }
}

/* A request that can be none is told so before it has ended: by a byte that no head holds. */
static bool
is_hopeless(const GByteArray *request)
{
    return memchr(request->data, '\0', request->len) != NULL || request->data[0] < 'A' ||
           request->data[0] > 'Z';
}

static void
on_bytes(void *user, OrrBytes bytes)
{
    Visitor *visitor = user;

    if (visitor->answered) {
        return;
    }
    g_byte_array_append(
        visitor->request, bytes.data,
        (guint)MIN(bytes.size, LIVE_HTTP_REQUEST_MAX + 1 - visitor->request->len));
    if (is_hopeless(visitor->request)) {
        refuse(visitor, 400);
    } else if (end_of_head(visitor->request) != NULL) {
        take_request(visitor);
    } else if (visitor->request->len > LIVE_HTTP_REQUEST_MAX) {
        refuse(visitor, 431);
    }
}

static void
on_accepted(void *user, LiveStream *stream)
{
    static const LiveStreamHandlers handlers = {NULL, on_bytes, NULL, on_closed};
    LiveHttp *http = user;
    Visitor *visitor = g_new0(Visitor, 1);

    *visitor = (Visitor){.http = http,
                         .stream = stream,
                         .request = g_byte_array_new(),
                         .until_ns = live_loop_now().mono_ns + LIVE_HTTP_TIMEOUT_NS};
    g_ptr_array_add(http->visitors, visitor);
    live_stream_set_read_size(stream, LIVE_HTTP_REQUEST_MAX);
    live_stream_start(stream, &handlers, visitor);
    if (http->visitors->len == 1) {
        live_timer_set(http->timer, visitor->until_ns);
    }
    if (http->visitors->len > LIVE_HTTP_CLIENTS_MAX) {
        refuse(visitor, 503);
    }
}

/* ---- birth and death */

LiveHttp *
live_http_new(LiveLoop *loop, const OrrAddress *address, uint16_t port, LiveHttpFunc answer,
              void *user, char **why)
{
    LiveHttp *http = g_new0(LiveHttp, 1);

    *http = (LiveHttp){.loop = loop,
                       .answer = answer,
                       .user = user,
                       .timer = live_timer_new(loop, sweep, http),
                       .visitors = g_ptr_array_new()};
    http->listener = live_listen(loop, address, port, LIVE_BACKLOG, on_accepted, http, why);
    if (http->listener == NULL) {
        live_http_free(http);
        return NULL;
    }
    return http;
}

void
live_http_free(LiveHttp *http)
{
    if (http == NULL) {
        return;
    }
    live_listener_close(http->listener);
    live_timer_set(http->timer, ORR_NEVER);
    while (http->visitors->len > 0) {
        drop(g_ptr_array_index(http->visitors, http->visitors->len - 1));
    }
    g_ptr_array_unref(http->visitors);
    g_free(http);
}

uint64_t
live_http_answered(const LiveHttp *http)
{
    return http == NULL ? 0 : http->answered;
}

uint64_t
live_http_refused(const LiveHttp *http)
{
    return http == NULL ? 0 : http->refused;
}
