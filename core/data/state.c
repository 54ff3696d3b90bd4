/* state.c - the latest value of each tag: STATE and CONFIG files. */
#include <orrery/log.h>

#include "data/frame.h"

#define GENERATION_SIZE_MIN 65536u /* bytes before a new generation is worth it */

typedef struct Value {
    GByteArray *bytes; /* NULL: never set */
    bool changed;
} Value;

struct OrrStateLog {
    OrrFileKind kind;
    Value values[ORR_STATE_TAGS];
    uint32_t generation; /* that the next flush writes to */
    uint32_t oldest;     /* files of older generations are gone */
    uint64_t sequence;
    size_t size;       /* of the present generation's file */
    bool fresh;        /* the next flush begins a generation, with all values */
    uint64_t begin_op; /* the flush that began it, until it is stored; 0 */
    GByteArray *scratch;
};

OrrStateLog *
orr_state_new(OrrFileKind kind)
{
    OrrStateLog *state = g_new0(OrrStateLog, 1);

    state->kind = kind;
    state->generation = 0;
    state->oldest = 1;
    state->fresh = true;
    state->scratch = g_byte_array_new();
    return state;
}

void
orr_state_free(OrrStateLog *state)
{
    if (state == NULL) {
        return;
    }
    for (size_t i = 0; i < ORR_STATE_TAGS; i++) {
        if (state->values[i].bytes != NULL) {
            g_byte_array_unref(state->values[i].bytes);
        }
    }
    g_byte_array_unref(state->scratch);
    g_free(state);
}

static void
put_value(OrrStateLog *state, uint8_t tag, OrrBytes payload)
{
    Value *value = &state->values[tag];

    if (value->bytes == NULL) {
        value->bytes = g_byte_array_new();
    }
    g_byte_array_set_size(value->bytes, 0);
    if (payload.size > 0) {
        g_byte_array_append(value->bytes, payload.data, (guint)payload.size);
    }
}

/* Recovery */

static OrrStatus
refuse(const OrrFile *file, size_t at, char *where)
{
    g_snprintf(where, 160, "%s %u is damaged at byte %zu",
               file->kind == ORR_FILE_STATE ? "state" : "config", file->generation, at);
    return ORR_MALFORMED;
}

static OrrStatus
read_file(OrrStateLog *state, const OrrFile *file, uint64_t *torn_size, char *where)
{
    FrameReader reader;
    FrameHeader header;
    FrameEntry entry;
    OrrStatus status = orr_frame_open(&reader, file->content, &header);

    if (status == ORR_AGAIN) {
        *torn_size += file->content.size;
        return ORR_OK;
    }
    if (status != ORR_OK || header.kind != state->kind ||
        header.generation != file->generation) {
        return refuse(file, 0, where);
    }
    while ((status = orr_frame_next(&reader, &entry)) == ORR_OK) {
        if (entry.type != FRAME_VALUE || entry.payload.size == 0 ||
            entry.payload.data[0] >= ORR_STATE_TAGS) {
            return refuse(file, reader.at, where);
        }
        put_value(state, entry.payload.data[0],
                  orr_bytes(entry.payload.data + 1, entry.payload.size - 1));
    }
    state->sequence = MAX(state->sequence, reader.next_sequence - 1);
    if (status == ORR_MALFORMED) {
        return refuse(file, reader.at, where);
    }
    *torn_size += file->content.size - reader.at;
    return ORR_OK;
}

OrrStatus
orr_state_recover(OrrStateLog *state, const OrrFile *files, size_t file_count,
                  uint64_t *torn_size, char *where)
{
    uint32_t newest = 0;
    uint32_t oldest = UINT32_MAX;

    for (size_t i = 0; i < file_count; i++) {
        if (files[i].kind == state->kind) {
            newest = MAX(newest, files[i].generation);
            oldest = MIN(oldest, files[i].generation);
        }
    }
    state->generation = newest;
    state->oldest = newest == 0 ? 1 : oldest;
    state->fresh = true;
    for (uint32_t generation = oldest; generation <= newest; generation++) {
        for (size_t i = 0; i < file_count; i++) {
            if (files[i].kind == state->kind && files[i].generation == generation) {
                OrrStatus status = read_file(state, &files[i], torn_size, where);

                if (status != ORR_OK) {
                    return status;
                }
            }
        }
    }
    return ORR_OK;
}

/* Values */

OrrStatus
orr_state_get(const OrrStateLog *state, uint8_t tag, OrrBytes *payload)
{
    if (tag >= ORR_STATE_TAGS || state->values[tag].bytes == NULL) {
        return ORR_NOT_FOUND;
    }
    *payload = orr_bytes(state->values[tag].bytes->data, state->values[tag].bytes->len);
    return ORR_OK;
}

OrrStatus
orr_state_set(OrrStateLog *state, uint8_t tag, OrrBytes payload)
{
    OrrBytes old;

    if (tag >= ORR_STATE_TAGS || payload.size > ORR_STATE_PAYLOAD_MAX) {
        return ORR_INVALID;
    }
    if (orr_state_get(state, tag, &old) == ORR_OK && orr_bytes_equal(old, payload)) {
        return ORR_OK;
    }
    put_value(state, tag, payload);
    state->values[tag].changed = true;
    return ORR_OK;
}

/* Writing */

bool
orr_state_pending(const OrrStateLog *state)
{
    for (size_t i = 0; i < ORR_STATE_TAGS; i++) {
        if (state->values[i].changed) {
            return true;
        }
    }
    return false;
}

static void
put_values(OrrStateLog *state, bool all)
{
    for (size_t i = 0; i < ORR_STATE_TAGS; i++) {
        Value *value = &state->values[i];
        g_autoptr(GByteArray) payload = NULL;
        uint8_t tag = (uint8_t)i;

        if (value->bytes == NULL || (!all && !value->changed)) {
            continue;
        }
        payload = g_byte_array_sized_new(value->bytes->len + 1);
        g_byte_array_append(payload, &tag, 1);
        g_byte_array_append(payload, value->bytes->data, value->bytes->len);
        orr_frame_put_entry(state->scratch, ++state->sequence, FRAME_VALUE,
                            orr_bytes(payload->data, payload->len));
        value->changed = false;
    }
}

static size_t
held_size(const OrrStateLog *state)
{
    size_t size = 0;

    for (size_t i = 0; i < ORR_STATE_TAGS; i++) {
        size += state->values[i].bytes == NULL ? 0 : state->values[i].bytes->len;
    }
    return size;
}

bool
orr_state_flush(OrrStateLog *state, uint64_t op, OrrEffects *out)
{
    if (!orr_state_pending(state)) {
        return false;
    }
    if (state->size > MAX(GENERATION_SIZE_MIN, 4 * held_size(state))) {
        state->fresh = true;
    }
    g_byte_array_set_size(state->scratch, 0);
    if (state->fresh) {
        FrameHeader header = {state->kind, 0, ++state->generation, state->sequence + 1,
                              ORR_ID_NONE};

        orr_frame_put_header(state->scratch, &header);
        put_values(state, true);
        state->size = 0;
        state->fresh = false;
        state->begin_op = op;
    } else {
        put_values(state, false);
    }
    state->size += state->scratch->len;
    orr_effects_store(out, op, state->kind, state->generation, ORR_STORE_APPEND, true,
                      orr_bytes(state->scratch->data, state->scratch->len));
    return true;
}

void
orr_state_stored(OrrStateLog *state, uint64_t op, OrrStatus status, OrrEffects *out)
{
    if (status != ORR_OK) {
        for (size_t i = 0; i < ORR_STATE_TAGS; i++) {
            state->values[i].changed = state->values[i].bytes != NULL;
        }
        state->fresh = true;
        state->begin_op = 0;
        return;
    }
    if (op != state->begin_op) {
        return;
    }
    state->begin_op = 0;
    while (state->oldest < state->generation) {
        orr_effects_store(out, 0, state->kind, state->oldest++, ORR_STORE_REMOVE, false,
                          ORR_BYTES_EMPTY);
    }
}
