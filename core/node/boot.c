/* boot.c - where a node comes from: its identity, what the files of its last life give back,
 * and the moment from which others may hear of it. And how it begins anew: CLUSTER RESET. */
#include "node/internal.h"
#include "node/moves/move.h"

/* Refutations of one life use up numbers without writing each of them to disk. */
#define INCARNATION_BLOCK UINT64_C(1000000)

/* Identity */

void
orr_node_save_identity(OrrNode *node, OrrEffects *out)
{
    const OrrMember *self = orr_node_self(node);

    orr_persist_identity(node->persist, &self->id, &node->sender.cluster, &self->shard->id);
    orr_persist_shard(node->persist, self->shard);
    orr_persist_slots(node->persist, node->context.slotmap, &self->shard->id);
    (void)orr_persist_commit(node->persist, node->now, NULL, NULL, 0, out);
}

void
orr_node_set_incarnation(OrrNode *node, uint64_t incarnation, OrrEffects *out)
{
    const OrrMember *self = orr_node_self(node);

    node->sender.incarnation = incarnation;
    orr_members_set_self(node->context.members, incarnation, &self->address, &self->shard->id);
    if (incarnation >= node->incarnation_reserved) {
        node->incarnation_reserved = incarnation + INCARNATION_BLOCK;
        orr_persist_life(node->persist, node->incarnation_reserved, node->boots);
        (void)orr_persist_commit(node->persist, node->now, NULL, NULL, 0, out);
    }
}

static OrrId
random_id(OrrRng *rng)
{
    OrrId id;

    for (size_t i = 0; i < ORR_ID_SIZE; i++) {
        id.bytes[i] = (uint8_t)orr_rng_next(rng);
    }
    return id;
}

static OrrId
first_of(const OrrId *saved, const OrrId *configured, OrrRng *rng)
{
    if (!orr_id_is_none(saved)) {
        return *saved;
    }
    return orr_id_is_none(configured) ? random_id(rng) : *configured;
}

/* Boot */

static OrrEffects *
save_vote(void *owner, OrrNow now, uint64_t vote_epoch, const OrrId *candidate, OrrEffects *out)
{
    OrrNode *node = owner;

    orr_persist_epoch(node->persist, node->context.current_epoch);
    if (vote_epoch > 0) {
        OrrSavedVote vote = {vote_epoch, *candidate};

        orr_persist_vote(node->persist, &vote);
        orr_node_save_promises(node, candidate);
    }
    return orr_persist_commit(node->persist, now, NULL, NULL, 0, out);
}

/* What a node is at the very first boot of all: as its configuration says. */
static void
claim_initial(OrrNode *node)
{
    OrrContext *context = &node->context;
    const OrrMember *self = context->members->self;
    OrrShardRecord record = {.shard = self->shard->id, .primary = self->id, .epoch = 1};

    context->current_epoch = MAX(context->current_epoch, 1);
    if (node->config.role != ORR_ROLE_PRIMARY) {
        return;
    }
    orr_members_set_primary(context->members, &record);
    for (size_t i = 0; i < node->config.slot_range_count; i++) {
        OrrSlotsRecord claim = {self->shard->id, 1, node->config.slots[i]};

        (void)orr_slotmap_claim(context->slotmap, &claim);
    }
}

static void
restore_facts(OrrNode *node, OrrBytes facts)
{
    OrrContext *context = &node->context;
    OrrFact fact;

    while (orr_fact_next(&facts, &fact) == ORR_OK) {
        switch (fact.kind) {
        case ORR_FACT_MEMBER:
            (void)orr_members_merge_member(context->members, node->now.mono_ns, &fact.member);
            break;
        case ORR_FACT_SHARD:
            (void)orr_members_merge_shard(context->members, &fact.shard);
            break;
        case ORR_FACT_SLOTS:
            (void)orr_slotmap_claim(context->slotmap, &fact.slots);
            break;
        case ORR_FACT_DOUBT:
            break;
        }
    }
}

static void
make_machines(OrrNode *node, const OrrSavedState *saved)
{
    OrrContext *context = &node->context;
    OrrElectionSink sink = {node, orr_node_on_won, save_vote};
    OrrId id = first_of(&saved->id, &node->config.id, &context->rng);
    OrrId shard = first_of(&saved->shard, &node->config.shard, &context->rng);
    OrrId cluster = first_of(&saved->cluster, &node->config.cluster, &context->rng);

    context->boot_ns = node->now.mono_ns;
    context->rebooted = saved->found;
    context->current_epoch = saved->current_epoch;
    context->members = orr_members_new(&node->config.settings, &id, &shard,
                                       &node->config.address, node->config.role);
    context->slotmap = orr_slotmap_new();
    context->gossip = orr_gossip_new(context);
    node->detector = orr_detector_new(context);
    node->election = orr_election_new(context, node->detector, &sink);
    orr_election_restore(node->election, saved->vote.epoch, &saved->vote.candidate);
    node->sender.self = id;
    node->sender.cluster = cluster;
    node->boots = saved->boots + 1;
    node->sender.incarnation = saved->incarnation + 1;
    orr_members_set_self(context->members, node->sender.incarnation, &node->config.address,
                         &shard);
    if (saved->shard_found) {
        orr_members_set_primary(context->members, &saved->shard_record);
    }
    restore_facts(node, saved->slots);
    restore_facts(node, saved->others);
    if (saved->moves_found) {
        orr_node_restore_moves(node, saved->moves);
    }
    if (!saved->found) {
        claim_initial(node);
    }
    orr_node_restore_bonds(node, saved);
    orr_node_recount_slots(node);
    node->role_was_primary = false;
}

/* The incarnation of this life is on disk: now, and not before, others may hear of it. */
static void
on_life_stored(void *owner, OrrStatus status, uint64_t argument, OrrNow now, OrrEffects *out)
{
    OrrNode *node = owner;
    OrrTrace trace = orr_trace(ORR_TRACE_BOOTED);

    (void)argument;
    if (status != ORR_OK) {
        node->housekeeping_at = now.mono_ns + ORR_NS_PER_S; /* tried again then */
        return;
    }
    node->life = ORR_LIFE_UP;
    trace.count = node->boots;
    trace.value = node->sender.incarnation;
    orr_context_trace(&node->context, out, &trace);
    for (size_t i = 0; i < node->config.seed_count; i++) {
        if (orr_address_compare(&node->config.seeds[i], &node->config.address) != 0) {
            orr_node_add_meet(node, &node->config.seeds[i], false);
        }
    }
    orr_detector_boot(node->detector, now.mono_ns);
    node->housekeeping_at = now.mono_ns;
    node->sync_at = now.mono_ns + ORR_NS_PER_S;
    node->change++;
    if (!orr_id_is_none(&node->config.replica_of)) {
        (void)orr_node_replicate(node, &node->config.replica_of, out);
    }
    node->clients_kept = true; /* they go on when this node knows what it may serve */
}

void
orr_node_begin_life(OrrNode *node, OrrEffects *out)
{
    node->life = ORR_LIFE_BOOTING;
    node->housekeeping_at = ORR_NEVER;
    node->incarnation_reserved = node->sender.incarnation + INCARNATION_BLOCK;
    orr_persist_life(node->persist, node->incarnation_reserved, node->boots);
    orr_persist_epoch(node->persist, node->context.current_epoch);
    node->epoch_saved = node->epoch_saving = node->context.current_epoch;
    orr_persist_identity(node->persist, &node->sender.self, &node->sender.cluster,
                         &orr_node_self(node)->shard->id);
    orr_persist_shard(node->persist, orr_node_self(node)->shard);
    orr_persist_slots(node->persist, node->context.slotmap, &orr_node_self(node)->shard->id);
    (void)orr_persist_commit(node->persist, node->now, on_life_stored, node, 0, out);
}

static OrrStatus
refuse_boot(OrrNode *node, const char *where, OrrEffects *out)
{
    OrrTrace trace = orr_trace(ORR_TRACE_STATE_REFUSED);

    node->life = ORR_LIFE_BROKEN;
    trace.node = node->config.id;
    orr_trace_set_text(&trace, orr_bytes_of_string(where));
    orr_effects_trace(out, &trace);
    return ORR_MALFORMED;
}

OrrStatus
orr_node_on_boot(OrrNode *node, const OrrEvent *event, OrrEffects *out)
{
    OrrSavedState saved;
    char where[160] = "";

    if (node->life != ORR_LIFE_NEW) {
        return ORR_REFUSED;
    }
    orr_cluster_clock_boot(&node->clock, node->now);
    if (orr_persist_recover(node->persist, event->boot.files, event->boot.file_count, &saved,
                            where) != ORR_OK) {
        return refuse_boot(node, where, out);
    }
    make_machines(node, &saved);
    if (orr_node_recover_data(node, event, out) != ORR_OK) {
        node->life = ORR_LIFE_BROKEN;
        return ORR_MALFORMED;
    }
    orr_node_begin_life(node, out);
    return ORR_OK;
}

/* CLUSTER RESET: alone again, without slots, members or replicas; HARD: another id, too. */
void
orr_node_reset(OrrNode *node, bool hard, OrrEffects *out)
{
    OrrContext *context = &node->context;
    OrrMember *self = orr_node_self(node);
    OrrId shard = random_id(&context->rng);
    OrrSlotsRecord nobody = {ORR_ID_NONE, 0, {0, ORR_SLOT_COUNT - 1}};
    OrrShardRecord record = {.shard = shard, .primary = self->id, .epoch = 1};

    for (size_t i = 0; i < context->members->count; i++) {
        if (context->members->list[i] != self) {
            orr_members_set_state(context->members, node->now.mono_ns,
                                  context->members->list[i], ORR_MEMBER_FORGOTTEN);
            context->members->list[i]->ban_until = node->now.mono_ns;
        }
    }
    (void)orr_members_purge(context->members, node->now.mono_ns);
    (void)orr_slotmap_overwrite(context->slotmap, &nobody);
    (void)orr_keyspace_drop_all(node->keyspace);
    orr_node_moves_reset(node, out);
    node->meet_count = 0;
    node->forgotten = false;
    node->sender.cluster = random_id(&context->rng);
    if (hard) {
        context->current_epoch = 1;
    }
    orr_members_set_self(context->members, self->incarnation + 1, &self->address, &shard);
    orr_members_set_primary(context->members, &record);
    orr_node_set_incarnation(node, self->incarnation, out);
    orr_replication_reset(node->replication, &shard, node->keyspace);
    node->slots_changed = true;
    orr_node_save_identity(node, out);
}
