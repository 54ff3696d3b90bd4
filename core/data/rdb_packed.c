#include "data/rdb_packed.h"

#include "wire/bytes.h"

/* LZF: a byte below 32 says how many literal bytes follow, any other one is the head of a copy
 * from what was unpacked before. Source: the format of Marc Lehmann's liblzf. */
static bool
copy_back(OrrReader *reader, unsigned head, uint8_t *out, size_t size, size_t *used)
{
    size_t length = head >> 5;
    size_t back = (size_t)(head & 0x1f) << 8;

    if (length == 7) {
        length += orr_take_u8(reader);
    }
    length += 2;
    back += (size_t)orr_take_u8(reader) + 1;
    if (reader->failed || back > *used || length > size - *used) {
        return false;
    }
    for (size_t i = 0; i < length; i++, ++*used) { /* the two may overlap */
        out[*used] = out[*used - back];
    }
    return true;
}

bool
orr_lzf_unpack(OrrBytes packed, uint8_t *out, size_t size)
{
    OrrReader reader = {packed, false};
    size_t used = 0;

    while (reader.rest.size > 0) {
        unsigned head = orr_take_u8(&reader);

        if (head >= 32) {
            if (!copy_back(&reader, head, out, size, &used)) {
                return false;
            }
        } else {
            const uint8_t *literal = orr_take(&reader, head + 1u);

            if (literal == NULL || head + 1u > size - used) {
                return false;
            }
            memcpy(out + used, literal, head + 1u);
            used += head + 1u;
        }
    }
    return used == size;
}

/* An element of a ziplist or listpack: a string where it lies, or an integer as text. */
typedef struct Element {
    OrrBytes text;
    char number[24];
} Element;

static void
set_integer(Element *element, int64_t value)
{
    int size = g_snprintf(element->number, sizeof element->number, "%" G_GINT64_FORMAT, value);

    element->text = orr_bytes(element->number, (size_t)size);
}

static void
take_text(OrrReader *reader, size_t size, Element *element)
{
    element->text = orr_bytes(orr_take(reader, size), size);
}

/* Of `size` bytes, least first. */
static int64_t
take_signed(OrrReader *reader, size_t size)
{
    const uint8_t *at = orr_take(reader, size);
    uint64_t value = 0;

    for (size_t i = 0; at != NULL && i < size; i++) {
        value |= (uint64_t)at[i] << (8 * i);
    }
    if (size < 8 && (value >> (8 * size - 1) & 1) != 0) {
        value |= UINT64_MAX << (8 * size);
    }
    return (int64_t)value;
}

static void
take_ziplist_string(OrrReader *reader, unsigned head, Element *element)
{
    size_t size = head & 0x3f;

    if (head >> 6 == 1) {
        size = size << 8 | orr_take_u8(reader);
    } else if (head >> 6 == 2) {
        const uint8_t *at = orr_take(reader, 4);

        size = at == NULL
                   ? 0
                   : (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
    }
    take_text(reader, size, element);
}

static void
take_ziplist_element(OrrReader *reader, Element *element)
{
    unsigned head;

    if (orr_take_u8(reader) == 254) { /* the size of the element before */
        orr_skip(reader, 4);
    }
    head = orr_take_u8(reader);
    if (head >> 6 != 3) {
        take_ziplist_string(reader, head, element);
    } else if (head == 0xc0) {
        set_integer(element, take_signed(reader, 2));
    } else if (head == 0xd0) {
        set_integer(element, take_signed(reader, 4));
    } else if (head == 0xe0) {
        set_integer(element, take_signed(reader, 8));
    } else if (head == 0xf0) {
        set_integer(element, take_signed(reader, 3));
    } else if (head == 0xfe) {
        set_integer(element, take_signed(reader, 1));
    } else if (head >= 0xf1 && head <= 0xfd) {
        set_integer(element, (int64_t)(head & 0x0f) - 1);
    } else {
        reader->failed = true;
    }
}

/* How many bytes an element's own size takes behind it, to be read backwards. */
static size_t
listpack_back_size(size_t size)
{
    return size <= 127 ? 1 : size < 16383 ? 2 : size < 2097151 ? 3 : size < 268435455 ? 4 : 5;
}

static void
take_listpack_value(OrrReader *reader, Element *element)
{
    unsigned head = orr_take_u8(reader);

    if (head < 0x80) {
        set_integer(element, (int64_t)head);
    } else if (head < 0xc0) {
        take_text(reader, head & 0x3f, element);
    } else if (head < 0xe0) {
        int64_t value = (int64_t)((head & 0x1f) << 8 | orr_take_u8(reader));

        set_integer(element, value >= 4096 ? value - 8192 : value);
    } else if (head < 0xf0) {
        take_text(reader, (size_t)(head & 0x0f) << 8 | orr_take_u8(reader), element);
    } else if (head == 0xf0) {
        take_text(reader, orr_take_u32(reader), element);
    } else if (head <= 0xf4) {
        static const size_t SIZES[] = {2, 3, 4, 8};

        set_integer(element, take_signed(reader, SIZES[head - 0xf1]));
    } else {
        reader->failed = true;
    }
}

static void
take_listpack_element(OrrReader *reader, Element *element)
{
    size_t before = reader->rest.size;

    take_listpack_value(reader, element);
    orr_skip(reader, listpack_back_size(before - reader->rest.size));
}

static bool
read_list(OrrBytes packed, bool listpack, const OrrRdbSink *sink)
{
    OrrReader reader = {packed, false};
    bool any = false;

    orr_skip(&reader, listpack ? 6 : 10);
    while (!reader.failed && reader.rest.size > 0 && reader.rest.data[0] != 0xff) {
        Element name;
        Element value;

        if (listpack) {
            take_listpack_element(&reader, &name);
            take_listpack_element(&reader, &value);
        } else {
            take_ziplist_element(&reader, &name);
            take_ziplist_element(&reader, &value);
        }
        if (!reader.failed) {
            sink->field(sink->context, name.text, value.text);
            any = true;
        }
    }
    return !reader.failed && any && reader.rest.size == 1;
}

static size_t
take_zipmap_size(OrrReader *reader)
{
    unsigned first = orr_take_u8(reader);

    reader->failed |= first == 255;
    return first == 254 ? orr_take_u32(reader) : first;
}

static bool
read_zipmap(OrrBytes packed, const OrrRdbSink *sink)
{
    OrrReader reader = {packed, false};
    bool any = false;

    orr_skip(&reader, 1);
    while (!reader.failed && reader.rest.size > 0 && reader.rest.data[0] != 0xff) {
        size_t name_size = take_zipmap_size(&reader);
        OrrBytes name = orr_bytes(orr_take(&reader, name_size), name_size);
        size_t value_size = take_zipmap_size(&reader);
        size_t unused = orr_take_u8(&reader);
        OrrBytes value = orr_bytes(orr_take(&reader, value_size), value_size);

        orr_skip(&reader, unused);
        if (!reader.failed) {
            sink->field(sink->context, name, value);
            any = true;
        }
    }
    return !reader.failed && any && reader.rest.size == 1;
}

bool
orr_rdb_read_packed(OrrBytes packed, OrrRdbType type, const OrrRdbSink *sink)
{
    if (type == ORR_RDB_HASH_ZIPMAP) {
        return read_zipmap(packed, sink);
    }
    return read_list(packed, type == ORR_RDB_HASH_LISTPACK, sink);
}
