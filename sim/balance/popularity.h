/* popularity.h - how often each key is asked for: equally, by Zipf's law, or as recorded.
 *
 * Zipf's law with exponent s gives the key of rank r a share in proportion to r^-s. Which key
 * has which rank is chance, drawn anew for every trial: a placement must not be lucky once.
 *
 * Source: Zipf 1949; the sampler is Vose's, "A Linear Algorithm for Generating Random Numbers
 * with a Given Distribution", IEEE TSE 17(9), 1991: O(n) to make, O(1) a draw.
 */
#ifndef SIM_BALANCE_POPULARITY_H
#define SIM_BALANCE_POPULARITY_H

#include "keyset.h"
#include <orrery/rng.h>

typedef struct SimPopularity {
    double *shares;        /* of each key, summing to 1 */
    size_t count;          /* keys */
    double squares;        /* sum of the squared shares: what no placement can even out */
    double top;            /* the greatest share */
    uint32_t *other;       /* Vose's tables, made by prepare_sampler() */
    uint64_t *own_of_2_32; /* probability of staying at one's own column, in 2^-32 */
} SimPopularity;

/* True if keys differ in popularity: a Zipf exponent above 0, or recorded counts. */
bool sim_popularity_is_skewed(const SimKeyset *keys, double zipf);
/* Zipf with that exponent over shuffled keys; exponent 0: as recorded. */
SimPopularity *sim_popularity_new(const SimKeyset *keys, double zipf, OrrRng *rng);
void sim_popularity_free(SimPopularity *popularity);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SimPopularity, sim_popularity_free)

/* Before the first draw. O(n). */
void sim_popularity_prepare_sampler(SimPopularity *popularity);
/* The index of a key, each with its share as probability (rounded to 2^-32 of a column). */
size_t sim_popularity_draw(const SimPopularity *popularity, OrrRng *rng);

#endif
