#include "membership/reports.h"

#include <glib.h>

struct OrrReports {
    GArray *accusations;
};

OrrReports *
orr_reports_new(void)
{
    OrrReports *reports = g_new(OrrReports, 1);

    reports->accusations = g_array_new(false, false, sizeof(OrrAccusation));
    return reports;
}

void
orr_reports_free(OrrReports *reports)
{
    if (reports != NULL) {
        g_array_unref(reports->accusations);
        g_free(reports);
    }
}

void
orr_reports_put(OrrReports *reports, const OrrId *accuser, uint64_t incarnation,
                OrrSuspicion suspicion, OrrTime now_ns)
{
    OrrAccusation accusation = {*accuser, incarnation, suspicion, now_ns};
    guint at = 0;

    while (at < reports->accusations->len &&
           !orr_id_equal(&g_array_index(reports->accusations, OrrAccusation, at).accuser,
                         accuser)) {
        at++;
    }
    if (suspicion == ORR_SUSPICION_NONE) {
        if (at < reports->accusations->len) {
            g_array_remove_index_fast(reports->accusations, at);
        }
    } else if (at < reports->accusations->len) {
        g_array_index(reports->accusations, OrrAccusation, at) = accusation;
    } else {
        g_array_append_val(reports->accusations, accusation);
    }
}

void
orr_reports_clear(OrrReports *reports)
{
    g_array_set_size(reports->accusations, 0);
}

size_t
orr_reports_count(const OrrReports *reports)
{
    return reports->accusations->len;
}

const OrrAccusation *
orr_reports_get(const OrrReports *reports, size_t index)
{
    return &g_array_index(reports->accusations, OrrAccusation, index);
}
