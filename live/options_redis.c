#include "options_redis.h"

#include <setting.h>

#include "options_key.h"

#define LINES_TOLD 5u

/* Words that begin a line of redis.conf often, and are no keys here. */
static const char *const others[] = {"include",    "loadmodule",     "unixsocket",
                                     "replicaof",  "slaveof",        "rename-command",
                                     "user",       "pidfile",        "always-show-logo",
                                     "dbfilename", "rdbcompression", NULL};

static bool
is_known(const char *word)
{
    return live_key_find(word) != NULL || config_setting_find(word) != NULL ||
           g_strv_contains(others, word);
}

/* `key value` without a colon after the key, and the key is known: a line of Redis's. */
static bool
is_redis_line(const char *line, char **key, char **value)
{
    size_t size = strcspn(line, " \t:");

    if (line[0] == '#' || size == 0 || (line[size] != ' ' && line[size] != '\t')) {
        return false;
    }
    *key = g_ascii_strdown(line, (gssize)size);
    *value = g_strstrip(g_strdup(line + size));
    if (is_known(*key) && (*value)[0] != ':') {
        return true;
    }
    g_clear_pointer(key, g_free);
    g_clear_pointer(value, g_free);
    return false;
}

static void
tell(const ConfigSource *source, unsigned number, const char *line, const char *key,
     const char *value, ConfigProblems *problems)
{
    ConfigPlace place = {source, number, 1, (unsigned)g_utf8_strlen(line, -1)};

    if (live_key_find(key) == NULL && config_setting_find(key) == NULL) {
        config_problems_add(problems, place,
                            "this is a line of a redis.conf, and there is no key `%s` here",
                            key);
    } else {
        config_problems_add(problems, place,
                            "this is a line of a redis.conf; orreryd reads YAML: `%s: %s`", key,
                            value);
    }
}

bool
live_options_refuse_redis(const ConfigSource *source, ConfigProblems *problems)
{
    g_autofree char *text = g_strndup(source->text, source->size);
    g_auto(GStrv) lines = NULL;
    unsigned told = 0;

    if (!g_utf8_validate(text, -1, NULL)) {
        return false;
    }
    lines = g_strsplit(text, "\n", -1);
    for (unsigned i = 0; lines[i] != NULL && told < LINES_TOLD; i++) {
        char *line = g_strchomp(lines[i]);
        g_autofree char *key = NULL;
        g_autofree char *value = NULL;

        if (line[0] == '\0' || line[0] == '#') {
            continue;
        }
        if (!is_redis_line(line, &key, &value)) {
            break; /* whatever it is, the reader of YAML says what is wrong with it */
        }
        tell(source, i + 1, line, key, value, problems);
        told++;
    }
    return told > 0;
}
