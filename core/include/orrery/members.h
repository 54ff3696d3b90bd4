/* members.h - the table of who is in the cluster: members and shards, as this node believes.
 *
 *     fact of a peer ----> orr_members_merge() ----> verdict: newer, known, about myself, ...
 *
 * A member's record is ordered by incarnation, which only that member raises, and within one
 * incarnation by state: FAILED (a majority of the voters says so) beats ALIVE, and the member
 * itself refutes it by a greater incarnation. FORGOTTEN is a tombstone: it beats every
 * incarnation until it expires or an administrator admits the node again (ORR_ADMIT_STEP).
 * A shard's record (who is primary) is ordered by epoch.
 *
 * The other machines of a node keep what they know of a member in its entry (probe, reports);
 * each field says whose it is. Entries stay where they are until they are purged.
 *
 * Source: Das, Gupta, Motivala, "SWIM", DSN 2002, section 4.2 (incarnations); departures: the
 * failure verdict needs a majority, and tombstones.
 * Cost: find O(1); add O(n). Digests are kept up as entries change. Threads: one at a time.
 */
#ifndef ORRERY_MEMBERS_H
#define ORRERY_MEMBERS_H

#include <orrery/bus.h>
#include <orrery/node.h>

ORR_BEGIN_DECLS

/* An administrator's MEET lifts a forgotten node's incarnation by this, above any it had. */
#define ORR_ADMIT_STEP (UINT64_C(1) << 32)
#define ORR_MEMBERS_MAX 4096u
#define ORR_SHARDS_MAX 4096u

/* A shard and its primary. Epoch 0: nobody has claimed it. */
typedef struct OrrShard {
    OrrId id;
    OrrId primary;
    uint64_t epoch;
    uint64_t start_offset;
    uint32_t slot_count;     /* orr_members_set_slot_count() */
    uint32_t unserved;       /* of them, counted in the table: private to members_tally.c */
    struct OrrMember *mates; /* its members by id, forgotten ones too; next: next_mate */
} OrrShard;

/* The detector's part of a member: see detector.h. What every probe reads comes first. */
typedef struct OrrProbe {
    OrrTime leased;        /* when the latest probe was sent whose answer granted a lease */
    OrrTime sent;          /* the last probe; 0: never */
    OrrTime awaiting;      /* the first probe not answered yet; 0: none */
    OrrTime answered;      /* when the latest answered probe was sent; 0: never */
    OrrTime refused_since; /* 0: its host does not refuse */
    OrrTime granted_until; /* the lease this node granted to the member */
    uint64_t promised;     /* ... by its vote in this epoch; 0: as to a primary */
    uint64_t yielded;     /* that lease is no obstacle to the primary of this epoch; 0: it is */
    OrrTime probe_again;  /* ORR_NEVER, or when to look again at a refusing host */
    OrrTime refused_last; /* when it refused last */
    OrrTime suspected_since; /* 0: not suspected by this node */
    OrrTime reported;        /* when the suspicion was last told */
    uint8_t withdrawals;     /* how often it is still to be told that there is none any more */
    OrrTime slow_since;      /* 0: not slow */
    OrrTime fast_since;      /* once slow: since when it answers in time again; 0: does not */
    OrrTime doubted;         /* when others said that it does not answer; 0: never */
    OrrSuspicion suspicion;  /* orr_members_set_suspicion() */
    uint64_t latency_ns;     /* of its echoes, smoothed */
    OrrTime echo_sent;       /* the echo not back yet; 0: none */
    struct OrrReports *reports; /* who accuses it; or NULL */
    bool slow;                  /* by a majority of the voters */
} OrrProbe;

typedef struct OrrMember {
    OrrId id;
    uint8_t tally;        /* as what it is counted in the table: private to members_tally.c */
    bool watched;         /* private to members_tally.c */
    OrrMemberState state; /* never SUSPECTED: that is probe.suspicion */
    OrrShard *shard;      /* never NULL */
    OrrProbe probe;
    uint64_t incarnation;
    struct OrrMember *next_mate;    /* of its shard, by id */
    struct OrrMember *next_watched; /* orr_members_watch() */
    OrrAddress address;
    OrrRole role; /* as configured: WITNESS or not */
    OrrTime state_since;
    OrrTime ban_until; /* FORGOTTEN */
    /* from its last pulse */
    uint64_t offset;
    uint64_t shard_epoch;
    OrrTime pulse_at; /* 0: none since this node's boot */
    /* what it had a while before that pulse (half the validity of a replica's data to all of
     * it): whoever lacks this is no fit successor */
    uint64_t offset_then;
    uint64_t offset_mid;
    OrrTime mid_at;
    int64_t clock_ahead_ms;
    /* the election's: what it answered when this node stood in that epoch */
    uint64_t ballot_epoch;
    uint8_t ballot;
} OrrMember;

/* Entries of the indexes by id: most lookups that miss do not touch what they point to. */
typedef struct OrrMemberSlot {
    uint64_t hash;
    OrrMember *member; /* NULL: free */
} OrrMemberSlot;

typedef struct OrrShardSlot {
    uint64_t hash;
    OrrShard *shard; /* NULL: free */
} OrrShardSlot;

typedef struct OrrMembers {
    OrrMember **list; /* by id */
    size_t count;
    OrrShard **shards; /* by id */
    size_t shard_count;
    OrrMember *self;
    uint64_t digest;         /* of the buckets */
    uint64_t change;         /* grows with every change of a record, and of shard->slot_count */
    uint32_t voters;         /* failed ones included */
    uint32_t voters_once;    /* before a restart, until it is known what became of them */
    uint32_t voters_there;   /* of them alive and, to this node, neither silent nor dead */
    uint32_t counting;       /* members not forgotten */
    uint32_t failed;         /* of them */
    uint32_t slots_unserved; /* of shards whose primary is failed, or no member */
    uint64_t voters_change;  /* grows whenever somebody becomes a voter, or none */
    OrrMember *watched;      /* orr_members_watch() */
    OrrMember *watched_last;
    size_t list_room;
    size_t shard_room;
    OrrShardSlot *shard_index; /* the same of shards */
    size_t shard_index_size;
    OrrMemberSlot *index; /* open addressing, by the hash of the id */
    size_t index_size;
    OrrMember **addresses; /* the same by bus address, of members that count */
    size_t addresses_size;
    bool addresses_stale; /* to be made anew before it is used */
    const OrrSettings *settings;
    uint64_t buckets[ORR_MEMBER_BUCKETS]; /* each the sum of the hashes of its records */
} OrrMembers;

/* A table with this node alone in it, alone in a shard of its own or in `shard`. */
ORR_API OrrMembers *orr_members_new(const OrrSettings *settings, const OrrId *self,
                                    const OrrId *shard, const OrrAddress *address,
                                    OrrRole role);
ORR_API void orr_members_free(OrrMembers *members);

/* Or NULL. Forgotten ones are found too. */
ORR_API OrrMember *orr_members_find(const OrrMembers *members, const OrrId *id);
/* A hint that this id is looked up soon: fetches a part of what that reads into the cache,
 * stage 0 and a while later stage 1. */
ORR_API void orr_members_expect(const OrrMembers *members, const OrrId *id, unsigned stage);
ORR_API void orr_members_expect_shard(const OrrMembers *members, const OrrId *id,
                                      unsigned stage);
/* The member that is not forgotten at this bus address, or NULL: of several that with the
 * smallest id. O(1), or O(n) when an address has changed since. */
ORR_API OrrMember *orr_members_find_address(const OrrMembers *members, const OrrAddress *at);
/* The shard's entry, made with epoch 0 if it is not there; NULL past ORR_SHARDS_MAX. */
ORR_API OrrShard *orr_members_shard(OrrMembers *members, const OrrId *id);

typedef enum OrrMerge {
    ORR_MERGE_KNOWN,      /* nothing new, or older than what is known */
    ORR_MERGE_ADDED,      /* a member not known before */
    ORR_MERGE_MOVED,      /* another address */
    ORR_MERGE_CHANGED,    /* anything else of a member, or a shard's newer primary */
    ORR_MERGE_FAILED,     /* the majority's verdict */
    ORR_MERGE_RETURNED,   /* it lives again */
    ORR_MERGE_FORGOTTEN,  /* it is banned */
    ORR_MERGE_ABOUT_SELF, /* somebody believes what this node must refute or obey */
    ORR_MERGE_COLLISION,  /* two primaries of a shard in one epoch; nothing changed */
    ORR_MERGE_REFUSED,    /* a maximum is reached; nothing changed */
} OrrMerge;

/* Takes in what a peer says of a member. Records about this node change nothing here. */
ORR_API OrrMerge orr_members_merge_member(OrrMembers *members, OrrTime now_ns,
                                          const OrrMemberRecord *record);
/* Takes in who is primary of a shard. */
ORR_API OrrMerge orr_members_merge_shard(OrrMembers *members, const OrrShardRecord *record);

/* Changes this node makes by itself. */
ORR_API void orr_members_set_state(OrrMembers *members, OrrTime now_ns, OrrMember *member,
                                   OrrMemberState state);
ORR_API void orr_members_set_self(OrrMembers *members, uint64_t incarnation,
                                  const OrrAddress *address, const OrrId *shard);
ORR_API void orr_members_set_primary(OrrMembers *members, const OrrShardRecord *record);
/* The slot map's count of the shard's slots: makes a voter of its primary, or not. */
ORR_API void orr_members_set_slot_count(OrrMembers *members, OrrShard *shard, uint32_t count);
/* This node's own suspicion of a member changes. */
ORR_API void orr_members_set_suspicion(OrrMembers *members, OrrMember *member,
                                       OrrSuspicion suspicion);
/* The watched are those that need to be looked at with every tick of the detector: who has not
 * answered yet, refuses or is suspected. Each once, in the order of being put there. */
ORR_API void orr_members_watch(OrrMembers *members, OrrMember *member);
/* Keeps those of the watched that `keep` wants. */
ORR_API void orr_members_watch_only(OrrMembers *members, bool (*keep)(const OrrMember *member));
/* Admits a node known by nothing or by a tombstone, as an administrator wishes. */
ORR_API OrrMember *orr_members_admit(OrrMembers *members, OrrTime now_ns,
                                     const OrrMemberRecord *record);
/* Bans it: a tombstone for settings.forget_ns. */
ORR_API void orr_members_forget(OrrMembers *members, OrrTime now_ns, OrrMember *member);
/* Removes tombstones whose time has come. True if there were any. */
ORR_API bool orr_members_purge(OrrMembers *members, OrrTime now_ns);

/* The records as facts, for gossip. */
ORR_API OrrFact orr_member_fact(const OrrMember *member, OrrTime now_ns);
ORR_API OrrFact orr_shard_fact(const OrrShard *shard);
ORR_API uint32_t orr_members_bucket_of(const OrrId *id);
ORR_API uint64_t orr_members_digest(const OrrMembers *members);

/* Roles and voters, as this node believes. */
ORR_API bool orr_member_is_primary(const OrrMember *member);
ORR_API bool orr_member_counts(const OrrMember *member); /* not forgotten */
ORR_API bool orr_members_is_voter(const OrrMembers *members, const OrrMember *member);
ORR_API uint32_t orr_members_voters(const OrrMembers *members);
/* More than half of the voters, failed ones included. */
ORR_API uint32_t orr_members_majority(const OrrMembers *members);
/* The primary of a shard as a member, or NULL. */
ORR_API OrrMember *orr_members_primary_of(const OrrMembers *members, const OrrShard *shard);

ORR_END_DECLS

#endif
