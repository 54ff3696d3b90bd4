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

static const Test TESTS[] = {
    TEST(test_six_nodes_form_a_cluster),
    TEST(test_silent_primary_is_replaced),
    TEST(test_dead_process_is_replaced_at_once),
};

T_MAIN("node", TESTS)
