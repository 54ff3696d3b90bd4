/* bus_samples.h - messages of every type with random contents, for the tests of the codec. */
#ifndef ORR_TESTS_BUS_SAMPLES_H
#define ORR_TESTS_BUS_SAMPLES_H

#include <orrery/bus.h>
#include <orrery/rng.h>

#define SAMPLE_BYTES_MAX 600u

static inline void
sample_bytes(OrrRng *rng, void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)bytes)[i] = (uint8_t)orr_rng_next(rng);
    }
}

static inline OrrId
sample_id(OrrRng *rng)
{
    OrrId id;

    sample_bytes(rng, id.bytes, sizeof id.bytes);
    return id;
}

static inline OrrFact
sample_fact(OrrRng *rng)
{
    OrrFact fact;

    memset(&fact, 0, sizeof fact);
    fact.kind = (OrrFactKind)orr_rng_between(rng, ORR_FACT_MEMBER, ORR_FACT_DOUBT);
    switch (fact.kind) {
    case ORR_FACT_MEMBER:
        fact.member.id = sample_id(rng);
        fact.member.shard = sample_id(rng);
        sample_bytes(rng, fact.member.address.ip, sizeof fact.member.address.ip);
        fact.member.address.port = (uint16_t)orr_rng_next(rng);
        fact.member.address.bus_port = (uint16_t)orr_rng_next(rng);
        fact.member.incarnation = orr_rng_next(rng);
        fact.member.state = (uint8_t)orr_rng_below(rng, 4);
        fact.member.role = (uint8_t)orr_rng_below(rng, ORR_ROLE_WITNESS + 1);
        fact.member.ban_s = (uint32_t)orr_rng_next(rng);
        break;
    case ORR_FACT_SHARD:
        fact.shard.shard = sample_id(rng);
        fact.shard.primary = sample_id(rng);
        fact.shard.epoch = orr_rng_next(rng);
        fact.shard.start_offset = orr_rng_next(rng);
        break;
    case ORR_FACT_SLOTS:
        fact.slots.shard = sample_id(rng);
        fact.slots.version = orr_rng_next(rng);
        fact.slots.range.first = (uint16_t)orr_rng_below(rng, 16384);
        fact.slots.range.last = (uint16_t)orr_rng_between(rng, fact.slots.range.first, 16383);
        break;
    case ORR_FACT_DOUBT:
        fact.doubt.id = sample_id(rng);
        fact.doubt.incarnation = orr_rng_next(rng);
        break;
    }
    return fact;
}

/* Facts for as much room as chance allows, in `buffer` of SAMPLE_BYTES_MAX. */
static inline OrrBytes
sample_facts(OrrRng *rng, uint8_t *buffer)
{
    size_t room = orr_rng_below(rng, SAMPLE_BYTES_MAX + 1);
    size_t used = 0;

    for (;;) {
        OrrFact fact = sample_fact(rng);
        size_t size = orr_fact_encode(&fact, buffer + used, room - used);

        if (size == 0) {
            return orr_bytes(buffer, used);
        }
        used += size;
    }
}

static inline OrrPulse
sample_pulse(OrrRng *rng, uint8_t *buffer)
{
    OrrPulse pulse;

    memset(&pulse, 0, sizeof pulse);
    pulse.probe = orr_rng_next(rng);
    pulse.flags = (uint8_t)orr_rng_next(rng);
    pulse.current_epoch = orr_rng_next(rng);
    pulse.shard_epoch = orr_rng_next(rng);
    pulse.offset = orr_rng_next(rng);
    pulse.members_digest = orr_rng_next(rng);
    pulse.slots_digest = orr_rng_next(rng);
    pulse.cluster_ms = (int64_t)orr_rng_next(rng);
    pulse.facts = sample_facts(rng, buffer);
    return pulse;
}

static inline OrrSync
sample_sync(OrrRng *rng, uint8_t *buffer)
{
    OrrSync sync;

    memset(&sync, 0, sizeof sync);
    sync.shard = sample_id(rng);
    sync.history = orr_rng_next(rng);
    sync.offset = orr_rng_next(rng);
    sync.epoch = orr_rng_next(rng);
    sync.count = orr_rng_next(rng);
    sync.digest = orr_rng_next(rng);
    sync.refusal = (uint8_t)orr_rng_next(rng);
    sample_bytes(rng, buffer, SAMPLE_BYTES_MAX);
    sync.records = orr_bytes(buffer, orr_rng_below(rng, SAMPLE_BYTES_MAX + 1));
    return sync;
}

/* A message of `type`; byte strings in it point into `buffer` of SAMPLE_BYTES_MAX. */
static inline OrrMessage
sample_message(OrrRng *rng, OrrMessageType type, uint8_t *buffer)
{
    OrrMessage message;

    memset(&message, 0, sizeof message);
    message.type = type;
    message.cluster = sample_id(rng);
    message.sender = sample_id(rng);
    message.incarnation = orr_rng_next(rng);
    message.sequence = orr_rng_next(rng);
    switch ((int)type) {
    case ORR_MESSAGE_PING:
    case ORR_MESSAGE_PONG:
    case ORR_MESSAGE_MEET:
        message.pulse = sample_pulse(rng, buffer);
        break;
    case ORR_MESSAGE_REFUSAL:
        message.refusal = (OrrRefusal)orr_rng_between(rng, 1, ORR_REFUSAL_NOT_ME);
        break;
    case ORR_MESSAGE_DIGESTS:
        message.digests.reply_wanted = orr_rng_below(rng, 2) == 1;
        message.digests.salt = (uint32_t)orr_rng_next(rng);
        sample_bytes(rng, message.digests.members, sizeof message.digests.members);
        sample_bytes(rng, message.digests.slots, sizeof message.digests.slots);
        break;
    case ORR_MESSAGE_RECORDS:
        message.facts = sample_facts(rng, buffer);
        break;
    case ORR_MESSAGE_REPORT:
        message.report.accused = sample_id(rng);
        message.report.incarnation = orr_rng_next(rng);
        message.report.suspicion =
            (OrrSuspicion)orr_rng_between(rng, ORR_SUSPICION_NONE, ORR_SUSPICION_SLOW);
        message.report.latency_ns = orr_rng_next(rng);
        break;
    case ORR_MESSAGE_VOTE_REQUEST:
        message.vote_request.shard = sample_id(rng);
        message.vote_request.epoch = orr_rng_next(rng);
        message.vote_request.shard_epoch = orr_rng_next(rng);
        message.vote_request.offset = orr_rng_next(rng);
        message.vote_request.flags = (uint8_t)orr_rng_next(rng);
        break;
    case ORR_MESSAGE_VOTE:
        message.vote.shard = sample_id(rng);
        message.vote.epoch = orr_rng_next(rng);
        message.vote.verdict = (uint8_t)orr_rng_next(rng);
        message.vote.current_epoch = orr_rng_next(rng);
        message.vote.facts = sample_facts(rng, buffer);
        break;
    case ORR_MESSAGE_HANDOVER:
    case ORR_MESSAGE_HANDOVER_READY:
        message.handover.shard = sample_id(rng);
        message.handover.shard_epoch = orr_rng_next(rng);
        message.handover.offset = orr_rng_next(rng);
        break;
    case ORR_MESSAGE_ECHO:
    case ORR_MESSAGE_ECHO_BACK:
        message.echo = orr_rng_next(rng);
        break;
    case ORR_MESSAGE_PUBLISH:
        message.publication.shard = orr_rng_below(rng, 2) == 0;
        message.publication.channel = orr_bytes_of_string("news");
        message.publication.message = sample_facts(rng, buffer);
        break;
    case ORR_MESSAGE_MOVE_OPEN:
    case ORR_MESSAGE_MOVE_OPEN_ACK:
    case ORR_MESSAGE_MOVE_CHUNK:
    case ORR_MESSAGE_MOVE_STORED:
    case ORR_MESSAGE_MOVE_COMMIT:
    case ORR_MESSAGE_MOVE_ABORT:
    case ORR_MESSAGE_MOVE_ABORTED:
    case ORR_MESSAGE_MOVE_CHECK:
    case ORR_MESSAGE_MOVE_CHECKED:
    case ORR_MESSAGE_MOVE_TAKE:
    case ORR_MESSAGE_MOVE_GIVEN:
    case ORR_MESSAGE_FORWARD:
    case ORR_MESSAGE_FORWARDED:
        message.move.number = orr_rng_next(rng);
        message.move.index = orr_rng_next(rng);
        message.move.version = orr_rng_next(rng);
        message.move.epoch = orr_rng_next(rng);
        message.move.slot = (uint16_t)orr_rng_below(rng, 16384);
        message.move.flags = (uint8_t)orr_rng_next(rng);
        message.move.verdict = (uint8_t)orr_rng_next(rng);
        message.move.body = sample_facts(rng, buffer);
        break;
    default:
        message.sync = sample_sync(rng, buffer);
        break;
    }
    return message;
}

#endif
