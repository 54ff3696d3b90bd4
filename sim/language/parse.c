#include "parse.h"

#include <nearest.h>
#include <string.h>

const char *
sim_parse_word(const SimParse *parse)
{
    return parse->at < parse->words->count ? parse->words->tokens[parse->at].text : NULL;
}

bool
sim_parse_take(SimParse *parse, const char *word)
{
    const char *next = sim_parse_word(parse);

    if (next == NULL || strcmp(next, word) != 0) {
        return false;
    }
    parse->at++;
    return true;
}

/* True if this word is as far as any attempt came; forgets what was known about earlier ones.
 */
static bool
is_furthest(SimParse *parse)
{
    SimFailure *failure = parse->failure;

    if (parse->at < failure->at) {
        return false;
    }
    if (parse->at > failure->at) {
        failure->at = parse->at;
        g_clear_pointer(&failure->message, g_free);
        g_ptr_array_set_size(failure->expected, 0);
        failure->values = false;
        failure->target = false;
    }
    return true;
}

void
sim_parse_expect(SimParse *parse, const char *word)
{
    if (is_furthest(parse) &&
        !g_ptr_array_find_with_equal_func(parse->failure->expected, word, g_str_equal, NULL)) {
        g_ptr_array_add(parse->failure->expected, (gpointer)(uintptr_t)word);
    }
}

void
sim_parse_expect_value(SimParse *parse, bool target)
{
    if (is_furthest(parse)) {
        parse->failure->values = parse->failure->values || !target;
        parse->failure->target = parse->failure->target || target;
    }
}

bool
sim_parse_fail(SimParse *parse, char *message)
{
    if (is_furthest(parse) && parse->failure->message == NULL) {
        parse->failure->message = message;
    } else {
        g_free(message);
    }
    return false;
}

/* "`a`, `b` or `c`" */
static char *
list_expected(const SimFailure *failure)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < failure->expected->len; i++) {
        const char *between = i == 0 ? "" : i + 1 == failure->expected->len ? " or " : ", ";
        g_string_append_printf(text, "%s`%s`", between,
                               (const char *)failure->expected->pdata[i]);
    }
    return g_string_free(text, FALSE);
}

static const char *
suggestion(const SimParse *parse, const char *word)
{
    ConfigNearest nearest = config_nearest(word);

    for (guint i = 0; i < parse->failure->expected->len; i++) {
        config_nearest_offer(&nearest, parse->failure->expected->pdata[i]);
    }
    if (parse->failure->target) {
        sim_target_offer(parse->names, &nearest);
    }
    return nearest.best;
}

/* What is wrong at the furthest word, in the most helpful words there are for it. */
static char *
explain(const SimParse *parse, SimContext context)
{
    const SimFailure *failure = parse->failure;
    const char *word =
        failure->at < parse->words->count ? parse->words->tokens[failure->at].text : NULL;
    const char *near = word == NULL ? NULL : suggestion(parse, word);
    bool few = failure->expected->len > 0 && failure->expected->len <= 6;
    g_autofree char *expected = list_expected(failure);

    if (failure->message != NULL) {
        return g_strdup(failure->message);
    }
    if (word == NULL && few) {
        return g_strdup_printf("something is missing here: %s%s", expected,
                               failure->values || failure->target ? ", or a value" : "");
    }
    if (word == NULL) {
        return g_strdup_printf("something is missing here%s", failure->target
                                                                  ? ": whom it is about"
                                                              : failure->values ? ": a value"
                                                                                : "");
    }
    if (near != NULL) {
        return g_strdup_printf("`%s` is not known here; did you mean `%s`?", word, near);
    }
    if (few && !failure->values && !failure->target) {
        return g_strdup_printf("`%s` is not known here; %s could stand here", word, expected);
    }
    if (failure->target && failure->expected->len == 0) {
        return g_strdup_printf("nobody is called `%s`", word);
    }
    return g_strdup_printf(
        "`%s` is not known here; `orrery explain` lists what can stand in: %s", word,
        sim_context_title(context));
}

/* What may stand behind a row: scopes behind a check, `for`, `as`, `once` behind a command. */
static bool
may_follow(const SimRow *row, const SimRow *tail)
{
    if (row->context == SIM_CONTEXT_COMMAND) {
        return tail->context == SIM_CONTEXT_MODIFIER && row->kind != SIM_COMMAND_EXPECT;
    }
    return row->context == SIM_CONTEXT_CHECK && tail->context == SIM_CONTEXT_SCOPE &&
           (row->flags & tail->flags) != 0;
}

/* One of those that may follow; each at most once, `used` are its bits. */
static bool
match_one_tail(SimParse *parse, const SimRow *row, uint64_t *used)
{
    const SimRow *tail = NULL;
    unsigned number = 0;

    for (size_t i = 0; (tail = sim_grammar_row(i)) != NULL; i++) {
        if (!may_follow(row, tail)) {
            continue;
        }
        if ((*used >> number & 1) == 0 && sim_pattern_match(parse, tail->pattern)) {
            *used |= UINT64_C(1) << number;
            return true;
        }
        number++;
    }
    return false;
}

static void
match_tail(SimParse *parse, const SimRow *row)
{
    uint64_t used = 0;

    while (match_one_tail(parse, row, &used)) {
        continue;
    }
}

/* What a row means without its being written. */
static void
finish(SimSentence *out, const SimRow *row)
{
    out->kind = row->kind;
    if ((row->flags & SIM_MEANS_NONE) != 0) {
        out->part[SIM_PART_BOUND] = (SimValue){.type = SIM_VALUE_BOUND,
                                               .unit = SIM_UNIT_COUNT,
                                               .bound = {SIM_OP_EQ, SIM_UNIT_COUNT, 0}};
    }
    if ((row->flags & SIM_PER_SHARD) != 0) {
        out->part[SIM_PART_CHOICE] = (SimValue){.type = SIM_VALUE_CHOICE, .choice = 1};
    }
}

/* Whatever can become true is a trigger, too. */
static bool
stands_in(const SimRow *row, SimContext context)
{
    return row->context == context ||
           (context == SIM_CONTEXT_TRIGGER && row->context == SIM_CONTEXT_CHECK &&
            (row->flags & SIM_IS_STATE) != 0);
}

/* The first row that takes all words to the end, or else the row that takes most. */
static const SimRow *
match_rows(SimParse *parse, SimContext context, size_t first, SimSentence *out)
{
    const SimRow *row = NULL;
    const SimRow *best = NULL;
    size_t best_at = first;

    for (size_t i = 0; (row = sim_grammar_row(i)) != NULL; i++) {
        SimSentence attempt = {0};

        if (!stands_in(row, context)) {
            continue;
        }
        parse->at = first;
        parse->out = &attempt;
        if (!sim_pattern_match(parse, row->pattern)) {
            continue;
        }
        match_tail(parse, row);
        if (parse->at > best_at) {
            best = row;
            best_at = parse->at;
            finish(&attempt, row);
            *out = attempt;
        }
        if (parse->at == parse->words->count) {
            break;
        }
    }
    parse->at = best_at;
    parse->out = out;
    return best;
}

typedef struct Attempt {
    SimFailure failure;
    SimParse parse;
} Attempt;

static void
attempt_begin(Attempt *self, SimArena *arena, const SimNames *names, const SimWords *words,
              size_t first)
{
    self->failure = (SimFailure){.at = first, .expected = g_ptr_array_new()};
    self->parse = (SimParse){
        .arena = arena, .names = names, .words = words, .at = first, .failure = &self->failure};
}

/* Reports the failure, unless `fine`. */
static void
attempt_end(Attempt *self, bool fine, SimContext context, ConfigProblems *problems)
{
    if (!fine) {
        g_autofree char *message = NULL;

        is_furthest(&self->parse); /* nothing is known about a word behind a whole sentence */
        message = explain(&self->parse, context);
        config_problems_add(problems, sim_words_place(self->parse.words, self->failure.at),
                            "%s", message);
    }
    g_free(self->failure.message);
    g_ptr_array_free(self->failure.expected, TRUE);
}

static void
place_sentence(const Attempt *self, size_t first, SimSentence *out)
{
    ConfigPlace place = sim_words_place(self->parse.words, first);

    out->where = (SimWhere){place.line, place.column};
    out->text = sim_words_join(self->parse.arena, self->parse.words, first, self->parse.at);
}

const SimRow *
sim_parse_sentence(SimArena *arena, const SimNames *names, const SimWords *words, size_t first,
                   SimContext context, SimSentence *out, ConfigProblems *problems)
{
    Attempt attempt;
    const SimRow *row = NULL;
    bool fine = false;

    attempt_begin(&attempt, arena, names, words, first);
    row = match_rows(&attempt.parse, context, first, out);
    fine = row != NULL && attempt.parse.at == words->count;
    if (fine) {
        place_sentence(&attempt, first, out);
    }
    attempt_end(&attempt, fine, context, problems);
    return fine ? row : NULL;
}

const SimRow *
sim_parse_clause(SimArena *arena, const SimNames *names, const SimWords *words, size_t *at,
                 SimContext context, SimSentence *out, ConfigProblems *problems)
{
    Attempt attempt;
    const SimRow *row = NULL;

    attempt_begin(&attempt, arena, names, words, *at);
    row = match_rows(&attempt.parse, context, *at, out);
    if (row != NULL) {
        place_sentence(&attempt, *at, out);
        *at = attempt.parse.at;
    }
    attempt_end(&attempt, row != NULL, context, problems);
    return row;
}

bool
sim_parse_value(SimArena *arena, const SimNames *names, const SimWords *words, size_t *at,
                const char *type, SimValue *out, ConfigProblems *problems)
{
    Attempt attempt;
    ConfigPlace place = sim_words_place(words, *at);
    bool fine = false;

    attempt_begin(&attempt, arena, names, words, *at);
    fine = sim_value_reader(type)(&attempt.parse, out);
    if (fine) {
        out->where = (SimWhere){place.line, place.column};
        *at = attempt.parse.at;
    }
    attempt_end(&attempt, fine, SIM_CONTEXT_COMMAND, problems);
    return fine;
}
