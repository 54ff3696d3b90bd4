/* expiry.c - keys whose time has come: deleted by their primary, also if nobody reads them.
 *
 * A sweep goes through all slots in a second, in parts of bounded work; while it finds many, it
 * goes on without that pause, and so gives back half of the processor at least. */
#include "node/internal.h"

#define PART 1000u /* buckets looked at, and keys deleted, in one step */
#define ROUND ORR_NS_PER_S
#define PAUSE_MIN ORR_NS_PER_MS
#define KEYS_PER_BUCKET 4u /* at least, about */

static void
expire(const OrrRecord *record, void *context)
{
    OrrNode *node = context;
    OrrRecord gone = *record;

    orr_node_write(node, &gone, node->out);
    node->statistics.expired_keys++;
}

/* So that all parts together take a round. */
static OrrTime
pause_between(const OrrNode *node)
{
    OrrTime buckets =
        (OrrTime)(orr_keyspace_count(node->keyspace) / KEYS_PER_BUCKET) + (OrrTime)PART;

    return MAX(ROUND * (OrrTime)PART / buckets, PAUSE_MIN);
}

static bool
has_some(const OrrNode *node)
{
    return node->fence == ORR_FENCE_NONE && orr_keyspace_count_expiring(node->keyspace) > 0;
}

void
orr_node_expiry_time(OrrNode *node)
{
    OrrTime now_ns = node->now.mono_ns;
    uint64_t rounds;
    size_t found;

    if (now_ns < node->expiry_at || !has_some(node)) {
        return;
    }
    rounds = orr_keyspace_expire_rounds(node->keyspace);
    found =
        orr_keyspace_expire_step(node->keyspace, node->context.cluster_ms, PART, expire, node);
    if (found >= PART) {
        node->expiry_at = now_ns + PAUSE_MIN;
    } else if (orr_keyspace_expire_rounds(node->keyspace) == rounds) {
        node->expiry_at = now_ns + pause_between(node);
    } else {
        node->expiry_began_at = MAX(node->expiry_began_at + ROUND, now_ns + PAUSE_MIN);
        node->expiry_at = node->expiry_began_at;
    }
}

OrrTime
orr_node_expiry_deadline(const OrrNode *node)
{
    return has_some(node) ? node->expiry_at : ORR_NEVER;
}
