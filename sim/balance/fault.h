/* fault.h - what a person has to repair, and the exit code that says of which kind it is.
 *
 * Every GError of this folder is of this domain, and its code is the exit code of the command.
 */
#ifndef SIM_BALANCE_FAULT_H
#define SIM_BALANCE_FAULT_H

#include <glib.h>

#define SIM_FAULT (sim_fault_quark())

typedef enum SimFault {
    SIM_FAULT_USAGE = 64,   /* the command line */
    SIM_FAULT_DATA = 65,    /* what a file says; the message begins with file:line:column */
    SIM_FAULT_NO_FILE = 66, /* a file that is not there or may not be read */
    SIM_FAULT_IO = 74,      /* reading or writing failed half-way */
} SimFault;

GQuark sim_fault_quark(void);

/* Reads a whole file. Free with g_free(). A NUL follows the last byte, not counted in `size`.
 * A missing or forbidden file is NO_FILE, a failing one IO. */
char *sim_fault_read_file(const char *path, size_t *size, GError **error);

#endif
