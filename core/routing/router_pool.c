#include "routing/router_state.h"

void
orr_router_buffer_append(Buffer *buffer, const void *data, size_t size)
{
    if (size == 0) {
        return;
    }
    if (buffer->room - buffer->size < size) {
        buffer->room = MAX(buffer->size + size, MAX((size_t)64, buffer->room * 2));
        buffer->data = g_realloc(buffer->data, buffer->room);
    }
    memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
}

void
orr_router_buffer_set(Buffer *buffer, OrrBytes bytes)
{
    buffer->size = 0;
    orr_router_buffer_append(buffer, bytes.data, bytes.size);
}

static Request *
new_request(OrrRouter *self)
{
    Request *request = g_new0(Request, 1);

    request->by_age.data = request;
    request->by_sent.data = request;
    request->in_flight.data = request;
    request->in_group.data = request;
    g_ptr_array_add(self->requests, request);
    return request;
}

Request *
orr_router_request_take(OrrRouter *self)
{
    GList *link = g_queue_pop_tail_link(&self->free_requests);
    Request *request = link != NULL ? link->data : new_request(self);

    request->state = REQUEST_UNSENT;
    request->id = 0;
    request->group = NULL;
    request->node = NULL;
    request->answered_by = NULL;
    request->deadline_ns = ORR_NEVER;
    request->sent_ns = 0;
    request->attempts = 0;
    request->asking_due = false;
    request->unanswered = false;
    request->refused = false;
    request->wire.size = 0;
    request->refusal.size = 0;
    return request;
}

void
orr_router_request_release(OrrRouter *self, Request *request)
{
    g_assert(request->state != REQUEST_FREE);
    request->state = REQUEST_FREE;
    request->group = NULL;
    g_queue_push_tail_link(&self->free_requests, &request->by_age);
}

static Group *
new_group(OrrRouter *self)
{
    Group *group = g_new0(Group, 1);

    group->in_node.data = group;
    group->by_wait.data = group;
    g_queue_init(&group->members);
    g_ptr_array_add(self->groups, group);
    return group;
}

Group *
orr_router_group_take(OrrRouter *self, uint16_t slot)
{
    GPtrArray *free = self->free_groups;
    Group *group = free->len > 0 ? g_ptr_array_index(free, free->len - 1) : new_group(self);

    if (free->len > 0) {
        g_ptr_array_set_size(free, (gint)free->len - 1);
    }
    group->state = GROUP_FLYING;
    group->slot = slot;
    group->serial = ++self->serial;
    group->node = NULL;
    group->target = NULL;
    group->admitted = false;
    group->asking = false;
    group->verdict = VERDICT_NONE;
    group->sent = 0;
    group->pauses = 0;
    group->redirects = 0;
    group->until_ns = ORR_NEVER;
    return group;
}

void
orr_router_group_release(OrrRouter *self, Group *group)
{
    g_assert(group->state == GROUP_FLYING && group->members.length == 0 && !group->admitted);
    group->state = GROUP_FREE;
    g_ptr_array_add(self->free_groups, group);
}

/* --- the heap of pauses
 * -----------------------------------------------------------------------
 */

static Group *
heap_at(const OrrRouter *self, guint index)
{
    return g_ptr_array_index(self->heap, index);
}

static bool
sooner(const Group *a, const Group *b)
{
    return a->until_ns < b->until_ns || (a->until_ns == b->until_ns && a->serial < b->serial);
}

static void
heap_put(OrrRouter *self, guint index, Group *group)
{
    g_ptr_array_index(self->heap, index) = group;
    group->heap_index = index;
}

static void
heap_rise(OrrRouter *self, guint index, Group *group)
{
    while (index > 0 && sooner(group, heap_at(self, (index - 1) / 2))) {
        heap_put(self, index, heap_at(self, (index - 1) / 2));
        index = (index - 1) / 2;
    }
    heap_put(self, index, group);
}

static void
heap_sink(OrrRouter *self, guint index, Group *group)
{
    for (;;) {
        guint child = index * 2 + 1;

        if (child + 1 < self->heap->len &&
            sooner(heap_at(self, child + 1), heap_at(self, child))) {
            child++;
        }
        if (child >= self->heap->len || !sooner(heap_at(self, child), group)) {
            break;
        }
        heap_put(self, index, heap_at(self, child));
        index = child;
    }
    heap_put(self, index, group);
}

void
orr_router_heap_push(OrrRouter *self, Group *group)
{
    g_ptr_array_add(self->heap, group);
    heap_rise(self, self->heap->len - 1, group);
}

void
orr_router_heap_remove(OrrRouter *self, Group *group)
{
    guint index = group->heap_index;
    guint last = self->heap->len - 1;
    Group *moved = heap_at(self, last);

    g_assert(heap_at(self, index) == group);
    g_ptr_array_set_size(self->heap, (gint)last);
    if (moved == group) {
        return;
    }
    if (index > 0 && sooner(moved, heap_at(self, (index - 1) / 2))) {
        heap_rise(self, index, moved);
    } else {
        heap_sink(self, index, moved);
    }
}

/* --- effects
 * ----------------------------------------------------------------------------------
 */

void
orr_router_emit(OrrRouter *self, const OrrRouterEffect *effect, OrrBytes bytes)
{
    Effect entry = {.effect = *effect, .offset = self->arena->len, .size = bytes.size};

    if (bytes.size > 0) {
        g_byte_array_append(self->arena, bytes.data, (guint)bytes.size);
    }
    g_array_append_val(self->effects, entry);
}

void
orr_router_emit_send(OrrRouter *self, const Node *node, size_t offset)
{
    Effect entry = {
        .effect = {.type = ORR_ROUTER_SEND, .node = node->index, .address = node->address},
        .offset = offset,
        .size = self->arena->len - offset};

    if (entry.size > 0) {
        g_array_append_val(self->effects, entry);
    }
}
