#include "routing/router_state.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#define TABLE_FIRST 16u

/* --- nodes by address
 * -------------------------------------------------------------------------
 */

/* Clients know no bus port, and nodes tell none. */
static bool
same_place(const OrrAddress *a, const OrrAddress *b)
{
    return a->port == b->port && memcmp(a->ip, b->ip, sizeof a->ip) == 0;
}

/* Where the address is in the table, or the empty place where it would be. */
static uint32_t
table_place(const OrrRouter *self, const OrrAddress *address)
{
    uint32_t mask = self->node_table_size - 1;
    uint32_t at = (uint32_t)XXH64(address->ip, sizeof address->ip, address->port) & mask;

    while (self->node_table[at] != NO_NODE &&
           !same_place(&node_at(self, self->node_table[at])->address, address)) {
        at = (at + 1) & mask;
    }
    return at;
}

static void
rebuild_table(OrrRouter *self)
{
    uint32_t size = MAX(TABLE_FIRST, self->node_table_size);

    while (size < self->nodes->len * 2) {
        size *= 2;
    }
    if (size != self->node_table_size) {
        self->node_table = g_renew(uint16_t, self->node_table, size);
        self->node_table_size = size;
    }
    memset(self->node_table, 0xff, size * sizeof *self->node_table);
    for (guint i = 0; i < self->nodes->len; i++) {
        self->node_table[table_place(self, &node_at(self, i)->address)] = (uint16_t)i;
    }
}

Node *
orr_router_node_find(OrrRouter *self, const OrrAddress *address)
{
    return self->node_table_size > 0
               ? node_at(self, self->node_table[table_place(self, address)])
               : NULL;
}

static bool
is_spare(const OrrRouter *self, const Node *node)
{
    return node->link == LINK_IDLE && !node->primary && !node->seed && node->held == 0 &&
           node->outside.length == 0 && node->queue.length == 0 && !node->topology_wanted &&
           node != self->refresh_node && node != self->refresh_hint;
}

/* Nodes come and go over a long life: the number of one that nobody needs is used again. */
static Node *
recycle(OrrRouter *self)
{
    for (guint i = 0; i < self->nodes->len; i++) {
        Node *node = node_at(self, i);
        bool wanted = false;

        if (!is_spare(self, node)) {
            continue;
        }
        for (guint j = 0; j < self->groups->len; j++) {
            const Group *group = g_ptr_array_index(self->groups, j);

            wanted |=
                group->state != GROUP_FREE && (group->target == node || group->node == node);
        }
        for (guint j = 0; j < self->requests->len; j++) {
            const Request *request = g_ptr_array_index(self->requests, j);

            wanted |= request->state != REQUEST_FREE &&
                      (request->node == node || request->answered_by == node);
        }
        for (uint32_t slot = 0; slot < ORR_SLOT_COUNT && !wanted; slot++) {
            wanted = self->owner[slot] == node->index;
        }
        if (!wanted) {
            return node;
        }
    }
    return NULL;
}

static Node *
new_node(OrrRouter *self)
{
    if (self->nodes->len >= ORR_ROUTER_NODES_MAX) {
        return recycle(self);
    }
    Node *node = g_new0(Node, 1);

    node->index = (uint16_t)self->nodes->len;
    node->by_connect.data = node;
    node->in_dirty.data = node;
    g_ptr_array_add(self->nodes, node);
    return node;
}

/* The node at this address, made if it is new; NULL if there are too many. */
Node *
orr_router_node_get(OrrRouter *self, const OrrAddress *address)
{
    Node *node = orr_router_node_find(self, address);

    if (node != NULL) {
        return node;
    }
    guint count = self->nodes->len;

    node = new_node(self);
    if (node == NULL) {
        return NULL;
    }
    node->address = *address;
    node->retry_ns = 0;
    if (self->nodes->len == count || self->nodes->len * 2 > self->node_table_size) {
        rebuild_table(self);
    } else {
        self->node_table[table_place(self, address)] = node->index;
    }
    return node;
}

/* --- the map
 * ----------------------------------------------------------------------------------
 */

static void
add_primary(OrrRouter *self, Node *node)
{
    if (!node->primary) {
        node->primary = true;
        g_array_append_val(self->primaries, node->index);
    }
}

/* A MOVED says so. It counts as knowledge of the cluster, though not as a map that was read. */
void
orr_router_learn(OrrRouter *self, uint16_t slot, Node *node)
{
    self->owner[slot] = node->index;
    add_primary(self, node);
}

/* Who is to be asked about the slot: its owner, or anybody who knows better. */
Node *
orr_router_node_for(OrrRouter *self, uint16_t slot)
{
    if (slot != NO_SLOT && self->owner[slot] != NO_NODE) {
        return node_at(self, self->owner[slot]);
    }
    if (self->primaries->len == 0) {
        return NULL;
    }
    uint64_t drawn = orr_rng_below(&self->rng, self->primaries->len);

    return node_at(self, g_array_index(self->primaries, uint16_t, drawn));
}

/* --- reading it
 * -------------------------------------------------------------------------------
 */

/* The map is in doubt. `hint` has told something new, so it is the one to ask. */
void
orr_router_want_refresh(OrrRouter *self, Node *hint)
{
    OrrTime earliest = after(self->refreshed_ns, self->config.refresh_min_ns);

    self->refresh_ns = MIN(self->refresh_ns, MAX(self->now_ns, earliest));
    if (hint != NULL) {
        self->refresh_hint = hint;
    }
}

static bool
is_cooling(const OrrRouter *self, const Node *node)
{
    return node->link == LINK_IDLE && self->now_ns < node->retry_ns;
}

/* Nodes that may be asked: primaries of the map and seeds, those not just lost first, and of
 * these the ones with a connection. */
static uint32_t
rank_of(const OrrRouter *self, const Node *node)
{
    if (!node->primary && !node->seed) {
        return 0;
    }
    if (is_cooling(self, node)) {
        return 1;
    }
    return node->link == LINK_UP && node->flight.length == 0 ? 3 : 2;
}

/* One of the best, by lot. Of those with a connection, only ones that owe no answer rank first:
 * a node that keeps others waiting would keep this waiting, too. */
static Node *
draw_node(OrrRouter *self)
{
    uint32_t best = 1;
    uint32_t count = 0;

    for (guint i = 0; i < self->nodes->len; i++) {
        uint32_t rank = rank_of(self, node_at(self, i));

        count = rank == best ? count + 1 : rank > best ? 1 : count;
        best = MAX(best, rank);
    }
    uint64_t drawn = orr_rng_below(&self->rng, MAX(count, 1));

    for (guint i = 0; i < self->nodes->len; i++) {
        if (rank_of(self, node_at(self, i)) == best && drawn-- == 0) {
            return node_at(self, i);
        }
    }
    return NULL;
}

/* Begins to read the map, if it is time and nobody was asked already. */
void
orr_router_refresh(OrrRouter *self)
{
    Node *hint = self->refresh_hint;

    if (self->refresh_node != NULL || self->now_ns < self->refresh_ns) {
        return;
    }
    self->refresh_hint = NULL;
    self->refresh_ns = ORR_NEVER;
    self->refreshed_ns = self->now_ns;
    Node *node = hint != NULL && !is_cooling(self, hint) ? hint : draw_node(self);

    if (node == NULL || is_cooling(self, node)) {
        orr_router_refresh_failed(self);
        return;
    }
    self->refresh_node = node;
    node->topology_wanted = true;
    orr_router_mark(self, node);
}

void
orr_router_refresh_failed(OrrRouter *self)
{
    OrrTime pause = MAX(self->config.refresh_min_ns, self->config.backoff_first_ns);

    self->refresh_node = NULL;
    self->refresh_ns =
        after(self->now_ns, orr_rng_between(&self->rng, pause, after(pause, pause / 2)));
}

/* A node of CLUSTER SLOTS: [host, port, id, ...]. False if it is not of this shape; *known is
 * false if its host is unknown or a name. */
static bool
read_place(const Node *from, OrrBytes *rest, OrrAddress *address, bool *known)
{
    OrrItem array;
    OrrItem host;
    OrrItem port;

    if (orr_item_read(rest, &array) != ORR_OK || array.type != ORR_ITEM_ARRAY ||
        array.count < 2 || orr_item_read(rest, &host) != ORR_OK ||
        orr_item_read(rest, &port) != ORR_OK || port.type != ORR_ITEM_INTEGER) {
        return false;
    }
    *known = orr_router_address_parse(host.text, port.integer, &from->address, address);
    for (uint64_t left = array.count - 2; left > 0; left--) {
        OrrItem item;

        if (orr_item_read(rest, &item) != ORR_OK) {
            return false;
        }
        left += item.count;
    }
    return true;
}

/* A range: [first, last, primary, replica, ...]. */
static bool
read_range(OrrRouter *self, const Node *from, OrrBytes *rest, uint16_t *fresh)
{
    OrrItem array;
    OrrItem first;
    OrrItem last;
    OrrAddress primary;
    OrrAddress replica;
    bool known = false;
    bool ignored = false;

    if (orr_item_read(rest, &array) != ORR_OK || array.type != ORR_ITEM_ARRAY ||
        array.count < 3 || orr_item_read(rest, &first) != ORR_OK ||
        orr_item_read(rest, &last) != ORR_OK || first.type != ORR_ITEM_INTEGER ||
        last.type != ORR_ITEM_INTEGER || first.integer < 0 || last.integer < first.integer ||
        last.integer >= (int64_t)ORR_SLOT_COUNT || !read_place(from, rest, &primary, &known)) {
        return false;
    }
    for (size_t left = array.count - 3; left > 0; left--) {
        if (!read_place(from, rest, &replica, &ignored)) {
            return false;
        }
    }
    Node *node = known ? orr_router_node_get(self, &primary) : NULL;

    for (int64_t slot = first.integer; node != NULL && slot <= last.integer; slot++) {
        fresh[slot] = node->index;
    }
    return true;
}

/* Reads a whole answer into `fresh`; false if it is none, or nobody owns anything. */
static bool
read_map(OrrRouter *self, const Node *from, OrrBytes reply, uint16_t *fresh)
{
    OrrItem array;
    bool any = false;

    memset(fresh, 0xff, ORR_SLOT_COUNT * sizeof *fresh);
    if (orr_item_read(&reply, &array) != ORR_OK || array.type != ORR_ITEM_ARRAY) {
        return false;
    }
    for (size_t i = 0; i < array.count; i++) {
        if (!read_range(self, from, &reply, fresh)) {
            return false;
        }
    }
    for (size_t slot = 0; slot < ORR_SLOT_COUNT; slot++) {
        any |= fresh[slot] != NO_NODE;
    }
    return any;
}

static void
take_map(OrrRouter *self, const uint16_t *fresh)
{
    for (guint i = 0; i < self->primaries->len; i++) {
        node_at(self, g_array_index(self->primaries, uint16_t, i))->primary = false;
    }
    g_array_set_size(self->primaries, 0);
    memcpy(self->owner, fresh, sizeof self->owner);
    for (size_t slot = 0; slot < ORR_SLOT_COUNT; slot++) {
        if (fresh[slot] != NO_NODE) {
            add_primary(self, node_at(self, fresh[slot]));
        }
    }
}

/* The next reading when nothing is in doubt; not all clients of a fleet at once. */
static void
plan_reading(OrrRouter *self)
{
    OrrTime wait = self->config.refresh_ns;

    if (wait > 0) {
        OrrTime drawn = orr_rng_between(&self->rng, wait - wait / 2, wait);

        self->refresh_ns = MIN(self->refresh_ns, after(self->now_ns, drawn));
    }
}

void
orr_router_topology_answered(OrrRouter *self, Node *node, OrrBytes reply)
{
    uint16_t fresh[ORR_SLOT_COUNT];

    if (self->refresh_node != node) {
        return;
    }
    if (!read_map(self, node, reply, fresh)) {
        orr_router_refresh_failed(self);
        return;
    }
    bool differs = memcmp(fresh, self->owner, sizeof fresh) != 0;

    self->refresh_node = NULL;
    self->counters.topology_reads++;
    self->counters.topology_updates += differs ? 1 : 0;
    plan_reading(self);
    if (differs || !self->mapped) {
        self->mapped = true;
        take_map(self, fresh);
        orr_router_reroute(self);
    }
}
