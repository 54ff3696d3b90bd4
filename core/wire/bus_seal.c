/* bus_seal.c - the tag that says: somebody who has the key made this frame. */
#include "base/sha256.h"
#include "wire/bytes.h"
#include "wire/seal.h"

#include <glib.h>

#define FLAGS_AT 6u

G_STATIC_ASSERT(ORR_BUS_TAG_SIZE == ORR_SHA256_SIZE);

struct OrrBusKey {
    OrrHmac hmac;
};

OrrBusKey *
orr_bus_key_new(OrrBytes secret)
{
    OrrBusKey *key = g_new(OrrBusKey, 1);

    orr_hmac_init(&key->hmac, secret);
    return key;
}

void
orr_bus_key_free(OrrBusKey *key)
{
    g_free(key);
}

void
orr_bus_key_tag(const OrrBusKey *key, OrrBytes frame, uint8_t *tag)
{
    orr_hmac_tag(&key->hmac, frame, tag);
}

const char *
orr_seal_name(OrrSeal seal)
{
    switch (seal) {
    case ORR_SEAL_RIGHT:
        return "right";
    case ORR_SEAL_MISSING:
        return "it has no bus key";
    case ORR_SEAL_WRONG:
        return "another bus key";
    case ORR_SEAL_UNWANTED:
        return "it has a bus key, this node has none";
    }
    return "unknown";
}

OrrSeal
orr_bus_check_seal(OrrBytes frame, const OrrBusKey *key)
{
    uint8_t tag[ORR_BUS_TAG_SIZE];
    bool sealed = frame.size >= ORR_BUS_HEADER_SIZE + ORR_BUS_TAG_SIZE &&
                  (orr_load_u16(frame.data + FLAGS_AT) & ORR_BUS_SEALED) != 0;

    if (!sealed) {
        return key == NULL ? ORR_SEAL_RIGHT : ORR_SEAL_MISSING;
    }
    if (key == NULL) {
        return ORR_SEAL_UNWANTED;
    }
    frame.size -= ORR_BUS_TAG_SIZE;
    orr_hmac_tag(&key->hmac, frame, tag);
    return orr_equal_secret(tag, frame.data + frame.size, sizeof tag) ? ORR_SEAL_RIGHT
                                                                      : ORR_SEAL_WRONG;
}
