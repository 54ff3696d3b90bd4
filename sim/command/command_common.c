#include "command_common.h"

#include <nearest.h>
#include <orrery/plant.h>
#include <quantity.h>
#include <string.h>

bool
sim_plant_is_known(const char *name, const char **nearest)
{
#define PLANT_NAME(plant, text, meaning) text,
    static const char *const names[] = {ORR_PLANTS(PLANT_NAME)};
#undef PLANT_NAME
    ConfigNearest near = config_nearest(name);

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
        config_nearest_offer(&near, names[i]);
    }
    *nearest = near.best;
    return false;
}

static bool
check_plant(const char *command, const char *name)
{
    const char *nearest = NULL;

#ifndef ORR_PLANTED_BUGS
    sim_options_usage(command, "--plant is only in builds with -Dplanted_bugs=true");
    return false;
#endif
    if (sim_plant_is_known(name, &nearest)) {
        return true;
    }
    if (nearest == NULL) {
        sim_options_usage(command, "there is no bug `%s` to plant", name);
    } else {
        sim_options_usage(command, "there is no bug `%s` to plant; did you mean `%s`?", name,
                          nearest);
    }
    return false;
}

bool
sim_overrides_of(const char *command, const SimOptions *options, SimOverrides *overrides)
{
    char *const *sets = sim_options_all(options, "set");
    char *const *plants = sim_options_all(options, "plant");

    *overrides = (SimOverrides){.sets = (const char *const *)sets,
                                .plants = (const char *const *)plants};
    for (; sets[overrides->set_count] != NULL; overrides->set_count++) {
        if (strchr(sets[overrides->set_count], '=') == NULL) {
            sim_options_usage(command, "--set wants KEY=VALUE, not `%s`",
                              sets[overrides->set_count]);
            return false;
        }
    }
    for (; plants[overrides->plant_count] != NULL; overrides->plant_count++) {
        if (!check_plant(command, plants[overrides->plant_count])) {
            return false;
        }
    }
    return true;
}

static void
append_quoted(GString *text, const char *word)
{
    bool plain = word[0] != '\0' &&
                 strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                              "-_./=,:%+") == strlen(word);
    g_autofree char *quoted = plain ? g_strdup(word) : g_shell_quote(word);

    g_string_append(text, quoted);
}

char *
sim_repeat_command(const char *path, uint64_t seed, const SimOverrides *overrides,
                   const char *live)
{
    GString *text = g_string_new(NULL);
    const char *program = g_get_prgname(); /* as it was called: the line can be pasted */

    append_quoted(text, program == NULL ? "orrery" : program);
    g_string_append_printf(text, " run%s --seed %" G_GUINT64_FORMAT, live != NULL ? live : "",
                           seed);
    for (unsigned i = 0; i < overrides->set_count; i++) {
        g_string_append(text, " --set ");
        append_quoted(text, overrides->sets[i]);
    }
    for (unsigned i = 0; i < overrides->plant_count; i++) {
        g_string_append(text, " --plant ");
        append_quoted(text, overrides->plants[i]);
    }
    g_string_append_c(text, ' ');
    append_quoted(text, path);
    return g_string_free(text, FALSE);
}

int
sim_exit_worse(int a, int b)
{
    static const int order[] = {SIM_EXIT_HELD, SIM_EXIT_UNDECIDED, SIM_EXIT_LATE,
                                SIM_EXIT_UNSAFE};

    for (size_t i = 0; i < G_N_ELEMENTS(order); i++) {
        if (a == order[i]) {
            return b;
        }
        if (b == order[i]) {
            return a;
        }
    }
    return MAX(a, b);
}

/* Seconds or milliseconds with three digits: nobody reads nanoseconds of a minute. */
static char *
duration_text(int64_t value)
{
    int64_t size = value < 0 ? -value : value;
    int64_t unit = size >= ORR_NS_PER_S ? ORR_NS_PER_S : ORR_NS_PER_MS;
    int64_t thousandths = (size + unit / 2000) / (unit / 1000);

    return g_strdup_printf("%s%" G_GINT64_FORMAT ".%03d%s", value < 0 ? "-" : "",
                           thousandths / 1000, (int)(thousandths % 1000),
                           unit == ORR_NS_PER_S ? "s" : "ms");
}

char *
sim_value_text(SimUnit unit, int64_t value)
{
    switch (unit) {
    case SIM_UNIT_NS:
        return duration_text(value);
    case SIM_UNIT_PPM:
        return value == 0 ? g_strdup("0%") : config_quantity_format(CONFIG_PERCENT, value);
    case SIM_UNIT_BYTES:
        return config_quantity_format(CONFIG_SIZE, value);
    case SIM_UNIT_RATE:
        return config_quantity_format(CONFIG_RATE, value);
    case SIM_UNIT_COUNT:
        break;
    }
    return g_strdup_printf("%" G_GINT64_FORMAT, value);
}
