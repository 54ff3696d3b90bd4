#include "check.h"

#include "keyspace_rig.h"

#include <glib.h>

/* The oracle: what the keyspace should hold, in GLib's tables. key -> value text, or for
 * hashes key -> table of fields. */
typedef struct Model {
    GHashTable *strings;
    GHashTable *hashes;
} Model;

static Model
model_new(void)
{
    return (Model){g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
                   g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                         (GDestroyNotify)g_hash_table_unref)};
}

static void
model_free(Model model)
{
    g_hash_table_unref(model.strings);
    g_hash_table_unref(model.hashes);
}

static char *
random_text(OrrRng *rng)
{
    static const size_t SIZES[] = {0, 3, 16, 17, 100, 400, 600, 3000};
    size_t size = SIZES[orr_rng_below(rng, 8)];
    char *text = g_malloc(size + 1);

    memset(text, (int)('a' + orr_rng_below(rng, 26)), size);
    text[size] = '\0';
    return text;
}

static void
model_set_field(Model model, const char *key, const char *field, char *value)
{
    GHashTable *fields = g_hash_table_lookup(model.hashes, key);

    if (fields == NULL) {
        fields = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        g_hash_table_insert(model.hashes, g_strdup(key), fields);
    }
    g_hash_table_insert(fields, g_strdup(field), value);
}

/* One random write to both; hot keys have many fields, so that hashes become tables. */
static void
random_write(Model model, OrrKeyspace *keyspace, OrrRng *rng, unsigned keys, OrrVersion version)
{
    char key[32];
    char field[32];
    uint64_t what = orr_rng_below(rng, 10);

    snprintf(key, sizeof key, "%s%" PRIu64, what < 5 ? "s" : "h",
             orr_rng_below(rng, what < 5 ? keys : keys / 20));
    snprintf(field, sizeof field, "f%" PRIu64, orr_rng_below(rng, 60));
    if (what < 3) {
        char *text = random_text(rng);

        T_EQ(apply(keyspace, string_record(key, text, version)), ORR_OK);
        g_hash_table_insert(model.strings, g_strdup(key), text);
    } else if (what < 5 || (what == 5 && orr_rng_below(rng, 10) == 0)) {
        T_EQ(apply(keyspace, key_record(ORR_RECORD_DELETE, key, version)), ORR_OK);
        g_hash_table_remove(what < 5 ? model.strings : model.hashes, key);
    } else if (what < 8) {
        char *text = random_text(rng);

        T_EQ(apply(keyspace, field_record(key, field, text, version)), ORR_OK);
        model_set_field(model, key, field, text);
    } else {
        GHashTable *fields = g_hash_table_lookup(model.hashes, key);

        T_EQ(apply(keyspace, field_record(key, field, NULL, version)), ORR_OK);
        if (fields != NULL) {
            g_hash_table_remove(fields, field);
            if (g_hash_table_size(fields) == 0) {
                g_hash_table_remove(model.hashes, key);
            }
        }
    }
}

typedef struct Seen {
    Model model;
    OrrKeyspace *keyspace;
    size_t strings;
    size_t hashes;
    size_t wrong;
} Seen;

static bool
see_field(const OrrValue *value, void *context)
{
    GHashTable **fields = context;
    g_autofree char *name = g_strndup((const char *)value->key.data, value->key.size);
    const char *expected = *fields != NULL ? g_hash_table_lookup(*fields, name) : NULL;

    if (expected == NULL || !orr_bytes_equal(orr_bytes_of_string(expected), value->value)) {
        *fields = NULL;
    }
    return true;
}

static bool
see_value(const OrrValue *value, void *context)
{
    Seen *seen = context;
    g_autofree char *key = g_strndup((const char *)value->key.data, value->key.size);

    if (value->type == ORR_KEY_STRING) {
        const char *expected = g_hash_table_lookup(seen->model.strings, key);

        seen->strings++;
        seen->wrong +=
            expected == NULL || !orr_bytes_equal(orr_bytes_of_string(expected), value->value);
    } else {
        GHashTable *fields = g_hash_table_lookup(seen->model.hashes, key);
        size_t size = fields != NULL ? g_hash_table_size(fields) : 0;

        (void)orr_keyspace_scan_fields(seen->keyspace, value->slot, value->key, 0, SIZE_MAX,
                                       see_field, &fields);
        seen->hashes++;
        seen->wrong += fields == NULL || size != value->field_count;
    }
    return true;
}

static bool
same_as_model(OrrKeyspace *keyspace, Model model)
{
    Seen seen = {model, keyspace, 0, 0, 0};

    (void)orr_keyspace_scan(keyspace, 0, SIZE_MAX, ORR_ANY_TIME, see_value, &seen);
    return seen.wrong == 0 && seen.strings == g_hash_table_size(model.strings) &&
           seen.hashes == g_hash_table_size(model.hashes) &&
           orr_keyspace_count(keyspace) == seen.strings + seen.hashes;
}

/* Whatever is written, in whatever order, the keyspace holds what a simple table holds. With
 * deletions kept, too. */
static void
test_holds_what_was_written(void)
{
    for (unsigned round = 0; round < 4; round++) {
        OrrRng rng = orr_rng_new(t_seed(11) + round);
        Model model = model_new();
        OrrKeyspace *keyspace = orr_keyspace_new(round);

        orr_keyspace_keep_deleted(keyspace, round % 2 == 1);
        for (unsigned i = 1; i <= 40000; i++) {
            random_write(model, keyspace, &rng, round < 2 ? 300 : 5000, i);
            if (i % 10000 == 0) {
                T_TRUE(same_as_model(keyspace, model));
            }
        }
        T_EQ(orr_keyspace_purge_deleted(keyspace, UINT64_MAX, 0, SIZE_MAX), 0);
        T_EQ(orr_keyspace_count_deleted(keyspace), 0);
        T_TRUE(same_as_model(keyspace, model));

        size_t full = orr_keyspace_memory(keyspace);

        (void)orr_keyspace_drop_all(keyspace);
        while (orr_keyspace_step(keyspace, 1000)) {
        }
        T_TRUE(orr_keyspace_memory(keyspace) < full / 4 + 400000); /* tables of slots stay */
        orr_keyspace_free(keyspace);
        model_free(model);
    }
}

typedef struct Copy {
    OrrKeyspace *to;
    size_t records;
} Copy;

static void
copy_record(const OrrRecord *record, void *context)
{
    Copy *copy = context;
    OrrStatus status = orr_keyspace_apply(copy->to, record);

    T_TRUE(status == ORR_OK || status == ORR_STALE);
    copy->records++;
}

/* A copy made in pieces while writes go on, followed by those writes, equals the original; and
 * pieces are as small as asked. */
static void
test_iteration_and_writes_make_a_copy(void)
{
    OrrRng rng = orr_rng_new(t_seed(12));
    Model model = model_new();
    OrrKeyspace *from = orr_keyspace_new(1);
    Copy copy = {orr_keyspace_new(2), 0};
    OrrKeyspaceCursor cursor = orr_keyspace_cursor(0, ORR_KEYSPACE_SLOTS - 1);
    OrrVersion version = 0;

    for (unsigned i = 0; i < 30000; i++) {
        random_write(model, from, &rng, 2000, ++version);
    }
    for (unsigned i = 0; i < 3000; i++) { /* one hash that no piece can hold */
        char field[16];

        snprintf(field, sizeof field, "%u", i);
        T_EQ(apply(from, field_record("large", field, "x", ++version)), ORR_OK);
    }
    for (;;) {
        size_t before = copy.records;
        size_t visited = orr_keyspace_iterate(from, &cursor, 20, copy_record, &copy);

        T_EQ(visited, copy.records - before);
        T_TRUE(visited < 20 + 12 * 70);
        if (visited == 0) {
            break;
        }
        /* a write to both sides, as a primary streams it: here by comparing afterwards */
        OrrRecord record = string_record("s1", "streamed", ++version);

        T_EQ(orr_keyspace_apply(from, &record), ORR_OK);
        (void)orr_keyspace_apply(copy.to, &record);
        record = field_record("large", "7", NULL, ++version);
        T_EQ(orr_keyspace_apply(from, &record), ORR_OK);
        (void)orr_keyspace_apply(copy.to, &record);
    }
    T_TRUE(orr_keyspace_digest(from) == orr_keyspace_digest(copy.to));
    T_EQ(orr_keyspace_count(from), orr_keyspace_count(copy.to));
    T_EQ(apply(copy.to, string_record("s1", "other", ++version)), ORR_OK);
    T_TRUE(orr_keyspace_digest(from) != orr_keyspace_digest(copy.to));
    orr_keyspace_free(from);
    orr_keyspace_free(copy.to);
    model_free(model);
}

/* Records about one key in any order, with deletions kept, come to the same end. */
static void
test_order_does_not_matter(void)
{
    OrrRng rng = orr_rng_new(t_seed(13));

    for (unsigned round = 0; round < 300; round++) {
        OrrRecord records[12];
        OrrKeyspace *straight = orr_keyspace_new(1);
        OrrKeyspace *shuffled = orr_keyspace_new(1);
        static const char *const FIELDS[] = {"f", "g", "h"};

        orr_keyspace_keep_deleted(straight, true);
        orr_keyspace_keep_deleted(shuffled, true);
        for (unsigned i = 0; i < 12; i++) {
            uint64_t what = orr_rng_below(&rng, 4);
            const char *field = FIELDS[orr_rng_below(&rng, 3)];

            records[i] = what == 0   ? key_record(ORR_RECORD_DELETE, "k", i + 1)
                         : what == 1 ? field_record("k", field, NULL, i + 1)
                                     : field_record("k", field, "v", i + 1);
            T_EQ(orr_keyspace_apply(straight, &records[i]), ORR_OK);
        }
        for (unsigned i = 12; i > 1; i--) {
            size_t other = orr_rng_below(&rng, i);
            OrrRecord record = records[i - 1];

            records[i - 1] = records[other];
            records[other] = record;
        }
        for (unsigned i = 0; i < 12; i++) {
            (void)orr_keyspace_apply(shuffled, &records[i]);
        }
        T_TRUE(orr_keyspace_digest(straight) == orr_keyspace_digest(shuffled));
        orr_keyspace_free(straight);
        orr_keyspace_free(shuffled);
    }
}

static const Test TESTS[] = {
    TEST(test_holds_what_was_written),
    TEST(test_iteration_and_writes_make_a_copy),
    TEST(test_order_does_not_matter),
};

T_MAIN("keyspace_random", TESTS)
