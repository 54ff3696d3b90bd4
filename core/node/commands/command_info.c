/* command_info.c - INFO: what operators and their tools want to know of a node. */
#include "node/commands/command_util.h"
#include "node/commands/info.h"

void
orr_info_number(OrrInfo *info, const char *name, uint64_t value)
{
    g_string_append_printf(info->text, "%s:%" G_GUINT64_FORMAT "\r\n", name, value);
}

void
orr_info_text(OrrInfo *info, const char *name, const char *value)
{
    g_string_append_printf(info->text, "%s:%s\r\n", name, value);
}

void
orr_info_thousandths(OrrInfo *info, const char *name, uint64_t value, int places)
{
    char digits[8];

    g_snprintf(digits, sizeof digits, "%03u", (unsigned)(value % 1000));
    digits[places] = '\0';
    g_string_append_printf(info->text, "%s:%" G_GUINT64_FORMAT ".%s\r\n", name, value / 1000,
                           digits);
}

static void
add_nothing(OrrInfo *info)
{
    (void)info;
}

typedef enum Level {
    DEFAULT,    /* INFO alone */
    ALL,        /* INFO ALL */
    EVERYTHING, /* INFO EVERYTHING */
} Level;

static const struct {
    const char *name;
    const char *title;
    Level level;
    void (*add)(OrrInfo *info);
} SECTIONS[] = {
    {"server", "Server", DEFAULT, orr_info_server},
    {"clients", "Clients", DEFAULT, orr_info_clients},
    {"memory", "Memory", DEFAULT, orr_info_memory},
    {"persistence", "Persistence", DEFAULT, orr_info_persistence},
    {"stats", "Stats", DEFAULT, orr_info_stats},
    {"replication", "Replication", DEFAULT, orr_info_replication},
    {"cpu", "CPU", DEFAULT, orr_info_cpu},
    {"modules", "Modules", DEFAULT, add_nothing},
    {"commandstats", "Commandstats", ALL, orr_info_commandstats},
    {"errorstats", "Errorstats", DEFAULT, orr_info_errorstats},
    {"latencystats", "Latencystats", ALL, orr_info_latencystats},
    {"cluster", "Cluster", DEFAULT, orr_info_cluster},
    {"keyspace", "Keyspace", DEFAULT, orr_info_keyspace},
};

static bool
is_wanted(const OrrCommandContext *context, size_t section)
{
    Level level = DEFAULT;
    bool any = context->arg_count == 1;

    for (size_t i = 1; i < context->arg_count; i++) {
        OrrBytes word = context->args[i];

        if (orr_arg_is(word, SECTIONS[section].name)) {
            return true;
        }
        if (orr_arg_is(word, "everything")) {
            level = EVERYTHING;
            any = true;
        } else if (orr_arg_is(word, "all")) {
            level = MAX(level, ALL);
            any = true;
        } else if (orr_arg_is(word, "default")) {
            any = true;
        }
    }
    return any && SECTIONS[section].level <= level;
}

/* All sections, or those that the command names. */
static void
add_sections(const OrrNode *node, const OrrCommandContext *context, GString *text)
{
    const OrrHostProbe *probe = orr_meter_probe(node->meter);
    OrrInfo info = {.node = node, .text = text};

    orr_node_statistics(node, &info.statistics);
    orr_replication_view(node->replication, &info.data);
    if (probe->facts != NULL) {
        probe->facts(probe->user, &info.facts);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(SECTIONS); i++) {
        if (context != NULL && !is_wanted(context, i)) {
            continue;
        }
        if (text->len > 0) {
            g_string_append(text, "\r\n");
        }
        g_string_append_printf(text, "# %s\r\n", SECTIONS[i].title);
        SECTIONS[i].add(&info);
    }
}

static void
run_info(OrrCommandContext *context)
{
    g_autoptr(GString) text = g_string_new(NULL);

    add_sections(orr_command_node(context), context, text);
    orr_reply_verbatim(context->reply, "txt", orr_bytes(text->str, text->len));
}

size_t
orr_node_info(OrrNode *node, char *text, size_t size)
{
    g_autoptr(GString) all = g_string_new(NULL);

    if (node->context.members != NULL && node->replication != NULL) {
        add_sections(node, NULL, all);
    }
    g_strlcpy(text, all->str, size);
    return all->len;
}

const OrrCommand orr_commands_info[] = {
    {.name = "info",
     .arity = -1,
     .flags = ORR_COMMAND_STALE | ORR_COMMAND_LOADING | ORR_COMMAND_DANGEROUS,
     .group = ORR_GROUP_SERVER,
     .summary = "Facts and counters of this node.",
     .since = "1.0.0",
     .run = run_info},
    ORR_COMMANDS_END,
};
