/* role.c - primary or replica, serving or fenced; promotion, demotion, hand-over.
 *
 *     replica --won, claim on disk--> primary, fenced --lease, ready--> serving
 *        ^                                  ^                             |
 *        `---- a newer claim is heard ------+------- lease ran out -------'
 */
#include "node/internal.h"

static const char *const FENCE_NAMES[] = {
    [ORR_FENCE_NONE] = "serves",
    [ORR_FENCE_NOT_PRIMARY] = "not the primary",
    [ORR_FENCE_BOOTING] = "has not compared itself with the others yet",
    [ORR_FENCE_NO_LEASE] = "no majority of the voters answers",
    [ORR_FENCE_BEHIND] = "its data is behind its replica's",
    [ORR_FENCE_PAUSED] = "hands over",
    [ORR_FENCE_COLLISION] = "a twin claims the same epoch",
    [ORR_FENCE_FORGOTTEN] = "forgotten by the cluster",
};

const char *
orr_fence_name(OrrFence fence)
{
    return (unsigned)fence < G_N_ELEMENTS(FENCE_NAMES) ? FENCE_NAMES[fence] : "unknown";
}

bool
orr_fence_is_short(OrrFence fence)
{
    return fence == ORR_FENCE_PAUSED || fence == ORR_FENCE_BOOTING;
}

/* The planted bug: a node told by its configuration to copy itself does so. */
static bool
obeys_itself(const OrrNode *node)
{
    return ORR_PLANTED(&node->config.settings, SELF_REPLICATION) &&
           orr_id_equal(&node->config.replica_of, &node->sender.self);
}

/* Serving */

static bool
mates_have_spoken(const OrrNode *node)
{
    const OrrMember *self = orr_node_self(node);

    for (const OrrMember *mate = self->shard->mates; mate != NULL; mate = mate->next_mate) {
        if (mate != self && mate->state == ORR_MEMBER_ALIVE && mate->pulse_at == 0) {
            return false;
        }
    }
    return true;
}

/* A replica that has more of this history than its primary says that the primary lost data. */
static const OrrMember *
fuller_mate(const OrrNode *node)
{
    const OrrMember *self = orr_node_self(node);
    const OrrMember *fullest = NULL;

    for (const OrrMember *mate = self->shard->mates; mate != NULL; mate = mate->next_mate) {
        if (mate != self && mate->state == ORR_MEMBER_ALIVE && mate->pulse_at != 0 &&
            mate->shard_epoch == self->shard->epoch && mate->offset > node->context.offset &&
            (fullest == NULL || mate->offset > fullest->offset)) {
            fullest = mate;
        }
    }
    return fullest;
}

/* A cluster of which this node owns but a part: the others will come. Until then it cannot know
 * who has a vote, and would take itself for the majority. */
bool
orr_node_is_part_of_more(const OrrNode *node)
{
    uint32_t slots = orr_node_self(node)->shard->slot_count;

    if (node->voters_saved == 1) {
        return false; /* it was all alone when it was well */
    }
    return (node->context.rebooted || !orr_id_is_none(&node->config.cluster)) && slots > 0 &&
           slots < ORR_SLOT_COUNT;
}

/* A node that has just booted knows only what it knew, or what its configuration says. Before
 * it serves it hears from somebody who knows as much, and from its replicas, or waits for N. */
static bool
has_compared(OrrNode *node, OrrTime now_ns)
{
    if (node->ready) {
        return true;
    }
    if (!ORR_PLANTED(&node->config.settings, NO_GENERATION_CHECK) &&
        fuller_mate(node) != NULL) {
        return false; /* it will say so itself, and be handed the shard */
    }
    if (node->meet_count == 0 && orr_node_is_alone(node) && !orr_node_is_part_of_more(node)) {
        node->ready = true;
    } else if (orr_detector_synced(node->detector) && mates_have_spoken(node)) {
        node->ready = true;
    } else if (now_ns - node->context.boot_ns >= node->config.settings.node_timeout_ns &&
               !(orr_node_is_alone(node) && orr_node_is_part_of_more(node))) {
        node->ready = true;
    }
    return node->ready;
}

OrrFence
orr_node_fence_at(OrrNode *node, OrrTime now_ns)
{
    if (!orr_node_is_primary(node) || node->life != ORR_LIFE_UP || obeys_itself(node)) {
        return ORR_FENCE_NOT_PRIMARY;
    }
    if (node->forgotten) {
        return ORR_FENCE_FORGOTTEN;
    }
    if (node->behind) {
        return ORR_FENCE_BEHIND;
    }
    if (node->paused_until > now_ns) {
        return ORR_FENCE_PAUSED;
    }
    if (node->collision_until > now_ns) {
        return ORR_FENCE_COLLISION;
    }
    if (!has_compared(node, now_ns)) {
        return ORR_FENCE_BOOTING;
    }
    return orr_election_lease(node->election, now_ns) > now_ns ? ORR_FENCE_NONE
                                                               : ORR_FENCE_NO_LEASE;
}

void
orr_node_update_fence(OrrNode *node, OrrEffects *out)
{
    OrrFence fence = orr_node_fence_at(node, node->now.mono_ns);
    OrrTrace trace;

    node->context.yielding = fence == ORR_FENCE_PAUSED || fence == ORR_FENCE_BEHIND;
    if (fence == node->fence) {
        return;
    }
    if (orr_node_self(node)->shard->slot_count > 0) {
        if (fence == ORR_FENCE_NONE) {
            trace = orr_node_shard_trace(node, ORR_TRACE_SERVING);
            orr_context_trace(&node->context, out, &trace);
        } else if (node->fence == ORR_FENCE_NONE && fence != ORR_FENCE_NOT_PRIMARY) {
            trace = orr_node_shard_trace(node, ORR_TRACE_FENCED);
            orr_trace_set_text(&trace, orr_bytes_of_string(orr_fence_name(fence)));
            orr_context_trace(&node->context, out, &trace);
        }
    }
    if (node->fence == ORR_FENCE_NONE) {
        orr_node_clients_fenced(node);
    }
    if (fence == ORR_FENCE_NONE) {
        orr_node_set_clock(node, out); /* before the first key expires by it */
    }
    if (orr_fence_is_short(node->fence)) {
        orr_node_unpark(node);
    }
    node->fence = fence;
    node->change++;
}

/* Roles */

static void
demote(OrrNode *node, OrrEffects *out)
{
    OrrTrace trace = orr_node_shard_trace(node, ORR_TRACE_DEMOTED);

    trace.other = orr_node_self(node)->shard->primary;
    trace.value = node->context.offset;
    orr_context_trace(&node->context, out, &trace);
    node->behind = false;
    node->paused_until = 0;
    node->collision_until = 0;
}

static void
lead_or_follow(OrrNode *node, OrrEffects *out)
{
    const OrrMember *self = orr_node_self(node);
    const OrrShard *shard = self->shard;
    const OrrMember *primary = orr_members_primary_of(node->context.members, shard);

    if (obeys_itself(node)) {
        orr_replication_follow(node->replication, node->now, &self->id, &self->address,
                               shard->epoch, shard->start_offset, out);
    } else if (orr_node_is_primary(node)) {
        OrrStatus status = orr_replication_lead(node->replication, node->now, shard->epoch,
                                                shard->start_offset, out);

        if (status == ORR_REFUSED) {
            orr_node_trace(node, ORR_TRACE_NOTE, NULL, "leads with less data than it once had",
                           out);
        }
    } else if (primary != NULL && self->role != ORR_ROLE_WITNESS) {
        orr_replication_follow(node->replication, node->now, &primary->id, &primary->address,
                               shard->epoch, shard->start_offset, out);
    } else {
        orr_replication_rest(node->replication);
    }
}

/* Follows the shard's record: the only place where the role changes. */
void
orr_node_update_role(OrrNode *node, OrrEffects *out)
{
    const OrrShard *shard = orr_node_self(node)->shard;
    const OrrMember *primary = orr_members_primary_of(node->context.members, shard);
    OrrAddress address = primary != NULL ? primary->address : (OrrAddress){{0}, 0, 0};

    if (shard->epoch == node->role_epoch &&
        orr_id_equal(&shard->primary, &node->role_primary) &&
        orr_address_compare(&address, &node->role_address) == 0) {
        return;
    }
    if (node->role_was_primary && !orr_node_is_primary(node)) {
        demote(node, out);
    }
    if (shard->epoch != node->role_epoch ||
        !orr_id_equal(&shard->primary, &node->role_primary)) {
        orr_node_save_identity(node, out);
    }
    node->role_epoch = shard->epoch;
    node->role_primary = shard->primary;
    node->role_address = address;
    node->role_was_primary = orr_node_is_primary(node);
    lead_or_follow(node, out);
}

static void
on_claim_stored(void *owner, OrrStatus status, uint64_t epoch, OrrNow now, OrrEffects *out)
{
    OrrNode *node = owner;
    const OrrMember *self = orr_node_self(node);
    OrrShardRecord record = {self->shard->id, self->id, epoch, node->context.offset};
    OrrFact fact = {.kind = ORR_FACT_SHARD, .shard = record};
    OrrTrace trace;

    node->claim_pending = false;
    node->context.claiming = false;
    if (status != ORR_OK || self->shard->epoch >= epoch || now.mono_ns >= node->claim_until) {
        /* not on disk, or too late, or somebody was faster: then it never happened */
        orr_persist_shard(node->persist, self->shard);
        (void)orr_persist_commit(node->persist, now, NULL, NULL, 0, out);
        node->context.members->change++; /* whoever may stand looks again */
        return;
    }
    orr_members_set_primary(node->context.members, &record);
    trace = orr_node_shard_trace(node, ORR_TRACE_PROMOTED);
    trace.value = node->context.offset;
    orr_context_trace(&node->context, out, &trace);
    node->ready = true;
    node->behind = false;
    node->paused_until = 0;
    node->collision_until = 0;
    orr_gossip_shout(node->context.gossip, &fact, out);
}

void
orr_node_on_won(void *owner, OrrNow now, uint64_t epoch, OrrTime until, OrrEffects *out)
{
    OrrNode *node = owner;
    const OrrMember *self = orr_node_self(node);
    OrrShard claim = *self->shard;
    const OrrId *electors;

    claim.primary = self->id;
    claim.epoch = epoch;
    claim.start_offset = node->context.offset;
    node->claim_pending = true;
    node->claim_until = until;
    node->context.claiming = true;
    node->handover_waiting = false;
    orr_persist_epoch(node->persist, MAX(node->context.current_epoch, epoch));
    orr_persist_shard(node->persist, &claim);
    node->electors_saved = orr_detector_electorate(node->detector, &electors);
    orr_persist_electors(node->persist, electors, node->electors_saved);
    (void)orr_persist_commit(node->persist, now, on_claim_stored, node, epoch, out);
}

void
orr_node_bump_epoch(OrrNode *node, OrrEffects *out)
{
    node->context.current_epoch++;
    orr_node_on_won(node, node->now, node->context.current_epoch, ORR_NEVER, out);
}

/* Twins: two primaries of one shard in one epoch, after a TAKEOVER or a collision of numbers.
 * The newer data wins, then the smaller id; Redis goes by id alone, and loses writes (valkey
 * 974). Both stop serving until it is settled, so the offsets that they compare stand still. */
void
orr_node_on_collision(OrrNode *node, const OrrShardRecord *record, OrrEffects *out)
{
    OrrMember *self = orr_node_self(node);
    const OrrMember *twin = orr_members_find(node->context.members, &record->primary);
    OrrTrace trace = orr_node_shard_trace(node, ORR_TRACE_EPOCH_COLLISION);
    bool smaller = orr_id_compare(&self->id, &record->primary) < 0;
    bool insists = smaller;

    if (ORR_PLANTED(&node->config.settings, EQUAL_EPOCH_IGNORED) || node->claim_pending) {
        return;
    }
    node->collision_until = node->now.mono_ns + node->config.settings.node_timeout_ns;
    if (twin == NULL || twin->pulse_at == 0 || twin->shard_epoch != record->epoch) {
        return; /* how much it has is not known yet: its next probe says */
    }
    if (!ORR_PLANTED(&node->config.settings, EQUAL_EPOCH_BY_ID) &&
        node->context.offset != twin->offset) {
        insists = node->context.offset > twin->offset;
    }
    if (!insists && record->start_offset == ORR_START_UNKNOWN) {
        return; /* its claim itself, which comes as a fact, says where its history begins */
    }
    trace.other = record->primary;
    orr_trace_set_text(&trace, orr_bytes_of_string(insists ? "insists" : "yields"));
    orr_context_trace(&node->context, out, &trace);
    if (insists) {
        orr_node_bump_epoch(node, out);
    } else {
        OrrShardRecord theirs = {self->shard->id, record->primary, record->epoch,
                                 record->start_offset};

        orr_members_set_primary(node->context.members, &theirs);
    }
}

/* Hand-over */

void
orr_node_send_handover(OrrNode *node, OrrMessageType type, const OrrMember *to, OrrEffects *out)
{
    OrrMessage message = {.type = type};

    message.handover.shard = orr_node_self(node)->shard->id;
    message.handover.shard_epoch = orr_node_self(node)->shard->epoch;
    message.handover.offset = node->context.offset;
    orr_sender_send(&node->sender, out, &to->address, &message);
}

static void
stand(OrrNode *node, uint8_t flags, OrrTime until, OrrEffects *out)
{
    OrrElectionInput input = {.type = ORR_ELECTION_STAND, .flags = flags, .until = until};

    node->handover_waiting = false;
    orr_election_step(node->election, node->now, &input, out);
}

void
orr_node_on_handover(OrrNode *node, OrrMember *peer, const OrrMessage *message, OrrEffects *out)
{
    const OrrShard *shard = orr_node_self(node)->shard;
    const OrrHandover *handover = &message->handover;
    bool from_primary = orr_id_equal(&shard->primary, &peer->id);

    if (!orr_id_equal(&handover->shard, &shard->id) || peer->shard != shard ||
        handover->shard_epoch != shard->epoch) {
        return;
    }
    if (orr_node_is_primary(node)) {
        if (message->type == ORR_MESSAGE_HANDOVER && node->fence == ORR_FENCE_NONE) {
            node->paused_until = node->now.mono_ns + 2 * node->config.settings.node_timeout_ns;
        }
        if (node->paused_until > node->now.mono_ns) {
            orr_node_send_handover(node, ORR_MESSAGE_HANDOVER_READY, peer, out);
        }
    } else if (from_primary && message->type == ORR_MESSAGE_HANDOVER) {
        if (!node->context.loading) {
            stand(node, ORR_VOTE_CONSENT,
                  node->now.mono_ns + node->config.settings.node_timeout_ns, out);
        }
    } else if (from_primary && node->handover_waiting) {
        node->handover_ready = true;
        node->handover_offset = handover->offset;
    }
}

OrrStatus
orr_node_failover(OrrNode *node, OrrFailoverWish wish, OrrEffects *out)
{
    const OrrShard *shard = orr_node_self(node)->shard;
    const OrrMember *primary = orr_members_primary_of(node->context.members, shard);
    OrrElectionInput take = {.type = ORR_ELECTION_TAKE};

    if (orr_node_is_primary(node) || orr_node_self(node)->role == ORR_ROLE_WITNESS) {
        return ORR_REFUSED;
    }
    switch (wish) {
    case ORR_FAILOVER_NORMAL:
        if (primary == NULL || primary->state == ORR_MEMBER_FAILED) {
            return ORR_REFUSED;
        }
        node->handover_waiting = true;
        node->handover_ready = false;
        node->handover_until = node->now.mono_ns + node->config.settings.node_timeout_ns;
        orr_node_send_handover(node, ORR_MESSAGE_HANDOVER, primary, out);
        break;
    case ORR_FAILOVER_FORCE:
        stand(node, ORR_VOTE_FORCE, ORR_NEVER, out);
        break;
    case ORR_FAILOVER_TAKEOVER:
        orr_election_step(node->election, node->now, &take, out);
        break;
    }
    return ORR_OK;
}

OrrStatus
orr_node_replicate(OrrNode *node, const OrrId *primary, OrrEffects *out)
{
    OrrMember *self = orr_node_self(node);
    OrrMember *target = orr_members_find(node->context.members, primary);
    OrrFact fact;

    if (orr_id_equal(primary, &self->id) &&
        !ORR_PLANTED(&node->config.settings, SELF_REPLICATION)) {
        orr_node_trace(node, ORR_TRACE_SYNC_REFUSED, primary,
                       "a node cannot replicate itself; its stored role stands", out);
        return ORR_REFUSED;
    }
    if (target == NULL || !orr_member_counts(target)) {
        return ORR_NOT_FOUND;
    }
    if (target->shard == self->shard) {
        return ORR_OK; /* who of a shard is primary is settled by election, not by a wish */
    }
    if (orr_node_is_primary(node) &&
        (self->shard->slot_count > 0 || orr_keyspace_count(node->keyspace) > 0)) {
        return ORR_REFUSED;
    }
    orr_members_set_self(node->context.members, self->incarnation + 1, &self->address,
                         &target->shard->id);
    orr_node_set_incarnation(node, self->incarnation, out);
    orr_replication_reset(node->replication, &self->shard->id, node->keyspace);
    orr_node_save_identity(node, out);
    fact = orr_member_fact(self, node->now.mono_ns);
    orr_gossip_shout(node->context.gossip, &fact, out);
    return ORR_OK;
}

/* Time */

void
orr_node_role_time(OrrNode *node, OrrEffects *out)
{
    OrrTime now_ns = node->now.mono_ns;

    if (node->behind && orr_node_is_primary(node)) {
        const OrrMember *replica =
            orr_members_find(node->context.members, &node->behind_replica);

        if (now_ns >= node->handover_until) {
            node->handover_until = now_ns + orr_heartbeat_ns(&node->config.settings);
            if (replica != NULL) { /* it may have been forgotten meanwhile */
                orr_node_send_handover(node, ORR_MESSAGE_HANDOVER, replica, out);
            }
        }
    }
    if (!node->handover_waiting) {
        return;
    }
    if (node->handover_ready && node->context.offset >= node->handover_offset) {
        stand(node, ORR_VOTE_CONSENT, node->handover_until, out);
    } else if (now_ns >= node->handover_until) {
        node->handover_waiting = false;
        orr_node_trace(node, ORR_TRACE_NOTE, NULL, "manual failover timed out", out);
    }
}

/* The next moment at which something of a role ends by itself: a lease, a pause, a wait. */
OrrTime
orr_node_role_deadline(OrrNode *node)
{
    OrrTime now_ns = node->now.mono_ns;
    OrrTime ready_by = node->context.boot_ns + node->config.settings.node_timeout_ns;
    OrrTime deadline = ORR_NEVER;

    if (node->fence == ORR_FENCE_NONE && orr_node_is_primary(node)) {
        deadline = orr_election_lease(node->election, now_ns);
    }
    if (node->paused_until > now_ns) {
        deadline = MIN(deadline, node->paused_until);
    }
    if (node->collision_until > now_ns) {
        deadline = MIN(deadline, node->collision_until);
    }
    if (!node->ready && orr_node_is_primary(node) && ready_by > now_ns) {
        deadline = MIN(deadline, ready_by);
    }
    if ((node->behind && orr_node_is_primary(node)) || node->handover_waiting) {
        deadline = MIN(deadline, MAX(node->handover_until, now_ns));
    }
    if (node->handover_waiting && node->handover_ready) {
        deadline = MIN(deadline, now_ns + 10 * ORR_NS_PER_MS);
    }
    return deadline;
}
