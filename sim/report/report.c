#include "report.h"
#include "client.h"
#include "live.h"

#include <glib.h>
#include <inttypes.h>

#define TIMELINE_MAX 70u /* lines shown without -v: the first and the last of them */

static const char *
paint(bool color, const char *code)
{
    return color ? code : "";
}

void
sim_report_time(const SimWorld *world, OrrTime at, char *text, size_t size)
{
    OrrTime time = sim_world_scenario_ns(world, at) / ORR_NS_PER_MS;
    bool negative = time < 0;

    time = negative ? -time : time;
    g_snprintf(text, (gulong)size, "%s%" PRId64 ".%03" PRId64, negative ? "-" : "", time / 1000,
               time % 1000);
}

void
sim_report_value(SimUnit unit, int64_t value, char *text, size_t size)
{
    switch (unit) {
    case SIM_UNIT_NS:
        if (value >= ORR_NS_PER_S || value == 0) {
            g_snprintf(text, (gulong)size, "%.3f s", (double)value / 1e9);
        } else {
            g_snprintf(text, (gulong)size, "%.3f ms", (double)value / 1e6);
        }
        break;
    case SIM_UNIT_PPM:
        g_snprintf(text, (gulong)size, value > 2000000 ? "%.2f x" : "%.3f %%",
                   value > 2000000 ? (double)value / 1e6 : (double)value / 1e4);
        break;
    case SIM_UNIT_BYTES:
        if (value >= 10000000) {
            g_snprintf(text, (gulong)size, "%.1f MB", (double)value / 1e6);
        } else {
            g_snprintf(text, (gulong)size, "%" PRId64 " B", value);
        }
        break;
    case SIM_UNIT_RATE:
        g_snprintf(text, (gulong)size, "%.2f /s", (double)value / 1e6);
        break;
    case SIM_UNIT_COUNT:
        g_snprintf(text, (gulong)size, "%" PRId64, value);
        break;
    }
}

/* ---- head */

static void
print_head(FILE *out, const SimWorld *world, const SimReportFacts *facts)
{
    const SimScenario *scenario = world->scenario;
    const OrrSettings *settings = &scenario->settings;
    bool color = facts->options->color;

    fprintf(out, "%s%s%s\n", paint(color, SIM_COLOR_BOLD), scenario->name,
            paint(color, SIM_COLOR_OFF));
    fprintf(out, "%s  seed %" PRIu64 "  %u nodes, %u shards, %u clients\n", scenario->path,
            facts->options->seed, scenario->node_count, scenario->shard_count,
            sim_clients_count(world));
    fprintf(out, "%s, voters %s, %s, node timeout %.3g s\n",
            settings->coordination == ORR_COORDINATION_LOWEST_ID ? "lowest-id" : "epoch-vote",
            settings->voters == ORR_VOTERS_ALL ? "all" : "primaries",
            settings->replication == ORR_REPLICATION_ASYNC ? "async" : "cache",
            (double)settings->node_timeout_ns / 1e9);
    if (world->live != NULL) {
        sim_live_notes(world->live, out);
    }
    if (scenario->shows != NULL) {
        fprintf(out, "%s%s%s\n", paint(color, SIM_COLOR_DIM), scenario->shows,
                paint(color, SIM_COLOR_OFF));
    }
}

/* ---- timeline */

static bool
is_shown(const SimLine *line, int verbosity)
{
    return line->kind != SIM_LINE_DECIDED || verbosity > 0 ||
           sim_story_is_notable(line->trace.kind);
}

static void
print_line(FILE *out, const SimWorld *world, const SimLine *line, bool color)
{
    static const char *const marks[] = {"·", "!", "▸", "✗"};
    static const char *const colors[] = {SIM_COLOR_DIM, SIM_COLOR_YELLOW, "", SIM_COLOR_RED};
    char text[600];
    char time[32];

    sim_story_tell(world->story, line, text, sizeof text);
    sim_report_time(world, line->at_ns, time, sizeof time);
    fprintf(out, "%s%10s %s %s%s\n", paint(color, colors[line->kind]), time, marks[line->kind],
            text, paint(color, SIM_COLOR_OFF));
}

static void
print_timeline(FILE *out, const SimWorld *world, const SimReportFacts *facts)
{
    size_t count = sim_story_count(world->story);
    int verbosity = facts->options->verbosity;
    size_t shown = 0;
    size_t at = 0;

    for (size_t i = 0; i < count; i++) {
        shown += is_shown(sim_story_at(world->story, i), verbosity);
    }
    fprintf(out, "\nwhat happened (seconds)\n");
    for (size_t i = 0; i < count; i++) {
        const SimLine *line = sim_story_at(world->story, i);

        if (!is_shown(line, verbosity)) {
            continue;
        }
        at++;
        if (verbosity > 0 || shown <= TIMELINE_MAX || at <= TIMELINE_MAX * 2 / 3 ||
            shown - at < TIMELINE_MAX / 3) {
            print_line(out, world, line, facts->options->color);
        } else if (at == TIMELINE_MAX * 2 / 3 + 1) {
            fprintf(out, "%10s   … and %zu more lines (-v shows them all)\n", "",
                    shown - TIMELINE_MAX);
        }
    }
    if (sim_story_dropped(world->story) > 0) {
        fprintf(out, "%10s   … and %" PRIu64 " that found no room\n", "",
                sim_story_dropped(world->story));
    }
}

/* ---- expectations */

static void
print_measured(FILE *out, const SimWorld *world, const SimMeasured *measured, bool color)
{
    static const char *const marks[] = {"✓", "✗", "?", "–"};
    static const char *const colors[] = {SIM_COLOR_GREEN, SIM_COLOR_RED, SIM_COLOR_YELLOW,
                                         SIM_COLOR_DIM};
    char value[64] = "";
    char time[32];

    fprintf(out, "  %s%s%s %s", paint(color, colors[measured->verdict]),
            marks[measured->verdict], paint(color, SIM_COLOR_OFF), measured->text);
    if (measured->has_value) {
        sim_report_value(measured->unit, measured->value, value, sizeof value);
        fprintf(out, "  %s[%s]%s", paint(color, SIM_COLOR_CYAN), value,
                paint(color, SIM_COLOR_OFF));
    }
    if (measured->verdict == SIM_VERDICT_FAILED && measured->at_ns >= 0) {
        sim_report_time(world, measured->at_ns, time, sizeof time);
        fprintf(out, "  at %s s", time);
    }
    if (measured->note != NULL && measured->verdict != SIM_VERDICT_HELD) {
        fprintf(out, "\n      %s%s%s", paint(color, SIM_COLOR_DIM), measured->note,
                paint(color, SIM_COLOR_OFF));
    }
    fputc('\n', out);
}

static void
print_expectations(FILE *out, const SimWorld *world, const SimReportFacts *facts)
{
    fprintf(out, "\nwhat had to hold\n");
    for (size_t i = 0; i < sim_judge_count(world); i++) {
        const SimMeasured *measured = sim_judge_measured(world, i);

        if (measured->verdict != SIM_VERDICT_SKIPPED || facts->options->verbosity > 0) {
            print_measured(out, world, measured, facts->options->color);
        }
    }
}

/* ---- verdict */

static const char *
verdict_text(int exit_code)
{
    switch (exit_code) {
    case SIM_EXIT_HELD:
        return "all held";
    case SIM_EXIT_UNSAFE:
        return "UNSAFE: a safety check failed";
    case SIM_EXIT_LATE:
        return "LATE: a liveness check failed";
    default:
        return "UNDECIDED: a check could not decide";
    }
}

static void
print_verdict(FILE *out, const SimReportFacts *facts)
{
    const SimRunResult *result = facts->result;
    bool color = facts->options->color;
    const char *code = result->exit_code == 0 ? SIM_COLOR_GREEN : SIM_COLOR_RED;

    fprintf(out, "%s%s%s (exit code %d)  seed %" PRIu64 "  digest %016" PRIx64 "\n",
            paint(color, code), verdict_text(result->exit_code), paint(color, SIM_COLOR_OFF),
            result->exit_code, result->seed, result->digest);
    if (facts->options->repeat != NULL) {
        fprintf(out, "again: %s\n", facts->options->repeat);
    }
}

void
sim_report_text(FILE *out, SimWorld *world, const SimReportFacts *facts)
{
    if (facts->options->verbosity >= 0) {
        print_head(out, world, facts);
        print_timeline(out, world, facts);
        sim_report_strips(out, world, facts->options->color);
        sim_report_numbers(out, world, facts);
        print_expectations(out, world, facts);
        fputc('\n', out);
    }
    print_verdict(out, facts);
}
