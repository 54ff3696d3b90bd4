#include "data/frame.h"

#include "data/crc32c.h"
#include "wire/bytes.h"

static const uint8_t MAGIC[8] = {'O', 'R', 'R', 'E', 'R', 'Y', '\r', '\n'};
#define FORMAT 1u
#define HEADER_CHECKED 44u /* bytes of the header before its checksum */
#define SEQUENCE_WINDOW (UINT64_C(1) << 24)

void
frame_put_header(GByteArray *bytes, const FrameHeader *header)
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

void
frame_put_entry(GByteArray *bytes, uint64_t sequence, FrameType type, OrrBytes payload)
{
    uint8_t text[FRAME_ENTRY_SIZE];
    OrrWriter writer = {text, 8};
    uint32_t crc;

    orr_put_u64(&writer, sequence);
    orr_put_u8(&writer, (uint8_t)type);
    crc = orr_crc32c(0, orr_bytes(text + 8, FRAME_ENTRY_SIZE - 8));
    crc = orr_crc32c(crc, payload);
    orr_store_u32(text, (uint32_t)(FRAME_ENTRY_SIZE - 8 + payload.size));
    orr_store_u32(text + 4, crc);
    g_byte_array_append(bytes, text, FRAME_ENTRY_SIZE);
    if (payload.size > 0) {
        g_byte_array_append(bytes, payload.data, (guint)payload.size);
    }
}

OrrStatus
frame_open(FrameReader *reader, OrrBytes content, FrameHeader *header)
{
    OrrReader in = {content, false};

    if (content.size < FRAME_HEADER_SIZE) {
        return ORR_AGAIN;
    }
    if (memcmp(content.data, MAGIC, sizeof MAGIC) != 0 ||
        orr_load_u32(content.data + HEADER_CHECKED) !=
            orr_crc32c(0, orr_bytes(content.data, HEADER_CHECKED))) {
        return ORR_MALFORMED;
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

/* Reads the entry at `at` if it is whole and its sequence is in the window from `lowest` on. */
static bool
read_entry(const FrameReader *reader, size_t at, uint64_t lowest, FrameEntry *entry)
{
    const uint8_t *data = reader->content.data + at;
    size_t room = reader->content.size - at;
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
    return entry->sequence - lowest < SEQUENCE_WINDOW &&
           orr_load_u32(data + 4) == orr_crc32c(0, orr_bytes(data + 8, size));
}

OrrStatus
frame_next(FrameReader *reader, FrameEntry *entry)
{
    FrameEntry later;

    if (reader->at == reader->content.size) {
        return ORR_NOT_FOUND;
    }
    if (read_entry(reader, reader->at, reader->next_sequence, entry) &&
        entry->sequence == reader->next_sequence) {
        reader->at += FRAME_ENTRY_SIZE + entry->payload.size;
        reader->next_sequence++;
        return ORR_OK;
    }
    for (size_t at = reader->at; at + FRAME_ENTRY_SIZE <= reader->content.size; at++) {
        if (read_entry(reader, at, reader->next_sequence, &later)) {
            return ORR_MALFORMED;
        }
    }
    return ORR_AGAIN;
}
