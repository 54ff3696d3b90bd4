#include "change.h"

#include "arguments.h"
#include "fault.h"
#include <math.h>
#include <string.h>

static const char *const KINDS[] = {
    [SIM_CHANGE_ADD] = "add",
    [SIM_CHANGE_REMOVE] = "remove",
    [SIM_CHANGE_REWEIGH] = "reweigh",
    NULL,
};

static bool
parse_kind(const char *text, const char *word, SimChangeKind *kind, GError **error)
{
    const char *nearest;

    for (size_t i = 0; KINDS[i] != NULL; i++) {
        if (strcmp(word, KINDS[i]) == 0) {
            *kind = (SimChangeKind)i;
            return true;
        }
    }
    nearest = sim_arguments_nearest(word, KINDS);
    g_set_error(error, SIM_FAULT, SIM_FAULT_USAGE,
                "--change %s: '%s' is none of add, remove, reweigh%s%s%s", text, word,
                nearest != NULL ? "; did you mean " : "", nearest != NULL ? nearest : "",
                nearest != NULL ? "?" : "");
    return false;
}

/* "1", "10%", "10%x0.5" */
static bool
parse_amount(SimChange *change, char *amount, GError **error)
{
    g_autofree char *what = g_strdup_printf("--change %s:", change->text);
    char *factor = strchr(amount, 'x');
    size_t size;

    if (factor != NULL) {
        *factor++ = '\0';
        if (change->kind != SIM_CHANGE_REWEIGH) {
            g_set_error(error, SIM_FAULT, SIM_FAULT_USAGE,
                        "%s only reweigh has a factor after 'x'", what);
            return false;
        }
        if (!sim_arguments_decimal(what, factor, 0.001, 1000, &change->factor, error)) {
            return false;
        }
    }
    size = strlen(amount);
    change->percent = size > 0 && amount[size - 1] == '%';
    if (change->percent) {
        amount[size - 1] = '\0';
        return sim_arguments_decimal(what, amount, 0.001,
                                     change->kind == SIM_CHANGE_ADD ? 10000 : 100,
                                     &change->amount, error);
    }
    if (strspn(amount, "0123456789") != size) {
        g_set_error(error, SIM_FAULT, SIM_FAULT_USAGE,
                    "%s '%s' is neither a number of nodes nor a percentage like 10%%", what,
                    amount);
        return false;
    }
    return sim_arguments_decimal(what, amount, 1, 1e6, &change->amount, error);
}

bool
sim_change_parse(const char *text, SimChange *change, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(text, ":", 2);

    *change = (SimChange){.factor = 2};
    if (strlen(text) >= SIM_CHANGE_TEXT_SIZE || parts[0] == NULL || parts[1] == NULL) {
        g_set_error(error, SIM_FAULT, SIM_FAULT_USAGE,
                    "--change '%s' is not like add:1, remove:10%% or reweigh:1x2", text);
        return false;
    }
    g_strlcpy(change->text, text, sizeof change->text);
    return parse_kind(text, parts[0], &change->kind, error) &&
           parse_amount(change, parts[1], error);
}

size_t
sim_change_count(const SimChange *change, size_t nodes)
{
    double count = change->percent ? (double)nodes * change->amount / 100 : change->amount;

    return count < 1 ? 1 : (size_t)lround(count);
}
