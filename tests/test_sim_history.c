/* Lost writes, computed from what clients were told and what is finally there. */
#include "check.h"

#include <history.h>

#define MS ORR_NS_PER_MS

typedef struct Rig {
    SimHistory *history;
    SimFinal final;
    OrrTime now;
} Rig;

static void
rig_init(Rig *rig)
{
    *rig = (Rig){.history = sim_history_new(), .final = {.known = true}};
    sim_history_add_key(rig->history, orr_bytes_of_string("k"), ORR_BYTES_EMPTY, 0, 7);
}

static void
call(Rig *rig, SimOperation kind, SimOutcome outcome)
{
    uint32_t number = sim_history_next_number(rig->history, 0);
    SimCompletion completion = {.outcome = outcome, .node = 1, .attempts = 1};
    size_t op = sim_history_invoke(rig->history, rig->now, 0, 0, kind, 0, number);

    rig->now += MS;
    sim_history_complete(rig->history, op, rig->now, &completion);
}

static SimFinal
final_of(uint32_t key, void *context)
{
    (void)key;
    return ((Rig *)context)->final;
}

static SimLosses
judge(Rig *rig, bool present, uint32_t number)
{
    rig->final = (SimFinal){.known = true, .present = present, .number = number};
    return sim_history_judge(rig->history, rig->now, final_of, rig, NULL, NULL);
}

static void
ledger(Rig *rig)
{
    sim_history_ledger_add(rig->history, "k", 1, 0, 1, rig->now);
}

/* What is there is the last acknowledged write: nothing is lost. */
static void
test_the_last_write_is_there(void)
{
    Rig rig;

    rig_init(&rig);
    call(&rig, SIM_DO_SET, SIM_OUTCOME_OK);
    call(&rig, SIM_DO_SET, SIM_OUTCOME_OK);

    T_EQ(judge(&rig, true, 2).lost, 0);
    T_EQ(judge(&rig, true, 2).acknowledged, 2);
    sim_history_free(rig.history);
}

/* A key that was deleted twice was deleted once: one loss, and one line of the ledger, is all.
 * Found by five shards that were cut off with clients who deleted again (seed 1). */
static void
test_a_second_deletion_is_no_second_loss(void)
{
    Rig rig;

    rig_init(&rig);
    call(&rig, SIM_DO_SET, SIM_OUTCOME_OK);
    call(&rig, SIM_DO_DEL, SIM_OUTCOME_OK);
    call(&rig, SIM_DO_DEL, SIM_OUTCOME_OK);
    ledger(&rig);

    T_EQ(judge(&rig, true, 1).lost, 1);
    T_EQ(judge(&rig, true, 1).lost_in_ledger, 1);
    T_EQ(judge(&rig, true, 1).returned, 1);
    sim_history_free(rig.history);
}

/* Every acknowledged write after the one that is there is lost, each for itself. */
static void
test_later_writes_are_lost(void)
{
    Rig rig;
    SimLosses losses;

    rig_init(&rig);
    call(&rig, SIM_DO_SET, SIM_OUTCOME_OK);
    call(&rig, SIM_DO_SET, SIM_OUTCOME_OK);
    call(&rig, SIM_DO_SET, SIM_OUTCOME_OK);
    losses = judge(&rig, true, 1);

    T_EQ(losses.lost, 2);
    T_EQ(losses.lost_in_ledger, 0);
    ledger(&rig);
    T_EQ(judge(&rig, true, 1).lost_in_ledger, 1);
    ledger(&rig);
    T_EQ(judge(&rig, true, 1).lost_in_ledger, 2);
    T_EQ(judge(&rig, false, 0).lost, 3);
    sim_history_free(rig.history);
}

/* A refused write that is missing is no loss, nor is one whose fate nobody knows. */
static void
test_only_acknowledged_writes_can_be_lost(void)
{
    Rig rig;

    rig_init(&rig);
    call(&rig, SIM_DO_SET, SIM_OUTCOME_OK);
    call(&rig, SIM_DO_SET, SIM_OUTCOME_REFUSED);
    call(&rig, SIM_DO_SET, SIM_OUTCOME_UNKNOWN);

    T_EQ(judge(&rig, true, 1).lost, 0);
    T_EQ(judge(&rig, true, 3).lost, 0);
    sim_history_free(rig.history);
}

/* A deletion explains that nothing is there; a deletion that is undone is lost itself. */
static void
test_deletions_count_as_writes(void)
{
    Rig rig;
    SimLosses losses;

    rig_init(&rig);
    call(&rig, SIM_DO_SET, SIM_OUTCOME_OK);
    call(&rig, SIM_DO_DEL, SIM_OUTCOME_OK);

    T_EQ(judge(&rig, false, 0).lost, 0);
    losses = judge(&rig, true, 1);
    T_EQ(losses.lost, 1);
    T_EQ(losses.returned, 1);
    call(&rig, SIM_DO_SET, SIM_OUTCOME_OK);
    T_EQ(judge(&rig, false, 0).lost, 1);
    sim_history_free(rig.history);
}

/* A write that was given up may be done late, over a newer one: not lost, but ambiguous. */
static void
test_a_late_write_is_ambiguous(void)
{
    Rig rig;
    SimLosses losses;

    rig_init(&rig);
    call(&rig, SIM_DO_SET, SIM_OUTCOME_UNKNOWN);
    call(&rig, SIM_DO_SET, SIM_OUTCOME_OK);
    losses = judge(&rig, true, 1);

    T_EQ(losses.lost, 0);
    T_EQ(losses.ambiguous, 1);
    sim_history_free(rig.history);
}

/* A value that nobody wrote is corrupt, and a slot without an owner is not judged. */
static void
test_strange_ends_are_told_apart(void)
{
    Rig rig;

    rig_init(&rig);
    call(&rig, SIM_DO_SET, SIM_OUTCOME_OK);

    T_EQ(judge(&rig, true, 9).keys_corrupt, 1);
    rig.final = (SimFinal){.known = false};
    T_EQ(sim_history_judge(rig.history, rig.now, final_of, &rig, NULL, NULL).keys_unknown, 1);
    sim_history_free(rig.history);
}

/* A key that has expired is rightly gone; one that ends within the second may be. */
static void
test_expired_keys_are_not_lost(void)
{
    Rig rig;

    rig_init(&rig);
    call(&rig, SIM_DO_SET, SIM_OUTCOME_OK);
    sim_history_set_expiry(rig.history, 0, rig.now + 1100 * MS);

    T_EQ(judge(&rig, false, 0).lost, 1);
    rig.now += 200 * MS;
    T_EQ(judge(&rig, false, 0).lost, 0);
    sim_history_free(rig.history);
}

static const Test TESTS[] = {
    TEST(test_the_last_write_is_there),     TEST(test_a_second_deletion_is_no_second_loss),
    TEST(test_later_writes_are_lost),       TEST(test_only_acknowledged_writes_can_be_lost),
    TEST(test_deletions_count_as_writes),   TEST(test_a_late_write_is_ambiguous),
    TEST(test_strange_ends_are_told_apart), TEST(test_expired_keys_are_not_lost),
};

T_MAIN("sim history", TESTS)
