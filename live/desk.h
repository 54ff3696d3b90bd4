/* desk.h - commands of clients that the host answers, not the node: CONFIG.
 *
 *     node -- ASK effect --> desk -- before the loop waits --> its answer -- ANSWER event -->
 * node
 *
 * They queue, one for each client at most, and are answered in the order they came, never from
 * inside of a step.
 */
#ifndef LIVE_DESK_H
#define LIVE_DESK_H

#include <orrery/effects.h>

#include "conf.h"

typedef struct LiveDesk LiveDesk;

/* Calls `answer` once for each question, with one reply. */
LiveDesk *live_desk_new(LiveConf *conf,
                        void (*answer)(void *user, uint64_t client, OrrBytes bytes),
                        void *user);
void live_desk_free(LiveDesk *desk);
/* Queues an ASK effect. */
void live_desk_ask(LiveDesk *desk, const OrrEffect *effect);
/* Answers what is queued. */
void live_desk_work(LiveDesk *desk);

#endif
