/* manual.h - orrery-scenario(5), out of the tables of the grammar, as source for scdoc. */
#ifndef SIM_MANUAL_H
#define SIM_MANUAL_H

/* Writes it to standard output; returns an exit code. */
int sim_explain_manual(void);

#endif
