/* command_client.c - CLIENT: who is connected, and what may be done about it. */
#include "node/clients/session.h"
#include "node/clients/transaction.h"
#include "node/commands/command_util.h"

#include "node/clients/client_line.h"

static void
run_id(OrrCommandContext *context)
{
    orr_reply_integer(context->reply, (int64_t)orr_command_client(context)->id);
}

static void
run_getname(OrrCommandContext *context)
{
    const OrrClient *client = orr_command_client(context);

    if (client->name == NULL) {
        orr_reply_null(context->reply);
    } else {
        orr_reply_bulk_string(context->reply, client->name);
    }
}

static void
run_setname(OrrCommandContext *context)
{
    if (orr_session_set_name(context, context->args[2])) {
        orr_reply_ok(context->reply);
    }
}

/* What library speaks: from Redis 7.2; clients of today send it. */
static void
run_setinfo(OrrCommandContext *context)
{
    OrrClient *client = orr_command_client(context);
    OrrBytes what = context->args[2];
    OrrBytes value = context->args[3];
    bool is_name = orr_arg_is(what, "lib-name");
    char **place = is_name ? &client->library_name : &client->library_version;

    if (!is_name && !orr_arg_is(what, "lib-ver")) {
        orr_reply_error_about(context->reply, "ERR Unrecognized option '", what, "'");
        return;
    }
    if (!orr_session_is_printable(value)) {
        orr_reply_error(context->reply,
                        is_name ? "ERR lib-name cannot contain spaces, newlines or special "
                                  "characters."
                                : "ERR lib-ver cannot contain spaces, newlines or special "
                                  "characters.");
        return;
    }
    g_free(*place);
    *place = value.size == 0 ? NULL : g_strndup((const char *)value.data, value.size);
    orr_reply_ok(context->reply);
}

static void
run_info(OrrCommandContext *context)
{
    g_autoptr(GString) text = g_string_new(NULL);

    orr_client_line(orr_command_node(context), orr_command_client(context), text);
    orr_reply_verbatim(context->reply, "txt", orr_bytes(text->str, text->len));
}

/* LIST [TYPE type] [ID id ...] */

static bool
parse_type(OrrCommandContext *context, OrrBytes text, OrrClientType *type)
{
    if (!orr_client_type_parse(text, type)) {
        orr_reply_error_about(context->reply, "ERR Unknown client type '", text, "'");
        return false;
    }
    return true;
}

static bool
is_listed(OrrCommandContext *context, const OrrClient *client)
{
    OrrClientType type;

    if (context->arg_count == 2) {
        return true;
    }
    if (orr_arg_is(context->args[2], "type")) {
        return orr_client_type_parse(context->args[3], &type) &&
               orr_client_type(client) == type;
    }
    for (size_t i = 3; i < context->arg_count; i++) {
        int64_t id;

        if (orr_parse_integer(context->args[i], &id) && (uint64_t)id == client->id) {
            return true;
        }
    }
    return false;
}

static bool
list_options_fit(OrrCommandContext *context)
{
    OrrClientType type;
    int64_t id;

    if (context->arg_count == 4 && orr_arg_is(context->args[2], "type")) {
        return parse_type(context, context->args[3], &type);
    }
    if (context->arg_count > 3 && orr_arg_is(context->args[2], "id")) {
        for (size_t i = 3; i < context->arg_count; i++) {
            if (!orr_parse_integer(context->args[i], &id)) {
                orr_reply_error(context->reply, "ERR Invalid client ID");
                return false;
            }
        }
        return true;
    }
    if (context->arg_count > 2) {
        orr_reply_error(context->reply, ORR_ERROR_SYNTAX);
        return false;
    }
    return true;
}

static void
run_list(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);
    g_autoptr(GPtrArray) clients = NULL;
    g_autoptr(GString) text = g_string_new(NULL);

    if (!list_options_fit(context)) {
        return;
    }
    clients = orr_clients_sorted(node);
    for (guint i = 0; i < clients->len; i++) {
        const OrrClient *client = g_ptr_array_index(clients, i);

        if (is_listed(context, client)) {
            orr_client_line(node, client, text);
        }
    }
    orr_reply_verbatim(context->reply, "txt", orr_bytes(text->str, text->len));
}

/* KILL ip:port, or KILL with filters */

typedef struct KillFilter {
    OrrBytes address; /* sizes 0: any */
    OrrBytes local;
    bool by_id;
    bool by_type;
    bool skip_me;
    bool nobody; /* a user that is not there */
    uint64_t id;
    OrrClientType type;
} KillFilter;

static bool
user_filter(OrrCommandContext *context, OrrBytes user)
{
    if (orr_bytes_equal(user, orr_bytes_of_string("default"))) {
        return true;
    }
    orr_reply_error_about(context->reply, "ERR No such user '", user, "'");
    return false;
}

/* One pair of words; false: wrong, and the client is told. */
static bool
kill_filter(OrrCommandContext *context, OrrBytes word, OrrBytes value, KillFilter *filter)
{
    int64_t id;

    if (orr_arg_is(word, "id")) {
        if (!orr_parse_integer(value, &id) || id < 1) {
            orr_reply_error(context->reply, "ERR client-id should be greater than 0");
            return false;
        }
        filter->by_id = true;
        filter->id = (uint64_t)id;
    } else if (orr_arg_is(word, "type")) {
        filter->by_type = true;
        return parse_type(context, value, &filter->type);
    } else if (orr_arg_is(word, "addr")) {
        filter->address = value;
    } else if (orr_arg_is(word, "laddr")) {
        filter->local = value;
    } else if (orr_arg_is(word, "user")) {
        return user_filter(context, value);
    } else if (orr_arg_is(word, "skipme") && orr_arg_is(value, "yes")) {
        filter->skip_me = true;
    } else if (orr_arg_is(word, "skipme") && orr_arg_is(value, "no")) {
        filter->skip_me = false;
    } else {
        orr_reply_error(context->reply, ORR_ERROR_SYNTAX);
        return false;
    }
    return true;
}

static bool
is_at(const OrrAddress *address, OrrBytes wanted)
{
    char text[ORR_CLIENT_PLACE_SIZE];

    orr_client_format_place(address, text);
    return wanted.size == 0 || orr_bytes_equal(wanted, orr_bytes_of_string(text));
}

static bool
is_wanted(const KillFilter *filter, const OrrClient *client, const OrrClient *me)
{
    return !client->closing && is_at(&client->remote, filter->address) &&
           is_at(&client->local, filter->local) &&
           (!filter->by_id || client->id == filter->id) &&
           (!filter->by_type || orr_client_type(client) == filter->type) &&
           !(filter->skip_me && client == me);
}

static int64_t
kill_all(OrrCommandContext *context, const KillFilter *filter)
{
    OrrNode *node = orr_command_node(context);
    OrrClient *me = orr_command_client(context);
    g_autoptr(GPtrArray) clients = orr_clients_sorted(node);
    int64_t killed = 0;

    for (guint i = 0; i < clients->len; i++) {
        OrrClient *client = g_ptr_array_index(clients, i);

        if (is_wanted(filter, client, me)) {
            orr_client_kill(node, client, node->out);
            killed++;
        }
    }
    return killed;
}

static void
run_kill(OrrCommandContext *context)
{
    KillFilter filter = {.skip_me = true};

    if (context->arg_count == 3) { /* the old way: an address alone, also one's own */
        filter = (KillFilter){.address = context->args[2]};
        if (filter.address.size > 0 && kill_all(context, &filter) > 0) {
            orr_reply_ok(context->reply);
        } else {
            orr_reply_error(context->reply, "ERR No such client");
        }
        return;
    }
    if (context->arg_count % 2 != 0) {
        orr_reply_error(context->reply, ORR_ERROR_SYNTAX);
        return;
    }
    for (size_t i = 2; i < context->arg_count; i += 2) {
        if (!kill_filter(context, context->args[i], context->args[i + 1], &filter)) {
            return;
        }
    }
    orr_reply_integer(context->reply, kill_all(context, &filter));
}

/* Waiting */

static void
run_pause(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);
    bool writes_only = context->arg_count == 4 && orr_arg_is(context->args[3], "write");
    int64_t timeout_ms;

    if (context->arg_count > 4) {
        orr_command_reply_subcommand_syntax(context);
        return;
    }
    if (context->arg_count == 4 && !writes_only && !orr_arg_is(context->args[3], "all")) {
        orr_reply_error(context->reply, "ERR CLIENT PAUSE mode must be WRITE or ALL");
        return;
    }
    if (!orr_parse_integer(context->args[2], &timeout_ms) ||
        timeout_ms > ORR_NEVER / 4 / ORR_NS_PER_MS) {
        orr_reply_error(context->reply, "ERR timeout is not an integer or out of range");
        return;
    }
    if (timeout_ms < 0) {
        orr_reply_error(context->reply, "ERR timeout is negative");
        return;
    }
    orr_clients_pause(node, node->now.mono_ns + timeout_ms * ORR_NS_PER_MS, writes_only);
    orr_reply_ok(context->reply);
}

static void
run_unpause(OrrCommandContext *context)
{
    orr_clients_unpause(orr_command_node(context));
    orr_reply_ok(context->reply);
}

/* The other client goes on with the next step: this one's commands run now. */
static void
run_unblock(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);
    bool error = context->arg_count == 4 && orr_arg_is(context->args[3], "error");
    OrrClient *client;
    int64_t id;

    if (context->arg_count > 4) {
        orr_command_reply_subcommand_syntax(context);
        return;
    }
    if (context->arg_count == 4 && !error && !orr_arg_is(context->args[3], "timeout")) {
        orr_reply_error(context->reply, "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
        return;
    }
    if (!orr_integer_arg(context, 2, &id)) {
        return;
    }
    client = orr_client_find(node, (uint64_t)id);
    if (client == NULL || client->waiting != ORR_CLIENT_WAITS_FOR_REPLICAS) {
        orr_reply_integer(context->reply, 0);
        return;
    }
    client->wait_until = 0;
    client->wait_refused = error;
    orr_reply_integer(context->reply, 1);
}

/* How replies come */

static void
run_reply(OrrCommandContext *context)
{
    OrrClient *client = orr_command_client(context);

    if (orr_arg_is(context->args[2], "on")) {
        client->reply_mode = ORR_REPLY_ON;
        orr_reply_ok(context->reply);
    } else if (orr_arg_is(context->args[2], "off")) {
        client->reply_mode = ORR_REPLY_OFF;
    } else if (orr_arg_is(context->args[2], "skip")) {
        if (client->reply_mode == ORR_REPLY_ON) {
            client->reply_mode = ORR_REPLY_SKIP_NEXT;
        }
    } else {
        orr_reply_error(context->reply, ORR_ERROR_SYNTAX);
    }
}

static void
run_no_evict(OrrCommandContext *context)
{
    bool on = orr_arg_is(context->args[2], "on");

    if (!on && !orr_arg_is(context->args[2], "off")) {
        orr_reply_error(context->reply, ORR_ERROR_SYNTAX);
        return;
    }
    orr_command_client(context)->no_evict = on;
    orr_reply_ok(context->reply);
}

/* Tracking of what clients have cached: there is none, and whoever asks is told so. */

static void
run_caching(OrrCommandContext *context)
{
    orr_reply_error(context->reply,
                    "ERR CLIENT CACHING can be called only when the client is in tracking mode "
                    "with OPTIN or OPTOUT mode enabled");
}

static void
run_getredir(OrrCommandContext *context)
{
    orr_reply_integer(context->reply, -1);
}

static void
run_tracking(OrrCommandContext *context)
{
    if (orr_arg_is(context->args[2], "off")) {
        orr_reply_ok(context->reply);
    } else if (orr_arg_is(context->args[2], "on")) {
        orr_reply_error(context->reply,
                        "ERR this node does not track what its clients have cached");
    } else {
        orr_reply_error(context->reply, ORR_ERROR_SYNTAX);
    }
}

static void
run_trackinginfo(OrrCommandContext *context)
{
    orr_reply_map(context->reply, 3);
    orr_reply_bulk_string(context->reply, "flags");
    orr_reply_set(context->reply, 1);
    orr_reply_bulk_string(context->reply, "off");
    orr_reply_bulk_string(context->reply, "redirect");
    orr_reply_integer(context->reply, -1);
    orr_reply_bulk_string(context->reply, "prefixes");
    orr_reply_array(context->reply, 0);
}

#define OWN                                                                                    \
    (ORR_COMMAND_NOSCRIPT | ORR_COMMAND_LOADING | ORR_COMMAND_STALE | ORR_COMMAND_ON_CONNECTION)
#define ADMIN (OWN | ORR_COMMAND_ADMIN)
#define ROW(name_, arity_, flags_, syntax_, since_, run_, summary_)                            \
    {                                                                                          \
        .name = "client|" name_, .arity = arity_, .flags = flags_, .syntax = syntax_,          \
        .group = ORR_GROUP_CONNECTION, .summary = summary_, .since = since_, .run = run_       \
    }

static const OrrCommand SUBCOMMANDS[] = {
    ROW("caching", 3, OWN, "(YES|NO)", "6.0.0", run_caching, "Needs tracking: refused."),
    ROW("getname", 2, OWN, NULL, "2.6.9", run_getname, "The name of this connection."),
    ROW("getredir", 2, OWN, NULL, "6.0.0", run_getredir, "Where tracking goes: nowhere."),
    ROW("id", 2, OWN, NULL, "5.0.0", run_id, "The number of this connection."),
    ROW("info", 2, OWN, NULL, "6.2.0", run_info, "This connection, as a line of LIST."),
    ROW("kill", -3, ADMIN,
        "<ip:port>|[ID <id>|TYPE <type>|USER <user>|ADDR <ip:port>|LADDR <ip:port>|SKIPME "
        "<yes|no>] ...",
        "2.4.0", run_kill, "Closes connections."),
    ROW("list", -2, ADMIN, "[TYPE <type>|ID <id> [<id> ...]]", "2.4.0", run_list,
        "All connections, one a line."),
    ROW("no-evict", 3, ADMIN, "(ON|OFF)", "7.0.0", run_no_evict,
        "Whether this connection may be closed for want of memory."),
    ROW("pause", -3, ADMIN, "<timeout> [WRITE|ALL]", "3.0.0", run_pause,
        "Holds commands of all clients back for so many milliseconds."),
    ROW("reply", 3, OWN, "(ON|OFF|SKIP)", "3.2.0", run_reply, "Whether answers are wanted."),
    ROW("setinfo", 4, OWN, "(LIB-NAME|LIB-VER) <value>", "7.2.0", run_setinfo,
        "Which library speaks."),
    ROW("setname", 3, OWN, "<name>", "2.6.9", run_setname, "Names this connection."),
    ROW("tracking", -3, OWN, "(ON|OFF) [<option> ...]", "6.0.0", run_tracking,
        "Tracking of what clients have cached: refused."),
    ROW("trackinginfo", 2, OWN, NULL, "6.2.0", run_trackinginfo, "Tracking is off."),
    ROW("unblock", -3, ADMIN, "<clientid> [TIMEOUT|ERROR]", "5.0.0", run_unblock,
        "Ends the waiting of another connection."),
    ROW("unpause", 2, ADMIN, NULL, "6.2.0", run_unpause, "Ends PAUSE."),
    ORR_COMMAND_HELP_ROW("client", ORR_COMMAND_LOADING | ORR_COMMAND_STALE),
    ORR_COMMANDS_END,
};

const OrrCommand orr_commands_client[] = {
    {.name = "client",
     .arity = -2,
     .group = ORR_GROUP_CONNECTION,
     .summary = "Who is connected, and what may be done about it.",
     .since = "2.4.0",
     .subcommands = SUBCOMMANDS},
    ORR_COMMANDS_END,
};
