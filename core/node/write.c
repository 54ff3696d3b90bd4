/* write.c - a write's way: a version, the keyspace, the log, the replicas; and the data files.
 */
#include "node/clients/transaction.h"
#include "node/internal.h"

/* Machines of the data */

static OrrLogMeta
meta_of(const OrrLineage *lineage)
{
    OrrLogMeta meta;

    meta.size = orr_lineage_encode(lineage, meta.bytes);
    return meta;
}

/* For those who watch keys of a replica. */
static void
note_writes(OrrNode *node, OrrBytes records)
{
    OrrRecord record;

    while (node->watchers->len > 0 && orr_record_next(&records, &record) == ORR_OK) {
        orr_transaction_note_write(node, &record);
    }
}

static void
on_applied(void *context, OrrBytes records)
{
    OrrNode *node = context;

    note_writes(node, records);
    while (records.size > 0) {
        OrrRecord record;
        size_t used;

        if (orr_record_decode(records, &record, &used) != ORR_OK) {
            return;
        }
        orr_log_encoded(node->log, orr_bytes(records.data, used)); /* a group stays one */
        node->version = MAX(node->version, record.version);
        node->changes_since_save++;
        records = orr_bytes(records.data + used, records.size - used);
    }
}

static void
on_lineage_changed(void *context, const OrrLineage *lineage)
{
    OrrNode *node = context;
    OrrLogMeta meta = meta_of(lineage);

    orr_log_meta(node->log, &meta);
}

static void
on_replaced(void *context, OrrKeyspace *fresh, const OrrLineage *lineage)
{
    OrrNode *node = context;
    OrrLogMeta meta = meta_of(lineage);

    orr_keyspace_free(node->keyspace);
    node->keyspace = fresh;
    node->version = orr_keyspace_version(fresh);
    node->log_restart_due = false;
    node->log_restarting = true;
    node->snapshot_op = 0;
    orr_log_restart(node->log, &meta, node->out);
}

/* This primary's replica has more of its own history: a disk was lost. It is the replica's
 * turn. */
static void
on_behind(void *context, const OrrId *replica, uint64_t offset)
{
    OrrNode *node = context;

    if (ORR_PLANTED(&node->config.settings, NO_GENERATION_CHECK)) {
        return;
    }
    if (!node->behind) {
        OrrTrace trace = orr_node_shard_trace(node, ORR_TRACE_SYNC_REFUSED);

        trace.other = *replica;
        trace.value = offset;
        orr_trace_set_text(
            &trace, orr_bytes_of_string("replica has more than this primary: hand over"));
        orr_context_trace(&node->context, node->out, &trace);
        node->handover_until = node->now.mono_ns;
    }
    node->behind = true;
    node->behind_replica = *replica;
}

void
orr_node_new_replication(OrrNode *node)
{
    OrrReplicationConfig config = {
        .self = node->sender.self,
        .shard = orr_node_self(node)->shard->id,
        .settings = node->config.settings,
        .keyspace = node->keyspace,
        .keyspace_seed = orr_rng_next(&node->context.rng),
        .sender = &node->sender,
        .sink = {node, on_applied, on_lineage_changed, on_replaced, on_behind},
        .seed = orr_rng_next(&node->context.rng),
    };

    node->replication = orr_replication_new(&config);
}

/* Recovery */

static void
recover_meta(void *context, OrrBytes bytes)
{
    OrrNode *node = context;
    OrrLineage lineage;

    if (orr_lineage_decode(bytes, &lineage) == ORR_OK) {
        (void)orr_replication_restore(node->replication, &lineage);
    }
}

static void
recover_records(void *context, OrrBytes records)
{
    OrrNode *node = context;

    (void)orr_replication_replay(node->replication, records);
}

OrrStatus
orr_node_recover_data(OrrNode *node, const OrrEvent *event, OrrEffects *out)
{
    OrrLogRecovery recovery;
    OrrLogRecoverySink sink = {node, recover_meta, recover_records};
    OrrTrace trace = orr_trace(ORR_TRACE_RECOVERED);
    OrrLogMeta meta;

    node->keyspace = orr_keyspace_new(orr_rng_next(&node->context.rng));
    orr_node_new_replication(node);
    if (orr_log_recover(event->boot.files, event->boot.file_count, &node->sender.self,
                        node->config.settings.hash_slot_by, node->keyspace, &sink,
                        &recovery) != ORR_OK) {
        orr_node_trace(node, ORR_TRACE_STATE_REFUSED, NULL, recovery.refused, out);
        return ORR_MALFORMED;
    }
    node->version = MAX(recovery.version, orr_keyspace_version(node->keyspace));
    meta = meta_of(orr_replication_lineage(node->replication));
    node->log = orr_log_new(&node->sender.self, &recovery, &meta);
    trace.count = recovery.records + recovery.snapshot_records;
    trace.value = recovery.torn_size;
    if (trace.count > 0 || trace.value > 0) {
        orr_context_trace(&node->context, out, &trace);
    }
    return ORR_OK;
}

/* Writing */

static void
pass_on(OrrNode *node, OrrBytes record, OrrEffects *out)
{
    orr_log_encoded(node->log, record);
    (void)orr_replication_append(node->replication, node->now, record, out);
}

/* What has been gathered goes on its way: one record as it is, several as a group. */
static void
close_group(OrrNode *node, OrrEffects *out)
{
    GByteArray *buffer = node->record_buffer;
    size_t head = orr_group_size(0);
    OrrBytes records = orr_bytes(buffer->data + head, buffer->len - head);

    if (node->group_count == 1) {
        pass_on(node, records, out);
    } else if (node->group_count > 1) {
        size_t size =
            orr_group_encode(records, node->version, node->context.cluster_ms, buffer->data);

        pass_on(node, orr_bytes(buffer->data, size), out);
    }
    node->group_count = 0;
    g_byte_array_set_size(buffer, (guint)head);
}

void
orr_node_group_begin(OrrNode *node)
{
    if (node->group_depth++ == 0) {
        node->group_count = 0;
        g_byte_array_set_size(node->record_buffer, (guint)orr_group_size(0));
    }
}

void
orr_node_group_end(OrrNode *node, OrrEffects *out)
{
    g_assert(node->group_depth > 0);
    if (--node->group_depth == 0) {
        close_group(node, out);
    }
}

size_t
orr_node_group_room(const OrrNode *node)
{
    size_t used = node->group_depth > 0 ? node->record_buffer->len - orr_group_size(0) : 0;

    return used < ORR_GROUP_SIZE_MAX ? ORR_GROUP_SIZE_MAX - used : 0;
}

void
orr_node_write(OrrNode *node, OrrRecord *record, OrrEffects *out)
{
    OrrVersion floor = orr_node_self(node)->shard->epoch << ORR_VERSION_EPOCH_SHIFT;

    record->version = MAX(node->version, floor) + 1;
    orr_node_write_as(node, record, out);
}

void
orr_node_write_as(OrrNode *node, OrrRecord *record, OrrEffects *out)
{
    GByteArray *buffer = node->record_buffer;
    size_t at = node->group_depth > 0 ? buffer->len : 0;
    size_t size = orr_record_size(record);

    if (at > 0 && at + size > orr_group_size(ORR_GROUP_SIZE_MAX)) {
        close_group(node, out); /* too much for one: the rest is a group of its own */
        at = buffer->len;
    }
    node->version = MAX(node->version, record->version);
    record->wall_ms = node->context.cluster_ms;
    g_byte_array_set_size(buffer, (guint)(at + size));
    (void)orr_record_encode(record, buffer->data + at);
    (void)orr_keyspace_apply(node->keyspace, record);
    node->changes_since_save++;
    orr_transaction_note_write(node, record);
    if (node->group_depth > 0) {
        node->group_count++;
    } else {
        pass_on(node, orr_bytes(buffer->data, size), out);
    }
}

static void
on_log_stored(void *owner, OrrStatus status, uint64_t op, OrrNow now, OrrEffects *out)
{
    OrrNode *node = owner;

    (void)now;
    if (node->log_op == op) {
        node->log_op = 0;
    }
    if (status != ORR_OK && !node->disk_failed) {
        orr_node_trace(node, ORR_TRACE_DISK_FAILED, NULL, "log: writes are refused", out);
        node->disk_failed = true;
        node->log_restart_due = true;
        orr_node_clients_fenced(node); /* what is behind the failure may yet be stored, for
                                          nothing */
    }
}

static void
on_rotation_stored(void *owner, OrrStatus status, uint64_t op, OrrNow now, OrrEffects *out)
{
    OrrNode *node = owner;

    on_log_stored(owner, status, op, now, out);
    if (status == ORR_OK && !node->disk_failed) {
        orr_log_rotated(node->log);
    }
}

/* At the end of a step: what was written goes to the log, and to the replicas. */
void
orr_node_flush_data(OrrNode *node, OrrEffects *out)
{
    bool always = node->config.settings.appendfsync == ORR_APPENDFSYNC_ALWAYS;

    orr_replication_flush(node->replication, node->now, out);
    if (orr_log_pending(node->log) == 0) {
        return;
    }
    if (always) {
        uint64_t op = orr_gate_next_op(node->gate);

        if (orr_log_flush(node->log, op, true, out)) {
            node->log_op = op;
            (void)orr_gate_hold(node->gate, op, on_log_stored, node, op);
        }
    } else {
        (void)orr_log_flush(node->log, 0, false, out);
    }
}

static void
note_save(OrrNode *node, OrrStatus status)
{
    node->save_failed = status != ORR_OK;
    node->save_took_ns = node->now.mono_ns - node->save_began_at;
    if (status == ORR_OK) {
        node->statistics.saves++;
        node->statistics.last_save_s = node->context.cluster_ms / 1000;
    }
}

static void
on_snapshot_stored(void *owner, OrrStatus status, uint64_t op, OrrNow now, OrrEffects *out)
{
    OrrNode *node = owner;

    (void)now;
    orr_log_stored(node->log, op, status, out);
    node->snapshot_op = 0;
    if (orr_log_snapshotting(node->log)) {
        return; /* of a snapshot that was given up for a newer one */
    }
    note_save(node, status);
    if (status == ORR_OK) {
        if (node->disk_failed) {
            orr_node_trace(node, ORR_TRACE_NOTE, NULL, "the log can be written again", out);
        }
        node->disk_failed = false;
        node->log_restarting = false;
    } else if (node->log_restarting) {
        node->log_restart_due = true; /* a generation without its snapshot counts for nothing */
    }
}

/* After a write of the log has failed: a new file, that begins with all there is. */
static void
restart_log(OrrNode *node, OrrEffects *out)
{
    OrrLogMeta meta = meta_of(orr_replication_lineage(node->replication));

    node->log_restart_due = false;
    node->log_restarting = true;
    node->snapshot_op = 0;
    orr_log_restart(node->log, &meta, out);
}

bool
orr_node_save(OrrNode *node, OrrEffects *out)
{
    OrrLogMeta meta = meta_of(orr_replication_lineage(node->replication));
    uint64_t op;

    if (orr_log_snapshotting(node->log) || node->log_restart_due) {
        return false; /* the restart is a new file, too */
    }
    op = orr_gate_next_op(node->gate);
    (void)orr_log_rotate(node->log, &meta, op, out);
    (void)orr_gate_hold(node->gate, op, on_rotation_stored, node, op);
    node->save_began_at = node->now.mono_ns;
    node->changes_since_save = 0;
    return true;
}

static void
rotate_or_snapshot(OrrNode *node, OrrEffects *out)
{
    if (orr_log_size(node->log) > node->config.settings.log_rotate_size) {
        (void)orr_node_save(node, out);
    }
    if (orr_log_snapshotting(node->log) && node->snapshot_op == 0) {
        uint64_t op = orr_gate_next_op(node->gate);

        if (orr_log_step(node->log, node->keyspace, 1000, op, out)) {
            node->snapshot_op = op;
            (void)orr_gate_hold(node->gate, op, on_snapshot_stored, node, op);
        }
    }
}

/* Once a second the log is synced. */
static void
each_second(OrrNode *node, OrrEffects *out)
{
    node->sync_at = node->now.mono_ns + ORR_NS_PER_S;
    orr_node_measure_rates(node);
    if (node->config.settings.appendfsync == ORR_APPENDFSYNC_EVERYSEC &&
        orr_log_dirty(node->log)) {
        uint64_t op = orr_gate_next_op(node->gate);

        if (orr_log_flush(node->log, op, true, out)) {
            (void)orr_gate_hold(node->gate, op, on_log_stored, node, op);
        }
    }
    if (node->log_restart_due && !orr_log_snapshotting(node->log)) {
        restart_log(node, out);
    }
}

void
orr_node_data_time(OrrNode *node, OrrEffects *out)
{
    orr_replication_step(node->replication, node->now, out);
    if (node->now.mono_ns >= node->sync_at) {
        each_second(node, out);
    }
    orr_node_expiry_time(node);
    orr_node_evict_time(node);
    rotate_or_snapshot(node, out);
    (void)orr_keyspace_step(node->keyspace, 1000);
}

OrrTime
orr_node_data_deadline(const OrrNode *node)
{
    OrrTime deadline = orr_replication_deadline(node->replication);

    deadline = MIN(deadline, node->sync_at);
    deadline = MIN(deadline, orr_node_expiry_deadline(node));
    deadline = MIN(deadline, orr_node_evict_deadline(node));
    if (orr_log_snapshotting(node->log) && node->snapshot_op == 0) {
        deadline = MIN(deadline, node->now.mono_ns + ORR_NS_PER_MS);
    }
    return deadline;
}

/* The context shows the other machines what the data is. */
void
orr_node_sync_data_view(OrrNode *node)
{
    OrrReplicationView view;

    orr_replication_view(node->replication, &view);
    node->context.offset = view.offset;
    node->context.data_epoch = view.data_epoch;
    node->context.in_sync_ns = view.in_sync_ns;
    node->context.loading = view.loading;
}
