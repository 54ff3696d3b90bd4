#include "data/lineage.h"

#include "wire/bytes.h"

#include <glib.h>

/* Histories that the offset has reached, the last of them perhaps by zero bytes. */
static size_t
reached(const OrrLineage *lineage)
{
    size_t count = lineage->count;

    while (count > 0 && lineage->histories[count - 1].start_offset > lineage->offset) {
        count--;
    }
    return count;
}

const OrrHistory *
orr_lineage_newest(const OrrLineage *lineage)
{
    size_t count = reached(lineage);

    return count > 0 ? &lineage->histories[count - 1] : NULL;
}

void
orr_lineage_clip(OrrLineage *lineage)
{
    lineage->count = reached(lineage);
}

void
orr_lineage_begin(OrrLineage *lineage, uint64_t id, uint64_t epoch, OrrVersion version)
{
    orr_lineage_clip(lineage);
    while (lineage->count > 0 &&
           lineage->histories[lineage->count - 1].start_offset == lineage->offset) {
        lineage->count--;
    }
    if (lineage->count == ORR_LINEAGE_MAX) {
        memmove(lineage->histories, lineage->histories + 1,
                (ORR_LINEAGE_MAX - 1) * sizeof *lineage->histories);
        lineage->count--;
    }
    lineage->histories[lineage->count++] = (OrrHistory){
        .id = id, .epoch = epoch, .start_offset = lineage->offset, .start_version = version};
}

bool
orr_lineage_equal(const OrrLineage *a, const OrrLineage *b)
{
    bool equal = a->count == b->count;

    for (size_t i = 0; equal && i < a->count; i++) {
        equal = a->histories[i].id == b->histories[i].id &&
                a->histories[i].start_offset == b->histories[i].start_offset;
    }
    return equal;
}

/* Where history `index` ends, and with it what is known of the version there. */
static OrrBranch
end_of(const OrrLineage *lineage, size_t index)
{
    OrrBranch end = {.offset = lineage->offset, .version = 0};

    if (index + 1 < reached(lineage)) {
        end.offset = lineage->histories[index + 1].start_offset;
        end.version = lineage->histories[index + 1].start_version;
    }
    return end;
}

/* The newest history of `mine` that is also in `theirs`. */
static bool
find_common(const OrrLineage *mine, const OrrLineage *theirs, size_t *my_index,
            size_t *their_index)
{
    for (size_t i = reached(mine); i-- > 0;) {
        for (size_t j = reached(theirs); j-- > 0;) {
            if (mine->histories[i].id == theirs->histories[j].id) {
                *my_index = i;
                *their_index = j;
                return true;
            }
        }
    }
    return false;
}

OrrBranch
orr_lineage_compare(const OrrLineage *mine, const OrrLineage *theirs)
{
    OrrBranch branch = {.kinship = ORR_KINSHIP_NOTHING};
    size_t my_index = 0;
    size_t their_index = 0;

    if (reached(mine) == 0 || mine->offset == 0) {
        return branch;
    }
    if (!find_common(mine, theirs, &my_index, &their_index)) {
        branch.kinship = ORR_KINSHIP_UNRELATED;
        branch.offset = mine->histories[0].start_offset;
        branch.version = mine->histories[0].start_version;
        return branch;
    }

    OrrBranch my_end = end_of(mine, my_index);
    OrrBranch their_end = end_of(theirs, their_index);

    branch = their_end.offset <= my_end.offset ? their_end : my_end;
    if (branch.offset == mine->offset) {
        branch.kinship = ORR_KINSHIP_PREFIX;
    } else if (branch.offset == theirs->offset &&
               orr_lineage_newest(theirs)->epoch == theirs->histories[their_index].epoch) {
        /* also when they began anew in the same epoch, as a primary does that restarts */
        branch.kinship = ORR_KINSHIP_AHEAD;
    } else {
        branch.kinship = ORR_KINSHIP_DIVERGED;
    }
    return branch;
}

size_t
orr_lineage_encode(const OrrLineage *lineage, uint8_t *buffer)
{
    OrrWriter writer = {buffer, 0};

    orr_put_u32(&writer, (uint32_t)lineage->count);
    orr_put_u64(&writer, lineage->offset);
    for (size_t i = 0; i < lineage->count; i++) {
        const OrrHistory *history = &lineage->histories[i];

        orr_put_u64(&writer, history->id);
        orr_put_u64(&writer, history->epoch);
        orr_put_u64(&writer, history->start_offset);
        orr_put_u64(&writer, history->start_version);
    }
    return writer.used;
}

OrrStatus
orr_lineage_decode(OrrBytes bytes, OrrLineage *lineage)
{
    OrrReader reader = {bytes, false};
    uint64_t before = 0;

    memset(lineage, 0, sizeof *lineage);
    lineage->count = orr_take_u32(&reader);
    lineage->offset = orr_take_u64(&reader);
    if (reader.failed || lineage->count > ORR_LINEAGE_MAX) {
        return ORR_MALFORMED;
    }
    for (size_t i = 0; i < lineage->count; i++) {
        OrrHistory *history = &lineage->histories[i];

        history->id = orr_take_u64(&reader);
        history->epoch = orr_take_u64(&reader);
        history->start_offset = orr_take_u64(&reader);
        history->start_version = orr_take_u64(&reader);
        reader.failed |= history->start_offset < before;
        before = history->start_offset;
    }
    return reader.failed || reader.rest.size != 0 ? ORR_MALFORMED : ORR_OK;
}
