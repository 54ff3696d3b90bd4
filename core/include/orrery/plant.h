/* plant.h - bugs on purpose: each brings back what a naive system does.
 *
 * They exist only in builds with -Dplanted_bugs=true. A check that never fails proves nothing,
 * so for every check a test plants the bug that it is for and sees it caught. In any other
 * build ORR_PLANTED() is the constant false and OrrSettings.planted is ignored.
 */
#ifndef ORRERY_PLANT_H
#define ORRERY_PLANT_H

/* X(NAME, "name on the command line", "what the naive variant does") */
#define ORR_PLANTS(X)                                                                          \
    X(FAIL_BY_ONE_REPORT, "fail-by-one-report", "one suspicion is a failure verdict")          \
    X(ONE_WAY_LIVENESS, "one-way-liveness", "whoever can be heard counts as alive")            \
    X(VOTE_NOT_PERSISTED, "vote-not-persisted", "a vote is told before it is on disk")         \
    X(VOTE_TWICE, "vote-twice", "a voter forgets whom it voted for in an epoch")               \
    X(CLAIMS_UNVERSIONED, "claims-unversioned", "the last claim heard wins, whatever its age") \
    X(NO_FENCING, "no-fencing", "an owner serves without a majority of the voters")            \
    X(NO_LEASE, "no-lease", "a voter votes while the old owner may still serve")               \
    X(EQUAL_EPOCH_BY_ID, "equal-epoch-by-id", "twins in one epoch are settled by id alone")    \
    X(EQUAL_EPOCH_IGNORED, "equal-epoch-ignored", "twins in one epoch are not settled")        \
    X(EPOCH_FORGOTTEN, "epoch-forgotten", "epochs are not kept over a restart")                \
    X(NO_GENERATION_CHECK, "no-generation-check", "an emptied primary is copied as it is")     \
    X(PURGE_TOO_EARLY, "purge-too-early", "a replica drops its data before the copy is whole") \
    X(STALE_MAY_STAND, "stale-may-stand", "a replica stands however old its data")             \
    X(LEDGER_SILENT, "ledger-silent", "dropped writes are not listed")                         \
    X(NO_CLUSTER_CHECK, "no-cluster-check", "frames of another cluster are accepted")          \
    X(TOMBSTONES_SHORT, "tombstones-short", "a forgotten node is banned for 60 s only")        \
    X(SYNCS_UNLIMITED, "syncs-unlimited", "every replica gets its full copy at once")          \
    X(SELF_REPLICATION, "self-replication", "a node obeys a wish to replicate itself")         \
    X(WALL_CLOCK_TIMERS, "wall-clock-timers",                                                  \
      "timers and expiry follow the host's wall clock")                                        \
    X(ALL_STAND_AT_ONCE, "all-stand-at-once",                                                  \
      "candidates ask in one epoch and wait out a lost attempt")                               \
    X(DELETES_FORGOTTEN, "deletes-forgotten", "a replica ignores deletions")                   \
    X(NO_BULKHEAD, "no-bulkhead", "callers queue without bound behind a slow node")            \
    X(NO_DRAIN, "no-drain", "a slow owner keeps its slots")                                    \
    X(MOVED_UNREPLICATED, "moved-unreplicated",                                                \
      "a source deletes keys before the target's replicas have them")                          \
    X(TAKEN_UNTOLD, "taken-untold", "slots on the move are unknown to replicas")

enum {
#define ORR_PLANT_BIT(name, text, meaning) ORR_PLANT_BIT_##name,
    ORR_PLANTS(ORR_PLANT_BIT)
#undef ORR_PLANT_BIT
        ORR_PLANT_COUNT
};

#ifdef ORR_PLANTED_BUGS
#define ORR_PLANTED(settings, name) (((settings)->planted >> ORR_PLANT_BIT_##name & 1u) != 0)
#else
#define ORR_PLANTED(settings, name) ((void)(settings), false)
#endif

#endif
