#include "world.h"

#include "client.h"
#include "fault.h"
#include "judge.h"
#include "live.h"
#include "mover.h"

static bool
ask_serves(void *context, uint32_t node, uint16_t slot, uint64_t *version)
{
    SimWorld *world = context;

    return sim_host_serves(&world->hosts[node], slot, version);
}

static bool
ask_next_range(void *context, uint32_t node, uint32_t *cursor, OrrSlotRange *range)
{
    SimWorld *world = context;
    SimHost *host = &world->hosts[node];
    OrrSlotsRecord claim;

    if (!sim_host_lives(host)) {
        return false;
    }
    const OrrSlotMap *map = sim_host_slotmap(host);
    const OrrNodeView *view = sim_host_view(host);

    while (*cursor < ORR_SLOT_COUNT &&
           orr_slotmap_next(map, cursor, ORR_SLOT_COUNT - 1, &claim) == ORR_OK) {
        if (orr_id_equal(&claim.shard, &view->shard)) {
            *range = claim.range;
            return true;
        }
    }
    return false;
}

static void
free_mover(gpointer mover)
{
    sim_mover_free(mover);
}

SimWorld *
sim_world_new(const SimScenario *scenario, const SimWorldOptions *options)
{
    SimWorld *world = g_new0(SimWorld, 1);

    world->scenario = scenario;
    world->options = *options;
    world->queue = sim_queue_new();
    world->effects = orr_effects_new();
    world->scratch = g_byte_array_new();
    world->history = sim_history_new();
    world->digest = UINT64_C(0x6f72726572790001) ^ options->seed;
    world->end_ns = ORR_NEVER;
    sim_world_build(world);
    if (options->live != NULL) {
        sim_live_adopt(options->live, world);
    }
    SimInvariantSources sources = {ask_serves, ask_next_range, sim_judge_on_violation, world};

    world->invariants = sim_invariants_new(world->names, &sources);
    world->story = sim_story_new(world->names);
    sim_clients_new(world);
    sim_world_lay_links(world);
    world->faults = sim_faults_new(world);
    world->movers = g_ptr_array_new_with_free_func(free_mover);
    world->judge = sim_judge_new(world);
    sim_world_start(world);
    return world;
}

static void
free_host(SimHost *host)
{
    orr_node_free(host->node);
    sim_disk_free(host->disk);
    g_free(host->seeds);
    g_free(host->slots);
    for (unsigned i = 0; i < SIM_INBOXES; i++) {
        g_free(host->inbox[i].data);
    }
}

void
sim_world_free(SimWorld *world)
{
    if (world == NULL) {
        return;
    }
    for (uint32_t i = 0; i < world->host_count; i++) {
        free_host(&world->hosts[i]);
    }
    sim_judge_free(world->judge);
    sim_faults_free(world->faults);
    sim_clients_free(world->clients);
    g_ptr_array_unref(world->movers);
    sim_network_free(world->network);
    sim_queue_free(world->queue);
    sim_story_free(world->story);
    sim_history_free(world->history);
    sim_invariants_free(world->invariants);
    orr_effects_free(world->effects);
    g_byte_array_unref(world->scratch);
    sim_roster_free(world->names);
    g_free(world->first_owner);
    g_free(world->by_address);
    g_free(world->hosts);
    g_free(world);
}

OrrTime
sim_world_scenario_ns(const SimWorld *world, OrrTime virtual_ns)
{
    return virtual_ns == ORR_NEVER ? ORR_NEVER : virtual_ns - world->origin_ns;
}

OrrTime
sim_world_virtual_ns(const SimWorld *world, OrrTime scenario_ns)
{
    return scenario_ns == ORR_NEVER ? ORR_NEVER : scenario_ns + world->origin_ns;
}

SimEventHandle
sim_world_plan(SimWorld *world, OrrTime at_ns, SimEventKind kind, uint32_t target, uint64_t arg)
{
    SimEvent event = {.at_ns = at_ns, .kind = kind, .target = target, .arg = {arg}};

    return at_ns == ORR_NEVER ? SIM_NO_EVENT : sim_queue_schedule(world->queue, &event);
}

void
sim_world_digest(SimWorld *world, uint64_t what, uint64_t value)
{
    uint64_t digest = world->digest;

    digest = (digest ^ what) * UINT64_C(0xff51afd7ed558ccd);
    digest ^= digest >> 32;
    digest = (digest ^ value) * UINT64_C(0xc4ceb9fe1a85ec53);
    world->digest = digest ^ digest >> 29;
}

void
sim_world_stop(SimWorld *world)
{
    world->end_ns = world->now_ns;
}

static void
on_world_event(SimWorld *world, const SimEvent *event)
{
    if (event->target == SIM_PHASE_TICK) {
        sim_world_on_phase(world);
    } else if (event->target & SIM_MOVER) {
        sim_mover_on_event(world, event->target & ~SIM_MOVER, event->arg[0]);
    } else if (event->target & SIM_BOOT) {
        sim_host_boot(&world->hosts[event->target & ~SIM_BOOT]);
    } else if (event->target & SIM_MORE) {
        OrrEvent more = {.type = ORR_EVENT_REQUEST, .request = {.client = event->arg[0]}};

        sim_host_deliver(&world->hosts[event->target & ~SIM_MORE], &more);
    } else if (event->target & SIM_STORE_FAILED) {
        SimHost *host = &world->hosts[event->target & ~SIM_STORE_FAILED];
        OrrEvent failed = {.type = ORR_EVENT_STORED,
                           .stored = {.op = event->arg[0], .status = ORR_IO}};

        sim_host_deliver(host, &failed);
    } else {
        sim_host_on_processor(&world->hosts[event->target]);
    }
}

bool
sim_world_step(SimWorld *world)
{
    SimEvent event;

    if (world->ended) {
        return false;
    }
    if (!sim_queue_pop_until(world->queue, world->end_ns, &event)) {
        world->now_ns = MAX(world->now_ns, world->end_ns == ORR_NEVER ? 0 : world->end_ns);
        world->ended = true;
        if (world->live != NULL) {
            sim_live_collect(world);
        }
        sim_judge_finish(world);
        return false;
    }
    world->now_ns = world->live != NULL ? sim_live_now(world) : event.at_ns;
    world->events++;
    switch ((SimEventKind)event.kind) {
    case SIM_EVENT_NETWORK:
        sim_network_deliver(world->network, &event);
        break;
    case SIM_EVENT_DISK:
        sim_disk_complete(event.data, &event);
        break;
    case SIM_EVENT_DEADLINE:
        sim_host_on_deadline(&world->hosts[event.target]);
        break;
    case SIM_EVENT_CLIENT:
        sim_clients_on_event(world, &event);
        break;
    case SIM_EVENT_TIMELINE:
        sim_faults_on_event(world, &event);
        break;
    case SIM_EVENT_CHECK:
        sim_judge_on_event(world, &event);
        break;
    case SIM_EVENT_WORLD:
        on_world_event(world, &event);
        break;
    }
    return true;
}
