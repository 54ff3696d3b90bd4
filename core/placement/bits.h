/* bits.h - loads, stores and mixing that are the same on every machine. */
#ifndef ORR_PLACEMENT_BITS_H
#define ORR_PLACEMENT_BITS_H

#include <orrery/types.h>

#define GOLDEN_64 UINT64_C(0x9e3779b97f4a7c15) /* 2^64 / golden ratio */

static inline uint64_t
rotate_left_64(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

static inline uint32_t
little_endian_32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
           (uint32_t)at[3] << 24;
}

static inline uint64_t
little_endian_64(const uint8_t *at)
{
    return little_endian_32(at) | (uint64_t)little_endian_32(at + 4) << 32;
}

static inline void
store_little_endian_32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

static inline void
store_little_endian_64(uint8_t *at, uint64_t value)
{
    for (int i = 0; i < 8; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

static inline void
store_big_endian_32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

static inline void
store_big_endian_64(uint8_t *at, uint64_t value)
{
    for (int i = 0; i < 8; i++) {
        at[i] = (uint8_t)(value >> (56 - 8 * i));
    }
}

/* The upper 64 bits of the product: x as a fraction of 2^64, times n. */
static inline uint64_t
multiply_high_64(uint64_t x, uint64_t n)
{
    __extension__ typedef unsigned __int128 Wide;

    return (uint64_t)(((Wide)x * n) >> 64);
}

/* Every bit of the answer depends on every bit of x, and no two x share an answer: the
 * finaliser of splitmix64 (Steele, Lea and Flood, OOPSLA 2014; Stafford's variant 13). */
static inline uint64_t
mix_64(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

#endif
