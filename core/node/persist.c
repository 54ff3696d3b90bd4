#include "node/persist.h"

#include <orrery/log.h>

#include "wire/bytes.h"

#include <glib.h>

enum {
    TAG_IDENTITY = 1,
    TAG_LIFE = 2,
    TAG_EPOCH = 3,
    TAG_VOTE = 4,
    TAG_SHARD = 5,
    TAG_SLOTS = 6,
    TAG_MOVES = 7,
    TAG_PROMISES = 8,
    TAG_ELECTORS = 9,
    TAG_VOTERS = 10,
    TAG_OTHERS = 1, /* in CONFIG */
};

struct OrrPersist {
    OrrGate *gate;
    const OrrSettings *settings;
    OrrStateLog *state;
    OrrStateLog *config;
    GByteArray *scratch;
    /* One write of STATE at a time: the next waits until this one is known to be stored or not,
     * so that a write that failed has nothing behind it in its file, and whatever waits for the
     * later one may rely on the earlier. 0: none. */
    uint64_t writing_op;
    uint64_t next_op; /* for what was set meanwhile */
    bool config_writing;
};

OrrPersist *
orr_persist_new(OrrGate *gate, const OrrSettings *settings)
{
    OrrPersist *persist = g_new0(OrrPersist, 1);

    persist->gate = gate;
    persist->settings = settings;
    persist->state = orr_state_new(ORR_FILE_STATE);
    persist->config = orr_state_new(ORR_FILE_CONFIG);
    persist->scratch = g_byte_array_new();
    return persist;
}

void
orr_persist_free(OrrPersist *persist)
{
    if (persist != NULL) {
        orr_state_free(persist->state);
        orr_state_free(persist->config);
        g_byte_array_unref(persist->scratch);
        g_free(persist);
    }
}

/* Recovery */

static OrrReader
value_of(const OrrStateLog *log, uint8_t tag)
{
    OrrReader reader = {ORR_BYTES_EMPTY, true};

    reader.failed = orr_state_get(log, tag, &reader.rest) != ORR_OK;
    return reader;
}

static void
read_state(const OrrPersist *persist, OrrSavedState *saved)
{
    OrrReader identity = value_of(persist->state, TAG_IDENTITY);
    OrrReader life = value_of(persist->state, TAG_LIFE);
    OrrReader epoch = value_of(persist->state, TAG_EPOCH);
    OrrReader vote = value_of(persist->state, TAG_VOTE);
    OrrReader shard = value_of(persist->state, TAG_SHARD);
    OrrReader voters = value_of(persist->state, TAG_VOTERS);
    OrrFact fact;

    saved->found = !identity.failed;
    saved->id = orr_take_id(&identity);
    saved->cluster = orr_take_id(&identity);
    saved->shard = orr_take_id(&identity);
    saved->incarnation = orr_take_u64(&life);
    saved->boots = orr_take_u64(&life);
    saved->current_epoch = orr_take_u64(&epoch);
    saved->vote.epoch = orr_take_u64(&vote);
    saved->vote.candidate = orr_take_id(&vote);
    if (!shard.failed && orr_fact_next(&shard.rest, &fact) == ORR_OK &&
        fact.kind == ORR_FACT_SHARD) {
        saved->shard_found = true;
        saved->shard_record = fact.shard;
    }
    saved->slots = value_of(persist->state, TAG_SLOTS).rest;
    saved->moves_found = !value_of(persist->state, TAG_MOVES).failed;
    saved->moves = value_of(persist->state, TAG_MOVES).rest;
    saved->promises = value_of(persist->state, TAG_PROMISES).rest;
    saved->electors = value_of(persist->state, TAG_ELECTORS).rest;
    if (!voters.failed) {
        saved->voters = orr_take_u32(&voters);
    }
    saved->others = value_of(persist->config, TAG_OTHERS).rest;
}

OrrStatus
orr_persist_recover(OrrPersist *persist, const OrrFile *files, size_t count,
                    OrrSavedState *saved, char *where)
{
    uint64_t torn = 0;

    memset(saved, 0, sizeof *saved);
    if (orr_state_recover(persist->state, files, count, &torn, where) != ORR_OK) {
        return ORR_MALFORMED;
    }
    if (orr_state_recover(persist->config, files, count, &torn, where) != ORR_OK) {
        where[0] = '\0'; /* only a help: what was read before the damage must do */
    }
    read_state(persist, saved);
    if (ORR_PLANTED(persist->settings, EPOCH_FORGOTTEN)) {
        saved->current_epoch = 0;
        saved->vote.epoch = 0;
        saved->shard_found = false;
    }
    return ORR_OK;
}

/* Values */

static void
set(OrrStateLog *log, uint8_t tag, const uint8_t *data, size_t size)
{
    OrrStatus status = orr_state_set(log, tag, orr_bytes(data, size));

    g_assert(status == ORR_OK);
}

void
orr_persist_identity(OrrPersist *persist, const OrrId *id, const OrrId *cluster,
                     const OrrId *shard)
{
    uint8_t text[3 * ORR_ID_SIZE];
    OrrWriter writer = {text, 0};

    orr_put_id(&writer, id);
    orr_put_id(&writer, cluster);
    orr_put_id(&writer, shard);
    set(persist->state, TAG_IDENTITY, text, writer.used);
}

void
orr_persist_life(OrrPersist *persist, uint64_t incarnation, uint64_t boots)
{
    uint8_t text[16];

    orr_store_u64(text, incarnation);
    orr_store_u64(text + 8, boots);
    set(persist->state, TAG_LIFE, text, sizeof text);
}

void
orr_persist_epoch(OrrPersist *persist, uint64_t current_epoch)
{
    uint8_t text[8];

    orr_store_u64(text, current_epoch);
    set(persist->state, TAG_EPOCH, text, sizeof text);
}

void
orr_persist_vote(OrrPersist *persist, const OrrSavedVote *vote)
{
    uint8_t text[8 + ORR_ID_SIZE];
    OrrWriter writer = {text, 0};

    orr_put_u64(&writer, vote->epoch);
    orr_put_id(&writer, &vote->candidate);
    set(persist->state, TAG_VOTE, text, writer.used);
}

void
orr_persist_shard(OrrPersist *persist, const OrrShard *shard)
{
    uint8_t text[ORR_FACT_SIZE_MAX];
    OrrFact fact = orr_shard_fact(shard);

    set(persist->state, TAG_SHARD, text, orr_fact_encode(&fact, text, sizeof text));
}

static void
add_fact(GByteArray *bytes, const OrrFact *fact)
{
    uint8_t text[ORR_FACT_SIZE_MAX];
    size_t size = orr_fact_encode(fact, text, sizeof text);

    g_byte_array_append(bytes, text, (guint)size);
}

static void
add_slots(GByteArray *bytes, const OrrSlotMap *map, const OrrId *shard)
{
    uint32_t cursor = 0;
    OrrFact fact = {.kind = ORR_FACT_SLOTS};

    while (orr_slotmap_next(map, &cursor, ORR_SLOT_COUNT - 1, &fact.slots) == ORR_OK) {
        if (shard == NULL || orr_id_equal(&fact.slots.shard, shard)) {
            add_fact(bytes, &fact);
        }
    }
}

void
orr_persist_slots(OrrPersist *persist, const OrrSlotMap *map, const OrrId *shard)
{
    g_byte_array_set_size(persist->scratch, 0);
    add_slots(persist->scratch, map, shard);
    set(persist->state, TAG_SLOTS, persist->scratch->data, persist->scratch->len);
}

void
orr_persist_moves(OrrPersist *persist, OrrBytes table)
{
    set(persist->state, TAG_MOVES, table.data, table.size);
}

static void
set_ids(OrrPersist *persist, uint8_t tag, const OrrId *ids, size_t count)
{
    g_byte_array_set_size(persist->scratch, 0);
    for (size_t i = 0; i < count; i++) {
        g_byte_array_append(persist->scratch, ids[i].bytes, ORR_ID_SIZE);
    }
    set(persist->state, tag, persist->scratch->data, persist->scratch->len);
}

void
orr_persist_promises(OrrPersist *persist, const OrrId *candidates, size_t count)
{
    set_ids(persist, TAG_PROMISES, candidates, count);
}

void
orr_persist_electors(OrrPersist *persist, const OrrId *voters, size_t count)
{
    set_ids(persist, TAG_ELECTORS, voters, count);
}

void
orr_persist_voters(OrrPersist *persist, uint32_t count)
{
    uint8_t text[4];

    orr_store_u32(text, count);
    set(persist->state, TAG_VOTERS, text, sizeof text);
}

/* Writing */

static void
state_stored(void *owner, OrrStatus status, uint64_t argument, OrrNow now, OrrEffects *out)
{
    OrrPersist *persist = owner;

    (void)now;
    orr_state_stored(persist->state, argument, status, out);
    persist->writing_op = persist->next_op;
    persist->next_op = 0;
    if (status != ORR_OK) {
        OrrTrace trace = orr_trace(ORR_TRACE_DISK_FAILED);

        orr_trace_set_text(&trace, orr_bytes_of_string("state"));
        orr_effects_trace(out, &trace);
    }
    if (persist->writing_op != 0) {
        (void)orr_state_flush(persist->state, persist->writing_op, out);
    }
}

/* The op whose storing makes all that was set so far last, or 0: it lasts already. */
static uint64_t
write_state(OrrPersist *persist, OrrEffects *out)
{
    if (!orr_state_pending(persist->state)) {
        return persist->next_op != 0 ? persist->next_op : persist->writing_op;
    }
    if (persist->writing_op == 0) {
        persist->writing_op = orr_gate_next_op(persist->gate);
        (void)orr_state_flush(persist->state, persist->writing_op, out);
        orr_gate_hold(persist->gate, persist->writing_op, state_stored, persist,
                      persist->writing_op);
        return persist->writing_op;
    }
    if (persist->next_op == 0) {
        persist->next_op = orr_gate_next_op(persist->gate);
        orr_gate_hold(persist->gate, persist->next_op, state_stored, persist, persist->next_op);
    }
    return persist->next_op;
}

OrrEffects *
orr_persist_commit(OrrPersist *persist, OrrNow now, OrrGateFunc done, void *owner,
                   uint64_t argument, OrrEffects *out)
{
    uint64_t op = write_state(persist, out);

    if (op == 0) {
        if (done != NULL) {
            done(owner, ORR_OK, argument, now, out);
        }
        return out;
    }
    return orr_gate_hold(persist->gate, op, done, owner, argument);
}

static void
config_stored(void *owner, OrrStatus status, uint64_t argument, OrrNow now, OrrEffects *out)
{
    OrrPersist *persist = owner;

    (void)now;
    persist->config_writing = false;
    orr_state_stored(persist->config, argument, status, out);
}

bool
orr_persist_config(OrrPersist *persist, const OrrContext *context, OrrTime now_ns,
                   OrrEffects *out)
{
    const OrrMembers *members = context->members;
    uint64_t op;

    if (persist->config_writing) {
        return false;
    }
    g_byte_array_set_size(persist->scratch, 0);
    for (size_t i = 0; i < members->count; i++) {
        OrrFact fact = orr_member_fact(members->list[i], now_ns);

        add_fact(persist->scratch, &fact);
    }
    for (size_t i = 0; i < members->shard_count; i++) {
        OrrFact fact = orr_shard_fact(members->shards[i]);

        if (fact.shard.epoch > 0) {
            add_fact(persist->scratch, &fact);
        }
    }
    add_slots(persist->scratch, context->slotmap, NULL);
    if (persist->scratch->len > ORR_STATE_PAYLOAD_MAX) {
        return true; /* too many for a help; the seeds will have to do */
    }
    set(persist->config, TAG_OTHERS, persist->scratch->data, persist->scratch->len);
    if (orr_state_pending(persist->config)) {
        op = orr_gate_next_op(persist->gate);
        persist->config_writing = true;
        (void)orr_state_flush(persist->config, op, out);
        orr_gate_hold(persist->gate, op, config_stored, persist, op);
    }
    return true;
}
