#include <orrery/slots.h>

#include <orrery/placement.h>

#include <glib.h>

static uint64_t
weight_of(OrrSlotsPolicy policy, const uint32_t *weights, size_t index)
{
    return policy == ORR_SLOTS_WEIGHTED && weights != NULL ? weights[index] : 1;
}

/* Slots in ranges by running sums of weights, rounded. */
static OrrStatus
deal_ranges(OrrSlotsPolicy policy, const uint32_t *weights, size_t count,
            uint16_t owner[ORR_SLOT_COUNT])
{
    uint64_t total = 0;
    uint64_t sum = 0;
    uint64_t slot = 0;

    for (size_t i = 0; i < count; i++) {
        total += weight_of(policy, weights, i);
    }
    if (total == 0) {
        return ORR_INVALID;
    }
    for (size_t i = 0; i < count; i++) {
        sum += weight_of(policy, weights, i);
        uint64_t end = (sum * ORR_SLOT_COUNT + total / 2) / total;
        for (; slot < end; slot++) {
            owner[slot] = (uint16_t)i;
        }
    }
    g_assert(slot == ORR_SLOT_COUNT);
    return ORR_OK;
}

/* The placement "slots-ring", and the index of each of its numbers. */
static void
deal_from(const OrrPlacement *placement, const OrrBytes *names, size_t count,
          uint16_t owner[ORR_SLOT_COUNT])
{
    uint16_t *index_of = g_new0(uint16_t, orr_placement_number_limit(placement));

    for (size_t i = 0; i < count; i++) {
        index_of[orr_placement_number(placement, names[i], 0)] = (uint16_t)i;
    }
    for (uint32_t slot = 0; slot < ORR_SLOT_COUNT; slot++) {
        owner[slot] = index_of[orr_placement_find_hash(placement, slot)];
    }
    g_free(index_of);
}

static OrrStatus
deal_ring(const OrrBytes *names, const uint32_t *weights, size_t count,
          uint16_t owner[ORR_SLOT_COUNT])
{
    OrrPlacementOptions options = orr_placement_options(ORR_PLACEMENT_SLOTS_RING);
    OrrPlacementNode *nodes = g_new0(OrrPlacementNode, count);
    OrrPlacement *placement = NULL;
    uint64_t total = 0;

    for (size_t i = 0; i < count; i++) {
        nodes[i].name = names[i];
        nodes[i].weight = weights != NULL ? weights[i] : 1;
        total += nodes[i].weight;
    }
    OrrStatus status = orr_placement_new(&options, &placement);
    g_assert(status == ORR_OK);
    status = total != 0 ? orr_placement_add_all(placement, nodes, count, NULL) : ORR_INVALID;
    if (status == ORR_OK) {
        deal_from(placement, names, count, owner);
    }
    orr_placement_free(placement);
    g_free(nodes);
    return status;
}

OrrStatus
orr_slots_deal(OrrSlotsPolicy policy, const OrrBytes *names, const uint32_t *weights,
               size_t count, uint16_t owner[ORR_SLOT_COUNT])
{
    if (count == 0 || count > ORR_SLOTS_NODES_MAX) {
        return ORR_INVALID;
    }
    if (policy == ORR_SLOTS_RING) {
        return names != NULL ? deal_ring(names, weights, count, owner) : ORR_INVALID;
    }
    return deal_ranges(policy, weights, count, owner);
}
