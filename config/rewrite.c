#include "rewrite.h"

#include <glib.h>
#include <string.h>
#include <yaml.h>

/* Where a key of the outermost map and its value stand; bytes. */
typedef struct Entry {
    char *name;
    size_t key_end;
    size_t begin; /* of the value */
    size_t end;
    bool same_line; /* the value begins in the line of its key */
} Entry;

typedef struct Scan {
    const char *text;
    GArray *entries; /* of Entry, in the order of the file */
    unsigned depth;
    bool in_value; /* a key was read, its value was not yet */
    bool flow;     /* the outermost map is in braces */
    size_t key_line;
    size_t rest_begins; /* where lines may be added: after the last value */
} Scan;

/* libyaml counts characters. */
static size_t
byte_of(const Scan *scan, yaml_mark_t mark)
{
    return (size_t)(g_utf8_offset_to_pointer(scan->text, (glong)mark.index) - scan->text);
}

static Entry *
last_entry(const Scan *scan)
{
    return &g_array_index(scan->entries, Entry, scan->entries->len - 1);
}

static void
on_key(Scan *scan, const yaml_event_t *event)
{
    Entry entry = {.name = g_strdup((const char *)event->data.scalar.value),
                   .key_end = byte_of(scan, event->end_mark)};

    g_array_append_val(scan->entries, entry);
    scan->in_value = true;
    scan->key_line = event->start_mark.line;
}

/* The first thing of a value says where it begins, the last text in it where it ends: the end
 * that YAML sees of a list without brackets is after the comments that follow it. */
static void
on_part(Scan *scan, const yaml_event_t *event, bool first)
{
    Entry *entry = last_entry(scan);

    if (first) {
        entry->begin = byte_of(scan, event->start_mark);
        entry->same_line = event->start_mark.line == scan->key_line;
    }
    entry->end = MAX(entry->end, byte_of(scan, event->end_mark));
}

static void
on_scalar(Scan *scan, const yaml_event_t *event)
{
    if (scan->depth == 1 && !scan->in_value) {
        on_key(scan, event);
        return;
    }
    if (scan->depth >= 1) {
        on_part(scan, event, scan->depth == 1);
    }
    scan->in_value = scan->in_value && scan->depth > 1;
}

static void
on_begin(Scan *scan, const yaml_event_t *event, bool flow)
{
    if (scan->depth == 0) {
        scan->flow = flow;
    } else if (scan->depth == 1) {
        on_part(scan, event, true);
    }
    scan->depth++;
}

static void
on_end(Scan *scan, const yaml_event_t *event)
{
    bool bracket = event->end_mark.index > event->start_mark.index;

    scan->depth--;
    if (scan->depth >= 1 && bracket) {
        on_part(scan, event, false);
    }
    scan->in_value = scan->in_value && scan->depth > 1;
}

static void
on_event(Scan *scan, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        on_scalar(scan, event);
        break;
    case YAML_MAPPING_START_EVENT:
        on_begin(scan, event, event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE);
        break;
    case YAML_SEQUENCE_START_EVENT:
        on_begin(scan, event, false);
        break;
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        on_end(scan, event);
        break;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
    case YAML_ALIAS_EVENT:
        break;
    }
}

static bool
scan_text(Scan *scan, size_t size)
{
    yaml_parser_t parser;
    yaml_event_t event;
    bool more = true;
    bool fine = true;

    if (!yaml_parser_initialize(&parser)) {
        g_error("out of memory");
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)scan->text, size);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    while (more) {
        fine = yaml_parser_parse(&parser, &event) != 0;
        if (!fine) {
            break;
        }
        on_event(scan, &event);
        more = event.type != YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return fine;
}

char *
config_yaml_text(const char *value)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "./_+-:@%";
    GString *text = NULL;

    if (value[0] != '\0' && strspn(value, safe) == strlen(value) &&
        (g_ascii_isalnum(value[0]) || value[0] == '/' || value[0] == '.') &&
        value[strlen(value) - 1] != ':' && strcmp(value, "...") != 0) {
        return g_strdup(value);
    }
    text = g_string_new("\"");
    for (; *value != '\0'; value++) {
        if (*value == '"' || *value == '\\') {
            g_string_append_c(text, '\\');
        }
        if ((unsigned char)*value < 0x20) {
            g_string_append_printf(text, "\\x%02x", (unsigned)*value);
        } else {
            g_string_append_c(text, *value);
        }
    }
    g_string_append_c(text, '"');
    return g_string_free(text, FALSE);
}

static char *
yaml_value(const ConfigEdit *edit)
{
    g_auto(GStrv) words = NULL;
    GString *list = NULL;

    if (!edit->list) {
        return config_yaml_text(edit->value);
    }
    words = g_strsplit(edit->value, " ", -1);
    list = g_string_new("[");
    for (size_t i = 0; words[i] != NULL; i++) {
        g_autofree char *word = config_yaml_text(words[i]);

        if (words[i][0] != '\0') {
            g_string_append_printf(list, "%s%s", list->len > 1 ? ", " : "", word);
        }
    }
    g_string_append_c(list, ']');
    return g_string_free(list, FALSE);
}

/* Keys of YAML may have underscores where names have dashes. */
static bool
is_named(const Entry *entry, const char *name)
{
    g_autofree char *dashed = g_strdup(entry->name);

    g_strdelimit(dashed, "_", '-');
    return name != NULL && strcmp(dashed, name) == 0;
}

static const ConfigEdit *
edit_of(const Entry *entry, const ConfigEdit *edits, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (is_named(entry, edits[i].name) || is_named(entry, edits[i].other)) {
            return &edits[i];
        }
    }
    return NULL;
}

/* The text with the values of its keys changed; `done` says which edits found their key. */
static GString *
change_in_place(const Scan *scan, size_t size, const ConfigEdit *edits, size_t count,
                bool *done)
{
    GString *out = g_string_new(NULL);
    size_t copied = 0;

    for (guint i = 0; i < scan->entries->len; i++) {
        const Entry *entry = &g_array_index(scan->entries, Entry, i);
        const ConfigEdit *edit = edit_of(entry, edits, count);
        bool there = entry->same_line && entry->end > entry->begin;
        g_autofree char *value = NULL;

        if (edit == NULL) {
            continue;
        }
        value = yaml_value(edit);
        g_string_append_len(out, scan->text + copied,
                            (gssize)((there ? entry->begin : entry->key_end) - copied));
        g_string_append_printf(out, "%s%s", there ? "" : ": ", value);
        copied = there || entry->end > entry->key_end ? entry->end : entry->key_end + 1;
        done[edit - edits] = true;
    }
    g_string_append_len(out, scan->text + copied, (gssize)(size - copied));
    return out;
}

static void
add_rest(GString *out, const ConfigEdit *edits, size_t count, const bool *done)
{
    for (size_t i = 0; i < count; i++) {
        g_autofree char *value = yaml_value(&edits[i]);

        if (done[i]) {
            continue;
        }
        if (out->len > 0 && out->str[out->len - 1] != '\n') {
            g_string_append_c(out, '\n');
        }
        g_string_append_printf(out, "%s: %s\n", edits[i].name, value);
    }
}

static void
clear_entry(gpointer data)
{
    g_free(((Entry *)data)->name);
}

char *
config_rewrite(const char *text, size_t size, const ConfigEdit *edits, size_t count, char **why)
{
    g_autofree char *copy = g_strndup(text, size);
    g_autofree bool *done = g_new0(bool, count + 1);
    Scan scan = {.text = copy};
    GString *out = NULL;

    if (strlen(copy) != size || !g_utf8_validate(copy, -1, NULL)) {
        *why = g_strdup("it is not UTF-8");
        return NULL;
    }
    scan.entries = g_array_new(FALSE, TRUE, sizeof(Entry));
    g_array_set_clear_func(scan.entries, clear_entry);
    if (!scan_text(&scan, size) || scan.flow) {
        *why = g_strdup(scan.flow ? "it is one map in braces" : "it is not YAML any more");
    } else {
        out = change_in_place(&scan, size, edits, count, done);
        add_rest(out, edits, count, done);
    }
    g_array_unref(scan.entries);
    return out == NULL ? NULL : g_string_free(out, FALSE);
}
