/* Any bytes at all, as files of a node and as writes to a keyspace: nothing is read past its
 * end, damage is an answer, and a copy made by iteration equals its original. */
#include "fuzz_replay.h"

#include <orrery/orrery.h>

#include "data/crc32c.h"
#include "data/frame.h"
#include "wire/bytes.h"

#include <glib.h>

static OrrBytes
take(OrrBytes *rest, size_t size)
{
    OrrBytes taken = orr_bytes(rest->data, MIN(size, rest->size));

    *rest = orr_bytes(rest->data + taken.size, rest->size - taken.size);
    return taken;
}

static uint8_t
take_byte(OrrBytes *rest)
{
    OrrBytes byte = take(rest, 1);

    return byte.size > 0 ? byte.data[0] : 0;
}

static void
recover(OrrBytes content, OrrFileKind kind)
{
    /* a block of just that size, so that a sanitizer sees the first byte read past it */
    uint8_t *copy = g_memdup2(content.size > 0 ? content.data : (const uint8_t *)"",
                              MAX(content.size, (size_t)1));
    OrrFile file = {kind, 1, orr_bytes(copy, content.size)};
    OrrKeyspace *keyspace = orr_keyspace_new(1);
    OrrStateLog *state = orr_state_new(kind);
    OrrId anybody = ORR_ID_NONE;
    OrrLogRecovery recovery;
    uint64_t torn;
    char where[160];
    OrrStatus status =
        orr_log_recover(&file, 1, &anybody, ORR_HASH_SLOT_BY_KEY, keyspace, NULL, &recovery);

    g_assert(status == ORR_OK || (status == ORR_MALFORMED && recovery.refused[0] != '\0'));
    status = orr_state_recover(state, &file, 1, &torn, where);
    g_assert(status == ORR_OK || status == ORR_MALFORMED);
    orr_state_free(state);
    orr_keyspace_free(keyspace);
    g_free(copy);
}

/* A file whose frames are right and whose payloads are anything. */
static void
recover_framed(OrrBytes rest, OrrFileKind kind)
{
    GByteArray *bytes = g_byte_array_new();
    FrameHeader header = {.kind = kind, .generation = 1, .sequence = 1};

    orr_frame_put_header(bytes, &header);
    for (uint64_t sequence = 1; rest.size > 0; sequence++) {
        FrameType type = (FrameType)(take_byte(&rest) % 6);
        size_t size = take_byte(&rest);

        orr_frame_put_entry(bytes, sequence, type, take(&rest, size));
    }
    recover(orr_bytes(bytes->data, bytes->len), kind);
    g_byte_array_unref(bytes);
}

/* A record whose size and checksum are right and whose body is anything. */
static void
decode_sealed(OrrBytes body)
{
    g_autofree uint8_t *text = g_malloc(body.size + 8);
    OrrRecord record;
    size_t used;

    orr_store_u32(text, (uint32_t)(body.size + 4));
    orr_store_u32(text + 4, orr_crc32c(0, body));
    memcpy(text + 8, body.data, body.size);
    if (orr_record_decode(orr_bytes(text, body.size + 8), &record, &used) == ORR_OK) {
        g_assert(used == body.size + 8 && orr_record_size(&record) == used);
    }
}

static OrrRecord
record_from(OrrBytes *rest, OrrVersion *version)
{
    static const uint8_t ZEROS[2000];
    OrrRecord record = {.kind = (OrrRecordKind)(1 + take_byte(rest) % 6)};
    uint8_t age = take_byte(rest);
    uint8_t size = take_byte(rest);

    record.version = age % 8 == 0 ? *version - MIN(*version, (OrrVersion)age) : ++*version;
    record.slot = take_byte(rest) % 4;
    record.key = take(rest, 1);
    record.expire_ms = size % 16 == 1 ? 1000 + age : 0;
    if (record.kind == ORR_RECORD_HASH_FIELD || record.kind == ORR_RECORD_DELETE_FIELD) {
        record.field = take(rest, 1 + size % 2);
    }
    if (record.kind == ORR_RECORD_STRING || record.kind == ORR_RECORD_HASH_FIELD) {
        record.value = size > 250 ? orr_bytes(ZEROS, sizeof ZEROS) : take(rest, size % 32);
    }
    if (record.kind == ORR_RECORD_FLUSH) {
        record.value = take(rest, 4);
    }
    return record;
}

static bool
count_value(const OrrValue *value, void *context)
{
    (void)value;
    ++*(size_t *)context;
    return true;
}

static void
apply_to(const OrrRecord *record, void *context)
{
    OrrRecord decoded;
    g_autofree uint8_t *text = g_malloc(orr_record_size(record));
    size_t used;

    g_assert(orr_record_encode(record, text) == orr_record_size(record));
    g_assert(orr_record_decode(orr_bytes(text, orr_record_size(record)), &decoded, &used) ==
             ORR_OK);
    decoded.slot = record->slot;
    OrrStatus status = orr_keyspace_apply(context, &decoded);

    g_assert(status == ORR_OK || status == ORR_STALE);
}

static void
write_keyspace(OrrBytes rest, bool keep_deleted)
{
    OrrKeyspace *keyspace = orr_keyspace_new(1);
    OrrKeyspace *copy = orr_keyspace_new(2);
    OrrKeyspaceCursor cursor = orr_keyspace_cursor(0, ORR_KEYSPACE_SLOTS - 1);
    OrrVersion version = 300;
    size_t count = 0;

    orr_keyspace_keep_deleted(keyspace, keep_deleted);
    while (rest.size > 0) {
        OrrRecord record = record_from(&rest, &version);

        (void)orr_keyspace_apply(keyspace, &record);
    }
    (void)orr_keyspace_scan(keyspace, 0, SIZE_MAX, ORR_ANY_TIME, count_value, &count);
    g_assert(count == orr_keyspace_count(keyspace));
    while (orr_keyspace_iterate(keyspace, &cursor, 3, apply_to, copy) > 0) {
    }
    g_assert(orr_keyspace_digest(copy) == orr_keyspace_digest(keyspace));
    g_assert(orr_keyspace_count(copy) == count);
    (void)orr_keyspace_purge_deleted(keyspace, UINT64_MAX, 0, SIZE_MAX);
    g_assert(orr_keyspace_count_deleted(keyspace) == 0);
    g_assert(orr_keyspace_digest(copy) == orr_keyspace_digest(keyspace));
    orr_keyspace_free(copy);
    orr_keyspace_free(keyspace);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    OrrBytes rest = orr_bytes(data, size);
    uint8_t how = take_byte(&rest);
    OrrFileKind kind = (OrrFileKind)(how / 8 % ORR_FILE_KINDS);

    switch (how % 4) {
    case 0:
        recover(rest, kind);
        decode_sealed(rest);
        break;
    case 1:
        recover_framed(rest, kind);
        break;
    default:
        write_keyspace(rest, how % 4 == 3);
        break;
    }
    return 0;
}
