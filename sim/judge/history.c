#include "history.h"

#include <glib.h>

typedef struct Key {
    char *text;
    char *field; /* or NULL */
    OrrTime expires_ns;
    uint32_t size;
    uint32_t field_size;
    uint32_t client;
    uint32_t first; /* the first key of this text: it counts the ledger's lines for them all */
    uint32_t next_number;
    uint32_t acknowledged;
    uint32_t ledger_lines;
    uint16_t slot;
    bool removed; /* the last write begun is a removal */
    bool deleted; /* the last acknowledged write is a deletion */
} Key;

struct SimHistory {
    GArray *keys;       /* of Key */
    GArray *ops;        /* of SimCall */
    GArray *ledger;     /* of SimLedgerLine */
    GHashTable *by_key; /* escaped text -> number + 1; only ever looked up, never walked */
};

static void
clear_key(gpointer data)
{
    g_free(((Key *)data)->text);
    g_free(((Key *)data)->field);
}

static void
clear_line(gpointer data)
{
    g_free(((SimLedgerLine *)data)->key);
}

SimHistory *
sim_history_new(void)
{
    SimHistory *history = g_new0(SimHistory, 1);

    history->keys = g_array_new(FALSE, TRUE, sizeof(Key));
    g_array_set_clear_func(history->keys, clear_key);
    history->ops = g_array_new(FALSE, TRUE, sizeof(SimCall));
    history->ledger = g_array_new(FALSE, TRUE, sizeof(SimLedgerLine));
    g_array_set_clear_func(history->ledger, clear_line);
    history->by_key = g_hash_table_new(g_str_hash, g_str_equal);
    return history;
}

void
sim_history_free(SimHistory *history)
{
    if (history == NULL) {
        return;
    }
    g_hash_table_unref(history->by_key);
    g_array_unref(history->keys);
    g_array_unref(history->ops);
    g_array_unref(history->ledger);
    g_free(history);
}

static Key *
key_at(const SimHistory *history, uint32_t key)
{
    g_assert(key < history->keys->len);
    return &g_array_index(history->keys, Key, key);
}

uint32_t
sim_history_add_key(SimHistory *history, OrrBytes key, OrrBytes field, uint32_t client,
                    uint16_t slot)
{
    uint32_t number = history->keys->len;
    Key entry = {
        .text = g_strndup((const char *)key.data, key.size),
        .field = field.size != 0 ? g_strndup((const char *)field.data, field.size) : NULL,
        .size = (uint32_t)key.size,
        .field_size = (uint32_t)field.size,
        .first = number,
        .next_number = 1,
        .client = client,
        .slot = slot,
    };
    uint32_t known = GPOINTER_TO_UINT(g_hash_table_lookup(history->by_key, entry.text));

    if (known != 0) {
        entry.first = known - 1;
    } else {
        g_hash_table_insert(history->by_key, entry.text, GUINT_TO_POINTER(number + 1));
    }
    g_array_append_val(history->keys, entry);
    return number;
}

uint32_t
sim_history_key_count(const SimHistory *history)
{
    return history->keys->len;
}

const char *
sim_history_key_text(const SimHistory *history, uint32_t key, size_t *size)
{
    if (size != NULL) {
        *size = key_at(history, key)->size;
    }
    return key_at(history, key)->text;
}

const char *
sim_history_key_field(const SimHistory *history, uint32_t key, size_t *size)
{
    if (size != NULL) {
        *size = key_at(history, key)->field_size;
    }
    return key_at(history, key)->field;
}

uint16_t
sim_history_key_slot(const SimHistory *history, uint32_t key)
{
    return key_at(history, key)->slot;
}

uint32_t
sim_history_key_client(const SimHistory *history, uint32_t key)
{
    return key_at(history, key)->client;
}

uint32_t
sim_history_next_number(SimHistory *history, uint32_t key)
{
    return key_at(history, key)->next_number++;
}

uint32_t
sim_history_acknowledged(const SimHistory *history, uint32_t key)
{
    return key_at(history, key)->acknowledged;
}

void
sim_history_set_expiry(SimHistory *history, uint32_t key, OrrTime expires_ns)
{
    key_at(history, key)->expires_ns = expires_ns;
}

OrrTime
sim_history_expiry(const SimHistory *history, uint32_t key)
{
    return key_at(history, key)->expires_ns;
}

bool
sim_history_removed(const SimHistory *history, uint32_t key)
{
    return key_at(history, key)->removed;
}

bool
sim_history_deleted(const SimHistory *history, uint32_t key)
{
    return key_at(history, key)->deleted;
}

static bool
removes(SimOperation kind)
{
    return kind == SIM_DO_DEL || kind == SIM_DO_HDEL || kind == SIM_DO_EXPIRE;
}

size_t
sim_history_invoke(SimHistory *history, OrrTime now, uint16_t fleet, uint32_t client,
                   SimOperation kind, uint32_t key, uint32_t number)
{
    SimCall op = {
        .invoked_ns = now,
        .done_ns = ORR_NEVER,
        .key = key,
        .number = number,
        .client = client,
        .node = SIM_NODE_NONE,
        .kind = (uint8_t)kind,
        .outcome = SIM_OUTCOME_PENDING,
        .fleet = fleet,
        .expected = key_at(history, key)->acknowledged,
    };

    if (sim_operation_is_write(kind)) {
        key_at(history, key)->removed = removes(kind);
    }

    g_array_append_val(history->ops, op);
    return history->ops->len - 1;
}

void
sim_history_complete(SimHistory *history, size_t op, OrrTime now,
                     const SimCompletion *completion)
{
    g_assert(op < history->ops->len);
    SimCall *call = &g_array_index(history->ops, SimCall, op);
    Key *key = key_at(history, call->key);

    call->done_ns = now;
    call->outcome = (uint8_t)completion->outcome;
    call->node = completion->node;
    call->attempts = completion->attempts;
    call->may_linger = completion->may_linger;
    if (!sim_operation_is_write((SimOperation)call->kind)) {
        call->number = completion->number;
    } else if (completion->outcome == SIM_OUTCOME_OK && call->kind != SIM_DO_EXPIRE &&
               call->number > key->acknowledged) { /* an expiry leaves the value as it is */
        key->acknowledged = call->number;
        key->deleted = removes((SimOperation)call->kind);
    }
}

size_t
sim_history_count(const SimHistory *history)
{
    return history->ops->len;
}

const SimCall *
sim_history_at(const SimHistory *history, size_t op)
{
    g_assert(op < history->ops->len);
    return &g_array_index(history->ops, SimCall, op);
}

bool
sim_operation_is_write(SimOperation kind)
{
    return kind != SIM_DO_GET && kind != SIM_DO_HGET && kind != SIM_DO_HGETALL;
}

const char *
sim_operation_name(SimOperation kind)
{
    static const char *const names[SIM_OPERATIONS] = {
        [SIM_DO_ANY] = "any",   [SIM_DO_SET] = "set",         [SIM_DO_GET] = "get",
        [SIM_DO_DEL] = "del",   [SIM_DO_HSET] = "hset",       [SIM_DO_HGET] = "hget",
        [SIM_DO_HDEL] = "hdel", [SIM_DO_HGETALL] = "hgetall", [SIM_DO_EXPIRE] = "expire",
        [SIM_DO_CAS] = "cas",
    };

    return (unsigned)kind < SIM_OPERATIONS ? names[kind] : "unknown";
}

const char *
sim_outcome_name(SimOutcome outcome)
{
    static const char *const names[] = {"pending", "ok", "refused", "unknown"};

    return (unsigned)outcome < G_N_ELEMENTS(names) ? names[outcome] : "unknown";
}

void
sim_history_ledger_add(SimHistory *history, const char *key, uint64_t version, int64_t wall_ms,
                       uint16_t node, OrrTime now)
{
    SimLedgerLine line = {g_strdup(key), now, wall_ms, version, node};
    uint32_t known = GPOINTER_TO_UINT(g_hash_table_lookup(history->by_key, key));

    g_array_append_val(history->ledger, line);
    if (known != 0) {
        key_at(history, known - 1)->ledger_lines++;
    }
}

size_t
sim_history_ledger_count(const SimHistory *history)
{
    return history->ledger->len;
}

const SimLedgerLine *
sim_history_ledger_at(const SimHistory *history, size_t index)
{
    g_assert(index < history->ledger->len);
    return &g_array_index(history->ledger, SimLedgerLine, index);
}

uint32_t
sim_history_ledger_of(const SimHistory *history, uint32_t key)
{
    return key_at(history, key_at(history, key)->first)->ledger_lines;
}

/* The writes of each key, in order of number: places in the history, chained newest first. */
typedef struct Chains {
    uint32_t *last;   /* by key: place + 1 of its newest write, 0 for none */
    uint32_t *before; /* by place: place + 1 of the same key's write before it */
} Chains;

static Chains
chain_writes(const SimHistory *history)
{
    Chains chains = {g_new0(uint32_t, history->keys->len), g_new0(uint32_t, history->ops->len)};

    for (uint32_t i = 0; i < history->ops->len; i++) {
        const SimCall *op = sim_history_at(history, i);

        if (sim_operation_is_write((SimOperation)op->kind)) {
            chains.before[i] = chains.last[op->key];
            chains.last[op->key] = i + 1;
        }
    }
    return chains;
}

/* True when the write of this number may have been done after newer ones. */
static bool
may_be_late(const SimHistory *history, const Chains *chains, uint32_t key, uint32_t number)
{
    for (uint32_t at = chains->last[key]; at != 0; at = chains->before[at - 1]) {
        const SimCall *op = sim_history_at(history, at - 1);

        if (op->number == number) {
            return op->outcome != SIM_OUTCOME_OK || op->may_linger;
        }
    }
    return false;
}

/* The greatest number that explains what is finally there: a present value explains itself, nil
 * is explained by the last removal that may have happened. */
static uint32_t
explained_number(const SimHistory *history, const Chains *chains, uint32_t key, SimFinal final)
{
    if (final.present) {
        return final.number;
    }
    for (uint32_t at = chains->last[key]; at != 0; at = chains->before[at - 1]) {
        const SimCall *op = sim_history_at(history, at - 1);

        if (removes((SimOperation)op->kind) && op->outcome != SIM_OUTCOME_REFUSED) {
            return op->number;
        }
    }
    return 0;
}

typedef struct Judge {
    const SimHistory *history;
    OrrTime now_ns;
    Chains chains;
    SimLossFunc on_loss;
    void *loss_context;
    SimLosses verdict;
    GArray *lost; /* of uint32_t: places, newest first, of one key */
} Judge;

static void
report_lost(Judge *judge, uint32_t key)
{
    uint32_t in_ledger = MIN(sim_history_ledger_of(judge->history, key), judge->lost->len);

    /* the ledger names keys: of the lost writes of one key the newest are the ones it meant */
    for (uint32_t i = judge->lost->len; i-- > 0;) {
        SimLoss loss = {g_array_index(judge->lost, uint32_t, i), i < in_ledger};

        if (judge->on_loss != NULL) {
            judge->on_loss(&loss, judge->loss_context);
        }
    }
    judge->verdict.lost += judge->lost->len;
    judge->verdict.lost_in_ledger += in_ledger;
    judge->verdict.keys_lost += judge->lost->len != 0;
}

/* A deletion of what an acknowledged deletion had removed already did nothing: there is nothing
 * of it to lose, and nothing for a ledger to list. */
static bool
did_nothing(const Judge *judge, uint32_t at)
{
    const SimCall *op = sim_history_at(judge->history, at - 1);

    if (!removes((SimOperation)op->kind)) {
        return false;
    }
    for (at = judge->chains.before[at - 1]; at != 0; at = judge->chains.before[at - 1]) {
        const SimCall *before = sim_history_at(judge->history, at - 1);

        if (before->outcome != SIM_OUTCOME_REFUSED && before->kind != SIM_DO_EXPIRE) {
            return before->outcome == SIM_OUTCOME_OK && removes((SimOperation)before->kind);
        }
    }
    return false;
}

/* Whether a key that ends just now is still there is a matter of clocks, for `TTLs off by`. */
#define EXPIRY_SLACK ORR_NS_PER_S

static void
judge_key(Judge *judge, uint32_t key, SimFinal final)
{
    if (!final.known) {
        judge->verdict.keys_unknown++;
        return;
    }
    if (final.corrupt ||
        (final.present && final.number >= key_at(judge->history, key)->next_number)) {
        judge->verdict.keys_corrupt++;
        return;
    }
    OrrTime expires_ns = key_at(judge->history, key)->expires_ns;

    if (!final.present && (expires_ns == ORR_NEVER ||
                           (expires_ns != 0 && expires_ns <= judge->now_ns + EXPIRY_SLACK))) {
        return;
    }
    uint32_t explained = explained_number(judge->history, &judge->chains, key, final);
    bool returned = false;

    g_array_set_size(judge->lost, 0);
    for (uint32_t at = judge->chains.last[key]; at != 0; at = judge->chains.before[at - 1]) {
        const SimCall *op = sim_history_at(judge->history, at - 1);
        uint32_t place = at - 1;

        if (op->number <= explained) {
            break;
        }
        if (op->outcome == SIM_OUTCOME_OK && op->kind != SIM_DO_EXPIRE &&
            !did_nothing(judge, at)) {
            g_array_append_val(judge->lost, place);
            returned |= removes((SimOperation)op->kind) && final.present;
        }
    }
    if (may_be_late(judge->history, &judge->chains, key, explained)) {
        judge->verdict.ambiguous += judge->lost->len;
        return;
    }
    judge->verdict.returned += returned;
    report_lost(judge, key);
}

SimLosses
sim_history_judge(const SimHistory *history, OrrTime now, SimFinalFunc final_of, void *context,
                  SimLossFunc on_loss, void *loss_context)
{
    Judge judge = {
        .history = history,
        .now_ns = now,
        .chains = chain_writes(history),
        .on_loss = on_loss,
        .loss_context = loss_context,
        .lost = g_array_new(FALSE, FALSE, sizeof(uint32_t)),
    };

    for (uint32_t i = 0; i < history->ops->len; i++) {
        const SimCall *op = sim_history_at(history, i);

        judge.verdict.acknowledged +=
            op->outcome == SIM_OUTCOME_OK && sim_operation_is_write((SimOperation)op->kind);
    }
    for (uint32_t key = 0; key < history->keys->len; key++) {
        judge_key(&judge, key, final_of(key, context));
    }
    g_array_unref(judge.lost);
    g_free(judge.chains.last);
    g_free(judge.chains.before);
    return judge.verdict;
}
