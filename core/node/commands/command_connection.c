/* command_connection.c - what a connection is: PING, ECHO, SELECT, HELLO, RESET, QUIT,
 * READONLY, ASKING. */
#include "node/clients/client.h"
#include "node/clients/session.h"
#include "node/commands/command_util.h"

static void
run_ping(OrrCommandContext *context)
{
    if (context->arg_count > 2) {
        orr_command_reply_arity(context->reply, context->command);
    } else if (context->client != NULL && orr_session_is_subscribed(context)) {
        orr_reply_array(context->reply, 2); /* as a message: RESP2 has no other way */
        orr_reply_bulk_string(context->reply, "pong");
        orr_reply_bulk(context->reply,
                       context->arg_count == 2 ? context->args[1] : ORR_BYTES_EMPTY);
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
run_readonly(OrrCommandContext *context)
{
    orr_command_client(context)->readonly = true;
    orr_reply_ok(context->reply);
}

static void
run_readwrite(OrrCommandContext *context)
{
    orr_command_client(context)->readonly = false;
    orr_reply_ok(context->reply);
}

static void
run_asking(OrrCommandContext *context)
{
    orr_command_client(context)->asking = true;
    orr_reply_ok(context->reply);
}

static void
run_quit(OrrCommandContext *context)
{
    orr_command_client(context)->closing = true;
    orr_reply_ok(context->reply);
}

static void
run_reset(OrrCommandContext *context)
{
    orr_session_reset(orr_command_node(context), orr_command_client(context));
    orr_reply_set_protocol(context->reply, 2);
    orr_reply_simple(context->reply, "RESET");
}

static void
run_auth(OrrCommandContext *context)
{
    size_t count = context->arg_count;
    OrrBytes user = orr_bytes_of_string("default");

    if (count > 3) {
        orr_reply_error(context->reply, ORR_ERROR_SYNTAX);
        return;
    }
    if (count == 2 && !orr_session_has_password(context)) {
        orr_reply_error(context->reply,
                        "ERR AUTH <password> called without any password configured for the "
                        "default user. Are you sure your configuration is correct?");
        return;
    }
    if (orr_session_login(context, count == 3 ? context->args[1] : user,
                          context->args[count - 1])) {
        orr_reply_ok(context->reply);
    }
}

/* HELLO */

static void
reply_hello(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);
    OrrClient *client = orr_command_client(context);
    OrrReply *reply = context->reply;

    orr_reply_map(reply, 7);
    orr_reply_bulk_string(reply, "server");
    orr_reply_bulk_string(reply, "redis");
    orr_reply_bulk_string(reply, "version");
    orr_reply_bulk_string(reply, ORR_REPORTED_VERSION);
    orr_reply_bulk_string(reply, "proto");
    orr_reply_integer(reply, client->protocol);
    orr_reply_bulk_string(reply, "id");
    orr_reply_integer(reply, (int64_t)client->id);
    orr_reply_bulk_string(reply, "mode");
    orr_reply_bulk_string(reply, "cluster");
    orr_reply_bulk_string(reply, "role");
    orr_reply_bulk_string(reply, orr_node_is_primary(node) ? "master" : "replica");
    orr_reply_bulk_string(reply, "modules");
    orr_reply_array(reply, 0);
}

/* [AUTH user password] [SETNAME name]; false: wrong, and the client is told. */
static bool
hello_options(OrrCommandContext *context, size_t *name_word)
{
    size_t i = 2;

    *name_word = 0;
    while (i < context->arg_count) {
        size_t left = context->arg_count - i - 1;

        if (orr_word_is(context->args[i], "setname") && left >= 1) {
            *name_word = i + 1;
            i += 2;
        } else if (orr_word_is(context->args[i], "auth") && left >= 2) {
            if (!orr_session_login(context, context->args[i + 1], context->args[i + 2])) {
                return false;
            }
            i += 3;
        } else {
            orr_reply_error_about(context->reply, "ERR Syntax error in HELLO option '",
                                  context->args[i], "'");
            return false;
        }
    }
    return true;
}

static void
run_hello(OrrCommandContext *context)
{
    OrrClient *client = orr_command_client(context);
    int64_t protocol = client->protocol;
    size_t name_word;

    if (context->arg_count > 1 && !orr_parse_integer(context->args[1], &protocol)) {
        orr_reply_error(context->reply,
                        "ERR Protocol version is not an integer or out of range");
        return;
    }
    if (protocol < 2 || protocol > 3) {
        orr_reply_error(context->reply, "NOPROTO unsupported protocol version");
        return;
    }
    if (!hello_options(context, &name_word)) {
        return;
    }
    if (!orr_session_is_authenticated(context)) {
        orr_reply_error(context->reply,
                        "NOAUTH HELLO must be called with the client already authenticated, "
                        "otherwise the HELLO <proto> AUTH <user> <pass> option can be used to "
                        "authenticate the client and select the RESP protocol version at the "
                        "same time");
        return;
    }
    if (name_word > 0 && !orr_session_set_name(context, context->args[name_word])) {
        return;
    }
    client->protocol = (int)protocol;
    orr_reply_set_protocol(context->reply, client->protocol);
    reply_hello(context);
}

#define ANY_TIME (ORR_COMMAND_LOADING | ORR_COMMAND_STALE | ORR_COMMAND_FAST)
#define ALWAYS (ANY_TIME | ORR_COMMAND_NOSCRIPT | ORR_COMMAND_NO_AUTH | ORR_COMMAND_ALLOW_BUSY)
#define LEAVING (ALWAYS | ORR_COMMAND_AT_ONCE | ORR_COMMAND_WHILE_SUBSCRIBED)
#define ROW(name_, arity_, flags_, group_, since_, run_, summary_)                             \
    {                                                                                          \
        .name = name_, .arity = arity_, .flags = (flags_) | ORR_COMMAND_ON_CONNECTION,         \
        .group = group_, .summary = summary_, .since = since_, .run = run_                     \
    }

const OrrCommand orr_commands_connection[] = {
    ROW("asking", 1, ORR_COMMAND_FAST, ORR_GROUP_CLUSTER, "3.0.0", run_asking,
        "The next command may use a slot that is being imported."),
    ROW("auth", -2, ALWAYS, ORR_GROUP_CONNECTION, "1.0.0", run_auth, "Says the password."),
    ROW("echo", 2, ANY_TIME, ORR_GROUP_CONNECTION, "1.0.0", run_echo, "Says what it is told."),
    ROW("hello", -1, ALWAYS, ORR_GROUP_CONNECTION, "6.0.0", run_hello,
        "Chooses the protocol, says who one is."),
    ROW("ping", -1, ORR_COMMAND_FAST | ORR_COMMAND_WHILE_SUBSCRIBED, ORR_GROUP_CONNECTION,
        "1.0.0", run_ping, "Answers."),
    ROW("quit", -1, LEAVING, ORR_GROUP_CONNECTION, "1.0.0", run_quit, "Closes the connection."),
    ROW("readonly", 1, ANY_TIME, ORR_GROUP_CLUSTER, "3.0.0", run_readonly,
        "Lets a replica answer reads, which may be behind."),
    ROW("readwrite", 1, ANY_TIME, ORR_GROUP_CLUSTER, "3.0.0", run_readwrite,
        "Takes READONLY back."),
    ROW("reset", 1, LEAVING, ORR_GROUP_CONNECTION, "6.2.0", run_reset,
        "Makes the connection as new."),
    ROW("select", 2, ANY_TIME, ORR_GROUP_CONNECTION, "1.0.0", run_select,
        "Chooses database 0."),
    ORR_COMMANDS_END,
};
