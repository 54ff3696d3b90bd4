#include "network_private.h"

#define INDEX_BITS 24u /* of a connection's id; its serial is above */

/* ------- connections by name */

Connection *
sim_net_connection_at(const SimNetwork *net, uint32_t index)
{
    return g_ptr_array_index(net->connections, index);
}

/* What events carry: a slot, and which of its lives. */
uint64_t
sim_net_key_of(const Connection *self)
{
    return (uint64_t)self->generation << 32 | self->index;
}

Connection *
sim_net_by_key(const SimNetwork *net, uint64_t key)
{
    Connection *self = sim_net_connection_at(net, (uint32_t)key);

    return self->generation == key >> 32 && self->in_use ? self : NULL;
}

static Connection *
by_id(const SimNetwork *net, SimConnection id)
{
    uint32_t index = (uint32_t)(id & ((1u << INDEX_BITS) - 1));
    Connection *self = index < net->connections->len ? sim_net_connection_at(net, index) : NULL;

    return self != NULL && self->in_use && self->client && self->id == id ? self : NULL;
}

static void
enlist(SimNetwork *net, Connection *self, unsigned end)
{
    GArray *list = sim_net_endpoint(net, self->at[end])->connections;

    self->place[end] = list->len;
    g_array_append_val(list, self->index);
}

static void
delist(SimNetwork *net, Connection *self, unsigned end)
{
    GArray *list = sim_net_endpoint(net, self->at[end])->connections;
    uint32_t place = self->place[end];

    g_array_remove_index_fast(list, place);
    if (place < list->len) {
        Connection *moved = sim_net_connection_at(net, g_array_index(list, uint32_t, place));
        unsigned moved_end = moved->at[0] == self->at[end] ? 0 : 1;

        moved->place[moved_end] = place;
    }
}

static Connection *
new_connection(SimNetwork *net, SimEndpoint a, SimEndpoint b, bool client)
{
    uint32_t index = net->connections->len;
    Connection *self = NULL;

    if (net->free_connections->len != 0) {
        index = g_array_index(net->free_connections, uint32_t, net->free_connections->len - 1);
        g_array_set_size(net->free_connections, net->free_connections->len - 1);
        self = sim_net_connection_at(net, index);
    } else {
        g_assert(index < 1u << INDEX_BITS);
        self = g_new0(Connection, 1);
        g_ptr_array_add(net->connections, self);
        net->stats.allocations++;
    }
    uint32_t generation = self->generation + 1;

    *self = (Connection){.id = ++net->connection_serial << INDEX_BITS | index,
                         .index = index,
                         .generation = generation,
                         .client = client,
                         .in_use = true,
                         .at = {a, b},
                         .link = {sim_net_link(net, a, b), sim_net_link(net, b, a)}};
    enlist(net, self, 0);
    enlist(net, self, 1);
    return self;
}

void
sim_net_lose_frame(SimNetwork *net, Frame *frame)
{
    if (frame->kind == FRAME_BYTES) {
        sim_net_count_lost(net, frame->link, ORR_LANE_DATA, frame->client);
    }
    sim_frame_release(&net->frames, frame);
}

void
sim_net_clear_list(SimNetwork *net, FrameList *list)
{
    Frame *frame = NULL;

    while ((frame = sim_frame_take(list)) != NULL) {
        sim_net_lose_frame(net, frame);
    }
}

static void
reset_ways(SimNetwork *net, Connection *self)
{
    for (unsigned end = 0; end < 2; end++) {
        sim_net_clear_list(net, &self->way[end].unsent);
        sim_net_clear_list(net, &self->way[end].waiting);
        self->way[end] = (Way){.stalled_ns = ORR_NEVER};
    }
    self->broken = false;
}

/* A new attempt: what is under way for the old one is void. */
static void
begin_generation(SimNetwork *net, Connection *self)
{
    reset_ways(net, self);
    self->generation++;
}

/* Once both ends have closed nothing arrives any more, and a client's slot is free. */
void
sim_net_retire(SimNetwork *net, Connection *self)
{
    if (self->state[0] != END_CLOSED || self->state[1] != END_CLOSED) {
        return;
    }
    begin_generation(net, self);
    if (!self->client) {
        return;
    }
    delist(net, self, 0);
    delist(net, self, 1);
    self->in_use = false;
    g_array_append_val(net->free_connections, self->index);
}

void
sim_net_tell(SimNetwork *net, OrrTime now_ns, const Connection *self, unsigned end,
             SimConnectionEvent event)
{
    static const OrrLinkState states[] = {
        [SIM_CONNECTION_UP] = ORR_LINK_UP,
        [SIM_CONNECTION_REFUSED] = ORR_LINK_REFUSED,
        [SIM_CONNECTION_DOWN] = ORR_LINK_DOWN,
    };

    if (self->client) {
        net->handlers.connection(net->handlers.user, now_ns, self->id, (SimEnd)end,
                                 self->at[end], event);
    } else {
        net->handlers.link(net->handlers.user, now_ns, self->at[end], self->at[1 - end],
                           states[event]);
    }
}

/* ------- sending */

/* A frame may still arrive although its sender's host has died meanwhile. */
bool
sim_net_leads_there(SimNetwork *net, const Connection *self, unsigned end)
{
    Link *link = sim_net_link_at(net, self->link[end]);
    uint32_t set = sim_net_effective(net, link)->rule.set;

    return (set & (SIM_RULE_CUT | SIM_RULE_HOLD)) == 0 &&
           sim_net_endpoint(net, self->at[1 - end])->host_up;
}

/* One message number of the link, for a packet that is no frame. */
OrrTime
sim_net_packet_latency(SimNetwork *net, const Connection *self, unsigned end)
{
    Link *link = sim_net_link_at(net, self->link[end]);
    const SimRule *rule = &sim_net_effective(net, link)->rule;

    return sim_net_latency(link, rule, link->number++, DRAW_LATENCY, DRAW_JITTER);
}

/* Both ends are told by events, never from inside of a send: `end` now, the other as late as
 * a packet would be, for by then its own clock has run out as well. */
void
sim_net_break_connection(SimNetwork *net, OrrTime now_ns, Connection *self, unsigned end)
{
    OrrTime latency = sim_net_packet_latency(net, self, end);

    if (self->broken) {
        return;
    }
    self->broken = true;
    net->stats.broken++;
    sim_net_plan(net, now_ns, HAPPENS_RESET, sim_net_key_of(self), end, NULL);
    sim_net_plan(net, now_ns + latency, HAPPENS_RESET, sim_net_key_of(self), 1 - end, NULL);
}

/* How long retransmissions delay message `number`; `data_timeout_ns` or more: for ever. */
static OrrTime
retransmission_ns(SimNetwork *net, const Link *link, const SimRule *rule, uint64_t number)
{
    uint32_t loss_ppm = MIN(rule->loss_ppm + rule->corrupt_ppm, 1000000u);
    OrrTime delay = 0;
    OrrTime step = net->options.retransmit_ns;

    if (loss_ppm == 0 || !sim_net_chance(sim_net_draw(link, number, DRAW_LOSS), loss_ppm)) {
        return 0;
    }
    OrrRng rng = orr_rng_new(sim_net_draw(link, number, DRAW_RETRANSMIT));

    do {
        delay += step;
        step *= 2;
        net->stats.retransmitted++;
    } while (delay < net->options.data_timeout_ns && orr_rng_chance_ppm(&rng, loss_ppm));
    return delay;
}

void
sim_net_put_on_wire(SimNetwork *net, OrrTime now_ns, Connection *self, unsigned end,
                    Frame *frame)
{
    Link *link = sim_net_link_at(net, self->link[end]);
    const SimRule *rule = &sim_net_effective(net, link)->rule;
    Way *way = &self->way[end];
    uint64_t number = link->number++;
    OrrTime delay = retransmission_ns(net, link, rule, number);

    if (delay >= net->options.data_timeout_ns) {
        sim_frame_insert(&way->waiting, frame);
        sim_net_plan(net, now_ns + delay, HAPPENS_RESET, sim_net_key_of(self), end, NULL);
        sim_net_plan(net, now_ns + delay, HAPPENS_RESET, sim_net_key_of(self), 1 - end, NULL);
        return;
    }
    OrrTime arrives = sim_net_occupy_wire(link, rule, ORR_LANE_DATA, now_ns, frame->size) +
                      sim_net_latency(link, rule, number, DRAW_LATENCY, DRAW_JITTER) + delay;

    way->last_arrival_ns = MAX(way->last_arrival_ns, arrives);
    sim_net_plan(net, way->last_arrival_ns, HAPPENS_FRAME, sim_net_key_of(self), end, frame);
}

static void
transmit(SimNetwork *net, OrrTime now_ns, Connection *self, unsigned end, Frame *frame)
{
    Way *way = &self->way[end];

    frame->number = way->next_number++;
    way->under_way_size += frame->size;
    way->finished |= frame->kind == FRAME_FIN;
    if (way->under_way_size > net->options.data_buffer_size) {
        sim_net_break_connection(net, now_ns, self, end);
    }
    sim_net_put_on_wire(net, now_ns, self, end, frame);
}

void
sim_net_transmit_kind(SimNetwork *net, OrrTime now_ns, Connection *self, unsigned end,
                      FrameKind kind)
{
    transmit(net, now_ns, self, end, sim_frame_new(&net->frames, kind, ORR_BYTES_EMPTY));
}

void
sim_net_flush_unsent(SimNetwork *net, OrrTime now_ns, Connection *self, unsigned end)
{
    Frame *frame = NULL;

    while ((frame = sim_frame_take(&self->way[end].unsent)) != NULL) {
        self->way[end].under_way_size -= frame->size;
        transmit(net, now_ns, self, end, frame);
    }
}

/* The end had dialled a life of the other end that is over: its attempt goes on, as if its SYN
 * were sent again, and keeps what it has to say. */
void
sim_net_dial_again(SimNetwork *net, OrrTime now_ns, Connection *self, unsigned end)
{
    FrameList unsent = self->way[end].unsent;
    uint64_t size = 0;

    for (const Frame *frame = unsent.head; frame != NULL; frame = frame->next) {
        size += frame->size;
    }
    self->way[end].unsent = (FrameList){NULL, NULL};
    begin_generation(net, self);
    self->way[end].unsent = unsent;
    self->way[end].under_way_size = size;
    sim_net_transmit_kind(net, now_ns, self, end, FRAME_DIAL);
}

static void
dial(SimNetwork *net, OrrTime now_ns, Connection *self, unsigned end)
{
    unsigned other = 1 - end;

    if (self->state[other] != END_DIALLING) { /* otherwise both dial at once, and meet */
        self->stale[other] |= self->state[other] == END_UP;
        self->state[other] = END_CLOSED;
        begin_generation(net, self);
    } else if (self->way[end].next_number != 0) {
        sim_net_dial_again(net, now_ns, self, other);
    }
    self->state[end] = END_DIALLING;
    self->host_boot[end] = sim_net_endpoint(net, self->at[end])->host_boot;
    sim_net_transmit_kind(net, now_ns, self, end, FRAME_DIAL);
}

static void
count_sent(SimNetwork *net, const Connection *self, unsigned end, size_t size)
{
    Link *link = sim_net_link_at(net, self->link[end]);
    SimLaneStats *stats = self->client ? &net->stats.clients : &net->stats.lane[ORR_LANE_DATA];

    link->sent[ORR_LANE_DATA]++;
    link->sent_size[ORR_LANE_DATA] += size;
    stats->sent++;
    stats->sent_size += size;
}

/* Drop rules, and the bound on all that is in flight, take bytes before they become a frame. */
static bool
is_swallowed(SimNetwork *net, const Connection *self, unsigned end, OrrBytes bytes)
{
    Link *link = sim_net_link_at(net, self->link[end]);
    const Effective *effective = sim_net_effective(net, link);

    if (net->frames.live < net->options.in_flight_max &&
        !sim_net_is_dropped(net, link, effective, link->number, ORR_LANE_DATA, bytes)) {
        return false;
    }
    link->number++;
    sim_net_count_lost(net, self->link[end], ORR_LANE_DATA, self->client);
    return true;
}

/* Bytes at one end that is dialling or up. */
static void
write_end(SimNetwork *net, OrrTime now_ns, Connection *self, unsigned end, OrrBytes bytes)
{
    count_sent(net, self, end, bytes.size);
    if (is_swallowed(net, self, end, bytes)) {
        return;
    }
    Frame *frame = sim_frame_new(&net->frames, FRAME_BYTES, bytes);

    frame->link = self->link[end];
    frame->client = self->client;
    if (self->state[end] == END_UP) {
        transmit(net, now_ns, self, end, frame);
        return;
    }
    sim_frame_append(&self->way[end].unsent, frame);
    self->way[end].under_way_size += frame->size;
    if (self->way[end].under_way_size > net->options.data_buffer_size) {
        sim_net_break_connection(net, now_ns, self, end);
    }
}

void
sim_net_send_data(SimNetwork *net, OrrTime now_ns, SimEndpoint from, SimEndpoint to,
                  OrrBytes bytes)
{
    uint32_t index = sim_net_link(net, MIN(from, to), MAX(from, to));
    Connection *self = NULL;

    if (sim_net_link_at(net, index)->connection == NO_INDEX) {
        self = new_connection(net, MIN(from, to), MAX(from, to), false);
        reset_ways(net, self);
        sim_net_link_at(net, index)->connection = self->index;
    }
    self = sim_net_connection_at(net, sim_net_link_at(net, index)->connection);
    unsigned end = from == self->at[0] ? 0 : 1;

    if (self->stale[end]) { /* its kernel knows better, and the process hears of it in time */
        count_sent(net, self, end, bytes.size);
        sim_net_count_lost(net, self->link[end], ORR_LANE_DATA, false);
        sim_net_plan(net, now_ns + net->options.data_timeout_ns, HAPPENS_RESET,
                     sim_net_key_of(self) - (UINT64_C(1) << 32), end, NULL);
        return;
    }
    if (self->state[end] == END_CLOSED) {
        dial(net, now_ns, self, end);
    }
    write_end(net, now_ns, self, end, bytes);
}

/* ------- closing and the clients' door */

/* An end closes by its own will or with its process; the other hears of it by a FIN. */
static void
close_end(SimNetwork *net, OrrTime now_ns, Connection *self, unsigned end)
{
    EndState was = self->state[end];

    self->stale[end] = false;
    self->state[end] = END_CLOSED;
    sim_net_clear_list(net, &self->way[end].unsent);
    if (was == END_UP && self->state[1 - end] != END_CLOSED &&
        sim_net_endpoint(net, self->at[end])->host_up) {
        sim_net_transmit_kind(net, now_ns, self, end, FRAME_FIN);
    }
    bool silent = was == END_DIALLING || !sim_net_endpoint(net, self->at[end])->host_up;

    if (was != END_CLOSED && silent && self->state[1 - end] == END_DIALLING) {
        sim_net_dial_again(net, now_ns, self,
                           1 - end); /* what would have answered it is gone */
    }
    sim_net_retire(net, self);
}

void
sim_net_close_all(SimNetwork *net, OrrTime now_ns, SimEndpoint endpoint)
{
    const GArray *list = sim_net_endpoint(net, endpoint)->connections;

    for (uint32_t i = list->len; i-- > 0;) { /* closing removes, from here to the end */
        Connection *self = sim_net_connection_at(net, g_array_index(list, uint32_t, i));
        unsigned end = self->at[0] == endpoint ? 0 : 1;

        close_end(net, now_ns, self, end);
    }
}

SimConnection
sim_network_connect(SimNetwork *net, OrrTime now_ns, SimEndpoint from, SimEndpoint to)
{
    g_assert(from < net->endpoints->len && to < net->endpoints->len && from != to);
    if (!sim_net_endpoint(net, from)->process_up) {
        return 0;
    }
    Connection *self = new_connection(net, from, to, true);

    reset_ways(net, self);
    dial(net, now_ns, self, SIM_END_CLIENT);
    return self->id;
}

OrrStatus
sim_network_write(SimNetwork *net, OrrTime now_ns, SimConnection connection, SimEnd end,
                  OrrBytes bytes)
{
    Connection *self = by_id(net, connection);

    if (self == NULL || self->state[end] == END_CLOSED) {
        return ORR_NOT_FOUND;
    }
    write_end(net, now_ns, self, end, bytes);
    return ORR_OK;
}

void
sim_network_close(SimNetwork *net, OrrTime now_ns, SimConnection connection, SimEnd end)
{
    Connection *self = by_id(net, connection);

    if (self != NULL && self->state[end] != END_CLOSED) {
        close_end(net, now_ns, self, end);
    }
}
