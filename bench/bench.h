/* bench.h - timing for benchmarks: the best of several short runs, one CSV line each. */
#ifndef ORR_BENCH_H
#define ORR_BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <time.h>

static inline uint64_t
bench_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* What a run computed; keeps the compiler from leaving it out. */
extern volatile uint64_t bench_sink;

/* Runs `code`, which does `count` things, several times; ns of one thing in the best run.
 * Others use the machine too, and what disturbs a run only makes it longer. */
#define BENCH_BEST(result, runs, count, code)                                                  \
    do {                                                                                       \
        double best_ = 1e300;                                                                  \
        for (int run_ = 0; run_ < (runs); run_++) {                                            \
            uint64_t begin_ = bench_now_ns();                                                  \
            code;                                                                              \
            double took_ = (double)(bench_now_ns() - begin_) / (double)(count);                \
            best_ = took_ < best_ ? took_ : best_;                                             \
        }                                                                                      \
        (result) = best_;                                                                      \
    } while (0)

#endif
