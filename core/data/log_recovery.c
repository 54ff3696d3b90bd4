/* log_recovery.c - from the bytes of a node's data files to its keyspace. */
#include <orrery/log.h>
#include <orrery/slots.h>

#include "data/frame.h"
#include "wire/bytes.h"

typedef struct Recovery {
    const OrrFile *files;
    size_t file_count;
    const OrrId *node;
    OrrHashSlotBy hash_slot_by;
    OrrKeyspace *keyspace;
    const OrrLogRecoverySink *sink;
    OrrLogRecovery *result;
} Recovery;

static OrrStatus
refuse(Recovery *self, const OrrFile *file, size_t at, const char *why)
{
    g_snprintf(self->result->refused, sizeof self->result->refused,
               "%s %u is damaged at byte %zu: %s",
               file->kind == ORR_FILE_LOG ? "log" : "snapshot", file->generation, at, why);
    return ORR_MALFORMED;
}

static const OrrFile *
find_file(const Recovery *self, OrrFileKind kind, uint32_t generation)
{
    for (size_t i = 0; i < self->file_count; i++) {
        if (self->files[i].kind == kind && self->files[i].generation == generation) {
            return &self->files[i];
        }
    }
    return NULL;
}

static void
apply_record(Recovery *self, OrrRecord *record)
{
    orr_record_set_slot(record, self->hash_slot_by);
    (void)orr_keyspace_apply(self->keyspace, record); /* older than what is there: no matter */
    self->result->version = MAX(self->result->version, record->version);
}

/* One record, or one group of them. */
static OrrStatus
apply(Recovery *self, const OrrFile *file, size_t at, OrrBytes payload)
{
    OrrRecord record;

    while (orr_record_next(&payload, &record) == ORR_OK) {
        apply_record(self, &record);
    }
    return payload.size == 0
               ? ORR_OK
               : refuse(self, file, at, "its checksum is right, but it is no record");
}

/* True if the file ends with its END entry, and everything before it is whole. */
static bool
is_whole_snapshot(const OrrFile *file)
{
    FrameReader reader;
    FrameHeader header;
    FrameEntry entry = {.type = FRAME_META};

    if (orr_frame_open(&reader, file->content, &header) != ORR_OK ||
        header.kind != ORR_FILE_SNAPSHOT || header.generation != file->generation) {
        return false;
    }
    while (orr_frame_next(&reader, &entry) == ORR_OK) {
        if (entry.type == FRAME_END) {
            return reader.at == file->content.size;
        }
    }
    return false;
}

static const OrrFile *
newest_snapshot(Recovery *self)
{
    const OrrFile *best = NULL;

    for (size_t i = 0; i < self->file_count; i++) {
        const OrrFile *file = &self->files[i];

        if (file->kind != ORR_FILE_LOG && file->kind != ORR_FILE_SNAPSHOT) {
            continue;
        }
        self->result->generation = MAX(self->result->generation, file->generation);
        if (self->result->oldest_generation == 0 ||
            file->generation < self->result->oldest_generation) {
            self->result->oldest_generation = file->generation;
        }
        if (file->kind == ORR_FILE_SNAPSHOT &&
            (best == NULL || file->generation > best->generation) && is_whole_snapshot(file)) {
            best = file;
        }
    }
    return best;
}

static OrrStatus
take_entry(Recovery *self, const OrrFile *file, size_t at, const FrameEntry *entry)
{
    switch (entry->type) {
    case FRAME_RECORD:
        if (file->kind == ORR_FILE_LOG) {
            self->result->records++;
            if (self->sink != NULL && self->sink->records != NULL) {
                self->sink->records(self->sink->context, entry->payload);
            }
        } else {
            self->result->snapshot_records++;
        }
        return apply(self, file, at, entry->payload);
    case FRAME_META:
        if (entry->payload.size > ORR_LOG_META_MAX) {
            return refuse(self, file, at, "a meta entry that is too long");
        }
        self->result->meta.size = entry->payload.size;
        memcpy(self->result->meta.bytes, entry->payload.data, entry->payload.size);
        if (self->sink != NULL && self->sink->meta != NULL) {
            self->sink->meta(self->sink->context, entry->payload);
        }
        return ORR_OK;
    case FRAME_END:
    case FRAME_AFTER:
        return ORR_OK;
    case FRAME_VALUE:
        break;
    }
    return refuse(self, file, at, "an entry of an unknown type");
}

static OrrStatus
read_file(Recovery *self, const OrrFile *file, FrameReader *reader)
{
    FrameEntry entry;
    OrrStatus status;
    size_t at = reader->at;

    while ((status = orr_frame_next(reader, &entry)) == ORR_OK) {
        status = take_entry(self, file, at, &entry);
        if (status != ORR_OK) {
            return status;
        }
        at = reader->at;
    }
    if (status == ORR_MALFORMED) {
        return refuse(self, file, reader->at, "a broken entry with whole ones after it");
    }
    self->result->torn_size += file->content.size - reader->at;
    return ORR_OK;
}

static OrrStatus
open_file(Recovery *self, const OrrFile *file, FrameReader *reader, FrameHeader *header)
{
    OrrStatus status = orr_frame_open(reader, file->content, header);

    if (status == ORR_AGAIN) {
        self->result->torn_size += file->content.size;
        return ORR_AGAIN;
    }
    if (status != ORR_OK || header->kind != file->kind ||
        header->generation != file->generation) {
        return refuse(self, file, 0, "not a file of this kind, or its header is broken");
    }
    if (!orr_id_is_none(self->node) && !orr_id_equal(self->node, &header->node)) {
        return refuse(self, file, 0, "another node wrote it");
    }
    return ORR_OK;
}

static OrrStatus
read_snapshot(Recovery *self, const OrrFile *file)
{
    FrameReader reader;
    FrameHeader header;
    OrrStatus status = open_file(self, file, &reader, &header);

    if (status != ORR_OK) {
        return status;
    }
    self->result->snapshot_generation = file->generation;
    self->result->sequence = header.sequence - 1;
    return read_file(self, file, &reader);
}

/* A write at the end of one log failed when the next had begun. As long as the next does not
 * say that all before it was stored, nothing in it has been acknowledged. */
static bool
says_that_more_was_stored(const OrrFile *file, uint64_t sequence)
{
    FrameReader reader;
    FrameHeader header;
    FrameEntry entry;

    if (orr_frame_open(&reader, file->content, &header) != ORR_OK) {
        return false;
    }
    while (orr_frame_next(&reader, &entry) == ORR_OK) {
        if (entry.type == FRAME_AFTER && entry.payload.size == 8 &&
            orr_load_u64(entry.payload.data) > sequence) {
            return true;
        }
    }
    return false;
}

/* Reads the logs from `first` on. One that begins with other data counts only with its own
 * snapshot: without it, it and all after it are of a copy that never was whole. */
static OrrStatus
read_logs(Recovery *self, uint32_t first)
{
    OrrLogRecovery *result = self->result;

    for (uint32_t generation = first; generation <= result->generation; generation++) {
        const OrrFile *file = find_file(self, ORR_FILE_LOG, generation);
        FrameReader reader;
        FrameHeader header;
        OrrStatus status;

        if (file == NULL) {
            continue;
        }
        status = open_file(self, file, &reader, &header);
        if (status == ORR_AGAIN) {
            continue; /* not even its header was written: nothing in it was ever promised */
        }
        if (status != ORR_OK) {
            return status;
        }
        if ((header.flags & FRAME_RESTART) != 0 && generation != result->snapshot_generation) {
            result->ignored_from = generation;
            return ORR_OK;
        }
        if (header.sequence > result->sequence + 1 && generation > first &&
            !says_that_more_was_stored(file, result->sequence)) {
            result->ignored_from = generation;
            return ORR_OK;
        }
        if (header.sequence != result->sequence + 1) {
            return refuse(self, file, 0, "entries before it are missing: a file is lost");
        }
        status = read_file(self, file, &reader);
        if (status != ORR_OK) {
            return status;
        }
        result->sequence = reader.next_sequence - 1;
    }
    return ORR_OK;
}

OrrStatus
orr_log_recover(const OrrFile *files, size_t file_count, const OrrId *node,
                OrrHashSlotBy hash_slot_by, OrrKeyspace *keyspace,
                const OrrLogRecoverySink *sink, OrrLogRecovery *recovery)
{
    Recovery self = {files, file_count, node, hash_slot_by, keyspace, sink, recovery};
    const OrrFile *snapshot;

    memset(recovery, 0, sizeof *recovery);
    snapshot = newest_snapshot(&self);
    if (snapshot != NULL) {
        OrrStatus status = read_snapshot(&self, snapshot);

        if (status != ORR_OK) {
            return status;
        }
    }
    return read_logs(&self, snapshot == NULL ? 1 : snapshot->generation);
}
