/* The section `workload`: fleets of clients, one a line. */
#include <string.h>

#include "grammar_clauses.h"
#include "scenario_read.h"

void
sim_read_fleet_names(SimReader *self)
{
    ConfigNode *work = sim_read_child(config_tree_root(self->tree), "workload");
    unsigned count = 0;

    for (size_t i = 0; work != NULL && i < work->child_count; i++) {
        const ConfigNode *entry = work->children[i];

        if (work->kind == CONFIG_NODE_MAP) {
            sim_names_add(self->names, SIM_NAME_FLEET, entry->key, count++);
        }
        for (size_t j = 0; work->kind == CONFIG_NODE_LIST && entry->kind == CONFIG_NODE_MAP &&
                           j < entry->child_count;
             j++) {
            if (!sim_names_add(self->names, SIM_NAME_FLEET, entry->children[j]->key, count++)) {
                sim_read_problem(self, entry->children[j]->key_place,
                                 "a fleet called `%s` is there already",
                                 entry->children[j]->key);
            }
        }
    }
}

static uint32_t
small(const SimSentence *out)
{
    return (uint32_t)MIN(out->part[SIM_PART_COUNT].number, UINT32_MAX);
}

static void
take_keys(const SimSentence *out, SimFleet *fleet)
{
    switch ((int)out->kind) {
    case SIM_CLAUSE_KEYS_ZIPF:
        fleet->keys = SIM_KEYS_ZIPF;
        fleet->zipf_ppm = (uint32_t)MIN(out->part[SIM_PART_AMOUNT].number, UINT32_MAX);
        fleet->key_count = small(out);
        break;
    case SIM_CLAUSE_KEYS_UNIFORM:
        fleet->keys = SIM_KEYS_UNIFORM;
        fleet->key_count = small(out);
        break;
    case SIM_CLAUSE_KEYS_UNIQUE:
        fleet->keys = SIM_KEYS_UNIQUE;
        break;
    case SIM_CLAUSE_KEYS_ONE:
        fleet->keys = SIM_KEYS_ONE;
        fleet->key_count = 1;
        break;
    case SIM_CLAUSE_KEYS_OF:
        fleet->keys_of = out->part[SIM_PART_OF].target;
        break;
    case SIM_CLAUSE_HOT:
        fleet->hot_ppm = (uint32_t)out->part[SIM_PART_AMOUNT].number;
        fleet->hot_on = sim_sentence_target(out, SIM_PART_OF);
        break;
    default:
        g_assert_not_reached();
    }
}

static void
take_mix(SimReader *self, const SimSentence *out, SimFleet *fleet, ConfigPlace place)
{
    const SimValue *mix = &out->part[SIM_PART_CHOICE];
    int64_t total = 0;

    for (unsigned i = 0; i < mix->word_count; i++) {
        unsigned operation = mix->words[i].choice;

        if (operation == SIM_DO_CAS) {
            sim_read_problem(self, place, "not in this version: compare and set");
        } else if (operation == SIM_DO_ANY) {
            sim_read_problem(self, place, "`any` is no operation that a client can do");
        }
        fleet->mix[operation] = (uint32_t)MIN(mix->words[i].number, 1000000);
        total += fleet->mix[operation];
    }
    if (total == 0) {
        sim_read_problem(self, place, "a mix of nothing");
    }
}

static void
take_pace(const SimSentence *out, SimFleet *fleet)
{
    switch ((int)out->kind) {
    case SIM_CLAUSE_RATE:
        fleet->rate = out->part[SIM_PART_AMOUNT].number;
        fleet->per_shard = sim_sentence_has(out, SIM_PART_CHOICE);
        break;
    case SIM_CLAUSE_THINK:
        fleet->think = out->part[SIM_PART_DIST].dist;
        break;
    case SIM_CLAUSE_WORKERS:
        fleet->workers = small(out);
        break;
    case SIM_CLAUSE_TIMEOUT:
        fleet->timeout_ns = out->part[SIM_PART_WITHIN].number;
        break;
    case SIM_CLAUSE_RETRIES:
        fleet->retries = small(out);
        break;
    case SIM_CLAUSE_LIMIT:
        fleet->limit = (uint64_t)out->part[SIM_PART_COUNT].number;
        break;
    case SIM_CLAUSE_PIPELINE:
        fleet->pipeline = small(out);
        break;
    case SIM_CLAUSE_WAIT:
        fleet->wait_replicas = small(out);
        fleet->wait_ns = sim_sentence_has(out, SIM_PART_WITHIN)
                             ? out->part[SIM_PART_WITHIN].number
                             : fleet->wait_ns;
        break;
    case SIM_CLAUSE_ACTIVE_FROM:
        fleet->from_ns = out->part[SIM_PART_WITHIN].number;
        break;
    case SIM_CLAUSE_ACTIVE_UNTIL:
        fleet->to_ns = out->part[SIM_PART_WITHIN].number;
        break;
    default:
        g_assert_not_reached();
    }
}

static void
take_store_name(SimReader *self, const SimSentence *out, SimFleet *fleet, ConfigPlace place)
{
    const char *name = out->part[SIM_PART_TEXT].text;

    fleet->store = sim_names_find(self->names, SIM_NAME_STORE, name);
    if (fleet->store == SIM_NAMES_NONE) {
        sim_read_problem(self, place, "there is no store `%s` under `store:`", name);
    }
}

static void
take_fleet(SimReader *self, const SimSentence *out, SimFleet *fleet, ConfigPlace place)
{
    switch ((int)out->kind) {
    case SIM_CLAUSE_CLIENTS:
        fleet->clients = small(out);
        break;
    case SIM_CLAUSE_AT:
    case SIM_CLAUSE_ATTACHED:
    case SIM_CLAUSE_PINNED:
        fleet->at = out->part[SIM_PART_OF].target;
        fleet->attached = (int)out->kind != SIM_CLAUSE_AT;
        fleet->pinned = (int)out->kind == SIM_CLAUSE_PINNED;
        if (!fleet->attached && fleet->at->kind != SIM_TARGET_SITE) {
            sim_read_problem(self, place,
                             "a fleet sits `at` a site; to nodes it is `attached to`");
        }
        break;
    case SIM_CLAUSE_KEYS_ZIPF:
    case SIM_CLAUSE_KEYS_UNIFORM:
    case SIM_CLAUSE_KEYS_UNIQUE:
    case SIM_CLAUSE_KEYS_ONE:
    case SIM_CLAUSE_KEYS_OF:
    case SIM_CLAUSE_HOT:
        take_keys(out, fleet);
        break;
    case SIM_CLAUSE_MIX:
        take_mix(self, out, fleet, place);
        break;
    case SIM_CLAUSE_VALUE:
        fleet->value_size = out->part[SIM_PART_AMOUNT].number;
        break;
    case SIM_CLAUSE_FIELDS:
        fleet->fields = small(out);
        break;
    case SIM_CLAUSE_PRELOAD:
        fleet->preload = (uint64_t)out->part[SIM_PART_COUNT].number;
        break;
    case SIM_CLAUSE_TTL:
        fleet->ttl = out->part[SIM_PART_DIST].dist;
        break;
    case SIM_CLAUSE_READ_REPLICAS:
        fleet->read_replicas = true;
        break;
    case SIM_CLAUSE_STALE_MAP:
        fleet->stale_map = true;
        break;
    case SIM_CLAUSE_STORE:
        take_store_name(self, out, fleet, place);
        break;
    default:
        take_pace(out, fleet);
        break;
    }
}

static void
check_fleet(SimReader *self, const SimFleet *fleet, ConfigPlace place)
{
    bool closed = fleet->think.a > 0 || fleet->think.b > 0 || fleet->workers > 0;

    if (fleet->clients == 0 || fleet->clients > SIM_CLIENTS_MAX) {
        sim_read_problem(self, place, "a fleet has 1 to %u clients: `clients 20`",
                         SIM_CLIENTS_MAX);
    } else if (fleet->rate > 0 && closed) {
        sim_read_problem(
            self, place,
            "a fleet is an open loop with a `rate`, or a closed one with `workers` "
            "and `think`, not both");
    } else if (fleet->rate == 0 && !closed) {
        sim_read_problem(self, place,
                         "say how often they ask: `rate 100/s`, or `workers 1 think 10ms`");
    } else if (fleet->keys != SIM_KEYS_UNIQUE && fleet->key_count == 0) {
        sim_read_problem(self, place,
                         "say which keys: `keys unique`, `keys uniform 10000`, ...");
    } else if (fleet->timeout_ns == 0) {
        sim_read_problem(self, place, "a timeout of 0 lets nothing succeed");
    } else if (fleet->value_size > (3 << 20)) {
        sim_read_problem(self, place, "a value is 3 MiB at most");
    } else if (fleet->from_ns >= fleet->to_ns || fleet->from_ns > self->scenario->run_ns) {
        sim_read_problem(self, place, "a fleet that never is active");
    }
}

static void
read_fleet(SimReader *self, const ConfigNode *node, GArray *fleets)
{
    SimFleet fleet = {.name = sim_arena_text(self->arena, node->key),
                      .timeout_ns = ORR_NS_PER_S,
                      .retries = 16,
                      .value_size = 16,
                      .fields = 10,
                      .pipeline = 1,
                      .wait_ns = ORR_NS_PER_S,
                      .store = SIM_NONE,
                      .to_ns = ORR_NEVER,
                      .where = sim_where(node->key_place)};
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
        const SimRow *row = sim_parse_clause(self->arena, self->names, &words, &at,
                                             SIM_CONTEXT_FLEET, &out, self->problems);

        if (row == NULL || !sim_read_row_is_here(self, row, sim_words_place(&words, first))) {
            return;
        }
        bit = (unsigned)(out.kind - SIM_CLAUSE_FIRST);
        if ((seen[bit / 64] >> bit % 64 & 1) != 0) {
            sim_read_problem(self, sim_words_place(&words, first), "`%s` is said twice",
                             words.tokens[first].text);
        }
        seen[bit / 64] |= UINT64_C(1) << bit % 64;
        take_fleet(self, &out, &fleet, sim_words_place(&words, first));
    }
    if ((seen[0] | seen[1] | seen[2] | seen[3]) != 0 &&
        memcmp(fleet.mix, (uint32_t[SIM_OPERATIONS]){0}, sizeof fleet.mix) == 0) {
        fleet.mix[SIM_DO_SET] = 1;
    }
    fleet.workers =
        fleet.rate == 0 && fleet.workers == 0 && fleet.think.a > 0 ? 1 : fleet.workers;
    check_fleet(self, &fleet, node->key_place);
    g_array_append_val(fleets, fleet);
}

void
sim_read_workload(SimReader *self)
{
    const ConfigNode *work = sim_read_child(config_tree_root(self->tree), "workload");
    GArray *fleets = g_array_new(FALSE, TRUE, sizeof(SimFleet));

    for (size_t i = 0; work != NULL && i < work->child_count; i++) {
        const ConfigNode *entry = work->children[i];

        if (work->kind == CONFIG_NODE_MAP) {
            read_fleet(self, entry, fleets);
        } else if (sim_read_is(self, entry, CONFIG_NODE_MAP)) {
            for (size_t j = 0; j < entry->child_count; j++) {
                read_fleet(self, entry->children[j], fleets);
            }
        }
    }
    if (work != NULL && work->kind == CONFIG_NODE_TEXT) {
        sim_read_is(self, work, CONFIG_NODE_MAP);
    }
    self->scenario->fleets = sim_read_keep(self, fleets, &self->scenario->fleet_count);
}
