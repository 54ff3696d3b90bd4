/* maglev.h - the table of Maglev: each node fills entries in an order of its own, in turns.
 *
 *     offset, skip of a node: its order is offset, offset + skip, offset + 2 skip, ... mod size
 *     turns:  A takes its first free entry, B takes its, C takes its, A takes its next, ...
 *
 * All nodes of one weight end up with as many entries, give or take one. A node of half the
 * weight takes half as many turns. The change of one node changes few other entries, but some:
 * Maglev gives up a little minimality for its balance.
 *
 * Source: Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI
 * 2016, section 3.4. Offset and skip are the halves of SipHash-2-4 of the name, key
 * (0xdeadbeefcafebabe, 0): offset = (h >> 32) mod size, skip = (h mod 2^32) mod (size - 1) + 1.
 * Memory: allocated while filling, freed at its end. Threads: any.
 */
#ifndef ORRERY_MAGLEV_H
#define ORRERY_MAGLEV_H

#include <orrery/types.h>

ORR_BEGIN_DECLS

#define ORR_MAGLEV_SIZE_MAX (1u << 26)
#define ORR_MAGLEV_SEED UINT64_C(0xdeadbeefcafebabe) /* k0 of the names' hash */

/* The hash from which a node's order is made. */
ORR_API uint64_t orr_maglev_hash(uint64_t seed, OrrBytes name);

/* Fills `table`, of `size` entries, with indices of nodes; they take turns in the order given.
 * `weights` NULL means all equal; a node of weight 0 takes none. O(size log size) expected.
 *
 * ORR_OK
 * ORR_INVALID   no nodes with a weight; more nodes than entries; size is not a prime, or above
 *               ORR_MAGLEV_SIZE_MAX; the table is unchanged
 */
ORR_API ORR_MUST_USE OrrStatus orr_maglev_fill(const uint64_t *name_hashes,
                                               const uint32_t *weights, size_t count,
                                               uint32_t *table, uint32_t size);

/* The entry of a key with this hash: its upper half, as a fraction of 2^32, times the size. */
static inline uint32_t
orr_maglev_entry(uint64_t hash, uint32_t size)
{
    return (uint32_t)((hash >> 32) * size >> 32);
}

ORR_END_DECLS

#endif
