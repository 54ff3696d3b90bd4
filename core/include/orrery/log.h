/* log.h - what a node keeps on disk, as bytes: data logs, snapshots, and small state.
 *
 * Every file is a header and a sequence of entries, appended:
 *
 *     header: magic u64 | format u16 | kind u8 | flags u8 | generation u32 | sequence u64 |
 *             node id 20 bytes | crc32c u32
 *     entry:  size u32 | crc32c u32 | sequence u64 | type u8 | payload
 *
 * All integers little endian; `size` counts sequence, type and payload; the checksum covers the
 * same bytes. Sequences grow by one from entry to entry, and on from one generation of a log to
 * the next (the header says where it begins), so a lost file is noticed.
 *
 * A file may end in the middle of an entry, or in rubbish that no valid entry follows: power
 * was cut during a write. That torn tail is dropped and its size reported. A broken entry with
 * a valid one after it is damage: recovery refuses, and says which file and byte.
 *
 * Life of data files: generation g is a snapshot (all records, one after the other, while
 * writes go on) and a log. Rotation begins log g+1, writes snapshot g+1 piece by piece, and
 * removes what is older once the snapshot's end is on disk. A snapshot without its end is
 * ignored. Records are versioned, so reading the newest whole snapshot and then all logs from
 * its generation on gives the state at the end of the log.
 *
 * Pure: recovery is a function from bytes to state. Threads: one at a time.
 */
#ifndef ORRERY_LOG_H
#define ORRERY_LOG_H

#include <orrery/effects.h>
#include <orrery/event.h>
#include <orrery/keyspace.h>
#include <orrery/record.h>
#include <orrery/settings.h>

ORR_BEGIN_DECLS

#define ORR_LOG_META_MAX 1024u

/* What the records after it belong to; bytes that the log keeps and does not look into (the
 * node puts an encoded OrrLineage here). Each generation begins with one, each snapshot, too.
 */
typedef struct OrrLogMeta {
    size_t size; /* at most ORR_LOG_META_MAX */
    uint8_t bytes[ORR_LOG_META_MAX];
} OrrLogMeta;

typedef struct OrrLog OrrLog;

typedef struct OrrLogRecovery {
    OrrVersion version; /* of the last record */
    OrrLogMeta meta;    /* the last one; size 0: none */
    uint64_t records;   /* read from the log */
    uint64_t snapshot_records;
    uint64_t torn_size;           /* bytes of torn tails that were dropped */
    uint32_t generation;          /* newest of any data file; 0: no data files */
    uint32_t oldest_generation;   /* of any data file */
    uint32_t snapshot_generation; /* 0: none was whole */
    uint32_t ignored_from; /* generations from here on are of a full copy that was not whole; 0:
                              none */
    uint64_t sequence;     /* of the last entry of the log */
    char refused[160];     /* with ORR_MALFORMED: which file, which byte, why */
} OrrLogRecovery;

/* Who wants to see the log as it is read, in its order: first the snapshot's meta, then each
 * meta and each record (encoded, one at a time) of the logs from its generation on. Records of
 * the snapshot are not told. Either function may be NULL. */
typedef struct OrrLogRecoverySink {
    void *context;
    void (*meta)(void *context, OrrBytes meta);
    void (*records)(void *context, OrrBytes encoded_records);
} OrrLogRecoverySink;

/* Reads the LOG and SNAPSHOT files among `files` (others are skipped) into an empty keyspace.
 * `node` must be the one that wrote them, or none to accept any; `sink` may be NULL. A million
 * records take well under two seconds.
 *
 * ORR_OK         possibly with a torn tail
 * ORR_MALFORMED  damage: the keyspace holds a part, and must not be served
 */
ORR_API ORR_MUST_USE OrrStatus orr_log_recover(const OrrFile *files, size_t file_count,
                                               const OrrId *node, OrrHashSlotBy hash_slot_by,
                                               OrrKeyspace *keyspace,
                                               const OrrLogRecoverySink *sink,
                                               OrrLogRecovery *recovery);

/* The writer of a node's data files, which begins a new generation of the log after `recovery`
 * (NULL: there are no files). Nothing is appended to an older file, torn or not. */
ORR_API OrrLog *orr_log_new(const OrrId *node, const OrrLogRecovery *recovery,
                            const OrrLogMeta *meta);
ORR_API void orr_log_free(OrrLog *log);

/* Adds to what the next flush writes. */
ORR_API void orr_log_record(OrrLog *log, const OrrRecord *record);
/* The same for a record that is encoded already. */
ORR_API void orr_log_encoded(OrrLog *log, OrrBytes record);
/* Histories changed: from the next record on. */
ORR_API void orr_log_meta(OrrLog *log, const OrrLogMeta *meta);
/* Bytes waiting for a flush. */
ORR_API size_t orr_log_pending(const OrrLog *log);
/* True while bytes were flushed without `sync` since the last flush with it. */
ORR_API bool orr_log_dirty(const OrrLog *log);
/* Bytes of the present generation of the log, pending ones included. */
ORR_API size_t orr_log_size(const OrrLog *log);
ORR_API uint32_t orr_log_generation(const OrrLog *log);

/* Makes a STORE effect of all that waits; without pending bytes and with `sync`, of no bytes.
 * Returns false if there was nothing to do. */
ORR_API bool orr_log_flush(OrrLog *log, uint64_t op, bool sync, OrrEffects *out);

/* Begins the next generation: what waits is flushed to the old one (synced, as `op`), the new
 * log begins with `meta`, and a snapshot is due. ORR_OK, or ORR_REFUSED: one is being written.
 */
ORR_API OrrStatus orr_log_rotate(OrrLog *log, const OrrLogMeta *meta, uint64_t op,
                                 OrrEffects *out);
/* The op of the last rotation is stored: the new log says so, and whoever finds less in the old
 * one knows that it was damaged. Without this word entries that are missing at its end were
 * never stored, the new log counts only with its snapshot, and nothing in it may be
 * acknowledged after a write of the old one has failed. */
ORR_API void orr_log_rotated(OrrLog *log);
/* True while a snapshot is being written or waits for its STORED. */
ORR_API bool orr_log_snapshotting(const OrrLog *log);
/* Writes about `budget` records more of the snapshot, or some 256 KiB of them, as a STORE
 * effect of op 0. The piece with its end is stored with `end_op`, synced; returns true if that
 * was it. */
ORR_API bool orr_log_step(OrrLog *log, OrrKeyspace *keyspace, size_t budget, uint64_t end_op,
                          OrrEffects *out);
/* The answer to `end_op`. When it is on disk, older files are removed; if not, this snapshot is
 * removed, older files stay, and the next rotation tries again. */
ORR_API void orr_log_stored(OrrLog *log, uint64_t op, OrrStatus status, OrrEffects *out);
/* Other data take the place of all there were (a full copy has come): begins a generation that
 * counts only once its first snapshot is whole. Until then recovery gives the data before. */
ORR_API void orr_log_restart(OrrLog *log, const OrrLogMeta *meta, OrrEffects *out);

/* --- state: the latest value of each tag
 * ------------------------------------------------------ */

/* For STATE and CONFIG files: identity, epochs, votes, what is known of others. An entry is a
 * tag and bytes; the latest of each tag counts. Generations are read in order, so a new one
 * that was begun and not finished takes nothing away as long as the older one is there. */
typedef struct OrrStateLog OrrStateLog;

#define ORR_STATE_TAGS 64u               /* tags are 0 to 63 */
#define ORR_STATE_PAYLOAD_MAX (1u << 20) /* bytes of one entry */

/* `kind` is ORR_FILE_STATE or ORR_FILE_CONFIG. */
ORR_API OrrStateLog *orr_state_new(OrrFileKind kind);
ORR_API void orr_state_free(OrrStateLog *state);
/* True if something was set that no flush has written yet. */
ORR_API bool orr_state_pending(const OrrStateLog *state);
/* Reads the files of its kind, any others are skipped. `where` gets the reason of a refusal,
 * and has room for 160 bytes.
 *
 * ORR_OK         *torn_size bytes of torn tails were dropped
 * ORR_MALFORMED  damage; what was read before it is there. The next flush begins a new file,
 * and removes the damaged ones when that is stored
 */
ORR_API ORR_MUST_USE OrrStatus orr_state_recover(OrrStateLog *state, const OrrFile *files,
                                                 size_t file_count, uint64_t *torn_size,
                                                 char *where);
/* The latest value of `tag`; ORR_OK or ORR_NOT_FOUND. Lent until the next call. */
ORR_API OrrStatus orr_state_get(const OrrStateLog *state, uint8_t tag, OrrBytes *payload);
/* Remembers a value and adds it to what the next flush writes; an equal value is not written
 * again. ORR_OK, or ORR_INVALID: tag or size out of range. */
ORR_API OrrStatus orr_state_set(OrrStateLog *state, uint8_t tag, OrrBytes payload);
/* Makes a synced STORE effect of all that waits; the one before must have been answered, since
 * a write that failed may have no other behind it in its file. After a recovery, and when the
 * file has grown to many times what it holds, it begins a new generation with all tags; the
 * older ones are removed when `op` is stored. Returns false if nothing waits (then `op` is not
 * used). */
ORR_API bool orr_state_flush(OrrStateLog *state, uint64_t op, OrrEffects *out);
/* Every answer to a flush. ORR_IO: all tags are written again, to a new generation, by the next
 * flush. */
ORR_API void orr_state_stored(OrrStateLog *state, uint64_t op, OrrStatus status,
                              OrrEffects *out);

ORR_END_DECLS

#endif
