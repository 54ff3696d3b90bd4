#include "options.h"

#include <errno.h>
#include <nearest.h>
#include <problems.h>
#include <setting.h>
#include <stdlib.h>
#include <sys/random.h>
#include <tree.h>
#include <unistd.h>

#include "options_key.h"

#define DEFAULT_PORT 6379u
#define BUS_PORT_SHIFT 10000u
#define PORT_MAX 65535u

typedef struct Reader {
    LiveDraft draft;
    ConfigProblems *problems;
} Reader;

static char *
nearest_key(const char *name)
{
    ConfigNearest nearest = config_nearest(name);

    for (size_t i = 0; live_key_at(i) != NULL; i++) {
        config_nearest_offer(&nearest, live_key_at(i)->name);
    }
    for (size_t i = 0; config_setting_at(i) != NULL; i++) {
        config_nearest_offer(&nearest, config_setting_at(i)->name);
        if (config_setting_alias(config_setting_at(i)) != NULL) {
            config_nearest_offer(&nearest, config_setting_alias(config_setting_at(i)));
        }
    }
    return nearest.best == NULL ? g_strdup("; --help lists them")
                                : g_strdup_printf("; did you mean `%s`?", nearest.best);
}

/* One word for one key, from wherever. False: there is no such key. */
static bool
take_word(Reader *self, const char *name, const char *word, ConfigPlace place)
{
    const LiveKey *key = live_key_find(name);
    const ConfigSetting *setting = config_setting_find(name);
    g_autofree char *why = NULL;
    int64_t value;

    if (key != NULL) {
        why = key->take(&self->draft, word);
    } else if (setting == NULL) {
        return false;
    } else if (config_setting_read_as(setting, name, word, &value, &why)) {
        config_setting_apply(setting, value, &self->draft.options->node.settings);
    }
    if (why != NULL) {
        config_problems_add(self->problems, place, "`%s` %s", word, why);
    }
    return true;
}

static void
no_such_key(Reader *self, const char *name, ConfigPlace place)
{
    g_autofree char *hint = nearest_key(name);

    config_problems_add(self->problems, place, "there is no key `%s`%s", name, hint);
}

static bool
takes_list(const char *name)
{
    const LiveKey *key = live_key_find(name);

    return key != NULL && key->list;
}

/* A list given later replaces the one before. */
static void
begin_list(Reader *self, const char *name)
{
    if (strcmp(name, "seeds") == 0) {
        self->draft.options->node.seed_count = 0;
    } else if (strcmp(name, "slots") == 0) {
        self->draft.options->node.slot_range_count = 0;
    }
}

/* The file */

static void
take_text(Reader *self, const ConfigNode *node, const char *name)
{
    if (node->kind != CONFIG_NODE_TEXT) {
        config_problems_add(self->problems, node->place, "`%s` wants a plain value here", name);
        return;
    }
    if (!takes_list(name)) {
        (void)take_word(self, name, node->text, node->place);
        return;
    }
    g_auto(GStrv) words = g_strsplit_set(node->text, " ,", -1);

    for (size_t i = 0; words[i] != NULL; i++) {
        if (words[i][0] != '\0') {
            (void)take_word(self, name, words[i], node->place);
        }
    }
}

static void
take_child(Reader *self, const ConfigNode *node)
{
    if (live_key_find(node->key) == NULL && config_setting_find(node->key) == NULL) {
        no_such_key(self, node->key, node->key_place);
        return;
    }
    begin_list(self, node->key);
    if (node->kind != CONFIG_NODE_LIST || !takes_list(node->key)) {
        take_text(self, node, node->key);
        return;
    }
    for (size_t i = 0; i < node->child_count; i++) {
        take_text(self, node->children[i], node->key);
    }
}

static bool
read_file(Reader *self, const char *path)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    gsize size;
    ConfigTree *tree;
    const ConfigNode *root;

    if (!g_file_get_contents(path, &text, &size, &error)) {
        (void)fprintf(stderr, "orreryd: %s\n", error->message);
        return false;
    }
    tree = config_tree_parse(config_problems_source(self->problems, path, text, size),
                             self->problems);
    if (tree == NULL) {
        return true;
    }
    root = config_tree_root(tree);
    if (root->kind != CONFIG_NODE_MAP) {
        config_problems_add(self->problems, root->place, "a file holds lines of `key: value`");
    } else {
        for (size_t i = 0; i < root->child_count; i++) {
            take_child(self, root->children[i]);
        }
    }
    config_tree_free(tree);
    return true;
}

/* The command line: one source, in which each argument has its column. */

static void
read_arguments(Reader *self, int argc, char **argv)
{
    g_autofree char *text = g_strjoinv(" ", argv);
    const ConfigSource *source =
        config_problems_source(self->problems, "command line", text, strlen(text));
    const char *key = NULL;
    ConfigPlace key_place = {source, 1, 1, 1};
    unsigned words = 0;
    unsigned column = 1;

    for (int i = 0; i <= argc; i++) {
        const char *word = i < argc ? argv[i] : "--";
        ConfigPlace place = {source, 1, column, (unsigned)g_utf8_strlen(word, -1)};

        column += place.length + 1;
        if (strncmp(word, "--", 2) == 0) {
            if (key != NULL && words == 0) {
                config_problems_add(self->problems, key_place, "`--%s` wants a value", key);
            }
            key = word + 2;
            key_place = place;
            words = 0;
            begin_list(self, key);
        } else if (key == NULL) {
            config_problems_add(self->problems, place, "`%s` follows no --key", word);
        } else if (words++ > 0 && !takes_list(key)) {
            config_problems_add(self->problems, place, "`--%s` takes one value", key);
        } else if (!take_word(self, key, word, place)) {
            no_such_key(self, key, key_place);
        }
    }
}

/* What is left out */

static void
finish(Reader *self)
{
    LiveOptions *options = self->draft.options;
    OrrAddress *address = &options->node.address;
    unsigned bus_port =
        self->draft.bus_port != 0 ? self->draft.bus_port : options->bind.port + BUS_PORT_SHIFT;
    static const uint8_t any[16] = {0};

    if (bus_port > PORT_MAX) {
        config_problems_add(self->problems, (ConfigPlace){0},
                            "port %u and 10000 is no bus port; give `bus-port`",
                            options->bind.port);
    }
    *address = self->draft.announced ? self->draft.announce : options->bind;
    address->port = options->bind.port;
    address->bus_port = (uint16_t)bus_port;
    if (memcmp(address->ip + 12, any, 4) == 0 && memcmp(address->ip, any, 10) == 0) {
        config_problems_add(self->problems, (ConfigPlace){0},
                            "`bind` takes all addresses: give `announce-ip`, how others reach "
                            "this node");
    }
    options->node.seeds = options->seeds;
    options->node.slots = options->slots;
    if (options->directory == NULL) {
        options->directory = g_strdup(".");
    }
    if (options->node.seed == 0 &&
        getrandom(&options->node.seed, sizeof options->node.seed, 0) < 0) {
        config_problems_add(self->problems, (ConfigPlace){0}, "no random numbers: %s",
                            g_strerror(errno));
    }
}

static void
set_defaults(LiveOptions *options)
{
    memset(options, 0, sizeof *options);
    options->node.settings = orr_settings_default();
    options->bind = orr_address_v4(127, 0, 0, 1, DEFAULT_PORT, 0);
    options->log_level = LIVE_LOG_INFO;
}

static bool
answer_at_once(int argc, char **argv, LiveOptionsResult *result)
{
    *result = LIVE_OPTIONS_DONE;
    if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
        (void)printf("orreryd %s\n", ORR_VERSION);
        return true;
    }
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        live_options_help(stdout);
        return true;
    }
    if (argc >= 3 && strcmp(argv[1], "--explain") == 0) {
        if (!live_options_explain(argv[2], stdout)) {
            g_autofree char *hint = nearest_key(argv[2]);

            (void)fprintf(stderr, "orreryd: there is no key `%s`%s\n", argv[2], hint);
            *result = LIVE_OPTIONS_USAGE;
        }
        return true;
    }
    return false;
}

LiveOptionsResult
live_options_read(int argc, char **argv, LiveOptions *options)
{
    Reader reader = {.draft = {.options = options}};
    LiveOptionsResult result;
    bool file = argc >= 2 && argv[1][0] != '-';

    set_defaults(options);
    if (answer_at_once(argc, argv, &result)) {
        return result;
    }
    result = LIVE_OPTIONS_RUN;
    reader.problems = config_problems_new();
    if (file && !read_file(&reader, argv[1])) {
        result = LIVE_OPTIONS_NO_FILE;
    } else if (config_problems_count(reader.problems) > 0) {
        result = LIVE_OPTIONS_BAD;
    } else {
        read_arguments(&reader, argc - 1 - file, argv + 1 + file);
        if (config_problems_count(reader.problems) == 0) {
            finish(&reader);
        }
        if (config_problems_count(reader.problems) > 0) {
            result = LIVE_OPTIONS_USAGE;
        }
    }
    config_problems_print(reader.problems, stderr, isatty(STDERR_FILENO) != 0);
    config_problems_free(reader.problems);
    return result;
}

void
live_options_clear(LiveOptions *options)
{
    g_free(options->directory);
    g_free(options->log_file);
    g_free(options->link_filter);
    options->directory = options->log_file = options->link_filter = NULL;
}

/* Manuals */

void
live_options_help(FILE *out)
{
    const char *group = "";

    (void)fputs("usage: orreryd [FILE.yaml] [--KEY VALUE...]...\n"
                "       orreryd --explain KEY | --help | --version\n\nThis node\n",
                out);
    for (size_t i = 0; live_key_at(i) != NULL; i++) {
        (void)fprintf(out, "  --%-22s %s\n", live_key_at(i)->name, live_key_at(i)->doc);
    }
    for (size_t i = 0; config_setting_at(i) != NULL; i++) {
        const ConfigSetting *setting = config_setting_at(i);

        if (strcmp(group, setting->group) != 0) {
            group = setting->group;
            (void)fprintf(out, "\n%s\n", group);
        }
        (void)fprintf(out, "  --%-22s %s\n", setting->name, setting->doc);
    }
}

bool
live_options_explain(const char *name, FILE *out)
{
    const LiveKey *key = live_key_find(name);
    const ConfigSetting *setting = config_setting_find(name);

    if (key != NULL) {
        (void)fprintf(out, "%s%s%s\n  %s.\n  %s\n", key->name, key->alias != NULL ? ", " : "",
                      key->alias != NULL ? key->alias : "", key->doc, key->form);
    } else if (setting != NULL) {
        g_autofree char *form = config_setting_describe(setting);

        (void)fprintf(out, "%s%s%s\n  %s.\n  %s\n", setting->name,
                      config_setting_alias(setting) != NULL ? ", " : "",
                      config_setting_alias(setting) != NULL ? config_setting_alias(setting)
                                                            : "",
                      setting->doc, form);
    }
    return key != NULL || setting != NULL;
}
