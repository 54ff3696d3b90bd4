/* crc16.h - the ways of computing CRC-16/XMODEM; see orrery/slots.h for the public ones.
 */
#ifndef ORR_PLACEMENT_CRC16_H
#define ORR_PLACEMENT_CRC16_H

#include <orrery/types.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define CRC16_HAS_CARRYLESS 1
#include <immintrin.h>
#else
#define CRC16_HAS_CARRYLESS 0
#endif

uint16_t orr_crc16_bytewise(const uint8_t *at, size_t size);
uint16_t orr_crc16_slices(const uint8_t *at, size_t size);

static inline bool
orr_crc16_can_carryless(void)
{
#if CRC16_HAS_CARRYLESS
    return __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
#else
    return false;
#endif
}

static inline uint32_t
big_endian_32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline uint64_t
big_endian_64(const uint8_t *at)
{
    return (uint64_t)big_endian_32(at) << 32 | big_endian_32(at + 4);
}

/* The first `size` bytes, at most 8, as one number. The checksum starts from 0, so zero bits in
 * front change nothing: a short piece comes first and the rest are whole words. Loads overlap
 * rather than loop. */
static inline uint64_t
head_of(const uint8_t *at, size_t size)
{
    if (size == 8) {
        return big_endian_64(at);
    }
    if (size >= 4) {
        return (uint64_t)big_endian_32(at) << (8 * size - 32) | big_endian_32(at + size - 4);
    }
    if (size == 0) {
        return 0;
    }
    return (uint64_t)at[0] << (8 * size - 8) |
           (uint64_t)at[size / 2] << (8 * (size - 1 - size / 2)) | at[size - 1];
}

#if CRC16_HAS_CARRYLESS
/* Here, and not behind a call, so that the slot of a key is computed in one piece. Only where
 * orr_crc16_can_carryless(). */
#define X64_MOD_P 0xb861                     /* x^64 mod P, P = x^16 + x^12 + x^5 + 1 */
#define X128_MOD_P 0xaefc                    /* x^128 mod P */
#define X192_MOD_P 0x650b                    /* x^192 mod P */
#define X80_BY_P INT64_C(0x11303471a041b343) /* floor(x^80 / P) without its x^64 */
#define P_LOW 0x1021

#define CARRYLESS __attribute__((target("pclmul,sse4.1"))) static inline

/* The low halves of a and b multiplied. */
CARRYLESS __m128i
times(__m128i a, __m128i b)
{
    return _mm_clmulepi64_si128(a, b, 0x00);
}

/* word * x^16 mod P by Barrett: the quotient is exact, for there is no carry to lose. */
CARRYLESS uint16_t
reduce_word(__m128i word)
{
    __m128i constants = _mm_set_epi64x(P_LOW, X80_BY_P);
    __m128i product = times(word, constants);
    __m128i quotient = _mm_xor_si128(_mm_srli_si128(product, 8), word);
    __m128i rest = _mm_clmulepi64_si128(quotient, constants, 0x10);

    return (uint16_t)_mm_cvtsi128_si32(rest);
}

/* Both halves * x^16 mod P: the upper one is brought down to 64 bits in two steps. */
CARRYLESS uint16_t
reduce_pair(uint64_t high, uint64_t low)
{
    __m128i x64 = _mm_set_epi64x(0, X64_MOD_P);
    __m128i sum = _mm_xor_si128(times(_mm_cvtsi64_si128((int64_t)high), x64),
                                _mm_cvtsi64_si128((int64_t)low));
    __m128i over = _mm_clmulepi64_si128(sum, x64, 0x01); /* the 16 bits above 64 */

    return reduce_word(_mm_xor_si128(sum, over));
}

CARRYLESS uint16_t
fold_long(const uint8_t *at, size_t size)
{
    __m128i far = _mm_set_epi64x(X192_MOD_P, X128_MOD_P);
    size_t head = ((size - 1) & 15) + 1;
    uint64_t high = head > 8 ? head_of(at, head - 8) : 0;
    uint64_t low = head > 8 ? big_endian_64(at + head - 8) : head_of(at, head);
    __m128i sum = _mm_set_epi64x((int64_t)high, (int64_t)low);

    for (size_t i = head; i < size; i += 16) {
        __m128i next =
            _mm_set_epi64x((int64_t)big_endian_64(at + i), (int64_t)big_endian_64(at + i + 8));
        __m128i folded = _mm_xor_si128(_mm_clmulepi64_si128(sum, far, 0x11),
                                       _mm_clmulepi64_si128(sum, far, 0x00));
        sum = _mm_xor_si128(folded, next);
    }
    return reduce_pair((uint64_t)_mm_extract_epi64(sum, 1), (uint64_t)_mm_cvtsi128_si64(sum));
}

CARRYLESS uint16_t
orr_crc16_carryless(const uint8_t *at, size_t size)
{
    if (size <= 8) {
        return reduce_word(_mm_cvtsi64_si128((int64_t)head_of(at, size)));
    }
    if (size <= 16) {
        return reduce_pair(head_of(at, size - 8), big_endian_64(at + size - 8));
    }
    return fold_long(at, size);
}
#endif

#endif
