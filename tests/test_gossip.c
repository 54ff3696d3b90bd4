/* Gossip among many: who tells whom, in frames of what size, and how soon all know. */
#include "check.h"

#include <orrery/orrery.h>

#include "membership/rumours.h"
#include "wire/sender.h"

#include <glib.h>

/* ---- rumours */

static OrrFact
fact_about(unsigned subject, uint64_t incarnation)
{
    OrrFact fact;

    memset(&fact, 0, sizeof fact);
    fact.kind = ORR_FACT_MEMBER;
    fact.member.id.bytes[0] = (uint8_t)subject;
    fact.member.id.bytes[1] = (uint8_t)(subject >> 8);
    fact.member.incarnation = incarnation;
    return fact;
}

/* What one probe would carry: subjects and their incarnations, in order. */
static size_t
tell(OrrRumours *rumours, uint32_t count, size_t room, OrrFact *facts)
{
    uint8_t buffer[ORR_FACT_SIZE_MAX * ORR_PULSE_FACTS_MAX];
    OrrBytes rest = orr_bytes(buffer, orr_rumours_tell(rumours, count, buffer, room));
    size_t told = 0;

    while (orr_fact_next(&rest, &facts[told]) == ORR_OK) {
        told++;
    }
    return told;
}

/* Whatever is new is told before what others have been told already, and each as often as was
 * asked for, no more. */
static void
test_new_rumours_go_first(void)
{
    OrrRumours *rumours = g_new(OrrRumours, 1);
    OrrFact facts[ORR_PULSE_FACTS_MAX];
    OrrFact old = fact_about(1, 1);
    OrrFact new = fact_about(2, 1);
    size_t told = 0;

    orr_rumours_init(rumours);
    orr_rumours_put(rumours, &old, 3);
    T_EQ(tell(rumours, 1, sizeof facts, facts), 1);
    orr_rumours_put(rumours, &new, 3);
    T_EQ(tell(rumours, 1, sizeof facts, facts), 1);
    T_EQ(facts[0].member.id.bytes[0], 2);
    for (int i = 0; i < 10; i++) {
        told += tell(rumours, 8, sizeof facts, facts);
    }

    T_EQ(told, 4); /* two more each */
    T_EQ(rumours->count, 0);
    g_free(rumours);
}

/* A newer fact takes the place of the older one about the same subject. */
static void
test_newer_replaces_older(void)
{
    OrrRumours *rumours = g_new(OrrRumours, 1);
    OrrFact facts[ORR_PULSE_FACTS_MAX];
    OrrFact first = fact_about(7, 1);
    OrrFact second = fact_about(7, 2);

    orr_rumours_init(rumours);
    orr_rumours_put(rumours, &first, 5);
    orr_rumours_put(rumours, &second, 5);

    T_EQ(tell(rumours, 8, sizeof facts, facts), 1);
    T_EQ(facts[0].member.incarnation, 2);
    g_free(rumours);
}

/* Full, the one told most often makes room; nothing is told twice in one probe; what does not
 * fit waits. */
static void
test_rumours_have_bounds(void)
{
    OrrRumours *rumours = g_new(OrrRumours, 1);
    OrrFact facts[ORR_PULSE_FACTS_MAX];
    OrrFact told = fact_about(0, 1);
    OrrFact again[ORR_PULSE_FACTS_MAX];

    orr_rumours_init(rumours);
    orr_rumours_put(rumours, &told, 9);
    T_EQ(tell(rumours, 1, sizeof facts, facts), 1);
    for (unsigned i = 1; i <= ORR_RUMOURS_MAX; i++) {
        OrrFact fact = fact_about(i, 1);

        orr_rumours_put(rumours, &fact, 9);
    }

    T_EQ(rumours->count, ORR_RUMOURS_MAX);
    T_EQ(tell(rumours, 8, sizeof again, again), ORR_PULSE_FACTS_MAX);
    for (size_t i = 0; i < ORR_PULSE_FACTS_MAX; i++) {
        T_EQ(again[i].member.id.bytes[0], i + 1); /* 0 had been told, and made room */
    }
    T_EQ(tell(rumours, 8, ORR_FACT_SIZE_MAX * 2, again), 2);
    g_free(rumours);
}

/* ---- a crowd: gossip alone, a probe from each to anybody in each round */

typedef struct Crowd {
    size_t count;
    OrrSettings settings;
    OrrContext *contexts;
    OrrSender *senders;
    OrrRng rng;
} Crowd;

static OrrMemberRecord
record_of(OrrRng *rng, size_t index)
{
    OrrMemberRecord record;

    memset(&record, 0, sizeof record);
    for (size_t i = 0; i < ORR_ID_SIZE; i++) {
        record.id.bytes[i] = (uint8_t)orr_rng_next(rng);
        record.shard.bytes[i] = (uint8_t)orr_rng_next(rng);
    }
    record.address = orr_address_v4(10, 1, (uint8_t)(index >> 8), (uint8_t)index, 7000, 17000);
    record.incarnation = 1;
    return record;
}

/* All know all, and so many slots ranges of one slot each. */
static Crowd *
crowd_new(size_t count, uint64_t seed)
{
    Crowd *crowd = g_new0(Crowd, 1);
    g_autofree OrrMemberRecord *records = g_new(OrrMemberRecord, count);

    crowd->count = count;
    crowd->settings = orr_settings_default();
    crowd->contexts = g_new0(OrrContext, count);
    crowd->senders = g_new0(OrrSender, count);
    crowd->rng = orr_rng_new(seed);
    for (size_t i = 0; i < count; i++) {
        records[i] = record_of(&crowd->rng, i);
    }
    for (size_t i = 0; i < count; i++) {
        OrrContext *context = &crowd->contexts[i];

        context->settings = &crowd->settings;
        context->sender = &crowd->senders[i];
        context->rng = orr_rng_new(seed + i);
        context->slotmap = orr_slotmap_new();
        context->members = orr_members_new(&crowd->settings, &records[i].id, &records[i].shard,
                                           &records[i].address, ORR_ROLE_PRIMARY);
        context->gossip = orr_gossip_new(context);
        for (size_t k = 0; k < count; k++) {
            (void)orr_members_merge_member(context->members, 0, &records[k]);
        }
    }
    return crowd;
}

static void
crowd_free(Crowd *crowd)
{
    for (size_t i = 0; i < crowd->count; i++) {
        orr_gossip_free(crowd->contexts[i].gossip);
        orr_members_free(crowd->contexts[i].members);
        orr_slotmap_free(crowd->contexts[i].slotmap);
    }
    g_free(crowd->contexts);
    g_free(crowd->senders);
    g_free(crowd);
}

static void
probe(Crowd *crowd, size_t from, size_t to)
{
    uint8_t buffer[ORR_FACT_SIZE_MAX * ORR_PULSE_FACTS_MAX];
    size_t size = orr_gossip_fill(crowd->contexts[from].gossip, buffer, ORR_FACT_SIZE_MAX * 8);
    OrrBytes rest = orr_bytes(buffer, size);
    OrrFact fact;

    while (orr_fact_next(&rest, &fact) == ORR_OK) {
        if (orr_members_merge_member(crowd->contexts[to].members, 0, &fact.member) !=
            ORR_MERGE_KNOWN) {
            orr_gossip_tell(crowd->contexts[to].gossip, &fact);
        }
    }
}

/* Rounds until the news of one that failed has come to all others; 0: not in 100. */
static unsigned
rounds_to_all(size_t count, uint64_t seed)
{
    Crowd *crowd = crowd_new(count, seed);
    OrrMember *failed = crowd->contexts[0].members->list[count / 2];
    OrrId id = failed->id;
    unsigned round = 0;
    size_t know = 0;
    OrrFact fact;

    orr_members_set_state(crowd->contexts[0].members, 0, failed, ORR_MEMBER_FAILED);
    fact = orr_member_fact(failed, 0);
    orr_gossip_tell(crowd->contexts[0].gossip, &fact);
    while (know + 1 < count && round < 100) {
        round++;
        for (size_t i = 0; i < count; i++) {
            probe(crowd, i, (i + 1 + orr_rng_below(&crowd->rng, count - 1)) % count);
        }
        know = 0;
        for (size_t i = 0; i < count; i++) { /* the one itself only says that it lives */
            know +=
                orr_members_find(crowd->contexts[i].members, &id)->state == ORR_MEMBER_FAILED;
        }
    }
    crowd_free(crowd);
    return know + 1 < count ? 0 : round;
}

static unsigned
log2_of(size_t count)
{
    return g_bit_storage(count) - 1;
}

/* News reach everybody in a number of rounds that grows with the logarithm of their number:
 * each doubling costs but one round or two more. */
static void
test_rounds_grow_like_log_n(void)
{
    for (size_t count = 8; count <= 512; count *= 4) {
        unsigned slowest = 0;

        for (uint64_t seed = 1; seed <= 5; seed++) {
            unsigned rounds = rounds_to_all(count, seed);

            T_TRUE(rounds > 0);
            slowest = MAX(slowest, rounds);
        }
        printf("%zu nodes: all know after %u rounds at most\n", count, slowest);
        T_TRUE(slowest <= 2 * log2_of(count) + 6);
        T_TRUE(slowest >= log2_of(count)); /* who knows can at best double */
    }
}

/* ---- frames */

static size_t
largest_frame(const OrrEffects *effects, size_t *frames, size_t *bytes)
{
    size_t largest = 0;

    *frames = 0;
    *bytes = 0;
    for (size_t i = 0; i < orr_effects_count(effects); i++) {
        OrrEffect effect = orr_effects_get(effects, i);

        if (effect.type == ORR_EFFECT_SEND) {
            T_EQ(effect.send.lane, ORR_LANE_CONTROL);
            largest = MAX(largest, effect.send.frame.size);
            *bytes += effect.send.frame.size;
            ++*frames;
        }
    }
    return largest;
}

/* However much there is to tell, it is told by datagrams, a bounded number at a time and in
 * each second. */
static void
test_answers_fit_datagrams_and_budget(void)
{
    Crowd *crowd = crowd_new(300, 1);
    OrrContext *context = &crowd->contexts[0];
    OrrEffects *effects = orr_effects_new();
    OrrDigests nothing;
    size_t frames;
    size_t bytes;
    size_t total = 0;

    memset(&nothing, 0, sizeof nothing);
    for (uint32_t slot = 0; slot < ORR_SLOT_COUNT; slot++) { /* as torn as can be */
        OrrSlotsRecord claim = {context->members->list[slot % 300]->shard->id,
                                slot + 1,
                                {(uint16_t)slot, (uint16_t)slot}};

        (void)orr_slotmap_claim(context->slotmap, &claim);
    }

    for (OrrTime second = 1; second <= 20; second++) {
        for (int ask = 0; ask < 10; ask++) {
            orr_effects_clear(effects);
            orr_gossip_on_digests(context->gossip, second * ORR_NS_PER_S,
                                  &context->members->list[1]->address, &nothing, effects);
            T_TRUE(largest_frame(effects, &frames, &bytes) <= ORR_CONTROL_FRAME_MAX);
            T_TRUE(frames <= ORR_EXCHANGE_FRAMES_MAX + 1);
            total += bytes;
        }
    }
    T_TRUE(total <= 21 * ORR_EXCHANGE_RATE + ORR_EXCHANGE_FRAMES_MAX * ORR_CONTROL_FRAME_MAX);
    T_TRUE(total >= 15 * ORR_EXCHANGE_RATE);
    orr_effects_free(effects);
    crowd_free(crowd);
}

/* Two that differ in one record say so in two frames and tell it in one, whatever else they
 * know. */
static void
test_one_difference_costs_little(void)
{
    Crowd *crowd = crowd_new(300, 2);
    OrrContext *context = &crowd->contexts[0];
    OrrEffects *effects = orr_effects_new();
    OrrPulse pulse;
    OrrMessage message;
    size_t frames;
    size_t bytes;

    memset(&pulse, 0, sizeof pulse);
    orr_members_set_state(context->members, 0, context->members->list[9], ORR_MEMBER_FAILED);
    pulse.members_digest = orr_members_digest(context->members);
    pulse.slots_digest = orr_slotmap_digest(context->slotmap);
    orr_gossip_compare(crowd->contexts[1].gossip, ORR_NS_PER_S,
                       &crowd->contexts[0].members->self->address, &pulse, effects);
    T_EQ(orr_effects_count(effects), 1);
    T_REQUIRE(orr_bus_decode(orr_effects_get(effects, 0).send.frame, &message) == ORR_OK);
    T_EQ(message.type, ORR_MESSAGE_DIGESTS);

    OrrEffects *answer = orr_effects_new();

    orr_gossip_on_digests(context->gossip, ORR_NS_PER_S,
                          &crowd->contexts[1].members->self->address, &message.digests, answer);
    T_TRUE(largest_frame(answer, &frames, &bytes) <= ORR_CONTROL_FRAME_MAX);
    T_EQ(frames, 2); /* the records of one bucket, and digests in return */
    T_TRUE(bytes < 2200);
    orr_effects_free(answer);
    orr_effects_free(effects);
    crowd_free(crowd);
}

static const Test TESTS[] = {
    TEST(test_new_rumours_go_first),
    TEST(test_newer_replaces_older),
    TEST(test_rumours_have_bounds),
    TEST(test_rounds_grow_like_log_n),
    TEST(test_answers_fit_datagrams_and_budget),
    TEST(test_one_difference_costs_little),
};

T_MAIN("gossip", TESTS)
