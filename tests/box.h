/* box.h - a cluster in a box: real nodes, one virtual clock, a network without surprises except
 * those a test asks for. The simulator does this in earnest; here a test sees inside a node. */
#ifndef ORR_TESTS_BOX_H
#define ORR_TESTS_BOX_H

#include <orrery/orrery.h>

#include <glib.h>

#define BOX_NODES_MAX 16

typedef struct BoxNode {
    OrrNodeConfig config;
    OrrNode *node;
    OrrAddress address;
    bool refuses; /* its process is dead, its host alive */
    bool silent;  /* nothing goes in or out */
    bool deaf;    /* nothing goes in */
    bool disk_fails;
    bool disk_stalls;    /* writes are kept, and answered by nobody */
    bool paused;         /* what comes waits until box_resume() */
    OrrTime disk_ns;     /* added to the millisecond that a write takes */
    int64_t rate_ppm;    /* by which its monotonic clock is fast */
    int64_t wall_ms;     /* by which its wall clock is ahead */
    unsigned idle_steps; /* TIME steps in a row after which it wanted another at once */
    GPtrArray *files;    /* of BoxFile */
} BoxNode;

typedef struct Box {
    BoxNode nodes[BOX_NODES_MAX];
    size_t count;
    OrrTime now_ns;
    GQueue *events; /* of BoxEvent, by time, then order of adding */
    GQueue *held;   /* for paused nodes */
    GString *traces;
    OrrEffects *effects;
    uint64_t next_client;
    GString *reply; /* to the last request */
    GString *asked; /* what hosts were asked, all of it */
    uint64_t more;  /* the client of that reply, where it is not all */
    uint8_t cut[BOX_NODES_MAX][BOX_NODES_MAX];
    OrrRng rng;        /* of the network */
    uint32_t loss_ppm; /* of frames */
    OrrTime jitter_ns; /* added to the latency of a frame, at most: they overtake each other */
    bool in_step;      /* a node is being stepped: for who counts what steps allocate */
    uint64_t steps;    /* of all nodes */
    uint64_t effects_digest; /* of all effects, in order */
    size_t frames;
} Box;

/* n1.. as primaries of shards of their own with even slots, each with `replicas`. Not booted.
 */
Box *box_new(size_t primaries, size_t replicas, const OrrSettings *settings);
void box_free(Box *box);
void box_boot(Box *box, size_t index);
void box_boot_all(Box *box);
void box_run(Box *box, OrrTime duration_ns);
void box_kill(Box *box, size_t index);
void box_wipe(Box *box, size_t index, bool keep_state);
/* As if this kind of file had never been written. */
void box_drop_file(Box *box, size_t index, OrrFileKind kind);
void box_cut(Box *box, size_t from, size_t to, bool both);
void box_heal(Box *box);
void box_resume(Box *box, size_t index);
/* Any event, now. */
OrrStatus box_event(Box *box, size_t index, const OrrEvent *event);
/* The clocks of a node, now. */
OrrNow box_now(const Box *box, size_t index);
OrrNodeView box_view(Box *box, size_t index);
/* The node that would acknowledge a write to the slot now, or -1; -2: more than one. */
int box_owner(Box *box, uint16_t slot);
/* One inline command to a node; the whole answer. */
const char *box_command(Box *box, size_t index, const char *line);
/* True if a line of the traces holds all the words of `text`, in order. */
bool box_traced(const Box *box, const char *text);
size_t box_trace_count(const Box *box, const char *text);

#endif
