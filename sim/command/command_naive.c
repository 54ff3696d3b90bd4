/* orrery naive: brings the bugs that a scenario names back, and sees them caught. */
#include <orrery/plant.h>
#include <string.h>

#include "command.h"
#include "command_common.h"
#include "command_options.h"
#include "sweep.h"

const SimOption sim_naive_options[] = {
    {"seeds", 0, "A..B", "The seeds of each variant; otherwise 1..20"},
    {"jobs", 'j', "N", "Processes at once; otherwise one for each processor"},
    {"shard", 0, "I/N", "Only every Nth seed, from the Ith on"},
    {"set", 0, "KEY=VALUE", "Change a key of the file, or a setting of nodes"},
    {"plant", 0, "NAME", "Bring another bug back as well (only in builds for tests)"},
    {"list", 0, NULL, "Only list the variants; without a file, the bugs that can be planted"},
    {"help", 'h', NULL, NULL},
    {0},
};

static void
append(GPtrArray *array, const char *const *texts, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        g_ptr_array_add(array, (gpointer)(uintptr_t)texts[i]);
    }
}

/* Seeds in which the expectation with this text failed. */
static unsigned
count_failed(const GPtrArray *seeds, const char *text)
{
    unsigned count = 0;

    for (guint i = 0; i < seeds->len; i++) {
        const SimSweepSeed *seed = seeds->pdata[i];
        bool failed = false;

        for (unsigned j = 0; j < seed->value_count; j++) {
            failed =
                failed || (strncmp(seed->values[j].text, text, SIM_SWEEP_TEXT_MAX - 1) == 0 &&
                           seed->values[j].verdict == SIM_VERDICT_FAILED);
        }
        count += failed;
    }
    return count;
}

static int
run_variant(const char *path, const SimOptions *options, const SimOverrides *overrides,
            const SimNaive *naive)
{
    int exit_code = SIM_EXIT_HELD;
    SimScenario *scenario = sim_scenario_load(path, overrides, stderr, false, &exit_code);
    SimSweepPlan plan = {0};
    g_autoptr(GPtrArray) seeds = NULL;
    unsigned failed = 0;

    if (scenario == NULL) {
        printf("bad %s (the file cannot be read with this)\n", naive->text);
        return exit_code;
    }
    scenario->seed_first = 1;
    scenario->seed_last = MAX(MIN(scenario->seed_last, 20), 1);
    if (!sim_sweep_plan("naive", options, scenario, &plan)) {
        sim_scenario_free(scenario);
        return SIM_EXIT_USAGE;
    }
    seeds = sim_sweep(&plan);
    failed = seeds == NULL ? 0 : count_failed(seeds, naive->fails);
    printf("%s %s (in %u of %u seeds)\n", failed > 0 ? "ok" : "bad", naive->text, failed,
           seeds == NULL ? 0 : seeds->len);
    fflush(stdout);
    sim_scenario_free(scenario);
    return seeds == NULL ? SIM_EXIT_IO : failed > 0 ? SIM_EXIT_HELD : SIM_EXIT_UNSAFE;
}

/* The overrides of the command line, and those of one variant behind them. */
static int
try_variant(const char *path, const SimOptions *options, const SimOverrides *base,
            const SimNaive *naive)
{
    g_autoptr(GPtrArray) sets = g_ptr_array_new();
    g_autoptr(GPtrArray) plants = g_ptr_array_new();
    SimOverrides overrides = {0};

#ifndef ORR_PLANTED_BUGS
    if (naive->plant_count > 0) {
        fprintf(stderr, "%s: %s: needs a build with -Dplanted_bugs=true\n", path, naive->text);
        return SIM_EXIT_HELD;
    }
#endif
    append(sets, base->sets, base->set_count);
    append(sets, naive->sets, naive->set_count);
    append(plants, base->plants, base->plant_count);
    append(plants, naive->plants, naive->plant_count);
    overrides = (SimOverrides){(const char *const *)sets->pdata, sets->len,
                               (const char *const *)plants->pdata, plants->len};
    return run_variant(path, options, &overrides, naive);
}

static int
try_file(const char *path, const SimOptions *options, const SimOverrides *base)
{
    int exit_code = SIM_EXIT_HELD;
    SimScenario *scenario = sim_scenario_load(path, base, stderr, false, &exit_code);

    for (unsigned i = 0; scenario != NULL && i < scenario->naive_count; i++) {
        const SimNaive *naive = &scenario->naives[i];

        if (sim_options_has(options, "list")) {
            printf("%s: %s\n", path, naive->text);
        } else {
            exit_code = sim_exit_worse(exit_code, try_variant(path, options, base, naive));
        }
    }
    sim_scenario_free(scenario);
    return exit_code;
}

static void
list_plants(void)
{
#define PLANT_PRINT(plant, name, meaning) printf("%-22s %s\n", name, meaning);
    ORR_PLANTS(PLANT_PRINT)
#undef PLANT_PRINT
}

int
sim_command_naive(int count, char **words)
{
    g_autoptr(SimOptions) options = sim_options_parse("naive", sim_naive_options, count, words);
    SimOverrides overrides = {0};
    int worst = SIM_EXIT_HELD;

    if (options == NULL || !sim_overrides_of("naive", options, &overrides)) {
        return SIM_EXIT_USAGE;
    }
    if (sim_options_words(options)[0] == NULL && !sim_options_has(options, "list")) {
        return sim_options_usage("naive", "which file?");
    }
    if (sim_options_words(options)[0] == NULL) {
        list_plants();
    }
    for (char *const *path = sim_options_words(options); *path != NULL; path++) {
        int exit_code = try_file(*path, options, &overrides);
        worst = sim_exit_worse(worst, exit_code);
    }
    return worst;
}
