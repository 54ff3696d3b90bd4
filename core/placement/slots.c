#include <orrery/slots.h>

#include "placement/crc16.h"

#include <glib.h>

static inline uint16_t
crc16_best(const uint8_t *at, size_t size)
{
#if CRC16_HAS_CARRYLESS
    if (crc16_can_carryless()) {
        return crc16_carryless(at, size);
    }
#endif
    return crc16_slices(at, size);
}

uint16_t
orr_crc16(OrrBytes bytes)
{
    return crc16_best(bytes.data, bytes.size);
}

bool
orr_crc16_can(OrrCrc16Way way)
{
    return way != ORR_CRC16_CARRYLESS || crc16_can_carryless();
}

uint16_t
orr_crc16_by(OrrCrc16Way way, OrrBytes bytes)
{
    if (way == ORR_CRC16_BYTEWISE) {
        return crc16_bytewise(bytes.data, bytes.size);
    }
#if CRC16_HAS_CARRYLESS
    if (way == ORR_CRC16_CARRYLESS && crc16_can_carryless()) {
        return crc16_carryless(bytes.data, bytes.size);
    }
#endif
    return crc16_slices(bytes.data, bytes.size);
}

static inline uint64_t
load_64(const uint8_t *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
    return word;
}

/* Some byte of the word is '{': then one of x is 0, and only then the lowest such byte, at
 * least, borrows into its highest bit. */
static inline uint64_t
shows_brace(uint64_t word)
{
    uint64_t x = word ^ UINT64_C(0x7b7b7b7b7b7b7b7b);

    return (x - UINT64_C(0x0101010101010101)) & ~x & UINT64_C(0x8080808080808080);
}

/* Most keys have no tag; eight bytes a time tell so before memchr() could be called. */
static inline bool
may_have_tag(OrrBytes key)
{
    uint64_t found = 0;
    size_t i = 0;

    if (key.size < 8) {
        for (; i < key.size; i++) {
            found |= key.data[i] == '{';
        }
        return found != 0;
    }
    for (; i + 8 <= key.size; i += 8) {
        found |= shows_brace(load_64(key.data + i));
    }
    return (found | shows_brace(load_64(key.data + key.size - 8))) != 0;
}

static OrrBytes
find_tag(OrrBytes key)
{
    const uint8_t *open = memchr(key.data, '{', key.size);

    if (open == NULL) {
        return key;
    }
    const uint8_t *tag = open + 1;
    size_t left = key.size - (size_t)(tag - key.data);
    const uint8_t *close = memchr(tag, '}', left);
    if (close == NULL || close == tag) {
        return key;
    }
    return orr_bytes(tag, (size_t)(close - tag));
}

OrrBytes
orr_slot_tag(OrrBytes key)
{
    return may_have_tag(key) ? find_tag(key) : key;
}

uint16_t
orr_slot_of_key(OrrBytes key)
{
    OrrBytes tag = orr_slot_tag(key);

    return crc16_best(tag.data, tag.size) & (ORR_SLOT_COUNT - 1);
}

static uint64_t
weight_of(OrrSlotsPolicy policy, const uint32_t *weights, size_t index)
{
    return policy == ORR_SLOTS_WEIGHTED && weights != NULL ? weights[index] : 1;
}

OrrStatus
orr_slots_deal(OrrSlotsPolicy policy, const OrrBytes *names, const uint32_t *weights,
               size_t count, uint16_t owner[ORR_SLOT_COUNT])
{
    uint64_t total = 0;
    uint64_t sum = 0;
    uint64_t slot = 0;

    (void)names;
    if (count == 0 || count > ORR_SLOTS_NODES_MAX) {
        return ORR_INVALID;
    }
    for (size_t i = 0; i < count; i++) {
        total += weight_of(policy, weights, i);
    }
    if (total == 0) {
        return ORR_INVALID;
    }
    for (size_t i = 0; i < count; i++) {
        sum += weight_of(policy, weights, i);
        uint64_t end = (sum * ORR_SLOT_COUNT + total / 2) / total;
        for (; slot < end; slot++) {
            owner[slot] = (uint16_t)i;
        }
    }
    g_assert(slot == ORR_SLOT_COUNT);
    return ORR_OK;
}
