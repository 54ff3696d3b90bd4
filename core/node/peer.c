/* peer.c - frames from peers: who may speak here, and which machine hears it. */
#include "node/clients/pubsub.h"
#include "node/moves/forward.h"

static void
refuse(OrrNode *node, const OrrAddress *to, const OrrMessage *message, OrrRefusal why,
       const char *text, OrrEffects *out)
{
    OrrMessage refusal = {.type = ORR_MESSAGE_REFUSAL, .refusal = why};

    node->frames_refused++;
    if (node->refused_traced_at == 0 ||
        node->now.mono_ns - node->refused_traced_at >= node->config.settings.node_timeout_ns) {
        node->refused_traced_at = node->now.mono_ns;
        orr_node_trace(node, ORR_TRACE_FRAME_REFUSED, &message->sender, text, out);
    }
    if (message->type != ORR_MESSAGE_REFUSAL) {
        orr_sender_send(&node->sender, out, to, &refusal);
    }
}

static void
adopt_cluster(OrrNode *node, const OrrId *cluster, OrrEffects *out)
{
    node->sender.cluster = *cluster;
    orr_node_trace(node, ORR_TRACE_JOINED, cluster, NULL, out);
    orr_node_save_identity(node, out);
}

/* A frame of another cluster. Two clusters become one only by an administrator's MEET, and only
 * when one of them is a node all alone: then it comes over. True if the frame may be heard. */
static bool
admit_foreign(OrrNode *node, const OrrAddress *from, const OrrMessage *message, OrrEffects *out)
{
    bool alone = orr_node_is_alone(node);
    OrrMeet *meet = orr_node_find_meet(node, from);
    bool comes_over = (message->pulse.flags & ORR_PULSE_ALONE) != 0;

    if (ORR_PLANTED(&node->config.settings, NO_CLUSTER_CHECK)) {
        return true;
    }
    if (message->type == ORR_MESSAGE_MEET && alone && !node->forgotten) {
        adopt_cluster(node, &message->cluster, out);
        return true;
    }
    if (message->type == ORR_MESSAGE_MEET && comes_over) {
        /* it learns our cluster's id from the answer, and asks again */
        orr_detector_welcome(node->detector, node->now.mono_ns, from, message, out);
        return false;
    }
    if (message->type == ORR_MESSAGE_PONG && alone && meet != NULL) {
        adopt_cluster(node, &message->cluster, out);
        meet->again_at = node->now.mono_ns;
        node->housekeeping_at = node->now.mono_ns;
        return false;
    }
    refuse(node, from, message, ORR_REFUSAL_FOREIGN_CLUSTER, "foreign cluster", out);
    return false;
}

/* The first fact of a MEET, and of the PONG that answers it, is the sender's own record. */
static bool
own_record(const OrrMessage *message, OrrMemberRecord *record)
{
    OrrBytes facts = message->pulse.facts;
    OrrFact fact;

    if (orr_fact_next(&facts, &fact) != ORR_OK || fact.kind != ORR_FACT_MEMBER ||
        !orr_id_equal(&fact.member.id, &message->sender)) {
        return false;
    }
    *record = fact.member;
    return true;
}

static OrrMember *
admit(OrrNode *node, const OrrAddress *from, const OrrMessage *message, OrrEffects *out)
{
    OrrMemberRecord record;
    OrrMember *member;
    OrrFact fact;

    if (!own_record(message, &record) || record.state != ORR_MEMBER_ALIVE) {
        return NULL;
    }
    member = orr_members_admit(node->context.members, node->now.mono_ns, &record);
    if (member == NULL) {
        return NULL;
    }
    orr_node_trace(node, ORR_TRACE_MEMBER_ADDED, &member->id, NULL, out);
    fact = orr_member_fact(member, node->now.mono_ns);
    orr_gossip_tell(node->context.gossip, &fact);
    orr_gossip_send(node->context.gossip, from, &fact, 1, out);
    return member;
}

/* The member that speaks, or NULL: it may not, or is not known yet. */
static OrrMember *
find_speaker(OrrNode *node, const OrrAddress *from, const OrrMessage *message, OrrEffects *out)
{
    OrrMember *member = orr_members_find(node->context.members, &message->sender);
    bool introduces = message->type == ORR_MESSAGE_MEET || message->type == ORR_MESSAGE_PONG;

    if (member != NULL && member->state == ORR_MEMBER_FORGOTTEN) {
        if (introduces && orr_node_find_meet(node, from) != NULL) {
            return admit(node, from, message, out);
        }
        refuse(node, from, message, ORR_REFUSAL_FORGOTTEN, "forgotten", out);
        if (message->type != ORR_MESSAGE_REFUSAL) {
            OrrFact fact = orr_member_fact(member, node->now.mono_ns);

            orr_gossip_send(node->context.gossip, from, &fact, 1, out);
        }
        return NULL;
    }
    if (member != NULL) {
        return member;
    }
    if (introduces) {
        return admit(node, from, message, out);
    }
    if (message->type == ORR_MESSAGE_PING) {
        orr_detector_meet(node->detector, node->now.mono_ns, from, out); /* who are you? */
    }
    return NULL;
}

static void
on_pulse(OrrNode *node, const OrrAddress *from, OrrMember *peer, const OrrMessage *message,
         OrrEffects *out)
{
    const OrrPulse *pulse = &message->pulse;
    const OrrMember *self = orr_node_self(node);
    OrrTime now_ns = node->now.mono_ns;

    node->context.current_epoch = MAX(node->context.current_epoch, pulse->current_epoch);
    orr_node_take_facts(node, pulse->facts, out);
    orr_detector_on_pulse(node->detector, now_ns, from, peer, message, out);
    orr_gossip_compare(node->context.gossip, now_ns, from, pulse, out);
    if (peer->shard == self->shard && orr_id_equal(&self->shard->primary, &peer->id) &&
        (pulse->flags & ORR_PULSE_PRIMARY) != 0) {
        orr_replication_pulse(node->replication, node->now, &peer->id, pulse->shard_epoch,
                              pulse->offset);
    }
    if (peer->shard == self->shard && (pulse->flags & ORR_PULSE_PRIMARY) != 0 &&
        orr_node_is_primary(node) && pulse->shard_epoch == self->shard->epoch) {
        OrrShardRecord twin = {self->shard->id, peer->id, pulse->shard_epoch,
                               ORR_START_UNKNOWN};

        orr_node_on_collision(node, &twin, out);
    }
}

static void
on_refusal(OrrNode *node, OrrMember *peer, const OrrMessage *message, OrrEffects *out)
{
    (void)peer;
    (void)out;
    /* what it means for us comes as a fact, with its evidence; the word alone changes nothing
     */
    node->frames_refused += message->refusal == ORR_REFUSAL_FOREIGN_CLUSTER;
}

/* Probes and gossip of other shards: what most frames are, in a large cluster. */
static bool
is_still(const OrrNode *node, const OrrMember *peer, OrrMessageType type)
{
    switch ((int)type) {
    case ORR_MESSAGE_PING:
    case ORR_MESSAGE_PONG:
    case ORR_MESSAGE_DIGESTS:
    case ORR_MESSAGE_RECORDS:
    case ORR_MESSAGE_REPORT:
        return peer->shard != orr_node_self(node)->shard;
    default:
        return false;
    }
}

static void
dispatch(OrrNode *node, const OrrAddress *from, OrrMember *peer, const OrrMessage *message,
         OrrEffects *out)
{
    OrrTime now_ns = node->now.mono_ns;
    OrrElectionInput input = {.message = message, .peer = peer};

    switch (message->type) {
    case ORR_MESSAGE_PING:
    case ORR_MESSAGE_PONG:
    case ORR_MESSAGE_MEET:
        on_pulse(node, from, peer, message, out);
        break;
    case ORR_MESSAGE_REFUSAL:
        on_refusal(node, peer, message, out);
        break;
    case ORR_MESSAGE_DIGESTS:
        orr_gossip_on_digests(node->context.gossip, now_ns, from, &message->digests, out);
        break;
    case ORR_MESSAGE_RECORDS:
        orr_node_take_facts(node, message->facts, out);
        break;
    case ORR_MESSAGE_REPORT:
        orr_detector_on_report(node->detector, now_ns, peer, &message->report, out);
        break;
    case ORR_MESSAGE_VOTE_REQUEST:
        input.type = ORR_ELECTION_VOTE_REQUEST;
        orr_election_step(node->election, node->now, &input, out);
        break;
    case ORR_MESSAGE_VOTE:
        orr_node_take_facts(node, message->vote.facts, out);
        input.type = ORR_ELECTION_VOTE;
        orr_election_step(node->election, node->now, &input, out);
        break;
    case ORR_MESSAGE_HANDOVER:
    case ORR_MESSAGE_HANDOVER_READY:
        orr_node_on_handover(node, peer, message, out);
        break;
    case ORR_MESSAGE_SYNC_REQUEST:
    case ORR_MESSAGE_SYNC_CONTINUE:
    case ORR_MESSAGE_SYNC_FULL:
    case ORR_MESSAGE_SYNC_CHUNK:
    case ORR_MESSAGE_SYNC_ACK:
    case ORR_MESSAGE_SYNC_DONE:
    case ORR_MESSAGE_SYNC_REFUSED:
    case ORR_MESSAGE_STREAM:
    case ORR_MESSAGE_STREAM_ACK:
        (void)orr_replication_received(node->replication, node->now, from, message, out);
        break;
    case ORR_MESSAGE_ECHO:
    case ORR_MESSAGE_ECHO_BACK:
        orr_detector_on_echo(node->detector, now_ns, peer, message, out);
        break;
    case ORR_MESSAGE_PUBLISH:
        orr_pubsub_on_publish(node, &message->publication, out);
        break;
    case ORR_MESSAGE_MOVE_OPEN:
    case ORR_MESSAGE_MOVE_OPEN_ACK:
    case ORR_MESSAGE_MOVE_CHUNK:
    case ORR_MESSAGE_MOVE_STORED:
    case ORR_MESSAGE_MOVE_COMMIT:
    case ORR_MESSAGE_MOVE_ABORT:
    case ORR_MESSAGE_MOVE_ABORTED:
    case ORR_MESSAGE_MOVE_CHECK:
    case ORR_MESSAGE_MOVE_CHECKED:
    case ORR_MESSAGE_MOVE_TAKE:
    case ORR_MESSAGE_MOVE_GIVEN:
        orr_node_on_move(node, peer, message, out);
        break;
    case ORR_MESSAGE_FORWARD:
        orr_forward_on_request(node, peer, &message->move, out);
        break;
    case ORR_MESSAGE_FORWARDED:
        orr_forward_on_answer(node, peer, &message->move, out);
        break;
    case ORR_MESSAGE_TYPES:
        break;
    }
}

OrrStatus
orr_node_on_received(OrrNode *node, const OrrEvent *event, OrrEffects *out)
{
    const OrrAddress *from = &event->received.from;
    OrrMessage message;
    OrrMember *peer;

    if (node->life != ORR_LIFE_UP) {
        return ORR_OK; /* not born yet: as if it had not arrived */
    }
    if (!orr_node_open_frame(node, event, &message, out)) {
        return ORR_MALFORMED;
    }
    if (orr_id_equal(&message.sender, &node->sender.self)) {
        return ORR_OK; /* our own echo, or a node that took our identity: facts will tell */
    }
    if (!orr_id_equal(&message.cluster, &node->sender.cluster) &&
        !admit_foreign(node, from, &message, out)) {
        return ORR_OK;
    }
    peer = find_speaker(node, from, &message, out);
    if (peer == NULL || message.incarnation < peer->incarnation) {
        return ORR_OK; /* a stranger, or a frame of a life that is over */
    }
    orr_detector_on_frame(node->detector, peer);
    node->still = is_still(node, peer, message.type);
    dispatch(node, from, peer, &message, out);
    return ORR_OK;
}

void
orr_node_on_link(OrrNode *node, const OrrEvent *event, OrrEffects *out)
{
    const OrrAddress *address = &event->link.peer;
    OrrMember *peer;

    if (node->life != ORR_LIFE_UP) {
        return;
    }
    peer = orr_members_find_address(node->context.members, address);
    orr_replication_link(node->replication, node->now, address, event->link.state, out);
    orr_node_moves_link(node, address, event->link.state, out);
    if (peer != NULL && peer != orr_node_self(node)) {
        orr_detector_on_link(node->detector, node->now.mono_ns, peer, event->link.state, out);
    }
}

/* A hint */

static void
fetch(const void *memory, size_t size)
{
    for (size_t at = 0; at < size; at += 64) {
        __builtin_prefetch((const char *)memory + at);
    }
}

void
orr_node_expect(const OrrNode *node, OrrBytes frame, unsigned stage)
{
    OrrId sender;

    if (stage == 0) {
        fetch(node, 128);
        fetch(&node->config.settings.planted, 1);
        fetch(&node->life, offsetof(OrrNode, meets) - offsetof(OrrNode, life));
        return;
    }
    if (node->life != ORR_LIFE_UP || orr_bus_sender(frame, &sender) != ORR_OK) {
        return;
    }
    if (stage == 1) {
        fetch(node->context.members, offsetof(OrrMembers, buckets));
        fetch(node->context.slotmap, 64);
        fetch(node->context.gossip, 64);
        fetch(node->detector, 128);
        fetch(node->election, 128);
        fetch(node->moves, 192);
    } else {
        orr_members_expect(node->context.members, &sender, stage - 2);
    }
}
