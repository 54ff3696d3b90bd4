#include "base/sha256.h"

#define ROTATE(x, n) ((x) >> (n) | (x) << (32 - (n)))

/* FIPS 180-4, 4.2.2: the fractions of the cube roots of the first 64 primes */
static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
    0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
    0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
    0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
    0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
    0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
    0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
    0xc67178f2};

static uint32_t
load_big_endian(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void
store_big_endian(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

/* 6.2.2: the schedule of words, then 64 rounds */
static void
take_block(OrrSha256 *self, const uint8_t *block)
{
    uint32_t w[64];
    uint32_t s[8];

    for (unsigned i = 0; i < 16; i++) {
        w[i] = load_big_endian(block + (size_t)i * 4);
    }
    for (unsigned i = 16; i < 64; i++) {
        uint32_t a = w[i - 15];
        uint32_t b = w[i - 2];

        w[i] = w[i - 16] + (ROTATE(a, 7) ^ ROTATE(a, 18) ^ a >> 3) + w[i - 7] +
               (ROTATE(b, 17) ^ ROTATE(b, 19) ^ b >> 10);
    }
    memcpy(s, self->state, sizeof s);
    for (unsigned i = 0; i < 64; i++) {
        uint32_t one = s[7] + (ROTATE(s[4], 6) ^ ROTATE(s[4], 11) ^ ROTATE(s[4], 25)) +
                       ((s[4] & s[5]) ^ (~s[4] & s[6])) + K[i] + w[i];
        uint32_t two = (ROTATE(s[0], 2) ^ ROTATE(s[0], 13) ^ ROTATE(s[0], 22)) +
                       ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));

        memmove(s + 1, s, 7 * sizeof s[0]);
        s[4] += one;
        s[0] = one + two;
    }
    for (unsigned i = 0; i < 8; i++) {
        self->state[i] += s[i];
    }
}

void
orr_sha256_init(OrrSha256 *self)
{
    /* 5.3.3: the fractions of the square roots of the first 8 primes */
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

    memcpy(self->state, start, sizeof start);
    self->size = 0;
}

void
orr_sha256_add(OrrSha256 *self, OrrBytes bytes)
{
    size_t held = (size_t)(self->size % ORR_SHA256_BLOCK);

    self->size += bytes.size;
    if (held > 0) {
        size_t room = ORR_SHA256_BLOCK - held;
        size_t part = bytes.size < room ? bytes.size : room;

        memcpy(self->block + held, bytes.data, part);
        if (part < room) {
            return;
        }
        take_block(self, self->block);
        bytes = orr_bytes(bytes.data + part, bytes.size - part);
    }
    while (bytes.size >= ORR_SHA256_BLOCK) {
        take_block(self, bytes.data);
        bytes = orr_bytes(bytes.data + ORR_SHA256_BLOCK, bytes.size - ORR_SHA256_BLOCK);
    }
    if (bytes.size > 0) {
        memcpy(self->block, bytes.data, bytes.size);
    }
}

/* 5.1.1: a one, zeros, and the size in bits end the last block */
void
orr_sha256_end(OrrSha256 *self, uint8_t digest[ORR_SHA256_SIZE])
{
    uint64_t bits = self->size * 8;
    size_t held = (size_t)(self->size % ORR_SHA256_BLOCK);

    self->block[held++] = 0x80;
    if (held > ORR_SHA256_BLOCK - 8) {
        memset(self->block + held, 0, ORR_SHA256_BLOCK - held);
        take_block(self, self->block);
        held = 0;
    }
    memset(self->block + held, 0, ORR_SHA256_BLOCK - 8 - held);
    store_big_endian(self->block + ORR_SHA256_BLOCK - 8, (uint32_t)(bits >> 32));
    store_big_endian(self->block + ORR_SHA256_BLOCK - 4, (uint32_t)bits);
    take_block(self, self->block);
    for (unsigned i = 0; i < 8; i++) {
        store_big_endian(digest + (size_t)i * 4, self->state[i]);
    }
}

static void
begin_with(OrrSha256 *hash, const uint8_t *key, uint8_t pad)
{
    uint8_t block[ORR_SHA256_BLOCK];

    for (size_t i = 0; i < sizeof block; i++) {
        block[i] = key[i] ^ pad;
    }
    orr_sha256_init(hash);
    orr_sha256_add(hash, orr_bytes(block, sizeof block));
}

void
orr_hmac_init(OrrHmac *self, OrrBytes key)
{
    uint8_t block[ORR_SHA256_BLOCK] = {0};

    if (key.size > sizeof block) {
        orr_sha256_init(&self->inner);
        orr_sha256_add(&self->inner, key);
        orr_sha256_end(&self->inner, block);
    } else if (key.size > 0) {
        memcpy(block, key.data, key.size);
    }
    begin_with(&self->inner, block, 0x36);
    begin_with(&self->outer, block, 0x5c);
}

void
orr_hmac_tag(const OrrHmac *self, OrrBytes bytes, uint8_t tag[ORR_SHA256_SIZE])
{
    OrrSha256 inner = self->inner;
    OrrSha256 outer = self->outer;

    orr_sha256_add(&inner, bytes);
    orr_sha256_end(&inner, tag);
    orr_sha256_add(&outer, orr_bytes(tag, ORR_SHA256_SIZE));
    orr_sha256_end(&outer, tag);
}

bool
orr_equal_secret(const uint8_t *a, const uint8_t *b, size_t size)
{
    uint8_t difference = 0;

    for (size_t i = 0; i < size; i++) {
        difference = (uint8_t)(difference | (a[i] ^ b[i]));
    }
    return difference == 0;
}
