/* What hosts read: quantities, settings, trees of YAML, the nearest word. */
#include "check.h"

#include <glib.h>
#include <nearest.h>
#include <quantity.h>
#include <rewrite.h>
#include <setting.h>
#include <tree.h>

/* Numbers with units are read exactly. */
static void
test_quantity_reads_exactly(void)
{
    static const struct {
        ConfigQuantity quantity;
        const char *text;
        int64_t value;
    } cases[] = {
        {CONFIG_DURATION, "5s", 5000000000},
        {CONFIG_DURATION, "300ms", 300000000},
        {CONFIG_DURATION, "2h", 7200000000000},
        {CONFIG_DURATION, "1m30s", 90000000000},
        {CONFIG_DURATION, "-3d", -259200000000000},
        {CONFIG_DURATION, "+0.5us", 500},
        {CONFIG_DURATION, "0", 0},
        {CONFIG_DURATION, "0.1s", 100000000},
        {CONFIG_SIZE, "10MB", 10000000},
        {CONFIG_SIZE, "512KiB", 524288},
        {CONFIG_SIZE, "100B", 100},
        {CONFIG_RATE, "2000/s", 2000000000},
        {CONFIG_RATE, "30/min", 500000},
        {CONFIG_RATE, "1/h", 277},
        {CONFIG_BANDWIDTH, "1Gbit", 125000000},
        {CONFIG_BANDWIDTH, "5MB/s", 5000000},
        {CONFIG_PERCENT, "0.5%", 5000},
        {CONFIG_PERCENT, "99.99%", 999900},
        {CONFIG_RATIO, "0.99", 990000},
        {CONFIG_FACTOR, "x20", 20000000},
        {CONFIG_FACTOR, "1.5x", 1500000},
        {CONFIG_PPM, "-50ppm", -50},
        {CONFIG_COUNT, "10_000", 10000},
        {CONFIG_COUNT, "16k", 16000},
        {CONFIG_COUNT, "2.5M", 2500000},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        int64_t value = -1;
        char *why = NULL;
        bool fine = config_quantity_read(cases[i].quantity, cases[i].text, &value, &why);

        if (!fine) {
            fprintf(stderr, "%s %s\n", cases[i].text, why);
        }
        T_TRUE(fine);
        T_EQ(value, cases[i].value);
        g_free(why);
    }
}

/* What is no number of its kind is refused, and nothing overflows. */
static void
test_quantity_refuses(void)
{
    static const struct {
        ConfigQuantity quantity;
        const char *text;
    } cases[] = {
        {CONFIG_DURATION, ""},
        {CONFIG_DURATION, "5"},
        {CONFIG_DURATION, "s"},
        {CONFIG_DURATION, "5 s"},
        {CONFIG_DURATION, "5S"},
        {CONFIG_DURATION, "5kg"},
        {CONFIG_DURATION, "1e9s"},
        {CONFIG_DURATION, "999999999999d"},
        {CONFIG_DURATION, "5s-"},
        {CONFIG_DURATION, "--5s"},
        {CONFIG_DURATION, "5..s"},
        {CONFIG_SIZE, "99999999999999999999GB"},
        {CONFIG_SIZE, "10mb"},
        {CONFIG_COUNT, "2.5"},
        {CONFIG_COUNT, "0x10"},
        {CONFIG_COUNT, "99999999999999999999999999999"},
        {CONFIG_FACTOR, "20"},
        {CONFIG_FACTOR, "x"},
        {CONFIG_PERCENT, "50"},
        {CONFIG_RATE, "20/d"},
        {CONFIG_DURATION, "9223372036854775807ns9223372036854775807ns"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        int64_t value = 77;
        char *why = NULL;
        bool fine = config_quantity_read(cases[i].quantity, cases[i].text, &value, &why);

        if (fine) {
            fprintf(stderr, "\"%s\" was taken for %" PRId64 "\n", cases[i].text, value);
        }
        T_FALSE(fine);
        T_TRUE(fine || why != NULL);
        g_free(why);
    }
}

/* What is formatted reads back as the same number. */
static void
test_quantity_formats_what_it_reads(void)
{
    static const int64_t values[] = {
        1,           999,         1000,           1500,     1000000, 1234567,
        60000000000, 90000000000, 86400000000000, 10485760, 524288};
    static const ConfigQuantity kinds[] = {CONFIG_DURATION, CONFIG_SIZE, CONFIG_PERCENT,
                                           CONFIG_RATIO,    CONFIG_PPM,  CONFIG_COUNT};

    for (size_t i = 0; i < G_N_ELEMENTS(values) * G_N_ELEMENTS(kinds) * 2; i++) {
        ConfigQuantity kind = kinds[i / 2 % G_N_ELEMENTS(kinds)];
        int64_t value = values[i / 2 / G_N_ELEMENTS(kinds)] * (i % 2 == 0 ? 1 : -1);
        g_autofree char *text = config_quantity_format(kind, value);
        int64_t back = 0;
        char *why = NULL;

        T_TRUE(config_quantity_read(kind, text, &back, &why));
        T_EQ(back, value);
        g_free(why);
    }
}

/* Every setting can be read, applied and got back; its default is within its range. */
static void
test_setting_rows_fit_the_struct(void)
{
    const ConfigSetting *setting = NULL;
    size_t count = 0;

    for (; (setting = config_setting_at(count)) != NULL; count++) {
        OrrSettings settings = orr_settings_default();
        OrrSettings before = settings;
        int64_t standard = config_setting_get(setting, &settings);
        g_autofree char *text = config_setting_format(setting, standard);
        g_autofree char *about = config_setting_describe(setting);
        char *why = NULL;
        int64_t value = 0;

        T_TRUE(about[0] != '\0');
        T_TRUE(standard >= setting->min && standard <= setting->max);
        T_TRUE(config_setting_read(setting, text, &value, &why));
        T_EQ(value, standard);
        config_setting_apply(setting, setting->max, &settings);
        T_EQ(config_setting_get(setting, &settings), setting->max);
        config_setting_apply(setting, standard, &settings);
        T_TRUE(memcmp(&settings, &before, sizeof settings) == 0);
        T_TRUE(config_setting_find(setting->name) == setting);
        T_TRUE(setting->redis == NULL || config_setting_find(setting->redis) == setting);
        g_free(why);
    }
    T_TRUE(count >= 27);
}

/* Under Redis's name a number may stand as Redis writes it; under ours it needs a unit. */
static void
test_settings_read_redis_forms(void)
{
    static const struct {
        const char *name;
        const char *text;
        int64_t value; /* -1: refused */
    } cases[] = {
        {"cluster-node-timeout", "5000", 5 * ORR_NS_PER_S},
        {"cluster_node_timeout", "5000", 5 * ORR_NS_PER_S},
        {"cluster-node-timeout", "5s", 5 * ORR_NS_PER_S},
        {"node-timeout", "5000", -1},
        {"cluster-node-timeout", "-5000", -1},
        {"timeout", "60", 60 * ORR_NS_PER_S},
        {"maxmemory", "100mb", 100 << 20},
        {"maxmemory", "100MB", 100000000},
        {"maxmemory", "1gb", 1 << 30},
        {"maxmemory", "1k", 1000},
        {"maxmemory", "12345", 12345},
        {"maxmemory", "99999999999999999999", -1},
        {"maxmemory", "9223372036854775807gb", -1},
        {"repl-backlog-size", "1mb", 1 << 20},
        {"backlog-size", "1mb", -1},
        {"slowlog-log-slower-than", "10000", 10 * ORR_NS_PER_MS},
        {"latency-monitor-threshold", "100", 100 * ORR_NS_PER_MS},
        {"maxmemory-policy", "allkeys-lru", ORR_EVICTION_ALLKEYS_LRU},
        {"maxmemory-policy", "allkeys", -1},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const ConfigSetting *setting = config_setting_find(cases[i].name);
        int64_t value = 0;
        char *why = NULL;
        bool fine = setting != NULL &&
                    config_setting_read_as(setting, cases[i].name, cases[i].text, &value, &why);

        if (fine != (cases[i].value != -1)) {
            fprintf(stderr, "%s: %s\n", cases[i].name, cases[i].text);
        }
        T_EQ(fine, cases[i].value != -1);
        T_TRUE(!fine || value == cases[i].value);
        T_TRUE(fine || why != NULL);
        g_free(why);
    }
}

/* A password is kept as it is written, and one with spaces, or too long, is refused. */
static void
test_settings_keep_texts(void)
{
    const ConfigSetting *setting = config_setting_find("requirepass");
    OrrSettings settings = orr_settings_default();
    char long_text[ORR_SECRET_SIZE + 1];
    int64_t value = 0;
    char *why = NULL;

    memset(long_text, 'x', ORR_SECRET_SIZE);
    long_text[ORR_SECRET_SIZE] = '\0';
    T_EQ(config_setting_get(setting, &settings), 0);
    T_TRUE(config_setting_read(setting, "secret", &value, &why));
    config_setting_apply(setting, value, &settings);
    T_STR_EQ(settings.requirepass, "secret");
    T_EQ(config_setting_get(setting, &settings), value);
    T_FALSE(config_setting_read(setting, "two words", &value, &why));
    g_clear_pointer(&why, g_free);
    T_FALSE(config_setting_read(setting, long_text, &value, &why));
    g_clear_pointer(&why, g_free);
    T_TRUE(config_setting_read(setting, "", &value, &why));
    config_setting_apply(setting, value, &settings);
    T_STR_EQ(settings.requirepass, "");
}

/* What the table calls fixed is what a running node refuses to change, and nothing else. */
static void
test_settings_are_fixed_as_told(void)
{
    const ConfigSetting *setting = NULL;

    for (size_t i = 0; (setting = config_setting_at(i)) != NULL; i++) {
        OrrSettings now = orr_settings_default();
        OrrSettings next = now;
        int64_t value = config_setting_get(setting, &now);
        int64_t other = value == setting->max ? setting->min : setting->max;

        if (setting->type == CONFIG_SETTING_TEXT) {
            other = (int64_t)(intptr_t)g_intern_static_string("other");
        }
        config_setting_apply(setting, other, &next);
        if (orr_settings_may_become(&now, &next) == setting->fixed) {
            fprintf(stderr, "%s\n", setting->name);
        }
        T_EQ(orr_settings_may_become(&now, &next), !setting->fixed);
    }
}

/* No setting of the struct is without a name: changing any byte of it is seen by some row. */
static void
test_settings_are_all_named(void)
{
    bool covered[sizeof(OrrSettings)] = {false};
    const ConfigSetting *setting = NULL;
    OrrSettings all;
    OrrSettings none;

    for (size_t i = 0; (setting = config_setting_at(i)) != NULL; i++) {
        memset(covered + setting->offset, 1, setting->size);
    }
    memset(covered + offsetof(OrrSettings, planted), 1, sizeof all.planted); /* by --plant */
    /* padding is what no assignment of a whole struct's fields can tell apart */
    memset(&all, 0xff, sizeof all);
    memset(&none, 0, sizeof none);
    for (size_t i = 0; i + 3 < sizeof covered; i += 4) {
        bool word = covered[i] || covered[i + 1] || covered[i + 2] || covered[i + 3];
        bool padding = i % 8 == 4 && (covered[i - 4] || covered[i - 3]);
        if (!word && !padding) {
            fprintf(stderr, "no setting at offset %zu\n", i);
        }
        T_TRUE(word || padding);
    }
}

/* The word that was meant, and none where nothing is near. */
static void
test_nearest_word(void)
{
    static const char *const words[] = {"node-timeout", "heartbeat", "failover", "forget"};
    static const struct {
        const char *word;
        const char *near;
    } cases[] = {
        {"node-timout", "node-timeout"},
        {"nodetimeout", "node-timeout"},
        {"timeout", "node-timeout"},
        {"hearbeat", "heartbeat"},
        {"HEARTBEAT", "heartbeat"},
        {"forgte", "forget"},
        {"zebra", NULL},
        {"x", NULL},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        ConfigNearest nearest = config_nearest(cases[i].word);

        for (size_t j = 0; j < G_N_ELEMENTS(words); j++) {
            config_nearest_offer(&nearest, words[j]);
        }
        T_STR_EQ(nearest.best == NULL ? "-" : nearest.best,
                 cases[i].near == NULL ? "-" : cases[i].near);
    }
    T_EQ(config_distance("kitten", "sitting"), 3);
    T_EQ(config_distance("ab", "ba"), 1);
    T_EQ(config_distance("", "abc"), 3);
}

static ConfigTree *
parse(const char *text, ConfigProblems *problems)
{
    const ConfigSource *source = config_problems_source(problems, "t", text, strlen(text));

    return config_tree_parse(source, problems);
}

static void
rewrites(const char *text, const char *expected)
{
    static const ConfigEdit edits[] = {
        {"port", "tcp-port", "7002", false},
        {"seeds", NULL, "10.0.0.1:1@2 [::1]:3", true},
        {"note", NULL, "say \"a b\": #", false},
    };
    char *why = NULL;
    g_autofree char *out = config_rewrite(text, strlen(text), edits, 3, &why);

    T_STR_EQ(out == NULL ? why : out, expected);
    g_free(why);
}

#define NOTE "note: \"say \\\"a b\\\": #\"\n"
#define SEEDS "seeds: [10.0.0.1:1@2, \"[::1]:3\"]\n"

/* New values stand where the old ones stood, comments and order stay, and what was not there is
 * added at the end. */
static void
test_rewrite_keeps_what_people_wrote(void)
{
    rewrites("", "port: 7002\n" SEEDS NOTE);
    rewrites("port: 1 # why\n", "port: 7002 # why\n" SEEDS NOTE);
    rewrites("# a\n\nport:   \"1\"\nb: 2", "# a\n\nport:   7002\nb: 2\n" SEEDS NOTE);
    rewrites("tcp_port: 1\n", "tcp_port: 7002\n" SEEDS NOTE);
    rewrites("port:\nb: 1\n", "port: 7002\nb: 1\n" SEEDS NOTE);
    rewrites("seeds:  # mine\n  - a\n  - b # two\n# of c\nc: 1\n",
             "seeds: [10.0.0.1:1@2, \"[::1]:3\"] # two\n# of c\nc: 1\nport: 7002\n" NOTE);
    rewrites("seeds:\n- a\nport: 1\n", SEEDS "port: 7002\n" NOTE);
    rewrites("seeds: [a, b]  # two\n",
             "seeds: [10.0.0.1:1@2, \"[::1]:3\"]  # two\nport: 7002\n" NOTE);
    rewrites("x: [a, {port: 1}]\ny: {port: 2}\n",
             "x: [a, {port: 1}]\ny: {port: 2}\nport: 7002\n" SEEDS NOTE);
    rewrites("\xc3\xa4: \xc3\xb6 # \xc3\xbc\nport: 1\n",
             "\xc3\xa4: \xc3\xb6 # \xc3\xbc\nport: 7002\n" SEEDS NOTE);
    rewrites("{port: 1}\n", "it is one map in braces");
    rewrites("port: [1\n", "it is not YAML any more");
    rewrites("port: \xff\n", "it is not UTF-8");
}

/* Every value knows its line and column, characters counted, not bytes. */
static void
test_tree_knows_places(void)
{
    ConfigProblems *problems = config_problems_new();
    ConfigTree *tree = parse("a: 1\nb:\n  - x: äö kill n9\n", problems);
    const ConfigNode *text = NULL;
    ConfigPlace place;
    g_autofree char *path = NULL;

    T_REQUIRE(tree != NULL);
    text = config_node_find(config_tree_root(tree), "b")->children[0]->children[0];
    place = config_node_place_at(text, strlen("äö kill "), 2);
    path = config_node_path(text);
    T_STR_EQ(text->key, "x");
    T_EQ(text->key_place.line, 3);
    T_EQ(text->key_place.column, 5);
    T_EQ(place.line, 3);
    T_EQ(place.column, 16);
    T_EQ(place.length, 2);
    T_STR_EQ(path, "b.0.x");
    config_tree_free(tree);
    config_problems_free(problems);
}

/* Aliases, several documents, keys said twice, NUL bytes and deep nests are refused. */
static void
test_tree_refuses(void)
{
    static const char *const cases[] = {
        "a: &x 1\nb: *x\n", "a: 1\n---\nb: 2\n", "a: 1\na: 2\n",
        "[a]: 1\n",         "a: [1, 2\n",        "a: 'x\n",
        "a: {b: 1\n",       "\xff\xfe\xff",      "a: [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]\n",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        ConfigProblems *problems = config_problems_new();
        ConfigTree *tree = parse(cases[i], problems);

        T_TRUE(config_problems_count(problems) > 0);
        config_tree_free(tree);
        config_problems_free(problems);
    }
}

static const Test tests[] = {
    TEST(test_quantity_reads_exactly),
    TEST(test_quantity_refuses),
    TEST(test_quantity_formats_what_it_reads),
    TEST(test_setting_rows_fit_the_struct),
    TEST(test_settings_read_redis_forms),
    TEST(test_settings_keep_texts),
    TEST(test_settings_are_fixed_as_told),
    TEST(test_settings_are_all_named),
    TEST(test_nearest_word),
    TEST(test_rewrite_keeps_what_people_wrote),
    TEST(test_tree_knows_places),
    TEST(test_tree_refuses),
};

T_MAIN("config", tests)
