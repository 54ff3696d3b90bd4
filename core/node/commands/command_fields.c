/* command_fields.c - all fields of a hash: HGETALL, HSCAN, HRANDFIELD. With `hash-slot-by:
 * field` the node refuses these before they come here. */
#include "node/commands/command_util.h"

#include <glib.h>

static OrrStatus
find_hash(OrrCommandContext *context, OrrValue *hash)
{
    OrrStatus status = orr_find(context, context->args[1], hash);

    if (status == ORR_OK && hash->type != ORR_KEY_HASH) {
        orr_reply_error(context->reply, ORR_ERROR_WRONGTYPE);
        return ORR_REFUSED;
    }
    return status;
}

typedef struct Listing {
    OrrReply *reply;
    bool names;
    bool values;
    bool pairs; /* each in an array of its own */
    size_t count;
    const OrrScanOptions *options; /* or NULL */
} Listing;

static bool
list_field(const OrrValue *field, void *context)
{
    Listing *listing = context;

    if (listing->options != NULL && listing->options->has_pattern &&
        !orr_glob_matches(listing->options->pattern, field->key)) {
        return true;
    }
    if (listing->pairs) {
        orr_reply_array(listing->reply, 2);
    }
    if (listing->names) {
        orr_reply_bulk(listing->reply, field->key);
    }
    if (listing->values) {
        orr_reply_bulk(listing->reply, field->value);
    }
    listing->count++;
    return true;
}

static void
list_all(OrrCommandContext *context, bool names, bool values)
{
    Listing listing = {.reply = context->reply, .names = names, .values = values};
    OrrValue hash = {.field_count = 0};
    OrrStatus status = find_hash(context, &hash);

    if (status == ORR_REFUSED) {
        return;
    }
    if (names && values) {
        orr_reply_map(context->reply, hash.field_count);
    } else {
        orr_reply_array(context->reply, hash.field_count);
    }
    if (status == ORR_OK) {
        (void)orr_keyspace_scan_fields(context->keyspace, hash.slot, context->args[1], 0,
                                       SIZE_MAX, list_field, &listing);
    }
}

static void
run_hgetall(OrrCommandContext *context)
{
    list_all(context, true, true);
}

static void
run_hkeys(OrrCommandContext *context)
{
    list_all(context, true, false);
}

static void
run_hvals(OrrCommandContext *context)
{
    list_all(context, false, true);
}

static void
run_hlen(OrrCommandContext *context)
{
    OrrValue hash = {.field_count = 0};

    if (find_hash(context, &hash) != ORR_REFUSED) {
        orr_reply_integer(context->reply, (int64_t)hash.field_count);
    }
}

static void
run_hscan(OrrCommandContext *context)
{
    OrrScanOptions options;
    OrrValue hash;
    uint64_t cursor;

    if (!orr_cursor_arg(context, 2, &cursor) ||
        !orr_scan_options(context, 3, false, &options)) {
        return;
    }

    OrrStatus status = find_hash(context, &hash);

    if (status == ORR_REFUSED) {
        return;
    }

    Listing listing = {
        .reply = context->reply, .names = true, .values = true, .options = &options};
    size_t head = orr_reply_size(context->reply);

    /* the elements first, then what goes before them: the cursor is known only afterwards */
    cursor = status == ORR_OK
                 ? orr_keyspace_scan_fields(context->keyspace, hash.slot, context->args[1],
                                            cursor, options.count, list_field, &listing)
                 : 0;
    orr_reply_insert_array(context->reply, head, 2 * listing.count);
    orr_insert_cursor(context, head, cursor);
}

/* Without repetition: each field is taken with the chance that still as many are wanted as
 * makes the choice fair (selection sampling, Knuth 3.4.2 algorithm S). */
typedef struct Sample {
    Listing listing;
    OrrRng *rng;
    uint64_t left;   /* fields not yet seen */
    uint64_t wanted; /* fields still to be taken */
} Sample;

static bool
sample_field(const OrrValue *field, void *context)
{
    Sample *sample = context;

    if (orr_rng_below(sample->rng, sample->left--) < sample->wanted) {
        sample->wanted--;
        (void)list_field(field, &sample->listing);
    }
    return sample->wanted > 0;
}

static void
reply_random_fields(OrrCommandContext *context, const OrrValue *hash, int64_t count,
                    bool values)
{
    bool pairs = values && orr_reply_protocol(context->reply) >= 3;
    uint64_t wanted = count < 0 ? -(uint64_t)count : MIN((uint64_t)count, hash->field_count);
    Sample sample = {
        .listing = {.reply = context->reply, .names = true, .values = values, .pairs = pairs},
        .rng = context->rng,
        .left = hash->field_count,
        .wanted = wanted};

    orr_reply_array(context->reply, wanted * (values && !pairs ? 2 : 1));
    if (count > 0) {
        (void)orr_keyspace_scan_fields(context->keyspace, hash->slot, context->args[1], 0,
                                       SIZE_MAX, sample_field, &sample);
    }
    for (; count < 0 && wanted > 0; wanted--) {
        OrrValue field;

        if (orr_keyspace_random_field(context->keyspace, hash->slot, context->args[1],
                                      context->rng, &field) == ORR_OK) {
            (void)list_field(&field, &sample.listing);
        }
    }
}

#define RANDOM_FIELDS_MAX (INT64_C(1) << 20) /* of one call: the reply is in memory */

static void
run_hrandfield(OrrCommandContext *context)
{
    OrrValue hash;
    OrrValue field;
    int64_t count = 0;

    if (context->arg_count > 2 && !orr_integer_arg(context, 2, &count)) {
        return;
    }
    if (count == INT64_MIN) {
        orr_reply_error(context->reply,
                        "ERR value is out of range, value must between -9223372036854775807 "
                        "and 9223372036854775807");
        return;
    }
    if (count < -RANDOM_FIELDS_MAX) {
        orr_reply_error(context->reply, "ERR value is out of range");
        return;
    }
    if (context->arg_count > 4 ||
        (context->arg_count == 4 && !orr_arg_is(context->args[3], "withvalues"))) {
        orr_reply_error(context->reply, ORR_ERROR_SYNTAX);
        return;
    }

    OrrStatus status = find_hash(context, &hash);

    if (status == ORR_REFUSED) {
        return;
    }
    if (context->arg_count > 2 && status == ORR_OK) {
        reply_random_fields(context, &hash, count, context->arg_count == 4);
    } else if (context->arg_count > 2) {
        orr_reply_array(context->reply, 0);
    } else if (status == ORR_OK &&
               orr_keyspace_random_field(context->keyspace, hash.slot, context->args[1],
                                         context->rng, &field) == ORR_OK) {
        orr_reply_bulk(context->reply, field.key);
    } else {
        orr_reply_null(context->reply);
    }
}

#define ROW(name_, arity_, flags_, since_, run_, summary_)                                     \
    {                                                                                          \
        .name = name_, .arity = arity_, .flags = ORR_COMMAND_READONLY | (flags_),              \
        .first_key = 1, .last_key = 1, .key_step = 1, .group = ORR_GROUP_HASH,                 \
        .summary = summary_, .since = since_, .run = run_                                      \
    }

const OrrCommand orr_commands_fields[] = {
    ROW("hgetall", 2, 0, "2.0.0", run_hgetall, "All fields and values."),
    ROW("hkeys", 2, 0, "2.0.0", run_hkeys, "All fields."),
    ROW("hlen", 2, ORR_COMMAND_FAST, "2.0.0", run_hlen, "How many fields there are."),
    ROW("hrandfield", -2, 0, "6.2.0", run_hrandfield, "Fields chosen by chance."),
    ROW("hscan", -3, 0, "2.8.0", run_hscan, "Fields and values, some at a time."),
    ROW("hvals", 2, 0, "2.0.0", run_hvals, "All values."),
    ORR_COMMANDS_END,
};
