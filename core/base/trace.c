#include <orrery/trace.h>

#include <glib.h>

static const char *const KIND_NAMES[ORR_TRACE_KINDS] = {
    [ORR_TRACE_BOOTED] = "booted",
    [ORR_TRACE_RECOVERED] = "recovered",
    [ORR_TRACE_STATE_REFUSED] = "state-refused",
    [ORR_TRACE_JOINED] = "joined",
    [ORR_TRACE_MEMBER_ADDED] = "member-added",
    [ORR_TRACE_MEMBER_MOVED] = "member-moved",
    [ORR_TRACE_MEMBER_FORGOTTEN] = "member-forgotten",
    [ORR_TRACE_FRAME_REFUSED] = "frame-refused",
    [ORR_TRACE_SUSPECTED] = "suspected",
    [ORR_TRACE_TRUSTED] = "trusted",
    [ORR_TRACE_FAILED] = "failed",
    [ORR_TRACE_RECOVERED_PEER] = "recovered-peer",
    [ORR_TRACE_REFUTED] = "refuted",
    [ORR_TRACE_STOOD] = "stood",
    [ORR_TRACE_NOT_STANDING] = "not-standing",
    [ORR_TRACE_VOTED] = "voted",
    [ORR_TRACE_VOTE_DENIED] = "vote-denied",
    [ORR_TRACE_ATTEMPT_EXPIRED] = "attempt-expired",
    [ORR_TRACE_PROMOTED] = "promoted",
    [ORR_TRACE_DEMOTED] = "demoted",
    [ORR_TRACE_EPOCH_COLLISION] = "epoch-collision",
    [ORR_TRACE_FENCED] = "fenced",
    [ORR_TRACE_SERVING] = "serving",
    [ORR_TRACE_SLOTS_CLAIMED] = "slots-claimed",
    [ORR_TRACE_SLOTS_LOST] = "slots-lost",
    [ORR_TRACE_CLUSTER_STATE] = "cluster-state",
    [ORR_TRACE_SYNC_FULL_BEGUN] = "sync-full-begun",
    [ORR_TRACE_SYNC_FULL_DONE] = "sync-full-done",
    [ORR_TRACE_SYNC_PARTIAL] = "sync-partial",
    [ORR_TRACE_SYNC_REFUSED] = "sync-refused",
    [ORR_TRACE_WRITE_DROPPED] = "write-dropped",
    [ORR_TRACE_LEDGER_CLOSED] = "ledger-closed",
    [ORR_TRACE_SLOW] = "slow",
    [ORR_TRACE_SLOW_OVER] = "slow-over",
    [ORR_TRACE_CLOCK_HELD] = "clock-held",
    [ORR_TRACE_DISK_FAILED] = "disk-failed",
    [ORR_TRACE_ADMIN] = "admin",
    [ORR_TRACE_NOTE] = "note",
};

OrrTrace
orr_trace(OrrTraceKind kind)
{
    return (OrrTrace){.kind = kind};
}

const char *
orr_trace_kind_name(OrrTraceKind kind)
{
    return (unsigned)kind < ORR_TRACE_KINDS ? KIND_NAMES[kind] : "unknown";
}

void
orr_trace_set_text(OrrTrace *trace, OrrBytes text)
{
    size_t used = 0;

    for (size_t i = 0; i < text.size; i++) {
        bool plain = text.data[i] >= 0x20 && text.data[i] < 0x7f && text.data[i] != '\\';
        size_t wanted = plain ? 1 : 4;

        if (used + wanted > ORR_TRACE_TEXT_MAX - 3) {
            memcpy(trace->text + used, "...", 3);
            used += 3;
            break;
        }
        if (plain) {
            trace->text[used] = (char)text.data[i];
        } else {
            g_snprintf(trace->text + used, 5, "\\x%02x", text.data[i]);
        }
        used += wanted;
    }
    trace->text[used] = '\0';
    trace->text_size = (uint16_t)used;
}

static void
short_name(const OrrId *id, char *text, size_t size, void *context)
{
    char hex[ORR_ID_HEX_SIZE + 1];

    (void)context;
    orr_id_format(id, hex);
    g_snprintf(text, size, "%.8s", hex);
}

typedef struct Line {
    char *text;
    size_t size;
    size_t used;
} Line;

static void G_GNUC_PRINTF(2, 3) add(Line *line, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (line->used + 1 < line->size) {
        int wanted =
            g_vsnprintf(line->text + line->used, line->size - line->used, format, arguments);

        line->used = MIN(line->used + (size_t)MAX(wanted, 0), line->size - 1);
    }
    va_end(arguments);
}

static void
add_id(Line *line, const char *label, const OrrId *id, OrrNameFunc name, void *context)
{
    char text[ORR_ID_HEX_SIZE + 1];

    if (!orr_id_is_none(id)) {
        name(id, text, sizeof text, context);
        add(line, "%s%s", label, text);
    }
}

size_t
orr_trace_format(const OrrTrace *trace, OrrNameFunc name, void *context, char *text,
                 size_t size)
{
    Line line = {text, size, 0};

    g_return_val_if_fail(size > 0, 0);
    text[0] = '\0';
    if (name == NULL) {
        name = short_name;
    }
    add_id(&line, "", &trace->node, name, context);
    add(&line, " %s", orr_trace_kind_name(trace->kind));
    add_id(&line, " ", &trace->other, name, context);
    add_id(&line, " shard ", &trace->shard, name, context);
    if (trace->epoch != 0) {
        add(&line, " epoch %" G_GUINT64_FORMAT, trace->epoch);
    }
    if (trace->count != 0) {
        add(&line, " count %" G_GUINT64_FORMAT, trace->count);
    }
    if (trace->value != 0) {
        add(&line, " value %" G_GUINT64_FORMAT, trace->value);
    }
    if (trace->text_size != 0) {
        add(&line, ": %s", trace->text);
    }
    return line.used;
}
