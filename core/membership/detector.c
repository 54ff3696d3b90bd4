#include "membership/detector.h"

#include "wire/sender.h"

#include <glib.h>

#define LEASE_HURRY 20      /* times in a heartbeat that a primary without a lease asks */
#define ECHO_WORK 32u       /* frames that a node found slow has to take in ahead of an echo */
#define LEASE_ASKED_MAX 16u /* voters each time */

OrrDetector *
orr_detector_new(OrrContext *context)
{
    OrrDetector *detector = g_new0(OrrDetector, 1);

    detector->context = context;
    detector->tick_at = ORR_NEVER;
    detector->quick_at = ORR_NEVER;
    detector->hurry_at = ORR_NEVER;
    return detector;
}

void
orr_detector_free(OrrDetector *detector)
{
    if (detector != NULL) {
        g_free(detector->scratch);
        g_free(detector->electors);
        g_free(detector);
    }
}

static OrrTime
tick_ns(const OrrDetector *detector)
{
    return MAX(orr_heartbeat_ns(detector->context->settings) / ORR_TICKS, 1);
}

void
orr_detector_boot(OrrDetector *detector, OrrTime now_ns)
{
    OrrContext *context = detector->context;

    detector->last_time = now_ns;
    detector->tick_at = now_ns + orr_rng_between(&context->rng, 0, tick_ns(detector));
    detector->cursor = orr_rng_below(&context->rng, 1u << 16);
    detector->voter_cursor = detector->cursor;
    detector->hurry_at = now_ns;
}

OrrTime
orr_detector_deadline(const OrrDetector *detector)
{
    return MIN(detector->tick_at, MIN(detector->quick_at, detector->hurry_at));
}

bool
orr_detector_synced(const OrrDetector *detector)
{
    return detector->synced;
}

/* Probes out */

static void
fill_pulse(OrrDetector *detector, OrrPulse *pulse, uint8_t *facts, size_t room)
{
    OrrContext *context = detector->context;
    const OrrMember *self = context->members->self;

    pulse->current_epoch = context->current_epoch;
    pulse->shard_epoch = self->shard->epoch;
    pulse->offset = context->offset;
    pulse->members_digest = orr_members_digest(context->members);
    pulse->slots_digest = orr_slotmap_digest(context->slotmap);
    pulse->cluster_ms = context->cluster_ms;
    pulse->facts = orr_bytes(facts, orr_gossip_fill(context->gossip, facts, room));
    if (orr_member_is_primary(self)) {
        pulse->flags |= ORR_PULSE_PRIMARY;
    }
}

static void
send_pulse(OrrDetector *detector, const OrrAddress *to, OrrMessage *message,
           const OrrFact *extra, OrrEffects *out)
{
    uint8_t facts[ORR_FACT_SIZE_MAX * (ORR_PULSE_FACTS_MAX + 1)];
    size_t used = 0;

    if (extra != NULL) {
        used = orr_fact_encode(extra, facts, sizeof facts);
    }
    fill_pulse(detector, &message->pulse, facts + used, sizeof facts - used);
    message->pulse.facts = orr_bytes(facts, used + message->pulse.facts.size);
    orr_sender_send(detector->context->sender, out, to, message);
}

/* A slow node that was relieved of its work looks well: before it is believed it is given some,
 * ahead of the echo that is timed. */
static void
send_work(const OrrDetector *detector, const OrrMember *peer, OrrEffects *out)
{
    OrrMessage message = {.type = ORR_MESSAGE_ECHO, .echo = 0};

    for (unsigned i = 0; i < ECHO_WORK; i++) {
        orr_sender_send(detector->context->sender, out, &peer->address, &message);
    }
}

/* One echo at a time: its age counts while it is out. A broken link loses it, so after a node
 * timeout there is another. */
static void
send_echo(const OrrDetector *detector, OrrTime now_ns, OrrMember *peer, OrrEffects *out)
{
    const OrrSettings *settings = detector->context->settings;
    OrrMessage message = {.type = ORR_MESSAGE_ECHO, .echo = (uint64_t)now_ns};

    if (settings->slow_threshold_ns > 0 &&
        (peer->probe.echo_sent == 0 ||
         now_ns - peer->probe.echo_sent > settings->node_timeout_ns)) {
        peer->probe.echo_sent = now_ns;
        if (peer->probe.slow || peer->probe.suspicion == ORR_SUSPICION_SLOW) {
            send_work(detector, peer, out);
        }
        orr_sender_send(detector->context->sender, out, &peer->address, &message);
    }
}

void
orr_detector_probe(OrrDetector *detector, OrrTime now_ns, OrrMember *peer, OrrEffects *out)
{
    OrrMessage message = {.type = ORR_MESSAGE_PING};
    OrrFact fact;
    const OrrFact *extra = NULL;

    message.pulse.probe = (uint64_t)now_ns;
    if (orr_member_is_primary(detector->context->members->self) &&
        !detector->context->yielding) {
        message.pulse.flags |= ORR_PULSE_LEASE;
        if (detector->elector_count > 0) {
            message.pulse.flags |= ORR_PULSE_ELECTED;
        }
    }
    if (peer->state == ORR_MEMBER_FAILED) { /* so that it can refute, should it live */
        fact = orr_member_fact(peer, now_ns);
        extra = &fact;
    }
    peer->probe.sent = now_ns;
    if (peer->probe.awaiting == 0) {
        peer->probe.awaiting = now_ns;
        orr_members_watch(detector->context->members, peer);
    }
    send_pulse(detector, &peer->address, &message, extra, out);
    send_echo(detector, now_ns, peer, out);
}

void
orr_detector_on_echo(OrrDetector *detector, OrrTime now_ns, OrrMember *peer,
                     const OrrMessage *message, OrrEffects *out)
{
    OrrMessage back = {.type = ORR_MESSAGE_ECHO_BACK, .echo = message->echo};
    OrrProbe *probe = &peer->probe;
    uint64_t took;

    if (message->type == ORR_MESSAGE_ECHO && message->echo == 0) {
        return; /* work, for somebody to see how long it takes */
    }
    if (message->type == ORR_MESSAGE_ECHO) {
        orr_sender_send(detector->context->sender, out, &peer->address, &back);
        return;
    }
    if (probe->echo_sent == 0 || message->echo != (uint64_t)probe->echo_sent) {
        return; /* late, or not ours */
    }
    took = (uint64_t)(now_ns - probe->echo_sent);
    probe->latency_ns = probe->latency_ns == 0 ? took : (probe->latency_ns * 3 + took) / 4;
    probe->echo_sent = 0;
}

static bool
knows_nobody(const OrrMembers *members)
{
    return members->counting == (orr_member_counts(members->self) ? 1 : 0);
}

void
orr_detector_meet(OrrDetector *detector, OrrTime now_ns, const OrrAddress *at, OrrEffects *out)
{
    OrrMessage message = {.type = ORR_MESSAGE_MEET};
    OrrFact self = orr_member_fact(detector->context->members->self, now_ns);

    message.pulse.probe = (uint64_t)now_ns;
    if (knows_nobody(detector->context->members)) {
        message.pulse.flags |= ORR_PULSE_ALONE;
    }
    send_pulse(detector, at, &message, &self, out);
}

void
orr_detector_welcome(OrrDetector *detector, OrrTime now_ns, const OrrAddress *to,
                     const OrrMessage *question, OrrEffects *out)
{
    OrrMessage message = {.type = ORR_MESSAGE_PONG};
    OrrFact self = orr_member_fact(detector->context->members->self, now_ns);

    message.pulse.probe = question->pulse.probe;
    send_pulse(detector, to, &message, &self, out);
}

static void
answer(OrrDetector *detector, OrrTime now_ns, const OrrAddress *to, OrrMember *peer,
       const OrrMessage *question, OrrEffects *out)
{
    OrrMessage message = {.type = ORR_MESSAGE_PONG};
    OrrFact fact;
    const OrrFact *extra = NULL;

    message.pulse.probe = question->pulse.probe;
    if ((question->pulse.flags & ORR_PULSE_LEASE) != 0 &&
        orr_lease_may_grant(detector, now_ns, peer, &question->pulse)) {
        peer->probe.granted_until = now_ns + detector->context->settings->node_timeout_ns;
        peer->probe.promised = 0;
        peer->probe.yielded = 0;
        message.pulse.flags |= ORR_PULSE_LEASE;
    }
    if (question->type == ORR_MESSAGE_MEET) {
        fact = orr_member_fact(detector->context->members->self, now_ns);
        extra = &fact;
    } else if (peer->state == ORR_MEMBER_FAILED) {
        fact = orr_member_fact(peer, now_ns);
        extra = &fact;
    }
    send_pulse(detector, to, &message, extra, out);
}

/* Answers in */

static void
on_answer(OrrDetector *detector, OrrTime now_ns, OrrMember *peer, const OrrMessage *message,
          OrrEffects *out)
{
    OrrProbe *probe = &peer->probe;
    OrrTime sent = (OrrTime)message->pulse.probe;
    int64_t ahead;

    if (sent <= 0 || sent > now_ns || sent <= probe->answered ||
        sent < detector->context->boot_ns) {
        return; /* doubled, late, or not ours */
    }
    if ((message->pulse.flags & ORR_PULSE_LEASE) != 0 && sent > probe->leased) {
        probe->leased = sent;
        detector->lease_stale = true;
    }
    ahead = message->pulse.cluster_ms + (now_ns - sent) / 2 / ORR_NS_PER_MS -
            detector->context->cluster_ms;
    peer->clock_ahead_ms = ahead;
    probe->answered = sent;
    probe->awaiting = 0;
    probe->refused_since = 0;
    probe->probe_again = ORR_NEVER;
    orr_verdict_answered(detector, now_ns, peer, out);
}

static void
note_offset(const OrrDetector *detector, OrrTime now_ns, OrrMember *peer, const OrrPulse *pulse)
{
    OrrTime validity = orr_replica_validity_ns(detector->context->settings);

    if (pulse->shard_epoch != peer->shard_epoch) {
        peer->offset_then = 0;
        peer->offset_mid = pulse->offset;
        peer->mid_at = now_ns;
    } else if (now_ns - peer->mid_at >= validity / 2) {
        peer->offset_then = peer->offset_mid;
        peer->offset_mid = pulse->offset;
        peer->mid_at = now_ns;
    }
    peer->offset = pulse->offset;
}

void
orr_detector_on_pulse(OrrDetector *detector, OrrTime now_ns, const OrrAddress *from,
                      OrrMember *peer, const OrrMessage *message, OrrEffects *out)
{
    const OrrPulse *pulse = &message->pulse;
    const OrrContext *context = detector->context;

    note_offset(detector, now_ns, peer, pulse);
    peer->shard_epoch = pulse->shard_epoch;
    peer->pulse_at = now_ns;
    if (pulse->members_digest == orr_members_digest(context->members) &&
        pulse->slots_digest == orr_slotmap_digest(context->slotmap)) {
        detector->synced = true;
    }
    if (message->type == ORR_MESSAGE_PONG) {
        on_answer(detector, now_ns, peer, message, out);
        return;
    }
    answer(detector, now_ns, from, peer, message, out);
    if (peer->probe.sent == 0 || peer->probe.refused_since != 0) {
        orr_detector_probe(detector, now_ns, peer, out); /* so that a lease can follow soon */
    }
}

void
orr_detector_on_frame(OrrDetector *detector, OrrMember *peer)
{
    if (ORR_PLANTED(detector->context->settings, ONE_WAY_LIVENESS)) {
        peer->probe.awaiting = 0; /* whatever it says, it says something */
    }
}

void
orr_detector_on_doubt(OrrDetector *detector, OrrTime now_ns, OrrMember *peer, OrrEffects *out)
{
    OrrTime patience = orr_heartbeat_ns(detector->context->settings) / 2;

    peer->probe.doubted = now_ns;
    if (orr_members_is_voter(detector->context->members, detector->context->members->self) &&
        peer->state == ORR_MEMBER_ALIVE && peer->probe.awaiting == 0 &&
        (peer->probe.answered == 0 || now_ns - peer->probe.answered > patience / 50)) {
        orr_detector_probe(detector, now_ns, peer, out);
    }
}

/* A node that has been away itself (a pause, a long stall) must not take its own absence for
 * the silence of all the others. */
static void
forgive_own_absence(OrrDetector *detector, OrrTime now_ns)
{
    OrrMembers *members = detector->context->members;

    for (size_t i = 0; i < members->count; i++) {
        if (members->list[i]->probe.awaiting != 0) {
            members->list[i]->probe.awaiting = now_ns;
        }
        members->list[i]->probe.refused_since = 0;
        if (members->list[i]->probe.answered != 0) {
            members->list[i]->probe.answered =
                MAX(members->list[i]->probe.answered, detector->last_time);
        }
    }
}

/* Before anyone is judged, whatever event it is that comes first after an absence. */
static void
notice_own_absence(OrrDetector *detector, OrrTime now_ns)
{
    OrrTime heartbeat = orr_heartbeat_ns(detector->context->settings);

    if (detector->tick_at != ORR_NEVER && now_ns - detector->tick_at > heartbeat) {
        forgive_own_absence(detector, now_ns);
    }
}

void
orr_detector_on_link(OrrDetector *detector, OrrTime now_ns, OrrMember *peer, OrrLinkState state,
                     OrrEffects *out)
{
    OrrProbe *probe = &peer->probe;

    if (!detector->context->settings->process_evidence || peer->state != ORR_MEMBER_ALIVE) {
        return;
    }
    notice_own_absence(detector, now_ns);
    if (state == ORR_LINK_DOWN) {
        orr_detector_probe(detector, now_ns, peer, out); /* dead, or only the link? */
        return;
    }
    if (state != ORR_LINK_REFUSED) {
        return;
    }
    probe->refused_last = now_ns;
    if (probe->refused_since == 0) {
        probe->refused_since = now_ns;
        orr_members_watch(detector->context->members, peer);
        probe->probe_again = now_ns + detector->context->settings->process_grace_ns;
        detector->quick_at = MIN(detector->quick_at, probe->probe_again);
        orr_verdict_doubt(detector, now_ns, peer, out);
    }
    orr_verdict_judge(detector, now_ns, peer, out);
}

/* Timers */

static bool
is_due(const OrrDetector *detector, const OrrMember *peer, OrrTime now_ns)
{
    OrrTime heartbeat = orr_heartbeat_ns(detector->context->settings);

    return peer != detector->context->members->self && orr_member_counts(peer) &&
           !orr_address_is_none(&peer->address) &&
           now_ns - peer->probe.sent >= heartbeat - tick_ns(detector) / 2;
}

static size_t
probe_in_turn(OrrDetector *detector, OrrTime now_ns, size_t *cursor, size_t wanted,
              bool voters_only, OrrEffects *out)
{
    OrrMembers *members = detector->context->members;
    size_t probed = 0;

    for (size_t i = 0; i < members->count && probed < wanted; i++) {
        OrrMember *peer = members->list[*cursor % members->count];

        *cursor = (*cursor + 1) % members->count;
        if (is_due(detector, peer, now_ns) &&
            (!voters_only || orr_members_is_voter(members, peer))) {
            orr_detector_probe(detector, now_ns, peer, out);
            probed++;
        }
    }
    return probed;
}

/* A primary must hear from a majority of the voters within N: from all where they are few,
 * else from 3 of 5 within 3 of 4 of N. Of very many a few more than half will do, the lease
 * being renewed by so many small steps: one in five may be dead and it still holds. */
#define VOTERS_FEW 8u
#define VOTERS_MANY 64u

static size_t
voters_per_tick(const OrrDetector *detector)
{
    const OrrMembers *members = detector->context->members;
    OrrTime timeout = detector->context->settings->node_timeout_ns;
    size_t voters = orr_members_voters(members);
    bool many = voters > VOTERS_MANY;
    size_t wanted = many ? voters * 11 / 20 + 1 : voters * 3 / 5 + 1;
    OrrTime window = many ? timeout * 7 / 8 : timeout * 3 / 4;
    size_t ticks = (size_t)MAX(window / tick_ns(detector), 1);

    if (!orr_member_is_primary(members->self)) {
        return 0;
    }
    return ((voters > VOTERS_FEW ? wanted : voters) + ticks - 1) / ticks;
}

static void
watch_all(OrrMembers *members)
{
    for (size_t i = 0; i < members->count; i++) {
        orr_members_watch(members, members->list[i]);
    }
}

static bool
needs_watching(const OrrMember *peer)
{
    return orr_member_counts(peer) &&
           (peer->probe.awaiting != 0 || peer->probe.refused_since != 0 ||
            peer->probe.suspicion != ORR_SUSPICION_NONE || peer->probe.withdrawals > 0);
}

/* All others have answered their last probe, and nothing is to be said of them. The doubtful
 * are probed each heartbeat whatever the size of the cluster. */
static void
judge_watched(OrrDetector *detector, OrrTime now_ns, OrrEffects *out)
{
    OrrMembers *members = detector->context->members;
    const OrrMember *last = members->watched_last; /* whoever is added is new, and not due */

    for (OrrMember *peer = members->watched; peer != NULL; peer = peer->next_watched) {
        if (peer != members->self && orr_member_counts(peer)) {
            orr_verdict_judge(detector, now_ns, peer, out);
            if (peer->probe.awaiting != 0 && peer->state == ORR_MEMBER_ALIVE &&
                is_due(detector, peer, now_ns)) {
                orr_detector_probe(detector, now_ns, peer, out);
            }
        }
        if (peer == last) {
            break;
        }
    }
    orr_members_watch_only(members, needs_watching);
}

/* One's own shard is probed each heartbeat, too. */
static void
probe_mates(OrrDetector *detector, OrrTime now_ns, OrrEffects *out)
{
    const OrrMembers *members = detector->context->members;

    for (OrrMember *mate = members->self->shard->mates; mate != NULL; mate = mate->next_mate) {
        if (is_due(detector, mate, now_ns)) {
            orr_detector_probe(detector, now_ns, mate, out);
        }
    }
}

static void
tick(OrrDetector *detector, OrrTime now_ns, OrrEffects *out)
{
    OrrMembers *members = detector->context->members;
    size_t fanout = MAX(detector->context->settings->probe_fanout, 1);
    size_t wanted = (fanout + ORR_TICKS - 1) / ORR_TICKS;

    if (detector->context->settings->slow_threshold_ns > 0) {
        watch_all(members); /* how slow somebody is shows without any silence */
    }
    judge_watched(detector, now_ns, out);
    probe_mates(detector, now_ns, out);
    probe_in_turn(detector, now_ns, &detector->cursor, wanted, false, out);
    if (members->count > fanout) {
        probe_in_turn(detector, now_ns, &detector->voter_cursor, voters_per_tick(detector),
                      true, out);
    }
    detector->lease_stale = true;
    if (detector->hurry_at == ORR_NEVER) {
        detector->hurry_at = now_ns;
    }
}

static bool
wants_lease_of(const OrrDetector *detector, const OrrMember *voter, OrrTime now_ns)
{
    OrrTime old = now_ns - detector->context->settings->node_timeout_ns / 2;

    return orr_members_is_voter(detector->context->members, voter) &&
           (voter->probe.leased == 0 || voter->probe.leased < old);
}

/* A primary without a lease does not wait for its next turn: it asks the voters again soon. */
static void
ask_for_lease(OrrDetector *detector, OrrTime now_ns, OrrEffects *out)
{
    OrrMembers *members = detector->context->members;
    OrrTime soon = orr_heartbeat_ns(detector->context->settings) / LEASE_HURRY;
    size_t asked = 0;

    if (detector->hurry_at > now_ns) {
        return;
    }
    detector->hurry_at = ORR_NEVER;
    if (!orr_member_is_primary(members->self) || detector->context->yielding ||
        orr_detector_lease(detector, now_ns) > now_ns) {
        return;
    }
    detector->hurry_at = now_ns + soon;
    for (size_t i = 0; i < members->count && asked < LEASE_ASKED_MAX; i++) {
        OrrMember *voter = members->list[(detector->voter_cursor + i) % members->count];

        if (voter != members->self && voter->state == ORR_MEMBER_ALIVE &&
            voter->probe.suspicion == ORR_SUSPICION_NONE &&
            (wants_lease_of(detector, voter, now_ns) ||
             (voter->shard == members->self->shard && voter->probe.answered == 0)) &&
            now_ns - voter->probe.sent >= soon / 2) {
            orr_detector_probe(detector, now_ns, voter, out);
            asked++;
        }
    }
    detector->voter_cursor += asked;
}

static void
look_again(OrrDetector *detector, OrrTime now_ns, OrrEffects *out)
{
    OrrMembers *members = detector->context->members;

    detector->quick_at = ORR_NEVER;
    for (OrrMember *peer = members->watched; peer != NULL; peer = peer->next_watched) {
        OrrProbe *probe = &peer->probe;

        if (probe->probe_again <= now_ns) {
            probe->probe_again = ORR_NEVER;
            if (peer->state == ORR_MEMBER_ALIVE && probe->refused_since != 0) {
                probe->probe_again = now_ns + MAX(detector->context->settings->process_grace_ns,
                                                  10 * ORR_NS_PER_MS);
                orr_detector_probe(detector, now_ns, peer, out);
            }
        }
        detector->quick_at = MIN(detector->quick_at, probe->probe_again);
    }
}

void
orr_detector_time(OrrDetector *detector, OrrTime now_ns, OrrEffects *out)
{
    notice_own_absence(detector, now_ns);
    if (now_ns >= detector->quick_at) {
        look_again(detector, now_ns, out);
    }
    if (now_ns >= detector->hurry_at) {
        ask_for_lease(detector, now_ns, out);
    }
    if (now_ns < detector->tick_at) {
        return;
    }
    tick(detector, now_ns, out);
    detector->last_time = now_ns;
    detector->tick_at = now_ns + tick_ns(detector);
}
