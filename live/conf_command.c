/* conf_command.c - CONFIG GET, SET and REWRITE, in Redis's words. */
#include <fnmatch.h>

#include "conf_private.h"
#include "log.h"

static bool
is_word(OrrBytes word, const char *name)
{
    return word.size == strlen(name) &&
           g_ascii_strncasecmp((const char *)word.data, name, word.size) == 0;
}

static char *
text_of(OrrBytes word)
{
    return g_strndup((const char *)word.data, word.size);
}

/* GET */

static bool
is_glob(const char *pattern)
{
    return strpbrk(pattern, "*?[\\") != NULL;
}

/* Secrets are shown to those who ask for them by name; the key of the bus to nobody. */
static bool
may_show(LiveRow row, const char *pattern)
{
    return row.setting == NULL || !row.setting->secret ||
           (!row.setting->fixed && !is_glob(pattern));
}

static bool
is_wanted(LiveRow row, const char *name, char **patterns)
{
    for (size_t i = 0; patterns[i] != NULL; i++) {
        if (fnmatch(patterns[i], name, 0) == 0 && may_show(row, patterns[i])) {
            return true;
        }
    }
    return false;
}

static size_t
reply_row(const LiveConf *conf, LiveRow row, const char *name, char **patterns, OrrReply *reply)
{
    g_autofree char *value = NULL;

    if (name == NULL || !is_wanted(row, name, patterns)) {
        return 0;
    }
    value = live_row_show(row, name, conf->options);
    orr_reply_bulk_string(reply, name);
    orr_reply_bulk_string(reply, value);
    return 1;
}

static void
run_get(LiveConf *conf, char **patterns, OrrReply *reply)
{
    size_t at = orr_reply_size(reply);
    size_t count = 0;
    LiveRow row;

    for (size_t i = 0; live_row_at(i, &row); i++) {
        count += reply_row(conf, row, live_row_name(row), patterns, reply);
        count += reply_row(conf, row, live_row_redis(row), patterns, reply);
    }
    orr_reply_insert_map(reply, at, count);
}

/* SET */

static void
run_set(LiveConf *conf, char **words, size_t count, OrrReply *reply)
{
    g_autoptr(GArray) pairs = live_pairs_new();
    g_autofree char *why = NULL;

    for (size_t i = 0; i + 1 < count; i += 2) {
        live_pairs_add(pairs, words[i], words[i + 1]);
    }
    why = live_conf_set(conf, (const LivePair *)(const void *)pairs->data, pairs->len);
    if (why != NULL) {
        orr_reply_error(reply, why);
        return;
    }
    for (guint i = 0; i < pairs->len; i++) {
        live_log(LIVE_LOG_NOTICE, "CONFIG SET changed `%s`",
                 g_array_index(pairs, LivePair, i).name);
    }
    orr_reply_ok(reply);
}

static void
run_rewrite(LiveConf *conf, OrrReply *reply)
{
    g_autofree char *why = live_conf_rewrite(conf);

    if (why != NULL) {
        live_log(LIVE_LOG_WARNING, "%s", why);
        orr_reply_error(reply, why);
    } else {
        live_log(LIVE_LOG_NOTICE, "CONFIG REWRITE wrote %s", conf->name);
        orr_reply_ok(reply);
    }
}

static void
reply_arity(OrrReply *reply, OrrBytes word)
{
    g_autofree char *name = g_ascii_strdown((const char *)word.data, (gssize)word.size);
    g_autofree char *text =
        g_strdup_printf("ERR wrong number of arguments for 'config|%s' command", name);

    orr_reply_error(reply, text);
}

void
live_conf_command(LiveConf *conf, const OrrBytes *args, size_t arg_count, OrrReply *reply)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
    size_t count = arg_count - 2;

    g_return_if_fail(arg_count >= 2);
    for (size_t i = 2; i < arg_count; i++) {
        /* names are known in lower case; values stay as they are */
        bool name = is_word(args[1], "get") || i % 2 == 0;

        g_ptr_array_add(words,
                        name ? g_ascii_strdown((const char *)args[i].data, (gssize)args[i].size)
                             : text_of(args[i]));
    }
    g_ptr_array_add(words, NULL);
    if (is_word(args[1], "get") && count > 0) {
        run_get(conf, (char **)words->pdata, reply);
    } else if (is_word(args[1], "set") && count > 0 && count % 2 == 0) {
        run_set(conf, (char **)words->pdata, count, reply);
    } else if (is_word(args[1], "rewrite") && count == 0) {
        run_rewrite(conf, reply);
    } else {
        reply_arity(reply, args[1]);
    }
}
