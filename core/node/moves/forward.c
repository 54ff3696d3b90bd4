#include "node/moves/forward.h"

#include "node/clients/client.h"
#include "node/clients/transaction.h"
#include "node/moves/move.h"

static void
free_part(gpointer data)
{
    OrrForwardPart *part = data;

    g_bytes_unref(part->words);
    g_byte_array_unref(part->answer);
    g_free(part);
}

void
orr_forward_free(gpointer data)
{
    OrrForward *forward = data;

    g_ptr_array_unref(forward->parts);
    g_free(forward);
}

/* Beginning */

static GBytes *
encode_words(const OrrBytes *args, size_t count)
{
    GString *text = g_string_new(NULL);

    g_string_append_printf(text, "*%zu\r\n", count);
    for (size_t i = 0; i < count; i++) {
        g_string_append_printf(text, "$%zu\r\n", args[i].size);
        g_string_append_len(text, (const char *)args[i].data, (gssize)args[i].size);
        g_string_append(text, "\r\n");
    }
    return g_string_free_to_bytes(text);
}

static OrrForward *
forward_new(const OrrNode *node, const OrrCommandContext *context, OrrMergeKind merge)
{
    OrrForward *forward = g_new0(OrrForward, 1);
    const OrrClient *client = context->client;

    forward->client = client->id;
    forward->protocol = client->protocol;
    forward->merge = merge;
    forward->writes = (context->command->flags & ORR_COMMAND_WRITE) != 0;
    forward->until =
        node->now.mono_ns + MIN(ORR_FORWARD_PATIENCE, node->config.settings.node_timeout_ns);
    forward->parts = g_ptr_array_new_with_free_func(free_part);
    return forward;
}

static OrrForwardPart *
add_part(OrrForward *forward, const OrrBytes *args, size_t count, unsigned group)
{
    OrrForwardPart *part = g_new0(OrrForwardPart, 1);

    part->words = encode_words(args, count);
    part->answer = g_byte_array_new();
    part->group = group;
    g_ptr_array_add(forward->parts, part);
    return part;
}

/* A part for each shard that owns slots. */
static void
add_shards(const OrrNode *node, OrrForward *forward, const OrrBytes *args, size_t count,
           unsigned group)
{
    const OrrMembers *members = node->context.members;

    for (size_t i = 0; i < members->shard_count; i++) {
        if (members->shards[i]->slot_count > 0) {
            OrrForwardPart *part = add_part(forward, args, count, group);

            part->all = true;
            part->shard = members->shards[i]->id;
        }
    }
}

/* HSCAN gets everything at once: cursors of several nodes are no cursor. */
static void
add_scan(const OrrNode *node, OrrForward *forward, const OrrCommandContext *context)
{
    OrrBytes words[16];
    size_t count = MIN(context->arg_count, G_N_ELEMENTS(words) - 2);

    memcpy(words, context->args, count * sizeof words[0]);
    words[2] = orr_bytes_of_string("0");
    words[count++] = orr_bytes_of_string("COUNT");
    words[count++] = orr_bytes_of_string("1000000000");
    add_shards(node, forward, words, count, 0);
}

/* HSET, HDEL and HMGET over several slots: a part for each field. */
static void
add_fields(OrrForward *forward, const OrrCommandContext *context)
{
    size_t step = (size_t)context->command->field_step;

    for (size_t i = (size_t)context->command->field; i + step <= context->arg_count;
         i += step) {
        OrrBytes words[4] = {context->args[0], context->args[1], context->args[i]};

        if (step == 2) {
            words[3] = context->args[i + 1];
        }
        add_part(forward, words, 2 + step, 0)->slot = orr_slot_of_key(context->args[i]);
    }
}

/* DEL, EXISTS, TTL, ...: each key may be a hash with fields everywhere. */
static void
add_keys(const OrrNode *node, OrrForward *forward, const OrrCommandContext *context)
{
    for (size_t i = 1; i < context->arg_count; i++) {
        OrrBytes words[2] = {context->args[0], context->args[i]};

        add_shards(node, forward, words, 2, (unsigned)i);
    }
}

static bool
begin(OrrNode *node, const OrrCommandContext *context, OrrForward *forward)
{
    if (node->forwards->len >= ORR_FORWARDS_MAX || forward->parts->len == 0 ||
        forward->parts->len > ORR_FORWARD_PARTS_MAX) {
        orr_reply_error(context->reply, forward->parts->len == 0
                                            ? "CLUSTERDOWN The cluster is down"
                                            : "ERR too many commands are being forwarded");
        orr_forward_free(forward);
        return true;
    }
    g_ptr_array_add(node->forwards, forward);
    orr_client_wait(node, context->client, ORR_CLIENT_WAITS_FOR_PEER, ORR_NEVER);
    return true;
}

/* A command on one field, elsewhere. */
static bool
forward_whole(OrrNode *node, const OrrCommandContext *context)
{
    const OrrSlotMap *map = node->context.slotmap;
    OrrForward *forward;

    if (orr_slotmap_owns(map, context->slot, &orr_node_self(node)->shard->id) &&
        orr_node_is_primary(node)) {
        return false; /* its own: runs as any command does, unless it has gone already */
    }
    forward = forward_new(node, context, ORR_MERGE_NONE);
    add_part(forward, context->args, context->arg_count, 0)->slot = context->slot;
    return begin(node, context, forward);
}

static bool
gather(OrrNode *node, const OrrCommandContext *context, OrrMergeKind kind)
{
    OrrForward *forward = forward_new(node, context, kind);

    if (kind == ORR_MERGE_SCAN) {
        add_scan(node, forward, context);
    } else if (context->command->group == ORR_GROUP_HASH) {
        add_shards(node, forward, context->args, context->arg_count, 0);
    } else {
        add_keys(node, forward, context);
    }
    return begin(node, context, forward);
}

bool
orr_forward_takes(OrrNode *node, const OrrCommandContext *context, OrrCommandSlot kind)
{
    const OrrSettings *settings = &node->config.settings;
    const OrrClient *client = context->client;
    bool hash = context->command->group == ORR_GROUP_HASH;
    OrrMergeKind merge;

    if (settings->hash_slot_by != ORR_HASH_SLOT_BY_FIELD || kind == ORR_SLOT_NONE ||
        orr_forward_is_guest(node, client) || orr_transaction_is_open(client)) {
        return false;
    }
    if (hash && kind == ORR_SLOT_ONE) {
        return forward_whole(node, context);
    }
    merge = orr_merge_kind(context->command);
    if (merge == ORR_MERGE_NONE || settings->spread_commands == ORR_SPREAD_REFUSE) {
        return false;
    }
    if (hash && kind == ORR_SLOT_CROSS) {
        OrrForward *forward = forward_new(node, context, merge);

        add_fields(forward, context);
        return begin(node, context, forward);
    }
    return gather(node, context, merge);
}

/* Asking */

static bool
says(const OrrForwardPart *part, const char *begin)
{
    size_t size = strlen(begin);

    return part->answer->len >= size && memcmp(part->answer->data, begin, size) == 0;
}

static void
fail_part(OrrForwardPart *part)
{
    static const char TEXT[] = "-IOERR error or timeout waiting for another node\r\n";

    g_byte_array_set_size(part->answer, 0);
    g_byte_array_append(part->answer, (const guint8 *)TEXT, sizeof TEXT - 1);
    part->done = true;
}

/* "-ASK 3999 127.0.0.1:6381": that node, if it is a member. */
static bool
follow_ask(const OrrNode *node, OrrForwardPart *part)
{
    g_autofree char *text = g_strndup((const char *)part->answer->data, part->answer->len);
    char *place = strrchr(text, ' ');
    char *colon = place == NULL ? NULL : strrchr(place, ':');
    OrrAddress address;

    if (colon == NULL || orr_address_parse_ip(orr_bytes(place + 1, (size_t)(colon - place - 1)),
                                              &address) != ORR_OK) {
        return false;
    }
    for (size_t i = 0; i < node->context.members->count; i++) {
        const OrrMember *member = node->context.members->list[i];

        if (memcmp(member->address.ip, address.ip, sizeof address.ip) == 0 &&
            member->address.port == g_ascii_strtoull(colon + 1, NULL, 10)) {
            part->to = member->address;
            return true;
        }
    }
    return false;
}

/* The answer is whole: is it one, or is somebody else to be asked? */
static void
judge_answer(const OrrNode *node, OrrForwardPart *part)
{
    bool again = says(part, "-MOVED") || says(part, "-TRYAGAIN") ||
                 says(part, "-CLUSTERDOWN") || says(part, "-LOADING");

    part->asking = says(part, "-ASK ") && follow_ask(node, part);
    part->number = 0;
    if (!again && !part->asking) {
        part->done = true;
        return;
    }
    part->again_at = part->asking ? node->now.mono_ns : node->now.mono_ns + ORR_FORWARD_AGAIN;
    g_byte_array_set_size(part->answer, 0);
}

static const OrrMember *
owner_of(const OrrNode *node, const OrrForwardPart *part)
{
    if (part->all) {
        return orr_move_primary(node, &part->shard);
    }
    OrrSlotView view = orr_slotmap_get(node->context.slotmap, part->slot);

    return orr_id_is_none(&view.shard) ? NULL : orr_move_primary(node, &view.shard);
}

static void
ask(OrrNode *node, OrrForward *forward, OrrForwardPart *part, OrrEffects *out)
{
    const OrrMember *owner = owner_of(node, part);
    int protocol = forward->merge == ORR_MERGE_NONE ? forward->protocol : 2;
    gsize size = 0;
    const void *words = g_bytes_get_data(part->words, &size);
    OrrMove move = {.slot = part->slot, .body = orr_bytes(words, size)};

    move.flags = (uint8_t)((part->asking ? ORR_FORWARD_ASKING : 0u) |
                           (part->all ? ORR_FORWARD_ALL : 0u));
    move.verdict = (uint8_t)protocol;
    if (!part->asking && owner == orr_node_self(node)) {
        orr_forward_run(node, move.body, move.flags, protocol, part->answer);
        judge_answer(node, part);
        return;
    }
    part->again_at = node->now.mono_ns + ORR_FORWARD_AGAIN;
    if (!part->asking && owner == NULL) {
        return;
    }
    if (!part->asking) {
        part->to = owner->address;
    }
    part->number = move.number = orr_move_next_number(node);
    orr_move_send(node, &part->to, ORR_MESSAGE_FORWARD, &move, out);
}

/* Answers */

static OrrForwardPart *
find_part(const OrrNode *node, uint64_t number)
{
    for (guint i = 0; i < node->forwards->len; i++) {
        const OrrForward *forward = g_ptr_array_index(node->forwards, i);

        for (guint k = 0; k < forward->parts->len; k++) {
            OrrForwardPart *part = g_ptr_array_index(forward->parts, k);

            if (part->number == number) {
                return part;
            }
        }
    }
    return NULL;
}

void
orr_forward_on_answer(OrrNode *node, OrrMember *peer, const OrrMove *move, OrrEffects *out)
{
    OrrForwardPart *part = move->number == 0 ? NULL : find_part(node, move->number);

    (void)peer;
    (void)out;
    if (part == NULL) {
        return;
    }
    g_byte_array_append(part->answer, move->body.data, (guint)move->body.size);
    if ((move->flags & ORR_FORWARD_LAST) != 0) {
        judge_answer(node, part);
    }
}

void
orr_forward_link_down(OrrNode *node, const OrrAddress *peer)
{
    for (guint i = 0; i < node->forwards->len; i++) {
        OrrForward *forward = g_ptr_array_index(node->forwards, i);

        for (guint k = 0; k < forward->parts->len; k++) {
            OrrForwardPart *part = g_ptr_array_index(forward->parts, k);

            if (part->done || part->number == 0 || part->to.bus_port != peer->bus_port ||
                memcmp(part->to.ip, peer->ip, sizeof peer->ip) != 0) {
                continue;
            }
            if (forward->writes) {
                fail_part(part); /* it may have been done */
            } else {
                part->number = 0;
                part->asking = false;
                g_byte_array_set_size(part->answer, 0);
            }
        }
    }
}

static void
finish(OrrNode *node, OrrForward *forward)
{
    g_autoptr(GPtrArray) answers = g_ptr_array_new();
    g_autoptr(GArray) groups = g_array_new(false, true, sizeof(unsigned));

    for (guint i = 0; i < forward->parts->len; i++) {
        const OrrForwardPart *part = g_ptr_array_index(forward->parts, i);

        g_ptr_array_add(answers, part->answer);
        g_array_append_val(groups, part->group);
    }
    orr_reply_clear(node->reply);
    orr_reply_set_protocol(node->reply, forward->protocol);
    orr_merge_answers(forward->merge, (GByteArray *const *)answers->pdata,
                      (const unsigned *)(const void *)groups->data, answers->len, node->reply);
    orr_client_reply_later(node, forward->client, orr_reply_bytes(node->reply));
    orr_reply_clear(node->reply);
}

static bool
look_after(OrrNode *node, OrrForward *forward, OrrEffects *out)
{
    bool late = node->now.mono_ns >= forward->until;
    bool done = true;

    for (guint i = 0; i < forward->parts->len; i++) {
        OrrForwardPart *part = g_ptr_array_index(forward->parts, i);

        if (!part->done && late) {
            fail_part(part);
        } else if (!part->done && part->number == 0 && node->now.mono_ns >= part->again_at) {
            ask(node, forward, part, out);
        }
        done &= part->done;
    }
    return done;
}

void
orr_forward_settle(OrrNode *node, OrrEffects *out)
{
    guint kept = 0;

    if (node->forwards->len == 0) {
        return;
    }
    for (guint i = 0; i < node->forwards->len; i++) {
        OrrForward *forward = g_ptr_array_index(node->forwards, i);

        if (look_after(node, forward, out)) {
            finish(node, forward);
            orr_forward_free(forward);
        } else {
            node->forwards->pdata[kept++] = forward;
        }
    }
    g_ptr_array_set_size(node->forwards, (gint)kept);
}

OrrTime
orr_forward_deadline(const OrrNode *node)
{
    OrrTime deadline = ORR_NEVER;

    for (guint i = 0; i < node->forwards->len; i++) {
        const OrrForward *forward = g_ptr_array_index(node->forwards, i);

        deadline = MIN(deadline, forward->until);
        for (guint k = 0; k < forward->parts->len; k++) {
            const OrrForwardPart *part = g_ptr_array_index(forward->parts, k);

            if (!part->done && part->number == 0) {
                deadline = MIN(deadline, MAX(part->again_at, node->now.mono_ns));
            }
        }
    }
    return deadline;
}
