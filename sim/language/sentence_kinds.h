/* sentence_kinds.h - every sentence there is, by name. The wording is in grammar_*.c. */
#ifndef SIM_SENTENCE_KINDS_H
#define SIM_SENTENCE_KINDS_H

typedef enum SimSentenceKind {
    SIM_SENTENCE_NONE,

    /* commands of the timeline: the network */
    SIM_COMMAND_PARTITION,    /* SIDES: no frame crosses from one side to another */
    SIM_COMMAND_ISOLATE,      /* WHO [WITH_CLIENTS] from every other node (and client) */
    SIM_COMMAND_CUT,          /* WHO DIRECTION WHOM */
    SIM_COMMAND_CUT_INBOUND,  /* WHO [WHOM]: nothing reaches WHO; what it sends leaves */
    SIM_COMMAND_CUT_OUTBOUND, /* WHO [WHOM] */
    SIM_COMMAND_HOLD,         /* WHO DIRECTION WHOM [MESSAGE]: kept back until released */
    SIM_COMMAND_RELEASE,      /* ACTION */
    SIM_COMMAND_DROP,         /* WHO DIRECTION WHOM [MESSAGE] AMOUNT */
    SIM_COMMAND_CORRUPT,      /* ditto */
    SIM_COMMAND_DUPLICATE,    /* ditto */
    SIM_COMMAND_REORDER,      /* ditto [DIST: held back for] */
    SIM_COMMAND_LATENCY,      /* WHO DIRECTION WHOM DIST */
    SIM_COMMAND_BANDWIDTH,    /* WHO DIRECTION WHOM AMOUNT: bytes/s */
    SIM_COMMAND_FLAP,         /* WHO DIRECTION WHOM DIST: down for */
    SIM_COMMAND_SWIZZLE,      /* WHO: links of a random subset stop and return, one by one */
    SIM_COMMAND_PARTITION_RANDOM, /* CHOICE 0 halves, 1 majorities-ring, 2 bridge, 3 one node */
    SIM_COMMAND_HEAL,             /* ACTION, or CHOICE 0: all */

    /* nodes */
    SIM_COMMAND_KILL,      /* WHO [DISK [BYTE]] [RESTART]: its host refuses connections */
    SIM_COMMAND_POWER_OFF, /* same; its host is silent, what was not synced is gone */
    SIM_COMMAND_RESTART,   /* WHO [SETTINGS] [WHOM: told to replicate it]; starts the stopped */
    SIM_COMMAND_START,     /* WHO [SETTINGS] [WHOM] */
    SIM_COMMAND_STOP,      /* WHO: a clean end, everything synced */
    SIM_COMMAND_PAUSE,     /* WHO */
    SIM_COMMAND_SLOW,      /* WHO [AMOUNT: cpu factor] [AMOUNT2: disk factor] */
    SIM_COMMAND_JOIN,      /* WHO (a spare) [CHOICE: site index] [WHOM: shard] */
    SIM_COMMAND_LEAVE,     /* WHO */
    SIM_COMMAND_MOVE_ADDRESS, /* WHO [WHOM: takes the address of this node] */
    SIM_COMMAND_CRASH_AT,     /* WHO TEXT: dies at the next crash point of this name */

    /* disks */
    SIM_COMMAND_DISK_FULL,   /* WHO */
    SIM_COMMAND_DISK_ERRORS, /* WHO AMOUNT: this share of writes fails */
    SIM_COMMAND_DISK_SLOW,   /* WHO DIST: a sync takes so long */
    SIM_COMMAND_FSYNC_LIES,  /* WHO: says synced and is not */
    SIM_COMMAND_TEAR_NEXT, /* WHO FILES BYTE: power cut inside its next write to them; [RESTART]
                            */

    /* clocks */
    SIM_COMMAND_CLOCK_JUMP,  /* WHO CHOICE (SimClockChoice) DIST: +- so much */
    SIM_COMMAND_CLOCK_DRIFT, /* WHO CHOICE AMOUNT: ppm, may be negative */

    /* operators */
    SIM_COMMAND_FAILOVER,   /* WHO CHOICE: 0 normal, 1 force, 2 takeover */
    SIM_COMMAND_BUMP_EPOCH, /* WHO */
    SIM_COMMAND_FORGET,     /* WHOM on WHO */
    SIM_COMMAND_MEET,       /* WHOM via WHO */
    SIM_COMMAND_ADMIN,      /* WHO TEXT: a command as redis-cli would send it */

    /* clients */
    SIM_COMMAND_RATE,   /* WHO AMOUNT: clients now ask so often */
    SIM_COMMAND_DELETE, /* TEXT: a client deletes this key */
    SIM_COMMAND_EXPECT, /* see SimAction.check */

    /* later issues; parsed and refused */
    SIM_COMMAND_MIGRATE,

    /* triggers: `when ...` */
    SIM_TRIGGER_LEADER_CHANGES, /* the primary of the first shard is another node */
    SIM_TRIGGER_OWNER_CHANGES,  /* OF shard: another node became its primary */
    SIM_TRIGGER_PROMOTED,       /* WHO */
    SIM_TRIGGER_STANDS,         /* WHO asks for votes */
    SIM_TRIGGER_VOTES,          /* WHO grants a vote */
    SIM_TRIGGER_FAILED,         /* WHO is declared failed, by anyone (or VIEW) */
    SIM_TRIGGER_FENCED,         /* WHO stops serving */
    SIM_TRIGGER_SYNC_BEGINS,    /* a full copy to (or from) WHO begins */
    SIM_TRIGGER_RESTARTS,       /* WHO booted again */
    SIM_TRIGGER_BEGINS,         /* ACTION happened */
    SIM_TRIGGER_ENDS,           /* ACTION was undone */
    SIM_TRIGGER_TRACE,          /* CHOICE (OrrTraceKind) at WHO */
    SIM_TRIGGER_MOVE_AT,        /* later: ACTION at AMOUNT */
    SIM_TRIGGER_CHECK,          /* see SimAction.check: a state becomes true */

    /* checks after every event */
    SIM_CHECK_ONE_SERVER_PER_SLOT,
    SIM_CHECK_ONE_OWNER_PER_VERSION,
    SIM_CHECK_ONE_WINNER_PER_EPOCH,
    SIM_CHECK_ONE_VOTE_PER_EPOCH,
    SIM_CHECK_EPOCHS_NEVER_DOWN,
    SIM_CHECK_NO_DELETED_KEY_RETURNS,
    SIM_CHECK_MESSAGES_IN_FLIGHT, /* BOUND */
    SIM_CHECK_BYTES_PER_LINK,     /* BOUND: queued on any one link */
    SIM_CHECK_MEMORY_PER_NODE,    /* BOUND */
    SIM_CHECK_NEVER_FAILED,       /* WHO is never declared failed [VIEW] */
    SIM_CHECK_NEVER_EMPTIED,      /* WHO never drops the keys it holds */

    /* states: true or false at an instant */
    SIM_CHECK_ONE_PRIMARY, /* OF shard [VIEW] */
    SIM_CHECK_ONE_LEADER,  /* [WHO: among] */
    SIM_CHECK_MOVES_DONE,
    SIM_CHECK_SLOTS_HAVE_OWNER,  /* every slot exactly one, in every live view */
    SIM_CHECK_SLOTS_HAVE_COPIES, /* BOUND: an owner and so many replicas */
    SIM_CHECK_VIEWS_AGREE,       /* [WHO] */
    SIM_CHECK_SLOTS_SERVED,      /* [OF shard; else all] */
    SIM_CHECK_SLOTS_NOT_SERVED,  /* OF shard */
    SIM_CHECK_EPOCHS_DISTINCT,   /* of all primaries */
    SIM_CHECK_IS_PRIMARY,        /* WHO [OF shard] */
    SIM_CHECK_IS_REPLICA,        /* WHO [WHOM] */
    SIM_CHECK_IS_FAILED,         /* WHO VIEW */
    SIM_CHECK_IS_SUSPECTED,      /* WHO VIEW */
    SIM_CHECK_IS_ALIVE,          /* WHO VIEW */
    SIM_CHECK_IS_UP,             /* WHO: its process runs */
    SIM_CHECK_IS_DOWN,           /* WHO */
    SIM_CHECK_REFUSES_WRITES,    /* WHO acknowledges none */
    SIM_CHECK_SERVES_WRITES,     /* WHO */
    SIM_CHECK_OWNS_NO_SLOT,      /* WHO */
    SIM_CHECK_MEMBERS,           /* of VIEW are exactly WHO */
    SIM_CHECK_IN_NO_LIST,        /* WHO is in no live member list [VIEW] */
    SIM_CHECK_IS_MEMBER,         /* WHO [VIEW] */
    SIM_CHECK_CLUSTER_STATE,     /* CHOICE 0 ok, 1 fail; VIEW */
    SIM_CHECK_REPLICAS_CONVERGE, /* [OF shard] same keys, same versions as their primary */
    SIM_CHECK_REQUESTS_SUCCEED,  /* every request [OF clients] HOLD */
    SIM_CHECK_SLOTS_UNCOVERED,   /* BOUND [VIEW] */
    SIM_CHECK_EPOCH_OF,          /* WHO BOUND: its current epoch */

    /* numbers of a whole run, or of the period FROM..TO */
    SIM_CHECK_OWNERSHIP_CHANGES,    /* [OF shard] BOUND */
    SIM_CHECK_AVAILABILITY,         /* [OF] BOUND, ppm */
    SIM_CHECK_WRITES_LOST,          /* acknowledged ones [OF] BOUND */
    SIM_CHECK_LOST_IN_LEDGER,       /* every lost write is listed */
    SIM_CHECK_LEDGER_COUNT,         /* BOUND */
    SIM_CHECK_LOST_BETWEEN,         /* FROM TO: all were acknowledged then [OF who acked] */
    SIM_CHECK_ACKNOWLEDGES_NOTHING, /* WHO, FROM [TO] */
    SIM_CHECK_FAILOVER_TIME,        /* [OF shard] BOUND: fault to served again, the worst */
    SIM_CHECK_DETECTION_TIME,       /* [WHO] BOUND: fault to failure verdict, the worst */
    SIM_CHECK_FENCE_TIME,           /* [WHO] BOUND: fault to last acknowledgement */
    SIM_CHECK_AGREEMENT_TIME,       /* BOUND: SINCE to all views equal */
    SIM_CHECK_FULL_SYNCS,           /* [WHO: into] BOUND, in total */
    SIM_CHECK_FULL_SYNCS_AT_ONCE,   /* BOUND: out of one primary */
    SIM_CHECK_FULL_SYNCS_PER_REPLICA,
    SIM_CHECK_ELECTIONS,         /* BOUND: attempts */
    SIM_CHECK_EXPIRED_ATTEMPTS,  /* BOUND */
    SIM_CHECK_PROMOTIONS,        /* [WHO] BOUND */
    SIM_CHECK_FALSE_VERDICTS,    /* BOUND: failures declared of reachable, running nodes */
    SIM_CHECK_REFUSED_FRAMES,    /* [WHO] BOUND */
    SIM_CHECK_TTL_ERROR,         /* BOUND: the worst */
    SIM_CHECK_LATENCY,           /* CHOICE (SimPercentile) COUNT (SimOperation) [OF] BOUND */
    SIM_CHECK_LATENCY_RATIO,     /* same, BOUND in ppm of the time before the first fault */
    SIM_CHECK_THROUGHPUT,        /* [OF] BOUND, ppm of the time before the first fault */
    SIM_CHECK_THROUGHPUT_OTHERS, /* requests whose owner no fault struck */
    SIM_CHECK_BLOCKED_WORKERS,   /* BOUND, ppm: the worst second */
    SIM_CHECK_MESSAGES_RATE,     /* BOUND: per second and node, the worst second's mean */
    SIM_CHECK_BYTES_RATE,        /* ditto */
    SIM_CHECK_KEYS_LOST,         /* BOUND: acknowledged keys that nobody has at the end */
    SIM_CHECK_KEYS_DELETED,      /* [OF] BOUND: without a client having asked for it */
    SIM_CHECK_REDIRECTS,         /* BOUND: the most for one request */
    SIM_CHECK_HIT_RATE,          /* [OF] BOUND, ppm */
    SIM_CHECK_STORE_LOAD,        /* BOUND, ppm of the time before the first fault */
    SIM_CHECK_LOAD_MAX_MEAN,     /* BOUND, ppm */
    SIM_CHECK_REACHED,           /* CHOICE: SimReached; one per word */

    /* later issues; parsed and refused */
    SIM_CHECK_COMMITTED_NEVER_CHANGE,
    SIM_CHECK_LINEARIZABLE,
    SIM_CHECK_LWW_EQUAL,
    SIM_CHECK_SLOTS_MOVED,

    SIM_SCOPE_VIEW,
    SIM_SCOPE_WITHIN,
    SIM_SCOPE_BETWEEN,
    SIM_SCOPE_FROM,
    SIM_SCOPE_UNTIL,
    SIM_SCOPE_OUTSIDE,
    SIM_SCOPE_OF,
    SIM_SCOPE_HOLD,
    SIM_SCOPE_AT,
    SIM_MODIFIER_FOR,
    SIM_MODIFIER_AS,
    SIM_MODIFIER_ONCE,

    /* short clauses that the reader of a scenario turns into other types; never seen outside */
    SIM_CLAUSE_FIRST,
    SIM_CLAUSE_LAST = SIM_CLAUSE_FIRST + 200, /* names in grammar_clauses.h */
} SimSentenceKind;

typedef enum SimClockChoice {
    SIM_WHICH_CLOCK_BOTH,
    SIM_WHICH_CLOCK_WALL,
    SIM_WHICH_CLOCK_MONO,
} SimClockChoice;

typedef enum SimPercentile {
    SIM_P50,
    SIM_P90,
    SIM_P99,
    SIM_P999,
    SIM_PMAX,
} SimPercentile;

typedef enum SimOperation {
    SIM_DO_ANY, /* in bounds only: every kind */
    SIM_DO_SET,
    SIM_DO_GET,
    SIM_DO_DEL,
    SIM_DO_HSET,
    SIM_DO_HGET,
    SIM_DO_HDEL,
    SIM_DO_HGETALL,
    SIM_DO_EXPIRE,
    SIM_DO_CAS, /* later */
    SIM_OPERATIONS,
} SimOperation;

typedef enum SimReached {
    SIM_REACHED_LEADER_CHANGED,
    SIM_REACHED_VIEW_SPLIT, /* two live nodes disagreed about an owner or a verdict */
    SIM_REACHED_FENCED,
    SIM_REACHED_WRITES_LOST,
    SIM_REACHED_FULL_SYNC,
    SIM_REACHED_PARTIAL_SYNC,
    SIM_REACHED_EPOCH_COLLISION,
    SIM_REACHED_SUSPICION_REFUTED, /* also written `probe refuted` */
    SIM_REACHED_VOTE_DENIED,
    SIM_REACHED_TORN_WRITE,
    SIM_REACHED_FRAME_REFUSED,
    SIM_REACHED_MIGRATION_RESUMED, /* later */
} SimReached;

#endif
