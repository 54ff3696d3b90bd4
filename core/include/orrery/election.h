/* election.h - who may become primary of a shard: one contract, several kinds.
 *
 *     members changed, votes, time, an administrator ---> orr_election_step()
 *                                                            |
 *     the node: claims the shard, tells everybody   <---  sink.won(epoch)
 *
 * An election never changes who is primary by itself: it tells the node, and the node claims.
 * A kind is a row of functions (OrrElectionKind); raft will be one more.
 *
 *   lowest-id   naive, on purpose: the smallest id that seems connected rules. It needs no
 *               majority and has no fencing, so it splits; the simulator shows how.
 *   epoch-vote  Redis Cluster's rules: a replica of a failed primary asks all voters; one vote
 *               per voter and epoch, on disk before it is told. Departures, each for a known
 *               bug: a vote waits for the lease of the old owner; refusals bring what the
 *               candidate does not know; a lost attempt is given up as soon as it is lost;
 *               the best replica does not wait; twins in one epoch are settled for the newer
 *               data; a candidate that gives up frees who voted for it; a winner whose claim
 *               changes who has a vote needs its electors, too, until they know it.
 *
 * Source: Redis Cluster specification, "Replica election and promotion", "configEpoch conflict
 * resolution algorithm"; redis/redis 5857, valkey 974, 1018, 2169.
 */
#ifndef ORRERY_ELECTION_H
#define ORRERY_ELECTION_H

#include <orrery/detector.h>

ORR_BEGIN_DECLS

typedef struct OrrElection OrrElection;

/* What a voter says to a candidate. The trace prints the name; a test asserts it. */
typedef enum OrrVoteVerdict {
    ORR_VOTE_GRANTED,
    ORR_VOTE_DENIED_NOT_VOTER,     /* the asked one has no vote, as it believes */
    ORR_VOTE_DENIED_EPOCH_OLD,     /* it has seen a greater epoch */
    ORR_VOTE_DENIED_VOTED,         /* it gave this epoch's vote to another */
    ORR_VOTE_DENIED_NOT_REPLICA,   /* the candidate is no replica of that shard */
    ORR_VOTE_DENIED_CONFIG_OLDER,  /* the candidate does not know the shard's present primary */
    ORR_VOTE_DENIED_PRIMARY_ALIVE, /* no majority says that it failed */
    ORR_VOTE_DENIED_LEASE,         /* the old owner may still serve */
    ORR_VOTE_DENIED_DATA_OLDER,    /* the primary was known to have more, for too long */
    ORR_VOTE_DENIED_JUST_BOOTED,   /* it may have granted a lease it no longer knows of */
    ORR_VOTE_VERDICTS,
} OrrVoteVerdict;

ORR_API const char *orr_vote_verdict_name(OrrVoteVerdict verdict);

/* Why a replica stands for election, or does not. */
typedef enum OrrStanding {
    ORR_STANDING_YES,
    ORR_STANDING_NOT_REPLICA,   /* it is the primary, a witness, or alone */
    ORR_STANDING_PRIMARY_ALIVE, /* nothing to do */
    ORR_STANDING_NO_SLOTS,      /* the shard owns none */
    ORR_STANDING_SWITCHED_OFF,  /* settings.failover */
    ORR_STANDING_LOADING,       /* its copy is not whole */
    ORR_STANDING_DATA_UNKNOWN,  /* it cannot say how old its data is: not seen its primary since
                                   boot */
    ORR_STANDING_DATA_OLD,      /* behind a primary that was alive by more than
                                   settings.replica_validity_ns */
    ORR_STANDINGS,
} OrrStanding;

ORR_API const char *orr_standing_name(OrrStanding standing);

typedef enum OrrElectionInputType {
    ORR_ELECTION_CHANGED, /* members, their states, or this node's data changed */
    ORR_ELECTION_VOTE_REQUEST,
    ORR_ELECTION_VOTE,
    ORR_ELECTION_STAND, /* at once, whatever the primary's state: `flags` of the request */
    ORR_ELECTION_TAKE,  /* without asking anybody: TAKEOVER */
} OrrElectionInputType;

typedef struct OrrElectionInput {
    OrrElectionInputType type;
    const OrrMessage *message; /* VOTE_REQUEST, VOTE */
    OrrMember *peer;           /* who sent it */
    uint8_t flags;             /* STAND: ORR_VOTE_FORCE, ORR_VOTE_CONSENT */
    OrrTime until; /* STAND by consent: it is not given for longer than until N after this */
} OrrElectionInput;

/* What the node gives to an election. */
typedef struct OrrElectionSink {
    void *owner;
    /* This node has won its shard in `epoch`: claim it. A claim that is not stored before
     * `until` is dropped: the voters are not bound any more. ORR_NEVER: nobody was asked. */
    void (*won)(void *owner, OrrNow now, uint64_t epoch, OrrTime until, OrrEffects *out);
    /* Makes epoch and vote durable; what depends on them goes into the list that comes back. */
    OrrEffects *(*persist)(void *owner, OrrNow now, uint64_t vote_epoch, const OrrId *candidate,
                           OrrEffects *out);
} OrrElectionSink;

typedef struct OrrElectionKind {
    const char *name;
    size_t size;                      /* of its state, which begins with an OrrElection */
    void (*clear)(OrrElection *self); /* frees what it holds; or NULL */
    void (*step)(OrrElection *self, OrrNow now, const OrrElectionInput *input, OrrEffects *out);
    void (*time)(OrrElection *self, OrrNow now, OrrEffects *out);
    OrrTime (*deadline)(const OrrElection *self);
    /* Until when this node, as primary, may serve. */
    OrrTime (*lease)(OrrElection *self, OrrTime now_ns);
    uint64_t (*digest)(const OrrElection *self);
} OrrElectionKind;

struct OrrElection {
    const OrrElectionKind *kind;
    OrrContext *context;
    OrrDetector *detector;
    OrrElectionSink sink;
    uint64_t vote_epoch; /* the last epoch it voted in */
    OrrId vote_for;
};

/* By settings.coordination. */
ORR_API OrrElection *orr_election_new(OrrContext *context, OrrDetector *detector,
                                      const OrrElectionSink *sink);
ORR_API void orr_election_free(OrrElection *election);
/* What the disk says: the last vote. */
ORR_API void orr_election_restore(OrrElection *election, uint64_t vote_epoch,
                                  const OrrId *vote_for);
ORR_API void orr_election_step(OrrElection *election, OrrNow now, const OrrElectionInput *input,
                               OrrEffects *out);
ORR_API void orr_election_time(OrrElection *election, OrrNow now, OrrEffects *out);
ORR_API OrrTime orr_election_deadline(const OrrElection *election);
ORR_API OrrTime orr_election_lease(OrrElection *election, OrrTime now_ns);
ORR_API uint64_t orr_election_digest(const OrrElection *election);

ORR_END_DECLS

#endif
