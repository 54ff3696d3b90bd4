#include "placement/bids.h"
#include "placement/hash.h"
#include "placement/kind.h"
#include "placement/log2.h"

#define BATCH 64u

/* Nodes of one weight lie together, in the order of their names: among them the highest bid
 * wins, and only the winners of the classes are weighed against each other. */
typedef struct Class {
    uint64_t weight;
    uint32_t begin;
    uint32_t count;
} Class;

typedef struct Rendezvous {
    GArray *hashes;    /* uint64_t, by class, each class padded for vectors */
    uint32_t *numbers; /* likewise */
    Class *classes;
    uint32_t class_count;
} Rendezvous;

static const uint64_t *
hashes_of(const Rendezvous *all, const Class *class)
{
    return &g_array_index(all->hashes, uint64_t, class->begin);
}

static void *
rendezvous_new(const OrrPlacement *placement)
{
    Rendezvous *all = g_new0(Rendezvous, 1);

    (void)placement;
    all->hashes = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    return all;
}

static void *
rendezvous_copy(const void *state)
{
    const Rendezvous *from = state;
    Rendezvous *to = g_memdup2(from, sizeof *from);

    to->hashes = g_array_copy(from->hashes);
    to->numbers = g_memdup2(from->numbers, from->hashes->len * sizeof *from->numbers);
    to->classes = g_memdup2(from->classes, from->class_count * sizeof *from->classes);
    return to;
}

static void
rendezvous_free(void *state)
{
    Rendezvous *all = state;

    g_array_unref(all->hashes);
    g_free(all->numbers);
    g_free(all->classes);
    g_free(all);
}

static int
compare_by_weight(const void *left, const void *right, void *data)
{
    const OrrPlacement *placement = data;
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    const Node *nodes = placement->nodes;

    if (nodes[a].weight != nodes[b].weight) {
        return nodes[a].weight < nodes[b].weight ? -1 : 1;
    }
    return (placement->rank[a] > placement->rank[b]) -
           (placement->rank[a] < placement->rank[b]);
}

/* The class of the nodes sorted[0 .. count), and its padding. */
static void
append_class(const OrrPlacement *placement, Rendezvous *all, const uint32_t *sorted,
             uint32_t count)
{
    Class class = {placement->nodes[sorted[0]].weight, all->hashes->len, count};
    uint32_t padded = (uint32_t)bids_padded(count);

    all->numbers = g_renew(uint32_t, all->numbers, class.begin + padded);
    for (uint32_t i = 0; i < padded; i++) {
        uint32_t number = sorted[i < count ? i : 0];
        uint64_t hash = i < count ? kind_hash(placement, node_text(placement, number))
                                  : *hashes_of(all, &class);

        g_array_append_val(all->hashes, hash);
        all->numbers[class.begin + i] = number;
    }
    all->classes[all->class_count++] = class;
}

static void
rendezvous_change(OrrPlacement *placement, const Change *change)
{
    Rendezvous *all = placement->state;
    uint32_t *sorted = g_new(uint32_t, placement->eligible);
    uint32_t count = 0;

    (void)change;
    all->class_count = 0;
    all->classes = g_renew(Class, all->classes, placement->eligible);
    g_array_set_size(all->hashes, 0);
    for (uint32_t i = 0; i < placement->count; i++) {
        if (placement->nodes[placement->by_name[i]].weight != 0) {
            sorted[count++] = placement->by_name[i];
        }
    }
    if (count != 0) {
        g_qsort_with_data(sorted, (int)count, sizeof *sorted, compare_by_weight, placement);
    }
    for (uint32_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && placement->nodes[sorted[end]].weight ==
                                             placement->nodes[sorted[i]].weight;
             end++) {
        }
        append_class(placement, all, sorted + i, end - i);
    }
    g_free(sorted);
}

/* A bid on the way to be the best. */
typedef struct Offer {
    uint64_t bid;
    uint64_t cost; /* of the bid; computed only where classes are compared */
    uint64_t weight;
    uint32_t number;
} Offer;

/* Whether a beats b, the earlier name where they are equal. */
static bool
beats(const OrrPlacement *placement, const Offer *a, const Offer *b)
{
    if (a->weight == b->weight && a->bid != b->bid) {
        return a->bid > b->bid;
    }
    if (log2_cheaper(a->cost, a->weight, b->cost, b->weight)) {
        return true;
    }
    return !log2_cheaper(b->cost, b->weight, a->cost, a->weight) &&
           placement->rank[a->number] < placement->rank[b->number];
}

static uint32_t
rendezvous_find(const OrrPlacement *placement, uint64_t hash)
{
    const Rendezvous *all = placement->state;
    Offer best = {0};

    if (all->class_count == 1) {
        return all->numbers
            [bids_highest(hash, hashes_of(all, all->classes), all->classes->count).index];
    }
    for (uint32_t c = 0; c < all->class_count; c++) {
        const Class *class = &all->classes[c];
        Bid bid = bids_highest(hash, hashes_of(all, class), class->count);
        Offer offer = {bid.bid, log2_cost(bid.bid), class->weight,
                       all->numbers[class->begin + bid.index]};

        if (c == 0 || beats(placement, &offer, &best)) {
            best = offer;
        }
    }
    return best.number;
}

static void
find_group(const OrrPlacement *placement, const uint64_t *hashes, size_t count,
           uint32_t *numbers)
{
    const Rendezvous *all = placement->state;
    Offer best[BATCH];
    Bid bids[BATCH];

    for (uint32_t c = 0; c < all->class_count; c++) {
        const Class *class = &all->classes[c];

        bids_highest_many(hashes, count, hashes_of(all, class), class->count, bids);
        for (size_t i = 0; i < count; i++) {
            Offer offer = {bids[i].bid, log2_cost(bids[i].bid), class->weight,
                           all->numbers[class->begin + bids[i].index]};

            if (c == 0 || beats(placement, &offer, &best[i])) {
                best[i] = offer;
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        numbers[i] = best[i].number;
    }
}

static void
find_group_of_equals(const Rendezvous *all, const uint64_t *hashes, size_t count,
                     uint32_t *numbers)
{
    Bid bids[BATCH];

    bids_highest_many(hashes, count, hashes_of(all, all->classes), all->classes->count, bids);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = all->numbers[bids[i].index];
    }
}

static void
rendezvous_find_many(const OrrPlacement *placement, const uint64_t *hashes, size_t count,
                     uint32_t *numbers)
{
    const Rendezvous *all = placement->state;

    for (size_t i = 0; i < count; i += BATCH) {
        size_t now = MIN(BATCH, count - i);

        if (all->class_count == 1) {
            find_group_of_equals(all, hashes + i, now, numbers + i);
        } else {
            find_group(placement, hashes + i, now, numbers + i);
        }
    }
}

static Offer
offer_of(const OrrPlacement *placement, uint64_t hash, const Class *class, uint32_t index)
{
    const Rendezvous *all = placement->state;
    uint64_t bid = bid_of(hash, g_array_index(all->hashes, uint64_t, index));

    return (Offer){bid, log2_cost(bid), class->weight, all->numbers[index]};
}

/* The best of those that the last one beats. place[0] is the index of the last one, and
 * place[1] that of its class. */
static uint32_t
rendezvous_next(Walk *walk)
{
    const OrrPlacement *placement = walk->placement;
    const Rendezvous *all = placement->state;
    Offer best = {0};
    Offer last = {0};
    uint64_t place[2] = {0};
    bool found = false;

    if (walk->step++ != 0) {
        last = offer_of(placement, walk->hash, &all->classes[walk->place[1]],
                        (uint32_t)walk->place[0]);
    }
    for (uint32_t c = 0; c < all->class_count; c++) {
        const Class *class = &all->classes[c];

        for (uint32_t i = class->begin; i < class->begin + class->count; i++) {
            Offer offer = offer_of(placement, walk->hash, class, i);

            if ((walk->step == 1 || beats(placement, &last, &offer)) &&
                (!found || beats(placement, &offer, &best))) {
                best = offer;
                place[0] = i;
                place[1] = c;
                found = true;
            }
        }
    }
    memcpy(walk->place, place, sizeof place);
    return found ? best.number : ORR_PLACEMENT_NO_NODE;
}

static size_t
rendezvous_memory_size(const OrrPlacement *placement)
{
    const Rendezvous *all = placement->state;

    return sizeof *all + all->hashes->len * (sizeof(uint64_t) + sizeof *all->numbers) +
           all->class_count * sizeof *all->classes;
}

const Kind KIND_RENDEZVOUS = {
    .state_new = rendezvous_new,
    .state_copy = rendezvous_copy,
    .state_free = rendezvous_free,
    .change = rendezvous_change,
    .hash = kind_hash,
    .hash_many = kind_hash_many,
    .find_hash = rendezvous_find,
    .find_many = rendezvous_find_many,
    .next = rendezvous_next,
    .shares = kind_shares_by_weight,
    .memory_size = rendezvous_memory_size,
};
