/* sha256.h - SHA-256, and HMAC by it. Private to the core.
 *
 * Source: FIPS 180-4, sections 4 to 6; RFC 2104 for HMAC, RFC 4231 for its vectors.
 * Nothing is allocated; values may be copied. Cost: about 4 ns a byte.
 */
#ifndef ORR_BASE_SHA256_H
#define ORR_BASE_SHA256_H

#include <orrery/types.h>

#define ORR_SHA256_SIZE 32u
#define ORR_SHA256_BLOCK 64u

typedef struct OrrSha256 {
    uint32_t state[8];
    uint64_t size; /* bytes so far */
    uint8_t block[ORR_SHA256_BLOCK];
} OrrSha256;

void orr_sha256_init(OrrSha256 *self);
void orr_sha256_add(OrrSha256 *self, OrrBytes bytes);
/* Ends it; `self` is of no use afterwards. */
void orr_sha256_end(OrrSha256 *self, uint8_t digest[ORR_SHA256_SIZE]);

/* A key, with its first block already taken: a tag costs two blocks less. */
typedef struct OrrHmac {
    OrrSha256 inner;
    OrrSha256 outer;
} OrrHmac;

void orr_hmac_init(OrrHmac *self, OrrBytes key);
void orr_hmac_tag(const OrrHmac *self, OrrBytes bytes, uint8_t tag[ORR_SHA256_SIZE]);

/* Whether two byte strings of one size are equal, in a time that does not say where they
 * differ. */
bool orr_equal_secret(const uint8_t *a, const uint8_t *b, size_t size);

#endif
