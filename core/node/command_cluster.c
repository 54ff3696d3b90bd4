/* command_cluster.c - CLUSTER and its subcommands: reading and changing the cluster. */
#include "node/client.h"

typedef struct Subcommand {
    const char *name;
    size_t args_min; /* words with CLUSTER and the name */
    size_t args_max;
    void (*run)(OrrCommandContext *context);
} Subcommand;

static void
trace_admin(OrrCommandContext *context)
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

static bool
parse_slot(OrrCommandContext *context, OrrBytes text, uint16_t *slot)
{
    uint64_t number;

    if (!orr_parse_u64(text, &number) || number >= ORR_SLOT_COUNT) {
        orr_reply_error(context->reply, "ERR Invalid or out of range slot");
        return false;
    }
    *slot = (uint16_t)number;
    return true;
}

static OrrMember *
parse_node(OrrCommandContext *context, OrrBytes text)
{
    OrrId id;
    OrrMember *member = NULL;

    if (orr_id_parse(text, &id) == ORR_OK) {
        member = orr_members_find(orr_command_node(context)->context.members, &id);
    }
    if (member == NULL || !orr_member_counts(member)) {
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
run_countkeysinslot(OrrCommandContext *context)
{
    uint16_t slot;

    if (parse_slot(context, context->args[2], &slot)) {
        orr_reply_integer(context->reply,
                          (int64_t)orr_keyspace_count_slot(context->keyspace, slot));
    }
}

typedef struct KeyList {
    OrrReply *reply;
    size_t count;
    size_t room;
} KeyList;

static bool
list_key(const OrrValue *value, void *context)
{
    KeyList *list = context;

    if (list->count < list->room) {
        orr_reply_bulk(list->reply, value->key);
        list->count++;
    }
    return list->count < list->room;
}

static void
run_getkeysinslot(OrrCommandContext *context)
{
    uint16_t slot;
    uint64_t room;
    uint64_t cursor = 0;
    size_t at = orr_reply_size(context->reply);
    KeyList list = {context->reply, 0, 0};

    if (!parse_slot(context, context->args[2], &slot)) {
        return;
    }
    if (!orr_parse_u64(context->args[3], &room)) {
        orr_reply_error(context->reply, "ERR Invalid number of keys");
        return;
    }
    list.room = (size_t)room;
    do {
        cursor = orr_keyspace_scan_slot(context->keyspace, slot, cursor, 64, ORR_ANY_TIME,
                                        list_key, &list);
    } while (cursor != 0 && list.count < list.room);
    orr_reply_insert_array(context->reply, at, list.count);
}

static void
run_replicas(OrrCommandContext *context)
{
    OrrMember *member = parse_node(context, context->args[2]);

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
    OrrMember *member = parse_node(context, context->args[2]);

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
        orr_reply_map(context->reply, 4);
        orr_reply_bulk_string(context->reply, "direction");
        orr_reply_bulk_string(context->reply, "to");
        orr_reply_bulk_string(context->reply, "node");
        reply_id(context->reply, &peer->id);
        orr_reply_bulk_string(context->reply, "create-time");
        orr_reply_integer(context->reply, node->context.cluster_ms);
        orr_reply_bulk_string(context->reply, "events");
        orr_reply_bulk_string(context->reply, "rw");
        count++;
    }
    orr_reply_insert_array(context->reply, at, count);
}

/* Members */

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

static void
run_meet(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);
    OrrAddress address;
    uint64_t port = 0;
    uint64_t bus_port = 0;

    if (!orr_parse_u64(context->args[3], &port) || port == 0 || port > 65535 ||
        (context->arg_count > 4 &&
         (!orr_parse_u64(context->args[4], &bus_port) || bus_port > 65535)) ||
        !parse_ip(context->args[2], &address)) {
        orr_reply_error_about(context->reply,
                              "ERR Invalid node address specified: ", context->args[2], "");
        return;
    }
    if (bus_port == 0) {
        bus_port = port <= 55535 ? port + 10000 : 0;
    }
    address.port = (uint16_t)port;
    address.bus_port = (uint16_t)bus_port;
    trace_admin(context);
    orr_node_add_meet(node, &address, true);
    node->housekeeping_at = node->now.mono_ns;
    orr_reply_ok(context->reply);
}

static void
run_forget(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);
    OrrMember *member = parse_node(context, context->args[2]);

    if (member == NULL) {
        return;
    }
    if (member == orr_node_self(node)) {
        orr_reply_error(context->reply, "ERR I tried hard but I can't forget myself...");
    } else if (member->shard == orr_node_self(node)->shard && orr_member_is_primary(member)) {
        orr_reply_error(context->reply, "ERR Can't forget my master!");
    } else {
        trace_admin(context);
        orr_node_forget(node, member, node->out);
        orr_reply_ok(context->reply);
    }
}

static void
run_replicate(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);
    OrrMember *member = parse_node(context, context->args[2]);

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
    trace_admin(context);
    if (orr_node_replicate(node, &member->id, node->out) == ORR_OK) {
        orr_reply_ok(context->reply);
    } else {
        orr_reply_error(context->reply, "ERR To set a master the node must be empty and "
                                        "without assigned slots.");
    }
}

static void
run_failover(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);
    OrrFailoverWish wish = ORR_FAILOVER_NORMAL;

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
    trace_admin(context);
    if (orr_node_is_primary(node)) {
        orr_reply_error(context->reply, "ERR You should send CLUSTER FAILOVER to a replica");
    } else if (orr_node_failover(node, wish, node->out) == ORR_OK) {
        orr_reply_ok(context->reply);
    } else {
        orr_reply_error(context->reply,
                        "ERR Master is down or failed, please use CLUSTER FAILOVER FORCE");
    }
}

static void
run_reset(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);
    bool hard = context->arg_count == 3 && orr_word_is(context->args[2], "hard");

    if (context->arg_count == 3 && !hard && !orr_word_is(context->args[2], "soft")) {
        orr_reply_error(context->reply, "ERR syntax error");
        return;
    }
    if (orr_node_is_primary(node) && orr_keyspace_count(context->keyspace) > 0) {
        orr_reply_error(context->reply, "ERR CLUSTER RESET can't be called with master nodes "
                                        "containing keys");
        return;
    }
    trace_admin(context);
    orr_node_reset(node, hard, node->out);
    orr_reply_ok(context->reply);
}

static void
run_bumpepoch(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);
    char text[64];

    trace_admin(context);
    if (orr_node_is_primary(node)) {
        orr_node_bump_epoch(node, node->out);
        g_snprintf(text, sizeof text, "BUMPED %" G_GUINT64_FORMAT, node->context.current_epoch);
    } else {
        g_snprintf(text, sizeof text, "STILL %" G_GUINT64_FORMAT, node->context.current_epoch);
    }
    orr_reply_simple(context->reply, text);
}

static void
run_set_config_epoch(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);
    uint64_t epoch;
    OrrShardRecord record = {orr_node_self(node)->shard->id, node->sender.self, 0, 0};

    if (!orr_parse_u64(context->args[2], &epoch) || epoch == 0) {
        orr_reply_error(context->reply, "ERR Invalid config epoch specified");
        return;
    }
    if (!orr_node_is_alone(node)) {
        orr_reply_error(context->reply, "ERR The user can assign a config epoch only when the "
                                        "node does not know any other node.");
        return;
    }
    trace_admin(context);
    record.epoch = MAX(epoch, orr_node_self(node)->shard->epoch);
    record.start_offset = node->context.offset;
    node->context.current_epoch = MAX(node->context.current_epoch, epoch);
    orr_members_set_primary(node->context.members, &record);
    orr_node_save_identity(node, node->out);
    orr_reply_ok(context->reply);
}

static void
run_saveconfig(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);

    orr_node_save_identity(node, node->out);
    (void)orr_persist_config(node->persist, &node->context, node->now.mono_ns, node->out);
    orr_reply_ok(context->reply);
}

/* Slots */

static void
claim(OrrCommandContext *context, uint16_t first, uint16_t last, const OrrId *shard)
{
    OrrNode *node = orr_command_node(context);
    uint64_t version = MAX(node->context.current_epoch, 1);
    uint32_t cursor = first;
    OrrSlotsRecord part;
    OrrSlotsRecord record = {*shard, version, {first, last}};

    /* above whatever stands there */
    while (orr_slotmap_next(node->context.slotmap, &cursor, last, &part) == ORR_OK) {
        record.version = MAX(record.version, part.version + 1);
    }
    node->context.current_epoch = MAX(node->context.current_epoch, record.version);
    orr_node_take_slots(node, &record, true, node->out);
}

/* Words from `word` on are slots, or pairs of first and last. */
static bool
for_each_range(OrrCommandContext *context, bool pairs, bool must_be_owned,
               void (*use)(OrrCommandContext *context, uint16_t first, uint16_t last))
{
    OrrNode *node = orr_command_node(context);
    size_t step = pairs ? 2 : 1;

    for (int pass = 0; pass < 2; pass++) { /* all are checked before the first is changed */
        for (size_t i = 2; i + step <= context->arg_count; i += step) {
            uint16_t first;
            uint16_t last;

            if (!parse_slot(context, context->args[i], &first) ||
                !parse_slot(context, context->args[i + step - 1], &last)) {
                return false;
            }
            if (first > last) {
                orr_reply_error(context->reply,
                                "ERR start slot number is greater than end slot number");
                return false;
            }
            for (uint32_t slot = first; pass == 0 && slot <= last; slot++) {
                OrrSlotView view = orr_slotmap_get(node->context.slotmap, (uint16_t)slot);
                char text[64];

                if (orr_id_is_none(&view.shard) == must_be_owned) {
                    g_snprintf(text, sizeof text,
                               must_be_owned ? "ERR Slot %u is already unassigned"
                                             : "ERR Slot %u is already busy",
                               slot);
                    orr_reply_error(context->reply, text);
                    return false;
                }
            }
            if (pass == 1) {
                use(context, first, last);
            }
        }
    }
    return true;
}

static void
add_range(OrrCommandContext *context, uint16_t first, uint16_t last)
{
    claim(context, first, last, &orr_node_self(orr_command_node(context))->shard->id);
}

static void
delete_range(OrrCommandContext *context, uint16_t first, uint16_t last)
{
    claim(context, first, last, &ORR_ID_NONE);
}

static void
change_slots(OrrCommandContext *context, bool pairs, bool add)
{
    OrrNode *node = orr_command_node(context);

    if (pairs && context->arg_count % 2 != 0) {
        orr_command_reply_arity(context->reply, context->command);
        return;
    }
    if (for_each_range(context, pairs, !add, add ? add_range : delete_range)) {
        trace_admin(context);
        orr_node_recount_slots(node);
        orr_node_save_identity(node, node->out);
        orr_reply_ok(context->reply);
    }
}

static void
run_addslots(OrrCommandContext *context)
{
    change_slots(context, false, true);
}

static void
run_addslotsrange(OrrCommandContext *context)
{
    change_slots(context, true, true);
}

static void
run_delslots(OrrCommandContext *context)
{
    change_slots(context, false, false);
}

static void
run_delslotsrange(OrrCommandContext *context)
{
    change_slots(context, true, false);
}

static void
run_flushslots(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);
    const OrrShard *own = orr_node_self(node)->shard;
    uint32_t cursor = 0;
    OrrSlotsRecord part;

    if (orr_keyspace_count(context->keyspace) > 0) {
        orr_reply_error(context->reply, "ERR DB must be empty to perform CLUSTER FLUSHSLOTS.");
        return;
    }
    trace_admin(context);
    while (orr_slotmap_next(node->context.slotmap, &cursor, ORR_SLOT_COUNT - 1, &part) ==
           ORR_OK) {
        if (orr_id_equal(&part.shard, &own->id)) {
            delete_range(context, part.range.first, part.range.last);
        }
    }
    orr_node_save_identity(node, node->out);
    orr_reply_ok(context->reply);
}

static void
set_slot_state(OrrCommandContext *context, uint16_t slot, OrrSlotState state, OrrBytes peer)
{
    OrrNode *node = orr_command_node(context);
    const OrrShard *own = orr_node_self(node)->shard;
    bool owned = orr_slotmap_owns(node->context.slotmap, slot, &own->id);
    OrrMember *member = parse_node(context, peer);
    char text[80];

    if (member == NULL) {
        return;
    }
    if (owned != (state == ORR_SLOT_MIGRATING)) {
        g_snprintf(text, sizeof text,
                   owned ? "ERR I'm already the owner of hash slot %u"
                         : "ERR I'm not the owner of hash slot %u",
                   slot);
        orr_reply_error(context->reply, text);
        return;
    }
    trace_admin(context);
    orr_slotmap_set_state(node->context.slotmap, slot, state, &member->shard->id);
    node->change++;
    orr_reply_ok(context->reply);
}

static void
set_slot_owner(OrrCommandContext *context, uint16_t slot, OrrBytes owner)
{
    OrrNode *node = orr_command_node(context);
    const OrrShard *own = orr_node_self(node)->shard;
    OrrMember *member = parse_node(context, owner);

    if (member == NULL) {
        return;
    }
    if (orr_slotmap_owns(node->context.slotmap, slot, &own->id) && member->shard != own &&
        orr_keyspace_count_slot(context->keyspace, slot) > 0) {
        orr_reply_error(context->reply, "ERR Can't assign hashslot to a different node while I "
                                        "still hold keys for this hash slot.");
        return;
    }
    trace_admin(context);
    if (!orr_slotmap_owns(node->context.slotmap, slot, &member->shard->id)) {
        claim(context, slot, slot, &member->shard->id);
        orr_node_recount_slots(node);
        orr_node_save_identity(node, node->out);
    }
    orr_slotmap_set_state(node->context.slotmap, slot, ORR_SLOT_STABLE, &ORR_ID_NONE);
    node->change++;
    orr_reply_ok(context->reply);
}

static void
run_setslot(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);
    OrrBytes word = context->args[3];
    uint16_t slot;

    if (!parse_slot(context, context->args[2], &slot)) {
        return;
    }
    if (!orr_node_is_primary(node)) {
        orr_reply_error(context->reply, "ERR You can use SETSLOT only with masters.");
    } else if (orr_word_is(word, "stable") && context->arg_count == 4) {
        trace_admin(context);
        orr_slotmap_set_state(node->context.slotmap, slot, ORR_SLOT_STABLE, &ORR_ID_NONE);
        orr_reply_ok(context->reply);
    } else if (orr_word_is(word, "migrating") && context->arg_count == 5) {
        set_slot_state(context, slot, ORR_SLOT_MIGRATING, context->args[4]);
    } else if (orr_word_is(word, "importing") && context->arg_count == 5) {
        set_slot_state(context, slot, ORR_SLOT_IMPORTING, context->args[4]);
    } else if (orr_word_is(word, "node") && context->arg_count == 5) {
        set_slot_owner(context, slot, context->args[4]);
    } else {
        orr_reply_error(context->reply, "ERR Invalid CLUSTER SETSLOT action or number of "
                                        "arguments. Try CLUSTER HELP");
    }
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

static void run_help(OrrCommandContext *context);

static const Subcommand SUBCOMMANDS[] = {
    {"addslots", 3, SIZE_MAX, run_addslots},
    {"addslotsrange", 4, SIZE_MAX, run_addslotsrange},
    {"bumpepoch", 2, 2, run_bumpepoch},
    {"count-failure-reports", 3, 3, run_count_failure_reports},
    {"countkeysinslot", 3, 3, run_countkeysinslot},
    {"delslots", 3, SIZE_MAX, run_delslots},
    {"delslotsrange", 4, SIZE_MAX, run_delslotsrange},
    {"failover", 2, 3, run_failover},
    {"flushslots", 2, 2, run_flushslots},
    {"forget", 3, 3, run_forget},
    {"getkeysinslot", 4, 4, run_getkeysinslot},
    {"help", 2, 2, run_help},
    {"info", 2, 2, run_info},
    {"keyslot", 3, 3, run_keyslot},
    {"ledger", 2, 2, run_ledger},
    {"links", 2, 2, run_links},
    {"meet", 4, 5, run_meet},
    {"myid", 2, 2, run_myid},
    {"myshardid", 2, 2, run_myshardid},
    {"nodes", 2, 2, run_nodes},
    {"replicas", 3, 3, run_replicas},
    {"replicate", 3, 3, run_replicate},
    {"reset", 2, 3, run_reset},
    {"saveconfig", 2, 2, run_saveconfig},
    {"set-config-epoch", 3, 3, run_set_config_epoch},
    {"setslot", 4, 5, run_setslot},
    {"shards", 2, 2, run_shards},
    {"slaves", 3, 3, run_replicas},
    {"slots", 2, 2, run_slots},
};

static void
run_help(OrrCommandContext *context)
{
    orr_reply_array(context->reply, G_N_ELEMENTS(SUBCOMMANDS));
    for (size_t i = 0; i < G_N_ELEMENTS(SUBCOMMANDS); i++) {
        orr_reply_simple(context->reply, SUBCOMMANDS[i].name);
    }
}

static void
run_cluster(OrrCommandContext *context)
{
    for (size_t i = 0; i < G_N_ELEMENTS(SUBCOMMANDS); i++) {
        const Subcommand *sub = &SUBCOMMANDS[i];

        if (!orr_word_is(context->args[1], sub->name)) {
            continue;
        }
        if (context->arg_count < sub->args_min || context->arg_count > sub->args_max) {
            orr_reply_error_about(context->reply, "ERR wrong number of arguments for 'cluster|",
                                  context->args[1], "' command");
            return;
        }
        sub->run(context);
        return;
    }
    orr_reply_error_about(context->reply, "ERR unknown subcommand '", context->args[1],
                          "'. Try CLUSTER HELP.");
}

const OrrCommand orr_commands_cluster[] = {
    {.name = "cluster",
     .arity = -2,
     .flags = ORR_COMMAND_ADMIN | ORR_COMMAND_STALE | ORR_COMMAND_LOADING,
     .group = ORR_GROUP_CLUSTER,
     .summary = "The cluster as this node sees it, and changes to it.",
     .since = "3.0.0",
     .run = run_cluster},
    {.name = NULL},
};
