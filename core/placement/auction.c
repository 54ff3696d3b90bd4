#include "placement/auction.h"

#include "placement/bids.h"
#include "placement/log2.h"

void
orr_auction_init(Auction *auction)
{
    memset(auction, 0, sizeof *auction);
}

void
orr_auction_add(Auction *auction, uint64_t id, uint64_t weight)
{
    auction->ids[auction->count] = id;
    auction->weights[auction->count] = weight;
    auction->inverse[auction->count] = 1.0f / (float)weight;
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

#define AVX512 __attribute__((target("avx512f,avx512dq,avx512vl"))) static inline
/* How far an estimated cost may be from the exact one: ten times what the polynomial, and the
 * rounding of costs up to 64, can do together. */
#define FAR 0x1p-12f

AVX512 __m256
bids_of(__m512i key, const uint64_t *ids)
{
    __m512i x = _mm512_xor_si512(key, _mm512_loadu_si512(ids));

    x = _mm512_xor_si512(x, _mm512_srli_epi64(x, 12));
    x = _mm512_xor_si512(x, _mm512_slli_epi64(x, 25));
    x = _mm512_xor_si512(x, _mm512_srli_epi64(x, 27));
    x = _mm512_mullo_epi64(x, _mm512_set1_epi64(INT64_C(0x2545f4914f6cdd1d)));
    return _mm512_cvtepu64_ps(x);
}

/* without optimisation these are macros, whose casts are not ours */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"

/* About -log2(bid / 2^64): the exponent is exact, and log2(m) of m in [1, 2) is a polynomial in
 * m - 1, interpolated at Chebyshev's points, that is off by 2^-18 at most. A bid of 0 costs
 * 64, as a bid of 1 does. */
AVX512 __m512
costs_of(__m512 bids)
{
    static const float factors[] = {-0.0245685354f, 0.117613085f, -0.272697568f,  0.454508483f,
                                    -0.717312753f,  1.4424535f,   2.44343869e-06f};
    __m512 exponent = _mm512_getexp_ps(bids);
    __m512 m = _mm512_getmant_ps(bids, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_zero);
    __m512 x = _mm512_sub_ps(m, _mm512_set1_ps(1));
    __m512 log = _mm512_set1_ps(factors[0]);

    for (unsigned i = 1; i < sizeof factors / sizeof factors[0]; i++) {
        log = _mm512_fmadd_ps(log, x, _mm512_set1_ps(factors[i]));
    }
    __m512 cost = _mm512_sub_ps(_mm512_sub_ps(_mm512_set1_ps(64), exponent), log);
    return _mm512_min_ps(cost, _mm512_set1_ps(64));
}
#pragma GCC diagnostic pop

/* Everybody whose bid, taken for as good as it may be, is no worse than the best when all are
 * taken for as bad as they may be. Nearly always that is one. */
AVX512 unsigned
possible_winners(const Auction *auction, uint64_t key)
{
    __m512i keys = _mm512_set1_epi64((int64_t)key);
    __mmask16 all = (__mmask16)((1u << auction->count) - 1);
    __m512 low = _mm512_castps256_ps512(bids_of(keys, auction->ids));
    __m512 bids = _mm512_insertf32x8(low, bids_of(keys, auction->ids + 8), 1);
    __m512 costs = costs_of(bids);
    __m512 inverse = _mm512_loadu_ps(auction->inverse);
    __m512 most = _mm512_mul_ps(_mm512_add_ps(costs, _mm512_set1_ps(FAR)), inverse);
    __m512 least = _mm512_mul_ps(_mm512_sub_ps(costs, _mm512_set1_ps(FAR)), inverse);
    __m512 bound = _mm512_set1_ps(_mm512_mask_reduce_min_ps(all, most));

    return _mm512_mask_cmp_ps_mask(all, least, bound, _CMP_LE_OQ);
}

__attribute__((target("avx512f,avx512dq,avx512vl"))) static uint32_t
winner_avx512(const Auction *auction, uint64_t key)
{
    unsigned possible = possible_winners(auction, key);

    if ((possible & (possible - 1)) != 0) {
        return winner_exactly(auction, key);
    }
    return (uint32_t)__builtin_ctz(possible);
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
