/* memento.h - MementoHash: jump hash that remembers who left, so that any bucket can go.
 *
 * While buckets go from the end it is jump hash and remembers nothing. Of a bucket that goes
 * from the middle it remembers how many were left; a key that jumps there is hashed again among
 * those, as in AnchorHash, but without a largest number of buckets fixed beforehand.
 *
 * Buckets come back in the reverse order in which they went; new ones are numbered on.
 *
 * Source: Coluzzi, Brocco, Antonucci and Leidi, "MementoHash: A Stateful, Minimal Memory, Best
 * Performing Consistent Hash Algorithm", IEEE/ACM ToN 2024, section IV. Hashes are those of
 * SUPSI's java-consistent-hashing-algorithms: jump on XXH32 of the key, then XXH32 of the key
 * and the bucket, big-endian in 4 bytes, but for bucket 0 of the key alone; a bucket is a hash
 * modulo how many.
 * Memory: 8 bytes a bucket. (The paper's hash table takes 12 a removed one; an array answers
 * sooner, and a placement has one entry for each node anyway.) Threads: any find together.
 */
#ifndef ORRERY_MEMENTO_H
#define ORRERY_MEMENTO_H

#include <orrery/placement.h>

ORR_BEGIN_DECLS

typedef struct OrrMemento OrrMemento;

/* No bucket works yet. `hash` is one of placement.h, DEFAULT XXH32. */
ORR_API OrrMemento *orr_memento_new(OrrPlacementHash hash, uint64_t seed);
ORR_API OrrMemento *orr_memento_copy(const OrrMemento *memento);
ORR_API void orr_memento_free(OrrMemento *memento);
/* How many buckets work. */
ORR_API uint32_t orr_memento_size(const OrrMemento *memento);

/* The bucket removed last, or the next new one, works from now on; its number. O(1). */
ORR_API uint32_t orr_memento_add(OrrMemento *memento);
/* ORR_OK, or ORR_NOT_FOUND when that bucket does not work. O(1). */
ORR_API ORR_MUST_USE OrrStatus orr_memento_remove(OrrMemento *memento, uint32_t bucket);

/* The hash on which a key jumps. */
ORR_API uint64_t orr_memento_hash(const OrrMemento *memento, OrrBytes key);
/* The bucket of a key; 0 when none works. */
ORR_API uint32_t orr_memento_find(const OrrMemento *memento, OrrBytes key);
/* The buckets of many, in `found`: the same answers, faster. */
ORR_API void orr_memento_find_batch(const OrrMemento *memento, const OrrBytes *keys,
                                    size_t count, uint32_t *found);
ORR_API size_t orr_memento_memory_size(const OrrMemento *memento);

ORR_END_DECLS

#endif
