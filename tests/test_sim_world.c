/* Whole runs of small scenarios: the same seed is the same run, each kind of end has its exit
 * code, and reports say what happened. */
#include "check.h"

#include <glib.h>
#include <run.h>

#define HEAD                                                                                   \
    "scenario: small\nversion: 1\nrun: 30s\n"                                                  \
    "cluster:\n  nodes: n1..n6\n  shards: 3 x 1 primary + 1 replica\n"                         \
    "  settings: {node-timeout: 5s}\n"                                                         \
    "workload:\n  - kv: clients 4  rate 50/s  keys uniform 200  mix set 60 get 30 del 10  "    \
    "timeout 1s\n"

typedef struct Outcome {
    SimRunResult result;
    char *text;
} Outcome;

static Outcome
run(const char *text, uint64_t seed, SimOutput output, int verbosity)
{
    Outcome outcome = {.text = NULL};
    size_t size = 0;
    int code = 0;
    FILE *out = open_memstream(&outcome.text, &size);
    SimScenario *scenario =
        sim_scenario_parse("test", text, strlen(text), NULL, stderr, false, &code);
    SimRunOptions options = {.seed = seed,
                             .output = output,
                             .verbosity = verbosity,
                             .out = out,
                             .repeat = "orrery run test"};

    T_REQUIRE(scenario != NULL);
    sim_run(scenario, &options, &outcome.result);
    fclose(out);
    sim_scenario_free(scenario);
    return outcome;
}

static void
clear(Outcome *outcome)
{
    sim_run_result_clear(&outcome->result);
    free(outcome->text);
}

static bool
says(const Outcome *outcome, const char *text)
{
    bool found = strstr(outcome->text, text) != NULL;

    if (!found) {
        fprintf(stderr, "`%s` is not in:\n%s\n", text, outcome->text);
    }
    return found;
}

/* One seed, one run: digest, events and report; another seed is another run. */
static void
test_a_seed_is_a_run(void)
{
    const char *text = HEAD "timeline:\n  - 10s: kill n1 restart after 5s\n";
    Outcome one = run(text, 7, SIM_OUTPUT_JSON, 0);
    Outcome again = run(text, 7, SIM_OUTPUT_JSON, 0);
    Outcome other = run(text, 8, SIM_OUTPUT_JSON, 0);

    T_TRUE(one.result.digest == again.result.digest);
    T_STR_EQ(one.text, again.text);
    T_TRUE(one.result.digest != other.result.digest);
    clear(&one);
    clear(&again);
    clear(&other);
}

/* A dead primary is replaced, the report says by whom, and nothing is lost in silence. */
static void
test_a_primary_is_replaced(void)
{
    Outcome outcome = run(HEAD "timeline:\n  - 10s: kill n1 restart after 5s as death\n"
                               "eventually:\n  - within 9s of death: n4 is primary of shard a\n"
                               "finally:\n  - every lost write is in the ledger\n"
                               "  - failover time <= 9s\n",
                          1, SIM_OUTPUT_REPORT, 0);

    T_EQ(outcome.result.exit_code, SIM_EXIT_HELD);
    T_TRUE(says(&outcome, "! kill n1"));
    T_TRUE(says(&outcome, "n4 became primary of shard a"));
    T_TRUE(says(&outcome, "1=n1 4=n4"));
    T_TRUE(says(&outcome, "✓ failover time <= 9s"));
    T_TRUE(says(&outcome, "lost n1 at 10.000 s, served by n4"));
    T_TRUE(says(&outcome, "again: orrery run test"));
    clear(&outcome);
}

/* A liveness check that fails is exit code 3, and says when and why. */
static void
test_late_is_three(void)
{
    Outcome outcome = run(HEAD "timeline:\n  - 10s: kill n1 n4 as death\n"
                               "eventually:\n  - within 9s of death: slots of shard a served\n",
                          1, SIM_OUTPUT_REPORT, 0);

    T_EQ(outcome.result.exit_code, SIM_EXIT_LATE);
    T_TRUE(says(&outcome, "✗ within 9s of death: slots of shard a served"));
    T_TRUE(says(&outcome, "nobody serves shard a"));
    clear(&outcome);
}

/* A safety check that fails is exit code 1, whatever else failed. */
static void
test_unsafe_is_one(void)
{
    Outcome outcome = run(HEAD "timeline:\n  - 10s: kill n1 as death\n"
                               "eventually:\n  - within 1ms of death: slots of shard a served\n"
                               "finally:\n  - no ownership change\n",
                          1, SIM_OUTPUT_NONE, 0);

    T_EQ(outcome.result.exit_code, SIM_EXIT_UNSAFE);
    clear(&outcome);
}

/* What could not be decided is exit code 2: here the moment never comes. */
static void
test_undecided_is_two(void)
{
    Outcome outcome = run(HEAD "timeline:\n  - when n5 is promoted: kill n2 as never\n"
                               "eventually:\n  - within 5s of never: all views agree\n",
                          1, SIM_OUTPUT_REPORT, 0);

    T_EQ(outcome.result.exit_code, SIM_EXIT_UNDECIDED);
    T_TRUE(says(&outcome, "its moment never came"));
    clear(&outcome);
}

/* The last line of JSON Lines is the verdict. */
static void
test_json_ends_with_the_verdict(void)
{
    Outcome outcome = run(HEAD, 3, SIM_OUTPUT_JSON, 0);
    g_auto(GStrv) lines = g_strsplit(g_strchomp(outcome.text), "\n", -1);
    guint count = g_strv_length(lines);

    T_TRUE(g_str_has_prefix(lines[count - 1], "{\"type\":\"verdict\""));
    T_TRUE(strstr(lines[count - 1], "\"exit_code\":0,\"seed\":3,\"digest\":\"") != NULL);
    for (guint i = 0; i < count; i++) {
        T_TRUE(g_str_has_prefix(lines[i], "{\"type\":\"") && g_str_has_suffix(lines[i], "}"));
    }
    clear(&outcome);
}

/* Deleting one line of the timeline leaves the draws of the others alone. */
static void
test_lines_do_not_shift_each_other(void)
{
    Outcome both = run(HEAD "timeline:\n  - 8s: pause random 1 for 100ms\n"
                            "  - 12s: pause random 1 of n1..n6 for 200ms\n",
                       5, SIM_OUTPUT_REPORT, 0);
    Outcome alone = run(HEAD "timeline:\n  - 12s: pause random 1 of n1..n6 for 200ms\n", 5,
                        SIM_OUTPUT_REPORT, 0);
    const char *in_both = strstr(both.text, "! pause random 1 of n1..n6");
    const char *in_alone = strstr(alone.text, "! pause random 1 of n1..n6");

    T_REQUIRE(in_both != NULL && in_alone != NULL);
    T_TRUE(strncmp(in_both, in_alone, strcspn(in_both, "\n")) == 0);
    clear(&both);
    clear(&alone);
}

/* Every command of the timeline at once: nothing of it may stop the world. */
static void
test_every_fault_is_survived(void)
{
    Outcome outcome = run(HEAD "timeline:\n"
                               "  - 1s: partition n1 n2 | n3..n6 as split for 2s\n"
                               "  - 4s: isolate n3 with its clients for 1s\n"
                               "  - 5s: cut n1 -> n2 for 1s\n"
                               "  - 5s: cut inbound of n4 for 1s\n"
                               "  - 5s: cut outbound of n5 for 1s\n"
                               "  - 6s: hold n1 -> n4 as jam\n"
                               "  - 7s: release jam\n"
                               "  - 7s: drop n2 -> any append 30% for 1s\n"
                               "  - 8s: corrupt n2 -> any 5% for 1s\n"
                               "  - 8s: duplicate n1 <-> n2 10% for 1s\n"
                               "  - 8s: reorder n1 -> n2 5% by 20ms for 1s\n"
                               "  - 9s: latency n1 <-> n3 normal 20ms 2ms for 1s\n"
                               "  - 9s: bandwidth n1 -> n2 10Mbit for 1s\n"
                               "  - 9s: flap n4 <-> n5 down 300ms\n"
                               "  - 10s: swizzle n1..n6 over 2s\n"
                               "  - 12s: partition majorities-ring for 1s\n"
                               "  - 13s: kill n6 losing data restart after 500ms\n"
                               "  - 14s: power off n5 tearing restart after 1s\n"
                               "  - 15s: pause n2 for 500ms\n"
                               "  - 16s: slow n3 disk x20 cpu x4 for 1s\n"
                               "  - 17s: disk full n1 for 500ms\n"
                               "  - 17s: disk errors n2 5% for 500ms\n"
                               "  - 18s: disk slow n1 sync exp 50ms for 500ms\n"
                               "  - 18s: fsync lies n1 for 500ms\n"
                               "  - 18s: tear n4 next log write at byte 7 restart after 1s\n"
                               "  - 19s: clock n4 wall jump +3s\n"
                               "  - 19s: clock n4 drift 400ppm for 1s\n"
                               "  - 20s: failover n4 force\n"
                               "  - 21s: bump-epoch n2\n"
                               "  - 22s: admin n2 CLUSTER INFO\n"
                               "  - 22s: rate kv 100/s\n"
                               "  - 23s: stop n3 restart after 1s\n"
                               "settle:\n  at: 25s\n",
                          1, SIM_OUTPUT_REPORT, 1);

    T_TRUE(outcome.result.exit_code != SIM_EXIT_IO);
    T_TRUE(says(&outcome, "settle: everything is healed"));
    clear(&outcome);
}

static const Test TESTS[] = {
    TEST(test_a_seed_is_a_run),
    TEST(test_a_primary_is_replaced),
    TEST(test_late_is_three),
    TEST(test_unsafe_is_one),
    TEST(test_undecided_is_two),
    TEST(test_json_ends_with_the_verdict),
    TEST(test_lines_do_not_shift_each_other),
    TEST(test_every_fault_is_survived),
};

T_MAIN("sim world", TESTS)
