/* From boot to the scenario's 0: nodes find each other, the preload is written, copies catch
 * up.
 *
 *     boot --formed--> preload --written and copied--> the scenario's 0
 *
 * Where the scenario says that nodes are not formed (it wants to watch them form), its 0 is the
 * boot, and clients join when all is formed.
 */
#include "client.h"
#include "fault.h"
#include "judge.h"
#include "world.h"

#define TICK_NS (50 * ORR_NS_PER_MS)
#define BOOT_SPREAD_NS (50 * ORR_NS_PER_MS)
#define PROLOGUE_MAX_NS (INT64_C(600) * ORR_NS_PER_S)

static bool
agrees(const OrrNodeView *view, const OrrNodeView *first, uint32_t members)
{
    return view->members_digest == first->members_digest &&
           view->slots_digest == first->slots_digest && view->member_count == members &&
           view->failed_count == 0 && view->slots_uncovered == 0 && view->cluster_ok;
}

static bool
cluster_is_formed(SimWorld *world, uint32_t cluster)
{
    const SimClusterSpec *spec = &world->scenario->clusters[cluster];
    const OrrNodeView *first = NULL;
    uint32_t members = 0;

    for (unsigned i = 0; i < spec->node_count; i++) {
        members += world->hosts[spec->nodes[i]].process != SIM_PROCESS_ABSENT;
    }
    for (unsigned i = 0; i < spec->node_count; i++) {
        SimHost *host = &world->hosts[spec->nodes[i]];
        const OrrNodeView *view = sim_host_view(host);

        if (host->process == SIM_PROCESS_ABSENT) {
            continue;
        }
        first = first == NULL ? view : first;
        if (view == NULL || !agrees(view, first, members)) {
            return false;
        }
    }
    return true;
}

bool
sim_world_is_formed(SimWorld *world)
{
    for (uint32_t i = 0; i < world->scenario->cluster_count; i++) {
        if (!cluster_is_formed(world, i)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < world->scenario->shard_count; i++) {
        if (sim_invariants_server(world->invariants, world->now_ns, i) == SIM_ROSTER_NONE) {
            return false;
        }
    }
    return true;
}

static bool
copies_caught_up(SimWorld *world)
{
    for (uint32_t i = 0; i < world->host_count; i++) {
        SimHost *host = &world->hosts[i];
        uint32_t server;

        if (!sim_host_lives(host) || host->spec->shard == SIM_NONE) {
            continue;
        }
        server = sim_invariants_server(world->invariants, world->now_ns, host->spec->shard);
        if (server == SIM_ROSTER_NONE) {
            return false;
        }
        /* offsets move without a change of the view: read both anew */
        host->dirty = true;
        world->hosts[server].dirty = true;
        if (sim_host_view(host)->offset != sim_host_view(&world->hosts[server])->offset ||
            (sim_host_view(host)->role == ORR_ROLE_REPLICA && !sim_host_view(host)->link_up)) {
            return false;
        }
    }
    return true;
}

static void
plan_tick(SimWorld *world)
{
    sim_world_plan(world, world->now_ns + TICK_NS, SIM_EVENT_WORLD, SIM_PHASE_TICK, 0);
}

static void
begin(SimWorld *world)
{
    world->begun = true;
    world->origin_ns = world->now_ns;
    world->end_ns = world->now_ns + world->scenario->run_ns;
    sim_story_addf(world->story, SIM_LINE_PHASE, world->now_ns, "the scenario begins");
    sim_faults_begin(world);
    sim_judge_begin(world);
}

static void
note_formed(SimWorld *world)
{
    world->formed = true;
    world->formed_ns = world->now_ns;
    sim_story_addf(world->story, SIM_LINE_PHASE, world->now_ns,
                   "formed: %u nodes agree, %.3f s after boot", world->host_count,
                   (double)world->now_ns / 1e9);
}

void
sim_world_start(SimWorld *world)
{
    for (uint32_t i = 0; i < world->host_count; i++) {
        SimHost *host = &world->hosts[i];

        if (!host->spec->spare) {
            OrrTime at = (OrrTime)orr_rng_below(&host->rng, (uint64_t)BOOT_SPREAD_NS);

            host->process = SIM_PROCESS_DEAD; /* until then its host refuses */
            sim_network_set_process(world->network, 0, host->endpoint, false);
            sim_world_plan(world, at, SIM_EVENT_WORLD, SIM_BOOT | i, 0);
        } else {
            sim_network_set_host(world->network, 0, host->endpoint, false);
        }
    }
    if (!world->scenario->formed) {
        begin(world);
    }
    plan_tick(world);
}

void
sim_world_on_phase(SimWorld *world)
{
    if (!world->formed && sim_world_is_formed(world)) {
        note_formed(world);
    }
    if (world->formed && !world->clients_open) {
        world->clients_open = true;
        sim_clients_preload(world);
    }
    if (world->clients_open && !world->clients_begun && sim_clients_preloaded(world) &&
        (world->begun || copies_caught_up(world))) {
        world->clients_begun = true;
        if (!world->begun) {
            begin(world);
        }
        sim_clients_begin(world);
        return;
    }
    if (!world->begun && world->now_ns > PROLOGUE_MAX_NS) {
        world->never_formed = true;
        sim_story_add(world->story, SIM_LINE_FAILED, world->now_ns,
                      world->formed ? "the preload could not be written"
                                    : "the nodes never formed a cluster");
        sim_world_stop(world);
        return;
    }
    plan_tick(world);
}
