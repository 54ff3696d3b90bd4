/* probe.h - what a node may ask its host while it answers an operator: durations and facts.
 *
 *     INFO, SLOWLOG, LATENCY ----> OrrHostProbe ----> the host's stopwatch, memory, processor
 *
 * The core owns no clock, and it decides nothing by what a probe says: only replies to
 * operators' commands and statistics.h show it. A host without a probe (the simulator) has
 * durations of 0 and no facts, and the same decisions.
 */
#ifndef ORRERY_PROBE_H
#define ORRERY_PROBE_H

#include <orrery/node.h>

ORR_BEGIN_DECLS

/* Facts of a process; 0 or "" where the host does not know. */
typedef struct OrrHostFacts {
    uint64_t process_id;
    uint64_t resident_bytes;
    uint64_t resident_peak_bytes;
    uint64_t system_memory_bytes; /* of the machine */
    uint64_t cpu_system_us;
    uint64_t cpu_user_us;
    uint64_t output_pending_bytes; /* replies that clients have not taken yet */
    char os[128];                  /* "Linux 6.1.0 x86_64" */
    char executable[256];
    char config_file[256];
    char multiplexing[32]; /* "epoll" */
    char supervised[16];   /* "systemd", "no" */
} OrrHostFacts;

typedef struct OrrHostProbe {
    void *user;
    /* Nanoseconds of some steady clock; cheap: called twice for each step with commands, and
     * once more for each costly one. */
    uint64_t (*stopwatch_ns)(void *user);
    /* Fills in what it knows; `facts` is all zeros. Called for INFO and MEMORY. */
    void (*facts)(void *user, OrrHostFacts *facts);
} OrrHostProbe;

/* Copied; NULL takes it away. Either function may be NULL. */
ORR_API void orr_node_set_probe(OrrNode *node, const OrrHostProbe *probe);

ORR_END_DECLS

#endif
