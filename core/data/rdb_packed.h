/* rdb_packed.h - small hashes in one piece (zipmap, ziplist, listpack), and LZF. Private. */
#ifndef ORR_DATA_RDB_PACKED_H
#define ORR_DATA_RDB_PACKED_H

#include "data/rdb.h"

#define ORR_RDB_STRING_MAX (64u << 20) /* bytes of a compressed string, unpacked */

/* Unpacks exactly `size` bytes into `out`; false: it is not LZF, or not so long. */
bool orr_lzf_unpack(OrrBytes packed, uint8_t *out, size_t size);
/* Tells the fields of a packed hash; false: it is malformed. */
bool orr_rdb_read_packed(OrrBytes packed, OrrRdbType type, const OrrRdbSink *sink);

#endif
