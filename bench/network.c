/* network.c - what a simulated message costs: send, wire, queue, delivery, without any node.
 *
 *     bench_network [MESSAGES]
 *
 * Each endpoint answers what it receives with 200 bytes to a random other one, over links with
 * lognormal latency, a little loss and a bandwidth. One CSV line for each number of nodes and
 * lane; allocations are those after a tenth of the messages, and 0 once all links were used.
 */
#include <inttypes.h>
#include <network.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define FRAME_SIZE 200u
#define TALKS_PER_NODE 4u

typedef struct World {
    SimQueue *queue;
    SimNetwork *network;
    OrrRng rng;
    uint32_t nodes;
    uint64_t delivered;
} World;

static void
on_received(void *user, OrrTime now_ns, SimEndpoint to, SimEndpoint from, OrrLane lane,
            OrrBytes frame)
{
    World *world = user;
    SimEndpoint other = (SimEndpoint)orr_rng_below(&world->rng, world->nodes - 1);

    (void)from;
    world->delivered++;
    other += other >= to;
    (void)!sim_network_send(world->network, now_ns, to, other, lane, frame);
}

static void
on_link(void *user, OrrTime now_ns, SimEndpoint at, SimEndpoint peer, OrrLinkState state)
{
    (void)user;
    (void)now_ns;
    (void)at;
    (void)peer;
    (void)state;
}

static void
on_connection(void *user, OrrTime now_ns, SimConnection connection, SimEnd end, SimEndpoint at,
              SimConnectionEvent event)
{
    (void)user;
    (void)now_ns;
    (void)connection;
    (void)end;
    (void)at;
    (void)event;
}

static void
on_stream(void *user, OrrTime now_ns, SimConnection connection, SimEnd end, SimEndpoint at,
          OrrBytes bytes)
{
    (void)user;
    (void)now_ns;
    (void)connection;
    (void)end;
    (void)at;
    (void)bytes;
}

static void
build(World *world, uint32_t nodes)
{
    SimNetworkOptions options = sim_network_options_default();
    SimNetworkHandlers handlers = {world, on_received, on_link, on_connection, on_stream, NULL};
    SimRule rule = {.set = SIM_RULE_LATENCY | SIM_RULE_LOSS | SIM_RULE_BANDWIDTH,
                    .loss_ppm = 10,
                    .bandwidth = 125000000};
    SimSelector any = {SIM_SELECT_ANY, 0};

    *world = (World){.queue = sim_queue_new(), .rng = orr_rng_new(1), .nodes = nodes};
    world->network = sim_network_new(world->queue, &options, &handlers);
    (void)!sim_distribution_lognormal(ORR_NS_PER_MS, 8 * ORR_NS_PER_MS, &rule.latency);
    (void)!sim_network_add_rule(world->network, 0, SIM_NOT_A_FAULT, any, any, &rule);
    for (uint32_t i = 0; i < nodes; i++) {
        char name[16];

        (void)snprintf(name, sizeof name, "n%u", i);
        (void)sim_network_add_endpoint(world->network, name);
    }
}

static void
deliver(World *world, uint64_t messages)
{
    uint64_t until = world->delivered + messages;
    SimEvent event;

    while (world->delivered < until && sim_queue_pop(world->queue, &event)) {
        sim_network_deliver(world->network, &event);
    }
}

static void
measure(uint32_t nodes, OrrLane lane, uint64_t messages)
{
    static const uint8_t bytes[FRAME_SIZE];
    World world;
    struct timespec from;
    struct timespec to;

    build(&world, nodes);
    for (uint32_t i = 0; i < nodes * TALKS_PER_NODE; i++) {
        (void)!sim_network_send(world.network, 0, i % nodes, (i + 1) % nodes, lane,
                                orr_bytes(bytes, FRAME_SIZE));
    }
    deliver(&world, messages / 10);
    uint64_t allocations = sim_network_stats(world.network).allocations;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    deliver(&world, messages);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    double ns = (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);

    printf("network,%u,%s,%" PRIu64 ",%.1f,%zu,%" PRIu64 "\n", nodes,
           lane == ORR_LANE_CONTROL ? "control" : "data", messages, ns / (double)messages,
           sim_network_link_count(world.network),
           sim_network_stats(world.network).allocations - allocations);
    sim_network_free(world.network);
    sim_queue_free(world.queue);
}

int
main(int argc, char **argv)
{
    uint64_t messages = argc > 1 ? strtoull(argv[1], NULL, 10) : 2000000;
    static const uint32_t nodes[] = {9, 100, 1000};

    if (messages < 10) {
        fprintf(stderr, "usage: bench_network [MESSAGES]\n");
        return 64;
    }
    printf("bench,nodes,lane,messages,ns_per_message,links,allocations\n");
    for (size_t i = 0; i < 3; i++) {
        measure(nodes[i], ORR_LANE_CONTROL, messages);
        measure(nodes[i], ORR_LANE_DATA, messages);
    }
    return 0;
}
