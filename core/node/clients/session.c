#include "node/clients/session.h"

#include "base/sha256.h"
#include "node/clients/pubsub.h"
#include "node/clients/transaction.h"

void
orr_session_reset(OrrNode *node, OrrClient *client)
{
    orr_transaction_end(node, client);
    orr_pubsub_drop_client(node, client);
    (void)g_ptr_array_remove(node->monitors, client);
    client->asking = false;
    client->readonly = false;
    client->monitor = false;
    client->no_evict = false;
    client->reply_mode = ORR_REPLY_ON;
    orr_session_begin(node, client);
    client->protocol = 2;
    g_clear_pointer(&client->name, g_free);
}

bool
orr_session_is_printable(OrrBytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= ' ' || text.data[i] > '~') {
            return false;
        }
    }
    return true;
}

bool
orr_session_set_name(OrrCommandContext *context, OrrBytes name)
{
    OrrClient *client = orr_command_client(context);

    if (!orr_session_is_printable(name)) {
        orr_reply_error(context->reply, "ERR Client names cannot contain spaces, newlines or "
                                        "special characters.");
        return false;
    }
    g_free(client->name);
    client->name = name.size == 0 ? NULL : g_strndup((const char *)name.data, name.size);
    return true;
}

static bool
has_password(const OrrNode *node)
{
    return node->config.settings.requirepass[0] != '\0';
}

bool
orr_session_has_password(const OrrCommandContext *context)
{
    return has_password(orr_command_node(context));
}

static void
set_limits(const OrrNode *node, OrrClient *client)
{
    OrrRequestLimits limits = orr_request_limits_default();

    limits.bulk_max = MIN(limits.bulk_max, node->config.settings.bulk_max);
    if (!client->authenticated) {
        limits.args_max = ORR_STRANGER_ARGS_MAX;
        limits.bulk_max = MIN(limits.bulk_max, ORR_STRANGER_BULK_MAX);
        limits.stranger = true;
    }
    orr_request_parser_limit(client->parser, &limits);
}

void
orr_session_begin(const OrrNode *node, OrrClient *client)
{
    client->authenticated = !has_password(node);
    set_limits(node, client);
}

/* All bytes are compared, so the time says nothing of the password, not even its length. */
static bool
is_password(const OrrNode *node, OrrBytes password)
{
    uint8_t said[ORR_SECRET_SIZE] = {0};
    uint8_t right[ORR_SECRET_SIZE] = {0};
    const char *text = node->config.settings.requirepass;

    if (password.size >= sizeof said || memchr(password.data, '\0', password.size) != NULL) {
        return false; /* no setting is like that */
    }
    memcpy(said, password.data, password.size);
    memcpy(right, text, strnlen(text, sizeof right));
    return orr_equal_secret(said, right, sizeof said);
}

bool
orr_session_login(OrrCommandContext *context, OrrBytes user, OrrBytes password)
{
    OrrNode *node = orr_command_node(context);
    OrrClient *client = orr_command_client(context);
    bool known = orr_bytes_equal(user, orr_bytes_of_string("default"));

    if (!known || (has_password(node) && !is_password(node, password))) {
        node->statistics.auth_failures++;
        orr_reply_error(context->reply,
                        "WRONGPASS invalid username-password pair or user is disabled.");
        return false;
    }
    client->authenticated = true; /* without a password, any will do */
    set_limits(node, client);
    return true;
}

/* Who was let in stays in when a password is set later, as in Redis. */
bool
orr_session_is_authenticated(const OrrCommandContext *context)
{
    const OrrClient *client = orr_command_client(context);

    return client == NULL || client->authenticated || !has_password(orr_command_node(context));
}

bool
orr_session_is_subscribed(const OrrCommandContext *context)
{
    const OrrClient *client = orr_command_client(context);

    return client != NULL && client->subscriptions != NULL && client->protocol == 2;
}

void
orr_session_hold_reply(OrrNode *node, OrrClient *client, size_t at)
{
    switch (client->reply_mode) {
    case ORR_REPLY_ON:
        break;
    case ORR_REPLY_OFF:
        orr_reply_truncate(node->reply, at);
        break;
    case ORR_REPLY_SKIP_NEXT: /* this was CLIENT REPLY SKIP itself */
        orr_reply_truncate(node->reply, at);
        client->reply_mode = ORR_REPLY_SKIP_NOW;
        break;
    case ORR_REPLY_SKIP_NOW:
        orr_reply_truncate(node->reply, at);
        client->reply_mode = ORR_REPLY_ON;
        break;
    }
}
