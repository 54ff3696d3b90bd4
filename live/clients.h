/* clients.h - connections of clients: their bytes in, replies out, and bounds for the slow.
 *
 * A client that does not take its replies is first read no more (LIVE_CLIENT_PAUSE), and cut
 * off when what waits for it is over a limit of its class (client-output-buffer-limit), or when
 * all together have too much waiting. It is of class `pubsub` once a message was pushed to it.
 * Each has a number that is never used again; the handlers tell of its birth, bytes and death.
 */
#ifndef LIVE_CLIENTS_H
#define LIVE_CLIENTS_H

#include "loop.h"
#include "options.h"
#include "tls.h"

#define LIVE_CLIENT_READ (16u << 10)         /* bytes of requests that are answered at once */
#define LIVE_CLIENT_PAUSE (1u << 20)         /* bytes waiting: read no more requests */
#define LIVE_CLIENTS_OUTPUT_MAX (512u << 20) /* of all: whoever adds to it is cut off */
#define LIVE_CLIENT_SOFT_CHECK ORR_NS_PER_S  /* between two looks at soft limits */

typedef struct LiveClients LiveClients;

typedef struct LiveClientsHandlers {
    /* ORR_FULL: one too many */
    OrrStatus (*up)(void *user, uint64_t client, const OrrAddress *remote,
                    const OrrAddress *local);
    void (*request)(void *user, uint64_t client, OrrBytes bytes);
    void (*down)(void *user, uint64_t client);
} LiveClientsHandlers;

/* Listens on `port` and `tls-port`, those that are not 0, with `tls` for the latter, which is
 * lent. NULL: *why, owned by the caller. */
LiveClients *live_clients_new(LiveLoop *loop, const LiveOptions *options, LiveTls *tls,
                              const LiveClientsHandlers *handlers, void *user, char **why);
/* Other limits and certificates from now on. */
void live_clients_change(LiveClients *clients, const LiveOptions *options, LiveTls *tls);
void live_clients_free(LiveClients *clients);
/* Queues bytes, and closes the connection once they are out if `close`; if there is `more`, no
 * requests are read, and live_clients_resume() asks for it. Never calls a handler from inside;
 * a client that is gone is no error. */
void live_clients_reply(LiveClients *clients, uint64_t client, OrrBytes bytes, bool close,
                        bool more);
/* Tells of clients that have taken most of their answers, by requests without bytes. True if
 * there were any: their answers are to be sent, and then there may be room again. */
bool live_clients_resume(LiveClients *clients);
/* The same for a message the client did not ask for: one that is slow is cut off sooner, and is
 * read on, since not reading it would not stop the messages. */
void live_clients_push(LiveClients *clients, uint64_t client, OrrBytes bytes);
/* Takes no new ones. */
void live_clients_stop(LiveClients *clients);

#endif
