#include "study.h"

#include "popularity.h"
#include <math.h>

typedef struct Pool {
    const SimStudy *study;
    SimFigures *figures;
    size_t count; /* trials in all */
    size_t done;
    GMutex lock;
    SimStudyProgress progress;
    void *user;
} Pool;

/* Trial numbers go round the cases, so that the slow ones do not all come last. */
static void
run_one(gpointer data, gpointer user)
{
    Pool *pool = user;
    size_t index = GPOINTER_TO_SIZE(data) - 1;
    size_t cases = pool->count / pool->study->seeds;
    SimFigures *figures = &pool->figures[index % cases];
    size_t number = index / cases;

    sim_trial_run(pool->study, &figures->situation, number, &figures->trials[number]);
    g_mutex_lock(&pool->lock);
    pool->done++;
    if (pool->progress != NULL) {
        pool->progress(pool->user, pool->done, pool->count);
    }
    g_mutex_unlock(&pool->lock);
}

static void
run_all(Pool *pool, unsigned jobs)
{
    GThreadPool *threads = jobs > 1 && pool->count > 1
                               ? g_thread_pool_new(run_one, pool, (gint)jobs, TRUE, NULL)
                               : NULL;

    for (size_t i = 0; i < pool->count; i++) {
        if (threads == NULL) {
            run_one(GSIZE_TO_POINTER(i + 1), pool);
        } else {
            g_thread_pool_push(threads, GSIZE_TO_POINTER(i + 1), NULL);
        }
    }
    if (threads != NULL) {
        g_thread_pool_free(threads, FALSE, TRUE);
    }
}

/* One of a spread's figures over all trials. */
static SimSummary
summary_of(const SimFigures *figures, size_t seeds, size_t spread, size_t field, bool rms)
{
    g_autofree double *values = g_new(double, seeds);

    for (size_t i = 0; i < seeds; i++) {
        const char *at = (const char *)&figures->trials[i] + spread + field;

        memcpy(&values[i], at, sizeof values[i]);
    }
    return rms ? sim_stats_summary_rms(values, seeds) : sim_stats_summary(values, seeds);
}

static SimEvenness
evenness_of(const SimFigures *figures, size_t seeds, size_t spread)
{
    return (SimEvenness){
        .cv = summary_of(figures, seeds, spread, offsetof(SimSpread, cv), false),
        .cv_rms = summary_of(figures, seeds, spread, offsetof(SimSpread, cv), true),
        .max = summary_of(figures, seeds, spread, offsetof(SimSpread, max), false),
        .min = summary_of(figures, seeds, spread, offsetof(SimSpread, min), false),
        .gini = summary_of(figures, seeds, spread, offsetof(SimSpread, gini), false),
        .jain = summary_of(figures, seeds, spread, offsetof(SimSpread, jain), false),
        .evenness = summary_of(figures, seeds, spread, offsetof(SimSpread, evenness), false),
        .law = NAN,
        .max_law = NAN,
    };
}

/* The law of the shares themselves, equal nodes; NAN where none is known. */
static double
law_of_shares(const SimFigures *figures)
{
    const OrrPlacementInfo *info = figures->situation.info;
    double nodes = (double)figures->nodes;
    double points = (double)figures->situation.options.points;

    if (info->hash_exact) {
        return 0;
    }
    if (info->algorithm == ORR_PLACEMENT_RING_NEAREST) {
        return sim_stats_nearest_cv(nodes, points);
    }
    return figures->trials[0].uniforms != NULL ? sim_stats_ring_cv(nodes, points) : NAN;
}

static void
add_laws(SimFigures *figures, size_t keys)
{
    double cv = law_of_shares(figures);
    double nodes = (double)figures->nodes;

    if (figures->situation.roster != NULL && figures->situation.roster->weighted) {
        return;
    }
    figures->exact.law = cv;
    if (figures->trials[0].uniforms != NULL) {
        figures->exact.max_law =
            sim_stats_ring_max(nodes, (double)figures->situation.options.points);
    }
    figures->keys.law = sim_stats_seen_cv(cv, nodes, 1 / (double)keys);
    figures->load.law = sim_stats_seen_cv(cv, nodes, figures->squares);
}

/* All trials' chi-squares are one, of as many more degrees of freedom: the hash of each has
 * another seed. MD5 has none, so then one trial is all there is. */
static double
chi2_p_of(const SimFigures *figures, size_t seeds)
{
    size_t counted = figures->situation.options.hash == ORR_PLACEMENT_HASH_MD5 ? 1 : seeds;
    double chi2 = 0;

    if (!figures->situation.info->hash_exact || figures->nodes < 2) {
        return NAN;
    }
    for (size_t i = 0; i < counted; i++) {
        chi2 += figures->trials[i].keys.chi2;
    }
    return sim_stats_chi2_p(chi2, (double)counted * (double)(figures->nodes - 1));
}

static void
add_ks(SimFigures *figures, size_t seeds)
{
    /* names from a file are one ring under MD5, whatever the seed */
    bool one_ring = figures->situation.roster != NULL &&
                    figures->situation.info->algorithm != ORR_PLACEMENT_RING;
    size_t rings = one_ring ? 1 : seeds;
    size_t each = figures->nodes - 1;
    g_autofree double *uniforms = g_new(double, rings *each + 1);

    figures->ks = NAN;
    figures->ks_p = NAN;
    if (figures->trials[0].uniforms == NULL || each == 0) {
        return;
    }
    for (size_t i = 0; i < rings; i++) {
        memcpy(uniforms + i * each, figures->trials[i].uniforms, each * sizeof *uniforms);
    }
    figures->ks = sim_stats_ks_uniform(uniforms, rings * each);
    figures->ks_p = sim_stats_ks_p(figures->ks, rings * each);
}

static void
add_moves(const SimStudy *study, SimFigures *figures)
{
    size_t tried = MIN(study->seeds, study->change_seeds);

    for (size_t change = 0; change < study->change_count; change++) {
        SimMoves sum = {0};

        for (size_t i = 0; i < tried; i++) {
            const SimMoves *moves = &figures->trials[i].moves[change];

            sum.moved += moves->moved / (double)tried;
            sum.moved_load += moves->moved_load / (double)tried;
            sum.optimum += moves->optimum / (double)tried;
            sum.wasted += moves->wasted / (double)tried;
            sum.lost += moves->lost / (double)tried;
            sum.heirs += moves->heirs / (double)tried;
            sum.heir_most += moves->heir_most / (double)tried;
        }
        figures->moves[change] = sum;
    }
}

static void
summarise(const SimStudy *study, SimFigures *figures)
{
    size_t seeds = study->seeds;

    figures->times = (SimTimes){NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    if (figures->trials[0].refusal != NULL) {
        figures->refusal = g_strdup(figures->trials[0].refusal);
        return;
    }
    figures->nodes = figures->trials[0].nodes;
    figures->skewed = sim_popularity_is_skewed(study->keys, figures->situation.zipf);
    figures->has_exact = figures->trials[0].has_exact;
    for (size_t i = 0; i < seeds; i++) {
        figures->squares += figures->trials[i].squares / (double)seeds;
        figures->top += figures->trials[i].top / (double)seeds;
    }
    figures->keys = evenness_of(figures, seeds, offsetof(SimTrial, keys));
    figures->load = evenness_of(figures, seeds, offsetof(SimTrial, load));
    if (figures->has_exact) {
        figures->exact = evenness_of(figures, seeds, offsetof(SimTrial, exact));
    }
    add_laws(figures, study->keys->count);
    figures->chi2_p = chi2_p_of(figures, seeds);
    add_ks(figures, seeds);
    add_moves(study, figures);
}

SimFigures *
sim_study_run(const SimStudy *study, const SimCase *cases, size_t count, unsigned jobs,
              SimStudyProgress progress, void *user)
{
    SimFigures *figures = g_new0(SimFigures, count);
    Pool pool = {
        .study = study,
        .figures = figures,
        .count = count * study->seeds,
        .progress = progress,
        .user = user,
    };

    for (size_t i = 0; i < count; i++) {
        figures[i].situation = cases[i];
        figures[i].trials = g_new0(SimTrial, study->seeds);
    }
    g_mutex_init(&pool.lock);
    run_all(&pool, jobs);
    g_mutex_clear(&pool.lock);
    for (size_t i = 0; i < count; i++) {
        summarise(study, &figures[i]);
    }
    return figures;
}

void
sim_study_free(SimFigures *figures, size_t count, size_t seeds)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t trial = 0; trial < seeds; trial++) {
            sim_trial_clear(&figures[i].trials[trial]);
        }
        g_free(figures[i].trials);
        g_free(figures[i].refusal);
    }
    g_free(figures);
}
