#include "story.h"

#include <glib.h>

struct SimStory {
    const SimRoster *names;
    GArray *lines;      /* of SimLine */
    GHashTable *recent; /* hash of what is alike -> line + 1; looked up, never walked */
    uint64_t decisions[ORR_TRACE_KINDS];
    uint64_t dropped;
    SimStoryFunc listener;
    void *listener_context;
};

static void
clear_line(gpointer data)
{
    g_free(((SimLine *)data)->text);
}

SimStory *
sim_story_new(const SimRoster *names)
{
    SimStory *story = g_new0(SimStory, 1);

    story->names = names;
    story->lines = g_array_new(FALSE, TRUE, sizeof(SimLine));
    g_array_set_clear_func(story->lines, clear_line);
    story->recent = g_hash_table_new(NULL, NULL);
    return story;
}

void
sim_story_free(SimStory *story)
{
    if (story != NULL) {
        g_hash_table_unref(story->recent);
        g_array_unref(story->lines);
        g_free(story);
    }
}

void
sim_story_listen(SimStory *story, SimStoryFunc func, void *context)
{
    story->listener = func;
    story->listener_context = context;
}

void
sim_story_add(SimStory *story, SimLineKind kind, OrrTime at_ns, const char *text)
{
    SimLine line = {.kind = kind, .at_ns = at_ns, .last_ns = at_ns, .count = 1};

    if (story->listener != NULL) {
        story->listener(kind, at_ns, NULL, text, story->listener_context);
    }
    if (story->lines->len >= SIM_STORY_LINES_MAX) {
        story->dropped++;
        return;
    }
    line.text = g_strdup(text);
    g_array_append_val(story->lines, line);
}

void
sim_story_addf(SimStory *story, SimLineKind kind, OrrTime at_ns, const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    g_vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    sim_story_add(story, kind, at_ns, text);
}

/* What two decisions must share to be told in one line. */
static gpointer
likeness(const OrrTrace *trace)
{
    uint64_t hash = (uint64_t)trace->kind + 1;

    for (unsigned i = 0; i < 8; i++) {
        hash = (hash ^ trace->other.bytes[i]) * UINT64_C(0x100000001b3);
        hash = (hash ^ trace->shard.bytes[i]) * UINT64_C(0x100000001b3);
    }
    hash = (hash ^ trace->epoch) * UINT64_C(0x9e3779b97f4a7c15);
    return (gpointer)(uintptr_t)(hash ^ hash >> 29);
}

static void
join_line(SimLine *line, OrrTime at_ns, uint32_t who)
{
    line->count++;
    line->last_ns = at_ns;
    for (uint32_t i = 0; i < line->who_count; i++) {
        if (line->who[i] == who) {
            return;
        }
    }
    if (line->who_count < SIM_STORY_WHO_MAX) {
        line->who[line->who_count++] = who;
    }
}

static SimLine *
alike(SimStory *story, gpointer key, OrrTime at_ns, const OrrTrace *trace)
{
    uint32_t found = GPOINTER_TO_UINT(g_hash_table_lookup(story->recent, key));

    if (found == 0) {
        return NULL;
    }
    SimLine *line = &g_array_index(story->lines, SimLine, found - 1);
    bool same = line->trace.kind == trace->kind && line->trace.epoch == trace->epoch &&
                orr_id_equal(&line->trace.other, &trace->other) &&
                orr_id_equal(&line->trace.shard, &trace->shard);

    return same && at_ns - line->last_ns <= SIM_STORY_FOLD_NS ? line : NULL;
}

void
sim_story_decide(SimStory *story, OrrTime at_ns, uint32_t who, const OrrTrace *trace)
{
    gpointer key = likeness(trace);
    SimLine *known = alike(story, key, at_ns, trace);

    if ((unsigned)trace->kind < ORR_TRACE_KINDS) {
        story->decisions[trace->kind]++;
    }
    if (story->listener != NULL) {
        story->listener(SIM_LINE_DECIDED, at_ns, trace, NULL, story->listener_context);
    }
    if (known != NULL) {
        join_line(known, at_ns, who);
        return;
    }
    if (story->lines->len >= SIM_STORY_LINES_MAX) {
        story->dropped++;
        return;
    }
    SimLine line = {
        .kind = SIM_LINE_DECIDED,
        .at_ns = at_ns,
        .last_ns = at_ns,
        .trace = *trace,
        .count = 1,
        .who = {who},
        .who_count = 1,
    };

    g_array_append_val(story->lines, line);
    g_hash_table_insert(story->recent, key, GUINT_TO_POINTER(story->lines->len));
}

size_t
sim_story_count(const SimStory *story)
{
    return story->lines->len;
}

const SimLine *
sim_story_at(const SimStory *story, size_t index)
{
    g_assert(index < story->lines->len);
    return &g_array_index(story->lines, SimLine, index);
}

uint64_t
sim_story_decisions(const SimStory *story, OrrTraceKind kind)
{
    return (unsigned)kind < ORR_TRACE_KINDS ? story->decisions[kind] : 0;
}

uint64_t
sim_story_dropped(const SimStory *story)
{
    return story->dropped;
}

/* How each kind of decision is told: %o the other node, %s the shard, %e the epoch, %v the
 * value, %c the count, %t the text. A part in braces is left out where its item is missing. */
typedef struct Telling {
    bool notable;
    const char *format;
} Telling;

static const Telling TELLINGS[ORR_TRACE_KINDS] = {
    [ORR_TRACE_BOOTED] = {false, "booted{, boot %c}"},
    [ORR_TRACE_RECOVERED] = {false, "read %c records back{, cut %v torn bytes}"},
    [ORR_TRACE_STATE_REFUSED] = {true, "refuses a damaged file: %t"},
    [ORR_TRACE_JOINED] = {false, "joined cluster %o"},
    [ORR_TRACE_MEMBER_ADDED] = {false, "got to know %o"},
    [ORR_TRACE_MEMBER_MOVED] = {true, "found %o at a new address{: %t}"},
    [ORR_TRACE_MEMBER_FORGOTTEN] = {true, "forgot %o"},
    [ORR_TRACE_FRAME_REFUSED] = {true, "refused a frame{ of %o}{: %t}"},
    [ORR_TRACE_SUSPECTED] = {true, "suspected %o{: %t}"},
    [ORR_TRACE_TRUSTED] = {false, "trusted %o again"},
    [ORR_TRACE_FAILED] = {true, "declared %o failed{, %c accusers}{ of %v needed}"},
    [ORR_TRACE_RECOVERED_PEER] = {true, "took the verdict on %o back"},
    [ORR_TRACE_REFUTED] = {true, "refuted a verdict on itself"},
    [ORR_TRACE_STOOD] = {true, "stood for shard %s at epoch %e{, rank %c}"},
    [ORR_TRACE_NOT_STANDING] = {true, "did not stand for shard %s{: %t}"},
    [ORR_TRACE_VOTED] = {true, "voted for %o at epoch %e"},
    [ORR_TRACE_VOTE_DENIED] = {true, "denied %o its vote at epoch %e{: %t}"},
    [ORR_TRACE_ATTEMPT_EXPIRED] = {true, "found no majority for shard %s at epoch %e"},
    [ORR_TRACE_PROMOTED] = {true, "became primary of shard %s at epoch %e{ (%t)}"},
    [ORR_TRACE_DEMOTED] = {true, "became a replica of shard %s{ under %o}, epoch %e"},
    [ORR_TRACE_EPOCH_COLLISION] = {true, "met a twin, %o, at epoch %e of shard %s{: %t}"},
    [ORR_TRACE_FENCED] = {true, "stopped serving{ shard %s}{: %t}"},
    [ORR_TRACE_SERVING] = {true, "serves shard %s, epoch %e"},
    [ORR_TRACE_SLOTS_CLAIMED] = {false, "claimed %c slots for shard %s{: %t}"},
    [ORR_TRACE_SLOTS_LOST] = {true, "lost %c slots{ to shard %s}{: %t}"},
    [ORR_TRACE_CLUSTER_STATE] = {true, "saw the cluster %t{, %c slots not covered}"},
    [ORR_TRACE_SYNC_FULL_BEGUN] = {true, "began a full copy for %o{, %v keys}"},
    [ORR_TRACE_SYNC_FULL_DONE] = {true, "finished the full copy for %o{, %v bytes}"},
    [ORR_TRACE_SYNC_PARTIAL] = {true, "went on from offset %v{ for %o}"},
    [ORR_TRACE_SYNC_REFUSED] = {true, "refused to synchronise{ with %o}{: %t}"},
    [ORR_TRACE_WRITE_DROPPED] = {false, "dropped an acknowledged write: %t"},
    [ORR_TRACE_LEDGER_CLOSED] = {true, "listed %c dropped writes of shard %s in its ledger"},
    [ORR_TRACE_SLOW] = {true, "found %o slow"},
    [ORR_TRACE_SLOW_OVER] = {true, "found %o quick again"},
    [ORR_TRACE_CLOCK_HELD] = {true, "does not believe its wall clock, %v ms off"},
    [ORR_TRACE_DISK_FAILED] = {true, "could not write: %t"},
    [ORR_TRACE_ADMIN] = {true, "obeyed{: %t}"},
    [ORR_TRACE_NOTE] = {false, "%t"},
};

bool
sim_story_is_notable(OrrTraceKind kind)
{
    return (unsigned)kind < ORR_TRACE_KINDS && TELLINGS[kind].notable;
}

/* One item of a trace as text; false when the trace does not have it. */
static bool
tell_item(const SimRoster *names, const OrrTrace *trace, char item, char *text, size_t size)
{
    uint64_t number = 0;

    text[0] = '\0';
    switch (item) {
    case 'o':
    case 's': {
        const OrrId *id = item == 'o' ? &trace->other : &trace->shard;

        if (orr_id_is_none(id)) {
            return false;
        }
        sim_roster_format(id, text, size, (void *)(uintptr_t)names);
        return true;
    }
    case 't':
        g_strlcpy(text, trace->text, size);
        return trace->text_size != 0;
    case 'e':
        number = trace->epoch;
        break;
    case 'v':
        number = trace->value;
        break;
    case 'c':
        number = trace->count;
        break;
    default:
        return false;
    }
    g_snprintf(text, (gulong)size, "%" G_GUINT64_FORMAT, number);
    return number != 0;
}

/* True when every item between here and the closing brace is there. */
static bool
part_is_whole(const SimRoster *names, const OrrTrace *trace, const char *format)
{
    char text[ORR_TRACE_TEXT_MAX + 1];

    for (; *format != '}' && *format != '\0'; format++) {
        if (*format == '%' && !tell_item(names, trace, format[1], text, sizeof text)) {
            return false;
        }
    }
    return true;
}

void
sim_story_sentence(const SimRoster *names, const OrrTrace *trace, char *text, size_t size)
{
    const char *format =
        (unsigned)trace->kind < ORR_TRACE_KINDS ? TELLINGS[trace->kind].format : "?";
    char item[ORR_TRACE_TEXT_MAX + 1];
    size_t used = 0;

    for (; *format != '\0' && used + 1 < size; format++) {
        if (*format == '{' && !part_is_whole(names, trace, format + 1)) {
            format = strchr(format, '}');
        } else if (*format == '%') {
            tell_item(names, trace, *++format, item, sizeof item);
            used += g_strlcpy(text + used, item[0] != '\0' ? item : "?", size - used);
            used = MIN(used, size - 1);
        } else if (*format != '{' && *format != '}') {
            text[used++] = *format;
        }
    }
    text[MIN(used, size - 1)] = '\0';
}

void
sim_story_tell(const SimStory *story, const SimLine *line, char *text, size_t size)
{
    char sentence[320];
    GString *who;

    if (line->kind != SIM_LINE_DECIDED) {
        g_strlcpy(text, line->text, size);
        return;
    }
    sim_story_sentence(story->names, &line->trace, sentence, sizeof sentence);
    who = g_string_new(NULL);
    for (uint32_t i = 0; i < line->who_count; i++) {
        g_string_append_printf(who, "%s%s", i == 0 ? "" : ", ",
                               sim_roster_text(story->names, SIM_ROSTER_NODE, line->who[i]));
    }
    if (line->who_count == SIM_STORY_WHO_MAX && line->count > SIM_STORY_WHO_MAX) {
        g_string_append_printf(who, " … and %u more", line->count - SIM_STORY_WHO_MAX);
        g_snprintf(text, (gulong)size, "%s %s", who->str, sentence);
    } else if (line->count > line->who_count) {
        g_snprintf(text, (gulong)size, "%s %s (%u times)", who->str, sentence, line->count);
    } else {
        g_snprintf(text, (gulong)size, "%s %s", who->str, sentence);
    }
    g_string_free(who, TRUE);
}
