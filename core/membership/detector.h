/* detector.h - the parts of the failure detector, for each other. Private.
 *
 *   detector.c  probes out, answers in, timers
 *   verdict.c   suspicion, reports, the majority's verdict, slowness
 *   lease.c     what is granted, what is held
 */
#ifndef ORR_MEMBERSHIP_DETECTOR_H
#define ORR_MEMBERSHIP_DETECTOR_H

#include <orrery/detector.h>

#include "membership/reports.h"

struct OrrDetector {
    OrrContext *context;
    OrrTime tick_at;
    OrrTime quick_at; /* the earliest probe_again of all */
    OrrTime hurry_at; /* when a primary without a lease asks again */
    OrrTime last_time;
    size_t cursor;       /* whom to probe next, in turn */
    size_t voter_cursor; /* the same among voters, for a primary */
    OrrTime *scratch;    /* for the lease: one per voter */
    size_t scratch_room;
    OrrTime lease_until; /* as computed last */
    OrrTime judged_at;   /* not before, where there is none */
    bool lease_stale;
    uint64_t lease_change; /* of members->voters_change, when it was computed */
    OrrId *electors;       /* by whom this node was elected, until they know it; lease.c */
    size_t elector_count;  /* 0: none to wait for */
    OrrTime elected_at;
    bool synced;
};

/* verdict.c */
void orr_verdict_judge(OrrDetector *detector, OrrTime now_ns, OrrMember *peer, OrrEffects *out);
void orr_verdict_answered(OrrDetector *detector, OrrTime now_ns, OrrMember *peer,
                          OrrEffects *out);
void orr_verdict_doubt(OrrDetector *detector, OrrTime now_ns, OrrMember *peer, OrrEffects *out);

/* lease.c */
bool orr_lease_may_grant(const OrrDetector *detector, OrrTime now_ns, const OrrMember *owner,
                         const OrrPulse *pulse);

/* Ticks in a heartbeat: probes are spread over it. */
#define ORR_TICKS 4

#endif
