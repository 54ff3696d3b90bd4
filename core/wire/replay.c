#include "wire/replay.h"

#include <glib.h>

#define WORD_BITS 64u
#define LANES 2u

typedef struct Window {
    uint64_t *words; /* bit number % size of a number; NULL: nothing heard yet */
    uint64_t size;   /* bits */
    uint64_t highest;
} Window;

typedef struct Peer {
    OrrId id;
    uint64_t incarnation;
    uint64_t heard_at; /* number of the frame, of all */
    Window windows[LANES];
} Peer;

struct OrrReplay {
    GHashTable *peers; /* id -> Peer; never iterated */
    GPtrArray *list;   /* the same */
    uint64_t heard;
};

static guint
hash_id(gconstpointer key)
{
    guint hash;

    memcpy(&hash, key, sizeof hash);
    return hash;
}

static gboolean
equal_ids(gconstpointer a, gconstpointer b)
{
    return orr_id_equal(a, b);
}

static void
free_peer(gpointer data)
{
    Peer *peer = data;

    for (unsigned i = 0; i < LANES; i++) {
        g_free(peer->windows[i].words);
    }
    g_free(peer);
}

OrrReplay *
orr_replay_new(void)
{
    OrrReplay *self = g_new0(OrrReplay, 1);

    self->peers = g_hash_table_new(hash_id, equal_ids);
    self->list = g_ptr_array_new_with_free_func(free_peer);
    return self;
}

void
orr_replay_free(OrrReplay *self)
{
    if (self != NULL) {
        g_hash_table_unref(self->peers);
        g_ptr_array_unref(self->list);
        g_free(self);
    }
}

static void
forget_silent(OrrReplay *self)
{
    guint oldest = 0;

    for (guint i = 1; i < self->list->len; i++) {
        const Peer *peer = g_ptr_array_index(self->list, i);
        const Peer *best = g_ptr_array_index(self->list, oldest);

        oldest = peer->heard_at < best->heard_at ? i : oldest;
    }
    (void)g_hash_table_remove(self->peers, g_ptr_array_index(self->list, oldest));
    (void)g_ptr_array_remove_index_fast(self->list, oldest);
}

static Peer *
find_or_add(OrrReplay *self, const OrrId *id, uint64_t incarnation)
{
    Peer *peer = g_hash_table_lookup(self->peers, id);

    if (peer != NULL) {
        return peer;
    }
    if (self->list->len == ORR_REPLAY_PEERS_MAX) {
        forget_silent(self);
    }
    peer = g_new0(Peer, 1);
    peer->id = *id;
    peer->incarnation = incarnation;
    peer->windows[ORR_LANE_CONTROL].size = ORR_REPLAY_CONTROL_BITS;
    peer->windows[ORR_LANE_DATA].size = ORR_REPLAY_DATA_BITS;
    g_hash_table_insert(self->peers, &peer->id, peer);
    g_ptr_array_add(self->list, peer);
    return peer;
}

static bool
is_set(const Window *window, uint64_t number)
{
    uint64_t bit = number % window->size;

    return (window->words[bit / WORD_BITS] >> bit % WORD_BITS & 1) != 0;
}

static void
set(Window *window, uint64_t number, bool heard)
{
    uint64_t bit = number % window->size;
    uint64_t mask = UINT64_C(1) << bit % WORD_BITS;

    if (heard) {
        window->words[bit / WORD_BITS] |= mask;
    } else {
        window->words[bit / WORD_BITS] &= ~mask;
    }
}

/* Moves the window so that it ends with `number`; what comes in has not been heard. */
static void
move(Window *window, uint64_t number)
{
    if (number - window->highest >= window->size) {
        memset(window->words, 0, window->size / 8);
    } else {
        for (uint64_t next = window->highest + 1; next < number; next++) {
            set(window, next, false);
        }
    }
    window->highest = number;
}

static bool
admit(Window *window, uint64_t number)
{
    if (window->words == NULL) {
        window->words = g_new0(uint64_t, window->size / WORD_BITS);
        window->highest = number;
    } else if (number > window->highest) {
        move(window, number);
    } else if (window->highest - number >= window->size || is_set(window, number)) {
        return false;
    }
    set(window, number, true);
    return true;
}

/* A new life counts from the start. */
static void
begin_life(Peer *peer, uint64_t incarnation)
{
    peer->incarnation = incarnation;
    for (unsigned i = 0; i < LANES; i++) {
        Window *window = &peer->windows[i];

        if (window->words != NULL) {
            memset(window->words, 0, window->size / 8);
            window->highest = 0;
        }
    }
}

bool
orr_replay_admit(OrrReplay *self, const OrrId *sender, OrrLane lane, uint64_t incarnation,
                 uint64_t sequence)
{
    Peer *peer = find_or_add(self, sender, incarnation);

    if (incarnation < peer->incarnation) {
        return false;
    }
    if (incarnation > peer->incarnation) {
        begin_life(peer, incarnation);
    }
    peer->heard_at = ++self->heard;
    return admit(&peer->windows[lane], sequence);
}
