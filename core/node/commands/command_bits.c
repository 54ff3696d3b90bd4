/* command_bits.c - strings as rows of bits; bit 0 is the highest of the first byte. */
#include "node/commands/command_util.h"

#include <glib.h>

static bool
bit_offset(OrrCommandContext *context, int64_t *offset)
{
    if (!orr_parse_integer(context->args[2], offset) || *offset < 0 ||
        *offset / 8 >= (int64_t)ORR_VALUE_SIZE_MAX) {
        orr_reply_error(context->reply, "ERR bit offset is not an integer or out of range");
        return false;
    }
    return true;
}

static unsigned
bit_at(OrrBytes value, int64_t offset)
{
    size_t byte = (size_t)(offset / 8);

    return byte < value.size ? value.data[byte] >> (7 - offset % 8) & 1u : 0;
}

static void
run_getbit(OrrCommandContext *context)
{
    OrrValue value = {.value = ORR_BYTES_EMPTY};
    int64_t offset;

    if (bit_offset(context, &offset) &&
        orr_find_string(context, context->args[1], &value) != ORR_REFUSED) {
        orr_reply_integer(context->reply, bit_at(value.value, offset));
    }
}

static void
run_setbit(OrrCommandContext *context)
{
    OrrBytes key = context->args[1];
    OrrValue old = {.expire_ms = ORR_EXPIRE_NEVER};
    size_t begin = orr_scratch_begin(context);
    int64_t offset;
    int64_t bit;
    uint8_t *bytes;

    if (!bit_offset(context, &offset)) {
        return;
    }
    if (!orr_parse_integer(context->args[3], &bit) || (bit & ~INT64_C(1)) != 0) {
        orr_reply_error(context->reply, "ERR bit is not an integer or out of range");
        return;
    }

    size_t byte = (size_t)(offset / 8);

    if (orr_find_string(context, key, &old) == ORR_REFUSED ||
        !orr_sizes_fit(context, key, 0, byte + 1)) {
        return;
    }

    unsigned before = bit_at(old.value, offset);
    unsigned mask = 0x80u >> offset % 8;

    orr_scratch_add(context, old.value);
    if (byte >= old.value.size) {
        orr_scratch_add_zeros(context, byte + 1 - old.value.size);
    }

    OrrBytes value = orr_scratch_take(context, begin, &bytes);

    bytes[byte] = (uint8_t)(bit == 1 ? bytes[byte] | mask : bytes[byte] & ~mask);
    orr_emit_string(context, key, value, old.expire_ms);
    orr_scratch_end(context, begin);
    orr_reply_integer(context->reply, before);
}

/* Bits set from bit `first` to bit `last`, both included. */
static int64_t
count_bits(OrrBytes value, int64_t first, int64_t last)
{
    int64_t count = 0;

    for (; first <= last && first % 8 != 0; first++) {
        count += bit_at(value, first);
    }
    for (; first + 63 <= last; first += 64) {
        uint64_t word;

        memcpy(&word, value.data + first / 8, sizeof word);
        count += __builtin_popcountll(word);
    }
    for (; first <= last; first++) {
        count += bit_at(value, first);
    }
    return count;
}

/* START END [BYTE | BIT]; false: wrong, and the client is told. */
static bool
bit_range(OrrCommandContext *context, size_t size, int64_t *first, int64_t *last)
{
    int64_t unit = 8;
    int64_t start;
    int64_t end;

    if (!orr_integer_arg(context, 2, &start) || !orr_integer_arg(context, 3, &end)) {
        return false;
    }
    if (context->arg_count == 5 && orr_arg_is(context->args[4], "bit")) {
        unit = 1;
    } else if (context->arg_count == 5 && !orr_arg_is(context->args[4], "byte")) {
        orr_reply_error(context->reply, ORR_ERROR_SYNTAX);
        return false;
    }

    int64_t total = (int64_t)size * 8 / unit;
    bool empty = start < 0 && end < 0 && start > end;

    start = MAX(start < 0 ? start + total : start, 0);
    end = MIN(MAX(end < 0 ? end + total : end, 0), total - 1);
    *first = start > end || empty ? 1 : start * unit;
    *last = start > end || empty ? 0 : end * unit + unit - 1;
    return true;
}

static void
run_bitcount(OrrCommandContext *context)
{
    OrrValue value;
    OrrStatus status = orr_find_string(context, context->args[1], &value);
    int64_t first = 0;
    int64_t last;

    if (status == ORR_NOT_FOUND) {
        orr_reply_integer(context->reply, 0);
    }
    if (status != ORR_OK) {
        return;
    }
    last = (int64_t)value.value.size * 8 - 1;
    if (context->arg_count == 3 || context->arg_count > 5) {
        orr_reply_error(context->reply, ORR_ERROR_SYNTAX);
        return;
    }
    if (context->arg_count == 2 || bit_range(context, value.value.size, &first, &last)) {
        orr_reply_integer(context->reply, count_bits(value.value, first, last));
    }
}

/* BITPOS */

/* The first bit from `first` to `last` that is `bit`, or last + 1. */
static int64_t
find_bit(OrrBytes value, unsigned bit, int64_t first, int64_t last)
{
    uint8_t dull = bit == 1 ? 0 : 0xff;

    while (first <= last) {
        if (first % 8 == 0 && first + 7 <= last && value.data[first / 8] == dull) {
            first += 8;
        } else if (bit_at(value, first) == bit) {
            return first;
        } else {
            first++;
        }
    }
    return last + 1;
}

/* [START [END [BYTE | BIT]]] from word 3 on, in bits; false: wrong, and the client is told. */
static bool
search_range(OrrCommandContext *context, size_t size, int64_t *first, int64_t *last)
{
    size_t count = context->arg_count;
    int64_t unit = count == 6 && orr_arg_is(context->args[5], "bit") ? 1 : 8;
    int64_t total = (int64_t)size * 8 / unit;
    int64_t start = 0;
    int64_t end = total - 1;

    if (count > 3 && !orr_integer_arg(context, 3, &start)) {
        return false;
    }
    if (count > 6 || (count == 6 && unit == 8 && !orr_arg_is(context->args[5], "byte"))) {
        orr_reply_error(context->reply, ORR_ERROR_SYNTAX);
        return false;
    }
    if (count > 4 && !orr_integer_arg(context, 4, &end)) {
        return false;
    }
    start = MAX(start < 0 ? start + total : start, 0);
    end = MIN(MAX(end < 0 ? end + total : end, 0), total - 1);
    *first = start > end ? 1 : start * unit;
    *last = start > end ? 0 : end * unit + unit - 1;
    return true;
}

static void
run_bitpos(OrrCommandContext *context)
{
    OrrValue value;
    OrrStatus status;
    int64_t bit;
    int64_t first;
    int64_t last;
    int64_t found;

    if (!orr_integer_arg(context, 2, &bit)) {
        return;
    }
    if (bit != 0 && bit != 1) {
        orr_reply_error(context->reply, "ERR The bit argument must be 1 or 0.");
        return;
    }
    status = orr_find_string(context, context->args[1], &value);
    if (status == ORR_NOT_FOUND) {
        orr_reply_integer(context->reply, bit == 1 ? -1 : 0);
    }
    if (status != ORR_OK || !search_range(context, value.value.size, &first, &last)) {
        return;
    }
    found = first > last ? -1 : find_bit(value.value, (unsigned)bit, first, last);
    /* zeros follow a string that has no end given, and ones do not */
    if (found > last && (bit == 1 || context->arg_count > 4)) {
        found = -1;
    }
    orr_reply_integer(context->reply, found);
}

/* BITOP */

typedef enum BitOperation {
    BIT_AND,
    BIT_OR,
    BIT_XOR,
    BIT_NOT,
} BitOperation;

static bool
bit_operation(OrrCommandContext *context, BitOperation *operation)
{
    static const char *const NAMES[] = {"and", "or", "xor", "not"};

    for (size_t i = 0; i < G_N_ELEMENTS(NAMES); i++) {
        if (orr_arg_is(context->args[1], NAMES[i])) {
            *operation = (BitOperation)i;
            if (*operation == BIT_NOT && context->arg_count != 4) {
                orr_reply_error(context->reply,
                                "ERR BITOP NOT must be called with a single source key.");
                return false;
            }
            return true;
        }
    }
    orr_reply_error(context->reply, ORR_ERROR_SYNTAX);
    return false;
}

static void
combine(uint8_t *result, size_t size, OrrBytes other, BitOperation operation)
{
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = i < other.size ? other.data[i] : 0;

        switch (operation) {
        case BIT_AND:
            result[i] &= byte;
            break;
        case BIT_OR:
            result[i] |= byte;
            break;
        case BIT_XOR:
            result[i] ^= byte;
            break;
        case BIT_NOT:
            result[i] = (uint8_t)~result[i];
            break;
        }
    }
}

static void
run_bitop(OrrCommandContext *context)
{
    size_t begin = orr_scratch_begin(context);
    OrrBytes to = context->args[2];
    OrrValue value = {.value = ORR_BYTES_EMPTY};
    BitOperation operation = BIT_AND;
    size_t size = 0;
    uint8_t *bytes = NULL;

    if (!bit_operation(context, &operation)) {
        return;
    }
    for (size_t i = 3; i < context->arg_count; i++) {
        value.value = ORR_BYTES_EMPTY;
        if (orr_find_string(context, context->args[i], &value) == ORR_REFUSED) {
            return;
        }
        size = MAX(size, value.value.size);
    }
    if (size == 0) {
        if (orr_find(context, to, &value) == ORR_OK) {
            orr_emit_delete(context, value.slot, to);
        }
        orr_reply_integer(context->reply, 0);
        return;
    }
    orr_scratch_add_zeros(context, size);

    OrrBytes result = orr_scratch_take(context, begin, &bytes);

    for (size_t i = 3; i < context->arg_count; i++) {
        value.value = ORR_BYTES_EMPTY;
        (void)orr_keyspace_get(context->keyspace, orr_key_slot(context, context->args[i]),
                               context->args[i], context->wall_ms, &value);
        combine(bytes, size, value.value, i == 3 ? BIT_OR : operation);
    }
    if (operation == BIT_NOT) {
        combine(bytes, size, result, BIT_NOT);
    }
    orr_emit_string(context, to, result, ORR_EXPIRE_NEVER);
    orr_scratch_end(context, begin);
    orr_reply_integer(context->reply, (int64_t)size);
}

#define ROW(name_, arity_, flags_, since_, run_, summary_)                                     \
    {                                                                                          \
        .name = name_, .arity = arity_, .flags = flags_, .first_key = 1, .last_key = 1,        \
        .key_step = 1, .group = ORR_GROUP_BITMAP, .summary = summary_, .since = since_,        \
        .run = run_                                                                            \
    }

const OrrCommand orr_commands_bits[] = {
    ROW("bitcount", -2, ORR_COMMAND_READONLY, "2.6.0", run_bitcount, "Counts bits that are 1."),
    {.name = "bitop",
     .arity = -4,
     .flags = ORR_COMMAND_WRITE | ORR_COMMAND_DENYOOM,
     .first_key = 2,
     .last_key = -1,
     .key_step = 1,
     .group = ORR_GROUP_BITMAP,
     .summary = "Combines strings bit by bit.",
     .since = "2.6.0",
     .run = run_bitop},
    ROW("bitpos", -3, ORR_COMMAND_READONLY, "2.8.7", run_bitpos,
        "Where the first bit is that is 1, or 0."),
    ROW("getbit", 3, ORR_COMMAND_READONLY | ORR_COMMAND_FAST, "2.2.0", run_getbit, "One bit."),
    ROW("setbit", 4, ORR_COMMAND_WRITE | ORR_COMMAND_DENYOOM, "2.2.0", run_setbit,
        "Sets one bit."),
    ORR_COMMANDS_END,
};
