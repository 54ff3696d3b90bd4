#include "client_state.h"

#include <glib.h>
#include <orrery/resp.h>

#include "judge.h"

#define VALUE_SIZE_LIMIT (1u << 20)
#define WORDS_MAX 6u

/* ---- places and clients */

static uint32_t
find_place(SimWorld *world, uint32_t site, uint32_t attached)
{
    SimClients *self = world->clients;
    char name[96];

    for (uint32_t i = 0; i < self->place_count; i++) {
        if (self->places[i].site == site && self->places[i].attached == attached) {
            return i;
        }
    }
    g_snprintf(name, sizeof name, "clients of %s",
               attached != SIM_NONE ? world->scenario->nodes[attached].name
               : site != SIM_NONE   ? world->scenario->sites[site].name
                                    : "everywhere");
    self->places = g_renew(SimPlace, self->places, self->place_count + 1);
    self->places[self->place_count] =
        (SimPlace){sim_network_add_endpoint(world->network, name), site, attached};
    return self->place_count++;
}

static uint32_t
place_of(SimWorld *world, const SimFleet *spec, uint32_t number, const SimSet *nodes)
{
    if (spec->at == NULL) {
        return find_place(world, SIM_NONE, SIM_NONE);
    }
    if (!spec->attached && spec->at->kind == SIM_TARGET_CLUSTER) {
        return find_place(world, SIM_NONE, SIM_NONE);
    }
    if (!spec->attached && spec->at->kind == SIM_TARGET_SITE) {
        return find_place(world, spec->at->index, SIM_NONE);
    }
    if (nodes == NULL || nodes->len == 0) {
        return find_place(world, SIM_NONE, SIM_NONE);
    }
    return find_place(world, SIM_NONE, sim_set_at(nodes, number % nodes->len));
}

static void
init_client(SimWorld *world, uint32_t fleet, uint32_t number, uint32_t place)
{
    SimClients *self = world->clients;
    uint32_t index = self->fleets[fleet].first_client + number;
    SimClient *client = &self->clients[index];
    char name[128];

    g_snprintf(name, sizeof name, "client %u of %s", number, self->fleets[fleet].spec->name);
    client->index = index;
    client->fleet = fleet;
    client->number = number;
    client->place = place;
    client->rng = orr_rng_stream(world->options.seed, orr_bytes_of_string(name));
    client->deadline_ns = ORR_NEVER;
    client->cluster = sim_client_cluster(world, client);
    client->peers = g_array_new(FALSE, TRUE, sizeof(SimPeer));
    client->pending = g_array_new(FALSE, TRUE, sizeof(SimPending));
    client->free_ids = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    client->own_keys = g_array_new(FALSE, FALSE, sizeof(uint32_t));
}

static void
init_fleet(SimWorld *world, uint32_t index)
{
    SimFleetState *fleet = &world->clients->fleets[index];
    const SimFleet *spec = fleet->spec;
    char name[128];
    OrrRng none = orr_rng_new(0);
    SimSet *nodes = NULL;

    g_snprintf(name, sizeof name, "arrivals of %s", spec->name);
    fleet->rng = orr_rng_stream(world->options.seed, orr_bytes_of_string(name));
    fleet->rate = spec->rate * (spec->per_shard ? (int64_t)world->scenario->shard_count : 1);
    for (unsigned i = 0; i < SIM_OPERATIONS; i++) {
        fleet->mix_total += spec->mix[i];
    }
    if (spec->at != NULL && (spec->attached || spec->at->kind != SIM_TARGET_SITE)) {
        nodes = sim_target_nodes(world, spec->at, &none, NULL);
    }
    for (uint32_t i = 0; i < spec->clients; i++) {
        init_client(world, index, i, place_of(world, spec, i, nodes));
    }
    sim_set_free(nodes);
}

SimClients *
sim_clients_new(SimWorld *world)
{
    SimClients *self = g_new0(SimClients, 1);
    const SimScenario *scenario = world->scenario;

    world->clients = self;
    self->fleet_count = scenario->fleet_count;
    self->fleets = g_new0(SimFleetState, scenario->fleet_count);
    for (uint32_t i = 0; i < scenario->fleet_count; i++) {
        self->fleets[i].spec = &scenario->fleets[i];
        self->fleets[i].first_client = self->client_count;
        self->client_count += scenario->fleets[i].clients;
    }
    self->clients = g_new0(SimClient, self->client_count);
    self->routes = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    self->busy_keys = g_byte_array_new();
    for (uint32_t i = 0; i < self->fleet_count; i++) {
        init_fleet(world, i);
    }
    self->stores = sim_stores_new(world);
    return self;
}

void
sim_clients_free(SimClients *self)
{
    if (self == NULL) {
        return;
    }
    for (uint32_t i = 0; i < self->client_count; i++) {
        SimClient *client = &self->clients[i];

        sim_client_close(client);
        g_array_unref(client->peers);
        g_array_unref(client->pending);
        g_array_unref(client->free_ids);
        g_array_unref(client->own_keys);
    }
    for (uint32_t i = 0; i < self->fleet_count; i++) {
        sim_fleet_free_keys(&self->fleets[i]);
    }
    sim_stores_free(self->stores);
    g_hash_table_unref(self->routes);
    g_byte_array_unref(self->busy_keys);
    g_free(self->places);
    g_free(self->fleets);
    g_free(self->clients);
    g_free(self);
}

/* ---- one operation */

static void
set_busy(SimClients *self, uint32_t key, bool busy)
{
    if (key >= self->busy_keys->len) {
        guint before = self->busy_keys->len;

        g_byte_array_set_size(self->busy_keys, key + 1);
        memset(self->busy_keys->data + before, 0, key + 1 - before);
    }
    self->busy_keys->data[key] = busy;
}

static uint32_t
take_id(SimClient *client)
{
    uint32_t id;

    if (client->free_ids->len > 0) {
        id = g_array_index(client->free_ids, uint32_t, client->free_ids->len - 1);
        g_array_set_size(client->free_ids, client->free_ids->len - 1);
        return id;
    }
    g_array_set_size(client->pending, client->pending->len + 1);
    return client->pending->len - 1;
}

/* "17" and a colon, and filling up to the size that the scenario wants. */
static OrrBytes
make_value(uint32_t number, int64_t size, GByteArray *buffer)
{
    char digits[16];
    guint used = (guint)g_snprintf(digits, sizeof digits, "%u:", number);
    guint wanted = (guint)CLAMP(size, (int64_t)used, (int64_t)VALUE_SIZE_LIMIT);

    g_byte_array_set_size(buffer, wanted);
    memcpy(buffer->data, digits, used);
    memset(buffer->data + used, 'x', wanted - used);
    return orr_bytes(buffer->data, wanted);
}

typedef struct Words {
    OrrBytes word[WORDS_MAX];
    size_t count;
    char number[24];
    OrrTime expires_ns; /* what the command says of the key's end; 0: nothing */
} Words;

static void
add_word(Words *words, OrrBytes word)
{
    words->word[words->count++] = word;
}

static void
add_text(Words *words, const char *text)
{
    add_word(words, orr_bytes_of_string(text));
}

/* Writes of keys that expire say so, and the history remembers until when. */
static void
add_expiry(SimWorld *world, const SimFleet *spec, SimClient *client, Words *words,
           bool with_option)
{
    SimDistribution ttl = sim_distribution_of(&spec->ttl);
    OrrTime lives = sim_distribution_sample(&ttl, &client->rng);

    if (lives <= 0) {
        return;
    }
    lives = MAX(lives / ORR_NS_PER_MS, 1) * ORR_NS_PER_MS;
    g_snprintf(words->number, sizeof words->number, "%" G_GINT64_FORMAT, lives / ORR_NS_PER_MS);
    if (with_option) {
        add_text(words, "PX");
    }
    add_text(words, words->number);
    words->expires_ns = world->now_ns + lives;
}

static void
make_words(SimWorld *world, SimClient *client, SimOperation kind, uint32_t key, uint32_t number,
           Words *words)
{
    static const char *const names[SIM_OPERATIONS] = {
        [SIM_DO_SET] = "SET",        [SIM_DO_GET] = "GET",         [SIM_DO_DEL] = "DEL",
        [SIM_DO_HSET] = "HSET",      [SIM_DO_HGET] = "HGET",       [SIM_DO_HDEL] = "HDEL",
        [SIM_DO_EXPIRE] = "PEXPIRE", [SIM_DO_HGETALL] = "HGETALL",
    };
    const SimFleet *spec = world->clients->fleets[client->fleet].spec;
    bool is_field = kind == SIM_DO_HSET || kind == SIM_DO_HGET || kind == SIM_DO_HDEL;
    size_t size;
    const char *text = sim_history_key_text(world->history, key, &size);

    words->count = 0;
    words->expires_ns = 0;
    add_text(words, names[kind]);
    add_word(words, orr_bytes(text, size));
    if (is_field) {
        text = sim_history_key_field(world->history, key, &size);
        add_word(words, text != NULL ? orr_bytes(text, size) : orr_bytes_of_string("f0"));
    }
    if (kind == SIM_DO_SET || kind == SIM_DO_HSET) {
        add_word(words, make_value(number, spec->value_size, world->scratch));
    }
    if (kind == SIM_DO_SET) {
        add_expiry(world, spec, client, words, true);
    } else if (kind == SIM_DO_EXPIRE) {
        add_expiry(world, spec, client, words, false);
        if (words->count == 2) {
            add_text(words, "1000");
            words->expires_ns = world->now_ns + ORR_NS_PER_S;
        }
    }
}

bool
sim_client_issue(SimWorld *world, SimClient *client, SimOperation kind, uint32_t key,
                 bool preload, bool worker)
{
    SimClients *self = world->clients;
    bool write = sim_operation_is_write(kind);
    uint32_t number = write ? sim_history_next_number(world->history, key) : 0;
    uint32_t id = take_id(client);
    Words words;
    OrrRouterCommand command = {.id = id + 1};
    SimPending *pending = &g_array_index(client->pending, SimPending, id);

    make_words(world, client, kind, key, number, &words);
    command.args = words.word;
    command.arg_count = words.count;
    *pending = (SimPending){
        .op = sim_history_invoke(world->history, world->now_ns, (uint16_t)client->fleet,
                                 client->index, kind, key, number) +
              1,
        .key = key,
        .preload = preload,
        .worker = worker,
        .expires_ns = words.expires_ns,
    };
    client->under_way++;
    self->under_way++;
    if (write) {
        set_busy(self, key, true);
    }
    if (orr_router_submit(client->router, world->now_ns, &command, 1) != ORR_OK) {
        OrrRouterEffect refused = {.id = id + 1,
                                   .type = ORR_ROUTER_DONE,
                                   .node = UINT32_MAX,
                                   .outcome = ORR_ROUTED_OVERLOAD};

        sim_client_on_done(world, client, &refused);
        return false;
    }
    sim_client_pump(world, client);
    return true;
}

/* ---- its end */

static SimOutcome
outcome_of(const OrrRouterEffect *done)
{
    switch (done->outcome) {
    case ORR_ROUTED_ANSWERED:
        return done->bytes.size > 0 && done->bytes.data[0] != '-' ? SIM_OUTCOME_OK
               : done->maybe_executed                             ? SIM_OUTCOME_UNKNOWN
                                                                  : SIM_OUTCOME_REFUSED;
    case ORR_ROUTED_REFUSED:
    case ORR_ROUTED_TIMED_OUT:
    case ORR_ROUTED_LOST:
        return done->maybe_executed ? SIM_OUTCOME_UNKNOWN : SIM_OUTCOME_REFUSED;
    case ORR_ROUTED_OVERLOAD:
        break;
    }
    return SIM_OUTCOME_REFUSED;
}

uint32_t
sim_client_number_of_value(OrrBytes value)
{
    uint64_t number = 0;
    size_t i = 0;

    for (; i < value.size && value.data[i] >= '0' && value.data[i] <= '9' && i < 10; i++) {
        number = number * 10 + (uint64_t)(value.data[i] - '0');
    }
    return i > 0 && i < value.size && value.data[i] == ':' && number <= UINT32_MAX
               ? (uint32_t)number
               : UINT32_MAX;
}

static uint32_t
number_read(OrrBytes reply)
{
    OrrItem item;

    if (orr_item_read(&reply, &item) != ORR_OK || item.type != ORR_ITEM_BULK) {
        return 0;
    }
    return sim_client_number_of_value(item.text);
}

static uint16_t
node_of(SimWorld *world, SimClient *client, uint32_t peer)
{
    const SimHost *host = NULL;

    if (peer < client->peers->len) {
        host = sim_world_host_at(world, &g_array_index(client->peers, SimPeer, peer).address);
    }
    return host != NULL ? (uint16_t)host->index : SIM_NODE_NONE;
}

static void
next_of_worker(SimWorld *world, SimClient *client)
{
    const SimFleet *spec = world->clients->fleets[client->fleet].spec;
    SimDistribution think = sim_distribution_of(&spec->think);
    OrrTime pause = MAX(sim_distribution_sample(&think, &client->rng), 1000);

    sim_world_plan(world, world->now_ns + pause, SIM_EVENT_CLIENT, client->index,
                   SIM_CLIENT_WORKER);
}

static void next_of_preload(SimWorld *world, SimClient *client, bool repeat, uint32_t key);

/* A cache miss: the truth is fetched from the store, and put into the cache. */
static bool
on_read(SimWorld *world, SimClient *client, uint32_t key, uint32_t number)
{
    const SimFleet *spec = world->clients->fleets[client->fleet].spec;

    if (number != 0) {
        world->clients->hits++;
        return false;
    }
    world->clients->misses++;
    return spec->store != SIM_NONE && sim_store_fetch(world, spec->store, client->index, key);
}

void
sim_client_on_done(SimWorld *world, SimClient *client, const OrrRouterEffect *done)
{
    SimClients *self = world->clients;
    SimPending *slot = &g_array_index(client->pending, SimPending, (guint)done->id - 1);
    SimPending pending = *slot;
    uint32_t id = (uint32_t)done->id - 1;
    const SimCall *call = sim_history_at(world->history, pending.op - 1);
    bool write = sim_operation_is_write((SimOperation)call->kind);
    SimCompletion completion = {
        .outcome = outcome_of(done),
        .node = node_of(world, client, done->node),
        .attempts = (uint8_t)MIN(done->attempts, 255),
        .may_linger = done->attempts > 1 && self->fleets[client->fleet].spec->retries > 0,
    };
    bool fetching = false;

    slot->op = 0;
    g_array_append_val(client->free_ids, id);
    client->under_way--;
    self->under_way--;
    if (completion.outcome == SIM_OUTCOME_OK && !write) {
        completion.number = number_read(done->bytes);
        fetching = on_read(world, client, pending.key, completion.number);
    }
    if (write) {
        set_busy(self, pending.key, false);
    }
    if (pending.expires_ns != 0 && completion.outcome != SIM_OUTCOME_REFUSED &&
        !orr_bytes_equal(done->bytes, orr_bytes_of_string(":0\r\n"))) { /* no such key */
        sim_history_set_expiry(world->history, pending.key,
                               completion.outcome == SIM_OUTCOME_OK ? pending.expires_ns
                                                                    : ORR_NEVER);
    }
    sim_history_complete(world->history, pending.op - 1, world->now_ns, &completion);
    sim_judge_on_call(world, pending.op - 1);
    if (pending.preload) {
        next_of_preload(world, client, completion.outcome != SIM_OUTCOME_OK, pending.key);
    } else if (pending.worker && !fetching) {
        next_of_worker(world, client);
    }
}

/* ---- preload: keys that are there before the scenario's 0 */

static uint32_t
preload_share(const SimFleetState *fleet, const SimClient *client)
{
    uint64_t clients = fleet->spec->clients;

    return (uint32_t)((fleet->spec->preload + clients - 1 - client->number) / clients);
}

static bool
preload_one(SimWorld *world, SimClient *client)
{
    SimFleetState *fleet = &world->clients->fleets[client->fleet];
    bool hashes = fleet->spec->mix[SIM_DO_HSET] + fleet->spec->mix[SIM_DO_HGET] != 0;
    SimOperation kind = hashes ? SIM_DO_HSET : SIM_DO_SET;
    uint32_t key;

    if (client->preload_next >= preload_share(fleet, client)) {
        return false;
    }
    if (fleet->key_count == 0) {
        client->preload_next++;
        key = sim_client_draw_key(world, client, kind);
    } else {
        uint32_t rank = client->preload_next++ * fleet->spec->clients + client->number;

        if (rank >= fleet->key_count) {
            fleet->preload_left--;
            return true;
        }
        key = fleet->first_key + rank;
    }
    (void)sim_client_issue(world, client, kind, key, true, false);
    return true;
}

static void
next_of_preload(SimWorld *world, SimClient *client, bool repeat, uint32_t key)
{
    if (repeat) { /* not yet served: again, a little later */
        SimEvent event = {.at_ns = world->now_ns + 20 * ORR_NS_PER_MS,
                          .kind = SIM_EVENT_CLIENT,
                          .target = client->index,
                          .arg = {SIM_CLIENT_PRELOAD, key}};

        sim_queue_schedule(world->queue, &event);
        return;
    }
    world->clients->fleets[client->fleet].preload_left--;
    (void)preload_one(world, client);
}

static void
repeat_preload(SimWorld *world, SimClient *client, uint32_t key)
{
    bool hashes = sim_history_key_field(world->history, key, NULL) != NULL;

    (void)sim_client_issue(world, client, hashes ? SIM_DO_HSET : SIM_DO_SET, key, true, false);
}

void
sim_clients_preload(SimWorld *world)
{
    SimClients *self = world->clients;

    for (uint32_t i = 0; i < self->fleet_count; i++) {
        sim_fleet_make_keys(world, &self->fleets[i]);
        self->fleets[i].preload_left = self->fleets[i].spec->preload;
    }
    for (uint32_t i = 0; i < self->client_count; i++) {
        sim_client_open(world, &self->clients[i]);
    }
    for (uint32_t i = 0; i < self->client_count; i++) {
        const SimFleet *spec = self->fleets[self->clients[i].fleet].spec;
        unsigned window = spec->rate > 0 ? SIM_PRELOAD_WINDOW
                                         : CLAMP(spec->workers / 20, 1, SIM_PRELOAD_WINDOW);

        for (unsigned k = 0; k < window && preload_one(world, &self->clients[i]); k++) {
        }
    }
}

bool
sim_clients_preloaded(const SimWorld *world)
{
    for (uint32_t i = 0; i < world->clients->fleet_count; i++) {
        if (world->clients->fleets[i].preload_left > 0) {
            return false;
        }
    }
    return true;
}

/* ---- the fleets at work */

static bool
is_active(const SimWorld *world, const SimFleetState *fleet)
{
    OrrTime now = sim_world_scenario_ns(world, world->now_ns);

    return !world->clients->stopped && now >= fleet->spec->from_ns &&
           now < fleet->spec->to_ns &&
           (fleet->spec->limit == 0 || fleet->begun < fleet->spec->limit);
}

/* One operation of this client; false when there is nothing that it could do. */
static bool
begin_operation(SimWorld *world, SimFleetState *fleet, SimClient *client, bool worker)
{
    SimOperation kind = sim_fleet_draw_operation(fleet, &client->rng);
    uint32_t key = sim_client_draw_key(world, client, kind);

    if (key == SIM_NONE) {
        return false;
    }
    fleet->begun++;
    (void)sim_client_issue(world, client, kind, key, false, worker);
    return true;
}

/* As many as are sent together; a closed loop goes on when the last of them is answered. */
static bool
begin_pipeline(SimWorld *world, SimFleetState *fleet, SimClient *client, bool worker)
{
    for (uint32_t i = 1; i < fleet->spec->pipeline; i++) {
        (void)begin_operation(world, fleet, client, false);
    }
    return begin_operation(world, fleet, client, worker);
}

/* Poisson arrivals: the time to the next is exponential. */
static void
plan_arrival(SimWorld *world, uint32_t index)
{
    SimFleetState *fleet = &world->clients->fleets[index];
    SimDistribution gap;

    if (fleet->rate <= 0 ||
        sim_distribution_exponential((int64_t)((SimWide)ORR_NS_PER_S * 1000000 *
                                               MAX(fleet->spec->pipeline, 1) / fleet->rate),
                                     &gap) != ORR_OK) {
        fleet->arrival_event = SIM_NO_EVENT;
        return;
    }
    OrrTime start = sim_world_virtual_ns(world, fleet->spec->from_ns);

    fleet->arrival_event = sim_world_plan(
        world, MAX(world->now_ns, start) + MAX(sim_distribution_sample(&gap, &fleet->rng), 1),
        SIM_EVENT_CLIENT, index, SIM_CLIENT_ARRIVAL);
}

static void
on_arrival(SimWorld *world, uint32_t index)
{
    SimFleetState *fleet = &world->clients->fleets[index];
    SimClient *client =
        &world->clients->clients[fleet->first_client + fleet->turn % fleet->spec->clients];

    fleet->arrival_event = SIM_NO_EVENT;
    if (!is_active(world, fleet)) {
        return;
    }
    fleet->turn++;
    (void)begin_pipeline(world, fleet, client, false);
    plan_arrival(world, index);
}

static void
on_worker(SimWorld *world, SimClient *client)
{
    SimFleetState *fleet = &world->clients->fleets[client->fleet];

    if (!is_active(world, fleet)) {
        return;
    }
    if (!begin_pipeline(world, fleet, client, true)) {
        next_of_worker(world, client);
    }
}

void
sim_clients_begin(SimWorld *world)
{
    SimClients *self = world->clients;

    for (uint32_t i = 0; i < self->fleet_count; i++) {
        SimFleetState *fleet = &self->fleets[i];
        OrrTime start = sim_world_virtual_ns(world, fleet->spec->from_ns);

        if (fleet->spec->clients == 0 || fleet->mix_total == 0) {
            continue;
        }
        if (fleet->spec->rate > 0) {
            plan_arrival(world, i);
            continue;
        }
        for (uint32_t k = 0; k < fleet->spec->clients * MAX(fleet->spec->workers, 1); k++) {
            SimClient *client = &self->clients[fleet->first_client + k % fleet->spec->clients];

            sim_world_plan(
                world,
                start + (OrrTime)orr_rng_below(&client->rng, (uint64_t)(10 * ORR_NS_PER_MS)),
                SIM_EVENT_CLIENT, client->index, SIM_CLIENT_WORKER);
        }
    }
}

static void
on_fetched(SimWorld *world, SimClient *client, uint32_t key)
{
    SimFleetState *fleet = &world->clients->fleets[client->fleet];

    if (fleet->spec->mix[SIM_DO_HGET] == 0 &&
        sim_history_key_client(world->history, key) == client->index) {
        (void)sim_client_issue(world, client, SIM_DO_SET, key, false, false);
    }
    if (fleet->spec->rate == 0) {
        next_of_worker(world, client);
    }
}

void
sim_clients_on_event(SimWorld *world, const SimEvent *event)
{
    SimClients *self = world->clients;

    switch ((SimClientEvent)(event->arg[0] & 0xff)) {
    case SIM_CLIENT_ROUTER:
        sim_client_on_router_deadline(world, &self->clients[event->target]);
        break;
    case SIM_CLIENT_ARRIVAL:
        on_arrival(world, event->target);
        break;
    case SIM_CLIENT_WORKER:
        on_worker(world, &self->clients[event->target]);
        break;
    case SIM_CLIENT_FETCHED:
        on_fetched(world, &self->clients[event->target], (uint32_t)event->arg[1]);
        break;
    case SIM_CLIENT_REFUSED:
        sim_client_on_refused(world, &self->clients[event->target],
                              (uint32_t)(event->arg[0] >> 8));
        break;
    case SIM_CLIENT_PRELOAD:
        repeat_preload(world, &self->clients[event->target], (uint32_t)event->arg[1]);
        break;
    }
}
