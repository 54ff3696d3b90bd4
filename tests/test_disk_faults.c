/* A node whose disk fails now and then, whose log is rotated often, and that is killed in
 * between: it always starts again from what it left, and has what it acknowledged. */
#include "box.h"
#include "check.h"

#define N ORR_NS_PER_S

static Box *
alone(OrrAppendFsync appendfsync)
{
    OrrSettings settings = orr_settings_default();
    Box *box;

    settings.node_timeout_ns = N;
    settings.appendfsync = appendfsync;
    settings.log_rotate_size = 4096;
    box = box_new(1, 0, &settings);
    box_boot_all(box);
    box_run(box, 2 * N);
    return box;
}

#define KEYS 3000u /* a snapshot of them takes several steps */

/* Values count up. `kept` is by key the last that was acknowledged. */
static void
write_one(Box *box, OrrRng *rng, long *kept, long number)
{
    size_t key = orr_rng_below(rng, KEYS);
    g_autofree char *filler = g_strnfill(400, 'x');
    g_autofree char *command = g_strdup_printf("SET k%zu %ld-%s", key, number, filler);

    (void)box_command(box, 0, command);
    box_run(box, ORR_NS_PER_MS * orr_rng_between(rng, 1, 3)); /* it waits for the disk */
    if (g_str_has_prefix(box->reply->str, "+OK")) {
        kept[key] = number;
    }
}

/* What is there was acknowledged last, or was asked for later, without an answer. */
static void
check_kept(Box *box, long *kept)
{
    for (size_t key = 0; key < KEYS; key++) {
        if (kept[key] == 0) {
            continue;
        }
        g_autofree char *command = g_strdup_printf("GET k%zu", key);
        const char *body = strstr(box_command(box, 0, command), "\r\n");
        long found = body == NULL ? 0 : strtol(body + 2, NULL, 10);

        if (found < kept[key]) {
            fprintf(stderr, "k%zu: %ld was acknowledged, %ld is there\n", key, kept[key],
                    found);
            T_TRUE(false);
        }
        kept[key] = found;
    }
}

/* 30 lives, each with writes, failures of the disk and a sudden end. */
static void
live_and_die(uint64_t seed, OrrAppendFsync appendfsync)
{
    Box *box = alone(appendfsync);
    OrrRng rng = orr_rng_new(seed);
    long kept[KEYS] = {0};
    long number = 0;

    for (size_t key = 0; key < KEYS; key++) {
        g_autofree char *command = g_strdup_printf("SET k%zu 0", key);

        (void)box_command(box, 0, command);
    }

    for (int life = 0; life < 30; life++) {
        int writes = (int)orr_rng_below(&rng, 60);

        for (int i = 0; i < writes; i++) {
            if (orr_rng_below(&rng, 12) == 0) {
                box->nodes[0].disk_fails = !box->nodes[0].disk_fails;
            }
            if (orr_rng_below(&rng, 20) == 0) {
                box_run(box, N);
            }
            write_one(box, &rng, kept, ++number);
        }
        box_kill(box, 0);
        box->nodes[0].disk_fails = false;
        box_boot(box, 0);
        box_run(box, 2 * N);
        if (box_owner(box, 0) != 0) {
            fprintf(stderr, "seed=%d life %d: does not serve\n%s\n", (int)seed, life,
                    box->traces->len > 600 ? box->traces->str + box->traces->len - 600
                                           : box->traces->str);
            T_REQUIRE(false);
        }
        if (appendfsync == ORR_APPENDFSYNC_ALWAYS) {
            check_kept(box, kept);
        }
    }
    box_free(box);
}

static void
test_always(void)
{
    uint64_t seed = t_seed(1);

    for (uint64_t i = 0; i < 10; i++) {
        live_and_die(seed + i, ORR_APPENDFSYNC_ALWAYS);
    }
}

static void
test_everysec(void)
{
    uint64_t seed = t_seed(1);

    for (uint64_t i = 0; i < 10; i++) {
        live_and_die(seed + i, ORR_APPENDFSYNC_EVERYSEC);
    }
}

static const Test TESTS[] = {
    TEST(test_always),
    TEST(test_everysec),
};

T_MAIN("disk faults", TESTS)
