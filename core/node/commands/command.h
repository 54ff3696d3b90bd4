/* command.h - what clients can ask for: one table of commands, and the ways to add to it.
 *
 * A command is a row: name, arity, flags, where its keys are, what to call. Rows live in
 * static arrays, one per file of commands (command_string.c, ...); ARRAYS in command.c lists
 * the arrays, so a new file of commands is one line there. A command of two words (CLIENT LIST)
 * is a row of its own, named "client|list", in the `subcommands` of the row of the first word,
 * which then has no `run`. Find gives copies of these rows, made at the first use, that know
 * their parent and have a number.
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
    ORR_COMMAND_SKIP_SLOWLOG = 1u << 13,
    ORR_COMMAND_ALLOW_BUSY = 1u << 14,
    ORR_COMMAND_NO_ASYNC_LOADING = 1u << 15,
    ORR_COMMAND_MOVABLE_KEYS = 1u << 16, /* `keys` finds them */
    ORR_COMMAND_SKIP_MONITOR = 1u << 17,
    /* categories that do not follow from flags and group; not flags for clients */
    ORR_COMMAND_DANGEROUS = 1u << 24,
    ORR_COMMAND_ON_KEYSPACE = 1u << 25,
    ORR_COMMAND_ON_CONNECTION = 1u << 26,
    ORR_COMMAND_LIKE_ADMIN = 1u << 29,
    /* for sessions; not flags for clients */
    ORR_COMMAND_AT_ONCE = 1u << 27,          /* never queued by MULTI */
    ORR_COMMAND_WHILE_SUBSCRIBED = 1u << 28, /* allowed to subscribers in RESP2 */
    ORR_COMMAND_ALONE =
        1u << 30, /* refused by MULTI, though Redis does not say so: what makes
                     this node another one must not change under a transaction */
} OrrCommandFlag;

typedef enum OrrCommandGroup {
    ORR_GROUP_STRING,
    ORR_GROUP_HASH,
    ORR_GROUP_BITMAP,
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
    const char *syntax;            /* of the words after the name, for HELP; NULL: none */
    const OrrCommand *subcommands; /* ended by a row without a name; NULL: none */
    const OrrCommand *parent;      /* of a subcommand; set in the copies */
    size_t id;                     /* its number; set in the copies */
    /* ORR_COMMAND_MOVABLE_KEYS: as orr_command_keys() below */
    size_t (*keys)(const OrrBytes *args, size_t arg_count, size_t *words, size_t room);
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
    uint32_t hits; /* keys looked up and found, or not, by this command */
    uint32_t misses;
    uint32_t expired;  /* keys met that had expired, and deleted */
    uint64_t extra_ns; /* that the host will spend on it after the step: DEBUG SLEEP */
    /* Stamps version and wall_ms, applies, logs, replicates. `record` has kind, slot,
     * expire_ms, key, field, value; its parts may be lent from the keyspace. */
    void (*emit)(OrrCommandContext *context, const OrrRecord *record);
    void *owner; /* the node's */
    void *client;
};

/* The row called `text`, in any case, or NULL. O(1). */
const OrrCommand *orr_command_find(OrrBytes text);
/* The subcommand of a row, or NULL. */
const OrrCommand *orr_command_find_sub(const OrrCommand *command, OrrBytes text);
/* The row that a call means, subcommands included; NULL: there is none. The row of the first
 * word stands for a call that lacks the second. */
const OrrCommand *orr_command_resolve(const OrrBytes *args, size_t arg_count);
/* "config|get" or "get". */
const OrrCommand *orr_command_find_full(OrrBytes text);
/* Rows have numbers, subcommands included: below orr_command_id_count(). Only of rows that
 * find, resolve and at returned. */
static inline size_t
orr_command_id(const OrrCommand *command)
{
    return command->id;
}
size_t orr_command_id_count(void);
const OrrCommand *orr_command_of_id(size_t id);
/* Rows in order of their names, for COMMAND: 0 to orr_command_count() - 1. */
size_t orr_command_count(void);
const OrrCommand *orr_command_at(size_t index);
const char *orr_command_group_name(OrrCommandGroup group);
/* "write readonly ..." as Redis names flags: calls `name` for each. */
void orr_command_flag_names(const OrrCommand *command,
                            void (*name)(const char *flag, void *context), void *context);

/* Hints for routers, as Redis words them; ended by NULL unless all ORR_COMMAND_HINTS_MAX are
 * there. */
#define ORR_COMMAND_HINTS_MAX 3u
const char *const *orr_command_hints(const OrrCommand *command);

/* True if so many words are right for this command. */
bool orr_command_arity_fits(const OrrCommand *command, size_t arg_count);

/* Word indices of the keys of this call, written to `words`, at most `room`; returns how many
 * there are. */
size_t orr_command_keys(const OrrCommand *command, const OrrBytes *args, size_t arg_count,
                        size_t *words, size_t room);

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

/* "ERR unknown command 'x', with args beginning with: ..." (or subcommand; or that it is known
 * and not supported here) and "ERR wrong number of arguments for 'x' command", as Redis 7.0
 * words them. */
void orr_command_reply_unknown(OrrReply *reply, const OrrBytes *args, size_t arg_count);
void orr_command_reply_arity(OrrReply *reply, const OrrCommand *command);

/* "ERR unknown subcommand or wrong number of arguments for 'x'. Try Y HELP.": for subcommands
 * whose rows do not say all about their words. */
void orr_command_reply_subcommand_syntax(OrrCommandContext *context);

/* HELP, of any row with subcommands. */
void orr_command_run_help(OrrCommandContext *context);
#define ORR_COMMAND_HELP_ROW(parent_, flags_)                                                  \
    {                                                                                          \
        .name = parent_ "|help", .arity = 2, .flags = (flags_), .group = ORR_GROUP_CONNECTION, \
        .summary = "Prints this help.", .since = "5.0.0", .run = orr_command_run_help          \
    }

/* True if Redis has a command of this name that this node does not: lists, scripts, ... *what
 * says what it is for. */
bool orr_command_is_absent(OrrBytes name, const char **what);

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
extern const OrrCommand orr_commands_dump[];
extern const OrrCommand orr_commands_migrate[];
extern const OrrCommand orr_commands_table[];
extern const OrrCommand orr_commands_client[];
extern const OrrCommand orr_commands_object[];
extern const OrrCommand orr_commands_config[];
extern const OrrCommand orr_commands_function[];
extern const OrrCommand orr_commands_info[];
extern const OrrCommand orr_commands_transaction[];
extern const OrrCommand orr_commands_pubsub[];
extern const OrrCommand orr_commands_lcs[];
extern const OrrCommand orr_commands_observe[];
extern const OrrCommand orr_commands_memory[];
extern const OrrCommand orr_commands_process[];
extern const OrrCommand orr_commands_cluster[];
extern const OrrCommand orr_commands_server[];

#endif
