/* command_process.c - what concerns the process and its files: SAVE, SHUTDOWN, DEBUG; and what
 * a node of a cluster refuses: SWAPDB, MOVE. */
#include "node/clients/client.h"
#include "node/commands/command_util.h"

/* Saving: the log is on disk anyway; a snapshot makes it short. */

static void
run_save(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);

    if (!orr_node_save(node, node->out)) {
        orr_reply_error(context->reply, "ERR Background save already in progress");
        return;
    }
    orr_client_wait(node, orr_command_client(context), ORR_CLIENT_WAITS_FOR_SAVE, ORR_NEVER);
}

static void
run_bgsave(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);
    bool schedule = context->arg_count == 2 && orr_arg_is(context->args[1], "schedule");

    if (context->arg_count > 2 || (context->arg_count == 2 && !schedule)) {
        orr_reply_error(context->reply, ORR_ERROR_SYNTAX);
    } else if (orr_node_save(node, node->out)) {
        orr_reply_simple(context->reply, "Background saving started");
    } else if (schedule) {
        orr_reply_simple(context->reply, "Background saving scheduled");
    } else {
        orr_reply_error(context->reply, "ERR Background save already in progress");
    }
}

static void
run_bgrewriteaof(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);

    if (orr_node_save(node, node->out)) {
        orr_reply_simple(context->reply, "Background append only file rewriting started");
    } else {
        orr_reply_error(context->reply,
                        "ERR Background append only file rewriting already in progress");
    }
}

static void
run_lastsave(OrrCommandContext *context)
{
    orr_reply_integer(context->reply, orr_command_node(context)->statistics.last_save_s);
}

/* SHUTDOWN [NOSAVE|SAVE] [NOW] [FORCE] [ABORT] */

static bool
shutdown_options(OrrCommandContext *context, uint64_t *how)
{
    bool abort = false;

    *how = 0;
    for (size_t i = 1; i < context->arg_count; i++) {
        OrrBytes word = context->args[i];

        if (orr_arg_is(word, "save")) {
            *how |= ORR_SHUTDOWN_SAVE;
        } else if (orr_arg_is(word, "nosave")) {
            *how |= ORR_SHUTDOWN_NOSAVE;
        } else if (orr_arg_is(word, "force")) {
            *how |= ORR_SHUTDOWN_FORCE;
        } else if (orr_arg_is(word, "abort")) {
            abort = true;
        } else if (!orr_arg_is(word, "now")) {
            orr_reply_error(context->reply, ORR_ERROR_SYNTAX);
            return false;
        }
    }
    if ((abort && context->arg_count > 2) ||
        (*how & (ORR_SHUTDOWN_SAVE | ORR_SHUTDOWN_NOSAVE)) ==
            (ORR_SHUTDOWN_SAVE | ORR_SHUTDOWN_NOSAVE)) {
        orr_reply_error(context->reply, ORR_ERROR_SYNTAX);
        return false;
    }
    if (abort) {
        orr_reply_error(context->reply, "ERR No shutdown in progress.");
    }
    return !abort;
}

static void
run_shutdown(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);
    uint64_t how;

    if (!shutdown_options(context, &how)) {
        return;
    }
    if (node->disk_failed && (how & (ORR_SHUTDOWN_FORCE | ORR_SHUTDOWN_NOSAVE)) == 0) {
        orr_reply_error(context->reply, "ERR Errors trying to SHUTDOWN. Check logs.");
        return;
    }
    orr_node_flush_data(node, node->out);
    orr_effects_host(node->out, ORR_HOST_SHUTDOWN, how);
    orr_command_client(context)->closing = true; /* without an answer: it is gone */
}

/* DEBUG, where it is allowed: SLEEP and no more. */

static bool
is_local(const OrrClient *client)
{
    static const uint8_t V4[13] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127};
    static const uint8_t V6[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

    return memcmp(client->remote.ip, V4, sizeof V4) == 0 ||
           memcmp(client->remote.ip, V6, sizeof V6) == 0;
}

static bool
may_debug(OrrCommandContext *context)
{
    OrrDebugAccess access = orr_command_node(context)->config.settings.debug_command;

    if (access == ORR_DEBUG_YES ||
        (access == ORR_DEBUG_LOCAL && is_local(orr_command_client(context)))) {
        return true;
    }
    orr_reply_error(context->reply,
                    "ERR DEBUG command not allowed. If the enable-debug-command option is set "
                    "to \"local\", you can run it from a local connection, otherwise you need "
                    "to set this option in the configuration file, and then restart the "
                    "server.");
    return false;
}

#define SLEEP_MAX_S 3600.0

static void
run_debug(OrrCommandContext *context)
{
    g_autofree char *text = NULL;
    double seconds;

    if (!may_debug(context)) {
        return;
    }
    if (!orr_arg_is(context->args[1], "sleep") || context->arg_count != 3) {
        orr_reply_error_about(context->reply, "ERR DEBUG '", context->args[1],
                              "' is not supported: this node knows DEBUG SLEEP <seconds>");
        return;
    }
    text = g_strndup((const char *)context->args[2].data, context->args[2].size);
    seconds = g_ascii_strtod(text, NULL);
    if (seconds > 0 && seconds <= SLEEP_MAX_S) {
        context->extra_ns = (uint64_t)(seconds * 1e9);
        orr_effects_host(orr_command_node(context)->out, ORR_HOST_SLEEP, context->extra_ns);
    }
    orr_reply_ok(context->reply);
}

static void
run_swapdb(OrrCommandContext *context)
{
    orr_reply_error(context->reply, "ERR SWAPDB is not allowed in cluster mode");
}

static void
run_move(OrrCommandContext *context)
{
    orr_reply_error(context->reply, "ERR MOVE is not allowed in cluster mode");
}

static void
run_lolwut(OrrCommandContext *context)
{
    orr_reply_verbatim(context->reply, "txt",
                       orr_bytes_of_string("      . - ~ - .\n"
                                           "   .'     o     '.\n"
                                           "  :   . - - - .   o\n"
                                           "  : :    (*)    : :\n"
                                           "  :   ' - o - '   :\n"
                                           "   '.           .'\n"
                                           "      ' - ~ - '   Orrery\n"));
}

#define ADMIN (ORR_COMMAND_ADMIN | ORR_COMMAND_NOSCRIPT)
#define ROW(name_, arity_, flags_, since_, run_, summary_)                                     \
    {                                                                                          \
        .name = name_, .arity = arity_, .flags = flags_, .group = ORR_GROUP_SERVER,            \
        .summary = summary_, .since = since_, .run = run_                                      \
    }

const OrrCommand orr_commands_process[] = {
    ROW("bgrewriteaof", 1, ADMIN | ORR_COMMAND_NO_ASYNC_LOADING, "1.0.0", run_bgrewriteaof,
        "Begins a snapshot, which makes the log short."),
    ROW("bgsave", -1, ADMIN | ORR_COMMAND_NO_ASYNC_LOADING, "1.0.0", run_bgsave,
        "Begins a snapshot."),
    ROW("debug", -2, ADMIN | ORR_COMMAND_LOADING | ORR_COMMAND_STALE, "1.0.0", run_debug,
        "SLEEP: does nothing for so many seconds."),
    ROW("lastsave", 1,
        ORR_COMMAND_LOADING | ORR_COMMAND_STALE | ORR_COMMAND_FAST | ORR_COMMAND_LIKE_ADMIN,
        "1.0.0", run_lastsave, "When the last snapshot was finished."),
    ROW("lolwut", -1, ORR_COMMAND_READONLY | ORR_COMMAND_FAST, "5.0.0", run_lolwut,
        "A small orrery."),
    {.name = "move",
     .arity = 3,
     .flags = ORR_COMMAND_WRITE | ORR_COMMAND_FAST,
     .first_key = 1,
     .last_key = 1,
     .key_step = 1,
     .group = ORR_GROUP_GENERIC,
     .summary = "Refused: there is one database.",
     .since = "1.0.0",
     .run = run_move},
    ROW("save", 1, ADMIN | ORR_COMMAND_NO_ASYNC_LOADING | ORR_COMMAND_NO_MULTI, "1.0.0",
        run_save, "Writes a snapshot, and waits for it."),
    ROW("shutdown", -1,
        ADMIN | ORR_COMMAND_LOADING | ORR_COMMAND_STALE | ORR_COMMAND_NO_MULTI |
            ORR_COMMAND_ALLOW_BUSY,
        "1.0.0", run_shutdown, "Leaves, once everything is on disk."),
    ROW("swapdb", 3,
        ORR_COMMAND_WRITE | ORR_COMMAND_FAST | ORR_COMMAND_ON_KEYSPACE | ORR_COMMAND_DANGEROUS,
        "4.0.0", run_swapdb, "Refused: there is one database."),
    ORR_COMMANDS_END,
};
