#include "keystream.h"

#include "fault.h"
#include <errno.h>
#include <unistd.h>

#define READ_SIZE ((size_t)1 << 16)

struct SimKeystream {
    char *const *words;
    size_t word_count;
    size_t word_next;
    int descriptor;
    char ending;
    bool hex;

    char *buffer;
    size_t capacity;
    size_t begin; /* of what is not handed out yet */
    size_t end;
    bool ended; /* nothing more to read */

    uint64_t number; /* keys handed out so far, for messages */
    OrrBytes keys[SIM_KEYSTREAM_BATCH];
    OrrBytes shown[SIM_KEYSTREAM_BATCH];
    GString *decoded;
};

SimKeystream *
sim_keystream_new(char *const *words, int descriptor, char ending, bool hex)
{
    SimKeystream *stream = g_new0(SimKeystream, 1);

    stream->words = words;
    while (words[stream->word_count] != NULL) {
        stream->word_count++;
    }
    stream->descriptor = descriptor;
    stream->ending = ending;
    stream->hex = hex;
    stream->ended = stream->word_count > 0;
    stream->decoded = g_string_new(NULL);
    return stream;
}

void
sim_keystream_free(SimKeystream *stream)
{
    if (stream != NULL) {
        g_free(stream->buffer);
        g_string_free(stream->decoded, TRUE);
        g_free(stream);
    }
}

/* Makes room and reads once. The unfinished key moves to the front of the buffer. */
static bool
read_more(SimKeystream *self, GError **error)
{
    ssize_t got;

    if (self->begin > 0) {
        memmove(self->buffer, self->buffer + self->begin, self->end - self->begin);
        self->end -= self->begin;
        self->begin = 0;
    }
    if (self->end >= SIM_KEYSTREAM_KEY_MAX) {
        g_set_error(error, SIM_FAULT, SIM_FAULT_DATA,
                    "standard input:%" G_GUINT64_FORMAT ":1: a key of more than %u bytes; are "
                    "the keys ended by %s?",
                    self->number + 1, SIM_KEYSTREAM_KEY_MAX,
                    self->ending == 0 ? "newlines instead of NUL (leave -0 out)"
                                      : "NUL (use -0)");
        return false;
    }
    if (self->capacity - self->end < READ_SIZE) {
        self->capacity = MAX(self->capacity * 2, 4 * READ_SIZE);
        self->buffer = g_realloc(self->buffer, self->capacity);
    }
    do {
        got = read(self->descriptor, self->buffer + self->end, self->capacity - self->end);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        g_set_error(error, SIM_FAULT, SIM_FAULT_IO, "standard input: %s", g_strerror(errno));
        return false;
    }
    self->ended = got == 0;
    self->end += (size_t)got;
    return true;
}

/* Takes whole keys out of the buffer; at the end of the input also one without an ending. */
static size_t
take_from_buffer(SimKeystream *self)
{
    size_t count = 0;

    while (count < SIM_KEYSTREAM_BATCH && self->begin < self->end) {
        char *key = self->buffer + self->begin;
        char *stop = memchr(key, self->ending, self->end - self->begin);

        if (stop == NULL && !self->ended) {
            break;
        }
        if (stop == NULL) {
            stop = self->buffer + self->end;
        }
        self->shown[count++] = orr_bytes(key, (size_t)(stop - key));
        self->begin = MIN((size_t)(stop - self->buffer) + 1, self->end);
    }
    return count;
}

static size_t
take_words(SimKeystream *self)
{
    size_t count = 0;

    while (count < SIM_KEYSTREAM_BATCH && self->word_next < self->word_count) {
        self->shown[count++] = orr_bytes_of_string(self->words[self->word_next++]);
    }
    return count;
}

static bool
refuse_hex(const SimKeystream *self, size_t index, size_t column, const char *what,
           GError **error)
{
    uint64_t number = self->number + index + 1;

    if (self->word_count > 0) {
        g_set_error(error, SIM_FAULT, SIM_FAULT_USAGE,
                    "key %" G_GUINT64_FORMAT " '%s', character %zu: %s", number,
                    (const char *)self->shown[index].data, column, what);
    } else {
        g_set_error(error, SIM_FAULT, SIM_FAULT_DATA,
                    "standard input:%" G_GUINT64_FORMAT ":%zu: %s", number, column, what);
    }
    return false;
}

/* Turns one shown key into bytes at the end of `decoded`. */
static bool
decode_hex(SimKeystream *self, size_t index, GError **error)
{
    OrrBytes text = self->shown[index];

    for (size_t i = 0; i < text.size; i++) {
        if (!g_ascii_isxdigit(text.data[i])) {
            return refuse_hex(self, index, i + 1, "not a hex digit", error);
        }
    }
    if (text.size % 2 != 0) {
        return refuse_hex(self, index, text.size + 1, "an odd number of hex digits", error);
    }
    for (size_t i = 0; i < text.size; i += 2) {
        int byte = g_ascii_xdigit_value((char)text.data[i]) * 16 +
                   g_ascii_xdigit_value((char)text.data[i + 1]);

        g_string_append_c(self->decoded, (char)byte);
    }
    return true;
}

/* Fills `keys` from `shown`. The text of all is decoded before any pointer into it is taken:
 * it may move as it grows. */
static bool
decode_all(SimKeystream *self, size_t count, GError **error)
{
    size_t at = 0;

    if (!self->hex) {
        memcpy(self->keys, self->shown, count * sizeof *self->keys);
        return true;
    }
    g_string_truncate(self->decoded, 0);
    for (size_t i = 0; i < count; i++) {
        if (!decode_hex(self, i, error)) {
            return false;
        }
    }
    for (size_t i = 0; i < count; i++) {
        self->keys[i] = orr_bytes(self->decoded->str + at, self->shown[i].size / 2);
        at += self->shown[i].size / 2;
    }
    return true;
}

size_t
sim_keystream_next(SimKeystream *self, const OrrBytes **keys, const OrrBytes **shown,
                   GError **error)
{
    size_t count = self->word_count > 0 ? take_words(self) : take_from_buffer(self);

    while (count == 0 && !self->ended) {
        if (!read_more(self, error)) {
            return 0;
        }
        count = take_from_buffer(self);
    }
    if (!decode_all(self, count, error)) {
        return 0;
    }
    self->number += count;
    *keys = self->keys;
    *shown = self->shown;
    return count;
}

bool
sim_keystream_drained(const SimKeystream *self)
{
    return self->word_count == 0 && !self->ended &&
           (self->begin == self->end ||
            memchr(self->buffer + self->begin, self->ending, self->end - self->begin) == NULL);
}

SimWriter *
sim_writer_new(int descriptor)
{
    SimWriter *writer = g_new(SimWriter, 1);

    writer->descriptor = descriptor;
    writer->size = 0;
    writer->failed = false;
    return writer;
}

static void
write_all(SimWriter *self, const char *bytes, size_t size)
{
    while (size > 0 && !self->failed) {
        ssize_t written = write(self->descriptor, bytes, size);

        if (written < 0 && errno != EINTR) {
            self->failed = true;
        } else if (written > 0) {
            bytes += written;
            size -= (size_t)written;
        }
    }
}

bool
sim_writer_flush(SimWriter *self)
{
    write_all(self, self->buffer, self->size);
    self->size = 0;
    return !self->failed;
}

void
sim_writer_add(SimWriter *self, const void *bytes, size_t size)
{
    if (size > sizeof self->buffer - self->size) {
        sim_writer_flush(self);
    }
    if (size > sizeof self->buffer) {
        write_all(self, bytes, size);
        return;
    }
    memcpy(self->buffer + self->size, bytes, size);
    self->size += size;
}
