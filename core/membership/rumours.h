/* rumours.h - facts that are still to be told, those told least often first. Private.
 *
 *     level 39  [ new ] [ new ]             told next
 *     level 38  [ told once ]
 *     ...
 *     level  1  [ told most ]               the first to make room
 *
 * A rumour begins at the level that says how often it is to be told, and goes down with each
 * telling; within a level whoever came first is told first. A newer fact about a subject
 * replaces the older one.
 *
 * Cost: put and pick O(1), whatever their number. Memory: fixed, ORR_RUMOURS_MAX of them.
 */
#ifndef ORR_MEMBERSHIP_RUMOURS_H
#define ORR_MEMBERSHIP_RUMOURS_H

#include <orrery/gossip.h>

#define ORR_RUMOUR_LEVELS 64u
#define ORR_RUMOUR_BUCKETS 256u

typedef struct OrrRumour {
    uint8_t bytes[ORR_FACT_SIZE_MAX]; /* the fact as it goes on the wire */
    uint8_t size;
    uint8_t level;
    uint16_t next; /* of the level, or of the free ones */
    uint16_t before;
    uint16_t next_hash;
} OrrRumour;

typedef struct OrrRumours {
    uint64_t levels; /* bit set: the level has rumours */
    uint32_t count;
    uint16_t free;
    uint16_t first[ORR_RUMOUR_LEVELS];
    uint16_t last[ORR_RUMOUR_LEVELS];
    uint16_t buckets[ORR_RUMOUR_BUCKETS]; /* by the hash of the subject */
    OrrRumour list[ORR_RUMOURS_MAX];
} OrrRumours;

void orr_rumours_init(OrrRumours *rumours);
/* To be told so many times, 1 to ORR_RUMOUR_LEVELS - 1. */
void orr_rumours_put(OrrRumours *rumours, const OrrFact *fact, uint32_t times);
/* Writes up to `count` rumours, each once, while they fit into `room`; the bytes written. */
size_t orr_rumours_tell(OrrRumours *rumours, uint32_t count, uint8_t *buffer, size_t room);

#endif
