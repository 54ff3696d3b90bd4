/* http.h - a small HTTP server for figures and pages: one GET, one answer, then it closes.
 *
 *     GET /metrics HTTP/1.1 --> answer(path, text) --> 200, the text
 *
 * It never holds the node up: requests are at most LIVE_HTTP_REQUEST_MAX bytes, connections
 * LIVE_HTTP_CLIENTS_MAX, and whoever has not asked or not taken the answer within
 * LIVE_HTTP_TIMEOUT_NS is dropped. What is no request is answered 400, another method than GET
 * and HEAD 405, too many headers 431, one connection too many 503.
 *
 * Memory: answers are made whole and freed when sent. Threads: the loop's.
 */
#ifndef LIVE_HTTP_H
#define LIVE_HTTP_H

#include <glib.h>

#include "loop.h"

#define LIVE_HTTP_REQUEST_MAX 8192u
#define LIVE_HTTP_CLIENTS_MAX 64u
#define LIVE_HTTP_TIMEOUT_NS (5 * ORR_NS_PER_S)

typedef struct LiveHttp LiveHttp;

typedef struct LiveHttpAnswer {
    unsigned status;  /* 200, 404, 503 */
    const char *type; /* of the text; begins as "text/plain; charset=utf-8" */
    GString *text;    /* begins empty */
} LiveHttpAnswer;

/* Fills in the answer to a GET of `path`, without what follows a `?`; status begins as 404. */
typedef void (*LiveHttpFunc)(void *user, const char *path, LiveHttpAnswer *answer);

/* Listens on `port` of `address`. NULL: *why, owned by the caller. */
LiveHttp *live_http_new(LiveLoop *loop, const OrrAddress *address, uint16_t port,
                        LiveHttpFunc answer, void *user, char **why);
void live_http_free(LiveHttp *http);
/* Requests answered so far, and of those the ones that were refused (4xx, 5xx). */
uint64_t live_http_answered(const LiveHttp *http);
uint64_t live_http_refused(const LiveHttp *http);

#endif
