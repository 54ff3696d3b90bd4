/* command_config.c - CONFIG GET: what this node is set to, under the names clients ask for. */
#include "node/client.h"
#include "node/command_util.h"
#include "node/meter.h"

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

static void
run_resetstat(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);

    node->statistics = (OrrStatistics){.connections_received = 0};
    orr_meter_reset(node->meter);
    orr_reply_ok(context->reply);
}

static void
run_set(OrrCommandContext *context)
{
    orr_reply_error(context->reply, "ERR CONFIG SET and REWRITE are not in this version; "
                                    "restart the node with other settings");
}

#define ADMIN                                                                                  \
    (ORR_COMMAND_ADMIN | ORR_COMMAND_NOSCRIPT | ORR_COMMAND_LOADING | ORR_COMMAND_STALE)
#define ROW(name_, arity_, syntax_, run_, summary_)                                            \
    {                                                                                          \
        .name = "config|" name_, .arity = arity_, .flags = ADMIN, .syntax = syntax_,           \
        .group = ORR_GROUP_SERVER, .summary = summary_, .since = "2.0.0", .run = run_          \
    }

static const OrrCommand SUBCOMMANDS[] = {
    ROW("get", -3, "<pattern>", run_get, "What this node is set to."),
    ROW("resetstat", 2, NULL, run_resetstat, "Counts from 0 again."),
    ROW("rewrite", 2, NULL, run_set, "Writes the present settings to the file."),
    ROW("set", -4, "<directive> <value>", run_set, "Changes a setting."),
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
