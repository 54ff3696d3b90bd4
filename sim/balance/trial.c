#include "trial.h"

#include "popularity.h"

static OrrRng
trial_rng(const SimStudy *study, size_t number, const char *purpose)
{
    g_autofree char *name = g_strdup_printf("balance trial %zu %s", number, purpose);

    return orr_rng_stream(study->seed, orr_bytes_of_string(name));
}

/* The unit of weight stays what it is at first: a change must not give every node new points.
 */
static uint32_t
least_weight(const SimRoster *roster)
{
    uint32_t least = UINT32_MAX;

    for (size_t i = 0; i < roster->count; i++) {
        if (roster->members[i].weight > 0) {
            least = MIN(least, roster->members[i].weight);
        }
    }
    return least;
}

SimCluster *
sim_trial_cluster(const SimStudy *study, const SimCase *situation, size_t number,
                  SimRoster **roster, GError **error)
{
    OrrRng rng = trial_rng(study, number, "nodes");
    OrrPlacementOptions options = situation->options;
    uint64_t salt = (orr_rng_next(&rng) >> 32) + 1;
    const SimRoster *nodes = situation->roster;

    *roster = NULL;
    options.seed = orr_rng_next(&rng);
    if (nodes == NULL) {
        *roster = sim_roster_generate(situation->nodes, salt);
        for (size_t i = 0; i < situation->nodes; i++) {
            (*roster)->members[i].weight = SIM_TRIAL_WEIGHT;
        }
        nodes = *roster;
    }
    options.unit_weight = least_weight(nodes);
    return sim_cluster_new(nodes, &options, false, situation->path, error);
}

uint64_t *
sim_trial_hashes(const SimStudy *study, const SimCluster *cluster)
{
    uint64_t *hashes;

    if (!cluster->info->by_hash) {
        return NULL;
    }
    hashes = g_new(uint64_t, study->keys->count);
    orr_placement_hash_batch(cluster->placement, study->key_bytes, study->keys->count, hashes);
    return hashes;
}

void
sim_trial_owners(const SimStudy *study, SimCluster *cluster, const uint64_t *hashes,
                 uint32_t *owners)
{
    OrrPlacement *placement = cluster->placement;
    size_t count = study->keys->count;

    if (cluster->info->loaded) {
        orr_placement_clear_loads(placement);
        for (size_t i = 0; i < count; i++) {
            owners[i] = hashes != NULL
                            ? orr_placement_assign_hash(placement, hashes[i], 1)
                            : orr_placement_assign(placement, study->key_bytes[i], 1);
        }
    } else if (hashes != NULL) {
        orr_placement_find_hash_batch(placement, hashes, count, owners);
    } else {
        orr_placement_find_batch(placement, study->key_bytes, count, owners);
    }
    for (size_t i = 0; i < count; i++) {
        owners[i] = sim_cluster_member(cluster, owners[i]);
    }
}

/* Sums over nodes, without those that are due nothing. */
typedef struct Tally {
    size_t members;
    double *sums; /* by member */
    double *due;
    double *kept_sums; /* those with a weight */
    double *kept_due;
    size_t kept;
} Tally;

static Tally
tally_new(const SimRoster *roster)
{
    Tally tally = {
        .members = roster->count,
        .sums = g_new0(double, roster->count),
        .due = g_new0(double, roster->count),
        .kept_sums = g_new0(double, roster->count),
        .kept_due = g_new0(double, roster->count),
    };
    double total = (double)sim_roster_weight_sum(roster);

    for (size_t i = 0; i < roster->count; i++) {
        tally.due[i] = roster->members[i].weight / total;
    }
    return tally;
}

static void
tally_clear(Tally *self)
{
    g_free(self->sums);
    g_free(self->due);
    g_free(self->kept_sums);
    g_free(self->kept_due);
}

/* The spread of what was summed, and each node's relative load; then begins anew. */
static SimSpread
tally_finish(Tally *self, double **relative)
{
    SimSpread spread;
    double total = 0;

    self->kept = 0;
    for (size_t i = 0; i < self->members; i++) {
        if (self->due[i] > 0) {
            self->kept_sums[self->kept] = self->sums[i];
            self->kept_due[self->kept++] = self->due[i];
            total += self->sums[i];
        }
        self->sums[i] = 0;
    }
    spread = sim_stats_spread(self->kept_sums, self->kept_due, self->kept);
    *relative = g_new(double, self->kept);
    for (size_t i = 0; i < self->kept; i++) {
        (*relative)[i] = self->kept_sums[i] / (total * self->kept_due[i]);
    }
    return spread;
}

/* The law of a ring whose points are drawn evenly, and whose nodes have equally many. */
static bool
has_beta_law(const SimCluster *cluster)
{
    switch (cluster->info->algorithm) {
    case ORR_PLACEMENT_RING:
    case ORR_PLACEMENT_KETAMA_LIBKETAMA:
    case ORR_PLACEMENT_KETAMA_LIBMEMCACHED:
    case ORR_PLACEMENT_KETAMA_HASHRING:
        return !cluster->roster->weighted && cluster->roster->count > 1;
    case ORR_PLACEMENT_RING_NEAREST:
    case ORR_PLACEMENT_RING_BOUNDED:
    case ORR_PLACEMENT_SLOTS_EVEN:
    case ORR_PLACEMENT_SLOTS_WEIGHTED:
    case ORR_PLACEMENT_SLOTS_RING:
    case ORR_PLACEMENT_JUMP:
    case ORR_PLACEMENT_JUMPBACK:
    case ORR_PLACEMENT_RENDEZVOUS:
    case ORR_PLACEMENT_RENDEZVOUS_TREE:
    case ORR_PLACEMENT_MAGLEV:
    case ORR_PLACEMENT_MULTI_PROBE:
    case ORR_PLACEMENT_ANCHOR:
    case ORR_PLACEMENT_DX:
    case ORR_PLACEMENT_MEMENTO:
    case ORR_PLACEMENT_MODULO:
        break;
    }
    return false;
}

static void
measure_exact(SimCluster *cluster, Tally *tally, SimTrial *trial)
{
    g_autofree uint64_t *shares = g_new0(uint64_t, cluster->limit + 1);

    if (cluster->info->loaded || orr_placement_shares(cluster->placement, shares) != ORR_OK) {
        return;
    }
    for (size_t number = 0; number < cluster->limit; number++) {
        uint32_t member = sim_cluster_member(cluster, (uint32_t)number);

        if (member != ORR_PLACEMENT_NO_NODE) {
            tally->sums[member] = (double)shares[number] * 0x1p-63;
        }
    }
    trial->exact = tally_finish(tally, &trial->by_exact);
    trial->has_exact = true;
    if (has_beta_law(cluster)) {
        g_autofree double *points = g_new(double, tally->kept);
        g_autofree double *exact = g_new(double, tally->kept);

        for (size_t i = 0; i < tally->kept; i++) {
            points[i] = orr_placement_get_options(cluster->placement)->points;
            exact[i] = trial->by_exact[i] / (double)tally->kept;
        }
        trial->uniforms = g_new(double, tally->kept);
        sim_stats_unbreak(exact, points, tally->kept, trial->uniforms);
    }
}

/* Where load decides, requests come one by one, each a unit, drawn by popularity. */
static void
measure_requests(const SimStudy *study, SimCluster *cluster, const uint64_t *hashes,
                 SimPopularity *popularity, OrrRng *rng, Tally *tally)
{
    orr_placement_clear_loads(cluster->placement);
    sim_popularity_prepare_sampler(popularity);
    for (size_t i = 0; i < SIM_TRIAL_REQUESTS; i++) {
        size_t key = sim_popularity_draw(popularity, rng);
        uint32_t number =
            hashes != NULL ? orr_placement_assign_hash(cluster->placement, hashes[key], 1)
                           : orr_placement_assign(cluster->placement, study->key_bytes[key], 1);

        tally->sums[sim_cluster_member(cluster, number)] += 1;
    }
}

static void
measure(const SimStudy *study, const SimCase *situation, size_t number, SimCluster *cluster,
        SimTrial *trial)
{
    OrrRng rng = trial_rng(study, number, "popularity");
    g_autoptr(SimPopularity) popularity =
        sim_popularity_new(study->keys, situation->zipf, &rng);
    /* hashing once pays where owners are asked for again after changes */
    bool again = number < study->change_seeds && study->change_count > 0;
    g_autofree uint64_t *hashes = again ? sim_trial_hashes(study, cluster) : NULL;
    g_autofree uint32_t *owners = g_new(uint32_t, study->keys->count);
    Tally tally = tally_new(cluster->roster);

    trial->squares = popularity->squares;
    trial->top = popularity->top;
    measure_exact(cluster, &tally, trial);
    if (cluster->info->loaded) {
        measure_requests(study, cluster, hashes, popularity, &rng, &tally);
        trial->load = tally_finish(&tally, &trial->by_load);
    }
    sim_trial_owners(study, cluster, hashes, owners);
    for (size_t i = 0; i < study->keys->count; i++) {
        tally.sums[owners[i]] += 1;
    }
    trial->keys = tally_finish(&tally, &trial->by_keys);
    if (!cluster->info->loaded) {
        for (size_t i = 0; i < study->keys->count; i++) {
            tally.sums[owners[i]] += popularity->shares[i];
        }
        trial->load = tally_finish(&tally, &trial->by_load);
    }
    trial->nodes = tally.kept;
    tally_clear(&tally);
    for (size_t i = 0; i < study->change_count && number < study->change_seeds; i++) {
        OrrRng chance = trial_rng(study, number, study->changes[i].text);
        g_autoptr(SimCluster) changed = sim_cluster_copy(cluster);

        sim_trial_change(study, changed, &study->changes[i], hashes, owners, popularity->shares,
                         &chance, &trial->moves[i]);
    }
}

void
sim_trial_run(const SimStudy *study, const SimCase *situation, size_t number, SimTrial *trial)
{
    g_autoptr(SimRoster) roster = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(SimCluster) cluster =
        sim_trial_cluster(study, situation, number, &roster, &error);

    *trial = (SimTrial){0};
    if (cluster == NULL) {
        trial->refusal = g_strdup(error->message);
        return;
    }
    measure(study, situation, number, cluster, trial);
}

void
sim_trial_clear(SimTrial *trial)
{
    g_free(trial->by_keys);
    g_free(trial->by_load);
    g_free(trial->by_exact);
    g_free(trial->uniforms);
    g_free(trial->refusal);
    *trial = (SimTrial){0};
}
