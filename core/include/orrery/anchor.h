/* anchor.h - AnchorHash: buckets come and go in any order, and balance stays perfect.
 *
 * There is room for `capacity` buckets, of which some work. A key is hashed among all; while it
 * meets a bucket that does not work, it is hashed again among those that worked when that one
 * was removed. So a key moves only if its bucket goes, or to a bucket that comes back.
 *
 * Buckets come back in the reverse order in which they went; new ones are numbered on.
 *
 * Source: Mendelson, Vargaftik, Barabash, Lorenz, Keslassy and Orda, "AnchorHash: A Scalable
 * Consistent Hash", IEEE/ACM ToN 2021, algorithm 3. Hashes are those of SUPSI's
 * java-consistent-hashing-algorithms: of the key with seed 0xDEADBEEF appended, big-endian, and
 * then of (hash, bucket, seed), big-endian in 16 bytes; a bucket is a hash modulo how many.
 * Memory: 16 bytes a bucket of capacity and 4 a removed one. Threads: any find together.
 */
#ifndef ORRERY_ANCHOR_H
#define ORRERY_ANCHOR_H

#include <orrery/placement.h>

ORR_BEGIN_DECLS

typedef struct OrrAnchor OrrAnchor;

/* No bucket works yet. `capacity` is 1 to 2^26; hash is one of placement.h, DEFAULT XXH32. */
ORR_API OrrAnchor *orr_anchor_new(uint32_t capacity, OrrPlacementHash hash, uint64_t seed);
ORR_API OrrAnchor *orr_anchor_copy(const OrrAnchor *anchor);
ORR_API void orr_anchor_free(OrrAnchor *anchor);
ORR_API uint32_t orr_anchor_capacity(const OrrAnchor *anchor);
/* How many buckets work. */
ORR_API uint32_t orr_anchor_size(const OrrAnchor *anchor);

/* The bucket removed last, or the next new one, works from now on; its number in `*bucket`.
 * ORR_OK, or ORR_FULL when all capacity works. O(1). */
ORR_API ORR_MUST_USE OrrStatus orr_anchor_add(OrrAnchor *anchor, uint32_t *bucket);
/* ORR_OK, or ORR_NOT_FOUND when that bucket does not work. O(1). */
ORR_API ORR_MUST_USE OrrStatus orr_anchor_remove(OrrAnchor *anchor, uint32_t bucket);

/* The first hash of a key. */
ORR_API uint64_t orr_anchor_hash(const OrrAnchor *anchor, OrrBytes key);
/* The bucket of a key with this hash; 0 when none works. About ln(capacity / size) rehashes. */
ORR_API uint32_t orr_anchor_find(const OrrAnchor *anchor, uint64_t hash);
ORR_API size_t orr_anchor_memory_size(const OrrAnchor *anchor);

ORR_END_DECLS

#endif
