/* types.h - the words that every module shares: status, time, identities, addresses, bytes.
 *
 * The core is a pure function with memory. It owns no clock, socket, file, thread or dice: time
 * comes with each event (OrrNow), chance from a seeded OrrRng, and everything it wants done
 * comes back as effects. Running out of memory aborts the process, as GLib does.
 */
#ifndef ORRERY_TYPES_H
#define ORRERY_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
#define ORR_BEGIN_DECLS extern "C" {
#define ORR_END_DECLS }
#else
#define ORR_BEGIN_DECLS
#define ORR_END_DECLS
#endif

#if defined(__GNUC__)
#define ORR_API __attribute__((visibility("default")))
#define ORR_MUST_USE __attribute__((warn_unused_result))
#else
#define ORR_API
#define ORR_MUST_USE
#endif

ORR_BEGIN_DECLS

/* What became of a call that a program may have to branch on. Each function lists its own. */
typedef enum OrrStatus {
    ORR_OK = 0,
    ORR_EXISTS,    /* it is there already; nothing changed */
    ORR_NOT_FOUND, /* no such thing; nothing changed */
    ORR_FULL,      /* a named maximum is reached; nothing changed */
    ORR_AGAIN,     /* more bytes or a later call are needed; nothing changed */
    ORR_MALFORMED, /* bytes from outside that break their format; nothing changed */
    ORR_INVALID,   /* an argument out of its stated range; nothing changed */
    ORR_REFUSED,   /* understood, and not allowed in this state; nothing changed */
    ORR_STALE,     /* an older claim than the one that stands; nothing changed */
    ORR_IO,        /* a host reports that a write failed; the machine knows what to keep back */
} OrrStatus;

/* The name of a status in lower case, for messages. Never NULL. */
ORR_API const char *orr_status_name(OrrStatus status);

/* Monotonic time in nanoseconds, from an arbitrary start. */
typedef int64_t OrrTime;

#define ORR_NEVER INT64_MAX
#define ORR_NS_PER_US INT64_C(1000)
#define ORR_NS_PER_MS INT64_C(1000000)
#define ORR_NS_PER_S INT64_C(1000000000)

/* The two clocks of a host. Timers use only the monotonic one; the wall clock dates data. */
typedef struct OrrNow {
    OrrTime mono_ns; /* never goes back, within one boot of a node */
    int64_t wall_ms; /* since 1970-01-01 UTC; may step in either direction */
} OrrNow;

/* Bytes that somebody else owns, lent for the duration of the call that hands them over. */
typedef struct OrrBytes {
    const uint8_t *data;
    size_t size; /* bytes */
} OrrBytes;

#define ORR_BYTES_EMPTY ((OrrBytes){NULL, 0})

static inline OrrBytes
orr_bytes(const void *data, size_t size)
{
    OrrBytes bytes = {(const uint8_t *)data, size};
    return bytes;
}

static inline OrrBytes
orr_bytes_of_string(const char *text)
{
    return orr_bytes(text, strlen(text));
}

static inline bool
orr_bytes_equal(OrrBytes a, OrrBytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

#define ORR_ID_SIZE 20u                   /* bytes */
#define ORR_ID_HEX_SIZE (ORR_ID_SIZE * 2) /* characters, without the final NUL */

/* The name of a node, a shard or a cluster: 160 bits, written as 40 hex digits, as in Redis
 * Cluster. All zeros means "none". Order is by bytes, which is the order of the hex text. */
typedef struct OrrId {
    uint8_t bytes[ORR_ID_SIZE];
} OrrId;

#define ORR_ID_NONE ((OrrId){{0}})

static inline int
orr_id_compare(const OrrId *a, const OrrId *b)
{
    return memcmp(a->bytes, b->bytes, ORR_ID_SIZE);
}

static inline bool
orr_id_equal(const OrrId *a, const OrrId *b)
{
    uint64_t x[2];
    uint64_t y[2];
    uint32_t x_rest;
    uint32_t y_rest;

    memcpy(x, a->bytes, sizeof x);
    memcpy(y, b->bytes, sizeof y);
    memcpy(&x_rest, a->bytes + sizeof x, sizeof x_rest);
    memcpy(&y_rest, b->bytes + sizeof y, sizeof y_rest);
    return ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x_rest ^ y_rest)) == 0;
}

/* True for the id that means "none". */
ORR_API bool orr_id_is_none(const OrrId *id);

/* Writes the 40 hex digits and a NUL into `text`, which has room for ORR_ID_HEX_SIZE + 1. */
ORR_API void orr_id_format(const OrrId *id, char *text);

/* Reads 40 hex digits of either case. ORR_OK, or ORR_MALFORMED and `id` unchanged. */
ORR_API ORR_MUST_USE OrrStatus orr_id_parse(OrrBytes text, OrrId *id);

/* An id that depends on nothing but these bytes: a name that a person chose becomes an id. */
ORR_API OrrId orr_id_of_name(OrrBytes name);

/* Where a node is reached. `ip` is IPv6, or IPv4 mapped into it (::ffff:a.b.c.d). */
typedef struct OrrAddress {
    uint8_t ip[16];
    uint16_t port;     /* clients */
    uint16_t bus_port; /* peers */
} OrrAddress;

#define ORR_ADDRESS_TEXT_SIZE 64u /* enough for any address as text, NUL included */

/* IPv4 address a.b.c.d, mapped. */
ORR_API OrrAddress orr_address_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port,
                                  uint16_t bus_port);
/* Reads "127.0.0.1" into the ip of `address`; ports become 0. ORR_OK, or ORR_MALFORMED and
 * nothing changed; names are for hosts to resolve. */
ORR_API ORR_MUST_USE OrrStatus orr_address_parse_ip(OrrBytes text, OrrAddress *address);
/* "ip" without ports, IPv4 dotted where it is mapped; `text` has ORR_ADDRESS_TEXT_SIZE bytes.
 */
ORR_API void orr_address_format_ip(const OrrAddress *address, char *text);
/* Total order: ip, then bus port. Two addresses are the same peer when this is 0. */
ORR_API int orr_address_compare(const OrrAddress *a, const OrrAddress *b);
ORR_API bool orr_address_is_none(const OrrAddress *address);

ORR_END_DECLS

#endif
