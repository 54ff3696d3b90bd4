/* orrery run: one seed of a scenario, with a report for people or programs. */
#include <string.h>

#include "command.h"
#include "command_common.h"
#include "command_options.h"
#include "live.h"

const SimOption sim_run_options[] = {
    {"seed", 's', "N", "The seed; otherwise the first that the file names"},
    {"set", 0, "KEY=VALUE",
     "Change a key of the file, by its dotted path or its last part, or "
     "a setting of nodes"},
    {"plant", 0, "NAME", "Bring a bug back (only in builds for tests)"},
    {"json", 0, NULL, "JSON Lines: events, decisions, expectations; the last is the verdict"},
    {"trace", 0, "FILE", "Write every decision of every node, a line each"},
    {"live", 0, NULL, "Run it in real time on orreryd processes of this machine"},
    {"daemon", 0, "PATH",
     "With --live: the program orreryd; otherwise beside this one or in PATH"},
    {"skip", 0, NULL,
     "With --live: leave out what processes cannot do, instead of refusing it"},
    {"output", 'o', "DIR", "Write report, trace and history there"},
    {"quiet", 'q', NULL, "Only the verdict"},
    {"verbose", 'v', NULL, "Every decision in the timeline"},
    {"color", 0, "auto|always|never", "Colour; NO_COLOR is respected"},
    {"progress", 0, "auto|always|never", "A line on stderr that shows how far it is"},
    {"help", 'h', NULL, NULL},
    {0},
};

/* With -o, the files and logs of the nodes are kept there. */
static SimLive *
live_of(const SimScenario *scenario, const SimOptions *options, int *exit_code)
{
    const char *output = sim_options_get(options, "output");
    g_autofree char *nodes = output != NULL ? g_build_filename(output, "nodes", NULL) : NULL;
    SimLiveOptions live = {.daemon = sim_options_get(options, "daemon"),
                           .directory = nodes,
                           .skip = sim_options_has(options, "skip")};

    return sim_live_new(scenario, &live, exit_code);
}

static int
run_one(const char *path, const SimOptions *options, const SimOverrides *overrides,
        SimRunOptions run)
{
    int exit_code = SIM_EXIT_HELD;
    SimScenario *scenario = NULL;
    SimRunResult result = {0};
    g_autofree char *repeat = NULL;
    bool color = false;

    if (!sim_options_when(options, "color", stderr, &color)) {
        return SIM_EXIT_USAGE;
    }
    scenario = sim_scenario_load(path, overrides, stderr, color, &exit_code);
    if (scenario == NULL) {
        return exit_code;
    }
    run.seed = scenario->seed_first;
    if (!sim_options_number(options, "seed", 0, UINT64_MAX, &run.seed)) {
        sim_scenario_free(scenario);
        return SIM_EXIT_USAGE;
    }
    repeat = sim_repeat_command(path, run.seed, overrides,
                                sim_options_has(options, "live") ? " --live" : NULL);
    run.repeat = repeat;
    if (sim_options_has(options, "live")) {
        run.live = live_of(scenario, options, &exit_code);
        if (run.live == NULL) {
            sim_scenario_free(scenario);
            return exit_code;
        }
    }
    exit_code = sim_run(scenario, &run, &result);
    if (run.output == SIM_OUTPUT_REPORT && run.verbosity >= 0 &&
        !sim_options_has(options, "seed") && scenario->seed_last > scenario->seed_first) {
        printf("seeds     %" G_GUINT64_FORMAT "..%" G_GUINT64_FORMAT
               " are in the file: `%s sweep %s` runs them all\n",
               scenario->seed_first, scenario->seed_last, g_get_prgname(), path);
    }
    sim_run_result_clear(&result);
    sim_scenario_free(scenario);
    return exit_code;
}

static bool
read_run_options(const SimOptions *options, SimRunOptions *run)
{
    run->out = stdout;
    run->output = sim_options_has(options, "json") ? SIM_OUTPUT_JSON : SIM_OUTPUT_REPORT;
    run->verbosity = sim_options_has(options, "quiet")     ? -1
                     : sim_options_has(options, "verbose") ? 1
                                                           : 0;
    run->trace_path = sim_options_get(options, "trace");
    run->output_dir = sim_options_get(options, "output");
    return sim_options_when(options, "color", stdout, &run->color) &&
           sim_options_when(options, "progress", stderr, &run->progress);
}

int
sim_command_run(int count, char **words)
{
    g_autoptr(SimOptions) options = sim_options_parse("run", sim_run_options, count, words);
    SimOverrides overrides = {0};
    SimRunOptions run = {0};
    int worst = SIM_EXIT_HELD;

    if (options == NULL || !sim_overrides_of("run", options, &overrides) ||
        !read_run_options(options, &run)) {
        return SIM_EXIT_USAGE;
    }
    if (sim_options_words(options)[0] == NULL) {
        return sim_options_usage("run", "which file?");
    }
    for (char *const *path = sim_options_words(options); *path != NULL; path++) {
        worst = sim_exit_worse(worst, run_one(*path, options, &overrides, run));
    }
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        return SIM_EXIT_IO;
    }
    return worst;
}
