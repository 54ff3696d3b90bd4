#include "options.h"

#include <errno.h>
#include <nearest.h>
#include <setting.h>
#include <sys/random.h>
#include <tree.h>

#include "options_key.h"
#include "options_redis.h"

#define DEFAULT_PORT 6379u
#define BUS_PORT_SHIFT 10000u
#define PORT_MAX 65535u
#define KEYS_MAX 64u
#define BUS_KEY_SHORTEST 16u

typedef struct Reader {
    LiveOptions *options;
    const LiveOptions *before;
    ConfigProblems *problems;
    ConfigPlace places[KEYS_MAX]; /* where each key of the daemon's own was given last */
} Reader;

char *
live_options_hint(const char *name)
{
    ConfigNearest nearest = config_nearest(name);

    for (size_t i = 0; live_key_at(i) != NULL; i++) {
        config_nearest_offer(&nearest, live_key_at(i)->name);
        if (live_key_at(i)->redis != NULL) {
            config_nearest_offer(&nearest, live_key_at(i)->redis);
        }
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

static size_t
index_of(const LiveKey *key)
{
    size_t index = (size_t)(key - live_key_at(0));

    g_assert(index < KEYS_MAX);
    return index;
}

static ConfigPlace
place_of(const Reader *self, const char *name)
{
    return self->places[index_of(live_key_find(name))];
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
        self->places[index_of(key)] = place;
        why = key->take(key, self->options, word);
    } else if (setting == NULL) {
        return false;
    } else if (config_setting_read_as(setting, name, word, &value, &why)) {
        config_setting_apply(setting, value, &self->options->node.settings);
    }
    if (why != NULL && setting != NULL && setting->secret) {
        config_problems_add(self->problems, place, "what is given as %s %s", name, why);
    } else if (why != NULL) {
        config_problems_add(self->problems, place, "`%s` %s", word, why);
    }
    return true;
}

static void
no_such_key(Reader *self, const char *name, ConfigPlace place)
{
    g_autofree char *hint = live_options_hint(name);

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
    const LiveKey *key = live_key_find(name);

    if (key != NULL) {
        live_key_begin(key, self->options);
    }
}

/* A value as one text: for a list it is several words. */
static void
take_value(Reader *self, const char *name, const char *value, ConfigPlace place)
{
    g_auto(GStrv) words = NULL;

    if (!takes_list(name)) {
        (void)take_word(self, name, value, place);
        return;
    }
    words = g_strsplit_set(value, " ,", -1);
    for (size_t i = 0; words[i] != NULL; i++) {
        if (words[i][0] != '\0') {
            (void)take_word(self, name, words[i], place);
        }
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
    take_value(self, name, node->text, node->place);
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

static void
read_file(Reader *self, const LiveLayers *layers)
{
    const ConfigSource *source =
        config_problems_source(self->problems, layers->file, layers->text, layers->text_size);
    ConfigTree *tree;
    const ConfigNode *root;

    if (live_options_refuse_redis(source, self->problems)) {
        return;
    }
    tree = config_tree_parse(source, self->problems);
    if (tree == NULL) {
        return;
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
}

/* The command line: one source, in which each argument has its column. */

typedef struct Arguments {
    const ConfigSource *source;
    char *key; /* the last one; NULL: none yet */
    ConfigPlace key_place;
    unsigned given; /* words after it */
} Arguments;

static void
end_key(Reader *self, const Arguments *arguments)
{
    if (arguments->key != NULL && arguments->given == 0) {
        config_problems_add(self->problems, arguments->key_place, "`--%s` wants a value",
                            arguments->key);
    }
}

static void
take_argument(Reader *self, Arguments *arguments, const char *word, ConfigPlace place)
{
    if (arguments->key == NULL) {
        config_problems_add(self->problems, place, "`%s` follows no --key", word);
    } else if (arguments->given++ > 0 && !takes_list(arguments->key)) {
        config_problems_add(self->problems, place, "`--%s` takes one value", arguments->key);
    } else if (!take_word(self, arguments->key, word, place)) {
        no_such_key(self, arguments->key, arguments->key_place);
    }
}

/* --key, or --key=value */
static void
begin_key(Reader *self, Arguments *arguments, const char *word, ConfigPlace place)
{
    const char *equal = strchr(word, '=');
    size_t size = equal == NULL ? strlen(word) : (size_t)(equal - word);

    end_key(self, arguments);
    g_free(arguments->key);
    arguments->key = g_strndup(word, size);
    arguments->key_place = place;
    arguments->given = 0;
    begin_list(self, arguments->key);
    if (equal != NULL) {
        place.column += (unsigned)size + 3;
        place.length = (unsigned)g_utf8_strlen(equal + 1, -1);
        take_argument(self, arguments, equal + 1, place);
    }
}

static void
read_arguments(Reader *self, int count, char **words)
{
    g_autofree char *text = g_strjoinv(" ", words);
    Arguments arguments = {
        .source = config_problems_source(self->problems, "command line", text, strlen(text))};
    unsigned column = 1;

    for (int i = 0; i < count; i++) {
        ConfigPlace place = {arguments.source, 1, column,
                             (unsigned)g_utf8_strlen(words[i], -1)};

        column += place.length + 1;
        if (strncmp(words[i], "--", 2) == 0) {
            begin_key(self, &arguments, words[i] + 2, place);
        } else {
            take_argument(self, &arguments, words[i], place);
        }
    }
    end_key(self, &arguments);
    g_free(arguments.key);
}

static void
read_pairs(Reader *self, const LiveLayers *layers)
{
    ConfigPlace place = {0};

    if (layers->pair_count > 0) {
        place.source = config_problems_source(self->problems, "CONFIG SET", "", 0);
    }
    for (size_t i = 0; i < layers->pair_count; i++) {
        begin_list(self, layers->pairs[i].name);
        take_value(self, layers->pairs[i].name, layers->pairs[i].value, place);
    }
}

/* What is left out, and what does not go together */

static void
finish_address(Reader *self)
{
    LiveOptions *options = self->options;
    OrrAddress *address = &options->node.address;
    unsigned base = options->bind.port != 0 ? options->bind.port : options->tls.port;
    unsigned bus_port = options->bus_port != 0 ? options->bus_port : base + BUS_PORT_SHIFT;
    static const uint8_t any[16] = {0};

    if (base == 0) {
        config_problems_add(self->problems, place_of(self, "port"),
                            "port 0 and no tls-port: nobody could connect");
    } else if (options->bind.port == options->tls.port) {
        config_problems_add(self->problems, place_of(self, "tls-port"),
                            "`port` and `tls-port` are the same");
    }
    if (bus_port > PORT_MAX) {
        config_problems_add(self->problems, place_of(self, "port"),
                            "port %u and 10000 is no bus port; give `bus-port`", base);
    }
    options->bind.bus_port = (uint16_t)bus_port;
    *address = options->announced ? options->announce : options->bind;
    address->port = options->announce_port != 0 ? options->announce_port : (uint16_t)base;
    address->bus_port =
        options->announce_bus_port != 0 ? options->announce_bus_port : (uint16_t)bus_port;
    if (memcmp(address->ip + 12, any, 4) == 0 && memcmp(address->ip, any, 10) == 0) {
        config_problems_add(self->problems, place_of(self, "bind"),
                            "`bind` takes all addresses: give `announce-ip`, how others reach "
                            "this node");
    }
}

static void
want(Reader *self, const char *file, const char *missing, const char *for_what)
{
    if (file == NULL) {
        config_problems_add(self->problems, place_of(self, for_what), "`%s` wants a `%s`",
                            for_what, missing);
    }
}

static void
finish_tls(Reader *self)
{
    const LiveTlsOptions *tls = &self->options->tls;
    const char *for_what = tls->port != 0 ? "tls-port" : "tls-cluster";

    if (tls->port != 0 || tls->cluster) {
        want(self, tls->cert_file, "tls-cert-file", for_what);
        want(self, tls->key_file, "tls-key-file", for_what);
    }
    if (tls->cluster || (tls->port != 0 && tls->clients != LIVE_TLS_CLIENTS_NO)) {
        want(self, tls->ca_file, "tls-ca-cert-file",
             tls->cluster ? "tls-cluster" : "tls-auth-clients");
    }
}

static void
finish_bus_key(Reader *self)
{
    const char *path = self->options->bus_key_file;
    ConfigPlace place = place_of(self, "bus-key-file");
    const ConfigSetting *setting = config_setting_find("bus-key");
    g_autofree char *text = NULL;
    g_autofree char *why = NULL;
    g_autoptr(GError) error = NULL;
    int64_t value = 0;

    if (path == NULL) {
        return;
    }
    if (self->before != NULL) {
        memcpy(self->options->node.settings.bus_key, self->before->node.settings.bus_key,
               ORR_SECRET_SIZE);
        return;
    }
    if (!g_file_get_contents(path, &text, NULL, &error)) {
        config_problems_add(self->problems, place, "%s", error->message);
    } else if (!config_setting_read(setting, g_strstrip(text), &value, &why)) {
        config_problems_add(self->problems, place, "the key in `%s` %s", path, why);
    } else if (strlen(text) < BUS_KEY_SHORTEST) {
        config_problems_add(self->problems, place,
                            "the key in `%s` is shorter than %u characters; "
                            "`openssl rand -hex 32` makes a good one",
                            path, BUS_KEY_SHORTEST);
    } else {
        config_setting_apply(setting, value, &self->options->node.settings);
    }
}

static void
finish(Reader *self)
{
    LiveOptions *options = self->options;

    finish_address(self);
    finish_tls(self);
    finish_bus_key(self);
    if (options->output_word % 4 != 0) {
        config_problems_add(self->problems, place_of(self, "client-output-buffer-limit"),
                            "a limit has four words: class, hard limit, soft limit, seconds");
    }
    if (!options->seed_given && self->before != NULL) {
        options->node.seed = self->before->node.seed;
    } else if (!options->seed_given &&
               getrandom(&options->node.seed, sizeof options->node.seed, 0) < 0) {
        config_problems_add(self->problems, (ConfigPlace){0}, "no random numbers: %s",
                            g_strerror(errno));
    }
    options->node.seeds = options->seeds;
    options->node.slots = options->slots;
    if (options->directory == NULL) {
        options->directory = g_strdup(".");
    }
}

static void
set_defaults(LiveOptions *options)
{
    options->node.settings = orr_settings_default();
    options->bind = orr_address_v4(127, 0, 0, 1, DEFAULT_PORT, 0);
    options->log_level = LIVE_LOG_INFO;
    options->keepalive_s = 300;
    options->backlog = 511;
    options->output[LIVE_CLASS_NORMAL] = (LiveOutputLimit){256u << 20, 0, 0};
    options->output[LIVE_CLASS_PUBSUB] =
        (LiveOutputLimit){32u << 20, 8u << 20, 60 * ORR_NS_PER_S};
    options->tls.clients = LIVE_TLS_CLIENTS_YES;
}

LiveOptions *
live_options_new(const LiveLayers *layers, const LiveOptions *before, ConfigProblems *problems)
{
    Reader *reader = g_new0(Reader, 1);
    LiveOptions *options = g_new0(LiveOptions, 1);

    *reader = (Reader){.options = options, .before = before, .problems = problems};
    set_defaults(options);
    if (layers->file != NULL) {
        read_file(reader, layers);
        options->file_bad = config_problems_count(problems) > 0;
    }
    if (config_problems_count(problems) == 0 && layers->word_count > 0) {
        read_arguments(reader, layers->word_count, layers->words);
    }
    if (config_problems_count(problems) == 0) {
        read_pairs(reader, layers);
    }
    if (config_problems_count(problems) == 0) {
        finish(reader);
    }
    g_free(reader);
    return options;
}

void
live_options_free(LiveOptions *options)
{
    if (options == NULL) {
        return;
    }
    g_free(options->directory);
    g_free(options->log_file);
    g_free(options->link_filter);
    g_free(options->tls.cert_file);
    g_free(options->tls.key_file);
    g_free(options->tls.ca_file);
    g_free(options->bus_key_file);
    for (size_t i = 0; i < G_N_ELEMENTS(options->ignored); i++) {
        g_free(options->ignored[i]);
    }
    g_free(options);
}
