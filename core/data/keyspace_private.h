/* keyspace_private.h - what the files of the keyspace share. */
#ifndef ORR_DATA_KEYSPACE_PRIVATE_H
#define ORR_DATA_KEYSPACE_PRIVATE_H

#include "data/table.h"

#include <orrery/keyspace.h>

#define ORR_SLOT_PAGES 256u
#define ORR_PAGE_SLOTS (ORR_KEYSPACE_SLOTS / ORR_SLOT_PAGES)

typedef struct OrrSlotData {
    OrrTable table;
    uint32_t live;
    uint32_t deleted;  /* kept deletions of keys and of fields */
    uint32_t expiring; /* live keys with an expiry */
} OrrSlotData;

typedef struct OrrSlotPage {
    OrrSlotData slots[ORR_PAGE_SLOTS];
} OrrSlotPage;

/* A table that nobody reaches any more, being freed. */
typedef struct OrrGarbage {
    OrrTable table;
    uint64_t position;
} OrrGarbage;

/* A key found expired, kept while records about others are applied. */
typedef struct OrrExpired {
    size_t key_at; /* in expired_keys */
    size_t key_size;
    int64_t expire_ms;
    uint16_t slot;
} OrrExpired;

/* A key that may be given up, as it was when it was drawn. */
typedef struct OrrCandidate {
    uint64_t score;
    uint64_t hash;
    uint32_t used;
    uint16_t slot;
} OrrCandidate;
#define ORR_EVICTION_POOL 16u

struct OrrKeyspace {
    OrrStore store;
    OrrSlotPage *pages[ORR_SLOT_PAGES]; /* made when a slot of theirs is first written */
    size_t page_count;
    uint32_t page_live[ORR_SLOT_PAGES];
    uint32_t page_expiring[ORR_SLOT_PAGES];
    size_t live;
    size_t deleted;
    size_t expiring;
    OrrVersion version;
    OrrAccess access;
    uint32_t access_clock;
    uint32_t access_coin;
    bool keep_deleted;

    OrrGarbage *garbage;
    size_t garbage_count;
    size_t garbage_room;

    uint32_t sweep_slot;
    uint64_t sweep_position;
    int64_t sweep_ms; /* wall clock of the last step; 0: none yet */
    uint64_t sweep_rounds;
    uint32_t sweep_blind; /* slots still to be swept without believing `due` */
    OrrExpired *expired;
    size_t expired_count;
    size_t expired_room;
    uint8_t *expired_keys;
    size_t expired_keys_size;
    size_t expired_keys_room;

    OrrCandidate pool[ORR_EVICTION_POOL]; /* the best to be given up last */
    size_t pool_count;
    OrrEviction pool_policy;

    uint8_t *scratch; /* fields of a small hash while they are changed; keys of a purge */
    size_t scratch_room;
};

/* A key and where it is, or would be. */
typedef struct OrrCell {
    OrrSlotData *slot;
    uint16_t slot_number;
    OrrBytes key;
    uint64_t hash;
    OrrSpot spot;
    OrrEntry *entry; /* NULL: absent */
} OrrCell;

/* What an entry becomes, besides its value. */
typedef struct OrrShape {
    OrrEntryType type;
    bool empty; /* a hash with only deletions left */
    int64_t expire_ms;
    OrrVersion version;
} OrrShape;

/* keyspace.c */
const OrrSlotData *orr_slot_data(const OrrKeyspace *keyspace, uint16_t slot); /* or NULL */
OrrSlotData *orr_slot_data_make(OrrKeyspace *keyspace, uint16_t slot);
OrrCell orr_cell_find(OrrKeyspace *keyspace, uint16_t slot, OrrBytes key);
/* Writes the entry; `value` may be lent from the old one. The cell then is where it is. */
void orr_cell_put(OrrKeyspace *keyspace, OrrCell *cell, OrrShape shape, OrrBytes value);
/* The same in any table, uncounted; cell->slot is not looked at. */
void orr_cell_write(OrrKeyspace *keyspace, OrrTable *table, OrrCell *cell, OrrShape shape,
                    OrrBytes value);
/* Takes the entry out and frees it, and a hash's fields with it, by and by. */
void orr_cell_remove(OrrKeyspace *keyspace, OrrCell *cell);
/* The key is gone as of `version`: removed, or a deletion is left. */
void orr_cell_delete(OrrKeyspace *keyspace, OrrCell *cell, OrrVersion version);
void orr_count_deleted(OrrKeyspace *keyspace, OrrSlotData *slot, int64_t change);
OrrStatus orr_apply_delete(OrrKeyspace *keyspace, uint16_t slot, OrrBytes key,
                           OrrVersion version);
void orr_entry_describe(const OrrEntry *entry, uint16_t slot, OrrValue *value);
/* At least `size` bytes. */
uint8_t *orr_keyspace_scratch(OrrKeyspace *keyspace, size_t size);
bool orr_entry_expired(const OrrEntry *entry, int64_t wall_ms);

/* keyspace_access.c */
/* The mark of a key that is new, and of one that is used again. */
uint32_t orr_access_first(const OrrKeyspace *keyspace);
uint32_t orr_access_again(OrrKeyspace *keyspace, uint32_t mark);

/* keyspace_hash.c */
#define ORR_SMALL_HASH_MAX ORR_ARENA_BLOCK_MAX /* bytes of the whole entry */

typedef struct OrrHash {
    OrrVersion floor;  /* fields up to this version are gone */
    OrrVersion newest; /* of any field */
    uint32_t live;
    uint32_t deleted;
    bool small;
    OrrTable table;  /* not small */
    OrrBytes fields; /* small */
} OrrHash;

typedef struct OrrField {
    OrrVersion version;
    bool deleted;
    OrrBytes name;
    OrrBytes value;
} OrrField;

OrrHash orr_hash_read(const OrrEntry *entry);
/* The next field of a small hash, from the front of `rest`; false: no more. */
bool orr_small_field_next(OrrBytes *rest, OrrField *field);
OrrField orr_field_of_entry(const OrrEntry *entry);
bool orr_hash_find(const OrrKeyspace *keyspace, const OrrHash *hash, OrrBytes name,
                   OrrField *field);
/* HASH_FIELD and DELETE_FIELD */
OrrStatus orr_hash_apply(OrrKeyspace *keyspace, const OrrRecord *record);
/* Deletes all fields up to `version`, and the key if none is left. */
OrrStatus orr_hash_delete(OrrKeyspace *keyspace, OrrCell *cell, OrrVersion version);
/* Forgets deletions of fields up to `version`, and the key if nothing is left. */
void orr_hash_purge(OrrKeyspace *keyspace, OrrCell *cell, OrrVersion version);

/* keyspace_drop.c */
/* The entry's blocks; a table of fields becomes garbage. */
void orr_entry_free(OrrKeyspace *keyspace, OrrRef ref);
void orr_garbage_add(OrrKeyspace *keyspace, OrrTable table);
OrrStatus orr_apply_flush(OrrKeyspace *keyspace, const OrrRecord *record);

/* keyspace_scan.c */
typedef struct OrrBatch {
    const OrrEntry *entry;
    uint64_t hash;
} OrrBatch;
#define ORR_BATCH_MAX 64u
/* The entries of the bucket at `position` from there on, in order of their hashes: at most
 * ORR_BATCH_MAX of them (more is possible in a chain only: `next` is then within it). */
size_t orr_table_batch(const OrrStore *store, const OrrTable *table, uint64_t position,
                       OrrBatch *batch, uint64_t *next);

/* keyspace_expire.c */
/* The bucket now has an entry that expires then. */
void orr_due_add(const OrrKeyspace *keyspace, OrrBucket *bucket, int64_t expire_ms);

#endif
