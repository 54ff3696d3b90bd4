/* command.h - the subcommands of `orrery`, one row each.
 *
 * A subcommand is a function that gets the words after its name and returns an exit code of
 * run.h. Whoever adds one writes sim/command_NAME.c with that function, declares it here and
 * adds a row to the table in main.c; help and shell completion follow by themselves.
 */
#ifndef SIM_COMMAND_H
#define SIM_COMMAND_H

#include "option.h"
#include "run.h"

typedef int (*SimCommandFunc)(int count, char **words);

typedef struct SimCommand {
    const char *name;
    const char *usage; /* what follows the name: "[options] FILE" */
    const char *brief; /* one line, no full stop */
    SimCommandFunc run;
    const SimOption *options; /* for help and completion; NULL: it has its own */
} SimCommand;

/* The table, ended by a row without a name. */
const SimCommand *sim_commands(void);
/* NULL: there is none of this name. */
const SimCommand *sim_command_find(const char *name);

/* The option tables of commands that are not written in this folder. */
extern const SimOption sim_command_place_options[];
extern const SimOption sim_command_slot_options[];
extern const SimOption sim_command_balance_options[];
extern const SimOption sim_command_top_options[];

int sim_command_run(int count, char **words);
int sim_command_check(int count, char **words);
int sim_command_explain(int count, char **words);
int sim_command_sweep(int count, char **words);
int sim_command_naive(int count, char **words);
int sim_command_place(int count, char **words);
int sim_command_slot(int count, char **words);
int sim_command_balance(int count, char **words);
int sim_command_top(int count, char **words);
int sim_command_help(int count, char **words);
int sim_command_completion(int count, char **words);

#endif
