#include "node/session.h"

#include "node/pubsub.h"
#include "node/transaction.h"

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
    client->authenticated = false;
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

bool
orr_session_has_password(const OrrCommandContext *context)
{
    return orr_command_node(context)->config.settings.requirepass[0] != '\0';
}

/* Takes as long for a wrong password as for a right one of the same size. */
static bool
is_password(const char *secret, OrrBytes text)
{
    size_t size = strlen(secret);
    unsigned different = size != text.size;

    for (size_t i = 0; i < text.size; i++) {
        different |= (uint8_t)secret[size == 0 ? 0 : i % size] ^ text.data[i];
    }
    return different == 0;
}

bool
orr_session_login(OrrCommandContext *context, OrrBytes user, OrrBytes password)
{
    OrrNode *node = orr_command_node(context);

    if (orr_bytes_equal(user, orr_bytes_of_string("default")) &&
        (!orr_session_has_password(context) ||
         is_password(node->config.settings.requirepass, password))) {
        orr_command_client(context)->authenticated = true;
        return true;
    }
    node->statistics.auth_failures++;
    orr_reply_error(context->reply,
                    "WRONGPASS invalid username-password pair or user is disabled.");
    return false;
}

bool
orr_session_is_authenticated(const OrrCommandContext *context)
{
    return !orr_session_has_password(context) || orr_command_client(context)->authenticated;
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
