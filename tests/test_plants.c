/* The questions behind planted bugs that scenarios ask of a whole cluster, asked of nodes in a
 * box: answered rightly, and, where bugs are planted, wrongly. */
#include "box.h"
#include "check.h"

#define N ORR_NS_PER_S

static Box *
made(size_t primaries, size_t replicas, uint64_t planted)
{
    OrrSettings settings = orr_settings_default();
    Box *box;

    settings.node_timeout_ns = N;
    settings.planted = planted;
    box = box_new(primaries, replicas, &settings);
    box_boot_all(box);
    box_run(box, 2 * N);
    return box;
}

static void
cut_all(Box *box)
{
    memset(box->cut, 1, sizeof box->cut);
}

/* One fact, as if `from` had told it; of a cluster of another name, if that is given. */
static void
tell(Box *box, size_t from, size_t to, const OrrFact *fact, const OrrId *cluster)
{
    OrrMessage message = {.type = ORR_MESSAGE_RECORDS};
    OrrEvent event = {.type = ORR_EVENT_RECEIVED};
    uint8_t text[ORR_FACT_SIZE_MAX];
    uint8_t frame[ORR_CONTROL_FRAME_MAX];

    message.cluster = cluster != NULL ? *cluster : box->nodes[from].config.cluster;
    message.sender = box->nodes[from].config.id;
    message.incarnation = UINT64_C(1) << 30;
    message.facts = orr_bytes(text, orr_fact_encode(fact, text, sizeof text));
    event.received.from = box->nodes[from].address;
    event.received.lane = ORR_LANE_CONTROL;
    event.received.frame = orr_bytes(frame, orr_bus_encode(&message, frame));
    T_EQ(box_event(box, to, &event), ORR_OK);
}

static void
tell_claim(Box *box, size_t to, size_t claimant, uint64_t epoch)
{
    OrrFact fact = {.kind = ORR_FACT_SHARD};

    fact.shard.shard = box->nodes[0].config.shard;
    fact.shard.primary = box->nodes[claimant].config.id;
    fact.shard.epoch = epoch;
    tell(box, 2, to, &fact, NULL);
}

/* A claim that comes late changes nothing. */
static bool
a_late_claim_wins(uint64_t planted)
{
    Box *box = made(3, 1, planted);
    uint64_t before;
    bool changed;

    cut_all(box);
    tell_claim(box, 1, 3, 9);
    before = box_view(box, 1).members_digest;
    tell_claim(box, 1, 0, 5);
    changed = box_view(box, 1).members_digest != before;
    box_free(box);
    return changed;
}

/* Two operators make two primaries in one epoch; one of them takes writes. Who is it a node
 * timeout after they see each other? -1: both still believe that they are. */
static int
winner_of_twins(uint64_t planted)
{
    Box *box = made(3, 1, planted);
    int winner;

    for (size_t i = 1; i < box->count; i++) {
        box_cut(box, 0, i, true);
    }
    box_run(box, 3 * N / 2);
    (void)box_command(box, 3, "CLUSTER FAILOVER TAKEOVER");
    while (box_view(box, 0).current_epoch < box_view(box, 3).current_epoch) {
        (void)box_command(box, 0, "CLUSTER BUMPEPOCH");
        box_run(box, 10 * ORR_NS_PER_MS);
    }
    box_run(box, 3 * N);
    T_TRUE(g_str_has_prefix(box_command(box, 3, "SET bar 1"), "+OK")); /* slot 5061 */
    box_heal(box);
    box_run(box, 2 * N);
    winner = box_view(box, 0).role == box_view(box, 3).role ? -1
             : box_view(box, 0).role == ORR_ROLE_PRIMARY    ? 0
                                                            : 3;
    box_free(box);
    return winner;
}

/* Members after a frame of a foreign cluster has named one. */
static uint32_t
members_after_a_foreign_frame(uint64_t planted)
{
    Box *box = made(3, 1, planted);
    OrrFact fact = {.kind = ORR_FACT_MEMBER};
    OrrId foreign = orr_id_of_name(orr_bytes_of_string("another cluster"));
    uint32_t count;

    fact.member.id = orr_id_of_name(orr_bytes_of_string("stranger"));
    fact.member.shard = orr_id_of_name(orr_bytes_of_string("its shard"));
    fact.member.incarnation = 1;
    fact.member.address = orr_address_v4(10, 9, 9, 9, 7000, 17000);
    fact.member.state = ORR_MEMBER_ALIVE;
    tell(box, 1, 0, &fact, &foreign);
    count = box_view(box, 0).member_count;
    box_free(box);
    return count;
}

/* Members that are listed two minutes after one of six was forgotten; it runs, and knocks. */
static uint32_t
members_after_a_forgotten_one_knocked(uint64_t planted)
{
    Box *box = made(3, 1, planted);
    g_autofree char *command =
        g_strdup_printf("CLUSTER FORGET %.40s", box_command(box, 5, "CLUSTER MYID") + 5);
    uint32_t count;

    for (size_t i = 0; i < 5; i++) {
        T_TRUE(g_str_has_prefix(box_command(box, i, command), "+OK"));
    }
    box_run(box, 120 * N);
    count = box_view(box, 0).member_count;
    box_free(box);
    return count;
}

/* Who serves after a primary was started with a wish to be its own replica. */
static int
owner_after_a_wish_for_itself(uint64_t planted)
{
    Box *box = made(3, 0, planted);
    int owner;

    box_kill(box, 0);
    box->nodes[0].config.replica_of = box->nodes[0].config.id;
    box_boot(box, 0);
    box_run(box, 3 * N);
    owner = box_owner(box, 0);
    box_free(box);
    return owner;
}

/* Three of seven primaries fall silent at once: attempts to follow them that ran out of time.
 */
static uint32_t
expired_attempts(uint64_t planted)
{
    Box *box = made(7, 1, planted);
    uint32_t count = 0;

    for (size_t i = 0; i < 3; i++) {
        box->nodes[i].silent = true;
    }
    box_run(box, 12 * N);
    for (size_t i = 0; i < box->count; i++) {
        count += (uint32_t)box_view(box, i).expired_attempts;
    }
    T_TRUE(planted != 0 || box_owner(box, 0) == 7);
    box_free(box);
    return count;
}

/* A replica that has not heard of its primary since it booted does not know how old its data
 * is, and does not follow it. */
static int
owner_when_only_old_data_is_left(uint64_t planted)
{
    Box *box = made(3, 1, planted);
    int owner;

    box_kill(box, 3);
    box_kill(box, 0);
    box_boot(box, 3);
    box_run(box, 10 * N);
    owner = box_owner(box, 0);
    box_free(box);
    return owner;
}

static void
test_a_late_claim_never_wins(void)
{
    T_FALSE(a_late_claim_wins(0));
}

static void
test_twins_are_settled_for_the_newer_data(void)
{
    T_EQ(winner_of_twins(0), 3);
}

static void
test_a_foreign_frame_changes_nothing(void)
{
    T_EQ(members_after_a_foreign_frame(0), 6);
}

static void
test_a_forgotten_node_stays_out(void)
{
    T_EQ(members_after_a_forgotten_one_knocked(0), 5);
}

static void
test_nobody_is_its_own_replica(void)
{
    T_EQ(owner_after_a_wish_for_itself(0), 0);
}

static void
test_three_at_once_do_not_collide(void)
{
    T_EQ(expired_attempts(0), 0);
}

static void
test_unknown_data_does_not_stand(void)
{
    T_EQ(owner_when_only_old_data_is_left(0), -1);
}

#ifdef ORR_PLANTED_BUGS
#define PLANT(name) (UINT64_C(1) << ORR_PLANT_BIT_##name)

static void
test_planted_bugs_are_caught(void)
{
    T_TRUE(a_late_claim_wins(PLANT(CLAIMS_UNVERSIONED)));
    T_EQ(winner_of_twins(PLANT(EQUAL_EPOCH_BY_ID)), 0);
    T_EQ(winner_of_twins(PLANT(EQUAL_EPOCH_IGNORED)), -1);
    T_EQ(members_after_a_foreign_frame(PLANT(NO_CLUSTER_CHECK)), 7);
    T_EQ(members_after_a_forgotten_one_knocked(PLANT(TOMBSTONES_SHORT)), 6);
    T_EQ(owner_after_a_wish_for_itself(PLANT(SELF_REPLICATION)), -1);
    T_TRUE(expired_attempts(PLANT(ALL_STAND_AT_ONCE)) > 0);
    T_EQ(owner_when_only_old_data_is_left(PLANT(STALE_MAY_STAND)), 3);
}
#endif

static const Test TESTS[] = {
    TEST(test_a_late_claim_never_wins),         TEST(test_twins_are_settled_for_the_newer_data),
    TEST(test_a_foreign_frame_changes_nothing), TEST(test_a_forgotten_node_stays_out),
    TEST(test_nobody_is_its_own_replica),       TEST(test_three_at_once_do_not_collide),
    TEST(test_unknown_data_does_not_stand),
#ifdef ORR_PLANTED_BUGS
    TEST(test_planted_bugs_are_caught),
#endif
};

T_MAIN("plants", TESTS)
