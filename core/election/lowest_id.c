/* lowest_id.c - the naive election: whoever has the smallest id among those that seem connected
 * rules. No majority, no votes, no fencing: in a partition each side has a ruler. */
#include "election/kinds.h"

#include <glib.h>

typedef struct LowestId {
    OrrElection base;
    OrrTime judge_at;
} LowestId;

static const OrrMember *
smallest_connected(const OrrMembers *members)
{
    const OrrShard *shard = members->self->shard;

    for (const OrrMember *member = shard->mates; member != NULL; member = member->next_mate) {
        bool connected = member == members->self ||
                         (orr_member_counts(member) && member->probe.answered != 0 &&
                          member->probe.suspicion != ORR_SUSPICION_SILENT &&
                          member->probe.suspicion != ORR_SUSPICION_DEAD);

        if (connected && member->role != ORR_ROLE_WITNESS) {
            return member;
        }
    }
    return NULL;
}

static void
judge(LowestId *self, OrrNow now, OrrEffects *out)
{
    OrrContext *context = self->base.context;
    const OrrMembers *members = context->members;
    const OrrShard *shard = members->self->shard;
    OrrTrace trace = orr_trace(ORR_TRACE_STOOD);

    if (smallest_connected(members) != members->self || orr_member_is_primary(members->self) ||
        shard->epoch == 0 || context->loading ||
        now.mono_ns - context->boot_ns < context->settings->node_timeout_ns) {
        return;
    }
    context->elections++;
    context->current_epoch++;
    trace.shard = shard->id;
    trace.epoch = context->current_epoch;
    trace.value = context->offset;
    orr_context_trace(context, out, &trace);
    self->base.sink.won(self->base.sink.owner, now, context->current_epoch, ORR_NEVER, out);
}

static void
lowest_id_step(OrrElection *election, OrrNow now, const OrrElectionInput *input,
               OrrEffects *out)
{
    LowestId *self = (LowestId *)election;
    OrrContext *context = election->context;

    switch (input->type) {
    case ORR_ELECTION_CHANGED:
        judge(self, now, out);
        break;
    case ORR_ELECTION_STAND:
    case ORR_ELECTION_TAKE:
        context->current_epoch++;
        election->sink.won(election->sink.owner, now, context->current_epoch, ORR_NEVER, out);
        break;
    case ORR_ELECTION_VOTE_REQUEST:
    case ORR_ELECTION_VOTE:
        break; /* nobody votes here */
    }
}

static void
lowest_id_time(OrrElection *election, OrrNow now, OrrEffects *out)
{
    LowestId *self = (LowestId *)election;

    if (now.mono_ns >= self->judge_at) {
        self->judge_at = now.mono_ns + orr_heartbeat_ns(election->context->settings);
        judge(self, now, out);
    }
}

static OrrTime
lowest_id_deadline(const OrrElection *election)
{
    return ((const LowestId *)election)->judge_at;
}

static OrrTime
lowest_id_lease(OrrElection *election, OrrTime now_ns)
{
    (void)election;
    (void)now_ns;
    return ORR_NEVER;
}

static uint64_t
lowest_id_digest(const OrrElection *election)
{
    return (uint64_t)((const LowestId *)election)->judge_at;
}

const OrrElectionKind orr_election_lowest_id = {
    .name = "lowest-id",
    .size = sizeof(LowestId),
    .step = lowest_id_step,
    .time = lowest_id_time,
    .deadline = lowest_id_deadline,
    .lease = lowest_id_lease,
    .digest = lowest_id_digest,
};
