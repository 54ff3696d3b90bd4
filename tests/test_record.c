#include "check.h"

#include <orrery/orrery.h>

#include "data/crc32c.h"

static OrrRecord
sample(void)
{
    OrrRecord record = {
        .kind = ORR_RECORD_HASH_FIELD,
        .version = UINT64_C(0x0000070000000009),
        .wall_ms = 1700000000000,
        .expire_ms = 1800000000000,
        .key = orr_bytes_of_string("users"),
        .field = orr_bytes_of_string("alice"),
        .value = orr_bytes_of_string("in wonderland"),
    };
    return record;
}

static bool
records_equal(const OrrRecord *a, const OrrRecord *b)
{
    return a->kind == b->kind && a->version == b->version && a->wall_ms == b->wall_ms &&
           a->expire_ms == b->expire_ms && orr_bytes_equal(a->key, b->key) &&
           orr_bytes_equal(a->field, b->field) && orr_bytes_equal(a->value, b->value);
}

/* The checksum is the one that the iSCSI standard gives examples of (RFC 3720, B.4), and both
 * ways of computing it agree at every length and when it is continued. */
static void
test_checksum_is_castagnoli(void)
{
    uint8_t zeros[32] = {0};
    uint8_t mixed[100];
    OrrRng rng = orr_rng_new(3);

    T_EQ(orr_crc32c(0, orr_bytes_of_string("123456789")), 0xe3069283);
    T_EQ(orr_crc32c(0, orr_bytes(zeros, 32)), 0x8a9136aa);
    for (size_t i = 0; i < sizeof mixed; i++) {
        mixed[i] = (uint8_t)orr_rng_next(&rng);
    }
    for (size_t size = 0; size <= sizeof mixed; size++) {
        uint32_t whole = orr_crc32c_bytewise(0, mixed, size);
        uint32_t half = orr_crc32c(0, orr_bytes(mixed, size / 2));

        T_EQ(orr_crc32c(0, orr_bytes(mixed, size)), whole);
        T_EQ(orr_crc32c(half, orr_bytes(mixed + size / 2, size - size / 2)), whole);
    }
}

/* The layout on disk is the documented one, byte by byte, and never changes by accident. */
static void
test_layout_is_the_documented_one(void)
{
    static const uint8_t EXPECTED[] = {
        41 + 23, 0,    0,    0,    0,    0,   0,   0,             /* size, checksum */
        9,       0,    0,    0,    0,    7,   0,   0,             /* version */
        2,                                                        /* kind */
        0,       0x68, 0xe5, 0xcf, 0x8b, 1,   0,   0,             /* wall ms */
        0,       0x50, 0x5c, 0x18, 0xa3, 1,   0,   0,             /* expire ms */
        5,       0,    0,    0,    'u',  's', 'e', 'r', 's',      /* key */
        5,       0,    0,    0,    'a',  'l', 'i', 'c', 'e',      /* field */
        13,      0,    0,    0,    'i',  'n', ' ', 'w', 'o', 'n', /* value */
        'd',     'e',  'r',  'l',  'a',  'n', 'd',
    };
    OrrRecord record = sample();
    uint8_t buffer[128];
    size_t size = orr_record_encode(&record, buffer);

    T_EQ(size, sizeof EXPECTED);
    T_EQ(size, orr_record_size(&record));
    T_EQ(memcmp(buffer, EXPECTED, 4), 0);
    T_EQ(memcmp(buffer + 8, EXPECTED + 8, sizeof EXPECTED - 8), 0);
}

/* What was written is read again; with any byte missing it waits, with any bit changed it is
 * refused. */
static void
test_damage_is_noticed(void)
{
    OrrRecord record = sample();
    OrrRecord read = {.slot = 7};
    uint8_t buffer[128];
    size_t used = 0;
    size_t size = orr_record_encode(&record, buffer);

    T_EQ(orr_record_decode(orr_bytes(buffer, sizeof buffer), &read, &used), ORR_OK);
    T_EQ(used, size);
    T_TRUE(records_equal(&read, &record));
    for (size_t cut = 0; cut < size; cut++) {
        T_EQ(orr_record_decode(orr_bytes(buffer, cut), &read, &used), ORR_AGAIN);
    }
    for (size_t bit = 0; bit < size * 8; bit++) {
        buffer[bit / 8] ^= (uint8_t)(1u << bit % 8);
        T_TRUE(orr_record_decode(orr_bytes(buffer, size), &read, &used) != ORR_OK);
        buffer[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

/* A record with a right checksum but parts that its kind does not have is refused. */
static void
test_wrong_parts_are_refused(void)
{
    OrrRecord record = sample();
    OrrRecord read;
    uint8_t buffer[128];
    size_t used;
    static const OrrRecordKind WRONG[] = {
        ORR_RECORD_STRING, ORR_RECORD_DELETE, ORR_RECORD_DELETE_FIELD, ORR_RECORD_EXPIRE,
        ORR_RECORD_FLUSH,  (OrrRecordKind)0,  (OrrRecordKind)99};

    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        record.kind = WRONG[i];
        size_t size = orr_record_encode(&record, buffer);

        T_EQ(orr_record_decode(orr_bytes(buffer, size), &read, &used), ORR_MALFORMED);
    }
}

/* A group holds whole records, at least one, and no other group; whoever reads on gets its
 * records one by one. */
static void
test_groups_hold_whole_records(void)
{
    OrrRecord one = {.kind = ORR_RECORD_DELETE, .version = 7, .key = orr_bytes_of_string("k")};
    uint8_t text[512];
    uint8_t outer[1024];
    size_t size = orr_record_encode(&one, text);
    size_t grouped;
    size_t used;
    OrrRecord read;
    OrrBytes rest;

    size += orr_record_encode(&one, text + size);
    grouped = orr_group_encode(orr_bytes(text, size), 7, 9, outer);
    T_EQ(grouped, orr_group_size(size));
    T_EQ(orr_record_decode(orr_bytes(outer, grouped), &read, &used), ORR_OK);
    T_EQ(read.kind, ORR_RECORD_GROUP);
    T_EQ(read.version, 7);
    T_EQ(used, grouped);
    rest = orr_bytes(outer, grouped);
    for (int i = 0; i < 2; i++) {
        T_EQ(orr_record_next(&rest, &read), ORR_OK);
        T_EQ(read.kind, ORR_RECORD_DELETE);
    }
    T_EQ(orr_record_next(&rest, &read), ORR_NOT_FOUND);

    grouped = orr_group_encode(orr_bytes(text, size - 1), 7, 9, outer); /* half a record */
    T_EQ(orr_record_decode(orr_bytes(outer, grouped), &read, &used), ORR_MALFORMED);
    grouped = orr_group_encode(ORR_BYTES_EMPTY, 7, 9, outer);
    T_EQ(orr_record_decode(orr_bytes(outer, grouped), &read, &used), ORR_MALFORMED);
    grouped = orr_group_encode(orr_bytes(text, size), 7, 9, outer);
    memcpy(text, outer, grouped);
    grouped = orr_group_encode(orr_bytes(text, grouped), 7, 9, outer); /* a group in a group */
    T_EQ(orr_record_decode(orr_bytes(outer, grouped), &read, &used), ORR_MALFORMED);
}

static const Test TESTS[] = {
    TEST(test_checksum_is_castagnoli),    TEST(test_layout_is_the_documented_one),
    TEST(test_damage_is_noticed),         TEST(test_wrong_parts_are_refused),
    TEST(test_groups_hold_whole_records),
};

T_MAIN("record", TESTS)
