/* option.h - the options of a subcommand: one table for the parser, help, man page, completion.
 *
 *     --seed 17   --seed=17   -s17   -qv   --   FILE
 *
 * Options may stand before, between and after other words; `--` ends them. An unknown option is
 * answered with the nearest known one.
 */
#ifndef SIM_OPTION_H
#define SIM_OPTION_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct SimOption {
    const char *name;     /* without dashes */
    char letter;          /* or 0 */
    const char *argument; /* "FILE", "N", "auto|always|never"; NULL: a flag */
    const char *brief;    /* one line, no full stop; NULL: not shown */
} SimOption;

#define SIM_OPTION_END ((SimOption){NULL, 0, NULL, NULL})

typedef struct SimOptions SimOptions;

/* Parses `words`. NULL after a message on stderr that names `command`: a usage error. */
SimOptions *sim_options_parse(const char *command, const SimOption *table, int count,
                              char **words);
void sim_options_free(SimOptions *options);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SimOptions, sim_options_free)
bool sim_options_has(const SimOptions *options, const char *name);
/* The last argument given, or NULL. */
const char *sim_options_get(const SimOptions *options, const char *name);
/* All arguments given, in order; NULL-terminated, lent. */
char *const *sim_options_all(const SimOptions *options, const char *name);
/* The words that are no options; NULL-terminated, lent. */
char *const *sim_options_words(const SimOptions *options);
/* A whole number in [low, high]; `value` is unchanged if it was not given. False after a
 * message. */
bool sim_options_number(const SimOptions *options, const char *name, uint64_t low,
                        uint64_t high, uint64_t *value);
/* auto|always|never for `stream`: auto is yes on a terminal, for colour unless NO_COLOR is set.
 * False after a message. */
bool sim_options_when(const SimOptions *options, const char *name, FILE *stream, bool *value);
/* Says what is wrong with the command line, as "orrery COMMAND: ..."; returns 64. */
int sim_options_usage(const char *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Prints the table for people. */
void sim_options_print(const SimOption *table, FILE *out);

#endif
