/* command_key.c - keys whatever they hold: DEL, RENAME, COPY. */
#include "node/commands/command_util.h"

#include <orrery/slots.h>

#include <glib.h>

static void
run_del(OrrCommandContext *context)
{
    int64_t deleted = 0;

    for (size_t i = 1; i < context->arg_count; i++) {
        OrrValue value;

        if (orr_find(context, context->args[i], &value) == ORR_OK) {
            orr_emit_delete(context, value.slot, context->args[i]);
            deleted++;
        }
    }
    orr_reply_integer(context->reply, deleted);
}

/* EXISTS, and TOUCH, since finding a key touches it. */
static void
run_exists(OrrCommandContext *context)
{
    int64_t found = 0;
    OrrValue value;

    for (size_t i = 1; i < context->arg_count; i++) {
        found += orr_find(context, context->args[i], &value) == ORR_OK;
    }
    orr_reply_integer(context->reply, found);
}

static const char *
type_name(const OrrValue *value)
{
    return value->type == ORR_KEY_STRING ? "string" : "hash";
}

static void
run_type(OrrCommandContext *context)
{
    OrrValue value;

    if (orr_find(context, context->args[1], &value) == ORR_OK) {
        orr_reply_simple(context->reply, type_name(&value));
    } else {
        orr_reply_simple(context->reply, "none");
    }
}

typedef struct Copy {
    OrrCommandContext *context;
    OrrBytes to;
    uint16_t slot;
} Copy;

static bool
copy_field(const OrrValue *field, void *context)
{
    Copy *copy = context;

    orr_emit_field(copy->context, copy->slot, copy->to, field->key, field->value,
                   field->expire_ms);
    return true;
}

/* `value` is what `from` holds; `to` is another key. */
static void
copy_key(OrrCommandContext *context, OrrBytes from, const OrrValue *value, OrrBytes to)
{
    Copy copy = {context, to, orr_slot_of_key(to)};
    OrrValue old;

    if (orr_find(context, to, &old) == ORR_OK) {
        orr_emit_delete(context, old.slot, to);
    }
    if (value->type == ORR_KEY_STRING) {
        orr_emit_string(context, to, value->value, value->expire_ms);
    } else {
        (void)orr_keyspace_scan_fields(context->keyspace, value->slot, from, 0, SIZE_MAX,
                                       copy_field, &copy);
    }
}

static void
rename_key(OrrCommandContext *context, bool only_new)
{
    OrrBytes from = context->args[1];
    OrrBytes to = context->args[2];
    OrrValue value;
    OrrValue other;
    bool same = orr_bytes_equal(from, to);

    if (orr_find(context, from, &value) != ORR_OK) {
        orr_reply_error(context->reply, ORR_ERROR_NO_KEY);
        return;
    }
    if (!orr_sizes_fit(context, to, 0, 0)) {
        return;
    }
    if (only_new && orr_find(context, to, &other) == ORR_OK) {
        orr_reply_integer(context->reply, 0);
        return;
    }
    if (!same) {
        copy_key(context, from, &value, to);
        orr_emit_delete(context, orr_key_slot(context, from), from);
    }
    if (only_new) {
        orr_reply_integer(context->reply, 1);
    } else {
        orr_reply_ok(context->reply);
    }
}

static void
run_rename(OrrCommandContext *context)
{
    rename_key(context, false);
}

static void
run_renamenx(OrrCommandContext *context)
{
    rename_key(context, true);
}

/* DB 0 and REPLACE; false: wrong, and the client is told. */
static bool
copy_options(OrrCommandContext *context, bool *replace)
{
    *replace = false;
    for (size_t i = 3; i < context->arg_count; i++) {
        int64_t database;

        if (orr_arg_is(context->args[i], "replace")) {
            *replace = true;
        } else if (orr_arg_is(context->args[i], "db") && i + 1 < context->arg_count) {
            if (!orr_integer_arg(context, ++i, &database)) {
                return false;
            }
            if (database != 0) {
                orr_reply_error(
                    context->reply,
                    "ERR Copying to another database is not allowed in cluster mode");
                return false;
            }
        } else {
            orr_reply_error(context->reply, ORR_ERROR_SYNTAX);
            return false;
        }
    }
    return true;
}

static void
run_copy(OrrCommandContext *context)
{
    OrrBytes from = context->args[1];
    OrrBytes to = context->args[2];
    bool replace;
    OrrValue value;
    OrrValue other;

    if (!copy_options(context, &replace) || !orr_sizes_fit(context, to, 0, 0)) {
        return;
    }
    if (orr_bytes_equal(from, to)) {
        orr_reply_error(context->reply, "ERR source and destination objects are the same");
        return;
    }

    bool copies = orr_find(context, from, &value) == ORR_OK &&
                  (replace || orr_find(context, to, &other) != ORR_OK);

    if (copies) {
        copy_key(context, from, &value, to);
    }
    orr_reply_integer(context->reply, copies);
}

static void
run_flush(OrrCommandContext *context)
{
    static const uint8_t ALL_SLOTS[4] = {0, 0, 0xff, 0x3f};
    OrrRecord record = {.kind = ORR_RECORD_FLUSH, .value = {ALL_SLOTS, sizeof ALL_SLOTS}};

    if (context->arg_count > 2 ||
        (context->arg_count == 2 && !orr_arg_is(context->args[1], "async") &&
         !orr_arg_is(context->args[1], "sync"))) {
        orr_reply_error(context->reply, ORR_ERROR_SYNTAX);
        return;
    }
    context->emit(context, &record);
    orr_reply_ok(context->reply);
}

#define READ ORR_COMMAND_READONLY
#define WRITE ORR_COMMAND_WRITE
#define FAST ORR_COMMAND_FAST
#define ROW(name_, arity_, flags_, first_, last_, since_, run_, summary_)                      \
    {                                                                                          \
        .name = name_, .arity = arity_, .flags = flags_, .first_key = first_,                  \
        .last_key = last_, .key_step = (first_) > 0 ? 1 : 0, .group = ORR_GROUP_GENERIC,       \
        .summary = summary_, .since = since_, .run = run_                                      \
    }

const OrrCommand orr_commands_key[] = {
    ROW("copy", -3, WRITE | ORR_COMMAND_DENYOOM, 1, 2, "6.2.0", run_copy, "Copies a key."),
    ROW("del", -2, WRITE, 1, -1, "1.0.0", run_del, "Deletes keys."),
    ROW("exists", -2, READ | FAST, 1, -1, "1.0.0", run_exists, "How many of the keys exist."),
    {.name = "flushall",
     .arity = -1,
     .flags = WRITE | ORR_COMMAND_ALL_NODES | ORR_COMMAND_ON_KEYSPACE | ORR_COMMAND_DANGEROUS,
     .group = ORR_GROUP_SERVER,
     .summary = "Deletes every key of this node.",
     .since = "1.0.0",
     .run = run_flush},
    {.name = "flushdb",
     .arity = -1,
     .flags = WRITE | ORR_COMMAND_ALL_NODES | ORR_COMMAND_ON_KEYSPACE | ORR_COMMAND_DANGEROUS,
     .group = ORR_GROUP_SERVER,
     .summary = "Deletes every key of this node.",
     .since = "1.0.0",
     .run = run_flush},
    ROW("rename", 3, WRITE, 1, 2, "1.0.0", run_rename, "Gives a key another name."),
    ROW("renamenx", 3, WRITE | FAST, 1, 2, "1.0.0", run_renamenx,
        "Gives a key another name that is free."),
    ROW("touch", -2, READ | FAST, 1, -1, "3.2.1", run_exists, "Marks keys as read just now."),
    ROW("type", 2, READ | FAST, 1, 1, "1.0.0", run_type, "What a key holds."),
    ROW("unlink", -2, WRITE | FAST, 1, -1, "4.0.0", run_del, "Deletes keys."),
    ORR_COMMANDS_END,
};
