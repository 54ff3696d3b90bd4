/* epoch_vote.c - Redis Cluster's election: a replica of a failed primary asks the voters.
 *
 *     idle --(primary failed, fit to stand)--> waiting --(rank)--> asking --(majority)--> won
 *                       ^                                            |
 *                       `---- lost for certain, or out of time ------'
 */
#include "election/epoch_vote.h"

#include "wire/sender.h"

#include <glib.h>

#define SHARD_DELAY (50 * ORR_NS_PER_MS) /* for each failed shard with a smaller id */
#define ASK_AGAIN (100 * ORR_NS_PER_MS)

/* The only place where a candidate changes state. */
static void
move(EpochVote *self, State to)
{
    static const unsigned allowed[] = {
        [IDLE] = 1u << WAITING | 1u << ASKING | 1u << IDLE,
        [WAITING] = 1u << IDLE | 1u << ASKING | 1u << WAITING,
        [ASKING] = 1u << IDLE | 1u << WAITING | 1u << ASKING,
    };

    g_assert((allowed[self->state] >> to & 1u) != 0);
    self->state = to;
}

/* Whether to stand, and when */

static OrrStanding
judge_standing(const EpochVote *self)
{
    const OrrContext *context = self->base.context;
    const OrrMember *me = context->members->self;

    if (orr_member_is_primary(me) || me->role == ORR_ROLE_WITNESS || me->shard->epoch == 0 ||
        me->state == ORR_MEMBER_FORGOTTEN) {
        return ORR_STANDING_NOT_REPLICA;
    }
    if (!orr_epoch_vote_primary_failed(context->members, me->shard)) {
        return ORR_STANDING_PRIMARY_ALIVE;
    }
    if (me->shard->slot_count == 0) {
        return ORR_STANDING_NO_SLOTS;
    }
    if (!context->settings->failover) {
        return ORR_STANDING_SWITCHED_OFF;
    }
    return orr_standing_of_data(context);
}

static bool
does_not_answer(const OrrMember *mate)
{
    return mate->probe.suspicion == ORR_SUSPICION_SILENT ||
           mate->probe.suspicion == ORR_SUSPICION_DEAD;
}

/* How many replicas of the shard have newer data, as their last probes said. Those that do not
 * answer will not stand: if some count them and others do not, two come first. */
static uint32_t
rank_of(const OrrContext *context)
{
    const OrrMember *self = context->members->self;
    uint32_t rank = 0;

    for (const OrrMember *mate = self->shard->mates; mate != NULL; mate = mate->next_mate) {
        if (mate != self && mate->state == ORR_MEMBER_ALIVE && !orr_member_is_primary(mate) &&
            mate->role != ORR_ROLE_WITNESS && !does_not_answer(mate) &&
            (mate->offset > context->offset ||
             (mate->offset == context->offset && orr_id_compare(&mate->id, &self->id) < 0))) {
            rank++;
        }
    }
    return rank;
}

/* How many other shards that wait for a new primary have a smaller id: they ask first, so that
 * candidates do not take each other's epochs. */
static uint32_t
shard_rank_of(const OrrContext *context)
{
    const OrrMembers *members = context->members;
    uint32_t rank = 0;

    if (ORR_PLANTED(context->settings, ALL_STAND_AT_ONCE)) {
        return 0;
    }
    for (size_t i = 0; i < members->shard_count; i++) {
        const OrrShard *shard = members->shards[i];

        if (orr_id_compare(&shard->id, &members->self->shard->id) < 0 &&
            shard->slot_count > 0 && orr_epoch_vote_primary_failed(members, shard)) {
            rank++;
        }
    }
    return rank;
}

static void
wait_for_turn(EpochVote *self, OrrTime now_ns)
{
    OrrContext *context = self->base.context;
    OrrTime jitter = 0;
    uint32_t shard_rank = shard_rank_of(context);

    self->rank = rank_of(context);
    if (self->rank > 0 || shard_rank > 0) {
        jitter = orr_rng_between(&context->rng, 0, SHARD_DELAY / 2);
    }
    self->stand_at = now_ns + self->rank * context->settings->rank_delay_ns +
                     shard_rank * SHARD_DELAY + jitter;
    move(self, WAITING);
}

/* Asking */

static void ask(EpochVote *self, OrrTime now_ns, OrrEffects *out);

static Ballot
ballot_of(const EpochVote *self, const OrrMember *voter)
{
    return voter->ballot_epoch == self->epoch ? (Ballot)voter->ballot : BALLOT_NONE;
}

static void
put_ballot(EpochVote *self, OrrMember *voter, Ballot ballot)
{
    if (ballot_of(self, voter) != BALLOT_NONE) {
        self->ballots[ballot_of(self, voter)]--;
    }
    voter->ballot_epoch = self->epoch;
    voter->ballot = (uint8_t)ballot;
    self->ballots[ballot]++;
}

static uint32_t
count_ballots(const EpochVote *self, Ballot ballot)
{
    const OrrMembers *members = self->base.context->members;
    uint32_t count = 0;

    for (size_t i = 0; i < members->count && self->ballots[ballot] > 0; i++) {
        count += orr_members_is_voter(members, members->list[i]) &&
                 ballot_of(self, members->list[i]) == ballot;
    }
    return count;
}

/* False once the voters that have not said no, and can be heard, are too few. */
static bool
can_still_win(EpochVote *self)
{
    OrrMembers *members = self->base.context->members;
    uint32_t possible = 0;

    for (size_t i = 0; i < members->count; i++) {
        const OrrMember *voter = members->list[i];
        Ballot ballot;

        if (!orr_members_is_voter(members, voter)) {
            continue;
        }
        ballot = ballot_of(self, voter);
        possible += ballot == BALLOT_GRANTED ||
                    (ballot == BALLOT_NONE && voter->state == ORR_MEMBER_ALIVE);
    }
    return possible >= orr_members_majority(members);
}

/* Where primaries vote the claim that follows changes who has a vote: see detector.h. */
static void
elect(EpochVote *self, OrrTime now_ns)
{
    const OrrMembers *members = self->base.context->members;
    g_autofree OrrId *voters = g_new(OrrId, members->count);
    size_t count = 0;

    for (size_t i = 0; i < members->count; i++) {
        if (orr_members_is_voter(members, members->list[i])) {
            voters[count++] = members->list[i]->id;
        }
    }
    if (self->base.context->settings->voters == ORR_VOTERS_ALL) {
        count = 0;
    }
    orr_detector_elected(self->base.detector, now_ns, voters, count);
}

static void
check_majority(EpochVote *self, OrrNow now, OrrEffects *out)
{
    uint32_t majority = orr_members_majority(self->base.context->members);
    OrrTime timeout = self->base.context->settings->node_timeout_ns;

    if (self->ballots[BALLOT_GRANTED] >= majority &&
        count_ballots(self, BALLOT_GRANTED) >= majority) {
        move(self, IDLE);
        self->lost = 0;
        elect(self, now.mono_ns);
        self->base.sink.won(self->base.sink.owner, now, self->epoch,
                            self->asked_at + timeout - timeout / ORR_LEASE_MARGIN, out);
    }
}

static void
send_withdrawal(EpochVote *self, uint64_t epoch, const OrrMember *voter, OrrEffects *out)
{
    OrrMessage message = {.type = ORR_MESSAGE_VOTE_REQUEST};

    message.vote_request.shard = self->base.context->members->self->shard->id;
    message.vote_request.epoch = epoch;
    message.vote_request.flags = ORR_VOTE_WITHDRAWN;
    orr_sender_send(self->base.context->sender, out, &voter->address, &message);
}

/* Gives the epoch up, and frees whom it bound, so that they can vote for another at once: where
 * all that are left must agree, two candidates would otherwise hold each other up. Whatever
 * vote for it comes later is not counted any more. */
static void
withdraw(EpochVote *self, OrrEffects *out)
{
    OrrMembers *members = self->base.context->members;

    if (self->state != ASKING || ORR_PLANTED(self->base.context->settings, ALL_STAND_AT_ONCE)) {
        return;
    }
    self->withdrawn = self->epoch;
    orr_detector_release(members->self, self->epoch);
    for (size_t i = 0; i < members->count; i++) {
        const OrrMember *voter = members->list[i];

        if (ballot_of(self, voter) == BALLOT_GRANTED && voter != members->self) {
            send_withdrawal(self, self->epoch, voter, out);
        }
    }
}

/* Gives the epoch up, and tries the next after a while that grows with each loss. */
static void
try_again(EpochVote *self, OrrTime now_ns, OrrTime at_least, OrrEffects *out)
{
    OrrContext *context = self->base.context;
    OrrTime pause = (10 + 20 * (OrrTime)(self->rank + shard_rank_of(context))) * ORR_NS_PER_MS;

    withdraw(self, out);
    self->lost++;
    pause *= MIN(self->lost, 8u);
    self->stand_at = now_ns + MAX(at_least, pause) + orr_rng_between(&context->rng, 0, pause);
    move(self, WAITING);
}

static bool
has_own_vote(const EpochVote *self, OrrTime now_ns)
{
    const OrrMembers *members = self->base.context->members;
    bool agreed = (self->flags & ORR_VOTE_CONSENT) != 0;

    return orr_members_is_voter(members, members->self) &&
           orr_epoch_vote_decide_lease(self, now_ns, members->self, agreed) == ORR_VOTE_GRANTED;
}

static void
vote_for_self(EpochVote *self, OrrNow now, OrrEffects *held)
{
    OrrContext *context = self->base.context;
    OrrMember *me = context->members->self;
    OrrTrace trace = orr_trace(ORR_TRACE_VOTED);

    self->base.vote_epoch = self->epoch;
    self->base.vote_for = me->id;
    put_ballot(self, me, BALLOT_GRANTED);
    orr_detector_promise(self->base.detector, now.mono_ns, me, self->epoch);
    trace.shard = me->shard->id;
    trace.epoch = self->epoch;
    trace.other = me->id;
    orr_context_trace(context, held, &trace);
}

static void
stand(EpochVote *self, OrrNow now, OrrEffects *out)
{
    OrrContext *context = self->base.context;
    OrrMember *me = context->members->self;
    bool votes = has_own_vote(self, now.mono_ns);
    OrrTrace trace = orr_trace(ORR_TRACE_STOOD);
    OrrEffects *held;

    if ((self->flags & ORR_VOTE_CONSENT) != 0 && now.mono_ns > self->consent_until) {
        self->flags = 0; /* the primary may serve again before this could end */
        move(self, IDLE);
        return;
    }
    self->epoch = ++context->current_epoch;
    memset(self->ballots, 0, sizeof self->ballots);
    self->asked_at = now.mono_ns;
    self->expires_at = now.mono_ns + context->settings->node_timeout_ns;
    self->ask_again_at = now.mono_ns + ASK_AGAIN;
    context->elections++;
    move(self, ASKING);
    trace.shard = me->shard->id;
    trace.epoch = self->epoch;
    trace.value = context->offset;
    trace.count = self->rank;
    orr_context_trace(context, out, &trace);
    held = self->base.sink.persist(self->base.sink.owner, now, votes ? self->epoch : 0, &me->id,
                                   out);
    if (votes) {
        vote_for_self(self, now, held);
    }
    ask(self, now.mono_ns, held);
    check_majority(self, now, out);
}

static void
ask(EpochVote *self, OrrTime now_ns, OrrEffects *out)
{
    OrrContext *context = self->base.context;
    OrrMembers *members = context->members;
    OrrMessage message = {.type = ORR_MESSAGE_VOTE_REQUEST};

    message.vote_request.shard = members->self->shard->id;
    message.vote_request.epoch = self->epoch;
    message.vote_request.shard_epoch = members->self->shard->epoch;
    message.vote_request.offset = context->offset;
    message.vote_request.data_epoch = context->data_epoch;
    message.vote_request.flags = self->flags;
    if (context->settings->unsafe_promotion ||
        ORR_PLANTED(context->settings, STALE_MAY_STAND)) {
        message.vote_request.flags |= ORR_VOTE_UNSAFE;
    }
    for (size_t i = 0; i < members->count; i++) {
        OrrMember *voter = members->list[i];

        if (voter != members->self && orr_members_is_voter(members, voter) &&
            voter->state == ORR_MEMBER_ALIVE && ballot_of(self, voter) == BALLOT_NONE) {
            orr_sender_send(context->sender, out, &voter->address, &message);
        }
    }
    self->ask_again_at = now_ns + ASK_AGAIN;
}

/* An attempt that only refusals of this epoch have spoilt is given up at once for the next
 * epoch; one that waits for voters to come back waits. */
static void
give_up_if_lost(EpochVote *self, OrrTime now_ns, OrrEffects *out)
{
    if (count_ballots(self, BALLOT_LOST) > 0 && !can_still_win(self) &&
        !ORR_PLANTED(self->base.context->settings, ALL_STAND_AT_ONCE)) {
        try_again(self, now_ns, 0, out);
    }
}

/* The lease of the old owner may have run out since this candidate stood. The list that comes
 * back is for what depends on the vote, and on the epoch, which may not be stored yet. */
static OrrEffects *
vote_for_self_late(EpochVote *self, OrrNow now, OrrEffects *out)
{
    const OrrId *me = &self->base.context->members->self->id;
    OrrEffects *held;

    if (self->base.vote_epoch >= self->epoch || !has_own_vote(self, now.mono_ns)) {
        return self->base.sink.persist(self->base.sink.owner, now, 0, me, out);
    }
    held = self->base.sink.persist(self->base.sink.owner, now, self->epoch, me, out);
    vote_for_self(self, now, held);
    return held;
}

static void
on_vote(EpochVote *self, OrrNow now, OrrMember *voter, const OrrVote *vote, OrrEffects *out)
{
    OrrContext *context = self->base.context;
    OrrMembers *members = context->members;

    context->current_epoch = MAX(context->current_epoch, vote->current_epoch);
    if (self->state != ASKING || vote->epoch != self->epoch ||
        !orr_id_equal(&vote->shard, &members->self->shard->id)) {
        if (vote->verdict == ORR_VOTE_GRANTED && vote->epoch <= self->withdrawn) {
            send_withdrawal(self, vote->epoch, voter, out);
        }
        return; /* of an attempt that is over */
    }
    switch ((OrrVoteVerdict)vote->verdict) {
    case ORR_VOTE_GRANTED:
        put_ballot(self, voter, BALLOT_GRANTED);
        voter->probe.leased = MAX(voter->probe.leased, self->asked_at);
        check_majority(self, now, out);
        return;
    case ORR_VOTE_DENIED_EPOCH_OLD:
    case ORR_VOTE_DENIED_VOTED:
        put_ballot(self, voter, BALLOT_LOST);
        break;
    case ORR_VOTE_DENIED_NOT_VOTER:
    case ORR_VOTE_DENIED_NOT_REPLICA:
    case ORR_VOTE_DENIED_CONFIG_OLDER:
    case ORR_VOTE_DENIED_PRIMARY_ALIVE:
    case ORR_VOTE_DENIED_LEASE:
    case ORR_VOTE_DENIED_DATA_OLDER:
    case ORR_VOTE_DENIED_JUST_BOOTED:
    case ORR_VOTE_VERDICTS:
        break; /* it may think otherwise soon: asked again */
    }
    give_up_if_lost(self, now.mono_ns, out);
}

/* Doors */

static void
on_changed(EpochVote *self, OrrNow now, OrrEffects *out)
{
    OrrContext *context = self->base.context;
    OrrStanding standing = judge_standing(self);

    if (self->flags != 0 && self->state != IDLE) {
        return; /* an administrator asked: the primary's state does not matter */
    }
    if (standing != self->standing) {
        self->standing = standing;
        if (standing > ORR_STANDING_PRIMARY_ALIVE) {
            OrrTrace trace = orr_trace(ORR_TRACE_NOT_STANDING);

            trace.shard = context->members->self->shard->id;
            orr_trace_set_text(&trace, orr_bytes_of_string(orr_standing_name(standing)));
            orr_context_trace(context, out, &trace);
        }
    }
    if (standing != ORR_STANDING_YES) {
        withdraw(self, out);
        move(self, IDLE);
        self->lost = 0;
    } else if (self->state == IDLE && !context->claiming) {
        self->flags = 0;
        wait_for_turn(self, now.mono_ns);
        if (self->stand_at <= now.mono_ns) {
            stand(self, now, out);
        }
    }
}

static void
epoch_vote_step(OrrElection *election, OrrNow now, const OrrElectionInput *input,
                OrrEffects *out)
{
    EpochVote *self = (EpochVote *)election;
    OrrContext *context = election->context;

    switch (input->type) {
    case ORR_ELECTION_CHANGED:
        on_changed(self, now, out);
        break;
    case ORR_ELECTION_VOTE_REQUEST:
        orr_epoch_vote_on_request(self, now, input->peer, &input->message->vote_request, out);
        break;
    case ORR_ELECTION_VOTE:
        on_vote(self, now, input->peer, &input->message->vote, out);
        break;
    case ORR_ELECTION_STAND:
        self->flags = input->flags;
        self->consent_until = input->until;
        self->rank = 0;
        stand(self, now, out);
        break;
    case ORR_ELECTION_TAKE:
        withdraw(self, out);
        move(self, IDLE);
        context->current_epoch++;
        orr_detector_elected(election->detector, now.mono_ns, NULL, 0);
        election->sink.won(election->sink.owner, now, context->current_epoch, ORR_NEVER, out);
        break;
    }
}

static void
on_expired(EpochVote *self, OrrNow now, OrrEffects *out)
{
    OrrContext *context = self->base.context;
    OrrTrace trace = orr_trace(ORR_TRACE_ATTEMPT_EXPIRED);
    OrrTime pause = 0;

    context->expired_attempts++;
    trace.shard = context->members->self->shard->id;
    trace.epoch = self->epoch;
    orr_context_trace(context, out, &trace);
    if (self->flags != 0) {
        withdraw(self, out);
        self->flags = 0;
        move(self, IDLE);
        return; /* an administrator's wish is not repeated */
    }
    if (ORR_PLANTED(context->settings, ALL_STAND_AT_ONCE)) {
        pause = 3 * context->settings->node_timeout_ns;
    }
    try_again(self, now.mono_ns, pause, out);
}

static void
epoch_vote_time(OrrElection *election, OrrNow now, OrrEffects *out)
{
    EpochVote *self = (EpochVote *)election;

    switch (self->state) {
    case IDLE:
        break;
    case WAITING:
        if (now.mono_ns >= self->stand_at) {
            stand(self, now, out);
        }
        break;
    case ASKING:
        if (now.mono_ns >= self->expires_at) {
            on_expired(self, now, out);
        } else if (now.mono_ns >= self->ask_again_at) {
            give_up_if_lost(self, now.mono_ns, out);
            if (self->state == ASKING) {
                ask(self, now.mono_ns, vote_for_self_late(self, now, out));
                check_majority(self, now, out);
            }
        }
        break;
    }
}

static OrrTime
epoch_vote_deadline(const OrrElection *election)
{
    const EpochVote *self = (const EpochVote *)election;

    switch (self->state) {
    case IDLE:
        break;
    case WAITING:
        return self->stand_at;
    case ASKING:
        return MIN(self->expires_at, self->ask_again_at);
    }
    return ORR_NEVER;
}

static OrrTime
epoch_vote_lease(OrrElection *election, OrrTime now_ns)
{
    if (ORR_PLANTED(election->context->settings, NO_FENCING)) {
        return ORR_NEVER;
    }
    return orr_detector_lease(election->detector, now_ns);
}

static uint64_t
epoch_vote_digest(const OrrElection *election)
{
    const EpochVote *self = (const EpochVote *)election;

    return self->epoch << 8 | (uint64_t)self->state << 4 |
           (self->ballots[BALLOT_GRANTED] + self->ballots[BALLOT_LOST]);
}

const OrrElectionKind orr_election_epoch_vote = {
    .name = "epoch-vote",
    .size = sizeof(EpochVote),
    .step = epoch_vote_step,
    .time = epoch_vote_time,
    .deadline = epoch_vote_deadline,
    .lease = epoch_vote_lease,
    .digest = epoch_vote_digest,
};
