/* siphash.h - SipHash-2-4 with a key of 128 bits (k0, k1), 64 bits of answer.
 *
 * Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF", INDOCRYPT 2012, section 2.
 */
#ifndef ORR_PLACEMENT_SIPHASH_H
#define ORR_PLACEMENT_SIPHASH_H

#include "placement/vectors.h"

#include <orrery/types.h>

uint64_t orr_siphash_2_4(uint64_t k0, uint64_t k1, OrrBytes bytes);

/* Of many, in `hashes`: the same answers, eight to a vector while they are short. They do not
 * depend on `vectors`, which the processor must have. */
void orr_siphash_2_4_many(Vectors vectors, uint64_t k0, uint64_t k1, const OrrBytes *bytes,
                          size_t count, uint64_t *hashes);

#endif
