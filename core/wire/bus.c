#include <orrery/bus.h>

#include "wire/bytes.h"
#include "wire/seal.h"

#include <glib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static const uint8_t MAGIC[4] = {'O', 'R', 'R', 'B'};
#define SENDER_AT 28u
#define CHECKSUM_AT 68u
#define SIZE_AT 64u
#define FLAGS_AT 6u
#define FRAME_SIZE_MAX (ORR_DATA_FRAME_MAX + 4096u)

static const char *const MESSAGE_NAMES[ORR_MESSAGE_TYPES] = {
    [ORR_MESSAGE_PING] = "ping",
    [ORR_MESSAGE_PONG] = "pong",
    [ORR_MESSAGE_MEET] = "meet",
    [ORR_MESSAGE_REFUSAL] = "refusal",
    [ORR_MESSAGE_DIGESTS] = "digests",
    [ORR_MESSAGE_RECORDS] = "records",
    [ORR_MESSAGE_REPORT] = "report",
    [ORR_MESSAGE_VOTE_REQUEST] = "vote-request",
    [ORR_MESSAGE_VOTE] = "vote",
    [ORR_MESSAGE_HANDOVER] = "handover",
    [ORR_MESSAGE_HANDOVER_READY] = "handover-ready",
    [ORR_MESSAGE_SYNC_REQUEST] = "sync-request",
    [ORR_MESSAGE_SYNC_CONTINUE] = "sync-continue",
    [ORR_MESSAGE_SYNC_FULL] = "sync-full",
    [ORR_MESSAGE_SYNC_CHUNK] = "sync-chunk",
    [ORR_MESSAGE_SYNC_ACK] = "sync-ack",
    [ORR_MESSAGE_SYNC_DONE] = "sync-done",
    [ORR_MESSAGE_SYNC_REFUSED] = "sync-refused",
    [ORR_MESSAGE_STREAM] = "stream",
    [ORR_MESSAGE_STREAM_ACK] = "stream-ack",
    [ORR_MESSAGE_ECHO] = "echo",
    [ORR_MESSAGE_ECHO_BACK] = "echo-back",
    [ORR_MESSAGE_PUBLISH] = "publish",
    [ORR_MESSAGE_MOVE_OPEN] = "move-open",
    [ORR_MESSAGE_MOVE_OPEN_ACK] = "move-open-ack",
    [ORR_MESSAGE_MOVE_CHUNK] = "move-chunk",
    [ORR_MESSAGE_MOVE_STORED] = "move-stored",
    [ORR_MESSAGE_MOVE_COMMIT] = "move-commit",
    [ORR_MESSAGE_MOVE_ABORT] = "move-abort",
    [ORR_MESSAGE_MOVE_ABORTED] = "move-aborted",
    [ORR_MESSAGE_MOVE_CHECK] = "move-check",
    [ORR_MESSAGE_MOVE_CHECKED] = "move-checked",
    [ORR_MESSAGE_MOVE_TAKE] = "move-take",
    [ORR_MESSAGE_MOVE_GIVEN] = "move-given",
    [ORR_MESSAGE_FORWARD] = "forward",
    [ORR_MESSAGE_FORWARDED] = "forwarded",
};

const char *
orr_message_name(OrrMessageType type)
{
    const char *name = (unsigned)type < ORR_MESSAGE_TYPES ? MESSAGE_NAMES[type] : NULL;

    return name != NULL ? name : "unknown";
}

OrrLane
orr_message_lane(OrrMessageType type)
{
    return type >= ORR_MESSAGE_SYNC_REQUEST ? ORR_LANE_DATA : ORR_LANE_CONTROL;
}

uint64_t
orr_history_of(const OrrId *shard, uint64_t epoch, const OrrId *primary)
{
    uint8_t text[ORR_ID_SIZE * 2 + 8];

    memcpy(text, shard->bytes, ORR_ID_SIZE);
    memcpy(text + ORR_ID_SIZE, primary->bytes, ORR_ID_SIZE);
    orr_store_u64(text + (size_t)ORR_ID_SIZE * 2, epoch);
    return XXH64(text, sizeof text, 0);
}

/* Facts */

static void
put_fact(OrrWriter *writer, const OrrFact *fact)
{
    orr_put_u8(writer, (uint8_t)fact->kind);
    switch (fact->kind) {
    case ORR_FACT_MEMBER:
        orr_put_id(writer, &fact->member.id);
        orr_put_id(writer, &fact->member.shard);
        orr_put_address(writer, &fact->member.address);
        orr_put_u64(writer, fact->member.incarnation);
        orr_put_u8(writer, fact->member.state);
        orr_put_u8(writer, fact->member.role);
        orr_put_u32(writer, fact->member.ban_s);
        break;
    case ORR_FACT_SHARD:
        orr_put_id(writer, &fact->shard.shard);
        orr_put_id(writer, &fact->shard.primary);
        orr_put_u64(writer, fact->shard.epoch);
        orr_put_u64(writer, fact->shard.start_offset);
        break;
    case ORR_FACT_SLOTS:
        orr_put_id(writer, &fact->slots.shard);
        orr_put_u64(writer, fact->slots.version);
        orr_put_u16(writer, fact->slots.range.first);
        orr_put_u16(writer, fact->slots.range.last);
        break;
    case ORR_FACT_DOUBT:
        orr_put_id(writer, &fact->doubt.id);
        orr_put_u64(writer, fact->doubt.incarnation);
        break;
    }
}

size_t
orr_fact_encode(const OrrFact *fact, uint8_t *buffer, size_t room)
{
    uint8_t text[ORR_FACT_SIZE_MAX];
    OrrWriter writer = {text, 0};

    put_fact(&writer, fact);
    if (writer.used > room) {
        return 0;
    }
    memcpy(buffer, text, writer.used);
    return writer.used;
}

static void
take_fact(OrrReader *reader, OrrFact *fact)
{
    switch (fact->kind) {
    case ORR_FACT_MEMBER:
        fact->member.id = orr_take_id(reader);
        fact->member.shard = orr_take_id(reader);
        fact->member.address = orr_take_address(reader);
        fact->member.incarnation = orr_take_u64(reader);
        fact->member.state = orr_take_u8(reader);
        fact->member.role = orr_take_u8(reader);
        fact->member.ban_s = orr_take_u32(reader);
        reader->failed |= fact->member.state > 3 || fact->member.role > ORR_ROLE_WITNESS;
        break;
    case ORR_FACT_SHARD:
        fact->shard.shard = orr_take_id(reader);
        fact->shard.primary = orr_take_id(reader);
        fact->shard.epoch = orr_take_u64(reader);
        fact->shard.start_offset = orr_take_u64(reader);
        break;
    case ORR_FACT_SLOTS:
        fact->slots.shard = orr_take_id(reader);
        fact->slots.version = orr_take_u64(reader);
        fact->slots.range.first = orr_take_u16(reader);
        fact->slots.range.last = orr_take_u16(reader);
        reader->failed |=
            fact->slots.range.first > fact->slots.range.last || fact->slots.range.last >= 16384;
        break;
    case ORR_FACT_DOUBT:
        fact->doubt.id = orr_take_id(reader);
        fact->doubt.incarnation = orr_take_u64(reader);
        break;
    default:
        reader->failed = true;
        break;
    }
}

OrrStatus
orr_fact_next(OrrBytes *rest, OrrFact *fact)
{
    OrrReader reader = {*rest, false};

    if (rest->size == 0) {
        return ORR_NOT_FOUND;
    }
    memset(fact, 0, sizeof *fact);
    fact->kind = (OrrFactKind)orr_take_u8(&reader);
    take_fact(&reader, fact);
    if (reader.failed) {
        return ORR_MALFORMED;
    }
    *rest = reader.rest;
    return ORR_OK;
}

/* Bodies */

static void
put_pulse(OrrWriter *writer, const OrrPulse *pulse)
{
    orr_put_u64(writer, pulse->probe);
    orr_put_u8(writer, pulse->flags);
    orr_put_u64(writer, pulse->current_epoch);
    orr_put_u64(writer, pulse->shard_epoch);
    orr_put_u64(writer, pulse->offset);
    orr_put_u64(writer, pulse->members_digest);
    orr_put_u64(writer, pulse->slots_digest);
    orr_put_u64(writer, (uint64_t)pulse->cluster_ms);
    orr_put_bytes(writer, pulse->facts);
}

static OrrPulse
take_pulse(OrrReader *reader)
{
    OrrPulse pulse;

    pulse.probe = orr_take_u64(reader);
    pulse.flags = orr_take_u8(reader);
    pulse.current_epoch = orr_take_u64(reader);
    pulse.shard_epoch = orr_take_u64(reader);
    pulse.offset = orr_take_u64(reader);
    pulse.members_digest = orr_take_u64(reader);
    pulse.slots_digest = orr_take_u64(reader);
    pulse.cluster_ms = (int64_t)orr_take_u64(reader);
    pulse.facts = orr_take_rest(reader);
    return pulse;
}

static void
put_digests(OrrWriter *writer, const OrrDigests *digests)
{
    orr_put_u8(writer, digests->reply_wanted);
    orr_put_u32(writer, digests->salt);
    for (size_t i = 0; i < ORR_MEMBER_BUCKETS; i++) {
        orr_put_u32(writer, digests->members[i]);
    }
    for (size_t i = 0; i < ORR_SLOT_BUCKETS; i++) {
        orr_put_u32(writer, digests->slots[i]);
    }
}

static void
take_digests(OrrReader *reader, OrrDigests *digests)
{
    digests->reply_wanted = orr_take_u8(reader) != 0;
    digests->salt = orr_take_u32(reader);
    for (size_t i = 0; i < ORR_MEMBER_BUCKETS; i++) {
        digests->members[i] = orr_take_u32(reader);
    }
    for (size_t i = 0; i < ORR_SLOT_BUCKETS; i++) {
        digests->slots[i] = orr_take_u32(reader);
    }
}

static void
put_vote(OrrWriter *writer, const OrrVote *vote)
{
    orr_put_id(writer, &vote->shard);
    orr_put_u64(writer, vote->epoch);
    orr_put_u8(writer, vote->verdict);
    orr_put_u64(writer, vote->current_epoch);
    orr_put_bytes(writer, vote->facts);
}

static OrrVote
take_vote(OrrReader *reader)
{
    OrrVote vote;

    vote.shard = orr_take_id(reader);
    vote.epoch = orr_take_u64(reader);
    vote.verdict = orr_take_u8(reader);
    vote.current_epoch = orr_take_u64(reader);
    vote.facts = orr_take_rest(reader);
    return vote;
}

static void
put_sync(OrrWriter *writer, const OrrSync *sync)
{
    orr_put_id(writer, &sync->shard);
    orr_put_u64(writer, sync->history);
    orr_put_u64(writer, sync->offset);
    orr_put_u64(writer, sync->epoch);
    orr_put_u64(writer, sync->count);
    orr_put_u64(writer, sync->digest);
    orr_put_u8(writer, sync->refusal);
    orr_put_bytes(writer, sync->records);
}

static OrrSync
take_sync(OrrReader *reader)
{
    OrrSync sync;

    sync.shard = orr_take_id(reader);
    sync.history = orr_take_u64(reader);
    sync.offset = orr_take_u64(reader);
    sync.epoch = orr_take_u64(reader);
    sync.count = orr_take_u64(reader);
    sync.digest = orr_take_u64(reader);
    sync.refusal = orr_take_u8(reader);
    sync.records = orr_take_rest(reader);
    return sync;
}

static OrrPublication
take_publication(OrrReader *reader)
{
    OrrPublication publication = {.shard = orr_take_u8(reader) != 0};
    size_t size = orr_take_u32(reader);
    const uint8_t *channel = orr_take(reader, size);

    publication.channel = channel == NULL ? ORR_BYTES_EMPTY : orr_bytes(channel, size);
    publication.message = orr_take_rest(reader);
    return publication;
}

static void
put_move(OrrWriter *writer, const OrrMove *move)
{
    orr_put_u64(writer, move->number);
    orr_put_u64(writer, move->index);
    orr_put_u64(writer, move->version);
    orr_put_u64(writer, move->epoch);
    orr_put_u16(writer, move->slot);
    orr_put_u8(writer, move->flags);
    orr_put_u8(writer, move->verdict);
    orr_put_bytes(writer, move->body);
}

static OrrMove
take_move(OrrReader *reader)
{
    OrrMove move;

    move.number = orr_take_u64(reader);
    move.index = orr_take_u64(reader);
    move.version = orr_take_u64(reader);
    move.epoch = orr_take_u64(reader);
    move.slot = orr_take_u16(reader);
    move.flags = orr_take_u8(reader);
    move.verdict = orr_take_u8(reader);
    move.body = orr_take_rest(reader);
    reader->failed |= move.slot >= 16384;
    return move;
}

static void
put_body(OrrWriter *writer, const OrrMessage *message)
{
    switch (message->type) {
    case ORR_MESSAGE_PING:
    case ORR_MESSAGE_PONG:
    case ORR_MESSAGE_MEET:
        put_pulse(writer, &message->pulse);
        break;
    case ORR_MESSAGE_REFUSAL:
        orr_put_u8(writer, (uint8_t)message->refusal);
        break;
    case ORR_MESSAGE_DIGESTS:
        put_digests(writer, &message->digests);
        break;
    case ORR_MESSAGE_RECORDS:
        orr_put_bytes(writer, message->facts);
        break;
    case ORR_MESSAGE_REPORT:
        orr_put_id(writer, &message->report.accused);
        orr_put_u64(writer, message->report.incarnation);
        orr_put_u8(writer, (uint8_t)message->report.suspicion);
        orr_put_u64(writer, message->report.latency_ns);
        break;
    case ORR_MESSAGE_VOTE_REQUEST:
        orr_put_id(writer, &message->vote_request.shard);
        orr_put_u64(writer, message->vote_request.epoch);
        orr_put_u64(writer, message->vote_request.shard_epoch);
        orr_put_u64(writer, message->vote_request.offset);
        orr_put_u64(writer, message->vote_request.data_epoch);
        orr_put_u8(writer, message->vote_request.flags);
        break;
    case ORR_MESSAGE_VOTE:
        put_vote(writer, &message->vote);
        break;
    case ORR_MESSAGE_HANDOVER:
    case ORR_MESSAGE_HANDOVER_READY:
        orr_put_id(writer, &message->handover.shard);
        orr_put_u64(writer, message->handover.shard_epoch);
        orr_put_u64(writer, message->handover.offset);
        break;
    case ORR_MESSAGE_SYNC_REQUEST:
    case ORR_MESSAGE_SYNC_CONTINUE:
    case ORR_MESSAGE_SYNC_FULL:
    case ORR_MESSAGE_SYNC_CHUNK:
    case ORR_MESSAGE_SYNC_ACK:
    case ORR_MESSAGE_SYNC_DONE:
    case ORR_MESSAGE_SYNC_REFUSED:
    case ORR_MESSAGE_STREAM:
    case ORR_MESSAGE_STREAM_ACK:
        put_sync(writer, &message->sync);
        break;
    case ORR_MESSAGE_ECHO:
    case ORR_MESSAGE_ECHO_BACK:
        orr_put_u64(writer, message->echo);
        break;
    case ORR_MESSAGE_PUBLISH:
        orr_put_u8(writer, message->publication.shard);
        orr_put_u32(writer, (uint32_t)message->publication.channel.size);
        orr_put_bytes(writer, message->publication.channel);
        orr_put_bytes(writer, message->publication.message);
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
        put_move(writer, &message->move);
        break;
    case ORR_MESSAGE_TYPES:
        g_assert_not_reached();
    }
}

static void
take_body(OrrReader *reader, OrrMessage *message)
{
    switch (message->type) {
    case ORR_MESSAGE_PING:
    case ORR_MESSAGE_PONG:
    case ORR_MESSAGE_MEET:
        message->pulse = take_pulse(reader);
        break;
    case ORR_MESSAGE_REFUSAL:
        message->refusal = (OrrRefusal)orr_take_u8(reader);
        break;
    case ORR_MESSAGE_DIGESTS:
        take_digests(reader, &message->digests);
        break;
    case ORR_MESSAGE_RECORDS:
        message->facts = orr_take_rest(reader);
        break;
    case ORR_MESSAGE_REPORT:
        message->report.accused = orr_take_id(reader);
        message->report.incarnation = orr_take_u64(reader);
        message->report.suspicion = (OrrSuspicion)orr_take_u8(reader);
        message->report.latency_ns = orr_take_u64(reader);
        reader->failed |= (unsigned)message->report.suspicion > ORR_SUSPICION_SLOW;
        break;
    case ORR_MESSAGE_VOTE_REQUEST:
        message->vote_request.shard = orr_take_id(reader);
        message->vote_request.epoch = orr_take_u64(reader);
        message->vote_request.shard_epoch = orr_take_u64(reader);
        message->vote_request.offset = orr_take_u64(reader);
        message->vote_request.data_epoch = orr_take_u64(reader);
        message->vote_request.flags = orr_take_u8(reader);
        break;
    case ORR_MESSAGE_VOTE:
        message->vote = take_vote(reader);
        break;
    case ORR_MESSAGE_HANDOVER:
    case ORR_MESSAGE_HANDOVER_READY:
        message->handover.shard = orr_take_id(reader);
        message->handover.shard_epoch = orr_take_u64(reader);
        message->handover.offset = orr_take_u64(reader);
        break;
    case ORR_MESSAGE_SYNC_REQUEST:
    case ORR_MESSAGE_SYNC_CONTINUE:
    case ORR_MESSAGE_SYNC_FULL:
    case ORR_MESSAGE_SYNC_CHUNK:
    case ORR_MESSAGE_SYNC_ACK:
    case ORR_MESSAGE_SYNC_DONE:
    case ORR_MESSAGE_SYNC_REFUSED:
    case ORR_MESSAGE_STREAM:
    case ORR_MESSAGE_STREAM_ACK:
        message->sync = take_sync(reader);
        break;
    case ORR_MESSAGE_ECHO:
    case ORR_MESSAGE_ECHO_BACK:
        message->echo = orr_take_u64(reader);
        break;
    case ORR_MESSAGE_PUBLISH:
        message->publication = take_publication(reader);
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
        message->move = take_move(reader);
        break;
    case ORR_MESSAGE_TYPES:
        reader->failed = true;
        break;
    }
}

/* Frames */

static OrrBytes
tail_of(const OrrMessage *message)
{
    switch (message->type) {
    case ORR_MESSAGE_PING:
    case ORR_MESSAGE_PONG:
    case ORR_MESSAGE_MEET:
        return message->pulse.facts;
    case ORR_MESSAGE_RECORDS:
        return message->facts;
    case ORR_MESSAGE_VOTE:
        return message->vote.facts;
    case ORR_MESSAGE_SYNC_CHUNK:
    case ORR_MESSAGE_STREAM:
        return message->sync.records;
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
        return message->move.body;
    case ORR_MESSAGE_REFUSAL:
    case ORR_MESSAGE_DIGESTS:
    case ORR_MESSAGE_REPORT:
    case ORR_MESSAGE_VOTE_REQUEST:
    case ORR_MESSAGE_HANDOVER:
    case ORR_MESSAGE_HANDOVER_READY:
    case ORR_MESSAGE_SYNC_REQUEST:
    case ORR_MESSAGE_SYNC_CONTINUE:
    case ORR_MESSAGE_SYNC_FULL:
    case ORR_MESSAGE_SYNC_ACK:
    case ORR_MESSAGE_SYNC_DONE:
    case ORR_MESSAGE_SYNC_REFUSED:
    case ORR_MESSAGE_STREAM_ACK:
    case ORR_MESSAGE_ECHO:
    case ORR_MESSAGE_ECHO_BACK:
    case ORR_MESSAGE_TYPES:
        break;
    case ORR_MESSAGE_PUBLISH:
        return orr_bytes(NULL,
                         message->publication.channel.size + message->publication.message.size);
    }
    return ORR_BYTES_EMPTY;
}

size_t
orr_bus_size_max(const OrrMessage *message)
{
    return ORR_BUS_HEADER_SIZE + sizeof(OrrDigests) + tail_of(message).size + ORR_BUS_TAG_SIZE;
}

static uint32_t
checksum_of(const uint8_t *frame, size_t size)
{
    uint64_t head = XXH3_64bits(frame, CHECKSUM_AT);

    return (uint32_t)XXH3_64bits_withSeed(frame + ORR_BUS_HEADER_SIZE,
                                          size - ORR_BUS_HEADER_SIZE, head);
}

/* Bytes of header and body; the tag, if there is one, comes after them. */
static size_t
size_without_tag(const uint8_t *head)
{
    return ORR_BUS_HEADER_SIZE + (size_t)orr_load_u32(head + SIZE_AT);
}

static size_t
size_of_frame(const uint8_t *head)
{
    bool sealed = (orr_load_u16(head + FLAGS_AT) & ORR_BUS_SEALED) != 0;

    return size_without_tag(head) + (sealed ? ORR_BUS_TAG_SIZE : 0);
}

static bool
is_ours(const uint8_t *head)
{
    return memcmp(head, MAGIC, sizeof MAGIC) == 0 && head[4] == ORR_BUS_VERSION &&
           (orr_load_u16(head + FLAGS_AT) & ~ORR_BUS_SEALED) == 0;
}

size_t
orr_bus_encode(const OrrMessage *message, uint8_t *buffer)
{
    return orr_bus_encode_sealed(message, NULL, buffer);
}

size_t
orr_bus_encode_sealed(const OrrMessage *message, const OrrBusKey *key, uint8_t *buffer)
{
    OrrWriter writer = {buffer, 0};

    orr_put_bytes(&writer, orr_bytes(MAGIC, sizeof MAGIC));
    orr_put_u8(&writer, ORR_BUS_VERSION);
    orr_put_u8(&writer, (uint8_t)message->type);
    orr_put_u16(&writer, key != NULL ? ORR_BUS_SEALED : 0);
    orr_put_id(&writer, &message->cluster);
    orr_put_id(&writer, &message->sender);
    orr_put_u64(&writer, message->incarnation);
    orr_put_u64(&writer, message->sequence);
    writer.used = ORR_BUS_HEADER_SIZE;
    put_body(&writer, message);
    orr_store_u32(buffer + SIZE_AT, (uint32_t)(writer.used - ORR_BUS_HEADER_SIZE));
    orr_store_u32(buffer + CHECKSUM_AT, checksum_of(buffer, writer.used));
    if (key != NULL) {
        orr_bus_key_tag(key, orr_bytes(buffer, writer.used), buffer + writer.used);
        writer.used += ORR_BUS_TAG_SIZE;
    }
    return writer.used;
}

OrrStatus
orr_bus_frame_size(OrrBytes head, size_t *size)
{
    if (head.size < ORR_BUS_HEADER_SIZE) {
        return ORR_AGAIN;
    }
    *size = size_of_frame(head.data);
    return is_ours(head.data) && *size <= FRAME_SIZE_MAX ? ORR_OK : ORR_MALFORMED;
}

OrrStatus
orr_bus_sender(OrrBytes frame, OrrId *sender)
{
    if (frame.size < ORR_BUS_HEADER_SIZE) {
        return ORR_MALFORMED;
    }
    memcpy(sender->bytes, frame.data + SENDER_AT, ORR_ID_SIZE);
    return ORR_OK;
}

OrrStatus
orr_bus_decode(OrrBytes frame, OrrMessage *message)
{
    if (frame.size < ORR_BUS_HEADER_SIZE || frame.size > FRAME_SIZE_MAX ||
        !is_ours(frame.data) || size_of_frame(frame.data) != frame.size ||
        orr_load_u32(frame.data + CHECKSUM_AT) !=
            checksum_of(frame.data, size_without_tag(frame.data))) {
        return ORR_MALFORMED;
    }

    OrrReader reader = {orr_bytes(frame.data, size_without_tag(frame.data)), false};

    orr_skip(&reader, 5);
    message->type = (OrrMessageType)orr_take_u8(&reader);
    orr_skip(&reader, 2);
    message->cluster = orr_take_id(&reader);
    message->sender = orr_take_id(&reader);
    message->incarnation = orr_take_u64(&reader);
    message->sequence = orr_take_u64(&reader);
    if (message->type < ORR_MESSAGE_PING || message->type >= ORR_MESSAGE_TYPES) {
        return ORR_MALFORMED;
    }
    orr_skip(&reader, 8);
    take_body(&reader, message);
    return reader.failed || reader.rest.size != 0 ? ORR_MALFORMED : ORR_OK;
}
