/* eviction.c - how good the approximations of LRU and LFU are: the share of requests that find
 * their key in a cache, beside that of exact LRU, of exact LFU (with all counts remembered) and
 * of chance, on the same requests.
 *
 *     build/bench/eviction [FILE...]     Zipf requests; and those of files, a key a line
 *
 * CSV: what was asked, keys that fit, policy, samples, hit ratio. The cache is a keyspace whose
 * clock ticks every 100 requests. */
#include <orrery/orrery.h>
#include <orrery/slots.h>

#include <glib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define REQUESTS 1000000u
#define ZIPF_KEYS 100000u
#define REQUESTS_PER_TICK 100u

typedef struct Trace {
    const char *name;
    uint32_t *keys;
    size_t count;
    uint32_t distinct;
} Trace;

static void
report(const Trace *trace, size_t capacity, const char *policy, const char *samples,
       uint64_t hits)
{
    printf("%s,%zu,%s,%s,%.4f\n", trace->name, capacity, policy, samples,
           (double)hits / (double)trace->count);
    fflush(stdout);
}

/* Exact LRU: a list in order of use. */

typedef struct Exact {
    uint32_t *before;
    uint32_t *after;
    bool *held;
} Exact;

static void
take_out(Exact *lru, uint32_t key)
{
    lru->after[lru->before[key]] = lru->after[key];
    lru->before[lru->after[key]] = lru->before[key];
}

static void
put_first(Exact *lru, uint32_t key, uint32_t head)
{
    lru->after[key] = lru->after[head];
    lru->before[key] = head;
    lru->before[lru->after[head]] = key;
    lru->after[head] = key;
}

static void
exact_lru(const Trace *trace, size_t capacity)
{
    uint32_t head = trace->distinct;
    Exact lru = {g_new(uint32_t, head + 1), g_new(uint32_t, head + 1), g_new0(bool, head + 1)};
    size_t held = 0;
    uint64_t hits = 0;

    lru.before[head] = lru.after[head] = head;
    for (size_t i = 0; i < trace->count; i++) {
        uint32_t key = trace->keys[i];

        if (lru.held[key]) {
            hits++;
            take_out(&lru, key);
        } else if (held++ == capacity) {
            uint32_t last = lru.before[head];

            take_out(&lru, last);
            lru.held[last] = false;
            held--;
        }
        lru.held[key] = true;
        put_first(&lru, key, head);
    }
    report(trace, capacity, "exact LRU", "", hits);
    g_free(lru.before);
    g_free(lru.after);
    g_free(lru.held);
}

/* Exact LFU: the keys that fit are those asked for most so far; a heap of (count, key). */

typedef struct Heap {
    uint32_t *keys;
    uint32_t *place; /* in the heap + 1; 0: not in it */
    uint32_t *counts;
    size_t size;
} Heap;

static void
heap_put(Heap *heap, size_t at, uint32_t key)
{
    heap->keys[at] = key;
    heap->place[key] = (uint32_t)at + 1;
}

static void
heap_down(Heap *heap, size_t at)
{
    uint32_t key = heap->keys[at];

    for (;;) {
        size_t child = 2 * at + 1;

        if (child + 1 < heap->size &&
            heap->counts[heap->keys[child + 1]] < heap->counts[heap->keys[child]]) {
            child++;
        }
        if (child >= heap->size || heap->counts[heap->keys[child]] >= heap->counts[key]) {
            break;
        }
        heap_put(heap, at, heap->keys[child]);
        at = child;
    }
    heap_put(heap, at, key);
}

static void
heap_up(Heap *heap, size_t at)
{
    uint32_t key = heap->keys[at];

    while (at > 0 && heap->counts[heap->keys[(at - 1) / 2]] > heap->counts[key]) {
        heap_put(heap, at, heap->keys[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_put(heap, at, key);
}

static void
exact_lfu(const Trace *trace, size_t capacity)
{
    Heap heap = {g_new(uint32_t, capacity + 1), g_new0(uint32_t, trace->distinct),
                 g_new0(uint32_t, trace->distinct), 0};
    uint64_t hits = 0;

    for (size_t i = 0; i < trace->count; i++) {
        uint32_t key = trace->keys[i];

        heap.counts[key]++;
        if (heap.place[key] != 0) {
            hits++;
            heap_down(&heap, heap.place[key] - 1);
            continue;
        }
        if (heap.size == capacity) {
            heap.place[heap.keys[0]] = 0;
            heap_put(&heap, 0, heap.keys[--heap.size]);
            heap_down(&heap, 0);
        }
        heap_put(&heap, heap.size++, key);
        heap_up(&heap, heap.size - 1);
    }
    report(trace, capacity, "exact LFU", "", hits);
    g_free(heap.keys);
    g_free(heap.place);
    g_free(heap.counts);
}

/* The keyspace */

static void
evict(OrrKeyspace *keyspace, OrrEviction policy, size_t samples, OrrRng *rng,
      OrrVersion *version)
{
    OrrRecord record = {.kind = ORR_RECORD_DELETE, .version = ++*version};
    OrrValue victim;

    if (orr_keyspace_victim(keyspace, policy, samples, rng, &victim) != ORR_OK) {
        exit(1);
    }
    record.slot = victim.slot;
    record.key = victim.key;
    (void)orr_keyspace_apply(keyspace, &record);
}

static void
approximate(const Trace *trace, size_t capacity, OrrEviction policy, const char *name,
            size_t samples)
{
    OrrKeyspace *keyspace = orr_keyspace_new(3);
    OrrRng rng = orr_rng_new(3);
    OrrVersion version = 0;
    uint64_t hits = 0;
    char text[32];

    for (size_t i = 0; i < trace->count; i++) {
        OrrBytes key;
        OrrRecord record = {.kind = ORR_RECORD_STRING};
        OrrValue value;

        snprintf(text, sizeof text, "%u", trace->keys[i]);
        key = orr_bytes_of_string(text);
        record.key = key;
        record.slot = orr_slot_of_key(key);
        orr_keyspace_set_access(keyspace,
                                policy == ORR_EVICTION_ALLKEYS_LFU ? ORR_ACCESS_FREQUENCY
                                                                   : ORR_ACCESS_TIME,
                                (uint32_t)(i / REQUESTS_PER_TICK));
        if (orr_keyspace_read(keyspace, record.slot, key, 1, &value) == ORR_OK) {
            hits++;
            continue;
        }
        while (orr_keyspace_count(keyspace) >= capacity) {
            evict(keyspace, policy, samples, &rng, &version);
        }
        record.version = ++version;
        (void)orr_keyspace_apply(keyspace, &record);
    }
    snprintf(text, sizeof text, "%zu", samples);
    report(trace, capacity, name, text, hits);
    orr_keyspace_free(keyspace);
}

static void
bench(const Trace *trace, size_t capacity)
{
    static const size_t SAMPLES[] = {5, 10};

    exact_lru(trace, capacity);
    for (unsigned i = 0; i < G_N_ELEMENTS(SAMPLES); i++) {
        approximate(trace, capacity, ORR_EVICTION_ALLKEYS_LRU, "allkeys-lru", SAMPLES[i]);
    }
    exact_lfu(trace, capacity);
    for (unsigned i = 0; i < G_N_ELEMENTS(SAMPLES); i++) {
        approximate(trace, capacity, ORR_EVICTION_ALLKEYS_LFU, "allkeys-lfu", SAMPLES[i]);
    }
    approximate(trace, capacity, ORR_EVICTION_ALLKEYS_RANDOM, "allkeys-random", 5);
}

/* Requests */

static Trace
zipf(double exponent, const char *name)
{
    Trace trace = {name, g_new(uint32_t, REQUESTS), REQUESTS, ZIPF_KEYS};
    double *sums = g_new(double, ZIPF_KEYS);
    OrrRng rng = orr_rng_new(1);
    double sum = 0;

    for (size_t i = 0; i < ZIPF_KEYS; i++) {
        sum += pow((double)(i + 1), -exponent);
        sums[i] = sum;
    }
    for (size_t i = 0; i < REQUESTS; i++) {
        double wanted = (double)(orr_rng_next(&rng) >> 11) / 9007199254740992.0 * sum;
        size_t low = 0;
        size_t high = ZIPF_KEYS - 1;

        while (low < high) {
            size_t middle = (low + high) / 2;

            if (sums[middle] < wanted) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        trace.keys[i] = (uint32_t)low;
    }
    g_free(sums);
    return trace;
}

static bool
trace_of_file(const char *path, Trace *trace)
{
    FILE *file = fopen(path, "r");
    GHashTable *numbers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GArray *keys = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    char line[4096];

    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        gpointer known = g_hash_table_lookup(numbers, line);
        uint32_t number =
            known != NULL ? GPOINTER_TO_UINT(known) - 1 : g_hash_table_size(numbers);

        if (known == NULL) {
            g_hash_table_insert(numbers, g_strdup(line), GUINT_TO_POINTER(number + 1));
        }
        g_array_append_val(keys, number);
    }
    *trace = (Trace){path, NULL, keys->len, g_hash_table_size(numbers)};
    trace->keys = (uint32_t *)(void *)g_array_free(keys, FALSE);
    g_hash_table_unref(numbers);
    if (file == NULL) {
        perror(path);
        return false;
    }
    fclose(file);
    return trace->count > 0;
}

int
main(int argc, char **argv)
{
    static const double EXPONENTS[] = {0.8, 0.99, 1.2};
    static const char *const NAMES[] = {"zipf 0.8", "zipf 0.99", "zipf 1.2"};

    printf("requests,keys that fit,policy,samples,hit ratio\n");
    for (unsigned i = 0; i < G_N_ELEMENTS(EXPONENTS); i++) {
        Trace trace = zipf(EXPONENTS[i], NAMES[i]);

        bench(&trace, ZIPF_KEYS / 20);
        g_free(trace.keys);
    }
    for (int i = 1; i < argc; i++) {
        Trace trace;

        if (!trace_of_file(argv[i], &trace)) {
            return 1;
        }
        bench(&trace, MAX(trace.distinct / 10, 1u));
        g_free(trace.keys);
    }
    return 0;
}
