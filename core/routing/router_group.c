#include "routing/router_state.h"

void
orr_router_mark(OrrRouter *self, Node *node)
{
    if (!node->dirty) {
        node->dirty = true;
        g_queue_push_tail_link(&self->dirty, &node->in_dirty);
    }
}

/* The node's share shrinks by `count` requests: somebody outside may come in. */
static void
release_share(OrrRouter *self, Node *node, uint32_t count)
{
    g_assert(node->held >= count);
    node->held -= count;
    orr_router_mark(self, node);
}

/* Takes the group out of whatever it waits in; after this it waits for nothing. */
static void
take_out(OrrRouter *self, Group *group)
{
    switch (group->state) {
    case GROUP_QUEUED:
        g_queue_unlink(&group->node->queue, &group->in_node);
        break;
    case GROUP_OUTSIDE:
        g_queue_unlink(&group->node->outside, &group->in_node);
        g_queue_unlink(&self->outside, &group->by_wait);
        break;
    case GROUP_PAUSED:
        orr_router_heap_remove(self, group);
        break;
    case GROUP_PARKED:
        g_queue_unlink(&self->parked, &group->in_node);
        break;
    case GROUP_FLYING:
    case GROUP_FREE:
        break;
    }
    group->state = GROUP_FLYING;
}

static void
leave_node(OrrRouter *self, Group *group)
{
    if (group->admitted) {
        group->admitted = false;
        release_share(self, group->node, group->members.length);
    }
    group->node = NULL;
}

static void
count_outcome(OrrRouterCounters *counters, OrrRouterOutcome outcome)
{
    switch (outcome) {
    case ORR_ROUTED_ANSWERED:
        counters->answered++;
        break;
    case ORR_ROUTED_REFUSED:
        counters->refused++;
        break;
    case ORR_ROUTED_TIMED_OUT:
        counters->timed_out++;
        break;
    case ORR_ROUTED_LOST:
        counters->lost++;
        break;
    case ORR_ROUTED_OVERLOAD:
        counters->overloaded++;
        break;
    }
}

/* The one place where a request ends. One that is still in flight stays there as a ghost, so
 * that the answers behind its own find their requests. The caller settles the group. */
void
orr_router_finish(OrrRouter *self, Request *request, OrrRouterOutcome outcome, OrrBytes reply)
{
    Group *group = request->group;
    bool success = outcome == ORR_ROUTED_ANSWERED && reply.size > 0 && reply.data[0] != '-';
    bool in_flight = request->state == REQUEST_SENT;
    OrrRouterEffect done = {.type = ORR_ROUTER_DONE,
                            .node = request->answered_by != NULL ? request->answered_by->index
                                                                 : UINT32_MAX,
                            .id = request->id,
                            .outcome = outcome,
                            .maybe_executed = !success && (request->unanswered || in_flight),
                            .attempts = request->attempts};

    g_assert(group != NULL);
    count_outcome(&self->counters, outcome);
    orr_router_emit(self, &done, reply);
    g_queue_unlink(&group->members, &request->in_group);
    g_queue_unlink(&self->by_age, &request->by_age);
    request->group = NULL;
    if (group->admitted) {
        release_share(self, group->node, 1);
    }
    if (in_flight) {
        group->sent--;
        request->state = REQUEST_GHOST;
    } else {
        orr_router_request_release(self, request);
    }
}

static void
release_if_empty(OrrRouter *self, Group *group)
{
    if (group->members.length == 0) {
        take_out(self, group);
        leave_node(self, group);
        orr_router_group_release(self, group);
    }
}

/* Ends all members of a group of which none is in flight. */
void
orr_router_finish_group(OrrRouter *self, Group *group, OrrRouterOutcome outcome)
{
    g_assert(group->sent == 0);
    while (group->members.length > 0) {
        Request *request = group->members.head->data;
        bool refused = request->refused;
        OrrBytes reply =
            refused ? orr_bytes(request->refusal.data, request->refusal.size) : ORR_BYTES_EMPTY;

        /* OVERLOAD promises that nothing was sent */
        orr_router_finish(self, request,
                          request->attempts > 0 && outcome == ORR_ROUTED_OVERLOAD
                              ? (refused ? ORR_ROUTED_REFUSED : ORR_ROUTED_TIMED_OUT)
                              : outcome,
                          reply);
    }
    release_if_empty(self, group);
}

/* min(max, first * 2^pauses), and of that between half and all. */
static OrrTime
draw_pause(OrrRouter *self, uint32_t pauses)
{
    OrrTime first = self->config.backoff_first_ns;
    OrrTime most = self->config.backoff_max_ns;
    OrrTime pause = pauses >= 62 || first > most >> pauses ? most : first << pauses;

    return orr_rng_between(&self->rng, pause - pause / 2, pause);
}

static void
pause_group(OrrRouter *self, Group *group)
{
    group->state = GROUP_PAUSED;
    group->until_ns = after(self->now_ns, draw_pause(self, group->pauses));
    group->pauses++;
    group->redirects = 0;
    orr_router_heap_push(self, group);
}

static bool
has_room(const OrrRouter *self, const Node *node, const Group *group)
{
    uint32_t count = group->members.length;

    return node->held == 0 ||
           (count <= self->share_max && node->held <= self->share_max - count);
}

static void
enter_queue(OrrRouter *self, Group *group)
{
    Node *node = group->node;

    if (!group->admitted) {
        group->admitted = true;
        node->held += group->members.length;
    }
    group->state = GROUP_QUEUED;
    g_queue_push_tail_link(&node->queue, &group->in_node);
    orr_router_mark(self, node);
}

static void
wait_outside(OrrRouter *self, Group *group)
{
    if (self->config.queue_ns == 0) {
        orr_router_finish_group(self, group, ORR_ROUTED_OVERLOAD);
        return;
    }
    group->state = GROUP_OUTSIDE;
    group->until_ns = after(self->now_ns, self->config.queue_ns);
    g_queue_push_tail_link(&group->node->outside, &group->in_node);
    g_queue_push_tail_link(&self->outside, &group->by_wait);
}

/* Sends the group on its way: to where it must go, to the owner of its slot, or, while no map
 * was ever read, nowhere yet. */
void
orr_router_dispatch(OrrRouter *self, Group *group)
{
    Node *node = group->target != NULL ? group->target
                 : self->mapped        ? orr_router_node_for(self, group->slot)
                                       : NULL;

    take_out(self, group);
    if (node == NULL) {
        leave_node(self, group);
        group->state = GROUP_PARKED;
        g_queue_push_tail_link(&self->parked, &group->in_node);
        return;
    }
    if (node != group->node) {
        leave_node(self, group);
        group->node = node;
    }
    if (node->link == LINK_IDLE && self->now_ns < node->retry_ns) {
        group->target = group->asking ? node : NULL;
        orr_router_want_refresh(self, NULL);
        pause_group(self, group);
        return;
    }
    if (group->admitted || (node->outside.length == 0 && has_room(self, node, group))) {
        enter_queue(self, group);
    } else {
        wait_outside(self, group);
    }
}

/* Some of the node's share is free: those outside come in, in order. */
void
orr_router_admit(OrrRouter *self, Node *node)
{
    while (node->outside.length > 0) {
        Group *group = node->outside.head->data;

        if (!has_room(self, node, group)) {
            break;
        }
        take_out(self, group);
        enter_queue(self, group);
    }
}

/* A member was refused, or its answer was lost: nothing more of the group is sent. What the
 * first such member needs is what the whole group does. */
void
orr_router_seal(OrrRouter *self, Group *group, Verdict verdict)
{
    if (group->state == GROUP_QUEUED) {
        take_out(self, group);
    }
    if (group->verdict == VERDICT_NONE) {
        group->verdict = verdict;
    }
}

static void
try_again(OrrRouter *self, Group *group)
{
    Verdict verdict = group->verdict;

    for (GList *link = group->members.head; link != NULL; link = link->next) {
        Request *request = link->data;

        request->state = REQUEST_UNSENT;
    }
    group->verdict = VERDICT_NONE;
    if (verdict == VERDICT_REDIRECT && group->redirects < REDIRECTS_AT_ONCE) {
        group->redirects++;
        orr_router_dispatch(self, group);
        return;
    }
    if (verdict == VERDICT_REDIRECT && !group->asking) {
        group->target = NULL; /* the map may know better by then */
    }
    pause_group(self, group);
}

/* To be called whenever members left a group: it ends with the last of them, and once none is
 * in flight any more, those that were refused are tried again. */
void
orr_router_settle(OrrRouter *self, Group *group)
{
    if (group->members.length == 0) {
        release_if_empty(self, group);
    } else if (group->sent == 0 && group->verdict != VERDICT_NONE) {
        g_assert(group->state == GROUP_FLYING);
        try_again(self, group);
    }
}

static void
reroute_list(OrrRouter *self, GQueue *list)
{
    GList *next = NULL;

    for (GList *link = list->head; link != NULL; link = next) {
        Group *group = link->data;
        uint16_t owner = group->slot != NO_SLOT ? self->owner[group->slot] : NO_NODE;
        bool moved = owner != NO_NODE && node_at(self, owner) != group->node &&
                     !group->asking && group->sent == 0;

        next = link->next;
        if (moved) {
            group->target = NULL;
            orr_router_dispatch(self, group);
        }
    }
}

/* The map has changed: what waits for a node that no longer has its slot goes elsewhere. */
void
orr_router_reroute(OrrRouter *self)
{
    for (guint i = 0; i < self->nodes->len; i++) {
        Node *node = node_at(self, i);

        reroute_list(self, &node->queue);
        reroute_list(self, &node->outside);
    }
    for (guint count = self->parked.length; count > 0; count--) {
        orr_router_dispatch(self, self->parked.head->data);
    }
}
