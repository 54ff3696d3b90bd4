#include <orrery/slotmap.h>

#include <glib.h>

typedef struct Slot {
    uint64_t version;
    uint16_t owner; /* index into shards; 0 is nobody */
    uint16_t peer;
    uint8_t state;
} Slot;

typedef struct Shard {
    OrrId id;
    uint64_t hash;
    uint32_t count;
    bool touched;
} Shard;

struct OrrSlotMap {
    GArray *shards;    /* of Shard; entry 0 is nobody, which owns what nobody owns */
    GHashTable *by_id; /* id -> index in shards; looked up, never iterated */
    GArray *touched;   /* of uint16_t: shards whose counts changed since they were asked for */
    uint64_t version;
    uint64_t change;
    uint64_t digest; /* of all buckets */
    uint64_t buckets[ORR_SLOT_BUCKETS];
    Slot slots[ORR_SLOT_COUNT];
};

static uint64_t
mix(uint64_t word)
{
    word ^= word >> 32;
    word *= UINT64_C(0xe9846af9b1a615d);
    word ^= word >> 32;
    word *= UINT64_C(0xe9846af9b1a615d);
    return word ^ word >> 28;
}

static uint64_t
hash_of_id(const OrrId *id)
{
    uint64_t words[2];
    uint32_t rest;

    memcpy(words, id->bytes, sizeof words);
    memcpy(&rest, id->bytes + sizeof words, sizeof rest);
    return mix(GUINT64_FROM_LE(words[0]) ^
               mix(GUINT64_FROM_LE(words[1]) ^ mix(GUINT32_FROM_LE(rest) + 1)));
}

static Shard *
shard_at(const OrrSlotMap *map, uint32_t index)
{
    return &g_array_index(map->shards, Shard, index);
}

static guint
id_hash(gconstpointer id)
{
    return (guint)hash_of_id(id);
}

static gboolean
id_equal(gconstpointer a, gconstpointer b)
{
    return orr_id_equal(a, b);
}

OrrSlotMap *
orr_slotmap_new(void)
{
    OrrSlotMap *map = g_new0(OrrSlotMap, 1);
    Shard nobody = {ORR_ID_NONE, 0, ORR_SLOT_COUNT, false};

    map->shards = g_array_new(false, true, sizeof(Shard));
    map->by_id = g_hash_table_new_full(id_hash, id_equal, g_free, NULL);
    map->touched = g_array_new(false, false, sizeof(uint16_t));
    g_array_append_val(map->shards, nobody);
    g_hash_table_insert(map->by_id, g_memdup2(&nobody.id, sizeof nobody.id),
                        GUINT_TO_POINTER(0));
    return map;
}

void
orr_slotmap_free(OrrSlotMap *map)
{
    if (map != NULL) {
        g_array_unref(map->shards);
        g_array_unref(map->touched);
        g_hash_table_unref(map->by_id);
        g_free(map);
    }
}

/* The index of a shard's entry, or UINT16_MAX where it has none. */
static uint16_t
find_shard(const OrrSlotMap *map, const OrrId *id)
{
    gpointer index;

    return g_hash_table_lookup_extended(map->by_id, id, NULL, &index)
               ? (uint16_t)GPOINTER_TO_UINT(index)
               : UINT16_MAX;
}

/* UINT16_MAX: no room for another. */
static uint16_t
intern_shard(OrrSlotMap *map, const OrrId *id)
{
    uint16_t index = find_shard(map, id);

    if (index == UINT16_MAX) {
        Shard shard = {*id, hash_of_id(id), 0, false};

        if (map->shards->len > ORR_SLOT_SHARDS_MAX) {
            return UINT16_MAX;
        }
        index = (uint16_t)map->shards->len;
        g_array_append_val(map->shards, shard);
        g_hash_table_insert(map->by_id, g_memdup2(id, sizeof *id), GUINT_TO_POINTER(index));
    }
    return index;
}

static void
touch(OrrSlotMap *map, uint16_t index)
{
    if (!shard_at(map, index)->touched) {
        shard_at(map, index)->touched = true;
        g_array_append_val(map->touched, index);
    }
}

bool
orr_slotmap_next_touched(OrrSlotMap *map, OrrId *shard, uint32_t *count)
{
    Shard *entry;

    if (map->touched->len == 0) {
        return false;
    }
    entry = shard_at(map, g_array_index(map->touched, uint16_t, map->touched->len - 1));
    g_array_set_size(map->touched, map->touched->len - 1);
    entry->touched = false;
    *shard = entry->id;
    *count = entry->count;
    return true;
}

static uint64_t
slot_hash(const OrrSlotMap *map, uint16_t slot)
{
    const Slot *entry = &map->slots[slot];

    if (entry->version == 0) {
        return 0;
    }
    return mix((uint64_t)slot << 48 ^ entry->version ^ shard_at(map, entry->owner)->hash);
}

static void
add_hash(OrrSlotMap *map, uint16_t slot, uint64_t hash)
{
    uint64_t *bucket = &map->buckets[slot / ORR_SLOTS_PER_BUCKET];
    uint64_t salt = (slot / ORR_SLOTS_PER_BUCKET + 1) * UINT64_C(0x9e3779b97f4a7c15);

    map->digest -= mix(*bucket + salt);
    *bucket += hash;
    map->digest += mix(*bucket + salt);
}

/* The only place where an owner or a version changes. */
static bool
assign(OrrSlotMap *map, uint16_t slot, uint16_t owner, uint64_t version)
{
    Slot *entry = &map->slots[slot];
    bool changed = entry->owner != owner;
    uint64_t before = slot_hash(map, slot);

    if (changed) {
        touch(map, entry->owner);
        touch(map, owner);
        entry->state = ORR_SLOT_STABLE;
        entry->peer = 0;
    }
    shard_at(map, entry->owner)->count--;
    shard_at(map, owner)->count++;
    entry->owner = owner;
    entry->version = version;
    add_hash(map, slot, slot_hash(map, slot) - before);
    map->change++;
    map->version = MAX(map->version, version);
    return changed;
}

static bool
claim_wins(const OrrSlotMap *map, uint16_t slot, const OrrId *owner, uint64_t version)
{
    const Slot *entry = &map->slots[slot];

    if (version != entry->version) {
        return version > entry->version;
    }
    return orr_id_compare(owner, &shard_at(map, entry->owner)->id) < 0;
}

static bool
wins_anywhere(const OrrSlotMap *map, const OrrSlotsRecord *claim, uint16_t owner)
{
    for (uint32_t slot = claim->range.first; slot <= claim->range.last; slot++) {
        const Slot *entry = &map->slots[slot];

        if (entry->owner == owner && entry->version == claim->version) {
            continue; /* as it is: so nearly all that is heard */
        }
        if (claim_wins(map, (uint16_t)slot, &claim->shard, claim->version)) {
            return true;
        }
    }
    return false;
}

uint32_t
orr_slotmap_claim(OrrSlotMap *map, const OrrSlotsRecord *claim)
{
    uint32_t changed = 0;
    uint16_t owner;

    g_return_val_if_fail(claim->range.last < ORR_SLOT_COUNT, 0);
    if (!wins_anywhere(map, claim, find_shard(map, &claim->shard))) {
        return 0; /* and its shard, if it is new, takes no room */
    }
    owner = intern_shard(map, &claim->shard);
    if (owner == UINT16_MAX) {
        return 0;
    }
    for (uint32_t slot = claim->range.first; slot <= claim->range.last; slot++) {
        if (claim_wins(map, (uint16_t)slot, &claim->shard, claim->version)) {
            changed += assign(map, (uint16_t)slot, owner, claim->version);
        }
    }
    return changed;
}

uint32_t
orr_slotmap_overwrite(OrrSlotMap *map, const OrrSlotsRecord *claim)
{
    uint32_t changed = 0;
    uint16_t owner = intern_shard(map, &claim->shard);

    g_return_val_if_fail(claim->range.last < ORR_SLOT_COUNT, 0);
    if (owner == UINT16_MAX) {
        return 0;
    }
    for (uint32_t slot = claim->range.first; slot <= claim->range.last; slot++) {
        changed += assign(map, (uint16_t)slot, owner, claim->version);
    }
    return changed;
}

void
orr_slotmap_prefetch(const OrrSlotMap *map, uint16_t slot)
{
    __builtin_prefetch(&map->slots[slot]);
}

OrrSlotView
orr_slotmap_get(const OrrSlotMap *map, uint16_t slot)
{
    const Slot *entry = &map->slots[slot];

    return (OrrSlotView){.shard = shard_at(map, entry->owner)->id,
                         .version = entry->version,
                         .state = (OrrSlotState)entry->state,
                         .peer = shard_at(map, entry->peer)->id};
}

bool
orr_slotmap_owns(const OrrSlotMap *map, uint16_t slot, const OrrId *shard)
{
    return orr_id_equal(&shard_at(map, map->slots[slot].owner)->id, shard);
}

void
orr_slotmap_set_state(OrrSlotMap *map, uint16_t slot, OrrSlotState state, const OrrId *peer)
{
    uint16_t index = state == ORR_SLOT_STABLE ? 0 : intern_shard(map, peer);

    if (index != UINT16_MAX) {
        map->slots[slot].state = (uint8_t)state;
        map->slots[slot].peer = index;
    }
}

uint32_t
orr_slotmap_count(const OrrSlotMap *map, const OrrId *shard)
{
    uint16_t index = find_shard(map, shard);

    return index == UINT16_MAX ? 0 : shard_at(map, index)->count;
}

uint32_t
orr_slotmap_uncovered(const OrrSlotMap *map)
{
    return shard_at(map, 0)->count;
}

uint64_t
orr_slotmap_version(const OrrSlotMap *map)
{
    return map->version;
}

OrrStatus
orr_slotmap_next(const OrrSlotMap *map, uint32_t *cursor, uint16_t last, OrrSlotsRecord *claim)
{
    uint32_t first = *cursor;

    while (first <= last && map->slots[first].version == 0) {
        first++;
    }
    if (first > last) {
        *cursor = first;
        return ORR_NOT_FOUND;
    }

    const Slot *entry = &map->slots[first];
    uint32_t end = first;

    while (end < last && map->slots[end + 1].version == entry->version &&
           map->slots[end + 1].owner == entry->owner) {
        end++;
    }
    claim->shard = shard_at(map, entry->owner)->id;
    claim->version = entry->version;
    claim->range = (OrrSlotRange){(uint16_t)first, (uint16_t)end};
    *cursor = end + 1;
    return ORR_OK;
}

uint64_t
orr_slotmap_bucket_digest(const OrrSlotMap *map, uint32_t bucket)
{
    return map->buckets[bucket];
}

uint64_t
orr_slotmap_digest(const OrrSlotMap *map)
{
    return map->digest;
}

uint64_t
orr_slotmap_change(const OrrSlotMap *map)
{
    return map->change;
}
