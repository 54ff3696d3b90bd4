/* Which seeds of a sweep run here, and how many at once, out of the command line. */
#include <stdio.h>
#include <string.h>

#include "command_common.h"
#include "sweep.h"

#define JOBS_MAX 256u

static bool
read_seeds(const char *command, const SimOptions *options, SimSweepPlan *plan)
{
    const char *text = sim_options_get(options, "seeds");
    const char *dots = text == NULL ? NULL : strstr(text, "..");
    g_autofree char *first = NULL;

    plan->first = plan->scenario->seed_first;
    plan->last = plan->scenario->seed_last;
    if (text == NULL) {
        return true;
    }
    first = dots == NULL ? g_strdup(text) : g_strndup(text, (size_t)(dots - text));
    if (!g_ascii_string_to_unsigned(first, 10, 0, UINT64_MAX - 1, &plan->first, NULL) ||
        !g_ascii_string_to_unsigned(dots == NULL ? first : dots + 2, 10, plan->first,
                                    UINT64_MAX - 1, &plan->last, NULL) ||
        plan->last - plan->first >= 100000000) {
        sim_options_usage(command, "--seeds: \"%s\" is not a range such as 1..500", text);
        return false;
    }
    return true;
}

static bool
read_shard(const char *command, const SimOptions *options, SimSweepPlan *plan)
{
    const char *text = sim_options_get(options, "shard");
    unsigned index = 0;
    unsigned count = 0;
    char tail = 0;

    plan->shards = 1;
    if (text == NULL) {
        return true;
    }
    if (sscanf(text, "%u/%u%c", &index, &count, &tail) != 2 || index < 1 || index > count) {
        sim_options_usage(command, "--shard: \"%s\" is not I/N, such as 1/8", text);
        return false;
    }
    plan->shard = index - 1;
    plan->shards = count;
    return true;
}

bool
sim_sweep_plan(const char *command, const SimOptions *options, const SimScenario *scenario,
               SimSweepPlan *plan)
{
    uint64_t jobs = g_get_num_processors();

    plan->scenario = scenario;
    if (!read_seeds(command, options, plan) || !read_shard(command, options, plan) ||
        !sim_options_number(options, "jobs", 1, JOBS_MAX, &jobs)) {
        return false;
    }
    plan->jobs = (unsigned)MIN(jobs, JOBS_MAX);
    return true;
}
