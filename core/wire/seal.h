/* seal.h - the tag of a frame, for the codec. Private to the core. */
#ifndef ORR_WIRE_SEAL_H
#define ORR_WIRE_SEAL_H

#include <orrery/bus.h>

/* Writes ORR_BUS_TAG_SIZE bytes to `tag`: that of header and body. */
void orr_bus_key_tag(const OrrBusKey *key, OrrBytes frame, uint8_t *tag);

#endif
