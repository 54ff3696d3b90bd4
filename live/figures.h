/* figures.h - what the host counts beside the node: handed to whoever shows it.
 *
 * Memory: plain values and lent pointers, valid while the host lives.
 */
#ifndef LIVE_FIGURES_H
#define LIVE_FIGURES_H

#include <orrery/node.h>

#include "files.h"
#include "histogram.h"
#include "http.h"
#include "link.h"

typedef struct LiveFigures {
    OrrNode *node;
    const LiveFiles *files;
    const LiveLink *link;
    const LiveHttp *http; /* NULL: none */
    OrrTime started_ns;
    int64_t started_ms;                  /* since 1970 */
    LiveHistogram steps;                 /* of orr_node_step() with all its effects */
    uint64_t decisions[ORR_TRACE_KINDS]; /* by kind, since the process began */
    uint64_t malformed;                  /* frames that the node called so */
} LiveFigures;

#endif
