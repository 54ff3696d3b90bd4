#include "data/rdb.h"

#include "data/rdb_packed.h"
#include "wire/bytes.h"

#define FOOTER_SIZE 10u /* bytes: version and checksum */
#define POLYNOMIAL UINT64_C(0x95ac9329ac4bc9b5)

/* Made at the first use, never changed again: a constant that would be 256 lines. */
static const uint64_t *
crc_table(void)
{
    static gsize made;

    if (g_once_init_enter(&made)) {
        uint64_t *table = g_new(uint64_t, 256);

        for (uint64_t i = 0; i < 256; i++) {
            uint64_t crc = i;

            for (int bit = 0; bit < 8; bit++) {
                crc = (crc & 1) != 0 ? crc >> 1 ^ POLYNOMIAL : crc >> 1;
            }
            table[i] = crc;
        }
        g_once_init_leave(&made, (gsize)table);
    }
    return (const uint64_t *)made;
}

uint64_t
orr_crc64(OrrBytes bytes)
{
    const uint64_t *table = crc_table();
    uint64_t crc = 0;

    for (size_t i = 0; i < bytes.size; i++) {
        crc = table[(crc ^ bytes.data[i]) & 0xff] ^ crc >> 8;
    }
    return crc;
}

OrrStatus
orr_rdb_verify(OrrBytes payload)
{
    const uint8_t *footer;

    if (payload.size < FOOTER_SIZE + 1) {
        return ORR_MALFORMED;
    }
    footer = payload.data + payload.size - FOOTER_SIZE;
    if (orr_load_u16(footer) > ORR_RDB_VERSION_MAX ||
        orr_load_u64(footer + 2) != orr_crc64(orr_bytes(payload.data, payload.size - 8))) {
        return ORR_MALFORMED;
    }
    return ORR_OK;
}

/* Lengths and strings */

#define SPECIAL_INT8 0u
#define SPECIAL_INT16 1u
#define SPECIAL_INT32 2u
#define SPECIAL_LZF 3u

static uint64_t
take_big_endian(OrrReader *reader, size_t size)
{
    const uint8_t *at = orr_take(reader, size);
    uint64_t value = 0;

    for (size_t i = 0; at != NULL && i < size; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

/* A length, or with *special what kind of string follows. */
static uint64_t
take_length(OrrReader *reader, bool *special)
{
    unsigned first = orr_take_u8(reader);

    *special = false;
    switch (first >> 6) {
    case 0:
        return first & 0x3f;
    case 1:
        return (uint64_t)(first & 0x3f) << 8 | orr_take_u8(reader);
    case 2:
        if (first != 0x80 && first != 0x81) {
            reader->failed = true;
            return 0;
        }
        return take_big_endian(reader, first == 0x80 ? 4 : 8);
    default:
        *special = true;
        return first & 0x3f;
    }
}

static OrrBytes
as_text(GByteArray *scratch, int64_t number)
{
    char text[24];
    int size = g_snprintf(text, sizeof text, "%" G_GINT64_FORMAT, number);

    g_byte_array_set_size(scratch, 0);
    g_byte_array_append(scratch, (const guint8 *)text, (guint)size);
    return orr_bytes(scratch->data, scratch->len);
}

static OrrBytes
take_compressed(OrrReader *reader, GByteArray *scratch)
{
    bool special;
    uint64_t packed_size = take_length(reader, &special);
    uint64_t size = special ? UINT64_MAX : take_length(reader, &special);
    const uint8_t *packed;

    if (special || size > ORR_RDB_STRING_MAX || packed_size > ORR_RDB_STRING_MAX) {
        reader->failed = true;
        return ORR_BYTES_EMPTY;
    }
    packed = orr_take(reader, (size_t)packed_size);
    g_byte_array_set_size(scratch, (guint)size);
    if (packed == NULL ||
        !orr_lzf_unpack(orr_bytes(packed, (size_t)packed_size), scratch->data, (size_t)size)) {
        reader->failed = true;
        return ORR_BYTES_EMPTY;
    }
    return orr_bytes(scratch->data, scratch->len);
}

/* In `scratch` where it is not there as it is. */
static OrrBytes
take_string(OrrReader *reader, GByteArray *scratch)
{
    bool special;
    uint64_t length = take_length(reader, &special);

    if (!special) {
        if (length > reader->rest.size) {
            reader->failed = true;
            return ORR_BYTES_EMPTY;
        }
        return orr_bytes(orr_take(reader, (size_t)length), (size_t)length);
    }
    switch (length) {
    case SPECIAL_INT8:
        return as_text(scratch, (int8_t)orr_take_u8(reader));
    case SPECIAL_INT16:
        return as_text(scratch, (int16_t)orr_take_u16(reader));
    case SPECIAL_INT32:
        return as_text(scratch, (int32_t)orr_take_u32(reader));
    case SPECIAL_LZF:
        return take_compressed(reader, scratch);
    default:
        reader->failed = true;
        return ORR_BYTES_EMPTY;
    }
}

/* Values */

static void
read_plain_hash(OrrReader *reader, const OrrRdbSink *sink)
{
    g_autoptr(GByteArray) name_room = g_byte_array_new();
    g_autoptr(GByteArray) value_room = g_byte_array_new();
    bool special;
    uint64_t count = take_length(reader, &special);

    reader->failed |= special || count == 0;
    for (uint64_t i = 0; i < count && !reader->failed; i++) {
        OrrBytes name = take_string(reader, name_room);
        OrrBytes value = take_string(reader, value_room);

        if (!reader->failed) {
            sink->field(sink->context, name, value);
        }
    }
}

static void
read_packed_hash(OrrReader *reader, OrrRdbType type, const OrrRdbSink *sink)
{
    g_autoptr(GByteArray) room = g_byte_array_new();
    OrrBytes packed = take_string(reader, room);

    reader->failed |= reader->failed || !orr_rdb_read_packed(packed, type, sink);
}

OrrStatus
orr_rdb_read(OrrBytes payload, const OrrRdbSink *sink)
{
    OrrReader reader = {orr_bytes(payload.data, payload.size - FOOTER_SIZE), false};
    unsigned type = orr_take_u8(&reader);
    g_autoptr(GByteArray) room = g_byte_array_new();
    OrrBytes text;

    switch (type) {
    case ORR_RDB_STRING:
        text = take_string(&reader, room);
        if (!reader.failed) {
            sink->string(sink->context, text);
        }
        break;
    case ORR_RDB_HASH:
        read_plain_hash(&reader, sink);
        break;
    case ORR_RDB_HASH_ZIPMAP:
    case ORR_RDB_HASH_ZIPLIST:
    case ORR_RDB_HASH_LISTPACK:
        read_packed_hash(&reader, (OrrRdbType)type, sink);
        break;
    default:
        return ORR_REFUSED;
    }
    return reader.failed || reader.rest.size > 0 ? ORR_MALFORMED : ORR_OK;
}

/* Writing */

void
orr_rdb_begin(GByteArray *out, OrrRdbType type)
{
    uint8_t byte = (uint8_t)type;

    g_byte_array_append(out, &byte, 1);
}

void
orr_rdb_put_length(GByteArray *out, uint64_t length)
{
    uint8_t text[9];
    guint size;

    if (length < 64) {
        text[0] = (uint8_t)length;
        size = 1;
    } else if (length < 16384) {
        text[0] = (uint8_t)(0x40 | length >> 8);
        text[1] = (uint8_t)length;
        size = 2;
    } else {
        size = length <= UINT32_MAX ? 5 : 9;
        text[0] = size == 5 ? 0x80 : 0x81;
        for (guint i = 1; i < size; i++) {
            text[i] = (uint8_t)(length >> (8 * (size - 1 - i)));
        }
    }
    g_byte_array_append(out, text, size);
}

void
orr_rdb_put_string(GByteArray *out, OrrBytes text)
{
    orr_rdb_put_length(out, text.size);
    if (text.size > 0) {
        g_byte_array_append(out, text.data, (guint)text.size);
    }
}

void
orr_rdb_end(GByteArray *out, size_t begin)
{
    uint8_t footer[FOOTER_SIZE];

    orr_store_u16(footer, ORR_RDB_VERSION_WRITTEN);
    g_byte_array_append(out, footer, 2);
    orr_store_u64(footer, orr_crc64(orr_bytes(out->data + begin, out->len - begin)));
    g_byte_array_append(out, footer, 8);
}
