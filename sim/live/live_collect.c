/* The end of a run: every node is asked for every key of its shard, as a client would. */
#include <string.h>

#include "client.h"
#include "live_state.h"
#include "live_talk.h"

#define BATCH 200u
#define QUIET_US 300000 /* what is under way arrives */

/* What a node said of a key, besides the number of its value: */
#define ABSENT 0u
#define CORRUPT UINT32_MAX
#define UNKNOWN (UINT32_MAX - 1)

static bool
next_number(SimTalk *talk, uint32_t *number)
{
    OrrItem item;

    if (!sim_talk_answer(talk, &item)) {
        return false;
    }
    *number = item.type == ORR_ITEM_BULK   ? sim_client_number_of_value(item.text)
              : item.type == ORR_ITEM_NULL ? ABSENT
                                           : UNKNOWN;
    return true;
}

static void
append_read(GString *text, const SimHistory *history, uint32_t key)
{
    size_t size;
    size_t field_size;
    const char *name = sim_history_key_text(history, key, &size);
    const char *field = sim_history_key_field(history, key, &field_size);

    if (field == NULL) {
        g_string_append_printf(text, "*2\r\n$3\r\nGET\r\n$%zu\r\n", size);
    } else {
        g_string_append_printf(text, "*3\r\n$4\r\nHGET\r\n$%zu\r\n", size);
    }
    g_string_append_len(text, name, (gssize)size);
    g_string_append(text, "\r\n");
    if (field != NULL) {
        g_string_append_printf(text, "$%zu\r\n", field_size);
        g_string_append_len(text, field, (gssize)field_size);
        g_string_append(text, "\r\n");
    }
}

static bool
is_wanted(const SimHost *host, uint32_t key)
{
    uint16_t slot = sim_history_key_slot(host->world->history, key);

    return sim_clients_cluster_of_key(host->world, key) == host->spec->cluster &&
           orr_slotmap_owns(host->shadow->slots, slot, &host->view.shard);
}

static bool
read_batch(SimHost *host, SimTalk *talk, const uint32_t *keys, uint32_t count)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (uint32_t i = 0; i < count; i++) {
        append_read(text, host->world->history, keys[i]);
    }
    if (!sim_talk_send(talk, text->str, text->len)) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!next_number(talk, &sim_live_process(host)->finals[keys[i]])) {
            return false;
        }
    }
    return true;
}

static bool
read_keys(SimHost *host, SimTalk *talk)
{
    uint32_t keys[BATCH];
    uint32_t count = 0;
    uint32_t all = sim_history_key_count(host->world->history);
    static const char readonly[] = "READONLY\r\n";
    uint32_t ignored;
    bool fine =
        sim_talk_send(talk, readonly, sizeof readonly - 1) && next_number(talk, &ignored);

    for (uint32_t key = 0; key < all && fine; key++) {
        if (is_wanted(host, key)) {
            keys[count++] = key;
        }
        if (count == BATCH || (key + 1 == all && count > 0)) {
            fine = read_batch(host, talk, keys, count);
            count = 0;
        }
    }
    return fine && (count == 0 || read_batch(host, talk, keys, count));
}

static void
collect_host(SimHost *host)
{
    SimWorld *world = host->world;
    SimProcessState *process = sim_live_process(host);
    uint32_t count = sim_history_key_count(world->history);
    SimTalk talk;

    g_free(process->finals);
    process->finals = g_new(uint32_t, count + 1);
    for (uint32_t key = 0; key < count; key++) {
        process->finals[key] = UNKNOWN;
    }
    if (!sim_talk_to(&talk, host) || !read_keys(host, &talk)) {
        sim_story_addf(world->story, SIM_LINE_FAILED, world->now_ns,
                       "%s did not say what it holds at the end", host->spec->name);
    }
    sim_talk_end(&talk);
}

/* Primaries first: a replica that is asked later has what its primary had. */
void
sim_live_collect(SimWorld *world)
{
    world->live->finals_count = sim_history_key_count(world->history);
    g_usleep(QUIET_US);
    sim_live_compare_nodes(world);
    for (unsigned replicas = 0; replicas < 2; replicas++) {
        for (uint32_t i = 0; i < world->host_count; i++) {
            SimHost *host = &world->hosts[i];

            if (sim_host_runs(host) && host->spec->role != ORR_ROLE_WITNESS &&
                (host->view.role == ORR_ROLE_REPLICA) == (replicas == 1)) {
                collect_host(host);
            }
        }
    }
}

SimFinal
sim_live_final(const SimWorld *world, uint32_t host, uint32_t key)
{
    const uint32_t *finals = world->live->processes[host].finals;
    SimFinal final = {.known = finals != NULL && finals[key] != UNKNOWN};

    if (final.known && finals[key] != ABSENT) {
        final.present = true;
        final.corrupt = finals[key] == CORRUPT;
        final.number = finals[key];
    }
    return final;
}

/* Until the end has been read, equal offsets of one history are all that can be known. */
bool
sim_live_same_data(const SimHost *host, const SimHost *other)
{
    const uint32_t *one = sim_live_process(host)->finals;
    const uint32_t *two = sim_live_process(other)->finals;

    for (uint32_t key = 0; one != NULL && two != NULL && key < host->world->live->finals_count;
         key++) {
        if (is_wanted(host, key) && one[key] != two[key]) {
            return false;
        }
    }
    return true;
}
