#include "words.h"

#include <stdarg.h>
#include <string.h>

SimArena *
sim_arena_new(void)
{
    return g_ptr_array_new_with_free_func(g_free);
}

void *
sim_arena_keep(SimArena *arena, void *memory)
{
    g_ptr_array_add(arena, memory);
    return memory;
}

const char *
sim_arena_text(SimArena *arena, const char *text)
{
    return sim_arena_keep(arena, g_strdup(text));
}

const char *
sim_arena_format(SimArena *arena, const char *format, ...)
{
    va_list arguments;
    char *text = NULL;

    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    return sim_arena_keep(arena, text);
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Bytes of the word that begins at `text`, which is no blank. */
static size_t
word_size(const char *text)
{
    static const char *const alone[] = {"<->", "->", "<=", ">=", "<", ">", "=", ",", "|"};
    size_t size = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(alone); i++) {
        if (g_str_has_prefix(text, alone[i])) {
            return strlen(alone[i]);
        }
    }
    if (*text == '"' && strchr(text + 1, '"') != NULL) {
        return (size_t)(strchr(text + 1, '"') - text) + 1;
    }
    while (text[size] != '\0' && !is_blank(text[size]) && text[size] != ',' &&
           text[size] != '|') {
        size++;
    }
    return size;
}

SimWords
sim_words_cut(SimArena *arena, const char *text, ConfigPlace place, const ConfigNode *node)
{
    SimWords words = {.node = node, .place = place};
    GArray *tokens = g_array_new(FALSE, FALSE, sizeof(SimWordToken));

    for (size_t at = 0; text[at] != '\0';) {
        SimWordToken token = {.offset = at};

        if (is_blank(text[at])) {
            at++;
            continue;
        }
        token.size = word_size(text + at);
        token.text = text[at] == '"' && token.size > 1
                         ? sim_arena_keep(arena, g_strndup(text + at + 1, token.size - 2))
                         : sim_arena_keep(arena, g_strndup(text + at, token.size));
        g_array_append_val(tokens, token);
        at += token.size;
    }
    words.count = tokens->len;
    words.tokens = (SimWordToken *)sim_arena_keep(arena, g_array_free(tokens, FALSE));
    words.text = sim_words_join(arena, &words, 0, words.count);
    return words;
}

SimWords
sim_words_of_node(SimArena *arena, const ConfigNode *node)
{
    return sim_words_cut(arena, node->text, node->place, node);
}

SimWords
sim_words_of_key(SimArena *arena, const ConfigNode *node)
{
    return sim_words_cut(arena, node->key, node->key_place, NULL);
}

ConfigPlace
sim_words_place(const SimWords *words, size_t index)
{
    ConfigPlace place = words->place;
    size_t offset = 0;

    if (words->count == 0 || (words->node != NULL && !words->node->plain)) {
        return place;
    }
    if (index < words->count) {
        offset = words->tokens[index].offset;
        place.length = (unsigned)words->tokens[index].size;
    } else {
        const SimWordToken *last = &words->tokens[words->count - 1];
        offset = last->offset + last->size;
        place.length = 1;
    }
    if (words->node != NULL) {
        return config_node_place_at(words->node, offset,
                                    index < words->count ? place.length : 0);
    }
    place.column += (unsigned)offset;
    return place;
}

const char *
sim_words_join(SimArena *arena, const SimWords *words, size_t first, size_t end)
{
    GString *text = g_string_new(NULL);

    for (size_t i = first; i < end; i++) {
        bool glue = text->len == 0 || strcmp(words->tokens[i].text, ",") == 0;
        g_string_append_printf(text, "%s%s", glue ? "" : " ", words->tokens[i].text);
    }
    return sim_arena_keep(arena, g_string_free(text, FALSE));
}
