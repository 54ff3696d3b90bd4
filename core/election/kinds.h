/* kinds.h - the kinds of election there are. Private. */
#ifndef ORR_ELECTION_KINDS_H
#define ORR_ELECTION_KINDS_H

#include <orrery/election.h>

extern const OrrElectionKind orr_election_lowest_id;
extern const OrrElectionKind orr_election_epoch_vote;

/* Whether this replica's data is fit to be its shard's. Both kinds ask; the naive one ignores
 * how old the data is. */
OrrStanding orr_standing_of_data(const OrrContext *context);

#endif
