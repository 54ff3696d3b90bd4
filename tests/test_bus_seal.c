/* Who may speak on the bus: frames carry the mark of a shared key, and no frame is heard twice.
 */
#include "check.h"

#include "base/sha256.h"
#include "box.h"
#include "bus_samples.h"
#include "wire/replay.h"

#define KEY "a key that all nodes share"
#define FRAME_ROOM 4096u

static const char HEX[] = "0123456789abcdef";

static void
format_hex(const uint8_t *bytes, size_t size, char *text)
{
    for (size_t i = 0; i < size; i++) {
        text[2 * i] = HEX[bytes[i] >> 4];
        text[2 * i + 1] = HEX[bytes[i] & 15];
    }
    text[2 * size] = '\0';
}

/* The tag is that of RFC 4231, whose seven cases are these. */
static void
test_hmac_agrees_with_rfc_4231(void)
{
    static const struct {
        int key_byte; /* repeated, or -1: the text */
        size_t key_size;
        const char *key;
        int data_byte;
        size_t data_size;
        const char *data;
        const char *tag;
    } cases[] = {
        {0x0b, 20, NULL, -1, 0, "Hi There",
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {-1, 0, "Jefe", -1, 0, "what do ya want for nothing?",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {0xaa, 20, NULL, 0xdd, 50, NULL,
         "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        {-1, 0,
         "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14"
         "\x15\x16\x17\x18\x19",
         0xcd, 50, NULL, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
        {0x0c, 20, NULL, -1, 0, "Test With Truncation", "a3b6167473100ee06e0c796c2955552b"},
        {0xaa, 131, NULL, -1, 0, "Test Using Larger Than Block-Size Key - Hash Key First",
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        {0xaa, 131, NULL, -1, 0,
         "This is a test using a larger than block-size key and a larger than block-size data. "
         "The key needs to be hashed before being used by the HMAC algorithm.",
         "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        uint8_t key[256];
        uint8_t data[256];
        uint8_t tag[ORR_SHA256_SIZE];
        char text[ORR_SHA256_SIZE * 2 + 1];
        OrrBytes key_bytes = orr_bytes(key, cases[i].key_size);
        OrrBytes data_bytes = orr_bytes(data, cases[i].data_size);
        OrrHmac hmac;

        memset(key, cases[i].key_byte, sizeof key);
        memset(data, cases[i].data_byte, sizeof data);
        key_bytes = cases[i].key != NULL ? orr_bytes_of_string(cases[i].key) : key_bytes;
        data_bytes = cases[i].data != NULL ? orr_bytes_of_string(cases[i].data) : data_bytes;
        orr_hmac_init(&hmac, key_bytes);
        orr_hmac_tag(&hmac, data_bytes, tag);
        format_hex(tag, sizeof tag, text);
        text[strlen(cases[i].tag)] = '\0';
        T_STR_EQ(text, cases[i].tag);
    }
}

/* The hash is the same however the bytes come, and whatever their number: GLib's is the
 * oracle. */
static void
test_sha256_agrees_with_another(void)
{
    OrrRng rng = orr_rng_new(t_seed(1));
    uint8_t bytes[300];

    sample_bytes(&rng, bytes, sizeof bytes);
    for (size_t size = 0; size <= sizeof bytes; size++) {
        g_autofree char *expected = g_compute_checksum_for_data(G_CHECKSUM_SHA256, bytes, size);
        size_t cut = (size_t)orr_rng_below(&rng, (uint32_t)size + 1);
        uint8_t digest[ORR_SHA256_SIZE];
        char text[ORR_SHA256_SIZE * 2 + 1];
        OrrSha256 hash;

        orr_sha256_init(&hash);
        orr_sha256_add(&hash, orr_bytes(bytes, cut));
        orr_sha256_add(&hash, orr_bytes(bytes + cut, size - cut));
        orr_sha256_end(&hash, digest);
        format_hex(digest, sizeof digest, text);
        T_STR_EQ(text, expected);
    }
}

/* A sealed frame arrives as it was sent; with any one bit changed, or another key, it does not.
 */
static void
test_sealed_frames_cannot_be_changed(void)
{
    OrrRng rng = orr_rng_new(t_seed(2));
    OrrBusKey *key = orr_bus_key_new(orr_bytes_of_string(KEY));
    OrrBusKey *other = orr_bus_key_new(orr_bytes_of_string(KEY "!"));
    uint8_t strings[SAMPLE_BYTES_MAX];
    uint8_t frame[FRAME_ROOM];
    OrrMessage received;

    for (unsigned type = ORR_MESSAGE_PING; type < ORR_MESSAGE_TYPES; type++) {
        OrrMessage sent = sample_message(&rng, (OrrMessageType)type, strings);
        size_t size = orr_bus_encode_sealed(&sent, key, frame);
        size_t told;

        T_REQUIRE(size <= orr_bus_size_max(&sent));
        T_EQ(orr_bus_frame_size(orr_bytes(frame, size), &told), ORR_OK);
        T_EQ(told, size);
        T_EQ(orr_bus_check_seal(orr_bytes(frame, size), key), ORR_SEAL_RIGHT);
        T_EQ(orr_bus_check_seal(orr_bytes(frame, size), other), ORR_SEAL_WRONG);
        T_EQ(orr_bus_check_seal(orr_bytes(frame, size), NULL), ORR_SEAL_UNWANTED);
        T_EQ(orr_bus_decode(orr_bytes(frame, size), &received), ORR_OK);
        T_EQ(received.sequence, sent.sequence);
        for (size_t bit = 0; bit < size * 8; bit += 1 + orr_rng_below(&rng, 7)) {
            frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
            T_TRUE(orr_bus_check_seal(orr_bytes(frame, size), key) != ORR_SEAL_RIGHT);
            frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        size = orr_bus_encode(&sent, frame);
        T_EQ(orr_bus_check_seal(orr_bytes(frame, size), key), ORR_SEAL_MISSING);
        T_EQ(orr_bus_check_seal(orr_bytes(frame, size), NULL), ORR_SEAL_RIGHT);
    }
    orr_bus_key_free(key);
    orr_bus_key_free(other);
}

/* Each number of each life is taken once, in any order within the window, and never after it.
 */
static void
test_replay_takes_each_number_once(void)
{
    OrrRng rng = orr_rng_new(t_seed(3));
    OrrReplay *replay = orr_replay_new();
    OrrId id = sample_id(&rng);
    uint64_t highest = 1000;
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);

    T_TRUE(orr_replay_admit(replay, &id, ORR_LANE_CONTROL, 5, highest));
    g_hash_table_add(seen, GUINT_TO_POINTER(highest));
    for (int i = 0; i < 200000; i++) {
        bool jump = orr_rng_below(&rng, 1000) == 0;
        uint64_t number = highest + orr_rng_below(&rng, jump ? 5000 : 8);
        bool expected;

        number -= MIN(number, orr_rng_below(&rng, 2500));
        expected = number > highest || (highest - number < ORR_REPLAY_CONTROL_BITS &&
                                        !g_hash_table_contains(seen, GUINT_TO_POINTER(number)));
        if (orr_replay_admit(replay, &id, ORR_LANE_CONTROL, 5, number) != expected) {
            T_REQUIRE(false);
        }
        g_hash_table_add(seen, GUINT_TO_POINTER(number));
        highest = MAX(highest, number);
    }
    T_TRUE(orr_replay_admit(replay, &id, ORR_LANE_DATA, 5, 1)); /* a window of its own */
    T_FALSE(orr_replay_admit(replay, &id, ORR_LANE_DATA, 4, 2));
    T_TRUE(orr_replay_admit(replay, &id, ORR_LANE_CONTROL, 6, 1)); /* a new life */
    T_FALSE(orr_replay_admit(replay, &id, ORR_LANE_CONTROL, 6, 1));
    T_FALSE(orr_replay_admit(replay, &id, ORR_LANE_CONTROL, 5, highest + 1));
    orr_replay_free(replay);
}

/* Strangers beyond the maximum push out whoever was silent longest, and nobody else. */
static void
test_replay_forgets_the_silent(void)
{
    OrrReplay *replay = orr_replay_new();
    OrrId id = {{0}};

    for (uint32_t i = 0; i <= ORR_REPLAY_PEERS_MAX; i++) {
        memcpy(id.bytes, &i, sizeof i);
        T_TRUE(orr_replay_admit(replay, &id, ORR_LANE_CONTROL, 1, 7));
    }
    T_FALSE(orr_replay_admit(replay, &id, ORR_LANE_CONTROL, 1, 7));
    id = (OrrId){{1}};
    T_FALSE(orr_replay_admit(replay, &id, ORR_LANE_CONTROL, 1, 7));
    id = (OrrId){{0}};
    T_TRUE(orr_replay_admit(replay, &id, ORR_LANE_CONTROL, 1, 7));
    orr_replay_free(replay);
}

static Box *
keyed_box(void)
{
    OrrSettings settings = orr_settings_default();

    settings.node_timeout_ns = 2 * ORR_NS_PER_S;
    (void)g_strlcpy(settings.bus_key, KEY, sizeof settings.bus_key);
    return box_new(3, 1, &settings);
}

/* Nodes that share a key are a cluster; one with another key, or none, is no part of it, is
 * counted, and is written about once. */
static void
test_wrong_keys_stay_outside(void)
{
    static const char *const keys[] = {"another key entirely", ""};
    static const char *const told[] = {"frame-refused another bus key",
                                       "frame-refused it has no bus key"};

    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        Box *box = keyed_box();
        char *key = box->nodes[2].config.settings.bus_key;

        memset(key, 0, ORR_SECRET_SIZE);
        (void)g_strlcpy(key, keys[i], ORR_SECRET_SIZE);
        box_boot_all(box);
        box_run(box, 20 * ORR_NS_PER_S);
        T_TRUE(box_view(box, 0).frames_unsealed > 10);
        T_EQ(box_view(box, 2).frames_unsealed, 0); /* it is not answered */
        T_EQ(box_view(box, 0).frames_replayed, 0);
        T_EQ(box_view(box, 0).member_count, 5);
        T_EQ(box_view(box, 2).member_count, 1);
        T_TRUE(box_traced(box, told[i]));
        T_EQ(box_trace_count(box, told[i]), 1);
        T_EQ(box_owner(box, 1), 0);
        box_free(box);
    }
}

/* A cluster with a key works as one without: it forms, and replaces a dead primary. */
static void
test_a_keyed_cluster_fails_over(void)
{
    Box *box = keyed_box();

    box->loss_ppm = 20000;
    box->jitter_ns = 30 * ORR_NS_PER_MS;
    box_boot_all(box);
    box_run(box, 10 * ORR_NS_PER_S);
    T_EQ(box_owner(box, 1), 0);
    box_kill(box, 0);
    box_run(box, 10 * ORR_NS_PER_S);
    T_TRUE(box_owner(box, 1) > 0);
    T_EQ(box_view(box, 1).frames_unsealed, 0);
    T_EQ(box_view(box, 1).frames_replayed, 0);
    box_free(box);
}

/* A frame that was recorded and comes again, or was changed, never reaches a machine: the state
 * of the node is the same, only a counter tells. */
static void
test_recorded_frames_are_not_heard(void)
{
    Box *box = keyed_box();
    OrrBusKey *key = orr_bus_key_new(orr_bytes_of_string(KEY));
    OrrMessage ping = {.type = ORR_MESSAGE_PING, .sequence = 1000000};
    OrrEvent event = {.type = ORR_EVENT_RECEIVED};
    uint8_t frame[ORR_CONTROL_FRAME_MAX];
    OrrNodeView peer;
    size_t size;
    uint64_t digest;

    box_boot_all(box);
    box_run(box, 10 * ORR_NS_PER_S);
    peer = box_view(box, 1);
    ping.cluster = peer.cluster;
    ping.sender = peer.id;
    ping.incarnation = peer.incarnation;
    ping.pulse.current_epoch = 77; /* whoever hears this knows of epoch 77 */
    size = orr_bus_encode_sealed(&ping, key, frame);
    event.received.from = box->nodes[1].address;
    event.received.frame = orr_bytes(frame, size);

    digest = orr_node_digest(box->nodes[0].node);
    frame[ORR_BUS_HEADER_SIZE] ^= 1;
    T_EQ(box_event(box, 0, &event), ORR_MALFORMED);
    frame[ORR_BUS_HEADER_SIZE] ^= 1;
    T_EQ(orr_node_digest(box->nodes[0].node), digest);
    T_EQ(box_view(box, 0).frames_unsealed, 1);

    T_EQ(box_event(box, 0, &event), ORR_OK);
    T_TRUE(orr_node_digest(box->nodes[0].node) != digest);
    digest = orr_node_digest(box->nodes[0].node);
    T_EQ(box_event(box, 0, &event), ORR_MALFORMED);
    T_EQ(orr_node_digest(box->nodes[0].node), digest);
    T_EQ(box_view(box, 0).frames_replayed, 1);
    orr_bus_key_free(key);
    box_free(box);
}

static const Test tests[] = {
    TEST(test_hmac_agrees_with_rfc_4231),       TEST(test_sha256_agrees_with_another),
    TEST(test_sealed_frames_cannot_be_changed), TEST(test_replay_takes_each_number_once),
    TEST(test_replay_forgets_the_silent),       TEST(test_wrong_keys_stay_outside),
    TEST(test_a_keyed_cluster_fails_over),      TEST(test_recorded_frames_are_not_heard),
};

T_MAIN("bus_seal", tests)
