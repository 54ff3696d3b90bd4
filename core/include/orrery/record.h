/* record.h - one write, as data: what the log holds, replicas receive and snapshots are made
 * of.
 *
 * A record states what a key (or one field of a hash) now is, never how it came to be: applying
 * records twice, or an old one after a newer one, changes nothing. Order is by version.
 *
 *     +--------+---------+---------+------+---------+-----------+-----+-------+-------+
 *     | size   | crc32c  | version | kind | wall ms | expire ms | key | field | value |
 *     | u32    | u32     | u64     | u8   | i64     | i64       | u32 + bytes each    |
 *     +--------+---------+---------+------+---------+-----------+-----+-------+-------+
 *
 * All integers little endian; `size` counts everything after itself; the checksum covers
 * everything after itself. The replication offset of a shard counts these bytes.
 */
#ifndef ORRERY_RECORD_H
#define ORRERY_RECORD_H

#include <orrery/settings.h>

ORR_BEGIN_DECLS

typedef enum OrrRecordKind {
    ORR_RECORD_STRING = 1,     /* key holds value */
    ORR_RECORD_HASH_FIELD = 2, /* field of hash key holds value; expire_ms is the key's */
    ORR_RECORD_DELETE = 3,     /* key is gone */
    ORR_RECORD_DELETE_FIELD =
        4,                 /* field of hash key is gone; the last one takes the key along */
    ORR_RECORD_EXPIRE = 5, /* key now expires at expire_ms; nothing else changed */
    ORR_RECORD_FLUSH = 6,  /* every key of slots `value` (first and last, u16 each) is gone */
    ORR_RECORD_GROUP =
        7, /* `value` is records, at least one, none of them a group: all of them happened, or
              none. What one transaction, or one command of several keys, wrote. As one record
              it is one entry of the log, and never half in a frame of the stream. Version and
              wall clock are those of its last record */
} OrrRecordKind;

/* (epoch of the shard << ORR_VERSION_EPOCH_SHIFT) + a count of writes: grows along a shard's
 * history, across changes of its primary. */
typedef uint64_t OrrVersion;
#define ORR_VERSION_EPOCH_SHIFT 40u

#define ORR_EXPIRE_NEVER INT64_C(0)
#define ORR_KEY_SIZE_MAX (512u << 10) /* bytes */
#define ORR_VALUE_SIZE_MAX (3u << 20) /* bytes: a record fits one data frame */
#define ORR_GROUP_SIZE_MAX                                                                     \
    (ORR_VALUE_SIZE_MAX + (64u << 10)) /* bytes of records in a group                          \
                                        */

typedef struct OrrRecord {
    OrrRecordKind kind;
    uint16_t slot; /* derived from key (or field); not encoded */
    OrrVersion version;
    int64_t wall_ms;   /* when it was written, by the writer's cluster clock */
    int64_t expire_ms; /* wall clock, ORR_EXPIRE_NEVER for none */
    OrrBytes key;
    OrrBytes field; /* HASH_FIELD and DELETE_FIELD */
    OrrBytes value; /* STRING, HASH_FIELD, FLUSH */
} OrrRecord;

/* Bytes that orr_record_encode() will write. */
ORR_API size_t orr_record_size(const OrrRecord *record);
/* Writes the record into `buffer`, which has room for orr_record_size(). Returns the size. */
ORR_API size_t orr_record_encode(const OrrRecord *record, uint8_t *buffer);
/* Reads the first record of `bytes`; its parts point into them, `slot` is left 0.
 *
 * ORR_OK         *used bytes were read
 * ORR_AGAIN      the bytes end inside the record
 * ORR_MALFORMED  checksum, kind or sizes are wrong
 */
ORR_API ORR_MUST_USE OrrStatus orr_record_decode(OrrBytes bytes, OrrRecord *record,
                                                 size_t *used);

/* Takes the first record off `rest`; of a group its records come one by one. For whoever
 * applies or lists what was written: keyspaces know no groups.
 *
 * ORR_OK
 * ORR_NOT_FOUND  the end
 * ORR_AGAIN, ORR_MALFORMED  as above; `rest` begins with what could not be read
 */
ORR_API ORR_MUST_USE OrrStatus orr_record_next(OrrBytes *rest, OrrRecord *record);

/* A group of records that are encoded already, in `buffer`, which has room for
 * orr_group_size(). `records` may lie at buffer + orr_group_size(0). Returns the size. */
ORR_API size_t orr_group_size(size_t records_size);
ORR_API size_t orr_group_encode(OrrBytes records, OrrVersion version, int64_t wall_ms,
                                uint8_t *buffer);

/* Sets the slot from the key; or, where hashes lie by field and the record is of a field, from
 * the field (slots.h). A decoded record has none yet. */
ORR_API void orr_record_set_slot(OrrRecord *record, OrrHashSlotBy hash_slot_by);

ORR_END_DECLS

#endif
