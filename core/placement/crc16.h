/* crc16.h - the three ways of computing CRC-16/XMODEM; see orrery/slots.h for the public ones.
 */
#ifndef ORR_PLACEMENT_CRC16_H
#define ORR_PLACEMENT_CRC16_H

#include <orrery/types.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define CRC16_HAS_CARRYLESS 1
#else
#define CRC16_HAS_CARRYLESS 0
#endif

uint16_t crc16_bytewise(const uint8_t *at, size_t size);
uint16_t crc16_slices(const uint8_t *at, size_t size);
#if CRC16_HAS_CARRYLESS
/* Only where crc16_can_carryless(). */
uint16_t crc16_carryless(const uint8_t *at, size_t size);
#endif

static inline bool
crc16_can_carryless(void)
{
#if CRC16_HAS_CARRYLESS
    return __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
#else
    return false;
#endif
}

#endif
