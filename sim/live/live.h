/* live.h - the same scenario with real nodes: orreryd processes on this machine, in real time.
 *
 *     timeline, clients, history, checks, report: as ever
 *          |         |                     ^
 *          v         v                     |
 *     processes   sockets        decisions (their logs), views (their /cluster)
 *
 * A world with processes has the same events, the same clients and the same judge as one with
 * simulated nodes; only what lies below is real: nodes, network, disks and time. What a node
 * thinks is asked of its metrics port ten times a second and after each of its decisions; its
 * decisions are read from its log as they are written; what it holds at the end is read by
 * clients. Links are cut by the daemon's own filter for tests (orreryd --explain
 * test-link-filter), and between clients and nodes by this side.
 *
 *     kill        SIGKILL: its host refuses connections        `losing data`: files removed
 *     power off   SIGSTOP until it starts again (then SIGKILL): its host is silent
 *     pause       SIGSTOP, SIGCONT                             stop: SIGTERM
 *
 * Ports are free ones of 127.0.0.1; files are in a directory of their own, which is removed at
 * the end unless it was named. The processes die with this one.
 *
 * Threads: one.
 */
#ifndef SIM_LIVE_H
#define SIM_LIVE_H

#include <orrery/slotmap.h>

#include "run.h"
#include "world.h"

#define SIM_LIVE_NODES_MAX 64u /* processes on one machine */

typedef struct SimLiveOptions {
    const char *daemon;    /* the program; NULL: beside this one, or in PATH */
    const char *directory; /* for files and logs of the nodes, kept; NULL: a temporary one */
    bool skip;             /* leave out lines that cannot be done, instead of refusing */
} SimLiveOptions;

/* What is known of a process, in place of an OrrNode. */
struct SimShadow {
    OrrSlotMap *slots;
    GArray *members; /* of OrrMemberView */
    uint64_t memory;
    bool seen; /* it has answered since it began */
};

/* Processes for a scenario, not started yet. NULL after a message on stderr; *exit_code says
 * which (65: lines that cannot be done, 66: no daemon, 74: no ports or directory). */
SimLive *sim_live_new(const SimScenario *scenario, const SimLiveOptions *options,
                      int *exit_code);
/* Asks all processes to leave, and waits for it: one that does not leave in order breaks the
 * world. NULL: nothing. */
void sim_live_end(SimLive *live);
/* Ends what still runs, and removes what is to be removed; before the world is freed. */
void sim_live_free(SimLive *live);
/* Lines that were left out, and what is different from the simulated world; for the report. */
void sim_live_notes(const SimLive *live, FILE *out);
/* A check that nobody outside of the nodes can see: why, or NULL. */
const char *sim_live_unseen(SimSentenceKind check);
/* A line of the timeline that processes cannot do: why, or NULL. */
const char *sim_live_undoable(const SimSentence *command);
/* This line of the timeline was left out. */
bool sim_live_leaves_out(const SimWorld *world, uint32_t action);

/* ------- for the world */

/* The world's hosts get their addresses and clocks. */
void sim_live_adopt(SimLive *live, SimWorld *world);
/* ns since adopt. */
OrrTime sim_live_now(const SimWorld *world);
/* In place of sim_world_step(): waits for what comes next, and takes it. */
bool sim_live_step(SimWorld *world);
/* A signal asked this process to end. */
bool sim_live_interrupted(void);
SimHost *sim_live_host_at(SimWorld *world, const OrrAddress *address);
bool sim_live_serves(const SimHost *host, uint16_t slot, uint64_t *version);
/* Cuts of the rule book are carried to nodes and connections. Without processes: nothing. */
void sim_live_apply_cuts(SimWorld *world);

/* processes */
void sim_live_boot(SimHost *host);
void sim_live_kill(SimHost *host, bool power);
void sim_live_stop(SimHost *host);
void sim_live_pause(SimHost *host, bool pause);
void sim_live_wipe(SimHost *host, SimDiskFate fate);

/* connections of clients, and operators */
SimConnection sim_live_connect(SimWorld *world, SimEndpoint place, SimHost *host);
void sim_live_write(SimWorld *world, SimConnection number, OrrBytes bytes);
void sim_live_close(SimWorld *world, SimConnection number);
void sim_live_operator(SimHost *host, OrrBytes bytes);

/* the end: what every node holds, read as a client would */
void sim_live_collect(SimWorld *world);
SimFinal sim_live_final(const SimWorld *world, uint32_t host, uint32_t key);
bool sim_live_same_data(const SimHost *host, const SimHost *other);

#endif
