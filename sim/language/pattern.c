/* Patterns of the grammar: compiled once, matched without looking back into what succeeded. */
#include <string.h>

#include "parse.h"

typedef enum NodeKind {
    NODE_SEQUENCE,
    NODE_ALTERNATIVES,
    NODE_OPTIONAL,
    NODE_WORD,
    NODE_VALUE,  /* <part:type> */
    NODE_CHOICE, /* <part=a | b c>: each child a sequence of words, or none for `-` */
    NODE_FLAG,   /* <part!words>: children are words */
} NodeKind;

typedef struct Node {
    NodeKind kind;
    char *text; /* WORD: itself; VALUE: the type; CHOICE: as written */
    SimPart part;
    SimValueReader reader;
    GPtrArray *children;
} Node;

static const char *const part_names[SIM_PARTS] = {
    [SIM_PART_WHO] = "who",
    [SIM_PART_WHOM] = "whom",
    [SIM_PART_SIDES] = "sides",
    [SIM_PART_DIRECTION] = "direction",
    [SIM_PART_MESSAGE] = "message",
    [SIM_PART_AMOUNT] = "amount",
    [SIM_PART_AMOUNT2] = "amount2",
    [SIM_PART_DIST] = "dist",
    [SIM_PART_DISK] = "disk",
    [SIM_PART_BYTE] = "byte",
    [SIM_PART_FILES] = "files",
    [SIM_PART_RESTART] = "restart",
    [SIM_PART_COUNT] = "count",
    [SIM_PART_SLOT] = "slot",
    [SIM_PART_NAME] = "name",
    [SIM_PART_TEXT] = "text",
    [SIM_PART_ACTION] = "action",
    [SIM_PART_CHOICE] = "choice",
    [SIM_PART_SETTINGS] = "settings",
    [SIM_PART_WITH_CLIENTS] = "clients",
    [SIM_PART_BOUND] = "bound",
    [SIM_PART_VIEW] = "view",
    [SIM_PART_OF] = "of",
    [SIM_PART_WITHIN] = "within",
    [SIM_PART_SINCE] = "since",
    [SIM_PART_FROM] = "from",
    [SIM_PART_TO] = "to",
    [SIM_PART_OUTSIDE] = "outside",
    [SIM_PART_HOLD] = "hold",
    [SIM_PART_FOR] = "for",
    [SIM_PART_AS] = "as",
    [SIM_PART_ONCE] = "once",
};

static Node *
node_new(NodeKind kind, const char *text, size_t size)
{
    Node *node = g_new0(Node, 1);

    node->kind = kind;
    node->text = text == NULL ? NULL : g_strndup(text, size);
    node->children = g_ptr_array_new();
    return node;
}

static Node *compile_until(const char **cursor, const char *stops);

static void
add_words(Node *node, const char *text, size_t size)
{
    g_autofree char *copy = g_strndup(text, size);
    g_auto(GStrv) words = g_strsplit(g_strstrip(copy), " ", -1);

    for (guint i = 0; words[i] != NULL; i++) {
        if (words[i][0] != '\0') {
            g_ptr_array_add(node->children, node_new(NODE_WORD, words[i], strlen(words[i])));
        }
    }
}

static SimPart
part_of(const char *name, size_t size)
{
    for (int part = 0; part < SIM_PARTS; part++) {
        if (part_names[part] != NULL && strlen(part_names[part]) == size &&
            strncmp(part_names[part], name, size) == 0) {
            return (SimPart)part;
        }
    }
    g_error("the grammar names a part `%.*s` that is not there", (int)size, name);
}

/* What stands between < and >. */
static Node *
compile_slot(const char *text, size_t size)
{
    size_t name = strcspn(text, ":=!");
    Node *node = NULL;

    if (text[name] == ':') {
        node = node_new(NODE_VALUE, text + name + 1, size - name - 1);
        node->reader = sim_value_reader(node->text);
    } else if (text[name] == '!') {
        node = node_new(NODE_FLAG, NULL, 0);
        add_words(node, text + name + 1, size - name - 1);
    } else {
        g_autofree char *inside = g_strndup(text + name + 1, size - name - 1);
        g_auto(GStrv) choices = g_strsplit(inside, "|", -1);

        node = node_new(NODE_CHOICE, text + name + 1, size - name - 1);
        for (guint i = 0; choices[i] != NULL; i++) {
            Node *choice = node_new(NODE_SEQUENCE, NULL, 0);
            add_words(choice, choices[i], strlen(choices[i]));
            g_ptr_array_add(node->children, choice);
        }
    }
    node->part = part_of(text, name);
    return node;
}

static Node *
compile_alternatives(const char **cursor)
{
    Node *node = node_new(NODE_ALTERNATIVES, NULL, 0);

    do {
        (*cursor)++; /* past ( or | */
        g_ptr_array_add(node->children, compile_until(cursor, "|)"));
    } while (**cursor == '|');
    (*cursor)++;
    return node;
}

static Node *
compile_until(const char **cursor, const char *stops)
{
    Node *sequence = node_new(NODE_SEQUENCE, NULL, 0);

    while (**cursor != '\0' && strchr(stops, **cursor) == NULL) {
        const char *at = *cursor;
        Node *child = NULL;

        if (*at == ' ') {
            (*cursor)++;
            continue;
        }
        if (*at == '[') {
            (*cursor)++;
            child = compile_until(cursor, "]");
            child->kind = NODE_OPTIONAL;
            (*cursor)++;
        } else if (*at == '(') {
            child = compile_alternatives(cursor);
        } else if (*at == '<') {
            size_t size = strcspn(at, ">");
            child = compile_slot(at + 1, size - 1);
            *cursor += size + 1;
        } else {
            size_t size = strcspn(at, " []()|<");
            child = node_new(NODE_WORD, at, size);
            *cursor += size;
        }
        g_ptr_array_add(sequence->children, child);
    }
    return sequence;
}

/* Compiled patterns are kept until the program ends; there are as many as rows. */
static const Node *
compiled(const char *pattern)
{
    static GHashTable *cache = NULL;
    Node *node = NULL;

    if (cache == NULL) {
        cache = g_hash_table_new(g_direct_hash, g_direct_equal);
    }
    node = g_hash_table_lookup(cache, pattern);
    if (node == NULL) {
        const char *cursor = pattern;
        node = compile_until(&cursor, "");
        g_hash_table_insert(cache, (gpointer)(uintptr_t)pattern, node);
    }
    return node;
}

static bool match(SimParse *parse, const Node *node);

static bool
match_word(SimParse *parse, const Node *node)
{
    if (sim_parse_take(parse, node->text)) {
        return true;
    }
    sim_parse_expect(parse, node->text);
    return false;
}

/* A run of optional groups from child `first` on, each at most once, in any order. Returns how
 * many children the run has. */
static guint
match_optionals(SimParse *parse, const Node *node, guint first)
{
    guint end = first;
    uint64_t done = 0;
    bool moved = true;

    while (end < node->children->len &&
           ((Node *)node->children->pdata[end])->kind == NODE_OPTIONAL) {
        end++;
    }
    while (moved) {
        moved = false;
        for (guint i = first; i < end; i++) {
            size_t before = parse->at;
            if ((done >> (i - first) & 1) == 0 && match(parse, node->children->pdata[i])) {
                done |= UINT64_C(1) << (i - first);
                moved = moved || parse->at > before;
            }
        }
    }
    return end - first;
}

static bool
match_sequence(SimParse *parse, const Node *node)
{
    size_t start = parse->at;
    SimSentence before = *parse->out;

    for (guint i = 0; i < node->children->len;) {
        const Node *child = node->children->pdata[i];

        if (child->kind == NODE_OPTIONAL) {
            i += match_optionals(parse, node, i);
        } else if (match(parse, child)) {
            i++;
        } else {
            parse->at = start;
            *parse->out = before;
            return false;
        }
    }
    return true;
}

static bool
match_choice(SimParse *parse, const Node *node)
{
    SimValue *value = &parse->out->part[node->part];
    ConfigPlace place = sim_words_place(parse->words, parse->at);

    for (guint i = 0; i < node->children->len; i++) {
        const Node *choice = node->children->pdata[i];
        const Node *word = choice->children->pdata[0];

        if (choice->children->len == 1 && strcmp(word->text, "-") == 0) {
            continue;
        }
        if (match_sequence(parse, choice)) {
            *value = (SimValue){
                .type = SIM_VALUE_CHOICE, .where = {place.line, place.column}, .choice = i};
            return true;
        }
    }
    return false;
}

static bool
match_value(SimParse *parse, const Node *node)
{
    SimValue value = {0};
    ConfigPlace place = sim_words_place(parse->words, parse->at);

    if (node->reader == NULL) {
        g_error("the grammar names a type `%s` that is not there", node->text);
    }
    if (!node->reader(parse, &value)) {
        return false;
    }
    value.where = (SimWhere){place.line, place.column};
    parse->out->part[node->part] = value;
    return true;
}

static bool
match_flag(SimParse *parse, const Node *node)
{
    ConfigPlace place = sim_words_place(parse->words, parse->at);

    if (!match_sequence(parse, node)) {
        return false;
    }
    parse->out->part[node->part] =
        (SimValue){.type = SIM_VALUE_FLAG, .where = {place.line, place.column}};
    return true;
}

static bool
match(SimParse *parse, const Node *node)
{
    switch (node->kind) {
    case NODE_WORD:
        return match_word(parse, node);
    case NODE_SEQUENCE:
    case NODE_OPTIONAL:
        return match_sequence(parse, node);
    case NODE_ALTERNATIVES:
        for (guint i = 0; i < node->children->len; i++) {
            if (match(parse, node->children->pdata[i])) {
                return true;
            }
        }
        return false;
    case NODE_VALUE:
        return match_value(parse, node);
    case NODE_CHOICE:
        return match_choice(parse, node);
    case NODE_FLAG:
        return match_flag(parse, node);
    }
    g_assert_not_reached();
}

bool
sim_pattern_match(SimParse *parse, const char *pattern)
{
    return match(parse, compiled(pattern));
}

static void show_children(const Node *node, const char *between, GString *text);

static const char *
shown_type(const char *type)
{
    for (const SimTypeRow *row = sim_grammar_types; row->name != NULL; row++) {
        if (strcmp(row->name, type) == 0) {
            return row->shown;
        }
    }
    g_error("the grammar names a type `%s` that has no row", type);
}

static void
show_choice(const Node *node, GString *text)
{
    guint shown = 0;
    GString *inside = g_string_new(NULL);

    for (guint i = 0; i < node->children->len; i++) {
        const Node *choice = node->children->pdata[i];
        const Node *word = choice->children->pdata[0];

        if (strcmp(word->text, "-") == 0) {
            continue;
        }
        g_string_append(inside, shown++ == 0 ? "" : "|");
        show_children(choice, " ", inside);
    }
    g_string_append_printf(text, shown > 1 ? "(%s)" : "%s", inside->str);
    g_string_free(inside, TRUE);
}

static void
show(const Node *node, GString *text)
{
    switch (node->kind) {
    case NODE_WORD:
        g_string_append(text, node->text);
        break;
    case NODE_SEQUENCE:
    case NODE_FLAG:
        show_children(node, " ", text);
        break;
    case NODE_OPTIONAL:
        g_string_append_c(text, '[');
        show_children(node, " ", text);
        g_string_append_c(text, ']');
        break;
    case NODE_ALTERNATIVES:
        g_string_append_c(text, '(');
        show_children(node, "|", text);
        g_string_append_c(text, ')');
        break;
    case NODE_VALUE:
        g_string_append(text, shown_type(node->text));
        break;
    case NODE_CHOICE:
        show_choice(node, text);
        break;
    }
}

static void
show_children(const Node *node, const char *between, GString *text)
{
    for (guint i = 0; i < node->children->len; i++) {
        g_string_append(text, i == 0 ? "" : between);
        show(node->children->pdata[i], text);
    }
}

char *
sim_pattern_show(const char *pattern)
{
    GString *text = g_string_new(NULL);

    show(compiled(pattern), text);
    return g_string_free(text, FALSE);
}
