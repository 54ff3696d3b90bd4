/* command_hash.c - single fields of hashes: HSET, HGET and their relatives. */
#include "node/commands/command_util.h"
#include "node/commands/decimal.h"

#include <glib.h>

/* The hash in this slot. ORR_REFUSED: the key holds a string, and the client is told. */
static OrrStatus
find_hash(OrrCommandContext *context, uint16_t slot, OrrBytes key, OrrValue *hash)
{
    OrrStatus status = orr_find_in(context, slot, key, hash);

    if (status == ORR_OK && hash->type != ORR_KEY_HASH) {
        orr_reply_error(context->reply, ORR_ERROR_WRONGTYPE);
        return ORR_REFUSED;
    }
    return status;
}

/* A field of the key in word 1, as of now. ORR_REFUSED as above. */
static OrrStatus
find_field(OrrCommandContext *context, OrrBytes field, OrrValue *value)
{
    OrrBytes key = context->args[1];
    uint16_t slot = orr_field_slot(context, key, field);
    OrrStatus status =
        orr_keyspace_get_field(context->keyspace, slot, key, field, context->wall_ms, value);

    if (status == ORR_REFUSED) {
        orr_reply_error(context->reply, ORR_ERROR_WRONGTYPE);
    }
    return status;
}

/* Writes fields and values from word 2 on; returns how many fields are new, or -1: refused. */
static int64_t
set_fields(OrrCommandContext *context)
{
    OrrBytes key = context->args[1];
    uint16_t slot = orr_field_slot(context, key, context->args[2]);
    OrrValue hash = {.expire_ms = ORR_EXPIRE_NEVER};
    int64_t created = 0;

    if (context->arg_count % 2 != 0) {
        orr_command_reply_arity(context->reply, context->command);
        return -1;
    }
    for (size_t i = 2; i < context->arg_count; i += 2) {
        if (!orr_sizes_fit(context, key, context->args[i].size, context->args[i + 1].size)) {
            return -1;
        }
    }
    if (find_hash(context, slot, key, &hash) == ORR_REFUSED) {
        return -1;
    }
    for (size_t i = 2; i < context->arg_count; i += 2) {
        OrrValue old;

        slot = orr_field_slot(context, key, context->args[i]);
        created += orr_keyspace_get_field(context->keyspace, slot, key, context->args[i],
                                          context->wall_ms, &old) != ORR_OK;
        orr_emit_field(context, slot, key, context->args[i], context->args[i + 1],
                       hash.expire_ms);
    }
    return created;
}

static void
run_hset(OrrCommandContext *context)
{
    int64_t created = set_fields(context);

    if (created >= 0) {
        orr_reply_integer(context->reply, created);
    }
}

static void
run_hmset(OrrCommandContext *context)
{
    if (set_fields(context) >= 0) {
        orr_reply_ok(context->reply);
    }
}

static void
run_hsetnx(OrrCommandContext *context)
{
    OrrBytes key = context->args[1];
    uint16_t slot = orr_field_slot(context, key, context->args[2]);
    OrrValue hash = {.expire_ms = ORR_EXPIRE_NEVER};
    OrrValue old;

    if (!orr_sizes_fit(context, key, context->args[2].size, context->args[3].size) ||
        find_hash(context, slot, key, &hash) == ORR_REFUSED) {
        return;
    }

    bool found = orr_keyspace_get_field(context->keyspace, slot, key, context->args[2],
                                        context->wall_ms, &old) == ORR_OK;

    if (!found) {
        orr_emit_field(context, slot, key, context->args[2], context->args[3], hash.expire_ms);
    }
    orr_reply_integer(context->reply, !found);
}

static void
run_hget(OrrCommandContext *context)
{
    OrrValue value;
    OrrStatus status = find_field(context, context->args[2], &value);

    if (status == ORR_OK) {
        orr_reply_bulk(context->reply, value.value);
    } else if (status == ORR_NOT_FOUND) {
        orr_reply_null(context->reply);
    }
}

static void
run_hmget(OrrCommandContext *context)
{
    size_t begin = orr_reply_size(context->reply);

    orr_reply_array(context->reply, context->arg_count - 2);
    for (size_t i = 2; i < context->arg_count; i++) {
        OrrValue value;
        OrrStatus status = orr_keyspace_get_field(
            context->keyspace, orr_field_slot(context, context->args[1], context->args[i]),
            context->args[1], context->args[i], context->wall_ms, &value);

        if (status == ORR_REFUSED) {
            orr_reply_truncate(context->reply, begin);
            orr_reply_error(context->reply, ORR_ERROR_WRONGTYPE);
            return;
        }
        if (status == ORR_OK) {
            orr_reply_bulk(context->reply, value.value);
        } else {
            orr_reply_null(context->reply);
        }
    }
}

static void
run_hexists(OrrCommandContext *context)
{
    OrrValue value;
    OrrStatus status = find_field(context, context->args[2], &value);

    if (status != ORR_REFUSED) {
        orr_reply_integer(context->reply, status == ORR_OK);
    }
}

static void
run_hstrlen(OrrCommandContext *context)
{
    OrrValue value = {.value = ORR_BYTES_EMPTY};

    if (find_field(context, context->args[2], &value) != ORR_REFUSED) {
        orr_reply_integer(context->reply, (int64_t)value.value.size);
    }
}

static void
run_hdel(OrrCommandContext *context)
{
    int64_t deleted = 0;

    for (size_t i = 2; i < context->arg_count; i++) {
        OrrValue value;
        OrrStatus status = find_field(context, context->args[i], &value);

        if (status == ORR_REFUSED) {
            return;
        }
        if (status == ORR_OK) {
            orr_emit_delete_field(context, value.slot, context->args[1], context->args[i]);
            deleted++;
        }
    }
    orr_reply_integer(context->reply, deleted);
}

/* The hash of words 1 and 2 and its field's old value, before it is counted up. */
typedef struct Counter {
    uint16_t slot;
    int64_t expire_ms; /* of the key */
    bool found;
    OrrBytes old;
} Counter;

static bool
find_counter(OrrCommandContext *context, Counter *counter)
{
    OrrValue hash = {.expire_ms = ORR_EXPIRE_NEVER};
    OrrValue field = {.value = ORR_BYTES_EMPTY};

    counter->slot = orr_field_slot(context, context->args[1], context->args[2]);
    if (find_hash(context, counter->slot, context->args[1], &hash) == ORR_REFUSED ||
        !orr_sizes_fit(context, context->args[1], context->args[2].size, 0)) {
        return false;
    }
    counter->expire_ms = hash.expire_ms;
    counter->found = find_field(context, context->args[2], &field) == ORR_OK;
    counter->old = field.value;
    return true;
}

static void
run_hincrby(OrrCommandContext *context)
{
    Counter counter;
    int64_t by;
    int64_t number = 0;
    char text[ORR_INTEGER_TEXT_SIZE];

    if (!orr_integer_arg(context, 3, &by) || !find_counter(context, &counter)) {
        return;
    }
    if (counter.found && !orr_parse_integer(counter.old, &number)) {
        orr_reply_error(context->reply, "ERR hash value is not an integer");
        return;
    }
    if ((by > 0 && number > INT64_MAX - by) || (by < 0 && number < INT64_MIN - by)) {
        orr_reply_error(context->reply, ORR_ERROR_OVERFLOW);
        return;
    }
    number += by;
    orr_emit_field(context, counter.slot, context->args[1], context->args[2],
                   orr_bytes(text, orr_format_integer(number, text)), counter.expire_ms);
    orr_reply_integer(context->reply, number);
}

static void
run_hincrbyfloat(OrrCommandContext *context)
{
    Counter counter;
    OrrDecimal by;
    OrrDecimal number = {.count = 0};
    char text[ORR_DECIMAL_TEXT_SIZE];

    if (!orr_decimal_parse(context->args[3], &by)) {
        orr_reply_error(context->reply, ORR_ERROR_NOT_FLOAT);
        return;
    }
    if (by.infinite) {
        orr_reply_error(context->reply, "ERR value is NaN or Infinity");
        return;
    }
    if (!find_counter(context, &counter)) {
        return;
    }
    if (counter.found && !orr_decimal_parse(counter.old, &number)) {
        orr_reply_error(context->reply, "ERR hash value is not a float");
        return;
    }
    if (!orr_decimal_add(&number, &by)) {
        orr_reply_error(context->reply, "ERR increment would produce NaN or Infinity");
        return;
    }

    OrrBytes value = orr_bytes(text, orr_decimal_format(&number, text));

    orr_emit_field(context, counter.slot, context->args[1], context->args[2], value,
                   counter.expire_ms);
    orr_reply_bulk(context->reply, value);
}

#define READ (ORR_COMMAND_READONLY | ORR_COMMAND_FAST)
#define WRITE (ORR_COMMAND_WRITE | ORR_COMMAND_DENYOOM | ORR_COMMAND_FAST)
#define ROW(name_, arity_, flags_, step_, since_, run_, summary_)                              \
    {                                                                                          \
        .name = name_, .arity = arity_, .flags = flags_, .first_key = 1, .last_key = 1,        \
        .key_step = 1, .field = 2, .field_step = step_, .group = ORR_GROUP_HASH,               \
        .summary = summary_, .since = since_, .run = run_                                      \
    }

const OrrCommand orr_commands_hash[] = {
    ROW("hdel", -3, ORR_COMMAND_WRITE | ORR_COMMAND_FAST, 1, "2.0.0", run_hdel,
        "Deletes fields; the last one takes the hash along."),
    ROW("hexists", 3, READ, 0, "2.0.0", run_hexists, "Whether a field is there."),
    ROW("hget", 3, READ, 0, "2.0.0", run_hget, "The value of a field."),
    ROW("hincrby", 4, WRITE, 0, "2.0.0", run_hincrby, "Adds to a number in a field."),
    ROW("hincrbyfloat", 4, WRITE, 0, "2.6.0", run_hincrbyfloat,
        "Adds to a decimal number in a field."),
    ROW("hmget", -3, READ, 1, "2.0.0", run_hmget, "The values of several fields."),
    ROW("hmset", -4, WRITE, 2, "2.0.0", run_hmset, "Sets several fields."),
    ROW("hset", -4, WRITE, 2, "2.0.0", run_hset, "Sets fields, and counts the new ones."),
    ROW("hsetnx", 4, WRITE, 0, "2.0.0", run_hsetnx, "Sets a field if it is not there."),
    ROW("hstrlen", 3, READ, 0, "3.2.0", run_hstrlen, "The size of a field's value."),
    ORR_COMMANDS_END,
};
