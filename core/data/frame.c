#include "data/frame.h"

#include "data/crc32c.h"
#include "wire/bytes.h"

static const uint8_t MAGIC[8] = {'O', 'R', 'R', 'E', 'R', 'Y', '\r', '\n'};
#define FORMAT 1u
#define HEADER_CHECKED 44u     /* bytes of the header before its checksum */
#define TORN_HEADER_MAX 65536u /* bytes of a file whose header may be torn */
#define SEQUENCE_WINDOW (UINT64_C(1) << 24)

void
orr_frame_put_header(GByteArray *bytes, const FrameHeader *header)
{
    uint8_t text[FRAME_HEADER_SIZE];
    OrrWriter writer = {text, 0};

    orr_put_bytes(&writer, orr_bytes(MAGIC, sizeof MAGIC));
    orr_put_u16(&writer, FORMAT);
    orr_put_u8(&writer, (uint8_t)header->kind);
    orr_put_u8(&writer, header->flags);
    orr_put_u32(&writer, header->generation);
    orr_put_u64(&writer, header->sequence);
    orr_put_id(&writer, &header->node);
    orr_put_u32(&writer, orr_crc32c(0, orr_bytes(text, HEADER_CHECKED)));
    g_byte_array_append(bytes, text, FRAME_HEADER_SIZE);
}

/* Room for an entry at the end; returns where its payload goes. */
static uint8_t *
add_entry(GByteArray *bytes, size_t payload_size)
{
    guint at = bytes->len;

    g_byte_array_set_size(bytes, at + FRAME_ENTRY_SIZE + (guint)payload_size);
    return bytes->data + at + FRAME_ENTRY_SIZE;
}

/* Fills in what goes before a payload that is written. */
static void
seal_entry(uint8_t *payload, size_t payload_size, uint64_t sequence, FrameType type)
{
    uint8_t *head = payload - FRAME_ENTRY_SIZE;
    OrrWriter writer = {head, 8};
    size_t size = FRAME_ENTRY_SIZE - 8 + payload_size;

    orr_put_u64(&writer, sequence);
    orr_put_u8(&writer, (uint8_t)type);
    orr_store_u32(head, (uint32_t)size);
    orr_store_u32(head + 4, orr_crc32c(0, orr_bytes(head + 8, size)));
}

void
orr_frame_put_entry(GByteArray *bytes, uint64_t sequence, FrameType type, OrrBytes payload)
{
    uint8_t *at = add_entry(bytes, payload.size);

    if (payload.size > 0) {
        memcpy(at, payload.data, payload.size);
    }
    seal_entry(at, payload.size, sequence, type);
}

void
orr_frame_put_record(GByteArray *bytes, uint64_t sequence, const OrrRecord *record)
{
    size_t size = orr_record_size(record);
    uint8_t *at = add_entry(bytes, size);

    (void)orr_record_encode(record, at);
    seal_entry(at, size, sequence, FRAME_RECORD);
}

/* The entry at `at`, if it is whole. */
static bool
whole_entry(OrrBytes content, size_t at, FrameEntry *entry)
{
    const uint8_t *data = content.data + at;
    size_t room = content.size - at;
    uint32_t size;

    if (room < FRAME_ENTRY_SIZE) {
        return false;
    }
    size = orr_load_u32(data);
    if (size < FRAME_ENTRY_SIZE - 8 || size > room - 8) {
        return false;
    }
    entry->sequence = orr_load_u64(data + 8);
    entry->type = (FrameType)data[16];
    entry->payload = orr_bytes(data + FRAME_ENTRY_SIZE, size - (FRAME_ENTRY_SIZE - 8));
    return orr_load_u32(data + 4) == orr_crc32c(0, orr_bytes(data + 8, size));
}

/* A header that is not right is torn, as by a power cut that left zeros or rubbish, only in a
 * file that holds nothing else: the first bytes of a file are few, and stored at once. */
static OrrStatus
torn_header(OrrBytes content)
{
    FrameEntry entry;

    if (content.size > TORN_HEADER_MAX) {
        return ORR_MALFORMED;
    }
    for (size_t at = 0; at + FRAME_ENTRY_SIZE <= content.size; at++) {
        if (whole_entry(content, at, &entry)) {
            return ORR_MALFORMED;
        }
    }
    return ORR_AGAIN;
}

OrrStatus
orr_frame_open(FrameReader *reader, OrrBytes content, FrameHeader *header)
{
    OrrReader in = {content, false};

    if (content.size < FRAME_HEADER_SIZE) {
        return ORR_AGAIN;
    }
    if (memcmp(content.data, MAGIC, sizeof MAGIC) != 0 ||
        orr_load_u32(content.data + HEADER_CHECKED) !=
            orr_crc32c(0, orr_bytes(content.data, HEADER_CHECKED))) {
        return torn_header(content);
    }
    orr_skip(&in, sizeof MAGIC);
    if (orr_take_u16(&in) != FORMAT) {
        return ORR_MALFORMED;
    }
    header->kind = (OrrFileKind)orr_take_u8(&in);
    header->flags = orr_take_u8(&in);
    header->generation = orr_take_u32(&in);
    header->sequence = orr_take_u64(&in);
    header->node = orr_take_id(&in);
    *reader = (FrameReader){content, FRAME_HEADER_SIZE, header->sequence};
    return ORR_OK;
}

/* The entry at `at`, if it is whole and its sequence is in the window from the next one on. The
 * window is looked at first: it makes the search of a long tail cheap. */
static bool
read_entry(const FrameReader *reader, size_t at, FrameEntry *entry)
{
    if (reader->content.size - at < FRAME_ENTRY_SIZE) {
        return false;
    }

    uint64_t sequence = orr_load_u64(reader->content.data + at + 8);

    return sequence - reader->next_sequence < SEQUENCE_WINDOW &&
           whole_entry(reader->content, at, entry);
}

OrrStatus
orr_frame_next(FrameReader *reader, FrameEntry *entry)
{
    FrameEntry later;

    if (reader->at == reader->content.size) {
        return ORR_NOT_FOUND;
    }
    if (read_entry(reader, reader->at, entry) && entry->sequence == reader->next_sequence) {
        reader->at += FRAME_ENTRY_SIZE + entry->payload.size;
        reader->next_sequence++;
        return ORR_OK;
    }
    for (size_t at = reader->at; at + FRAME_ENTRY_SIZE <= reader->content.size; at++) {
        if (read_entry(reader, at, &later)) {
            return ORR_MALFORMED;
        }
    }
    return ORR_AGAIN;
}
