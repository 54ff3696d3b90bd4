#include "mover.h"

#include <orrery/resp.h>

#include <glib.h>
#include <inttypes.h>

#define REACTION_NS ORR_NS_PER_MS      /* of the tool, to an answer */
#define PATIENCE_NS (8 * ORR_NS_PER_S) /* with a step */
#define PAUSE_NS (200 * ORR_NS_PER_MS) /* before a slot is begun anew */
#define KEYS_AT_ONCE 10u
#define MOVER_BIT (UINT64_C(1) << 32) /* client numbers: mover, then turn */

typedef enum Step {
    STEP_IMPORTING,
    STEP_MIGRATING,
    STEP_LIST,
    STEP_KEYS,
    STEP_NODE,
    STEP_TELL, /* the source, that it is the owner no longer */
} Step;

struct SimMover {
    uint32_t index;
    uint32_t slot; /* the next */
    uint32_t first;
    uint32_t last;
    uint32_t from; /* shards */
    uint32_t to;
    Step step;
    uint64_t turn; /* events and answers of other turns are late */
    SimHost *asked;
    uint64_t client;
    bool answered;
    GString *answer;
    GPtrArray *keys; /* of GString */
    uint64_t moved;
    uint64_t repeats;
    bool done;
};

static void
free_key(gpointer key)
{
    g_string_free(key, TRUE);
}

void
sim_mover_free(SimMover *mover)
{
    g_string_free(mover->answer, TRUE);
    g_ptr_array_unref(mover->keys);
    g_free(mover);
}

/* Who is primary of a shard: the one that says so with the greatest epoch. */
static SimHost *
primary_of(SimWorld *world, uint32_t shard)
{
    SimHost *best = NULL;
    uint64_t epoch = 0;

    for (uint32_t i = 0; i < world->host_count; i++) {
        SimHost *host = &world->hosts[i];
        const OrrNodeView *view = sim_host_runs(host) ? sim_host_view(host) : NULL;

        if (view != NULL && host->spec->shard == shard && view->role == ORR_ROLE_PRIMARY &&
            (best == NULL || view->shard_epoch > epoch)) {
            best = host;
            epoch = view->shard_epoch;
        }
    }
    return best;
}

static void
wake(SimWorld *world, SimMover *mover, OrrTime after_ns)
{
    mover->turn++;
    sim_world_plan(world, world->now_ns + after_ns, SIM_EVENT_WORLD, SIM_MOVER | mover->index,
                   mover->turn);
}

/* Sends a command to a console; the answer comes in a later turn, or does not. */
static void
send_words(SimWorld *world, SimMover *mover, SimHost *host, const GString *const *words,
           size_t count)
{
    g_autoptr(GString) text = g_string_new(NULL);
    OrrEvent event = {.type = ORR_EVENT_LINK};

    wake(world, mover, PATIENCE_NS);
    mover->client = SIM_MOVER_FIRST + mover->index * MOVER_BIT + mover->turn;
    mover->asked = host;
    mover->answered = false;
    g_string_truncate(mover->answer, 0);
    g_string_append_printf(text, "*%zu\r\n", count);
    for (size_t i = 0; i < count; i++) {
        g_string_append_printf(text, "$%zu\r\n", words[i]->len);
        g_string_append_len(text, words[i]->str, (gssize)words[i]->len);
        g_string_append(text, "\r\n");
    }
    event.link.state = ORR_LINK_CLIENT_UP;
    event.link.client = mover->client;
    sim_host_deliver(host, &event);
    event.type = ORR_EVENT_REQUEST;
    event.request.client = mover->client;
    event.request.bytes = orr_bytes(text->str, text->len);
    sim_host_deliver(host, &event);
}

static void
send_line(SimWorld *world, SimMover *mover, SimHost *host, const char *line,
          const GPtrArray *more)
{
    g_auto(GStrv) parts = g_strsplit(line, " ", -1);
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    guint own = 0;

    for (; parts[own] != NULL; own++) {
        g_ptr_array_add(words, g_string_new(strcmp(parts[own], "\"\"") == 0 ? "" : parts[own]));
    }
    for (guint i = 0; more != NULL && i < more->len; i++) {
        g_ptr_array_add(words, g_ptr_array_index(more, i));
    }
    send_words(world, mover, host, (const GString *const *)(void *)words->pdata, words->len);
    for (guint i = 0; i < own; i++) {
        g_string_free(g_ptr_array_index(words, i), TRUE);
    }
}

static void
set_slot(SimWorld *world, SimMover *mover, SimHost *host, const char *action,
         const SimHost *peer)
{
    char hex[ORR_ID_HEX_SIZE + 1];
    g_autofree char *line = NULL;

    orr_id_format(sim_roster_id(world->names, SIM_ROSTER_NODE, peer->index), hex);
    line = g_strdup_printf("CLUSTER SETSLOT %u %s %s", mover->slot, action, hex);
    send_line(world, mover, host, line, NULL);
}

static void
send_keys(SimWorld *world, SimMover *mover, SimHost *source, const SimHost *target)
{
    char ip[ORR_ADDRESS_TEXT_SIZE];
    g_autofree char *line = NULL;

    orr_address_format_ip(&target->address, ip);
    line = g_strdup_printf("MIGRATE %s %u \"\" 0 5000 KEYS", ip, target->address.port);
    send_line(world, mover, source, line, mover->keys);
}

static void
finish(SimWorld *world, SimMover *mover)
{
    mover->done = true;
    sim_story_addf(world->story, SIM_LINE_INJECTED, world->now_ns,
                   "slots %u..%u have moved; %" PRIu64 " steps were repeated", mover->first,
                   mover->last, mover->repeats);
}

static void
take_step(SimWorld *world, SimMover *mover)
{
    SimHost *source = primary_of(world, mover->from);
    SimHost *target = primary_of(world, mover->to);
    g_autofree char *line = NULL;

    if (source == NULL || target == NULL) {
        mover->step = STEP_IMPORTING;
        wake(world, mover, PAUSE_NS);
        return;
    }
    switch (mover->step) {
    case STEP_IMPORTING:
        set_slot(world, mover, target, "IMPORTING", source);
        break;
    case STEP_MIGRATING:
        set_slot(world, mover, source, "MIGRATING", target);
        break;
    case STEP_LIST:
        line = g_strdup_printf("CLUSTER GETKEYSINSLOT %u %u", mover->slot, KEYS_AT_ONCE);
        send_line(world, mover, source, line, NULL);
        break;
    case STEP_KEYS:
        send_keys(world, mover, source, target);
        break;
    case STEP_NODE:
        set_slot(world, mover, target, "NODE", target);
        break;
    case STEP_TELL:
        set_slot(world, mover, source, "NODE", target);
        break;
    }
}

/* Answers */

static void
read_keys(SimMover *mover)
{
    OrrBytes rest = orr_bytes(mover->answer->str, mover->answer->len);
    OrrItem item;

    g_ptr_array_set_size(mover->keys, 0);
    if (orr_item_read(&rest, &item) != ORR_OK) {
        return;
    }
    while (orr_item_read(&rest, &item) == ORR_OK && item.type == ORR_ITEM_BULK) {
        g_ptr_array_add(mover->keys,
                        g_string_new_len((const char *)item.text.data, (gssize)item.text.size));
    }
}

static void
next_slot(SimWorld *world, SimMover *mover)
{
    mover->moved++;
    mover->slot++;
    mover->step = STEP_IMPORTING;
    if (mover->slot > mover->last) {
        finish(world, mover);
    }
}

static bool
says(const SimMover *mover, const char *begin)
{
    return strncmp(mover->answer->str, begin, strlen(begin)) == 0;
}

/* A step is done: what comes next? */
static void
go_on(SimWorld *world, SimMover *mover)
{
    switch (mover->step) {
    case STEP_IMPORTING:
        mover->step = STEP_MIGRATING;
        break;
    case STEP_MIGRATING:
        mover->step = STEP_LIST;
        break;
    case STEP_LIST:
        read_keys(mover);
        mover->step = mover->keys->len > 0 ? STEP_KEYS : STEP_NODE;
        break;
    case STEP_KEYS:
        mover->step = STEP_LIST;
        break;
    case STEP_NODE:
        mover->step = STEP_TELL;
        break;
    case STEP_TELL:
        next_slot(world, mover);
        break;
    }
    if (!mover->done) {
        take_step(world, mover);
    }
}

static void
begin_anew(SimWorld *world, SimMover *mover, const char *why)
{
    mover->repeats++;
    sim_story_addf(world->story, SIM_LINE_INJECTED, world->now_ns,
                   "the move of slot %u begins anew: %s", mover->slot, why);
    mover->step = STEP_IMPORTING;
    wake(world, mover, PAUSE_NS);
}

void
sim_mover_on_reply(SimWorld *world, uint64_t client, OrrBytes bytes)
{
    uint32_t index = (uint32_t)((client - SIM_MOVER_FIRST) / MOVER_BIT);
    SimMover *mover =
        index < world->movers->len ? g_ptr_array_index(world->movers, index) : NULL;

    if (mover == NULL || client != mover->client || mover->answered) {
        return;
    }
    mover->answered = true;
    g_string_append_len(mover->answer, (const char *)bytes.data, (gssize)bytes.size);
    wake(world, mover, REACTION_NS);
}

/* The console is left alone. */
static void
hang_up(SimMover *mover)
{
    OrrEvent down = {.type = ORR_EVENT_LINK,
                     .link = {.state = ORR_LINK_CLIENT_DOWN, .client = mover->client}};

    if (mover->asked != NULL && sim_host_runs(mover->asked) && mover->answered) {
        sim_host_deliver(mover->asked, &down);
    }
    mover->asked = NULL;
}

void
sim_mover_on_event(SimWorld *world, uint32_t index, uint64_t turn)
{
    SimMover *mover = g_ptr_array_index(world->movers, index);

    if (turn != mover->turn || mover->done) {
        return;
    }
    if (mover->asked == NULL) {
        take_step(world, mover);
        return;
    }
    hang_up(mover);
    if (!mover->answered) {
        begin_anew(world, mover, "no answer");
    } else if (mover->step == STEP_IMPORTING && says(mover, "-ERR I'm already the owner")) {
        next_slot(world, mover);
        if (!mover->done) {
            take_step(world, mover);
        }
    } else if (says(mover, "-")) {
        char *end = strchr(mover->answer->str, '\r');

        if (end != NULL) {
            *end = '\0';
        }
        begin_anew(world, mover, mover->answer->str + 1);
    } else {
        go_on(world, mover);
    }
}

void
sim_mover_begin(SimWorld *world, uint16_t first, uint16_t last, uint32_t from_shard,
                uint32_t to_shard)
{
    SimMover *mover = g_new0(SimMover, 1);

    mover->index = world->movers->len;
    mover->slot = first;
    mover->first = first;
    mover->last = last;
    mover->from = from_shard;
    mover->to = to_shard;
    mover->answer = g_string_new(NULL);
    mover->keys = g_ptr_array_new_with_free_func(free_key);
    g_ptr_array_add(world->movers, mover);
    wake(world, mover, 0);
}

bool
sim_movers_are_done(const SimWorld *world)
{
    for (guint i = 0; i < world->movers->len; i++) {
        if (!((const SimMover *)g_ptr_array_index(world->movers, i))->done) {
            return false;
        }
    }
    return true;
}

uint64_t
sim_movers_moved(const SimWorld *world)
{
    uint64_t moved = 0;

    for (guint i = 0; i < world->movers->len; i++) {
        moved += ((const SimMover *)g_ptr_array_index(world->movers, i))->moved;
    }
    return moved;
}
