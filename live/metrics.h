/* metrics.h - the figures of a node as Prometheus reads them: /metrics.
 *
 * Two families: `redis_...`, the names and labels of redis_exporter, so that its dashboards
 * work; and `orrery_...`, what only this node knows. The first are made of the node's
 * statistics, and of INFO, row by row of a table: a field that INFO lacks yields no line.
 *
 * Source: the text format of Prometheus, version 0.0.4. Cost: O(INFO) and one line a figure.
 */
#ifndef LIVE_METRICS_H
#define LIVE_METRICS_H

#include <glib.h>

#include "figures.h"

void live_metrics_write(const LiveFigures *figures, OrrTime now_ns, GString *out);
/* The part that is made of the text of INFO; metrics_redis.c, tested alone. */
void live_metrics_of_info(const char *info, GString *out);
/* What it counts of clients and commands; metrics_statistics.c. */
void live_metrics_of_statistics(const OrrNode *node, GString *out);
/* Its own part; metrics_own.c. */
void live_metrics_own(const LiveFigures *figures, const OrrNodeView *view, OrrTime now_ns,
                      GString *out);

/* One family: HELP and TYPE, then its lines. `type` is "gauge", "counter" or "histogram". */
void live_metric_family(GString *out, const char *name, const char *type, const char *help);
/* One line; labels as `cmd="get"`, without braces, or NULL. */
void live_metric_line(GString *out, const char *name, const char *labels, double value);
/* A label's value, escaped. */
void live_metric_escape(GString *out, const char *text, size_t size);

#endif
