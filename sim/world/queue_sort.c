#include "queue_sort.h"

#include <glib.h>

#define ROOM_FIRST 64u
#define INSERTION_MAX 24u /* below this, insertion sort is faster than merging */
#define ARITY 4u

void
sim_run_grow(SimRun *run)
{
    run->room = MAX(run->room * 2, ROOM_FIRST);
    run->keys = g_renew(SimKey, run->keys, run->room);
    run->scratch = g_renew(SimKey, run->scratch, run->room);
    run->allocations += 2;
}

void
sim_run_free(SimRun *run)
{
    g_free(run->keys);
    g_free(run->scratch);
}

static void
reverse(SimKey *keys, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        SimKey key = keys[i];

        keys[i] = keys[count - 1 - i];
        keys[count - 1 - i] = key;
    }
}

static void
insertion_sort(SimKey *keys, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        SimKey key = keys[i];
        size_t j = i;

        for (; j > 0 && sim_key_before(&key, &keys[j - 1]); j--) {
            keys[j] = keys[j - 1];
        }
        keys[j] = key;
    }
}

static void
merge(SimKey *out, const SimKey *a, const SimKey *a_end, const SimKey *b, const SimKey *b_end)
{
    while (a < a_end && b < b_end) {
        *out++ = sim_key_before(b, a) ? *b++ : *a++;
    }
    while (a < a_end) {
        *out++ = *a++;
    }
    while (b < b_end) {
        *out++ = *b++;
    }
}

static void
merge_sort(SimRun *run)
{
    size_t count = run->count;

    for (size_t i = 0; i < count; i += INSERTION_MAX) {
        insertion_sort(run->keys + i, MIN(INSERTION_MAX, count - i));
    }
    for (size_t width = INSERTION_MAX; width < count; width *= 2) {
        for (size_t i = 0; i < count; i += 2 * width) {
            const SimKey *a = run->keys + i;
            const SimKey *b = run->keys + MIN(i + width, count);

            merge(run->scratch + i, a, b, b, run->keys + MIN(i + 2 * width, count));
        }
        SimKey *merged = run->scratch;

        run->scratch = run->keys;
        run->keys = merged;
    }
}

static bool
is_sorted(const SimKey *keys, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (sim_key_before(&keys[i], &keys[i - 1])) {
            return false;
        }
    }
    return true;
}

void
sim_run_sort_many(SimRun *run)
{
    /* buckets are lists with the newest in front, so events of one time come in reverse */
    reverse(run->keys, run->count);
    if (run->count <= INSERTION_MAX) {
        insertion_sort(run->keys, run->count);
    } else if (!is_sorted(run->keys, run->count)) {
        merge_sort(run);
    }
}

void
sim_heap_add(SimHeap *heap, OrrTime at_ns, uint64_t sequence, uint32_t slot)
{
    SimKey key = {at_ns, sequence, slot};

    if (heap->count == heap->room) {
        heap->room = MAX(heap->room * 2, ROOM_FIRST);
        heap->keys = g_renew(SimKey, heap->keys, heap->room);
        heap->allocations++;
    }
    size_t i = heap->count++;

    while (i > 0 && sim_key_before(&key, &heap->keys[(i - 1) / ARITY])) {
        heap->keys[i] = heap->keys[(i - 1) / ARITY];
        i = (i - 1) / ARITY;
    }
    heap->keys[i] = key;
}

static size_t
earliest_child(const SimHeap *heap, size_t i)
{
    size_t child = i * ARITY + 1;
    size_t end = MIN(child + ARITY, heap->count);
    size_t earliest = child;

    for (child++; child < end; child++) {
        if (sim_key_before(&heap->keys[child], &heap->keys[earliest])) {
            earliest = child;
        }
    }
    return earliest;
}

void
sim_heap_remove_first(SimHeap *heap)
{
    SimKey key = heap->keys[--heap->count];
    size_t i = 0;

    while (i * ARITY + 1 < heap->count) {
        size_t child = earliest_child(heap, i);

        if (!sim_key_before(&heap->keys[child], &key)) {
            break;
        }
        heap->keys[i] = heap->keys[child];
        i = child;
    }
    heap->keys[i] = key;
}

void
sim_heap_free(SimHeap *heap)
{
    g_free(heap->keys);
}
