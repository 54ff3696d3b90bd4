/* setting.h - the settings of a node by name: one table for scenarios, the daemon and manuals.
 *
 * Each row names a field of OrrSettings, Redis's name where the meaning is the same, how it is
 * written, its range and what it does. The default is what orr_settings_default() says, so it
 * stands in one place only.
 *
 * Under Redis's name a value may also be written as Redis writes it: a plain number in Redis's
 * unit (`cluster-node-timeout: 5000`), or a size such as 1gb, 100mb, 64kb, 1g, 1m, 1k in lower
 * case (powers of 1024 with the b, of 1000 without).
 */
#ifndef CONFIG_SETTING_H
#define CONFIG_SETTING_H

#include <orrery/settings.h>
#include <stdio.h>

typedef enum ConfigSettingType {
    CONFIG_SETTING_DURATION, /* ns */
    CONFIG_SETTING_SIZE,     /* bytes */
    CONFIG_SETTING_COUNT,
    CONFIG_SETTING_YES_NO,
    CONFIG_SETTING_WORD, /* one of `words`; the value is its index */
    CONFIG_SETTING_TEXT, /* printable, no spaces; the value is an interned string
                            (g_intern_string) as an integer, or 0: empty */
} ConfigSettingType;

typedef struct ConfigSetting {
    const char *name;  /* kebab-case */
    const char *redis; /* Redis's name for it, the same or another; or NULL */
    const char *group; /* heading in manuals */
    ConfigSettingType type;
    const char *const *words; /* WORD: NULL-terminated, in the order of the enum */
    size_t offset;            /* of the field in OrrSettings */
    size_t size;              /* of the field: 1, 4 or 8 bytes; TEXT: room with a NUL */
    int64_t min;
    int64_t max;
    int64_t plain;   /* what a plain 1 under Redis's name means; 0: it needs a unit */
    bool fixed;      /* cannot be changed while the node runs */
    bool secret;     /* not shown, save to those who ask for it by name */
    const char *doc; /* one sentence without a full stop */
} ConfigSetting;

/* Row number `index`, or NULL past the last. */
const ConfigSetting *config_setting_at(size_t index);
/* By name or Redis's name; underscores count as dashes. NULL: there is none. */
const ConfigSetting *config_setting_find(const char *name);
/* Redis's name where it differs from ours, or NULL. */
const char *config_setting_alias(const ConfigSetting *setting);
/* The name that was probably meant, or NULL. */
const char *config_setting_nearest(const char *name);
/* Reads a value as this setting is written. False: *why, owned by the caller, follows the text
 * of the value in a message: "is not a duration (300ms, 5s, 2h)". */
bool config_setting_read(const ConfigSetting *setting, const char *text, int64_t *value,
                         char **why);
/* The same where `name` stands before the value: Redis's forms count under Redis's name. */
bool config_setting_read_as(const ConfigSetting *setting, const char *name, const char *text,
                            int64_t *value, char **why);
void config_setting_apply(const ConfigSetting *setting, int64_t value, OrrSettings *settings);
int64_t config_setting_get(const ConfigSetting *setting, const OrrSettings *settings);
/* The value as it would be written; owned by the caller. */
char *config_setting_format(const ConfigSetting *setting, int64_t value);
/* The value as Redis writes it under `redis`; owned by the caller. */
char *config_setting_format_redis(const ConfigSetting *setting, int64_t value);
/* "a duration, 10ms to 1h; default 15s": owned by the caller. */
char *config_setting_describe(const ConfigSetting *setting);

#endif
