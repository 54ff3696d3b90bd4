/* slotmap.h - who owns each of the 16384 slots, at which version.
 *
 *     slot   0 ........ 5460 5461 ....... 10922 10923 ...... 16383
 *     owner  [ shard a, v3 ] [ shard b, v1     ] [ shard c, v1   ]
 *                                  6000: migrating to a
 *
 * A claim says: this shard owns these slots, at this version. The greater version wins slot by
 * slot, so a late claim never does; equal versions of two shards go to the smaller shard id, on
 * every node alike. State (MIGRATING, IMPORTING) is local: the map that nodes compare, and
 * its digests, are made of owners and versions only.
 *
 * Source: Redis Cluster specification, "Cluster topology" and "Configuration handling";
 * departure: versions are kept per slot, not per node. Cost: O(1) a slot. Threads: one at a
 * time.
 */
#ifndef ORRERY_SLOTMAP_H
#define ORRERY_SLOTMAP_H

#include <orrery/bus.h>
#include <orrery/slots.h>

ORR_BEGIN_DECLS

typedef struct OrrSlotMap OrrSlotMap;

typedef enum OrrSlotState {
    ORR_SLOT_STABLE,
    ORR_SLOT_MIGRATING, /* this shard owns it, and gives it to `peer` */
    ORR_SLOT_IMPORTING, /* this shard is getting it from `peer` */
} OrrSlotState;

typedef struct OrrSlotView {
    OrrId shard;      /* owner, or none */
    uint64_t version; /* 0: never claimed */
    OrrSlotState state;
    OrrId peer;
} OrrSlotView;

ORR_API OrrSlotMap *orr_slotmap_new(void);
ORR_API void orr_slotmap_free(OrrSlotMap *map);

#define ORR_SLOT_SHARDS_MAX                                                                    \
    4096u /* shards that ever owned a slot; claims of more are ignored */

/* Takes a claim; returns the number of slots whose owner changed by it. A claim by the shard
 * that is none gives slots up. `range` must be inside 0..16383. */
ORR_API uint32_t orr_slotmap_claim(OrrSlotMap *map, const OrrSlotsRecord *claim);
/* The same without looking at versions: for the planted bug, and nothing else. */
ORR_API uint32_t orr_slotmap_overwrite(OrrSlotMap *map, const OrrSlotsRecord *claim);

ORR_API OrrSlotView orr_slotmap_get(const OrrSlotMap *map, uint16_t slot);
/* Brings what orr_slotmap_get() reads into the cache. */
ORR_API void orr_slotmap_prefetch(const OrrSlotMap *map, uint16_t slot);
/* True if `shard` owns the slot: cheaper than orr_slotmap_get(). */
ORR_API bool orr_slotmap_owns(const OrrSlotMap *map, uint16_t slot, const OrrId *shard);
ORR_API void orr_slotmap_set_state(OrrSlotMap *map, uint16_t slot, OrrSlotState state,
                                   const OrrId *peer);

/* Takes the next of the shards (also the one that is none) whose number of slots changed since
 * it was last taken, and the number; false: there are no more. In no particular order. */
ORR_API bool orr_slotmap_next_touched(OrrSlotMap *map, OrrId *shard, uint32_t *count);
/* How many slots a shard owns, and how many nobody owns. O(1). */
ORR_API uint32_t orr_slotmap_count(const OrrSlotMap *map, const OrrId *shard);
ORR_API uint32_t orr_slotmap_uncovered(const OrrSlotMap *map);
/* The greatest version of any slot. */
ORR_API uint64_t orr_slotmap_version(const OrrSlotMap *map);

/* The widest range from slot `*cursor` on, up to `last`, with one owner and version, owned or
 * given up; moves the cursor past it. ORR_NOT_FOUND at the end. */
ORR_API OrrStatus orr_slotmap_next(const OrrSlotMap *map, uint32_t *cursor, uint16_t last,
                                   OrrSlotsRecord *claim);

/* Equal on two nodes that know the same owners and versions. `bucket` < ORR_SLOT_BUCKETS. */
ORR_API uint64_t orr_slotmap_digest(const OrrSlotMap *map);
ORR_API uint64_t orr_slotmap_bucket_digest(const OrrSlotMap *map, uint32_t bucket);
/* Grows whenever an owner or a version changes. */
ORR_API uint64_t orr_slotmap_change(const OrrSlotMap *map);
#define ORR_SLOTS_PER_BUCKET (ORR_SLOT_COUNT / ORR_SLOT_BUCKETS)

ORR_END_DECLS

#endif
