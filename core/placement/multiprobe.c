#include <orrery/multiprobe.h>

#include <orrery/placement.h>

#include <glib.h>

struct OrrMultiProbe {
    OrrPlacement *placement; /* with all weights 1 */
};

OrrMultiProbe *
orr_multiprobe_new(uint64_t seed, uint32_t probes)
{
    OrrPlacementOptions options = orr_placement_options(ORR_PLACEMENT_MULTI_PROBE);
    OrrPlacement *placement = NULL;

    options.seed = seed;
    options.probes = probes;
    if (probes == 0 || orr_placement_new(&options, &placement) != ORR_OK) {
        return NULL;
    }
    OrrMultiProbe *ring = g_new(OrrMultiProbe, 1);
    ring->placement = placement;
    return ring;
}

void
orr_multiprobe_free(OrrMultiProbe *ring)
{
    if (ring != NULL) {
        orr_placement_free(ring->placement);
        g_free(ring);
    }
}

OrrStatus
orr_multiprobe_add(OrrMultiProbe *ring, OrrBytes name, uint32_t *number)
{
    OrrPlacementNode node = {.name = name, .weight = 1};
    OrrStatus status = orr_placement_add(ring->placement, &node);

    if (status == ORR_OK) {
        *number = orr_placement_last(ring->placement);
    }
    return status;
}

OrrStatus
orr_multiprobe_remove(OrrMultiProbe *ring, uint32_t number)
{
    return orr_placement_remove(ring->placement, number);
}

uint32_t
orr_multiprobe_find(const OrrMultiProbe *ring, OrrBytes key)
{
    return orr_placement_find(ring->placement, key);
}
