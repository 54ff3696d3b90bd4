#include "box.h"

#include <stdio.h>

#define LATENCY (ORR_NS_PER_MS / 2)
#define WALL_START INT64_C(1700000000000)

typedef struct BoxFile {
    OrrFileKind kind;
    uint32_t generation;
    GByteArray *bytes;
    bool failed; /* as are all writes to it from then on */
} BoxFile;

typedef struct BoxEvent {
    OrrTime at_ns;
    size_t to;
    OrrNode *life; /* the life it is meant for, or NULL */
    OrrEvent event;
    uint8_t *bytes;
} BoxEvent;

static gint
by_time(gconstpointer a, gconstpointer b, gpointer context)
{
    const BoxEvent *x = a;
    const BoxEvent *y = b;

    (void)context;
    return x->at_ns <= y->at_ns ? -1 : 1; /* a new one goes after its equals */
}

static void
schedule(Box *box, OrrTime at_ns, size_t to, const OrrEvent *event, OrrBytes bytes)
{
    BoxEvent *entry = g_new0(BoxEvent, 1);

    entry->at_ns = at_ns;
    entry->to = to;
    entry->event = *event;
    entry->life = box->nodes[to].node;
    entry->bytes = g_memdup2(bytes.data, bytes.size);
    if (event->type == ORR_EVENT_RECEIVED) {
        entry->event.received.frame = orr_bytes(entry->bytes, bytes.size);
        entry->life = NULL;
    }
    g_queue_insert_sorted(box->events, entry, by_time, NULL);
}

static OrrId
box_id(const char *kind, size_t index)
{
    g_autofree char *name = g_strdup_printf("%s%zu", kind, index);
    OrrId id = orr_id_of_name(orr_bytes_of_string(name));

    id.bytes[0] = (uint8_t)index; /* ids in order of the nodes */
    return id;
}

Box *
box_new(size_t primaries, size_t replicas, const OrrSettings *settings)
{
    Box *box = g_new0(Box, 1);

    box->events = g_queue_new();
    box->held = g_queue_new();
    box->traces = g_string_new(NULL);
    box->reply = g_string_new(NULL);
    box->asked = g_string_new(NULL);
    box->effects = orr_effects_new();
    box->rng = orr_rng_new(1);
    box->count = primaries * (1 + replicas);
    g_assert(box->count <= BOX_NODES_MAX);
    for (size_t i = 0; i < box->count; i++) {
        BoxNode *node = &box->nodes[i];
        size_t shard = i % primaries;
        OrrSlotRange *range = g_new(OrrSlotRange, 1);
        OrrAddress *seed = g_new(OrrAddress, 1);

        node->address = orr_address_v4(10, 0, 0, (uint8_t)(i + 1), 7000, 17000);
        node->files = g_ptr_array_new();
        *seed = orr_address_v4(10, 0, 0, 1, 7000, 17000);
        range->first = (uint16_t)(ORR_SLOT_COUNT * shard / primaries);
        range->last = (uint16_t)(ORR_SLOT_COUNT * (shard + 1) / primaries - 1);
        node->config = (OrrNodeConfig){
            .settings = *settings,
            .id = box_id("node", i + 1),
            .cluster = box_id("cluster", 1),
            .shard = box_id("shard", shard + 1),
            .role = i < primaries ? ORR_ROLE_PRIMARY : ORR_ROLE_REPLICA,
            .address = node->address,
            .seeds = seed,
            .seed_count = 1,
            .slots = range,
            .slot_range_count = i < primaries ? 1 : 0,
            .seed = i + 100,
        };
    }
    return box;
}

static void
drop_files(BoxNode *node, bool keep_state)
{
    for (guint i = 0; i < node->files->len;) {
        BoxFile *file = g_ptr_array_index(node->files, i);

        if (keep_state && (file->kind == ORR_FILE_STATE || file->kind == ORR_FILE_CONFIG)) {
            i++;
            continue;
        }
        g_byte_array_unref(file->bytes);
        g_free(file);
        g_ptr_array_remove_index(node->files, i);
    }
}

void
box_wipe(Box *box, size_t index, bool keep_state)
{
    drop_files(&box->nodes[index], keep_state);
}

void
box_drop_file(Box *box, size_t index, OrrFileKind kind)
{
    GPtrArray *files = box->nodes[index].files;

    for (guint i = files->len; i-- > 0;) {
        BoxFile *file = g_ptr_array_index(files, i);

        if (file->kind == kind) {
            g_byte_array_unref(file->bytes);
            g_free(file);
            g_ptr_array_remove_index(files, i);
        }
    }
}

static void
free_event(gpointer data)
{
    BoxEvent *event = data;

    g_free(event->bytes);
    g_free(event);
}

void
box_free(Box *box)
{
    for (size_t i = 0; i < box->count; i++) {
        orr_node_free(box->nodes[i].node);
        drop_files(&box->nodes[i], false);
        g_ptr_array_unref(box->nodes[i].files);
        g_free((void *)(uintptr_t)box->nodes[i].config.slots);
        g_free((void *)(uintptr_t)box->nodes[i].config.seeds);
    }
    g_queue_free_full(box->events, free_event);
    g_queue_free_full(box->held, free_event);
    g_string_free(box->traces, true);
    g_string_free(box->reply, true);
    g_string_free(box->asked, true);
    orr_effects_free(box->effects);
    g_free(box);
}

/* Effects */

static BoxFile *
find_file(BoxNode *node, OrrFileKind kind, uint32_t generation, bool make)
{
    BoxFile *file;

    for (guint i = 0; i < node->files->len; i++) {
        file = g_ptr_array_index(node->files, i);
        if (file->kind == kind && file->generation == generation) {
            return file;
        }
    }
    if (!make) {
        return NULL;
    }
    file = g_new0(BoxFile, 1);
    file->kind = kind;
    file->generation = generation;
    file->bytes = g_byte_array_new();
    g_ptr_array_add(node->files, file);
    return file;
}

static void
perform_store(Box *box, size_t index, const OrrEffect *effect)
{
    BoxNode *node = &box->nodes[index];
    BoxFile *file = find_file(node, effect->store.kind, effect->store.generation,
                              effect->store.action == ORR_STORE_APPEND);
    OrrEvent stored = {.type = ORR_EVENT_STORED};
    bool fails = node->disk_fails || (file != NULL && file->failed);

    if (effect->store.action == ORR_STORE_APPEND) {
        file->failed = fails;
    }
    if (effect->store.action == ORR_STORE_REMOVE && file != NULL) {
        g_ptr_array_remove(node->files, file);
        g_byte_array_unref(file->bytes);
        g_free(file);
    } else if (effect->store.action == ORR_STORE_APPEND && !fails) {
        g_byte_array_append(file->bytes, effect->store.bytes.data,
                            (guint)effect->store.bytes.size);
    }
    if (effect->store.op != 0 && !node->disk_stalls) {
        stored.stored.op = effect->store.op;
        stored.stored.status = fails ? ORR_IO : ORR_OK;
        schedule(box, box->now_ns + ORR_NS_PER_MS + node->disk_ns, index, &stored,
                 ORR_BYTES_EMPTY);
    }
}

static int
find_address(const Box *box, const OrrAddress *address)
{
    for (size_t i = 0; i < box->count; i++) {
        if (orr_address_compare(&box->nodes[i].address, address) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static void
perform_send(Box *box, size_t index, const OrrEffect *effect)
{
    int to = find_address(box, &effect->send.to);
    OrrEvent event = {.type = ORR_EVENT_RECEIVED};
    OrrTime jitter = 0;

    box->frames++;
    if (to < 0 || box->cut[index][to] || box->nodes[to].silent || box->nodes[index].silent ||
        box->nodes[to].deaf) {
        return;
    }
    if (box->nodes[to].node == NULL) {
        if (box->nodes[to].refuses) {
            event.type = ORR_EVENT_LINK;
            event.link.state = ORR_LINK_REFUSED;
            event.link.peer = effect->send.to;
            schedule(box, box->now_ns + 2 * LATENCY, index, &event, ORR_BYTES_EMPTY);
        }
        return;
    }
    if (effect->send.lane == ORR_LANE_CONTROL && orr_rng_chance_ppm(&box->rng, box->loss_ppm)) {
        return;
    }
    if (effect->send.lane == ORR_LANE_CONTROL) {
        jitter = orr_rng_between(&box->rng, 0, box->jitter_ns);
    }
    event.received.from = box->nodes[index].address;
    event.received.lane = effect->send.lane;
    schedule(box, box->now_ns + LATENCY + jitter, (size_t)to, &event, effect->send.frame);
}

static void
name_node(const OrrId *id, char *text, size_t size, void *context)
{
    (void)context;
    g_snprintf(text, size, "%u", id->bytes[0]);
}

static void
perform(Box *box, size_t index)
{
    char line[512];

    for (size_t i = 0; i < orr_effects_count(box->effects); i++) {
        OrrEffect effect = orr_effects_get(box->effects, i);

        switch (effect.type) {
        case ORR_EFFECT_SEND:
            perform_send(box, index, &effect);
            break;
        case ORR_EFFECT_STORE:
            perform_store(box, index, &effect);
            break;
        case ORR_EFFECT_REPLY:
            g_string_append_len(box->reply, (const char *)effect.reply.bytes.data,
                                (gssize)effect.reply.bytes.size);
            box->more = effect.reply.more ? effect.reply.client : 0;
            break;
        case ORR_EFFECT_ASK:
            g_string_append_len(box->asked, (const char *)effect.ask.words.data,
                                (gssize)effect.ask.words.size);
            break;
        case ORR_EFFECT_TRACE:
            orr_trace_format(&effect.trace, name_node, NULL, line, sizeof line);
            g_string_append_printf(box->traces, "%8.3f %s\n", (double)box->now_ns / 1e9, line);
            break;
        case ORR_EFFECT_HOST:
            g_string_append_printf(box->traces, "%8.3f host %d %" G_GUINT64_FORMAT "\n",
                                   (double)box->now_ns / 1e9, (int)effect.host.wish,
                                   effect.host.value);
            break;
        }
    }
}

#define MILLION INT64_C(1000000)

OrrNow
box_now(const Box *box, size_t index)
{
    const BoxNode *node = &box->nodes[index];
    OrrTime mono = box->now_ns + box->now_ns / MILLION * node->rate_ppm;

    return (OrrNow){mono, WALL_START + box->now_ns / ORR_NS_PER_MS + node->wall_ms};
}

/* When the clock of the box has that of a node at `mono` or just past it. */
static OrrTime
real_time(const BoxNode *node, OrrTime mono)
{
    if (node->rate_ppm == 0 || mono == ORR_NEVER) {
        return mono;
    }
    return mono / (MILLION + node->rate_ppm) * MILLION + 2 * MILLION;
}

static uint64_t
mix(uint64_t digest, const void *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        digest = (digest ^ ((const uint8_t *)data)[i]) * UINT64_C(0x100000001b3);
    }
    return digest;
}

static void
digest_effects(Box *box)
{
    uint64_t digest = box->effects_digest;

    for (size_t i = 0; i < orr_effects_count(box->effects); i++) {
        OrrEffect effect = orr_effects_get(box->effects, i);

        digest = mix(digest, &effect.type, sizeof effect.type);
        switch (effect.type) {
        case ORR_EFFECT_SEND:
            digest = mix(digest, &effect.send.to.ip, sizeof effect.send.to.ip);
            digest = mix(digest, effect.send.frame.data, effect.send.frame.size);
            break;
        case ORR_EFFECT_STORE:
            digest = mix(digest, &effect.store.op, sizeof effect.store.op);
            digest = mix(digest, effect.store.bytes.data, effect.store.bytes.size);
            break;
        case ORR_EFFECT_REPLY:
            digest = mix(digest, effect.reply.bytes.data, effect.reply.bytes.size);
            break;
        case ORR_EFFECT_ASK:
            digest = mix(digest, effect.ask.words.data, effect.ask.words.size);
            break;
        case ORR_EFFECT_TRACE:
            digest = mix(digest, &effect.trace.kind, sizeof effect.trace.kind);
            digest = mix(digest, &effect.trace.other, sizeof effect.trace.other);
            break;
        case ORR_EFFECT_HOST:
            digest = mix(digest, &effect.host.value, sizeof effect.host.value);
            break;
        }
    }
    box->effects_digest = digest;
}

static OrrStatus
step(Box *box, size_t index, const OrrEvent *event)
{
    OrrStatus status;

    orr_effects_clear(box->effects);
    box->in_step = true;
    status = orr_node_step(box->nodes[index].node, box_now(box, index), event, box->effects);
    box->in_step = false;
    box->steps++;
    digest_effects(box);
    perform(box, index);
    return status;
}

OrrStatus
box_event(Box *box, size_t index, const OrrEvent *event)
{
    return step(box, index, event);
}

void
box_boot(Box *box, size_t index)
{
    BoxNode *node = &box->nodes[index];
    g_autofree OrrFile *files = g_new0(OrrFile, node->files->len + 1);
    OrrEvent event = {.type = ORR_EVENT_BOOT};

    for (guint i = 0; i < node->files->len; i++) {
        const BoxFile *file = g_ptr_array_index(node->files, i);

        files[i] = (OrrFile){file->kind, file->generation,
                             orr_bytes(file->bytes->data, file->bytes->len)};
    }
    node->config.seed++;
    node->node = orr_node_new(&node->config);
    event.boot.files = files;
    event.boot.file_count = node->files->len;
    g_assert(step(box, index, &event) == ORR_OK);
}

void
box_boot_all(Box *box)
{
    for (size_t i = 0; i < box->count; i++) {
        box_boot(box, i);
    }
}

void
box_kill(Box *box, size_t index)
{
    OrrEvent event = {.type = ORR_EVENT_LINK};

    orr_node_free(box->nodes[index].node);
    box->nodes[index].node = NULL;
    box->nodes[index].refuses = true;
    event.link.state = ORR_LINK_DOWN;
    event.link.peer = box->nodes[index].address;
    for (size_t i = 0; i < box->count; i++) {
        if (box->nodes[i].node != NULL && !box->cut[i][index]) {
            schedule(box, box->now_ns + LATENCY, i, &event, ORR_BYTES_EMPTY);
        }
    }
}

static int
next_deadline(Box *box, OrrTime *at_ns)
{
    int best = -1;

    *at_ns = ORR_NEVER;
    for (size_t i = 0; i < box->count; i++) {
        OrrTime deadline;

        if (box->nodes[i].node == NULL || box->nodes[i].paused) {
            continue;
        }
        deadline = real_time(&box->nodes[i], orr_node_deadline(box->nodes[i].node));
        if (deadline < *at_ns) {
            *at_ns = deadline;
            best = (int)i;
        }
    }
    return best;
}

/* A node that asks to be stepped again and again keeps its host busy for nothing. */
static void
check_progress(Box *box, size_t index, OrrTime stepped_for)
{
    BoxNode *node = &box->nodes[index];
    OrrTime next = real_time(node, orr_node_deadline(node->node));

    node->idle_steps = next <= MAX(stepped_for, box->now_ns) ? node->idle_steps + 1 : 0;
    if (node->idle_steps > 1) {
        g_printerr("%s", box->traces->str);
        g_error("node %zu spins at %.6f s", index + 1, (double)box->now_ns / 1e9);
    }
}

void
box_run(Box *box, OrrTime duration_ns)
{
    OrrTime end = box->now_ns + duration_ns;
    const OrrEvent time = {.type = ORR_EVENT_TIME};

    for (;;) {
        BoxEvent *head = g_queue_peek_head(box->events);
        OrrTime deadline;
        int due = next_deadline(box, &deadline);

        if (head != NULL && head->at_ns <= MIN(deadline, end)) {
            g_queue_pop_head(box->events);
            box->now_ns = MAX(box->now_ns, head->at_ns);
            if (box->nodes[head->to].paused) {
                g_queue_push_tail(box->held, head);
                continue;
            }
            if (box->nodes[head->to].node != NULL &&
                (head->life == NULL || head->life == box->nodes[head->to].node)) {
                (void)step(box, head->to, &head->event);
            }
            free_event(head);
        } else if (due >= 0 && deadline <= end) {
            box->now_ns = MAX(box->now_ns, deadline);
            (void)step(box, (size_t)due, &time);
            check_progress(box, (size_t)due, deadline);
        } else {
            break;
        }
    }
    box->now_ns = end;
}

void
box_cut(Box *box, size_t from, size_t to, bool both)
{
    box->cut[from][to] = 1;
    if (both) {
        box->cut[to][from] = 1;
    }
}

void
box_heal(Box *box)
{
    memset(box->cut, 0, sizeof box->cut);
}

/* What came meanwhile is told first, all at once: a host does not know that it slept. */
void
box_resume(Box *box, size_t index)
{
    box->nodes[index].paused = false;
    for (guint left = g_queue_get_length(box->held); left > 0; left--) {
        BoxEvent *event = g_queue_pop_head(box->held);

        if (event->to != index) {
            g_queue_push_tail(box->held, event);
            continue;
        }
        if (box->nodes[index].node != NULL &&
            (event->life == NULL || event->life == box->nodes[index].node)) {
            (void)step(box, index, &event->event);
        }
        free_event(event);
    }
}

OrrNodeView
box_view(Box *box, size_t index)
{
    OrrNodeView view;

    orr_node_view(box->nodes[index].node, box_now(box, index).mono_ns, &view);
    return view;
}

int
box_owner(Box *box, uint16_t slot)
{
    int owner = -1;
    uint64_t version;

    for (size_t i = 0; i < box->count; i++) {
        if (box->nodes[i].node != NULL &&
            orr_node_serves_slot(box->nodes[i].node, box_now(box, i).mono_ns, slot, &version)) {
            owner = owner == -1 ? (int)i : -2;
        }
    }
    return owner;
}

const char *
box_command(Box *box, size_t index, const char *line)
{
    OrrEvent event = {.type = ORR_EVENT_LINK};
    g_autofree char *text = g_strdup_printf("%s\r\n", line);
    uint64_t client = ++box->next_client;

    g_string_truncate(box->reply, 0);
    event.link.state = ORR_LINK_CLIENT_UP;
    event.link.client = client;
    g_assert(step(box, index, &event) == ORR_OK);
    event.type = ORR_EVENT_REQUEST;
    event.request.client = client;
    event.request.bytes = orr_bytes_of_string(text);
    g_assert(step(box, index, &event) == ORR_OK);
    return box->reply->str;
}

static bool
line_has(const char *line, const char *words)
{
    g_auto(GStrv) list = g_strsplit(words, " ", -1);

    for (size_t i = 0; list[i] != NULL; i++) {
        line = strstr(line, list[i]);
        if (line == NULL) {
            return false;
        }
        line += strlen(list[i]);
    }
    return true;
}

size_t
box_trace_count(const Box *box, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(box->traces->str, "\n", -1);
    size_t count = 0;

    for (size_t i = 0; lines[i] != NULL; i++) {
        count += line_has(lines[i], text);
    }
    return count;
}

bool
box_traced(const Box *box, const char *text)
{
    return box_trace_count(box, text) > 0;
}
