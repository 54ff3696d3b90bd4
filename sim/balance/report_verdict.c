/* Which algorithm for which need, in words, from what was measured. */
#include "report.h"

#include <math.h>

/* Within so much of the most even one, the faster is the better choice. */
#define AS_EVEN 1.15

typedef bool (*Fits)(const OrrPlacementInfo *info);

static bool
fits_any(const OrrPlacementInfo *info)
{
    return info->algorithm != ORR_PLACEMENT_MODULO;
}

static bool
fits_growth(const OrrPlacementInfo *info)
{
    return info->minimal && info->recovers;
}

static bool
fits_failures(const OrrPlacementInfo *info)
{
    return info->minimal && info->recovers && info->removes_any && !info->loaded;
}

static bool
fits_restarts(const OrrPlacementInfo *info)
{
    return fits_failures(info) && info->order_free;
}

static bool
fits_weights(const OrrPlacementInfo *info)
{
    return fits_restarts(info) && info->weighted;
}

/* Popularity counts where it is known: it is what a node feels. */
static double
unevenness(const SimFigures *figures)
{
    return figures->keys.cv_rms.mean;
}

/* The fastest of those that are about as even as the most even; NULL if none fits. */
static const SimFigures *
choose(const SimFigures *figures, size_t count, Fits fits)
{
    const SimFigures *best = NULL;
    double least = INFINITY;

    for (size_t i = 0; i < count; i++) {
        if (figures[i].refusal == NULL && fits(figures[i].situation.info)) {
            least = fmin(least, unevenness(&figures[i]));
        }
    }
    for (size_t i = 0; i < count; i++) {
        const SimFigures *one = &figures[i];

        if (one->refusal == NULL && fits(one->situation.info) &&
            unevenness(one) <= least * AS_EVEN + 1e-12 &&
            (best == NULL || one->times.key_ns < best->times.key_ns)) {
            best = one;
        }
    }
    return best;
}

static void
say(FILE *out, const char *need, const SimFigures *best)
{
    if (best == NULL) {
        return;
    }
    fprintf(out, "  %-46s %s (CV %.1f %%, fullest node %.2f x its due", need,
            best->situation.info->name, best->keys.cv_rms.mean * 100, best->keys.max.mean);
    if (isfinite(best->times.key_ns)) {
        fprintf(out, ", %.0f ns a key", best->times.key_ns);
    }
    fputs(")\n", out);
}

static const SimFigures *
fastest(const SimFigures *figures, size_t count)
{
    const SimFigures *best = NULL;

    for (size_t i = 0; i < count; i++) {
        if (fits_any(figures[i].situation.info) && isfinite(figures[i].times.key_ns) &&
            (best == NULL || figures[i].times.key_ns < best->times.key_ns)) {
            best = &figures[i];
        }
    }
    return best;
}

/* Skew is not the placement's fault, and only some of it is curable. */
static void
say_skew(const SimFigures *figures, size_t count, FILE *out)
{
    const SimFigures *best = NULL;
    double nodes;

    for (size_t i = 0; i < count; i++) {
        if (figures[i].refusal == NULL && figures[i].skewed &&
            (best == NULL || figures[i].load.max.mean < best->load.max.mean)) {
            best = &figures[i];
        }
    }
    if (best == NULL) {
        return;
    }
    nodes = (double)best->nodes;
    fprintf(out,
            "  Popularity: one key is %.2f %% of all requests, so its node carries at least "
            "%.2f x its due\n  unless that key has copies; ",
            best->top * 100, fmax(1, best->top * nodes));
    fprintf(out, "the fullest node is lowest with %s: %.2f x\n", best->situation.info->name,
            best->load.max.mean);
}

static void
say_worst(const SimFigures *figures, size_t count, FILE *out)
{
    const SimFigures *worst = NULL;
    double most = 0.01;

    for (size_t i = 0; i < count; i++) {
        for (size_t c = 0; c < SIM_CHANGES_MAX && figures[i].refusal == NULL; c++) {
            if (figures[i].moves[c].wasted > most) {
                most = figures[i].moves[c].wasted;
                worst = &figures[i];
            }
        }
    }
    if (worst != NULL) {
        fprintf(out, "  %-46s %s (a change moves up to %.0f %% of the keys for nothing)\n",
                "Not for data that is costly to move:", worst->situation.info->name,
                most * 100);
    }
}

void
sim_report_verdict(const SimFigures *figures, size_t count, FILE *out)
{
    if (count < 2) {
        return;
    }
    fputs("Which one for which need:\n", out);
    say(out, "Grow and shrink at the end, equal nodes:", choose(figures, count, fits_growth));
    say(out,
        "Any node may die and return, equal nodes:", choose(figures, count, fits_failures));
    say(out,
        "The same, agreed on from the names alone:", choose(figures, count, fits_restarts));
    say(out, "The same, and nodes of different weight:", choose(figures, count, fits_weights));
    say(out, "Fastest from key to node:", fastest(figures, count));
    say_worst(figures, count, out);
    say_skew(figures, count, out);
}
