/* grammar.h - the language: every sentence is one row of a table.
 *
 *     {SIM_COMMAND_ISOLATE, "isolate <who:target> [<clients!with its clients>]", doc, example}
 *
 * A pattern is made of
 *
 *     word                      itself
 *     [ ... ]                   may be left out; several in a row may come in any order
 *     ( a | b )                 one of these
 *     <part:type>               a value of this type, kept in that part of the sentence
 *     <part=one | two words>    one of these, kept as its number; `-` takes a number away
 *     <part!some words>         these words, kept as a flag
 *
 * The parser, `orrery explain`, the suggestions in error messages, the manual page and the test
 * that every example parses all read the same rows, so a new sentence is a new row (and a name
 * in sentence_kinds.h, and whoever carries it out).
 */
#ifndef SIM_GRAMMAR_H
#define SIM_GRAMMAR_H

#include "sentence.h"

/* Where a sentence may stand. */
typedef enum SimContext {
    SIM_CONTEXT_COMMAND,  /* timeline, chaos, settle.leave broken */
    SIM_CONTEXT_MODIFIER, /* behind a command: for, as, once */
    SIM_CONTEXT_TRIGGER,  /* timeline, behind `when` */
    SIM_CONTEXT_CHECK,    /* always, eventually, finally, expect, when */
    SIM_CONTEXT_SCOPE,    /* behind a check: in view of, outside faults, between ... */
    SIM_CONTEXT_DEADLINE, /* eventually, as a key */
    SIM_CONTEXT_TIME,     /* timeline, as a key */
    SIM_CONTEXT_LINK,     /* network */
    SIM_CONTEXT_CLOCK,    /* clocks */
    SIM_CONTEXT_DISK,     /* disk */
    SIM_CONTEXT_FLEET,    /* workload */
    SIM_CONTEXT_STORE,    /* store */
    SIM_CONTEXT_USE,      /* cluster.use, with the key in front */
    SIM_CONTEXT_SHARDS,   /* cluster.shards */
    SIM_CONTEXT_REPORT,   /* report, with the key in front */
    SIM_CONTEXTS,
} SimContext;

/* Which scopes a check takes, and what kind of check it is. */
enum {
    SIM_TAKES_VIEW = 1u << 0,    /* in view of WHO */
    SIM_TAKES_WITHIN = 1u << 1,  /* within D of MOMENT */
    SIM_TAKES_PERIOD = 1u << 2,  /* between A and B, from A, until B */
    SIM_TAKES_OUTSIDE = 1u << 3, /* outside faults */
    SIM_TAKES_OF = 1u << 4,      /* of WHO */
    SIM_TAKES_HOLD = 1u << 5,    /* for D */
    SIM_IS_SAFETY = 1u << 8,     /* failing it is exit code 1 */
    SIM_IS_STATE = 1u << 9,      /* true or false at an instant: expect, when, eventually */
    SIM_IS_RULE = 1u << 10,      /* looked at after every event: always */
    SIM_IS_NUMBER = 1u << 11,    /* measured over a period: finally, always, expect */
    SIM_MEANS_NONE = 1u << 12,   /* the bound is `= 0` without being written */
    SIM_PER_SHARD = 1u << 13,    /* part CHOICE is 1: the worst shard, not the sum */
};

typedef struct SimRow {
    SimSentenceKind kind;
    SimContext context;
    const char *pattern;
    const char *doc;     /* one sentence without a full stop */
    const char *example; /* must parse: a test sees to it */
    unsigned flags;
    const char *later; /* why it is refused: "elections by Raft"; NULL: it is here */
} SimRow;

/* Rows of every table in turn, in the order of the manual. NULL past the last. */
const SimRow *sim_grammar_row(size_t index);
/* What a context is called in manuals ("Commands of the timeline") and where it stands. */
const char *sim_context_title(SimContext context);
const char *sim_context_intro(SimContext context);

/* A key of the file, by its dotted path. */
typedef struct SimKeyRow {
    const char *key;
    const char *doc;     /* without a full stop */
    const char *example; /* a value, or NULL */
} SimKeyRow;
extern const SimKeyRow sim_grammar_keys[]; /* ended by a row without a key */
/* Is it directly under `parent`? "" is the file itself. */
bool sim_key_is_in(const SimKeyRow *row, const char *parent);
/* Its last step. */
const char *sim_key_last(const SimKeyRow *row);

/* One table each. */
extern const SimRow sim_grammar_commands[];
extern const SimRow sim_grammar_triggers[];
extern const SimRow sim_grammar_checks[];
extern const SimRow sim_grammar_numbers[];
extern const SimRow sim_grammar_clauses[];

/* Words of the types that are lists of words; NULL-terminated, in the order of their enum. */
extern const char *const sim_words_message[];
extern const char *const sim_words_operation[];
extern const char *const sim_words_percentile[];

/* Types of values, with what a manual says of them. */
typedef struct SimTypeRow {
    const char *name;  /* as in patterns */
    const char *shown; /* as in manuals: DURATION */
    const char *doc;
    const char *example;
} SimTypeRow;
extern const SimTypeRow sim_grammar_types[]; /* ended by a row without a name */

#endif
