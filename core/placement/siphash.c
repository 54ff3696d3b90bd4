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

uint64_t
siphash_2_4(uint64_t k0, uint64_t k1, OrrBytes bytes)
{
    Sip s = {k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d),
             k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573)};
    size_t whole = bytes.size & ~(size_t)7;
    uint64_t last = (uint64_t)bytes.size << 56;

    for (size_t i = 0; i < whole; i += 8) {
        absorb(&s, little_endian_64(bytes.data + i));
    }
    for (size_t i = whole; i < bytes.size; i++) {
        last |= (uint64_t)bytes.data[i] << (8 * (i - whole));
    }
    absorb(&s, last);
    s.v2 ^= 0xff;
    for (int i = 0; i < 4; i++) {
        sip_round(&s);
    }
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
