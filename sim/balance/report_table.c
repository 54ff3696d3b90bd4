/* The table on the terminal. */
#include "report.h"

#include <math.h>

#define BOLD "\033[1m"
#define GOOD "\033[32m"
#define BAD "\033[31m"
#define DIM "\033[2m"
#define PLAIN "\033[0m"

/* More than this part of the keys moved for nothing is worth a colour. */
#define WASTE_SEEN 0.0005
/* Chance in the keys that hides what the placement does. */
#define NOISE_SEEN 0.03

typedef struct Table {
    const SimStudy *study;
    bool color;
    bool skewed;
    bool timed;
    bool heirs; /* a single node was removed */
    FILE *out;
} Table;

/* Text of a fixed width, flush right, in a colour that takes no room. */
static void G_GNUC_PRINTF(4, 5)
    cell(const Table *table, const char *color, int width, const char *format, ...)
{
    va_list arguments;
    g_autofree char *text = NULL;

    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    if (table->color && color != NULL) {
        fprintf(table->out, "%s%*s%s", color, width, text, PLAIN);
    } else {
        fprintf(table->out, "%*s", width, text);
    }
}

static void
cell_number(const Table *table, const char *color, int width, int decimals, double value)
{
    if (isfinite(value)) {
        cell(table, color, width, "%.*f", decimals, value);
    } else {
        cell(table, DIM, width, "-");
    }
}

/* Three digits that matter, whatever the size. */
static void
cell_scaled(const Table *table, int width, double value, double unit)
{
    double scaled = value / unit;

    cell_number(table, NULL, width, scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0, scaled);
}

size_t
sim_report_situation(const SimFigures *figures, size_t count)
{
    size_t same = 0;

    while (same < count && figures[same].situation.nodes == figures[0].situation.nodes &&
           figures[same].situation.points == figures[0].situation.points &&
           figures[same].situation.zipf == figures[0].situation.zipf) {
        same++;
        if (same < count && figures[same].situation.info == figures[0].situation.info) {
            break;
        }
    }
    return same;
}

static void
print_heading(const Table *table, const SimFigures *first)
{
    const SimCase *situation = &first->situation;

    fprintf(table->out, "%s%zu node%s%s, %zu keys (%s)", table->color ? BOLD : "",
            situation->nodes, situation->nodes == 1 ? "" : "s",
            situation->roster != NULL && situation->roster->weighted ? " of unequal weight"
                                                                     : "",
            table->study->keys->count, table->study->keys->name);
    if (situation->zipf > 0) {
        fprintf(table->out, ", Zipf %g", situation->zipf);
    } else if (table->skewed) {
        fprintf(table->out, ", popularity as recorded");
    }
    fprintf(table->out, ", %u points a node on rings, %zu seeds from %" G_GUINT64_FORMAT "%s\n",
            situation->points, table->study->seeds, table->study->seed,
            table->color ? PLAIN : "");
}

/* The optimum of a change, from whichever algorithm could make it. */
static double
optimum_of(const SimFigures *figures, size_t count, size_t change)
{
    for (size_t i = 0; i < count; i++) {
        if (figures[i].refusal == NULL && isfinite(figures[i].moves[change].optimum)) {
            return figures[i].moves[change].optimum;
        }
    }
    return NAN;
}

/* Wide enough for the name of the change and a blank before it. */
static int
width_of(const SimChange *change)
{
    return MAX(10, (int)strlen(change->text) + 1);
}

static void
print_columns(const Table *table, const SimFigures *figures, size_t count)
{
    size_t changes = table->study->change_count;
    int width = table->heirs ? 6 : 0;

    for (size_t i = 0; i < changes; i++) {
        width += width_of(&table->study->changes[i]);
    }
    fprintf(table->out, "\n%-20s%21s%14s", "", "spread of keys, %", "load / due");
    if (table->skewed) {
        fprintf(table->out, "%16s", "by requests");
    }
    if (changes > 0) {
        fprintf(table->out, "%*s", width, width > 14 ? "keys moved, %" : "moved, %");
    }
    fprintf(table->out, "%s\n%-20s%7s%6s%8s%7s%7s",
            table->timed ? "       lookup, ns  build   memory" : "", "", "CV", "+-", "law",
            "max", "min");
    if (table->skewed) {
        fprintf(table->out, "%9s%7s", "CV, %", "max");
    }
    for (size_t i = 0; i < changes; i++) {
        fprintf(table->out, "%*s", width_of(&table->study->changes[i]),
                table->study->changes[i].text);
    }
    fprintf(table->out, "%s%s\n", table->heirs ? " heirs" : "",
            table->timed ? "    hash    key     ms      KiB" : "");
    fprintf(table->out, "%-20s%35s%s", "at least", "", table->skewed ? "                " : "");
    for (size_t i = 0; i < changes; i++) {
        cell_number(table, DIM, width_of(&table->study->changes[i]), 2,
                    optimum_of(figures, count, i) * 100);
    }
    fputc('\n', table->out);
}

/* Off when the law is twice the interval's half away: chance does that once in 10,000. */
static const char *
color_of_law(const SimEvenness *figure)
{
    double half = (figure->cv_rms.high - figure->cv_rms.low) / 2;

    return fabs(figure->cv_rms.mean - figure->law) > 2 * half + 1e-9 ? BAD : GOOD;
}

static void
print_moves(const Table *table, int width, const SimMoves *moves)
{
    const char *color = moves->wasted > WASTE_SEEN || moves->lost > WASTE_SEEN ? BAD : GOOD;

    if (!isfinite(moves->moved)) {
        cell(table, DIM, width, "-");
    } else {
        cell(table, color, width, "%s%s%.2f", moves->wasted > WASTE_SEEN ? "w" : "",
             moves->lost > WASTE_SEEN ? "l" : "", moves->moved * 100);
    }
}

/* Among how many nodes a dead one's keys are dealt; NAN where no change says so. */
static double
heirs_of(const Table *table, const SimFigures *figures)
{
    double heirs = NAN;

    for (size_t i = 0; i < table->study->change_count && figures->refusal == NULL; i++) {
        if (table->study->changes[i].kind == SIM_CHANGE_REMOVE && !isfinite(heirs)) {
            heirs = figures->moves[i].heirs;
        }
    }
    return heirs;
}

static void
print_row(const Table *table, const SimFigures *figures)
{
    const SimEvenness *keys = &figures->keys;

    fprintf(table->out, "%-20s", figures->situation.info->name);
    if (figures->refusal != NULL) {
        cell(table, DIM, 0, "  cannot have these nodes\n");
        return;
    }
    cell_number(table, NULL, 7, 2, keys->cv_rms.mean * 100);
    cell_number(table, DIM, 6, 2, (keys->cv_rms.high - keys->cv_rms.low) * 50);
    cell_number(table, color_of_law(keys), 8, 2, keys->law * 100);
    cell_number(table, NULL, 7, 3, keys->max.mean);
    cell_number(table, NULL, 7, 3, keys->min.mean);
    if (table->skewed) {
        cell_number(table, NULL, 9, 2, figures->load.cv_rms.mean * 100);
        cell_number(table, NULL, 7, 3, figures->load.max.mean);
    }
    for (size_t i = 0; i < table->study->change_count; i++) {
        print_moves(table, width_of(&table->study->changes[i]), &figures->moves[i]);
    }
    if (table->heirs) {
        cell_number(table, NULL, 6, 1, heirs_of(table, figures));
    }
    if (table->timed) {
        cell_scaled(table, 8, figures->times.find_ns, 1);
        cell_scaled(table, 7, figures->times.key_ns, 1);
        cell_scaled(table, 7, figures->times.build_ns, 1e6);
        cell_scaled(table, 9, figures->times.memory_size, 1024);
    }
    fputc('\n', table->out);
}

/* What the marks mean, and what chance does not explain. */
static void
print_notes(const Table *table, const SimFigures *figures, size_t count)
{
    double noise = sim_stats_seen_cv(0, (double)figures[0].situation.nodes,
                                     1 / (double)table->study->keys->count);
    bool wasted = false;
    bool lost = false;

    for (size_t i = 0; i < count; i++) {
        for (size_t c = 0; c < table->study->change_count && figures[i].refusal == NULL; c++) {
            wasted |= figures[i].moves[c].wasted > WASTE_SEEN;
            lost |= figures[i].moves[c].lost > WASTE_SEEN;
        }
        if (figures[i].refusal == NULL && figures[i].chi2_p < 1e-4) {
            fprintf(table->out, "%s: chance alone would spread so unevenly with p = %.2g\n",
                    figures[i].situation.info->name, figures[i].chi2_p);
        }
        if (figures[i].refusal == NULL && figures[i].ks_p < 1e-4) {
            fprintf(table->out, "%s: shares do not follow the law of rings, p = %.2g\n",
                    figures[i].situation.info->name, figures[i].ks_p);
        }
    }
    if (noise > NOISE_SEEN) {
        fprintf(
            table->out,
            "with %zu keys on %zu nodes chance alone makes a CV of %.1f %%: more keys would "
            "tell more\n",
            table->study->keys->count, figures[0].situation.nodes, noise * 100);
    }
    if (wasted) {
        fputs("w: keys also moved between nodes that the change did not meet\n", table->out);
    }
    if (table->heirs) {
        fputs("heirs: to how many nodes a dead one's keys go, in effect (1 / sum of squares)\n",
              table->out);
    }
    if (lost) {
        fputs("l: after the change was undone, keys were not back where they had been\n",
              table->out);
    }
}

void
sim_report_heading(const SimStudy *study, const SimFigures *first, bool color, FILE *out)
{
    Table table = {.study = study, .color = color, .skewed = first->skewed, .out = out};

    print_heading(&table, first);
}

void
sim_report_table(const SimStudy *study, const SimFigures *figures, size_t count, bool color,
                 FILE *out)
{
    Table table = {.study = study, .color = color, .out = out};

    for (size_t at = 0; at < count;) {
        size_t same = sim_report_situation(figures + at, count - at);

        table.skewed = false;
        table.timed = false;
        table.heirs = false;
        for (size_t i = at; i < at + same; i++) {
            table.skewed |= figures[i].skewed;
            table.timed |= isfinite(figures[i].times.find_ns);
            table.heirs |= isfinite(heirs_of(&table, &figures[i]));
        }
        print_heading(&table, &figures[at]);
        print_columns(&table, figures + at, same);
        for (size_t i = at; i < at + same; i++) {
            print_row(&table, &figures[i]);
        }
        print_notes(&table, figures + at, same);
        fputc('\n', out);
        sim_report_verdict(figures + at, same, out);
        at += same;
        if (at < count) {
            fputc('\n', out);
        }
    }
}
