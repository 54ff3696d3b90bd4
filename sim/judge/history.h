/* history.h - what the clients saw: every operation, when, and what became of it.
 *
 * A key is written by one client only, one write after the other, and the value it writes is
 * the key's own counter: 1, 2, 3, ... So the final content of a key says exactly which of its
 * acknowledged writes are gone: those with a greater number. A deletion counts as a write.
 *
 *     acknowledged:  set 1   set 2   del 3   set 4   set 5
 *     finally there:                         4             -> write 5 is lost
 *     finally nil:                                         -> writes 4 and 5 are lost
 *     finally there: 2                                     -> writes 3, 4 and 5 are lost
 *
 * A write whose client gave up may be done later all the same, and then overwrite a newer one;
 * what is not there because of such a write is called ambiguous, not lost.
 *
 * The system's own account of what it dropped, the loss ledger, is kept beside it, and judged
 * by it: a lost write that the ledger does not list was lost in silence.
 *
 * Memory: 48 bytes an operation. Threads: one at a time.
 */
#ifndef SIM_HISTORY_H
#define SIM_HISTORY_H

#include "sentence.h"

typedef enum SimOutcome {
    SIM_OUTCOME_PENDING,
    SIM_OUTCOME_OK,
    SIM_OUTCOME_REFUSED, /* an error reply: certainly not done */
    SIM_OUTCOME_UNKNOWN, /* no reply: done, or not, or later */
} SimOutcome;

#define SIM_NODE_NONE UINT16_MAX

typedef struct SimCall {
    OrrTime invoked_ns;
    OrrTime done_ns;
    uint32_t key;
    uint32_t number; /* written, or read; 0: nil */
    uint32_t client;
    uint32_t expected; /* reads: acknowledged before it began */
    uint16_t node;     /* that answered */
    uint16_t fleet;
    uint8_t kind; /* SimOperation */
    uint8_t outcome;
    uint8_t attempts; /* sendings, redirections included */
    bool may_linger;  /* writes: a sending may still be under way and be done later */
} SimCall;

/* One line of the loss ledger of some node. */
typedef struct SimLedgerLine {
    char *key; /* as the ledger writes it: escaped */
    OrrTime reported_ns;
    int64_t wall_ms; /* when it was written, by the writer's clock */
    uint64_t version;
    uint16_t node; /* that dropped it */
} SimLedgerLine;

/* What a key finally holds. */
typedef struct SimFinal {
    bool known; /* false: nobody serves its slot at the end */
    bool present;
    bool corrupt;    /* a value that nobody wrote */
    uint32_t number; /* when present */
} SimFinal;

typedef struct SimLoss {
    size_t op; /* the acknowledged write that is gone: its place in the history */
    bool in_ledger;
} SimLoss;

typedef struct SimHistory SimHistory;

SimHistory *sim_history_new(void);
void sim_history_free(SimHistory *history);

/* Adds a key, or one field of a hash, owned by `client`; numbers count from 0. `slot` as the
 * cluster hashes it. An empty field: a string. */
uint32_t sim_history_add_key(SimHistory *history, OrrBytes key, OrrBytes field, uint32_t client,
                             uint16_t slot);
uint32_t sim_history_key_count(const SimHistory *history);
/* Lent, ended by a NUL. */
const char *sim_history_key_text(const SimHistory *history, uint32_t key, size_t *size);
const char *sim_history_key_field(const SimHistory *history, uint32_t key, size_t *size);
uint16_t sim_history_key_slot(const SimHistory *history, uint32_t key);
uint32_t sim_history_key_client(const SimHistory *history, uint32_t key);
/* The number that the next write of this key will carry; each call counts one on. */
uint32_t sim_history_next_number(SimHistory *history, uint32_t key);
/* The number of the last acknowledged write of a key, 0 for none; a deletion counts. */
uint32_t sim_history_acknowledged(const SimHistory *history, uint32_t key);

/* The last write of a key said that it ends then (virtual time); 0: never; ORR_NEVER: some
 * write whose fate is unknown may have changed it. */
void sim_history_set_expiry(SimHistory *history, uint32_t key, OrrTime expires_ns);
OrrTime sim_history_expiry(const SimHistory *history, uint32_t key);
/* True when a removal of the key was asked for that may have happened. */
bool sim_history_removed(const SimHistory *history, uint32_t key);

/* True when the last acknowledged write of the key is a deletion. */
bool sim_history_deleted(const SimHistory *history, uint32_t key);

/* An operation begins; its place in the history is returned. `number` is 0 for reads. */
size_t sim_history_invoke(SimHistory *history, OrrTime now, uint16_t fleet, uint32_t client,
                          SimOperation kind, uint32_t key, uint32_t number);
/* It ends. `number` is what a read found, 0 for nil; ignored for writes. */
typedef struct SimCompletion {
    SimOutcome outcome;
    uint32_t number;
    uint16_t node;
    uint8_t attempts;
    bool may_linger;
} SimCompletion;
void sim_history_complete(SimHistory *history, size_t op, OrrTime now,
                          const SimCompletion *completion);
size_t sim_history_count(const SimHistory *history);
const SimCall *sim_history_at(const SimHistory *history, size_t op);
bool sim_operation_is_write(SimOperation kind);
const char *sim_operation_name(SimOperation kind);
const char *sim_outcome_name(SimOutcome outcome);

/* A node lists a write that it dropped. */
void sim_history_ledger_add(SimHistory *history, const char *key, uint64_t version,
                            int64_t wall_ms, uint16_t node, OrrTime now);
size_t sim_history_ledger_count(const SimHistory *history);
const SimLedgerLine *sim_history_ledger_at(const SimHistory *history, size_t index);
/* How many lines name this key. */
uint32_t sim_history_ledger_of(const SimHistory *history, uint32_t key);

typedef SimFinal (*SimFinalFunc)(uint32_t key, void *context);
typedef void (*SimLossFunc)(const SimLoss *loss, void *context);

typedef struct SimLosses {
    uint64_t acknowledged; /* writes */
    uint64_t lost;
    uint64_t lost_in_ledger;
    uint64_t keys_lost;    /* keys with a loss */
    uint64_t keys_corrupt; /* a value that nobody wrote */
    uint64_t keys_unknown; /* nobody serves them at the end: not judged */
    uint64_t
        ambiguous; /* not there, and perhaps overwritten by a late sending of an older one */
    uint64_t returned; /* deleted, acknowledged, and there again */
} SimLosses;

/* Compares the history with what is finally there, key by key in order; `on_loss` hears of each
 * lost write, in order of key and number. */
SimLosses sim_history_judge(const SimHistory *history, OrrTime now, SimFinalFunc final_of,
                            void *context, SimLossFunc on_loss, void *loss_context);

#endif
