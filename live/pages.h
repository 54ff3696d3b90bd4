/* pages.h - what the metrics port answers.
 *
 *     /metrics   figures for Prometheus (metrics.h)
 *     /healthz   200 while the process runs its loop
 *     /readyz    200 when this node serves: a primary with a lease, a replica that follows, a
 *                witness that has joined, and the cluster is ok; otherwise 503 and why
 *     /cluster   JSON: this node, members, slots, epochs, states, as this node sees them
 */
#ifndef LIVE_PAGES_H
#define LIVE_PAGES_H

#include "figures.h"

/* A LiveHttpFunc; `user` is a LiveFigures. */
void live_pages_answer(void *user, const char *path, LiveHttpAnswer *answer);

#endif
