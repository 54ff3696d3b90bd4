/* report.h - what a run tells: to a person, to a program, and to files.
 *
 * All of it is written from the world as it stands at the end, except JSON Lines, which follow
 * the run. Nothing here changes a world.
 */
#ifndef SIM_REPORT_H
#define SIM_REPORT_H

#include "judge.h"

/* What the report says of the run as a whole. */
typedef struct SimReportFacts {
    const SimRunOptions *options;
    const SimRunResult *result;
} SimReportFacts;

/* The whole report, or with -q only the verdict. */
void sim_report_text(FILE *out, SimWorld *world, const SimReportFacts *facts);
/* Its parts; report_strip.c, report_numbers.c. */
void sim_report_strips(FILE *out, SimWorld *world, bool color);
void sim_report_numbers(FILE *out, SimWorld *world, const SimReportFacts *facts);
/* A measured value with its unit: "10.32 s", "99.12 %", "1700". */
void sim_report_value(SimUnit unit, int64_t value, char *text, size_t size);
/* Virtual time as people read it: "  20.000". */
void sim_report_time(const SimWorld *world, OrrTime at, char *text, size_t size);

/* JSON Lines: report_json.c. A listener for the story; `context` is a SimJson. */
typedef struct SimJson {
    SimWorld *world;
    FILE *out[2]; /* NULL: not there */
} SimJson;
void sim_json_on_story(SimLineKind kind, OrrTime at_ns, const OrrTrace *trace, const char *text,
                       void *context);
void sim_json_expectations(const SimJson *json);
void sim_json_verdict(const SimJson *json, const SimRunResult *result, const char *repeat);
/* Every operation of every client, one line each. */
void sim_json_history(FILE *out, const SimWorld *world);

#define SIM_COLOR_RED "\033[31m"
#define SIM_COLOR_GREEN "\033[32m"
#define SIM_COLOR_YELLOW "\033[33m"
#define SIM_COLOR_CYAN "\033[36m"
#define SIM_COLOR_DIM "\033[2m"
#define SIM_COLOR_BOLD "\033[1m"
#define SIM_COLOR_OFF "\033[0m"

#endif
