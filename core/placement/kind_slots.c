#include <orrery/slots.h>

#include "placement/circle.h"

#define NOBODY ORR_PLACEMENT_NO_NODE

typedef struct Slots {
    uint32_t owner[ORR_SLOT_COUNT];
    Circle circle; /* slots-ring only */
} Slots;

static void *
slots_new(const OrrPlacement *placement)
{
    Slots *slots = g_new(Slots, 1);

    (void)placement;
    memset(slots->owner, 0xff, sizeof slots->owner);
    orr_circle_init(&slots->circle, 0);
    return slots;
}

static void *
slots_copy(const void *state)
{
    const Slots *from = state;
    Slots *slots = g_memdup2(from, sizeof *from);

    orr_circle_copy(&slots->circle, &from->circle);
    return slots;
}

static void
slots_free(void *state)
{
    Slots *slots = state;

    orr_circle_clear(&slots->circle);
    g_free(slots);
}

static bool
slots_has_room(const OrrPlacement *placement, uint32_t more)
{
    return placement->count + more <= ORR_SLOTS_NODES_MAX;
}

static uint64_t
slots_hash(const OrrPlacement *placement, OrrBytes key)
{
    (void)placement;
    return orr_slot_of_key(key);
}

static uint32_t
slots_find(const OrrPlacement *placement, uint64_t hash)
{
    const Slots *slots = placement->state;

    return slots->owner[hash % ORR_SLOT_COUNT];
}

static void
slots_find_many(const OrrPlacement *placement, const uint64_t *hashes, size_t count,
                uint32_t *numbers)
{
    const Slots *slots = placement->state;

    for (size_t i = 0; i < count; i++) {
        numbers[i] = slots->owner[hashes[i] % ORR_SLOT_COUNT];
    }
}

static bool
slots_shares(const OrrPlacement *placement, uint64_t *shares)
{
    const Slots *slots = placement->state;

    for (uint32_t slot = 0; slot < ORR_SLOT_COUNT; slot++) {
        shares[slots->owner[slot]] += (UINT64_C(1) << 63) / ORR_SLOT_COUNT;
    }
    return true;
}

static size_t
slots_memory_size(const OrrPlacement *placement)
{
    const Slots *slots = placement->state;

    return sizeof *slots + orr_circle_memory_size(&slots->circle);
}

/* A deal in progress: how many slots each node has, and where in its slots it stands. */
typedef struct Deal {
    const OrrPlacement *placement;
    uint32_t *owner;
    uint32_t *held;   /* by number */
    uint32_t *cursor; /* by number: the next slot to give is below this */
} Deal;

/* Slots that a node has above its due share, times the total weight; below 0 where it lacks. */
static int64_t
surplus(const Deal *deal, uint32_t number)
{
    const OrrPlacement *placement = deal->placement;

    return (int64_t)(deal->held[number] * placement->total_weight) -
           (int64_t)((uint64_t)ORR_SLOT_COUNT * placement->nodes[number].weight);
}

/* Of all but `except` who has the largest surplus (sign 1) or the smallest (sign -1); the first
 * by name of equals. A node of weight 0 gives, but never takes. */
static uint32_t
find_extreme(const Deal *deal, uint32_t except, int sign)
{
    const OrrPlacement *placement = deal->placement;
    uint32_t best = NOBODY;

    for (uint32_t i = 0; i < placement->count; i++) {
        uint32_t number = placement->by_name[i];
        bool may = sign > 0 ? deal->held[number] != 0 : placement->nodes[number].weight != 0;

        if (number != except && may &&
            (best == NOBODY || sign * surplus(deal, number) > sign * surplus(deal, best))) {
            best = number;
        }
    }
    return best;
}

/* The highest slot that a node holds changes hands. */
static void
give(Deal *deal, uint32_t from, uint32_t to)
{
    uint32_t slot = deal->cursor[from];

    do {
        g_assert(slot != 0); /* it holds one, and whatever it was given it does not give away */
        slot--;
    } while (deal->owner[slot] != from);
    deal->cursor[from] = slot;
    deal->owner[slot] = to;
    deal->held[from]--;
    deal->held[to]++;
}

/* Takes from the richest while that makes both fairer: until no two are a slot apart. */
static void
fill(Deal *deal, uint32_t number)
{
    while (deal->placement->nodes[number].weight != 0) {
        uint32_t richest = find_extreme(deal, number, 1);

        if (richest == NOBODY || surplus(deal, richest) - surplus(deal, number) <=
                                     (int64_t)deal->placement->total_weight) {
            return;
        }
        give(deal, richest, number);
    }
}

static void
drain(Deal *deal, uint32_t number)
{
    while (deal->held[number] != 0) {
        uint32_t poorest = find_extreme(deal, number, -1);

        /* shares sum up to all slots: whoever holds one without a weight leaves somebody short
         */
        if (poorest == NOBODY || surplus(deal, number) - surplus(deal, poorest) <=
                                     (int64_t)deal->placement->total_weight) {
            return;
        }
        give(deal, number, poorest);
    }
}

static void
deal_anew(const OrrPlacement *placement, uint32_t *owner)
{
    uint16_t *dealt = g_new(uint16_t, ORR_SLOT_COUNT);
    uint32_t *weights = g_new(uint32_t, placement->count);

    for (uint32_t i = 0; i < placement->count; i++) {
        weights[i] = placement->nodes[placement->by_name[i]].weight;
    }
    OrrStatus status =
        orr_slots_deal(ORR_SLOTS_WEIGHTED, NULL, weights, placement->count, dealt);
    g_assert(status == ORR_OK); /* somebody has a weight */
    for (uint32_t slot = 0; slot < ORR_SLOT_COUNT; slot++) {
        owner[slot] = placement->by_name[dealt[slot]];
    }
    g_free(weights);
    g_free(dealt);
}

/* Who left or lost weight gives to the poorest; who came or gained takes from the richest.
 * Between the others nothing moves. */
static void
move_least(Deal *deal, const Change *change)
{
    const OrrPlacement *placement = deal->placement;

    for (uint32_t slot = 0; slot < ORR_SLOT_COUNT; slot++) {
        uint32_t *owner = &deal->owner[slot];

        if (change->type == CHANGE_REMOVED && *owner == change->numbers[0]) {
            *owner = find_extreme(deal, NOBODY, -1);
            deal->held[*owner]++;
        }
    }
    for (uint32_t i = 0; i < change->count && change->type != CHANGE_REMOVED; i++) {
        uint32_t number = change->numbers[i];

        if (placement->nodes[number].weight >= change->old_weight) {
            fill(deal, number);
        } else {
            drain(deal, number);
        }
    }
}

static void
slots_change(OrrPlacement *placement, const Change *change)
{
    Slots *slots = placement->state;
    Deal deal = {.placement = placement, .owner = slots->owner};

    if (placement->eligible == 0) {
        memset(slots->owner, 0xff, sizeof slots->owner);
        return;
    }
    if (slots->owner[0] == NOBODY) {
        deal_anew(placement, slots->owner);
        return;
    }
    deal.held = g_new0(uint32_t, placement->number_limit);
    deal.cursor = g_new0(uint32_t, placement->number_limit);
    for (uint32_t number = 0; number < placement->number_limit; number++) {
        deal.cursor[number] = ORR_SLOT_COUNT;
    }
    for (uint32_t slot = 0; slot < ORR_SLOT_COUNT; slot++) {
        bool gone = change->type == CHANGE_REMOVED && slots->owner[slot] == change->numbers[0];
        deal.held[slots->owner[slot]] += !gone;
    }
    move_least(&deal, change);
    g_free(deal.held);
    g_free(deal.cursor);
}

/* Slot s belongs to the owner, on the ring of these nodes, of the key that is its decimal
 * number. */
static void
slots_ring_change(OrrPlacement *placement, const Change *change)
{
    Slots *slots = placement->state;

    orr_circle_change(&slots->circle, &ORR_DIALECT_RING, placement, change);
    for (uint32_t slot = 0; slot < ORR_SLOT_COUNT; slot++) {
        char text[8];
        int size = g_snprintf(text, sizeof text, "%u", slot);
        uint64_t hash = orr_kind_hash(placement, orr_bytes(text, (size_t)size));

        slots->owner[slot] =
            placement->eligible != 0 ? orr_points_owner(&slots->circle.points, hash) : NOBODY;
    }
}

#define SLOTS                                                                                  \
    .state_new = slots_new, .state_copy = slots_copy, .state_free = slots_free,                \
    .has_room = slots_has_room, .hash = slots_hash, .find_hash = slots_find,                   \
    .find_many = slots_find_many, .next = orr_kind_next_by_rehash, .shares = slots_shares,     \
    .memory_size = slots_memory_size

const Kind ORR_KIND_SLOTS_EVEN = {SLOTS, .change = slots_change};
const Kind ORR_KIND_SLOTS_WEIGHTED = {SLOTS, .change = slots_change};
const Kind ORR_KIND_SLOTS_RING = {SLOTS, .change = slots_ring_change};
