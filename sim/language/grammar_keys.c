/* The keys of a scenario file, and what stands behind each. */
#include "grammar.h"

#include <string.h>

const SimKeyRow sim_grammar_keys[] = {
    {"scenario", "Its name, for reports", "leader flaps while slots move"},
    {"version", "Version of this language: 1", "1"},
    {"source", "The incident, report or paper that it is modelled on", "redis #1868"},
    {"shows", "What goes wrong in a system that does not know this failure", "two owners"},
    {"holds", "What must hold here, in a sentence", "no promotion"},
    {"seed", "One seed, or the range of seeds that `orrery sweep` runs", "1..200"},
    {"run", "How long it lasts, in virtual time", "120s"},
    {"stop", "`first failure` ends a sweep there; `all seeds` does not", "first failure"},
    {"cluster", "Nodes, how they are grouped, and how they behave", NULL},
    {"cluster.nodes", "Names and ranges of names", "n1..n9"},
    {"cluster.sites", "Named groups of nodes: halls, regions; `zones` is the same word", NULL},
    {"cluster.zones", "Named groups of nodes: halls, regions; `sites` is the same word", NULL},
    {"cluster.clusters", "Where there are several: a map from names to nodes", NULL},
    {"cluster.shards",
     "Who is primary and who replica; without it every node is a primary of a shard of its own",
     "3 x 1 primary + 2 replicas"},
    {"cluster.witnesses", "Nodes without data, which vote where `voters` is all", "w1 w2"},
    {"cluster.spares", "Nodes that wait for `join`", "n10..n12"},
    {"cluster.slots", "How slots are dealt to shards: even, weights or ring", "even"},
    {"cluster.weights", "Weights of primaries for that, 100 unless said", NULL},
    {"cluster.formed", "`no`: nodes do not know each other until operators have them meet",
     "yes"},
    {"cluster.voters", "The setting `voters`: primaries or all", "all"},
    {"cluster.settings", "Settings of all nodes; or, behind who it is, of some", NULL},
    {"cluster.use", "Algorithms by name", NULL},
    {"cluster.use.placement", "Where keys live", "slots-crc16 16384"},
    {"cluster.use.detector", "How failures are noticed", "heartbeat interval 1s timeout 5s"},
    {"cluster.use.coordination", "Who decides about owners", "epoch-vote"},
    {"cluster.use.replication", "How copies are kept", "async"},
    {"cluster.use.rebalance", "Who moves slots for the sake of load", "none"},
    {"network", "Links: the most specific line wins, property by property", NULL},
    {"clocks", "How wrong clocks are", NULL},
    {"disk", "How fast and how good disks are", NULL},
    {"store", "What is behind a cache", NULL},
    {"workload", "Fleets of clients: `- NAME: clauses`", NULL},
    {"timeline", "What happens when: `- TIME: command`", NULL},
    {"chaos", "Random faults on top, drawn from the seed", NULL},
    {"chaos.during", "From when to when", "80s..100s"},
    {"chaos.every", "The time between two of them", "exp 2s"},
    {"chaos.keep", "`quorum`: never so many at once that the voters lose their majority",
     "quorum"},
    {"chaos.swarm", "`yes`: each seed first draws which of the lines it uses", "yes"},
    {"chaos.pick", "The faults, with weights: `- 3 x command`", NULL},
    {"settle", "When everything is healed, started and resumed", NULL},
    {"settle.at", "The moment", "100s"},
    {"settle.leave broken", "A command, or several, that stay in force", "cut n2 -> n3"},
    {"settle.leave down", "`yes`: processes that do not run are not started", "yes"},
    {"always", "Rules, looked at after every event, and bounds", NULL},
    {"eventually", "States, each with a deadline: `- within 5s of settle: all views agree`",
     NULL},
    {"finally", "Numbers with their bounds, and states at the end", NULL},
    {"naive",
     "How the naive variant comes back, and which expectation must then fail: `- set "
     "KEY=VALUE fails: ...`, `- plant NAME fails: ...`",
     NULL},
    {"report", "What a run writes", NULL},
    {"report.trace", "Decisions of all nodes", "text"},
    {"report.diagram", "Messages in time", "space-time 20s..24s"},
    {"report.history", "Operations of all clients", "jsonl"},
    {"report.strips", "The part of the run that the strips of owners show", "20s..60s"},
    {"report.on failure", "What to do about a failure", "shrink"},
    {NULL, NULL, NULL},
};

bool
sim_key_is_in(const SimKeyRow *row, const char *parent)
{
    size_t size = strlen(parent);

    if (size == 0) {
        return strchr(row->key, '.') == NULL;
    }
    return strncmp(row->key, parent, size) == 0 && row->key[size] == '.' &&
           strchr(row->key + size + 1, '.') == NULL;
}

const char *
sim_key_last(const SimKeyRow *row)
{
    const char *dot = strrchr(row->key, '.');

    return dot == NULL ? row->key : dot + 1;
}
