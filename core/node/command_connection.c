/* command_connection.c - what needs no data and no node: PING, ECHO, SELECT, TIME. */
#include "node/command_util.h"

static void
run_ping(OrrCommandContext *context)
{
    if (context->arg_count > 2) {
        orr_command_reply_arity(context->reply, context->command);
    } else if (context->arg_count == 2) {
        orr_reply_bulk(context->reply, context->args[1]);
    } else {
        orr_reply_simple(context->reply, "PONG");
    }
}

static void
run_echo(OrrCommandContext *context)
{
    orr_reply_bulk(context->reply, context->args[1]);
}

static void
run_select(OrrCommandContext *context)
{
    int64_t database;

    if (!orr_integer_arg(context, 1, &database)) {
        return;
    }
    if (database != 0) {
        orr_reply_error(context->reply, "ERR SELECT is not allowed in cluster mode");
    } else {
        orr_reply_ok(context->reply);
    }
}

static void
run_time(OrrCommandContext *context)
{
    orr_reply_array(context->reply, 2);
    orr_reply_bulk_integer(context->reply, context->wall_us / 1000000);
    orr_reply_bulk_integer(context->reply, context->wall_us % 1000000);
}

#define ROW(name_, arity_, group_, since_, run_, summary_)                                     \
    {                                                                                          \
        .name = name_, .arity = arity_,                                                        \
        .flags = ORR_COMMAND_LOADING | ORR_COMMAND_STALE | ORR_COMMAND_FAST, .group = group_,  \
        .summary = summary_, .since = since_, .run = run_                                      \
    }

const OrrCommand orr_commands_connection[] = {
    ROW("echo", 2, ORR_GROUP_CONNECTION, "1.0.0", run_echo, "Says what it is told."),
    ROW("ping", -1, ORR_GROUP_CONNECTION, "1.0.0", run_ping, "Answers."),
    ROW("select", 2, ORR_GROUP_CONNECTION, "1.0.0", run_select, "Chooses database 0."),
    ROW("time", 1, ORR_GROUP_SERVER, "2.6.0", run_time, "The clock of the cluster."),
    ORR_COMMANDS_END,
};
