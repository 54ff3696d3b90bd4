/* world.h - the simulating host: one virtual clock, and everything that happens under it.
 *
 *     queue --event--> network / disk / deadline / client / timeline / check
 *                           |        |         |
 *                           `--------+---------+--> node step --> effects --> network, disk,
 *                                                       |                     clients, story
 *                                                       `--> checks (only nodes that changed)
 *
 * The twin of the daemon's host: world_node.c delivers events to nodes and performs their
 * effects in the same order and by the same names. What a world knows is open to the modules
 * that judge and tell (check_*.c, report_*.c), and changed by world_*.c, fault_*.c, client_*.c.
 *
 * Time: virtual ns since the nodes booted. A scenario's 0 is `origin_ns`: where nodes begin as
 * a formed cluster, that is when they agree and the preload is done.
 *
 * Memory: belongs to the world. Threads: one at a time.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <orrery/node.h>
#include <orrery/slotmap.h>

#include "clock.h"
#include "disk.h"
#include "history.h"
#include "invariant.h"
#include "network.h"
#include "queue.h"
#include "roster.h"
#include "scenario.h"
#include "story.h"

typedef struct SimWorld SimWorld;
typedef struct SimLive SimLive;         /* live.h: nodes are processes on this machine */
typedef struct SimShadow SimShadow;     /* live.h: what is known of such a process */
__extension__ typedef __int128 SimWide; /* for products of times */

typedef enum SimProcess {
    SIM_PROCESS_ABSENT, /* a spare that has not joined */
    SIM_PROCESS_RUNNING,
    SIM_PROCESS_PAUSED, /* alive, but given no processor */
    SIM_PROCESS_DEAD,   /* its host lives and refuses connections */
    SIM_PROCESS_OFF,    /* the host is without power: silence */
} SimProcess;

/* Events that wait for a busy processor, in order. */
typedef struct SimInbox {
    uint8_t *data;
    size_t head;
    size_t tail;
    size_t room;
} SimInbox;

#define SIM_STORE_FAILED (1u << 31) /* of a WORLD event's target: a full disk queue */
#define SIM_MOVER (1u << 27)        /* the mover of slots in the other bits has its turn */
#define SIM_MORE (1u << 28)         /* a client of the host in the other bits has room */
#define SIM_BOOT (1u << 29)         /* the host in the other bits boots */
#define SIM_PHASE_TICK (1u << 30)   /* of a WORLD event's target: look whether all is formed */

#define SIM_INBOXES 2u             /* CONTROL frames have a lane of their own */
#define SIM_INBOX_MAX (256u << 20) /* bytes; beyond that frames are dropped */

/* One node with its host. */
typedef struct SimHost {
    SimWorld *world;
    uint32_t index;
    const SimNodeSpec *spec;
    OrrNodeConfig config; /* arrays belong to the host */
    OrrAddress *seeds;
    OrrSlotRange *slots;
    OrrAddress address;
    SimEndpoint endpoint;
    OrrNode *node; /* NULL unless running or paused; or a process of its own: */
    SimShadow *shadow;
    SimProcess process;
    SimHostClock clock;
    SimHostDisk *disk;
    OrrRng rng;
    uint32_t boots;
    bool left; /* it was told to leave, and stays away */
    /* the processor */
    uint32_t slow_milli; /* everything takes this / 1000 as long */
    OrrTime busy_until_ns;
    SimEventHandle processor_event;
    SimInbox inbox[SIM_INBOXES];
    /* the deadline */
    SimEventHandle deadline_event;
    OrrTime deadline_ns; /* virtual; ORR_NEVER: none is planned */
    uint32_t spins;      /* TIME events in a row after which the deadline had come already */
    /* what checks saw last */
    uint64_t change;
    OrrNodeView view;       /* as of the last change */
    OrrTime lease_told_ns;  /* to the invariants; the view is refreshed for others, too */
    bool dirty;             /* the view is to be read again */
    OrrTime struck_ns;      /* the last fault that hit it began then; -1: none did */
    OrrTime stopped_ns;     /* when its process died last */
    bool slots_moved;       /* its own slots may be others than at the last look */
    uint64_t offset_last;   /* of its data, at the last full second */
    uint64_t offset_before; /* a second earlier */
    OrrTime compared_ns;    /* a replica: its data was that of its primary then; -1: never */
    uint64_t keys_seen;     /* that it held when the judge looked last */
    /* running totals of earlier boots */
    OrrNodeView before;
} SimHost;

typedef struct SimClients SimClients;
typedef struct SimFaults SimFaults;
typedef struct SimJudge SimJudge;

/* Settings of the world that no scenario states. */
typedef struct SimWorldOptions {
    uint64_t seed;
    FILE *trace;   /* every message and effect, one line each; or NULL */
    SimLive *live; /* its processes are the nodes; NULL: they are simulated */
} SimWorldOptions;

struct SimWorld {
    const SimScenario *scenario;
    SimWorldOptions options;
    SimLive *live; /* or NULL */
    SimRoster *names;
    uint32_t *shard_names; /* by shard: its number among the names */
    SimQueue *queue;
    SimNetwork *network;
    OrrEffects *effects;
    SimHost *hosts;
    uint32_t host_count;
    OrrTime now_ns;
    OrrTime origin_ns; /* the scenario's 0, once `begun` */
    OrrTime end_ns;    /* virtual; the run ends there */
    bool formed;
    bool begun; /* the scenario's clock runs */
    bool ended;
    OrrTime formed_ns;
    uint64_t events;
    uint64_t steps;
    uint64_t digest;
    SimInvariants *invariants;
    SimHistory *history;
    SimStory *story;
    SimClients *clients;
    SimFaults *faults;
    SimJudge *judge;
    uint32_t *first_owner; /* by cluster and slot: the shard that is dealt it, or SIM_NONE */
    GByteArray *scratch;   /* for whoever builds bytes and is done with them at once */
    bool clients_open;     /* the preload has begun */
    bool clients_begun;
    bool never_formed;
    bool broken; /* a node broke the contract of node.h: no verdict can be trusted */
    uint64_t ahead[3 + ORR_EXPECT_STAGES]; /* how far each stage has looked ahead */
    uint64_t messages_before;              /* sent until the last full second */
    uint64_t bytes_before;
    bool split_seen;          /* two nodes disagreed about an owner or a verdict */
    uint32_t moved_addresses; /* new ones given so far */
    uint64_t torn_writes;
    GPtrArray *movers;    /* of SimMover: mover.h */
    uint64_t operators;   /* operators' connections so far */
    uint32_t *by_address; /* address number -> host index, SIM_NONE for nobody */
    uint32_t address_count;
};

/* ------- life of a world: world.c, world_build.c */

/* A world ready to run. Scenario and names in it are lent until sim_world_free(). */
SimWorld *sim_world_new(const SimScenario *scenario, const SimWorldOptions *options);
void sim_world_free(SimWorld *world);
/* Takes the next event. False when the run is over. */
bool sim_world_step(SimWorld *world);
/* The scenario's time of a virtual time: negative before its 0. */
OrrTime sim_world_scenario_ns(const SimWorld *world, OrrTime virtual_ns);
/* The other way. */
OrrTime sim_world_virtual_ns(const SimWorld *world, OrrTime scenario_ns);
/* Plans an event of the world's own. */
SimEventHandle sim_world_plan(SimWorld *world, OrrTime at_ns, SimEventKind kind,
                              uint32_t target, uint64_t arg);
/* Makes the digest of the run depend on these. */
void sim_world_digest(SimWorld *world, uint64_t what, uint64_t value);

/* A scenario's spread quantity as the engine wants it. */
SimDistribution sim_distribution_of(const SimDist *dist);
/* world_build.c: names, hosts, network, clocks, disks; before any client. */
void sim_world_build(SimWorld *world);
/* world_phase.c: from boot to the scenario's 0. */
void sim_world_start(SimWorld *world);
void sim_world_on_phase(SimWorld *world);
void sim_world_lay_links(SimWorld *world);
/* world_ahead.c: fetches into the cache what the next events will touch. */
void sim_world_look_ahead(SimWorld *world);
/* True when all running members of each cluster see the same members and slots, every slot is
 * covered and served. */
bool sim_world_is_formed(SimWorld *world);
/* Ends the run at once: nothing more will be learned. */
void sim_world_stop(SimWorld *world);

/* ------- nodes: world_node.c */

bool sim_host_runs(const SimHost *host);
/* It runs or is paused: there is a node with a memory. */
bool sim_host_lives(const SimHost *host);
/* What the node knows, whether it is simulated or a process; only while it lives. */
const OrrSlotMap *sim_host_slotmap(const SimHost *host);
OrrStatus sim_host_member(const SimHost *host, size_t index, OrrMemberView *member);
uint64_t sim_host_key_count(const SimHost *host);
uint64_t sim_host_memory(const SimHost *host);
/* Both hold the same data, as far as can be known. */
bool sim_host_same_data(const SimHost *host, const SimHost *other);
/* A decision of the node, on its way to story, checks and triggers. */
void sim_host_trace(SimHost *host, const OrrTrace *trace);
/* What its clocks show. */
OrrNow sim_host_now(const SimHost *host);
/* Its view of things, read anew where it changed. NULL when it is not running. */
const OrrNodeView *sim_host_view(SimHost *host);
/* True when the node would acknowledge a write to `slot` at this instant. */
bool sim_host_serves(const SimHost *host, uint16_t slot, uint64_t *version);
/* An event for the node's processor: stepped at once when it is idle. */
void sim_host_deliver(SimHost *host, const OrrEvent *event);
void sim_host_boot(SimHost *host);
void sim_host_pause(SimHost *host);
void sim_host_resume(SimHost *host);
/* The process ends; what the disk keeps is the caller's next call. */
void sim_host_kill(SimHost *host, bool power);
/* The processor is free, or a deadline has come. */
void sim_host_on_processor(SimHost *host);
void sim_host_on_deadline(SimHost *host);
/* The clock was changed: deadlines are planned anew. */
void sim_host_replan(SimHost *host);
SimHost *sim_world_host_at(SimWorld *world, const OrrAddress *address);
/* The host takes this address, and whoever had it loses it. */
void sim_host_set_address(SimHost *host, const OrrAddress *address);
OrrAddress sim_address_of_number(uint32_t number);

#endif
