/* md5.h - MD5 (RFC 1321), for the dialects of ketama; not for anything that needs a secure
 * hash.
 *
 * One digest takes about 80 ns however good the code, for each of its 64 steps waits for the
 * one before. So many digests are computed side by side, eight to a vector: the same digests.
 */
#ifndef ORR_PLACEMENT_MD5_H
#define ORR_PLACEMENT_MD5_H

#include "placement/vectors.h"

#include <orrery/types.h>

#define MD5_SIZE 16u

/* The digest as four numbers, each the little-endian reading of four bytes of it. */
typedef struct Md5 {
    uint32_t word[4];
} Md5;

Md5 orr_md5_of(OrrBytes bytes);

/* The digests of many, in `digests`, which has room for `count`. They do not depend on
 * `vectors`, which the processor must have. */
void orr_md5_of_many(Vectors vectors, const OrrBytes *bytes, size_t count, Md5 *digests);

#endif
