/* What a node knows, whether it is simulated or a process of this machine (live.h). */
#include "live.h"
#include "world.h"

#include <orrery/keyspace.h>

bool
sim_host_lives(const SimHost *host)
{
    return host->node != NULL || host->shadow != NULL;
}

bool
sim_host_runs(const SimHost *host)
{
    return sim_host_lives(host) && host->process == SIM_PROCESS_RUNNING;
}

const OrrSlotMap *
sim_host_slotmap(const SimHost *host)
{
    return host->shadow != NULL ? host->shadow->slots : orr_node_slotmap(host->node);
}

OrrStatus
sim_host_member(const SimHost *host, size_t index, OrrMemberView *member)
{
    if (host->shadow == NULL) {
        return orr_node_member(host->node, index, member);
    }
    if (index >= host->shadow->members->len) {
        return ORR_NOT_FOUND;
    }
    *member = g_array_index(host->shadow->members, OrrMemberView, index);
    return ORR_OK;
}

uint64_t
sim_host_key_count(const SimHost *host)
{
    return host->shadow != NULL ? host->view.key_count
                                : orr_keyspace_count(orr_node_keyspace(host->node));
}

uint64_t
sim_host_memory(const SimHost *host)
{
    return host->shadow != NULL ? host->shadow->memory
                                : orr_keyspace_memory(orr_node_keyspace(host->node));
}

bool
sim_host_same_data(const SimHost *host, const SimHost *other)
{
    if (host->shadow != NULL || other->shadow != NULL) {
        return sim_live_same_data(host, other);
    }
    return orr_keyspace_digest(orr_node_keyspace(host->node)) ==
           orr_keyspace_digest(orr_node_keyspace(other->node));
}

bool
sim_host_serves(const SimHost *host, uint16_t slot, uint64_t *version)
{
    if (host->shadow != NULL) {
        return sim_live_serves(host, slot, version);
    }
    return sim_host_runs(host) &&
           orr_node_serves_slot(host->node, sim_host_now(host).mono_ns, slot, version);
}

const OrrNodeView *
sim_host_view(SimHost *host)
{
    if (host->node == NULL) {
        return host->shadow != NULL ? &host->view : NULL;
    }
    if (host->dirty) {
        orr_node_view(host->node, sim_host_now(host).mono_ns, &host->view);
        host->dirty = false;
    }
    return &host->view;
}
