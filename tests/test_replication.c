/* Stories of a shard: a primary, its replicas, and what goes wrong between them. Each check is
 * a function that says whether its promise held, so that a planted bug can be seen to break it.
 */
#include "check.h"

#include "replication_rig.h"

#define MS ORR_NS_PER_MS
#define S ORR_NS_PER_S

enum { A, B, C, D, E, F };

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

/* Many keys at the primary, in no time. */
static void
put_keys(Rig *rig, unsigned count)
{
    char key[32];

    for (unsigned i = 0; i < count; i++) {
        g_snprintf(key, sizeof key, "key:%u", i);
        rig_put(rig, A, ORR_RECORD_STRING, key, "", "some value of medium size", 0);
    }
}

/* --- promises that a planted bug must be seen to break --- */

/* An isolated primary goes on acknowledging; when it comes back, it lists every one of these
 * writes, and nothing else, and then has the new primary's data. */
static bool
ledger_is_exact(const OrrSettings *settings, bool restart)
{
    Rig rig;

    begin(&rig, 3, settings);
    rig.keep_quiet = settings->planted != 0;
    rig_write(&rig, A, 100, MS);
    rig_run(&rig, 100 * MS);
    rig_cut(&rig, A, B, true);
    rig_cut(&rig, A, C, true);
    rig_write(&rig, A, 40, MS);
    rig_promote(&rig, B);
    rig_follow(&rig, C);
    rig_write(&rig, B, 60, MS);
    rig_promote(&rig, C); /* a second one, that A never hears of by itself */
    rig_follow(&rig, B);
    rig_write(&rig, C, 60, MS);
    if (restart) {
        rig_kill(&rig, A);
        rig_restart(&rig, A, 0, false);
    }
    rig_cut(&rig, A, B, false);
    rig_cut(&rig, A, C, false);
    rig_follow_all(&rig);
    rig_run(&rig, 3 * S);

    const OrrLedger *ledger = orr_replication_ledger(rig.machines[A].replication);
    bool held = rig_settled(&rig) && !rig.wrong_ledger && rig.machines[A].ledgers_closed == 1 &&
                orr_ledger_count(ledger) == 40 && rig.machines[A].ledgers_short == 0 &&
                rig.machines[B].ledgers_closed + rig.machines[C].ledgers_closed == 0;

    rig_clear(&rig);
    return held;
}

static void
test_replication_lists_what_it_drops(void)
{
    OrrSettings settings = rig_settings();

    T_TRUE(ledger_is_exact(&settings, false));
}

/* Also when it was killed in between: the log gives the backlog back. */
static void
test_replication_lists_what_it_drops_after_a_restart(void)
{
    OrrSettings settings = rig_settings();

    T_TRUE(ledger_is_exact(&settings, true));
}

/* When the backlog no longer reaches back, the ledger says that it is cut short, and still has
 * every key whose last version is lost. */
static void
test_replication_ledger_says_when_it_is_short(void)
{
    OrrSettings settings = rig_settings();
    Rig rig;

    settings.backlog_size = 2000;
    begin(&rig, 2, &settings);
    rig_write(&rig, A, 30, MS);
    rig_run(&rig, 100 * MS);
    rig_cut(&rig, A, B, true);
    rig_put(&rig, A, ORR_RECORD_STRING, "early", "", "lost", ORR_EXPIRE_NEVER);
    rig_write(&rig, A, 200, 0);
    rig_promote(&rig, B);
    rig_cut(&rig, A, B, false);
    rig_follow(&rig, A);
    rig_run(&rig, 3 * S);

    const OrrLedger *ledger = orr_replication_ledger(rig.machines[A].replication);
    bool early = false;

    for (size_t i = 0; i < orr_ledger_count(ledger); i++) {
        early |= orr_bytes_equal(orr_ledger_get(ledger, i).key, orr_bytes_of_string("early"));
    }
    T_TRUE(early);
    T_EQ(rig.machines[A].ledgers_short, 1);
    T_FALSE(rig.wrong_ledger);
    T_TRUE(rig_settled(&rig));
    rig_clear(&rig);
}

/* A primary whose disk was wiped is not copied: its replica keeps the data, and the primary
 * learns who has more. */
static bool
emptied_primary_flushes_nobody(const OrrSettings *settings)
{
    Rig rig;

    begin(&rig, 2, settings);
    rig.keep_quiet = settings->planted != 0;
    rig_put(&rig, A, ORR_RECORD_STRING, "precious", "", "1", ORR_EXPIRE_NEVER);
    rig_write(&rig, A, 100, MS);
    rig_run(&rig, 100 * MS);
    rig_kill(&rig, A);
    rig_restart(&rig, A, 0, true);
    (void)rig_lead(&rig, A, rig.epoch, rig.start_offset);
    rig_run(&rig, 10 * S);

    bool held = rig_has(&rig, B, "precious") && rig.machines[A].behind > 0 &&
                rig.machines[A].behind_whom == B && rig_view(&rig, B).full_syncs_in == 0;

    if (held) { /* the node hands over, and everything is back */
        rig_promote(&rig, B);
        rig_follow(&rig, A);
        rig_run(&rig, 3 * S);
        held = rig_settled(&rig) && rig_has(&rig, A, "precious");
    }
    rig_clear(&rig);
    return held;
}

static void
test_replication_emptied_primary_flushes_nobody(void)
{
    OrrSettings settings = rig_settings();

    T_TRUE(emptied_primary_flushes_nobody(&settings));
    settings.backlog_size = 4096;
    T_TRUE(emptied_primary_flushes_nobody(&settings));
}

/* Even if it takes writes before the replica is back: it has less than it once had. */
static void
test_replication_emptied_primary_that_wrote_flushes_nobody(void)
{
    OrrSettings settings = rig_settings();
    Rig rig;

    begin(&rig, 2, &settings);
    rig_put(&rig, A, ORR_RECORD_STRING, "precious", "", "1", ORR_EXPIRE_NEVER);
    rig_write(&rig, A, 100, MS);
    rig_run(&rig, 100 * MS);
    rig_kill(&rig, A);
    rig_cut(&rig, A, B, true);
    rig_restart(&rig, A, 0, true);
    T_EQ(rig_lead(&rig, A, rig.epoch, 0), ORR_OK);
    rig_write(&rig, A, 20, MS);
    rig_cut(&rig, A, B, false);
    rig_run(&rig, 10 * S);
    T_TRUE(rig_has(&rig, B, "precious"));
    T_TRUE(rig.machines[A].behind > 0);

    rig_promote(&rig, B);
    rig_follow(&rig, A);
    rig_run(&rig, 3 * S);

    T_TRUE(rig_settled(&rig));
    T_TRUE(rig_has(&rig, A, "precious"));
    T_EQ(orr_ledger_total(orr_replication_ledger(rig.machines[A].replication)), 20);
    T_FALSE(rig.wrong_ledger);
    rig_clear(&rig);
}

/* A primary whose disk was wiped after its promotion knows by itself that it has less. */
static void
test_replication_emptied_after_promotion_knows(void)
{
    OrrSettings settings = rig_settings();
    Rig rig;

    begin(&rig, 2, &settings);
    rig_write(&rig, A, 100, MS);
    rig_promote(&rig, A);
    rig_kill(&rig, A);
    rig_restart(&rig, A, 0, true);
    T_EQ(rig_lead(&rig, A, rig.epoch, rig.start_offset), ORR_REFUSED);
    T_TRUE(rig_view(&rig, A).lost_data);
    rig_run(&rig, 10 * S);
    T_TRUE(rig.machines[A].behind > 0);
    T_EQ(rig_view(&rig, B).full_syncs_in, 0);
    rig_clear(&rig);
}

/* A primary that lost the end of its log in a power cut is behind its replica, which has it. */
static void
test_replication_torn_primary_hands_over(void)
{
    OrrSettings settings = rig_settings();
    Rig rig;

    begin(&rig, 2, &settings);
    rig_write(&rig, A, 100, MS);
    rig_run(&rig, 100 * MS);
    rig_kill(&rig, A);
    rig_restart(&rig, A, 5, false);
    T_EQ(rig_lead(&rig, A, rig.epoch, rig.start_offset), ORR_OK);
    rig_run(&rig, 5 * S);
    T_TRUE(rig.machines[A].behind > 0);

    rig_promote(&rig, B);
    rig_follow(&rig, A);
    rig_run(&rig, 3 * S);

    T_TRUE(rig_settled(&rig));
    T_EQ(rig.machines[A].ledgers_closed, 0);
    T_EQ(rig_view(&rig, A).full_syncs_in, 0);
    rig_clear(&rig);
}

/* If it writes before anyone can tell it, nothing is mixed: the replica lists what only it had.
 */
static void
test_replication_torn_primary_that_wrote_mixes_nothing(void)
{
    OrrSettings settings = rig_settings();
    Rig rig;

    begin(&rig, 2, &settings);
    rig_write(&rig, A, 100, MS);
    rig_run(&rig, 100 * MS);
    rig_kill(&rig, A);
    rig_cut(&rig, A, B, true);
    rig_restart(&rig, A, 5, false);
    T_EQ(rig_lead(&rig, A, rig.epoch, rig.start_offset), ORR_OK);
    rig_write(&rig, A, 30, MS);
    rig_cut(&rig, A, B, false);
    rig_run(&rig, 10 * S);

    T_TRUE(rig_settled(&rig));
    T_EQ(rig.machines[B].ledgers_closed, 1);
    T_EQ(orr_ledger_total(orr_replication_ledger(rig.machines[B].replication)), 5);
    T_FALSE(rig.wrong_ledger);
    rig_clear(&rig);
}

/* A replica keeps what it has until a full copy is whole, even if the primary dies in the
 * middle of it. */
static bool
data_outlive_half_a_copy(const OrrSettings *base)
{
    OrrSettings settings = *base;
    Rig rig;

    settings.backlog_size = 4096;
    settings.sync_window_size = 2048;
    begin(&rig, 2, &settings);
    rig_put(&rig, A, ORR_RECORD_STRING, "precious", "", "1", ORR_EXPIRE_NEVER);
    rig_run(&rig, 100 * MS);
    rig_cut(&rig, A, B, true);
    put_keys(&rig, 4000);
    rig_cut(&rig, A, B, false);
    rig_break(&rig, A, B);
    while (!rig_view(&rig, B).loading) {
        rig_run(&rig, MS);
    }
    rig_run(&rig, 2 * MS);
    bool held = rig_view(&rig, B).loading;
    rig_kill(&rig, A);
    rig_run(&rig, 30 * S);
    held = held && !rig_view(&rig, B).loading && rig_has(&rig, B, "precious");
    rig_clear(&rig);
    return held;
}

static void
test_replication_data_outlive_half_a_copy(void)
{
    OrrSettings settings = rig_settings();

    T_TRUE(data_outlive_half_a_copy(&settings));
}

/* However many replicas need everything at once, a primary feeds two at a time, and each of
 * them gets one copy. */
static bool
copies_are_capped(const OrrSettings *base)
{
    OrrSettings settings = *base;
    bool held = true;
    Rig rig;

    settings.backlog_size = 4096;
    settings.sync_window_size = 1; /* one chunk at a time: copies take a while */
    begin(&rig, 6, &settings);
    for (unsigned i = B; i <= F; i++) {
        rig_cut(&rig, A, i, true);
    }
    put_keys(&rig, 20000);
    rig_run(&rig, 10 * S);
    for (unsigned i = B; i <= F; i++) {
        rig_cut(&rig, A, i, false);
        rig_break(&rig, A, i);
    }
    rig_write(&rig, A, 500, 20 * MS);
    rig_run(&rig, 10 * S);
    held = rig_settled(&rig) && rig.copies_at_once <= settings.full_syncs_max;
    for (unsigned i = B; i <= F; i++) {
        held = held && rig_view(&rig, i).full_syncs_in == 1;
    }
    rig_clear(&rig);
    return held;
}

static void
test_replication_copies_are_capped(void)
{
    OrrSettings settings = rig_settings();

    T_TRUE(copies_are_capped(&settings));
}

/* A key that is deleted while a full copy goes on is gone afterwards, whether its chunk was
 * sent before or not. */
static bool
deleted_keys_stay_deleted(const OrrSettings *base)
{
    OrrSettings settings = *base;
    char key[32];
    Rig rig;

    settings.backlog_size = 1u << 20;
    settings.sync_window_size = 1;
    begin(&rig, 2, &settings);
    rig_cut(&rig, A, B, true);
    put_keys(&rig, 20000);
    rig_cut(&rig, A, B, false);
    rig_break(&rig, A, B);
    while (!rig_view(&rig, B).loading) {
        rig_run(&rig, MS);
    }
    unsigned during = 0;
    for (unsigned i = 0; i < 400; i++) {
        g_snprintf(key, sizeof key, "key:%u", i * 50);
        rig_put(&rig, A, ORR_RECORD_DELETE, key, "", "", 0);
        rig_run(&rig, MS / 10);
        during += rig_view(&rig, B).loading;
    }
    rig_run(&rig, 5 * S);

    bool held = during > 100 && rig_settled(&rig) && !rig_has(&rig, B, "key:50");

    rig_clear(&rig);
    return held;
}

static void
test_replication_deleted_keys_stay_deleted(void)
{
    OrrSettings settings = rig_settings();

    T_TRUE(deleted_keys_stay_deleted(&settings));
}

/* Each promise above breaks under the bug that it is there for. */
static void
test_replication_checks_catch_planted_bugs(void)
{
#ifdef ORR_PLANTED_BUGS
    OrrSettings settings = rig_settings();

    settings.planted = UINT64_C(1) << ORR_PLANT_BIT_LEDGER_SILENT;
    T_FALSE(ledger_is_exact(&settings, false));
    settings.planted = UINT64_C(1) << ORR_PLANT_BIT_NO_GENERATION_CHECK;
    T_FALSE(emptied_primary_flushes_nobody(&settings));
    settings.planted = UINT64_C(1) << ORR_PLANT_BIT_PURGE_TOO_EARLY;
    T_FALSE(data_outlive_half_a_copy(&settings));
    settings.planted = UINT64_C(1) << ORR_PLANT_BIT_SYNCS_UNLIMITED;
    T_FALSE(copies_are_capped(&settings));
    settings.planted = UINT64_C(1) << ORR_PLANT_BIT_DELETES_FORGOTTEN;
    T_FALSE(deleted_keys_stay_deleted(&settings));
#else
    puts("skipped: planted bugs are not built in");
#endif
}

/* --- further stories --- */

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

/* Twins: two primaries of one epoch. The one that yields lists its writes. */
static void
test_replication_twins_are_settled(void)
{
    OrrSettings settings = rig_settings();
    Rig rig;

    begin(&rig, 3, &settings);
    rig_write(&rig, A, 50, MS);
    rig_run(&rig, 100 * MS);
    rig_cut(&rig, A, B, true);
    rig_cut(&rig, A, C, true);
    T_EQ(rig_lead(&rig, A, 2, orr_replication_offset(rig.machines[A].replication)), ORR_OK);
    rig_write(&rig, A, 25, MS);
    rig.machines[B].count = 5000; /* versions of its own */
    rig_promote(&rig, B);
    T_EQ(rig.epoch, 2);
    rig_follow(&rig, C);
    rig_write(&rig, B, 35, MS);
    rig_cut(&rig, A, B, false);
    rig_cut(&rig, A, C, false);
    rig_follow(&rig, A);
    rig_run(&rig, 3 * S);

    T_TRUE(rig_settled(&rig));
    T_FALSE(rig.wrong_ledger);
    T_EQ(orr_ledger_total(orr_replication_ledger(rig.machines[A].replication)), 25);
    rig_clear(&rig);
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
    TEST(test_replication_lists_what_it_drops),
    TEST(test_replication_lists_what_it_drops_after_a_restart),
    TEST(test_replication_ledger_says_when_it_is_short),
    TEST(test_replication_emptied_primary_flushes_nobody),
    TEST(test_replication_emptied_primary_that_wrote_flushes_nobody),
    TEST(test_replication_emptied_after_promotion_knows),
    TEST(test_replication_torn_primary_hands_over),
    TEST(test_replication_torn_primary_that_wrote_mixes_nothing),
    TEST(test_replication_data_outlive_half_a_copy),
    TEST(test_replication_copies_are_capped),
    TEST(test_replication_deleted_keys_stay_deleted),
    TEST(test_replication_checks_catch_planted_bugs),
    TEST(test_replication_window_bounds_what_is_under_way),
    TEST(test_replication_twins_are_settled),
    TEST(test_replication_ignores_nonsense),
};

T_MAIN("replication", TESTS)
