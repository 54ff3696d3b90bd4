#include <orrery/context.h>

OrrTime
orr_heartbeat_ns(const OrrSettings *settings)
{
    return settings->heartbeat_ns > 0 ? settings->heartbeat_ns : settings->node_timeout_ns / 5;
}

OrrTime
orr_replica_validity_ns(const OrrSettings *settings)
{
    return settings->replica_validity_ns > 0 ? settings->replica_validity_ns
                                             : 10 * settings->node_timeout_ns;
}

void
orr_context_trace(const OrrContext *context, OrrEffects *out, OrrTrace *trace)
{
    trace->node = context->members->self->id;
    orr_effects_trace(out, trace);
}
