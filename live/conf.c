#include "conf.h"

#include <stdlib.h>
#include <unistd.h>

#include "conf_private.h"
#include "log.h"

static void
clear_pair(gpointer data)
{
    LivePair *pair = data;

    g_free(pair->name);
    g_free(pair->value);
}

GArray *
live_pairs_new(void)
{
    GArray *pairs = g_array_new(FALSE, FALSE, sizeof(LivePair));

    g_array_set_clear_func(pairs, clear_pair);
    return pairs;
}

void
live_pairs_add(GArray *pairs, const char *name, const char *value)
{
    LivePair pair = {g_strdup(name), g_strdup(value)};

    g_array_append_val(pairs, pair);
}

LiveLayers
live_conf_layers(const LiveConf *conf, const GArray *pairs)
{
    return (LiveLayers){.file = conf->name,
                        .text = conf->text,
                        .text_size = conf->text_size,
                        .word_count = conf->word_count,
                        .words = conf->words,
                        .pairs = (const LivePair *)(const void *)pairs->data,
                        .pair_count = pairs->len};
}

/* The start */

static bool
answer_at_once(int argc, char **argv, LiveConfResult *result)
{
    const char *key = argc >= 3 ? argv[2] : NULL;

    *result = LIVE_CONF_DONE;
    if (argc >= 2 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)) {
        (void)printf("orreryd %s\n", ORR_VERSION);
        return true;
    }
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        live_options_help(stdout);
        return true;
    }
    if (argc < 2 || strcmp(argv[1], "--explain") != 0) {
        return false;
    }
    if (!live_options_explain(key, stdout)) {
        g_autofree char *hint = live_options_hint(key);

        (void)fprintf(stderr, "orreryd: there is no key `%s`%s\n", key, hint);
        *result = LIVE_CONF_USAGE;
    }
    return true;
}

/* NULL, or why not: then nothing changed. */
static char *
read_text(LiveConf *conf)
{
    g_autoptr(GError) error = NULL;
    char *text = NULL;
    gsize size = 0;

    if (!g_file_get_contents(conf->path, &text, &size, &error)) {
        return g_strdup(error->message);
    }
    if (size > LIVE_CONF_FILE_MAX) {
        g_free(text);
        return g_strdup_printf("%s is larger than %u bytes", conf->name, LIVE_CONF_FILE_MAX);
    }
    g_free(conf->text);
    conf->text = text;
    conf->text_size = size;
    return NULL;
}

static LiveConfResult
read_all(LiveConf *conf)
{
    ConfigProblems *problems = config_problems_new();
    LiveLayers layers = live_conf_layers(conf, conf->pairs);
    LiveConfResult result = LIVE_CONF_RUN;

    conf->options = live_options_new(&layers, NULL, problems);
    if (config_problems_count(problems) > 0) {
        bool file = conf->options->file_bad || (conf->name != NULL && conf->word_count == 0);

        result = file ? LIVE_CONF_BAD : LIVE_CONF_USAGE;
        config_problems_print(problems, stderr, isatty(STDERR_FILENO) != 0);
    }
    config_problems_free(problems);
    return result;
}

static LiveConfResult
begin(LiveConf *conf, int argc, char **argv)
{
    bool file = argc >= 2 && argv[1][0] != '-';
    g_autofree char *why = NULL;

    conf->pairs = live_pairs_new();
    conf->word_count = argc - 1 - file;
    conf->words = argv + 1 + file;
    if (file) {
        conf->name = g_strdup(argv[1]);
        conf->path = g_canonicalize_filename(argv[1], NULL);
        why = read_text(conf);
        if (why != NULL) {
            (void)fprintf(stderr, "orreryd: %s\n", why);
            return LIVE_CONF_NO_FILE;
        }
    }
    return read_all(conf);
}

LiveConf *
live_conf_new(int argc, char **argv, LiveConfResult *result)
{
    LiveConf *conf;

    if (answer_at_once(argc, argv, result)) {
        return NULL;
    }
    conf = g_new0(LiveConf, 1);
    *result = begin(conf, argc, argv);
    if (*result != LIVE_CONF_RUN) {
        live_conf_free(conf);
        return NULL;
    }
    return conf;
}

void
live_conf_free(LiveConf *conf)
{
    if (conf != NULL) {
        live_options_free(conf->options);
        g_array_unref(conf->pairs);
        g_free(conf->path);
        g_free(conf->name);
        g_free(conf->text);
        g_free(conf);
    }
}

void
live_conf_watch(LiveConf *conf, const LiveConfHandlers *handlers, void *user)
{
    conf->handlers = *handlers;
    conf->user = user;
}

const LiveOptions *
live_conf_options(const LiveConf *conf)
{
    return conf->options;
}

/* Changes */

/* Puts what is fixed back to what it was. */
static void
keep_fixed(LiveRow row, const LiveOptions *before, LiveOptions *next)
{
    if (row.setting != NULL) {
        config_setting_apply(row.setting,
                             config_setting_get(row.setting, &before->node.settings),
                             &next->node.settings);
        return;
    }

    g_autofree char *value = row.key->show(row.key, before);
    g_auto(GStrv) words = row.key->list ? g_strsplit(value, " ", -1) : NULL;

    live_key_begin(row.key, next);
    if (words == NULL) {
        g_free(row.key->take(row.key, next, value));
    }
    for (size_t i = 0; words != NULL && words[i] != NULL; i++) {
        if (words[i][0] != '\0') {
            g_free(row.key->take(row.key, next, words[i]));
        }
    }
}

/* What follows from fixed rows is fixed, too. */
static void
keep_what_follows(const LiveOptions *before, LiveOptions *next)
{
    next->bind = before->bind;
    next->node.address = before->node.address;
    next->node.role = before->node.role;
    next->node.seeds = next->seeds;
    next->node.slots = next->slots;
}

/* Every row that is fixed keeps its value; `told` hears of those that were to change. */
static void
keep_all_fixed(const LiveOptions *before, LiveOptions *next, void (*told)(const char *name))
{
    LiveRow row;

    for (size_t i = 0; live_row_at(i, &row); i++) {
        const char *name = live_row_name(row);
        g_autofree char *old = live_row_text(row, before);
        g_autofree char *new = live_row_text(row, next);

        if (live_row_is_fixed(row) && strcmp(old, new) != 0) {
            keep_fixed(row, before, next);
            if (told != NULL) {
                told(name);
            }
        }
    }
    keep_what_follows(before, next);
}

static void
commit(LiveConf *conf, LiveOptions *next)
{
    LiveOptions *before = conf->options;

    conf->options = next;
    if (conf->handlers.changed != NULL) {
        conf->handlers.changed(conf->user, before, next);
    }
    live_options_free(before);
}

static char *
prepare(LiveConf *conf, const LiveOptions *next)
{
    return conf->handlers.prepare == NULL ? NULL : conf->handlers.prepare(conf->user, next);
}

/* CONFIG SET */

static char *
cannot_set(const char *name, const char *why)
{
    return g_strdup_printf("ERR CONFIG SET failed (possibly related to argument '%s') - %s",
                           name, why);
}

static bool
rows_equal(LiveRow a, LiveRow b)
{
    return a.key == b.key && a.setting == b.setting;
}

/* NULL, or why these names cannot be set together. */
static char *
check_names(const LivePair *pairs, size_t count)
{
    LiveRow row;
    LiveRow other;

    for (size_t i = 0; i < count; i++) {
        if (!live_row_find(pairs[i].name, &row)) {
            return g_strdup_printf("ERR Unknown option or number of arguments for CONFIG SET - "
                                   "'%s'",
                                   pairs[i].name);
        }
        if (live_row_is_fixed(row)) {
            return cannot_set(pairs[i].name, "can't set immutable config");
        }
        for (size_t j = 0; j < i; j++) {
            if (live_row_find(pairs[j].name, &other) && rows_equal(row, other)) {
                return cannot_set(pairs[i].name, "duplicate parameter");
            }
        }
    }
    return NULL;
}

/* Pairs of before that are not said again, and the new ones. */
static GArray *
join_pairs(const GArray *before, const LivePair *pairs, size_t count)
{
    GArray *all = live_pairs_new();

    for (guint i = 0; i < before->len; i++) {
        const LivePair *pair = &g_array_index(before, LivePair, i);
        bool again = false;
        LiveRow row;
        LiveRow other;

        (void)live_row_find(pair->name, &row);
        for (size_t j = 0; j < count; j++) {
            again |= live_row_find(pairs[j].name, &other) && rows_equal(row, other);
        }
        if (!again) {
            live_pairs_add(all, pair->name, pair->value);
        }
    }
    for (size_t i = 0; i < count; i++) {
        live_pairs_add(all, pairs[i].name, pairs[i].value);
    }
    return all;
}

/* Which of the pairs is the one that is wrong: the first that alone is. */
static const char *
guilty(LiveConf *conf, const LivePair *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ConfigProblems *problems = config_problems_new();
        GArray *all = join_pairs(conf->pairs, &pairs[i], 1);
        LiveLayers layers = live_conf_layers(conf, all);
        bool wrong;

        live_options_free(live_options_new(&layers, conf->options, problems));
        wrong = config_problems_count(problems) > 0;
        config_problems_free(problems);
        g_array_unref(all);
        if (wrong) {
            return pairs[i].name;
        }
    }
    return pairs[0].name;
}

char *
live_conf_set(LiveConf *conf, const LivePair *pairs, size_t count)
{
    ConfigProblems *problems;
    GArray *all;
    LiveLayers layers;
    LiveOptions *next;
    char *why = check_names(pairs, count);

    if (why != NULL) {
        return why;
    }
    problems = config_problems_new();
    all = join_pairs(conf->pairs, pairs, count);
    layers = live_conf_layers(conf, all);
    next = live_options_new(&layers, conf->options, problems);
    if (config_problems_count(problems) > 0) {
        why = cannot_set(guilty(conf, pairs, count), config_problems_message(problems, 0));
    } else {
        keep_all_fixed(conf->options, next, NULL);
        g_autofree char *obstacle = prepare(conf, next);

        why = obstacle == NULL ? NULL : cannot_set(pairs[0].name, obstacle);
    }
    config_problems_free(problems);
    if (why != NULL) {
        live_options_free(next);
        g_array_unref(all);
        return why;
    }
    g_array_unref(conf->pairs);
    conf->pairs = all;
    commit(conf, next);
    return NULL;
}

/* SIGHUP */

static void
tell_fixed(const char *name)
{
    live_log(LIVE_LOG_WARNING, "`%s` is another now: that takes a restart", name);
}

static void
log_problems(const ConfigProblems *problems)
{
    for (size_t i = 0; i < config_problems_count(problems); i++) {
        g_autofree char *text = config_problems_text(problems, i);

        live_log(LIVE_LOG_WARNING, "%s", text);
    }
    live_log(LIVE_LOG_WARNING, "the configuration stays as it was");
}

static bool
reload(LiveConf *conf, ConfigProblems *problems)
{
    g_autoptr(GArray) none = live_pairs_new();
    LiveLayers layers = live_conf_layers(conf, none);
    LiveOptions *next = live_options_new(&layers, conf->options, problems);
    g_autofree char *why = NULL;

    if (config_problems_count(problems) > 0) {
        live_options_free(next);
        return false;
    }
    keep_all_fixed(conf->options, next, tell_fixed);
    why = prepare(conf, next);
    if (why != NULL) {
        config_problems_add(problems, (ConfigPlace){0}, "%s", why);
        live_options_free(next);
        return false;
    }
    g_array_set_size(conf->pairs, 0);
    commit(conf, next);
    return true;
}

void
live_conf_reload(LiveConf *conf)
{
    ConfigProblems *problems = config_problems_new();
    char *text = g_strndup(conf->text, conf->text_size);
    size_t text_size = conf->text_size;
    g_autofree char *why = conf->path == NULL ? NULL : read_text(conf);

    if (why != NULL) {
        config_problems_add(problems, (ConfigPlace){0}, "%s", why);
    }
    if (why == NULL && reload(conf, problems)) {
        live_log(LIVE_LOG_NOTICE, "the configuration was read anew");
        g_free(text);
    } else {
        log_problems(problems);
        g_free(conf->text);
        conf->text = text;
        conf->text_size = text_size;
    }
    config_problems_free(problems);
}
