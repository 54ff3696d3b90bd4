/* command_table.c - COMMAND: what the table of commands says about itself. Clients read from it
 * where the keys of a command are. */
#include "node/command_util.h"

#include <glib.h>

static void
add_flag(const char *flag, void *context)
{
    orr_reply_simple((OrrReply *)context, flag);
}

static void
count_flag(const char *flag, void *context)
{
    (void)flag;
    ++*(size_t *)context;
}

static void
reply_flags(OrrReply *reply, const OrrCommand *command)
{
    size_t count = 0;

    orr_command_flag_names(command, count_flag, &count);
    orr_reply_set(reply, count);
    orr_command_flag_names(command, add_flag, reply);
}

static void
reply_categories(OrrReply *reply, const OrrCommand *command)
{
    const char *names[4];
    size_t count = 0;
    char group[32];

    if ((command->flags & ORR_COMMAND_WRITE) != 0) {
        names[count++] = "@write";
    }
    if ((command->flags & ORR_COMMAND_READONLY) != 0) {
        names[count++] = "@read";
    }
    names[count++] = (command->flags & ORR_COMMAND_FAST) != 0 ? "@fast" : "@slow";
    if (command->group == ORR_GROUP_GENERIC) {
        names[count++] = "@keyspace";
    } else {
        (void)g_snprintf(group, sizeof group, "@%s", orr_command_group_name(command->group));
        names[count++] = group;
    }
    orr_reply_set(reply, count);
    for (size_t i = 0; i < count; i++) {
        orr_reply_simple(reply, names[i]);
    }
}

static void
reply_pair(OrrReply *reply, const char *name, int64_t value)
{
    orr_reply_bulk_string(reply, name);
    orr_reply_integer(reply, value);
}

/* Where the keys are, in the words of Redis 7: from a word on, every so many, up to a word. */
static void
reply_key_specs(OrrReply *reply, const OrrCommand *command)
{
    int last = command->last_key;

    orr_reply_array(reply, command->first_key > 0);
    if (command->first_key == 0) {
        return;
    }
    orr_reply_map(reply, 3);
    orr_reply_bulk_string(reply, "flags");
    orr_reply_set(reply, 1);
    orr_reply_simple(reply, (command->flags & ORR_COMMAND_WRITE) != 0 ? "RW" : "RO");
    orr_reply_bulk_string(reply, "begin_search");
    orr_reply_map(reply, 2);
    orr_reply_bulk_string(reply, "type");
    orr_reply_bulk_string(reply, "index");
    orr_reply_bulk_string(reply, "spec");
    orr_reply_map(reply, 1);
    reply_pair(reply, "index", command->first_key);
    orr_reply_bulk_string(reply, "find_keys");
    orr_reply_map(reply, 2);
    orr_reply_bulk_string(reply, "type");
    orr_reply_bulk_string(reply, "range");
    orr_reply_bulk_string(reply, "spec");
    orr_reply_map(reply, 3);
    reply_pair(reply, "lastkey", last < 0 ? last : last - command->first_key);
    reply_pair(reply, "keystep", command->key_step);
    reply_pair(reply, "limit", 0);
}

static void
reply_row(OrrReply *reply, const OrrCommand *command)
{
    orr_reply_array(reply, 10);
    orr_reply_bulk_string(reply, command->name);
    orr_reply_integer(reply, command->arity);
    reply_flags(reply, command);
    orr_reply_integer(reply, command->first_key);
    orr_reply_integer(reply, command->last_key);
    orr_reply_integer(reply, command->key_step);
    reply_categories(reply, command);
    orr_reply_array(reply, 0); /* hints to routers */
    reply_key_specs(reply, command);
    orr_reply_array(reply, 0); /* subcommands */
}

static void
reply_docs(OrrReply *reply, const OrrCommand *command)
{
    orr_reply_bulk_string(reply, command->name);
    orr_reply_map(reply, 3);
    orr_reply_bulk_string(reply, "summary");
    orr_reply_bulk_string(reply, command->summary);
    orr_reply_bulk_string(reply, "since");
    orr_reply_bulk_string(reply, command->since);
    orr_reply_bulk_string(reply, "group");
    orr_reply_bulk_string(reply, orr_command_group_name(command->group));
}

static void
list_all(OrrCommandContext *context)
{
    orr_reply_array(context->reply, orr_command_count());
    for (size_t i = 0; i < orr_command_count(); i++) {
        reply_row(context->reply, orr_command_at(i));
    }
}

static void
list_named(OrrCommandContext *context)
{
    orr_reply_array(context->reply, context->arg_count - 2);
    for (size_t i = 2; i < context->arg_count; i++) {
        const OrrCommand *command = orr_command_find(context->args[i]);

        if (command != NULL) {
            reply_row(context->reply, command);
        } else {
            orr_reply_null_array(context->reply);
        }
    }
}

static void
list_docs(OrrCommandContext *context)
{
    size_t head = orr_reply_size(context->reply);
    size_t count = 0;

    if (context->arg_count == 2) {
        for (size_t i = 0; i < orr_command_count(); i++, count++) {
            reply_docs(context->reply, orr_command_at(i));
        }
    }
    for (size_t i = 2; i < context->arg_count; i++) {
        const OrrCommand *command = orr_command_find(context->args[i]);

        if (command != NULL) {
            reply_docs(context->reply, command);
            count++;
        }
    }
    orr_reply_insert_map(context->reply, head, count);
}

static void
list_names(OrrCommandContext *context)
{
    orr_reply_array(context->reply, orr_command_count());
    for (size_t i = 0; i < orr_command_count(); i++) {
        orr_reply_bulk_string(context->reply, orr_command_at(i)->name);
    }
}

/* COMMAND GETKEYS and then a whole command. */
static void
list_keys(OrrCommandContext *context)
{
    const OrrBytes *args = context->args + 2;
    size_t arg_count = context->arg_count - 2;
    const OrrCommand *command = orr_command_find(args[0]);
    size_t words[64];

    if (command == NULL) {
        orr_reply_error(context->reply, "ERR Invalid command specified");
        return;
    }
    if (!orr_command_arity_fits(command, arg_count)) {
        orr_reply_error(context->reply,
                        "ERR Invalid number of arguments specified for command");
        return;
    }

    size_t count = orr_command_keys(command, arg_count, words, G_N_ELEMENTS(words));

    if (count == 0) {
        orr_reply_error(context->reply, "ERR The command has no key arguments");
        return;
    }
    count = MIN(count, G_N_ELEMENTS(words));
    orr_reply_array(context->reply, count);
    for (size_t i = 0; i < count; i++) {
        orr_reply_bulk(context->reply, args[words[i]]);
    }
}

static void
run_command(OrrCommandContext *context)
{
    OrrBytes what = context->arg_count > 1 ? context->args[1] : ORR_BYTES_EMPTY;

    if (context->arg_count == 1) {
        list_all(context);
    } else if (orr_arg_is(what, "count") && context->arg_count == 2) {
        orr_reply_integer(context->reply, (int64_t)orr_command_count());
    } else if (orr_arg_is(what, "info") && context->arg_count == 2) {
        list_all(context);
    } else if (orr_arg_is(what, "info")) {
        list_named(context);
    } else if (orr_arg_is(what, "docs")) {
        list_docs(context);
    } else if (orr_arg_is(what, "list") && context->arg_count == 2) {
        list_names(context);
    } else if (orr_arg_is(what, "getkeys") && context->arg_count > 2) {
        list_keys(context);
    } else {
        orr_reply_error_about(context->reply,
                              "ERR unknown subcommand or wrong number of arguments for '", what,
                              "'. Try COMMAND HELP.");
    }
}

const OrrCommand orr_commands_table[] = {
    {.name = "command",
     .arity = -1,
     .flags = ORR_COMMAND_LOADING | ORR_COMMAND_STALE,
     .group = ORR_GROUP_SERVER,
     .summary = "The table of commands: COUNT, DOCS, GETKEYS, INFO, LIST.",
     .since = "2.8.13",
     .run = run_command},
    ORR_COMMANDS_END,
};
