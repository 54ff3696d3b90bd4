#include "setting.h"

#include <glib.h>
#include <string.h>

#include "nearest.h"
#include "quantity.h"
#include "setting_table.h"

#define TEXT_PRINTABLE(c) ((c) > 0x20 && (c) < 0x7f)

static const ConfigQuantity quantities[] = {
    [CONFIG_SETTING_DURATION] = CONFIG_DURATION,
    [CONFIG_SETTING_SIZE] = CONFIG_SIZE,
    [CONFIG_SETTING_COUNT] = CONFIG_COUNT,
};

const ConfigSetting *
config_setting_at(size_t index)
{
    return index < config_setting_table_count ? &config_setting_table[index] : NULL;
}

static bool
is_redis_name(const ConfigSetting *setting, const char *name)
{
    return setting->redis != NULL && strcmp(setting->redis, name) == 0;
}

const ConfigSetting *
config_setting_find(const char *name)
{
    g_autofree char *dashed = g_strdup(name);

    g_strdelimit(dashed, "_", '-');
    for (size_t i = 0; i < config_setting_table_count; i++) {
        const ConfigSetting *setting = &config_setting_table[i];

        if (strcmp(setting->name, dashed) == 0 || is_redis_name(setting, dashed)) {
            return setting;
        }
    }
    return NULL;
}

const char *
config_setting_alias(const ConfigSetting *setting)
{
    return setting->redis == NULL || strcmp(setting->redis, setting->name) == 0
               ? NULL
               : setting->redis;
}

const char *
config_setting_nearest(const char *name)
{
    ConfigNearest nearest = config_nearest(name);

    for (size_t i = 0; i < config_setting_table_count; i++) {
        config_nearest_offer(&nearest, config_setting_table[i].name);
        if (config_setting_table[i].redis != NULL) {
            config_nearest_offer(&nearest, config_setting_table[i].redis);
        }
    }
    return nearest.best;
}

static char *
list_words(const ConfigSetting *setting)
{
    g_autofree char *joined = g_strjoinv(", ", (char **)(uintptr_t)setting->words);

    return g_strdup(joined);
}

static bool
read_word(const ConfigSetting *setting, const char *text, int64_t *value, char **why)
{
    ConfigNearest nearest = config_nearest(text);
    g_autofree char *words = NULL;

    for (size_t i = 0; setting->words[i] != NULL; i++) {
        if (strcmp(setting->words[i], text) == 0) {
            *value = (int64_t)i;
            return true;
        }
        config_nearest_offer(&nearest, setting->words[i]);
    }
    words = list_words(setting);
    *why = nearest.best == NULL
               ? g_strdup_printf("is none of %s", words)
               : g_strdup_printf("is none of %s; did you mean `%s`?", words, nearest.best);
    return false;
}

static bool
read_yes_no(const char *text, int64_t *value, char **why)
{
    static const char *const yes[] = {"yes", "true", "on", NULL};
    static const char *const no[] = {"no", "false", "off", NULL};

    *value = g_strv_contains(yes, text);
    if (*value == 0 && !g_strv_contains(no, text)) {
        *why = g_strdup("is neither yes nor no");
        return false;
    }
    return true;
}

static bool
in_range(const ConfigSetting *setting, int64_t value, char **why)
{
    g_autofree char *min = config_setting_format(setting, setting->min);
    g_autofree char *max = config_setting_format(setting, setting->max);

    if (value >= setting->min && value <= setting->max) {
        return true;
    }
    *why =
        g_strdup_printf("is outside of %s to %s, which `%s` may be", min, max, setting->name);
    return false;
}

static bool
read_text(const ConfigSetting *setting, const char *text, int64_t *value, char **why)
{
    if (strlen(text) >= setting->size) {
        *why = g_strdup_printf("is longer than %zu characters", setting->size - 1);
        return false;
    }
    for (const char *at = text; *at != '\0'; at++) {
        if (!TEXT_PRINTABLE(*at)) {
            *why = g_strdup("has a space, or a character that is not plain ASCII, in it");
            return false;
        }
    }
    *value = text[0] == '\0' ? 0 : (int64_t)(intptr_t)g_intern_string(text);
    return true;
}

/* A number as Redis writes it, in our unit. False: it is not written so. */
static bool
read_plain(const ConfigSetting *setting, const char *text, int64_t *value)
{
    static const struct {
        const char *name;
        int64_t factor;
    } sizes[] = {{"b", 1},        {"k", 1000},       {"kb", 1 << 10}, {"m", 1000000},
                 {"mb", 1 << 20}, {"g", 1000000000}, {"gb", 1 << 30}};
    char *end = NULL;
    gint64 number = g_ascii_strtoll(text, &end, 10);
    int64_t factor = end != text && *end == '\0' ? setting->plain : 0;

    for (size_t i = 0; setting->type == CONFIG_SETTING_SIZE && i < G_N_ELEMENTS(sizes); i++) {
        if (end != text && strcmp(end, sizes[i].name) == 0) {
            factor = sizes[i].factor;
        }
    }
    return factor != 0 && !__builtin_mul_overflow(number, factor, value);
}

bool
config_setting_read(const ConfigSetting *setting, const char *text, int64_t *value, char **why)
{
    switch (setting->type) {
    case CONFIG_SETTING_WORD:
        return read_word(setting, text, value, why);
    case CONFIG_SETTING_YES_NO:
        return read_yes_no(text, value, why);
    case CONFIG_SETTING_TEXT:
        return read_text(setting, text, value, why);
    case CONFIG_SETTING_DURATION:
    case CONFIG_SETTING_SIZE:
    case CONFIG_SETTING_COUNT:
        return config_quantity_read(quantities[setting->type], text, value, why) &&
               in_range(setting, *value, why);
    }
    g_assert_not_reached();
}

bool
config_setting_read_as(const ConfigSetting *setting, const char *name, const char *text,
                       int64_t *value, char **why)
{
    g_autofree char *dashed = g_strdup(name);

    g_strdelimit(dashed, "_", '-');
    if (setting->plain != 0 && is_redis_name(setting, dashed) &&
        read_plain(setting, text, value)) {
        return in_range(setting, *value, why);
    }
    return config_setting_read(setting, text, value, why);
}

void
config_setting_apply(const ConfigSetting *setting, int64_t value, OrrSettings *settings)
{
    char *field = (char *)settings + setting->offset;
    uint32_t narrow = (uint32_t)value;
    bool flag = value != 0;

    if (setting->type == CONFIG_SETTING_TEXT) {
        const char *text = (const char *)(intptr_t)value;

        strncpy(field, text == NULL ? "" : text, setting->size); /* zeros to the end */
    } else if (setting->size == sizeof(int64_t)) {
        memcpy(field, &value, sizeof value);
    } else if (setting->size == sizeof(uint32_t)) {
        memcpy(field, &narrow, sizeof narrow);
    } else {
        memcpy(field, &flag, sizeof flag);
    }
}

int64_t
config_setting_get(const ConfigSetting *setting, const OrrSettings *settings)
{
    const char *field = (const char *)settings + setting->offset;
    int64_t value = 0;
    uint32_t narrow = 0;
    bool flag = false;

    if (setting->type == CONFIG_SETTING_TEXT) {
        return *field == '\0' ? 0 : (int64_t)(intptr_t)g_intern_string(field);
    }
    if (setting->size == sizeof value) {
        memcpy(&value, field, sizeof value);
        return value;
    }
    if (setting->size == sizeof narrow) {
        memcpy(&narrow, field, sizeof narrow);
        return narrow;
    }
    memcpy(&flag, field, sizeof flag);
    return flag;
}

char *
config_setting_format(const ConfigSetting *setting, int64_t value)
{
    switch (setting->type) {
    case CONFIG_SETTING_WORD:
        return g_strdup(setting->words[value]);
    case CONFIG_SETTING_YES_NO:
        return g_strdup(value != 0 ? "yes" : "no");
    case CONFIG_SETTING_TEXT:
        return g_strdup(value == 0 ? "" : (const char *)(intptr_t)value);
    case CONFIG_SETTING_DURATION:
    case CONFIG_SETTING_SIZE:
    case CONFIG_SETTING_COUNT:
        return config_quantity_format(quantities[setting->type], value);
    }
    g_assert_not_reached();
}

char *
config_setting_format_redis(const ConfigSetting *setting, int64_t value)
{
    if (setting->plain == 0) {
        return config_setting_format(setting, value);
    }
    /* what is negative stays so: in Redis it means "off" */
    return g_strdup_printf("%" G_GINT64_FORMAT, value < 0 ? -1 : value / setting->plain);
}

char *
config_setting_describe(const ConfigSetting *setting)
{
    OrrSettings defaults = orr_settings_default();
    g_autofree char *standard =
        config_setting_format(setting, config_setting_get(setting, &defaults));
    g_autofree char *min = NULL;
    g_autofree char *max = NULL;
    g_autofree char *words = NULL;

    switch (setting->type) {
    case CONFIG_SETTING_WORD:
        words = list_words(setting);
        return g_strdup_printf("one of %s; default %s", words, standard);
    case CONFIG_SETTING_YES_NO:
        return g_strdup_printf("yes or no; default %s", standard);
    case CONFIG_SETTING_TEXT:
        return g_strdup_printf("a text without spaces, at most %zu characters; default none",
                               setting->size - 1);
    case CONFIG_SETTING_DURATION:
    case CONFIG_SETTING_SIZE:
    case CONFIG_SETTING_COUNT:
        min = config_setting_format(setting, setting->min);
        max = config_setting_format(setting, setting->max);
        return g_strdup_printf("%s, %s to %s; default %s",
                               config_quantity_name(quantities[setting->type]), min, max,
                               standard);
    }
    g_assert_not_reached();
}
