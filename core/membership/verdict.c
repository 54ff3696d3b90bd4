/* verdict.c - from silence to a verdict: suspicion by one, reports, the majority. */
#include "membership/detector.h"

#include "membership/members.h"
#include "wire/sender.h"

#include <glib.h>

/* Silence of a node timeout: since the last probe that was answered, or, where the peer is
 * probed rarely, since a heartbeat before the first that was not. */
static bool
is_silent(const OrrDetector *detector, OrrTime now_ns, const OrrMember *peer)
{
    const OrrSettings *settings = detector->context->settings;
    const OrrProbe *probe = &peer->probe;

    if (probe->awaiting == 0) {
        return false;
    }
    return now_ns - MAX(probe->answered, probe->awaiting - orr_heartbeat_ns(settings)) >=
           settings->node_timeout_ns;
}

/* Refused twice, a grace apart, and no answer between: one refusal may be old news of a process
 * that is up again. */
static bool
is_dead_process(const OrrDetector *detector, const OrrMember *peer)
{
    return detector->context->settings->process_evidence && peer->probe.refused_since != 0 &&
           peer->probe.refused_last - peer->probe.refused_since >=
               detector->context->settings->process_grace_ns;
}

/* Slowness */

static int
compare_u64(const void *a, const void *b, void *unused)
{
    (void)unused;

    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static uint64_t
median_latency(const OrrMembers *members)
{
    g_autofree uint64_t *latencies = g_new(uint64_t, members->count + 1);
    size_t count = 0;

    for (size_t i = 0; i < members->count; i++) {
        if (members->list[i]->probe.latency_ns > 0 &&
            members->list[i]->state == ORR_MEMBER_ALIVE) {
            latencies[count++] = members->list[i]->probe.latency_ns;
        }
    }
    g_qsort_with_data(latencies, (gint)count, sizeof latencies[0], compare_u64, NULL);
    return count == 0 ? 0 : latencies[count / 2];
}

/* How late it works now: the smoothed latency, or the age of the echo still out. */
static uint64_t
lateness(const OrrMember *peer, OrrTime now_ns)
{
    uint64_t open = peer->probe.echo_sent == 0 ? 0 : (uint64_t)(now_ns - peer->probe.echo_sent);

    return MAX(peer->probe.latency_ns, open);
}

static bool
is_slow(const OrrDetector *detector, OrrTime now_ns, OrrMember *peer)
{
    const OrrSettings *settings = detector->context->settings;
    OrrProbe *probe = &peer->probe;
    uint64_t late = lateness(peer, now_ns);

    if (settings->slow_threshold_ns == 0) {
        return false;
    }
    if (late <= (uint64_t)settings->slow_threshold_ns ||
        late <= 5 * median_latency(detector->context->members)) {
        if (probe->fast_since == 0) {
            probe->fast_since = now_ns;
        }
        if (probe->suspicion == ORR_SUSPICION_SLOW &&
            now_ns - probe->fast_since < settings->slow_return_ns) {
            return true; /* well for a moment is not well again: no flapping */
        }
        probe->slow_since = 0;
        return false;
    }
    probe->fast_since = 0;
    if (probe->slow_since == 0) {
        probe->slow_since = now_ns;
    }
    return now_ns - probe->slow_since >= settings->slow_window_ns;
}

/* Reports */

/* The voters that count reports about a node are those that a hash of both ids ranks first: all
 * agree on them without a word, and no voter counts for everybody. */
static size_t
pick_witnesses(const OrrMembers *members, const OrrId *accused, OrrMember **witnesses)
{
    return orr_members_pick_voters(members, accused, witnesses, ORR_WITNESSES);
}

static void
send_report(OrrDetector *detector, const OrrMember *to, const OrrMember *accused,
            OrrEffects *out)
{
    OrrMessage message = {.type = ORR_MESSAGE_REPORT};

    if (to == detector->context->members->self) {
        return;
    }
    message.report.accused = accused->id;
    message.report.incarnation = accused->incarnation;
    message.report.suspicion = accused->probe.suspicion;
    message.report.latency_ns = accused->probe.latency_ns;
    orr_sender_send(detector->context->sender, out, &to->address, &message);
}

static void
report(OrrDetector *detector, OrrTime now_ns, OrrMember *accused, OrrEffects *out)
{
    OrrMembers *members = detector->context->members;
    OrrMember *witnesses[ORR_WITNESSES];
    size_t count;

    accused->probe.reported = now_ns;
    if (!orr_members_is_voter(members, members->self)) {
        return;
    }
    count = pick_witnesses(members, &accused->id, witnesses);
    for (size_t i = 0; i < count; i++) {
        send_report(detector, witnesses[i], accused, out);
    }
    for (const OrrMember *mate = accused->shard->mates; mate != NULL; mate = mate->next_mate) {
        bool told = false;

        for (size_t k = 0; k < count; k++) {
            told |= witnesses[k] == mate;
        }
        if (mate->state == ORR_MEMBER_ALIVE && !told &&
            (mate != accused || accused->probe.suspicion == ORR_SUSPICION_SLOW ||
             accused->probe.suspicion == ORR_SUSPICION_NONE)) {
            send_report(detector, mate, accused, out);
        }
    }
}

/* Whoever finds a node silent says so; but not he who only looked because others had doubts. */
void
orr_verdict_doubt(OrrDetector *detector, OrrTime now_ns, OrrMember *peer, OrrEffects *out)
{
    OrrMembers *members = detector->context->members;
    OrrMember *witnesses[ORR_WITNESSES];
    OrrFact fact = {.kind = ORR_FACT_DOUBT};
    size_t count;

    if (peer->probe.doubted != 0 &&
        now_ns - peer->probe.doubted <= orr_heartbeat_ns(detector->context->settings)) {
        return;
    }
    peer->probe.doubted = now_ns;
    count = pick_witnesses(members, &peer->id, witnesses);

    fact.doubt.id = peer->id;
    fact.doubt.incarnation = peer->incarnation;
    for (size_t i = 0; i < count; i++) {
        if (witnesses[i] != members->self) {
            orr_gossip_send(detector->context->gossip, &witnesses[i]->address, &fact, 1, out);
        }
    }
    orr_gossip_tell(detector->context->gossip, &fact);
}

/* The majority */

/* How many distinct voters accuse the peer of this, within the life of a report. */
static uint32_t
accusers(const OrrDetector *detector, OrrTime now_ns, const OrrMember *peer, bool of_slowness)
{
    const OrrMembers *members = detector->context->members;
    OrrTime life = ORR_REPORT_LIFE * detector->context->settings->node_timeout_ns;
    uint32_t count = 0;

    for (size_t i = 0; i < orr_reports_count(peer->probe.reports); i++) {
        const OrrAccusation *accusation = orr_reports_get(peer->probe.reports, i);
        const OrrMember *accuser = orr_members_find(members, &accusation->accuser);
        bool slow = accusation->suspicion == ORR_SUSPICION_SLOW;

        if (accuser != NULL && accuser != peer && slow == of_slowness &&
            accusation->incarnation == peer->incarnation &&
            now_ns - accusation->at_ns <= life && orr_members_is_voter(members, accuser)) {
            count++;
        }
    }
    return count;
}

static void
note_slow(OrrDetector *detector, OrrTime now_ns, OrrMember *peer, uint32_t majority,
          OrrEffects *out)
{
    bool slow = orr_reports_count(peer->probe.reports) >= majority &&
                accusers(detector, now_ns, peer, true) >= majority;

    if (slow != peer->probe.slow) {
        OrrTrace trace = orr_trace(slow ? ORR_TRACE_SLOW : ORR_TRACE_SLOW_OVER);

        peer->probe.slow = slow;
        trace.other = peer->id;
        trace.value = peer->probe.latency_ns;
        orr_context_trace(detector->context, out, &trace);
    }
}

static void
count_accusers(OrrDetector *detector, OrrTime now_ns, OrrMember *peer, OrrEffects *out)
{
    OrrContext *context = detector->context;
    uint32_t majority = orr_members_majority(context->members);
    uint32_t count;
    OrrFact fact;

    if (peer->probe.reports == NULL) {
        return;
    }
    note_slow(detector, now_ns, peer, majority, out);
    if (peer->state != ORR_MEMBER_ALIVE || peer == context->members->self) {
        return;
    }
    if (ORR_PLANTED(context->settings, FAIL_BY_ONE_REPORT)) {
        majority = 1;
    }
    if (orr_reports_count(peer->probe.reports) < majority) {
        return;
    }
    count = accusers(detector, now_ns, peer, false);
    if (count < majority) {
        return;
    }

    OrrTrace trace = orr_trace(ORR_TRACE_FAILED);

    trace.other = peer->id;
    trace.count = count;
    trace.value = majority;
    orr_context_trace(context, out, &trace);
    orr_members_set_state(context->members, now_ns, peer, ORR_MEMBER_FAILED);
    fact = orr_member_fact(peer, now_ns);
    orr_gossip_shout(context->gossip, &fact, out);
}

static void
put_report(OrrDetector *detector, OrrTime now_ns, OrrMember *peer, const OrrId *accuser,
           uint64_t incarnation, OrrSuspicion suspicion, OrrEffects *out)
{
    if (peer->probe.reports == NULL) {
        if (suspicion == ORR_SUSPICION_NONE) {
            return;
        }
        peer->probe.reports = orr_reports_new();
    }
    orr_reports_put(peer->probe.reports, accuser, incarnation, suspicion, now_ns);
    count_accusers(detector, now_ns, peer, out);
}

void
orr_detector_on_report(OrrDetector *detector, OrrTime now_ns, OrrMember *accuser,
                       const OrrReport *report_in, OrrEffects *out)
{
    OrrMember *peer = orr_members_find(detector->context->members, &report_in->accused);

    if (peer == NULL || report_in->incarnation != peer->incarnation) {
        return; /* about a life that is over */
    }
    if (report_in->suspicion == ORR_SUSPICION_SILENT ||
        report_in->suspicion == ORR_SUSPICION_DEAD) {
        orr_detector_on_doubt(detector, now_ns, peer, out);
    }
    put_report(detector, now_ns, peer, &accuser->id, report_in->incarnation,
               report_in->suspicion, out);
}

/* One's own suspicion */

static const char *
suspicion_text(OrrSuspicion suspicion)
{
    switch (suspicion) {
    case ORR_SUSPICION_NONE:
        return "none";
    case ORR_SUSPICION_SILENT:
        return "silent";
    case ORR_SUSPICION_DEAD:
        return "its host refuses";
    case ORR_SUSPICION_SLOW:
        return "slow";
    }
    return "unknown";
}

/* A withdrawal is a datagram, too: where one is lost, reports that nobody holds any more make a
 * majority with the next one. So it is told a few times, as accusations are. */
#define WITHDRAWALS 3u

/* The only place where a suspicion of this node's own changes. */
static void
move(OrrDetector *detector, OrrTime now_ns, OrrMember *peer, OrrSuspicion to, OrrEffects *out)
{
    OrrContext *context = detector->context;
    OrrMembers *members = context->members;
    OrrTrace trace =
        orr_trace(to == ORR_SUSPICION_NONE ? ORR_TRACE_TRUSTED : ORR_TRACE_SUSPECTED);

    orr_members_set_suspicion(members, peer, to);
    orr_members_watch(members, peer);
    peer->probe.suspected_since = to == ORR_SUSPICION_NONE ? 0 : now_ns;
    peer->probe.withdrawals = to == ORR_SUSPICION_NONE ? WITHDRAWALS : 0;
    trace.other = peer->id;
    if (to != ORR_SUSPICION_NONE) {
        orr_trace_set_text(&trace, orr_bytes_of_string(suspicion_text(to)));
    }
    orr_context_trace(context, out, &trace);
    report(detector, now_ns, peer, out);
    if (orr_members_is_voter(members, members->self)) {
        put_report(detector, now_ns, peer, &members->self->id, peer->incarnation, to, out);
    }
}

static OrrSuspicion
judge(OrrDetector *detector, OrrTime now_ns, OrrMember *peer)
{
    if (is_dead_process(detector, peer)) {
        return ORR_SUSPICION_DEAD;
    }
    if (is_silent(detector, now_ns, peer)) {
        return ORR_SUSPICION_SILENT;
    }
    if (is_slow(detector, now_ns, peer)) {
        return ORR_SUSPICION_SLOW;
    }
    return ORR_SUSPICION_NONE;
}

void
orr_verdict_judge(OrrDetector *detector, OrrTime now_ns, OrrMember *peer, OrrEffects *out)
{
    OrrTime heartbeat = orr_heartbeat_ns(detector->context->settings);
    OrrProbe *probe = &peer->probe;
    OrrSuspicion suspicion = judge(detector, now_ns, peer);

    if (suspicion != probe->suspicion) {
        move(detector, now_ns, peer, suspicion, out);
    } else if (suspicion != ORR_SUSPICION_NONE && peer->state == ORR_MEMBER_ALIVE &&
               now_ns - probe->reported >= heartbeat / 2) {
        report(detector, now_ns, peer,
               out); /* a report may have been lost, or a voter is new */
        if (orr_members_is_voter(detector->context->members,
                                 detector->context->members->self)) {
            put_report(detector, now_ns, peer, &detector->context->members->self->id,
                       peer->incarnation, suspicion, out);
        }
    }
    if (probe->withdrawals > 0 && now_ns - probe->reported >= heartbeat / 2) {
        probe->withdrawals--;
        report(detector, now_ns, peer, out);
    }
    if (probe->awaiting != 0 && peer->state == ORR_MEMBER_ALIVE &&
        now_ns - probe->awaiting > heartbeat &&
        now_ns - probe->awaiting <= heartbeat + heartbeat / ORR_TICKS) {
        orr_verdict_doubt(detector, now_ns, peer, out);
    }
}

void
orr_verdict_answered(OrrDetector *detector, OrrTime now_ns, OrrMember *peer, OrrEffects *out)
{
    if (peer->probe.suspicion == ORR_SUSPICION_SILENT ||
        peer->probe.suspicion == ORR_SUSPICION_DEAD) {
        orr_verdict_judge(detector, now_ns, peer, out);
    }
}
