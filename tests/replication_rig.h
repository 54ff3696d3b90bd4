/* replication_rig.h - a handful of replication machines, the lanes between them, their disks,
 * and an oracle that knows which writes each of them has.
 *
 * The rig plays the node: it gives roles, applies and logs writes, restarts machines from what
 * their disks hold, and hands over when a primary says that it has lost data. It is for tests
 * only, so it asserts freely.
 */
#ifndef ORR_TESTS_REPLICATION_RIG_H
#define ORR_TESTS_REPLICATION_RIG_H

#include "wire/sender.h"

#include <orrery/orrery.h>

#include <glib.h>

#define RIG_MACHINES_MAX 8u

/* A write that somebody has in his line of data. */
typedef struct RigWrite {
    uint64_t end; /* offset after it */
    OrrVersion version;
    uint64_t key; /* hash of its name */
} RigWrite;

typedef enum RigEntryKind { RIG_ENTRY_RECORDS, RIG_ENTRY_LINEAGE } RigEntryKind;

typedef struct RigEntry {
    RigEntryKind kind;
    OrrLineage lineage;
    GByteArray *records;
} RigEntry;

typedef struct Rig Rig;

typedef struct RigMachine {
    Rig *rig;
    unsigned index;
    bool alive;
    OrrId id;
    OrrAddress address;
    OrrSender sender;
    OrrKeyspace *keyspace;
    OrrReplication *replication;
    OrrRng writes;        /* chooses what it writes as a primary */
    uint64_t count;       /* low part of its versions */
    GArray *line;         /* of RigWrite: what this machine has */
    GArray *disk;         /* of RigEntry */
    GArray *dropped;      /* of RigWrite: listed for the data that it has now */
    guint dropped_before; /* of them, when the last ledger was closed */
    uint64_t ledgers_closed;
    uint64_t ledgers_short;
    unsigned following; /* whom it was last told to follow */
    uint64_t behind;    /* calls of sink.behind */
    unsigned behind_whom;
} RigMachine;

typedef struct RigFrame {
    OrrTime due_ns;
    uint64_t order;
    unsigned from;
    unsigned to;
    uint64_t session; /* of the lane; frames of a broken one are lost */
    GByteArray *bytes;
} RigFrame;

struct Rig {
    OrrSettings settings;
    OrrId shard;
    OrrNow now;
    OrrRng rng;
    unsigned count;
    RigMachine machines[RIG_MACHINES_MAX];
    bool cut[RIG_MACHINES_MAX][RIG_MACHINES_MAX]; /* [from][to] */
    uint64_t session[RIG_MACHINES_MAX][RIG_MACHINES_MAX];
    OrrTime latency_ns;
    GPtrArray *frames; /* of RigFrame */
    uint64_t order;
    OrrEffects *out;
    uint64_t sent[ORR_MESSAGE_TYPES];
    unsigned copies_at_once; /* greatest number seen at one primary */
    /* what the cluster believes */
    unsigned primary;
    uint64_t epoch;
    uint64_t start_offset;
    bool wrong_ledger;    /* a ledger that was closed did not list exactly what was lost */
    GArray *acknowledged; /* of RigWrite: by whomever */
    GArray *listed;       /* of RigWrite: by whomever */
    bool keep_quiet;      /* a planted bug is expected to do harm: no messages about it */
};

void rig_init(Rig *rig, unsigned count, uint64_t seed, const OrrSettings *settings);
void rig_clear(Rig *rig);
OrrSettings rig_settings(void);

/* Machine `index` becomes the primary of the next epoch; nobody else knows yet. */
void rig_promote(Rig *rig, unsigned index);
/* Machine `index` leads an epoch of its own choice. */
OrrStatus rig_lead(Rig *rig, unsigned index, uint64_t epoch, uint64_t start_offset);
/* Machine `index` learns who the primary is. */
void rig_follow(Rig *rig, unsigned index);
void rig_follow_all(Rig *rig);

/* `count` random writes at machine `index`, each in a step of its own, `gap_ns` apart. */
void rig_write(Rig *rig, unsigned index, unsigned count, OrrTime gap_ns);
/* One write of a given kind. */
void rig_put(Rig *rig, unsigned index, OrrRecordKind kind, const char *key, const char *field,
             const char *value, int64_t expire_ms);
void rig_ask_acks(Rig *rig, unsigned index);

void rig_run(Rig *rig, OrrTime duration_ns);
void rig_cut(Rig *rig, unsigned a, unsigned b, bool cut);
/* The connection between two machines breaks: what is under way is lost, both are told. */
void rig_break(Rig *rig, unsigned a, unsigned b);
void rig_kill(Rig *rig, unsigned index);
/* Starts again from its disk, of which the last `torn_records` records are gone. */
void rig_restart(Rig *rig, unsigned index, unsigned torn_records, bool wiped);

bool rig_has(Rig *rig, unsigned index, const char *key);
OrrReplicationView rig_view(const Rig *rig, unsigned index);
/* All that are alive follow the primary, and have what it has. */
bool rig_settled(const Rig *rig);
/* Acknowledged writes that the primary has not and nobody ever listed. */
unsigned rig_silent_losses(const Rig *rig);
/* For the rig itself: a machine has one more write; has other data; traced something. */
void rig_line_add(RigMachine *machine, const OrrRecord *record, size_t size);
void rig_forget_dropped(RigMachine *machine);
void rig_note_trace(RigMachine *machine, const OrrTrace *trace);
/* A random write at machine `index`. */
void rig_random_write(Rig *rig, unsigned index);

#endif
