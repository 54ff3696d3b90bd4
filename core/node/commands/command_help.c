/* command_help.c - HELP of commands with subcommands, made from their rows. */
#include "node/commands/command_util.h"

#include <glib.h>

static void
reply_line(OrrReply *reply, const OrrCommand *row)
{
    g_autofree char *name = g_ascii_strup(strchr(row->name, '|') + 1, -1);
    g_autofree char *line = g_strdup_printf("%s%s%s", name, row->syntax != NULL ? " " : "",
                                            row->syntax != NULL ? row->syntax : "");

    orr_reply_simple(reply, line);
    line = (g_free(line), g_strdup_printf("    %s", row->summary));
    orr_reply_simple(reply, line);
}

void
orr_command_run_help(OrrCommandContext *context)
{
    const OrrCommand *parent = context->command->parent;
    g_autofree char *name = g_ascii_strup(parent->name, -1);
    g_autofree char *head =
        g_strdup_printf("%s <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", name);
    size_t at = orr_reply_size(context->reply);
    size_t count = 1;

    orr_reply_simple(context->reply, head);
    for (const OrrCommand *row = parent->subcommands; row->name != NULL; row++) {
        if (row != context->command) {
            reply_line(context->reply, row);
            count += 2;
        }
    }
    reply_line(context->reply, context->command); /* last, as one expects */
    orr_reply_insert_array(context->reply, at, count + 2);
}

void
orr_command_reply_subcommand_syntax(OrrCommandContext *context)
{
    g_autofree char *parent = g_ascii_strup(context->command->parent->name, -1);
    g_autofree char *after = g_strdup_printf("'. Try %s HELP.", parent);

    orr_reply_error_about(context->reply,
                          "ERR unknown subcommand or wrong number of arguments for '",
                          context->args[1], after);
}
