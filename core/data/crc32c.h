/* crc32c.h - the checksum of what is written to disk; private to the core.
 *
 * CRC-32C (Castagnoli), as iSCSI (RFC 3720, appendix B.4) and SSE 4.2 compute it. The processor
 * is asked at run time; the answer is the same everywhere.
 */
#ifndef ORR_DATA_CRC32C_H
#define ORR_DATA_CRC32C_H

#include <orrery/types.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define CRC32C_HAS_SSE42 1
#else
#define CRC32C_HAS_SSE42 0
#endif

/* Of `bytes`, continuing from the checksum `crc` of what came before; 0 begins. */
uint32_t orr_crc32c(uint32_t crc, OrrBytes bytes);

uint32_t orr_crc32c_bytewise(uint32_t crc, const uint8_t *at, size_t size);
#if CRC32C_HAS_SSE42
/* Only where the processor has SSE 4.2. */
uint32_t orr_crc32c_sse42(uint32_t crc, const uint8_t *at, size_t size);
#endif

#endif
