#include "node/clients/transaction.h"

#include "node/commands/command_util.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

typedef struct OrrWatched {
    uint16_t slot;
    OrrVersion version; /* of the key then; 0: it was not there */
    uint64_t hash;      /* of the key */
    size_t size;
    uint8_t key[];
} OrrWatched;

static OrrTransaction *
transaction_of(OrrClient *client)
{
    if (client->transaction == NULL) {
        client->transaction = g_new0(OrrTransaction, 1);
        client->transaction->queue = g_ptr_array_new_with_free_func(g_free);
        client->transaction->watched = g_ptr_array_new_with_free_func(g_free);
    }
    return client->transaction;
}

void
orr_transaction_free(OrrTransaction *transaction)
{
    if (transaction != NULL) {
        g_ptr_array_unref(transaction->queue);
        g_ptr_array_unref(transaction->watched);
        g_free(transaction);
    }
}

bool
orr_transaction_is_open(const OrrClient *client)
{
    return client->transaction != NULL && client->transaction->open;
}

bool
orr_transaction_is_spoilt(const OrrClient *client)
{
    return client->transaction != NULL && client->transaction->spoilt;
}

bool
orr_transaction_is_running(const OrrClient *client)
{
    return client->transaction != NULL && client->transaction->running;
}

int
orr_transaction_count(const OrrClient *client)
{
    return orr_transaction_is_open(client) ? (int)client->transaction->queue->len : -1;
}

size_t
orr_transaction_size(const OrrClient *client)
{
    return client->transaction == NULL ? 0 : client->transaction->size;
}

void
orr_transaction_spoil(OrrClient *client)
{
    if (orr_transaction_is_open(client)) {
        client->transaction->spoilt = true;
    }
}

void
orr_transaction_end(OrrNode *node, OrrClient *client)
{
    if (client->transaction != NULL) {
        (void)g_ptr_array_remove_fast(node->watchers, client);
        orr_transaction_free(client->transaction);
        client->transaction = NULL;
    }
}

bool
orr_transaction_is_exec(const OrrCommand *command)
{
    return strcmp(command->name, "exec") == 0;
}

uint32_t
orr_transaction_all_flags(const OrrClient *client, const OrrCommand *command)
{
    if (orr_transaction_is_open(client) && orr_transaction_is_exec(command)) {
        return client->transaction->flags;
    }
    return command->flags;
}

/* Queueing */

static OrrQueued *
copy_words(const OrrCommandContext *context, size_t size)
{
    size_t head = sizeof(OrrQueued) + context->arg_count * sizeof(OrrBytes);
    OrrQueued *queued = g_malloc(head + size);
    uint8_t *room = (uint8_t *)queued + head;

    queued->command = context->command;
    queued->arg_count = context->arg_count;
    for (size_t i = 0; i < context->arg_count; i++) {
        if (context->args[i].size > 0) {
            memcpy(room, context->args[i].data, context->args[i].size);
        }
        queued->args[i] = orr_bytes(room, context->args[i].size);
        room += context->args[i].size;
    }
    return queued;
}

bool
orr_transaction_takes(OrrClient *client, const OrrCommandContext *context)
{
    OrrTransaction *transaction = client->transaction;
    size_t size = 0;

    if (!orr_transaction_is_open(client) || transaction->running ||
        (context->command->flags & ORR_COMMAND_AT_ONCE) != 0) {
        return false;
    }
    for (size_t i = 0; i < context->arg_count; i++) {
        size += context->args[i].size + sizeof(OrrBytes);
    }
    if (transaction->size + size > ORR_TRANSACTION_SIZE_MAX) {
        transaction->spoilt = true;
        orr_reply_error(context->reply, "ERR this transaction is too large");
        return true;
    }
    transaction->size += size;
    transaction->flags |= context->command->flags;
    g_ptr_array_add(transaction->queue, copy_words(context, size));
    orr_reply_simple(context->reply, "QUEUED");
    return true;
}

OrrCommandSlot
orr_transaction_slot(const OrrClient *client, OrrHashSlotBy hash_slot_by, uint16_t *slot)
{
    OrrCommandSlot result = ORR_SLOT_NONE;

    for (guint i = 0; orr_transaction_is_open(client) && i < client->transaction->queue->len;
         i++) {
        const OrrQueued *queued = g_ptr_array_index(client->transaction->queue, i);
        uint16_t its = 0;
        OrrCommandSlot kind = orr_command_slot(queued->command, queued->args, queued->arg_count,
                                               hash_slot_by, &its);

        if (kind == ORR_SLOT_CROSS || kind == ORR_SLOT_SPREAD) {
            return kind;
        }
        if (kind == ORR_SLOT_ONE && result == ORR_SLOT_ONE && its != *slot) {
            return ORR_SLOT_CROSS;
        }
        if (kind == ORR_SLOT_ONE) {
            *slot = its;
            result = ORR_SLOT_ONE;
        }
    }
    return result;
}

/* Watching */

static OrrVersion
version_now(OrrCommandContext *context, uint16_t slot, OrrBytes key)
{
    OrrValue value;

    return orr_keyspace_get(context->keyspace, slot, key, context->wall_ms, &value) == ORR_OK
               ? value.version
               : 0;
}

static bool
watches(const OrrTransaction *transaction, OrrBytes key, uint64_t hash)
{
    for (guint i = 0; i < transaction->watched->len; i++) {
        const OrrWatched *watched = g_ptr_array_index(transaction->watched, i);

        if (watched->hash == hash &&
            orr_bytes_equal(orr_bytes(watched->key, watched->size), key)) {
            return true;
        }
    }
    return false;
}

static void
watch(OrrCommandContext *context, OrrTransaction *transaction, OrrBytes key)
{
    OrrWatched *watched = g_malloc(sizeof *watched + key.size);

    watched->slot = orr_key_slot(context, key);
    watched->version = version_now(context, watched->slot, key);
    watched->size = key.size;
    watched->hash = XXH3_64bits(key.data, key.size);
    memcpy(watched->key, key.data, key.size);
    g_ptr_array_add(transaction->watched, watched);
}

static void
run_watch(OrrCommandContext *context)
{
    OrrTransaction *transaction = transaction_of(orr_command_client(context));

    if (transaction->open) {
        orr_reply_error(context->reply, "ERR WATCH inside MULTI is not allowed");
        return;
    }
    if (transaction->watched->len == 0) {
        g_ptr_array_add(orr_command_node(context)->watchers, orr_command_client(context));
    }
    for (size_t i = 1; i < context->arg_count; i++) {
        if (watches(transaction, context->args[i],
                    XXH3_64bits(context->args[i].data, context->args[i].size))) {
            continue;
        }
        if (transaction->watched->len == ORR_WATCHED_KEYS_MAX) {
            orr_reply_error(context->reply, "ERR too many watched keys");
            return;
        }
        watch(context, transaction, context->args[i]);
    }
    orr_reply_ok(context->reply);
}

void
orr_transaction_note_write(OrrNode *node, const OrrRecord *record)
{
    uint64_t hash;

    if (node->watchers->len == 0 || record->kind == ORR_RECORD_FLUSH) {
        return; /* what a FLUSH took is missed by its version */
    }
    hash = XXH3_64bits(record->key.data, record->key.size);
    for (guint i = 0; i < node->watchers->len; i++) {
        OrrClient *client = g_ptr_array_index(node->watchers, i);

        client->transaction->touched |= watches(client->transaction, record->key, hash);
    }
}

static void
run_unwatch(OrrCommandContext *context)
{
    OrrClient *client = orr_command_client(context);

    if (client->transaction != NULL) {
        (void)g_ptr_array_remove_fast(orr_command_node(context)->watchers, client);
        g_ptr_array_set_size(client->transaction->watched, 0);
        client->transaction->touched = false;
    }
    orr_reply_ok(context->reply);
}

static bool
was_touched(OrrCommandContext *context, const OrrTransaction *transaction)
{
    for (guint i = 0; i < transaction->watched->len; i++) {
        const OrrWatched *watched = g_ptr_array_index(transaction->watched, i);

        if (transaction->touched) {
            return true;
        }
        if (version_now(context, watched->slot, orr_bytes(watched->key, watched->size)) !=
            watched->version) {
            return true;
        }
    }
    return false;
}

/* MULTI, EXEC, DISCARD */

static void
run_multi(OrrCommandContext *context)
{
    OrrTransaction *transaction = transaction_of(orr_command_client(context));

    if (transaction->open) {
        orr_reply_error(context->reply, "ERR MULTI calls can not be nested");
        return;
    }
    transaction->open = true;
    orr_reply_ok(context->reply);
}

static void
run_discard(OrrCommandContext *context)
{
    OrrClient *client = orr_command_client(context);

    if (!orr_transaction_is_open(client)) {
        orr_reply_error(context->reply, "ERR DISCARD without MULTI");
        return;
    }
    orr_transaction_end(orr_command_node(context), client);
    orr_reply_ok(context->reply);
}

#define RECORD_OVERHEAD 64u /* bytes of a record, without key, field and value; and some */

/* More than this command will write: words, and what its keys hold now. */
static size_t
bound_of(OrrCommandContext *context)
{
    size_t words[64];
    size_t count = orr_command_keys(context->command, context->args, context->arg_count, words,
                                    G_N_ELEMENTS(words));
    size_t bound = 0;

    for (size_t i = 0; i < context->arg_count; i++) {
        bound += context->args[i].size + RECORD_OVERHEAD;
    }
    bound += context->arg_count * context->args[MIN(context->arg_count - 1, 1)].size;
    for (size_t i = 0; i < MIN(count, G_N_ELEMENTS(words)); i++) {
        OrrBytes key = context->args[words[i]];
        uint16_t slot = orr_key_slot(context, key);
        OrrValue value;

        bound += orr_keyspace_key_memory(context->keyspace, slot, key);
        if (orr_keyspace_get(context->keyspace, slot, key, ORR_ANY_TIME, &value) == ORR_OK) {
            bound += value.field_count * (RECORD_OVERHEAD + key.size);
        }
    }
    return bound;
}

static bool
fits_group(OrrNode *node, OrrCommandContext *context)
{
    if ((context->command->flags & ORR_COMMAND_WRITE) == 0 ||
        orr_node_group_room(node) >= ORR_GROUP_SIZE_MAX / 2 ||
        bound_of(context) <= orr_node_group_room(node)) {
        return true;
    }
    orr_reply_error(context->reply, "ERR this transaction has written all that can be kept "
                                    "together; the command was not run");
    return false;
}

static void
run_queue(OrrNode *node, OrrClient *client, OrrTransaction *transaction)
{
    orr_reply_array(node->reply, transaction->queue->len);
    orr_node_group_begin(node);
    for (guint i = 0; i < transaction->queue->len; i++) {
        const OrrQueued *queued = g_ptr_array_index(transaction->queue, i);
        OrrCommandContext inner =
            orr_client_context(node, client, queued->command, queued->args, queued->arg_count);

        if (fits_group(node, &inner)) {
            orr_client_call(node, &inner);
        }
    }
    orr_node_group_end(node, node->out);
}

static void
run_exec(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);
    OrrClient *client = orr_command_client(context);
    OrrTransaction *transaction = client->transaction;

    if (!orr_transaction_is_open(client)) {
        orr_reply_error(context->reply, "ERR EXEC without MULTI");
        return;
    }
    if (transaction->spoilt) {
        orr_reply_error(context->reply,
                        "EXECABORT Transaction discarded because of previous errors.");
    } else if (was_touched(context, transaction)) {
        orr_reply_null_array(context->reply);
    } else {
        uint64_t before = orr_replication_offset(node->replication);

        transaction->running = true;
        run_queue(node, client, transaction);
        node->statistics.transactions++;
        context->writes += orr_replication_offset(node->replication) != before;
    }
    orr_transaction_end(node, client);
}

#define AT_ONCE                                                                                \
    (ORR_COMMAND_NOSCRIPT | ORR_COMMAND_LOADING | ORR_COMMAND_STALE | ORR_COMMAND_AT_ONCE)
#define QUICK (AT_ONCE | ORR_COMMAND_FAST | ORR_COMMAND_ALLOW_BUSY)
#define ROW(name_, arity_, flags_, since_, run_, summary_)                                     \
    {                                                                                          \
        .name = name_, .arity = arity_, .flags = flags_, .group = ORR_GROUP_TRANSACTIONS,      \
        .summary = summary_, .since = since_, .run = run_                                      \
    }

const OrrCommand orr_commands_transaction[] = {
    ROW("discard", 1, QUICK, "2.0.0", run_discard, "Forgets what was queued."),
    ROW("exec", 1, AT_ONCE | ORR_COMMAND_SKIP_SLOWLOG, "1.2.0", run_exec,
        "Runs what was queued, all at once."),
    ROW("multi", 1, QUICK, "1.2.0", run_multi, "Queues commands from now on."),
    ROW("unwatch", 1, QUICK & ~(uint32_t)ORR_COMMAND_AT_ONCE, "2.2.0", run_unwatch,
        "Forgets what is watched."),
    {.name = "watch",
     .arity = -2,
     .flags = QUICK,
     .first_key = 1,
     .last_key = -1,
     .key_step = 1,
     .group = ORR_GROUP_TRANSACTIONS,
     .summary = "Lets EXEC run only if these keys stay as they are.",
     .since = "2.2.0",
     .run = run_watch},
    ORR_COMMANDS_END,
};
