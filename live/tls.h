/* tls.h - TLS by OpenSSL, without sockets: bytes of the network in and out, plain bytes in and
 * out.
 *
 *     network --feed--> session --read--> plain        plain --write--> session --take-->
 * network
 *
 * A LiveTls holds certificates and rules, read from files once; sessions keep those they began
 * with, so a renewed certificate counts for new connections. TLS 1.2 and 1.3; no compression,
 * no renegotiation.
 *
 * Threads: one at a time.
 */
#ifndef LIVE_TLS_H
#define LIVE_TLS_H

#include <glib.h>
#include <orrery/types.h>

#include "options.h"

typedef struct LiveTls LiveTls;
typedef struct LiveTlsSession LiveTlsSession;

typedef enum LiveTlsRole {
    LIVE_TLS_OF_CLIENT, /* a client called: tls-auth-clients says what it must show */
    LIVE_TLS_OF_PEER,   /* another node called; it must show a certificate */
    LIVE_TLS_TO_PEER,   /* we called another node; both show theirs */
} LiveTlsRole;

/* Reads the files that the options name. NULL: *why, owned by the caller. */
LiveTls *live_tls_new(const LiveTlsOptions *options, char **why);
void live_tls_free(LiveTls *tls);

LiveTlsSession *live_tls_session_new(LiveTls *tls, LiveTlsRole role);
void live_tls_session_free(LiveTlsSession *session);
/* Bytes that the network brought; then live_tls_read() until it has no more. */
void live_tls_feed(LiveTlsSession *session, OrrBytes bytes);

typedef enum LiveTlsResult {
    LIVE_TLS_SOME, /* *used bytes were read */
    LIVE_TLS_NONE, /* more must come first */
    LIVE_TLS_END,  /* the other end said goodbye */
    LIVE_TLS_BAD,  /* this is no TLS of ours: send what there is to take, then close */
} LiveTlsResult;

/* Goes on with the handshake, too; call it once to begin one. */
LiveTlsResult live_tls_read(LiveTlsSession *session, void *room, size_t size, size_t *used);
/* Plain bytes; before the handshake is done they wait in the session. */
void live_tls_write(LiveTlsSession *session, OrrBytes bytes);
/* Says goodbye. */
void live_tls_end(LiveTlsSession *session);
/* Appends what is to be sent. */
void live_tls_take(LiveTlsSession *session, GByteArray *out);
/* The handshake is done. */
bool live_tls_is_ready(const LiveTlsSession *session);
/* Plain bytes that wait for the handshake. */
size_t live_tls_waiting(const LiveTlsSession *session);
/* Why the last call was BAD, for the log; lent until the next call. */
const char *live_tls_reason(const LiveTlsSession *session);

#endif
