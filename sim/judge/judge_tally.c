/* What is written down while a run goes on, for the numbers at its end. */
#include "client.h"
#include "fault.h"
#include "judge.h"
#include "live.h"

#include <orrery/keyspace.h>
#include <orrery/slots.h>

SimTally *
sim_tally_new(const SimWorld *world)
{
    SimTally *tally = g_new0(SimTally, 1);

    tally->marks = g_array_new(FALSE, TRUE, sizeof(SimMark));
    tally->seconds = g_array_new(FALSE, TRUE, sizeof(SimSecond));
    tally->outages = g_array_new(FALSE, TRUE, sizeof(SimOutage));
    tally->lost = g_array_new(FALSE, TRUE, sizeof(SimLoss));
    tally->returned = g_array_new(FALSE, TRUE, sizeof(size_t));
    tally->keys_gone = g_array_new(FALSE, TRUE, sizeof(uint32_t));
    tally->syncs_out = g_new0(uint32_t, MAX(world->host_count, 1));
    tally->sync_from = g_new(uint32_t, MAX(world->host_count, 1));
    for (uint32_t i = 0; i < world->host_count; i++) {
        tally->sync_from[i] = SIM_NONE;
    }
    return tally;
}

void
sim_tally_free(SimTally *tally)
{
    g_array_unref(tally->marks);
    g_array_unref(tally->seconds);
    g_array_unref(tally->outages);
    g_array_unref(tally->lost);
    g_array_unref(tally->returned);
    g_array_unref(tally->keys_gone);
    g_free(tally->sync_from);
    g_free(tally->syncs_out);
    g_free(tally);
}

/* ---- decisions */

/* A fault hit it within the node timeout: silence from then may still count. */
static bool
was_struck(const SimWorld *world, const SimHost *host)
{
    OrrTime since = world->now_ns - host->spec->settings.node_timeout_ns;

    for (size_t i = sim_faults_span_count(world); i-- > 0;) {
        const SimFaultSpan *span = sim_faults_span(world, i);

        if (span->fault && span->to_ns >= since && sim_set_has(span->nodes, host->index)) {
            return true;
        }
    }
    return false;
}

/* A verdict on a node that runs well and that a majority of the voters reaches, is false. */
static bool
is_genuine(SimWorld *world, uint32_t accused)
{
    SimHost *host = &world->hosts[accused];
    uint32_t voters = 0;
    uint32_t reach = 0;

    if (!sim_host_runs(host) || was_struck(world, host)) {
        return true;
    }
    for (uint32_t i = 0; i < world->host_count; i++) {
        SimHost *other = &world->hosts[i];
        bool votes = other->spec->settings.voters == ORR_VOTERS_ALL ||
                     other->view.role == ORR_ROLE_PRIMARY;

        if (other->process == SIM_PROCESS_ABSENT || !votes ||
            other->spec->cluster != host->spec->cluster) {
            continue;
        }
        voters++;
        reach += sim_host_runs(other) &&
                 !sim_network_is_cut(world->network, other->endpoint, host->endpoint) &&
                 !sim_network_is_cut(world->network, host->endpoint, other->endpoint);
    }
    return reach <= voters / 2;
}

static void
reach(SimTally *tally, SimReached what)
{
    tally->reached |= UINT64_C(1) << what;
}

static void
note_reached(SimTally *tally, const OrrTrace *trace)
{
    switch ((int)trace->kind) {
    case ORR_TRACE_PROMOTED:
        reach(tally, SIM_REACHED_LEADER_CHANGED);
        break;
    case ORR_TRACE_FENCED:
        reach(tally, SIM_REACHED_FENCED);
        break;
    case ORR_TRACE_SYNC_FULL_BEGUN:
        reach(tally, SIM_REACHED_FULL_SYNC);
        break;
    case ORR_TRACE_SYNC_PARTIAL:
        reach(tally, SIM_REACHED_PARTIAL_SYNC);
        break;
    case ORR_TRACE_EPOCH_COLLISION:
        reach(tally, SIM_REACHED_EPOCH_COLLISION);
        break;
    case ORR_TRACE_TRUSTED:
    case ORR_TRACE_REFUTED:
        reach(tally, SIM_REACHED_SUSPICION_REFUTED);
        break;
    case ORR_TRACE_VOTE_DENIED:
        reach(tally, SIM_REACHED_VOTE_DENIED);
        break;
    case ORR_TRACE_FRAME_REFUSED:
        reach(tally, SIM_REACHED_FRAME_REFUSED);
        break;
    default:
        break;
    }
}

/* A replica takes one full copy at a time; a copy is over when it is done, when another begins,
 * or when one of the two is gone. */
static void
set_sync(SimTally *tally, uint32_t replica, uint32_t primary)
{
    uint32_t before = tally->sync_from[replica];

    if (before != SIM_NONE) {
        tally->syncs_out[before]--;
    }
    tally->sync_from[replica] = primary;
    if (primary != SIM_NONE) {
        tally->syncs_out[primary]++;
        tally->syncs_peak = MAX(tally->syncs_peak, tally->syncs_out[primary]);
    }
}

static void
count_syncs(SimTally *tally, const SimHost *host, uint32_t other, const OrrTrace *trace)
{
    if (trace->kind == ORR_TRACE_SYNC_FULL_BEGUN && other < host->world->host_count) {
        set_sync(tally, other, host->index);
    } else if ((trace->kind == ORR_TRACE_SYNC_FULL_DONE ||
                trace->kind == ORR_TRACE_SYNC_PARTIAL) &&
               other < host->world->host_count && tally->sync_from[other] == host->index) {
        set_sync(tally, other, SIM_NONE);
    }
}

void
sim_tally_on_gone(SimWorld *world, const SimHost *host)
{
    SimTally *tally = sim_judge_tally(world);

    for (uint32_t i = 0; i < world->host_count; i++) {
        if (i == host->index || tally->sync_from[i] == host->index) {
            set_sync(tally, i, SIM_NONE);
        }
    }
}

void
sim_tally_on_trace(SimWorld *world, SimHost *host, const OrrTrace *trace)
{
    SimTally *tally = sim_judge_tally(world);
    SimMark mark = {
        .kind = trace->kind,
        .node = host->index,
        .other = sim_roster_index(world->names, SIM_ROSTER_NODE, &trace->other),
        .shard = sim_roster_index(world->names, SIM_ROSTER_SHARD, &trace->shard),
        .at_ns = world->now_ns,
    };

    note_reached(tally, trace);
    count_syncs(tally, host, mark.other, trace);
    switch ((int)trace->kind) {
    case ORR_TRACE_FAILED:
        mark.genuine = mark.other == SIM_ROSTER_NONE || is_genuine(world, mark.other);
        break;
    case ORR_TRACE_PROMOTED:
    case ORR_TRACE_DEMOTED:
    case ORR_TRACE_STOOD:
    case ORR_TRACE_ATTEMPT_EXPIRED:
    case ORR_TRACE_FENCED:
    case ORR_TRACE_SYNC_FULL_BEGUN:
    case ORR_TRACE_FRAME_REFUSED:
        break;
    default:
        return; /* nothing counts these */
    }
    g_array_append_val(tally->marks, mark);
}

/* ---- operations */

/* When the last acknowledged write of the key was acknowledged: the key is known to be missing,
 * so this is asked rarely. */
static OrrTime
written_at(const SimHistory *history, uint32_t key)
{
    for (size_t i = sim_history_count(history); i-- > 0;) {
        const SimCall *call = sim_history_at(history, i);

        if (call->key == key && call->outcome == SIM_OUTCOME_OK &&
            sim_operation_is_write((SimOperation)call->kind)) {
            return call->done_ns;
        }
    }
    return 0;
}

/* Since the write the shard got another primary, or its node lost power: the key may be lost,
 * which is for the ledger to say, and does not mean that it expired. */
static bool
may_be_lost(const SimWorld *world, const SimCall *call)
{
    const SimTally *tally = sim_judge_tally(world);
    uint32_t cluster = sim_clients_cluster_of_key(world, call->key);
    uint32_t shard = world->first_owner[(size_t)cluster * ORR_SLOT_COUNT +
                                        sim_history_key_slot(world->history, call->key)];
    OrrTime since = written_at(world->history, call->key);

    for (guint i = tally->marks->len; i-- > 0;) {
        const SimMark *mark = &g_array_index(tally->marks, SimMark, i);

        if (mark->at_ns < since) {
            break;
        }
        if (mark->kind == ORR_TRACE_PROMOTED && mark->shard == shard) {
            return true;
        }
    }
    for (size_t i = sim_faults_span_count(world); i-- > 0;) {
        const SimFaultSpan *span = sim_faults_span(world, i);

        if (span->from_ns >= since && sim_set_has(span->nodes, call->node) &&
            (span->kind == SIM_COMMAND_POWER_OFF || span->kind == SIM_COMMAND_KILL ||
             span->kind == SIM_COMMAND_TEAR_NEXT)) {
            return true;
        }
    }
    return false;
}

/* How far from its promised end a key was seen there, or missed. */
static void
note_ttl(const SimWorld *world, const SimCall *call)
{
    SimTally *tally = sim_judge_tally(world);
    const SimHistory *history = world->history;
    OrrTime expires = sim_history_expiry(history, call->key);
    OrrTime error = 0;

    if (expires == 0 || expires == ORR_NEVER) {
        return;
    }
    if (call->number != 0 && call->invoked_ns > expires && call->number >= call->expected) {
        error = call->invoked_ns - expires;
    } else if (call->number == 0 && call->done_ns < expires && call->expected != 0 &&
               !sim_history_removed(history, call->key) &&
               sim_history_acknowledged(history, call->key) == call->expected &&
               expires - call->done_ns > tally->ttl_error_ns && !may_be_lost(world, call)) {
        error = expires - call->done_ns;
    }
    tally->ttl_error_ns = MAX(tally->ttl_error_ns, error);
}

void
sim_tally_on_call(SimWorld *world, size_t op)
{
    SimTally *tally = sim_judge_tally(world);
    const SimCall *call = sim_history_at(world->history, op);
    bool removed;

    if (sim_operation_is_write((SimOperation)call->kind) || call->outcome != SIM_OUTCOME_OK ||
        call->kind == SIM_DO_HGETALL) {
        return;
    }
    note_ttl(world, call);
    removed = sim_history_removed(world->history, call->key);
    if (call->number == 0) {
        tally->nil_reads += call->expected != 0 && !removed &&
                            sim_history_expiry(world->history, call->key) == 0;
    } else if (call->number < call->expected) {
        tally->stale_reads++;
        if (sim_history_deleted(world->history, call->key) &&
            sim_history_acknowledged(world->history, call->key) == call->expected) {
            g_array_append_val(tally->returned, op);
        }
    }
}

/* ---- seconds */

/* Two running members of one cluster that see other members, verdicts or owners. */
static void
note_split(SimWorld *world)
{
    const OrrNodeView *first[16] = {NULL};

    for (uint32_t i = 0; i < world->host_count && !world->split_seen; i++) {
        SimHost *host = &world->hosts[i];
        const OrrNodeView *view = sim_host_runs(host) ? sim_host_view(host) : NULL;
        const OrrNodeView **other = &first[MIN(host->spec->cluster, G_N_ELEMENTS(first) - 1)];

        if (view == NULL) {
            continue;
        }
        world->split_seen =
            *other != NULL && ((*other)->members_digest != view->members_digest ||
                               (*other)->slots_digest != view->slots_digest);
        *other = view;
    }
}

void
sim_tally_on_second(SimWorld *world)
{
    SimTally *tally = sim_judge_tally(world);
    SimNetworkStats stats = sim_network_stats(world->network);
    uint64_t messages = stats.lane[0].sent + stats.lane[1].sent;
    uint64_t bytes = stats.lane[0].sent_size + stats.lane[1].sent_size;
    SimSecond second = {.messages = (uint32_t)(messages - world->messages_before),
                        .bytes = bytes - world->bytes_before};

    for (uint32_t i = 0; i < world->host_count; i++) {
        SimHost *host = &world->hosts[i];

        if (sim_host_lives(host)) {
            uint64_t memory = sim_host_memory(host);

            second.nodes++;
            host->dirty = true;
            host->offset_before = MIN(host->offset_last, sim_host_view(host)->offset);
            host->offset_last = host->view.offset;
            tally->memory_peak = MAX(tally->memory_peak, memory);
        }
    }
    if (world->now_ns > world->origin_ns) {
        g_array_append_val(tally->seconds, second);
    }
    note_split(world);
    world->messages_before = messages;
    world->bytes_before = bytes;
}

/* ---- the end: outages, and what was lost */

/* When the loss of a server began: the last fault that hit it while it served, or else the end
 * of its service. */
static OrrTime
loss_of(const SimWorld *world, const SimEpisode *episode)
{
    OrrTime lost = episode->to_ns;

    for (size_t i = 0; i < sim_faults_span_count(world); i++) {
        const SimFaultSpan *span = sim_faults_span(world, i);

        if (span->fault && span->from_ns >= episode->from_ns &&
            span->from_ns <= episode->to_ns && span->to_ns >= episode->to_ns &&
            sim_set_has(span->nodes, episode->node)) {
            lost = span->from_ns;
        }
    }
    return lost;
}

/* The episodes of one shard, in order of time, and the gaps between them. */
static void
find_outages(SimWorld *world, uint32_t shard)
{
    SimTally *tally = sim_judge_tally(world);
    const SimEpisode *last = NULL; /* of those seen, the one that ends last */
    size_t count = sim_invariants_episode_count(world->invariants);

    for (size_t i = 0; i < count; i++) {
        const SimEpisode *episode = sim_invariants_episode(world->invariants, i);

        if (episode->shard != shard) {
            continue;
        }
        if (last != NULL && episode->from_ns > world->origin_ns &&
            (episode->node != last->node || episode->from_ns > last->to_ns)) {
            SimOutage outage = {shard,         last->node,
                                episode->node, loss_of(world, last),
                                last->to_ns,   episode->from_ns};

            g_array_append_val(tally->outages, outage);
        }
        if (last == NULL || episode->to_ns >= last->to_ns) {
            last = episode;
        }
    }
    if (last != NULL && last->to_ns < world->now_ns) {
        SimOutage outage = {shard,       last->node, SIM_NONE, loss_of(world, last),
                            last->to_ns, ORR_NEVER};

        g_array_append_val(tally->outages, outage);
    }
}

typedef struct Finals {
    SimWorld *world;
    uint32_t *owner; /* by cluster and slot: host, or SIM_NONE */
    SimSet *lived;   /* nodes that run at the end */
} Finals;

/* Who owns each slot at the end, by his own map: whoever serves, or would be the newest. */
static void
find_owners(Finals *finals)
{
    SimWorld *world = finals->world;
    size_t count = (size_t)world->scenario->cluster_count * ORR_SLOT_COUNT;
    g_autofree uint64_t *epoch = g_new0(uint64_t, count);

    for (size_t i = 0; i < count; i++) {
        finals->owner[i] = SIM_NONE;
    }
    for (uint32_t i = 0; i < world->host_count; i++) {
        SimHost *host = &world->hosts[i];
        const OrrNodeView *view = sim_host_view(host);
        OrrSlotsRecord claim;
        uint32_t cursor = 0;

        if (view == NULL || view->role != ORR_ROLE_PRIMARY) {
            continue;
        }
        while (cursor < ORR_SLOT_COUNT &&
               orr_slotmap_next(sim_host_slotmap(host), &cursor, ORR_SLOT_COUNT - 1, &claim) ==
                   ORR_OK) {
            for (uint32_t slot = claim.range.first;
                 orr_id_equal(&claim.shard, &view->shard) && slot <= claim.range.last; slot++) {
                size_t place = (size_t)host->spec->cluster * ORR_SLOT_COUNT + slot;

                if (finals->owner[place] == SIM_NONE || view->shard_epoch > epoch[place]) {
                    finals->owner[place] = i;
                    epoch[place] = view->shard_epoch;
                }
            }
        }
    }
}

static SimFinal
final_of(uint32_t key, void *context)
{
    Finals *finals = context;
    SimWorld *world = finals->world;
    uint32_t cluster = sim_clients_cluster_of_key(world, key);
    uint16_t slot = sim_history_key_slot(world->history, key);
    uint32_t owner = finals->owner[(size_t)cluster * ORR_SLOT_COUNT + slot];
    SimFinal final = {.known = owner != SIM_NONE};
    size_t size;
    size_t field_size;
    const char *text = sim_history_key_text(world->history, key, &size);
    const char *field = sim_history_key_field(world->history, key, &field_size);
    OrrValue value;
    OrrStatus status;

    if (owner == SIM_NONE) {
        return final;
    }
    if (world->live != NULL) {
        return sim_live_final(world, owner, key);
    }
    const OrrKeyspace *keyspace = orr_node_keyspace(world->hosts[owner].node);
    int64_t wall =
        orr_node_cluster_ms(world->hosts[owner].node, sim_host_now(&world->hosts[owner]));

    status = field != NULL
                 ? orr_keyspace_get_field(keyspace, slot, orr_bytes(text, size),
                                          orr_bytes(field, field_size), wall, &value)
                 : orr_keyspace_get(keyspace, slot, orr_bytes(text, size), wall, &value);
    if (status == ORR_OK) {
        final.present = true;
        final.number = sim_client_number_of_value(value.value);
        final.corrupt = final.number == UINT32_MAX;
    }
    return final;
}

static void
on_loss(const SimLoss *loss, void *context)
{
    Finals *finals = context;
    SimTally *tally = sim_judge_tally(finals->world);
    const SimCall *call = sim_history_at(finals->world->history, loss->op);

    g_array_append_val(tally->lost, *loss);
    reach(tally, SIM_REACHED_WRITES_LOST);
    if (!loss->in_ledger && call->node != SIM_NODE_NONE &&
        sim_set_has(finals->lived, call->node)) {
        tally->lost_silently++;
    }
}

/* Keys that clients wrote, never removed, and that their owner does not have. */
static void
find_gone_keys(Finals *finals)
{
    SimWorld *world = finals->world;
    SimTally *tally = sim_judge_tally(world);

    for (uint32_t key = 0; key < sim_history_key_count(world->history); key++) {
        OrrTime expires = sim_history_expiry(world->history, key);
        SimFinal final;

        if (sim_history_acknowledged(world->history, key) == 0 ||
            sim_history_removed(world->history, key) || expires == ORR_NEVER ||
            (expires != 0 && expires <= world->now_ns)) {
            continue;
        }
        final = final_of(key, finals);
        if (final.known && !final.present) {
            g_array_append_val(tally->keys_gone, key);
        }
    }
}

void
sim_tally_finish(SimWorld *world)
{
    SimTally *tally = sim_judge_tally(world);
    Finals finals = {world, NULL, sim_set_new()};

    for (uint32_t shard = 0; shard < world->scenario->shard_count; shard++) {
        find_outages(world, shard);
    }
    for (uint32_t i = 0; i < world->host_count; i++) {
        if (sim_host_lives(&world->hosts[i])) {
            sim_set_add(finals.lived, i);
            world->hosts[i].dirty = true;
        }
    }
    finals.owner = g_new(uint32_t, (size_t)world->scenario->cluster_count * ORR_SLOT_COUNT);
    find_owners(&finals);
    tally->losses =
        sim_history_judge(world->history, world->now_ns, final_of, &finals, on_loss, &finals);
    find_gone_keys(&finals);
    if (world->torn_writes > 0) {
        reach(tally, SIM_REACHED_TORN_WRITE);
    }
    if (world->split_seen) {
        reach(tally, SIM_REACHED_VIEW_SPLIT);
    }
    sim_set_free(finals.lived);
    g_free(finals.owner);
}
