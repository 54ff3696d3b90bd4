#include "placement/bits.h"
#include "placement/hash.h"
#include "placement/kind.h"
#include "placement/log2.h"

#define FAN_BITS 4u
#define LEAF (UINT32_C(1) << 31) /* of a target: a node's number, not a group's index */

/* Nodes stand in a tree by the hexadecimal digits of their hash. A group's children bid for a
 * key, each with the weight of all nodes below it, and the tree is gone down until one is left:
 *
 *     [ 3..  ] [ 8..  ] [ a..  ]        weights 2, 1, 5
 *                         |
 *              [ a0. ] [ a7. ] [ ae. ]  weights 1, 3, 1
 *
 * What a child is called depends on its digits only, so a tree where a child is alone in its
 * group need not have that group. */
typedef struct Child {
    uint64_t id;     /* of its digits */
    uint64_t weight; /* of all below */
    uint32_t target;
} Child;

typedef struct Group {
    uint32_t begin; /* of its children */
    uint32_t count;
} Group;

typedef struct Leaf {
    uint64_t hash;
    uint32_t number;
} Leaf;

typedef struct Tree {
    GArray *children; /* of Child */
    GArray *groups;   /* of Group; the first is the root */
} Tree;

static void *
tree_new(const OrrPlacement *placement)
{
    Tree *tree = g_new(Tree, 1);

    (void)placement;
    tree->children = g_array_new(FALSE, FALSE, sizeof(Child));
    tree->groups = g_array_new(FALSE, FALSE, sizeof(Group));
    return tree;
}

static void *
tree_copy(const void *state)
{
    const Tree *from = state;
    Tree *tree = g_new(Tree, 1);

    tree->children = g_array_copy(from->children);
    tree->groups = g_array_copy(from->groups);
    return tree;
}

static void
tree_free(void *state)
{
    Tree *tree = state;

    g_array_unref(tree->children);
    g_array_unref(tree->groups);
    g_free(tree);
}

static int
compare_leaves(const void *left, const void *right, void *data)
{
    const OrrPlacement *placement = data;
    const Leaf *a = left;
    const Leaf *b = right;

    if (a->hash != b->hash) {
        return a->hash < b->hash ? -1 : 1;
    }
    return (placement->rank[a->number] > placement->rank[b->number]) -
           (placement->rank[a->number] < placement->rank[b->number]);
}

static uint64_t
weigh(const OrrPlacement *placement, const Leaf *leaves, size_t count)
{
    uint64_t weight = 0;

    for (size_t i = 0; i < count; i++) {
        weight += placement->nodes[leaves[i].number].weight;
    }
    return weight;
}

/* How many of the leaves, from the first, are in the first one's child at this depth. Past the
 * last digit every leaf is a child: two nodes of one hash are told apart by their names. */
static size_t
family(const Leaf *leaves, size_t count, unsigned depth)
{
    unsigned shift = 64 - FAN_BITS * (depth + 1);
    size_t i = 1;

    if (depth == 64 / FAN_BITS) {
        return 1;
    }
    while (i < count && leaves[i].hash >> shift == leaves[0].hash >> shift) {
        i++;
    }
    return i;
}

static uint64_t
child_id(const OrrPlacement *placement, const Leaf *leaf, unsigned depth)
{
    if (depth == 64 / FAN_BITS) {
        return mix_64(leaf->hash + (placement->rank[leaf->number] + UINT64_C(1)) * GOLDEN_64);
    }
    uint64_t digits = leaf->hash >> (64 - FAN_BITS * (depth + 1));
    return mix_64(digits + mix_64(depth + 1));
}

/* A group of these leaves, and of the groups below it; its index. Depth is bounded: 17. */
static uint32_t
build(const OrrPlacement *placement, Tree *tree, const Leaf *leaves, size_t count,
      unsigned depth)
{
    /* levels where all go one way are passed over */
    while (family(leaves, count, depth) == count && count > 1) {
        depth++;
    }
    Group group = {tree->children->len, 0};
    uint32_t index = tree->groups->len;
    for (size_t i = 0; i < count; i += family(leaves + i, count - i, depth)) {
        size_t size = family(leaves + i, count - i, depth);
        Child child = {child_id(placement, &leaves[i], depth),
                       weigh(placement, leaves + i, size), LEAF | leaves[i].number};

        g_array_append_val(tree->children, child);
        group.count++;
    }
    g_array_append_val(tree->groups, group);
    uint32_t place = group.begin;
    for (size_t i = 0; i < count; i += family(leaves + i, count - i, depth), place++) {
        size_t size = family(leaves + i, count - i, depth);

        if (size > 1) {
            uint32_t below = build(placement, tree, leaves + i, size, depth + 1);
            g_array_index(tree->children, Child, place).target = below;
        }
    }
    return index;
}

static void
tree_change(OrrPlacement *placement, const Change *change)
{
    Tree *tree = placement->state;
    Leaf *leaves = g_new(Leaf, placement->eligible);
    uint32_t count = 0;

    (void)change;
    for (uint32_t i = 0; i < placement->count; i++) {
        uint32_t number = placement->by_name[i];

        if (placement->nodes[number].weight != 0) {
            /* mixed once more, for the key's hash meets the digits of this one */
            leaves[count].hash = mix_64(kind_hash(placement, node_text(placement, number)));
            leaves[count++].number = number;
        }
    }
    g_array_set_size(tree->children, 0);
    g_array_set_size(tree->groups, 0);
    if (count != 0) {
        g_qsort_with_data(leaves, (int)count, sizeof *leaves, compare_leaves, placement);
        build(placement, tree, leaves, count, 0);
    }
    g_free(leaves);
}

static const Child *
choose(const Child *children, uint32_t count, uint64_t hash)
{
    const Child *best = children;
    uint64_t best_cost = log2_cost(mix_64(hash ^ children[0].id));

    for (uint32_t i = 1; i < count; i++) {
        uint64_t cost = log2_cost(mix_64(hash ^ children[i].id));

        if (log2_cheaper(cost, children[i].weight, best_cost, best->weight)) {
            best_cost = cost;
            best = &children[i];
        }
    }
    return best;
}

static uint32_t
tree_find(const OrrPlacement *placement, uint64_t hash)
{
    const Tree *tree = placement->state;
    const Child *children = (const Child *)(const void *)tree->children->data;
    const Group *groups = (const Group *)(const void *)tree->groups->data;
    uint32_t target = 0;

    while ((target & LEAF) == 0) {
        const Group *group = &groups[target];

        target = choose(children + group->begin, group->count, hash)->target;
    }
    return target & ~LEAF;
}

static size_t
tree_memory_size(const OrrPlacement *placement)
{
    const Tree *tree = placement->state;

    return sizeof *tree + tree->children->len * sizeof(Child) +
           tree->groups->len * sizeof(Group);
}

const Kind KIND_RENDEZVOUS_TREE = {
    .state_new = tree_new,
    .state_copy = tree_copy,
    .state_free = tree_free,
    .change = tree_change,
    .hash = kind_hash,
    .hash_many = kind_hash_many,
    .find_hash = tree_find,
    .next = kind_next_by_rehash,
    .shares = kind_shares_by_weight,
    .memory_size = tree_memory_size,
};
