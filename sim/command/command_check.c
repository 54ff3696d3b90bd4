/* orrery check: reads scenarios and says what is wrong with them; nothing runs. */
#include "command.h"
#include "command_options.h"
#include "option.h"

const SimOption sim_check_options[] = {
    {"set", 0, "KEY=VALUE", "Change a key of the file, by its dotted path or its last part"},
    {"quiet", 'q', NULL, "Say nothing of files that are right"},
    {"color", 0, "auto|always|never", "Colour of messages"},
    {"help", 'h', NULL, NULL},
    {0},
};

static void
print_summary(const SimScenario *scenario)
{
    printf("%s: fine: %u nodes, %u shards, %u fleets, %u lines, %u expectations\n",
           scenario->path, scenario->node_count, scenario->shard_count, scenario->fleet_count,
           scenario->action_count, scenario->expectation_count);
}

int
sim_command_check(int count, char **words)
{
    g_autoptr(SimOptions) options = sim_options_parse("check", sim_check_options, count, words);
    char *const *paths = NULL;
    SimOverrides overrides = {0};
    bool color = false;
    int worst = SIM_EXIT_HELD;

    if (options == NULL || !sim_options_when(options, "color", stderr, &color)) {
        return SIM_EXIT_USAGE;
    }
    paths = sim_options_words(options);
    if (paths[0] == NULL) {
        return sim_options_usage("check", "which file?");
    }
    overrides.sets = (const char *const *)sim_options_all(options, "set");
    overrides.set_count = g_strv_length((char **)(uintptr_t)overrides.sets);
    for (; *paths != NULL; paths++) {
        int exit_code = SIM_EXIT_HELD;
        SimScenario *scenario =
            sim_scenario_load(*paths, &overrides, stderr, color, &exit_code);

        worst = MAX(worst, exit_code);
        if (scenario != NULL && !sim_options_has(options, "quiet")) {
            print_summary(scenario);
        }
        sim_scenario_free(scenario);
    }
    return worst;
}
