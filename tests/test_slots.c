#include "check.h"

#include <orrery/orrery.h>

static uint16_t
slot_of_text(const char *text)
{
    return orr_slot_of_key(orr_bytes_of_string(text));
}

/* What the definition says, a bit at a time. */
static uint16_t
naive_crc16(OrrBytes bytes)
{
    uint32_t crc = 0;

    for (size_t i = 0; i < bytes.size; i++) {
        crc ^= (uint32_t)bytes.data[i] << 8;
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc & 0x8000) != 0 ? crc << 1 ^ 0x11021u : crc << 1;
        }
    }
    return (uint16_t)crc;
}

/* The specification's words, a byte at a time. */
static OrrBytes
naive_tag(OrrBytes key)
{
    size_t open = 0;

    while (open < key.size && key.data[open] != '{') {
        open++;
    }
    size_t close = open + 1;
    while (close < key.size && key.data[close] != '}') {
        close++;
    }
    if (close >= key.size || close == open + 1) {
        return key;
    }
    return orr_bytes(key.data + open + 1, close - open - 1);
}

/* Redis's own documents: the checksum of "123456789", and which keys share a slot. */
static void
test_known_answers(void)
{
    T_EQ(orr_crc16(orr_bytes_of_string("123456789")), 0x31c3);
    T_EQ(slot_of_text(""), 0);
    T_EQ(slot_of_text("foo"), 12182);
    T_EQ(slot_of_text("{}"), 15257);
    T_EQ(slot_of_text("{user1000}.following"), slot_of_text("user1000"));
    T_EQ(slot_of_text("foo{{bar}}zap"), slot_of_text("{bar"));
    T_EQ(slot_of_text("foo{bar}{zap}"), slot_of_text("bar"));
    T_TRUE(slot_of_text("foo{}{bar}") != slot_of_text("bar"));
    T_EQ(orr_slot_of_key(ORR_BYTES_EMPTY), 0);
}

/* However it is computed, and wherever the bytes lie, the checksum is the same. */
static void
test_all_ways_agree(void)
{
    OrrRng rng = orr_rng_new(t_seed(3));
    uint8_t bytes[1100];

    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)orr_rng_next(&rng);
    }
    for (size_t size = 0; size < 1024; size++) {
        OrrBytes piece = orr_bytes(bytes + orr_rng_below(&rng, 64), size);
        uint16_t right = naive_crc16(piece);

        T_EQ(orr_crc16(piece), right);
        T_EQ(orr_crc16_by(ORR_CRC16_BYTEWISE, piece), right);
        T_EQ(orr_crc16_by(ORR_CRC16_SLICES, piece), right);
        T_EQ(orr_crc16_by(ORR_CRC16_CARRYLESS, piece), right);
    }
}

/* Each of the 2^16 pairs of bytes, so that no entry of a table is left untried. */
static void
test_all_pairs_of_bytes(void)
{
    for (unsigned i = 0; i < 65536; i++) {
        uint8_t bytes[9] = {(uint8_t)(i >> 8), (uint8_t)i, 1, 2, 3, 4, 5, 6, 7};

        for (size_t size = 2; size <= sizeof bytes; size++) {
            OrrBytes piece = orr_bytes(bytes, size);
            uint16_t right = naive_crc16(piece);

            T_REQUIRE(orr_crc16_by(ORR_CRC16_SLICES, piece) == right);
            T_REQUIRE(orr_crc16_by(ORR_CRC16_CARRYLESS, piece) == right);
        }
    }
}

/* Random strings full of braces, NULs and neighbours of '{' hash as the specification says. */
static void
test_hash_tags_of_any_bytes(void)
{
    static const uint8_t alphabet[] = {'{', '}', 'a', 0, 0xff, 'z', 0x7a, 0x7c, 0xfb, 0x80};
    OrrRng rng = orr_rng_new(t_seed(4));

    for (int round = 0; round < 200000; round++) {
        uint8_t bytes[40];
        size_t size = orr_rng_below(&rng, sizeof bytes);

        for (size_t i = 0; i < size; i++) {
            bool any = orr_rng_below(&rng, 2) == 0;
            bytes[i] = any ? (uint8_t)orr_rng_next(&rng)
                           : alphabet[orr_rng_below(&rng, sizeof alphabet)];
        }
        OrrBytes key = orr_bytes(bytes, size);
        OrrBytes tag = naive_tag(key);
        OrrBytes found = orr_slot_tag(key);
        T_REQUIRE(found.data == tag.data && found.size == tag.size);
        T_REQUIRE(orr_slot_of_key(key) == naive_crc16(tag) % ORR_SLOT_COUNT);
    }
}

/* redis-server's own answers, edge cases first: shared/vectors/redis_slots_hexkey.tsv. */
static void
test_redis_agrees(void)
{
    FILE *file = fopen(ORR_SHARED_DIR "/vectors/redis_slots_hexkey.tsv", "r");
    char line[8192];

    if (file == NULL) {
        printf("SKIP: no vectors beside the source tree\n");
        return;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        uint8_t key[4096];
        char *tab = strchr(line, '\t');
        size_t size = (size_t)(tab - line) / 2;

        for (size_t i = 0; i < size; i++) {
            unsigned byte = 0;
            T_REQUIRE(sscanf(line + 2 * i, "%2x", &byte) == 1);
            key[i] = (uint8_t)byte;
        }
        T_EQ(orr_slot_of_key(orr_bytes(key, size)), atoi(tab + 1));
    }
    fclose(file);
}

/* Three nodes get the ranges that redis-cli --cluster create would give them. */
static void
test_even_deal_is_that_of_redis_cli(void)
{
    static uint16_t owner[ORR_SLOT_COUNT];

    T_EQ(orr_slots_deal(ORR_SLOTS_EVEN, NULL, NULL, 3, owner), ORR_OK);

    T_EQ(owner[5460], 0);
    T_EQ(owner[5461], 1);
    T_EQ(owner[10922], 1);
    T_EQ(owner[10923], 2);
    T_EQ(owner[16383], 2);
}

/* Every slot has an owner, and each node what its weight says, give or take one slot. */
static void
test_weighted_deal_is_in_proportion(void)
{
    static uint16_t owner[ORR_SLOT_COUNT];
    static const uint32_t weights[] = {1, 0, 5, UINT32_MAX, UINT32_MAX, 1u << 31};
    double total = 6 + 2.0 * UINT32_MAX + 2147483648.0;
    unsigned dealt[6] = {0};

    T_EQ(orr_slots_deal(ORR_SLOTS_WEIGHTED, NULL, weights, 6, owner), ORR_OK);

    for (unsigned slot = 0; slot < ORR_SLOT_COUNT; slot++) {
        T_REQUIRE(owner[slot] < 6);
        dealt[owner[slot]]++;
    }
    for (unsigned i = 0; i < 6; i++) {
        double due = weights[i] / total * ORR_SLOT_COUNT;
        T_TRUE(dealt[i] >= due - 1 && dealt[i] <= due + 1);
    }
}

/* Dealt by the ring, a fourth node takes slots only for itself, whatever the order of the list.
 */
static void
test_ring_deal_moves_little(void)
{
    static uint16_t three[ORR_SLOT_COUNT];
    static uint16_t four[ORR_SLOT_COUNT];
    OrrBytes names[4] = {orr_bytes_of_string("d"), orr_bytes_of_string("a"),
                         orr_bytes_of_string("b"), orr_bytes_of_string("c")};
    unsigned moved = 0;

    T_EQ(orr_slots_deal(ORR_SLOTS_RING, names + 1, NULL, 3, three), ORR_OK);
    T_EQ(orr_slots_deal(ORR_SLOTS_RING, names, NULL, 4, four), ORR_OK);

    for (unsigned slot = 0; slot < ORR_SLOT_COUNT; slot++) {
        T_TRUE(four[slot] == 0 || four[slot] == three[slot] + 1);
        moved += four[slot] == 0;
    }
    T_TRUE(moved > 3000 && moved < 5300);
    names[2] = names[1];
    T_EQ(orr_slots_deal(ORR_SLOTS_RING, names, NULL, 4, four), ORR_EXISTS);
    T_EQ(orr_slots_deal(ORR_SLOTS_RING, NULL, NULL, 4, four), ORR_INVALID);
}

/* No nodes, too many, or nobody with a weight: refused, and nothing is written. */
static void
test_impossible_deals_are_refused(void)
{
    static uint16_t owner[ORR_SLOT_COUNT];
    static const uint32_t nothing[2];

    owner[7] = 77;
    T_EQ(orr_slots_deal(ORR_SLOTS_EVEN, NULL, NULL, 0, owner), ORR_INVALID);
    T_EQ(orr_slots_deal(ORR_SLOTS_EVEN, NULL, NULL, 16385, owner), ORR_INVALID);
    T_EQ(orr_slots_deal(ORR_SLOTS_WEIGHTED, NULL, nothing, 2, owner), ORR_INVALID);
    T_EQ(owner[7], 77);
}

static const Test TESTS[] = {
    TEST(test_known_answers),
    TEST(test_all_ways_agree),
    TEST(test_all_pairs_of_bytes),
    TEST(test_hash_tags_of_any_bytes),
    TEST(test_redis_agrees),
    TEST(test_even_deal_is_that_of_redis_cli),
    TEST(test_weighted_deal_is_in_proportion),
    TEST(test_ring_deal_moves_little),
    TEST(test_impossible_deals_are_refused),
};

T_MAIN("slots", TESTS)
