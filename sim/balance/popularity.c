#include "popularity.h"

#include <math.h>

bool
sim_popularity_is_skewed(const SimKeyset *keys, double zipf)
{
    return zipf > 0 || keys->recorded;
}

static void
shuffle(double *values, size_t count, OrrRng *rng)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = (size_t)orr_rng_below(rng, i);
        double value = values[i - 1];

        values[i - 1] = values[j];
        values[j] = value;
    }
}

SimPopularity *
sim_popularity_new(const SimKeyset *keys, double zipf, OrrRng *rng)
{
    SimPopularity *popularity = g_new0(SimPopularity, 1);
    double total = 0;

    popularity->count = keys->count;
    popularity->shares = g_new(double, keys->count);
    for (size_t i = 0; i < keys->count; i++) {
        popularity->shares[i] =
            zipf > 0 ? pow((double)(i + 1), -zipf) : (double)keys->counts[i];
        total += popularity->shares[i];
    }
    for (size_t i = 0; i < keys->count; i++) {
        double share = popularity->shares[i] / total;

        popularity->shares[i] = share;
        popularity->squares += share * share;
        popularity->top = MAX(popularity->top, share);
    }
    if (zipf > 0) {
        shuffle(popularity->shares, keys->count, rng);
    }
    return popularity;
}

void
sim_popularity_free(SimPopularity *popularity)
{
    if (popularity != NULL) {
        g_free(popularity->shares);
        g_free(popularity->other);
        g_free(popularity->own_of_2_32);
        g_free(popularity);
    }
}

/* Columns of equal height are filled from the keys: who has less than a column is topped up by
 * one who has more. */
void
sim_popularity_prepare_sampler(SimPopularity *self)
{
    g_autofree double *height = g_new(double, self->count);
    g_autofree uint32_t *poor = g_new(uint32_t, self->count);
    g_autofree uint32_t *rich = g_new(uint32_t, self->count);
    size_t poor_count = 0;
    size_t rich_count = 0;

    g_free(self->other);
    g_free(self->own_of_2_32);
    self->other = g_new(uint32_t, self->count);
    self->own_of_2_32 = g_new(uint64_t, self->count);
    for (size_t i = 0; i < self->count; i++) {
        height[i] = self->shares[i] * (double)self->count;
        self->other[i] = (uint32_t)i;
        self->own_of_2_32[i] = UINT64_C(1) << 32;
        if (height[i] < 1) {
            poor[poor_count++] = (uint32_t)i;
        } else {
            rich[rich_count++] = (uint32_t)i;
        }
    }
    while (poor_count > 0 && rich_count > 0) {
        uint32_t low = poor[--poor_count];
        uint32_t high = rich[rich_count - 1];

        self->other[low] = high;
        self->own_of_2_32[low] = (uint64_t)(height[low] * 0x1p32);
        height[high] -= 1 - height[low];
        if (height[high] < 1) {
            rich_count--;
            poor[poor_count++] = high;
        }
    }
}

size_t
sim_popularity_draw(const SimPopularity *self, OrrRng *rng)
{
    size_t column = (size_t)orr_rng_below(rng, self->count);
    uint64_t height = orr_rng_next(rng) >> 32;

    return height < self->own_of_2_32[column] ? column : self->other[column];
}
