/* What must hold: `always`, `eventually`, `finally`; what a naive variant breaks; reports. */
#include <nearest.h>
#include <orrery/plant.h>
#include <quantity.h>
#include <setting.h>
#include <string.h>

#include "grammar_clauses.h"
#include "scenario_read.h"

/* What the keys around an expectation have said so far. */
typedef struct Frame {
    SimSection section;
    const char *condition;
    bool applies;
    bool timed;
    SimMoment since;
    OrrTime within_ns;
    const char *prefix; /* the keys, for the text */
    GArray *out;        /* SimExpectation */
} Frame;

void
sim_check_moment(SimReader *self, const SimMoment *moment, ConfigPlace place)
{
    const SimScenario *scenario = self->scenario;
    OrrTime at = moment->offset_ns;

    switch (moment->kind) {
    case SIM_MOMENT_SETTLE:
        if (!scenario->settle.given) {
            sim_read_problem(self, place, "there is no `settle:` in this file");
            return;
        }
        at += scenario->settle.at_ns;
        break;
    case SIM_MOMENT_STOP:
        at += scenario->run_ns;
        break;
    case SIM_MOMENT_BEGIN:
    case SIM_MOMENT_END:
        if (moment->index >= scenario->action_count ||
            scenario->timeline[moment->index].when.triggered) {
            return;
        }
        at += scenario->timeline[moment->index].when.at_ns;
        break;
    case SIM_MOMENT_TIME:
        break;
    }
    if (at < 0) {
        sim_read_problem(self, place, "before the start of the run");
    } else if (at > scenario->run_ns && scenario->run_ns > 0) {
        g_autofree char *text = config_quantity_format(CONFIG_DURATION, at);
        g_autofree char *run = config_quantity_format(CONFIG_DURATION, scenario->run_ns);
        sim_read_problem(self, place, "that is %s, after the end of the run, which is %s long",
                         text, run);
    }
}

static void
check_parts(SimReader *self, const SimWords *words, const SimSentence *check)
{
    static const SimPart parts[] = {SIM_PART_SINCE, SIM_PART_FROM, SIM_PART_TO};

    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        const SimValue *value = &check->part[parts[i]];
        SimMoment moment = value->moment;
        ConfigPlace place = words->place;

        if (value->type != SIM_VALUE_MOMENT) {
            continue;
        }
        place.line = value->where.line;
        place.column = value->where.column;
        place.length = (unsigned)strlen(moment.text);
        if (parts[i] == SIM_PART_SINCE && sim_sentence_has(check, SIM_PART_WITHIN)) {
            moment.offset_ns += check->part[SIM_PART_WITHIN].number;
        }
        sim_check_moment(self, &moment, place);
    }
}

bool
sim_read_check(SimReader *self, const SimWords *words, size_t first, SimSentence *check,
               const SimRow **row)
{
    *row = sim_parse_sentence(self->arena, self->names, words, first, SIM_CONTEXT_CHECK, check,
                              self->problems);
    if (*row == NULL || !sim_read_row_is_here(self, *row, sim_words_place(words, first))) {
        return false;
    }
    if (self->actions == NULL) { /* the timeline is complete */
        check_parts(self, words, check);
    }
    return true;
}

static bool
belongs(SimReader *self, const Frame *frame, const SimRow *row, const SimSentence *check,
        ConfigPlace place)
{
    bool timed = frame->timed || sim_sentence_has(check, SIM_PART_WITHIN);

    if ((row->flags & SIM_IS_RULE) != 0 && frame->section != SIM_SECTION_ALWAYS) {
        sim_read_problem(self, place, "a rule of every moment belongs under `always`");
        return false;
    }
    if ((row->flags & SIM_IS_STATE) != 0 && frame->section == SIM_SECTION_ALWAYS) {
        sim_read_problem(self, place,
                         "a state comes and goes: it belongs under `eventually` or `finally`, "
                         "or behind `expect` in the timeline");
        return false;
    }
    if (frame->section == SIM_SECTION_EVENTUALLY && !timed) {
        sim_read_problem(self, place, "until when? say `within 5s of settle:` before it");
        return false;
    }
    if (frame->timed && (row->flags & SIM_IS_NUMBER) != 0) {
        sim_read_problem(self, place,
                         "a number of the whole run has no deadline; put it under "
                         "`finally`");
        return false;
    }
    return true;
}

static void
add_expectation(SimReader *self, const Frame *frame, const SimSentence *check,
                const SimRow *row, const char *text)
{
    SimExpectation expectation = {
        .section = frame->section,
        .check = *check,
        .since = frame->since,
        .within_ns = frame->within_ns,
        .condition = frame->condition,
        .applies = frame->applies,
        .safety = (row->flags & SIM_IS_SAFETY) != 0,
        .where = check->where,
        .text = sim_arena_format(self->arena, "%s%s", frame->prefix, text),
    };

    if (sim_sentence_has(check, SIM_PART_WITHIN) && (row->flags & SIM_IS_STATE) != 0) {
        expectation.section = SIM_SECTION_EVENTUALLY;
        expectation.since = check->part[SIM_PART_SINCE].moment;
        expectation.within_ns = check->part[SIM_PART_WITHIN].number;
    } else if (frame->section == SIM_SECTION_FINALLY && (row->flags & SIM_IS_STATE) != 0) {
        expectation.since = (SimMoment){.kind = SIM_MOMENT_STOP, .text = "end"};
    }
    g_array_append_val(frame->out, expectation);
}

static void
read_sentence(SimReader *self, const Frame *frame, const ConfigNode *node)
{
    SimWords words = sim_words_of_node(self->arena, node);
    SimSentence check = {0};
    const SimRow *row = NULL;

    self->excused = !frame->applies;
    if (words.count == 0) {
        sim_read_problem(self, node->place, "an expectation is missing");
    } else if (sim_read_check(self, &words, 0, &check, &row) &&
               belongs(self, frame, row, &check, node->place)) {
        add_expectation(self, frame, &check, row, words.text);
    }
    self->excused = false;
}

/* `reached: leader changed, view split` is one expectation for each. */
static void
read_reached(SimReader *self, const Frame *frame, const ConfigNode *node)
{
    SimWords words = sim_words_of_node(self->arena, node);
    size_t first = 0;

    for (size_t i = 0; i <= words.count; i++) {
        SimWords piece = words;
        SimWordToken *tokens = NULL;
        SimSentence check = {0};
        const SimRow *row = NULL;

        if (i < words.count && strcmp(words.tokens[i].text, ",") != 0) {
            continue;
        }
        tokens = sim_arena_new0(self->arena, SimWordToken, i - first + 1);
        tokens[0] = (SimWordToken){"reached", 0, 1};
        memcpy(tokens + 1, words.tokens + first, (i - first) * sizeof *tokens);
        piece.tokens = tokens;
        piece.count = i - first + 1;
        if (sim_read_check(self, &piece, 0, &check, &row)) {
            if (check.part[SIM_PART_CHOICE].choice == SIM_REACHED_MIGRATION_RESUMED) {
                sim_read_problem(self, sim_words_place(&piece, 1),
                                 "not in this version: moving slots with their keys");
            }
            add_expectation(self, frame, &check, row, check.text);
        }
        first = i + 1;
    }
}

static void read_expectation(SimReader *self, const Frame *frame, const ConfigNode *node);

static bool
read_deadline(SimReader *self, const ConfigNode *node, Frame *frame)
{
    SimWords words = sim_words_of_key(self->arena, node);
    SimSentence out = {0};
    SimMoment whole = {0};

    if (sim_parse_sentence(self->arena, self->names, &words, 0, SIM_CONTEXT_DEADLINE, &out,
                           self->problems) == NULL) {
        return false;
    }
    if (frame->section == SIM_SECTION_ALWAYS) {
        sim_read_problem(self, node->key_place, "what holds always has no deadline");
        return false;
    }
    frame->timed = true;
    frame->since = out.part[SIM_PART_SINCE].moment;
    if (sim_sentence_has(&out, SIM_PART_WITHIN)) {
        frame->within_ns = out.part[SIM_PART_WITHIN].number;
    }
    frame->section = SIM_SECTION_EVENTUALLY;
    whole = frame->since;
    whole.offset_ns += frame->within_ns;
    sim_check_moment(self, &whole, node->key_place);
    return true;
}

/* The setting that has this word as a value; NULL: none. */
static const ConfigSetting *
setting_of_word(const char *word, int64_t *value)
{
    const ConfigSetting *setting = NULL;

    for (size_t i = 0; (setting = config_setting_at(i)) != NULL; i++) {
        for (size_t j = 0; setting->words != NULL && setting->words[j] != NULL; j++) {
            if (strcmp(setting->words[j], word) == 0) {
                *value = (int64_t)j;
                return setting;
            }
        }
    }
    return NULL;
}

/* `epoch-vote`, `voters all`, `unsafe-promotion=yes` at token *at; false: a problem. */
static bool
read_term(SimReader *self, const SimWords *words, size_t *at, bool *holds)
{
    static const char *const later[] = {"raft", "quorum", "lww", "swim", NULL};
    const char *word = words->tokens[*at].text;
    g_auto(GStrv) sides = g_strsplit(word, "=", 2);
    const ConfigSetting *setting = config_setting_find(sides[0]);
    const char *text = sides[1];
    ConfigPlace place = sim_words_place(words, *at);
    g_autofree char *why = NULL;
    int64_t value = 0;

    (*at)++;
    if (g_strv_contains(later, word)) {
        *holds = false; /* a mode that this version does not have is not in use */
        return true;
    }
    if (setting == NULL) {
        setting = setting_of_word(word, &value);
        if (setting == NULL) {
            sim_read_problem(
                self, place,
                "`%s` is neither a deadline (`within 5s of ...`) nor a mode such as "
                "`epoch-vote` or `voters all`",
                word);
            return false;
        }
        *holds = config_setting_get(setting, &self->scenario->settings) == value;
        return true;
    }
    if (text == NULL && *at < words->count) {
        text = words->tokens[(*at)++].text;
    }
    if (text == NULL || !config_setting_read(setting, text, &value, &why)) {
        sim_read_problem(self, place, "`%s` %s", text == NULL ? word : text,
                         text == NULL ? "needs a value here" : why);
        return false;
    }
    *holds = config_setting_get(setting, &self->scenario->settings) == value;
    return true;
}

static bool
read_condition(SimReader *self, const ConfigNode *node, Frame *frame)
{
    SimWords words = sim_words_of_key(self->arena, node);
    size_t at = 0;

    while (at < words.count) {
        bool negated = strcmp(words.tokens[at].text, "not") == 0 && at + 1 < words.count;
        bool holds = false;

        at += negated;
        if (!read_term(self, &words, &at, &holds)) {
            return false;
        }
        frame->applies = frame->applies && holds != negated;
        if (at < words.count && (strcmp(words.tokens[at].text, "and") == 0 ||
                                 strcmp(words.tokens[at].text, ",") == 0)) {
            at++;
        }
    }
    frame->condition =
        frame->condition == NULL
            ? words.text
            : sim_arena_format(self->arena, "%s, %s", frame->condition, words.text);
    return true;
}

static void
read_keyed(SimReader *self, const Frame *outer, const ConfigNode *node)
{
    Frame frame = *outer;
    bool fine = false;

    if (strcmp(node->key, "reached") == 0 && node->kind == CONFIG_NODE_TEXT) {
        read_reached(self, outer, node);
        return;
    }
    if (g_str_has_prefix(node->key, "within ") || g_str_has_prefix(node->key, "at ")) {
        fine = read_deadline(self, node, &frame);
    } else {
        fine = read_condition(self, node, &frame);
    }
    frame.prefix = sim_arena_format(self->arena, "%s%s: ", outer->prefix, node->key);
    if (fine) {
        read_expectation(self, &frame, node);
    }
}

/* A sentence, a list of them, or a map whose keys say when or in which mode. */
static void
read_expectation(SimReader *self, const Frame *frame, const ConfigNode *node)
{
    if (node->kind == CONFIG_NODE_TEXT) {
        read_sentence(self, frame, node);
        return;
    }
    for (size_t i = 0; i < node->child_count; i++) {
        if (node->kind == CONFIG_NODE_MAP) {
            read_keyed(self, frame, node->children[i]);
        } else {
            read_expectation(self, frame, node->children[i]);
        }
    }
}

void
sim_read_expectations(SimReader *self)
{
    static const char *const keys[] = {"always", "eventually", "finally"};
    GArray *out = g_array_new(FALSE, TRUE, sizeof(SimExpectation));

    for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++) {
        ConfigNode *node = sim_read_child(config_tree_root(self->tree), keys[i]);
        Frame frame = {.section = (SimSection)i, .applies = true, .prefix = "", .out = out};

        if (node != NULL && node->kind == CONFIG_NODE_TEXT) {
            sim_read_is(self, node, CONFIG_NODE_LIST);
        } else if (node != NULL) {
            read_expectation(self, &frame, node);
        }
    }
    self->scenario->expectations = sim_read_keep(self, out, &self->scenario->expectation_count);
}

/* The expectation that a naive variant must break, by its sentence, with or without its keys.
 */
static const char *
find_expectation(SimReader *self, const char *text)
{
    for (unsigned i = 0; i < self->scenario->expectation_count; i++) {
        const SimExpectation *expectation = &self->scenario->expectations[i];

        if (strcmp(expectation->text, text) == 0 ||
            strcmp(expectation->check.text, text) == 0) {
            return expectation->text;
        }
    }
    for (unsigned i = 0; i < self->scenario->action_count; i++) {
        const SimAction *action = &self->scenario->timeline[i];

        if (action->command.kind == SIM_COMMAND_EXPECT &&
            (strcmp(action->text, text) == 0 || strcmp(action->command.text, text) == 0)) {
            return action->text;
        }
    }
    return NULL;
}

#define PLANT_NAME(plant, text, meaning) text,
static const char *const PLANT_NAMES[] = {ORR_PLANTS(PLANT_NAME) NULL};
#undef PLANT_NAME

static bool
is_a_plant(const char *name)
{
    return g_strv_contains(PLANT_NAMES, name);
}

static void
unknown_plant(SimReader *self, ConfigPlace place, const char *name)
{
    ConfigNearest nearest = config_nearest(name);

    for (size_t i = 0; PLANT_NAMES[i] != NULL; i++) {
        config_nearest_offer(&nearest, PLANT_NAMES[i]);
    }
    if (nearest.best != NULL) {
        sim_read_problem(self, place, "there is no bug `%s` to plant; did you mean `%s`?", name,
                         nearest.best);
    } else {
        sim_read_problem(self, place,
                         "there is no bug `%s` to plant; `orrery explain plants` lists them",
                         name);
    }
}

/* `set coordination=lowest-id plant no-fencing fails` */
static bool
read_naive_key(SimReader *self, const SimWords *words, GPtrArray *sets, GPtrArray *plants)
{
    for (size_t i = 0; i < words->count; i += 2) {
        const char *word = words->tokens[i].text;
        const char *next = i + 1 < words->count ? words->tokens[i + 1].text : NULL;

        if (strcmp(word, "fails") == 0 && next == NULL && sets->len + plants->len > 0) {
            return true;
        }
        if (strcmp(word, "set") == 0 && next != NULL && strchr(next, '=') != NULL) {
            g_ptr_array_add(sets, (gpointer)(uintptr_t)next);
        } else if (strcmp(word, "plant") == 0 && next != NULL && is_a_plant(next)) {
            g_ptr_array_add(plants, (gpointer)(uintptr_t)next);
        } else if (strcmp(word, "plant") == 0 && next != NULL) {
            unknown_plant(self, sim_words_place(words, i + 1), next);
            return false;
        } else {
            break;
        }
    }
    sim_read_problem(self, words->place,
                     "a naive variant is written `set KEY=VALUE fails: ...` or `plant NAME "
                     "fails: ...`");
    return false;
}

static void
read_naive(SimReader *self, const ConfigNode *node, GArray *out)
{
    SimWords words = sim_words_of_key(self->arena, node);
    GPtrArray *sets = g_ptr_array_new();
    GPtrArray *plants = g_ptr_array_new();
    SimNaive naive = {.where = sim_where(node->key_place)};
    bool fine =
        read_naive_key(self, &words, sets, plants) && sim_read_is(self, node, CONFIG_NODE_TEXT);

    naive.set_count = sets->len;
    naive.plant_count = plants->len;
    g_ptr_array_add(sets, NULL);
    g_ptr_array_add(plants, NULL);
    naive.sets = sim_arena_keep(self->arena, g_ptr_array_free(sets, FALSE));
    naive.plants = sim_arena_keep(self->arena, g_ptr_array_free(plants, FALSE));
    if (!fine) {
        return;
    }
    naive.fails = find_expectation(self, sim_words_of_node(self->arena, node).text);
    if (naive.fails == NULL) {
        sim_read_problem(self, node->place,
                         "no expectation of this file reads so, word for word");
        return;
    }
    naive.text = sim_arena_format(self->arena, "%s: %s", words.text, naive.fails);
    g_array_append_val(out, naive);
}

void
sim_read_naives(SimReader *self)
{
    ConfigNode *list = sim_read_child(config_tree_root(self->tree), "naive");
    GArray *out = g_array_new(FALSE, TRUE, sizeof(SimNaive));

    for (size_t i = 0;
         list != NULL && sim_read_is(self, list, CONFIG_NODE_LIST) && i < list->child_count;
         i++) {
        const ConfigNode *item = list->children[i];

        for (size_t j = 0; sim_read_is(self, item, CONFIG_NODE_MAP) && j < item->child_count;
             j++) {
            read_naive(self, item->children[j], out);
        }
    }
    self->scenario->naives = sim_read_keep(self, out, &self->scenario->naive_count);
}

static void
read_report_line(SimReader *self, const ConfigNode *node)
{
    SimWords key = sim_words_of_key(self->arena, node);
    SimWords words = sim_words_of_node(self->arena, node);
    GArray *tokens = g_array_new(FALSE, FALSE, sizeof(SimWordToken));
    SimReportSpec *report = &self->scenario->report;
    SimSentence out = {0};
    const SimRow *row = NULL;

    for (size_t i = 0; i < key.count; i++) {
        SimWordToken token = {key.tokens[i].text, 0, 1};
        g_array_append_val(tokens, token);
    }
    g_array_append_vals(tokens, words.tokens, (guint)words.count);
    words.count = tokens->len;
    words.tokens = (SimWordToken *)sim_arena_keep(self->arena, g_array_free(tokens, FALSE));
    row = sim_parse_sentence(self->arena, self->names, &words, 0, SIM_CONTEXT_REPORT, &out,
                             self->problems);
    if (row == NULL || !sim_read_row_is_here(self, row, node->place)) {
        return;
    }
    report->trace = report->trace || (int)out.kind == SIM_CLAUSE_REPORT_TRACE;
    report->history = report->history || (int)out.kind == SIM_CLAUSE_REPORT_HISTORY;
    if ((int)out.kind == SIM_CLAUSE_REPORT_STRIPS) {
        report->strip_from_ns = out.part[SIM_PART_DIST].dist.a;
        report->strip_to_ns = out.part[SIM_PART_DIST].dist.b;
    }
}

void
sim_read_report(SimReader *self)
{
    ConfigNode *map = sim_read_child(config_tree_root(self->tree), "report");

    if (map == NULL || !sim_read_is(self, map, CONFIG_NODE_MAP)) {
        return;
    }
    self->scenario->report.given = true;
    self->scenario->report.strip_to_ns = self->scenario->run_ns;
    for (size_t i = 0; i < map->child_count; i++) {
        if (sim_read_key_is_known("report", map->children[i]->key)) {
            if (sim_read_is(self, map->children[i], CONFIG_NODE_TEXT)) {
                read_report_line(self, map->children[i]);
            }
        }
    }
    sim_read_refuse_unknown(self, map, "report");
}
