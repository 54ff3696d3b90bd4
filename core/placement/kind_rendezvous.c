#include "placement/contest.h"

typedef struct Rendezvous {
    Contest contest;
    Span all;
} Rendezvous;

static void *
rendezvous_new(const OrrPlacement *placement)
{
    Rendezvous *state = g_new0(Rendezvous, 1);

    (void)placement;
    orr_contest_init(&state->contest);
    return state;
}

static void *
rendezvous_copy(const void *from)
{
    Rendezvous *state = g_memdup2(from, sizeof *state);

    orr_contest_copy(&state->contest, &((const Rendezvous *)from)->contest);
    return state;
}

static void
rendezvous_free(void *state)
{
    orr_contest_clear(&((Rendezvous *)state)->contest);
    g_free(state);
}

static void
rendezvous_change(OrrPlacement *placement, const Change *change)
{
    Rendezvous *state = placement->state;
    uint32_t *numbers = g_new(uint32_t, placement->eligible);
    uint32_t count = 0;

    (void)change;
    for (uint32_t i = 0; i < placement->count; i++) {
        if (placement->nodes[placement->by_name[i]].weight != 0) {
            numbers[count++] = placement->by_name[i];
        }
    }
    orr_contest_reset(&state->contest);
    state->all = orr_contest_add_group(&state->contest, placement, numbers, count);
    g_free(numbers);
}

static uint32_t
rendezvous_find(const OrrPlacement *placement, uint64_t hash)
{
    const Rendezvous *state = placement->state;

    return orr_contest_winner(&state->contest, placement, state->all, hash);
}

static void
rendezvous_find_many(const OrrPlacement *placement, const uint64_t *hashes, size_t count,
                     uint32_t *numbers)
{
    const Rendezvous *state = placement->state;

    orr_contest_winners(&state->contest, placement, state->all, hashes, count, numbers);
}

static uint32_t
rendezvous_next(Walk *walk)
{
    const Rendezvous *state = walk->placement->state;

    return orr_contest_next(&state->contest, state->all, walk);
}

static size_t
rendezvous_memory_size(const OrrPlacement *placement)
{
    const Rendezvous *state = placement->state;

    return sizeof *state + orr_contest_memory_size(&state->contest);
}

const Kind ORR_KIND_RENDEZVOUS = {
    .state_new = rendezvous_new,
    .state_copy = rendezvous_copy,
    .state_free = rendezvous_free,
    .change = rendezvous_change,
    .hash = orr_kind_hash,
    .hash_many = orr_kind_hash_many,
    .find_hash = rendezvous_find,
    .find_many = rendezvous_find_many,
    .next = rendezvous_next,
    .shares = orr_kind_shares_by_weight,
    .memory_size = rendezvous_memory_size,
};
