/* command_config.c - CONFIG GET: what this node is set to, under the names clients ask for; and
 * FUNCTION, of which there are none. */
#include "node/client.h"
#include "node/command_util.h"

typedef struct Row {
    const char *name;
    char value[64];
} Row;

#define ROWS_MAX 16u

G_GNUC_PRINTF(4, 5)
static void
add_row(Row *rows, size_t *count, const char *name, const char *format, ...)
{
    va_list arguments;

    g_assert(*count < ROWS_MAX);
    rows[*count].name = name;
    va_start(arguments, format);
    g_vsnprintf(rows[*count].value, sizeof rows[*count].value, format, arguments);
    va_end(arguments);
    (*count)++;
}

/* In order of their names. */
static size_t
make_rows(const OrrNode *node, Row *rows)
{
    static const char *const fsync[] = {"always", "everysec", "no"};
    const OrrSettings *settings = &node->config.settings;
    size_t count = 0;

    add_row(rows, &count, "appendfsync", "%s", fsync[settings->appendfsync]);
    add_row(rows, &count, "appendonly", "yes");
    add_row(rows, &count, "cluster-enabled", "yes");
    add_row(rows, &count, "cluster-node-timeout", "%" G_GINT64_FORMAT,
            settings->node_timeout_ns / ORR_NS_PER_MS);
    add_row(rows, &count, "cluster-require-full-coverage", "%s",
            settings->require_full_coverage ? "yes" : "no");
    add_row(rows, &count, "databases", "1");
    add_row(rows, &count, "maxclients", "%u", settings->clients_max);
    add_row(rows, &count, "maxmemory", "%zu", settings->maxmemory);
    add_row(rows, &count, "maxmemory-policy", "noeviction");
    add_row(rows, &count, "min-replicas-to-write", "%u", settings->min_replicas_to_write);
    add_row(rows, &count, "port", "%u", node->config.address.port);
    add_row(rows, &count, "repl-backlog-size", "%zu", settings->backlog_size);
    add_row(rows, &count, "save", "%s", "");
    return count;
}

static bool
is_wanted(const OrrCommandContext *context, const char *name)
{
    for (size_t i = 2; i < context->arg_count; i++) {
        if (orr_glob_matches(context->args[i], orr_bytes_of_string(name))) {
            return true;
        }
    }
    return false;
}

static void
run_get(OrrCommandContext *context)
{
    Row rows[ROWS_MAX];
    size_t count = make_rows(orr_command_node(context), rows);
    size_t at = orr_reply_size(context->reply);
    size_t wanted = 0;

    for (size_t i = 0; i < count; i++) {
        if (is_wanted(context, rows[i].name)) {
            orr_reply_bulk_string(context->reply, rows[i].name);
            orr_reply_bulk_string(context->reply, rows[i].value);
            wanted++;
        }
    }
    orr_reply_insert_map(context->reply, at, wanted);
}

void
orr_command_run_config(OrrCommandContext *context)
{
    OrrBytes word = context->args[1];

    if (orr_word_is(word, "get") && context->arg_count >= 3) {
        run_get(context);
    } else if (orr_word_is(word, "resetstat") && context->arg_count == 2) {
        OrrNode *node = orr_command_node(context);

        node->commands_processed = 0;
        node->connections_received = 0;
        orr_reply_ok(context->reply);
    } else if (orr_word_is(word, "set") || orr_word_is(word, "rewrite")) {
        orr_reply_error(context->reply, "ERR CONFIG SET and REWRITE are not in this version; "
                                        "restart the node with other settings");
    } else {
        orr_reply_error_about(context->reply, "ERR unknown subcommand '", word,
                              "'. Try CONFIG GET.");
    }
}

/* Tools copy functions from node to node, and check that a new node has none. */
void
orr_command_run_function(OrrCommandContext *context)
{
    OrrBytes word = context->args[1];

    if (orr_word_is(word, "list")) {
        orr_reply_array(context->reply, 0);
    } else if (orr_word_is(word, "dump") && context->arg_count == 2) {
        orr_reply_bulk(context->reply, ORR_BYTES_EMPTY);
    } else if ((orr_word_is(word, "restore") && context->arg_count >= 3 &&
                context->args[2].size == 0) ||
               orr_word_is(word, "flush")) {
        orr_reply_ok(context->reply);
    } else {
        orr_reply_error(context->reply, "ERR this node runs no functions");
    }
}
