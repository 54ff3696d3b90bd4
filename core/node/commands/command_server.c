/* command_server.c - the server as a whole: ROLE, TIME, WAIT. */
#include "node/clients/client.h"
#include "node/clients/transaction.h"
#include "node/commands/command_util.h"

static void
run_time(OrrCommandContext *context)
{
    orr_reply_array(context->reply, 2);
    orr_reply_bulk_integer(context->reply, context->wall_us / 1000000);
    orr_reply_bulk_integer(context->reply, context->wall_us % 1000000);
}

/* WAIT numreplicas timeout */
static void
run_wait(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);
    OrrClient *client = orr_command_client(context);
    int64_t replicas;
    int64_t timeout_ms;
    uint32_t acked;

    if (!orr_node_is_primary(node)) {
        orr_reply_error(context->reply,
                        "ERR WAIT cannot be used with replica instances. Please also note that "
                        "since Redis 4.0 if a replica is configured to be writable (which is "
                        "not the default) writes to replicas are just local and are not "
                        "propagated.");
        return;
    }
    if (!orr_integer_arg(context, 1, &replicas)) {
        return;
    }
    if (!orr_parse_integer(context->args[2], &timeout_ms)) {
        orr_reply_error(context->reply, "ERR timeout is not an integer or out of range");
        return;
    }
    if (timeout_ms < 0) {
        orr_reply_error(context->reply, "ERR timeout is negative");
        return;
    }
    acked = orr_replication_acked(node->replication, client->written_offset);
    if (acked >= replicas || orr_transaction_is_running(client)) {
        orr_reply_integer(context->reply, acked);
        return;
    }
    client->wait_replicas = (uint32_t)MIN(replicas, (int64_t)UINT32_MAX);
    client->wait_offset = client->written_offset;
    orr_client_wait(node, client, ORR_CLIENT_WAITS_FOR_REPLICAS,
                    timeout_ms == 0 || timeout_ms > (ORR_NEVER / 2 / ORR_NS_PER_MS)
                        ? ORR_NEVER
                        : node->now.mono_ns + (OrrTime)timeout_ms * ORR_NS_PER_MS);
    orr_replication_flush(node->replication, node->now, node->out);
    orr_replication_ask_acks(node->replication, node->now, node->out);
}

static void
run_role(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);
    const OrrMember *primary =
        orr_members_primary_of(node->context.members, orr_node_self(node)->shard);
    char ip[ORR_ADDRESS_TEXT_SIZE];

    if (orr_node_is_primary(node) || primary == NULL) {
        orr_reply_array(context->reply, 3);
        orr_reply_bulk_string(context->reply, "master");
        orr_reply_integer(context->reply, (int64_t)node->context.offset);
        orr_reply_array(context->reply, 0);
        return;
    }
    orr_address_format_ip(&primary->address, ip);
    orr_reply_array(context->reply, 5);
    orr_reply_bulk_string(context->reply, "slave");
    orr_reply_bulk_string(context->reply, ip);
    orr_reply_integer(context->reply, primary->address.port);
    orr_reply_bulk_string(context->reply, node->context.loading ? "sync" : "connected");
    orr_reply_integer(context->reply, (int64_t)node->context.offset);
}

const OrrCommand orr_commands_server[] = {
    {.name = "role",
     .arity = 1,
     .flags = ORR_COMMAND_NOSCRIPT | ORR_COMMAND_LOADING | ORR_COMMAND_STALE |
              ORR_COMMAND_FAST | ORR_COMMAND_LIKE_ADMIN,
     .group = ORR_GROUP_SERVER,
     .summary = "Primary or replica, and of whom.",
     .since = "2.8.12",
     .run = run_role},
    {.name = "time",
     .arity = 1,
     .flags = ORR_COMMAND_LOADING | ORR_COMMAND_STALE | ORR_COMMAND_FAST,
     .group = ORR_GROUP_SERVER,
     .summary = "The clock of the cluster.",
     .since = "2.6.0",
     .run = run_time},
    {.name = "wait",
     .arity = 3,
     .flags = ORR_COMMAND_NOSCRIPT | ORR_COMMAND_ON_CONNECTION,
     .group = ORR_GROUP_GENERIC,
     .summary = "Waits until so many replicas have one's writes.",
     .since = "3.0.0",
     .run = run_wait},
    ORR_COMMANDS_END,
};
