/* The slot map: claims in any order, and what two maps that agree look like. */
#include "check.h"

#include <orrery/orrery.h>
#include <orrery/slotmap.h>

static OrrId
shard(unsigned number)
{
    OrrId id = ORR_ID_NONE;

    id.bytes[0] = (uint8_t)number;
    return id;
}

static OrrSlotsRecord
claim_of(unsigned number, uint64_t version, unsigned first, unsigned last)
{
    return (OrrSlotsRecord){shard(number), version, {(uint16_t)first, (uint16_t)last}};
}

static bool
maps_equal(const OrrSlotMap *a, const OrrSlotMap *b)
{
    for (uint32_t slot = 0; slot < ORR_SLOT_COUNT; slot++) {
        OrrSlotView x = orr_slotmap_get(a, (uint16_t)slot);
        OrrSlotView y = orr_slotmap_get(b, (uint16_t)slot);

        if (!orr_id_equal(&x.shard, &y.shard) || x.version != y.version) {
            return false;
        }
    }
    return true;
}

static void
shuffle(OrrSlotsRecord *claims, size_t count, OrrRng *rng)
{
    for (size_t i = count; i > 1; i--) {
        size_t k = orr_rng_below(rng, i);
        OrrSlotsRecord held = claims[i - 1];

        claims[i - 1] = claims[k];
        claims[k] = held;
    }
}

/* Whatever the order in which claims arrive, and however often, all maps are the same, and so
 * are their digests; and a map with one claim less that mattered has another digest. */
static void
test_claims_converge(void)
{
    OrrRng rng = orr_rng_new(t_seed(1));

    for (int run = 0; run < 50; run++) {
        OrrSlotsRecord claims[40];
        OrrSlotMap *a = orr_slotmap_new();
        OrrSlotMap *b = orr_slotmap_new();

        for (size_t i = 0; i < 40; i++) {
            unsigned first = (unsigned)orr_rng_below(&rng, ORR_SLOT_COUNT);
            unsigned last = first + (unsigned)orr_rng_below(&rng, ORR_SLOT_COUNT - first);

            claims[i] = claim_of((unsigned)orr_rng_below(&rng, 5), 1 + orr_rng_below(&rng, 6),
                                 first, last);
            (void)orr_slotmap_claim(a, &claims[i]);
        }
        shuffle(claims, 40, &rng);
        for (size_t i = 0; i < 80; i++) {
            (void)orr_slotmap_claim(b, &claims[i % 40]);
        }
        T_TRUE(maps_equal(a, b));
        T_TRUE(orr_slotmap_digest(a) == orr_slotmap_digest(b));
        for (uint32_t i = 0; i < ORR_SLOT_BUCKETS; i++) {
            T_TRUE(orr_slotmap_bucket_digest(a, i) == orr_slotmap_bucket_digest(b, i));
        }
        claims[0] = claim_of(1, 9, 77, 77);
        (void)orr_slotmap_claim(b, &claims[0]);
        T_FALSE(orr_slotmap_digest(a) == orr_slotmap_digest(b));
        orr_slotmap_free(a);
        orr_slotmap_free(b);
    }
}

/* A late claim never wins; of equal versions the smaller id does, on every node alike.
 * Redis Cluster specification, "Hash slots configuration propagation": the greater epoch wins.
 */
static void
test_late_claims_and_ties(void)
{
    OrrSlotMap *map = orr_slotmap_new();
    OrrSlotsRecord newer = claim_of(1, 5, 0, 9);
    OrrSlotsRecord late = claim_of(2, 4, 0, 9);
    OrrSlotsRecord greater_twin = claim_of(2, 5, 0, 9);
    OrrSlotsRecord tie = claim_of(3, 7, 5, 5);
    OrrSlotsRecord smaller_twin = claim_of(2, 7, 5, 5);
    OrrId one = shard(1);
    OrrId two = shard(2);

    T_EQ(orr_slotmap_claim(map, &newer), 10);
    T_EQ(orr_slotmap_claim(map, &late), 0);
    T_EQ(orr_slotmap_claim(map, &greater_twin), 0);
    T_TRUE(orr_slotmap_owns(map, 9, &one));
    T_EQ(orr_slotmap_claim(map, &tie), 1);
    T_EQ(orr_slotmap_claim(map, &smaller_twin), 1);
    T_TRUE(orr_slotmap_owns(map, 5, &two));
    T_EQ(orr_slotmap_count(map, &one), 9);
    T_EQ(orr_slotmap_uncovered(map), ORR_SLOT_COUNT - 10);
    T_EQ(orr_slotmap_version(map), 7);
    orr_slotmap_free(map);
}

/* The widest ranges with one owner and version, given-up slots included, rebuild the map. */
static void
test_ranges_rebuild_the_map(void)
{
    OrrRng rng = orr_rng_new(t_seed(2));
    OrrSlotMap *a = orr_slotmap_new();
    OrrSlotMap *b = orr_slotmap_new();
    uint32_t cursor = 0;
    OrrSlotsRecord part;

    for (int i = 0; i < 300; i++) {
        unsigned first = (unsigned)orr_rng_below(&rng, ORR_SLOT_COUNT - 60);
        OrrSlotsRecord claim = claim_of((unsigned)orr_rng_below(&rng, 4),
                                        1 + orr_rng_below(&rng, 50), first, first + 50);

        (void)orr_slotmap_claim(a, &claim);
    }
    while (orr_slotmap_next(a, &cursor, ORR_SLOT_COUNT - 1, &part) == ORR_OK) {
        (void)orr_slotmap_claim(b, &part);
    }
    T_TRUE(maps_equal(a, b));
    T_TRUE(orr_slotmap_digest(a) == orr_slotmap_digest(b));
    orr_slotmap_free(a);
    orr_slotmap_free(b);
}

/* Claims of ever new shards fill the table up to its maximum, and break nothing. */
static void
test_too_many_shards_are_refused(void)
{
    OrrSlotMap *map = orr_slotmap_new();
    OrrSlotsRecord claim = claim_of(1, 0, 3, 3);

    for (unsigned i = 1; i <= 2 * ORR_SLOT_SHARDS_MAX; i++) {
        claim.shard.bytes[1] = (uint8_t)(i >> 8);
        claim.shard.bytes[2] = (uint8_t)i;
        claim.version = i;
        T_EQ(orr_slotmap_claim(map, &claim), i <= ORR_SLOT_SHARDS_MAX);
    }
    T_EQ(orr_slotmap_version(map), ORR_SLOT_SHARDS_MAX);
    orr_slotmap_free(map);
}

/* A new owner ends what was local to the old one: MIGRATING, IMPORTING. */
static void
test_state_ends_with_ownership(void)
{
    OrrSlotMap *map = orr_slotmap_new();
    OrrSlotsRecord mine = claim_of(1, 1, 0, 99);
    OrrSlotsRecord theirs = claim_of(2, 2, 0, 99);
    OrrId two = shard(2);
    uint64_t digest;

    (void)orr_slotmap_claim(map, &mine);
    digest = orr_slotmap_digest(map);
    orr_slotmap_set_state(map, 7, ORR_SLOT_MIGRATING, &two);
    T_EQ(orr_slotmap_get(map, 7).state, ORR_SLOT_MIGRATING);
    T_TRUE(orr_slotmap_digest(map) == digest);
    (void)orr_slotmap_claim(map, &theirs);
    T_EQ(orr_slotmap_get(map, 7).state, ORR_SLOT_STABLE);
    orr_slotmap_free(map);
}

static const Test TESTS[] = {
    TEST(test_claims_converge),           TEST(test_late_claims_and_ties),
    TEST(test_ranges_rebuild_the_map),    TEST(test_too_many_shards_are_refused),
    TEST(test_state_ends_with_ownership),
};

T_MAIN("slotmap", TESTS)
