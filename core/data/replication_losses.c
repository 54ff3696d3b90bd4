#include "data/replication_state.h"

#include <glib.h>

#define SCAN_BUDGET 64u

typedef struct Listing {
    OrrReplication *self;
    OrrEffects *out;
    OrrVersion after;  /* the scan lists versions beyond this ... */
    OrrVersion before; /* ... and below this */
    uint64_t count;
} Listing;

static void
list(Listing *listing, const OrrRecord *record)
{
    OrrReplication *self = listing->self;
    OrrTrace trace = orr_trace(ORR_TRACE_WRITE_DROPPED);
    OrrLoss loss = {.kind = record->kind,
                    .version = record->version,
                    .wall_ms = record->wall_ms,
                    .key = record->key,
                    .field = record->field};

    (void)orr_ledger_add(self->ledger, &loss); /* full: it counts, and the trace still tells */
    trace.node = self->config.self;
    trace.shard = self->config.shard;
    trace.epoch = record->version;
    trace.value = (uint64_t)record->wall_ms;
    orr_trace_set_text(&trace, record->key);
    orr_effects_trace(listing->out, &trace);
    listing->count++;
}

static void
scan_record(const OrrRecord *record, void *context)
{
    Listing *listing = context;

    if (record->version > listing->after && record->version < listing->before) {
        list(listing, record);
    }
}

/* The backlog no longer reaches back to the branch: the keyspace still has the last version of
 * each key. */
static void
list_from_keyspace(Listing *listing)
{
    OrrKeyspaceCursor cursor = orr_keyspace_cursor(0, ORR_KEYSPACE_SLOTS - 1);
    OrrKeyspace *keyspace = listing->self->config.keyspace;

    while (orr_keyspace_iterate(keyspace, &cursor, SCAN_BUDGET, scan_record, listing) > 0) {
    }
}

static OrrVersion
version_at(OrrReplication *self, uint64_t offset)
{
    OrrBytes bytes;
    OrrRecord record;

    if (offset >= self->backlog.end) {
        return UINT64_MAX;
    }
    bytes = orr_backlog_read(&self->backlog, offset, 1);
    return orr_record_next(&bytes, &record) == ORR_OK ? record.version : UINT64_MAX;
}

static void
list_from_backlog(Listing *listing, uint64_t from, uint64_t to)
{
    OrrBacklog *backlog = &listing->self->backlog;

    while (from < to) {
        OrrBytes bytes = orr_backlog_read(backlog, from, 1); /* a record, or a whole group */
        size_t size = bytes.size;
        OrrRecord record;

        while (orr_record_next(&bytes, &record) == ORR_OK) {
            list(listing, &record);
        }
        if (size == 0 || bytes.size > 0) {
            break;
        }
        from += size;
    }
}

/* Where the part begins that is listed already: a second primary may have even less. */
static uint64_t
settled_from(const OrrReplication *self)
{
    return self->settled_history == orr_lineage_newest(&self->lineage)->id &&
                   self->settled_offset == self->lineage.offset
               ? self->settled_branch
               : self->lineage.offset;
}

static void
close_ledger(const Listing *listing, bool cut_short)
{
    const OrrReplication *self = listing->self;
    OrrTrace trace = orr_trace(ORR_TRACE_LEDGER_CLOSED);

    trace.node = self->config.self;
    trace.other = self->primary;
    trace.shard = self->config.shard;
    trace.epoch = self->epoch;
    trace.count = listing->count;
    trace.value = cut_short;
    orr_effects_trace(listing->out, &trace);
}

void
orr_losses_settle(OrrReplication *self, const OrrLineage *theirs, OrrEffects *out)
{
    OrrBranch branch = orr_lineage_compare(&self->lineage, theirs);
    uint64_t from = MAX(branch.offset, self->backlog.start);
    bool beyond_memory =
        branch.kinship == ORR_KINSHIP_UNRELATED && theirs->histories[0].start_offset > 0;
    bool cut_short = self->backlog.start > branch.offset;
    Listing listing = {.self = self, .out = out, .after = branch.version};

    if (branch.kinship != ORR_KINSHIP_DIVERGED && branch.kinship != ORR_KINSHIP_UNRELATED) {
        return;
    }

    uint64_t to = settled_from(self);

    if (branch.offset >= to) {
        return;
    }
    self->settled_history = orr_lineage_newest(&self->lineage)->id;
    self->settled_offset = self->lineage.offset;
    self->settled_branch = branch.offset;
    if (ORR_PLANTED(&self->config.settings, LEDGER_SILENT)) {
        return;
    }
    if (cut_short) {
        listing.before = version_at(self, self->backlog.start);
        list_from_keyspace(&listing);
    }
    list_from_backlog(&listing, from, to);
    /* so many promotions ago that nobody knows where they parted: some may not be lost */
    close_ledger(&listing, cut_short || beyond_memory);
}
