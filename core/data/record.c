#include <orrery/record.h>
#include <orrery/slots.h>

#include "data/crc32c.h"
#include "wire/bytes.h"

#define FRAME_SIZE 8u                        /* size and checksum */
#define FIXED_SIZE (8u + 1u + 8u + 8u + 12u) /* of what they cover, without the bytes */
#define BODY_SIZE_MAX                                                                          \
    (FIXED_SIZE + (size_t)ORR_KEY_SIZE_MAX + (size_t)ORR_KEY_SIZE_MAX +                        \
     (size_t)ORR_GROUP_SIZE_MAX)

#define GROUP_HEAD_SIZE (FRAME_SIZE + FIXED_SIZE)

static void
put_sized(OrrWriter *writer, OrrBytes bytes)
{
    orr_put_u32(writer, (uint32_t)bytes.size);
    orr_put_bytes(writer, bytes);
}

static OrrBytes
take_sized(OrrReader *reader, size_t size_max)
{
    size_t size = orr_take_u32(reader);

    if (size > size_max) {
        reader->failed = true;
        return ORR_BYTES_EMPTY;
    }

    const uint8_t *data = orr_take(reader, size);

    return data == NULL ? ORR_BYTES_EMPTY : orr_bytes(data, size);
}

size_t
orr_record_size(const OrrRecord *record)
{
    return FRAME_SIZE + FIXED_SIZE + record->key.size + record->field.size + record->value.size;
}

size_t
orr_record_encode(const OrrRecord *record, uint8_t *buffer)
{
    OrrWriter writer = {buffer, FRAME_SIZE};

    orr_put_u64(&writer, record->version);
    orr_put_u8(&writer, (uint8_t)record->kind);
    orr_put_u64(&writer, (uint64_t)record->wall_ms);
    orr_put_u64(&writer, (uint64_t)record->expire_ms);
    put_sized(&writer, record->key);
    put_sized(&writer, record->field);
    put_sized(&writer, record->value);
    orr_store_u32(buffer, (uint32_t)(writer.used - 4));
    orr_store_u32(buffer + 4,
                  orr_crc32c(0, orr_bytes(buffer + FRAME_SIZE, writer.used - FRAME_SIZE)));
    return writer.used;
}

/* Whole records, and no group among them. */
static bool
is_sound_group(OrrBytes records)
{
    size_t count = 0;

    while (records.size > 0) {
        OrrRecord record;
        size_t used;

        if (orr_record_decode(records, &record, &used) != ORR_OK ||
            record.kind == ORR_RECORD_GROUP) {
            return false;
        }
        records = orr_bytes(records.data + used, records.size - used);
        count++;
    }
    return count > 0;
}

/* What its kind must and must not have. */
static bool
parts_fit(const OrrRecord *record)
{
    switch (record->kind) {
    case ORR_RECORD_STRING:
        return record->field.size == 0;
    case ORR_RECORD_HASH_FIELD:
        return true;
    case ORR_RECORD_DELETE:
    case ORR_RECORD_EXPIRE:
        return record->field.size == 0 && record->value.size == 0;
    case ORR_RECORD_DELETE_FIELD:
        return record->value.size == 0;
    case ORR_RECORD_FLUSH:
        return record->key.size == 0 && record->field.size == 0 && record->value.size == 4;
    case ORR_RECORD_GROUP:
        return record->key.size == 0 && record->field.size == 0 &&
               is_sound_group(record->value);
    }
    return false;
}

static OrrStatus
decode_body(OrrBytes body, OrrRecord *record)
{
    OrrReader reader = {body, false};
    OrrRecord read = {.slot = 0};

    read.version = orr_take_u64(&reader);
    read.kind = (OrrRecordKind)orr_take_u8(&reader);
    read.wall_ms = (int64_t)orr_take_u64(&reader);
    read.expire_ms = (int64_t)orr_take_u64(&reader);
    read.key = take_sized(&reader, ORR_KEY_SIZE_MAX);
    read.field = take_sized(&reader, ORR_KEY_SIZE_MAX);
    read.value = take_sized(&reader, read.kind == ORR_RECORD_GROUP ? ORR_GROUP_SIZE_MAX
                                                                   : ORR_VALUE_SIZE_MAX);
    if (reader.failed || reader.rest.size != 0 || !parts_fit(&read)) {
        return ORR_MALFORMED;
    }
    *record = read;
    return ORR_OK;
}

OrrStatus
orr_record_decode(OrrBytes bytes, OrrRecord *record, size_t *used)
{
    if (bytes.size < 4) {
        return ORR_AGAIN;
    }

    size_t size = orr_load_u32(bytes.data);

    if (size < 4 + FIXED_SIZE || size > 4 + BODY_SIZE_MAX) {
        return ORR_MALFORMED;
    }
    if (bytes.size - 4 < size) {
        return ORR_AGAIN;
    }

    OrrBytes body = orr_bytes(bytes.data + FRAME_SIZE, size - 4);

    if (orr_crc32c(0, body) != orr_load_u32(bytes.data + 4) ||
        decode_body(body, record) != ORR_OK) {
        return ORR_MALFORMED;
    }
    *used = 4 + size;
    return ORR_OK;
}

OrrStatus
orr_record_next(OrrBytes *rest, OrrRecord *record)
{
    OrrStatus status;
    size_t used;

    if (rest->size == 0) {
        return ORR_NOT_FOUND;
    }
    status = orr_record_decode(*rest, record, &used);
    if (status == ORR_OK && record->kind == ORR_RECORD_GROUP) {
        /* its records are the last thing in it: behind its head, they are like any others */
        *rest = orr_bytes(rest->data + GROUP_HEAD_SIZE, rest->size - GROUP_HEAD_SIZE);
        status = orr_record_decode(*rest, record, &used);
    }
    if (status == ORR_OK) {
        *rest = orr_bytes(rest->data + used, rest->size - used);
    }
    return status;
}

size_t
orr_group_size(size_t records_size)
{
    return GROUP_HEAD_SIZE + records_size;
}

size_t
orr_group_encode(OrrBytes records, OrrVersion version, int64_t wall_ms, uint8_t *buffer)
{
    OrrWriter writer = {buffer, FRAME_SIZE};

    if (records.size > 0 && records.data != buffer + GROUP_HEAD_SIZE) {
        memmove(buffer + GROUP_HEAD_SIZE, records.data, records.size);
    }
    orr_put_u64(&writer, version);
    orr_put_u8(&writer, ORR_RECORD_GROUP);
    orr_put_u64(&writer, (uint64_t)wall_ms);
    orr_put_u64(&writer, (uint64_t)ORR_EXPIRE_NEVER);
    orr_put_u32(&writer, 0);
    orr_put_u32(&writer, 0);
    orr_put_u32(&writer, (uint32_t)records.size);
    writer.used += records.size;
    orr_store_u32(buffer, (uint32_t)(writer.used - 4));
    orr_store_u32(buffer + 4,
                  orr_crc32c(0, orr_bytes(buffer + FRAME_SIZE, writer.used - FRAME_SIZE)));
    return writer.used;
}

void
orr_record_set_slot(OrrRecord *record, OrrHashSlotBy hash_slot_by)
{
    bool field =
        record->kind == ORR_RECORD_HASH_FIELD || record->kind == ORR_RECORD_DELETE_FIELD;
    bool by_field = hash_slot_by == ORR_HASH_SLOT_BY_FIELD;

    record->slot = orr_slot_of_key(field && by_field ? record->field : record->key);
}
