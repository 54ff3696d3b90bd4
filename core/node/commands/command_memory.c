/* command_memory.c - MEMORY: what takes room. */
#include "node/clients/client.h"
#include "node/clients/meter.h"
#include "node/commands/command_util.h"

static void
run_usage(OrrCommandContext *context)
{
    int64_t samples;
    size_t size;

    for (size_t i = 3; i < context->arg_count; i++) {
        if (!orr_arg_is(context->args[i], "samples") || i + 1 == context->arg_count) {
            orr_reply_error(context->reply, ORR_ERROR_SYNTAX);
            return;
        }
        if (!orr_integer_arg(context, ++i, &samples)) {
            return;
        }
        if (samples < 0) { /* the size is known without samples */
            orr_reply_error(context->reply, ORR_ERROR_SYNTAX);
            return;
        }
    }
    size = orr_keyspace_key_memory(context->keyspace, orr_key_slot(context, context->args[2]),
                                   context->args[2]);
    if (size == 0) {
        orr_reply_null(context->reply);
    } else {
        orr_reply_integer(context->reply, (int64_t)size);
    }
}

static OrrHostFacts
host_facts(const OrrNode *node)
{
    const OrrHostProbe *probe = orr_meter_probe(node->meter);
    OrrHostFacts facts = {.process_id = 0};

    if (probe->facts != NULL) {
        probe->facts(probe->user, &facts);
    }
    return facts;
}

static void
add(OrrReply *reply, const char *name, uint64_t value)
{
    orr_reply_bulk_string(reply, name);
    orr_reply_integer(reply, (int64_t)value);
}

static uint64_t
clients_memory(const OrrNode *node)
{
    GHashTableIter iter;
    gpointer value;
    uint64_t sum = 0;

    g_hash_table_iter_init(&iter, node->clients); /* a sum does not depend on the order */
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        sum += sizeof(OrrClient) + ((const OrrClient *)value)->input->len;
    }
    return sum;
}

static void
run_stats(OrrCommandContext *context)
{
    const OrrNode *node = orr_command_node(context);
    OrrHostFacts facts = host_facts(node);
    OrrReplicationView data;
    uint64_t keys = orr_keyspace_count(node->keyspace);
    uint64_t dataset = orr_keyspace_memory(node->keyspace);
    uint64_t clients = clients_memory(node);
    uint64_t total;

    orr_replication_view(node->replication, &data);
    total = dataset + data.backlog_bytes + clients;
    orr_reply_map(context->reply, 12);
    add(context->reply, "peak.allocated", MAX(facts.resident_peak_bytes, total));
    add(context->reply, "total.allocated", total);
    add(context->reply, "replication.backlog", data.backlog_bytes);
    add(context->reply, "clients.slaves", 0);
    add(context->reply, "clients.normal", clients);
    add(context->reply, "cluster.links", 0);
    add(context->reply, "aof.buffer", orr_log_pending(node->log));
    add(context->reply, "overhead.total", data.backlog_bytes + clients);
    add(context->reply, "keys.count", keys);
    add(context->reply, "keys.bytes-per-key", keys == 0 ? 0 : dataset / keys);
    add(context->reply, "dataset.bytes", dataset);
    orr_reply_bulk_string(context->reply, "dataset.percentage");
    orr_reply_double(context->reply,
                     total == 0 ? 0 : (double)(dataset * 10000 / total) / 100.0);
}

static void
run_doctor(OrrCommandContext *context)
{
    const OrrNode *node = orr_command_node(context);
    OrrHostFacts facts = host_facts(node);
    uint64_t dataset = orr_keyspace_memory(node->keyspace);
    const char *text = "Nothing is wrong with the memory of this node.\n";

    if (dataset < 5u << 20) {
        text = "This node holds too little for a verdict.\n";
    } else if (facts.resident_bytes > dataset + dataset / 2 + (64u << 20)) {
        text = "The process holds much more memory than its data take: after a peak, or since "
               "replicas or clients do not take what is sent to them.\n";
    } else if (node->config.settings.maxmemory > 0 &&
               dataset > node->config.settings.maxmemory / 10 * 9) {
        text = "The data have nearly reached maxmemory.\n";
    }
    orr_reply_verbatim(context->reply, "txt", orr_bytes_of_string(text));
}

static void
run_malloc_stats(OrrCommandContext *context)
{
    orr_reply_bulk_string(context->reply, "Stats not supported for the current allocator");
}

/* What is dropped is freed in steps of its own: all of it, now. */
static void
run_purge(OrrCommandContext *context)
{
    while (orr_keyspace_step(context->keyspace, 100000)) {
    }
    orr_reply_ok(context->reply);
}

#define ROW(name_, arity_, flags_, syntax_, run_, summary_)                                    \
    {                                                                                          \
        .name = "memory|" name_, .arity = arity_, .flags = flags_, .syntax = syntax_,          \
        .group = ORR_GROUP_SERVER, .summary = summary_, .since = "4.0.0", .run = run_          \
    }

static const OrrCommand SUBCOMMANDS[] = {
    ROW("doctor", 2, 0, NULL, run_doctor, "What is wrong with memory."),
    ROW("malloc-stats", 2, 0, NULL, run_malloc_stats, "Figures of the allocator: none."),
    ROW("purge", 2, 0, NULL, run_purge, "Frees what can be freed."),
    ROW("stats", 2, 0, NULL, run_stats, "What takes how much room."),
    {.name = "memory|usage",
     .arity = -3,
     .flags = ORR_COMMAND_READONLY,
     .first_key = 2,
     .last_key = 2,
     .key_step = 1,
     .syntax = "<key> [SAMPLES <count>]",
     .group = ORR_GROUP_SERVER,
     .summary = "Bytes that a key takes.",
     .since = "4.0.0",
     .run = run_usage},
    ORR_COMMAND_HELP_ROW("memory", ORR_COMMAND_LOADING | ORR_COMMAND_STALE),
    ORR_COMMANDS_END,
};

const OrrCommand orr_commands_memory[] = {
    {.name = "memory",
     .arity = -2,
     .group = ORR_GROUP_SERVER,
     .summary = "What takes room.",
     .since = "4.0.0",
     .subcommands = SUBCOMMANDS},
    ORR_COMMANDS_END,
};
