#include <orrery/record.h>
#include <orrery/resp.h>

#include "wire/decimal.h"

#include <glib.h>

#define ARGS_MAX_REDIS ((size_t)1024 * 1024)
#define ROOM_FIRST 8u  /* words */
#define ROOM_KEPT 1024 /* words that a new connection inherits at most */
#define BULK_END_SIZE 2u
#define BULK_UNKNOWN SIZE_MAX

struct OrrRequestParser {
    OrrRequestLimits limits;
    OrrBytes *args; /* sizes while words are read; data when the command is whole */
    size_t *starts; /* of each word in the stream: the bytes may move between calls */
    size_t room;    /* of both */
    size_t arg_count;
    size_t offset;  /* understood so far */
    size_t scanned; /* no line end up to here */
    size_t missing; /* words still to come of "*n"; 0: no command begun */
    size_t bulk;    /* size of the word at `offset`, or BULK_UNKNOWN */
    size_t wanted;
    uint8_t *unquoted; /* words of inline commands whose quotes were taken off */
    size_t unquoted_room;
    char error[64];
};

OrrRequestLimits
orr_request_limits_default(void)
{
    return (OrrRequestLimits){.args_max = ARGS_MAX_REDIS,
                              .bulk_max = (size_t)ORR_VALUE_SIZE_MAX + ORR_KEY_SIZE_MAX};
}

OrrRequestParser *
orr_request_parser_new(const OrrRequestLimits *limits)
{
    OrrRequestParser *self = g_new0(OrrRequestParser, 1);

    self->limits = limits != NULL ? *limits : orr_request_limits_default();
    orr_request_parser_reset(self);
    return self;
}

void
orr_request_parser_limit(OrrRequestParser *parser, const OrrRequestLimits *limits)
{
    g_return_if_fail(parser != NULL && limits != NULL);
    parser->limits = *limits;
}

void
orr_request_parser_free(OrrRequestParser *parser)
{
    if (parser != NULL) {
        g_free(parser->args);
        g_free(parser->starts);
        g_free(parser->unquoted);
        g_free(parser);
    }
}

static void
begin(OrrRequestParser *self)
{
    self->arg_count = 0;
    self->offset = 0;
    self->scanned = 0;
    self->missing = 0;
    self->bulk = BULK_UNKNOWN;
    self->wanted = 1;
}

void
orr_request_parser_reset(OrrRequestParser *parser)
{
    g_return_if_fail(parser != NULL);
    begin(parser);
    if (parser->room > ROOM_KEPT) {
        g_clear_pointer(&parser->args, g_free);
        g_clear_pointer(&parser->starts, g_free);
        parser->room = 0;
    }
}

size_t
orr_request_parser_wanted(const OrrRequestParser *parser)
{
    g_return_val_if_fail(parser != NULL, 1);
    return parser->wanted;
}

static OrrStatus
fail(OrrRequestParser *self, OrrRequest *request, const char *why)
{
    begin(self);
    request->error = why;
    return ORR_MALFORMED;
}

static void
add_word(OrrRequestParser *self, size_t start, size_t size)
{
    if (self->arg_count == self->room) {
        self->room = MAX(ROOM_FIRST, self->room * 2);
        self->args = g_renew(OrrBytes, self->args, self->room);
        self->starts = g_renew(size_t, self->starts, self->room);
    }
    self->starts[self->arg_count] = start;
    self->args[self->arg_count].size = size;
    self->arg_count++;
}

static OrrStatus
finish(OrrRequestParser *self, OrrBytes bytes, size_t used, OrrRequest *request)
{
    for (size_t i = 0; i < self->arg_count; i++) {
        self->args[i].data = bytes.data + self->starts[i];
    }
    request->args = self->args;
    request->arg_count = self->arg_count;
    request->used = used;
    begin(self);
    return ORR_OK;
}

typedef enum LineResult {
    LINE_WHOLE,
    LINE_PARTIAL,
    LINE_TOO_LONG,
    LINE_NO_NUMBER,
} LineResult;

/* The number between a type byte at `offset` and a CR. Like Redis, takes any byte for the LF.
 * Unlike Redis, which accepts a longer line if all of it has come, refuses it however the
 * stream was cut. */
static LineResult
read_length_slowly(OrrRequestParser *self, OrrBytes bytes, int64_t *value, size_t *next)
{
    size_t from = MAX(self->offset + 1, self->scanned);
    const uint8_t *end =
        from < bytes.size ? memchr(bytes.data + from, '\r', bytes.size - from) : NULL;
    size_t at = end != NULL ? (size_t)(end - bytes.data) : bytes.size;

    if (at - self->offset > ORR_RESP_INLINE_MAX) {
        return LINE_TOO_LONG;
    }
    self->scanned = at;
    if (at + 1 >= bytes.size) {
        return LINE_PARTIAL;
    }
    *next = at + 2;
    OrrBytes text = {bytes.data + self->offset + 1, at - self->offset - 1};
    return orr_decimal_read(text, value) ? LINE_WHOLE : LINE_NO_NUMBER;
}

/* The usual case in a few instructions: one to nine digits and their CR LF are all there. */
static inline LineResult
read_length(OrrRequestParser *self, OrrBytes bytes, int64_t *value, size_t *next)
{
    enum { DIGITS = 9 };
    const uint8_t *text = bytes.data + self->offset + 1;
    unsigned sum = 0;
    unsigned digit = 0;
    size_t i = 0;

    if (bytes.size - self->offset < DIGITS + 3 || text[0] == '0') {
        return read_length_slowly(self, bytes, value, next);
    }
    for (; i < DIGITS && (digit = (unsigned)text[i] - '0') <= 9; i++) {
        sum = sum * 10 + digit;
    }
    if (i == 0 || text[i] != '\r') {
        return read_length_slowly(self, bytes, value, next);
    }
    *value = sum;
    *next = self->offset + i + 3;
    return LINE_WHOLE;
}

static OrrStatus
again(OrrRequestParser *self, size_t wanted)
{
    self->wanted = wanted;
    return ORR_AGAIN;
}

/* "*3\r\n": ORR_OK leaves `missing` words to read; 0 or fewer make an empty command. */
static OrrStatus
read_count(OrrRequestParser *self, OrrBytes bytes, OrrRequest *request)
{
    int64_t count = 0;
    size_t next = 0;

    switch (read_length(self, bytes, &count, &next)) {
    case LINE_PARTIAL:
        return again(self, 1);
    case LINE_TOO_LONG:
        return fail(self, request, "Protocol error: too big mbulk count string");
    case LINE_NO_NUMBER:
        return fail(self, request, "Protocol error: invalid multibulk length");
    case LINE_WHOLE:
        break;
    }
    if (count > 0 && (uint64_t)count > self->limits.args_max) {
        return fail(self, request,
                    self->limits.stranger ? "Protocol error: unauthenticated multibulk length"
                                          : "Protocol error: invalid multibulk length");
    }
    self->missing = count > 0 ? (size_t)count : 0;
    self->offset = next;
    return ORR_OK;
}

static OrrStatus
expected_dollar(OrrRequestParser *self, uint8_t got, OrrRequest *request)
{
    static const char TEXT[] = "Protocol error: expected '$', got ' '";

    memcpy(self->error, TEXT, sizeof TEXT);
    if (got != '\r' && got != '\n' && got != '\0') {
        self->error[sizeof TEXT - 3] = (char)got;
    }
    return fail(self, request, self->error);
}

/* "$5\r\n" before a word. */
static OrrStatus
read_bulk_size(OrrRequestParser *self, OrrBytes bytes, OrrRequest *request)
{
    int64_t size = 0;
    size_t next = 0;

    if (self->offset >= bytes.size) {
        return again(self, self->missing * 6); /* "$0\r\n\r\n" at least */
    }
    if (bytes.data[self->offset] == '\r') { /* an empty line: no type byte before its end */
        return expected_dollar(self, '\r', request);
    }
    switch (read_length(self, bytes, &size, &next)) {
    case LINE_PARTIAL:
        return again(self, 1);
    case LINE_TOO_LONG:
        return fail(self, request, "Protocol error: too big bulk count string");
    case LINE_NO_NUMBER:
        size = -1;
        break;
    case LINE_WHOLE:
        break;
    }
    if (bytes.data[self->offset] != '$') {
        return expected_dollar(self, bytes.data[self->offset], request);
    }
    if (size < 0 || (uint64_t)size > self->limits.bulk_max) {
        return fail(self, request,
                    self->limits.stranger ? "Protocol error: unauthenticated bulk length"
                                          : "Protocol error: invalid bulk length");
    }
    self->bulk = (size_t)size;
    self->offset = next;
    return ORR_OK;
}

static OrrStatus
parse_words(OrrRequestParser *self, OrrBytes bytes, OrrRequest *request)
{
    while (self->missing > 0) {
        if (self->bulk == BULK_UNKNOWN) {
            OrrStatus status = read_bulk_size(self, bytes, request);

            if (status != ORR_OK) {
                return status;
            }
        }
        size_t there = bytes.size > self->offset ? bytes.size - self->offset : 0;

        if (there < self->bulk + BULK_END_SIZE) {
            return again(self, self->bulk + BULK_END_SIZE - there);
        }
        add_word(self, self->offset, self->bulk);
        self->offset += self->bulk + BULK_END_SIZE; /* like Redis, whatever the two are */
        self->bulk = BULK_UNKNOWN;
        self->missing--;
    }
    return finish(self, bytes, self->offset, request);
}

/* --- inline commands: words between spaces, with quotes as in a shell
 * -------------------------
 */

/* isspace() of the C locale. */
static bool
is_space(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static bool
ends_word(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

static int
hex_digit(uint8_t byte)
{
    return g_ascii_xdigit_value((char)byte);
}

/* What stands after a backslash between double quotes, at `at`; returns how many bytes it is.
 */
static size_t
unescape(OrrBytes line, size_t at, uint8_t *out)
{
    static const char LETTERS[] = "nrtba";
    static const char MEANT[] = "\n\r\t\b\a";
    uint8_t byte = line.data[at];
    const char *letter = byte != 0 ? strchr(LETTERS, byte) : NULL;

    if (byte == 'x' && at + 2 < line.size && hex_digit(line.data[at + 1]) >= 0 &&
        hex_digit(line.data[at + 2]) >= 0) {
        *out = (uint8_t)(hex_digit(line.data[at + 1]) * 16 + hex_digit(line.data[at + 2]));
        return 3;
    }
    *out = letter != NULL ? (uint8_t)MEANT[letter - LETTERS] : byte;
    return 1;
}

/* Takes the quotes off from `*at`, a quote, up to its partner, which must end a word. False if
 * there is none. */
static bool
unquote(OrrBytes line, size_t *at, uint8_t **out)
{
    uint8_t quote = line.data[(*at)++];

    while (*at < line.size && line.data[*at] != quote) {
        if (line.data[*at] == '\\' && *at + 1 < line.size &&
            (quote == '"' || line.data[*at + 1] == '\'')) {
            *at += 1;
            *at += unescape(line, *at, (*out)++);
        } else {
            *(*out)++ = line.data[(*at)++];
        }
    }
    if (*at == line.size) {
        return false;
    }
    *at += 1;
    return *at == line.size || is_space(line.data[*at]);
}

/* One word from `*at`. Without quotes it stays where it is, else it is built at *out. */
static bool
read_inline_word(OrrBytes line, size_t *at, uint8_t **out, OrrBytes *word)
{
    const uint8_t *built = *out;
    size_t start = *at;
    bool quoted = false;

    while (*at < line.size && !ends_word(line.data[*at])) {
        if (line.data[*at] == '"' || line.data[*at] == '\'') {
            quoted = true;
            if (!unquote(line, at, out)) {
                return false;
            }
            break; /* a space follows, or nothing */
        }
        *(*out)++ = line.data[(*at)++];
    }
    *word = quoted ? orr_bytes(built, (size_t)(*out - built))
                   : orr_bytes(line.data + start, *at - start);
    return true;
}

static OrrStatus
split_inline(OrrRequestParser *self, OrrBytes line, size_t used, OrrRequest *request)
{
    size_t at = 0;

    if (self->unquoted_room < line.size) {
        self->unquoted_room = MAX(line.size, self->unquoted_room * 2);
        self->unquoted = g_realloc(self->unquoted, self->unquoted_room);
    }
    uint8_t *out = self->unquoted;

    for (;;) {
        OrrBytes word;

        while (at < line.size && is_space(line.data[at])) {
            at++;
        }
        if (at == line.size) {
            break;
        }
        if (!read_inline_word(line, &at, &out, &word)) {
            return fail(self, request, "Protocol error: unbalanced quotes in request");
        }
        if (self->arg_count == self->limits.args_max) {
            return fail(self, request, "Protocol error: invalid multibulk length");
        }
        add_word(self, 0, word.size);
        self->args[self->arg_count - 1].data = word.data;
    }
    request->args = self->args;
    request->arg_count = self->arg_count;
    request->used = used;
    begin(self);
    return ORR_OK;
}

/* Redis looks for the LF as in a C string, so that a NUL hides it and the client waits for
 * ever; here a NUL is a byte like others. */
static OrrStatus
parse_inline(OrrRequestParser *self, OrrBytes bytes, OrrRequest *request)
{
    const uint8_t *end = memchr(bytes.data + self->scanned, '\n', bytes.size - self->scanned);
    size_t size = end != NULL ? (size_t)(end - bytes.data) : bytes.size;

    if (size > ORR_RESP_INLINE_MAX) {
        return fail(self, request, "Protocol error: too big inline request");
    }
    if (end == NULL) {
        self->scanned = bytes.size;
        return again(self, 1);
    }
    bool has_cr = size > 0 && bytes.data[size - 1] == '\r';

    return split_inline(self, orr_bytes(bytes.data, has_cr ? size - 1 : size), size + 1,
                        request);
}

OrrStatus
orr_request_parse(OrrRequestParser *parser, OrrBytes bytes, OrrRequest *request)
{
    g_return_val_if_fail(parser != NULL && request != NULL, ORR_INVALID);
    g_return_val_if_fail(bytes.size >= parser->scanned, ORR_INVALID);
    *request = (OrrRequest){0};
    if (bytes.size == 0) {
        return again(parser, 1);
    }
    if (bytes.data[0] != '*') {
        return parse_inline(parser, bytes, request);
    }
    if (parser->missing == 0) {
        OrrStatus status = read_count(parser, bytes, request);

        if (status != ORR_OK) {
            return status;
        }
    }
    return parse_words(parser, bytes, request);
}
