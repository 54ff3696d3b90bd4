#include "data/keyspace_private.h"

/* LRU: a mark is the clock of the last use. LFU: 24 bits of seconds and a counter of 8 bits
 * that counts ever more rarely the higher it is (Morris, "Counting large numbers of events in
 * small registers", CACM 1978) and loses one for each minute in which the key was not used. Its
 * constants are Redis's, so that OBJECT FREQ tells what operators know. */
#define FREQUENCY_FIRST 5u
#define FREQUENCY_FACTOR 10u
#define DECAY_S 60u
#define SECONDS_MASK 0xffffffu

void
orr_keyspace_set_access(OrrKeyspace *keyspace, OrrAccess access, uint32_t clock)
{
    keyspace->access = access;
    keyspace->access_clock = clock;
}

OrrAccess
orr_keyspace_access(const OrrKeyspace *keyspace)
{
    return keyspace->access;
}

static uint32_t
clock_s(const OrrKeyspace *keyspace)
{
    return (uint32_t)((uint64_t)keyspace->access_clock * ORR_ACCESS_TICK_MS / 1000) &
           SECONDS_MASK;
}

/* Good enough for a coin, and the same in every run. */
static uint32_t
coin(OrrKeyspace *keyspace)
{
    uint32_t word = keyspace->access_coin + 0x9e3779b9u;

    keyspace->access_coin = word;
    word = (word ^ word >> 16) * 0x21f0aaadu;
    word = (word ^ word >> 15) * 0x735a2d97u;
    return word ^ word >> 15;
}

static unsigned
decayed(const OrrKeyspace *keyspace, uint32_t mark)
{
    unsigned count = mark & 0xff;
    uint32_t periods = ((clock_s(keyspace) - (mark >> 8)) & SECONDS_MASK) / DECAY_S;

    return periods >= count ? 0 : count - periods;
}

static uint32_t
count_use(OrrKeyspace *keyspace, uint32_t mark)
{
    unsigned count = decayed(keyspace, mark);
    unsigned above = count > FREQUENCY_FIRST ? count - FREQUENCY_FIRST : 0;

    if (count < 255 && coin(keyspace) <= UINT32_MAX / (above * FREQUENCY_FACTOR + 1)) {
        count++;
    }
    return clock_s(keyspace) << 8 | count;
}

uint32_t
orr_access_first(const OrrKeyspace *keyspace)
{
    return keyspace->access == ORR_ACCESS_FREQUENCY ? clock_s(keyspace) << 8 | FREQUENCY_FIRST
                                                    : keyspace->access_clock;
}

uint32_t
orr_access_again(OrrKeyspace *keyspace, uint32_t mark)
{
    switch (keyspace->access) {
    case ORR_ACCESS_NONE:
        break;
    case ORR_ACCESS_TIME:
        return keyspace->access_clock;
    case ORR_ACCESS_FREQUENCY:
        return count_use(keyspace, mark);
    }
    return mark;
}

int64_t
orr_keyspace_idle_ms(const OrrKeyspace *keyspace, const OrrValue *value)
{
    return keyspace->access == ORR_ACCESS_TIME
               ? (int64_t)(keyspace->access_clock - value->used) * ORR_ACCESS_TICK_MS
               : 0;
}

unsigned
orr_keyspace_frequency(const OrrKeyspace *keyspace, const OrrValue *value)
{
    return keyspace->access == ORR_ACCESS_FREQUENCY ? decayed(keyspace, value->used) : 0;
}
