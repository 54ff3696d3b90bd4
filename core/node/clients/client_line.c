#include "node/clients/client_line.h"

#include "node/clients/pubsub.h"
#include "node/clients/transaction.h"

OrrClientType
orr_client_type(const OrrClient *client)
{
    return client->subscriptions != NULL ? ORR_CLIENT_PUBSUB : ORR_CLIENT_NORMAL;
}

bool
orr_client_type_parse(OrrBytes text, OrrClientType *type)
{
    static const struct {
        const char *name;
        OrrClientType type;
    } NAMES[] = {
        {"normal", ORR_CLIENT_NORMAL}, {"pubsub", ORR_CLIENT_PUBSUB},
        {"master", ORR_CLIENT_MASTER}, {"replica", ORR_CLIENT_REPLICA},
        {"slave", ORR_CLIENT_REPLICA},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(NAMES); i++) {
        if (orr_word_is(text, NAMES[i].name)) {
            *type = NAMES[i].type;
            return true;
        }
    }
    return false;
}

void
orr_client_format_place(const OrrAddress *address, char *text)
{
    char ip[ORR_ADDRESS_TEXT_SIZE];

    if (address->port == 0) {
        g_strlcpy(text, "?:0", ORR_CLIENT_PLACE_SIZE);
        return;
    }
    orr_address_format_ip(address, ip);
    g_snprintf(text, ORR_CLIENT_PLACE_SIZE, strchr(ip, ':') != NULL ? "[%s]:%u" : "%s:%u", ip,
               address->port);
}

static void
add_flags(const OrrClient *client, GString *text)
{
    size_t before = text->len;

    if (client->monitor) {
        g_string_append_c(text, 'O');
    }
    if (client->subscriptions != NULL) {
        g_string_append_c(text, 'P');
    }
    if (orr_transaction_is_open(client)) {
        g_string_append_c(text, 'x');
    }
    if (client->waiting != ORR_CLIENT_GOES_ON) {
        g_string_append_c(text, 'b');
    }
    if (orr_transaction_is_spoilt(client)) {
        g_string_append_c(text, 'd');
    }
    if (client->closing) {
        g_string_append_c(text, 'c');
    }
    if (client->readonly) {
        g_string_append_c(text, 'r');
    }
    if (client->no_evict) {
        g_string_append_c(text, 'e');
    }
    if (text->len == before) {
        g_string_append_c(text, 'N');
    }
}

void
orr_client_line(const OrrNode *node, const OrrClient *client, GString *text)
{
    char place[ORR_CLIENT_PLACE_SIZE];
    OrrTime now_ns = node->now.mono_ns;

    orr_client_format_place(&client->remote, place);
    g_string_append_printf(text, "id=%" G_GUINT64_FORMAT " addr=%s", client->id, place);
    orr_client_format_place(&client->local, place);
    g_string_append_printf(text, " laddr=%s fd=%" G_GUINT64_FORMAT " name=%s", place,
                           client->id, client->name == NULL ? "" : client->name);
    g_string_append_printf(text, " age=%" G_GINT64_FORMAT " idle=%" G_GINT64_FORMAT " flags=",
                           (now_ns - client->since) / ORR_NS_PER_S,
                           (now_ns - client->active_at) / ORR_NS_PER_S);
    add_flags(client, text);
    g_string_append_printf(text, " db=0 sub=%zu psub=%zu ssub=%zu multi=%d",
                           orr_subscriptions_count(client, ORR_CHANNEL),
                           orr_subscriptions_count(client, ORR_CHANNEL_PATTERN),
                           orr_subscriptions_count(client, ORR_CHANNEL_SHARD),
                           orr_transaction_count(client));
    g_string_append_printf(text,
                           " qbuf=%u qbuf-free=0 argv-mem=0 multi-mem=%zu rbs=0 rbp=0 obl=0 "
                           "oll=0 omem=0 tot-mem=%zu events=r cmd=%s user=default redir=-1 "
                           "resp=%d lib-name=%s lib-ver=%s\n",
                           client->input->len, orr_transaction_size(client),
                           sizeof *client + client->input->len + orr_transaction_size(client),
                           client->last_command == NULL ? "NULL" : client->last_command->name,
                           client->protocol,
                           client->library_name == NULL ? "" : client->library_name,
                           client->library_version == NULL ? "" : client->library_version);
}
