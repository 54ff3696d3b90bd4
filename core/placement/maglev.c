#include <orrery/maglev.h>

#include "placement/siphash.h"

#include <glib.h>

#define EMPTY UINT32_MAX

typedef struct Order {
    uint32_t next; /* the entry it asks for next */
    uint32_t skip;
    uint64_t taken;
} Order;

uint64_t
orr_maglev_hash(uint64_t seed, OrrBytes name)
{
    return orr_siphash_2_4(seed, 0, name);
}

static bool
is_prime(uint32_t n)
{
    for (uint32_t divisor = 2; (uint64_t)divisor * divisor <= n; divisor++) {
        if (n % divisor == 0) {
            return false;
        }
    }
    return n >= 2;
}

static uint32_t
step(uint32_t entry, uint32_t skip, uint32_t size)
{
    return entry >= size - skip ? entry - (size - skip) : entry + skip;
}

static void
take(Order *order, uint32_t index, uint32_t *table, uint32_t size)
{
    while (table[order->next] != EMPTY) {
        order->next = step(order->next, order->skip, size);
    }
    table[order->next] = index;
    order->next = step(order->next, order->skip, size);
    order->taken++;
}

/* In round r a node of weight w may have taken r * w / heaviest turns: all of one weight take
 * one a round, as in the paper. */
static void
fill(Order *orders, const uint32_t *weights, size_t count, uint32_t heaviest, uint32_t *table,
     uint32_t size)
{
    uint32_t filled = 0;

    for (uint64_t round = 1; filled < size; round++) {
        for (size_t i = 0; i < count && filled < size; i++) {
            uint64_t weight = weights != NULL ? weights[i] : 1;

            if ((orders[i].taken + 1) * heaviest <= round * weight) {
                take(&orders[i], (uint32_t)i, table, size);
                filled++;
            }
        }
    }
}

OrrStatus
orr_maglev_fill(const uint64_t *name_hashes, const uint32_t *weights, size_t count,
                uint32_t *table, uint32_t size)
{
    uint32_t heaviest = weights == NULL && count != 0;

    for (size_t i = 0; i < count && weights != NULL; i++) {
        heaviest = MAX(heaviest, weights[i]);
    }
    if (heaviest == 0 || count > size || size > ORR_MAGLEV_SIZE_MAX || !is_prime(size)) {
        return ORR_INVALID;
    }
    Order *orders = g_new(Order, count);
    for (size_t i = 0; i < count; i++) {
        orders[i].next = (uint32_t)((name_hashes[i] >> 32) % size);
        orders[i].skip = (uint32_t)((name_hashes[i] & 0xffffffffu) % (size - 1) + 1);
        orders[i].taken = 0;
    }
    for (uint32_t entry = 0; entry < size; entry++) {
        table[entry] = EMPTY;
    }
    fill(orders, weights, count, heaviest, table, size);
    g_free(orders);
    return ORR_OK;
}
