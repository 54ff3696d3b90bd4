#include "tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#define REASON_SIZE 160u
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20" /* of TLS 1.2; 1.3 has good ones only */

struct LiveTls {
    SSL_CTX *contexts[3]; /* by LiveTlsRole; NULL: not wanted */
};

struct LiveTlsSession {
    SSL *ssl;
    BIO *in;
    BIO *out;
    GByteArray *waiting; /* plain bytes, until the handshake is done */
    char reason[REASON_SIZE];
};

/* Certificates and rules */

/* What OpenSSL has to say, in one line; its queue is empty afterwards. */
static void
take_reason(char *text, size_t size)
{
    unsigned long code = ERR_get_error();

    (void)g_strlcpy(text, "closed by the other end", size);
    if (code != 0) {
        ERR_error_string_n(code, text, size);
    }
    ERR_clear_error();
}

static bool
fail(char **why, const char *key, const char *path)
{
    char reason[REASON_SIZE];

    take_reason(reason, sizeof reason);
    *why = g_strdup_printf("%s: cannot use %s: %s", key, path, reason);
    return false;
}

static bool
load_files(SSL_CTX *context, const LiveTlsOptions *options, char **why)
{
    if (SSL_CTX_use_certificate_chain_file(context, options->cert_file) != 1) {
        return fail(why, "tls-cert-file", options->cert_file);
    }
    if (SSL_CTX_use_PrivateKey_file(context, options->key_file, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1) {
        return fail(why, "tls-key-file", options->key_file);
    }
    if (options->ca_file == NULL) {
        return true;
    }
    if (SSL_CTX_load_verify_locations(context, options->ca_file, NULL) != 1) {
        return fail(why, "tls-ca-cert-file", options->ca_file);
    }
    SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(options->ca_file));
    return true;
}

static int
verify_mode(LiveTlsRole role, LiveTlsClients clients)
{
    if (role != LIVE_TLS_OF_CLIENT || clients == LIVE_TLS_CLIENTS_YES) {
        return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    }
    return clients == LIVE_TLS_CLIENTS_OPTIONAL ? SSL_VERIFY_PEER : SSL_VERIFY_NONE;
}

static SSL_CTX *
context_new(const LiveTlsOptions *options, LiveTlsRole role, char **why)
{
    static const unsigned char name[] = "orreryd";
    SSL_CTX *context =
        SSL_CTX_new(role == LIVE_TLS_TO_PEER ? TLS_client_method() : TLS_server_method());

    if (context == NULL) {
        g_error("out of memory");
    }
    (void)SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    (void)SSL_CTX_set_cipher_list(context, CIPHERS);
    (void)SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                           SSL_OP_CIPHER_SERVER_PREFERENCE |
                                           SSL_OP_IGNORE_UNEXPECTED_EOF);
    /* idle connections keep no buffers */
    (void)SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
    (void)SSL_CTX_set_session_id_context(context, name, sizeof name - 1);
    SSL_CTX_set_verify(context, verify_mode(role, options->clients), NULL);
    if (!load_files(context, options, why)) {
        SSL_CTX_free(context);
        return NULL;
    }
    return context;
}

LiveTls *
live_tls_new(const LiveTlsOptions *options, char **why)
{
    LiveTls *tls = g_new0(LiveTls, 1);

    for (unsigned role = 0; role < G_N_ELEMENTS(tls->contexts); role++) {
        bool wanted = role == LIVE_TLS_OF_CLIENT ? options->port != 0 : options->cluster;

        if (!wanted) {
            continue;
        }
        tls->contexts[role] = context_new(options, (LiveTlsRole)role, why);
        if (tls->contexts[role] == NULL) {
            live_tls_free(tls);
            return NULL;
        }
    }
    return tls;
}

void
live_tls_free(LiveTls *tls)
{
    if (tls != NULL) {
        for (unsigned role = 0; role < G_N_ELEMENTS(tls->contexts); role++) {
            SSL_CTX_free(tls->contexts[role]);
        }
        g_free(tls);
    }
}

/* Sessions */

LiveTlsSession *
live_tls_session_new(LiveTls *tls, LiveTlsRole role)
{
    LiveTlsSession *session = g_new0(LiveTlsSession, 1);

    session->ssl = SSL_new(tls->contexts[role]);
    session->in = BIO_new(BIO_s_mem());
    session->out = BIO_new(BIO_s_mem());
    if (session->ssl == NULL || session->in == NULL || session->out == NULL) {
        g_error("out of memory");
    }
    (void)BIO_set_mem_eof_return(session->in, -1); /* an empty buffer is no end */
    SSL_set_bio(session->ssl, session->in, session->out);
    if (role == LIVE_TLS_TO_PEER) {
        SSL_set_connect_state(session->ssl);
    } else {
        SSL_set_accept_state(session->ssl);
    }
    return session;
}

void
live_tls_session_free(LiveTlsSession *session)
{
    if (session != NULL) {
        SSL_free(session->ssl); /* and both buffers */
        if (session->waiting != NULL) {
            g_byte_array_unref(session->waiting);
        }
        g_free(session);
    }
}

void
live_tls_feed(LiveTlsSession *session, OrrBytes bytes)
{
    size_t written = 0;

    if (bytes.size > 0 && (BIO_write_ex(session->in, bytes.data, bytes.size, &written) != 1 ||
                           written != bytes.size)) {
        g_error("out of memory");
    }
}

bool
live_tls_is_ready(const LiveTlsSession *session)
{
    return SSL_is_init_finished(session->ssl) != 0;
}

static void
write_now(LiveTlsSession *session, OrrBytes bytes)
{
    size_t written = 0;

    /* into a buffer that grows: it is written whole, or the session has ended */
    if (bytes.size > 0 && SSL_write_ex(session->ssl, bytes.data, bytes.size, &written) != 1) {
        take_reason(session->reason, sizeof session->reason);
    }
}

static void
write_waiting(LiveTlsSession *session)
{
    if (session->waiting != NULL && live_tls_is_ready(session)) {
        GByteArray *waiting = g_steal_pointer(&session->waiting);

        write_now(session, orr_bytes(waiting->data, waiting->len));
        g_byte_array_unref(waiting);
    }
}

LiveTlsResult
live_tls_read(LiveTlsSession *session, void *room, size_t size, size_t *used)
{
    int status = SSL_read_ex(session->ssl, room, size, used);
    LiveTlsResult result = LIVE_TLS_SOME;

    if (status != 1) {
        switch (SSL_get_error(session->ssl, status)) {
        case SSL_ERROR_WANT_READ:
        case SSL_ERROR_WANT_WRITE:
            result = LIVE_TLS_NONE;
            break;
        case SSL_ERROR_ZERO_RETURN:
            result = LIVE_TLS_END;
            break;
        default:
            take_reason(session->reason, sizeof session->reason);
            result = LIVE_TLS_BAD;
            break;
        }
        ERR_clear_error();
    }
    write_waiting(session);
    return result;
}

void
live_tls_write(LiveTlsSession *session, OrrBytes bytes)
{
    if (live_tls_is_ready(session)) {
        write_now(session, bytes);
        return;
    }
    if (session->waiting == NULL) {
        session->waiting = g_byte_array_new();
    }
    g_byte_array_append(session->waiting, bytes.data, (guint)bytes.size);
}

void
live_tls_end(LiveTlsSession *session)
{
    if (live_tls_is_ready(session)) {
        (void)SSL_shutdown(session->ssl);
        ERR_clear_error();
    }
}

void
live_tls_take(LiveTlsSession *session, GByteArray *out)
{
    char *data = NULL;
    long size = BIO_get_mem_data(session->out, &data);

    if (size > 0) {
        g_byte_array_append(out, (const guint8 *)data, (guint)size);
        (void)BIO_reset(session->out);
    }
}

size_t
live_tls_waiting(const LiveTlsSession *session)
{
    return session->waiting == NULL ? 0 : session->waiting->len;
}

const char *
live_tls_reason(const LiveTlsSession *session)
{
    return session->reason;
}
