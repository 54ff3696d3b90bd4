#include "manual.h"

#include <setting.h>
#include <stdio.h>
#include <string.h>

#include "grammar.h"
#include "parse.h"
#include "run.h"

/* Text with what scdoc would take for markup made harmless. */
static void
put_text(const char *text)
{
    for (; *text != '\0'; text++) {
        if (strchr("\\_*<>#[]|", *text) != NULL) {
            putchar('\\');
        }
        putchar(*text == '`' ? '\'' : *text);
    }
}

static void
put_literal(const char *text)
{
    printf("\n```\n%s\n```\n", text);
}

static void
put_row(const SimRow *row)
{
    g_autofree char *pattern = row->context == SIM_CONTEXT_TIME
                                   ? g_strdup(row->pattern)
                                   : sim_pattern_show(row->pattern);

    put_literal(pattern);
    putchar('\n');
    put_text(row->doc);
    fputs(row->later == NULL ? "." : ". Not in this version. ", stdout);
    fputs(" For example: *", stdout);
    put_text(row->example);
    fputs("*\n", stdout);
}

static void
put_keys(void)
{
    puts("\n# KEYS");
    for (const SimKeyRow *row = sim_grammar_keys; row->key != NULL; row++) {
        fputs("\n*", stdout);
        put_text(row->key);
        fputs("*\n\t", stdout);
        put_text(row->doc);
        puts(".");
    }
}

static void
put_settings(void)
{
    const ConfigSetting *setting = NULL;

    puts("\n# SETTINGS");
    for (size_t i = 0; (setting = config_setting_at(i)) != NULL; i++) {
        g_autofree char *about = config_setting_describe(setting);

        fputs("\n*", stdout);
        put_text(setting->name);
        fputs("*\n\t", stdout);
        put_text(setting->doc);
        fputs(". ", stdout);
        put_text(about);
        if (config_setting_alias(setting) != NULL) {
            fputs("; also called ", stdout);
            put_text(config_setting_alias(setting));
        }
        puts(".");
    }
}

static void
put_values(void)
{
    puts("\n# VALUES");
    for (const SimTypeRow *row = sim_grammar_types; row->name != NULL; row++) {
        fputs("\n*", stdout);
        put_text(row->shown);
        fputs("*\n\t", stdout);
        put_text(row->doc);
        fputs(". For example: ", stdout);
        put_text(row->example);
        puts(".");
    }
}

int
sim_explain_manual(void)
{
    puts("orrery-scenario(5)\n\n# NAME\n\norrery-scenario - the language of failure "
         "scenarios\n\n"
         "# DESCRIPTION\n\n"
         "A scenario is a YAML file: what a cluster is made of, what happens to it, and what "
         "must "
         "hold. Every leaf is one short sentence. Unknown words are refused with their place "
         "and "
         "the nearest known word.\n\n"
         "In patterns, words in capitals are values, brackets mark what may be left out, and "
         "bars separate alternatives.");
    put_keys();
    for (int context = 0; context < SIM_CONTEXTS; context++) {
        const SimRow *row = NULL;
        g_autofree char *title = g_ascii_strup(sim_context_title((SimContext)context), -1);

        printf("\n# %s\n\n", title);
        put_text(sim_context_intro((SimContext)context));
        puts(".");
        for (size_t i = 0; (row = sim_grammar_row(i)) != NULL; i++) {
            if (row->context == (SimContext)context) {
                put_row(row);
            }
        }
    }
    put_values();
    put_settings();
    puts("\n# SEE ALSO\n\n*orrery*(1)");
    return ferror(stdout) != 0 ? SIM_EXIT_IO : SIM_EXIT_HELD;
}
