#include "placement/bids.h"
#include "placement/bits.h"
#include "placement/contest.h"
#include "placement/hash.h"
#include "placement/log2.h"

#define FAN_BITS 4u
#define LEVELS 2u /* of groups; below them nodes bid, by vectors */

/* Nodes stand in a tree by the first two hexadecimal digits of their hash. A group's children
 * bid for a key, each with the weight of all nodes below it; at the bottom nodes bid
 * themselves:
 *
 *     [ 3 ]  [ 8 ]  [ a ]          weights 700, 240, 900
 *       |      |      |
 *     [30] [31] ...  [a0] ...      weights 41, 55, ...
 *       |
 *     nodes
 *
 * A heavier child draws keys from its siblings, and among those below it they are spread again:
 * so a change of one node moves up to as many times the least as there are levels. What a child
 * is called, and how many levels there are, do not depend on the nodes: nothing else ever
 * moves.
 *
 * See orrery/rendezvous.h for the sources. */
typedef struct Child {
    uint64_t id;     /* of its digits */
    uint64_t weight; /* of all below */
    uint32_t group;
} Child;

typedef struct Group {
    Span span;  /* of its children, or of the classes of its nodes */
    bool nodes; /* which of the two */
} Group;

typedef struct Leaf {
    uint64_t hash;
    uint32_t number;
} Leaf;

typedef struct Tree {
    GArray *children; /* of Child */
    GArray *groups;   /* of Group; the first is the root */
    Contest contest;  /* of the nodes */
} Tree;

static void *
tree_new(const OrrPlacement *placement)
{
    Tree *tree = g_new(Tree, 1);

    (void)placement;
    tree->children = g_array_new(FALSE, FALSE, sizeof(Child));
    tree->groups = g_array_new(FALSE, TRUE, sizeof(Group));
    contest_init(&tree->contest);
    return tree;
}

static void *
tree_copy(const void *state)
{
    const Tree *from = state;
    Tree *tree = g_new(Tree, 1);

    tree->children = g_array_copy(from->children);
    tree->groups = g_array_copy(from->groups);
    contest_copy(&tree->contest, &from->contest);
    return tree;
}

static void
tree_free(void *state)
{
    Tree *tree = state;

    g_array_unref(tree->children);
    g_array_unref(tree->groups);
    contest_clear(&tree->contest);
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

/* How many of the leaves, from the first, share its digits up to this depth. */
static size_t
family(const Leaf *leaves, size_t count, unsigned depth)
{
    unsigned shift = 64 - FAN_BITS * (depth + 1);
    size_t i = 1;

    while (i < count && leaves[i].hash >> shift == leaves[0].hash >> shift) {
        i++;
    }
    return i;
}

static void
build_nodes(const OrrPlacement *placement, Tree *tree, uint32_t index, const Leaf *leaves,
            size_t count)
{
    uint32_t *numbers = g_new(uint32_t, count);
    Group *group = &g_array_index(tree->groups, Group, index);

    for (size_t i = 0; i < count; i++) {
        numbers[i] = leaves[i].number;
    }
    group->nodes = true;
    group->span = contest_add_group(&tree->contest, placement, numbers, (uint32_t)count);
    g_free(numbers);
}

/* A group of these leaves, and the groups below it; its index. Where all leaves share a digit
 * there is nothing to choose, and no group. */
static uint32_t
build(const OrrPlacement *placement, Tree *tree, const Leaf *leaves, size_t count,
      unsigned depth)
{
    uint32_t index = tree->groups->len;

    g_array_set_size(tree->groups, index + 1);
    while (depth < LEVELS && family(leaves, count, depth) == count) {
        depth++;
    }
    if (depth == LEVELS) {
        build_nodes(placement, tree, index, leaves, count);
        return index;
    }
    Span span = {tree->children->len, 0};
    for (size_t i = 0, size; i < count; i += size, span.count++) {
        size = family(leaves + i, count - i, depth);
        uint64_t digits = leaves[i].hash >> (64 - FAN_BITS * (depth + 1));
        Child child = {mix_64(digits + mix_64(depth + 1)), weigh(placement, leaves + i, size),
                       0};
        g_array_append_val(tree->children, child);
    }
    g_array_index(tree->groups, Group, index) = (Group){span, false};
    uint32_t place = span.begin;
    for (size_t i = 0, size; i < count; i += size, place++) {
        size = family(leaves + i, count - i, depth);
        uint32_t below = build(placement, tree, leaves + i, size, depth + 1);
        g_array_index(tree->children, Child, place).group = below;
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
            /* mixed once more, for a node also bids with its hash */
            leaves[count].hash = mix_64(kind_hash(placement, node_text(placement, number)));
            leaves[count++].number = number;
        }
    }
    g_array_set_size(tree->children, 0);
    g_array_set_size(tree->groups, 0);
    contest_reset(&tree->contest);
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
    uint64_t best_cost = log2_cost(bid_of(hash, children[0].id));

    for (uint32_t i = 1; i < count; i++) {
        uint64_t cost = log2_cost(bid_of(hash, children[i].id));

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
    const Group *group = &g_array_index(tree->groups, Group, 0);

    while (!group->nodes) {
        const Child *children = &g_array_index(tree->children, Child, group->span.begin);
        uint32_t next = choose(children, group->span.count, hash)->group;

        group = &g_array_index(tree->groups, Group, next);
    }
    return contest_winner(&tree->contest, placement, group->span, hash);
}

static size_t
tree_memory_size(const OrrPlacement *placement)
{
    const Tree *tree = placement->state;

    return sizeof *tree + tree->children->len * sizeof(Child) +
           tree->groups->len * sizeof(Group) + contest_memory_size(&tree->contest);
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
