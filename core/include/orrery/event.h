/* event.h - what a host tells a machine.
 *
 *     host ---- event ----> orr_<x>_step() ---- effects ----> host
 *
 * A host delivers one event at a time, with the time it happened (OrrNow). It performs every
 * effect of a step, in order, before it delivers the next event. It calls step with a TIME
 * event when orr_<x>_deadline() has come, or later; never is as good as late, as far as safety
 * goes.
 */
#ifndef ORRERY_EVENT_H
#define ORRERY_EVENT_H

#include <orrery/types.h>

ORR_BEGIN_DECLS

typedef enum OrrEventType {
    ORR_EVENT_BOOT,     /* first of all, once: what the disk holds */
    ORR_EVENT_RECEIVED, /* a frame from a peer */
    ORR_EVENT_TIME,     /* the deadline has come */
    ORR_EVENT_REQUEST,  /* bytes from a client */
    ORR_EVENT_STORED,   /* the result of a STORE effect */
    ORR_EVENT_LINK,     /* a way to a peer or a client rose or fell */
    ORR_EVENT_ANSWER,   /* what the host says to an ASK effect */
    ORR_EVENT_LEAVE,    /* the host is about to stop this node, for good or for a while */
    ORR_EVENT_SETTINGS, /* a person wants this node to behave otherwise from now on */
} OrrEventType;

/* Lanes keep what must not wait apart from what may. CONTROL frames fit one datagram and may be
 * lost, doubled or reordered; DATA frames come in order while their link stands. */
typedef enum OrrLane {
    ORR_LANE_CONTROL,
    ORR_LANE_DATA,
} OrrLane;

#define ORR_CONTROL_FRAME_MAX 1432u   /* bytes: with headers and tag an Ethernet datagram */
#define ORR_DATA_FRAME_MAX (4u << 20) /* bytes */

typedef enum OrrLinkState {
    ORR_LINK_UP,        /* data link to a peer stands */
    ORR_LINK_DOWN,      /* it broke: reset, closed, or timed out */
    ORR_LINK_REFUSED,   /* the peer's host answered, and nobody listens there: a dead process */
    ORR_LINK_CLIENT_UP, /* a client connected */
    ORR_LINK_CLIENT_DOWN, /* a client went away; its id is never used again */
} OrrLinkState;

/* The files of a node. Each kind is a sequence of generations, numbered from 1: a machine
 * writes a new generation and removes the old one when the new one is stored, so nothing is
 * renamed. */
typedef enum OrrFileKind {
    ORR_FILE_STATE,  /* identity, epochs, votes: small, always synced */
    ORR_FILE_CONFIG, /* what is known of the others: a help after a restart, never a promise */
    ORR_FILE_LOG,    /* records of writes, appended */
    ORR_FILE_SNAPSHOT, /* all records at one moment */
} OrrFileKind;
#define ORR_FILE_KINDS 4u

typedef struct OrrFile {
    OrrFileKind kind;
    uint32_t generation;
    OrrBytes content;
} OrrFile;

typedef struct OrrEvent {
    OrrEventType type;
    union {
        struct {
            const OrrFile *files; /* in any order */
            size_t file_count;
        } boot;
        struct {
            OrrAddress from; /* as the host's network layer saw it; identity is in the frame */
            OrrLane lane;
            OrrBytes frame;
        } received;
        struct {
            uint64_t client; /* chosen by the host, never used twice in a boot */
            OrrBytes bytes;  /* any piece of the client's stream; none: it can take more answers
                                (effects.h) */
        } request;
        struct {
            uint64_t op;
            OrrStatus status; /* ORR_OK: on disk as asked; ORR_IO: it is not */
        } stored;
        struct {
            OrrLinkState state;
            OrrAddress peer;  /* UP, DOWN, REFUSED; CLIENT_UP: the client's ip and port */
            OrrAddress local; /* CLIENT_UP: ip and port that it connected to */
            uint64_t client;  /* CLIENT_UP, CLIENT_DOWN */
        } link;
        struct {
            uint64_t client;
            OrrBytes bytes; /* one reply, in the protocol that was asked for */
        } answer;
        const struct OrrSettings *settings; /* SETTINGS: all of them; copied */
    };
} OrrEvent;

ORR_END_DECLS

#endif
