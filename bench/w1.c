/* w1.c - the bare event engine: n nodes that answer each message with another one.
 *
 *     w1 [-n NODES] [-e EVENTS] [-p 1,10,100,1000] [-q wheel,heap,gtree] [-s SEED] [-r ROUNDS]
 *
 * The workload: for each node i and k = 0..p-1, draw x and send a message {src i, dst peer(x,
 * i), hop 0, term k, index i} with latency(x). On a delivery at t: copy the message out and
 * free it; node dst counts it and adds index ^ hop to a sum; digest; draw x; send {src dst, dst
 * peer(x, dst), hop + 1, same term, index = messages received} with latency(x). Stop after E
 * deliveries.
 *
 *     peer(x, src) = src + 1 + mul32(upper half of x, n - 1), less n if that is n or more
 *     latency(x)   = 1,000,000 + mul32(lower half of x, 19,000,000) ns
 *     mul32(a, b)  = a * b / 2^32
 *     digest       = (rotl(digest, 5) ^ t ^ (src << 32 | dst)) * 0x9E3779B97F4A7C15, from 0
 *
 * Every queue runs the same work in the same process, order is (time, order of sending), and
 * the digest proves it. A message is 64 bytes, in our queue the event itself, elsewhere a
 * pooled block that the queue's entry points to.
 *
 * One CSV line per measurement: queue, nodes, pending, events, ns per event, ratio to the heap,
 * digest, whether the digest is the known one. Exit code 1 when a digest is wrong.
 */
#include <glib.h>
#include <inttypes.h>
#include <orrery/rng.h>
#include <queue.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LISTS_MAX 8u

typedef struct Message {
    uint32_t src;
    uint32_t dst;
    uint32_t hop;
    uint32_t term;
    uint64_t index;
    uint64_t padding[5];
} Message;

_Static_assert(sizeof(Message) == 64, "the workload's message");

typedef struct Node {
    uint64_t received;
    uint64_t last_ns;
    uint64_t sum;
} Node;

typedef struct Options {
    uint64_t seed;
    uint32_t nodes;
    uint64_t events;
    uint32_t pending[LISTS_MAX]; /* per node */
    unsigned pending_count;
    char queues[LISTS_MAX][16];
    unsigned queue_count;
    unsigned rounds; /* of each; the fastest counts */
} Options;

/* What a contestant offers. `take` copies the message out and gives its memory back. */
typedef struct Contestant {
    const char *name;
    void *(*begin)(void);
    void (*send)(void *queue, uint64_t at_ns, const Message *message);
    uint64_t (*take)(void *queue, Message *message);
    void (*end)(void *queue);
} Contestant;

/* ------- our queue: the event is the message */

static void *
wheel_begin(void)
{
    return sim_queue_new();
}

static void
wheel_send(void *queue, uint64_t at_ns, const Message *message)
{
    SimEventHandle handle = SIM_NO_EVENT;
    SimEvent *event = sim_queue_add(queue, (OrrTime)at_ns, &handle);

    event->kind = message->hop;
    event->target = message->dst;
    event->arg[0] = message->src;
    event->arg[1] = message->term;
    event->arg[2] = message->index;
    event->data = NULL;
}

static uint64_t
wheel_take(void *queue, Message *message)
{
    SimEvent event;

    if (!sim_queue_pop(queue, &event)) {
        return UINT64_MAX;
    }
    *message = (Message){.src = (uint32_t)event.arg[0],
                         .dst = event.target,
                         .hop = event.kind,
                         .term = (uint32_t)event.arg[1],
                         .index = event.arg[2]};
    return (uint64_t)event.at_ns;
}

static void
wheel_end(void *queue)
{
    sim_queue_free(queue);
}

/* ------- a pool of messages, for the others */

typedef struct Pool {
    void **blocks;
    size_t count;
    size_t room;
} Pool;

static void *
pool_take(Pool *pool)
{
    if (pool->count == 0) {
        void *block = NULL;

        return posix_memalign(&block, 64, 64) == 0 ? block : NULL;
    }
    return pool->blocks[--pool->count];
}

static void
pool_give(Pool *pool, void *block)
{
    if (pool->count == pool->room) {
        pool->room = MAX(pool->room * 2, 1024);
        pool->blocks = g_renew(void *, pool->blocks, pool->room);
    }
    pool->blocks[pool->count++] = block;
}

static void
pool_clear(Pool *pool)
{
    while (pool->count != 0) {
        free(pool->blocks[--pool->count]);
    }
    g_free(pool->blocks);
}

/* ------- a plain binary heap */

typedef struct Entry {
    uint64_t at_ns;
    uint64_t sequence;
    Message *message;
} Entry;

typedef struct Heap {
    Entry *entries; /* from 1 */
    size_t count;
    size_t room;
    uint64_t sequence;
    Pool pool;
} Heap;

static void *
heap_begin(void)
{
    return g_new0(Heap, 1);
}

static bool
before(const Entry *a, const Entry *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->sequence < b->sequence;
}

static void
heap_send(void *queue, uint64_t at_ns, const Message *message)
{
    Heap *heap = queue;
    Entry entry = {at_ns, heap->sequence++, pool_take(&heap->pool)};

    *entry.message = *message;
    if (heap->count + 1 >= heap->room) {
        heap->room = MAX(heap->room * 2, 1024);
        heap->entries = g_renew(Entry, heap->entries, heap->room);
    }
    size_t i = ++heap->count;

    for (; i > 1 && before(&entry, &heap->entries[i / 2]); i /= 2) {
        heap->entries[i] = heap->entries[i / 2];
    }
    heap->entries[i] = entry;
}

static uint64_t
heap_take(void *queue, Message *message)
{
    Heap *heap = queue;
    Entry first = heap->entries[1];
    Entry last = heap->entries[heap->count--];
    size_t i = 1;

    while (2 * i <= heap->count) {
        size_t child = 2 * i;

        if (child < heap->count && before(&heap->entries[child + 1], &heap->entries[child])) {
            child++;
        }
        if (!before(&heap->entries[child], &last)) {
            break;
        }
        heap->entries[i] = heap->entries[child];
        i = child;
    }
    heap->entries[i] = last;
    *message = *first.message;
    pool_give(&heap->pool, first.message);
    return first.at_ns;
}

static void
heap_end(void *queue)
{
    Heap *heap = queue;

    for (size_t i = 1; i <= heap->count; i++) {
        free(heap->entries[i].message);
    }
    pool_clear(&heap->pool);
    g_free(heap->entries);
    g_free(heap);
}

/* ------- GLib's balanced tree */

typedef struct Tree {
    GTree *tree; /* of Entry, which is its own key */
    uint64_t sequence;
    Pool pool;
    Pool entries;
} Tree;

static int
compare_entries(const void *a, const void *b, void *unused)
{
    (void)unused;
    return before(a, b) ? -1 : before(b, a) ? 1 : 0;
}

static void *
tree_begin(void)
{
    Tree *tree = g_new0(Tree, 1);

    tree->tree = g_tree_new_full(compare_entries, NULL, NULL, NULL);
    return tree;
}

static void
tree_send(void *queue, uint64_t at_ns, const Message *message)
{
    Tree *tree = queue;
    Entry *entry = pool_take(&tree->entries);

    *entry = (Entry){at_ns, tree->sequence++, pool_take(&tree->pool)};
    *entry->message = *message;
    g_tree_insert(tree->tree, entry, entry);
}

static uint64_t
tree_take(void *queue, Message *message)
{
    Tree *tree = queue;
    Entry *entry = g_tree_node_value(g_tree_node_first(tree->tree));
    uint64_t at_ns = entry->at_ns;

    g_tree_remove(tree->tree, entry);
    *message = *entry->message;
    pool_give(&tree->pool, entry->message);
    pool_give(&tree->entries, entry);
    return at_ns;
}

static gboolean
free_entry(void *key, void *value, void *unused)
{
    Entry *entry = value;

    (void)key;
    (void)unused;
    free(entry->message);
    free(entry);
    return FALSE;
}

static void
tree_end(void *queue)
{
    Tree *tree = queue;

    g_tree_foreach(tree->tree, free_entry, NULL);
    g_tree_destroy(tree->tree);
    pool_clear(&tree->pool);
    pool_clear(&tree->entries);
    g_free(tree);
}

static const Contestant CONTESTANTS[] = {
    {"heap", heap_begin, heap_send, heap_take, heap_end},
    {"wheel", wheel_begin, wheel_send, wheel_take, wheel_end},
    {"gtree", tree_begin, tree_send, tree_take, tree_end},
};

/* ------- the workload */

static uint32_t
mul32(uint32_t a, uint32_t b)
{
    return (uint32_t)(((uint64_t)a * b) >> 32);
}

static uint32_t
peer(uint64_t x, uint32_t src, uint32_t nodes)
{
    uint32_t dst = src + 1 + mul32((uint32_t)(x >> 32), nodes - 1);

    return dst >= nodes ? dst - nodes : dst;
}

static uint64_t
latency(uint64_t x)
{
    return 1000000 + mul32((uint32_t)x, 19000000);
}

static uint64_t
mix(uint64_t digest, uint64_t at_ns, const Message *message)
{
    uint64_t rotated = digest << 5 | digest >> 59;

    return (rotated ^ at_ns ^ ((uint64_t)message->src << 32 | message->dst)) *
           UINT64_C(0x9E3779B97F4A7C15);
}

static void
fill(const Contestant *contestant, void *queue, const Options *options, uint32_t pending,
     OrrRng *rng)
{
    for (uint32_t i = 0; i < options->nodes; i++) {
        for (uint32_t k = 0; k < pending; k++) {
            uint64_t x = orr_rng_next(rng);
            Message message = {
                .src = i, .dst = peer(x, i, options->nodes), .term = k, .index = i};

            contestant->send(queue, latency(x), &message);
        }
    }
}

/* xoshiro256**, as orr_rng_next(), but inlined into the loop as every contestant's is. */
static uint64_t
draw(OrrRng *rng)
{
    uint64_t *s = rng->word;
    uint64_t product = s[1] * 5;
    uint64_t result = (product << 7 | product >> 57) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = s[3] << 45 | s[3] >> 19;
    return result;
}

static uint64_t
deliver_all(const Contestant *contestant, void *queue, const Options *options, Node *nodes,
            OrrRng *rng)
{
    uint64_t digest = 0;
    Message message;

    for (uint64_t i = 0; i < options->events; i++) {
        uint64_t at_ns = contestant->take(queue, &message);
        Node *node = &nodes[message.dst];

        node->received++;
        node->last_ns = at_ns;
        node->sum += message.index ^ message.hop;
        digest = mix(digest, at_ns, &message);
        uint64_t x = draw(rng);
        Message next = {.src = message.dst,
                        .dst = peer(x, message.dst, options->nodes),
                        .hop = message.hop + 1,
                        .term = message.term,
                        .index = node->received};

        contestant->send(queue, at_ns + latency(x), &next);
    }
    return digest;
}

/* Nanoseconds per event of one run; the filling is not counted. */
static double
run_once(const Contestant *contestant, const Options *options, uint32_t pending,
         uint64_t *digest)
{
    OrrRng rng = orr_rng_new(options->seed);
    Node *nodes = g_new0(Node, options->nodes);
    void *queue = contestant->begin();
    struct timespec from;
    struct timespec to;

    fill(contestant, queue, options, pending, &rng);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    *digest = deliver_all(contestant, queue, options, nodes, &rng);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    contestant->end(queue);
    g_free(nodes);
    return ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) /
           (double)options->events;
}

/* The published digest, or 0 where none is. */
static uint64_t
known_digest(const Options *options, uint32_t pending)
{
    if (options->seed != 1 || options->nodes != 1000 || options->events != 10000000) {
        return 0;
    }
    switch (pending) {
    case 1:
        return UINT64_C(0xd6857cf8232227ef);
    case 10:
        return UINT64_C(0xbb8c08ff4a00b2f9);
    case 100:
        return UINT64_C(0x4c4ae644fef0bafa);
    case 1000:
        return UINT64_C(0x52479048fa2aa359);
    default:
        return 0;
    }
}

static bool
wanted(const Options *options, const char *name)
{
    for (unsigned i = 0; i < options->queue_count; i++) {
        if (strcmp(options->queues[i], name) == 0) {
            return true;
        }
    }
    return options->queue_count == 0;
}

/* All contestants at one load. False when digests are wrong or differ. */
static bool
measure(const Options *options, uint32_t pending)
{
    uint64_t right = known_digest(options, pending);
    double heap_ns = 0;
    bool good = true;

    for (size_t i = 0; i < G_N_ELEMENTS(CONTESTANTS); i++) {
        const Contestant *contestant = &CONTESTANTS[i];
        uint64_t digest = 0;
        double best = 0;

        for (unsigned round = 0; wanted(options, contestant->name) && round < options->rounds;
             round++) {
            double ns = run_once(contestant, options, pending, &digest);

            best = round == 0 ? ns : MIN(best, ns);
        }
        if (best == 0) {
            continue;
        }
        heap_ns = heap_ns == 0 ? best : heap_ns;
        const char *verdict = right == 0 ? "unknown" : right == digest ? "right" : "wrong";

        good = good && (right == 0 || right == digest);
        right = right == 0 ? digest : right; /* the others must agree with the first */
        printf("w1,%s,%u,%u,%" PRIu64 ",%.1f,%.3f,%016" PRIx64 ",%s\n", contestant->name,
               options->nodes, pending, options->events, best, best / heap_ns, digest, verdict);
        fflush(stdout);
    }
    return good;
}

/* ------- options */

static unsigned
read_names(const char *text, char names[LISTS_MAX][16])
{
    char **parts = g_strsplit(text, ",", LISTS_MAX);
    unsigned count = 0;

    for (; parts[count] != NULL; count++) {
        g_strlcpy(names[count], parts[count], sizeof names[count]);
    }
    g_strfreev(parts);
    return count;
}

static void
read_pending(const char *text, Options *options)
{
    char names[LISTS_MAX][16];

    options->pending_count = read_names(text, names);
    for (unsigned i = 0; i < options->pending_count; i++) {
        options->pending[i] = (uint32_t)MAX(strtoul(names[i], NULL, 10), 1);
    }
}

static bool
read_option(Options *options, const char *name, const char *value)
{
    if (strcmp(name, "-n") == 0) {
        options->nodes = (uint32_t)MAX(strtoul(value, NULL, 10), 2);
    } else if (strcmp(name, "-e") == 0) {
        options->events = strtoull(value, NULL, 10);
    } else if (strcmp(name, "-p") == 0) {
        read_pending(value, options);
    } else if (strcmp(name, "-q") == 0) {
        options->queue_count = read_names(value, options->queues);
    } else if (strcmp(name, "-s") == 0) {
        options->seed = strtoull(value, NULL, 10);
    } else if (strcmp(name, "-r") == 0) {
        options->rounds = (unsigned)MAX(strtoul(value, NULL, 10), 1);
    } else {
        return false;
    }
    return true;
}

int
main(int argc, char **argv)
{
    Options options = {.seed = 1,
                       .nodes = 1000,
                       .events = 10000000,
                       .pending = {1, 10, 100, 1000},
                       .pending_count = 4,
                       .rounds = 1};
    bool good = true;

    for (int i = 1; i < argc; i += 2) {
        if (i + 1 >= argc || !read_option(&options, argv[i], argv[i + 1])) {
            fprintf(stderr, "usage: w1 [-n NODES] [-e EVENTS] [-p PENDING,...] "
                            "[-q wheel,heap,gtree] [-s SEED] [-r ROUNDS]\n");
            return 64;
        }
    }
    printf(
        "bench,queue,nodes,pending_per_node,events,ns_per_event,ratio_to_heap,digest,known\n");
    for (unsigned i = 0; i < options.pending_count; i++) {
        good = measure(&options, options.pending[i]) && good;
    }
    return good ? 0 : 1;
}
