#include "option.h"

#include <errno.h>
#include <nearest.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run.h"

struct SimOptions {
    const char *command;
    const SimOption *table;
    GPtrArray **values; /* one list for each row of the table; NULL: not given */
    GPtrArray *words;
    size_t row_count;
};

int
sim_options_usage(const char *command, const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "orrery%s%s: ", command[0] == '\0' ? "" : " ", command);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n(`orrery help%s%s` says more)\n", command[0] == '\0' ? "" : " ",
            command);
    return SIM_EXIT_USAGE;
}

static size_t
count_rows(const SimOption *table)
{
    size_t count = 0;

    while (table[count].name != NULL) {
        count++;
    }
    return count;
}

static size_t
find_row(const SimOptions *self, const char *name)
{
    for (size_t i = 0; i < self->row_count; i++) {
        if (strcmp(self->table[i].name, name) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

static void
add_value(SimOptions *self, size_t row, const char *value)
{
    GPtrArray *list = self->values[row];

    if (list == NULL) {
        list = g_ptr_array_new_with_free_func(g_free);
        g_ptr_array_add(list, NULL);
        self->values[row] = list;
    }
    g_ptr_array_insert(list, (int)list->len - 1, g_strdup(value));
}

static bool
unknown(const SimOptions *self, const char *word)
{
    ConfigNearest nearest = config_nearest(word);

    for (size_t i = 0; i < self->row_count; i++) {
        config_nearest_offer(&nearest, self->table[i].name);
    }
    if (nearest.best == NULL) {
        sim_options_usage(self->command, "there is no option --%s", word);
    } else {
        sim_options_usage(self->command, "there is no option --%s; did you mean --%s?", word,
                          nearest.best);
    }
    return false;
}

/* `--name`, `--name=value`; takes the next word where a value is due. */
static bool
parse_long(SimOptions *self, const char *word, char **next, int left, int *used)
{
    const char *equal = strchr(word, '=');
    g_autofree char *name =
        equal == NULL ? g_strdup(word) : g_strndup(word, (size_t)(equal - word));
    size_t row = find_row(self, name);

    if (row == SIZE_MAX) {
        return unknown(self, name);
    }
    if (self->table[row].argument == NULL && equal != NULL) {
        sim_options_usage(self->command, "--%s takes no value", name);
        return false;
    }
    if (self->table[row].argument == NULL || equal != NULL) {
        add_value(self, row, equal == NULL ? "" : equal + 1);
        return true;
    }
    if (left == 0) {
        sim_options_usage(self->command, "--%s wants a value: %s", name,
                          self->table[row].argument);
        return false;
    }
    add_value(self, row, next[0]);
    *used = 1;
    return true;
}

/* `-q`, `-qv`, `-j4`, `-j 4` */
static bool
parse_letters(SimOptions *self, const char *letters, char **next, int left, int *used)
{
    for (; *letters != '\0'; letters++) {
        size_t row = 0;

        while (row < self->row_count && self->table[row].letter != *letters) {
            row++;
        }
        if (row == self->row_count) {
            sim_options_usage(self->command, "there is no option -%c", *letters);
            return false;
        }
        if (self->table[row].argument == NULL) {
            add_value(self, row, "");
            continue;
        }
        if (letters[1] == '\0' && left == 0) {
            sim_options_usage(self->command, "-%c wants a value: %s", *letters,
                              self->table[row].argument);
            return false;
        }
        *used = letters[1] == '\0';
        add_value(self, row, letters[1] == '\0' ? next[0] : letters + 1);
        return true;
    }
    return true;
}

static bool
parse_all(SimOptions *self, int count, char **words)
{
    bool ended = false;

    for (int i = 0; i < count; i++) {
        int used = 0;
        bool fine = true;

        if (ended || words[i][0] != '-' || words[i][1] == '\0') {
            g_ptr_array_add(self->words, g_strdup(words[i]));
        } else if (strcmp(words[i], "--") == 0) {
            ended = true;
        } else if (words[i][1] == '-') {
            fine = parse_long(self, words[i] + 2, words + i + 1, count - i - 1, &used);
        } else {
            fine = parse_letters(self, words[i] + 1, words + i + 1, count - i - 1, &used);
        }
        if (!fine) {
            return false;
        }
        i += used;
    }
    return true;
}

SimOptions *
sim_options_parse(const char *command, const SimOption *table, int count, char **words)
{
    SimOptions *self = g_new0(SimOptions, 1);
    bool fine = false;

    self->command = command;
    self->table = table;
    self->row_count = count_rows(table);
    self->values = g_new0(GPtrArray *, self->row_count + 1);
    self->words = g_ptr_array_new_with_free_func(g_free);
    fine = parse_all(self, count, words);
    g_ptr_array_add(self->words, NULL);
    if (!fine) {
        sim_options_free(self);
        return NULL;
    }
    return self;
}

void
sim_options_free(SimOptions *options)
{
    if (options == NULL) {
        return;
    }
    for (size_t i = 0; i < options->row_count; i++) {
        if (options->values[i] != NULL) {
            g_ptr_array_unref(options->values[i]);
        }
    }
    g_free(options->values);
    g_ptr_array_unref(options->words);
    g_free(options);
}

char *const *
sim_options_all(const SimOptions *options, const char *name)
{
    static char *const none[] = {NULL};
    size_t row = find_row(options, name);

    g_assert(row != SIZE_MAX);
    return options->values[row] == NULL ? none : (char *const *)options->values[row]->pdata;
}

bool
sim_options_has(const SimOptions *options, const char *name)
{
    return sim_options_all(options, name)[0] != NULL;
}

const char *
sim_options_get(const SimOptions *options, const char *name)
{
    const char *last = NULL;

    for (char *const *value = sim_options_all(options, name); *value != NULL; value++) {
        last = *value;
    }
    return last;
}

char *const *
sim_options_words(const SimOptions *options)
{
    return (char *const *)options->words->pdata;
}

bool
sim_options_number(const SimOptions *options, const char *name, uint64_t low, uint64_t high,
                   uint64_t *value)
{
    const char *text = sim_options_get(options, name);
    g_autoptr(GError) error = NULL;
    guint64 number = 0;

    if (text == NULL) {
        return true;
    }
    if (!g_ascii_string_to_unsigned(text, 10, low, high, &number, &error)) {
        sim_options_usage(options->command,
                          "--%s: \"%s\" is not a number from %" G_GUINT64_FORMAT
                          " to %" G_GUINT64_FORMAT,
                          name, text, (guint64)low, (guint64)high);
        return false;
    }
    *value = number;
    return true;
}

bool
sim_options_when(const SimOptions *options, const char *name, FILE *stream, bool *value)
{
    const char *text = sim_options_get(options, name);
    const char *term = getenv("TERM");
    const char *no_color = getenv("NO_COLOR");
    bool terminal = isatty(fileno(stream)) == 1 && (term == NULL || strcmp(term, "dumb") != 0);

    if (text == NULL || strcmp(text, "auto") == 0) {
        bool forbidden = strcmp(name, "color") == 0 && no_color != NULL && no_color[0] != '\0';
        *value = terminal && !forbidden;
        return true;
    }
    *value = strcmp(text, "always") == 0;
    if (!*value && strcmp(text, "never") != 0) {
        sim_options_usage(options->command, "--%s: \"%s\" is none of auto, always, never", name,
                          text);
        return false;
    }
    return true;
}

void
sim_options_print(const SimOption *table, FILE *out)
{
    bool tells_help = false;

    for (; table->name != NULL; table++) {
        g_autofree char *left = NULL;

        if (table->brief == NULL) {
            continue;
        }
        left = g_strdup_printf("%s%c%s --%s%s%s", table->letter == 0 ? " " : "-",
                               table->letter == 0 ? ' ' : table->letter,
                               table->letter == 0 ? " " : ",", table->name,
                               table->argument == NULL ? "" : " ",
                               table->argument == NULL ? "" : table->argument);
        fprintf(out, "  %-32s %s\n", left, table->brief);
        tells_help = tells_help || strcmp(table->name, "help") == 0;
    }
    if (!tells_help) {
        fprintf(out, "  %-32s %s\n", "-h, --help", "Show this help");
    }
}
