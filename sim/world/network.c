#include "network_private.h"

#define CORRUPT_BITS_MAX 8u
#define REORDER_LATENCIES_MAX 3u

/* ------- life */

SimNetworkOptions
sim_network_options_default(void)
{
    return (SimNetworkOptions){
        .seed = 1,
        .data_timeout_ns = 10 * ORR_NS_PER_S,
        .retransmit_ns = 200 * ORR_NS_PER_MS,
        .data_buffer_size = (size_t)256 << 20,
        .data_window_size = (size_t)256 << 10,
        .in_flight_max = (size_t)8 << 20,
    };
}

SimNetwork *
sim_network_new(SimQueue *queue, const SimNetworkOptions *options,
                const SimNetworkHandlers *handlers)
{
    SimNetwork *net = g_new0(SimNetwork, 1);

    net->queue = queue;
    net->options = *options;
    net->handlers = *handlers;
    net->endpoints = g_array_new(FALSE, TRUE, sizeof(Endpoint));
    net->groups = g_array_new(FALSE, TRUE, sizeof(uint64_t));
    net->rules = g_array_new(FALSE, FALSE, sizeof(Rule));
    net->effective = g_array_new(FALSE, FALSE, sizeof(Effective));
    net->links = g_array_new(FALSE, FALSE, sizeof(Link));
    net->held = g_array_new(FALSE, FALSE, sizeof(Held));
    net->connections = g_ptr_array_new_with_free_func(g_free);
    net->free_connections = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    net->scratch = g_string_new(NULL);
    net->version = 1;
    return net;
}

/* Frames of events that are still in the queue are the pool's as well. */
void
sim_network_free(SimNetwork *net)
{
    if (net == NULL) {
        return;
    }
    sim_frame_pool_free(&net->frames);
    for (uint32_t i = 0; i < net->endpoints->len; i++) {
        g_free(sim_net_endpoint(net, i)->name);
        g_array_free(sim_net_endpoint(net, i)->connections, TRUE);
    }
    g_array_free(net->endpoints, TRUE);
    g_array_free(net->groups, TRUE);
    g_array_free(net->rules, TRUE);
    g_array_free(net->effective, TRUE);
    g_array_free(net->links, TRUE);
    g_array_free(net->held, TRUE);
    g_ptr_array_free(net->connections, TRUE);
    g_array_free(net->free_connections, TRUE);
    g_string_free(net->scratch, TRUE);
    g_free(net->table);
    g_free(net);
}

/* ------- endpoints */

SimEndpoint
sim_network_add_endpoint(SimNetwork *net, const char *name)
{
    Endpoint endpoint = {.name = g_strdup(name),
                         .host_up = true,
                         .process_up = true,
                         .boot = 1,
                         .connections = g_array_new(FALSE, FALSE, sizeof(uint32_t))};

    g_assert(net->endpoints->len < SIM_ENDPOINTS_MAX);
    g_array_append_val(net->endpoints, endpoint);
    return net->endpoints->len - 1;
}

const char *
sim_network_endpoint_name(const SimNetwork *net, SimEndpoint endpoint)
{
    return sim_net_endpoint(net, endpoint)->name;
}

size_t
sim_network_endpoint_count(const SimNetwork *net)
{
    return net->endpoints->len;
}

void
sim_network_set_process(SimNetwork *net, OrrTime now_ns, SimEndpoint endpoint, bool up)
{
    Endpoint *self = sim_net_endpoint(net, endpoint);

    if (self->process_up == up || !self->host_up) {
        return;
    }
    self->process_up = up;
    if (up) {
        self->boot++;
        return;
    }
    sim_net_close_all(net, now_ns, endpoint);
}

void
sim_network_set_host(SimNetwork *net, OrrTime now_ns, SimEndpoint endpoint, bool up)
{
    Endpoint *self = sim_net_endpoint(net, endpoint);

    if (self->host_up == up) {
        return;
    }
    self->host_up = up;
    self->host_boot += up;
    if (!up) {
        self->process_up = false;
        sim_net_close_all(net, now_ns, endpoint);
    }
}

/* ------- what the files share */

void
sim_net_plan(SimNetwork *net, OrrTime at_ns, Happening what, uint64_t a, uint64_t b,
             Frame *frame)
{
    SimEventHandle handle = SIM_NO_EVENT;
    SimEvent *event = sim_queue_add(net->queue, at_ns, &handle);

    event->kind = SIM_EVENT_NETWORK;
    event->target = (uint32_t)what;
    event->arg[0] = a;
    event->arg[1] = b;
    event->arg[2] = 0;
    event->data = frame;
}

void
sim_net_count_lost(SimNetwork *net, uint32_t link, OrrLane lane, bool client)
{
    sim_net_link_at(net, link)->lost[lane]++;
    (client ? &net->stats.clients : &net->stats.lane[lane])->lost++;
}

/* ------- datagrams */

/* A copy with some bits flipped: the original may be shared. */
static Frame *
corrupted(SimNetwork *net, const Link *link, uint64_t number, const Frame *frame)
{
    OrrRng rng = orr_rng_new(sim_net_draw(link, number, DRAW_CORRUPT_BITS));
    Frame *copy = sim_frame_new(&net->frames, FRAME_BYTES, orr_bytes(frame->data, frame->size));
    uint64_t flips = 1 + orr_rng_below(&rng, CORRUPT_BITS_MAX);

    for (uint64_t i = 0; i < flips; i++) {
        uint64_t bit = orr_rng_below(&rng, (uint64_t)frame->size * 8);

        copy->data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    net->stats.corrupted++;
    return copy;
}

static OrrTime
reorder_delay(SimNetwork *net, const Link *link, const SimRule *rule, uint64_t number)
{
    if (rule->reorder_ppm == 0 ||
        !sim_net_chance(sim_net_draw(link, number, DRAW_REORDER), rule->reorder_ppm)) {
        return 0;
    }
    OrrTime latency =
        sim_net_latency(link, rule, number, DRAW_REORDER_LATENCY, DRAW_REORDER_LATENCY);
    uint64_t times = 1 + sim_net_draw(link, number, DRAW_REORDER) % REORDER_LATENCIES_MAX;

    net->stats.reordered++;
    return latency * (OrrTime)times + 1;
}

static void
plan_duplicate(SimNetwork *net, uint32_t index, const SimRule *rule, uint64_t number,
               OrrTime left_ns, Frame *frame)
{
    const Link *link = sim_net_link_at(net, index);

    if (rule->duplicate_ppm == 0 ||
        !sim_net_chance(sim_net_draw(link, number, DRAW_DUPLICATE), rule->duplicate_ppm)) {
        return;
    }
    OrrTime latency =
        sim_net_latency(link, rule, number, DRAW_DUPLICATE_LATENCY, DRAW_DUPLICATE_JITTER);

    frame->references++;
    net->stats.duplicated++;
    sim_net_plan(net, left_ns + latency, HAPPENS_DATAGRAM, index, 0, frame);
}

static void
fly(SimNetwork *net, uint32_t index, const SimRule *rule, uint64_t number, OrrTime left_ns,
    OrrBytes bytes)
{
    const Link *link = sim_net_link_at(net, index);
    Frame *frame = sim_frame_new(&net->frames, FRAME_BYTES, bytes);
    OrrTime arrives = left_ns + sim_net_latency(link, rule, number, DRAW_LATENCY, DRAW_JITTER) +
                      reorder_delay(net, link, rule, number);

    plan_duplicate(net, index, rule, number, left_ns, frame);
    if (rule->corrupt_ppm != 0 && bytes.size != 0 &&
        sim_net_chance(sim_net_draw(link, number, DRAW_CORRUPT), rule->corrupt_ppm)) {
        Frame *copy = corrupted(net, link, number, frame);

        sim_frame_release(&net->frames, frame);
        frame = copy;
    }
    sim_net_plan(net, arrives, HAPPENS_DATAGRAM, index, 0, frame);
}

static void
send_datagram(SimNetwork *net, OrrTime now_ns, SimEndpoint from, SimEndpoint to, OrrBytes bytes)
{
    uint32_t index = sim_net_link(net, from, to);
    Link *link = sim_net_link_at(net, index);
    const Effective *effective = sim_net_effective(net, link);
    const SimRule *rule = &effective->rule;
    uint64_t number = link->number++;

    link->sent[ORR_LANE_CONTROL]++;
    link->sent_size[ORR_LANE_CONTROL] += bytes.size;
    net->stats.lane[ORR_LANE_CONTROL].sent++;
    net->stats.lane[ORR_LANE_CONTROL].sent_size += bytes.size;
    bool lost = (rule->set & SIM_RULE_CUT) != 0 ||
                net->frames.live >= net->options.in_flight_max ||
                (rule->loss_ppm != 0 &&
                 sim_net_chance(sim_net_draw(link, number, DRAW_LOSS), rule->loss_ppm)) ||
                sim_net_is_dropped(net, link, effective, number, ORR_LANE_CONTROL, bytes);
    OrrTime left_ns =
        lost ? ORR_NEVER
             : sim_net_occupy_wire(link, rule, ORR_LANE_CONTROL, now_ns, bytes.size);

    if (left_ns == ORR_NEVER) {
        sim_net_count_lost(net, index, ORR_LANE_CONTROL, false);
        return;
    }
    fly(net, index, rule, number, left_ns, bytes);
}

OrrStatus
sim_network_send(SimNetwork *net, OrrTime now_ns, SimEndpoint from, SimEndpoint to,
                 OrrLane lane, OrrBytes frame)
{
    size_t size_max = lane == ORR_LANE_CONTROL ? ORR_CONTROL_FRAME_MAX : ORR_DATA_FRAME_MAX;

    if (from >= net->endpoints->len || to >= net->endpoints->len || frame.size > size_max ||
        (from == to && lane == ORR_LANE_DATA)) {
        return ORR_INVALID;
    }
    if (!sim_net_endpoint(net, from)->process_up) {
        return ORR_REFUSED;
    }
    if (lane == ORR_LANE_CONTROL) {
        send_datagram(net, now_ns, from, to, frame);
    } else {
        sim_net_send_data(net, now_ns, from, to, frame);
    }
    return ORR_OK;
}

/* The host answers for the process that is not there, one latency back. */
static void
tell_unheard(SimNetwork *net, OrrTime now_ns, uint32_t index)
{
    SimEndpoint sender = sim_net_link_at(net, index)->from;
    uint32_t back = sim_net_link(net, sim_net_link_at(net, index)->to, sender);
    Link *link = sim_net_link_at(net, back);
    const SimRule *rule = &sim_net_effective(net, link)->rule;
    OrrTime latency = sim_net_latency(link, rule, link->number++, DRAW_LATENCY, DRAW_JITTER);

    sim_net_plan(net, now_ns + latency, HAPPENS_UNHEARD, back,
                 sim_net_endpoint(net, sender)->boot, NULL);
}

static void
on_datagram(SimNetwork *net, OrrTime now_ns, uint32_t index, Frame *frame)
{
    Link *link = sim_net_link_at(net, index);
    SimEndpoint from = link->from;
    SimEndpoint to = link->to;
    const Endpoint *receiver = sim_net_endpoint(net, to);
    uint32_t set = sim_net_effective(net, link)->rule.set;

    if ((set & (SIM_RULE_CUT | SIM_RULE_HOLD)) == SIM_RULE_HOLD && receiver->host_up) {
        Held held = {index, frame};

        g_array_append_val(net->held, held);
        return;
    }
    if ((set & SIM_RULE_CUT) != 0 || !receiver->process_up) {
        sim_net_count_lost(net, index, ORR_LANE_CONTROL, false);
        if ((set & SIM_RULE_CUT) == 0 && receiver->host_up) {
            tell_unheard(net, now_ns, index);
        }
    } else {
        link->delivered[ORR_LANE_CONTROL]++;
        net->stats.lane[ORR_LANE_CONTROL].delivered++;
        net->handlers.received(net->handlers.user, now_ns, to, from, ORR_LANE_CONTROL,
                               orr_bytes(frame->data, frame->size));
    }
    sim_frame_release(&net->frames, frame);
}

static void
on_unheard(SimNetwork *net, OrrTime now_ns, uint32_t back, uint32_t boot)
{
    const Link *link = sim_net_link_at(net, back);
    SimEndpoint sender = link->to;
    SimEndpoint silent = link->from;

    if (!sim_net_is_open(net, silent, sender) || !sim_net_endpoint(net, sender)->process_up ||
        sim_net_endpoint(net, sender)->boot != boot) {
        return;
    }
    net->stats.refused++;
    net->handlers.link(net->handlers.user, now_ns, sender, silent, ORR_LINK_REFUSED);
}

void
sim_network_expect(const SimNetwork *net, const SimEvent *event)
{
    if (event->target == HAPPENS_DATAGRAM) {
        const char *link = (const char *)sim_net_link_at(net, (uint32_t)event->arg[0]);
        const char *frame = event->data;

        __builtin_prefetch(link);
        __builtin_prefetch(link + 64);
        for (size_t at = 0; at < 256; at += 64) {
            __builtin_prefetch(frame + at);
        }
    }
}

bool
sim_network_peek(const SimNetwork *net, const SimEvent *event, SimEndpoint *to, OrrBytes *frame)
{
    const Frame *waits = event->data;

    if (event->target != HAPPENS_DATAGRAM) {
        return false;
    }
    *to = sim_net_link_at(net, (uint32_t)event->arg[0])->to;
    *frame = orr_bytes(waits->data, waits->size);
    return true;
}

void
sim_network_deliver(SimNetwork *net, const SimEvent *event)
{
    switch ((Happening)event->target) {
    case HAPPENS_DATAGRAM:
        on_datagram(net, event->at_ns, (uint32_t)event->arg[0], event->data);
        break;
    case HAPPENS_UNHEARD:
        on_unheard(net, event->at_ns, (uint32_t)event->arg[0], (uint32_t)event->arg[1]);
        break;
    case HAPPENS_FRAME:
    case HAPPENS_RETRY:
    case HAPPENS_RESET:
    case HAPPENS_REFUSED:
        sim_net_stream_event(net, event);
        break;
    }
}

/* ------- healing */

/* Held datagrams arrive again, now, in the order in which they came; those that another hold
 * keeps will be held again. */
static void
release_held(SimNetwork *net, OrrTime now_ns)
{
    for (uint32_t i = 0; i < net->held->len; i++) {
        const Held *held = &g_array_index(net->held, Held, i);

        sim_net_plan(net, now_ns, HAPPENS_DATAGRAM, held->link, 0, held->frame);
    }
    g_array_set_size(net->held, 0);
}

OrrStatus
sim_network_heal(SimNetwork *net, OrrTime now_ns, SimFaultName name)
{
    uint32_t kept = 0;
    uint32_t was = net->rules->len;
    bool held = false;

    for (uint32_t i = 0; i < was; i++) {
        Rule rule = g_array_index(net->rules, Rule, i);

        if (rule.name != name || name == SIM_NOT_A_FAULT) {
            g_array_index(net->rules, Rule, kept++) = rule;
        } else {
            held |= (rule.rule.set & SIM_RULE_HOLD) != 0;
        }
    }
    if (kept == was) {
        return ORR_NOT_FOUND;
    }
    g_array_set_size(net->rules, kept);
    g_array_set_size(net->effective, 0);
    net->version++;
    if (held) {
        release_held(net, now_ns);
        sim_net_kick_streams(net, now_ns);
    }
    return ORR_OK;
}

/* ------- statistics */

SimNetworkStats
sim_network_stats(const SimNetwork *net)
{
    SimNetworkStats stats = net->stats;

    stats.in_flight = net->frames.live;
    stats.in_flight_peak = net->frames.live_peak;
    stats.allocations += net->frames.allocations;
    return stats;
}

size_t
sim_network_link_count(const SimNetwork *net)
{
    return net->links->len;
}

SimLinkStats
sim_network_link_stats(const SimNetwork *net, size_t index)
{
    const Link *link = sim_net_link_at(net, (uint32_t)index);
    SimLinkStats stats = {
        .from = link->from, .to = link->to, .queue_peak_size = link->queue_peak_size};

    for (unsigned lane = 0; lane < 2; lane++) {
        stats.lane[lane] = (SimLaneStats){.sent = link->sent[lane],
                                          .sent_size = link->sent_size[lane],
                                          .delivered = link->delivered[lane],
                                          .lost = link->lost[lane]};
    }
    return stats;
}
