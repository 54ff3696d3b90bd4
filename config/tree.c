#include "tree.h"

#include <glib.h>
#include <string.h>
#include <yaml.h>

struct ConfigTree {
    ConfigNode *root;
    GPtrArray *nodes; /* owns all of them, detached ones too */
};

typedef struct Loader {
    ConfigTree *tree;
    const ConfigSource *source;
    ConfigProblems *problems;
    yaml_document_t document;
    unsigned line_shift; /* added to the columns of line 1: the text began inside of a line */
} Loader;

static void
node_free(gpointer data)
{
    ConfigNode *node = data;

    g_free(node->text);
    g_free(node->key);
    g_free(node->children);
    g_free(node);
}

static ConfigNode *
node_new(ConfigTree *tree, ConfigNodeKind kind, ConfigPlace place)
{
    ConfigNode *node = g_new0(ConfigNode, 1);

    node->kind = kind;
    node->place = place;
    g_ptr_array_add(tree->nodes, node);
    return node;
}

static void
add_child(ConfigNode *parent, ConfigNode *child)
{
    size_t count = parent->child_count;

    if ((count & (count - 1)) == 0) { /* room doubles at powers of two */
        parent->children = g_renew(ConfigNode *, parent->children, count == 0 ? 1 : 2 * count);
    }
    parent->children[parent->child_count++] = child;
    child->parent = parent;
}

static ConfigPlace
place_of_marks(const Loader *self, yaml_mark_t begin, yaml_mark_t end)
{
    ConfigPlace place = {self->source, (unsigned)begin.line + 1, (unsigned)begin.column + 1, 1};

    if (begin.line == 0) {
        place.column += self->line_shift;
    }
    if (end.line == begin.line && end.column > begin.column) {
        place.length = (unsigned)(end.column - begin.column);
    }
    return place;
}

static ConfigNode *load_node(Loader *self, int index, unsigned depth);

static void
load_pair(Loader *self, ConfigNode *map, const yaml_node_pair_t *pair, unsigned depth)
{
    yaml_node_t *key = yaml_document_get_node(&self->document, pair->key);
    ConfigPlace place = place_of_marks(self, key->start_mark, key->end_mark);
    ConfigNode *child = NULL;
    const ConfigNode *twin = NULL;

    if (key->type != YAML_SCALAR_NODE) {
        config_problems_add(self->problems, place, "a key must be a word, not a list or a map");
        return;
    }
    twin = config_node_find(map, (const char *)key->data.scalar.value);
    if (twin != NULL) {
        config_problems_add(self->problems, place,
                            "`%s` is here for the second time; it also is in line %u",
                            twin->key, twin->key_place.line);
        return;
    }
    child = load_node(self, pair->value, depth + 1);
    if (child != NULL) {
        child->key = g_strdup((const char *)key->data.scalar.value);
        child->key_place = place;
        add_child(map, child);
    }
}

static ConfigNode *
load_children(Loader *self, const yaml_node_t *yaml, ConfigNode *node, unsigned depth)
{
    if (depth >= CONFIG_TREE_DEPTH_MAX) {
        config_problems_add(self->problems, node->place, "nested deeper than %u levels",
                            CONFIG_TREE_DEPTH_MAX);
        return NULL;
    }
    if (yaml->type == YAML_MAPPING_NODE) {
        for (const yaml_node_pair_t *pair = yaml->data.mapping.pairs.start;
             pair < yaml->data.mapping.pairs.top; pair++) {
            load_pair(self, node, pair, depth);
        }
        return node;
    }
    for (const yaml_node_item_t *item = yaml->data.sequence.items.start;
         item < yaml->data.sequence.items.top; item++) {
        ConfigNode *child = load_node(self, *item, depth + 1);
        if (child != NULL) {
            add_child(node, child);
        }
    }
    return node;
}

static ConfigNode *
load_node(Loader *self, int index, unsigned depth)
{
    yaml_node_t *yaml = yaml_document_get_node(&self->document, index);
    ConfigPlace place = place_of_marks(self, yaml->start_mark, yaml->end_mark);
    ConfigNodeKind kind = yaml->type == YAML_MAPPING_NODE    ? CONFIG_NODE_MAP
                          : yaml->type == YAML_SEQUENCE_NODE ? CONFIG_NODE_LIST
                                                             : CONFIG_NODE_TEXT;
    ConfigNode *node = NULL;

    if (self->tree->nodes->len >= CONFIG_TREE_NODES_MAX) {
        config_problems_add(self->problems, place, "more than %u values in one file",
                            CONFIG_TREE_NODES_MAX);
        return NULL;
    }
    node = node_new(self->tree, kind, place);
    if (kind != CONFIG_NODE_TEXT) {
        node->place.length = 1;
        return load_children(self, yaml, node, depth);
    }
    node->text = g_strndup((const char *)yaml->data.scalar.value, yaml->data.scalar.length);
    node->plain = yaml->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
                  yaml->start_mark.line == yaml->end_mark.line;
    return node;
}

/* libyaml's tree cannot tell an alias from a copy, and a document of aliases that nest grows
 * without bound, so they are looked for in the tokens first. */
static bool
refuse_what_we_do_not_take(const Loader *self, const char *text, size_t size)
{
    yaml_parser_t parser;
    yaml_event_t event;
    bool fine = true;
    bool more = true;

    if (!yaml_parser_initialize(&parser)) {
        g_error("out of memory");
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    while (more && yaml_parser_parse(&parser, &event)) {
        bool anchor = (event.type == YAML_SCALAR_EVENT && event.data.scalar.anchor != NULL) ||
                      (event.type == YAML_MAPPING_START_EVENT &&
                       event.data.mapping_start.anchor != NULL) ||
                      (event.type == YAML_SEQUENCE_START_EVENT &&
                       event.data.sequence_start.anchor != NULL);
        if (event.type == YAML_ALIAS_EVENT || anchor) {
            config_problems_add(self->problems,
                                place_of_marks(self, event.start_mark, event.end_mark),
                                "anchors (&) and aliases (*) are not taken here; put a text "
                                "that begins so into quotes");
            fine = false;
        }
        more = event.type != YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return fine; /* what does not parse is reported by the second pass */
}

static void
report_parser(const Loader *self, const yaml_parser_t *parser)
{
    yaml_mark_t mark = parser->problem_mark;
    ConfigPlace place = place_of_marks(self, mark, mark);
    const char *problem = parser->problem == NULL ? "not YAML" : parser->problem;

    if (parser->error == YAML_READER_ERROR) {
        place.line = 0;
        config_problems_add(self->problems, place, "byte %zu: %s", parser->problem_offset,
                            problem);
        return;
    }
    config_problems_add(self->problems, place, "not YAML: %s%s%s", problem,
                        parser->context == NULL ? "" : ", ",
                        parser->context == NULL ? "" : parser->context);
}

/* The node that `text` describes, or NULL and a problem. An empty text is an empty map. */
static ConfigNode *
load_text(Loader *self, const char *text, size_t size)
{
    yaml_parser_t parser;
    ConfigNode *node = NULL;

    if (!refuse_what_we_do_not_take(self, text, size)) {
        return NULL;
    }
    if (!yaml_parser_initialize(&parser)) {
        g_error("out of memory");
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    if (!yaml_parser_load(&parser, &self->document)) {
        report_parser(self, &parser);
        yaml_parser_delete(&parser);
        return NULL;
    }
    if (yaml_document_get_root_node(&self->document) == NULL) {
        node = node_new(self->tree, CONFIG_NODE_MAP, (ConfigPlace){self->source, 1, 1, 1});
    } else {
        node = load_node(self, 1, 0);
    }
    yaml_document_delete(&self->document);
    if (node != NULL && yaml_parser_load(&parser, &self->document)) {
        if (yaml_document_get_root_node(&self->document) != NULL) {
            yaml_node_t *second = yaml_document_get_root_node(&self->document);
            config_problems_add(self->problems,
                                place_of_marks(self, second->start_mark, second->start_mark),
                                "a second document; a file holds one");
        }
        yaml_document_delete(&self->document);
    } else if (node != NULL) {
        report_parser(self, &parser);
    }
    yaml_parser_delete(&parser);
    return node;
}

ConfigTree *
config_tree_parse(const ConfigSource *source, ConfigProblems *problems)
{
    ConfigTree *tree = g_new0(ConfigTree, 1);
    Loader loader = {.tree = tree, .source = source, .problems = problems};

    tree->nodes = g_ptr_array_new_with_free_func(node_free);
    if (memchr(source->text, '\0', source->size) != NULL) {
        config_problems_add(problems, (ConfigPlace){source, 0, 0, 0},
                            "holds a NUL byte: not a text");
    } else {
        tree->root = load_text(&loader, source->text, source->size);
    }
    if (tree->root == NULL) {
        config_tree_free(tree);
        return NULL;
    }
    return tree;
}

void
config_tree_free(ConfigTree *tree)
{
    if (tree == NULL) {
        return;
    }
    g_ptr_array_unref(tree->nodes);
    g_free(tree);
}

ConfigNode *
config_tree_root(const ConfigTree *tree)
{
    return tree->root;
}

ConfigNode *
config_node_find(const ConfigNode *map, const char *key)
{
    for (size_t i = 0; map->kind == CONFIG_NODE_MAP && i < map->child_count; i++) {
        if (strcmp(map->children[i]->key, key) == 0) {
            return map->children[i];
        }
    }
    return NULL;
}

static size_t
position_of(const ConfigNode *node)
{
    size_t i = 0;

    while (node->parent->children[i] != node) {
        i++;
    }
    return i;
}

char *
config_node_path(const ConfigNode *node)
{
    GString *path = g_string_new(NULL);

    for (; node->parent != NULL; node = node->parent) {
        g_autofree char *step =
            node->key != NULL ? g_strdup(node->key) : g_strdup_printf("%zu", position_of(node));
        if (path->len > 0) {
            g_string_prepend_c(path, '.');
        }
        g_string_prepend(path, step);
    }
    return g_string_free(path, FALSE);
}

/* The child that one step of a path names: a key, or a position in a list. */
static ConfigNode *
child_by_step(const ConfigNode *node, const char *step)
{
    char *end = NULL;
    guint64 index = 0;

    if (node->kind == CONFIG_NODE_MAP) {
        return config_node_find(node, step);
    }
    if (node->kind != CONFIG_NODE_LIST || !g_ascii_isdigit(step[0])) {
        return NULL;
    }
    index = g_ascii_strtoull(step, &end, 10);
    return *end == '\0' && index < node->child_count ? node->children[index] : NULL;
}

static void
replace_node(ConfigNode *old, ConfigNode *new)
{
    new->key = g_strdup(old->key);
    new->key_place = old->key_place;
    new->parent = old->parent;
    old->parent->children[position_of(old)] = new;
}

bool
config_tree_set(ConfigTree *tree, const char *path, const ConfigSource *source, size_t offset,
                ConfigPlace key_place, ConfigProblems *problems)
{
    Loader loader = {.tree = tree,
                     .source = source,
                     .problems = problems,
                     .line_shift = (unsigned)g_utf8_strlen(source->text, (gssize)offset)};
    ConfigNode *value = load_text(&loader, source->text + offset, source->size - offset);
    ConfigNode *at = tree->root;
    g_auto(GStrv) steps = g_strsplit(path, ".", -1);

    if (value == NULL) {
        return false;
    }
    for (guint i = 0; steps[i] != NULL; i++) {
        ConfigNode *next = child_by_step(at, steps[i]);
        bool last = steps[i + 1] == NULL;

        if (next != NULL && last) {
            replace_node(next, value);
            return true;
        }
        if (next == NULL && at->kind != CONFIG_NODE_MAP) {
            config_problems_add(problems, key_place, "there is nothing at `%s`", path);
            return false;
        }
        if (next == NULL) {
            next = last ? value : node_new(tree, CONFIG_NODE_MAP, key_place);
            next->key = g_strdup(steps[i]);
            next->key_place = key_place;
            add_child(at, next);
        }
        at = next;
    }
    return true;
}

static void
collect_key(const ConfigNode *node, const char *key, GPtrArray *paths)
{
    if (node->key != NULL && strcmp(node->key, key) == 0) {
        g_ptr_array_add(paths, config_node_path(node));
    }
    for (size_t i = 0; i < node->child_count; i++) {
        collect_key(node->children[i], key, paths);
    }
}

char **
config_tree_find_key(const ConfigTree *tree, const char *key)
{
    GPtrArray *paths = g_ptr_array_new();

    collect_key(tree->root, key, paths);
    g_ptr_array_add(paths, NULL);
    return (char **)g_ptr_array_free(paths, FALSE);
}

static void
collect_keys(const ConfigNode *node, GPtrArray *keys)
{
    if (node->key != NULL &&
        !g_ptr_array_find_with_equal_func(keys, node->key, g_str_equal, NULL)) {
        g_ptr_array_add(keys, g_strdup(node->key));
    }
    for (size_t i = 0; i < node->child_count; i++) {
        collect_keys(node->children[i], keys);
    }
}

char **
config_tree_keys(const ConfigTree *tree)
{
    GPtrArray *keys = g_ptr_array_new();

    collect_keys(tree->root, keys);
    g_ptr_array_add(keys, NULL);
    return (char **)g_ptr_array_free(keys, FALSE);
}

ConfigPlace
config_node_place_at(const ConfigNode *node, size_t offset, size_t length)
{
    ConfigPlace place = node->place;

    if (!node->plain) {
        place.length = 1; /* inside of quotes or folded lines columns are anybody's guess */
        return place;
    }
    place.column += (unsigned)g_utf8_strlen(node->text, (gssize)offset);
    place.length = (unsigned)g_utf8_strlen(node->text + offset, (gssize)length);
    return place;
}
