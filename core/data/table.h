/* table.h - entries by the hash of their key, growing bucket by bucket; private to data/.
 *
 * Extendible hashing with small directories: a directory of 2^depth references, by the top bits
 * of the hash, leads to buckets of one cache line. A full bucket is split in two, and its
 * directory doubled when it must; a directory of 1024 does not double, its buckets become
 * tables of their own below it. So no step does more than move 12 entries and copy 4 KiB.
 *
 *     table --> directory: 00 01 10 11      bucket: 12 tags | depth | due | 12 references
 *                           |  |  `--+--> bucket 1*
 *                           |  `--> bucket 01
 *                           `--> table below --> ...
 *
 * A bucket holds exactly the hashes of an interval, so the buckets in order are the entries in
 * order of their hashes, whatever the history: this is what cursors stand on.
 *
 * Source: Fagin et al., "Extendible Hashing", ACM TODS 1979. Departure: nested directories.
 */
#ifndef ORR_DATA_TABLE_H
#define ORR_DATA_TABLE_H

#include "data/entry.h"

#define ORR_BUCKET_ENTRIES 12u
#define ORR_TABLE_DEPTH_MAX 10u /* of one directory */
#define ORR_TABLE_BITS_MAX 39u  /* of a hash that directories use; then buckets are chained */

typedef struct OrrStore {
    OrrArena arena;
    uint64_t seed;
} OrrStore;

typedef struct OrrTable {
    OrrRef root; /* a bucket at depth 0, else a directory; 0: empty */
    uint32_t depth;
} OrrTable;

typedef struct OrrBucket {
    uint8_t tags[ORR_BUCKET_ENTRIES]; /* low byte of the hash, never 0; 0: free */
    uint8_t depth;                    /* bits of the directory that all entries share */
    uint8_t chained;                  /* the last reference is the next bucket */
    uint16_t due;                     /* when the first entry expires, see keyspace_expire.c */
    OrrRef refs[ORR_BUCKET_ENTRIES];
} OrrBucket;

#define ORR_DUE_NEVER UINT16_MAX
#define ORR_DUE_UNKNOWN (UINT16_MAX - 1) /* must be computed */

typedef struct OrrSpot {
    OrrBucket *bucket;
    unsigned index;
} OrrSpot;

uint64_t orr_store_hash(const OrrStore *store, OrrBytes key);

/* The entry with this key, or NULL; *spot is where. */
OrrEntry *orr_table_find(const OrrStore *store, const OrrTable *table, OrrBytes key,
                         uint64_t hash, OrrSpot *spot);
/* Adds an entry whose key is not in the table. Returns its bucket. */
OrrBucket *orr_table_insert(OrrStore *store, OrrTable *table, uint64_t hash, OrrRef ref);
/* Takes the entry at `spot` out (and does not free it); empty buckets are merged away. */
void orr_table_remove(OrrStore *store, OrrTable *table, uint64_t hash, OrrSpot spot);
/* Frees directories and buckets, not entries. */
void orr_table_clear(OrrStore *store, OrrTable *table);

/* The bucket whose interval holds `position`, or NULL, and where the next interval begins (0:
 * nowhere). */
OrrBucket *orr_table_bucket_at(const OrrStore *store, const OrrTable *table, uint64_t position,
                               uint64_t *next);
/* The next bucket of a chain, or NULL. */
OrrBucket *orr_bucket_next(const OrrStore *store, const OrrBucket *bucket);

/* Two halves of a lookup, for batches: the first touches directories, the second the bucket. */
const OrrBucket *orr_table_prefetch_bucket(const OrrStore *store, const OrrTable *table,
                                           uint64_t hash);
void orr_bucket_prefetch_entry(const OrrStore *store, const OrrBucket *bucket, uint64_t hash);

/* Bytes of directories and buckets are the arena's; this is the share of one entry. */
#define ORR_TABLE_SHARE 8u

#endif
