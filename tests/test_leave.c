/* A primary that is asked to leave hands over first, and loses nothing. */
#include "check.h"

#include "box.h"

static Box *
cluster(size_t replicas)
{
    OrrSettings settings = orr_settings_default();
    Box *box;

    settings.node_timeout_ns = 2 * ORR_NS_PER_S;
    box = box_new(3, replicas, &settings);
    box_boot_all(box);
    box_run(box, 10 * ORR_NS_PER_S);
    return box;
}

static OrrStatus
leave(Box *box, size_t index)
{
    return box_event(box, index, &(OrrEvent){.type = ORR_EVENT_LEAVE});
}

/* The key `x` has a slot of the last third: node 2's. */
#define OWNER 2u
#define SLOT 16287u

/* A replica takes over within a tenth of a second, with the last write, and the old primary
 * says that it may go. Nobody had to notice that anyone was gone. */
static void
test_a_replica_takes_over(void)
{
    Box *box = cluster(1);
    int owner;

    T_REQUIRE(box_owner(box, SLOT) == (int)OWNER);
    T_STR_EQ(box_command(box, OWNER, "SET x last"), "+OK\r\n");
    T_EQ(leave(box, OWNER), ORR_OK);
    T_TRUE(box_view(box, OWNER).handing_over);
    T_STR_EQ(box_command(box, OWNER, "SET x late"), ""); /* waits, and then goes elsewhere */
    box_run(box, ORR_NS_PER_S / 10);
    T_TRUE(g_str_has_prefix(box->reply->str, "-MOVED"));
    owner = box_owner(box, SLOT);
    T_TRUE(owner >= 0 && owner != (int)OWNER);
    T_FALSE(box_view(box, OWNER).handing_over);
    T_STR_EQ(box_command(box, (size_t)owner, "GET x"), "$4\r\nlast\r\n");
    T_TRUE(g_str_has_prefix(box_command(box, OWNER, "GET x"), "-MOVED"));
    T_EQ(leave(box, OWNER), ORR_REFUSED); /* it is a replica now */
    box_kill(box, OWNER);
    box_run(box, 10 * ORR_NS_PER_S);
    T_EQ(box_owner(box, SLOT), owner);
    box_free(box);
}

/* With nobody to take over there is nothing to wait for. */
static void
test_nobody_takes_over(void)
{
    Box *box = cluster(0);

    T_EQ(leave(box, OWNER), ORR_REFUSED);
    T_STR_EQ(box_command(box, OWNER, "SET x y"), "+OK\r\n");
    box_free(box);
    box = cluster(1);
    for (size_t i = 3; i < 6; i++) {
        box_kill(box, i);
    }
    box_run(box, 5 * ORR_NS_PER_S);
    T_EQ(leave(box, OWNER), ORR_REFUSED);
    box_free(box);
}

/* Who does not get votes does not keep the old primary for long. */
static void
test_waiting_has_an_end(void)
{
    Box *box = cluster(1);

    box_kill(box, 0);
    box_kill(box, 1);
    T_EQ(leave(box, OWNER), ORR_OK);
    box_run(box, 3 * ORR_NS_PER_S);
    T_FALSE(box_view(box, OWNER).handing_over);
    box_free(box);
}

static const Test tests[] = {
    TEST(test_a_replica_takes_over),
    TEST(test_nobody_takes_over),
    TEST(test_waiting_has_an_end),
};

T_MAIN("leave", tests)
