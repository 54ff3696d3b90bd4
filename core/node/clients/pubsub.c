#include "node/clients/pubsub.h"

#include "node/commands/command_util.h"

#include <orrery/slots.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

typedef struct Channel {
    GBytes *name;
    OrrChannelKind kind;
    GPtrArray *clients; /* in the order in which they subscribed */
} Channel;

struct OrrPubsub {
    GHashTable *by_name[ORR_CHANNEL_KINDS]; /* name -> Channel; never iterated for effects */
    GPtrArray *patterns;                    /* in the order in which they came up */
    OrrReply *encoded[2];                   /* a message in RESP2 and in RESP3 */
};

struct OrrSubscriptions {
    GPtrArray *channels[ORR_CHANNEL_KINDS]; /* of Channel, in the order of subscribing */
    GHashTable *names[ORR_CHANNEL_KINDS];   /* the same as a set */
};

static OrrBytes
bytes_of(GBytes *name)
{
    gsize size;
    const void *data = g_bytes_get_data(name, &size);

    return orr_bytes(data, size);
}

static guint
hash_name(gconstpointer name)
{
    OrrBytes bytes = bytes_of((GBytes *)(uintptr_t)name);

    return (guint)XXH3_64bits(bytes.data, bytes.size);
}

static void
free_channel(gpointer data)
{
    Channel *channel = data;

    g_bytes_unref(channel->name);
    g_ptr_array_unref(channel->clients);
    g_free(channel);
}

OrrPubsub *
orr_pubsub_new(void)
{
    OrrPubsub *pubsub = g_new0(OrrPubsub, 1);

    for (size_t i = 0; i < ORR_CHANNEL_KINDS; i++) {
        pubsub->by_name[i] =
            g_hash_table_new_full(hash_name, g_bytes_equal, NULL, free_channel);
    }
    pubsub->patterns = g_ptr_array_new();
    for (int i = 0; i < 2; i++) {
        pubsub->encoded[i] = orr_reply_new();
        orr_reply_set_protocol(pubsub->encoded[i], i + 2);
    }
    return pubsub;
}

void
orr_pubsub_free(OrrPubsub *pubsub)
{
    if (pubsub == NULL) {
        return;
    }
    for (size_t i = 0; i < ORR_CHANNEL_KINDS; i++) {
        g_hash_table_unref(pubsub->by_name[i]);
    }
    g_ptr_array_unref(pubsub->patterns);
    orr_reply_free(pubsub->encoded[0]);
    orr_reply_free(pubsub->encoded[1]);
    g_free(pubsub);
}

static Channel *
find_channel(const OrrPubsub *pubsub, OrrChannelKind kind, OrrBytes name)
{
    g_autoptr(GBytes) key = g_bytes_new_static(name.data, name.size);

    return g_hash_table_lookup(pubsub->by_name[kind], key);
}

/* Subscriptions */

size_t
orr_subscriptions_count(const OrrClient *client, OrrChannelKind kind)
{
    return client->subscriptions == NULL ? 0 : client->subscriptions->channels[kind]->len;
}

static OrrSubscriptions *
subscriptions_of(OrrClient *client)
{
    if (client->subscriptions == NULL) {
        client->subscriptions = g_new0(OrrSubscriptions, 1);
        for (size_t i = 0; i < ORR_CHANNEL_KINDS; i++) {
            client->subscriptions->channels[i] = g_ptr_array_new();
            client->subscriptions->names[i] = g_hash_table_new(NULL, NULL);
        }
    }
    return client->subscriptions;
}

static void
drop_if_empty(OrrClient *client)
{
    OrrSubscriptions *subscriptions = client->subscriptions;

    for (size_t i = 0; i < ORR_CHANNEL_KINDS; i++) {
        if (subscriptions->channels[i]->len > 0) {
            return;
        }
    }
    for (size_t i = 0; i < ORR_CHANNEL_KINDS; i++) {
        g_ptr_array_unref(subscriptions->channels[i]);
        g_hash_table_unref(subscriptions->names[i]);
    }
    g_free(subscriptions);
    client->subscriptions = NULL;
}

static Channel *
open_channel(OrrPubsub *pubsub, OrrChannelKind kind, OrrBytes name)
{
    Channel *channel = find_channel(pubsub, kind, name);

    if (channel == NULL) {
        channel = g_new0(Channel, 1);
        channel->name = g_bytes_new(name.data, name.size);
        channel->kind = kind;
        channel->clients = g_ptr_array_new();
        g_hash_table_insert(pubsub->by_name[kind], channel->name, channel);
        if (kind == ORR_CHANNEL_PATTERN) {
            g_ptr_array_add(pubsub->patterns, channel);
        }
    }
    return channel;
}

bool
orr_pubsub_subscribe(OrrNode *node, OrrClient *client, OrrChannelKind kind, OrrBytes name)
{
    OrrSubscriptions *subscriptions;
    Channel *channel;

    if (orr_subscriptions_count(client, kind) >= ORR_SUBSCRIPTIONS_MAX ||
        name.size > ORR_CHANNEL_NAME_MAX) {
        return false;
    }
    subscriptions = subscriptions_of(client);
    channel = open_channel(node->pubsub, kind, name);
    if (g_hash_table_add(subscriptions->names[kind], channel)) {
        g_ptr_array_add(subscriptions->channels[kind], channel);
        g_ptr_array_add(channel->clients, client);
    }
    return true;
}

/* The channel forgets the client, and is forgotten with its last. */
static void
leave(OrrPubsub *pubsub, Channel *channel, OrrClient *client)
{
    (void)g_ptr_array_remove(channel->clients, client);
    if (channel->clients->len == 0) {
        if (channel->kind == ORR_CHANNEL_PATTERN) {
            (void)g_ptr_array_remove(pubsub->patterns, channel);
        }
        g_hash_table_remove(pubsub->by_name[channel->kind], channel->name);
    }
}

static void
unsubscribe(OrrPubsub *pubsub, OrrClient *client, Channel *channel)
{
    OrrChannelKind kind = channel->kind;

    g_hash_table_remove(client->subscriptions->names[kind], channel);
    (void)g_ptr_array_remove(client->subscriptions->channels[kind], channel);
    leave(pubsub, channel, client);
    drop_if_empty(client);
}

bool
orr_pubsub_unsubscribe(OrrNode *node, OrrClient *client, OrrChannelKind kind, OrrBytes name)
{
    Channel *channel = find_channel(node->pubsub, kind, name);

    if (channel == NULL || client->subscriptions == NULL ||
        !g_hash_table_contains(client->subscriptions->names[kind], channel)) {
        return false;
    }
    unsubscribe(node->pubsub, client, channel);
    return true;
}

bool
orr_pubsub_first(const OrrClient *client, OrrChannelKind kind, OrrBytes *name)
{
    const Channel *channel;

    if (orr_subscriptions_count(client, kind) == 0) {
        return false;
    }
    channel = g_ptr_array_index(client->subscriptions->channels[kind], 0);
    *name = bytes_of(channel->name);
    return true;
}

void
orr_pubsub_drop_client(OrrNode *node, OrrClient *client)
{
    for (size_t i = 0; i < ORR_CHANNEL_KINDS; i++) {
        while (client->subscriptions != NULL && client->subscriptions->channels[i]->len > 0) {
            GPtrArray *list = client->subscriptions->channels[i];

            unsubscribe(node->pubsub, client, g_ptr_array_index(list, list->len - 1));
        }
    }
}

/* Messages */

static void
encode(OrrReply *reply, const char *kind, const OrrBytes *pattern, OrrBytes channel,
       OrrBytes message)
{
    orr_reply_clear(reply);
    orr_reply_push(reply, pattern == NULL ? 3 : 4);
    orr_reply_bulk_string(reply, kind);
    if (pattern != NULL) {
        orr_reply_bulk(reply, *pattern);
    }
    orr_reply_bulk(reply, channel);
    orr_reply_bulk(reply, message);
}

static size_t
tell(OrrNode *node, const Channel *channel, const OrrBytes *pattern, OrrBytes name,
     OrrBytes message, OrrEffects *out)
{
    static const char *const WORDS[] = {"message", "pmessage", "smessage"};
    bool encoded[2] = {false, false};

    for (guint i = 0; i < channel->clients->len; i++) {
        OrrClient *client = g_ptr_array_index(channel->clients, i);
        int which = client->protocol == 3;

        if (!encoded[which]) {
            encode(node->pubsub->encoded[which], WORDS[channel->kind], pattern, name, message);
            encoded[which] = true;
        }
        orr_client_push(node, client, orr_reply_bytes(node->pubsub->encoded[which]), out);
    }
    return channel->clients->len;
}

size_t
orr_pubsub_deliver(OrrNode *node, bool shard, OrrBytes channel, OrrBytes message,
                   OrrEffects *out)
{
    OrrPubsub *pubsub = node->pubsub;
    Channel *found = find_channel(pubsub, shard ? ORR_CHANNEL_SHARD : ORR_CHANNEL, channel);
    size_t count = found == NULL ? 0 : tell(node, found, NULL, channel, message, out);

    for (guint i = 0; !shard && i < pubsub->patterns->len; i++) {
        const Channel *pattern = g_ptr_array_index(pubsub->patterns, i);
        OrrBytes text = bytes_of(pattern->name);

        if (orr_glob_matches(text, channel)) {
            count += tell(node, pattern, &text, channel, message, out);
        }
    }
    return count;
}

void
orr_pubsub_on_publish(OrrNode *node, const OrrPublication *publication, OrrEffects *out)
{
    (void)orr_pubsub_deliver(node, publication->shard, publication->channel,
                             publication->message, out);
}

/* Lists */

size_t
orr_pubsub_channel_count(const OrrPubsub *pubsub, OrrChannelKind kind)
{
    return g_hash_table_size(pubsub->by_name[kind]);
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
    OrrBytes x = *(const OrrBytes *)a;
    OrrBytes y = *(const OrrBytes *)b;
    size_t size = MIN(x.size, y.size);
    int order = size == 0 ? 0 : memcmp(x.data, y.data, size);

    return order != 0 ? order : (x.size > y.size) - (x.size < y.size);
}

GArray *
orr_pubsub_names(const OrrPubsub *pubsub, OrrChannelKind kind, const OrrBytes *pattern)
{
    GArray *names = g_array_new(false, false, sizeof(OrrBytes));
    GHashTableIter iter;
    gpointer name;

    g_hash_table_iter_init(&iter, pubsub->by_name[kind]);
    while (g_hash_table_iter_next(&iter, &name, NULL)) {
        OrrBytes bytes = bytes_of(name);

        if (pattern == NULL || orr_glob_matches(*pattern, bytes)) {
            g_array_append_val(names, bytes);
        }
    }
    g_array_sort(names, compare_names);
    return names;
}

size_t
orr_pubsub_subscribers(const OrrPubsub *pubsub, OrrChannelKind kind, OrrBytes name)
{
    const Channel *channel = find_channel(pubsub, kind, name);

    return channel == NULL ? 0 : channel->clients->len;
}

/* Slots that leave */

static void
tell_gone(OrrNode *node, OrrClient *client, OrrBytes name, OrrEffects *out)
{
    OrrReply *reply = node->pubsub->encoded[client->protocol == 3];

    orr_reply_clear(reply);
    orr_reply_push(reply, 3);
    orr_reply_bulk_string(reply, "sunsubscribe");
    orr_reply_bulk(reply, name);
    orr_reply_integer(reply, (int64_t)orr_subscriptions_count(client, ORR_CHANNEL_SHARD) - 1);
    orr_client_push(node, client, orr_reply_bytes(reply), out);
}

void
orr_pubsub_slots_changed(OrrNode *node, OrrEffects *out)
{
    const OrrShard *own = orr_node_self(node)->shard;
    g_autoptr(GArray) names = NULL;

    if (orr_pubsub_channel_count(node->pubsub, ORR_CHANNEL_SHARD) == 0) {
        return;
    }
    names = orr_pubsub_names(node->pubsub, ORR_CHANNEL_SHARD, NULL);
    for (guint i = 0; i < names->len; i++) {
        OrrBytes name = g_array_index(names, OrrBytes, i);
        Channel *channel = find_channel(node->pubsub, ORR_CHANNEL_SHARD, name);

        if (orr_slotmap_owns(node->context.slotmap, orr_slot_of_key(name), &own->id)) {
            continue;
        }
        for (guint left = channel->clients->len; left > 0; left--) {
            OrrClient *client = g_ptr_array_index(channel->clients, 0);

            tell_gone(node, client, name, out);
            unsubscribe(node->pubsub, client, channel); /* the last one frees the channel */
        }
    }
}
