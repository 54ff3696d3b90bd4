/* queue_sort.h - two small orders of events that the queue is made of, private to it.
 *
 * A run is filled, sorted once and then taken from the front; a heap takes what comes late.
 * Both order keys by (at_ns, sequence), which no two events share.
 *
 * Memory: arrays that grow by doubling and are kept. Threads: one user at a time.
 */
#ifndef SIM_QUEUE_SORT_H
#define SIM_QUEUE_SORT_H

#include <orrery/types.h>

typedef struct SimKey {
    OrrTime at_ns;
    uint64_t sequence;
    uint32_t slot;
} SimKey;

static inline bool
sim_key_before(const SimKey *a, const SimKey *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->sequence < b->sequence;
}

typedef struct SimRun {
    SimKey *keys;
    SimKey *scratch; /* for merging */
    size_t first;
    size_t count; /* `first` included */
    size_t room;
    uint64_t allocations;
} SimRun;

typedef struct SimHeap {
    SimKey *keys; /* 4-ary */
    size_t count;
    size_t room;
    uint64_t allocations;
} SimHeap;

/* Doubles the room. */
void sim_run_grow(SimRun *run);
void sim_run_free(SimRun *run);
/* Sorts what was appended; O(n) where it is in order or in reverse, O(n log n) otherwise. */
void sim_run_sort_many(SimRun *run);

static inline void
sim_run_clear(SimRun *run)
{
    run->first = 0;
    run->count = 0;
}

static inline void
sim_run_append(SimRun *run, OrrTime at_ns, uint64_t sequence, uint32_t slot)
{
    if (run->count == run->room) {
        sim_run_grow(run);
    }
    run->keys[run->count++] = (SimKey){at_ns, sequence, slot};
}

static inline void
sim_run_sort(SimRun *run)
{
    if (run->count == 2) {
        SimKey first = run->keys[0];

        if (sim_key_before(&run->keys[1], &first)) {
            run->keys[0] = run->keys[1];
            run->keys[1] = first;
        }
    } else if (run->count > 2) {
        sim_run_sort_many(run);
    }
}

/* The earliest, or NULL. */
static inline const SimKey *
sim_run_first(const SimRun *run)
{
    return run->first < run->count ? &run->keys[run->first] : NULL;
}

static inline void
sim_run_remove_first(SimRun *run)
{
    run->first++;
}

void sim_heap_add(SimHeap *heap, OrrTime at_ns, uint64_t sequence, uint32_t slot);
void sim_heap_remove_first(SimHeap *heap);
void sim_heap_free(SimHeap *heap);

static inline const SimKey *
sim_heap_first(const SimHeap *heap)
{
    return heap->count != 0 ? &heap->keys[0] : NULL;
}

#endif
