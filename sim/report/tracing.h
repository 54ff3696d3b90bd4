/* tracing.h - `--trace FILE`: every event of a node and every effect, one line each; and what
 * the digest of a run is made of.
 *
 *     12.345678901 n3 received n1 control ping 312 1f0e2d3c
 *     12.345678901 n3   send n1 control pong 280 77aa01bc
 *
 * The digest is computed whether or not a file is written, from the same facts.
 */
#ifndef SIM_TRACING_H
#define SIM_TRACING_H

#include "world.h"

void sim_tracing_event(SimWorld *world, const SimHost *host, const OrrEvent *event);
void sim_tracing_effect(SimWorld *world, const SimHost *host, const OrrEffect *effect);

#endif
