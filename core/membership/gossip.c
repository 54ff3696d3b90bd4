#include <orrery/gossip.h>

#include "membership/rumours.h"
#include "wire/sender.h"

#include <glib.h>

#define FACTS_ROOM (ORR_CONTROL_FRAME_MAX - ORR_BUS_HEADER_SIZE - ORR_BUS_TAG_SIZE)

struct OrrGossip {
    OrrContext *context;
    OrrTime exchange_at; /* not before */
    OrrTime paid_until;  /* what answers have cost so far, at ORR_EXCHANGE_RATE */
    OrrRumours rumours;
};

/* Facts for one peer, sent a datagram at a time. */
typedef struct Batch {
    OrrGossip *gossip;
    const OrrAddress *peer;
    OrrEffects *out;
    uint8_t bytes[FACTS_ROOM];
    size_t used;
    uint32_t frames;
    uint32_t frames_max;
} Batch;

OrrGossip *
orr_gossip_new(OrrContext *context)
{
    OrrGossip *gossip = g_new0(OrrGossip, 1);

    gossip->context = context;
    orr_rumours_init(&gossip->rumours);
    return gossip;
}

void
orr_gossip_free(OrrGossip *gossip)
{
    g_free(gossip);
}

/* Rumours */

/* Where everybody tells a rumour k times, one in e^k never hears it: Demers, section 1.4. Log n
 * keeps that one below one in n whatever n is, the rest is for frames that are lost; and whom
 * it misses anti-entropy finds. Where there is more news than probes can carry, as when a
 * cluster forms, anti-entropy is the cheaper way, and rumours only give it a start. */
#define RUMOURS_FEW 64u
#define TIMES_MIN 2u

static uint32_t
times_to_tell(const OrrGossip *gossip)
{
    uint32_t times = 6 + (uint32_t)g_bit_storage(gossip->context->members->count + 1);

    return MAX(times * RUMOURS_FEW / MAX(gossip->rumours.count, RUMOURS_FEW), TIMES_MIN);
}

void
orr_gossip_tell(OrrGossip *gossip, const OrrFact *fact)
{
    orr_rumours_put(&gossip->rumours, fact, times_to_tell(gossip));
}

/* Few rumours are told all at once; of many, those told least often: SWIM 4.1. */
size_t
orr_gossip_fill(OrrGossip *gossip, uint8_t *buffer, size_t room)
{
    return orr_rumours_tell(&gossip->rumours, ORR_PULSE_FACTS_MAX, buffer, room);
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

static uint32_t
shorten(uint64_t digest, uint32_t salt)
{
    uint64_t word = (digest ^ salt) * UINT64_C(0x9e3779b97f4a7c15);

    word = (word ^ word >> 32) * UINT64_C(0xe9846af9b1a615d);
    return (uint32_t)(word >> 32);
}

static void
send_digests(OrrGossip *gossip, const OrrAddress *peer, bool reply_wanted, OrrEffects *out)
{
    const OrrContext *context = gossip->context;
    OrrMessage message = {.type = ORR_MESSAGE_DIGESTS};
    uint32_t salt = (uint32_t)context->sender->sequence;

    message.digests.reply_wanted = reply_wanted;
    message.digests.salt = salt;
    for (uint32_t i = 0; i < ORR_MEMBER_BUCKETS; i++) {
        message.digests.members[i] = shorten(context->members->buckets[i], salt);
    }
    for (uint32_t i = 0; i < ORR_SLOT_BUCKETS; i++) {
        message.digests.slots[i] =
            shorten(orr_slotmap_bucket_digest(context->slotmap, i), salt);
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

/* How many frames an answer may have: what has been saved up since the last ones. */
static uint32_t
frames_allowed(OrrGossip *gossip, OrrTime now_ns)
{
    OrrTime cost = ORR_CONTROL_FRAME_MAX * ORR_NS_PER_S / ORR_EXCHANGE_RATE;

    gossip->paid_until = MAX(gossip->paid_until, now_ns - ORR_EXCHANGE_FRAMES_MAX * cost);
    return gossip->paid_until > now_ns ? 0 : (uint32_t)((now_ns - gossip->paid_until) / cost);
}

static bool
is_full(const Batch *batch)
{
    return batch->frames >= batch->frames_max;
}

/* Members and shards of the buckets that differ. A table that does not fit one answer is told
 * from another place each time. */
static void
add_records(Batch *batch, OrrTime now_ns, const OrrDigests *digests)
{
    OrrContext *context = batch->gossip->context;
    const OrrMembers *members = context->members;
    size_t all = members->count + members->shard_count;
    size_t start = all > 256 ? orr_rng_below(&context->rng, all) : 0;
    bool differs[ORR_MEMBER_BUCKETS];

    for (uint32_t i = 0; i < ORR_MEMBER_BUCKETS; i++) {
        differs[i] = digests->members[i] != shorten(members->buckets[i], digests->salt);
    }
    for (size_t i = 0; i < all && !is_full(batch); i++) {
        size_t at = start + i < all ? start + i : start + i - all;
        bool is_member = at < members->count;
        const OrrShard *shard = is_member ? NULL : members->shards[at - members->count];
        const OrrId *id = is_member ? &members->list[at]->id : &shard->id;
        OrrFact fact;

        if (differs[orr_members_bucket_of(id)] && (is_member || shard->epoch > 0)) {
            fact =
                is_member ? orr_member_fact(members->list[at], now_ns) : orr_shard_fact(shard);
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

    while (!is_full(batch) && orr_slotmap_next(batch->gossip->context->slotmap, &cursor, last,
                                               &fact.slots) == ORR_OK) {
        add_fact(batch, &fact);
    }
}

/* Neighbouring buckets that differ are told as one: a range across them is one fact. */
static void
add_all_slots(Batch *batch, const OrrDigests *digests)
{
    const OrrSlotMap *map = batch->gossip->context->slotmap;

    for (uint32_t i = 0; i < ORR_SLOT_BUCKETS && !is_full(batch);) {
        uint32_t end = i;

        while (end < ORR_SLOT_BUCKETS &&
               digests->slots[end] !=
                   shorten(orr_slotmap_bucket_digest(map, end), digests->salt)) {
            end++;
        }
        if (end > i) {
            add_slots(batch, i, end);
        }
        i = end + 1;
    }
}

void
orr_gossip_on_digests(OrrGossip *gossip, OrrTime now_ns, const OrrAddress *peer,
                      const OrrDigests *digests, OrrEffects *out)
{
    Batch batch = {.gossip = gossip,
                   .peer = peer,
                   .out = out,
                   .frames_max = frames_allowed(gossip, now_ns)};

    if (batch.frames_max > 0) { /* slots first: they are fewer, and matter more */
        add_all_slots(&batch, digests);
        add_records(&batch, now_ns, digests);
        flush(&batch);
        gossip->paid_until +=
            batch.frames * (ORR_CONTROL_FRAME_MAX * ORR_NS_PER_S / ORR_EXCHANGE_RATE);
    }
    if (digests->reply_wanted) {
        send_digests(gossip, peer, false, out);
    }
}
