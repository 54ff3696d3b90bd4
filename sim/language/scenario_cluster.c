/* The section `cluster`: nodes, sites, clusters, shards, and how slots are dealt. */
#include <orrery/plant.h>
#include <quantity.h>
#include <string.h>

#include "grammar_clauses.h"
#include "scenario_read.h"
#include "scenario_settings.h"

static SimNodeSpec *
node_at(SimReader *self, unsigned index)
{
    return &g_array_index(self->nodes, SimNodeSpec, index);
}

static bool
is_a_name(const char *text)
{
    return g_ascii_isalpha(text[0]) &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
               strlen(text);
}

/* Gives a name to somebody, unless it is somebody else's already. */
static bool
take_name(SimReader *self, SimNameKind kind, const char *name, unsigned index,
          ConfigPlace place)
{
    if (!is_a_name(name)) {
        sim_read_problem(self, place,
                         "`%s` is no name; names are letters, digits, - and _, a letter first",
                         name);
        return false;
    }
    if (kind != SIM_NAME_NODE && kind != SIM_NAME_SHARD &&
        sim_names_find(self->names, SIM_NAME_NODE, name) != SIM_NAMES_NONE) {
        sim_read_problem(self, place, "`%s` is the name of a node already", name);
        return false;
    }
    if (!sim_names_add(self->names, kind, name, index)) {
        sim_read_problem(self, place, "a %s called `%s` is there already",
                         sim_name_kind_text(kind), name);
        return false;
    }
    return true;
}

static void
add_node(SimReader *self, const char *name, ConfigPlace place)
{
    SimNodeSpec node = {.name = sim_arena_text(self->arena, name),
                        .shard = SIM_NONE,
                        .site = SIM_NONE,
                        .weight = 100,
                        .role = ORR_ROLE_PRIMARY,
                        .where = sim_where(place)};

    if (self->nodes->len >= SIM_NODES_MAX) {
        sim_read_problem(self, place, "more than %u nodes", SIM_NODES_MAX);
        return;
    }
    if (take_name(self, SIM_NAME_NODE, name, self->nodes->len, place)) {
        g_array_append_val(self->nodes, node);
    }
}

/* Calls `each` for every name of a text such as `n1 n3..n5`. */
static void
for_each_name(SimReader *self, const ConfigNode *node,
              void (*each)(SimReader *, const char *, ConfigPlace, void *), void *context)
{
    GPtrArray *lines = sim_read_lines(self, node);

    for (guint i = 0; i < lines->len; i++) {
        SimWords words = sim_words_of_node(self->arena, lines->pdata[i]);

        for (size_t j = 0; j < words.count; j++) {
            char *why = NULL;
            ConfigPlace place = sim_words_place(&words, j);
            g_auto(GStrv) names = sim_names_expand(words.tokens[j].text, &why);

            if (strcmp(words.tokens[j].text, ",") == 0) {
                continue;
            }
            if (names == NULL) {
                sim_read_problem(self, place, "`%s` %s", words.tokens[j].text, why);
                g_free(why);
            }
            for (guint k = 0; names != NULL && names[k] != NULL; k++) {
                each(self, names[k], place, context);
            }
        }
    }
    g_ptr_array_free(lines, TRUE);
}

static void
each_new_node(SimReader *self, const char *name, ConfigPlace place, void *context)
{
    (void)context;
    add_node(self, name, place);
}

/* A node that is there; otherwise SIM_NAMES_NONE and a problem. */
static unsigned
known_node(SimReader *self, const char *name, ConfigPlace place)
{
    unsigned index = sim_names_find(self->names, SIM_NAME_NODE, name);
    ConfigNearest nearest = config_nearest(name);
    const char *other = NULL;

    if (index != SIM_NAMES_NONE) {
        return index;
    }
    for (unsigned i = 0; (other = sim_names_at(self->names, SIM_NAME_NODE, i)) != NULL; i++) {
        config_nearest_offer(&nearest, other);
    }
    sim_read_problem(self, place, "no node is called `%s`%s%s%s", name,
                     nearest.best == NULL ? "" : "; did you mean `",
                     nearest.best == NULL ? "" : nearest.best,
                     nearest.best == NULL ? "" : "`?");
    return SIM_NAMES_NONE;
}

/* Witnesses and spares may be among `nodes`, or be named here for the first time. */
static void
each_special(SimReader *self, const char *name, ConfigPlace place, void *context)
{
    bool spare = *(bool *)context;
    unsigned index = sim_names_find(self->names, SIM_NAME_NODE, name);

    if (index == SIM_NAMES_NONE) {
        index = self->nodes->len;
        add_node(self, name, place);
        if (index == self->nodes->len) {
            return;
        }
    }
    if (spare) {
        node_at(self, index)->spare = true;
    } else {
        node_at(self, index)->role = ORR_ROLE_WITNESS;
    }
}

/* Whoever joins in the timeline is a spare until then, declared or not. */
static void
add_joiners(SimReader *self)
{
    const ConfigNode *lines = config_node_find(config_tree_root(self->tree), "timeline");

    for (size_t i = 0; lines != NULL && i < lines->child_count; i++) {
        const ConfigNode *line = lines->children[i];
        const ConfigNode *command = line->child_count == 1 ? line->children[0] : NULL;
        SimWords words = {0};
        bool yes = true;

        if (command == NULL || command->kind != CONFIG_NODE_TEXT ||
            !g_str_has_prefix(command->text, "join ")) {
            continue;
        }
        words = sim_words_of_node(self->arena, command);
        if (words.count > 1 && is_a_name(words.tokens[1].text) &&
            g_ascii_isdigit(words.tokens[1].text[words.tokens[1].size - 1]) &&
            sim_names_find(self->names, SIM_NAME_NODE, words.tokens[1].text) ==
                SIM_NAMES_NONE) {
            each_special(self, words.tokens[1].text, sim_words_place(&words, 1), &yes);
        }
    }
}

static void
read_nodes(SimReader *self, const ConfigNode *cluster)
{
    const ConfigNode *nodes = sim_read_child(cluster, "nodes");
    const ConfigNode *witnesses = sim_read_child(cluster, "witnesses");
    const ConfigNode *spares = sim_read_child(cluster, "spares");
    bool no = false;
    bool yes = true;

    if (nodes == NULL) {
        sim_read_problem(self, cluster->key_place, "`nodes: n1..n3` is missing in it");
        return;
    }
    for_each_name(self, nodes, each_new_node, NULL);
    if (witnesses != NULL) {
        for_each_name(self, witnesses, each_special, &no);
    }
    if (spares != NULL) {
        for_each_name(self, spares, each_special, &yes);
    }
    add_joiners(self);
    if (self->nodes->len == 0) {
        sim_read_problem(self, nodes->key_place, "a cluster without nodes");
    }
}

typedef struct Group {
    GArray *nodes; /* unsigned */
    unsigned *(*field)(SimNodeSpec *);
    unsigned index;
    const char *kind;
} Group;

static unsigned *
field_site(SimNodeSpec *node)
{
    return &node->site;
}

static unsigned *
field_cluster(SimNodeSpec *node)
{
    return &node->cluster;
}

static unsigned *
field_shard(SimNodeSpec *node)
{
    return &node->shard;
}

static void
each_member(SimReader *self, const char *name, ConfigPlace place, void *context)
{
    Group *group = context;
    unsigned node = known_node(self, name, place);
    unsigned *field = NULL;

    if (node == SIM_NAMES_NONE) {
        return;
    }
    field = group->field(node_at(self, node));
    if (*field != SIM_NONE) {
        sim_read_problem(self, place, "`%s` is in %s already", name, group->kind);
        return;
    }
    *field = group->index;
    g_array_append_val(group->nodes, node);
}

static const unsigned *
group_nodes(SimReader *self, const ConfigNode *node, Group group, unsigned *count)
{
    group.nodes = g_array_new(FALSE, FALSE, sizeof(unsigned));
    for_each_name(self, node, each_member, &group);
    if (group.nodes->len == 0) {
        sim_read_problem(self, node->place, "names nobody");
    }
    return sim_read_keep(self, group.nodes, count);
}

static void
read_sites(SimReader *self, const ConfigNode *cluster)
{
    GArray *sites = g_array_new(FALSE, TRUE, sizeof(SimSiteSpec));
    static const char *const keys[] = {"sites", "zones"};

    for (size_t k = 0; k < G_N_ELEMENTS(keys); k++) {
        const ConfigNode *map = sim_read_child(cluster, keys[k]);

        for (size_t i = 0;
             map != NULL && sim_read_is(self, map, CONFIG_NODE_MAP) && i < map->child_count;
             i++) {
            const ConfigNode *node = map->children[i];
            SimSiteSpec site = {.name = sim_arena_text(self->arena, node->key),
                                .where = sim_where(node->key_place)};

            if (take_name(self, SIM_NAME_SITE, node->key, sites->len, node->key_place)) {
                site.nodes = group_nodes(
                    self, node,
                    (Group){.field = field_site, .index = sites->len, .kind = "a site"},
                    &site.node_count);
                g_array_append_val(sites, site);
            }
        }
    }
    self->scenario->sites = sim_read_keep(self, sites, &self->scenario->site_count);
}

/* All nodes are one cluster unless the file tells several apart. */
static void
read_clusters(SimReader *self, const ConfigNode *cluster)
{
    const ConfigNode *map = sim_read_child(cluster, "clusters");
    GArray *clusters = g_array_new(FALSE, TRUE, sizeof(SimClusterSpec));
    bool given = map != NULL && sim_read_is(self, map, CONFIG_NODE_MAP);

    for (guint i = 0; i < self->nodes->len; i++) {
        node_at(self, i)->cluster = given ? SIM_NONE : 0;
    }
    for (size_t i = 0; given && i < map->child_count; i++) {
        const ConfigNode *node = map->children[i];
        SimClusterSpec spec = {.name = sim_arena_text(self->arena, node->key)};

        if (take_name(self, SIM_NAME_CLUSTER, node->key, clusters->len, node->key_place)) {
            spec.nodes = group_nodes(
                self, node,
                (Group){.field = field_cluster, .index = clusters->len, .kind = "a cluster"},
                &spec.node_count);
            g_array_append_val(clusters, spec);
        }
    }
    for (guint i = 0; given && i < self->nodes->len; i++) {
        if (node_at(self, i)->cluster == SIM_NONE) {
            sim_read_problem(self, map->key_place, "`%s` is in none of the clusters",
                             node_at(self, i)->name);
            node_at(self, i)->cluster = 0;
        }
    }
    if (!given) {
        SimClusterSpec spec = {.name = "cluster", .node_count = self->nodes->len};
        unsigned *all = sim_arena_new0(self->arena, unsigned, self->nodes->len);

        for (guint i = 0; i < self->nodes->len; i++) {
            all[i] = i;
        }
        spec.nodes = all;
        g_array_append_val(clusters, spec);
    }
    self->scenario->clusters = sim_read_keep(self, clusters, &self->scenario->cluster_count);
}

static bool
holds_data(const SimNodeSpec *node)
{
    return !node->spare && node->role != ORR_ROLE_WITNESS;
}

static void
finish_shard(SimReader *self, GArray *shards, SimShardSpec *shard)
{
    if (shard->node_count == 0) {
        return;
    }
    shard->primary = shard->nodes[0];
    shard->cluster = node_at(self, shard->primary)->cluster;
    shard->weight = 100;
    for (unsigned i = 0; i < shard->node_count; i++) {
        SimNodeSpec *node = node_at(self, shard->nodes[i]);
        node->shard = shards->len;
        node->role = i == 0 ? ORR_ROLE_PRIMARY : ORR_ROLE_REPLICA;
    }
    g_array_append_val(shards, *shard);
}

static void
read_named_shards(SimReader *self, const ConfigNode *map, GArray *shards)
{
    for (size_t i = 0; i < map->child_count; i++) {
        const ConfigNode *node = map->children[i];
        SimShardSpec shard = {.name = sim_arena_text(self->arena, node->key),
                              .where = sim_where(node->key_place)};

        if (take_name(self, SIM_NAME_SHARD, node->key, shards->len, node->key_place)) {
            shard.nodes = group_nodes(
                self, node,
                (Group){.field = field_shard, .index = shards->len, .kind = "a shard"},
                &shard.node_count);
            finish_shard(self, shards, &shard);
        }
    }
    for (guint i = 0; i < self->nodes->len; i++) {
        const SimNodeSpec *node = node_at(self, i);
        if (node->shard == SIM_NONE && holds_data(node)) {
            sim_read_problem(self, map->key_place,
                             "`%s` is in no shard; say under `witnesses` or `spares` if it "
                             "holds no data",
                             node->name);
        }
    }
}

/* Deals the data nodes of a cluster: the first `count` are primaries, the rest go round. */
static void
deal_shards(SimReader *self, unsigned cluster, unsigned count, unsigned replicas,
            GArray *shards, ConfigPlace place)
{
    g_autoptr(GArray) members = g_array_new(FALSE, FALSE, sizeof(unsigned));
    bool letters = count * self->scenario->cluster_count <= 26;

    for (unsigned i = 0; i < self->nodes->len; i++) {
        if (node_at(self, i)->cluster == cluster && holds_data(node_at(self, i))) {
            g_array_append_val(members, i);
        }
    }
    if (members->len != count * (1 + replicas)) {
        sim_read_problem(self, place, "%u x %u are %u nodes, and there are %u that hold data",
                         count, 1 + replicas, count * (1 + replicas), members->len);
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        unsigned *nodes = sim_arena_new0(self->arena, unsigned, 1 + replicas);
        SimShardSpec shard = {.nodes = nodes, .node_count = 1 + replicas};

        shard.where = sim_where(place);
        shard.name = letters ? sim_arena_format(self->arena, "%c", 'a' + (int)shards->len)
                             : sim_arena_format(self->arena, "s%u", shards->len + 1);
        for (unsigned j = 0; j <= replicas; j++) {
            nodes[j] = g_array_index(members, unsigned, i + j * count);
        }
        sim_names_add(self->names, SIM_NAME_SHARD, shard.name, shards->len);
        finish_shard(self, shards, &shard);
    }
}

static void
read_dealt_shards(SimReader *self, const ConfigNode *node, GArray *shards)
{
    SimWords words = sim_words_of_node(self->arena, node);
    SimSentence out = {0};
    int64_t count = 0;
    int64_t replicas = 0;

    if (sim_parse_sentence(self->arena, self->names, &words, 0, SIM_CONTEXT_SHARDS, &out,
                           self->problems) == NULL) {
        return;
    }
    count = out.part[SIM_PART_COUNT].number;
    replicas = out.part[SIM_PART_AMOUNT].number;
    if (count < 1 || count > SIM_NODES_MAX || replicas > SIM_NODES_MAX) {
        sim_read_problem(self, node->place, "so many shards cannot be");
        return;
    }
    for (unsigned i = 0; i < self->scenario->cluster_count; i++) {
        deal_shards(self, i, (unsigned)count, (unsigned)replicas, shards, node->place);
    }
}

/* Without `shards`, each node is the primary of a shard that has its name. */
static void
read_shards(SimReader *self, const ConfigNode *cluster)
{
    const ConfigNode *node = sim_read_child(cluster, "shards");
    GArray *shards = g_array_new(FALSE, TRUE, sizeof(SimShardSpec));

    if (node != NULL && node->kind == CONFIG_NODE_MAP) {
        read_named_shards(self, node, shards);
    } else if (node != NULL && sim_read_is(self, node, CONFIG_NODE_TEXT)) {
        read_dealt_shards(self, node, shards);
    }
    for (unsigned i = 0; node == NULL && i < self->nodes->len; i++) {
        SimShardSpec shard = {
            .name = node_at(self, i)->name, .node_count = 1, .where = node_at(self, i)->where};
        unsigned *only = sim_arena_new0(self->arena, unsigned, 1);

        only[0] = i;
        shard.nodes = only;
        if (holds_data(node_at(self, i))) {
            sim_names_add(self->names, SIM_NAME_SHARD, shard.name, shards->len);
            finish_shard(self, shards, &shard);
        }
    }
    self->scenario->shards = sim_read_keep(self, shards, &self->scenario->shard_count);
}

static void
read_weights(SimReader *self, const ConfigNode *cluster)
{
    const ConfigNode *map = sim_read_child(cluster, "weights");
    SimShardSpec *shards = (SimShardSpec *)(uintptr_t)self->scenario->shards;

    for (size_t i = 0;
         map != NULL && sim_read_is(self, map, CONFIG_NODE_MAP) && i < map->child_count; i++) {
        const ConfigNode *node = map->children[i];
        unsigned index = known_node(self, node->key, node->key_place);
        int64_t weight = 0;
        char *why = NULL;

        if (index == SIM_NAMES_NONE || !sim_read_is(self, node, CONFIG_NODE_TEXT)) {
            continue;
        }
        if (!config_quantity_read(CONFIG_COUNT, node->text, &weight, &why)) {
            sim_read_problem(self, node->place, "`%s` %s", node->text, why);
            g_free(why);
        } else if (weight < 0 || weight > 4096) {
            sim_read_problem(self, node->place, "a weight is 0 to 4096");
        } else {
            node_at(self, index)->weight = (uint32_t)weight;
            if (node_at(self, index)->role == ORR_ROLE_PRIMARY &&
                node_at(self, index)->shard != SIM_NONE) {
                shards[node_at(self, index)->shard].weight = (uint32_t)weight;
            }
        }
    }
}

/* One of a few words; the index, or `standard`. */
static unsigned
read_word(SimReader *self, const ConfigNode *map, const char *key, const char *const *words,
          unsigned standard)
{
    const ConfigNode *node = sim_read_child(map, key);
    g_autofree char *all = g_strjoinv(", ", (char **)(uintptr_t)words);

    if (node == NULL || !sim_read_is(self, node, CONFIG_NODE_TEXT)) {
        return standard;
    }
    for (unsigned i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], node->text) == 0) {
            return i;
        }
    }
    sim_read_problem(self, node->place, "`%s` is none of %s", node->text, all);
    return standard;
}

void
sim_read_cluster(SimReader *self)
{
    static const char *const deals[] = {"even", "weights", "ring", NULL};
    static const char *const no_yes[] = {"no", "yes", NULL};
    ConfigNode *root = config_tree_root(self->tree);
    ConfigNode *cluster = sim_read_child(root, "cluster");

    self->nodes = g_array_new(FALSE, TRUE, sizeof(SimNodeSpec));
    if (cluster == NULL) {
        sim_read_problem(self, root->place, "`cluster:` is missing: which nodes there are");
    } else if (sim_read_is(self, cluster, CONFIG_NODE_MAP)) {
        read_nodes(self, cluster);
        read_sites(self, cluster);
        read_clusters(self, cluster);
        read_shards(self, cluster);
        read_weights(self, cluster);
        self->scenario->deal = (SimDeal)read_word(self, cluster, "slots", deals, SIM_DEAL_EVEN);
        self->scenario->formed = read_word(self, cluster, "formed", no_yes, 1) == 1;
    }
    self->scenario->nodes = sim_read_keep(self, self->nodes, &self->scenario->node_count);
    self->nodes = NULL;
    sim_read_settings(self, cluster);
    if (cluster != NULL) {
        sim_read_refuse_unknown(self, cluster, "cluster");
    }
}
