#include "metrics.h"

#include <math.h>
#include <string.h>

/* INFO is as long as there are commands, replicas and errors: some 10 kB. */
#define INFO_SIZE (256u << 10)

void
live_metric_family(GString *out, const char *name, const char *type, const char *help)
{
    g_string_append_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void
live_metric_line(GString *out, const char *name, const char *labels, double value)
{
    char number[G_ASCII_DTOSTR_BUF_SIZE];
    bool whole = fabs(value) < 9e15 && floor(value) == value;

    (void)g_ascii_formatd(number, sizeof number, whole ? "%.0f" : "%.9g", value);
    if (labels != NULL && labels[0] != '\0') {
        g_string_append_printf(out, "%s{%s} %s\n", name, labels, number);
    } else {
        g_string_append_printf(out, "%s %s\n", name, number);
    }
}

void
live_metric_escape(GString *out, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '"' || text[i] == '\\') {
            g_string_append_c(out, '\\');
        }
        g_string_append_c(out, text[i] == '\n' || text[i] == '\r' ? ' ' : text[i]);
    }
}

void
live_metrics_write(const LiveFigures *figures, OrrTime now_ns, GString *out)
{
    g_autofree char *info = g_malloc(INFO_SIZE);
    OrrNodeView view;

    orr_node_view(figures->node, now_ns, &view);
    (void)orr_node_info(figures->node, info, INFO_SIZE);
    live_metrics_of_info(info, out);
    live_metrics_of_statistics(figures->node, out);
    live_metrics_own(figures, &view, now_ns, out);
}
