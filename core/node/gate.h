/* gate.h - written before promised: what depends on a write waits here until it is stored.
 *
 *     commit() ---> STORE effect, op 7          STORED 7 ok ---> held effects go out, in order
 *        `--> a list that holds what depends    STORED 7 failed -> held effects are dropped
 *
 * Whatever depends on several writes of one file waits for the last: they complete in order,
 * and once one has failed, so do all later ones of that file (effects.h).
 */
#ifndef ORR_NODE_GATE_H
#define ORR_NODE_GATE_H

#include <orrery/effects.h>

typedef struct OrrGate OrrGate;

/* Called when the write is known to be stored (ORR_OK) or not (ORR_IO), after the held effects
 * have gone out or been dropped. */
typedef void (*OrrGateFunc)(void *owner, OrrStatus status, uint64_t argument, OrrNow now,
                            OrrEffects *out);

OrrGate *orr_gate_new(void);
void orr_gate_free(OrrGate *gate);

/* A number for the next write. */
uint64_t orr_gate_next_op(OrrGate *gate);
/* What is to happen when `op` is stored. The list that comes back holds effects until then; it
 * is lent until the next call of the gate. `done` may be NULL. */
OrrEffects *orr_gate_hold(OrrGate *gate, uint64_t op, OrrGateFunc done, void *owner,
                          uint64_t argument);
/* Whatever waits with this function counts as not stored, though the write may yet succeed. */
void orr_gate_doom(OrrGate *gate, OrrGateFunc done);
/* ORR_OK, or ORR_REFUSED: no such write is under way. */
OrrStatus orr_gate_stored(OrrGate *gate, uint64_t op, OrrStatus status, OrrNow now,
                          OrrEffects *out);

#endif
