/* jump_many.h - jump and JumpBack for many hashes: eight at a time where AVX-512 is. */
#ifndef ORR_PLACEMENT_JUMP_MANY_H
#define ORR_PLACEMENT_JUMP_MANY_H

#include "placement/vectors.h"

#include <orrery/types.h>

/* The answers of orr_jump() and orr_jumpback(), in `found`. */
void orr_jump_many(Vectors vectors, const uint64_t *hashes, size_t count, uint32_t buckets,
                   uint32_t *found);
void orr_jumpback_many(Vectors vectors, const uint64_t *hashes, size_t count, uint32_t buckets,
                       uint32_t *found);

#endif
