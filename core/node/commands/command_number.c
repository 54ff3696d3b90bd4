/* command_number.c - strings that are numbers: INCR and its relatives. */
#include "node/commands/command_util.h"
#include "node/commands/decimal.h"

#include <glib.h>

static void
increment(OrrCommandContext *context, int64_t by)
{
    OrrValue old = {.expire_ms = ORR_EXPIRE_NEVER};
    OrrStatus status = orr_find_string(context, context->args[1], &old);
    char text[ORR_INTEGER_TEXT_SIZE];
    int64_t number = 0;

    if (status == ORR_REFUSED) {
        return;
    }
    if (status == ORR_OK && !orr_parse_integer(old.value, &number)) {
        orr_reply_error(context->reply, ORR_ERROR_NOT_INTEGER);
        return;
    }
    if ((by > 0 && number > INT64_MAX - by) || (by < 0 && number < INT64_MIN - by)) {
        orr_reply_error(context->reply, ORR_ERROR_OVERFLOW);
        return;
    }
    number += by;
    if (orr_sizes_fit(context, context->args[1], 0, 0)) {
        size_t size = orr_format_integer(number, text);

        orr_emit_string(context, context->args[1], orr_bytes(text, size), old.expire_ms);
        orr_reply_integer(context->reply, number);
    }
}

static void
run_incr(OrrCommandContext *context)
{
    increment(context, 1);
}

static void
run_decr(OrrCommandContext *context)
{
    increment(context, -1);
}

static void
run_incrby(OrrCommandContext *context)
{
    int64_t by;

    if (orr_integer_arg(context, 2, &by)) {
        increment(context, by);
    }
}

static void
run_decrby(OrrCommandContext *context)
{
    int64_t by;

    if (!orr_integer_arg(context, 2, &by)) {
        return;
    }
    if (by == INT64_MIN) {
        orr_reply_error(context->reply, "ERR decrement would overflow");
        return;
    }
    increment(context, -by);
}

static void
run_incrbyfloat(OrrCommandContext *context)
{
    OrrValue old = {.expire_ms = ORR_EXPIRE_NEVER};
    OrrStatus status = orr_find_string(context, context->args[1], &old);
    OrrDecimal number = {.count = 0};
    OrrDecimal by;
    char text[ORR_DECIMAL_TEXT_SIZE];

    if (status == ORR_REFUSED) {
        return;
    }
    if ((status == ORR_OK && !orr_decimal_parse(old.value, &number)) ||
        !orr_decimal_parse(context->args[2], &by)) {
        orr_reply_error(context->reply, ORR_ERROR_NOT_FLOAT);
        return;
    }
    if (!orr_decimal_add(&number, &by)) {
        orr_reply_error(context->reply, "ERR increment would produce NaN or Infinity");
        return;
    }

    OrrBytes value = orr_bytes(text, orr_decimal_format(&number, text));

    if (orr_sizes_fit(context, context->args[1], 0, value.size)) {
        orr_emit_string(context, context->args[1], value, old.expire_ms);
        orr_reply_bulk(context->reply, value);
    }
}

#define ROW(name_, arity_, since_, run_, summary_)                                             \
    {                                                                                          \
        .name = name_, .arity = arity_,                                                        \
        .flags = ORR_COMMAND_WRITE | ORR_COMMAND_DENYOOM | ORR_COMMAND_FAST, .first_key = 1,   \
        .last_key = 1, .key_step = 1, .group = ORR_GROUP_STRING, .summary = summary_,          \
        .since = since_, .run = run_                                                           \
    }

const OrrCommand orr_commands_number[] = {
    ROW("decr", 2, "1.0.0", run_decr, "Takes one from a number."),
    ROW("decrby", 3, "1.0.0", run_decrby, "Takes from a number."),
    ROW("incr", 2, "1.0.0", run_incr, "Adds one to a number."),
    ROW("incrby", 3, "1.0.0", run_incrby, "Adds to a number."),
    ROW("incrbyfloat", 3, "2.6.0", run_incrbyfloat, "Adds to a decimal number."),
    ORR_COMMANDS_END,
};
