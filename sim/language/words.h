/* words.h - a sentence cut into words, each of which knows where it stands.
 *
 * Blanks separate words. A comma and a bar stand alone; a comparison stands alone even where a
 * number is glued to it: `n1|n2`, `<=5`.
 *
 * Memory: words belong to the arena, which belongs to the scenario.
 */
#ifndef SIM_WORDS_H
#define SIM_WORDS_H

#include <glib.h>
#include <tree.h>

typedef struct SimWordToken {
    const char *text;
    size_t offset; /* bytes from the start of the sentence */
    size_t size;   /* bytes in the sentence */
} SimWordToken;

typedef struct SimWords {
    const ConfigNode *node; /* NULL: a key, or no file at all; then `place` says where */
    ConfigPlace place;
    const SimWordToken *tokens;
    size_t count;
    const char *text; /* blanks made single */
} SimWords;

/* Everything put here lives as long as the array. */
typedef GPtrArray SimArena;
SimArena *sim_arena_new(void);
void *sim_arena_keep(SimArena *arena, void *memory);
#define sim_arena_new0(arena, type, count)                                                     \
    ((type *)sim_arena_keep((arena), g_malloc0_n(MAX((size_t)(count), 1u), sizeof(type))))
const char *sim_arena_text(SimArena *arena, const char *text);
const char *sim_arena_format(SimArena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The words of `text`, which stands at `place`; `node` may be NULL. */
SimWords sim_words_cut(SimArena *arena, const char *text, ConfigPlace place,
                       const ConfigNode *node);
/* The words of a text node, or of the key of a node. */
SimWords sim_words_of_node(SimArena *arena, const ConfigNode *node);
SimWords sim_words_of_key(SimArena *arena, const ConfigNode *node);
/* Where word `index` stands; past the last: just behind the end. */
ConfigPlace sim_words_place(const SimWords *words, size_t index);
/* From word `first` to the one before `end`, joined by single blanks. */
const char *sim_words_join(SimArena *arena, const SimWords *words, size_t first, size_t end);

#endif
