#include "settings_command.h"

#include <fnmatch.h>
#include <glib.h>

#include "setting.h"

static char *
lower(OrrBytes word)
{
    return g_ascii_strdown((const char *)word.data, (gssize)word.size);
}

static bool
is_word(OrrBytes word, const char *name)
{
    return word.size == strlen(name) &&
           g_ascii_strncasecmp((const char *)word.data, name, word.size) == 0;
}

static size_t
reply_matching(const OrrSettings *settings, const OrrBytes *patterns, size_t count,
               const ConfigSetting *setting, const char *name, OrrReply *reply)
{
    for (size_t i = 0; name != NULL && !setting->secret && i < count; i++) {
        g_autofree char *pattern = lower(patterns[i]);
        int64_t value = config_setting_get(setting, settings);
        g_autofree char *text = g_strcmp0(name, setting->redis) == 0
                                    ? config_setting_format_redis(setting, value)
                                    : config_setting_format(setting, value);

        if (fnmatch(pattern, name, 0) == 0) {
            orr_reply_bulk_string(reply, name);
            orr_reply_bulk_string(reply, text);
            return 1;
        }
    }
    return 0;
}

static void
get(const OrrSettings *settings, const OrrBytes *patterns, size_t count, OrrReply *reply)
{
    size_t at = orr_reply_size(reply);
    size_t found = 0;
    const ConfigSetting *setting;

    for (size_t i = 0; (setting = config_setting_at(i)) != NULL; i++) {
        found += reply_matching(settings, patterns, count, setting, setting->name, reply);
        found += reply_matching(settings, patterns, count, setting,
                                config_setting_alias(setting), reply);
    }
    orr_reply_insert_map(reply, at, found);
}

/* One pair into `next`. NULL, or why not. */
static char *
set_pair(OrrSettings *next, const char *name, const char *text)
{
    const ConfigSetting *setting = config_setting_find(name);
    g_autofree char *why = NULL;
    int64_t value = 0;

    if (setting == NULL) {
        return g_strdup_printf(
            "ERR Unknown option or number of arguments for CONFIG SET - '%s'", name);
    }
    if (setting->fixed) {
        why = g_strdup("can't set immutable config");
    } else if (config_setting_read_as(setting, name, text, &value, &why)) {
        config_setting_apply(setting, value, next);
        return NULL;
    }
    return g_strdup_printf("ERR CONFIG SET failed (possibly related to argument '%s') - %s",
                           name, why);
}

static bool
set(OrrSettings *settings, const OrrBytes *pairs, size_t count, OrrReply *reply)
{
    OrrSettings next = *settings;

    for (size_t i = 0; i + 1 < count; i += 2) {
        g_autofree char *name = lower(pairs[i]);
        g_autofree char *text = g_strndup((const char *)pairs[i + 1].data, pairs[i + 1].size);
        g_autofree char *why = set_pair(&next, name, text);

        if (why != NULL) {
            orr_reply_error(reply, why);
            return false;
        }
    }
    *settings = next;
    orr_reply_ok(reply);
    return true;
}

bool
config_settings_command(OrrSettings *settings, OrrBytes words, OrrReply *reply)
{
    OrrRequestParser *parser = orr_request_parser_new(NULL);
    OrrRequest request = {0};
    bool changed = false;

    if (orr_request_parse(parser, words, &request) != ORR_OK || request.arg_count < 2 ||
        !is_word(request.args[0], "config")) {
        orr_reply_error(reply, "ERR this host answers CONFIG GET and SET only");
    } else if (is_word(request.args[1], "get") && request.arg_count > 2) {
        get(settings, request.args + 2, request.arg_count - 2, reply);
    } else if (is_word(request.args[1], "set") && request.arg_count > 2 &&
               request.arg_count % 2 == 0) {
        changed = set(settings, request.args + 2, request.arg_count - 2, reply);
    } else {
        orr_reply_error(reply, "ERR this host has no file, or that is no CONFIG command");
    }
    orr_request_parser_free(parser);
    return changed;
}
