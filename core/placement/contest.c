#include "placement/contest.h"

#include "placement/bids.h"
#include "placement/hash.h"
#include "placement/log2.h"

#define BATCH 64u

void
orr_contest_init(Contest *contest)
{
    contest->hashes = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    contest->numbers = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    contest->classes = g_array_new(FALSE, FALSE, sizeof(Class));
}

void
orr_contest_clear(Contest *contest)
{
    g_array_unref(contest->hashes);
    g_array_unref(contest->numbers);
    g_array_unref(contest->classes);
}

void
orr_contest_copy(Contest *contest, const Contest *from)
{
    contest->hashes = g_array_copy(from->hashes);
    contest->numbers = g_array_copy(from->numbers);
    contest->classes = g_array_copy(from->classes);
}

void
orr_contest_reset(Contest *contest)
{
    g_array_set_size(contest->hashes, 0);
    g_array_set_size(contest->numbers, 0);
    g_array_set_size(contest->classes, 0);
}

size_t
orr_contest_memory_size(const Contest *contest)
{
    return contest->hashes->len * (sizeof(uint64_t) + sizeof(uint32_t)) +
           contest->classes->len * sizeof(Class);
}

static inline const Class *
class_at(const Contest *contest, uint32_t index)
{
    return &g_array_index(contest->classes, Class, index);
}

static inline const uint64_t *
hashes_of(const Contest *contest, const Class *class)
{
    return &g_array_index(contest->hashes, uint64_t, class->begin);
}

static inline uint32_t
number_at(const Contest *contest, uint64_t index)
{
    return g_array_index(contest->numbers, uint32_t, index);
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
append_class(Contest *contest, const OrrPlacement *placement, const uint32_t *sorted,
             uint32_t count)
{
    Class class = {placement->nodes[sorted[0]].weight, contest->hashes->len, count};

    for (uint32_t i = 0; i < orr_bids_padded(count); i++) {
        uint32_t number = sorted[i < count ? i : 0];
        uint64_t hash = i < count ? orr_kind_hash(placement, node_text(placement, number))
                                  : *hashes_of(contest, &class);

        g_array_append_val(contest->hashes, hash);
        g_array_append_val(contest->numbers, number);
    }
    g_array_append_val(contest->classes, class);
}

static uint32_t
end_of_class(const OrrPlacement *placement, const uint32_t *sorted, uint32_t begin,
             uint32_t count)
{
    uint32_t weight = placement->nodes[sorted[begin]].weight;
    uint32_t end = begin;

    while (end < count && placement->nodes[sorted[end]].weight == weight) {
        end++;
    }
    return end;
}

Span
orr_contest_add_group(Contest *contest, const OrrPlacement *placement, uint32_t *numbers,
                      uint32_t count)
{
    Span span = {contest->classes->len, 0};

    if (count == 0) {
        return span;
    }
    g_qsort_with_data(numbers, (int)count, sizeof *numbers, compare_by_weight,
                      (void *)(uintptr_t)placement);
    for (uint32_t i = 0, end; i < count; i = end) {
        end = end_of_class(placement, numbers, i, count);
        append_class(contest, placement, numbers + i, end - i);
        span.count++;
    }
    return span;
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
    if (orr_log2_cheaper(a->cost, a->weight, b->cost, b->weight)) {
        return true;
    }
    return !orr_log2_cheaper(b->cost, b->weight, a->cost, a->weight) &&
           placement->rank[a->number] < placement->rank[b->number];
}

uint32_t
orr_contest_winner(const Contest *contest, const OrrPlacement *placement, Span span,
                   uint64_t hash)
{
    Offer best = {0};

    if (span.count == 1) {
        const Class *class = class_at(contest, span.begin);
        uint64_t index =
            orr_bids_highest(vectors_here(), hash, hashes_of(contest, class), class->count)
                .index;

        return number_at(contest, class->begin + index);
    }
    for (uint32_t c = span.begin; c < span.begin + span.count; c++) {
        const Class *class = class_at(contest, c);
        Bid bid =
            orr_bids_highest(vectors_here(), hash, hashes_of(contest, class), class->count);
        Offer offer = {bid.bid, orr_log2_cost(bid.bid), class->weight,
                       number_at(contest, class->begin + bid.index)};

        if (c == span.begin || beats(placement, &offer, &best)) {
            best = offer;
        }
    }
    return best.number;
}

static void
find_group(const Contest *contest, const OrrPlacement *placement, Span span,
           const uint64_t *hashes, size_t count, uint32_t *numbers)
{
    Offer best[BATCH] = {{0}};
    Bid bids[BATCH];

    for (uint32_t c = span.begin; c < span.begin + span.count; c++) {
        const Class *class = class_at(contest, c);

        orr_bids_highest_many(vectors_here(), hashes, count, hashes_of(contest, class),
                              class->count, bids);
        for (size_t i = 0; i < count; i++) {
            uint32_t number = number_at(contest, class->begin + bids[i].index);
            Offer offer = {bids[i].bid, orr_log2_cost(bids[i].bid), class->weight, number};

            if (c == span.begin || beats(placement, &offer, &best[i])) {
                best[i] = offer;
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        numbers[i] = best[i].number;
    }
}

static void
find_group_of_equals(const Contest *contest, Span span, const uint64_t *hashes, size_t count,
                     uint32_t *numbers)
{
    const Class *class = class_at(contest, span.begin);
    Bid bids[BATCH];

    orr_bids_highest_many(vectors_here(), hashes, count, hashes_of(contest, class),
                          class->count, bids);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = number_at(contest, class->begin + bids[i].index);
    }
}

void
orr_contest_winners(const Contest *contest, const OrrPlacement *placement, Span span,
                    const uint64_t *hashes, size_t count, uint32_t *numbers)
{
    for (size_t i = 0; i < count; i += BATCH) {
        size_t now = MIN(BATCH, count - i);

        if (span.count == 1) {
            find_group_of_equals(contest, span, hashes + i, now, numbers + i);
        } else {
            find_group(contest, placement, span, hashes + i, now, numbers + i);
        }
    }
}

static Offer
offer_of(const Contest *contest, uint64_t hash, const Class *class, uint64_t index)
{
    uint64_t bid = orr_bid_of(hash, g_array_index(contest->hashes, uint64_t, index));

    return (Offer){bid, orr_log2_cost(bid), class->weight, number_at(contest, index)};
}

uint32_t
orr_contest_next(const Contest *contest, Span span, Walk *walk)
{
    const OrrPlacement *placement = walk->placement;
    bool first = walk->step++ == 0;
    bool found = false;
    uint64_t place[2] = {0};
    Offer best = {0};
    Offer last = {0};

    if (!first) {
        last = offer_of(contest, walk->hash, class_at(contest, (uint32_t)walk->place[1]),
                        walk->place[0]);
    }
    for (uint32_t c = span.begin; c < span.begin + span.count; c++) {
        const Class *class = class_at(contest, c);

        for (uint32_t i = class->begin; i < class->begin + class->count; i++) {
            Offer offer = offer_of(contest, walk->hash, class, i);

            if ((first || beats(placement, &last, &offer)) &&
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
