/* roster.h - the nodes, shards and clusters of a run: a short name, a number and an id for
 * each.
 *
 * People read "n1" and "shard a", machines compare 160-bit ids. An id made here begins with the
 * thing's number, so ids order as a scenario lists its nodes (which lowest-id rules rely on),
 * and the number comes back from an id without a search.
 *
 *     bytes 0..3  number + 1, big endian      4  kind      5..19  from the name
 *
 * Memory: only new() and add() allocate. Threads: one at a time.
 */
#ifndef SIM_ROSTER_H
#define SIM_ROSTER_H

#include <orrery/types.h>

typedef enum SimRosterKind {
    SIM_ROSTER_NODE = 1,
    SIM_ROSTER_SHARD = 2,
    SIM_ROSTER_CLUSTER = 3,
} SimRosterKind;
#define SIM_ROSTER_KINDS 4u

#define SIM_ROSTER_NONE UINT32_MAX
#define SIM_ROSTER_NAME_SIZE 48u /* of a formatted name, NUL included */

typedef struct SimRoster SimRoster;

SimRoster *sim_roster_new(void);
void sim_roster_free(SimRoster *names);
/* Gives `name` the next number of its kind and returns that number. Names are not compared:
 * whoever adds one twice has two. */
uint32_t sim_roster_add(SimRoster *names, SimRosterKind kind, const char *name);
uint32_t sim_roster_count(const SimRoster *names, SimRosterKind kind);
/* Of a number that was given; lent. */
const char *sim_roster_text(const SimRoster *names, SimRosterKind kind, uint32_t index);
const OrrId *sim_roster_id(const SimRoster *names, SimRosterKind kind, uint32_t index);
/* The number behind an id, or SIM_ROSTER_NONE if it is no such thing of this run. O(1). */
uint32_t sim_roster_index(const SimRoster *names, SimRosterKind kind, const OrrId *id);
/* The number of the first thing called `name`, or SIM_ROSTER_NONE. O(n). */
uint32_t sim_roster_find(const SimRoster *names, SimRosterKind kind, const char *name);
/* An OrrNameFunc; `context` is a SimRoster. Unknown ids are written as 8 hex digits. */
void sim_roster_format(const OrrId *id, char *text, size_t size, void *context);

#endif
