#include "placement/auction.h"
#include "placement/bits.h"
#include "placement/contest.h"
#include "placement/hash.h"

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
typedef struct Family {
    Auction auction;             /* of its children, by their digits and all weights below */
    uint32_t group[AUCTION_MAX]; /* of each child */
} Family;

typedef struct Group {
    Span span;       /* of the classes of its nodes, where it has nodes */
    uint32_t family; /* where it has children */
    bool nodes;      /* which of the two */
} Group;

typedef struct Leaf {
    uint64_t hash;
    uint32_t number;
} Leaf;

typedef struct Tree {
    GArray *families; /* of Family */
    GArray *groups;   /* of Group; the first is the root */
    Contest contest;  /* of the nodes */
} Tree;

static void *
tree_new(const OrrPlacement *placement)
{
    Tree *tree = g_new(Tree, 1);

    (void)placement;
    tree->families = g_array_new(FALSE, TRUE, sizeof(Family));
    tree->groups = g_array_new(FALSE, TRUE, sizeof(Group));
    orr_contest_init(&tree->contest);
    return tree;
}

static void *
tree_copy(const void *state)
{
    const Tree *from = state;
    Tree *tree = g_new(Tree, 1);

    tree->families = g_array_copy(from->families);
    tree->groups = g_array_copy(from->groups);
    orr_contest_copy(&tree->contest, &from->contest);
    return tree;
}

static void
tree_free(void *state)
{
    Tree *tree = state;

    g_array_unref(tree->families);
    g_array_unref(tree->groups);
    orr_contest_clear(&tree->contest);
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
    group->span = orr_contest_add_group(&tree->contest, placement, numbers, (uint32_t)count);
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
    uint32_t family_index = tree->families->len;
    g_array_set_size(tree->families, family_index + 1);
    g_array_index(tree->groups, Group, index).family = family_index;
    orr_auction_init(&g_array_index(tree->families, Family, family_index).auction);
    for (size_t i = 0, size; i < count; i += size) {
        size = family(leaves + i, count - i, depth);
        uint64_t digits = leaves[i].hash >> (64 - FAN_BITS * (depth + 1));
        uint32_t below = build(placement, tree, leaves + i, size, depth + 1);
        Family *here = &g_array_index(tree->families, Family, family_index);

        here->group[here->auction.count] = below;
        orr_auction_add(&here->auction, mix_64(digits + mix_64(depth + 1)),
                        weigh(placement, leaves + i, size));
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
            leaves[count].hash = mix_64(orr_kind_hash(placement, node_text(placement, number)));
            leaves[count++].number = number;
        }
    }
    g_array_set_size(tree->families, 0);
    g_array_set_size(tree->groups, 0);
    orr_contest_reset(&tree->contest);
    if (count != 0) {
        g_qsort_with_data(leaves, (int)count, sizeof *leaves, compare_leaves, placement);
        build(placement, tree, leaves, count, 0);
    }
    g_free(leaves);
}

static uint32_t
tree_find(const OrrPlacement *placement, uint64_t hash)
{
    const Tree *tree = placement->state;
    const Group *group = &g_array_index(tree->groups, Group, 0);

    while (!group->nodes) {
        const Family *family = &g_array_index(tree->families, Family, group->family);
        uint32_t winner = orr_auction_winner(vectors_here(), &family->auction, hash);

        group = &g_array_index(tree->groups, Group, family->group[winner]);
    }
    return orr_contest_winner(&tree->contest, placement, group->span, hash);
}

/* Where `group` is the parent's, the one below it that wins the key. */
static inline uint32_t
group_below(const Tree *tree, uint32_t group, uint64_t hash)
{
    const Group *above = &g_array_index(tree->groups, Group, group);

    if (above->nodes) {
        return group;
    }
    const Family *family = &g_array_index(tree->families, Family, above->family);
    return family->group[orr_auction_winner(vectors_here(), &family->auction, hash)];
}

/* All keys go down a level before one goes down the next: neighbours do not wait for each
 * other.
 */
static void
tree_find_many(const OrrPlacement *placement, const uint64_t *hashes, size_t count,
               uint32_t *numbers)
{
    const Tree *tree = placement->state;

    for (size_t i = 0; i < count; i += KIND_BATCH) {
        uint32_t groups[KIND_BATCH] = {0};
        size_t now = MIN(KIND_BATCH, count - i);

        for (unsigned level = 0; level < LEVELS; level++) {
            for (size_t k = 0; k < now; k++) {
                groups[k] = group_below(tree, groups[k], hashes[i + k]);
            }
        }
        for (size_t k = 0; k < now; k++) {
            Span span = g_array_index(tree->groups, Group, groups[k]).span;

            numbers[i + k] = orr_contest_winner(&tree->contest, placement, span, hashes[i + k]);
        }
    }
}

static size_t
tree_memory_size(const OrrPlacement *placement)
{
    const Tree *tree = placement->state;

    return sizeof *tree + tree->families->len * sizeof(Family) +
           tree->groups->len * sizeof(Group) + orr_contest_memory_size(&tree->contest);
}

const Kind ORR_KIND_RENDEZVOUS_TREE = {
    .state_new = tree_new,
    .state_copy = tree_copy,
    .state_free = tree_free,
    .change = tree_change,
    .hash = orr_kind_hash,
    .hash_many = orr_kind_hash_many,
    .find_hash = tree_find,
    .find_many = tree_find_many,
    .next = orr_kind_next_by_rehash,
    .shares = orr_kind_shares_by_weight,
    .memory_size = tree_memory_size,
};
