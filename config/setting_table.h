/* setting_table.h - the rows of setting.h. Private to config/. */
#ifndef CONFIG_SETTING_TABLE_H
#define CONFIG_SETTING_TABLE_H

#include "setting.h"

extern const ConfigSetting config_setting_table[];
extern const size_t config_setting_table_count;

#endif
