#include "placement/siphash.h"

#include "placement/bits.h"

typedef struct Sip {
    uint64_t v0, v1, v2, v3;
} Sip;

#define ROTATE_LEFT(x, by) ((x) << (by) | (x) >> (64 - (by)))
/* One text for numbers and for vectors of them. */
#define SIP_ROUND(s)                                                                           \
    do {                                                                                       \
        (s)->v0 += (s)->v1;                                                                    \
        (s)->v1 = ROTATE_LEFT((s)->v1, 13) ^ (s)->v0;                                          \
        (s)->v0 = ROTATE_LEFT((s)->v0, 32);                                                    \
        (s)->v2 += (s)->v3;                                                                    \
        (s)->v3 = ROTATE_LEFT((s)->v3, 16) ^ (s)->v2;                                          \
        (s)->v0 += (s)->v3;                                                                    \
        (s)->v3 = ROTATE_LEFT((s)->v3, 21) ^ (s)->v0;                                          \
        (s)->v2 += (s)->v1;                                                                    \
        (s)->v1 = ROTATE_LEFT((s)->v1, 17) ^ (s)->v2;                                          \
        (s)->v2 = ROTATE_LEFT((s)->v2, 32);                                                    \
    } while (0)
#define START_0 UINT64_C(0x736f6d6570736575)
#define START_1 UINT64_C(0x646f72616e646f6d)
#define START_2 UINT64_C(0x6c7967656e657261)
#define START_3 UINT64_C(0x7465646279746573)

static inline void
absorb(Sip *s, uint64_t word)
{
    s->v3 ^= word;
    SIP_ROUND(s);
    SIP_ROUND(s);
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
    Sip s = {k0 ^ START_0, k1 ^ START_1, k0 ^ START_2, k1 ^ START_3};
    size_t whole = bytes.size & ~(size_t)7;
    uint64_t last = (uint64_t)bytes.size << 56 | rest_of(bytes);

    for (size_t i = 0; i < whole; i += 8) {
        absorb(&s, little_endian_64(bytes.data + i));
    }
    absorb(&s, last);
    s.v2 ^= 0xff;
    for (int i = 0; i < 4; i++) {
        SIP_ROUND(&s);
    }
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

#if defined(__x86_64__) && defined(__GNUC__)
#define LANES 8u
#define WORDS_MAX 8u /* of a short one: up to 63 bytes */

typedef uint64_t Lanes __attribute__((vector_size(8 * LANES)));

typedef struct SipLanes {
    Lanes v0, v1, v2, v3;
} SipLanes;

/* Word i of lane j is words[i][j]; a lane with fewer words stands still while others go on. The
 * function is inlined into one twin for each set of instructions. */
__attribute__((always_inline)) static inline void
sip_lanes(const uint64_t *key, Lanes words[WORDS_MAX], const Lanes *counts, unsigned most,
          Lanes *hashes)
{
    Lanes zero = {0};
    SipLanes s = {zero + (key[0] ^ START_0), zero + (key[1] ^ START_1),
                  zero + (key[0] ^ START_2), zero + (key[1] ^ START_3)};

    for (unsigned i = 0; i < most; i++) {
        Lanes going = (Lanes)(*counts > i);
        SipLanes next = s;

        next.v3 ^= words[i];
        SIP_ROUND(&next);
        SIP_ROUND(&next);
        next.v0 ^= words[i];
        s.v0 = (next.v0 & going) | (s.v0 & ~going);
        s.v1 = (next.v1 & going) | (s.v1 & ~going);
        s.v2 = (next.v2 & going) | (s.v2 & ~going);
        s.v3 = (next.v3 & going) | (s.v3 & ~going);
    }
    s.v2 ^= zero + 0xff;
    for (int i = 0; i < 4; i++) {
        SIP_ROUND(&s);
    }
    *hashes = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

__attribute__((target("avx2"))) static void
sip_lanes_avx2(const uint64_t *key, Lanes words[WORDS_MAX], const Lanes *counts, unsigned most,
               Lanes *hashes)
{
    sip_lanes(key, words, counts, most, hashes);
}

__attribute__((target("avx512f,avx512dq,avx512vl"))) static void
sip_lanes_avx512(const uint64_t *key, Lanes words[WORDS_MAX], const Lanes *counts,
                 unsigned most, Lanes *hashes)
{
    sip_lanes(key, words, counts, most, hashes);
}

static bool
all_short(const OrrBytes *bytes)
{
    size_t longest = 0;

    for (unsigned lane = 0; lane < LANES; lane++) {
        longest = bytes[lane].size > longest ? bytes[lane].size : longest;
    }
    return longest < 8 * WORDS_MAX;
}

static void
hash_eight(Vectors vectors, const uint64_t *key, const OrrBytes *bytes, uint64_t *hashes)
{
    Lanes words[WORDS_MAX];
    Lanes counts;
    Lanes found;
    unsigned most = 0;

    for (unsigned lane = 0; lane < LANES; lane++) {
        unsigned whole = (unsigned)bytes[lane].size / 8;

        for (unsigned i = 0; i < whole; i++) {
            words[i][lane] = little_endian_64(bytes[lane].data + 8 * i);
        }
        words[whole][lane] = (uint64_t)bytes[lane].size << 56 | rest_of(bytes[lane]);
        counts[lane] = whole + 1;
        most = whole + 1 > most ? whole + 1 : most;
    }
    if (vectors == VECTORS_AVX512) {
        sip_lanes_avx512(key, words, &counts, most, &found);
    } else {
        sip_lanes_avx2(key, words, &counts, most, &found);
    }
    memcpy(hashes, &found, sizeof found);
}
#endif

void
orr_siphash_2_4_many(Vectors vectors, uint64_t k0, uint64_t k1, const OrrBytes *bytes,
                     size_t count, uint64_t *hashes)
{
    size_t done = 0;

#if defined(__x86_64__) && defined(__GNUC__)
    uint64_t key[2] = {k0, k1};

    for (; done + LANES <= count && vectors != VECTORS_NONE && all_short(bytes + done);
         done += LANES) {
        hash_eight(vectors, key, bytes + done, hashes + done);
    }
#else
    (void)vectors;
#endif
    for (; done < count; done++) {
        hashes[done] = orr_siphash_2_4(k0, k1, bytes[done]);
    }
}
