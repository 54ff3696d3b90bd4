/* Which algorithm for which need, in words, from what was measured. */
#include "report.h"

#include <math.h>

/* Within so much of the most even one, the faster is the better choice. */
#define AS_EVEN 1.15

/* An answer this many times as fast is worth naming, too. */
#define MUCH_FASTER 2.0
/* Times within this of one another are the same. */
#define AS_FAST 1.2
/* More than this part of the keys is more than none. */
#define SOME 0.0005

typedef bool (*Fits)(const SimFigures *figures);

/* No key moved for nothing, or did not come back, in any change that was tried. */
static bool
stays_put(const SimFigures *figures)
{
    for (size_t i = 0; i < SIM_CHANGES_MAX; i++) {
        if (figures->moves[i].wasted > SOME || figures->moves[i].lost > SOME) {
            return false;
        }
    }
    return figures->situation.info->minimal && !figures->situation.info->loaded;
}

static bool
fits_failures(const SimFigures *figures)
{
    return stays_put(figures) && figures->situation.info->removes_any;
}

static bool
fits_names(const SimFigures *figures)
{
    return fits_failures(figures) && figures->situation.info->order_free;
}

static bool
fits_weights(const SimFigures *figures)
{
    return fits_names(figures) && figures->situation.info->weighted;
}

static bool
fits_speed(const SimFigures *figures)
{
    return figures->situation.info->algorithm != ORR_PLACEMENT_MODULO; /* the bad example */
}

static double
unevenness(const SimFigures *figures)
{
    return figures->keys.cv_rms.mean;
}

/* The fastest of those that are about as even as the most even; NULL if none fits. */
static const SimFigures *
find_evenest(const SimFigures *figures, size_t count, Fits fits)
{
    const SimFigures *best = NULL;
    double least = INFINITY;

    for (size_t i = 0; i < count; i++) {
        if (figures[i].refusal == NULL && fits(&figures[i])) {
            least = fmin(least, unevenness(&figures[i]));
        }
    }
    for (size_t i = 0; i < count; i++) {
        const SimFigures *one = &figures[i];

        if (one->refusal == NULL && fits(one) && unevenness(one) <= least * AS_EVEN + 1e-12 &&
            (best == NULL || one->times.key_ns < best->times.key_ns)) {
            best = one;
        }
    }
    return best;
}

/* The most even of those that are about as fast as the fastest. */
static const SimFigures *
find_fastest(const SimFigures *figures, size_t count, Fits fits)
{
    const SimFigures *best = NULL;
    double least = INFINITY;

    for (size_t i = 0; i < count; i++) {
        if (figures[i].refusal == NULL && fits(&figures[i])) {
            least = fmin(least, figures[i].times.key_ns); /* of a number and NAN, the number */
        }
    }
    for (size_t i = 0; i < count; i++) {
        const SimFigures *one = &figures[i];

        if (one->refusal == NULL && fits(one) && one->times.key_ns <= least * AS_FAST &&
            (best == NULL || unevenness(one) < unevenness(best))) {
            best = one;
        }
    }
    return best;
}

static void
say_one(FILE *out, const char *need, const SimFigures *one)
{
    fprintf(out, "  %-47s %s (CV %.1f %%, fullest node %.2f x its due", need,
            one->situation.info->name, unevenness(one) * 100, one->keys.max.mean);
    if (isfinite(one->times.key_ns)) {
        fprintf(out, ", %.0f ns a key", one->times.key_ns);
    }
    fputs(")\n", out);
}

/* Returns the answer, so that the next need can say that it is the same. */
static const SimFigures *
say(FILE *out, const char *need, const SimFigures *figures, size_t count, Fits fits,
    const SimFigures *before)
{
    const SimFigures *even = find_evenest(figures, count, fits);
    const SimFigures *fast = find_fastest(figures, count, fits);

    if (even == NULL) {
        return NULL;
    }
    if (even == before) {
        fprintf(out, "  %-47s %s again\n", need, even->situation.info->name);
        return even;
    }
    say_one(out, need, even);
    if (fast != NULL && fast->times.key_ns * MUCH_FASTER < even->times.key_ns) {
        say_one(out, "    or, where time counts more:", fast);
    }
    return even;
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
        fprintf(out, "  %-47s %s (a change moves up to %.0f %% of the keys for nothing)\n",
                "Not for data that is costly to move:", worst->situation.info->name,
                most * 100);
    }
}

void
sim_report_verdict(const SimFigures *figures, size_t count, FILE *out)
{
    static const struct {
        const char *text;
        Fits fits;
    } needs[] = {
        {"Grow and shrink at the end, equal nodes:", stays_put},
        {"Any node may die and return, equal nodes:", fits_failures},
        {"The same, known from the names alone:", fits_names},
        {"The same, and nodes of different weight:", fits_weights},
    };
    const SimFigures *answer = NULL;
    const SimFigures *fastest;

    if (count < 2) {
        return;
    }
    fputs("Which one for which need:\n", out);
    for (size_t i = 0; i < G_N_ELEMENTS(needs); i++) {
        answer = say(out, needs[i].text, figures, count, needs[i].fits, answer);
    }
    fastest = find_fastest(figures, count, fits_speed);
    if (fastest != NULL) {
        say_one(out, "Fastest from key to node:", fastest);
    }
    say_worst(figures, count, out);
    say_skew(figures, count, out);
}
