#include "placement/sieve.h"

#include <glib.h>

#define CELLS_OF_A_POINT 8u
#define FEWEST_CELLS_BITS 6u /* a word */

void
orr_sieve_init(Sieve *sieve)
{
    memset(sieve, 0, sizeof *sieve);
}

void
orr_sieve_clear(Sieve *sieve)
{
    g_free(sieve->bits);
    memset(sieve, 0, sizeof *sieve);
}

void
orr_sieve_copy(Sieve *sieve, const Sieve *from)
{
    *sieve = *from;
    sieve->bits = g_memdup2(from->bits, from->words * sizeof *from->bits);
}

static void
set(Sieve *sieve, uint64_t cell)
{
    sieve->bits[cell / 64] |= UINT64_C(1) << (cell % 64);
}

void
orr_sieve_fill(Sieve *sieve, const Points *points)
{
    unsigned bits = FEWEST_CELLS_BITS;

    while ((UINT64_C(1) << bits) < CELLS_OF_A_POINT * points->count) {
        bits++;
    }
    uint64_t cells = UINT64_C(1) << bits;
    sieve->shift = 64 - bits;
    sieve->words = cells / 64;
    g_free(sieve->bits);
    sieve->bits = g_new0(uint64_t, sieve->words);
    for (size_t i = 0; i < points->count; i++) {
        uint64_t cell = points->positions[i] >> sieve->shift;

        set(sieve, cell);
        set(sieve, (cell - 1) & (cells - 1));
    }
}
