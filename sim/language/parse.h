/* parse.h - from words to a typed sentence, by the rows of the grammar.
 *
 * Every row of a context is tried; the one that takes all words is the meaning. If none does,
 * the attempt that came furthest says what was expected there, and the nearest such word is
 * suggested.
 */
#ifndef SIM_PARSE_H
#define SIM_PARSE_H

#include <nearest.h>

#include "grammar.h"
#include "names.h"

/* What is known at the furthest word that any attempt reached. */
typedef struct SimFailure {
    size_t at;
    char *message;       /* precise words about it, or NULL */
    GPtrArray *expected; /* literal words, lent */
    bool values;         /* something else than a literal word was expected, too */
    bool target;         /* somebody was expected */
} SimFailure;

typedef struct SimParse {
    SimArena *arena;
    const SimNames *names;
    const SimWords *words;
    size_t at;     /* the next word */
    bool in_a_row; /* behind a name of a target, with nothing between */
    SimSentence *out;
    SimFailure *failure;
} SimParse;

/* Reads words from `first` on as one sentence of `context`, with what may stand
 * behind it. On success returns the row. Otherwise adds one problem and returns NULL. */
const SimRow *sim_parse_sentence(SimArena *arena, const SimNames *names, const SimWords *words,
                                 size_t first, SimContext context, SimSentence *out,
                                 ConfigProblems *problems);
/* Reads one clause at *at and moves *at behind it. */
const SimRow *sim_parse_clause(SimArena *arena, const SimNames *names, const SimWords *words,
                               size_t *at, SimContext context, SimSentence *out,
                               ConfigProblems *problems);
/* Reads all words from *at on as one value of the named type of the grammar. */
bool sim_parse_value(SimArena *arena, const SimNames *names, const SimWords *words, size_t *at,
                     const char *type, SimValue *out, ConfigProblems *problems);

/* For the readers of values: the next word, or NULL at the end. */
const char *sim_parse_word(const SimParse *parse);
/* True, and one word further, if the next word is this one. */
bool sim_parse_take(SimParse *parse, const char *word);
/* Notes a word that would have been right here. */
void sim_parse_expect(SimParse *parse, const char *word);
void sim_parse_expect_value(SimParse *parse, bool target);
/* Notes what exactly is wrong with the next word; takes over `message`; returns false. */
bool sim_parse_fail(SimParse *parse, char *message);

/* Values by type; each moves on, or fails without moving. */
typedef bool (*SimValueReader)(SimParse *parse, SimValue *value);
SimValueReader sim_value_reader(const char *type);
bool sim_read_target(SimParse *parse, SimValue *value);
bool sim_read_sides(SimParse *parse, SimValue *value);
bool sim_read_shard(SimParse *parse, SimValue *value);
bool sim_read_moment(SimParse *parse, SimValue *value);
bool sim_read_action(SimParse *parse, SimValue *value);
/* Offers every word that can begin a target. */
void sim_target_offer(const SimNames *names, ConfigNearest *nearest);

/* The matcher: moves on and fills parts of parse->out, or fails without moving. */
bool sim_pattern_match(SimParse *parse, const char *pattern);
/* The pattern as a manual shows it, with NAMES for values; owned by the caller. */
char *sim_pattern_show(const char *pattern);

#endif
