/* trace.h - decisions, one record each, that a person reads and a check judges.
 *
 * A machine traces what it decided, never what it merely did. The record is structured, so a
 * check compares fields; orr_trace_format() makes the one line of text.
 */
#ifndef ORRERY_TRACE_H
#define ORRERY_TRACE_H

#include <orrery/types.h>

ORR_BEGIN_DECLS

typedef enum OrrTraceKind {
    ORR_TRACE_BOOTED,           /* count: boots so far; value: incarnation */
    ORR_TRACE_RECOVERED,        /* count: records read; value: bytes of torn tail cut */
    ORR_TRACE_STATE_REFUSED,    /* a file is damaged beyond a torn tail; text: which, where */
    ORR_TRACE_JOINED,           /* node: self; other: the cluster's id */
    ORR_TRACE_MEMBER_ADDED,     /* other: the member */
    ORR_TRACE_MEMBER_MOVED,     /* other: the member; text: new address */
    ORR_TRACE_MEMBER_FORGOTTEN, /* other: the member */
    ORR_TRACE_FRAME_REFUSED,    /* other: sender; text: why (foreign cluster, forgotten, ...) */
    ORR_TRACE_SUSPECTED,        /* other: the peer; text: silent, process dead, slow */
    ORR_TRACE_TRUSTED,          /* other: the peer; suspicion withdrawn */
    ORR_TRACE_FAILED,           /* other: the peer; count: accusers; value: majority needed */
    ORR_TRACE_RECOVERED_PEER,   /* other: the peer; the verdict is withdrawn */
    ORR_TRACE_REFUTED,          /* node: self; value: new incarnation */
    ORR_TRACE_STOOD,            /* shard, epoch: asks for votes; value: offset; count: rank */
    ORR_TRACE_NOT_STANDING,     /* shard; text: why */
    ORR_TRACE_VOTED,            /* shard, epoch, other: candidate; granted */
    ORR_TRACE_VOTE_DENIED,      /* shard, epoch, other: candidate; text: the reason's name */
    ORR_TRACE_ATTEMPT_EXPIRED,  /* shard, epoch: no majority in time */
    ORR_TRACE_PROMOTED,         /* shard, epoch: this node is its primary; value: offset */
    ORR_TRACE_DEMOTED,          /* shard, epoch, other: the new primary; value: offset */
    ORR_TRACE_EPOCH_COLLISION,  /* shard, epoch, other: twin; text: yields or insists */
    ORR_TRACE_FENCED,           /* shard, epoch: stops serving; text: why */
    ORR_TRACE_SERVING,          /* shard, epoch: serves again */
    ORR_TRACE_SLOTS_CLAIMED,    /* shard, epoch: version; count: slots; text: ranges */
    ORR_TRACE_SLOTS_LOST,       /* shard: new owner, epoch: version; count; text: ranges */
    ORR_TRACE_CLUSTER_STATE,    /* text: ok or fail, and why; count: slots not covered */
    ORR_TRACE_SYNC_FULL_BEGUN,  /* other: replica (at the primary); value: keys */
    ORR_TRACE_SYNC_FULL_DONE,   /* other; value: bytes sent */
    ORR_TRACE_SYNC_PARTIAL,     /* other; value: offset continued from */
    ORR_TRACE_SYNC_REFUSED,     /* other; text: why (busy, older generation, self, ...) */
    ORR_TRACE_WRITE_DROPPED,    /* the loss ledger: text: key; epoch: version; value: wall ms */
    ORR_TRACE_LEDGER_CLOSED,    /* shard, epoch; count: writes listed; value: 1 if not exact */
    ORR_TRACE_SLOW,             /* other: the peer; value: latency ns; majority agrees */
    ORR_TRACE_SLOW_OVER,        /* other: the peer */
    ORR_TRACE_CLOCK_HELD,       /* value: ms by which the host's wall clock is not believed */
    ORR_TRACE_DISK_FAILED,      /* text: what was not written */
    ORR_TRACE_ADMIN,            /* text: an administrator's command that changed something */
    ORR_TRACE_NOTE,             /* text: anything else worth a line */
    ORR_TRACE_KINDS,
} OrrTraceKind;

#define ORR_TRACE_TEXT_MAX 120u /* bytes kept of a text; longer ones end in "..." */

typedef struct OrrTrace {
    OrrTraceKind kind;
    OrrId node;  /* who decided; filled in by the node */
    OrrId other; /* about whom, or none */
    OrrId shard; /* or none */
    uint64_t epoch;
    uint64_t value;
    uint64_t count;
    uint16_t text_size;
    char text[ORR_TRACE_TEXT_MAX + 1]; /* bytes outside of printable ASCII are escaped */
} OrrTrace;

/* A record of `kind` with everything else empty. */
ORR_API OrrTrace orr_trace(OrrTraceKind kind);
/* Sets the text, escaped and cut to ORR_TRACE_TEXT_MAX. */
ORR_API void orr_trace_set_text(OrrTrace *trace, OrrBytes text);
/* "suspected", "vote-denied", ...: stable, in lower case, for programs. */
ORR_API const char *orr_trace_kind_name(OrrTraceKind kind);
/* Names an id: writes at most `size` - 1 characters and a NUL. NULL stands for 8 hex digits. */
typedef void (*OrrNameFunc)(const OrrId *id, char *text, size_t size, void *context);
/* One line without a newline, at most `size` - 1 characters and a NUL. Returns its length. */
ORR_API size_t orr_trace_format(const OrrTrace *trace, OrrNameFunc name, void *context,
                                char *text, size_t size);

ORR_END_DECLS

#endif
