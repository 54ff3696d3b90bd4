#include "node/commands/command_util.h"

#include <orrery/slots.h>

#include <glib.h>

bool
orr_arg_is(OrrBytes word, const char *text)
{
    return strlen(text) == word.size &&
           g_ascii_strncasecmp((const char *)word.data, text, word.size) == 0;
}

uint16_t
orr_key_slot(const OrrCommandContext *context, OrrBytes key)
{
    const OrrCommand *command = context->command;

    if (context->slot_known && command->first_key > 0 &&
        key.data == context->args[command->first_key].data) {
        return context->slot;
    }
    return orr_slot_of_key(key);
}

bool
orr_hashes_are_spread(const OrrCommandContext *context)
{
    return context->hash_slot_by == ORR_HASH_SLOT_BY_FIELD;
}

uint16_t
orr_field_slot(const OrrCommandContext *context, OrrBytes key, OrrBytes field)
{
    return orr_hashes_are_spread(context) ? orr_slot_of_key(field) : orr_key_slot(context, key);
}

OrrStatus
orr_find_in(OrrCommandContext *context, uint16_t slot, OrrBytes key, OrrValue *value)
{
    OrrStatus status = orr_keyspace_read(context->keyspace, slot, key, context->wall_ms, value);
    OrrValue expired;

    context->hits += status == ORR_OK;
    context->misses += status != ORR_OK;
    if (status == ORR_NOT_FOUND && context->primary &&
        orr_keyspace_count_expiring(context->keyspace) > 0 &&
        orr_keyspace_get(context->keyspace, slot, key, ORR_ANY_TIME, &expired) == ORR_OK) {
        orr_emit_delete(context, slot, key);
        context->expired++;
    }
    return status;
}

OrrStatus
orr_find(OrrCommandContext *context, OrrBytes key, OrrValue *value)
{
    return orr_find_in(context, orr_key_slot(context, key), key, value);
}

OrrStatus
orr_find_string(OrrCommandContext *context, OrrBytes key, OrrValue *value)
{
    OrrStatus status = orr_find(context, key, value);

    if (status == ORR_OK && value->type != ORR_KEY_STRING) {
        orr_reply_error(context->reply, ORR_ERROR_WRONGTYPE);
        return ORR_REFUSED;
    }
    return status;
}

bool
orr_sizes_fit(OrrCommandContext *context, OrrBytes key, size_t field_size, size_t value_size)
{
    if (value_size > ORR_VALUE_SIZE_MAX) {
        orr_reply_error(context->reply, ORR_ERROR_TOO_LARGE);
        return false;
    }
    if (key.size > ORR_KEY_SIZE_MAX || field_size > ORR_KEY_SIZE_MAX) {
        orr_reply_error(context->reply, "ERR key or field name is too long");
        return false;
    }
    return true;
}

size_t
orr_scratch_begin(OrrCommandContext *context)
{
    return orr_reply_size(context->reply);
}

void
orr_scratch_add(OrrCommandContext *context, OrrBytes bytes)
{
    orr_reply_raw(context->reply, bytes);
}

void
orr_scratch_add_zeros(OrrCommandContext *context, size_t count)
{
    static const uint8_t ZEROS[4096];

    while (count > 0) {
        size_t size = MIN(count, sizeof ZEROS);

        orr_reply_raw(context->reply, orr_bytes(ZEROS, size));
        count -= size;
    }
}

OrrBytes
orr_scratch_take(OrrCommandContext *context, size_t begin, uint8_t **writable)
{
    OrrBytes all = orr_reply_bytes(context->reply);
    OrrBytes taken = {NULL, 0};

    if (all.size > begin) {
        taken = orr_bytes(all.data + begin, all.size - begin);
    }
    if (writable != NULL) {
        *writable = (uint8_t *)(uintptr_t)taken.data; /* the reply's own memory */
    }
    return taken;
}

void
orr_scratch_end(OrrCommandContext *context, size_t begin)
{
    orr_reply_truncate(context->reply, begin);
}

static void
emit(OrrCommandContext *context, const OrrRecord *record)
{
    context->emit(context, record);
}

void
orr_emit_string(OrrCommandContext *context, OrrBytes key, OrrBytes value, int64_t expire_ms)
{
    OrrRecord record = {.kind = ORR_RECORD_STRING,
                        .slot = orr_key_slot(context, key),
                        .expire_ms = expire_ms,
                        .key = key,
                        .value = value};

    emit(context, &record);
}

void
orr_emit_field(OrrCommandContext *context, uint16_t slot, OrrBytes key, OrrBytes field,
               OrrBytes value, int64_t expire_ms)
{
    OrrRecord record = {.kind = ORR_RECORD_HASH_FIELD,
                        .slot = slot,
                        .expire_ms = expire_ms,
                        .key = key,
                        .field = field,
                        .value = value};

    emit(context, &record);
}

void
orr_emit_delete_field(OrrCommandContext *context, uint16_t slot, OrrBytes key, OrrBytes field)
{
    OrrRecord record = {
        .kind = ORR_RECORD_DELETE_FIELD, .slot = slot, .key = key, .field = field};

    emit(context, &record);
}

void
orr_emit_delete(OrrCommandContext *context, uint16_t slot, OrrBytes key)
{
    OrrRecord record = {.kind = ORR_RECORD_DELETE, .slot = slot, .key = key};

    emit(context, &record);
}

void
orr_emit_expire(OrrCommandContext *context, uint16_t slot, OrrBytes key, int64_t expire_ms)
{
    OrrRecord record = {
        .kind = ORR_RECORD_EXPIRE, .slot = slot, .key = key, .expire_ms = expire_ms};

    emit(context, &record);
}

bool
orr_parse_integer(OrrBytes text, int64_t *number)
{
    const uint8_t *at = text.data;
    size_t size = text.size;
    bool negative = size > 0 && at[0] == '-';
    uint64_t value = 0;

    at += negative;
    size -= negative;
    if (size == 0 || size > 19 || (at[0] == '0' && (size > 1 || negative))) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        unsigned digit = at[i] - (unsigned)'0';

        if (digit > 9) {
            return false;
        }
        value = value * 10 + digit;
    }
    if (value > (uint64_t)INT64_MAX + negative) {
        return false;
    }
    *number = (int64_t)(negative ? -value : value);
    return true;
}

bool
orr_integer_arg(OrrCommandContext *context, size_t index, int64_t *number)
{
    if (!orr_parse_integer(context->args[index], number)) {
        orr_reply_error(context->reply, ORR_ERROR_NOT_INTEGER);
        return false;
    }
    return true;
}

size_t
orr_format_integer(int64_t number, char *text)
{
    char digits[ORR_INTEGER_TEXT_SIZE];
    size_t at = sizeof digits;
    uint64_t value = number < 0 ? -(uint64_t)number : (uint64_t)number;

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    if (number < 0) {
        digits[--at] = '-';
    }
    memcpy(text, digits + at, sizeof digits - at);
    return sizeof digits - at;
}

/* A character class, from behind its '['; *at is moved behind its ']'. */
static bool
class_matches(OrrBytes pattern, size_t *at, uint8_t c)
{
    bool negated = *at < pattern.size && pattern.data[*at] == '^';
    bool found = false;

    *at += negated;
    while (*at < pattern.size && pattern.data[*at] != ']') {
        const uint8_t *p = pattern.data + *at;
        size_t left = pattern.size - *at;

        if (p[0] == '\\' && left >= 2) {
            found |= p[1] == c;
            *at += 2;
        } else if (left >= 3 && p[1] == '-') {
            found |= c >= MIN(p[0], p[2]) && c <= MAX(p[0], p[2]);
            *at += 3;
        } else {
            found |= p[0] == c;
            *at += 1;
        }
    }
    *at += *at < pattern.size;
    return found != negated;
}

/* One character of the text against the pattern at *at (not a star), which moves on. */
static bool
one_matches(OrrBytes pattern, size_t *at, uint8_t c)
{
    uint8_t p = pattern.data[*at];

    *at += 1;
    if (p == '?') {
        return true;
    }
    if (p == '[') {
        return class_matches(pattern, at, c);
    }
    if (p == '\\' && *at < pattern.size) {
        p = pattern.data[*at];
        *at += 1;
    }
    return p == c;
}

bool
orr_glob_matches(OrrBytes pattern, OrrBytes text)
{
    size_t p = 0;
    size_t t = 0;
    size_t star = SIZE_MAX; /* behind the last star, where to go on when what follows fails */
    size_t star_text = 0;

    while (t < text.size) {
        if (p < pattern.size && pattern.data[p] == '*') {
            star = ++p;
            star_text = t;
        } else if (p < pattern.size && one_matches(pattern, &p, text.data[t])) {
            t++;
        } else if (star != SIZE_MAX) {
            p = star;
            t = ++star_text;
        } else {
            return false;
        }
    }
    while (p < pattern.size && pattern.data[p] == '*') {
        p++;
    }
    return p == pattern.size;
}

bool
orr_glob_matches_any_case(OrrBytes pattern, OrrBytes text)
{
    g_autofree char *p = g_ascii_strdown((const char *)pattern.data, (gssize)pattern.size);
    g_autofree char *t = g_ascii_strdown((const char *)text.data, (gssize)text.size);

    return orr_glob_matches(orr_bytes(p, pattern.size), orr_bytes(t, text.size));
}

bool
orr_expire_time(OrrCommandContext *context, int64_t number, OrrTimeUnit unit, bool absolute,
                bool positive, int64_t *expire_ms)
{
    int64_t scale = unit == ORR_UNIT_SECONDS ? 1000 : 1;
    int64_t base = absolute ? 0 : context->wall_ms;

    if ((positive && number <= 0) || number > INT64_MAX / scale || number < INT64_MIN / scale ||
        (number > 0 && number * scale > INT64_MAX - base)) {
        orr_reply_error_about(context->reply, "ERR invalid expire time in '",
                              orr_bytes_of_string(context->command->name), "' command");
        return false;
    }
    /* 0 means "never" in records; whatever is that old is gone anyway */
    *expire_ms = MAX(base + number * scale, INT64_C(1));
    return true;
}

bool
orr_cursor_arg(OrrCommandContext *context, size_t index, uint64_t *cursor)
{
    OrrBytes text = context->args[index];
    bool valid = text.size > 0 && text.size <= 20;

    *cursor = 0;
    for (size_t i = 0; i < text.size && valid; i++) {
        unsigned digit = text.data[i] - (unsigned)'0';

        valid = digit <= 9;
        *cursor = *cursor * 10 + digit;
    }
    if (!valid) {
        orr_reply_error(context->reply, "ERR invalid cursor");
    }
    return valid;
}

void
orr_insert_cursor(OrrCommandContext *context, size_t head, uint64_t cursor)
{
    char digits[ORR_INTEGER_TEXT_SIZE];
    char text[2 * ORR_INTEGER_TEXT_SIZE];
    size_t size = orr_format_integer((int64_t)cursor, digits);
    gint written = g_snprintf(text, sizeof text, "*2\r\n$%u\r\n%.*s\r\n", (unsigned)size,
                              (int)size, digits);

    orr_reply_insert_raw(context->reply, head, orr_bytes(text, (size_t)written));
}

bool
orr_scan_options(OrrCommandContext *context, size_t from, bool with_type,
                 OrrScanOptions *options)
{
    *options = (OrrScanOptions){.count = 10};
    for (size_t i = from; i < context->arg_count; i += 2) {
        OrrBytes word = context->args[i];
        bool has_value = i + 1 < context->arg_count;
        int64_t count;

        if (has_value && orr_arg_is(word, "count")) {
            if (!orr_integer_arg(context, i + 1, &count)) {
                return false;
            }
            if (count < 1) {
                orr_reply_error(context->reply, ORR_ERROR_SYNTAX);
                return false;
            }
            options->count = (size_t)count;
        } else if (has_value && orr_arg_is(word, "match")) {
            options->pattern = context->args[i + 1];
            options->has_pattern = !orr_bytes_equal(options->pattern, orr_bytes_of_string("*"));
        } else if (has_value && with_type && orr_arg_is(word, "type")) {
            options->type = context->args[i + 1];
        } else {
            orr_reply_error(context->reply, ORR_ERROR_SYNTAX);
            return false;
        }
    }
    return true;
}
