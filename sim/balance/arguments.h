/* arguments.h - what the values of options mean, and how faults are told.
 */
#ifndef SIM_BALANCE_ARGUMENTS_H
#define SIM_BALANCE_ARGUMENTS_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
