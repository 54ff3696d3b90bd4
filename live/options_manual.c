/* options_manual.c - what --help and --explain print. */
#include <setting.h>

#include "options_key.h"

static void
begin_group(const char **group, const char *next, FILE *out)
{
    if (strcmp(*group, next) != 0) {
        *group = next;
        (void)fprintf(out, "\n%s\n", next);
    }
}

void
live_options_help(FILE *out)
{
    const char *group = "";

    (void)fputs("usage: orreryd [FILE.yaml] [--KEY VALUE...]...\n"
                "       orreryd --explain [KEY] | --help | --version\n",
                out);
    for (size_t i = 0; live_key_at(i) != NULL; i++) {
        begin_group(&group, live_key_at(i)->group, out);
        (void)fprintf(out, "  --%-26s %s\n", live_key_at(i)->name, live_key_at(i)->doc);
    }
    for (size_t i = 0; config_setting_at(i) != NULL; i++) {
        begin_group(&group, config_setting_at(i)->group, out);
        (void)fprintf(out, "  --%-26s %s\n", config_setting_at(i)->name,
                      config_setting_at(i)->doc);
    }
}

static void
explain(const char *name, const char *redis, const char *doc, const char *form, bool live,
        FILE *out)
{
    (void)fprintf(out, "%s%s%s\n  %s.\n  %s%s\n", name, redis != NULL ? ", " : "",
                  redis != NULL ? redis : "", doc, form,
                  live ? "; CONFIG SET changes it" : "; fixed while the node runs");
}

static void
explain_setting(const ConfigSetting *setting, FILE *out)
{
    g_autofree char *form = config_setting_describe(setting);

    explain(setting->name, config_setting_alias(setting), setting->doc, form, !setting->fixed,
            out);
}

static void
explain_key(const LiveKey *key, FILE *out)
{
    explain(key->name, key->redis, key->doc, key->form, key->live, out);
}

bool
live_options_explain(const char *name, FILE *out)
{
    if (name != NULL) {
        const LiveKey *key = live_key_find(name);
        const ConfigSetting *setting = config_setting_find(name);

        if (key != NULL) {
            explain_key(key, out);
        } else if (setting != NULL) {
            explain_setting(setting, out);
        }
        return key != NULL || setting != NULL;
    }
    for (size_t i = 0; live_key_at(i) != NULL; i++) {
        explain_key(live_key_at(i), out);
    }
    for (size_t i = 0; config_setting_at(i) != NULL; i++) {
        explain_setting(config_setting_at(i), out);
    }
    return true;
}
