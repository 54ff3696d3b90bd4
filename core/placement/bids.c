#include "placement/bids.h"

#define LANES 8u
#define BIDS_FEW 8u    /* nodes that are asked sooner one by one */
#define BIDS_MANY 256u /* nodes that many keys ask sooner by blocks */
#define BLOCK 32u      /* nodes; whole vectors */

Bid
orr_bids_highest_scalar(uint64_t key, const uint64_t *nodes, size_t count)
{
    Bid best = {orr_bid_of(key, nodes[0]), 0};

    for (size_t i = 1; i < count; i++) {
        uint64_t bid = orr_bid_of(key, nodes[i]);

        if (bid > best.bid) {
            best = (Bid){bid, i};
        }
    }
    return best;
}

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

typedef uint64_t Lanes __attribute__((vector_size(8 * LANES)));

/* One text, compiled twice: with what AVX2 has and with what AVX-512 has. Macros, for vectors
 * cannot be handed to functions of other targets. */
#define BID(x)                                                                                 \
    do {                                                                                       \
        (x) ^= (x) >> 12;                                                                      \
        (x) ^= (x) << 25;                                                                      \
        (x) ^= (x) >> 27;                                                                      \
        (x) *= UINT64_C(0x2545f4914f6cdd1d);                                                   \
    } while (0)
#define KEEP_HIGHER(best, index, bid, of)                                                      \
    do {                                                                                       \
        Lanes higher = (Lanes)((bid) > (best));                                                \
        (best) = ((bid)&higher) | ((best) & ~higher);                                          \
        (index) = ((of)&higher) | ((index) & ~higher);                                         \
    } while (0)

#define LOAD(lanes, from) memcpy(&(lanes), (from), sizeof(lanes))

/* Eight nodes at a time for one key, twice over, so that one comparison need not wait for the
 * other; the winners of the lanes. The padding ties with node 0 and so never wins. */
__attribute__((always_inline)) static inline void
highest_of_lanes(uint64_t key, const uint64_t *nodes, size_t padded, uint64_t *bids,
                 uint64_t *indices)
{
    Lanes of0 = {0, 1, 2, 3, 4, 5, 6, 7};
    Lanes of1 = of0 + LANES;
    Lanes index0 = of0;
    Lanes index1 = of1;
    Lanes best0;
    Lanes best1;

    LOAD(best0, nodes);
    LOAD(best1, nodes + LANES);
    best0 ^= key;
    best1 ^= key;
    BID(best0);
    BID(best1);
    for (size_t i = BIDS_PAD; i < padded; i += BIDS_PAD) {
        Lanes bid0;
        Lanes bid1;

        LOAD(bid0, nodes + i);
        LOAD(bid1, nodes + i + LANES);
        bid0 ^= key;
        bid1 ^= key;
        of0 += BIDS_PAD;
        of1 += BIDS_PAD;
        BID(bid0);
        BID(bid1);
        KEEP_HIGHER(best0, index0, bid0, of0);
        KEEP_HIGHER(best1, index1, bid1, of1);
    }
    Lanes second =
        (Lanes)(best1 > best0) | ((Lanes)(best1 == best0) & (Lanes)(index1 < index0));
    best0 = (best1 & second) | (best0 & ~second);
    index0 = (index1 & second) | (index0 & ~second);
    memcpy(bids, &best0, sizeof best0);
    memcpy(indices, &index0, sizeof index0);
}

/* One node at a time for sixteen keys. */
__attribute__((always_inline)) static inline void
highest_for_lanes(const uint64_t *keys, const uint64_t *nodes, size_t count, Bid *bids)
{
    Lanes key0;
    Lanes key1;
    Lanes index0 = {0};
    Lanes index1 = {0};

    LOAD(key0, keys);
    LOAD(key1, keys + LANES);
    Lanes best0 = key0 ^ nodes[0];
    Lanes best1 = key1 ^ nodes[0];
    BID(best0);
    BID(best1);
    for (size_t i = 1; i < count; i++) {
        Lanes bid0 = key0 ^ nodes[i];
        Lanes bid1 = key1 ^ nodes[i];
        Lanes of = (Lanes){0} + i;

        BID(bid0);
        BID(bid1);
        KEEP_HIGHER(best0, index0, bid0, of);
        KEEP_HIGHER(best1, index1, bid1, of);
    }
    for (unsigned lane = 0; lane < LANES; lane++) {
        bids[lane] = (Bid){best0[lane], index0[lane]};
        bids[LANES + lane] = (Bid){best1[lane], index1[lane]};
    }
}

#define AVX2 __attribute__((target("avx2"))) static
#define AVX512 __attribute__((target("avx512f,avx512dq,avx512vl"))) static

/* Of the winners of the lanes. Whose bid is how high cannot be predicted: no branches. */
AVX2 Bid
highest_avx2(uint64_t key, const uint64_t *nodes, size_t count)
{
    uint64_t bids[LANES];
    uint64_t indices[LANES];

    highest_of_lanes(key, nodes, orr_bids_padded(count), bids, indices);
    Bid winner = {bids[0], indices[0]};
    for (unsigned lane = 1; lane < LANES; lane++) {
        uint64_t higher =
            0 - (uint64_t)((bids[lane] > winner.bid) |
                           ((bids[lane] == winner.bid) & (indices[lane] < winner.index)));

        winner.bid ^= (winner.bid ^ bids[lane]) & higher;
        winner.index ^= (winner.index ^ indices[lane]) & higher;
    }
    return winner;
}

AVX2 void
highest_for_avx2(const uint64_t *keys, const uint64_t *nodes, size_t count, Bid *bids)
{
    highest_for_lanes(keys, nodes, count, bids);
}

AVX512 __m512i
mix(__m512i x)
{
    x = _mm512_xor_si512(x, _mm512_srli_epi64(x, 12));
    x = _mm512_xor_si512(x, _mm512_slli_epi64(x, 25));
    x = _mm512_xor_si512(x, _mm512_srli_epi64(x, 27));
    return _mm512_mullo_epi64(x, _mm512_set1_epi64(INT64_C(0x2545f4914f6cdd1d)));
}

AVX512 __m512i
bids_of(uint64_t key, const uint64_t *nodes)
{
    return mix(_mm512_xor_si512(_mm512_set1_epi64((int64_t)key), _mm512_loadu_si512(nodes)));
}

/* Of sixteen nodes the earliest with the highest bid is the lowest bit of a mask. */
AVX512 Bid
highest_of_sixteen(uint64_t key, const uint64_t *nodes)
{
    __m512i low = bids_of(key, nodes);
    __m512i high = bids_of(key, nodes + LANES);
    uint64_t highest = (uint64_t)_mm512_reduce_max_epu64(_mm512_max_epu64(low, high));
    __m512i all = _mm512_set1_epi64((int64_t)highest);
    unsigned equal = _mm512_cmpeq_epi64_mask(low, all) |
                     (unsigned)_mm512_cmpeq_epi64_mask(high, all) << LANES;

    return (Bid){highest, (unsigned)__builtin_ctz(equal)};
}

AVX512 Bid
highest_avx512(uint64_t key, const uint64_t *nodes, size_t count)
{
    uint64_t lanes[2][LANES];

    if (count <= BIDS_PAD) {
        return highest_of_sixteen(key, nodes);
    }

    highest_of_lanes(key, nodes, orr_bids_padded(count), lanes[0], lanes[1]);
    __m512i bids = _mm512_loadu_si512(lanes[0]);
    __m512i indices = _mm512_loadu_si512(lanes[1]);
    uint64_t highest = (uint64_t)_mm512_reduce_max_epu64(bids);
    __mmask8 equal = _mm512_cmpeq_epi64_mask(bids, _mm512_set1_epi64((int64_t)highest));
    return (Bid){highest, (uint64_t)_mm512_mask_reduce_min_epu64(equal, indices)};
}

AVX512 __m512i
higher_bids(__m512i best, __m512i keys, uint64_t node)
{
    __m512i x = _mm512_xor_si512(keys, _mm512_set1_epi64((int64_t)node));

    return _mm512_max_epu64(best, mix(x));
}

/* Sixteen keys and very many nodes: who bids most is found for a block of nodes at first, and
 * which of them it was only for the best block. That saves remembering it at each node. */
AVX512 void
highest_by_blocks(const uint64_t *keys, const uint64_t *nodes, size_t count, Bid *bids)
{
    __m512i key0 = _mm512_loadu_si512(keys);
    __m512i key1 = _mm512_loadu_si512(keys + LANES);
    __m512i best0 = _mm512_setzero_si512();
    __m512i best1 = best0;
    __m512i block0 = best0;
    __m512i block1 = best0;
    uint64_t blocks[2 * LANES];

    for (size_t begin = 0; begin < count; begin += BLOCK) {
        size_t end = begin + BLOCK < count ? begin + BLOCK : count;
        __m512i here = _mm512_set1_epi64((int64_t)begin);
        __m512i most0 = _mm512_setzero_si512();
        __m512i most1 = most0;

        for (size_t i = begin; i < end; i++) {
            most0 = higher_bids(most0, key0, nodes[i]);
            most1 = higher_bids(most1, key1, nodes[i]);
        }
        block0 = _mm512_mask_mov_epi64(block0, _mm512_cmpgt_epu64_mask(most0, best0), here);
        block1 = _mm512_mask_mov_epi64(block1, _mm512_cmpgt_epu64_mask(most1, best1), here);
        best0 = _mm512_max_epu64(best0, most0);
        best1 = _mm512_max_epu64(best1, most1);
    }
    _mm512_storeu_si512(blocks, block0);
    _mm512_storeu_si512(blocks + LANES, block1);
    for (unsigned lane = 0; lane < 2 * LANES; lane++) {
        size_t left = count - blocks[lane];

        bids[lane] =
            highest_avx512(keys[lane], nodes + blocks[lane], left < BLOCK ? left : BLOCK);
        bids[lane].index += blocks[lane];
    }
}

AVX512 void
highest_for_avx512(const uint64_t *keys, const uint64_t *nodes, size_t count, Bid *bids)
{
    if (count >= BIDS_MANY) {
        highest_by_blocks(keys, nodes, count, bids);
    } else {
        highest_for_lanes(keys, nodes, count, bids);
    }
}

Bid
orr_bids_highest(Vectors vectors, uint64_t key, const uint64_t *nodes, size_t count)
{
    if (count < BIDS_FEW || vectors == VECTORS_NONE) {
        return orr_bids_highest_scalar(key, nodes, count);
    }
    return vectors == VECTORS_AVX512 ? highest_avx512(key, nodes, count)
                                     : highest_avx2(key, nodes, count);
}

void
orr_bids_highest_many(Vectors vectors, const uint64_t *keys, size_t key_count,
                      const uint64_t *nodes, size_t count, Bid *bids)
{
    size_t done = 0;

    for (; done + BIDS_PAD <= key_count && vectors != VECTORS_NONE; done += BIDS_PAD) {
        if (vectors == VECTORS_AVX512) {
            highest_for_avx512(keys + done, nodes, count, bids + done);
        } else {
            highest_for_avx2(keys + done, nodes, count, bids + done);
        }
    }
    for (; done < key_count; done++) {
        bids[done] = orr_bids_highest(vectors, keys[done], nodes, count);
    }
}
#else
Bid
orr_bids_highest(Vectors vectors, uint64_t key, const uint64_t *nodes, size_t count)
{
    (void)vectors;
    return orr_bids_highest_scalar(key, nodes, count);
}

void
orr_bids_highest_many(Vectors vectors, const uint64_t *keys, size_t key_count,
                      const uint64_t *nodes, size_t count, Bid *bids)
{
    for (size_t i = 0; i < key_count; i++) {
        bids[i] = orr_bids_highest(vectors, keys[i], nodes, count);
    }
}
#endif
