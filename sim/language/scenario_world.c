/* The sections that describe the world around nodes: network, clocks, disks, backing stores. */
#include <string.h>

#include "grammar_clauses.h"
#include "scenario_read.h"

bool
sim_read_key_target(SimReader *self, const ConfigNode *node, const SimTarget **who)
{
    SimWords words = sim_words_of_key(self->arena, node);
    SimValue value = {0};
    size_t at = 0;

    *who = NULL;
    if (strcmp(node->key, "default") == 0) {
        return true;
    }
    if (!sim_parse_value(self->arena, self->names, &words, &at, "target", &value,
                         self->problems)) {
        return false;
    }
    if (at < words.count) {
        sim_read_problem(self, sim_words_place(&words, at), "`%s` is not known here",
                         words.tokens[at].text);
        return false;
    }
    *who = value.target;
    return true;
}

unsigned
sim_target_rank(const SimTarget *target)
{
    unsigned rank = 4;

    if (target == NULL || target->kind == SIM_TARGET_ALL) {
        return 0;
    }
    if (target->kind == SIM_TARGET_UNION || target->kind == SIM_TARGET_EXCEPT) {
        for (unsigned i = 0; i < target->item_count; i++) {
            rank = MIN(rank, sim_target_rank(target->items[i]));
        }
        return rank;
    }
    if (target->kind == SIM_TARGET_NODE) {
        return 4;
    }
    if (target->kind == SIM_TARGET_CLIENTS || target->kind == SIM_TARGET_FLEET) {
        return target->kind == SIM_TARGET_FLEET ? 3 : sim_target_rank(target->of);
    }
    return target->kind == SIM_TARGET_CLUSTER ? 1 : 2;
}

bool
sim_target_fixed(const SimScenario *scenario, const SimTarget *target, bool *member)
{
    for (unsigned i = 0; i < scenario->node_count; i++) {
        const SimNodeSpec *node = &scenario->nodes[i];

        member[i] = member[i] || target->kind == SIM_TARGET_ALL ||
                    (target->kind == SIM_TARGET_NODE && target->index == i) ||
                    (target->kind == SIM_TARGET_SITE && target->index == node->site) ||
                    (target->kind == SIM_TARGET_SHARD && target->index == node->shard) ||
                    (target->kind == SIM_TARGET_CLUSTER && target->index == node->cluster) ||
                    (target->kind == SIM_TARGET_SPARES && node->spare) ||
                    (target->kind == SIM_TARGET_WITNESSES && node->role == ORR_ROLE_WITNESS);
    }
    if (target->kind == SIM_TARGET_UNION) {
        bool fixed = true;
        for (unsigned i = 0; i < target->item_count; i++) {
            fixed = sim_target_fixed(scenario, target->items[i], member) && fixed;
        }
        return fixed;
    }
    return target->kind == SIM_TARGET_ALL || target->kind == SIM_TARGET_NODE ||
           target->kind == SIM_TARGET_SITE || target->kind == SIM_TARGET_SHARD ||
           target->kind == SIM_TARGET_CLUSTER || target->kind == SIM_TARGET_SPARES ||
           target->kind == SIM_TARGET_WITNESSES;
}

/* Calls `take` for every clause of a line; a clause said twice is a problem. */
static void
read_clauses(SimReader *self, const ConfigNode *node, SimContext context,
             void (*take)(const SimSentence *, void *), void *into)
{
    SimWords words = {0};
    uint64_t seen[4] = {0};
    size_t at = 0;

    if (!sim_read_is(self, node, CONFIG_NODE_TEXT)) {
        return;
    }
    words = sim_words_of_node(self->arena, node);
    while (at < words.count) {
        SimSentence out = {0};
        size_t first = at;
        unsigned bit = 0;
        const SimRow *row = sim_parse_clause(self->arena, self->names, &words, &at, context,
                                             &out, self->problems);

        if (row == NULL) {
            return;
        }
        bit = (unsigned)(out.kind - SIM_CLAUSE_FIRST);
        if ((seen[bit / 64] >> bit % 64 & 1) != 0) {
            sim_read_problem(self, sim_words_place(&words, first), "`%s` is said twice",
                             words.tokens[first].text);
            return;
        }
        seen[bit / 64] |= UINT64_C(1) << bit % 64;
        take(&out, into);
    }
}

static void
take_link(const SimSentence *out, void *into)
{
    SimLinkSpec *link = into;
    int64_t amount = out->part[SIM_PART_AMOUNT].number;

    switch ((int)out->kind) {
    case SIM_CLAUSE_LATENCY:
        link->given |= SIM_LINK_LATENCY;
        link->latency = out->part[SIM_PART_DIST].dist;
        break;
    case SIM_CLAUSE_LOSS:
        link->given |= SIM_LINK_LOSS;
        link->loss_ppm = (uint32_t)amount;
        break;
    case SIM_CLAUSE_DUPLICATE:
        link->given |= SIM_LINK_DUPLICATE;
        link->duplicate_ppm = (uint32_t)amount;
        break;
    case SIM_CLAUSE_REORDER:
        link->given |= SIM_LINK_REORDER;
        link->reorder_ppm = (uint32_t)amount;
        break;
    case SIM_CLAUSE_CORRUPT:
        link->given |= SIM_LINK_CORRUPT;
        link->corrupt_ppm = (uint32_t)amount;
        break;
    case SIM_CLAUSE_BANDWIDTH:
        link->given |= SIM_LINK_BANDWIDTH;
        link->bandwidth = amount;
        break;
    case SIM_CLAUSE_QUEUE:
        link->given |= SIM_LINK_QUEUE;
        link->queue = amount;
        break;
    default:
        g_assert_not_reached();
    }
}

static bool
about_clients(const SimTarget *target)
{
    return target != NULL &&
           (target->kind == SIM_TARGET_CLIENTS || target->kind == SIM_TARGET_FLEET);
}

/* `default`, `clients`, `A -> B`, `A <-> B` */
static bool
read_link_key(SimReader *self, const ConfigNode *node, SimLinkRule *rule)
{
    SimWords words = sim_words_of_key(self->arena, node);
    SimValue from = {0};
    SimValue arrow = {0};
    SimValue to = {0};
    size_t at = 0;

    if (strcmp(node->key, "default") == 0) {
        return true;
    }
    if (strcmp(node->key, "clients") == 0) {
        rule->clients = true;
        return true;
    }
    if (!sim_parse_value(self->arena, self->names, &words, &at, "target", &from,
                         self->problems) ||
        !sim_parse_value(self->arena, self->names, &words, &at, "arrow", &arrow,
                         self->problems) ||
        !sim_parse_value(self->arena, self->names, &words, &at, "target", &to,
                         self->problems)) {
        return false;
    }
    if (at < words.count) {
        sim_read_problem(self, sim_words_place(&words, at), "`%s` is not known here",
                         words.tokens[at].text);
        return false;
    }
    rule->from = from.target;
    rule->to = to.target;
    rule->direction = (SimDirection)arrow.choice;
    rule->clients = about_clients(rule->from) || about_clients(rule->to);
    rule->rank = 1 + sim_target_rank(rule->from) + sim_target_rank(rule->to);
    return true;
}

void
sim_read_network(SimReader *self)
{
    ConfigNode *map = sim_read_child(config_tree_root(self->tree), "network");
    GArray *links = g_array_new(FALSE, TRUE, sizeof(SimLinkRule));

    for (size_t i = 0;
         map != NULL && sim_read_is(self, map, CONFIG_NODE_MAP) && i < map->child_count; i++) {
        const ConfigNode *node = map->children[i];
        SimLinkRule rule = {.direction = SIM_DIRECTION_BOTH,
                            .where = sim_where(node->key_place)};

        if (read_link_key(self, node, &rule)) {
            read_clauses(self, node, SIM_CONTEXT_LINK, take_link, &rule.link);
            g_array_append_val(links, rule);
        }
    }
    self->scenario->links = sim_read_keep(self, links, &self->scenario->link_count);
}

static void
take_clock(const SimSentence *out, void *into)
{
    SimClockRule *rule = into;

    if ((int)out->kind == SIM_CLAUSE_SKEW) {
        rule->has_skew = true;
        rule->skew = out->part[SIM_PART_DIST].dist;
    } else {
        rule->has_drift = true;
        rule->drift = out->part[SIM_PART_DIST].dist;
    }
}

void
sim_read_clocks(SimReader *self)
{
    ConfigNode *map = sim_read_child(config_tree_root(self->tree), "clocks");
    GArray *clocks = g_array_new(FALSE, TRUE, sizeof(SimClockRule));

    for (size_t i = 0;
         map != NULL && sim_read_is(self, map, CONFIG_NODE_MAP) && i < map->child_count; i++) {
        const ConfigNode *node = map->children[i];
        SimClockRule rule = {.where = sim_where(node->key_place)};

        if (sim_read_key_target(self, node, &rule.who)) {
            rule.rank = sim_target_rank(rule.who);
            read_clauses(self, node, SIM_CONTEXT_CLOCK, take_clock, &rule);
            g_array_append_val(clocks, rule);
        }
    }
    self->scenario->clocks = sim_read_keep(self, clocks, &self->scenario->clock_count);
}

static void
take_disk(const SimSentence *out, void *into)
{
    SimDiskSpec *rule = into;
    int64_t amount = out->part[SIM_PART_AMOUNT].number;

    switch ((int)out->kind) {
    case SIM_CLAUSE_SYNC:
        rule->given |= SIM_DISKRULE_SYNC;
        rule->sync = out->part[SIM_PART_DIST].dist;
        break;
    case SIM_CLAUSE_TORN:
        rule->given |= SIM_DISKRULE_TORN;
        rule->torn_ppm = (uint32_t)amount;
        break;
    case SIM_CLAUSE_BITROT:
        rule->given |= SIM_DISKRULE_BITROT;
        rule->bitrot_ppm = (uint32_t)amount;
        break;
    case SIM_CLAUSE_SIZE:
        rule->given |= SIM_DISKRULE_SIZE;
        rule->size = amount;
        break;
    case SIM_CLAUSE_BANDWIDTH:
        rule->given |= SIM_DISKRULE_BANDWIDTH;
        rule->bandwidth = amount;
        break;
    default:
        g_assert_not_reached();
    }
}

void
sim_read_disks(SimReader *self)
{
    ConfigNode *disk = sim_read_child(config_tree_root(self->tree), "disk");
    GArray *disks = g_array_new(FALSE, TRUE, sizeof(SimDiskSpec));

    if (disk != NULL && disk->kind == CONFIG_NODE_TEXT) {
        SimDiskSpec rule = {.where = sim_where(disk->key_place)};
        read_clauses(self, disk, SIM_CONTEXT_DISK, take_disk, &rule);
        g_array_append_val(disks, rule);
    }
    for (size_t i = 0; disk != NULL && disk->kind == CONFIG_NODE_MAP && i < disk->child_count;
         i++) {
        const ConfigNode *node = disk->children[i];
        SimDiskSpec rule = {.where = sim_where(node->key_place)};

        if (sim_read_key_target(self, node, &rule.who)) {
            rule.rank = sim_target_rank(rule.who);
            read_clauses(self, node, SIM_CONTEXT_DISK, take_disk, &rule);
            g_array_append_val(disks, rule);
        }
    }
    if (disk != NULL && disk->kind == CONFIG_NODE_LIST) {
        sim_read_is(self, disk, CONFIG_NODE_MAP);
    }
    self->scenario->disks = sim_read_keep(self, disks, &self->scenario->disk_count);
}

static void
take_store(const SimSentence *out, void *into)
{
    SimStoreSpec *store = into;

    if ((int)out->kind == SIM_CLAUSE_CAPACITY) {
        store->capacity = out->part[SIM_PART_AMOUNT].number;
    } else if ((int)out->kind == SIM_CLAUSE_STORE_LATENCY) {
        store->latency = out->part[SIM_PART_DIST].dist;
    } else {
        store->queue = (uint32_t)MIN(out->part[SIM_PART_COUNT].number, UINT32_MAX);
    }
}

void
sim_read_stores(SimReader *self)
{
    ConfigNode *map = sim_read_child(config_tree_root(self->tree), "store");
    GArray *stores = g_array_new(FALSE, TRUE, sizeof(SimStoreSpec));

    for (size_t i = 0;
         map != NULL && sim_read_is(self, map, CONFIG_NODE_MAP) && i < map->child_count; i++) {
        const ConfigNode *node = map->children[i];
        SimStoreSpec store = {.name = sim_arena_text(self->arena, node->key),
                              .queue = 10000,
                              .where = sim_where(node->key_place)};

        read_clauses(self, node, SIM_CONTEXT_STORE, take_store, &store);
        sim_names_add(self->names, SIM_NAME_STORE, node->key, stores->len);
        g_array_append_val(stores, store);
    }
    self->scenario->stores = sim_read_keep(self, stores, &self->scenario->store_count);
}
