#include <orrery/gossip.h>

#include "wire/sender.h"

#include <glib.h>

#define FACTS_ROOM (ORR_CONTROL_FRAME_MAX - ORR_BUS_HEADER_SIZE - ORR_BUS_TAG_SIZE)

typedef struct Rumour {
    OrrFact fact;
    uint32_t left;  /* how often it is still to be told */
    uint64_t probe; /* the last that carried it */
} Rumour;

struct OrrGossip {
    OrrContext *context;
    Rumour rumours[ORR_RUMOURS_MAX];
    size_t rumour_count;
    uint64_t probe;      /* count of probes that had more rumours to carry than room */
    OrrTime exchange_at; /* not before */
};

/* Facts for one peer, sent a datagram at a time. */
typedef struct Batch {
    OrrGossip *gossip;
    const OrrAddress *peer;
    OrrEffects *out;
    uint8_t bytes[FACTS_ROOM];
    size_t used;
    uint32_t frames;
} Batch;

OrrGossip *
orr_gossip_new(OrrContext *context)
{
    OrrGossip *gossip = g_new0(OrrGossip, 1);

    gossip->context = context;
    return gossip;
}

void
orr_gossip_free(OrrGossip *gossip)
{
    g_free(gossip);
}

/* Rumours */

static bool
same_subject(const OrrFact *a, const OrrFact *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    switch (a->kind) {
    case ORR_FACT_MEMBER:
        return orr_id_equal(&a->member.id, &b->member.id);
    case ORR_FACT_SHARD:
        return orr_id_equal(&a->shard.shard, &b->shard.shard);
    case ORR_FACT_SLOTS:
        return a->slots.range.first == b->slots.range.first &&
               a->slots.range.last == b->slots.range.last;
    case ORR_FACT_DOUBT:
        return orr_id_equal(&a->doubt.id, &b->doubt.id);
    }
    return false;
}

/* Epidemics reach everybody, but for one in n or so, when each fact is told 3 log2(n) times. */
static uint32_t
times_to_tell(const OrrGossip *gossip)
{
    return 3 * (uint32_t)g_bit_storage(gossip->context->members->count + 1);
}

void
orr_gossip_tell(OrrGossip *gossip, const OrrFact *fact)
{
    Rumour rumour = {*fact, times_to_tell(gossip), 0};
    size_t most_told = 0;

    for (size_t i = 0; i < gossip->rumour_count; i++) {
        if (same_subject(&gossip->rumours[i].fact, fact)) {
            gossip->rumours[i] = rumour;
            return;
        }
        if (gossip->rumours[i].left < gossip->rumours[most_told].left) {
            most_told = i;
        }
    }
    if (gossip->rumour_count < ORR_RUMOURS_MAX) {
        gossip->rumours[gossip->rumour_count++] = rumour;
    } else {
        gossip->rumours[most_told] = rumour;
    }
}

/* The rumour told least often so far that is not in this probe yet: SWIM 4.1. */
static Rumour *
pick(OrrGossip *gossip)
{
    Rumour *best = NULL;

    for (size_t i = 0; i < gossip->rumour_count; i++) {
        Rumour *rumour = &gossip->rumours[i];

        if (rumour->probe != gossip->probe && (best == NULL || rumour->left > best->left)) {
            best = rumour;
        }
    }
    return best;
}

static void
drop_told_out(OrrGossip *gossip)
{
    size_t kept = 0;

    for (size_t i = 0; i < gossip->rumour_count; i++) {
        if (gossip->rumours[i].left > 0) {
            gossip->rumours[kept++] = gossip->rumours[i];
        }
    }
    gossip->rumour_count = kept;
}

/* Few rumours are told all at once; of many, those told least often. */
size_t
orr_gossip_fill(OrrGossip *gossip, uint8_t *buffer, size_t room)
{
    size_t used = 0;

    if (gossip->rumour_count == 0) {
        return 0;
    }
    if (gossip->rumour_count <= ORR_PULSE_FACTS_MAX) {
        for (size_t i = 0; i < gossip->rumour_count; i++) {
            used += orr_fact_encode(&gossip->rumours[i].fact, buffer + used, room - used);
            gossip->rumours[i].left--;
        }
    } else {
        gossip->probe++;
        for (size_t told = 0; told < ORR_PULSE_FACTS_MAX; told++) {
            Rumour *rumour = pick(gossip);

            rumour->probe = gossip->probe;
            used += orr_fact_encode(&rumour->fact, buffer + used, room - used);
            rumour->left--;
        }
    }
    drop_told_out(gossip);
    return used;
}

/* Batches */

static void
flush(Batch *batch)
{
    OrrMessage message = {.type = ORR_MESSAGE_RECORDS,
                          .facts = orr_bytes(batch->bytes, batch->used)};

    if (batch->used > 0) {
        orr_sender_send(batch->gossip->context->sender, batch->out, batch->peer, &message);
        batch->frames++;
        batch->used = 0;
    }
}

static void
add_fact(Batch *batch, const OrrFact *fact)
{
    size_t size = orr_fact_encode(fact, batch->bytes + batch->used, FACTS_ROOM - batch->used);

    if (size == 0) {
        flush(batch);
        size = orr_fact_encode(fact, batch->bytes, FACTS_ROOM);
    }
    batch->used += size;
}

void
orr_gossip_send(OrrGossip *gossip, const OrrAddress *peer, const OrrFact *facts, size_t count,
                OrrEffects *out)
{
    Batch batch = {.gossip = gossip, .peer = peer, .out = out};

    for (size_t i = 0; i < count; i++) {
        add_fact(&batch, &facts[i]);
    }
    flush(&batch);
}

void
orr_gossip_shout(OrrGossip *gossip, const OrrFact *fact, OrrEffects *out)
{
    OrrContext *context = gossip->context;
    const OrrMembers *members = context->members;
    size_t start = 0;
    size_t told = 0;

    if (members->count > ORR_URGENT_MAX) {
        start = orr_rng_below(&context->rng, members->count);
    }
    for (size_t i = 0; i < members->count && told < ORR_URGENT_MAX; i++) {
        const OrrMember *member = members->list[(start + i) % members->count];

        if (member != members->self && orr_member_counts(member)) {
            orr_gossip_send(gossip, &member->address, fact, 1, out);
            told++;
        }
    }
    orr_gossip_tell(gossip, fact);
}

/* Anti-entropy */

static void
send_digests(OrrGossip *gossip, const OrrAddress *peer, bool reply_wanted, OrrEffects *out)
{
    const OrrContext *context = gossip->context;
    OrrMessage message = {.type = ORR_MESSAGE_DIGESTS};

    message.digests.reply_wanted = reply_wanted;
    memcpy(message.digests.members, context->members->buckets, sizeof message.digests.members);
    for (uint32_t i = 0; i < ORR_SLOT_BUCKETS; i++) {
        message.digests.slots[i] = orr_slotmap_bucket_digest(context->slotmap, i);
    }
    orr_sender_send(context->sender, out, peer, &message);
}

void
orr_gossip_compare(OrrGossip *gossip, OrrTime now_ns, const OrrAddress *peer,
                   const OrrPulse *pulse, OrrEffects *out)
{
    const OrrContext *context = gossip->context;

    if ((pulse->members_digest == orr_members_digest(context->members) &&
         pulse->slots_digest == orr_slotmap_digest(context->slotmap)) ||
        now_ns < gossip->exchange_at) {
        return;
    }
    gossip->exchange_at = now_ns + orr_heartbeat_ns(context->settings) / 10;
    send_digests(gossip, peer, true, out);
}

static void
add_bucket_of_members(Batch *batch, OrrTime now_ns, uint32_t bucket)
{
    const OrrMembers *members = batch->gossip->context->members;

    for (size_t i = 0; i < members->count; i++) {
        if (orr_members_bucket_of(&members->list[i]->id) == bucket) {
            OrrFact fact = orr_member_fact(members->list[i], now_ns);

            add_fact(batch, &fact);
        }
    }
    for (size_t i = 0; i < members->shard_count; i++) {
        const OrrShard *shard = members->shards[i];

        if (shard->epoch > 0 && orr_members_bucket_of(&shard->id) == bucket) {
            OrrFact fact = orr_shard_fact(shard);

            add_fact(batch, &fact);
        }
    }
}

static void
add_slots(Batch *batch, uint32_t first_bucket, uint32_t end_bucket)
{
    uint32_t cursor = first_bucket * ORR_SLOTS_PER_BUCKET;
    uint16_t last = (uint16_t)(end_bucket * ORR_SLOTS_PER_BUCKET - 1);
    OrrFact fact = {.kind = ORR_FACT_SLOTS};

    while (batch->frames < ORR_EXCHANGE_FRAMES_MAX * 2 &&
           orr_slotmap_next(batch->gossip->context->slotmap, &cursor, last, &fact.slots) ==
               ORR_OK) {
        add_fact(batch, &fact);
    }
}

void
orr_gossip_on_digests(OrrGossip *gossip, OrrTime now_ns, const OrrAddress *peer,
                      const OrrDigests *digests, OrrEffects *out)
{
    OrrContext *context = gossip->context;
    Batch batch = {.gossip = gossip, .peer = peer, .out = out};
    uint32_t start = 0;

    /* a table that does not fit one answer is told from another place each time */
    if (context->members->count > 256) {
        start = (uint32_t)orr_rng_below(&context->rng, ORR_MEMBER_BUCKETS);
    }
    for (uint32_t i = 0; i < ORR_MEMBER_BUCKETS; i++) {
        uint32_t bucket = (start + i) % ORR_MEMBER_BUCKETS;

        if (digests->members[bucket] != context->members->buckets[bucket] &&
            batch.frames < ORR_EXCHANGE_FRAMES_MAX) {
            add_bucket_of_members(&batch, now_ns, bucket);
        }
    }
    for (uint32_t i = 0; i < ORR_SLOT_BUCKETS;) {
        uint32_t end = i;

        while (end < ORR_SLOT_BUCKETS &&
               digests->slots[end] != orr_slotmap_bucket_digest(context->slotmap, end)) {
            end++;
        }
        if (end > i) {
            add_slots(&batch, i, end);
        }
        i = end + 1;
    }
    flush(&batch);
    if (digests->reply_wanted) {
        send_digests(gossip, peer, false, out);
    }
}
