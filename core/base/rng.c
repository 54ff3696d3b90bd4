#include <orrery/rng.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static uint64_t
splitmix64(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

OrrRng
orr_rng_new(uint64_t seed)
{
    OrrRng rng;

    for (size_t i = 0; i < 4; i++) {
        rng.word[i] = splitmix64(&seed);
    }
    return rng;
}

OrrRng
orr_rng_stream(uint64_t seed, OrrBytes name)
{
    return orr_rng_new(XXH64(name.data, name.size, seed));
}

static uint64_t
rotate_left(uint64_t word, unsigned count)
{
    return word << count | word >> (64 - count);
}

uint64_t
orr_rng_next(OrrRng *rng)
{
    uint64_t *s = rng->word;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

/* Lemire, "Fast Random Integer Generation in an Interval", 2019. */
uint64_t
orr_rng_below(OrrRng *rng, uint64_t bound)
{
    __extension__ typedef unsigned __int128 Wide;
    Wide product = (Wide)orr_rng_next(rng) * bound;

    if ((uint64_t)product < bound) {
        uint64_t threshold = (0 - bound) % bound;

        while ((uint64_t)product < threshold) {
            product = (Wide)orr_rng_next(rng) * bound;
        }
    }
    return (uint64_t)(product >> 64);
}

int64_t
orr_rng_between(OrrRng *rng, int64_t low, int64_t high)
{
    uint64_t span = (uint64_t)high - (uint64_t)low + 1;
    uint64_t offset = span == 0 ? orr_rng_next(rng) : orr_rng_below(rng, span);

    return (int64_t)((uint64_t)low + offset);
}

bool
orr_rng_chance_ppm(OrrRng *rng, uint32_t parts_per_million)
{
    return orr_rng_below(rng, 1000000) < parts_per_million;
}
