#include "invariant.h"

#include <glib.h>
#include <orrery/slots.h>
#include <stdio.h>

#define NO_EPISODE UINT32_MAX
#define TEXT_SIZE 256u
#define ORDER_NS ORR_NS_PER_S /* an operator's order is carried out within this time */

typedef struct Witness {
    bool known; /* a view was seen since the disk was new */
    uint64_t incarnation;
    uint64_t current_epoch;
    uint64_t vote_epoch;
    uint64_t shard_epoch;
    uint32_t shard;
    uint32_t cluster;
    uint32_t episode; /* open, or NO_EPISODE */
    OrrTime lease_end_ns;
    OrrTime ordered_ns; /* an operator gave it an epoch then */
} Witness;

typedef struct Actor {
    uint32_t node;
    uint64_t version;
} Actor;

struct SimInvariants {
    const SimRoster *names;
    SimInvariantSources sources;
    Witness *nodes;
    uint32_t node_count;
    Actor *slots; /* by cluster and slot: who began to serve it last */
    uint32_t cluster_count;
    uint32_t *shard_server; /* by shard: the node that began to serve it last */
    uint32_t shard_count;
    GArray *episodes;
    GHashTable *winners;    /* (cluster or shard, epoch) -> node + 1; looked up, never walked */
    GHashTable *votes;      /* (voter, epoch) -> candidate + 1 */
    GHashTable *acting;     /* (shard, epoch) -> node + 1 */
    GHashTable *violations; /* check -> how often */
};

SimInvariants *
sim_invariants_new(const SimRoster *names, const SimInvariantSources *sources)
{
    SimInvariants *self = g_new0(SimInvariants, 1);

    self->names = names;
    self->sources = *sources;
    self->node_count = sim_roster_count(names, SIM_ROSTER_NODE);
    self->cluster_count = sim_roster_count(names, SIM_ROSTER_CLUSTER);
    self->shard_count = sim_roster_count(names, SIM_ROSTER_SHARD);
    self->nodes = g_new0(Witness, self->node_count);
    self->slots = g_new0(Actor, (size_t)self->cluster_count * ORR_SLOT_COUNT);
    self->shard_server = g_new0(uint32_t, self->shard_count);
    for (uint32_t i = 0; i < self->node_count; i++) {
        self->nodes[i].episode = NO_EPISODE;
        self->nodes[i].ordered_ns = -2 * ORDER_NS;
    }
    for (size_t i = 0; i < (size_t)self->cluster_count * ORR_SLOT_COUNT; i++) {
        self->slots[i].node = SIM_ROSTER_NONE;
    }
    for (uint32_t i = 0; i < self->shard_count; i++) {
        self->shard_server[i] = SIM_ROSTER_NONE;
    }
    self->episodes = g_array_new(FALSE, TRUE, sizeof(SimEpisode));
    self->winners = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    self->votes = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    self->acting = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    self->violations = g_hash_table_new(NULL, NULL);
    return self;
}

void
sim_invariants_free(SimInvariants *self)
{
    if (self == NULL) {
        return;
    }
    g_hash_table_unref(self->winners);
    g_hash_table_unref(self->votes);
    g_hash_table_unref(self->acting);
    g_hash_table_unref(self->violations);
    g_array_unref(self->episodes);
    g_free(self->nodes);
    g_free(self->slots);
    g_free(self->shard_server);
    g_free(self);
}

static const char *
node_name(const SimInvariants *self, uint32_t node)
{
    return sim_roster_text(self->names, SIM_ROSTER_NODE, node);
}

static const char *
shard_name(const SimInvariants *self, uint32_t shard)
{
    return shard < self->shard_count ? sim_roster_text(self->names, SIM_ROSTER_SHARD, shard)
                                     : "?";
}

static void G_GNUC_PRINTF(4, 5)
    violate(SimInvariants *self, OrrTime now, SimSentenceKind check, const char *format, ...)
{
    char text[TEXT_SIZE];
    gpointer key = GUINT_TO_POINTER((guint)check);
    guint so_far = GPOINTER_TO_UINT(g_hash_table_lookup(self->violations, key));
    va_list arguments;

    va_start(arguments, format);
    g_vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    g_hash_table_insert(self->violations, key, GUINT_TO_POINTER(so_far + 1));
    self->sources.violated(check, now, text, self->sources.context);
}

/* The node that was first noted under (owner, epoch), after noting `node` if it is the first.
 */
static uint32_t
first_noted(GHashTable *table, uint32_t owner, uint64_t epoch, uint32_t node)
{
    int64_t key = (int64_t)((uint64_t)owner << 44 ^ epoch);
    uint32_t known = GPOINTER_TO_UINT(g_hash_table_lookup(table, &key));

    if (known != 0) {
        return known - 1;
    }
    g_hash_table_insert(table, g_memdup2(&key, sizeof key), GUINT_TO_POINTER(node + 1));
    return node;
}

static void
check_never_down(SimInvariants *self, OrrTime now, uint32_t node, const char *what,
                 uint64_t before, uint64_t after)
{
    if (after < before) {
        violate(self, now, SIM_CHECK_EPOCHS_NEVER_DOWN,
                "%s of %s fell from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT, what,
                node_name(self, node), before, after);
    }
}

static void
check_numbers(SimInvariants *self, OrrTime now, uint32_t node, const OrrNodeView *view)
{
    Witness *witness = &self->nodes[node];
    uint32_t shard = sim_roster_index(self->names, SIM_ROSTER_SHARD, &view->shard);

    if (witness->known) {
        check_never_down(self, now, node, "the incarnation", witness->incarnation,
                         view->incarnation);
        check_never_down(self, now, node, "the epoch", witness->current_epoch,
                         view->current_epoch);
        check_never_down(self, now, node, "the epoch of the last vote", witness->vote_epoch,
                         view->vote_epoch);
        if (shard == witness->shard) {
            check_never_down(self, now, node, "the shard's epoch as seen", witness->shard_epoch,
                             view->shard_epoch);
        }
    }
    witness->known = true;
    witness->incarnation = view->incarnation;
    witness->current_epoch = view->current_epoch;
    witness->vote_epoch = view->vote_epoch;
    witness->shard_epoch = view->shard_epoch;
    witness->shard = shard;
    witness->cluster = sim_roster_index(self->names, SIM_ROSTER_CLUSTER, &view->cluster);
}

static void
close_episode(SimInvariants *self, Witness *witness, OrrTime at)
{
    if (witness->episode != NO_EPISODE) {
        SimEpisode *episode = &g_array_index(self->episodes, SimEpisode, witness->episode);

        episode->to_ns = MAX(at, episode->from_ns);
        witness->episode = NO_EPISODE;
    }
}

/* One slot of a node that begins to serve it: nobody else may do so now, and nobody else may
 * ever have done so at this version. Returns false when something was wrong: one line of the
 * many that 5000 slots would give is enough. */
static bool
examine_slot(SimInvariants *self, OrrTime now, uint32_t node, uint16_t slot)
{
    Actor *actor = &self->slots[(size_t)self->nodes[node].cluster * ORR_SLOT_COUNT + slot];
    Actor before = *actor;
    uint64_t version = 0;
    uint64_t ignored;

    if (!self->sources.serves(self->sources.context, node, slot, &version)) {
        return true;
    }
    *actor = (Actor){node, version};
    if (before.node == SIM_ROSTER_NONE || before.node == node) {
        return true;
    }
    if (before.version == version) {
        violate(self, now, SIM_CHECK_ONE_OWNER_PER_VERSION,
                "slot %u at version %" G_GUINT64_FORMAT ".%" G_GUINT64_FORMAT
                " was served by %s and is by %s",
                slot, version >> 32, version & UINT32_MAX, node_name(self, before.node),
                node_name(self, node));
        return false;
    }
    if (self->sources.serves(self->sources.context, before.node, slot, &ignored)) {
        violate(self, now, SIM_CHECK_ONE_SERVER_PER_SLOT,
                "slot %u is served by %s and by %s at the same time", slot,
                node_name(self, before.node), node_name(self, node));
        return false;
    }
    return true;
}

static uint32_t
examine_slots(SimInvariants *self, OrrTime now, uint32_t node)
{
    OrrSlotRange range;
    uint32_t cursor = 0;
    uint32_t owned = 0;
    bool fine = true;

    if (self->nodes[node].cluster >= self->cluster_count) {
        return 0;
    }
    while (self->sources.next_range(self->sources.context, node, &cursor, &range)) {
        for (uint32_t slot = range.first; slot <= range.last; slot++) {
            if (fine) {
                fine = examine_slot(self, now, node, (uint16_t)slot);
            } else {
                self->slots[(size_t)self->nodes[node].cluster * ORR_SLOT_COUNT + slot].node =
                    node;
            }
        }
        owned += (uint32_t)(range.last - range.first) + 1;
    }
    return owned;
}

static void
open_episode(SimInvariants *self, OrrTime now, uint32_t node, uint64_t epoch)
{
    Witness *witness = &self->nodes[node];
    uint32_t slots = examine_slots(self, now, node);
    SimEpisode episode = {witness->shard, node, epoch, now, ORR_NEVER, slots};

    if (slots == 0) {
        return; /* a primary without slots serves nothing */
    }
    if (witness->shard < self->shard_count) {
        uint32_t first = first_noted(self->acting, witness->shard, epoch, node);

        if (first != node) {
            violate(self, now, SIM_CHECK_ONE_OWNER_PER_VERSION,
                    "shard %s at epoch %" G_GUINT64_FORMAT " was served by %s and is by %s",
                    shard_name(self, witness->shard), epoch, node_name(self, first),
                    node_name(self, node));
        }
        self->shard_server[witness->shard] = node;
    }
    witness->episode = self->episodes->len;
    g_array_append_val(self->episodes, episode);
}

void
sim_invariants_look(SimInvariants *self, OrrTime now, uint32_t node, const OrrNodeView *view,
                    OrrTime lease_end_ns, bool slots_moved)
{
    Witness *witness = &self->nodes[node];
    uint32_t shard_before = witness->shard;
    bool serving = view->serving && lease_end_ns > now;

    check_numbers(self, now, node, view);
    if (witness->lease_end_ns <= now) {
        close_episode(self, witness, witness->lease_end_ns);
    }
    if (!serving) {
        close_episode(self, witness, now);
    } else if (witness->episode == NO_EPISODE) {
        witness->lease_end_ns = lease_end_ns;
        open_episode(self, now, node, view->shard_epoch);
    } else {
        SimEpisode *episode = &g_array_index(self->episodes, SimEpisode, witness->episode);

        if (episode->epoch != view->shard_epoch || shard_before != witness->shard) {
            close_episode(self, witness, now);
            open_episode(self, now, node, view->shard_epoch);
        } else if (slots_moved) {
            episode->slots = examine_slots(self, now, node);
        }
    }
    witness->lease_end_ns = lease_end_ns;
}

void
sim_invariants_renew(SimInvariants *self, uint32_t node, OrrTime lease_end_ns)
{
    self->nodes[node].lease_end_ns = lease_end_ns;
}

static void
check_winner(SimInvariants *self, OrrTime now, uint32_t node, const OrrTrace *trace)
{
    uint32_t cluster = self->nodes[node].cluster;
    uint32_t first;

    if (now - self->nodes[node].ordered_ns <= ORDER_NS) {
        return; /* an operator's word, not an election: no majority was asked */
    }
    first = first_noted(self->winners, cluster, trace->epoch, node);
    if (first != node) {
        violate(self, now, SIM_CHECK_ONE_WINNER_PER_EPOCH,
                "%s and %s both won epoch %" G_GUINT64_FORMAT, node_name(self, first),
                node_name(self, node), trace->epoch);
    }
}

/* Commands by which an operator makes an epoch without asking anyone. */
static bool
gives_epoch(const char *text)
{
    g_autofree char *lower = g_ascii_strdown(text, -1);

    return strstr(lower, "takeover") != NULL || strstr(lower, "bumpepoch") != NULL;
}

static void
check_vote(SimInvariants *self, OrrTime now, uint32_t node, const OrrTrace *trace)
{
    uint32_t candidate = sim_roster_index(self->names, SIM_ROSTER_NODE, &trace->other);

    if (candidate == SIM_ROSTER_NONE) {
        return;
    }
    uint32_t first = first_noted(self->votes, node, trace->epoch, candidate);

    if (first != candidate) {
        violate(self, now, SIM_CHECK_ONE_VOTE_PER_EPOCH,
                "%s voted for %s and for %s in epoch %" G_GUINT64_FORMAT, node_name(self, node),
                node_name(self, first), node_name(self, candidate), trace->epoch);
    }
}

void
sim_invariants_trace(SimInvariants *self, OrrTime now, uint32_t node, const OrrTrace *trace)
{
    if (trace->kind == ORR_TRACE_PROMOTED) {
        check_winner(self, now, node, trace);
    } else if (trace->kind == ORR_TRACE_VOTED) {
        check_vote(self, now, node, trace);
    } else if (trace->kind == ORR_TRACE_ADMIN && gives_epoch(trace->text)) {
        self->nodes[node].ordered_ns = now;
    }
}

void
sim_invariants_gone(SimInvariants *self, OrrTime now, uint32_t node)
{
    close_episode(self, &self->nodes[node], MIN(now, self->nodes[node].lease_end_ns));
    self->nodes[node].lease_end_ns = 0;
}

void
sim_invariants_wiped(SimInvariants *self, uint32_t node)
{
    self->nodes[node].known = false;
}

void
sim_invariants_finish(SimInvariants *self, OrrTime now)
{
    for (uint32_t i = 0; i < self->node_count; i++) {
        Witness *witness = &self->nodes[i];

        close_episode(self, witness, MIN(now, witness->lease_end_ns));
    }
}

size_t
sim_invariants_episode_count(const SimInvariants *self)
{
    return self->episodes->len;
}

const SimEpisode *
sim_invariants_episode(const SimInvariants *self, size_t index)
{
    g_assert(index < self->episodes->len);
    return &g_array_index(self->episodes, SimEpisode, index);
}

static bool
serves_now(const SimInvariants *self, OrrTime now, uint32_t node, uint32_t shard)
{
    const Witness *witness = &self->nodes[node];

    return witness->episode != NO_EPISODE && witness->lease_end_ns > now &&
           witness->shard == shard;
}

uint32_t
sim_invariants_server(const SimInvariants *self, OrrTime now, uint32_t shard)
{
    uint32_t last = self->shard_server[shard];

    if (last == SIM_ROSTER_NONE || serves_now(self, now, last, shard)) {
        return last;
    }
    for (uint32_t node = 0; node < self->node_count; node++) {
        if (serves_now(self, now, node, shard)) {
            return node;
        }
    }
    return SIM_ROSTER_NONE;
}

uint64_t
sim_invariants_violations(const SimInvariants *self, SimSentenceKind check)
{
    return GPOINTER_TO_UINT(
        g_hash_table_lookup(self->violations, GUINT_TO_POINTER((guint)check)));
}
