/* rdb.h - values as Redis writes them into DUMP payloads, both ways. Private.
 *
 *     +------+---------------------+-----------+---------+
 *     | type | value               | version   | crc64   |
 *     | u8   | strings, or one in  | u16 LE    | u64 LE  |
 *     |      | a packed encoding   |           |         |
 *     +------+---------------------+-----------+---------+
 *
 * Read: strings (plain, as integers, compressed by LZF) and hashes (plain, zipmap, ziplist,
 * listpack). Written: plain strings and plain hashes, which every Redis since 2.6 can read.
 *
 * Source: the RDB file format as documented for Redis; the checksum is CRC-64/REDIS (Jones).
 * Memory: reading allocates scratch for compressed strings. Threads: any.
 */
#ifndef ORR_DATA_RDB_H
#define ORR_DATA_RDB_H

#include <orrery/types.h>

#include <glib.h>

#define ORR_RDB_VERSION_WRITTEN 6u
#define ORR_RDB_VERSION_MAX 99u /* types that we do not know are refused by their number */

typedef enum OrrRdbType {
    ORR_RDB_STRING = 0,
    ORR_RDB_HASH = 4,
    ORR_RDB_HASH_ZIPMAP = 9,
    ORR_RDB_HASH_ZIPLIST = 13,
    ORR_RDB_HASH_LISTPACK = 16,
} OrrRdbType;

/* CRC-64 of Jones, reflected, from 0; of "123456789", 0xe9c6d914c4b8d9ca. */
uint64_t orr_crc64(OrrBytes bytes);

/* What a payload holds: called in order; the bytes are lent for the call. */
typedef struct OrrRdbSink {
    void *context;
    void (*string)(void *context, OrrBytes value);
    void (*field)(void *context, OrrBytes name, OrrBytes value);
} OrrRdbSink;

/* ORR_OK, or ORR_MALFORMED: the checksum is wrong, or the version is newer than any we know. */
ORR_MUST_USE OrrStatus orr_rdb_verify(OrrBytes payload);
/* Reads a payload that was verified.
 *
 * ORR_OK
 * ORR_MALFORMED   no such encoding; some of it may have been told to the sink, so call it first
 *                 with a sink that does nothing
 * ORR_REFUSED     a type that is neither string nor hash
 */
ORR_MUST_USE OrrStatus orr_rdb_read(OrrBytes payload, const OrrRdbSink *sink);

/* Writing: a head, strings, and the end. */
void orr_rdb_begin(GByteArray *out, OrrRdbType type);
void orr_rdb_put_length(GByteArray *out, uint64_t length);
void orr_rdb_put_string(GByteArray *out, OrrBytes text);
void orr_rdb_end(GByteArray *out, size_t begin);

#endif
