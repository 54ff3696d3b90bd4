#include "queue.h"

#include <glib.h>

#include "queue_sort.h"

#define NO_SLOT 0u      /* slot 0 is never used, so that zeroed memory means "none" */
#define SLOT_BITS 24u   /* of a handle; the sequence is above */
#define BUCKETS_MIN 64u /* of one turn */
#define BUCKETS_MAX (1u << 21)
#define SHIFT_MAX 40u         /* a bucket of 18 minutes is wide enough */
#define FAR_LISTS 65u         /* by the highest bit in which a turn differs from the base */
#define CHECK_EVERY_MIN 1024u /* pops between looks at the tuning */
#define LOOKAHEAD 6u          /* buckets whose first slot is fetched in advance */

/* Slots hold events; `link` is the next slot of a bucket or of the free list, and CANCELLED. */
#define CANCELLED (UINT64_C(1) << 32)

_Static_assert(sizeof(SimEvent) == 64, "an event is a cache line");

/* The wheel has two turns of `turn_size` buckets. A bucket's number is at_ns >> shift; numbers
 * of the current and of the next turn are in the wheel, higher ones in the far lists, which
 * are a radix heap whose base is the next turn. */
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

static uint32_t
turn_size(const SimQueue *queue)
{
    return 1u << queue->turn_bits;
}

static uint64_t
bucket_number(const SimQueue *queue, OrrTime at_ns)
{
    return (uint64_t)at_ns >> queue->shift;
}

/* ------- slots */

static void
grow_slots(SimQueue *queue)
{
    uint32_t count = queue->slot_count * 2;
    SimEvent *slots = NULL;

    g_assert(count <= SIM_QUEUE_PENDING_MAX);
    if (posix_memalign((void **)&slots, 64, (size_t)count * sizeof *slots) != 0) {
        g_error("out of memory for %u events", count);
    }
    if (queue->slots != NULL) {
        memcpy(slots, queue->slots, (size_t)queue->slot_count * sizeof *slots);
        free(queue->slots);
    }
    queue->slots = slots;
    queue->slot_count = count;
    queue->allocations++;
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

static void
push(SimQueue *queue, uint32_t *head, uint32_t slot)
{
    queue->slots[slot].link = (queue->slots[slot].link & CANCELLED) | *head;
    *head = slot;
}

static void
push_wheel(SimQueue *queue, uint64_t number, uint32_t slot)
{
    uint32_t index = (uint32_t)number & (2 * turn_size(queue) - 1);

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
static void
file_slot(SimQueue *queue, uint64_t number, uint32_t slot)
{
    uint64_t next_turn = (queue->bucket >> queue->turn_bits) + 1;
    uint64_t turn = number >> queue->turn_bits;

    if (turn <= next_turn) {
        push_wheel(queue, number, slot);
        return;
    }
    push(queue, &queue->far[highest_bit_count(turn ^ next_turn)], slot);
    queue->in_far++;
}

/* The current turn has become `queue->bucket`'s: what now belongs to the next one leaves the
 * far lists, and the lists whose base has changed are dealt out again. `list` is the highest
 * one that can hold such events. */
static void
refile_far(SimQueue *queue, uint32_t list)
{
    for (uint32_t i = 1; i <= list; i++) {
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

/* The wheel is empty: go to the turn before the earliest far event. */
static void
jump_to_far(SimQueue *queue)
{
    uint32_t list = 1;

    while (queue->far[list] == NO_SLOT) {
        list++;
    }
    uint64_t earliest = earliest_of_list(queue, queue->far[list]);

    queue->bucket = ((earliest >> queue->turn_bits) << queue->turn_bits) - 1;
    refile_far(queue, list);
}

/* ------- emptying buckets */

/* The first occupied bucket after the current one, within its turn and the next; there is one.
 */
static uint64_t
next_occupied(const SimQueue *queue)
{
    uint32_t mask = 2 * turn_size(queue) - 1;
    uint64_t number = queue->bucket + 1;

    for (;;) {
        uint32_t index = (uint32_t)number & mask;
        uint64_t bits = queue->occupied[index / 64] >> (index % 64);

        if (bits != 0) {
            return number + (uint32_t)__builtin_ctzll(bits);
        }
        number += 64 - index % 64;
    }
}

/* Makes `number` the current bucket; far events follow when that begins a new turn. */
static void
enter_bucket(SimQueue *queue, uint64_t number)
{
    uint64_t old_base = (queue->bucket >> queue->turn_bits) + 1;
    uint64_t new_base = (number >> queue->turn_bits) + 1;

    queue->bucket = number;
    if (new_base != old_base && queue->in_far != 0) {
        refile_far(queue, highest_bit_count(old_base ^ new_base));
    }
}

static void
prefetch_ahead(const SimQueue *queue, uint32_t index)
{
    uint32_t mask = 2 * turn_size(queue) - 1;

    for (uint32_t i = 1; i <= 2; i++) {
        __builtin_prefetch(&queue->slots[queue->buckets[(index + i * LOOKAHEAD / 2) & mask]],
                           1);
    }
}

/* Moves a bucket's list into the sorted run. */
static void
empty_bucket(SimQueue *queue)
{
    uint32_t index = (uint32_t)queue->bucket & (2 * turn_size(queue) - 1);
    uint32_t slot = queue->buckets[index];

    queue->buckets[index] = NO_SLOT;
    queue->occupied[index / 64] &= ~(UINT64_C(1) << (index % 64));
    prefetch_ahead(queue, index);
    sim_run_clear(&queue->run);
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

static void
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
static const SimKey *
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
    uint32_t room = 2u << turn_bits;

    if (room > queue->bucket_room) {
        queue->buckets = g_renew(uint32_t, queue->buckets, room);
        queue->occupied = g_renew(uint64_t, queue->occupied, room / 64);
        queue->bucket_room = room;
        queue->allocations += 2;
    }
    memset(queue->buckets, 0, room * sizeof *queue->buckets);
    memset(queue->occupied, 0, room / 64 * sizeof *queue->occupied);
    queue->turn_bits = turn_bits;
    queue->shift = shift;
}

/* Chains `slot` and its followers to `chain`, without those that are cancelled. */
static uint32_t
gather_list(SimQueue *queue, uint32_t slot, uint32_t chain)
{
    while (slot != NO_SLOT) {
        uint64_t link = queue->slots[slot].link;

        if ((link & CANCELLED) != 0) {
            queue->cancelled--;
            give_slot(queue, slot);
        } else {
            queue->slots[slot].link = chain;
            chain = slot;
        }
        slot = (uint32_t)link;
    }
    return chain;
}

/* Takes every event out of run, heap, wheel and far lists; a chain of those not cancelled. */
static uint32_t
gather_all(SimQueue *queue)
{
    uint32_t chain = NO_SLOT;
    const SimKey *key;

    for (; (key = sim_run_first(&queue->run)) != NULL; sim_run_remove_first(&queue->run)) {
        queue->slots[key->slot].link &= CANCELLED;
        chain = gather_list(queue, key->slot, chain);
    }
    for (size_t i = 0; i < queue->urgent.count; i++) {
        queue->slots[queue->urgent.keys[i].slot].link &= CANCELLED;
        chain = gather_list(queue, queue->urgent.keys[i].slot, chain);
    }
    queue->urgent.count = 0;
    for (uint32_t i = 0; i < 2 * turn_size(queue); i++) {
        chain = gather_list(queue, queue->buckets[i], chain);
    }
    for (uint32_t i = 0; i < FAR_LISTS; i++) {
        chain = gather_list(queue, queue->far[i], chain);
        queue->far[i] = NO_SLOT;
    }
    queue->in_wheel = 0;
    queue->in_far = 0;
    return chain;
}

/* Where an event goes: into the bucket that is being emptied, or into one that waits. */
static void
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

/* Builds the wheel anew in another shape, and without what is cancelled. O(events + buckets).
 */
static void
rebuild(SimQueue *queue, uint32_t turn_bits, uint32_t shift)
{
    uint32_t chain = gather_all(queue);

    set_shape(queue, turn_bits, shift);
    queue->bucket = bucket_number(queue, queue->now_ns);
    queue->retunings++;
    while (chain != NO_SLOT) {
        uint32_t next = (uint32_t)queue->slots[chain].link;

        queue->slots[chain].link = 0;
        place_slot(queue, chain);
        chain = next;
    }
}

static uint32_t
bits_for(uint64_t value)
{
    return value <= 1 ? 0 : highest_bit_count(value - 1);
}

/* A bucket should hold about one event, and two turns most of what is pending: by Little's
 * law, as many mean gaps as there are events. */
static void
check_tuning(SimQueue *queue)
{
    uint64_t span = (uint64_t)(queue->now_ns - queue->checked_ns);
    uint32_t shift = MIN(bits_for(span / queue->pops + 1), SHIFT_MAX);
    uint32_t buckets = CLAMP(queue->live, BUCKETS_MIN, BUCKETS_MAX);
    uint32_t turn_bits = bits_for(buckets);
    bool same = shift <= queue->shift + 1 && queue->shift <= shift + 1 &&
                turn_bits <= queue->turn_bits + 1 && queue->turn_bits <= turn_bits + 1;

    queue->checked_ns = queue->now_ns;
    queue->pops = 0;
    queue->pops_before_check = MAX(CHECK_EVERY_MIN, queue->live);
    if (!same) {
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
    set_shape(queue, bits_for(BUCKETS_MIN), 17);
    return queue;
}

void
sim_queue_free(SimQueue *queue)
{
    if (queue == NULL) {
        return;
    }
    free(queue->slots);
    g_free(queue->buckets);
    g_free(queue->occupied);
    sim_run_free(&queue->run);
    sim_heap_free(&queue->urgent);
    g_free(queue);
}

SimEventHandle
sim_queue_schedule(SimQueue *queue, const SimEvent *event)
{
    g_assert(event->at_ns >= queue->now_ns);
    g_assert(queue->sequence < SIM_QUEUE_EVENTS_MAX);
    uint32_t slot = take_slot(queue);
    SimEvent *copy = &queue->slots[slot];

    *copy = *event;
    copy->sequence = ++queue->sequence;
    copy->link = 0;
    queue->live++;
    place_slot(queue, slot);
    return copy->sequence << SLOT_BITS | slot;
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
    if (queue->cancelled > queue->live + CHECK_EVERY_MIN) {
        rebuild(queue, queue->turn_bits, queue->shift);
    }
    return ORR_OK;
}

bool
sim_queue_pop(SimQueue *queue, SimEvent *event)
{
    const SimKey *key = find_first(queue);

    if (key == NULL) {
        return false;
    }
    uint32_t slot = key->slot;

    if (key == sim_run_first(&queue->run)) {
        sim_run_remove_first(&queue->run);
    } else {
        sim_heap_remove_first(&queue->urgent);
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

OrrTime
sim_queue_peek_ns(SimQueue *queue)
{
    const SimKey *key = find_first(queue);

    return key != NULL ? key->at_ns : ORR_NEVER;
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
        .bucket_count = 2 * turn_size(queue),
        .slot_count = queue->slot_count - 1,
        .retunings = queue->retunings,
        .allocations = queue->allocations + queue->run.allocations + queue->urgent.allocations,
    };
}
