/* Whom sentences mean (resolve.c), and how well clients were served (check_service.c), asked by
 * runs whose answer is known beforehand. */
#include "check.h"

#include <glib.h>
#include <run.h>

static char *
report_of(const char *text)
{
    char *report = NULL;
    size_t size = 0;
    int code = 0;
    FILE *out = open_memstream(&report, &size);
    SimScenario *scenario =
        sim_scenario_parse("test", text, strlen(text), NULL, stderr, false, &code);
    SimRunOptions options = {.seed = 5, .verbosity = 1, .out = out, .repeat = "test"};
    SimRunResult result;

    T_REQUIRE(scenario != NULL);
    sim_run(scenario, &options, &result);
    fclose(out);
    sim_run_result_clear(&result);
    sim_scenario_free(scenario);
    return report;
}

/* Whom a sentence means is told behind it, in the order of the file. */
static const struct {
    const char *target;
    const char *means;
} TARGETS[] = {
    {"n2..n4", "n2 n3 n4"},
    {"leader", "n1"},
    {"primary of b", "n2"},
    {"first primary of shard c", "n3"},
    {"replicas of a", "n4 n7"},
    {"best replica of b", "n5"},
    {"owner of slot 16383", "n3"},
    {"owner of slot 0", "n1"},
    {"primaries", "n1 n2 n3"},
    {"replicas", "n4 n5 n6 n7 n8 n9"},
    {"witnesses", "w1"},
    {"shard b", "n2 n5 n8"},
    {"zone east", "n1 n4 n7"},
    {"west except n5", "n2 n8 w1"},
    {"n1 n3..n5 and n9", "n1 n3 n4 n5 n9"},
    {"any except primaries", "n4 n5 n6 n7 n8 n9 w1"},
};

#define CLUSTER                                                                                \
    "scenario: targets\nversion: 1\nrun: 80s\ncluster:\n  nodes: n1..n9\n  witnesses: w1\n"    \
    "  spares: s1\n  voters: all\n  settings: {node-timeout: 5s}\n"                            \
    "  sites: {east: n1 n4 n7, west: n2 n5 n8 w1, far: n3 n6 n9 s1}\n"                         \
    "  shards: {a: n1 n4 n7, b: n2 n5 n8, c: n3 n6 n9}\ntimeline:\n"

static void
test_targets_mean_whom_they_say(void)
{
    g_autoptr(GString) text = g_string_new(CLUSTER);
    char *report;

    for (size_t i = 0; i < G_N_ELEMENTS(TARGETS); i++) {
        g_string_append_printf(text, "  - %zus: pause %s for 10ms\n", 10 + i,
                               TARGETS[i].target);
    }
    report = report_of(text->str);
    for (size_t i = 0; i < G_N_ELEMENTS(TARGETS); i++) {
        g_autofree char *line =
            g_strdup_printf("! pause %s for 10ms  → %s\n", TARGETS[i].target, TARGETS[i].means);

        if (strstr(report, line) == NULL) {
            fprintf(stderr, "not told: %s", line);
            T_TRUE(false);
        }
    }
    free(report);
}

/* Roles follow what happens; the first primary, and whom a line struck, do not. */
static void
test_roles_move_and_names_do_not(void)
{
    char *report = report_of(CLUSTER "  - 10s: kill n1 as dead\n"
                                     "  - 30s: pause primary of a for 10ms\n"
                                     "  - 31s: pause leader for 10ms\n"
                                     "  - 32s: pause owner of slot 0 for 10ms\n"
                                     "  - 33s: restart first primary of a\n"
                                     "  - 40s: pause dead for 10ms\n");

    T_TRUE(strstr(report, "pause primary of a for 10ms  → n4\n") != NULL);
    T_TRUE(strstr(report, "pause leader for 10ms  → n4\n") != NULL);
    T_TRUE(strstr(report, "pause owner of slot 0 for 10ms  → n4\n") != NULL);
    T_TRUE(strstr(report, "restart first primary of a  → n1\n") != NULL);
    T_TRUE(strstr(report, "pause dead for 10ms  → n1\n") != NULL);
    free(report);
}

/* Chance draws so many as it is asked for, of those it is asked for. */
static void
test_random_targets_are_of_their_kind(void)
{
    char *report = report_of(CLUSTER "  - 10s..49s/1s: pause random 2 of east for 10ms\n");
    const char *at = report;
    unsigned count = 0;
    bool seen[10] = {false};

    while ((at = strstr(at, "pause random 2 of east for 10ms  → ")) != NULL) {
        unsigned a = 0;
        unsigned b = 0;

        at += strlen("pause random 2 of east for 10ms  → ");
        T_EQ(sscanf(at, "n%1u n%1u\n", &a, &b), 2);
        T_TRUE(a < b && (a == 1 || a == 4) && (b == 4 || b == 7));
        seen[a] = seen[b] = true;
        count++;
    }
    T_EQ(count, 40);
    T_TRUE(seen[1] && seen[4] && seen[7]);
    free(report);
}

#define SERVICE                                                                                \
    "scenario: service\nversion: 1\nrun: 60s\ncluster:\n  nodes: n1..n3\n"                     \
    "  sites: {in: n1..n3}\n  shards: {a: n1, b: n2, c: n3}\n"                                 \
    "network: {default: latency 1ms, clients: latency 5ms}\n"                                  \
    "workload:\n"                                                                              \
    "  - home: clients 3 at in rate 30/s keys unique mix set 1 get 1 timeout 500ms\n"          \
    "  - road: clients 3 rate 30/s keys unique mix set 1 get 1 timeout 500ms\n"                \
    "timeline:\n  - 20s: cut road -> n1..n3 as cut for 20s\nfinally:\n"

/* Half of the clients are cut off for a third of the time. */
static void
test_service_is_what_clients_had(void)
{
    static const struct {
        const char *text;
        const char *mark;
    } CHECKS[] = {
        {"availability >= 80%", "✓"},
        {"availability >= 85%", "✗"},
        {"availability <= 85%", "✓"},
        {"availability of home >= 100%", "✓"},
        {"availability of road <= 71%", "✓"},
        {"availability of road >= 65%", "✓"},
        {"availability of road >= 100% before cut", "✓"},
        {"availability <= 56% between cut and 40s", "✓"},
        {"availability of road <= 0% between cut +1s and 39s", "✓"},
        {"availability of shard a >= 80%", "✓"},
        {"p50 of set of road >= 10ms before cut", "✓"},
        {"p50 of set of road <= 12ms before cut", "✓"},
        {"max of get of home <= 9ms", "✗"},
        {"throughput of home >= 80%", "✓"},
        {"throughput of road >= 1%", "✗"},
        {"redirects per request <= 0", "✓"},
        {"redirects per request <= 2", "✓"},
    };
    g_autoptr(GString) text = g_string_new(SERVICE);
    char *report;

    for (size_t i = 0; i < G_N_ELEMENTS(CHECKS); i++) {
        g_string_append_printf(text, "  - %s\n", CHECKS[i].text);
    }
    report = report_of(text->str);
    for (size_t i = 0; i < G_N_ELEMENTS(CHECKS); i++) {
        g_autofree char *line = g_strdup_printf("  %s %s ", CHECKS[i].mark, CHECKS[i].text);

        if (strstr(report, line) == NULL) {
            fprintf(stderr, "not so: %s\n", line);
            T_TRUE(false);
        }
    }
    if (getenv("SHOW_REPORT") != NULL) {
        puts(report);
    }
    free(report);
}

static const Test TESTS[] = {
    TEST(test_targets_mean_whom_they_say),
    TEST(test_roles_move_and_names_do_not),
    TEST(test_random_targets_are_of_their_kind),
    TEST(test_service_is_what_clients_had),
};

T_MAIN("sim checks", TESTS)
