/* gossip.h - how facts about members, shards and slots reach everybody.
 *
 *   rumour       a new fact rides on the next few probes, to whomever they go: O(log n) rounds
 *   anti-entropy two nodes whose digests differ exchange the buckets in which they do: heals
 *                whatever rumours missed, after a partition or an absence of any length
 *
 * Every frame fits a datagram. A node with nothing new to tell adds two digests to a probe,
 * however many members and slots there are. What anti-entropy brings by the frame is not told
 * on as rumours: whoever else lacks it sees that by the digests.
 *
 * Source: Demers et al., "Epidemic Algorithms for Replicated Database Maintenance", PODC 1987,
 * sections 1.3 and 1.4; Das, Gupta, Motivala, "SWIM", DSN 2002, section 4.1 (piggybacking).
 * Bounds: ORR_RUMOURS_MAX rumours (then the one told most often makes room), and in answer to
 * exchanges ORR_EXCHANGE_RATE bytes a second, of which ORR_EXCHANGE_FRAMES_MAX frames can be
 * saved up; what is cut is told by the next.
 */
#ifndef ORRERY_GOSSIP_H
#define ORRERY_GOSSIP_H

#include <orrery/context.h>

ORR_BEGIN_DECLS

#define ORR_RUMOURS_MAX 256u
#define ORR_EXCHANGE_FRAMES_MAX 48u
#define ORR_EXCHANGE_RATE 65536 /* bytes a second that a node answers to digests, all told */
#define ORR_PULSE_FACTS_MAX 8u

ORR_API OrrGossip *orr_gossip_new(OrrContext *context);
ORR_API void orr_gossip_free(OrrGossip *gossip);

/* A fact to be spread. Replaces an older one about the same subject. */
ORR_API void orr_gossip_tell(OrrGossip *gossip, const OrrFact *fact);
/* A fact that cannot wait: to every member now, up to ORR_URGENT_MAX of them, and as a rumour.
 */
#define ORR_URGENT_MAX 64u
ORR_API void orr_gossip_shout(OrrGossip *gossip, const OrrFact *fact, OrrEffects *out);
/* Facts to put into a probe: at most `room` bytes; returns the bytes written. */
ORR_API size_t orr_gossip_fill(OrrGossip *gossip, uint8_t *buffer, size_t room);

/* A peer's digests have come with a probe: begins an exchange if they differ from ours. */
ORR_API void orr_gossip_compare(OrrGossip *gossip, OrrTime now_ns, const OrrAddress *peer,
                                const OrrPulse *pulse, OrrEffects *out);
/* DIGESTS received: sends what the peer does not have or has in another form. */
ORR_API void orr_gossip_on_digests(OrrGossip *gossip, OrrTime now_ns, const OrrAddress *peer,
                                   const OrrDigests *digests, OrrEffects *out);
/* Sends these facts to one peer, in one frame. */
ORR_API void orr_gossip_send(OrrGossip *gossip, const OrrAddress *peer, const OrrFact *facts,
                             size_t count, OrrEffects *out);

ORR_END_DECLS

#endif
