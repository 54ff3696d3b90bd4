/* facts.c - what a fact that a peer tells changes here, and what follows from it. */
#include "node/internal.h"

/* Somebody believes that this node failed, was forgotten, or lives a later life than it does.
 */
static void
answer_for_self(OrrNode *node, const OrrMemberRecord *record, OrrEffects *out)
{
    OrrFact fact;

    if (record->state == ORR_MEMBER_FORGOTTEN) {
        if (!node->forgotten) {
            node->forgotten = true;
            orr_node_trace(node, ORR_TRACE_MEMBER_FORGOTTEN, &node->sender.self, "this node",
                           out);
        }
        return;
    }
    node->forgotten = false;
    orr_node_set_incarnation(node, record->incarnation + 1, out);
    fact = orr_member_fact(orr_node_self(node), node->now.mono_ns);
    orr_gossip_shout(node->context.gossip, &fact, out);

    OrrTrace trace = orr_trace(ORR_TRACE_REFUTED);

    trace.value = node->sender.incarnation;
    orr_context_trace(&node->context, out, &trace);
}

static void
forget_evidence(OrrMember *member)
{
    member->probe.awaiting = 0;
    member->probe.refused_since = 0;
    member->probe.probe_again = ORR_NEVER;
    if (member->probe.reports != NULL) {
        orr_reports_clear(member->probe.reports);
    }
}

void
orr_node_retell(OrrNode *node, const OrrFact *fact)
{
    if (!node->in_bulk) {
        orr_gossip_tell(node->context.gossip, fact);
    }
}

static void
take_member(OrrNode *node, const OrrMemberRecord *record, OrrEffects *out)
{
    OrrContext *context = &node->context;
    OrrMerge merge = orr_members_merge_member(context->members, node->now.mono_ns, record);
    OrrMember *member = orr_members_find(context->members, &record->id);
    OrrFact fact;

    switch (merge) {
    case ORR_MERGE_KNOWN:
    case ORR_MERGE_REFUSED:
    case ORR_MERGE_COLLISION:
        return;
    case ORR_MERGE_ABOUT_SELF:
        answer_for_self(node, record, out);
        return;
    case ORR_MERGE_ADDED:
        if (record->state != ORR_MEMBER_FORGOTTEN) {
            orr_node_trace(node, ORR_TRACE_MEMBER_ADDED, &record->id, NULL, out);
        }
        break;
    case ORR_MERGE_MOVED:
        orr_node_trace(node, ORR_TRACE_MEMBER_MOVED, &record->id, NULL, out);
        forget_evidence(member);
        break;
    case ORR_MERGE_RETURNED:
        orr_node_trace(node, ORR_TRACE_RECOVERED_PEER, &record->id, NULL, out);
        forget_evidence(member);
        break;
    case ORR_MERGE_FORGOTTEN:
        orr_node_trace(node, ORR_TRACE_MEMBER_FORGOTTEN, &record->id, NULL, out);
        break;
    case ORR_MERGE_FAILED:
    case ORR_MERGE_CHANGED:
        break;
    }
    fact = orr_member_fact(member, node->now.mono_ns);
    orr_node_retell(node, &fact);
}

void
orr_node_forget(OrrNode *node, OrrMember *member, OrrEffects *out)
{
    OrrFact fact;

    orr_members_forget(node->context.members, node->now.mono_ns, member);
    orr_node_trace(node, ORR_TRACE_MEMBER_FORGOTTEN, &member->id, "by an administrator", out);
    fact = orr_member_fact(member, node->now.mono_ns);
    orr_gossip_shout(node->context.gossip, &fact, out);
}

/* Two claims of one epoch that neither claimant settles: both may be dead. Everybody else takes
 * the same one, so that they agree: that with the longer history, then the smaller id. */
static bool
is_preferred(const OrrShard *shard, const OrrShardRecord *record)
{
    if (record->start_offset != shard->start_offset) {
        return record->start_offset > shard->start_offset;
    }
    return orr_id_compare(&record->primary, &shard->primary) < 0;
}

static void
take_shard(OrrNode *node, const OrrShardRecord *record, OrrEffects *out)
{
    OrrContext *context = &node->context;
    const OrrShard *own = orr_node_self(node)->shard;
    OrrFact fact = {.kind = ORR_FACT_SHARD, .shard = *record};

    context->current_epoch = MAX(context->current_epoch, record->epoch);
    switch (orr_members_merge_shard(context->members, record)) {
    case ORR_MERGE_COLLISION:
        if (orr_id_equal(&record->shard, &own->id) && orr_node_is_primary(node)) {
            orr_node_on_collision(node, record, out);
        } else if (is_preferred(orr_members_shard(context->members, &record->shard), record)) {
            orr_members_set_primary(context->members, record);
            orr_gossip_tell(context->gossip, &fact);
        }
        break;
    case ORR_MERGE_CHANGED:
        orr_node_retell(node, &fact);
        break;
    case ORR_MERGE_KNOWN:
    case ORR_MERGE_ADDED:
    case ORR_MERGE_MOVED:
    case ORR_MERGE_FAILED:
    case ORR_MERGE_RETURNED:
    case ORR_MERGE_FORGOTTEN:
    case ORR_MERGE_ABOUT_SELF:
    case ORR_MERGE_REFUSED:
        break;
    }
}

/* More than a probe carries comes of an exchange. It has no doubts, and whoever else lacks its
 * facts finds out by digests as this node did. */
#define BULK_SIZE (ORR_FACT_SIZE_MAX * (ORR_PULSE_FACTS_MAX + 1))

/* In a large cluster the entries that facts are about are seldom in the cache: all are fetched
 * at once, not one after the other. */
#define MEMBERS_LARGE 64u

static void
expect_facts(const OrrMembers *members, OrrBytes facts, unsigned stage)
{
    OrrFact fact;

    while (orr_fact_next(&facts, &fact) == ORR_OK) {
        switch (fact.kind) {
        case ORR_FACT_MEMBER:
            orr_members_expect(members, &fact.member.id, stage);
            orr_members_expect_shard(members, &fact.member.shard, stage);
            break;
        case ORR_FACT_SHARD:
            orr_members_expect_shard(members, &fact.shard.shard, stage);
            break;
        case ORR_FACT_SLOTS:
            orr_members_expect_shard(members, &fact.slots.shard, stage);
            break;
        case ORR_FACT_DOUBT:
            orr_members_expect(members, &fact.doubt.id, stage);
            break;
        }
    }
}

void
orr_node_take_facts(OrrNode *node, OrrBytes facts, OrrEffects *out)
{
    OrrContext *context = &node->context;
    OrrFact fact;
    OrrMember *doubted;

    node->in_bulk = facts.size > BULK_SIZE;
    if (context->members->count > MEMBERS_LARGE) {
        expect_facts(context->members, facts, 0);
        expect_facts(context->members, facts, 1);
    }
    while (orr_fact_next(&facts, &fact) == ORR_OK) {
        switch (fact.kind) {
        case ORR_FACT_MEMBER:
            take_member(node, &fact.member, out);
            break;
        case ORR_FACT_SHARD:
            take_shard(node, &fact.shard, out);
            break;
        case ORR_FACT_SLOTS:
            orr_node_take_slots(node, &fact.slots, false, out);
            break;
        case ORR_FACT_DOUBT:
            doubted = orr_members_find(context->members, &fact.doubt.id);
            if (doubted != NULL && doubted != context->members->self &&
                doubted->incarnation == fact.doubt.incarnation) {
                orr_detector_on_doubt(node->detector, node->now.mono_ns, doubted, out);
            }
            break;
        }
    }
    node->in_bulk = false;
}
