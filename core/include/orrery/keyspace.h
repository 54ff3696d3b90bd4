/* keyspace.h - the data of one node: strings and hashes by slot, versioned, in little memory.
 *
 * A pure data structure. It changes only by records (record.h): the primary, its replicas and
 * recovery all call orr_keyspace_apply(), so the same records make the same keyspace in any
 * order that respects versions. An object is addressed by (slot, key): with `hash-slot-by:
 * field` the fields of one hash live in several slots, as one object in each.
 *
 *     slot --> table --> bucket (12 x tag + 32-bit reference) --> entry: version, expiry,
 *              grows bucket by bucket; nothing is ever rehashed     key and value in one piece
 *
 * Order: within a slot, scans and iterations go by the 64-bit hash of the key, so what they
 * return does not depend on the history of the table, and a cursor survives growth: whatever
 * was there all the time is returned exactly once.
 *
 * Eviction: the node asks for a victim and deletes it by a record, as any other key.
 *
 * Expiry: an expired key is absent for every reader that tells the time, and stays in memory
 * until a DELETE record for it is applied; orr_keyspace_expire_step() finds such keys.
 *
 * Memory: about 57 bytes a key with 16-byte keys and values, all accounted. Pointers that get
 * and scan hand out are lent until the next apply, drop, purge or step. Threads: one at a time.
 */
#ifndef ORRERY_KEYSPACE_H
#define ORRERY_KEYSPACE_H

#include <orrery/record.h>
#include <orrery/rng.h>
#include <orrery/settings.h>
#include <orrery/types.h>

ORR_BEGIN_DECLS

typedef struct OrrKeyspace OrrKeyspace;

#define ORR_KEYSPACE_SLOTS 16384u

typedef enum OrrKeyType {
    ORR_KEY_STRING,
    ORR_KEY_HASH,
} OrrKeyType;

/* What a key (or one field) holds; `value` and `key` are lent. */
typedef struct OrrValue {
    OrrKeyType type;
    OrrVersion version;
    int64_t expire_ms;  /* of the key; ORR_EXPIRE_NEVER for none */
    OrrBytes key;       /* the key, or the field's name in scans of fields */
    OrrBytes value;     /* of a string or a field */
    size_t field_count; /* of a hash */
    uint32_t used;      /* its mark; see orr_keyspace_set_access() */
    uint16_t slot;
} OrrValue;

/* Any time: readers that give this see expired keys, too. */
#define ORR_ANY_TIME INT64_C(-1)

/* `seed` makes the hash of keys unpredictable to clients, and the order of scans with it. */
ORR_API OrrKeyspace *orr_keyspace_new(uint64_t seed);
ORR_API void orr_keyspace_free(OrrKeyspace *keyspace);

/* Applies one write. Its slot must be set (orr_record_set_slot(), record.h), except for FLUSH.
 * Newer means a greater version than what the key (for a field: the field, and any deletion of
 * the whole key) has. Parts of the record may be lent from this very keyspace.
 *
 * ORR_OK         applied
 * ORR_STALE      what is there is as new or newer; nothing changed
 * ORR_NOT_FOUND  EXPIRE for a key that is not there; nothing changed. A DELETE of an absent
 *                key is ORR_OK
 * ORR_INVALID    slot, kind or sizes out of range; nothing changed
 * ORR_FULL       16 GiB of small entries are in use; nothing changed
 */
ORR_API OrrStatus orr_keyspace_apply(OrrKeyspace *keyspace, const OrrRecord *record);

/* Looks a key up, as of `wall_ms` (or ORR_ANY_TIME). 90 to 150 ns, cold.
 *
 * ORR_OK, ORR_NOT_FOUND (then `value` is unchanged) */
ORR_API OrrStatus orr_keyspace_get(const OrrKeyspace *keyspace, uint16_t slot, OrrBytes key,
                                   int64_t wall_ms, OrrValue *value);
/* The same, and marks the key with the access clock: what commands do. */
ORR_API OrrStatus orr_keyspace_read(OrrKeyspace *keyspace, uint16_t slot, OrrBytes key,
                                    int64_t wall_ms, OrrValue *value);
/* Looks one field of a hash up; `value->key` is the field's name.
 *
 * ORR_OK
 * ORR_NOT_FOUND  no such key, or no such field
 * ORR_REFUSED    the key holds a string
 */
ORR_API OrrStatus orr_keyspace_get_field(const OrrKeyspace *keyspace, uint16_t slot,
                                         OrrBytes key, OrrBytes field, int64_t wall_ms,
                                         OrrValue *value);

/* Fetches what a batch of lookups will touch into the cache, all at once. For pipelines: 16
 * gets after one such call cost half. */
typedef struct OrrKeyRef {
    OrrBytes key;
    uint16_t slot;
} OrrKeyRef;
#define ORR_PREFETCH_MAX 32u /* keys of one call that are looked at */
ORR_API void orr_keyspace_prefetch(const OrrKeyspace *keyspace, const OrrKeyRef *keys,
                                   size_t count);

/* Live keys, expired ones included until they are deleted; an object in two slots counts twice.
 */
ORR_API size_t orr_keyspace_count(const OrrKeyspace *keyspace);
ORR_API size_t orr_keyspace_count_slot(const OrrKeyspace *keyspace, uint16_t slot);
/* Live keys that have an expiry. */
ORR_API size_t orr_keyspace_count_expiring(const OrrKeyspace *keyspace);
/* The greatest version ever applied; 0 for none. */
ORR_API OrrVersion orr_keyspace_version(const OrrKeyspace *keyspace);
/* The first slot at or after `from` that holds a live key, or ORR_KEYSPACE_SLOTS. */
ORR_API uint32_t orr_keyspace_next_slot(const OrrKeyspace *keyspace, uint32_t from);

/* Called for each key or field found; it must not change the keyspace, except that records may
 * be applied to other keys. Returns false to stop after this one. */
typedef bool (*OrrValueFunc)(const OrrValue *value, void *context);

/* Visits live, unexpired keys from `cursor` on (0 begins), until at least `count` were looked
 * at, and returns the cursor to go on with, 0 at the end. What is there from the first to the
 * last call is visited at least once, also while the keyspace grows. A `visit` that stops early
 * loses the rest of its bucket: for SCAN never stop. */
ORR_API uint64_t orr_keyspace_scan(const OrrKeyspace *keyspace, uint64_t cursor, size_t count,
                                   int64_t wall_ms, OrrValueFunc visit, void *context);
/* The same for the keys of one slot. */
ORR_API uint64_t orr_keyspace_scan_slot(const OrrKeyspace *keyspace, uint16_t slot,
                                        uint64_t cursor, size_t count, int64_t wall_ms,
                                        OrrValueFunc visit, void *context);
/* The same for the fields of a hash; a small hash is visited whole. Absent: 0, no visit. */
ORR_API uint64_t orr_keyspace_scan_fields(const OrrKeyspace *keyspace, uint16_t slot,
                                          OrrBytes key, uint64_t cursor, size_t count,
                                          OrrValueFunc visit, void *context);
/* A live key, each about as likely as any other. ORR_OK or ORR_NOT_FOUND (none are left). */
ORR_API OrrStatus orr_keyspace_random(const OrrKeyspace *keyspace, OrrRng *rng,
                                      OrrValue *value);
/* A random field of a hash; ORR_OK or ORR_NOT_FOUND. */
ORR_API OrrStatus orr_keyspace_random_field(const OrrKeyspace *keyspace, uint16_t slot,
                                            OrrBytes key, OrrRng *rng, OrrValue *value);

/* Everything of a range of slots as records, in bounded pieces, while writes go on: for full
 * synchronisation, snapshots and moving slots. Each record states what is at the moment of its
 * visit, with wall_ms 0. Writes to what was visited already must reach the receiver by a later
 * record; then both end equal. */
typedef struct OrrKeyspaceCursor {
    uint16_t slot;
    uint16_t last;     /* slot, included */
    bool with_deleted; /* DELETE records of kept deletions, too */
    bool inside;       /* a large hash is half visited */
    bool done;
    uint64_t position;
    uint64_t field_position;
} OrrKeyspaceCursor;

typedef void (*OrrRecordFunc)(const OrrRecord *record, void *context);

/* first <= last < ORR_KEYSPACE_SLOTS */
ORR_API OrrKeyspaceCursor orr_keyspace_cursor(uint16_t first, uint16_t last);
/* Visits at least `budget` records (a bucket more at most) and returns how many; 0: done. */
ORR_API size_t orr_keyspace_iterate(const OrrKeyspace *keyspace, OrrKeyspaceCursor *cursor,
                                    size_t budget, OrrRecordFunc visit, void *context);

/* Forgets a whole slot at once, deletions too, without versions: it moved away, or a full
 * synchronisation begins. Memory comes back by orr_keyspace_step(). Returns live keys gone. */
ORR_API size_t orr_keyspace_drop_slot(OrrKeyspace *keyspace, uint16_t slot);
/* All slots. */
ORR_API size_t orr_keyspace_drop_all(OrrKeyspace *keyspace);
/* Frees about `budget` dropped entries. Returns true while more are left. */
ORR_API bool orr_keyspace_step(OrrKeyspace *keyspace, size_t budget);

/* While on, deletions leave their version behind, so that an older record that arrives later
 * does not bring the key back (slots in migration, records out of order). Off at first;
 * switching it off keeps what was kept. */
ORR_API void orr_keyspace_keep_deleted(OrrKeyspace *keyspace, bool keep);
ORR_API size_t orr_keyspace_count_deleted(const OrrKeyspace *keyspace);
/* Forgets kept deletions up to `version`, looking at about `budget` entries from `cursor` on (0
 * begins). Returns the cursor to go on with, 0 at the end. */
ORR_API uint64_t orr_keyspace_purge_deleted(OrrKeyspace *keyspace, OrrVersion version,
                                            uint64_t cursor, size_t budget);

/* Looks at about `budget` buckets where it left off, and calls `visit` with a DELETE record
 * (version 0, wall_ms now) for each key that has expired, `budget` at most; `visit` may apply
 * records. Returns how many expired. A sweep of a million keys takes about a millisecond when
 * none is due. */
ORR_API size_t orr_keyspace_expire_step(OrrKeyspace *keyspace, int64_t wall_ms, size_t budget,
                                        OrrRecordFunc visit, void *context);
/* How many times it has been through all slots: who has expired for a quarter of a second when
 * a round begins is found by its end. */
ORR_API uint64_t orr_keyspace_expire_rounds(const OrrKeyspace *keyspace);

/* How keys are marked when they are written, and by orr_keyspace_read(). */
typedef enum OrrAccess {
    ORR_ACCESS_NONE,
    ORR_ACCESS_TIME,      /* with the clock, for LRU */
    ORR_ACCESS_FREQUENCY, /* with a counter that time wears off, for LFU */
} OrrAccess;

#define ORR_ACCESS_TICK_MS 16 /* of the clock, which may pass its end */

/* NONE and 0 at first. Marks of one kind mean little to the other: after a change they take
 * some time to adjust. */
ORR_API void orr_keyspace_set_access(OrrKeyspace *keyspace, OrrAccess access, uint32_t clock);
ORR_API OrrAccess orr_keyspace_access(const OrrKeyspace *keyspace);
/* How long ago a key was used, with ORR_ACCESS_TIME; else 0. */
ORR_API int64_t orr_keyspace_idle_ms(const OrrKeyspace *keyspace, const OrrValue *value);
/* How often, 0 to 255 on a scale that is about logarithmic, with ORR_ACCESS_FREQUENCY; else 0.
 */
ORR_API unsigned orr_keyspace_frequency(const OrrKeyspace *keyspace, const OrrValue *value);

/* The key to give up next by a policy, after a look at `samples` keys or a few more; it stays
 * until a DELETE for it is applied. The LRU policies want marks of ORR_ACCESS_TIME, the LFU
 * ones of ORR_ACCESS_FREQUENCY. About a microsecond.
 *
 * ORR_OK
 * ORR_NOT_FOUND  the policy gives up nothing that is there
 */
ORR_API OrrStatus orr_keyspace_victim(OrrKeyspace *keyspace, OrrEviction policy, size_t samples,
                                      OrrRng *rng, OrrValue *victim);

/* A hash of all live keys, fields, values, expiries and versions of a slot that does not depend
 * on order or history: equal data, equal digest, on every node and with every seed. O(keys). */
ORR_API uint64_t orr_keyspace_slot_digest(const OrrKeyspace *keyspace, uint16_t slot);
/* The same over all slots. */
ORR_API uint64_t orr_keyspace_digest(const OrrKeyspace *keyspace);

/* Bytes that keys, values and tables take; what `maxmemory` bounds. */
ORR_API size_t orr_keyspace_used(const OrrKeyspace *keyspace);
/* The same with what is free in the pages they lie in: what the kernel sees. */
ORR_API size_t orr_keyspace_memory(const OrrKeyspace *keyspace);
/* Bytes that one key takes, with its share of the table; 0 if absent. */
ORR_API size_t orr_keyspace_key_memory(const OrrKeyspace *keyspace, uint16_t slot,
                                       OrrBytes key);

ORR_END_DECLS

#endif
