#include "node/clients/latency.h"

#include <glib.h>

static const char *const NAMES[ORR_LATENCY_EVENTS] = {
    [ORR_LATENCY_COMMAND] = "command",
    [ORR_LATENCY_FAST_COMMAND] = "fast-command",
};

const char *
orr_latency_event_name(OrrLatencyEvent event)
{
    return NAMES[event];
}

OrrLatencyEvent
orr_latency_event_parse(OrrBytes name)
{
    for (int i = 0; i < ORR_LATENCY_EVENTS; i++) {
        if (orr_bytes_equal(name, orr_bytes_of_string(NAMES[i]))) {
            return (OrrLatencyEvent)i;
        }
    }
    return ORR_LATENCY_EVENTS;
}

void
orr_latency_add(OrrLatency *latency, OrrLatencyEvent event, int64_t wall_s, uint32_t ms)
{
    OrrLatencySeries *series = &latency->series[event];
    size_t newest = (series->first + series->count - 1) % ORR_LATENCY_SAMPLES;

    series->longest_ms = MAX(series->longest_ms, ms);
    if (series->count > 0 && series->samples[newest].wall_s == wall_s) {
        series->samples[newest].ms = MAX(series->samples[newest].ms, ms);
        return;
    }
    if (series->count == ORR_LATENCY_SAMPLES) {
        series->first = (series->first + 1) % ORR_LATENCY_SAMPLES;
        series->count--;
    }
    series->samples[(series->first + series->count++) % ORR_LATENCY_SAMPLES] =
        (OrrLatencySample){wall_s, ms};
}

bool
orr_latency_reset(OrrLatency *latency, OrrLatencyEvent event)
{
    bool had = latency->series[event].count > 0;

    latency->series[event] = (OrrLatencySeries){.count = 0};
    return had;
}

OrrLatencySample
orr_latency_at(const OrrLatencySeries *series, size_t index)
{
    return series->samples[(series->first + index) % ORR_LATENCY_SAMPLES];
}
