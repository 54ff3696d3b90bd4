#include "names.h"

#include <string.h>

#include "scenario.h"

typedef struct Verb {
    char *word;
    unsigned index;
} Verb;

struct SimNames {
    GHashTable *index[SIM_NAME_KINDS]; /* name -> index + 1 */
    GPtrArray *order[SIM_NAME_KINDS];
    GArray *verbs;
};

static void
verb_clear(gpointer data)
{
    g_free(((Verb *)data)->word);
}

SimNames *
sim_names_new(void)
{
    SimNames *self = g_new0(SimNames, 1);

    for (int kind = 0; kind < SIM_NAME_KINDS; kind++) {
        self->index[kind] = g_hash_table_new(g_str_hash, g_str_equal);
        self->order[kind] = g_ptr_array_new_with_free_func(g_free);
    }
    self->verbs = g_array_new(FALSE, FALSE, sizeof(Verb));
    g_array_set_clear_func(self->verbs, verb_clear);
    return self;
}

void
sim_names_free(SimNames *names)
{
    for (int kind = 0; kind < SIM_NAME_KINDS; kind++) {
        g_hash_table_unref(names->index[kind]);
        g_ptr_array_unref(names->order[kind]);
    }
    g_array_unref(names->verbs);
    g_free(names);
}

bool
sim_names_add(SimNames *names, SimNameKind kind, const char *name, unsigned index)
{
    char *copy = NULL;

    if (g_hash_table_contains(names->index[kind], name)) {
        return false;
    }
    copy = g_strdup(name);
    g_ptr_array_add(names->order[kind], copy);
    g_hash_table_insert(names->index[kind], copy, GUINT_TO_POINTER(index + 1));
    return true;
}

unsigned
sim_names_find(const SimNames *names, SimNameKind kind, const char *name)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(names->index[kind], name)) - 1;
}

const char *
sim_names_at(const SimNames *names, SimNameKind kind, unsigned position)
{
    return position < names->order[kind]->len ? names->order[kind]->pdata[position] : NULL;
}

const char *
sim_name_kind_text(SimNameKind kind)
{
    static const char *const texts[SIM_NAME_KINDS] = {
        "node", "site", "shard", "cluster", "fleet", "store", "line of the timeline",
    };

    return texts[kind];
}

void
sim_names_add_verb(SimNames *names, const char *verb, unsigned index)
{
    Verb entry = {g_strdup(verb), index};

    g_array_append_val(names->verbs, entry);
}

unsigned
sim_names_find_verb(const SimNames *names, const char *verb, unsigned *count)
{
    unsigned found = SIM_NAMES_NONE;

    *count = 0;
    for (guint i = 0; i < names->verbs->len; i++) {
        const Verb *entry = &g_array_index(names->verbs, Verb, i);
        if (strcmp(entry->word, verb) == 0) {
            found = entry->index;
            (*count)++;
        }
    }
    return *count == 1 ? found : SIM_NAMES_NONE;
}

/* The number that `text` ends with: where its digits begin, or the end. */
static size_t
digits_at(const char *text)
{
    size_t at = strlen(text);

    while (at > 0 && g_ascii_isdigit(text[at - 1])) {
        at--;
    }
    return at;
}

static char **
expand_numbers(const char *first, const char *last, char **why)
{
    size_t prefix = digits_at(first);
    /* n01..n12 counts with leading zeros, as it is written */
    int width = first[prefix] == '0' ? (int)strlen(first + prefix) : 1;
    guint64 low = g_ascii_strtoull(first + prefix, NULL, 10);
    guint64 high = g_ascii_strtoull(last + prefix, NULL, 10);
    GPtrArray *names = NULL;

    if (high < low) {
        *why = g_strdup("runs backwards");
        return NULL;
    }
    if (high - low >= SIM_NODES_MAX) {
        *why = g_strdup_printf("has more than %u names", SIM_NODES_MAX);
        return NULL;
    }
    names = g_ptr_array_new();
    for (guint64 i = low; i <= high; i++) {
        g_ptr_array_add(
            names, g_strdup_printf("%.*s%0*" G_GUINT64_FORMAT, (int)prefix, first, width, i));
    }
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(names, FALSE);
}

char **
sim_names_expand(const char *text, char **why)
{
    const char *dots = strstr(text, "..");
    g_autofree char *first = NULL;
    const char *last = NULL;
    size_t prefix = 0;

    if (dots == NULL) {
        char **single = g_new0(char *, 2);
        single[0] = g_strdup(text);
        return single;
    }
    first = g_strndup(text, (size_t)(dots - text));
    last = dots + 2;
    prefix = digits_at(first);
    if (first[prefix] == '\0' || digits_at(last) != prefix || last[prefix] == '\0' ||
        strncmp(first, last, prefix) != 0 || strlen(last + prefix) > 9 ||
        strlen(first + prefix) > 9) {
        *why = g_strdup("is not a range of names; those are written n1..n9");
        return NULL;
    }
    return expand_numbers(first, last, why);
}
