/* fault_state.h - what fault*.c share and nobody else sees. */
#ifndef SIM_FAULT_STATE_H
#define SIM_FAULT_STATE_H

#include "fault.h"

/* What a SIM_EVENT_TIMELINE event means; in its arg[0]. */
typedef enum SimFaultEvent {
    SIM_FAULT_STRIKE,     /* target: action */
    SIM_FAULT_STRIKE_ONE, /* target: action; arg[1]: the one node of its targets */
    SIM_FAULT_UNDO,       /* target: strike */
    SIM_FAULT_RESTART,    /* target: host; arg[1]: its number of boots when it died */
    SIM_FAULT_CHAOS,      /* the next random fault */
    SIM_FAULT_SETTLE,
    SIM_FAULT_ISOLATE_ONE, /* target: host; arg[1]: for so long, ns; of a swizzle */
} SimFaultEvent;

/* One execution of one line. Its place in the list + 1 names its rules in the network. */
typedef struct SimStrike {
    SimFaultSpan span;
    const SimSentence *command;
    bool active;
    GArray *saved; /* of SimSaved: what undoing brings back */
    OrrRng rng;
    uint32_t only; /* of its targets this one alone; SIM_NONE: all */
} SimStrike;

typedef struct SimSaved {
    uint32_t host;
    uint32_t slow_milli;
    SimDiskModel disk;
    int64_t drift_ppb[2];
} SimSaved;

typedef struct SimActionState {
    OrrRng rng;
    uint32_t strikes;
    bool triggered_once;
    bool state_before; /* of a trigger that waits for a state */
    OrrTime begin_ns;  /* virtual; -1: not yet */
    OrrTime end_ns;
    SimSet *struck;
} SimActionState;

/* A host that dies inside of one of its next writes, or before one of its decisions. */
typedef struct SimTear {
    bool armed;
    bool at_trace;
    OrrTraceKind trace;
    SimFileSet files;
    bool byte_given;
    size_t byte;
    SimDist restart;
    bool restarts;
    OrrRng rng;
} SimTear;

struct SimFaults {
    SimActionState *actions;
    uint32_t action_count;
    GPtrArray *strikes; /* of SimStrike */
    SimTear *tears;     /* by host */
    uint32_t trigger_count;
    uint32_t state_trigger_count;
    OrrRng chaos_rng;
    bool *chaos_lines; /* that this seed plays with */
    OrrTime settled_ns;
    bool settled;
};

static inline SimStrike *
sim_strike_at(const SimFaults *faults, uint32_t index)
{
    return g_ptr_array_index(faults->strikes, index);
}

/* fault.c */
/* timeline[action] happens at `at`, virtual, or around it. */
void sim_faults_plan_strike(SimWorld *world, uint32_t action, OrrTime at);
/* Carries a command out. `action` is SIM_NONE for chaos; the strike stays in the list. */
SimStrike *sim_fault_strike(SimWorld *world, const SimSentence *command, uint32_t action,
                            uint32_t only, OrrRng *rng);
/* Plans its end after a time drawn from `lasts`; NULL: it has none, unless the command says. */
void sim_fault_plan_undo(SimWorld *world, SimStrike *strike, const SimDist *lasts);
void sim_fault_undo(SimWorld *world, SimStrike *strike, const char *why);
SimFaultName sim_strike_name(const SimWorld *world, const SimStrike *strike);
/* The nodes and places that part WHO means, after `only`. */
SimSet *sim_strike_who(SimWorld *world, SimStrike *strike);

/* fault_network.c */
bool sim_fault_is_network(SimSentenceKind kind);
void sim_fault_strike_network(SimWorld *world, SimStrike *strike);

/* fault_node.c */
void sim_fault_strike_node(SimWorld *world, SimStrike *strike);
void sim_fault_undo_node(SimWorld *world, SimStrike *strike);
void sim_fault_restart(SimWorld *world, SimHost *host, uint64_t boots);
/* fault_chaos.c */
void sim_chaos_begin(SimWorld *world);
void sim_chaos_next(SimWorld *world);
void sim_chaos_settle(SimWorld *world);

/* fault_trigger.c */
void sim_triggers_begin(SimWorld *world);
/* timeline[action] began (or ended): lines that wait for that. */
void sim_triggers_on_action(SimWorld *world, uint32_t action, bool begun);

#endif
