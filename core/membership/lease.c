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
    const OrrMembers *members = detector->context->members;

    if (ORR_PLANTED(detector->context->settings, NO_LEASE)) {
        return false;
    }
    for (size_t i = 0; i < members->count; i++) {
        const OrrMember *holder = members->list[i];

        if (holder->shard == shard && !orr_id_equal(&holder->id, candidate) &&
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

    if (!orr_members_is_voter(members, members->self) || !orr_member_is_primary(owner) ||
        owner->shard->epoch != pulse->shard_epoch || owner->state != ORR_MEMBER_ALIVE) {
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
orr_detector_promise(OrrDetector *detector, OrrTime now_ns, OrrMember *candidate)
{
    candidate->probe.granted_until = now_ns + detector->context->settings->node_timeout_ns;
}

static int
compare_later_first(const void *a, const void *b, void *unused)
{
    (void)unused;

    OrrTime x = *(const OrrTime *)a;
    OrrTime y = *(const OrrTime *)b;

    return x > y ? -1 : x < y;
}

/* The moment by which a majority had been asked and has granted: its votes are the latest. */
static OrrTime
majority_asked_at(OrrDetector *detector, OrrTime now_ns)
{
    OrrMembers *members = detector->context->members;
    size_t majority = orr_members_majority(members);
    size_t count = 0;

    if (detector->scratch_room < members->count) {
        detector->scratch_room = members->count + 16;
        detector->scratch = g_renew(OrrTime, detector->scratch, detector->scratch_room);
    }
    for (size_t i = 0; i < members->count; i++) {
        const OrrMember *voter = members->list[i];

        if (voter == members->self) {
            if (orr_members_is_voter(members, voter)) {
                detector->scratch[count++] = now_ns;
            }
        } else if (orr_members_is_voter(members, voter)) {
            detector->scratch[count++] = voter->probe.leased;
        }
    }
    if (count < majority) {
        return 0;
    }
    g_qsort_with_data(detector->scratch, (gint)count, sizeof detector->scratch[0],
                      compare_later_first, NULL);
    return detector->scratch[majority - 1];
}

/* Where there are many voters, a primary that has no lease counts its grants now and then. */
#define LEASE_MANY 64u
#define LEASE_PAUSE (20 * ORR_NS_PER_MS)

OrrTime
orr_detector_lease(OrrDetector *detector, OrrTime now_ns)
{
    OrrTime timeout = detector->context->settings->node_timeout_ns;
    uint32_t voters = orr_members_voters(detector->context->members);
    OrrTime asked;

    /* grants come with every answer; they are counted when half of the lease is used up */
    if (detector->lease_voters == voters &&
        (detector->lease_until - now_ns > timeout / 2 ||
         (!detector->lease_stale && detector->lease_until > now_ns))) {
        return detector->lease_until;
    }
    if (detector->lease_until <= now_ns && voters > LEASE_MANY &&
        now_ns < detector->judged_at) {
        return detector->lease_until; /* without one, and counted a moment ago */
    }
    detector->judged_at = now_ns + LEASE_PAUSE;
    asked = majority_asked_at(detector, now_ns);
    detector->lease_until = asked == 0 ? 0 : asked + timeout - timeout / ORR_LEASE_MARGIN;
    detector->lease_stale = false;
    detector->lease_voters = voters;
    return detector->lease_until;
}
