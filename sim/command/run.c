#include "run.h"

#include "live.h"
#include "report.h"
#include "world.h"

#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <inttypes.h>

#define PROGRESS_EVENTS (UINT64_C(1) << 15) /* between two looks at the real clock */
#define PROGRESS_US 200000                  /* between two progress lines */

typedef struct Files {
    FILE *trace;
    FILE *events;
    bool failed;
} Files;

static FILE *
open_file(const char *directory, const char *name, bool *failed)
{
    g_autofree char *path =
        directory != NULL ? g_build_filename(directory, name, NULL) : g_strdup(name);
    FILE *file = g_fopen(path, "w");

    if (file == NULL) {
        fprintf(stderr, "orrery: cannot write %s: %s\n", path, g_strerror(errno));
        *failed = true;
    }
    return file;
}

static Files
open_files(const SimRunOptions *options)
{
    Files files = {NULL, NULL, false};

    if (options->output_dir != NULL && g_mkdir_with_parents(options->output_dir, 0777) != 0) {
        fprintf(stderr, "orrery: cannot make %s: %s\n", options->output_dir, g_strerror(errno));
        files.failed = true;
        return files;
    }
    if (options->trace_path != NULL) {
        files.trace = open_file(NULL, options->trace_path, &files.failed);
    } else if (options->output_dir != NULL) {
        files.trace = open_file(options->output_dir, "trace.txt", &files.failed);
    }
    if (options->output_dir != NULL && !files.failed) {
        files.events = open_file(options->output_dir, "events.jsonl", &files.failed);
    }
    return files;
}

static void
close_file(FILE *file, const char *name, Files *files)
{
    if (file != NULL) {
        bool broken = ferror(file) != 0;

        if (fclose(file) != 0 || broken) {
            fprintf(stderr, "orrery: writing the %s failed\n", name);
            files->failed = true;
        }
    }
}

static void
print_progress(const SimWorld *world, double real_s)
{
    double virtual_s = (double)world->now_ns / 1e9;

    fprintf(stderr, "\r\033[K%.1f s simulated, %.0f x real time", virtual_s,
            virtual_s / MAX(real_s, 1e-6));
    fflush(stderr);
}

/* To the end; returns the real time that it took. */
static double
run_to_end(SimWorld *world, bool progress)
{
    gint64 begun = g_get_monotonic_time();
    gint64 told = begun;

    while (world->live != NULL ? sim_live_step(world) : sim_world_step(world)) {
        if (progress && world->events % PROGRESS_EVENTS == 0) {
            gint64 now = g_get_monotonic_time();

            if (now - told >= PROGRESS_US) {
                print_progress(world, (double)(now - begun) / 1e6);
                told = now;
            }
        }
    }
    if (told != begun) {
        fputs("\r\033[K", stderr);
    }
    return (double)(g_get_monotonic_time() - begun) / 1e6;
}

static void
fill_result(SimWorld *world, SimRunResult *result)
{
    size_t count = sim_judge_count(world);

    result->exit_code = sim_judge_exit_code(world);
    result->digest = world->digest;
    result->virtual_ns = world->now_ns;
    result->events = world->events;
    result->measured_count = (unsigned)count;
    result->measured = g_new0(SimMeasured, MAX(count, 1));
    for (size_t i = 0; i < count; i++) {
        SimMeasured *measured = &result->measured[i];

        *measured = *sim_judge_measured(world, i);
        measured->note = g_strdup(measured->note);
        if (measured->at_ns >= 0) {
            measured->at_ns = sim_world_scenario_ns(world, measured->at_ns);
        }
    }
}

static void
write_outputs(SimWorld *world, const SimRunOptions *options, const SimRunResult *result,
              const SimJson *json, Files *files)
{
    SimReportFacts facts = {options, result};
    SimRunOptions plain = *options;
    SimReportFacts plain_facts = {&plain, result};
    FILE *file;

    sim_json_expectations(json);
    sim_json_verdict(json, result, options->repeat);
    if (options->output == SIM_OUTPUT_REPORT && options->out != NULL) {
        sim_report_text(options->out, world, &facts);
    }
    if (options->output_dir == NULL) {
        return;
    }
    plain.color = false;
    plain.verbosity = 1;
    file = open_file(options->output_dir, "report.txt", &files->failed);
    if (file != NULL) {
        sim_report_text(file, world, &plain_facts);
        close_file(file, "report", files);
    }
    file = open_file(options->output_dir, "history.jsonl", &files->failed);
    if (file != NULL) {
        sim_json_history(file, world);
        close_file(file, "history", files);
    }
}

int
sim_run(const SimScenario *scenario, const SimRunOptions *options, SimRunResult *result)
{
    Files files = open_files(options);
    SimWorldOptions world_options = {
        .seed = options->seed, .trace = files.trace, .live = options->live};
    SimWorld *world;
    SimJson json = {NULL, {NULL, NULL}};

    *result = (SimRunResult){.exit_code = SIM_EXIT_IO, .seed = options->seed};
    if (files.failed) {
        close_file(files.trace, "trace", &files);
        close_file(files.events, "events", &files);
        return result->exit_code;
    }
    world = sim_world_new(scenario, &world_options);
    json.world = world;
    json.out[0] = options->output == SIM_OUTPUT_JSON ? options->out : NULL;
    json.out[1] = files.events;
    if (json.out[0] != NULL || json.out[1] != NULL) {
        sim_story_listen(world->story, sim_json_on_story, &json);
    }
    result->real_s = run_to_end(world, options->progress);
    sim_live_end(options->live);
    fill_result(world, result);
    if (!sim_live_interrupted()) {
        write_outputs(world, options, result, &json, &files);
    }
    close_file(files.trace, "trace", &files);
    close_file(files.events, "events", &files);
    sim_live_free(options->live);
    sim_world_free(world);
    if (files.failed) {
        result->exit_code = SIM_EXIT_IO;
    }
    if (sim_live_interrupted()) {
        result->exit_code = SIM_EXIT_INTERRUPTED;
    }
    return result->exit_code;
}

void
sim_run_result_clear(SimRunResult *result)
{
    for (unsigned i = 0; i < result->measured_count; i++) {
        g_free((char *)(uintptr_t)result->measured[i].note);
    }
    g_free(result->measured);
    result->measured = NULL;
    result->measured_count = 0;
}
