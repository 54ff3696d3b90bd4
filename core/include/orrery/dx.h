/* dx.h - DxHash: buckets are drawn for a key until one works.
 *
 * There is room for `capacity` buckets, of which some work. A key seeds a random generator, and
 * its bucket is the first drawn that works: a removal concerns only who met the removed bucket,
 * and all others keep theirs. A draw costs little, so it is quick as long as a fair part works.
 *
 * Buckets come back in the reverse order in which they went; new ones are numbered on.
 *
 * Source: Dong and Wang, "DxHash: A Scalable Consistent Hash Based on the Pseudo-Random
 * Sequence", 2021, section 3. Hash and generator are those of SUPSI's
 * java-consistent-hashing-algorithms: XXH32 of the key, and java.util.Random seeded with it.
 * Memory: 1 bit a bucket of capacity and 4 bytes a removed one. Threads: any find together.
 */
#ifndef ORRERY_DX_H
#define ORRERY_DX_H

#include <orrery/types.h>

ORR_BEGIN_DECLS

typedef struct OrrDx OrrDx;

/* No bucket works yet. `capacity` is 1 to 2^26. */
ORR_API OrrDx *orr_dx_new(uint32_t capacity);
ORR_API OrrDx *orr_dx_copy(const OrrDx *dx);
ORR_API void orr_dx_free(OrrDx *dx);
ORR_API uint32_t orr_dx_capacity(const OrrDx *dx);
/* How many buckets work. */
ORR_API uint32_t orr_dx_size(const OrrDx *dx);

/* The bucket removed last, or the next new one, works from now on; its number in `*bucket`.
 * ORR_OK, or ORR_FULL when all capacity works. O(1). */
ORR_API ORR_MUST_USE OrrStatus orr_dx_add(OrrDx *dx, uint32_t *bucket);
/* ORR_OK, or ORR_NOT_FOUND when that bucket does not work. O(1). */
ORR_API ORR_MUST_USE OrrStatus orr_dx_remove(OrrDx *dx, uint32_t bucket);

/* The bucket of a key with this hash; 0 when none works. About capacity / size draws. */
ORR_API uint32_t orr_dx_find(const OrrDx *dx, uint64_t hash);
ORR_API size_t orr_dx_memory_size(const OrrDx *dx);

ORR_END_DECLS

#endif
