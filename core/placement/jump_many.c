#include "placement/jump_many.h"

#include <orrery/jump.h>

#include "placement/bits.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#define LANES 8u
#define AVX512 __attribute__((target("avx512f,avx512dq,avx512vl"))) static

/* Eight keys hop until none has a hop left; who is done stays where it is. */
AVX512 __m256i
jump_lanes(__m512i state, uint32_t buckets)
{
    __m512i factor = _mm512_set1_epi64(INT64_C(2862933555777941757));
    __m512i one = _mm512_set1_epi64(1);
    __m512d end = _mm512_set1_pd(buckets);
    __m512d bucket = _mm512_setzero_pd();
    __mmask8 going = 0xff;

    while (going != 0) {
        state = _mm512_add_epi64(_mm512_mullo_epi64(state, factor), one);
        __m512i bits = _mm512_add_epi64(_mm512_srli_epi64(state, 33), one);
        __m512d draw = _mm512_mul_pd(_mm512_cvtepi64_pd(bits), _mm512_set1_pd(0x1p-31));
        __m512d next = _mm512_div_pd(_mm512_add_pd(bucket, _mm512_set1_pd(1)), draw);

        going = _mm512_mask_cmp_pd_mask(going, next, end, _CMP_LT_OQ);
        __m512d whole = _mm512_cvtepi64_pd(_mm512_cvttpd_epi64(next));
        bucket = _mm512_mask_mov_pd(bucket, going, whole);
    }
    return _mm512_cvttpd_epu32(bucket);
}

AVX512 void
jump_avx512(const uint64_t *hashes, uint32_t buckets, uint32_t *found)
{
    __m256i lanes = jump_lanes(_mm512_loadu_si512(hashes), buckets);

    _mm256_storeu_si256((__m256i *)(void *)found, lanes);
}

AVX512 __m512i
mix_lanes(__m512i x)
{
    x = _mm512_xor_si512(x, _mm512_srli_epi64(x, 30));
    x = _mm512_mullo_epi64(x, _mm512_set1_epi64((int64_t)UINT64_C(0xbf58476d1ce4e5b9)));
    x = _mm512_xor_si512(x, _mm512_srli_epi64(x, 27));
    x = _mm512_mullo_epi64(x, _mm512_set1_epi64((int64_t)UINT64_C(0x94d049bb133111eb)));
    return _mm512_xor_si512(x, _mm512_srli_epi64(x, 31));
}

/* The first draw decides for most keys; the mask has those for which it does not. */
AVX512 __mmask8
jumpback_lanes(__m512i hashes, uint32_t buckets, __m512i *bucket)
{
    uint32_t low = UINT32_MAX >> __builtin_clz(buckets - 1);
    __m512i v = mix_lanes(_mm512_add_epi64(hashes, _mm512_set1_epi64((int64_t)GOLDEN_64)));
    __m512i upper = _mm512_srli_epi64(v, 32);
    __m512i u = _mm512_and_si512(_mm512_xor_si512(v, upper), _mm512_set1_epi64(low));
    /* the highest bit of u: all bits below it set, and then all but that one taken away */
    __m512i below = _mm512_or_si512(u, _mm512_srli_epi64(u, 1));
    below = _mm512_or_si512(below, _mm512_srli_epi64(below, 2));
    below = _mm512_or_si512(below, _mm512_srli_epi64(below, 4));
    below = _mm512_or_si512(below, _mm512_srli_epi64(below, 8));
    below = _mm512_or_si512(below, _mm512_srli_epi64(below, 16));
    below = _mm512_srli_epi64(below, 1);
    __m512i highest = _mm512_andnot_si512(below, u);
    highest = _mm512_and_si512(highest, _mm512_add_epi64(below, _mm512_set1_epi64(1)));
    /* the parity of u, in its lowest bit, says which half of v to take */
    __m512i parity = _mm512_xor_si512(u, _mm512_srli_epi64(u, 16));
    parity = _mm512_xor_si512(parity, _mm512_srli_epi64(parity, 8));
    parity = _mm512_xor_si512(parity, _mm512_srli_epi64(parity, 4));
    parity = _mm512_xor_si512(parity, _mm512_srli_epi64(parity, 2));
    parity = _mm512_xor_si512(parity, _mm512_srli_epi64(parity, 1));
    __mmask8 odd = _mm512_test_epi64_mask(parity, _mm512_set1_epi64(1));
    __m512i half = _mm512_mask_mov_epi64(v, odd, upper);

    *bucket = _mm512_add_epi64(highest, _mm512_and_si512(half, below));
    return _mm512_cmpge_epu64_mask(*bucket, _mm512_set1_epi64(buckets));
}

AVX512 void
jumpback_avx512(const uint64_t *hashes, uint32_t buckets, uint32_t *found)
{
    __m512i bucket;
    unsigned open = jumpback_lanes(_mm512_loadu_si512(hashes), buckets, &bucket);

    _mm256_storeu_si256((__m256i *)(void *)found, _mm512_cvtepi64_epi32(bucket));
    for (; open != 0; open &= open - 1) {
        unsigned lane = (unsigned)__builtin_ctz(open);

        found[lane] = orr_jumpback(hashes[lane], buckets);
    }
}

void
orr_jump_many(Vectors vectors, const uint64_t *hashes, size_t count, uint32_t buckets,
              uint32_t *found)
{
    size_t done = 0;

    for (; done + LANES <= count && vectors == VECTORS_AVX512; done += LANES) {
        jump_avx512(hashes + done, buckets, found + done);
    }
    for (; done < count; done++) {
        found[done] = orr_jump(hashes[done], buckets);
    }
}

void
orr_jumpback_many(Vectors vectors, const uint64_t *hashes, size_t count, uint32_t buckets,
                  uint32_t *found)
{
    size_t done = 0;

    for (; done + LANES <= count && vectors == VECTORS_AVX512 && buckets > 1; done += LANES) {
        jumpback_avx512(hashes + done, buckets, found + done);
    }
    for (; done < count; done++) {
        found[done] = orr_jumpback(hashes[done], buckets);
    }
}
#else
void
orr_jump_many(Vectors vectors, const uint64_t *hashes, size_t count, uint32_t buckets,
              uint32_t *found)
{
    (void)vectors;
    for (size_t i = 0; i < count; i++) {
        found[i] = orr_jump(hashes[i], buckets);
    }
}

void
orr_jumpback_many(Vectors vectors, const uint64_t *hashes, size_t count, uint32_t buckets,
                  uint32_t *found)
{
    (void)vectors;
    for (size_t i = 0; i < count; i++) {
        found[i] = orr_jumpback(hashes[i], buckets);
    }
}
#endif

void
orr_jump_batch(const uint64_t *hashes, size_t count, uint32_t buckets, uint32_t *found)
{
    orr_jump_many(vectors_here(), hashes, count, buckets, found);
}

void
orr_jumpback_batch(const uint64_t *hashes, size_t count, uint32_t buckets, uint32_t *found)
{
    orr_jumpback_many(vectors_here(), hashes, count, buckets, found);
}
