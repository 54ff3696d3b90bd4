/* detector.h - who is alive: probes, suspicion by one, failure by a majority, leases.
 *
 *     no answer for N --------> suspected (by me) --- report ---> counted at the accused's
 *     host refuses for 0.3 s -> suspected (dead)  --- report ---> replicas and at five
 * witnesses
 *                                                                        |
 *            refuted by a greater incarnation <--- FAILED <--- majority of voters
 *
 * Liveness is an answered request: a node that can be heard but does not hear is as dead as one
 * that is silent, and its own accusations are those of one voter. A refused connection is
 * evidence that the process is gone, so it does not wait for the timeout; a node that is not
 * heard at all may be behind a broken link, so it does.
 *
 * The same probes carry leases. A primary asks for one with each PING; a voter that grants it
 * does not vote for a successor before N has passed, unless the primary is known to be dead or
 * agrees. A primary that no majority has granted a lease sent within N stops serving. So the
 * old owner has stopped before a new one can be elected, whatever the network does, as long as
 * monotonic clocks run at rates within ORR_LEASE_MARGIN of each other.
 *
 * A node that answers probes at once may yet be slow: probes have a lane of their own. Where
 * slowness matters (slow_threshold_ns), an echo goes by the lane of the data, behind the work,
 * and a majority that waits for it says so: slow is no failure, but an owner that hears of it
 * can give its slots away.
 *
 * Cost: `probe_fanout` probes a heartbeat and node, plus, for a primary, enough to reach each
 * voter within the timeout. Doubts travel as gossip, so that the voters look at a silent node
 * even where each of them probes but few.
 *
 * Sources: Redis Cluster specification, "Failure detection" (PFAIL, FAIL, reports that expire);
 * Das, Gupta, Motivala, "SWIM", DSN 2002 (probing in turn, incarnations); Gray and Cheriton,
 * "Leases", SOSP 1989.
 */
#ifndef ORRERY_DETECTOR_H
#define ORRERY_DETECTOR_H

#include <orrery/context.h>
#include <orrery/gossip.h>

ORR_BEGIN_DECLS

typedef struct OrrDetector OrrDetector;

#define ORR_LEASE_MARGIN 50u /* a lease is used for N - N / 50 */
#define ORR_WITNESSES 5u     /* voters that count the reports about a node */
#define ORR_REPORT_LIFE 2u   /* a report counts for so many node timeouts */

ORR_API OrrDetector *orr_detector_new(OrrContext *context);
ORR_API void orr_detector_free(OrrDetector *detector);

/* Begins probing. */
ORR_API void orr_detector_boot(OrrDetector *detector, OrrTime now_ns);
/* A PING, PONG or MEET of a member. PINGs and MEETs are answered. */
ORR_API void orr_detector_on_pulse(OrrDetector *detector, OrrTime now_ns,
                                   const OrrAddress *from, OrrMember *peer,
                                   const OrrMessage *message, OrrEffects *out);
/* Any other frame of a member has come: proves nothing, unless a bug is planted. */
ORR_API void orr_detector_on_frame(OrrDetector *detector, OrrMember *peer);
/* ECHO and ECHO_BACK: how long work waits at a member, where settings.slow_threshold_ns asks.
 */
ORR_API void orr_detector_on_echo(OrrDetector *detector, OrrTime now_ns, OrrMember *peer,
                                  const OrrMessage *message, OrrEffects *out);
/* A member's report about another, or about this node. */
ORR_API void orr_detector_on_report(OrrDetector *detector, OrrTime now_ns, OrrMember *accuser,
                                    const OrrReport *report, OrrEffects *out);
/* The way to a peer broke or its host refuses. */
ORR_API void orr_detector_on_link(OrrDetector *detector, OrrTime now_ns, OrrMember *peer,
                                  OrrLinkState state, OrrEffects *out);
/* Gossip says that a member did not answer somebody. */
ORR_API void orr_detector_on_doubt(OrrDetector *detector, OrrTime now_ns, OrrMember *peer,
                                   OrrEffects *out);
ORR_API void orr_detector_time(OrrDetector *detector, OrrTime now_ns, OrrEffects *out);
ORR_API OrrTime orr_detector_deadline(const OrrDetector *detector);

/* Sends a probe now. */
ORR_API void orr_detector_probe(OrrDetector *detector, OrrTime now_ns, OrrMember *peer,
                                OrrEffects *out);
/* Sends MEET to an address whose node is not known yet. */
ORR_API void orr_detector_meet(OrrDetector *detector, OrrTime now_ns, const OrrAddress *at,
                               OrrEffects *out);

/* Answers the MEET of a node that is not a member, so that it learns of this cluster. */
ORR_API void orr_detector_welcome(OrrDetector *detector, OrrTime now_ns, const OrrAddress *to,
                                  const OrrMessage *question, OrrEffects *out);

/* Until when a majority of the voters lets this node serve, as far as it knows; it may have
 * passed. */
ORR_API OrrTime orr_detector_lease(OrrDetector *detector, OrrTime now_ns);
/* True while a lease that this voter granted stands in the way of `candidate`. That of the
 * member that agrees (NULL: nobody does) does not. */
ORR_API bool orr_detector_lease_stands(const OrrDetector *detector, OrrTime now_ns,
                                       const OrrShard *shard, const OrrId *candidate,
                                       const OrrId *consenting);
/* The owner agrees to be followed, by whoever wins `epoch`: the lease it has does not stand in
 * the way of a lease for that winner. It serves no more by it (OrrContext.yielding). */
ORR_API void orr_detector_yield(OrrMember *owner, uint64_t epoch);
/* The voter promises the shard to this candidate for N: no lease to others meanwhile. `epoch`
 * is that of its vote. */
ORR_API void orr_detector_promise(OrrDetector *detector, OrrTime now_ns, OrrMember *candidate,
                                  uint64_t epoch);
/* The candidate has given up the attempt of that epoch: the promise is void. */
ORR_API void orr_detector_release(OrrMember *candidate, uint64_t epoch);

/* The electorate: the voters that there were when this node won its shard, the old primary
 * among them. Its claim changes who has a vote, and two of three voters as they were and two of
 * three as they are need not share a member. So until a majority of the electorate has granted
 * a lease by a probe sent after `since_ns`, and thus knows of the claim, the winner's lease
 * needs a majority of both. An empty electorate binds nobody: where all members vote, a claim
 * changes no voter. (Ongaro, "Consensus: Bridging Theory and Practice", section 4.3, joint
 * consensus; here only the new primary waits for it.) */
ORR_API void orr_detector_elected(OrrDetector *detector, OrrTime since_ns, const OrrId *voters,
                                  size_t count);
ORR_API size_t orr_detector_electorate(const OrrDetector *detector, const OrrId **voters);
/* True while this node itself believes the member's process is dead. */
ORR_API bool orr_detector_process_dead(const OrrDetector *detector, const OrrMember *member);
/* True once a peer's digests have equalled ours since boot. */
ORR_API bool orr_detector_synced(const OrrDetector *detector);

ORR_END_DECLS

#endif
