/* command_table.c - COMMAND: what the table of commands says about itself. Clients read from it
 * where the keys of a command are. */
#include "node/commands/command_util.h"

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

/* Categories, as bits in the order in which Redis names them. */
typedef enum Category {
    KEYSPACE,
    READ,
    WRITE,
    HASH,
    STRING,
    BITMAP,
    PUBSUB,
    ADMIN,
    FAST,
    SLOW,
    DANGEROUS,
    CONNECTION,
    TRANSACTION,
    CATEGORIES,
} Category;

static const char *const CATEGORY_NAMES[CATEGORIES] = {
    "@keyspace", "@read", "@write", "@hash",      "@string",     "@bitmap",      "@pubsub",
    "@admin",    "@fast", "@slow",  "@dangerous", "@connection", "@transaction",
};

#define BIT(category) (1u << (category))

static uint32_t
categories_of_group(const OrrCommand *command)
{
    switch (command->group) {
    case ORR_GROUP_STRING:
        return BIT(STRING);
    case ORR_GROUP_HASH:
        return BIT(HASH);
    case ORR_GROUP_BITMAP:
        return BIT(BITMAP);
    case ORR_GROUP_GENERIC:
        return (command->flags & ORR_COMMAND_ON_CONNECTION) == 0 && command->parent == NULL &&
                       command->subcommands == NULL
                   ? BIT(KEYSPACE)
                   : 0;
    case ORR_GROUP_TRANSACTIONS:
        return BIT(TRANSACTION);
    case ORR_GROUP_CONNECTION:
    case ORR_GROUP_SERVER:
    case ORR_GROUP_CLUSTER:
    case ORR_GROUP_PUBSUB:
        break;
    }
    return 0;
}

static uint32_t
categories_of(const OrrCommand *command)
{
    static const struct {
        uint32_t flag;
        uint32_t categories;
    } FLAGS[] = {
        {ORR_COMMAND_WRITE, BIT(WRITE)},
        {ORR_COMMAND_READONLY, BIT(READ)},
        {ORR_COMMAND_PUBSUB, BIT(PUBSUB)},
        {ORR_COMMAND_ADMIN, BIT(ADMIN) | BIT(DANGEROUS)},
        {ORR_COMMAND_DANGEROUS, BIT(DANGEROUS)},
        {ORR_COMMAND_LIKE_ADMIN, BIT(ADMIN) | BIT(DANGEROUS)},
        {ORR_COMMAND_ON_KEYSPACE, BIT(KEYSPACE)},
        {ORR_COMMAND_ON_CONNECTION, BIT(CONNECTION)},
    };
    uint32_t set = categories_of_group(command);

    set |= (command->flags & ORR_COMMAND_FAST) != 0 ? BIT(FAST) : BIT(SLOW);
    for (size_t i = 0; i < G_N_ELEMENTS(FLAGS); i++) {
        set |= (command->flags & FLAGS[i].flag) != 0 ? FLAGS[i].categories : 0;
    }
    return set;
}

static void
reply_categories(OrrReply *reply, const OrrCommand *command)
{
    uint32_t set = categories_of(command);

    orr_reply_set(reply, (size_t)__builtin_popcount(set));
    for (int i = 0; i < CATEGORIES; i++) {
        if ((set & BIT(i)) != 0) {
            orr_reply_simple(reply, CATEGORY_NAMES[i]);
        }
    }
}

static void
reply_pair(OrrReply *reply, const char *name, int64_t value)
{
    orr_reply_bulk_string(reply, name);
    orr_reply_integer(reply, value);
}

/* What a command does with a key: RO, RW, OW (overwrites) or RM, and what it is after. `second`
 * is for its second key. */
static const char *
key_flags(const OrrCommand *command, bool second)
{
    static const struct {
        const char *flags;
        const char *names;
    } SPECIAL[] = {
        {"OW insert", " msetnx renamenx* setnx "},
        {"not_key", " spublish ssubscribe sunsubscribe "},
        {"RM delete", " del unlink "},
        {"OW update", " bitop copy* mset psetex rename* restore restore-asking setex "},
        {"RW access update",
         " decr decrby getex getset hincrby hincrbyfloat incr incrby incrbyfloat move setbit "},
        {"RW access delete", " getdel migrate rename renamenx "},
        {"RO access", " copy bitop* "},
        {"RO", " exists hexists hlen hstrlen memory|usage object|encoding object|freq "
               "object|idletime object|refcount strlen touch type watch "},
        {"RW access update variable_flags", " set "},
        {"RW insert", " append hsetnx "},
        {"RW delete", " hdel "},
    };
    g_autofree char *wanted = g_strdup_printf(" %s%s ", command->name, second ? "*" : "");

    for (size_t i = 0; i < G_N_ELEMENTS(SPECIAL); i++) {
        if (strstr(SPECIAL[i].names, wanted) != NULL) {
            return SPECIAL[i].flags;
        }
    }
    if (second) {
        return key_flags(command, false);
    }
    return (command->flags & ORR_COMMAND_WRITE) != 0 ? "RW update" : "RO access";
}

static void
reply_key_flags(OrrReply *reply, const OrrCommand *command, bool second)
{
    g_auto(GStrv) words = g_strsplit(key_flags(command, second), " ", -1);

    orr_reply_set(reply, g_strv_length(words));
    for (char **word = words; *word != NULL; word++) {
        orr_reply_simple(reply, *word);
    }
}

/* Where keys are, in the words of Redis 7: from a word on, every so many, up to a word. */
static void
reply_key_spec(OrrReply *reply, const OrrCommand *command, bool second, int first, int last)
{
    orr_reply_map(reply, 3);
    orr_reply_bulk_string(reply, "flags");
    reply_key_flags(reply, command, second);
    orr_reply_bulk_string(reply, "begin_search");
    orr_reply_map(reply, 2);
    orr_reply_bulk_string(reply, "type");
    orr_reply_bulk_string(reply, "index");
    orr_reply_bulk_string(reply, "spec");
    orr_reply_map(reply, 1);
    reply_pair(reply, "index", first);
    orr_reply_bulk_string(reply, "find_keys");
    orr_reply_map(reply, 2);
    orr_reply_bulk_string(reply, "type");
    orr_reply_bulk_string(reply, "range");
    orr_reply_bulk_string(reply, "spec");
    orr_reply_map(reply, 3);
    reply_pair(reply, "lastkey", last < 0 ? last : last - first);
    reply_pair(reply, "keystep", command->key_step);
    reply_pair(reply, "limit", 0);
}

/* Two keys that are treated differently have a specification each. */
static bool
keys_differ(const OrrCommand *command)
{
    return command->first_key > 0 && command->last_key == command->first_key + 1 &&
           strcmp(key_flags(command, false), key_flags(command, true)) != 0;
}

static void
reply_key_specs(OrrReply *reply, const OrrCommand *command)
{
    int first = command->first_key;

    if (first == 0) {
        orr_reply_array(reply, 0);
    } else if (keys_differ(command)) {
        orr_reply_array(reply, 2);
        reply_key_spec(reply, command, false, first, first);
        reply_key_spec(reply, command, true, first + 1, first + 1);
    } else {
        orr_reply_array(reply, 1);
        reply_key_spec(reply, command, false, first, command->last_key);
    }
}

static void
reply_hints(OrrReply *reply, const OrrCommand *command)
{
    const char *const *hints = orr_command_hints(command);
    size_t count = 0;

    while (count < ORR_COMMAND_HINTS_MAX && hints[count] != NULL) {
        count++;
    }
    orr_reply_array(reply, count);
    for (size_t i = 0; i < count; i++) {
        orr_reply_bulk_string(reply, hints[i]);
    }
}

static size_t
subcommand_count(const OrrCommand *command)
{
    size_t count = 0;

    for (const OrrCommand *row = command->subcommands; row != NULL && row->name != NULL;
         row++) {
        count++;
    }
    return count;
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
    reply_hints(reply, command);
    reply_key_specs(reply, command);
    orr_reply_array(reply, subcommand_count(command));
    for (const OrrCommand *row = command->subcommands; row != NULL && row->name != NULL;
         row++) {
        reply_row(reply, row);
    }
}

static void
reply_docs(OrrReply *reply, const OrrCommand *command)
{
    size_t subcommands = subcommand_count(command);

    orr_reply_bulk_string(reply, command->name);
    orr_reply_map(reply, subcommands > 0 ? 4 : 3);
    orr_reply_bulk_string(reply, "summary");
    orr_reply_bulk_string(reply, command->summary);
    orr_reply_bulk_string(reply, "since");
    orr_reply_bulk_string(reply, command->since);
    orr_reply_bulk_string(reply, "group");
    orr_reply_bulk_string(reply, orr_command_group_name(command->group));
    if (subcommands > 0) {
        orr_reply_bulk_string(reply, "subcommands");
        orr_reply_map(reply, subcommands);
        for (const OrrCommand *row = command->subcommands; row->name != NULL; row++) {
            reply_docs(reply, row);
        }
    }
}

static void
run_all(OrrCommandContext *context)
{
    orr_reply_array(context->reply, orr_command_count());
    for (size_t i = 0; i < orr_command_count(); i++) {
        reply_row(context->reply, orr_command_at(i));
    }
}

static void
run_count(OrrCommandContext *context)
{
    orr_reply_integer(context->reply, (int64_t)orr_command_count());
}

static void
run_info(OrrCommandContext *context)
{
    if (context->arg_count == 2) {
        run_all(context);
        return;
    }
    orr_reply_array(context->reply, context->arg_count - 2);
    for (size_t i = 2; i < context->arg_count; i++) {
        const OrrCommand *command = orr_command_find_full(context->args[i]);

        if (command != NULL) {
            reply_row(context->reply, command);
        } else {
            orr_reply_null(context->reply);
        }
    }
}

static void
run_docs(OrrCommandContext *context)
{
    size_t head = orr_reply_size(context->reply);
    size_t count = 0;

    if (context->arg_count == 2) {
        for (size_t i = 0; i < orr_command_count(); i++, count++) {
            reply_docs(context->reply, orr_command_at(i));
        }
    }
    for (size_t i = 2; i < context->arg_count; i++) {
        const OrrCommand *command = orr_command_find_full(context->args[i]);

        if (command != NULL) {
            reply_docs(context->reply, command);
            count++;
        }
    }
    orr_reply_insert_map(context->reply, head, count);
}

/* LIST [FILTERBY MODULE name | ACLCAT category | PATTERN pattern] */

static bool
has_category(const OrrCommand *command, OrrBytes category)
{
    uint32_t set = categories_of(command);

    for (int i = 0; i < CATEGORIES; i++) {
        if ((set & BIT(i)) != 0 && orr_arg_is(category, CATEGORY_NAMES[i] + 1)) {
            return true;
        }
    }
    return false;
}

static bool
passes_filter(const OrrCommandContext *context, const OrrCommand *command)
{
    if (context->arg_count == 2) {
        return true;
    }
    if (orr_arg_is(context->args[3], "aclcat")) {
        return has_category(command, context->args[4]);
    }
    if (orr_arg_is(context->args[3], "pattern")) {
        return orr_glob_matches_any_case(context->args[4], orr_bytes_of_string(command->name));
    }
    return false; /* of a module: there are none */
}

static void
list_passing(OrrCommandContext *context, const OrrCommand *command, size_t *count)
{
    if (passes_filter(context, command)) {
        orr_reply_bulk_string(context->reply, command->name);
        ++*count;
    }
    for (const OrrCommand *row = command->subcommands; row != NULL && row->name != NULL;
         row++) {
        list_passing(context, row, count);
    }
}

static void
run_list(OrrCommandContext *context)
{
    size_t head = orr_reply_size(context->reply);
    size_t count = 0;

    if (context->arg_count > 2 &&
        (context->arg_count != 5 || !orr_arg_is(context->args[2], "filterby") ||
         !(orr_arg_is(context->args[3], "module") || orr_arg_is(context->args[3], "aclcat") ||
           orr_arg_is(context->args[3], "pattern")))) {
        orr_reply_error(context->reply, ORR_ERROR_SYNTAX);
        return;
    }
    for (size_t i = 0; i < orr_command_count(); i++) {
        list_passing(context, orr_command_at(i), &count);
    }
    orr_reply_insert_array(context->reply, head, count);
}

#define LISTED_KEYS_MAX 1024u

/* COMMAND GETKEYS[ANDFLAGS] and then a whole command. */
static void
list_keys(OrrCommandContext *context, bool with_flags)
{
    const OrrBytes *args = context->args + 2;
    size_t arg_count = context->arg_count - 2;
    const OrrCommand *command = orr_command_resolve(args, arg_count);
    size_t words[LISTED_KEYS_MAX];
    size_t count;

    if (command == NULL) {
        orr_reply_error(context->reply, "ERR Invalid command specified");
        return;
    }
    if (command->first_key == 0 && command->keys == NULL) {
        orr_reply_error(context->reply, "ERR The command has no key arguments");
        return;
    }
    if (!orr_command_arity_fits(command, arg_count)) {
        orr_reply_error(context->reply,
                        "ERR Invalid number of arguments specified for command");
        return;
    }
    count = MIN(orr_command_keys(command, args, arg_count, words, G_N_ELEMENTS(words)),
                G_N_ELEMENTS(words));
    if (count == 0) {
        orr_reply_error(context->reply, "ERR Invalid arguments specified for command");
        return;
    }
    orr_reply_array(context->reply, count);
    for (size_t i = 0; i < count; i++) {
        if (with_flags) {
            orr_reply_array(context->reply, 2);
        }
        orr_reply_bulk(context->reply, args[words[i]]);
        if (with_flags) {
            reply_key_flags(context->reply, command, i == 1 && keys_differ(command));
        }
    }
}

static void
run_getkeys(OrrCommandContext *context)
{
    list_keys(context, false);
}

static void
run_getkeysandflags(OrrCommandContext *context)
{
    list_keys(context, true);
}

#define ANY_TIME (ORR_COMMAND_LOADING | ORR_COMMAND_STALE | ORR_COMMAND_ON_CONNECTION)
#define ROW(name_, arity_, syntax_, since_, run_, summary_)                                    \
    {                                                                                          \
        .name = "command|" name_, .arity = arity_, .flags = ANY_TIME, .syntax = syntax_,       \
        .group = ORR_GROUP_SERVER, .summary = summary_, .since = since_, .run = run_           \
    }

static const OrrCommand SUBCOMMANDS[] = {
    ROW("count", 2, NULL, "2.8.13", run_count, "How many commands there are."),
    ROW("docs", -2, "[<command-name> ...]", "7.0.0", run_docs, "What commands do."),
    ROW("getkeys", -4, "<full-command>", "2.8.13", run_getkeys, "The keys of a command."),
    ROW("getkeysandflags", -4, "<full-command>", "7.0.0", run_getkeysandflags,
        "The keys of a command, and what it does with them."),
    ROW("info", -2, "[<command-name> ...]", "2.8.13", run_info, "Flags, and where keys are."),
    ROW("list", -2, "[FILTERBY (MODULE <name>|ACLCAT <category>|PATTERN <pattern>)]", "7.0.0",
        run_list, "Names."),
    ORR_COMMAND_HELP_ROW("command", ANY_TIME),
    ORR_COMMANDS_END,
};

const OrrCommand orr_commands_table[] = {
    {.name = "command",
     .arity = -1,
     .flags = ANY_TIME,
     .group = ORR_GROUP_SERVER,
     .summary = "The table of commands.",
     .since = "2.8.13",
     .run = run_all,
     .subcommands = SUBCOMMANDS},
    ORR_COMMANDS_END,
};
