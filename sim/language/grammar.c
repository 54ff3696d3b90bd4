#include "grammar.h"

#include <glib.h>

static const SimRow *const tables[] = {
    sim_grammar_commands, sim_grammar_triggers, sim_grammar_checks,
    sim_grammar_numbers,  sim_grammar_clauses,
};

const char *const sim_words_message[] = {"all",  "control", "data",   "ping", "pong",
                                         "vote", "update",  "append", "ack",  NULL};
const char *const sim_words_operation[] = {"any",  "set",     "get",    "del", "hset", "hget",
                                           "hdel", "hgetall", "expire", "cas", NULL};
const char *const sim_words_percentile[] = {"p50", "p90", "p99", "p99.9", "max", NULL};

const SimTypeRow sim_grammar_types[] = {
    {"target", "WHO",
     "Nodes or clients: names and ranges (n1 n3..n5), sites, `shard a`, `leader`, `primary of "
     "a`, "
     "`first primary of a`, `replicas of a`, `best replica of a`, `owner of slot 2048`, "
     "`primaries`, `replicas`, `voters`, `witnesses`, `spares`, `any`, `others`, `random 2 of "
     "east`, `minority`, `majority`, `clients in east`, `clients of n1`, the name of a fleet, "
     "or "
     "the name of a line, for whom it struck; several in a row or with `and`, less others by "
     "`except`",
     "n1 n3..n5 except leader"},
    {"sides", "SIDE | SIDE", "Two groups or more, with bars between them", "n1 | n2..n5"},
    {"shard", "SHARD", "A shard by its name, with or without the word", "shard a"},
    {"arrow", "-> or <->", "One direction, or both", "<->"},
    {"duration", "TIME", "A number with ns, us, ms, s, m, h or d", "300ms"},
    {"dist", "SPREAD",
     "A duration, or how it is drawn: A..B, `uniform A B`, `normal MEAN DEVIATION`, `exp "
     "MEAN`, "
     "`lognormal MEDIAN p99 HIGH`",
     "lognormal 1ms p99 8ms"},
    {"step", "STEP", "A spread of durations that may be negative", "-2s..2s"},
    {"drift", "DRIFT", "A spread of clock rates in ppm", "normal 0ppm 50ppm"},
    {"percent", "SHARE", "A percentage", "0.5%"},
    {"ratio", "RATIO", "A decimal number", "0.99"},
    {"factor", "xN", "A factor", "x20"},
    {"ppm", "PPM", "A rate of a clock, in ppm", "400ppm"},
    {"count", "N", "A whole number; k and M are thousands and millions", "10000"},
    {"size", "SIZE", "Bytes: B, kB, MB, GB by 1000, KiB, MiB, GiB by 1024", "512KiB"},
    {"rate", "RATE", "Events in a time", "2000/s"},
    {"bandwidth", "BANDWIDTH", "kbit, Mbit, Gbit a second, or bytes such as 5MB/s", "1Gbit"},
    {"message", "MESSAGES", "all, control, data, ping, pong, vote, update, append or ack",
     "append"},
    {"operation", "OPERATION", "any, set, get, del, hset, hget, hdel, hgetall or expire",
     "set"},
    {"percentile", "PERCENTILE", "p50, p90, p99, p99.9 or max", "p99"},
    {"mix", "OPERATION WEIGHT ...", "Operations with their weights", "set 70 get 30"},
    {"decision", "DECISION", "A kind of decision by the name that `-v` shows", "vote-denied"},
    {"name", "NAME", "A word", "split"},
    {"rest", "WORDS", "All words to the end", "CLUSTER BUMPEPOCH"},
    {"check", "CHECK", "An expectation about a state or a number", "all views agree"},
    {"moment", "MOMENT",
     "A time, the name of a line, a command's word where only one line has it, `heal NAME` "
     "(its "
     "end), `settle` or `end`; then perhaps +TIME or -TIME",
     "cut +5.5s"},
    {"action", "NAME", "The name of a line of the timeline, as given by `as`", "split"},
    {"slots", "SLOTS", "A slot, or a range of slots", "0..4095"},
    {"settings", "SETTING=VALUE ...", "Settings of a node", "unsafe-promotion=yes"},
    {"bound-count", "<= N", "A comparison: <=, >=, =, <, >, `exactly`, `at most`, `at least`",
     "<= 10"},
    {"bound-duration", "<= TIME", "A comparison with a duration", "<= 10.5s"},
    {"bound-percent", ">= SHARE", "A comparison with a percentage", ">= 99%"},
    {"bound-factor", "<= Nx", "A comparison with a factor", "<= 5x"},
    {"bound-ratio", "<= RATIO", "A comparison with a decimal number", "<= 1.25"},
    {"bound-size", "<= SIZE", "A comparison with a size", "<= 64MB"},
    {NULL, NULL, NULL, NULL},
};

static const struct {
    const char *title;
    const char *intro;
} contexts[SIM_CONTEXTS] = {
    [SIM_CONTEXT_COMMAND] = {"Commands",
                             "In `timeline`, behind a time and a colon; most also in "
                             "`chaos.pick` and `settle.leave broken`"},
    [SIM_CONTEXT_MODIFIER] = {"Behind a command", "At the end of a line of the timeline"},
    [SIM_CONTEXT_TRIGGER] = {"Triggers", "In `timeline`, behind `when`; any state (below) is a "
                                         "trigger too, when it becomes true"},
    [SIM_CONTEXT_CHECK] = {"Expectations",
                           "Rules stand in `always`; states in `eventually`, "
                           "`finally`, `expect` and `when`; numbers in `finally`, "
                           "`always` and `expect`"},
    [SIM_CONTEXT_SCOPE] = {"Scopes", "Behind an expectation that takes them"},
    [SIM_CONTEXT_DEADLINE] = {"Deadlines", "In `eventually`, before the colon"},
    [SIM_CONTEXT_TIME] = {"Times", "In `timeline`, before the colon"},
    [SIM_CONTEXT_LINK] = {"Links",
                          "In `network`, several behind one key: `default`, `clients`, "
                          "`A <-> B`, `A -> B`"},
    [SIM_CONTEXT_CLOCK] = {"Clocks", "In `clocks`, behind `default` or whom it is about"},
    [SIM_CONTEXT_DISK] = {"Disks", "In `disk`, behind `default` or whom it is about; or `disk` "
                                   "itself"},
    [SIM_CONTEXT_FLEET] = {"Fleets of clients",
                           "In `workload`, several behind the fleet's name"},
    [SIM_CONTEXT_STORE] = {"Backing stores", "In `store`, several behind the store's name"},
    [SIM_CONTEXT_USE] = {"Algorithms", "In `cluster.use`, as `KEY: ...`"},
    [SIM_CONTEXT_SHARDS] = {"Shards", "In `cluster.shards`; or a map from names to nodes, the "
                                      "first of which begins as primary: `a: n1 n4 n7`"},
    [SIM_CONTEXT_REPORT] = {"Reports", "In `report`, as `KEY: ...`"},
};

const SimRow *
sim_grammar_row(size_t index)
{
    for (size_t i = 0; i < G_N_ELEMENTS(tables); i++) {
        const SimRow *row = tables[i];

        for (; row->pattern != NULL; row++) {
            if (index-- == 0) {
                return row;
            }
        }
    }
    return NULL;
}

const char *
sim_context_title(SimContext context)
{
    return contexts[context].title;
}

const char *
sim_context_intro(SimContext context)
{
    return contexts[context].intro;
}
