#include "data/table.h"

#include <glib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#ifdef __SSE2__
#include <immintrin.h>
#endif

static_assert(sizeof(OrrBucket) == 64, "a bucket is a cache line");

#define BELOW 0x80000000u /* in a directory: a table of its own, not a bucket */
#define CHAIN_INDEX (ORR_BUCKET_ENTRIES - 1)
#define MERGE_MAX                                                                              \
    8u /* entries of two buckets that are made one; fewer than fit, or the next                \
          insertion would split it again */

uint64_t
orr_store_hash(const OrrStore *store, OrrBytes key)
{
    return XXH3_64bits_withSeed(key.data, key.size, store->seed);
}

static uint8_t
tag_of(uint64_t hash)
{
    uint8_t tag = (uint8_t)hash;

    return tag != 0 ? tag : 1;
}

/* Bit i is set where tag i is `tag`. */
static inline uint32_t
match(const OrrBucket *bucket, uint8_t tag)
{
#ifdef __SSE2__
    __m128i tags = _mm_loadu_si128((const __m128i *)(const void *)bucket);
    __m128i same = _mm_cmpeq_epi8(tags, _mm_set1_epi8((char)tag));

    return (uint32_t)_mm_movemask_epi8(same) & ((1u << ORR_BUCKET_ENTRIES) - 1);
#else
    uint32_t bits = 0;

    for (unsigned i = 0; i < ORR_BUCKET_ENTRIES; i++) {
        bits |= (uint32_t)(bucket->tags[i] == tag) << i;
    }
    return bits;
#endif
}

static unsigned
entries_of(const OrrBucket *bucket)
{
    return ORR_BUCKET_ENTRIES - (unsigned)__builtin_popcount(match(bucket, 0));
}

/* Where a descent has come to: a table, and how many bits of the hash led there. */
typedef struct Place {
    OrrTable *table;
    unsigned bits;
    size_t index; /* in its directory */
} Place;

static size_t
index_in(const OrrTable *table, uint64_t hash, unsigned bits)
{
    return table->depth == 0 ? 0 : (size_t)((hash << bits) >> (64 - table->depth));
}

static OrrRef *
directory_of(const OrrStore *store, const OrrTable *table)
{
    return orr_arena_at(&store->arena, table->root);
}

/* Down to the table whose directory names the bucket; returns the bucket's reference. */
static OrrRef
descend(const OrrStore *store, const OrrTable *table, uint64_t hash, Place *place)
{
    unsigned bits = 0;

    for (;;) {
        size_t index = index_in(table, hash, bits);
        OrrRef ref = table->depth == 0 ? table->root : directory_of(store, table)[index];

        if (table->depth == 0 || (ref & BELOW) == 0) {
            /* the caller owns the table it passed; const is for those who only look */
            *place = (Place){(OrrTable *)(uintptr_t)table, bits, index};
            return ref;
        }
        table = orr_arena_small(&store->arena, ref & ~BELOW);
        bits += ORR_TABLE_DEPTH_MAX;
    }
}

OrrBucket *
orr_bucket_next(const OrrStore *store, const OrrBucket *bucket)
{
    return bucket->chained ? orr_arena_small(&store->arena, bucket->refs[CHAIN_INDEX]) : NULL;
}

static inline OrrEntry *
find_in_bucket(const OrrStore *store, OrrBucket *bucket, OrrBytes key, uint8_t tag,
               OrrSpot *spot)
{
    for (uint32_t bits = match(bucket, tag); bits != 0; bits &= bits - 1) {
        unsigned index = (unsigned)__builtin_ctz(bits);
        OrrEntry *entry = orr_arena_at(&store->arena, bucket->refs[index]);

        if (orr_bytes_equal(orr_entry_key(entry), key)) {
            *spot = (OrrSpot){bucket, index};
            return entry;
        }
    }
    return NULL;
}

/* As descend(), for who wants only the bucket: the path of every lookup. */
static inline OrrRef
bucket_ref_of(const OrrStore *store, const OrrTable *table, uint64_t hash)
{
    while (table->depth > 0) {
        const OrrRef *directory = directory_of(store, table);
        OrrRef ref = directory[hash >> (64 - table->depth)];

        if ((ref & BELOW) == 0) {
            return ref;
        }
        table = orr_arena_small(&store->arena, ref & ~BELOW);
        hash <<= ORR_TABLE_DEPTH_MAX;
    }
    return table->root;
}

OrrEntry *
orr_table_find(const OrrStore *store, const OrrTable *table, OrrBytes key, uint64_t hash,
               OrrSpot *spot)
{
    OrrRef ref = bucket_ref_of(store, table, hash);

    if (ref == ORR_REF_NONE) {
        return NULL;
    }
    for (OrrBucket *bucket = orr_arena_small(&store->arena, ref); bucket != NULL;
         bucket = orr_bucket_next(store, bucket)) {
        OrrEntry *entry = find_in_bucket(store, bucket, key, tag_of(hash), spot);

        if (entry != NULL) {
            return entry;
        }
    }
    return NULL;
}

static OrrRef
new_bucket(OrrStore *store, unsigned depth)
{
    OrrRef ref = orr_arena_alloc(&store->arena, sizeof(OrrBucket));
    OrrBucket *bucket = orr_arena_small(&store->arena, ref);

    memset(bucket, 0, sizeof *bucket);
    bucket->depth = (uint8_t)depth;
    bucket->due = ORR_DUE_NEVER;
    return ref;
}

static size_t
directory_size(unsigned depth)
{
    return sizeof(OrrRef) << depth;
}

static void
double_directory(OrrStore *store, OrrTable *table)
{
    size_t count = (size_t)1 << table->depth;
    OrrRef ref = orr_arena_alloc(&store->arena, directory_size(table->depth + 1));
    OrrRef *larger = orr_arena_at(&store->arena, ref);
    const OrrRef *old = table->depth == 0 ? &table->root : directory_of(store, table);

    for (size_t i = 0; i < count; i++) {
        larger[2 * i] = old[i];
        larger[2 * i + 1] = old[i];
    }
    if (table->depth > 0) {
        orr_arena_free(&store->arena, table->root, directory_size(table->depth));
    }
    table->root = ref;
    table->depth++;
}

/* A directory is as large as it may be: the bucket becomes a table of its own below it. */
static void
push_below(OrrStore *store, const Place *place, OrrRef bucket_ref)
{
    OrrRef ref = orr_arena_alloc(&store->arena, sizeof(OrrTable));
    OrrTable *below = orr_arena_small(&store->arena, ref);
    OrrBucket *bucket = orr_arena_small(&store->arena, bucket_ref);

    *below = (OrrTable){bucket_ref, 0};
    bucket->depth = 0;
    directory_of(store, place->table)[place->index] = ref | BELOW;
}

/* Those of `bucket` whose next bit is 1 move to `other`. */
static void
move_upper_half(const OrrStore *store, OrrBucket *bucket, OrrBucket *other, unsigned bit)
{
    unsigned moved = 0;

    for (unsigned i = 0; i < ORR_BUCKET_ENTRIES; i++) {
        __builtin_prefetch(orr_arena_small(&store->arena, bucket->refs[i]));
    }
    for (unsigned i = 0; i < ORR_BUCKET_ENTRIES; i++) {
        const OrrEntry *entry = orr_arena_at(&store->arena, bucket->refs[i]);

        if ((orr_store_hash(store, orr_entry_key(entry)) >> (63 - bit) & 1) != 0) {
            other->tags[moved] = bucket->tags[i];
            other->refs[moved++] = bucket->refs[i];
            bucket->tags[i] = 0;
            bucket->refs[i] = ORR_REF_NONE;
        }
    }
    other->due = bucket->due == ORR_DUE_NEVER ? ORR_DUE_NEVER : ORR_DUE_UNKNOWN;
}

/* The entries of a directory that lead to the bucket at `index`. */
static size_t
span_of(const OrrTable *table, const OrrBucket *bucket, size_t index, size_t *first)
{
    size_t span = (size_t)1 << (table->depth - bucket->depth);

    *first = index & ~(span - 1);
    return span;
}

/* A full bucket, whose directory has more bits than it uses, becomes two. */
static void
split(OrrStore *store, const Place *place, OrrRef bucket_ref)
{
    OrrBucket *bucket = orr_arena_small(&store->arena, bucket_ref);
    OrrRef other_ref = new_bucket(store, bucket->depth + 1u);
    OrrBucket *other = orr_arena_small(&store->arena, other_ref);
    OrrRef *directory = directory_of(store, place->table);
    size_t first;
    size_t span = span_of(place->table, bucket, place->index, &first);

    move_upper_half(store, bucket, other, place->bits + bucket->depth);
    bucket->depth++;
    for (size_t i = first + span / 2; i < first + span; i++) {
        directory[i] = other_ref;
    }
}

/* Hashes that agree in all bits that directories may use: buckets in a row. */
static OrrBucket *
chain(OrrStore *store, OrrBucket *bucket)
{
    while (match(bucket, 0) == (bucket->chained ? 1u << CHAIN_INDEX : 0)) {
        if (!bucket->chained) {
            OrrRef ref = new_bucket(store, bucket->depth);
            OrrBucket *next = orr_arena_small(&store->arena, ref);

            next->tags[0] = bucket->tags[CHAIN_INDEX];
            next->refs[0] = bucket->refs[CHAIN_INDEX];
            next->due = bucket->due;
            bucket->tags[CHAIN_INDEX] = 0;
            bucket->refs[CHAIN_INDEX] = ref;
            bucket->chained = 1;
        }
        bucket = orr_bucket_next(store, bucket);
    }
    return bucket;
}

static OrrBucket *
place_in(OrrBucket *bucket, uint64_t hash, OrrRef ref)
{
    unsigned index = (unsigned)__builtin_ctz(match(bucket, 0));

    bucket->tags[index] = tag_of(hash);
    bucket->refs[index] = ref;
    return bucket;
}

OrrBucket *
orr_table_insert(OrrStore *store, OrrTable *table, uint64_t hash, OrrRef ref)
{
    if (table->root == ORR_REF_NONE) {
        table->root = new_bucket(store, 0);
        table->depth = 0;
    }
    for (;;) {
        Place place;
        OrrRef bucket_ref = descend(store, table, hash, &place);
        OrrBucket *bucket = orr_arena_small(&store->arena, bucket_ref);
        unsigned bits = place.bits + bucket->depth;

        if (!bucket->chained && match(bucket, 0) != 0) {
            return place_in(bucket, hash, ref);
        }
        if (bits >= ORR_TABLE_BITS_MAX) {
            return place_in(chain(store, bucket), hash, ref);
        }
        if (bucket->depth < place.table->depth) {
            split(store, &place, bucket_ref);
        } else if (place.table->depth < ORR_TABLE_DEPTH_MAX) {
            double_directory(store, place.table);
        } else {
            push_below(store, &place, bucket_ref);
        }
    }
}

static bool
directory_is_loose(const OrrStore *store, const OrrTable *table)
{
    const OrrRef *directory = directory_of(store, table);

    for (size_t i = 0; i < (size_t)1 << table->depth; i += 2) {
        if (directory[i] != directory[i + 1]) {
            return false;
        }
    }
    return true;
}

/* While no bucket needs the last bit of the directory, it is halved. */
static void
tighten(OrrStore *store, OrrTable *table)
{
    while (table->depth > 0 && directory_is_loose(store, table)) {
        OrrRef *directory = directory_of(store, table);
        OrrRef old = table->root;
        OrrRef first = directory[0];

        if (table->depth > 1) {
            table->root = orr_arena_alloc(&store->arena, directory_size(table->depth - 1));
            OrrRef *smaller = orr_arena_at(&store->arena, table->root);

            for (size_t i = 0; i < (size_t)1 << (table->depth - 1); i++) {
                smaller[i] = directory[2 * i];
            }
        } else {
            table->root = first;
        }
        orr_arena_free(&store->arena, old, directory_size(table->depth));
        table->depth--;
    }
}

static void
absorb(OrrBucket *bucket, const OrrBucket *other)
{
    for (unsigned i = 0; i < ORR_BUCKET_ENTRIES; i++) {
        if (other->tags[i] != 0) {
            unsigned index = (unsigned)__builtin_ctz(match(bucket, 0));

            bucket->tags[index] = other->tags[i];
            bucket->refs[index] = other->refs[i];
        }
    }
    bucket->due = bucket->due == ORR_DUE_NEVER ? other->due : ORR_DUE_UNKNOWN;
    bucket->depth--;
}

/* Makes one bucket of the bucket at `place` and its other half, if both are so empty.
 * Departure: a table below another one is not taken back up before the whole table is empty. */
static bool
merge(OrrStore *store, const Place *place, OrrRef bucket_ref)
{
    OrrBucket *bucket = orr_arena_small(&store->arena, bucket_ref);

    if (bucket->depth == 0) {
        return false;
    }

    OrrRef *directory = directory_of(store, place->table);
    size_t first;
    size_t span = span_of(place->table, bucket, place->index, &first);
    OrrRef other_ref = directory[first ^ span];

    if ((other_ref & BELOW) != 0) {
        return false;
    }

    OrrBucket *other = orr_arena_small(&store->arena, other_ref);

    if (other->depth != bucket->depth || bucket->chained || other->chained ||
        entries_of(bucket) + entries_of(other) > MERGE_MAX) {
        return false;
    }
    absorb(bucket, other);
    for (size_t i = first ^ span; i < (first ^ span) + span; i++) {
        directory[i] = bucket_ref;
    }
    orr_arena_free(&store->arena, other_ref, sizeof(OrrBucket));
    tighten(store, place->table);
    return true;
}

void
orr_table_remove(OrrStore *store, OrrTable *table, uint64_t hash, OrrSpot spot)
{
    spot.bucket->tags[spot.index] = 0;
    spot.bucket->refs[spot.index] = ORR_REF_NONE;
    if (entries_of(spot.bucket) > MERGE_MAX / 2) {
        return;
    }

    Place place;
    OrrRef ref = descend(store, table, hash, &place);

    while (merge(store, &place, ref)) {
        ref = descend(store, table, hash, &place);
    }
    if (table->depth == 0 && entries_of(spot.bucket) == 0 && !spot.bucket->chained &&
        orr_arena_small(&store->arena, table->root) == (void *)spot.bucket) {
        orr_table_clear(store, table);
    }
}

static void
clear_ref(OrrStore *store, OrrRef ref)
{
    if ((ref & BELOW) != 0) {
        OrrTable *below = orr_arena_small(&store->arena, ref & ~BELOW);

        orr_table_clear(store, below);
        orr_arena_free(&store->arena, ref & ~BELOW, sizeof(OrrTable));
        return;
    }
    while (ref != ORR_REF_NONE) {
        const OrrBucket *bucket = orr_arena_small(&store->arena, ref);
        OrrRef next = bucket->chained ? bucket->refs[CHAIN_INDEX] : ORR_REF_NONE;

        orr_arena_free(&store->arena, ref, sizeof(OrrBucket));
        ref = next;
    }
}

void
orr_table_clear(OrrStore *store, OrrTable *table)
{
    if (table->root != ORR_REF_NONE && table->depth == 0) {
        clear_ref(store, table->root);
    } else if (table->root != ORR_REF_NONE) {
        const OrrRef *directory = directory_of(store, table);
        OrrRef last = ORR_REF_NONE;

        for (size_t i = 0; i < (size_t)1 << table->depth; i++) {
            OrrRef ref = directory[i];

            if (ref != last) {
                clear_ref(store, ref);
            }
            last = ref;
        }
        orr_arena_free(&store->arena, table->root, directory_size(table->depth));
    }
    *table = (OrrTable){ORR_REF_NONE, 0};
}

OrrBucket *
orr_table_bucket_at(const OrrStore *store, const OrrTable *table, uint64_t position,
                    uint64_t *next)
{
    Place place;
    OrrRef ref = descend(store, table, position, &place);

    *next = 0;
    if (ref == ORR_REF_NONE) {
        return NULL;
    }

    OrrBucket *bucket = orr_arena_small(&store->arena, ref);
    unsigned bits = place.bits + bucket->depth;

    if (bits > 0) {
        *next = ((position >> (64 - bits)) + 1) << (64 - bits);
    }
    return bucket;
}

const OrrBucket *
orr_table_prefetch_bucket(const OrrStore *store, const OrrTable *table, uint64_t hash)
{
    OrrRef ref = bucket_ref_of(store, table, hash);

    if (ref == ORR_REF_NONE) {
        return NULL;
    }

    const OrrBucket *bucket = orr_arena_small(&store->arena, ref);

    __builtin_prefetch(bucket);
    return bucket;
}

void
orr_bucket_prefetch_entry(const OrrStore *store, const OrrBucket *bucket, uint64_t hash)
{
    uint32_t bits = match(bucket, tag_of(hash));

    if (bits != 0) {
        __builtin_prefetch(
            orr_arena_small(&store->arena, bucket->refs[(unsigned)__builtin_ctz(bits)]));
    }
}
