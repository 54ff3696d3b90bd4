/* What a change moves, what it need not have moved, and what does not come back. */
#include "trial.h"

#include <math.h>

/* A change that was made, so that it can be undone. */
typedef struct Applied {
    size_t count;
    size_t *members;   /* removed, or weighed anew, in that order */
    uint32_t *weights; /* before */
    bool *met;         /* by member: the change met it */
    char **names;      /* of newcomers */
    double optimum;
} Applied;

static void
applied_clear(Applied *self)
{
    g_free(self->members);
    g_free(self->weights);
    g_free(self->met);
    g_strfreev(self->names);
}

/* `count` different members, the first of a shuffled list. */
static void
choose(const SimCluster *cluster, OrrRng *rng, Applied *applied)
{
    size_t all = cluster->roster->count;
    g_autofree size_t *order = g_new(size_t, all);

    for (size_t i = 0; i < all; i++) {
        order[i] = i;
    }
    for (size_t i = 0; i < applied->count; i++) {
        size_t j = i + (size_t)orr_rng_below(rng, all - i);
        size_t chosen = order[j];

        order[j] = order[i];
        applied->members[i] = chosen;
    }
}

static bool
apply_add(SimCluster *cluster, Applied *applied)
{
    uint64_t total = sim_roster_weight_sum(cluster->roster);
    uint32_t weight = (uint32_t)MAX(1, total / cluster->roster->count);

    applied->names = g_new0(char *, applied->count + 1);
    for (size_t i = 0; i < applied->count; i++) {
        OrrPlacementNode node = {.weight = weight};

        applied->names[i] = g_strdup_printf("newcomer-%zu", i);
        node.name = orr_bytes_of_string(applied->names[i]);
        if (orr_placement_add(cluster->placement, &node) != ORR_OK) {
            applied->count = i;
            return false;
        }
    }
    applied->optimum =
        (double)applied->count * weight / ((double)total + (double)applied->count * weight);
    return true;
}

static bool
apply_remove(SimCluster *cluster, OrrRng *rng, Applied *applied)
{
    double total = (double)sim_roster_weight_sum(cluster->roster);
    size_t wanted = applied->count;

    if (wanted >= cluster->roster->count) {
        applied->count = 0;
        return false;
    }
    choose(cluster, rng, applied);
    for (size_t i = 0; i < wanted; i++) {
        size_t member = applied->members[i];

        if (!cluster->info->removes_any) {
            member = sim_cluster_member(cluster, orr_placement_last(cluster->placement));
            applied->members[i] = member;
        }
        if (orr_placement_remove(cluster->placement, sim_cluster_number(cluster, member)) !=
            ORR_OK) {
            applied->count = i;
            return false;
        }
        sim_cluster_renumber(cluster);
        applied->met[member] = true;
        applied->optimum += cluster->roster->members[member].weight / total;
    }
    return true;
}

static bool
apply_reweigh(SimCluster *cluster, double factor, OrrRng *rng, Applied *applied)
{
    const SimMember *members = cluster->roster->members;
    double before = (double)sim_roster_weight_sum(cluster->roster);
    double after = before;
    size_t wanted = applied->count;

    if (wanted > cluster->roster->count || !cluster->info->weighted) {
        applied->count = 0;
        return false;
    }
    choose(cluster, rng, applied);
    for (size_t i = 0; i < wanted; i++) {
        size_t member = applied->members[i];
        uint32_t old = members[member].weight;
        uint32_t weight = (uint32_t)CLAMP(round(old * factor), 1, UINT32_MAX);

        if (orr_placement_reweigh(cluster->placement, sim_cluster_number(cluster, member),
                                  weight) != ORR_OK) {
            applied->count = i;
            return false;
        }
        applied->weights[i] = weight;
        applied->met[member] = true;
        after += (double)weight - old;
    }
    for (size_t i = 0; i < wanted; i++) {
        uint32_t old = members[applied->members[i]].weight;

        applied->optimum += fabs(applied->weights[i] / after - old / before);
    }
    return true;
}

static bool
apply(SimCluster *cluster, const SimChange *change, OrrRng *rng, Applied *applied)
{
    size_t nodes = cluster->roster->count;

    applied->count = sim_change_count(change, nodes);
    applied->members = g_new0(size_t, MAX(applied->count, nodes));
    applied->weights = g_new0(uint32_t, MAX(applied->count, nodes));
    applied->met = g_new0(bool, nodes);
    switch (change->kind) {
    case SIM_CHANGE_ADD:
        return apply_add(cluster, applied);
    case SIM_CHANGE_REMOVE:
        return apply_remove(cluster, rng, applied);
    case SIM_CHANGE_REWEIGH:
        return apply_reweigh(cluster, change->factor, rng, applied);
    }
    g_assert_not_reached();
}

/* Undoes in the opposite order. What was possible once is possible back. */
static void
undo(SimCluster *cluster, const SimChange *change, const Applied *applied)
{
    OrrPlacement *placement = cluster->placement;

    for (size_t i = applied->count; i > 0; i--) {
        OrrStatus status = ORR_OK;

        if (change->kind == SIM_CHANGE_ADD) {
            OrrBytes name = orr_bytes_of_string(applied->names[i - 1]);

            status = orr_placement_remove(placement, orr_placement_number(placement, name, 0));
        } else if (change->kind == SIM_CHANGE_REMOVE) {
            OrrPlacementNode node = sim_roster_node(cluster->roster, applied->members[i - 1]);

            status = orr_placement_add(placement, &node);
        } else {
            size_t member = applied->members[i - 1];

            status = orr_placement_reweigh(placement, sim_cluster_number(cluster, member),
                                           cluster->roster->members[member].weight);
        }
        g_assert(status == ORR_OK);
    }
    sim_cluster_renumber(cluster);
}

/* Whether a move between two nodes was for nothing: neither came, left, or got a new weight. */
static bool
is_wasted(const Applied *applied, uint32_t from, uint32_t to)
{
    bool to_met = to == ORR_PLACEMENT_NO_NODE || applied->met[to];

    return !applied->met[from] && !to_met;
}

/* Who inherits from a node that died, and how evenly. */
static void
measure_heirs(const SimStudy *study, const SimCluster *cluster, const uint32_t *owners,
              const uint32_t *after, size_t dead, SimMoves *moves)
{
    g_autofree double *inherited = g_new0(double, cluster->roster->count);
    double total = 0;
    double squares = 0;
    double most = 0;

    for (size_t i = 0; i < study->keys->count; i++) {
        if (owners[i] == dead && after[i] != ORR_PLACEMENT_NO_NODE) {
            inherited[after[i]] += 1;
            total += 1;
        }
    }
    for (size_t i = 0; i < cluster->roster->count; i++) {
        squares += inherited[i] * inherited[i];
        most = MAX(most, inherited[i]);
    }
    moves->heirs = total > 0 ? total * total / squares : NAN;
    moves->heir_most = total > 0 ? most / total : NAN;
}

void
sim_trial_change(const SimStudy *study, SimCluster *cluster, const SimChange *change,
                 const uint64_t *hashes, const uint32_t *owners, const double *popularity,
                 OrrRng *rng, SimMoves *moves)
{
    g_autofree uint32_t *after = g_new(uint32_t, study->keys->count);
    Applied applied = {0};
    bool possible = apply(cluster, change, rng, &applied);

    *moves = (SimMoves){NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    sim_cluster_renumber(cluster);
    if (possible) {
        size_t moved = 0;
        size_t wasted = 0;

        sim_trial_owners(study, cluster, hashes, after);
        moves->moved_load = 0;
        for (size_t i = 0; i < study->keys->count; i++) {
            if (after[i] != owners[i]) {
                moved++;
                wasted += is_wasted(&applied, owners[i], after[i]);
                moves->moved_load += popularity[i];
            }
        }
        moves->moved = (double)moved / (double)study->keys->count;
        moves->wasted = (double)wasted / (double)study->keys->count;
        moves->optimum = applied.optimum;
        if (change->kind == SIM_CHANGE_REMOVE && applied.count == 1) {
            measure_heirs(study, cluster, owners, after, applied.members[0], moves);
        }
    }
    undo(cluster, change, &applied);
    if (possible) {
        size_t lost = 0;

        sim_trial_owners(study, cluster, hashes, after);
        for (size_t i = 0; i < study->keys->count; i++) {
            lost += after[i] != owners[i];
        }
        moves->lost = (double)lost / (double)study->keys->count;
    }
    applied_clear(&applied);
}
