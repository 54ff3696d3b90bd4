/* placement.h - which node a key belongs to: one contract, every algorithm that matters.
 *
 *     nodes (name, port, weight, zone) --add--> +-----------+
 *                                               | placement | --find--> number of a node
 *     key (bytes) --hash--> 64 bits --------->  +-----------+
 *
 * A placement is made for one algorithm by name or number, told its nodes, and asked for the
 * owner of a key, of many keys at once, or for r distinct nodes that hold the copies of a key.
 * What an algorithm cannot do it refuses (ORR_REFUSED) and says so in its row of
 * orr_placement_algorithms(): whether nodes may have weights, whether any node or only the last
 * may be removed, whether the order of additions shows.
 *
 * Nodes. A node is its name and port, written "name:port": "10.0.0.1" with port 7000 and with
 * port 7001 are two. Each has a number, from 0; a node that leaves gives its number back, and
 * the next newcomer takes the lowest that is free. Numbers are the caller's handle and decide
 * nothing: where candidates are equal (two points on one position of a ring), the byte order of
 * "name:port" decides. add_all() adds in that order too, so a shuffled list gives the same
 * placement, always. Single additions in different orders give the same placement only where
 * `order_free` says so: buckets numbered as they come are how jump, anchor and their kin work.
 *
 * Weights. A node of weight 2 is due twice the keys of one of weight 1; weight 0 stands by and
 * owns nothing. Where `weighted` is false all nodes must have one and the same weight, not 0.
 *
 * Zones. A zone is a failure domain by name. Of r copies no two are in one zone as long as
 * there is a zone without one; then none in a zone of two as long as a zone has fewer and a
 * node left; and so on. A node without a zone is a zone of its own.
 *
 * Sameness. The same options and nodes give the same owners on every machine, compiler and
 * optimisation; orr_placement_digest() tells in 64 bits.
 *
 * Memory: changes allocate; finds do not, but for anchor's and memento's of keys above 252
 * bytes, which are hashed with something behind them. Threads: any number may find while nobody
 * changes. Each algorithm can be used without this contract; see ring.h, ketama.h, jump.h,
 * rendezvous.h, maglev.h, multiprobe.h, anchor.h, dx.h, memento.h and slots.h for what it is
 * and cites.
 */
#ifndef ORRERY_PLACEMENT_H
#define ORRERY_PLACEMENT_H

#include <orrery/types.h>

ORR_BEGIN_DECLS

typedef enum OrrPlacementAlgorithm {
    ORR_PLACEMENT_RING,                /* ours: XXH3, 160 points a node, next point */
    ORR_PLACEMENT_RING_NEAREST,        /* the same points; a key goes to the nearer neighbour */
    ORR_PLACEMENT_RING_BOUNDED,        /* the same points; who is full passes the key on */
    ORR_PLACEMENT_KETAMA_LIBKETAMA,    /* ketama as RJ/ketama in C computes it */
    ORR_PLACEMENT_KETAMA_LIBMEMCACHED, /* as libmemcached with KETAMA_WEIGHTED does */
    ORR_PLACEMENT_KETAMA_HASHRING,     /* as the JavaScript package hashring does */
    ORR_PLACEMENT_SLOTS_EVEN,          /* 16384 slots, dealt in equal ranges */
    ORR_PLACEMENT_SLOTS_WEIGHTED,      /* 16384 slots, dealt in ranges by weight */
    ORR_PLACEMENT_SLOTS_RING,          /* 16384 slots, dealt by the ring */
    ORR_PLACEMENT_JUMP,                /* jump consistent hash */
    ORR_PLACEMENT_JUMPBACK,            /* JumpBackHash */
    ORR_PLACEMENT_RENDEZVOUS,          /* highest random weight */
    ORR_PLACEMENT_RENDEZVOUS_TREE,     /* the same in a tree of groups, for many nodes */
    ORR_PLACEMENT_MAGLEV,              /* a table filled by permutations */
    ORR_PLACEMENT_MULTI_PROBE,         /* one point a node, 21 probes a key */
    ORR_PLACEMENT_ANCHOR,              /* AnchorHash */
    ORR_PLACEMENT_DX,                  /* DxHash */
    ORR_PLACEMENT_MEMENTO,             /* MementoHash */
    ORR_PLACEMENT_MODULO,              /* hash modulo nodes: the bad example */
} OrrPlacementAlgorithm;
#define ORR_PLACEMENT_ALGORITHM_COUNT 19u

/* The function that makes 64 bits of a key or a name. DEFAULT is XXH3 for our own conventions,
 * and for an algorithm with a published reference the one that the reference uses:
 * rendezvous, maglev's names and multi-probe SipHash; anchor, dx and memento XXH32. */
typedef enum OrrPlacementHash {
    ORR_PLACEMENT_HASH_DEFAULT,
    ORR_PLACEMENT_HASH_XXH3,
    ORR_PLACEMENT_HASH_XXH32,   /* 32 bits */
    ORR_PLACEMENT_HASH_SIPHASH, /* SipHash-2-4, k0 the seed, k1 = 0 */
    ORR_PLACEMENT_HASH_MD5,     /* the first eight bytes, little-endian; takes no seed */
    ORR_PLACEMENT_HASH_FNV1A,   /* FNV-1a, 64 bits: what naive programs use */
} OrrPlacementHash;

/* Fill with orr_placement_options(), then change what is to differ. 0 means the default. */
typedef struct OrrPlacementOptions {
    OrrPlacementAlgorithm algorithm;
    OrrPlacementHash hash;
    uint64_t seed; /* of the hash; different seeds are different worlds */
    /* Of a node of unit weight on a ring: 160; multi-probe: 1. */
    uint32_t points;
    /* The weight that has `points` points. 0: the smallest above 0 in the list that add_all()
     * gives to an empty placement, so that equal nodes have exactly `points`; 1 where nodes are
     * added singly. Settled once: later nodes and weights, lighter ones too, do not change it.
     * Only while all points would be more than ORR_PLACEMENT_POINTS_MAX it counts twice, four
     * times, ...; then every node has fewer. */
    uint32_t unit_weight;
    /* Of a key, multi-probe: 21. */
    uint32_t probes;
    /* Maglev: entries, a prime: 65537. Anchor, dx: the most buckets there can be before the
     * table doubles, which moves most keys: twice the nodes of the first add, at least 16. */
    uint32_t table_size;
    /* Ring-bounded: a node takes at most 1 + bound_ppm / 1,000,000 of its due share: 250,000.
     */
    uint32_t bound_ppm;
} OrrPlacementOptions;

/* What an algorithm is and can. */
typedef struct OrrPlacementInfo {
    OrrPlacementAlgorithm algorithm;
    const char *name;        /* as on the command line: "ring", "ketama-libketama", ... */
    const char *description; /* one sentence */
    bool weighted;           /* nodes may differ in weight, and weights may change */
    bool removes_any;        /* any node may go; else only the one added last */
    bool order_free;         /* single additions in any order give the same placement */
    bool hash_exact;         /* with an ideal hash, keys fall on nodes independently, each with
                              * probability weight / total: a chi-square test is fair */
    bool minimal;            /* a change moves only keys that must move: to a newcomer, or away
                              * from a node that left */
    bool recovers;           /* a node that leaves and comes back finds exactly its own keys */
    bool by_hash;            /* find(key) is find_hash(hash(key)); else see find_hash() */
    bool loaded;             /* find() depends on what assign() has placed so far */
    uint8_t hash_bits;       /* of what hash() returns, by default: 64, 32, or 14 for slots */
} OrrPlacementInfo;

/* All algorithms, in the order of the enum; `*count` is ORR_PLACEMENT_ALGORITHM_COUNT. */
ORR_API const OrrPlacementInfo *orr_placement_algorithms(size_t *count);
/* The row of that name, or NULL. */
ORR_API const OrrPlacementInfo *orr_placement_algorithm_named(OrrBytes name);

#define ORR_PLACEMENT_NAME_MAX 1024u        /* bytes of a node's or a zone's name */
#define ORR_PLACEMENT_POINTS_MAX (1u << 22) /* of a whole ring; weights are rounded to fit */
#define ORR_PLACEMENT_NODES_MAX (1u << 20)
#define ORR_PLACEMENT_NO_NODE UINT32_MAX /* the owner of every key where nobody can own */

/* A node as it is told and shown. Bytes are copied by who takes them. */
typedef struct OrrPlacementNode {
    OrrBytes name; /* 1 to ORR_PLACEMENT_NAME_MAX bytes */
    uint16_t port; /* 0: none. Hashed as "name:port", but see ketama.h for libmemcached */
    uint32_t weight;
    OrrBytes zone; /* 0 to ORR_PLACEMENT_NAME_MAX bytes; empty: a zone of its own */
} OrrPlacementNode;

typedef struct OrrPlacement OrrPlacement;

/* The defaults of this algorithm, written out. */
ORR_API OrrPlacementOptions orr_placement_options(OrrPlacementAlgorithm algorithm);

/* A placement without nodes, owned by the caller, in `*placement`.
 *
 * ORR_OK
 * ORR_INVALID   unknown algorithm or hash; points or probes above 65,536; bound_ppm above
 *               1,000,000,000; a maglev table that is not a prime or above 2^26
 * ORR_REFUSED   this algorithm is defined with another hash (ketama: MD5, slots: CRC16)
 */
ORR_API ORR_MUST_USE OrrStatus orr_placement_new(const OrrPlacementOptions *options,
                                                 OrrPlacement **placement);
ORR_API void orr_placement_free(OrrPlacement *placement);
/* Another one like this, loads and numbers included, owned by the caller. */
ORR_API OrrPlacement *orr_placement_copy(const OrrPlacement *placement);
ORR_API const OrrPlacementOptions *orr_placement_get_options(const OrrPlacement *placement);
ORR_API const OrrPlacementInfo *orr_placement_info(const OrrPlacement *placement);

/* Adds one node. A ring merges the newcomer's points in, without sorting the others again.
 *
 * ORR_OK
 * ORR_EXISTS    that name and port are here
 * ORR_INVALID   name empty or too long, zone too long
 * ORR_REFUSED   the weight differs, or is 0, and the algorithm is not weighted
 * ORR_FULL      ORR_PLACEMENT_NODES_MAX nodes; 16384 for slots; for maglev, as many nodes as
 *               its table has entries
 */
ORR_API ORR_MUST_USE OrrStatus orr_placement_add(OrrPlacement *placement,
                                                 const OrrPlacementNode *node);

/* Adds all, in the order of their names, at the cost of one change, or none of them: then
 * `*failed`, if not NULL, is the index of the first that is refused, and the status says why.
 */
ORR_API ORR_MUST_USE OrrStatus orr_placement_add_all(OrrPlacement *placement,
                                                     const OrrPlacementNode *nodes,
                                                     size_t count, size_t *failed);

/* Removes a node; its load is forgotten.
 *
 * ORR_OK
 * ORR_NOT_FOUND   no node has that number
 * ORR_REFUSED     the algorithm removes only the last node, orr_placement_last(), and this is
 *                 another. To try a removal on every algorithm alike, remove that one.
 */
ORR_API ORR_MUST_USE OrrStatus orr_placement_remove(OrrPlacement *placement, uint32_t number);

/* Changes the weight of a node.
 *
 * ORR_OK
 * ORR_NOT_FOUND   no node has that number
 * ORR_REFUSED     the algorithm is not weighted, and the weight is another
 */
ORR_API ORR_MUST_USE OrrStatus orr_placement_reweigh(OrrPlacement *placement, uint32_t number,
                                                     uint32_t weight);

/* How many nodes there are; all numbers are below number_limit(). */
ORR_API size_t orr_placement_count(const OrrPlacement *placement);
ORR_API uint32_t orr_placement_number_limit(const OrrPlacement *placement);
/* The node of that number, its bytes lent until the next change; false where there is none. */
ORR_API bool orr_placement_node(const OrrPlacement *placement, uint32_t number,
                                OrrPlacementNode *node);
/* The number of the node of that name and port, or ORR_PLACEMENT_NO_NODE. */
ORR_API uint32_t orr_placement_number(const OrrPlacement *placement, OrrBytes name,
                                      uint16_t port);
/* The number of the node added last of those that remain, or ORR_PLACEMENT_NO_NODE. */
ORR_API uint32_t orr_placement_last(const OrrPlacement *placement);

/* The owner of a key, or ORR_PLACEMENT_NO_NODE: there are no nodes, or all weigh 0. Any bytes
 * are a key, none at all too. */
ORR_API uint32_t orr_placement_find(const OrrPlacement *placement, OrrBytes key);

/* The hash of a key, of info->hash_bits bits. */
ORR_API uint64_t orr_placement_hash(const OrrPlacement *placement, OrrBytes key);
/* Of many, in `hashes`: the same answers, several times as fast where the hash is MD5 or
 * SipHash. */
ORR_API void orr_placement_hash_batch(const OrrPlacement *placement, const OrrBytes *keys,
                                      size_t count, uint64_t *hashes);
/* The owner of whatever key has this hash; bits above info->hash_bits are ignored. Where
 * `by_hash` is false (multi-probe and memento hash a key's bytes more than once) it is the
 * owner of the key whose 8 bytes are the number, little-endian. */
ORR_API uint32_t orr_placement_find_hash(const OrrPlacement *placement, uint64_t hash);

/* The owners of many, in `numbers`, which has room for `count`. The same answers as one by one,
 * faster: memory is fetched for several keys at a time. */
ORR_API void orr_placement_find_batch(const OrrPlacement *placement, const OrrBytes *keys,
                                      size_t count, uint32_t *numbers);
ORR_API void orr_placement_find_hash_batch(const OrrPlacement *placement,
                                           const uint64_t *hashes, size_t count,
                                           uint32_t *numbers);

/* Up to `wanted` distinct nodes for the copies of a key, best first, in `numbers`; the first is
 * the owner, and zones are kept apart as said above. Returns how many: fewer only where there
 * are fewer nodes with a weight. */
ORR_API size_t orr_placement_find_replicas(const OrrPlacement *placement, OrrBytes key,
                                           size_t wanted, uint32_t *numbers);
ORR_API size_t orr_placement_find_hash_replicas(const OrrPlacement *placement, uint64_t hash,
                                                size_t wanted, uint32_t *numbers);

/* Finds the owner of one more unit of work for this key and counts it: `load` is 1 for a key,
 * or its request rate, size, ... With ring-bounded a node takes no more than ceil((1 + bound) *
 * due share of all load including this) and the next points are asked otherwise; with the
 * others the owner is find()'s. ORR_PLACEMENT_NO_NODE counts nowhere. */
ORR_API uint32_t orr_placement_assign(OrrPlacement *placement, OrrBytes key, uint64_t load);
ORR_API uint32_t orr_placement_assign_hash(OrrPlacement *placement, uint64_t hash,
                                           uint64_t load);
/* Takes load back from a node, at most what it has. Unknown numbers are ignored. */
ORR_API void orr_placement_release(OrrPlacement *placement, uint32_t number, uint64_t load);
ORR_API uint64_t orr_placement_load(const OrrPlacement *placement, uint32_t number);
ORR_API void orr_placement_clear_loads(OrrPlacement *placement);

/* The exact part of the space of hashes that each node owns, in 2^-63, for numbers below
 * number_limit(): arcs of a ring, entries of a table, slots, or weights where `hash_exact`;
 * they add up to 2^63 but for rounding down.
 *
 * ORR_OK
 * ORR_REFUSED   there is no closed form: multi-probe, and ring-bounded under load
 */
ORR_API ORR_MUST_USE OrrStatus orr_placement_shares(const OrrPlacement *placement,
                                                    uint64_t *shares);

/* Bytes that the placement holds, names included. */
ORR_API size_t orr_placement_memory_size(const OrrPlacement *placement);

/* 64 bits of the mapping, equal on every machine: of the options, the nodes in the order of
 * their names, and the owner, by name, of each of 4,096 keys (of every slot). Numbers do not
 * show. O(4,096 finds). */
ORR_API uint64_t orr_placement_digest(const OrrPlacement *placement);

ORR_END_DECLS

#endif
