/* orrery balance: how evenly each algorithm spreads keys, what changes move, what lookups cost.
 */
#include "command.h"

#include "arguments.h"
#include "fault.h"
#include "option.h"
#include "popularity.h"
#include "report.h"
#include <math.h>
#include <unistd.h>

#define LIST_MAX 64u
#define CASES_MAX 4096u
#define SEEDS_DEFAULT 40u
#define CHANGE_SEEDS_DEFAULT 8u
#define TIMING_PASSES 3u

const SimOption sim_command_balance_options[] = {
    {"algorithms", 'a', "NAME,...", "Which ones (all); orrery place --list shows them"},
    {"nodes", 'n', "N,...|FILE", "How many nodes, or a file of them (10)"},
    {"points", 0, "V,...", "Points of a node on a ring (160)"},
    {"keys", 'k', "SOURCE",
     "words, packages, paths, a number, or [keys:|counts:|trace:]FILE (words)"},
    {"zipf", 0, "S,...", "Popularity by Zipf's law with this exponent (0: equal, or recorded)"},
    {"seeds", 0, "K", "Trials of each, with other hashes, names and luck (40)"},
    {"change", 'c', "CHANGE,...", "add:1, remove:10%, reweigh:1x2 (add:1,remove:1,reweigh:1)"},
    {"bound", 0, "E", "Excess over the due share, ring-bounded (0.25)"},
    {"seed", 's', "N", "Of every random choice (1)"},
    {"output", 'o', "DIR", "Write CSV files there, and plots where gnuplot is installed"},
    {"json", 0, NULL, "One JSON object a line on standard output"},
    {"csv", 0, NULL, "Comma-separated values on standard output"},
    {"no-time", 0, NULL, "Measure no times: then the same seed gives the same bytes"},
    {"jobs", 'j', "N", "Threads (as many as there are processors)"},
    {"progress", 0, "auto|always|never", "A line on standard error that keeps changing"},
    {"color", 0, "auto|always|never", "Colours in the table"},
    {"quiet", 'q', NULL, "The verdict only"},
    {"help", 'h', NULL, "Show this help"},
    {NULL, 0, NULL, NULL},
};

/* Everything the command line said, read and checked. */
typedef struct Request {
    const OrrPlacementInfo *algorithms[ORR_PLACEMENT_ALGORITHM_COUNT];
    size_t algorithm_count;
    uint64_t nodes[LIST_MAX];
    size_t nodes_count;
    SimRoster *roster; /* or NULL */
    const char *path;
    double points[LIST_MAX];
    size_t points_count;
    double zipf[LIST_MAX];
    size_t zipf_count;
    uint32_t bound_ppm; /* 0: the default */
    SimChange changes[SIM_CHANGES_MAX];
    SimKeyset *keys;
    OrrBytes *key_bytes;
    SimStudy study;
    uint64_t jobs;
    bool timed;
    bool progress;
    bool color;
} Request;

static void
request_clear(Request *request)
{
    sim_balance_roster_free(request->roster);
    sim_keyset_free(request->keys);
    g_free(request->key_bytes);
}

static bool
read_algorithms(Request *request, const char *text, GError **error)
{
    g_auto(GStrv) names = g_strsplit(text != NULL ? text : "all", ",", -1);
    size_t count = 0;
    const OrrPlacementInfo *rows = orr_placement_algorithms(&count);

    for (size_t i = 0; names[i] != NULL; i++) {
        const OrrPlacementInfo *row = NULL;

        if (strcmp(names[i], "all") == 0) {
            for (size_t all = 0; all < count; all++) {
                request->algorithms[all] = &rows[all];
            }
            request->algorithm_count = count;
            return true;
        }
        row = sim_cluster_algorithm(names[i], error);
        if (row == NULL) {
            return false;
        }
        for (size_t j = 0; j < request->algorithm_count; j++) {
            if (request->algorithms[j] == row) {
                g_set_error(error, SIM_FAULT, SIM_FAULT_USAGE, "--algorithms names %s twice",
                            names[i]);
                return false;
            }
        }
        request->algorithms[request->algorithm_count++] = row;
    }
    return true;
}

static bool
read_list(const char *what, const char *text, double low, double high, bool whole,
          double *values, size_t *count, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(text, ",", -1);

    *count = 0;
    for (size_t i = 0; parts[i] != NULL; i++) {
        uint64_t number = 0;

        if (*count == LIST_MAX) {
            g_set_error(error, SIM_FAULT, SIM_FAULT_USAGE, "%s: at most %u values", what,
                        LIST_MAX);
            return false;
        }
        if (whole) {
            if (!sim_arguments_number(what, parts[i], (uint64_t)low, (uint64_t)high, &number,
                                      error)) {
                return false;
            }
            values[*count] = (double)number;
        } else if (!sim_arguments_decimal(what, parts[i], low, high, &values[*count], error)) {
            return false;
        }
        (*count)++;
    }
    return true;
}

static bool
read_nodes(Request *request, const char *text, GError **error)
{
    double counts[LIST_MAX];

    if (text == NULL) {
        text = "10";
    }
    if (text[0] == '\0' || strspn(text, "0123456789,") == strlen(text)) {
        if (!read_list("--nodes", text, 1, SIM_ROSTER_NODES_MAX, true, counts,
                       &request->nodes_count, error)) {
            return false;
        }
        for (size_t i = 0; i < request->nodes_count; i++) {
            request->nodes[i] = (uint64_t)counts[i];
        }
        return true;
    }
    request->path = text;
    request->roster = sim_roster_load(text, error);
    if (request->roster == NULL) {
        return false;
    }
    if (sim_roster_weight_sum(request->roster) == 0) {
        g_set_error(error, SIM_FAULT, SIM_FAULT_DATA,
                    "%s:1:1: all nodes have weight 0, so nobody may own a key", text);
        return false;
    }
    request->nodes[0] = request->roster->count;
    request->nodes_count = 1;
    return true;
}

static bool
read_changes(Request *request, const SimOptions *options, GError **error)
{
    static char standard_text[] = "add:1,remove:1,reweigh:1";
    static char *const standard[] = {standard_text, NULL};
    char *const *words =
        sim_options_has(options, "change") ? sim_options_all(options, "change") : standard;
    size_t count = 0;

    for (size_t i = 0; words[i] != NULL; i++) {
        g_auto(GStrv) parts = g_strsplit(words[i], ",", -1);

        for (size_t j = 0; parts[j] != NULL; j++) {
            if (count == SIM_CHANGES_MAX) {
                g_set_error(error, SIM_FAULT, SIM_FAULT_USAGE, "--change: at most %u changes",
                            SIM_CHANGES_MAX);
                return false;
            }
            if (!sim_change_parse(parts[j], &request->changes[count], error)) {
                return false;
            }
            count++;
        }
    }
    request->study.changes = request->changes;
    request->study.change_count = count;
    return true;
}

static bool
read_number(const SimOptions *options, const char *name, uint64_t low, uint64_t high,
            uint64_t *value, GError **error)
{
    const char *text = sim_options_get(options, name);
    g_autofree char *what = g_strconcat("--", name, NULL);

    return text == NULL || sim_arguments_number(what, text, low, high, value, error);
}

static bool
read_numbers(Request *request, const SimOptions *options, GError **error)
{
    const char *points = sim_options_get(options, "points");
    const char *zipf = sim_options_get(options, "zipf");
    const char *bound = sim_options_get(options, "bound");
    uint64_t seeds = SEEDS_DEFAULT;
    double excess = 0;

    request->study.seed = 1;
    request->jobs = g_get_num_processors();
    if (!read_list("--points", points != NULL ? points : "160", 1, 65536, true, request->points,
                   &request->points_count, error) ||
        !read_list("--zipf", zipf != NULL ? zipf : "0", 0, 10, false, request->zipf,
                   &request->zipf_count, error) ||
        !read_number(options, "seeds", 1, 100000, &seeds, error) ||
        !read_number(options, "seed", 0, UINT64_MAX, &request->study.seed, error) ||
        !read_number(options, "jobs", 1, 1024, &request->jobs, error)) {
        return false;
    }
    if (bound != NULL) {
        if (!sim_arguments_decimal("--bound", bound, 0.000001, 1000, &excess, error)) {
            return false;
        }
        request->bound_ppm = (uint32_t)lround(excess * 1e6);
    }
    request->study.seeds = seeds;
    request->study.change_seeds = MIN(seeds, CHANGE_SEEDS_DEFAULT);
    return true;
}

static bool
read_keys(Request *request, const char *source, GError **error)
{
    request->keys =
        sim_keyset_load(source != NULL ? source : "words", request->study.seed, error);
    if (request->keys == NULL) {
        return false;
    }
    request->key_bytes = g_new(OrrBytes, request->keys->count);
    for (size_t i = 0; i < request->keys->count; i++) {
        request->key_bytes[i] = sim_keyset_key(request->keys, i);
    }
    request->study.keys = request->keys;
    request->study.key_bytes = request->key_bytes;
    return true;
}

static bool
read_request(Request *request, const SimOptions *options, GError **error)
{
    char *const *words = sim_options_words(options);

    if (words[0] != NULL) {
        g_set_error(error, SIM_FAULT, SIM_FAULT_USAGE,
                    "'%s' is no option; keys come from --keys", words[0]);
        return false;
    }
    if (sim_options_has(options, "json") && sim_options_has(options, "csv")) {
        g_set_error(error, SIM_FAULT, SIM_FAULT_USAGE, "--json and --csv exclude each other");
        return false;
    }
    request->timed = !sim_options_has(options, "no-time");
    return read_algorithms(request, sim_options_get(options, "algorithms"), error) &&
           read_numbers(request, options, error) &&
           read_nodes(request, sim_options_get(options, "nodes"), error) &&
           read_changes(request, options, error) &&
           read_keys(request, sim_options_get(options, "keys"), error);
}

/* Ketama's points are part of its definition, and multi-probe is about having only one. */
static bool
takes_points(OrrPlacementAlgorithm algorithm)
{
    return algorithm == ORR_PLACEMENT_RING || algorithm == ORR_PLACEMENT_RING_NEAREST ||
           algorithm == ORR_PLACEMENT_RING_BOUNDED || algorithm == ORR_PLACEMENT_SLOTS_RING;
}

/* Situations outside, algorithms inside: a table for each situation. */
static SimCase *
make_cases(const Request *request, size_t *count, GError **error)
{
    size_t situations = request->nodes_count * request->points_count * request->zipf_count;
    SimCase *cases;

    *count = situations * request->algorithm_count;
    if (*count > CASES_MAX) {
        g_set_error(error, SIM_FAULT, SIM_FAULT_USAGE,
                    "%zu combinations of algorithms, nodes, points and zipf; at most %u",
                    *count, CASES_MAX);
        return NULL;
    }
    cases = g_new0(SimCase, *count);
    for (size_t i = 0; i < *count; i++) {
        size_t rest = i / request->algorithm_count;
        const OrrPlacementInfo *info = request->algorithms[i % request->algorithm_count];
        SimCase *one = &cases[i];

        one->info = info;
        one->options = orr_placement_options(info->algorithm);
        one->zipf = request->zipf[rest % request->zipf_count];
        rest /= request->zipf_count;
        one->points = (uint32_t)request->points[rest % request->points_count];
        if (takes_points(info->algorithm)) {
            one->options.points = one->points;
        }
        if (request->bound_ppm > 0) {
            one->options.bound_ppm = request->bound_ppm;
        }
        one->nodes = (size_t)request->nodes[rest / request->points_count];
        one->roster = request->roster;
        one->path = request->path;
    }
    return cases;
}

/* A line that keeps changing, at most ten times a second. */
typedef struct Progress {
    gint64 begun_us;
    gint64 shown_us;
} Progress;

static void
show_progress(void *user, size_t done, size_t total)
{
    Progress *progress = user;
    gint64 now = g_get_monotonic_time();
    double spent = (double)(now - progress->begun_us) / 1e6;

    if (now - progress->shown_us > 100000) {
        progress->shown_us = now;
        fprintf(stderr, "\r%zu of %zu trials, %.0f s left \033[K", done, total,
                spent * (double)(total - done) / (double)done);
        fflush(stderr);
    }
}

static void
measure_times(const SimStudy *study, SimFigures *figures, size_t count, bool progress)
{
    for (size_t i = 0; i < count * TIMING_PASSES; i++) {
        SimFigures *one = &figures[i % count];
        SimTimes times;

        if (progress) {
            fprintf(stderr, "\rtimes %zu %% \033[K", i * 100 / (count * TIMING_PASSES));
            fflush(stderr);
        }
        if (one->refusal == NULL) {
            times = sim_timing_measure(study, &one->situation);
            sim_timing_keep_least(&one->times, &times);
        }
    }
}

static bool
write_output(const SimOptions *options, const SimStudy *study, const SimFigures *figures,
             size_t count, GError **error)
{
    const char *directory = sim_options_get(options, "output");
    size_t drawn = 0;

    if (directory == NULL) {
        return true;
    }
    if (!sim_report_directory(study, figures, count, directory, error)) {
        return false;
    }
    if (!sim_report_plots(directory, &drawn, error)) {
        if (error != NULL && *error == NULL) {
            g_set_error(error, SIM_FAULT, SIM_FAULT_IO, "%s: gnuplot failed", directory);
        }
        return false;
    }
    if (!sim_options_has(options, "quiet")) {
        fprintf(stderr, "%s: CSV files and %zu pictures%s\n", directory, drawn,
                drawn == 0 ? " (gnuplot or the scripts are missing)" : "");
    }
    return true;
}

static void
report(const Request *request, const SimOptions *options, const SimFigures *figures,
       size_t count)
{
    if (sim_options_has(options, "json")) {
        sim_report_json(&request->study, figures, count, stdout);
    } else if (sim_options_has(options, "csv")) {
        sim_report_csv(&request->study, figures, count, stdout);
    } else if (sim_options_has(options, "quiet")) {
        for (size_t at = 0; at < count;) {
            size_t same = sim_report_situation(figures + at, count - at);

            sim_report_heading(&request->study, &figures[at], request->color, stdout);
            sim_report_verdict(figures + at, same, stdout);
            at += same;
        }
    } else {
        sim_report_table(&request->study, figures, count, request->color, stdout);
    }
}

/* Nothing to show when every algorithm refuses: then the first refusal is the answer. */
static bool
anyone_measured(const SimFigures *figures, size_t count, GError **error)
{
    for (size_t i = 0; i < count; i++) {
        if (figures[i].refusal == NULL) {
            return true;
        }
    }
    g_set_error(error, SIM_FAULT, SIM_FAULT_DATA, "%s", figures[0].refusal);
    return false;
}

static bool
balance(Request *request, const SimOptions *options, GError **error)
{
    Progress progress = {.begun_us = g_get_monotonic_time()};
    size_t count = 0;
    g_autofree SimCase *cases = make_cases(request, &count, error);
    SimFigures *figures;
    bool fine;

    if (cases == NULL) {
        return false;
    }
    figures = sim_study_run(&request->study, cases, count, (unsigned)request->jobs,
                            request->progress ? show_progress : NULL, &progress);
    if (request->timed) {
        measure_times(&request->study, figures, count, request->progress);
    }
    if (request->progress) {
        fputs("\r\033[K", stderr);
    }
    fine = anyone_measured(figures, count, error);
    if (fine) {
        report(request, options, figures, count);
        fine = write_output(options, &request->study, figures, count, error);
    }
    sim_study_free(figures, count, request->study.seeds);
    if (fine && fflush(stdout) != 0) {
        g_set_error(error, SIM_FAULT, SIM_FAULT_IO, "standard output: cannot write");
        return false;
    }
    return fine;
}

int
sim_command_balance(int count, char **words)
{
    g_autoptr(SimOptions) options =
        sim_options_parse("balance", sim_command_balance_options, count, words);
    Request request = {0};
    GError *error = NULL;
    bool fine;

    if (options == NULL || !sim_options_when(options, "progress", stderr, &request.progress) ||
        !sim_options_when(options, "color", stdout, &request.color)) {
        return SIM_EXIT_USAGE;
    }
    sim_stats_begin();
    fine = read_request(&request, options, &error) && balance(&request, options, &error);
    request_clear(&request);
    return fine ? SIM_EXIT_HELD : sim_arguments_fault("balance", error);
}
