/* command_expire.c - when keys go by themselves: EXPIRE, TTL and their relatives. */
#include "node/commands/command_util.h"

#include <glib.h>

typedef struct ExpireOptions {
    bool nx;
    bool xx;
    bool gt;
    bool lt;
} ExpireOptions;

/* From word 3 on; false: wrong, and the client is told. */
static bool
expire_options(OrrCommandContext *context, ExpireOptions *options)
{
    *options = (ExpireOptions){.nx = false};
    for (size_t i = 3; i < context->arg_count; i++) {
        OrrBytes word = context->args[i];

        if (orr_arg_is(word, "nx")) {
            options->nx = true;
        } else if (orr_arg_is(word, "xx")) {
            options->xx = true;
        } else if (orr_arg_is(word, "gt")) {
            options->gt = true;
        } else if (orr_arg_is(word, "lt")) {
            options->lt = true;
        } else {
            orr_reply_error_about(context->reply, "ERR Unsupported option ", word, "");
            return false;
        }
    }
    if (options->nx && (options->xx || options->gt || options->lt)) {
        orr_reply_error(context->reply, "ERR NX and XX, GT or LT options at the same time are "
                                        "not compatible");
        return false;
    }
    if (options->gt && options->lt) {
        orr_reply_error(context->reply,
                        "ERR GT and LT options at the same time are not compatible");
        return false;
    }
    return true;
}

/* A key without an expiry counts as one that expires never. */
static bool
wanted(const ExpireOptions *options, int64_t old_ms, int64_t new_ms)
{
    bool had = old_ms != ORR_EXPIRE_NEVER;

    return !((options->nx && had) || (options->xx && !had) ||
             (options->gt && (!had || new_ms <= old_ms)) ||
             (options->lt && had && new_ms >= old_ms));
}

static void
expire(OrrCommandContext *context, OrrTimeUnit unit, bool absolute)
{
    ExpireOptions options;
    int64_t number;
    int64_t expire_ms;
    OrrValue value;

    if (!expire_options(context, &options) || !orr_integer_arg(context, 2, &number) ||
        !orr_expire_time(context, number, unit, absolute, false, &expire_ms)) {
        return;
    }

    bool sets = orr_find(context, context->args[1], &value) == ORR_OK &&
                wanted(&options, value.expire_ms, expire_ms);

    if (sets && expire_ms <= context->wall_ms) {
        orr_emit_delete(context, value.slot, context->args[1]);
    } else if (sets) {
        orr_emit_expire(context, value.slot, context->args[1], expire_ms);
    }
    orr_reply_integer(context->reply, sets);
}

static void
run_expire(OrrCommandContext *context)
{
    expire(context, ORR_UNIT_SECONDS, false);
}

static void
run_pexpire(OrrCommandContext *context)
{
    expire(context, ORR_UNIT_MS, false);
}

static void
run_expireat(OrrCommandContext *context)
{
    expire(context, ORR_UNIT_SECONDS, true);
}

static void
run_pexpireat(OrrCommandContext *context)
{
    expire(context, ORR_UNIT_MS, true);
}

static void
reply_time(OrrCommandContext *context, OrrTimeUnit unit, bool absolute)
{
    OrrValue value;
    int64_t answer;

    if (orr_find(context, context->args[1], &value) != ORR_OK) {
        answer = -2;
    } else if (value.expire_ms == ORR_EXPIRE_NEVER) {
        answer = -1;
    } else {
        answer = MAX(value.expire_ms - (absolute ? 0 : context->wall_ms), 0);
        answer = unit == ORR_UNIT_SECONDS ? (answer + 500) / 1000 : answer;
    }
    orr_reply_integer(context->reply, answer);
}

static void
run_ttl(OrrCommandContext *context)
{
    reply_time(context, ORR_UNIT_SECONDS, false);
}

static void
run_pttl(OrrCommandContext *context)
{
    reply_time(context, ORR_UNIT_MS, false);
}

static void
run_expiretime(OrrCommandContext *context)
{
    reply_time(context, ORR_UNIT_SECONDS, true);
}

static void
run_pexpiretime(OrrCommandContext *context)
{
    reply_time(context, ORR_UNIT_MS, true);
}

static void
run_persist(OrrCommandContext *context)
{
    OrrValue value;
    bool had = orr_find(context, context->args[1], &value) == ORR_OK &&
               value.expire_ms != ORR_EXPIRE_NEVER;

    if (had) {
        orr_emit_expire(context, value.slot, context->args[1], ORR_EXPIRE_NEVER);
    }
    orr_reply_integer(context->reply, had);
}

#define ROW(name_, arity_, flags_, since_, run_, summary_)                                     \
    {                                                                                          \
        .name = name_, .arity = arity_, .flags = ORR_COMMAND_FAST | (flags_), .first_key = 1,  \
        .last_key = 1, .key_step = 1, .group = ORR_GROUP_GENERIC, .summary = summary_,         \
        .since = since_, .run = run_                                                           \
    }

const OrrCommand orr_commands_expire[] = {
    ROW("expire", -3, ORR_COMMAND_WRITE, "1.0.0", run_expire,
        "Lets a key expire in so many seconds."),
    ROW("expireat", -3, ORR_COMMAND_WRITE, "1.2.0", run_expireat,
        "Lets a key expire at a time in seconds."),
    ROW("expiretime", 2, ORR_COMMAND_READONLY, "7.0.0", run_expiretime,
        "When a key expires, in seconds."),
    ROW("persist", 2, ORR_COMMAND_WRITE, "2.2.0", run_persist,
        "Takes the expiry of a key away."),
    ROW("pexpire", -3, ORR_COMMAND_WRITE, "2.6.0", run_pexpire,
        "Lets a key expire in so many milliseconds."),
    ROW("pexpireat", -3, ORR_COMMAND_WRITE, "2.6.0", run_pexpireat,
        "Lets a key expire at a time in milliseconds."),
    ROW("pexpiretime", 2, ORR_COMMAND_READONLY, "7.0.0", run_pexpiretime,
        "When a key expires, in milliseconds."),
    ROW("pttl", 2, ORR_COMMAND_READONLY, "2.6.0", run_pttl,
        "In how many milliseconds a key expires."),
    ROW("ttl", 2, ORR_COMMAND_READONLY, "1.0.0", run_ttl, "In how many seconds a key expires."),
    ORR_COMMANDS_END,
};
