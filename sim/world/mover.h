/* mover.h - `migrate slots`: an operator's tool that moves slots, step by step.
 *
 *     SETSLOT IMPORTING --> SETSLOT MIGRATING --> GETKEYSINSLOT, MIGRATE, again and again
 *                                             --> SETSLOT NODE --> the next slot
 *
 * What redis-cli --cluster reshard does, at the consoles of the two primaries (operator.h).
 * When a step is refused, or not answered in time, it looks who is primary now, and begins the
 * slot anew, as a person with redis-cli --cluster fix would.
 */
#ifndef SIM_MOVER_H
#define SIM_MOVER_H

#include "world.h"

#define SIM_MOVER_FIRST (UINT64_C(3) << 61) /* client numbers from here on are movers' */

typedef struct SimMover SimMover;

/* Begins to move slots first to last from one shard to the other. */
void sim_mover_begin(SimWorld *world, uint16_t first, uint16_t last, uint32_t from_shard,
                     uint32_t to_shard);
void sim_mover_free(SimMover *mover);
/* A node answers a mover. */
void sim_mover_on_reply(SimWorld *world, uint64_t client, OrrBytes bytes);
/* Its turn: the answer is read, or has not come. */
void sim_mover_on_event(SimWorld *world, uint32_t index, uint64_t turn);
/* True if no move is going on. */
bool sim_movers_are_done(const SimWorld *world);
/* Slots that movers have moved so far. */
uint64_t sim_movers_moved(const SimWorld *world);

#endif
