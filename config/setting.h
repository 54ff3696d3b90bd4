/* setting.h - the settings of a node by name: one table for scenarios, the daemon and manuals.
 *
 * Each row names a field of OrrSettings, its other names (Redis's, where the meaning is the
 * same), how it is written, its range and what it does. The default is what
 * orr_settings_default() says, so it stands in one place only.
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
} ConfigSettingType;

typedef struct ConfigSetting {
    const char *name;  /* kebab-case */
    const char *alias; /* another name, usually Redis's; or NULL */
    const char *group; /* heading in manuals */
    ConfigSettingType type;
    const char *const *words; /* WORD: NULL-terminated, in the order of the enum */
    size_t offset;            /* of the field in OrrSettings */
    size_t size;              /* of the field: 1, 4 or 8 bytes */
    int64_t min;
    int64_t max;
    const char *doc; /* one sentence without a full stop */
} ConfigSetting;

/* Row number `index`, or NULL past the last. */
const ConfigSetting *config_setting_at(size_t index);
/* By name or alias; underscores count as dashes. NULL: there is none. */
const ConfigSetting *config_setting_find(const char *name);
/* The name that was probably meant, or NULL. */
const char *config_setting_nearest(const char *name);
/* Reads a value as this setting is written. False: *why, owned by the caller, follows the text
 * of the value in a message: "is not a duration (300ms, 5s, 2h)". */
bool config_setting_read(const ConfigSetting *setting, const char *text, int64_t *value,
                         char **why);
void config_setting_apply(const ConfigSetting *setting, int64_t value, OrrSettings *settings);
int64_t config_setting_get(const ConfigSetting *setting, const OrrSettings *settings);
/* The value as it would be written; owned by the caller. */
char *config_setting_format(const ConfigSetting *setting, int64_t value);
/* "a duration, 10ms to 1h; default 15s": owned by the caller. */
char *config_setting_describe(const ConfigSetting *setting);

#endif
