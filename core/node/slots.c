/* slots.c - what becomes of slots: claims heard, slots lost, and draining a slow owner. */
#include "node/internal.h"

/* How many slots each shard owns, kept in its entry so that voters are counted quickly. */
void
orr_node_recount_slots(OrrNode *node)
{
    OrrMembers *members = node->context.members;
    OrrId id;
    uint32_t count;

    while (orr_slotmap_next_touched(node->context.slotmap, &id, &count)) {
        OrrShard *shard = orr_id_is_none(&id) ? NULL : orr_members_shard(members, &id);

        if (shard != NULL) {
            orr_members_set_slot_count(members, shard, count);
        }
    }
    members->change++;
    node->slots_changed = false;
}

/* The keys of slots that another shard owns now: a FLUSH record, so that replicas and the log
 * follow. */
static void
drop_keys(OrrNode *node, const OrrSlotRange *range, OrrEffects *out)
{
    uint8_t text[4] = {(uint8_t)range->first, (uint8_t)(range->first >> 8),
                       (uint8_t)range->last, (uint8_t)(range->last >> 8)};
    OrrRecord record = {.kind = ORR_RECORD_FLUSH, .value = orr_bytes(text, sizeof text)};

    for (uint32_t slot = range->first; slot <= range->last; slot++) {
        if (orr_keyspace_count_slot(node->keyspace, (uint16_t)slot) > 0) {
            orr_node_write(node, &record, out);
            return;
        }
    }
}

/* The parts of `range` that this shard owns and that a claim would take away. */
static void
lose_slots(OrrNode *node, const OrrSlotsRecord *claim, bool own_wish, OrrEffects *out)
{
    const OrrShard *own = orr_node_self(node)->shard;
    OrrTrace trace = orr_trace(ORR_TRACE_SLOTS_LOST);
    uint32_t cursor = claim->range.first;
    OrrSlotsRecord part;

    if (orr_id_equal(&claim->shard, &own->id) || !orr_node_is_primary(node)) {
        return;
    }
    while (orr_slotmap_next(node->context.slotmap, &cursor, claim->range.last, &part) ==
           ORR_OK) {
        if (orr_id_equal(&part.shard, &own->id) && part.version < claim->version) {
            trace.count += part.range.last - part.range.first + 1u;
            if (!orr_id_is_none(&claim->shard)) { /* given up, they have no better place */
                drop_keys(node, &part.range, out);
            }
        }
    }
    if (trace.count > 0 && !own_wish) { /* what it gives away is no news */
        trace.shard = claim->shard;
        trace.epoch = claim->version;
        orr_context_trace(&node->context, out, &trace);
    }
}

void
orr_node_take_slots(OrrNode *node, const OrrSlotsRecord *record, bool own_wish, OrrEffects *out)
{
    OrrContext *context = &node->context;
    OrrFact fact = {.kind = ORR_FACT_SLOTS, .slots = *record};
    uint64_t before = orr_slotmap_change(context->slotmap);
    const OrrId *own = &orr_node_self(node)->shard->id;
    uint32_t owned = orr_slotmap_count(context->slotmap, own);

    context->current_epoch = MAX(context->current_epoch, record->version);
    (void)orr_members_shard(context->members, &record->shard);
    lose_slots(node, record, own_wish, out);
    if (ORR_PLANTED(&node->config.settings, CLAIMS_UNVERSIONED)) {
        (void)orr_slotmap_overwrite(context->slotmap, record);
    } else {
        (void)orr_slotmap_claim(context->slotmap, record);
    }
    if (orr_slotmap_change(context->slotmap) == before) {
        return;
    }
    node->slots_changed = true;
    node->own_slots_changed |=
        orr_id_equal(&record->shard, own) || orr_slotmap_count(context->slotmap, own) != owned;
    if (own_wish) { /* its version must never be given to another claim, not after a restart */
        orr_persist_epoch(node->persist, context->current_epoch);
        orr_persist_slots(node->persist, context->slotmap, own);
        orr_gossip_shout(context->gossip, &fact,
                         orr_persist_commit(node->persist, node->now, NULL, NULL, 0, out));
    } else {
        orr_node_retell(node, &fact);
    }
}

/* Cluster state */

/* One that has just booted, and hears from the others, does not know all of them yet: that a
 * slot has no owner says nothing before a node timeout is over. */
static bool
is_still_learning(const OrrNode *node)
{
    return !node->cluster_state_traced && node->slots_uncovered > 0 &&
           !orr_node_is_alone(node) &&
           node->now.mono_ns - node->context.boot_ns < node->config.settings.node_timeout_ns;
}

void
orr_node_update_cluster_state(OrrNode *node, OrrEffects *out)
{
    const OrrMembers *members = node->context.members;
    bool majority = members->voters_there >= orr_members_majority(members);
    bool ok;
    OrrTrace trace = orr_trace(ORR_TRACE_CLUSTER_STATE);

    node->slots_uncovered =
        orr_slotmap_uncovered(node->context.slotmap) + members->slots_unserved;
    ok = majority &&
         (node->slots_uncovered == 0 || !node->config.settings.require_full_coverage);
    if (node->slots_uncovered == ORR_SLOT_COUNT || is_still_learning(node)) {
        ok = false;
    }
    if (ok == node->cluster_ok && node->cluster_state_traced) {
        return;
    }
    node->cluster_ok = ok;
    if (!node->cluster_state_traced && (!ok || node->slots_uncovered > 0)) {
        return; /* not yet formed is no news */
    }
    node->cluster_state_traced = true;
    trace.count = node->slots_uncovered;
    orr_trace_set_text(&trace,
                       orr_bytes_of_string(ok         ? "ok"
                                           : majority ? "fail: slots are not covered"
                                                      : "fail: no majority of the voters"));
    orr_context_trace(&node->context, out, &trace);
}

/* Draining: an owner of a cache that a majority finds slow gives its slots to the others while
 * it can still speak, and takes them back when it has been well for long enough. */

static size_t
pick_receivers(const OrrNode *node, OrrShard **receivers, size_t room)
{
    const OrrMembers *members = node->context.members;
    size_t count = 0;

    for (size_t i = 0; i < members->shard_count && count < room; i++) {
        OrrShard *shard = members->shards[i];
        const OrrMember *primary = orr_members_primary_of(members, shard);

        if (shard->slot_count > 0 && primary != NULL && primary != members->self &&
            primary->state == ORR_MEMBER_ALIVE && !primary->probe.slow &&
            primary->probe.suspicion == ORR_SUSPICION_NONE) {
            receivers[count++] = shard;
        }
    }
    return count;
}

static void
give_range(OrrNode *node, const OrrSlotRange *range, OrrShard *const *receivers, size_t count,
           OrrEffects *out)
{
    uint32_t total = range->last - range->first + 1u;

    for (size_t i = 0; i < count; i++) {
        uint32_t first = range->first + (uint32_t)(total * i / count);
        uint32_t end = range->first + (uint32_t)(total * (i + 1) / count);
        OrrSlotsRecord claim = {
            receivers[i]->id, node->drained_version, {(uint16_t)first, (uint16_t)(end - 1)}};

        if (end > first) {
            orr_node_take_slots(node, &claim, true, out);
        }
    }
}

static void
drain(OrrNode *node, OrrEffects *out)
{
    const OrrShard *own = orr_node_self(node)->shard;
    OrrShard *receivers[64];
    size_t count = pick_receivers(node, receivers, G_N_ELEMENTS(receivers));
    uint32_t cursor = 0;
    OrrSlotsRecord part;

    if (count == 0) {
        return;
    }
    node->drained_count = 0;
    while (node->drained_count < ORR_DRAINED_RANGES_MAX &&
           orr_slotmap_next(node->context.slotmap, &cursor, ORR_SLOT_COUNT - 1, &part) ==
               ORR_OK) {
        if (orr_id_equal(&part.shard, &own->id)) {
            node->drained[node->drained_count++] = part.range;
        }
    }
    node->drained_version = ++node->context.current_epoch;
    for (size_t i = 0; i < node->drained_count; i++) {
        give_range(node, &node->drained[i], receivers, count, out);
    }
    orr_node_trace(node, ORR_TRACE_NOTE, NULL, "slow: gives its slots to the others", out);
}

static void
take_back(OrrNode *node, OrrEffects *out)
{
    const OrrShard *own = orr_node_self(node)->shard;
    uint64_t version = ++node->context.current_epoch;

    for (size_t i = 0; i < node->drained_count; i++) {
        OrrSlotsRecord claim = {own->id, version, node->drained[i]};

        orr_node_take_slots(node, &claim, true, out);
    }
    node->drained_count = 0;
    orr_node_trace(node, ORR_TRACE_NOTE, NULL, "well again: takes its slots back", out);
}

void
orr_node_drain_time(OrrNode *node, OrrEffects *out)
{
    const OrrMember *self = orr_node_self(node);

    if (node->config.settings.replication != ORR_REPLICATION_CACHE ||
        ORR_PLANTED(&node->config.settings, NO_DRAIN) || !orr_node_is_primary(node)) {
        return;
    }
    if (self->probe.slow && node->drained_count == 0 && self->shard->slot_count > 0) {
        drain(node, out);
    } else if (!self->probe.slow && node->drained_count > 0) {
        take_back(node, out);
    }
}
