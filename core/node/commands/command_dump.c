/* command_dump.c - DUMP and RESTORE: values in the form in which Redis exchanges them, so that
 * nodes of other kinds can be filled from here, and this one from them. */
#include "data/rdb.h"
#include "node/clients/client.h"
#include "node/commands/command_util.h"

/* DUMP */

static bool
dump_field(const OrrValue *field, void *context)
{
    orr_rdb_put_string(context, field->key);
    orr_rdb_put_string(context, field->value);
    return true;
}

static bool
count_field(const OrrValue *field, void *context)
{
    (void)field;
    ++*(uint64_t *)context;
    return true;
}

static void
dump_hash(OrrCommandContext *context, const OrrValue *hash, GByteArray *out)
{
    uint64_t count = 0;

    orr_rdb_begin(out, ORR_RDB_HASH);
    (void)orr_keyspace_scan_fields(context->keyspace, hash->slot, context->args[1], 0, SIZE_MAX,
                                   count_field, &count);
    orr_rdb_put_length(out, count);
    (void)orr_keyspace_scan_fields(context->keyspace, hash->slot, context->args[1], 0, SIZE_MAX,
                                   dump_field, out);
}

static void
run_dump(OrrCommandContext *context)
{
    g_autoptr(GByteArray) out = NULL;
    OrrValue value;

    if (orr_find(context, context->args[1], &value) != ORR_OK) {
        orr_reply_null(context->reply);
        return;
    }
    out = g_byte_array_new();
    if (value.type == ORR_KEY_STRING) {
        orr_rdb_begin(out, ORR_RDB_STRING);
        orr_rdb_put_string(out, value.value);
    } else {
        dump_hash(context, &value, out);
    }
    orr_rdb_end(out, 0);
    orr_reply_bulk(context->reply, orr_bytes(out->data, out->len));
}

/* RESTORE */

typedef struct Restore {
    OrrCommandContext *context;
    OrrBytes key;
    uint16_t slot;
    int64_t expire_ms;
    bool replace;
    bool absolute;
    bool fits; /* all strings are small enough */
} Restore;

static bool
number_option(OrrCommandContext *context, size_t index, int64_t max, const char *error)
{
    int64_t number;

    if (!orr_integer_arg(context, index, &number)) {
        return false;
    }
    if (number < 0 || number > max) {
        orr_reply_error(context->reply, error);
        return false;
    }
    return true;
}

/* False: wrong, and the client is told. When a key was used is not kept by the second. */
static bool
read_options(OrrCommandContext *context, Restore *wish)
{
    for (size_t i = 4; i < context->arg_count; i++) {
        bool more = i + 1 < context->arg_count;

        if (orr_arg_is(context->args[i], "replace")) {
            wish->replace = true;
        } else if (orr_arg_is(context->args[i], "absttl")) {
            wish->absolute = true;
        } else if (orr_arg_is(context->args[i], "idletime") && more) {
            if (!number_option(context, ++i, INT64_MAX,
                               "ERR Invalid IDLETIME value, must be >= 0")) {
                return false;
            }
        } else if (orr_arg_is(context->args[i], "freq") && more) {
            if (!number_option(context, ++i, 255,
                               "ERR Invalid FREQ value, must be >= 0 and <= 255")) {
                return false;
            }
        } else {
            orr_reply_error(context->reply, ORR_ERROR_SYNTAX);
            return false;
        }
    }
    return true;
}

static bool
read_ttl(OrrCommandContext *context, Restore *wish)
{
    int64_t ttl;

    if (!orr_integer_arg(context, 2, &ttl)) {
        return false;
    }
    if (ttl < 0 || (!wish->absolute && ttl > INT64_MAX - context->wall_ms)) {
        orr_reply_error(context->reply, "ERR Invalid TTL value, must be >= 0");
        return false;
    }
    wish->expire_ms = ttl == 0         ? ORR_EXPIRE_NEVER
                      : wish->absolute ? ttl
                                       : context->wall_ms + ttl;
    return true;
}

static void
measure_string(void *context, OrrBytes value)
{
    Restore *wish = context;

    wish->fits = wish->fits && value.size <= ORR_VALUE_SIZE_MAX;
}

static void
measure_field(void *context, OrrBytes name, OrrBytes value)
{
    Restore *wish = context;

    wish->fits =
        wish->fits && name.size <= ORR_KEY_SIZE_MAX && value.size <= ORR_VALUE_SIZE_MAX;
}

static void
take_string(void *context, OrrBytes value)
{
    const Restore *wish = context;

    orr_emit_string(wish->context, wish->key, value, wish->expire_ms);
}

static void
take_field(void *context, OrrBytes name, OrrBytes value)
{
    const Restore *wish = context;

    orr_emit_field(wish->context, wish->slot, wish->key, name, value, wish->expire_ms);
}

/* Everything that can be wrong with the payload, before anything is changed. */
static bool
payload_is_good(OrrCommandContext *context, Restore *wish)
{
    OrrRdbSink measure = {wish, measure_string, measure_field};

    wish->fits = wish->key.size <= ORR_KEY_SIZE_MAX;
    if (orr_rdb_verify(context->args[3]) != ORR_OK) {
        orr_reply_error(context->reply, "ERR DUMP payload version or checksum are wrong");
        return false;
    }
    if (orr_rdb_read(context->args[3], &measure) != ORR_OK) {
        orr_reply_error(context->reply, "ERR Bad data format");
        return false;
    }
    if (!wish->fits) {
        orr_reply_error(context->reply, ORR_ERROR_TOO_LARGE);
        return false;
    }
    if (orr_hashes_are_spread(context) && context->args[3].data[0] != ORR_RDB_STRING) {
        orr_reply_error(context->reply, "ERR the fields of this hash are spread over the "
                                        "cluster (hash-slot-by: field); write them by HSET");
        return false;
    }
    return true;
}

static void
restore(OrrCommandContext *context, Restore *wish, bool exists)
{
    OrrNode *node = orr_command_node(context);
    OrrRdbSink take = {wish, take_string, take_field};
    bool gone = wish->expire_ms != ORR_EXPIRE_NEVER && wish->expire_ms <= context->wall_ms;

    orr_node_group_begin(node);
    if (exists) {
        orr_emit_delete(context, wish->slot, wish->key);
    }
    if (!gone) {
        OrrStatus status = orr_rdb_read(context->args[3], &take);

        g_assert(status == ORR_OK); /* it was read before */
    }
    orr_node_group_end(node, node->out);
}

static void
run_restore(OrrCommandContext *context)
{
    Restore wish = {.context = context, .key = context->args[1]};
    OrrValue value;
    bool exists;

    if (!read_options(context, &wish) || !read_ttl(context, &wish)) {
        return;
    }
    wish.slot = orr_key_slot(context, wish.key);
    exists = orr_find(context, wish.key, &value) == ORR_OK;
    if (exists && !wish.replace) {
        orr_reply_error(context->reply, "BUSYKEY Target key name already exists.");
        return;
    }
    if (payload_is_good(context, &wish)) {
        restore(context, &wish, exists);
        orr_reply_ok(context->reply);
    }
}

const OrrCommand orr_commands_dump[] = {
    {.name = "dump",
     .arity = 2,
     .flags = ORR_COMMAND_READONLY,
     .first_key = 1,
     .last_key = 1,
     .key_step = 1,
     .group = ORR_GROUP_GENERIC,
     .summary = "A value in the form that RESTORE reads.",
     .since = "2.6.0",
     .run = run_dump},
    {.name = "restore",
     .arity = -4,
     .flags = ORR_COMMAND_WRITE | ORR_COMMAND_DENYOOM,
     .first_key = 1,
     .last_key = 1,
     .key_step = 1,
     .group = ORR_GROUP_GENERIC,
     .summary = "Creates a key from what DUMP gave.",
     .since = "2.6.0",
     .run = run_restore},
    {.name = "restore-asking",
     .arity = -4,
     .flags = ORR_COMMAND_WRITE | ORR_COMMAND_DENYOOM | ORR_COMMAND_ASKING,
     .first_key = 1,
     .last_key = 1,
     .key_step = 1,
     .group = ORR_GROUP_SERVER,
     .summary = "RESTORE, into a slot that is on its way here.",
     .since = "3.0.0",
     .run = run_restore},
    ORR_COMMANDS_END,
};
