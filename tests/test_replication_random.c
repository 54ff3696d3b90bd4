/* Random histories of a shard: writes, cuts, broken links, crashes, torn disks, promotions that
 * some learn late. After the last fault all must be equal, and nothing was lost in silence. */
#include "check.h"

#include "replication_rig.h"

#define MS ORR_NS_PER_MS
#define S ORR_NS_PER_S

typedef struct World {
    Rig rig;
    OrrRng rng;
    bool torn;
    const char *wrong; /* what did not hold, or NULL */
} World;

static unsigned
pick(World *world, unsigned count)
{
    return (unsigned)orr_rng_below(&world->rng, count);
}

static bool
leads(const World *world, unsigned index)
{
    const RigMachine *machine = &world->rig.machines[index];

    return machine->alive && rig_view(&world->rig, index).role == ORR_REPLICATION_LEADING &&
           !rig_view(&world->rig, index).lost_data;
}

static unsigned
most_data(World *world)
{
    unsigned best = world->rig.count;

    for (unsigned i = 0; i < world->rig.count; i++) {
        const RigMachine *machine = &world->rig.machines[i];

        if (machine->alive &&
            (best == world->rig.count ||
             orr_replication_offset(machine->replication) >
                 orr_replication_offset(world->rig.machines[best].replication))) {
            best = i;
        }
    }
    return best;
}

static void
promote(World *world, unsigned index)
{
    if (index < world->rig.count && world->rig.machines[index].alive) {
        rig_promote(&world->rig, index);
    }
}

static void
hand_over(World *world)
{
    RigMachine *primary = &world->rig.machines[world->rig.primary];

    if (primary->alive && primary->behind > 0) {
        primary->behind = 0;
        promote(world, primary->behind_whom);
    }
}

static void
write_some(World *world)
{
    for (unsigned i = 0; i < world->rig.count; i++) {
        unsigned count = pick(world, 20);

        for (unsigned k = 0; k < count && leads(world, i); k++) {
            rig_random_write(&world->rig, i);
            rig_run(&world->rig, orr_rng_between(&world->rng, 0, 3 * MS));
        }
    }
}

static void
wake(World *world, unsigned index, unsigned torn)
{
    Rig *rig = &world->rig;

    rig_restart(rig, index, torn, false);
    world->torn |= torn > 0;
    if (index != rig->primary) {
        rig_follow(rig, index);
    } else {
        (void)rig_lead(rig, index, rig->epoch, rig->start_offset);
    }
}

static void
disturb(World *world)
{
    Rig *rig = &world->rig;
    unsigned a = pick(world, rig->count);
    unsigned b = (a + 1 + pick(world, rig->count - 1)) % rig->count;
    unsigned draw = pick(world, 100);

    if (draw < 20) {
        rig_cut(rig, a, b, true);
    } else if (draw < 25) {
        rig->cut[a][b] = true;
    } else if (draw < 50) {
        rig_cut(rig, a, b, false);
    } else if (draw < 60) {
        rig_break(rig, a, b);
    } else if (draw < 70) {
        if (rig->machines[a].alive) {
            rig_kill(rig, a);
        } else {
            wake(world, a, pick(world, 3) == 0 ? pick(world, 4) : 0);
        }
    } else if (draw < 80) {
        promote(world, pick(world, 4) == 0 ? a : most_data(world));
    } else {
        rig_follow(rig, a);
    }
}

static void
settle(World *world)
{
    Rig *rig = &world->rig;

    for (unsigned a = 0; a < rig->count; a++) {
        for (unsigned b = 0; b < rig->count; b++) {
            rig->cut[a][b] = false;
        }
    }
    for (unsigned i = 0; i < rig->count; i++) {
        if (!rig->machines[i].alive) {
            wake(world, i, 0);
        }
    }
    if (!leads(world, rig->primary)) {
        promote(world, most_data(world));
    }
    for (unsigned second = 0; second < 900; second++) {
        rig_run(rig, S);
        hand_over(world);
        rig_follow_all(rig);
        if (second > 5 && rig_settled(rig)) {
            return;
        }
    }
}

static void
put_many(World *world, unsigned count)
{
    char key[32];

    for (unsigned i = 0; i < count; i++) {
        g_snprintf(key, sizeof key, "many:%u", i);
        rig_put(&world->rig, 0, ORR_RECORD_STRING, key, "", "some value of medium size", 0);
    }
}

static const char *
live(World *world, uint64_t seed, uint64_t planted)
{
    static const size_t backlogs[] = {1500, 8000, 100000};
    static const size_t windows[] = {1, 2000, 1u << 20};
    OrrSettings settings = rig_settings();
    bool shorted = false;

    world->rng = orr_rng_new(seed);
    world->torn = false;
    settings.backlog_size = backlogs[pick(world, 3)];
    settings.sync_window_size = windows[pick(world, 3)];
    settings.full_syncs_max = 1 + pick(world, 2);
    settings.planted = planted;
    rig_init(&world->rig, 3 + pick(world, 2), seed, &settings);
    world->rig.keep_quiet = planted != 0;
    rig_promote(&world->rig, 0);
    rig_follow_all(&world->rig);
    if (pick(world, 3) == 0) {
        put_many(world, 2500); /* so that copies take several chunks */
    }
    for (unsigned step = 0; step < 80; step++) {
        write_some(world);
        disturb(world);
        rig_run(&world->rig,
                orr_rng_between(&world->rng, 0, pick(world, 8) == 0 ? 8 * S : 20 * MS));
        hand_over(world);
    }
    settle(world);
    for (unsigned i = 0; i < world->rig.count; i++) {
        shorted |= world->rig.machines[i].ledgers_short > 0;
    }
    return !rig_settled(&world->rig)                                        ? "not equal"
           : world->rig.wrong_ledger                                        ? "ledger not exact"
           : world->rig.copies_at_once > settings.full_syncs_max            ? "too many copies"
           : !world->torn && !shorted && rig_silent_losses(&world->rig) > 0 ? "silent loss"
                                                                            : NULL;
}

static unsigned
count_failures(uint64_t first, unsigned seeds, uint64_t planted)
{
    unsigned failures = 0;

    for (unsigned i = 0; i < seeds; i++) {
        World world;
        const char *wrong = live(&world, first + i, planted);

        if (wrong != NULL && planted == 0) {
            fprintf(stderr, "seed %u: %s\n", (unsigned)(first + i), wrong);
        }
        failures += wrong != NULL;
        rig_clear(&world.rig);
    }
    return failures;
}

/* Whatever happens, in the end all have the same data, every ledger was exact, no write was
 * lost without being listed, and no primary fed more copies at once than allowed. */
static void
test_replication_random_histories_settle(void)
{
    const char *seeds = getenv("ORR_TEST_SEEDS");

    T_EQ(count_failures(t_seed(1), seeds != NULL ? (unsigned)atoi(seeds) : 60, 0), 0);
}

/* And the same histories do see the bugs that were planted for them. */
static void
test_replication_random_histories_catch_planted_bugs(void)
{
#ifdef ORR_PLANTED_BUGS
    T_TRUE(count_failures(1, 20, UINT64_C(1) << ORR_PLANT_BIT_LEDGER_SILENT) > 0);
    T_TRUE(count_failures(1, 20, UINT64_C(1) << ORR_PLANT_BIT_DELETES_FORGOTTEN) > 0);
#else
    puts("skipped: planted bugs are not built in");
#endif
}

static const Test TESTS[] = {
    TEST(test_replication_random_histories_settle),
    TEST(test_replication_random_histories_catch_planted_bugs),
};

T_MAIN("replication random", TESTS)
