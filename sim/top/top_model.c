/* From answers to nodes, and from changes to news. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "top.h"

#define WORDS_MAX 8 /* of a line of CLUSTER NODES before its slots */

Top *
top_new(const char *host, uint16_t port, const char *password)
{
    Top *top = g_new0(Top, 1);

    top->nodes = g_ptr_array_new_with_free_func(top_node_free);
    top->news = g_ptr_array_new_with_free_func(g_free);
    top->password = g_strdup(password);
    (void)top_add_node(top, host, port);
    return top;
}

void
top_free(Top *top)
{
    g_ptr_array_unref(top->nodes);
    g_ptr_array_unref(top->news);
    g_free(top->password);
    g_free(top);
}

TopNode *
top_add_node(Top *top, const char *host, uint16_t port)
{
    TopNode *node = g_new0(TopNode, 1);

    g_strlcpy(node->host, host, sizeof node->host);
    node->port = port;
    node->fd = -1;
    node->in = g_byte_array_new();
    g_ptr_array_add(top->nodes, node);
    return node;
}

void
top_node_free(gpointer data)
{
    TopNode *node = data;

    if (node->fd >= 0) {
        (void)close(node->fd);
    }
    for (unsigned i = 0; i < TOP_ANSWERS; i++) {
        g_free(node->text[i]);
    }
    g_byte_array_unref(node->in);
    g_free(node);
}

TopNode *
top_find(const Top *top, const char *id)
{
    for (guint i = 0; i < top->nodes->len; i++) {
        TopNode *node = g_ptr_array_index(top->nodes, i);

        if (node->id[0] != '\0' && strcmp(node->id, id) == 0) {
            return node;
        }
    }
    return NULL;
}

double
top_rate(const TopNode *node)
{
    gint64 took = node->at_us - node->before_us;

    if (node->before_us == 0 || took <= 0 || node->facts.commands < node->before.commands) {
        return 0; /* nothing to compare with, or it began anew */
    }
    return (double)(node->facts.commands - node->before.commands) * 1e6 / (double)took;
}

gint64
top_lag(const Top *top, const TopNode *node)
{
    const TopNode *primary = top_find(top, node->primary);

    if (primary == NULL || !primary->answered || !node->answered) {
        return -1;
    }
    return MAX((gint64)(primary->facts.offset - node->facts.offset), 0);
}

/* ---- INFO */

static const char *
field(const char *text, const char *name)
{
    size_t size = strlen(name);

    for (const char *at = strstr(text, name); at != NULL; at = strstr(at + 1, name)) {
        if ((at == text || at[-1] == '\n') && at[size] == ':') {
            return at + size + 1;
        }
    }
    return NULL;
}

static uint64_t
number(const char *text, const char *name)
{
    const char *value = field(text, name);

    return value != NULL ? g_ascii_strtoull(value, NULL, 10) : 0;
}

static bool
word_is(const char *text, const char *name, const char *word)
{
    const char *value = field(text, name);

    return value != NULL && strncmp(value, word, strlen(word)) == 0;
}

static void
read_facts(TopNode *node)
{
    const char *info = node->text[TOP_ANSWER_INFO];
    const char *cluster =
        node->text[TOP_ANSWER_CLUSTER_INFO] != NULL ? node->text[TOP_ANSWER_CLUSTER_INFO] : "";
    const char *keys = field(info, "db0");

    node->facts = (TopFacts){
        .commands = number(info, "total_commands_processed"),
        .memory = number(info, "used_memory"),
        .memory_max = number(info, "maxmemory"),
        .clients = number(info, "connected_clients"),
        .offset = number(info, "master_repl_offset"),
        .uptime_s = number(info, "uptime_in_seconds"),
        .replica = word_is(info, "role", "slave"),
        .link_up = word_is(info, "master_link_status", "up"),
        .loading =
            word_is(info, "loading", "1") || word_is(info, "master_sync_in_progress", "1"),
        .cluster_ok = word_is(cluster, "cluster_state", "ok"),
        .epoch = number(cluster, "cluster_current_epoch"),
    };
    if (field(info, "slave_repl_offset") != NULL) {
        node->facts.offset = number(info, "slave_repl_offset");
    }
    if (keys != NULL && strncmp(keys, "keys=", 5) == 0) {
        node->facts.keys = g_ascii_strtoull(keys + 5, NULL, 10);
    }
}

/* ---- news */

static void G_GNUC_PRINTF(2, 3) tell(Top *top, const char *format, ...)
{
    time_t now = time(NULL);
    struct tm parts;
    char stamp[16];
    va_list arguments;
    g_autofree char *text = NULL;

    if (top->samples == 0) {
        return; /* the first look is no news */
    }
    (void)localtime_r(&now, &parts);
    (void)strftime(stamp, sizeof stamp, "%H:%M:%S", &parts);
    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_ptr_array_add(top->news, g_strdup_printf("%s  %s", stamp, text));
    if (top->news->len > TOP_NEWS_MAX) {
        g_ptr_array_remove_index(top->news, 0);
    }
}

static void
name_of(const TopNode *node, char *text, size_t size)
{
    g_snprintf(text, (gulong)size, "%s:%u", node->host, node->port);
}

/* ---- CLUSTER NODES */

typedef struct Line {
    char *word[WORDS_MAX];
    char *slots; /* the rest */
} Line;

static bool
split_line(char *text, Line *line)
{
    for (unsigned i = 0; i < WORDS_MAX; i++) {
        line->word[i] = text;
        text += strcspn(text, " ");
        if (*text == '\0') {
            line->slots = text;
            return i + 1 == WORDS_MAX;
        }
        *text++ = '\0';
    }
    line->slots = text;
    return true;
}

static uint32_t
count_slots(const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    uint32_t count = 0;

    for (size_t i = 0; words[i] != NULL; i++) {
        char *end = NULL;
        uint64_t first = g_ascii_strtoull(words[i], &end, 10);

        if (end != words[i] && words[i][0] != '[') {
            uint64_t last = *end == '-' ? g_ascii_strtoull(end + 1, NULL, 10) : first;

            count += last >= first && last < 16384 ? (uint32_t)(last - first + 1) : 0;
        }
    }
    return count;
}

static const char *
state_of(const char *flags)
{
    static const char *const names[] = {"handshake", "noaddr", "fail?", "fail"};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strstr(flags, names[i]) != NULL) {
            return names[i];
        }
    }
    return "ok";
}

/* "10.0.0.1:7001@17001,name": without an ip (a node that is alone) the asked one's. */
static bool
parse_address(char *text, char **host, uint16_t *port)
{
    char *colon;

    text[strcspn(text, "@,")] = '\0';
    colon = strrchr(text, ':');
    if (colon == NULL) {
        return false;
    }
    *colon = '\0';
    *host = text[0] == '[' ? text + 1 : text;
    (*host)[strcspn(*host, "]")] = '\0';
    *port = (uint16_t)g_ascii_strtoull(colon + 1, NULL, 10);
    return *port != 0;
}

static TopNode *
node_of(Top *top, const char *id, const char *host, uint16_t port)
{
    TopNode *node = top_find(top, id);

    for (guint i = 0; node == NULL && i < top->nodes->len; i++) {
        TopNode *other = g_ptr_array_index(top->nodes, i);

        if (other->id[0] == '\0' && other->port == port) {
            node = other; /* the one that was named on the command line */
        }
    }
    if (node == NULL && top->nodes->len < TOP_NODES_MAX) {
        node = top_add_node(top, host, port);
        if (top->samples > 0) {
            tell(top, "%s:%u is new", host, port);
        }
    }
    return node;
}

static void
tell_changes(Top *top, const TopNode *node, const char *state, const char *primary,
             uint32_t slots, uint64_t epoch)
{
    char name[96];

    name_of(node, name, sizeof name);
    if (strcmp(node->state, state) != 0) {
        tell(top, "%s: %s → %s", name, node->state, state);
    }
    if (node->primary[0] != '\0' && primary[0] == '\0') {
        tell(top, "%s became primary, epoch %" G_GUINT64_FORMAT, name, epoch);
    } else if (node->primary[0] == '\0' && primary[0] != '\0') {
        tell(top, "%s became a replica of %.8s", name, primary);
    } else if (strcmp(node->primary, primary) != 0) {
        tell(top, "%s now follows %.8s", name, primary);
    }
    if (node->slots != slots) {
        tell(top, "%s: %u → %u slots", name, node->slots, slots);
    }
}

static void
take_line(Top *top, Line *line)
{
    const char *primary = line->word[3][0] == '-' ? "" : line->word[3];
    uint32_t slots = count_slots(line->slots);
    uint64_t epoch = g_ascii_strtoull(line->word[6], NULL, 10);
    const char *state = state_of(line->word[2]);
    TopNode *node;
    char *host;
    uint16_t port;

    if (!parse_address(line->word[1], &host, &port)) {
        return;
    }
    node = node_of(top, line->word[0], host, port);
    if (node == NULL) {
        return;
    }
    if (node->id[0] != '\0') {
        tell_changes(top, node, state, primary, slots, epoch);
    }
    g_strlcpy(node->id, line->word[0], sizeof node->id);
    if (host[0] != '\0') {
        g_strlcpy(node->host, host, sizeof node->host);
    }
    node->port = port;
    g_strlcpy(node->state, state, sizeof node->state);
    g_strlcpy(node->primary, primary, sizeof node->primary);
    node->shard_epoch = epoch;
    node->slots = slots;
    node->listed = true;
}

static void
take_map(Top *top, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (guint i = 0; i < top->nodes->len; i++) {
        ((TopNode *)g_ptr_array_index(top->nodes, i))->listed = false;
    }
    for (size_t i = 0; lines[i] != NULL; i++) {
        Line line;

        if (split_line(lines[i], &line)) {
            take_line(top, &line);
        }
    }
    for (guint i = top->nodes->len; i-- > 0;) {
        TopNode *node = g_ptr_array_index(top->nodes, i);
        char name[96];

        if (!node->listed && node->id[0] != '\0') {
            name_of(node, name, sizeof name);
            tell(top, "%s is forgotten", name);
            g_ptr_array_remove_index(top->nodes, i);
        }
    }
}

/* FNV-1a. */
static uint64_t
hash_text(const char *text, size_t size, uint64_t seed)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ seed;

    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ (uint8_t)text[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

/* Who owns what, in any order of lines: equal for nodes that agree. */
static uint64_t
hash_of_map(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    uint64_t sum = 0;

    for (size_t i = 0; lines[i] != NULL; i++) {
        Line line;

        if (split_line(lines[i], &line) && count_slots(line.slots) > 0) {
            sum += hash_text(line.word[0], strlen(line.word[0]),
                             hash_text(line.slots, strcspn(line.slots, "["), 0));
        }
    }
    return sum;
}

/* ---- all together */

/* Whose map is believed: of those who see the cluster well the one of the greatest epoch. */
static TopNode *
best_witness(Top *top)
{
    TopNode *best = NULL;

    for (guint i = 0; i < top->nodes->len; i++) {
        TopNode *node = g_ptr_array_index(top->nodes, i);

        if (!node->answered || node->text[TOP_ANSWER_CLUSTER_NODES] == NULL) {
            continue;
        }
        if (best == NULL || node->facts.cluster_ok > best->facts.cluster_ok ||
            (node->facts.cluster_ok == best->facts.cluster_ok &&
             node->facts.epoch > best->facts.epoch)) {
            best = node;
        }
    }
    return best;
}

static gint
compare_nodes(gconstpointer a, gconstpointer b)
{
    const TopNode *one = *(const TopNode *const *)a;
    const TopNode *other = *(const TopNode *const *)b;
    const char *shard = one->primary[0] != '\0' ? one->primary : one->id;
    const char *other_shard = other->primary[0] != '\0' ? other->primary : other->id;
    int order = strcmp(shard, other_shard);

    if (order == 0) {
        order = (one->primary[0] != '\0') - (other->primary[0] != '\0');
    }
    return order != 0 ? order : strcmp(one->id, other->id);
}

static void
count_views(Top *top)
{
    GHashTable *seen = g_hash_table_new(g_int64_hash, g_int64_equal);

    for (guint i = 0; i < top->nodes->len; i++) {
        TopNode *node = g_ptr_array_index(top->nodes, i);

        if (node->answered && node->text[TOP_ANSWER_CLUSTER_NODES] != NULL) {
            node->view = hash_of_map(node->text[TOP_ANSWER_CLUSTER_NODES]);
            (void)g_hash_table_add(seen, &node->view);
        }
    }
    top->views = g_hash_table_size(seen);
    g_hash_table_unref(seen);
}

static void
note_answers(Top *top)
{
    bool was_ok = top->cluster_ok;

    top->answered = 0;
    top->cluster_ok = false;
    for (guint i = 0; i < top->nodes->len; i++) {
        TopNode *node = g_ptr_array_index(top->nodes, i);

        if (node->answered) {
            read_facts(node);
            top->answered++;
            top->epoch = MAX(top->epoch, node->facts.epoch);
            top->cluster_ok = top->cluster_ok || node->facts.cluster_ok;
        }
    }
    if (was_ok != top->cluster_ok) {
        tell(top, "the cluster is %s", top->cluster_ok ? "ok" : "not ok in anybody's view");
    }
}

void
top_understand(Top *top)
{
    TopNode *witness;

    note_answers(top);
    count_views(top);
    witness = best_witness(top);
    if (witness != NULL) {
        g_autofree char *map = g_strdup(witness->text[TOP_ANSWER_CLUSTER_NODES]);

        take_map(top, map);
    }
    top->slots_served = 0;
    for (guint i = 0; i < top->nodes->len; i++) {
        const TopNode *node = g_ptr_array_index(top->nodes, i);

        top->slots_served += strcmp(node->state, "fail") == 0 ? 0 : node->slots;
    }
    g_ptr_array_sort(top->nodes, compare_nodes);
    top->samples += witness != NULL;
}
