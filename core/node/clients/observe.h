/* observe.h - what is noticed of a command that has run: by the slow log, by LATENCY, and by
 * those who said MONITOR. Private to a node. */
#ifndef ORR_NODE_OBSERVE_H
#define ORR_NODE_OBSERVE_H

#include "node/clients/client.h"
#include "node/clients/latency.h"
#include "node/clients/meter.h"
#include "node/clients/slowlog.h"

/* True if the settings are such that every command must be timed alone. */
bool orr_observe_needs_precision(const OrrNode *node);
/* Notes a command that took `span`. */
void orr_observe_span(OrrNode *node, const OrrCommandContext *context, OrrMeterSpan span);
/* Shows a command to the monitors. */
void orr_observe_monitors(OrrNode *node, const OrrCommandContext *context);

#endif
