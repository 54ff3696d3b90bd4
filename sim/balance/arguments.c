#include "arguments.h"

#include "fault.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Levenshtein's distance; names are short, so the table of two rows is enough. */
static size_t
distance(const char *a, const char *b)
{
    size_t width = strlen(b);
    g_autofree size_t *row = g_new(size_t, width + 1);

    for (size_t j = 0; j <= width; j++) {
        row[j] = j;
    }
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t diagonal = row[0];

        row[0] = i + 1;
        for (size_t j = 0; j < width; j++) {
            size_t replaced = diagonal + (a[i] != b[j]);

            diagonal = row[j + 1];
            row[j + 1] = MIN(replaced, MIN(row[j], diagonal) + 1);
        }
    }
    return row[width];
}

const char *
sim_arguments_nearest(const char *word, const char *const *names)
{
    const char *nearest = NULL;
    size_t best = strlen(word) / 3 + 2;

    for (size_t i = 0; names[i] != NULL; i++) {
        size_t d = distance(word, names[i]);

        if (d < best) {
            best = d;
            nearest = names[i];
        }
    }
    return nearest;
}

/* The word of the command line that GOption did not know, as it was written. */
static const char *
unknown_option(const SimArguments *self, int count, char **words, GPtrArray *names)
{
    for (const GOptionEntry *entry = self->entries; entry->long_name != NULL; entry++) {
        if (entry->long_name[0] != '\0') {
            g_ptr_array_add(names, (gpointer)(guintptr)entry->long_name);
        }
    }
    g_ptr_array_add(names, (gpointer)(guintptr) "help");
    g_ptr_array_add(names, NULL);
    for (int i = 0; i < count && strcmp(words[i], "--") != 0; i++) {
        g_auto(GStrv) parts = NULL;
        bool known = false;

        if (!g_str_has_prefix(words[i], "--")) {
            continue;
        }
        parts = g_strsplit(words[i] + 2, "=", 2);
        for (guint n = 0; n + 1 < names->len; n++) {
            known |= strcmp(parts[0], g_ptr_array_index(names, n)) == 0;
        }
        if (!known) {
            return words[i] + 2;
        }
    }
    return NULL;
}

static int
explain(const SimArguments *self, int count, char **words, const GError *error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    const char *unknown = unknown_option(self, count, words, names);
    const char *nearest = NULL;

    fprintf(stderr, "orrery %s: %s", self->command, error->message);
    if (error->code == G_OPTION_ERROR_UNKNOWN_OPTION && unknown != NULL) {
        g_auto(GStrv) parts = g_strsplit(unknown, "=", 2);

        nearest = sim_arguments_nearest(parts[0], (const char *const *)names->pdata);
    }
    if (nearest != NULL) {
        fprintf(stderr, "; did you mean --%s?\n", nearest);
    } else {
        fprintf(stderr, " (orrery %s --help lists the options)\n", self->command);
    }
    return SIM_FAULT_USAGE;
}

bool
sim_arguments_parse(const SimArguments *self, int count, char **words, int *exit_code)
{
    g_autoptr(GOptionContext) context = g_option_context_new(self->usage);
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) argv = g_new0(char *, (size_t)count + 2);
    gboolean help = FALSE;
    const GOptionEntry help_entries[] = {
        {"help", 'h', 0, G_OPTION_ARG_NONE, &help, "Show this help", NULL},
        G_OPTION_ENTRY_NULL,
    };

    argv[0] = g_strdup("orrery");
    for (int i = 0; i < count; i++) {
        argv[i + 1] = g_strdup(words[i]);
    }
    g_option_context_set_help_enabled(context, FALSE);
    g_option_context_add_main_entries(context, self->entries, NULL);
    g_option_context_add_main_entries(context, help_entries, NULL);
    g_option_context_set_summary(context, self->summary);
    g_option_context_set_description(context, self->description);
    if (!g_option_context_parse_strv(context, &argv, &error)) {
        *exit_code = explain(self, count, words, error);
        return false;
    }
    if (help) {
        g_autofree char *text = NULL;
        g_autofree char *name = g_strdup_printf("orrery %s", self->command);

        g_set_prgname(name);
        text = g_option_context_get_help(context, TRUE, NULL);
        fputs(text, stdout);
        *exit_code = fflush(stdout) == 0 ? 0 : SIM_FAULT_IO;
        return false;
    }
    return true;
}

int
sim_arguments_fault(const char *command, GError *error)
{
    int code = error->code;

    if (code == SIM_FAULT_DATA) {
        fprintf(stderr, "%s\n",
                error->message); /* file:line:column first: editors jump there */
    } else {
        fprintf(stderr, "orrery %s: %s\n", command, error->message);
    }
    g_error_free(error);
    return code;
}

bool
sim_arguments_number(const char *what, const char *text, uint64_t low, uint64_t high,
                     uint64_t *number, GError **error)
{
    guint64 value = 0;

    if (!g_ascii_string_to_unsigned(text, 10, low, high, &value, NULL)) {
        g_set_error(error, SIM_FAULT, SIM_FAULT_USAGE,
                    "%s '%s' is not a whole number of %" G_GUINT64_FORMAT
                    " to %" G_GUINT64_FORMAT,
                    what, text, low, high);
        return false;
    }
    *number = value;
    return true;
}

bool
sim_arguments_decimal(const char *what, const char *text, double low, double high,
                      double *number, GError **error)
{
    char *end = NULL;
    double value = g_ascii_strtod(text, &end);

    if (end == text || *end != '\0' || !isfinite(value) || value < low || value > high) {
        g_set_error(error, SIM_FAULT, SIM_FAULT_USAGE, "%s '%s' is not a number of %g to %g",
                    what, text, low, high);
        return false;
    }
    *number = value;
    return true;
}
