#include "queue.h"

#include <glib.h>
#include <sys/mman.h>

#include "queue_sort.h"

#define NO_SLOT 0u       /* slot 0 is never used, so that zeroed memory means "none" */
#define SLOT_BITS 24u    /* of a handle; the sequence is above */
#define BUCKETS_MIN 512u /* of all turns; a multiple of 64 x TURNS */
#define BUCKETS_MAX (1u << 23)
#define TURNS 8u /* in the wheel */
#define HUGE_PAGE ((size_t)2 << 20)
#define SHIFT_MAX 40u         /* a bucket of 18 minutes is wide enough */
#define FAR_LISTS 65u         /* by the highest bit in which a turn differs from the base */
#define CHECK_EVERY_MIN 1024u /* pops between looks at the tuning */
#define LOOKAHEAD 8u          /* buckets whose first slot is fetched in advance */

/* Slots hold events; `link` is the next slot of a bucket or of the free list, and CANCELLED. */
#define CANCELLED (UINT64_C(1) << 32)

_Static_assert(sizeof(SimEvent) == 64, "an event is a cache line");

/* The wheel has TURNS turns of 2^turn_bits buckets. A bucket's number is at_ns >> shift;
 * numbers of the current turn and of those up to `base` are in the wheel, higher ones in the
 * far lists, which are a radix heap of turns. */
struct SimQueue {
    SimEvent *slots;
    uint32_t slot_count; /* allocated, slot 0 included */
    uint32_t slot_fresh; /* never used so far: from here on */
    uint32_t slot_free;  /* head of the free list */
    uint32_t live;
    uint32_t cancelled; /* waiting to be met or swept */

    uint32_t *buckets;  /* head slots, 2 * turn_size */
    uint64_t *occupied; /* a bit per bucket */
    uint32_t bucket_room;
    uint32_t turn_bits;
    uint32_t shift;
    uint64_t bucket; /* number of the one being emptied */
    uint64_t base;   /* the last turn in the wheel */
    uint32_t mask;   /* buckets in the wheel, less one */
    uint32_t in_wheel;

    uint32_t far[FAR_LISTS];
    uint32_t in_far;

    SimRun run;     /* the current bucket, sorted */
    SimHeap urgent; /* what was scheduled into the current bucket since */

    uint64_t sequence;
    OrrTime now_ns;

    uint32_t pops; /* since the last look at the tuning */
    uint32_t pops_before_check;
    OrrTime checked_ns;
    uint32_t retunings;
    uint64_t allocations;
};

static uint64_t
bucket_number(const SimQueue *queue, OrrTime at_ns)
{
    return (uint64_t)at_ns >> queue->shift;
}

/* ------- slots */

/* Large arrays are read at random: with huge pages most of that costs no page walk. */
static void *
allocate(SimQueue *queue, size_t size)
{
    void *memory = NULL;

    if (posix_memalign(&memory, size >= HUGE_PAGE ? HUGE_PAGE : 64, size) != 0) {
        g_error("out of memory for %zu bytes of events", size);
    }
    if (size >= HUGE_PAGE) {
        (void)madvise(memory, size, MADV_HUGEPAGE); /* without them all is as right */
    }
    queue->allocations++;
    return memory;
}

G_GNUC_NO_INLINE static void
grow_slots(SimQueue *queue)
{
    uint32_t count = queue->slot_count * 2;

    g_assert(count <= SIM_QUEUE_PENDING_MAX);
    SimEvent *slots = allocate(queue, (size_t)count * sizeof *slots);

    if (queue->slots != NULL) {
        memcpy(slots, queue->slots, (size_t)queue->slot_count * sizeof *slots);
        free(queue->slots);
    }
    queue->slots = slots;
    queue->slot_count = count;
}

static uint32_t
take_slot(SimQueue *queue)
{
    uint32_t slot = queue->slot_free;

    if (slot != NO_SLOT) {
        queue->slot_free = (uint32_t)queue->slots[slot].link;
        return slot;
    }
    if (queue->slot_fresh == queue->slot_count) {
        grow_slots(queue);
    }
    return queue->slot_fresh++;
}

static void
give_slot(SimQueue *queue, uint32_t slot)
{
    queue->slots[slot].sequence = 0; /* so that old handles find nothing */
    queue->slots[slot].link = queue->slot_free;
    queue->slot_free = slot;
}

static bool
is_cancelled(const SimQueue *queue, uint32_t slot)
{
    return (queue->slots[slot].link & CANCELLED) != 0;
}

/* ------- wheel and far lists */

static inline void
push(SimQueue *queue, uint32_t *head, uint32_t slot)
{
    queue->slots[slot].link = (queue->slots[slot].link & CANCELLED) | *head;
    *head = slot;
}

static inline void
push_wheel(SimQueue *queue, uint64_t number, uint32_t slot)
{
    uint32_t index = (uint32_t)number & queue->mask;

    push(queue, &queue->buckets[index], slot);
    queue->occupied[index / 64] |= UINT64_C(1) << (index % 64);
    queue->in_wheel++;
}

static uint32_t
highest_bit_count(uint64_t word)
{
    return word == 0 ? 0 : 64 - (uint32_t)__builtin_clzll(word);
}

/* Files an event that lies after the current bucket. */
static inline void
file_slot(SimQueue *queue, uint64_t number, uint32_t slot)
{
    uint64_t turn = number >> queue->turn_bits;

    if (turn <= queue->base) {
        push_wheel(queue, number, slot);
        return;
    }
    push(queue, &queue->far[highest_bit_count(turn ^ queue->base)], slot);
    queue->in_far++;
}

/* The base goes on: the lists that were made by a bit that has changed are dealt out again,
 * into the wheel or into lists of lower bits. */
G_GNUC_NO_INLINE static void
move_base(SimQueue *queue, uint64_t base)
{
    uint32_t lists = highest_bit_count(queue->base ^ base);

    queue->base = base;
    for (uint32_t i = 1; i <= lists && queue->in_far != 0; i++) {
        uint32_t slot = queue->far[i];

        queue->far[i] = NO_SLOT;
        while (slot != NO_SLOT) {
            uint32_t next = (uint32_t)queue->slots[slot].link;

            queue->in_far--;
            file_slot(queue, bucket_number(queue, queue->slots[slot].at_ns), slot);
            slot = next;
        }
    }
}

static uint64_t
earliest_of_list(const SimQueue *queue, uint32_t slot)
{
    uint64_t earliest = UINT64_MAX;

    for (; slot != NO_SLOT; slot = (uint32_t)queue->slots[slot].link) {
        earliest = MIN(earliest, bucket_number(queue, queue->slots[slot].at_ns));
    }
    return earliest;
}

/* The wheel is empty: go to just before the turn of the earliest far event. */
G_GNUC_NO_INLINE static void
jump_to_far(SimQueue *queue)
{
    uint32_t list = 1;

    while (queue->far[list] == NO_SLOT) {
        list++;
    }
    uint64_t turn = earliest_of_list(queue, queue->far[list]) >> queue->turn_bits;

    queue->bucket = (turn << queue->turn_bits) - 1;
    move_base(queue, turn + TURNS - 2);
}

/* ------- emptying buckets */

/* The first occupied bucket of the wheel; there is one. */
static inline uint64_t
next_occupied(const SimQueue *queue)
{
    uint64_t number = queue->bucket + 1;

    for (;;) {
        uint32_t index = (uint32_t)number & queue->mask;
        uint64_t bits = queue->occupied[index / 64] >> (index % 64);

        if (bits != 0) {
            return number + (uint32_t)__builtin_ctzll(bits);
        }
        number += 64 - index % 64;
    }
}

/* Makes `number` the current bucket; far events follow when that begins a new turn. */
static inline void
enter_bucket(SimQueue *queue, uint64_t number)
{
    uint64_t base = (number >> queue->turn_bits) + TURNS - 1;

    queue->bucket = number;
    if (base != queue->base) {
        move_base(queue, base);
    }
}

/* The first slot of a bucket further on, and the second of one not so far: by then the first
 * has come and says where. */
static void
prefetch_ahead(const SimQueue *queue, uint32_t index)
{
    uint32_t near = queue->buckets[(index + LOOKAHEAD / 2) & queue->mask];

    __builtin_prefetch(&queue->slots[queue->buckets[(index + LOOKAHEAD) & queue->mask]], 1);
    if (near != NO_SLOT) {
        __builtin_prefetch(&queue->slots[(uint32_t)queue->slots[near].link], 1);
    }
}

/* Moves a bucket's list into the sorted run. */
static inline void
empty_bucket(SimQueue *queue)
{
    uint32_t index = (uint32_t)queue->bucket & queue->mask;
    uint32_t slot = queue->buckets[index];

    queue->buckets[index] = NO_SLOT;
    queue->occupied[index / 64] &= ~(UINT64_C(1) << (index % 64));
    prefetch_ahead(queue, index);
    sim_run_clear(&queue->run);
    if (queue->slots[slot].link == NO_SLOT) { /* one event, the usual case */
        queue->in_wheel--;
        sim_run_append(&queue->run, queue->slots[slot].at_ns, queue->slots[slot].sequence,
                       slot);
        return;
    }
    while (slot != NO_SLOT) {
        const SimEvent *event = &queue->slots[slot];
        uint64_t link = event->link;

        queue->in_wheel--;
        if ((link & CANCELLED) != 0) {
            queue->cancelled--;
            give_slot(queue, slot);
        } else {
            sim_run_append(&queue->run, event->at_ns, event->sequence, slot);
        }
        slot = (uint32_t)link;
    }
    sim_run_sort(&queue->run);
}

G_GNUC_NO_INLINE static void
drop_cancelled_ends(SimQueue *queue)
{
    const SimKey *key;

    while ((key = sim_run_first(&queue->run)) != NULL && is_cancelled(queue, key->slot)) {
        queue->cancelled--;
        give_slot(queue, key->slot);
        sim_run_remove_first(&queue->run);
    }
    while ((key = sim_heap_first(&queue->urgent)) != NULL && is_cancelled(queue, key->slot)) {
        queue->cancelled--;
        give_slot(queue, key->slot);
        sim_heap_remove_first(&queue->urgent);
    }
}

/* The earliest event's key, or NULL: the run is refilled as long as that takes. */
static inline const SimKey *
find_first(SimQueue *queue)
{
    for (;;) {
        if (queue->cancelled != 0) {
            drop_cancelled_ends(queue);
        }
        const SimKey *first = sim_run_first(&queue->run);
        const SimKey *urgent = sim_heap_first(&queue->urgent);

        if (urgent != NULL && (first == NULL || sim_key_before(urgent, first))) {
            return urgent;
        }
        if (first != NULL) {
            return first;
        }
        if (queue->in_wheel == 0) {
            if (queue->in_far == 0) {
                return NULL;
            }
            jump_to_far(queue);
        }
        enter_bucket(queue, next_occupied(queue));
        empty_bucket(queue);
    }
}

/* ------- tuning */

static void
set_shape(SimQueue *queue, uint32_t turn_bits, uint32_t shift)
{
    uint32_t count = TURNS << turn_bits;

    if (count > queue->bucket_room) {
        free(queue->buckets);
        free(queue->occupied);
        queue->buckets = allocate(queue, count * sizeof *queue->buckets);
        queue->occupied = allocate(queue, count / 64 * sizeof *queue->occupied);
        queue->bucket_room = count;
    }
    memset(queue->buckets, 0, count * sizeof *queue->buckets);
    memset(queue->occupied, 0, count / 64 * sizeof *queue->occupied);
    queue->mask = count - 1;
    queue->turn_bits = turn_bits;
    queue->shift = shift;
    queue->bucket = bucket_number(queue, queue->now_ns);
    queue->base = (queue->bucket >> turn_bits) + TURNS - 1;
}

/* Where an event goes: into the bucket that is being emptied, or into one that waits. */
static inline void
place_slot(SimQueue *queue, uint32_t slot)
{
    const SimEvent *event = &queue->slots[slot];
    uint64_t number = bucket_number(queue, event->at_ns);

    if (number > queue->bucket) {
        file_slot(queue, number, slot);
        return;
    }
    sim_heap_add(&queue->urgent, event->at_ns, event->sequence, slot);
}

/* Builds the wheel anew in another shape, and without what is cancelled. It reads the slots one
 * after the other, which is several times faster than following lists. */
G_GNUC_NO_INLINE static void
rebuild(SimQueue *queue, uint32_t turn_bits, uint32_t shift)
{
    set_shape(queue, turn_bits, shift);
    memset(queue->far, 0, sizeof queue->far);
    sim_run_clear(&queue->run);
    queue->urgent.count = 0;
    queue->in_wheel = 0;
    queue->in_far = 0;
    queue->cancelled = 0;
    queue->retunings++;
    for (uint32_t slot = 1; slot < queue->slot_fresh; slot++) {
        if (queue->slots[slot].sequence == 0) {
            continue; /* free */
        }
        if (is_cancelled(queue, slot)) {
            give_slot(queue, slot);
        } else {
            queue->slots[slot].link = 0;
            place_slot(queue, slot);
        }
    }
}

/* How much must happen between two rebuilds, so that their cost stays O(1) an event. */
static uint32_t
rebuild_interval(const SimQueue *queue)
{
    return MAX(MAX(CHECK_EVERY_MIN, queue->live), queue->slot_fresh / 16);
}

static uint32_t
bits_for(uint64_t value)
{
    return value <= 1 ? 0 : highest_bit_count(value - 1);
}

/* A bucket should hold a little less than one event, and the wheel nearly all that is pending:
 * by Little's law the mean delay is as many mean gaps as there are events. */
G_GNUC_NO_INLINE static void
check_tuning(SimQueue *queue)
{
    uint64_t gap_ns = (uint64_t)(queue->now_ns - queue->checked_ns) / queue->pops;
    uint32_t shift = MIN(bits_for(gap_ns + 1), SHIFT_MAX);
    uint32_t buckets = CLAMP(queue->live * 4, BUCKETS_MIN, BUCKETS_MAX);

    shift = shift > 0 ? shift - 1 : 0;
    uint32_t turn_bits = bits_for(buckets / TURNS);
    uint64_t width_ns = UINT64_C(1) << queue->shift;
    bool fits = shift == queue->shift || (width_ns <= gap_ns + 1 && width_ns * 4 > gap_ns);
    bool enough = turn_bits <= queue->turn_bits + 1 && queue->turn_bits <= turn_bits + 1;

    queue->checked_ns = queue->now_ns;
    queue->pops = 0;
    queue->pops_before_check = rebuild_interval(queue);
    if (!fits || !enough) {
        rebuild(queue, turn_bits, shift);
    }
}

/* ------- public */

SimQueue *
sim_queue_new(void)
{
    SimQueue *queue = g_new0(SimQueue, 1);

    queue->slot_count = 512;
    queue->slot_fresh = 1;
    queue->pops_before_check = CHECK_EVERY_MIN;
    grow_slots(queue);
    set_shape(queue, bits_for(BUCKETS_MIN / TURNS), 17);
    return queue;
}

void
sim_queue_free(SimQueue *queue)
{
    if (queue == NULL) {
        return;
    }
    free(queue->slots);
    free(queue->buckets);
    free(queue->occupied);
    sim_run_free(&queue->run);
    sim_heap_free(&queue->urgent);
    g_free(queue);
}

SimEvent *
sim_queue_add(SimQueue *queue, OrrTime at_ns, SimEventHandle *handle)
{
    g_assert(at_ns >= queue->now_ns);
    g_assert(queue->sequence < SIM_QUEUE_EVENTS_MAX);
    uint32_t slot = take_slot(queue);
    SimEvent *event = &queue->slots[slot];

    event->at_ns = at_ns;
    event->sequence = ++queue->sequence;
    event->link = 0;
    queue->live++;
    place_slot(queue, slot);
    *handle = event->sequence << SLOT_BITS | slot;
    return event;
}

SimEventHandle
sim_queue_schedule(SimQueue *queue, const SimEvent *event)
{
    SimEventHandle handle = SIM_NO_EVENT;
    SimEvent *copy = sim_queue_add(queue, event->at_ns, &handle);

    copy->kind = event->kind;
    copy->target = event->target;
    memcpy(copy->arg, event->arg, sizeof copy->arg);
    copy->data = event->data;
    return handle;
}

OrrStatus
sim_queue_cancel(SimQueue *queue, SimEventHandle handle)
{
    uint32_t slot = (uint32_t)handle & ((1u << SLOT_BITS) - 1);
    uint64_t sequence = handle >> SLOT_BITS;

    if (handle == SIM_NO_EVENT || slot >= queue->slot_fresh ||
        queue->slots[slot].sequence != sequence || is_cancelled(queue, slot)) {
        return ORR_NOT_FOUND;
    }
    queue->slots[slot].link |= CANCELLED;
    queue->live--;
    queue->cancelled++;
    if (queue->cancelled > rebuild_interval(queue)) {
        rebuild(queue, queue->turn_bits, queue->shift);
    }
    return ORR_OK;
}

/* The slot of the earliest event, taken out of the order, or NO_SLOT. */
static inline uint32_t
take_first(SimQueue *queue, OrrTime end_ns)
{
    const SimKey *key = sim_run_first(&queue->run);

    if (key == NULL || queue->urgent.count != 0 || queue->cancelled != 0) {
        key = find_first(queue);
    }
    if (key == NULL || key->at_ns > end_ns) {
        return NO_SLOT;
    }
    uint32_t slot = key->slot;

    if (key == sim_run_first(&queue->run)) {
        sim_run_remove_first(&queue->run);
    } else {
        sim_heap_remove_first(&queue->urgent);
    }
    return slot;
}

bool
sim_queue_pop_until(SimQueue *queue, OrrTime end_ns, SimEvent *event)
{
    uint32_t slot = take_first(queue, end_ns);

    if (slot == NO_SLOT) {
        return false;
    }
    *event = queue->slots[slot];
    queue->now_ns = event->at_ns;
    queue->live--;
    give_slot(queue, slot);
    if (++queue->pops >= queue->pops_before_check) {
        check_tuning(queue);
    }
    return true;
}

bool
sim_queue_pop(SimQueue *queue, SimEvent *event)
{
    return sim_queue_pop_until(queue, ORR_NEVER, event);
}

OrrTime
sim_queue_peek_ns(SimQueue *queue)
{
    const SimKey *key = find_first(queue);

    return key != NULL ? key->at_ns : ORR_NEVER;
}

const SimEvent *
sim_queue_ahead(const SimQueue *queue, uint64_t *cursor, uint32_t distance)
{
    uint64_t end = queue->bucket + MIN(distance, queue->mask);

    if (*cursor < queue->bucket || *cursor > end) {
        *cursor = queue->bucket; /* it fell behind, or the wheel has another width now */
    }
    while (*cursor < end) {
        uint32_t slot = queue->buckets[++*cursor & queue->mask];

        if (slot != NO_SLOT) {
            return &queue->slots[slot];
        }
    }
    return NULL;
}

size_t
sim_queue_count(const SimQueue *queue)
{
    return queue->live;
}

OrrTime
sim_queue_now_ns(const SimQueue *queue)
{
    return queue->now_ns;
}

SimQueueShape
sim_queue_shape(const SimQueue *queue)
{
    return (SimQueueShape){
        .shift = queue->shift,
        .bucket_count = queue->mask + 1,
        .slot_count = queue->slot_count - 1,
        .retunings = queue->retunings,
        .allocations = queue->allocations + queue->run.allocations + queue->urgent.allocations,
    };
}
