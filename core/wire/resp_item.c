#include <orrery/resp.h>

#include "wire/decimal.h"

#include <glib.h>

#define NUMBER_LINE_MAX 24u /* bytes between a type byte and CR LF, where a number is meant */
#define VERBATIM_PREFIX_SIZE 4u /* "txt:" */

/* What a type byte is about, apart from the kind of item that it makes. */
typedef enum Shape {
    SHAPE_UNKNOWN, /* not a type byte, or a streamed one, which no server sends */
    SHAPE_LINE,
    SHAPE_INTEGER,
    SHAPE_BOOL,
    SHAPE_NULL,
    SHAPE_BULK,
    SHAPE_CONTAINER,
    SHAPE_ATTRIBUTE, /* a map before the item that it is about */
} Shape;

typedef struct Kind {
    Shape shape;
    OrrItemType type;
    size_t factor; /* of a container: items per count */
} Kind;

static Kind
kind_of(uint8_t byte)
{
    switch (byte) {
    case '+':
        return (Kind){SHAPE_LINE, ORR_ITEM_SIMPLE, 0};
    case '-':
        return (Kind){SHAPE_LINE, ORR_ITEM_ERROR, 0};
    case ',':
        return (Kind){SHAPE_LINE, ORR_ITEM_DOUBLE, 0};
    case '(':
        return (Kind){SHAPE_LINE, ORR_ITEM_BIG, 0};
    case ':':
        return (Kind){SHAPE_INTEGER, ORR_ITEM_INTEGER, 0};
    case '#':
        return (Kind){SHAPE_BOOL, ORR_ITEM_BOOL, 0};
    case '_':
        return (Kind){SHAPE_NULL, ORR_ITEM_NULL, 0};
    case '$':
    case '=':
        return (Kind){SHAPE_BULK, ORR_ITEM_BULK, 0};
    case '!':
        return (Kind){SHAPE_BULK, ORR_ITEM_ERROR, 0};
    case '*':
        return (Kind){SHAPE_CONTAINER, ORR_ITEM_ARRAY, 1};
    case '%':
        return (Kind){SHAPE_CONTAINER, ORR_ITEM_MAP, 2};
    case '~':
        return (Kind){SHAPE_CONTAINER, ORR_ITEM_SET, 1};
    case '>':
        return (Kind){SHAPE_CONTAINER, ORR_ITEM_PUSH, 1};
    case '|':
        return (Kind){SHAPE_ATTRIBUTE, ORR_ITEM_MAP, 2};
    default:
        return (Kind){SHAPE_UNKNOWN, ORR_ITEM_NULL, 0};
    }
}

/* The text up to CR LF after the type byte; *used counts both. A LF must follow a CR and a CR
 * must be followed by a LF. */
static OrrStatus
read_line(OrrBytes bytes, size_t size_max, OrrBytes *line, size_t *used)
{
    OrrBytes rest = orr_bytes(bytes.data + 1, bytes.size - 1);
    const uint8_t *cr = rest.size > 0 ? memchr(rest.data, '\r', rest.size) : NULL;
    size_t size = cr != NULL ? (size_t)(cr - rest.data) : rest.size;

    if (size > size_max || (size > 0 && memchr(rest.data, '\n', size) != NULL)) {
        return ORR_MALFORMED;
    }
    if (size + 1 >= rest.size) {
        return ORR_AGAIN;
    }
    if (rest.data[size + 1] != '\n') {
        return ORR_MALFORMED;
    }
    *line = orr_bytes(rest.data, size);
    *used = size + 3;
    return ORR_OK;
}

static OrrStatus
read_number(OrrBytes bytes, int64_t *value, size_t *used)
{
    OrrBytes line;
    OrrStatus status = read_line(bytes, NUMBER_LINE_MAX, &line, used);

    if (status != ORR_OK) {
        return status;
    }
    if (line.size > 1 && line.data[0] == '+' && line.data[1] != '-') {
        line = orr_bytes(line.data + 1, line.size - 1); /* the specification allows it */
    }
    return orr_decimal_read(line, value) ? ORR_OK : ORR_MALFORMED;
}

static OrrStatus
read_bulk(OrrBytes bytes, OrrItem *item, size_t *used)
{
    int64_t size = 0;
    size_t start = 0;
    OrrStatus status = read_number(bytes, &size, &start);

    if (status != ORR_OK) {
        return status;
    }
    *used = start;
    if (size == -1 && bytes.data[0] == '$') {
        item->type = ORR_ITEM_NULL;
        return ORR_OK;
    }
    if (size < 0 || (uint64_t)size > ORR_REPLY_BULK_MAX) {
        return ORR_MALFORMED;
    }
    if (bytes.size - start < (size_t)size + 2) {
        return ORR_AGAIN;
    }
    item->text = orr_bytes(bytes.data + start, (size_t)size);
    *used = start + (size_t)size + 2;
    if (memcmp(bytes.data + *used - 2, "\r\n", 2) != 0) {
        return ORR_MALFORMED;
    }
    if (bytes.data[0] != '=') {
        return ORR_OK;
    }
    if (item->text.size < VERBATIM_PREFIX_SIZE || item->text.data[3] != ':') {
        return ORR_MALFORMED;
    }
    item->text.data += VERBATIM_PREFIX_SIZE;
    item->text.size -= VERBATIM_PREFIX_SIZE;
    return ORR_OK;
}

static OrrStatus
read_count(OrrBytes bytes, size_t factor, OrrItem *item, size_t *used)
{
    int64_t count = 0;
    OrrStatus status = read_number(bytes, &count, used);

    if (status != ORR_OK) {
        return status;
    }
    if (count == -1 && bytes.data[0] == '*') {
        item->type = ORR_ITEM_NULL;
        return ORR_OK;
    }
    if (count < 0 || (uint64_t)count > ORR_REPLY_ITEMS_MAX / factor) {
        return ORR_MALFORMED;
    }
    item->count = (size_t)count * factor;
    return ORR_OK;
}

static OrrStatus
read_bool(OrrBytes bytes, OrrItem *item, size_t *used)
{
    OrrBytes line;
    OrrStatus status = read_line(bytes, 1, &line, used);

    if (status == ORR_OK && (line.size != 1 || (line.data[0] != 't' && line.data[0] != 'f'))) {
        return ORR_MALFORMED;
    }
    if (status == ORR_OK) {
        item->integer = line.data[0] == 't' ? 1 : 0;
    }
    return status;
}

/* One item, or the header of an attribute, with its size. */
static OrrStatus
read_raw(OrrBytes bytes, Shape *shape, OrrItem *item, size_t *used)
{
    OrrBytes line;

    if (bytes.size == 0) {
        return ORR_AGAIN;
    }
    Kind kind = kind_of(bytes.data[0]);

    *shape = kind.shape;
    *item = (OrrItem){.type = kind.type};
    switch (kind.shape) {
    case SHAPE_UNKNOWN:
        return ORR_MALFORMED;
    case SHAPE_LINE:
        return read_line(bytes, ORR_RESP_INLINE_MAX, &item->text, used);
    case SHAPE_INTEGER:
        return read_number(bytes, &item->integer, used);
    case SHAPE_BOOL:
        return read_bool(bytes, item, used);
    case SHAPE_NULL:
        return read_line(bytes, 0, &line, used);
    case SHAPE_BULK:
        return read_bulk(bytes, item, used);
    case SHAPE_CONTAINER:
    case SHAPE_ATTRIBUTE:
        return read_count(bytes, kind.factor, item, used);
    }
    return ORR_MALFORMED;
}

/* Drops the `count` items of an attribute, and all that is inside of them. */
static OrrStatus
skip_items(OrrBytes *bytes, uint64_t count)
{
    while (count > 0) {
        Shape shape;
        OrrItem item;
        size_t used = 0;
        OrrStatus status = read_raw(*bytes, &shape, &item, &used);

        if (status != ORR_OK) {
            return status;
        }
        bytes->data += used;
        bytes->size -= used;
        count += item.count;
        count -= shape == SHAPE_ATTRIBUTE ? 0 : 1; /* the item it is about comes after it */
        if (count > ORR_REPLY_ITEMS_MAX * ORR_REPLY_DEPTH_MAX) {
            return ORR_MALFORMED;
        }
    }
    return ORR_OK;
}

OrrStatus
orr_item_read(OrrBytes *bytes, OrrItem *item)
{
    g_return_val_if_fail(bytes != NULL && item != NULL, ORR_INVALID);
    OrrBytes rest = *bytes;

    for (;;) {
        Shape shape;
        size_t used = 0;
        OrrItem read;
        OrrStatus status = read_raw(rest, &shape, &read, &used);

        if (status != ORR_OK) {
            return status;
        }
        rest.data += used;
        rest.size -= used;
        if (shape != SHAPE_ATTRIBUTE) {
            *bytes = rest;
            *item = read;
            return ORR_OK;
        }
        status = skip_items(&rest, read.count);
        if (status != ORR_OK) {
            return status;
        }
    }
}

/* An item is complete: so may be the container it was the last of, and so on. True when the
 * whole reply is. */
static bool
complete(OrrReplyScanner *scanner)
{
    while (scanner->depth > 0 && --scanner->missing[scanner->depth - 1] == 0) {
        scanner->depth--;
    }
    return scanner->depth == 0;
}

OrrStatus
orr_reply_scan(OrrReplyScanner *scanner, OrrBytes bytes, size_t *used)
{
    g_return_val_if_fail(scanner != NULL && used != NULL, ORR_INVALID);
    g_return_val_if_fail(bytes.size >= scanner->offset, ORR_INVALID);
    bool whole = false;

    while (!whole) {
        Shape shape;
        OrrItem item;
        size_t size = 0;
        OrrBytes rest = orr_bytes(bytes.data + scanner->offset, bytes.size - scanner->offset);
        OrrStatus status = read_raw(rest, &shape, &item, &size);

        if (status != ORR_OK) {
            return status;
        }
        scanner->offset += size;
        /* an attribute is a container whose last item is the one that it is about */
        uint64_t inside = item.count + (shape == SHAPE_ATTRIBUTE ? 1u : 0u);

        if (inside > 0 && scanner->depth == ORR_REPLY_DEPTH_MAX) {
            return ORR_MALFORMED;
        }
        if (inside > 0) {
            scanner->missing[scanner->depth++] = inside;
        } else {
            whole = complete(scanner);
        }
    }
    *used = scanner->offset;
    *scanner = (OrrReplyScanner){0};
    return ORR_OK;
}
