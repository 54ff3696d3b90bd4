/* hiredis against a running cluster; see README.md here. The library knows connections and
 * replies, not clusters: this program follows MOVED and ASK itself, as its users do.
 *   hiredis NAME PORT... */
#include <glib.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PORTS_MAX 16
#define BATCH 8
#define LARGE (1u << 20)
#define PATIENCE_US (20 * G_USEC_PER_SEC)

typedef struct Node {
    int port;
    redisContext *link;
} Node;

typedef struct Acked {
    char *value;
    double at;
} Acked;

static Node nodes[PORTS_MAX];
static int node_count;
static int current; /* where the last command was answered */
static const char *name;
static GHashTable *acked;

static void
hold(const char *what, bool holds)
{
    printf(holds ? "ok %s\n" : "FAIL %s\n", what);
}

/* Routing */

static void
hang_up(Node *node)
{
    redisFree(node->link);
    node->link = NULL;
}

static redisContext *
link_of(Node *node)
{
    struct timeval timeout = {5, 0};

    if (node->link == NULL) {
        node->link = redisConnectWithTimeout("127.0.0.1", node->port, timeout);
        (void)redisSetTimeout(node->link, timeout);
    }
    return node->link;
}

static int
node_of_redirection(const char *text)
{
    int port = atoi(strrchr(text, ':') + 1);

    for (int i = 0; i < node_count; i++) {
        if (nodes[i].port == port) {
            return i;
        }
    }
    printf("FAIL told to go to port %d\n", port);
    exit(1);
}

/* What went wrong, said; the next node may know better. */
static void
trouble(Node *node, const char *why)
{
    printf("error %s\n", why);
    if (node->link != NULL && node->link->err != 0) {
        hang_up(node);
    }
    current = (current + 1) % node_count;
    g_usleep(20000);
}

/* One command, wherever it has to go; never NULL. The reply is the caller's. */
static redisReply *
run(int count, const char **words, const size_t *sizes)
{
    gint64 until = g_get_monotonic_time() + PATIENCE_US;
    bool asking = false;

    while (g_get_monotonic_time() < until) {
        Node *node = &nodes[current];
        redisContext *link = link_of(node);
        redisReply *reply;

        if (asking) {
            freeReplyObject(redisCommand(link, "ASKING"));
        }
        reply = link->err != 0 ? NULL : redisCommandArgv(link, count, words, sizes);
        asking = false;
        if (reply == NULL) {
            trouble(node, link->errstr);
        } else if (reply->type != REDIS_REPLY_ERROR) {
            return reply;
        } else if (g_str_has_prefix(reply->str, "MOVED ") ||
                   g_str_has_prefix(reply->str, "ASK ")) {
            asking = reply->str[0] == 'A';
            current = node_of_redirection(reply->str);
            freeReplyObject(reply);
        } else if (g_str_has_prefix(reply->str, "TRYAGAIN")) {
            freeReplyObject(reply);
            g_usleep(5000);
        } else if (g_str_has_prefix(reply->str, "CLUSTERDOWN")) {
            trouble(node, reply->str);
            freeReplyObject(reply);
        } else {
            return reply;
        }
    }
    printf("FAIL 20 s without an answer\n");
    exit(1);
}

/* The same, its words in text, up to NULL. */
static redisReply *G_GNUC_NULL_TERMINATED
ask(const char *first, ...)
{
    const char *words[64] = {first};
    int count = 1;
    va_list list;

    va_start(list, first);
    while ((words[count] = va_arg(list, const char *)) != NULL) {
        count++;
    }
    va_end(list);
    return run(count, words, NULL);
}

static bool
is_text(redisReply *reply, const char *text)
{
    bool same = (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS) &&
                strcmp(reply->str, text) == 0;

    freeReplyObject(reply);
    return same;
}

static bool
is_number(redisReply *reply, long long low, long long high)
{
    bool same =
        reply->type == REDIS_REPLY_INTEGER && reply->integer >= low && reply->integer <= high;

    freeReplyObject(reply);
    return same;
}

static bool
is_error(redisReply *reply, const char *code)
{
    bool same = reply->type == REDIS_REPLY_ERROR && g_str_has_prefix(reply->str, code);

    freeReplyObject(reply);
    return same;
}

static bool
is_nil(redisReply *reply)
{
    bool same = reply->type == REDIS_REPLY_NIL;

    freeReplyObject(reply);
    return same;
}

/* Keys are `NAME:WHAT`. */
static const char *
key_of(const char *what)
{
    static char text[4][256];
    static int next;

    next = (next + 1) % 4;
    g_snprintf(text[next], sizeof text[next], "%s:%s", name, what);
    return text[next];
}

/* Parts */

static void
try_values(void)
{
    g_autofree char *key = g_strdup(key_of("string"));

    hold("set, get", is_text(ask("SET", key, "value", NULL), "OK") &&
                         is_text(ask("GET", key, NULL), "value"));
    hold("set nx, xx, get", is_nil(ask("SET", key, "x", "NX", NULL)) &&
                                is_text(ask("SET", key, "y", "XX", "GET", NULL), "value"));
    hold("incr", is_number(ask("INCRBY", key_of("n"), "41", NULL), 41, 41) &&
                     is_number(ask("INCR", key_of("n"), NULL), 42, 42));
    hold("expire, ttl, persist", is_number(ask("EXPIRE", key, "100", NULL), 1, 1) &&
                                     is_number(ask("TTL", key, NULL), 99, 100) &&
                                     is_number(ask("PERSIST", key, NULL), 1, 1) &&
                                     is_number(ask("TTL", key, NULL), -1, -1));
    freeReplyObject(ask("SET", key_of("soon"), "x", "PX", "60", NULL));
    g_usleep(100000);
    hold("a key expires", is_nil(ask("GET", key_of("soon"), NULL)));
    hold("hash", is_number(ask("HSET", key_of("hash"), "a", "1", "b", "two", NULL), 2, 2) &&
                     is_text(ask("HGET", key_of("hash"), "b", NULL), "two") &&
                     is_number(ask("HINCRBY", key_of("hash"), "a", "4", NULL), 5, 5) &&
                     is_number(ask("HLEN", key_of("hash"), NULL), 2, 2));
    hold("WRONGTYPE", is_error(ask("HGET", key, "f", NULL), "WRONGTYPE "));
    hold("CROSSSLOT", is_error(ask("MGET", "a", "b", NULL), "CROSSSLOT "));
    hold("unknown command", is_error(ask("NONSENSE", "a", NULL), "ERR unknown command"));
}

static void
try_bytes(void)
{
    g_autofree char *large = g_malloc(LARGE);
    const char *words[] = {"SET", large, large};
    size_t sizes[] = {3, 300, LARGE};
    redisReply *reply;

    for (unsigned i = 0; i < LARGE; i++) {
        large[i] = (char)i;
    }
    hold("a binary key, a value of 1 MB", is_text(run(3, words, sizes), "OK"));
    words[0] = "GET";
    reply = run(2, words, sizes);
    hold("read back", reply->type == REDIS_REPLY_STRING && (size_t)reply->len == LARGE &&
                          memcmp(reply->str, large, LARGE) == 0);
    freeReplyObject(reply);
    words[0] = "DEL";
    hold("and deleted", is_number(run(2, words, sizes), 1, 1));
}

static void
try_transaction(void)
{
    g_autofree char *key = g_strdup_printf("{%s}t", name);
    redisContext *link;
    redisReply *reply = NULL;

    freeReplyObject(ask("SET", key, "1", NULL)); /* now `current` is the owner */
    link = nodes[current].link;
    redisAppendCommand(link, "MULTI");
    redisAppendCommand(link, "INCR %s", key);
    redisAppendCommand(link, "GET %s", key);
    redisAppendCommand(link, "EXEC");
    for (int i = 0; i < 4; i++) {
        freeReplyObject(reply);
        (void)redisGetReply(link, (void **)&reply);
    }
    hold("multi, exec", reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
                            reply->element[0]->integer == 2 &&
                            strcmp(reply->element[1]->str, "2") == 0);
    freeReplyObject(reply);
    freeReplyObject(redisCommand(link, "WATCH %s", key));
    freeReplyObject(ask("SET", key, "9", NULL));
    freeReplyObject(redisCommand(link, "MULTI"));
    freeReplyObject(redisCommand(link, "INCR %s", key));
    freeReplyObject(redisCommand(link, "DISCARD"));
    hold("discard", is_text(ask("GET", key, NULL), "9"));
}

static void
try_subscription(void)
{
    redisContext *link = redisConnect("127.0.0.1", nodes[0].port);
    redisReply *reply = NULL;

    freeReplyObject(redisCommand(link, "SUBSCRIBE %s", key_of("news")));
    current = node_count - 1;
    hold("publish", is_number(ask("PUBLISH", key_of("news"), "hello", NULL), 0, 1));
    hold("heard at another node", redisGetReply(link, (void **)&reply) == REDIS_OK &&
                                      reply->elements == 3 &&
                                      strcmp(reply->element[2]->str, "hello") == 0);
    freeReplyObject(reply);
    redisFree(link);
}

static size_t
scan_node(redisContext *link)
{
    char cursor[32] = "0";
    size_t found = 0;

    do {
        redisReply *reply =
            redisCommand(link, "SCAN %s MATCH %s COUNT 20", cursor, key_of("scan:*"));

        g_strlcpy(cursor, reply->element[0]->str, sizeof cursor);
        found += reply->element[1]->elements;
        freeReplyObject(reply);
    } while (strcmp(cursor, "0") != 0);
    return found;
}

static void
try_scan(void)
{
    size_t found = 0;

    for (int i = 0; i < 200; i++) {
        g_autofree char *key = g_strdup_printf("%s:scan:%d", name, i);

        freeReplyObject(ask("SET", key, "x", NULL));
    }
    for (int i = 0; i < node_count; i++) {
        redisReply *reply = redisCommand(link_of(&nodes[i]), "ROLE");

        if (strcmp(reply->element[0]->str, "master") == 0) {
            found += scan_node(nodes[i].link);
        }
        freeReplyObject(reply);
    }
    hold("scan over all nodes", found == 200);
}

/* The verifying load: sets what nobody else sets, reads it back, and remembers when it was
 * acknowledged. */

static void
done(const char *key, const char *value)
{
    Acked *entry = g_new(Acked, 1);

    *entry = (Acked){g_strdup(value), (double)g_get_real_time() / G_USEC_PER_SEC};
    g_hash_table_replace(acked, g_strdup(key), entry);
}

static void
expect(redisReply *reply, const char *wanted, const char *key)
{
    bool number = reply->type == REDIS_REPLY_INTEGER;

    if (reply->type == REDIS_REPLY_ERROR) {
        printf("error %s\n", reply->str);
    } else if (!number && (reply->str == NULL || strcmp(reply->str, wanted) != 0)) {
        printf("FAIL %s: read %s, not %s\n", key, reply->str == NULL ? "nothing" : reply->str,
               wanted);
    }
    freeReplyObject(reply);
}

static void
set(const char *key, const char *value)
{
    expect(ask("SET", key, value, "EX", "10000", NULL), "OK", key);
    done(key, value);
}

/* Keys of one slot, so that a pipeline has one way; what it is told is done one by one. */
static void
pipeline(int step, const char *value)
{
    char keys[BATCH][128];
    redisContext *link;

    for (int i = 0; i < BATCH; i++) {
        g_snprintf(keys[i], sizeof keys[i], "{%s:p:%d}%d", name, step, i);
    }
    set(keys[0], value);
    link = nodes[current].link;
    for (int i = 0; i < BATCH; i++) {
        redisAppendCommand(link, "SET %s %s", keys[i], value);
    }
    for (int i = 0; i < BATCH; i++) {
        redisReply *reply = NULL;

        if (link->err == 0 && redisGetReply(link, (void **)&reply) == REDIS_OK &&
            reply->type == REDIS_REPLY_STATUS) {
            done(keys[i], value);
        }
        freeReplyObject(reply);
    }
    for (int i = 0; i < BATCH; i++) {
        if (g_hash_table_lookup(acked, keys[i]) == NULL) {
            set(keys[i], value);
        }
    }
}

static void
step(int i)
{
    char value[32];
    char key[128];
    char hash[128];
    char first[128];
    char second[128];

    g_snprintf(value, sizeof value, "v%d", i);
    g_snprintf(key, sizeof key, "%s:%d", name, i);
    g_snprintf(hash, sizeof hash, "%s:h:%d", name, i);
    g_snprintf(first, sizeof first, "{%s:%d}a", name, i);
    g_snprintf(second, sizeof second, "{%s:%d}b", name, i);
    set(key, value);
    expect(ask("HSET", hash, "f", value, NULL), "", hash);
    done(hash, value);
    expect(ask("GET", key, NULL), value, key);
    expect(ask("HGET", hash, "f", NULL), value, hash);
    expect(ask("MSET", first, value, second, value, NULL), "OK", first);
    done(first, value);
    done(second, value);
    pipeline(i, value);
}

static void
load(void)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};

    for (int i = 0; poll(&input, 1, 20) == 0; i++) {
        step(i);
        (void)fflush(stdout);
    }
}

static void
verify(void)
{
    GHashTableIter each;
    gpointer key;
    gpointer value;

    g_hash_table_iter_init(&each, acked);
    while (g_hash_table_iter_next(&each, &key, &value)) {
        const Acked *entry = value;
        bool hash = strstr(key, ":h:") != NULL;

        if (!is_text(hash ? ask("HGET", key, "f", NULL) : ask("GET", key, NULL),
                     entry->value)) {
            printf("lost %.3f %s\n", entry->at, (const char *)key);
        }
    }
    printf("held %u\n", g_hash_table_size(acked));
}

static void
free_acked(gpointer data)
{
    Acked *entry = data;

    g_free(entry->value);
    g_free(entry);
}

int
main(int argc, char **argv)
{
    name = argv[1];
    for (int i = 2; i < argc && node_count < PORTS_MAX; i++) {
        nodes[node_count++].port = atoi(argv[i]);
    }
    acked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_acked);
    try_values();
    try_bytes();
    try_transaction();
    try_subscription();
    try_scan();
    printf("ready hiredis %d.%d.%d\n", HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
    (void)fflush(stdout);
    load();
    verify();
    for (int i = 0; i < node_count; i++) {
        redisFree(nodes[i].link);
    }
    g_hash_table_unref(acked);
    return 0;
}
