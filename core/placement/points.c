#include "placement/points.h"

#include <glib.h>

#define LONG_BUCKET 16u   /* from here on a search or a sort inside a bucket is not linear */
#define LARGE_RING 65536u /* points */
#define SMALL_RING 8192u  /* points that the first caches hold: nothing to fetch ahead */
#define GROUP 16u         /* hashes of a batch whose memory is fetched together */

static unsigned
log2_floor(size_t x)
{
    return x == 0 ? 0 : 63u - (unsigned)__builtin_clzll(x);
}

static void
allocate(Points *points, size_t count)
{
    /* one to two points an entry; where that does not fit the second cache, up to three */
    size_t entries = count > LARGE_RING ? count / 3 * 2 : count;
    unsigned bits = MAX(log2_floor(entries), 1);

    points->count = count;
    points->entries = (size_t)1 << bits;
    points->shift = 64 - bits;
    points->positions = g_new(uint64_t, count + POINTS_PAD);
    points->marks = g_new(uint64_t, count + POINTS_PAD);
    points->index = g_new(uint32_t, points->entries + 1);
}

static void
put(Points *points, size_t at, Point point)
{
    points->positions[at] = point.position;
    points->marks[at] = point.position >> 32 << 32 | point.owner;
}

static Point
get(const Points *points, size_t at)
{
    return (Point){points->positions[at], orr_points_owner_at(points, at)};
}

/* With the points in place: what closes the circle, and the index. */
static void
finish(Points *points)
{
    size_t i = 0;

    uint32_t first = points->count != 0 ? orr_points_owner_at(points, 0) : 0;
    for (size_t pad = 0; pad < POINTS_PAD; pad++) {
        put(points, points->count + pad, (Point){UINT64_MAX, first});
    }
    /* for distances, which are modulo 2^64: only marks are searched */
    points->positions[points->count] = points->count != 0 ? points->positions[0] : 0;
    for (size_t entry = 0; entry < points->entries; entry++) {
        while (i < points->count && points->positions[i] >> points->shift < entry) {
            i++;
        }
        points->index[entry] = (uint32_t)i;
    }
    points->index[points->entries] = (uint32_t)points->count;
}

void
orr_points_init(Points *points)
{
    allocate(points, 0);
    finish(points);
}

void
orr_points_clear(Points *points)
{
    g_free(points->positions);
    g_free(points->marks);
    g_free(points->index);
    memset(points, 0, sizeof *points);
}

void
orr_points_copy(Points *points, const Points *from)
{
    *points = *from;
    points->positions =
        g_memdup2(from->positions, (from->count + POINTS_PAD) * sizeof *from->positions);
    points->marks = g_memdup2(from->marks, (from->count + POINTS_PAD) * sizeof *from->marks);
    points->index = g_memdup2(from->index, (from->entries + 1) * sizeof *from->index);
}

size_t
orr_points_memory_size(const Points *points)
{
    return (points->count + POINTS_PAD) * (sizeof *points->positions + sizeof *points->marks) +
           (points->entries + 1) * sizeof *points->index;
}

static int
compare(const void *left, const void *right, void *rank)
{
    const Point *a = left;
    const Point *b = right;
    const uint32_t *ranks = rank;

    if (a->position != b->position) {
        return a->position < b->position ? -1 : 1;
    }
    return (ranks[a->owner] > ranks[b->owner]) - (ranks[a->owner] < ranks[b->owner]);
}

static void
sort_few(Point *points, size_t count, const uint32_t *rank)
{
    if (count > LONG_BUCKET) {
        g_qsort_with_data(points, (int)count, sizeof *points, compare, (void *)(uintptr_t)rank);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        Point moving = points[i];
        size_t to = i;

        for (; to > 0 && compare(&points[to - 1], &moving, (void *)(uintptr_t)rank) > 0; to--) {
            points[to] = points[to - 1];
        }
        points[to] = moving;
    }
}

/* Positions are hashes, so as many buckets by their top bits hold one point each on average:
 * they are counted, dealt out, and each bucket is sorted by itself. O(count) expected. */
static void
sort_points(Point *points, size_t count, const uint32_t *rank)
{
    unsigned bits = MAX(log2_floor(count), 1);
    size_t buckets = (size_t)1 << bits;
    uint32_t *end = g_new0(uint32_t, buckets + 1);
    Point *dealt = g_new(Point, count);

    for (size_t i = 0; i < count; i++) {
        end[(points[i].position >> (64 - bits)) + 1]++;
    }
    for (size_t i = 1; i <= buckets; i++) {
        end[i] += end[i - 1];
    }
    for (size_t i = 0; i < count; i++) {
        dealt[end[points[i].position >> (64 - bits)]++] = points[i];
    }
    for (size_t i = 0, begin = 0; i < buckets; begin = end[i++]) {
        sort_few(dealt + begin, end[i] - begin, rank);
    }
    memcpy(points, dealt, count * sizeof *points);
    g_free(dealt);
    g_free(end);
}

void
orr_points_merge(Points *points, Point *added, size_t count, const uint32_t *rank)
{
    Points old = *points;
    size_t i = 0;

    if (count == 0) {
        return;
    }
    sort_points(added, count, rank);
    allocate(points, old.count + count);
    for (size_t j = 0; j < count; j++) {
        for (; i < old.count; i++) {
            Point next = get(&old, i);
            if (compare(&next, &added[j], (void *)(uintptr_t)rank) > 0) {
                break;
            }
            put(points, i + j, next);
        }
        put(points, i + j, added[j]);
    }
    for (; i < old.count; i++) {
        put(points, i + count, get(&old, i));
    }
    finish(points);
    orr_points_clear(&old);
}

void
orr_points_remove(Points *points, uint32_t owner)
{
    Points old = *points;
    size_t left = 0;

    for (size_t i = 0; i < old.count; i++) {
        left += orr_points_owner_at(&old, i) != owner;
    }
    allocate(points, left);
    left = 0;
    for (size_t i = 0; i < old.count; i++) {
        if (orr_points_owner_at(&old, i) != owner) {
            put(points, left++, get(&old, i));
        }
    }
    finish(points);
    orr_points_clear(&old);
}

size_t
orr_points_search(const Points *points, uint64_t hash, size_t low)
{
    size_t high = points->index[(hash >> points->shift) + 1];

    for (size_t i = 0; i < LONG_BUCKET && low < high; i++, low++) {
        if (points->positions[low] >= hash) {
            return low;
        }
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (points->positions[middle] < hash) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* First the entries of the index are fetched for all, then the marks, then both are used. */
static void
find_group(const Points *points, const uint64_t *hashes, size_t count, unsigned shift,
           uint32_t *owners)
{
    uint32_t low[GROUP];

    for (size_t i = 0; i < count; i++) {
        low[i] = points->index[hashes[i] << shift >> points->shift];
        __builtin_prefetch(&points->marks[low[i]]);
    }
    for (size_t i = 0; i < count; i++) {
        owners[i] = orr_points_owner_at(
            points, orr_points_find_from(points, hashes[i] << shift, low[i]));
    }
}

void
orr_points_owners(const Points *points, const uint64_t *hashes, size_t count, unsigned shift,
                  uint32_t *owners)
{
    for (size_t i = 0; points->count < SMALL_RING && i < count; i++) {
        owners[i] = orr_points_owner(points, hashes[i] << shift);
    }
    for (size_t i = 0; points->count >= SMALL_RING && i < count; i += GROUP) {
        find_group(points, hashes + i, MIN(GROUP, count - i), shift, owners + i);
    }
}

uint64_t
orr_points_arc(const Points *points, size_t i)
{
    size_t before = i == 0 ? points->count - 1 : i - 1;

    if (points->count == 1) {
        return UINT64_MAX;
    }
    return points->positions[i] - points->positions[before];
}
