/* roster.h - the nodes of a placement, as a person writes them down.
 *
 * A node file has one node a line, blanks between the fields, `#` begins a comment:
 *
 *     # name[:port]       weight  zone
 *     10.0.1.1:11211      600     a
 *     cache-2             300
 *     [2001:db8::7]:6379
 *
 * Weight 1 and no zone where they are left out. A node of weight 0 stands by and is given no
 * keys. The order of the lines is the order of the nodes.
 */
#ifndef SIM_BALANCE_ROSTER_H
#define SIM_BALANCE_ROSTER_H

#include <glib.h>
#include <orrery/placement.h>

#define SIM_ROSTER_WEIGHT_MAX UINT32_MAX
#define SIM_ROSTER_NAME_SIZE_MAX ORR_PLACEMENT_NAME_MAX /* bytes */
#define SIM_ROSTER_NODES_MAX ORR_PLACEMENT_NODES_MAX

typedef struct SimMember {
    char *label;   /* as it stands in the file: with its port where it has one */
    char *name;    /* without the port */
    uint16_t port; /* 0: none */
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
void sim_balance_roster_free(SimRoster *roster);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SimRoster, sim_balance_roster_free)

uint64_t sim_roster_weight_sum(const SimRoster *roster);
/* The index of the member with that label, or roster->count. O(n). */
size_t sim_balance_roster_find(const SimRoster *roster, const char *label);
/* What the core is told of a member; the bytes are the roster's. */
OrrPlacementNode sim_roster_node(const SimRoster *roster, size_t index);

#endif
