/* epoch_vote_voter.c - the voter's side of epoch-vote: whom it votes for, and what that binds.
 */
#include "election/epoch_vote.h"

#include "wire/sender.h"

#include <glib.h>

bool
orr_epoch_vote_primary_failed(const OrrMembers *members, const OrrShard *shard)
{
    const OrrMember *primary = orr_members_primary_of(members, shard);

    return primary == NULL ? shard->epoch > 0 : primary->state == ORR_MEMBER_FAILED;
}

/* The last two questions, which also a candidate that has a vote asks itself. Who agrees is the
 * primary, and only it: what this voter promised to another candidate stands. After a boot it
 * does not know what it promised before, to whom, nor what came of it. */
OrrVoteVerdict
orr_epoch_vote_decide_lease(const EpochVote *self, OrrTime now_ns, const OrrMember *candidate,
                            bool agreed)
{
    const OrrContext *context = self->base.context;
    const OrrShard *shard = candidate->shard;

    if (orr_detector_lease_stands(self->base.detector, now_ns, shard, &candidate->id,
                                  agreed ? &shard->primary : NULL)) {
        return ORR_VOTE_DENIED_LEASE;
    }
    if (!agreed && context->rebooted &&
        now_ns - context->boot_ns < context->settings->node_timeout_ns &&
        !ORR_PLANTED(context->settings, NO_LEASE)) {
        return ORR_VOTE_DENIED_JUST_BOOTED;
    }
    return ORR_VOTE_GRANTED;
}

/* A candidate that followed this primary may lack its last moments, as asynchronous copies do.
 * One that never did must have all that the primary was known to have. */
static bool
lacks_data(const OrrMember *primary, const OrrVoteRequest *request)
{
    bool followed = request->data_epoch >= primary->shard_epoch;

    return primary->pulse_at != 0 && primary->shard_epoch == request->shard_epoch &&
           request->offset < (followed ? primary->offset_then : primary->offset);
}

static OrrVoteVerdict
decide(const EpochVote *self, OrrTime now_ns, const OrrMember *candidate,
       const OrrVoteRequest *request)
{
    const OrrContext *context = self->base.context;
    const OrrMembers *members = context->members;
    const OrrShard *shard = candidate->shard;
    const OrrMember *primary = orr_members_primary_of(members, shard);
    bool agreed = (request->flags & ORR_VOTE_CONSENT) != 0;

    if (!orr_members_is_voter(members, members->self)) {
        return ORR_VOTE_DENIED_NOT_VOTER;
    }
    if (!ORR_PLANTED(context->settings, VOTE_TWICE)) {
        if (request->epoch < context->current_epoch || request->epoch < self->base.vote_epoch) {
            return ORR_VOTE_DENIED_EPOCH_OLD;
        }
        if (request->epoch == self->base.vote_epoch &&
            !orr_id_equal(&self->base.vote_for, &candidate->id)) {
            return ORR_VOTE_DENIED_VOTED;
        }
    }
    if (!orr_id_equal(&shard->id, &request->shard) || orr_member_is_primary(candidate)) {
        return ORR_VOTE_DENIED_NOT_REPLICA;
    }
    if (request->shard_epoch < shard->epoch) {
        return ORR_VOTE_DENIED_CONFIG_OLDER;
    }
    if (!orr_epoch_vote_primary_failed(members, shard) &&
        (request->flags & (ORR_VOTE_FORCE | ORR_VOTE_CONSENT)) == 0) {
        return ORR_VOTE_DENIED_PRIMARY_ALIVE;
    }
    if (request->flags == 0 && primary != NULL && lacks_data(primary, request)) {
        return ORR_VOTE_DENIED_DATA_OLDER;
    }
    return orr_epoch_vote_decide_lease(self, now_ns, candidate, agreed);
}

static void
trace_vote(const EpochVote *self, OrrVoteVerdict verdict, const OrrMember *candidate,
           const OrrVoteRequest *request, OrrEffects *out)
{
    OrrTrace trace =
        orr_trace(verdict == ORR_VOTE_GRANTED ? ORR_TRACE_VOTED : ORR_TRACE_VOTE_DENIED);

    trace.shard = request->shard;
    trace.epoch = request->epoch;
    trace.other = candidate->id;
    if (verdict != ORR_VOTE_GRANTED) {
        orr_trace_set_text(&trace, orr_bytes_of_string(orr_vote_verdict_name(verdict)));
    }
    orr_context_trace(self->base.context, out, &trace);
}

#define FACTS_OF_VOTE 8u /* shards in one answer */
#define EPOCHS_OF_VOTE 16u

/* A vote brings who became primary lately, so that whoever wins knows all whom its voters knew,
 * and counts the voters as they did. */
static size_t
put_latest_shards(const OrrMembers *members, uint64_t epoch, uint8_t *facts, size_t room)
{
    size_t used = 0;
    unsigned count = 0;

    for (size_t i = 0; i < members->shard_count && count < FACTS_OF_VOTE; i++) {
        const OrrShard *shard = members->shards[i];

        if (shard->epoch > 1 && shard->epoch + EPOCHS_OF_VOTE >= epoch) {
            OrrFact fact = orr_shard_fact(shard);

            used += orr_fact_encode(&fact, facts + used, room - used);
            count++;
        }
    }
    return used;
}

/* A refusal brings the configuration that the candidate does not know: valkey 2169. */
static void
send_vote(EpochVote *self, OrrVoteVerdict verdict, const OrrMember *candidate,
          const OrrVoteRequest *request, OrrEffects *out)
{
    OrrContext *context = self->base.context;
    OrrMessage message = {.type = ORR_MESSAGE_VOTE};
    uint8_t facts[FACTS_OF_VOTE * ORR_FACT_SIZE_MAX];

    message.vote.shard = request->shard;
    message.vote.epoch = request->epoch;
    message.vote.verdict = (uint8_t)verdict;
    message.vote.current_epoch = context->current_epoch;
    if (verdict == ORR_VOTE_GRANTED) {
        size_t size = put_latest_shards(context->members, request->epoch, facts, sizeof facts);

        message.vote.facts = orr_bytes(facts, size);
    } else if (candidate->shard->epoch > 0) {
        OrrFact fact = orr_shard_fact(candidate->shard);

        message.vote.facts = orr_bytes(facts, orr_fact_encode(&fact, facts, sizeof facts));
    }
    orr_sender_send(context->sender, out, &candidate->address, &message);
}

void
orr_epoch_vote_on_request(EpochVote *self, OrrNow now, OrrMember *candidate,
                          const OrrVoteRequest *request, OrrEffects *out)
{
    OrrContext *context = self->base.context;
    OrrVoteVerdict verdict;
    bool again = self->base.vote_epoch == request->epoch &&
                 orr_id_equal(&self->base.vote_for, &candidate->id);
    OrrEffects *held = out;
    OrrMember *primary = orr_members_primary_of(context->members, candidate->shard);

    if ((request->flags & ORR_VOTE_WITHDRAWN) != 0) {
        orr_detector_release(candidate, request->epoch);
        return;
    }
    verdict = decide(self, now.mono_ns, candidate, request);
    context->current_epoch = MAX(context->current_epoch, request->epoch);
    if (verdict != ORR_VOTE_GRANTED) {
        if (!orr_id_equal(&self->denied, &candidate->id) ||
            self->denied_epoch != request->epoch || self->denied_verdict != verdict) {
            self->denied = candidate->id;
            self->denied_epoch = request->epoch;
            self->denied_verdict = verdict;
            trace_vote(self, verdict, candidate, request, out);
        }
        send_vote(self, verdict, candidate, request, out);
        return;
    }
    self->base.vote_epoch = request->epoch;
    self->base.vote_for = candidate->id;
    if (self->state == WAITING && candidate->shard == context->members->self->shard) {
        self->stand_at = MAX(self->stand_at, now.mono_ns + ORR_VOTE_COURTESY);
    }
    if ((request->flags & ORR_VOTE_CONSENT) != 0 && primary != NULL) {
        orr_detector_yield(primary, request->epoch);
    }
    if (!ORR_PLANTED(context->settings, VOTE_TWICE)) {
        orr_detector_promise(self->base.detector, now.mono_ns, candidate, request->epoch);
    }
    if (!ORR_PLANTED(context->settings, VOTE_NOT_PERSISTED)) {
        held = self->base.sink.persist(self->base.sink.owner, now, request->epoch,
                                       &candidate->id, out);
    }
    if (!again ||
        held != out) { /* told again: nothing new. Written again: the first time failed */
        trace_vote(self, verdict, candidate, request, held);
    }
    send_vote(self, verdict, candidate, request, held);
}
