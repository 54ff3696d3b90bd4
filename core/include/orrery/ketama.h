/* ketama.h - the three dialects of ketama: how many points a server has, and where.
 *
 * "Ketama compatible" means MD5, about 160 points a server, four from each digest, and the
 * first point at or after the key's. It does not mean the same servers: implementations round
 * the number of digests in their own way, and hash a server under its own name.
 *
 *     digests of a server, w of total W, n servers      text that is hashed
 *     LIBKETAMA     floorf((float)w / W * 40.0 * n)     "host:port-k", float and double mixed
 *     LIBMEMCACHED  floorf(w / W * 160 / 4 * n + 1e-10) "host-k" at port 11211, all in float
 *     HASHRING      floor(w / W * 40 * n)               "host:port-k", all in double
 *
 *     MD5("10.0.1.1:11211-7") = b0 b1 ... b15: points b3b2b1b0, b7b6b5b4, b11..., b15...
 *     key: the first of the four of MD5(key)
 *
 * (hashring leaves a port out too where its option "default port" says so; by default it says
 * nothing. A name without a port is hashed as it is.)
 *
 * They differ even for some numbers of equal servers. placement.h has all three as algorithms
 * (ketama-libketama, ...); these are the parts, for who keeps points elsewhere.
 *
 * Source: Jones, RJ/ketama, 2007, ketama.c; libmemcached 1.1.4, libmemcached/hosts.cc;
 * npm hashring 3.2, index.js. MD5: RFC 1321.
 * Memory: none. Threads: any.
 */
#ifndef ORRERY_KETAMA_H
#define ORRERY_KETAMA_H

#include <orrery/types.h>

ORR_BEGIN_DECLS

typedef enum OrrKetamaDialect {
    ORR_KETAMA_LIBKETAMA,
    ORR_KETAMA_LIBMEMCACHED,
    ORR_KETAMA_HASHRING,
} OrrKetamaDialect;

#define ORR_KETAMA_DIGEST_POINTS 4u     /* points from one digest */
#define ORR_KETAMA_STANDARD_PORT 11211u /* left out of what libmemcached hashes */

/* Digests of a server of this weight, of `total_weight` of `count` servers; total above 0. */
ORR_API uint32_t orr_ketama_digests(OrrKetamaDialect dialect, uint32_t weight,
                                    uint64_t total_weight, uint32_t count);

/* The points of digests `first` to `first + count - 1`, four each, in `points`. `text` is what
 * the dialect calls the server, without "-k"; at most 1100 bytes. */
ORR_API void orr_ketama_points(OrrBytes text, uint32_t first, uint32_t count, uint32_t *points);

/* The position of a key. */
ORR_API uint32_t orr_ketama_hash(OrrBytes key);
/* The positions of many, several times as fast. */
ORR_API void orr_ketama_hash_batch(const OrrBytes *keys, size_t count, uint32_t *hashes);

ORR_END_DECLS

#endif
