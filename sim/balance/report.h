/* report.h - the figures of a study, for eyes and for machines.
 *
 * JSON Lines and CSV have the same fields with the same names; README.md of plots/ lists them.
 * What is not known (no law, refused change, no timing) is null in JSON and empty in CSV.
 */
#ifndef SIM_BALANCE_REPORT_H
#define SIM_BALANCE_REPORT_H

#include "study.h"
#include <stdio.h>

/* One object, or one line, for each case. CSV begins with its header. */
void sim_report_json(const SimStudy *study, const SimFigures *figures, size_t count, FILE *out);
void sim_report_csv(const SimStudy *study, const SimFigures *figures, size_t count, FILE *out);

/* A table for each situation (nodes, points, popularity), one row for each algorithm. */
void sim_report_table(const SimStudy *study, const SimFigures *figures, size_t count,
                      bool color, FILE *out);

/* One line that names the situation of a case. */
void sim_report_heading(const SimStudy *study, const SimFigures *first, bool color, FILE *out);

/* Which algorithm for which need, in words, of one situation. */
void sim_report_verdict(const SimFigures *figures, size_t count, FILE *out);

/* Cases of one situation stand together: how many, from the first one on. */
size_t sim_report_situation(const SimFigures *figures, size_t count);

/* Writes balance.csv, shares.csv, lorenz.csv, law.csv, moves.csv and takeover.csv into a
 * directory, which is made if it is not there. */
bool sim_report_directory(const SimStudy *study, const SimFigures *figures, size_t count,
                          const char *directory, GError **error);
/* Draws what those files hold, by gnuplot; `*drawn` pictures. Without gnuplot none, and no
 * fault. */
bool sim_report_plots(const char *directory, size_t *drawn, GError **error);

#endif
