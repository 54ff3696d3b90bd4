/* cluster.h - a placement of the core made of the nodes that a person wrote down.
 *
 * The core numbers nodes as it likes; here they keep the index they have in their roster.
 */
#ifndef SIM_BALANCE_CLUSTER_H
#define SIM_BALANCE_CLUSTER_H

#include "roster.h"

typedef struct SimCluster {
    OrrPlacement *placement;
    const OrrPlacementInfo *info;
    const SimRoster *roster; /* lent */
    uint32_t *member_of;     /* by the core's number: index in the roster */
    size_t limit;            /* of the core's numbers */
} SimCluster;

/* `path` is the node file, for messages, or NULL. With `in_order` nodes are added one by one as
 * they stand in the roster (bucket i is line i), otherwise in the order of their names. What
 * the algorithm refuses is a fault with the line of the node. */
SimCluster *sim_cluster_new(const SimRoster *roster, const OrrPlacementOptions *options,
                            bool in_order, const char *path, GError **error);
/* Another one, of the same roster: not every algorithm finds back to where it was. */
SimCluster *sim_cluster_copy(const SimCluster *cluster);
void sim_cluster_free(SimCluster *cluster);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SimCluster, sim_cluster_free)

/* To be called after every change of the placement. */
void sim_cluster_renumber(SimCluster *cluster);

/* Index in the roster of a number of the core, or ORR_PLACEMENT_NO_NODE. */
static inline uint32_t
sim_cluster_member(const SimCluster *cluster, uint32_t number)
{
    return number < cluster->limit ? cluster->member_of[number] : ORR_PLACEMENT_NO_NODE;
}

/* The core's number of a member, or ORR_PLACEMENT_NO_NODE. */
uint32_t sim_cluster_number(const SimCluster *cluster, size_t member);

/* The row of an algorithm by name, or a usage fault that names the nearest. */
const OrrPlacementInfo *sim_cluster_algorithm(const char *name, GError **error);
/* A hash by name: "xxh3", "xxh32", "siphash", "md5", "fnv1a", "default". */
bool sim_cluster_hash(const char *name, OrrPlacementHash *hash, GError **error);
/* An option that the core refuses, as a usage fault. */
bool sim_cluster_check_options(const OrrPlacementOptions *options, GError **error);

#endif
