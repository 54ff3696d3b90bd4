/* Which key an operation asks for. */
#include "client_state.h"

#include <glib.h>
#include <orrery/slots.h>

#include "distribution.h"

#define KEY_TRIES 16u      /* keys looked at to find one of which no write is under way */
#define NAME_TRIES 200000u /* names tried for one key of a given shard */

/* The slot of a key, or of a field where those decide. */
static uint16_t
slot_of(const SimWorld *world, OrrBytes key, OrrBytes field)
{
    bool by_field = world->scenario->settings.hash_slot_by == ORR_HASH_SLOT_BY_FIELD;

    return orr_slot_of_key(by_field && field.size != 0 ? field : key);
}

/* True when the slot was dealt to one of these shards at the start. */
static bool
is_of(SimWorld *world, const SimTarget *of, uint16_t slot)
{
    const SimTarget *const *wanted = (const SimTarget *const *)of->items;
    unsigned count = of->item_count;

    if (of->kind != SIM_TARGET_UNION) {
        wanted = &of;
        count = 1;
    }
    for (unsigned i = 0; i < count; i++) {
        uint32_t shard = sim_target_shard(world, wanted[i]);

        if (shard != SIM_NONE &&
            world->first_owner[world->scenario->shards[shard].cluster * ORR_SLOT_COUNT +
                               slot] == shard) {
            return true;
        }
    }
    return false;
}

/* The key that everybody asks for may be told where to live. */
static bool
wants_slot(SimWorld *world, const SimFleet *spec, uint32_t number, uint16_t slot)
{
    if (number == 0 && spec->hot_on != NULL && spec->keys != SIM_KEYS_UNIQUE) {
        return is_of(world, spec->hot_on, slot);
    }
    return spec->keys_of == NULL || is_of(world, spec->keys_of, slot);
}

static bool
uses_hashes(const SimFleet *spec)
{
    return spec->mix[SIM_DO_HSET] + spec->mix[SIM_DO_HGET] + spec->mix[SIM_DO_HDEL] +
               spec->mix[SIM_DO_HGETALL] !=
           0;
}

/* Key `number` of a fleet enters the history; `serial` goes on over names that do not suit. */
static uint32_t
add_key(SimWorld *world, const SimFleetState *fleet, const char *prefix, uint32_t number,
        uint32_t client, uint32_t *serial)
{
    const SimFleet *spec = fleet->spec;
    char key[96];
    char field[24] = "";
    uint32_t fields = MAX(spec->fields, 1);

    for (uint32_t i = 0;; i++) {
        if (uses_hashes(spec)) {
            g_snprintf(key, sizeof key, "%s:h%u", prefix, *serial / fields);
            g_snprintf(field, sizeof field, "f%u", *serial % fields);
        } else {
            g_snprintf(key, sizeof key, "%s:%u", prefix, *serial);
        }
        (*serial)++;
        uint16_t slot = slot_of(world, orr_bytes_of_string(key), orr_bytes_of_string(field));

        if (wants_slot(world, spec, number, slot) || i == NAME_TRIES) {
            return sim_history_add_key(world->history, orr_bytes_of_string(key),
                                       orr_bytes_of_string(field), client, slot);
        }
    }
}

/* Running sums of k^-s, in integers: the same draws with every compiler. */
static uint64_t *
zipf_sums(uint32_t count, uint32_t zipf_ppm)
{
    uint64_t *sums = g_new(uint64_t, count);
    uint64_t sum = 0;

    for (uint32_t k = 1; k <= count; k++) {
        int64_t exponent = -(sim_ln_q32(k) / 1000 * (int64_t)zipf_ppm / 1000);

        sum += MAX(sim_exp_q32(exponent), 1);
        sums[k - 1] = sum;
    }
    return sums;
}

void
sim_fleet_make_keys(SimWorld *world, SimFleetState *fleet)
{
    const SimFleet *spec = fleet->spec;
    uint32_t count = spec->keys == SIM_KEYS_ONE ? 1 : spec->key_count;
    uint32_t serial = 0;

    if (spec->keys == SIM_KEYS_UNIQUE) {
        count = 0;
    }
    fleet->first_key = sim_history_key_count(world->history);
    fleet->key_count = count;
    for (uint32_t i = 0; i < count; i++) {
        add_key(world, fleet, spec->name, i, fleet->first_client + i % spec->clients, &serial);
    }
    if (spec->keys == SIM_KEYS_ZIPF && count > 0) {
        fleet->zipf = zipf_sums(count, spec->zipf_ppm);
    }
}

void
sim_fleet_free_keys(SimFleetState *fleet)
{
    g_free(fleet->zipf);
    fleet->zipf = NULL;
}

SimOperation
sim_fleet_draw_operation(const SimFleetState *fleet, OrrRng *rng)
{
    uint64_t drawn = orr_rng_below(rng, fleet->mix_total);
    unsigned kind = 0;

    while (drawn >= fleet->spec->mix[kind]) {
        drawn -= fleet->spec->mix[kind++];
    }
    return (SimOperation)kind;
}

static uint32_t
draw_rank(const SimFleetState *fleet, OrrRng *rng)
{
    uint64_t drawn;
    uint32_t low = 0;
    uint32_t high = fleet->key_count - 1;

    if (orr_rng_chance_ppm(rng, fleet->spec->hot_ppm)) {
        return 0;
    }
    if (fleet->zipf == NULL) {
        return (uint32_t)orr_rng_below(rng, fleet->key_count);
    }
    drawn = orr_rng_below(rng, fleet->zipf[fleet->key_count - 1]);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (fleet->zipf[middle] > drawn) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

/* The next unique key of this client: names differ between clients, so none is ever shared. */
static uint32_t
new_unique_key(SimWorld *world, SimClient *client)
{
    const SimFleetState *fleet = &world->clients->fleets[client->fleet];
    char prefix[80];
    uint32_t key;

    g_snprintf(prefix, sizeof prefix, "%s.%u", fleet->spec->name, client->number);
    key = add_key(world, fleet, prefix, client->unique_count, client->index,
                  &client->unique_count);
    g_array_append_val(client->own_keys, key);
    return key;
}

static bool
is_busy(const SimClients *clients, uint32_t key)
{
    return key < clients->busy_keys->len && clients->busy_keys->data[key] != 0;
}

static uint32_t
draw_unique(SimWorld *world, SimClient *client, SimOperation kind)
{
    if (kind == SIM_DO_SET || kind == SIM_DO_HSET) {
        return new_unique_key(world, client);
    }
    if (client->own_keys->len == 0) {
        return SIM_NONE;
    }
    for (unsigned i = 0; i < KEY_TRIES; i++) {
        uint32_t key = g_array_index(client->own_keys, uint32_t,
                                     orr_rng_below(&client->rng, client->own_keys->len));

        if (!sim_operation_is_write(kind) || !is_busy(world->clients, key)) {
            return key;
        }
    }
    return SIM_NONE;
}

uint32_t
sim_client_draw_key(SimWorld *world, SimClient *client, SimOperation kind)
{
    const SimFleetState *fleet = &world->clients->fleets[client->fleet];
    uint32_t clients = fleet->spec->clients;

    if (fleet->key_count == 0) {
        return draw_unique(world, client, kind);
    }
    uint32_t rank = draw_rank(fleet, &client->rng);

    if (!sim_operation_is_write(kind)) {
        return fleet->first_key + rank;
    }
    /* of the keys around it, the one that this client writes */
    rank = rank - rank % clients + client->number;
    for (unsigned i = 0; i < KEY_TRIES; i++, rank += clients) {
        if (rank >= fleet->key_count) {
            rank = client->number;
        }
        if (rank < fleet->key_count && !is_busy(world->clients, fleet->first_key + rank)) {
            return fleet->first_key + rank;
        }
    }
    return SIM_NONE;
}
