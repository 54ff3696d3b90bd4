/* kind.h - what an algorithm gives to the contract of orrery/placement.h.
 *
 * placement.c keeps the nodes: names, weights, zones, ranks by name, order of addition. A kind
 * keeps what finds them, in `state`, and is told of each change after the nodes have changed.
 * Refusals are made before, so a kind never fails.
 */
#ifndef ORR_PLACEMENT_KIND_H
#define ORR_PLACEMENT_KIND_H

#include <orrery/placement.h>

#include <glib.h>

typedef struct Node {
    char *text;       /* "name" or "name:port": what is hashed and compared; NULL: nobody */
    size_t text_size; /* bytes */
    size_t name_size; /* bytes of text that are the name */
    char *zone;       /* or NULL */
    size_t zone_size;
    uint32_t zone_number; /* the same for nodes of one zone */
    uint32_t weight;
    uint64_t load;
    uint16_t port;
} Node;

typedef struct Kind Kind;

struct OrrPlacement {
    OrrPlacementOptions options; /* with every default written out */
    const OrrPlacementInfo *info;
    const Kind *kind;
    void *state;
    GHashTable *numbers; /* by text; only ever looked into */
    Node *nodes;         /* by number */
    uint32_t *rank;      /* by number: place in the order of names */
    uint32_t number_limit;
    uint32_t number_room;
    uint32_t *by_name; /* numbers in the order of names; count */
    uint32_t *by_age;  /* numbers in the order of addition; count */
    uint32_t count;
    uint32_t eligible;           /* nodes with a weight */
    uint32_t *zones_of_at_least; /* [k - 1]: zones with k nodes that have a weight, or more */
    uint32_t zone_levels;        /* length of that */
    uint64_t total_weight;
    uint64_t total_load;
    uint32_t unit_weight; /* that has options.points points; settled by the first to come */
};

typedef enum ChangeType {
    CHANGE_ADDED,
    CHANGE_REMOVED, /* the node is gone; its number is free */
    CHANGE_REWEIGHED,
} ChangeType;

typedef struct Change {
    ChangeType type;
    const uint32_t *numbers; /* ADDED: in the order of addition */
    uint32_t count;
    uint32_t old_weight; /* REMOVED, REWEIGHED: of the one */
} Change;

/* One after another, the nodes that may hold the copies of a key. */
typedef struct Walk {
    const OrrPlacement *placement;
    OrrBytes key;  /* where the kind is not by hash */
    uint64_t hash; /* where it is */
    uint64_t step; /* 0 at the start; the rest is the kind's */
    uint64_t place[2];
    uint32_t owner; /* the first */
} Walk;

#define KIND_BATCH 64u /* keys whose hashes are made before their owners are looked up */

struct Kind {
    void *(*state_new)(const OrrPlacement *placement);
    void *(*state_copy)(const void *state);
    void (*state_free)(void *state);
    /* NULL: any more nodes will do. */
    bool (*has_room)(const OrrPlacement *placement, uint32_t more);
    void (*change)(OrrPlacement *placement, const Change *change);
    uint64_t (*hash)(const OrrPlacement *placement, OrrBytes key);
    /* NULL: one by one. */
    void (*hash_many)(const OrrPlacement *placement, const OrrBytes *keys, size_t count,
                      uint64_t *hashes);
    /* One of the two; asked only when somebody has a weight. */
    uint32_t (*find_hash)(const OrrPlacement *placement, uint64_t hash);
    uint32_t (*find_key)(const OrrPlacement *placement, OrrBytes key);
    /* Of one more unit of work, where that depends on the load; NULL: find. */
    uint32_t (*find_for)(const OrrPlacement *placement, uint64_t hash, uint64_t load);
    /* NULL: one by one. At most KIND_BATCH keys, where find_key is there. */
    void (*find_keys)(const OrrPlacement *placement, const OrrBytes *keys, size_t count,
                      uint32_t *numbers);
    /* NULL: one by one. */
    void (*find_many)(const OrrPlacement *placement, const uint64_t *hashes, size_t count,
                      uint32_t *numbers);
    /* The next candidate after the owner, repeats allowed, or NO_NODE when there are no more.
     */
    uint32_t (*next)(Walk *walk);
    /* NULL, or false: refused. Shares in 2^-63. */
    bool (*shares)(const OrrPlacement *placement, uint64_t *shares);
    size_t (*memory_size)(const OrrPlacement *placement);
};

/* The rows of the table, in families; each is in the file of its name. */
extern const Kind ORR_KIND_RING, ORR_KIND_RING_NEAREST, ORR_KIND_RING_BOUNDED;
extern const Kind ORR_KIND_KETAMA_LIBKETAMA, ORR_KIND_KETAMA_LIBMEMCACHED,
    ORR_KIND_KETAMA_HASHRING;
extern const Kind ORR_KIND_SLOTS_EVEN, ORR_KIND_SLOTS_WEIGHTED, ORR_KIND_SLOTS_RING;
extern const Kind ORR_KIND_JUMP, ORR_KIND_JUMPBACK, ORR_KIND_MODULO;
extern const Kind ORR_KIND_ANCHOR, ORR_KIND_DX, ORR_KIND_MEMENTO;
extern const Kind ORR_KIND_RENDEZVOUS, ORR_KIND_RENDEZVOUS_TREE;
extern const Kind ORR_KIND_MAGLEV, ORR_KIND_MULTI_PROBE;

/* The row of an algorithm in algorithms.c, and what does it. */
const OrrPlacementInfo *orr_algorithm_info(OrrPlacementAlgorithm algorithm);
const Kind *orr_algorithm_kind(OrrPlacementAlgorithm algorithm);
#define ALGORITHM_PARAMETER_MAX 65536u      /* points of a unit weight, probes of a key */
#define ALGORITHM_TABLE_MAX (1u << 26)      /* entries of a table, buckets of an array */
#define ALGORITHM_BOUND_PPM_MAX 1000000000u /* a thousand due shares */
/* Writes the defaults out. The statuses of orr_placement_new(). */
OrrStatus orr_algorithm_complete(OrrPlacementOptions *options);

static inline OrrBytes
node_text(const OrrPlacement *placement, uint32_t number)
{
    return orr_bytes(placement->nodes[number].text, placement->nodes[number].text_size);
}

/* Shared by kinds whose hash is the option's, from the option's seed. */
uint64_t orr_kind_hash(const OrrPlacement *placement, OrrBytes key);
void orr_kind_hash_many(const OrrPlacement *placement, const OrrBytes *keys, size_t count,
                        uint64_t *hashes);
/* Candidates by trying other hashes of the same key: for what has no second best of its own. */
uint32_t orr_kind_next_by_rehash(Walk *walk);
/* weight / total, where that is exact. */
bool orr_kind_shares_by_weight(const OrrPlacement *placement, uint64_t *shares);

/* The nodes of placement.c; see there. */
void orr_nodes_init(OrrPlacement *placement);
void orr_nodes_clear(OrrPlacement *placement);
void orr_nodes_copy(OrrPlacement *placement, const OrrPlacement *from);
/* The status of adding this node to what is here, but for who is added with it. */
OrrStatus orr_nodes_check(const OrrPlacement *placement, const OrrPlacementNode *node);
uint32_t orr_nodes_add(OrrPlacement *placement, const OrrPlacementNode *node);
void orr_nodes_remove(OrrPlacement *placement, uint32_t number);
/* After additions, removals, changes of weight: ranks, zones and totals. */
void orr_nodes_refresh(OrrPlacement *placement);
uint32_t orr_nodes_find(const OrrPlacement *placement, OrrBytes name, uint16_t port);
bool orr_nodes_has(const OrrPlacement *placement, uint32_t number);
/* "name" or "name:port", without a NUL; freed with g_free(). */
char *orr_nodes_text(OrrBytes name, uint16_t port, size_t *size);
/* The order of names: by bytes, the shorter first. */
int orr_nodes_compare(OrrBytes a, OrrBytes b);
size_t orr_nodes_memory_size(const OrrPlacement *placement);

/* replicas.c */
size_t orr_replicas_find(Walk *walk, size_t wanted, uint32_t *numbers);
/* load.c: whether a node may take `load` more. */
bool orr_bounded_has_room(const OrrPlacement *placement, uint32_t number, uint64_t load);

#endif
