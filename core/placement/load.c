#include "placement/kind.h"

/* Mirrokni, Thorup and Zadimoghaddam, "Consistent Hashing with Bounded Loads", SODA 2018,
 * section 1: a bin takes at most ceil((1 + e) * balls / bins), here of its due share by weight,
 * and in integers: holds <= ceil(a / b) is (holds - 1) * b < a. */
bool
orr_bounded_has_room(const OrrPlacement *placement, uint32_t number, uint64_t load)
{
    __extension__ typedef unsigned __int128 Wide;
    const Node *node = &placement->nodes[number];
    uint64_t parts = 1000000u + (uint64_t)placement->options.bound_ppm;
    Wide holds = (Wide)node->load + load;
    Wide due = ((Wide)placement->total_load + load) * node->weight; /* below 2^97 */

    if (node->weight == 0 || holds == 0) {
        return node->weight != 0;
    }
    /* (holds - 1) * weights * 10^6 < due * parts may pass 2^128: both sides are divided by
     * 10^6 * parts, and the remainders decide between equal quotients. */
    Wide left = (holds - 1) * placement->total_weight; /* below 2^117 */
    Wide left_whole = left / parts;
    Wide right_whole = due / 1000000u;
    if (left_whole != right_whole) {
        return left_whole < right_whole;
    }
    return left % parts * 1000000u < due % 1000000u * parts;
}

static uint32_t
count_load(OrrPlacement *placement, uint32_t number, uint64_t load)
{
    if (number != ORR_PLACEMENT_NO_NODE) {
        placement->nodes[number].load += load;
        placement->total_load += load;
    }
    return number;
}

uint32_t
orr_placement_assign_hash(OrrPlacement *placement, uint64_t hash, uint64_t load)
{
    if (placement->kind->find_for == NULL || placement->eligible == 0) {
        return count_load(placement, orr_placement_find_hash(placement, hash), load);
    }
    return count_load(placement, placement->kind->find_for(placement, hash, load), load);
}

uint32_t
orr_placement_assign(OrrPlacement *placement, OrrBytes key, uint64_t load)
{
    if (placement->kind->find_for == NULL) {
        return count_load(placement, orr_placement_find(placement, key), load);
    }
    return orr_placement_assign_hash(placement, placement->kind->hash(placement, key), load);
}

void
orr_placement_release(OrrPlacement *placement, uint32_t number, uint64_t load)
{
    if (orr_nodes_has(placement, number)) {
        uint64_t back = MIN(load, placement->nodes[number].load);

        placement->nodes[number].load -= back;
        placement->total_load -= back;
    }
}

uint64_t
orr_placement_load(const OrrPlacement *placement, uint32_t number)
{
    return orr_nodes_has(placement, number) ? placement->nodes[number].load : 0;
}

void
orr_placement_clear_loads(OrrPlacement *placement)
{
    for (uint32_t i = 0; i < placement->count; i++) {
        placement->nodes[placement->by_age[i]].load = 0;
    }
    placement->total_load = 0;
}
