/* command_string.c - GET, SET and their relatives. */
#include "node/commands/command_util.h"

#include <glib.h>

/* What EX, PX, EXAT, PXAT, KEEPTTL, PERSIST, NX, XX and GET ask for. */
typedef struct SetOptions {
    bool nx;
    bool xx;
    bool get;
    bool keep_ttl;
    bool persist;
    bool expires;
    OrrTimeUnit unit;
    bool absolute;
    size_t number; /* word with the time */
} SetOptions;

static bool
time_option(OrrBytes word, SetOptions *options)
{
    if (orr_arg_is(word, "ex") || orr_arg_is(word, "exat")) {
        options->unit = ORR_UNIT_SECONDS;
    } else if (orr_arg_is(word, "px") || orr_arg_is(word, "pxat")) {
        options->unit = ORR_UNIT_MS;
    } else {
        return false;
    }
    options->absolute = word.size == 4;
    return true;
}

/* One option at word `i`; returns how many words it took, 0: a syntax error. */
static size_t
set_option(const OrrCommandContext *context, size_t i, bool getex, SetOptions *options)
{
    OrrBytes word = context->args[i];
    bool timed = options->expires || options->keep_ttl || options->persist;

    if (!timed && i + 1 < context->arg_count && time_option(word, options)) {
        options->expires = true;
        options->number = i + 1;
        return 2;
    }
    if (getex) {
        options->persist = orr_arg_is(word, "persist") && !timed;
        return options->persist;
    }
    if (orr_arg_is(word, "nx") && !options->xx) {
        options->nx = true;
    } else if (orr_arg_is(word, "xx") && !options->nx) {
        options->xx = true;
    } else if (orr_arg_is(word, "get")) {
        options->get = true;
    } else if (orr_arg_is(word, "keepttl") && !options->expires) {
        options->keep_ttl = true;
    } else {
        return 0;
    }
    return 1;
}

/* From word `from` on; false: wrong, and the client is told. */
static bool
set_options(OrrCommandContext *context, size_t from, bool getex, SetOptions *options,
            int64_t *expire_ms)
{
    int64_t number;

    *options = (SetOptions){.nx = false};
    *expire_ms = ORR_EXPIRE_NEVER;
    for (size_t i = from; i < context->arg_count;) {
        size_t taken = set_option(context, i, getex, options);

        if (taken == 0) {
            orr_reply_error(context->reply, ORR_ERROR_SYNTAX);
            return false;
        }
        i += taken;
    }
    return !options->expires || (orr_integer_arg(context, options->number, &number) &&
                                 orr_expire_time(context, number, options->unit,
                                                 options->absolute, true, expire_ms));
}

static void
run_get(OrrCommandContext *context)
{
    OrrValue value;

    OrrStatus status = orr_find_string(context, context->args[1], &value);

    if (status == ORR_OK) {
        orr_reply_bulk(context->reply, value.value);
    } else if (status == ORR_NOT_FOUND) {
        orr_reply_null(context->reply);
    }
}

static void
run_set(OrrCommandContext *context)
{
    OrrBytes key = context->args[1];
    SetOptions options;
    int64_t expire_ms;
    OrrValue old;

    if (!set_options(context, 3, false, &options, &expire_ms) ||
        !orr_sizes_fit(context, key, 0, context->args[2].size)) {
        return;
    }
    if (options.nx || options.xx || options.get || options.keep_ttl) {
        bool found = orr_find(context, key, &old) == ORR_OK;

        if (options.get && found && old.type != ORR_KEY_STRING) {
            orr_reply_error(context->reply, ORR_ERROR_WRONGTYPE);
            return;
        }
        if (options.get && found) {
            orr_reply_bulk(context->reply, old.value);
        }
        if ((options.get && !found) ||
            (!options.get && ((options.nx && found) || (options.xx && !found)))) {
            orr_reply_null(context->reply);
        }
        if ((options.nx && found) || (options.xx && !found)) {
            return;
        }
        expire_ms = options.keep_ttl && found ? old.expire_ms : expire_ms;
    }
    orr_emit_string(context, key, context->args[2], expire_ms);
    if (!options.get) {
        orr_reply_ok(context->reply);
    }
}

static void
run_setnx(OrrCommandContext *context)
{
    OrrValue old;
    bool found = orr_find(context, context->args[1], &old) == ORR_OK;

    if (!orr_sizes_fit(context, context->args[1], 0, context->args[2].size)) {
        return;
    }
    if (!found) {
        orr_emit_string(context, context->args[1], context->args[2], ORR_EXPIRE_NEVER);
    }
    orr_reply_integer(context->reply, !found);
}

static void
set_with_time(OrrCommandContext *context, OrrTimeUnit unit)
{
    int64_t number;
    int64_t expire_ms;

    if (orr_integer_arg(context, 2, &number) &&
        orr_expire_time(context, number, unit, false, true, &expire_ms) &&
        orr_sizes_fit(context, context->args[1], 0, context->args[3].size)) {
        orr_emit_string(context, context->args[1], context->args[3], expire_ms);
        orr_reply_ok(context->reply);
    }
}

static void
run_setex(OrrCommandContext *context)
{
    set_with_time(context, ORR_UNIT_SECONDS);
}

static void
run_psetex(OrrCommandContext *context)
{
    set_with_time(context, ORR_UNIT_MS);
}

/* Answers with the old value; false: it is no string, or too large a new one. */
static bool
reply_old(OrrCommandContext *context, OrrValue *old, OrrStatus *status)
{
    *status = orr_find_string(context, context->args[1], old);
    if (*status == ORR_REFUSED) {
        return false;
    }
    if (*status == ORR_OK) {
        orr_reply_bulk(context->reply, old->value);
    } else {
        orr_reply_null(context->reply);
    }
    return true;
}

static void
run_getset(OrrCommandContext *context)
{
    OrrValue old;
    OrrStatus status;

    if (orr_sizes_fit(context, context->args[1], 0, context->args[2].size) &&
        reply_old(context, &old, &status)) {
        orr_emit_string(context, context->args[1], context->args[2], ORR_EXPIRE_NEVER);
    }
}

static void
run_getdel(OrrCommandContext *context)
{
    OrrValue old;
    OrrStatus status;

    if (reply_old(context, &old, &status) && status == ORR_OK) {
        orr_emit_delete(context, old.slot, context->args[1]);
    }
}

static void
run_getex(OrrCommandContext *context)
{
    SetOptions options;
    int64_t expire_ms;
    OrrValue old;
    OrrStatus status;

    if (!set_options(context, 2, true, &options, &expire_ms) ||
        !reply_old(context, &old, &status) || status != ORR_OK) {
        return;
    }
    if (options.expires && expire_ms <= context->wall_ms) {
        orr_emit_delete(context, old.slot, context->args[1]);
    } else if (options.expires || (options.persist && old.expire_ms != ORR_EXPIRE_NEVER)) {
        orr_emit_expire(context, old.slot, context->args[1], expire_ms);
    }
}

static void
run_append(OrrCommandContext *context)
{
    OrrBytes key = context->args[1];
    OrrValue old = {.expire_ms = ORR_EXPIRE_NEVER};
    size_t begin = orr_scratch_begin(context);

    if (orr_find_string(context, key, &old) == ORR_REFUSED ||
        !orr_sizes_fit(context, key, 0, old.value.size + context->args[2].size)) {
        return;
    }
    orr_scratch_add(context, old.value);
    orr_scratch_add(context, context->args[2]);

    OrrBytes value = orr_scratch_take(context, begin, NULL);

    if (context->args[2].size > 0 || old.value.size == 0) {
        orr_emit_string(context, key, value, old.expire_ms);
    }
    orr_scratch_end(context, begin);
    orr_reply_integer(context->reply, (int64_t)value.size);
}

static void
run_strlen(OrrCommandContext *context)
{
    OrrValue value = {.value = ORR_BYTES_EMPTY};

    if (orr_find_string(context, context->args[1], &value) != ORR_REFUSED) {
        orr_reply_integer(context->reply, (int64_t)value.value.size);
    }
}

static void
run_getrange(OrrCommandContext *context)
{
    OrrValue value = {.value = ORR_BYTES_EMPTY};
    int64_t start;
    int64_t end;

    if (!orr_integer_arg(context, 2, &start) || !orr_integer_arg(context, 3, &end) ||
        orr_find_string(context, context->args[1], &value) == ORR_REFUSED) {
        return;
    }

    int64_t size = (int64_t)value.value.size;
    bool empty = start < 0 && end < 0 && start > end;

    start = MAX(start < 0 ? start + size : start, 0);
    end = MIN(MAX(end < 0 ? end + size : end, 0), size - 1);
    if (empty || size == 0 || start > end) {
        orr_reply_bulk(context->reply, ORR_BYTES_EMPTY);
    } else {
        orr_reply_bulk(context->reply,
                       orr_bytes(value.value.data + start, (size_t)(end - start + 1)));
    }
}

static void
run_setrange(OrrCommandContext *context)
{
    OrrBytes key = context->args[1];
    OrrBytes part = context->args[3];
    OrrValue old = {.expire_ms = ORR_EXPIRE_NEVER};
    size_t begin = orr_scratch_begin(context);
    int64_t offset;

    if (!orr_integer_arg(context, 2, &offset)) {
        return;
    }
    if (offset < 0) {
        orr_reply_error(context->reply, "ERR offset is out of range");
        return;
    }
    if (orr_find_string(context, key, &old) == ORR_REFUSED) {
        return;
    }
    if (part.size == 0) {
        orr_reply_integer(context->reply, (int64_t)old.value.size);
        return;
    }
    if (offset > (int64_t)ORR_VALUE_SIZE_MAX ||
        !orr_sizes_fit(context, key, 0, (size_t)offset + part.size)) {
        if (offset > (int64_t)ORR_VALUE_SIZE_MAX) {
            orr_reply_error(context->reply, ORR_ERROR_TOO_LARGE);
        }
        return;
    }

    size_t size = MAX(old.value.size, (size_t)offset + part.size);
    uint8_t *bytes;

    orr_scratch_add(context, old.value);
    orr_scratch_add_zeros(context, size - old.value.size);

    OrrBytes value = orr_scratch_take(context, begin, &bytes);

    memcpy(bytes + offset, part.data, part.size);
    orr_emit_string(context, key, value, old.expire_ms);
    orr_scratch_end(context, begin);
    orr_reply_integer(context->reply, (int64_t)size);
}

static void
run_mget(OrrCommandContext *context)
{
    OrrKeyRef keys[ORR_PREFETCH_MAX];
    size_t count = context->arg_count - 1;

    for (size_t i = 0; i < MIN(count, (size_t)ORR_PREFETCH_MAX); i++) {
        keys[i] =
            (OrrKeyRef){context->args[i + 1], orr_key_slot(context, context->args[i + 1])};
    }
    orr_keyspace_prefetch(context->keyspace, keys, count);
    orr_reply_array(context->reply, count);
    for (size_t i = 1; i < context->arg_count; i++) {
        OrrValue value;

        if (orr_find(context, context->args[i], &value) == ORR_OK &&
            value.type == ORR_KEY_STRING) {
            orr_reply_bulk(context->reply, value.value);
        } else {
            orr_reply_null(context->reply);
        }
    }
}

/* Pairs of keys and values; false: not pairs, or too large, and the client is told. */
static bool
pairs_fit(OrrCommandContext *context)
{
    if (context->arg_count % 2 == 0) {
        orr_command_reply_arity(context->reply, context->command);
        return false;
    }
    for (size_t i = 1; i < context->arg_count; i += 2) {
        if (!orr_sizes_fit(context, context->args[i], 0, context->args[i + 1].size)) {
            return false;
        }
    }
    return true;
}

static void
set_pairs(OrrCommandContext *context)
{
    for (size_t i = 1; i < context->arg_count; i += 2) {
        orr_emit_string(context, context->args[i], context->args[i + 1], ORR_EXPIRE_NEVER);
    }
}

static void
run_mset(OrrCommandContext *context)
{
    if (pairs_fit(context)) {
        set_pairs(context);
        orr_reply_ok(context->reply);
    }
}

static void
run_msetnx(OrrCommandContext *context)
{
    OrrValue value;

    if (!pairs_fit(context)) {
        return;
    }
    for (size_t i = 1; i < context->arg_count; i += 2) {
        if (orr_find(context, context->args[i], &value) == ORR_OK) {
            orr_reply_integer(context->reply, 0);
            return;
        }
    }
    set_pairs(context);
    orr_reply_integer(context->reply, 1);
}

#define READ ORR_COMMAND_READONLY
#define WRITE (ORR_COMMAND_WRITE | ORR_COMMAND_DENYOOM)
#define FAST ORR_COMMAND_FAST
#define ROW(name_, arity_, flags_, last_, step_, since_, run_, summary_)                       \
    {                                                                                          \
        .name = name_, .arity = arity_, .flags = flags_, .first_key = 1, .last_key = last_,    \
        .key_step = step_, .group = ORR_GROUP_STRING, .summary = summary_, .since = since_,    \
        .run = run_                                                                            \
    }

const OrrCommand orr_commands_string[] = {
    ROW("append", 3, WRITE | FAST, 1, 1, "2.0.0", run_append, "Adds to the end of a string."),
    ROW("get", 2, READ | FAST, 1, 1, "1.0.0", run_get, "The value of a key."),
    ROW("getdel", 2, ORR_COMMAND_WRITE | FAST, 1, 1, "6.2.0", run_getdel,
        "The value of a key, which is deleted."),
    ROW("getex", -2, ORR_COMMAND_WRITE | FAST, 1, 1, "6.2.0", run_getex,
        "The value of a key, whose expiry is set."),
    ROW("getrange", 4, READ, 1, 1, "2.4.0", run_getrange, "A part of a string."),
    ROW("getset", 3, WRITE | FAST, 1, 1, "1.0.0", run_getset,
        "The old value of a key, which gets a new one."),
    ROW("mget", -2, READ | FAST, -1, 1, "1.0.0", run_mget, "The values of several keys."),
    ROW("mset", -3, WRITE, -1, 2, "1.0.1", run_mset, "Sets several keys."),
    ROW("msetnx", -3, WRITE, -1, 2, "1.0.1", run_msetnx,
        "Sets several keys if none of them is there."),
    ROW("psetex", 4, WRITE, 1, 1, "2.6.0", run_psetex,
        "Sets a key that expires in so many milliseconds."),
    ROW("set", -3, WRITE, 1, 1, "1.0.0", run_set, "Sets a key, under conditions if wanted."),
    ROW("setex", 4, WRITE, 1, 1, "2.0.0", run_setex,
        "Sets a key that expires in so many seconds."),
    ROW("setnx", 3, WRITE | FAST, 1, 1, "1.0.0", run_setnx, "Sets a key if it is not there."),
    ROW("setrange", 4, WRITE, 1, 1, "2.2.0", run_setrange, "Overwrites a part of a string."),
    ROW("strlen", 2, READ | FAST, 1, 1, "2.2.0", run_strlen, "The size of a string."),
    ROW("substr", 4, READ, 1, 1, "1.0.0", run_getrange, "A part of a string."),
    ORR_COMMANDS_END,
};
