/* command_cluster_members.c - CLUSTER MEET, FORGET, REPLICATE, FAILOVER, RESET, ...: who
 * belongs to the cluster, and as what. */
#include "node/commands/command_cluster.h"

/* "127.0.0.1"; names are for hosts to resolve. */
static bool
parse_ip(OrrBytes text, OrrAddress *address)
{
    uint8_t part[4];
    size_t at = 0;

    for (size_t i = 0; i < 4; i++) {
        size_t end = at;
        uint64_t number;

        while (end < text.size && text.data[end] != '.') {
            end++;
        }
        if ((i < 3) != (end < text.size) ||
            !orr_parse_u64(orr_bytes(text.data + at, end - at), &number) || number > 255) {
            return false;
        }
        part[i] = (uint8_t)number;
        at = end + 1;
    }
    *address = orr_address_v4(part[0], part[1], part[2], part[3], 0, 0);
    return true;
}

/* The port and, if it is not said, the one 10000 above it; false: no numbers, and the client is
 * told. */
static bool
meet_ports(OrrCommandContext *context, int64_t *port, int64_t *bus_port)
{
    if (!orr_parse_integer(context->args[3], port)) {
        orr_reply_error_about(context->reply,
                              "ERR Invalid TCP base port specified: ", context->args[3], "");
        return false;
    }
    *bus_port = *port + 10000;
    if (context->arg_count > 4 && !orr_parse_integer(context->args[4], bus_port)) {
        orr_reply_error_about(context->reply,
                              "ERR Invalid TCP bus port specified: ", context->args[4], "");
        return false;
    }
    return true;
}

void
orr_cluster_meet(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);
    OrrAddress address;
    int64_t port;
    int64_t bus_port;

    if (context->arg_count > 5) {
        orr_command_reply_subcommand_syntax(context);
        return;
    }
    if (!meet_ports(context, &port, &bus_port)) {
        return;
    }
    if (port < 1 || port > 65535 || bus_port < 1 || bus_port > 65535 ||
        !parse_ip(context->args[2], &address)) {
        g_autofree char *after = g_strdup_printf(":%" G_GINT64_FORMAT, port);

        orr_reply_error_about(context->reply,
                              "ERR Invalid node address specified: ", context->args[2], after);
        return;
    }
    address.port = (uint16_t)port;
    address.bus_port = (uint16_t)bus_port;
    orr_cluster_trace_admin(context);
    orr_node_add_meet(node, &address, true);
    node->housekeeping_at = node->now.mono_ns;
    orr_reply_ok(context->reply);
}

static bool
is_forgotten(const OrrNode *node, OrrBytes text)
{
    const OrrMember *member = NULL;
    OrrId id;

    if (orr_id_parse(text, &id) == ORR_OK) {
        member = orr_members_find(node->context.members, &id);
    }
    return member != NULL && !orr_member_counts(member);
}

void
orr_cluster_forget(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);
    OrrMember *member;

    if (is_forgotten(node, context->args[2])) { /* others were told, and told it this node */
        orr_reply_ok(context->reply);
        return;
    }
    member = orr_cluster_parse_node(context, context->args[2]);
    if (member == NULL) {
        return;
    }
    if (member == orr_node_self(node)) {
        orr_reply_error(context->reply, "ERR I tried hard but I can't forget myself...");
    } else if (member->shard == orr_node_self(node)->shard && orr_member_is_primary(member)) {
        orr_reply_error(context->reply, "ERR Can't forget my master!");
    } else {
        orr_cluster_trace_admin(context);
        orr_node_forget(node, member, node->out);
        orr_reply_ok(context->reply);
    }
}

void
orr_cluster_replicate(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);
    OrrMember *member = orr_cluster_parse_node(context, context->args[2]);

    if (member == NULL) {
        return;
    }
    if (member == orr_node_self(node)) {
        orr_reply_error(context->reply, "ERR Can't replicate myself");
        return;
    }
    if (!orr_member_is_primary(member)) {
        orr_reply_error(context->reply, "ERR I can only replicate a master, not a replica.");
        return;
    }
    orr_cluster_trace_admin(context);
    if (orr_node_replicate(node, &member->id, node->out) == ORR_OK) {
        orr_reply_ok(context->reply);
    } else {
        orr_reply_error(context->reply, "ERR To set a master the node must be empty and "
                                        "without assigned slots.");
    }
}

void
orr_cluster_failover(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);
    OrrFailoverWish wish = ORR_FAILOVER_NORMAL;

    if (context->arg_count > 3) {
        orr_command_reply_subcommand_syntax(context);
        return;
    }
    if (context->arg_count == 3) {
        if (orr_word_is(context->args[2], "force")) {
            wish = ORR_FAILOVER_FORCE;
        } else if (orr_word_is(context->args[2], "takeover")) {
            wish = ORR_FAILOVER_TAKEOVER;
        } else {
            orr_reply_error(context->reply, "ERR syntax error");
            return;
        }
    }
    orr_cluster_trace_admin(context);
    if (orr_node_is_primary(node)) {
        orr_reply_error(context->reply, "ERR You should send CLUSTER FAILOVER to a replica");
    } else if (orr_node_failover(node, wish, node->out) == ORR_OK) {
        orr_reply_ok(context->reply);
    } else {
        orr_reply_error(context->reply,
                        "ERR Master is down or failed, please use CLUSTER FAILOVER FORCE");
    }
}

void
orr_cluster_reset(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);
    bool hard = context->arg_count == 3 && orr_word_is(context->args[2], "hard");

    if (context->arg_count > 3) {
        orr_command_reply_subcommand_syntax(context);
        return;
    }
    if (context->arg_count == 3 && !hard && !orr_word_is(context->args[2], "soft")) {
        orr_reply_error(context->reply, "ERR syntax error");
        return;
    }
    if (orr_node_is_primary(node) && orr_keyspace_count(context->keyspace) > 0) {
        orr_reply_error(context->reply, "ERR CLUSTER RESET can't be called with master nodes "
                                        "containing keys");
        return;
    }
    orr_cluster_trace_admin(context);
    orr_node_reset(node, hard, node->out);
    orr_reply_ok(context->reply);
}

void
orr_cluster_bumpepoch(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);
    char text[64];

    orr_cluster_trace_admin(context);
    if (orr_node_is_primary(node)) {
        orr_node_bump_epoch(node, node->out);
        g_snprintf(text, sizeof text, "BUMPED %" G_GUINT64_FORMAT, node->context.current_epoch);
    } else {
        g_snprintf(text, sizeof text, "STILL %" G_GUINT64_FORMAT, node->context.current_epoch);
    }
    orr_reply_simple(context->reply, text);
}

void
orr_cluster_set_config_epoch(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);
    int64_t wanted;
    uint64_t epoch;
    OrrShardRecord record = {orr_node_self(node)->shard->id, node->sender.self, 0, 0};

    if (!orr_integer_arg(context, 2, &wanted)) {
        return;
    }
    if (wanted < 0) {
        orr_reply_error_about(context->reply,
                              "ERR Invalid config epoch specified: ", context->args[2], "");
        return;
    }
    epoch = (uint64_t)MAX(wanted, 1);
    if (!orr_node_is_alone(node)) {
        orr_reply_error(context->reply, "ERR The user can assign a config epoch only when the "
                                        "node does not know any other node.");
        return;
    }
    orr_cluster_trace_admin(context);
    record.epoch = MAX(epoch, orr_node_self(node)->shard->epoch);
    record.start_offset = node->context.offset;
    node->context.current_epoch = MAX(node->context.current_epoch, epoch);
    orr_members_set_primary(node->context.members, &record);
    orr_node_save_identity(node, node->out);
    orr_reply_ok(context->reply);
}

void
orr_cluster_saveconfig(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);

    orr_node_save_identity(node, node->out);
    (void)orr_persist_config(node->persist, &node->context, node->now.mono_ns, node->out);
    orr_reply_ok(context->reply);
}
