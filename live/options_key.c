/* options_key.c - the rows. A new key of the daemon is a field in options.h and a row here. */
#include "options_key.h"

#include <stddef.h>

#define AT(field_) .offset = offsetof(LiveOptions, field_)
#define PORT(field_) .take = live_take_port, .show = live_show_port, AT(field_)
#define TEXT(field_) .take = live_take_text, .show = live_show_text, AT(field_)
#define ID(field_) .take = live_take_id, .show = live_show_id, AT(field_)
#define WORD(field_, words_)                                                                   \
    .take = live_take_word, .show = live_show_word, .words = words_, AT(field_)
#define ONLY(words_) .take = live_take_only, .show = live_show_only, .words = words_
#define LIVE .live = true
#define LIST .list = true

static const char *const role_words[] = {"primary", "replica", "witness", NULL};
static const char *const level_words[] = {"debug", "info", "notice", "warning", NULL};
static const char *const tls_clients_words[] = {"no", "optional", "yes", NULL};
static const char *const only_no[] = {"no", NULL};
static const char *const only_yes[] = {"yes", NULL};
static const char *const only_one[] = {"1", NULL};
static const char *const only_empty[] = {"", NULL};
static const char *const supervised_words[] = {"no", "systemd", "auto", NULL};

static const LiveKey table[] = {
    {"port", NULL, "This node", .form = "a port; default 6379; 0 with tls-port: none",
     .doc = "Where clients connect", PORT(bind.port)},
    {"bus-port", "cluster-port", "This node", .form = "a port; default port + 10000",
     .doc = "Where other nodes connect, UDP and TCP", PORT(bus_port)},
    {"bind", NULL, "This node", .form = "an IP address; default 127.0.0.1",
     .doc = "The address to listen on; whoever can reach it needs `requirepass` to be kept out",
     .take = live_take_bind, .show = live_show_bind},
    {"announce-ip", "cluster-announce-ip", "This node", .form = "an IP address; default bind",
     .doc = "How others reach this node; needed where bind is 0.0.0.0 or ::",
     .take = live_take_announce_ip, .show = live_show_announce_ip},
    {"announce-port", "cluster-announce-port", "This node", .form = "a port; default port",
     .doc = "The port that clients are told, where it is mapped", PORT(announce_port)},
    {"announce-bus-port", "cluster-announce-bus-port", "This node",
     .form = "a port; default bus-port",
     .doc = "The port that other nodes are told, where it is mapped", PORT(announce_bus_port)},
    {"dir", NULL, "This node", .form = "a path; default .",
     .doc = "Where this node keeps its files, alone", TEXT(directory)},
    {"seeds", NULL, "This node", LIST, .form = "ip:port or ip:port@busport, several",
     .doc = "Nodes that are asked for the others; they must be of the same `cluster`",
     .take = live_take_seed, .show = live_show_seeds},
    {"slots", NULL, "This node", LIST, .form = "ranges such as 0-5460, several",
     .doc = "What a primary claims at its very first boot", .take = live_take_slots,
     .show = live_show_slots},
    {"cluster", NULL, "This node", .form = "a name, or 40 hex digits; default drawn by lot",
     .doc = "The cluster this node belongs to from its first boot on", ID(node.cluster)},
    {"shard", NULL, "This node", .form = "a name, or 40 hex digits; default a shard of its own",
     .doc = "The shard this node belongs to from its first boot on", ID(node.shard)},
    {"role", NULL, "This node", .form = "primary, replica or witness; default primary",
     .doc = "How this node begins at its first boot", WORD(node.role, role_words)},
    {"replica-of", NULL, "This node", .form = "40 hex digits, or the name given as node-id",
     .doc = "The primary this node is to copy", .take = live_take_replica_of,
     .show = live_show_id, AT(node.replica_of)},
    {"node-id", NULL, "This node", .form = "a name, or 40 hex digits; default drawn by lot",
     .doc = "The name of this node, for ever", ID(node.id)},
    {"random-seed", NULL, "This node", .form = "a number; default from the machine",
     .doc = "Of all chance in this node, for tests", .take = live_take_random_seed,
     .show = live_show_random_seed},

    {"log-level", "loglevel", "Log and figures", LIVE,
     .form = "debug, info (or verbose), notice or warning; default info",
     .doc = "Lines below this level are not written", WORD(log_level, level_words)},
    {"log-file", "logfile", "Log and figures", LIVE,
     .form = "a path; default the standard output",
     .doc = "Where the log goes; opened anew on SIGHUP and SIGUSR1", TEXT(log_file)},
    {"metrics-port", NULL, "Log and figures", .form = "a port; default 0, which is none",
     .doc = "Where /metrics, /healthz, /readyz and /cluster are answered by HTTP, on the "
            "address of `bind`",
     PORT(metrics_port)},
    {"test-link-filter", NULL, "Log and figures", .form = "a path; default none",
     .doc = "For tests: a file that says which peers this node is cut off from; read anew on "
            "SIGUSR2",
     TEXT(link_filter)},

    {"tcp-keepalive", NULL, "Connections", LIVE,
     .form = "a duration, or seconds; default 300; 0: none",
     .doc = "A client that is silent for so long is asked by TCP whether it is still there",
     .take = live_take_seconds, .show = live_show_seconds, AT(keepalive_s)},
    {"tcp-backlog", NULL, "Connections", .form = "a number; default 511",
     .doc = "Connections that wait to be accepted, at most", .take = live_take_count,
     .show = live_show_count, AT(backlog)},
    {"client-output-buffer-limit", NULL, "Connections", LIST, LIVE,
     .form = "CLASS HARD SOFT SECONDS, several; default normal 256mb 0 0 replica 0 0 0 pubsub "
             "32mb 8mb 60",
     .doc = "A client of this class (normal, replica, pubsub) that does not take its replies "
            "is closed when HARD bytes wait, or SOFT bytes for so many seconds; 0: no limit",
     .take = live_take_output, .show = live_show_output},

    {"tls-port", NULL, "TLS", .form = "a port; default 0, which is none",
     .doc = "Where clients connect by TLS", PORT(tls.port)},
    {"tls-cert-file", NULL, "TLS", LIVE, .form = "a path",
     .doc = "This node's certificate, and those that lead to the CA, in PEM; read anew on "
            "SIGHUP",
     TEXT(tls.cert_file)},
    {"tls-key-file", NULL, "TLS", LIVE, .form = "a path",
     .doc = "The certificate's private key, in PEM", TEXT(tls.key_file)},
    {"tls-ca-cert-file", NULL, "TLS", LIVE, .form = "a path",
     .doc = "The CAs that certificates of clients and of other nodes must lead to",
     TEXT(tls.ca_file)},
    {"tls-auth-clients", NULL, "TLS", LIVE, .form = "no, optional or yes; default yes",
     .doc = "Whether clients by TLS must show a certificate",
     WORD(tls.clients, tls_clients_words)},
    {"tls-cluster", NULL, "TLS", .form = "yes or no; default no",
     .doc = "Connections between nodes are by TLS, with certificates on both sides; probes by "
            "UDP are not: give a `bus-key`, too",
     .take = live_take_yes_no, .show = live_show_yes_no, AT(tls.cluster)},
    {"bus-key-file", NULL, "TLS", .form = "a path",
     .doc = "A file that holds the `bus-key` in one line, which is then seen by nobody who "
            "lists processes",
     TEXT(bus_key_file)},

    {"appendonly", NULL, "Taken from Redis", .form = "yes",
     .doc = "Writes always go to a log; `appendfsync` says when it is synced", ONLY(only_yes)},
    {"save", NULL, "Taken from Redis", .form = "an empty text",
     .doc = "Snapshots follow the size of the log: `log-rotate-size`", ONLY(only_empty)},
    {"databases", NULL, "Taken from Redis", .form = "1", .doc = "A cluster has one database",
     ONLY(only_one)},
    {"cluster-enabled", NULL, "Taken from Redis", .form = "yes",
     .doc = "A node alone is a cluster of one", ONLY(only_yes)},
    {"daemonize", NULL, "Taken from Redis", .form = "no",
     .doc = "The process stays where it was started: let systemd, or `&`, look after it",
     ONLY(only_no)},
    {"protected-mode", NULL, "Taken from Redis", .form = "no",
     .doc = "`bind` says who can connect, and `requirepass` who may ask", ONLY(only_no)},
    {"supervised", NULL, "Taken from Redis", .form = "no, systemd or auto",
     .doc = "systemd is told when it asks (NOTIFY_SOCKET), whatever this says",
     ONLY(supervised_words)},
    {"masterauth", NULL, "Taken from Redis", LIVE, .form = "a text",
     .doc = "Taken and not used: nodes know each other by `bus-key`, not by a password",
     TEXT(ignored[0])},
    {"masteruser", NULL, "Taken from Redis", LIVE, .form = "a text",
     .doc = "Taken and not used, as masterauth", TEXT(ignored[1])},
    {"cluster-config-file", NULL, "Taken from Redis", .form = "a text",
     .doc = "Taken and not used: what a node must remember is in `dir`", TEXT(ignored[2])},
    {"appendfilename", NULL, "Taken from Redis", .form = "a text",
     .doc = "Taken and not used: the files in `dir` have names of their own", TEXT(ignored[3])},
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
            (table[i].redis != NULL && strcmp(table[i].redis, dashed) == 0)) {
            return &table[i];
        }
    }
    return NULL;
}

void
live_key_begin(const LiveKey *key, LiveOptions *options)
{
    if (key->take == live_take_seed) {
        options->node.seed_count = 0;
    } else if (key->take == live_take_slots) {
        options->node.slot_range_count = 0;
    }
}
