/* keyspace.c - nanoseconds a command and bytes a key, beside GLib's hash table in the same run.
 *
 *     build/bench/keyspace [KEYS]        1000000 keys of 16 bytes, values of 16 and 64 bytes
 *
 * CSV: what, who, keys, value size, figure, unit. Resident bytes are what the kernel says the
 * process grew by. Every figure but memory is the best of three. */
#include <orrery/orrery.h>
#include <orrery/slots.h>

#define XXH_INLINE_ALL
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#define KEY_SIZE 16u
#define BATCH 16u
#define ROUNDS 3u

static int64_t
now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now); /* others use the machine, too */
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static size_t
resident_size(void)
{
    unsigned long total = 0;
    unsigned long resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    if (file == NULL || fscanf(file, "%lu %lu", &total, &resident) != 2) {
        resident = 0;
    }
    if (file != NULL) {
        fclose(file);
    }
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static void
report(const char *what, const char *who, size_t keys, size_t value_size, double figure,
       const char *unit)
{
    printf("%s,%s,%zu,%zu,%.1f,%s\n", what, who, keys, value_size, figure, unit);
    fflush(stdout);
}

typedef struct Work {
    size_t count;
    size_t value_size;
    char *keys;  /* KEY_SIZE each, in the order in which they are written */
    char *again; /* the same in the order in which they are read */
    char value[256];
} Work;

/* Whoever asks has the key in its cache; so that the measured loop has it, too, keys are read
 * one after the other. */
static void
shuffle(char *keys, size_t count, uint64_t seed)
{
    OrrRng rng = orr_rng_new(seed);

    for (size_t i = count; i > 1; i--) {
        char *a = keys + (i - 1) * KEY_SIZE;
        char *b = keys + orr_rng_below(&rng, i) * KEY_SIZE;
        char kept[KEY_SIZE];

        memcpy(kept, a, KEY_SIZE);
        memmove(a, b, KEY_SIZE);
        memcpy(b, kept, KEY_SIZE);
    }
}

static void
work_init(Work *work, size_t count)
{
    char text[32];

    work->count = count;
    work->keys = g_malloc(count * KEY_SIZE);
    memset(work->value, 'v', sizeof work->value);
    for (size_t i = 0; i < count; i++) {
        snprintf(text, sizeof text, "key:%012zu", i);
        memcpy(work->keys + i * KEY_SIZE, text, KEY_SIZE);
    }
    work->again = g_memdup2(work->keys, count * KEY_SIZE);
    shuffle(work->keys, count, 1);
    shuffle(work->again, count, 2);
}

static OrrBytes
key_at(const char *keys, size_t i)
{
    return orr_bytes(keys + i * KEY_SIZE, KEY_SIZE);
}

static double
keyspace_set(const Work *work, const char *keys, OrrKeyspace *keyspace, OrrVersion *version)
{
    int64_t start = now_ns();

    for (size_t i = 0; i < work->count; i++) {
        OrrBytes key = key_at(keys, i);
        OrrRecord record = {.kind = ORR_RECORD_STRING,
                            .slot = orr_slot_of_key(key),
                            .version = ++*version,
                            .key = key,
                            .value = orr_bytes(work->value, work->value_size)};

        if (orr_keyspace_apply(keyspace, &record) != ORR_OK) {
            exit(1);
        }
    }
    return (double)(now_ns() - start) / (double)work->count;
}

static double
keyspace_get(const Work *work, const OrrKeyspace *keyspace, bool batched)
{
    size_t found = 0;
    int64_t start = now_ns();

    for (size_t i = 0; i < work->count; i += BATCH) {
        OrrKeyRef keys[BATCH];
        size_t count = MIN((size_t)BATCH, work->count - i);

        for (size_t k = 0; k < count; k++) {
            keys[k].key = key_at(work->again, i + k);
            keys[k].slot = orr_slot_of_key(keys[k].key);
        }
        if (batched) {
            orr_keyspace_prefetch(keyspace, keys, count);
        }
        for (size_t k = 0; k < count; k++) {
            OrrValue value;

            found +=
                orr_keyspace_get(keyspace, keys[k].slot, keys[k].key, 1, &value) == ORR_OK &&
                value.value.data[0] == 'v';
        }
    }

    double ns = (double)(now_ns() - start) / (double)work->count;

    if (found != work->count) {
        fprintf(stderr, "keyspace: %zu of %zu keys found\n", found, work->count);
        exit(1);
    }
    return ns;
}

static double
best(double a, double b)
{
    return a < b ? a : b;
}

static void
bench_keyspace(const Work *work)
{
    size_t before = resident_size();
    OrrKeyspace *keyspace = orr_keyspace_new(7);
    OrrVersion version = 0;
    double set = keyspace_set(work, work->keys, keyspace, &version);
    double grown = (double)(resident_size() - before) / (double)work->count;
    double own = (double)orr_keyspace_memory(keyspace) / (double)work->count;
    double get = 1e9;
    double batch = 1e9;
    double update = 1e9;

    for (unsigned i = 0; i < ROUNDS; i++) {
        get = best(get, keyspace_get(work, keyspace, false));
        batch = best(batch, keyspace_get(work, keyspace, true));
        update = best(update, keyspace_set(work, work->again, keyspace, &version));
    }
    report("bytes per key resident", "orrery", work->count, work->value_size, grown, "B");
    report("bytes per key accounted", "orrery", work->count, work->value_size, own, "B");
    report("set new", "orrery", work->count, work->value_size, set, "ns");
    report("set again", "orrery", work->count, work->value_size, update, "ns");
    report("get", "orrery", work->count, work->value_size, get, "ns");
    report("get in batches of 16", "orrery", work->count, work->value_size, batch, "ns");
    orr_keyspace_free(keyspace);
}

/* The peer: one allocation per entry, key and value together, hashed by XXH3, too. */
static guint
peer_hash(gconstpointer key)
{
    return (guint)XXH3_64bits(key, KEY_SIZE);
}

static gboolean
peer_equal(gconstpointer a, gconstpointer b)
{
    return memcmp(a, b, KEY_SIZE) == 0;
}

static void
bench_glib(const Work *work)
{
    size_t before = resident_size();
    GHashTable *table = g_hash_table_new_full(peer_hash, peer_equal, g_free, NULL);
    int64_t start = now_ns();
    size_t found = 0;
    double get = 1e9;

    for (size_t i = 0; i < work->count; i++) {
        char *entry = g_malloc(KEY_SIZE + work->value_size);

        memcpy(entry, key_at(work->keys, i).data, KEY_SIZE);
        memcpy(entry + KEY_SIZE, work->value, work->value_size);
        g_hash_table_add(table, entry);
    }
    double set = (double)(now_ns() - start) / (double)work->count;
    double grown = (double)(resident_size() - before) / (double)work->count;

    for (unsigned round = 0; round < ROUNDS; round++) {
        start = now_ns();
        for (size_t i = 0; i < work->count; i++) {
            const char *entry = g_hash_table_lookup(table, key_at(work->again, i).data);

            found += entry != NULL && entry[KEY_SIZE] == 'v';
        }
        get = best(get, (double)(now_ns() - start) / (double)work->count);
    }
    if (found != ROUNDS * work->count) {
        exit(1);
    }
    report("bytes per key resident", "GHashTable", work->count, work->value_size, grown, "B");
    report("set new", "GHashTable", work->count, work->value_size, set, "ns");
    report("get", "GHashTable", work->count, work->value_size, get, "ns");
    g_hash_table_unref(table);
}

/* The longest single write while a million keys come: growth must never be felt. */
static void
bench_worst_step(const Work *work)
{
    OrrKeyspace *keyspace = orr_keyspace_new(9);
    int64_t worst = 0;
    unsigned slow = 0;

    for (size_t i = 0; i < work->count; i++) {
        int64_t start = now_ns();
        OrrRecord record = {.kind = ORR_RECORD_STRING,
                            .slot = 7, /* all in one slot: the worst case */
                            .version = i + 1,
                            .key = key_at(work->keys, i),
                            .value = orr_bytes(work->value, work->value_size)};

        (void)orr_keyspace_apply(keyspace, &record);
        int64_t took = now_ns() - start;

        worst = MAX(worst, took);
        slow += took > 1000000;
    }
    report("slowest write, one slot", "orrery", work->count, work->value_size,
           (double)worst / 1000, "us");
    report("writes over 1 ms, one slot", "orrery", work->count, work->value_size, slow, "");
    orr_keyspace_free(keyspace);
}

/* In a process of its own, so that what it grows by is its own. */
static void
in_child(void (*bench)(const Work *), const Work *work)
{
    int status = 0;
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child == 0) {
        bench(work);
        fflush(stdout);
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
        exit(1);
    }
}

int
main(int argc, char **argv)
{
    static const size_t VALUE_SIZES[] = {16, 64};
    Work work;

    work_init(&work, argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000);
    printf("what,who,keys,value size,figure,unit\n");
    for (unsigned i = 0; i < 2; i++) {
        work.value_size = VALUE_SIZES[i];
        in_child(bench_keyspace, &work);
        in_child(bench_glib, &work);
    }
    work.value_size = 16;
    in_child(bench_worst_step, &work);
    g_free(work.keys);
    g_free(work.again);
    return 0;
}
