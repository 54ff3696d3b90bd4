#include "placement/auction.h"

#include "placement/bids.h"
#include "placement/log2.h"

#include <math.h>

void
orr_auction_init(Auction *auction)
{
    memset(auction, 0, sizeof *auction);
    for (uint32_t i = 0; i < AUCTION_MAX; i++) {
        auction->inverse[i] = INFINITY;
    }
}

void
orr_auction_add(Auction *auction, uint64_t id, uint64_t weight)
{
    auction->ids[auction->count] = id;
    auction->weights[auction->count] = weight;
    auction->inverse[auction->count] = 1.0 / (double)weight;
    auction->count++;
}

static uint32_t
winner_exactly(const Auction *auction, uint64_t key)
{
    uint64_t best_cost = orr_log2_cost(orr_bid_of(key, auction->ids[0]));
    uint32_t best = 0;

    for (uint32_t i = 1; i < auction->count; i++) {
        uint64_t cost = orr_log2_cost(orr_bid_of(key, auction->ids[i]));

        if (orr_log2_cheaper(cost, auction->weights[i], best_cost, auction->weights[best])) {
            best_cost = cost;
            best = i;
        }
    }
    return best;
}

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#define AVX512 __attribute__((target("avx512f,avx512dq,avx512vl,avx512cd"))) static inline
#define ROUNDING 0x1p-48 /* two quotients as close as this part of them may be misjudged */

AVX512 __m512i
bids_of(__m512i key, const uint64_t *ids)
{
    __m512i x = _mm512_xor_si512(key, _mm512_loadu_si512(ids));

    x = _mm512_xor_si512(x, _mm512_srli_epi64(x, 12));
    x = _mm512_xor_si512(x, _mm512_slli_epi64(x, 25));
    x = _mm512_xor_si512(x, _mm512_srli_epi64(x, 27));
    return _mm512_mullo_epi64(x, _mm512_set1_epi64(INT64_C(0x2545f4914f6cdd1d)));
}

/* without optimisation gathers are macros, whose casts are not ours */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"

/* orr_log2_cost(), eight at a time: the same steps on the same integers. A bid of 0 is not
 * among the answers: its cost is set apart. */
AVX512 __m512i
costs_of(__m512i s)
{
    const long long *table = (const long long *)(const void *)orr_log2_table;
    __m512i one = _mm512_set1_epi64(1);
    __m512i zeros = _mm512_lzcnt_epi64(s);
    __m512i m = _mm512_sllv_epi64(s, zeros);
    __m512i t = _mm512_and_si512(_mm512_srli_epi64(m, 55), _mm512_set1_epi64(255));
    __m512i x = _mm512_srli_epi64(_mm512_slli_epi64(m, 9), 32);
    __m512i at0 = _mm512_i64gather_epi64(t, table, 8);
    __m512i at1 = _mm512_i64gather_epi64(_mm512_add_epi64(t, one), table, 8);
    __m512i at2 = _mm512_i64gather_epi64(_mm512_add_epi64(t, _mm512_set1_epi64(2)), table, 8);
    __m512i step = _mm512_sub_epi64(at1, at0);
    __m512i bend = _mm512_sub_epi64(_mm512_add_epi64(at1, at1), _mm512_add_epi64(at0, at2));
    __m512i part = _mm512_srli_epi64(_mm512_mullo_epi64(_mm512_srli_epi64(step, 18), x), 14);
    __m512i rest = _mm512_sub_epi64(_mm512_set1_epi64(INT64_C(1) << 32), x);
    __m512i hump = _mm512_srli_epi64(_mm512_mullo_epi64(x, rest), 42);

    bend = _mm512_srli_epi64(bend, 1);
    __m512i arch = _mm512_srli_epi64(_mm512_mullo_epi64(bend, hump), 22);
    __m512i whole = _mm512_slli_epi64(_mm512_add_epi64(zeros, one), LOG2_FRACTION_BITS);
    __m512i log = _mm512_add_epi64(at0, _mm512_add_epi64(part, arch));
    __m512i cost = _mm512_sub_epi64(whole, log);
    __mmask8 none = _mm512_cmpeq_epi64_mask(s, _mm512_setzero_si512());
    return _mm512_mask_mov_epi64(cost, none, _mm512_set1_epi64(INT64_C(64) << 57));
}
#pragma GCC diagnostic pop

AVX512 __m512d
quotients_of(__m512i key, const uint64_t *ids, const double *inverse)
{
    __m512d cost = _mm512_cvtepu64_pd(costs_of(bids_of(key, ids)));

    return _mm512_mul_pd(cost, _mm512_loadu_pd(inverse));
}

__attribute__((target("avx512f,avx512dq,avx512vl,avx512cd"))) static uint32_t
winner_avx512(const Auction *auction, uint64_t key)
{
    __m512i keys = _mm512_set1_epi64((int64_t)key);
    __m512d low = quotients_of(keys, auction->ids, auction->inverse);
    __m512d high = quotients_of(keys, auction->ids + 8, auction->inverse + 8);
    double least = _mm512_reduce_min_pd(_mm512_min_pd(low, high));
    __m512d near = _mm512_set1_pd(least * (1 + ROUNDING));
    unsigned close = _mm512_cmp_pd_mask(low, near, _CMP_LE_OQ) |
                     (unsigned)_mm512_cmp_pd_mask(high, near, _CMP_LE_OQ) << 8;

    if ((close & (close - 1)) != 0) {
        return winner_exactly(auction, key);
    }
    return (uint32_t)__builtin_ctz(close);
}

uint32_t
orr_auction_winner(Vectors vectors, const Auction *auction, uint64_t key)
{
    return vectors == VECTORS_AVX512 ? winner_avx512(auction, key)
                                     : winner_exactly(auction, key);
}
#else
uint32_t
orr_auction_winner(Vectors vectors, const Auction *auction, uint64_t key)
{
    (void)vectors;
    return winner_exactly(auction, key);
}
#endif
