/* tree.h - a YAML document as a tree in which every node knows its place.
 *
 * Only what a person writes in a configuration is taken: maps, lists and plain texts. Anchors,
 * aliases, tags, a second document, a key that is not a text and a key said twice are refused.
 * Nesting deeper than CONFIG_TREE_DEPTH_MAX is refused too.
 *
 * Memory: a tree owns its nodes; it lives no longer than the ConfigProblems that has its
 * source.
 */
#ifndef CONFIG_TREE_H
#define CONFIG_TREE_H

#include <stdint.h>

#include "problems.h"

#define CONFIG_TREE_DEPTH_MAX 16u
#define CONFIG_TREE_NODES_MAX 200000u

typedef enum ConfigNodeKind {
    CONFIG_NODE_TEXT,
    CONFIG_NODE_LIST,
    CONFIG_NODE_MAP,
} ConfigNodeKind;

typedef struct ConfigNode {
    ConfigNodeKind kind;
    ConfigPlace place;
    char *text; /* TEXT */
    bool plain; /* TEXT: without quotes, on one line: columns inside of it can be computed */
    char *key;  /* of a map's child; NULL otherwise */
    ConfigPlace key_place;
    struct ConfigNode **children; /* LIST, MAP; in the order of the file */
    size_t child_count;
    struct ConfigNode *parent; /* NULL: the root */
} ConfigNode;

typedef struct ConfigTree ConfigTree;

/* Reads one document. NULL, and at least one problem more, when it is not one. An empty text is
 * an empty map. */
ConfigTree *config_tree_parse(const ConfigSource *source, ConfigProblems *problems);
void config_tree_free(ConfigTree *tree);
/* Lent; never NULL. */
ConfigNode *config_tree_root(const ConfigTree *tree);

/* The child of a map with this key, or NULL. */
ConfigNode *config_node_find(const ConfigNode *map, const char *key);
/* "cluster.settings.node-timeout"; positions in lists are numbers from 0. */
char *config_node_path(const ConfigNode *node);

/* Puts what `source` holds from byte `offset` on (a value in YAML's words) at the dotted path
 * `path`, in place of what was there; maps on the way are made where they are missing. False,
 * and one problem more at `key_place`, when the path leads through something that is no map. */
bool config_tree_set(ConfigTree *tree, const char *path, const ConfigSource *source,
                     size_t offset, ConfigPlace key_place, ConfigProblems *problems);
/* The paths of all nodes whose last key is `key`, in the order of the file; strings, owned by
 * the caller (g_strfreev). */
char **config_tree_find_key(const ConfigTree *tree, const char *key);
/* All last keys of maps, for suggestions; each once; g_strfreev. */
char **config_tree_keys(const ConfigTree *tree);

/* The place of `length` bytes at `offset` inside of a text node. */
ConfigPlace config_node_place_at(const ConfigNode *node, size_t offset, size_t length);

#endif
