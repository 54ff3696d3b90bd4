#include "keyset.h"

#include "fault.h"
#include <orrery/rng.h>

#define WORDS_FILE "/usr/share/dict/words"
#define DPKG_STATUS_FILE "/var/lib/dpkg/status"
#define DPKG_INFO_DIR "/var/lib/dpkg/info"

/* Keys are gathered here. The index maps a key to its number + 1 and is asked for single keys
 * only, so its order shows nowhere. */
typedef struct Builder {
    GString *bytes;
    GArray *offsets; /* size_t: where each key begins */
    GArray *counts;  /* uint64_t */
    GHashTable *index;
} Builder;

static Builder
builder_new(void)
{
    return (Builder){
        .bytes = g_string_new(NULL),
        .offsets = g_array_new(FALSE, FALSE, sizeof(size_t)),
        .counts = g_array_new(FALSE, FALSE, sizeof(uint64_t)),
        .index = g_hash_table_new_full(g_bytes_hash, g_bytes_equal,
                                       (GDestroyNotify)g_bytes_unref, NULL),
    };
}

static void
builder_clear(Builder *self)
{
    if (self->bytes != NULL) {
        g_string_free(self->bytes, TRUE);
        g_array_unref(self->offsets);
        g_array_unref(self->counts);
        g_hash_table_unref(self->index);
    }
    *self = (Builder){0};
}

static void
builder_add(Builder *self, const char *key, size_t size, uint64_t count)
{
    GBytes *name = g_bytes_new(key, size);
    size_t number = GPOINTER_TO_SIZE(g_hash_table_lookup(self->index, name));
    size_t begin = self->bytes->len;

    if (number > 0) {
        g_array_index(self->counts, uint64_t, number - 1) += count;
        g_bytes_unref(name);
        return;
    }
    g_array_append_val(self->offsets, begin);
    g_array_append_val(self->counts, count);
    g_string_append_len(self->bytes, key, (gssize)size);
    g_hash_table_insert(self->index, name, GSIZE_TO_POINTER((size_t)self->counts->len));
}

/* Makes the key set of what was gathered and leaves the builder empty. */
static SimKeyset *
builder_finish(Builder *self, const char *name, GError **error)
{
    SimKeyset *keyset;
    size_t end = self->bytes->len;

    if (self->counts->len == 0) {
        g_set_error(error, SIM_FAULT, SIM_FAULT_DATA, "%s: there are no keys in it", name);
        builder_clear(self);
        return NULL;
    }
    g_array_append_val(self->offsets, end);
    keyset = g_new0(SimKeyset, 1);
    keyset->name = g_strdup(name);
    keyset->count = self->counts->len;
    keyset->bytes = g_string_free(g_steal_pointer(&self->bytes), FALSE);
    keyset->offsets = (size_t *)(void *)g_array_free(self->offsets, FALSE);
    keyset->counts = (uint64_t *)(void *)g_array_free(self->counts, FALSE);
    g_hash_table_unref(self->index);
    *self = (Builder){0};
    for (size_t i = 0; i < keyset->count; i++) {
        keyset->total += keyset->counts[i];
        keyset->recorded |= keyset->counts[i] != keyset->counts[0];
    }
    return keyset;
}

static SimKeyset *
load_synthetic(const char *name, uint64_t count, uint64_t seed, GError **error)
{
    OrrRng rng = orr_rng_stream(seed, orr_bytes_of_string("balance keys"));
    SimKeyset *keyset;

    if (count == 0 || count > SIM_KEYSET_SYNTHETIC_MAX) {
        g_set_error(error, SIM_FAULT, SIM_FAULT_USAGE,
                    "--keys %s: a number of synthetic keys is 1 to %u", name,
                    SIM_KEYSET_SYNTHETIC_MAX);
        return NULL;
    }
    keyset = g_new0(SimKeyset, 1);
    keyset->name = g_strdup(name);
    keyset->count = (size_t)count;
    keyset->total = count;
    keyset->bytes = g_malloc((size_t)count * 20 + 1);
    keyset->offsets = g_new(size_t, (size_t)count + 1);
    keyset->counts = g_new(uint64_t, (size_t)count);
    /* 64 random bits each: that two of 1e8 are equal has a chance of 3e-4, and harms nothing */
    for (size_t i = 0; i < keyset->count; i++) {
        uint64_t draw = orr_rng_next(&rng);

        memcpy(keyset->bytes + i * 20, "key-", 4);
        for (size_t digit = 0; digit < 16; digit++) {
            keyset->bytes[i * 20 + 4 + digit] =
                "0123456789abcdef"[(draw >> (60 - 4 * digit)) & 15];
        }
        keyset->offsets[i] = i * 20;
        keyset->counts[i] = 1;
    }
    keyset->offsets[keyset->count] = keyset->count * 20;
    return keyset;
}

/* One line of a text: [*begin, *begin + size), and *begin moves behind its newline. */
static const char *
next_line(const char **begin, const char *end, size_t *size)
{
    const char *line = *begin;
    const char *newline = memchr(line, '\n', (size_t)(end - line));
    const char *stop = newline != NULL ? newline : end;

    *begin = newline != NULL ? newline + 1 : end;
    if (stop > line && stop[-1] == '\r') {
        stop--;
    }
    *size = (size_t)(stop - line);
    return line;
}

static void
add_lines(Builder *builder, const char *text, size_t size)
{
    const char *end = text + size;

    while (text < end) {
        size_t length = 0;
        const char *line = next_line(&text, end, &length);

        if (length > 0) { /* a blank line is a slip far more often than it is the empty key */
            builder_add(builder, line, length, 1);
        }
    }
}

/* Splits "key blanks count". Returns the column (from 1) of what is wrong and its description
 * in `wrong`, or 0. */
static size_t
split_count(const char *line, size_t size, size_t *key_size, uint64_t *count,
            const char **wrong)
{
    size_t digits = size;
    size_t key_end;

    while (digits > 0 && g_ascii_isdigit(line[digits - 1])) {
        digits--;
    }
    key_end = digits;
    while (key_end > 0 && (line[key_end - 1] == ' ' || line[key_end - 1] == '\t')) {
        key_end--;
    }
    if (digits == size || key_end == digits || key_end == 0) {
        *wrong = "expected a key, blanks, and how often it is asked for (a whole number)";
        return digits == size ? size + 1 : 1;
    }
    *count = 0;
    for (size_t i = digits; i < size; i++) {
        *count = *count * 10 + (uint64_t)(line[i] - '0');
        if (*count > UINT32_MAX) {
            *wrong = "a count is at most 4294967295";
            return digits + 1;
        }
    }
    if (*count == 0) {
        *wrong = "a count of 0: leave the line out";
        return digits + 1;
    }
    *key_size = key_end;
    return 0;
}

static bool
add_counts(Builder *builder, const char *path, const char *text, size_t size, GError **error)
{
    const char *end = text + size;

    for (size_t number = 1; text < end; number++) {
        size_t length = 0;
        size_t key_size = 0;
        uint64_t count = 0;
        const char *wrong = NULL;
        const char *line = next_line(&text, end, &length);
        size_t column;

        if (length == 0) {
            continue;
        }
        column = split_count(line, length, &key_size, &count, &wrong);
        if (column > 0) {
            g_set_error(error, SIM_FAULT, SIM_FAULT_DATA, "%s:%zu:%zu: %s", path, number,
                        column, wrong);
            return false;
        }
        builder_add(builder, line, key_size, count);
    }
    return true;
}

static bool
looks_like_counts(const char *text, size_t size)
{
    const char *end = text + size;
    size_t lines = 0;

    while (text < end) {
        size_t length = 0;
        size_t key_size = 0;
        uint64_t count = 0;
        const char *wrong = NULL;
        const char *line = next_line(&text, end, &length);

        if (length > 0 && split_count(line, length, &key_size, &count, &wrong) > 0) {
            return false;
        }
        lines += length > 0;
    }
    return lines > 0;
}

static bool
add_trace(Builder *builder, const char *path, const char *data, size_t size, GError **error)
{
    if (size % 4 != 0) {
        g_set_error(error, SIM_FAULT, SIM_FAULT_DATA,
                    "%s: a request trace is little-endian 32-bit ids, so its size is a multiple"
                    " of 4; this one has %zu bytes%s",
                    path, size,
                    g_str_has_suffix(path, ".xz") ? " and seems compressed: try xz -dk" : "");
        return false;
    }
    for (size_t i = 0; i < size; i += 4) {
        uint32_t id = 0;
        char key[16];
        int length;

        memcpy(&id, data + i, 4);
        length = g_snprintf(key, sizeof key, "%u", GUINT32_FROM_LE(id));
        builder_add(builder, key, (size_t)length, 1);
    }
    return true;
}

typedef enum Format {
    FORMAT_GUESS,
    FORMAT_KEYS,
    FORMAT_COUNTS,
    FORMAT_TRACE,
} Format;

static Format
guess_format(const char *data, size_t size)
{
    if (memchr(data, 0, MIN(size, 65536)) != NULL) {
        return FORMAT_TRACE;
    }
    return looks_like_counts(data, size) ? FORMAT_COUNTS : FORMAT_KEYS;
}

static SimKeyset *
load_file(const char *name, const char *path, Format format, GError **error)
{
    static const char xz_magic[] = {(char)0xFD, '7', 'z', 'X', 'Z', 0};
    Builder builder;
    size_t size = 0;
    g_autofree char *data = sim_fault_read_file(path, &size, error);
    bool fine = true;

    if (data == NULL) {
        return NULL;
    }
    if (size >= sizeof xz_magic && memcmp(data, xz_magic, sizeof xz_magic) == 0) {
        g_set_error(error, SIM_FAULT, SIM_FAULT_DATA,
                    "%s:1:1: compressed by xz; unpack it first: xz -dk %s", path, path);
        return NULL;
    }
    builder = builder_new();
    switch (format == FORMAT_GUESS ? guess_format(data, size) : format) {
    case FORMAT_COUNTS:
        fine = add_counts(&builder, path, data, size, error);
        break;
    case FORMAT_TRACE:
        fine = add_trace(&builder, path, data, size, error);
        break;
    case FORMAT_KEYS:
    case FORMAT_GUESS:
        add_lines(&builder, data, size);
        break;
    }
    if (!fine) {
        builder_clear(&builder);
        return NULL;
    }
    return builder_finish(&builder, name, error);
}

static SimKeyset *
load_packages(GError **error)
{
    static const char field[] = "Package: ";
    size_t size = 0;
    g_autofree char *text = sim_fault_read_file(DPKG_STATUS_FILE, &size, error);
    const char *position = text;
    Builder builder;

    if (text == NULL) {
        g_prefix_error(error, "--keys packages needs a Debian system: ");
        return NULL;
    }
    builder = builder_new();
    while (position < text + size) {
        size_t length = 0;
        const char *line = next_line(&position, text + size, &length);

        if (length >= sizeof field && memcmp(line, field, sizeof field - 1) == 0) {
            builder_add(&builder, line + sizeof field - 1, length - (sizeof field - 1), 1);
        }
    }
    return builder_finish(&builder, "packages", error);
}

static gint
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The lists of installed files, in an order that does not depend on the directory's. */
static GPtrArray *
list_of_lists(GError **error)
{
    GPtrArray *names;
    g_autoptr(GError) cause = NULL;
    GDir *dir = g_dir_open(DPKG_INFO_DIR, 0, &cause);
    const char *name;

    if (dir == NULL) {
        g_set_error(error, SIM_FAULT, SIM_FAULT_NO_FILE,
                    "--keys paths needs a Debian system: %s", cause->message);
        return NULL;
    }
    names = g_ptr_array_new_with_free_func(g_free);
    while ((name = g_dir_read_name(dir)) != NULL) {
        if (g_str_has_suffix(name, ".list")) {
            g_ptr_array_add(names, g_build_filename(DPKG_INFO_DIR, name, NULL));
        }
    }
    g_dir_close(dir);
    g_ptr_array_sort(names, compare_names);
    return names;
}

static SimKeyset *
load_paths(GError **error)
{
    g_autoptr(GPtrArray) names = list_of_lists(error);
    Builder builder;

    if (names == NULL) {
        return NULL;
    }
    builder = builder_new();
    for (guint i = 0; i < names->len; i++) {
        size_t size = 0;
        g_autofree char *text = sim_fault_read_file(g_ptr_array_index(names, i), &size, error);

        if (text == NULL) {
            builder_clear(&builder);
            return NULL;
        }
        add_lines(&builder, text, size);
    }
    for (guint i = 0; i < builder.counts->len; i++) {
        /* /usr belongs to every package: that is no popularity */
        g_array_index(builder.counts, uint64_t, i) = 1;
    }
    return builder_finish(&builder, "paths", error);
}

SimKeyset *
sim_keyset_load(const char *source, uint64_t seed, GError **error)
{
    static const struct {
        const char *prefix;
        Format format;
    } prefixes[] = {
        {"keys:", FORMAT_KEYS}, {"counts:", FORMAT_COUNTS}, {"trace:", FORMAT_TRACE}};

    if (strcmp(source, "words") == 0) {
        SimKeyset *words = load_file(source, WORDS_FILE, FORMAT_KEYS, error);

        if (words == NULL) {
            g_prefix_error(error, "--keys words needs a word list (Debian package wamerican, or"
                                  " use --keys 100000): ");
        }
        return words;
    }
    if (strcmp(source, "packages") == 0) {
        return load_packages(error);
    }
    if (strcmp(source, "paths") == 0) {
        return load_paths(error);
    }
    if (*source != '\0' && strspn(source, "0123456789") == strlen(source)) {
        return load_synthetic(source, g_ascii_strtoull(source, NULL, 10), seed, error);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        if (g_str_has_prefix(source, prefixes[i].prefix)) {
            return load_file(source, source + strlen(prefixes[i].prefix), prefixes[i].format,
                             error);
        }
    }
    return load_file(source, source, FORMAT_GUESS, error);
}

void
sim_keyset_free(SimKeyset *keyset)
{
    if (keyset != NULL) {
        g_free(keyset->name);
        g_free(keyset->bytes);
        g_free(keyset->offsets);
        g_free(keyset->counts);
        g_free(keyset);
    }
}
