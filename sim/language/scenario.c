/* From a file to a scenario: overrides, plain keys, and the order in which sections are read.
 */
#include <errno.h>
#include <nearest.h>
#include <orrery/plant.h>
#include <quantity.h>
#include <setting.h>
#include <stdarg.h>
#include <string.h>

#include "run.h"
#include "scenario_read.h"

void
sim_read_problem(SimReader *self, ConfigPlace place, const char *format, ...)
{
    va_list arguments;
    g_autofree char *message = NULL;

    va_start(arguments, format);
    message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    config_problems_add(self->problems, place, "%s", message);
}

SimWhere
sim_where(ConfigPlace place)
{
    return (SimWhere){place.line, place.column};
}

ConfigNode *
sim_read_child(const ConfigNode *map, const char *key)
{
    return config_node_find(map, key);
}

bool
sim_read_is(SimReader *self, const ConfigNode *node, ConfigNodeKind kind)
{
    static const char *const names[] = {"a text", "a list (lines that begin with -)",
                                        "a map (lines of `key: value`)"};

    if (node->kind == kind) {
        return true;
    }
    sim_read_problem(self, node->key != NULL ? node->key_place : node->place,
                     "%s is expected here, and this is %s", names[kind], names[node->kind]);
    return false;
}

const char *
sim_read_text(SimReader *self, const ConfigNode *map, const char *key)
{
    const ConfigNode *child = sim_read_child(map, key);

    if (child == NULL || !sim_read_is(self, child, CONFIG_NODE_TEXT)) {
        return NULL;
    }
    return sim_arena_text(self->arena, child->text);
}

bool
sim_read_time(SimReader *self, const ConfigNode *map, const char *key, OrrTime *time)
{
    const ConfigNode *child = sim_read_child(map, key);
    char *why = NULL;

    if (child == NULL || !sim_read_is(self, child, CONFIG_NODE_TEXT)) {
        return false;
    }
    if (!config_quantity_read(CONFIG_DURATION, child->text, time, &why)) {
        sim_read_problem(self, child->place, "`%s` %s", child->text, why);
        g_free(why);
        return false;
    }
    if (*time < 0) {
        sim_read_problem(self, child->place, "`%s` is negative", child->text);
        return false;
    }
    return true;
}

static void
refuse_key(SimReader *self, const ConfigNode *node, const char *parent)
{
    ConfigNearest nearest = config_nearest(node->key);
    GString *all = g_string_new(NULL);

    for (const SimKeyRow *row = sim_grammar_keys; row->key != NULL; row++) {
        if (sim_key_is_in(row, parent)) {
            config_nearest_offer(&nearest, sim_key_last(row));
            g_string_append_printf(all, "%s%s", all->len == 0 ? "" : ", ", sim_key_last(row));
        }
    }
    if (nearest.best == NULL) {
        sim_read_problem(self, node->key_place, "there is no key `%s` here; known are %s",
                         node->key, all->str);
    } else {
        sim_read_problem(self, node->key_place, "there is no key `%s` here; did you mean `%s`?",
                         node->key, nearest.best);
    }
    g_string_free(all, TRUE);
}

bool
sim_read_key_is_known(const char *parent, const char *key)
{
    for (const SimKeyRow *row = sim_grammar_keys; row->key != NULL; row++) {
        if (sim_key_is_in(row, parent) && strcmp(sim_key_last(row), key) == 0) {
            return true;
        }
    }
    return false;
}

void
sim_read_refuse_unknown(SimReader *self, const ConfigNode *map, const char *parent)
{
    for (size_t i = 0; map->kind == CONFIG_NODE_MAP && i < map->child_count; i++) {
        if (!sim_read_key_is_known(parent, map->children[i]->key)) {
            refuse_key(self, map->children[i], parent);
        }
    }
}

void *
sim_read_keep(SimReader *self, GArray *array, unsigned *count)
{
    *count = array->len;
    return sim_arena_keep(self->arena, g_array_free(array, FALSE));
}

GPtrArray *
sim_read_lines(SimReader *self, const ConfigNode *node)
{
    GPtrArray *lines = g_ptr_array_new();

    if (node->kind == CONFIG_NODE_TEXT) {
        g_ptr_array_add(lines, (gpointer)(uintptr_t)node);
    }
    for (size_t i = 0; node->kind == CONFIG_NODE_LIST && i < node->child_count; i++) {
        if (sim_read_is(self, node->children[i], CONFIG_NODE_TEXT)) {
            g_ptr_array_add(lines, node->children[i]);
        }
    }
    if (node->kind == CONFIG_NODE_MAP) {
        sim_read_is(self, node, CONFIG_NODE_LIST);
    }
    return lines;
}

bool
sim_read_row_is_here(SimReader *self, const SimRow *row, ConfigPlace place)
{
    if (row->later == NULL || self->excused) {
        return true;
    }
    sim_read_problem(self, place, "not in this version: %s", row->later);
    return false;
}

static void
read_seed(SimReader *self, const ConfigNode *root)
{
    const ConfigNode *node = sim_read_child(root, "seed");
    const char *dots = NULL;
    g_autofree char *first = NULL;
    bool fine = false;

    self->scenario->seed_first = self->scenario->seed_last = 1;
    if (node == NULL || !sim_read_is(self, node, CONFIG_NODE_TEXT)) {
        return;
    }
    dots = strstr(node->text, "..");
    first = dots == NULL ? g_strdup(node->text)
                         : g_strndup(node->text, (size_t)(dots - node->text));
    fine = g_ascii_string_to_unsigned(first, 10, 0, G_MAXUINT64, &self->scenario->seed_first,
                                      NULL);
    self->scenario->seed_last = self->scenario->seed_first;
    if (fine && dots != NULL) {
        fine = g_ascii_string_to_unsigned(dots + 2, 10, self->scenario->seed_first,
                                          G_MAXUINT64 - 1, &self->scenario->seed_last, NULL);
    }
    if (!fine) {
        sim_read_problem(self, node->place, "`%s` is neither a seed nor a range such as 1..200",
                         node->text);
    }
}

static void
read_stop(SimReader *self, const ConfigNode *root)
{
    const ConfigNode *node = sim_read_child(root, "stop");

    self->scenario->stop = SIM_STOP_ALL_SEEDS;
    if (node == NULL || !sim_read_is(self, node, CONFIG_NODE_TEXT)) {
        return;
    }
    if (strcmp(node->text, "first failure") == 0) {
        self->scenario->stop = SIM_STOP_FIRST_FAILURE;
    } else if (strcmp(node->text, "all seeds") != 0) {
        sim_read_problem(self, node->place, "`%s` is neither `first failure` nor `all seeds`",
                         node->text);
    }
}

static void
read_plain_keys(SimReader *self, const ConfigNode *root)
{
    const ConfigNode *version = sim_read_child(root, "version");
    const ConfigNode *run = sim_read_child(root, "run");

    self->scenario->name = sim_read_text(self, root, "scenario");
    if (self->scenario->name == NULL) {
        self->scenario->name = self->scenario->path;
    }
    if (version == NULL) {
        sim_read_problem(self, root->place,
                         "`version: 1` is missing: which version of the language this is");
    } else if (version->kind != CONFIG_NODE_TEXT || strcmp(version->text, "1") != 0) {
        sim_read_problem(self, version->place, "only version 1 of the language is known");
    }
    self->scenario->source = sim_read_text(self, root, "source");
    self->scenario->shows = sim_read_text(self, root, "shows");
    self->scenario->holds = sim_read_text(self, root, "holds");
    read_seed(self, root);
    read_stop(self, root);
    if (run == NULL) {
        sim_read_problem(self, root->place, "`run: 60s` is missing: how long the run is");
    } else if (sim_read_time(self, root, "run", &self->scenario->run_ns) &&
               self->scenario->run_ns == 0) {
        sim_read_problem(self, run->place, "a run of no time shows nothing");
    }
}

/* Where `--set KEY=` points to: a dotted path, a key of the file that is there once, a setting
 * of nodes, or a key of the first level. NULL: a problem. */
static char *
override_path(SimReader *self, const char *key, ConfigPlace place)
{
    g_auto(GStrv) paths = config_tree_find_key(self->tree, key);
    const ConfigSetting *setting = config_setting_find(key);
    g_auto(GStrv) keys = NULL;
    ConfigNearest nearest = config_nearest(key);
    const ConfigSetting *row = NULL;

    if (strchr(key, '.') != NULL || sim_read_key_is_known("", key)) {
        return g_strdup(key);
    }
    if (g_strv_length(paths) == 1) {
        return g_strdup(paths[0]);
    }
    if (setting != NULL) {
        return g_strdup_printf("cluster.settings.%s", setting->name);
    }
    if (g_strv_length(paths) > 1) {
        g_autofree char *all = g_strjoinv(", ", paths);
        sim_read_problem(self, place, "`%s` could be any of %s; say which", key, all);
        return NULL;
    }
    keys = config_tree_keys(self->tree);
    for (guint i = 0; keys[i] != NULL; i++) {
        config_nearest_offer(&nearest, keys[i]);
    }
    for (size_t i = 0; (row = config_setting_at(i)) != NULL; i++) {
        config_nearest_offer(&nearest, row->name);
    }
    for (const SimKeyRow *top = sim_grammar_keys; top->key != NULL; top++) {
        if (sim_key_is_in(top, "")) {
            config_nearest_offer(&nearest, top->key);
        }
    }
    if (nearest.best == NULL) {
        sim_read_problem(self, place, "there is no key `%s` in the file, and no such setting",
                         key);
    } else {
        sim_read_problem(self, place, "there is no key `%s`; did you mean `%s`?", key,
                         nearest.best);
    }
    return NULL;
}

static void
apply_override(SimReader *self, const char *text)
{
    const ConfigSource *source =
        config_problems_source(self->problems, "--set", text, strlen(text));
    const char *equal = strchr(text, '=');
    g_autofree char *key = equal == NULL ? NULL : g_strndup(text, (size_t)(equal - text));
    g_autofree char *path = NULL;
    ConfigPlace place = {source, 1, 1, (unsigned)strlen(key == NULL ? text : key)};

    if (key == NULL || key[0] == '\0') {
        sim_read_problem(self, place, "`--set` wants KEY=VALUE");
        return;
    }
    path = override_path(self, g_strstrip(key), place);
    if (path != NULL) {
        config_tree_set(self->tree, path, source, (size_t)(equal - text) + 1, place,
                        self->problems);
    }
}

static void
apply_overrides(SimReader *self)
{
    for (unsigned i = 0; self->overrides != NULL && i < self->overrides->set_count; i++) {
        apply_override(self, self->overrides->sets[i]);
    }
}

/* Keys that describe the world come before those that speak of it. */
static void
read_all(SimReader *self)
{
    ConfigNode *root = config_tree_root(self->tree);

    if (root->kind != CONFIG_NODE_MAP) {
        sim_read_is(self, root, CONFIG_NODE_MAP);
        return;
    }
    read_plain_keys(self, root);
    sim_read_cluster(self);
    sim_read_stores(self);
    sim_read_fleet_names(self);
    sim_read_line_names(self);
    sim_read_network(self);
    sim_read_clocks(self);
    sim_read_disks(self);
    sim_read_workload(self);
    sim_read_settle(self);
    sim_read_timeline(self);
    sim_read_chaos(self);
    sim_read_expectations(self);
    sim_read_naives(self);
    sim_read_report(self);
    sim_read_refuse_unknown(self, root, "");
}

static SimScenario *
parse_source(const char *name, const char *text, size_t size, const SimOverrides *overrides,
             ConfigProblems *problems)
{
    SimReader reader = {.problems = problems, .overrides = overrides};
    const ConfigSource *source = config_problems_source(problems, name, text, size);
    SimScenario *scenario = NULL;

    reader.tree = config_tree_parse(source, problems);
    if (reader.tree == NULL) {
        return NULL;
    }
    scenario = g_new0(SimScenario, 1);
    reader.scenario = scenario;
    reader.arena = scenario->owned = sim_arena_new();
    reader.names = sim_names_new();
    scenario->path = sim_arena_text(reader.arena, name);
    apply_overrides(&reader);
    read_all(&reader);
    sim_names_free(reader.names);
    config_tree_free(reader.tree);
    if (config_problems_count(problems) > 0) {
        sim_scenario_free(scenario);
        return NULL;
    }
    return scenario;
}

SimScenario *
sim_scenario_parse(const char *name, const char *text, size_t size,
                   const SimOverrides *overrides, FILE *err, bool color, int *exit_code)
{
    ConfigProblems *problems = config_problems_new();
    SimScenario *scenario = parse_source(name, text, size, overrides, problems);

    *exit_code = scenario == NULL ? SIM_EXIT_BAD_SCENARIO : SIM_EXIT_HELD;
    if (scenario == NULL && err != NULL) {
        config_problems_print(problems, err, color);
    }
    config_problems_free(problems);
    return scenario;
}

SimScenario *
sim_scenario_load(const char *path, const SimOverrides *overrides, FILE *err, bool color,
                  int *exit_code)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    gsize size = 0;

    if (!g_file_get_contents(path, &text, &size, &error)) {
        bool absent = g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOENT) ||
                      g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOTDIR) ||
                      g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_ISDIR) ||
                      g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_ACCES);
        fprintf(err, "%s: %s\n", path,
                absent ? "no such file, or it may not be read" : error->message);
        *exit_code = absent ? SIM_EXIT_NO_FILE : SIM_EXIT_IO;
        return NULL;
    }
    return sim_scenario_parse(path, text, size, overrides, err, color, exit_code);
}

void
sim_scenario_free(SimScenario *scenario)
{
    if (scenario == NULL) {
        return;
    }
    g_ptr_array_unref(scenario->owned);
    g_free(scenario);
}
