/* slots.h - the 16384 slots of Redis Cluster: which slot a key has, and who is dealt which.
 *
 *     key "user:{42}:cart" -- hash tag --> "42" -- CRC16 --> 16 bits -- mod 16384 --> slot 8000
 *
 * If a key holds a '{' and, after the first one, a '}', and there is at least one byte between
 * them (up to the first '}' after that '{'), only those bytes are hashed, so that keys which
 * share a tag share a slot. Otherwise the whole key is hashed. Every byte string is a key, the
 * empty one (slot 0) and those with NUL bytes too.
 *
 * The checksum is CRC-16/XMODEM: polynomial x^16 + x^12 + x^5 + 1, first bit highest, from 0,
 * nothing inverted. It is computed eight bytes at a time by tables (Kounavis and Berry, "Novel
 * Table Lookup-Based Algorithms for High-Performance CRC Generation", 2008: slicing-by-8) or,
 * where the processor can multiply without carries, by folding (Gopal et al., "Fast CRC
 * Computation for Generic Polynomials Using PCLMULQDQ Instruction", Intel 2009). The processor
 * is asked at run time; the answers are the same everywhere.
 *
 * Source: Redis Cluster specification, "Key distribution model" and "Hash tags".
 * Memory: nothing is allocated except by orr_slots_deal(), which frees it. Threads: any.
 */
#ifndef ORRERY_SLOTS_H
#define ORRERY_SLOTS_H

#include <orrery/types.h>

ORR_BEGIN_DECLS

#define ORR_SLOT_COUNT 16384u
#define ORR_SLOT_UNOWNED UINT16_MAX /* the owner of a slot that nobody was dealt */

/* CRC-16/XMODEM of all bytes; of none, 0; of "123456789", 0x31c3. */
ORR_API uint16_t orr_crc16(OrrBytes bytes);

/* The slot of a key, 0 to ORR_SLOT_COUNT - 1. */
ORR_API uint16_t orr_slot_of_key(OrrBytes key);

/* The part of the key that is hashed: what its tag holds, or the key itself. Points into it. */
ORR_API OrrBytes orr_slot_tag(OrrBytes key);

/* The ways to compute the checksum, for benchmarks and tests; orr_crc16() takes the best. */
typedef enum OrrCrc16Way {
    ORR_CRC16_BYTEWISE,  /* one table of 256, a byte at a time: what Redis does */
    ORR_CRC16_SLICES,    /* eight tables, eight bytes at a time */
    ORR_CRC16_CARRYLESS, /* carry-less multiplication, sixteen bytes at a time */
} OrrCrc16Way;

/* Whether this processor can go this way. */
ORR_API bool orr_crc16_can(OrrCrc16Way way);
/* The same answer as orr_crc16(), this way, or where the processor cannot, by slices. */
ORR_API uint16_t orr_crc16_by(OrrCrc16Way way, OrrBytes bytes);

/* How a new cluster deals its slots out. */
typedef enum OrrSlotsPolicy {
    ORR_SLOTS_EVEN, /* one range each, equal within one slot, as redis-cli --cluster create */
    ORR_SLOTS_WEIGHTED, /* one range each, its length in proportion to the weight */
    ORR_SLOTS_RING, /* each slot to the owner of its number on a ring of names and weights */
} OrrSlotsPolicy;

#define ORR_SLOTS_NODES_MAX 16384u /* there is no more than one slot each to give */

/* Fills `owner` with the index, below `count`, of the node that owns each slot.
 *
 * EVEN gives slots round(i * 16384 / n) up to round((i + 1) * 16384 / n) to node i, and looks
 * at neither names nor weights. WEIGHTED does so with running sums of weights: a share is
 * within one slot of weight / total; weight 0 gets none; `weights` NULL means all equal. RING
 * asks the ring of ring.h, 160 points for the smallest weight, who owns the key that is the
 * slot's decimal number: shares vary, but a change of nodes moves few slots, whoever computes
 * it; `names` are the nodes'.
 *
 * ORR_OK
 * ORR_INVALID   no nodes, more than ORR_SLOTS_NODES_MAX, or all weights are 0; with RING no
 *               names, or one that is empty or longer than 1024 bytes; `owner` is unchanged
 * ORR_EXISTS    with RING, two nodes have one name; `owner` is unchanged
 */
ORR_API ORR_MUST_USE OrrStatus orr_slots_deal(OrrSlotsPolicy policy, const OrrBytes *names,
                                              const uint32_t *weights, size_t count,
                                              uint16_t owner[ORR_SLOT_COUNT]);

ORR_END_DECLS

#endif
