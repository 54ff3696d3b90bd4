#include "network_private.h"

#define NEEDS_A_WAY 2u /* in the argument of a reset: a packet, not the end's own clock */
#define TRIES_MAX 16u  /* of doubling the time to the next retransmission */

static void
stall(SimNetwork *net, OrrTime now_ns, Connection *self, unsigned end)
{
    Way *way = &self->way[end];

    if (way->stalled_ns == ORR_NEVER) {
        way->stalled_ns = now_ns;
        way->tries = 0;
    }
    if (!way->retry_planned) {
        way->retry_planned = true;
        sim_net_plan(net, now_ns + net->options.retransmit_ns, HAPPENS_RETRY,
                     sim_net_key_of(self), end, NULL);
    }
}

static bool
window_is_full(SimNetwork *net, const Connection *self, unsigned end)
{
    return self->way[end].unacknowledged_size > net->options.data_window_size &&
           !sim_net_leads_there(net, self, 1 - end);
}

static void
on_dial(SimNetwork *net, OrrTime now_ns, Connection *self, unsigned end)
{
    unsigned here = 1 - end;
    uint32_t generation = self->generation;

    if (!sim_net_endpoint(net, self->at[here])->process_up) {
        sim_net_plan(net, now_ns + sim_net_packet_latency(net, self, here), HAPPENS_REFUSED,
                     sim_net_key_of(self), end, NULL);
        return;
    }
    if (self->stale[here]) {
        self->stale[here] = false;
        sim_net_tell(net, now_ns, self, here, SIM_CONNECTION_DOWN);
        if (self->generation != generation ||
            !sim_net_endpoint(net, self->at[here])->process_up) {
            return;
        }
    }
    self->state[here] = END_UP;
    self->host_boot[here] = sim_net_endpoint(net, self->at[here])->host_boot;
    sim_net_transmit_kind(net, now_ns, self, here,
                          FRAME_ACCEPT); /* its own SYN may have been refused */
    sim_net_flush_unsent(net, now_ns, self, here);
    sim_net_tell(net, now_ns, self, here, SIM_CONNECTION_UP);
}

static void
on_accept(SimNetwork *net, OrrTime now_ns, Connection *self, unsigned end)
{
    unsigned here = 1 - end;

    if (self->state[here] != END_DIALLING) {
        return;
    }
    self->state[here] = END_UP;
    sim_net_flush_unsent(net, now_ns, self, here);
    sim_net_tell(net, now_ns, self, here, SIM_CONNECTION_UP);
}

static void
on_bytes(SimNetwork *net, OrrTime now_ns, const Connection *self, unsigned end,
         const Frame *frame)
{
    SimEndpoint from = self->at[end];
    SimEndpoint to = self->at[1 - end];
    OrrBytes bytes = orr_bytes(frame->data, frame->size);

    sim_net_link_at(net, self->link[end])->delivered[ORR_LANE_DATA]++;
    if (self->client) {
        net->stats.clients.delivered++;
        net->handlers.stream(net->handlers.user, now_ns, self->id, (SimEnd)(1 - end), to,
                             bytes);
    } else {
        net->stats.lane[ORR_LANE_DATA].delivered++;
        net->handlers.received(net->handlers.user, now_ns, to, from, ORR_LANE_DATA, bytes);
    }
}

/* The end goes from dialling or up to closed, and its process hears why. */
static void
end_closes(SimNetwork *net, OrrTime now_ns, Connection *self, unsigned end,
           SimConnectionEvent why)
{
    if (self->state[end] == END_CLOSED) {
        return;
    }
    self->state[end] = END_CLOSED;
    sim_net_clear_list(net, &self->way[end].unsent);
    sim_net_tell(net, now_ns, self, end, why);
    sim_net_retire(net, self);
}

/* The next frame of its direction reaches the process, or finds the end closed. */
static void
hand_over(SimNetwork *net, OrrTime now_ns, Connection *self, unsigned end, Frame *frame)
{
    unsigned here = 1 - end;
    Way *way = &self->way[end];

    way->expected++;
    way->under_way_size -= frame->size;
    if (!sim_net_leads_there(net, self, here)) { /* no acknowledgement comes back */
        way->unacknowledged_size += frame->size + 1;
        stall(net, now_ns, self, end);
    }
    if (frame->kind == FRAME_DIAL) {
        on_dial(net, now_ns, self, end);
    } else if (self->state[here] == END_CLOSED) {
        /* with a FIN under way the sender will hear of it; otherwise this end knows nothing */
        if (!self->way[here].finished) {
            sim_net_plan(net, now_ns + sim_net_packet_latency(net, self, here), HAPPENS_RESET,
                         sim_net_key_of(self), end | NEEDS_A_WAY, NULL);
        }
        sim_net_lose_frame(net, frame);
        return;
    } else if (frame->kind == FRAME_ACCEPT) {
        on_accept(net, now_ns, self, end);
    } else if (frame->kind == FRAME_BYTES) {
        on_bytes(net, now_ns, self, end, frame);
    } else {
        end_closes(net, now_ns, self, here, SIM_CONNECTION_DOWN);
    }
    sim_frame_release(&net->frames, frame);
}

/* Hands over what had arrived before its turn. */
static void
hand_over_waiting(SimNetwork *net, OrrTime now_ns, uint64_t key, unsigned end)
{
    for (;;) {
        Connection *self = sim_net_by_key(net, key); /* each hand-over may change everything */
        Frame *head = self != NULL ? self->way[end].waiting.head : NULL;

        if (head == NULL || !head->arrived || head->number != self->way[end].expected) {
            return;
        }
        hand_over(net, now_ns, self, end, sim_frame_take(&self->way[end].waiting));
    }
}

static void
on_frame(SimNetwork *net, OrrTime now_ns, uint64_t key, unsigned end, Frame *frame)
{
    Connection *self = sim_net_by_key(net, key);

    if (self == NULL || self->broken || self->way[end].abandoned) {
        sim_net_lose_frame(net, frame);
        return;
    }
    frame->arrived = sim_net_leads_there(net, self, end) && !window_is_full(net, self, end);
    if (!frame->arrived) {
        sim_frame_insert(&self->way[end].waiting, frame);
        stall(net, now_ns, self, end);
        return;
    }
    if (frame->number != self->way[end].expected) {
        sim_frame_insert(&self->way[end].waiting, frame);
        return;
    }
    hand_over(net, now_ns, self, end, frame);
    hand_over_waiting(net, now_ns, key, end);
}

/* ------- retransmission */

static void
send_again(SimNetwork *net, OrrTime now_ns, Connection *self, unsigned end)
{
    FrameList all = self->way[end].waiting;
    Frame *frame = NULL;

    self->way[end].waiting = (FrameList){NULL, NULL};
    while ((frame = sim_frame_take(&all)) != NULL) {
        if (frame->arrived) {
            sim_frame_insert(&self->way[end].waiting, frame);
        } else {
            net->stats.retransmitted++;
            sim_net_put_on_wire(net, now_ns, self, end, frame);
        }
    }
}

static void
on_retry(SimNetwork *net, OrrTime now_ns, Connection *self, unsigned end)
{
    Way *way = &self->way[end];

    way->retry_planned = false;
    if (way->stalled_ns == ORR_NEVER || self->broken) {
        return;
    }
    const Endpoint *sender = sim_net_endpoint(net, self->at[end]);

    if (!sender->host_up || sender->host_boot != self->host_boot[end]) { /* nobody tries */
        way->stalled_ns = ORR_NEVER;
        way->abandoned = true;
        sim_net_clear_list(net, &way->waiting);
        if (self->state[1 - end] == END_DIALLING) {
            sim_net_dial_again(net, now_ns, self, 1 - end);
        }
        return;
    }
    bool there = sim_net_leads_there(net, self, end);
    bool back = sim_net_leads_there(net, self, 1 - end);

    if (there && back) {
        way->stalled_ns = ORR_NEVER;
        way->unacknowledged_size = 0;
    }
    if (there && !window_is_full(net, self, end)) {
        send_again(net, now_ns, self, end);
    }
    if (way->stalled_ns == ORR_NEVER) {
        return;
    }
    OrrTime gives_up_ns = way->stalled_ns + net->options.data_timeout_ns;

    if (now_ns >= gives_up_ns) {
        sim_net_break_connection(net, now_ns, self, end);
        return;
    }
    way->tries = MIN(way->tries + 1, TRIES_MAX);
    way->retry_planned = true;
    OrrTime next_ns = now_ns + (net->options.retransmit_ns << way->tries);

    sim_net_plan(net, MIN(next_ns, gives_up_ns), HAPPENS_RETRY, sim_net_key_of(self), end,
                 NULL);
}

void
sim_net_kick_streams(SimNetwork *net, OrrTime now_ns)
{
    for (uint32_t i = 0; i < net->connections->len; i++) {
        Connection *self = sim_net_connection_at(net, i);

        for (unsigned end = 0; end < 2 && self->in_use; end++) {
            if (self->way[end].stalled_ns != ORR_NEVER) {
                sim_net_plan(net, now_ns, HAPPENS_RETRY, sim_net_key_of(self), end, NULL);
            }
        }
    }
}

/* ------- ends */

static void
on_reset(SimNetwork *net, OrrTime now_ns, uint64_t key, uint64_t argument)
{
    unsigned end = (unsigned)argument & 1;
    Connection *self = sim_net_connection_at(net, (uint32_t)key);

    if (!self->in_use ||
        ((argument & NEEDS_A_WAY) != 0 && !sim_net_leads_there(net, self, 1 - end))) {
        return;
    }
    if (self->generation == key >> 32) {
        end_closes(net, now_ns, self, end, SIM_CONNECTION_DOWN);
    } else if (self->stale[end]) {
        self->stale[end] = false;
        sim_net_tell(net, now_ns, self, end, SIM_CONNECTION_DOWN);
    }
}

static void
on_refused(SimNetwork *net, OrrTime now_ns, uint64_t key, unsigned end)
{
    Connection *self = sim_net_by_key(net, key);

    if (self == NULL || self->state[end] != END_DIALLING) {
        return;
    }
    if (!sim_net_leads_there(net, self,
                             1 - end)) { /* the refusal is lost; silence until it gives up */
        sim_net_plan(net, now_ns + net->options.data_timeout_ns, HAPPENS_RESET, key, end, NULL);
        return;
    }
    net->stats.refused++;
    end_closes(net, now_ns, self, end, SIM_CONNECTION_REFUSED);
}

void
sim_net_stream_event(SimNetwork *net, const SimEvent *event)
{
    uint64_t key = event->arg[0];
    unsigned end = (unsigned)event->arg[1] & 1;

    switch ((Happening)event->target) {
    case HAPPENS_FRAME:
        on_frame(net, event->at_ns, key, end, event->data);
        break;
    case HAPPENS_RETRY:
        if (sim_net_by_key(net, key) != NULL) {
            on_retry(net, event->at_ns, sim_net_by_key(net, key), end);
        }
        break;
    case HAPPENS_RESET:
        on_reset(net, event->at_ns, key, event->arg[1]);
        break;
    case HAPPENS_REFUSED:
        on_refused(net, event->at_ns, key, end);
        break;
    case HAPPENS_DATAGRAM:
    case HAPPENS_UNHEARD:
        g_assert_not_reached();
    }
}
