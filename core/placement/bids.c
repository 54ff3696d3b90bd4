#include "placement/bids.h"

#define LANES 8u

Bid
bids_highest_scalar(uint64_t key, const uint64_t *nodes, size_t count)
{
    Bid best = {bid_of(key, nodes[0]), 0};

    for (size_t i = 1; i < count; i++) {
        uint64_t bid = bid_of(key, nodes[i]);

        if (bid > best.bid) {
            best = (Bid){bid, i};
        }
    }
    return best;
}

#if defined(__x86_64__) && defined(__GNUC__)
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

/* Eight nodes at a time for one key; then the eight winners, the earliest first. */
__attribute__((always_inline)) static inline Bid
highest_of_lanes(uint64_t key, const uint64_t *nodes, size_t count)
{
    Lanes of = {0, 1, 2, 3, 4, 5, 6, 7};
    Lanes best;
    Lanes index = of;
    size_t i = LANES;

    memcpy(&best, nodes, sizeof best);
    best ^= key;
    BID(best);
    for (; i + LANES <= count; i += LANES) {
        Lanes bid;

        memcpy(&bid, nodes + i, sizeof bid);
        bid ^= key;
        of += LANES;
        BID(bid);
        KEEP_HIGHER(best, index, bid, of);
    }
    Bid winner = {best[0], index[0]};
    for (unsigned lane = 1; lane < LANES; lane++) {
        bool higher =
            best[lane] > winner.bid || (best[lane] == winner.bid && index[lane] < winner.index);
        winner.bid = higher ? best[lane] : winner.bid;
        winner.index = higher ? index[lane] : winner.index;
    }
    for (; i < count; i++) {
        uint64_t bid = bid_of(key, nodes[i]);

        winner = bid > winner.bid ? (Bid){bid, i} : winner;
    }
    return winner;
}

/* One node at a time for eight keys. */
__attribute__((always_inline)) static inline void
highest_for_lanes(const uint64_t *keys, const uint64_t *nodes, size_t count, Bid *bids)
{
    Lanes key;
    Lanes index = {0};
    Lanes best;

    memcpy(&key, keys, sizeof key);
    best = key ^ nodes[0];
    BID(best);
    for (size_t i = 1; i < count; i++) {
        Lanes bid = key ^ nodes[i];
        Lanes of = (Lanes){0} + i;

        BID(bid);
        KEEP_HIGHER(best, index, bid, of);
    }
    for (unsigned lane = 0; lane < LANES; lane++) {
        bids[lane] = (Bid){best[lane], index[lane]};
    }
}

#define AVX2 __attribute__((target("avx2"))) static
#define AVX512 __attribute__((target("avx512f,avx512dq,avx512vl"))) static

AVX2 Bid
highest_avx2(uint64_t key, const uint64_t *nodes, size_t count)
{
    return highest_of_lanes(key, nodes, count);
}

AVX2 void
highest_for_avx2(const uint64_t *keys, const uint64_t *nodes, size_t count, Bid *bids)
{
    highest_for_lanes(keys, nodes, count, bids);
}

AVX512 Bid
highest_avx512(uint64_t key, const uint64_t *nodes, size_t count)
{
    return highest_of_lanes(key, nodes, count);
}

AVX512 void
highest_for_avx512(const uint64_t *keys, const uint64_t *nodes, size_t count, Bid *bids)
{
    highest_for_lanes(keys, nodes, count, bids);
}

Bid
bids_highest(uint64_t key, const uint64_t *nodes, size_t count)
{
    if (count < LANES) {
        return bids_highest_scalar(key, nodes, count);
    }
    if (__builtin_cpu_supports("avx512dq")) {
        return highest_avx512(key, nodes, count);
    }
    if (__builtin_cpu_supports("avx2")) {
        return highest_avx2(key, nodes, count);
    }
    return bids_highest_scalar(key, nodes, count);
}

void
bids_highest_many(const uint64_t *keys, size_t key_count, const uint64_t *nodes, size_t count,
                  Bid *bids)
{
    bool avx512 = __builtin_cpu_supports("avx512dq");
    size_t done = 0;

    for (; done + LANES <= key_count && (avx512 || __builtin_cpu_supports("avx2"));
         done += LANES) {
        if (avx512) {
            highest_for_avx512(keys + done, nodes, count, bids + done);
        } else {
            highest_for_avx2(keys + done, nodes, count, bids + done);
        }
    }
    for (; done < key_count; done++) {
        bids[done] = bids_highest(keys[done], nodes, count);
    }
}
#else
Bid
bids_highest(uint64_t key, const uint64_t *nodes, size_t count)
{
    return bids_highest_scalar(key, nodes, count);
}

void
bids_highest_many(const uint64_t *keys, size_t key_count, const uint64_t *nodes, size_t count,
                  Bid *bids)
{
    for (size_t i = 0; i < key_count; i++) {
        bids[i] = bids_highest_scalar(keys[i], nodes, count);
    }
}
#endif
