/* evict.c - keys that are given up for room: `maxmemory` and its policies.
 *
 * The primary decides, and deletes by records, as expiry does; replicas and the log follow. */
#include "node/internal.h"

#define AT_ONCE 256u     /* keys that one command gives up at most, where little is missing */
#define AT_MOST 16384u   /* the same where much is: a large value takes the room of many */
#define MUCH_DIVISOR 16u /* of maxmemory */
#define PAUSE ORR_NS_PER_MS

static OrrAccess
access_for(OrrEviction policy)
{
    return policy == ORR_EVICTION_ALLKEYS_LFU || policy == ORR_EVICTION_VOLATILE_LFU
               ? ORR_ACCESS_FREQUENCY
               : ORR_ACCESS_TIME;
}

void
orr_node_mark_use(OrrNode *node)
{
    uint64_t tick = (uint64_t)node->now.mono_ns / (ORR_ACCESS_TICK_MS * ORR_NS_PER_MS);

    orr_keyspace_set_access(node->keyspace, access_for(node->config.settings.maxmemory_policy),
                            (uint32_t)tick);
}

/* Bytes in use beyond maxmemory. */
static size_t
excess(const OrrNode *node)
{
    size_t maxmemory = node->config.settings.maxmemory;
    size_t used = maxmemory > 0 ? orr_keyspace_used(node->keyspace) : 0;

    return used > maxmemory ? used - maxmemory : 0;
}

static bool
evict_one(OrrNode *node)
{
    const OrrSettings *settings = &node->config.settings;
    OrrRecord record = {.kind = ORR_RECORD_DELETE};
    OrrValue victim;

    if (node->fence != ORR_FENCE_NONE ||
        orr_keyspace_victim(node->keyspace, settings->maxmemory_policy,
                            settings->maxmemory_samples, &node->context.rng,
                            &victim) != ORR_OK) {
        return false;
    }
    record.slot = victim.slot;
    record.key = victim.key;
    orr_node_write(node, &record, node->out);
    node->statistics.evicted_keys++;
    return true;
}

/* At most so many keys; false: no more can be given up. */
static bool
evict(OrrNode *node, size_t count)
{
    while (excess(node) > 0 && count > 0) {
        if (!evict_one(node)) {
            return false;
        }
        count--;
    }
    return true;
}

bool
orr_node_make_room(OrrNode *node)
{
    size_t much = node->config.settings.maxmemory / MUCH_DIVISOR;

    if (excess(node) == 0) {
        return true;
    }
    if (!evict(node, excess(node) > much ? AT_MOST : AT_ONCE)) {
        return false;
    }
    node->evict_at = excess(node) > 0 ? node->now.mono_ns + PAUSE : ORR_NEVER;
    return excess(node) <= much; /* the rest goes in the next steps */
}

/* What commands have left to be given up, and what follows from a smaller maxmemory. */
void
orr_node_evict_time(OrrNode *node)
{
    if (node->evict_at != ORR_NEVER && node->now.mono_ns < node->evict_at) {
        return;
    }
    node->evict_at =
        evict(node, AT_ONCE) && excess(node) > 0 ? node->now.mono_ns + PAUSE : ORR_NEVER;
}

OrrTime
orr_node_evict_deadline(const OrrNode *node)
{
    return node->evict_at;
}
