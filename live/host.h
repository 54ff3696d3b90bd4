/* host.h - the node on a real machine: events in, effects performed, in the order of sim/world.
 *
 *     loop, link, clients, files -- event --> orr_node_step() -- effects --> perform, in order
 *                                                             -- deadline --> timer
 *
 * What this host does that the simulator's does not, or the other way round, is a defect.
 */
#ifndef LIVE_HOST_H
#define LIVE_HOST_H

#include <orrery/node.h>

#include "conf.h"
#include "loop.h"

typedef struct LiveHost LiveHost;

/* Binds, locks and reads the directory, boots the node. NULL: *why, owned by the caller. The
 * configuration is lent. */
LiveHost *live_host_new(LiveLoop *loop, LiveConf *conf, char **why);
void live_host_free(LiveHost *host);
/* Until a signal asks to leave: then everything that was acknowledged is synced. False: it
 * could not be. */
bool live_host_run(LiveHost *host);

#endif
