/* histogram.h - how long things take: counts in fixed buckets, as Prometheus wants them.
 *
 * Bounds are 1, 2, 5 times powers of ten from 10 us to 10 s. Memory: a plain value.
 */
#ifndef LIVE_HISTOGRAM_H
#define LIVE_HISTOGRAM_H

#include <orrery/types.h>

#define LIVE_HISTOGRAM_BOUNDS 19u

typedef struct LiveHistogram {
    uint64_t counts[LIVE_HISTOGRAM_BOUNDS + 1]; /* the last: longer than all bounds */
    uint64_t count;
    OrrTime sum_ns;
    OrrTime longest_ns;
} LiveHistogram;

static const OrrTime LIVE_HISTOGRAM_NS[LIVE_HISTOGRAM_BOUNDS] = {
    10000,     20000,      50000,      100000,     200000,      500000,    1000000,
    2000000,   5000000,    10000000,   20000000,   50000000,    100000000, 200000000,
    500000000, 1000000000, 2000000000, 5000000000, 10000000000,
};

static inline void
live_histogram_add(LiveHistogram *histogram, OrrTime took_ns)
{
    unsigned bucket = 0;

    while (bucket < LIVE_HISTOGRAM_BOUNDS && took_ns > LIVE_HISTOGRAM_NS[bucket]) {
        bucket++;
    }
    histogram->counts[bucket]++;
    histogram->count++;
    histogram->sum_ns += took_ns;
    if (took_ns > histogram->longest_ns) {
        histogram->longest_ns = took_ns;
    }
}

#endif
