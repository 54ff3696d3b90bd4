/* command_function.c - FUNCTION: tools copy functions from node to node, and check that a new
 * node has none. There are none. */
#include "node/commands/command_util.h"

static void
run_list(OrrCommandContext *context)
{
    for (size_t i = 2; i < context->arg_count; i++) {
        if (orr_arg_is(context->args[i], "libraryname") && i + 1 < context->arg_count) {
            i++;
        } else if (!orr_arg_is(context->args[i], "withcode")) {
            orr_reply_error_about(context->reply, "ERR Unknown argument ", context->args[i],
                                  "");
            return;
        }
    }
    orr_reply_array(context->reply, 0);
}

static void
run_dump(OrrCommandContext *context)
{
    orr_reply_bulk(context->reply, ORR_BYTES_EMPTY);
}

static void
run_restore(OrrCommandContext *context)
{
    if (context->args[2].size == 0) {
        orr_reply_ok(context->reply);
    } else {
        orr_reply_error(context->reply, "ERR this node runs no functions");
    }
}

static void
run_flush(OrrCommandContext *context)
{
    if (context->arg_count > 2 && !orr_arg_is(context->args[2], "sync") &&
        !orr_arg_is(context->args[2], "async")) {
        orr_reply_error(context->reply, "ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
        return;
    }
    orr_reply_ok(context->reply);
}

static void
run_refuse(OrrCommandContext *context)
{
    orr_reply_error(context->reply, "ERR this node runs no functions");
}

static void
run_stats(OrrCommandContext *context)
{
    orr_reply_map(context->reply, 2);
    orr_reply_bulk_string(context->reply, "running_script");
    orr_reply_null(context->reply);
    orr_reply_bulk_string(context->reply, "engines");
    orr_reply_map(context->reply, 0);
}

#define ROW(name_, arity_, flags_, syntax_, run_, summary_)                                    \
    {                                                                                          \
        .name = "function|" name_, .arity = arity_, .flags = ORR_COMMAND_NOSCRIPT | (flags_),  \
        .syntax = syntax_, .group = ORR_GROUP_SERVER, .summary = summary_, .since = "7.0.0",   \
        .run = run_                                                                            \
    }

static const OrrCommand SUBCOMMANDS[] = {
    ROW("delete", 3, ORR_COMMAND_WRITE, "<library-name>", run_refuse, "There are none."),
    ROW("dump", 2, 0, NULL, run_dump, "All functions: nothing."),
    ROW("flush", -2, ORR_COMMAND_WRITE, "[ASYNC|SYNC]", run_flush, "Deletes all: none."),
    ROW("kill", 2, 0, NULL, run_refuse, "Nothing runs."),
    ROW("list", -2, 0, "[LIBRARYNAME <pattern>] [WITHCODE]", run_list, "There are none."),
    ROW("load", -3, ORR_COMMAND_WRITE, "[REPLACE] <code>", run_refuse, "Refused."),
    ROW("restore", -3, ORR_COMMAND_WRITE, "<value> [APPEND|REPLACE|FLUSH]", run_restore,
        "Takes what DUMP gave, if it was nothing."),
    ROW("stats", 2, 0, NULL, run_stats, "Nothing runs."),
    ORR_COMMAND_HELP_ROW("function", ORR_COMMAND_LOADING | ORR_COMMAND_STALE),
    ORR_COMMANDS_END,
};

const OrrCommand orr_commands_function[] = {
    {.name = "function",
     .arity = -2,
     .group = ORR_GROUP_SERVER,
     .summary = "There are none; for tools that look.",
     .since = "7.0.0",
     .subcommands = SUBCOMMANDS},
    ORR_COMMANDS_END,
};
