#include "placement_rig.h"

#include <math.h>

static const OrrPlacementInfo *infos;
static size_t info_count;

/* Runs `check` for every algorithm, naming the one that is wrong. */
static void
for_all(void (*check)(const OrrPlacementInfo *info))
{
    infos = orr_placement_algorithms(&info_count);
    T_EQ(info_count, ORR_PLACEMENT_ALGORITHM_COUNT);
    for (size_t i = 0; i < info_count; i++) {
        unsigned before = CU_get_number_of_failures();

        check(&infos[i]);
        if (CU_get_number_of_failures() != before) {
            printf("  ... in %s\n", infos[i].name);
        }
    }
}

static uint32_t before[KEYS];
static uint32_t after[KEYS];

static unsigned
count_moves(void)
{
    unsigned moves = 0;

    for (unsigned i = 0; i < KEYS; i++) {
        moves += before[i] != after[i];
    }
    return moves;
}

static void
check_names(const OrrPlacementInfo *info)
{
    T_TRUE(info == orr_placement_algorithm_named(orr_bytes_of_string(info->name)));
    T_TRUE(strlen(info->description) > 20);
    T_EQ(info->algorithm, info - infos);
}

/* Every algorithm is found by its name, says what it is, and sits where its number says. */
static void
test_algorithms_are_listed(void)
{
    for_all(check_names);
    T_TRUE(orr_placement_algorithm_named(orr_bytes_of_string("rings")) == NULL);
    T_TRUE(orr_placement_algorithm_named(ORR_BYTES_EMPTY) == NULL);
}

static void
check_newcomer(const OrrPlacementInfo *info)
{
    OrrPlacement *placement = rig_of(info->algorithm, 20);

    rig_owners(placement, before);
    T_EQ(rig_add(placement, 777, 1, NULL), ORR_OK);
    rig_owners(placement, after);
    for (unsigned i = 0; i < KEYS && info->minimal; i++) {
        T_TRUE(after[i] == before[i] || after[i] == 777);
    }
    /* due is one in 21: 190 of 4000 keys; a ring's share varies by a tenth or so */
    unsigned moves = count_moves();
    T_TRUE(moves > 60);
    T_TRUE(moves < (info->minimal ? 480 : 800) || info->algorithm == ORR_PLACEMENT_MODULO);
    orr_placement_free(placement);
}

/* Who comes takes a fair part of the keys, and nothing moves between the others. */
static void
test_newcomer_takes_only_for_itself(void)
{
    for_all(check_newcomer);
}

static unsigned
victim_of(const OrrPlacementInfo *info, const OrrPlacement *placement)
{
    uint32_t number =
        info->removes_any ? rig_number(placement, 7) : orr_placement_last(placement);
    OrrPlacementNode node;

    T_REQUIRE(orr_placement_node(placement, number, &node));
    return (unsigned)strtoul((const char *)node.name.data + 5, NULL, 10);
}

static void
check_leaver(const OrrPlacementInfo *info)
{
    OrrPlacement *placement = rig_of(info->algorithm, 20);
    unsigned victim = victim_of(info, placement);
    uint64_t digest = orr_placement_digest(placement);

    rig_owners(placement, before);
    T_EQ(orr_placement_remove(placement, rig_number(placement, victim)), ORR_OK);
    rig_owners(placement, after);
    for (unsigned i = 0; i < KEYS; i++) {
        T_TRUE(after[i] != victim);
        T_TRUE(after[i] == before[i] || before[i] == victim || !info->minimal);
    }
    T_TRUE(orr_placement_digest(placement) != digest);
    T_EQ(rig_add(placement, victim, 1, NULL), ORR_OK);
    T_TRUE(!info->recovers || orr_placement_digest(placement) == digest);
    orr_placement_free(placement);
}

/* Of who goes only its own keys move; and when it comes back, all is as it was. */
static void
test_leaver_moves_only_its_own_and_recovers(void)
{
    for_all(check_leaver);
}

static void
check_order(const OrrPlacementInfo *info)
{
    static const unsigned orders[3][6] = {
        {0, 1, 2, 3, 4, 5}, {5, 3, 1, 0, 2, 4}, {2, 5, 4, 1, 3, 0}};
    uint64_t digest[3];

    for (unsigned o = 0; o < 3; o++) {
        OrrPlacement *placement = rig_new(info->algorithm);
        for (unsigned i = 0; i < 6; i++) {
            T_EQ(rig_add(placement, orders[o][i], info->weighted ? 1 + orders[o][i] % 3 : 1,
                         orders[o][i] % 2 != 0 ? "a" : "b"),
                 ORR_OK);
        }
        digest[o] = orr_placement_digest(placement);
        orr_placement_free(placement);
    }
    T_EQ(digest[0] == digest[1] && digest[1] == digest[2], info->order_free);
}

/* Where the table says so, the order of additions does not show; where not, it does. */
static void
test_order_of_additions(void)
{
    for_all(check_order);
}

static void
check_shuffled_list(const OrrPlacementInfo *info)
{
    static const char *const names[] = {"d", "a", "e", "c", "b"};
    OrrPlacementNode nodes[5] = {0};
    uint64_t digest = 0;

    for (unsigned turn = 0; turn < 5; turn++) {
        OrrPlacement *placement = rig_new(info->algorithm);
        for (unsigned i = 0; i < 5; i++) {
            nodes[i].name = orr_bytes_of_string(names[(i + turn) % 5]);
            nodes[i].weight = 3;
        }
        T_EQ(orr_placement_add_all(placement, nodes, 5, NULL), ORR_OK);
        T_TRUE(turn == 0 || orr_placement_digest(placement) == digest);
        digest = orr_placement_digest(placement);
        orr_placement_free(placement);
    }
}

/* A list of nodes gives the same placement in any order, with every algorithm. */
static void
test_shuffled_list_is_the_same_list(void)
{
    for_all(check_shuffled_list);
}

static void
check_batch(const OrrPlacementInfo *info)
{
    static OrrBytes keys[KEYS];
    static char texts[KEYS][24];
    static uint64_t hashes[KEYS];
    OrrPlacement *placement = rig_of(info->algorithm, 37);

    if (info->weighted) {
        T_EQ(orr_placement_reweigh(placement, 3, 5), ORR_OK);
        T_EQ(orr_placement_reweigh(placement, 4, 0), ORR_OK);
    }
    for (unsigned i = 0; i < KEYS; i++) {
        keys[i] = rig_key(i, texts[i]);
        hashes[i] = orr_placement_hash(placement, keys[i]);
    }
    for (unsigned size = 0; size < 200; size += 13) {
        orr_placement_find_batch(placement, keys + size, size, before);
        orr_placement_find_hash_batch(placement, hashes + size, size, after);
        for (unsigned i = 0; i < size; i++) {
            T_EQ(before[i], orr_placement_find(placement, keys[size + i]));
            T_EQ(after[i], orr_placement_find_hash(placement, hashes[size + i]));
            T_TRUE(!info->by_hash || before[i] == after[i]);
        }
    }
    orr_placement_free(placement);
}

/* Many keys at once have the owners that each has alone. */
static void
test_batches_agree_with_single_lookups(void)
{
    for_all(check_batch);
}

/* Keys per node of 40,000 random hashes or keys. */
static void
tally(const OrrPlacement *placement, unsigned *counts, unsigned draws)
{
    OrrRng rng = orr_rng_new(11);

    for (unsigned i = 0; i < draws; i++) {
        uint64_t bits = orr_rng_next(&rng);
        uint32_t number = orr_placement_find(placement, orr_bytes(&bits, sizeof bits));
        T_REQUIRE(number < orr_placement_number_limit(placement));
        counts[number]++;
    }
}

static void
check_weights(const OrrPlacementInfo *info)
{
    enum { NODES = 12, DRAWS = 60000 };
    OrrPlacement *placement = rig_new(info->algorithm);
    unsigned counts[NODES] = {0};
    double total = 0;
    double worst = 0;
    double chi2 = 0;

    for (unsigned i = 0; i < NODES; i++) {
        uint32_t weight = info->weighted ? 1 + i % 4 : 1;
        T_EQ(rig_add(placement, i, weight, NULL), ORR_OK);
        total += weight;
    }
    tally(placement, counts, DRAWS);
    for (uint32_t i = 0; i < NODES; i++) {
        OrrPlacementNode node;
        T_TRUE(orr_placement_node(placement, i, &node));
        double due = node.weight / total * DRAWS;
        worst = fmax(worst, fabs(counts[i] / due - 1));
        chi2 += (counts[i] - due) * (counts[i] - due) / due;
    }
    if (info->hash_exact) {
        T_TRUE(chi2 < 31.3); /* 11 degrees of freedom: 0.1 % */
    }
    /* one point and 21 probes spread a lot; 160 points vary by 8 % */
    T_TRUE(worst < (info->algorithm == ORR_PLACEMENT_MULTI_PROBE ? 0.6 : 0.35));
    orr_placement_free(placement);
}

/* Twice the weight is twice the keys; where it is exact a chi-square test does not object. */
static void
test_shares_follow_weights(void)
{
    for_all(check_weights);
}

static void
check_closed_form(const OrrPlacementInfo *info)
{
    enum { NODES = 9, DRAWS = 60000 };
    OrrPlacement *placement = rig_of(info->algorithm, NODES);
    uint64_t shares[NODES];
    unsigned counts[NODES] = {0};
    double sum = 0;

    OrrStatus status = orr_placement_shares(placement, shares);
    T_EQ(status == ORR_REFUSED, info->algorithm == ORR_PLACEMENT_MULTI_PROBE);
    if (status == ORR_OK) {
        tally(placement, counts, DRAWS);
        for (unsigned i = 0; i < NODES; i++) {
            double share = (double)shares[i] / 9223372036854775808.0;
            double sigma = sqrt(DRAWS * share * (1 - share));
            sum += share;
            T_TRUE(fabs(counts[i] - DRAWS * share) < 5 * sigma);
        }
        T_TRUE(fabs(sum - 1) < 1e-9);
    }
    orr_placement_free(placement);
}

/* What shares() says in advance is what keys do, within five standard deviations. */
static void
test_shares_are_what_keys_do(void)
{
    for_all(check_closed_form);
}

static void
check_reweigh(const OrrPlacementInfo *info)
{
    OrrPlacement *placement = rig_of(info->algorithm, 10);
    uint32_t number = rig_number(placement, 4);
    uint64_t digest = orr_placement_digest(placement);

    T_EQ(orr_placement_reweigh(placement, number, 1), ORR_OK);
    if (!info->weighted) {
        T_EQ(orr_placement_reweigh(placement, number, 2), ORR_REFUSED);
        T_TRUE(orr_placement_digest(placement) == digest);
        orr_placement_free(placement);
        return;
    }
    rig_owners(placement, before);
    T_EQ(orr_placement_reweigh(placement, number, 3), ORR_OK);
    rig_owners(placement, after);
    for (unsigned i = 0; i < KEYS && info->minimal; i++) {
        T_TRUE(after[i] == before[i] || after[i] == 4);
    }
    T_TRUE(count_moves() > 300);
    T_EQ(orr_placement_reweigh(placement, number, 1), ORR_OK);
    T_TRUE(!info->recovers || orr_placement_digest(placement) == digest);
    T_EQ(orr_placement_reweigh(placement, number, 0), ORR_OK);
    rig_owners(placement, after);
    for (unsigned i = 0; i < KEYS; i++) {
        T_TRUE(after[i] != 4);
        T_TRUE(after[i] == before[i] || before[i] == 4 || !info->minimal ||
               info->algorithm == ORR_PLACEMENT_SLOTS_WEIGHTED);
    }
    orr_placement_free(placement);
}

/* A heavier node takes only for itself; back at its old weight it has its old keys; and at
 * weight 0 it has none. */
static void
test_change_of_weight(void)
{
    for_all(check_reweigh);
}

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

static void
check_empty(const OrrPlacementInfo *info)
{
    OrrPlacement *placement = rig_new(info->algorithm);
    OrrBytes key = orr_bytes_of_string("k");
    uint32_t numbers[3] = {0};

    for (int round = 0; round < 2; round++) {
        T_EQ(orr_placement_find(placement, key), ORR_PLACEMENT_NO_NODE);
        T_EQ(orr_placement_find_hash(placement, 1), ORR_PLACEMENT_NO_NODE);
        T_EQ(orr_placement_assign(placement, key, 1), ORR_PLACEMENT_NO_NODE);
        T_EQ(orr_placement_find_replicas(placement, key, 3, numbers), 0);
        orr_placement_find_batch(placement, &key, 1, numbers);
        T_EQ(numbers[0], ORR_PLACEMENT_NO_NODE);
        T_EQ(orr_placement_last(placement), ORR_PLACEMENT_NO_NODE);
        T_EQ(orr_placement_remove(placement, 0), ORR_NOT_FOUND);
        T_EQ(orr_placement_reweigh(placement, 9, 1), ORR_NOT_FOUND);
        (void)orr_placement_digest(placement);
        (void)orr_placement_hash(placement, key);
        T_TRUE(orr_placement_memory_size(placement) > 0);
        /* one node owns everything, the empty key too; then it leaves */
        T_EQ(rig_add(placement, 0, 9, NULL), ORR_OK);
        T_EQ(orr_placement_find(placement, ORR_BYTES_EMPTY), 0);
        T_EQ(orr_placement_find(placement, key), 0);
        T_EQ(orr_placement_find_hash(placement, UINT64_MAX), 0);
        T_EQ(orr_placement_find_hash(placement, 0), 0);
        T_EQ(orr_placement_find_replicas(placement, key, 3, numbers), 1);
        T_EQ(orr_placement_remove(placement, 0), ORR_OK);
    }
    orr_placement_free(placement);
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

/* Without nodes nobody owns anything; with one it owns all, empty keys too. */
static void
test_no_nodes_and_one_node(void)
{
    for_all(check_empty);
}

static void
check_bad_nodes(const OrrPlacementInfo *info)
{
    static char big[2000];
    OrrPlacement *placement = rig_of(info->algorithm, 3);
    uint64_t digest = orr_placement_digest(placement);
    OrrPlacementNode nodes[3] = {{.name = orr_bytes_of_string("x"), .weight = 1},
                                 {.name = orr_bytes_of_string("y"), .weight = 1},
                                 {.name = orr_bytes_of_string("x"), .weight = 1}};
    OrrPlacementNode long_name = {.name = orr_bytes(big, sizeof big), .weight = 1};
    size_t failed = 99;

    T_EQ(rig_add(placement, 1, 1, NULL), ORR_EXISTS);
    T_EQ(orr_placement_add(placement, &(OrrPlacementNode){.weight = 1}), ORR_INVALID);
    T_EQ(orr_placement_add(placement, &long_name), ORR_INVALID);
    T_EQ(orr_placement_add_all(placement, nodes, 3, &failed), ORR_EXISTS);
    T_EQ(failed, 2);
    nodes[2].name = orr_bytes_of_string("node-1");
    T_EQ(orr_placement_add_all(placement, nodes, 3, &failed), ORR_EXISTS);
    T_EQ(failed, 2);
    nodes[1].weight = 2;
    if (!info->weighted) {
        T_EQ(rig_add(placement, 8, 0, NULL), ORR_REFUSED);
        T_EQ(rig_add(placement, 8, 7, NULL), ORR_REFUSED);
        T_EQ(orr_placement_add_all(placement, nodes, 2, &failed), ORR_REFUSED);
        T_EQ(failed, 1);
    }
    if (!info->removes_any) {
        T_EQ(orr_placement_remove(placement, 0), ORR_REFUSED);
    }
    T_EQ(orr_placement_count(placement), 3);
    T_TRUE(orr_placement_digest(placement) == digest);
    orr_placement_free(placement);
}

/* Twins, nameless nodes, names without end and weights that cannot be are refused, and refusals
 * change nothing. */
static void
test_bad_nodes_are_refused(void)
{
    for_all(check_bad_nodes);
}

static void
check_weight_extremes(const OrrPlacementInfo *info)
{
    OrrPlacementOptions options = orr_placement_options(info->algorithm);
    OrrPlacement *placement = NULL;
    unsigned counts[4] = {0};

    /* rings of a million points take their time; one of them is enough */
    options.unit_weight = info->algorithm == ORR_PLACEMENT_RING ? 0 : 1u << 22;
    T_REQUIRE(orr_placement_new(&options, &placement) == ORR_OK);
    if (!info->weighted) {
        orr_placement_free(placement);
        return;
    }
    T_EQ(rig_add(placement, 0, 0, NULL), ORR_OK);
    T_EQ(orr_placement_find(placement, ORR_BYTES_EMPTY), ORR_PLACEMENT_NO_NODE);
    T_EQ(rig_add(placement, 1, UINT32_MAX, NULL), ORR_OK);
    T_EQ(rig_add(placement, 2, UINT32_MAX / 2, NULL), ORR_OK);
    T_EQ(rig_add(placement, 3, 1u << 20, NULL), ORR_OK);
    tally(placement, counts, 20000);
    T_EQ(counts[0], 0);
    T_TRUE(counts[1] > 10000 || info->algorithm == ORR_PLACEMENT_MULTI_PROBE);
    T_TRUE(counts[2] > 4500 || info->algorithm == ORR_PLACEMENT_MULTI_PROBE);
    T_TRUE(counts[3] < 200 || info->algorithm == ORR_PLACEMENT_MULTI_PROBE);
    T_EQ(orr_placement_reweigh(placement, 1, 0), ORR_OK);
    T_EQ(orr_placement_reweigh(placement, 2, 0), ORR_OK);
    T_EQ(orr_placement_reweigh(placement, 3, 0), ORR_OK);
    T_EQ(orr_placement_find(placement, ORR_BYTES_EMPTY), ORR_PLACEMENT_NO_NODE);
    T_EQ(orr_placement_reweigh(placement, 3, 2), ORR_OK);
    T_EQ(orr_placement_find(placement, ORR_BYTES_EMPTY), 3);
    orr_placement_free(placement);
}

/* Weight 0 owns nothing, the largest weights do not overflow, and all may become 0. */
static void
test_zero_and_huge_weights(void)
{
    for_all(check_weight_extremes);
}

static void
check_many(const OrrPlacementInfo *info)
{
    enum { NODES = 2500 };
    static unsigned counts[NODES + 1];
    OrrPlacement *placement = rig_of(info->algorithm, NODES);
    unsigned used = 0;

    memset(counts, 0, sizeof counts);
    tally(placement, counts, 20000);
    for (unsigned i = 0; i < NODES; i++) {
        used += counts[i] != 0;
    }
    T_TRUE(used > NODES * 9 / 10);
    T_EQ(rig_add(placement, NODES, 1, NULL), ORR_OK);
    T_EQ(orr_placement_remove(placement, rig_number(placement, NODES)), ORR_OK);
    orr_placement_free(placement);
}

/* Thousands of nodes are no limit. */
static void
test_thousands_of_nodes(void)
{
    for_all(check_many);
}

static void
check_copy(const OrrPlacementInfo *info)
{
    OrrPlacement *placement = rig_of(info->algorithm, 9);
    uint32_t last;

    T_EQ(rig_add(placement, 100, 1, "z"), ORR_OK);
    T_EQ(orr_placement_remove(placement, orr_placement_last(placement)), ORR_OK);
    (void)orr_placement_assign(placement, ORR_BYTES_EMPTY, 5);
    OrrPlacement *copy = orr_placement_copy(placement);
    uint64_t digest = orr_placement_digest(placement);
    T_TRUE(orr_placement_digest(copy) == digest);
    last = orr_placement_last(copy);
    T_EQ(orr_placement_remove(copy, last), ORR_OK);
    T_TRUE(orr_placement_digest(placement) == digest);
    orr_placement_free(placement);
    T_EQ(rig_add(copy, 55, 1, NULL), ORR_OK);
    T_EQ(rig_number(copy, 55), last); /* the lowest free number */
    orr_placement_free(copy);
}

/* Whatever comes, goes or changes its weight, every node holds its due of the slots within one
 * and a half, and slots move only to or from who changed. */
static void
test_slots_stay_fair(void)
{
    OrrPlacement *placement = rig_of(ORR_PLACEMENT_SLOTS_WEIGHTED, 5);
    OrrRng rng = orr_rng_new(t_seed(6));
    uint64_t shares[64];

    for (unsigned step = 0; step < 300; step++) {
        unsigned i = (unsigned)orr_rng_below(&rng, 30);
        uint32_t number = rig_number(placement, i);
        uint32_t weight = (uint32_t)orr_rng_below(&rng, 1u << (1 + step % 9));
        double total = 0;

        rig_owners(placement, before);
        if (number == ORR_PLACEMENT_NO_NODE) {
            T_EQ(rig_add(placement, i, weight, NULL), ORR_OK);
        } else if (step % 3 == 0 && i != 0) {
            T_EQ(orr_placement_remove(placement, number), ORR_OK);
        } else {
            T_EQ(orr_placement_reweigh(placement, number, weight + 1), ORR_OK);
        }
        rig_owners(placement, after);
        for (unsigned k = 0; k < KEYS; k++) {
            T_TRUE(before[k] == after[k] || before[k] == i || after[k] == i);
        }
        T_EQ(orr_placement_shares(placement, shares), ORR_OK);
        for (uint32_t n = 0; n < orr_placement_number_limit(placement); n++) {
            OrrPlacementNode node;
            total += orr_placement_node(placement, n, &node) ? node.weight : 0;
        }
        for (uint32_t n = 0; n < orr_placement_number_limit(placement); n++) {
            OrrPlacementNode node = {0};
            (void)orr_placement_node(placement, n, &node);
            T_TRUE(fabs((double)(shares[n] >> 49) - node.weight / total * 16384) <= 1.5);
        }
    }
    orr_placement_free(placement);
}

/* In a tree of several levels shares are exact too, keys move no more than once a level, and
 * who comes back finds its own. */
static void
test_tree_of_several_levels(void)
{
    enum { NODES = 3000, DRAWS = 300000 };
    static unsigned counts[NODES];
    OrrPlacement *tree = rig_of(ORR_PLACEMENT_RENDEZVOUS_TREE, NODES);
    double heavy = 0;
    double chi2 = 0;

    for (uint32_t i = 0; i < NODES; i += 3) {
        T_EQ(orr_placement_reweigh(tree, i, 4), ORR_OK);
    }
    memset(counts, 0, sizeof counts);
    tally(tree, counts, DRAWS);
    for (unsigned i = 0; i < NODES; i++) {
        double due = (i % 3 == 0 ? 4.0 : 1.0) / (2 * NODES) * DRAWS;
        heavy += i % 3 == 0 ? counts[i] : 0;
        chi2 += (counts[i] - due) * (counts[i] - due) / due;
    }
    T_TRUE(fabs(heavy / DRAWS - 2.0 / 3) < 0.005);
    T_TRUE(fabs(chi2 - (NODES - 1)) < 5 * sqrt(2.0 * (NODES - 1)));
    uint64_t digest = orr_placement_digest(tree);
    rig_owners(tree, before);
    OrrPlacementNode gone;
    uint32_t number = rig_number(tree, 1500);
    T_TRUE(orr_placement_node(tree, number, &gone));
    uint32_t weight = gone.weight;
    T_EQ(orr_placement_remove(tree, number), ORR_OK);
    rig_owners(tree, after);
    T_TRUE(count_moves() < 30); /* due are at most 2.7 of 4000 */
    T_EQ(rig_add(tree, 1500, weight, NULL), ORR_OK);
    T_TRUE(orr_placement_digest(tree) == digest);
    orr_placement_free(tree);
}

/* The mapping of twelve nodes with zones and, where they can be, weights, on every machine,
 * compiler and optimisation. A changed number is a changed promise: keys move when users
 * upgrade. */
static const uint64_t DIGESTS[ORR_PLACEMENT_ALGORITHM_COUNT] = {
    UINT64_C(0x944457cb35792171), /* ring */
    UINT64_C(0x43fbd1f539f8c4b6), /* ring-nearest */
    UINT64_C(0x8c22ac1c385548d1), /* ring-bounded */
    UINT64_C(0x17e964c0f0f49d04), /* ketama-libketama */
    UINT64_C(0xd9cf3c352791e6fb), /* ketama-libmemcached */
    UINT64_C(0xf3a4d14c9b7aa4c2), /* ketama-hashring */
    UINT64_C(0x9c44a7772b14003f), /* slots-even */
    UINT64_C(0x07b0bbb8d5ec91e7), /* slots-weighted */
    UINT64_C(0x2d66c6d939b54112), /* slots-ring */
    UINT64_C(0x3daaffaf399841d9), /* jump */
    UINT64_C(0xdb486747b2d60821), /* jumpback */
    UINT64_C(0xc0041ef2b9875057), /* rendezvous */
    UINT64_C(0x7f605ce1be6479b2), /* rendezvous-tree */
    UINT64_C(0xb4ff14edb0af3520), /* maglev */
    UINT64_C(0x703546701920b50d), /* multi-probe */
    UINT64_C(0x6a8fa58755450893), /* anchor */
    UINT64_C(0xed6a8c8e59059fe1), /* dx */
    UINT64_C(0xca14da186f5ae5ef), /* memento */
    UINT64_C(0x68f46a27e1c889c9), /* modulo */
};

static void
check_digest(const OrrPlacementInfo *info)
{
    OrrPlacement *placement = rig_new(info->algorithm);

    for (unsigned i = 0; i < 12; i++) {
        T_EQ(rig_add(placement, i, info->weighted ? 100 + 37 * (i % 5) : 1,
                     i % 4 == 0 ? NULL : "z"),
             ORR_OK);
    }
    if (orr_placement_digest(placement) != DIGESTS[info->algorithm]) {
        printf("    UINT64_C(0x%016" PRIx64 "), /* %s */\n", orr_placement_digest(placement),
               info->name);
        CU_FAIL("digest");
    }
    orr_placement_free(placement);
}

static void
test_digests_are_for_ever(void)
{
    for_all(check_digest);
}

/* However a tree grows, no newcomer moves many more keys than three times its due. */
static void
test_tree_grows_without_a_jolt(void)
{
    OrrPlacement *tree = rig_of(ORR_PLACEMENT_RENDEZVOUS_TREE, 250);
    unsigned total = 0;

    rig_owners(tree, after);
    for (unsigned i = 250; i < 400; i++) {
        memcpy(before, after, sizeof before);
        T_EQ(rig_add(tree, i, 1, NULL), ORR_OK);
        rig_owners(tree, after);
        T_TRUE(count_moves() < 90); /* due are 10 to 16 */
        total += count_moves();
    }
    T_TRUE(total < 3 * 1880);
    orr_placement_free(tree);
}

static void
check_lightest(const OrrPlacementInfo *info)
{
    OrrPlacement *placement = rig_new(info->algorithm);
    OrrPlacementNode nodes[6];
    char names[6][8];

    for (unsigned i = 0; i < 6 && info->weighted; i++) {
        int size = snprintf(names[i], sizeof names[i], "node-%u", i);
        nodes[i] = (OrrPlacementNode){orr_bytes(names[i], (size_t)size), 0, 100, {0}};
    }
    if (info->weighted && info->minimal) {
        T_EQ(orr_placement_add_all(placement, nodes, 6, NULL), ORR_OK);
        rig_owners(placement, before);
        T_EQ(orr_placement_reweigh(placement, 3, 50), ORR_OK);
        rig_owners(placement, after);
        for (unsigned i = 0; i < KEYS; i++) {
            T_TRUE(after[i] == before[i] || before[i] == 3);
        }
        T_EQ(rig_add(placement, 6, 30, NULL), ORR_OK);
        rig_owners(placement, before);
        for (unsigned i = 0; i < KEYS; i++) {
            T_TRUE(after[i] == before[i] || before[i] == 6);
        }
    }
    orr_placement_free(placement);
}

/* A node that becomes the lightest of all, or comes as such, moves nobody else's keys. */
static void
test_lightest_node_moves_no_others(void)
{
    for_all(check_lightest);
}

/* The tables of anchor and dx double when they are full, and not at every newcomer. */
static void
test_tables_double(void)
{
    static const OrrPlacementAlgorithm tables[] = {ORR_PLACEMENT_ANCHOR, ORR_PLACEMENT_DX};

    for (unsigned t = 0; t < 2; t++) {
        OrrPlacement *placement = rig_of(tables[t], 8);

        for (unsigned i = 8; i < 32; i++) {
            rig_owners(placement, before);
            T_EQ(rig_add(placement, i, 1, NULL), ORR_OK);
            rig_owners(placement, after);
            for (unsigned k = 0; k < KEYS && i != 16; k++) {
                T_TRUE(after[k] == before[k] || after[k] == i);
            }
            T_TRUE(i != 16 || count_moves() > 1000); /* due would be 235 */
        }
        orr_placement_free(placement);
    }
}

/* The mean squared variation of the shares of 50 nodes, over 40 seeds. */
static double
variation(OrrPlacementAlgorithm algorithm)
{
    enum { NODES = 50, SEEDS = 40 };
    double sum = 0;

    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        OrrPlacementOptions options = orr_placement_options(algorithm);
        OrrPlacement *placement = NULL;
        uint64_t shares[NODES];

        options.seed = seed;
        T_REQUIRE(orr_placement_new(&options, &placement) == ORR_OK);
        for (unsigned i = 0; i < NODES; i++) {
            T_REQUIRE(rig_add(placement, i, 1, NULL) == ORR_OK);
        }
        T_EQ(orr_placement_shares(placement, shares), ORR_OK);
        for (unsigned i = 0; i < NODES; i++) {
            double relative = (double)shares[i] / 9223372036854775808.0 * NODES - 1;
            sum += relative * relative / NODES / SEEDS;
        }
        orr_placement_free(placement);
    }
    return sum;
}

/* A ring's shares are Beta(V, (n - 1) V), whose squared variation is (n - 1) / (n V + 1); the
 * nearest of two neighbours has half of it. Forty seeds tell to 3 %. */
static void
test_rings_vary_as_the_closed_form_says(void)
{
    double closed = 49.0 / (50 * 160 + 1);

    T_TRUE(fabs(variation(ORR_PLACEMENT_RING) / closed - 1) < 0.12);
    T_TRUE(fabs(variation(ORR_PLACEMENT_RING_NEAREST) / closed * 2 - 1) < 0.12);
}

/* A port is part of a name, in whatever way it is told; and a name may hold any bytes. */
static void
test_names_and_ports(void)
{
    OrrPlacement *placement = rig_new(ORR_PLACEMENT_RING);
    OrrPlacementNode node = {.name = orr_bytes("a\0b", 3), .port = 7000, .weight = 1};

    T_EQ(orr_placement_add(placement, &node), ORR_OK);
    node.port = 7001;
    T_EQ(orr_placement_add(placement, &node), ORR_OK);
    T_EQ(orr_placement_add(placement, &node), ORR_EXISTS);
    node = (OrrPlacementNode){.name = orr_bytes("a\0b:7001", 8), .weight = 1};
    T_EQ(orr_placement_add(placement, &node), ORR_EXISTS);
    T_EQ(orr_placement_number(placement, orr_bytes("a\0b", 3), 7001), 1);
    T_EQ(orr_placement_number(placement, orr_bytes("a\0b", 3), 0), ORR_PLACEMENT_NO_NODE);
    T_EQ(orr_placement_number(placement, orr_bytes("a\0c", 3), 7001), ORR_PLACEMENT_NO_NODE);
    T_EQ(orr_placement_count(placement), 2);
    orr_placement_free(placement);
}

/* One random change: somebody comes, goes or weighs otherwise; refusals are part of life. */
static void
change_at_random(OrrPlacement *placement, OrrRng *rng)
{
    const OrrPlacementInfo *info = orr_placement_info(placement);
    unsigned i = (unsigned)orr_rng_below(rng, 25);
    uint32_t number = rig_number(placement, i);
    uint32_t weight = info->weighted ? (uint32_t)orr_rng_below(rng, 6) : 1;
    OrrStatus status;

    if (number == ORR_PLACEMENT_NO_NODE) {
        status = rig_add(placement, i, weight, i % 3 == 0 ? "z" : NULL);
        T_EQ(status, ORR_OK);
    } else if (orr_rng_below(rng, 2) == 0) {
        status = orr_placement_remove(placement, number);
        T_TRUE(status == ORR_OK || (status == ORR_REFUSED && !info->removes_any));
    } else {
        T_EQ(orr_placement_reweigh(placement, number, weight), ORR_OK);
    }
}

/* The nodes of one added to another, backwards. */
static OrrPlacement *
built_anew(const OrrPlacement *placement)
{
    OrrPlacement *anew = rig_new(orr_placement_info(placement)->algorithm);

    for (uint32_t number = orr_placement_number_limit(placement); number-- > 0;) {
        OrrPlacementNode node;
        if (orr_placement_node(placement, number, &node)) {
            T_EQ(orr_placement_add(anew, &node), ORR_OK);
        }
    }
    return anew;
}

static void
check_history(const OrrPlacementInfo *info)
{
    OrrPlacement *placement = rig_new(info->algorithm);
    OrrRng rng = orr_rng_new(t_seed(41));

    for (unsigned step = 0; step < 40; step++) {
        change_at_random(placement, &rng);
        OrrPlacement *anew = built_anew(placement);
        if (info->order_free) {
            T_TRUE(orr_placement_digest(placement) == orr_placement_digest(anew));
        }
        rig_owners(placement, before);
        rig_owners(anew, after);
        for (unsigned k = 0; k < KEYS; k++) {
            T_TRUE((before[k] == UINT32_MAX) == (after[k] == UINT32_MAX));
            T_TRUE(!info->order_free || before[k] == after[k]);
        }
        orr_placement_free(anew);
    }
    orr_placement_free(placement);
}

/* After any history of changes a placement is the one that its nodes alone would give, where
 * the table says that order does not show; and elsewhere it still has owners for all keys. */
static void
test_history_does_not_show(void)
{
    for_all(check_history);
}

/* A copy lives its own life. */
static void
test_copies_are_independent(void)
{
    for_all(check_copy);
}

/* What a node may hold once `total` is placed: a quarter more than its due, rounded up. */
static double
bound_of(const OrrPlacement *placement, uint32_t number, double total)
{
    OrrPlacementNode node = {0};

    T_REQUIRE(orr_placement_node(placement, number, &node));
    return ceil(1.25 * total * node.weight / 10);
}

/* 3,000 pieces of work of `load` each, most of it for few keys, on nodes of weight 3, 1, 1, ...
 * Of pieces that are larger than any bound the first go over it, for there is nowhere to go. */
static void
load_and_check(OrrPlacement *placement, uint64_t load)
{
    OrrRng rng = orr_rng_new(t_seed(5));
    double total = 0;
    unsigned owners = 0;

    for (unsigned i = 0; i < 3000; i++) {
        char text[24];
        OrrBytes key = rig_key((unsigned)orr_rng_below(&rng, 1 + i % 7), text);
        bool room = false;

        total += (double)load;
        for (uint32_t n = 0; n < 8; n++) {
            double held = (double)orr_placement_load(placement, n) + (double)load;
            room |= held <= bound_of(placement, n, total);
        }
        uint32_t number = orr_placement_assign(placement, key, load);
        double holds = (double)orr_placement_load(placement, number);
        T_REQUIRE(!room || holds <= bound_of(placement, number, total));
        T_REQUIRE(room || load != 1);
        owners |= 1u << number;
    }
    T_EQ(owners, 255); /* seven keys alone would not reach all eight */
}

/* With a bound of a quarter no node ever has more than its due share and a quarter, rounded up,
 * at any moment of a very skewed load; and releasing makes room again. */
static void
test_bounded_ring_keeps_its_bound(void)
{
    static const uint64_t loads[] = {1, 1000, UINT64_C(1000000007), UINT64_C(1) << 36};
    OrrPlacement *placement = rig_of(ORR_PLACEMENT_RING_BOUNDED, 8);
    OrrPlacement *plain = rig_of(ORR_PLACEMENT_RING, 8);

    T_EQ(orr_placement_reweigh(placement, 0, 3), ORR_OK);
    T_EQ(orr_placement_reweigh(plain, 0, 3), ORR_OK);
    rig_owners(plain, before);
    for (unsigned l = 0; l < 4; l++) {
        load_and_check(placement, loads[l]);
        for (uint32_t number = 0; number < 8; number++) {
            orr_placement_release(placement, number, UINT64_MAX);
            T_EQ(orr_placement_load(placement, number), 0);
        }
        rig_owners(placement, after);
        T_EQ(count_moves(), 0); /* unloaded it is the ring */
    }
    orr_placement_free(plain);
    orr_placement_free(placement);
}

/* A load beyond all bounds goes to its first owner, and the sums do not overflow. */
static void
test_bounded_ring_takes_huge_loads(void)
{
    OrrPlacement *placement = rig_of(ORR_PLACEMENT_RING_BOUNDED, 3);
    OrrBytes key = orr_bytes_of_string("whale");
    uint32_t owner = orr_placement_find(placement, key);

    T_EQ(orr_placement_assign(placement, key, UINT64_MAX / 4), owner);
    T_TRUE(orr_placement_load(placement, owner) == UINT64_MAX / 4);
    T_TRUE(orr_placement_assign(placement, key, 1) != owner);
    orr_placement_free(placement);
}

/* Options out of range and dialects with a hash that is not theirs are refused. */
static void
test_bad_options_are_refused(void)
{
    OrrPlacement *placement = NULL;
    OrrPlacementOptions options = orr_placement_options(ORR_PLACEMENT_MAGLEV);

    options.table_size = 1000;
    T_EQ(orr_placement_new(&options, &placement), ORR_INVALID);
    options = orr_placement_options(ORR_PLACEMENT_RING);
    options.points = 65537;
    T_EQ(orr_placement_new(&options, &placement), ORR_INVALID);
    options = orr_placement_options(ORR_PLACEMENT_KETAMA_HASHRING);
    options.hash = ORR_PLACEMENT_HASH_XXH3;
    T_EQ(orr_placement_new(&options, &placement), ORR_REFUSED);
    options.algorithm = (OrrPlacementAlgorithm)ORR_PLACEMENT_ALGORITHM_COUNT;
    T_EQ(orr_placement_new(&options, &placement), ORR_INVALID);
    T_TRUE(placement == NULL);
}

static const Test TESTS[] = {
    TEST(test_algorithms_are_listed),
    TEST(test_newcomer_takes_only_for_itself),
    TEST(test_leaver_moves_only_its_own_and_recovers),
    TEST(test_order_of_additions),
    TEST(test_shuffled_list_is_the_same_list),
    TEST(test_batches_agree_with_single_lookups),
    TEST(test_shares_follow_weights),
    TEST(test_shares_are_what_keys_do),
    TEST(test_change_of_weight),
    TEST(test_replicas_are_distinct),
    TEST(test_replicas_respect_zones),
    TEST(test_replicas_lie_flat_in_any_zones),
    TEST(test_no_nodes_and_one_node),
    TEST(test_bad_nodes_are_refused),
    TEST(test_zero_and_huge_weights),
    TEST(test_thousands_of_nodes),
    TEST(test_slots_stay_fair),
    TEST(test_tree_of_several_levels),
    TEST(test_tree_grows_without_a_jolt),
    TEST(test_lightest_node_moves_no_others),
    TEST(test_tables_double),
    TEST(test_rings_vary_as_the_closed_form_says),
    TEST(test_names_and_ports),
    TEST(test_digests_are_for_ever),
    TEST(test_history_does_not_show),
    TEST(test_copies_are_independent),
    TEST(test_bounded_ring_keeps_its_bound),
    TEST(test_bounded_ring_takes_huge_loads),
    TEST(test_bad_options_are_refused),
};

T_MAIN("placement_properties", TESTS)
