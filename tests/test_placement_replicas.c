/* Where the copies of a key lie, with every algorithm. */
#include "placement_properties.h"

static void
check_replicas_of(const OrrPlacement *placement, OrrBytes key, size_t wanted, size_t expected)
{
    uint32_t numbers[64];
    size_t count = orr_placement_find_replicas(placement, key, wanted, numbers);

    T_EQ(count, expected);
    T_EQ(numbers[0], orr_placement_find(placement, key));
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            T_TRUE(numbers[i] != numbers[j]);
        }
    }
}

static void
check_replicas(const OrrPlacementInfo *info)
{
    OrrPlacement *placement = rig_of(info->algorithm, 7);
    size_t eligible = 7;

    if (info->weighted) {
        T_EQ(orr_placement_reweigh(placement, 2, 0), ORR_OK);
        eligible = 6;
    }
    for (unsigned i = 0; i < 300; i++) {
        char text[24];
        OrrBytes key = rig_key(i, text);

        check_replicas_of(placement, key, 1, 1);
        check_replicas_of(placement, key, 3, 3);
        check_replicas_of(placement, key, eligible, eligible);
        check_replicas_of(placement, key, 64, eligible);
    }
    orr_placement_free(placement);
}

/* Copies are on distinct nodes, the owner first, as many as there are nodes for. */
static void
test_replicas_are_distinct(void)
{
    for_all(check_replicas);
}

static unsigned
in_zone(const OrrPlacement *placement, const uint32_t *numbers, size_t count, char zone)
{
    unsigned found = 0;

    for (size_t i = 0; i < count; i++) {
        OrrPlacementNode node;
        T_TRUE(orr_placement_node(placement, numbers[i], &node));
        found += node.zone.size == 1 && node.zone.data[0] == (uint8_t)zone;
    }
    return found;
}

static void
check_zones(const OrrPlacementInfo *info)
{
    OrrPlacement *placement = rig_new(info->algorithm);
    uint32_t numbers[10];

    for (unsigned i = 0; i < 10; i++) { /* six in a, three in b, one in c */
        T_EQ(rig_add(placement, i, 1, i < 6 ? "a" : i < 9 ? "b" : "c"), ORR_OK);
    }
    for (unsigned i = 0; i < 300; i++) {
        char text[24];
        OrrBytes key = rig_key(i, text);

        T_EQ(orr_placement_find_replicas(placement, key, 3, numbers), 3);
        T_EQ(in_zone(placement, numbers, 3, 'a'), 1);
        T_EQ(in_zone(placement, numbers, 3, 'c'), 1);
        T_EQ(orr_placement_find_replicas(placement, key, 5, numbers), 5);
        T_EQ(in_zone(placement, numbers, 5, 'a'), 2);
        T_EQ(in_zone(placement, numbers, 5, 'b'), 2);
        T_EQ(orr_placement_find_replicas(placement, key, 10, numbers), 10);
        T_EQ(in_zone(placement, numbers, 7, 'a'), 3);
        T_EQ(in_zone(placement, numbers, 7, 'b'), 3);
    }
    orr_placement_free(placement);
}

/* No zone holds two copies while another holds none, nor three while another could hold two. */
static void
test_replicas_respect_zones(void)
{
    for_all(check_zones);
}

/* Nodes 0 .. count - 1 in zones and with weights drawn at random; weight 0 holds no copies. */
static OrrPlacement *
draw_zones(const OrrPlacementInfo *info, OrrRng *rng, unsigned *zone_of, unsigned *zone_sizes)
{
    static const char *const zones[] = {NULL, "a", "b", "c", "d"};
    OrrPlacement *placement = rig_new(info->algorithm);
    unsigned count = 1 + (unsigned)orr_rng_below(rng, 14);

    for (unsigned i = 0; i < count; i++) {
        unsigned zone = (unsigned)orr_rng_below(rng, 5);
        uint32_t weight = info->weighted ? (uint32_t)orr_rng_below(rng, 4) : 1;

        T_EQ(rig_add(placement, i, weight, zones[zone]), ORR_OK);
        zone_of[i] = zone != 0 ? zone : 5 + i; /* numbers are in the order of addition */
        zone_sizes[zone_of[i]] += weight != 0;
    }
    return placement;
}

/* So many copies in the first zone, so many in the second: no other choice of as many nodes may
 * be flatter, which is so when a zone with more than another by two leaves that one no node. */
static void
check_spread(const uint32_t *numbers, size_t count, const unsigned *zone_of,
             const unsigned *zone_sizes)
{
    unsigned held[32] = {0};

    for (size_t i = 0; i < count; i++) {
        held[zone_of[numbers[i]]]++;
    }
    for (unsigned a = 0; a < 32; a++) {
        for (unsigned b = 0; b < 32; b++) {
            T_TRUE(held[a] <= held[b] + 1 || held[b] == zone_sizes[b]);
        }
    }
}

static void
check_random_zones(const OrrPlacementInfo *info)
{
    OrrRng rng = orr_rng_new(77);

    for (unsigned round = 0; round < 60; round++) {
        unsigned zone_of[32] = {0};
        unsigned zone_sizes[32] = {0};
        OrrPlacement *placement = draw_zones(info, &rng, zone_of, zone_sizes);
        size_t eligible = 0;

        for (unsigned z = 0; z < 32; z++) {
            eligible += zone_sizes[z];
        }
        for (unsigned wanted = 1; wanted < 16; wanted++) {
            uint32_t numbers[16];
            char text[24];
            OrrBytes key = rig_key(round * 16 + wanted, text);
            size_t count = orr_placement_find_replicas(placement, key, wanted, numbers);

            T_EQ(count, wanted < eligible ? wanted : eligible);
            check_spread(numbers, count, zone_of, zone_sizes);
            for (size_t i = 0; i < count; i++) {
                OrrPlacementNode node;
                T_TRUE(orr_placement_node(placement, numbers[i], &node) && node.weight != 0);
            }
        }
        orr_placement_free(placement);
    }
}

/* Zones of any sizes, nodes without zones and without weights: copies lie as flat as they can.
 */
static void
test_replicas_lie_flat_in_any_zones(void)
{
    for_all(check_random_zones);
}

static const Test TESTS[] = {
    TEST(test_replicas_are_distinct),
    TEST(test_replicas_respect_zones),
    TEST(test_replicas_lie_flat_in_any_zones),
};

T_MAIN("placement_replicas", TESTS)
