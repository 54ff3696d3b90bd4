#include "check.h"

#include "keyspace_rig.h"

#include <glib.h>

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
    TEST(test_scan_survives_growth),
    TEST(test_one_slot_can_grow_and_go),
    TEST(test_flush_takes_what_is_older),
    TEST(test_random_key_is_fair),
    TEST(test_replaced_hashes_are_freed),
    TEST(test_impossible_records_are_refused),
};

T_MAIN("keyspace", TESTS)
