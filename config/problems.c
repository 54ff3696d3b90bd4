#include "problems.h"

#include <glib.h>
#include <string.h>

typedef struct Problem {
    ConfigPlace place;
    char *message;
    unsigned number; /* order of adding */
} Problem;

struct ConfigProblems {
    GPtrArray *sources; /* ConfigSource */
    GArray *problems;   /* Problem */
    unsigned dropped;
};

static void
source_free(gpointer data)
{
    ConfigSource *source = data;

    g_free(source->name);
    g_free(source->text);
    g_free(source);
}

static void
problem_clear(gpointer data)
{
    g_free(((Problem *)data)->message);
}

ConfigProblems *
config_problems_new(void)
{
    ConfigProblems *self = g_new0(ConfigProblems, 1);

    self->sources = g_ptr_array_new_with_free_func(source_free);
    self->problems = g_array_new(FALSE, FALSE, sizeof(Problem));
    g_array_set_clear_func(self->problems, problem_clear);
    return self;
}

void
config_problems_free(ConfigProblems *problems)
{
    if (problems == NULL) {
        return;
    }
    g_ptr_array_unref(problems->sources);
    g_array_unref(problems->problems);
    g_free(problems);
}

const ConfigSource *
config_problems_source(ConfigProblems *problems, const char *name, const char *text,
                       size_t size)
{
    ConfigSource *source = g_new0(ConfigSource, 1);

    source->name = g_strdup(name);
    source->text = g_malloc(size + 1);
    memcpy(source->text, text, size);
    source->text[size] = '\0';
    source->size = size;
    g_ptr_array_add(problems->sources, source);
    return source;
}

static bool
same_place(const ConfigPlace *a, const ConfigPlace *b)
{
    return a->source == b->source && a->line == b->line && a->column == b->column;
}

void
config_problems_add(ConfigProblems *problems, ConfigPlace place, const char *format, ...)
{
    va_list arguments;
    Problem problem = {.place = place, .number = problems->problems->len};
    bool start = place.line <= 1 && place.column <= 1; /* where all that is missing is told */

    for (guint i = 0; i < problems->problems->len && !start; i++) {
        if (same_place(&g_array_index(problems->problems, Problem, i).place, &place)) {
            return; /* the first word about a place is the most precise one */
        }
    }
    if (problems->problems->len >= CONFIG_PROBLEMS_MAX) {
        problems->dropped++;
        return;
    }
    va_start(arguments, format);
    problem.message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_array_append_val(problems->problems, problem);
}

size_t
config_problems_count(const ConfigProblems *problems)
{
    return problems->problems->len;
}

const char *
config_problems_message(const ConfigProblems *problems, size_t index)
{
    return index < problems->problems->len
               ? g_array_index(problems->problems, Problem, index).message
               : NULL;
}

char *
config_problems_text(const ConfigProblems *problems, size_t index)
{
    const Problem *problem = &g_array_index(problems->problems, Problem, index);
    const ConfigPlace *place = &problem->place;

    if (place->source == NULL) {
        return g_strdup(problem->message);
    }
    if (place->line == 0) {
        return g_strdup_printf("%s: %s", place->source->name, problem->message);
    }
    return g_strdup_printf("%s:%u:%u: %s", place->source->name, place->line, place->column,
                           problem->message);
}

static gint
compare_problems(gconstpointer a, gconstpointer b)
{
    const Problem *x = a;
    const Problem *y = b;

    if (x->place.source != y->place.source) {
        return x->number < y->number ? -1 : 1;
    }
    if (x->place.line != y->place.line) {
        return x->place.line < y->place.line ? -1 : 1;
    }
    if (x->place.column != y->place.column) {
        return x->place.column < y->place.column ? -1 : 1;
    }
    return x->number < y->number ? -1 : 1;
}

/* The line without its end; NULL when the text has no such line. */
static char *
line_of(const ConfigSource *source, unsigned line)
{
    const char *begin = source->text;

    for (unsigned i = 1; i < line; i++) {
        begin = strchr(begin, '\n');
        if (begin == NULL) {
            return NULL;
        }
        begin++;
    }
    return g_strndup(begin, strcspn(begin, "\r\n"));
}

/* Everything that would move the cursor of a terminal becomes harmless. */
static char *
printable(const char *line)
{
    g_autofree char *valid = g_utf8_make_valid(line, -1);
    GString *text = g_string_new(NULL);

    for (char *p = valid; *p != '\0'; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);
        g_string_append_unichar(text, c == '\t' ? ' ' : g_unichar_iscntrl(c) ? '.' : c);
    }
    return g_string_free(text, FALSE);
}

static void
print_excerpt(const ConfigPlace *place, FILE *out, bool color)
{
    g_autofree char *raw = line_of(place->source, place->line);
    g_autofree char *line = raw == NULL ? NULL : printable(raw);
    unsigned width = 0;
    unsigned length = MAX(place->length, 1u);

    if (line == NULL) {
        return;
    }
    width = (unsigned)g_utf8_strlen(line, -1);
    fprintf(out, "%6u | %s\n", place->line, line);
    fprintf(out, "       | ");
    for (unsigned i = 1; i < place->column; i++) {
        fputc(' ', out);
    }
    if (place->column <= width && place->column + length - 1 > width) {
        length = width - place->column + 1;
    } else if (place->column > width) {
        length = 1;
    }
    fprintf(out, "%s^", color ? "\033[1;31m" : "");
    for (unsigned i = 1; i < length; i++) {
        fputc('~', out);
    }
    fprintf(out, "%s\n", color ? "\033[0m" : "");
}

static void
print_problem(const Problem *problem, FILE *out, bool color)
{
    const ConfigPlace *place = &problem->place;
    const char *bold = color ? "\033[1m" : "";
    const char *plain = color ? "\033[0m" : "";

    if (place->source == NULL) {
        fprintf(out, "%s\n", problem->message);
    } else if (place->line == 0) {
        fprintf(out, "%s%s:%s %s\n", bold, place->source->name, plain, problem->message);
    } else {
        fprintf(out, "%s%s:%u:%u:%s %s\n", bold, place->source->name, place->line,
                place->column, plain, problem->message);
        print_excerpt(place, out, color);
    }
}

void
config_problems_print(const ConfigProblems *problems, FILE *out, bool color)
{
    g_autoptr(GArray) sorted =
        g_array_sized_new(FALSE, FALSE, sizeof(Problem), problems->problems->len);

    g_array_append_vals(sorted, problems->problems->data, problems->problems->len);
    g_array_sort(sorted, compare_problems);
    for (guint i = 0; i < sorted->len; i++) {
        print_problem(&g_array_index(sorted, Problem, i), out, color);
    }
    if (problems->dropped > 0) {
        fprintf(out, "... and %u more\n", problems->dropped);
    }
}
