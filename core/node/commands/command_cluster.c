/* command_cluster.c - CLUSTER and its subcommands: reading and changing the cluster. */
#include "node/commands/command_cluster.h"

void
orr_cluster_trace_admin(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);
    g_autoptr(GString) text = g_string_new("cluster");

    for (size_t i = 1; i < context->arg_count && text->len < ORR_TRACE_TEXT_MAX; i++) {
        g_string_append_c(text, ' ');
        g_string_append_len(text, (const char *)context->args[i].data,
                            (gssize)context->args[i].size);
    }

    OrrTrace trace = orr_trace(ORR_TRACE_ADMIN);

    orr_trace_set_text(&trace, orr_bytes(text->str, text->len));
    orr_context_trace(&node->context, node->out, &trace);
}

bool
orr_cluster_parse_slot(OrrCommandContext *context, OrrBytes text, uint16_t *slot)
{
    uint64_t number;

    if (!orr_parse_u64(text, &number) || number >= ORR_SLOT_COUNT) {
        orr_reply_error(context->reply, "ERR Invalid or out of range slot");
        return false;
    }
    *slot = (uint16_t)number;
    return true;
}

OrrMember *
orr_cluster_find_node(OrrCommandContext *context, OrrBytes text)
{
    OrrMember *member = NULL;
    OrrId id;

    if (orr_id_parse(text, &id) == ORR_OK) {
        member = orr_members_find(orr_command_node(context)->context.members, &id);
    }
    return member != NULL && orr_member_counts(member) ? member : NULL;
}

OrrMember *
orr_cluster_parse_node(OrrCommandContext *context, OrrBytes text)
{
    OrrMember *member = orr_cluster_find_node(context, text);

    if (member == NULL) {
        orr_reply_error_about(context->reply, "ERR Unknown node ", text, "");
        return NULL;
    }
    return member;
}

/* Reading */

static void
run_nodes(OrrCommandContext *context)
{
    orr_reply_cluster_nodes(orr_command_node(context), context->reply);
}

static void
run_info(OrrCommandContext *context)
{
    orr_reply_cluster_info(orr_command_node(context), context->reply);
}

static void
run_slots(OrrCommandContext *context)
{
    orr_reply_cluster_slots(orr_command_node(context), context->reply);
}

static void
run_shards(OrrCommandContext *context)
{
    orr_reply_cluster_shards(orr_command_node(context), context->reply);
}

static void
reply_id(OrrReply *reply, const OrrId *id)
{
    char text[ORR_ID_HEX_SIZE + 1];

    orr_id_format(id, text);
    orr_reply_bulk_string(reply, text);
}

static void
run_myid(OrrCommandContext *context)
{
    reply_id(context->reply, &orr_command_node(context)->sender.self);
}

static void
run_myshardid(OrrCommandContext *context)
{
    reply_id(context->reply, &orr_node_self(orr_command_node(context))->shard->id);
}

static void
run_keyslot(OrrCommandContext *context)
{
    orr_reply_integer(context->reply, orr_slot_of_key(context->args[2]));
}

static void
run_replicas(OrrCommandContext *context)
{
    OrrMember *member = orr_cluster_parse_node(context, context->args[2]);

    if (member == NULL) {
        return;
    }
    if (!orr_member_is_primary(member)) {
        orr_reply_error(context->reply, "ERR The specified node is not a master");
        return;
    }
    orr_reply_cluster_replicas(orr_command_node(context), member, context->reply);
}

static void
run_count_failure_reports(OrrCommandContext *context)
{
    OrrMember *member = orr_cluster_parse_node(context, context->args[2]);

    if (member != NULL) {
        orr_reply_integer(context->reply,
                          member->probe.reports == NULL
                              ? 0
                              : (int64_t)orr_reports_count(member->probe.reports));
    }
}

static void
run_links(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);
    const OrrMembers *members = node->context.members;
    size_t at = orr_reply_size(context->reply);
    size_t count = 0;

    for (size_t i = 0; i < members->count; i++) {
        const OrrMember *peer = members->list[i];

        if (peer == members->self || peer->probe.answered == 0 || !orr_member_counts(peer)) {
            continue;
        }
        orr_reply_map(context->reply, 6);
        orr_reply_bulk_string(context->reply, "direction");
        orr_reply_bulk_string(context->reply, "to");
        orr_reply_bulk_string(context->reply, "node");
        reply_id(context->reply, &peer->id);
        orr_reply_bulk_string(context->reply, "create-time");
        orr_reply_integer(context->reply, node->context.cluster_ms);
        orr_reply_bulk_string(context->reply, "events");
        orr_reply_bulk_string(context->reply, "rw");
        orr_reply_bulk_string(context->reply, "send-buffer-allocated");
        orr_reply_integer(context->reply, 0); /* they are the host's */
        orr_reply_bulk_string(context->reply, "send-buffer-used");
        orr_reply_integer(context->reply, 0);
        count++;
    }
    orr_reply_insert_array(context->reply, at, count);
}

/* The loss ledger, for an operator: not in Redis, which has none. */
static void
run_ledger(OrrCommandContext *context)
{
    const OrrLedger *ledger = orr_replication_ledger(orr_command_node(context)->replication);
    size_t count = orr_ledger_count(ledger);

    orr_reply_array(context->reply, count);
    for (size_t i = 0; i < count; i++) {
        OrrLoss loss = orr_ledger_get(ledger, i);

        orr_reply_array(context->reply, 4);
        orr_reply_bulk(context->reply, loss.key);
        orr_reply_bulk(context->reply, loss.field);
        orr_reply_integer(context->reply, loss.wall_ms);
        orr_reply_integer(context->reply, (int64_t)loss.version);
    }
}

#define CHANGE (ORR_COMMAND_ADMIN | ORR_COMMAND_STALE | ORR_COMMAND_NO_ASYNC_LOADING)
#define ROLE (CHANGE | ORR_COMMAND_ALONE)
#define WATCH (ORR_COMMAND_ADMIN | ORR_COMMAND_STALE)
#define LOOK ORR_COMMAND_STALE
#define ROW(name_, arity_, flags_, syntax_, since_, run_, summary_)                            \
    {                                                                                          \
        .name = "cluster|" name_, .arity = arity_, .flags = flags_, .syntax = syntax_,         \
        .group = ORR_GROUP_CLUSTER, .summary = summary_, .since = since_, .run = run_          \
    }

static const OrrCommand SUBCOMMANDS[] = {
    ROW("addslots", -3, ROLE, "<slot> [<slot> ...]", "3.0.0", orr_cluster_addslots,
        "Gives unowned slots to this node's shard."),
    ROW("addslotsrange", -4, ROLE, "<start slot> <end slot> [<start slot> <end slot> ...]",
        "7.0.0", orr_cluster_addslotsrange,
        "Gives ranges of unowned slots to this node's shard."),
    ROW("bumpepoch", 2, ROLE, NULL, "3.0.0", orr_cluster_bumpepoch,
        "Begins a new epoch of this node's shard."),
    ROW("count-failure-reports", 3, WATCH, "<node-id>", "3.0.0", run_count_failure_reports,
        "How many nodes accuse that one now."),
    ROW("countkeysinslot", 3, LOOK, "<slot>", "3.0.0", orr_cluster_countkeysinslot,
        "How many keys of a slot are here."),
    ROW("delslots", -3, ROLE, "<slot> [<slot> ...]", "3.0.0", orr_cluster_delslots,
        "Takes slots away from whoever owns them."),
    ROW("delslotsrange", -4, ROLE, "<start slot> <end slot> [<start slot> <end slot> ...]",
        "7.0.0", orr_cluster_delslotsrange,
        "Takes ranges of slots away from whoever owns them."),
    ROW("failover", -2, ROLE, "[FORCE|TAKEOVER]", "3.0.0", orr_cluster_failover,
        "Makes this replica the primary of its shard."),
    ROW("flushslots", 2, ROLE, NULL, "3.0.0", orr_cluster_flushslots,
        "Takes all slots away from this node's shard."),
    ROW("forget", 3, ROLE, "<node-id>", "3.0.0", orr_cluster_forget,
        "Bans a node from the cluster."),
    ROW("getkeysinslot", 4, LOOK, "<slot> <count>", "3.0.0", orr_cluster_getkeysinslot,
        "Keys of a slot that are here, at most so many."),
    ROW("info", 2, LOOK, NULL, "3.0.0", run_info, "The state of the cluster, in lines."),
    ROW("keyslot", 3, LOOK, "<key>", "3.0.0", run_keyslot, "The slot of a key."),
    ROW("ledger", 2, WATCH, NULL, "7.0.0", run_ledger,
        "Acknowledged writes that this node had to drop."),
    ROW("links", 2, LOOK, NULL, "7.0.0", run_links, "The peers that this node talks to."),
    ROW("meet", -4, CHANGE, "<ip> <port> [<bus-port>]", "3.0.0", orr_cluster_meet,
        "Makes a node known to the cluster."),
    ROW("myid", 2, LOOK, NULL, "3.0.0", run_myid, "The id of this node."),
    ROW("myshardid", 2, LOOK, NULL, "7.2.0", run_myshardid, "The id of this node's shard."),
    ROW("nodes", 2, LOOK, NULL, "3.0.0", run_nodes, "All nodes, one a line."),
    ROW("replicas", 3, WATCH, "<node-id>", "5.0.0", run_replicas,
        "The replicas of a primary, as lines of NODES."),
    ROW("replicate", 3, ROLE, "<node-id>", "3.0.0", orr_cluster_replicate,
        "Makes this node a replica of that one."),
    ROW("reset", -2,
        ORR_COMMAND_ADMIN | ORR_COMMAND_NOSCRIPT | ORR_COMMAND_STALE | ORR_COMMAND_ALONE,
        "[HARD|SOFT]", "3.0.0", orr_cluster_reset,
        "Leaves the cluster; HARD: as another node."),
    ROW("saveconfig", 2, CHANGE, NULL, "3.0.0", orr_cluster_saveconfig,
        "Writes what is known of the cluster to disk."),
    ROW("set-config-epoch", 3, ROLE, "<epoch>", "3.0.0", orr_cluster_set_config_epoch,
        "The first epoch of a node that is alone."),
    ROW("setslot", -4, CHANGE,
        "<slot> (IMPORTING <node-id>|MIGRATING <node-id>|STABLE|NODE <node-id>)", "3.0.0",
        orr_cluster_setslot, "Opens, closes or reassigns a slot."),
    ROW("shards", 2, LOOK, NULL, "7.0.0", run_shards,
        "All shards, with their slots and nodes."),
    ROW("slaves", 3, WATCH, "<node-id>", "3.0.0", run_replicas, "As REPLICAS."),
    ROW("slots", 2, LOOK, NULL, "3.0.0", run_slots,
        "Ranges of slots, with the nodes that have them."),
    ORR_COMMAND_HELP_ROW("cluster", ORR_COMMAND_LOADING | ORR_COMMAND_STALE),
    ORR_COMMANDS_END,
};

const OrrCommand orr_commands_cluster[] = {
    {.name = "cluster",
     .arity = -2,
     .group = ORR_GROUP_CLUSTER,
     .summary = "The cluster as this node sees it, and changes to it.",
     .since = "3.0.0",
     .subcommands = SUBCOMMANDS},
    ORR_COMMANDS_END,
};
