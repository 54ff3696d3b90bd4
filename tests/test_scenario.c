/* The language of scenarios: what is read means what it says, and what is wrong is said. */
#include "check.h"

#include <glib.h>
#include <grammar.h>
#include <parse.h>
#include <run.h>
#include <scenario.h>
#include <setting.h>

#include "scenario_fixture.h"

#define FIXTURE FIXTURE_CLUSTER FIXTURE_REST FIXTURE_TIMELINE

/* Reads a text; on failure returns NULL and the messages. */
static SimScenario *
read_with(const char *text, const SimOverrides *overrides, char **messages)
{
    char *buffer = NULL;
    size_t size = 0;
    FILE *err = open_memstream(&buffer, &size);
    int exit_code = 0;
    SimScenario *scenario =
        sim_scenario_parse("t.yaml", text, strlen(text), overrides, err, false, &exit_code);

    fclose(err);
    T_EQ(exit_code, scenario == NULL ? 65 : 0);
    if (messages != NULL) {
        *messages = g_strdup(buffer);
    } else if (scenario == NULL) {
        fprintf(stderr, "%s", buffer);
    }
    free(buffer);
    return scenario;
}

static SimScenario *
read_text(const char *text)
{
    SimScenario *scenario = read_with(text, NULL, NULL);

    T_REQUIRE(scenario != NULL);
    return scenario;
}

/* How an example of each context is put into a file. */
static char *
file_with(const SimRow *row)
{
    switch (row->context) {
    case SIM_CONTEXT_COMMAND:
        return g_strdup_printf(FIXTURE "  - 60s: %s\n", row->example);
    case SIM_CONTEXT_MODIFIER:
        return g_strdup_printf(FIXTURE "  - when leader changes: pause n9 %s\n",
                               strcmp(row->example, "as split") == 0 ? "as other"
                                                                     : row->example);
    case SIM_CONTEXT_TRIGGER:
        return g_strdup_printf(FIXTURE "  - when %s: pause n9\n", row->example);
    case SIM_CONTEXT_TIME:
        return g_strdup_printf(FIXTURE "  - %s: pause n9\n", row->example);
    case SIM_CONTEXT_CHECK:
        return g_strdup_printf(FIXTURE "%s:\n  - %s\n",
                               (row->flags & SIM_IS_RULE) != 0 ? "always" : "finally",
                               row->example);
    case SIM_CONTEXT_SCOPE:
        return g_strdup_printf(FIXTURE "finally:\n  - %s %s\n",
                               (row->flags & SIM_TAKES_HOLD) != 0     ? "all requests succeed"
                               : (row->flags & SIM_TAKES_WITHIN) != 0 ? "n1 is up"
                               : (row->flags & SIM_TAKES_VIEW) != 0   ? "n1 is alive"
                                                                      : "availability >= 99%",
                               row->example);
    case SIM_CONTEXT_DEADLINE:
        return g_strdup_printf(FIXTURE "eventually:\n  - %s: all views agree\n", row->example);
    case SIM_CONTEXT_LINK:
        return g_strdup_printf(FIXTURE "network:\n  default: %s\n", row->example);
    case SIM_CONTEXT_CLOCK:
        return g_strdup_printf(FIXTURE "clocks:\n  n4: %s\n", row->example);
    case SIM_CONTEXT_DISK:
        return g_strdup_printf(FIXTURE "disk: %s\n", row->example);
    case SIM_CONTEXT_FLEET:
        return g_strdup_printf(
            FIXTURE "workload:\n  - kv: %s %s %s %s\n",
            g_str_has_prefix(row->example, "clients") ? "" : "clients 3",
            g_str_has_prefix(row->example, "rate") || g_str_has_prefix(row->example, "think") ||
                    g_str_has_prefix(row->example, "workers")
                ? ""
                : "rate 10/s",
            g_str_has_prefix(row->example, "keys") ? "" : "keys unique", row->example);
    case SIM_CONTEXT_STORE:
        return g_strdup_printf(FIXTURE_CLUSTER "store:\n  db: %s\n", row->example);
    case SIM_CONTEXT_USE: {
        g_auto(GStrv) pair = g_strsplit(row->example, " ", 2);
        return g_strdup_printf(FIXTURE_CLUSTER "  use: {%s: \"%s\"}\n", pair[0], pair[1]);
    }
    case SIM_CONTEXT_REPORT: {
        bool on = g_str_has_prefix(row->example, "on failure");
        const char *blank = strchr(row->example + (on ? 3 : 0), ' ');
        return g_strdup_printf(FIXTURE "report: {%.*s: \"%s\"}\n", (int)(blank - row->example),
                               row->example, blank + 1);
    }
    case SIM_CONTEXT_SHARDS:
        return g_strdup_printf("version: 1\nrun: 9s\ncluster:\n  nodes: n1..n9\n  shards: %s\n",
                               row->example);
    case SIM_CONTEXTS:
        break;
    }
    g_assert_not_reached();
}

/* The example in every row of the grammar is a sentence of the language, in its place. */
static void
test_grammar_examples_parse(void)
{
    const SimRow *row = NULL;

    for (size_t i = 0; (row = sim_grammar_row(i)) != NULL; i++) {
        g_autofree char *text = file_with(row);
        g_autofree char *messages = NULL;
        SimScenario *scenario = read_with(text, NULL, &messages);
        bool fine = row->later == NULL ? scenario != NULL
                                       : strstr(messages, "not in this version") != NULL;

        /* fleets that only make the example's names known */
        if (!fine) {
            fprintf(stderr, "example `%s`:\n%s\n", row->example, messages);
        }
        T_TRUE(fine);
        sim_scenario_free(scenario);
    }
}

/* A row's example means that row, not another that happens to come first. */
static void
test_grammar_examples_mean_their_row(void)
{
    const SimRow *row = NULL;

    for (size_t i = 0; (row = sim_grammar_row(i)) != NULL; i++) {
        g_autofree char *text = NULL;
        SimScenario *scenario = NULL;
        SimSentenceKind kind = SIM_SENTENCE_NONE;

        if (row->later != NULL ||
            (row->context != SIM_CONTEXT_COMMAND && row->context != SIM_CONTEXT_CHECK &&
             row->context != SIM_CONTEXT_TRIGGER)) {
            continue;
        }
        text = file_with(row);
        scenario = read_text(text);
        if (row->context == SIM_CONTEXT_CHECK) {
            kind = scenario->expectations[0].check.kind;
        } else if (row->context == SIM_CONTEXT_COMMAND) {
            kind = scenario->timeline[scenario->action_count - 1].command.kind;
        } else {
            kind = scenario->timeline[scenario->action_count - 1].when.trigger.kind;
        }
        if (kind != row->kind) {
            fprintf(stderr, "`%s` means %d, not %d\n", row->example, kind, row->kind);
        }
        T_EQ(kind, row->kind);
        sim_scenario_free(scenario);
    }
}

static const SimAction *
last_action(const SimScenario *scenario)
{
    return &scenario->timeline[scenario->action_count - 1];
}

/* Durations, targets and fates of a command arrive as they were written. */
static void
test_command_parts_are_typed(void)
{
    SimScenario *scenario = read_text(
        FIXTURE
        "  - 40s..50s/2s +-5ms: kill primary of b losing data restart after 1m30s as x\n");
    const SimAction *action = last_action(scenario);
    const SimTarget *who = sim_sentence_target(&action->command, SIM_PART_WHO);

    T_EQ(action->when.at_ns, 40 * ORR_NS_PER_S);
    T_EQ(action->when.until_ns, 50 * ORR_NS_PER_S);
    T_EQ(action->when.step_ns, 2 * ORR_NS_PER_S);
    T_EQ(action->when.jitter_ns, 5 * ORR_NS_PER_MS);
    T_EQ(action->command.kind, SIM_COMMAND_KILL);
    T_EQ(who->kind, SIM_TARGET_PRIMARY);
    T_EQ(who->of->kind, SIM_TARGET_SHARD);
    T_EQ(who->of->index, 1);
    T_EQ(action->command.part[SIM_PART_DISK].choice, SIM_DISK_LOSE_DATA);
    T_EQ(action->command.part[SIM_PART_RESTART].dist.a, 90 * ORR_NS_PER_S);
    T_STR_EQ(action->name, "x");
    sim_scenario_free(scenario);
}

/* Several names are one target; what is excepted is kept apart. */
static void
test_targets_are_trees(void)
{
    SimScenario *scenario = read_text(
        FIXTURE "  - 60s: isolate n1 n3..n5 and zone west except random 2 of n4..n6\n");
    const SimTarget *who = sim_sentence_target(&last_action(scenario)->command, SIM_PART_WHO);

    T_EQ(who->kind, SIM_TARGET_EXCEPT);
    T_EQ(who->items[0]->kind, SIM_TARGET_UNION);
    T_EQ(who->items[0]->item_count, 3);
    T_EQ(who->items[0]->items[1]->item_count, 3);
    T_EQ(who->items[0]->items[1]->items[2]->index, 4);
    T_EQ(who->items[0]->items[2]->kind, SIM_TARGET_SITE);
    T_EQ(who->items[1]->kind, SIM_TARGET_RANDOM);
    T_EQ(who->items[1]->index, 2);
    T_EQ(who->items[1]->of->item_count, 3);
    sim_scenario_free(scenario);
}

/* A word of the command stays one, although a line has it for a name. */
static void
test_names_of_lines_hide_no_words(void)
{
    SimScenario *scenario =
        read_text(FIXTURE "  - 60s: failover n5 takeover as takeover\n"
                          "  - 61s: pause n1 as force\n  - 62s: restart force\n");
    const SimSentence *first = &scenario->timeline[scenario->action_count - 3].command;
    const SimSentence *last = &last_action(scenario)->command;

    T_EQ(sim_sentence_target(first, SIM_PART_WHO)->kind, SIM_TARGET_NODE);
    T_EQ(first->part[SIM_PART_CHOICE].choice, 2);
    T_EQ(sim_sentence_target(last, SIM_PART_WHO)->kind, SIM_TARGET_STRUCK);
    T_EQ(sim_sentence_target(last, SIM_PART_WHO)->index, scenario->action_count - 2);
    sim_scenario_free(scenario);
}

/* A deadline may stand before the colon or at the end; both mean the same. */
static void
test_deadlines_mean_the_same_in_both_places(void)
{
    SimScenario *scenario =
        read_text(FIXTURE "eventually:\n"
                          "  - within 10s of cut +5s: slots of shard a served\n"
                          "  - slots of shard a served within 10s of cut +5s\n");

    T_EQ(scenario->expectation_count, 2);
    for (unsigned i = 0; i < 2; i++) {
        const SimExpectation *expectation = &scenario->expectations[i];
        T_EQ(expectation->section, SIM_SECTION_EVENTUALLY);
        T_EQ(expectation->within_ns, 10 * ORR_NS_PER_S);
        T_EQ(expectation->since.kind, SIM_MOMENT_BEGIN);
        T_EQ(expectation->since.index, 4);
        T_EQ(expectation->since.offset_ns, 5 * ORR_NS_PER_S);
        T_EQ(expectation->check.part[SIM_PART_OF].target->index, 0);
        T_FALSE(expectation->safety);
    }
    sim_scenario_free(scenario);
}

/* An expectation of another mode is there, and does not apply. */
static void
test_modes_decide_what_applies(void)
{
    static const char text[] = FIXTURE "finally:\n"
                                       "  - lowest-id: elections = 0\n"
                                       "  - epoch-vote, voters all: elections = 0\n"
                                       "  - not lowest-id: [elections = 1, elections = 2]\n"
                                       "  - raft: history is linearizable\n";
    const char *all[] = {"voters=all"};
    const SimOverrides overrides = {.sets = all, .set_count = 1};
    SimScenario *plain = read_text(text);
    SimScenario *changed = read_with(text, &overrides, NULL);

    T_REQUIRE(changed != NULL);
    T_EQ(plain->expectation_count, 5);
    T_FALSE(plain->expectations[0].applies);
    T_FALSE(plain->expectations[1].applies);
    T_TRUE(plain->expectations[2].applies);
    T_TRUE(plain->expectations[3].applies);
    T_FALSE(plain->expectations[4].applies);
    T_TRUE(changed->expectations[1].applies);
    T_STR_EQ(plain->expectations[1].text, "epoch-vote, voters all: elections = 0");
    sim_scenario_free(plain);
    sim_scenario_free(changed);
}

/* `--set` reaches any key: by its path, by its last part, or as a setting of nodes. */
static void
test_overrides_reach_every_key(void)
{
    const char *sets[] = {"run=90s",
                          "node-timeout=2s",
                          "cluster.settings.backlog-size=10MB",
                          "timeline.0.20s=pause n2 as split",
                          "at=70s",
                          "cluster.settings.n2.failover=no"};
    const SimOverrides overrides = {.sets = sets, .set_count = G_N_ELEMENTS(sets)};
    SimScenario *scenario = read_with(FIXTURE, &overrides, NULL);

    T_REQUIRE(scenario != NULL);
    T_EQ(scenario->run_ns, 90 * ORR_NS_PER_S);
    T_EQ(scenario->nodes[3].settings.node_timeout_ns, 2 * ORR_NS_PER_S);
    T_EQ(scenario->settings.backlog_size, 10000000);
    T_EQ(scenario->timeline[0].command.kind, SIM_COMMAND_PAUSE);
    T_EQ(scenario->settle.at_ns, 70 * ORR_NS_PER_S);
    T_TRUE(scenario->nodes[0].settings.failover);
    T_FALSE(scenario->nodes[1].settings.failover);
    sim_scenario_free(scenario);
}

/* Two of a kind in the file: `--set` asks which; a slip is answered with the nearest name. */
static void
test_overrides_that_are_wrong_are_explained(void)
{
    static const struct {
        const char *set;
        const char *answer;
    } cases[] = {
        {"node-timout=5s", "did you mean `node-timeout`?"},
        {"node-timeout=5", "--set:1:14: `5` has no unit"},
        {"rum=5s", "did you mean `run`?"},
        {"timeline.9.x=y", "there is nothing at `timeline.9.x`"},
        {"30s=kill n77", "no node"},
        {"run=", "expected here"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const SimOverrides overrides = {.sets = &cases[i].set, .set_count = 1};
        g_autofree char *messages = NULL;
        SimScenario *scenario = read_with(FIXTURE, &overrides, &messages);
        bool fine = scenario == NULL && (strstr(messages, cases[i].answer) != NULL || i >= 4);

        if (!fine) {
            fprintf(stderr, "%s: %s\n", cases[i].set, messages);
        }
        T_TRUE(fine);
        sim_scenario_free(scenario);
    }
}

/* Shards may be dealt in a line: the first nodes are primaries, the rest go round. */
static void
test_shards_are_dealt_in_turn(void)
{
    SimScenario *scenario = read_text("version: 1\nrun: 9s\ncluster:\n  nodes: n1..n6\n"
                                      "  shards: 2 x 1 primary + 2 replicas\n");

    T_EQ(scenario->shard_count, 2);
    T_STR_EQ(scenario->shards[1].name, "b");
    T_EQ(scenario->shards[1].primary, 1);
    T_EQ(scenario->shards[1].nodes[1], 3);
    T_EQ(scenario->shards[1].nodes[2], 5);
    T_EQ(scenario->nodes[5].role, ORR_ROLE_REPLICA);
    T_EQ(scenario->nodes[1].role, ORR_ROLE_PRIMARY);
    sim_scenario_free(scenario);
}

/* The language at full stretch: everything is understood, and only what belongs to later
 * versions is refused. */
static void
test_full_stretch_is_understood(void)
{
    g_autofree char *path = g_build_filename(ORR_SHARED_DIR, "scenario-example.yaml", NULL);
    g_autofree char *text = NULL;
    g_autofree char *messages = NULL;
    SimScenario *scenario = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        printf("SKIP: %s is not there\n", path);
        return;
    }
    scenario = read_with(text, NULL, &messages);
    T_TRUE(scenario == NULL);
    sim_scenario_free(scenario);
    for (char *line = strtok(messages, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (g_str_has_prefix(line, "t.yaml:") && strstr(line, "not in this version") == NULL) {
            fprintf(stderr, "%s\n", line);
            T_TRUE(false);
        }
    }
}

/* Every bad file gets exactly the answer that stands beside it. */
static void
test_bad_files_are_answered(void)
{
    g_autofree char *directory = g_build_filename(ORR_TESTS_DIR, "bad-scenarios", NULL);
    GDir *files = g_dir_open(directory, 0, NULL);
    const char *name = NULL;
    unsigned count = 0;

    T_REQUIRE(files != NULL);
    while ((name = g_dir_read_name(files)) != NULL) {
        g_autofree char *path = g_build_filename(directory, name, NULL);
        g_autofree char *answer = g_strconcat(path, ".expected", NULL);
        g_autofree char *text = NULL;
        g_autofree char *expected = NULL;
        g_autofree char *messages = NULL;
        gsize size = 0;

        if (!g_str_has_suffix(name, ".yaml")) {
            continue;
        }
        T_REQUIRE(g_file_get_contents(path, &text, &size, NULL));
        sim_scenario_free(read_with(text, NULL, &messages));
        if (getenv("ORR_UPDATE") != NULL) {
            T_TRUE(g_file_set_contents(answer, messages, -1, NULL));
        }
        T_REQUIRE(g_file_get_contents(answer, &expected, NULL, NULL));
        T_STR_EQ(messages, expected);
        count++;
    }
    g_dir_close(files);
    T_TRUE(count >= 10);
}

static const Test tests[] = {
    TEST(test_grammar_examples_parse),
    TEST(test_grammar_examples_mean_their_row),
    TEST(test_command_parts_are_typed),
    TEST(test_targets_are_trees),
    TEST(test_names_of_lines_hide_no_words),
    TEST(test_deadlines_mean_the_same_in_both_places),
    TEST(test_modes_decide_what_applies),
    TEST(test_overrides_reach_every_key),
    TEST(test_overrides_that_are_wrong_are_explained),
    TEST(test_shards_are_dealt_in_turn),
    TEST(test_full_stretch_is_understood),
    TEST(test_bad_files_are_answered),
};

T_MAIN("scenario", tests)
