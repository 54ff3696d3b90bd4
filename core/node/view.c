/* view.c - what checks and operators see of a node. */
#include "node/internal.h"

static OrrRole
role_now(const OrrNode *node)
{
    if (orr_node_self(node)->role == ORR_ROLE_WITNESS) {
        return ORR_ROLE_WITNESS;
    }
    return orr_node_is_primary(node) ? ORR_ROLE_PRIMARY : ORR_ROLE_REPLICA;
}

static void
view_data(const OrrNode *node, OrrNodeView *view)
{
    OrrReplicationView data;

    orr_replication_view(node->replication, &data);
    view->offset = data.offset;
    view->loading = data.loading;
    view->link_up = data.link_up;
    view->full_syncs_out = data.full_syncs_out;
    view->full_syncs_in = data.full_syncs_in;
    view->partial_syncs_in = data.partial_syncs_in;
    view->writes_dropped = orr_ledger_total(orr_replication_ledger(node->replication));
    view->key_count = orr_keyspace_count(node->keyspace);
}

void
orr_node_view(const OrrNode *node, OrrTime now_ns, OrrNodeView *view)
{
    OrrNode *self = (OrrNode *)(uintptr_t)node; /* computing a lease fills a cache */
    const OrrContext *context = &node->context;

    memset(view, 0, sizeof *view);
    view->change = node->change;
    if (node->life == ORR_LIFE_NEW || node->life == ORR_LIFE_BROKEN) {
        view->id = node->config.id;
        return;
    }
    now_ns += node->wall_skew;
    view->id = node->sender.self;
    view->cluster = node->sender.cluster;
    view->shard = orr_node_self(node)->shard->id;
    view->primary = orr_node_self(node)->shard->primary;
    view->role = role_now(node);
    view->incarnation = node->sender.incarnation;
    view->current_epoch = node->epoch_saved;
    view->shard_epoch = orr_node_self(node)->shard->epoch;
    view->vote_epoch = node->election->vote_epoch;
    view->lease_until_ns = orr_election_lease(node->election, now_ns);
    view->serving = orr_node_fence_at(self, now_ns) == ORR_FENCE_NONE;
    view->handing_over = node->leaving_until != 0 && orr_node_is_primary(node);
    view->cluster_ok = node->cluster_ok;
    view->slots_uncovered = node->slots_uncovered;
    view->voter_count = orr_members_voters(context->members);
    view->member_count = context->members->counting;
    view->failed_count = context->members->failed;
    view->members_digest = orr_members_digest(context->members);
    view->slots_digest = orr_slotmap_digest(context->slotmap);
    view->elections = context->elections;
    view->expired_attempts = context->expired_attempts;
    view->frames_refused = node->frames_refused;
    view->frames_malformed = node->frames_malformed;
    view->frames_unsealed = node->frames_unsealed;
    view->frames_replayed = node->frames_replayed;
    view->writes_fenced = node->writes_fenced;
    view_data(node, view);
}

uint64_t
orr_node_change(const OrrNode *node)
{
    return node->change;
}

OrrTime
orr_node_lease_until(const OrrNode *node, OrrTime now_ns)
{
    if (node->life == ORR_LIFE_NEW || node->life == ORR_LIFE_BROKEN) {
        return 0;
    }
    return orr_election_lease(node->election, now_ns + node->wall_skew);
}

bool
orr_node_serves_slot(const OrrNode *node, OrrTime now_ns, uint16_t slot, uint64_t *version)
{
    OrrNode *self = (OrrNode *)(uintptr_t)node;
    const OrrShard *shard;

    if (node->life != ORR_LIFE_UP) {
        return false;
    }
    shard = orr_node_self(node)->shard;
    if (!orr_slotmap_owns(node->context.slotmap, slot, &shard->id) ||
        orr_node_fence_at(self, now_ns + node->wall_skew) != ORR_FENCE_NONE) {
        return false;
    }
    *version = shard->epoch << 32 |
               (orr_slotmap_get(node->context.slotmap, slot).version & UINT32_MAX);
    return true;
}

static OrrMemberState
state_seen(const OrrMember *member)
{
    if (member->state == ORR_MEMBER_ALIVE && (member->probe.suspicion == ORR_SUSPICION_SILENT ||
                                              member->probe.suspicion == ORR_SUSPICION_DEAD)) {
        return ORR_MEMBER_SUSPECTED;
    }
    return member->state;
}

OrrStatus
orr_node_member(const OrrNode *node, size_t index, OrrMemberView *view)
{
    const OrrMembers *members = node->context.members;
    const OrrMember *member;

    if (members == NULL || index >= members->count) {
        return ORR_NOT_FOUND;
    }
    member = members->list[index];
    view->id = member->id;
    view->shard = member->shard->id;
    view->state = state_seen(member);
    view->role = member->role == ORR_ROLE_WITNESS ? ORR_ROLE_WITNESS
                 : orr_member_is_primary(member)  ? ORR_ROLE_PRIMARY
                                                  : ORR_ROLE_REPLICA;
    view->incarnation = member->incarnation;
    view->address = member->address;
    return ORR_OK;
}

const OrrKeyspace *
orr_node_keyspace(const OrrNode *node)
{
    return node->keyspace;
}

const OrrSlotMap *
orr_node_slotmap(const OrrNode *node)
{
    return node->context.slotmap;
}

int64_t
orr_node_cluster_ms(const OrrNode *node, OrrNow now)
{
    if (ORR_PLANTED(&node->config.settings, WALL_CLOCK_TIMERS)) {
        return now.wall_ms;
    }
    return orr_cluster_clock_ms(&node->clock, now);
}
