#include "check.h"

#include <orrery/rng.h>
#include <queue.h>

/* A reference that cannot be wrong: all pending events in one array, the earliest found by
 * looking at each. */
typedef struct Reference {
    struct {
        OrrTime at_ns;
        uint64_t tag;
        SimEventHandle handle;
    } pending[4096];
    size_t count;
} Reference;

static void
reference_add(Reference *reference, OrrTime at_ns, uint64_t tag, SimEventHandle handle)
{
    T_REQUIRE(reference->count < 4096);
    reference->pending[reference->count].at_ns = at_ns;
    reference->pending[reference->count].tag = tag;
    reference->pending[reference->count++].handle = handle;
}

static void
reference_remove(Reference *reference, size_t index)
{
    reference->pending[index] = reference->pending[--reference->count];
}

static size_t
reference_first(const Reference *reference)
{
    size_t first = 0;

    for (size_t i = 1; i < reference->count; i++) {
        bool earlier = reference->pending[i].at_ns < reference->pending[first].at_ns;
        bool older = reference->pending[i].at_ns == reference->pending[first].at_ns &&
                     reference->pending[i].tag < reference->pending[first].tag;

        if (earlier || older) {
            first = i;
        }
    }
    return first;
}

typedef struct Rig {
    SimQueue *queue;
    Reference reference;
    OrrRng rng;
    uint64_t tag;
} Rig;

static Rig *
rig_new(uint64_t seed)
{
    Rig *rig = calloc(1, sizeof *rig);

    rig->queue = sim_queue_new();
    rig->rng = orr_rng_new(seed);
    return rig;
}

static void
rig_free(Rig *rig)
{
    sim_queue_free(rig->queue);
    free(rig);
}

static void
plan(Rig *rig, OrrTime at_ns)
{
    SimEvent event = {.at_ns = at_ns, .kind = SIM_EVENT_WORLD, .arg = {++rig->tag}};

    reference_add(&rig->reference, at_ns, rig->tag, sim_queue_schedule(rig->queue, &event));
}

/* Pops from both; false when they disagree. */
static bool
pop_both(Rig *rig)
{
    SimEvent event;
    size_t first = reference_first(&rig->reference);
    bool same = sim_queue_peek_ns(rig->queue) == rig->reference.pending[first].at_ns;

    same = sim_queue_pop(rig->queue, &event) && same &&
           event.at_ns == rig->reference.pending[first].at_ns &&
           event.arg[0] == rig->reference.pending[first].tag;
    reference_remove(&rig->reference, first);
    return same && sim_queue_count(rig->queue) == rig->reference.count;
}

static bool
cancel_one(Rig *rig)
{
    size_t index = (size_t)orr_rng_below(&rig->rng, rig->reference.count);
    SimEventHandle handle = rig->reference.pending[index].handle;
    bool right = sim_queue_cancel(rig->queue, handle) == ORR_OK &&
                 sim_queue_cancel(rig->queue, handle) == ORR_NOT_FOUND;

    reference_remove(&rig->reference, index);
    return right;
}

/* Delays of every scale: none, equal, tiny, usual, a day, a year. */
static OrrTime
some_delay(OrrRng *rng)
{
    switch (orr_rng_below(rng, 8)) {
    case 0:
        return 0;
    case 1:
        return 1000000;
    case 2:
        return orr_rng_between(rng, 0, 3);
    case 3:
        return orr_rng_between(rng, 0, 86400) * ORR_NS_PER_S;
    case 4:
        return orr_rng_between(rng, 0, INT64_C(30000000) * ORR_NS_PER_S);
    default:
        return orr_rng_between(rng, 1000000, 20000000);
    }
}

/* One random life of a queue whose number of pending events wanders around `level`. */
static bool
random_life(uint64_t seed, size_t level, unsigned steps)
{
    Rig *rig = rig_new(seed);
    bool same = true;

    for (unsigned i = 0; i < steps && same; i++) {
        uint64_t dice = orr_rng_below(&rig->rng, 100);

        if (rig->reference.count == 0 ||
            (dice < 42 + 30 * (rig->reference.count < level) && rig->reference.count < 4000)) {
            OrrTime delay = some_delay(&rig->rng);

            OrrTime now_ns = sim_queue_now_ns(rig->queue);

            plan(rig, now_ns < ORR_NEVER - 1 - delay ? now_ns + delay : now_ns);
        } else if (dice < 90) {
            same = pop_both(rig);
        } else {
            same = cancel_one(rig);
        }
    }
    while (rig->reference.count != 0 && same) {
        same = pop_both(rig);
    }
    SimEvent event;
    same = same && !sim_queue_pop(rig->queue, &event) && sim_queue_count(rig->queue) == 0;
    rig_free(rig);
    return same;
}

/* Whatever is planned and taken back, events come out by time, and by order of planning where
 * the time is the same. */
static void
test_order_is_that_of_a_plain_search(void)
{
    uint64_t seed = t_seed(1);

    for (uint64_t i = 0; i < 200; i++) {
        T_TRUE(random_life(seed + i, 1 + (i * 13) % 1500, 5000));
    }
}

/* A thousand events of one moment come out in the order in which they were planned, and so do
 * those that each of them plans for the same moment. */
static void
test_equal_times_keep_their_order(void)
{
    Rig *rig = rig_new(1);

    for (unsigned i = 0; i < 1000; i++) {
        plan(rig, 5000);
    }
    for (unsigned i = 0; i < 1000; i++) {
        T_TRUE(pop_both(rig));
        plan(rig, 5000);
    }
    while (rig->reference.count != 0) {
        T_TRUE(pop_both(rig));
    }
    rig_free(rig);
}

/* Ever later, ever closer, or in bursts: patterns that a wheel tuned to the past gets wrong. */
static void
test_patterns_that_defeat_tuning(void)
{
    Rig *rig = rig_new(t_seed(2));
    OrrTime delay = 1;

    for (unsigned i = 0; i < 60; i++) { /* each far beyond the one before */
        plan(rig, delay);
        delay += delay / 2 + 1;
    }
    for (unsigned round = 0; round < 40; round++) {
        OrrTime now_ns = sim_queue_now_ns(rig->queue);
        OrrTime width = INT64_C(1) << (40 - round); /* narrower and narrower bursts */

        for (unsigned i = 0; i < 80; i++) {
            plan(rig, now_ns + 1000 + orr_rng_between(&rig->rng, 0, width));
        }
        for (unsigned i = 0; i < 80; i++) {
            T_TRUE(pop_both(rig));
        }
    }
    while (rig->reference.count != 0) {
        T_TRUE(pop_both(rig));
    }
    rig_free(rig);
}

/* A look at what comes next must not keep anything from being planned before it. */
static void
test_peeking_does_not_close_the_present(void)
{
    Rig *rig = rig_new(1);

    plan(rig, 1000 * ORR_NS_PER_S);
    T_EQ(sim_queue_peek_ns(rig->queue), 1000 * ORR_NS_PER_S);
    plan(rig, 7);
    plan(rig, 500 * ORR_NS_PER_S);
    plan(rig, 7);

    while (rig->reference.count != 0) {
        T_TRUE(pop_both(rig));
    }
    T_EQ(sim_queue_peek_ns(rig->queue), ORR_NEVER);
    rig_free(rig);
}

/* A timer that is set anew a million times costs the memory of one. */
static void
test_cancelled_events_do_not_pile_up(void)
{
    SimQueue *queue = sim_queue_new();
    SimEvent event = {.kind = SIM_EVENT_DEADLINE};
    SimEventHandle timer = SIM_NO_EVENT;

    for (int64_t i = 0; i < 1000000; i++) {
        (void)sim_queue_cancel(queue, timer);
        event.at_ns = i + 1000 * ORR_NS_PER_S;
        timer = sim_queue_schedule(queue, &event);
    }

    T_EQ(sim_queue_count(queue), 1);
    T_TRUE(sim_queue_shape(queue).slot_count < 4096);
    T_TRUE(sim_queue_pop(queue, &event));
    T_EQ(sim_queue_cancel(queue, timer), ORR_NOT_FOUND);
    T_EQ(sim_queue_cancel(queue, SIM_NO_EVENT), ORR_NOT_FOUND);
    T_EQ(sim_queue_cancel(queue, UINT64_MAX), ORR_NOT_FOUND);
    sim_queue_free(queue);
}

/* In steady state nothing is allocated: a million events pass through grown buffers. */
static void
test_steady_state_allocates_nothing(void)
{
    SimQueue *queue = sim_queue_new();
    OrrRng rng = orr_rng_new(t_seed(3));
    SimEvent event = {.kind = SIM_EVENT_WORLD};
    uint64_t allocations = 0;

    for (unsigned i = 0; i < 1000; i++) {
        event.at_ns = orr_rng_between(&rng, 1000000, 20000000);
        (void)sim_queue_schedule(queue, &event);
    }
    for (unsigned i = 0; i < 1000000; i++) {
        T_REQUIRE(sim_queue_pop(queue, &event));
        event.at_ns += orr_rng_between(&rng, 1000000, 20000000);
        (void)sim_queue_schedule(queue, &event);
        if (i == 100000) {
            allocations = sim_queue_shape(queue).allocations;
        }
    }

    T_EQ(sim_queue_shape(queue).allocations, allocations);
    sim_queue_free(queue);
}

static const Test TESTS[] = {
    TEST(test_order_is_that_of_a_plain_search), TEST(test_equal_times_keep_their_order),
    TEST(test_patterns_that_defeat_tuning),     TEST(test_peeking_does_not_close_the_present),
    TEST(test_cancelled_events_do_not_pile_up), TEST(test_steady_state_allocates_nothing),
};

T_MAIN("sim_queue", TESTS)
