/* process.h - what the process asks of the system it runs on: descriptors, signals, and the
 * word of a service manager.
 */
#ifndef LIVE_PROCESS_H
#define LIVE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#define LIVE_PROCESS_OTHER_FILES                                                               \
    192u /* descriptors that are not clients: files, peers, ...                                \
          */

/* A failed write is an answer, never a signal. */
void live_process_begin(void);
/* Raises the limit of descriptors so that `clients` fit. Returns how many do. */
uint32_t live_process_raise(uint32_t clients);
/* NULL, or why so many clients cannot be had, owned by the caller; raises the limit, too. */
char *live_process_check(uint32_t clients);

#endif
