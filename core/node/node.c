/* node.c - the step that everything goes through, and what a node looks after by itself. */
#include "node/clients/meter.h"
#include "node/clients/pubsub.h"
#include "node/clients/slowlog.h"
#include "node/internal.h"

#include "node/moves/forward.h"
#include "node/moves/move.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

/* What is known of the others is written the more rarely the more there are. */
#define CONFIG_PAUSE (100 * ORR_NS_PER_MS)

OrrNode *
orr_node_new(const OrrNodeConfig *config)
{
    OrrNode *node = g_new0(OrrNode, 1);

    node->config = *config;
    node->seeds = g_memdup2(config->seeds, config->seed_count * sizeof config->seeds[0]);
    node->initial_slots =
        g_memdup2(config->slots, config->slot_range_count * sizeof config->slots[0]);
    node->config.seeds = node->seeds;
    node->config.slots = node->initial_slots;
    node->context.settings = &node->config.settings;
    node->context.rng = orr_rng_new(config->seed);
    node->context.sender = &node->sender;
    node->context.in_sync_ns = -1;
    node->moves = orr_moves_new();
    node->forwards = g_ptr_array_new();
    node->gate = orr_gate_new();
    node->context.gate = node->gate;
    node->persist = orr_persist_new(node->gate, &node->config.settings);
    node->clients = g_hash_table_new(g_int64_hash, g_int64_equal);
    node->waiting = g_ptr_array_new();
    if (config->settings.bus_key[0] != '\0') {
        node->sender.key = orr_bus_key_new(orr_bytes_of_string(config->settings.bus_key));
        node->replay = orr_replay_new();
    }
    node->reply = orr_reply_new();
    node->pipeline = g_new0(OrrPipeline, 1);
    node->meter = orr_meter_new();
    node->pubsub = orr_pubsub_new();
    node->monitors = g_ptr_array_new();
    node->watchers = g_ptr_array_new();
    node->slowlog = orr_slowlog_new();
    node->save_took_ns = -1;
    node->record_buffer = g_byte_array_new();
    node->housekeeping_at = ORR_NEVER;
    node->config_at = ORR_NEVER;
    node->sync_at = ORR_NEVER;
    node->idle_at = ORR_NEVER;
    node->evict_at = ORR_NEVER;
    return node;
}

static void
free_forward(gpointer forward, gpointer context)
{
    (void)context;
    orr_forward_free(forward);
}

void
orr_node_free(OrrNode *node)
{
    if (node == NULL) {
        return;
    }
    orr_node_clients_free(node);
    orr_node_later_free(node);
    g_ptr_array_foreach(node->forwards, free_forward, NULL);
    g_ptr_array_unref(node->forwards);
    orr_forward_guest_free(node);
    orr_moves_free(node->moves);
    orr_election_free(node->election);
    orr_detector_free(node->detector);
    orr_gossip_free(node->context.gossip);
    orr_replication_free(node->replication);
    orr_log_free(node->log);
    orr_keyspace_free(node->keyspace);
    orr_slotmap_free(node->context.slotmap);
    orr_members_free(node->context.members);
    orr_persist_free(node->persist);
    orr_gate_free(node->gate);
    orr_reply_free(node->reply);
    g_free(node->pipeline);
    orr_meter_free(node->meter);
    orr_pubsub_free(node->pubsub);
    g_ptr_array_unref(node->monitors);
    g_ptr_array_unref(node->watchers);
    orr_slowlog_free(node->slowlog);
    g_byte_array_unref(node->record_buffer);
    g_ptr_array_unref(node->waiting);
    orr_bus_key_free(node->sender.key);
    orr_replay_free(node->replay);
    g_free(node->seeds);
    g_free(node->initial_slots);
    g_free(node);
}

void
orr_node_trace(OrrNode *node, OrrTraceKind kind, const OrrId *other, const char *text,
               OrrEffects *out)
{
    OrrTrace trace = orr_trace(kind);

    if (other != NULL) {
        trace.other = *other;
    }
    if (text != NULL) {
        orr_trace_set_text(&trace, orr_bytes_of_string(text));
    }
    orr_context_trace(&node->context, out, &trace);
}

OrrTrace
orr_node_shard_trace(const OrrNode *node, OrrTraceKind kind)
{
    OrrTrace trace = orr_trace(kind);

    trace.shard = orr_node_self(node)->shard->id;
    trace.epoch = orr_node_self(node)->shard->epoch;
    return trace;
}

void
orr_node_add_meet(OrrNode *node, const OrrAddress *address, bool explicit_wish)
{
    OrrMeet meet = {.address = *address,
                    .again_at = node->now.mono_ns,
                    .until = ORR_NEVER,
                    .explicit_wish = explicit_wish};

    if (explicit_wish) {
        meet.until =
            node->now.mono_ns + MAX(node->config.settings.node_timeout_ns, ORR_NS_PER_S);
    }
    for (size_t i = 0; i < node->meet_count; i++) {
        if (orr_address_compare(&node->meets[i].address, address) == 0) {
            node->meets[i] = meet;
            return;
        }
    }
    if (node->meet_count < ORR_MEETS_MAX) {
        node->meets[node->meet_count++] = meet;
    }
}

OrrMeet *
orr_node_find_meet(OrrNode *node, const OrrAddress *address)
{
    for (size_t i = 0; i < node->meet_count; i++) {
        if (node->meets[i].explicit_wish &&
            orr_address_compare(&node->meets[i].address, address) == 0) {
            return &node->meets[i];
        }
    }
    return NULL;
}

bool
orr_node_is_alone(const OrrNode *node)
{
    const OrrMembers *members = node->context.members;

    return members->counting == (orr_member_counts(members->self) ? 1 : 0);
}

/* Time */

static void
meet_again(OrrNode *node, OrrEffects *out)
{
    OrrTime now_ns = node->now.mono_ns;
    size_t kept = 0;

    for (size_t i = 0; i < node->meet_count; i++) {
        OrrMeet meet = node->meets[i];
        const OrrMember *known = orr_members_find_address(node->context.members, &meet.address);

        if (meet.until <= now_ns || (meet.explicit_wish && known != NULL)) {
            continue;
        }
        if (meet.again_at <= now_ns && (known == NULL || known->probe.answered == 0)) {
            orr_detector_meet(node->detector, now_ns, &meet.address, out);
            meet.again_at = now_ns + orr_heartbeat_ns(&node->config.settings);
        }
        node->meets[kept++] = meet;
    }
    node->meet_count = kept;
}

void
orr_node_set_clock(OrrNode *node, OrrEffects *out)
{
    if (!ORR_PLANTED(&node->config.settings, WALL_CLOCK_TIMERS)) {
        orr_cluster_clock_discipline(&node->clock, node->now, &node->context, out);
        node->context.cluster_ms = orr_cluster_clock_ms(&node->clock, node->now);
    }
}

static void
keep_house(OrrNode *node, OrrEffects *out)
{
    OrrTime now_ns = node->now.mono_ns;

    if (node->life == ORR_LIFE_BOOTING) {
        orr_node_begin_life(node, out);
        return;
    }
    node->housekeeping_at = now_ns + orr_heartbeat_ns(&node->config.settings);
    if (node->epoch_failed) {
        node->epoch_failed = false;
        node->epoch_saving = node->epoch_saved;
    }
    orr_node_set_clock(node, out);
    orr_node_save_voters(node, true, out);
    (void)orr_members_purge(node->context.members, now_ns);
    meet_again(node, out);
    orr_node_drain_time(node, out);
    if (node->config_change != node->context.members->change && node->config_at == ORR_NEVER) {
        node->config_at = now_ns + MAX(node->config.settings.node_timeout_ns,
                                       (OrrTime)node->context.members->count * CONFIG_PAUSE);
    }
}

static void
write_config(OrrNode *node, OrrEffects *out)
{
    uint64_t change = node->context.members->change;

    node->config_at = ORR_NEVER;
    if (orr_persist_config(node->persist, &node->context, node->now.mono_ns, out)) {
        node->config_change = change;
    }
}

static void
on_time(OrrNode *node, OrrEffects *out)
{
    if (node->now.mono_ns >= node->housekeeping_at) {
        keep_house(node, out);
    }
    if (node->life != ORR_LIFE_UP) {
        return;
    }
    if (node->now.mono_ns >= node->config_at) {
        write_config(node, out);
    }
    orr_detector_time(node->detector, node->now.mono_ns, out);
    orr_election_time(node->election, node->now, out);
    orr_node_role_time(node, out);
    orr_node_data_time(node, out);
    orr_node_clients_time(node, out);
    orr_node_idle_time(node, out);
    orr_node_leave_time(node, out);
}

static void
on_epoch_stored(void *owner, OrrStatus status, uint64_t epoch, OrrNow now, OrrEffects *out)
{
    OrrNode *node = owner;

    (void)now;
    (void)out;
    if (status == ORR_OK) {
        node->epoch_saved = MAX(node->epoch_saved, epoch);
        node->change++;
    } else {
        node->epoch_failed = true; /* tried again with the next housekeeping */
    }
}

/* Epochs never go down, over restarts neither: each new one that is heard goes to disk. */
static void
save_epoch(OrrNode *node, OrrEffects *out)
{
    uint64_t epoch = node->context.current_epoch;

    if (epoch > node->epoch_saving) {
        node->epoch_saving = epoch;
        orr_persist_epoch(node->persist, epoch);
        (void)orr_persist_commit(node->persist, node->now, on_epoch_stored, node, epoch, out);
    }
}

static bool
something_waits(const OrrNode *node)
{
    const OrrMoves *moves = node->moves;

    return node->answers != NULL || node->parked_may_go || moves->stir || moves->number > 0 ||
           moves->waits->len > 0 || moves->out->len > 0 || moves->in->len > 0 ||
           node->forwards->len > 0;
}

/* When data, clients and moves want to be stepped. */
static OrrTime
judge_rest(const OrrNode *node)
{
    OrrTime data = orr_node_data_deadline(node);
    OrrTime later = orr_node_later_deadline(node);
    OrrTime clients = orr_node_clients_deadline(node);
    OrrTime moves = MIN(orr_node_moves_deadline(node), orr_forward_deadline(node));

    return MIN(MIN(data, later), MIN(clients, moves));
}

/* True when a step that was still has changed nothing from which anything follows. */
static bool
stayed_still(OrrNode *node, OrrEffects *out)
{
    uint64_t change = node->change;

    if (!node->still || node->change_seen != node->context.members->change ||
        node->slots_changed || something_waits(node)) {
        return false;
    }
    orr_node_update_fence(node, out);
    return node->change == change;
}

/* What follows from what changed, at the end of every step. */
static void
settle(OrrNode *node, OrrEffects *out)
{
    OrrContext *context = &node->context;

    if (stayed_still(node, out)) {
        orr_node_forget_electors(node, out);
        save_epoch(node, out);
        return;
    }
    orr_node_sync_data_view(node);
    for (int round = 0;
         round < 4 && (node->change_seen != context->members->change || node->slots_changed);
         round++) {
        OrrElectionInput input = {.type = ORR_ELECTION_CHANGED};

        if (node->slots_changed) {
            orr_node_recount_slots(node);
        }
        if (node->own_slots_changed) {
            node->own_slots_changed = false;
            orr_persist_slots(node->persist, context->slotmap,
                              &context->members->self->shard->id);
            (void)orr_persist_commit(node->persist, node->now, NULL, NULL, 0, out);
        }
        node->change_seen = context->members->change;
        node->change++;
        orr_node_update_role(node, out);
        orr_election_step(node->election, node->now, &input, out);
        orr_node_update_cluster_state(node, out);
        orr_pubsub_slots_changed(node, out);
    }
    orr_node_update_fence(node, out);
    orr_node_moves_settle(node, out);
    orr_forward_settle(node, out);
    orr_node_later_settle(node, out);
    orr_node_forget_electors(node, out);
    orr_node_save_voters(node, false, out);
    save_epoch(node, out);
    orr_node_flush_data(node, out);
    node->rest_deadline = judge_rest(node);
}

static OrrStatus
dispatch(OrrNode *node, const OrrEvent *event, OrrEffects *out)
{
    switch (event->type) {
    case ORR_EVENT_BOOT:
        return orr_node_on_boot(node, event, out);
    case ORR_EVENT_RECEIVED:
        return orr_node_on_received(node, event, out);
    case ORR_EVENT_TIME:
        on_time(node, out);
        return ORR_OK;
    case ORR_EVENT_REQUEST:
        return orr_node_on_request(node, event, out);
    case ORR_EVENT_STORED:
        return orr_gate_stored(node->gate, event->stored.op, event->stored.status, node->now,
                               out);
    case ORR_EVENT_LINK:
        if (event->link.state == ORR_LINK_CLIENT_UP ||
            event->link.state == ORR_LINK_CLIENT_DOWN) {
            return orr_node_on_client_link(node, event);
        }
        orr_node_on_link(node, event, out);
        return ORR_OK;
    case ORR_EVENT_ANSWER:
        return orr_node_on_answer(node, event, out);
    case ORR_EVENT_LEAVE:
        return orr_node_on_leave(node, out);
    case ORR_EVENT_SETTINGS:
        return orr_node_on_settings(node, event->settings, out);
    }
    return ORR_INVALID;
}

OrrStatus
orr_node_step(OrrNode *node, OrrNow now, const OrrEvent *event, OrrEffects *out)
{
    OrrStatus status;

    if (ORR_PLANTED(&node->config.settings, WALL_CLOCK_TIMERS)) {
        node->wall_skew = now.wall_ms * ORR_NS_PER_MS - now.mono_ns;
        now.mono_ns += node->wall_skew;
    }
    node->now = now;
    node->out = out;
    node->still = false;
    if (event->type != ORR_EVENT_BOOT &&
        (node->life == ORR_LIFE_NEW || node->life == ORR_LIFE_BROKEN)) {
        return ORR_REFUSED;
    }
    if (node->life != ORR_LIFE_NEW) {
        node->context.cluster_ms = ORR_PLANTED(&node->config.settings, WALL_CLOCK_TIMERS)
                                       ? now.wall_ms
                                       : orr_cluster_clock_ms(&node->clock, now);
    }
    if (node->fence == ORR_FENCE_NONE && node->life == ORR_LIFE_UP) {
        orr_node_update_fence(node, out); /* a host may have slept past the end of the lease */
    }
    if (node->keyspace != NULL && event->type != ORR_EVENT_RECEIVED) {
        orr_node_mark_use(node);
    }
    status = dispatch(node, event, out);
    if (node->life == ORR_LIFE_UP && status != ORR_REFUSED && status != ORR_MALFORMED) {
        settle(node, out);
    }
    return status;
}

OrrTime
orr_node_deadline(const OrrNode *node)
{
    OrrTime deadline = MIN(node->housekeeping_at, node->config_at);

    if (node->life == ORR_LIFE_UP) {
        deadline = MIN(deadline, orr_detector_deadline(node->detector));
        deadline = MIN(deadline, orr_election_deadline(node->election));
        deadline = MIN(deadline, node->rest_deadline);
        deadline = MIN(deadline, node->idle_at);
        deadline = MIN(deadline, orr_node_leave_deadline(node));
        deadline = MIN(deadline, orr_node_role_deadline((OrrNode *)(uintptr_t)node));
    }
    return deadline == ORR_NEVER ? ORR_NEVER : deadline - node->wall_skew;
}

uint64_t
orr_node_digest(const OrrNode *node)
{
    uint64_t parts[8] = {0};

    if (node->context.members == NULL) {
        return 0;
    }
    parts[0] = orr_members_digest(node->context.members);
    parts[1] = orr_slotmap_digest(node->context.slotmap);
    parts[2] = orr_election_digest(node->election);
    parts[3] = orr_replication_digest(node->replication);
    parts[4] = orr_keyspace_digest(node->keyspace);
    parts[5] = node->context.current_epoch;
    parts[6] = node->sender.incarnation;
    parts[7] = (uint64_t)node->fence;
    return XXH3_64bits(parts, sizeof parts);
}
