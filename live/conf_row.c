/* conf_row.c - the daemon's keys and a node's settings, seen as one table. */
#include "conf_private.h"

bool
live_row_at(size_t index, LiveRow *row)
{
    size_t keys = 0;

    while (live_key_at(keys) != NULL) {
        keys++;
    }
    *row = (LiveRow){index < keys ? live_key_at(index) : NULL,
                     index < keys ? NULL : config_setting_at(index - keys)};
    return row->key != NULL || row->setting != NULL;
}

bool
live_row_find(const char *name, LiveRow *row)
{
    *row = (LiveRow){live_key_find(name), NULL};
    if (row->key == NULL) {
        row->setting = config_setting_find(name);
    }
    return row->key != NULL || row->setting != NULL;
}

bool
live_row_is_fixed(LiveRow row)
{
    return row.key != NULL ? !row.key->live : row.setting->fixed;
}

const char *
live_row_name(LiveRow row)
{
    return row.key != NULL ? row.key->name : row.setting->name;
}

const char *
live_row_redis(LiveRow row)
{
    return row.key != NULL ? row.key->redis : config_setting_alias(row.setting);
}

char *
live_row_text(LiveRow row, const LiveOptions *options)
{
    return row.key != NULL
               ? row.key->show(row.key, options)
               : config_setting_format(
                     row.setting, config_setting_get(row.setting, &options->node.settings));
}

char *
live_row_show(LiveRow row, const char *name, const LiveOptions *options)
{
    if (row.key != NULL) {
        return row.key->show(row.key, options);
    }

    int64_t value = config_setting_get(row.setting, &options->node.settings);

    return row.setting->redis != NULL && strcmp(name, row.setting->redis) == 0
               ? config_setting_format_redis(row.setting, value)
               : config_setting_format(row.setting, value);
}
