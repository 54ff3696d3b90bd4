#include "placement/md5.h"

#include "placement/bits.h"

#define BLOCK_SIZE 64u
#define SHORT_MAX 55u /* bytes that fit into one block with their padding */
#define LANES 8

/* RFC 1321, section 3.4: F, G, H, I, in forms where the newest of the three, x, comes last. */
#define F(x, y, z) ((z) ^ ((x) & ((y) ^ (z))))
#define H(x, y, z) ((x) ^ ((y) ^ (z)))
#define I(x, y, z) ((y) ^ ((x) | ~(z)))
#define STEP(f, a, b, c, d, k, by, sine)                                                       \
    do {                                                                                       \
        (a) += f(b, c, d) + m[k] + UINT32_C(sine);                                             \
        (a) = ((a) << (by) | (a) >> (32 - (by))) + (b);                                        \
    } while (0)
#define FOUR(f, k0, k1, k2, k3, s0, s1, s2, s3, t0, t1, t2, t3)                                \
    STEP(f, a, b, c, d, k0, s0, t0);                                                           \
    STEP(f, d, a, b, c, k1, s1, t1);                                                           \
    STEP(f, c, d, a, b, k2, s2, t2);                                                           \
    STEP(f, b, c, d, a, k3, s3, t3)
/* clang-format off */
#define SIXTY_FOUR_STEPS                                                                       \
    FOUR(F, 0, 1, 2, 3, 7, 12, 17, 22, 0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee);        \
    FOUR(F, 4, 5, 6, 7, 7, 12, 17, 22, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501);        \
    FOUR(F, 8, 9, 10, 11, 7, 12, 17, 22, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be);      \
    FOUR(F, 12, 13, 14, 15, 7, 12, 17, 22, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821);    \
    FOUR(G, 1, 6, 11, 0, 5, 9, 14, 20, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa);        \
    FOUR(G, 5, 10, 15, 4, 5, 9, 14, 20, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8);       \
    FOUR(G, 9, 14, 3, 8, 5, 9, 14, 20, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed);        \
    FOUR(G, 13, 2, 7, 12, 5, 9, 14, 20, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a);       \
    FOUR(H, 5, 8, 11, 14, 4, 11, 16, 23, 0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c);      \
    FOUR(H, 1, 4, 7, 10, 4, 11, 16, 23, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70);       \
    FOUR(H, 13, 0, 3, 6, 4, 11, 16, 23, 0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05);       \
    FOUR(H, 9, 12, 15, 2, 4, 11, 16, 23, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665);      \
    FOUR(I, 0, 7, 14, 5, 6, 10, 15, 21, 0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039);       \
    FOUR(I, 12, 3, 10, 1, 6, 10, 15, 21, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1);      \
    FOUR(I, 8, 15, 6, 13, 6, 10, 15, 21, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1);      \
    FOUR(I, 4, 11, 2, 9, 6, 10, 15, 21, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391)
/* clang-format on */

#define START_A UINT32_C(0x67452301)
#define START_B UINT32_C(0xefcdab89)
#define START_C UINT32_C(0x98badcfe)
#define START_D UINT32_C(0x10325476)

#define G(x, y, z) ((~(z) & (y)) + ((z) & (x))) /* no bit in both: the sum may wait for x */

static void
compress(Md5 *state, const uint32_t m[16])
{
    uint32_t a = state->word[0];
    uint32_t b = state->word[1];
    uint32_t c = state->word[2];
    uint32_t d = state->word[3];

    SIXTY_FOUR_STEPS;
    state->word[0] += a;
    state->word[1] += b;
    state->word[2] += c;
    state->word[3] += d;
}

/* The last block: up to 55 bytes, a 1 bit, zeros, and the length of all in bits. */
static void
pad_short(uint32_t m[16], const uint8_t *at, size_t size, uint64_t total_size)
{
    uint8_t block[BLOCK_SIZE] = {0};

    if (size != 0) {
        memcpy(block, at, size);
    }
    block[size] = 0x80;
    store_little_endian_64(block + BLOCK_SIZE - 8, total_size * 8);
    for (size_t i = 0; i < 16; i++) {
        m[i] = little_endian_32(block + 4 * i);
    }
}

Md5
orr_md5_of(OrrBytes bytes)
{
    Md5 state = {{START_A, START_B, START_C, START_D}};
    uint32_t m[16];
    size_t done = 0;

    for (; bytes.size - done >= BLOCK_SIZE; done += BLOCK_SIZE) {
        for (size_t i = 0; i < 16; i++) {
            m[i] = little_endian_32(bytes.data + done + 4 * i);
        }
        compress(&state, m);
    }
    if (bytes.size - done > SHORT_MAX) {
        uint8_t block[BLOCK_SIZE] = {0};

        memcpy(block, bytes.data + done, bytes.size - done);
        block[bytes.size - done] = 0x80;
        for (size_t i = 0; i < 16; i++) {
            m[i] = little_endian_32(block + 4 * i);
        }
        compress(&state, m);
        memset(m, 0, sizeof m);
        m[14] = (uint32_t)(bytes.size << 3);
        m[15] = (uint32_t)((uint64_t)bytes.size >> 29);
    } else {
        pad_short(m, done == bytes.size ? NULL : bytes.data + done, bytes.size - done,
                  bytes.size);
    }
    compress(&state, m);
    return state;
}

#if defined(__GNUC__)
typedef uint32_t Lanes __attribute__((vector_size(4 * LANES)));

#undef G
#define G(x, y, z) ((y) ^ ((z) & ((x) ^ (y)))) /* one instruction of AVX-512 */

/* Word i of lane j of the block is in m[i][j]. The function is inlined into one twin for each
 * set of instructions, and the compiler uses what that one has. */
__attribute__((always_inline)) static inline void
compress_lanes(Lanes state[4], const Lanes m[16])
{
    Lanes zero = {0};
    Lanes a = zero + START_A;
    Lanes b = zero + START_B;
    Lanes c = zero + START_C;
    Lanes d = zero + START_D;

    SIXTY_FOUR_STEPS;
    state[0] = a + START_A;
    state[1] = b + START_B;
    state[2] = c + START_C;
    state[3] = d + START_D;
}

static void
compress_lanes_plain(Lanes state[4], const Lanes m[16])
{
    compress_lanes(state, m);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void
compress_lanes_avx2(Lanes state[4], const Lanes m[16])
{
    compress_lanes(state, m);
}

__attribute__((target("avx512f,avx512vl"))) static void
compress_lanes_avx512(Lanes state[4], const Lanes m[16])
{
    compress_lanes(state, m);
}

static void
compress_eight(Vectors vectors, Lanes state[4], const Lanes m[16])
{
    if (vectors == VECTORS_AVX512) {
        compress_lanes_avx512(state, m);
    } else if (vectors == VECTORS_AVX2) {
        compress_lanes_avx2(state, m);
    } else {
        compress_lanes_plain(state, m);
    }
}
#else
static void
compress_eight(Vectors vectors, Lanes state[4], const Lanes m[16])
{
    (void)vectors;
    compress_lanes_plain(state, m);
}
#endif

static void
digest_eight(Vectors vectors, const OrrBytes *bytes, Md5 *digests)
{
    Lanes m[16];
    Lanes state[4];

    for (int lane = 0; lane < LANES; lane++) {
        uint32_t words[16];

        pad_short(words, bytes[lane].data, bytes[lane].size, bytes[lane].size);
        for (int i = 0; i < 16; i++) {
            m[i][lane] = words[i];
        }
    }
    compress_eight(vectors, state, m);
    for (int lane = 0; lane < LANES; lane++) {
        for (int i = 0; i < 4; i++) {
            digests[lane].word[i] = state[i][lane];
        }
    }
}

static bool
all_short(const OrrBytes *bytes)
{
    size_t longest = 0;

    for (int lane = 0; lane < LANES; lane++) {
        longest = bytes[lane].size > longest ? bytes[lane].size : longest;
    }
    return longest <= SHORT_MAX;
}
#endif

void
orr_md5_of_many(Vectors vectors, const OrrBytes *bytes, size_t count, Md5 *digests)
{
    size_t done = 0;

    (void)vectors;
#if defined(__GNUC__)
    for (; done + LANES <= count && all_short(bytes + done); done += LANES) {
        digest_eight(vectors, bytes + done, digests + done);
    }
#endif
    for (; done < count; done++) {
        digests[done] = orr_md5_of(bytes[done]);
    }
}
