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

#define FAILURES_SHOWN 20u

const SimOption sim_sweep_options[] = {
    {"seeds", 0, "A..B", "The seeds; otherwise those that the file names"},
    {"jobs", 'j', "N", "Processes at once; otherwise one for each processor"},
    {"shard", 0, "I/N", "Only every Nth seed, from the Ith on: for several machines"},
    {"set", 0, "KEY=VALUE", "Change a key of the file, or a setting of nodes"},
    {"plant", 0, "NAME", "Bring a bug back (only in builds for tests)"},
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
    g_autofree char *repeat = sim_repeat_command(show->path, seed->seed, show->overrides, NULL);
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
                printf(": %s", seed->values[i].text);
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
    g_autofree char *repeat = sim_repeat_command(show->path, seed->seed, show->overrides, NULL);

    printf("{\"type\":\"seed\",\"seed\":%" G_GUINT64_FORMAT
           ",\"exit_code\":%d,\"verdict\":\"%s\",\"digest\":\"%016" G_GINT64_MODIFIER
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
    const char *text;
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
        spread.text = value->text;
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
print_spread(const Show *show, const Spread *spread)
{
    const char *mark = spread->failed > 0 ? "✗" : spread->undecided > 0 ? "?" : "✓";
    const char *paint = !show->color ? "" : spread->failed > 0 ? "\033[31m" : "\033[32m";

    if (spread->held + spread->failed + spread->undecided == 0) {
        return; /* belongs to another mode */
    }
    printf("  %s%s%s %s", paint, mark, show->color ? "\033[0m" : "", spread->text);
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
print_spread_json(const Spread *spread)
{
    printf("{\"type\":\"expectation\",\"text\":");
    put_json(spread->text);
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
    unsigned count = 0;

    for (guint i = 0; i < seeds->len; i++) {
        count = MAX(count, ((const SimSweepSeed *)seeds->pdata[i])->value_count);
    }
    for (unsigned i = 0; i < count; i++) {
        Spread spread = spread_of(seeds, i);

        if (show->json) {
            print_spread_json(&spread);
        } else if (!show->quiet) {
            print_spread(show, &spread);
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
        printf("{\"type\":\"verdict\",\"scenario\":");
        put_json(show->scenario->name);
        printf(",\"exit_code\":%d,\"seeds\":%u,\"failed\":%u}\n", worst, seeds->len, failed);
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
    SimSweepPlan plan = {0};
    g_autoptr(GPtrArray) seeds = NULL;

    if (scenario == NULL) {
        return exit_code;
    }
    if (!sim_sweep_plan("sweep", options, scenario, &plan)) {
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
        int exit_code = sweep_file(*path, options, &overrides, show);
        worst = sim_exit_worse(worst, exit_code);
    }
    return fflush(stdout) != 0 || ferror(stdout) != 0 ? SIM_EXIT_IO : worst;
}
