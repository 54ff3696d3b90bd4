/* scenario_fixture.h - a scenario in which every name of the grammar's examples means
 * something. */
#ifndef ORR_TESTS_SCENARIO_FIXTURE_H
#define ORR_TESTS_SCENARIO_FIXTURE_H

#define FIXTURE_CLUSTER                                                                        \
    "scenario: fixture\n"                                                                      \
    "version: 1\n"                                                                             \
    "run: 200s\n"                                                                              \
    "cluster:\n"                                                                               \
    "  nodes: n1..n9\n"                                                                        \
    "  spares: n10\n"                                                                          \
    "  sites: {east: n1..n3, west: n4..n6 n10, cloud: n7..n9}\n"                               \
    "  shards: {a: n1 n4 n7, b: n2 n5 n8, c: n3 n6 n9}\n"

#define FIXTURE_REST                                                                           \
    "store:\n"                                                                                 \
    "  db: capacity 100/s\n"                                                                   \
    "settle: {at: 100s}\n"

#define FIXTURE_TIMELINE                                                                       \
    "timeline:\n"                                                                              \
    "  - 20s: partition n1 | n2..n5 as split\n"                                                \
    "  - 20s: hold n1 -> n2 as jam\n"                                                          \
    "  - 30s: pause n1 as move\n"                                                              \
    "  - 40s: kill n2\n"                                                                       \
    "  - 50s: cut n3 -> n4\n"

#endif
