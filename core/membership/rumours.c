#include "membership/rumours.h"

#include <glib.h>

#define NONE UINT16_MAX

void
orr_rumours_init(OrrRumours *rumours)
{
    memset(rumours->buckets, 0xff, sizeof rumours->buckets);
    rumours->levels = 0;
    rumours->count = 0;
    rumours->free = 0;
    for (uint16_t i = 0; i < ORR_RUMOURS_MAX; i++) {
        rumours->list[i].next = i + 1 < (uint16_t)ORR_RUMOURS_MAX ? (uint16_t)(i + 1) : NONE;
    }
}

/* What a fact is about: an id, after the kind; of slots the range, at the end. */
static OrrBytes
subject_of(const uint8_t *bytes, size_t size)
{
    return bytes[0] == ORR_FACT_SLOTS ? orr_bytes(bytes + size - 4, 4)
                                      : orr_bytes(bytes + 1, ORR_ID_SIZE);
}

static uint16_t *
bucket_of(OrrRumours *rumours, const uint8_t *bytes, size_t size)
{
    OrrBytes subject = subject_of(bytes, size);
    uint32_t hash = bytes[0];

    for (size_t i = 0; i < subject.size; i++) {
        hash = (hash ^ subject.data[i]) * 16777619u;
    }
    return &rumours->buckets[(hash ^ hash >> 16) % ORR_RUMOUR_BUCKETS];
}

static bool
is_about(const OrrRumour *rumour, const uint8_t *bytes, size_t size)
{
    OrrBytes mine = subject_of(rumour->bytes, rumour->size);
    OrrBytes theirs = subject_of(bytes, size);

    return rumour->bytes[0] == bytes[0] && memcmp(mine.data, theirs.data, mine.size) == 0;
}

/* Levels */

static void
join_level(OrrRumours *rumours, uint16_t index, uint32_t level)
{
    OrrRumour *rumour = &rumours->list[index];
    bool empty = (rumours->levels >> level & 1) == 0;

    rumour->level = (uint8_t)level;
    rumour->next = NONE;
    rumour->before = empty ? NONE : rumours->last[level];
    if (empty) {
        rumours->first[level] = index;
        rumours->levels |= UINT64_C(1) << level;
    } else {
        rumours->list[rumours->last[level]].next = index;
    }
    rumours->last[level] = index;
}

static void
leave_level(OrrRumours *rumours, uint16_t index)
{
    const OrrRumour *rumour = &rumours->list[index];
    uint32_t level = rumour->level;

    if (rumour->before != NONE) {
        rumours->list[rumour->before].next = rumour->next;
    } else {
        rumours->first[level] = rumour->next;
    }
    if (rumour->next != NONE) {
        rumours->list[rumour->next].before = rumour->before;
    } else {
        rumours->last[level] = rumour->before;
    }
    if (rumours->first[level] == NONE) {
        rumours->levels &= ~(UINT64_C(1) << level);
    }
}

/* In and out */

/* Takes it out of its level and of the index. */
static void
drop(OrrRumours *rumours, uint16_t index)
{
    OrrRumour *rumour = &rumours->list[index];
    uint16_t *at = bucket_of(rumours, rumour->bytes, rumour->size);

    while (*at != index) {
        at = &rumours->list[*at].next_hash;
    }
    *at = rumour->next_hash;
    leave_level(rumours, index);
    rumour->next = rumours->free;
    rumours->free = index;
    rumours->count--;
}

void
orr_rumours_put(OrrRumours *rumours, const OrrFact *fact, uint32_t times)
{
    uint8_t bytes[ORR_FACT_SIZE_MAX];
    size_t size = orr_fact_encode(fact, bytes, sizeof bytes);
    uint16_t *bucket = bucket_of(rumours, bytes, size);
    uint16_t index = *bucket;

    while (index != NONE && !is_about(&rumours->list[index], bytes, size)) {
        index = rumours->list[index].next_hash;
    }
    if (index != NONE) {
        leave_level(rumours, index);
    } else {
        if (rumours->free == NONE) {
            drop(rumours, rumours->first[g_bit_nth_lsf((gulong)rumours->levels, -1)]);
        }
        index = rumours->free;
        rumours->free = rumours->list[index].next;
        rumours->list[index].next_hash = *bucket;
        *bucket = index;
        rumours->count++;
    }
    memcpy(rumours->list[index].bytes, bytes, size);
    rumours->list[index].size = (uint8_t)size;
    join_level(rumours, index, CLAMP(times, 1, ORR_RUMOUR_LEVELS - 1));
}

size_t
orr_rumours_tell(OrrRumours *rumours, uint32_t count, uint8_t *buffer, size_t room)
{
    uint16_t told[ORR_PULSE_FACTS_MAX];
    uint32_t told_count = 0;
    uint64_t levels = rumours->levels;
    size_t used = 0;
    bool full = false;

    count = MIN(count, ORR_PULSE_FACTS_MAX);
    while (levels != 0 && told_count < count && !full) {
        int level = g_bit_nth_msf((gulong)levels, -1);

        levels &= ~(UINT64_C(1) << level);
        for (uint16_t i = rumours->first[level]; i != NONE && told_count < count && !full;
             i = rumours->list[i].next) {
            full = rumours->list[i].size > room - used;
            if (!full) {
                memcpy(buffer + used, rumours->list[i].bytes, rumours->list[i].size);
                used += rumours->list[i].size;
                told[told_count++] = i;
            }
        }
    }
    for (uint32_t i = 0; i < told_count; i++) {
        uint32_t level = rumours->list[told[i]].level;

        if (level == 1) {
            drop(rumours, told[i]);
        } else {
            leave_level(rumours, told[i]);
            join_level(rumours, told[i], level - 1);
        }
    }
    return used;
}
