/* The files of -o: what the plots are drawn from. */
#include "report.h"

#include "fault.h"
#include <errno.h>
#include <glib/gstdio.h>
#include <math.h>

#define LORENZ_STEPS 100u
#define LAW_STEPS 200u
/* A heat map of more nodes shows nothing, and takes n^2 lines. */
#define TAKEOVER_NODES_MAX 64u

typedef void (*Fill)(const SimStudy *study, const SimFigures *figures, size_t count, FILE *out);

static void
put(FILE *out, double value, char after)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];

    if (isfinite(value)) {
        fputs(g_ascii_formatd(text, sizeof text, "%.6g", value), out);
    }
    fputc(after, out);
}

/* What every line begins with, so that the files of several runs can be put together. */
static void
put_situation(FILE *out, const SimFigures *figures)
{
    fprintf(out, "%s,%zu,%u,", figures->situation.info->name, figures->situation.nodes,
            figures->situation.points);
    put(out, figures->situation.zipf, ',');
}

static void
fill_shares(const SimStudy *study, const SimFigures *figures, size_t count, FILE *out)
{
    fputs("algorithm,nodes,points,zipf,trial,node,by_keys,by_load,exact\n", out);
    for (size_t i = 0; i < count; i++) {
        for (size_t t = 0; t < study->seeds && figures[i].refusal == NULL; t++) {
            const SimTrial *trial = &figures[i].trials[t];

            for (size_t node = 0; node < trial->nodes; node++) {
                put_situation(out, &figures[i]);
                fprintf(out, "%zu,%zu,", t, node);
                put(out, trial->by_keys[node], ',');
                put(out, trial->by_load[node], ',');
                put(out, trial->by_exact != NULL ? trial->by_exact[node] : NAN, '\n');
            }
        }
    }
}

static int
compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

/* All nodes of all trials, the emptiest first: what part of the load the first part has. */
static void
fill_lorenz(const SimStudy *study, const SimFigures *figures, size_t count, FILE *out)
{
    fputs("algorithm,nodes,points,zipf,part_of_nodes,part_of_load\n", out);
    for (size_t i = 0; i < count; i++) {
        size_t all = figures[i].nodes * study->seeds;
        g_autofree double *loads = g_new(double, all + 1);
        double total = 0;
        double sum = 0;
        size_t taken = 0;

        for (size_t j = 0; j < all; j++) {
            loads[j] = figures[i].trials[j / figures[i].nodes].by_load[j % figures[i].nodes];
            total += loads[j];
        }
        qsort(loads, all, sizeof *loads, compare_doubles); /* equal doubles are alike */
        for (size_t step = 0; step <= LORENZ_STEPS && all > 0; step++) {
            for (; taken < all * step / LORENZ_STEPS; taken++) {
                sum += loads[taken];
            }
            put_situation(out, &figures[i]);
            put(out, (double)taken / (double)all, ',');
            put(out, sum / total, '\n');
        }
    }
}

/* The distribution of a relative share that the theory of rings gives. */
static void
fill_law(const SimStudy *study, const SimFigures *figures, size_t count, FILE *out)
{
    (void)study;
    fputs("algorithm,nodes,points,zipf,share,cdf\n", out);
    for (size_t i = 0; i < count; i++) {
        double nodes = (double)figures[i].nodes;
        double points = figures[i].situation.options.points;
        double cv = sim_stats_ring_cv(nodes, points);

        for (size_t step = 0; step <= LAW_STEPS && isfinite(figures[i].ks); step++) {
            double share = 1 + (8.0 * (double)step / LAW_STEPS - 4) * cv;

            if (share > 0) {
                put_situation(out, &figures[i]);
                put(out, share, ',');
                put(out, sim_stats_beta_cdf(share / nodes, points, (nodes - 1) * points), '\n');
            }
        }
    }
}

static void
fill_moves(const SimStudy *study, const SimFigures *figures, size_t count, FILE *out)
{
    fputs("algorithm,nodes,points,zipf,change,moved,moved_load,optimum,wasted,lost,heirs,"
          "heir_most\n",
          out);
    for (size_t i = 0; i < count; i++) {
        for (size_t c = 0; c < study->change_count && figures[i].refusal == NULL; c++) {
            const SimMoves *moves = &figures[i].moves[c];

            put_situation(out, &figures[i]);
            fprintf(out, "%s,", study->changes[c].text);
            put(out, moves->moved, ',');
            put(out, moves->moved_load, ',');
            put(out, moves->optimum, ',');
            put(out, moves->wasted, ',');
            put(out, moves->lost, ',');
            put(out, moves->heirs, ',');
            put(out, moves->heir_most, '\n');
        }
    }
}

/* Keys of a dead node, by who inherits them. False where only the last node can die. */
static bool
put_heirs(const SimStudy *study, const SimFigures *figures, SimCluster *cluster,
          const uint32_t *owners, size_t dead, FILE *out)
{
    size_t nodes = cluster->roster->count;
    g_autofree double *inherited = g_new0(double, nodes);
    OrrPlacement *whole = cluster->placement;
    OrrPlacement *without = orr_placement_copy(whole);
    double total = 0;
    bool possible = orr_placement_remove(without, sim_cluster_number(cluster, dead)) == ORR_OK;

    for (size_t key = 0; key < study->keys->count && possible; key++) {
        if (owners[key] == dead) {
            uint32_t number = orr_placement_find(without, study->key_bytes[key]);

            inherited[sim_cluster_member(cluster, number)] += 1;
            total += 1;
        }
    }
    for (size_t heir = 0; heir < nodes && possible; heir++) {
        put_situation(out, figures);
        fprintf(out, "%zu,%zu,", dead, heir);
        put(out, heir == dead || total == 0 ? NAN : inherited[heir] / total, '\n');
    }
    orr_placement_free(without);
    return possible;
}

static void
fill_takeover(const SimStudy *study, const SimFigures *figures, size_t count, FILE *out)
{
    fputs("algorithm,nodes,points,zipf,dead,heir,part\n", out);
    for (size_t i = 0; i < count; i++) {
        g_autoptr(SimRoster) roster = NULL;
        g_autoptr(SimCluster) cluster = NULL;
        g_autofree uint32_t *owners = g_new(uint32_t, study->keys->count);
        g_autofree uint64_t *hashes = NULL;

        if (figures[i].refusal != NULL || figures[i].nodes > TAKEOVER_NODES_MAX ||
            figures[i].situation.info->loaded) {
            continue;
        }
        cluster = sim_trial_cluster(study, &figures[i].situation, 0, &roster, NULL);
        hashes = sim_trial_hashes(study, cluster);
        sim_trial_owners(study, cluster, hashes, owners);
        for (size_t dead = 0; dead < cluster->roster->count; dead++) {
            put_heirs(study, &figures[i], cluster, owners, dead, out);
        }
    }
}

static bool
write_file(const char *directory, const char *name, Fill fill, const SimStudy *study,
           const SimFigures *figures, size_t count, GError **error)
{
    g_autofree char *path = g_build_filename(directory, name, NULL);
    FILE *out = g_fopen(path, "w");
    bool fine = out != NULL;

    if (fine) {
        fill(study, figures, count, out);
        fine = fflush(out) == 0 && ferror(out) == 0;
        fine = fclose(out) == 0 && fine;
    }
    if (!fine) {
        g_set_error(error, SIM_FAULT, SIM_FAULT_IO, "%s: %s", path, g_strerror(errno));
    }
    return fine;
}

bool
sim_report_directory(const SimStudy *study, const SimFigures *figures, size_t count,
                     const char *directory, GError **error)
{
    static const struct {
        const char *name;
        Fill fill;
    } files[] = {
        {"balance.csv", sim_report_csv}, {"shares.csv", fill_shares},
        {"lorenz.csv", fill_lorenz},     {"law.csv", fill_law},
        {"moves.csv", fill_moves},       {"takeover.csv", fill_takeover},
    };

    if (g_mkdir_with_parents(directory, 0777) != 0) {
        g_set_error(error, SIM_FAULT, SIM_FAULT_IO, "%s: %s", directory, g_strerror(errno));
        return false;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        if (!write_file(directory, files[i].name, files[i].fill, study, figures, count,
                        error)) {
            return false;
        }
    }
    return true;
}

/* Where the scripts are: where the environment says and nowhere else, or else in the tree this
 * was built in, or installed. */
static const char *
find_scripts(void)
{
    const char *said = g_getenv("ORRERY_PLOTS");
    const char *places[] = {ORR_PLOTS_SOURCE, ORR_PLOTS_INSTALLED};

    if (said != NULL) {
        return g_file_test(said, G_FILE_TEST_IS_DIR) ? said : NULL;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        if (g_file_test(places[i], G_FILE_TEST_IS_DIR)) {
            return places[i];
        }
    }
    return NULL;
}

/* One script draws one picture from a directory; it says itself whether the data are there. */
bool
sim_report_plots(const char *directory, size_t *drawn, GError **error)
{
    g_autofree char *gnuplot = g_find_program_in_path("gnuplot");
    const char *scripts = find_scripts();
    g_autofree char *script = NULL;
    g_autofree char *said = NULL;
    char *words[] = {NULL, NULL, NULL};
    gint status = 0;

    *drawn = 0;
    if (gnuplot == NULL || scripts == NULL) {
        return true;
    }
    script = g_build_filename(scripts, "draw", NULL);
    words[0] = script;
    words[1] = (char *)(guintptr)directory;
    if (!g_spawn_sync(NULL, words, NULL, G_SPAWN_DEFAULT, NULL, NULL, &said, NULL, &status,
                      error)) {
        return false;
    }
    *drawn = g_ascii_strtoull(said, NULL, 10);
    return status == 0;
}
