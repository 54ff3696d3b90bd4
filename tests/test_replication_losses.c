/* Stories of primaries that die, come back, were emptied or torn: which data survive, and what
 * is said about those that do not. Each promise for which a bug can be planted is a function
 * that says whether it held, so that the bug can be seen to break it. */
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
    rig.latency_ns = 50 * MS;
    for (unsigned i = B; i <= F; i++) {
        rig_cut(&rig, A, i, false);
        rig_break(&rig, A, i);
    }
    rig_write(&rig, A, 50, 200 * MS);
    rig_run(&rig, 20 * S);
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

/* A copy that cannot keep up with the writes is not begun again and again: twice, and then with
 * pauses that double. */
static void
test_replication_hopeless_copies_pause(void)
{
    OrrSettings settings = rig_settings();
    Rig rig;

    settings.backlog_size = 4096;
    settings.sync_window_size = 1;
    begin(&rig, 2, &settings);
    rig_cut(&rig, A, B, true);
    put_keys(&rig, 20000);
    rig.latency_ns = 100 * MS;
    rig_cut(&rig, A, B, false);
    rig_break(&rig, A, B);
    rig_write(&rig, A, 30000, 2 * MS);
    T_TRUE(rig.sent[ORR_MESSAGE_SYNC_FULL] >= 2 && rig.sent[ORR_MESSAGE_SYNC_FULL] <= 4);

    rig_run(&rig, 200 * S);
    T_TRUE(rig_settled(&rig));
    rig_clear(&rig);
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

static const Test TESTS[] = {
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
    TEST(test_replication_hopeless_copies_pause),
    TEST(test_replication_deleted_keys_stay_deleted),
    TEST(test_replication_checks_catch_planted_bugs),
    TEST(test_replication_twins_are_settled),
};

T_MAIN("replication losses", TESTS)
