/* clock.h - the wall clock that the cluster agrees on.
 *
 * A host's wall clock may step by an hour (an operator, a leap second, a dead battery); data
 * must not expire, nor live on, for that. So a node's cluster clock goes on by the monotonic
 * clock from where it was at boot, follows its host's wall clock only as far as that drifts,
 * and steps only to agree with the median of its peers. Policy: a time to live is off by the
 * drift of a clock, never by a step of one.
 */
#ifndef ORR_NODE_CLOCK_H
#define ORR_NODE_CLOCK_H

#include <orrery/context.h>

typedef struct OrrClusterClock {
    OrrTime base_mono_ns;
    int64_t base_ms;
    bool held; /* the host's clock is not believed now */
} OrrClusterClock;

#define ORR_CLOCK_STEP_MS 500 /* more than this between two looks is a step, not drift */

void orr_cluster_clock_boot(OrrClusterClock *clock, OrrNow now);
int64_t orr_cluster_clock_ms(const OrrClusterClock *clock, OrrNow now);
/* Once a heartbeat: follows drift, holds against steps, agrees with the peers. */
void orr_cluster_clock_discipline(OrrClusterClock *clock, OrrNow now, OrrContext *context,
                                  OrrEffects *out);

#endif
