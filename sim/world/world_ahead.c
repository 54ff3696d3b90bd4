/* world_ahead.c - a look at what comes soon.
 *
 * A thousand nodes have a gigabyte of state, and each event is about another node: a step waits
 * for memory most of its time. But the queue knows who is next, so what he needs is fetched
 * while others are stepped, one pointer further with each stage:
 *
 *     buckets ahead   24: the event   20: link and frame   16: host   12: node   ... member
 *
 * Hints only: nothing that happens depends on them. Small clusters fit the cache anyway.
 */
#include "world.h"

#define LARGE 64u /* hosts from which on this pays */
#define STRIDE 4u /* buckets between two stages; a bucket has less than one event */
#define STAGES (3u + ORR_EXPECT_STAGES)

static void
expect_host(const SimHost *host)
{
    const char *from = (const char *)&host->address;
    const char *end = (const char *)(host + 1);

    for (; from < end; from += 64) {
        __builtin_prefetch(from);
    }
}

static void
expect(const SimWorld *world, const SimEvent *event, unsigned stage)
{
    OrrBytes frame = ORR_BYTES_EMPTY;
    SimEndpoint to = SIM_NONE;

    if (event->kind != SIM_EVENT_NETWORK || stage == 0) {
        return;
    }
    if (stage == 1) {
        sim_network_expect(world->network, event);
        return;
    }
    if (!sim_network_peek(world->network, event, &to, &frame) || to >= world->host_count) {
        return;
    }
    if (stage == 2) {
        expect_host(&world->hosts[to]);
    } else if (world->hosts[to].node != NULL) {
        orr_node_expect(world->hosts[to].node, frame, stage - 3);
    }
}

void
sim_world_look_ahead(SimWorld *world)
{
    if (world->host_count < LARGE) {
        return;
    }
    for (unsigned stage = 0; stage < STAGES; stage++) {
        uint32_t distance = (STAGES - stage) * STRIDE;
        const SimEvent *event;

        while ((event = sim_queue_ahead(world->queue, &world->ahead[stage], distance)) !=
               NULL) {
            if (stage == 0) {
                __builtin_prefetch(event);
            } else {
                expect(world, event, stage);
            }
        }
    }
}
