/* lease.c - the right to serve: what a voter grants, what a primary holds. */
#include "membership/detector.h"

#include <glib.h>

bool
orr_detector_process_dead(const OrrDetector *detector, const OrrMember *member)
{
    (void)detector;
    return member->probe.suspicion == ORR_SUSPICION_DEAD;
}

/* `epoch` is that of an owner who asks for a lease, 0 for a candidate. */
static bool
stands_in_the_way(const OrrDetector *detector, OrrTime now_ns, const OrrMember *holder,
                  uint64_t epoch)
{
    const OrrProbe *probe = &holder->probe;

    return probe->granted_until > now_ns && !orr_detector_process_dead(detector, holder) &&
           (epoch == 0 || probe->yielded != epoch);
}

static bool
any_stands(const OrrDetector *detector, OrrTime now_ns, const OrrShard *shard,
           const OrrId *candidate, const OrrId *consenting, uint64_t epoch)
{
    if (ORR_PLANTED(detector->context->settings, NO_LEASE)) {
        return false;
    }
    for (const OrrMember *holder = shard->mates; holder != NULL; holder = holder->next_mate) {
        if (!orr_id_equal(&holder->id, candidate) &&
            !(consenting != NULL && orr_id_equal(&holder->id, consenting)) &&
            stands_in_the_way(detector, now_ns, holder, epoch)) {
            return true;
        }
    }
    return false;
}

bool
orr_detector_lease_stands(const OrrDetector *detector, OrrTime now_ns, const OrrShard *shard,
                          const OrrId *candidate, const OrrId *consenting)
{
    return any_stands(detector, now_ns, shard, candidate, consenting, 0);
}

void
orr_detector_yield(OrrMember *owner, uint64_t epoch)
{
    owner->probe.yielded = epoch;
}

/* A voter grants a lease to the primary it knows of, in the epoch it knows of, as long as that
 * primary answers it: one that does not hear us does not hear the grant either, and would only
 * hold up its successor. */
bool
orr_lease_may_grant(const OrrDetector *detector, OrrTime now_ns, const OrrMember *owner,
                    const OrrPulse *pulse)
{
    const OrrMembers *members = detector->context->members;
    OrrTime heartbeat = orr_heartbeat_ns(detector->context->settings);
    const OrrProbe *probe = &owner->probe;

    if (!(orr_members_is_voter(members, members->self) ||
          (pulse->flags & ORR_PULSE_ELECTED) != 0) ||
        !orr_member_is_primary(owner) || owner->shard->epoch != pulse->shard_epoch ||
        owner->state != ORR_MEMBER_ALIVE) {
        return false;
    }
    if (probe->refused_since != 0) {
        return false; /* a vote may be given while its process seems dead: first it answers */
    }
    if (probe->answered == 0 ||
        (probe->awaiting != 0 && now_ns - probe->awaiting > 2 * heartbeat)) {
        return false;
    }
    return !any_stands(detector, now_ns, owner->shard, &owner->id, NULL, owner->shard->epoch);
}

void
orr_detector_promise(OrrDetector *detector, OrrTime now_ns, OrrMember *candidate,
                     uint64_t epoch)
{
    candidate->probe.granted_until = now_ns + detector->context->settings->node_timeout_ns;
    candidate->probe.promised = epoch;
}

void
orr_detector_release(OrrMember *candidate, uint64_t epoch)
{
    if (candidate->probe.promised == epoch && !orr_member_is_primary(candidate)) {
        candidate->probe.granted_until = 0;
        candidate->probe.promised = 0;
    }
}

void
orr_detector_elected(OrrDetector *detector, OrrTime since_ns, const OrrId *voters, size_t count)
{
    g_free(detector->electors);
    detector->electors = g_memdup2(voters, count * sizeof voters[0]);
    detector->elector_count = count;
    detector->elected_at = since_ns;
    detector->lease_until = 0; /* that of an earlier life as primary */
    detector->lease_stale = true;
}

size_t
orr_detector_electorate(const OrrDetector *detector, const OrrId **voters)
{
    *voters = detector->electors;
    return detector->elector_count;
}

/* The n-th latest of the times, counted from 0; moves them about. Hoare, "Find", 1961. */
static OrrTime
nth_latest(OrrTime *times, size_t count, size_t n)
{
    size_t low = 0;
    size_t high = count - 1;

    while (low < high) {
        OrrTime pivot = times[(low + high) / 2];
        size_t i = low;
        size_t k = high;

        for (;;) {
            while (times[i] > pivot) {
                i++;
            }
            while (times[k] < pivot) {
                k--;
            }
            if (i >= k) {
                break;
            }
            OrrTime other = times[i];

            times[i++] = times[k];
            times[k--] = other;
        }
        if (n <= k) {
            high = k;
        } else {
            low = k + 1;
        }
    }
    return times[n];
}

static void
need_scratch(OrrDetector *detector, size_t count)
{
    if (detector->scratch_room < count) {
        detector->scratch_room = count + 16;
        detector->scratch = g_renew(OrrTime, detector->scratch, detector->scratch_room);
    }
}

/* Of `count` moments in the scratch, the latest by which `majority` had been asked; or 0. */
static OrrTime
asked_by(OrrDetector *detector, size_t count, size_t majority)
{
    if (count < majority) {
        return 0;
    }
    return nth_latest(detector->scratch, count, majority - 1);
}

/* The same of those who elected this node. Once they have granted by probes that were sent
 * after the election, enough of them know of it, and it is settled. */
static OrrTime
electors_asked_at(OrrDetector *detector)
{
    OrrTime asked;

    need_scratch(detector, detector->elector_count);
    for (size_t i = 0; i < detector->elector_count; i++) {
        const OrrMember *voter =
            orr_members_find(detector->context->members, &detector->electors[i]);

        detector->scratch[i] = voter == NULL ? 0 : voter->probe.leased;
    }
    asked = asked_by(detector, detector->elector_count, detector->elector_count / 2 + 1);
    if (asked > detector->elected_at) {
        detector->elector_count = 0;
    }
    return asked;
}

/* The moment by which a majority had been asked and has granted: its votes are the latest. */
static OrrTime
majority_asked_at(OrrDetector *detector, OrrTime now_ns)
{
    const OrrMembers *members = detector->context->members;
    size_t count = 0;

    need_scratch(detector, members->count);
    for (size_t i = 0; i < members->count; i++) {
        const OrrMember *voter = members->list[i];

        if (orr_members_is_voter(members, voter)) {
            detector->scratch[count++] = voter == members->self ? now_ns : voter->probe.leased;
        }
    }
    return asked_by(detector, count, orr_members_majority(members));
}

/* Where there are many voters, grants are counted now and then. */
#define LEASE_MANY 64u
#define LEASE_PAUSE (ORR_NS_PER_MS / 5) /* for each voter */

/* What was counted last is still right, or errs on the safe side: grants that came since can
 * only make the lease longer. */
static bool
count_will_do(const OrrDetector *detector, OrrTime now_ns, uint32_t voters)
{
    OrrTime timeout = detector->context->settings->node_timeout_ns;
    OrrTime left = detector->lease_until - now_ns;

    if (left <= 0) { /* none: and, where counting takes long, counted a moment ago */
        return voters > LEASE_MANY && now_ns < detector->judged_at;
    }
    if (detector->lease_change != detector->context->members->voters_change) {
        return false;
    }
    return !detector->lease_stale || left > timeout / 2 ||
           (voters > LEASE_MANY && (left > timeout / 4 || now_ns < detector->judged_at));
}

OrrTime
orr_detector_lease(OrrDetector *detector, OrrTime now_ns)
{
    OrrTime timeout = detector->context->settings->node_timeout_ns;
    OrrTime asked;

    if (!orr_member_is_primary(detector->context->members->self)) {
        return 0; /* it has nothing to serve, and asks nobody */
    }
    if (count_will_do(detector, now_ns, orr_members_voters(detector->context->members))) {
        return detector->lease_until;
    }
    detector->judged_at = now_ns + orr_members_voters(detector->context->members) * LEASE_PAUSE;
    asked = majority_asked_at(detector, now_ns);
    if (detector->elector_count > 0) {
        OrrTime electors_asked = electors_asked_at(detector);

        asked = MIN(asked, electors_asked);
    }
    detector->lease_until = asked == 0 ? 0 : asked + timeout - timeout / ORR_LEASE_MARGIN;
    detector->lease_stale = false;
    detector->lease_change = detector->context->members->voters_change;
    return detector->lease_until;
}
