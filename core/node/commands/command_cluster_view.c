/* command_cluster_view.c - how a node shows the cluster to clients and operators' tools. */
#include "node/clients/client.h"

static void
add_flags(const OrrNode *node, const OrrMember *member, GString *text)
{
    bool suspected = member->probe.suspicion == ORR_SUSPICION_SILENT ||
                     member->probe.suspicion == ORR_SUSPICION_DEAD;

    if (member == orr_node_self(node)) {
        g_string_append(text, "myself,");
    }
    g_string_append(text, orr_member_is_primary(member) || member->role == ORR_ROLE_WITNESS
                              ? "master"
                              : "slave");
    if (member->state == ORR_MEMBER_FAILED) {
        g_string_append(text, ",fail");
    } else if (suspected) {
        g_string_append(text, ",fail?");
    }
}

static void
add_slots(const OrrNode *node, const OrrMember *member, GString *text)
{
    uint32_t cursor = 0;
    OrrSlotsRecord part;
    uint32_t first = UINT32_MAX;
    uint32_t last = 0;

    while (orr_slotmap_next(node->context.slotmap, &cursor, ORR_SLOT_COUNT - 1, &part) ==
           ORR_OK) {
        if (!orr_id_equal(&part.shard, &member->shard->id)) {
            continue;
        }
        if (first != UINT32_MAX && part.range.first == last + 1) {
            last = part.range.last; /* the same owner, claimed at another time */
            continue;
        }
        if (first != UINT32_MAX) {
            g_string_append_printf(text, first == last ? " %u" : " %u-%u", first, last);
        }
        first = part.range.first;
        last = part.range.last;
    }
    if (first != UINT32_MAX) {
        g_string_append_printf(text, first == last ? " %u" : " %u-%u", first, last);
    }
}

static void
add_open_slots(const OrrNode *node, GString *text)
{
    for (uint32_t slot = 0; slot < ORR_SLOT_COUNT; slot++) {
        OrrSlotView view = orr_slotmap_get(node->context.slotmap, (uint16_t)slot);
        char peer[ORR_ID_HEX_SIZE + 1];
        const OrrShard *shard;

        if (view.state == ORR_SLOT_STABLE) {
            continue;
        }
        shard = orr_members_shard(node->context.members, &view.peer);
        orr_id_format(shard != NULL ? &shard->primary : &view.peer, peer);
        g_string_append_printf(
            text, view.state == ORR_SLOT_MIGRATING ? " [%u->-%s]" : " [%u-<-%s]", slot, peer);
    }
}

static int64_t
wall_of(const OrrNode *node, OrrTime mono_ns)
{
    return mono_ns == 0
               ? 0
               : node->context.cluster_ms - (node->now.mono_ns - mono_ns) / ORR_NS_PER_MS;
}

static void
add_node_line(const OrrNode *node, const OrrMember *member, GString *text)
{
    char id[ORR_ID_HEX_SIZE + 1];
    char ip[ORR_ADDRESS_TEXT_SIZE];
    char primary[ORR_ID_HEX_SIZE + 1] = "-";
    bool is_primary = orr_member_is_primary(member) || member->role == ORR_ROLE_WITNESS;
    bool linked =
        member == orr_node_self(node) || member->probe.suspicion == ORR_SUSPICION_NONE;
    OrrTime asked = member->probe.awaiting;

    orr_id_format(&member->id, id);
    orr_address_format_ip(&member->address, ip);
    if (!is_primary && !orr_id_is_none(&member->shard->primary)) {
        orr_id_format(&member->shard->primary, primary);
    }
    g_string_append_printf(text, "%s %s:%u@%u ", id, ip, member->address.port,
                           member->address.bus_port);
    add_flags(node, member, text);
    g_string_append_printf(
        text, " %s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GUINT64_FORMAT " %s", primary,
        wall_of(node, asked), wall_of(node, member->probe.answered), member->shard->epoch,
        linked && member->state == ORR_MEMBER_ALIVE ? "connected" : "disconnected");
    if (orr_member_is_primary(member)) {
        add_slots(node, member, text);
    }
    if (member == orr_node_self(node)) {
        add_open_slots(node, text);
    }
    g_string_append_c(text, '\n');
}

static void
reply_text(OrrReply *reply, const GString *text)
{
    orr_reply_verbatim(reply, "txt", orr_bytes(text->str, text->len));
}

void
orr_reply_cluster_nodes(OrrNode *node, OrrReply *reply)
{
    g_autoptr(GString) text = g_string_new(NULL);
    const OrrMembers *members = node->context.members;

    for (size_t i = 0; i < members->count; i++) {
        if (orr_member_counts(members->list[i])) {
            add_node_line(node, members->list[i], text);
        }
    }
    reply_text(reply, text);
}

void
orr_reply_cluster_replicas(OrrNode *node, const OrrMember *primary, OrrReply *reply)
{
    const OrrMembers *members = node->context.members;
    size_t at = orr_reply_size(reply);
    size_t count = 0;

    for (size_t i = 0; i < members->count; i++) {
        const OrrMember *member = members->list[i];

        if (member->shard == primary->shard && member != primary && orr_member_counts(member)) {
            g_autoptr(GString) text = g_string_new(NULL);

            add_node_line(node, member, text);
            g_string_truncate(text, text->len - 1);
            orr_reply_bulk(reply, orr_bytes(text->str, text->len));
            count++;
        }
    }
    orr_reply_insert_array(reply, at, count);
}

/* CLUSTER SLOTS */

static void
reply_slot_node(OrrReply *reply, const OrrMember *member)
{
    char id[ORR_ID_HEX_SIZE + 1];
    char ip[ORR_ADDRESS_TEXT_SIZE];

    orr_id_format(&member->id, id);
    orr_address_format_ip(&member->address, ip);
    orr_reply_array(reply, 4);
    orr_reply_bulk_string(reply, ip);
    orr_reply_integer(reply, member->address.port);
    orr_reply_bulk_string(reply, id);
    orr_reply_array(reply, 0);
}

static bool
serves_readers(const OrrMember *member, const OrrMember *primary)
{
    return member != primary && member->shard == primary->shard &&
           member->state == ORR_MEMBER_ALIVE && member->role != ORR_ROLE_WITNESS;
}

static void
reply_slot_range(OrrNode *node, OrrReply *reply, const OrrSlotRange *range,
                 const OrrMember *primary)
{
    const OrrMembers *members = node->context.members;
    size_t replicas = 0;

    for (size_t i = 0; i < members->count; i++) {
        replicas += serves_readers(members->list[i], primary);
    }
    orr_reply_array(reply, 3 + replicas);
    orr_reply_integer(reply, range->first);
    orr_reply_integer(reply, range->last);
    reply_slot_node(reply, primary);
    for (size_t i = 0; i < members->count; i++) {
        if (serves_readers(members->list[i], primary)) {
            reply_slot_node(reply, members->list[i]);
        }
    }
}

void
orr_reply_cluster_slots(OrrNode *node, OrrReply *reply)
{
    uint32_t cursor = 0;
    OrrSlotsRecord part;
    size_t at = orr_reply_size(reply);
    size_t count = 0;

    while (orr_slotmap_next(node->context.slotmap, &cursor, ORR_SLOT_COUNT - 1, &part) ==
           ORR_OK) {
        OrrShard *shard = orr_members_shard(node->context.members, &part.shard);
        const OrrMember *primary =
            shard == NULL ? NULL : orr_members_primary_of(node->context.members, shard);

        if (primary != NULL) {
            reply_slot_range(node, reply, &part.range, primary);
            count++;
        }
    }
    orr_reply_insert_array(reply, at, count);
}

/* CLUSTER SHARDS */

static void
reply_shard_node(OrrNode *node, OrrReply *reply, const OrrMember *member)
{
    char id[ORR_ID_HEX_SIZE + 1];
    char ip[ORR_ADDRESS_TEXT_SIZE];
    bool self = member == orr_node_self(node);

    orr_id_format(&member->id, id);
    orr_address_format_ip(&member->address, ip);
    orr_reply_map(reply, 7);
    orr_reply_bulk_string(reply, "id");
    orr_reply_bulk_string(reply, id);
    orr_reply_bulk_string(reply, "port");
    orr_reply_integer(reply, member->address.port);
    orr_reply_bulk_string(reply, "ip");
    orr_reply_bulk_string(reply, ip);
    orr_reply_bulk_string(reply, "endpoint");
    orr_reply_bulk_string(reply, ip);
    orr_reply_bulk_string(reply, "role");
    orr_reply_bulk_string(reply, orr_member_is_primary(member) ? "master" : "replica");
    orr_reply_bulk_string(reply, "replication-offset");
    orr_reply_integer(reply, (int64_t)(self ? node->context.offset : member->offset));
    orr_reply_bulk_string(reply, "health");
    orr_reply_bulk_string(reply, member->state == ORR_MEMBER_FAILED ? "fail"
                                 : self && node->context.loading    ? "loading"
                                                                    : "online");
}

static void
reply_shard_slots(OrrNode *node, OrrReply *reply, const OrrShard *shard)
{
    uint32_t cursor = 0;
    OrrSlotsRecord part;
    size_t at = orr_reply_size(reply);
    size_t count = 0;

    while (orr_slotmap_next(node->context.slotmap, &cursor, ORR_SLOT_COUNT - 1, &part) ==
           ORR_OK) {
        if (orr_id_equal(&part.shard, &shard->id)) {
            orr_reply_integer(reply, part.range.first);
            orr_reply_integer(reply, part.range.last);
            count += 2;
        }
    }
    orr_reply_insert_array(reply, at, count);
}

void
orr_reply_cluster_shards(OrrNode *node, OrrReply *reply)
{
    const OrrMembers *members = node->context.members;
    size_t at = orr_reply_size(reply);
    size_t shards = 0;

    for (size_t i = 0; i < members->shard_count; i++) {
        const OrrShard *shard = members->shards[i];
        size_t nodes_at;
        size_t nodes = 0;

        if (shard->epoch == 0) {
            continue;
        }
        orr_reply_map(reply, 2);
        orr_reply_bulk_string(reply, "slots");
        reply_shard_slots(node, reply, shard);
        orr_reply_bulk_string(reply, "nodes");
        nodes_at = orr_reply_size(reply);
        for (size_t k = 0; k < members->count; k++) {
            if (members->list[k]->shard == shard && orr_member_counts(members->list[k])) {
                reply_shard_node(node, reply, members->list[k]);
                nodes++;
            }
        }
        orr_reply_insert_array(reply, nodes_at, nodes);
        shards++;
    }
    orr_reply_insert_array(reply, at, shards);
}

void
orr_reply_cluster_info(OrrNode *node, OrrReply *reply)
{
    g_autoptr(GString) text = g_string_new(NULL);
    const OrrMembers *members = node->context.members;
    uint32_t size = 0;
    uint32_t known = 0;
    uint32_t unassigned = orr_slotmap_uncovered(node->context.slotmap);
    bool fenced;

    for (size_t i = 0; i < members->shard_count; i++) {
        size += members->shards[i]->slot_count > 0;
    }
    for (size_t i = 0; i < members->count; i++) {
        known += orr_member_counts(members->list[i]);
    }
    /* an owner that is fenced refuses its slots: whoever waits for "ok" waits for that, too */
    fenced = orr_node_is_primary(node) && orr_node_self(node)->shard->slot_count > 0 &&
             node->fence != ORR_FENCE_NONE;
    g_string_append_printf(text, "cluster_enabled:1\r\ncluster_state:%s\r\n",
                           node->cluster_ok && !fenced ? "ok" : "fail");
    g_string_append_printf(text, "cluster_slots_assigned:%u\r\n", ORR_SLOT_COUNT - unassigned);
    g_string_append_printf(text, "cluster_slots_ok:%u\r\ncluster_slots_pfail:0\r\n",
                           ORR_SLOT_COUNT - node->slots_uncovered);
    g_string_append_printf(text, "cluster_slots_fail:%u\r\n",
                           node->slots_uncovered - unassigned);
    g_string_append_printf(text, "cluster_known_nodes:%u\r\ncluster_size:%u\r\n", known, size);
    g_string_append_printf(text,
                           "cluster_current_epoch:%" G_GUINT64_FORMAT
                           "\r\ncluster_my_epoch:%" G_GUINT64_FORMAT "\r\n",
                           node->context.current_epoch, orr_node_self(node)->shard->epoch);
    g_string_append_printf(text, "cluster_stats_messages_sent:%" G_GUINT64_FORMAT "\r\n",
                           node->sender.sequence);
    g_string_append(text, "total_cluster_links_buffer_limit_exceeded:0\r\n");
    reply_text(reply, text);
}
