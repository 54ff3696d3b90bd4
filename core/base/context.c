#include <orrery/context.h>

OrrTime
orr_heartbeat_ns(const OrrSettings *settings)
{
    return settings->heartbeat_ns > 0 ? settings->heartbeat_ns : settings->node_timeout_ns / 5;
}

void
orr_context_trace(const OrrContext *context, OrrEffects *out, OrrTrace *trace)
{
    trace->node = context->members->self->id;
    orr_effects_trace(out, trace);
}
