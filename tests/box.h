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
    bool disk_stalls; /* writes are kept, and answered by nobody */
    GPtrArray *files; /* of BoxFile */
} BoxNode;

typedef struct Box {
    BoxNode nodes[BOX_NODES_MAX];
    size_t count;
    OrrTime now_ns;
    GQueue *events; /* of BoxEvent, by time, then order of adding */
    GString *traces;
    OrrEffects *effects;
    uint64_t next_client;
    GString *reply; /* to the last request */
    uint8_t cut[BOX_NODES_MAX][BOX_NODES_MAX];
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
void box_cut(Box *box, size_t from, size_t to, bool both);
void box_heal(Box *box);
OrrNodeView box_view(Box *box, size_t index);
/* The node that would acknowledge a write to the slot now, or -1; -2: more than one. */
int box_owner(Box *box, uint16_t slot);
/* One inline command to a node; the whole answer. */
const char *box_command(Box *box, size_t index, const char *line);
/* True if a line of the traces holds all the words of `text`, in order. */
bool box_traced(const Box *box, const char *text);
size_t box_trace_count(const Box *box, const char *text);

#endif
