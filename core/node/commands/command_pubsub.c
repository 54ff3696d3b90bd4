/* command_pubsub.c - PUBLISH, SUBSCRIBE, PUBSUB and their relatives. */
#include "node/clients/pubsub.h"
#include "node/commands/command_util.h"

typedef struct Words {
    const char *subscribe;
    const char *unsubscribe;
} Words;

static const Words WORDS[] = {
    [ORR_CHANNEL] = {"subscribe", "unsubscribe"},
    [ORR_CHANNEL_PATTERN] = {"psubscribe", "punsubscribe"},
    [ORR_CHANNEL_SHARD] = {"ssubscribe", "sunsubscribe"},
};

/* What clients are told counts channels and patterns together, shard channels apart. */
static int64_t
told_count(const OrrClient *client, OrrChannelKind kind)
{
    size_t count = kind == ORR_CHANNEL_SHARD
                       ? orr_subscriptions_count(client, kind)
                       : orr_subscriptions_count(client, ORR_CHANNEL) +
                             orr_subscriptions_count(client, ORR_CHANNEL_PATTERN);

    return (int64_t)count;
}

static void
reply_told(OrrCommandContext *context, const char *word, const OrrBytes *name,
           OrrChannelKind kind)
{
    orr_reply_push(context->reply, 3);
    orr_reply_bulk_string(context->reply, word);
    if (name != NULL) {
        orr_reply_bulk(context->reply, *name);
    } else {
        orr_reply_null(context->reply);
    }
    orr_reply_integer(context->reply, told_count(orr_command_client(context), kind));
}

static void
subscribe(OrrCommandContext *context, OrrChannelKind kind)
{
    OrrNode *node = orr_command_node(context);

    for (size_t i = 1; i < context->arg_count; i++) {
        if (!orr_pubsub_subscribe(node, orr_command_client(context), kind, context->args[i])) {
            orr_reply_error(context->reply, "ERR too many subscriptions, or too long a name");
            return;
        }
        reply_told(context, WORDS[kind].subscribe, &context->args[i], kind);
    }
}

static void
unsubscribe_all(OrrCommandContext *context, OrrChannelKind kind)
{
    OrrNode *node = orr_command_node(context);
    OrrClient *client = orr_command_client(context);
    OrrBytes name;

    if (!orr_pubsub_first(client, kind, &name)) {
        reply_told(context, WORDS[kind].unsubscribe, NULL, kind);
        return;
    }
    do {
        g_autofree uint8_t *copy = g_memdup2(name.data, name.size);
        OrrBytes kept = orr_bytes(copy, name.size); /* it goes with its last subscriber */

        (void)orr_pubsub_unsubscribe(node, client, kind, kept);
        reply_told(context, WORDS[kind].unsubscribe, &kept, kind);
    } while (orr_pubsub_first(client, kind, &name));
}

static void
unsubscribe(OrrCommandContext *context, OrrChannelKind kind)
{
    if (context->arg_count == 1) {
        unsubscribe_all(context, kind);
        return;
    }
    for (size_t i = 1; i < context->arg_count; i++) {
        (void)orr_pubsub_unsubscribe(orr_command_node(context), orr_command_client(context),
                                     kind, context->args[i]);
        reply_told(context, WORDS[kind].unsubscribe, &context->args[i], kind);
    }
}

static void
run_subscribe(OrrCommandContext *context)
{
    subscribe(context, ORR_CHANNEL);
}

static void
run_psubscribe(OrrCommandContext *context)
{
    subscribe(context, ORR_CHANNEL_PATTERN);
}

static void
run_ssubscribe(OrrCommandContext *context)
{
    subscribe(context, ORR_CHANNEL_SHARD);
}

static void
run_unsubscribe(OrrCommandContext *context)
{
    unsubscribe(context, ORR_CHANNEL);
}

static void
run_punsubscribe(OrrCommandContext *context)
{
    unsubscribe(context, ORR_CHANNEL_PATTERN);
}

static void
run_sunsubscribe(OrrCommandContext *context)
{
    unsubscribe(context, ORR_CHANNEL_SHARD);
}

/* To the other nodes: of the shard, or all. One that is known to be dead hears nothing. */
static void
spread(OrrNode *node, bool shard, OrrBytes channel, OrrBytes text)
{
    const OrrMembers *members = node->context.members;
    const OrrMember *self = orr_node_self(node);

    for (size_t i = 0; i < members->count; i++) {
        const OrrMember *peer = members->list[i];
        OrrMessage message = {.type = ORR_MESSAGE_PUBLISH,
                              .publication = {shard, channel, text}};

        if (peer != self && peer->state == ORR_MEMBER_ALIVE &&
            (!shard || peer->shard == self->shard)) {
            orr_sender_send(&node->sender, node->out, &peer->address, &message);
        }
    }
}

static void
publish(OrrCommandContext *context, bool shard)
{
    OrrNode *node = orr_command_node(context);
    OrrBytes channel = context->args[1];
    OrrBytes message = context->args[2];

    if (channel.size > ORR_CHANNEL_NAME_MAX || message.size > ORR_PUBLISH_SIZE_MAX) {
        orr_reply_error(context->reply, "ERR this message, or its channel's name, is too long");
        return;
    }
    node->statistics.published++;
    spread(node, shard, channel, message);
    orr_reply_integer(context->reply,
                      (int64_t)orr_pubsub_deliver(node, shard, channel, message, node->out));
}

static void
run_publish(OrrCommandContext *context)
{
    publish(context, false);
}

static void
run_spublish(OrrCommandContext *context)
{
    publish(context, true);
}

/* PUBSUB */

static void
list_channels(OrrCommandContext *context, OrrChannelKind kind)
{
    g_autoptr(GArray) names = NULL;

    if (context->arg_count > 3) {
        orr_command_reply_subcommand_syntax(context);
        return;
    }
    names = orr_pubsub_names(orr_command_node(context)->pubsub, kind,
                             context->arg_count == 3 ? &context->args[2] : NULL);
    orr_reply_array(context->reply, names->len);
    for (guint i = 0; i < names->len; i++) {
        orr_reply_bulk(context->reply, g_array_index(names, OrrBytes, i));
    }
}

static void
list_numbers(OrrCommandContext *context, OrrChannelKind kind)
{
    const OrrPubsub *pubsub = orr_command_node(context)->pubsub;

    orr_reply_array(context->reply, 2 * (context->arg_count - 2));
    for (size_t i = 2; i < context->arg_count; i++) {
        orr_reply_bulk(context->reply, context->args[i]);
        orr_reply_integer(context->reply,
                          (int64_t)orr_pubsub_subscribers(pubsub, kind, context->args[i]));
    }
}

static void
run_channels(OrrCommandContext *context)
{
    list_channels(context, ORR_CHANNEL);
}

static void
run_shardchannels(OrrCommandContext *context)
{
    list_channels(context, ORR_CHANNEL_SHARD);
}

static void
run_numsub(OrrCommandContext *context)
{
    list_numbers(context, ORR_CHANNEL);
}

static void
run_shardnumsub(OrrCommandContext *context)
{
    list_numbers(context, ORR_CHANNEL_SHARD);
}

static void
run_numpat(OrrCommandContext *context)
{
    orr_reply_integer(context->reply,
                      (int64_t)orr_pubsub_channel_count(orr_command_node(context)->pubsub,
                                                        ORR_CHANNEL_PATTERN));
}

#define LOOK (ORR_COMMAND_PUBSUB | ORR_COMMAND_LOADING | ORR_COMMAND_STALE)
#define SUB(name_, arity_, syntax_, since_, run_, summary_)                                    \
    {                                                                                          \
        .name = "pubsub|" name_, .arity = arity_, .flags = LOOK, .syntax = syntax_,            \
        .group = ORR_GROUP_PUBSUB, .summary = summary_, .since = since_, .run = run_           \
    }

static const OrrCommand SUBCOMMANDS[] = {
    SUB("channels", -2, "[<pattern>]", "2.8.0", run_channels, "Channels with subscribers."),
    SUB("numpat", 2, NULL, "2.8.0", run_numpat, "How many patterns are subscribed to."),
    SUB("numsub", -2, "[<channel> ...]", "2.8.0", run_numsub, "Subscribers of channels."),
    SUB("shardchannels", -2, "[<pattern>]", "7.0.0", run_shardchannels,
        "Shard channels with subscribers."),
    SUB("shardnumsub", -2, "[<shardchannel> ...]", "7.0.0", run_shardnumsub,
        "Subscribers of shard channels."),
    ORR_COMMAND_HELP_ROW("pubsub", ORR_COMMAND_LOADING | ORR_COMMAND_STALE),
    ORR_COMMANDS_END,
};

#define LISTEN (LOOK | ORR_COMMAND_NOSCRIPT | ORR_COMMAND_WHILE_SUBSCRIBED)
#define ROW(name_, arity_, flags_, first_, last_, since_, run_, summary_)                      \
    {                                                                                          \
        .name = name_, .arity = arity_, .flags = flags_, .first_key = first_,                  \
        .last_key = last_, .key_step = (first_) > 0 ? 1 : 0, .group = ORR_GROUP_PUBSUB,        \
        .summary = summary_, .since = since_, .run = run_                                      \
    }

const OrrCommand orr_commands_pubsub[] = {
    ROW("psubscribe", -2, LISTEN, 0, 0, "2.0.0", run_psubscribe,
        "Listens to channels that match patterns."),
    ROW("publish", 3, LOOK | ORR_COMMAND_FAST, 0, 0, "2.0.0", run_publish,
        "A message for the subscribers of a channel, in the whole cluster."),
    {.name = "pubsub",
     .arity = -2,
     .group = ORR_GROUP_PUBSUB,
     .summary = "Who listens to what.",
     .since = "2.8.0",
     .subcommands = SUBCOMMANDS},
    ROW("punsubscribe", -1, LISTEN, 0, 0, "2.0.0", run_punsubscribe,
        "Listens to patterns no more."),
    ROW("spublish", 3, LOOK | ORR_COMMAND_FAST, 1, 1, "7.0.0", run_spublish,
        "A message for the subscribers of a channel of this slot."),
    ROW("ssubscribe", -2, LISTEN, 1, -1, "7.0.0", run_ssubscribe,
        "Listens to channels of a slot."),
    ROW("subscribe", -2, LISTEN, 0, 0, "2.0.0", run_subscribe, "Listens to channels."),
    ROW("sunsubscribe", -1, LISTEN, 1, -1, "7.0.0", run_sunsubscribe,
        "Listens to channels of a slot no more."),
    ROW("unsubscribe", -1, LISTEN, 0, 0, "2.0.0", run_unsubscribe,
        "Listens to channels no more."),
    ORR_COMMANDS_END,
};
