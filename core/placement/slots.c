#include <orrery/slots.h>

#include "placement/crc16.h"

#if CRC16_HAS_CARRYLESS
__attribute__((target("pclmul,sse4.1"))) static uint16_t
carryless(OrrBytes bytes)
{
    return orr_crc16_carryless(bytes.data, bytes.size);
}
#endif

uint16_t
orr_crc16(OrrBytes bytes)
{
#if CRC16_HAS_CARRYLESS
    if (orr_crc16_can_carryless()) {
        return carryless(bytes);
    }
#endif
    return orr_crc16_slices(bytes.data, bytes.size);
}

bool
orr_crc16_can(OrrCrc16Way way)
{
    return way != ORR_CRC16_CARRYLESS || orr_crc16_can_carryless();
}

uint16_t
orr_crc16_by(OrrCrc16Way way, OrrBytes bytes)
{
    if (way == ORR_CRC16_BYTEWISE) {
        return orr_crc16_bytewise(bytes.data, bytes.size);
    }
#if CRC16_HAS_CARRYLESS
    if (way == ORR_CRC16_CARRYLESS && orr_crc16_can_carryless()) {
        return carryless(bytes);
    }
#endif
    return orr_crc16_slices(bytes.data, bytes.size);
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

#if defined(__SSE2__)
static inline bool
long_may_have_tag(const uint8_t *at, size_t size)
{
    __m128i brace = _mm_set1_epi8('{');
    __m128i found = _mm_setzero_si128();

    for (size_t i = 0; i + 16 <= size; i += 16) {
        __m128i piece = _mm_loadu_si128((const __m128i *)(const void *)(at + i));
        found = _mm_or_si128(found, _mm_cmpeq_epi8(piece, brace));
    }
    __m128i last = _mm_loadu_si128((const __m128i *)(const void *)(at + size - 16));
    found = _mm_or_si128(found, _mm_cmpeq_epi8(last, brace));
    return _mm_movemask_epi8(found) != 0;
}
#else
static inline bool
long_may_have_tag(const uint8_t *at, size_t size)
{
    return memchr(at, '{', size) != NULL;
}
#endif

/* Most keys have no tag, and a few wide comparisons tell so sooner than a call of memchr(). */
static inline bool
may_have_tag(OrrBytes key)
{
    if (key.size >= 16) {
        return long_may_have_tag(key.data, key.size);
    }
    if (key.size >= 8) {
        return (shows_brace(load_64(key.data)) |
                shows_brace(load_64(key.data + key.size - 8))) != 0;
    }
    bool found = false;
    for (size_t i = 0; i < key.size; i++) {
        found |= key.data[i] == '{';
    }
    return found;
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

#if CRC16_HAS_CARRYLESS
__attribute__((target("pclmul,sse4.1"))) static uint16_t
slot_carryless(OrrBytes key)
{
    OrrBytes tag = __builtin_expect(may_have_tag(key), 0) ? find_tag(key) : key;

    return orr_crc16_carryless(tag.data, tag.size) & (ORR_SLOT_COUNT - 1);
}
#endif

uint16_t
orr_slot_of_key(OrrBytes key)
{
#if CRC16_HAS_CARRYLESS
    if (orr_crc16_can_carryless()) {
        return slot_carryless(key);
    }
#endif
    OrrBytes tag = orr_slot_tag(key);
    return orr_crc16_slices(tag.data, tag.size) & (ORR_SLOT_COUNT - 1);
}
