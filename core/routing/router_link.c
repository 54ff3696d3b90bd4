#include "routing/router_state.h"

#include "wire/decimal.h"

static const char ASKING[] = "*1\r\n$6\r\nASKING\r\n";
static const char CLUSTER_SLOTS[] = "*2\r\n$7\r\nCLUSTER\r\n$5\r\nSLOTS\r\n";

/* --- sending
 * ----------------------------------------------------------------------------------
 */

static void
connect_node(OrrRouter *self, Node *node)
{
    OrrRouterEffect effect = {
        .type = ORR_ROUTER_CONNECT, .node = node->index, .address = node->address};

    node->link = LINK_CONNECTING;
    node->connect_ns = self->now_ns;
    g_queue_push_tail_link(&self->connecting, &node->by_connect);
    self->counters.connects++;
    orr_router_emit(self, &effect, ORR_BYTES_EMPTY);
}

static void
put_in_flight(OrrRouter *self, Node *node, Request *request)
{
    request->node = node;
    request->sent_ns = self->now_ns;
    g_queue_push_tail_link(&node->flight, &request->in_flight);
    g_queue_push_tail_link(&self->by_sent, &request->by_sent);
}

static void
send_topology(OrrRouter *self, Node *node)
{
    Request *request = orr_router_request_take(self);

    request->state = REQUEST_TOPOLOGY;
    node->topology_wanted = false;
    put_in_flight(self, node, request);
    g_byte_array_append(self->arena, (const guint8 *)CLUSTER_SLOTS, sizeof CLUSTER_SLOTS - 1);
}

static void
send_request(OrrRouter *self, Node *node, Request *request)
{
    Group *group = request->group;

    if (group->asking) {
        g_byte_array_append(self->arena, (const guint8 *)ASKING, sizeof ASKING - 1);
    }
    g_byte_array_append(self->arena, request->wire.data, (guint)request->wire.size);
    request->asking_due = group->asking;
    request->state = REQUEST_SENT;
    request->attempts++;
    if (request->attempts > 1) {
        self->counters.retries++;
    }
    group->sent++;
    put_in_flight(self, node, request);
}

static Request *
next_unsent(const Group *group)
{
    for (GList *link = group->members.head; link != NULL; link = link->next) {
        Request *request = link->data;

        if (request->state == REQUEST_UNSENT) {
            return request;
        }
    }
    return NULL;
}

/* Sends members of the group while the pipeline has room; true when all are sent. */
static bool
send_group(OrrRouter *self, Node *node, Group *group)
{
    Request *request = next_unsent(group);
    GList *link = request != NULL ? &request->in_group : NULL;

    for (; link != NULL; link = link->next) {
        if (node->flight.length >= self->config.pipeline_max) {
            return false;
        }
        send_request(self, node, link->data);
    }
    return true;
}

/* Sends what the node's connection may take, or begins to connect if there is anything. */
void
orr_router_pump(OrrRouter *self, Node *node)
{
    size_t offset = self->arena->len;

    if (node->link == LINK_IDLE && (node->queue.length > 0 || node->topology_wanted)) {
        connect_node(self, node);
    }
    if (node->link != LINK_UP) {
        return;
    }
    if (node->topology_wanted) {
        send_topology(self, node);
    }
    while (node->queue.length > 0 && node->flight.length < self->config.pipeline_max) {
        Group *group = node->queue.head->data;

        if (send_group(self, node, group)) {
            g_queue_unlink(&node->queue, &group->in_node);
            group->state = GROUP_FLYING;
        }
    }
    orr_router_emit_send(self, node, offset);
}

/* --- a connection ends
 * ------------------------------------------------------------------------
 */

static void
lose_request(OrrRouter *self, Request *request)
{
    Group *group = request->group;
    bool overdue = self->now_ns >= after(request->sent_ns, self->config.attempt_ns);

    request->unanswered = true;
    request->refused = false;
    group->sent--;
    request->state = REQUEST_REFUSED;
    if (self->config.retry_unanswered && request->attempts < self->config.attempts_max) {
        if (group->verdict == VERDICT_NONE) {
            group->target = NULL;
            group->asking = false;
        }
        orr_router_seal(self, group, VERDICT_PAUSE);
    } else {
        orr_router_finish(self, request, overdue ? ORR_ROUTED_TIMED_OUT : ORR_ROUTED_LOST,
                          ORR_BYTES_EMPTY);
    }
    orr_router_settle(self, group);
}

static void
lose_flight(OrrRouter *self, Node *node)
{
    while (node->flight.length > 0) {
        Request *request = g_queue_pop_head_link(&node->flight)->data;

        g_queue_unlink(&self->by_sent, &request->by_sent);
        if (request->state == REQUEST_SENT) {
            lose_request(self, request);
        } else {
            orr_router_request_release(self, request);
        }
    }
}

/* The groups that were still to be sent, or of which a part was, pause. A part in flight was
 * dealt with before: what is unsent here has nothing in flight. */
static void
lose_queue(OrrRouter *self, Node *node)
{
    while (node->queue.length > 0) {
        Group *group = node->queue.head->data;

        group->target = NULL;
        group->asking = false;
        orr_router_seal(self, group, VERDICT_PAUSE);
        orr_router_settle(self, group);
    }
}

void
orr_router_link_lost(OrrRouter *self, Node *node)
{
    bool was_asked = self->refresh_node == node;

    g_assert(node->link != LINK_IDLE);
    if (node->link == LINK_CONNECTING) {
        g_queue_unlink(&self->connecting, &node->by_connect);
    } else {
        self->counters.disconnects++;
    }
    node->link = LINK_IDLE;
    node->retry_ns = after(self->now_ns, self->config.reconnect_ns);
    node->topology_wanted = false;
    node->received.size = 0;
    node->scanner = (OrrReplyScanner){0};
    bool needed = was_asked || node->flight.length > 0 || node->queue.length > 0;

    lose_flight(self, node);
    lose_queue(self, node);
    if (was_asked) {
        orr_router_refresh_failed(self);
    } else if (needed) {
        orr_router_want_refresh(self, NULL);
    }
}

/* The router itself ends the connection: late, or not understood. */
void
orr_router_give_up(OrrRouter *self, Node *node)
{
    OrrRouterEffect effect = {
        .type = ORR_ROUTER_CLOSE, .node = node->index, .address = node->address};

    orr_router_emit(self, &effect, ORR_BYTES_EMPTY);
    orr_router_link_lost(self, node);
}

/* --- what nodes answer
 * ------------------------------------------------------------------------
 */

typedef enum Refusal {
    REFUSAL_NONE, /* an answer */
    REFUSAL_MOVED,
    REFUSAL_ASK,
    REFUSAL_TRYAGAIN,
    REFUSAL_DOWN,
} Refusal;

static Refusal
classify(OrrBytes reply)
{
    static const struct {
        const char *code;
        Refusal refusal;
    } CODES[] = {
        {"-MOVED ", REFUSAL_MOVED},      {"-ASK ", REFUSAL_ASK},
        {"-TRYAGAIN", REFUSAL_TRYAGAIN}, {"-CLUSTERDOWN", REFUSAL_DOWN},
        {"-LOADING", REFUSAL_DOWN},      {"-MASTERDOWN", REFUSAL_DOWN},
        {"-READONLY", REFUSAL_DOWN},
    };

    if (reply.data[0] != '-') {
        return REFUSAL_NONE;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(CODES); i++) {
        size_t size = strlen(CODES[i].code);

        if (reply.size > size && memcmp(reply.data, CODES[i].code, size) == 0) {
            return CODES[i].refusal;
        }
    }
    return REFUSAL_NONE;
}

/* The words of "-MOVED 3999 127.0.0.1:6381\r\n". NULL if they are not understood, or name a
 * host by a name: then it is like a node that is down. */
static Node *
read_redirect(OrrRouter *self, const Node *from, OrrBytes reply, uint16_t *slot)
{
    const uint8_t *end = reply.data + reply.size - 2;
    const uint8_t *number = memchr(reply.data, ' ', reply.size);
    const uint8_t *place = memchr(number + 1, ' ', (size_t)(end - number - 1));
    OrrAddress address;
    int64_t value = 0;

    if (place == NULL ||
        !orr_decimal_read(orr_bytes(number + 1, (size_t)(place - number - 1)), &value) ||
        value < 0 || value >= (int64_t)ORR_SLOT_COUNT ||
        !orr_router_address_parse_pair(orr_bytes(place + 1, (size_t)(end - place - 1)),
                                       &from->address, &address)) {
        return NULL;
    }
    *slot = (uint16_t)value;
    return orr_router_node_get(self, &address);
}

/* What the group will do next, if this was its first member to be refused. */
static Verdict
judge(OrrRouter *self, Node *node, Group *group, Refusal refusal, OrrBytes reply)
{
    bool redirect = refusal == REFUSAL_MOVED || refusal == REFUSAL_ASK;
    uint16_t slot = NO_SLOT;
    Node *target = redirect ? read_redirect(self, node, reply, &slot) : NULL;
    bool first = group->verdict == VERDICT_NONE;

    if (refusal == REFUSAL_MOVED && target != NULL) {
        orr_router_learn(self, slot, target);
    }
    if (refusal == REFUSAL_DOWN || refusal == REFUSAL_MOVED || (redirect && target == NULL)) {
        orr_router_want_refresh(self, target);
    }
    if (refusal == REFUSAL_TRYAGAIN) {
        group->target = first ? node : group->target;
        return VERDICT_PAUSE;
    }
    if (first) {
        group->target = target;
        group->asking = refusal == REFUSAL_ASK && target != NULL;
    }
    return target != NULL ? VERDICT_REDIRECT : VERDICT_PAUSE;
}

static void
count_refusal(OrrRouterCounters *counters, Refusal refusal)
{
    switch (refusal) {
    case REFUSAL_NONE:
        break;
    case REFUSAL_MOVED:
        counters->moved++;
        break;
    case REFUSAL_ASK:
        counters->ask++;
        break;
    case REFUSAL_TRYAGAIN:
        counters->tryagain++;
        break;
    case REFUSAL_DOWN:
        counters->down++;
        break;
    }
}

static void
on_refusal(OrrRouter *self, Node *node, Request *request, Refusal refusal, OrrBytes reply)
{
    Group *group = request->group;
    Verdict verdict = judge(self, node, group, refusal, reply);

    request->refused = true;
    request->state = REQUEST_REFUSED;
    group->sent--;
    if (request->attempts >= self->config.attempts_max) {
        orr_router_finish(self, request, ORR_ROUTED_REFUSED, reply);
    } else {
        orr_router_buffer_set(&request->refusal, reply);
    }
    orr_router_seal(self, group, verdict);
    orr_router_settle(self, group);
}

static void
on_answer(OrrRouter *self, Node *node, Request *request, OrrBytes reply)
{
    Group *group = request->group;
    Refusal refusal = classify(reply);

    request->answered_by = node;
    count_refusal(&self->counters, refusal);
    if (refusal != REFUSAL_NONE) {
        on_refusal(self, node, request, refusal, reply);
        return;
    }
    request->state = REQUEST_REFUSED; /* no longer in flight: it ends here */
    group->sent--;
    orr_router_finish(self, request, ORR_ROUTED_ANSWERED, reply);
    orr_router_settle(self, group);
}

/* One whole reply. False if nothing was asked: the stream is not to be trusted any more. */
static bool
on_reply(OrrRouter *self, Node *node, OrrBytes reply)
{
    if (reply.data[0] == '>') {
        return true; /* nobody's answer */
    }
    if (node->flight.length == 0) {
        return false;
    }
    Request *request = node->flight.head->data;

    if (request->asking_due) {
        request->asking_due = false;
        return true;
    }
    g_queue_unlink(&node->flight, &request->in_flight);
    g_queue_unlink(&self->by_sent, &request->by_sent);
    orr_router_mark(self, node);
    if (request->state == REQUEST_SENT) {
        on_answer(self, node, request, reply);
        return true;
    }
    if (request->state == REQUEST_TOPOLOGY) {
        orr_router_topology_answered(self, node, reply);
    }
    orr_router_request_release(self, request);
    return true;
}

/* Takes whole replies off the front of `bytes`; false when the connection must end. */
static bool
take_replies(OrrRouter *self, Node *node, OrrBytes *bytes)
{
    for (;;) {
        size_t used = 0;
        OrrStatus status = orr_reply_scan(&node->scanner, *bytes, &used);

        if (status == ORR_AGAIN) {
            return true;
        }
        if (status != ORR_OK || !on_reply(self, node, orr_bytes(bytes->data, used))) {
            return false;
        }
        bytes->data += used;
        bytes->size -= used;
    }
}

/* Most often a piece of the stream is whole replies: those are read where they are. */
static void
on_bytes(OrrRouter *self, Node *node, OrrBytes bytes)
{
    Buffer *kept = &node->received;
    bool stored = kept->size > 0;

    if (stored) {
        orr_router_buffer_append(kept, bytes.data, bytes.size);
        bytes = orr_bytes(kept->data, kept->size);
    }
    if (!take_replies(self, node, &bytes)) {
        orr_router_give_up(self, node);
        return;
    }
    if (!stored) {
        orr_router_buffer_set(kept, bytes);
        return;
    }
    if (bytes.size > 0) {
        memmove(kept->data, bytes.data, bytes.size);
    }
    kept->size = bytes.size;
}

void
orr_router_on_received(OrrRouter *self, Node *node, OrrBytes bytes)
{
    if (node->link == LINK_UP && bytes.size > 0) {
        on_bytes(self, node, bytes);
    }
}

void
orr_router_on_link(OrrRouter *self, Node *node, bool up)
{
    if (up && node->link == LINK_CONNECTING) {
        g_queue_unlink(&self->connecting, &node->by_connect);
        node->link = LINK_UP;
        orr_router_mark(self, node);
    } else if (!up && node->link != LINK_IDLE) {
        orr_router_link_lost(self, node);
    }
}
