/* roster.h - the nodes of a placement, as a person writes them down.
 *
 * A node file has one node a line, blanks between the fields, `#` begins a comment:
 *
 *     # name[:port]       weight  zone
 *     10.0.1.1:11211      600     a
 *     cache-2             300
 *     [2001:db8::7]:6379
 *
 * The name keeps its port: the dialects of ketama hash it as it stands. Weight 1 and no zone
 * where they are left out. The order of the lines is the order of the nodes.
 */
#ifndef SIM_BALANCE_ROSTER_H
#define SIM_BALANCE_ROSTER_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define SIM_ROSTER_WEIGHT_MAX 1000000u
#define SIM_ROSTER_NAME_SIZE_MAX 255u /* bytes */
#define SIM_ROSTER_NODES_MAX 100000u

typedef struct SimMember {
    char *name; /* with its port where it has one */
    uint32_t weight;
    char *zone;  /* or NULL */
    size_t line; /* of the file; 0: generated */
} SimMember;

typedef struct SimRoster {
    SimMember *members;
    size_t count; /* at least 1 */
    bool generated;
    bool weighted; /* not all weights are equal */
    bool zoned;    /* some node has a zone */
} SimRoster;

/* `text` of `size` bytes is what the file `path` holds; the name is for messages only. */
SimRoster *sim_roster_parse(const char *path, const char *text, size_t size, GError **error);
SimRoster *sim_roster_load(const char *path, GError **error);
/* `count` nodes "node-0".. of weight 1. With `salt` other than 0, names no other salt has:
 * a ring of other names is another draw of the same law. */
SimRoster *sim_roster_generate(size_t count, uint64_t salt);
void sim_roster_free(SimRoster *roster);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SimRoster, sim_roster_free)

uint64_t sim_roster_weight_sum(const SimRoster *roster);
/* The number of the member called so, or roster->count. O(n). */
size_t sim_roster_find(const SimRoster *roster, const char *name);

#endif
