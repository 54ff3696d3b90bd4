/* jump.h - jump consistent hash and JumpBackHash: no memory, perfect balance, buckets 0 to n-1.
 *
 * Both answer as if a key had been asked, each time a bucket was added, whether it moves there,
 * and had said yes with probability 1 / n. So going from n to n + 1 buckets moves 1 / (n + 1)
 * of the keys, all to the new bucket; and only the last bucket can be taken away.
 *
 *     buckets   1 2 3 4 5 6 7 8 9 10 ...
 *     of a key  0 - 2 - - 5 - - -  - ...    jump hops to the right: ln(n) hops
 *                                           JumpBack comes from the right: 5/3 draws at most
 *
 * Source: Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm", 2014, figure
 * 1, with the division as Guava's Hashing.consistentHash makes it; Ertl, "JumpBackHash: Say
 * Goodbye to the Modulo Operation to Distribute Keys Uniformly to Buckets", 2024, with
 * SplitMix64. Memory: none. Threads: any.
 */
#ifndef ORRERY_JUMP_H
#define ORRERY_JUMP_H

#include <orrery/types.h>

ORR_BEGIN_DECLS

#define ORR_JUMP_BUCKETS_MAX 0x7fffffffu

/* The bucket, below `buckets`, of a key with this hash; 0 where `buckets` is 0 or 1. `buckets`
 * is at most ORR_JUMP_BUCKETS_MAX. O(ln buckets). */
ORR_API uint32_t orr_jump(uint64_t hash, uint32_t buckets);
/* The same promise, other answers, in constant expected time. */
ORR_API uint32_t orr_jumpback(uint64_t hash, uint32_t buckets);

/* The buckets of many, in `found`: the same answers, faster. */
ORR_API void orr_jump_batch(const uint64_t *hashes, size_t count, uint32_t buckets,
                            uint32_t *found);
ORR_API void orr_jumpback_batch(const uint64_t *hashes, size_t count, uint32_t buckets,
                                uint32_t *found);

ORR_END_DECLS

#endif
