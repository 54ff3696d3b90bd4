#include "placement_rig.h"

#include <glib.h>
#include <math.h>

#if HAVE_LIBMEMCACHED
#include <libmemcached/memcached.h>
#endif

#define SERVERS_MAX 100u /* libmemcached aborts from 101 on */

typedef struct Server {
    char host[24];
    uint16_t port;
    uint32_t weight;
} Server;

static unsigned
draw_servers(OrrRng *rng, Server *servers)
{
    static const char *const names[] = {"cache%u.example", "10.0.7.%u", "10.0.7.%u",
                                        "2001:db8::%x",    "a:%u",      "h%u"};
    /* one server alone, few, and as many as libmemcached bears */
    unsigned count = 1 + (unsigned)orr_rng_below(rng, 1u << orr_rng_below(rng, 8));
    bool equal = orr_rng_below(rng, 3) == 0;
    bool standard_port = orr_rng_below(rng, 2) == 0;

    count = count < SERVERS_MAX ? count : SERVERS_MAX;
    for (unsigned i = 0; i < count; i++) {
        Server *server = &servers[i];
        snprintf(server->host, sizeof server->host, names[orr_rng_below(rng, 6)], i);
        server->port =
            standard_port && i % 4 != 1 ? 11211 : (uint16_t)(1024 + orr_rng_below(rng, 50000));
        server->weight = equal ? 7 : 1 + (uint32_t)orr_rng_below(rng, 1u << (1 + i % 20));
    }
    return count;
}

static OrrPlacement *
ours(OrrPlacementAlgorithm algorithm, const Server *servers, unsigned count)
{
    OrrPlacement *placement = rig_new(algorithm);
    OrrPlacementNode nodes[SERVERS_MAX] = {0};

    for (unsigned i = 0; i < count; i++) {
        nodes[i].name = orr_bytes_of_string(servers[i].host);
        nodes[i].port = servers[i].port;
        nodes[i].weight = servers[i].weight;
    }
    T_REQUIRE(orr_placement_add_all(placement, nodes, count, NULL) == ORR_OK);
    return placement;
}

static const Server *
owner(const OrrPlacement *placement, OrrBytes key, const Server *servers, unsigned count)
{
    OrrPlacementNode node = {0};

    T_REQUIRE(orr_placement_node(placement, orr_placement_find(placement, key), &node));
    for (unsigned i = 0; i < count; i++) {
        if (orr_bytes_equal(node.name, orr_bytes_of_string(servers[i].host))) {
            return &servers[i];
        }
    }
    return NULL;
}

static OrrBytes
draw_key(OrrRng *rng, uint8_t *bytes)
{
    size_t size = 1 + orr_rng_below(rng, 120);

    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)('!' + orr_rng_below(rng, 94));
    }
    return orr_bytes(bytes, size);
}

/* Debian's libmemcached, asked live: random lists of servers, random keys, the same server. */
static void
test_libmemcached_agrees_live(void)
{
#if HAVE_LIBMEMCACHED
    OrrRng rng = orr_rng_new(t_seed(21));

    for (unsigned round = 0; round < 40; round++) {
        Server servers[SERVERS_MAX];
        unsigned count = draw_servers(&rng, servers);
        OrrPlacement *placement = ours(ORR_PLACEMENT_KETAMA_LIBMEMCACHED, servers, count);
        memcached_st *peer = memcached_create(NULL);

        memcached_behavior_set(peer, MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED, 1);
        for (unsigned i = 0; i < count; i++) {
            memcached_server_add_with_weight(peer, servers[i].host, servers[i].port,
                                             servers[i].weight);
        }
        for (unsigned k = 0; k < 400; k++) {
            uint8_t bytes[128];
            OrrBytes key = draw_key(&rng, bytes);
            uint32_t theirs = memcached_generate_hash(peer, (const char *)bytes, key.size);

            T_REQUIRE(owner(placement, key, servers, count) == &servers[theirs]);
        }
        memcached_free(peer);
        orr_placement_free(placement);
    }
#else
    printf("SKIP: built without libmemcached\n");
#endif
}

typedef struct Spot {
    uint32_t position;
    unsigned server;
} Spot;

static void
md5(const void *bytes, size_t size, uint8_t digest[16])
{
    GChecksum *checksum = g_checksum_new(G_CHECKSUM_MD5);
    gsize length = 16;

    g_checksum_update(checksum, bytes, (gssize)size);
    g_checksum_get_digest(checksum, digest, &length);
    g_checksum_free(checksum);
}

static uint32_t
word(const uint8_t *at)
{
    return (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}

/* How the two dialects count, spelled out with GLib's MD5 and no sorting at all. */
static unsigned
digests_of(OrrPlacementAlgorithm algorithm, uint32_t weight, uint64_t total, unsigned count)
{
    if (algorithm == ORR_PLACEMENT_KETAMA_LIBKETAMA) {
        float pct = (float)weight / (float)total;
        float product = (float)((double)pct * 40.0 * (double)(float)count);

        return (unsigned)floorf(product);
    }
    return (unsigned)floor((double)weight / (double)total * 40.0 * (double)count);
}

static size_t
spots_of(OrrPlacementAlgorithm algorithm, const Server *servers, unsigned count, Spot *spots)
{
    uint64_t total = 0;
    size_t made = 0;

    for (unsigned i = 0; i < count; i++) {
        total += servers[i].weight;
    }
    for (unsigned i = 0; i < count; i++) {
        unsigned digests = digests_of(algorithm, servers[i].weight, total, count);
        for (unsigned k = 0; k < digests; k++) {
            char text[64];
            uint8_t digest[16];
            int size =
                snprintf(text, sizeof text, "%s:%u-%u", servers[i].host, servers[i].port, k);
            md5(text, (size_t)size, digest);
            for (unsigned h = 0; h < 4; h++) {
                spots[made++] = (Spot){word(digest + 4 * h), i};
            }
        }
    }
    return made;
}

static unsigned
naive_owner(const Spot *spots, size_t count, uint32_t hash)
{
    const Spot *best = NULL;

    for (size_t i = 0; i < count; i++) {
        /* distance clockwise, modulo 2^32 */
        if (best == NULL || spots[i].position - hash < best->position - hash) {
            best = &spots[i];
        }
    }
    return best->server;
}

static void
check_dialect(OrrPlacementAlgorithm algorithm)
{
    static Spot spots[SERVERS_MAX * 200];
    OrrRng rng = orr_rng_new(t_seed(22));

    for (unsigned round = 0; round < 8; round++) {
        Server servers[SERVERS_MAX];
        unsigned count = draw_servers(&rng, servers);
        OrrPlacement *placement = ours(algorithm, servers, count);
        size_t made = spots_of(algorithm, servers, count, spots);

        for (unsigned k = 0; k < 40; k++) {
            uint8_t bytes[128];
            uint8_t digest[16];
            OrrBytes key = draw_key(&rng, bytes);

            md5(key.data, key.size, digest);
            unsigned expected = naive_owner(spots, made, word(digest));
            T_REQUIRE(owner(placement, key, servers, count) == &servers[expected]);
        }
        orr_placement_free(placement);
    }
}

/* The other two dialects against their words: 40 digests a server of mean weight, counted in
 * float and double, or in double alone. */
static void
test_other_dialects_are_as_described(void)
{
    check_dialect(ORR_PLACEMENT_KETAMA_LIBKETAMA);
    check_dialect(ORR_PLACEMENT_KETAMA_HASHRING);
}

/* hashring 3.2.0 itself, run under node 20 with these eight servers, on "key/0" to "key/39". */
static void
test_hashring_agrees(void)
{
    static const uint8_t answers[40] = {5, 5, 4, 2, 1, 4, 5, 7, 5, 6, 1, 7, 7, 2,
                                        5, 7, 5, 2, 6, 7, 5, 7, 5, 6, 6, 1, 7, 7,
                                        7, 4, 7, 3, 7, 2, 4, 5, 6, 7, 7, 7};
    static const Server servers[8] = {
        {"10.0.1.1", 11211, 600}, {"10.0.1.2", 11211, 300},  {"10.0.1.3", 11212, 200},
        {"10.0.1.4", 11211, 350}, {"10.0.1.5", 11211, 1000}, {"10.0.1.6", 11213, 800},
        {"10.0.1.7", 11211, 950}, {"10.0.1.8", 11211, 100},
    };
    OrrPlacement *placement = ours(ORR_PLACEMENT_KETAMA_HASHRING, servers, 8);

    for (unsigned i = 0; i < 40; i++) {
        char text[24];
        T_TRUE(owner(placement, rig_key(i, text), servers, 8) == &servers[answers[i] - 1]);
    }
    orr_placement_free(placement);
}

/* libketama crashes above 117 servers and libmemcached aborts above 100; here a thousand stand,
 * and equal weights have 160 points each, but for what floating point takes away. */
static void
test_a_thousand_servers(void)
{
    static const OrrPlacementAlgorithm dialects[] = {ORR_PLACEMENT_KETAMA_LIBKETAMA,
                                                     ORR_PLACEMENT_KETAMA_LIBMEMCACHED,
                                                     ORR_PLACEMENT_KETAMA_HASHRING};

    for (unsigned d = 0; d < 3; d++) {
        OrrPlacement *placement = rig_of(dialects[d], 1000);
        static uint32_t owners[KEYS];
        uint32_t replicas[5];

        rig_owners(placement, owners);
        T_TRUE(owners[1] < 1000);
        T_EQ(orr_placement_find_replicas(placement, ORR_BYTES_EMPTY, 5, replicas), 5);
        orr_placement_free(placement);
    }
}

/* The dialects differ even on equal servers: that is why they have names. */
static void
test_dialects_differ(void)
{
    static uint32_t a[KEYS];
    static uint32_t b[KEYS];
    bool differ = false;

    for (unsigned count = 2; count < 100 && !differ; count++) {
        OrrPlacement *one = rig_of(ORR_PLACEMENT_KETAMA_LIBKETAMA, count);
        OrrPlacement *other = rig_of(ORR_PLACEMENT_KETAMA_HASHRING, count);

        rig_owners(one, a);
        rig_owners(other, b);
        differ = memcmp(a, b, sizeof a) != 0;
        orr_placement_free(one);
        orr_placement_free(other);
    }
    T_TRUE(differ);
}

static const Test TESTS[] = {
    TEST(test_libmemcached_agrees_live), TEST(test_other_dialects_are_as_described),
    TEST(test_hashring_agrees),          TEST(test_a_thousand_servers),
    TEST(test_dialects_differ),
};

T_MAIN("placement_ketama", TESTS)
