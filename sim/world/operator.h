/* operator.h - administrators: any command at any instant, at the console of a node.
 *
 * An operator needs no network: he is a client that the node's own host connects, so he reaches
 * a node that is cut off, too. The answer is told in the story.
 */
#ifndef SIM_OPERATOR_H
#define SIM_OPERATOR_H

#include "world.h"

#define SIM_OPERATOR_FIRST (UINT64_C(1) << 62) /* client numbers from here on are operators */

/* Sends the words, as RESP, to the node. Words that name a node of the scenario become its id.
 */
void sim_operator_send(SimWorld *world, SimHost *host, const char *const *words, size_t count);
/* The same for a line as one would type it; `name`s of nodes become ids. */
void sim_operator_send_line(SimWorld *world, SimHost *host, const char *line);
/* A node answers an operator. */
void sim_operator_on_reply(SimWorld *world, SimHost *host, OrrBytes bytes);

#endif
