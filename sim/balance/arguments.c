#include "arguments.h"

#include "fault.h"
#include "option.h"
#include <math.h>
#include <nearest.h>
#include <stdio.h>

const char *
sim_arguments_nearest(const char *word, const char *const *names)
{
    ConfigNearest nearest = config_nearest(word);

    for (size_t i = 0; names[i] != NULL; i++) {
        config_nearest_offer(&nearest, names[i]);
    }
    return nearest.best;
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
