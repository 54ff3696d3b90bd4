/* command_cluster_slots.c - CLUSTER ADDSLOTS, DELSLOTS, SETSLOT, ...: who owns slots, and what
 * is in them. */
#include "node/commands/command_cluster.h"

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

/* Slots that a command has named so far. */
typedef struct Named {
    uint8_t bits[ORR_SLOT_COUNT / 8];
} Named;

/* One slot of a command that adds or deletes; false: it may not, and the client is told. */
static bool
slot_fits(OrrCommandContext *context, uint32_t slot, bool must_be_owned, Named *named)
{
    const OrrNode *node = orr_command_node(context);
    OrrSlotView view = orr_slotmap_get(node->context.slotmap, (uint16_t)slot);
    unsigned bit = 1u << slot % 8;
    const char *why = NULL;
    char text[64];

    if (orr_id_is_none(&view.shard) == must_be_owned) {
        why =
            must_be_owned ? "ERR Slot %u is already unassigned" : "ERR Slot %u is already busy";
    } else if ((named->bits[slot / 8] & bit) != 0) {
        why = "ERR Slot %u specified multiple times";
    }
    named->bits[slot / 8] |= (uint8_t)bit;
    if (why != NULL) {
        const char *number = strstr(why, "%u");

        g_snprintf(text, sizeof text, "%.*s%u%s", (int)(number - why), why, slot, number + 2);
        orr_reply_error(context->reply, text);
    }
    return why == NULL;
}

/* The slot in word `word`, or the range that begins there. */
static bool
parse_range(OrrCommandContext *context, size_t word, bool pairs, uint16_t *first,
            uint16_t *last)
{
    char text[96];

    if (!orr_cluster_parse_slot(context, context->args[word], first) ||
        !orr_cluster_parse_slot(context, context->args[word + (pairs ? 1 : 0)], last)) {
        return false;
    }
    if (*first > *last) {
        g_snprintf(text, sizeof text,
                   "ERR start slot number %u is greater than end slot number %u", *first,
                   *last);
        orr_reply_error(context->reply, text);
        return false;
    }
    return true;
}

static bool
all_fit(OrrCommandContext *context, bool pairs, bool must_be_owned)
{
    Named named = {{0}};

    for (size_t i = 2; i < context->arg_count; i += pairs ? 2 : 1) {
        uint16_t first;
        uint16_t last;

        if (!parse_range(context, i, pairs, &first, &last)) {
            return false;
        }
        for (uint32_t slot = first; slot <= last; slot++) {
            if (!slot_fits(context, slot, must_be_owned, &named)) {
                return false;
            }
        }
    }
    return true;
}

/* Words from 2 on are slots, or pairs of first and last: all are checked before the first is
 * changed. */
static bool
for_each_range(OrrCommandContext *context, bool pairs, bool must_be_owned,
               void (*use)(OrrCommandContext *context, uint16_t first, uint16_t last))
{
    if (!all_fit(context, pairs, must_be_owned)) {
        return false;
    }
    for (size_t i = 2; i < context->arg_count; i += pairs ? 2 : 1) {
        uint16_t first;
        uint16_t last;

        if (parse_range(context, i, pairs, &first, &last)) {
            use(context, first, last);
        }
    }
    return true;
}

static void
add_range(OrrCommandContext *context, uint16_t first, uint16_t last)
{
    claim(context, first, last, &orr_node_self(orr_command_node(context))->shard->id);
}

/* Nobody but its owner gives a slot up, or anybody when nobody of the owner's shard is left. */
static void
delete_range(OrrCommandContext *context, uint16_t first, uint16_t last)
{
    OrrNode *node = orr_command_node(context);
    uint32_t cursor = first;
    OrrSlotsRecord part;

    while (orr_slotmap_next(node->context.slotmap, &cursor, last, &part) == ORR_OK) {
        if (orr_id_equal(&part.shard, &orr_node_self(node)->shard->id) ||
            orr_node_shard_is_dead(node, &part.shard)) {
            claim(context, part.range.first, part.range.last, &ORR_ID_NONE);
        }
    }
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
        orr_cluster_trace_admin(context);
        orr_node_recount_slots(node);
        orr_node_save_identity(node, node->out);
        orr_reply_ok(context->reply);
    }
}

void
orr_cluster_addslots(OrrCommandContext *context)
{
    change_slots(context, false, true);
}

void
orr_cluster_addslotsrange(OrrCommandContext *context)
{
    change_slots(context, true, true);
}

void
orr_cluster_delslots(OrrCommandContext *context)
{
    change_slots(context, false, false);
}

void
orr_cluster_delslotsrange(OrrCommandContext *context)
{
    change_slots(context, true, false);
}

void
orr_cluster_flushslots(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);
    const OrrShard *own = orr_node_self(node)->shard;
    uint32_t cursor = 0;
    OrrSlotsRecord part;

    if (orr_keyspace_count(context->keyspace) > 0) {
        orr_reply_error(context->reply, "ERR DB must be empty to perform CLUSTER FLUSHSLOTS.");
        return;
    }
    orr_cluster_trace_admin(context);
    while (orr_slotmap_next(node->context.slotmap, &cursor, ORR_SLOT_COUNT - 1, &part) ==
           ORR_OK) {
        if (orr_id_equal(&part.shard, &own->id)) {
            delete_range(context, part.range.first, part.range.last);
        }
    }
    orr_node_save_identity(node, node->out);
    orr_reply_ok(context->reply);
}

/* What is in them */

void
orr_cluster_countkeysinslot(OrrCommandContext *context)
{
    int64_t number;
    uint16_t slot;

    if (!orr_integer_arg(context, 2, &number)) {
        return;
    }
    if (number < 0 || number >= (int64_t)ORR_SLOT_COUNT) {
        orr_reply_error(context->reply, "ERR Invalid slot");
        return;
    }
    slot = (uint16_t)number;
    /* what is here of an importing slot still counts as the source's, or redis-cli --cluster
     * fix would take this node for an owner */
    orr_reply_integer(context->reply,
                      orr_slotmap_get(orr_command_node(context)->context.slotmap, slot).state ==
                              ORR_SLOT_IMPORTING
                          ? 0
                          : (int64_t)orr_keyspace_count_slot(context->keyspace, slot));
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

void
orr_cluster_getkeysinslot(OrrCommandContext *context)
{
    int64_t slot;
    int64_t room;
    uint64_t cursor = 0;
    size_t at = orr_reply_size(context->reply);
    KeyList list = {context->reply, 0, 0};

    if (!orr_integer_arg(context, 2, &slot) || !orr_integer_arg(context, 3, &room)) {
        return;
    }
    if (slot < 0 || slot >= (int64_t)ORR_SLOT_COUNT || room < 0) {
        orr_reply_error(context->reply, "ERR Invalid slot or number of keys");
        return;
    }
    list.room = (size_t)room;
    do {
        cursor = orr_keyspace_scan_slot(context->keyspace, (uint16_t)slot, cursor, 64,
                                        ORR_ANY_TIME, list_key, &list);
    } while (cursor != 0 && list.count < list.room);
    orr_reply_insert_array(context->reply, at, list.count);
}
