#include <orrery/dx.h>

#include <glib.h>

struct OrrDx {
    uint64_t *works; /* a bit each */
    GArray *removed; /* uint32_t, the last one last */
    uint32_t capacity;
    uint32_t size;
};

static size_t
words_of(uint32_t capacity)
{
    return ((size_t)capacity + 63) / 64;
}

OrrDx *
orr_dx_new(uint32_t capacity)
{
    OrrDx *dx = g_new0(OrrDx, 1);

    dx->works = g_new0(uint64_t, words_of(capacity));
    dx->removed = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    dx->capacity = capacity;
    return dx;
}

OrrDx *
orr_dx_copy(const OrrDx *dx)
{
    OrrDx *copy = g_memdup2(dx, sizeof *dx);

    copy->works = g_memdup2(dx->works, words_of(dx->capacity) * sizeof *dx->works);
    copy->removed = g_array_copy(dx->removed);
    return copy;
}

void
orr_dx_free(OrrDx *dx)
{
    if (dx != NULL) {
        g_free(dx->works);
        g_array_unref(dx->removed);
        g_free(dx);
    }
}

uint32_t
orr_dx_capacity(const OrrDx *dx)
{
    return dx->capacity;
}

uint32_t
orr_dx_size(const OrrDx *dx)
{
    return dx->size;
}

static inline bool
works(const OrrDx *dx, uint32_t bucket)
{
    return (dx->works[bucket / 64] >> (bucket % 64) & 1) != 0;
}

OrrStatus
orr_dx_add(OrrDx *dx, uint32_t *bucket)
{
    uint32_t b = dx->size; /* nobody is missing below, so this is the first that is free */

    if (dx->size == dx->capacity) {
        return ORR_FULL;
    }
    if (dx->removed->len != 0) {
        b = g_array_index(dx->removed, uint32_t, dx->removed->len - 1);
        g_array_set_size(dx->removed, dx->removed->len - 1);
    }
    dx->works[b / 64] |= UINT64_C(1) << (b % 64);
    dx->size++;
    *bucket = b;
    return ORR_OK;
}

OrrStatus
orr_dx_remove(OrrDx *dx, uint32_t bucket)
{
    if (bucket >= dx->capacity || !works(dx, bucket)) {
        return ORR_NOT_FOUND;
    }
    dx->works[bucket / 64] &= ~(UINT64_C(1) << (bucket % 64));
    g_array_append_val(dx->removed, bucket);
    dx->size--;
    return ORR_OK;
}

#define JAVA_MASK ((UINT64_C(1) << 48) - 1)
#define JAVA_MULTIPLIER UINT64_C(0x5deece66d)

/* 31 random bits, as java.util.Random.next(31). */
static inline uint32_t
next_31(uint64_t *state)
{
    *state = (*state * JAVA_MULTIPLIER + 0xb) & JAVA_MASK;
    return (uint32_t)(*state >> 17);
}

/* java.util.Random.nextInt(bound): powers of two from the high bits, the others modulo, without
 * the last incomplete run of values. */
static inline uint32_t
next_below(uint64_t *state, uint32_t bound)
{
    uint32_t bits = next_31(state);

    if ((bound & (bound - 1)) == 0) {
        return (uint32_t)((uint64_t)bound * bits >> 31);
    }
    uint32_t value = bits % bound;
    while (bits - value + (bound - 1) > INT32_MAX) {
        bits = next_31(state);
        value = bits % bound;
    }
    return value;
}

uint32_t
orr_dx_find(const OrrDx *dx, uint64_t hash)
{
    uint64_t state = (hash ^ JAVA_MULTIPLIER) & JAVA_MASK;
    uint32_t bucket = next_below(&state, dx->capacity);

    while (!works(dx, bucket) && dx->size != 0) {
        bucket = next_below(&state, dx->capacity);
    }
    return dx->size != 0 ? bucket : 0;
}

size_t
orr_dx_memory_size(const OrrDx *dx)
{
    return sizeof *dx + words_of(dx->capacity) * sizeof *dx->works +
           dx->removed->len * sizeof(uint32_t);
}
