/* arguments.h - the command line of one subcommand: GOption, and an answer to a slip.
 *
 * An unknown option is answered with the nearest known one, help goes to standard output, and
 * every fault to standard error as "orrery NAME: what (what to do)".
 */
#ifndef SIM_BALANCE_ARGUMENTS_H
#define SIM_BALANCE_ARGUMENTS_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct SimArguments {
    const char *command;         /* "place" */
    const char *usage;           /* "[options] [KEY...]" */
    const char *summary;         /* one sentence */
    const char *description;     /* what stands below the options */
    const GOptionEntry *entries; /* without --help */
} SimArguments;

/* Fills the entries' variables from the words behind the command's name. True: go on. False:
 * `exit_code` is what to return, 0 after help, 64 after a message. */
bool sim_arguments_parse(const SimArguments *self, int count, char **words, int *exit_code);
/* Prints the fault and frees it; returns the exit code that it carries. */
int sim_arguments_fault(const char *command, GError *error);

/* The name nearest to `word` of a NULL-terminated list, if it is near enough; or NULL. */
const char *sim_arguments_nearest(const char *word, const char *const *names);
/* Whole number in [low, high], nothing before or behind it; sets a usage fault otherwise. */
bool sim_arguments_number(const char *what, const char *text, uint64_t low, uint64_t high,
                          uint64_t *number, GError **error);
/* The same for a decimal number, always with a point, whatever the locale. */
bool sim_arguments_decimal(const char *what, const char *text, double low, double high,
                           double *number, GError **error);

#endif
