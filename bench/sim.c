/* sim.c - how fast the whole simulator is: nine nodes, clients, every check on.
 *
 *     bench_sim [VIRTUAL_SECONDS]
 *
 * Three primaries with two replicas each, 200 operations a second, heartbeats as by default.
 * CSV lines: simulated seconds per CPU second, ns of CPU per node step (clients, network and
 * checks included), events per simulated second, and allocations per step in the second half of
 * the run, where every buffer has grown; what the history of clients needs to grow is among
 * them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "scenario.h"
#include "world.h"

/* glibc's own names: a program that defines malloc is called by its libraries, too. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);

static uint64_t allocations;

void *
malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
    allocations++;
    return __libc_calloc(count, size);
}

void *
realloc(void *memory, size_t size)
{
    allocations++;
    return __libc_realloc(memory, size);
}

static const char SCENARIO[] = "scenario: nine nodes\n"
                               "version: 1\n"
                               "run: %ds\n"
                               "cluster:\n"
                               "  nodes: n1..n9\n"
                               "  shards: 3 x 1 primary + 2 replicas\n"
                               "  settings:\n"
                               "    node-timeout: 5s\n"
                               "workload:\n"
                               "  - kv: clients 10  rate 200/s  keys uniform 10000"
                               "  mix get 50 set 50  timeout 1s\n"
                               "always:\n"
                               "  - at most one node serves writes of a slot\n"
                               "  - at most one owner per slot and version\n"
                               "  - at most one winner per epoch\n"
                               "  - at most one vote per voter and epoch\n"
                               "  - epochs never go down\n";

static double
cpu_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void
run_until(SimWorld *world, OrrTime at)
{
    while ((!world->begun || world->now_ns < world->origin_ns + at) && sim_world_step(world)) {
    }
}

int
main(int count, char **words)
{
    int seconds = count > 1 ? atoi(words[1]) : 2000;
    SimWorldOptions options = {.seed = 1};
    char text[2048];
    int code = 0;

    int size = snprintf(text, sizeof text, SCENARIO, seconds);
    SimScenario *scenario =
        sim_scenario_parse("bench", text, (size_t)size, NULL, stderr, false, &code);

    if (scenario == NULL) {
        return code;
    }
    SimWorld *world = sim_world_new(scenario, &options);

    run_until(world, 1 * ORR_NS_PER_S);
    double begun = cpu_seconds();
    uint64_t steps = world->steps;
    uint64_t events = world->events;

    run_until(world, (OrrTime)seconds / 2 * ORR_NS_PER_S);
    uint64_t half_steps = world->steps;
    uint64_t half_allocations = allocations;

    run_until(world, (OrrTime)(seconds - 1) * ORR_NS_PER_S);
    double took = cpu_seconds() - begun;
    double simulated = (double)seconds - 2;

    printf("name,value,unit\n");
    printf("simulated_per_cpu_second,%.0f,x\n", simulated / took);
    printf("cpu_per_node_step,%.0f,ns\n", took * 1e9 / (double)(world->steps - steps));
    printf("steps_per_simulated_second,%.1f,1/s\n", (double)(world->steps - steps) / simulated);
    printf("events_per_simulated_second,%.1f,1/s\n",
           (double)(world->events - events) / simulated);
    printf("allocations_per_step,%.5f,1\n",
           (double)(allocations - half_allocations) / (double)(world->steps - half_steps));
    sim_world_free(world);
    sim_scenario_free(scenario);
    return 0;
}
