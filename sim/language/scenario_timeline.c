/* The sections `timeline`, `chaos` and `settle`: what is done to the cluster, and when. */
#include <quantity.h>
#include <string.h>

#include "grammar_clauses.h"
#include "scenario_read.h"

/* Calls `each` for every line: a map of one key in the list, the value of which is a text or a
 * list of texts. */
static void
for_each_line(SimReader *self, bool report,
              void (*each)(SimReader *, const ConfigNode *key, const ConfigNode *command))
{
    ConfigNode *list = sim_read_child(config_tree_root(self->tree), "timeline");

    if (list == NULL || (list->kind != CONFIG_NODE_LIST && !report) ||
        !sim_read_is(self, list, CONFIG_NODE_LIST)) {
        return;
    }
    for (size_t i = 0; i < list->child_count; i++) {
        const ConfigNode *item = list->children[i];

        if (item->kind != CONFIG_NODE_MAP || item->child_count != 1) {
            if (report) {
                sim_read_problem(self, item->place,
                                 "a line is `- TIME: command`, one for each dash");
            }
            continue;
        }
        item = item->children[0];
        if (item->kind == CONFIG_NODE_TEXT) {
            each(self, item, item);
        } else if (item->kind == CONFIG_NODE_MAP && report) {
            sim_read_is(self, item, CONFIG_NODE_TEXT);
        }
        for (size_t j = 0; item->kind == CONFIG_NODE_LIST && j < item->child_count; j++) {
            if (item->children[j]->kind == CONFIG_NODE_TEXT) {
                each(self, item, item->children[j]);
            } else if (report) {
                sim_read_is(self, item->children[j], CONFIG_NODE_TEXT);
            }
        }
    }
}

/* The name behind `as`; `join ... as replica of` gives none. */
static const char *
name_of_line(const SimWords *words, size_t *at)
{
    for (size_t i = 0; i + 1 < words->count; i++) {
        if (strcmp(words->tokens[i].text, "as") == 0 &&
            strcmp(words->tokens[i + 1].text, "replica") != 0) {
            *at = i + 1;
            return words->tokens[i + 1].text;
        }
    }
    return NULL;
}

static void
each_line_name(SimReader *self, const ConfigNode *key, const ConfigNode *command)
{
    SimWords words = sim_words_of_node(self->arena, command);
    unsigned index = self->actions->len;
    SimAction empty = {0};
    size_t at = 0;
    const char *name = name_of_line(&words, &at);

    (void)key;
    if (words.count > 0 && strcmp(words.tokens[0].text, "expect") != 0) {
        sim_names_add_verb(self->names, words.tokens[0].text, index);
    }
    if (name != NULL && !sim_names_add(self->names, SIM_NAME_ACTION, name, index)) {
        sim_read_problem(self, sim_words_place(&words, at),
                         "another line is called `%s` already", name);
    }
    g_array_append_val(self->actions, empty);
}

void
sim_read_line_names(SimReader *self)
{
    self->actions = g_array_new(FALSE, TRUE, sizeof(SimAction));
    for_each_line(self, false, each_line_name);
    self->scenario->action_count = self->actions->len;
    g_array_set_size(self->actions, 0);
}

static bool
read_duration(SimReader *self, const SimWords *words, size_t index, const char *text,
              OrrTime *time)
{
    g_autofree char *why = NULL;

    if (config_quantity_read(CONFIG_DURATION, text, time, &why)) {
        return true;
    }
    sim_read_problem(self, sim_words_place(words, index),
                     "`%s` %s; a line is `- 20s: command` or `- when ...: command`", text, why);
    return false;
}

/* `5s`, `40s..50s/2s` */
static bool
read_moments(SimReader *self, const SimWords *words, SimWhen *when)
{
    const char *text = words->tokens[0].text;
    const char *dots = strstr(text, "..");
    const char *slash = strchr(text, '/');
    g_autofree char *first = dots == NULL ? NULL : g_strndup(text, (size_t)(dots - text));
    g_autofree char *last = NULL;

    if (dots == NULL) {
        return read_duration(self, words, 0, text, &when->at_ns);
    }
    if (slash == NULL || slash < dots) {
        sim_read_problem(self, sim_words_place(words, 0), "a repeated line needs a step: %s/2s",
                         text);
        return false;
    }
    last = g_strndup(dots + 2, (size_t)(slash - dots - 2));
    if (!read_duration(self, words, 0, first, &when->at_ns) ||
        !read_duration(self, words, 0, last, &when->until_ns) ||
        !read_duration(self, words, 0, slash + 1, &when->step_ns)) {
        return false;
    }
    if (when->until_ns <= when->at_ns || when->step_ns <= 0) {
        sim_read_problem(self, sim_words_place(words, 0),
                         "`%s` never comes: it wants FIRST..LAST/STEP with LAST after FIRST",
                         text);
        return false;
    }
    return true;
}

static bool
read_time(SimReader *self, const SimWords *words, SimWhen *when)
{
    OrrTime end = 0;

    if (!read_moments(self, words, when)) {
        return false;
    }
    if (words->count > 1 && g_str_has_prefix(words->tokens[1].text, "+-")) {
        if (!read_duration(self, words, 1, words->tokens[1].text + 2, &when->jitter_ns)) {
            return false;
        }
    } else if (words->count > 1) {
        sim_read_problem(self, sim_words_place(words, 1),
                         "`%s` is not known here; behind a time there may be +-5ms",
                         words->tokens[1].text);
        return false;
    }
    end = MAX(when->at_ns, when->until_ns);
    if (when->at_ns - when->jitter_ns < 0) {
        sim_read_problem(self, sim_words_place(words, 0), "before the start of the run");
        return false;
    }
    if (end > self->scenario->run_ns && self->scenario->run_ns > 0) {
        g_autofree char *run = config_quantity_format(CONFIG_DURATION, self->scenario->run_ns);
        sim_read_problem(self, sim_words_place(words, 0),
                         "after the end of the run, which is %s long", run);
        return false;
    }
    return true;
}

/* `when TRIGGER [+DELAY]`: a trigger of its own, or any state that becomes true. */
static bool
read_trigger(SimReader *self, SimWords *words, SimWhen *when)
{
    const char *last = words->tokens[words->count - 1].text;
    const SimRow *row = NULL;
    SimSentence out = {0};

    when->triggered = true;
    if (last[0] == '+' &&
        !read_duration(self, words, words->count - 1, last, &when->delay_ns)) {
        return false;
    }
    words->count -= last[0] == '+';
    row = sim_parse_sentence(self->arena, self->names, words, 1, SIM_CONTEXT_TRIGGER, &out,
                             self->problems);
    if (row == NULL || !sim_read_row_is_here(self, row, sim_words_place(words, 1))) {
        return false;
    }
    when->trigger = out;
    if (row->context == SIM_CONTEXT_CHECK) {
        when->check = out;
        when->trigger =
            (SimSentence){.kind = SIM_TRIGGER_CHECK, .where = out.where, .text = out.text};
    }
    return true;
}

static bool
read_when(SimReader *self, const ConfigNode *key, SimWhen *when)
{
    SimWords words = sim_words_of_key(self->arena, key);

    if (words.count == 0) {
        sim_read_problem(self, key->key_place, "a time is missing");
        return false;
    }
    if (strcmp(words.tokens[0].text, "when") == 0 && words.count > 1) {
        return read_trigger(self, &words, when);
    }
    return read_time(self, &words, when);
}

static bool
can_be_undone(SimSentenceKind kind)
{
    static const SimSentenceKind kinds[] = {
        SIM_COMMAND_PARTITION,   SIM_COMMAND_PARTITION_RANDOM,
        SIM_COMMAND_ISOLATE,     SIM_COMMAND_CUT,
        SIM_COMMAND_CUT_INBOUND, SIM_COMMAND_CUT_OUTBOUND,
        SIM_COMMAND_HOLD,        SIM_COMMAND_DROP,
        SIM_COMMAND_CORRUPT,     SIM_COMMAND_DUPLICATE,
        SIM_COMMAND_REORDER,     SIM_COMMAND_LATENCY,
        SIM_COMMAND_BANDWIDTH,   SIM_COMMAND_PAUSE,
        SIM_COMMAND_SLOW,        SIM_COMMAND_DISK_FULL,
        SIM_COMMAND_DISK_ERRORS, SIM_COMMAND_DISK_SLOW,
        SIM_COMMAND_FSYNC_LIES,  SIM_COMMAND_CLOCK_DRIFT,
        SIM_COMMAND_RATE,        SIM_COMMAND_CLOCK_JUMP,
    };

    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (kinds[i] == kind) {
            return true;
        }
    }
    return false;
}

/* A partition with somebody on two sides at once is none. */
static bool
sides_are_apart(SimReader *self, const SimSentence *out, ConfigPlace place)
{
    const SimValue *sides = &out->part[SIM_PART_SIDES];
    unsigned count = self->scenario->node_count;
    g_autofree bool *seen = g_new0(bool, count + 1);

    for (unsigned i = 0; sides->type == SIM_VALUE_SIDES && i < sides->target_count; i++) {
        g_autofree bool *member = g_new0(bool, count + 1);

        if (!sim_target_fixed(self->scenario, sides->targets[i], member)) {
            return true; /* who it is shows in the run only */
        }
        for (unsigned j = 0; j < count; j++) {
            if (seen[j] && member[j]) {
                sim_read_problem(self, place, "`%s` is on two sides",
                                 self->scenario->nodes[j].name);
                return false;
            }
            seen[j] = seen[j] || member[j];
        }
    }
    return true;
}

/* Only who is not there yet can join. */
static bool
joins_as_a_spare(SimReader *self, const SimSentence *out, ConfigPlace place)
{
    const SimTarget *who = sim_sentence_target(out, SIM_PART_WHO);
    unsigned count = self->scenario->node_count;
    g_autofree bool *member = g_new0(bool, count + 1);

    if (out->kind != SIM_COMMAND_JOIN || !sim_target_fixed(self->scenario, who, member)) {
        return true;
    }
    for (unsigned i = 0; i < count; i++) {
        if (member[i] && !self->scenario->nodes[i].spare) {
            sim_read_problem(self, place,
                             "`%s` is there from the start; who joins stands under `spares`",
                             self->scenario->nodes[i].name);
            return false;
        }
    }
    return true;
}

static bool
makes_sense(SimReader *self, const SimWords *words, size_t first, const SimSentence *out)
{
    ConfigPlace place = sim_words_place(words, first);

    if (sim_sentence_has(out, SIM_PART_FOR) && !can_be_undone(out->kind)) {
        bool kill = out->kind == SIM_COMMAND_KILL || out->kind == SIM_COMMAND_POWER_OFF;
        sim_read_problem(self, place, "`for` undoes a command, and this one cannot be undone%s",
                         kill ? "; say `restart after`" : "");
        return false;
    }
    if (out->kind == SIM_COMMAND_SLOW && !sim_sentence_has(out, SIM_PART_AMOUNT) &&
        !sim_sentence_has(out, SIM_PART_AMOUNT2)) {
        sim_read_problem(self, place, "say how slow: `cpu x4`, `disk x20`, or both");
        return false;
    }
    return sides_are_apart(self, out, place) && joins_as_a_spare(self, out, place);
}

bool
sim_read_command(SimReader *self, const SimWords *words, size_t first, SimSentence *command,
                 SimSentence *check)
{
    const SimRow *row = NULL;
    const SimRow *check_row = NULL;

    if (words->count <= first) {
        sim_read_problem(self, words->place, "a command is missing");
        return false;
    }
    if (strcmp(words->tokens[first].text, "expect") == 0 && words->count > first + 1) {
        ConfigPlace place = sim_words_place(words, first);

        if (!sim_read_check(self, words, first + 1, check, &check_row)) {
            return false;
        }
        if ((check_row->flags & (SIM_IS_STATE | SIM_IS_NUMBER)) == 0) {
            sim_read_problem(self, place, "a rule of every moment belongs under `always`");
            return false;
        }
        *command =
            (SimSentence){.kind = SIM_COMMAND_EXPECT,
                          .where = sim_where(place),
                          .text = sim_words_join(self->arena, words, first, words->count)};
        return true;
    }
    row = sim_parse_sentence(self->arena, self->names, words, first, SIM_CONTEXT_COMMAND,
                             command, self->problems);
    return row != NULL && sim_read_row_is_here(self, row, sim_words_place(words, first)) &&
           makes_sense(self, words, first, command);
}

/* A fault cannot be healed before it began. */
static void
check_order(SimReader *self, const SimAction *action, const SimWords *words)
{
    const SimValue *named = &action->command.part[SIM_PART_ACTION];
    const SimAction *other = NULL;

    if (named->type != SIM_VALUE_ACTION) {
        return;
    }
    if (named->number >= self->actions->len) {
        return; /* a later line: looked at when all are read */
    }
    other = &g_array_index(self->actions, SimAction, named->number);
    if (!other->when.triggered && !action->when.triggered &&
        action->when.at_ns < other->when.at_ns) {
        sim_read_problem(self, sim_words_place(words, 0),
                         "comes before line %u, which it is about", other->where.line);
    }
}

static bool
is_a_fault(SimSentenceKind kind)
{
    return (can_be_undone(kind) && kind != SIM_COMMAND_RATE) || kind == SIM_COMMAND_KILL ||
           kind == SIM_COMMAND_POWER_OFF || kind == SIM_COMMAND_FLAP ||
           kind == SIM_COMMAND_SWIZZLE || kind == SIM_COMMAND_TEAR_NEXT ||
           kind == SIM_COMMAND_CRASH_AT;
}

/* From `settle` on nothing goes wrong any more: that is what its deadlines rely on. */
static void
check_settled(SimReader *self, const SimAction *action, ConfigPlace place)
{
    const SimSettle *settle = &self->scenario->settle;
    OrrTime last = MAX(action->when.at_ns, action->when.until_ns);

    if (settle->given && !action->when.triggered && last >= settle->at_ns &&
        settle->at_ns > 0 && is_a_fault(action->command.kind)) {
        g_autofree char *at = config_quantity_format(CONFIG_DURATION, settle->at_ns);
        sim_read_problem(self, place, "a fault after `settle`, when all is healed (at %s)", at);
    }
}

static void
each_line(SimReader *self, const ConfigNode *key, const ConfigNode *command)
{
    SimWords words = sim_words_of_node(self->arena, command);
    SimAction action = {.where = sim_where(key->key_place)};
    bool fine = read_when(self, key, &action.when);

    fine = sim_read_command(self, &words, 0, &action.command, &action.check) && fine;
    if (sim_sentence_has(&action.command, SIM_PART_FOR)) {
        action.undone = true;
        action.duration = action.command.part[SIM_PART_FOR].dist;
    }
    if (sim_sentence_has(&action.command, SIM_PART_AS)) {
        action.name = action.command.part[SIM_PART_AS].text;
    }
    action.when.once = sim_sentence_has(&action.command, SIM_PART_ONCE);
    if (fine && action.when.once && !action.when.triggered) {
        sim_read_problem(self, sim_words_place(&words, 0),
                         "`once` is for lines that begin with `when`");
    }
    action.text = sim_arena_format(self->arena, "%s: %s", key->key, words.text);
    if (fine) {
        check_order(self, &action, &words);
        check_settled(self, &action, key->key_place);
    }
    g_array_append_val(self->actions, action);
}

/* Lines may be named before they come; only now all times are known. */
static void
check_forward(SimReader *self)
{
    for (guint i = 0; i < self->actions->len; i++) {
        const SimAction *action = &g_array_index(self->actions, SimAction, i);
        const SimValue *named = &action->command.part[SIM_PART_ACTION];
        const SimAction *other = NULL;

        if (named->type != SIM_VALUE_ACTION || named->number <= i ||
            named->number >= self->actions->len) {
            continue;
        }
        other = &g_array_index(self->actions, SimAction, named->number);
        if (!other->when.triggered && !action->when.triggered &&
            action->when.at_ns < other->when.at_ns) {
            ConfigPlace place = {NULL, action->where.line, action->where.column, 1};
            place.source = config_tree_root(self->tree)->place.source;
            sim_read_problem(self, place, "comes before line %u, which it is about",
                             other->where.line);
        }
    }
}

void
sim_read_timeline(SimReader *self)
{
    for_each_line(self, true, each_line);
    check_forward(self);
    if (self->actions->len > SIM_TIMELINE_MAX) {
        sim_read_problem(self, config_tree_root(self->tree)->place,
                         "more than %u lines in the timeline", SIM_TIMELINE_MAX);
    }
    self->scenario->timeline =
        sim_read_keep(self, self->actions, &self->scenario->action_count);
    self->actions = NULL;
}

/* `3 x kill random 1 restart after exp 3s` */
static bool
read_pick(SimReader *self, const ConfigNode *node, SimChaosLine *line)
{
    SimWords words = sim_words_of_node(self->arena, node);
    SimSentence check = {0};
    bool weighted = words.count > 2 && strcmp(words.tokens[1].text, "x") == 0 &&
                    g_ascii_isdigit(words.tokens[0].text[0]);
    int64_t weight = 1;
    g_autofree char *why = NULL;

    if (weighted && (!config_quantity_read(CONFIG_COUNT, words.tokens[0].text, &weight, &why) ||
                     weight > 1000000)) {
        sim_read_problem(self, node->place, "`%s` is no weight", words.tokens[0].text);
        return false;
    }
    if (!sim_read_command(self, &words, weighted ? 2 : 0, &line->command, &check)) {
        return false;
    }
    if (line->command.kind == SIM_COMMAND_EXPECT || line->command.kind == SIM_COMMAND_HEAL) {
        sim_read_problem(self, node->place, "this is no fault that could be drawn");
        return false;
    }
    line->weight = (uint32_t)weight;
    line->text = words.text;
    if (sim_sentence_has(&line->command, SIM_PART_FOR)) {
        line->undone = true;
        line->duration = line->command.part[SIM_PART_FOR].dist;
    }
    return true;
}

static void
read_picks(SimReader *self, const ConfigNode *list)
{
    GPtrArray *nodes = sim_read_lines(self, list);
    GArray *lines = g_array_new(FALSE, TRUE, sizeof(SimChaosLine));

    for (guint i = 0; i < nodes->len; i++) {
        SimChaosLine line = {0};
        if (read_pick(self, nodes->pdata[i], &line)) {
            g_array_append_val(lines, line);
        }
    }
    g_ptr_array_free(nodes, TRUE);
    self->scenario->chaos.lines = sim_read_keep(self, lines, &self->scenario->chaos.line_count);
}

static bool
read_spread(SimReader *self, const ConfigNode *map, const char *key, SimDist *dist)
{
    ConfigNode *node = sim_read_child(map, key);
    SimWords words = {0};
    SimValue value = {0};
    size_t at = 0;

    if (node == NULL || !sim_read_is(self, node, CONFIG_NODE_TEXT)) {
        return false;
    }
    words = sim_words_of_node(self->arena, node);
    if (!sim_parse_value(self->arena, self->names, &words, &at, "dist", &value,
                         self->problems)) {
        return false;
    }
    if (at < words.count) {
        sim_read_problem(self, sim_words_place(&words, at), "`%s` is not known here",
                         words.tokens[at].text);
        return false;
    }
    *dist = value.dist;
    return true;
}

static void
check_chaos(SimReader *self, ConfigPlace place)
{
    const SimScenario *scenario = self->scenario;

    if (scenario->chaos.to_ns > scenario->run_ns) {
        sim_read_problem(self, place, "after the end of the run");
    } else if (scenario->settle.given && scenario->chaos.to_ns > scenario->settle.at_ns) {
        sim_read_problem(self, place, "after `settle`, when all is healed");
    }
}

void
sim_read_chaos(SimReader *self)
{
    ConfigNode *map = sim_read_child(config_tree_root(self->tree), "chaos");
    SimChaos *chaos = &self->scenario->chaos;
    const char *keep = NULL;
    const char *swarm = NULL;
    const ConfigNode *pick = NULL;
    SimDist during = {0};

    if (map == NULL || !sim_read_is(self, map, CONFIG_NODE_MAP)) {
        return;
    }
    chaos->given = true;
    keep = sim_read_text(self, map, "keep");
    swarm = sim_read_text(self, map, "swarm");
    pick = sim_read_child(map, "pick");
    chaos->keep_quorum = keep != NULL && strcmp(keep, "quorum") == 0;
    chaos->swarm = swarm != NULL && strcmp(swarm, "yes") == 0;
    if (keep != NULL && !chaos->keep_quorum && strcmp(keep, "nothing") != 0) {
        sim_read_problem(self, config_node_find(map, "keep")->place,
                         "`%s` is neither `quorum` nor `nothing`", keep);
    }
    if (swarm != NULL && !chaos->swarm && strcmp(swarm, "no") != 0) {
        sim_read_problem(self, config_node_find(map, "swarm")->place,
                         "`%s` is neither yes nor no", swarm);
    }
    if (!read_spread(self, map, "during", &during) ||
        !read_spread(self, map, "every", &chaos->every) || pick == NULL) {
        sim_read_problem(self, map->key_place,
                         "chaos wants `during: A..B`, `every: 2s` and `pick:`");
    } else {
        chaos->from_ns = during.a;
        chaos->to_ns = MAX(during.a, during.b);
        check_chaos(self, config_node_find(map, "during")->place);
        read_picks(self, pick);
    }
    sim_read_refuse_unknown(self, map, "chaos");
}

static void
read_broken(SimReader *self, const ConfigNode *map)
{
    const ConfigNode *node = sim_read_child(map, "leave broken");
    GPtrArray *nodes = node == NULL ? g_ptr_array_new() : sim_read_lines(self, node);
    GArray *commands = g_array_new(FALSE, TRUE, sizeof(SimSentence));

    for (guint i = 0; i < nodes->len; i++) {
        SimWords words = sim_words_of_node(self->arena, nodes->pdata[i]);
        SimSentence command = {0};
        SimSentence check = {0};

        if (sim_read_command(self, &words, 0, &command, &check)) {
            g_array_append_val(commands, command);
        }
    }
    g_ptr_array_free(nodes, TRUE);
    self->scenario->settle.leave_broken =
        sim_read_keep(self, commands, &self->scenario->settle.leave_count);
}

void
sim_read_settle(SimReader *self)
{
    ConfigNode *map = sim_read_child(config_tree_root(self->tree), "settle");
    SimSettle *settle = &self->scenario->settle;
    const char *down = NULL;

    if (map == NULL || !sim_read_is(self, map, CONFIG_NODE_MAP)) {
        return;
    }
    settle->given = true;
    if (!sim_read_time(self, map, "at", &settle->at_ns)) {
        sim_read_problem(self, map->key_place, "`at: 100s` is missing: when all is healed");
    } else if (settle->at_ns >= self->scenario->run_ns) {
        sim_read_problem(self, config_node_find(map, "at")->place, "after the end of the run");
    }
    down = sim_read_text(self, map, "leave down");
    settle->leave_down = down != NULL && strcmp(down, "yes") == 0;
    read_broken(self, map);
    sim_read_refuse_unknown(self, map, "settle");
}
