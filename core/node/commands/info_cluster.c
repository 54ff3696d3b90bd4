#include "node/commands/info.h"

static uint64_t
seconds_since(const OrrNode *node, OrrTime then_ns)
{
    return (uint64_t)(MAX(node->now.mono_ns - then_ns, 0) / ORR_NS_PER_S);
}

static void
add_primary(OrrInfo *info)
{
    const OrrNode *node = info->node;
    const OrrMember *primary =
        orr_members_primary_of(node->context.members, orr_node_self(node)->shard);
    char ip[ORR_ADDRESS_TEXT_SIZE] = "";

    if (primary != NULL) {
        orr_address_format_ip(&primary->address, ip);
    }
    orr_info_text(info, "master_host", ip);
    orr_info_number(info, "master_port", primary == NULL ? 0 : primary->address.port);
    orr_info_text(info, "master_link_status", info->data.link_up ? "up" : "down");
    orr_info_number(info, "master_last_io_seconds_ago",
                    seconds_since(node, MAX(info->data.in_sync_ns, 0)));
    orr_info_number(info, "master_sync_in_progress", info->data.loading);
    orr_info_number(info, "slave_read_repl_offset", info->data.offset);
    orr_info_number(info, "slave_repl_offset", info->data.offset);
    orr_info_number(info, "slave_priority", 100);
    orr_info_number(info, "slave_read_only", 1);
    orr_info_number(info, "replica_announced", 1);
}

static void
add_replicas(OrrInfo *info)
{
    const OrrNode *node = info->node;
    OrrReplicaView replica;
    char ip[ORR_ADDRESS_TEXT_SIZE];

    orr_info_number(info, "connected_slaves", info->data.replica_count);
    for (size_t i = 0; orr_replication_replica(node->replication, i, &replica) == ORR_OK; i++) {
        orr_address_format_ip(&replica.address, ip);
        g_string_append_printf(info->text,
                               "slave%zu:ip=%s,port=%u,state=%s,offset=%" G_GUINT64_FORMAT
                               ",lag=%" G_GUINT64_FORMAT "\r\n",
                               i, ip, replica.address.port,
                               replica.copying ? "send_bulk" : "online", replica.acked_offset,
                               seconds_since(node, replica.heard_ns));
    }
}

void
orr_info_replication(OrrInfo *info)
{
    const OrrReplicationView *data = &info->data;

    orr_info_text(info, "role", orr_node_is_primary(info->node) ? "master" : "slave");
    if (!orr_node_is_primary(info->node)) {
        add_primary(info);
    }
    add_replicas(info);
    orr_info_text(info, "master_failover_state",
                  info->node->fence == ORR_FENCE_PAUSED ? "failover-in-progress"
                                                        : "no-failover");
    g_string_append_printf(info->text, "master_replid:%024x%016" G_GINT64_MODIFIER "x\r\n", 0u,
                           data->history);
    orr_info_text(info, "master_replid2", "0000000000000000000000000000000000000000");
    orr_info_number(info, "master_repl_offset", data->offset);
    g_string_append(info->text, "second_repl_offset:-1\r\n");
    orr_info_number(info, "repl_backlog_active", data->backlog_bytes > 0);
    orr_info_number(info, "repl_backlog_size", info->node->config.settings.backlog_size);
    orr_info_number(info, "repl_backlog_first_byte_offset", data->backlog_start);
    orr_info_number(info, "repl_backlog_histlen", data->offset - data->backlog_start);
}

void
orr_info_cluster(OrrInfo *info)
{
    orr_info_number(info, "cluster_enabled", 1);
}

void
orr_info_keyspace(OrrInfo *info)
{
    size_t keys = orr_keyspace_count(info->node->keyspace);

    if (keys > 0) {
        g_string_append_printf(info->text, "db0:keys=%zu,expires=%zu,avg_ttl=0\r\n", keys,
                               orr_keyspace_count_expiring(info->node->keyspace));
    }
}
