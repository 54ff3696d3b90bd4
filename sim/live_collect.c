/* The end of a run: every node is asked for every key of its shard, as a client would. */
#include <arpa/inet.h>
#include <orrery/resp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "client.h"
#include "live_state.h"

#define BATCH 200u
#define TRIES 3u
#define QUIET_US 300000 /* what is under way arrives */
#define PATIENCE_S 5

/* What a node said of a key, besides the number of its value: */
#define ABSENT 0u
#define CORRUPT UINT32_MAX
#define UNKNOWN (UINT32_MAX - 1)

typedef struct Talk {
    int fd;
    GByteArray *in;
    size_t used;
} Talk;

static bool
send_all(Talk *talk, const GString *text)
{
    size_t sent = 0;

    while (sent < text->len) {
        ssize_t size = send(talk->fd, text->str + sent, text->len - sent, MSG_NOSIGNAL);

        if (size <= 0) {
            return false;
        }
        sent += (size_t)size;
    }
    return true;
}

static bool
receive_more(Talk *talk)
{
    uint8_t buffer[65536];
    ssize_t size = recv(talk->fd, buffer, sizeof buffer, 0);

    if (size <= 0) {
        return false;
    }
    g_byte_array_remove_range(talk->in, 0, (guint)talk->used);
    talk->used = 0;
    g_byte_array_append(talk->in, buffer, (guint)size);
    return true;
}

/* The next answer: false when the connection is over. */
static bool
next_answer(Talk *talk, uint32_t *number)
{
    for (;;) {
        OrrBytes rest = orr_bytes(talk->in->data + talk->used, talk->in->len - talk->used);
        OrrBytes before = rest;
        OrrItem item;
        OrrStatus status = orr_item_read(&rest, &item);

        if (status == ORR_OK) {
            talk->used += before.size - rest.size;
            *number = item.type == ORR_ITEM_BULK   ? sim_client_number_of_value(item.text)
                      : item.type == ORR_ITEM_NULL ? ABSENT
                                                   : UNKNOWN;
            return true;
        }
        if (status != ORR_AGAIN || !receive_more(talk)) {
            return false;
        }
    }
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
read_batch(SimHost *host, Talk *talk, const uint32_t *keys, uint32_t count)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (uint32_t i = 0; i < count; i++) {
        append_read(text, host->world->history, keys[i]);
    }
    if (!send_all(talk, text)) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!next_answer(talk, &sim_live_process(host)->finals[keys[i]])) {
            return false;
        }
    }
    return true;
}

static bool
read_keys(SimHost *host, Talk *talk)
{
    uint32_t keys[BATCH];
    uint32_t count = 0;
    uint32_t all = sim_history_key_count(host->world->history);
    GString *readonly = g_string_new("READONLY\r\n");
    uint32_t ignored;
    bool fine = send_all(talk, readonly) && next_answer(talk, &ignored);

    g_string_free(readonly, TRUE);
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

static bool
connect_to(const SimHost *host, Talk *talk)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(host->address.port)};
    struct timeval patience = {.tv_sec = PATIENCE_S};

    memcpy(&name.sin_addr, host->address.ip + 12, 4);
    talk->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)setsockopt(talk->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt(talk->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return talk->fd >= 0 && connect(talk->fd, (struct sockaddr *)&name, sizeof name) == 0;
}

static void
collect_host(SimHost *host)
{
    SimWorld *world = host->world;
    SimProcessState *process = sim_live_process(host);
    uint32_t count = sim_history_key_count(world->history);
    Talk talk = {-1, g_byte_array_new(), 0};

    g_free(process->finals);
    process->finals = g_new(uint32_t, count + 1);
    for (uint32_t key = 0; key < count; key++) {
        process->finals[key] = UNKNOWN;
    }
    if (!connect_to(host, &talk) || !read_keys(host, &talk)) {
        sim_story_addf(world->story, SIM_LINE_FAILED, world->now_ns,
                       "%s did not say what it holds at the end", host->spec->name);
    }
    if (talk.fd >= 0) {
        (void)close(talk.fd);
    }
    g_byte_array_unref(talk.in);
}

/* Primaries first: a replica that is asked later has what its primary had. */
void
sim_live_collect(SimWorld *world)
{
    world->live->finals_count = sim_history_key_count(world->history);
    g_usleep(QUIET_US);
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
