#include "placement/kind.h"

typedef struct Algorithm {
    const Kind *kind;
    OrrPlacementHash hash; /* by default */
    bool hash_is_fixed;    /* it would not be the algorithm with another */
} Algorithm;

/* clang-format off */
static const OrrPlacementInfo INFOS[ORR_PLACEMENT_ALGORITHM_COUNT] = {
    {.algorithm = ORR_PLACEMENT_RING, .name = "ring",
     .description = "Consistent hashing: 160 points a node on a circle of 2^64, a key goes to the "
                    "next point; XXH3.",
     .weighted = true, .removes_any = true, .order_free = true, .minimal = true,
     .recovers = true, .by_hash = true, .hash_bits = 64},
    {.algorithm = ORR_PLACEMENT_RING_NEAREST, .name = "ring-nearest",
     .description = "The points of ring, but a key goes to the nearer of its two neighbours, "
                    "which spreads it more evenly.",
     .weighted = true, .removes_any = true, .order_free = true, .minimal = true,
     .recovers = true, .by_hash = true, .hash_bits = 64},
    {.algorithm = ORR_PLACEMENT_RING_BOUNDED, .name = "ring-bounded",
     .description = "The points of ring, but a node that has its due share and a quarter more "
                    "passes the next key on.",
     .weighted = true, .removes_any = true, .order_free = true, .minimal = true,
     .recovers = true, .by_hash = true, .loaded = true, .hash_bits = 64},
    {.algorithm = ORR_PLACEMENT_KETAMA_LIBKETAMA, .name = "ketama-libketama",
     .description = "Ketama as RJ/ketama in C computes it: MD5, 160 points a node of mean weight, "
                    "float and double mixed.",
     .weighted = true, .removes_any = true, .order_free = true, .recovers = true,
     .by_hash = true, .hash_bits = 32},
    {.algorithm = ORR_PLACEMENT_KETAMA_LIBMEMCACHED, .name = "ketama-libmemcached",
     .description = "Ketama as libmemcached with KETAMA_WEIGHTED computes it: all in float, port "
                    "11211 left out.",
     .weighted = true, .removes_any = true, .order_free = true, .recovers = true,
     .by_hash = true, .hash_bits = 32},
    {.algorithm = ORR_PLACEMENT_KETAMA_HASHRING, .name = "ketama-hashring",
     .description = "Ketama as the JavaScript package hashring computes it: all in double.",
     .weighted = true, .removes_any = true, .order_free = true, .recovers = true,
     .by_hash = true, .hash_bits = 32},
    {.algorithm = ORR_PLACEMENT_SLOTS_EVEN, .name = "slots-even",
     .description = "Redis Cluster's 16384 slots in equal ranges; a change moves as few slots as "
                    "it can.",
     .removes_any = true, .minimal = true, .by_hash = true, .hash_bits = 14},
    {.algorithm = ORR_PLACEMENT_SLOTS_WEIGHTED, .name = "slots-weighted",
     .description = "Redis Cluster's 16384 slots in ranges by weight; a change moves as few slots "
                    "as it can.",
     .weighted = true, .removes_any = true, .minimal = true, .by_hash = true, .hash_bits = 14},
    {.algorithm = ORR_PLACEMENT_SLOTS_RING, .name = "slots-ring",
     .description = "Redis Cluster's 16384 slots, each dealt to the owner of its number on ring.",
     .weighted = true, .removes_any = true, .order_free = true, .minimal = true,
     .recovers = true, .by_hash = true, .hash_bits = 14},
    {.algorithm = ORR_PLACEMENT_JUMP, .name = "jump",
     .description = "Jump consistent hash: no memory, perfect balance, only the last node can go.",
     .hash_exact = true, .minimal = true, .recovers = true, .by_hash = true, .hash_bits = 64},
    {.algorithm = ORR_PLACEMENT_JUMPBACK, .name = "jumpback",
     .description = "JumpBackHash: jump from the other end, constant time; only the last node can "
                    "go.",
     .hash_exact = true, .minimal = true, .recovers = true, .by_hash = true, .hash_bits = 64},
    {.algorithm = ORR_PLACEMENT_RENDEZVOUS, .name = "rendezvous",
     .description = "Highest random weight: every node bids for every key; perfect balance, time "
                    "grows with the nodes.",
     .weighted = true, .removes_any = true, .order_free = true, .hash_exact = true,
     .minimal = true, .recovers = true, .by_hash = true, .hash_bits = 64},
    {.algorithm = ORR_PLACEMENT_RENDEZVOUS_TREE, .name = "rendezvous-tree",
     .description = "Rendezvous between 16 groups, 16 groups in them, and the nodes of one: quick with "
                    "thousands of nodes, at the price of more moves.",
     .weighted = true, .removes_any = true, .order_free = true, .hash_exact = true,
     .recovers = true, .by_hash = true, .hash_bits = 64},
    {.algorithm = ORR_PLACEMENT_MAGLEV, .name = "maglev",
     .description = "Maglev: a table of 65537 filled in turns; one access a key, nearly perfect "
                    "balance, a few extra moves.",
     .weighted = true, .removes_any = true, .order_free = true, .recovers = true,
     .by_hash = true, .hash_bits = 64},
    {.algorithm = ORR_PLACEMENT_MULTI_PROBE, .name = "multi-probe",
     .description = "One point a node, 21 probes a key, and the probe that is closest to a point "
                    "wins: small memory, bounded peak.",
     .weighted = true, .removes_any = true, .order_free = true, .minimal = true,
     .recovers = true, .hash_bits = 64},
    {.algorithm = ORR_PLACEMENT_ANCHOR, .name = "anchor",
     .description = "AnchorHash: perfect balance, any node can go, memory for the largest cluster "
                    "there may be.",
     .removes_any = true, .hash_exact = true, .minimal = true, .by_hash = true,
     .hash_bits = 32},
    {.algorithm = ORR_PLACEMENT_DX, .name = "dx",
     .description = "DxHash: random buckets until one is in use; one bit a bucket, any node can "
                    "go.",
     .removes_any = true, .hash_exact = true, .minimal = true, .by_hash = true,
     .hash_bits = 32},
    {.algorithm = ORR_PLACEMENT_MEMENTO, .name = "memento",
     .description = "MementoHash: jump that remembers who left, so that any node can go, and "
                    "without a largest cluster.",
     .removes_any = true, .hash_exact = true, .minimal = true, .hash_bits = 32},
    {.algorithm = ORR_PLACEMENT_MODULO, .name = "modulo",
     .description = "The hash modulo the number of nodes: what not to do, for nearly every key "
                    "moves at every change.",
     .removes_any = true, .hash_exact = true, .by_hash = true, .hash_bits = 64},
};

static const Algorithm ALGORITHMS[ORR_PLACEMENT_ALGORITHM_COUNT] = {
    [ORR_PLACEMENT_RING] = {&ORR_KIND_RING, ORR_PLACEMENT_HASH_XXH3, false},
    [ORR_PLACEMENT_RING_NEAREST] = {&ORR_KIND_RING_NEAREST, ORR_PLACEMENT_HASH_XXH3, false},
    [ORR_PLACEMENT_RING_BOUNDED] = {&ORR_KIND_RING_BOUNDED, ORR_PLACEMENT_HASH_XXH3, false},
    [ORR_PLACEMENT_KETAMA_LIBKETAMA] = {&ORR_KIND_KETAMA_LIBKETAMA, ORR_PLACEMENT_HASH_MD5, true},
    [ORR_PLACEMENT_KETAMA_LIBMEMCACHED] = {&ORR_KIND_KETAMA_LIBMEMCACHED, ORR_PLACEMENT_HASH_MD5, true},
    [ORR_PLACEMENT_KETAMA_HASHRING] = {&ORR_KIND_KETAMA_HASHRING, ORR_PLACEMENT_HASH_MD5, true},
    [ORR_PLACEMENT_SLOTS_EVEN] = {&ORR_KIND_SLOTS_EVEN, ORR_PLACEMENT_HASH_DEFAULT, true},
    [ORR_PLACEMENT_SLOTS_WEIGHTED] = {&ORR_KIND_SLOTS_WEIGHTED, ORR_PLACEMENT_HASH_DEFAULT, true},
    [ORR_PLACEMENT_SLOTS_RING] = {&ORR_KIND_SLOTS_RING, ORR_PLACEMENT_HASH_DEFAULT, true},
    [ORR_PLACEMENT_JUMP] = {&ORR_KIND_JUMP, ORR_PLACEMENT_HASH_XXH3, false},
    [ORR_PLACEMENT_JUMPBACK] = {&ORR_KIND_JUMPBACK, ORR_PLACEMENT_HASH_XXH3, false},
    [ORR_PLACEMENT_RENDEZVOUS] = {&ORR_KIND_RENDEZVOUS, ORR_PLACEMENT_HASH_SIPHASH, false},
    [ORR_PLACEMENT_RENDEZVOUS_TREE] = {&ORR_KIND_RENDEZVOUS_TREE, ORR_PLACEMENT_HASH_XXH3, false},
    [ORR_PLACEMENT_MAGLEV] = {&ORR_KIND_MAGLEV, ORR_PLACEMENT_HASH_XXH3, false},
    [ORR_PLACEMENT_MULTI_PROBE] = {&ORR_KIND_MULTI_PROBE, ORR_PLACEMENT_HASH_SIPHASH, false},
    [ORR_PLACEMENT_ANCHOR] = {&ORR_KIND_ANCHOR, ORR_PLACEMENT_HASH_XXH32, false},
    [ORR_PLACEMENT_DX] = {&ORR_KIND_DX, ORR_PLACEMENT_HASH_XXH32, false},
    [ORR_PLACEMENT_MEMENTO] = {&ORR_KIND_MEMENTO, ORR_PLACEMENT_HASH_XXH32, false},
    [ORR_PLACEMENT_MODULO] = {&ORR_KIND_MODULO, ORR_PLACEMENT_HASH_XXH3, false},
};
/* clang-format on */

const OrrPlacementInfo *
orr_placement_algorithms(size_t *count)
{
    *count = ORR_PLACEMENT_ALGORITHM_COUNT;
    return INFOS;
}

const OrrPlacementInfo *
orr_placement_algorithm_named(OrrBytes name)
{
    for (size_t i = 0; i < ORR_PLACEMENT_ALGORITHM_COUNT; i++) {
        if (orr_bytes_equal(name, orr_bytes_of_string(INFOS[i].name))) {
            return &INFOS[i];
        }
    }
    return NULL;
}

const OrrPlacementInfo *
orr_algorithm_info(OrrPlacementAlgorithm algorithm)
{
    return &INFOS[algorithm];
}

const Kind *
orr_algorithm_kind(OrrPlacementAlgorithm algorithm)
{
    return ALGORITHMS[algorithm].kind;
}

OrrPlacementOptions
orr_placement_options(OrrPlacementAlgorithm algorithm)
{
    return (OrrPlacementOptions){
        .algorithm = algorithm,
        .hash = algorithm < ORR_PLACEMENT_ALGORITHM_COUNT ? ALGORITHMS[algorithm].hash
                                                          : ORR_PLACEMENT_HASH_DEFAULT,
        .points = algorithm == ORR_PLACEMENT_MULTI_PROBE ? 1 : 160,
        .probes = 21,
        .table_size = algorithm == ORR_PLACEMENT_MAGLEV ? 65537 : 0,
        .bound_ppm = 250000,
    };
}

static bool
is_prime(uint32_t n)
{
    for (uint32_t divisor = 2; (uint64_t)divisor * divisor <= n; divisor++) {
        if (n % divisor == 0) {
            return false;
        }
    }
    return n >= 2;
}

OrrStatus
orr_algorithm_complete(OrrPlacementOptions *options)
{
    if (options->algorithm >= ORR_PLACEMENT_ALGORITHM_COUNT ||
        options->hash > ORR_PLACEMENT_HASH_FNV1A) {
        return ORR_INVALID;
    }
    OrrPlacementOptions standard = orr_placement_options(options->algorithm);
    options->hash = options->hash != 0 ? options->hash : standard.hash;
    options->points = options->points != 0 ? options->points : standard.points;
    options->probes = options->probes != 0 ? options->probes : standard.probes;
    options->table_size = options->table_size != 0 ? options->table_size : standard.table_size;
    options->bound_ppm = options->bound_ppm != 0 ? options->bound_ppm : standard.bound_ppm;
    if (ALGORITHMS[options->algorithm].hash_is_fixed && options->hash != standard.hash) {
        return ORR_REFUSED;
    }
    bool fits = options->points <= ALGORITHM_PARAMETER_MAX &&
                options->probes <= ALGORITHM_PARAMETER_MAX &&
                options->table_size <= ALGORITHM_TABLE_MAX &&
                options->bound_ppm <= ALGORITHM_BOUND_PPM_MAX;
    bool prime = options->algorithm != ORR_PLACEMENT_MAGLEV || is_prime(options->table_size);
    return fits && prime ? ORR_OK : ORR_INVALID;
}
