/* live_state.h - what live*.c share and nobody else sees. */
#ifndef SIM_LIVE_STATE_H
#define SIM_LIVE_STATE_H

#include <sys/types.h>

#include "live.h"

/* Somebody who waits for a descriptor. Taken out by sim_watch_end(), and freed after the turn.
 */
typedef struct SimWatch SimWatch;
struct SimWatch {
    int fd; /* -1: over */
    void (*ready)(SimWatch *watch, uint32_t events);
    void (*release)(SimWatch *watch);
    SimWorld *world;
};

/* The page of one node, being read. */
typedef struct SimAsk {
    SimWatch watch;
    uint32_t host;
    GByteArray *answer;
    bool sent;
    OrrTime begun_ns;
} SimAsk;

/* One node's process. */
typedef struct SimProcessState {
    pid_t pid; /* 0: none */
    bool stopped;
    OrrAddress address;
    uint16_t metrics_port;
    char *directory;
    char *filter; /* path of its link filter */
    char *cuts;   /* what that says now */
    SimWatch *log;
    FILE *copy; /* of its log */
    SimAsk *ask;
    OrrTime ask_at;
    bool ask_again;
    uint32_t *finals; /* by key of the history; see live_collect.c */
} SimProcessState;

typedef struct SimLogLine {
    uint32_t host;
    char *text;
} SimLogLine;

struct SimLive {
    const SimScenario *scenario;
    SimWorld *world;
    char *daemon;
    char *directory;
    bool keep;
    bool *left_out; /* by line of the timeline */
    int epoll;
    OrrTime start_ns; /* CLOCK_MONOTONIC */
    SimProcessState *processes;
    GHashTable *connections; /* number -> SimSocket */
    SimConnection last_connection;
    GArray *refused;   /* of SimConnection: told in the next turn */
    GPtrArray *graves; /* of SimWatch, freed after the turn */
    GArray *lines;     /* of SimLogLine */
    uint32_t turn;
    uint32_t finals_count;
};

static inline SimProcessState *
sim_live_process(const SimHost *host)
{
    return &host->world->live->processes[host->index];
}

/* live.c */
void sim_watch_begin(SimWatch *watch, uint32_t events);
void sim_watch_change(SimWatch *watch, uint32_t events);
/* Closes the descriptor. */
void sim_watch_end(SimWatch *watch);
void sim_live_file(const SimHost *host, const char *name, char *path, size_t size);

/* live_process.c */
/* Chooses addresses for all. False after a message. */
bool sim_live_find_ports(SimLive *live);
/* Processes that ended without having been told to. */
void sim_live_reap(SimWorld *world);

/* live_log.c: the end of a node's log as a pipe. */
void sim_live_read_log(SimHost *host, int fd);
/* Decisions that were read meanwhile, in order of time. */
void sim_live_take_lines(SimWorld *world);

/* live_view.c */
void sim_live_ask(SimHost *host);
void sim_live_ask_due(SimWorld *world);
OrrTime sim_live_ask_next_ns(const SimWorld *world);
void sim_live_drop_ask(SimHost *host);

/* live_socket.c */
/* A new connection to a node's port, under way; -1: none. */
int sim_live_dial(const OrrAddress *address, uint16_t port);
void sim_live_cut_sockets(SimWorld *world);
/* Clients whose connections were refused at once hear of it. */
void sim_live_tell_refused(SimWorld *world);

/* live_nodes.c: what is wrong goes to the story, and breaks the world. */
void sim_live_compare_nodes(SimWorld *world);

/* live_limits.c */
bool sim_live_check_limits(SimLive *live, bool skip);

#endif
