/* log.c - the writer of a node's data files. */
#include <orrery/log.h>

#include "data/frame.h"
#include "wire/bytes.h"

#define PIECE_MAX (256u << 10) /* bytes of a snapshot that are written at once, about */
#define AT_ONCE 8u             /* records read between looks at that */

typedef enum SnapshotState {
    SNAPSHOT_NONE,
    SNAPSHOT_WRITING,
    SNAPSHOT_ENDING, /* its last piece is under way */
} SnapshotState;

struct OrrLog {
    OrrId node;
    uint32_t generation;
    uint64_t sequence; /* of the last entry */
    GByteArray *pending;
    GByteArray *piece; /* of the snapshot */
    size_t size;
    bool dirty;
    uint32_t oldest;       /* files of older generations are gone */
    uint32_t synced_old;   /* a generation found at start, to be synced before ours; 0: none */
    uint32_t ignored_from; /* generations to be removed first; 0: none */
    uint32_t ignored_to;
    SnapshotState snapshot;
    OrrKeyspaceCursor cursor;
    uint64_t snapshot_sequence;
    uint64_t snapshot_count;
    uint64_t end_op;
    uint32_t after;          /* the generation whose log follows a rotation; 0: none */
    uint64_t after_sequence; /* with which entry the log before it ends */
};

static void
begin_generation(OrrLog *log, uint32_t generation, uint8_t flags, const OrrLogMeta *meta)
{
    FrameHeader header = {ORR_FILE_LOG, flags, generation, log->sequence + 1, log->node};

    log->generation = generation;
    g_byte_array_set_size(log->pending, 0);
    orr_frame_put_header(log->pending, &header);
    log->size = 0;
    orr_log_meta(log, meta);
}

OrrLog *
orr_log_new(const OrrId *node, const OrrLogRecovery *recovery, const OrrLogMeta *meta)
{
    OrrLog *log = g_new0(OrrLog, 1);
    uint32_t newest = recovery == NULL ? 0 : recovery->generation;

    log->node = *node;
    log->pending = g_byte_array_new();
    log->piece = g_byte_array_new();
    log->oldest = 1;
    if (recovery != NULL) {
        log->sequence = recovery->sequence;
        log->oldest = MAX(recovery->oldest_generation, 1);
        log->ignored_from = recovery->ignored_from;
        log->ignored_to = newest;
        log->synced_old = recovery->ignored_from > 0 ? recovery->ignored_from - 1 : newest;
    }
    begin_generation(log, newest + 1, 0, meta);
    return log;
}

void
orr_log_free(OrrLog *log)
{
    if (log != NULL) {
        g_byte_array_unref(log->pending);
        g_byte_array_unref(log->piece);
        g_free(log);
    }
}

void
orr_log_encoded(OrrLog *log, OrrBytes record)
{
    orr_frame_put_entry(log->pending, ++log->sequence, FRAME_RECORD, record);
}

void
orr_log_record(OrrLog *log, const OrrRecord *record)
{
    orr_frame_put_record(log->pending, ++log->sequence, record);
}

void
orr_log_meta(OrrLog *log, const OrrLogMeta *meta)
{
    orr_frame_put_entry(log->pending, ++log->sequence, FRAME_META,
                        orr_bytes(meta->bytes, meta->size));
}

size_t
orr_log_pending(const OrrLog *log)
{
    return log->pending->len;
}

bool
orr_log_dirty(const OrrLog *log)
{
    return log->dirty;
}

size_t
orr_log_size(const OrrLog *log)
{
    return log->size + log->pending->len;
}

uint32_t
orr_log_generation(const OrrLog *log)
{
    return log->generation;
}

static void
remove_files(OrrEffects *out, uint32_t from, uint32_t to)
{
    for (uint32_t generation = from; generation <= to && generation >= from; generation++) {
        orr_effects_store(out, 0, ORR_FILE_LOG, generation, ORR_STORE_REMOVE, false,
                          ORR_BYTES_EMPTY);
        orr_effects_store(out, 0, ORR_FILE_SNAPSHOT, generation, ORR_STORE_REMOVE, false,
                          ORR_BYTES_EMPTY);
    }
}

/* Before the first bytes of this life: what an unfinished copy left is removed, and what was
 * read is made to last, so that no later file can outlive an earlier one. */
static void
settle_the_past(OrrLog *log, OrrEffects *out)
{
    if (log->ignored_from > 0) {
        remove_files(out, log->ignored_from, log->ignored_to);
        log->ignored_from = 0;
    }
    if (log->synced_old > 0) {
        orr_effects_store(out, 0, ORR_FILE_LOG, log->synced_old, ORR_STORE_APPEND, true,
                          ORR_BYTES_EMPTY);
        log->synced_old = 0;
    }
}

bool
orr_log_flush(OrrLog *log, uint64_t op, bool sync, OrrEffects *out)
{
    if (log->pending->len == 0 && !sync) {
        return false;
    }
    settle_the_past(log, out);
    orr_effects_store(out, op, ORR_FILE_LOG, log->generation, ORR_STORE_APPEND, sync,
                      orr_bytes(log->pending->data, log->pending->len));
    log->size += log->pending->len;
    log->dirty = !sync;
    g_byte_array_set_size(log->pending, 0);
    return true;
}

/* Snapshots */

static void
begin_snapshot(OrrLog *log, const OrrLogMeta *meta)
{
    /* where the log of this generation begins, so that a log that is lost is missed */
    FrameHeader header = {ORR_FILE_SNAPSHOT, 0, log->generation, log->sequence, log->node};

    g_byte_array_set_size(log->piece, 0);
    orr_frame_put_header(log->piece, &header);
    orr_frame_put_entry(log->piece, log->sequence, FRAME_META,
                        orr_bytes(meta->bytes, meta->size));
    log->snapshot_sequence = log->sequence;
    log->snapshot_count = 0;
    log->cursor = orr_keyspace_cursor(0, ORR_KEYSPACE_SLOTS - 1);
    log->snapshot = SNAPSHOT_WRITING;
}

OrrStatus
orr_log_rotate(OrrLog *log, const OrrLogMeta *meta, uint64_t op, OrrEffects *out)
{
    if (log->snapshot != SNAPSHOT_NONE) {
        return ORR_REFUSED;
    }
    (void)orr_log_flush(log, op, true, out);
    log->after = log->generation + 1;
    log->after_sequence = log->sequence;
    begin_generation(log, log->generation + 1, 0, meta);
    begin_snapshot(log, meta);
    return ORR_OK;
}

void
orr_log_rotated(OrrLog *log)
{
    uint8_t text[8];

    if (log->after == log->generation) {
        orr_store_u64(text, log->after_sequence);
        orr_frame_put_entry(log->pending, ++log->sequence, FRAME_AFTER,
                            orr_bytes(text, sizeof text));
    }
    log->after = 0;
}

void
orr_log_restart(OrrLog *log, const OrrLogMeta *meta, OrrEffects *out)
{
    (void)orr_log_flush(log, 0, true, out);
    if (log->snapshot != SNAPSHOT_NONE) {
        orr_effects_store(out, 0, ORR_FILE_SNAPSHOT, log->generation, ORR_STORE_REMOVE, false,
                          ORR_BYTES_EMPTY);
    }
    begin_generation(log, log->generation + 1, FRAME_RESTART, meta);
    begin_snapshot(log, meta);
    log->end_op = 0;
}

bool
orr_log_snapshotting(const OrrLog *log)
{
    return log->snapshot != SNAPSHOT_NONE;
}

static void
add_to_piece(const OrrRecord *record, void *context)
{
    OrrLog *log = context;

    orr_frame_put_record(log->piece, ++log->snapshot_sequence, record);
    log->snapshot_count++;
}

/* Large values make a piece of few records: none takes long to write. */
static void
add_records(OrrLog *log, const OrrKeyspace *keyspace, size_t budget)
{
    size_t visited = 0;

    while (!log->cursor.done && visited < budget && log->piece->len < PIECE_MAX) {
        visited += orr_keyspace_iterate(keyspace, &log->cursor, AT_ONCE, add_to_piece, log);
    }
}

bool
orr_log_step(OrrLog *log, OrrKeyspace *keyspace, size_t budget, uint64_t end_op,
             OrrEffects *out)
{
    uint8_t text[8];

    if (log->snapshot != SNAPSHOT_WRITING) {
        return false;
    }
    add_records(log, keyspace, budget);
    if (log->cursor.done) {
        orr_store_u64(text, log->snapshot_count);
        orr_frame_put_entry(log->piece, ++log->snapshot_sequence, FRAME_END,
                            orr_bytes(text, sizeof text));
        log->snapshot = SNAPSHOT_ENDING;
        log->end_op = end_op;
        /* the snapshot says how the data were when the log began: that must be there, too */
        (void)orr_log_flush(log, 0, true, out);
    }
    orr_effects_store(out, log->cursor.done ? end_op : 0, ORR_FILE_SNAPSHOT, log->generation,
                      ORR_STORE_APPEND, log->cursor.done,
                      orr_bytes(log->piece->data, log->piece->len));
    g_byte_array_set_size(log->piece, 0);
    return log->cursor.done;
}

void
orr_log_stored(OrrLog *log, uint64_t op, OrrStatus status, OrrEffects *out)
{
    if (op != log->end_op || log->snapshot != SNAPSHOT_ENDING) {
        return; /* of a snapshot that was given up */
    }
    log->snapshot = SNAPSHOT_NONE;
    log->end_op = 0;
    if (status != ORR_OK) {
        orr_effects_store(out, 0, ORR_FILE_SNAPSHOT, log->generation, ORR_STORE_REMOVE, false,
                          ORR_BYTES_EMPTY);
        return;
    }
    remove_files(out, log->oldest, log->generation - 1);
    log->oldest = log->generation;
}
