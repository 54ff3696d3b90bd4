/* command_migrate.c - MIGRATE: keys go to another node. A node of this cluster gets them over
 * the bus, in pieces, with their versions; see move.h. */
#include "node/clients/client.h"
#include "node/commands/command_util.h"
#include "node/moves/migrate.h"

typedef struct Wish {
    OrrMigrate migrate;
    OrrAddress address;
} Wish;

/* COPY, REPLACE, AUTH x, AUTH2 x y, KEYS k...; false: wrong, and the client is told. */
static bool
read_options(OrrCommandContext *context, OrrMigrate *wish)
{
    for (size_t i = 6; i < context->arg_count; i++) {
        OrrBytes word = context->args[i];
        size_t left = context->arg_count - i - 1;

        if (orr_arg_is(word, "copy")) {
            wish->copy = true;
        } else if (orr_arg_is(word, "replace")) {
            wish->replace = true;
        } else if (orr_arg_is(word, "auth") && left >= 1) {
            i += 1; /* members know each other by the bus; others are asked by host.c */
        } else if (orr_arg_is(word, "auth2") && left >= 2) {
            i += 2;
        } else if (orr_arg_is(word, "keys") && context->args[3].size == 0 && left >= 1) {
            wish->keys = context->args + i + 1;
            wish->key_count = left;
            return true;
        } else if (orr_arg_is(word, "keys") && context->args[3].size > 0) {
            orr_reply_error(context->reply,
                            "ERR When using MIGRATE KEYS option, the key argument must be set "
                            "to the empty string");
            return false;
        } else {
            orr_reply_error(context->reply, ORR_ERROR_SYNTAX);
            return false;
        }
    }
    return true;
}

static bool
read_numbers(OrrCommandContext *context, OrrMigrate *wish)
{
    int64_t database;
    int64_t timeout_ms;

    if (!orr_parse_integer(context->args[4], &database) ||
        !orr_parse_integer(context->args[5], &timeout_ms)) {
        orr_reply_error(context->reply, ORR_ERROR_NOT_INTEGER);
        return false;
    }
    if (database != 0) {
        orr_reply_error(context->reply, "ERR DB index is out of range");
        return false;
    }
    timeout_ms = timeout_ms <= 0 ? 1000 : MIN(timeout_ms, INT64_C(86400000));
    wish->timeout_ns = timeout_ms * ORR_NS_PER_MS;
    return true;
}

static const OrrMember *
find_target(OrrCommandContext *context)
{
    const OrrMembers *members = orr_command_node(context)->context.members;
    OrrAddress address;
    uint64_t port;

    if (!orr_parse_u64(context->args[2], &port) || port == 0 || port > 65535 ||
        orr_address_parse_ip(context->args[1], &address) != ORR_OK) {
        return NULL;
    }
    for (size_t i = 0; i < members->count; i++) {
        const OrrMember *member = members->list[i];

        if (member->address.port == port && orr_member_counts(member) &&
            memcmp(member->address.ip, address.ip, sizeof address.ip) == 0) {
            return member;
        }
    }
    return NULL;
}

static bool
slots_fit(OrrCommandContext *context, const OrrMigrate *wish)
{
    uint16_t slot = orr_slot_of_key(wish->keys[0]);

    for (size_t i = 1; i < wish->key_count; i++) {
        if (orr_slot_of_key(wish->keys[i]) != slot) {
            orr_reply_error(context->reply,
                            "CROSSSLOT Keys in request don't hash to the same slot");
            return false;
        }
    }
    return true;
}

/* Only a primary has keys to give. */
static bool
may_give(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);

    if (!orr_node_is_primary(node)) {
        orr_reply_error(context->reply,
                        "READONLY You can't write against a read only replica.");
        return false;
    }
    return orr_route_may_write(node, ORR_COMMAND_WRITE);
}

/* Another transfer has the key: this one waits its turn. */
static bool
must_wait(OrrCommandContext *context, const OrrMigrate *wish)
{
    OrrNode *node = orr_command_node(context);
    uint16_t slot = orr_slot_of_key(wish->keys[0]);
    bool taken = false;

    for (size_t i = 0; i < wish->key_count; i++) {
        taken |= orr_node_is_frozen(node, slot, wish->keys[i]) ||
                 orr_node_is_staged(node, slot, wish->keys[i]);
    }
    if (taken && !orr_client_park(node, context->client)) {
        orr_reply_error(context->reply, "TRYAGAIN another transfer has this key");
    }
    return taken;
}

static void
begin(OrrCommandContext *context, OrrMigrate *wish)
{
    OrrNode *node = orr_command_node(context);
    OrrClient *client = orr_command_client(context);

    if (must_wait(context, wish)) {
        return;
    }
    switch (orr_node_migrate(node, wish, node->out)) {
    case ORR_MIGRATE_BEGUN:
        orr_client_wait(node, client, ORR_CLIENT_WAITS_FOR_PEER, ORR_NEVER);
        break;
    case ORR_MIGRATE_NO_KEY:
        orr_reply_simple(context->reply, "NOKEY");
        break;
    case ORR_MIGRATE_BUSY:
        orr_reply_error(context->reply, "TRYAGAIN too many transfers are under way");
        break;
    }
}

static void
run_migrate(OrrCommandContext *context)
{
    OrrNode *node = orr_command_node(context);
    OrrMigrate wish = {
        .client = orr_command_client(context)->id, .keys = context->args + 3, .key_count = 1};

    if (!read_options(context, &wish) || !read_numbers(context, &wish) || !may_give(context) ||
        !slots_fit(context, &wish)) {
        return;
    }
    wish.target = find_target(context);
    if (wish.target == NULL) {
        orr_reply_error(context->reply, "ERR the target is no member of this cluster");
    } else if (wish.target == orr_node_self(node) ||
               wish.target->shard == orr_node_self(node)->shard) {
        orr_reply_error(context->reply, "ERR the target is this shard itself");
    } else if (!orr_member_is_primary(wish.target)) {
        orr_reply_error(context->reply, "ERR Target instance replied with error: READONLY You "
                                        "can't write against a read only replica.");
    } else {
        begin(context, &wish);
    }
}

const OrrCommand orr_commands_migrate[] = {
    {.name = "migrate",
     .arity = -6,
     .flags = ORR_COMMAND_WRITE | ORR_COMMAND_NO_MULTI,
     .group = ORR_GROUP_GENERIC,
     .summary = "Moves keys to another node.",
     .since = "2.6.0",
     .run = run_migrate},
    ORR_COMMANDS_END,
};
