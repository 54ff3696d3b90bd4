/* entry.h - a key or a field in one block: version, expiry, name and value; private to data/.
 *
 *     version u64 | flags u8 | key size u8 | value size u16 | used u32
 *     [expire ms i64] [key size u32 | value size u32, where the short ones do not do] key value
 *
 * With 16-byte keys and values that is 48 bytes. In memory only: native byte order.
 */
#ifndef ORR_DATA_ENTRY_H
#define ORR_DATA_ENTRY_H

#include "data/arena.h"

#include <orrery/record.h>

typedef enum OrrEntryType {
    ORR_ENTRY_STRING = 0,
    ORR_ENTRY_SMALL_HASH = 1, /* value: OrrHashHead, then fields one after the other */
    ORR_ENTRY_TABLE_HASH = 2, /* value: OrrHashHead and an OrrTable of fields */
    ORR_ENTRY_DELETED = 3,    /* only the version is left */
} OrrEntryType;

#define ORR_ENTRY_TYPE 0x03u
#define ORR_ENTRY_EXPIRES 0x04u
#define ORR_ENTRY_LONG 0x08u
#define ORR_ENTRY_EMPTY 0x10u /* a hash of which only deletions are left */

typedef struct OrrEntry {
    uint64_t version;
    uint8_t flags;
    uint8_t key_size;
    uint16_t value_size;
    uint32_t used; /* access clock */
} OrrEntry;

static inline OrrEntryType
orr_entry_type(const OrrEntry *entry)
{
    return (OrrEntryType)(entry->flags & ORR_ENTRY_TYPE);
}

static inline bool
orr_flags_are_live(uint8_t flags)
{
    return (flags & ORR_ENTRY_TYPE) != ORR_ENTRY_DELETED && (flags & ORR_ENTRY_EMPTY) == 0;
}

static inline bool
orr_entry_is_live(const OrrEntry *entry)
{
    return orr_flags_are_live(entry->flags);
}

static inline size_t
orr_entry_header_size(uint8_t flags)
{
    return sizeof(OrrEntry) + ((flags & ORR_ENTRY_EXPIRES) != 0 ? 8u : 0u) +
           ((flags & ORR_ENTRY_LONG) != 0 ? 8u : 0u);
}

static inline const uint8_t *
orr_entry_bytes(const OrrEntry *entry)
{
    return (const uint8_t *)entry + orr_entry_header_size(entry->flags);
}

/* Just before the bytes. */
static inline uint32_t
orr_entry_long_size(const OrrEntry *entry, size_t back)
{
    uint32_t size;

    memcpy(&size, orr_entry_bytes(entry) - back, sizeof size);
    return size;
}

static inline OrrBytes
orr_entry_key(const OrrEntry *entry)
{
    size_t size =
        (entry->flags & ORR_ENTRY_LONG) != 0 ? orr_entry_long_size(entry, 8) : entry->key_size;

    return orr_bytes(orr_entry_bytes(entry), size);
}

static inline OrrBytes
orr_entry_value(const OrrEntry *entry)
{
    OrrBytes key = orr_entry_key(entry);
    size_t size = (entry->flags & ORR_ENTRY_LONG) != 0 ? orr_entry_long_size(entry, 4)
                                                       : entry->value_size;

    return orr_bytes(key.data + key.size, size);
}

/* The value again, to be written. */
static inline uint8_t *
orr_entry_value_room(OrrEntry *entry)
{
    size_t at = (size_t)(orr_entry_value(entry).data - (const uint8_t *)entry);

    return (uint8_t *)entry + at;
}

static inline int64_t
orr_entry_expire_ms(const OrrEntry *entry)
{
    int64_t expire_ms = ORR_EXPIRE_NEVER;

    if ((entry->flags & ORR_ENTRY_EXPIRES) != 0) {
        memcpy(&expire_ms, (const uint8_t *)entry + sizeof(OrrEntry), sizeof expire_ms);
    }
    return expire_ms;
}

static inline uint8_t
orr_entry_flags_for(OrrEntryType type, size_t key_size, size_t value_size, int64_t expire_ms)
{
    unsigned flags = (unsigned)type;

    flags |= expire_ms != ORR_EXPIRE_NEVER ? ORR_ENTRY_EXPIRES : 0;
    flags |= key_size > UINT8_MAX || value_size > UINT16_MAX ? ORR_ENTRY_LONG : 0;
    return (uint8_t)flags;
}

static inline size_t
orr_entry_size(const OrrEntry *entry)
{
    OrrBytes value = orr_entry_value(entry);

    return (size_t)(value.data - (const uint8_t *)entry) + value.size;
}

/* Everything but the key and the value; the key's place follows from the flags. */
static inline void
orr_entry_set_header(OrrEntry *entry, uint8_t flags, size_t key_size, size_t value_size,
                     int64_t expire_ms)
{
    uint8_t *after = (uint8_t *)entry + sizeof(OrrEntry);

    entry->flags = flags;
    entry->key_size = (uint8_t)key_size;
    entry->value_size = (uint16_t)value_size;
    if ((flags & ORR_ENTRY_EXPIRES) != 0) {
        memcpy(after, &expire_ms, sizeof expire_ms);
        after += sizeof expire_ms;
    }
    if ((flags & ORR_ENTRY_LONG) != 0) {
        uint32_t sizes[2] = {(uint32_t)key_size, (uint32_t)value_size};

        memcpy(after, sizes, sizeof sizes);
    }
}

#endif
