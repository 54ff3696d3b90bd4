/* The fields of JSON and CSV, by one walk over the figures. */
#include "report.h"

#include <math.h>

typedef struct Walk {
    void (*text)(struct Walk *walk, const char *name, const char *value);
    void (*number)(struct Walk *walk, const char *name, double value); /* NAN: unknown */
    FILE *out;
    bool first;
} Walk;

static void G_GNUC_PRINTF(3, 4) number(Walk *walk, double value, const char *format, ...)
{
    char name[96];
    va_list arguments;

    va_start(arguments, format);
    g_vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    walk->number(walk, name, value);
}

static void
walk_summary(Walk *walk, const char *prefix, const char *name, const SimSummary *summary,
             bool known)
{
    number(walk, known ? summary->mean : NAN, "%s_%s", prefix, name);
    number(walk, known ? summary->low : NAN, "%s_%s_low", prefix, name);
    number(walk, known ? summary->high : NAN, "%s_%s_high", prefix, name);
}

static void
walk_percentiles(Walk *walk, const char *prefix, const char *name, const SimSummary *summary,
                 bool known)
{
    walk_summary(walk, prefix, name, summary, known);
    number(walk, known ? summary->least : NAN, "%s_%s_least", prefix, name);
    number(walk, known ? summary->p5 : NAN, "%s_%s_p5", prefix, name);
    number(walk, known ? summary->median : NAN, "%s_%s_p50", prefix, name);
    number(walk, known ? summary->p95 : NAN, "%s_%s_p95", prefix, name);
    number(walk, known ? summary->most : NAN, "%s_%s_most", prefix, name);
}

static void
walk_evenness(Walk *walk, const char *prefix, const SimEvenness *figure, bool known)
{
    walk_summary(walk, prefix, "cv_rms", &figure->cv_rms, known);
    number(walk, known ? figure->law : NAN, "%s_cv_law", prefix);
    walk_summary(walk, prefix, "cv_mean", &figure->cv, known);
    walk_percentiles(walk, prefix, "max", &figure->max, known);
    number(walk, known ? figure->max_law : NAN, "%s_max_law", prefix);
    walk_percentiles(walk, prefix, "min", &figure->min, known);
    number(walk, known ? figure->gini.mean : NAN, "%s_gini", prefix);
    number(walk, known ? figure->jain.mean : NAN, "%s_jain", prefix);
    number(walk, known ? figure->evenness.mean : NAN, "%s_entropy", prefix);
}

/* "remove:10%" is "remove_10pct" in a field's name. */
static char *
field_of_change(const SimChange *change)
{
    GString *name = g_string_new(NULL);

    for (const char *at = change->text; *at != '\0'; at++) {
        if (*at == '%') {
            g_string_append(name, "pct");
        } else {
            g_string_append_c(name, g_ascii_isalnum(*at) ? *at : '_');
        }
    }
    return g_string_free(name, FALSE);
}

static void
walk_moves(Walk *walk, const SimChange *change, const SimMoves *moves)
{
    g_autofree char *name = field_of_change(change);

    number(walk, moves->moved, "%s_moved", name);
    number(walk, moves->moved_load, "%s_moved_load", name);
    number(walk, moves->optimum, "%s_optimum", name);
    number(walk, moves->wasted, "%s_wasted", name);
    number(walk, moves->lost, "%s_lost", name);
    if (change->kind == SIM_CHANGE_REMOVE) {
        number(walk, moves->heirs, "%s_heirs", name);
        number(walk, moves->heir_most, "%s_heir_most", name);
    }
}

static void
walk_figures(Walk *walk, const SimStudy *study, const SimFigures *figures)
{
    const SimCase *situation = &figures->situation;
    bool known = figures->refusal == NULL;

    walk->text(walk, "algorithm", situation->info->name);
    walk->text(walk, "refusal", figures->refusal != NULL ? figures->refusal : "");
    number(walk, (double)situation->nodes, "nodes");
    number(walk, situation->points, "points");
    walk->text(walk, "keys", study->keys->name);
    number(walk, (double)study->keys->count, "key_count");
    number(walk, situation->zipf, "zipf");
    number(walk, (double)study->seeds, "seeds");
    number(walk, (double)study->seed, "seed");
    walk_evenness(walk, "keys", &figures->keys, known);
    walk_evenness(walk, "load", &figures->load, known);
    walk_evenness(walk, "exact", &figures->exact, known && figures->has_exact);
    number(walk, known ? figures->top : NAN, "load_top_key");
    number(walk, known ? figures->chi2_p : NAN, "chi2_p");
    number(walk, known ? figures->ks : NAN, "beta_ks");
    number(walk, known ? figures->ks_p : NAN, "beta_ks_p");
    for (size_t i = 0; i < study->change_count; i++) {
        static const SimMoves none = {NAN, NAN, NAN, NAN, NAN, NAN, NAN};

        walk_moves(walk, &study->changes[i], known ? &figures->moves[i] : &none);
    }
    number(walk, figures->times.memory_size, "memory_bytes");
    number(walk, figures->times.find_ns, "find_ns");
    number(walk, figures->times.chain_ns, "find_chain_ns");
    number(walk, figures->times.batch_ns, "find_batch_ns");
    number(walk, figures->times.key_ns, "key_ns");
    number(walk, figures->times.build_ns, "build_ns");
    number(walk, figures->times.add_ns, "add_ns");
    number(walk, figures->times.remove_ns, "remove_ns");
}

static void
json_name(Walk *walk, const char *name)
{
    fprintf(walk->out, "%s\"%s\":", walk->first ? "{" : ",", name);
    walk->first = false;
}

static void
json_text(Walk *walk, const char *name, const char *value)
{
    json_name(walk, name);
    fputc('"', walk->out);
    for (const char *at = value; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20) {
            fprintf(walk->out, "\\u%04x", (unsigned char)*at);
        } else {
            fprintf(walk->out, *at == '"' || *at == '\\' ? "\\%c" : "%c", *at);
        }
    }
    fputc('"', walk->out);
}

static void
write_number(FILE *out, double value)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];

    fputs(g_ascii_formatd(text, sizeof text, "%.10g", value), out);
}

static void
json_number(Walk *walk, const char *name, double value)
{
    json_name(walk, name);
    if (isfinite(value)) {
        write_number(walk->out, value);
    } else {
        fputs("null", walk->out);
    }
}

void
sim_report_json(const SimStudy *study, const SimFigures *figures, size_t count, FILE *out)
{
    for (size_t i = 0; i < count; i++) {
        Walk walk = {.text = json_text, .number = json_number, .out = out, .first = true};

        walk_figures(&walk, study, &figures[i]);
        fputs("}\n", out);
    }
}

static void
csv_comma(Walk *walk)
{
    if (!walk->first) {
        fputc(',', walk->out);
    }
    walk->first = false;
}

static void
csv_text(Walk *walk, const char *name, const char *value)
{
    (void)name;
    csv_comma(walk);
    if (strpbrk(value, ",\"\r\n") == NULL) {
        fputs(value, walk->out);
        return;
    }
    fputc('"', walk->out);
    for (const char *at = value; *at != '\0'; at++) {
        fprintf(walk->out, *at == '"' ? "\"\"" : "%c", *at);
    }
    fputc('"', walk->out);
}

static void
csv_number(Walk *walk, const char *name, double value)
{
    (void)name;
    csv_comma(walk);
    if (isfinite(value)) {
        write_number(walk->out, value);
    }
}

static void
csv_head_text(Walk *walk, const char *name, const char *value)
{
    (void)value;
    csv_comma(walk);
    fputs(name, walk->out);
}

static void
csv_head_number(Walk *walk, const char *name, double value)
{
    (void)value;
    csv_comma(walk);
    fputs(name, walk->out);
}

void
sim_report_csv(const SimStudy *study, const SimFigures *figures, size_t count, FILE *out)
{
    Walk head = {.text = csv_head_text, .number = csv_head_number, .out = out, .first = true};

    walk_figures(&head, study, &figures[0]);
    fputc('\n', out);
    for (size_t i = 0; i < count; i++) {
        Walk walk = {.text = csv_text, .number = csv_number, .out = out, .first = true};

        walk_figures(&walk, study, &figures[i]);
        fputc('\n', out);
    }
}
