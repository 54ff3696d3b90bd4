/* The part of the rig that knows which writes each machine has, and checks ledgers by it. */
#include "replication_rig.h"

#include <stdio.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static uint64_t
name_hash(OrrBytes key)
{
    return XXH3_64bits(key.data, key.size);
}

/* Other data than before: what was listed of the old ones is settled. */
void
rig_forget_dropped(RigMachine *machine)
{
    g_array_set_size(machine->dropped, 0);
    machine->dropped_before = 0;
}

void
rig_line_add(RigMachine *machine, const OrrRecord *record, size_t size)
{
    uint64_t end = machine->line->len == 0
                       ? 0
                       : g_array_index(machine->line, RigWrite, machine->line->len - 1).end;
    RigWrite write = {
        .end = end + size, .version = record->version, .key = name_hash(record->key)};

    g_array_append_val(machine->line, write);
    rig_forget_dropped(machine);
}

static bool
line_has(const GArray *line, const RigWrite *wanted)
{
    for (guint i = 0; i < line->len; i++) {
        const RigWrite *write = &g_array_index(line, RigWrite, i);

        if (write->version == wanted->version && write->key == wanted->key) {
            return true;
        }
    }
    return false;
}

/* Everything that `a` has and `b` has not. */
static GArray *
line_minus(const GArray *a, const GArray *b)
{
    GArray *rest = g_array_new(FALSE, FALSE, sizeof(RigWrite));

    for (guint i = 0; i < a->len; i++) {
        if (!line_has(b, &g_array_index(a, RigWrite, i))) {
            g_array_append_val(rest, g_array_index(a, RigWrite, i));
        }
    }
    return rest;
}

static void
on_ledger_closed(RigMachine *machine, const OrrTrace *trace)
{
    Rig *rig = machine->rig;
    RigMachine *other = NULL;

    for (unsigned i = 0; i < rig->count; i++) {
        if (orr_id_equal(&rig->machines[i].id, &trace->other)) {
            other = &rig->machines[i];
        }
    }
    g_assert(other != NULL);

    GArray *lost = line_minus(machine->line, other->line);
    GArray *wrong = line_minus(machine->dropped, lost);
    GArray *missed = line_minus(lost, machine->dropped);
    bool forgotten = orr_replication_lineage(other->replication)->histories[0].start_offset > 0;
    bool exact = (wrong->len == 0 || (forgotten && trace->value == 1)) &&
                 (missed->len == 0 || trace->value == 1) &&
                 trace->count == machine->dropped->len - machine->dropped_before;

    if (!exact && !rig->keep_quiet) {
        fprintf(stderr, "ledger of %u: %u listed, %u lost, %u wrong, %u missed, short %d\n",
                machine->index, machine->dropped->len, lost->len, wrong->len, missed->len,
                (int)trace->value);
    }
    rig->wrong_ledger |= !exact;
    machine->ledgers_closed++;
    machine->ledgers_short += trace->value;
    machine->dropped_before = machine->dropped->len;
    g_array_free(lost, TRUE);
    g_array_free(wrong, TRUE);
    g_array_free(missed, TRUE);
}

void
rig_note_trace(RigMachine *machine, const OrrTrace *trace)
{
    if (trace->kind == ORR_TRACE_WRITE_DROPPED) {
        RigWrite write = {.version = trace->epoch,
                          .key = name_hash(orr_bytes(trace->text, trace->text_size))};

        g_array_append_val(machine->dropped, write);
        g_array_append_val(machine->rig->listed, write);
    } else if (trace->kind == ORR_TRACE_LEDGER_CLOSED) {
        on_ledger_closed(machine, trace);
    }
}

unsigned
rig_silent_losses(const Rig *rig)
{
    GArray *lost = line_minus(rig->acknowledged, rig->machines[rig->primary].line);
    GArray *silent = line_minus(lost, rig->listed);
    unsigned count = silent->len;

    g_array_free(lost, TRUE);
    g_array_free(silent, TRUE);
    return count;
}
