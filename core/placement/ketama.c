#include <orrery/ketama.h>

#include "placement/circle.h"
#include "placement/md5.h"

#include <math.h>

#define BATCH 64u
#define TEXT_MAX 1100u /* bytes of a server's text */

/* RJ/ketama, ketama.c, ketama_create_continuum(): the share in float, the product in double,
 * and floorf() takes it as a float again. */
static uint32_t
digests_libketama(uint32_t weight, uint64_t total, uint32_t count)
{
    float share = (float)weight / (float)total;
    double digests = (double)share * 40.0 * (double)(float)count;

    return (uint32_t)floorf((float)digests);
}

/* libmemcached 1.1.4, hosts.cc, update_continuum(): all in float, and a little more so that
 * equal servers do not fall below 40. */
static uint32_t
digests_libmemcached(uint32_t weight, uint64_t total, uint32_t count)
{
    float share = (float)weight / (float)total;
    float digests = share * 160.0f / 4.0f * (float)count + 0.0000000001f;

    return (uint32_t)floorf(digests);
}

/* hashring 3.2, index.js, continuum(): JavaScript has only double. */
static uint32_t
digests_hashring(uint32_t weight, uint64_t total, uint32_t count)
{
    return (uint32_t)floor((double)weight / (double)total * 40.0 * (double)count);
}

uint32_t
orr_ketama_digests(OrrKetamaDialect dialect, uint32_t weight, uint64_t total_weight,
                   uint32_t count)
{
    switch (dialect) {
    case ORR_KETAMA_LIBKETAMA:
        return digests_libketama(weight, total_weight, count);
    case ORR_KETAMA_LIBMEMCACHED:
        return digests_libmemcached(weight, total_weight, count);
    case ORR_KETAMA_HASHRING:
        return digests_hashring(weight, total_weight, count);
    }
    return 0;
}

/* Many digests are computed side by side. */
static void
make_points(OrrBytes text, uint32_t first, uint32_t count, uint32_t *points)
{
    size_t stride = text.size + 11;
    uint8_t *bytes = g_malloc(count * stride);
    OrrBytes texts[BATCH];
    Md5 digests[BATCH];

    for (uint32_t k = 0; k < count; k++) {
        texts[k].data = bytes + k * stride;
        texts[k].size = orr_circle_point_text(text, first + k, bytes + k * stride);
    }
    orr_md5_of_many(vectors_here(), texts, count, digests);
    for (uint32_t k = 0; k < count; k++) {
        memcpy(points + (size_t)ORR_KETAMA_DIGEST_POINTS * k, digests[k].word,
               sizeof digests[k].word);
    }
    g_free(bytes);
}

void
orr_ketama_points(OrrBytes text, uint32_t first, uint32_t count, uint32_t *points)
{
    g_return_if_fail(text.size <= TEXT_MAX);
    for (uint32_t k = 0; k < count; k += BATCH) {
        make_points(text, first + k, MIN(BATCH, count - k),
                    points + ORR_KETAMA_DIGEST_POINTS * (size_t)k);
    }
}

uint32_t
orr_ketama_hash(OrrBytes key)
{
    return orr_md5_of(key).word[0];
}

void
orr_ketama_hash_batch(const OrrBytes *keys, size_t count, uint32_t *hashes)
{
    Md5 digests[BATCH];

    for (size_t i = 0; i < count; i += BATCH) {
        size_t now = MIN(BATCH, count - i);

        orr_md5_of_many(vectors_here(), keys + i, now, digests);
        for (size_t j = 0; j < now; j++) {
            hashes[i + j] = digests[j].word[0];
        }
    }
}
