#include "placement/crc16.h"

/* x^(16 + j + 8k) mod P is what bit j of a byte adds to the checksum when k bytes follow it. A
 * row of a table is the sum of what its bits add, so the compiler makes the tables. */
#define BIT_ADDS(i, j, value) (((i) >> (j)&1u) * (value))
#define ENTRY(i, a, b, c, d, e, f, g, h)                                                       \
    (uint16_t)(BIT_ADDS(i, 0, a) ^ BIT_ADDS(i, 1, b) ^ BIT_ADDS(i, 2, c) ^ BIT_ADDS(i, 3, d) ^ \
               BIT_ADDS(i, 4, e) ^ BIT_ADDS(i, 5, f) ^ BIT_ADDS(i, 6, g) ^ BIT_ADDS(i, 7, h))
#define FOUR(i, ...)                                                                           \
    ENTRY(i, __VA_ARGS__), ENTRY(i + 1u, __VA_ARGS__), ENTRY(i + 2u, __VA_ARGS__),             \
        ENTRY(i + 3u, __VA_ARGS__)
#define SIXTEEN(i, ...)                                                                        \
    FOUR(i, __VA_ARGS__), FOUR(i + 4u, __VA_ARGS__), FOUR(i + 8u, __VA_ARGS__),                \
        FOUR(i + 12u, __VA_ARGS__)
#define SIXTY_FOUR(i, ...)                                                                     \
    SIXTEEN(i, __VA_ARGS__), SIXTEEN(i + 16u, __VA_ARGS__), SIXTEEN(i + 32u, __VA_ARGS__),     \
        SIXTEEN(i + 48u, __VA_ARGS__)
#define TABLE(...)                                                                             \
    {                                                                                          \
        SIXTY_FOUR(0u, __VA_ARGS__), SIXTY_FOUR(64u, __VA_ARGS__),                             \
            SIXTY_FOUR(128u, __VA_ARGS__), SIXTY_FOUR(192u, __VA_ARGS__)                       \
    }

static const uint16_t FOLLOWED_BY[8][256] = {
    TABLE(0x1021u, 0x2042u, 0x4084u, 0x8108u, 0x1231u, 0x2462u, 0x48c4u, 0x9188u),
    TABLE(0x3331u, 0x6662u, 0xccc4u, 0x89a9u, 0x0373u, 0x06e6u, 0x0dccu, 0x1b98u),
    TABLE(0x3730u, 0x6e60u, 0xdcc0u, 0xa9a1u, 0x4363u, 0x86c6u, 0x1dadu, 0x3b5au),
    TABLE(0x76b4u, 0xed68u, 0xcaf1u, 0x85c3u, 0x1ba7u, 0x374eu, 0x6e9cu, 0xdd38u),
    TABLE(0xaa51u, 0x4483u, 0x8906u, 0x022du, 0x045au, 0x08b4u, 0x1168u, 0x22d0u),
    TABLE(0x45a0u, 0x8b40u, 0x06a1u, 0x0d42u, 0x1a84u, 0x3508u, 0x6a10u, 0xd420u),
    TABLE(0xb861u, 0x60e3u, 0xc1c6u, 0x93adu, 0x377bu, 0x6ef6u, 0xddecu, 0xabf9u),
    TABLE(0x47d3u, 0x8fa6u, 0x0f6du, 0x1edau, 0x3db4u, 0x7b68u, 0xf6d0u, 0xfd81u),
};

uint16_t
orr_crc16_bytewise(const uint8_t *at, size_t size)
{
    uint32_t crc = 0;

    for (size_t i = 0; i < size; i++) {
        crc = (crc << 8 & 0xffffu) ^ FOLLOWED_BY[0][(crc >> 8) ^ at[i]];
    }
    return (uint16_t)crc;
}

static inline uint64_t
crc_of_word(uint64_t word)
{
    return (uint64_t)(FOLLOWED_BY[7][word >> 56] ^ FOLLOWED_BY[6][word >> 48 & 255] ^
                      FOLLOWED_BY[5][word >> 40 & 255] ^ FOLLOWED_BY[4][word >> 32 & 255] ^
                      FOLLOWED_BY[3][word >> 24 & 255] ^ FOLLOWED_BY[2][word >> 16 & 255] ^
                      FOLLOWED_BY[1][word >> 8 & 255] ^ FOLLOWED_BY[0][word & 255]);
}

uint16_t
orr_crc16_slices(const uint8_t *at, size_t size)
{
    size_t head = size & 7;
    uint64_t crc = head != 0 ? crc_of_word(head_of(at, head)) : 0;

    for (size_t i = head; i < size; i += 8) {
        crc = crc_of_word(big_endian_64(at + i) ^ crc << 48);
    }
    return (uint16_t)crc;
}
