#include "data/replication_state.h"

#include <glib.h>

/* Bytes of backlog of a node that never had a replica, nor was one: it may get one soon. */
#define BACKLOG_ALONE ((size_t)1 << 20)

#define XXH_INLINE_ALL
#include <xxhash.h>

OrrReplication *
orr_replication_new(const OrrReplicationConfig *config)
{
    OrrReplication *self = g_new0(OrrReplication, 1);

    self->config = *config;
    self->ledger = orr_ledger_new();
    self->rng = orr_rng_stream(config->seed, orr_bytes_of_string("replication"));
    self->in_sync_ns = -1;
    orr_backlog_init(&self->backlog, MIN(config->settings.backlog_size, BACKLOG_ALONE));
    return self;
}

void
orr_replication_set(OrrReplication *self, const OrrSettings *settings)
{
    size_t backlog_size = self->config.settings.backlog_size;

    self->config.settings = *settings;
    self->config.settings.backlog_size = backlog_size;
}

void
orr_replication_free(OrrReplication *self)
{
    if (self != NULL) {
        orr_replica_drop_copy(self);
        orr_backlog_clear(&self->backlog);
        orr_ledger_free(self->ledger);
        g_free(self->replicas);
        g_free(self->chunk);
        g_free(self);
    }
}

/* Shared by both roles */

OrrSync
orr_sync_blank(const OrrReplication *self)
{
    const OrrHistory *newest = orr_lineage_newest(&self->lineage);

    return (OrrSync){
        .shard = self->config.shard,
        .history = newest != NULL ? newest->id : 0,
        .offset = self->lineage.offset,
        .epoch = self->epoch,
    };
}

void
orr_sync_send(OrrReplication *self, const OrrAddress *to, OrrMessageType type,
              const OrrSync *sync, OrrEffects *out)
{
    OrrMessage message = {.type = type, .sync = *sync};

    orr_sender_send(self->config.sender, out, to, &message);
}

void
orr_sync_advance(OrrReplication *self, OrrBytes records)
{
    while (records.size > 0) {
        size_t size = orr_backlog_record_size(records);

        g_assert(size > 0);
        orr_backlog_append(&self->backlog, orr_bytes(records.data, size));
        records = orr_bytes(records.data + size, records.size - size);
    }
    self->lineage.offset = self->backlog.end;
}

uint64_t
orr_sync_digest_of(OrrBytes record)
{
    return XXH3_64bits(record.data, record.size);
}

void
orr_sync_trace(const OrrReplication *self, OrrTraceKind kind, const OrrId *other,
               uint64_t value, uint64_t count, const char *text, OrrEffects *out)
{
    OrrTrace trace = orr_trace(kind);

    trace.node = self->config.self;
    trace.shard = self->config.shard;
    trace.other = *other;
    trace.value = value;
    trace.count = count;
    if (text != NULL) {
        orr_trace_set_text(&trace, orr_bytes_of_string(text));
    }
    orr_effects_trace(out, &trace);
}

OrrTime
orr_sync_heartbeat(const OrrReplication *self)
{
    const OrrSettings *settings = &self->config.settings;

    return settings->heartbeat_ns > 0 ? settings->heartbeat_ns : settings->node_timeout_ns / 5;
}

/* What must hold between two calls, whatever came in. */
static void
check_invariants(const OrrReplication *self)
{
    g_assert(self->backlog.end == self->lineage.offset);
    g_assert(self->backlog.start <= self->backlog.end);
    g_assert(self->replica_count == 0 || self->role == ORR_REPLICATION_LEADING);
    g_assert((self->copy.keyspace != NULL) == (self->asking == ASKING_LOADS));
    g_assert(self->asking == ASKING_WAITS || self->role == ORR_REPLICATION_FOLLOWING);
    for (size_t i = 0; i < self->replica_count; i++) { /* few, so always */
        const Replica *replica = &self->replicas[i];

        g_assert(replica->acked <= replica->sent && replica->sent <= self->lineage.offset);
        g_assert(replica->chunks_acked <= replica->chunks_sent);
        g_assert(i == 0 || orr_id_compare(&self->replicas[i - 1].id, &replica->id) < 0);
    }
}

/* Recovery */

/* A copy that had begun its log anew and was killed before its snapshot was whole: what follows
 * does not continue what is here. */
static bool
breaks_off(const OrrReplication *self, const OrrLineage *lineage)
{
    return self->restored && lineage->offset != self->lineage.offset;
}

OrrStatus
orr_replication_restore(OrrReplication *self, const OrrLineage *lineage)
{
    self->broken_off |= breaks_off(self, lineage);
    if (self->broken_off) {
        return ORR_REFUSED;
    }
    if (!self->restored) {
        orr_backlog_restart(&self->backlog, lineage->offset);
    }
    self->lineage = *lineage;
    self->restored = true;
    return ORR_OK;
}

OrrStatus
orr_replication_replay(OrrReplication *self, OrrBytes records)
{
    OrrBytes rest = records;

    if (self->broken_off) {
        return ORR_REFUSED;
    }
    while (rest.size > 0) {
        size_t size = orr_backlog_record_size(rest);

        if (size == 0) {
            return ORR_INVALID;
        }
        rest = orr_bytes(rest.data + size, rest.size - size);
    }
    orr_sync_advance(self, records);
    self->restored = true;
    return ORR_OK;
}

/* Roles */

static void
leave_role(OrrReplication *self)
{
    orr_primary_detach_all(self);
    orr_replica_drop_copy(self);
    self->asking = ASKING_WAITS;
    self->role = ORR_REPLICATION_RESTING;
    self->counters.lost_data = false;
}

/* The same primary that starts again in the same epoch may have lost the end of its log, and a
 * replica may have it; so its boot is part of the name of what it writes from now on. */
static uint64_t
name_history(const OrrReplication *self, uint64_t epoch)
{
    uint64_t plain = orr_history_of(&self->config.shard, epoch, &self->config.self);
    uint64_t boot = self->config.sender->incarnation;

    return XXH64(&boot, sizeof boot, plain);
}

OrrStatus
orr_replication_lead(OrrReplication *self, OrrNow now, uint64_t epoch, uint64_t start_offset,
                     OrrEffects *out)
{
    bool leading = self->role == ORR_REPLICATION_LEADING;
    const OrrHistory *newest = orr_lineage_newest(&self->lineage);

    if (leading && epoch == self->epoch) {
        return self->counters.lost_data ? ORR_REFUSED : ORR_OK;
    }
    if ((newest != NULL && newest->epoch > epoch) || (leading && epoch < self->epoch)) {
        return ORR_STALE;
    }
    if (leading) {
        orr_primary_flush(self, now, false, out);
    } else {
        leave_role(self);
    }
    self->role = ORR_REPLICATION_LEADING;
    self->epoch = epoch;
    self->start_offset = start_offset;
    self->counters.lost_data = self->lineage.offset < start_offset;
    orr_lineage_begin(&self->lineage, name_history(self, epoch), epoch,
                      orr_keyspace_version(self->config.keyspace));
    self->config.sink.lineage_changed(self->config.sink.context, &self->lineage);
    orr_primary_announce(self, now, out);
    return self->counters.lost_data ? ORR_REFUSED : ORR_OK;
}

void
orr_replication_follow(OrrReplication *self, OrrNow now, const OrrId *primary,
                       const OrrAddress *address, uint64_t epoch, uint64_t start_offset,
                       OrrEffects *out)
{
    bool same = self->role == ORR_REPLICATION_FOLLOWING &&
                orr_id_equal(&self->primary, primary) &&
                orr_address_compare(&self->address, address) == 0;

    self->epoch = epoch;
    self->start_offset = start_offset;
    if (same) {
        return;
    }
    leave_role(self);
    self->backlog.limit = MAX(self->backlog.limit, self->config.settings.backlog_size);
    self->role = ORR_REPLICATION_FOLLOWING;
    self->primary = *primary;
    self->address = *address;
    self->attempts = 0;
    self->copies_begun = 0;
    self->pause_ns = now.mono_ns;
    orr_replica_wait(self, now, 0);
    orr_replica_step(self, now, out);
}

void
orr_replication_rest(OrrReplication *self)
{
    leave_role(self);
}

void
orr_replication_reset(OrrReplication *self, const OrrId *shard, OrrKeyspace *keyspace)
{
    leave_role(self);
    self->config.shard = *shard;
    self->config.keyspace = keyspace;
    self->epoch = 0;
    self->start_offset = 0;
    self->in_sync_ns = -1;
    self->lineage.count = 0;
    self->lineage.offset = 0;
    orr_backlog_restart(&self->backlog, 0);
}

/* Input */

OrrStatus
orr_replication_append(OrrReplication *self, OrrNow now, OrrBytes records, OrrEffects *out)
{
    if (self->role != ORR_REPLICATION_LEADING) {
        return ORR_REFUSED;
    }
    while (records.size > 0) {
        size_t size = orr_backlog_record_size(records);
        /* what no replica has yet must not be overwritten before it was sent */
        size_t gathered_max = MIN(ORR_SYNC_CHUNK_SIZE, self->backlog.limit / 4);

        g_return_val_if_fail(size > 0, ORR_INVALID);
        orr_sync_advance(self, orr_bytes(records.data, size));
        self->dirty = true;
        self->gathered += size;
        if (self->gathered >= gathered_max) {
            orr_primary_flush(self, now, false, out);
        }
        records = orr_bytes(records.data + size, records.size - size);
    }
    return ORR_OK;
}

void
orr_replication_flush(OrrReplication *self, OrrNow now, OrrEffects *out)
{
    if (self->dirty && self->role == ORR_REPLICATION_LEADING) {
        orr_primary_flush(self, now, false, out);
        check_invariants(self);
    }
}

static OrrStatus
receive(OrrReplication *self, OrrNow now, const OrrAddress *from, const OrrMessage *message,
        OrrEffects *out)
{
    switch ((int)message->type) {
    case ORR_MESSAGE_SYNC_REQUEST:
        orr_primary_on_request(self, now, from, message, out);
        return ORR_OK;
    case ORR_MESSAGE_SYNC_ACK:
    case ORR_MESSAGE_STREAM_ACK:
        orr_primary_on_ack(self, now, message, out);
        return ORR_OK;
    case ORR_MESSAGE_SYNC_CONTINUE:
    case ORR_MESSAGE_SYNC_FULL:
    case ORR_MESSAGE_SYNC_CHUNK:
    case ORR_MESSAGE_SYNC_DONE:
    case ORR_MESSAGE_SYNC_REFUSED:
    case ORR_MESSAGE_STREAM:
        return orr_replica_on_message(self, now, message, out);
    default: /* messages of other machines; their enum has no part of replication alone */
        return ORR_INVALID;
    }
}

OrrStatus
orr_replication_received(OrrReplication *self, OrrNow now, const OrrAddress *from,
                         const OrrMessage *message, OrrEffects *out)
{
    OrrStatus status = receive(self, now, from, message, out);

    check_invariants(self);
    return status;
}

void
orr_replication_link(OrrReplication *self, OrrNow now, const OrrAddress *peer,
                     OrrLinkState state, OrrEffects *out)
{
    bool down = state == ORR_LINK_DOWN || state == ORR_LINK_REFUSED;
    bool mine = self->role == ORR_REPLICATION_FOLLOWING &&
                orr_address_compare(peer, &self->address) == 0;

    if (down && self->role == ORR_REPLICATION_LEADING) {
        orr_primary_link_down(self, peer);
    }
    if (down && mine) {
        orr_replica_lost(self, now);
    }
    if (state == ORR_LINK_UP && mine && self->asking == ASKING_WAITS) {
        orr_replica_wait(self, now, 0);
        orr_replica_step(self, now, out);
    }
}

void
orr_replication_pulse(OrrReplication *self, OrrNow now, const OrrId *sender, uint64_t epoch,
                      uint64_t offset)
{
    if (self->role != ORR_REPLICATION_FOLLOWING || !orr_id_equal(sender, &self->primary) ||
        epoch != self->epoch) {
        return;
    }
    if (self->asking == ASKING_FOLLOWS && offset <= self->lineage.offset) {
        self->in_sync_ns = now.mono_ns;
    }
    if (self->asking == ASKING_WAITS && !self->told_to_wait) {
        self->retry_ns = MIN(self->retry_ns, now.mono_ns + RETRY_MIN_NS); /* it is there */
    }
}

void
orr_replication_step(OrrReplication *self, OrrNow now, OrrEffects *out)
{
    switch (self->role) {
    case ORR_REPLICATION_RESTING:
        break;
    case ORR_REPLICATION_LEADING:
        orr_primary_step(self, now, out);
        break;
    case ORR_REPLICATION_FOLLOWING:
        orr_replica_step(self, now, out);
        break;
    }
    check_invariants(self);
}

OrrTime
orr_replication_deadline(const OrrReplication *self)
{
    switch (self->role) {
    case ORR_REPLICATION_RESTING:
        break;
    case ORR_REPLICATION_LEADING:
        return orr_primary_deadline(self);
    case ORR_REPLICATION_FOLLOWING:
        return orr_replica_deadline(self);
    }
    return ORR_NEVER;
}

/* Output */

static uint64_t
mix(uint64_t digest, uint64_t value)
{
    return XXH64(&value, sizeof value, digest);
}

uint64_t
orr_replication_digest(const OrrReplication *self)
{
    uint64_t digest = mix(self->role, self->lineage.offset);

    for (size_t i = 0; i < self->lineage.count; i++) {
        digest = mix(digest, self->lineage.histories[i].id);
    }
    for (size_t i = 0; i < self->replica_count; i++) {
        const Replica *replica = &self->replicas[i];

        digest = mix(digest, replica->sent);
        digest = mix(digest, replica->acked);
        digest = mix(digest, replica->chunks_sent * 2 + replica->copying);
    }
    digest = mix(digest, self->epoch);
    digest = mix(digest, (uint64_t)self->asking);
    digest = mix(digest, self->copy.records);
    digest = mix(digest, orr_ledger_total(self->ledger));
    return mix(digest, self->rng.word[0]);
}

void
orr_replication_view(const OrrReplication *self, OrrReplicationView *view)
{
    const OrrHistory *newest = orr_lineage_newest(&self->lineage);

    *view = self->counters;
    view->role = self->role;
    view->offset = self->lineage.offset;
    view->history = newest != NULL ? newest->id : 0;
    view->data_epoch = newest != NULL ? newest->epoch : 0;
    view->link_up = self->role == ORR_REPLICATION_FOLLOWING && self->asking == ASKING_FOLLOWS;
    view->loading = self->role == ORR_REPLICATION_FOLLOWING && self->asking == ASKING_LOADS;
    view->in_sync_ns = self->in_sync_ns;
    view->replica_count = (uint32_t)self->replica_count;
    view->full_syncs = 0;
    for (size_t i = 0; i < self->replica_count; i++) {
        view->full_syncs += self->replicas[i].copying;
    }
    view->backlog_start = self->backlog.start;
    view->backlog_bytes = self->backlog.room;
}

uint64_t
orr_replication_offset(const OrrReplication *self)
{
    return self->lineage.offset;
}

const OrrLineage *
orr_replication_lineage(const OrrReplication *self)
{
    return &self->lineage;
}

OrrStatus
orr_replication_replica(const OrrReplication *self, size_t index, OrrReplicaView *view)
{
    if (index >= self->replica_count) {
        return ORR_NOT_FOUND;
    }

    const Replica *replica = &self->replicas[index];

    *view = (OrrReplicaView){.id = replica->id,
                             .address = replica->address,
                             .acked_offset = replica->acked,
                             .heard_ns = replica->heard_ns,
                             .copying = replica->copying};
    return ORR_OK;
}

const OrrLedger *
orr_replication_ledger(const OrrReplication *self)
{
    return self->ledger;
}
