/* command_info.c - INFO: what operators and their tools want to know of a node. */
#include "node/command_util.h"
#include "node/session.h"

static void
info_server(OrrNode *node, GString *text)
{
    OrrTime up_ns = node->now.mono_ns - node->context.boot_ns;

    g_string_append_printf(text,
                           "# Server\r\nredis_version:%s\r\norrery_version:0.1.0\r\n"
                           "redis_mode:cluster\r\nuptime_in_seconds:%" G_GINT64_FORMAT "\r\n"
                           "tcp_port:%u\r\n",
                           ORR_REPORTED_VERSION, up_ns / ORR_NS_PER_S,
                           node->config.address.port);
}

static void
info_clients(OrrNode *node, GString *text)
{
    g_string_append_printf(text, "# Clients\r\nconnected_clients:%u\r\nmaxclients:%u\r\n",
                           g_hash_table_size(node->clients), node->config.settings.clients_max);
}

static void
info_memory(OrrNode *node, GString *text)
{
    g_string_append_printf(text, "# Memory\r\nused_memory:%zu\r\nmaxmemory:%zu\r\n",
                           orr_keyspace_memory(node->keyspace),
                           node->config.settings.maxmemory);
}

static void
info_persistence(OrrNode *node, GString *text)
{
    g_string_append_printf(text,
                           "# Persistence\r\nloading:%d\r\naof_enabled:1\r\n"
                           "aof_last_write_status:%s\r\n",
                           node->fence == ORR_FENCE_BOOTING, node->disk_failed ? "err" : "ok");
}

static void
info_stats(OrrNode *node, GString *text)
{
    OrrReplicationView data;

    orr_replication_view(node->replication, &data);
    g_string_append_printf(text,
                           "# Stats\r\ntotal_connections_received:%" G_GUINT64_FORMAT "\r\n"
                           "total_commands_processed:%" G_GUINT64_FORMAT "\r\n"
                           "sync_full:%" G_GUINT64_FORMAT "\r\n"
                           "sync_partial_ok:%" G_GUINT64_FORMAT "\r\n"
                           "orrery_writes_dropped:%" G_GUINT64_FORMAT "\r\n",
                           node->statistics.connections_received,
                           node->statistics.commands_processed, data.full_syncs_out,
                           data.partial_syncs_out,
                           orr_ledger_total(orr_replication_ledger(node->replication)));
}

static void
info_replication(OrrNode *node, GString *text)
{
    const OrrShard *shard = orr_node_self(node)->shard;
    const OrrMember *primary = orr_members_primary_of(node->context.members, shard);
    OrrReplicationView data;
    OrrReplicaView replica;
    char ip[ORR_ADDRESS_TEXT_SIZE];

    orr_replication_view(node->replication, &data);
    g_string_append_printf(text, "# Replication\r\nrole:%s\r\n",
                           orr_node_is_primary(node) ? "master" : "slave");
    if (!orr_node_is_primary(node) && primary != NULL) {
        orr_address_format_ip(&primary->address, ip);
        g_string_append_printf(text,
                               "master_host:%s\r\nmaster_port:%u\r\nmaster_link_status:%s\r\n",
                               ip, primary->address.port, data.link_up ? "up" : "down");
    }
    g_string_append_printf(text, "connected_slaves:%u\r\n", data.replica_count);
    for (size_t i = 0; orr_replication_replica(node->replication, i, &replica) == ORR_OK; i++) {
        orr_address_format_ip(&replica.address, ip);
        g_string_append_printf(
            text, "slave%zu:ip=%s,port=%u,state=%s,offset=%" G_GUINT64_FORMAT ",lag=0\r\n", i,
            ip, replica.address.port, replica.copying ? "send_bulk" : "online",
            replica.acked_offset);
    }
    g_string_append_printf(text,
                           "master_replid:%024x%016" G_GINT64_MODIFIER "x\r\n"
                           "master_repl_offset:%" G_GUINT64_FORMAT "\r\n",
                           0u, data.history, data.offset);
}

static void
info_cluster(OrrNode *node, GString *text)
{
    (void)node;
    g_string_append(text, "# Cluster\r\ncluster_enabled:1\r\n");
}

static void
info_keyspace(OrrNode *node, GString *text)
{
    size_t keys = orr_keyspace_count(node->keyspace);

    g_string_append(text, "# Keyspace\r\n");
    if (keys > 0) {
        g_string_append_printf(text, "db0:keys=%zu,expires=%zu,avg_ttl=0\r\n", keys,
                               orr_keyspace_count_expiring(node->keyspace));
    }
}

static const struct {
    const char *name;
    void (*add)(OrrNode *node, GString *text);
} SECTIONS[] = {
    {"server", info_server},   {"clients", info_clients},
    {"memory", info_memory},   {"persistence", info_persistence},
    {"stats", info_stats},     {"replication", info_replication},
    {"cluster", info_cluster}, {"keyspace", info_keyspace},
};

static bool
section_wanted(const OrrCommandContext *context, const char *name)
{
    if (context->arg_count == 1) {
        return true;
    }
    for (size_t i = 1; i < context->arg_count; i++) {
        if (orr_word_is(context->args[i], name) || orr_word_is(context->args[i], "all") ||
            orr_word_is(context->args[i], "default") ||
            orr_word_is(context->args[i], "everything")) {
            return true;
        }
    }
    return false;
}

static void
run_info(OrrCommandContext *context)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(SECTIONS); i++) {
        if (section_wanted(context, SECTIONS[i].name)) {
            if (text->len > 0) {
                g_string_append(text, "\r\n");
            }
            SECTIONS[i].add(orr_command_node(context), text);
        }
    }
    orr_reply_verbatim(context->reply, "txt", orr_bytes(text->str, text->len));
}

size_t
orr_node_info(OrrNode *node, char *text, size_t size)
{
    g_autoptr(GString) all = g_string_new(NULL);

    for (size_t i = 0; node->context.members != NULL && i < G_N_ELEMENTS(SECTIONS); i++) {
        SECTIONS[i].add(node, all);
    }
    g_strlcpy(text, all->str, size);
    return all->len;
}

const OrrCommand orr_commands_info[] = {
    {.name = "info",
     .arity = -1,
     .flags = ORR_COMMAND_STALE | ORR_COMMAND_LOADING | ORR_COMMAND_DANGEROUS,
     .group = ORR_GROUP_SERVER,
     .summary = "Facts and counters of this node.",
     .since = "1.0.0",
     .run = run_info},
    ORR_COMMANDS_END,
};
