#include <orrery/election.h>

#include "election/kinds.h"

#include <glib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static const char *const VERDICT_NAMES[ORR_VOTE_VERDICTS] = {
    [ORR_VOTE_GRANTED] = "granted",
    [ORR_VOTE_DENIED_NOT_VOTER] = "denied: not a voter",
    [ORR_VOTE_DENIED_EPOCH_OLD] = "denied: epoch is old",
    [ORR_VOTE_DENIED_VOTED] = "denied: voted already",
    [ORR_VOTE_DENIED_NOT_REPLICA] = "denied: not a replica of it",
    [ORR_VOTE_DENIED_CONFIG_OLDER] = "denied: configuration is older",
    [ORR_VOTE_DENIED_PRIMARY_ALIVE] = "denied: primary is alive",
    [ORR_VOTE_DENIED_LEASE] = "denied: the owner's lease stands",
    [ORR_VOTE_DENIED_DATA_OLDER] = "denied: the primary had newer data",
    [ORR_VOTE_DENIED_JUST_BOOTED] = "denied: just booted",
};

static const char *const STANDING_NAMES[ORR_STANDINGS] = {
    [ORR_STANDING_YES] = "stands",
    [ORR_STANDING_NOT_REPLICA] = "not a replica",
    [ORR_STANDING_PRIMARY_ALIVE] = "primary is alive",
    [ORR_STANDING_NO_SLOTS] = "the shard owns no slots",
    [ORR_STANDING_SWITCHED_OFF] = "failover is switched off",
    [ORR_STANDING_LOADING] = "its copy is not whole",
    [ORR_STANDING_DATA_UNKNOWN] = "cannot say how old its data is",
    [ORR_STANDING_DATA_OLD] = "its data is too old",
};

const char *
orr_vote_verdict_name(OrrVoteVerdict verdict)
{
    return (unsigned)verdict < ORR_VOTE_VERDICTS ? VERDICT_NAMES[verdict] : "unknown";
}

const char *
orr_standing_name(OrrStanding standing)
{
    return (unsigned)standing < ORR_STANDINGS ? STANDING_NAMES[standing] : "unknown";
}

OrrStanding
orr_standing_of_data(const OrrContext *context)
{
    const OrrSettings *settings = context->settings;
    const OrrMember *primary =
        orr_members_find(context->members, &context->members->self->shard->primary);
    OrrTime last_word = primary == NULL ? 0 : primary->pulse_at;

    if (context->loading) {
        return ORR_STANDING_LOADING;
    }
    if (settings->unsafe_promotion || ORR_PLANTED(settings, STALE_MAY_STAND)) {
        return ORR_STANDING_YES;
    }
    if (context->in_sync_ns < 0) {
        return ORR_STANDING_DATA_UNKNOWN;
    }
    /* since its last word a primary cannot have written more than its lease allowed */
    return last_word - context->in_sync_ns > orr_replica_validity_ns(settings)
               ? ORR_STANDING_DATA_OLD
               : ORR_STANDING_YES;
}

static const OrrElectionKind *
kind_of(OrrCoordination coordination)
{
    switch (coordination) {
    case ORR_COORDINATION_LOWEST_ID:
        return &orr_election_lowest_id;
    case ORR_COORDINATION_EPOCH_VOTE:
        return &orr_election_epoch_vote;
    }
    return &orr_election_epoch_vote;
}

OrrElection *
orr_election_new(OrrContext *context, OrrDetector *detector, const OrrElectionSink *sink)
{
    const OrrElectionKind *kind = kind_of(context->settings->coordination);
    OrrElection *election = g_malloc0(kind->size);

    election->kind = kind;
    election->context = context;
    election->detector = detector;
    election->sink = *sink;
    return election;
}

void
orr_election_free(OrrElection *election)
{
    if (election != NULL && election->kind->clear != NULL) {
        election->kind->clear(election);
    }
    g_free(election);
}

void
orr_election_restore(OrrElection *election, uint64_t vote_epoch, const OrrId *vote_for)
{
    election->vote_epoch = vote_epoch;
    election->vote_for = *vote_for;
}

void
orr_election_step(OrrElection *election, OrrNow now, const OrrElectionInput *input,
                  OrrEffects *out)
{
    election->kind->step(election, now, input, out);
}

void
orr_election_time(OrrElection *election, OrrNow now, OrrEffects *out)
{
    election->kind->time(election, now, out);
}

OrrTime
orr_election_deadline(const OrrElection *election)
{
    return election->kind->deadline(election);
}

OrrTime
orr_election_lease(OrrElection *election, OrrTime now_ns)
{
    return election->kind->lease(election, now_ns);
}

uint64_t
orr_election_digest(const OrrElection *election)
{
    uint64_t hash = XXH3_64bits(election->vote_for.bytes, ORR_ID_SIZE);

    return election->vote_epoch ^ hash ^ election->kind->digest(election);
}
