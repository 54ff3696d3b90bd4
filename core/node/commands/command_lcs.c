/* command_lcs.c - LCS: the longest common subsequence of two strings.
 *
 * By the table of lengths, as every textbook has it: time and room are the product of the
 * sizes, and bounded. */
#include "node/commands/command_util.h"

#include <glib.h>

#define CELLS_MAX (16u << 20)

typedef struct Options {
    bool length;
    bool index;
    bool with_lengths;
    uint64_t min_length;
} Options;

static bool
parse_options(OrrCommandContext *context, Options *options)
{
    *options = (Options){.length = false};
    for (size_t i = 3; i < context->arg_count; i++) {
        OrrBytes word = context->args[i];
        int64_t least;

        if (orr_arg_is(word, "idx")) {
            options->index = true;
        } else if (orr_arg_is(word, "len")) {
            options->length = true;
        } else if (orr_arg_is(word, "withmatchlen")) {
            options->with_lengths = true;
        } else if (orr_arg_is(word, "minmatchlen") && i + 1 < context->arg_count) {
            if (!orr_integer_arg(context, ++i, &least)) {
                return false;
            }
            options->min_length = (uint64_t)MAX(least, 0);
        } else {
            orr_reply_error(context->reply, ORR_ERROR_SYNTAX);
            return false;
        }
    }
    if (options->length && options->index) {
        orr_reply_error(context->reply, "ERR If you want both the length and indexes, please "
                                        "just use IDX.");
        return false;
    }
    return true;
}

static bool
take_string(OrrCommandContext *context, size_t word, OrrBytes *text)
{
    OrrValue value = {.value = ORR_BYTES_EMPTY};

    if (orr_find(context, context->args[word], &value) == ORR_OK &&
        value.type != ORR_KEY_STRING) {
        orr_reply_error(context->reply, "ERR The specified keys must contain string values");
        return false;
    }
    *text = value.value;
    return true;
}

typedef struct Table {
    OrrBytes a;
    OrrBytes b;
    uint32_t *cells; /* [i * (b.size + 1) + j]: of the first i of a and j of b */
} Table;

static uint32_t
cell(const Table *table, size_t i, size_t j)
{
    return table->cells[i * (table->b.size + 1) + j];
}

static void
fill(Table *table)
{
    size_t width = table->b.size + 1;

    for (size_t i = 1; i <= table->a.size; i++) {
        for (size_t j = 1; j < width; j++) {
            table->cells[i * width + j] =
                table->a.data[i - 1] == table->b.data[j - 1]
                    ? cell(table, i - 1, j - 1) + 1
                    : MAX(cell(table, i - 1, j), cell(table, i, j - 1));
        }
    }
}

/* One stretch that both strings have, last bytes included. */
typedef struct Match {
    size_t a_first;
    size_t a_last;
    size_t b_first;
    size_t b_last;
} Match;

static void
reply_match(OrrReply *reply, const Match *match, bool with_length)
{
    orr_reply_array(reply, with_length ? 3 : 2);
    orr_reply_array(reply, 2);
    orr_reply_integer(reply, (int64_t)match->a_first);
    orr_reply_integer(reply, (int64_t)match->a_last);
    orr_reply_array(reply, 2);
    orr_reply_integer(reply, (int64_t)match->b_first);
    orr_reply_integer(reply, (int64_t)match->b_last);
    if (with_length) {
        orr_reply_integer(reply, (int64_t)(match->a_last - match->a_first + 1));
    }
}

/* From the end to the beginning: the subsequence goes to `text`, its stretches to `matches`. */
static void
walk(const Table *table, uint8_t *text, GArray *matches)
{
    size_t i = table->a.size;
    size_t j = table->b.size;
    size_t left = cell(table, i, j);
    Match match = {0, 0, 0, 0};
    bool inside = false;

    while (i > 0 && j > 0) {
        if (table->a.data[i - 1] == table->b.data[j - 1]) {
            text[--left] = table->a.data[i - 1];
            if (inside && match.a_first == i && match.b_first == j) {
                match.a_first = i - 1;
                match.b_first = j - 1;
            } else {
                if (inside) {
                    g_array_append_val(matches, match);
                }
                match = (Match){i - 1, i - 1, j - 1, j - 1};
                inside = true;
            }
            i--;
            j--;
        } else if (cell(table, i - 1, j) > cell(table, i, j - 1)) {
            i--;
        } else {
            j--;
        }
    }
    if (inside) {
        g_array_append_val(matches, match);
    }
}

static void
reply_index(OrrCommandContext *context, const GArray *matches, const Options *options,
            uint32_t length)
{
    size_t at;
    size_t count = 0;

    orr_reply_map(context->reply, 2);
    orr_reply_bulk_string(context->reply, "matches");
    at = orr_reply_size(context->reply);
    for (guint i = 0; i < matches->len; i++) {
        const Match *match = &g_array_index(matches, Match, i);

        if (match->a_last - match->a_first + 1 >= options->min_length) {
            reply_match(context->reply, match, options->with_lengths);
            count++;
        }
    }
    orr_reply_insert_array(context->reply, at, count);
    orr_reply_bulk_string(context->reply, "len");
    orr_reply_integer(context->reply, length);
}

static void
run_lcs(OrrCommandContext *context)
{
    Options options;
    Table table;

    if (!take_string(context, 1, &table.a) || !take_string(context, 2, &table.b) ||
        !parse_options(context, &options)) {
        return;
    }
    if ((table.a.size + 1) * (table.b.size + 1) > CELLS_MAX) {
        orr_reply_error(context->reply, "ERR String too long for LCS");
        return;
    }
    table.cells = g_new0(uint32_t, (table.a.size + 1) * (table.b.size + 1));
    fill(&table);

    uint32_t length = cell(&table, table.a.size, table.b.size);
    g_autofree uint8_t *text = g_malloc(length + 1);
    g_autoptr(GArray) matches = g_array_new(false, false, sizeof(Match));

    walk(&table, text, matches);
    if (options.index) {
        reply_index(context, matches, &options, length);
    } else if (options.length) {
        orr_reply_integer(context->reply, length);
    } else {
        orr_reply_bulk(context->reply, orr_bytes(text, length));
    }
    g_free(table.cells);
}

const OrrCommand orr_commands_lcs[] = {
    {.name = "lcs",
     .arity = -3,
     .flags = ORR_COMMAND_READONLY,
     .first_key = 1,
     .last_key = 2,
     .key_step = 1,
     .group = ORR_GROUP_STRING,
     .summary = "The longest common subsequence of two strings.",
     .since = "7.0.0",
     .run = run_lcs},
    ORR_COMMANDS_END,
};
