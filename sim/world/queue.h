/* queue.h - what happens next in the simulated world: events by (time, order of scheduling).
 *
 * A wheel of buckets tuned to the load, a sorted run for the bucket that is being emptied, and
 * a radix heap for what lies beyond the wheel:
 *
 *     now
 *      |run|  bucket  bucket  bucket ... bucket |   far: by the highest bit that differs
 *      `---- width 2^shift ns ----' eight turns -'
 *
 * The width follows the mean gap between events and the number of buckets the number of events,
 * so schedule and pop cost O(1) in steady state whatever the rate; the worst case (everything
 * in one bucket) is that of a binary heap, O(log n).
 *
 * Source: Brown, "Calendar Queues", CACM 31 (1988); Tang, Goh, Thng, "Ladder Queue", TOMACS 15
 * (2005); Ahuja et al., "Faster Algorithms for the Shortest Path Problem" (radix heap), JACM 37
 * (1990). Departures: power-of-two widths, and no rungs: an overfull bucket is sorted once.
 *
 * Memory: slots, buckets and scratch grow by doubling and are kept; once grown, nothing is
 * allocated. Threads: one user at a time.
 */
#ifndef SIM_QUEUE_H
#define SIM_QUEUE_H

#include <orrery/types.h>

typedef struct SimQueue SimQueue;

/* Who acts on an event. The queue itself only carries the number. */
typedef enum SimEventKind {
    SIM_EVENT_NETWORK,  /* give it to sim_network_deliver() */
    SIM_EVENT_DISK,     /* give it to sim_disk_complete() of the disk in `data` */
    SIM_EVENT_DEADLINE, /* a node asked to be stepped; `target` is the node */
    SIM_EVENT_CLIENT,   /* a client thinks, sends or gives up; `target` is the client */
    SIM_EVENT_TIMELINE, /* a line of the scenario */
    SIM_EVENT_CHECK,    /* something is to be judged now */
    SIM_EVENT_WORLD,    /* anything else of the world's own */
} SimEventKind;

/* One event, a cache line. The scheduler fills everything but `sequence` and `link`. */
typedef struct SimEvent {
    OrrTime at_ns;     /* virtual time, 0 or more */
    uint64_t sequence; /* 1 for the first event ever scheduled, and so on; set by the queue */
    uint32_t kind;     /* SimEventKind */
    uint32_t target;   /* a node, a client, ...: by kind */
    uint64_t arg[3];   /* by kind */
    void *data;        /* by kind; the queue neither reads nor frees it */
    uint64_t link;     /* the queue's own */
} SimEvent;

/* Names a scheduled event, for cancelling. Never used twice; SIM_NO_EVENT is none. */
typedef uint64_t SimEventHandle;
#define SIM_NO_EVENT ((SimEventHandle)0)

#define SIM_QUEUE_PENDING_MAX (1u << 24) /* events pending at once; more is an assertion */
#define SIM_QUEUE_EVENTS_MAX (UINT64_C(1) << 40) /* events in a queue's life; likewise */

/* An empty queue at time 0. */
SimQueue *sim_queue_new(void);
void sim_queue_free(SimQueue *queue);

/* Plans a copy of `event` at event->at_ns, which is not before the last popped event's time.
 * Events of one time come out in the order of these calls. O(1). */
SimEventHandle sim_queue_schedule(SimQueue *queue, const SimEvent *event);

/* The same without a copy: the event's place, where the caller writes kind, target, arg and
 * data (all of those that its reader reads) before it calls any other function of the queue. */
SimEvent *sim_queue_add(SimQueue *queue, OrrTime at_ns, SimEventHandle *handle);

/* Takes a planned event back. ORR_OK, or ORR_NOT_FOUND when it was popped or cancelled before.
 * O(1); its memory is used again once as many others are cancelled as remain. */
OrrStatus sim_queue_cancel(SimQueue *queue, SimEventHandle handle);

/* Copies the earliest event into `event` and removes it; false when there is none. */
bool sim_queue_pop(SimQueue *queue, SimEvent *event);

/* The same, unless the earliest event comes after `end_ns`. */
bool sim_queue_pop_until(SimQueue *queue, OrrTime end_ns, SimEvent *event);

/* When the next event is due, or ORR_NEVER. */
OrrTime sim_queue_peek_ns(SimQueue *queue);

/* Events that come soon, for fetching what they will touch ahead of time: one of each of the
 * next `distance` buckets, each once where *cursor, 0 at first, is kept between calls. NULL:
 * no more for now. Lent until the next call that takes or schedules. */
const SimEvent *sim_queue_ahead(const SimQueue *queue, uint64_t *cursor, uint32_t distance);

/* Events pending, cancelled ones not counted. */
size_t sim_queue_count(const SimQueue *queue);

/* The time of the last event popped, 0 before the first. */
OrrTime sim_queue_now_ns(const SimQueue *queue);

/* How it is tuned at the moment; for benchmarks and tests. */
typedef struct SimQueueShape {
    uint32_t shift;        /* a bucket is 2^shift ns wide */
    uint32_t bucket_count; /* buckets of the wheel */
    uint32_t slot_count;   /* events for which there is room without allocating */
    uint32_t retunings;    /* times that the wheel was rebuilt */
    uint64_t allocations;  /* calls to the allocator, in all */
} SimQueueShape;

SimQueueShape sim_queue_shape(const SimQueue *queue);

#endif
