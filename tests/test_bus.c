/* What nodes say to each other, in bytes: nothing is lost on the way, and nothing damaged gets
 * through. */
#include "check.h"

#include "bus_samples.h"

#include "wire/bytes.h"

#include <orrery/replication.h>

#define FRAME_ROOM 4096u

static uint8_t frame[FRAME_ROOM];
static uint8_t again[FRAME_ROOM];
static uint8_t strings[SAMPLE_BYTES_MAX];

static bool
pulses_equal(const OrrPulse *a, const OrrPulse *b)
{
    return a->probe == b->probe && a->flags == b->flags &&
           a->current_epoch == b->current_epoch && a->shard_epoch == b->shard_epoch &&
           a->offset == b->offset && a->members_digest == b->members_digest &&
           a->slots_digest == b->slots_digest && a->cluster_ms == b->cluster_ms &&
           orr_bytes_equal(a->facts, b->facts);
}

static bool
syncs_equal(const OrrSync *a, const OrrSync *b)
{
    return orr_id_equal(&a->shard, &b->shard) && a->history == b->history &&
           a->offset == b->offset && a->epoch == b->epoch && a->count == b->count &&
           a->digest == b->digest && a->refusal == b->refusal &&
           orr_bytes_equal(a->records, b->records);
}

static bool
votes_equal(const OrrVote *a, const OrrVote *b)
{
    return orr_id_equal(&a->shard, &b->shard) && a->epoch == b->epoch &&
           a->verdict == b->verdict && a->current_epoch == b->current_epoch &&
           orr_bytes_equal(a->facts, b->facts);
}

static bool
requests_equal(const OrrVoteRequest *a, const OrrVoteRequest *b)
{
    return orr_id_equal(&a->shard, &b->shard) && a->epoch == b->epoch &&
           a->shard_epoch == b->shard_epoch && a->offset == b->offset && a->flags == b->flags;
}

static bool
digests_equal(const OrrDigests *a, const OrrDigests *b)
{
    return a->reply_wanted == b->reply_wanted && a->salt == b->salt &&
           memcmp(a->members, b->members, sizeof a->members) == 0 &&
           memcmp(a->slots, b->slots, sizeof a->slots) == 0;
}

static bool
reports_equal(const OrrReport *a, const OrrReport *b)
{
    return orr_id_equal(&a->accused, &b->accused) && a->incarnation == b->incarnation &&
           a->suspicion == b->suspicion && a->latency_ns == b->latency_ns;
}

static bool
moves_equal(const OrrMove *a, const OrrMove *b)
{
    return a->number == b->number && a->index == b->index && a->version == b->version &&
           a->epoch == b->epoch && a->slot == b->slot && a->flags == b->flags &&
           a->verdict == b->verdict && orr_bytes_equal(a->body, b->body);
}

static bool
messages_equal(const OrrMessage *a, const OrrMessage *b)
{
    if (a->type != b->type || !orr_id_equal(&a->cluster, &b->cluster) ||
        !orr_id_equal(&a->sender, &b->sender) || a->incarnation != b->incarnation ||
        a->sequence != b->sequence) {
        return false;
    }
    switch ((int)a->type) {
    case ORR_MESSAGE_PING:
    case ORR_MESSAGE_PONG:
    case ORR_MESSAGE_MEET:
        return pulses_equal(&a->pulse, &b->pulse);
    case ORR_MESSAGE_REFUSAL:
        return a->refusal == b->refusal;
    case ORR_MESSAGE_DIGESTS:
        return digests_equal(&a->digests, &b->digests);
    case ORR_MESSAGE_RECORDS:
        return orr_bytes_equal(a->facts, b->facts);
    case ORR_MESSAGE_REPORT:
        return reports_equal(&a->report, &b->report);
    case ORR_MESSAGE_VOTE_REQUEST:
        return requests_equal(&a->vote_request, &b->vote_request);
    case ORR_MESSAGE_VOTE:
        return votes_equal(&a->vote, &b->vote);
    case ORR_MESSAGE_HANDOVER:
    case ORR_MESSAGE_HANDOVER_READY:
        return orr_id_equal(&a->handover.shard, &b->handover.shard) &&
               a->handover.shard_epoch == b->handover.shard_epoch &&
               a->handover.offset == b->handover.offset;
    case ORR_MESSAGE_ECHO:
    case ORR_MESSAGE_ECHO_BACK:
        return a->echo == b->echo;
    case ORR_MESSAGE_PUBLISH:
        return a->publication.shard == b->publication.shard &&
               orr_bytes_equal(a->publication.channel, b->publication.channel) &&
               orr_bytes_equal(a->publication.message, b->publication.message);
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
        return moves_equal(&a->move, &b->move);
    default:
        return syncs_equal(&a->sync, &b->sync);
    }
}

/* Every message of every type arrives as it was sent, in a frame of a size that was foretold.
 */
static void
test_bus_messages_arrive_as_they_were_sent(void)
{
    OrrRng rng = orr_rng_new(t_seed(3));

    for (unsigned i = 0; i < 4000; i++) {
        OrrMessageType type = (OrrMessageType)(1 + i % (ORR_MESSAGE_TYPES - 1));
        OrrMessage sent = sample_message(&rng, type, strings);
        OrrMessage received;

        memset(&received, 0xa5, sizeof received);
        size_t size = orr_bus_encode(&sent, frame);

        T_REQUIRE(size <= orr_bus_size_max(&sent));
        T_REQUIRE(orr_bus_decode(orr_bytes(frame, size), &received) == ORR_OK);
        T_REQUIRE(messages_equal(&sent, &received));
        T_REQUIRE(orr_bus_encode(&received, again) == size);
        T_REQUIRE(memcmp(frame, again, size) == 0);
    }
}

/* One flipped bit anywhere, and the frame is refused. */
static void
test_bus_refuses_every_flipped_bit(void)
{
    OrrRng rng = orr_rng_new(4);

    for (int type = ORR_MESSAGE_PING; type < ORR_MESSAGE_TYPES; type++) {
        OrrMessage message = sample_message(&rng, (OrrMessageType)type, strings);
        size_t size = orr_bus_encode(&message, frame);

        for (size_t bit = 0; bit < size * 8; bit++) {
            frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
            T_REQUIRE(orr_bus_decode(orr_bytes(frame, size), &message) == ORR_MALFORMED);
            frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        T_EQ(orr_bus_decode(orr_bytes(frame, size), &message), ORR_OK);
    }
}

/* A frame that is too short or too long is refused, whatever is missing or too much. */
static void
test_bus_refuses_every_other_length(void)
{
    OrrRng rng = orr_rng_new(5);

    for (int type = ORR_MESSAGE_PING; type < ORR_MESSAGE_TYPES; type++) {
        OrrMessage message = sample_message(&rng, (OrrMessageType)type, strings);
        size_t size = orr_bus_encode(&message, frame);

        for (size_t length = 0; length < size + 20; length++) {
            T_REQUIRE(length == size ||
                      orr_bus_decode(orr_bytes(frame, length), &message) == ORR_MALFORMED);
        }
    }
    OrrMessage none;
    T_EQ(orr_bus_decode(ORR_BYTES_EMPTY, &none), ORR_MALFORMED);
}

/* The header stands where the manual says. */
static void
test_bus_header_is_as_documented(void)
{
    OrrMessage message = {.type = ORR_MESSAGE_REPORT,
                          .incarnation = 0x0102030405060708,
                          .sequence = 0x1112131415161718};

    memset(message.cluster.bytes, 0xcc, ORR_ID_SIZE);
    memset(message.sender.bytes, 0xdd, ORR_ID_SIZE);
    size_t size = orr_bus_encode(&message, frame);

    T_EQ(memcmp(frame, "ORRB", 4), 0);
    T_EQ(frame[4], ORR_BUS_VERSION);
    T_EQ(frame[5], ORR_MESSAGE_REPORT);
    T_EQ(frame[8], 0xcc);
    T_EQ(frame[27], 0xcc);
    T_EQ(frame[28], 0xdd);
    T_EQ(frame[47], 0xdd);
    T_EQ(frame[48], 0x08);
    T_EQ(frame[56], 0x18);
    T_EQ(frame[64] + 256 * frame[65], size - ORR_BUS_HEADER_SIZE);
    T_EQ(size, ORR_BUS_HEADER_SIZE + ORR_ID_SIZE + 8 + 1 + 8);
}

/* The format does not drift: this frame was written by the first version. */
static void
test_bus_reads_the_first_version(void)
{
    static const char expected[] =
        "4f525242011000000101010101010101010101010101010101010101020202020202020202020202020202"
        "02020202020300000000000000040000000000000041000000";
    OrrMessage message = {.type = ORR_MESSAGE_SYNC_ACK, .incarnation = 3, .sequence = 4};
    char text[sizeof expected];

    memset(message.cluster.bytes, 1, ORR_ID_SIZE);
    memset(message.sender.bytes, 2, ORR_ID_SIZE);
    message.sync.records = orr_bytes_of_string("abcd");
    (void)orr_bus_encode(&message, frame);
    for (size_t i = 0; i < 68; i++) {
        snprintf(text + 2 * i, 3, "%02x", frame[i]);
    }
    T_STR_EQ(text, expected);
    T_EQ(orr_load_u32(frame + 68), 0xb5838f15);
}

/* What must fit a datagram fits one, with as many facts as a heartbeat carries. */
static void
test_bus_control_frames_fit_a_datagram(void)
{
    OrrRng rng = orr_rng_new(6);

    for (unsigned i = 0; i < 400; i++) {
        for (int type = ORR_MESSAGE_PING; type < ORR_MESSAGE_TYPES; type++) {
            OrrMessage message = sample_message(&rng, (OrrMessageType)type, strings);
            size_t size = orr_bus_encode(&message, frame);

            T_REQUIRE(orr_message_lane(message.type) == ORR_LANE_DATA ||
                      size <= ORR_CONTROL_FRAME_MAX);
        }
    }
}

/* Replication goes in order, everything else does not wait for it. */
static void
test_bus_lanes_and_names(void)
{
    for (int type = ORR_MESSAGE_PING; type < ORR_MESSAGE_TYPES; type++) {
        T_EQ(orr_message_lane((OrrMessageType)type),
             type < ORR_MESSAGE_SYNC_REQUEST ? ORR_LANE_CONTROL : ORR_LANE_DATA);
        T_TRUE(strcmp(orr_message_name((OrrMessageType)type), "unknown") != 0);
    }
    T_STR_EQ(orr_message_name(ORR_MESSAGE_TYPES), "unknown");
    T_STR_EQ(orr_message_name((OrrMessageType)0), "unknown");
}

/* Every answer of replication has room for a whole lineage. */
static void
test_bus_has_room_for_a_lineage(void)
{
    OrrRng rng = orr_rng_new(8);

    for (int type = ORR_MESSAGE_SYNC_REQUEST; type < ORR_MESSAGE_TYPES; type++) {
        OrrMessage message = sample_message(&rng, (OrrMessageType)type, strings);

        message.sync.records = orr_bytes(strings, ORR_LINEAGE_SIZE_MAX);
        T_TRUE(orr_bus_encode(&message, frame) <= orr_bus_size_max(&message));
    }
}

/* Facts come out one by one as they went in; a cut one, or one out of range, is refused. */
static void
test_bus_facts_come_out_as_they_went_in(void)
{
    OrrRng rng = orr_rng_new(9);

    for (unsigned i = 0; i < 2000; i++) {
        OrrFact sent = sample_fact(&rng);
        OrrFact received;
        size_t size = orr_fact_encode(&sent, frame, FRAME_ROOM);
        OrrBytes rest = orr_bytes(frame, size);

        T_REQUIRE(size > 0 && size <= ORR_FACT_SIZE_MAX);
        T_REQUIRE(orr_fact_encode(&sent, again, size - 1) == 0);
        T_REQUIRE(orr_fact_next(&rest, &received) == ORR_OK);
        T_REQUIRE(rest.size == 0);
        T_REQUIRE(orr_fact_encode(&received, again, FRAME_ROOM) == size);
        T_REQUIRE(memcmp(frame, again, size) == 0);
        T_REQUIRE(orr_fact_next(&rest, &received) == ORR_NOT_FOUND);
        for (size_t cut = 1; cut < size; cut++) {
            rest = orr_bytes(frame, cut);
            T_REQUIRE(orr_fact_next(&rest, &received) == ORR_MALFORMED);
        }
    }
}

/* Ranges of slots that are none, and states that do not exist, are refused. */
static void
test_bus_refuses_facts_out_of_range(void)
{
    OrrFact slots = {.kind = ORR_FACT_SLOTS, .slots = {.range = {5, 4}}};
    OrrFact member = {.kind = ORR_FACT_MEMBER, .member = {.state = 4}};
    OrrFact out;
    OrrBytes rest = orr_bytes(frame, orr_fact_encode(&slots, frame, FRAME_ROOM));

    T_EQ(orr_fact_next(&rest, &out), ORR_MALFORMED);
    slots.slots.range = (OrrSlotRange){0, 16384};
    rest = orr_bytes(frame, orr_fact_encode(&slots, frame, FRAME_ROOM));
    T_EQ(orr_fact_next(&rest, &out), ORR_MALFORMED);
    rest = orr_bytes(frame, orr_fact_encode(&member, frame, FRAME_ROOM));
    T_EQ(orr_fact_next(&rest, &out), ORR_MALFORMED);
    frame[0] = 0;
    rest = orr_bytes(frame, 30);
    T_EQ(orr_fact_next(&rest, &out), ORR_MALFORMED);
}

/* A history is named by all three: shard, epoch, primary. */
static void
test_bus_histories_have_names_of_their_own(void)
{
    OrrId a = orr_id_of_name(orr_bytes_of_string("a"));
    OrrId b = orr_id_of_name(orr_bytes_of_string("b"));
    uint64_t name = orr_history_of(&a, 1, &b);

    T_TRUE(name == orr_history_of(&a, 1, &b));
    T_TRUE(name != orr_history_of(&a, 2, &b));
    T_TRUE(name != orr_history_of(&a, 1, &a));
    T_TRUE(name != orr_history_of(&b, 1, &b));
}

/* Whoever reads a stream learns from the header how long the frame is, and hears of a frame
 * that is too long before a byte of room is made for it. */
static void
test_bus_tells_the_size_of_a_frame_from_its_header(void)
{
    OrrMessage message = {.type = ORR_MESSAGE_REFUSAL, .refusal = ORR_REFUSAL_NOT_ME};
    size_t whole = orr_bus_encode(&message, frame);
    size_t size = 0;

    T_EQ(orr_bus_frame_size(orr_bytes(frame, ORR_BUS_HEADER_SIZE - 1), &size), ORR_AGAIN);
    T_EQ(orr_bus_frame_size(orr_bytes(frame, ORR_BUS_HEADER_SIZE), &size), ORR_OK);
    T_EQ(size, whole);

    frame[64 + 3] = 1; /* 16 MB more */
    T_EQ(orr_bus_frame_size(orr_bytes(frame, whole), &size), ORR_MALFORMED);
    frame[64 + 3] = 0;
    frame[0] = 'X';
    T_EQ(orr_bus_frame_size(orr_bytes(frame, whole), &size), ORR_MALFORMED);
}

static const Test TESTS[] = {
    TEST(test_bus_messages_arrive_as_they_were_sent),
    TEST(test_bus_refuses_every_flipped_bit),
    TEST(test_bus_refuses_every_other_length),
    TEST(test_bus_header_is_as_documented),
    TEST(test_bus_reads_the_first_version),
    TEST(test_bus_control_frames_fit_a_datagram),
    TEST(test_bus_lanes_and_names),
    TEST(test_bus_has_room_for_a_lineage),
    TEST(test_bus_facts_come_out_as_they_went_in),
    TEST(test_bus_refuses_facts_out_of_range),
    TEST(test_bus_histories_have_names_of_their_own),
    TEST(test_bus_tells_the_size_of_a_frame_from_its_header),
};

T_MAIN("bus", TESTS)
