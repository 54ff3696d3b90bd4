/* command_server.c - connections and the server: HELLO, CLIENT, INFO, CONFIG, WAIT, ... */
#include "node/client.h"

#define REPORTED_VERSION "7.0.15" /* of Redis: what clients compare features with */

static void
run_readonly(OrrCommandContext *context)
{
    orr_command_client(context)->readonly = true;
    orr_reply_ok(context->reply);
}

static void
run_readwrite(OrrCommandContext *context)
{
    orr_command_client(context)->readonly = false;
    orr_reply_ok(context->reply);
}

static void
run_asking(OrrCommandContext *context)
{
    orr_command_client(context)->asking = true;
    orr_reply_ok(context->reply);
}

static void
run_quit(OrrCommandContext *context)
{
    orr_command_client(context)->closing = true;
    orr_reply_ok(context->reply);
}

static void
run_reset(OrrCommandContext *context)
{
    OrrClient *client = orr_command_client(context);

    client->readonly = false;
    client->protocol = 2;
    client->name[0] = '\0';
    orr_reply_set_protocol(context->reply, 2);
    orr_reply_simple(context->reply, "RESET");
}

static bool
set_name(OrrCommandContext *context, OrrBytes name)
{
    OrrClient *client = orr_command_client(context);

    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] <= ' ' || name.data[i] > '~') {
            orr_reply_error(context->reply, "ERR Client names cannot contain spaces, newlines "
                                            "or special characters.");
            return false;
        }
    }
    g_snprintf(client->name, sizeof client->name, "%.*s", (int)MIN(name.size, 63),
               (const char *)name.data);
    return true;
}

static void
reply_hello(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);
    OrrClient *client = orr_command_client(context);
    OrrReply *reply = context->reply;

    orr_reply_map(reply, 7);
    orr_reply_bulk_string(reply, "server");
    orr_reply_bulk_string(reply, "redis");
    orr_reply_bulk_string(reply, "version");
    orr_reply_bulk_string(reply, REPORTED_VERSION);
    orr_reply_bulk_string(reply, "proto");
    orr_reply_integer(reply, client->protocol);
    orr_reply_bulk_string(reply, "id");
    orr_reply_integer(reply, (int64_t)client->id);
    orr_reply_bulk_string(reply, "mode");
    orr_reply_bulk_string(reply, "cluster");
    orr_reply_bulk_string(reply, "role");
    orr_reply_bulk_string(reply, orr_node_is_primary(node) ? "master" : "replica");
    orr_reply_bulk_string(reply, "modules");
    orr_reply_array(reply, 0);
}

static void
run_hello(OrrCommandContext *context)
{
    OrrClient *client = orr_command_client(context);
    uint64_t protocol = (uint64_t)client->protocol;
    size_t i = 2;

    if (context->arg_count > 1 &&
        (!orr_parse_u64(context->args[1], &protocol) || protocol < 2 || protocol > 3)) {
        orr_reply_error(context->reply, "NOPROTO unsupported protocol version");
        return;
    }
    while (i < context->arg_count) {
        if (orr_word_is(context->args[i], "setname") && i + 1 < context->arg_count) {
            if (!set_name(context, context->args[i + 1])) {
                return;
            }
            i += 2;
        } else if (orr_word_is(context->args[i], "auth") && i + 2 < context->arg_count) {
            orr_reply_error(context->reply, "ERR AUTH <password> called without any password "
                                            "configured for the default user. Are you sure "
                                            "your configuration is correct?");
            return;
        } else {
            orr_reply_error_about(context->reply, "ERR Syntax error in HELLO option '",
                                  context->args[i], "'");
            return;
        }
    }
    client->protocol = (int)protocol;
    orr_reply_set_protocol(context->reply, client->protocol);
    reply_hello(context);
}

static void
run_client(OrrCommandContext *context)
{
    OrrClient *client = orr_command_client(context);
    OrrBytes word = context->args[1];

    if (orr_word_is(word, "setname") && context->arg_count == 3) {
        if (set_name(context, context->args[2])) {
            orr_reply_ok(context->reply);
        }
    } else if (orr_word_is(word, "getname") && context->arg_count == 2) {
        if (client->name[0] == '\0') {
            orr_reply_null(context->reply);
        } else {
            orr_reply_bulk_string(context->reply, client->name);
        }
    } else if (orr_word_is(word, "setinfo") && context->arg_count == 4) {
        orr_reply_ok(context->reply);
    } else if (orr_word_is(word, "id") && context->arg_count == 2) {
        orr_reply_integer(context->reply, (int64_t)client->id);
    } else {
        orr_reply_error_about(context->reply, "ERR unknown subcommand '", word,
                              "'. Try CLIENT HELP.");
    }
}

/* WAIT numreplicas timeout */
static void
run_wait(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);
    OrrClient *client = orr_command_client(context);
    uint64_t replicas;
    uint64_t timeout_ms;
    uint32_t acked;

    if (!orr_parse_u64(context->args[1], &replicas) || replicas > ORR_REPLICAS_MAX ||
        !orr_parse_u64(context->args[2], &timeout_ms)) {
        orr_reply_error(context->reply, "ERR value is not an integer or out of range");
        return;
    }
    if (!orr_node_is_primary(node)) {
        orr_reply_error(context->reply, "ERR WAIT cannot be used with replica instances.");
        return;
    }
    acked = orr_replication_acked(node->replication, client->written_offset);
    if (acked >= replicas) {
        orr_reply_integer(context->reply, acked);
        return;
    }
    client->waiting = true;
    client->wait_replicas = (uint32_t)replicas;
    client->wait_offset = client->written_offset;
    client->wait_until =
        timeout_ms == 0 || timeout_ms > (uint64_t)(ORR_NEVER / 2 / ORR_NS_PER_MS)
            ? ORR_NEVER
            : node->now.mono_ns + (OrrTime)timeout_ms * ORR_NS_PER_MS;
    g_ptr_array_add(node->waiting, client);
    orr_replication_flush(node->replication, node->now, node->out);
    orr_replication_ask_acks(node->replication, node->now, node->out);
}

/* INFO */

static void
info_server(OrrNode *node, GString *text)
{
    OrrTime up_ns = node->now.mono_ns - node->context.boot_ns;

    g_string_append_printf(text,
                           "# Server\r\nredis_version:%s\r\norrery_version:0.1.0\r\n"
                           "redis_mode:cluster\r\nuptime_in_seconds:%" G_GINT64_FORMAT "\r\n"
                           "tcp_port:%u\r\n",
                           REPORTED_VERSION, up_ns / ORR_NS_PER_S, node->config.address.port);
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
                           node->connections_received, node->commands_processed,
                           data.full_syncs_out, data.partial_syncs_out,
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

static void
run_role(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);
    const OrrMember *primary =
        orr_members_primary_of(node->context.members, orr_node_self(node)->shard);
    char ip[ORR_ADDRESS_TEXT_SIZE];

    if (orr_node_is_primary(node) || primary == NULL) {
        orr_reply_array(context->reply, 3);
        orr_reply_bulk_string(context->reply, "master");
        orr_reply_integer(context->reply, (int64_t)node->context.offset);
        orr_reply_array(context->reply, 0);
        return;
    }
    orr_address_format_ip(&primary->address, ip);
    orr_reply_array(context->reply, 5);
    orr_reply_bulk_string(context->reply, "slave");
    orr_reply_bulk_string(context->reply, ip);
    orr_reply_integer(context->reply, primary->address.port);
    orr_reply_bulk_string(context->reply, node->context.loading ? "sync" : "connected");
    orr_reply_integer(context->reply, (int64_t)node->context.offset);
}

#define CONNECTION (ORR_COMMAND_FAST | ORR_COMMAND_STALE | ORR_COMMAND_LOADING)

const OrrCommand orr_commands_server[] = {
    {.name = "asking",
     .arity = 1,
     .flags = CONNECTION,
     .group = ORR_GROUP_CLUSTER,
     .summary = "The next command may use a slot that is being imported.",
     .since = "3.0.0",
     .run = run_asking},
    {.name = "client",
     .arity = -2,
     .flags = CONNECTION,
     .group = ORR_GROUP_CONNECTION,
     .summary = "Names and describes this connection.",
     .since = "2.4.0",
     .run = run_client},
    {.name = "config",
     .arity = -2,
     .flags = ORR_COMMAND_ADMIN | ORR_COMMAND_STALE | ORR_COMMAND_LOADING,
     .group = ORR_GROUP_SERVER,
     .summary = "What this node is set to.",
     .since = "2.0.0",
     .run = orr_command_run_config},
    {.name = "function",
     .arity = -2,
     .flags = ORR_COMMAND_ADMIN | ORR_COMMAND_STALE | ORR_COMMAND_LOADING,
     .group = ORR_GROUP_SERVER,
     .summary = "There are none; for tools that look.",
     .since = "7.0.0",
     .run = orr_command_run_function},
    {.name = "hello",
     .arity = -1,
     .flags = CONNECTION | ORR_COMMAND_NO_AUTH,
     .group = ORR_GROUP_CONNECTION,
     .summary = "Chooses the protocol, says who one is.",
     .since = "6.0.0",
     .run = run_hello},
    {.name = "info",
     .arity = -1,
     .flags = ORR_COMMAND_STALE | ORR_COMMAND_LOADING,
     .group = ORR_GROUP_SERVER,
     .summary = "Facts and counters of this node.",
     .since = "1.0.0",
     .run = run_info},
    {.name = "quit",
     .arity = -1,
     .flags = CONNECTION | ORR_COMMAND_NO_AUTH,
     .group = ORR_GROUP_CONNECTION,
     .summary = "Closes the connection.",
     .since = "1.0.0",
     .run = run_quit},
    {.name = "readonly",
     .arity = 1,
     .flags = CONNECTION,
     .group = ORR_GROUP_CLUSTER,
     .summary = "Lets a replica answer reads, which may be behind.",
     .since = "3.0.0",
     .run = run_readonly},
    {.name = "readwrite",
     .arity = 1,
     .flags = CONNECTION,
     .group = ORR_GROUP_CLUSTER,
     .summary = "Takes READONLY back.",
     .since = "3.0.0",
     .run = run_readwrite},
    {.name = "reset",
     .arity = 1,
     .flags = CONNECTION | ORR_COMMAND_NO_AUTH,
     .group = ORR_GROUP_CONNECTION,
     .summary = "Makes the connection as new.",
     .since = "6.2.0",
     .run = run_reset},
    {.name = "role",
     .arity = 1,
     .flags = CONNECTION,
     .group = ORR_GROUP_SERVER,
     .summary = "Primary or replica, and of whom.",
     .since = "2.8.12",
     .run = run_role},
    {.name = "wait",
     .arity = 3,
     .flags = ORR_COMMAND_NOSCRIPT,
     .group = ORR_GROUP_GENERIC,
     .summary = "Waits until so many replicas have one's writes.",
     .since = "3.0.0",
     .run = run_wait},
    {.name = NULL},
};
