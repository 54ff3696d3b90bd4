/* effects.h - what a machine wants done: an ordered list in a reusable buffer of the caller.
 *
 * The caller makes one OrrEffects, passes it to each step, performs what it holds, clears it
 * and uses it again; once grown it allocates nothing. Performing every effect at once, in
 * order, is always safe: what depends on a write stays inside the machine until STORED names
 * its op.
 *
 * Memory: bytes in an OrrEffect are lent until the next clear or append. Threads: one at a
 * time.
 */
#ifndef ORRERY_EFFECTS_H
#define ORRERY_EFFECTS_H

#include <orrery/event.h>
#include <orrery/trace.h>

ORR_BEGIN_DECLS

typedef enum OrrEffectType {
    ORR_EFFECT_SEND,  /* a frame to a peer */
    ORR_EFFECT_STORE, /* a write to a file of this node */
    ORR_EFFECT_REPLY, /* bytes to a client */
    ORR_EFFECT_TRACE, /* a decision, for people and for checks */
    ORR_EFFECT_HOST,  /* an operator's wish that only a host can fulfil */
    ORR_EFFECT_ASK,   /* a client's command that is the host's to answer: CONFIG */
} OrrEffectType;

/* What only a host can do. A host that cannot (the simulator) says so in its own way and goes
 * on; the node does not depend on it. */
typedef enum OrrHostWish {
    ORR_HOST_SHUTDOWN, /* leave, once everything written is on disk: SHUTDOWN. The clients are
                          not answered. `value`: ORR_SHUTDOWN_... */
    ORR_HOST_SLEEP,    /* do nothing for `value` ns, as if the machine were that slow: DEBUG
                          SLEEP, with enable-debug-command only */
} OrrHostWish;

#define ORR_SHUTDOWN_SAVE 1u   /* a snapshot first */
#define ORR_SHUTDOWN_NOSAVE 2u /* without waiting for the disk */
#define ORR_SHUTDOWN_FORCE 4u  /* even if the disk fails */

typedef enum OrrStoreAction {
    ORR_STORE_APPEND, /* add the bytes at the end of the file, made if it is not there */
    ORR_STORE_REMOVE, /* remove the file; no bytes */
} OrrStoreAction;

typedef struct OrrEffect {
    OrrEffectType type;
    union {
        struct {
            OrrAddress to;
            OrrLane lane;
            OrrBytes frame;
        } send;
        struct {
            uint64_t op; /* answered by exactly one STORED event; 0: no answer wanted */
            OrrFileKind kind;
            uint32_t generation;
            OrrStoreAction action;
            /* A write that failed leaves nothing in its file, and all later writes to that file
             * fail, too, until it is removed: no file has a hole. */
            bool
                sync; /* STORED only when it would survive a power cut; without it, the bytes
                         are handed to the kernel (write) before the next effect is performed */
            OrrBytes bytes;
        } store;
        struct {
            uint64_t client;
            OrrBytes bytes;
            bool close; /* then close the connection, once the bytes are out */
            /* There is more to answer: when the client has taken most of what waits for it,
             * tell so by a REQUEST without bytes. */
            bool more;
            /* A message the client did not ask for (publish/subscribe, MONITOR): whoever does
             * not take these may be cut off sooner than who does not take answers. */
            bool pushed;
        } reply;
        OrrTrace trace;
        struct {
            OrrHostWish wish;
            uint64_t value;
        } host;
        struct {
            uint64_t client; /* waits until an ANSWER event names it */
            OrrBytes words;  /* the command as a RESP array of bulk strings */
            int protocol;    /* of the answer: 2 or 3 */
        } ask;
    };
} OrrEffect;

typedef struct OrrEffects OrrEffects;

/* An empty list, owned by the caller. */
ORR_API OrrEffects *orr_effects_new(void);
ORR_API void orr_effects_free(OrrEffects *effects);
/* Forgets all effects and keeps the room. */
ORR_API void orr_effects_clear(OrrEffects *effects);
ORR_API size_t orr_effects_count(const OrrEffects *effects);
/* The effect at `index`, in order of appending; index < count. */
ORR_API OrrEffect orr_effects_get(const OrrEffects *effects, size_t index);

/* What machines append. Bytes are copied. */
ORR_API void orr_effects_send(OrrEffects *effects, const OrrAddress *to, OrrLane lane,
                              OrrBytes frame);
ORR_API void orr_effects_store(OrrEffects *effects, uint64_t op, OrrFileKind kind,
                               uint32_t generation, OrrStoreAction action, bool sync,
                               OrrBytes bytes);
ORR_API void orr_effects_reply(OrrEffects *effects, uint64_t client, OrrBytes bytes,
                               bool close);
/* The same, and says that there is more. */
ORR_API void orr_effects_reply_part(OrrEffects *effects, uint64_t client, OrrBytes bytes);
/* A reply that is `pushed`. */
ORR_API void orr_effects_push(OrrEffects *effects, uint64_t client, OrrBytes bytes);
ORR_API void orr_effects_host(OrrEffects *effects, OrrHostWish wish, uint64_t value);
ORR_API void orr_effects_ask(OrrEffects *effects, uint64_t client, int protocol,
                             OrrBytes words);
ORR_API void orr_effects_trace(OrrEffects *effects, const OrrTrace *trace);

/* Appends copies of all effects of `other`. */
ORR_API void orr_effects_append(OrrEffects *effects, const OrrEffects *other);

/* Room for `size` bytes that the caller fills before it touches the list again; the effect is
 * appended when orr_effects_commit_* names it. For codecs that write in place. */
ORR_API uint8_t *orr_effects_reserve(OrrEffects *effects, size_t size);
ORR_API void orr_effects_commit_send(OrrEffects *effects, const OrrAddress *to, OrrLane lane,
                                     size_t size);
ORR_API void orr_effects_commit_reply(OrrEffects *effects, uint64_t client, size_t size,
                                      bool close);

ORR_END_DECLS

#endif
