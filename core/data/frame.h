/* frame.h - the framing that logs, snapshots and state files share; see log.h. Private. */
#ifndef ORR_DATA_FRAME_H
#define ORR_DATA_FRAME_H

#include <orrery/event.h>
#include <orrery/record.h>

#include <glib.h>

#define FRAME_HEADER_SIZE 48u
#define FRAME_ENTRY_SIZE 17u /* bytes before the payload */
#define FRAME_RESTART 1u     /* flag: counts only with its own snapshot */

typedef enum FrameType {
    FRAME_RECORD = 1,
    FRAME_META = 2,
    FRAME_END = 3,   /* of a snapshot: count u64 */
    FRAME_VALUE = 4, /* of a state file: tag u8, bytes */
    FRAME_AFTER = 5, /* of a log: the log before it is stored up to this entry, u64 */
} FrameType;

typedef struct FrameHeader {
    OrrFileKind kind;
    uint8_t flags;
    uint32_t generation;
    uint64_t sequence; /* of the first entry */
    OrrId node;
} FrameHeader;

typedef struct FrameEntry {
    FrameType type;
    uint64_t sequence;
    OrrBytes payload;
} FrameEntry;

void orr_frame_put_header(GByteArray *bytes, const FrameHeader *header);
void orr_frame_put_entry(GByteArray *bytes, uint64_t sequence, FrameType type,
                         OrrBytes payload);
/* The same for a record, encoded in place. */
void orr_frame_put_record(GByteArray *bytes, uint64_t sequence, const OrrRecord *record);

typedef struct FrameReader {
    OrrBytes content;
    size_t at;
    uint64_t next_sequence;
} FrameReader;

/* ORR_OK; ORR_AGAIN: the header itself is torn (the file is as good as empty); ORR_MALFORMED */
OrrStatus orr_frame_open(FrameReader *reader, OrrBytes content, FrameHeader *header);
/* ORR_OK; ORR_NOT_FOUND: the end, exactly; ORR_AGAIN: a torn tail begins at reader->at;
 * ORR_MALFORMED: an entry at reader->at is broken, and a whole one follows it */
OrrStatus orr_frame_next(FrameReader *reader, FrameEntry *entry);

#endif
