#include "routing/router_state.h"

#include "wire/decimal.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#define REQUESTS_MAX (1u << 24)
#define PERCENT 100u

OrrRouterConfig
orr_router_config_default(void)
{
    return (OrrRouterConfig){.hash_slot_by = ORR_HASH_SLOT_BY_KEY,
                             .requests_max = 1000,
                             .attempts_max = 16,
                             .attempt_ns = ORR_NS_PER_S,
                             .request_ns = 5 * ORR_NS_PER_S,
                             .backoff_first_ns = 10 * ORR_NS_PER_MS,
                             .backoff_max_ns = ORR_NS_PER_S,
                             .reconnect_ns = 100 * ORR_NS_PER_MS,
                             .refresh_ns = 30 * ORR_NS_PER_S,
                             .refresh_min_ns = 100 * ORR_NS_PER_MS,
                             .node_share_percent = 50,
                             .queue_ns = 50 * ORR_NS_PER_MS,
                             .pipeline_max = 256};
}

static bool
is_sound(const OrrRouterConfig *config)
{
    return config->seeds != NULL && config->seed_count >= 1 &&
           config->seed_count <= ORR_ROUTER_SEEDS_MAX && config->requests_max >= 1 &&
           config->requests_max <= REQUESTS_MAX && config->attempts_max >= 1 &&
           config->attempt_ns > 0 && config->request_ns > 0 && config->backoff_first_ns > 0 &&
           config->backoff_max_ns >= config->backoff_first_ns && config->reconnect_ns >= 0 &&
           config->refresh_ns >= 0 && config->refresh_min_ns >= 0 &&
           config->node_share_percent >= 1 && config->node_share_percent <= PERCENT &&
           config->queue_ns >= 0 && config->pipeline_max >= 1;
}

OrrRouter *
orr_router_new(const OrrRouterConfig *config)
{
    if (config == NULL || !is_sound(config)) {
        return NULL;
    }
    OrrRouter *self = g_new0(OrrRouter, 1);

    self->config = *config;
    self->config.seeds = NULL; /* the caller's; they become nodes below */
    self->rng = orr_rng_stream(config->seed, orr_bytes_of_string("router"));
    self->share_max = MAX(
        1u, (uint32_t)((uint64_t)config->requests_max * config->node_share_percent / PERCENT));
    self->refresh_ns = ORR_NEVER;
    self->refreshed_ns = -config->refresh_min_ns;
    self->nodes = g_ptr_array_new();
    self->primaries = g_array_new(FALSE, FALSE, sizeof(uint16_t));
    self->requests = g_ptr_array_new();
    self->groups = g_ptr_array_new();
    self->free_groups = g_ptr_array_new();
    self->heap = g_ptr_array_new();
    self->fresh = g_ptr_array_new();
    self->by_slot = g_array_new(FALSE, FALSE, sizeof(Group *));
    self->effects = g_array_new(FALSE, FALSE, sizeof(Effect));
    self->arena = g_byte_array_new();
    memset(self->owner, 0xff, sizeof self->owner);
    for (size_t i = 0; i < config->seed_count; i++) {
        orr_router_node_get(self, &config->seeds[i])->seed = true;
    }
    return self;
}

void
orr_router_free(OrrRouter *router)
{
    if (router == NULL) {
        return;
    }
    for (guint i = 0; i < router->nodes->len; i++) {
        Node *node = node_at(router, i);

        g_free(node->received.data);
        g_free(node);
    }
    for (guint i = 0; i < router->requests->len; i++) {
        Request *request = g_ptr_array_index(router->requests, i);

        g_free(request->wire.data);
        g_free(request->refusal.data);
        g_free(request);
    }
    for (guint i = 0; i < router->groups->len; i++) {
        g_free(g_ptr_array_index(router->groups, i));
    }
    g_ptr_array_free(router->nodes, TRUE);
    g_ptr_array_free(router->requests, TRUE);
    g_ptr_array_free(router->groups, TRUE);
    g_ptr_array_free(router->free_groups, TRUE);
    g_ptr_array_free(router->heap, TRUE);
    g_ptr_array_free(router->fresh, TRUE);
    g_array_free(router->primaries, TRUE);
    g_array_free(router->by_slot, TRUE);
    g_array_free(router->effects, TRUE);
    g_byte_array_free(router->arena, TRUE);
    g_free(router->node_table);
    g_free(router);
}

/* --- time
 * -------------------------------------------------------------------------------------
 */

static void
expire_requests(OrrRouter *self)
{
    while (self->by_age.length > 0) {
        Request *request = self->by_age.head->data;
        Group *group = request->group;
        bool refused = request->refused && request->state != REQUEST_SENT;

        if (request->deadline_ns > self->now_ns) {
            break;
        }
        orr_router_finish(self, request, refused ? ORR_ROUTED_REFUSED : ORR_ROUTED_TIMED_OUT,
                          refused ? orr_bytes(request->refusal.data, request->refusal.size)
                                  : ORR_BYTES_EMPTY);
        orr_router_settle(self, group);
    }
}

static void
expire_connections(OrrRouter *self)
{
    OrrTime wait = self->config.attempt_ns;

    while (self->by_sent.length > 0) {
        const Request *request = self->by_sent.head->data;

        if (after(request->sent_ns, wait) > self->now_ns) {
            break;
        }
        orr_router_give_up(self, request->node);
    }
    while (self->connecting.length > 0) {
        Node *node = self->connecting.head->data;

        if (after(node->connect_ns, wait) > self->now_ns) {
            break;
        }
        orr_router_give_up(self, node);
    }
}

static void
expire_waits(OrrRouter *self)
{
    while (self->outside.length > 0) {
        Group *group = self->outside.head->data;

        if (group->until_ns > self->now_ns) {
            break;
        }
        orr_router_finish_group(self, group, ORR_ROUTED_OVERLOAD);
    }
    while (self->heap->len > 0) {
        Group *group = g_ptr_array_index(self->heap, 0);

        if (group->until_ns > self->now_ns) {
            break;
        }
        orr_router_dispatch(self, group);
    }
}

#ifdef ORR_PARANOID
static void
check_groups(const OrrRouter *self)
{
    uint32_t members = 0;
    uint32_t held = 0;

    for (guint i = 0; i < self->groups->len; i++) {
        const Group *group = g_ptr_array_index(self->groups, i);

        g_assert((group->state == GROUP_FREE) == (group->members.length == 0));
        g_assert(group->sent <= group->members.length);
        g_assert(group->sent == 0 || group->state == GROUP_QUEUED ||
                 group->state == GROUP_FLYING);
        members += group->members.length;
        held += group->admitted ? group->members.length : 0;
    }
    for (guint i = 0; i < self->nodes->len; i++) {
        const Node *node = node_at(self, i);

        g_assert(node->link == LINK_UP || node->flight.length == 0);
        g_assert(node->flight.length <= self->config.pipeline_max + 1);
        held -= node->held;
    }
    g_assert(members == self->by_age.length && held == 0);
}
#endif

static void
check_invariants(const OrrRouter *self)
{
    g_assert(self->by_age.length <= self->config.requests_max);
    g_assert(self->dirty.length == 0);
#ifdef ORR_PARANOID
    check_groups(self);
#endif
}

/* What every call begins with. Effects that the host has not taken yet stay. */
static void
begin(OrrRouter *self, OrrTime now)
{
    self->now_ns = MAX(self->now_ns, now);
    if (self->effect_next == self->effects->len) {
        g_array_set_size(self->effects, 0);
        g_byte_array_set_size(self->arena, 0);
        self->effect_next = 0;
    }
}

/* What every call ends with: all that is due is done, all that can be sent is sent. */
static void
run(OrrRouter *self)
{
    expire_requests(self);
    expire_connections(self);
    expire_waits(self);
    orr_router_refresh(self);
    while (self->dirty.length > 0) {
        Node *node = g_queue_pop_head_link(&self->dirty)->data;

        node->dirty = false;
        orr_router_admit(self, node);
        orr_router_pump(self, node);
    }
    check_invariants(self);
}

OrrTime
orr_router_deadline(const OrrRouter *router)
{
    OrrTime wait = router->config.attempt_ns;
    OrrTime due = router->refresh_node == NULL ? router->refresh_ns : ORR_NEVER;

    if (router->by_age.length > 0) {
        due = MIN(due, ((const Request *)router->by_age.head->data)->deadline_ns);
    }
    if (router->by_sent.length > 0) {
        due = MIN(due, after(((const Request *)router->by_sent.head->data)->sent_ns, wait));
    }
    if (router->connecting.length > 0) {
        due = MIN(due, after(((const Node *)router->connecting.head->data)->connect_ns, wait));
    }
    if (router->outside.length > 0) {
        due = MIN(due, ((const Group *)router->outside.head->data)->until_ns);
    }
    if (router->heap->len > 0) {
        due = MIN(due, ((const Group *)g_ptr_array_index(router->heap, 0))->until_ns);
    }
    return due;
}

/* --- submitting
 * -------------------------------------------------------------------------------
 */

static void
write_header(Buffer *buffer, uint8_t type, size_t value)
{
    uint8_t text[1 + ORR_DECIMAL_SIZE_MAX + 2] = {type};
    size_t size = 1 + orr_decimal_write((int64_t)value, text + 1);

    text[size++] = '\r';
    text[size++] = '\n';
    orr_router_buffer_append(buffer, text, size);
}

static void
write_command(Buffer *buffer, const OrrRouterCommand *command)
{
    write_header(buffer, '*', command->arg_count);
    for (size_t i = 0; i < command->arg_count; i++) {
        write_header(buffer, '$', command->args[i].size);
        orr_router_buffer_append(buffer, command->args[i].data, command->args[i].size);
        orr_router_buffer_append(buffer, "\r\n", 2);
    }
}

/* The group of this pipeline for `slot`, made if it is new. */
static Group *
group_of(OrrRouter *self, uint16_t slot)
{
    guint mask = self->by_slot->len - 1;
    guint at = slot & mask;

    for (;; at = (at + 1) & mask) {
        Group **place = &g_array_index(self->by_slot, Group *, at);

        if (*place == NULL) {
            *place = orr_router_group_take(self, slot);
            g_ptr_array_add(self->fresh, *place);
        }
        if ((*place)->slot == slot) {
            return *place;
        }
    }
}

static void
add_request(OrrRouter *self, const OrrRouterCommand *command)
{
    Group *group = group_of(
        self, orr_router_slot_of(command->args, command->arg_count, self->config.hash_slot_by));
    Request *request = orr_router_request_take(self);

    request->id = command->id;
    request->group = group;
    request->deadline_ns = after(self->now_ns, self->config.request_ns);
    write_command(&request->wire, command);
    g_queue_push_tail_link(&self->by_age, &request->by_age);
    g_queue_push_tail_link(&group->members, &request->in_group);
}

static void
clear_by_slot(OrrRouter *self, size_t count)
{
    guint size = 2;

    while (size < count * 2) {
        size *= 2;
    }
    g_array_set_size(self->by_slot, size);
    memset(self->by_slot->data, 0, size * sizeof(Group *));
}

/* In the order of their first commands. */
static void
dispatch_new(OrrRouter *self)
{
    for (guint i = 0; i < self->fresh->len; i++) {
        orr_router_dispatch(self, g_ptr_array_index(self->fresh, i));
    }
    g_ptr_array_set_size(self->fresh, 0);
}

OrrStatus
orr_router_submit(OrrRouter *router, OrrTime now, const OrrRouterCommand *commands,
                  size_t count)
{
    g_return_val_if_fail(router != NULL && (commands != NULL || count == 0), ORR_INVALID);
    for (size_t i = 0; i < count; i++) {
        if (commands[i].arg_count == 0 || commands[i].args == NULL) {
            return ORR_INVALID;
        }
    }
    if (count > router->config.requests_max - router->by_age.length) {
        return ORR_FULL;
    }
    begin(router, now);
    if (!router->begun && count > 0) {
        router->begun = true;
        orr_router_want_refresh(router, NULL);
    }
    clear_by_slot(router, count);
    router->counters.submitted += count;
    for (size_t i = 0; i < count; i++) {
        add_request(router, &commands[i]);
    }
    dispatch_new(router);
    run(router);
    return ORR_OK;
}

void
orr_router_received(OrrRouter *router, OrrTime now, uint32_t node, OrrBytes bytes)
{
    g_return_if_fail(router != NULL);
    begin(router, now);
    if (node_at(router, node) != NULL) {
        orr_router_on_received(router, node_at(router, node), bytes);
    }
    run(router);
}

void
orr_router_link(OrrRouter *router, OrrTime now, uint32_t node, bool up)
{
    g_return_if_fail(router != NULL);
    begin(router, now);
    if (node_at(router, node) != NULL) {
        orr_router_on_link(router, node_at(router, node), up);
    }
    run(router);
}

void
orr_router_time(OrrRouter *router, OrrTime now)
{
    g_return_if_fail(router != NULL);
    begin(router, now);
    run(router);
}

OrrStatus
orr_router_next(OrrRouter *router, OrrRouterEffect *effect)
{
    g_return_val_if_fail(router != NULL && effect != NULL, ORR_INVALID);
    if (router->effect_next == router->effects->len) {
        return ORR_NOT_FOUND;
    }
    const Effect *entry = &g_array_index(router->effects, Effect, router->effect_next++);

    *effect = entry->effect;
    effect->bytes = entry->size > 0
                        ? orr_bytes(router->arena->data + entry->offset, entry->size)
                        : ORR_BYTES_EMPTY;
    return ORR_OK;
}

/* --- looking
 * ----------------------------------------------------------------------------------
 */

void
orr_router_counters(const OrrRouter *router, OrrRouterCounters *counters)
{
    *counters = router->counters;
}

uint32_t
orr_router_held(const OrrRouter *router)
{
    return router->by_age.length;
}

uint32_t
orr_router_held_by(const OrrRouter *router, uint32_t node)
{
    const Node *found = node_at(router, node);

    return found != NULL ? found->held : 0;
}

OrrStatus
orr_router_owner(const OrrRouter *router, uint16_t slot, OrrAddress *address)
{
    if (slot >= ORR_SLOT_COUNT || router->owner[slot] == NO_NODE) {
        return ORR_NOT_FOUND;
    }
    *address = node_at(router, router->owner[slot])->address;
    return ORR_OK;
}

static uint64_t
mix(uint64_t digest, uint64_t value)
{
    return XXH64(&value, sizeof value, digest);
}

static uint64_t
digest_request(uint64_t digest, const Request *request)
{
    digest = mix(digest, request->id);
    digest = mix(digest, (uint64_t)request->state << 32 | request->attempts);
    digest = mix(digest, (uint64_t)request->deadline_ns);
    digest = mix(digest, (uint64_t)request->sent_ns);
    return XXH64(request->wire.data, request->wire.size, digest);
}

uint64_t
orr_router_digest(const OrrRouter *router)
{
    uint64_t digest = XXH64(router->owner, sizeof router->owner, router->serial);

    digest = XXH64(&router->rng, sizeof router->rng, digest);
    digest = XXH64(&router->counters, sizeof router->counters, digest);
    digest = mix(digest, (uint64_t)router->refresh_ns);
    for (guint i = 0; i < router->nodes->len; i++) {
        const Node *node = node_at(router, i);

        digest = XXH64(node->address.ip, sizeof node->address.ip, digest);
        digest = mix(digest, (uint64_t)node->address.port << 32 | node->held);
        digest = mix(digest, (uint64_t)node->link << 32 | node->flight.length);
        digest = mix(digest, (uint64_t)node->retry_ns);
        digest = XXH64(node->received.data, node->received.size, digest);
    }
    for (const GList *link = router->by_age.head; link != NULL; link = link->next) {
        const Request *request = link->data;

        digest = digest_request(digest, request);
        digest = mix(digest, (uint64_t)request->group->state << 56 | request->group->serial);
        digest = mix(digest, (uint64_t)request->group->until_ns);
    }
    return digest;
}
