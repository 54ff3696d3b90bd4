/* latency.h - events that took longer than latency-monitor-threshold: LATENCY. Private.
 *
 * For each event the last 160 seconds in which it was slow, with the longest of each, and the
 * longest of all. Events: "command", and "fast-command" for those that should never be slow.
 */
#ifndef ORR_NODE_LATENCY_H
#define ORR_NODE_LATENCY_H

#include <orrery/types.h>

#define ORR_LATENCY_SAMPLES 160u

typedef enum OrrLatencyEvent {
    ORR_LATENCY_COMMAND,
    ORR_LATENCY_FAST_COMMAND,
    ORR_LATENCY_EVENTS,
} OrrLatencyEvent;

typedef struct OrrLatencySample {
    int64_t wall_s;
    uint32_t ms;
} OrrLatencySample;

typedef struct OrrLatencySeries {
    OrrLatencySample samples[ORR_LATENCY_SAMPLES]; /* a ring */
    size_t first;
    size_t count;
    uint32_t longest_ms;
} OrrLatencySeries;

typedef struct OrrLatency {
    OrrLatencySeries series[ORR_LATENCY_EVENTS];
} OrrLatency;

const char *orr_latency_event_name(OrrLatencyEvent event);
/* ORR_LATENCY_EVENTS: there is none of that name. */
OrrLatencyEvent orr_latency_event_parse(OrrBytes name);
void orr_latency_add(OrrLatency *latency, OrrLatencyEvent event, int64_t wall_s, uint32_t ms);
/* True if there was something. */
bool orr_latency_reset(OrrLatency *latency, OrrLatencyEvent event);
/* 0: the oldest; index < count */
OrrLatencySample orr_latency_at(const OrrLatencySeries *series, size_t index);

#endif
