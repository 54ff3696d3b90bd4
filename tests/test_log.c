#include "check.h"

#include <orrery/orrery.h>
#include <orrery/slots.h>

#include <glib.h>
#include <time.h>

/* A disk: what STORE effects left there. */
typedef struct Disk {
    GByteArray *content[ORR_FILE_KINDS][32];
} Disk;

static void
disk_free(Disk *disk)
{
    for (size_t kind = 0; kind < ORR_FILE_KINDS; kind++) {
        for (size_t i = 0; i < 32; i++) {
            g_clear_pointer(&disk->content[kind][i], g_byte_array_unref);
        }
    }
}

static void
disk_perform(Disk *disk, const OrrEffect *effect)
{
    GByteArray **file = &disk->content[effect->store.kind][effect->store.generation];

    T_REQUIRE(effect->type == ORR_EFFECT_STORE && effect->store.generation < 32);
    if (effect->store.action == ORR_STORE_REMOVE) {
        g_clear_pointer(file, g_byte_array_unref);
        return;
    }
    if (*file == NULL) {
        *file = g_byte_array_new();
    }
    g_byte_array_append(*file, effect->store.bytes.data, (guint)effect->store.bytes.size);
}

static void
disk_perform_all(Disk *disk, OrrEffects *effects)
{
    for (size_t i = 0; i < orr_effects_count(effects); i++) {
        OrrEffect effect = orr_effects_get(effects, i);

        disk_perform(disk, &effect);
    }
    orr_effects_clear(effects);
}

/* Files in no particular order: newest first. */
static size_t
disk_files(const Disk *disk, OrrFile *files)
{
    size_t count = 0;

    for (size_t kind = 0; kind < ORR_FILE_KINDS; kind++) {
        for (uint32_t i = 32; i-- > 0;) {
            if (disk->content[kind][i] != NULL) {
                files[count++] = (OrrFile){
                    (OrrFileKind)kind, i,
                    orr_bytes(disk->content[kind][i]->data, disk->content[kind][i]->len)};
            }
        }
    }
    return count;
}

static OrrId
node_id(void)
{
    return orr_id_of_name(orr_bytes_of_string("n1"));
}

static OrrLogMeta
meta_of(const char *text)
{
    OrrLogMeta meta = {.size = strlen(text)};

    memcpy(meta.bytes, text, meta.size);
    return meta;
}

static OrrStatus
recover(const Disk *disk, OrrKeyspace *keyspace, OrrLogRecovery *recovery)
{
    OrrFile files[ORR_FILE_KINDS * 32];
    OrrId node = node_id();

    return orr_log_recover(files, disk_files(disk, files), &node, ORR_HASH_SLOT_BY_KEY,
                           keyspace, NULL, recovery);
}

/* Write number `i`: strings, fields, deletions and expiries over a few keys. */
static OrrRecord
write_number(unsigned i, char *key)
{
    OrrRecord record = {.version = i + 1, .wall_ms = 1000 + i};
    OrrRng rng = orr_rng_new(i);

    g_snprintf(key, 16, "k%u", (unsigned)orr_rng_below(&rng, 20));
    record.kind = (OrrRecordKind)(1 + orr_rng_below(&rng, 5));
    record.key = orr_bytes(key, strlen(key));
    record.slot = orr_slot_of_key(record.key);
    if (record.kind == ORR_RECORD_HASH_FIELD || record.kind == ORR_RECORD_DELETE_FIELD) {
        key[0] = 'h';
        record.field = orr_bytes("field", 1 + orr_rng_below(&rng, 5));
        record.slot = orr_slot_of_key(record.key);
    }
    if (record.kind == ORR_RECORD_STRING || record.kind == ORR_RECORD_HASH_FIELD) {
        record.value = orr_bytes("some value of some size", orr_rng_below(&rng, 23));
    }
    record.expire_ms = record.kind == ORR_RECORD_EXPIRE ? 5000 + (int64_t)i : 0;
    return record;
}

static uint64_t
digest_after(unsigned writes)
{
    OrrKeyspace *keyspace = orr_keyspace_new(3);
    char key[16];

    for (unsigned i = 0; i < writes; i++) {
        OrrRecord record = write_number(i, key);

        (void)orr_keyspace_apply(keyspace, &record);
    }
    uint64_t digest = orr_keyspace_digest(keyspace);

    orr_keyspace_free(keyspace);
    return digest;
}

/* A run that writes and rotates; performs effects until `stop` of them are done. *durable is
 * how many writes were on disk then; returns how many effects there were. */
static unsigned
run_until(Disk *disk, unsigned stop, unsigned *durable)
{
    OrrKeyspace *keyspace = orr_keyspace_new(1);
    OrrEffects *effects = orr_effects_new();
    OrrId node = node_id();
    OrrLogMeta meta = meta_of("meta 1");
    OrrLog *log = orr_log_new(&node, NULL, &meta);
    unsigned done = 0;
    char key[16];

    *durable = 0;
    for (unsigned i = 0; i < 150 && done < stop; i++) {
        OrrRecord record = write_number(i, key);

        (void)orr_keyspace_apply(keyspace, &record);
        orr_log_record(log, &record);
        if (i % 3 == 2) {
            T_TRUE(orr_log_flush(log, 1000 + i, true, effects));
        }
        if (i == 40 || i == 100) {
            T_EQ(orr_log_rotate(log, &meta, 0, effects), ORR_OK);
            T_EQ(orr_log_rotate(log, &meta, 0, effects), ORR_REFUSED);
            orr_log_rotated(log);
        }
        if (i % 2 == 0) {
            (void)orr_log_step(log, keyspace, 3, 77, effects);
        }
        for (size_t e = 0; e < orr_effects_count(effects) && done < stop; e++, done++) {
            OrrEffect effect = orr_effects_get(effects, e);

            disk_perform(disk, &effect);
            if (effect.store.kind == ORR_FILE_LOG && effect.store.bytes.size > 60) {
                *durable = i + 1;
            }
            if (effect.store.op == 77) {
                orr_log_stored(log, 77, ORR_OK, effects);
            }
        }
        orr_effects_clear(effects);
    }
    orr_log_free(log);
    orr_effects_free(effects);
    orr_keyspace_free(keyspace);
    return done;
}

/* Killed after any of its writes to disk, in the middle of snapshots and removals too, a node
 * comes back with exactly the writes that were on disk. */
static void
test_killed_at_any_moment(void)
{
    unsigned total = UINT_MAX;

    for (unsigned stop = 0; stop <= total; stop++) {
        Disk disk = {{{NULL}}};
        OrrKeyspace *keyspace = orr_keyspace_new(2);
        OrrLogRecovery recovery;
        unsigned durable;
        unsigned done = run_until(&disk, stop, &durable);

        total = done < stop ? done : total;
        T_EQ(recover(&disk, keyspace, &recovery), ORR_OK);
        T_TRUE(orr_keyspace_digest(keyspace) == digest_after(durable));
        T_EQ(recovery.torn_size, 0);
        orr_keyspace_free(keyspace);
        disk_free(&disk);
    }
    T_TRUE(total > 60);
}

/* Old files go when a snapshot is whole, and only then. */
static void
test_rotation_removes_old_files(void)
{
    Disk disk = {{{NULL}}};
    unsigned durable;

    (void)run_until(&disk, UINT_MAX, &durable);
    T_TRUE(disk.content[ORR_FILE_LOG][1] == NULL && disk.content[ORR_FILE_LOG][2] == NULL);
    T_TRUE(disk.content[ORR_FILE_LOG][3] != NULL);
    T_TRUE(disk.content[ORR_FILE_SNAPSHOT][2] == NULL);
    T_TRUE(disk.content[ORR_FILE_SNAPSHOT][3] != NULL);
    disk_free(&disk);
}

/* A log of ten flushed writes. */
static void
small_log(Disk *disk, size_t *offsets)
{
    OrrEffects *effects = orr_effects_new();
    OrrId node = node_id();
    OrrLogMeta meta = meta_of("m");
    OrrLog *log = orr_log_new(&node, NULL, &meta);
    char key[16];

    for (unsigned i = 0; i < 10; i++) {
        OrrRecord record = write_number(i, key);

        offsets[i] = orr_log_size(log);
        orr_log_record(log, &record);
    }
    offsets[10] = orr_log_size(log);
    T_TRUE(orr_log_flush(log, 1, true, effects));
    disk_perform_all(disk, effects);
    orr_log_free(log);
    orr_effects_free(effects);
}

/* Wherever the last write is torn, what was whole before it comes back, and the number of bytes
 * lost is told; rubbish behind the tear changes nothing. */
static void
test_a_torn_tail_is_cut(void)
{
    for (unsigned rubbish = 0; rubbish < 3; rubbish++) {
        Disk disk = {{{NULL}}};
        size_t offsets[11];

        small_log(&disk, offsets);
        for (size_t size = offsets[10]; size-- > 0;) {
            OrrKeyspace *keyspace = orr_keyspace_new(2);
            OrrLogRecovery recovery;
            unsigned whole = 0;

            g_byte_array_set_size(disk.content[ORR_FILE_LOG][1], (guint)size);
            for (unsigned i = 0; i < rubbish * 10; i++) {
                uint8_t byte = rubbish == 1 ? 0 : (uint8_t)(0xa5 ^ i * 37);

                g_byte_array_append(disk.content[ORR_FILE_LOG][1], &byte, 1);
            }
            while (whole < 10 && offsets[whole + 1] <= size) {
                whole++;
            }
            T_EQ(recover(&disk, keyspace, &recovery), ORR_OK);
            if (rubbish == 1 && recovery.records == whole + 1) {
                orr_keyspace_free(keyspace);
                continue; /* it ends in zeros, and so does the rubbish: nothing is lost */
            }
            T_EQ(recovery.records, whole);
            T_TRUE(orr_keyspace_digest(keyspace) == digest_after(whole));
            if (size > offsets[0]) {
                T_EQ(recovery.torn_size, size + rubbish * 10 - offsets[whole]);
            }
            orr_keyspace_free(keyspace);
        }
        disk_free(&disk);
    }
}

/* A changed byte with whole writes behind it is no torn tail: recovery refuses, and says
 * where. */
static void
test_damage_is_refused(void)
{
    Disk disk = {{{NULL}}};
    size_t offsets[11];

    small_log(&disk, offsets);
    for (size_t at = 0; at < offsets[10]; at++) {
        OrrKeyspace *keyspace = orr_keyspace_new(2);
        OrrLogRecovery recovery;

        disk.content[ORR_FILE_LOG][1]->data[at] ^= 0x10;
        OrrStatus status = recover(&disk, keyspace, &recovery);

        if (at < offsets[9]) {
            T_EQ(status, ORR_MALFORMED);
            T_TRUE(g_str_has_prefix(recovery.refused, "log 1 is damaged at byte "));
        } else {
            T_EQ(status, ORR_OK); /* the last write: as good as torn */
            T_EQ(recovery.records, 9);
        }
        disk.content[ORR_FILE_LOG][1]->data[at] ^= 0x10;
        orr_keyspace_free(keyspace);
    }
    disk_free(&disk);
}

/* Files of another node, and gaps between files, are refused. */
static void
test_missing_files_are_noticed(void)
{
    Disk disk = {{{NULL}}};
    unsigned durable;
    OrrKeyspace *keyspace = orr_keyspace_new(2);
    OrrLogRecovery recovery;
    OrrFile files[ORR_FILE_KINDS * 32];
    OrrId other = orr_id_of_name(orr_bytes_of_string("n2"));

    /* stopped within the second snapshot: log 2, snapshot 2, log 3, part of snapshot 3 */
    for (unsigned stop = 0;
         disk.content[ORR_FILE_SNAPSHOT][3] == NULL || disk.content[ORR_FILE_LOG][3] == NULL;
         stop++) {
        disk_free(&disk);
        (void)run_until(&disk, stop, &durable);
    }
    T_TRUE(disk.content[ORR_FILE_LOG][2] != NULL);
    T_EQ(orr_log_recover(files, disk_files(&disk, files), &other, ORR_HASH_SLOT_BY_KEY,
                         keyspace, NULL, &recovery),
         ORR_MALFORMED);
    T_TRUE(strstr(recovery.refused, "another node wrote it") != NULL);
    g_clear_pointer(&disk.content[ORR_FILE_LOG][2], g_byte_array_unref);
    T_EQ(recover(&disk, keyspace, &recovery), ORR_MALFORMED);
    T_TRUE(strstr(recovery.refused, "missing") != NULL);
    orr_keyspace_free(keyspace);
    disk_free(&disk);
}

typedef struct Told {
    GString *text;
} Told;

static void
tell_meta(void *context, OrrBytes meta)
{
    Told *told = context;

    g_string_append_printf(told->text, "[%.*s]", (int)meta.size, (const char *)meta.data);
}

static void
tell_record(void *context, OrrBytes records)
{
    Told *told = context;
    OrrRecord record;
    size_t used;

    T_EQ(orr_record_decode(records, &record, &used), ORR_OK);
    g_string_append_printf(told->text, "%u ", (unsigned)record.version);
}

/* The log tells its history in order; a restart in its middle counts only once the new data
 * are whole. */
static void
test_restart_counts_when_it_is_whole(void)
{
    for (unsigned whole = 0; whole < 2; whole++) {
        Disk disk = {{{NULL}}};
        OrrEffects *effects = orr_effects_new();
        OrrKeyspace *fresh = orr_keyspace_new(1);
        OrrKeyspace *keyspace = orr_keyspace_new(2);
        OrrId node = node_id();
        OrrLogMeta meta = meta_of("old");
        OrrLog *log = orr_log_new(&node, NULL, &meta);
        OrrLogRecovery recovery;
        OrrFile files[ORR_FILE_KINDS * 32];
        Told told = {g_string_new(NULL)};
        OrrLogRecoverySink sink = {&told, tell_meta, tell_record};
        char key[16];

        for (unsigned i = 0; i < 5; i++) {
            OrrRecord record = write_number(i, key);

            orr_log_record(log, &record);
        }
        for (unsigned i = 0; i < 50; i++) {
            OrrRecord record = write_number(i, key);

            (void)orr_keyspace_apply(fresh, &record);
        }
        meta = meta_of("new");
        orr_log_restart(log, &meta, effects);
        OrrRecord record = write_number(50, key);
        (void)orr_keyspace_apply(fresh, &record);
        orr_log_record(log, &record);
        T_TRUE(orr_log_flush(log, 5, true, effects));
        while (whole && !orr_log_step(log, fresh, 10, 9, effects)) {
        }
        orr_log_stored(log, 9, ORR_OK, effects);
        disk_perform_all(&disk, effects);

        T_EQ(orr_log_recover(files, disk_files(&disk, files), &node, ORR_HASH_SLOT_BY_KEY,
                             keyspace, &sink, &recovery),
             ORR_OK);
        T_STR_EQ(told.text->str, whole ? "[new][new]51 " : "[old]1 2 3 4 5 ");
        T_TRUE(orr_keyspace_digest(keyspace) == digest_after(whole ? 51 : 5));

        /* and after that, life goes on */
        orr_log_free(log);
        log = orr_log_new(&node, &recovery, &recovery.meta);
        T_EQ(orr_log_generation(log), 3);
        record = write_number(60, key);
        orr_log_record(log, &record);
        T_TRUE(orr_log_flush(log, 5, true, effects));
        disk_perform_all(&disk, effects);
        OrrKeyspace *again = orr_keyspace_new(5);

        T_EQ(recover(&disk, again, &recovery), ORR_OK);
        T_EQ(recovery.version, 61);
        orr_keyspace_free(again);
        orr_keyspace_free(keyspace);
        orr_keyspace_free(fresh);
        orr_effects_free(effects);
        orr_log_free(log);
        g_string_free(told.text, TRUE);
        disk_free(&disk);
    }
}

/* A million keys are read back in under two seconds. */
static void
test_a_million_keys_come_back_in_time(void)
{
    Disk disk = {{{NULL}}};
    OrrEffects *effects = orr_effects_new();
    OrrKeyspace *keyspace = orr_keyspace_new(2);
    OrrId node = node_id();
    OrrLogMeta meta = meta_of("m");
    OrrLog *log = orr_log_new(&node, NULL, &meta);
    OrrLogRecovery recovery;
    char key[32];

    for (unsigned i = 0; i < 1000000; i++) {
        snprintf(key, sizeof key, "key:%012u", i);
        OrrRecord record = {.kind = ORR_RECORD_STRING,
                            .version = i + 1,
                            .key = orr_bytes(key, 16),
                            .value = orr_bytes(key, 16)};

        orr_log_record(log, &record);
    }
    T_TRUE(orr_log_flush(log, 1, true, effects));
    disk_perform_all(&disk, effects);

    clock_t start = clock();

    T_EQ(recover(&disk, keyspace, &recovery), ORR_OK);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;

    printf("recovery of 1000000 keys: %.2f s of CPU\n", seconds);
    T_EQ(orr_keyspace_count(keyspace), 1000000);
#ifndef __SANITIZE_ADDRESS__
    T_TRUE(seconds < 2.0);
#endif
    orr_log_free(log);
    orr_effects_free(effects);
    orr_keyspace_free(keyspace);
    disk_free(&disk);
}

static void
set_text(OrrStateLog *state, uint8_t tag, const char *text)
{
    T_EQ(orr_state_set(state, tag, orr_bytes_of_string(text)), ORR_OK);
}

static char *
state_text(const OrrStateLog *state)
{
    GString *text = g_string_new(NULL);

    for (uint8_t tag = 0; tag < ORR_STATE_TAGS; tag++) {
        OrrBytes payload;

        if (orr_state_get(state, tag, &payload) == ORR_OK) {
            g_string_append_printf(text, "%u=%.*s ", tag, (int)payload.size,
                                   (const char *)payload.data);
        }
    }
    return g_string_free(text, FALSE);
}

/* Writes six states in a row; *sizes are those of the file after each. */
static void
write_states(Disk *disk, OrrStateLog *state, uint32_t generation, size_t *sizes)
{
    static const char *const VALUES[] = {"one", "two", "three", "four", "five", "six"};
    OrrEffects *effects = orr_effects_new();

    for (uint64_t i = 0; i < 6; i++) {
        set_text(state, (uint8_t)(i % 2), VALUES[i]);
        T_TRUE(orr_state_flush(state, i + 1, effects));
        T_FALSE(orr_state_flush(state, 99, effects));
        orr_state_stored(state, i + 1, ORR_OK, effects);
        disk_perform_all(disk, effects);
        sizes[i] = disk->content[ORR_FILE_STATE][generation]->len;
    }
    orr_effects_free(effects);
}

/* A vote is remembered or not remembered, never half: at whichever byte the power is cut, the
 * state is the one before the write or the one after it. */
static void
test_state_survives_a_cut_at_every_byte(void)
{
    static const char *const STATES[] = {"",
                                         "0=one ",
                                         "0=one 1=two ",
                                         "0=three 1=two ",
                                         "0=three 1=four ",
                                         "0=five 1=four ",
                                         "0=five 1=six "};
    Disk disk = {{{NULL}}};
    OrrStateLog *writer = orr_state_new(ORR_FILE_STATE);
    size_t sizes[6];

    write_states(&disk, writer, 1, sizes);
    orr_state_free(writer);
    for (size_t size = sizes[5] + 1; size-- > 0;) {
        OrrStateLog *state = orr_state_new(ORR_FILE_STATE);
        OrrFile file = {ORR_FILE_STATE, 1,
                        orr_bytes(disk.content[ORR_FILE_STATE][1]->data, size)};
        uint64_t torn;
        char where[160];
        unsigned whole = 0;

        while (whole < 6 && sizes[whole] <= size) {
            whole++;
        }
        T_EQ(orr_state_recover(state, &file, 1, &torn, where), ORR_OK);
        g_autofree char *text = state_text(state);

        T_STR_EQ(text, STATES[whole]);
        orr_state_free(state);
    }
    disk_free(&disk);
}

/* After a restart a new file is written; killed in its middle, or told that it was not written,
 * the old one still counts. Damage is refused. */
static void
test_state_moves_to_a_new_file(void)
{
    Disk disk = {{{NULL}}};
    OrrStateLog *state = orr_state_new(ORR_FILE_STATE);
    OrrEffects *effects = orr_effects_new();
    OrrFile files[ORR_FILE_KINDS * 32];
    uint64_t torn;
    char where[160];
    size_t sizes[6];

    write_states(&disk, state, 1, sizes);
    orr_state_free(state);
    state = orr_state_new(ORR_FILE_STATE);
    T_EQ(orr_state_recover(state, files, disk_files(&disk, files), &torn, where), ORR_OK);
    set_text(state, 1, "seven");
    T_TRUE(orr_state_flush(state, 10, effects));
    disk_perform_all(&disk, effects);
    T_TRUE(disk.content[ORR_FILE_STATE][1] != NULL);
    for (size_t size = disk.content[ORR_FILE_STATE][2]->len + 1; size-- > 0;) {
        OrrStateLog *reader = orr_state_new(ORR_FILE_STATE);
        OrrFile cut[2] = {
            {ORR_FILE_STATE, 2, orr_bytes(disk.content[ORR_FILE_STATE][2]->data, size)},
            {ORR_FILE_STATE, 1, orr_bytes(disk.content[ORR_FILE_STATE][1]->data, sizes[5])}};

        T_EQ(orr_state_recover(reader, cut, 2, &torn, where), ORR_OK);
        g_autofree char *text = state_text(reader);

        T_TRUE(strcmp(text, "0=five 1=six ") == 0 || strcmp(text, "0=five 1=seven ") == 0);
        orr_state_free(reader);
    }
    orr_state_stored(state, 10, ORR_OK, effects);
    disk_perform_all(&disk, effects);
    T_TRUE(disk.content[ORR_FILE_STATE][1] == NULL);

    /* a failed write: everything again, in a third file */
    set_text(state, 0, "eight");
    T_TRUE(orr_state_flush(state, 11, effects));
    orr_effects_clear(effects);
    orr_state_stored(state, 11, ORR_IO, effects);
    T_TRUE(orr_state_flush(state, 12, effects));
    disk_perform_all(&disk, effects);
    T_TRUE(disk.content[ORR_FILE_STATE][3] != NULL);
    disk.content[ORR_FILE_STATE][3]->data[60] ^= 1;
    OrrStateLog *reader = orr_state_new(ORR_FILE_STATE);
    T_EQ(orr_state_recover(reader, files, disk_files(&disk, files), &torn, where),
         ORR_MALFORMED);
    T_TRUE(g_str_has_prefix(where, "state 3 is damaged at byte "));
    orr_state_free(reader);
    orr_state_free(state);
    orr_effects_free(effects);
    disk_free(&disk);
}

/* A state that changes for ever does not make a file that grows for ever. */
static void
test_state_files_do_not_grow_for_ever(void)
{
    Disk disk = {{{NULL}}};
    OrrStateLog *state = orr_state_new(ORR_FILE_CONFIG);
    OrrEffects *effects = orr_effects_new();
    char text[32];

    for (unsigned i = 0; i < 20000; i++) {
        snprintf(text, sizeof text, "value %u", i);
        set_text(state, 7, text);
        T_TRUE(orr_state_flush(state, i + 1, effects));
        orr_state_stored(state, i + 1, ORR_OK, effects);
        disk_perform_all(&disk, effects);
    }
    T_EQ(orr_state_set(state, ORR_STATE_TAGS, orr_bytes("x", 1)), ORR_INVALID);
    OrrFile files[ORR_FILE_KINDS * 32];
    T_EQ(disk_files(&disk, files), 1);
    T_TRUE(files[0].content.size < 100000);
    orr_state_free(state);
    orr_effects_free(effects);
    disk_free(&disk);
}

static const Test TESTS[] = {
    TEST(test_killed_at_any_moment),
    TEST(test_rotation_removes_old_files),
    TEST(test_a_torn_tail_is_cut),
    TEST(test_damage_is_refused),
    TEST(test_missing_files_are_noticed),
    TEST(test_restart_counts_when_it_is_whole),
    TEST(test_a_million_keys_come_back_in_time),
    TEST(test_state_survives_a_cut_at_every_byte),
    TEST(test_state_moves_to_a_new_file),
    TEST(test_state_files_do_not_grow_for_ever),
};

T_MAIN("log", TESTS)
