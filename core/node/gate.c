#include "node/gate.h"

#include <glib.h>

typedef struct Held {
    uint64_t op;
    OrrEffects *effects;
    OrrGateFunc done;
    void *owner;
    uint64_t argument;
    bool doomed;
} Held;

struct OrrGate {
    uint64_t last_op;
    GArray *held;    /* of Held, in order of op */
    GPtrArray *pool; /* of OrrEffects, empty, for the next writes */
};

OrrGate *
orr_gate_new(void)
{
    OrrGate *gate = g_new0(OrrGate, 1);

    gate->held = g_array_new(false, false, sizeof(Held));
    gate->pool = g_ptr_array_new();
    return gate;
}

void
orr_gate_free(OrrGate *gate)
{
    if (gate == NULL) {
        return;
    }
    for (guint i = 0; i < gate->held->len; i++) {
        orr_effects_free(g_array_index(gate->held, Held, i).effects);
    }
    for (guint i = 0; i < gate->pool->len; i++) {
        orr_effects_free(g_ptr_array_index(gate->pool, i));
    }
    g_array_unref(gate->held);
    g_ptr_array_unref(gate->pool);
    g_free(gate);
}

uint64_t
orr_gate_next_op(OrrGate *gate)
{
    return ++gate->last_op;
}

OrrEffects *
orr_gate_hold(OrrGate *gate, uint64_t op, OrrGateFunc done, void *owner, uint64_t argument)
{
    Held held = {op, NULL, done, owner, argument, false};

    held.effects = gate->pool->len > 0
                       ? g_ptr_array_remove_index_fast(gate->pool, gate->pool->len - 1)
                       : orr_effects_new();
    g_array_append_val(gate->held, held);
    return held.effects;
}

void
orr_gate_doom(OrrGate *gate, OrrGateFunc done)
{
    for (guint i = 0; i < gate->held->len; i++) {
        Held *held = &g_array_index(gate->held, Held, i);

        held->doomed |= held->done == done;
    }
}

OrrStatus
orr_gate_stored(OrrGate *gate, uint64_t op, OrrStatus status, OrrNow now, OrrEffects *out)
{
    bool found = false;

    for (guint i = 0; i < gate->held->len;) {
        Held held = g_array_index(gate->held, Held, i);

        if (held.op != op) {
            i++;
            continue;
        }
        OrrStatus outcome = held.doomed ? ORR_IO : status;

        found = true;
        g_array_remove_index(gate->held, i);
        if (outcome == ORR_OK) {
            orr_effects_append(out, held.effects);
        }
        orr_effects_clear(held.effects);
        g_ptr_array_add(gate->pool, held.effects);
        if (held.done != NULL) {
            held.done(held.owner, outcome, held.argument, now, out);
        }
    }
    return found ? ORR_OK : ORR_REFUSED;
}
