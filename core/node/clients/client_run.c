/* client_run.c - one command: may it run at all, running it, and what is counted of it. */
#include "node/clients/client.h"
#include "node/moves/forward.h"

#include "node/clients/meter.h"
#include "node/clients/observe.h"
#include "node/clients/session.h"
#include "node/clients/transaction.h"

static void
emit(OrrCommandContext *context, const OrrRecord *record)
{
    OrrNode *node = orr_command_node(context);
    OrrRecord stamped = *record;

    orr_node_write(node, &stamped, node->out);
    context->writes++;
}

OrrCommandContext
orr_client_context(OrrNode *node, OrrClient *client, const OrrCommand *command,
                   const OrrBytes *args, size_t arg_count)
{
    return (OrrCommandContext){
        .command = command,
        .args = args,
        .arg_count = arg_count,
        .keyspace = node->keyspace,
        .reply = node->reply,
        .rng = &node->context.rng,
        .wall_ms = node->context.cluster_ms,
        .wall_us = node->context.cluster_ms * 1000,
        .hash_slot_by = node->config.settings.hash_slot_by,
        .primary = node->fence == ORR_FENCE_NONE,
        .emit = emit,
        .owner = node,
        .client = client,
    };
}

/* Several records of one command, or of one transaction, are one: see orr_node_group_begin().
 */
static bool
may_write_several(const OrrCommand *command)
{
    return (command->flags & ORR_COMMAND_WRITE) != 0 &&
           (command->last_key != 1 || command->field_step > 0);
}

static bool
is_error(const OrrNode *node, size_t at)
{
    return orr_reply_size(node->reply) > at && orr_reply_bytes(node->reply).data[at] == '-';
}

static void
count_error(OrrNode *node, size_t at)
{
    OrrBytes all = orr_reply_bytes(node->reply);

    node->statistics.error_replies++;
    orr_meter_error(node->meter, orr_bytes(all.data + at, all.size - at));
}

void
orr_client_call(OrrNode *node, OrrCommandContext *context)
{
    const OrrCommand *command = context->command;
    OrrClient *client = context->client;
    size_t at = orr_reply_size(context->reply);
    bool several = may_write_several(command);
    OrrMeterSpan span;

    if (several) {
        orr_node_group_begin(node);
    }
    orr_meter_enter(node->meter, command, orr_observe_needs_precision(node));
    orr_command_run(context);
    span = orr_meter_leave(node->meter, command, context->extra_ns);
    if (several) {
        orr_node_group_end(node, node->out);
    }
    if (span.alone) {
        orr_observe_span(node, context, span);
    }
    if (node->monitors->len > 0) {
        orr_observe_monitors(node, context);
    }
    client->commands++;
    node->statistics.commands_processed++;
    if (context->writes > 0) {
        client->written_offset = orr_replication_offset(node->replication);
    }
    if ((command->flags & ORR_COMMAND_READONLY) != 0) {
        node->statistics.keyspace_hits += context->hits;
        node->statistics.keyspace_misses += context->misses;
    }
    node->statistics.expired_keys += context->expired;
    if (is_error(node, at)) {
        orr_meter_failed(node->meter, command);
        count_error(node, at);
    }
}

/* What holds for a command wherever its keys are. The client is told why not. */
static bool
may_run_at_all(OrrNode *node, const OrrCommandContext *context)
{
    const OrrCommand *command = context->command;

    if (node->life != ORR_LIFE_UP) {
        orr_reply_error(node->reply, "LOADING This node is starting");
        return false;
    }
    if (command == NULL) {
        orr_command_reply_unknown(node->reply, context->args, context->arg_count);
        return false;
    }
    if (!orr_command_arity_fits(command, context->arg_count)) {
        orr_command_reply_arity(node->reply, command);
        return false;
    }
    if ((command->flags & ORR_COMMAND_NO_AUTH) == 0 && !orr_session_is_authenticated(context)) {
        orr_reply_error(node->reply, "NOAUTH Authentication required.");
        return false;
    }
    return true;
}

/* What holds for a command once it is known to run here. */
static bool
may_run_now(OrrNode *node, const OrrCommandContext *context)
{
    const OrrCommand *command = context->command;

    if (!orr_route_may_write(node, orr_transaction_flags(context->client, command))) {
        return false;
    }
    if ((command->flags & ORR_COMMAND_WHILE_SUBSCRIBED) == 0 &&
        orr_session_is_subscribed(context)) {
        orr_reply_error_about(node->reply, "ERR Can't execute '",
                              orr_bytes_of_string(command->name),
                              "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET "
                              "are allowed in this context");
        return false;
    }
    if ((command->flags & (ORR_COMMAND_NO_MULTI | ORR_COMMAND_ALONE)) != 0 &&
        orr_transaction_is_open(context->client)) {
        orr_reply_error(node->reply, "ERR Command not allowed inside a transaction");
        return false;
    }
    return true;
}

/* "-ERR text" at the end of the reply becomes "-EXECABORT Transaction discarded because of:
 * text".
 */
static void
rewrite_as_abort(OrrNode *node, size_t at)
{
    OrrBytes all = orr_reply_bytes(node->reply);
    size_t code = all.size - at > 5 && memcmp(all.data + at, "-ERR ", 5) == 0 ? 5 : 1;
    g_autofree char *text =
        g_strndup((const char *)all.data + at + code, all.size - at - code - 2);
    g_autofree char *abort =
        g_strdup_printf("EXECABORT Transaction discarded because of: %s", text);

    orr_reply_truncate(node->reply, at);
    orr_reply_error(node->reply, abort);
}

/* The command was refused, and its client told so at `at`: what that means for a transaction.
 */
static void
reject(OrrNode *node, OrrClient *client, const OrrCommandContext *context, size_t at,
       bool elsewhere)
{
    if (context->command != NULL) {
        orr_meter_rejected(node->meter, context->command);
    }
    if (context->command != NULL && orr_transaction_is_exec(context->command)) {
        if (!elsewhere) {
            rewrite_as_abort(node, at);
        }
        orr_transaction_end(node, client);
    } else {
        orr_transaction_spoil(client);
    }
    count_error(node, at);
}

static OrrCommandSlot
slot_of(const OrrNode *node, const OrrClient *client, const OrrPipelined *item, uint16_t *slot)
{
    *slot = item->slot;
    if (client->transaction != NULL && orr_transaction_is_open(client) &&
        orr_transaction_is_exec(item->command)) {
        return orr_transaction_slot(client, node->config.settings.hash_slot_by, slot);
    }
    return item->kind;
}

/* True if the command runs now, or is queued; otherwise the client has been told why not. */
static bool
is_admitted(OrrNode *node, OrrClient *client, OrrCommandContext *context,
            const OrrPipelined *item, bool asking)
{
    size_t at = orr_reply_size(node->reply);
    OrrCommandSlot kind;

    if (!may_run_at_all(node, context)) {
        reject(node, client, context, at, false);
        return false;
    }
    kind = slot_of(node, client, item, &context->slot);
    context->slot_known = kind == ORR_SLOT_ONE && item->kind == ORR_SLOT_ONE;
    if (node->config.settings.hash_slot_by == ORR_HASH_SLOT_BY_FIELD &&
        orr_forward_takes(node, context, kind)) {
        return false;
    }
    if (!orr_route_command(node, context, kind, asking)) {
        if (client->waiting == ORR_CLIENT_WAITS_FOR_KEY) {
            client->asking = asking; /* it is read once more */
            return false;
        }
        reject(node, client, context, at, true);
        return false;
    }
    if (!may_run_now(node, context)) {
        reject(node, client, context, at, false);
        return false;
    }
    return true;
}

void
orr_client_execute(OrrNode *node, OrrClient *client, const OrrPipelined *item)
{
    OrrCommandContext context =
        orr_client_context(node, client, item->command, item->args, item->arg_count);
    bool asking = client->asking;
    size_t at = orr_reply_size(node->reply);

    client->asking = false;
    client->last_command = context.command;
    if (is_admitted(node, client, &context, item, asking)) {
        if (orr_client_is_paused(node, orr_transaction_flags(client, context.command))) {
            orr_client_wait(node, client, ORR_CLIENT_WAITS_FOR_UNPAUSE, ORR_NEVER);
            client->asking = asking;
            return;
        }
        if (client->transaction == NULL || !orr_transaction_takes(client, &context)) {
            orr_client_call(node, &context);
        }
    }
    if (client->waiting != ORR_CLIENT_WAITS_FOR_KEY) {
        client->park_until = 0;
    }
    if (client->reply_mode != ORR_REPLY_ON) {
        orr_session_hold_reply(node, client, at);
    }
}
