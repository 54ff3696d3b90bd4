/* backlog.h - the last records of a shard's history, by offset: a ring of whole records.
 *
 *     start                                end
 *       |== record == record == record ==|         offsets; the byte at offset o is ring[o %
 * room]
 *
 * Appending beyond the limit forgets whole records at the start. A record larger than the limit
 * is kept alone. Memory: grows by doubling up to the limit, never shrinks.
 */
#ifndef ORR_DATA_BACKLOG_H
#define ORR_DATA_BACKLOG_H

#include <orrery/types.h>

typedef struct OrrBacklog {
    uint8_t *ring;
    size_t room;
    size_t limit; /* bytes */
    uint64_t start;
    uint64_t end;
    uint8_t *scratch; /* for pieces that wrap around */
    size_t scratch_room;
} OrrBacklog;

void orr_backlog_init(OrrBacklog *backlog, size_t limit);
void orr_backlog_clear(OrrBacklog *backlog); /* frees what it holds */
/* Empty, at `offset`. */
void orr_backlog_restart(OrrBacklog *backlog, uint64_t offset);
/* One whole encoded record. */
void orr_backlog_append(OrrBacklog *backlog, OrrBytes record);
/* True if the history can be continued from `offset`. */
bool orr_backlog_reaches(const OrrBacklog *backlog, uint64_t offset);
/* Whole records from `offset` on (start <= offset < end): as many as fit into `size_max`, one
 * at least. Lent until the next call. */
OrrBytes orr_backlog_read(OrrBacklog *backlog, uint64_t offset, size_t size_max);

/* The size of the first record of `records`, or 0 if it is not whole. */
size_t orr_backlog_record_size(OrrBytes records);

#endif
