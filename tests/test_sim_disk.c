#include "check.h"

#include <disk.h>
#include <orrery/rng.h>

#define US ORR_NS_PER_US
#define MS ORR_NS_PER_MS

typedef struct Rig {
    SimQueue *queue;
    SimHostDisk *disk;
    SimDiskModel model;
    char log[8192];
    unsigned done;
    unsigned failed;
} Rig;

static void
on_result(void *user, SimHostDisk *disk, const SimDiskResult *result)
{
    const char *words[] = {"ok", "full", "error"};
    Rig *rig = user;

    (void)disk;
    rig->done++;
    rig->failed += result->status != ORR_OK;
    if (strlen(rig->log) < sizeof rig->log - 64) {
        (void)sprintf(rig->log + strlen(rig->log), "%" PRIu64 " %s %" PRId64 "us\n", result->op,
                      words[result->why], result->at_ns / US);
    }
}

/* A disk on which a write takes 20 us and a sync 1 ms. */
static Rig *
rig_new(uint64_t seed)
{
    Rig *rig = calloc(1, sizeof *rig);

    rig->model = sim_disk_model_default();
    rig->queue = sim_queue_new();
    rig->disk = sim_disk_new(rig->queue, seed, "n1", &rig->model, on_result, rig);
    return rig;
}

static void
rig_free(Rig *rig)
{
    sim_disk_free(rig->disk);
    sim_queue_free(rig->queue);
    free(rig);
}

static void
run_until(Rig *rig, OrrTime until_ns)
{
    SimEvent event = {.at_ns = until_ns, .kind = SIM_EVENT_CHECK};

    (void)sim_queue_schedule(rig->queue, &event);
    while (sim_queue_pop(rig->queue, &event) && event.kind == SIM_EVENT_DISK) {
        sim_disk_complete(event.data, &event);
    }
}

static void
submit(Rig *rig, uint64_t op, OrrFileKind kind, uint32_t generation, const char *text,
       bool sync)
{
    SimDiskOp what = {op,         kind,
                      generation, text != NULL ? ORR_STORE_APPEND : ORR_STORE_REMOVE,
                      sync,       text != NULL ? orr_bytes_of_string(text) : ORR_BYTES_EMPTY};

    T_EQ(sim_disk_submit(rig->disk, sim_queue_now_ns(rig->queue), &what), ORR_OK);
}

static void
power_cut(Rig *rig, SimPowerCutMode mode, OrrFileKind kind, size_t keep_size)
{
    SimPowerCut cut = {mode, kind, keep_size};

    sim_disk_power_cut(rig->disk, sim_queue_now_ns(rig->queue), &cut);
}

/* The disk as text: "L1=abc S2=xy". */
static const char *
shown(Rig *rig)
{
    static char text[4096];
    size_t count = 0;
    const OrrFile *files = sim_disk_boot(rig->disk, &count);

    text[0] = 0;
    for (size_t i = 0; i < count; i++) {
        (void)sprintf(text + strlen(text), "%s%c%u=%.*s", i != 0 ? " " : "",
                      "SCLN"[files[i].kind], files[i].generation, (int)files[i].content.size,
                      files[i].content.data);
    }
    return text;
}

/* Operations are done in order; those that want a sync share one. */
static void
test_group_commit(void)
{
    Rig *rig = rig_new(1);

    submit(rig, 1, ORR_FILE_LOG, 1, "a", false);
    submit(rig, 2, ORR_FILE_LOG, 1, "b", true);
    submit(rig, 3, ORR_FILE_LOG, 1, "c", false);
    submit(rig, 4, ORR_FILE_LOG, 1, "d", true);
    run_until(rig, 100 * MS);

    /* 1 alone; 2, 3, 4 come meanwhile: three writes and one sync */
    T_STR_EQ(rig->log, "1 ok 20us\n2 ok 1080us\n3 ok 1080us\n4 ok 1080us\n");
    T_STR_EQ(shown(rig), "L1=abcd");
    T_EQ(sim_disk_waiting(rig->disk), 0);
    rig_free(rig);
}

/* A slow disk and a narrow one take as much longer as they are said to. */
static void
test_slow_and_narrow(void)
{
    Rig *rig = rig_new(1);

    rig->model.slow_milli = 20000;
    rig->model.bandwidth = 1000;
    sim_disk_set_model(rig->disk, &rig->model);
    submit(rig, 1, ORR_FILE_LOG, 1, "0123456789", true);
    run_until(rig, 1000 * MS);

    T_STR_EQ(rig->log, "1 ok 220400us\n"); /* (10 ms + 20 us + 1 ms) x 20 */
    rig_free(rig);
}

/* The queue is bounded, and says so. */
static void
test_full_queue_refuses(void)
{
    Rig *rig = rig_new(1);
    SimDiskOp op = {1, ORR_FILE_LOG, 1, ORR_STORE_APPEND, false, ORR_BYTES_EMPTY};

    rig->model.queue_max = 2;
    sim_disk_set_model(rig->disk, &rig->model);
    T_EQ(sim_disk_submit(rig->disk, 0, &op), ORR_OK);
    T_EQ(sim_disk_submit(rig->disk, 0, &op), ORR_OK);
    T_EQ(sim_disk_submit(rig->disk, 0, &op), ORR_FULL);
    run_until(rig, MS);
    T_EQ(rig->done, 2);
    T_EQ(sim_disk_submit(rig->disk, MS, &op), ORR_OK);
    rig_free(rig);
}

/* A full disk refuses the append and keeps what it has; removing makes room. */
static void
test_full_disk(void)
{
    Rig *rig = rig_new(1);

    rig->model.capacity = 5;
    sim_disk_set_model(rig->disk, &rig->model);
    submit(rig, 1, ORR_FILE_LOG, 1, "abc", true);
    run_until(rig, 10 * MS);
    submit(rig, 2, ORR_FILE_LOG, 1, "def", true);
    run_until(rig, 20 * MS);
    submit(rig, 3, ORR_FILE_LOG, 1, NULL, true);
    submit(rig, 4, ORR_FILE_LOG, 2, "ghi", true);
    run_until(rig, 30 * MS);

    T_STR_EQ(rig->log, "1 ok 1020us\n2 full 11020us\n3 ok 21020us\n4 ok 22040us\n");
    T_STR_EQ(shown(rig), "L2=ghi");
    rig_free(rig);
}

/* Errors come as often as they are said to, and leave nothing behind. */
static void
test_errors(void)
{
    Rig *rig = rig_new(t_seed(1));

    rig->model.error_ppm = 100000;
    sim_disk_set_model(rig->disk, &rig->model);
    for (unsigned i = 0; i < 10000; i++) {
        submit(rig, i, ORR_FILE_LOG, i + 1, "x", false);
    }
    run_until(rig, 10000 * MS);

    T_EQ(rig->done, 10000);
    T_TRUE(rig->failed > 850 && rig->failed < 1150);
    T_EQ(sim_disk_size(rig->disk), 10000 - rig->failed);
    rig_free(rig);
}

/* A killed process leaves all that it had submitted, reported or not: the kernel has it. */
static void
test_kill_keeps_what_was_written(void)
{
    Rig *rig = rig_new(1);

    submit(rig, 1, ORR_FILE_LOG, 1, "a", false);
    submit(rig, 2, ORR_FILE_LOG, 1, "b", false);
    submit(rig, 3, ORR_FILE_LOG, 1, "c", false);
    run_until(rig, 30 * US); /* in the middle of b */
    sim_disk_kill(rig->disk, sim_queue_now_ns(rig->queue));
    run_until(rig, 10 * MS);

    T_STR_EQ(rig->log, "1 ok 20us\n");
    T_STR_EQ(shown(rig), "L1=abc");
    rig_free(rig);
}

/* S2 and L1 are safe, then L1 grows and C1 appears without a sync, S1 is removed without one.
 */
static Rig *
half_synced_rig(uint64_t seed)
{
    Rig *rig = rig_new(seed);

    submit(rig, 1, ORR_FILE_STATE, 1, "one", true);
    submit(rig, 2, ORR_FILE_STATE, 2, "two", true);
    submit(rig, 3, ORR_FILE_LOG, 1, "abc", true);
    run_until(rig, 50 * MS);
    submit(rig, 4, ORR_FILE_STATE, 1, NULL, false);
    submit(rig, 5, ORR_FILE_LOG, 1, "defgh", false);
    submit(rig, 6, ORR_FILE_CONFIG, 1, "cfg", false);
    run_until(rig, 100 * MS);
    T_EQ(rig->done, 6);
    return rig;
}

/* A power cut loses what was not synced, removals among it; a kill loses nothing of it. */
static void
test_power_cut_loses_the_unsynced(void)
{
    Rig *rig = half_synced_rig(1);

    sim_disk_kill(rig->disk, sim_queue_now_ns(rig->queue));
    T_STR_EQ(shown(rig), "S2=two C1=cfg L1=abcdefgh");
    power_cut(rig, SIM_POWER_LOSE, ORR_FILE_STATE, 0);
    T_STR_EQ(shown(rig), "S1=one S2=two L1=abc");
    rig_free(rig);
}

/* A clean end: what was still waiting is written, and all of it is synced. */
static void
test_stop_syncs_everything(void)
{
    Rig *rig = half_synced_rig(1);

    submit(rig, 7, ORR_FILE_LOG, 1, "ij", false);
    sim_disk_stop(rig->disk, sim_queue_now_ns(rig->queue));
    power_cut(rig, SIM_POWER_LOSE, ORR_FILE_STATE, 0);
    T_STR_EQ(shown(rig), "S2=two C1=cfg L1=abcdefghij");
    rig_free(rig);
}

static void
test_power_cut_may_spare_everything(void)
{
    Rig *rig = half_synced_rig(1);

    power_cut(rig, SIM_POWER_KEEP, ORR_FILE_STATE, 0);
    T_STR_EQ(shown(rig), "S2=two C1=cfg L1=abcdefgh");
    rig_free(rig);
}

/* Torn: every length of the unsynced tail happens, and never less than what was synced. */
static void
test_torn_tail_has_every_length(void)
{
    bool seen[9] = {false};
    uint64_t seed = t_seed(1);

    for (uint64_t i = 0; i < 200; i++) {
        Rig *rig = half_synced_rig(seed + i);

        power_cut(rig, SIM_POWER_TEAR, ORR_FILE_STATE, 0);
        const char *log = strstr(shown(rig), "L1=");

        T_REQUIRE(log != NULL && strncmp(log, "L1=abcdefgh", strlen(log)) == 0);
        T_TRUE(strstr(shown(rig), "S1=one S2=two") != NULL);
        seen[strlen(log) - 3] = true;
        rig_free(rig);
    }
    for (size_t size = 0; size <= 8; size++) {
        T_EQ(seen[size], size >= 3);
    }
}

/* A share of plain power cuts tears, as the model says. */
static void
test_torn_share(void)
{
    unsigned torn = 0;

    for (uint64_t i = 0; i < 400; i++) {
        Rig *rig = half_synced_rig(i);

        rig->model.torn_ppm = 500000;
        sim_disk_set_model(rig->disk, &rig->model);
        power_cut(rig, SIM_POWER_LOSE, ORR_FILE_STATE, 0);
        torn += strstr(shown(rig), "L1=abcd") != NULL;
        rig_free(rig);
    }
    T_TRUE(torn > 120 && torn < 210); /* half of them, and 5 of 6 of those keep a byte */
}

/* Exactly k bytes of the vote that was being written are there, for each k. */
static void
test_torn_at_each_byte(void)
{
    static const char *const expected[] = {"S1=first",    "S1=firstv",    "S1=firstvo",
                                           "S1=firstvot", "S1=firstvote", "S1=firstvote"};

    for (size_t k = 0; k < 6; k++) {
        Rig *rig = rig_new(1);

        submit(rig, 1, ORR_FILE_STATE, 1, "first", true);
        run_until(rig, 10 * MS);
        submit(rig, 2, ORR_FILE_STATE, 1, "vote", true);
        submit(rig, 3, ORR_FILE_LOG, 1, "later", true);
        T_EQ(sim_disk_newest_append_size(rig->disk, ORR_FILE_STATE), 4);
        power_cut(rig, SIM_POWER_TEAR_AT, ORR_FILE_STATE, k);
        run_until(rig, 20 * MS);

        T_STR_EQ(rig->log, "1 ok 1020us\n");
        T_STR_EQ(shown(rig), expected[k]);
        T_EQ(sim_disk_newest_append_size(rig->disk, ORR_FILE_STATE), 0);
        rig_free(rig);
    }
}

/* What was synced is never torn. */
static void
test_synced_bytes_are_never_torn(void)
{
    Rig *rig = rig_new(1);

    submit(rig, 1, ORR_FILE_STATE, 1, "vote", true);
    run_until(rig, 10 * MS);
    power_cut(rig, SIM_POWER_TEAR_AT, ORR_FILE_STATE, 1);

    T_STR_EQ(shown(rig), "S1=vote");
    rig_free(rig);
}

/* Without a sync between them a later write may survive an earlier one. */
static void
test_reordered_loss(void)
{
    bool later_alone = false;
    bool earlier_alone = false;

    for (uint64_t i = 0; i < 64; i++) {
        Rig *rig = half_synced_rig(i);

        power_cut(rig, SIM_POWER_REORDER, ORR_FILE_STATE, 0);
        bool log = strstr(shown(rig), "L1=abcdefgh") != NULL;
        bool config = strstr(shown(rig), "C1=cfg") != NULL;

        later_alone |= config && !log;
        earlier_alone |= log && !config;
        rig_free(rig);
    }
    T_TRUE(later_alone);
    T_TRUE(earlier_alone);
}

/* A disk that lies about syncs reports success, and a power cut shows it. */
static void
test_lying_sync(void)
{
    Rig *rig = rig_new(1);

    rig->model.sync_lies = true;
    sim_disk_set_model(rig->disk, &rig->model);
    submit(rig, 1, ORR_FILE_STATE, 1, "vote", true);
    run_until(rig, 10 * MS);
    power_cut(rig, SIM_POWER_LOSE, ORR_FILE_STATE, 0);

    T_STR_EQ(rig->log, "1 ok 1020us\n");
    T_STR_EQ(shown(rig), "");
    rig_free(rig);
}

/* Wiping the data keeps the identity. */
static void
test_wipe(void)
{
    Rig *rig = half_synced_rig(1);

    sim_disk_wipe(rig->disk, SIM_WIPE_DATA);
    T_STR_EQ(shown(rig), "S2=two C1=cfg");
    sim_disk_wipe(rig->disk, SIM_WIPE_ALL);
    T_STR_EQ(shown(rig), "");
    rig_free(rig);
}

static unsigned
bits_that_differ(const char *a, const char *b)
{
    unsigned count = 0;

    for (; *a != 0 && *b != 0; a++, b++) {
        count += (unsigned)__builtin_popcount((unsigned)(uint8_t)(*a ^ *b));
    }
    return count;
}

/* Bitrot flips as many bits as were asked for, and none elsewhere. */
static void
test_bitrot(void)
{
    Rig *rig = half_synced_rig(1);
    char before[64];

    (void)snprintf(before, sizeof before, "%s", shown(rig));
    T_EQ(sim_disk_rot(rig->disk, ORR_FILE_LOG, 1), 1);
    T_EQ(bits_that_differ(before, shown(rig)), 1);
    T_EQ(sim_disk_rot(rig->disk, ORR_FILE_SNAPSHOT, 1), 0);

    (void)snprintf(before, sizeof before, "%s", shown(rig));
    rig->model.bitrot_ppm = 1000000;
    sim_disk_set_model(rig->disk, &rig->model);
    unsigned differ = bits_that_differ(before, shown(rig));
    T_TRUE(differ >= 1 && differ <= 3); /* one in each of three files, at most */
    rig_free(rig);
}

/* Random operations and crashes: a sync that was reported done survives every power cut, and
 * files only ever hold prefixes of what was written to them. */
static void
random_life(uint64_t seed)
{
    Rig *rig = rig_new(seed);
    OrrRng rng = orr_rng_new(seed);
    char written[4096] = ""; /* to the log, ever, in order */
    size_t promised = 0;     /* bytes of it whose sync was reported */
    size_t sizes[200];       /* of the log after operation i */

    for (unsigned i = 0; i < 150; i++) {
        char text[2] = {(char)('a' + orr_rng_below(&rng, 26)), 0};
        bool sync = orr_rng_below(&rng, 3) == 0;

        strcat(written, text);
        sizes[i] = strlen(written);
        submit(rig, sync ? i + 1 : 0, ORR_FILE_LOG, 1, text, sync);
        run_until(rig, sim_queue_now_ns(rig->queue) + orr_rng_between(&rng, 0, 300 * US));
        char *line = rig->log;
        for (; *line != 0; line = strchr(line, '\n') + 1) {
            unsigned long op = strtoul(line, NULL, 10);

            promised = op != 0 && sizes[op - 1] > promised ? sizes[op - 1] : promised;
        }
        rig->log[0] = 0;
    }
    SimPowerCutMode mode = (SimPowerCutMode)orr_rng_below(&rng, 5);

    power_cut(rig, mode, ORR_FILE_LOG, (size_t)orr_rng_below(&rng, 3));
    const char *log = shown(rig);
    size_t size = log[0] != 0 ? strlen(log) - 3 : 0;

    T_TRUE(size >= promised);
    T_TRUE(size == 0 || strncmp(log + 3, written, size) == 0);
    rig_free(rig);
}

static void
test_promises_survive_power_cuts(void)
{
    uint64_t seed = t_seed(1);

    for (uint64_t i = 0; i < 500; i++) {
        random_life(seed + i);
    }
}

static const Test TESTS[] = {
    TEST(test_group_commit),
    TEST(test_slow_and_narrow),
    TEST(test_full_queue_refuses),
    TEST(test_full_disk),
    TEST(test_errors),
    TEST(test_kill_keeps_what_was_written),
    TEST(test_power_cut_loses_the_unsynced),
    TEST(test_stop_syncs_everything),
    TEST(test_power_cut_may_spare_everything),
    TEST(test_torn_tail_has_every_length),
    TEST(test_torn_share),
    TEST(test_torn_at_each_byte),
    TEST(test_synced_bytes_are_never_torn),
    TEST(test_reordered_loss),
    TEST(test_lying_sync),
    TEST(test_wipe),
    TEST(test_bitrot),
    TEST(test_promises_survive_power_cuts),
};

T_MAIN("sim_disk", TESTS)
