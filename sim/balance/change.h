/* change.h - what happens to a cluster: nodes come, go, or change their weight.
 *
 *     add:1  add:10%  remove:2  remove:25%  reweigh:1  reweigh:10%x0.5
 *
 * A percentage is of the nodes there are, at least one node. reweigh multiplies weights, by 2
 * where no factor follows. Which nodes it meets is chance.
 */
#ifndef SIM_BALANCE_CHANGE_H
#define SIM_BALANCE_CHANGE_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

typedef enum SimChangeKind {
    SIM_CHANGE_ADD,
    SIM_CHANGE_REMOVE,
    SIM_CHANGE_REWEIGH,
} SimChangeKind;

#define SIM_CHANGE_TEXT_SIZE 32u

typedef struct SimChange {
    SimChangeKind kind;
    char text[SIM_CHANGE_TEXT_SIZE]; /* as written */
    double amount;                   /* nodes, or per cent of them */
    bool percent;
    double factor; /* of the weights; reweigh */
} SimChange;

bool sim_change_parse(const char *text, SimChange *change, GError **error);
/* How many of `nodes` it meets: at least 1; may be all of them or more. */
size_t sim_change_count(const SimChange *change, size_t nodes);

#endif
