/* command_options.h - the option tables of the subcommands, for the table in main.c. */
#ifndef SIM_COMMAND_OPTIONS_H
#define SIM_COMMAND_OPTIONS_H

#include "option.h"

extern const SimOption sim_check_options[];
extern const SimOption sim_run_options[];
extern const SimOption sim_sweep_options[];
extern const SimOption sim_naive_options[];
extern const SimOption sim_explain_options[];
extern const SimOption sim_completion_options[];

#endif
