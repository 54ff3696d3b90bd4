#include "data/replication_state.h"

#include <orrery/slots.h>

#include <glib.h>

#define ANSWER_MIN_NS (500 * ORR_NS_PER_MS) /* before a question is asked again */
#define PAUSE_DOUBLINGS 6u
#define COPY_STALL 3 /* node timeouts without a part of a copy: it is not coming */

/* Waiting and asking */

void
orr_replica_drop_copy(OrrReplication *self)
{
    orr_keyspace_free(self->copy.keyspace);
    memset(&self->copy, 0, sizeof self->copy);
}

void
orr_replica_wait(OrrReplication *self, OrrNow now, OrrTime delay_ns)
{
    if (self->asking == ASKING_FOLLOWS &&
        now.mono_ns - self->followed_ns >= 2 * self->config.settings.node_timeout_ns) {
        self->copies_begun = 0; /* the last copy was worth it */
    }
    orr_replica_drop_copy(self);
    self->asking = ASKING_WAITS;
    self->retry_ns = now.mono_ns + delay_ns;
    self->ack_due_ns = ORR_NEVER;
    self->told_to_wait = false;
}

/* What did not last twice in a row costs the primary too much to be tried all the time. */
static void
count_copy(OrrReplication *self, OrrNow now)
{
    self->copies_begun++;
    if (self->copies_begun >= COPIES_BEFORE_PAUSE) {
        unsigned doublings = MIN(self->copies_begun - COPIES_BEFORE_PAUSE, PAUSE_DOUBLINGS);

        self->pause_ns = now.mono_ns + (2 * self->config.settings.node_timeout_ns << doublings);
    }
}

static OrrTime
back_off(OrrReplication *self)
{
    OrrTime delay = RETRY_MIN_NS << MIN(self->attempts, 6u);

    delay = MIN(delay, RETRY_MAX_NS);
    return orr_rng_between(&self->rng, delay, delay + delay / 2);
}

void
orr_replica_lost(OrrReplication *self, OrrNow now)
{
    orr_replica_wait(self, now, back_off(self));
}

static void
ask(OrrReplication *self, OrrNow now, OrrEffects *out)
{
    uint8_t buffer[ORR_LINEAGE_SIZE_MAX];
    OrrSync sync = orr_sync_blank(self);

    sync.count = self->copies_begun > 0 && now.mono_ns < self->pause_ns ? PARTIAL_ONLY : 0;
    sync.records = orr_bytes(buffer, orr_lineage_encode(&self->lineage, buffer));
    orr_sync_send(self, &self->address, ORR_MESSAGE_SYNC_REQUEST, &sync, out);
    self->asking = ASKING_ASKED;
    self->told_to_wait = false;
    self->retry_ns = now.mono_ns + MAX(ANSWER_MIN_NS, back_off(self));
    self->attempts++;
}

static void
send_ack(OrrReplication *self, OrrNow now, OrrEffects *out)
{
    OrrSync sync = orr_sync_blank(self);
    bool loading = self->asking == ASKING_LOADS;

    if (loading) {
        sync.offset = self->copy.lineage.offset;
        sync.count = self->copy.chunks;
    }
    orr_sync_send(self, &self->address, loading ? ORR_MESSAGE_SYNC_ACK : ORR_MESSAGE_STREAM_ACK,
                  &sync, out);
    self->acked_ns = now.mono_ns;
    self->ack_due_ns = ORR_NEVER;
    self->counters.acks_sent++;
}

static void
ack_soon(OrrReplication *self, OrrNow now, bool at_once, OrrEffects *out)
{
    OrrTime due = self->acked_ns + self->config.settings.replica_ack_ns;

    if (at_once || due <= now.mono_ns) {
        send_ack(self, now, out);
    } else {
        self->ack_due_ns = due;
    }
}

static void
follow_on(OrrReplication *self, OrrNow now)
{
    self->asking = ASKING_FOLLOWS;
    self->attempts = 0;
    self->followed_ns = now.mono_ns;
    self->heard_ns = now.mono_ns;
    self->acked_ns = now.mono_ns - self->config.settings.replica_ack_ns;
}

static void
note_offset(OrrReplication *self, OrrNow now, uint64_t primary_offset)
{
    self->heard_ns = now.mono_ns;
    if (self->asking == ASKING_FOLLOWS && self->lineage.offset >= primary_offset) {
        self->in_sync_ns = now.mono_ns;
    }
}

/* Applying */

static bool
is_deletion(const OrrRecord *record)
{
    return record->kind == ORR_RECORD_DELETE || record->kind == ORR_RECORD_DELETE_FIELD ||
           record->kind == ORR_RECORD_FLUSH;
}

/* Applies whole records; returns the bytes of those that were sound. A group is decoded as a
 * whole before the first of its records is applied. */
static size_t
apply(OrrReplication *self, OrrKeyspace *keyspace, OrrBytes records)
{
    OrrBytes rest = records;
    OrrRecord record;

    while (orr_record_next(&rest, &record) == ORR_OK) {
        if (!is_deletion(&record) || !ORR_PLANTED(&self->config.settings, DELETES_FORGOTTEN)) {
            orr_record_set_slot(&record, self->config.settings.hash_slot_by);
            (void)orr_keyspace_apply(keyspace, &record); /* stale or absent: as it should be */
        }
    }
    return records.size - rest.size;
}

/* Skips records before `offset`, in case the primary went back further than needed. */
static OrrBytes
skip_known(const OrrSync *sync, uint64_t offset)
{
    OrrBytes rest = sync->records;
    uint64_t at = sync->offset;

    while (at < offset && rest.size > 0) {
        size_t size = orr_backlog_record_size(rest);

        if (size == 0) {
            return ORR_BYTES_EMPTY;
        }
        at += size;
        rest = orr_bytes(rest.data + size, rest.size - size);
    }
    return at == offset ? rest : ORR_BYTES_EMPTY;
}

static OrrStatus
on_stream_while_loading(OrrReplication *self, OrrNow now, const OrrSync *sync, OrrEffects *out)
{
    OrrLineage *lineage = &self->copy.lineage;

    if (sync->offset != lineage->offset ||
        apply(self, self->copy.keyspace, sync->records) != sync->records.size) {
        orr_replica_lost(self, now);
        return ORR_MALFORMED;
    }
    lineage->offset += sync->records.size;
    self->heard_ns = now.mono_ns;
    ack_soon(self, now, false, out);
    return ORR_OK;
}

static OrrStatus
on_stream(OrrReplication *self, OrrNow now, const OrrSync *sync, OrrEffects *out)
{
    const OrrLineage *lineage =
        self->asking == ASKING_LOADS ? &self->copy.lineage : &self->lineage;

    if (self->asking != ASKING_LOADS && self->asking != ASKING_FOLLOWS) {
        return ORR_OK;
    }
    if (lineage->count == 0 || sync->history != lineage->histories[lineage->count - 1].id ||
        sync->offset > lineage->offset) {
        orr_replica_wait(self, now, 0); /* a gap: nothing is applied out of order */
        orr_replica_step(self, now, out);
        return ORR_OK;
    }
    if (self->asking == ASKING_LOADS) {
        return on_stream_while_loading(self, now, sync, out);
    }

    OrrBytes fresh = skip_known(sync, self->lineage.offset);
    size_t used = apply(self, self->config.keyspace, fresh);

    if (used > 0) {
        OrrBytes applied = orr_bytes(fresh.data, used);

        orr_sync_advance(self, applied);
        self->config.sink.applied(self->config.sink.context, applied);
    }
    if (used != fresh.size) {
        orr_replica_lost(self, now);
        return ORR_MALFORMED;
    }
    note_offset(self, now, sync->count);
    ack_soon(self, now, sync->digest == STREAM_ACK_AT_ONCE, out);
    return ORR_OK;
}

/* Answers */

static void
adopt(OrrReplication *self, const OrrLineage *theirs)
{
    uint64_t offset = self->lineage.offset;

    if (!orr_lineage_equal(&self->lineage, theirs)) {
        self->lineage = *theirs;
        self->lineage.offset = offset;
        self->config.sink.lineage_changed(self->config.sink.context, &self->lineage);
    }
}

static void
on_continue(OrrReplication *self, OrrNow now, const OrrSync *sync, const OrrLineage *theirs,
            OrrEffects *out)
{
    OrrKinship kinship = orr_lineage_compare(&self->lineage, theirs).kinship;

    if (self->asking == ASKING_LOADS) {
        uint64_t offset = self->copy.lineage.offset; /* the primary began an epoch meanwhile */

        self->copy.lineage = *theirs;
        self->copy.lineage.offset = offset;
        self->heard_ns = now.mono_ns;
        return;
    }
    if ((kinship != ORR_KINSHIP_PREFIX && kinship != ORR_KINSHIP_NOTHING) ||
        sync->offset > self->lineage.offset) {
        return; /* an answer to an older question */
    }
    self->counters.partial_syncs_in += self->asking != ASKING_FOLLOWS;
    adopt(self, theirs);
    follow_on(self, now);
    note_offset(self, now, sync->count);
    ack_soon(self, now, true, out);
}

/* A primary whose data are less than what it once had, or than what I have of the same, was
 * emptied: copying it would lose what is left. */
static bool
is_older_generation(const OrrReplication *self, const OrrSync *sync, const OrrLineage *theirs)
{
    const OrrHistory *mine = orr_lineage_newest(&self->lineage);
    const OrrHistory *newest = orr_lineage_newest(theirs);
    bool more = self->lineage.offset > theirs->offset;

    if (ORR_PLANTED(&self->config.settings, NO_GENERATION_CHECK)) {
        return false;
    }
    if (newest == NULL || (sync->epoch <= self->epoch && theirs->offset < self->start_offset)) {
        return true;
    }
    switch (orr_lineage_compare(&self->lineage, theirs).kinship) {
    case ORR_KINSHIP_AHEAD:
        return true;
    case ORR_KINSHIP_UNRELATED:
        return more && mine->epoch >= newest->epoch;
    case ORR_KINSHIP_NOTHING:
    case ORR_KINSHIP_PREFIX:
    case ORR_KINSHIP_DIVERGED:
        break;
    }
    return false;
}

static void
on_full(OrrReplication *self, OrrNow now, const OrrSync *sync, const OrrLineage *theirs,
        OrrEffects *out)
{
    if (is_older_generation(self, sync, theirs)) {
        orr_sync_trace(self, ORR_TRACE_SYNC_REFUSED, &self->primary, theirs->offset, 0,
                       "older generation", out);
        orr_replica_wait(self, now, RETRY_MAX_NS);
        return;
    }
    orr_losses_settle(self, theirs, out);
    if (ORR_PLANTED(&self->config.settings, PURGE_TOO_EARLY)) {
        (void)orr_keyspace_drop_all(self->config.keyspace);
    }
    orr_replica_drop_copy(self);
    self->copies++;
    self->copy.keyspace = orr_keyspace_new(self->config.keyspace_seed + self->copies);
    self->copy.lineage = *theirs;
    self->asking = ASKING_LOADS;
    self->copy.moved_ns = now.mono_ns;
    self->heard_ns = now.mono_ns;
    self->ack_due_ns = ORR_NEVER;
    self->counters.full_syncs_in++;
    count_copy(self, now);
}

static OrrStatus
on_chunk(OrrReplication *self, OrrNow now, const OrrSync *sync, OrrEffects *out)
{
    Copy *copy = &self->copy;
    OrrBytes rest = sync->records;

    if (self->asking != ASKING_LOADS) {
        return ORR_OK;
    }
    if (sync->count != copy->chunks || sync->offset != copy->lineage.offset) {
        orr_replica_lost(self, now);
        return ORR_OK;
    }
    copy->moved_ns = now.mono_ns;
    if (apply(self, copy->keyspace, rest) != rest.size) {
        orr_replica_lost(self, now);
        return ORR_MALFORMED;
    }
    while (rest.size > 0) {
        size_t size = orr_backlog_record_size(rest);

        copy->records++;
        copy->digest += orr_sync_digest_of(orr_bytes(rest.data, size));
        rest = orr_bytes(rest.data + size, rest.size - size);
    }
    copy->chunks++;
    self->heard_ns = now.mono_ns;
    send_ack(self, now, out);
    return ORR_OK;
}

static void
on_done(OrrReplication *self, OrrNow now, const OrrSync *sync, OrrEffects *out)
{
    Copy *copy = &self->copy;

    if (self->asking != ASKING_LOADS) {
        return;
    }
    if (sync->offset != copy->lineage.offset || sync->count != copy->records ||
        sync->digest != copy->digest) {
        orr_replica_lost(self, now); /* not whole: what is here stays */
        return;
    }

    OrrKeyspace *fresh = copy->keyspace;

    copy->keyspace = NULL;
    self->lineage = copy->lineage;
    self->config.keyspace = fresh;
    orr_backlog_restart(&self->backlog, self->lineage.offset);
    self->config.sink.replaced(self->config.sink.context, fresh, &self->lineage);
    follow_on(self, now);
    self->counters.full_syncs_done++;
    note_offset(self, now, sync->offset);
    send_ack(self, now, out);
}

static void
on_refused(OrrReplication *self, OrrNow now, const OrrSync *sync, OrrEffects *out)
{
    OrrLineage theirs;
    OrrTime told = (OrrTime)MIN(sync->count, 60000u) * ORR_NS_PER_MS;

    switch ((OrrSyncRefusal)sync->refusal) {
    case ORR_SYNC_BUSY:
        if (orr_lineage_decode(sync->records, &theirs) == ORR_OK && theirs.count > 0 &&
            !is_older_generation(self, sync, &theirs)) {
            orr_losses_settle(self, &theirs, out);
        }
        if (self->copies_begun > 0 && now.mono_ns < self->pause_ns) {
            told = MAX(told, MIN(self->pause_ns - now.mono_ns, RETRY_MAX_NS));
        }
        orr_replica_wait(self, now, told);
        self->told_to_wait = true;
        return;
    case ORR_SYNC_NOT_PRIMARY: /* not yet, perhaps */
        orr_replica_wait(self, now, back_off(self));
        return;
    case ORR_SYNC_I_AM_BEHIND:
    case ORR_SYNC_OTHER_SHARD:
        orr_replica_wait(self, now, RETRY_MAX_NS);
        self->told_to_wait = true;
        return;
    }
}

/* The rest of a copy that this primary began before its present epoch, which gossip told here
 * faster than the copy goes: redis-1799-equal-epoch-twins, seed 3. */
static bool
is_part_of_copy(const OrrReplication *self, OrrMessageType type)
{
    return self->asking == ASKING_LOADS &&
           (type == ORR_MESSAGE_SYNC_CHUNK || type == ORR_MESSAGE_SYNC_DONE ||
            type == ORR_MESSAGE_STREAM);
}

OrrStatus
orr_replica_on_message(OrrReplication *self, OrrNow now, const OrrMessage *message,
                       OrrEffects *out)
{
    const OrrSync *sync = &message->sync;
    OrrLineage theirs;

    if (self->role != ORR_REPLICATION_FOLLOWING ||
        !orr_id_equal(&message->sender, &self->primary)) {
        return ORR_OK;
    }
    if (message->type == ORR_MESSAGE_SYNC_REFUSED) {
        on_refused(self, now, sync, out);
        return ORR_OK;
    }
    if (!orr_id_equal(&sync->shard, &self->config.shard) ||
        (sync->epoch < self->epoch && !is_part_of_copy(self, message->type))) {
        return ORR_OK; /* it has not learned what this node knows */
    }
    if (message->type == ORR_MESSAGE_SYNC_CHUNK) {
        return on_chunk(self, now, sync, out);
    }
    if (message->type == ORR_MESSAGE_SYNC_DONE) {
        on_done(self, now, sync, out);
        return ORR_OK;
    }
    if (message->type == ORR_MESSAGE_STREAM) {
        return on_stream(self, now, sync, out);
    }
    if (orr_lineage_decode(sync->records, &theirs) != ORR_OK || theirs.count == 0) {
        return ORR_MALFORMED;
    }
    if (message->type == ORR_MESSAGE_SYNC_FULL) {
        on_full(self, now, sync, &theirs, out);
    } else {
        on_continue(self, now, sync, &theirs, out);
    }
    return ORR_OK;
}

/* Time */

static OrrTime
stall_ns(const OrrReplication *self)
{
    return COPY_STALL * self->config.settings.node_timeout_ns;
}

void
orr_replica_step(OrrReplication *self, OrrNow now, OrrEffects *out)
{
    switch (self->asking) {
    case ASKING_WAITS:
    case ASKING_ASKED:
        if (now.mono_ns >= self->retry_ns) {
            ask(self, now, out);
        }
        break;
    case ASKING_LOADS:
        if (now.mono_ns >= self->copy.moved_ns + stall_ns(self)) {
            orr_replica_lost(self, now); /* the primary believes that it is done */
            break;
        }
        /* fall through */
    case ASKING_FOLLOWS:
        if (now.mono_ns >= self->heard_ns + self->config.settings.node_timeout_ns) {
            orr_replica_lost(self, now);
        } else if (now.mono_ns >= self->ack_due_ns) {
            send_ack(self, now, out);
        }
        break;
    }
}

OrrTime
orr_replica_deadline(const OrrReplication *self)
{
    switch (self->asking) {
    case ASKING_WAITS:
    case ASKING_ASKED:
        return self->retry_ns;
    case ASKING_LOADS:
        return MIN(MIN(self->ack_due_ns, self->copy.moved_ns + stall_ns(self)),
                   self->heard_ns + self->config.settings.node_timeout_ns);
    case ASKING_FOLLOWS:
        break;
    }
    return MIN(self->ack_due_ns, self->heard_ns + self->config.settings.node_timeout_ns);
}
