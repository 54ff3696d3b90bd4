/* Voters that are replaced while leases run, and votes that several candidates want: at any
 * instant one owner, and soon one. Each was a failure before it was a test. */
#include "box.h"
#include "check.h"

#define N ORR_NS_PER_S
#define STEP (ORR_NS_PER_MS / 4)

static Box *
formed(size_t primaries, size_t replicas, OrrVoters voters)
{
    OrrSettings settings = orr_settings_default();
    Box *box;

    settings.node_timeout_ns = N;
    settings.voters = voters;
    box = box_new(primaries, replicas, &settings);
    box_boot_all(box);
    box_run(box, 2 * N);
    return box;
}

/* Nothing passes between the nodes of the mask and the others. */
static void
part(Box *box, unsigned side)
{
    for (size_t a = 0; a < box->count; a++) {
        for (size_t b = 0; b < box->count; b++) {
            box->cut[a][b] = (side >> a & 1u) != (side >> b & 1u);
        }
    }
}

static bool
run_until_traced(Box *box, const char *text, OrrTime limit_ns)
{
    OrrTime end = box->now_ns + limit_ns;

    while (box->now_ns < end && !box_traced(box, text)) {
        box_run(box, STEP);
    }
    return box_traced(box, text);
}

/* Instants at which two nodes would have acknowledged a write to the first slot. */
static int
instants_of_two(Box *box, OrrTime duration_ns)
{
    int count = 0;

    for (OrrTime at = 0; at < duration_ns; at += 10 * ORR_NS_PER_MS) {
        box_run(box, 10 * ORR_NS_PER_MS);
        count += box_owner(box, 0) == -2;
    }
    return count;
}

/* A voter gives its vote to the successor of a primary, and falls in with that primary before
 * it hears that the successor won: two of the three voters as they were, and two of the three
 * as they are now, are no majority that excludes the other. */
static void
test_a_voter_falls_in_with_the_old_primary(void)
{
    Box *box = formed(3, 1, ORR_VOTERS_PRIMARIES);

    part(box, 1u << 0);
    T_TRUE(run_until_traced(box, "3 voted 4", 3 * N));
    part(box, 1u << 0 | 1u << 2);

    T_EQ(instants_of_two(box, 6 * N), 0);
    box_heal(box);
    box_run(box, 5 * N);
    T_TRUE(box_owner(box, 0) >= 0);
    box_free(box);
}

/* The same with two primaries that fail together: the voter voted for both successors. */
static void
test_a_voter_of_two_winners_hears_of_neither(void)
{
    Box *box = formed(5, 1, ORR_VOTERS_PRIMARIES);

    part(box, 1u << 0 | 1u << 1);
    T_TRUE(run_until_traced(box, "3 voted 6", 3 * N));
    T_TRUE(run_until_traced(box, "3 voted 7", 3 * N));
    part(box, 1u << 0 | 1u << 1 | 1u << 2);

    T_EQ(instants_of_two(box, 6 * N), 0);
    box_heal(box);
    box_run(box, 5 * N);
    T_TRUE(box_owner(box, 0) >= 0);
    box_free(box);
}

/* ... nor does it help the voter to restart, and to forget what it promised. */
static void
test_a_voter_that_restarts_keeps_its_promise(void)
{
    Box *box = formed(3, 1, ORR_VOTERS_PRIMARIES);

    part(box, 1u << 0);
    T_TRUE(run_until_traced(box, "3 voted 4", 3 * N));
    part(box, 1u << 0 | 1u << 2);
    box_kill(box, 2);
    box_boot(box, 2);

    T_EQ(instants_of_two(box, 6 * N), 0);
    box_free(box);
}

/* ... nor the winner. It restarts before it is known to those who elected it. */
static void
test_a_winner_that_restarts_is_not_sure_yet(void)
{
    Box *box = formed(3, 1, ORR_VOTERS_PRIMARIES);

    part(box, 1u << 0);
    T_TRUE(run_until_traced(box, "3 voted 4", 3 * N));
    part(box, 1u << 0 | 1u << 2);
    T_TRUE(run_until_traced(box, "4 promoted", N));
    box_kill(box, 3);
    box_boot(box, 3);

    T_EQ(instants_of_two(box, 6 * N), 0);
    box_free(box);
}

/* Who wins but cannot write it down before the votes are old, has not won. */
static void
test_a_claim_that_is_stored_late_is_dropped(void)
{
    Box *box = formed(3, 2, ORR_VOTERS_PRIMARIES);

    box_kill(box, 0);
    box->nodes[0].refuses = true;
    box->nodes[3].disk_ns = 3 * N;
    box_run(box, 20 * N);

    T_TRUE(strstr(box->traces->str, " 4 promoted") == NULL);
    T_EQ(box_owner(box, 0), 6);
    box_free(box);
}

/* Three of five are left, so all three must agree; two of them ask at once, and each has its
 * own vote. They give up, release whom they bound, and ask again, one before the other. */
static void
test_two_candidates_do_not_hold_each_other_up(void)
{
    Box *box = formed(1, 4, ORR_VOTERS_ALL);
    OrrTime cut_at;

    box_kill(box, 0);
    box_kill(box, 1);
    box_run(box, N / 2);
    cut_at = box->now_ns;
    (void)box_command(box, 2, "CLUSTER FAILOVER FORCE");
    (void)box_command(box, 3, "CLUSTER FAILOVER FORCE");
    while (box->now_ns < cut_at + 10 * N && box_owner(box, 0) < 0) {
        box_run(box, 10 * ORR_NS_PER_MS);
    }
    T_TRUE(box_owner(box, 0) > 0);
    T_TRUE(box->now_ns - cut_at < 2 * N);
    box_free(box);
}

/* Two of five voters restart with what they knew of the cluster when it had three, and find
 * only each other: two of three they would be, two of five they are. */
static void
test_voters_that_were_more_are_remembered(void)
{
    Box *box = formed(5, 1, ORR_VOTERS_PRIMARIES);

    part(box, 1u << 0 | 1u << 1);
    for (size_t i = 0; i < 2; i++) {
        box_kill(box, i);
        box_drop_file(box, i, ORR_FILE_CONFIG);
        box_boot(box, i);
    }
    for (int i = 0; i < 100; i++) {
        box_run(box, N / 20);
        T_TRUE(box_owner(box, 0) != 0 && box_owner(box, 0) != -2);
    }
    T_EQ(box_owner(box, 0), 5);
    box_free(box);
}

/* Who was all alone with a part of the slots, and well, is so again after a restart. */
static void
test_alone_with_a_part_of_the_slots(void)
{
    OrrSettings settings = orr_settings_default();
    Box *box;

    settings.node_timeout_ns = N;
    box = box_new(1, 0, &settings);
    box->nodes[0].config.cluster = ORR_ID_NONE;
    ((OrrSlotRange *)(uintptr_t)box->nodes[0].config.slots)->last = 99;
    box_boot(box, 0);
    box_run(box, 2 * N);
    T_EQ(box_owner(box, 0), 0);
    box_kill(box, 0);
    box_boot(box, 0);
    box_run(box, N / 10);
    T_EQ(box_owner(box, 0), 0);
    box_free(box);
}

static const Test TESTS[] = {
    TEST(test_a_voter_falls_in_with_the_old_primary),
    TEST(test_a_voter_of_two_winners_hears_of_neither),
    TEST(test_a_voter_that_restarts_keeps_its_promise),
    TEST(test_a_winner_that_restarts_is_not_sure_yet),
    TEST(test_a_claim_that_is_stored_late_is_dropped),
    TEST(test_two_candidates_do_not_hold_each_other_up),
    TEST(test_voters_that_were_more_are_remembered),
    TEST(test_alone_with_a_part_of_the_slots),
};

T_MAIN("voters", TESTS)
