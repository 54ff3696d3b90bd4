/* placement_rig.h - what the tests of placements share: nodes by the dozen, owners by name. */
#ifndef ORR_TESTS_PLACEMENT_RIG_H
#define ORR_TESTS_PLACEMENT_RIG_H

#include "check.h"

#include <orrery/orrery.h>

#define KEYS 4000u

static inline OrrPlacement *
rig_new(OrrPlacementAlgorithm algorithm)
{
    OrrPlacementOptions options = orr_placement_options(algorithm);
    OrrPlacement *placement = NULL;

    T_REQUIRE(orr_placement_new(&options, &placement) == ORR_OK);
    return placement;
}

/* One node, its name the text "node-i". */
static inline OrrStatus
rig_add(OrrPlacement *placement, unsigned i, uint32_t weight, const char *zone)
{
    char name[24];
    int size = snprintf(name, sizeof name, "node-%u", i);
    OrrPlacementNode node = {.name = orr_bytes(name, (size_t)size), .weight = weight};

    if (zone != NULL) {
        node.zone = orr_bytes_of_string(zone);
    }
    return orr_placement_add(placement, &node);
}

static inline uint32_t
rig_number(const OrrPlacement *placement, unsigned i)
{
    char name[24];
    int size = snprintf(name, sizeof name, "node-%u", i);

    return orr_placement_number(placement, orr_bytes(name, (size_t)size), 0);
}

/* `count` nodes of weight 1, all at once. */
static inline OrrPlacement *
rig_of(OrrPlacementAlgorithm algorithm, unsigned count)
{
    OrrPlacement *placement = rig_new(algorithm);
    OrrPlacementNode *nodes = calloc(count, sizeof *nodes);
    char(*names)[24] = calloc(count, sizeof *names);

    for (unsigned i = 0; i < count; i++) {
        int size = snprintf(names[i], sizeof names[i], "node-%u", i);
        nodes[i].name = orr_bytes(names[i], (size_t)size);
        nodes[i].weight = 1;
    }
    T_REQUIRE(orr_placement_add_all(placement, nodes, count, NULL) == ORR_OK);
    free(nodes);
    free(names);
    return placement;
}

static inline OrrBytes
rig_key(unsigned i, char *text)
{
    return orr_bytes(text, (size_t)snprintf(text, 24, "key/%u", i));
}

/* The i of "node-i"; a lent name ends without a NUL. */
static inline unsigned
rig_i_of(const OrrPlacementNode *node)
{
    unsigned i = 0;

    for (size_t at = strlen("node-"); at < node->name.size; at++) {
        i = 10 * i + (unsigned)(node->name.data[at] - '0');
    }
    return i;
}

/* The owners of KEYS keys, as the i of "node-i"; UINT32_MAX for none. */
static inline void
rig_owners(const OrrPlacement *placement, uint32_t *owners)
{
    for (unsigned i = 0; i < KEYS; i++) {
        char text[24];
        OrrPlacementNode node;
        uint32_t number = orr_placement_find(placement, rig_key(i, text));

        owners[i] = UINT32_MAX;
        if (orr_placement_node(placement, number, &node)) {
            owners[i] = rig_i_of(&node);
        }
    }
}

#endif
