/* scenario_read.h - what the readers of the sections of a scenario share. Private to
 * scenario_*.c.
 *
 *     scenario.c           file, overrides, plain keys, order of everything
 *     scenario_cluster.c   nodes, sites, shards, clusters, algorithms, settings
 *     scenario_world.c     network, clocks, disks, backing stores
 *     scenario_workload.c  fleets of clients
 *     scenario_timeline.c  timeline, chaos, settle
 *     scenario_expect.c    always, eventually, finally, naive, report
 *
 * A reader reports problems and goes on; the scenario is handed out only if there were none.
 */
#ifndef SIM_SCENARIO_READ_H
#define SIM_SCENARIO_READ_H

#include <tree.h>

#include "parse.h"
#include "scenario.h"

typedef struct SimReader {
    SimScenario *scenario; /* filled in as it is read */
    SimArena *arena;       /* becomes scenario->owned */
    SimNames *names;
    ConfigProblems *problems;
    ConfigTree *tree;
    const SimOverrides *overrides;
    GArray *nodes;   /* SimNodeSpec, until the cluster is complete */
    GArray *actions; /* SimAction */
    bool excused;    /* what is read now does not apply, so it may be of a later version */
} SimReader;

void sim_read_cluster(SimReader *self);
void sim_read_network(SimReader *self);
void sim_read_clocks(SimReader *self);
void sim_read_disks(SimReader *self);
void sim_read_stores(SimReader *self);
/* The names of fleets, stores and lines, which sentences anywhere may use. */
void sim_read_fleet_names(SimReader *self);
void sim_read_line_names(SimReader *self);
void sim_read_workload(SimReader *self);
void sim_read_timeline(SimReader *self);
void sim_read_chaos(SimReader *self);
void sim_read_settle(SimReader *self);
void sim_read_expectations(SimReader *self);
void sim_read_naives(SimReader *self);
void sim_read_report(SimReader *self);

/* The child of a map; NULL if it is not there. */
ConfigNode *sim_read_child(const ConfigNode *map, const char *key);
/* The value of a text child; NULL if it is not there, or (a problem) no text. */
const char *sim_read_text(SimReader *self, const ConfigNode *map, const char *key);
/* A duration in a text child. True if it is there and right. */
bool sim_read_time(SimReader *self, const ConfigNode *map, const char *key, OrrTime *time);
/* Is it a map (a list, a text)? If not, a problem. */
bool sim_read_is(SimReader *self, const ConfigNode *node, ConfigNodeKind kind);
/* A problem for each child of `map` that is no key under `parent` in the table of keys. */
void sim_read_refuse_unknown(SimReader *self, const ConfigNode *map, const char *parent);
bool sim_read_key_is_known(const char *parent, const char *key);
/* A problem at a word, or at a node. */
void sim_read_problem(SimReader *self, ConfigPlace place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
SimWhere sim_where(ConfigPlace place);
/* A problem if the row is of a later version. True: it may be used. */
bool sim_read_row_is_here(SimReader *self, const SimRow *row, ConfigPlace place);
/* Who a key such as `n1 n2` or `default` names; NULL with `default`. False: a problem. */
bool sim_read_key_target(SimReader *self, const ConfigNode *node, const SimTarget **who);
/* The more precisely a target names nodes, the higher. */
unsigned sim_target_rank(const SimTarget *target);
/* Every node of a target that does not depend on the run; false: it does. `member` has one flag
 * a node. */
bool sim_target_fixed(const SimScenario *scenario, const SimTarget *target, bool *member);
/* Hands a GArray's content to the arena. */
void *sim_read_keep(SimReader *self, GArray *array, unsigned *count);
/* The texts of one node: the words of a text, or of each text of a list. */
GPtrArray *sim_read_lines(SimReader *self, const ConfigNode *node);
/* A command of the timeline; false: a problem. */
bool sim_read_command(SimReader *self, const SimWords *words, size_t first,
                      SimSentence *command, SimSentence *check);
/* A check with its scopes; *row says what kind it is. False: a problem. */
bool sim_read_check(SimReader *self, const SimWords *words, size_t first, SimSentence *check,
                    const SimRow **row);
/* Reads one moment's plausibility: inside of the run, of something that is there. */
void sim_check_moment(SimReader *self, const SimMoment *moment, ConfigPlace place);

#endif
