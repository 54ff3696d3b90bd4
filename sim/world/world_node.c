#include "fault.h"
#include "judge.h"
#include "live.h"
#include "mover.h"
#include "operator.h"
#include "tracing.h"
#include "world.h"

#include <glib.h>
#include <orrery/bus.h>
#include <settings_command.h>

/* What one step costs a processor of full speed, ns; and bytes on top of it. Assumed,
 * not measured: what matters is that a slow node is slow by the right factor. */
#define COST_CONTROL_NS INT64_C(20000)
#define COST_DATA_NS INT64_C(20000)
#define COST_REQUEST_NS INT64_C(40000)
#define COST_TIME_NS INT64_C(1000)
#define COST_STORED_NS INT64_C(1000)
#define COST_PER_BYTE_PS INT64_C(300) /* picoseconds */

#define SPINS_MAX 1000u /* TIME events without progress that are a bug */

static void perform(SimHost *host, OrrEffects *effects);

OrrNow
sim_host_now(const SimHost *host)
{
    return sim_clock_now(&host->clock, host->world->now_ns);
}

/* ---- the deadline: one planned event, moved only when it would come too late */

static void
plan_deadline(SimHost *host)
{
    SimWorld *world = host->world;
    OrrTime at =
        sim_clock_virtual_of_mono(&host->clock, world->now_ns, orr_node_deadline(host->node));

    if (at != ORR_NEVER && at <= world->now_ns) {
        /* at once, and yet time goes on: no node that never has enough stops the world */
        at = world->now_ns + (host->spins < SPINS_MAX ? 1 : ORR_NS_PER_MS);
    } else {
        host->spins = 0;
    }
    if (host->deadline_ns <= at) {
        return; /* what is planned comes first, and plans anew */
    }
    if (host->deadline_ns != ORR_NEVER) {
        (void)sim_queue_cancel(world->queue, host->deadline_event);
    }
    host->deadline_ns = at;
    host->deadline_event = sim_world_plan(world, at, SIM_EVENT_DEADLINE, host->index, 0);
}

static void
forget_deadline(SimHost *host)
{
    if (host->deadline_ns != ORR_NEVER) {
        (void)sim_queue_cancel(host->world->queue, host->deadline_event);
        host->deadline_ns = ORR_NEVER;
    }
}

void
sim_host_replan(SimHost *host)
{
    forget_deadline(host);
    if (host->node != NULL && sim_host_runs(host)) {
        plan_deadline(host);
    }
}

/* ---- one step */

static OrrTime
cost_of(const SimHost *host, const OrrEvent *event)
{
    OrrTime cost = COST_TIME_NS;

    switch (event->type) {
    case ORR_EVENT_RECEIVED:
        cost = event->received.lane == ORR_LANE_CONTROL ? COST_CONTROL_NS : COST_DATA_NS;
        cost += (OrrTime)event->received.frame.size * COST_PER_BYTE_PS / 1000;
        break;
    case ORR_EVENT_REQUEST:
        cost = COST_REQUEST_NS + (OrrTime)event->request.bytes.size * COST_PER_BYTE_PS / 1000;
        break;
    case ORR_EVENT_STORED:
        cost = COST_STORED_NS;
        break;
    case ORR_EVENT_BOOT:
    case ORR_EVENT_TIME:
    case ORR_EVENT_LINK:
    case ORR_EVENT_ANSWER:
    case ORR_EVENT_LEAVE:
    case ORR_EVENT_SETTINGS:
        break;
    }
    return cost * (OrrTime)host->slow_milli / 1000;
}

/* A lease is renewed without a `change`: whoever serves is asked for it after every step. One
 * that had run out meanwhile began anew, which is for the judge to see. */
static void
note_lease(SimHost *host)
{
    OrrTime now = sim_host_now(host).mono_ns;
    OrrTime lease = orr_node_lease_until(host->node, now);

    if (lease == host->lease_told_ns) {
        return;
    }
    if (lease <= now || host->lease_told_ns <= now) {
        host->dirty = true;
        sim_judge_on_change(host->world, host);
        return;
    }
    host->view.lease_until_ns = lease;
    host->lease_told_ns = lease;
    sim_invariants_renew(host->world->invariants, host->index,
                         sim_clock_virtual_of_mono(&host->clock, host->world->now_ns, lease));
}

static void
note_change(SimHost *host)
{
    uint64_t change = orr_node_change(host->node);

    if (change != host->change) {
        host->change = change;
        host->dirty = true;
        sim_judge_on_change(host->world, host);
    } else if (host->view.serving) {
        note_lease(host);
    }
}

static void
step(SimHost *host, const OrrEvent *event)
{
    SimWorld *world = host->world;
    OrrStatus status;

    sim_tracing_event(world, host, event);
    orr_effects_clear(world->effects);
    status = orr_node_step(host->node, sim_host_now(host), event, world->effects);
    world->steps++;
    if (event->type == ORR_EVENT_BOOT && status != ORR_OK) {
        sim_story_addf(world->story, SIM_LINE_DECIDED, world->now_ns, "%s does not start: %s",
                       host->spec->name, orr_status_name(status));
    }
    perform(host, world->effects);
    if (!sim_host_runs(host)) {
        return; /* it died at one of its own writes */
    }
    note_change(host);
    plan_deadline(host);
}

/* ---- the processor: one thing at a time, CONTROL frames before the others */

typedef struct Waiting {
    OrrEventType type;
    OrrLane lane;
    OrrAddress from;
    uint64_t number; /* client or op */
    uint32_t state;  /* OrrLinkState or OrrStatus */
    uint32_t size;
} Waiting;

static uint8_t *
inbox_room(SimInbox *inbox, size_t size)
{
    if (inbox->tail + size > inbox->room && inbox->head > 0) {
        memmove(inbox->data, inbox->data + inbox->head, inbox->tail - inbox->head);
        inbox->tail -= inbox->head;
        inbox->head = 0;
    }
    if (inbox->tail + size > inbox->room) {
        inbox->room = MAX(inbox->room * 2, inbox->tail + size + 4096);
        inbox->data = g_realloc(inbox->data, inbox->room);
    }
    inbox->tail += size;
    return inbox->data + inbox->tail - size;
}

static void
inbox_put(SimInbox *inbox, const OrrEvent *event)
{
    Waiting waiting = {.type = event->type};
    OrrBytes bytes = ORR_BYTES_EMPTY;

    switch (event->type) {
    case ORR_EVENT_RECEIVED:
        waiting.lane = event->received.lane;
        waiting.from = event->received.from;
        bytes = event->received.frame;
        break;
    case ORR_EVENT_REQUEST:
        waiting.number = event->request.client;
        bytes = event->request.bytes;
        break;
    case ORR_EVENT_STORED:
        waiting.number = event->stored.op;
        waiting.state = (uint32_t)event->stored.status;
        break;
    case ORR_EVENT_LINK:
        waiting.number = event->link.client;
        waiting.from = event->link.peer;
        waiting.state = (uint32_t)event->link.state;
        break;
    case ORR_EVENT_ANSWER:
        waiting.number = event->answer.client;
        bytes = event->answer.bytes;
        break;
    case ORR_EVENT_SETTINGS:
        bytes = orr_bytes(event->settings, sizeof *event->settings);
        break;
    case ORR_EVENT_BOOT:
    case ORR_EVENT_TIME:
    case ORR_EVENT_LEAVE:
        break;
    }
    if (inbox->tail - inbox->head + bytes.size > SIM_INBOX_MAX) {
        return; /* a socket buffer has an end, too */
    }
    waiting.size = (uint32_t)bytes.size;
    uint8_t *room = inbox_room(inbox, sizeof waiting + bytes.size);

    memcpy(room, &waiting, sizeof waiting);
    if (bytes.size != 0) {
        memcpy(room + sizeof waiting, bytes.data, bytes.size);
    }
}

/* The first event of an inbox; its bytes stay there until something is put in, settings in
 * `settings`. */
static bool
inbox_take(SimInbox *inbox, OrrEvent *event, OrrSettings *settings)
{
    Waiting waiting;
    OrrBytes bytes;

    if (inbox->head == inbox->tail) {
        inbox->head = inbox->tail = 0;
        return false;
    }
    memcpy(&waiting, inbox->data + inbox->head, sizeof waiting);
    bytes = orr_bytes(inbox->data + inbox->head + sizeof waiting, waiting.size);
    inbox->head += sizeof waiting + waiting.size;
    *event = (OrrEvent){.type = waiting.type};
    switch (waiting.type) {
    case ORR_EVENT_RECEIVED:
        event->received.lane = waiting.lane;
        event->received.from = waiting.from;
        event->received.frame = bytes;
        break;
    case ORR_EVENT_REQUEST:
        event->request.client = waiting.number;
        event->request.bytes = bytes;
        break;
    case ORR_EVENT_STORED:
        event->stored.op = waiting.number;
        event->stored.status = (OrrStatus)waiting.state;
        break;
    case ORR_EVENT_LINK:
        event->link.client = waiting.number;
        event->link.peer = waiting.from;
        event->link.state = (OrrLinkState)waiting.state;
        break;
    case ORR_EVENT_ANSWER:
        event->answer.client = waiting.number;
        event->answer.bytes = bytes;
        break;
    case ORR_EVENT_SETTINGS:
        memcpy(settings, bytes.data, sizeof *settings); /* bytes in an inbox are not aligned */
        event->settings = settings;
        break;
    case ORR_EVENT_BOOT:
    case ORR_EVENT_TIME:
    case ORR_EVENT_LEAVE:
        break;
    }
    return true;
}

/* The work on `event`, first in line, begins when the processor is free, and ends so much
 * later.
 */
static void
plan_processor(SimHost *host, const OrrEvent *event)
{
    if (host->processor_event == SIM_NO_EVENT) {
        host->busy_until_ns =
            MAX(host->busy_until_ns, host->world->now_ns) + cost_of(host, event);
        host->processor_event =
            sim_world_plan(host->world, host->busy_until_ns, SIM_EVENT_WORLD, host->index, 0);
    }
}

/* Plans the work on whatever waits, if anything does. */
static void
plan_waiting(SimHost *host)
{
    for (unsigned i = 0; i < SIM_INBOXES; i++) {
        SimInbox before = host->inbox[i];
        OrrSettings settings;
        OrrEvent event;

        if (inbox_take(&host->inbox[i], &event, &settings)) {
            host->inbox[i].head = before.head;
            host->inbox[i].tail = before.tail;
            plan_processor(host, &event);
            return;
        }
    }
}

/* A node of full speed that is idle is stepped at once, and is busy afterwards; otherwise the
 * step is at the end of the work, so the answers of a slow node are late. */
void
sim_host_deliver(SimHost *host, const OrrEvent *event)
{
    OrrTime now = host->world->now_ns;
    bool control =
        (event->type == ORR_EVENT_RECEIVED && event->received.lane == ORR_LANE_CONTROL) ||
        event->type == ORR_EVENT_STORED;

    if (host->node == NULL) {
        return;
    }
    if (host->process == SIM_PROCESS_RUNNING && host->busy_until_ns <= now &&
        host->slow_milli == 1000 && host->processor_event == SIM_NO_EVENT) {
        host->busy_until_ns = now + cost_of(host, event);
        step(host, event);
        return;
    }
    inbox_put(&host->inbox[control ? 0 : 1], event);
    if (host->process == SIM_PROCESS_RUNNING) {
        plan_processor(host, event);
    }
}

void
sim_host_on_processor(SimHost *host)
{
    OrrSettings settings;
    OrrEvent event;

    host->processor_event = SIM_NO_EVENT;
    if (!sim_host_runs(host)) {
        return;
    }
    /* the bytes stay where they are: nothing is put in while the node is stepped */
    if (inbox_take(&host->inbox[0], &event, &settings) ||
        inbox_take(&host->inbox[1], &event, &settings)) {
        step(host, &event);
    }
    if (sim_host_runs(host)) {
        plan_waiting(host);
    }
}

void
sim_host_on_deadline(SimHost *host)
{
    OrrTime due;

    host->deadline_ns = ORR_NEVER;
    if (!sim_host_runs(host)) {
        return;
    }
    due = sim_clock_virtual_of_mono(&host->clock, host->world->now_ns,
                                    orr_node_deadline(host->node));
    if (due > host->world->now_ns) {
        host->spins = 0;
        plan_deadline(host); /* it was put off meanwhile */
        return;
    }
    if (++host->spins == SPINS_MAX) {
        sim_judge_on_spin(host->world, host);
    }
    step(host, &(OrrEvent){.type = ORR_EVENT_TIME});
}

/* ---- effects */

static void
perform_send(SimHost *host, const OrrEffect *effect)
{
    SimWorld *world = host->world;
    SimHost *to = sim_world_host_at(world, &effect->send.to);

    if (to == NULL) {
        return; /* nobody has this address: silence */
    }
    (void)sim_network_send(world->network, world->now_ns, host->endpoint, to->endpoint,
                           effect->send.lane, effect->send.frame);
}

/* False when this write is the node's last. */
static bool
perform_store(SimHost *host, const OrrEffect *effect)
{
    SimDiskOp op = {
        .op = effect->store.op,
        .kind = effect->store.kind,
        .generation = effect->store.generation,
        .action = effect->store.action,
        .sync = effect->store.sync,
        .bytes = effect->store.bytes,
    };

    if (sim_faults_on_store(host->world, host, &op)) {
        return false;
    }
    if (sim_disk_submit(host->disk, host->world->now_ns, &op) != ORR_OK) {
        (void)sim_world_plan(host->world, host->world->now_ns, SIM_EVENT_WORLD,
                             host->index | SIM_STORE_FAILED, op.op);
    }
    return true;
}

static void
perform_reply(SimHost *host, const OrrEffect *effect)
{
    SimWorld *world = host->world;

    if (effect->reply.more) { /* its network is a queue that grows: there is room at once */
        (void)sim_world_plan(world, world->now_ns, SIM_EVENT_WORLD, host->index | SIM_MORE,
                             effect->reply.client);
    }
    if (effect->reply.client >= SIM_MOVER_FIRST) {
        sim_mover_on_reply(world, effect->reply.client, effect->reply.bytes);
        return;
    }
    if (effect->reply.client >= SIM_OPERATOR_FIRST) {
        sim_operator_on_reply(world, host, effect->reply.bytes);
        return;
    }
    if (effect->reply.bytes.size != 0) {
        (void)sim_network_write(world->network, world->now_ns, effect->reply.client,
                                SIM_END_SERVER, effect->reply.bytes);
    }
    if (effect->reply.close) {
        sim_network_close(world->network, world->now_ns, effect->reply.client, SIM_END_SERVER);
    }
}

void
sim_host_trace(SimHost *host, const OrrTrace *trace)
{
    SimWorld *world = host->world;

    if (trace->kind == ORR_TRACE_WRITE_DROPPED) {
        sim_history_ledger_add(world->history, trace->text, trace->epoch, (int64_t)trace->value,
                               (uint16_t)host->index, world->now_ns);
    } else {
        sim_story_decide(world->story, world->now_ns, host->index, trace);
    }
    sim_invariants_trace(world->invariants, world->now_ns, host->index, trace);
    sim_judge_on_trace(world, host, trace);
    sim_faults_on_trace(world, host->index, trace);
}

/* A simulated process is stopped and delayed by the timeline, not by its clients. */
static void
perform_wish(SimHost *host, const OrrEffect *effect)
{
    sim_story_addf(host->world->story, SIM_LINE_INJECTED, host->world->now_ns,
                   "%s is asked to %s; a simulated host does not", host->spec->name,
                   effect->host.wish == ORR_HOST_SHUTDOWN ? "shut down" : "sleep");
}

/* CONFIG is answered by the table of settings; whatever else a host has, there is none of here.
 * The answer waits in line, as the daemon's does: never from inside of a step. */
static void
perform_ask(SimHost *host, const OrrEffect *effect)
{
    OrrEvent event = {.type = ORR_EVENT_ANSWER};
    OrrSettings settings = host->config.settings;
    OrrReply *reply = orr_reply_new();

    orr_reply_set_protocol(reply, effect->ask.protocol);
    if (config_settings_command(&settings, effect->ask.words, reply)) {
        OrrEvent change = {.type = ORR_EVENT_SETTINGS, .settings = &settings};

        host->config.settings = settings;
        inbox_put(&host->inbox[1], &change);
    }
    event.answer.client = effect->ask.client;
    event.answer.bytes = orr_reply_bytes(reply);
    inbox_put(&host->inbox[1], &event);
    plan_processor(host, &event);
    orr_reply_free(reply);
}

/* In order, before anything else happens: the contract of effects.h. */
static void
perform(SimHost *host, OrrEffects *effects)
{
    size_t count = orr_effects_count(effects);

    if (sim_faults_on_effects(host->world, host, effects)) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        OrrEffect effect = orr_effects_get(effects, i);

        sim_tracing_effect(host->world, host, &effect);
        switch (effect.type) {
        case ORR_EFFECT_SEND:
            perform_send(host, &effect);
            break;
        case ORR_EFFECT_STORE:
            if (!perform_store(host, &effect)) {
                return;
            }
            break;
        case ORR_EFFECT_REPLY:
            perform_reply(host, &effect);
            break;
        case ORR_EFFECT_TRACE:
            sim_host_trace(host, &effect.trace);
            break;
        case ORR_EFFECT_HOST:
            perform_wish(host, &effect);
            break;
        case ORR_EFFECT_ASK:
            perform_ask(host, &effect);
            break;
        }
    }
}

/* ---- births and deaths */

void
sim_host_boot(SimHost *host)
{
    SimWorld *world = host->world;
    size_t file_count = 0;
    const OrrFile *files;

    g_return_if_fail(!sim_host_lives(host));
    host->process = SIM_PROCESS_RUNNING;
    host->boots++;
    host->change = UINT64_MAX;
    host->dirty = true;
    host->busy_until_ns = world->now_ns;
    sim_network_set_host(world->network, world->now_ns, host->endpoint, true);
    sim_network_set_process(world->network, world->now_ns, host->endpoint, true);
    if (world->live != NULL) {
        sim_live_boot(host);
        return;
    }
    sim_clock_boot(&host->clock, world->now_ns, &host->rng);
    host->node = orr_node_new(&host->config);
    files = sim_disk_boot(host->disk, &file_count);
    step(host, &(OrrEvent){.type = ORR_EVENT_BOOT,
                           .boot = {.files = files, .file_count = file_count}});
}

/* Counters of a boot that ends are kept, so that a run's totals are whole. */
static void
keep_counters(SimHost *host)
{
    OrrNodeView now = host->view;

    if (host->node != NULL) {
        orr_node_view(host->node, sim_host_now(host).mono_ns, &now);
        host->view = now;
    }
    host->before.elections += now.elections;
    host->before.expired_attempts += now.expired_attempts;
    host->before.full_syncs_out += now.full_syncs_out;
    host->before.full_syncs_in += now.full_syncs_in;
    host->before.partial_syncs_in += now.partial_syncs_in;
    host->before.frames_refused += now.frames_refused;
    host->before.frames_malformed += now.frames_malformed;
    host->before.writes_dropped += now.writes_dropped;
    host->before.writes_fenced += now.writes_fenced;
}

void
sim_host_kill(SimHost *host, bool power)
{
    SimWorld *world = host->world;

    if (sim_host_lives(host)) {
        keep_counters(host);
    }
    if (world->live != NULL) {
        sim_live_kill(host, power);
    }
    orr_node_free(host->node);
    host->node = NULL;
    forget_deadline(host);
    if (host->processor_event != SIM_NO_EVENT) {
        (void)sim_queue_cancel(world->queue, host->processor_event);
        host->processor_event = SIM_NO_EVENT;
    }
    for (unsigned i = 0; i < SIM_INBOXES; i++) {
        host->inbox[i].head = host->inbox[i].tail = 0;
    }
    host->process = power ? SIM_PROCESS_OFF : SIM_PROCESS_DEAD;
    host->stopped_ns = world->now_ns;
    if (power) {
        sim_network_set_host(world->network, world->now_ns, host->endpoint, false);
    } else {
        sim_network_set_process(world->network, world->now_ns, host->endpoint, false);
    }
    sim_judge_on_gone(world, host);
}

void
sim_host_pause(SimHost *host)
{
    if (sim_host_runs(host)) {
        host->process = SIM_PROCESS_PAUSED;
        forget_deadline(host);
        if (host->shadow != NULL) {
            sim_live_pause(host, true);
        }
        sim_judge_on_gone(host->world, host);
    }
}

void
sim_host_resume(SimHost *host)
{
    if (host->process != SIM_PROCESS_PAUSED) {
        return;
    }
    host->process = SIM_PROCESS_RUNNING;
    host->busy_until_ns = MAX(host->busy_until_ns, host->world->now_ns);
    host->dirty = true;
    if (host->shadow != NULL) {
        sim_live_pause(host, false); /* what it thinks is asked for first */
        return;
    }
    plan_waiting(host);
    plan_deadline(host);
    sim_judge_on_change(host->world, host);
}
