/* command.h - what clients can ask for: one table of commands, and the ways to add to it.
 *
 * A command is a row: name, arity, flags, where its keys are, what to call. Rows live in
 * static arrays, one per file of commands (command_string.c, ...); orr_command_arrays[] in
 * command.c lists the arrays, so a new file of commands is one line there.
 *
 * A handler reads the keyspace, answers by context->reply, and changes data only by
 * orr_command_emit(): the node stamps the record with a version and the time, applies it, and
 * passes it to log, backlog and replicas. So what a handler did is what a replica repeats.
 */
#ifndef ORR_NODE_COMMAND_H
#define ORR_NODE_COMMAND_H

#include <orrery/keyspace.h>
#include <orrery/resp.h>
#include <orrery/rng.h>
#include <orrery/settings.h>

typedef enum OrrCommandFlag {
    ORR_COMMAND_WRITE = 1u << 0,    /* may change data */
    ORR_COMMAND_READONLY = 1u << 1, /* reads keys, changes none */
    ORR_COMMAND_DENYOOM = 1u << 2,  /* may need more memory */
    ORR_COMMAND_ADMIN = 1u << 3,    /* for operators */
    ORR_COMMAND_FAST = 1u << 4,     /* O(1) or O(log n) */
    ORR_COMMAND_NO_AUTH = 1u << 5,  /* allowed before AUTH */
    ORR_COMMAND_LOADING = 1u << 6,  /* allowed while data are read */
    ORR_COMMAND_STALE = 1u << 7,    /* allowed on a replica without its primary */
    ORR_COMMAND_PUBSUB = 1u << 8,
    ORR_COMMAND_NOSCRIPT = 1u << 9,
    ORR_COMMAND_ASKING = 1u << 10,    /* implies ASKING: RESTORE-ASKING */
    ORR_COMMAND_ALL_NODES = 1u << 11, /* works on this node's data, whatever the slot: SCAN */
    ORR_COMMAND_NO_MULTI = 1u << 12,
} OrrCommandFlag;

typedef enum OrrCommandGroup {
    ORR_GROUP_STRING,
    ORR_GROUP_HASH,
    ORR_GROUP_GENERIC,
    ORR_GROUP_CONNECTION,
    ORR_GROUP_SERVER,
    ORR_GROUP_CLUSTER,
    ORR_GROUP_TRANSACTIONS,
    ORR_GROUP_PUBSUB,
} OrrCommandGroup;

typedef struct OrrCommand OrrCommand;
typedef struct OrrCommandContext OrrCommandContext;
typedef void (*OrrCommandFunc)(OrrCommandContext *context);

struct OrrCommand {
    const char *name;  /* lower case */
    int arity;         /* words with the name; negative: at least so many */
    uint32_t flags;    /* OrrCommandFlag */
    int16_t first_key; /* word of the first key, 0: none */
    int16_t last_key;  /* of the last; negative: from the end, -1 is the last word */
    int16_t key_step;
    int16_t field; /* word of the hash field that decides the slot with `hash-slot-by: field`;
                      0: none */
    int16_t field_step; /* 0: only one field; else the next is so many words on, to the end */
    OrrCommandGroup group;
    const char *summary;
    const char *since;
    OrrCommandFunc run;
};

struct OrrCommandContext {
    const OrrCommand *command;
    const OrrBytes *args;
    size_t arg_count;
    OrrKeyspace *keyspace;
    OrrReply *reply;
    OrrRng *rng;
    int64_t wall_ms; /* the cluster clock: what "expired" and "in 5 seconds" mean */
    int64_t wall_us; /* the same for TIME, in microseconds */
    OrrHashSlotBy hash_slot_by;
    uint16_t slot; /* of the first key, where slot_known: saves computing it again */
    bool slot_known;
    bool primary;  /* writes are allowed: expired keys that are met are deleted */
    size_t writes; /* records emitted by this command */
    /* Stamps version and wall_ms, applies, logs, replicates. `record` has kind, slot,
     * expire_ms, key, field, value; its parts may be lent from the keyspace. */
    void (*emit)(OrrCommandContext *context, const OrrRecord *record);
    void *owner; /* the node's */
    void *client;
};

/* The row called `text`, in any case, or NULL. O(1). */
const OrrCommand *orr_command_find(OrrBytes text);
/* Rows in order of their names, for COMMAND: 0 to orr_command_count() - 1. */
size_t orr_command_count(void);
const OrrCommand *orr_command_at(size_t index);
const char *orr_command_group_name(OrrCommandGroup group);
/* "write readonly ..." as Redis names flags: calls `name` for each. */
void orr_command_flag_names(const OrrCommand *command,
                            void (*name)(const char *flag, void *context), void *context);

/* True if so many words are right for this command. */
bool orr_command_arity_fits(const OrrCommand *command, size_t arg_count);

/* Word indices of the keys of this call, written to `words`, at most `room`; returns how many
 * there are. */
size_t orr_command_keys(const OrrCommand *command, size_t arg_count, size_t *words,
                        size_t room);

typedef enum OrrCommandSlot {
    ORR_SLOT_NONE,   /* no key: any node will do */
    ORR_SLOT_ONE,    /* *slot */
    ORR_SLOT_CROSS,  /* keys (or fields) of several slots: CROSSSLOT */
    ORR_SLOT_SPREAD, /* all fields of a hash that is spread by field: every node has some */
} OrrCommandSlot;

/* The slot that a call works on. With ORR_SLOT_CROSS *slot is that of the first key. */
OrrCommandSlot orr_command_slot(const OrrCommand *command, const OrrBytes *args,
                                size_t arg_count, OrrHashSlotBy hash_slot_by, uint16_t *slot);

/* Checks nothing and runs: arity, slots, roles and memory are the node's to judge before. */
static inline void
orr_command_run(OrrCommandContext *context)
{
    context->command->run(context);
}

/* "ERR unknown command 'x', with args beginning with: ..." and "ERR wrong number of arguments
 * for 'x' command", as Redis 7.0 words them. */
void orr_command_reply_unknown(OrrReply *reply, const OrrBytes *args, size_t arg_count);
void orr_command_reply_arity(OrrReply *reply, const OrrCommand *command);

/* The arrays that make up the table, ended by a row without a name. Whoever adds a file of
 * commands declares its array here and lists it in command.c. */
extern const OrrCommand orr_commands_string[];
extern const OrrCommand orr_commands_number[];
extern const OrrCommand orr_commands_bits[];
extern const OrrCommand orr_commands_hash[];
extern const OrrCommand orr_commands_fields[];
extern const OrrCommand orr_commands_key[];
extern const OrrCommand orr_commands_expire[];
extern const OrrCommand orr_commands_scan[];
extern const OrrCommand orr_commands_connection[];
extern const OrrCommand orr_commands_table[];
extern const OrrCommand orr_commands_cluster[];
extern const OrrCommand orr_commands_server[];

#endif
