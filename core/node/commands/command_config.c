/* command_config.c - CONFIG: the host has the names, files and texts of what a node is set to,
 * so it answers; the node takes the values. */
#include "node/clients/client.h"
#include "node/clients/meter.h"
#include "node/commands/command_util.h"

static void
ask_host(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);
    OrrClient *client = orr_command_client(context);
    OrrReply *words = orr_reply_new(); /* an operator's command: it may cost */

    orr_reply_array(words, context->arg_count);
    for (size_t i = 0; i < context->arg_count; i++) {
        orr_reply_bulk(words, context->args[i]);
    }
    orr_effects_ask(node->out, client->id, client->protocol, orr_reply_bytes(words));
    orr_reply_free(words);
    orr_client_wait(node, client, ORR_CLIENT_WAITS_FOR_HOST, ORR_NEVER);
}

OrrStatus
orr_node_on_answer(OrrNode *node, const OrrEvent *event, OrrEffects *out)
{
    OrrClient *client = orr_client_find(node, event->answer.client);

    if (client == NULL || client->waiting != ORR_CLIENT_WAITS_FOR_HOST) {
        return ORR_REFUSED;
    }
    orr_reply_clear(node->reply);
    orr_reply_set_protocol(node->reply, client->protocol);
    orr_reply_raw(node->reply, event->answer.bytes);
    orr_client_go_on(node, client, out);
    return ORR_OK;
}

OrrStatus
orr_node_on_settings(OrrNode *node, const OrrSettings *settings, OrrEffects *out)
{
    if (node->life != ORR_LIFE_UP ||
        !orr_settings_may_become(&node->config.settings, settings)) {
        return ORR_REFUSED;
    }
    node->config.settings = *settings;
    node->change++;
    orr_replication_set(node->replication, settings);
    orr_client_idle_begin(node);
    orr_node_trace(node, ORR_TRACE_ADMIN, NULL, "other settings", out);
    return ORR_OK;
}

static void
run_resetstat(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);

    node->statistics = (OrrStatistics){.connections_received = 0};
    orr_meter_reset(node->meter);
    orr_reply_ok(context->reply);
}

#define ADMIN                                                                                  \
    (ORR_COMMAND_ADMIN | ORR_COMMAND_NOSCRIPT | ORR_COMMAND_LOADING | ORR_COMMAND_STALE)
#define ROW(name_, arity_, flags_, syntax_, run_, summary_)                                    \
    {                                                                                          \
        .name = "config|" name_, .arity = arity_, .flags = ADMIN | (flags_),                   \
        .syntax = syntax_, .group = ORR_GROUP_SERVER, .summary = summary_, .since = "2.0.0",   \
        .run = run_                                                                            \
    }

/* The answer of a host comes when the step is over: too late for EXEC. */
static const OrrCommand SUBCOMMANDS[] = {
    ROW("get", -3, ORR_COMMAND_NO_MULTI, "<pattern>", ask_host, "What this node is set to."),
    ROW("resetstat", 2, 0, NULL, run_resetstat, "Counts from 0 again."),
    ROW("rewrite", 2, ORR_COMMAND_NO_MULTI, NULL, ask_host,
        "Writes the present settings to the file."),
    ROW("set", -4, ORR_COMMAND_NO_MULTI | ORR_COMMAND_SKIP_MONITOR | ORR_COMMAND_SKIP_SLOWLOG,
        "<directive> <value>", ask_host, "Changes settings, all of them or none."),
    ORR_COMMAND_HELP_ROW("config", ORR_COMMAND_LOADING | ORR_COMMAND_STALE),
    ORR_COMMANDS_END,
};

const OrrCommand orr_commands_config[] = {
    {.name = "config",
     .arity = -2,
     .group = ORR_GROUP_SERVER,
     .summary = "What this node is set to.",
     .since = "2.0.0",
     .subcommands = SUBCOMMANDS},
    ORR_COMMANDS_END,
};
