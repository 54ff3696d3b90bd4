#include "placement_rig.h"

#include <math.h>

#include "placement/auction.h"
#include "placement/bids.h"
#include "placement/jump_many.h"
#include "placement/log2.h"
#include "placement/points.h"
#include "placement/sieve.h"
#include "placement/siphash.h"

/* Known answers of the references, a few each, for where the tables are not at hand. */
static void
test_samples_of_the_references(void)
{
    T_EQ(orr_jump(1, 1), 0);
    T_EQ(orr_jump(42, 57), 43);
    T_EQ(orr_jump(UINT64_C(0xdead10cc), 666), 361);
    T_EQ(orr_jump(256, 1024), 520);
    T_EQ(orr_jump(7, 0), 0);
    T_EQ(orr_jumpback(7, 0), 0);
    T_EQ(orr_jumpback(7, 1), 0);
    T_TRUE(orr_ketama_hash(orr_bytes_of_string("img/6b/d8ea3f7e.jpg")) == 1844310935);
    T_TRUE(orr_rendezvous_hash(0, orr_bytes_of_string("img/6b/d8ea3f7e.jpg")) ==
           UINT64_C(11694736145115890796));
}

/* Jump and JumpBack: going from n to n + 1 buckets a key stays or goes to the new one. */
static void
test_jumps_are_monotone(void)
{
    OrrRng rng = orr_rng_new(t_seed(31));

    for (unsigned i = 0; i < 300; i++) {
        uint64_t hash = orr_rng_next(&rng);

        for (uint32_t n = 1; n < 300; n++) {
            uint32_t jump = orr_jump(hash, n);
            uint32_t back = orr_jumpback(hash, n);

            T_REQUIRE(jump < n && back < n);
            T_REQUIRE(orr_jump(hash, n + 1) == jump || orr_jump(hash, n + 1) == n);
            T_REQUIRE(orr_jumpback(hash, n + 1) == back || orr_jumpback(hash, n + 1) == n);
        }
        T_TRUE(orr_jump(hash, ORR_JUMP_BUCKETS_MAX) < ORR_JUMP_BUCKETS_MAX);
        T_TRUE(orr_jumpback(hash, ORR_JUMP_BUCKETS_MAX) < ORR_JUMP_BUCKETS_MAX);
    }
}

/* Eight at a time they land where one by one they land, for any number of buckets. */
static void
test_jumps_side_by_side(void)
{
    enum { HASHES = 67 };
    OrrRng rng = orr_rng_new(t_seed(38));
    uint64_t hashes[HASHES];
    uint32_t found[HASHES];

    for (unsigned round = 0; round < 3000; round++) {
        uint32_t buckets =
            round < 300 ? round : (uint32_t)orr_rng_next(&rng) >> (1 + round % 30);
        for (unsigned i = 0; i < HASHES; i++) {
            hashes[i] = i < 3 ? i - 1u : orr_rng_next(&rng);
        }
        for (unsigned vectors = VECTORS_NONE; vectors <= vectors_here(); vectors++) {
            orr_jump_many((Vectors)vectors, hashes, HASHES, buckets, found);
            for (unsigned i = 0; i < HASHES; i++) {
                T_REQUIRE(found[i] == orr_jump(hashes[i], buckets));
            }
            orr_jumpback_many((Vectors)vectors, hashes, HASHES, buckets, found);
            for (unsigned i = 0; i < HASHES; i++) {
                T_REQUIRE(found[i] == orr_jumpback(hashes[i], buckets));
            }
        }
    }
}

/* The integer logarithm is -log2 within 2^-25, from one end of 64 bits to the other. */
static void
test_logarithm_in_integers(void)
{
    OrrRng rng = orr_rng_new(t_seed(32));

    for (unsigned i = 0; i < 200000; i++) {
        uint64_t s = orr_rng_next(&rng) >> (i % 64);
        s = i % 3 == 0 ? ~s : s;
        double exact = s == 0 ? 64 : 64 - log2((double)s);
        double ours = (double)orr_log2_cost(s) / 144115188075855872.0;
        T_REQUIRE(fabs(ours - exact) < 1.0 / (1 << 25));
    }
    T_TRUE(orr_log2_cost(UINT64_MAX) > 0);
    T_TRUE(orr_log2_cheaper(3, 2, 2, 1) && !orr_log2_cheaper(2, 1, 3, 2) &&
           !orr_log2_cheaper(2, 1, 4, 2));
}

static void
check_bids(Vectors vectors, const uint64_t *keys, size_t key_count, const uint64_t *nodes,
           size_t count)
{
    static Bid bids[100];

    orr_bids_highest_many(vectors, keys, key_count, nodes, count, bids);
    for (size_t k = 0; k < key_count; k++) {
        Bid right = orr_bids_highest_scalar(keys[k], nodes, count);
        Bid one = orr_bids_highest(vectors, keys[k], nodes, count);

        T_REQUIRE(one.bid == right.bid && one.index == right.index);
        T_REQUIRE(bids[k].bid == right.bid && bids[k].index == right.index);
        T_REQUIRE(orr_rendezvous_find(keys[k], nodes, count) == right.index);
    }
}

/* Vectors find the winner that one by one is found; of equal bids the first. */
static void
test_vectors_find_the_scalar_winner(void)
{
    static uint64_t nodes[800];
    static uint64_t keys[67];
    OrrRng rng = orr_rng_new(t_seed(33));

    for (size_t i = 0; i < 67; i++) {
        keys[i] = orr_rng_next(&rng);
    }
    /* one by one, then by steps to where many keys ask whole blocks */
    for (size_t count = 1; count <= 760; count += count < 200 ? 1 : 29) {
        for (size_t i = 0; i < count; i++) {
            /* few different ones, so that ties abound */
            nodes[i] = count % 2 == 0   ? orr_rng_below(&rng, 4)
                       : count % 7 == 0 ? keys[0] /* who bids 0 for it */
                                        : orr_rng_next(&rng);
        }
        for (size_t i = count; i < orr_bids_padded(count); i++) {
            nodes[i] = nodes[0];
        }
        for (unsigned vectors = VECTORS_NONE; vectors <= vectors_here(); vectors++) {
            check_bids((Vectors)vectors, keys, 67, nodes, count);
        }
    }
}

/* Sixteen weighted bidders side by side, those of one weight and one name among them, and bids
 * that are 0: the winner is the one that integers find. */
static void
test_auctions_side_by_side(void)
{
    OrrRng rng = orr_rng_new(t_seed(39));

    for (unsigned round = 0; round < 4000; round++) {
        unsigned count = 1 + (unsigned)orr_rng_below(&rng, AUCTION_MAX);
        unsigned bits = 1 + (unsigned)orr_rng_below(&rng, 52);
        Auction auction;

        orr_auction_init(&auction);
        for (unsigned i = 0; i < count; i++) {
            bool twin = i > 0 && round % 3 == 0;
            orr_auction_add(&auction, twin ? auction.ids[i - 1] : orr_rng_next(&rng),
                            1 + (orr_rng_next(&rng) >> (64 - bits)));
        }
        for (unsigned k = 0; k < 50; k++) {
            /* a key that is an id bids 0 there */
            uint64_t key = k < count ? auction.ids[k] : orr_rng_next(&rng);
            uint32_t right = orr_auction_winner(VECTORS_NONE, &auction, key);

            T_REQUIRE(right < count);
            T_REQUIRE(orr_auction_winner(vectors_here(), &auction, key) == right);
        }
    }
}

/* A bid of 0 is the worst, but worth more than a good one of somebody far lighter. */
static void
test_zero_bid_of_the_heaviest(void)
{
    OrrRng rng = orr_rng_new(t_seed(40));

    for (unsigned round = 0; round < 1000; round++) {
        uint64_t key = orr_rng_next(&rng);
        Auction auction;

        orr_auction_init(&auction);
        orr_auction_add(&auction, orr_rng_next(&rng), 1);
        orr_auction_add(&auction, key, UINT64_C(1) << 40);
        T_REQUIRE(orr_auction_winner(VECTORS_NONE, &auction, key) == 1);
        T_REQUIRE(orr_auction_winner(vectors_here(), &auction, key) == 1);
    }
}

/* Many SipHashes side by side are those of each alone, of any sizes, with any instructions. */
static void
test_siphash_side_by_side(void)
{
    enum { KEYS_MAX = 41 };
    static uint8_t bytes[300];
    OrrRng rng = orr_rng_new(t_seed(43));
    OrrBytes keys[KEYS_MAX];
    uint64_t hashes[KEYS_MAX];

    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)orr_rng_next(&rng);
    }
    for (unsigned round = 0; round < 3000; round++) {
        uint64_t k0 = orr_rng_next(&rng);
        uint64_t k1 = round % 2 == 0 ? 0 : orr_rng_next(&rng);
        size_t longest = round % 10 == 0 ? 200 : 1 + round % 70;

        for (unsigned i = 0; i < KEYS_MAX; i++) {
            keys[i] = orr_bytes(bytes + i, (size_t)orr_rng_below(&rng, longest));
        }
        for (unsigned vectors = VECTORS_NONE; vectors <= vectors_here(); vectors++) {
            orr_siphash_2_4_many((Vectors)vectors, k0, k1, keys, KEYS_MAX, hashes);
            for (unsigned i = 0; i < KEYS_MAX; i++) {
                T_REQUIRE(hashes[i] == orr_siphash_2_4(k0, k1, keys[i]));
            }
        }
    }
}

/* A sieve holds back every place that has a point within the width of a cell. */
static void
test_sieve_misses_no_neighbour(void)
{
    OrrRng rng = orr_rng_new(t_seed(44));
    uint32_t rank[1] = {0};

    for (unsigned round = 0; round < 200; round++) {
        size_t count = 1 + (size_t)orr_rng_below(&rng, 1 + round);
        Point *added = calloc(count, sizeof *added);
        Points points;
        Sieve sieve;

        for (size_t i = 0; i < count; i++) {
            added[i].position = i == 0 && round % 2 == 0 ? round / 2 : orr_rng_next(&rng);
        }
        orr_points_init(&points);
        orr_points_merge(&points, added, count, rank);
        orr_sieve_init(&sieve);
        orr_sieve_fill(&sieve, &points);
        for (unsigned k = 0; k < 300; k++) {
            uint64_t near = points.positions[k % count] - orr_rng_below(&rng, 1u << 20);
            uint64_t place = k % 2 == 0 ? orr_rng_next(&rng) : near;
            size_t at = orr_points_find(&points, place + 1);
            uint64_t ahead = points.positions[at] - place;

            T_REQUIRE(ahead > orr_sieve_width(&sieve) || orr_sieve_at(&sieve, place) == 1);
        }
        orr_sieve_clear(&sieve);
        orr_points_clear(&points);
        free(added);
    }
}

/* Bare weighted contests fall on each in proportion, and never on weight 0. */
static void
test_weighted_contests(void)
{
    uint64_t nodes[4];
    static const uint32_t weights[4] = {1, 0, 3, 4};
    static const uint32_t nothing[4];
    OrrRng rng = orr_rng_new(t_seed(34));
    unsigned wins[5] = {0};

    for (unsigned i = 0; i < 4; i++) {
        nodes[i] = orr_rng_next(&rng);
    }
    for (unsigned i = 0; i < 80000; i++) {
        wins[orr_rendezvous_find_weighted(orr_rng_next(&rng), nodes, weights, 4)]++;
    }
    T_EQ(wins[1], 0);
    T_TRUE(abs((int)wins[0] - 10000) < 500);
    T_TRUE(abs((int)wins[2] - 30000) < 700);
    T_TRUE(abs((int)wins[3] - 40000) < 700);
    T_EQ(orr_rendezvous_find_weighted(1, nodes, nothing, 4), 4);
}

/* The first point at or after, by looking at all of them. */
static uint32_t
naive_owner(const Point *points, size_t count, uint64_t hash, const uint32_t *rank)
{
    const Point *best = &points[0];

    for (size_t i = 1; i < count; i++) {
        uint64_t far = points[i].position - hash;
        uint64_t best_far = best->position - hash;

        if (far < best_far || (far == best_far && rank[points[i].owner] < rank[best->owner])) {
            best = &points[i];
        }
    }
    return best->owner;
}

/* Positions that collide, in whole or in their upper half, and hashes right at them. */
static void
test_points_in_order_whatever_they_are(void)
{
    enum { OWNERS = 30, EACH = 9 };
    OrrRng rng = orr_rng_new(t_seed(35));

    for (unsigned round = 0; round < 400; round++) {
        uint64_t masks[4] = {UINT64_MAX, 0xf, UINT64_C(0xff000000ff), UINT64_C(7) << 61};
        uint64_t mask = masks[round % 4];
        Points points;
        Point all[OWNERS * EACH];
        uint32_t rank[OWNERS];

        orr_points_init(&points);
        for (uint32_t owner = 0; owner < OWNERS; owner++) {
            Point added[EACH];

            rank[owner] = (owner * 7 + round) % OWNERS;
            for (unsigned i = 0; i < EACH; i++) {
                added[i] = (Point){orr_rng_next(&rng) & mask, owner};
                all[owner * EACH + i] = added[i];
            }
            orr_points_merge(&points, added, EACH, rank);
        }
        for (unsigned i = 0; i < 300; i++) {
            uint64_t near = all[i % (OWNERS * EACH)].position + orr_rng_below(&rng, 3) - 1;
            uint64_t hash = i % 2 == 0 ? near : orr_rng_next(&rng) & mask;
            uint32_t batch = 0;

            hash = i == 0 ? UINT64_MAX : i == 1 ? 0 : hash;
            uint32_t right = naive_owner(all, OWNERS * EACH, hash, rank);
            orr_points_owners(&points, &hash, 1, 0, &batch);
            T_REQUIRE(orr_points_owner(&points, hash) == right);
            T_REQUIRE(batch == right);
        }
        orr_points_clear(&points);
    }
}

/* A ring that was changed point set by point set is the ring that was built at once. */
static void
test_merged_ring_is_the_built_ring(void)
{
    OrrRing *merged = orr_ring_new(9);
    OrrRing *built = orr_ring_new(9);
    uint32_t number = 0;
    OrrRng rng = orr_rng_new(t_seed(36));

    for (unsigned i = 0; i < 40; i++) {
        char name[16];
        OrrBytes bytes = orr_bytes(name, (size_t)snprintf(name, sizeof name, "n%u", i));

        T_EQ(orr_ring_add(merged, bytes, 1 + i * 11, &number), ORR_OK);
        T_EQ(number, i);
    }
    for (unsigned i = 0; i < 40; i += 3) {
        T_EQ(orr_ring_remove(merged, i), ORR_OK);
        T_EQ(orr_ring_remove(merged, i), ORR_NOT_FOUND);
    }
    for (unsigned i = 40; i-- > 0;) {
        char name[16];
        OrrBytes bytes = orr_bytes(name, (size_t)snprintf(name, sizeof name, "n%u", i));

        if (i % 3 != 0) {
            T_EQ(orr_ring_add(built, bytes, 1 + i * 11, &number), ORR_OK);
        }
    }
    T_EQ(orr_ring_point_count(merged), orr_ring_point_count(built));
    for (unsigned i = 0; i < 5000; i++) {
        uint64_t hash = orr_rng_next(&rng);
        uint32_t one = orr_ring_find(merged, hash);
        uint32_t other = orr_ring_find(built, hash);
        uint32_t batch = 0;

        /* built numbered the names 39, 38, 37 without multiples of 3, backwards */
        orr_ring_find_batch(built, &hash, 1, &batch);
        T_EQ(batch, other);
        T_EQ(one, 38 - (other / 2) * 3 - other % 2);
    }
    T_EQ(orr_ring_add(built, orr_bytes_of_string("n1"), 5, &number), ORR_EXISTS);
    T_EQ(orr_ring_add(built, orr_bytes_of_string("x"), 0, &number), ORR_INVALID);
    T_EQ(orr_ring_add(built, ORR_BYTES_EMPTY, 5, &number), ORR_INVALID);
    orr_ring_free(merged);
    orr_ring_free(built);
}

/* Buckets that go and come in random order: keys move only where they must, and the balance
 * stays that of dice. */
static void
check_histories(uint32_t (*find)(const void *, uint64_t), void *machine,
                OrrStatus (*add)(void *, uint32_t *), OrrStatus (*remove)(void *, uint32_t))
{
    enum { CAPACITY = 64, HASHES = 400 };
    OrrRng rng = orr_rng_new(t_seed(37));
    bool works[CAPACITY] = {false};
    uint32_t before[HASHES];
    unsigned size = 0;

    for (unsigned step = 0; step < 2000; step++) {
        uint32_t bucket = (uint32_t)orr_rng_below(&rng, CAPACITY);
        bool removed = size > 1 && works[bucket] && orr_rng_below(&rng, 2) == 0;

        if (removed) {
            T_REQUIRE(remove(machine, bucket) == ORR_OK);
        } else if (size < CAPACITY) {
            T_REQUIRE(add(machine, &bucket) == ORR_OK);
            T_REQUIRE(bucket < CAPACITY && !works[bucket]);
        } else {
            continue;
        }
        works[bucket] = !removed;
        size = removed ? size - 1 : size + 1;
        for (uint64_t i = 0; i < HASHES; i++) {
            uint32_t now = find(machine, i * UINT64_C(0x9e3779b97f4a7c15) >> 32);

            T_REQUIRE(works[now]);
            T_REQUIRE(size == 1 || step == 0 || now == before[i] ||
                      (removed ? before[i] == bucket : now == bucket));
            before[i] = now;
        }
        T_REQUIRE(remove(machine, CAPACITY) == ORR_NOT_FOUND);
    }
}

static uint32_t
find_anchor(const void *machine, uint64_t hash)
{
    return orr_anchor_find(machine, hash);
}

static OrrStatus
add_anchor(void *machine, uint32_t *bucket)
{
    return orr_anchor_add(machine, bucket);
}

static OrrStatus
remove_anchor(void *machine, uint32_t bucket)
{
    return orr_anchor_remove(machine, bucket);
}

static uint32_t
find_dx(const void *machine, uint64_t hash)
{
    return orr_dx_find(machine, hash);
}

static OrrStatus
add_dx(void *machine, uint32_t *bucket)
{
    return orr_dx_add(machine, bucket);
}

static OrrStatus
remove_dx(void *machine, uint32_t bucket)
{
    return orr_dx_remove(machine, bucket);
}

static uint32_t
find_memento(const void *machine, uint64_t hash)
{
    return orr_memento_find(machine, orr_bytes(&hash, sizeof hash));
}

static OrrStatus
add_memento(void *machine, uint32_t *bucket)
{
    *bucket = orr_memento_add(machine);
    return ORR_OK;
}

static OrrStatus
remove_memento(void *machine, uint32_t bucket)
{
    return orr_memento_remove(machine, bucket);
}

static void
test_buckets_through_long_histories(void)
{
    OrrAnchor *anchor = orr_anchor_new(64, ORR_PLACEMENT_HASH_DEFAULT, 0);
    OrrDx *dx = orr_dx_new(64);
    OrrMemento *memento = orr_memento_new(ORR_PLACEMENT_HASH_DEFAULT, 0);

    check_histories(find_anchor, anchor, add_anchor, remove_anchor);
    check_histories(find_dx, dx, add_dx, remove_dx);
    check_histories(find_memento, memento, add_memento, remove_memento);
    orr_anchor_free(anchor);
    orr_dx_free(dx);
    orr_memento_free(memento);
}

/* java.util.Random, from its documentation: nextInt(bound) leaves out the last incomplete run.
 */
static uint32_t
java_below(uint64_t seed, uint32_t bound)
{
    uint64_t state = (seed ^ UINT64_C(0x5DEECE66D)) & ((UINT64_C(1) << 48) - 1);

    for (;;) {
        state = (state * UINT64_C(0x5DEECE66D) + 0xB) & ((UINT64_C(1) << 48) - 1);
        uint32_t bits = (uint32_t)(state >> 17);
        if (bits < (UINT32_C(1) << 31) / bound * bound) {
            return bits % bound;
        }
    }
}

/* In a table so large that one draw in a hundred has to be thrown away, dx draws as Java does.
 */
static void
test_dx_throws_away_what_java_does(void)
{
    enum { CAPACITY = 40000000 };
    OrrDx *dx = orr_dx_new(CAPACITY);
    uint32_t bucket = 0;

    for (uint32_t i = 0; i < CAPACITY; i++) {
        T_REQUIRE(orr_dx_add(dx, &bucket) == ORR_OK);
    }
    T_EQ(orr_dx_add(dx, &bucket), ORR_FULL);
    for (uint64_t hash = 0; hash < 5000; hash++) {
        T_EQ(orr_dx_find(dx, hash * 77773), java_below(hash * 77773, CAPACITY));
    }
    orr_dx_free(dx);
}

/* Multi-probe by itself is multi-probe behind the contract. */
static void
test_multiprobe_alone(void)
{
    OrrMultiProbe *alone = orr_multiprobe_new(0, 21);
    OrrPlacement *placement = rig_of(ORR_PLACEMENT_MULTI_PROBE, 9);
    uint32_t number = 0;

    T_TRUE(orr_multiprobe_new(0, 0) == NULL);
    T_TRUE(orr_multiprobe_new(0, 65537) == NULL);
    T_EQ(orr_multiprobe_find(alone, ORR_BYTES_EMPTY), ORR_MULTIPROBE_NO_NODE);
    for (unsigned i = 0; i < 9; i++) {
        char name[16];
        OrrBytes bytes = orr_bytes(name, (size_t)snprintf(name, sizeof name, "node-%u", i));
        T_EQ(orr_multiprobe_add(alone, bytes, &number), ORR_OK);
        T_EQ(orr_multiprobe_add(alone, bytes, &number), ORR_EXISTS);
    }
    for (unsigned i = 0; i < 500; i++) {
        char text[24];
        OrrBytes key = rig_key(i, text);
        T_EQ(orr_multiprobe_find(alone, key), orr_placement_find(placement, key));
    }
    T_EQ(orr_multiprobe_remove(alone, 3), ORR_OK);
    T_EQ(orr_multiprobe_remove(alone, 3), ORR_NOT_FOUND);
    orr_multiprobe_free(alone);
    orr_placement_free(placement);
}

/* Maglev refuses tables that are no primes and nodes without weight, and leaves them alone. */
static void
test_maglev_refusals(void)
{
    uint64_t hashes[3] = {1, 2, 3};
    uint32_t nothing[3] = {0};
    uint32_t table[7] = {9};

    T_EQ(orr_maglev_fill(hashes, NULL, 3, table, 6), ORR_INVALID);
    T_EQ(orr_maglev_fill(hashes, nothing, 3, table, 7), ORR_INVALID);
    T_EQ(orr_maglev_fill(hashes, NULL, 0, table, 7), ORR_INVALID);
    T_EQ(orr_maglev_fill(hashes, NULL, 3, table, 2), ORR_INVALID);
    T_EQ(table[0], 9);
    T_EQ(orr_maglev_fill(hashes, NULL, 3, table, 7), ORR_OK);
    T_EQ(orr_maglev_fill(hashes, NULL, 2, table, 2), ORR_OK);
    T_EQ(orr_maglev_entry(UINT64_MAX, 7), 6);
    T_EQ(orr_maglev_entry(0, 7), 0);
}

static const Test TESTS[] = {
    TEST(test_samples_of_the_references),
    TEST(test_jumps_are_monotone),
    TEST(test_jumps_side_by_side),
    TEST(test_logarithm_in_integers),
    TEST(test_vectors_find_the_scalar_winner),
    TEST(test_auctions_side_by_side),
    TEST(test_zero_bid_of_the_heaviest),
    TEST(test_siphash_side_by_side),
    TEST(test_sieve_misses_no_neighbour),
    TEST(test_weighted_contests),
    TEST(test_points_in_order_whatever_they_are),
    TEST(test_merged_ring_is_the_built_ring),
    TEST(test_buckets_through_long_histories),
    TEST(test_dx_throws_away_what_java_does),
    TEST(test_multiprobe_alone),
    TEST(test_maglev_refusals),
};

T_MAIN("placement_parts", TESTS)
