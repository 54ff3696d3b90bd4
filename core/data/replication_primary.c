#include "data/replication_state.h"

#include <glib.h>

#define ITERATE_BUDGET 16u /* records read between looks at the size of a chunk */

typedef enum Verdict {
    VERDICT_CONTINUE, /* from the asker's offset */
    VERDICT_COPY,     /* everything */
    VERDICT_BEHIND,   /* the asker has what this primary lost */
} Verdict;

/* Replicas */

static Replica *
find_replica(OrrReplication *self, const OrrId *id, size_t *index)
{
    size_t low = 0;
    size_t high = self->replica_count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (orr_id_compare(&self->replicas[middle].id, id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *index = low;
    return low < self->replica_count && orr_id_equal(&self->replicas[low].id, id)
               ? &self->replicas[low]
               : NULL;
}

static Replica *
attach(OrrReplication *self, OrrNow now, const OrrId *id, const OrrAddress *address)
{
    size_t index = 0;
    Replica *replica = find_replica(self, id, &index);

    if (replica == NULL) {
        if (self->replica_count == ORR_REPLICAS_MAX) {
            return NULL;
        }
        self->backlog.limit = MAX(self->backlog.limit, self->config.settings.backlog_size);
        if (self->replicas == NULL) {
            self->replicas = g_new(Replica, ORR_REPLICAS_MAX);
        }
        replica = &self->replicas[index];
        memmove(replica + 1, replica, (self->replica_count - index) * sizeof *replica);
        self->replica_count++;
    }
    *replica = (Replica){
        .id = *id, .address = *address, .heard_ns = now.mono_ns, .sent_ns = now.mono_ns};
    return replica;
}

static void
detach(OrrReplication *self, Replica *replica)
{
    size_t index = (size_t)(replica - self->replicas);

    self->replica_count--;
    memmove(replica, replica + 1, (self->replica_count - index) * sizeof *replica);
}

void
orr_primary_detach_all(OrrReplication *self)
{
    self->replica_count = 0;
    self->dirty = false;
    self->gathered = 0;
}

void
orr_primary_link_down(OrrReplication *self, const OrrAddress *peer)
{
    for (size_t i = self->replica_count; i-- > 0;) {
        if (orr_address_compare(&self->replicas[i].address, peer) == 0) {
            detach(self, &self->replicas[i]);
        }
    }
}

/* Answers */

static OrrBytes
lineage_bytes(const OrrReplication *self, uint8_t buffer[ORR_LINEAGE_SIZE_MAX])
{
    return orr_bytes(buffer, orr_lineage_encode(&self->lineage, buffer));
}

static void
send_refusal(OrrReplication *self, const OrrAddress *to, OrrSyncRefusal refusal,
             OrrEffects *out)
{
    uint8_t buffer[ORR_LINEAGE_SIZE_MAX];
    OrrSync sync = orr_sync_blank(self);

    sync.refusal = (uint8_t)refusal;
    sync.count = (uint64_t)orr_rng_between(&self->rng, BUSY_RETRY_MIN_MS, BUSY_RETRY_MAX_MS);
    if (refusal == ORR_SYNC_BUSY) {
        sync.records = lineage_bytes(self, buffer);
    }
    orr_sync_send(self, to, ORR_MESSAGE_SYNC_REFUSED, &sync, out);
}

static void
send_continue(OrrReplication *self, const Replica *replica, OrrEffects *out)
{
    uint8_t buffer[ORR_LINEAGE_SIZE_MAX];
    OrrSync sync = orr_sync_blank(self);

    sync.offset = replica->sent;
    sync.count = self->lineage.offset;
    sync.records = lineage_bytes(self, buffer);
    orr_sync_send(self, &replica->address, ORR_MESSAGE_SYNC_CONTINUE, &sync, out);
}

static bool
may_copy(const OrrReplication *self, const Replica *except)
{
    size_t copies = 0;

    for (size_t i = 0; i < self->replica_count; i++) {
        copies += self->replicas[i].copying && &self->replicas[i] != except;
    }
    return copies < MAX(self->config.settings.full_syncs_max, 1) ||
           ORR_PLANTED(&self->config.settings, SYNCS_UNLIMITED);
}

/* Sends the replica away: it asks again, and then with what it has by then. */
static void
put_off(OrrReplication *self, Replica *replica, const char *why, OrrEffects *out)
{
    orr_sync_trace(self, ORR_TRACE_SYNC_REFUSED, &replica->id, 0, 0, why, out);
    send_refusal(self, &replica->address, ORR_SYNC_BUSY, out);
    detach(self, replica);
}

static void
begin_copy(OrrReplication *self, Replica *replica, OrrEffects *out)
{
    uint8_t buffer[ORR_LINEAGE_SIZE_MAX];
    OrrSync sync = orr_sync_blank(self);

    replica->copying = true;
    replica->all_read = false;
    replica->cursor = orr_keyspace_cursor(0, ORR_KEYSPACE_SLOTS - 1);
    replica->sent = self->lineage.offset;
    replica->acked = self->lineage.offset;
    sync.count = orr_keyspace_count(self->config.keyspace);
    sync.records = lineage_bytes(self, buffer);
    orr_sync_send(self, &replica->address, ORR_MESSAGE_SYNC_FULL, &sync, out);
    orr_sync_trace(self, ORR_TRACE_SYNC_FULL_BEGUN, &replica->id, sync.count, 0, NULL, out);
    self->counters.full_syncs_out++;
    self->dirty = true;
}

static Verdict
judge(const OrrReplication *self, const OrrLineage *asker)
{
    OrrBranch branch = orr_lineage_compare(asker, &self->lineage);
    bool reaches = orr_backlog_reaches(&self->backlog, asker->offset);
    const OrrHistory *mine = orr_lineage_newest(&self->lineage);
    const OrrHistory *theirs = orr_lineage_newest(asker);
    bool naive = ORR_PLANTED(&self->config.settings, NO_GENERATION_CHECK);

    switch (branch.kinship) {
    case ORR_KINSHIP_NOTHING:
        return self->backlog.start == 0 ? VERDICT_CONTINUE : VERDICT_COPY;
    case ORR_KINSHIP_PREFIX:
        return reaches ? VERDICT_CONTINUE : VERDICT_COPY;
    case ORR_KINSHIP_AHEAD:
        return naive ? VERDICT_COPY : VERDICT_BEHIND;
    case ORR_KINSHIP_DIVERGED:
        return VERDICT_COPY;
    case ORR_KINSHIP_UNRELATED:
        /* a primary that was emptied knows nothing of the histories before */
        return !naive && asker->offset > self->lineage.offset &&
                       (self->counters.lost_data || theirs->epoch >= mine->epoch)
                   ? VERDICT_BEHIND
                   : VERDICT_COPY;
    }
    return VERDICT_COPY;
}

static void
answer(OrrReplication *self, Replica *replica, const OrrLineage *asker, bool partial_only,
       OrrEffects *out)
{
    switch (judge(self, asker)) {
    case VERDICT_CONTINUE:
        replica->sent = asker->count > 0 ? asker->offset : 0;
        replica->acked = replica->sent;
        send_continue(self, replica, out);
        orr_sync_trace(self, ORR_TRACE_SYNC_PARTIAL, &replica->id, replica->sent, 0, NULL, out);
        self->counters.partial_syncs_out++;
        self->dirty = true;
        break;
    case VERDICT_COPY:
        if (partial_only) {
            put_off(self, replica, "needs a full copy, and wants none yet", out);
        } else if (!may_copy(self, replica)) {
            put_off(self, replica, "busy", out);
        } else {
            begin_copy(self, replica, out);
        }
        break;
    case VERDICT_BEHIND:
        orr_sync_trace(self, ORR_TRACE_SYNC_REFUSED, &replica->id, asker->offset, 0,
                       "replica is ahead", out);
        send_refusal(self, &replica->address, ORR_SYNC_I_AM_BEHIND, out);
        self->config.sink.behind(self->config.sink.context, &replica->id, asker->offset);
        detach(self, replica);
        break;
    }
}

void
orr_primary_on_request(OrrReplication *self, OrrNow now, const OrrAddress *from,
                       const OrrMessage *message, OrrEffects *out)
{
    OrrLineage asker;

    if (!orr_id_equal(&message->sync.shard, &self->config.shard)) {
        send_refusal(self, from, ORR_SYNC_OTHER_SHARD, out);
        return;
    }
    if (self->role != ORR_REPLICATION_LEADING || message->sync.epoch > self->epoch) {
        send_refusal(self, from, ORR_SYNC_NOT_PRIMARY, out);
        return;
    }
    if (orr_lineage_decode(message->sync.records, &asker) != ORR_OK) {
        return; /* a peer of another version: silence makes it ask again, with back-off */
    }

    Replica *replica = attach(self, now, &message->sender, from);

    if (replica == NULL) {
        send_refusal(self, from, ORR_SYNC_BUSY, out);
        return;
    }
    answer(self, replica, &asker, message->sync.count == PARTIAL_ONLY, out);
}

/* Streaming */

static void
send_stream(OrrReplication *self, OrrNow now, Replica *replica, OrrBytes records, bool ask,
            OrrEffects *out)
{
    OrrSync sync = orr_sync_blank(self);

    sync.offset = replica->sent;
    sync.count = self->lineage.offset;
    sync.digest = ask ? STREAM_ACK_AT_ONCE : 0;
    sync.records = records;
    orr_sync_send(self, &replica->address, ORR_MESSAGE_STREAM, &sync, out);
    replica->sent += records.size;
    replica->sent_ns = now.mono_ns;
    self->counters.streams_sent++;
}

static bool
window_open(const OrrReplication *self, const Replica *replica)
{
    return replica->sent - replica->acked < self->config.settings.sync_window_size ||
           replica->sent == replica->acked;
}

/* Sends what the window allows, at a size that keeps memory small. False: `replica` is gone. */
static bool
pump_stream(OrrReplication *self, OrrNow now, Replica *replica, bool ask, OrrEffects *out)
{
    uint64_t end = self->lineage.offset;

    if (replica->sent < self->backlog.start) {
        put_off(self, replica, "fell out of the backlog", out);
        return false;
    }
    ask = ask && !replica->copying;
    if (ask && replica->sent == end) {
        send_stream(self, now, replica, ORR_BYTES_EMPTY, true, out);
    }
    while (replica->sent < end && window_open(self, replica)) {
        OrrBytes records = orr_backlog_read(&self->backlog, replica->sent, ORR_SYNC_CHUNK_SIZE);

        send_stream(self, now, replica, records, ask && replica->sent + records.size == end,
                    out);
    }
    return true;
}

/* Full copies */

static void
gather_record(const OrrRecord *record, void *context)
{
    OrrReplication *self = context;
    size_t size = orr_record_size(record);

    if (self->chunk_room - self->chunk_used < size) {
        self->chunk_room =
            MAX(2 * ORR_SYNC_CHUNK_SIZE, MAX(self->chunk_room, self->chunk_used + size));
        self->chunk = g_realloc(self->chunk, self->chunk_room);
    }
    self->chunk_used += orr_record_encode(record, self->chunk + self->chunk_used);
}

/* Sends what was gathered in frames of about a chunk. All of it leaves at once: a write that
 * slipped in between would be older than it looks, and a deleted key could return. */
static void
send_chunks(OrrReplication *self, Replica *replica, OrrEffects *out)
{
    OrrBytes rest = orr_bytes(self->chunk, self->chunk_used);

    while (rest.size > 0) {
        OrrSync sync = orr_sync_blank(self);
        size_t used = 0;

        while (used < rest.size && used < ORR_SYNC_CHUNK_SIZE) {
            size_t size =
                orr_backlog_record_size(orr_bytes(rest.data + used, rest.size - used));

            if (used > 0 && used + size > ORR_SYNC_CHUNK_SIZE) {
                break;
            }
            replica->records_sent++;
            replica->records_digest += orr_sync_digest_of(orr_bytes(rest.data + used, size));
            used += size;
        }
        sync.offset = replica->sent;
        sync.count = replica->chunks_sent++;
        sync.records = orr_bytes(rest.data, used);
        replica->bytes_sent += used;
        orr_sync_send(self, &replica->address, ORR_MESSAGE_SYNC_CHUNK, &sync, out);
        rest = orr_bytes(rest.data + used, rest.size - used);
    }
    self->chunk_used = 0;
}

static void
send_done(OrrReplication *self, Replica *replica, OrrEffects *out)
{
    OrrSync sync = orr_sync_blank(self);

    sync.offset = replica->sent;
    sync.count = replica->records_sent;
    sync.digest = replica->records_digest;
    orr_sync_send(self, &replica->address, ORR_MESSAGE_SYNC_DONE, &sync, out);
    replica->all_read = true;
}

static bool
copy_window_open(const OrrReplication *self, const Replica *replica)
{
    uint64_t under_way = replica->chunks_sent - replica->chunks_acked;

    return under_way == 0 ||
           under_way * ORR_SYNC_CHUNK_SIZE < self->config.settings.sync_window_size;
}

static void
pump_copy(OrrReplication *self, Replica *replica, OrrEffects *out)
{
    while (!replica->all_read && replica->sent == self->lineage.offset &&
           copy_window_open(self, replica)) {
        size_t found = 1;

        while (found > 0 && self->chunk_used < ORR_SYNC_CHUNK_SIZE) {
            found = orr_keyspace_iterate(self->config.keyspace, &replica->cursor,
                                         ITERATE_BUDGET, gather_record, self);
        }
        send_chunks(self, replica, out);
        if (found == 0) {
            send_done(self, replica, out);
        }
    }
}

void
orr_primary_flush(OrrReplication *self, OrrNow now, bool ask_acks, OrrEffects *out)
{
    self->dirty = false;
    self->gathered = 0;
    for (size_t i = self->replica_count; i-- > 0;) {
        if (pump_stream(self, now, &self->replicas[i], ask_acks, out) &&
            self->replicas[i].copying) {
            pump_copy(self, &self->replicas[i], out);
        }
    }
}

void
orr_primary_announce(OrrReplication *self, OrrNow now, OrrEffects *out)
{
    (void)now;
    for (size_t i = 0; i < self->replica_count; i++) {
        send_continue(self, &self->replicas[i], out);
    }
}

/* Acknowledgements */

void
orr_primary_on_ack(OrrReplication *self, OrrNow now, const OrrMessage *message, OrrEffects *out)
{
    size_t index = 0;
    Replica *replica = find_replica(self, &message->sender, &index);
    const OrrSync *sync = &message->sync;

    if (self->role != ORR_REPLICATION_LEADING || replica == NULL ||
        !orr_id_equal(&sync->shard, &self->config.shard) || sync->offset > replica->sent) {
        return; /* of an earlier attachment */
    }
    replica->heard_ns = now.mono_ns;
    replica->acked = MAX(replica->acked, sync->offset);
    if (message->type == ORR_MESSAGE_SYNC_ACK) {
        if (sync->count <= replica->chunks_sent) {
            replica->chunks_acked = MAX(replica->chunks_acked, sync->count);
        }
    } else if (replica->copying && replica->all_read) {
        replica->copying = false;
        self->counters.full_syncs_done++;
        orr_sync_trace(self, ORR_TRACE_SYNC_FULL_DONE, &replica->id, replica->bytes_sent,
                       replica->records_sent, NULL, out);
    }
    if (replica->sent < self->lineage.offset || (replica->copying && !replica->all_read)) {
        self->dirty = true;
    }
}

uint32_t
orr_replication_acked(const OrrReplication *self, uint64_t offset)
{
    uint32_t count = 0;

    for (size_t i = 0; i < self->replica_count; i++) {
        count += !self->replicas[i].copying && self->replicas[i].acked >= offset;
    }
    return count;
}

void
orr_replication_ask_acks(OrrReplication *self, OrrNow now, OrrEffects *out)
{
    if (self->role == ORR_REPLICATION_LEADING) {
        orr_primary_flush(self, now, true, out);
    }
}

uint32_t
orr_replication_good_replicas(const OrrReplication *self, OrrNow now, OrrTime within_ns)
{
    uint32_t count = 0;

    for (size_t i = 0; i < self->replica_count; i++) {
        count +=
            !self->replicas[i].copying && self->replicas[i].heard_ns >= now.mono_ns - within_ns;
    }
    return count;
}

/* Time */

static OrrTime
patience(const OrrReplication *self, const Replica *replica)
{
    return self->config.settings.node_timeout_ns * (replica->copying ? 2 : 4);
}

void
orr_primary_step(OrrReplication *self, OrrNow now, OrrEffects *out)
{
    for (size_t i = self->replica_count; i-- > 0;) {
        Replica *replica = &self->replicas[i];

        if (now.mono_ns >= replica->heard_ns + patience(self, replica)) {
            detach(self, replica);
        } else if (now.mono_ns >= replica->sent_ns + orr_sync_heartbeat(self)) {
            send_stream(self, now, replica, ORR_BYTES_EMPTY, false, out);
        }
    }
}

OrrTime
orr_primary_deadline(const OrrReplication *self)
{
    OrrTime deadline = ORR_NEVER;
    OrrTime heartbeat = orr_sync_heartbeat(self);

    for (size_t i = 0; i < self->replica_count; i++) {
        const Replica *replica = &self->replicas[i];
        OrrTime until = replica->heard_ns + patience(self, replica);

        deadline = MIN(deadline, until);
        deadline = MIN(deadline, replica->sent_ns + heartbeat);
    }
    return deadline;
}
