/* Algorithms by name, and settings: of all nodes, or of some. */
#include "scenario_settings.h"

#include <orrery/plant.h>
#include <setting.h>
#include <string.h>

#include "grammar_clauses.h"

static SimNodeSpec *
node_at(SimReader *self, unsigned index)
{
    return (SimNodeSpec *)(uintptr_t)&self->scenario->nodes[index];
}

static void
apply_use(SimReader *self, const SimSentence *out)
{
    OrrSettings *settings = &self->scenario->settings;

    switch ((int)out->kind) {
    case SIM_CLAUSE_USE_COORDINATION:
        settings->coordination = (OrrCoordination)out->part[SIM_PART_CHOICE].choice;
        break;
    case SIM_CLAUSE_USE_REPLICATION:
        settings->replication = (OrrReplicationMode)out->part[SIM_PART_CHOICE].choice;
        break;
    case SIM_CLAUSE_USE_DETECTOR:
        if (sim_sentence_has(out, SIM_PART_AMOUNT)) {
            settings->heartbeat_ns = out->part[SIM_PART_AMOUNT].number;
        }
        if (sim_sentence_has(out, SIM_PART_WITHIN)) {
            settings->node_timeout_ns = out->part[SIM_PART_WITHIN].number;
        }
        break;
    default:
        break;
    }
}

/* The key belongs to the sentence, so it is put in front; columns stay those of the value. */
static void
read_use_line(SimReader *self, const ConfigNode *node)
{
    SimWords words = sim_words_of_node(self->arena, node);
    GArray *tokens = g_array_new(FALSE, FALSE, sizeof(SimWordToken));
    SimWordToken key = {node->key, 0, strlen(node->key)};
    SimSentence out = {0};
    const SimRow *row = NULL;

    g_array_append_val(tokens, key);
    g_array_append_vals(tokens, words.tokens, (guint)words.count);
    words.count = tokens->len;
    words.tokens = (SimWordToken *)sim_arena_keep(self->arena, g_array_free(tokens, FALSE));
    row = sim_parse_sentence(self->arena, self->names, &words, 0, SIM_CONTEXT_USE, &out,
                             self->problems);
    if (row != NULL && sim_read_row_is_here(self, row, node->place)) {
        apply_use(self, &out);
    }
}

static void
read_use(SimReader *self, const ConfigNode *cluster)
{
    ConfigNode *use = sim_read_child(cluster, "use");

    if (use == NULL || !sim_read_is(self, use, CONFIG_NODE_MAP)) {
        return;
    }
    for (size_t i = 0; i < use->child_count; i++) {
        ConfigNode *node = use->children[i];

        if (!sim_read_key_is_known("cluster.use", node->key)) {
            continue;
        }
        if (sim_read_is(self, node, CONFIG_NODE_TEXT)) {
            read_use_line(self, node);
        }
    }
    sim_read_refuse_unknown(self, use, "cluster.use");
}

/* Finds the setting that a key names, and its value. NULL: a problem. */
static const ConfigSetting *
read_setting(SimReader *self, const ConfigNode *node, int64_t *value)
{
    const ConfigSetting *setting = config_setting_find(node->key);
    const char *near = config_setting_nearest(node->key);
    g_autofree char *why = NULL;

    if (setting == NULL && near != NULL) {
        sim_read_problem(self, node->key_place, "there is no setting `%s`; did you mean `%s`?",
                         node->key, near);
        return NULL;
    }
    if (setting == NULL) {
        sim_read_problem(self, node->key_place,
                         "there is no setting `%s`; `orrery explain settings` lists them",
                         node->key);
        return NULL;
    }
    if (!sim_read_is(self, node, CONFIG_NODE_TEXT)) {
        return NULL;
    }
    if (!config_setting_read(setting, node->text, value, &why)) {
        sim_read_problem(self, node->place, "`%s` %s", node->text, why);
        return NULL;
    }
    return setting;
}

/* `n1..n3: {unsafe-promotion: yes}` */
static void
read_settings_of(SimReader *self, const ConfigNode *map)
{
    const SimTarget *who = NULL;
    g_autofree bool *member = g_new0(bool, self->scenario->node_count + 1);

    if (!sim_read_key_target(self, map, &who)) {
        return;
    }
    if (who != NULL && !sim_target_fixed(self->scenario, who, member)) {
        sim_read_problem(
            self, map->key_place,
            "who this is depends on the run; settings go by names, sites or shards");
        return;
    }
    for (size_t i = 0; i < map->child_count; i++) {
        int64_t value = 0;
        const ConfigSetting *setting = read_setting(self, map->children[i], &value);

        for (unsigned j = 0; setting != NULL && j < self->scenario->node_count; j++) {
            if (who == NULL || member[j]) {
                config_setting_apply(setting, value, &node_at(self, j)->settings);
            }
        }
    }
}

static void
read_settings_of_all(SimReader *self, const ConfigNode *map)
{
    for (size_t i = 0; i < map->child_count; i++) {
        int64_t value = 0;
        const ConfigSetting *setting = NULL;

        if (map->children[i]->kind == CONFIG_NODE_MAP) {
            continue;
        }
        setting = read_setting(self, map->children[i], &value);
        if (setting != NULL) {
            config_setting_apply(setting, value, &self->scenario->settings);
        }
    }
}

static uint64_t
planted(const SimOverrides *overrides)
{
#define PLANT_NAME(name, text, meaning) text,
    static const char *const names[] = {ORR_PLANTS(PLANT_NAME)};
#undef PLANT_NAME
    uint64_t bits = 0;

    for (unsigned i = 0; overrides != NULL && i < overrides->plant_count; i++) {
        for (size_t j = 0; j < G_N_ELEMENTS(names); j++) {
            bits |= strcmp(names[j], overrides->plants[i]) == 0 ? UINT64_C(1) << j : 0;
        }
    }
    return bits;
}

static void
read_voters(SimReader *self, const ConfigNode *cluster)
{
    ConfigNode *node = sim_read_child(cluster, "voters");
    int64_t value = 0;
    const ConfigSetting *setting = node == NULL ? NULL : read_setting(self, node, &value);

    if (setting != NULL) {
        config_setting_apply(setting, value, &self->scenario->settings);
    }
}

void
sim_read_settings(SimReader *self, const ConfigNode *cluster)
{
    const ConfigNode *map = NULL;

    self->scenario->settings = orr_settings_default();
    if (cluster != NULL && cluster->kind == CONFIG_NODE_MAP) {
        map = sim_read_child(cluster, "settings");
        map = map != NULL && sim_read_is(self, map, CONFIG_NODE_MAP) ? map : NULL;
        read_use(self, cluster);
        read_voters(self, cluster);
    }
    if (map != NULL) {
        read_settings_of_all(self, map);
    }
    self->scenario->settings.planted = planted(self->overrides);
    for (unsigned i = 0; i < self->scenario->node_count; i++) {
        node_at(self, i)->settings = self->scenario->settings;
    }
    for (size_t i = 0; map != NULL && i < map->child_count; i++) {
        if (map->children[i]->kind == CONFIG_NODE_MAP) {
            read_settings_of(self, map->children[i]);
        }
    }
}
