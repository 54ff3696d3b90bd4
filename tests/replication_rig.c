#include "replication_rig.h"

OrrSettings
rig_settings(void)
{
    OrrSettings settings = orr_settings_default();

    settings.node_timeout_ns = 5 * ORR_NS_PER_S;
    settings.heartbeat_ns = ORR_NS_PER_S;
    return settings;
}

/* The disk */

static void
disk_clear(RigMachine *machine)
{
    for (guint i = 0; i < machine->disk->len; i++) {
        GByteArray *records = g_array_index(machine->disk, RigEntry, i).records;

        if (records != NULL) {
            g_byte_array_unref(records);
        }
    }
    g_array_set_size(machine->disk, 0);
}

static void
disk_lineage(RigMachine *machine, const OrrLineage *lineage)
{
    RigEntry entry = {.kind = RIG_ENTRY_LINEAGE, .lineage = *lineage};

    g_array_append_val(machine->disk, entry);
}

static void
disk_record(RigMachine *machine, OrrBytes record)
{
    RigEntry entry = {.kind = RIG_ENTRY_RECORDS, .records = g_byte_array_new()};

    g_byte_array_append(entry.records, record.data, (guint)record.size);
    g_array_append_val(machine->disk, entry);
}

/* What the machine tells its node */

static void
sink_applied(void *context, OrrBytes records)
{
    RigMachine *machine = context;

    while (records.size > 0) {
        OrrRecord record;
        size_t size = 0;

        g_assert(orr_record_decode(records, &record, &size) == ORR_OK);
        rig_line_add(machine, &record, size);
        disk_record(machine, orr_bytes(records.data, size));
        records = orr_bytes(records.data + size, records.size - size);
    }
}

static void
sink_lineage(void *context, const OrrLineage *lineage)
{
    disk_lineage(context, lineage);
}

static void
snapshot_record(const OrrRecord *record, void *context)
{
    uint8_t *bytes = g_malloc(orr_record_size(record));

    disk_record(context, orr_bytes(bytes, orr_record_encode(record, bytes)));
    g_free(bytes);
}

static void
sink_replaced(void *context, OrrKeyspace *fresh, const OrrLineage *lineage)
{
    RigMachine *machine = context;
    RigMachine *primary = &machine->rig->machines[machine->following];
    OrrKeyspaceCursor cursor = orr_keyspace_cursor(0, ORR_KEYSPACE_SLOTS - 1);
    guint count = 0;

    orr_keyspace_free(machine->keyspace);
    machine->keyspace = fresh;
    disk_clear(machine);
    while (orr_keyspace_iterate(fresh, &cursor, 100, snapshot_record, machine) > 0) {
    }
    disk_lineage(machine, lineage);
    while (count < primary->line->len &&
           g_array_index(primary->line, RigWrite, count).end <= lineage->offset) {
        count++;
    }
    g_array_set_size(machine->line, 0);
    g_array_append_vals(machine->line, primary->line->data, count);
    rig_forget_dropped(machine);
}

static void
sink_behind(void *context, const OrrId *replica, uint64_t offset)
{
    RigMachine *machine = context;

    (void)offset;
    machine->behind++;
    for (unsigned i = 0; i < machine->rig->count; i++) {
        if (orr_id_equal(&machine->rig->machines[i].id, replica)) {
            machine->behind_whom = i;
        }
    }
}

/* Life */

static void
start(RigMachine *machine)
{
    Rig *rig = machine->rig;
    OrrReplicationConfig config = {
        .self = machine->id,
        .shard = rig->shard,
        .settings = rig->settings,
        .sender = &machine->sender,
        .seed = orr_rng_next(&rig->rng),
        .keyspace_seed = orr_rng_next(&rig->rng),
        .sink = {machine, sink_applied, sink_lineage, sink_replaced, sink_behind}};

    machine->sender =
        (OrrSender){.self = machine->id, .incarnation = machine->sender.incarnation + 1};
    machine->keyspace = orr_keyspace_new(config.keyspace_seed);
    config.keyspace = machine->keyspace;
    machine->replication = orr_replication_new(&config);
    machine->alive = true;
}

void
rig_init(Rig *rig, unsigned count, uint64_t seed, const OrrSettings *settings)
{
    memset(rig, 0, sizeof *rig);
    rig->settings = *settings;
    rig->shard = orr_id_of_name(orr_bytes_of_string("shard"));
    rig->rng = orr_rng_new(seed);
    rig->count = count;
    rig->latency_ns = ORR_NS_PER_MS;
    rig->now = (OrrNow){ORR_NS_PER_S, 1600000000000};
    rig->frames = g_ptr_array_new();
    rig->out = orr_effects_new();
    rig->acknowledged = g_array_new(FALSE, FALSE, sizeof(RigWrite));
    rig->listed = g_array_new(FALSE, FALSE, sizeof(RigWrite));
    for (unsigned i = 0; i < count; i++) {
        RigMachine *machine = &rig->machines[i];
        char name[2] = {(char)('a' + i), '\0'};

        machine->rig = rig;
        machine->index = i;
        machine->id = orr_id_of_name(orr_bytes_of_string(name));
        machine->address = orr_address_v4(10, 0, 0, (uint8_t)i, 7000, 17000);
        machine->line = g_array_new(FALSE, FALSE, sizeof(RigWrite));
        machine->disk = g_array_new(FALSE, FALSE, sizeof(RigEntry));
        machine->dropped = g_array_new(FALSE, FALSE, sizeof(RigWrite));
        machine->writes = orr_rng_new(orr_rng_next(&rig->rng));
        start(machine);
    }
}

static void
frame_free(RigFrame *frame)
{
    g_byte_array_unref(frame->bytes);
    g_free(frame);
}

static void
stop(RigMachine *machine)
{
    orr_replication_free(machine->replication);
    orr_keyspace_free(machine->keyspace);
    machine->replication = NULL;
    machine->keyspace = NULL;
    machine->alive = false;
}

void
rig_clear(Rig *rig)
{
    for (unsigned i = 0; i < rig->count; i++) {
        RigMachine *machine = &rig->machines[i];

        if (machine->alive) {
            stop(machine);
        }
        disk_clear(machine);
        g_array_free(machine->disk, TRUE);
        g_array_free(machine->line, TRUE);
        g_array_free(machine->dropped, TRUE);
    }
    for (guint i = 0; i < rig->frames->len; i++) {
        frame_free(g_ptr_array_index(rig->frames, i));
    }
    g_ptr_array_free(rig->frames, TRUE);
    g_array_free(rig->acknowledged, TRUE);
    g_array_free(rig->listed, TRUE);
    orr_effects_free(rig->out);
}

/* Effects */

static void
post(Rig *rig, unsigned from, const OrrEffect *effect)
{
    unsigned to = effect->send.to.ip[15];
    OrrMessage message;

    g_assert(effect->send.lane == ORR_LANE_DATA && to < rig->count);
    g_assert(orr_bus_decode(effect->send.frame, &message) == ORR_OK);
    rig->sent[message.type]++;
    if (rig->cut[from][to]) {
        return;
    }

    RigFrame *frame = g_new0(RigFrame, 1);

    frame->due_ns = rig->now.mono_ns + rig->latency_ns;
    frame->order = ++rig->order;
    frame->from = from;
    frame->to = to;
    frame->session = rig->session[from][to];
    frame->bytes = g_byte_array_new();
    g_byte_array_append(frame->bytes, effect->send.frame.data, (guint)effect->send.frame.size);
    g_ptr_array_add(rig->frames, frame);
}

static void
perform(RigMachine *machine)
{
    Rig *rig = machine->rig;
    OrrReplicationView view;

    orr_replication_flush(machine->replication, rig->now, rig->out);
    orr_replication_view(machine->replication, &view);
    rig->copies_at_once = MAX(rig->copies_at_once, view.full_syncs);
    for (size_t i = 0; i < orr_effects_count(rig->out); i++) {
        OrrEffect effect = orr_effects_get(rig->out, i);

        if (effect.type == ORR_EFFECT_SEND) {
            post(rig, machine->index, &effect);
        } else if (effect.type == ORR_EFFECT_TRACE) {
            rig_note_trace(machine, &effect.trace);
        }
    }
    orr_effects_clear(rig->out);
}

/* Roles */

OrrStatus
rig_lead(Rig *rig, unsigned index, uint64_t epoch, uint64_t start_offset)
{
    RigMachine *machine = &rig->machines[index];
    OrrStatus status =
        orr_replication_lead(machine->replication, rig->now, epoch, start_offset, rig->out);

    perform(machine);
    return status;
}

void
rig_promote(Rig *rig, unsigned index)
{
    rig->primary = index;
    rig->epoch++;
    rig->start_offset = orr_replication_offset(rig->machines[index].replication);
    g_assert(rig_lead(rig, index, rig->epoch, rig->start_offset) == ORR_OK);
}

void
rig_follow(Rig *rig, unsigned index)
{
    RigMachine *machine = &rig->machines[index];
    RigMachine *primary = &rig->machines[rig->primary];

    if (machine->alive && index != rig->primary) {
        machine->following = rig->primary;
        orr_replication_follow(machine->replication, rig->now, &primary->id, &primary->address,
                               rig->epoch, rig->start_offset, rig->out);
        perform(machine);
    }
}

void
rig_follow_all(Rig *rig)
{
    for (unsigned i = 0; i < rig->count; i++) {
        rig_follow(rig, i);
    }
}

/* Writes */

static void
write_record(Rig *rig, unsigned index, OrrRecord *record)
{
    RigMachine *machine = &rig->machines[index];
    OrrReplicationView view = rig_view(rig, index);

    record->version = (view.data_epoch << ORR_VERSION_EPOCH_SHIFT) + ++machine->count;
    record->wall_ms = rig->now.wall_ms;
    record->slot = orr_slot_of_key(record->key);
    (void)orr_keyspace_apply(machine->keyspace, record);

    size_t size = orr_record_size(record);
    uint8_t *bytes = g_malloc(size);

    orr_record_encode(record, bytes);
    rig_line_add(machine, record, size);
    g_array_append_val(rig->acknowledged,
                       g_array_index(machine->line, RigWrite, machine->line->len - 1));
    disk_record(machine, orr_bytes(bytes, size));
    g_assert(orr_replication_append(machine->replication, rig->now, orr_bytes(bytes, size),
                                    rig->out) == ORR_OK);
    g_free(bytes);
}

void
rig_put(Rig *rig, unsigned index, OrrRecordKind kind, const char *key, const char *field,
        const char *value, int64_t expire_ms)
{
    OrrRecord record = {.kind = kind,
                        .key = orr_bytes_of_string(key),
                        .field = orr_bytes_of_string(field),
                        .value = orr_bytes_of_string(value),
                        .expire_ms = expire_ms};

    write_record(rig, index, &record);
    perform(&rig->machines[index]);
}

/* Every key of a range of slots is gone. */
static void
flush_slots(Rig *rig, unsigned index, uint16_t first, uint16_t last)
{
    const uint8_t value[4] = {(uint8_t)first, (uint8_t)(first >> 8), (uint8_t)last,
                              (uint8_t)(last >> 8)};
    OrrRecord record = {.kind = ORR_RECORD_FLUSH, .value = orr_bytes(value, sizeof value)};

    write_record(rig, index, &record);
    perform(&rig->machines[index]);
}

void
rig_random_write(Rig *rig, unsigned index)
{
    OrrRng *rng = &rig->machines[index].writes;
    uint64_t draw = orr_rng_below(rng, 100);
    uint64_t number = orr_rng_below(rng, 120);
    char key[32];
    char field[32];
    char value[200];

    g_snprintf(key, sizeof key, "s%u", (unsigned)number);
    g_snprintf(field, sizeof field, "f%u", (unsigned)orr_rng_below(rng, 9));
    g_snprintf(value, sizeof value, "%0*u", (int)(1 + orr_rng_below(rng, 150)),
               (unsigned)orr_rng_below(rng, 1000000));
    if (draw == 0 && number < 30) {
        flush_slots(rig, index, (uint16_t)(number * 500), 16383);
    } else if (draw < 45) {
        rig_put(rig, index, ORR_RECORD_STRING, key, "", value, ORR_EXPIRE_NEVER);
    } else if (draw < 60) {
        rig_put(rig, index, ORR_RECORD_DELETE, key, "", "", ORR_EXPIRE_NEVER);
    } else if (draw < 65) {
        rig_put(rig, index, ORR_RECORD_EXPIRE, key, "", "", rig->now.wall_ms + 3600000);
    } else {
        key[0] = 'h';
        key[2] = '\0';
        if (draw < 85) {
            rig_put(rig, index, ORR_RECORD_HASH_FIELD, key, field, value, ORR_EXPIRE_NEVER);
        } else if (draw < 98) {
            rig_put(rig, index, ORR_RECORD_DELETE_FIELD, key, field, "", ORR_EXPIRE_NEVER);
        } else {
            rig_put(rig, index, ORR_RECORD_DELETE, key, "", "", ORR_EXPIRE_NEVER);
        }
    }
}

void
rig_write(Rig *rig, unsigned index, unsigned count, OrrTime gap_ns)
{
    for (unsigned i = 0; i < count; i++) {
        rig_random_write(rig, index);
        if (gap_ns > 0) {
            rig_run(rig, gap_ns);
        }
    }
}

void
rig_ask_acks(Rig *rig, unsigned index)
{
    orr_replication_ask_acks(rig->machines[index].replication, rig->now, rig->out);
    perform(&rig->machines[index]);
}

/* Time */

static guint
next_frame(const Rig *rig)
{
    guint best = G_MAXUINT;

    for (guint i = 0; i < rig->frames->len; i++) {
        const RigFrame *frame = g_ptr_array_index(rig->frames, i);
        const RigFrame *first = best == G_MAXUINT ? NULL : g_ptr_array_index(rig->frames, best);

        if (first == NULL || frame->due_ns < first->due_ns ||
            (frame->due_ns == first->due_ns && frame->order < first->order)) {
            best = i;
        }
    }
    return best;
}

static void
deliver(Rig *rig, RigFrame *frame)
{
    RigMachine *machine = &rig->machines[frame->to];
    OrrMessage message;

    if (!machine->alive || rig->cut[frame->from][frame->to] ||
        frame->session != rig->session[frame->from][frame->to]) {
        return;
    }
    g_assert(orr_bus_decode(orr_bytes(frame->bytes->data, frame->bytes->len), &message) ==
             ORR_OK);
    g_assert(orr_replication_received(machine->replication, rig->now,
                                      &rig->machines[frame->from].address, &message,
                                      rig->out) == ORR_OK);
    perform(machine);
}

static void
advance_to(Rig *rig, OrrTime time)
{
    if (time > rig->now.mono_ns) {
        rig->now.wall_ms += (time - rig->now.mono_ns) / ORR_NS_PER_MS;
        rig->now.mono_ns = time;
    }
}

/* The earliest deadline, and whose it is. */
static OrrTime
next_deadline(const Rig *rig, unsigned *index)
{
    OrrTime best = ORR_NEVER;

    for (unsigned i = 0; i < rig->count; i++) {
        const RigMachine *machine = &rig->machines[i];
        OrrTime due =
            machine->alive ? orr_replication_deadline(machine->replication) : ORR_NEVER;

        if (due < best) {
            best = due;
            *index = i;
        }
    }
    return best;
}

void
rig_run(Rig *rig, OrrTime duration_ns)
{
    OrrTime end = rig->now.mono_ns + duration_ns;
    unsigned at_one_moment = 0;

    for (;;) {
        guint first = next_frame(rig);
        RigFrame *frame = first == G_MAXUINT ? NULL : g_ptr_array_index(rig->frames, first);
        unsigned who = 0;
        OrrTime deadline = next_deadline(rig, &who);
        OrrTime due = frame != NULL ? MIN(frame->due_ns, deadline) : deadline;

        if (due > end) {
            break;
        }
        at_one_moment = due > rig->now.mono_ns ? 0 : at_one_moment + 1;
        g_assert(at_one_moment < 100000); /* a deadline that is never met */
        advance_to(rig, due);
        if (frame != NULL && frame->due_ns <= deadline) {
            g_ptr_array_remove_index(rig->frames, first);
            deliver(rig, frame);
            frame_free(frame);
        } else {
            orr_replication_step(rig->machines[who].replication, rig->now, rig->out);
            perform(&rig->machines[who]);
        }
    }
    advance_to(rig, end);
}

/* Faults */

void
rig_cut(Rig *rig, unsigned a, unsigned b, bool cut)
{
    rig->cut[a][b] = cut;
    rig->cut[b][a] = cut;
}

static void
tell_link(Rig *rig, unsigned index, unsigned peer, OrrLinkState state)
{
    RigMachine *machine = &rig->machines[index];

    if (machine->alive) {
        orr_replication_link(machine->replication, rig->now, &rig->machines[peer].address,
                             state, rig->out);
        perform(machine);
    }
}

void
rig_break(Rig *rig, unsigned a, unsigned b)
{
    rig->session[a][b]++;
    rig->session[b][a]++;
    tell_link(rig, a, b, ORR_LINK_DOWN);
    tell_link(rig, b, a, ORR_LINK_DOWN);
}

void
rig_kill(Rig *rig, unsigned index)
{
    stop(&rig->machines[index]);
    for (unsigned i = 0; i < rig->count; i++) {
        if (i != index) {
            rig_break(rig, index, i);
        }
    }
}

static void
tear(RigMachine *machine, unsigned records)
{
    while (records > 0 && machine->disk->len > 0 && machine->line->len > 0) {
        guint last = machine->disk->len - 1;
        RigEntry *entry = &g_array_index(machine->disk, RigEntry, last);

        if (entry->kind == RIG_ENTRY_LINEAGE) {
            return; /* a synced write */
        }
        g_byte_array_unref(entry->records);
        g_array_set_size(machine->disk, last);
        g_array_set_size(machine->line, machine->line->len - 1);
        records--;
    }
}

static void
recover(RigMachine *machine)
{
    bool begun = false;

    for (guint i = 0; i < machine->disk->len; i++) {
        const RigEntry *entry = &g_array_index(machine->disk, RigEntry, i);
        OrrRecord record;
        size_t size = 0;

        if (entry->kind == RIG_ENTRY_LINEAGE) {
            g_assert(orr_replication_restore(machine->replication, &entry->lineage) == ORR_OK);
            begun = true;
            continue;
        }

        OrrBytes bytes = orr_bytes(entry->records->data, entry->records->len);

        g_assert(orr_record_decode(bytes, &record, &size) == ORR_OK);
        record.slot = orr_slot_of_key(record.key);
        (void)orr_keyspace_apply(machine->keyspace, &record);
        if (begun) { /* what precedes the first lineage is the snapshot */
            g_assert(orr_replication_replay(machine->replication, bytes) == ORR_OK);
        }
    }
}

void
rig_restart(Rig *rig, unsigned index, unsigned torn_records, bool wiped)
{
    RigMachine *machine = &rig->machines[index];

    g_assert(!machine->alive);
    tear(machine, torn_records);
    if (wiped) {
        disk_clear(machine);
        g_array_set_size(machine->line, 0);
    }
    rig_forget_dropped(machine);
    start(machine);
    recover(machine);
    for (unsigned i = 0; i < rig->count; i++) {
        if (i != index && !rig->cut[index][i]) {
            tell_link(rig, i, index, ORR_LINK_UP);
        }
    }
}

/* Questions */

bool
rig_has(Rig *rig, unsigned index, const char *key)
{
    OrrBytes name = orr_bytes_of_string(key);
    OrrValue value;

    return orr_keyspace_get(rig->machines[index].keyspace, orr_slot_of_key(name), name,
                            ORR_ANY_TIME, &value) == ORR_OK;
}

OrrReplicationView
rig_view(const Rig *rig, unsigned index)
{
    OrrReplicationView view;

    orr_replication_view(rig->machines[index].replication, &view);
    return view;
}

bool
rig_settled(const Rig *rig)
{
    const RigMachine *primary = &rig->machines[rig->primary];
    uint64_t digest = orr_keyspace_digest(primary->keyspace);
    bool settled = true;

    for (unsigned i = 0; i < rig->count; i++) {
        const RigMachine *machine = &rig->machines[i];

        if (machine->alive && i != rig->primary) {
            OrrReplicationView view = rig_view(rig, i);

            settled = settled && view.link_up &&
                      view.offset == orr_replication_offset(primary->replication) &&
                      orr_keyspace_digest(machine->keyspace) == digest;
        }
    }
    return settled;
}
