/* Stories of a shard: a primary, its replicas, and what comes between them. */
#include "check.h"

#include "replication_rig.h"

#define MS ORR_NS_PER_MS
#define S ORR_NS_PER_S

enum { A, B, C };

static void
begin(Rig *rig, unsigned count, const OrrSettings *settings)
{
    rig_init(rig, count, 7, settings);
    rig_promote(rig, A);
    rig_follow_all(rig);
    rig_run(rig, 100 * MS);
}

/* Every write reaches every replica; at 200 writes a second there are far fewer
 * acknowledgements than stream frames. */
static void
test_replication_streams_to_all(void)
{
    OrrSettings settings = rig_settings();
    Rig rig;

    begin(&rig, 3, &settings);
    rig_write(&rig, A, 1000, 5 * MS);
    rig_run(&rig, 200 * MS);

    T_TRUE(rig_settled(&rig));
    T_TRUE(rig.sent[ORR_MESSAGE_STREAM] >= 2000);
    T_TRUE(rig.sent[ORR_MESSAGE_STREAM_ACK] * 10 < rig.sent[ORR_MESSAGE_STREAM]);
    T_EQ(rig.sent[ORR_MESSAGE_SYNC_FULL], 0);
    T_EQ(rig.sent[ORR_MESSAGE_SYNC_REQUEST], 2);
    rig_clear(&rig);
}

/* Several writes of one step leave as one frame. */
static void
test_replication_batches_a_step(void)
{
    OrrSettings settings = rig_settings();
    uint8_t bytes[2000];
    size_t used = 0;
    Rig rig;

    begin(&rig, 2, &settings);
    uint64_t before = rig.sent[ORR_MESSAGE_STREAM];
    for (unsigned i = 1; i <= 16; i++) {
        OrrRecord record = {.kind = ORR_RECORD_STRING,
                            .version = i,
                            .key = orr_bytes_of_string("k"),
                            .value = orr_bytes_of_string("v")};

        used += orr_record_encode(&record, bytes + used);
    }
    T_EQ(orr_replication_append(rig.machines[A].replication, rig.now, orr_bytes(bytes, used),
                                rig.out),
         ORR_OK);
    rig_ask_acks(&rig, A);
    T_EQ(rig.sent[ORR_MESSAGE_STREAM] - before, 1);
    rig_clear(&rig);
}

/* WAIT: nobody has acknowledged before the answer is there; asked, they answer at once. */
static void
test_replication_counts_acknowledgements(void)
{
    OrrSettings settings = rig_settings();
    Rig rig;

    settings.replica_ack_ns = 10 * S;
    begin(&rig, 3, &settings);
    rig_write(&rig, A, 1, 0);
    uint64_t offset = orr_replication_offset(rig.machines[A].replication);
    rig_run(&rig, 5 * MS);
    rig_write(&rig, A, 1, 0);
    offset = orr_replication_offset(rig.machines[A].replication);
    T_EQ(orr_replication_acked(rig.machines[A].replication, offset), 0);
    rig_run(&rig, 10 * MS);
    T_EQ(orr_replication_acked(rig.machines[A].replication, offset), 0);

    rig_ask_acks(&rig, A);
    rig_run(&rig, 3 * MS);

    T_EQ(orr_replication_acked(rig.machines[A].replication, offset), 2);
    T_EQ(orr_replication_good_replicas(rig.machines[A].replication, rig.now, S), 2);
    rig_clear(&rig);
}

/* A replica that was away for a moment gets what it missed, and no more. */
static void
test_replication_short_absence_is_partial(void)
{
    OrrSettings settings = rig_settings();
    Rig rig;

    begin(&rig, 2, &settings);
    rig_write(&rig, A, 50, MS);
    rig_break(&rig, A, B);
    rig_write(&rig, A, 50, 0);
    rig_run(&rig, S);

    T_TRUE(rig_settled(&rig));
    T_EQ(rig_view(&rig, B).partial_syncs_in, 2);
    T_EQ(rig_view(&rig, B).full_syncs_in, 0);
    rig_clear(&rig);
}

/* A replica that was away for longer than the backlog reaches gets everything, once. */
static void
test_replication_long_absence_is_full(void)
{
    OrrSettings settings = rig_settings();
    Rig rig;

    settings.backlog_size = 4096;
    begin(&rig, 2, &settings);
    rig_write(&rig, A, 50, MS);
    rig_break(&rig, A, B);
    rig_write(&rig, A, 500, 0);
    rig_run(&rig, 2 * S);

    T_TRUE(rig_settled(&rig));
    T_EQ(rig_view(&rig, B).full_syncs_in, 1);
    T_EQ(rig_view(&rig, A).full_syncs_done, 1);
    rig_clear(&rig);
}

/* A silent cut, without any broken connection: the replica notices by itself. */
static void
test_replication_silent_cut_heals(void)
{
    OrrSettings settings = rig_settings();
    Rig rig;

    begin(&rig, 3, &settings);
    rig_cut(&rig, A, B, true);
    rig_write(&rig, A, 200, 100 * MS);
    T_TRUE(rig_view(&rig, B).in_sync_ns < rig.now.mono_ns - 10 * S);
    T_TRUE(rig_view(&rig, C).in_sync_ns > rig.now.mono_ns - S);
    rig_cut(&rig, A, B, false);
    rig_run(&rig, 3 * S);

    T_TRUE(rig_settled(&rig));
    T_EQ(rig_view(&rig, B).full_syncs_in, 0);
    rig_clear(&rig);
}

/* After a promotion the other replica, and the old primary if it has nothing more, go on from
 * where they are: no full copies. PSYNC2 of Redis. */
static void
test_replication_promotion_needs_no_copy(void)
{
    OrrSettings settings = rig_settings();
    Rig rig;

    begin(&rig, 3, &settings);
    rig_write(&rig, A, 100, MS);
    rig_run(&rig, 100 * MS);
    rig_promote(&rig, B);
    rig_write(&rig, B, 100, MS);
    rig_follow_all(&rig);
    rig_write(&rig, B, 100, MS);
    rig_run(&rig, S);

    T_TRUE(rig_settled(&rig));
    T_EQ(rig.sent[ORR_MESSAGE_SYNC_FULL], 0);
    T_EQ(rig.machines[A].ledgers_closed, 0);
    T_EQ(rig_view(&rig, A).data_epoch, 2);
    rig_clear(&rig);
}

/* A primary that takes a new epoch keeps its replicas, without any question. */
static void
test_replication_epoch_bump_keeps_replicas(void)
{
    OrrSettings settings = rig_settings();
    Rig rig;

    begin(&rig, 3, &settings);
    rig_write(&rig, A, 100, MS);
    rig_promote(&rig, A);
    rig_write(&rig, A, 100, MS);
    rig_run(&rig, 100 * MS);

    T_TRUE(rig_settled(&rig));
    T_EQ(rig.sent[ORR_MESSAGE_SYNC_REQUEST], 2);
    T_EQ(rig_view(&rig, B).data_epoch, 2);
    rig_clear(&rig);
}

/* A replica that does not acknowledge gets one window and no more, and everything once it does.
 */
static void
test_replication_window_bounds_what_is_under_way(void)
{
    OrrSettings settings = rig_settings();
    Rig rig;

    settings.sync_window_size = 4096;
    begin(&rig, 2, &settings);
    rig.cut[B][A] = true; /* acknowledgements are lost */
    uint64_t before = rig.sent[ORR_MESSAGE_STREAM];
    uint64_t offset = orr_replication_offset(rig.machines[A].replication);
    rig_write(&rig, A, 500, MS);
    uint64_t reached = orr_replication_offset(rig.machines[B].replication) - offset;
    T_TRUE(rig.sent[ORR_MESSAGE_STREAM] - before < 100);
    T_TRUE(reached >= 4096 && reached < 4096 + 400);

    rig.cut[B][A] = false;
    rig_run(&rig, 7 * S);
    T_TRUE(rig_settled(&rig));
    rig_clear(&rig);
}

/* The largest record there is gets through a small backlog, alone and in a full copy. */
static void
test_replication_carries_the_largest_record(void)
{
    OrrSettings settings = rig_settings();
    char *key = calloc(1, ORR_KEY_SIZE_MAX + 1);
    char *value = calloc(1, ORR_VALUE_SIZE_MAX + 1);
    Rig rig;

    T_REQUIRE(key != NULL && value != NULL);
    memset(key, 'k', ORR_KEY_SIZE_MAX);
    memset(value, 'v', ORR_VALUE_SIZE_MAX);
    settings.backlog_size = 10000;
    settings.sync_window_size = 10000;
    begin(&rig, 3, &settings);
    rig_cut(&rig, A, C, true);
    rig_put(&rig, A, ORR_RECORD_HASH_FIELD, key, key, value, ORR_EXPIRE_NEVER);
    rig_write(&rig, A, 50, MS);
    rig_run(&rig, 200 * MS);
    T_EQ(rig_view(&rig, B).full_syncs_in, 0);
    T_EQ(rig_view(&rig, B).offset, rig_view(&rig, A).offset);
    rig_write(&rig, A, 100, MS);
    rig_cut(&rig, A, C, false);
    rig_run(&rig, 10 * S);

    T_TRUE(rig_settled(&rig));
    T_EQ(rig_view(&rig, C).full_syncs_in, 1);
    rig_clear(&rig);
    free(key);
    free(value);
}

/* Messages for another shard, from a stranger, or of nonsense, change nothing. */
static void
test_replication_ignores_nonsense(void)
{
    OrrSettings settings = rig_settings();
    OrrRng rng = orr_rng_new(t_seed(5));
    Rig rig;

    begin(&rig, 3, &settings);
    rig_write(&rig, A, 50, MS);
    for (unsigned i = 0; i < 20000; i++) {
        uint8_t noise[64];
        unsigned to = (unsigned)orr_rng_below(&rng, 3);
        unsigned from = (unsigned)orr_rng_below(&rng, 3);
        OrrMessage message = {.sender = rig.machines[from].id};
        OrrLineage lineage = *orr_replication_lineage(rig.machines[from].replication);
        uint8_t buffer[ORR_LINEAGE_SIZE_MAX];

        for (size_t k = 0; k < sizeof noise; k++) {
            noise[k] = (uint8_t)orr_rng_next(&rng);
        }
        message.type = (OrrMessageType)orr_rng_between(&rng, ORR_MESSAGE_SYNC_REQUEST,
                                                       ORR_MESSAGE_STREAM_ACK);
        message.sync.shard = orr_rng_chance_ppm(&rng, 900000) ? rig.shard : ORR_ID_NONE;
        message.sync.epoch = orr_rng_below(&rng, 3);
        message.sync.history = lineage.histories[0].id;
        message.sync.offset = lineage.offset + orr_rng_below(&rng, 3) * 1000 - 1000;
        message.sync.count = orr_rng_next(&rng) >> orr_rng_below(&rng, 64);
        message.sync.refusal = (uint8_t)orr_rng_below(&rng, 8);
        message.sync.records = orr_bytes(noise, orr_rng_below(&rng, sizeof noise));
        if (orr_rng_chance_ppm(&rng, 300000)) {
            lineage.offset += orr_rng_below(&rng, 2000);
            message.sync.records = orr_bytes(buffer, orr_lineage_encode(&lineage, buffer));
        }
        (void)orr_replication_received(rig.machines[to].replication, rig.now,
                                       &rig.machines[from].address, &message, rig.out);
        orr_effects_clear(rig.out);
    }
    rig_run(&rig, 300 * S);
    rig_follow_all(&rig);
    rig_write(&rig, A, 50, MS);
    rig_run(&rig, 300 * S);
    T_TRUE(rig_settled(&rig));
    rig_clear(&rig);
}

static const Test TESTS[] = {
    TEST(test_replication_streams_to_all),
    TEST(test_replication_batches_a_step),
    TEST(test_replication_counts_acknowledgements),
    TEST(test_replication_short_absence_is_partial),
    TEST(test_replication_long_absence_is_full),
    TEST(test_replication_silent_cut_heals),
    TEST(test_replication_promotion_needs_no_copy),
    TEST(test_replication_epoch_bump_keeps_replicas),
    TEST(test_replication_window_bounds_what_is_under_way),
    TEST(test_replication_carries_the_largest_record),
    TEST(test_replication_ignores_nonsense),
};

T_MAIN("replication", TESTS)
