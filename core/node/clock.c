#include "node/clock.h"

#include <glib.h>

void
orr_cluster_clock_boot(OrrClusterClock *clock, OrrNow now)
{
    clock->base_mono_ns = now.mono_ns;
    clock->base_ms = now.wall_ms;
    clock->held = false;
}

int64_t
orr_cluster_clock_ms(const OrrClusterClock *clock, OrrNow now)
{
    return clock->base_ms + (now.mono_ns - clock->base_mono_ns) / ORR_NS_PER_MS;
}

static int
compare_i64(const void *a, const void *b, void *context)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;

    (void)context;
    return x < y ? -1 : x > y;
}

/* By how much the median of all, this node included, is ahead of this node. */
static int64_t
median_ahead(const OrrMembers *members)
{
    int64_t ahead[64];
    size_t count = 0;

    ahead[count++] = 0;
    for (size_t i = 0; i < members->count && count < G_N_ELEMENTS(ahead); i++) {
        const OrrMember *member = members->list[i];

        if (member != members->self && member->state == ORR_MEMBER_ALIVE &&
            member->probe.answered != 0) {
            ahead[count++] = member->clock_ahead_ms;
        }
    }
    g_qsort_with_data(ahead, (gint)count, sizeof ahead[0], compare_i64, NULL);
    return ahead[(count - 1) / 2];
}

static void
step_by(OrrClusterClock *clock, OrrContext *context, int64_t ms)
{
    clock->base_ms += ms;
    for (size_t i = 0; i < context->members->count; i++) {
        context->members->list[i]->clock_ahead_ms -= ms;
    }
}

void
orr_cluster_clock_discipline(OrrClusterClock *clock, OrrNow now, OrrContext *context,
                             OrrEffects *out)
{
    int64_t ahead = median_ahead(context->members);
    int64_t drift;

    if (ahead > ORR_CLOCK_STEP_MS || ahead < -ORR_CLOCK_STEP_MS) {
        step_by(clock, context, ahead);
    }
    drift = now.wall_ms - orr_cluster_clock_ms(clock, now);
    if (drift >= -ORR_CLOCK_STEP_MS && drift <= ORR_CLOCK_STEP_MS) {
        clock->base_ms += drift / 16;
        clock->held = false;
        return;
    }
    if (!clock->held) {
        OrrTrace trace = orr_trace(ORR_TRACE_CLOCK_HELD);

        clock->held = true;
        trace.value = (uint64_t)(drift < 0 ? -drift : drift);
        orr_trace_set_text(&trace,
                           orr_bytes_of_string(drift < 0 ? "host is behind" : "host is ahead"));
        orr_context_trace(context, out, &trace);
    }
}
