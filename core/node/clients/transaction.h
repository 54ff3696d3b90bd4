/* transaction.h - MULTI, EXEC, WATCH: commands that wait for each other and then run as one.
 *
 *     MULTI   SET a 1   INCR b   EXEC ----> [OK, 1]   one unit of the log and of replication
 *       |__ queued: words copied, slots and sizes judged __|
 *
 * Nothing else runs between the commands of a transaction, since a node runs one thing at a
 * time. What they write becomes one group (orr_node_group_begin()), so a replica or a recovery
 * has all of it or nothing; a command that would make the group too large is refused alone, as
 * any other error within EXEC. A watched key was touched if a record named it, or if it has
 * another version at EXEC: it may have expired, or gone with its slot. Private to a node.
 */
#ifndef ORR_NODE_TRANSACTION_H
#define ORR_NODE_TRANSACTION_H

#include "node/clients/client.h"

#define ORR_TRANSACTION_SIZE_MAX (16u << 20) /* bytes of queued words */
#define ORR_WATCHED_KEYS_MAX 4096u           /* of one client */

typedef struct OrrQueued {
    const OrrCommand *command;
    size_t arg_count;
    OrrBytes args[]; /* their bytes follow */
} OrrQueued;

struct OrrTransaction {
    bool open;          /* MULTI was said */
    bool spoilt;        /* a command was refused: EXEC will be, too */
    bool touched;       /* a watched key was written */
    bool running;       /* EXEC is under way: nothing may wait */
    uint32_t flags;     /* of all its commands */
    size_t size;        /* bytes of words */
    GPtrArray *queue;   /* of OrrQueued */
    GPtrArray *watched; /* of OrrWatched */
};

/* What CLIENT LIST shows, also of clients without a transaction. */
bool orr_transaction_is_open(const OrrClient *client);
bool orr_transaction_is_spoilt(const OrrClient *client);
bool orr_transaction_is_running(const OrrClient *client);
int orr_transaction_count(const OrrClient *client); /* -1: no MULTI */
size_t orr_transaction_size(const OrrClient *client);

void orr_transaction_free(OrrTransaction *transaction);
/* A command was refused between MULTI and EXEC. */
void orr_transaction_spoil(OrrClient *client);
/* DISCARD: nothing is queued or watched any more. */
void orr_transaction_end(OrrNode *node, OrrClient *client);
/* Something was written: whoever watches the key is marked. Cheap where nobody watches. */
void orr_transaction_note_write(OrrNode *node, const OrrRecord *record);
/* True if the command is to be queued; then it is, and the client is told. */
bool orr_transaction_takes(OrrClient *client, const OrrCommandContext *context);

/* The slot of all commands that are queued: as orr_command_slot(). */
OrrCommandSlot orr_transaction_slot(const OrrClient *client, OrrHashSlotBy hash_slot_by,
                                    uint16_t *slot);
/* The flags by which a command is judged: those of all queued ones, for EXEC. */
uint32_t orr_transaction_all_flags(const OrrClient *client, const OrrCommand *command);
static inline uint32_t
orr_transaction_flags(const OrrClient *client, const OrrCommand *command)
{
    return client->transaction == NULL ? command->flags
                                       : orr_transaction_all_flags(client, command);
}
bool orr_transaction_is_exec(const OrrCommand *command);

#endif
