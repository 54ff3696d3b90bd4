/* placement - what a lookup, a batch, a build and an update cost, beside the references.
 *
 *     measure,subject,nodes,mode,ns
 *
 * `mode` is throughput (lookups independent of each other), chain (each waits for the one
 * before), batch, build (of all nodes at once), update (one node more). References run in the
 * same process: a plain binary search over the same points, the byte-wise table of CRC16, and
 * Debian's libmemcached where it was there to be linked. */
#include <orrery/orrery.h>
#include <orrery/ring.h>

#include "bench.h"

#include <stdlib.h>
#include <string.h>

#if HAVE_LIBMEMCACHED
#include <libmemcached/memcached.h>
#endif

#define COUNT 8192u /* hashes or keys of a run */
#define RUNS 15

volatile uint64_t bench_sink;

static uint64_t hashes[COUNT];
static OrrBytes keys[COUNT];
static char texts[COUNT][32];
static uint32_t numbers[COUNT];

static void
print(const char *measure, const char *subject, size_t nodes, const char *mode, double ns)
{
    printf("%s,%s,%zu,%s,%.2f\n", measure, subject, nodes, mode, ns);
    fflush(stdout);
}

static void
make_keys(void)
{
    OrrRng rng = orr_rng_new(7);

    for (unsigned i = 0; i < COUNT; i++) {
        int size = 10 + (int)orr_rng_below(&rng, 21);

        hashes[i] = orr_rng_next(&rng);
        for (int c = 0; c < size; c++) {
            texts[i][c] = (char)('a' + orr_rng_below(&rng, 26));
        }
        keys[i] = orr_bytes(texts[i], (size_t)size);
    }
}

static OrrPlacement *
make(OrrPlacementAlgorithm algorithm, unsigned count)
{
    OrrPlacementOptions options = orr_placement_options(algorithm);
    OrrPlacementNode *nodes = calloc(count, sizeof *nodes);
    char(*names)[24] = calloc(count, sizeof *names);
    OrrPlacement *placement = NULL;

    for (unsigned i = 0; i < count; i++) {
        int size = snprintf(names[i], sizeof names[i], "10.0.%u.%u", i / 250, i % 250);
        nodes[i] = (OrrPlacementNode){orr_bytes(names[i], (size_t)size), 11211, 1, {0}};
    }
    if (orr_placement_new(&options, &placement) != ORR_OK ||
        orr_placement_add_all(placement, nodes, count, NULL) != ORR_OK) {
        abort();
    }
    free(nodes);
    free(names);
    return placement;
}

/* Independent lookups, then a chain: the last owner, a small number, is added to the next hash.
 */
static void
measure_hash_lookup(const OrrPlacement *placement, const char *name, unsigned nodes, int runs)
{
    double ns;
    uint64_t sum = 0;

    BENCH_BEST(
        ns, runs, COUNT, for (unsigned i = 0; i < COUNT; i++) {
            sum += orr_placement_find_hash(placement, hashes[i]);
        });
    print("lookup-by-hash", name, nodes, "throughput", ns);
    BENCH_BEST(
        ns, runs, COUNT, for (unsigned i = 0; i < COUNT; i++) {
            sum = orr_placement_find_hash(placement, hashes[i] + (uint32_t)sum);
        });
    print("lookup-by-hash", name, nodes, "chain", ns);
    BENCH_BEST(ns, runs, COUNT,
               orr_placement_find_hash_batch(placement, hashes, COUNT, numbers));
    print("lookup-by-hash", name, nodes, "batch", ns);
    bench_sink = sum + numbers[COUNT / 2];
}

static void
measure_key_lookup(const OrrPlacement *placement, const char *name, unsigned nodes, int runs)
{
    double ns;
    uint64_t sum = 0;

    BENCH_BEST(
        ns, runs, COUNT, for (unsigned i = 0; i < COUNT; i++) {
            sum += orr_placement_find(placement, keys[i]);
        });
    print("lookup-by-key", name, nodes, "throughput", ns);
    BENCH_BEST(
        ns, runs, COUNT, for (unsigned i = 0; i < COUNT; i++) {
            sum = orr_placement_find(placement, keys[(i + (uint32_t)sum) % COUNT]);
        });
    print("lookup-by-key", name, nodes, "chain", ns);
    BENCH_BEST(ns, runs, COUNT, orr_placement_find_batch(placement, keys, COUNT, numbers));
    print("lookup-by-key", name, nodes, "batch", ns);
    bench_sink = sum + numbers[COUNT / 2];
}

static void
measure_changes(OrrPlacementAlgorithm algorithm, const char *name, unsigned nodes)
{
    OrrPlacementNode one = {orr_bytes_of_string("newcomer"), 0, 1, {0}};
    double ns;

    BENCH_BEST(ns, 3, 1, orr_placement_free(make(algorithm, nodes)));
    print("change", name, nodes, "build", ns);
    OrrPlacement *placement = make(algorithm, nodes);
    BENCH_BEST(ns, 3, 2, {
        OrrStatus status = orr_placement_add(placement, &one);
        status |= orr_placement_remove(placement, orr_placement_last(placement));
        bench_sink = (uint64_t)status;
    });
    print("change", name, nodes, "update", ns);
    orr_placement_free(placement);
}

static void
measure_algorithm(const OrrPlacementInfo *info, unsigned nodes)
{
    OrrPlacement *placement = make(info->algorithm, nodes);
    bool slow = info->algorithm == ORR_PLACEMENT_RENDEZVOUS && nodes > 100;
    int runs = slow ? 3 : RUNS;

    if (info->by_hash) {
        measure_hash_lookup(placement, info->name, nodes, runs);
    }
    measure_key_lookup(placement, info->name, nodes, runs);
    orr_placement_free(placement);
    measure_changes(info->algorithm, info->name, nodes);
}

/* The same points in one sorted array, searched as everybody does it. */
typedef struct Plain {
    uint64_t position;
    uint32_t owner;
} Plain;

static int
compare_plain(const void *left, const void *right)
{
    const Plain *a = left;
    const Plain *b = right;

    return (a->position > b->position) - (a->position < b->position);
}

static uint32_t
plain_find(const Plain *points, size_t count, uint64_t hash)
{
    size_t low = 0;
    size_t high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (points[middle].position < hash) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return points[low == count ? 0 : low].owner;
}

static void
measure_ring(unsigned nodes)
{
    OrrRng rng = orr_rng_new(3);
    OrrRing *ring = orr_ring_new(0);
    size_t count = (size_t)nodes * 160;
    Plain *plain = calloc(count, sizeof *plain);
    uint64_t sum = 0;
    double ns;

    for (unsigned i = 0; i < nodes; i++) {
        char name[16];
        uint32_t number;
        int size = snprintf(name, sizeof name, "node-%u", i);

        if (orr_ring_add(ring, orr_bytes(name, (size_t)size), 160, &number) != ORR_OK) {
            abort();
        }
    }
    for (size_t i = 0; i < count; i++) {
        plain[i] = (Plain){orr_rng_next(&rng), (uint32_t)(i % nodes)};
    }
    qsort(plain, count, sizeof *plain, compare_plain);
    BENCH_BEST(
        ns, RUNS, COUNT,
        for (unsigned i = 0; i < COUNT; i++) { sum += plain_find(plain, count, hashes[i]); });
    print("ring-lookup", "plain-binary-search", nodes, "throughput", ns);
    BENCH_BEST(
        ns, RUNS, COUNT, for (unsigned i = 0; i < COUNT; i++) {
            sum = plain_find(plain, count, hashes[i] + (uint32_t)sum);
        });
    print("ring-lookup", "plain-binary-search", nodes, "chain", ns);
    BENCH_BEST(
        ns, RUNS, COUNT,
        for (unsigned i = 0; i < COUNT; i++) { sum += orr_ring_find(ring, hashes[i]); });
    print("ring-lookup", "orr_ring_find", nodes, "throughput", ns);
    BENCH_BEST(
        ns, RUNS, COUNT, for (unsigned i = 0; i < COUNT; i++) {
            sum = orr_ring_find(ring, hashes[i] + (uint32_t)sum);
        });
    print("ring-lookup", "orr_ring_find", nodes, "chain", ns);
    BENCH_BEST(ns, RUNS, COUNT, orr_ring_find_batch(ring, hashes, COUNT, numbers));
    print("ring-lookup", "orr_ring_find", nodes, "batch", ns);
    BENCH_BEST(
        ns, RUNS, COUNT, for (unsigned i = 0; i < COUNT; i++) {
            sum += orr_ring_find(ring, orr_ring_hash(ring, keys[i]));
        });
    print("ring-lookup", "xxh3+orr_ring_find", nodes, "throughput", ns);
    bench_sink = sum;
    free(plain);
    orr_ring_free(ring);
}

static void
measure_crc(OrrCrc16Way way, const char *name, size_t size)
{
    uint64_t sum = 0;
    double ns;

    BENCH_BEST(
        ns, RUNS, COUNT, for (unsigned i = 0; i < COUNT; i++) {
            sum += orr_crc16_by(way, orr_bytes(texts[i], size != 0 ? size : keys[i].size));
        });
    print("crc16", name, size, "throughput", ns);
    BENCH_BEST(
        ns, RUNS, COUNT, for (unsigned i = 0; i < COUNT; i++) {
            sum = orr_crc16_by(
                way, orr_bytes(texts[(i + sum) % COUNT], size != 0 ? size : keys[i].size));
        });
    print("crc16", name, size, "chain", ns);
    bench_sink = sum;
}

/* As Redis does it: look for braces a byte at a time, then the byte-wise table. */
static unsigned
redis_slot(const char *key, size_t size)
{
    size_t open = 0;

    while (open < size && key[open] != '{') {
        open++;
    }
    size_t close = open + 1;
    while (close < size && key[close] != '}') {
        close++;
    }
    bool tagged = close < size && close != open + 1;
    OrrBytes part = tagged ? orr_bytes(key + open + 1, close - open - 1) : orr_bytes(key, size);
    return orr_crc16_by(ORR_CRC16_BYTEWISE, part) & 16383u;
}

/* Here `nodes` is the size of the key in bytes; 0: 10 to 30 of them. */
static void
measure_slots(void)
{
    static const size_t sizes[] = {8, 16, 0, 100};
    uint64_t sum = 0;
    double ns;

    for (unsigned s = 0; s < 3; s++) {
        measure_crc(ORR_CRC16_BYTEWISE, "byte-wise", sizes[s]);
        measure_crc(ORR_CRC16_SLICES, "slicing-by-8", sizes[s]);
        measure_crc(ORR_CRC16_CARRYLESS, "carry-less", sizes[s]);
        BENCH_BEST(
            ns, RUNS, COUNT, for (unsigned i = 0; i < COUNT; i++) {
                sum += redis_slot(texts[i], sizes[s] != 0 ? sizes[s] : keys[i].size);
            });
        print("slot", "as-redis", sizes[s], "throughput", ns);
        BENCH_BEST(
            ns, RUNS, COUNT, for (unsigned i = 0; i < COUNT; i++) {
                sum += orr_slot_of_key(
                    orr_bytes(texts[i], sizes[s] != 0 ? sizes[s] : keys[i].size));
            });
        print("slot", "orr_slot_of_key", sizes[s], "throughput", ns);
    }
    bench_sink = sum;
}

#if HAVE_LIBMEMCACHED
static void
measure_libmemcached(unsigned nodes)
{
    memcached_st *peer = memcached_create(NULL);
    uint64_t sum = 0;
    double ns;

    if (nodes > 99) {
        nodes = 99; /* it aborts at 101 servers */
    }
    memcached_behavior_set(peer, MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED, 1);
    for (unsigned i = 0; i < nodes; i++) {
        char name[24];

        snprintf(name, sizeof name, "10.0.%u.%u", i / 250, i % 250);
        memcached_server_add_with_weight(peer, name, 11211, 1);
    }
    BENCH_BEST(
        ns, RUNS, COUNT, for (unsigned i = 0; i < COUNT; i++) {
            sum += memcached_generate_hash(peer, texts[i], keys[i].size);
        });
    print("lookup-by-key", "libmemcached", nodes, "throughput", ns);
    bench_sink = sum;
    memcached_free(peer);
}
#endif

int
main(int argc, char **argv)
{
    static const unsigned sizes[] = {10, 100, 1000};
    size_t count;
    const OrrPlacementInfo *infos = orr_placement_algorithms(&count);
    const char *only = argc > 1 ? argv[1] : NULL;

    make_keys();
    printf("measure,subject,nodes,mode,ns\n");
    for (unsigned s = 0; s < 3 && (only == NULL || strcmp(only, "ring-lookup") == 0); s++) {
        measure_ring(sizes[s]);
    }
    if (only == NULL || strcmp(only, "slot") == 0) {
        measure_slots();
    }
    for (unsigned s = 0; s < 3; s++) {
#if HAVE_LIBMEMCACHED
        if (only == NULL || strncmp(only, "ketama", 6) == 0) {
            measure_libmemcached(sizes[s]);
        }
#endif
        for (size_t i = 0; i < count; i++) {
            if (only == NULL || strcmp(only, infos[i].name) == 0) {
                measure_algorithm(&infos[i], sizes[s]);
            }
        }
    }
    return 0;
}
