/* bytes.h - little-endian integers in and out of byte strings; private to the core.
 *
 * A writer never runs past its room because its user has sized it; a reader that would run past
 * its end sets `failed`, gives zeros from then on, and is asked once, at the end.
 */
#ifndef ORR_WIRE_BYTES_H
#define ORR_WIRE_BYTES_H

#include <orrery/types.h>

typedef struct OrrWriter {
    uint8_t *buffer;
    size_t used;
} OrrWriter;

typedef struct OrrReader {
    OrrBytes rest;
    bool failed;
} OrrReader;

static inline void
orr_store_u16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

static inline void
orr_store_u32(uint8_t *at, uint32_t value)
{
    orr_store_u16(at, (uint16_t)value);
    orr_store_u16(at + 2, (uint16_t)(value >> 16));
}

static inline void
orr_store_u64(uint8_t *at, uint64_t value)
{
    orr_store_u32(at, (uint32_t)value);
    orr_store_u32(at + 4, (uint32_t)(value >> 32));
}

static inline uint16_t
orr_load_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

static inline uint32_t
orr_load_u32(const uint8_t *at)
{
    return orr_load_u16(at) | (uint32_t)orr_load_u16(at + 2) << 16;
}

static inline uint64_t
orr_load_u64(const uint8_t *at)
{
    return orr_load_u32(at) | (uint64_t)orr_load_u32(at + 4) << 32;
}

static inline void
orr_put_u8(OrrWriter *writer, uint8_t value)
{
    writer->buffer[writer->used++] = value;
}

static inline void
orr_put_u16(OrrWriter *writer, uint16_t value)
{
    orr_store_u16(writer->buffer + writer->used, value);
    writer->used += 2;
}

static inline void
orr_put_u32(OrrWriter *writer, uint32_t value)
{
    orr_store_u32(writer->buffer + writer->used, value);
    writer->used += 4;
}

static inline void
orr_put_u64(OrrWriter *writer, uint64_t value)
{
    orr_store_u64(writer->buffer + writer->used, value);
    writer->used += 8;
}

static inline void
orr_put_bytes(OrrWriter *writer, OrrBytes bytes)
{
    if (bytes.size > 0) {
        memcpy(writer->buffer + writer->used, bytes.data, bytes.size);
        writer->used += bytes.size;
    }
}

static inline void
orr_put_id(OrrWriter *writer, const OrrId *id)
{
    orr_put_bytes(writer, orr_bytes(id->bytes, ORR_ID_SIZE));
}

static inline void
orr_put_address(OrrWriter *writer, const OrrAddress *address)
{
    orr_put_bytes(writer, orr_bytes(address->ip, sizeof address->ip));
    orr_put_u16(writer, address->port);
    orr_put_u16(writer, address->bus_port);
}

/* The next `size` bytes, or NULL and `failed`. */
static inline const uint8_t *
orr_take(OrrReader *reader, size_t size)
{
    const uint8_t *data = reader->rest.data;

    if (reader->failed || reader->rest.size < size) {
        reader->failed = true;
        return NULL;
    }
    reader->rest.data += size;
    reader->rest.size -= size;
    return data;
}

static inline void
orr_skip(OrrReader *reader, size_t size)
{
    (void)orr_take(reader, size);
}

static inline uint8_t
orr_take_u8(OrrReader *reader)
{
    const uint8_t *data = orr_take(reader, 1);

    return data != NULL ? data[0] : 0;
}

static inline uint16_t
orr_take_u16(OrrReader *reader)
{
    const uint8_t *data = orr_take(reader, 2);

    return data != NULL ? orr_load_u16(data) : 0;
}

static inline uint32_t
orr_take_u32(OrrReader *reader)
{
    const uint8_t *data = orr_take(reader, 4);

    return data != NULL ? orr_load_u32(data) : 0;
}

static inline uint64_t
orr_take_u64(OrrReader *reader)
{
    const uint8_t *data = orr_take(reader, 8);

    return data != NULL ? orr_load_u64(data) : 0;
}

static inline OrrId
orr_take_id(OrrReader *reader)
{
    OrrId id = ORR_ID_NONE;
    const uint8_t *data = orr_take(reader, ORR_ID_SIZE);

    if (data != NULL) {
        memcpy(id.bytes, data, ORR_ID_SIZE);
    }
    return id;
}

static inline OrrAddress
orr_take_address(OrrReader *reader)
{
    OrrAddress address = {{0}, 0, 0};
    const uint8_t *data = orr_take(reader, sizeof address.ip);

    if (data != NULL) {
        memcpy(address.ip, data, sizeof address.ip);
    }
    address.port = orr_take_u16(reader);
    address.bus_port = orr_take_u16(reader);
    return address;
}

static inline OrrBytes
orr_take_rest(OrrReader *reader)
{
    OrrBytes rest = reader->rest;

    reader->rest = ORR_BYTES_EMPTY;
    return rest;
}

#endif
