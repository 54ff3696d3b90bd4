/* A whole cluster of real nodes, step by step. */
#include "box.h"
#include "check.h"

static OrrSettings
fast(void)
{
    OrrSettings settings = orr_settings_default();

    settings.node_timeout_ns = 5 * ORR_NS_PER_S;
    return settings;
}

/* Six nodes that know one seed find each other, agree, and serve every slot. */
static void
test_six_nodes_form_a_cluster(void)
{
    OrrSettings settings = fast();
    Box *box = box_new(3, 1, &settings);

    box_boot_all(box);
    box_run(box, 5 * ORR_NS_PER_S);

    for (size_t i = 0; i < box->count; i++) {
        OrrNodeView view = box_view(box, i);

        T_EQ(view.member_count, 6);
        T_EQ(view.voter_count, 3);
        T_TRUE(view.members_digest == box_view(box, 0).members_digest);
        T_TRUE(view.slots_digest == box_view(box, 0).slots_digest);
        T_TRUE(view.cluster_ok);
        T_EQ(view.slots_uncovered, 0);
    }
    T_EQ(box_owner(box, 0), 0);
    T_EQ(box_owner(box, 6000), 1);
    T_EQ(box_owner(box, 16383), 2);
    if (getenv("BOX_TRACE"))
        puts(box->traces->str);
    box_free(box);
}

/* A primary that falls silent is replaced by its replica in little more than the timeout. */
static void
test_silent_primary_is_replaced(void)
{
    OrrSettings settings = fast();
    Box *box = box_new(3, 1, &settings);

    box_boot_all(box);
    box_run(box, 5 * ORR_NS_PER_S);
    box->nodes[0].silent = true;

    box_run(box, 4 * ORR_NS_PER_S);
    T_EQ(box_owner(box, 0), 0); /* nobody else yet; it may serve who reaches it */
    box_run(box, 2500 * ORR_NS_PER_MS);

    T_EQ(box_owner(box, 0), 3);
    T_EQ(box_trace_count(box, "promoted"), 1);
    T_EQ(box_view(box, 3).expired_attempts, 0);
    if (getenv("BOX_TRACE"))
        puts(box->traces->str);
    box_free(box);
}

/* A primary whose process died, as its host says, is replaced within a second. */
static void
test_dead_process_is_replaced_at_once(void)
{
    OrrSettings settings = fast();
    Box *box = box_new(3, 1, &settings);

    box_boot_all(box);
    box_run(box, 5 * ORR_NS_PER_S);
    box_kill(box, 1);
    box_run(box, 1 * ORR_NS_PER_S);

    T_EQ(box_owner(box, 6000), 4);
    if (getenv("BOX_TRACE"))
        puts(box->traces->str);
    box_free(box);
}

/* Within the node timeout and a half second, a primary cut off with its minority serves nobody.
 */
static void
test_isolated_owner_stops_before_its_successor_starts(void)
{
    OrrSettings settings = fast();
    Box *box = box_new(3, 1, &settings);

    box_boot_all(box);
    box_run(box, 5 * ORR_NS_PER_S);
    for (size_t i = 1; i < box->count; i++) {
        box_cut(box, 0, i, true);
    }
    for (int i = 0; i < 200; i++) {
        box_run(box, 50 * ORR_NS_PER_MS);
        T_TRUE(box_owner(box, 0) != -2); /* never two */
    }

    T_EQ(box_owner(box, 0), 3);
    T_FALSE(box_view(box, 0).serving);
    box_heal(box);
    box_run(box, 5 * ORR_NS_PER_S);
    T_EQ(box_view(box, 0).role, ORR_ROLE_REPLICA);
    T_EQ(box_owner(box, 0), 3);
    T_TRUE(box_view(box, 0).members_digest == box_view(box, 4).members_digest);
    box_free(box);
}

/* A primary that can be heard but does not hear is as dead as one that is silent, and accuses
 * in vain. */
static void
test_deaf_primary_is_replaced(void)
{
    OrrSettings settings = fast();
    Box *box = box_new(3, 1, &settings);

    box_boot_all(box);
    box_run(box, 5 * ORR_NS_PER_S);
    box->nodes[0].deaf = true;
    for (int i = 0; i < 200; i++) {
        box_run(box, 50 * ORR_NS_PER_MS);
        T_TRUE(box_owner(box, 0) != -2);
    }

    T_EQ(box_owner(box, 0), 3);
    T_EQ(box_trace_count(box, "promoted"), 1);
    T_EQ(box_view(box, 1).failed_count, 1);
    T_EQ(box_owner(box, 6000), 1);
    box_free(box);
}

/* Two of three primaries dead: no majority, so nobody is promoted, and the third serves
 * nothing. */
static void
test_without_a_majority_nobody_is_promoted(void)
{
    OrrSettings settings = fast();
    Box *box = box_new(3, 1, &settings);

    box_boot_all(box);
    box_run(box, 5 * ORR_NS_PER_S);
    box_kill(box, 0);
    box_kill(box, 1);
    box_run(box, 60 * ORR_NS_PER_S);

    T_EQ(box_owner(box, 0), -1);
    T_EQ(box_owner(box, 6000), -1);
    T_EQ(box_owner(box, 16383), -1);
    T_EQ(box_trace_count(box, "promoted"), 0);
    T_FALSE(box_view(box, 2).cluster_ok);
    box_boot(box, 0);
    box_run(box, 10 * ORR_NS_PER_S);
    T_EQ(box_owner(box, 0), 0);
    T_EQ(box_owner(box, 6000), 4);
    T_EQ(box_owner(box, 16383), 2);
    if (getenv("BOX_TRACE"))
        puts(box->traces->str);
    box_free(box);
}

/* Where every member votes, four of six are enough. */
static void
test_all_members_may_vote(void)
{
    OrrSettings settings = fast();
    Box *box;

    settings.voters = ORR_VOTERS_ALL;
    box = box_new(3, 1, &settings);
    box_boot_all(box);
    box_run(box, 5 * ORR_NS_PER_S);
    box_kill(box, 0);
    box_kill(box, 1);
    box_run(box, 2 * ORR_NS_PER_S);

    T_EQ(box_owner(box, 0), 3);
    T_EQ(box_owner(box, 6000), 4);
    T_EQ(box_owner(box, 16383), 2);
    box_free(box);
}

/* A restarted node keeps its name, has a greater incarnation, and never a smaller epoch. */
static void
test_restart_keeps_identity_and_epochs(void)
{
    OrrSettings settings = fast();
    Box *box = box_new(3, 1, &settings);
    OrrNodeView before;
    OrrNodeView after;

    box_boot_all(box);
    box_run(box, 5 * ORR_NS_PER_S);
    box_kill(box, 1);
    box_run(box, 5 * ORR_NS_PER_S);
    before = box_view(box, 4);
    box_kill(box, 4);
    box_boot(box, 4);
    box_run(box, 5 * ORR_NS_PER_S);
    after = box_view(box, 4);

    T_TRUE(orr_id_equal(&before.id, &after.id));
    T_TRUE(after.incarnation > before.incarnation);
    T_TRUE(after.current_epoch >= before.current_epoch);
    T_EQ(after.shard_epoch, before.shard_epoch);
    T_EQ(box_owner(box, 6000), 4);
    box_boot(box, 1);
    box_run(box, 5 * ORR_NS_PER_S);
    T_EQ(box_view(box, 1).role, ORR_ROLE_REPLICA);
    T_EQ(box_view(box, 1).shard_epoch, after.shard_epoch);
    box_free(box);
}

/* A node of another cluster that comes upon a dead member's address changes nothing here. */
static void
test_foreign_cluster_is_refused(void)
{
    OrrSettings settings = fast();
    Box *box = box_new(4, 1, &settings);
    OrrNodeView before;

    /* nodes 4 and 8 are a cluster of their own */
    box->nodes[3].config.cluster.bytes[5] ^= 1;
    box->nodes[7].config.cluster.bytes[5] ^= 1;
    *(OrrAddress *)(uintptr_t)box->nodes[7].config.seeds = box->nodes[3].address;
    *(OrrAddress *)(uintptr_t)box->nodes[3].config.seeds = box->nodes[3].address;
    box_boot_all(box);
    box_run(box, 5 * ORR_NS_PER_S);
    T_EQ(box_view(box, 0).member_count, 6);
    T_EQ(box_view(box, 3).member_count, 2);
    before = box_view(box, 0);
    box_kill(box, 4);
    box_kill(box, 7);
    box_run(box, 5 * ORR_NS_PER_S);

    /* node 8 returns at node 5's address */
    box->nodes[7].address = box->nodes[7].config.address = box->nodes[4].address;
    box->nodes[4].address.bus_port = 1;
    box_boot(box, 7);
    box_run(box, 20 * ORR_NS_PER_S);

    T_TRUE(box_view(box, 0).slots_digest == before.slots_digest);
    T_EQ(box_view(box, 0).member_count, 6);
    T_TRUE(box_view(box, 7).frames_refused > 0);
    T_EQ(box_view(box, 7).member_count, 2);
    box_free(box);
}

/* An administrator's failover moves the shard without a moment of two owners. */
static void
test_manual_failover(void)
{
    OrrSettings settings = fast();
    Box *box = box_new(3, 1, &settings);

    box_boot_all(box);
    box_run(box, 5 * ORR_NS_PER_S);
    T_STR_EQ(box_command(box, 3, "CLUSTER FAILOVER"), "+OK\r\n");
    for (int i = 0; i < 100; i++) {
        box_run(box, 10 * ORR_NS_PER_MS);
        T_TRUE(box_owner(box, 0) != -2);
    }

    T_EQ(box_owner(box, 0), 3);
    T_EQ(box_view(box, 0).role, ORR_ROLE_REPLICA);
    T_STR_EQ(box_command(box, 0, "CLUSTER FAILOVER TAKEOVER"), "+OK\r\n");
    box_run(box, ORR_NS_PER_S);
    T_EQ(box_owner(box, 0), 0);
    box_free(box);
}

/* A forgotten node stays out, though it dials on and one node had not heard of it. */
static void
test_forgotten_node_stays_out(void)
{
    OrrSettings settings = fast();
    Box *box = box_new(3, 1, &settings);
    char id[ORR_ID_HEX_SIZE + 1];
    g_autofree char *forget = NULL;
    g_autofree char *meet = NULL;

    box_boot_all(box);
    box_run(box, 5 * ORR_NS_PER_S);
    orr_id_format(&box->nodes[5].config.id, id);
    forget = g_strdup_printf("CLUSTER FORGET %s", id);
    for (size_t i = 0; i < 5; i++) {
        box_cut(box, 2, i, true);
    }
    T_STR_EQ(box_command(box, 0, forget), "+OK\r\n");
    box_run(box, 10 * ORR_NS_PER_S);
    box_heal(box);
    for (int i = 0; i < 60; i++) {
        box_run(box, 10 * ORR_NS_PER_S);
    }

    for (size_t i = 0; i < 5; i++) {
        T_EQ(box_view(box, i).member_count, 5);
    }
    meet = g_strdup("CLUSTER MEET 10.0.0.6 7000 17000");
    T_STR_EQ(box_command(box, 1, meet), "+OK\r\n");
    box_run(box, 10 * ORR_NS_PER_S);
    for (size_t i = 0; i < 6; i++) {
        T_EQ(box_view(box, i).member_count, 6);
    }
    box_free(box);
}

/* Written before promised: a voter whose disk does not answer does not tell its vote. */
static void
test_no_vote_is_told_before_it_is_stored(void)
{
    OrrSettings settings = fast();
    Box *box = box_new(3, 1, &settings);

    box_boot_all(box);
    box_run(box, 5 * ORR_NS_PER_S);
    box->nodes[1].disk_stalls = true;
    box_kill(box, 0);
    box_run(box, 3 * ORR_NS_PER_S);

    T_EQ(box_trace_count(box, "2 voted 4"), 0);
    T_EQ(box_trace_count(box, "promoted"), 0);
    box_free(box);
}

/* Six empty nodes, as redis-cli makes a cluster of: slots, epochs, MEET, REPLICATE. */
static void
test_cluster_is_made_by_commands(void)
{
    OrrSettings settings = fast();
    Box *box = box_new(6, 0, &settings);

    for (size_t i = 0; i < 6; i++) {
        box->nodes[i].config.cluster = ORR_ID_NONE;
        box->nodes[i].config.shard = ORR_ID_NONE;
        box->nodes[i].config.seed_count = 0;
        box->nodes[i].config.slot_range_count = 0;
    }
    box_boot_all(box);
    box_run(box, ORR_NS_PER_S);
    for (unsigned i = 0; i < 3; i++) {
        g_autofree char *add = g_strdup_printf("CLUSTER ADDSLOTSRANGE %u %u", i * 5461,
                                               i == 2 ? 16383 : i * 5461 + 5460);
        g_autofree char *epoch = g_strdup_printf("CLUSTER SET-CONFIG-EPOCH %u", i + 1);

        T_STR_EQ(box_command(box, i, add), "+OK\r\n");
        T_STR_EQ(box_command(box, i, epoch), "+OK\r\n");
    }
    for (size_t i = 1; i < 6; i++) {
        T_STR_EQ(box_command(box, i, "CLUSTER MEET 10.0.0.1 7000 17000"), "+OK\r\n");
    }
    box_run(box, 5 * ORR_NS_PER_S);
    for (size_t i = 0; i < 6; i++) {
        T_EQ(box_view(box, i).member_count, 6);
        T_EQ(box_view(box, i).slots_uncovered, 0);
    }
    for (size_t i = 3; i < 6; i++) {
        char id[ORR_ID_HEX_SIZE + 1];
        g_autofree char *replicate = NULL;

        orr_id_format(&box->nodes[i - 3].config.id, id);
        replicate = g_strdup_printf("CLUSTER REPLICATE %s", id);
        T_STR_EQ(box_command(box, i, replicate), "+OK\r\n");
    }
    box_run(box, 5 * ORR_NS_PER_S);
    for (size_t i = 3; i < 6; i++) {
        T_EQ(box_view(box, i).role, ORR_ROLE_REPLICA);
        T_TRUE(box_view(box, i).link_up);
    }
    box_kill(box, 0);
    box_run(box, 2 * ORR_NS_PER_S);
    T_EQ(box_owner(box, 0), 3);
    box_free(box);
}

/* Whoever asks for much gets a part of the answers, and the others when there is room; nothing
 * is lost, doubled or out of order, however large. */
static void
test_many_answers_come_in_parts(void)
{
    OrrSettings settings = fast();
    Box *box = box_new(1, 0, &settings);
    g_autofree char *value = g_strnfill(50000, 'x');
    g_autofree char *set = g_strdup_printf("SET big %s", value);
    g_autoptr(GString) wanted = g_string_new(NULL);
    g_autoptr(GString) got = g_string_new(NULL);
    GString *text = g_string_new(NULL);
    OrrEvent event = {.type = ORR_EVENT_LINK};
    unsigned parts = 0;

    box_boot_all(box);
    box_run(box, 5 * ORR_NS_PER_S);
    T_STR_EQ(box_command(box, 0, set), "+OK\r\n");
    for (unsigned i = 0; i < 100; i++) {
        g_string_append_printf(text, "GET big\r\nECHO %u\r\n", 100 + i);
        g_string_append_printf(wanted, "$50000\r\n%s\r\n$3\r\n%u\r\n", value, 100 + i);
    }
    event.link.state = ORR_LINK_CLIENT_UP;
    event.link.client = 1000000;
    T_EQ(box_event(box, 0, &event), ORR_OK);
    event = (OrrEvent){.type = ORR_EVENT_REQUEST};
    event.request.client = 1000000;
    event.request.bytes = orr_bytes(text->str, text->len);
    do {
        g_string_truncate(box->reply, 0);
        T_EQ(box_event(box, 0, &event), ORR_OK);
        T_TRUE(box->reply->len < 256 * 1024 + 2 * 50100);
        g_string_append_len(got, box->reply->str, (gssize)box->reply->len);
        event.request.bytes = ORR_BYTES_EMPTY;
        parts++;
    } while (box->more == 1000000 && parts < 1000);

    T_TRUE(parts > 15);
    T_EQ(got->len, wanted->len);
    T_TRUE(strcmp(got->str, wanted->str) == 0);
    g_string_free(text, TRUE);
    box_free(box);
}

static const Test TESTS[] = {
    TEST(test_many_answers_come_in_parts),
    TEST(test_six_nodes_form_a_cluster),
    TEST(test_silent_primary_is_replaced),
    TEST(test_dead_process_is_replaced_at_once),
    TEST(test_isolated_owner_stops_before_its_successor_starts),
    TEST(test_deaf_primary_is_replaced),
    TEST(test_without_a_majority_nobody_is_promoted),
    TEST(test_all_members_may_vote),
    TEST(test_restart_keeps_identity_and_epochs),
    TEST(test_foreign_cluster_is_refused),
    TEST(test_manual_failover),
    TEST(test_forgotten_node_stays_out),
    TEST(test_no_vote_is_told_before_it_is_stored),
    TEST(test_cluster_is_made_by_commands),
};

T_MAIN("node", TESTS)
