/* epoch_vote.h - what the two sides of epoch-vote share. Private.
 *
 *   epoch_vote.c        the candidate: when to stand, asking, giving up
 *   epoch_vote_voter.c  the voter: whom it votes for, and what that binds
 */
#ifndef ORR_ELECTION_EPOCH_VOTE_H
#define ORR_ELECTION_EPOCH_VOTE_H

#include "election/kinds.h"

typedef enum State {
    IDLE,
    WAITING, /* for better-ranked candidates, or for another try */
    ASKING,
} State;

typedef enum Ballot {
    BALLOT_NONE,
    BALLOT_GRANTED,
    BALLOT_LOST, /* this voter cannot vote for us in this epoch any more */
    BALLOTS,
} Ballot;

typedef struct EpochVote {
    OrrElection base;
    State state;
    OrrStanding standing; /* as judged last: traced when it changes */
    OrrTime stand_at;
    OrrTime asked_at;
    OrrTime ask_again_at;
    OrrTime expires_at;
    uint64_t epoch;     /* asked for */
    uint64_t withdrawn; /* the last that was given up: a vote for it comes too late */
    uint8_t flags;
    OrrTime consent_until; /* when flags say CONSENT: no attempt begins after this */
    uint32_t lost;         /* attempts in a row */
    uint32_t rank;
    uint32_t ballots[BALLOTS]; /* how many came in this epoch, of voters or not */
    OrrId denied;              /* the candidate that was refused last, and why: traced once */
    uint64_t denied_epoch;
    OrrVoteVerdict denied_verdict;
} EpochVote;

/* True when the shard's primary is failed, or gone. */
bool orr_epoch_vote_primary_failed(const OrrMembers *members, const OrrShard *shard);
/* Whether a promise or a boot stands in the way of a vote for the candidate. */
OrrVoteVerdict orr_epoch_vote_decide_lease(const EpochVote *self, OrrTime now_ns,
                                           const OrrMember *candidate, bool agreed);
void orr_epoch_vote_on_request(EpochVote *self, OrrNow now, OrrMember *candidate,
                               const OrrVoteRequest *request, OrrEffects *out);

/* Another candidate of its shard has this node's vote: it gets this long before this one asks,
 * too. */
#define ORR_VOTE_COURTESY (200 * ORR_NS_PER_MS)

#endif
