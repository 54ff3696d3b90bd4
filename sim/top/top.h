/* top.h - a live cluster in the terminal: `orrery top`.
 *
 *     sample ---- INFO, CLUSTER INFO, CLUSTER NODES to every node ----> model ----> table
 *        ^                                                               |
 *        `---------- every interval; nodes found by CLUSTER NODES -------'
 *
 * All it knows comes by RESP from the nodes themselves, so it works on any Redis Cluster. What
 * changed between two samples (roles, failures, owners, epochs) is told below the table.
 *
 *   top_link.c   connections: asks all nodes at once, and waits no longer than a deadline
 *   top_model.c  answers become nodes; changes become news
 *   top_draw.c   the table, plain or with colours
 *   top.c        the command: options, terminal, loop
 *
 * Memory: belongs to the Top. Threads: one.
 */
#ifndef SIM_TOP_H
#define SIM_TOP_H

#include <glib.h>
#include <orrery/resp.h>
#include <stdio.h>

#define TOP_NODES_MAX 1024u
#define TOP_NEWS_MAX 100u

typedef enum TopAnswer {
    TOP_ANSWER_INFO,
    TOP_ANSWER_CLUSTER_INFO,
    TOP_ANSWER_CLUSTER_NODES,
    TOP_ANSWERS,
} TopAnswer;

/* What a node said of itself; zeros where it said nothing. */
typedef struct TopFacts {
    uint64_t commands; /* processed so far */
    uint64_t memory;
    uint64_t memory_max;
    uint64_t clients;
    uint64_t offset; /* of its data */
    uint64_t keys;
    uint64_t uptime_s;
    bool replica;
    bool link_up; /* of a replica to its primary */
    bool loading;
    bool cluster_ok;
    uint64_t epoch;
} TopFacts;

typedef struct TopNode {
    char id[ORR_ID_HEX_SIZE + 1];
    char host[72]; /* as CLUSTER NODES writes it; without brackets */
    uint16_t port;
    char primary[ORR_ID_HEX_SIZE + 1]; /* empty: it is one */
    char state[12];                    /* ok, fail?, fail, handshake, noaddr */
    uint64_t shard_epoch;
    uint32_t slots;
    bool listed; /* in the last map */
    /* the last sample */
    bool answered;
    char error[64]; /* why not */
    TopFacts facts;
    TopFacts before;
    gint64 at_us; /* of facts, monotonic */
    gint64 before_us;
    char *text[TOP_ANSWERS]; /* as it came; owned */
    uint32_t views_size;     /* nodes and owners that it sees: */
    uint64_t view;           /* a hash of who owns what, to compare */
    /* connection */
    int fd; /* -1: none */
    bool connecting;
    bool asked;
    unsigned skip; /* answers to AUTH that are still to come */
    unsigned got;
    GByteArray *in;
    OrrReplyScanner scanner;
} TopNode;

typedef struct Top {
    GPtrArray *nodes; /* of TopNode, in order of shard, primaries first */
    GPtrArray *news;  /* of text, the oldest first */
    char *password;
    bool cluster_ok;
    uint32_t slots_served;
    uint64_t epoch;
    uint32_t answered;
    uint32_t views; /* different maps among those who answered */
    unsigned samples;
} Top;

Top *top_new(const char *host, uint16_t port, const char *password);
void top_free(Top *top);

/* top_link.c: one sample of all nodes; returns when all have answered, at the latest after
 * `wait_ms`. False: stop() said so. */
bool top_sample(Top *top, int wait_ms, bool (*stop)(void));

/* top_model.c */
TopNode *top_add_node(Top *top, const char *host, uint16_t port);
void top_node_free(gpointer data);
/* What was answered becomes facts, the map and news. */
void top_understand(Top *top);
/* Commands a second between the last two samples. */
double top_rate(const TopNode *node);
/* Bytes that a replica is behind its primary; -1: not known. */
gint64 top_lag(const Top *top, const TopNode *node);
TopNode *top_find(const Top *top, const char *id);

/* top_draw.c: `rows` and `columns` of the terminal, 0: no end. */
void top_draw(const Top *top, FILE *out, bool color, unsigned rows, unsigned columns);

#endif
