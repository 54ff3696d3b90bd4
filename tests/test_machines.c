/* Votes, verdicts and leases of whole nodes, asked by frames that a test writes itself; and for
 * each planted bug, that the same question is then answered wrongly. */
#include <orrery/election.h>

#include "box.h"
#include "check.h"

#define N ORR_NS_PER_S

static OrrSettings
settings_of(uint64_t planted)
{
    OrrSettings settings = orr_settings_default();

    settings.node_timeout_ns = N;
    settings.planted = planted;
    return settings;
}

static Box *
formed(size_t primaries, size_t replicas, uint64_t planted)
{
    OrrSettings settings = settings_of(planted);
    Box *box = box_new(primaries, replicas, &settings);

    box_boot_all(box);
    box_run(box, 2 * N);
    return box;
}

/* A frame from one node to another, as if it had been sent. */
static OrrStatus
inject(Box *box, size_t from, size_t to, OrrMessage *message)
{
    uint8_t frame[ORR_CONTROL_FRAME_MAX];
    OrrEvent event = {.type = ORR_EVENT_RECEIVED};

    message->cluster = box->nodes[from].config.cluster;
    message->sender = box->nodes[from].config.id;
    message->incarnation = UINT64_C(1) << 30; /* of its present life, whichever that is */
    event.received.from = box->nodes[from].address;
    event.received.lane = ORR_LANE_CONTROL;
    event.received.frame = orr_bytes(frame, orr_bus_encode(message, frame));
    return box_event(box, to, &event);
}

static void
ask_vote(Box *box, size_t candidate, size_t voter, uint64_t epoch, uint8_t flags)
{
    OrrMessage message = {.type = ORR_MESSAGE_VOTE_REQUEST};

    message.vote_request.shard = box->nodes[candidate].config.shard;
    message.vote_request.epoch = epoch;
    message.vote_request.shard_epoch = 1;
    message.vote_request.offset = 0;
    message.vote_request.data_epoch = 1;
    message.vote_request.flags = flags;
    T_EQ(inject(box, candidate, voter, &message), ORR_OK);
}

static bool
told_vote(const Box *box)
{
    for (size_t i = 0; i < orr_effects_count(box->effects); i++) {
        OrrEffect effect = orr_effects_get(box->effects, i);
        OrrMessage message;

        if (effect.type == ORR_EFFECT_SEND &&
            orr_bus_decode(effect.send.frame, &message) == ORR_OK &&
            message.type == ORR_MESSAGE_VOTE && message.vote.verdict == ORR_VOTE_GRANTED) {
            return true;
        }
    }
    return false;
}

/* A voter gives its vote of an epoch to one candidate, and tells it to that one again.
 * Redis Cluster specification, "Replica election and promotion". */
static size_t
votes_of_one_epoch(uint64_t planted)
{
    Box *box = formed(3, 2, planted);
    size_t votes;

    ask_vote(box, 3, 1, 9, ORR_VOTE_CONSENT);
    box_run(box, 5 * ORR_NS_PER_MS);
    ask_vote(box, 6, 1, 9, ORR_VOTE_CONSENT);
    box_run(box, 5 * ORR_NS_PER_MS);
    votes = box_trace_count(box, "2 voted epoch 9");
    if (planted == 0) {
        T_EQ(box_trace_count(box, "2 vote-denied 7 epoch 9: denied: voted already"), 1);
        ask_vote(box, 3, 1, 8, ORR_VOTE_CONSENT);
        T_EQ(box_trace_count(box, "2 vote-denied 4 epoch 8: denied: epoch is old"), 1);
    }
    box_free(box);
    return votes;
}

static void
test_one_vote_an_epoch(void)
{
    T_EQ(votes_of_one_epoch(0), 1);
}

/* ... nor after a restart. */
static void
test_a_vote_outlives_a_restart(void)
{
    Box *box = formed(3, 2, 0);

    ask_vote(box, 3, 1, 9, ORR_VOTE_CONSENT);
    box_run(box, 5 * ORR_NS_PER_MS);
    T_EQ(box_trace_count(box, "2 voted 4 epoch 9"), 1);
    box_kill(box, 1);
    box_boot(box, 1);
    box_run(box, N / 10);
    ask_vote(box, 6, 1, 9, ORR_VOTE_CONSENT);
    box_run(box, 5 * ORR_NS_PER_MS);

    T_EQ(box_trace_count(box, "2 voted epoch 9"), 1);
    T_EQ(box_view(box, 1).vote_epoch, 9);
    box_free(box);
}

/* Written before promised: with the request a STORE goes out, and no vote. */
static bool
votes_at_once(uint64_t planted)
{
    Box *box = formed(3, 1, planted);
    bool told;

    box->nodes[1].disk_stalls = true;
    ask_vote(box, 3, 1, 9, ORR_VOTE_CONSENT);
    told = told_vote(box);
    ask_vote(box, 3, 1, 9, ORR_VOTE_CONSENT); /* asked again meanwhile: it waits, too */
    told |= told_vote(box);
    box_free(box);
    return told;
}

static void
test_a_vote_is_told_when_it_is_stored(void)
{
    T_FALSE(votes_at_once(0));
}

/* A vote that could not be written is not given, and may be given when the disk is well. */
static void
test_a_vote_that_is_not_stored_is_not_told(void)
{
    Box *box = formed(3, 1, 0);

    box->nodes[1].disk_fails = true;
    ask_vote(box, 3, 1, 9, ORR_VOTE_CONSENT);
    ask_vote(box, 3, 1, 9, ORR_VOTE_CONSENT);
    box_run(box, 5 * ORR_NS_PER_MS);
    T_EQ(box_trace_count(box, "2 voted"), 0);
    box->nodes[1].disk_fails = false;
    box_run(box, N / 10);
    ask_vote(box, 3, 1, 9, ORR_VOTE_CONSENT);
    box_run(box, 5 * ORR_NS_PER_MS);
    T_EQ(box_trace_count(box, "2 voted 4 epoch 9"), 1);
    box_kill(box, 1);
    box_boot(box, 1); /* its files are whole */
    box_run(box, N);
    T_EQ(box_view(box, 1).vote_epoch, 9);
    box_free(box);
}

/* Each refusal says what it is for. */
static void
test_refusals(void)
{
    Box *box = formed(3, 1, 0);

    ask_vote(box, 3, 1, 9, 0);
    T_TRUE(box_traced(box, "2 vote-denied 4 epoch 9: denied: primary is alive"));
    ask_vote(box, 3, 1, 10, ORR_VOTE_FORCE);
    T_TRUE(box_traced(box, "2 vote-denied 4 epoch 10: denied: the owner's lease stands"));
    ask_vote(box, 3, 5, 11, ORR_VOTE_CONSENT);
    T_TRUE(box_traced(box, "6 vote-denied 4 epoch 11: denied: not a voter"));
    ask_vote(box, 0, 1, 12, ORR_VOTE_CONSENT);
    T_TRUE(box_traced(box, "2 vote-denied 1 epoch 12: denied: not a replica of it"));
    T_EQ(box_trace_count(box, "voted "), 0);
    box_free(box);
}

/* Consent is the primary's. What a voter has promised to one candidate another cannot take. */
static void
test_consent_does_not_undo_a_promise(void)
{
    Box *box = formed(3, 2, 0);

    ask_vote(box, 3, 1, 9, ORR_VOTE_CONSENT);
    box_run(box, 5 * ORR_NS_PER_MS);
    ask_vote(box, 6, 1, 10, ORR_VOTE_CONSENT);
    box_run(box, 5 * ORR_NS_PER_MS);

    T_EQ(box_trace_count(box, "2 voted 4 epoch 9"), 1);
    T_TRUE(box_traced(box, "2 vote-denied 7 epoch 10: denied: the owner's lease stands"));
    box_free(box);
}

/* An administrator's FORCE finds a primary that is cut off, but may still serve: the voters
 * wait for the end of its lease. */
static bool
two_owners_after_force(uint64_t planted)
{
    Box *box = formed(3, 1, planted);
    bool two = false;

    for (size_t i = 1; i < box->count; i++) {
        box_cut(box, 0, i, true);
    }
    (void)box_command(box, 3, "CLUSTER FAILOVER FORCE");
    for (int i = 0; i < 100; i++) {
        box_run(box, 20 * ORR_NS_PER_MS);
        two |= box_owner(box, 0) == -2;
    }
    T_EQ(box_owner(box, 0), 3);
    box_free(box);
    return two;
}

static void
test_votes_wait_for_the_lease(void)
{
    T_FALSE(two_owners_after_force(0));
}

/* A candidate that has a vote judges it as any other voter's: where all members vote, its own
 * lease for the old owner stands in its way, too. */
static void
test_own_vote_waits_for_the_lease(void)
{
    OrrSettings settings = settings_of(0);
    Box *box;

    settings.voters = ORR_VOTERS_ALL;
    box = box_new(1, 2, &settings);
    box_boot_all(box);
    box_run(box, 2 * N);
    box_cut(box, 0, 2, true); /* the primary and one replica, and the other replica alone */
    (void)box_command(box, 2, "CLUSTER FAILOVER FORCE");
    T_FALSE(box_traced(box, "3 voted 3"));
    for (int i = 0; i < 200; i++) {
        box_run(box, 10 * ORR_NS_PER_MS);
        T_TRUE(box_owner(box, 0) != -2);
    }
    box_free(box);
}

/* Of three voters one suspicion is no verdict. One accuser is one, however often it repeats. */
static uint32_t
failed_after_one_accuser(uint64_t planted)
{
    Box *box = formed(5, 0, planted);
    OrrMessage message = {.type = ORR_MESSAGE_REPORT};
    OrrMemberView accused = {.id = box->nodes[4].config.id};
    uint32_t failed;

    for (size_t i = 0; orr_node_member(box->nodes[0].node, i, &accused) == ORR_OK; i++) {
        if (orr_id_equal(&accused.id, &box->nodes[4].config.id)) {
            break;
        }
    }
    message.report.accused = accused.id;
    message.report.incarnation = accused.incarnation;
    message.report.suspicion = ORR_SUSPICION_SILENT;
    for (int i = 0; i < 10; i++) {
        (void)inject(box, 1, 0, &message);
    }
    failed = box_view(box, 0).failed_count;
    (void)inject(box, 2, 0, &message);
    T_EQ(box_view(box, 0).failed_count, planted != 0);
    (void)inject(box, 3, 0, &message);
    T_EQ(box_view(box, 0).failed_count, 1);
    box_free(box);
    return failed;
}

static void
test_one_accuser_counts_once(void)
{
    T_EQ(failed_after_one_accuser(0), 0);
}

/* Reports are forgotten after two timeouts: old ones and a new one make no majority. */
static void
test_reports_expire(void)
{
    Box *box = formed(5, 0, 0);
    OrrMessage message = {.type = ORR_MESSAGE_REPORT};
    OrrMemberView accused;

    T_EQ(orr_node_member(box->nodes[0].node, 4, &accused), ORR_OK);
    message.report.accused = accused.id;
    message.report.incarnation = accused.incarnation;
    message.report.suspicion = ORR_SUSPICION_SILENT;
    (void)inject(box, 1, 0, &message);
    (void)inject(box, 2, 0, &message);
    box_run(box, 2 * N + N / 10);
    (void)inject(box, 3, 0, &message);
    T_EQ(box_view(box, 0).failed_count, 0);
    box_free(box);
}

static void
report_silence(Box *box, size_t accuser, size_t to, size_t accused, OrrSuspicion suspicion)
{
    OrrMessage message = {.type = ORR_MESSAGE_REPORT};
    OrrMemberView view = {.id = ORR_ID_NONE};

    for (size_t i = 0; orr_node_member(box->nodes[to].node, i, &view) == ORR_OK; i++) {
        if (orr_id_equal(&view.id, &box->nodes[accused].config.id)) {
            break;
        }
    }
    message.report.accused = view.id;
    message.report.incarnation = view.incarnation;
    message.report.suspicion = suspicion;
    T_EQ(inject(box, accuser, to, &message), ORR_OK);
}

/* The datagram that takes a suspicion back may be lost: it is told again, or the report would
 * make a majority with the next one about a node that has been well for long. */
static void
test_a_lost_withdrawal_is_told_again(void)
{
    Box *box = formed(5, 0, 0);

    for (size_t i = 0; i < box->count; i++) {
        box->cut[1][i] = i == 4; /* only the second node cannot reach the fifth */
    }
    box_run(box, N + N / 4);
    T_TRUE(box_traced(box, " 2 suspected 5"));
    memset(box->cut, 0, sizeof box->cut);
    while (box_trace_count(box, " 2 trusted 5") == 0 && box->now_ns < 10 * N) {
        for (size_t i = 0; i < box->count; i++) {
            box->cut[1][i] = 1; /* whatever it says now is lost, but it hears the answers */
        }
        box->cut[1][4] = 0;
        box_run(box, ORR_NS_PER_MS);
    }
    T_TRUE(box_traced(box, " 2 trusted 5"));
    memset(box->cut, 0, sizeof box->cut);
    box_run(box, N / 2);
    report_silence(box, 2, 0, 4, ORR_SUSPICION_SILENT);
    report_silence(box, 3, 0, 4, ORR_SUSPICION_SILENT);
    T_EQ(box_view(box, 0).failed_count, 0);
    box_free(box);
}

/* Twins of one epoch that are both dead cannot settle it. The others agree all the same,
 * whichever they heard of first. */
static void
test_third_parties_agree_on_dead_twins(void)
{
    Box *box = formed(3, 2, 0);
    uint8_t facts[2][ORR_FACT_SIZE_MAX];
    size_t sizes[2];

    for (size_t i = 0; i < 2; i++) {
        OrrFact fact = {.kind = ORR_FACT_SHARD};

        fact.shard.shard = box->nodes[0].config.shard;
        fact.shard.primary = box->nodes[i == 0 ? 3 : 6].config.id;
        fact.shard.epoch = 9;
        fact.shard.start_offset = 100 + i;
        sizes[i] = orr_fact_encode(&fact, facts[i], sizeof facts[i]);
    }
    for (size_t i = 0; i < box->count; i++) {
        for (size_t k = 0; k < box->count; k++) {
            box->cut[i][k] = 1; /* they hear of it from the test only */
        }
    }
    for (size_t i = 0; i < 4; i++) {
        OrrMessage message = {.type = ORR_MESSAGE_RECORDS};
        size_t which = i % 2 == i / 2;

        message.facts = orr_bytes(facts[which], sizes[which]);
        T_EQ(inject(box, 4, 1 + i / 2, &message), ORR_OK);
    }
    T_TRUE(box_view(box, 1).members_digest == box_view(box, 2).members_digest);
    box_free(box);
}

/* Who stood still for ten timeouts blames nobody for it, whatever it is told first. */
static void
test_a_paused_node_accuses_nobody(void)
{
    Box *box = formed(3, 1, 0);
    OrrEvent broken = {.type = ORR_EVENT_LINK};

    box->nodes[4].paused = true;
    box_run(box, N / 2);
    box->nodes[0].paused = true;
    box_run(box, 10 * N);
    broken.link.state = ORR_LINK_REFUSED;
    broken.link.peer = box->nodes[1].address;
    (void)box_event(box, 0, &broken);
    box_resume(box, 0);
    box_resume(box, 4);
    box_run(box, N / 10);

    T_TRUE(strstr(box->traces->str, " 1 suspected") == NULL);
    box_free(box);
}

/* An owner that slept past its lease does not answer the first request with what it was before.
 */
static void
test_a_paused_owner_does_not_serve_on_waking(void)
{
    Box *box = formed(3, 1, 0);

    T_EQ(box_owner(box, 0), 0);
    box->nodes[0].paused = true;
    box_run(box, 5 * N);
    T_EQ(box_owner(box, 0), 3);
    /* slot 5061 */
    T_TRUE(g_str_has_prefix(box_command(box, 0, "SET bar 1"), "-CLUSTERDOWN"));
    box_free(box);
}

/* One refused connection may be old news: the process has started again meanwhile. */
static void
test_one_refusal_is_no_dead_process(void)
{
    Box *box = formed(3, 1, 0);
    OrrEvent refused = {.type = ORR_EVENT_LINK};

    refused.link.state = ORR_LINK_REFUSED;
    refused.link.peer = box->nodes[0].address;
    for (size_t i = 1; i < box->count; i++) {
        (void)box_event(box, i, &refused);
    }
    box_run(box, 2 * N);
    T_EQ(box_trace_count(box, "suspected"), 0);
    T_EQ(box_owner(box, 0), 0);
    box_free(box);
}

/* A primary of a part of the slots that knows nobody does not take itself for the majority. */
static void
test_alone_after_a_restart_is_no_majority(void)
{
    Box *box = formed(3, 1, 0);

    box_kill(box, 0);
    box_wipe(box, 0, false);
    for (size_t i = 1; i < box->count; i++) {
        box_cut(box, 0, i, true);
    }
    box_run(box, 2 * N);
    box_boot(box, 0);
    for (int i = 0; i < 50; i++) {
        box_run(box, N / 10);
        T_EQ(box_owner(box, 0), 3);
    }
    box_free(box);
}

/* Neither the wall clock of one host nor that of all changes who is alive. */
static size_t
promotions_by_clock(uint64_t planted)
{
    Box *box = formed(3, 1, planted);
    size_t count;

    for (int i = 0; i < 5; i++) {
        box->nodes[1].wall_ms = i % 2 == 0 ? -3600000 : 3 * 86400000;
        box_run(box, N);
    }
    count = box_trace_count(box, "suspected") + box_trace_count(box, "no majority");
    T_TRUE(planted != 0 || box_owner(box, 6000) == 1);
    box_free(box);
    return count;
}

static void
test_a_stepped_clock_changes_nothing(void)
{
    T_EQ(promotions_by_clock(0), 0);
}

/* Monotonic clocks that run two per cent apart, a network that loses, delays and reorders,
 * links that come and go: never two owners. seed=1 prints the draws' seed. */
static void
test_leases_exclude_each_other(void)
{
    uint64_t seed = t_seed(1);

    for (uint64_t run = 0; run < 12; run++) {
        OrrRng rng = orr_rng_new(seed + run);
        OrrSettings settings = settings_of(0);
        Box *box = box_new(3, 1, &settings);

        box->rng = orr_rng_new(seed * 1000 + run);
        box->loss_ppm = 50000;
        box->jitter_ns = N / 20;
        for (size_t i = 0; i < box->count; i++) {
            box->nodes[i].rate_ppm = orr_rng_between(&rng, -9000, 9000);
        }
        box_boot_all(box);
        for (int i = 0; i < 400; i++) {
            size_t a = orr_rng_below(&rng, box->count);
            size_t b = orr_rng_below(&rng, box->count);

            box->cut[a][b] = orr_rng_chance_ppm(&rng, 400000);
            if (orr_rng_chance_ppm(&rng, 30000)) {
                box_heal(box);
            }
            box_run(box, N / 20);
            for (uint32_t slot = 0; slot < ORR_SLOT_COUNT; slot += 5461) {
                T_TRUE(box_owner(box, (uint16_t)slot) != -2);
            }
        }
        box_heal(box);
        box->loss_ppm = 0;
        box_run(box, 10 * N);
        for (uint32_t slot = 0; slot < ORR_SLOT_COUNT; slot += 5461) {
            T_TRUE(box_owner(box, (uint16_t)slot) >= 0);
        }
        box_free(box);
    }
}

/* Wrong use and rubbish change nothing. */
static void
test_wrong_use_changes_nothing(void)
{
    Box *box = formed(3, 1, 0);
    OrrRng rng = orr_rng_new(t_seed(1));
    OrrNode *node = box->nodes[0].node;
    uint64_t digest = orr_node_digest(node);
    OrrEvent event = {.type = ORR_EVENT_STORED, .stored = {1, ORR_OK}};
    uint8_t frame[300];

    T_EQ(box_event(box, 0, &event), ORR_REFUSED);
    event = (OrrEvent){.type = ORR_EVENT_BOOT};
    T_EQ(box_event(box, 0, &event), ORR_REFUSED);
    event = (OrrEvent){.type = ORR_EVENT_REQUEST};
    event.request.client = 12345;
    T_EQ(box_event(box, 0, &event), ORR_REFUSED);
    event = (OrrEvent){.type = ORR_EVENT_RECEIVED};
    event.received.from = box->nodes[1].address;
    for (int i = 0; i < 1000; i++) {
        size_t size = orr_rng_below(&rng, sizeof frame);

        for (size_t k = 0; k < size; k++) {
            frame[k] = (uint8_t)orr_rng_next(&rng);
        }
        event.received.frame = orr_bytes(frame, size);
        T_EQ(box_event(box, 0, &event), ORR_MALFORMED);
    }
    T_TRUE(orr_node_digest(node) == digest);
    box_free(box);
}

/* The same configuration, seeds and events give the same effects, byte for byte. */
static void
test_same_history_same_effects(void)
{
    uint64_t digests[2];

    for (int i = 0; i < 2; i++) {
        Box *box = formed(3, 2, 0);

        box->loss_ppm = 100000;
        box_kill(box, 0);
        box_run(box, 3 * N);
        box_boot(box, 0);
        box_run(box, 3 * N);
        digests[i] = box->effects_digest;
        box_free(box);
    }
    T_TRUE(digests[0] == digests[1]);
}

#ifdef ORR_PLANTED_BUGS
#define PLANT(name) (UINT64_C(1) << ORR_PLANT_BIT_##name)

/* Each naive variant gives the wrong answer to its question. */
static void
test_planted_bugs_are_caught(void)
{
    OrrSettings settings = settings_of(PLANT(ONE_WAY_LIVENESS));
    Box *box;

    T_EQ(votes_of_one_epoch(PLANT(VOTE_TWICE)), 2);
    T_TRUE(votes_at_once(PLANT(VOTE_NOT_PERSISTED)));
    T_TRUE(two_owners_after_force(PLANT(NO_LEASE)));
    T_EQ(failed_after_one_accuser(PLANT(FAIL_BY_ONE_REPORT)), 1);
    T_TRUE(promotions_by_clock(PLANT(WALL_CLOCK_TIMERS)) > 0);

    box = box_new(3, 1, &settings);
    box_boot_all(box);
    box_run(box, 2 * N);
    box->nodes[0].deaf = true;
    box_run(box, 5 * N);
    T_EQ(box_trace_count(box, "promoted"), 0); /* a deaf primary is replaced, without the bug */
    box_free(box);
}
#endif

static const Test TESTS[] = {
    TEST(test_one_vote_an_epoch),
    TEST(test_a_vote_outlives_a_restart),
    TEST(test_a_vote_is_told_when_it_is_stored),
    TEST(test_a_vote_that_is_not_stored_is_not_told),
    TEST(test_refusals),
    TEST(test_consent_does_not_undo_a_promise),
    TEST(test_votes_wait_for_the_lease),
    TEST(test_own_vote_waits_for_the_lease),
    TEST(test_one_accuser_counts_once),
    TEST(test_reports_expire),
    TEST(test_a_lost_withdrawal_is_told_again),
    TEST(test_third_parties_agree_on_dead_twins),
    TEST(test_a_paused_node_accuses_nobody),
    TEST(test_a_paused_owner_does_not_serve_on_waking),
    TEST(test_one_refusal_is_no_dead_process),
    TEST(test_alone_after_a_restart_is_no_majority),
    TEST(test_a_stepped_clock_changes_nothing),
    TEST(test_leases_exclude_each_other),
    TEST(test_wrong_use_changes_nothing),
    TEST(test_same_history_same_effects),
#ifdef ORR_PLANTED_BUGS
    TEST(test_planted_bugs_are_caught),
#endif
};

T_MAIN("machines", TESTS)
