#include "placement/circle.h"

#include "placement/hash.h"

void
orr_circle_init(Circle *circle, unsigned shift)
{
    memset(circle, 0, sizeof *circle);
    orr_points_init(&circle->points);
    circle->shift = shift;
}

void
orr_circle_clear(Circle *circle)
{
    orr_points_clear(&circle->points);
    g_free(circle->counts);
}

void
orr_circle_copy(Circle *circle, const Circle *from)
{
    *circle = *from;
    orr_points_copy(&circle->points, &from->points);
    circle->counts = g_memdup2(from->counts, from->room * sizeof *from->counts);
}

size_t
orr_circle_memory_size(const Circle *circle)
{
    return orr_points_memory_size(&circle->points) + circle->room * sizeof *circle->counts;
}

/* All points that `placement` has and the circle lacks, merged in at once. */
static void
merge_missing(Circle *circle, const Dialect *dialect, const OrrPlacement *placement,
              const uint32_t *counts)
{
    size_t total = 0;
    size_t made = 0;

    for (uint32_t number = 0; number < placement->number_limit; number++) {
        total += circle->counts[number] == 0 ? counts[number] : 0;
    }
    Point *points = g_new(Point, total);
    for (uint32_t i = 0; i < placement->count; i++) {
        uint32_t number = placement->by_name[i];

        if (circle->counts[number] == 0 && counts[number] != 0) {
            dialect->place_points(placement, number, counts[number], points + made);
            for (uint32_t k = 0; k < counts[number]; k++) {
                points[made + k].owner = number;
            }
            made += counts[number];
            circle->counts[number] = counts[number];
        }
    }
    g_assert(made == total);
    orr_points_merge(&circle->points, points, made, placement->rank);
    g_free(points);
}

static void
make_room(Circle *circle, uint32_t number_limit)
{
    if (circle->room < number_limit) {
        uint32_t room = MAX(number_limit, 2 * circle->room);

        circle->counts = g_renew(uint32_t, circle->counts, room);
        memset(circle->counts + circle->room, 0,
               (room - circle->room) * sizeof *circle->counts);
        circle->room = room;
    }
}

/* Takes away the points of whoever is to have another number of them: of one node by leaving
 * them out, of more by beginning anew. */
static void
drop_changed(Circle *circle, const OrrPlacement *placement, const uint32_t *counts)
{
    uint32_t changed = 0;
    uint32_t last = 0;

    for (uint32_t number = 0; number < placement->number_limit; number++) {
        if (circle->counts[number] != 0 && circle->counts[number] != counts[number]) {
            changed++;
            last = number;
        }
    }
    if (changed == 1) {
        orr_points_remove(&circle->points, last);
        circle->counts[last] = 0;
    } else if (changed > 1) {
        orr_points_clear(&circle->points);
        orr_points_init(&circle->points);
        memset(circle->counts, 0, circle->room * sizeof *circle->counts);
    }
}

void
orr_circle_change(Circle *circle, const Dialect *dialect, const OrrPlacement *placement,
                  const Change *change)
{
    uint32_t *counts = g_new0(uint32_t, placement->number_limit);

    make_room(circle, placement->number_limit);
    dialect->count_points(placement, counts);
    if (change->type == CHANGE_REMOVED) {
        g_assert(counts[change->numbers[0]] == 0);
    }
    drop_changed(circle, placement, counts);
    merge_missing(circle, dialect, placement, counts);
    g_free(counts);
}

void
orr_circle_shares(const Circle *circle, uint64_t *shares)
{
    const Points *points = &circle->points;

    for (size_t i = 0; i < points->count; i++) {
        /* Halved arcs: the whole circle would not fit. Their odd bits are the rounding. */
        shares[orr_points_owner_at(points, i)] += orr_points_arc(points, i) / 2;
    }
}

/* The weight that has `points` points: as settled, or twice that, and so on, until all fit. */
static uint64_t
unit_weight(const OrrPlacement *placement)
{
    uint64_t unit = placement->unit_weight;

    /* total * points / unit and one for each who is rounded up, without overflow */
    while (placement->total_weight / unit >
           (ORR_PLACEMENT_POINTS_MAX - placement->count) / placement->options.points) {
        unit *= 2;
    }
    return unit;
}

static void
count_ring_points(const OrrPlacement *placement, uint32_t *counts)
{
    uint64_t unit = unit_weight(placement);

    for (uint32_t i = 0; i < placement->count; i++) {
        uint32_t number = placement->by_age[i];
        uint64_t weight = placement->nodes[number].weight;
        uint64_t count = (weight * placement->options.points + unit / 2) / unit;

        counts[number] = weight == 0 ? 0 : (uint32_t)MAX(count, 1);
    }
}

size_t
orr_circle_point_text(OrrBytes text, uint32_t k, uint8_t *bytes)
{
    char digits[10];
    size_t count = 0;

    do {
        digits[count++] = (char)('0' + k % 10);
        k /= 10;
    } while (k != 0);
    memcpy(bytes, text.data, text.size);
    bytes[text.size] = '-';
    for (size_t i = 0; i < count; i++) {
        bytes[text.size + 1 + i] = (uint8_t)digits[count - 1 - i];
    }
    return text.size + 1 + count;
}

static void
place_ring_points(const OrrPlacement *placement, uint32_t number, uint32_t count, Point *points)
{
    OrrBytes text = node_text(placement, number);
    uint8_t *bytes = g_malloc(text.size + 11);
    unsigned shift = 64u - hash_bits(placement->options.hash);

    for (uint32_t k = 0; k < count; k++) {
        size_t size = orr_circle_point_text(text, k, bytes);

        points[k].position = orr_kind_hash(placement, orr_bytes(bytes, size)) << shift;
    }
    g_free(bytes);
}

const Dialect ORR_DIALECT_RING = {count_ring_points, place_ring_points};
