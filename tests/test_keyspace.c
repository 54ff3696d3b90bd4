#include "check.h"

#include <orrery/orrery.h>
#include <orrery/slots.h>

#include <glib.h>

static OrrRecord
string_record(const char *key, const char *value, OrrVersion version)
{
    OrrRecord record = {.kind = ORR_RECORD_STRING,
                        .version = version,
                        .key = orr_bytes_of_string(key),
                        .value = orr_bytes_of_string(value)};

    record.slot = orr_slot_of_key(record.key);
    return record;
}

static OrrRecord
field_record(const char *key, const char *field, const char *value, OrrVersion version)
{
    OrrRecord record = string_record(key, value != NULL ? value : "", version);

    record.kind = value != NULL ? ORR_RECORD_HASH_FIELD : ORR_RECORD_DELETE_FIELD;
    record.field = orr_bytes_of_string(field);
    return record;
}

static OrrRecord
key_record(OrrRecordKind kind, const char *key, OrrVersion version)
{
    OrrRecord record = string_record(key, "", version);

    record.kind = kind;
    return record;
}

static OrrStatus
apply(OrrKeyspace *keyspace, OrrRecord record)
{
    return orr_keyspace_apply(keyspace, &record);
}

/* The value as text, "-" when absent, "#n" for a hash of n fields. */
static const char *
value_at(OrrKeyspace *keyspace, const char *key, int64_t wall_ms)
{
    static char text[256];
    OrrValue value;
    OrrBytes name = orr_bytes_of_string(key);

    if (orr_keyspace_get(keyspace, orr_slot_of_key(name), name, wall_ms, &value) != ORR_OK) {
        return "-";
    }
    if (value.type == ORR_KEY_HASH) {
        snprintf(text, sizeof text, "#%zu", value.field_count);
    } else {
        snprintf(text, sizeof text, "%.*s", (int)value.value.size,
                 (const char *)value.value.data);
    }
    return text;
}

static const char *
field_at(OrrKeyspace *keyspace, const char *key, const char *field)
{
    static char text[256];
    OrrValue value;
    OrrBytes name = orr_bytes_of_string(key);

    if (orr_keyspace_get_field(keyspace, orr_slot_of_key(name), name,
                               orr_bytes_of_string(field), ORR_ANY_TIME, &value) != ORR_OK) {
        return "-";
    }
    snprintf(text, sizeof text, "%.*s", (int)value.value.size, (const char *)value.value.data);
    return text;
}

/* A newer write replaces an older one; an older one, or the same again, changes nothing. */
static void
test_newer_version_wins(void)
{
    OrrKeyspace *keyspace = orr_keyspace_new(1);

    T_EQ(apply(keyspace, string_record("a", "five", 5)), ORR_OK);
    T_EQ(apply(keyspace, string_record("a", "four", 4)), ORR_STALE);
    T_EQ(apply(keyspace, string_record("a", "again", 5)), ORR_STALE);
    T_STR_EQ(value_at(keyspace, "a", ORR_ANY_TIME), "five");
    T_EQ(apply(keyspace, string_record("a", "a much longer value than before", 6)), ORR_OK);
    T_STR_EQ(value_at(keyspace, "a", ORR_ANY_TIME), "a much longer value than before");
    T_EQ(apply(keyspace, key_record(ORR_RECORD_DELETE, "a", 6)), ORR_STALE);
    T_EQ(apply(keyspace, key_record(ORR_RECORD_DELETE, "a", 7)), ORR_OK);
    T_STR_EQ(value_at(keyspace, "a", ORR_ANY_TIME), "-");
    T_EQ(orr_keyspace_count(keyspace), 0);
    T_EQ(orr_keyspace_version(keyspace), 7);
    orr_keyspace_free(keyspace);
}

/* A kept deletion bars an older write that arrives late; once purged, or not kept, nobody
 * remembers. */
static void
test_kept_deletions_bar_older_writes(void)
{
    OrrKeyspace *keyspace = orr_keyspace_new(1);

    orr_keyspace_keep_deleted(keyspace, true);
    T_EQ(apply(keyspace, key_record(ORR_RECORD_DELETE, "a", 7)), ORR_OK);
    T_EQ(apply(keyspace, field_record("h", "f", NULL, 7)), ORR_OK);
    T_EQ(orr_keyspace_count_deleted(keyspace), 2);
    T_EQ(apply(keyspace, string_record("a", "late", 6)), ORR_STALE);
    T_EQ(apply(keyspace, field_record("h", "f", "late", 6)), ORR_STALE);
    T_EQ(apply(keyspace, field_record("h", "g", "live", 5)), ORR_OK);
    T_EQ(orr_keyspace_count(keyspace), 1);
    T_EQ(orr_keyspace_purge_deleted(keyspace, 6, 0, SIZE_MAX), 0);
    T_EQ(orr_keyspace_count_deleted(keyspace), 2);
    T_EQ(orr_keyspace_purge_deleted(keyspace, 7, 0, SIZE_MAX), 0);
    T_EQ(orr_keyspace_count_deleted(keyspace), 0);
    T_EQ(apply(keyspace, string_record("a", "late", 6)), ORR_OK);
    T_STR_EQ(field_at(keyspace, "h", "g"), "live");
    orr_keyspace_free(keyspace);
}

/* Each field has a version of its own; deleting the key takes the fields written before, and
 * leaves those written after. */
static void
test_fields_have_versions(void)
{
    OrrKeyspace *keyspace = orr_keyspace_new(1);

    T_EQ(apply(keyspace, field_record("h", "new", "n", 9)), ORR_OK);
    T_EQ(apply(keyspace, field_record("h", "old", "o", 5)), ORR_OK);
    T_EQ(apply(keyspace, field_record("h", "old", "x", 4)), ORR_STALE);
    T_STR_EQ(value_at(keyspace, "h", ORR_ANY_TIME), "#2");
    T_EQ(apply(keyspace, key_record(ORR_RECORD_DELETE, "h", 7)), ORR_OK);
    T_STR_EQ(value_at(keyspace, "h", ORR_ANY_TIME), "#1");
    T_STR_EQ(field_at(keyspace, "h", "old"), "-");
    T_STR_EQ(field_at(keyspace, "h", "new"), "n");
    T_EQ(apply(keyspace, field_record("h", "old", "y", 6)), ORR_STALE);
    T_EQ(apply(keyspace, field_record("h", "new", NULL, 10)), ORR_OK);
    T_STR_EQ(value_at(keyspace, "h", ORR_ANY_TIME), "-");
    orr_keyspace_free(keyspace);
}

/* A string becomes a hash and back by newer writes, never by older ones. */
static void
test_types_change_by_newer_writes(void)
{
    OrrKeyspace *keyspace = orr_keyspace_new(1);
    OrrValue value;

    T_EQ(apply(keyspace, string_record("k", "text", 5)), ORR_OK);
    T_EQ(orr_keyspace_get_field(keyspace, orr_slot_of_key(orr_bytes_of_string("k")),
                                orr_bytes_of_string("k"), orr_bytes_of_string("f"), 0, &value),
         ORR_REFUSED);
    T_EQ(apply(keyspace, field_record("k", "f", "v", 4)), ORR_STALE);
    T_EQ(apply(keyspace, field_record("k", "f", "v", 6)), ORR_OK);
    T_STR_EQ(value_at(keyspace, "k", ORR_ANY_TIME), "#1");
    T_EQ(apply(keyspace, string_record("k", "again", 7)), ORR_OK);
    T_STR_EQ(value_at(keyspace, "k", ORR_ANY_TIME), "again");
    orr_keyspace_free(keyspace);
}

static void
count_record(const OrrRecord *record, void *context)
{
    T_EQ(record->kind, ORR_RECORD_DELETE);
    ++*(size_t *)context;
}

typedef struct Deleter {
    OrrKeyspace *keyspace;
    OrrVersion version;
} Deleter;

static void
delete_expired(const OrrRecord *record, void *context)
{
    Deleter *deleter = context;
    OrrRecord copy = *record;

    copy.version = ++deleter->version;
    T_EQ(orr_keyspace_apply(deleter->keyspace, &copy), ORR_OK);
}

/* An expired key is gone for readers at once, and for good when the sweep has found it; a key
 * that is not due is never swept. */
static void
test_expired_keys_go(void)
{
    OrrKeyspace *keyspace = orr_keyspace_new(1);
    int64_t now = 1700000000000;
    Deleter deleter = {keyspace, 100000};
    char key[32];

    for (unsigned i = 0; i < 5000; i++) {
        snprintf(key, sizeof key, "key:%u", i);
        OrrRecord record = string_record(key, "v", i + 1);

        record.expire_ms = i % 2 == 0 ? now + 1000 * (int64_t)i : ORR_EXPIRE_NEVER;
        T_EQ(orr_keyspace_apply(keyspace, &record), ORR_OK);
    }
    T_EQ(orr_keyspace_count_expiring(keyspace), 2500);
    T_STR_EQ(value_at(keyspace, "key:2", now + 1999), "v");
    T_STR_EQ(value_at(keyspace, "key:2", now + 2000), "-");
    T_STR_EQ(value_at(keyspace, "key:2", ORR_ANY_TIME), "v");

    size_t found = 0;

    for (int64_t at = now; at <= now + 1000000; at += 1000) {
        found += orr_keyspace_expire_step(keyspace, at, SIZE_MAX, delete_expired, &deleter);
    }
    /* 501 are expired; a sweep may be a unit of 1.024 s late */
    T_TRUE(found >= 499 && found <= 501);
    T_EQ(orr_keyspace_count(keyspace), 5000 - found);
    /* after a night without a sweep everything due is found, in small steps, too */
    for (unsigned i = 0; i < 20000; i++) {
        found +=
            orr_keyspace_expire_step(keyspace, now + 86400000, 10, delete_expired, &deleter);
    }
    T_EQ(found, 2500);
    T_EQ(orr_keyspace_count_expiring(keyspace), 0);
    size_t more = 0;
    T_EQ(orr_keyspace_expire_step(keyspace, now + 86500000, 10, count_record, &more), 0);
    orr_keyspace_free(keyspace);
}

/* Keys that share a slot, and so buckets that split, are swept, too, when they come after the
 * first sweep. */
static void
test_expiry_survives_splits(void)
{
    OrrKeyspace *keyspace = orr_keyspace_new(1);
    int64_t now = 1700000000000;
    Deleter deleter = {keyspace, 100000};
    char key[32];

    T_EQ(orr_keyspace_expire_step(keyspace, now, 10, delete_expired, &deleter), 0);
    for (unsigned i = 0; i < 3000; i++) {
        snprintf(key, sizeof key, "%u{t}", i);
        OrrRecord record = string_record(key, "v", i + 1);

        record.expire_ms = i % 100 == 0 ? now + 5000 : ORR_EXPIRE_NEVER;
        T_EQ(orr_keyspace_apply(keyspace, &record), ORR_OK);
        if (i % 100 == 50) {
            (void)orr_keyspace_expire_step(keyspace, now + i / 100, SIZE_MAX, delete_expired,
                                           &deleter);
        }
    }
    T_EQ(orr_keyspace_expire_step(keyspace, now + 7000, SIZE_MAX, delete_expired, &deleter),
         30);
    orr_keyspace_free(keyspace);
}

/* Expiry can be set, moved and taken away, and the layout of the entry follows. */
static void
test_expiry_can_be_changed(void)
{
    OrrKeyspace *keyspace = orr_keyspace_new(1);
    OrrRecord expire = key_record(ORR_RECORD_EXPIRE, "a", 3);

    expire.expire_ms = 1000;
    T_EQ(orr_keyspace_apply(keyspace, &expire), ORR_NOT_FOUND);
    T_EQ(apply(keyspace, string_record("a", "value", 2)), ORR_OK);
    T_EQ(orr_keyspace_apply(keyspace, &expire), ORR_OK);
    T_EQ(orr_keyspace_apply(keyspace, &expire), ORR_STALE);
    T_STR_EQ(value_at(keyspace, "a", 999), "value");
    T_STR_EQ(value_at(keyspace, "a", 1000), "-");
    expire.expire_ms = ORR_EXPIRE_NEVER;
    expire.version = 4;
    T_EQ(orr_keyspace_apply(keyspace, &expire), ORR_OK);
    T_STR_EQ(value_at(keyspace, "a", 1000), "value");
    T_EQ(orr_keyspace_count_expiring(keyspace), 0);
    orr_keyspace_free(keyspace);
}

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

static bool
mark_seen(const OrrValue *value, void *context)
{
    uint8_t *seen = context;
    g_autofree char *name = g_strndup((const char *)value->key.data, value->key.size);

    seen[strtoul(name + 1, NULL, 10)]++;
    return true;
}

/* A scan in small steps returns every key that is there from first to last exactly once, while
 * others are added and removed by the thousand, also within one slot. */
static void
test_scan_survives_growth(void)
{
    for (unsigned one_slot = 0; one_slot < 2; one_slot++) {
        OrrKeyspace *keyspace = orr_keyspace_new(5);
        uint8_t *seen = g_new0(uint8_t, 200000);
        uint64_t cursor = 0;
        unsigned added = 3000;
        unsigned steps = 0;
        char key[32];

        for (unsigned i = 0; i < 3000; i++) {
            snprintf(key, sizeof key, one_slot ? "k%u{t}" : "k%u", i);
            T_EQ(apply(keyspace, string_record(key, "v", i + 1)), ORR_OK);
        }
        do {
            cursor = orr_keyspace_scan(keyspace, cursor, 10, ORR_ANY_TIME, mark_seen, seen);
            for (unsigned i = 0; i < 100 && added < 60000; i++) {
                snprintf(key, sizeof key, one_slot ? "k%u{t}" : "k%u", added++);
                T_EQ(apply(keyspace, string_record(key, "v", added)), ORR_OK);
                if (added % 3 != 0) {
                    T_EQ(apply(keyspace, key_record(ORR_RECORD_DELETE, key, added + 1)),
                         ORR_OK);
                }
            }
            T_TRUE(cursor < UINT64_C(1) << 53); /* clients keep cursors in doubles */
        } while (cursor != 0 && ++steps < 100000);
        T_EQ(cursor, 0);
        for (unsigned i = 0; i < 3000; i++) {
            T_EQ(seen[i], 1);
        }
        g_free(seen);
        orr_keyspace_free(keyspace);
    }
}

/* A hundred thousand keys in one slot are found, counted, and freed again by small steps; the
 * memory comes back. */
static void
test_one_slot_can_grow_and_go(void)
{
    OrrKeyspace *keyspace = orr_keyspace_new(9);
    uint16_t slot = orr_slot_of_key(orr_bytes_of_string("t"));
    size_t empty = orr_keyspace_memory(keyspace);
    char key[32];

    for (unsigned i = 0; i < 100000; i++) {
        snprintf(key, sizeof key, "k%u{t}", i);
        T_REQUIRE(apply(keyspace, string_record(key, "0123456789abcdef", i + 1)) == ORR_OK);
    }
    T_EQ(orr_keyspace_count_slot(keyspace, slot), 100000);
    T_EQ(orr_keyspace_next_slot(keyspace, 0), slot);
    T_EQ(orr_keyspace_next_slot(keyspace, slot + 1u), ORR_KEYSPACE_SLOTS);
    T_STR_EQ(value_at(keyspace, "k77777{t}", ORR_ANY_TIME), "0123456789abcdef");
    for (unsigned i = 0; i < 50000; i++) {
        snprintf(key, sizeof key, "k%u{t}", i);
        T_REQUIRE(apply(keyspace, key_record(ORR_RECORD_DELETE, key, 200000)) == ORR_OK);
    }
    T_EQ(orr_keyspace_count_slot(keyspace, slot), 50000);
    T_STR_EQ(value_at(keyspace, "k77777{t}", ORR_ANY_TIME), "0123456789abcdef");
    T_STR_EQ(value_at(keyspace, "k7777{t}", ORR_ANY_TIME), "-");
    T_EQ(orr_keyspace_drop_slot(keyspace, slot), 50000);
    T_STR_EQ(value_at(keyspace, "k77777{t}", ORR_ANY_TIME), "-");
    unsigned steps = 1;
    while (orr_keyspace_step(keyspace, 100)) {
        steps++;
    }
    T_TRUE(steps > 400);
    T_TRUE(orr_keyspace_memory(keyspace) < empty + 200000);
    orr_keyspace_free(keyspace);
}

/* FLUSH takes what was written before it, in its slots only. */
static void
test_flush_takes_what_is_older(void)
{
    OrrKeyspace *keyspace = orr_keyspace_new(1);
    OrrRecord flush = {.kind = ORR_RECORD_FLUSH, .version = 6};
    uint16_t slot = orr_slot_of_key(orr_bytes_of_string("a"));
    uint8_t range[4] = {(uint8_t)slot, (uint8_t)(slot >> 8), (uint8_t)slot,
                        (uint8_t)(slot >> 8)};

    flush.value = orr_bytes(range, 4);
    T_EQ(apply(keyspace, string_record("a{a}", "old", 5)), ORR_OK);
    T_EQ(apply(keyspace, string_record("b{a}", "new", 7)), ORR_OK);
    T_EQ(apply(keyspace, string_record("other", "old", 4)), ORR_OK);
    T_EQ(orr_keyspace_apply(keyspace, &flush), ORR_OK);
    T_STR_EQ(value_at(keyspace, "a{a}", ORR_ANY_TIME), "-");
    T_STR_EQ(value_at(keyspace, "b{a}", ORR_ANY_TIME), "new");
    T_STR_EQ(value_at(keyspace, "other", ORR_ANY_TIME), "old");
    flush.version = 8;
    T_EQ(orr_keyspace_apply(keyspace, &flush), ORR_OK);
    T_EQ(orr_keyspace_count(keyspace), 1);
    flush.value.size = 3;
    T_EQ(orr_keyspace_apply(keyspace, &flush), ORR_INVALID);
    orr_keyspace_free(keyspace);
}

/* Every key turns up about as often as any other. */
static void
test_random_key_is_fair(void)
{
    OrrKeyspace *keyspace = orr_keyspace_new(3);
    OrrRng rng = orr_rng_new(t_seed(4));
    unsigned seen[100] = {0};
    OrrValue value;
    char key[32];

    T_EQ(orr_keyspace_random(keyspace, &rng, &value), ORR_NOT_FOUND);
    for (unsigned i = 0; i < 100; i++) {
        snprintf(key, sizeof key, i < 50 ? "%u{t}" : "%u", i);
        T_EQ(apply(keyspace, string_record(key, "v", i + 1)), ORR_OK);
    }
    for (unsigned i = 0; i < 20000; i++) {
        T_REQUIRE(orr_keyspace_random(keyspace, &rng, &value) == ORR_OK);
        g_autofree char *name = g_strndup((const char *)value.key.data, value.key.size);

        seen[strtoul(name, NULL, 10)]++;
    }
    for (unsigned i = 0; i < 100; i++) {
        T_TRUE(seen[i] > 60 && seen[i] < 600);
    }
    orr_keyspace_free(keyspace);
}

/* A large hash that a string replaces again and again leaves nothing behind. */
static void
test_replaced_hashes_are_freed(void)
{
    OrrKeyspace *keyspace = orr_keyspace_new(1);
    OrrVersion version = 0;
    size_t after_first = 0;
    char field[16];

    for (unsigned round = 0; round < 50; round++) {
        for (unsigned i = 0; i < 500; i++) {
            snprintf(field, sizeof field, "%u", i);
            T_EQ(apply(keyspace, field_record("k", field, "0123456789", ++version)), ORR_OK);
        }
        T_EQ(apply(keyspace, string_record("k", "text", ++version)), ORR_OK);
        while (orr_keyspace_step(keyspace, 100)) {
        }
        after_first = round == 0 ? orr_keyspace_memory(keyspace) : after_first;
    }
    T_TRUE(orr_keyspace_memory(keyspace) <= after_first + 10000);
    orr_keyspace_free(keyspace);
}

/* Records that no keyspace can hold are refused, and change nothing. */
static void
test_impossible_records_are_refused(void)
{
    OrrKeyspace *keyspace = orr_keyspace_new(1);
    OrrRecord record = string_record("a", "v", 1);

    record.slot = ORR_KEYSPACE_SLOTS;
    T_EQ(orr_keyspace_apply(keyspace, &record), ORR_INVALID);
    record = string_record("a", "v", 1);
    record.kind = (OrrRecordKind)77;
    T_EQ(orr_keyspace_apply(keyspace, &record), ORR_INVALID);
    record = string_record("a", "v", 1);
    record.key.size = ORR_KEY_SIZE_MAX + 1;
    T_EQ(orr_keyspace_apply(keyspace, &record), ORR_INVALID);
    T_EQ(orr_keyspace_count(keyspace), 0);
    orr_keyspace_free(keyspace);
}

static const Test TESTS[] = {
    TEST(test_newer_version_wins),
    TEST(test_kept_deletions_bar_older_writes),
    TEST(test_fields_have_versions),
    TEST(test_types_change_by_newer_writes),
    TEST(test_expired_keys_go),
    TEST(test_expiry_survives_splits),
    TEST(test_expiry_can_be_changed),
    TEST(test_holds_what_was_written),
    TEST(test_iteration_and_writes_make_a_copy),
    TEST(test_order_does_not_matter),
    TEST(test_scan_survives_growth),
    TEST(test_one_slot_can_grow_and_go),
    TEST(test_flush_takes_what_is_older),
    TEST(test_random_key_is_fair),
    TEST(test_replaced_hashes_are_freed),
    TEST(test_impossible_records_are_refused),
};

T_MAIN("keyspace", TESTS)
