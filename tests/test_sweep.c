/* Sweeps: every seed once, in order, whatever runs first; a crash costs one seed only. The
 * world is not needed for that: sim_run() here decides by the seed alone. */
#include "check.h"

#include <glib.h>
#include <signal.h>
#include <sweep.h>
#include <unistd.h>

#include "scenario_fixture.h"

int
sim_run(const SimScenario *scenario, const SimRunOptions *options, SimRunResult *result)
{
    uint64_t seed = options->seed;

    usleep((useconds_t)(seed * 7919 % 13) * 300); /* so that seeds overtake each other */
    if (seed == 13) {
        raise(SIGKILL);
    }
    *result = (SimRunResult){.seed = seed, .digest = seed * 3, .virtual_ns = 5};
    result->exit_code = seed == 7 ? 1 : seed == 9 ? 3 : 0;
    result->measured_count = scenario->expectation_count;
    result->measured = g_new0(SimMeasured, scenario->expectation_count);
    for (unsigned i = 0; i < scenario->expectation_count; i++) {
        result->measured[i] = (SimMeasured){
            .text = scenario->expectations[i].text,
            .verdict = seed == 7 ? SIM_VERDICT_FAILED : SIM_VERDICT_HELD,
            .has_value = true,
            .value = (int64_t)(seed * 10 + i),
            .note = seed == 7 ? g_strdup("because it is seven") : NULL,
        };
    }
    return result->exit_code;
}

void
sim_run_result_clear(SimRunResult *result)
{
    g_free(result->measured);
}

static SimScenario *
scenario(void)
{
    static const char text[] =
        FIXTURE_CLUSTER "finally:\n  - elections = 0\n  - expired attempts = 0\n";
    int exit_code = 0;

    return sim_scenario_parse("t", text, strlen(text), NULL, stderr, false, &exit_code);
}

static void
note_seed(const SimSweepSeed *seed, void *context)
{
    g_string_append_printf(context, "%" G_GUINT64_FORMAT ":%d ", seed->seed, seed->exit_code);
}

/* Twenty seeds on four processes are told in order, each once. */
static void
test_sweep_tells_seeds_in_order(void)
{
    SimScenario *spec = scenario();
    GString *told = g_string_new(NULL);
    SimSweepPlan plan = {.scenario = spec,
                         .first = 1,
                         .last = 12,
                         .jobs = 4,
                         .shards = 1,
                         .done = note_seed,
                         .context = told};
    GPtrArray *seeds = sim_sweep(&plan);

    T_REQUIRE(seeds != NULL);
    T_EQ(seeds->len, 12);
    T_STR_EQ(told->str, "1:0 2:0 3:0 4:0 5:0 6:0 7:1 8:0 9:3 10:0 11:0 12:0 ");
    for (guint i = 0; i < seeds->len; i++) {
        const SimSweepSeed *seed = seeds->pdata[i];
        T_EQ(seed->digest, seed->seed * 3);
        T_EQ(seed->value_count, 2);
        T_EQ(seed->values[1].value, seed->seed * 10 + 1);
        T_STR_EQ(seed->values[1].text, "expired attempts = 0");
    }
    T_STR_EQ(((const SimSweepSeed *)seeds->pdata[6])->note, "because it is seven");
    g_ptr_array_unref(seeds);
    g_string_free(told, TRUE);
    sim_scenario_free(spec);
}

/* A seed that crashes is reported with its signal, and the others are as they were. */
static void
test_sweep_survives_a_crash(void)
{
    SimScenario *spec = scenario();
    SimSweepPlan plan = {.scenario = spec, .first = 12, .last = 14, .jobs = 2, .shards = 1};
    GPtrArray *seeds = sim_sweep(&plan);

    T_REQUIRE(seeds != NULL);
    T_EQ(seeds->len, 3);
    T_EQ(((const SimSweepSeed *)seeds->pdata[0])->exit_code, 0);
    T_EQ(((const SimSweepSeed *)seeds->pdata[1])->exit_code, 1);
    T_EQ(((const SimSweepSeed *)seeds->pdata[1])->signal, SIGKILL);
    T_EQ(((const SimSweepSeed *)seeds->pdata[2])->exit_code, 0);
    g_ptr_array_unref(seeds);
    sim_scenario_free(spec);
}

/* Three machines with a third each have done every seed once. */
static void
test_sweep_shards_are_a_partition(void)
{
    SimScenario *spec = scenario();
    unsigned seen[21] = {0};

    for (unsigned shard = 0; shard < 3; shard++) {
        SimSweepPlan plan = {
            .scenario = spec, .first = 14, .last = 20, .jobs = 2, .shard = shard, .shards = 3};
        GPtrArray *seeds = sim_sweep(&plan);

        for (guint i = 0; i < seeds->len; i++) {
            seen[((const SimSweepSeed *)seeds->pdata[i])->seed]++;
        }
        g_ptr_array_unref(seeds);
    }
    for (unsigned seed = 0; seed <= 20; seed++) {
        T_EQ(seen[seed], seed >= 14);
    }
    sim_scenario_free(spec);
}

/* Where the first failure ends the sweep, it is the last that is told, however many run. */
static void
test_sweep_stops_at_the_first_failure(void)
{
    SimScenario *spec = scenario();

    for (unsigned jobs = 1; jobs <= 8; jobs *= 2) {
        GString *told = g_string_new(NULL);
        SimSweepPlan plan = {.scenario = spec,
                             .first = 5,
                             .last = 12,
                             .jobs = jobs,
                             .shards = 1,
                             .stop_at_failure = true,
                             .done = note_seed,
                             .context = told};
        GPtrArray *seeds = sim_sweep(&plan);

        T_STR_EQ(told->str, "5:0 6:0 7:1 ");
        T_EQ(seeds->len, 3);
        g_ptr_array_unref(seeds);
        g_string_free(told, TRUE);
    }
    sim_scenario_free(spec);
}

static const Test tests[] = {
    TEST(test_sweep_tells_seeds_in_order),
    TEST(test_sweep_survives_a_crash),
    TEST(test_sweep_shards_are_a_partition),
    TEST(test_sweep_stops_at_the_first_failure),
};

T_MAIN("sweep", tests)
