/* sentence.h - the typed form of one line of a scenario: what was said, and about whom.
 *
 *     kill primary of a losing data restart after 4s
 *      |    |            |           `-- part[SIM_PART_RESTART].dist
 *      |    |            `-- part[SIM_PART_DISK].choice == SIM_DISK_LOSE_DATA
 *      |    `-- part[SIM_PART_WHO].target: SIM_TARGET_PRIMARY of shard 0
 *      `-- kind: SIM_COMMAND_KILL
 *
 * Which parts a kind may have stands in the table of grammar_*.c, which also is what
 * `orrery explain` prints; a part that was not written has type SIM_VALUE_NONE.
 *
 * Memory: everything belongs to the scenario. Numbers are integers: times in ns, ratios in
 * parts per million, sizes in bytes, rates in micro-events per second.
 */
#ifndef SIM_SENTENCE_H
#define SIM_SENTENCE_H

#include <orrery/settings.h>

/* Where a thing stands in the text, both from 1; line 0: nowhere. */
typedef struct SimWhere {
    unsigned line;
    unsigned column;
} SimWhere;

typedef enum SimTargetKind {
    SIM_TARGET_NODE,          /* nodes[index] */
    SIM_TARGET_SITE,          /* every node of sites[index], and the clients that sit there */
    SIM_TARGET_SHARD,         /* every node of shards[index], whatever its role is now */
    SIM_TARGET_CLUSTER,       /* every node of clusters[index] */
    SIM_TARGET_ALL,           /* every node: `any`, `all` */
    SIM_TARGET_LEADER,        /* the primary now of the only (or first) shard */
    SIM_TARGET_PRIMARY,       /* the primary now of `of` (a shard) */
    SIM_TARGET_FIRST_PRIMARY, /* the node that began as primary of `of` */
    SIM_TARGET_REPLICAS,      /* the replicas now of `of` */
    SIM_TARGET_BEST_REPLICA,  /* of `of`: largest offset, then smallest id */
    SIM_TARGET_OWNER,         /* whoever serves slot `index` now */
    SIM_TARGET_PRIMARIES,     /* all primaries now */
    SIM_TARGET_ALL_REPLICAS,  /* all replicas now */
    SIM_TARGET_VOTERS,        /* all who may vote now */
    SIM_TARGET_WITNESSES,
    SIM_TARGET_SPARES,   /* declared, and not yet joined */
    SIM_TARGET_RANDOM,   /* `index` nodes of `of`, drawn when it happens; 0: half of them */
    SIM_TARGET_MINORITY, /* the largest set of voters that is no majority, drawn */
    SIM_TARGET_MAJORITY, /* the smallest majority of voters, drawn */
    SIM_TARGET_OTHERS,   /* every node that the sentence does not name otherwise */
    SIM_TARGET_STRUCK,   /* the nodes that timeline[index] hit */
    SIM_TARGET_CLIENTS,  /* clients at or attached to `of`; all of them if `of` is NULL */
    SIM_TARGET_FLEET,    /* the clients of fleets[index] */
    SIM_TARGET_UNION,    /* items */
    SIM_TARGET_EXCEPT,   /* items[0] without items[1] */
} SimTargetKind;

typedef struct SimTarget {
    SimTargetKind kind;
    unsigned index;
    const struct SimTarget *of;
    struct SimTarget *const *items;
    unsigned item_count;
    const char *text; /* as written */
} SimTarget;

/* How a drawn quantity is spread. */
typedef enum SimDistKind {
    SIM_DIST_FIXED,     /* a */
    SIM_DIST_UNIFORM,   /* a to b; also written a..b */
    SIM_DIST_NORMAL,    /* mean a, standard deviation b */
    SIM_DIST_EXP,       /* mean a */
    SIM_DIST_LOGNORMAL, /* median a, 99th percentile b */
} SimDistKind;

typedef struct SimDist {
    SimDistKind kind;
    int64_t a;
    int64_t b;
} SimDist;

typedef enum SimUnit {
    SIM_UNIT_COUNT,
    SIM_UNIT_NS,
    SIM_UNIT_PPM,   /* percentages, ratios and factors: 5x is 5,000,000 */
    SIM_UNIT_BYTES, /* also bytes per second */
    SIM_UNIT_RATE,  /* events per 1,000,000 s */
} SimUnit;

typedef enum SimOp {
    SIM_OP_EQ, /* also `exactly` */
    SIM_OP_LE, /* also `at most` */
    SIM_OP_GE, /* also `at least` */
    SIM_OP_LT,
    SIM_OP_GT,
} SimOp;

/* `<= 10.5s`, `exactly 1000`, `>= 99%` */
typedef struct SimBound {
    SimOp op;
    SimUnit unit;
    int64_t value;
} SimBound;

/* A moment of the run that deadlines and periods count from. */
typedef enum SimMomentKind {
    SIM_MOMENT_TIME,   /* the offset itself, from the start */
    SIM_MOMENT_BEGIN,  /* when timeline[index] happened, last */
    SIM_MOMENT_END,    /* when timeline[index] was undone: `heal NAME`, or its `for` ran out */
    SIM_MOMENT_SETTLE, /* settle.at */
    SIM_MOMENT_STOP,   /* the end of the run */
} SimMomentKind;

typedef struct SimMoment {
    SimMomentKind kind;
    unsigned index;    /* of the timeline */
    OrrTime offset_ns; /* added; may be negative */
    const char *text;
} SimMoment;

typedef enum SimDiskFate {
    SIM_DISK_KEEP,          /* a process died: what was written stays */
    SIM_DISK_LOSE_UNSYNCED, /* what was not synced is gone */
    SIM_DISK_LOSE_DATA,     /* log and snapshot are gone; identity, epochs and votes stay */
    SIM_DISK_LOSE_ALL,      /* a new, empty disk */
    SIM_DISK_TEAR, /* the last unsynced write is cut at part BYTE, or where the seed says */
} SimDiskFate;

typedef enum SimDirection {
    SIM_DIRECTION_BOTH, /* <-> */
    SIM_DIRECTION_TO,   /* -> */
} SimDirection;

typedef enum SimFileSet {
    SIM_FILES_STATE,
    SIM_FILES_CONFIG,
    SIM_FILES_LOG,
    SIM_FILES_SNAPSHOT,
    SIM_FILES_ANY,
} SimFileSet;

/* One `name = value` of a node's settings, checked; apply with config_setting_apply(). */
typedef struct SimSetting {
    const struct ConfigSetting *setting;
    const char *text;  /* the value as written */
    const char *shown; /* "name = value" */
    int64_t value;
} SimSetting;

typedef enum SimValueType {
    SIM_VALUE_NONE,     /* not written */
    SIM_VALUE_FLAG,     /* written; nothing more to say */
    SIM_VALUE_TARGET,   /* target */
    SIM_VALUE_SIDES,    /* targets, target_count: A | B | C */
    SIM_VALUE_NUMBER,   /* number: count, ns, ppm, bytes or rate, as `unit` says */
    SIM_VALUE_DIST,     /* dist; a, b in `unit` */
    SIM_VALUE_BOUND,    /* bound */
    SIM_VALUE_CHOICE,   /* choice: an index into the words of the table, or an enum above */
    SIM_VALUE_TEXT,     /* text */
    SIM_VALUE_MOMENT,   /* moment */
    SIM_VALUE_ACTION,   /* number: an index into the timeline */
    SIM_VALUE_SLOTS,    /* first, last */
    SIM_VALUE_SETTINGS, /* settings, setting_count */
    SIM_VALUE_WORDS,    /* words, word_count: pairs of a choice and a number, as in `mix` */
} SimValueType;

typedef struct SimWord {
    unsigned choice;
    int64_t number;
} SimWord;

typedef struct SimValue {
    SimValueType type;
    SimUnit unit;
    SimWhere where;
    union {
        const SimTarget *target;
        struct {
            SimTarget *const *targets;
            unsigned target_count;
        };
        int64_t number;
        SimDist dist;
        SimBound bound;
        unsigned choice;
        const char *text;
        SimMoment moment;
        struct {
            uint16_t first;
            uint16_t last;
        };
        struct {
            const SimSetting *settings;
            unsigned setting_count;
        };
        struct {
            const SimWord *words;
            unsigned word_count;
        };
    };
} SimValue;

typedef enum SimPart {
    SIM_PART_WHO,       /* whom the sentence is about */
    SIM_PART_WHOM,      /* the other one: the far side of a link, the new primary, ... */
    SIM_PART_SIDES,     /* of a partition */
    SIM_PART_DIRECTION, /* SimDirection */
    SIM_PART_MESSAGE,   /* SimMessageClass */
    SIM_PART_AMOUNT,    /* probability (ppm), factor (ppm), step (ns), drift (ppm) ... */
    SIM_PART_AMOUNT2,   /* the second factor, where there are two */
    SIM_PART_DIST,      /* a spread quantity, e.g. a latency */
    SIM_PART_DISK,      /* SimDiskFate */
    SIM_PART_BYTE,      /* number, or choice 0: drawn from the seed */
    SIM_PART_FILES,     /* SimFileSet */
    SIM_PART_RESTART,   /* dist: restarts so long after */
    SIM_PART_COUNT,     /* a plain number */
    SIM_PART_SLOT,      /* slots */
    SIM_PART_NAME,      /* a name given */
    SIM_PART_TEXT,      /* words to be passed on */
    SIM_PART_ACTION,    /* a named line of the timeline */
    SIM_PART_CHOICE,    /* an alternative that only this sentence has; see its row */
    SIM_PART_SETTINGS,
    SIM_PART_WITH_CLIENTS, /* flag: clients attached to WHO share its fate */
    SIM_PART_BOUND,        /* what was measured must be so */
    SIM_PART_VIEW,         /* in view of: whose opinion counts */
    SIM_PART_OF,           /* restricts a number to a shard, a node or a group of clients */
    SIM_PART_WITHIN,       /* number, ns: deadline after SINCE */
    SIM_PART_SINCE,        /* moment: a deadline or a baseline counts from it */
    SIM_PART_FROM,         /* moment: the period that is looked at begins */
    SIM_PART_TO,           /* moment: and ends */
    SIM_PART_OUTSIDE,      /* flag: without the time that faults last */
    SIM_PART_HOLD,         /* number, ns: must stay so for so long */
    SIM_PART_FOR,          /* dist: a command is undone after it */
    SIM_PART_AS,           /* text: the name of a line */
    SIM_PART_ONCE,         /* flag: only the first time that the trigger holds */
    SIM_PARTS,
} SimPart;

/* Which frames a fault touches, as sim/world/network.c tells them apart by their first bytes.
 */
typedef enum SimMessageClass {
    SIM_MESSAGE_ALL,
    SIM_MESSAGE_CONTROL, /* the lane of datagrams: heartbeats, gossip, votes */
    SIM_MESSAGE_DATA,    /* the lane of streams: replication */
    SIM_MESSAGE_PING,
    SIM_MESSAGE_PONG,
    SIM_MESSAGE_VOTE, /* requests for votes and the votes */
    SIM_MESSAGE_UPDATE,
    SIM_MESSAGE_APPEND, /* records on their way to a replica */
    SIM_MESSAGE_ACK,
} SimMessageClass;

#include "sentence_kinds.h"

typedef struct SimSentence {
    SimSentenceKind kind;
    SimWhere where;
    const char *text; /* as written, blanks made single */
    SimValue part[SIM_PARTS];
} SimSentence;

static inline bool
sim_sentence_has(const SimSentence *sentence, SimPart part)
{
    return sentence->part[part].type != SIM_VALUE_NONE;
}

static inline const SimTarget *
sim_sentence_target(const SimSentence *sentence, SimPart part)
{
    return sentence->part[part].type == SIM_VALUE_TARGET ? sentence->part[part].target : NULL;
}

/* The enum's name in lower case with blanks, e.g. "partition", for reports. */
const char *sim_sentence_kind_name(SimSentenceKind kind);

#endif
