#include "placement/kind.h"

#include "placement/bits.h"
#include "placement/hash.h"

#define DIGEST_KEYS 4096u /* keys that a digest asks for */

OrrStatus
orr_placement_new(const OrrPlacementOptions *options, OrrPlacement **placement)
{
    g_return_val_if_fail(options != NULL && placement != NULL, ORR_INVALID);
    OrrPlacementOptions complete = *options;
    OrrStatus status = orr_algorithm_complete(&complete);

    if (status != ORR_OK) {
        return status;
    }
    OrrPlacement *made = g_new0(OrrPlacement, 1);
    made->options = complete;
    made->info = orr_algorithm_info(complete.algorithm);
    made->kind = orr_algorithm_kind(complete.algorithm);
    orr_nodes_init(made);
    made->state = made->kind->state_new(made);
    *placement = made;
    return ORR_OK;
}

void
orr_placement_free(OrrPlacement *placement)
{
    if (placement != NULL) {
        placement->kind->state_free(placement->state);
        orr_nodes_clear(placement);
        g_free(placement);
    }
}

OrrPlacement *
orr_placement_copy(const OrrPlacement *placement)
{
    OrrPlacement *copy = g_memdup2(placement, sizeof *placement);

    orr_nodes_copy(copy, placement);
    copy->state = placement->kind->state_copy(placement->state);
    return copy;
}

const OrrPlacementOptions *
orr_placement_get_options(const OrrPlacement *placement)
{
    return &placement->options;
}

const OrrPlacementInfo *
orr_placement_info(const OrrPlacement *placement)
{
    return placement->info;
}

static OrrStatus
check_room(const OrrPlacement *placement, size_t more)
{
    if (more > ORR_PLACEMENT_NODES_MAX - placement->count) {
        return ORR_FULL;
    }
    bool fits = placement->kind->has_room == NULL ||
                placement->kind->has_room(placement, (uint32_t)more);
    return fits ? ORR_OK : ORR_FULL;
}

static void
tell(OrrPlacement *placement, const Change *change)
{
    orr_nodes_refresh(placement);
    placement->kind->change(placement, change);
}

/* The unit must not depend on who is here now: a node lighter than all others would change
 * everybody's points. Nor on who came first of single ones: their order must not show. So it is
 * settled once, by a list, or else it is 1. */
static void
settle_unit(OrrPlacement *placement, const OrrPlacementNode *nodes, size_t count)
{
    uint32_t smallest = 0;

    if (placement->count != 0) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (nodes[i].weight != 0 && (smallest == 0 || nodes[i].weight < smallest)) {
            smallest = nodes[i].weight;
        }
    }
    placement->unit_weight =
        placement->options.unit_weight != 0 ? placement->options.unit_weight : MAX(smallest, 1);
}

OrrStatus
orr_placement_add(OrrPlacement *placement, const OrrPlacementNode *node)
{
    OrrStatus status = orr_nodes_check(placement, node);

    if (status == ORR_OK) {
        status = check_room(placement, 1);
    }
    if (status != ORR_OK) {
        return status;
    }
    settle_unit(placement, NULL, 0);
    uint32_t number = orr_nodes_add(placement, node);
    tell(placement, &(Change){.type = CHANGE_ADDED, .numbers = &number, .count = 1});
    return ORR_OK;
}

typedef struct Newcomer {
    char *text;
    size_t text_size;
    size_t index; /* in the caller's list */
} Newcomer;

static int
compare_newcomers(const void *left, const void *right, void *unused)
{
    const Newcomer *a = left;
    const Newcomer *b = right;
    int order =
        orr_nodes_compare(orr_bytes(a->text, a->text_size), orr_bytes(b->text, b->text_size));

    (void)unused;
    return order != 0 ? order : (a->index > b->index) - (a->index < b->index);
}

/* The index of the first node in the list that is named like one before it, or `count`. */
static size_t
find_twin(const Newcomer *sorted, size_t count)
{
    size_t twin = count;

    for (size_t i = 1; i < count; i++) {
        OrrBytes before = orr_bytes(sorted[i - 1].text, sorted[i - 1].text_size);

        if (orr_bytes_equal(before, orr_bytes(sorted[i].text, sorted[i].text_size))) {
            twin = MIN(twin, sorted[i].index);
        }
    }
    return twin;
}

/* Whether these may all come, and if not, who may not and why. */
static OrrStatus
check_all(const OrrPlacement *placement, const OrrPlacementNode *nodes, size_t count,
          size_t *failed)
{
    for (size_t i = 0; i < count; i++) {
        OrrStatus status = orr_nodes_check(placement, &nodes[i]);

        if (status == ORR_OK && !placement->info->weighted &&
            nodes[i].weight != nodes[0].weight) {
            status = ORR_REFUSED;
        }
        if (status != ORR_OK) {
            *failed = i;
            return status;
        }
    }
    *failed = count - 1;
    return check_room(placement, count);
}

OrrStatus
orr_placement_add_all(OrrPlacement *placement, const OrrPlacementNode *nodes, size_t count,
                      size_t *failed)
{
    size_t ignored;
    size_t *bad = failed != NULL ? failed : &ignored;

    if (count == 0) {
        return ORR_OK;
    }
    OrrStatus status = check_all(placement, nodes, count, bad);
    if (status != ORR_OK) {
        return status;
    }
    Newcomer *sorted = g_new(Newcomer, count);
    uint32_t *numbers = g_new(uint32_t, count);
    for (size_t i = 0; i < count; i++) {
        sorted[i].text = orr_nodes_text(nodes[i].name, nodes[i].port, &sorted[i].text_size);
        sorted[i].index = i;
    }
    g_qsort_with_data(sorted, (int)count, sizeof *sorted, compare_newcomers, NULL);
    size_t twin = find_twin(sorted, count);
    if (twin == count) {
        settle_unit(placement, nodes, count);
    }
    for (size_t i = 0; i < count; i++) {
        numbers[i] = twin == count ? orr_nodes_add(placement, &nodes[sorted[i].index]) : 0;
        g_free(sorted[i].text);
    }
    if (twin == count) {
        tell(placement,
             &(Change){.type = CHANGE_ADDED, .numbers = numbers, .count = (uint32_t)count});
    } else {
        *bad = twin;
        status = ORR_EXISTS;
    }
    g_free(numbers);
    g_free(sorted);
    return status;
}

OrrStatus
orr_placement_remove(OrrPlacement *placement, uint32_t number)
{
    if (!orr_nodes_has(placement, number)) {
        return ORR_NOT_FOUND;
    }
    if (!placement->info->removes_any && number != orr_placement_last(placement)) {
        return ORR_REFUSED;
    }
    uint32_t weight = placement->nodes[number].weight;
    orr_nodes_remove(placement, number);
    tell(placement, &(Change){CHANGE_REMOVED, &number, 1, weight});
    return ORR_OK;
}

OrrStatus
orr_placement_reweigh(OrrPlacement *placement, uint32_t number, uint32_t weight)
{
    if (!orr_nodes_has(placement, number)) {
        return ORR_NOT_FOUND;
    }
    uint32_t old = placement->nodes[number].weight;
    if (old == weight) {
        return ORR_OK;
    }
    if (!placement->info->weighted) {
        return ORR_REFUSED;
    }
    placement->nodes[number].weight = weight;
    tell(placement, &(Change){CHANGE_REWEIGHED, &number, 1, old});
    return ORR_OK;
}

size_t
orr_placement_count(const OrrPlacement *placement)
{
    return placement->count;
}

uint32_t
orr_placement_number_limit(const OrrPlacement *placement)
{
    return placement->number_limit;
}

bool
orr_placement_node(const OrrPlacement *placement, uint32_t number, OrrPlacementNode *node)
{
    if (!orr_nodes_has(placement, number)) {
        return false;
    }
    const Node *found = &placement->nodes[number];
    node->name = orr_bytes(found->text, found->name_size);
    node->port = found->port;
    node->weight = found->weight;
    node->zone = orr_bytes(found->zone, found->zone_size);
    return true;
}

uint32_t
orr_placement_number(const OrrPlacement *placement, OrrBytes name, uint16_t port)
{
    return name.size == 0 ? ORR_PLACEMENT_NO_NODE : orr_nodes_find(placement, name, port);
}

uint32_t
orr_placement_last(const OrrPlacement *placement)
{
    return placement->count == 0 ? ORR_PLACEMENT_NO_NODE
                                 : placement->by_age[placement->count - 1];
}

uint64_t
orr_placement_hash(const OrrPlacement *placement, OrrBytes key)
{
    return placement->kind->hash(placement, key);
}

uint32_t
orr_placement_find(const OrrPlacement *placement, OrrBytes key)
{
    const Kind *kind = placement->kind;

    if (placement->eligible == 0) {
        return ORR_PLACEMENT_NO_NODE;
    }
    if (kind->find_key != NULL) {
        return kind->find_key(placement, key);
    }
    return kind->find_hash(placement, kind->hash(placement, key));
}

uint32_t
orr_placement_find_hash(const OrrPlacement *placement, uint64_t hash)
{
    uint8_t bytes[8];

    if (placement->eligible == 0) {
        return ORR_PLACEMENT_NO_NODE;
    }
    if (placement->kind->find_key == NULL) {
        return placement->kind->find_hash(placement, hash);
    }
    store_little_endian_64(bytes, hash);
    return placement->kind->find_key(placement, orr_bytes(bytes, sizeof bytes));
}

static void
fill_with_nobody(uint32_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        numbers[i] = ORR_PLACEMENT_NO_NODE;
    }
}

/* Where a kind finds keys only. */
static void
find_batch_of_keys(const OrrPlacement *placement, const OrrBytes *keys, size_t count,
                   uint32_t *numbers)
{
    const Kind *kind = placement->kind;

    for (size_t i = 0; kind->find_keys != NULL && i < count; i += KIND_BATCH) {
        kind->find_keys(placement, keys + i, MIN(KIND_BATCH, count - i), numbers + i);
    }
    for (size_t i = 0; kind->find_keys == NULL && i < count; i++) {
        numbers[i] = kind->find_key(placement, keys[i]);
    }
}

/* The same of keys that are the bytes of hashes; see orr_placement_find_hash(). */
static void
find_batch_of_hashed(const OrrPlacement *placement, const uint64_t *hashes, size_t count,
                     uint32_t *numbers)
{
    uint8_t bytes[KIND_BATCH][8];
    OrrBytes keys[KIND_BATCH];

    for (size_t i = 0; i < count; i += KIND_BATCH) {
        size_t now = MIN(KIND_BATCH, count - i);

        for (size_t k = 0; k < now; k++) {
            store_little_endian_64(bytes[k], hashes[i + k]);
            keys[k] = orr_bytes(bytes[k], sizeof bytes[k]);
        }
        find_batch_of_keys(placement, keys, now, numbers + i);
    }
}

void
orr_placement_find_hash_batch(const OrrPlacement *placement, const uint64_t *hashes,
                              size_t count, uint32_t *numbers)
{
    const Kind *kind = placement->kind;

    if (placement->eligible == 0) {
        fill_with_nobody(numbers, count);
    } else if (kind->find_key != NULL) {
        find_batch_of_hashed(placement, hashes, count, numbers);
    } else if (kind->find_many != NULL) {
        kind->find_many(placement, hashes, count, numbers);
    } else {
        for (size_t i = 0; i < count; i++) {
            numbers[i] = kind->find_hash(placement, hashes[i]);
        }
    }
}

void
orr_placement_hash_batch(const OrrPlacement *placement, const OrrBytes *keys, size_t count,
                         uint64_t *hashes)
{
    if (placement->kind->hash_many != NULL) {
        placement->kind->hash_many(placement, keys, count, hashes);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        hashes[i] = placement->kind->hash(placement, keys[i]);
    }
}

void
orr_placement_find_batch(const OrrPlacement *placement, const OrrBytes *keys, size_t count,
                         uint32_t *numbers)
{
    uint64_t hashes[KIND_BATCH];

    if (placement->eligible == 0) {
        fill_with_nobody(numbers, count);
        return;
    }
    if (placement->kind->find_key != NULL) {
        find_batch_of_keys(placement, keys, count, numbers);
        return;
    }
    for (size_t i = 0; i < count; i += KIND_BATCH) {
        size_t now = MIN(KIND_BATCH, count - i);

        orr_placement_hash_batch(placement, keys + i, now, hashes);
        orr_placement_find_hash_batch(placement, hashes, now, numbers + i);
    }
}

size_t
orr_placement_find_replicas(const OrrPlacement *placement, OrrBytes key, size_t wanted,
                            uint32_t *numbers)
{
    if (placement->eligible == 0 || wanted == 0) {
        return 0;
    }
    Walk walk = {.placement = placement, .key = key};
    walk.hash = placement->kind->hash(placement, key);
    walk.owner = orr_placement_find(placement, key);
    return orr_replicas_find(&walk, wanted, numbers);
}

size_t
orr_placement_find_hash_replicas(const OrrPlacement *placement, uint64_t hash, size_t wanted,
                                 uint32_t *numbers)
{
    uint8_t bytes[8];

    if (placement->eligible == 0 || wanted == 0) {
        return 0;
    }
    if (placement->kind->find_key != NULL) {
        store_little_endian_64(bytes, hash);
        return orr_placement_find_replicas(placement, orr_bytes(bytes, sizeof bytes), wanted,
                                           numbers);
    }
    Walk walk = {.placement = placement, .hash = hash};
    walk.owner = placement->kind->find_hash(placement, hash);
    return orr_replicas_find(&walk, wanted, numbers);
}

OrrStatus
orr_placement_shares(const OrrPlacement *placement, uint64_t *shares)
{
    if (placement->kind->shares == NULL) {
        return ORR_REFUSED;
    }
    memset(shares, 0, placement->number_limit * sizeof *shares);
    if (placement->eligible != 0 && !placement->kind->shares(placement, shares)) {
        return ORR_REFUSED;
    }
    return ORR_OK;
}

size_t
orr_placement_memory_size(const OrrPlacement *placement)
{
    return sizeof *placement + orr_nodes_memory_size(placement) +
           placement->kind->memory_size(placement);
}

/* Numbers as little-endian bytes, texts behind their sizes: the same on every machine. */
static void
digest_number(XXH3_state_t *digest, uint64_t number)
{
    uint8_t bytes[8];

    store_little_endian_64(bytes, number);
    XXH3_64bits_update(digest, bytes, sizeof bytes);
}

static void
digest_text(XXH3_state_t *digest, const char *text, size_t size)
{
    digest_number(digest, size);
    XXH3_64bits_update(digest, text, size);
}

static void
digest_nodes(XXH3_state_t *digest, const OrrPlacement *placement)
{
    digest_number(digest, placement->count);
    for (uint32_t i = 0; i < placement->count; i++) {
        const Node *node = &placement->nodes[placement->by_name[i]];

        digest_text(digest, node->text, node->text_size);
        digest_text(digest, node->zone, node->zone_size);
        digest_number(digest, node->weight);
    }
}

static void
digest_owners(XXH3_state_t *digest, const OrrPlacement *placement)
{
    bool slots = placement->info->hash_bits == 14;
    uint64_t count = slots ? 16384 : DIGEST_KEYS;

    for (uint64_t i = 0; i < count; i++) {
        uint8_t key[8];
        uint32_t owner;

        store_little_endian_64(key, i);
        owner = slots ? orr_placement_find_hash(placement, i)
                      : orr_placement_find(placement, orr_bytes(key, sizeof key));
        digest_number(digest,
                      owner != ORR_PLACEMENT_NO_NODE ? placement->rank[owner] : UINT64_MAX);
    }
}

uint64_t
orr_placement_digest(const OrrPlacement *placement)
{
    const OrrPlacementOptions *options = &placement->options;
    XXH3_state_t state; /* on the stack, for it wants more alignment than g_new() gives */
    XXH3_state_t *digest = &state;

    XXH3_64bits_reset(digest);
    digest_text(digest, placement->info->name, strlen(placement->info->name));
    digest_number(digest, options->hash);
    digest_number(digest, options->seed);
    digest_number(digest, options->points);
    digest_number(digest, options->unit_weight);
    digest_number(digest, options->probes);
    digest_number(digest, options->table_size);
    digest_number(digest, options->bound_ppm);
    digest_nodes(digest, placement);
    digest_owners(digest, placement);
    return XXH3_64bits_digest(digest);
}
