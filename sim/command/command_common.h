/* command_common.h - what `run` and `sweep` have in common: overrides, repeating, verdicts. */
#ifndef SIM_COMMAND_COMMON_H
#define SIM_COMMAND_COMMON_H

#include "option.h"
#include "run.h"

/* --set and --plant of a command line; false after a message. Texts are lent by `options`. */
bool sim_overrides_of(const char *command, const SimOptions *options, SimOverrides *overrides);
/* False, and the nearest name (or NULL) in *nearest. */
bool sim_plant_is_known(const char *name, const char **nearest);
/* The command that runs this seed of this file again; owned by the caller. `live` are options
 * to be repeated, or NULL. */
char *sim_repeat_command(const char *path, uint64_t seed, const SimOverrides *overrides,
                         const char *live);
/* The worse of two exit codes: usage and I/O over unsafe over late over undecided over held. */
int sim_exit_worse(int a, int b);
/* A measured value as a person reads it: "6.512s", "99.97%", "12"; owned by the caller. */
char *sim_value_text(SimUnit unit, int64_t value);

#endif
