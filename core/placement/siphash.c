#include "placement/siphash.h"

#include "placement/bits.h"

typedef struct Sip {
    uint64_t v0, v1, v2, v3;
} Sip;

static inline void
sip_round(Sip *s)
{
    s->v0 += s->v1;
    s->v1 = rotate_left_64(s->v1, 13) ^ s->v0;
    s->v0 = rotate_left_64(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotate_left_64(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotate_left_64(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotate_left_64(s->v1, 17) ^ s->v2;
    s->v2 = rotate_left_64(s->v2, 32);
}

static inline void
absorb(Sip *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    sip_round(s);
    s->v0 ^= word;
}

/* The bytes behind the last whole word, fewer than eight, as a number. Loads overlap rather
 * than loop, for the length of a key cannot be predicted. */
static inline uint64_t
rest_of(OrrBytes bytes)
{
    size_t rest = bytes.size & 7;
    const uint8_t *at = bytes.data + (bytes.size - rest);

    if (rest == 0) {
        return 0;
    }
    if (bytes.size >= 8) {
        return little_endian_64(at + rest - 8) >> (64 - 8 * rest);
    }
    if (rest >= 4) {
        return little_endian_32(at) | (uint64_t)little_endian_32(at + rest - 4)
                                          << (8 * (rest - 4));
    }
    return (uint64_t)at[0] | (uint64_t)at[rest / 2] << (8 * (rest / 2)) |
           (uint64_t)at[rest - 1] << (8 * (rest - 1));
}

uint64_t
orr_siphash_2_4(uint64_t k0, uint64_t k1, OrrBytes bytes)
{
    Sip s = {k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d),
             k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573)};
    size_t whole = bytes.size & ~(size_t)7;
    uint64_t last = (uint64_t)bytes.size << 56 | rest_of(bytes);

    for (size_t i = 0; i < whole; i += 8) {
        absorb(&s, little_endian_64(bytes.data + i));
    }
    absorb(&s, last);
    s.v2 ^= 0xff;
    for (int i = 0; i < 4; i++) {
        sip_round(&s);
    }
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
