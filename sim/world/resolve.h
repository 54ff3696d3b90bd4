/* resolve.h - whom a sentence means at this moment: from roles and sites to endpoints.
 *
 * A set is a sorted array of endpoint numbers without repetitions. Nodes come first, so a
 * number below host_count is a node's, and the others are places where clients sit.
 */
#ifndef SIM_RESOLVE_H
#define SIM_RESOLVE_H

#include <glib.h>

#include "world.h"

/* Of uint32_t, sorted; owned by who called. */
typedef GArray SimSet;

SimSet *sim_set_new(void);
void sim_set_free(SimSet *set);
void sim_set_add(SimSet *set, uint32_t member);
bool sim_set_has(const SimSet *set, uint32_t member);
uint32_t sim_set_at(const SimSet *set, guint index);
void sim_set_add_all(SimSet *set, const SimSet *other);
/* All endpoints, and all that are not in `set`. */
SimSet *sim_set_everyone(const SimWorld *world);
SimSet *sim_set_others(const SimWorld *world, const SimSet *set);
/* Adds the places of clients that are attached to a node of the set. */
void sim_set_add_attached(const SimWorld *world, SimSet *set);

/* Everybody that `target` means now. Chance, where it needs some, comes from `rng`. `named`,
 * which may be NULL, is what the sentence names otherwise (for `others`). Never NULL. */
SimSet *sim_target_resolve(SimWorld *world, const SimTarget *target, OrrRng *rng,
                           const SimSet *named);
/* The same, nodes only. */
SimSet *sim_target_nodes(SimWorld *world, const SimTarget *target, OrrRng *rng,
                         const SimSet *named);
/* The shard that a target restricts something to, or SIM_NONE: no shard. */
uint32_t sim_target_shard(SimWorld *world, const SimTarget *target);
/* The node that serves a shard now, or else believes it is its primary; SIM_NONE if nobody. */
uint32_t sim_shard_primary(SimWorld *world, uint32_t shard);
/* The network's word for a set: an endpoint alone, or a new group. */
SimSelector sim_set_selector(SimWorld *world, const SimSet *set);

#endif
