/* orrery explain: the language, out of the tables that the parser reads. */
#include <nearest.h>
#include <orrery/plant.h>
#include <setting.h>
#include <string.h>

#include "command.h"
#include "command_options.h"
#include "grammar.h"
#include "manual.h"
#include "parse.h"

const SimOption sim_explain_options[] = {
    {"man", 0, NULL, "Print the manual page orrery-scenario(5) as scdoc source"},
    {"help", 'h', NULL, NULL},
    {0},
};

/* Words for which a whole chapter is the answer. */
static const struct {
    const char *word;
    int context;
} chapters[] = {
    {"modifiers", SIM_CONTEXT_MODIFIER},
    {"times", SIM_CONTEXT_TIME},
    {"commands", SIM_CONTEXT_COMMAND},
    {"timeline", SIM_CONTEXT_TIME},
    {"timeline", SIM_CONTEXT_COMMAND},
    {"timeline", SIM_CONTEXT_MODIFIER},
    {"when", SIM_CONTEXT_TRIGGER},
    {"triggers", SIM_CONTEXT_TRIGGER},
    {"expectations", SIM_CONTEXT_CHECK},
    {"always", SIM_CONTEXT_CHECK},
    {"eventually", SIM_CONTEXT_DEADLINE},
    {"eventually", SIM_CONTEXT_CHECK},
    {"finally", SIM_CONTEXT_CHECK},
    {"expect", SIM_CONTEXT_CHECK},
    {"scopes", SIM_CONTEXT_SCOPE},
    {"network", SIM_CONTEXT_LINK},
    {"clocks", SIM_CONTEXT_CLOCK},
    {"disk", SIM_CONTEXT_DISK},
    {"workload", SIM_CONTEXT_FLEET},
    {"store", SIM_CONTEXT_STORE},
    {"use", SIM_CONTEXT_USE},
    {"shards", SIM_CONTEXT_SHARDS},
    {"report", SIM_CONTEXT_REPORT},
};

static char *
shown(const SimRow *row)
{
    if (row->context == SIM_CONTEXT_TIME) {
        return g_strdup(row->pattern);
    }
    return sim_pattern_show(row->pattern);
}

/* Breaks a text at blanks, `indent` columns in, 88 wide. */
static void
print_wrapped(const char *text, int indent)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    size_t column = (size_t)indent;

    printf("%*s", indent, "");
    for (guint i = 0; words[i] != NULL; i++) {
        size_t size = strlen(words[i]);

        if (column > (size_t)indent && column + 1 + size > 88) {
            printf("\n%*s", indent, "");
            column = (size_t)indent;
        } else if (i > 0) {
            putchar(' ');
            column++;
        }
        fputs(words[i], stdout);
        column += size;
    }
    putchar('\n');
}

static void
print_row(const SimRow *row)
{
    g_autofree char *pattern = shown(row);

    print_wrapped(pattern, 2);
    print_wrapped(row->doc, 6);
    if (row->later != NULL) {
        printf("      Not in this version: %s\n", row->later);
    }
    printf("      e.g. %s\n", row->example);
}

static void
print_chapter(SimContext context)
{
    const SimRow *row = NULL;

    printf("%s\n", sim_context_title(context));
    print_wrapped(sim_context_intro(context), 0);
    putchar('\n');
    for (size_t i = 0; (row = sim_grammar_row(i)) != NULL; i++) {
        if (row->context == context) {
            print_row(row);
        }
    }
    putchar('\n');
}

static void
print_setting(const ConfigSetting *setting)
{
    g_autofree char *about = config_setting_describe(setting);
    g_autofree char *also = config_setting_alias(setting) == NULL
                                ? NULL
                                : g_strdup_printf(" (or %s)", config_setting_alias(setting));

    printf("  %s%s: %s\n", setting->name, also == NULL ? "" : also, about);
    print_wrapped(setting->doc, 6);
}

static void
print_settings(void)
{
    const ConfigSetting *setting = NULL;
    const char *group = "";

    puts("Settings of nodes");
    puts("In `cluster.settings`; for some nodes only, behind who it is: `n1..n3: {NAME: "
         "value}`\n");
    for (size_t i = 0; (setting = config_setting_at(i)) != NULL; i++) {
        if (strcmp(setting->group, group) != 0) {
            printf("%s%s\n", i == 0 ? "" : "\n", setting->group);
            group = setting->group;
        }
        print_setting(setting);
    }
    putchar('\n');
}

static void
print_key(const SimKeyRow *row)
{
    printf("  %s\n", row->key);
    print_wrapped(row->doc, 6);
    if (row->example != NULL) {
        printf("      e.g. %s\n", row->example);
    }
}

static void
print_keys(void)
{
    puts("Keys of a scenario file\n");
    for (const SimKeyRow *row = sim_grammar_keys; row->key != NULL; row++) {
        print_key(row);
    }
    putchar('\n');
}

static void
print_type(const SimTypeRow *row)
{
    printf("  %s\n", row->shown);
    print_wrapped(row->doc, 6);
    printf("      e.g. %s\n", row->example);
}

static void
print_types(void)
{
    puts("Values, as they are called in patterns\n");
    for (const SimTypeRow *row = sim_grammar_types; row->name != NULL; row++) {
        print_type(row);
    }
    putchar('\n');
}

static void
print_plants(void)
{
#define PLANT_PRINT(plant, name, meaning) printf("  %-22s %s\n", name, meaning);
    puts("Bugs on purpose, for `--plant` in builds with -Dplanted_bugs=true\n");
    ORR_PLANTS(PLANT_PRINT)
#undef PLANT_PRINT
    putchar('\n');
}

static void
print_overview(void)
{
    puts("The language of scenarios. A file is YAML; every leaf is one short sentence.\n"
         "`orrery explain WORD` says more about any word; chapters are:\n");
    puts("  keys          the keys of a file");
    for (int context = 0; context < SIM_CONTEXTS; context++) {
        for (size_t i = 0; i < G_N_ELEMENTS(chapters); i++) {
            if (chapters[i].context == context) {
                printf("  %-13s %s\n", chapters[i].word,
                       sim_context_title((SimContext)context));
                break;
            }
        }
    }
    puts("  settings      settings of nodes\n"
         "  values        durations, targets, moments, ...\n"
         "  plants        bugs on purpose, for tests of checks\n\n"
         "scenarios/first-steps.yaml teaches it by example.");
}

/* Is `word` one of the words of this pattern, not part of another? */
static bool
has_word(const char *pattern, const char *word)
{
    size_t size = strlen(word);

    for (const char *at = strstr(pattern, word); at != NULL; at = strstr(at + 1, word)) {
        bool begins = at == pattern || strchr(" (|[`", at[-1]) != NULL;
        bool ends = at[size] == '\0' || strchr(" )|],`", at[size]) != NULL;
        if (begins && ends) {
            return true;
        }
    }
    return false;
}

static bool
explain_fixed(const char *word)
{
    static const struct {
        const char *word;
        void (*print)(void);
    } fixed[] = {
        {"settings", print_settings}, {"keys", print_keys},     {"values", print_types},
        {"types", print_types},       {"plants", print_plants},
    };
    bool found = false;

    for (size_t i = 0; i < G_N_ELEMENTS(fixed); i++) {
        if (strcmp(fixed[i].word, word) == 0) {
            fixed[i].print();
            found = true;
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(chapters); i++) {
        if (strcmp(chapters[i].word, word) == 0) {
            print_chapter((SimContext)chapters[i].context);
            found = true;
        }
    }
    return found;
}

static bool
explain_rows(const char *word)
{
    const SimRow *row = NULL;
    bool found = false;

    for (size_t i = 0; (row = sim_grammar_row(i)) != NULL; i++) {
        g_autofree char *pattern = shown(row);
        if (has_word(pattern, word)) {
            printf("%s (%s)\n", sim_context_title(row->context),
                   sim_context_intro(row->context));
            print_row(row);
            found = true;
        }
    }
    return found;
}

static bool
explain_names(const char *word)
{
    const ConfigSetting *setting = config_setting_find(word);
    bool found = setting != NULL;

    if (setting != NULL) {
        puts("A setting of nodes");
        print_setting(setting);
    }
    for (const SimKeyRow *row = sim_grammar_keys; row->key != NULL; row++) {
        if (strcmp(sim_key_last(row), word) == 0 || strcmp(row->key, word) == 0) {
            puts("A key of the file");
            print_key(row);
            found = true;
        }
    }
    for (const SimTypeRow *row = sim_grammar_types; row->name != NULL; row++) {
        if (strcmp(row->name, word) == 0 || strcmp(row->shown, word) == 0 ||
            (strlen(word) > 2 && has_word(row->doc, word))) {
            puts("A value");
            print_type(row);
            found = true;
        }
    }
#define PLANT_MATCH(plant, name, meaning)                                                      \
    if (strcmp(name, word) == 0) {                                                             \
        printf("A bug on purpose\n  %s\n      %s\n", name, meaning);                           \
        found = true;                                                                          \
    }
    ORR_PLANTS(PLANT_MATCH)
#undef PLANT_MATCH
    return found;
}

static void
offer_everything(ConfigNearest *nearest)
{
    const SimRow *row = NULL;
    const ConfigSetting *setting = NULL;

    for (size_t i = 0; (row = sim_grammar_row(i)) != NULL; i++) {
        g_auto(GStrv) words = g_strsplit_set(row->example, " ", -1);
        for (guint j = 0; words[j] != NULL; j++) {
            if (g_ascii_isalpha(words[j][0]) && has_word(row->pattern, words[j])) {
                config_nearest_offer(nearest, g_intern_string(words[j]));
            }
        }
    }
    for (size_t i = 0; (setting = config_setting_at(i)) != NULL; i++) {
        config_nearest_offer(nearest, setting->name);
    }
    for (const SimKeyRow *key = sim_grammar_keys; key->key != NULL; key++) {
        config_nearest_offer(nearest, sim_key_last(key));
    }
}

static int
explain_word(const char *word)
{
    bool found = explain_fixed(word);

    found = explain_names(word) || found;
    found = explain_rows(word) || found;
    if (!found) {
        ConfigNearest nearest = config_nearest(word);

        offer_everything(&nearest);
        if (nearest.best != NULL) {
            return sim_options_usage("explain",
                                     "nothing is known about `%s`; did you mean `%s`?", word,
                                     nearest.best);
        }
        return sim_options_usage("explain", "nothing is known about `%s`", word);
    }
    return SIM_EXIT_HELD;
}

int
sim_command_explain(int count, char **words)
{
    g_autoptr(SimOptions) options =
        sim_options_parse("explain", sim_explain_options, count, words);
    int worst = SIM_EXIT_HELD;

    if (options == NULL) {
        return SIM_EXIT_USAGE;
    }
    if (sim_options_has(options, "man")) {
        return sim_explain_manual();
    }
    if (sim_options_words(options)[0] == NULL) {
        print_overview();
    }
    for (char *const *word = sim_options_words(options); *word != NULL; word++) {
        int exit_code = explain_word(*word);
        worst = MAX(worst, exit_code);
    }
    return worst;
}
