/* orrery sweep: many seeds of scenarios, and what they have in common. */
#include <math.h>
#include <quantity.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "command_common.h"
#include "command_options.h"
#include "sweep.h"

#define JOBS_MAX 256u
#define FAILURES_SHOWN 20u

const SimOption sim_sweep_options[] = {
    {"seeds", 0, "A..B", "The seeds; otherwise those that the file names"},
    {"jobs", 'j', "N", "Processes at once; otherwise one for each processor"},
    {"shard", 0, "I/N", "Only every Nth seed, from the Ith on: for several machines"},
    {"set", 0, "KEY=VALUE", "Change a key of the file, or a setting of nodes"},
    {"plant", 0, "NAME", "Bring a bug back (only in builds for tests)"},
    {"naive", 0, NULL, "Run the naive variants that the file names: each must fail as it says"},
    {"json", 0, NULL, "JSON Lines: one for each seed, one for each expectation, the verdict"},
    {"quiet", 'q', NULL, "Only the verdict"},
    {"verbose", 'v', NULL, "A line for each seed"},
    {"color", 0, "auto|always|never", "Colour; NO_COLOR is respected"},
    {"progress", 0, "auto|always|never", "A line on stderr that shows how far it is"},
    {"help", 'h', NULL, NULL},
    {0},
};

typedef struct Show {
    const SimScenario *scenario;
    const SimOverrides *overrides;
    const char *path;
    bool json;
    bool quiet;
    bool verbose;
    bool color;
    bool progress;
    unsigned failures; /* shown so far */
    gint64 begun_us;
} Show;

static const char *
verdict_name(int exit_code)
{
    switch (exit_code) {
    case SIM_EXIT_HELD:
        return "held";
    case SIM_EXIT_UNSAFE:
        return "unsafe";
    case SIM_EXIT_LATE:
        return "late";
    case SIM_EXIT_UNDECIDED:
        return "undecided";
    default:
        return "error";
    }
}

/* A string of JSON, quotes included. */
static void
put_json(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            printf("\\%c", c);
        } else if (c < 0x20) {
            printf("\\u%04x", c);
        } else {
            putchar(c);
        }
    }
    putchar('"');
}

static void
clear_progress(const Show *show)
{
    if (show->progress) {
        fputs("\r\033[K", stderr);
    }
}

static void
print_failed_seed(const Show *show, const SimSweepSeed *seed)
{
    g_autofree char *repeat = sim_repeat_command(show->path, seed->seed, show->overrides);
    const char *red = show->color ? "\033[31m" : "";
    const char *plain = show->color ? "\033[0m" : "";

    if (seed->signal != 0) {
        printf("%sseed %" G_GUINT64_FORMAT " crashed%s: %s\n", red, seed->seed, plain,
               g_strsignal(seed->signal));
    } else {
        printf("%sseed %" G_GUINT64_FORMAT " %s%s", red, seed->seed,
               verdict_name(seed->exit_code), plain);
        for (unsigned i = 0; i < seed->value_count; i++) {
            if (seed->values[i].verdict == SIM_VERDICT_FAILED) {
                printf(": %s", show->scenario->expectations[i].text);
                break;
            }
        }
        printf("%s%s%s\n", seed->note == NULL ? "" : " (", seed->note == NULL ? "" : seed->note,
               seed->note == NULL ? "" : ")");
    }
    printf("    %s\n", repeat);
}

static void
print_seed_json(const Show *show, const SimSweepSeed *seed)
{
    g_autofree char *repeat = sim_repeat_command(show->path, seed->seed, show->overrides);

    printf("{\"kind\":\"seed\",\"seed\":%" G_GUINT64_FORMAT
           ",\"exit\":%d,\"verdict\":\"%s\",\"digest\":\"%016" G_GINT64_MODIFIER
           "x\",\"events\":%" G_GUINT64_FORMAT ",\"signal\":%d,\"values\":[",
           seed->seed, seed->exit_code, verdict_name(seed->exit_code), seed->digest,
           seed->events, seed->signal);
    for (unsigned i = 0; i < seed->value_count; i++) {
        printf(i == 0 ? "" : ",");
        if (seed->values[i].has_value) {
            printf("%" G_GINT64_FORMAT, seed->values[i].value);
        } else {
            printf("null");
        }
    }
    printf("],\"repeat\":");
    put_json(repeat);
    puts("}");
}

static void
on_seed(const SimSweepSeed *seed, void *context)
{
    Show *show = context;

    if (show->json) {
        print_seed_json(show, seed);
        return;
    }
    if (show->quiet) {
        return;
    }
    clear_progress(show);
    if (seed->exit_code != SIM_EXIT_HELD && show->failures < FAILURES_SHOWN) {
        show->failures++;
        print_failed_seed(show, seed);
    } else if (show->verbose) {
        printf("seed %" G_GUINT64_FORMAT " %s, digest %016" G_GINT64_MODIFIER "x\n", seed->seed,
               verdict_name(seed->exit_code), seed->digest);
    }
}

static void
on_progress(uint64_t finished, uint64_t total, uint64_t failed, void *context)
{
    const Show *show = context;
    double seconds = (double)(g_get_monotonic_time() - show->begun_us) / 1e6;
    double left = finished == 0 ? 0 : seconds / (double)finished * (double)(total - finished);

    if (!show->progress) {
        return;
    }
    fprintf(stderr,
            "\r\033[K%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT " seeds, %" G_GUINT64_FORMAT
            " failed, %.1f seeds/s, %.0f s left",
            finished, total, failed, (double)finished / MAX(seconds, 1e-3), left);
    fflush(stderr);
}

typedef struct Spread {
    unsigned held;
    unsigned failed;
    unsigned undecided;
    unsigned skipped;
    GArray *values; /* int64_t, sorted */
    SimUnit unit;
} Spread;

static gint
compare_values(gconstpointer a, gconstpointer b)
{
    const int64_t *x = a;
    const int64_t *y = b;

    return (*x > *y) - (*x < *y);
}

static Spread
spread_of(const GPtrArray *seeds, unsigned index)
{
    Spread spread = {.values = g_array_new(FALSE, FALSE, sizeof(int64_t))};

    for (guint i = 0; i < seeds->len; i++) {
        const SimSweepSeed *seed = seeds->pdata[i];
        const SimSweepValue *value = NULL;

        if (index >= seed->value_count) {
            continue;
        }
        value = &seed->values[index];
        spread.held += value->verdict == SIM_VERDICT_HELD;
        spread.failed += value->verdict == SIM_VERDICT_FAILED;
        spread.undecided += value->verdict == SIM_VERDICT_UNDECIDED;
        spread.skipped += value->verdict == SIM_VERDICT_SKIPPED;
        if (value->has_value && value->verdict != SIM_VERDICT_SKIPPED) {
            spread.unit = value->unit;
            g_array_append_val(spread.values, value->value);
        }
    }
    g_array_sort(spread.values, compare_values);
    return spread;
}

/* The smallest value that `percent` of all do not exceed. */
static int64_t
percentile(const GArray *values, unsigned percent)
{
    guint rank = (values->len * percent + 99) / 100;

    return g_array_index(values, int64_t, MAX(rank, 1u) - 1);
}

static void
print_spread(const Show *show, const SimExpectation *expectation, const Spread *spread)
{
    const char *mark = spread->failed > 0 ? "✗" : spread->undecided > 0 ? "?" : "✓";
    const char *paint = !show->color ? "" : spread->failed > 0 ? "\033[31m" : "\033[32m";

    if (spread->held + spread->failed + spread->undecided == 0) {
        return; /* belongs to another mode */
    }
    printf("  %s%s%s %s", paint, mark, show->color ? "\033[0m" : "", expectation->text);
    if (spread->failed + spread->undecided > 0) {
        printf(" (%u of %u failed", spread->failed,
               spread->held + spread->failed + spread->undecided);
        printf(spread->undecided > 0 ? ", %u undecided)" : ")", spread->undecided);
    }
    if (spread->values->len > 0) {
        g_autofree char *low = sim_value_text(spread->unit, percentile(spread->values, 0));
        g_autofree char *middle = sim_value_text(spread->unit, percentile(spread->values, 50));
        g_autofree char *high = sim_value_text(spread->unit, percentile(spread->values, 99));
        g_autofree char *top = sim_value_text(spread->unit, percentile(spread->values, 100));

        printf("\n      min %s, p50 %s, p99 %s, max %s", low, middle, high, top);
    }
    putchar('\n');
}

static void
print_spread_json(const SimExpectation *expectation, const Spread *spread)
{
    printf("{\"kind\":\"expectation\",\"text\":");
    put_json(expectation->text);
    printf(",\"held\":%u,\"failed\":%u,\"undecided\":%u,\"skipped\":%u", spread->held,
           spread->failed, spread->undecided, spread->skipped);
    if (spread->values->len > 0) {
        printf(",\"min\":%" G_GINT64_FORMAT ",\"p50\":%" G_GINT64_FORMAT
               ",\"p99\":%" G_GINT64_FORMAT ",\"max\":%" G_GINT64_FORMAT,
               percentile(spread->values, 0), percentile(spread->values, 50),
               percentile(spread->values, 99), percentile(spread->values, 100));
    }
    puts("}");
}

static void
print_spreads(const Show *show, const GPtrArray *seeds)
{
    for (unsigned i = 0; i < show->scenario->expectation_count; i++) {
        Spread spread = spread_of(seeds, i);

        if (show->json) {
            print_spread_json(&show->scenario->expectations[i], &spread);
        } else if (!show->quiet) {
            print_spread(show, &show->scenario->expectations[i], &spread);
        }
        g_array_free(spread.values, TRUE);
    }
}

static int
print_verdict(const Show *show, const GPtrArray *seeds)
{
    double real_s = (double)(g_get_monotonic_time() - show->begun_us) / 1e6;
    double virtual_s = 0;
    unsigned failed = 0;
    int worst = SIM_EXIT_HELD;

    for (guint i = 0; i < seeds->len; i++) {
        const SimSweepSeed *seed = seeds->pdata[i];

        failed += seed->exit_code != SIM_EXIT_HELD;
        virtual_s += (double)seed->virtual_ns / 1e9;
        worst = sim_exit_worse(worst, seed->exit_code);
    }
    if (show->json) {
        printf("{\"kind\":\"verdict\",\"scenario\":");
        put_json(show->scenario->name);
        printf(",\"exit\":%d,\"seeds\":%u,\"failed\":%u}\n", worst, seeds->len, failed);
        return worst;
    }
    if (failed > show->failures && !show->quiet) {
        printf("... and %u more seeds that failed\n", failed - show->failures);
    }
    printf("%s: %u of %u seeds held, %u failed: %s (%.1f s, %.0f x real time)\n",
           show->scenario->name, seeds->len - failed, seeds->len, failed, verdict_name(worst),
           real_s, virtual_s / MAX(real_s, 1e-3));
    return worst;
}

static bool
read_seeds(const SimOptions *options, SimSweepPlan *plan)
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
        sim_options_usage("sweep", "--seeds: \"%s\" is not a range such as 1..500", text);
        return false;
    }
    return true;
}

static bool
read_shard(const SimOptions *options, SimSweepPlan *plan)
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
        sim_options_usage("sweep", "--shard: \"%s\" is not I/N, such as 1/8", text);
        return false;
    }
    plan->shard = index - 1;
    plan->shards = count;
    return true;
}

static bool
read_plan(const SimOptions *options, SimSweepPlan *plan)
{
    uint64_t jobs = g_get_num_processors();

    if (!read_seeds(options, plan) || !read_shard(options, plan) ||
        !sim_options_number(options, "jobs", 1, JOBS_MAX, &jobs)) {
        return false;
    }
    plan->jobs = (unsigned)MIN(jobs, JOBS_MAX);
    return true;
}

/* Runs the seeds of one scenario as the plan says; NULL: they could not be run. */
static GPtrArray *
run_seeds(Show *show, SimSweepPlan *plan)
{
    GPtrArray *seeds = NULL;

    show->begun_us = g_get_monotonic_time();
    plan->done = on_seed;
    plan->progress = on_progress;
    plan->context = show;
    seeds = sim_sweep(plan);
    clear_progress(show);
    return seeds;
}

static int
sweep_file(const char *path, const SimOptions *options, const SimOverrides *overrides,
           Show show)
{
    int exit_code = SIM_EXIT_HELD;
    SimScenario *scenario = sim_scenario_load(path, overrides, stderr, show.color, &exit_code);
    SimSweepPlan plan = {.scenario = scenario};
    g_autoptr(GPtrArray) seeds = NULL;

    if (scenario == NULL) {
        return exit_code;
    }
    if (!read_plan(options, &plan)) {
        sim_scenario_free(scenario);
        return SIM_EXIT_USAGE;
    }
    show.path = path;
    show.scenario = scenario;
    show.overrides = overrides;
    plan.stop_at_failure = scenario->stop == SIM_STOP_FIRST_FAILURE;
    seeds = run_seeds(&show, &plan);
    exit_code = SIM_EXIT_IO;
    if (seeds != NULL) {
        print_spreads(&show, seeds);
        exit_code = print_verdict(&show, seeds);
    }
    sim_scenario_free(scenario);
    return exit_code;
}

/* The overrides of the command line, and those of one naive variant behind them. */
static SimOverrides
with_naive(const SimOverrides *base, const SimNaive *naive, GPtrArray *sets, GPtrArray *plants)
{
    for (unsigned i = 0; i < base->set_count; i++) {
        g_ptr_array_add(sets, (gpointer)(uintptr_t)base->sets[i]);
    }
    for (unsigned i = 0; i < naive->set_count; i++) {
        g_ptr_array_add(sets, (gpointer)(uintptr_t)naive->sets[i]);
    }
    for (unsigned i = 0; i < base->plant_count; i++) {
        g_ptr_array_add(plants, (gpointer)(uintptr_t)base->plants[i]);
    }
    for (unsigned i = 0; i < naive->plant_count; i++) {
        g_ptr_array_add(plants, (gpointer)(uintptr_t)naive->plants[i]);
    }
    return (SimOverrides){(const char *const *)sets->pdata, sets->len,
                          (const char *const *)plants->pdata, plants->len};
}

/* Seeds in which the expectation with this text failed. */
static unsigned
count_failed(const SimScenario *scenario, const GPtrArray *seeds, const char *text)
{
    unsigned count = 0;

    for (guint i = 0; i < seeds->len; i++) {
        const SimSweepSeed *seed = seeds->pdata[i];
        bool failed = false;

        for (unsigned j = 0; j < seed->value_count; j++) {
            failed = failed || (strcmp(scenario->expectations[j].text, text) == 0 &&
                                seed->values[j].verdict == SIM_VERDICT_FAILED);
        }
        count += failed;
    }
    return count;
}

static int
sweep_naive(Show show, const SimOptions *options, const SimOverrides *base,
            const SimNaive *naive)
{
    g_autoptr(GPtrArray) sets = g_ptr_array_new();
    g_autoptr(GPtrArray) plants = g_ptr_array_new();
    g_autoptr(GPtrArray) seeds = NULL;
    SimOverrides overrides = with_naive(base, naive, sets, plants);
    int exit_code = SIM_EXIT_HELD;
    SimScenario *scenario = NULL;
    SimSweepPlan plan = {0};
    unsigned failed = 0;

#ifndef ORR_PLANTED_BUGS
    if (plants->len > 0) {
        printf("%s: - %s (needs a build with -Dplanted_bugs=true)\n", show.path, naive->text);
        return SIM_EXIT_HELD;
    }
#endif
    scenario = sim_scenario_load(show.path, &overrides, stderr, show.color, &exit_code);
    plan.scenario = scenario;
    if (scenario == NULL || !read_plan(options, &plan)) {
        sim_scenario_free(scenario);
        return scenario == NULL ? exit_code : SIM_EXIT_USAGE;
    }
    show.scenario = scenario;
    show.overrides = &overrides;
    show.failures = FAILURES_SHOWN; /* failures are what is wanted: not listed */
    seeds = run_seeds(&show, &plan);
    if (seeds == NULL) {
        sim_scenario_free(scenario);
        return SIM_EXIT_IO;
    }
    failed = count_failed(scenario, seeds, naive->fails);
    printf("%s: %s %s: in %u of %u seeds\n", show.path, failed > 0 ? "✓" : "✗", naive->text,
           failed, seeds->len);
    sim_scenario_free(scenario);
    return failed > 0 ? SIM_EXIT_HELD : SIM_EXIT_UNSAFE;
}

static int
sweep_naives(const char *path, const SimOptions *options, const SimOverrides *overrides,
             Show show)
{
    int exit_code = SIM_EXIT_HELD;
    SimScenario *scenario = sim_scenario_load(path, overrides, stderr, show.color, &exit_code);

    show.path = path;
    for (unsigned i = 0; scenario != NULL && i < scenario->naive_count; i++) {
        exit_code = sim_exit_worse(exit_code,
                                   sweep_naive(show, options, overrides, &scenario->naives[i]));
    }
    if (scenario != NULL && scenario->naive_count == 0) {
        printf("%s: names no naive variant\n", path);
    }
    sim_scenario_free(scenario);
    return exit_code;
}

int
sim_command_sweep(int count, char **words)
{
    g_autoptr(SimOptions) options = sim_options_parse("sweep", sim_sweep_options, count, words);
    SimOverrides overrides = {0};
    Show show = {0};
    int worst = SIM_EXIT_HELD;

    if (options == NULL || !sim_overrides_of("sweep", options, &overrides) ||
        !sim_options_when(options, "color", stdout, &show.color) ||
        !sim_options_when(options, "progress", stderr, &show.progress)) {
        return SIM_EXIT_USAGE;
    }
    show.json = sim_options_has(options, "json");
    show.quiet = sim_options_has(options, "quiet");
    show.verbose = sim_options_has(options, "verbose");
    if (sim_options_words(options)[0] == NULL) {
        return sim_options_usage("sweep", "which file?");
    }
    for (char *const *path = sim_options_words(options); *path != NULL; path++) {
        int exit_code = sim_options_has(options, "naive")
                            ? sweep_naives(*path, options, &overrides, show)
                            : sweep_file(*path, options, &overrides, show);
        worst = sim_exit_worse(worst, exit_code);
    }
    return fflush(stdout) != 0 || ferror(stdout) != 0 ? SIM_EXIT_IO : worst;
}
