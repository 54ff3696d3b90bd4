#include "options_key.h"

#include <arpa/inet.h>
#include <stdlib.h>

#define PORT_MAX 65535u
#define BUS_PORT_SHIFT 10000u

static bool
read_number(const char *word, guint64 max, guint64 *number)
{
    return g_ascii_string_to_unsigned(word, 10, 0, max, number, NULL);
}

static bool
read_ip(const char *word, OrrAddress *address)
{
    uint8_t v4[4];

    if (strcmp(word, "localhost") == 0) {
        word = "127.0.0.1";
    }
    if (inet_pton(AF_INET, word, v4) == 1) {
        OrrAddress mapped = orr_address_v4(v4[0], v4[1], v4[2], v4[3], 0, 0);

        memcpy(address->ip, mapped.ip, sizeof address->ip);
        return true;
    }
    return inet_pton(AF_INET6, word, address->ip) == 1;
}

static char *
take_port(LiveDraft *draft, const char *word)
{
    guint64 port;

    if (!read_number(word, PORT_MAX, &port) || port == 0) {
        return g_strdup("is not a port, 1 to 65535");
    }
    draft->options->bind.port = (uint16_t)port;
    return NULL;
}

static char *
take_bus_port(LiveDraft *draft, const char *word)
{
    guint64 port;

    if (!read_number(word, PORT_MAX, &port) || port == 0) {
        return g_strdup("is not a port, 1 to 65535");
    }
    draft->bus_port = (unsigned)port;
    return NULL;
}

static char *
take_bind(LiveDraft *draft, const char *word)
{
    return read_ip(word, &draft->options->bind) ? NULL : g_strdup("is not an IP address");
}

static char *
take_announce_ip(LiveDraft *draft, const char *word)
{
    draft->announced = true;
    return read_ip(word, &draft->announce) ? NULL : g_strdup("is not an IP address");
}

static char *
take_directory(LiveDraft *draft, const char *word)
{
    g_free(draft->options->directory);
    draft->options->directory = g_strdup(word);
    return NULL;
}

/* ip:port, ip:port@busport, [ipv6]:port */
static char *
take_seed(LiveDraft *draft, const char *word)
{
    LiveOptions *options = draft->options;
    g_autofree char *copy = g_strdup(word);
    char *at = strchr(copy, '@');
    char *colon;
    char *ip = copy;
    guint64 port;
    guint64 bus_port = 0;
    OrrAddress address = {.ip = {0}};

    if (at != NULL) {
        *at = '\0';
        if (!read_number(at + 1, PORT_MAX, &bus_port)) {
            return g_strdup("has no bus port after the @");
        }
    }
    colon = strrchr(copy, ':');
    if (colon == NULL || !read_number(colon + 1, PORT_MAX, &port) || port == 0) {
        return g_strdup("is not written as 10.0.0.1:7001");
    }
    *colon = '\0';
    if (ip[0] == '[' && colon[-1] == ']') {
        colon[-1] = '\0';
        ip++;
    }
    bus_port = bus_port == 0 ? port + BUS_PORT_SHIFT : bus_port;
    if (!read_ip(ip, &address) || bus_port > PORT_MAX) {
        return g_strdup("is not an IP address with a port; 10.0.0.1:7001@17001 names the bus "
                        "port, otherwise the port and 10000");
    }
    if (options->node.seed_count == LIVE_SEEDS_MAX) {
        return g_strdup("is one seed too many");
    }
    address.port = (uint16_t)port;
    address.bus_port = (uint16_t)bus_port;
    options->seeds[options->node.seed_count++] = address;
    return NULL;
}

static char *
take_slots(LiveDraft *draft, const char *word)
{
    LiveOptions *options = draft->options;
    g_auto(GStrv) ends = g_strsplit(word, "-", 2);
    guint64 first;
    guint64 last;

    if (ends[0] == NULL || !read_number(ends[0], 16383, &first) ||
        !read_number(ends[1] == NULL ? ends[0] : ends[1], 16383, &last) || first > last) {
        return g_strdup("is not a range of slots such as 0-5460, within 0 to 16383");
    }
    if (options->node.slot_range_count == LIVE_SLOT_RANGES_MAX) {
        return g_strdup("is one range too many");
    }
    options->slots[options->node.slot_range_count++] =
        (OrrSlotRange){(uint16_t)first, (uint16_t)last};
    return NULL;
}

/* 40 hex digits are an id; any other word names one. */
static OrrId
id_of(const char *word)
{
    OrrBytes text = orr_bytes_of_string(word);
    OrrId id;

    return orr_id_parse(text, &id) == ORR_OK ? id : orr_id_of_name(text);
}

static char *
take_node_id(LiveDraft *draft, const char *word)
{
    draft->options->node.id = id_of(word);
    return NULL;
}

static char *
take_cluster(LiveDraft *draft, const char *word)
{
    draft->options->node.cluster = id_of(word);
    return NULL;
}

static char *
take_shard(LiveDraft *draft, const char *word)
{
    draft->options->node.shard = id_of(word);
    return NULL;
}

static char *
take_role(LiveDraft *draft, const char *word)
{
    static const char *const names[] = {"primary", "replica", "witness"};

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(word, names[i]) == 0) {
            draft->options->node.role = (OrrRole)i;
            return NULL;
        }
    }
    return g_strdup("is none of primary, replica, witness");
}

static char *
take_replica_of(LiveDraft *draft, const char *word)
{
    draft->options->node.replica_of = id_of(word);
    draft->options->node.role = ORR_ROLE_REPLICA;
    return NULL;
}

static char *
take_random_seed(LiveDraft *draft, const char *word)
{
    guint64 number;

    if (!read_number(word, G_MAXUINT64, &number)) {
        return g_strdup("is not a number");
    }
    draft->options->node.seed = number;
    return NULL;
}

static char *
take_log_level(LiveDraft *draft, const char *word)
{
    static const char *const names[] = {"debug", "info", "notice", "warning"};

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(word, names[i]) == 0) {
            draft->options->log_level = (LiveLogLevel)i;
            return NULL;
        }
    }
    return g_strdup("is none of debug, info, notice, warning");
}

static char *
take_log_file(LiveDraft *draft, const char *word)
{
    g_free(draft->options->log_file);
    draft->options->log_file = g_strdup(word);
    return NULL;
}

static char *
take_metrics_port(LiveDraft *draft, const char *word)
{
    guint64 port;

    if (!read_number(word, PORT_MAX, &port)) {
        return g_strdup("is not a port, 0 to 65535");
    }
    draft->options->metrics_port = (uint16_t)port;
    return NULL;
}

static char *
take_link_filter(LiveDraft *draft, const char *word)
{
    g_free(draft->options->link_filter);
    draft->options->link_filter = g_strdup(word);
    return NULL;
}

static const LiveKey table[] = {
    {"port", NULL, false, "a port; default 6379", "Where clients connect", take_port},
    {"bus-port", "cluster-port", false, "a port; default port + 10000",
     "Where other nodes connect, UDP and TCP", take_bus_port},
    {"bind", NULL, false, "an IP address; default 127.0.0.1",
     "The address to listen on; there is no password yet, so mind who can reach it", take_bind},
    {"announce-ip", "cluster-announce-ip", false, "an IP address; default bind",
     "How others reach this node; needed where bind is 0.0.0.0 or ::", take_announce_ip},
    {"dir", NULL, false, "a path; default .", "Where this node keeps its files, alone",
     take_directory},
    {"seeds", NULL, true, "ip:port or ip:port@busport, several",
     "Nodes that are asked for the others; they must be of the same `cluster`", take_seed},
    {"slots", NULL, true, "ranges such as 0-5460, several",
     "What a primary claims at its very first boot", take_slots},
    {"cluster", NULL, false, "a name, or 40 hex digits; default drawn by lot",
     "The cluster this node belongs to from its first boot on", take_cluster},
    {"shard", NULL, false, "a name, or 40 hex digits; default a shard of its own",
     "The shard this node belongs to from its first boot on", take_shard},
    {"role", NULL, false, "primary, replica or witness; default primary",
     "How this node begins at its first boot", take_role},
    {"replica-of", NULL, false, "40 hex digits, or the name given as node-id",
     "The primary this node is to copy", take_replica_of},
    {"node-id", NULL, false, "a name, or 40 hex digits; default drawn by lot",
     "The name of this node, for ever", take_node_id},
    {"random-seed", NULL, false, "a number; default from the machine",
     "Of all chance in this node, for tests", take_random_seed},
    {"log-level", "loglevel", false, "debug, info, notice or warning; default info",
     "Lines below this level are not written", take_log_level},
    {"log-file", "logfile", false, "a path; default the standard output",
     "Where the log goes; opened anew on SIGUSR1", take_log_file},
    {"metrics-port", NULL, false, "a port; default 0, which is none",
     "Where /metrics, /healthz, /readyz and /cluster are answered by HTTP, on the address of "
     "`bind`",
     take_metrics_port},
    {"test-link-filter", NULL, false, "a path; default none",
     "For tests: a file that says which peers this node is cut off from; read anew on SIGUSR2",
     take_link_filter},
};

const LiveKey *
live_key_at(size_t index)
{
    return index < G_N_ELEMENTS(table) ? &table[index] : NULL;
}

const LiveKey *
live_key_find(const char *name)
{
    g_autofree char *dashed = g_strdup(name);

    g_strdelimit(dashed, "_", '-');
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        if (strcmp(table[i].name, dashed) == 0 ||
            (table[i].alias != NULL && strcmp(table[i].alias, dashed) == 0)) {
            return &table[i];
        }
    }
    return NULL;
}
