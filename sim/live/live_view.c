/* What a process thinks: its /cluster page, read and taken for the view of a simulated node. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "judge.h"
#include "live_state.h"

#define ASK_EVERY_NS (100 * ORR_NS_PER_MS)
#define ASK_TIMEOUT_NS (2 * ORR_NS_PER_S)
#define ANSWER_MAX (4u << 20)

/* ---- JSON, as pages.c of the daemon writes it: one level is a text without its brackets */

static const char *
find_key(const char *text, const char *key)
{
    g_autofree char *quoted = g_strdup_printf("\"%s\": ", key);
    const char *at = strstr(text, quoted);

    return at != NULL ? at + strlen(quoted) : NULL;
}

static uint64_t
number_at(const char *text, const char *key)
{
    const char *value = find_key(text, key);

    return value != NULL ? g_ascii_strtoull(value, NULL, 10) : 0;
}

static bool
flag_at(const char *text, const char *key)
{
    const char *value = find_key(text, key);

    return value != NULL && strncmp(value, "true", 4) == 0;
}

static OrrId
id_at(const char *text, const char *key)
{
    const char *value = find_key(text, key);
    OrrId id = ORR_ID_NONE;

    if (value == NULL || value[0] != '"' ||
        strlen(value) <= ORR_ID_HEX_SIZE || /* "" is nobody */
        orr_id_parse(orr_bytes(value + 1, ORR_ID_HEX_SIZE), &id) != ORR_OK) {
        return ORR_ID_NONE;
    }
    return id;
}

static uint64_t
digest_at(const char *text, const char *key)
{
    const char *value = find_key(text, key);

    return value != NULL && value[0] == '"' ? g_ascii_strtoull(value + 1, NULL, 16) : 0;
}

/* The number of the word at `key` in `words`, or 0. */
static unsigned
word_at(const char *text, const char *key, const char *const *words, unsigned count)
{
    const char *value = find_key(text, key);

    for (unsigned i = 0; value != NULL && i < count; i++) {
        size_t size = strlen(words[i]);

        if (strncmp(value + 1, words[i], size) == 0 && value[size + 1] == '"') {
            return i;
        }
    }
    return 0;
}

static OrrRole
role_at(const char *text)
{
    static const char *const roles[] = {"primary", "replica", "witness"};

    return (OrrRole)word_at(text, "role", roles, G_N_ELEMENTS(roles));
}

/* ---- the parts of the page */

static void
read_node(SimHost *host, const char *text)
{
    OrrNodeView *view = &host->view;
    bool endless = find_key(text, "lease_ms") != NULL && find_key(text, "lease_ms")[0] == '-';

    view->id = id_at(text, "id");
    view->cluster = id_at(text, "cluster");
    view->shard = id_at(text, "shard");
    view->primary = id_at(text, "primary");
    view->role = role_at(text);
    view->serving = flag_at(text, "serving");
    view->loading = flag_at(text, "loading");
    view->link_up = flag_at(text, "link_up");
    view->lease_until_ns = endless ? ORR_NEVER : (OrrTime)number_at(text, "lease_until_ns");
    view->incarnation = number_at(text, "incarnation");
    view->current_epoch = number_at(text, "epoch");
    view->shard_epoch = number_at(text, "shard_epoch");
    view->vote_epoch = number_at(text, "vote_epoch");
    view->offset = number_at(text, "offset");
    view->key_count = number_at(text, "keys");
    view->elections = number_at(text, "elections");
    view->expired_attempts = number_at(text, "elections_expired");
    view->full_syncs_out = number_at(text, "full_syncs_out");
    view->full_syncs_in = number_at(text, "full_syncs_in");
    view->partial_syncs_in = number_at(text, "partial_syncs_in");
    view->frames_refused = number_at(text, "frames_refused");
    view->frames_malformed = number_at(text, "frames_malformed");
    view->writes_dropped = number_at(text, "writes_dropped");
    view->writes_fenced = number_at(text, "writes_fenced");
    view->change = number_at(text, "change");
    host->shadow->memory = number_at(text, "memory");
}

static void
read_cluster(SimHost *host, const char *text)
{
    OrrNodeView *view = &host->view;
    uint64_t slots = digest_at(text, "slots_digest");
    const char *state = find_key(text, "state");

    host->slots_moved = host->slots_moved || slots != view->slots_digest;
    view->cluster_ok = state != NULL && strncmp(state, "\"ok\"", 4) == 0;
    view->slots_uncovered = (uint32_t)number_at(text, "slots_uncovered");
    view->member_count = (uint32_t)number_at(text, "members");
    view->failed_count = (uint32_t)number_at(text, "failed");
    view->voter_count = (uint32_t)number_at(text, "voters");
    view->members_digest = digest_at(text, "members_digest");
    view->slots_digest = slots;
}

static void
read_member(SimShadow *shadow, const char *text)
{
    static const char *const states[] = {"alive", "suspected", "failed", "forgotten"};
    OrrMemberView member = {.id = id_at(text, "id"), .shard = id_at(text, "shard")};

    member.state = (OrrMemberState)word_at(text, "state", states, G_N_ELEMENTS(states));
    member.role = role_at(text);
    member.incarnation = number_at(text, "incarnation");
    member.address = orr_address_v4(127, 0, 0, 1, (uint16_t)number_at(text, "port"),
                                    (uint16_t)number_at(text, "bus_port"));
    g_array_append_val(shadow->members, member);
}

static void
read_claim(SimShadow *shadow, const char *text)
{
    OrrSlotsRecord claim = {.shard = id_at(text, "shard"),
                            .version = number_at(text, "version")};

    claim.range.first = (uint16_t)MIN(number_at(text, "first"), ORR_SLOT_COUNT - 1);
    claim.range.last = (uint16_t)MIN(number_at(text, "last"), ORR_SLOT_COUNT - 1);
    if (claim.range.first <= claim.range.last) {
        (void)orr_slotmap_overwrite(shadow->slots, &claim);
    }
}

/* Each {...} of a list, one after the other. */
static void
read_list(SimShadow *shadow, char *text, void (*read_one)(SimShadow *, const char *))
{
    char *end = strchr(text, ']');
    char *at = text;

    while ((at = strchr(at, '{')) != NULL && at < end) {
        char *close = strchr(at, '}');

        if (close == NULL) {
            return;
        }
        *close = '\0';
        read_one(shadow, at);
        at = close + 1;
    }
}

/* The page is cut into its parts, each ended by a NUL. */
static bool
read_page(SimHost *host, char *text)
{
    char *node = strstr(text, "\"node\": {");
    char *cluster = strstr(text, "\n \"cluster\": {");
    char *members = strstr(text, "\n \"members\": [");
    char *slots = strstr(text, "\n \"slots\": [");
    OrrSlotsRecord nobody = {ORR_ID_NONE, 0, {0, ORR_SLOT_COUNT - 1}};

    if (node == NULL || cluster == NULL || members == NULL || slots == NULL) {
        return false;
    }
    *cluster++ = *members++ = *slots++ = '\0';
    read_node(host, node);
    read_cluster(host, cluster);
    g_array_set_size(host->shadow->members, 0);
    read_list(host->shadow, members, read_member);
    if (host->slots_moved || !host->shadow->seen) {
        (void)orr_slotmap_overwrite(host->shadow->slots, &nobody);
        read_list(host->shadow, slots, read_claim);
    }
    host->shadow->seen = true;
    return true;
}

/* ---- asking */

static void
end_ask(SimAsk *ask)
{
    SimProcessState *process = &ask->watch.world->live->processes[ask->host];

    process->ask = process->ask == ask ? NULL : process->ask;
    sim_watch_end(&ask->watch);
}

static void
finish(SimAsk *ask)
{
    SimWorld *world = ask->watch.world;
    SimHost *host = &world->hosts[ask->host];
    SimProcessState *process = sim_live_process(host);
    bool again = process->ask_again;
    guint8 end = 0;

    g_byte_array_append(ask->answer, &end, 1);
    end_ask(ask);
    process->ask_again = false;
    process->ask_at = world->now_ns + ASK_EVERY_NS;
    if (host->shadow != NULL && read_page(host, (char *)ask->answer->data)) {
        sim_judge_on_change(world, host);
        sim_judge_on_keys(world, host);
    }
    if (again) {
        sim_live_ask(host);
    }
}

static void
on_ready(SimWatch *watch, uint32_t events)
{
    static const char request[] = "GET /cluster HTTP/1.1\r\nHost: node\r\n\r\n";
    SimAsk *ask = (SimAsk *)(void *)watch;
    char buffer[65536];
    ssize_t size;

    if (!ask->sent) {
        if ((events & (EPOLLERR | EPOLLHUP)) != 0 ||
            send(watch->fd, request, sizeof request - 1, MSG_NOSIGNAL) < 0) {
            end_ask(ask); /* it does not listen yet, or any more */
            return;
        }
        ask->sent = true;
        sim_watch_change(watch, EPOLLIN);
        return;
    }
    while ((size = recv(watch->fd, buffer, sizeof buffer, 0)) > 0) {
        g_byte_array_append(ask->answer, (guint8 *)buffer, (guint)size);
    }
    if (size == 0 && ask->answer->len < ANSWER_MAX) {
        finish(ask);
    } else if (size == 0 || (errno != EAGAIN && errno != EINTR)) {
        end_ask(ask);
    }
}

static void
release(SimWatch *watch)
{
    SimAsk *ask = (SimAsk *)(void *)watch;

    g_byte_array_unref(ask->answer);
    g_free(ask);
}

void
sim_live_ask(SimHost *host)
{
    SimWorld *world = host->world;
    SimProcessState *process = sim_live_process(host);
    SimAsk *ask;

    if (process->ask != NULL) {
        process->ask_again = true;
        return;
    }
    process->ask_at = world->now_ns + ASK_EVERY_NS;
    if (host->shadow == NULL || host->process != SIM_PROCESS_RUNNING) {
        return;
    }
    ask = g_new0(SimAsk, 1);
    ask->watch = (SimWatch){sim_live_dial(&process->address, process->metrics_port), on_ready,
                            release, world};
    ask->host = host->index;
    ask->answer = g_byte_array_new();
    ask->begun_ns = world->now_ns;
    if (ask->watch.fd < 0) {
        release(&ask->watch);
        return;
    }
    process->ask = ask;
    sim_watch_begin(&ask->watch, EPOLLOUT);
}

void
sim_live_drop_ask(SimHost *host)
{
    SimProcessState *process = sim_live_process(host);

    if (process->ask != NULL) {
        end_ask(process->ask);
    }
    process->ask_again = false;
}

void
sim_live_ask_due(SimWorld *world)
{
    for (uint32_t i = 0; i < world->host_count; i++) {
        SimProcessState *process = &world->live->processes[i];

        if (process->ask != NULL && world->now_ns - process->ask->begun_ns > ASK_TIMEOUT_NS) {
            sim_live_drop_ask(&world->hosts[i]);
        }
        if (process->ask == NULL && process->ask_at <= world->now_ns) {
            sim_live_ask(&world->hosts[i]);
        }
    }
}

OrrTime
sim_live_ask_next_ns(const SimWorld *world)
{
    OrrTime next = ORR_NEVER;

    for (uint32_t i = 0; i < world->host_count; i++) {
        const SimProcessState *process = &world->live->processes[i];

        if (process->ask == NULL) {
            next = MIN(next, process->ask_at);
        }
    }
    return next;
}
