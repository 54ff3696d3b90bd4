/* live_talk.h - one question after the other to a process, and its answers; for the end of a
 * run.
 *
 * Waits for each answer, at most TALK_PATIENCE_S. Memory: the caller's; begin with
 * sim_talk_to(), end with sim_talk_end(). Threads: one.
 */
#ifndef SIM_LIVE_TALK_H
#define SIM_LIVE_TALK_H

#include <glib.h>
#include <orrery/resp.h>

#include "world.h"

#define SIM_TALK_PATIENCE_S 5

typedef struct SimTalk {
    int fd;
    GByteArray *in;
    size_t used;
} SimTalk;

/* False: nobody takes the call. To be ended all the same. */
bool sim_talk_to(SimTalk *talk, const SimHost *host);
bool sim_talk_send(SimTalk *talk, const char *bytes, size_t size);
/* The next answer, which is no container; its text is lent until the next call. False: none
 * came in time, or it is no RESP. */
bool sim_talk_answer(SimTalk *talk, OrrItem *item);
void sim_talk_end(SimTalk *talk);

#endif
