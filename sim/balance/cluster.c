#include "cluster.h"

#include "arguments.h"
#include "fault.h"

/* The names of the algorithms of which `can` holds, for messages. */
static char *
names_of(bool (*can)(const OrrPlacementInfo *info))
{
    size_t count = 0;
    const OrrPlacementInfo *rows = orr_placement_algorithms(&count);
    GString *names = g_string_new(NULL);

    for (size_t i = 0; i < count; i++) {
        if (can(&rows[i])) {
            g_string_append_printf(names, "%s%s", names->len > 0 ? ", " : "", rows[i].name);
        }
    }
    return g_string_free(names, FALSE);
}

static bool
can_weigh(const OrrPlacementInfo *info)
{
    return info->weighted;
}

const OrrPlacementInfo *
sim_cluster_algorithm(const char *name, GError **error)
{
    size_t count = 0;
    const OrrPlacementInfo *rows = orr_placement_algorithms(&count);
    const OrrPlacementInfo *row = orr_placement_algorithm_named(orr_bytes_of_string(name));
    g_autofree const char **names = NULL;
    const char *nearest;

    if (row != NULL) {
        return row;
    }
    names = g_new0(const char *, count + 1);
    for (size_t i = 0; i < count; i++) {
        names[i] = rows[i].name;
    }
    nearest = sim_arguments_nearest(name, names);
    if (nearest != NULL) {
        g_set_error(error, SIM_FAULT, SIM_FAULT_USAGE,
                    "there is no algorithm '%s'; did you mean %s?", name, nearest);
    } else {
        g_set_error(error, SIM_FAULT, SIM_FAULT_USAGE,
                    "there is no algorithm '%s' (orrery place --list shows all)", name);
    }
    return NULL;
}

bool
sim_cluster_hash(const char *name, OrrPlacementHash *hash, GError **error)
{
    static const char *const names[] = {
        [ORR_PLACEMENT_HASH_DEFAULT] = "default", [ORR_PLACEMENT_HASH_XXH3] = "xxh3",
        [ORR_PLACEMENT_HASH_XXH32] = "xxh32",     [ORR_PLACEMENT_HASH_SIPHASH] = "siphash",
        [ORR_PLACEMENT_HASH_MD5] = "md5",         [ORR_PLACEMENT_HASH_FNV1A] = "fnv1a",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (g_strcmp0(name, names[i]) == 0) {
            *hash = (OrrPlacementHash)i;
            return true;
        }
    }
    g_set_error(error, SIM_FAULT, SIM_FAULT_USAGE,
                "there is no hash '%s'; there are default, xxh3, xxh32, siphash, md5 and fnv1a",
                name);
    return false;
}

bool
sim_cluster_check_options(const OrrPlacementOptions *options, GError **error)
{
    OrrPlacement *placement = NULL;
    OrrStatus status = orr_placement_new(options, &placement);

    if (status == ORR_OK) {
        orr_placement_free(placement);
        return true;
    }
    if (status == ORR_REFUSED) {
        g_set_error(error, SIM_FAULT, SIM_FAULT_USAGE,
                    "this algorithm is defined with its own hash; leave --hash out");
    } else {
        g_set_error(error, SIM_FAULT, SIM_FAULT_USAGE,
                    "out of range: --points and --probes are at most 65536, --bound at most"
                    " 1000, and a maglev table is a prime of at most 67108864");
    }
    return false;
}

/* Why the core would not have this node, in words. */
static void
explain(GError **error, const SimCluster *cluster, const char *path, size_t member,
        OrrStatus status)
{
    const SimMember *node = &cluster->roster->members[member];
    const char *name = cluster->info->name;
    g_autofree char *place =
        path != NULL ? g_strdup_printf("%s:%zu:1", path, node->line) : g_strdup("--nodes");

    if (status == ORR_EXISTS) {
        g_set_error(error, SIM_FAULT, SIM_FAULT_DATA, "%s: %s is there already", place,
                    node->label);
    } else if (status == ORR_REFUSED) {
        g_autofree char *others = names_of(can_weigh);

        g_set_error(error, SIM_FAULT, SIM_FAULT_DATA,
                    "%s: %s has weight %u, but for %s all nodes must weigh the same and more "
                    "than 0; those with weights are %s",
                    place, node->label, node->weight, name, others);
    } else if (status == ORR_FULL) {
        g_set_error(error, SIM_FAULT, SIM_FAULT_DATA, "%s: more nodes than %s can have", place,
                    name);
    } else {
        g_set_error(error, SIM_FAULT, SIM_FAULT_DATA, "%s: %s refuses %s: %s", place, name,
                    node->label, orr_status_name(status));
    }
}

static bool
add_nodes(SimCluster *self, bool in_order, const char *path, GError **error)
{
    size_t count = self->roster->count;
    g_autofree OrrPlacementNode *nodes = g_new(OrrPlacementNode, count);
    OrrStatus status = ORR_OK;
    size_t failed = 0;

    for (size_t i = 0; i < count; i++) {
        nodes[i] = sim_roster_node(self->roster, i);
    }
    if (in_order) {
        while (failed < count &&
               (status = orr_placement_add(self->placement, &nodes[failed])) == ORR_OK) {
            failed++;
        }
    } else {
        status = orr_placement_add_all(self->placement, nodes, count, &failed);
    }
    if (status != ORR_OK) {
        explain(error, self, path, failed, status);
    }
    return status == ORR_OK;
}

SimCluster *
sim_cluster_new(const SimRoster *roster, const OrrPlacementOptions *options, bool in_order,
                const char *path, GError **error)
{
    SimCluster *cluster;
    OrrPlacement *placement = NULL;

    if (orr_placement_new(options, &placement) != ORR_OK) {
        sim_cluster_check_options(options, error);
        return NULL;
    }
    cluster = g_new0(SimCluster, 1);
    cluster->placement = placement;
    cluster->info = orr_placement_info(placement);
    cluster->roster = roster;
    if (!add_nodes(cluster, in_order, path, error)) {
        sim_cluster_free(cluster);
        return NULL;
    }
    sim_cluster_renumber(cluster);
    return cluster;
}

SimCluster *
sim_cluster_copy(const SimCluster *cluster)
{
    SimCluster *copy = g_new0(SimCluster, 1);

    copy->placement = orr_placement_copy(cluster->placement);
    copy->info = orr_placement_info(copy->placement);
    copy->roster = cluster->roster;
    sim_cluster_renumber(copy);
    return copy;
}

void
sim_cluster_free(SimCluster *cluster)
{
    if (cluster != NULL) {
        orr_placement_free(cluster->placement);
        g_free(cluster->member_of);
        g_free(cluster);
    }
}

uint32_t
sim_cluster_number(const SimCluster *cluster, size_t member)
{
    OrrPlacementNode node = sim_roster_node(cluster->roster, member);

    return orr_placement_number(cluster->placement, node.name, node.port);
}

void
sim_cluster_renumber(SimCluster *self)
{
    self->limit = orr_placement_number_limit(self->placement);
    self->member_of = g_renew(uint32_t, self->member_of, self->limit + 1);
    for (size_t i = 0; i < self->limit; i++) {
        self->member_of[i] = ORR_PLACEMENT_NO_NODE;
    }
    for (size_t i = 0; i < self->roster->count; i++) {
        uint32_t number = sim_cluster_number(self, i);

        if (number != ORR_PLACEMENT_NO_NODE) {
            self->member_of[number] = (uint32_t)i;
        }
    }
}
