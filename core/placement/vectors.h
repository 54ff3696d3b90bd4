/* vectors.h - which vector instructions this processor has; asked at run time, told to tests.
 */
#ifndef ORR_PLACEMENT_VECTORS_H
#define ORR_PLACEMENT_VECTORS_H

typedef enum Vectors {
    VECTORS_NONE, /* what every processor of this kind has */
    VECTORS_AVX2,
    VECTORS_AVX512, /* F, DQ and VL */
} Vectors;

static inline Vectors
vectors_here(void)
{
#if defined(__x86_64__) && defined(__GNUC__)
    if (__builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
        return VECTORS_AVX512;
    }
    return __builtin_cpu_supports("avx2") ? VECTORS_AVX2 : VECTORS_NONE;
#else
    return VECTORS_NONE;
#endif
}

#endif
