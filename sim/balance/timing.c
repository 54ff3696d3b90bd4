/* How long lookups and changes take, and how much memory a placement holds.
 *
 * Each figure is the least of a few rounds: whatever disturbs a round makes it slower, never
 * faster. Callers measure all cases several times over, so that a disturbance of a second does
 * not hit all the rounds of one. The keys are the study's own, in random order, so the caches
 * see what they would see.
 */
#include "study.h"

#include <math.h>
#include <time.h>

#define SAMPLE 65536u /* keys; a power of two; too many for a processor to know by heart */
#define ROUNDS 3
#define ROUND_NS 2e6 /* of the first round, which sets how many calls there are */

/* What the loops add up, so that they cannot be left out. */
static volatile uint64_t sink;

typedef struct Bench {
    OrrPlacement *placement;
    uint64_t hashes[SAMPLE];
    OrrBytes keys[SAMPLE];
    uint32_t numbers[SAMPLE];
} Bench;

static double
now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void
run_find(Bench *self, size_t count)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < count; i++) {
        sum += orr_placement_find_hash(self->placement, self->hashes[i % SAMPLE]);
    }
    sink = sum;
}

/* Which hash is asked next depends on the answer. */
static void
run_chain(Bench *self, size_t count)
{
    uint64_t at = 0;

    for (size_t i = 0; i < count; i++) {
        at = at * 5 + 1 + orr_placement_find_hash(self->placement, self->hashes[at % SAMPLE]);
    }
    sink = at;
}

static void
run_batch(Bench *self, size_t count)
{
    for (size_t i = 0; i < count; i += SAMPLE) {
        orr_placement_find_hash_batch(self->placement, self->hashes, MIN(SAMPLE, count - i),
                                      self->numbers);
    }
    sink = self->numbers[0];
}

static void
run_key(Bench *self, size_t count)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < count; i++) {
        sum += orr_placement_find(self->placement, self->keys[i % SAMPLE]);
    }
    sink = sum;
}

/* ns per call of `run`: as many calls as fill ROUND_NS, the least of ROUNDS. */
static double
measure(Bench *self, void (*run)(Bench *self, size_t count))
{
    size_t count = 256;
    double least = INFINITY;
    double spent = 0;

    while (spent < ROUND_NS / 4) {
        double begin = now_ns();

        count *= 2;
        run(self, count);
        spent = now_ns() - begin;
    }
    count = (size_t)((double)count * ROUND_NS / spent) + 1;
    for (int round = 0; round < ROUNDS; round++) {
        double begin = now_ns();

        run(self, count);
        least = MIN(least, (now_ns() - begin) / (double)count);
    }
    return least;
}

static void
fill(const SimStudy *study, Bench *self)
{
    OrrRng rng = orr_rng_stream(study->seed, orr_bytes_of_string("balance timing"));

    for (size_t i = 0; i < SAMPLE; i++) {
        size_t key = (size_t)orr_rng_below(&rng, study->keys->count);

        self->keys[i] = study->key_bytes[key];
        self->hashes[i] = orr_placement_hash(self->placement, self->keys[i]);
    }
}

static void
measure_changes(OrrPlacement *placement, SimTimes *times)
{
    OrrPlacementNode node = {.name = orr_bytes_of_string("newcomer"), .weight = 1};
    OrrPlacementNode like = {0};
    uint32_t last = orr_placement_last(placement);

    if (orr_placement_node(placement, last, &like)) {
        node.weight = like.weight;
    }
    for (int round = 0; round < ROUNDS; round++) {
        double begin = now_ns();
        double added;

        if (orr_placement_add(placement, &node) != ORR_OK) {
            return;
        }
        added = now_ns();
        times->add_ns = fmin(times->add_ns, added - begin);
        if (orr_placement_remove(placement, orr_placement_last(placement)) != ORR_OK) {
            return;
        }
        times->remove_ns = fmin(times->remove_ns, now_ns() - added);
    }
}

static double
measure_build(const SimStudy *study, const SimCase *situation)
{
    double least = INFINITY;
    double spent = 0;

    for (int round = 0; round < ROUNDS && spent < 20 * ROUND_NS; round++) {
        g_autoptr(SimRoster) roster = NULL;
        double begin = now_ns();
        SimCluster *cluster = sim_trial_cluster(study, situation, 0, &roster, NULL);

        least = MIN(least, now_ns() - begin);
        spent += now_ns() - begin;
        sim_cluster_free(cluster);
    }
    return least;
}

SimTimes
sim_timing_measure(const SimStudy *study, const SimCase *situation)
{
    SimTimes times = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    g_autoptr(SimRoster) roster = NULL;
    g_autoptr(SimCluster) cluster = sim_trial_cluster(study, situation, 0, &roster, NULL);
    g_autofree Bench *bench = NULL;

    if (cluster == NULL) {
        return times;
    }
    bench = g_new0(Bench, 1);
    bench->placement = cluster->placement;
    fill(study, bench);
    times.find_ns = measure(bench, run_find);
    times.chain_ns = measure(bench, run_chain);
    times.batch_ns = measure(bench, run_batch);
    times.key_ns = measure(bench, run_key);
    times.memory_size = (double)orr_placement_memory_size(cluster->placement);
    times.build_ns = measure_build(study, situation);
    measure_changes(cluster->placement, &times);
    return times;
}

void
sim_timing_keep_least(SimTimes *times, const SimTimes *more)
{
    times->find_ns = fmin(times->find_ns, more->find_ns);
    times->chain_ns = fmin(times->chain_ns, more->chain_ns);
    times->batch_ns = fmin(times->batch_ns, more->batch_ns);
    times->key_ns = fmin(times->key_ns, more->key_ns);
    times->build_ns = fmin(times->build_ns, more->build_ns);
    times->add_ns = fmin(times->add_ns, more->add_ns);
    times->remove_ns = fmin(times->remove_ns, more->remove_ns);
    times->memory_size = fmin(times->memory_size, more->memory_size);
}
