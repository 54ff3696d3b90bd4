#include <orrery/resp.h>

#include "wire/decimal.h"

#include <glib.h>
#include <math.h>

#define ROOM_FIRST 256u
#define QUOTED_MAX 128u /* bytes of what came in that an error repeats */
#define HEADER_SIZE_MAX (1 + ORR_DECIMAL_SIZE_MAX + 2)

struct OrrReply {
    uint8_t *data;
    size_t size;
    size_t room;
    int protocol;
};

OrrReply *
orr_reply_new(void)
{
    OrrReply *self = g_new0(OrrReply, 1);

    self->protocol = 2;
    return self;
}

void
orr_reply_free(OrrReply *reply)
{
    if (reply != NULL) {
        g_free(reply->data);
        g_free(reply);
    }
}

void
orr_reply_clear(OrrReply *reply)
{
    reply->size = 0;
}

void
orr_reply_set_protocol(OrrReply *reply, int protocol)
{
    g_return_if_fail(protocol == 2 || protocol == 3);
    reply->protocol = protocol;
}

int
orr_reply_protocol(const OrrReply *reply)
{
    return reply->protocol;
}

OrrBytes
orr_reply_bytes(const OrrReply *reply)
{
    return orr_bytes(reply->data, reply->size);
}

size_t
orr_reply_size(const OrrReply *reply)
{
    return reply->size;
}

void
orr_reply_truncate(OrrReply *reply, size_t size)
{
    g_return_if_fail(size <= reply->size);
    reply->size = size;
}

static void
grow(OrrReply *self, size_t more)
{
    size_t room = MAX(ROOM_FIRST, self->room * 2);

    self->room = MAX(room, self->size + more);
    self->data = g_realloc(self->data, self->room);
}

/* Room for `more` bytes at the end, which the caller fills and counts. */
static inline uint8_t *
reserve(OrrReply *self, size_t more)
{
    if (self->room - self->size < more) {
        grow(self, more);
    }
    return self->data + self->size;
}

static void
append(OrrReply *self, const void *data, size_t size)
{
    if (size > 0) {
        memcpy(reserve(self, size), data, size);
        self->size += size;
    }
}

static size_t
write_header(uint8_t *at, char type, int64_t value)
{
    size_t digits = orr_decimal_write(value, at + 1);

    at[0] = (uint8_t)type;
    at[digits + 1] = '\r';
    at[digits + 2] = '\n';
    return digits + 3;
}

static void
header(OrrReply *self, char type, int64_t value)
{
    self->size += write_header(reserve(self, HEADER_SIZE_MAX), type, value);
}

static void
line_end(OrrReply *self)
{
    append(self, "\r\n", 2);
}

/* Text of a line: a line end in it would end the reply early. */
static void
append_line_text(OrrReply *self, OrrBytes text)
{
    uint8_t *at = reserve(self, text.size);

    for (size_t i = 0; i < text.size; i++) {
        bool ends = text.data[i] == '\r' || text.data[i] == '\n';

        at[i] = ends ? ' ' : text.data[i];
    }
    self->size += text.size;
}

void
orr_reply_simple(OrrReply *reply, const char *text)
{
    append(reply, "+", 1);
    append_line_text(reply, orr_bytes_of_string(text));
    line_end(reply);
}

void
orr_reply_ok(OrrReply *reply)
{
    append(reply, "+OK\r\n", 5);
}

void
orr_reply_error_bytes(OrrReply *reply, OrrBytes text)
{
    append(reply, "-", 1);
    append_line_text(reply, text);
    line_end(reply);
}

void
orr_reply_error(OrrReply *reply, const char *text)
{
    orr_reply_error_bytes(reply, orr_bytes_of_string(text));
}

void
orr_reply_error_about(OrrReply *reply, const char *before, OrrBytes middle, const char *after)
{
    append(reply, "-", 1);
    append_line_text(reply, orr_bytes_of_string(before));
    append_line_text(reply, orr_bytes(middle.data, MIN(middle.size, QUOTED_MAX)));
    append_line_text(reply, orr_bytes_of_string(after));
    line_end(reply);
}

void
orr_reply_integer(OrrReply *reply, int64_t value)
{
    header(reply, ':', value);
}

static void
bulk_of_type(OrrReply *self, char type, OrrBytes bytes)
{
    uint8_t *start = reserve(self, bytes.size + HEADER_SIZE_MAX + 2);
    uint8_t *at = start + write_header(start, type, (int64_t)bytes.size);

    if (bytes.size > 0) {
        memcpy(at, bytes.data, bytes.size);
        at += bytes.size;
    }
    *at++ = '\r';
    *at++ = '\n';
    self->size += (size_t)(at - start);
}

void
orr_reply_bulk(OrrReply *reply, OrrBytes bytes)
{
    bulk_of_type(reply, '$', bytes);
}

void
orr_reply_bulk_string(OrrReply *reply, const char *text)
{
    orr_reply_bulk(reply, orr_bytes_of_string(text));
}

void
orr_reply_bulk_integer(OrrReply *reply, int64_t value)
{
    uint8_t text[ORR_DECIMAL_SIZE_MAX];

    orr_reply_bulk(reply, orr_bytes(text, orr_decimal_write(value, text)));
}

void
orr_reply_null(OrrReply *reply)
{
    if (reply->protocol == 3) {
        append(reply, "_\r\n", 3);
    } else {
        append(reply, "$-1\r\n", 5);
    }
}

void
orr_reply_null_array(OrrReply *reply)
{
    if (reply->protocol == 3) {
        append(reply, "_\r\n", 3);
    } else {
        append(reply, "*-1\r\n", 5);
    }
}

void
orr_reply_bool(OrrReply *reply, bool value)
{
    if (reply->protocol == 3) {
        append(reply, value ? "#t\r\n" : "#f\r\n", 4);
    } else {
        orr_reply_integer(reply, value ? 1 : 0);
    }
}

/* Writes `value` as the shortest decimal text that reads back as it. */
static void
format_double(double value, char *text, int size)
{
    static const char *const FORMATS[] = {"%.1g",  "%.2g",  "%.3g",  "%.4g",  "%.5g",  "%.6g",
                                          "%.7g",  "%.8g",  "%.9g",  "%.10g", "%.11g", "%.12g",
                                          "%.13g", "%.14g", "%.15g", "%.16g", "%.17g"};
    enum { COUNT = G_N_ELEMENTS(FORMATS) };
    int first = 0;

    if (isnan(value)) {
        strcpy(text, "nan");
        return;
    }
    if (isinf(value)) {
        strcpy(text, value > 0 ? "inf" : "-inf");
        return;
    }
    if (fabs(value) < 1e15 && value == floor(value)) {
        first = 14; /* %g of fewer digits than the integer has would give an exponent */
    }
    for (int i = first; i < COUNT; i++) {
        g_ascii_formatd(text, size, FORMATS[i], value);
        if (g_ascii_strtod(text, NULL) == value) {
            return;
        }
    }
}

void
orr_reply_double(OrrReply *reply, double value)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];

    format_double(value, text, (int)sizeof text);
    if (reply->protocol == 3) {
        append(reply, ",", 1);
        append(reply, text, strlen(text));
        line_end(reply);
    } else {
        orr_reply_bulk_string(reply, text);
    }
}

void
orr_reply_verbatim(OrrReply *reply, const char *format, OrrBytes bytes)
{
    g_return_if_fail(strlen(format) == 3);
    if (reply->protocol != 3) {
        orr_reply_bulk(reply, bytes);
        return;
    }
    header(reply, '=', (int64_t)bytes.size + 4);
    append(reply, format, 3);
    append(reply, ":", 1);
    append(reply, bytes.data, bytes.size);
    line_end(reply);
}

void
orr_reply_array(OrrReply *reply, size_t count)
{
    header(reply, '*', (int64_t)count);
}

static size_t
write_map_header(const OrrReply *self, uint8_t *at, size_t count)
{
    return self->protocol == 3 ? write_header(at, '%', (int64_t)count)
                               : write_header(at, '*', (int64_t)(count * 2));
}

void
orr_reply_map(OrrReply *reply, size_t count)
{
    uint8_t *at = reserve(reply, HEADER_SIZE_MAX);

    reply->size += write_map_header(reply, at, count);
}

void
orr_reply_set(OrrReply *reply, size_t count)
{
    header(reply, reply->protocol == 3 ? '~' : '*', (int64_t)count);
}

void
orr_reply_push(OrrReply *reply, size_t count)
{
    header(reply, reply->protocol == 3 ? '>' : '*', (int64_t)count);
}

static void
insert(OrrReply *self, size_t at, const uint8_t *text, size_t size)
{
    g_return_if_fail(at <= self->size);
    reserve(self, size);
    memmove(self->data + at + size, self->data + at, self->size - at);
    memcpy(self->data + at, text, size);
    self->size += size;
}

void
orr_reply_insert_array(OrrReply *reply, size_t at, size_t count)
{
    uint8_t text[HEADER_SIZE_MAX];

    insert(reply, at, text, write_header(text, '*', (int64_t)count));
}

void
orr_reply_insert_map(OrrReply *reply, size_t at, size_t count)
{
    uint8_t text[HEADER_SIZE_MAX];

    insert(reply, at, text, write_map_header(reply, text, count));
}

void
orr_reply_raw(OrrReply *reply, OrrBytes bytes)
{
    append(reply, bytes.data, bytes.size);
}

void
orr_reply_insert_raw(OrrReply *reply, size_t at, OrrBytes bytes)
{
    insert(reply, at, bytes.data, bytes.size);
}
