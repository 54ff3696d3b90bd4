#include "check.h"

#include <clock.h>

#define S ORR_NS_PER_S

/* Without drift the wall shows the scenario's calendar and the monotonic clock elapsed time. */
static void
test_right_clock_is_right(void)
{
    SimHostClock clock = sim_clock_new();
    OrrNow now = sim_clock_now(&clock, 1500 * ORR_NS_PER_MS);

    T_EQ(now.mono_ns, 1500 * ORR_NS_PER_MS);
    T_EQ(now.wall_ms, SIM_CLOCK_EPOCH_MS + 1500);
    T_EQ(sim_clock_wall_error_ns(&clock, 77), 0);
}

/* A wall clock that is 400 ppm fast gains 400 us a second, and the monotonic one does not. */
static void
test_drift_is_per_clock(void)
{
    SimHostClock clock = sim_clock_new();

    T_EQ(sim_clock_set_drift(&clock, SIM_HOST_CLOCK_WALL, 0, 400000), ORR_OK);

    T_EQ(sim_clock_wall_error_ns(&clock, 10 * S), 4000000);
    T_EQ(sim_clock_now(&clock, 10 * S).mono_ns, 10 * S);
}

/* Changing the speed does not move the hands. */
static void
test_speed_changes_without_a_jump(void)
{
    SimHostClock clock = sim_clock_new();

    T_EQ(sim_clock_set_drift(&clock, SIM_HOST_CLOCK_MONO, 0, 1000000000), ORR_OK);
    T_EQ(sim_clock_now(&clock, 3 * S).mono_ns, 6 * S);
    T_EQ(sim_clock_set_drift(&clock, SIM_HOST_CLOCK_MONO, 3 * S, -500000000), ORR_OK);
    T_EQ(sim_clock_now(&clock, 3 * S).mono_ns, 6 * S);
    T_EQ(sim_clock_now(&clock, 5 * S).mono_ns, 7 * S);
}

/* The wall clock steps either way; the monotonic one refuses to go back. */
static void
test_only_the_wall_goes_back(void)
{
    SimHostClock clock = sim_clock_new();

    T_EQ(sim_clock_step(&clock, SIM_HOST_CLOCK_WALL, S, -3600 * S), ORR_OK);
    T_EQ(sim_clock_wall_error_ns(&clock, 2 * S), -3600 * S);
    T_EQ(sim_clock_step(&clock, SIM_HOST_CLOCK_MONO, S, -1), ORR_INVALID);
    T_EQ(sim_clock_step(&clock, SIM_HOST_CLOCK_MONO, S, 5), ORR_OK);
    T_EQ(sim_clock_now(&clock, S).mono_ns, S + 5);
    T_EQ(sim_clock_step(&clock, SIM_HOST_CLOCK_WALL, S, INT64_MAX), ORR_INVALID);
    T_EQ(sim_clock_set_drift(&clock, SIM_HOST_CLOCK_WALL, S, -1000000000), ORR_INVALID);
}

/* Each boot begins at a monotonic time of its own, never at 0; the wall goes on. */
static void
test_boot_begins_anywhere(void)
{
    SimHostClock clock = sim_clock_new();
    OrrRng rng = orr_rng_new(t_seed(1));

    sim_clock_boot(&clock, 9 * S, &rng);
    int64_t first = sim_clock_now(&clock, 9 * S).mono_ns;
    sim_clock_boot(&clock, 20 * S, &rng);

    T_TRUE(first >= S);
    T_TRUE(sim_clock_now(&clock, 20 * S).mono_ns != first);
    T_EQ(sim_clock_now(&clock, 21 * S).mono_ns - sim_clock_now(&clock, 20 * S).mono_ns, S);
    T_EQ(sim_clock_now(&clock, 20 * S).wall_ms, SIM_CLOCK_EPOCH_MS + 20000);
}

/* A deadline comes at the first moment at which the node's own clock shows it: not a
 * nanosecond earlier, whatever the drift. */
static void
test_deadlines_are_exact(void)
{
    OrrRng rng = orr_rng_new(t_seed(2));

    for (int i = 0; i < 100000; i++) {
        SimHostClock clock = sim_clock_new();
        OrrTime from = orr_rng_between(&rng, 0, 1000 * S);
        int64_t drift = orr_rng_between(&rng, -999000000, 5000000000);

        T_EQ(sim_clock_set_drift(&clock, SIM_HOST_CLOCK_MONO, from, drift), ORR_OK);
        OrrTime deadline =
            sim_clock_now(&clock, from).mono_ns + orr_rng_between(&rng, 1, 60 * S);
        OrrTime at = sim_clock_virtual_of_mono(&clock, from, deadline);

        T_TRUE(at > from);
        T_TRUE(sim_clock_now(&clock, at).mono_ns >= deadline);
        T_TRUE(sim_clock_now(&clock, at - 1).mono_ns < deadline);
    }
}

/* Deadlines in the past are now; never is never. */
static void
test_deadlines_at_the_ends(void)
{
    SimHostClock clock = sim_clock_new();

    T_EQ(sim_clock_virtual_of_mono(&clock, 5 * S, 4 * S), 5 * S);
    T_EQ(sim_clock_virtual_of_mono(&clock, 5 * S, 5 * S), 5 * S);
    T_TRUE(sim_clock_virtual_of_mono(&clock, 5 * S, ORR_NEVER) == ORR_NEVER);
    T_EQ(sim_clock_set_drift(&clock, SIM_HOST_CLOCK_MONO, 5 * S, SIM_CLOCK_DRIFT_MIN_PPB),
         ORR_OK);
    T_TRUE(sim_clock_virtual_of_mono(&clock, 5 * S, ORR_NEVER - 1) == ORR_NEVER);
}

static const Test TESTS[] = {
    TEST(test_right_clock_is_right),         TEST(test_drift_is_per_clock),
    TEST(test_speed_changes_without_a_jump), TEST(test_only_the_wall_goes_back),
    TEST(test_boot_begins_anywhere),         TEST(test_deadlines_are_exact),
    TEST(test_deadlines_at_the_ends),
};

T_MAIN("sim_clock", TESTS)
