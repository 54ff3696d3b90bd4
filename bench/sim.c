/* sim.c - how fast the whole simulator is: nine nodes, clients, every check on.
 *
 *     bench_sim [VIRTUAL_SECONDS]
 *
 * Three primaries with two replicas each, 200 operations a second, heartbeats as by default.
 * CSV lines: simulated seconds per CPU second, ns of CPU per node step (clients, network and
 * checks included), events per simulated second; then of orr_node_step() alone, from the bytes
 * of an event to the effects: ns, steps a second, and its share of the whole; timed in the
 * second half of the run, so that looking at the clock slows only that. Allocations per step
 * are those of the second half, where every buffer has grown: of nodes, and of all, where the
 * history of clients grows for ever.
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

/* What nodes do, of all that happens. */
typedef struct NodeWork {
    uint64_t steps;
    uint64_t ns;
    uint64_t allocations;
} NodeWork;

static NodeWork work;
static bool timing; /* in the second half only: to look at the clock costs time, too */

#define PREEMPTED_NS 100000u /* so long a step was no step: something else ran */

static uint64_t
wall_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The linker sends every call of orr_node_step() here. */
OrrStatus __real_orr_node_step(OrrNode *node, OrrNow now, const OrrEvent *event,
                               OrrEffects *out);
OrrStatus __wrap_orr_node_step(OrrNode *node, OrrNow now, const OrrEvent *event,
                               OrrEffects *out);

OrrStatus
__wrap_orr_node_step(OrrNode *node, OrrNow now, const OrrEvent *event, OrrEffects *out)
{
    uint64_t before = allocations;

    if (!timing) {
        return __real_orr_node_step(node, now, event, out);
    }

    uint64_t begun = wall_ns();
    OrrStatus status = __real_orr_node_step(node, now, event, out);
    uint64_t took = wall_ns() - begun;

    work.allocations += allocations - before;
    if (took < PREEMPTED_NS) {
        work.steps++;
        work.ns += took;
    }
    return status;
}

/* What the clock itself adds to a measurement. */
static uint64_t
clock_cost_ns(void)
{
    uint64_t begun = wall_ns();

    for (int i = 0; i < 1000000; i++) {
        (void)wall_ns();
    }
    return (wall_ns() - begun) / 1000000;
}

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

    run_until(world, (OrrTime)(seconds / 2) * ORR_NS_PER_S);
    uint64_t half_steps = world->steps;
    uint64_t half_events = world->events;
    uint64_t half_allocations = allocations;

    double took = cpu_seconds() - begun;
    double simulated = (double)(seconds / 2) - 1;
    double step_cpu_ns = took * 1e9 / (double)(half_steps - steps);

    timing = true;
    run_until(world, (OrrTime)(seconds - 1) * ORR_NS_PER_S);

    printf("name,value,unit\n");
    printf("simulated_per_cpu_second,%.0f,x\n", simulated / took);
    printf("cpu_per_node_step,%.0f,ns\n", step_cpu_ns);
    printf("steps_per_simulated_second,%.1f,1/s\n", (double)(half_steps - steps) / simulated);
    printf("events_per_simulated_second,%.1f,1/s\n",
           (double)(half_events - events) / simulated);
    double step_ns = (double)work.ns / (double)work.steps - (double)clock_cost_ns();

    printf("node_step_alone,%.0f,ns\n", step_ns);
    printf("node_steps_per_second,%.2f,M/s\n", 1e3 / step_ns);
    printf("node_steps_share,%.0f,%%\n", 100 * step_ns / step_cpu_ns);
    printf("node_allocations_per_step,%.5f,1\n",
           (double)work.allocations / (double)(world->steps - half_steps));
    printf("allocations_per_step,%.5f,1\n",
           (double)(allocations - half_allocations) / (double)(world->steps - half_steps));
    sim_world_free(world);
    sim_scenario_free(scenario);
    return 0;
}
