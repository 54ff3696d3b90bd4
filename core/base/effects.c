#include <orrery/effects.h>

#include <glib.h>

/* Bytes live in one arena that may move while it grows, so effects keep offsets into it and
 * orr_effects_get() turns them into pointers. */
typedef struct Entry {
    OrrEffect effect; /* its OrrBytes hold no pointer yet, only a size */
    size_t offset;
} Entry;

struct OrrEffects {
    Entry *entries;
    size_t count;
    size_t entry_room;
    uint8_t *arena;
    size_t used;
    size_t arena_room;
};

OrrEffects *
orr_effects_new(void)
{
    return g_new0(OrrEffects, 1);
}

void
orr_effects_free(OrrEffects *effects)
{
    if (effects != NULL) {
        g_free(effects->entries);
        g_free(effects->arena);
        g_free(effects);
    }
}

void
orr_effects_clear(OrrEffects *effects)
{
    effects->count = 0;
    effects->used = 0;
}

size_t
orr_effects_count(const OrrEffects *effects)
{
    return effects->count;
}

OrrEffect
orr_effects_get(const OrrEffects *effects, size_t index)
{
    g_assert(index < effects->count);

    const Entry *entry = &effects->entries[index];
    const uint8_t *data = effects->arena == NULL ? NULL : effects->arena + entry->offset;
    OrrEffect effect = entry->effect;

    switch (effect.type) {
    case ORR_EFFECT_SEND:
        effect.send.frame.data = data;
        break;
    case ORR_EFFECT_STORE:
        effect.store.bytes.data = data;
        break;
    case ORR_EFFECT_REPLY:
        effect.reply.bytes.data = data;
        break;
    case ORR_EFFECT_ASK:
        effect.ask.words.data = data;
        break;
    case ORR_EFFECT_TRACE:
    case ORR_EFFECT_HOST:
        break;
    }
    return effect;
}

static Entry *
append(OrrEffects *effects, OrrEffectType type, size_t size)
{
    if (effects->count == effects->entry_room) {
        effects->entry_room = MAX(16, effects->entry_room * 2);
        effects->entries = g_renew(Entry, effects->entries, effects->entry_room);
    }

    Entry *entry = &effects->entries[effects->count++];

    entry->effect.type = type;
    entry->offset = effects->used;
    effects->used += size;
    return entry;
}

uint8_t *
orr_effects_reserve(OrrEffects *effects, size_t size)
{
    if (effects->arena_room - effects->used < size) {
        effects->arena_room = MAX(4096, MAX(effects->arena_room * 2, effects->used + size));
        effects->arena = g_realloc(effects->arena, effects->arena_room);
    }
    return effects->arena + effects->used;
}

static void
copy_in(OrrEffects *effects, OrrBytes bytes)
{
    uint8_t *room = orr_effects_reserve(effects, bytes.size);

    if (bytes.size > 0) {
        memcpy(room, bytes.data, bytes.size);
    }
}

void
orr_effects_commit_send(OrrEffects *effects, const OrrAddress *to, OrrLane lane, size_t size)
{
    Entry *entry = append(effects, ORR_EFFECT_SEND, size);

    entry->effect.send.to = *to;
    entry->effect.send.lane = lane;
    entry->effect.send.frame.size = size;
}

void
orr_effects_commit_reply(OrrEffects *effects, uint64_t client, size_t size, bool close)
{
    Entry *entry = append(effects, ORR_EFFECT_REPLY, size);

    entry->effect.reply.client = client;
    entry->effect.reply.bytes.size = size;
    entry->effect.reply.close = close;
    entry->effect.reply.pushed = false;
    entry->effect.reply.more = false;
}

void
orr_effects_send(OrrEffects *effects, const OrrAddress *to, OrrLane lane, OrrBytes frame)
{
    copy_in(effects, frame);
    orr_effects_commit_send(effects, to, lane, frame.size);
}

void
orr_effects_reply(OrrEffects *effects, uint64_t client, OrrBytes bytes, bool close)
{
    copy_in(effects, bytes);
    orr_effects_commit_reply(effects, client, bytes.size, close);
}

void
orr_effects_reply_part(OrrEffects *effects, uint64_t client, OrrBytes bytes)
{
    orr_effects_reply(effects, client, bytes, false);
    effects->entries[effects->count - 1].effect.reply.more = true;
}

void
orr_effects_push(OrrEffects *effects, uint64_t client, OrrBytes bytes)
{
    orr_effects_reply(effects, client, bytes, false);
    effects->entries[effects->count - 1].effect.reply.pushed = true;
}

void
orr_effects_host(OrrEffects *effects, OrrHostWish wish, uint64_t value)
{
    Entry *entry = append(effects, ORR_EFFECT_HOST, 0);

    entry->effect.host.wish = wish;
    entry->effect.host.value = value;
}

void
orr_effects_store(OrrEffects *effects, uint64_t op, OrrFileKind kind, uint32_t generation,
                  OrrStoreAction action, bool sync, OrrBytes bytes)
{
    copy_in(effects, bytes);

    Entry *entry = append(effects, ORR_EFFECT_STORE, bytes.size);

    entry->effect.store.op = op;
    entry->effect.store.kind = kind;
    entry->effect.store.generation = generation;
    entry->effect.store.action = action;
    entry->effect.store.sync = sync;
    entry->effect.store.bytes.size = bytes.size;
}

void
orr_effects_ask(OrrEffects *effects, uint64_t client, int protocol, OrrBytes words)
{
    copy_in(effects, words);

    Entry *entry = append(effects, ORR_EFFECT_ASK, words.size);

    entry->effect.ask.client = client;
    entry->effect.ask.words.size = words.size;
    entry->effect.ask.protocol = protocol;
}

void
orr_effects_trace(OrrEffects *effects, const OrrTrace *trace)
{
    append(effects, ORR_EFFECT_TRACE, 0)->effect.trace = *trace;
}

void
orr_effects_append(OrrEffects *effects, const OrrEffects *other)
{
    size_t base = effects->used;

    copy_in(effects, orr_bytes(other->arena, other->used));
    for (size_t i = 0; i < other->count; i++) {
        append(effects, other->entries[i].effect.type, 0)->effect = other->entries[i].effect;
        effects->entries[effects->count - 1].offset = base + other->entries[i].offset;
    }
    effects->used = base + other->used;
}
