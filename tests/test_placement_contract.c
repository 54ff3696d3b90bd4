/* What every algorithm owes its caller: refusals, names, orders, batches, copies, digests. */
#include "placement_properties.h"

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

/* Sizes of batches around what is done side by side; keys of 0 to 90 bytes. */
static void
compare_batches(const OrrPlacement *placement, const OrrPlacementInfo *info)
{
    static uint8_t bytes[KEYS + 100];
    static OrrBytes keys[KEYS];
    static uint64_t hashes[KEYS];
    OrrRng rng = orr_rng_new(17);

    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)orr_rng_next(&rng);
    }
    for (unsigned i = 0; i < KEYS; i++) {
        keys[i] = orr_bytes(bytes + i, (size_t)orr_rng_below(&rng, i % 8 == 0 ? 90 : 30));
        hashes[i] = orr_placement_hash(placement, keys[i]);
    }
    static uint64_t together[KEYS];
    orr_placement_hash_batch(placement, keys, KEYS, together);
    T_TRUE(memcmp(hashes, together, sizeof hashes) == 0);
    for (unsigned size = 0; size < 200; size += 13) {
        orr_placement_find_batch(placement, keys + size, size, before);
        orr_placement_find_hash_batch(placement, hashes + size, size, after);
        for (unsigned i = 0; i < size; i++) {
            T_EQ(before[i], orr_placement_find(placement, keys[size + i]));
            T_EQ(after[i], orr_placement_find_hash(placement, hashes[size + i]));
            T_TRUE(!info->by_hash || before[i] == after[i]);
        }
    }
}

static void
check_batch(const OrrPlacementInfo *info)
{
    static const unsigned sizes[] = {1, 5, 37, 300};

    for (unsigned s = 0; s < 4; s++) {
        OrrPlacement *placement = rig_of(info->algorithm, sizes[s]);

        compare_batches(placement, info);
        for (uint32_t number = 1; number < sizes[s] && info->weighted;
             number += 1 + sizes[s] / 8) {
            T_EQ(orr_placement_reweigh(placement, number, number % 7), ORR_OK);
        }
        for (unsigned gone = 0; gone < sizes[s] / 3 && gone < 10; gone++) {
            uint32_t number = info->removes_any ? gone * 2 : orr_placement_last(placement);
            T_EQ(orr_placement_remove(placement, number), ORR_OK);
        }
        compare_batches(placement, info);
        orr_placement_free(placement);
    }
}

/* Many keys at once have the owners that each has alone. */
static void
test_batches_agree_with_single_lookups(void)
{
    for_all(check_batch);
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

/* A copy lives its own life. */
static void
test_copies_are_independent(void)
{
    for_all(check_copy);
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
    TEST(test_algorithms_are_listed),          TEST(test_order_of_additions),
    TEST(test_shuffled_list_is_the_same_list), TEST(test_batches_agree_with_single_lookups),
    TEST(test_no_nodes_and_one_node),          TEST(test_bad_nodes_are_refused),
    TEST(test_digests_are_for_ever),           TEST(test_names_and_ports),
    TEST(test_copies_are_independent),         TEST(test_bad_options_are_refused),
};

T_MAIN("placement_contract", TESTS)
