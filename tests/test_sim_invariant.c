/* Each check of the invariants, fed with facts that no healthy cluster makes, and seen to fail.
 */
#include "check.h"

#include <invariant.h>
#include <orrery/slots.h>

#define S ORR_NS_PER_S

typedef struct Rig {
    SimRoster *names;
    SimInvariants *invariants;
    bool serves[4];
    uint64_t version[4];
    SimSentenceKind failed;
    int failures;
    char text[256];
} Rig;

static bool
rig_serves(void *context, uint32_t node, uint16_t slot, uint64_t *version)
{
    Rig *rig = context;

    (void)slot;
    *version = rig->version[node];
    return rig->serves[node];
}

static bool
rig_next_range(void *context, uint32_t node, uint32_t *cursor, OrrSlotRange *range)
{
    (void)context;
    (void)node;
    if (*cursor > 0) {
        return false;
    }
    *range = (OrrSlotRange){100, 109};
    *cursor = 110;
    return true;
}

static void
rig_violated(SimSentenceKind check, OrrTime at, const char *text, void *context)
{
    Rig *rig = context;

    (void)at;
    rig->failed = check;
    rig->failures++;
    snprintf(rig->text, sizeof rig->text, "%s", text);
}

static void
rig_init(Rig *rig)
{
    static const char *const nodes[] = {"n1", "n2", "n3", "n4"};

    *rig = (Rig){.names = sim_roster_new()};
    sim_roster_add(rig->names, SIM_ROSTER_CLUSTER, "main");
    sim_roster_add(rig->names, SIM_ROSTER_SHARD, "a");
    sim_roster_add(rig->names, SIM_ROSTER_SHARD, "b");
    for (size_t i = 0; i < 4; i++) {
        sim_roster_add(rig->names, SIM_ROSTER_NODE, nodes[i]);
    }
    SimInvariantSources sources = {rig_serves, rig_next_range, rig_violated, rig};

    rig->invariants = sim_invariants_new(rig->names, &sources);
}

static void
rig_free(Rig *rig)
{
    sim_invariants_free(rig->invariants);
    sim_roster_free(rig->names);
}

/* A primary of shard a that serves until `lease`; 0: it does not serve. */
static void
look(Rig *rig, OrrTime now, uint32_t node, uint64_t epoch, OrrTime lease)
{
    OrrNodeView view = {
        .id = *sim_roster_id(rig->names, SIM_ROSTER_NODE, node),
        .cluster = *sim_roster_id(rig->names, SIM_ROSTER_CLUSTER, 0),
        .shard = *sim_roster_id(rig->names, SIM_ROSTER_SHARD, 0),
        .role = ORR_ROLE_PRIMARY,
        .current_epoch = epoch,
        .shard_epoch = epoch,
        .incarnation = 1,
        .serving = lease > now,
    };

    rig->serves[node] = lease > now;
    rig->version[node] = epoch << 32 | 1;
    sim_invariants_look(rig->invariants, now, node, &view, lease, false);
}

/* One owner whose lease runs out before the next one begins: nothing is wrong. */
static void
test_a_clean_failover_passes(void)
{
    Rig rig;

    rig_init(&rig);
    look(&rig, 1 * S, 0, 1, 6 * S);
    look(&rig, 4 * S, 0, 1, 9 * S);
    rig.serves[0] = false;
    look(&rig, 10 * S, 1, 2, 15 * S);

    T_EQ(rig.failures, 0);
    T_EQ(sim_invariants_episode_count(rig.invariants), 2);
    T_EQ(sim_invariants_server(rig.invariants, 11 * S, 0), 1);
    sim_invariants_finish(rig.invariants, 12 * S);
    T_EQ(sim_invariants_episode(rig.invariants, 0)->to_ns, 9 * S);
    rig_free(&rig);
}

/* An episode ends with its lease, although nothing happened at that moment. */
static void
test_an_episode_ends_with_its_lease(void)
{
    Rig rig;

    rig_init(&rig);
    look(&rig, 1 * S, 0, 1, 6 * S);
    T_EQ(sim_invariants_server(rig.invariants, 5 * S, 0), 0);
    T_EQ(sim_invariants_server(rig.invariants, 7 * S, 0), SIM_ROSTER_NONE);
    look(&rig, 20 * S, 0, 1, 0);

    T_EQ(sim_invariants_episode(rig.invariants, 0)->to_ns, 6 * S);
    rig_free(&rig);
}

/* O1: a second server of a slot while the first still serves. */
static void
test_two_servers_at_once_are_seen(void)
{
    Rig rig;

    rig_init(&rig);
    look(&rig, 1 * S, 0, 1, 9 * S);
    look(&rig, 2 * S, 1, 2, 9 * S);

    T_EQ(rig.failed, SIM_CHECK_ONE_SERVER_PER_SLOT);
    T_EQ(rig.failures, 1);
    T_STR_EQ(rig.text, "slot 100 is served by n1 and by n2 at the same time");
    rig_free(&rig);
}

/* O1: the same version served by two nodes, even one after the other. */
static void
test_one_version_has_one_owner(void)
{
    Rig rig;

    rig_init(&rig);
    look(&rig, 1 * S, 0, 7, 5 * S);
    rig.serves[0] = false;
    look(&rig, 8 * S, 1, 7, 12 * S);

    T_EQ(rig.failed, SIM_CHECK_ONE_OWNER_PER_VERSION);
    T_TRUE(rig.failures >= 1);
    rig_free(&rig);
}

static OrrTrace
decision(Rig *rig, OrrTraceKind kind, uint32_t node, uint32_t other, uint64_t epoch)
{
    OrrTrace trace = orr_trace(kind);

    trace.node = *sim_roster_id(rig->names, SIM_ROSTER_NODE, node);
    trace.other = *sim_roster_id(rig->names, SIM_ROSTER_NODE, other);
    trace.epoch = epoch;
    return trace;
}

/* O2: two winners of one epoch. */
static void
test_two_winners_are_seen(void)
{
    Rig rig;
    OrrTrace trace;

    rig_init(&rig);
    look(&rig, 1 * S, 0, 1, 0);
    look(&rig, 1 * S, 1, 1, 0);
    trace = decision(&rig, ORR_TRACE_PROMOTED, 0, 0, 5);
    sim_invariants_trace(rig.invariants, 2 * S, 0, &trace);
    T_EQ(rig.failures, 0);
    trace = decision(&rig, ORR_TRACE_PROMOTED, 1, 1, 5);
    sim_invariants_trace(rig.invariants, 3 * S, 1, &trace);

    T_EQ(rig.failed, SIM_CHECK_ONE_WINNER_PER_EPOCH);
    rig_free(&rig);
}

/* An operator who gives two nodes one epoch is no election. */
static void
test_takeovers_are_no_elections(void)
{
    Rig rig;
    OrrTrace trace;

    rig_init(&rig);
    trace = decision(&rig, ORR_TRACE_PROMOTED, 0, 0, 5);
    sim_invariants_trace(rig.invariants, 2 * S, 0, &trace);
    trace = decision(&rig, ORR_TRACE_ADMIN, 1, 1, 0);
    orr_trace_set_text(&trace, orr_bytes_of_string("cluster FAILOVER TAKEOVER"));
    sim_invariants_trace(rig.invariants, 3 * S, 1, &trace);
    trace = decision(&rig, ORR_TRACE_PROMOTED, 1, 1, 5);
    sim_invariants_trace(rig.invariants, 3 * S, 1, &trace);

    T_EQ(rig.failures, 0);
    rig_free(&rig);
}

/* O2: one voter, one epoch, two candidates; the same candidate twice is one vote. */
static void
test_two_votes_are_seen(void)
{
    Rig rig;
    OrrTrace trace;

    rig_init(&rig);
    trace = decision(&rig, ORR_TRACE_VOTED, 2, 0, 9);
    sim_invariants_trace(rig.invariants, 1 * S, 2, &trace);
    sim_invariants_trace(rig.invariants, 2 * S, 2, &trace);
    T_EQ(rig.failures, 0);
    trace = decision(&rig, ORR_TRACE_VOTED, 2, 1, 9);
    sim_invariants_trace(rig.invariants, 3 * S, 2, &trace);

    T_EQ(rig.failed, SIM_CHECK_ONE_VOTE_PER_EPOCH);
    T_STR_EQ(rig.text, "n3 voted for n1 and for n2 in epoch 9");
    rig_free(&rig);
}

/* O6: an epoch that goes down after a restart; an emptied disk starts anew. */
static void
test_epochs_that_go_down_are_seen(void)
{
    Rig rig;

    rig_init(&rig);
    look(&rig, 1 * S, 0, 8, 0);
    sim_invariants_gone(rig.invariants, 2 * S, 0);
    look(&rig, 3 * S, 0, 7, 0);
    T_EQ(rig.failed, SIM_CHECK_EPOCHS_NEVER_DOWN);

    rig.failures = 0;
    sim_invariants_wiped(rig.invariants, 0);
    look(&rig, 4 * S, 0, 1, 0);
    T_EQ(rig.failures, 0);
    rig_free(&rig);
}

static const Test TESTS[] = {
    TEST(test_a_clean_failover_passes),      TEST(test_an_episode_ends_with_its_lease),
    TEST(test_two_servers_at_once_are_seen), TEST(test_one_version_has_one_owner),
    TEST(test_two_winners_are_seen),         TEST(test_takeovers_are_no_elections),
    TEST(test_two_votes_are_seen),           TEST(test_epochs_that_go_down_are_seen),
};

T_MAIN("sim invariant", TESTS)
