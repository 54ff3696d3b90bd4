#include "placement/kind.h"

static bool
has(const uint32_t *numbers, size_t count, uint32_t number)
{
    for (size_t i = 0; i < count; i++) {
        if (numbers[i] == number) {
            return true;
        }
    }
    return false;
}

static uint32_t
in_zone_of(const Walk *walk, const uint32_t *numbers, size_t count, uint32_t number)
{
    const Node *nodes = walk->placement->nodes;
    uint32_t found = 0;

    for (size_t i = 0; i < count; i++) {
        found += nodes[numbers[i]].zone_number == nodes[number].zone_number;
    }
    return found;
}

/* A kind may run out of candidates before it has named everybody; then all follow, in the order
 * of their names, beginning behind the owner. */
static uint32_t
next_of_rest(const Walk *walk, uint32_t *rest)
{
    const OrrPlacement *placement = walk->placement;

    if (*rest == placement->count) {
        return ORR_PLACEMENT_NO_NODE;
    }
    uint32_t place = (placement->rank[walk->owner] + ++*rest) % placement->count;
    return placement->by_name[place];
}

/* One round: nodes of zones that have fewer than `level` chosen, until `target` are. */
static size_t
choose(Walk walk, uint32_t level, size_t target, uint32_t *numbers, size_t count)
{
    bool walking = true;
    uint32_t rest = 0;

    while (count < target) {
        uint32_t next =
            walking ? walk.placement->kind->next(&walk) : next_of_rest(&walk, &rest);
        if (next == ORR_PLACEMENT_NO_NODE) {
            g_assert(walking); /* the target is what the zones have, so everybody is enough */
            walking = false;
            continue;
        }
        if (walk.placement->nodes[next].weight != 0 && !has(numbers, count, next) &&
            in_zone_of(&walk, numbers, count, next) < level) {
            numbers[count++] = next;
        }
    }
    return count;
}

size_t
orr_replicas_find(Walk *walk, size_t wanted, uint32_t *numbers)
{
    const OrrPlacement *placement = walk->placement;
    size_t target = 0;
    size_t count = 1;

    wanted = MIN(wanted, placement->eligible);
    if (wanted == 0) {
        return 0;
    }
    numbers[0] = walk->owner;
    for (uint32_t level = 1; count < wanted; level++) {
        target = MIN(wanted, target + placement->zones_of_at_least[level - 1]);
        count = choose(*walk, level, target, numbers, count);
    }
    return count;
}
