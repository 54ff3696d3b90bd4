#include "data/backlog.h"

#include "wire/bytes.h"

#include <glib.h>

#define ROOM_MIN 4096u
#define LENGTH_SIZE 4u /* of the size field that begins a record and does not count itself */

void
orr_backlog_init(OrrBacklog *backlog, size_t limit)
{
    memset(backlog, 0, sizeof *backlog);
    backlog->limit = limit;
}

void
orr_backlog_clear(OrrBacklog *backlog)
{
    g_free(backlog->ring);
    g_free(backlog->scratch);
    orr_backlog_init(backlog, backlog->limit);
}

void
orr_backlog_restart(OrrBacklog *backlog, uint64_t offset)
{
    backlog->start = offset;
    backlog->end = offset;
}

size_t
orr_backlog_record_size(OrrBytes records)
{
    if (records.size < LENGTH_SIZE) {
        return 0;
    }

    size_t size = LENGTH_SIZE + (size_t)orr_load_u32(records.data);

    return size <= records.size ? size : 0;
}

/* Copies out; the range must be held. */
static void
copy_out(const OrrBacklog *backlog, uint64_t offset, size_t size, uint8_t *to)
{
    size_t at = (size_t)(offset % backlog->room);
    size_t first = MIN(size, backlog->room - at);

    memcpy(to, backlog->ring + at, first);
    memcpy(to + first, backlog->ring, size - first);
}

static void
copy_in(OrrBacklog *backlog, uint64_t offset, OrrBytes bytes)
{
    size_t at = (size_t)(offset % backlog->room);
    size_t first = MIN(bytes.size, backlog->room - at);

    memcpy(backlog->ring + at, bytes.data, first);
    memcpy(backlog->ring, bytes.data + first, bytes.size - first);
}

static size_t
size_at(const OrrBacklog *backlog, uint64_t offset)
{
    uint8_t length[LENGTH_SIZE];

    copy_out(backlog, offset, LENGTH_SIZE, length);
    return LENGTH_SIZE + (size_t)orr_load_u32(length);
}

static void
grow(OrrBacklog *backlog, size_t wanted, size_t limit)
{
    OrrBacklog old = *backlog;
    size_t used = (size_t)(old.end - old.start);
    size_t room = MAX(ROOM_MIN, old.room);

    while (room < wanted) {
        room *= 2;
    }
    backlog->room = MIN(room, MAX(limit, ROOM_MIN));
    backlog->ring = g_malloc(backlog->room);
    if (used > 0) {
        uint64_t middle = old.start + MIN(used, old.room - (size_t)(old.start % old.room));

        copy_in(backlog, old.start,
                orr_bytes(old.ring + old.start % old.room, (size_t)(middle - old.start)));
        copy_in(backlog, middle, orr_bytes(old.ring, (size_t)(old.end - middle)));
    }
    g_free(old.ring);
}

void
orr_backlog_append(OrrBacklog *backlog, OrrBytes record)
{
    size_t limit = MAX(backlog->limit, record.size);

    g_assert(record.size > LENGTH_SIZE && orr_backlog_record_size(record) == record.size);
    while (backlog->end - backlog->start + record.size > limit) {
        backlog->start += size_at(backlog, backlog->start);
    }

    size_t wanted = (size_t)(backlog->end - backlog->start) + record.size;

    if (wanted > backlog->room) {
        grow(backlog, wanted, limit);
    }
    copy_in(backlog, backlog->end, record);
    backlog->end += record.size;
}

bool
orr_backlog_reaches(const OrrBacklog *backlog, uint64_t offset)
{
    return offset >= backlog->start && offset <= backlog->end;
}

OrrBytes
orr_backlog_read(OrrBacklog *backlog, uint64_t offset, size_t size_max)
{
    size_t held = (size_t)(backlog->end - offset);
    size_t size = held;

    g_assert(offset >= backlog->start && offset < backlog->end);
    if (held > size_max) {
        size = size_at(backlog, offset);
        while (size < held && size + size_at(backlog, offset + size) <= size_max) {
            size += size_at(backlog, offset + size);
        }
    }

    size_t at = (size_t)(offset % backlog->room);

    if (backlog->room - at >= size) {
        return orr_bytes(backlog->ring + at, size);
    }
    if (backlog->scratch_room < size) {
        backlog->scratch_room = MAX(size, MIN(size_max, backlog->room));
        backlog->scratch = g_realloc(backlog->scratch, backlog->scratch_room);
    }
    copy_out(backlog, offset, size, backlog->scratch);
    return orr_bytes(backlog->scratch, size);
}
