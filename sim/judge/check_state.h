/* check_state.h - states: what is true or false of the world at this instant. */
#ifndef SIM_CHECK_STATE_H
#define SIM_CHECK_STATE_H

#include "resolve.h"

/* True when the state holds now. Otherwise `why`, which may be NULL, says what is missing. */
bool sim_check_state(SimWorld *world, const SimSentence *check, char *why, size_t size);
/* True for sentences that this module decides. */
bool sim_check_is_state(SimSentenceKind kind);

#endif
